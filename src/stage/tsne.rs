//! A t-SNE map: wider neighbours, affinities, and the layout with what it needs to go on after a stop.

use std::cell::Cell;
use std::sync::Arc;

use crate::data::{Key, Layout};
use crate::gpu::GpuError;
use crate::job::{Ctx, Event, Latest};
use crate::math::neighbours::NeighbourParams;
use crate::math::tsne::{self, Course, OnProcessor, Optimised, SoFar, State, TsneParams};
use crate::math::tsne_affinities::{Affinities, neighbours_for};

use super::checkpoint::{Checkpoints, UnderWay};
use super::compute::{self, Compute, Computers, Tools, Units, Work};
use super::map::{Inputs, Reached, failed, stopped_key};
use super::tsne_mover::OnAdapter;
use super::{StageError, components, neighbours};

/// Positions, velocities, gains.
const PARTS: usize = 3;

/// Neighbours are searched for in steps of so many, so that a perplexity that changes a little, or falls, needs no others.
const WIDTHS: [usize; 3] = [90, 150, 300];

/// The search that finds enough neighbours for `perplexity`.
fn wide(search: &NeighbourParams, perplexity: f32) -> NeighbourParams {
    let needed = neighbours_for(perplexity);
    let wide = WIDTHS.into_iter().find(|&width| width >= needed);
    NeighbourParams { k: wide.unwrap_or(needed.next_multiple_of(WIDTHS[2])), ..search.clone() }
}

/// The key of the neighbours that a map is laid out on.
pub(super) fn graph_key(inputs: &Inputs<'_>, params: &TsneParams) -> Key {
    inputs
        .search
        .map_or(inputs.knn.key, |search| neighbours::key(inputs.matrix, &wide(search, params.perplexity)))
}

/// Lays the documents out by t-SNE from `start`, or from a checkpoint, or anew.
///
/// A start goes on bit by bit as if it had never stopped only if the cache still has how fast it was going
/// (`checkpoints`); otherwise it goes on from rest, and the map is another one.
pub(super) fn run(
    inputs: &Inputs<'_>,
    params: &TsneParams,
    (key, start): (Key, Option<&Layout>),
    live: &Latest<TsneParams>,
    (tools, checkpoints): (Tools<'_>, &mut Checkpoints<'_>),
    ctx: &Ctx,
) -> Result<Reached, StageError> {
    let n = inputs.matrix.rows();
    let kept = checkpoints.load(n, PARTS, params.epochs).and_then(state);
    let (begin, plain) = match (start, kept) {
        (None, Some(kept)) => (kept, true),
        (Some(layout), Some(kept))
            if layout.key == stopped_key(key, kept.epoch) && *layout.positions == kept.positions =>
        {
            (kept, true)
        }
        (Some(layout), _) => (State::at_rest(layout.positions.to_vec(), layout.epochs.0), false),
        (None, None) => {
            let positions =
                tsne::start_positions(&components::run(inputs.matrix, tools.on, ctx)?, params.seed);
            ctx.send(Event::Layout { positions: Arc::new(positions.clone()), epoch: 0, epochs: 0 });
            (State::at_rest(positions, 0), true)
        }
    };
    let graph = Graph { inputs, tools, ctx, warned: Cell::new(false) };
    let affinities = graph.affinities(params.perplexity)?;
    let mut watch = |so_far: SoFar<'_>| {
        if plain && !so_far.steered && so_far.state.epoch < so_far.epochs {
            let State { positions, velocity, gains, epoch } = so_far.state;
            checkpoints.offer(&[positions, velocity, gains], (*epoch, so_far.epochs), ctx);
        }
    };
    let mut remake = |perplexity: f32| match graph.affinities(perplexity) {
        Ok(affinities) => Some(affinities),
        Err(StageError::Cancelled) => None,
        Err(error) => {
            ctx.warn(format!("The perplexity stays as it was: {error}"));
            None
        }
    };
    let (course, begin) = Course::new(affinities, begin, params);
    let reached = lay_out(course, begin, live, &mut remake, &mut watch, tools.on, ctx);
    let State { positions, velocity, gains, epoch } = reached.state;
    Ok(Reached {
        parts: vec![positions, velocity, gains],
        epochs: (epoch, reached.epochs),
        plain: plain && !reached.steered,
    })
}

