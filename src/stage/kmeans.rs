//! k-means where a graphics adapter compares rows with centres: `gpu::kmeans` as `math::kmeans` wants it.

use std::ops::Range;

use crate::data::Matrix;
use crate::gpu::kmeans::{self as kernel, Params};
use crate::gpu::{Context, GpuError, Source};
use crate::job::Ctx;
use crate::math::kmeans::{self, Assigned, Centres, Engine, KMeans, KMeansParams, Metric, Rows};
use crate::math::random::Random;

use super::StageError;
use super::compute::{Computers, Units, Work};

/// Bytes of rows that an adapter is asked to hold at a time; more come in batches.
const ROOM: u64 = 6 << 30;

/// Parts the rows of `matrix` into clusters.
pub(super) fn run(
    matrix: &Matrix,
    params: &KMeansParams,
    on: &Computers,
    ctx: &Ctx,
) -> Result<KMeans, StageError> {
    on.run(
        Work::KMeans,
        units(matrix, params.k),
        ctx,
        |context| Ok(kmeans::kmeans_by(&OnAdapter(context), matrix, params, ctx)?),
        || Ok(kmeans::kmeans(matrix, params, ctx)?),
    )
}

/// Products of components in a round over all rows.
pub(super) fn units(matrix: &Matrix, k: usize) -> Units {
    Units::same(matrix.rows() as f64 * k as f64 * matrix.dim() as f64)
}

/// Compares rows with centres on an adapter.
pub struct OnAdapter<'a>(pub &'a Context);

impl OnAdapter<'_> {
    fn with_source<T>(rows: &Rows, work: impl FnOnce(&Source) -> T) -> T {
        let dim = rows.dim();
        let read = |range: Range<usize>, out: &mut Vec<f32>| {
            out.resize(range.len() * dim, 0.0);
            for (i, out) in range.zip(out.chunks_exact_mut(dim.max(1))) {
                match rows.has_content(i) {
                    true => rows.prepared(i, out),
                    false => out.fill(0.0),
                }
            }
        };
        work(&Source { rows: rows.len(), dim, read: &read })
    }
}

fn metric(rows: &Rows) -> kernel::Metric {
    match rows.metric() {
        Metric::Cosine => kernel::Metric::Cosine,
        Metric::Euclidean => kernel::Metric::Euclidean,
    }
}

fn in_our_terms(assigned: kernel::Assigned) -> Assigned {
    // Both mark rows that say nothing by the largest number.
    Assigned { labels: assigned.labels, nearest: assigned.nearest, second: assigned.second }
}

impl Engine for OnAdapter<'_> {
    type Error = GpuError;

    fn seeded(&self, rows: &Rows, k: usize, random: &mut Random, ctx: &Ctx) -> Result<Centres, GpuError> {
        let values = Self::with_source(rows, |source| {
            kernel::seeded(self.0, source, k, metric(rows), &mut || random.unit(), ctx)
        })?;
        Ok(Centres { values, dim: rows.dim() })
    }

    fn settle(
        &self,
        rows: &Rows,
        centres: Centres,
        max_rounds: usize,
        worthwhile: f64,
        ctx: &Ctx,
    ) -> Result<(Centres, Assigned), GpuError> {
        let params = Params { metric: metric(rows), max_rounds, worthwhile, room: ROOM };
        let found =
            Self::with_source(rows, |source| kernel::settle(self.0, source, &centres.values, &params, ctx))?;
        Ok((Centres { values: found.centres, dim: rows.dim() }, in_our_terms(found.assigned)))
    }

    fn assign(&self, rows: &Rows, centres: &Centres, ctx: &Ctx) -> Result<Assigned, GpuError> {
        let params = Params { metric: metric(rows), max_rounds: 1, worthwhile: 0.0, room: ROOM };
        let assigned =
            Self::with_source(rows, |source| kernel::assign(self.0, source, &centres.values, &params, ctx))?;
        Ok(in_our_terms(assigned))
    }
}
