//! Neighbours to places on the map.

use std::sync::Arc;

use crate::data::{Key, Knn, Layout, Matrix, Pins};
use crate::gpu::GpuError;
use crate::io::cache::Cache;
use crate::job::{Ctx, Event, Latest};
use crate::math::fuzzy::FuzzyGraph;
use crate::math::neighbours::NeighbourParams;
use crate::math::pca;
use crate::math::settle;
use crate::math::tsne::TsneParams;
use crate::math::umap::{self, Course, OnProcessor, Optimised, Start, Steering};

use super::checkpoint::Checkpoints;
use super::compute::{self, Compute, Computers, Tools, Units, Work};
use super::mover::OnAdapter;
use super::{MapMethod, MapParams, StageError, components, tsne};

/// What a map is made of.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    pub matrix: &'a Matrix,
    pub knn: &'a Knn,
    /// How more neighbours are found for a method that wants more than `knn` has; `None`: those have to do.
    pub search: Option<&'a NeighbourParams>,
}

/// What a person has to do with a map: pins, and newer parameters and pins on their way into one that moves.
#[derive(Clone, Debug, Default)]
pub struct Live {
    pub umap: Latest<Steering>,
    pub tsne: Latest<TsneParams>,
    /// Documents that hold still from the start; only UMAP has any.
    pub pins: Pins,
}

impl Live {
    /// Puts in what `params` has for its method, and the documents that hold still now.
    pub fn put(&self, params: &MapParams, pins: &Pins) {
        match params.method {
            MapMethod::Umap => self.umap.put(Steering { params: params.umap.clone(), pins: pins.clone() }),
            MapMethod::Tsne => self.tsne.put(params.tsne.clone()),
            MapMethod::Pca => {}
        }
    }
}

/// The key of the map that these parameters give, run to its end.
pub fn key(inputs: &Inputs<'_>, params: &MapParams) -> Key {
    let key = Key::of("layout", 2).input(inputs.matrix.key);
    match params.method {
        MapMethod::Umap => key.input(inputs.knn.key).params(&params.method).params(&params.umap).finish(),
        MapMethod::Pca => key.input(inputs.knn.key).params(&params.method).finish(),
        MapMethod::Tsne => key
            .input(tsne::graph_key(inputs, &params.tsne))
            .params(&params.method)
            .params(&params.tsne)
            .finish(),
    }
}

/// The key of the map that stands for `whole` with `pins`: its own without any.
pub fn pinned_key(whole: Key, pins: &Pins) -> Key {
    if pins.is_empty() {
        return whole;
    }
    let places = pins.iter().map(|(row, place)| (row, place.map(f32::to_bits)));
    Key::of("pinned layout", 1).input(whole).params(&places.collect::<Vec<_>>()).finish()
}

fn steered_key(whole: Key, positions: &[[f32; 2]]) -> Key {
    Key::of("steered layout", 1).input(whole).bytes(bytemuck::cast_slice(positions)).finish()
}

/// The key of the map `whole` stopped after `epoch` rounds that nobody steered: these are values as good as any, for
/// going on from there gives the map `whole` bit by bit.
pub(super) fn stopped_key(whole: Key, epoch: usize) -> Key {
    Key::of("stopped layout", 1).input(whole).params(&epoch).finish()
}

/// How far a map came.
pub(super) struct Reached {
    /// Positions, and what else a checkpoint has to keep.
    pub parts: Vec<Vec<[f32; 2]>>,
    /// Rounds done and meant to be done.
    pub epochs: (usize, usize),
    /// Whether it is a part of the run that the parameters alone would give.
    pub plain: bool,
}

