//! k-means.

use super::{Agreement, CENTRES, DIM, Size, Trial, matrix, rows_around_centres, timed, unless_stopped};
use crate::gpu::{Context, GpuError};
use crate::job::Ctx;
use crate::math::kmeans::{Assigned, Centres, Compare, KMeansParams, OnProcessor, Rows, Until};
use crate::math::kmeans::{kmeans, kmeans_by};
use crate::math::random::Random;
use crate::stage::compute::{Rates, Work};
use crate::stage::kmeans::{OnAdapter, units};

/// Centres for each that there is: some lie beside each other.
const CENTRES_EACH: usize = 4;

/// From the same start as the processor: what is drawn may differ by a row where rounding does.
struct FromItsStart<C>(C);

impl<C: Compare> Compare for FromItsStart<C> {
    type Error = C::Error;

    fn seeded(&self, rows: &Rows, k: usize, random: &mut Random, ctx: &Ctx) -> Result<Centres, C::Error> {
        Ok(OnProcessor.seeded(rows, k, random, ctx)?)
    }

    fn settle(
        &self,
        rows: &Rows,
        centres: Centres,
        until: Until,
        ctx: &Ctx,
    ) -> Result<(Centres, Assigned), C::Error> {
        self.0.settle(rows, centres, until, ctx)
    }

    fn assign(&self, rows: &Rows, centres: &Centres, ctx: &Ctx) -> Result<Assigned, C::Error> {
        self.0.assign(rows, centres, ctx)
    }
}

/// All rounds of one clustering.
pub fn clusters(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    let many = match (context.is_software(), size) {
        (true, _) => 4096,
        (false, Size::Quick) => 50_000,
        (false, Size::Full) => 500_000,
    };
    let matrix = matrix(&rows_around_centres(many));
    let params =
        KMeansParams { k: CENTRES_EACH * CENTRES, restarts: 1, max_rounds: 10, ..Default::default() };
    let (by_cpu, cpu_seconds) = timed(|| unless_stopped(kmeans(&matrix, &params, ctx), ctx))?;
    let (by_gpu, seconds) = timed(|| kmeans_by(&FromItsStart(OnAdapter(context)), &matrix, &params, ctx))?;
    let units = units(many, params.k, DIM);
    Ok(Trial {
        kernel: "k-means",
        work: Work::KMeans,
        given: format!("{many} × {DIM}, {} clusters", params.k),
        agreement: Agreement {
            what: "the twin's inertia as a share of the kernel's",
            found: by_cpu.inertia / by_gpu.inertia.max(1e-9),
            least: 0.999,
        },
        rates: Rates { cpu: units.cpu / cpu_seconds, gpu: units.gpu / seconds },
        seconds,
        // Of the last assignment alone: how many rounds came before is not told.
        operations: 2.0 * units.gpu,
        bytes: 4.0 * (many * DIM) as f64,
    })
}
