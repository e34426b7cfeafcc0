//! Kernels and their twins on the processor give the same. Where no real adapter is at hand a software one shows that.

#[path = "twins/cells.rs"]
mod cells;
#[path = "twins/kmeans.rs"]
mod kmeans;
#[path = "twins/pca.rs"]
mod pca;
#[path = "twins/quality.rs"]
mod quality;
#[path = "twins/tsne.rs"]
mod tsne;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use semascope::data::{Key, Knn, Layout, Matrix, Pins};
use semascope::gpu::{self, Context, GpuError, neighbours::Precision};
use semascope::job::{Ctx, Event};
use semascope::math::density;
use semascope::math::neighbours::{self, Method, NeighbourParams};
use semascope::math::umap::UmapParams;
use semascope::stage::map::{Inputs, Live};
use semascope::stage::{self, Computers, MapParams, Tools};

/// The fastest adapter there is; where there is none at all, the tests say so and pass.
fn context() -> Option<Context> {
    let found = Context::open(false).or_else(|_| Context::open(true));
    match found {
        Ok(context) => Some(context),
        Err(error) => {
            eprintln!("not compared: {error}");
            None
        }
    }
}

/// Noise in [-1, 1), the same each time.
fn noise(seed: u32) -> impl Iterator<Item = f32> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    })
}

/// `n` unit vectors around `clusters` centres.
fn clustered(n: usize, dim: usize, clusters: usize) -> Vec<f32> {
    let centres: Vec<f32> = noise(1).take(clusters * dim).collect();
    let mut values: Vec<f32> = noise(2).take(n * dim).collect();
    for (i, row) in values.chunks_mut(dim).enumerate() {
        let centre = &centres[(i * 7919) % clusters * dim..][..dim];
        row.iter_mut().zip(centre).for_each(|(value, centre)| *value = 0.5 * *value + centre);
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= length);
    }
    values
}

/// How many of `expected` are among `found`, list by list.
fn shared(found: &gpu::neighbours::Candidates, expected: &[u32], k: usize) -> f64 {
    let lists = expected.chunks(k).enumerate();
    let same: usize = lists.map(|(i, list)| list.iter().filter(|id| found.of(i).contains(id)).count()).sum();
    same as f64 / expected.len() as f64
}

/// Unit vectors as the processor's kernels take them.
fn matrix(values: &[f32], dim: usize) -> Matrix {
    Matrix::from_vec(Key::of("test", 1).finish(), "test", true, dim, values.to_vec())
}

/// Vectors as the adapter's kernels take them.
fn with_source<T>(values: &[f32], dim: usize, work: impl FnOnce(&gpu::Source) -> T) -> T {
    let read = |range: Range<usize>, out: &mut Vec<f32>| {
        out.clear();
        out.extend_from_slice(&values[range.start * dim..range.end * dim]);
    };
    work(&gpu::Source { rows: values.len() / dim, dim, read: &read })
}

fn exact(values: &[f32], dim: usize, k: usize) -> Vec<u32> {
    let params = NeighbourParams { k, method: Method::Exact, seed: 0 };
    neighbours::find(&matrix(values, dim), &params, &Ctx::quiet()).unwrap().0.indices
}

fn nearest(
    context: &Context,
    values: &[f32],
    dim: usize,
    k: usize,
    precision: Precision,
    ctx: &Ctx,
) -> Result<gpu::neighbours::Candidates, GpuError> {
    with_source(values, dim, |source| gpu::neighbours::nearest(context, source, k, precision, ctx))
}

#[test]
fn neighbours_on_the_adapter_are_the_exact_ones() {
    let Some(context) = context() else { return };
    // A dimension that is no multiple of anything, rows that do not fill their last tile.
    let (n, dim, k) = (1500, 45, 15);
    let values = clustered(n, dim, 12);
    let expected = exact(&values, dim, k);
    let found = nearest(&context, &values, dim, k, Precision::Full, &Ctx::quiet()).unwrap();
    let share = shared(&found, &expected, k);
    assert!(share >= 0.999, "{share}");
    assert_eq!(found.of(0).len(), k);
}

#[test]
fn neighbours_are_the_same_in_one_page_and_in_many() {
    let Some(context) = context() else { return };
    let (n, dim, k) = (900, 16, 10);
    let values = clustered(n, dim, 5);
    let whole = nearest(&context, &values, dim, k, Precision::Full, &Ctx::quiet()).unwrap();
    // Two tiles of vectors a page, one of lists.
    let paged = context.with_pages_of(2 * 128 * 16 * 4);
    let parts = nearest(&paged, &values, dim, k, Precision::Full, &Ctx::quiet()).unwrap();
    assert_eq!(whole.ids, parts.ids);
}

