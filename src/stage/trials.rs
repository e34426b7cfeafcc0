//! Every kernel beside its twin: how alike they are and how long each takes, on data made for it.
//!
//! `calibrate` asks this to choose between the two, `semascope bench` and `gpu-check` to show it.

use std::ops::Range;
use std::time::Instant;

use serde::Serialize;

use super::StageError;
use super::compute::{Rates, Work};
use super::mover::OnAdapter;
use crate::data::{Key, Knn, Matrix};
use crate::gpu::{self, Context, GpuError, neighbours::Precision};
use crate::job::{Ctx, Latest};
use crate::math::fuzzy::FuzzyGraph;
use crate::math::hash;
use crate::math::neighbours::{self, Method, NeighbourParams};
use crate::math::quality;
use crate::math::ranking::Asked;
use crate::math::umap::{self, Course, OnProcessor, UmapParams};

/// Components of a row, neighbours of a point.
const DIM: usize = 256;
const K: usize = 15;

/// Centres that rows lie around.
const CENTRES: usize = 50;

/// Operations of one step of the layout: two differences, a power, a quotient, two clipped moves.
const STEP_OPERATIONS: f64 = 30.0;

/// How much a trial does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A second or so for all, as a calibration.
    Quick,
    /// Enough to keep a large adapter busy.
    Full,
}

/// What a twin test found.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Agreement {
    /// What is compared, in words.
    pub what: &'static str,
    pub found: f64,
    /// Less is a failure.
    pub least: f64,
}

impl Agreement {
    /// Whether kernel and twin are alike enough.
    pub fn holds(&self) -> bool {
        self.found >= self.least
    }
}

/// One kernel beside its twin.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    pub kernel: &'static str,
    pub work: Work,
    /// What each was given, in words.
    pub given: String,
    pub agreement: Agreement,
    /// Units of work a second, each on an amount that suits it.
    pub rates: Rates,
    /// Seconds on the adapter.
    pub seconds: f64,
    /// Operations on f32 (or sums of codes' products) and bytes that the adapter did and moved at least.
    pub operations: f64,
    pub bytes: f64,
}

/// A kernel's trial.
pub type Run = fn(&Context, Size, &Ctx) -> Result<Trial, GpuError>;

/// All kernels that have a twin.
pub const ALL: &[(&str, Run)] =
    &[("neighbours", neighbours_full), ("neighbours, coded", neighbours_coded), ("UMAP layout", umap_layout)];

/// What `work` gives and the seconds it takes when done a second time: what is made once does not count.
pub(super) fn timed<T>(mut work: impl FnMut() -> Result<T, GpuError>) -> Result<(T, f64), GpuError> {
    work()?;
    let started = Instant::now();
    let value = work()?;
    Ok((value, started.elapsed().as_secs_f64().max(1e-9)))
}

/// Work of the processor fails only when it is stopped.
pub(super) fn unless_stopped<T, E>(done: Result<T, E>, ctx: &Ctx) -> Result<T, GpuError> {
    ctx.cancel.check()?;
    done.map_err(|_| GpuError::Refused("a trial of the processor failed".into()))
}

/// Unit rows around some centres.
pub(super) fn rows_around_centres(rows: usize) -> Vec<f32> {
    let noise = |seed: u64, i: usize| hash::unit(hash::draw(seed, i as u64)) as f32 - 0.5;
    let mut values = Vec::with_capacity(rows * DIM);
    for row in 0..rows {
        let centre = hash::below(hash::draw(5, row as u64), CENTRES);
        let vector: Vec<f32> =
            (0..DIM).map(|c| noise(6, centre * DIM + c) + 0.7 * noise(7, row * DIM + c)).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        values.extend(vector.iter().map(|x| x / length));
    }
    values
}

fn matrix(values: &[f32]) -> Matrix {
    Matrix::from_vec(Key::of("trial", 1).finish(), "trial", true, DIM, values.to_vec())
}

fn neighbours_full(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    neighbours_by(context, Precision::Full, size, ctx)
}

fn neighbours_coded(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    neighbours_by(context, Precision::Coded, size, ctx)
}

fn neighbours_by(context: &Context, precision: Precision, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
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
        work: Work::Neighbours,
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

fn umap_layout(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    let many = match (context.is_software(), size) {
        (true, _) => 4096,
        (false, Size::Quick) => 50_000,
        (false, Size::Full) => 1_000_000,
    };
    // A true graph to see that maps are alike, and one of random neighbours to see how fast they are made.
    let true_epochs = 100;
    let small = matrix(&rows_around_centres(2000));
    let params = NeighbourParams { k: K, method: Method::Exact, seed: 0 };
    let (found, ..) = unless_stopped(neighbours::find(&small, &params, ctx), ctx)?;
    let knn = knn_of(found.indices, found.similarities);
    let kept = |on_gpu: bool| -> Result<f64, GpuError> {
        let (positions, _) = laid_out(on_gpu.then_some(context), &knn, true_epochs, ctx)?;
        let measured = unless_stopped(quality::measure(&small, &knn, &positions, 0, ctx), ctx)?;
        Ok(f64::from(measured.trustworthiness))
    };
    let (by_gpu, by_cpu) = (kept(true)?, kept(false)?);
    let epochs = 8;
    let near = |i: usize| hash::below(hash::draw(2, i as u64), many) as u32;
    let random = knn_of(
        (0..many * K).map(near).collect(),
        (0..many * K).map(|i| 1.0 - 0.05 * (i % K) as f32).collect(),
    );
    let (_, (gpu_seconds, units)) = laid_out(Some(context), &random, epochs, ctx)?;
    let (_, (cpu_seconds, _)) = laid_out(None, &random, epochs, ctx)?;
    let steps = units;
    Ok(Trial {
        kernel: "UMAP layout",
        work: Work::Umap,
        given: format!("{many} points, k = {K}, {epochs} epochs"),
        agreement: Agreement {
            what: "trustworthiness as a share of the twin's",
            found: by_gpu / by_cpu.max(1e-9),
            least: 0.99,
        },
        rates: Rates { cpu: units / cpu_seconds, gpu: units / gpu_seconds },
        seconds: gpu_seconds,
        operations: steps * STEP_OPERATIONS,
        // Each step reads a position somewhere; each edge its own word.
        bytes: steps * 8.0,
    })
}

fn knn_of(indices: Vec<u32>, similarities: Vec<f32>) -> Knn {
    let key = Key::of("trial", 1).finish();
    Knn { key, k: K, indices, similarities, recall: crate::data::Recall::Exact, method: "trial".into() }
}

type Seconds = f64;

/// Positions after some epochs, the seconds they took without what comes before, and the steps that were made.
fn laid_out(
    context: Option<&Context>,
    knn: &Knn,
    epochs: usize,
    ctx: &Ctx,
) -> Result<(Vec<[f32; 2]>, (Seconds, f64)), GpuError> {
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
            mover.positions
        }
    };
    ctx.cancel.check()?;
    Ok((positions, (started.elapsed().as_secs_f64().max(1e-9), steps)))
}

impl From<GpuError> for StageError {
    fn from(error: GpuError) -> Self {
        match error {
            GpuError::Cancelled(_) => Self::Cancelled,
            other => Self::failed(format!("{other}.")),
        }
    }
}
