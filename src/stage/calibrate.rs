//! How fast processor and graphics adapter of this machine are at the same work, found out in a second or two.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

use super::compute::{Rates, Work};
use super::mover::OnAdapter;
use crate::data::{Key, Knn, Matrix, Recall};
use crate::gpu::{self, Context, GpuError, neighbours::Precision};
use crate::job::{Ctx, Latest};
use crate::math::fuzzy::FuzzyGraph;
use crate::math::hash;
use crate::math::neighbours::{self, Method, NeighbourParams};
use crate::math::umap::{self, Course, OnProcessor, UmapParams};

/// Rows and components of the trial of neighbours on the processor.
const ROWS: usize = 4096;
const DIM: usize = 256;
const K: usize = 15;

/// The adapter gets so many times the rows: it is slow to begin and fast after.
const MORE_ROWS: usize = 4;

/// Points, neighbours and epochs of the trial of a layout.
const POINTS: usize = 50_000;
const NEAR: usize = 10;
const EPOCHS: usize = 8;

/// What a calibration holds for: another adapter, driver or number of threads, or a newer program, needs another.
pub(super) fn machine(context: &Context) -> String {
    let info = context.info();
    let threads = rayon::current_num_threads();
    format!(
        "{} · {} · {} · {threads} threads · {}",
        info.name,
        info.backend,
        info.driver,
        env!("CARGO_PKG_VERSION")
    )
}

/// Tries every kernel and its twin.
pub(super) fn run(context: &Context, ctx: &Ctx) -> Result<BTreeMap<Work, Rates>, GpuError> {
    let quiet = ctx.untold();
    Ok(BTreeMap::from([
        (Work::Neighbours, neighbours_rates(context, &quiet)?),
        (Work::Umap, umap_rates(context, &quiet)?),
    ]))
}

/// Units a second of `work`, which is done once before, so that what is only made once does not count.
fn rate(units: f64, mut work: impl FnMut() -> Result<(), GpuError>) -> Result<f64, GpuError> {
    work()?;
    let started = Instant::now();
    work()?;
    Ok(units / started.elapsed().as_secs_f64().max(1e-9))
}

fn vectors(rows: usize) -> Vec<f32> {
    let mut values: Vec<f32> =
        (0..rows * DIM).map(|i| hash::unit(hash::draw(1, i as u64)) as f32 - 0.5).collect();
    for row in values.chunks_exact_mut(DIM) {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= length);
    }
    values
}

fn neighbours_rates(context: &Context, ctx: &Ctx) -> Result<Rates, GpuError> {
    let units = |rows: usize| (rows * rows * DIM) as f64;
    let values = vectors(ROWS * MORE_ROWS);
    let key = Key::of("calibration", 1).finish();
    let matrix = Matrix::from_vec(key, "trial", true, DIM, values[..ROWS * DIM].to_vec());
    let params = NeighbourParams { k: K, method: Method::Exact, seed: 0 };
    let cpu = rate(units(ROWS), || {
        let _ = neighbours::find(&matrix, &params, ctx);
        Ok(ctx.cancel.check()?)
    })?;
    let read = |range: Range<usize>, out: &mut Vec<f32>| {
        out.clear();
        out.extend_from_slice(&values[range.start * DIM..range.end * DIM]);
    };
    let source = gpu::Source { rows: ROWS * MORE_ROWS, dim: DIM, read: &read };
    let gpu = rate(units(ROWS * MORE_ROWS), || {
        gpu::neighbours::nearest(context, &source, K, Precision::Full, ctx).map(drop)
    })?;
    Ok(Rates { cpu, gpu })
}

fn umap_rates(context: &Context, ctx: &Ctx) -> Result<Rates, GpuError> {
    let near = |i: usize, at: usize| hash::below(hash::draw(2, (i * NEAR + at) as u64), POINTS) as u32;
    let knn = Knn {
        key: Key::of("calibration", 1).finish(),
        k: NEAR,
        indices: (0..POINTS * NEAR).map(|i| near(i / NEAR, i % NEAR)).collect(),
        similarities: (0..POINTS * NEAR).map(|i| 1.0 - 0.05 * (i % NEAR) as f32).collect(),
        recall: Recall::Exact,
        method: "trial".into(),
    };
    let graph =
        FuzzyGraph::build(&knn, EPOCHS, ctx).map_err(|_| ctx.cancel.check().err()).or_else(|error| {
            // Nothing but a stop keeps so small a graph from being made.
            error.map_or(Err(GpuError::Refused("a trial".into())), |cancelled| {
                Err(GpuError::Cancelled(cancelled))
            })
        })?;
    let start: Vec<[f32; 2]> = (0..POINTS as u64)
        .map(|i| [hash::normal(3, 2 * i) as f32 * 10.0, hash::normal(3, 2 * i + 1) as f32 * 10.0])
        .collect();
    let params = UmapParams { epochs: Some(EPOCHS), ..UmapParams::default() };
    let units = umap_units(&graph, &params, POINTS);
    let course = || Course::new(&params, POINTS, 0);
    let latest = Latest::default();
    let cpu = rate(units, || {
        let mut mover = OnProcessor::new(&graph, start.clone());
        let _ = umap::drive(&mut mover, &mut course(), &latest, &mut |_| {}, ctx);
        Ok(ctx.cancel.check()?)
    })?;
    let gpu = rate(units, || {
        let mut mover = OnAdapter::new(context, &graph, start.clone(), ctx)?;
        umap::drive(&mut mover, &mut course(), &latest, &mut |_| {}, ctx)
    })?;
    Ok(Rates { cpu, gpu })
}

/// Work of a layout: edges and the points they push away, times epochs.
pub(super) fn umap_units(graph: &FuzzyGraph, params: &UmapParams, n: usize) -> f64 {
    graph.edges().len() as f64 * (1 + params.negatives) as f64 * params.epochs_for(n) as f64
}
