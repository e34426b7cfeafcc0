//! How far a map can be trusted.

use crate::data::{Knn, Layout, MapQuality, Matrix};
use crate::job::Ctx;
use crate::math::quality;

use super::StageError;

/// The figures of one map are the same each time.
const TRIPLET_SEED: u64 = 0;

/// Measures a finished map against the vectors and their neighbours.
pub fn run(matrix: &Matrix, knn: &Knn, layout: &Layout, ctx: &Ctx) -> Result<MapQuality, StageError> {
    Ok(quality::measure(matrix, knn, &layout.positions, TRIPLET_SEED, ctx)?)
}
