//! How far a map can be trusted (ALGORITHMS §2, "Honesty").
//!
//! Trustworthiness and continuity follow Venna & Kaski 2001; with all points sampled the former equals
//! scikit-learn's. Neighbours in the space are by cosine similarity, on the map by Euclidean distance. What compares many
//! points with each other is [`Compare`]; the rest is cheap, and here.

use std::sync::Arc;

use rayon::prelude::*;

use super::hash;
use super::kd_tree::squared_distance;
use super::pca::dot;
pub use super::quality_counts::{Compare, OnProcessor, unit_rows};
use crate::data::{Knn, MapQuality, Matrix};
use crate::job::{Cancelled, Ctx};

/// Ranks among all points are taken for this many of them.
pub const SAMPLE: usize = 2000;

/// Triplets drawn: enough for a standard error of a quarter of a per cent.
const TRIPLETS: usize = 50_000;

/// Similarities closer than this are a tie: block products round by about so much.
const TIE: f32 = 1e-6;

/// Triplets of one task.
const CHUNK: usize = 512;

/// Measures the map `positions` of the rows of `matrix`, whose true neighbours are `knn`.
///
/// The neighbour figures use the `k` of `knn`, or the largest k < n / 2. Trustworthiness and continuity are
/// measured on [`SAMPLE`] points (all, where there are no more), with ranks among all points. Of fewer than three
/// points every figure is 1: no order can be lost.
pub fn measure(
    matrix: &Matrix,
    knn: &Knn,
    positions: &[[f32; 2]],
    seed: u64,
    ctx: &Ctx,
) -> Result<MapQuality, Cancelled> {
    measure_by(&OnProcessor(matrix), matrix, knn, positions, seed, ctx)
}

/// The same with what `compare` finds in `matrix`.
pub fn measure_by<C: Compare>(
    compare: &C,
    matrix: &Matrix,
    knn: &Knn,
    positions: &[[f32; 2]],
    seed: u64,
    ctx: &Ctx,
) -> Result<MapQuality, C::Error> {
    let n = matrix.rows().min(positions.len());
    // A single point has no neighbours, and then `knn` does not count it.
    let k = if knn.len() < n { 0 } else { knn.k.min(n.saturating_sub(1) / 2) };
    if k == 0 {
        let kept = Arc::new(vec![1.0; n]);
        return Ok(MapQuality {
            trustworthiness: 1.0,
            continuity: 1.0,
            knn_kept: 1.0,
            triplets: 1.0,
            k,
            sample: n,
            kept,
        });
    }
    let positions = &positions[..n];
    let on_map = compare.map_neighbours(positions, k, ctx)?;
    let true_neighbours = |i: usize| &knn.of(i)[..k];
    let kept: Vec<f32> = (0..n)
        .into_par_iter()
        .map(|i| {
            let on_map = &on_map[i * k..(i + 1) * k];
            true_neighbours(i).iter().filter(|j| on_map.contains(j)).count() as f32 / k as f32
        })
        .collect();
    let sample = sample_points(n, seed);
    let beyond =
        |ranks: Vec<u32>| ranks.into_iter().map(|rank| u64::from(rank).saturating_sub(k as u64)).sum();
    let intruders: u64 = beyond(ranks_in_space(compare, matrix, &sample, &on_map, ctx)?);
    let missing: u64 = beyond(ranks_on_map(compare, positions, &sample, true_neighbours, ctx)?);
    // The largest possible sum of excess ranks, so that the figures reach from 0 to 1.
    let worst = (sample.len() * k) as f64 * (2 * n - 3 * k - 1) as f64 / 2.0;
    Ok(MapQuality {
        trustworthiness: (1.0 - intruders as f64 / worst) as f32,
        continuity: (1.0 - missing as f64 / worst) as f32,
        knn_kept: (kept.iter().map(|&share| f64::from(share)).sum::<f64>() / n as f64) as f32,
        triplets: triplet_accuracy(matrix, positions, seed, ctx)?,
        k,
        sample: sample.len(),
        kept: Arc::new(kept),
    })
}

/// Up to [`SAMPLE`] points, ascending: one from each of as many equal stretches.
fn sample_points(n: usize, seed: u64) -> Vec<u32> {
    let count = n.min(SAMPLE);
    (0..count)
        .map(|s| {
            let (from, to) = (s * n / count, (s + 1) * n / count);
            (from + hash::below(hash::draw(seed, s as u64), to - from)) as u32
        })
        .collect()
}

