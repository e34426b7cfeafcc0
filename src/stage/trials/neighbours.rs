//! Nearest neighbours.

use std::ops::Range;

use super::{Agreement, DIM, K, Size, Trial, matrix, rows_around_centres, timed, unless_stopped};
use crate::data::Recall;
use crate::gpu::{self, Context, GpuError, neighbours::Precision};
use crate::job::Ctx;
use crate::math::neighbours::{self, Method, NeighbourParams};
use crate::math::ranking::Asked;
use crate::stage::compute::{Rates, Work};
use crate::stage::neighbours::{self as stage, Space, Way};

/// By products of vectors.
pub fn by_vectors(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    trial(context, Precision::Full, size, ctx)
}

/// By products of codes.
pub fn by_codes(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    trial(context, Precision::Coded, size, ctx)
}

/// By cells and sweeps.
pub fn by_cells(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    let few = 4096;
    let many = match (context.is_software(), size) {
        (true, _) => few,
        (false, Size::Quick) => 65_536,
        (false, Size::Full) => 500_000,
    };
    let values = rows_around_centres(many);
    let (small, whole) = (matrix(&values[..few * DIM]), matrix(&values));
    let params = NeighbourParams { k: K, method: Method::Exact, seed: 0 };
    let twin = NeighbourParams { method: Method::Hnsw, ..params };
    let (_, cpu_seconds) = timed(|| unless_stopped(neighbours::find(&small, &twin, ctx), ctx))?;
    let asked = unless_stopped(Asked::of(&small, &params, ctx), ctx)?;
    let (_, recall) = stage::by_cells(context, &asked, params.seed, ctx)?;
    let asked = unless_stopped(Asked::of(&whole, &params, ctx), ctx)?;
    let (_, seconds) = timed(|| stage::by_cells(context, &asked, params.seed, ctx).map(drop))?;
    let units = |rows: usize| Space { rows, dim: DIM, k: K, exact: false }.products(Way::Cells);
    Ok(Trial {
        kernel: "neighbours, cells",
        work: Work::NeighbourCells,
        given: format!("{many} × {DIM}, k = {K} (processor: {few})"),
        agreement: Agreement {
            what: "neighbours that are found, of a sample's true ones",
            found: match recall {
                Recall::Estimated { share, .. } => f64::from(share),
                _ => 1.0,
            },
            least: 0.95,
        },
        rates: Rates { cpu: units(few) / cpu_seconds, gpu: units(many) / seconds },
        seconds,
        operations: 2.0 * units(many),
        // What sweeps read: a candidate's codes each time.
        bytes: units(many),
    })
}

fn trial(context: &Context, precision: Precision, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    let few = if context.is_software() { 2048 } else { 4096 };
    let many = match (context.is_software(), size) {
        (true, _) => few,
        (false, Size::Quick) => 16_384,
        (false, Size::Full) => 131_072,
    };
    let values = rows_around_centres(many);
    let small = matrix(&values[..few * DIM]);
    let params = NeighbourParams { k: K, method: Method::Exact, seed: 0 };
    let (exact, cpu_seconds) = timed(|| unless_stopped(neighbours::find(&small, &params, ctx), ctx))?;
    let (wanted, bytes) = match precision {
        Precision::Full => (K, 4.0),
        Precision::Coded => (2 * K, 1.0),
    };
    let nearest = |rows: usize| {
        let read = |range: Range<usize>, out: &mut Vec<f32>| {
            out.clear();
            out.extend_from_slice(&values[range.start * DIM..range.end * DIM]);
        };
        let source = gpu::Source { rows, dim: DIM, read: &read };
        gpu::neighbours::nearest(context, &source, wanted, precision, ctx)
    };
    let found = nearest(few)?;
    let asked = unless_stopped(Asked::of(&small, &params, ctx), ctx)?;
    let ranked = unless_stopped(asked.ranked(|row| found.of(row), ctx), ctx)?;
    let lists = ranked.indices.chunks(K).zip(exact.0.indices.chunks(K));
    let same: usize = lists.map(|(a, b)| a.iter().filter(|id| b.contains(id)).count()).sum();
    let (_, seconds) = timed(|| nearest(many).map(drop))?;
    let units = |rows: usize| (rows * rows * DIM) as f64;
    // Tiles of 128 rows are read once for each tile of 128 columns, and the other way round.
    let tiles = many.div_ceil(128) as f64;
    Ok(Trial {
        kernel: if precision == Precision::Full { "neighbours" } else { "neighbours, coded" },
        work: if precision == Precision::Full { Work::Neighbours } else { Work::NeighboursCoded },
        given: format!("{many} × {DIM}, k = {K} (processor: {few})"),
        agreement: Agreement {
            what: "neighbours that are the exact ones",
            found: same as f64 / exact.0.indices.len() as f64,
            least: 0.999,
        },
        rates: Rates { cpu: units(few) / cpu_seconds, gpu: units(many) / seconds },
        seconds,
        operations: 2.0 * units(many),
        bytes: tiles * tiles * 2.0 * 128.0 * DIM as f64 * bytes,
    })
}
