//! t-SNE on the adapter.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use semascope::data::{Key, Knn, Layout, Matrix};
use semascope::gpu::tsne::{self as kernel, Moving};
use semascope::gpu::{Context, GpuError};
use semascope::io::cache::Cache;
use semascope::job::{Cancel, Ctx, Event, Latest};
use semascope::math::neighbours::NeighbourParams;
use semascope::math::tsne::{self as twin, Course, Mover, OnProcessor, Round, State, TsneParams};
use semascope::math::tsne_affinities::Affinities;
use semascope::math::{hash, tsne_field::Field};
use semascope::stage::map::{Inputs, Live};
use semascope::stage::tsne_mover::{self, OnAdapter};
use semascope::stage::{self, Computers, MapMethod, MapParams, Tools};

use super::{clustered, context};

/// Vectors around centres, and as many neighbours as a perplexity of 30 wants.
fn to_map(n: usize) -> (Matrix, Knn) {
    let matrix = Matrix::from_vec(Key::of("test", 1).finish(), "test", true, 24, clustered(n, 24, 9));
    let params = NeighbourParams { k: 90, ..NeighbourParams::default() };
    let tools = Tools { cache: None, on: &Computers::cpu() };
    let knn = stage::neighbours::run(&matrix, &params, tools, &Ctx::quiet()).unwrap();
    (matrix, knn)
}

fn params(epochs: usize) -> TsneParams {
    TsneParams { epochs, ..TsneParams::default() }
}

/// Points scattered about the origin, moving already.
fn scattered(n: usize, deviation: f64) -> State {
    let normal = |seed: u64, i: usize| hash::normal(seed, i as u64) as f32;
    let pairs = |seed: u64, scale: f64| -> Vec<[f32; 2]> {
        (0..n).map(|i| [normal(seed, 2 * i), normal(seed, 2 * i + 1)].map(|v| v * scale as f32)).collect()
    };
    let mut state = State::at_rest(pairs(1, deviation), 0);
    state.velocity = pairs(2, 0.01 * deviation);
    state.gains = pairs(3, 0.1).into_iter().map(|[x, y]| [1.0 + x.abs(), 1.0 + y.abs()]).collect();
    state
}

fn course(knn: &Knn, start: State, params: &TsneParams) -> (Course, State) {
    Course::new(Affinities::build(knn, params.perplexity, &Ctx::quiet()).unwrap(), start, params)
}

fn moved(context: &Context, knn: &Knn, start: State, rounds: &[Round]) -> Result<State, GpuError> {
    let ctx = Ctx::quiet();
    let (course, begin) = course(knn, start, &params(50));
    let mut mover = OnAdapter::new(context, &course, &begin, &ctx)?;
    mover.advance(rounds)?;
    Ok(mover.into_state())
}

fn layout_of(context: &Context, points: &[[f32; 2]]) -> kernel::Layout {
    let n = points.len();
    let moving = Moving { positions: points.to_vec(), velocity: vec![[0.0; 2]; n], gains: vec![[1.0; 2]; n] };
    let graph = kernel::Graph { offsets: &[0], targets: &[], weights: &[] };
    kernel::Layout::new(context, graph, &moving, tsne_mover::grids()).unwrap()
}

/// Pushes by the adapter, and Z.
fn pushed(context: &Context, points: &[[f32; 2]]) -> (Vec<[f32; 2]>, f64) {
    let mut layout = layout_of(context, points);
    let round = kernel::Round { exaggeration: 1.0, rate: 0.0, momentum: 0.0 };
    layout.advance(&round, &Ctx::quiet()).unwrap();
    layout.pushes(&Ctx::quiet()).unwrap()
}

/// The root mean square of what parts two lists, of the second's.
fn apart(found: &[[f32; 2]], expected: &[[f32; 2]]) -> f64 {
    let square = |v: f32| f64::from(v).powi(2);
    let parted = found.iter().flatten().zip(expected.iter().flatten()).map(|(a, b)| square(a - b));
    let size: f64 = expected.iter().flatten().map(|&v| square(v)).sum();
    (parted.sum::<f64>() / size.max(1e-30)).sqrt()
}