/// Moves the points to the end, on whatever is faster. Where an adapter fails, the processor goes on from where it was.
fn lay_out(
    mut course: Course,
    mut state: State,
    live: &Latest<TsneParams>,
    remake: &mut dyn FnMut(f32) -> Option<Affinities>,
    watch: &mut dyn FnMut(SoFar<'_>),
    on: &Computers,
    ctx: &Ctx,
) -> Optimised {
    let rounds = course.epochs.saturating_sub(state.epoch);
    let edges = course.affinities().edges().0.len();
    if let Compute::Gpu(context) = on.choose(Work::Tsne, Units::same((edges * rounds) as f64), ctx) {
        let failed = match OnAdapter::new(&context, &course, &state, ctx) {
            Err(error) => Some(error),
            Ok(mut mover) => {
                let ended = tsne::drive(&mut mover, &mut course, live, remake, watch, ctx);
                state = mover.into_state();
                ended.err()
            }
        };
        match failed {
            None | Some(GpuError::Cancelled(_)) => return course.reached(state),
            Some(error) => compute::took_over(&error, ctx),
        }
    }
    let mut mover = OnProcessor::new(&course, state);
    match tsne::drive(&mut mover, &mut course, live, remake, watch, ctx) {
        Ok(()) => course.reached(mover.into_state()),
        Err(never) => match never {},
    }
}

fn state(kept: UnderWay) -> Option<State> {
    let [positions, velocity, gains]: [_; PARTS] = kept.parts.try_into().ok()?;
    Some(State { positions, velocity, gains, epoch: kept.epoch })
}

/// Where affinities come from.
struct Graph<'a> {
    inputs: &'a Inputs<'a>,
    tools: Tools<'a>,
    ctx: &'a Ctx,
    /// Whether it was said that there are too few neighbours.
    warned: Cell<bool>,
}

