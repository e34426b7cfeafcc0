//! k-means by direction (spherical: Dhillon & Modha 2001) or by distance, with k-means++ seeding (Arthur &
//! Vassilvitskii 2007).
//!
//! Most rounds see only some of the rows: first as few as tell the centres roughly, then four times as many, and so on
//! (growing batches: Bottou & Bengio 1995; Newling & Fleuret 2016). Only the last rounds see all, and beyond a million
//! rows only the last assignment does. The matrix is read block by block, never as a whole.

use serde::{Deserialize, Serialize};

use super::kmeans_assign::assign;
pub use super::kmeans_assign::{Assigned, Centres};
use super::kmeans_rows::Prepared;
pub use super::kmeans_rows::{Metric, Rows};
use super::kmeans_seed::seeded;
use super::kmeans_update::move_centres;
use super::random::Random;
use super::sample::sample;
use crate::data::{Clusters, Matrix, UNCLUSTERED};
use crate::job::{Cancelled, Ctx};

/// The first rounds see so many rows a centre …
const FIRST_ROWS_A_CENTRE: usize = 64;
/// … but at least so many.
const FEWEST_FIRST_ROWS: usize = 1 << 12;
/// Each batch is so many times as large as the one before.
const GROWTH: usize = 4;
/// Centres settle on at most this many rows: a thousand centres lie within a thousandth of where all rows would put
/// them.
const LARGEST_BATCH: usize = 1 << 20;
/// A round that raises the mean similarity by a smaller share of what is left to gain is the last of its batch.
const WORTHWHILE_GAIN: f64 = 3e-4;
/// The same while the batch is not the last: the next one goes on from there.
const WORTHWHILE_GAIN_BEFORE: f64 = 1e-3;

/// What a person can choose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KMeansParams {
    /// How many clusters; fewer come out where there are fewer distinct rows.
    pub k: usize,
    pub seed: u64,
    /// On all rows; smaller batches have as many each.
    pub max_rounds: usize,
    /// Seedings tried on the first batch; the best one goes on.
    pub restarts: usize,
    /// Take the mean of all rows away before directions are compared: it is what all texts of a corpus share.
    pub centre: bool,
    pub metric: Metric,
}

impl Default for KMeansParams {
    fn default() -> Self {
        Self { k: 20, seed: 0, max_rounds: 50, restarts: 3, centre: true, metric: Metric::Cosine }
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
    /// Mean similarity of a row to its centre: the cosine, or the squared distance below zero.
    pub similarity: f64,
    /// Sum of the squared distances of the rows (of their directions, where these are compared) to their centres.
    pub inertia: f64,
}

/// How long centres move.
#[derive(Clone, Copy, Debug)]
pub struct Until {
    pub max_rounds: usize,
    /// A round that brings less than this share of what is left to gain is the last.
    pub worthwhile: f64,
}

/// Where rows are compared with centres.
pub trait Compare {
    type Error: From<Cancelled>;

    /// Draws `k` rows as centres (k-means++), or fewer where there are fewer distinct ones.
    fn seeded(&self, rows: &Rows, k: usize, random: &mut Random, ctx: &Ctx) -> Result<Centres, Self::Error>;

    /// Assigns and averages in turn; returns the last centres and what they were assigned.
    fn settle(
        &self,
        rows: &Rows,
        centres: Centres,
        until: Until,
        ctx: &Ctx,
    ) -> Result<(Centres, Assigned), Self::Error>;

    /// Finds the nearest of `centres` for each of `rows`.
    fn assign(&self, rows: &Rows, centres: &Centres, ctx: &Ctx) -> Result<Assigned, Self::Error>;
}

/// On the processor.
pub struct OnProcessor;

impl Compare for OnProcessor {
    type Error = Cancelled;

    fn seeded(&self, rows: &Rows, k: usize, random: &mut Random, ctx: &Ctx) -> Result<Centres, Cancelled> {
        seeded(rows, k, random, ctx)
    }

    fn settle(
        &self,
        rows: &Rows,
        centres: Centres,
        until: Until,
        ctx: &Ctx,
    ) -> Result<(Centres, Assigned), Cancelled> {
        settle(rows, centres, until, ctx)
    }

