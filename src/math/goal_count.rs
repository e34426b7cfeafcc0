//! How many groups texts fall into, as far as random halves of them agree.
//!
//! Each half is clustered by itself, and all texts go to the nearest centre of each clustering: what both say is found
//! again in other texts, the rest is chance (Ben-Hur, Elisseeff & Guyon 2002, "A stability based method for discovering
//! structure in clustered data"; Tibshirani & Walther 2005, "Cluster validation by prediction strength"). More groups
//! say more (the entropy of the labels) and agree less; the number is the one for which what is said, weighed by how
//! far the agreement surpasses one half, is the most.

use rayon::prelude::*;

use super::agreement::adjusted_rand;
use super::goal_refine::best_labels;
use super::goal_space::{gathered, means, products, smoothed};
use super::kmeans::{KMeansParams, Metric, kmeans};
use super::neighbours::{NeighbourParams, find};
use super::random::Random;
use super::sample::sample;
use super::vector::dot;
use crate::data::{Key, Knn, Matrix, UNCLUSTERED};
use crate::job::{Cancelled, Ctx};

/// Texts that are looked at, at most.
const LOOKED_AT: usize = 4096;
/// Numbers of groups beyond this are not tried: nobody would read as many explanations.
const MOST_GROUPS: usize = 100;
/// A group has so many texts of each half on average: each text leans on 15 neighbours, so finer ones show nothing.
const TEXTS_A_GROUP: usize = 16;
/// Pairs of halves, and fewer where there are many groups, since then chance matters less.
const PAIRS: usize = 4;
const FEW_PAIRS: usize = 2;
const MANY_GROUPS: usize = 12;
/// Seedings of each clustering, and fewer where there are many groups.
const RESTARTS: usize = 8;
const FEW_RESTARTS: usize = 3;
/// Agreement (adjusted Rand index) that counts for nothing.
const NO_AGREEMENT: f64 = 0.5;
/// The step from one number to the next is this part of it, and at least 1.
const STEP: usize = 7;

/// How far clusterings of halves agree on a number of groups.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    pub groups: usize,
    /// The mean adjusted Rand index over pairs of halves.
    pub rand: f64,
    /// The mean entropy of the labels, in nats.
    pub entropy: f64,
}

impl Agreement {
    /// What is said that is found again.
    pub fn worth(&self) -> f64 {
        self.entropy * (self.rand - NO_AGREEMENT)
    }
}

/// How far halves of the rows agree on each number of groups that is tried, ascending. Where rows lean on their
/// neighbours (`smooth` are `rows` so changed), each half's lean on neighbours within the half: otherwise each would
/// know of the other.
pub fn agreements(rows: &Matrix, smooth: &Matrix, seed: u64, ctx: &Ctx) -> Result<Vec<Agreement>, Cancelled> {
    let ids = sample(rows.rows(), LOOKED_AT.min(rows.rows()), seed);
    let leans = smooth.key != rows.key;
    let (rows, all) = (gathered(rows, &ids), gathered(smooth, &ids));
    let n = rows.rows();
    let halves: Vec<[Matrix; 2]> = (0..PAIRS)
        .map(|pair| {
            let mut order: Vec<u32> = (0..n as u32).collect();
            Random::new(seed.wrapping_mul(PAIRS as u64).wrapping_add(pair as u64)).shuffle(&mut order);
            let (one, other) = order.split_at(n / 2);
            let half = |ids: &[u32]| {
                let half = gathered(&rows, ids);
                if leans { lean(&half, ctx) } else { Ok(half) }
            };
            Ok([half(one)?, half(other)?])
        })
        .collect::<Result<_, Cancelled>>()?;
    let mut found = Vec::new();
    let mut groups = 2;
    while groups <= MOST_GROUPS.min(n / (2 * TEXTS_A_GROUP)) {
        let few = groups > MANY_GROUPS;
        let pairs = if few { FEW_PAIRS } else { PAIRS };
        let (mut rand, mut entropy) = (0.0, 0.0);
        for (pair, halves) in halves[..pairs].iter().enumerate() {
            let clustered = |(side, half): (usize, &Matrix)| {
                let params = KMeansParams {
                    k: groups,
                    seed: seed.wrapping_mul(31).wrapping_add((2 * pair + side) as u64),
                    restarts: if few { FEW_RESTARTS } else { RESTARTS },
                    centre: false,
                    metric: Metric::Euclidean,
                    ..KMeansParams::default()
                };
                let clusters = kmeans(half, &params, &ctx.untold())?;
                let centres = means(half, &clusters.labels, clusters.count, ctx)?;
                nearest(&all, &centres, ctx)
            };
            let labels: Vec<Vec<u32>> =
                halves.par_iter().enumerate().map(clustered).collect::<Result<_, Cancelled>>()?;
            rand += adjusted_rand(&labels[0], &labels[1]) / pairs as f64;
            entropy += labels.iter().map(|labels| entropy_of(labels)).sum::<f64>() / (2 * pairs) as f64;
        }
        found.push(Agreement { groups, rand, entropy });
        groups += (groups / STEP).max(1);
    }
    Ok(found)
}

