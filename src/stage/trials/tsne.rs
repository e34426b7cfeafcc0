//! t-SNE's layout.

use std::time::Instant;

use super::{Agreement, Size, Trial, unless_stopped};
use crate::data::{Key, Knn, Recall};
use crate::gpu::{Context, GpuError};
use crate::job::Ctx;
use crate::math::hash;
use crate::math::tsne::{Course, Mover, OnProcessor, Round, State, TsneParams};
use crate::math::tsne_affinities::Affinities;
use crate::stage::compute::{Rates, Work};
use crate::stage::tsne_mover::OnAdapter;

/// Neighbours of a point, for a perplexity of 30.
const NEIGHBOURS: usize = 90;

/// Points of the maps that are compared.
const TRUE_POINTS: usize = 1500;

/// Rounds that are compared, and timed.
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
    let knn = random(many);
    let (course, start) = begun(&knn, start(many, settled(many)), ctx)?;
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

/// How alike points move on both, on a map that begins and on one that is settled. Longer runs would not do: maps that part by
/// a rounding end in different places.
fn agreement(context: &Context, ctx: &Ctx) -> Result<Agreement, GpuError> {
    let knn = random(TRUE_POINTS);
    let mut worst = 0.0f64;
    for (deviation, exaggeration) in [(1e-4, 12.0), (settled(TRUE_POINTS), 1.0)] {
        let (course, start) = begun(&knn, start(TRUE_POINTS, deviation), ctx)?;
        let rounds = [Round { exaggeration, rate: TRUE_POINTS as f32 / exaggeration, momentum: 0.8 }; ROUNDS];
        let mut there = OnAdapter::new(context, &course, &start, ctx)?;
        there.advance(&rounds)?;
        let mut here = OnProcessor::new(&course, start);
        let Ok(()) = here.advance(&rounds);
        ctx.cancel.check()?;
        worst = worst.max(apart(&there.state().velocity, &here.state().velocity));
    }
    Ok(Agreement {
        what: "motion that is the twin's, 1 less the difference",
        found: 1.0 - worst,
        least: 0.99,
    })
}

/// The root mean square of what parts two lists, of the second's.
fn apart(found: &[[f32; 2]], expected: &[[f32; 2]]) -> f64 {
    let square = |v: f32| f64::from(v).powi(2);
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    let (parted, size) =
        pairs.fold((0.0, 0.0), |(parted, size), (a, b)| (parted + square(a - b), size + square(*b)));
    (parted / size.max(f64::MIN_POSITIVE)).sqrt()
}

/// How far points lie from the middle of a map that is done: such a map is about 2 √n units wide.
fn settled(n: usize) -> f64 {
    (n as f64).sqrt() / 4.5
}

/// Seconds that the rounds of a settled map take, once the grid is made.
fn timed<M: Mover>(mover: &mut M) -> Result<f64, M::Error> {
    let round = Round { exaggeration: 1.0, rate: 1.0, momentum: 0.8 };
    mover.advance(&[round])?;
    let started = Instant::now();
    mover.advance(&[round; ROUNDS])?;
    Ok(started.elapsed().as_secs_f64().max(1e-9))
}

fn begun(knn: &Knn, start: State, ctx: &Ctx) -> Result<(Course, State), GpuError> {
    let params = TsneParams::default();
    let affinities = unless_stopped(Affinities::build(knn, params.perplexity, ctx), ctx)?;
    Ok(Course::new(affinities, start, &params))
}

fn start(n: usize, deviation: f64) -> State {
    let at = |i: u64| (deviation * hash::normal(3, i)) as f32;
    State::at_rest((0..n as u64).map(|i| [at(2 * i), at(2 * i + 1)]).collect(), 0)
}

/// A graph of random neighbours.
fn random(n: usize) -> Knn {
    let indices = (0..n * NEIGHBOURS).map(|i| hash::below(hash::draw(2, i as u64), n) as u32).collect();
    let similarities = (0..n * NEIGHBOURS).map(|i| 1.0 - 0.01 * (i % NEIGHBOURS) as f32).collect();
    let key = Key::of("trial", 1).finish();
    Knn { key, k: NEIGHBOURS, indices, similarities, recall: Recall::Exact, method: "trial".into() }
}
