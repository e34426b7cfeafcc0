//! UMAP's layout, vertex by vertex (McInnes, Healy, Melville 2018, §3.2; ALGORITHMS, "Parallel form").
//!
//! In an epoch every point reads where all others stood after the last one and moves itself, step by step: towards
//! those of its neighbours whose edge is due, and away from a few points drawn at random after each. No point
//! writes what another reads, so the result does not depend on the number of threads. Sixteen points with about
//! equally many steps go side by side, one a SIMD lane; the arithmetic is additions, products and divisions in
//! a fixed order, so lanes of any width, and machines, agree.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::fuzzy::FuzzyGraph;
use super::hash;
pub use super::umap_epoch::OnProcessor;
pub use super::umap_forces::Forces;
use crate::data::Pins;
use crate::job::{Ctx, Event, Latest};

/// Epochs when nobody says how many: small data want more (McInnes et al.).
const EPOCHS_SMALL: usize = 500;
const EPOCHS_LARGE: usize = 200;
const SMALL: usize = 10_000;

/// Random points for each neighbour: the paper has 5, but twice as many keep a sixth more neighbours (.234 → .274 of
/// 10,000 abstracts) for two thirds more time.
const NEGATIVES: usize = 10;

/// A layout is shown at most this often.
pub(super) const FRAME: Duration = Duration::from_millis(33);

/// What shapes the map. All but `epochs` and `seed` take effect while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UmapParams {
    /// How close similar points may lie, in units of the map.
    pub min_dist: f32,
    /// The scale on which the map spreads.
    pub spread: f32,
    /// Rounds; `None` chooses by the number of points.
    pub epochs: Option<usize>,
    /// Random points pushed away for each neighbour pulled near: more is truer and slower.
    pub negatives: usize,
    /// How hard they push.
    pub repulsion: f32,
    pub seed: u64,
}

impl Default for UmapParams {
    fn default() -> Self {
        Self { min_dist: 0.1, spread: 1.0, epochs: None, negatives: NEGATIVES, repulsion: 1.0, seed: 42 }
    }
}

impl UmapParams {
    /// How many epochs `n` points get.
    pub fn epochs_for(&self, n: usize) -> usize {
        self.epochs.unwrap_or(if n <= SMALL { EPOCHS_SMALL } else { EPOCHS_LARGE })
    }
}

/// What a person changes while a map moves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steering {
    pub params: UmapParams,
    /// Points that hold still where they were put; all others move about them.
    pub pins: Pins,
}

impl From<&UmapParams> for Steering {
    fn from(params: &UmapParams) -> Self {
        Self { params: params.clone(), pins: Pins::new() }
    }
}

/// Where a layout starts: fresh at epoch 0, or where an earlier one stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    pub positions: Vec<[f32; 2]>,
    pub epoch: usize,
}

/// A layout, finished when `epoch` equals `epochs` and stopped before otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimised {
    pub positions: Vec<[f32; 2]>,
    pub epoch: usize,
    pub epochs: usize,
    /// Whether its parameters were changed while it moved, or points were pinned: its parameters alone would give
    /// another one.
    pub steered: bool,
}

/// Lays `graph` out from `start`, which has a position for every point (missing ones count as 0, 0; those that the
/// graph does not know stay).
///
/// Newer parameters and pins are taken from `latest` between epochs. Layouts so far go out as events: the start at once,
/// then at most thirty a second. A stop by `ctx.cancel` returns what there is; continuing from it gives
/// the same as never having stopped.
pub fn optimise(
    graph: &FuzzyGraph,
    start: Start,
    params: &UmapParams,
    latest: &Latest<Steering>,
    ctx: &Ctx,
) -> Optimised {
    optimise_watched(graph, start, params.into(), latest, &mut |_| {}, ctx)
}

/// What a map has come to between two epochs.
#[derive(Clone, Copy, Debug)]
pub struct SoFar<'a> {
    pub positions: &'a [[f32; 2]],
    /// Rounds done.
    pub epoch: usize,
    pub epochs: usize,
    pub steered: bool,
}

