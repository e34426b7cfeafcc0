//! UMAP's layout, vertex by vertex (McInnes, Healy, Melville 2018, §3.2; ALGORITHMS, "Parallel form").
//!
//! In an epoch every point reads where all others stood after the last one and moves itself, step by step: towards
//! those of its neighbours whose edge is due, and away from a few points drawn at random after each. No point
//! writes what another reads, so the result does not depend on the number of threads. Sixteen points with about
//! equally many steps go side by side, one a SIMD lane; the arithmetic is additions, products and divisions in
//! a fixed order, so lanes of any width, and machines, agree.

use std::f32::consts::{LN_2, LOG2_E};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::fuzzy::FuzzyGraph;
use super::hash::{self, mix32};
use super::umap_curve::fit_curve;
use crate::job::{Ctx, Event, Latest};

/// Epochs when nobody says how many: small data want more (McInnes et al.).
const EPOCHS_SMALL: usize = 500;
const EPOCHS_LARGE: usize = 200;
const SMALL: usize = 10_000;

/// Each component of one step is clipped to this before the learning rate.
const CLIP: f32 = 4.0;

/// An edge is stored from either end, and the sequential form moves both ends for each. Here a point moves only itself,
/// so that it takes both pulls at once (measured as true as two steps in a row, and an eighth faster).
const BOTH_ENDS: f32 = 2.0;

/// Keeps the repulsion of close points finite.
const SOFTENING: f32 = 0.001;

/// Squared distances are raised to this, so that no power of them overflows.
const LEAST_SQUARED: f32 = 1e-12;

/// Points side by side.
const LANES: usize = 16;

/// Points of one task: enough to sort by steps, few enough to keep all cores busy to the end of an epoch.
const CHUNK: usize = 256;

/// Points with more steps than this in one epoch share a bucket when a chunk is sorted.
const BUCKETS: usize = 64;

/// Random points for each neighbour: the paper has 5, but twice as many keep a sixth more neighbours (.234 → .274 of
/// 10,000 abstracts) for two thirds more time.
const NEGATIVES: usize = 10;

/// Negatives a step are at most this many.
const MAX_NEGATIVES: usize = 200;

/// A layout is shown at most this often.
const FRAME: Duration = Duration::from_millis(33);

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
    /// Whether its parameters were changed while it moved: they alone would give another one.
    pub steered: bool,
}

