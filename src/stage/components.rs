//! Vectors to their first two principal components: where a map begins, or all of it.

use std::ops::Range;

use crate::data::Matrix;
use crate::gpu::{self, Context, GpuError, pca::Centred};
use crate::job::Ctx;
use crate::math::pca::{self, Pca, PcaError};
use crate::math::random::Random;

use super::StageError;
use super::compute::{Computers, Units, Work};

/// Of the axes that an adapter begins with: the same each time.
const SEED: u64 = 0;

/// Every row along the first two principal components.
pub(super) fn run(matrix: &Matrix, on: &Computers, ctx: &Ctx) -> Result<Vec<[f32; 2]>, StageError> {
    ctx.progress.begin("Principal components", "documents", matrix.rows() as u64, 0);
    on.run(
        Work::Pca,
        units(matrix),
        ctx,
        |context| Ok(on_adapter(context, matrix, 2, ctx)?.1),
        || on_processor(matrix, ctx),
    )
}

/// The processor adds up a covariance, the adapter multiplies with a few axes, round by round.
pub(super) fn units(matrix: &Matrix) -> Units {
    let (n, dim) = (matrix.rows() as f64, matrix.dim() as f64);
    Units { cpu: n * dim * dim, gpu: n * dim }
}

fn on_processor(matrix: &Matrix, ctx: &Ctx) -> Result<Vec<[f32; 2]>, StageError> {
    let pca = pca::principal_components(matrix, 2, ctx).map_err(|error| match error {
        PcaError::Cancelled(cancelled) => cancelled.into(),
        other => StageError::failed(other),
    })?;
    Ok(pca::project(matrix, &pca, ctx)?)
}

/// The first `count` components, and every row along the first two.
pub(super) fn on_adapter(
    context: &Context,
    matrix: &Matrix,
    count: usize,
    ctx: &Ctx,
) -> Result<(Pca, Vec<[f32; 2]>), GpuError> {
    let read = |range: Range<usize>, out: &mut Vec<f32>| {
        out.clear();
        out.extend_from_slice(&matrix.block(range));
    };
    let source = gpu::Source { rows: matrix.rows(), dim: matrix.dim(), read: &read };
    let rows = Centred::upload(context, &source, ctx)?;
    let mut random = Random::new(SEED);
    let sketch = rows.sketch(count, &mut || random.unit(), ctx)?;
    let (mean, variance) = (rows.mean(), rows.variance());
    let pca = pca::principal_components_along(mean, variance, &sketch.basis, &sketch.covariance, count, ctx)?;
    let found = pca.explained_ratio.len().min(2);
    let along = rows.project(&pca.components[..found * matrix.dim()], ctx)?;
    let mut positions = vec![[0.0; 2]; matrix.rows()];
    for (position, along) in positions.iter_mut().zip(along.chunks_exact(found.max(1))) {
        position[..found].copy_from_slice(along);
    }
    Ok((pca, positions))
}