#[test]
fn the_field_is_the_exact_one_as_nearly_as_the_twins_is() {
    let Some(context) = context() else { return };
    // Grids of every kind: tiny cells, cells of a half, sides that differ.
    for (n, deviation, flat) in
        [(1500, 1e-4, 1.0), (1500, 1.0, 1.0), (1500, 8.0, 0.1), (3000, 20.0, 1.0), (2000, 30.0, 0.0)]
    {
        let mut points = scattered(n, deviation).positions;
        points.iter_mut().for_each(|point| point[1] *= flat);
        let exact = |at: &[f32; 2]| {
            points.iter().fold((0.0, [0.0f64; 2]), |(sum, push), point| {
                let d = [f64::from(at[0]) - f64::from(point[0]), f64::from(at[1]) - f64::from(point[1])];
                let q = 1.0 / (1.0 + d[0] * d[0] + d[1] * d[1]);
                (sum + q, [push[0] + q * q * d[0], push[1] + q * q * d[1]])
            })
        };
        let all: Vec<(f64, [f64; 2])> = points.iter().map(exact).collect();
        let pushes: Vec<[f32; 2]> = all.iter().map(|(_, push)| push.map(|v| v as f32)).collect();
        let z = all.iter().map(|(potential, _)| potential).sum::<f64>() - n as f64;
        let (found, found_z) = pushed(&context, &points);
        let (mut field, mut by_twin) = (Field::default(), vec![[0.0; 2]; n]);
        field.lay(&points);
        let twin_z = field.read(&points, &mut by_twin) - n as f64;
        let (off, twin_off) = (apart(&found, &pushes), apart(&by_twin, &pushes));
        assert!(off < 0.03 && off < 1.2 * twin_off + 1e-3, "{deviation} {flat}: {off}, the twin {twin_off}");
        let (z_off, twin_z_off) = ((found_z / z - 1.0).abs(), (twin_z / z - 1.0).abs());
        assert!(z_off < 1e-3 + 1.2 * twin_z_off, "{deviation} {flat}: {z_off}, the twin {twin_z_off}");
    }
}

#[test]
fn a_round_moves_every_point_as_the_twin_does() {
    let Some(context) = context() else { return };
    let (_, knn) = to_map(700);
    let round = Round { exaggeration: 4.0, rate: 200.0, momentum: 0.8 };
    for deviation in [1e-4, 1.0, 15.0] {
        let start = scattered(700, deviation);
        let found = moved(&context, &knn, start.clone(), &[round]).unwrap();
        let (course, begin) = course(&knn, start, &params(50));
        let mut mover = OnProcessor::new(&course, begin.clone());
        let Ok(()) = mover.advance(&[round]);
        let expected = mover.into_state();
        assert_eq!((found.epoch, expected.epoch), (1, 1));
        // A ten-thousandth of how far points move, and what rounding leaves of a place.
        let size = expected.velocity.iter().flatten().fold(0.0f32, |most, v| most.max(v.abs()));
        let alike = |found: &[[f32; 2]], expected: &[[f32; 2]]| {
            found
                .iter()
                .flatten()
                .zip(expected.iter().flatten())
                .fold(0.0f32, |most, (a, b)| most.max((a - b).abs()))
        };
        let (places, speeds) =
            (alike(&found.positions, &expected.positions), alike(&found.velocity, &expected.velocity));
        let rounding = 1e-6 * expected.positions.iter().flatten().fold(0.0f32, |most, v| most.max(v.abs()));
        assert!(places <= 1e-4 * size + rounding, "{deviation}: {places} of {size}");
        assert!(speeds <= 1e-4 * size, "{deviation}: {speeds} of {size}");
        // Gains differ only where a component of the gradient is nearly 0.
        let gains = found.gains.iter().flatten().zip(expected.gains.iter().flatten());
        let other = gains.filter(|(a, b)| (**a - **b).abs() > 1e-5).count();
        assert!(other <= 2, "{other} gains");
    }
}

#[test]
fn a_layout_is_the_same_in_one_page_and_in_many_and_when_repeated() {
    let Some(context) = context() else { return };
    let (_, knn) = to_map(1500);
    let rounds = [Round { exaggeration: 12.0, rate: 100.0, momentum: 0.8 }; 6];
    let edges = Affinities::build(&knn, 30.0, &Ctx::quiet()).unwrap().edges().0.len();
    let page = 1 << 20;
    assert!(edges * 8 > page, "{edges} edges lie in one page");
    let whole = moved(&context, &knn, scattered(1500, 1.0), &rounds).unwrap();
    let again = moved(&context, &knn, scattered(1500, 1.0), &rounds).unwrap();
    let parts = moved(&context.with_pages_of(page as u64), &knn, scattered(1500, 1.0), &rounds).unwrap();
    assert!(whole == again && whole == parts);
}

