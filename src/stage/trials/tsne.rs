//! t-SNE's layout.

use std::time::Instant;

use super::{Agreement, Size, Trial, matrix, rows_around_centres, unless_stopped};
use crate::data::{Key, Knn, Recall};
use crate::gpu::{Context, GpuError};
use crate::job::{Ctx, Latest};
use crate::math::neighbours::{self, Method, NeighbourParams};
use crate::math::tsne::{self, Course, Mover, OnProcessor, Round, State, TsneParams};
use crate::math::tsne_affinities::Affinities;
use crate::math::{hash, quality};
use crate::stage::compute::{Rates, Work};
use crate::stage::tsne_mover::OnAdapter;

/// Neighbours of a point, for a perplexity of 30.
const NEIGHBOURS: usize = 90;

/// Points of the map that is compared, and its rounds.
const TRUE_POINTS: usize = 1500;
const TRUE_EPOCHS: usize = 120;

/// Rounds that are timed.
const ROUNDS: usize = 8;

/// Operations and bytes of a pull along an edge, and of spreading and reading a point.
const EDGE: (f64, f64) = (9.0, 16.0);
const POINT: (f64, f64) = (72.0 * 4.0, 72.0 * 4.0);

/// t-SNE's layout.
pub fn layout(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    let many = match (context.is_software(), size) {
        (true, _) => 4096,
        (false, Size::Quick) => 20_000,
        (false, Size::Full) => 300_000,
    };
    let agreement = agreement(context, ctx)?;
    // Random neighbours show how fast a map is made, at the size that a finished one has: about 2 √n units.
    let near = |i: usize| hash::below(hash::draw(2, i as u64), many) as u32;
    let similarity = |i: usize| 1.0 - 0.01 * (i % NEIGHBOURS) as f32;
    let knn =
        knn_of((0..many * NEIGHBOURS).map(near).collect(), (0..many * NEIGHBOURS).map(similarity).collect());
    let (course, start) = begun(&knn, start(many, (many as f64).sqrt() / 4.5), 2 * ROUNDS, ctx)?;
    drop(knn);
    let edges = course.affinities().edges().0.len() as f64;
    let on_gpu = timed(&mut OnAdapter::new(context, &course, &start, ctx)?)?;
    let on_cpu = match timed(&mut OnProcessor::new(&course, start)) {
        Ok(seconds) => seconds,
        Err(never) => match never {},
    };
    ctx.cancel.check()?;
    let rounds = ROUNDS as f64;
    let sum = |edge: f64, point: f64| rounds * (edges * edge + many as f64 * point);
    Ok(Trial {
        kernel: "t-SNE layout",
        work: Work::Tsne,
        given: format!("{many} points, {edges} edges, {ROUNDS} rounds"),
        agreement,
        rates: Rates { cpu: rounds * edges / on_cpu, gpu: rounds * edges / on_gpu },
        seconds: on_gpu,
        operations: sum(EDGE.0, POINT.0),
        bytes: sum(EDGE.1, POINT.1),
    })
}

/// How true a map by the adapter is beside one by its twin.
fn agreement(context: &Context, ctx: &Ctx) -> Result<Agreement, GpuError> {
    let small = matrix(&rows_around_centres(TRUE_POINTS));
    let params = NeighbourParams { k: NEIGHBOURS, method: Method::Exact, seed: 0 };
    let (found, ..) = unless_stopped(neighbours::find(&small, &params, ctx), ctx)?;
    let knn = knn_of(found.indices, found.similarities);
    let kept = |on_gpu: bool| -> Result<f64, GpuError> {
        let (mut course, start) = begun(&knn, start(TRUE_POINTS, 1e-4), TRUE_EPOCHS, ctx)?;
        let latest = Latest::default();
        let state = if on_gpu {
            let mut mover = OnAdapter::new(context, &course, &start, ctx)?;
            tsne::drive(&mut mover, &mut course, &latest, &mut |_| None, &mut |_| {}, ctx)?;
            mover.into_state()
        } else {
            let mut mover = OnProcessor::new(&course, start);
            let Ok(()) = tsne::drive(&mut mover, &mut course, &latest, &mut |_| None, &mut |_| {}, ctx);
            mover.into_state()
        };
        let measured = unless_stopped(quality::measure(&small, &knn, &state.positions, 0, ctx), ctx)?;
        Ok(f64::from(measured.trustworthiness))
    };
    let (by_gpu, by_cpu) = (kept(true)?, kept(false)?);
    Ok(Agreement {
        what: "trustworthiness as a share of the twin's",
        found: by_gpu / by_cpu.max(1e-9),
        least: 0.99,
    })
}

/// Seconds that the rounds of a settled map take, once the grid is made.
fn timed<M: Mover>(mover: &mut M) -> Result<f64, M::Error> {
    let round = Round { exaggeration: 1.0, rate: 1.0, momentum: 0.8 };
    mover.advance(&[round])?;
    let started = Instant::now();
    mover.advance(&[round; ROUNDS])?;
    Ok(started.elapsed().as_secs_f64().max(1e-9))
}

fn begun(knn: &Knn, start: State, epochs: usize, ctx: &Ctx) -> Result<(Course, State), GpuError> {
    let params = TsneParams { epochs, ..TsneParams::default() };
    let affinities = unless_stopped(Affinities::build(knn, params.perplexity, ctx), ctx)?;
    Ok(Course::new(affinities, start, &params))
}

fn start(n: usize, deviation: f64) -> State {
    let at = |i: u64| (deviation * hash::normal(3, i)) as f32;
    State::at_rest((0..n as u64).map(|i| [at(2 * i), at(2 * i + 1)]).collect(), 0)
}

fn knn_of(indices: Vec<u32>, similarities: Vec<f32>) -> Knn {
    let key = Key::of("trial", 1).finish();
    Knn { key, k: NEIGHBOURS, indices, similarities, recall: Recall::Exact, method: "trial".into() }
}
