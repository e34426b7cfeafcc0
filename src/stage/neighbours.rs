//! Vectors to their nearest neighbours.

use std::ops::Range;

use crate::data::{Key, Knn, Matrix, Recall};
use crate::gpu::{self, Context, GpuError, neighbours::Precision};
use crate::job::Ctx;
use crate::math::neighbours::{self, EXACT_LIMIT, Method, NeighbourError, NeighbourParams, Neighbours};
use crate::math::ranking::Asked;

use super::compute::{Tools, Units, Work};
use super::{StageError, compute};

/// Beyond the rows that the processor compares exactly its time grows with this power of them (measured).
const SEARCH_GROWTH: f64 = 1.3;

/// Candidates by codes for each neighbour: all true ones are among them (measured: ALGORITHMS §1, "int8").
const CANDIDATES: usize = 2;

/// Up to so many rows an adapter compares vectors themselves; beyond, codes, at half the time and a quarter of the memory.
const FULL_LIMIT: usize = 300_000;

/// The key of the neighbours of a matrix.
pub fn key(matrix: &Matrix, params: &NeighbourParams) -> Key {
    Key::of("neighbours", 3).input(matrix.key).params(params).finish()
}

/// The nearest neighbours of every row, from the cache where they are known.
pub fn run(
    matrix: &Matrix,
    params: &NeighbourParams,
    Tools { cache, on }: Tools<'_>,
    ctx: &Ctx,
) -> Result<Knn, StageError> {
    let key = key(matrix, params);
    if let Some(knn) = cache.and_then(|cache| cache.load_knn(key)).filter(|knn| knn.len() == matrix.rows()) {
        return Ok(knn);
    }
    let on_cpu = || {
        neighbours::find(matrix, params, ctx).map_err(|error| {
            if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
        })
    };
    let (found, method, recall) = match params.method {
        // Who asks for the search by a graph gets it.
        Method::Hnsw => on_cpu()?,
        Method::Auto | Method::Exact => on.run(
            Work::Neighbours,
            units(matrix),
            ctx,
            |context| on_adapter(context, matrix, params, ctx),
            on_cpu,
        )?,
    };
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

/// Products of components: of all pairs on an adapter, and what the processor's search costs as much as.
fn units(matrix: &Matrix) -> Units {
    let (n, dim) = (matrix.rows() as f64, matrix.dim() as f64);
    let limit = EXACT_LIMIT as f64;
    let pairs = |n: f64| n * n * dim;
    let cpu = if n <= limit { pairs(n) } else { pairs(limit) * (n / limit).powf(SEARCH_GROWTH) };
    Units { cpu, gpu: pairs(n) }
}

/// Every pair compared by the adapter, and the best ranked exactly.
fn on_adapter(
    context: &Context,
    matrix: &Matrix,
    params: &NeighbourParams,
    ctx: &Ctx,
) -> Result<(Neighbours, &'static str, Recall), compute::Failure> {
    let asked = Asked::of(matrix, params, ctx).map_err(|error| match error {
        NeighbourError::Cancelled(cancelled) => GpuError::Cancelled(cancelled).into(),
        other => compute::Failure::Stage(StageError::failed(other)),
    })?;
    let k = asked.wanted();
    let coded = asked.len() > FULL_LIMIT && params.method == Method::Auto;
    let (precision, wanted) =
        if coded { (Precision::Coded, (CANDIDATES * k).min(asked.len() - 1)) } else { (Precision::Full, k) };
    let read = |range: Range<usize>, out: &mut Vec<f32>| asked.read(range, out);
    let source = gpu::Source { rows: asked.len(), dim: asked.dim(), read: &read };
    let found = gpu::neighbours::nearest(context, &source, wanted, precision, ctx)?;
    let neighbours = asked.ranked(|row| found.of(row), ctx).map_err(GpuError::from)?;
    Ok(if coded {
        let recall = asked.recall(|row| found.of(row), ctx).map_err(GpuError::from)?;
        (neighbours, neighbours::ALL_PAIRS, recall)
    } else {
        (neighbours, neighbours::EXACT, Recall::Exact)
    })
}