#[test]
fn a_grid_that_no_binding_holds_has_larger_cells() {
    let Some(context) = context() else { return };
    let points = scattered(900, 20.0).positions;
    let (fine, fine_z) = pushed(&context, &points);
    // 256 nodes a side: cells of a whole unit.
    let (coarse, coarse_z) = pushed(&context.with_pages_of(257 * 512 * 8), &points);
    assert!(fine != coarse);
    assert!((coarse_z / fine_z - 1.0).abs() < 0.05, "{coarse_z} {fine_z}");
    let off = apart(&coarse, &fine);
    assert!(off < 0.3, "{off}");
}

#[test]
fn a_layout_goes_on_from_what_was_read_as_if_it_had_never_stopped() {
    let Some(context) = context() else { return };
    let (_, knn) = to_map(400);
    let rounds = [Round { exaggeration: 12.0, rate: 50.0, momentum: 0.8 }; 9];
    let whole = moved(&context, &knn, scattered(400, 1e-4), &rounds).unwrap();
    let half = moved(&context, &knn, scattered(400, 1e-4), &rounds[..4]).unwrap();
    assert!(moved(&context, &knn, half, &rounds[4..]).unwrap() == whole);
}

fn mapped((matrix, knn): &(Matrix, Knn), params: &TsneParams, tools: Tools<'_>, ctx: &Ctx) -> Layout {
    let params = MapParams { method: MapMethod::Tsne, tsne: params.clone(), ..MapParams::default() };
    let inputs = Inputs { matrix, knn, search: None };
    stage::map::run(&inputs, &params, None, &Live::default(), tools, ctx).unwrap()
}

#[test]
fn whole_maps_are_as_true_and_equal_bit_by_bit_when_repeated() {
    let Some(context) = context() else { return };
    let given = to_map(700);
    let on = Computers::on(context);
    // Maps that part by a rounding end in different places, now a little better, now worse: three tell more than one.
    let seeds = [42, 2, 3];
    let figures = |on: &Computers| {
        let mut sums = [0.0; 2];
        for seed in seeds {
            let layout =
                mapped(&given, &TsneParams { seed, ..params(250) }, Tools { cache: None, on }, &Ctx::quiet());
            assert_eq!(layout.epochs, (250, 250));
            let is =
                stage::quality::run(&given.0, &given.1, &layout, &Computers::cpu(), &Ctx::quiet()).unwrap();
            sums = [sums[0] + is.trustworthiness, sums[1] + is.knn_kept];
        }
        sums.map(|sum| sum / seeds.len() as f32)
    };
    let (found, by_twin) = (figures(&on), figures(&Computers::cpu()));
    assert!((0..2).all(|i| (found[i] - by_twin[i]).abs() < 0.01), "{found:?} {by_twin:?}");
    let made = || mapped(&given, &params(40), Tools { cache: None, on: &on }, &Ctx::quiet()).positions;
    assert!(made() == made());
}

#[test]
fn a_map_that_was_stopped_on_the_adapter_goes_on_from_its_checkpoint_and_ends_bit_equal() {
    let Some(context) = context() else { return };
    let given = to_map(400);
    let on = Computers::on(context);
    let whole = mapped(&given, &params(60), Tools { cache: None, on: &on }, &Ctx::quiet());
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(Some(folder.path().into())).unwrap();
    let tools = Tools { cache: Some(&cache), on: &on };
    // A frame in the middle of the map stops it.
    let slot = Arc::new(Mutex::new(None::<Cancel>));
    let (stop, shown) = (slot.clone(), AtomicUsize::new(0));
    let wake = move || {
        if shown.fetch_add(1, Ordering::Relaxed) == 3 {
            stop.lock().unwrap().as_ref().into_iter().for_each(Cancel::cancel);
        }
    };
    let (send, _events) = std::sync::mpsc::channel();
    let ctx = Ctx::new(send, Arc::new(wake));
    *slot.lock().unwrap() = Some(ctx.cancel.clone());
    let stopped = mapped(&given, &params(60), tools, &ctx);
    assert!((1..60).contains(&stopped.epochs.0), "{:?}", stopped.epochs);
    let resumed = mapped(&given, &params(60), tools, &Ctx::quiet());
    assert!((resumed.key, &resumed.positions) == (whole.key, &whole.positions));
}

