//! t-SNE's layout (van der Maaten & Hinton 2008), as openTSNE runs it (Poličar, Stražar & Zupan 2019).
//!
//! A round has three parts, each a file: the field that pushes all points apart (`tsne_field`), the pull of the points that
//! know each other (`tsne_affinities` says how strongly, `tsne_forces` how far), and the step.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::hash;
use super::tsne_affinities::Affinities;
use super::tsne_field::Field;
use super::tsne_forces::Forces;
pub use super::tsne_forces::State;
use crate::job::{Ctx, Event, Latest};

/// Rounds, and how many of them at most are the early ones: no more than a third.
const EPOCHS: usize = 750;
const EARLY_EPOCHS: usize = 250;

/// The share of the last step that goes on.
const MOMENTUM: f32 = 0.8;

/// The standard deviation of the start's first component (Kobak & Berens 2019), and of its noise, which parts
/// identical points.
const START_DEVIATION: f64 = 1e-4;
const START_NOISE: f64 = 1e-6;

/// No start lies farther out: 5 units a round lead nowhere near.
const FARTHEST: f32 = 1e6;

/// A layout is shown at most this often.
const FRAME: Duration = Duration::from_millis(33);

/// What shapes the map. Perplexity, exaggeration and learning rate take effect while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TsneParams {
    /// About how many neighbours a point attends to; it knows three times as many.
    pub perplexity: f32,
    /// What attraction is multiplied with after the early rounds: 1 is t-SNE, more draws clusters together (about 4 gives
    /// a map like UMAP's: Böhm, Berens & Kobak 2022).
    pub exaggeration: f32,
    /// The same for the early rounds, in which clusters find each other.
    pub early_exaggeration: f32,
    /// The learning rate as a multiple of n / exaggeration (Belkina et al. 2019).
    pub rate: f32,
    /// All rounds; the first 250, or a third if that is less, are the early ones.
    pub epochs: usize,
    pub seed: u64,
}

impl Default for TsneParams {
    fn default() -> Self {
        Self {
            perplexity: 30.0,
            exaggeration: 1.0,
            early_exaggeration: 12.0,
            rate: 1.0,
            epochs: EPOCHS,
            seed: 42,
        }
    }
}

impl TsneParams {
    /// What attraction is multiplied with in round `epoch` of `epochs`.
    fn exaggeration_in(&self, epoch: usize, epochs: usize) -> f32 {
        let early = epoch < EARLY_EPOCHS.min(epochs / 3);
        let wanted = if early { self.early_exaggeration } else { self.exaggeration };
        if wanted.is_finite() { wanted.clamp(0.01, 1e3) } else { 1.0 }
    }

    fn rate_for(&self, n: usize, exaggeration: f32) -> f32 {
        let share = if self.rate.is_finite() { self.rate.clamp(0.0, 1e3) } else { 1.0 };
        share * n as f32 / exaggeration
    }
}

/// A layout, finished when `state.epoch` equals `epochs` and stopped before otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimised {
    pub state: State,
    pub epochs: usize,
    /// Whether its parameters were changed while it moved: they alone would give another one.
    pub steered: bool,
}

/// What a map has come to between two rounds.
#[derive(Clone, Copy, Debug)]
pub struct SoFar<'a> {
    pub state: &'a State,
    pub epochs: usize,
    pub steered: bool,
}

/// The start of a map: `projected` (principal components) scaled so that the first has a standard deviation of 1e-4,
/// plus a hundredth of that as normal noise.
pub fn start_positions(projected: &[[f32; 2]], seed: u64) -> Vec<[f32; 2]> {
    let finite = |v: f32| if v.is_finite() { f64::from(v) } else { 0.0 };
    let n = projected.len().max(1) as f64;
    let mean = projected.iter().map(|p| finite(p[0])).sum::<f64>() / n;
    let variance = projected.iter().map(|p| (finite(p[0]) - mean).powi(2)).sum::<f64>() / n;
    let scale = if variance.sqrt().is_normal() { START_DEVIATION / variance.sqrt() } else { 0.0 };
    let place = |i: usize, axis: usize, value: f32| {
        (finite(value) * scale + START_NOISE * hash::normal(seed, (2 * i + axis) as u64)) as f32
    };
    projected.par_iter().enumerate().map(|(i, &[x, y])| [place(i, 0, x), place(i, 1, y)]).collect()
}

