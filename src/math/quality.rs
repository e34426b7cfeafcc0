//! How far a map can be trusted (ALGORITHMS §2, "Honesty").
//!
//! Trustworthiness and continuity follow Venna & Kaski 2001; with all points sampled the former equals
//! scikit-learn's. Neighbours in the space are by cosine similarity, on the map by Euclidean distance.

use std::sync::Arc;

use rayon::prelude::*;

use super::hash;
use super::kd_tree::{KdTree, squared_distance};
use super::pca::dot;
use crate::data::{Knn, MapQuality, Matrix};
use crate::job::{Cancelled, Ctx};

/// Ranks among all points are taken for this many of them.
pub const SAMPLE: usize = 2000;

/// Triplets drawn: enough for a standard error of a quarter of a per cent.
const TRIPLETS: usize = 50_000;

/// Rows of the space that are compared with the sample at once.
const BLOCK_ROWS: usize = 512;

/// Similarities closer than this are a tie: block products round by about so much.
const TIE: f32 = 1e-6;

/// Triplets and points of one task.
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
    let on_map = map_neighbours(positions, k, ctx)?;
    let true_neighbours = |i: usize| &knn.of(i)[..k];
    let kept: Vec<f32> = (0..n)
        .into_par_iter()
        .map(|i| {
            let on_map = &on_map[i * k..(i + 1) * k];
            true_neighbours(i).iter().filter(|j| on_map.contains(j)).count() as f32 / k as f32
        })
        .collect();
    let sample = sample_points(n, seed);
    let ranks = ranks_in_space(matrix, &sample, &on_map, k, ctx)?;
    let intruders: u64 = ranks.iter().map(|&rank| u64::from(rank).saturating_sub(k as u64)).sum();
    let missing = ranks_on_map(positions, &sample, true_neighbours, ctx)?;
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

/// The `k` nearest of every point on the map, n × k; n > k.
fn map_neighbours(positions: &[[f32; 2]], k: usize, ctx: &Ctx) -> Result<Vec<u32>, Cancelled> {
    let tree = KdTree::new(positions);
    let mut neighbours = vec![0; positions.len() * k];
    neighbours.par_chunks_mut(CHUNK * k).enumerate().try_for_each(|(chunk, rows)| {
        ctx.cancel.check()?;
        let mut found = Vec::with_capacity(k);
        for (local, row) in rows.chunks_exact_mut(k).enumerate() {
            let i = chunk * CHUNK + local;
            tree.nearest(positions[i], k, Some(i as u32), &mut found);
            row.iter_mut().zip(&found).for_each(|(slot, &(_, j))| *slot = j);
        }
        Ok(())
    })?;
    Ok(neighbours)
}

/// Up to [`SAMPLE`] points, ascending: one from each of as many equal stretches.
fn sample_points(n: usize, seed: u64) -> Vec<usize> {
    let count = n.min(SAMPLE);
    (0..count)
        .map(|s| {
            let (from, to) = (s * n / count, (s + 1) * n / count);
            from + hash::below(hash::draw(seed, s as u64), to - from)
        })
        .collect()
}

