//! Measuring a map on the adapter.

use semascope::data::{Key, Knn, MapQuality, Matrix, Recall};
use semascope::gpu::{Context, GpuError, quality};
use semascope::job::{Cancelled, Ctx};
use semascope::math::hash;
use semascope::math::quality::{Compare, OnProcessor, SAMPLE, measure, measure_by};
use semascope::stage::quality::OnAdapter;

use super::{clustered, context, exact, matrix};

fn knn(values: &[f32], dim: usize, k: usize) -> Knn {
    Knn {
        key: Key::of("test", 1).finish(),
        k,
        indices: exact(values, dim, k),
        similarities: Vec::new(),
        recall: Recall::Exact,
        method: "exact".into(),
    }
}

/// A map that shows something: two components and some noise.
fn poor_map(values: &[f32], dim: usize, noise: f64) -> Vec<[f32; 2]> {
    let noise = |i: usize| (noise * hash::normal(9, i as u64)) as f32;
    values
        .chunks_exact(dim)
        .enumerate()
        .map(|(i, row)| [row[0] + noise(2 * i), row[1] + noise(2 * i + 1)])
        .collect()
}

fn on_adapter(
    context: &Context,
    matrix: &Matrix,
    knn: &Knn,
    positions: &[[f32; 2]],
) -> Result<MapQuality, GpuError> {
    measure_by(&OnAdapter { context, matrix }, matrix, knn, positions, 3, &Ctx::quiet())
}

#[test]
fn a_map_is_measured_as_the_twin_does() {
    let Some(context) = context() else { return };
    // More points than are sampled, and fewer; a map with noise and one without.
    for (n, dim, k, noise) in [(SAMPLE + 500, 20, 15, 0.05), (700, 33, 5, 0.0)] {
        let values = clustered(n, dim, 12);
        let (matrix, knn) = (matrix(&values, dim), knn(&values, dim, k));
        let positions = poor_map(&values, dim, noise);
        let expected = measure(&matrix, &knn, &positions, 3, &Ctx::quiet()).unwrap();
        for context in [context.clone(), context.clone().with_pages_of(5 * 128 * 40 * 4)] {
            let found = on_adapter(&context, &matrix, &knn, &positions).unwrap();
            for (found, expected) in [
                (found.trustworthiness, expected.trustworthiness),
                (found.continuity, expected.continuity),
                (found.knn_kept, expected.knn_kept),
                (found.triplets, expected.triplets),
            ] {
                assert!((found - expected).abs() < 1e-3, "{found} {expected}");
            }
            assert_eq!((found.k, found.sample), (expected.k, expected.sample));
            // Without ties the neighbours on the map are the same.
            assert_eq!(found.kept, expected.kept);
            assert_eq!(found, on_adapter(&context, &matrix, &knn, &positions).unwrap());
        }
    }
}

#[test]
fn neighbours_on_a_map_are_those_of_the_twin_for_clumps_and_far_points() {
    let Some(context) = context() else { return };
    let normal = |seed, i| hash::normal(seed, i) as f32;
    let clump = (0..6000).map(|i| [1e4 + 1e-1 * normal(1, i), 1e4 + 1e-1 * normal(2, i)]);
    let rest = (0..3000).map(|i| [normal(3, i), 30.0 * normal(4, i)]);
    let positions: Vec<[f32; 2]> = clump.chain(rest).chain([[-1e6, 0.0], [0.0, 5e5]]).collect();
    let space = matrix(&vec![1.0; positions.len()], 1);
    for k in [1, 15, 40] {
        let found = quality::map_neighbours(&context, &positions, k, &Ctx::quiet()).unwrap();
        let expected = OnProcessor(&space).map_neighbours(&positions, k, &Ctx::quiet()).unwrap();
        // Distances, because points of the clump lie equally far from others: its digits are few.
        let away = |i: usize, j: u32| {
            let (a, b) = (positions[i], positions[j as usize]);
            (a[0] - b[0]).hypot(a[1] - b[1])
        };
        for (at, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
            let (found, expected) = (away(at / k, found), away(at / k, expected));
            assert!((found - expected).abs() <= 1e-6 * expected, "point {}: {found} {expected}", at / k);
        }
    }
}

#[test]
fn points_in_one_place_have_neighbours_other_than_themselves() {
    let Some(context) = context() else { return };
    let found = quality::map_neighbours(&context, &[[2.0, 1.0]; 600], 7, &Ctx::quiet()).unwrap();
    for (i, list) in found.chunks_exact(7).enumerate() {
        let mut list = list.to_vec();
        list.sort_unstable();
        list.dedup();
        assert!(list.len() == 7 && !list.contains(&(i as u32)) && list[6] < 600);
    }
    let odd = [[f32::NAN, 1.0], [f32::INFINITY, 0.0], [3e38, -3e38]];
    let found = quality::map_neighbours(&context, &odd, 9, &Ctx::quiet()).unwrap();
    assert_eq!(found[..4], [1, 2, 0, 2]);
    assert_eq!(found.len(), 6);
    assert!(quality::map_neighbours(&context, &odd[..1], 9, &Ctx::quiet()).unwrap().is_empty());
}

#[test]
fn what_passes_a_threshold_is_counted_as_the_twin_does() {
    let Some(context) = context() else { return };
    let (n, dim, k) = (1000, 12, 40);
    let values = clustered(n, dim, 4);
    let space = matrix(&values, dim);
    let own: Vec<u32> = (0..150).map(|s| s * 6 + 1).collect();
    let queries: Vec<f32> = own.iter().flat_map(|&i| values[i as usize * dim..][..dim].to_vec()).collect();
    let thresholds: Vec<f32> =
        (0..own.len() * k).map(|at| hash::normal(1, at as u64).tanh() as f32).collect();
    let there = OnAdapter { context: &context, matrix: &space };
    let here = OnProcessor(&space);
    let apart = |found: Vec<u32>, expected: Vec<u32>| {
        assert_eq!(found.len(), expected.len());
        assert!(expected.iter().any(|&count| count > 100));
        found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    };
    let found = there.more_similar(&queries, &own, &thresholds, &Ctx::quiet()).unwrap();
    // A score within rounding of a threshold may fall on either side.
    assert!(apart(found, here.more_similar(&queries, &own, &thresholds, &Ctx::quiet()).unwrap()) <= 1);
    let positions = poor_map(&values, dim, 0.1);
    let limits: Vec<f32> = thresholds.iter().map(|t| t * t).collect();
    let found = there.nearer_on_map(&positions, &own, &limits, &Ctx::quiet()).unwrap();
    assert!(apart(found, here.nearer_on_map(&positions, &own, &limits, &Ctx::quiet()).unwrap()) <= 1);
}

#[test]
fn a_stopped_measurement_stops() {
    let Some(context) = context() else { return };
    let values = clustered(300, 8, 3);
    let ctx = Ctx::quiet();
    ctx.cancel.cancel();
    let (matrix, knn) = (matrix(&values, 8), knn(&values, 8, 5));
    let there = OnAdapter { context: &context, matrix: &matrix };
    let stopped = measure_by(&there, &matrix, &knn, &poor_map(&values, 8, 0.0), 1, &ctx);
    assert_eq!(stopped, Err(GpuError::Cancelled(Cancelled)));
}
