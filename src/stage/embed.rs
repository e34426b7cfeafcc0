//! Texts to vectors, with what an earlier run already made taken from the cache.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use crate::data::{Corpus, Element, Key, Matrix, Recall};
use crate::embed::{EmbedParams, Embedder, Texts};
use crate::io::cache::Cache;
use crate::job::Ctx;
use crate::math::halves;
use crate::model::{DevicePreference, ModelSource};

use super::{Params, StageError};

/// Vectors that go into the cache at once when they are kept.
const KEPT_AT_A_TIME: usize = 4096;

/// Vectors, and how they came about.
#[derive(Clone, Debug)]
pub struct Embedded {
    pub matrix: Matrix,
    /// Texts whose vectors were in the cache.
    pub cached: usize,
    /// Texts cut at the model's length (of those embedded now).
    pub truncated: usize,
    /// Seconds that the model ran.
    pub seconds: f64,
}

/// The embedder that `params` name: `loaded`, if it is that one, or loaded now.
///
/// A device that cannot be used costs a warning; the CPU takes over.
pub fn embedder(
    params: &Params,
    loaded: Option<(ModelSource, Arc<Embedder>)>,
    device: DevicePreference,
    ctx: &Ctx,
) -> Result<Arc<Embedder>, StageError> {
    let source = params.source();
    if let Some((_, loaded)) = loaded.filter(|(from, _)| *from == source) {
        return Ok(loaded);
    }
    ctx.progress.begin("Loading the model", "files", 0, 0);
    let embedder = Embedder::load(&source, device).map_err(StageError::failed)?;
    embedder.remarks().iter().for_each(|remark| ctx.warn(remark.clone()));
    Ok(Arc::new(embedder))
}

/// The key of a corpus's vectors.
pub fn key(corpus: &Corpus, embedder: &Embedder, params: &EmbedParams) -> Key {
    Key::of("corpus embedding", 1).input(corpus.key).input(embedder.key_with(params)).finish()
}

/// What is said when the cache vanishes.
const REMADE: &str = "The cache was deleted while texts were being embedded. It was made again, with everything that \
                      this run had finished; what earlier runs had left there is gone.";

/// The figure of the same vectors is the same each time.
const HALF_SEED: u64 = 0;

fn text_key(text: &str) -> Key {
    Key::of("text", 1).text(text).finish()
}

/// Puts the vectors of an open corpus into the cache where it lacks them, so that a changed corpus costs only its new
/// texts even if the cache was cleared meanwhile; says how many there were.
///
/// Does nothing unless `embedder` made `matrix` from `corpus` with these parameters, and in full precision.
pub fn keep(
    corpus: &Corpus,
    matrix: &Matrix,
    embedder: &Embedder,
    params: &EmbedParams,
    cache: &Cache,
    ctx: &Ctx,
) -> Result<usize, StageError> {
    if matrix.key != key(corpus, embedder, params) || matrix.element() != Element::F32 {
        return Ok(0);
    }
    let keys: Vec<Key> = (0..corpus.len()).map(|i| text_key(&corpus.text(i))).collect();
    let mut store = cache.vectors(embedder.key_with(params), embedder.dim()).map_err(StageError::failed)?;
    let known = store.find(&keys);
    let mut seen = HashSet::new();
    let missing: Vec<usize> =
        (0..corpus.len()).filter(|&i| known[i].is_none() && seen.insert(keys[i])).collect();
    ctx.progress.begin("Keeping vectors", "texts", missing.len() as u64, 0);
    for batch in missing.chunks(KEPT_AT_A_TIME) {
        ctx.cancel.check()?;
        let batch_keys: Vec<Key> = batch.iter().map(|&row| keys[row]).collect();
        let vectors: Vec<f32> = batch.iter().flat_map(|&row| matrix.row(row).into_owned()).collect();
        store.append(&batch_keys, &vectors).map_err(StageError::failed)?;
        ctx.progress.advance(batch.len() as u64);
    }
    Ok(missing.len())
}