/// For each sampled point's neighbours on the map: their ranks among all points in the space, from 1.
fn ranks_in_space<C: Compare>(
    compare: &C,
    matrix: &Matrix,
    sample: &[u32],
    on_map: &[u32],
    ctx: &Ctx,
) -> Result<Vec<u32>, C::Error> {
    let k = on_map.len() / matrix.rows();
    let row = |i: u32| unit_rows(matrix, i as usize..i as usize + 1);
    let mut queries = Vec::with_capacity(sample.len() * matrix.dim());
    sample.iter().for_each(|&i| queries.extend_from_slice(&row(i)));
    let thresholds: Vec<f32> = sample
        .par_iter()
        .flat_map_iter(|&i| {
            let query = row(i);
            let neighbours = on_map[i as usize * k..(i as usize + 1) * k].iter();
            neighbours.map(move |&j| dot(&query, &row(j)) + TIE)
        })
        .collect();
    let mut ranks = compare.more_similar(&queries, sample, &thresholds, ctx)?;
    ranks.iter_mut().for_each(|count| *count += 1);
    Ok(ranks)
}

/// For each sampled point's true neighbours: their ranks among all points on the map, from 1.
fn ranks_on_map<'a, C: Compare>(
    compare: &C,
    positions: &[[f32; 2]],
    sample: &[u32],
    true_neighbours: impl Fn(usize) -> &'a [u32],
    ctx: &Ctx,
) -> Result<Vec<u32>, C::Error> {
    let limits: Vec<f32> = sample
        .iter()
        .flat_map(|&i| true_neighbours(i as usize).iter().map(move |&j| (i as usize, j as usize)))
        .map(|(i, j)| squared_distance(positions[j], positions[i]))
        .collect();
    let mut ranks = compare.nearer_on_map(positions, sample, &limits, ctx)?;
    // The point itself, at distance 0, was counted unless the neighbour lies on it too.
    ranks.iter_mut().zip(limits).for_each(|(count, limit)| *count += u32::from(limit <= 0.0));
    Ok(ranks)
}