/// For each sampled point's `k` neighbours on the map: their ranks among all points in the space, from 1.
fn ranks_in_space(
    matrix: &Matrix,
    sample: &[usize],
    on_map: &[u32],
    k: usize,
    ctx: &Ctx,
) -> Result<Vec<u32>, Cancelled> {
    let d = matrix.dim();
    let mut queries = Vec::with_capacity(sample.len() * d);
    sample.iter().for_each(|&i| queries.extend_from_slice(&unit_rows(matrix, i, i + 1)));
    let thresholds: Vec<f32> = (0..sample.len())
        .into_par_iter()
        .flat_map_iter(|s| {
            let query = &queries[s * d..(s + 1) * d];
            let neighbours = on_map[sample[s] * k..(sample[s] + 1) * k].iter();
            neighbours.map(move |&j| dot(query, &unit_rows(matrix, j as usize, j as usize + 1)) + TIE)
        })
        .collect();
    let blocks: Vec<_> = matrix.ranges(BLOCK_ROWS).collect();
    let nearer = blocks
        .par_iter()
        .try_fold(
            || (vec![0u32; thresholds.len()], Vec::new()),
            |(mut nearer, mut products), range| {
                ctx.cancel.check()?;
                let rows = unit_rows(matrix, range.start, range.end);
                products.resize(sample.len() * range.len(), 0.0);
                similarities(&queries, &rows, d, &mut products);
                for (s, products) in products.chunks_exact_mut(range.len()).enumerate() {
                    if range.contains(&sample[s]) {
                        products[sample[s] - range.start] = f32::NEG_INFINITY;
                    }
                    for (count, &threshold) in nearer[s * k..].iter_mut().zip(&thresholds[s * k..(s + 1) * k])
                    {
                        *count += products.iter().map(|&v| u32::from(v > threshold)).sum::<u32>();
                    }
                }
                Ok((nearer, products))
            },
        )
        .map(|folded| folded.map(|(nearer, _)| nearer))
        .try_reduce(
            || vec![0; thresholds.len()],
            |mut a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                Ok(a)
            },
        )?;
    Ok(nearer.into_iter().map(|count| count + 1).collect())
}

/// Σ max(0, rank on the map − k) over the sampled points' true neighbours.
fn ranks_on_map<'a>(
    positions: &[[f32; 2]],
    sample: &[usize],
    true_neighbours: impl Fn(usize) -> &'a [u32] + Sync,
    ctx: &Ctx,
) -> Result<u64, Cancelled> {
    sample
        .par_iter()
        .map(|&i| {
            ctx.cancel.check()?;
            let neighbours = true_neighbours(i);
            let limits: Vec<f32> =
                neighbours.iter().map(|&j| squared_distance(positions[j as usize], positions[i])).collect();
            let mut nearer = vec![0u64; limits.len()];
            let mut distances = [0.0f32; BLOCK_ROWS];
            for block in positions.chunks(BLOCK_ROWS) {
                let distances = &mut distances[..block.len()];
                distances.iter_mut().zip(block).for_each(|(d, &p)| *d = squared_distance(p, positions[i]));
                for (count, &limit) in nearer.iter_mut().zip(&limits) {
                    *count += u64::from(distances.iter().map(|&d| u32::from(d < limit)).sum::<u32>());
                }
            }
            // The point itself, at distance 0, was counted unless the neighbour lies on it too.
            let rank = |(count, limit): (u64, f32)| count + u64::from(limit <= 0.0);
            let k = neighbours.len() as u64;
            Ok(nearer.into_iter().zip(limits).map(|pair| rank(pair).saturating_sub(k)).sum::<u64>())
        })
        .sum()
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
                let anchor = unit_rows(matrix, a, a + 1);
                let to = |j: usize| dot(&anchor, &unit_rows(matrix, j, j + 1));
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

/// Rows `from..to`, each of length one (rows of zeros stay so).
fn unit_rows(matrix: &Matrix, from: usize, to: usize) -> std::borrow::Cow<'_, [f32]> {
    let mut rows = matrix.block(from..to);
    if !matrix.unit {
        for row in rows.to_mut().chunks_exact_mut(matrix.dim()) {
            let length = dot(row, row).sqrt();
            if length > 0.0 {
                row.iter_mut().for_each(|v| *v /= length);
            }
        }
    }
    rows
}

/// `out` (queries × rows) = queries · rowsᵀ, for rows of `d` numbers.
fn similarities(queries: &[f32], rows: &[f32], d: usize, out: &mut [f32]) {
    let (m, n) = (queries.len() / d.max(1), rows.len() / d.max(1));
    debug_assert_eq!(out.len(), m * n);
    // SAFETY: `out` holds m × n, `queries` m × d and `rows` n × d numbers, row-major as the strides say; `out`
    // overlaps neither.
    unsafe {
        gemm::gemm(
            m,
            n,
            d,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            queries.as_ptr(),
            1,
            d as isize,
            rows.as_ptr(),
            d as isize,
            1,
            0.0f32,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
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
        let rows = unit_rows(matrix, 0, n).into_owned();
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
