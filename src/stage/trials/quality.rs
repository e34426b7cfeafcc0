//! How far a map can be trusted.

use super::{Agreement, DIM, K, Size, Trial, knn_of, matrix, rows_around_centres, timed, unless_stopped};
use crate::gpu::{Context, GpuError};
use crate::job::Ctx;
use crate::math::{hash, quality as twin};
use crate::stage::compute::{Rates, Work};
use crate::stage::quality::{self, OnAdapter};

/// All figures of a map.
pub fn figures(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    let many = match (context.is_software(), size) {
        (true, _) => 2048,
        (false, Size::Quick) => 20_000,
        (false, Size::Full) => 200_000,
    };
    let values = rows_around_centres(many);
    let matrix = matrix(&values);
    let positions: Vec<[f32; 2]> =
        values.chunks_exact(DIM).map(|row| [row[0] + 0.1 * row[2], row[1] - 0.1 * row[3]]).collect();
    // What counts as neighbours does not matter to what is compared here.
    let near = |i: usize| hash::below(hash::draw(2, i as u64), many) as u32;
    let knn = knn_of((0..many * K).map(near).collect(), vec![0.5; many * K]);
    let (by_cpu, cpu_seconds) =
        timed(|| unless_stopped(twin::measure(&matrix, &knn, &positions, 0, ctx), ctx))?;
    let compare = OnAdapter { context, matrix: &matrix };
    let (by_gpu, seconds) = timed(|| twin::measure_by(&compare, &matrix, &knn, &positions, 0, ctx))?;
    let apart = [
        by_cpu.trustworthiness - by_gpu.trustworthiness,
        by_cpu.continuity - by_gpu.continuity,
        by_cpu.knn_kept - by_gpu.knn_kept,
    ];
    let units = quality::units(&matrix).gpu;
    Ok(Trial {
        kernel: "quality",
        work: Work::Quality,
        given: format!("{many} × {DIM}, k = {K}, {} sampled", twin::SAMPLE.min(many)),
        agreement: Agreement {
            what: "figures that are the twin's, 1 less the largest difference",
            found: 1.0 - apart.iter().fold(0.0f32, |most, x| most.max(x.abs())) as f64,
            least: 0.999,
        },
        rates: Rates { cpu: units / cpu_seconds, gpu: units / seconds },
        seconds,
        operations: 2.0 * units,
        bytes: units / 128.0 * 4.0,
    })
}