/// The share of random triplets whose nearer pair in the space is the nearer one on the map; ties count half.
fn triplet_accuracy(matrix: &Matrix, positions: &[[f32; 2]], seed: u64, ctx: &Ctx) -> Result<f32, Cancelled> {
    let n = positions.len();
    let seed = hash::mix(seed);
    let halves: u64 = (0..TRIPLETS.div_ceil(CHUNK))
        .into_par_iter()
        .map(|chunk| {
            ctx.cancel.check()?;
            let agreeing = (chunk * CHUNK..((chunk + 1) * CHUNK).min(TRIPLETS)).map(|t| {
                let pick = |which: usize, below| hash::below(hash::draw(seed, (3 * t + which) as u64), below);
                // Three different points: the second and third skip those drawn before.
                let a = pick(0, n);
                let b = (a + 1 + pick(1, n - 1)) % n;
                let (low, high) = (a.min(b), a.max(b));
                let c = pick(2, n - 2);
                let c = c + usize::from(c >= low);
                let c = c + usize::from(c >= high);
                let anchor = unit_rows(matrix, a..a + 1);
                let to = |j: usize| dot(&anchor, &unit_rows(matrix, j..j + 1));
                let in_space = to(b).total_cmp(&to(c)).reverse();
                let to = |j: usize| squared_distance(positions[a], positions[j]);
                let on_map = to(b).total_cmp(&to(c));
                if in_space.is_eq() || on_map.is_eq() { 1 } else { 2 * u64::from(in_space == on_map) }
            });
            Ok(agreeing.sum::<u64>())
        })
        .sum::<Result<u64, Cancelled>>()?;
    Ok((halves as f64 / (2 * TRIPLETS) as f64) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall};
    use proptest::prelude::*;

    fn space(dim: usize, unit: bool, values: Vec<f32>) -> Matrix {
        Matrix::from_vec(Key::of("test", 1).finish(), "test", unit, dim, values)
    }

    fn exact(matrix: &Matrix, k: usize) -> Knn {
        let n = matrix.rows();
        let rows = unit_rows(matrix, 0..n).into_owned();
        let row = |i: usize| &rows[i * matrix.dim()..(i + 1) * matrix.dim()];
        let k = k.min(n.saturating_sub(1));
        let (mut indices, mut similarities) = (Vec::new(), Vec::new());
        for i in 0..n {
            let mut all: Vec<(f32, u32)> =
                (0..n).filter(|&j| j != i).map(|j| (dot(row(i), row(j)), j as u32)).collect();
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            indices.extend(all[..k].iter().map(|a| a.1));
            similarities.extend(all[..k].iter().map(|a| a.0));
        }
        let key = Key::of("test", 1).finish();
        Knn { key, k, indices, similarities, recall: Recall::Exact, method: "exact".into() }
    }

    /// 40 × 8 numbers by a formula that other programs can follow, and a poor map of them.
    fn waves() -> (Matrix, Vec<[f32; 2]>) {
        let value = |i: f64, j: f64| (1.0 + 3.7 * i + 1.3 * j * j * (1.0 + 0.01 * i)).sin() as f32;
        let values: Vec<f32> = (0..320).map(|at| value((at / 8) as f64, (at % 8) as f64)).collect();
        let place = |i: usize| {
            let at = i as f64;
            [
                (f64::from(values[i * 8]) + 0.3 * (1.1 * at).cos()) as f32,
                (f64::from(values[i * 8 + 1]) - 0.2 * (2.3 * at).sin()) as f32,
            ]
        };
        let positions = (0..40).map(place).collect();
        (space(8, false, values), positions)
    }

    #[test]
    fn trustworthiness_is_that_of_scikit_learn() {
        // sklearn.manifold.trustworthiness(X, map, n_neighbors=k, metric="cosine"); continuity and the share kept
        // by the same formula in NumPy.
        let (matrix, positions) = waves();
        for (k, trust, continuity, kept) in [
            (3, 0.805_714_3, 0.739_047_6, 0.141_666_7),
            (5, 0.839_375, 0.770_781_3, 0.27),
            (12, 0.849_709_3, 0.856_395_3, 0.589_583_3),
        ] {
            let quality = measure(&matrix, &exact(&matrix, k), &positions, 1, &Ctx::quiet()).unwrap();
            assert!((quality.trustworthiness - trust).abs() < 1e-5, "{quality:?}");
            assert!((quality.continuity - continuity).abs() < 1e-5, "{quality:?}");
            assert!((quality.knn_kept - kept).abs() < 1e-5, "{quality:?}");
            assert_eq!((quality.k, quality.sample, quality.kept.len()), (k, 40, 40));
        }
    }

    #[test]
    fn a_map_that_shows_everything_is_perfect() {
        // Directions on a quarter circle: their angles order them as their places on a line do.
        let angle = |i: usize| 1.5 * (i as f32 / 300.0).powf(1.3);
        let matrix = space(2, true, (0..300).flat_map(|i| [angle(i).cos(), angle(i).sin()]).collect());
        let positions: Vec<[f32; 2]> = (0..300).map(|i| [angle(i), 0.0]).collect();
        let quality = measure(&matrix, &exact(&matrix, 5), &positions, 1, &Ctx::quiet()).unwrap();
        for figure in [quality.trustworthiness, quality.continuity, quality.knn_kept, quality.triplets] {
            assert!(figure > 0.985, "{quality:?}");
        }
    }

    #[test]
    fn a_random_map_has_half_of_the_triplets_and_hardly_a_neighbour() {
        let random = |seed, i| hash::normal(seed, i) as f32;
        let matrix = space(16, false, (0..2500 * 16).map(|i| random(1, i)).collect());
        let positions: Vec<[f32; 2]> = (0..2500).map(|i| [random(2, i), random(3, i)]).collect();
        let quality = measure(&matrix, &exact(&matrix, 10), &positions, 1, &Ctx::quiet()).unwrap();
        for figure in [quality.trustworthiness, quality.continuity, quality.triplets] {
            assert!((figure - 0.5).abs() < 0.02, "{quality:?}");
        }
        assert!(quality.knn_kept < 0.02 && quality.sample == SAMPLE);
    }

    #[test]
    fn figures_are_equal_at_any_number_of_threads() {
        let (matrix, positions) = waves();
        let knn = exact(&matrix, 5);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| measure(&matrix, &knn, &positions, 1, &Ctx::quiet()).unwrap())
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn a_stop_is_heeded() {
        let (matrix, positions) = waves();
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        assert_eq!(measure(&matrix, &exact(&matrix, 5), &positions, 1, &ctx), Err(Cancelled));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn figures_are_shares_for_any_data(
            n in 0usize..30, k in 1usize..12, flat in any::<bool>(), seed in 0u64..1000,
        ) {
            let value = |i: u64| if flat { 1.0 } else { hash::normal(seed, i).round() as f32 };
            let matrix = space(3, false, (0..3 * n as u64).map(value).collect());
            let positions: Vec<[f32; 2]> = (0..n as u64).map(|i| [value(2 * i), value(2 * i + 1)]).collect();
            let quality = measure(&matrix, &exact(&matrix, k), &positions, seed, &Ctx::quiet()).unwrap();
            for figure in [quality.trustworthiness, quality.continuity, quality.knn_kept, quality.triplets] {
                prop_assert!((0.0..=1.0).contains(&figure), "{:?}", quality);
            }
            prop_assert_eq!(quality.kept.len(), n);
        }
    }
}
