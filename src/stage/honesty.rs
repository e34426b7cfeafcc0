//! Where a map tears neighbours apart, and where it lays strangers on each other.

use crate::data::{Knn, Layout, Matrix};
use crate::job::Ctx;
use crate::math::honesty::measure;
pub use crate::math::honesty::{CROWDED, Honesty, TORN};

use super::StageError;

/// Two figures for every point of a finished map, from its vectors and their neighbours.
///
/// # Errors
/// If they are not of the same documents, or if the work is stopped.
pub fn run(matrix: &Matrix, knn: &Knn, layout: &Layout, ctx: &Ctx) -> Result<Honesty, StageError> {
    let n = matrix.rows();
    if layout.positions.len() != n || (n > 1 && knn.len() != n) {
        return Err(StageError::Failed(
            "The map and the neighbours are not of the same documents: compute them again.".into(),
        ));
    }
    Ok(measure(matrix, knn, &layout.positions, ctx)?)
}
