//! k-means.

use super::{Agreement, DIM, Size, Trial, matrix, rows_around_centres, timed, unless_stopped};
use crate::gpu::{Context, GpuError};
use crate::job::Ctx;
use crate::math::kmeans::{self as twin, KMeansParams};
use crate::stage::compute::{Rates, Work};
use crate::stage::kmeans::{self, OnAdapter};

/// Rounds over all rows, about: seeds, small batches and the last assignment together count as some.
const ROUNDS: f64 = 10.0;

/// From seeds to settled clusters.
pub fn settled(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    let (many, k) = match (context.is_software(), size) {
        (true, _) => (4096, 30),
        (false, Size::Quick) => (30_000, 100),
        (false, Size::Full) => (1_000_000, 1000),
    };
    let matrix = matrix(&rows_around_centres(many));
    let params = KMeansParams { k, restarts: 1, ..KMeansParams::default() };
    let (by_cpu, cpu_seconds) = timed(|| unless_stopped(twin::kmeans(&matrix, &params, ctx), ctx))?;
    let (by_gpu, seconds) = timed(|| twin::kmeans_by(&OnAdapter(context), &matrix, &params, ctx))?;
    let units = kmeans::units(&matrix, k).gpu;
    Ok(Trial {
        kernel: "k-means",
        work: Work::KMeans,
        given: format!("{many} × {DIM}, k = {k}, from seeds to the end"),
        agreement: Agreement {
            what: "inertia of the twin as a share of the kernel's",
            found: by_cpu.inertia / by_gpu.inertia.max(1e-9),
            // Both go their own way from the same seeds, and a round that brings less than this is not made.
            least: 0.995,
        },
        rates: Rates { cpu: units / cpu_seconds, gpu: units / seconds },
        seconds,
        operations: 2.0 * ROUNDS * units,
        bytes: ROUNDS * 4.0 * many as f64 * DIM as f64,
    })
}
