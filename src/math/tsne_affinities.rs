//! How strongly each two points of a t-SNE map attract each other (van der Maaten & Hinton 2008, §2).
//!
//! Distance is 1 − similarity. As in van der Maaten 2014, a point knows three times as many neighbours as its perplexity.

use std::cmp::Ordering;

use super::directed::{Directed, search};
use super::fuzzy::distance;
use crate::data::Knn;
use crate::job::{Cancelled, Ctx};

/// Neighbours for each unit of perplexity.
const NEIGHBOURS: f32 = 3.0;

/// The search for a width: its bound, and how near ln(perplexity) the entropy has to come.
const BISECTIONS: usize = 100;
const TOLERANCE: f64 = 1e-5;

/// How many neighbours a map of `perplexity` wants.
pub fn neighbours_for(perplexity: f32) -> usize {
    let sane = if perplexity.is_finite() { perplexity.clamp(1.0, 1e4) } else { 1.0 };
    (NEIGHBOURS * sane).ceil() as usize
}

/// What `perplexity` comes to where each point knows `k` neighbours: a third of them at most.
pub fn perplexity_of(perplexity: f32, k: usize) -> f32 {
    let most = (k as f32 / NEIGHBOURS).max(1.0);
    if perplexity.is_finite() { perplexity.clamp(1.0, most) } else { most }
}

/// A symmetric graph in compressed rows, whose weights add up to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Affinities {
    /// The edges of point i are `offsets[i]..offsets[i + 1]`.
    offsets: Vec<usize>,
    targets: Vec<u32>,
    weights: Vec<f32>,
    perplexity: f32,
}

