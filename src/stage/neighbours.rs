//! Vectors to their nearest neighbours.

use crate::data::{Key, Knn, Matrix};
use crate::io::cache::Cache;
use crate::job::Ctx;
use crate::math::neighbours::{self, NeighbourParams};

use super::StageError;

/// The key of the neighbours of a matrix.
pub fn key(matrix: &Matrix, params: &NeighbourParams) -> Key {
    Key::of("neighbours", 3).input(matrix.key).params(params).finish()
}

/// The nearest neighbours of every row, from the cache where they are known.
pub fn run(
    matrix: &Matrix,
    params: &NeighbourParams,
    cache: Option<&Cache>,
    ctx: &Ctx,
) -> Result<Knn, StageError> {
    let key = key(matrix, params);
    if let Some(knn) = cache.and_then(|cache| cache.load_knn(key)).filter(|knn| knn.len() == matrix.rows()) {
        return Ok(knn);
    }
    let (found, method, recall) = neighbours::find(matrix, params, ctx).map_err(|error| {
        if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
    })?;
    let knn = Knn {
        key,
        k: found.k,
        indices: found.indices,
        similarities: found.similarities,
        recall,
        method: method.into(),
    };
    if let Some(Err(error)) = cache.map(|cache| cache.save_knn(&knn)) {
        ctx.warn(format!("The neighbours could not be kept for the next time: {error}"));
    }
    Ok(knn)
}
