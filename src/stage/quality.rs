//! How far a map can be trusted.

use std::ops::Range;

use crate::data::{Knn, Layout, MapQuality, Matrix};
use crate::gpu::{self, Context, GpuError};
use crate::job::Ctx;
use crate::math::quality::{self, Compare, SAMPLE, unit_rows};

use super::StageError;
use super::compute::{Computers, Units, Work};

/// The figures of one map are the same each time.
const TRIPLET_SEED: u64 = 0;

/// Measures a finished map against the vectors and their neighbours.
pub fn run(
    matrix: &Matrix,
    knn: &Knn,
    layout: &Layout,
    on: &Computers,
    ctx: &Ctx,
) -> Result<MapQuality, StageError> {
    let positions = &layout.positions;
    on.run(
        Work::Quality,
        units(matrix),
        ctx,
        |context| {
            let compare = OnAdapter { context, matrix };
            Ok(quality::measure_by(&compare, matrix, knn, positions, TRIPLET_SEED, ctx)?)
        },
        || Ok(quality::measure(matrix, knn, positions, TRIPLET_SEED, ctx)?),
    )
}

/// Products of components of the sampled rows with all: most of the work.
pub(super) fn units(matrix: &Matrix) -> Units {
    Units::same(matrix.rows() as f64 * matrix.rows().min(SAMPLE) as f64 * matrix.dim() as f64)
}

/// Compares points on a graphics adapter: `gpu::quality` as `math::quality` wants it.
pub struct OnAdapter<'a> {
    pub context: &'a Context,
    pub matrix: &'a Matrix,
}

impl Compare for OnAdapter<'_> {
    type Error = GpuError;

    fn map_neighbours(&self, positions: &[[f32; 2]], k: usize, ctx: &Ctx) -> Result<Vec<u32>, GpuError> {
        gpu::quality::map_neighbours(self.context, positions, k, ctx)
    }

    fn more_similar(
        &self,
        queries: &[f32],
        own: &[u32],
        thresholds: &[f32],
        ctx: &Ctx,
    ) -> Result<Vec<u32>, GpuError> {
        let read = |range: Range<usize>, out: &mut Vec<f32>| {
            out.clear();
            out.extend_from_slice(&unit_rows(self.matrix, range));
        };
        let source = gpu::Source { rows: self.matrix.rows(), dim: self.matrix.dim(), read: &read };
        gpu::quality::more_similar(self.context, &source, queries, own, thresholds, ctx)
    }

    fn nearer_on_map(
        &self,
        positions: &[[f32; 2]],
        own: &[u32],
        limits: &[f32],
        ctx: &Ctx,
    ) -> Result<Vec<u32>, GpuError> {
        gpu::quality::nearer_on_map(self.context, positions, own, limits, ctx)
    }
}