/// Embeds every document of `corpus`: `corpus.len()` × `embedder.dim()`, a row of zeros for an empty text.
///
/// Each finished batch goes into the cache at once, so that a run that was stopped goes on where it was. A cache
/// that cannot be opened, or is deleted meanwhile, costs a warning, not the work.
pub fn run(
    corpus: &Corpus,
    embedder: &Embedder,
    params: &EmbedParams,
    cache: &Cache,
    ctx: &Ctx,
) -> Result<Embedded, StageError> {
    let key = key(corpus, embedder, params);
    let n = corpus.len();
    if let Some(matrix) = cache.matrix(key).filter(|m| m.rows() == n && m.dim() == embedder.dim()) {
        ctx.progress.begin("Embedding", "texts", n as u64, n as u64);
        return Ok(Embedded { matrix, cached: n, truncated: 0, seconds: 0.0 });
    }

    ctx.progress.begin("Looking up known texts", "texts", n as u64, 0);
    let keys: Vec<Key> = (0..n).map(|i| text_key(&corpus.text(i))).collect();
    let mut store = match cache.vectors(embedder.key_with(params), embedder.dim()) {
        Ok(store) => Some(store),
        Err(error) => {
            ctx.warn(format!("The cache cannot be used, so nothing of this run is kept: {error}"));
            None
        }
    };
    let known = store.as_mut().map_or_else(|| vec![None; n], |store| store.find(&keys));
    let missing: Vec<usize> = (0..n).filter(|&i| known[i].is_none()).collect();
    let cached = n - missing.len();

    // Without a store the vectors are gathered in memory; with one they are on disk as soon as they are made.
    let mut in_memory = if store.is_none() { vec![0.0f32; n * embedder.dim()] } else { Vec::new() };
    let started = Instant::now();
    let dim = embedder.dim();
    let texts = Texts { count: n, text: &|row| corpus.text(row), rows: Some(&missing) };
    let report =
        embedder
            .embed(&texts, params, ctx, &mut |rows, vectors| {
                if let Some(open) = store.as_mut() {
                    let batch: Vec<Key> = rows.iter().map(|&row| keys[row]).collect();
                    let remade_before = open.was_remade();
                    open.append(&batch, vectors)?;
                    if open.was_remade() && !remade_before {
                        ctx.warn(REMADE);
                    }
                    return Ok(());
                }
                for (&row, vector) in rows.iter().zip(vectors.chunks_exact(dim)) {
                    in_memory[row * dim..(row + 1) * dim].copy_from_slice(vector);
                }
                Ok(())
            })
            .map_err(|error| {
                if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
            })?;
    let seconds = started.elapsed().as_secs_f64();

    let matrix = match &mut store {
        Some(store) => {
            let rows = store.find(&keys);
            cache.assemble(store, &rows, key, embedder.name(), embedder.unit()).map_err(StageError::failed)?
        }
        None => Matrix::from_vec(key, embedder.name(), embedder.unit(), dim, in_memory),
    };
    Ok(Embedded { matrix, cached, truncated: report.truncated, seconds })
}

/// A copy of `matrix` in half precision, in the cache: half the room, and [`Matrix::kept`] says how many of its `k`
/// neighbours each vector keeps. Vectors that are halves already stay as they are.
///
/// A cache that cannot be written costs a warning and memory, not the work.
pub fn halve(matrix: Matrix, k: usize, cache: &Cache, ctx: &Ctx) -> Result<Matrix, StageError> {
    if matrix.element() == Element::F16 {
        return Ok(matrix);
    }
    let key = Key::of("half precision", 1).input(matrix.key).params(&k).finish();
    if let Some(known) = cache.matrix(key).filter(|known| known.kept.is_some()) {
        return Ok(known);
    }
    let kept = halves::kept(&matrix, k, HALF_SEED, ctx).map_err(|error| {
        if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
    })?;
    match cache.halve(&matrix, key, kept) {
        Ok(half) => Ok(half),
        Err(error) => {
            ctx.warn(format!("The vectors in half precision stay in memory: {error}"));
            in_memory(&matrix, key, kept)
        }
    }
}

fn in_memory(matrix: &Matrix, key: Key, kept: Recall) -> Result<Matrix, StageError> {
    let halves = matrix.halves(0..matrix.rows()).map_err(|value| {
        StageError::Failed(format!("{value} is beyond what half precision holds. Keep full precision."))
    })?;
    let bytes = Arc::new(bytemuck::cast_slice::<_, u8>(&halves).to_vec());
    let shape = (matrix.rows(), matrix.dim());
    Matrix::from_bytes(key, &matrix.made_by, matrix.unit, shape, Element::F16, bytes, 0)
        .map(|half| half.with_kept(Some(kept)))
        .ok_or_else(|| StageError::Failed("The vectors in half precision are incomplete.".into()))
}