/// Lays `affinities` out from `start` on the processor: [`drive`] with [`OnProcessor`].
///
/// Equal bits at any number of threads of one machine; another machine's transforms may round differently.
pub fn optimise(
    affinities: Affinities,
    start: State,
    params: &TsneParams,
    latest: &Latest<TsneParams>,
    remake: &mut dyn FnMut(f32) -> Option<Affinities>,
    watch: &mut dyn FnMut(SoFar<'_>),
    ctx: &Ctx,
) -> Optimised {
    let (mut course, state) = Course::new(affinities, start, params);
    let mut mover = OnProcessor::new(&course, state);
    match drive(&mut mover, &mut course, latest, remake, watch, ctx) {
        Ok(()) => course.reached(mover.into_state()),
        Err(never) => match never {},
    }
}

/// One round: what its points are told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    /// What attraction is multiplied with.
    pub exaggeration: f32,
    pub rate: f32,
    /// The share of the last step that goes on.
    pub momentum: f32,
}

/// What a map is laid out by, whatever moves its points.
pub struct Course {
    /// Rounds meant to be done.
    pub epochs: usize,
    /// Whether its parameters were changed while it moved.
    pub steered: bool,
    affinities: Arc<Affinities>,
    params: TsneParams,
}

impl Course {
    /// The course of `affinities`, and `start` with a finite value of everything for every point (missing ones begin at
    /// 0, 0, at rest).
    pub fn new(affinities: Affinities, start: State, params: &TsneParams) -> (Self, State) {
        // A single point has no neighbours, so its graph knows nothing of it.
        let n = affinities.len().max(start.positions.len());
        let epochs = params.epochs;
        let affinities = Arc::new(affinities);
        (Self { epochs, steered: false, affinities, params: params.clone() }, sound(start, n, epochs))
    }

    /// Who attracts whom, now.
    pub fn affinities(&self) -> &Arc<Affinities> {
        &self.affinities
    }

    /// What it has come to.
    pub fn reached(self, state: State) -> Optimised {
        Optimised { state, epochs: self.epochs, steered: self.steered }
    }
}

/// What moves the points of a map.
pub trait Mover {
    /// Why it could not.
    type Error;

    /// Rounds that are best done together: parameters change and layouts are shown in between.
    fn at_once(&self) -> usize;

    /// Does some rounds. Where it fails, the state is that of before.
    fn advance(&mut self, rounds: &[Round]) -> Result<(), Self::Error>;

    /// Takes other affinities of the same points.
    fn attract(&mut self, affinities: &Arc<Affinities>) -> Result<(), Self::Error>;

    /// What moves, with the rounds done.
    fn state(&self) -> &State;
}

