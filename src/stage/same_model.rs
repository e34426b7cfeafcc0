//! Words beside texts: vectors of both by one model.

use std::borrow::Cow;

use crate::data::{Corpus, Matrix};
use crate::embed::{EmbedParams, Embedder, Texts};
use crate::job::Ctx;
use crate::math::goal_space::make_unit;
use crate::math::vector;

use super::StageError;

/// Documents whose vectors are made again to see whether they are the model's.
const CHECKED: usize = 6;
/// Their cosine to the vectors that are there, at least: half precision and cut texts cost little.
const SAME_MODEL: f32 = 0.9;

/// Words can be compared with texts only where one model made the vectors of both: fails where `embedder` did not make
/// `matrix`. `purpose` begins the sentence that says why.
pub(super) fn check(
    corpus: &Corpus,
    matrix: &Matrix,
    embedder: &Embedder,
    purpose: &str,
    ctx: &Ctx,
) -> Result<(), StageError> {
    match difference(corpus, matrix, embedder, ctx)? {
        None => Ok(()),
        Some(how) => Err(StageError::Failed(format!(
            "{how} {purpose} compares words with texts, so one model has to make the vectors of both: embed the texts \
             with {}.",
            embedder.name()
        ))),
    }
}

/// What tells the vectors of `corpus` from those of `embedder`, as a sentence; `None` where they are its own.
pub(super) fn difference(
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
    let texts: Vec<String> = some.iter().map(|&i| corpus.text(i).into_owned()).collect();
    let made = embedded(embedder, &texts, ctx)?;
    let near = some.iter().zip(made.chunks_exact(embedder.dim().max(1))).filter(|(i, made)| {
        let row = matrix.row(**i);
        let factor = vector::inverse_norm(&row);
        factor == 0.0 || vector::dot(&row, made) * factor >= SAME_MODEL
    });
    let other = near.count() * 2 < some.len();
    Ok(other.then(|| format!("The vectors ({}) are not those of {}.", matrix.made_by, embedder.name())))
}

/// Unit vectors of some texts, end to end.
pub(super) fn embedded(embedder: &Embedder, texts: &[String], ctx: &Ctx) -> Result<Vec<f32>, StageError> {
    let dim = embedder.dim();
    let mut vectors = vec![0.0f32; texts.len() * dim];
    let batch = Texts { count: texts.len(), text: &|i| Cow::Borrowed(texts[i].as_str()), rows: None };
    let mut sink = |rows: &[usize], made: &[f32]| {
        for (&row, vector) in rows.iter().zip(made.chunks_exact(dim)) {
            vectors[row * dim..(row + 1) * dim].copy_from_slice(vector);
        }
        Ok(())
    };
    embedder.embed(&batch, &EmbedParams::default(), &ctx.untold(), &mut sink).map_err(|error| {
        if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
    })?;
    make_unit(&mut vectors, dim);
    Ok(vectors)
}