/// Vectors in a few words: "384 dimensions, all-MiniLM-L6-v2".
pub fn summary(matrix: &Matrix) -> String {
    let precision = match (matrix.element(), matrix.kept) {
        (Element::F32, _) => String::new(),
        (Element::F16, Some(Recall::Estimated { share, .. })) => {
            format!(", half precision ({:.1} % of neighbours kept)", 100.0 * share)
        }
        (Element::F16, _) => ", half precision".into(),
    };
    format!("{} dimensions, {}{precision}", matrix.dim(), matrix.made_by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::read::testing::corpus_of;
    use crate::stage::append::{self, Duplicates};
    use crate::stage::diff;

    const OLD: &str = "id,text\n1,Soup is warm.\n2,Tea is hot.\n3,Rice is white.\n";
    const CHANGED: &str = "id,text\n3,Rice is white.\n1,Soup is very warm.\n2,Tea is hot.\n4,Jam is sweet.\n";

    struct Kitchen {
        embedder: Arc<Embedder>,
        cache: Cache,
        _folder: tempfile::TempDir,
    }

    impl Kitchen {
        fn new() -> Self {
            let embedder = embedder(&Params::default(), None, DevicePreference::Cpu, &Ctx::quiet()).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let cache = Cache::open(Some(folder.path().into())).unwrap();
            Self { embedder, cache, _folder: folder }
        }

        /// The vectors, and how many texts the model read for them.
        fn embed(&self, corpus: &Corpus) -> (Matrix, usize) {
            let done =
                run(corpus, &self.embedder, &EmbedParams::default(), &self.cache, &Ctx::quiet()).unwrap();
            (done.matrix, corpus.len() - done.cached)
        }
    }

    #[test]
    fn of_a_changed_file_only_the_changed_texts_are_embedded_again() {
        let kitchen = Kitchen::new();
        let (old, new) = (corpus_of("a.csv", OLD), corpus_of("a.csv", CHANGED));
        let (before, first) = kitchen.embed(&old);
        let diff = diff::run(&old, &new, None, &Ctx::quiet()).unwrap();
        let (after, again) = kitchen.embed(&new);
        assert_eq!((first, again, diff.to_place()), (3, 2, vec![1, 3]));
        for (row, &old_row) in diff.rows.old_of_new().iter().enumerate() {
            if !diff.to_place().contains(&(row as u32)) {
                assert_eq!(after.row(row), before.row(old_row as usize));
            }
        }
    }

    #[test]
    fn of_appended_documents_only_the_new_texts_are_embedded() {
        let kitchen = Kitchen::new();
        let old = corpus_of("a.csv", OLD);
        kitchen.embed(&old);
        let new = corpus_of("b.csv", "text\nJam is sweet.\nTea is hot.\n");
        let appended = append::run(&old, &new, Duplicates::Add, &Ctx::quiet()).unwrap();
        assert_eq!(kitchen.embed(&appended.corpus).1, 1);
    }

    #[test]
    fn after_the_cache_was_cleared_the_vectors_at_hand_are_not_embedded_again() {
        let kitchen = Kitchen::new();
        let (old, new) = (corpus_of("a.csv", OLD), corpus_of("a.csv", CHANGED));
        let params = EmbedParams::default();
        let (matrix, _) = kitchen.embed(&old);
        kitchen.cache.clear().unwrap();
        let keep = |corpus: &Corpus| {
            keep(corpus, &matrix, &kitchen.embedder, &params, &kitchen.cache, &Ctx::quiet()).unwrap()
        };
        assert_eq!(keep(&new), 0, "these vectors are of another corpus");
        assert_eq!((keep(&old), keep(&old)), (3, 0));
        assert_eq!(kitchen.embed(&new).1, 2);
    }

    fn full() -> Matrix {
        let key = Key::of("full", 1).finish();
        let values = (0..200 * 16).map(|i| crate::math::hash::normal(1, i) as f32).collect();
        Matrix::from_vec(key, "a model", false, 16, values)
    }

    #[test]
    fn halved_vectors_say_what_they_keep_and_are_there_at_the_second_time() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(folder.path().to_owned())).unwrap();
        let half = halve(full(), 5, &cache, &Ctx::quiet()).unwrap();
        assert_eq!((half.element(), half.rows(), half.dim()), (Element::F16, 200, 16));
        let words = summary(&half);
        assert!(words.starts_with("16 dimensions, a model, half precision ("), "{words}");
        let again = halve(full(), 5, &cache, &Ctx::quiet()).unwrap();
        assert_eq!((again.key, again.kept, again.raw()), (half.key, half.kept, half.raw()));
        assert_ne!(half.key, full().key);
        assert_eq!(halve(half.clone(), 5, &cache, &Ctx::quiet()).unwrap().key, half.key);
        assert_eq!(summary(&full()), "16 dimensions, a model");
    }
}