#[test]
fn neighbours_by_codes_are_nearly_the_exact_ones_and_a_few_more_candidates_hold_them_all() {
    let Some(context) = context() else { return };
    let (n, dim, k) = (1500, 64, 15);
    let values = clustered(n, dim, 12);
    let expected = exact(&values, dim, k);
    let same = nearest(&context, &values, dim, k, Precision::Coded, &Ctx::quiet()).unwrap();
    let more = nearest(&context, &values, dim, 2 * k, Precision::Coded, &Ctx::quiet()).unwrap();
    let (same, more) = (shared(&same, &expected, k), shared(&more, &expected, k));
    assert!(same > 0.95 && more >= 0.999, "{same} {more}");
}

#[test]
fn few_rows_have_as_many_neighbours_as_there_are() {
    let Some(context) = context() else { return };
    let values = clustered(3, 8, 1);
    let found = nearest(&context, &values, 8, 5, Precision::Full, &Ctx::quiet()).unwrap();
    for i in 0..3 {
        let mut ids = found.of(i).to_vec();
        ids.sort_unstable();
        assert_eq!(ids, (0..3).filter(|&j| j != i as u32).collect::<Vec<u32>>());
    }
}

#[test]
fn a_stopped_search_stops_and_a_lost_device_says_so() {
    let Some(context) = context() else { return };
    let values = clustered(300, 8, 3);
    let ctx = Ctx::quiet();
    ctx.cancel.cancel();
    let stopped = nearest(&context, &values, 8, 5, Precision::Full, &ctx);
    assert!(matches!(stopped, Err(GpuError::Cancelled(_))));
    // Stopping harmed nothing.
    assert!(nearest(&context, &values, 8, 5, Precision::Full, &Ctx::quiet()).is_ok());
    context.destroy();
    let lost = nearest(&context, &values, 8, 5, Precision::Full, &Ctx::quiet());
    assert!(matches!(lost, Err(GpuError::Lost(_))));
}

/// Vectors around centres, their neighbours, and what maps them in `epochs` rounds.
fn to_map(n: usize, epochs: usize) -> (Matrix, Knn, MapParams) {
    let key = Key::of("test", 1).finish();
    let matrix = Matrix::from_vec(key, "test", true, 24, clustered(n, 24, 9));
    let tools = Tools { cache: None, on: &Computers::cpu() };
    let knn = stage::neighbours::run(&matrix, &NeighbourParams::default(), tools, &Ctx::quiet()).unwrap();
    let umap = UmapParams { epochs: Some(epochs), ..UmapParams::default() };
    (matrix, knn, MapParams { umap, ..MapParams::default() })
}

fn mapped((matrix, knn, params): &(Matrix, Knn, MapParams), on: &Computers, ctx: &Ctx) -> Layout {
    let inputs = Inputs { matrix, knn, search: None };
    stage::map::run(&inputs, params, None, &Live::default(), Tools { cache: None, on }, ctx).unwrap()
}

#[test]
fn an_epoch_of_the_layout_moves_every_point_alike() {
    let Some(context) = context() else { return };
    let given = to_map(700, 1);
    let by_twin = mapped(&given, &Computers::cpu(), &Ctx::quiet());
    let found = mapped(&given, &Computers::on(context), &Ctx::quiet());
    for (i, (a, b)) in found.positions.iter().zip(by_twin.positions.iter()).enumerate() {
        let apart = (a[0] - b[0]).hypot(a[1] - b[1]);
        // Positions span 20 units; steps that hardly differ may be clipped apart once they cross.
        assert!(apart < 2e-3, "point {i}: {a:?} {b:?}");
    }
}

#[test]
fn whole_maps_are_as_true_on_the_adapter_and_equal_bit_by_bit_when_repeated() {
    let Some(context) = context() else { return };
    let given = to_map(700, 150);
    let by_twin = mapped(&given, &Computers::cpu(), &Ctx::quiet());
    let on = Computers::on(context);
    let found = mapped(&given, &on, &Ctx::quiet());
    assert_eq!(found.epochs, (150, 150));
    let quality = |layout: &Layout| {
        stage::quality::run(&given.0, &given.1, layout, &Computers::cpu(), &Ctx::quiet()).unwrap()
    };
    let (found_is, twin_is) = (quality(&found), quality(&by_twin));
    assert!((found_is.trustworthiness - twin_is.trustworthiness).abs() < 0.01, "{found_is:?} {twin_is:?}");
    assert!((found_is.knn_kept - twin_is.knn_kept).abs() < 0.01, "{found_is:?} {twin_is:?}");
    assert!(mapped(&given, &on, &Ctx::quiet()).positions == found.positions);
}

