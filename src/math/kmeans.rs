//! Spherical k-means (Dhillon & Modha 2001) with k-means++ seeding (Arthur & Vassilvitskii 2007).
//!
//! Rows are centred on their mean and brought to unit length; similarity is the dot product with a unit centre.
//! The matrix is read block by block, never as a whole.

use std::ops::Range;

use gemm::Parallelism;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::random::Random;
use crate::data::{Clusters, Matrix, UNCLUSTERED};
use crate::job::{Cancelled, Ctx};

/// Seeding and restarts look at this many rows at most; all rows take part afterwards.
const SAMPLE: usize = 1 << 16;
/// Rows multiplied with the centres at once: their products stay in the cache.
const BLOCK: usize = 512;
/// Rows are summed in this many stretches, whatever the number of threads, so that sums round alike everywhere.
const STRETCHES: usize = 32;
/// A round that raises the mean similarity by less is the last.
const WORTHWHILE_GAIN: f64 = 1e-5;

/// What a person can choose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KMeansParams {
    /// How many clusters; fewer come out where there are fewer distinct rows.
    pub k: usize,
    pub seed: u64,
    pub max_rounds: usize,
    /// Seedings tried on the sample; the best one goes on.
    pub restarts: usize,
    /// Take the mean of all rows away first: it is what all texts of a corpus share.
    pub centre: bool,
}

impl Default for KMeansParams {
    fn default() -> Self {
        Self { k: 20, seed: 0, max_rounds: 50, restarts: 3, centre: true }
    }
}

/// Clusters around centres.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeans {
    /// `n` labels, larger clusters first; [`UNCLUSTERED`] only for rows of zeros (empty texts).
    pub labels: Vec<u32>,
    pub count: usize,
    /// `n` margins in [0, 1]: 0 between two centres, 1 on the own one.
    pub strengths: Vec<f32>,
    /// Mean similarity of a row to its centre.
    pub similarity: f64,
}

/// Parts the rows of `matrix` into `params.k` clusters; equal at any number of threads.
pub fn kmeans(matrix: &Matrix, params: &KMeansParams, ctx: &Ctx) -> Result<KMeans, Cancelled> {
    let restarts = params.restarts.max(1);
    let rounds = (params.max_rounds * (restarts + 1)) as u64;
    ctx.progress.begin("Clustering", "rounds", rounds, 0);
    let mut random = Random::new(params.seed);
    let mean = if params.centre { mean_of(matrix, ctx)? } else { vec![0.0; matrix.dim()] };
    let sample = sample_of(matrix, &mut random);
    let sampled = Rows { matrix: &sample, mean: &mean };
    let mut best: Option<(Vec<f32>, f64)> = None;
    for restart in 0..restarts {
        let centres = seeded(&sampled, params.k, &mut random, ctx)?;
        let (centres, found) = settle(&sampled, centres, params.max_rounds, ctx)?;
        ctx.progress.set(((restart + 1) * params.max_rounds) as u64);
        if best.as_ref().is_none_or(|(_, similarity)| found.mean() > *similarity) {
            best = Some((centres, found.mean()));
        }
    }
    let centres = best.map_or_else(Vec::new, |(centres, _)| centres);
    let (_, found) = settle(&Rows { matrix, mean: &mean }, centres, params.max_rounds, ctx)?;
    let (labels, count) = Clusters::ordered(&found.labels);
    ctx.progress.set(rounds);
    Ok(KMeans { labels, count, strengths: found.margins(), similarity: found.mean() })
}

/// Rows of a matrix, centred and of unit length.
struct Rows<'a> {
    matrix: &'a Matrix,
    mean: &'a [f32],
}

impl Rows<'_> {
    /// The rows in `range`; a row that was all zeros stays so.
    fn block(&self, range: Range<usize>) -> Vec<f32> {
        let mut block = self.matrix.block(range).into_owned();
        for row in block.chunks_exact_mut(self.matrix.dim().max(1)) {
            if row.iter().all(|&x| x == 0.0) {
                continue;
            }
            // Rows of any length are compared by direction; the mean was taken of unit rows.
            make_unit(row);
            row.iter_mut().zip(self.mean).for_each(|(x, m)| *x -= m);
            make_unit(row);
        }
        block
    }
}

fn make_unit(row: &mut [f32]) {
    let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|x| *x /= length);
    }
}

/// The stretches of `n` rows that are worked on side by side.
fn stretches(n: usize) -> Vec<Range<usize>> {
    let size = n.div_ceil(STRETCHES).max(BLOCK);
    (0..n.div_ceil(size)).map(|s| s * size..((s + 1) * size).min(n)).collect()
}