/// The same, with pins from the start, and with `watch` called after every epoch, for whoever keeps what there is. The next epoch waits for it.
pub fn optimise_watched(
    graph: &FuzzyGraph,
    start: Start,
    steering: Steering,
    latest: &Latest<Steering>,
    watch: &mut dyn FnMut(SoFar<'_>),
    ctx: &Ctx,
) -> Optimised {
    // A single point has no neighbours, so its graph knows nothing of it.
    let n = graph.len().max(start.positions.len());
    let mut course = Course::new(steering, n, start.epoch);
    let mut mover = OnProcessor::new(graph, placed(start.positions, n));
    match drive(&mut mover, &mut course, latest, watch, ctx) {
        Ok(()) => course.reached(mover.into_positions()),
        Err(never) => match never {},
    }
}

/// How far a layout is on its way, and with which parameters.
#[derive(Clone, Debug)]
pub struct Course {
    /// Rounds done.
    pub epoch: usize,
    /// Rounds meant to be done.
    pub epochs: usize,
    /// Whether its parameters were changed while it moved, or points were pinned.
    pub steered: bool,
    steering: Steering,
}

impl Course {
    /// The way of `n` points from `epoch` on.
    pub fn new(steering: impl Into<Steering>, n: usize, epoch: usize) -> Self {
        let steering = steering.into();
        let epochs = steering.params.epochs_for(n);
        Self { epoch: epoch.min(epochs), epochs, steered: !steering.pins.is_empty(), steering }
    }

    /// What has become of the layout.
    pub fn reached(self, positions: Vec<[f32; 2]>) -> Optimised {
        Optimised { positions, epoch: self.epoch, epochs: self.epochs, steered: self.steered }
    }
}

/// `n` positions to start from: missing ones and those that are not finite are at 0, 0.
pub fn placed(mut positions: Vec<[f32; 2]>, n: usize) -> Vec<[f32; 2]> {
    positions.resize(n, [0.0; 2]);
    positions.iter_mut().flatten().filter(|v| !v.is_finite()).for_each(|v| *v = 0.0);
    positions
}

/// What moves points, epoch by epoch: the processor, or a graphics adapter.
pub trait Mover {
    /// Why it could not.
    type Error;

    /// Epochs that are best done together: parameters change and layouts are shown in between.
    fn at_once(&self) -> usize;

    /// Does some epochs. Where it fails, the points are where they were before.
    fn advance(&mut self, rounds: &[Round]) -> Result<(), Self::Error>;

    /// Puts the pinned points to their places, where they hold still from now on; all others are let go.
    fn hold(&mut self, pins: &Pins) -> Result<(), Self::Error>;

    /// Where the points are.
    fn positions(&mut self) -> Result<&[[f32; 2]], Self::Error>;
}

/// Moves points along their `course` to its end, or until `ctx` cancels it: see [`optimise_watched`]. Where `mover` fails,
/// `course` says how far it came, and another can go on from the positions it had.
pub fn drive<M: Mover>(
    mover: &mut M,
    course: &mut Course,
    latest: &Latest<Steering>,
    watch: &mut dyn FnMut(SoFar<'_>),
    ctx: &Ctx,
) -> Result<(), M::Error> {
    let (epochs, seed) = (course.epochs, course.steering.params.seed);
    let mut forces = Forces::new(&course.steering.params);
    if !course.steering.pins.is_empty() {
        mover.hold(&course.steering.pins)?;
    }
    ctx.progress.begin("Map", "epochs", epochs as u64, course.epoch as u64);
    let show = |positions: &[[f32; 2]], epoch| {
        ctx.send(Event::Layout { positions: Arc::new(positions.to_vec()), epoch, epochs });
    };
    show(mover.positions()?, course.epoch);
    let mut shown = Instant::now();
    while course.epoch < epochs && !ctx.cancel.is_cancelled() {
        if let Some(newer) = latest.take() {
            course.steered = true;
            forces = Forces::new(&newer.params);
            if course.steering.pins != newer.pins {
                mover.hold(&newer.pins)?;
            }
            course.steering = newer;
        }
        let end = (course.epoch + mover.at_once().max(1)).min(epochs);
        let rounds: Vec<Round> = (course.epoch..end)
            .map(|epoch| Round {
                epoch: epoch as u32,
                rate: 1.0 - epoch as f32 / epochs as f32,
                seed: hash::draw(seed, epoch as u64) as u32,
                phase: hash::mix(seed) as u32,
                forces,
            })
            .collect();
        mover.advance(&rounds)?;
        course.epoch = end;
        ctx.progress.set(end as u64);
        let positions = mover.positions()?;
        watch(SoFar { positions, epoch: end, epochs, steered: course.steered });
        if shown.elapsed() >= FRAME {
            show(positions, end);
            shown = Instant::now();
        }
    }
    Ok(())
}

/// One epoch, but for the points and their edges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    pub epoch: u32,
    /// How far a step goes, from 1 down to 0.
    pub rate: f32,
    /// Of the points that are pushed away.
    pub seed: u32,
    /// Where in the rhythm of its edges a map begins.
    pub phase: u32,
    pub forces: Forces,
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::data::{Key, Knn, Recall};
    use proptest::prelude::*;

    /// Points on a line, each joined to the `k` next on a ring; every third similarity is that of a duplicate.
    pub fn ring(n: usize, k: usize) -> FuzzyGraph {
        let k = k.min(n.saturating_sub(1));
        let indices = (0..n).flat_map(|i| (1..=k).map(move |c| ((i + c) % n) as u32)).collect();
        let similarity =
            |i: usize, c: usize| if i.is_multiple_of(3) && c == 0 { 1.0 } else { 0.9 - 0.05 * c as f32 };
        let similarities = (0..n).flat_map(|i| (0..k).map(move |c| similarity(i, c))).collect();
        let key = Key::of("test", 1).finish();
        let knn = Knn { key, k, indices, similarities, recall: Recall::Exact, method: "test".into() };
        FuzzyGraph::build(&knn, 500, &Ctx::quiet()).unwrap()
    }

    pub fn scattered(n: usize) -> Start {
        let at = |i: usize| hash::normal(9, i as u64) as f32;
        Start { positions: (0..n).map(|i| [at(2 * i), at(2 * i + 1)]).collect(), epoch: 0 }
    }

    fn lay_out(graph: &FuzzyGraph, start: Start, params: &UmapParams) -> Optimised {
        optimise(graph, start, params, &Latest::default(), &Ctx::quiet())
    }

    fn short(epochs: usize) -> UmapParams {
        UmapParams { epochs: Some(epochs), ..UmapParams::default() }
    }

    #[test]
    fn a_map_is_bit_equal_at_any_number_of_threads() {
        let graph = ring(3000, 8);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| lay_out(&graph, scattered(3000), &short(30)))
        };
        let one = with(1);
        assert_eq!(one, with(2));
        assert_eq!(one, with(5));
    }

    #[test]
    fn a_stopped_map_continues_as_if_it_had_never_stopped() {
        let graph = ring(200, 6);
        let whole = lay_out(&graph, scattered(200), &short(20));
        let (latest, ctx) = (Latest::default(), Ctx::quiet());
        let mut stop_after_7 = |so_far: SoFar<'_>| {
            if so_far.epoch == 7 {
                ctx.cancel.cancel();
            }
        };
        let half =
            optimise_watched(&graph, scattered(200), (&short(20)).into(), &latest, &mut stop_after_7, &ctx);
        assert_eq!((half.epoch, half.epochs), (7, 20));
        let rest = Start { positions: half.positions, epoch: half.epoch };
        assert_eq!(lay_out(&graph, rest, &short(20)), whole);
    }

    #[test]
    fn a_cancelled_map_is_what_there_is_and_its_start_was_shown() {
        let (send, receive) = channel();
        let ctx = Ctx::new(send, Arc::new(|| {}));
        ctx.cancel.cancel();
        let stopped = optimise(&ring(50, 4), scattered(50), &short(20), &Latest::default(), &ctx);
        assert_eq!(
            stopped,
            Optimised { positions: scattered(50).positions, epoch: 0, epochs: 20, steered: false }
        );
        let shown: Vec<Event> = receive.try_iter().collect();
        assert!(matches!(&shown[..], [Event::Layout { epoch: 0, epochs: 20, .. }]));
    }

    #[test]
    fn newer_parameters_take_effect_while_it_runs() {
        let graph = ring(300, 6);
        let plain = lay_out(&graph, scattered(300), &short(50));
        let latest = Latest::default();
        latest.put((&UmapParams { min_dist: 0.8, ..short(50) }).into());
        let newer = optimise(&graph, scattered(300), &short(50), &latest, &Ctx::quiet());
        let from_the_start = lay_out(&graph, scattered(300), &UmapParams { min_dist: 0.8, ..short(50) });
        assert_ne!(plain.positions, newer.positions);
        assert_eq!(newer.positions, from_the_start.positions);
        assert!(newer.steered && !from_the_start.steered);
    }

    #[test]
    fn neighbours_end_up_nearer_than_strangers() {
        let graph = ring(120, 4);
        let map = lay_out(&graph, scattered(120), &short(300)).positions;
        let apart = |i: usize, j: usize| (map[i][0] - map[j][0]).hypot(map[i][1] - map[j][1]);
        let near: f32 = (0..120).map(|i| apart(i, (i + 1) % 120)).sum();
        let far: f32 = (0..120).map(|i| apart(i, (i + 60) % 120)).sum();
        assert!(near * 5.0 < far, "{near} {far}");
    }

    #[test]
    fn pinned_points_stay_to_the_bit_and_the_others_gather_about_them() {
        let graph = ring(300, 6);
        let pins = Pins::from([(7, [8.0, -3.25]), (250, [0.1, 0.2])]);
        let steering = Steering { params: short(60), pins: pins.clone() };
        let pinned = optimise_watched(
            &graph,
            scattered(300),
            steering,
            &Latest::default(),
            &mut |so_far| {
                pins.iter().for_each(|(&row, place)| assert_eq!(so_far.positions[row as usize], *place));
            },
            &Ctx::quiet(),
        );
        assert!(pinned.steered);
        let free = lay_out(&graph, scattered(300), &short(60));
        let far =
            |map: &Optimised, row: usize| (map.positions[row][0] - 8.0).hypot(map.positions[row][1] + 3.25);
        assert!([6, 8].iter().all(|&row| far(&pinned, row) < 0.5 * far(&free, row)));
    }

    #[test]
    fn a_point_pinned_while_the_map_moves_holds_still_until_it_is_released() {
        let graph = ring(200, 6);
        let (latest, mut held) = (Latest::default(), Vec::new());
        let mut watch = |so_far: SoFar<'_>| {
            match so_far.epoch {
                10 => latest.put(Steering { params: short(40), pins: Pins::from([(3, [9.0, 9.0])]) }),
                20 => latest.put((&short(40)).into()),
                _ => {}
            }
            held.push(so_far.positions[3] == [9.0, 9.0]);
        };
        optimise_watched(&graph, scattered(200), (&short(40)).into(), &latest, &mut watch, &Ctx::quiet());
        assert!(held[10..20].iter().all(|&held| held) && !held[..10].contains(&true));
        assert!(!held[20..].contains(&true));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn positions_stay_finite_whatever_the_start(
            n in 0usize..40, same in any::<bool>(), min_dist in 0.0f32..2.0, spread in 0.01f32..3.0,
            negatives in 0usize..30, repulsion in 0.0f32..100.0,
        ) {
            let mut start = scattered(n);
            if same {
                start.positions.fill([1.0, f32::NAN]);
            }
            if n > 1 {
                start.positions.pop();
            }
            let params = UmapParams { min_dist, spread, negatives, repulsion, ..short(30) };
            let map = lay_out(&ring(n, 4), start, &params);
            prop_assert_eq!(map.positions.len(), n);
            prop_assert!(map.positions.iter().flatten().all(|v| v.is_finite()));
            prop_assert_eq!(map.epoch, 30);
        }
    }
}