/// The number of groups whose agreement is worth the most; none where halves agree on no number of them, or where
/// there are too few texts.
pub fn stable_count(
    rows: &Matrix,
    smooth: &Matrix,
    seed: u64,
    ctx: &Ctx,
) -> Result<Option<usize>, Cancelled> {
    let found = agreements(rows, smooth, seed, ctx)?;
    let best = found.iter().max_by(|a, b| a.worth().total_cmp(&b.worth()));
    Ok(best.filter(|best| best.worth() > 0.0).map(|best| best.groups))
}

/// The number of the nearest of some centres for each row.
fn nearest(rows: &Matrix, centres: &[f32], ctx: &Ctx) -> Result<Vec<u32>, Cancelled> {
    let half_squares: Vec<f32> =
        centres.chunks_exact(rows.dim().max(1)).map(|centre| dot(centre, centre) / 2.0).collect();
    let mut near = products(rows, centres, ctx)?;
    for row in near.chunks_exact_mut(half_squares.len().max(1)) {
        row.iter_mut().zip(&half_squares).for_each(|(x, half)| *x -= half);
    }
    Ok(best_labels(&near, half_squares.len()))
}

/// The rows, each leaning on its neighbours.
fn lean(rows: &Matrix, ctx: &Ctx) -> Result<Matrix, Cancelled> {
    // Rows are few, so that the search fails only where it is stopped.
    let (found, method, recall) =
        find(rows, &NeighbourParams::default(), &ctx.untold()).map_err(|_| Cancelled)?;
    let key = Key::of("neighbours of a half", 1).input(rows.key).finish();
    let knn = Knn {
        key,
        k: found.k,
        indices: found.indices,
        similarities: found.similarities,
        recall,
        method: method.into(),
    };
    smoothed(rows, &knn, ctx)
}

/// The entropy of labels, in nats.
fn entropy_of(labels: &[u32]) -> f64 {
    let mut counts = std::collections::BTreeMap::<u32, usize>::new();
    labels
        .iter()
        .filter(|label| **label != UNCLUSTERED)
        .for_each(|label| *counts.entry(*label).or_default() += 1);
    let n = counts.values().sum::<usize>().max(1) as f64;
    counts.values().map(|&count| count as f64 / n).map(|share| -share * share.ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::goal_space::make_unit;

    /// Texts of `kinds` kinds, each near an axis of its own; `noise` is what they differ by.
    fn kinds(kinds: usize, n: usize, noise: f32) -> Matrix {
        const DIM: usize = 24;
        let mut random = Random::new(3);
        let mut values = Vec::new();
        for i in 0..n {
            values.extend((0..DIM).map(|d| {
                let axis = kinds > 0 && i % kinds.max(1) == d;
                (random.unit() as f32 - 0.5) * noise + if axis { 1.0 } else { 0.0 }
            }));
        }
        make_unit(&mut values, DIM);
        Matrix::from_vec(Key::of("test", 1).finish(), "test", true, DIM, values)
    }

    fn count(rows: &Matrix) -> Option<usize> {
        let smooth = lean(rows, &Ctx::quiet()).unwrap();
        let leaning = stable_count(rows, &smooth, 0, &Ctx::quiet()).unwrap();
        assert_eq!(leaning, stable_count(rows, &smooth, 0, &Ctx::quiet()).unwrap(), "the same seed");
        leaning
    }

    #[test]
    fn as_many_groups_are_counted_as_there_are_kinds() {
        for number in [3, 5, 8] {
            assert_eq!(count(&kinds(number, 480, 0.8)), Some(number));
        }
        assert_eq!(
            stable_count(&kinds(4, 400, 0.8), &kinds(4, 400, 0.8), 1, &Ctx::quiet()).unwrap(),
            Some(4),
            "without neighbours to lean on"
        );
    }

    #[test]
    fn nothing_is_counted_where_there_are_no_groups_or_too_few_texts() {
        assert_eq!(count(&kinds(0, 600, 1.0)), None);
        assert_eq!(count(&kinds(2, 40, 0.1)), None);
    }

    #[test]
    fn more_groups_are_worth_more_where_halves_agree_as_well() {
        let of = |groups, rand, entropy| Agreement { groups, rand, entropy }.worth();
        assert!(of(8, 0.9, 2.0) > of(3, 0.9, 1.0));
        assert!(of(8, 0.55, 2.0) < of(3, 0.9, 1.0));
    }
}