#[test]
fn the_processor_goes_on_with_a_map_whose_adapter_is_lost_and_says_so() {
    let Some(context) = context() else { return };
    let given = to_map(500);
    let (send, events) = std::sync::mpsc::channel();
    let (lost, shown) = (context.clone(), AtomicUsize::new(0));
    // The device goes in the middle of the map: after the start was shown twice, and one frame more.
    let lose = move || {
        if shown.fetch_add(1, Ordering::Relaxed) == 2 {
            lost.destroy();
        }
    };
    let ctx = Ctx::new(send, Arc::new(lose));
    let layout = mapped(&given, &params(120), Tools { cache: None, on: &Computers::on(context) }, &ctx);
    assert_eq!(layout.epochs, (120, 120));
    assert!(layout.positions.iter().flatten().all(|x| x.is_finite()));
    let told: Vec<Event> = events.try_iter().collect();
    let says =
        |event: &Event| matches!(event, Event::Warning(text) if text.starts_with("The processor took over"));
    assert_eq!(told.iter().filter(|event| says(event)).count(), 1);
    // It did not begin anew: whoever took over showed rounds that were done.
    let taken_over = told.iter().position(says).unwrap();
    let next = told[taken_over..].iter().find_map(|event| match event {
        Event::Layout { epoch, .. } => Some(*epoch),
        _ => None,
    });
    assert!(next.is_some_and(|epoch| epoch > 0), "{next:?}");
}

#[test]
fn parameters_steer_a_map_on_the_adapter_while_it_moves() {
    let Some(context) = context() else { return };
    let (_, knn) = to_map(300);
    let ctx = Ctx::quiet();
    let laid_out = |newer: Option<TsneParams>| {
        let (mut course, begin) = course(&knn, scattered(300, 1e-4), &params(60));
        let mut mover = OnAdapter::new(&context, &course, &begin, &ctx).unwrap();
        let live = Latest::default();
        let mut newer = newer;
        let mut asked = 0;
        let mut remake = |perplexity| {
            asked += 1;
            Affinities::build(&knn, perplexity, &ctx).ok()
        };
        let mut watch = |so_far: twin::SoFar<'_>| {
            if so_far.state.epoch > 20 {
                newer.take().into_iter().for_each(|newer| live.put(newer));
            }
        };
        twin::drive(&mut mover, &mut course, &live, &mut remake, &mut watch, &ctx).unwrap();
        (course.reached(mover.into_state()), asked)
    };
    let (plain, _) = laid_out(None);
    let (wide, asked) = laid_out(Some(TsneParams { perplexity: 5.0, ..params(60) }));
    assert!(asked == 1 && wide.steered && !plain.steered);
    assert!(wide.state.positions != plain.state.positions);
    let (drawn, asked) = laid_out(Some(TsneParams { exaggeration: 8.0, ..params(60) }));
    assert!(asked == 0 && drawn.state.positions != plain.state.positions);
    assert_eq!(drawn.state.epoch, 60);
}

#[test]
fn a_stopped_layout_stops_and_a_lost_device_says_so() {
    let Some(context) = context() else { return };
    let ctx = Ctx::quiet();
    let round = kernel::Round { exaggeration: 1.0, rate: 1.0, momentum: 0.8 };
    let mut layout = layout_of(&context, &scattered(300, 1.0).positions);
    ctx.cancel.cancel();
    assert!(matches!(layout.advance(&round, &ctx), Err(GpuError::Cancelled(_))));
    context.destroy();
    assert!(matches!(layout.advance(&round, &Ctx::quiet()), Err(GpuError::Lost(_))));
}

#[test]
fn few_points_copies_and_points_far_out_stay_finite() {
    let Some(context) = context() else { return };
    let ctx = Ctx::quiet();
    let key = Key::of("test", 1).finish();
    for n in [0, 1, 2, 3, 257] {
        // Every point knows the next; all are in one place, but for one far out.
        let k = usize::from(n > 1);
        let indices = (0..n * k).map(|i| ((i + 1) % n) as u32).collect();
        let recall = semascope::data::Recall::Exact;
        let knn = Knn { key, k, indices, similarities: vec![1.0; n * k], recall, method: "test".into() };
        let graph = if n > 1 { Affinities::build(&knn, 1.0, &ctx).unwrap() } else { Affinities::default() };
        let mut start = State::at_rest(vec![[3.0, f32::NAN]; n], 0);
        if n > 2 {
            start.positions[1] = [f32::MAX, -f32::MAX];
        }
        let (mut course, begin) = Course::new(graph, start, &params(20));
        let mut mover = OnAdapter::new(&context, &course, &begin, &ctx).unwrap();
        let live = Latest::default();
        twin::drive(&mut mover, &mut course, &live, &mut |_| None, &mut |_| {}, &ctx).unwrap();
        let state = mover.into_state();
        assert_eq!((state.positions.len(), state.epoch), (n, 20));
        assert!(state.positions.iter().chain(&state.velocity).flatten().all(|v| v.is_finite()), "{n}");
    }
}