#[test]
fn pinned_points_stay_to_the_bit_on_the_adapter() {
    let Some(context) = context() else { return };
    let (matrix, knn, params) = to_map(700, 30);
    let pins = Pins::from([(5, [3.25, -1.5]), (699, [0.1, 8.0])]);
    let live = Live { pins: pins.clone(), ..Live::default() };
    let on = Computers::on(context);
    let (tools, inputs) =
        (Tools { cache: None, on: &on }, Inputs { matrix: &matrix, knn: &knn, search: None });
    let map = stage::map::run(&inputs, &params, None, &live, tools, &Ctx::quiet()).unwrap();
    pins.iter().for_each(|(&row, place)| assert_eq!(map.positions[row as usize], *place));
    assert_ne!(map.positions, mapped(&(matrix, knn, params), &on, &Ctx::quiet()).positions);
}

#[test]
fn a_layout_is_the_same_in_one_page_and_in_many() {
    let Some(context) = context() else { return };
    let (matrix, knn, params) = to_map(700, 20);
    // Both begin at the same places.
    let positions = noise(9).take(2 * 700).collect::<Vec<f32>>().chunks(2).map(|p| [p[0], p[1]]).collect();
    let (key, method) = (Key::of("test", 2).finish(), "UMAP".into());
    let start = Layout { key, positions: Arc::new(positions), method, epochs: (0, 20) };
    let laid_out = |context: Context| {
        let on = Computers::on(context);
        let (tools, inputs) =
            (Tools { cache: None, on: &on }, Inputs { matrix: &matrix, knn: &knn, search: None });
        stage::map::run(&inputs, &params, Some(&start), &Live::default(), tools, &Ctx::quiet()).unwrap()
    };
    let (whole, parts) = (laid_out(context.clone()), laid_out(context.with_pages_of(8192)));
    assert!(whole.positions == parts.positions);
}

#[test]
fn the_processor_goes_on_with_a_map_whose_adapter_is_lost_and_says_so() {
    let Some(context) = context() else { return };
    let given = to_map(700, 100);
    let (send, events) = std::sync::mpsc::channel();
    let lost = context.clone();
    // The device goes once it shows where the points begin, after the principal components.
    let shown = AtomicUsize::new(0);
    let lose = move || {
        if shown.fetch_add(1, Ordering::Relaxed) == 1 {
            lost.destroy();
        }
    };
    let ctx = Ctx::new(send, Arc::new(lose));
    let layout = mapped(&given, &Computers::on(context), &ctx);
    assert_eq!(layout.epochs, (100, 100));
    assert!(layout.positions.iter().flatten().all(|x| x.is_finite()));
    let told: Vec<Event> = events.try_iter().collect();
    let says =
        |event: &Event| matches!(event, Event::Warning(text) if text.starts_with("The processor took over"));
    assert_eq!(told.iter().filter(|event| says(event)).count(), 1);
}

#[test]
fn neighbours_of_a_space_do_not_depend_on_what_computes_them() {
    let Some(context) = context() else { return };
    let key = Key::of("test", 1).finish();
    // Copies and rows of zeros among them.
    let mut values = clustered(600, 24, 9);
    values.copy_within(0..24 * 5, 24 * 100);
    values[24 * 300..24 * 303].fill(0.0);
    let matrix = Matrix::from_vec(key, "test", false, 24, values);
    let found = |on: &Computers| {
        let tools = Tools { cache: None, on };
        stage::neighbours::run(&matrix, &NeighbourParams::default(), tools, &Ctx::quiet()).unwrap()
    };
    let (by_twin, found) = (found(&Computers::cpu()), found(&Computers::on(context)));
    assert_eq!((found.key, &found.method), (by_twin.key, &by_twin.method));
    assert_eq!(found.indices, by_twin.indices);
    assert_eq!(found.similarities, by_twin.similarities);
}

#[test]
fn the_density_of_a_map_and_its_basins_are_the_twins() {
    let Some(context) = context() else { return };
    let mut positions: Vec<[f32; 2]> =
        clustered(3000, 8, 7).chunks(8).map(|row| [row[0] * 9.0, row[1] * 9.0]).collect();
    positions[17] = [f32::NAN, 1.0];
    let frame = density::Frame::of(&positions);
    let cells = frame.cells(&positions);
    let places: Vec<[f32; 2]> = cells.iter().copied().flatten().collect();
    let ctx = Ctx::quiet();
    // More places than one page holds.
    let splats =
        gpu::density::Splats::new(&context.with_pages_of(1 << 22), &places, density::SIDE, &ctx).unwrap();
    let by_twin = density::splatted(&cells);
    assert_eq!(splats.counts(&ctx).unwrap(), by_twin);
    let sigma = frame.bandwidth(1, 1.0);
    let (heights, peaks) = splats.blurred(&density::gaussian(sigma), &ctx).unwrap();
    let expected = density::blurred(&by_twin, sigma);
    let most = expected.iter().fold(0.0f32, |most, &height| most.max(height));
    for (found, expected) in heights.iter().zip(&expected) {
        assert!((found - expected).abs() <= 1e-5 * most, "{found} {expected}");
    }
    // From the same heights the same basins.
    assert_eq!(peaks, density::peaks(&heights));
}
