//! Layouts.

use std::time::Instant;

use super::{Agreement, K, Size, Trial, knn_of, matrix, rows_around_centres, unless_stopped};
use crate::data::Knn;
use crate::gpu::{Context, GpuError};
use crate::job::{Ctx, Latest};
use crate::math::fuzzy::FuzzyGraph;
use crate::math::neighbours::{self, Method, NeighbourParams};
use crate::math::umap::{self, Course, OnProcessor, UmapParams};
use crate::math::{hash, quality};
use crate::stage::compute::{Rates, Work};
use crate::stage::mover::OnAdapter;

/// Operations of one step: two differences, a power, a quotient, two clipped moves.
const STEP_OPERATIONS: f64 = 30.0;

/// Epochs of the map that is compared, and of the one that is timed.
const TRUE_EPOCHS: usize = 100;
const EPOCHS: usize = 8;

/// UMAP's layout.
pub fn umap(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    let many = match (context.is_software(), size) {
        (true, _) => 4096,
        (false, Size::Quick) => 50_000,
        (false, Size::Full) => 1_000_000,
    };
    // A true graph to see that maps are alike, and one of random neighbours to see how fast they are made.
    let small = matrix(&rows_around_centres(2000));
    let params = NeighbourParams { k: K, method: Method::Exact, seed: 0 };
    let (found, ..) = unless_stopped(neighbours::find(&small, &params, ctx), ctx)?;
    let knn = knn_of(found.indices, found.similarities);
    let kept = |on_gpu: bool| -> Result<f64, GpuError> {
        let made = laid_out(on_gpu.then_some(context), &knn, TRUE_EPOCHS, ctx)?;
        let measured = unless_stopped(quality::measure(&small, &knn, &made.positions, 0, ctx), ctx)?;
        Ok(f64::from(measured.trustworthiness))
    };
    let (by_gpu, by_cpu) = (kept(true)?, kept(false)?);
    let near = |i: usize| hash::below(hash::draw(2, i as u64), many) as u32;
    let random = knn_of(
        (0..many * K).map(near).collect(),
        (0..many * K).map(|i| 1.0 - 0.05 * (i % K) as f32).collect(),
    );
    let on_gpu = laid_out(Some(context), &random, EPOCHS, ctx)?;
    let on_cpu = laid_out(None, &random, EPOCHS, ctx)?;
    let steps = on_gpu.steps;
    Ok(Trial {
        kernel: "UMAP layout",
        work: Work::Umap,
        given: format!("{many} points, k = {K}, {EPOCHS} epochs"),
        agreement: Agreement {
            what: "trustworthiness as a share of the twin's",
            found: by_gpu / by_cpu.max(1e-9),
            least: 0.99,
        },
        rates: Rates { cpu: steps / on_cpu.seconds, gpu: steps / on_gpu.seconds },
        seconds: on_gpu.seconds,
        operations: steps * STEP_OPERATIONS,
        // Each step reads a position somewhere; each edge its own word.
        bytes: steps * 8.0,
    })
}

/// A layout that was made.
struct Made {
    positions: Vec<[f32; 2]>,
    /// Without what comes before its first epoch.
    seconds: f64,
    steps: f64,
}

/// The positions after some epochs.
fn laid_out(context: Option<&Context>, knn: &Knn, epochs: usize, ctx: &Ctx) -> Result<Made, GpuError> {
    let n = knn.len();
    let graph = unless_stopped(FuzzyGraph::build(knn, epochs, ctx), ctx)?;
    let start: Vec<[f32; 2]> = (0..n as u64)
        .map(|i| [hash::normal(3, 2 * i) as f32 * 5.0, hash::normal(3, 2 * i + 1) as f32 * 5.0])
        .collect();
    let params = UmapParams { epochs: Some(epochs), ..UmapParams::default() };
    let latest = Latest::default();
    let mut course = Course::new(&params, n, 0);
    // An edge is due in a share of the epochs, and each time it brings its negatives.
    let steps = graph.due() * (1 + params.negatives) as f64 * epochs as f64;
    let started;
    let positions = match context {
        Some(context) => {
            let mut mover = OnAdapter::new(context, &graph, start, ctx)?;
            started = Instant::now();
            umap::drive(&mut mover, &mut course, &latest, &mut |_| {}, ctx)?;
            mover.into_positions()
        }
        None => {
            let mut mover = OnProcessor::new(&graph, start);
            started = Instant::now();
            let _ = umap::drive(&mut mover, &mut course, &latest, &mut |_| {}, ctx);
            mover.into_positions()
        }
    };
    ctx.cancel.check()?;
    Ok(Made { positions, seconds: started.elapsed().as_secs_f64().max(1e-9), steps })
}
