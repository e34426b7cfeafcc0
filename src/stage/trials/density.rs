//! The density of a map.

use super::{Agreement, Size, Trial, timed, unless_stopped};
use crate::gpu::{Context, GpuError};
use crate::job::Ctx;
use crate::math::agreement::adjusted_rand;
use crate::math::density::{self, DensityParams};
use crate::math::hash;
use crate::stage::compute::{Rates, Work};
use crate::stage::topics;

/// Heaps of points.
const HEAPS: usize = 30;

/// Products a cell of the widest blur, there and back, at three levels.
const PRODUCTS_A_CELL: f64 = 4.0 * (24.0 + 14.0 + 8.0) * 3.0;

/// Splats, blurs and basins at all levels.
pub fn surfaces(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    let many = match (context.is_software(), size) {
        (true, _) => 20_000,
        (false, Size::Quick) => 100_000,
        (false, Size::Full) => 10_000_000,
    };
    let place = |i: usize, axis: u64| {
        let heap = hash::below(hash::draw(1, i as u64), HEAPS) as u64;
        let centre = 60.0 * hash::unit(hash::draw(2, 2 * heap + axis));
        (centre + hash::normal(3, 2 * i as u64 + axis)) as f32
    };
    let positions: Vec<[f32; 2]> = (0..many).map(|i| [place(i, 0), place(i, 1)]).collect();
    let params = DensityParams::default();
    let (by_cpu, cpu_seconds) = timed(|| unless_stopped(density::topics(&positions, &params, ctx), ctx))?;
    let (by_gpu, seconds) = timed(|| topics::levels_on_adapter(context, &positions, &params, ctx))?;
    let alike = by_cpu.iter().zip(&by_gpu).map(|(a, b)| adjusted_rand(&a.labels, &b.labels));
    let cells = (density::SIDE * density::SIDE) as f64;
    let units = many as f64 + cells;
    Ok(Trial {
        kernel: "density",
        work: Work::Density,
        given: format!("{many} points, {0} × {0} cells, 3 levels", density::SIDE),
        agreement: Agreement {
            what: "topics that are the same (adjusted Rand index)",
            found: alike.fold(1.0, f64::min),
            least: 0.999,
        },
        rates: Rates { cpu: units / cpu_seconds, gpu: units / seconds },
        seconds,
        operations: PRODUCTS_A_CELL * cells,
        bytes: many as f64 * 24.0 + 3.0 * cells * 4.0 * 48.0,
    })
}
