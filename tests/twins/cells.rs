//! Neighbours by cells and sweeps, beside those of all pairs.

use semascope::data::{Key, Knn, Matrix, Recall};
use semascope::gpu::cells::{self, Centres};
use semascope::gpu::neighbours::{Candidates, NOBODY};
use semascope::gpu::{self, CodedRows, Context, GpuError};
use semascope::job::Ctx;
use semascope::math::neighbours::{Method, NeighbourParams};
use semascope::math::sample::sample;
use semascope::stage::compute::{Calibration, Rates};
use semascope::stage::neighbours::ROW_CLUSTERS;
use semascope::stage::{self, Computers, Tools, Work};

use super::{clustered, context, exact, noise, shared, with_source};

const K: usize = 15;
const WIDTH: usize = 24;
const DIM: usize = 64;

fn centres(context: &Context, values: &[f32], ctx: &Ctx) -> Result<Centres, GpuError> {
    with_source(values, DIM, |source| {
        let sampled = sample(source.rows, cells::sampled_for(source.rows), 0);
        Centres::of(context, source, &sampled, ctx)
    })
}

/// The lists after cells around `centres`, and after each of `sweeps` sweeps.
fn listed(
    context: &Context,
    values: &[f32],
    centres: &Centres,
    sweeps: usize,
    ctx: &Ctx,
) -> Result<Vec<Candidates>, GpuError> {
    let codes = with_source(values, DIM, |source| CodedRows::upload(context, source, ctx))?;
    let mut found = vec![cells::nearest(context, &codes, centres, cells::OVERLAP, WIDTH, ctx)?];
    for sweep in 0..sweeps {
        found.push(gpu::sweep::swept(context, &codes, &found[sweep], ctx)?);
    }
    Ok(found)
}

fn found(context: &Context, values: &[f32], sweeps: usize, ctx: &Ctx) -> Result<Vec<Candidates>, GpuError> {
    listed(context, values, &centres(context, values, ctx)?, sweeps, ctx)
}

/// Rows all over a few dimensions, with borders of cells between many of them and their neighbours.
fn spread(n: usize) -> Vec<f32> {
    const LATENT: usize = 8;
    let axes: Vec<f32> = noise(4).take(LATENT * DIM).collect();
    let mut values = Vec::with_capacity(n * DIM);
    for latent in noise(8).take(n * LATENT).collect::<Vec<f32>>().chunks(LATENT) {
        let mut row = [0.0f32; DIM];
        for (&x, axis) in latent.iter().zip(axes.chunks(DIM)) {
            row.iter_mut().zip(axis).for_each(|(sum, axis)| *sum += x * axis);
        }
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        values.extend(row.iter().map(|x| x / length));
    }
    values
}

#[test]
fn cells_find_most_neighbours_and_sweeps_find_more() {
    let Some(context) = context() else { return };
    let values = spread(4000);
    let expected = exact(&values, DIM, K);
    let found = found(&context, &values, 2, &Ctx::quiet()).unwrap();
    let shares: Vec<f64> = found.iter().map(|found| shared(found, &expected, K)).collect();
    assert!(shares[0] > 0.5 && shares[1] > shares[0] && shares[2] >= shares[1], "{shares:?}");
    assert!(shares[2] >= 0.95, "{shares:?}");
    for lists in &found {
        for row in 0..4000 {
            let mut ids = lists.of(row).to_vec();
            assert!(!ids.contains(&(row as u32)) && !ids.contains(&NOBODY));
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), lists.of(row).len(), "row {row} lists another twice");
        }
    }
}

#[test]
fn cells_and_sweeps_are_the_same_when_repeated_and_in_many_pages() {
    let Some(context) = context() else { return };
    let values = spread(3000);
    let whole = found(&context, &values, 1, &Ctx::quiet()).unwrap();
    assert!(found(&context, &values, 1, &Ctx::quiet()).unwrap() == whole);
    // Codes and links in several pages, cells in several batches, sweeps in chunks of 24 rows.
    let centres = centres(&context, &values, &Ctx::quiet()).unwrap();
    let paged = context.with_pages_of(100_000);
    assert!(listed(&paged, &values, &centres, 1, &Ctx::quiet()).unwrap() == whole);
}

