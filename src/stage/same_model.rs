//! Whether a model has made some vectors: only then can texts that are embedded now be compared with them.

use crate::data::{Corpus, Matrix};
use crate::embed::{EmbedParams, Embedder, Texts};
use crate::job::Ctx;
use crate::math::vector;

use super::StageError;

/// Documents whose vectors are made again to see.
const CHECKED: usize = 6;
/// Their cosine to the vectors that are there, at least: half precision and cut texts cost little.
const SAME_MODEL: f32 = 0.9;

/// What tells the vectors of `corpus` from those of `embedder`, as a sentence; `None` where they are its own.
pub fn difference(
    corpus: &Corpus,
    matrix: &Matrix,
    embedder: &Embedder,
    ctx: &Ctx,
) -> Result<Option<String>, StageError> {
    if matrix.dim() != embedder.dim() {
        return Ok(Some(format!(
            "The vectors have {} components, those of {} have {}.",
            matrix.dim(),
            embedder.name(),
            embedder.dim()
        )));
    }
    let n = matrix.rows();
    let some = (0..CHECKED.min(n)).map(|at| at * n / CHECKED.min(n));
    let some: Vec<usize> = some.filter(|&i| !corpus.text(i).trim().is_empty()).collect();
    let mut near = 0;
    let texts = Texts { count: some.len(), text: &|at| corpus.text(some[at]), rows: None };
    let mut compare = |rows: &[usize], made: &[f32]| {
        for (&at, made) in rows.iter().zip(made.chunks_exact(embedder.dim().max(1))) {
            let row = matrix.row(some[at]);
            let factor = vector::inverse_norm(&row) * vector::inverse_norm(made);
            near += usize::from(factor == 0.0 || vector::dot(&row, made) * factor >= SAME_MODEL);
        }
        Ok(())
    };
    embedder.embed(&texts, &EmbedParams::default(), &ctx.untold(), &mut compare).map_err(|error| {
        if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
    })?;
    let other = near * 2 < some.len();
    Ok(other.then(|| format!("The vectors ({}) are not those of {}.", matrix.made_by, embedder.name())))
}