fn blocks(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(BLOCK).map(move |start| start..(start + BLOCK).min(range.end))
}

/// The mean of the rows at unit length.
fn mean_of(matrix: &Matrix, ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    let zero = vec![0.0; matrix.dim()];
    let rows = Rows { matrix, mean: &zero };
    let sums: Vec<Vec<f64>> = stretches(matrix.rows())
        .into_par_iter()
        .map(|stretch| {
            let mut sum = vec![0.0; matrix.dim()];
            for range in blocks(stretch) {
                ctx.cancel.check()?;
                for row in rows.block(range).chunks_exact(matrix.dim().max(1)) {
                    sum.iter_mut().zip(row).for_each(|(s, x)| *s += f64::from(*x));
                }
            }
            Ok(sum)
        })
        .collect::<Result<_, Cancelled>>()?;
    let n = matrix.rows().max(1) as f64;
    Ok((0..matrix.dim()).map(|d| (sums.iter().map(|sum| sum[d]).sum::<f64>() / n) as f32).collect())
}

/// At most [`SAMPLE`] rows, drawn without putting back, in their order.
fn sample_of(matrix: &Matrix, random: &mut Random) -> Matrix {
    let n = matrix.rows();
    if n <= SAMPLE {
        return matrix.clone();
    }
    let mut values = Vec::with_capacity(SAMPLE * matrix.dim());
    let mut wanted = SAMPLE;
    for i in 0..n {
        if random.below(n - i) < wanted {
            values.extend_from_slice(&matrix.row(i));
            wanted -= 1;
        }
    }
    Matrix::from_vec(matrix.key, matrix.made_by.clone(), matrix.unit, matrix.dim(), values)
}

/// k-means++: each next centre is a row drawn by its squared distance to the nearest centre so far.
fn seeded(rows: &Rows, k: usize, random: &mut Random, ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    let (n, dim) = (rows.matrix.rows(), rows.matrix.dim());
    let prepared = rows.block(0..n);
    let row = |i: usize| &prepared[i * dim..(i + 1) * dim];
    // On unit vectors the squared distance is 2 − 2 cos; a row of zeros is never drawn.
    let mut distances: Vec<f32> =
        (0..n).map(|i| if row(i).iter().all(|&x| x == 0.0) { 0.0 } else { 1.0 }).collect();
    let mut centres = Vec::with_capacity(k * dim);
    for _ in 0..k {
        ctx.cancel.check()?;
        let total: f64 = distances.iter().map(|&d| f64::from(d)).sum();
        if total <= 0.0 {
            break;
        }
        let mut left = random.unit() * total;
        let drawn = distances.iter().position(|&d| {
            left -= f64::from(d);
            d > 0.0 && left < 0.0
        });
        let last = || distances.iter().rposition(|&d| d > 0.0).unwrap_or(0);
        let centre = row(drawn.unwrap_or_else(last)).to_vec();
        distances.par_iter_mut().enumerate().with_min_len(BLOCK).for_each(|(i, distance)| {
            let dot: f32 = row(i).iter().zip(&centre).map(|(a, b)| a * b).sum();
            // What rounding leaves between equal rows is no distance.
            let left = if dot > 1.0 - 1e-6 { 0.0 } else { 1.0 - dot };
            *distance = distance.min(left);
        });
        centres.extend(centre);
    }
    Ok(centres)
}

/// Every row's nearest centre, and how near the two nearest are.
struct Assigned {
    labels: Vec<u32>,
    nearest: Vec<f32>,
    second: Vec<f32>,
}

impl Assigned {
    fn mean(&self) -> f64 {
        let inside = self.labels.iter().zip(&self.nearest).filter(|(l, _)| **l != UNCLUSTERED);
        let (sum, count) = inside.fold((0.0, 0), |(sum, n), (_, &s)| (sum + f64::from(s), n + 1));
        if count > 0 { sum / f64::from(count) } else { 0.0 }
    }

    fn margins(&self) -> Vec<f32> {
        let margin = |(&first, &second): (&f32, &f32)| {
            if second < 1.0 { ((first - second) / (1.0 - second)).clamp(0.0, 1.0) } else { 0.0 }
        };
        self.nearest.iter().zip(&self.second).map(margin).collect()
    }
}