impl Graph<'_> {
    /// The affinities of that perplexity, on neighbours found for it where that is possible.
    fn affinities(&self, perplexity: f32) -> Result<Affinities, StageError> {
        let Self { inputs, tools, ctx, .. } = *self;
        let found = match inputs.search {
            Some(search) => Some(neighbours::run(inputs.matrix, &wide(search, perplexity), tools, ctx)?),
            None => None,
        };
        let knn = found.as_ref().unwrap_or(inputs.knn);
        ctx.progress.begin("Weighing neighbours", "documents", inputs.matrix.rows() as u64, 0);
        let affinities = Affinities::build(knn, perplexity, ctx).map_err(|error| failed(error, ctx))?;
        let used = affinities.perplexity();
        if used < perplexity && !affinities.is_empty() && !self.warned.replace(true) {
            let why = match found {
                Some(_) => format!("there are no more than {} other documents", knn.k),
                None => format!("the given graph has {} neighbours a document", knn.k),
            };
            ctx.warn(format!(
                "t-SNE worked with a perplexity of {used:.1} in place of {perplexity:.0}: it wants three times as many \
                 neighbours, and {why}."
            ));
        }
        Ok(affinities)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Knn, Matrix};
    use crate::io::cache::Cache;
    use crate::job::Cancel;
    use crate::math::hash;
    use crate::stage::map::{self, Live};
    use crate::stage::{MapMethod, MapParams};

    const N: usize = 200;
    const EPOCHS: usize = 40;

    fn matrix() -> Matrix {
        let values = (0..N * 8).map(|i| hash::normal(3, i as u64) as f32).collect();
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, 8, values)
    }

    fn knn(matrix: &Matrix) -> Knn {
        neighbours::run(matrix, &NeighbourParams::default(), tools(None), &Ctx::quiet()).unwrap()
    }

    fn params() -> MapParams {
        let tsne = TsneParams { epochs: EPOCHS, perplexity: 10.0, ..TsneParams::default() };
        MapParams { method: MapMethod::Tsne, tsne, ..MapParams::default() }
    }

    fn tools(cache: Option<&Cache>) -> Tools<'_> {
        static PROCESSOR: std::sync::LazyLock<Computers> = std::sync::LazyLock::new(Computers::cpu);
        Tools { cache, on: &PROCESSOR }
    }

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(folder.path().into())).unwrap();
        (folder, cache)
    }

    /// The map, by a search of its own neighbours.
    fn lay_out(start: Option<&Layout>, cache: Option<&Cache>, ctx: &Ctx) -> Layout {
        let (matrix, search) = (matrix(), NeighbourParams::default());
        let knn = knn(&matrix);
        let inputs = Inputs { matrix: &matrix, knn: &knn, search: Some(&search) };
        map::run(&inputs, &params(), start, &Live::default(), tools(cache), ctx).unwrap()
    }

    /// A map that was stopped after 17 rounds, and what a cache keeps of it then.
    fn stopped(whole: &Layout, cache: &Cache) -> Layout {
        let (matrix, ctx) = (matrix(), Ctx::quiet());
        let wider =
            neighbours::run(&matrix, &wide(&NeighbourParams::default(), 10.0), tools(None), &ctx).unwrap();
        let affinities = Affinities::build(&wider, 10.0, &ctx).unwrap();
        let mut stop = |so_far: SoFar<'_>| {
            if so_far.state.epoch == 17 {
                ctx.cancel.cancel();
            }
        };
        let positions = tsne::start_positions(
            &components::run(&matrix, tools(None).on, &ctx).unwrap(),
            params().tsne.seed,
        );
        let (begin, live) = (State::at_rest(positions, 0), Latest::default());
        let state =
            tsne::optimise(affinities, begin, &params().tsne, &live, &mut |_| None, &mut stop, &ctx).state;
        let parts: [&[[f32; 2]]; PARTS] = [&state.positions, &state.velocity, &state.gains];
        Checkpoints::new(Some(cache), whole.key).save(&parts, (17, EPOCHS), &Ctx::quiet());
        let positions = Arc::new(state.positions);
        Layout { key: stopped_key(whole.key, 17), positions, epochs: (17, EPOCHS), ..whole.clone() }
    }

    #[test]
    fn a_killed_map_goes_on_from_its_checkpoint_and_ends_bit_equal() {
        let whole = lay_out(None, None, &Ctx::quiet());
        let (_folder, cache) = cache();
        stopped(&whole, &cache);
        let resumed = lay_out(None, Some(&cache), &Ctx::quiet());
        assert_eq!((resumed.key, &resumed.positions), (whole.key, &whole.positions));
        assert!(Checkpoints::new(Some(&cache), whole.key).load(N, PARTS, EPOCHS).is_none(), "it has served");
    }

    #[test]
    fn a_map_that_a_person_stopped_goes_on_with_its_momentum_however_often() {
        let whole = lay_out(None, None, &Ctx::quiet());
        let (_folder, cache) = cache();
        let stopped = stopped(&whole, &cache);
        // The first frame, shown before the first round, stops it again.
        let slot = Arc::new(std::sync::Mutex::new(None::<Cancel>));
        let (send, _events) = std::sync::mpsc::channel();
        let stop = slot.clone();
        let wake = move || stop.lock().unwrap().as_ref().into_iter().for_each(Cancel::cancel);
        let ctx = Ctx::new(send, Arc::new(wake));
        *slot.lock().unwrap() = Some(ctx.cancel.clone());
        let again = lay_out(Some(&stopped), Some(&cache), &ctx);
        assert_eq!((again.epochs, again.key), ((17, EPOCHS), stopped.key));
        let continued = lay_out(Some(&again), Some(&cache), &Ctx::quiet());
        assert_eq!((continued.key, &continued.positions), (whole.key, &whole.positions));
    }

    #[test]
    fn a_stopped_map_whose_momentum_is_lost_goes_on_from_rest_under_another_key() {
        let whole = lay_out(None, None, &Ctx::quiet());
        let positions = whole.positions.clone();
        let stopped =
            Layout { key: stopped_key(whole.key, 20), positions, epochs: (20, EPOCHS), ..whole.clone() };
        let continued = lay_out(Some(&stopped), None, &Ctx::quiet());
        assert_eq!(continued.epochs, (EPOCHS, EPOCHS));
        assert_ne!(continued.key, whole.key);
    }

    #[test]
    fn a_given_graph_that_is_too_narrow_lowers_the_perplexity_and_says_so() {
        let matrix = matrix();
        let knn = knn(&matrix);
        let (send, events) = std::sync::mpsc::channel();
        let ctx = Ctx::new(send, Arc::new(|| {}));
        let inputs = Inputs { matrix: &matrix, knn: &knn, search: None };
        map::run(&inputs, &params(), None, &Live::default(), tools(None), &ctx).unwrap();
        let told: Vec<String> = events
            .try_iter()
            .filter_map(|event| if let Event::Warning(sentence) = event { Some(sentence) } else { None })
            .collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("perplexity of 5.0 in place of 10"), "{}", told[0]);
    }

    #[test]
    fn a_little_more_perplexity_needs_no_other_neighbours_and_much_more_does() {
        let k = |perplexity| wide(&NeighbourParams::default(), perplexity).k;
        assert_eq!((k(5.0), k(30.0), k(31.0), k(50.0), k(51.0)), (90, 90, 150, 150, 300));
        assert_eq!((k(101.0), k(f32::NAN)), (600, 90));
    }

    #[test]
    fn the_map_does_not_depend_on_how_many_neighbours_the_other_steps_have() {
        let matrix = matrix();
        let key = |k: usize, search: bool| {
            let wanted = NeighbourParams { k, ..NeighbourParams::default() };
            let knn = neighbours::run(&matrix, &wanted, tools(None), &Ctx::quiet()).unwrap();
            map::key(&Inputs { matrix: &matrix, knn: &knn, search: search.then_some(&wanted) }, &params())
        };
        assert_eq!(key(10, true), key(15, true));
        assert_ne!(key(10, false), key(15, false));
    }
}