/// Lays the documents out. The first positions (two principal components) are sent at once, then the map as it
/// moves; `live` takes parameters while it runs. A cancelled map is returned as far as it came.
///
/// `start` is a map of the same documents that was stopped: it goes on from there. With a `cache` a finished map is
/// kept and not computed again, and one that moves is kept every few seconds: after a stop, a crash or a power cut
/// the next run with the same vectors, neighbours and parameters goes on from there, and ends bit-equal to a run
/// that was never interrupted. A map that was steered or has pins is not kept.
pub fn run(
    inputs: &Inputs<'_>,
    params: &MapParams,
    start: Option<&Layout>,
    live: &Live,
    tools: Tools<'_>,
    ctx: &Ctx,
) -> Result<Layout, StageError> {
    let key = key(inputs, params);
    let n = inputs.matrix.rows();
    let method = params.method.name();
    // Pins make another map: nothing of it is looked for in the cache, nor kept there.
    let Tools { cache, on } = Tools { cache: tools.cache.filter(|_| live.pins.is_empty()), ..tools };
    let start = start.filter(|layout| layout.method == method && layout.positions.len() == n);
    let kept = cache.and_then(|cache| cache.load_layout(key)).filter(|kept| kept.positions.len() == n);
    if let (Some(layout), None) = (kept, start) {
        let (epoch, epochs) = layout.epochs;
        ctx.progress.begin("Map", "epochs", epochs as u64, epoch as u64);
        ctx.send(Event::Layout { positions: layout.positions.clone(), epoch, epochs });
        return Ok(layout);
    }
    let mut checkpoints = Checkpoints::new(cache, key);
    let reached = match params.method {
        MapMethod::Pca => {
            Reached { parts: vec![components::run(inputs.matrix, on, ctx)?], epochs: (1, 1), plain: true }
        }
        MapMethod::Umap => {
            let steering = Steering { params: params.umap.clone(), pins: live.pins.clone() };
            by_umap(inputs, steering, (key, start), &live.umap, (on, &mut checkpoints), ctx)?
        }
        MapMethod::Tsne => {
            tsne::run(inputs, &params.tsne, (key, start), &live.tsne, (tools, &mut checkpoints), ctx)?
        }
    };
    let positions = reached.parts.first().cloned().unwrap_or_default();
    let (epoch, epochs) = reached.epochs;
    // A map that a person steered is not the one its parameters alone would give: its key says so.
    let key_reached = match (reached.plain, epoch == epochs) {
        (true, true) => key,
        (true, false) => stopped_key(key, epoch),
        (false, _) => steered_key(key, &positions),
    };
    let positions = Arc::new(positions);
    let layout = Layout { key: key_reached, positions, method: method.into(), epochs: reached.epochs };
    if layout.key == key {
        keep(&layout, cache, ctx);
        checkpoints.forget();
    } else if reached.plain {
        let parts: Vec<&[[f32; 2]]> = reached.parts.iter().map(Vec::as_slice).collect();
        checkpoints.save(&parts, reached.epochs, ctx);
    }
    Ok(layout)
}

pub(super) fn failed(error: impl std::fmt::Display, ctx: &Ctx) -> StageError {
    if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
}

/// Where the last run of the map `whole` stopped, as far as this is its part: then going on is plain.
fn is_plain(whole: Key, start: Option<&Layout>) -> bool {
    start.is_none_or(|layout| layout.key == stopped_key(whole, layout.epochs.0))
}

fn by_umap(
    inputs: &Inputs<'_>,
    steering: Steering,
    (key, start): (Key, Option<&Layout>),
    live: &Latest<Steering>,
    (on, checkpoints): (&Computers, &mut Checkpoints<'_>),
    ctx: &Ctx,
) -> Result<Reached, StageError> {
    let n = inputs.matrix.rows();
    let params = &steering.params;
    let epochs = params.epochs_for(n);
    let resumed = match start {
        Some(layout) => Some(Start { positions: layout.positions.to_vec(), epoch: layout.epochs.0 }),
        None => checkpoints
            .load(n, 1, epochs)
            .map(|mut kept| Start { positions: kept.parts.swap_remove(0), epoch: kept.epoch }),
    };
    let begin = match resumed {
        Some(begin) => begin,
        None => {
            let positions = pca::start_positions(&components::run(inputs.matrix, on, ctx)?, params.seed);
            ctx.send(Event::Layout { positions: Arc::new(positions.clone()), epoch: 0, epochs: 0 });
            Start { positions, epoch: 0 }
        }
    };
    ctx.progress.begin("Weighing neighbours", "documents", n as u64, 0);
    let graph = FuzzyGraph::build(inputs.knn, epochs, ctx).map_err(|error| failed(error, ctx))?;
    let plain = steering.pins.is_empty() && is_plain(key, start);
    let mut watch = |so_far: umap::SoFar<'_>| {
        if plain && !so_far.steered && so_far.epoch < so_far.epochs {
            checkpoints.offer(&[so_far.positions], (so_far.epoch, so_far.epochs), ctx);
        }
    };
    let reached = lay_out(&graph, begin, steering, live, &mut watch, on, ctx);
    Ok(Reached {
        parts: vec![reached.positions],
        epochs: (reached.epoch, reached.epochs),
        plain: plain && !reached.steered,
    })
}

