//! The weighted graph that UMAP lays out: how strongly each two neighbours belong together.
//!
//! McInnes, Healy, Melville 2018, §3.1, with distance = 1 − similarity.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::directed::{Directed, Weighed, search, weighed};
use crate::data::Knn;
use crate::job::{Cancelled, Ctx};

/// Ids have 24 bits in a packed edge.
pub const MAX_POINTS: usize = 1 << 24;

/// A point keeps at most this many edges of its own, the strongest: a neighbour of half the corpus would otherwise
/// hold up every epoch, and it sits between all of them whichever of them pull at it.
pub const MAX_DEGREE: usize = 1024;

/// Distances up to this are no distance: two equal vectors' product misses one by about so much.
const ZERO_DISTANCE: f32 = 1e-6;

/// Bisection for σ: its bound, its tolerance, and the least σ as a share of the mean distance.
const BISECTIONS: usize = 64;
const TOLERANCE: f64 = 1e-5;
const LEAST_SIGMA: f64 = 1e-3;

/// Points that one task works on.
const CHUNK: usize = 1024;

/// Why there is no graph.
#[derive(Debug, thiserror::Error)]
pub enum FuzzyError {
    #[error("{points} points are too many for one map (at most {MAX_POINTS}): map a sample of them")]
    TooManyPoints { points: usize },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// One end of an edge as seen from the other: a point, and how often the edge is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Edge(u32);

impl Edge {
    fn new(target: u32, weight: f32) -> Self {
        let due = (weight * 256.0).round().clamp(1.0, 256.0) as u32;
        Self(target << 8 | (due - 1))
    }

    /// The point at the other end.
    #[inline(always)]
    pub fn target(self) -> u32 {
        self.0 >> 8
    }

    /// In how many of 256 epochs it is due: the edge's weight, 1 to 256.
    #[inline(always)]
    pub fn due(self) -> u32 {
        (self.0 & 0xff) + 1
    }

    /// Both packed: 24 bits of id above 8 bits of weight.
    pub fn packed(self) -> u32 {
        self.0
    }
}

/// A symmetric graph in compressed rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuzzyGraph {
    /// The edges of point `i` are `edges[offsets[i]..offsets[i + 1]]`.
    offsets: Vec<u32>,
    edges: Vec<Edge>,
}

impl FuzzyGraph {
    /// The symmetrised graph of `knn` for a layout of `epochs` rounds: edges too weak to be due once are left out.
    ///
    /// Neighbours that are the point itself, come twice, or do not exist are ignored.
    pub fn build(knn: &Knn, epochs: usize, ctx: &Ctx) -> Result<Self, FuzzyError> {
        let n = knn.len();
        if n > MAX_POINTS {
            return Err(FuzzyError::TooManyPoints { points: n });
        }
        let mean = mean_distance(knn);
        let directed = Directed::build(knn, knn.k, |similarities| weights(similarities, mean), ctx)?;
        let least = 1.0 / epochs.max(1) as f32;
        let chunks: Vec<(Vec<u32>, Vec<Edge>)> = directed.in_chunks(
            |points| {
                let (mut degrees, mut edges) = (Vec::with_capacity(points.len()), Vec::new());
                let mut row = Vec::new();
                for i in points {
                    union(directed.both_ways(i), least, &mut row);
                    degrees.push(row.len() as u32);
                    edges.extend(row.iter().map(|&(target, weight)| Edge::new(target, weight)));
                }
                (degrees, edges)
            },
            ctx,
        )?;
        let mut offsets = Vec::with_capacity(n + 1);
        offsets.push(0u32);
        let mut edges = Vec::with_capacity(chunks.iter().map(|(_, edges)| edges.len()).sum());
        let mut end = 0;
        for (degrees, chunk) in chunks {
            offsets.extend(degrees.iter().map(|degree| {
                end += degree;
                end
            }));
            edges.extend(chunk);
        }
        Ok(Self { offsets, edges })
    }