/// Moves the points of `mover`, which begins with the affinities of `course`, to the end of that.
///
/// Newer parameters are taken from `latest` between rounds; where they have another perplexity, `remake` is asked for
/// the affinities of that, and without an answer the old ones stay. `watch` is called whenever rounds were done, for whoever
/// keeps what there is. Layouts so far go out as events: the start at once, then at most thirty a second. After a stop by
/// `ctx.cancel` there is what there is; continuing from that state gives the same as never having stopped. Where `mover`
/// fails, another can go on from its state.
pub fn drive<M: Mover>(
    mover: &mut M,
    course: &mut Course,
    latest: &Latest<TsneParams>,
    remake: &mut dyn FnMut(f32) -> Option<Affinities>,
    watch: &mut dyn FnMut(SoFar<'_>),
    ctx: &Ctx,
) -> Result<(), M::Error> {
    let (epochs, n) = (course.epochs, mover.state().positions.len());
    let begin = |epoch: usize| ctx.progress.begin("Map", "epochs", epochs as u64, epoch as u64);
    begin(mover.state().epoch);
    let show = |state: &State| {
        let positions = Arc::new(state.positions.clone());
        ctx.send(Event::Layout { positions, epoch: state.epoch, epochs });
    };
    show(mover.state());
    let mut shown = Instant::now();
    while mover.state().epoch < epochs && !ctx.cancel.is_cancelled() {
        let epoch = mover.state().epoch;
        if let Some(newer) = latest.take() {
            course.steered = true;
            let other = newer.perplexity != course.params.perplexity;
            course.params = newer;
            if other {
                if let Some(affinities) = remake(course.params.perplexity) {
                    course.affinities = Arc::new(affinities);
                    mover.attract(&course.affinities)?;
                }
                begin(epoch);
            }
            continue;
        }
        let end = (epoch + mover.at_once().max(1)).min(epochs);
        let rounds: Vec<Round> = (epoch..end)
            .map(|epoch| {
                let exaggeration = course.params.exaggeration_in(epoch, epochs);
                let rate = course.params.rate_for(n, exaggeration);
                Round { exaggeration, rate, momentum: MOMENTUM }
            })
            .collect();
        mover.advance(&rounds)?;
        let state = mover.state();
        ctx.progress.set(state.epoch as u64);
        watch(SoFar { state, epochs, steered: course.steered });
        if shown.elapsed() >= FRAME {
            show(state);
            shown = Instant::now();
        }
    }
    Ok(())
}

/// Moves points on the processor: every point reads where all stood after the last round.
pub struct OnProcessor {
    affinities: Arc<Affinities>,
    state: State,
    field: Field,
    pushes: Vec<[f32; 2]>,
    next: Vec<[f32; 2]>,
}

impl OnProcessor {
    /// The points of `course`, as [`Course::new`] gave them or as they were later.
    pub fn new(course: &Course, state: State) -> Self {
        Self {
            affinities: course.affinities.clone(),
            field: Field::default(),
            pushes: vec![[0.0; 2]; state.positions.len()],
            next: state.positions.clone(),
            state,
        }
    }

    /// What moved.
    pub fn into_state(self) -> State {
        self.state
    }
}

impl Mover for OnProcessor {
    type Error = std::convert::Infallible;

    fn at_once(&self) -> usize {
        1
    }

    fn advance(&mut self, rounds: &[Round]) -> Result<(), Self::Error> {
        for &Round { exaggeration, rate, momentum } in rounds {
            let state = &mut self.state;
            self.field.lay(&state.positions);
            let potentials = self.field.read(&state.positions, &mut self.pushes);
            let forces = Forces {
                affinities: &self.affinities,
                positions: &state.positions,
                pushes: &self.pushes,
                exaggeration,
                repulsion: (1.0 / normaliser(potentials, state.positions.len())) as f32,
                rate,
                momentum,
            };
            forces.run(&mut self.next, &mut state.velocity, &mut state.gains);
            std::mem::swap(&mut state.positions, &mut self.next);
            state.epoch += 1;
        }
        Ok(())
    }

    fn attract(&mut self, affinities: &Arc<Affinities>) -> Result<(), Self::Error> {
        self.affinities = affinities.clone();
        Ok(())
    }

    fn state(&self) -> &State {
        &self.state
    }
}

/// Z, the sum over all pairs, from that of the potentials, which counts each point as its own neighbour. Points too far
/// apart to feel each other leave a rounding error of that.
fn normaliser(potentials: f64, n: usize) -> f64 {
    (potentials - n as f64).max(1e-9 * potentials).max(f64::from(f32::MIN_POSITIVE))
}

/// A start with a finite value of everything for each of `n` points.
fn sound(mut start: State, n: usize, epochs: usize) -> State {
    start.positions.resize(n, [0.0; 2]);
    start.velocity.resize(n, [0.0; 2]);
    start.gains.resize(n, [1.0; 2]);
    start.positions.iter_mut().flatten().filter(|v| !v.is_finite()).for_each(|v| *v = 0.0);
    start.positions.iter_mut().flatten().for_each(|v| *v = v.clamp(-FARTHEST, FARTHEST));
    start.velocity.iter_mut().flatten().filter(|v| !v.is_finite()).for_each(|v| *v = 0.0);
    start.gains.iter_mut().flatten().filter(|v| !v.is_finite()).for_each(|v| *v = 1.0);
    start.epoch = start.epoch.min(epochs);
    start
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::data::{Key, Knn, Recall};
    use crate::math::quality::measure;
    use proptest::prelude::*;

    /// `n` points in `blobs` groups: each knows the `k` next of its own; every third pair is one of copies.
    fn knn(n: usize, k: usize, blobs: usize) -> Knn {
        let size = (n / blobs).max(1);
        let k = k.min(size - 1);
        let near =
            |i: usize| (1..=k).map(move |c| (i / size * size + (i % size + c) % size).min(n - 1) as u32);
        let indices = (0..n).flat_map(near).collect();
        let similarity =
            |i: usize, c: usize| if i.is_multiple_of(3) && c == 0 { 1.0 } else { 0.9 - 0.01 * c as f32 };
        let similarities = (0..n).flat_map(|i| (0..k).map(move |c| similarity(i, c))).collect();
        let key = Key::of("test", 1).finish();
        Knn { key, k, indices, similarities, recall: Recall::Exact, method: "test".into() }
    }

    fn affinities(n: usize, k: usize, blobs: usize) -> Affinities {
        Affinities::build(&knn(n, k, blobs), k as f32 / 3.0, &Ctx::quiet()).unwrap()
    }

    fn scattered(n: usize) -> State {
        let at = |i: usize| hash::normal(9, i as u64) as f32;
        State::at_rest(start_positions(&(0..n).map(|i| [at(2 * i), at(2 * i + 1)]).collect::<Vec<_>>(), 1), 0)
    }

    fn short(epochs: usize) -> TsneParams {
        TsneParams { epochs, ..TsneParams::default() }
    }

    fn lay_out(affinities: &Affinities, start: State, params: &TsneParams) -> Optimised {
        let live = Latest::default();
        optimise(affinities.clone(), start, params, &live, &mut |_| None, &mut |_| {}, &Ctx::quiet())
    }

    #[test]
    fn a_map_is_bit_equal_at_any_number_of_threads() {
        let affinities = affinities(3000, 12, 3);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| lay_out(&affinities, scattered(3000), &short(40)))
        };
        let one = with(1);
        assert_eq!(one, with(3));
        assert_eq!(one, with(2));
    }

    #[test]
    fn separate_blobs_stay_separate_and_close_to_themselves() {
        let (n, blobs) = (400, 4);
        let map = lay_out(&affinities(n, 30, blobs), scattered(n), &TsneParams::default()).state.positions;
        let blob = |i: usize| i / (n / blobs);
        let apart = |i: usize, j: usize| (map[i][0] - map[j][0]).hypot(map[i][1] - map[j][1]);
        for i in 0..n {
            let nearest = |same: bool| {
                let others = (0..n).filter(|&j| j != i && (blob(j) == blob(i)) == same);
                others.map(|j| apart(i, j)).fold(f32::INFINITY, f32::min)
            };
            assert!(nearest(true) < nearest(false), "{i} lies nearer to another blob");
        }
    }

    #[test]
    fn a_map_keeps_the_neighbours_of_a_curve() {
        // A ring in the plane: what a map in the plane can keep, it has to keep.
        let n = 300;
        let angle = |i: usize| std::f32::consts::TAU * i as f32 / n as f32;
        let values = (0..n).flat_map(|i| [angle(i).cos(), angle(i).sin()]).collect();
        let matrix = crate::data::Matrix::from_vec(Key::of("test", 1).finish(), "test", false, 2, values);
        let (found, _, recall) = crate::math::neighbours::find(
            &matrix,
            &crate::math::neighbours::NeighbourParams { k: 30, ..Default::default() },
            &Ctx::quiet(),
        )
        .unwrap();
        let key = Key::of("test", 1).finish();
        let knn = Knn {
            key,
            k: found.k,
            indices: found.indices,
            similarities: found.similarities,
            recall,
            method: "test".into(),
        };
        let affinities = Affinities::build(&knn, 10.0, &Ctx::quiet()).unwrap();
        let map = lay_out(&affinities, scattered(n), &TsneParams::default());
        let quality = measure(&matrix, &knn, &map.state.positions, 1, &Ctx::quiet()).unwrap();
        assert!(quality.trustworthiness > 0.97 && quality.knn_kept > 0.8, "{quality:?}");
    }

    #[test]
    fn a_stopped_map_continues_as_if_it_had_never_stopped() {
        let affinities = affinities(200, 9, 2);
        let whole = lay_out(&affinities, scattered(200), &short(20));
        let (live, ctx) = (Latest::default(), Ctx::quiet());
        let mut stop = |so_far: SoFar<'_>| {
            if so_far.state.epoch == 11 {
                ctx.cancel.cancel();
            }
        };
        let half =
            optimise(affinities.clone(), scattered(200), &short(20), &live, &mut |_| None, &mut stop, &ctx);
        assert_eq!((half.state.epoch, half.epochs), (11, 20));
        assert_eq!(lay_out(&affinities, half.state.clone(), &short(20)), whole);
        // Without its momentum it comes out elsewhere.
        let rest = State::at_rest(half.state.positions, 11);
        assert_ne!(lay_out(&affinities, rest, &short(20)).state.positions, whole.state.positions);
    }

    #[test]
    fn a_cancelled_map_is_what_there_is_and_its_start_was_shown() {
        let (send, receive) = channel();
        let ctx = Ctx::new(send, Arc::new(|| {}));
        ctx.cancel.cancel();
        let live = Latest::default();
        let stopped = optimise(
            affinities(50, 6, 1),
            scattered(50),
            &short(20),
            &live,
            &mut |_| None,
            &mut |_| {},
            &ctx,
        );
        assert_eq!(stopped, Optimised { state: scattered(50), epochs: 20, steered: false });
        let shown: Vec<Event> = receive.try_iter().collect();
        assert!(matches!(&shown[..], [Event::Layout { epoch: 0, epochs: 20, .. }]));
    }

    /// A map whose parameters become `newer` when it has done `at` of `epochs` rounds.
    fn steered(at: usize, newer: TsneParams, remake: &mut dyn FnMut(f32) -> Option<Affinities>) -> Optimised {
        let live = Latest::default();
        let mut watch = |so_far: SoFar<'_>| {
            if so_far.state.epoch == at {
                live.put(newer.clone());
            }
        };
        let start = scattered(300);
        optimise(affinities(300, 12, 3), start, &short(300), &live, remake, &mut watch, &Ctx::quiet())
    }

    fn extent(map: &Optimised) -> f32 {
        map.state.positions.iter().flatten().fold(0.0, |most, v| most.max(v.abs()))
    }

    #[test]
    fn exaggeration_acts_while_it_runs_and_draws_the_map_together() {
        let plain = lay_out(&affinities(300, 12, 3), scattered(300), &short(300));
        let drawn = steered(150, TsneParams { exaggeration: 8.0, ..short(300) }, &mut |_| None);
        assert!(drawn.steered && !plain.steered);
        assert!(extent(&drawn) < 0.7 * extent(&plain), "{} {}", extent(&drawn), extent(&plain));
    }

    #[test]
    fn another_perplexity_asks_for_other_affinities_while_it_runs() {
        let mut asked = Vec::new();
        let mut remake = |perplexity| {
            asked.push(perplexity);
            Some(affinities(300, 6, 3))
        };
        let newer = TsneParams { perplexity: 2.0, ..short(300) };
        let changed = steered(150, newer.clone(), &mut remake);
        assert_eq!(asked, [2.0]);
        // Where there are none to be had, the old ones stay.
        let same = steered(150, newer, &mut |_| None);
        let plain = lay_out(&affinities(300, 12, 3), scattered(300), &short(300));
        assert_eq!(same.state, plain.state);
        assert_ne!(changed.state, plain.state);
    }

    #[test]
    fn the_start_has_the_wanted_width_and_parts_copies() {
        let start = start_positions(&[[3.0, 1.0], [3.0, 1.0], [-5.0, 2.0], [f32::NAN, 0.0]], 7);
        assert_ne!(start[0], start[1]);
        assert!(start.iter().flatten().all(|v| v.abs() < 5e-4));
        let apart = (start[0][0] - start[2][0]).abs();
        assert!((1e-4..5e-4).contains(&apart), "{start:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn positions_stay_finite_whatever_the_start(
            n in 0usize..6, many in any::<bool>(), same in any::<bool>(),
            exaggeration in prop::num::f32::ANY, rate in prop::num::f32::ANY, early in prop::num::f32::ANY,
        ) {
            let n = if many { n + 30 } else { n };
            let mut start = scattered(n);
            if n > 4 {
                start.positions[n - 2] = [f32::MAX, -f32::MAX];
            }
            if same {
                start.positions.fill([1.0, f32::NAN]);
                start.velocity.fill([f32::INFINITY, 0.0]);
            }
            if n > 1 {
                start.positions.pop();
            }
            let params = TsneParams { exaggeration, rate, early_exaggeration: early, ..short(20) };
            let graph = if n < 2 { Affinities::default() } else { affinities(n, 6, 1) };
            let map = lay_out(&graph, start, &params);
            prop_assert_eq!(map.state.positions.len(), n);
            prop_assert!(map.state.positions.iter().flatten().all(|v| v.is_finite()));
            prop_assert_eq!(map.state.epoch, 20);
        }
    }
}