/// Assigns and averages in turn until nothing much changes; returns the last centres and assignment.
fn settle(
    rows: &Rows,
    mut centres: Vec<f32>,
    max_rounds: usize,
    ctx: &Ctx,
) -> Result<(Vec<f32>, Assigned), Cancelled> {
    let mut before = f64::NEG_INFINITY;
    let mut round = 0;
    loop {
        let (assigned, sums) = assign(rows, &centres, ctx)?;
        let mean = assigned.mean();
        round += 1;
        let reseeded = if round < max_rounds { move_centres(rows, &mut centres, sums, &assigned) } else { 0 };
        if round >= max_rounds || (reseeded == 0 && mean - before < WORTHWHILE_GAIN) {
            return Ok((centres, assigned));
        }
        before = mean;
        ctx.progress.advance(1);
    }
}

/// Puts each centre in the middle of its rows; one that lost all of them goes to a row far from its own centre.
/// Returns how many did.
fn move_centres(rows: &Rows, centres: &mut [f32], sums: Sums, assigned: &Assigned) -> usize {
    let dim = rows.matrix.dim();
    let empty = sums.counts.iter().filter(|&&count| count == 0).count();
    let mut lonely: Vec<usize> = Vec::new();
    if empty > 0 {
        lonely = (0..assigned.labels.len()).filter(|&i| assigned.labels[i] != UNCLUSTERED).collect();
        lonely.sort_by(|&a, &b| assigned.nearest[a].total_cmp(&assigned.nearest[b]).then(a.cmp(&b)));
    }
    let mut far = lonely.into_iter();
    let mut reseeded = 0;
    for (c, centre) in centres.chunks_exact_mut(dim.max(1)).enumerate() {
        if sums.counts[c] > 0 {
            centre.iter_mut().zip(&sums.values[c * dim..]).for_each(|(x, s)| *x = *s);
            make_unit(centre);
        } else if let Some(row) = far.find(|&i| assigned.nearest[i] < 1.0 - 1e-6) {
            centre.copy_from_slice(&rows.block(row..row + 1));
            reseeded += 1;
        }
    }
    reseeded
}

/// The sum and number of the rows of each cluster.
struct Sums {
    values: Vec<f32>,
    counts: Vec<usize>,
}

fn assign(rows: &Rows, centres: &[f32], ctx: &Ctx) -> Result<(Assigned, Sums), Cancelled> {
    let (n, dim) = (rows.matrix.rows(), rows.matrix.dim().max(1));
    let k = centres.len() / dim;
    let parts: Vec<(Assigned, Sums)> = stretches(n)
        .into_par_iter()
        .map(|stretch| {
            let mut part = Assigned { labels: Vec::new(), nearest: Vec::new(), second: Vec::new() };
            let mut sums = Sums { values: vec![0.0; k * dim], counts: vec![0; k] };
            let mut products = vec![0.0; BLOCK * k];
            for range in blocks(stretch) {
                ctx.cancel.check()?;
                let block = rows.block(range);
                let products = &mut products[..block.len() / dim * k];
                multiply(&block, centres, dim, products);
                for (i, row) in block.chunks_exact(dim).enumerate() {
                    let (label, first, second) = two_nearest(&products[i * k..(i + 1) * k]);
                    let label = if row.iter().all(|&x| x == 0.0) { UNCLUSTERED } else { label };
                    part.labels.push(label);
                    part.nearest.push(first);
                    part.second.push(second);
                    if let Some(count) = sums.counts.get_mut(label as usize) {
                        *count += 1;
                        let sum = &mut sums.values[label as usize * dim..][..dim];
                        sum.iter_mut().zip(row).for_each(|(s, x)| *s += x);
                    }
                }
            }
            Ok((part, sums))
        })
        .collect::<Result<_, Cancelled>>()?;
    let mut all = Assigned { labels: Vec::with_capacity(n), nearest: Vec::new(), second: Vec::new() };
    let mut sums = Sums { values: vec![0.0; k * dim], counts: vec![0; k] };
    for (part, part_sums) in parts {
        all.labels.extend(part.labels);
        all.nearest.extend(part.nearest);
        all.second.extend(part.second);
        sums.values.iter_mut().zip(part_sums.values).for_each(|(a, b)| *a += b);
        sums.counts.iter_mut().zip(part_sums.counts).for_each(|(a, b)| *a += b);
    }
    Ok((all, sums))
}