/// Lays `graph` out from `start`, which has a position for every point (missing ones count as 0, 0; those that the
/// graph does not know stay).
///
/// Newer parameters are taken from `latest` between epochs. Layouts so far go out as events: the start at once,
/// then at most thirty a second. A stop by `ctx.cancel` returns what there is; continuing from it gives
/// the same as never having stopped.
pub fn optimise(
    graph: &FuzzyGraph,
    start: Start,
    params: &UmapParams,
    latest: &Latest<UmapParams>,
    ctx: &Ctx,
) -> Optimised {
    optimise_watched(graph, start, params, latest, &mut |_| {}, ctx)
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

/// The same, with `watch` called after every epoch, for whoever keeps what there is. The next epoch waits for it.
pub fn optimise_watched(
    graph: &FuzzyGraph,
    start: Start,
    params: &UmapParams,
    latest: &Latest<UmapParams>,
    watch: &mut dyn FnMut(SoFar<'_>),
    ctx: &Ctx,
) -> Optimised {
    // A single point has no neighbours, so its graph knows nothing of it.
    let n = graph.len().max(start.positions.len());
    let mut course = Course::new(params, n, start.epoch);
    let mut mover = OnProcessor::new(graph, placed(start.positions, n));
    match drive(&mut mover, &mut course, latest, watch, ctx) {
        Ok(()) => course.reached(mover.positions),
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
    /// Whether its parameters were changed while it moved.
    pub steered: bool,
    params: UmapParams,
}

impl Course {
    /// The way of `n` points from `epoch` on.
    pub fn new(params: &UmapParams, n: usize, epoch: usize) -> Self {
        let epochs = params.epochs_for(n);
        Self { epoch: epoch.min(epochs), epochs, steered: false, params: params.clone() }
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

    /// Where the points are.
    fn positions(&mut self) -> Result<&[[f32; 2]], Self::Error>;
}

/// Moves points along their `course` to its end, or until `ctx` cancels it: see [`optimise_watched`]. Where `mover` fails,
/// `course` says how far it came, and another can go on from the positions it had.
pub fn drive<M: Mover>(
    mover: &mut M,
    course: &mut Course,
    latest: &Latest<UmapParams>,
    watch: &mut dyn FnMut(SoFar<'_>),
    ctx: &Ctx,
) -> Result<(), M::Error> {
    let (epochs, seed) = (course.epochs, course.params.seed);
    let mut forces = Forces::new(&course.params);
    ctx.progress.begin("Map", "epochs", epochs as u64, course.epoch as u64);
    let show = |positions: &[[f32; 2]], epoch| {
        ctx.send(Event::Layout { positions: Arc::new(positions.to_vec()), epoch, epochs });
    };
    show(mover.positions()?, course.epoch);
    let mut shown = Instant::now();
    while course.epoch < epochs && !ctx.cancel.is_cancelled() {
        if let Some(newer) = latest.take() {
            course.steered = true;
            forces = Forces::new(&newer);
            course.params = newer;
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

/// The parameters as the inner loop wants them: attraction is `attraction` d^(2b) / (d² (1 + a d^(2b))), repulsion
/// `repulsion` / ((.001 + d²) (1 + a d^(2b))), each times the difference of the positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forces {
    pub a: f32,
    pub b: f32,
    pub attraction: f32,
    pub repulsion: f32,
    /// Points pushed away for each pulled near.
    pub negatives: u32,
}

impl Forces {
    fn new(params: &UmapParams) -> Self {
        let (a, b) = fit_curve(params.min_dist, params.spread);
        let repulsion = if params.repulsion.is_finite() { params.repulsion.clamp(0.0, 1e3) } else { 1.0 };
        Self {
            a,
            b,
            attraction: -2.0 * a * b,
            repulsion: 2.0 * b * repulsion,
            negatives: params.negatives.min(MAX_NEGATIVES) as u32,
        }
    }
}

/// What one task needs and keeps for the next.
#[derive(Default)]
struct Scratch {
    /// Targets of all edges of the chunk that are due, point after point.
    due: Vec<u32>,
    /// Where those of each point begin and how many they are.
    spans: Vec<(u32, u32)>,
    /// The chunk's points, most steps first.
    order: Vec<u32>,
}

/// Moves points on the processor: every point reads where all stood after the last epoch.
pub struct OnProcessor<'a> {
    graph: &'a FuzzyGraph,
    /// Where the points are.
    pub positions: Vec<[f32; 2]>,
    next: Vec<[f32; 2]>,
}

impl<'a> OnProcessor<'a> {
    /// The points of `graph`, and perhaps more, which stay; as many `positions` as points ([`placed`]).
    pub fn new(graph: &'a FuzzyGraph, positions: Vec<[f32; 2]>) -> Self {
        Self { graph, next: positions.clone(), positions }
    }
}

impl Mover for OnProcessor<'_> {
    type Error = std::convert::Infallible;

    fn at_once(&self) -> usize {
        1
    }

    fn advance(&mut self, rounds: &[Round]) -> Result<(), Self::Error> {
        for &round in rounds {
            let epoch = Epoch { graph: self.graph, positions: &self.positions, round };
            let moving = &mut self.next[..self.graph.len()];
            moving.par_chunks_mut(CHUNK).enumerate().for_each_init(
                Scratch::default,
                |scratch, (chunk, out)| {
                    epoch.run(chunk * CHUNK, out, scratch);
                },
            );
            std::mem::swap(&mut self.positions, &mut self.next);
        }
        Ok(())
    }

    fn positions(&mut self) -> Result<&[[f32; 2]], Self::Error> {
        Ok(&self.positions)
    }
}

/// One epoch: everything that the points read.
struct Epoch<'a> {
    graph: &'a FuzzyGraph,
    positions: &'a [[f32; 2]],
    round: Round,
}

impl Epoch<'_> {
    /// Moves the points `first..first + out.len()`.
    fn run(&self, first: usize, out: &mut [[f32; 2]], scratch: &mut Scratch) {
        self.collect_due(first, out.len(), scratch);
        sort_by_steps(scratch);
        let mut drawn = vec![[0u32; LANES]; self.round.forces.negatives as usize];
        for group in scratch.order.chunks(LANES) {
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, as just asked.
                unsafe { self.move_group_avx2(first, group, scratch, &mut drawn, out) };
                continue;
            }
            self.move_group(first, group, scratch, &mut drawn, out);
        }
    }

    /// An edge with weight p is due ⌊(e + 1)p + φ⌋ − ⌊e p + φ⌋ times in epoch e; φ follows the golden ratio along
    /// the edges, which spreads a point's steps evenly over the epochs.
    fn collect_due(&self, first: usize, count: usize, scratch: &mut Scratch) {
        let offsets = &self.graph.offsets()[first..=first + count];
        let edges = &self.graph.edges()[offsets[0] as usize..offsets[count] as usize];
        scratch.spans.clear();
        scratch.due.resize(scratch.due.len().max(edges.len() + 1), 0);
        let mut end = 0;
        let mut at = offsets[0];
        for row in offsets.windows(2) {
            let begin = end;
            for edge in &edges[(row[0] - offsets[0]) as usize..(row[1] - offsets[0]) as usize] {
                let phase = at.wrapping_mul(0x9E37_79B9).wrapping_add(self.round.phase) >> 24;
                let before = self.round.epoch.wrapping_mul(edge.due()).wrapping_add(phase) & 0xff;
                scratch.due[end] = edge.target();
                end += usize::from(before + edge.due() > 0xff);
                at += 1;
            }
            scratch.spans.push((begin as u32, (end - begin) as u32));
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn move_group_avx2(
        &self,
        first: usize,
        group: &[u32],
        scratch: &Scratch,
        drawn: &mut [[u32; LANES]],
        out: &mut [[f32; 2]],
    ) {
        self.move_group(first, group, scratch, drawn, out);
    }

    /// Moves up to [`LANES`] points, whose numbers within the chunk are `group`, most steps first.
    #[inline(always)]
    fn move_group(
        &self,
        first: usize,
        group: &[u32],
        scratch: &Scratch,
        drawn: &mut [[u32; LANES]],
        out: &mut [[f32; 2]],
    ) {
        let n = self.positions.len() as u64;
        let (mut x, mut y) = ([0.0f32; LANES], [0.0f32; LANES]);
        let (mut begin, mut steps) = ([0u32; LANES], [0u32; LANES]);
        let (mut own, mut stream) = ([u32::MAX; LANES], [0u32; LANES]);
        for (lane, &local) in group.iter().enumerate() {
            own[lane] = first as u32 + local;
            stream[lane] = self.round.seed ^ own[lane].wrapping_mul(0x85EB_CA6B);
            [x[lane], y[lane]] = self.positions[own[lane] as usize];
            (begin[lane], steps[lane]) = scratch.spans[local as usize];
        }
        let (mut tx, mut ty) = ([0.0f32; LANES], [0.0f32; LANES]);
        let mut rate = [0.0f32; LANES];
        let mut draw = 0u32;
        for step in 0..steps[0] {
            for lane in 0..LANES {
                let active = step < steps[lane];
                rate[lane] = if active { self.round.rate } else { 0.0 };
                let target = scratch.due[(begin[lane] + if active { step } else { 0 }) as usize];
                [tx[lane], ty[lane]] = self.positions[target as usize];
            }
            self.round.forces.attract(&mut x, &mut y, &tx, &ty, &rate);
            for targets in drawn.iter_mut() {
                draw = draw.wrapping_add(0x9E37_79B9);
                for lane in 0..LANES {
                    targets[lane] = below(mix32(stream[lane].wrapping_add(draw)), n);
                }
            }
            for targets in drawn.iter() {
                for lane in 0..LANES {
                    [tx[lane], ty[lane]] = self.positions[targets[lane] as usize];
                }
                let mut push = rate;
                for lane in 0..LANES {
                    // A point does not flee from where it just stood.
                    push[lane] = if targets[lane] == own[lane] { 0.0 } else { push[lane] };
                }
                self.round.forces.repel(&mut x, &mut y, &tx, &ty, &push);
            }
        }
        for (lane, &local) in group.iter().enumerate() {
            out[local as usize] = [x[lane], y[lane]];
        }
    }
}

/// Orders the chunk's points by falling number of steps: a counting sort, stable.
fn sort_by_steps(scratch: &mut Scratch) {
    let bucket = |steps: u32| BUCKETS - 1 - (steps as usize).min(BUCKETS - 1);
    let mut starts = [0u32; BUCKETS + 1];
    for &(_, steps) in &scratch.spans {
        starts[bucket(steps) + 1] += 1;
    }
    for b in 0..BUCKETS {
        starts[b + 1] += starts[b];
    }
    scratch.order.clear();
    scratch.order.resize(scratch.spans.len(), 0);
    for (local, &(_, steps)) in scratch.spans.iter().enumerate() {
        let at = &mut starts[bucket(steps)];
        scratch.order[*at as usize] = local as u32;
        *at += 1;
    }
    // The first bucket holds all that have very many: their exact order matters to the lanes' common bound.
    let many = scratch.spans.iter().filter(|(_, steps)| *steps as usize >= BUCKETS - 1).count();
    scratch.order[..many].sort_by_key(|&local| std::cmp::Reverse(scratch.spans[local as usize].1));
}

impl Forces {
    /// One step of every lane towards its target.
    #[inline(always)]
    fn attract(
        &self,
        x: &mut [f32; LANES],
        y: &mut [f32; LANES],
        tx: &[f32; LANES],
        ty: &[f32; LANES],
        rate: &[f32; LANES],
    ) {
        for lane in 0..LANES {
            let (dx, dy) = (x[lane] - tx[lane], y[lane] - ty[lane]);
            let squared = (dx * dx + dy * dy).max(LEAST_SQUARED);
            let power = power(squared, self.b);
            let pull = self.attraction * power / (squared * (1.0 + self.a * power));
            x[lane] += BOTH_ENDS * rate[lane] * clip(pull * dx);
            y[lane] += BOTH_ENDS * rate[lane] * clip(pull * dy);
        }
    }

    /// One step of every lane away from its target.
    #[inline(always)]
    fn repel(
        &self,
        x: &mut [f32; LANES],
        y: &mut [f32; LANES],
        tx: &[f32; LANES],
        ty: &[f32; LANES],
        rate: &[f32; LANES],
    ) {
        for lane in 0..LANES {
            let (dx, dy) = (x[lane] - tx[lane], y[lane] - ty[lane]);
            let squared = (dx * dx + dy * dy).max(LEAST_SQUARED);
            let power = power(squared, self.b);
            let push = self.repulsion / ((SOFTENING + squared) * (1.0 + self.a * power));
            x[lane] += rate[lane] * clip(push * dx);
            y[lane] += rate[lane] * clip(push * dy);
        }
    }
}

#[inline(always)]
fn clip(v: f32) -> f32 {
    v.clamp(-CLIP, CLIP)
}

/// A number below `n` from a hash.
#[inline(always)]
fn below(random: u32, n: u64) -> u32 {
    (u64::from(random).wrapping_mul(n) >> 32) as u32
}

/// `v` to the `exponent`, for positive normal `v`, within 2e-5 of the true value, by polynomials for log₂ and 2ˣ:
/// the same on every machine, which the C library's is not.
#[inline(always)]
fn power(v: f32, exponent: f32) -> f32 {
    // v = 2^e · m with m in [√½, √2).
    let bits = v.to_bits();
    let shifted = bits.wrapping_sub(0x3F35_04F3);
    let e = (shifted as i32 >> 23) as f32;
    let m = f32::from_bits(bits.wrapping_sub(shifted & 0xFF80_0000));
    // log₂ m = (2 / ln 2) · artanh(t), t = (m − 1) / (m + 1).
    let t = (m - 1.0) / (m + 1.0);
    let t2 = t * t;
    let log2 = e + t * (2.0 * LOG2_E + t2 * (0.961_796_7 + t2 * (0.577_078 + t2 * 0.412_198_6)));
    // 2^y = 2^k · 2^f with f in [−½, ½]; adding and taking away 1.5 · 2²³ rounds to a whole number.
    let y = (log2 * exponent).clamp(-125.0, 125.0);
    let whole = y + 12_582_912.0;
    let f = y - (whole - 12_582_912.0);
    let scale = f32::from_bits((whole.to_bits() << 23).wrapping_add(0x3F80_0000));
    let exp2 = 1.0 + f * (LN_2 + f * (0.240_226_5 + f * (0.055_504_1 + f * (0.009_618_1 + f * 0.001_333_4))));
    exp2 * scale
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::data::{Key, Knn, Recall};
    use proptest::prelude::*;

    /// Points on a line, each joined to the `k` next on a ring; every third similarity is that of a duplicate.
    fn ring(n: usize, k: usize) -> FuzzyGraph {
        let k = k.min(n.saturating_sub(1));
        let indices = (0..n).flat_map(|i| (1..=k).map(move |c| ((i + c) % n) as u32)).collect();
        let similarity =
            |i: usize, c: usize| if i.is_multiple_of(3) && c == 0 { 1.0 } else { 0.9 - 0.05 * c as f32 };
        let similarities = (0..n).flat_map(|i| (0..k).map(move |c| similarity(i, c))).collect();
        let key = Key::of("test", 1).finish();
        let knn = Knn { key, k, indices, similarities, recall: Recall::Exact, method: "test".into() };
        FuzzyGraph::build(&knn, 500, &Ctx::quiet()).unwrap()
    }

    fn scattered(n: usize) -> Start {
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
    fn lanes_do_not_influence_each_other() {
        // The AVX2 form and the plain one, and groups of any make-up, must move a point the same way.
        let graph = ring(40, 5);
        let positions = scattered(40).positions;
        let forces = Forces::new(&UmapParams::default());
        let round = Round { epoch: 3, rate: 0.7, seed: 5, phase: 6, forces };
        let round = Epoch { graph: &graph, positions: &positions, round };
        let (mut together, mut alone) = (vec![[0.0; 2]; 40], vec![[0.0; 2]; 40]);
        let mut scratch = Scratch::default();
        round.run(0, &mut together, &mut scratch);
        let mut drawn = vec![[0; LANES]; forces.negatives as usize];
        (0..40).for_each(|i| round.move_group(0, &[i], &scratch, &mut drawn, &mut alone));
        assert_eq!(together, alone);
        assert_ne!(together, positions);
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
        let half = optimise_watched(&graph, scattered(200), &short(20), &latest, &mut stop_after_7, &ctx);
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
        latest.put(UmapParams { min_dist: 0.8, ..short(50) });
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
    fn an_edge_is_due_as_often_as_its_weight_says() {
        let graph = ring(50, 6);
        let positions = vec![[0.0; 2]; 50];
        let forces = Forces::new(&UmapParams::default());
        let mut counts = vec![0; 50];
        let mut scratch = Scratch::default();
        for epoch in 0..256 {
            let round = Round { epoch, rate: 1.0, seed: 1, phase: 77, forces };
            Epoch { graph: &graph, positions: &positions, round }.collect_due(0, 50, &mut scratch);
            scratch.spans.iter().zip(&mut counts).for_each(|(span, count)| *count += span.1);
        }
        let wanted: Vec<u32> = (0..50).map(|i| graph.of(i).iter().map(|edge| edge.due()).sum()).collect();
        assert_eq!(counts, wanted);
    }

    #[test]
    fn powers_are_close_to_the_true_ones() {
        for i in 0..4000 {
            let v = 10f32.powf(-11.0 + i as f32 * 0.005);
            for exponent in [0.1, 0.8951, 1.0, 2.5] {
                let truth = f64::from(v).powf(f64::from(exponent));
                let share = (f64::from(power(v, exponent)) / truth - 1.0).abs();
                assert!(share < 2e-5 || !(1e-37..1e37).contains(&truth), "{v}^{exponent}: {share}");
            }
        }
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