    /// A graph of `rows` whose edges lead elsewhere: to points that do not move. Row `i` has the targets and weights (up
    /// to 1) of `rows[i]`; those below `least` are left out. Targets are below [`MAX_POINTS`].
    pub fn leading_out(rows: &[Vec<(u32, f32)>], least: f32) -> Self {
        let (mut offsets, mut edges) = (vec![0], Vec::new());
        for row in rows {
            edges.extend(
                row.iter().filter(|edge| edge.1 >= least).map(|&(target, weight)| Edge::new(target, weight)),
            );
            offsets.push(edges.len() as u32);
        }
        Self { offsets, edges }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where each point's edges begin, and the end of the last.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// How many edges are due in an epoch, on average.
    pub fn due(&self) -> f64 {
        self.edges.iter().map(|edge| f64::from(edge.due()) / 256.0).sum()
    }

    /// All edges, each twice: once from either end.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The edges of point `i`, by ascending target.
    pub fn of(&self, i: usize) -> &[Edge] {
        &self.edges[self.offsets[i] as usize..self.offsets[i + 1] as usize]
    }
}

/// Distance from a stored similarity: at least 0, and 1 where the similarity is no number.
pub fn distance(similarity: f32) -> f32 {
    let distance = 1.0 - similarity;
    if distance.is_nan() {
        1.0
    } else if distance <= ZERO_DISTANCE {
        0.0
    } else {
        distance.min(f32::MAX)
    }
}

/// The mean distance of neighbours.
pub fn mean_distance(knn: &Knn) -> f64 {
    // A fixed partition, summed in order: the same at any number of threads.
    let sums: Vec<f64> = knn
        .similarities
        .par_chunks(CHUNK * knn.k.max(1))
        .map(|rows| rows.iter().map(|&s| f64::from(distance(s))).sum())
        .collect();
    sums.iter().sum::<f64>() / knn.similarities.len().max(1) as f64
}

/// How strongly a point belongs to its neighbours of these similarities.
fn weights(similarities: &[f32], mean: f64) -> Vec<f32> {
    let (rho, sigma) = bandwidth(similarities, mean);
    let weight = |&similarity: &f32| {
        let beyond = f64::from(distance(similarity)) - rho;
        if beyond <= 0.0 { 1.0 } else { (-beyond / sigma).exp() as f32 }
    };
    similarities.iter().map(weight).collect()
}

/// How strongly point `i` belongs to each of its neighbours, by ascending id; `mean` is [`mean_distance`].
pub fn weights_of(knn: &Knn, i: usize, mean: f64) -> Vec<Weighed> {
    weighed(knn, i, |similarities| weights(similarities, mean))
}

/// ρ, the distance to the first neighbour that is not at zero, and σ, such that
/// Σ exp(−max(0, d − ρ) / σ) = log₂ k, at least 1e-3 of the mean distance (the row's own where ρ > 0).
fn bandwidth(similarities: &[f32], mean: f64) -> (f64, f64) {
    let rho = similarities.iter().map(|&s| f64::from(distance(s))).find(|&d| d > 0.0).unwrap_or(0.0);
    (rho, sigma(similarities, rho, mean))
}

/// How strongly a point belongs to each of its neighbours of another set, with these similarities to them.
///
/// As in umap-learn's `transform`: ρ is 0, because the point need not be near any of them. `mean` is the mean distance
/// of neighbours among those of the set.
pub fn memberships(similarities: &[f32], mean: f64) -> Vec<f32> {
    let sigma = sigma(similarities, 0.0, mean);
    similarities.iter().map(|&s| (-f64::from(distance(s)) / sigma).exp() as f32).collect()
}

fn sigma(similarities: &[f32], rho: f64, mean: f64) -> f64 {
    let distances = || similarities.iter().map(|&s| f64::from(distance(s)));
    let wanted = (similarities.len() as f64).log2();
    let sigma = search(1.0, BISECTIONS, |sigma| {
        let sum: f64 = distances().map(|d| (-(d - rho).max(0.0) / sigma).exp()).sum();
        if (sum - wanted).abs() < TOLERANCE { Ordering::Equal } else { sum.total_cmp(&wanted) }
    });
    let own_mean = distances().sum::<f64>() / similarities.len().max(1) as f64;
    let floor = LEAST_SIGMA * if rho > 0.0 { own_mean } else { mean };
    sigma.max(floor).max(f64::MIN_POSITIVE)
}

/// w + wᵀ − w∘wᵀ of a point's edges seen both ways, without what is below `least` and without all but the strongest.
fn union(edges: impl Iterator<Item = (u32, f32, f32)>, least: f32, row: &mut Vec<Weighed>) {
    row.clear();
    // The largest weight is always 1: every point's nearest neighbour has it.
    row.extend(edges.map(|(id, a, b)| (id, a + b - a * b)).filter(|edge| edge.1 >= least));
    if row.len() > MAX_DEGREE {
        row.select_nth_unstable_by(MAX_DEGREE, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        row.truncate(MAX_DEGREE);
        row.sort_unstable_by_key(|&(j, _)| j);
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
        let mut indices = Vec::new();
        let mut similarities = Vec::new();
        for i in 0..n {
            let mut row: Vec<(f32, u32)> = (0..k)
                .map(|c| {
                    let h = hash::draw(seed, (i * k + c) as u64);
                    (hash::unit(h) as f32, hash::below(hash::mix(h), n) as u32)
                })
                .collect();
            row.sort_by(|a, b| b.0.total_cmp(&a.0));
            indices.extend(row.iter().map(|r| r.1));
            similarities.extend(row.iter().map(|r| r.0));
        }
        knn(k, indices, similarities)
    }

    #[test]
    fn the_weights_of_a_point_sum_to_the_logarithm_of_k() {
        let similarities: Vec<f32> = (0..15).map(|i| 0.9 - 0.03 * i as f32).collect();
        let (rho, sigma) = bandwidth(&similarities, 0.3);
        let sum: f64 =
            similarities.iter().map(|&s| (-(f64::from(1.0 - s) - rho).max(0.0) / sigma).exp()).sum();
        assert!((rho - 0.1).abs() < 1e-6);
        assert!((sum - 15f64.log2()).abs() < 1e-4, "{sum}");
    }

    #[test]
    fn duplicates_do_not_count_for_the_first_distance() {
        let (rho, _) = bandwidth(&[1.0, 1.0 + 1e-7, 0.8, 0.7], 0.2);
        assert!((rho - 0.2).abs() < 1e-6);
        let (rho, sigma) = bandwidth(&[1.0; 4], 0.0);
        assert!(rho == 0.0 && sigma > 0.0);
    }

    #[test]
    fn an_edge_is_as_strong_as_either_side_makes_it() {
        // 0 and 1 name each other first (weight 1); only 2 names 0, by half.
        let mut row = Vec::new();
        union([(1, 0.5, 0.5), (2, 0.0, 0.5), (3, 0.5, 0.0)].into_iter(), 0.01, &mut row);
        assert_eq!(row, [(1, 0.75), (2, 0.5), (3, 0.5)]);
        union([(1, 0.5, 0.0), (2, 0.0, 0.004)].into_iter(), 0.01, &mut row);
        assert_eq!(row, [(1, 0.5)]);
    }

    #[test]
    fn a_hub_keeps_its_strongest_edges_and_its_neighbours_keep_theirs() {
        let n = MAX_DEGREE + 500;
        let indices = (0..n as u32).flat_map(|i| [u32::from(i == 0), 1 + (i + 1) % (n as u32 - 1)]).collect();
        let similarities = (0..n).flat_map(|_| [0.9, 0.5]).collect();
        let graph = FuzzyGraph::build(&knn(2, indices, similarities), 200, &Ctx::quiet()).unwrap();
        assert_eq!(graph.of(0).len(), MAX_DEGREE);
        assert!(graph.of(n - 1).iter().any(|edge| edge.target() == 0));
    }

    #[test]
    fn a_packed_edge_keeps_its_largest_id_and_weights() {
        for (weight, due) in [(1.0, 256), (0.5, 128), (0.001, 1)] {
            let edge = Edge::new((1 << 24) - 1, weight);
            assert_eq!((edge.target(), edge.due()), ((1 << 24) - 1, due));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_graph_is_symmetric_and_has_no_loops(n in 0usize..80, k in 1usize..9, seed in 0u64..1000) {
            let graph = FuzzyGraph::build(&random(n, k, seed), 500, &Ctx::quiet()).unwrap();
            prop_assert_eq!(graph.len(), n);
            for i in 0..n {
                prop_assert!(graph.of(i).is_sorted_by(|a, b| a.target() < b.target()));
                for edge in graph.of(i) {
                    let j = edge.target() as usize;
                    prop_assert!(j != i && j < n);
                    prop_assert!(graph.of(j).iter().any(|e| e.target() as usize == i && e.due() == edge.due()));
                }
            }
        }

        #[test]
        fn neighbours_that_do_not_exist_and_similarities_that_are_none_do_no_harm(
            indices in prop::collection::vec(0u32..20, 40), similarities in prop::collection::vec(-3.0f32..3.0, 40),
            at in 0usize..40,
        ) {
            let mut similarities = similarities;
            similarities[at] = f32::NAN;
            let graph = FuzzyGraph::build(&knn(4, indices, similarities), 500, &Ctx::quiet()).unwrap();
            prop_assert!(graph.edges().iter().all(|edge| edge.target() < 10));
        }
    }

    #[test]
    fn the_graph_is_equal_at_any_number_of_threads() {
        let knn = random(5000, 10, 3);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| FuzzyGraph::build(&knn, 500, &Ctx::quiet()).unwrap())
        };
        assert_eq!(with(1), with(4));
    }

    #[test]
    fn more_points_than_ids_reach_are_refused() {
        let k = 1;
        let knn = knn(k, vec![0; MAX_POINTS + 1], Vec::new());
        let error = FuzzyGraph::build(&knn, 200, &Ctx::quiet()).unwrap_err();
        assert!(matches!(error, FuzzyError::TooManyPoints { points } if points == MAX_POINTS + 1));
    }
}