fn two_nearest(similarities: &[f32]) -> (u32, f32, f32) {
    let (mut label, mut first, mut second) = (UNCLUSTERED, f32::NEG_INFINITY, -1.0f32);
    for (c, &similarity) in similarities.iter().enumerate() {
        if similarity > first {
            (label, second, first) = (c as u32, first.max(-1.0), similarity);
        } else if similarity > second {
            second = similarity;
        }
    }
    (label, first, second)
}

/// The products of every row with every centre, row-major: `rows.len() / dim` × `centres.len() / dim`.
fn multiply(rows: &[f32], centres: &[f32], dim: usize, products: &mut [f32]) {
    let (m, k) = (rows.len() / dim, centres.len() / dim);
    assert_eq!(products.len(), m * k, "one product a row and centre");
    if m * k == 0 {
        return;
    }
    // SAFETY: the three pointers are to slices of m × dim, k × dim and m × k floats, and the strides stay inside
    // them; `products` is borrowed mutably, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            m,
            k,
            dim,
            products.as_mut_ptr(),
            1,
            k as isize,
            false,
            rows.as_ptr(),
            1,
            dim as isize,
            centres.as_ptr(),
            dim as isize,
            1,
            0.0f32,
            1.0f32,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Key;
    use crate::math::agreement::adjusted_rand;

    const DIM: usize = 8;

    /// `groups` bundles of directions, interleaved; every row shares a large common part.
    fn bundles(groups: usize, size: usize, noise: f32) -> (Matrix, Vec<u32>) {
        let mut random = Random::new(4);
        let mut values = Vec::new();
        let mut truth = Vec::new();
        for i in 0..groups * size {
            let group = i % groups;
            truth.push(group as u32);
            for d in 0..DIM {
                let own = if d == group { 1.0 } else { 0.0 };
                values.push(3.0 + own + noise * (random.unit() as f32 - 0.5));
            }
        }
        (matrix(values), truth)
    }

    fn matrix(values: Vec<f32>) -> Matrix {
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, DIM, values)
    }

    fn params(k: usize) -> KMeansParams {
        KMeansParams { k, ..KMeansParams::default() }
    }

    #[test]
    fn bundles_of_directions_are_told_apart_once_their_common_part_is_gone() {
        let (matrix, truth) = bundles(6, 300, 0.3);
        let found = kmeans(&matrix, &params(6), &Ctx::quiet()).unwrap();
        assert_eq!(found.count, 6);
        assert!(adjusted_rand(&truth, &found.labels) > 0.99);
        assert!(found.strengths.iter().all(|s| (0.0..=1.0).contains(s)));
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let (matrix, _) = bundles(5, 700, 2.0);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| kmeans(&matrix, &params(9), &Ctx::quiet()).unwrap())
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn rows_of_zeros_belong_nowhere() {
        let (matrix_, _) = bundles(2, 20, 0.1);
        let mut values = matrix_.block(0..40).into_owned();
        values.extend([0.0; DIM]);
        let found = kmeans(&matrix(values), &params(2), &Ctx::quiet()).unwrap();
        assert_eq!(found.labels[40], UNCLUSTERED);
        assert_eq!(found.count, 2);
    }

    #[test]
    fn fewer_distinct_rows_than_clusters_give_fewer_clusters() {
        let mut values = vec![0.0; 30 * DIM];
        (0..30).for_each(|i| values[i * DIM + i % 3] = 1.0);
        let found = kmeans(&matrix(values), &params(10), &Ctx::quiet()).unwrap();
        assert_eq!(found.count, 3);
        assert!(kmeans(&matrix(Vec::new()), &params(10), &Ctx::quiet()).unwrap().labels.is_empty());
    }

    #[test]
    fn a_centre_that_lost_its_rows_starts_again_elsewhere() {
        let (matrix, truth) = bundles(3, 50, 0.1);
        let zero = [0.0; DIM];
        let mean = mean_of(&matrix, &Ctx::quiet()).unwrap();
        let rows = Rows { matrix: &matrix, mean: &mean };
        // The second and third centre lie opposite to everything.
        let mut centres = rows.block(0..1);
        let away: Vec<f32> = mean.iter().map(|m| -m).chain(zero.iter().map(|_| -1.0)).collect();
        centres.extend(away);
        let (_, found) = settle(&rows, centres, 50, &Ctx::quiet()).unwrap();
        assert!(adjusted_rand(&truth, &found.labels) > 0.99);
    }

    #[test]
    fn a_stopped_run_ends_without_a_result() {
        let (matrix, _) = bundles(2, 20, 0.1);
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        assert_eq!(kmeans(&matrix, &params(2), &ctx), Err(Cancelled));
    }
}