/// Moves the points to the end, on whatever is faster. Where an adapter fails, the processor goes on from where it was.
fn lay_out(
    graph: &FuzzyGraph,
    begin: Start,
    steering: Steering,
    live: &Latest<Steering>,
    watch: &mut dyn FnMut(umap::SoFar<'_>),
    on: &Computers,
    ctx: &Ctx,
) -> Optimised {
    // A single point has no neighbours, so its graph knows nothing of it.
    let n = graph.len().max(begin.positions.len());
    let negatives = steering.params.negatives;
    let mut course = Course::new(steering, n, begin.epoch);
    let mut positions = umap::placed(begin.positions, n);
    let left = (1 + negatives) * (course.epochs - course.epoch);
    let units = Units::same(graph.due() * left as f64);
    if let Compute::Gpu(context) = on.choose(Work::Umap, units, ctx) {
        let failed = match OnAdapter::new(&context, graph, positions.clone(), ctx) {
            Err(error) => Some(error),
            Ok(mut mover) => {
                let ended = umap::drive(&mut mover, &mut course, live, watch, ctx);
                positions = mover.into_positions();
                ended.err()
            }
        };
        match failed {
            None | Some(GpuError::Cancelled(_)) => return course.reached(positions),
            Some(error) => compute::took_over(&error, ctx),
        }
    }
    let mut mover = OnProcessor::new(graph, positions);
    match umap::drive(&mut mover, &mut course, live, watch, ctx) {
        Ok(()) => course.reached(mover.into_positions()),
        Err(never) => match never {},
    }
}

/// Lets the map `layout`, at rest with the pins `before`, settle to those of `live`: what is near the documents in
/// question follows them, nothing else moves. Where no document has to move, the map stays the same value.
pub fn settle(
    knn: &Knn,
    params: &MapParams,
    (layout, before): (&Arc<Layout>, &Pins),
    live: &Live,
    ctx: &Ctx,
) -> Arc<Layout> {
    let stands = |row: &u32| match (live.pins.get(row), layout.positions.get(*row as usize)) {
        (Some(pin), Some(position)) => pin == position,
        (None, Some(_)) => false,
        (_, None) => true,
    };
    let mut stirred = settle::differing(before, &live.pins);
    stirred.retain(|row| !stands(row));
    if stirred.is_empty() {
        return layout.clone();
    }
    let steering = Steering { params: params.umap.clone(), pins: live.pins.clone() };
    let settled = settle::settle(knn, layout.positions.to_vec(), &stirred, steering, &live.umap, ctx);
    let key = steered_key(layout.key, &settled.positions);
    Arc::new(Layout { key, positions: Arc::new(settled.positions), ..(**layout).clone() })
}

fn keep(layout: &Layout, cache: Option<&Cache>, ctx: &Ctx) {
    if let Some(Err(error)) = cache.map(|cache| cache.save_layout(layout)) {
        ctx.warn(format!("The map could not be kept for the next time: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Recall;
    use crate::math::hash;
    use crate::math::neighbours::{self, NeighbourParams};
    use crate::math::umap::UmapParams;
    use crate::stage::MapParams;

    const N: usize = 300;

    fn matrix() -> Matrix {
        let values = (0..N * 8).map(|i| hash::normal(3, i as u64) as f32).collect();
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, 8, values)
    }

    fn knn(matrix: &Matrix) -> Knn {
        let (found, method, recall) =
            neighbours::find(matrix, &NeighbourParams::default(), &Ctx::quiet()).unwrap();
        assert_eq!(recall, Recall::Exact);
        let key = Key::of("knn", 1).input(matrix.key).finish();
        let (indices, similarities) = (found.indices, found.similarities);
        Knn { key, k: found.k, indices, similarities, recall, method: method.into() }
    }

    fn inputs<'a>(matrix: &'a Matrix, knn: &'a Knn) -> Inputs<'a> {
        Inputs { matrix, knn, search: None }
    }

    fn tools(cache: Option<&Cache>) -> Tools<'_> {
        static PROCESSOR: std::sync::LazyLock<Computers> = std::sync::LazyLock::new(Computers::cpu);
        Tools { cache, on: &PROCESSOR }
    }

    fn params() -> MapParams {
        MapParams { umap: UmapParams { epochs: Some(60), ..UmapParams::default() }, ..MapParams::default() }
    }

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(folder.path().into())).unwrap();
        (folder, cache)
    }

    /// A map stopped after `epoch` rounds: by a person, so that a map under way is kept.
    fn stopped_at(epoch: usize, matrix: &Matrix, knn: &Knn, cache: Option<&Cache>) -> Layout {
        let ctx = Ctx::quiet();
        let (graph, live) = (FuzzyGraph::build(knn, 60, &ctx).unwrap(), Latest::default());
        let pca = pca::principal_components(matrix, 2, &ctx).unwrap();
        let positions = pca::start_positions(&pca::project(matrix, &pca, &ctx).unwrap(), params().umap.seed);
        let mut stop = |so_far: umap::SoFar<'_>| {
            if so_far.epoch == epoch {
                ctx.cancel.cancel();
            }
        };
        let begin = Start { positions, epoch: 0 };
        let reached = umap::optimise_watched(&graph, begin, (&params().umap).into(), &live, &mut stop, &ctx);
        assert_eq!(reached.epoch, epoch);
        let key = key(&inputs(matrix, knn), &params());
        Checkpoints::new(cache, key).save(&[&reached.positions], (epoch, 60), &ctx);
        Layout {
            key: stopped_key(key, epoch),
            positions: Arc::new(reached.positions),
            method: "UMAP".into(),
            epochs: (epoch, 60),
        }
    }

    fn plain_run(matrix: &Matrix, knn: &Knn, start: Option<&Layout>, cache: Option<&Cache>) -> Layout {
        run(&inputs(matrix, knn), &params(), start, &Live::default(), tools(cache), &Ctx::quiet()).unwrap()
    }

    #[test]
    fn a_map_that_was_killed_goes_on_from_its_checkpoint_and_ends_bit_equal() {
        let matrix = matrix();
        let knn = knn(&matrix);
        let whole = plain_run(&matrix, &knn, None, None);
        for round in 0..4 {
            let (_folder, cache) = cache();
            let epoch = 1 + hash::below(hash::draw(11, round), 59);
            stopped_at(epoch, &matrix, &knn, Some(&cache));
            let resumed = plain_run(&matrix, &knn, None, Some(&cache));
            assert_eq!((resumed.key, &resumed.positions), (whole.key, &whole.positions), "epoch {epoch}");
            // The checkpoint has served.
            assert!(Checkpoints::new(Some(&cache), whole.key).load(N, 1, 60).is_none());
        }
    }

    #[test]
    fn a_checkpoint_is_where_the_map_goes_on() {
        // A checkpoint that is not what the map would have come to shows that it is read.
        let matrix = matrix();
        let knn = knn(&matrix);
        let (_folder, cache) = cache();
        let key = key(&inputs(&matrix, &knn), &params());
        let elsewhere = vec![[5.0, 5.0]; N];
        Checkpoints::new(Some(&cache), key).save(&[&elsewhere], (59, 60), &Ctx::quiet());
        let resumed = plain_run(&matrix, &knn, None, Some(&cache));
        assert_ne!(resumed.positions, plain_run(&matrix, &knn, None, None).positions);
    }

    #[test]
    fn a_finished_map_is_not_computed_again() {
        let matrix = matrix();
        let knn = knn(&matrix);
        let (_folder, cache) = cache();
        let first = plain_run(&matrix, &knn, None, Some(&cache));
        let (send, events) = std::sync::mpsc::channel();
        let ctx = Ctx::new(send, Arc::new(|| {}));
        let again = run(&inputs(&matrix, &knn), &params(), None, &Live::default(), tools(Some(&cache)), &ctx)
            .unwrap();
        assert_eq!((again.key, again.positions), (first.key, first.positions));
        // One frame: it did not move.
        assert_eq!(events.try_iter().count(), 1);
    }

    #[test]
    fn a_map_that_a_person_stopped_and_continued_is_the_uninterrupted_one() {
        let matrix = matrix();
        let knn = knn(&matrix);
        let stopped = stopped_at(23, &matrix, &knn, None);
        let continued = plain_run(&matrix, &knn, Some(&stopped), None);
        let whole = plain_run(&matrix, &knn, None, None);
        assert_eq!((continued.key, continued.positions), (whole.key, whole.positions));
    }

    #[test]
    fn a_steered_map_has_a_key_of_its_own_and_is_not_kept() {
        let matrix = matrix();
        let knn = knn(&matrix);
        let (_folder, cache) = cache();
        let live = Live::default();
        live.put(
            &MapParams { umap: UmapParams { min_dist: 0.7, ..params().umap }, ..params() },
            &Pins::new(),
        );
        let steered =
            run(&inputs(&matrix, &knn), &params(), None, &live, tools(Some(&cache)), &Ctx::quiet()).unwrap();
        let key = key(&inputs(&matrix, &knn), &params());
        assert_ne!(steered.key, key);
        assert!(cache.load_layout(key).is_none());
        let continued = Layout { epochs: (30, 60), ..steered };
        assert_ne!(plain_run(&matrix, &knn, Some(&continued), Some(&cache)).key, key);
    }

    #[test]
    fn a_map_with_pins_has_a_key_of_its_own_and_is_not_kept() {
        let matrix = matrix();
        let knn = knn(&matrix);
        let (_folder, cache) = cache();
        let pins = Pins::from([(4, [3.5, -1.25])]);
        let live = Live { pins: pins.clone(), ..Live::default() };
        let inputs = inputs(&matrix, &knn);
        let pinned = run(&inputs, &params(), None, &live, tools(Some(&cache)), &Ctx::quiet()).unwrap();
        assert_eq!(pinned.positions[4], [3.5, -1.25]);
        let key = key(&inputs, &params());
        assert!(pinned.key != key && cache.load_layout(key).is_none());
        assert_ne!(pinned_key(key, &pins), key);
        assert_eq!(pinned_key(key, &Pins::new()), key);
    }

    #[test]
    fn a_map_at_rest_settles_about_a_moved_point_and_stays_the_same_where_none_moves() {
        let matrix = matrix();
        let knn = knn(&matrix);
        let rest = Arc::new(plain_run(&matrix, &knn, None, None));
        let there = Live { pins: Pins::from([(4, rest.positions[4])]), ..Live::default() };
        let none = (&rest, &Pins::new());
        assert_eq!(settle(&knn, &params(), none, &there, &Ctx::quiet()).key, rest.key);
        let away = Live { pins: Pins::from([(4, [50.0, 50.0])]), ..Live::default() };
        let moved = settle(&knn, &params(), none, &away, &Ctx::quiet());
        assert_ne!(moved.key, rest.key);
        assert_eq!((moved.positions[4], moved.epochs), ([50.0, 50.0], rest.epochs));
    }

    #[test]
    fn a_map_that_a_person_stops_is_kept_where_it_stopped() {
        let matrix = matrix();
        let knn = knn(&matrix);
        let (_folder, cache) = cache();
        let slot = Arc::new(std::sync::Mutex::new(None::<crate::job::Cancel>));
        let (send, events) = std::sync::mpsc::channel();
        let stop = slot.clone();
        let ctx = Ctx::new(
            send,
            Arc::new(move || stop.lock().unwrap().as_ref().into_iter().for_each(crate::job::Cancel::cancel)),
        );
        // The first frame, shown before the first round, stops it.
        *slot.lock().unwrap() = Some(ctx.cancel.clone());
        let begun = stopped_at(9, &matrix, &knn, None);
        let stopped =
            run(&inputs(&matrix, &knn), &params(), Some(&begun), &Live::default(), tools(Some(&cache)), &ctx);
        drop(events);
        assert_eq!(stopped.unwrap().epochs, (9, 60));
        let key = key(&inputs(&matrix, &knn), &params());
        assert_eq!(Checkpoints::new(Some(&cache), key).load(N, 1, 60).map(|kept| kept.epoch), Some(9));
    }
}