    fn assign(&self, rows: &Rows, centres: &Centres, ctx: &Ctx) -> Result<Assigned, Cancelled> {
        assign(rows, centres, ctx)
    }
}

/// Parts the rows of `matrix` into `params.k` clusters; equal at any number of threads.
pub fn kmeans(matrix: &Matrix, params: &KMeansParams, ctx: &Ctx) -> Result<KMeans, Cancelled> {
    kmeans_by(&OnProcessor, matrix, params, ctx)
}

/// The same with the centres that `compare` finds.
pub fn kmeans_by<C: Compare>(
    compare: &C,
    matrix: &Matrix,
    params: &KMeansParams,
    ctx: &Ctx,
) -> Result<KMeans, C::Error> {
    let n = matrix.rows();
    let sizes = batches(n, params.k);
    let turns = sizes.len() - 1 + params.restarts.max(1);
    ctx.progress.begin("Clustering", "rounds", (turns * params.max_rounds) as u64, 0);
    let prepared = Prepared::new(matrix, params.metric, params.centre, ctx)?;
    let mut random = Random::new(params.seed);
    let mut best: Option<(Centres, Assigned)> = None;
    for (batch, &size) in sizes.iter().enumerate() {
        // A smaller sample of the same seed is a part of a larger one.
        let ids = (size < n).then(|| sample(n, size, params.seed));
        let rows = ids.as_ref().map_or_else(|| prepared.all(), |ids| prepared.some(ids));
        let worthwhile = if batch + 1 == sizes.len() { WORTHWHILE_GAIN } else { WORTHWHILE_GAIN_BEFORE };
        let until = Until { max_rounds: params.max_rounds, worthwhile };
        match best.take() {
            Some((centres, _)) => best = Some(compare.settle(&rows, centres, until, ctx)?),
            None => {
                for restart in 0..params.restarts.max(1) {
                    ctx.progress.set((restart * params.max_rounds) as u64);
                    let centres = compare.seeded(&rows, params.k, &mut random, ctx)?;
                    let found = compare.settle(&rows, centres, until, ctx)?;
                    if best.as_ref().is_none_or(|(_, before)| found.1.mean() > before.mean()) {
                        best = Some(found);
                    }
                }
            }
        }
        ctx.progress.set(((batch + params.restarts.max(1)) * params.max_rounds) as u64);
    }
    let all = prepared.all();
    let found = match best {
        Some((_, assigned)) if assigned.labels.len() == n => assigned,
        Some((centres, _)) => compare.assign(&all, &centres, ctx)?,
        None => Assigned::none(n),
    };
    let (labels, count) = Clusters::ordered(&found.labels);
    let (similarity, strengths) = (found.mean(), found.margins(params.metric));
    let content = labels.iter().filter(|label| **label != UNCLUSTERED).count() as f64;
    Ok(KMeans { labels, count, strengths, similarity, inertia: away(params.metric, similarity) * content })
}

/// The mean squared distance that goes with a mean similarity.
fn away(metric: Metric, similarity: f64) -> f64 {
    match metric {
        Metric::Cosine => 2.0 - 2.0 * similarity,
        Metric::Euclidean => -similarity,
    }
}

/// How many rows each batch has, for `k` centres of `n` rows: at least one batch.
fn batches(n: usize, k: usize) -> Vec<usize> {
    let largest = n.min(LARGEST_BATCH.max(FIRST_ROWS_A_CENTRE * k));
    let mut size = (FIRST_ROWS_A_CENTRE * k).max(FEWEST_FIRST_ROWS);
    let mut sizes = Vec::new();
    // A batch not much smaller than the last one would only cost rounds.
    while size * 2 <= largest {
        sizes.push(size);
        size *= GROWTH;
    }
    sizes.push(largest);
    sizes
}

/// Assigns and averages in turn until a round brings less than the share `worthwhile` of what is left to gain; returns
/// the last centres and what they were assigned.
fn settle(
    rows: &Rows,
    mut centres: Centres,
    Until { max_rounds, worthwhile }: Until,
    ctx: &Ctx,
) -> Result<(Centres, Assigned), Cancelled> {
    let mut before = f64::INFINITY;
    let mut round = 0;
    loop {
        let assigned = assign(rows, &centres, ctx)?;
        let now = away(rows.metric, assigned.mean());
        round += 1;
        // The first round has nothing to be compared with: what it brought is not known.
        let enough = before.is_finite() && before - now <= worthwhile * before;
        if round >= max_rounds {
            return Ok((centres, assigned));
        }
        let mut moved = centres.clone();
        let reseeded = move_centres(rows, &mut moved, &assigned, ctx)?;
        if enough && reseeded == 0 {
            return Ok((centres, assigned));
        }
        (centres, before) = (moved, now);
        ctx.progress.advance(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Element, Key};
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
        for metric in [Metric::Cosine, Metric::Euclidean] {
            let prepared = Prepared::new(&matrix, metric, true, &Ctx::quiet()).unwrap();
            let rows = prepared.all();
            let mut centres = Centres { values: vec![0.0; 3 * DIM], dim: DIM };
            rows.prepared(0, &mut centres.values[..DIM]);
            // The second and third centre are farther from everything.
            centres.values[DIM..].fill(-50.0);
            let (_, found) =
                settle(&rows, centres, Until { max_rounds: 50, worthwhile: WORTHWHILE_GAIN }, &Ctx::quiet())
                    .unwrap();
            assert!(adjusted_rand(&truth, &found.labels) > 0.99, "{metric:?}");
        }
    }

    #[test]
    fn batches_grow_up_to_all_rows_but_not_beyond_a_million() {
        assert_eq!(batches(0, 20), [0]);
        assert_eq!(batches(8000, 20), [8000]);
        assert_eq!(batches(10_000, 20), [4096, 10_000]);
        assert_eq!(batches(100_000, 300), [19_200, 100_000]);
        assert_eq!(batches(10_000_000, 100), [6400, 25_600, 102_400, 409_600, LARGEST_BATCH]);
    }

    #[test]
    fn rows_that_no_batch_but_the_last_saw_find_their_centres() {
        let (matrix, truth) = bundles(6, 4000, 0.3);
        assert!(batches(matrix.rows(), 6).len() > 1);
        let found = kmeans(&matrix, &params(6), &Ctx::quiet()).unwrap();
        assert!(adjusted_rand(&truth, &found.labels) > 0.99);
    }

    #[test]
    fn distances_tell_apart_what_lies_in_one_direction() {
        let mut random = Random::new(1);
        let far = |i: usize| if i.is_multiple_of(2) { 1.0 } else { 9.0 };
        let values = (0..200 * DIM).map(|at| far(at / DIM) + 0.1 * random.unit() as f32).collect();
        let truth: Vec<u32> = (0..200).map(|i| i % 2).collect();
        let by =
            |metric| kmeans(&matrix(values), &KMeansParams { metric, ..params(2) }, &Ctx::quiet()).unwrap();
        let found = by(Metric::Euclidean);
        assert_eq!(adjusted_rand(&truth, &found.labels), 1.0);
        assert!(found.strengths.iter().all(|&strength| strength > 0.9));
    }

    #[test]
    fn inertia_is_the_sum_of_squared_distances_to_the_means() {
        let (matrix, _) = bundles(4, 60, 1.0);
        let params = KMeansParams { metric: Metric::Euclidean, ..params(4) };
        let found = kmeans(&matrix, &params, &Ctx::quiet()).unwrap();
        let mut inertia = 0.0;
        for cluster in 0..found.count as u32 {
            let rows: Vec<Vec<f64>> = (0..240)
                .filter(|&i| found.labels[i] == cluster)
                .map(|i| matrix.row(i).iter().map(|&x| f64::from(x)).collect())
                .collect();
            for d in 0..DIM {
                let mean = rows.iter().map(|row| row[d]).sum::<f64>() / rows.len() as f64;
                inertia += rows.iter().map(|row| (row[d] - mean).powi(2)).sum::<f64>();
            }
        }
        assert!((found.inertia / inertia - 1.0).abs() < 1e-3, "{} {inertia}", found.inertia);
    }

    #[test]
    fn rows_that_are_all_alike_are_one_cluster() {
        for metric in [Metric::Cosine, Metric::Euclidean] {
            let rows = matrix(vec![0.3; 50 * DIM]);
            let found = kmeans(&rows, &KMeansParams { metric, ..params(5) }, &Ctx::quiet()).unwrap();
            assert_eq!((found.count, found.labels), (1, vec![0; 50]));
        }
    }

    #[test]
    fn lengths_mean_nothing_where_directions_are_compared() {
        let (matrix_, _) = bundles(5, 40, 0.5);
        let rows = matrix_.block(0..200);
        let scaled = rows.chunks(DIM).enumerate().flat_map(|(i, row)| {
            let factor = 10f32.powi(i as i32 % 13 - 6);
            row.iter().map(move |x| factor * x).collect::<Vec<_>>()
        });
        let scaled = kmeans(&matrix(scaled.collect()), &params(5), &Ctx::quiet()).unwrap();
        let plain = kmeans(&matrix_, &params(5), &Ctx::quiet()).unwrap();
        assert_eq!(scaled.labels, plain.labels);
    }

    #[test]
    fn halves_are_clustered_like_the_floats_that_they_stand_for() {
        let (full, _) = bundles(5, 400, 1.0);
        let halves = full.halves(0..full.rows()).unwrap();
        let floats = matrix(halves.iter().map(|half| half.to_f32()).collect());
        let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
        let shape = (full.rows(), DIM);
        let halves =
            Matrix::from_bytes(full.key, "test", false, shape, Element::F16, Arc::new(bytes), 0).unwrap();
        let of = |matrix: &Matrix| kmeans(matrix, &params(7), &Ctx::quiet()).unwrap();
        assert_eq!(of(&halves), of(&floats));
    }

    #[test]
    fn a_stopped_run_ends_without_a_result() {
        let (matrix, _) = bundles(2, 20, 0.1);
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        assert_eq!(kmeans(&matrix, &params(2), &ctx), Err(Cancelled));
    }
}