#[test]
fn a_stopped_search_by_cells_stops() {
    let Some(context) = context() else { return };
    let values = clustered(600, DIM, 5);
    let centres = centres(&context, &values, &Ctx::quiet()).unwrap();
    let lists = found(&context, &values, 0, &Ctx::quiet()).unwrap();
    let codes =
        with_source(&values, DIM, |source| CodedRows::upload(&context, source, &Ctx::quiet())).unwrap();
    let ctx = Ctx::quiet();
    ctx.cancel.cancel();
    let in_cells = cells::nearest(&context, &codes, &centres, cells::OVERLAP, WIDTH, &ctx);
    assert!(matches!(in_cells, Err(GpuError::Cancelled(_))));
    let swept = gpu::sweep::swept(&context, &codes, &lists[0], &ctx);
    assert!(matches!(swept, Err(GpuError::Cancelled(_))));
    assert!(matches!(found(&context, &values, 1, &ctx), Err(GpuError::Cancelled(_))));
    assert!(found(&context, &values, 1, &Ctx::quiet()).is_ok());
}

#[test]
fn few_rows_are_compared_as_well() {
    let Some(context) = context() else { return };
    for n in [1, 2, 5] {
        let values = clustered(n, DIM, 1);
        let last = found(&context, &values, 1, &Ctx::quiet()).unwrap().pop().unwrap();
        for row in 0..n {
            let mut ids = last.of(row).to_vec();
            ids.sort_unstable();
            assert_eq!(ids, (0..n as u32).filter(|&id| id != row as u32).collect::<Vec<_>>());
        }
    }
}

/// An adapter that is known to be too slow for all pairs.
fn slow(context: Context) -> Computers {
    let works = [(Work::Neighbours, 1.0), (Work::NeighboursCoded, 1.0), (Work::NeighbourCells, 1e12)];
    let rates = works.map(|(work, gpu)| (work, Rates { cpu: 1.0, gpu }));
    Computers::on(context).calibrated(Calibration { machine: "test".into(), rates: rates.into() })
}

#[test]
fn a_slow_adapter_finds_neighbours_by_cells_and_says_so_with_copies_and_rows_of_zeros_in_place() {
    let Some(context) = context() else { return };
    let mut values = clustered(2500, DIM, 60);
    values.copy_within(0..DIM * 5, DIM * 100);
    values[DIM * 300..DIM * 303].fill(0.0);
    let matrix = Matrix::from_vec(Key::of("test", 1).finish(), "test", false, DIM, values);
    let run = |on: &Computers, params: &NeighbourParams| -> Knn {
        stage::neighbours::run(&matrix, params, Tools { cache: None, on }, &Ctx::quiet()).unwrap()
    };
    let params = NeighbourParams { k: K, ..NeighbourParams::default() };
    let expected = run(&Computers::cpu(), &params);
    let slow = slow(context);
    let found = run(&slow, &params);
    assert_eq!(&*found.method, ROW_CLUSTERS);
    let Recall::Estimated { share, queries } = found.recall else { panic!("{:?}", found.recall) };
    assert!(share >= 0.95 && queries > 0, "{share}");
    let lists = expected.indices.chunks(K).zip(found.indices.chunks(K));
    let same: usize = lists.map(|(a, b)| a.iter().filter(|id| b.contains(id)).count()).sum();
    assert!(same as f64 >= 0.95 * expected.indices.len() as f64, "{same}");
    // Copies are each other's nearest; a row of zeros is like nothing.
    for row in 0..5 {
        assert_eq!(found.indices[row * K], row as u32 + 100);
        assert_eq!(found.indices[(row + 100) * K], row as u32);
    }
    assert!(found.similarities[300 * K..303 * K].iter().all(|&similarity| similarity == 0.0));
    // Who asks for all pairs gets them.
    let exact = run(&slow, &NeighbourParams { method: Method::Exact, ..params });
    assert_eq!((exact.recall, exact.indices), (Recall::Exact, expected.indices));
}
