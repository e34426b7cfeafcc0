//! k-means on whatever is faster.

use std::ops::Range;

use crate::data::Matrix;
use crate::gpu::{self, Context, GpuError};
use crate::job::Ctx;
use crate::math::kmeans::{self, Assigned, Centres, Compare, KMeans, KMeansParams, Metric, Rows, Until};
use crate::math::random::Random;

use super::StageError;
use super::compute::{Computers, Units, Work};

/// Bytes of rows that an adapter is asked to hold at a time. Interfaces do not tell how much memory there is.
const ROOM: u64 = 2 << 30;

/// A length that rounds away beside any row's.
const HAIR: f32 = 1e-18;

/// Parts the rows of `matrix` into clusters.
pub(super) fn run(
    matrix: &Matrix,
    params: &KMeansParams,
    on: &Computers,
    ctx: &Ctx,
) -> Result<KMeans, StageError> {
    on.run(
        Work::KMeans,
        units(matrix.rows(), params.k, matrix.dim()),
        ctx,
        |context| Ok(kmeans::kmeans_by(&OnAdapter(context), matrix, params, ctx)?),
        || Ok(kmeans::kmeans(matrix, params, ctx)?),
    )
}

/// The products of one round: how many rounds there will be is the same for both.
pub(super) fn units(rows: usize, k: usize, dim: usize) -> Units {
    Units::same(rows as f64 * k as f64 * dim as f64)
}

/// Compares rows with centres on the graphics adapter.
pub struct OnAdapter<'a>(pub &'a Context);

impl Compare for OnAdapter<'_> {
    type Error = GpuError;

    fn seeded(&self, rows: &Rows, k: usize, random: &mut Random, ctx: &Ctx) -> Result<Centres, GpuError> {
        let (metric, dim) = (metric(rows), rows.dim());
        let values = with_source(rows, |source| {
            gpu::kmeans::seeded(self.0, source, k, metric, &mut || random.unit(), ctx)
        })?;
        Ok(Centres { values, dim })
    }

    fn settle(
        &self,
        rows: &Rows,
        centres: Centres,
        until: Until,
        ctx: &Ctx,
    ) -> Result<(Centres, Assigned), GpuError> {
        let params = params(rows, until);
        let found =
            with_source(rows, |source| gpu::kmeans::settle(self.0, source, &centres.values, &params, ctx))?;
        Ok((Centres { values: found.centres, ..centres }, assigned(found.assigned)))
    }

    fn assign(&self, rows: &Rows, centres: &Centres, ctx: &Ctx) -> Result<Assigned, GpuError> {
        let params = params(rows, Until { max_rounds: 1, worthwhile: 0.0 });
        let found =
            with_source(rows, |source| gpu::kmeans::assign(self.0, source, &centres.values, &params, ctx))?;
        Ok(assigned(found))
    }
}

/// `rows` as the kernels take them.
fn with_source<T>(rows: &Rows, work: impl FnOnce(&gpu::Source) -> T) -> T {
    let dim = rows.dim();
    let read = |range: Range<usize>, out: &mut Vec<f32>| {
        out.resize(range.len() * dim, 0.0);
        for (i, out) in range.zip(out.chunks_exact_mut(dim.max(1))) {
            rows.prepared(i, out);
            // To the kernels a row of zeros says nothing: one that equals the mean lies a hair beside it.
            if rows.has_content(i) && out.iter().all(|&x| x == 0.0) {
                out[0] = HAIR;
            }
        }
    };
    work(&gpu::Source { rows: rows.len(), dim, read: &read })
}

fn metric(rows: &Rows) -> gpu::kmeans::Metric {
    match rows.metric {
        Metric::Cosine => gpu::kmeans::Metric::Cosine,
        Metric::Euclidean => gpu::kmeans::Metric::Euclidean,
    }
}

fn params(rows: &Rows, Until { max_rounds, worthwhile }: Until) -> gpu::kmeans::Params {
    gpu::kmeans::Params { metric: metric(rows), max_rounds, worthwhile, room: ROOM }
}

/// Both mark rows without a cluster alike: `gpu::kmeans::NOBODY` is `data::UNCLUSTERED`.
fn assigned(found: gpu::kmeans::Assigned) -> Assigned {
    Assigned { labels: found.labels, nearest: found.nearest, second: found.second }
}