impl Affinities {
    /// The affinities of the points of `knn`: (p(j|i) + p(i|j)) / 2n.
    ///
    /// Where there are fewer than three times `perplexity` neighbours, a third of those there are takes its place
    /// ([`Affinities::perplexity`]); where there are more, only the nearest count. Neighbours that are the point itself,
    /// come twice, or do not exist are ignored.
    pub fn build(knn: &Knn, perplexity: f32, ctx: &Ctx) -> Result<Self, Cancelled> {
        let (n, k) = (knn.len(), knn.k.min(neighbours_for(perplexity)));
        let perplexity = perplexity_of(perplexity, k);
        let weights = |similarities: &[f32]| {
            let distances = similarities.iter().map(|&s| f64::from(distance(s))).collect::<Vec<_>>();
            let shares = probabilities(&distances, f64::from(perplexity));
            shares.iter().map(|&share| share as f32).collect()
        };
        let directed = Directed::build(knn, k, weights, ctx)?;
        let chunks: Vec<Chunk> = directed.in_chunks(
            |points| {
                let mut rows = Chunk::default();
                points.for_each(|i| rows.add(directed.both_ways(i)));
                rows
            },
            ctx,
        )?;
        drop(directed);
        let total = chunks.iter().map(|chunk| chunk.sum).sum::<f64>().max(f64::MIN_POSITIVE);
        let edges = chunks.iter().map(|chunk| chunk.targets.len()).sum();
        let mut whole = Self {
            offsets: Vec::with_capacity(n + 1),
            targets: Vec::with_capacity(edges),
            weights: Vec::with_capacity(edges),
            perplexity,
        };
        whole.offsets.push(0);
        for chunk in chunks {
            let before = whole.targets.len();
            whole.offsets.extend(chunk.ends.iter().map(|end| before + end));
            whole.targets.extend(chunk.targets);
            whole.weights.extend(chunk.weights.iter().map(|&weight| (f64::from(weight) / total) as f32));
        }
        Ok(whole)
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The perplexity that the neighbours sufficed for.
    pub fn perplexity(&self) -> f32 {
        self.perplexity
    }

    /// Where each point's edges begin, and the end of the last.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The other ends of all edges, and the weights that belong to them.
    pub fn edges(&self) -> (&[u32], &[f32]) {
        (&self.targets, &self.weights)
    }

    /// The other ends of point `i`'s edges, ascending, and the weights that belong to them.
    #[inline(always)]
    pub fn of(&self, i: usize) -> (&[u32], &[f32]) {
        let row = self.offsets[i]..self.offsets[i + 1];
        (&self.targets[row.clone()], &self.weights[row])
    }
}

/// The probabilities with which a point would pick those at `distances` as its neighbours: a normal distribution whose
/// width makes the entropy ln(`perplexity`).
pub fn probabilities(distances: &[f64], perplexity: f64) -> Vec<f64> {
    let squares: Vec<f64> = distances.iter().map(|d| d * d).collect();
    let nearest = squares.iter().copied().fold(f64::INFINITY, f64::min);
    let beyond: Vec<f64> = squares.iter().map(|square| square - nearest).collect();
    let mean = beyond.iter().sum::<f64>() / beyond.len().max(1) as f64;
    let start = if mean > 0.0 { 1.0 / mean } else { 1.0 };
    let wanted = perplexity.ln();
    let mut shares = vec![0.0; beyond.len()];
    search(start, BISECTIONS, |precision| {
        let (mut sum, mut moment) = (0.0, 0.0);
        for (share, &square) in shares.iter_mut().zip(&beyond) {
            *share = (-precision * square).exp();
            sum += *share;
            moment += *share * square;
        }
        shares.iter_mut().for_each(|share| *share /= sum);
        let entropy = sum.ln() + precision * moment / sum;
        // The more precise, the less entropy.
        if (entropy - wanted).abs() < TOLERANCE { Ordering::Equal } else { wanted.total_cmp(&entropy) }
    });
    shares
}

/// The finished rows of some points.
#[derive(Default)]
struct Chunk {
    ends: Vec<usize>,
    targets: Vec<u32>,
    weights: Vec<f32>,
    sum: f64,
}

impl Chunk {
    /// Adds a row: the probabilities of one point's edges, seen both ways.
    fn add(&mut self, edges: impl Iterator<Item = (u32, f32, f32)>) {
        for (target, given, got) in edges {
            let weight = (given + got) / 2.0;
            self.targets.push(target);
            self.weights.push(weight);
            self.sum += f64::from(weight);
        }
        self.ends.push(self.targets.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall};
    use crate::math::hash;
    use proptest::prelude::*;

    fn knn(k: usize, indices: Vec<u32>, similarities: Vec<f32>) -> Knn {
        let key = Key::of("test", 1).finish();
        Knn { key, k, indices, similarities, recall: Recall::Exact, method: "test".into() }
    }

    /// `n` points with `k` random neighbours each.
    fn random(n: usize, k: usize, seed: u64) -> Knn {
        let k = k.min(n.saturating_sub(1));
        let ids = |i: usize| {
            let offset = 1 + hash::below(hash::draw(seed, i as u64), n - 1);
            (0..k).map(move |c| ((i + 1 + (offset + c) % (n - 1)) % n) as u32)
        };
        let indices = (0..n).flat_map(ids).collect();
        let similarity = |at: usize| 0.9 - 0.3 * hash::unit(hash::draw(seed + 1, at as u64)) as f32;
        let mut similarities: Vec<f32> = (0..n * k).map(similarity).collect();
        similarities.chunks_mut(k.max(1)).for_each(|row| row.sort_by(|a, b| b.total_cmp(a)));
        knn(k, indices, similarities)
    }

    fn entropy(shares: &[f64]) -> f64 {
        shares.iter().filter(|share| **share > 0.0).map(|share| -share * share.ln()).sum()
    }

    #[test]
    fn probabilities_have_the_wanted_perplexity() {
        for seed in 0..20 {
            let distances: Vec<f64> = (0..90).map(|i| 0.2 + hash::unit(hash::draw(seed, i))).collect();
            for perplexity in [2.0, 5.0, 30.0, 80.0] {
                let shares = probabilities(&distances, perplexity);
                assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                assert!((entropy(&shares).exp() / perplexity - 1.0).abs() < 1e-3, "{seed} {perplexity}");
            }
        }
    }

    #[test]
    fn nearer_neighbours_are_likelier_and_equally_near_ones_equally() {
        let shares = probabilities(&[0.1, 0.2, 0.2, 0.5, 0.9, 0.95], 3.0);
        assert!(shares[0] > shares[1] && shares[2] > shares[3] && shares[3] > shares[4]);
        assert_eq!(shares[1], shares[2]);
        assert_eq!(probabilities(&[0.3; 4], 2.0), [0.25; 4]);
    }

    #[test]
    fn affinities_are_symmetric_and_add_up_to_one() {
        let affinities = Affinities::build(&random(500, 30, 3), 10.0, &Ctx::quiet()).unwrap();
        let weight = |i: usize, j: u32| {
            let (targets, weights) = affinities.of(i);
            targets.binary_search(&j).map(|at| weights[at])
        };
        let mut sum = 0.0;
        for i in 0..500 {
            let (targets, weights) = affinities.of(i);
            assert!(targets.windows(2).all(|pair| pair[0] < pair[1]));
            for (&j, &own) in targets.iter().zip(weights) {
                assert_eq!(weight(j as usize, i as u32), Ok(own));
                sum += f64::from(own);
            }
        }
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    }

    #[test]
    fn too_few_neighbours_lower_the_perplexity_and_more_than_needed_are_left_out() {
        let narrow = Affinities::build(&random(100, 15, 1), 30.0, &Ctx::quiet()).unwrap();
        assert_eq!(narrow.perplexity(), 5.0);
        let wide = Affinities::build(&random(100, 60, 1), 5.0, &Ctx::quiet()).unwrap();
        assert_eq!(wide.perplexity(), 5.0);
        assert!(wide.offsets()[100] <= 2 * 15 * 100);
    }

    #[test]
    fn the_number_of_threads_changes_no_weight() {
        let knn = random(3000, 20, 5);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Affinities::build(&knn, 6.0, &Ctx::quiet()).unwrap())
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn a_stopped_search_for_widths_says_so() {
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        assert_eq!(Affinities::build(&random(50, 5, 1), 2.0, &ctx), Err(Cancelled));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn weights_are_finite_whatever_the_neighbours(
            n in 2usize..30, k in 1usize..12, perplexity in prop::num::f32::ANY, kind in 0usize..4,
        ) {
            let mut knn = random(n, k, 2);
            match kind {
                0 => knn.similarities.fill(1.0),
                1 => knn.similarities.fill(f32::NAN),
                2 => knn.indices.fill(0),
                _ => knn.indices.fill(u32::MAX),
            }
            let affinities = Affinities::build(&knn, perplexity, &Ctx::quiet()).unwrap();
            prop_assert_eq!(affinities.len(), n);
            for i in 0..n {
                let (targets, weights) = affinities.of(i);
                prop_assert!(weights.iter().all(|w| (0.0..=1.0).contains(w)));
                prop_assert!(targets.iter().all(|&j| (j as usize) < n && j as usize != i));
            }
        }
    }
}
