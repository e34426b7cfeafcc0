//! Leiden: communities of the neighbour graph (Traag, Waltman & van Eck 2019, "From Louvain to Leiden").
//!
//! The quality is modularity with a resolution (Reichardt & Bornholdt's configuration model):
//! Σ over communities of (weight inside − γ · strength² / total strength), where a higher γ means more and smaller
//! communities. Refinement merges greedily, as the authors' own implementation does.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::leiden_round::{Level, number_densely, one_round};
use super::neighbour_graph::Graph;
use super::random::Random;
use crate::data::{Clusters, Knn, UNCLUSTERED};
use crate::job::{Cancelled, Ctx};

/// Where nobody asks for a resolution. How many communities a neighbour graph falls into hardly depends on how
/// many points it has, so one figure serves 2,000 documents (about 30 topics) and 75,000 (about 60).
const RESOLUTION: f32 = 3.0;
/// With fewer points than this the neighbour lists span topics, and the resolution falls with the root of n.
const FEW_POINTS: f32 = 2000.0;
/// Rounds after which the partition is taken as it is; gains end long before.
const MAX_ROUNDS: u64 = 10;
/// A round that gains less than this share of the graph's weight was the last.
const WORTHWHILE_GAIN: f64 = 1e-4;

/// What a person can choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeidenParams {
    /// γ: higher for more and smaller communities; `None` for [`LeidenParams::resolution_for`].
    pub resolution: Option<f32>,
    pub seed: u64,
    /// Communities with fewer points join the neighbouring one they fit best; `None` for
    /// [`LeidenParams::min_size_for`].
    pub min_size: Option<usize>,
}

impl LeidenParams {
    /// The resolution taken for `n` points when none is given.
    pub fn resolution_for(n: usize) -> f32 {
        RESOLUTION * (n as f32 / FEW_POINTS).sqrt().min(1.0)
    }

    /// The least size of a community among `n` points when none is given: a topic of 3 in a few hundred, of 50 in
    /// a million.
    pub fn min_size_for(n: usize) -> usize {
        ((n as f64).sqrt() / 10.0).clamp(3.0, 50.0) as usize
    }
}

/// Communities of a neighbour graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Communities {
    /// `n` labels, larger communities first. [`UNCLUSTERED`] only for a point that is similar to no other at all,
    /// such as an empty text. Every community is connected in the graph.
    pub labels: Vec<u32>,
    pub count: usize,
    /// `n` shares of a point's edge weight that stay inside its community.
    pub strengths: Vec<f32>,
    /// The γ that was used.
    pub resolution: f32,
    /// Modularity at that γ, at most 1.
    pub quality: f64,
}

/// Finds communities among the points of `knn`; the same seed gives the same communities at any number of threads.
pub fn leiden(knn: &Knn, params: &LeidenParams, ctx: &Ctx) -> Result<Communities, Cancelled> {
    ctx.progress.begin("Clustering", "rounds", MAX_ROUNDS, 0);
    let graph = Graph::of_neighbours(knn);
    ctx.cancel.check()?;
    communities(graph, params, ctx)
}

fn communities(graph: Graph, params: &LeidenParams, ctx: &Ctx) -> Result<Communities, Cancelled> {
    let n = graph.len();
    let resolution = params.resolution.unwrap_or_else(|| LeidenParams::resolution_for(n)).max(0.0);
    let level = Level::new(graph, f64::from(resolution));
    let mut random = Random::new(params.seed);
    let mut labels: Vec<u32> = (0..n as u32).collect();
    let mut quality = level.quality(&labels);
    for _ in 0..MAX_ROUNDS {
        let next = one_round(&level, labels.clone(), &mut random, ctx)?;
        let next_quality = level.quality(&next);
        let gain = next_quality - quality;
        if gain > 0.0 {
            (labels, quality) = (next, next_quality);
        }
        ctx.progress.advance(1);
        if gain < WORTHWHILE_GAIN {
            break;
        }
    }
    split_disconnected(&level.graph, &mut labels);
    let min_size = params.min_size.unwrap_or_else(|| LeidenParams::min_size_for(n));
    merge_small(&level, &mut labels, min_size, ctx)?;
    let quality = level.quality(&labels);
    for (v, label) in labels.iter_mut().enumerate() {
        if level.strengths[v] <= 0.0 {
            *label = UNCLUSTERED;
        }
    }
    let (labels, count) = Clusters::ordered(&labels);
    let strengths = inside_shares(&level, &labels);
    ctx.progress.set(MAX_ROUNDS);
    Ok(Communities { labels, count, strengths, resolution, quality })
}

/// Gives each connected piece of a community a label of its own.
fn split_disconnected(graph: &Graph, labels: &mut Vec<u32>) {
    let mut pieces = vec![u32::MAX; labels.len()];
    let mut stack = Vec::new();
    let mut count = 0;
    for start in 0..labels.len() {
        if pieces[start] != u32::MAX {
            continue;
        }
        pieces[start] = count;
        stack.push(start);
        while let Some(v) = stack.pop() {
            for (t, _) in graph.edges(v) {
                if pieces[t] == u32::MAX && labels[t] == labels[v] {
                    pieces[t] = count;
                    stack.push(t);
                }
            }
        }
        count += 1;
    }
    *labels = pieces;
}

/// Joins communities below `min_size` points to the neighbour where quality suffers least, smallest first.
/// A small community without neighbours stays.
fn merge_small(level: &Level, labels: &mut [u32], min_size: usize, ctx: &Ctx) -> Result<(), Cancelled> {
    loop {
        ctx.cancel.check()?;
        let count = number_densely(labels);
        let mut sizes = vec![0usize; count];
        labels.iter().for_each(|&label| sizes[label as usize] += 1);
        let coarse = level.aggregated(labels, count);
        let mut small: Vec<usize> = (0..count).filter(|&c| sizes[c] < min_size).collect();
        small.sort_by_key(|&c| (sizes[c], c));
        let mut target: Vec<u32> = (0..count as u32).collect();
        let mut settled = vec![false; count];
        for &c in &small {
            if settled[c] {
                continue;
            }
            let loss = |t: usize, w: f64| w - level.scale * coarse.strengths[c] * coarse.strengths[t];
            let near = coarse.graph.edges(c).filter(|&(t, _)| t != c && target[t] == t as u32);
            let best = near.max_by(|a, b| loss(a.0, a.1).total_cmp(&loss(b.0, b.1)).then(b.0.cmp(&a.0)));
            if let Some((best, _)) = best {
                target[c] = best as u32;
                (settled[c], settled[best]) = (true, true);
            }
        }
        if target.iter().enumerate().all(|(c, &t)| c as u32 == t) {
            return Ok(());
        }
        labels.par_iter_mut().for_each(|label| *label = target[*label as usize]);
    }
}

fn inside_shares(level: &Level, labels: &[u32]) -> Vec<f32> {
    (0..level.len())
        .into_par_iter()
        .map(|v| {
            let inside: f64 =
                level.graph.edges(v).filter(|&(t, _)| labels[t] == labels[v]).map(|(_, w)| w).sum();
            if level.strengths[v] > 0.0 { (inside / level.strengths[v]).min(1.0) as f32 } else { 0.0 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall};
    use crate::math::agreement::adjusted_rand;
    use crate::math::neighbour_graph::running_sum;
    use proptest::prelude::*;

    /// A graph of undirected edges.
    fn graph(n: usize, edges: &[(u32, u32, f32)]) -> Graph {
        let mut rows = vec![Vec::new(); n];
        for &(a, b, w) in edges {
            rows[a as usize].push((b, w));
            rows[b as usize].push((a, w));
        }
        rows.iter_mut().for_each(|row| row.sort_by_key(|edge| edge.0));
        let offsets = running_sum(std::iter::once(0).chain(rows.iter().map(Vec::len)).collect());
        let edges: Vec<(u32, f32)> = rows.into_iter().flatten().collect();
        Graph {
            offsets,
            targets: edges.iter().map(|e| e.0).collect(),
            weights: edges.iter().map(|e| e.1).collect(),
        }
    }

    /// `groups` rings of `size` points, each joined to its `k / 2` on either side, with `stray` edges between rings.
    fn rings(groups: usize, size: usize, k: usize, stray: usize) -> (Knn, Vec<u32>) {
        let n = groups * size;
        let mut random = Random::new(5);
        let mut indices = Vec::new();
        for v in 0..n {
            let (ring, at) = (v / size, v % size);
            indices.extend((1..=k).map(|step| {
                let side = if step % 2 == 0 { step / 2 } else { size - step.div_ceil(2) };
                (ring * size + (at + side) % size) as u32
            }));
        }
        for _ in 0..stray {
            let v = random.below(n);
            let other = random.below(n);
            if other != v {
                indices[v * k + k - 1] = other as u32;
            }
        }
        let knn = Knn {
            key: Key::of("test", 1).finish(),
            k,
            similarities: vec![0.5; indices.len()],
            indices,
            recall: Recall::Exact,
            method: "test".into(),
        };
        (knn, (0..n).map(|v| (v / size) as u32).collect())
    }

    fn connected(graph: &Graph, labels: &[u32]) -> bool {
        let mut pieces = labels.to_vec();
        split_disconnected(graph, &mut pieces);
        number_densely(&mut pieces) == number_densely(&mut labels.to_vec())
    }

    fn with_resolution(resolution: f32) -> LeidenParams {
        LeidenParams { resolution: Some(resolution), ..LeidenParams::default() }
    }

    #[test]
    fn two_cliques_and_a_bridge_are_two_communities() {
        let clique =
            |from: u32| (from..from + 5).flat_map(move |a| (a + 1..from + 5).map(move |b| (a, b, 1.0)));
        let edges: Vec<_> = clique(0).chain(clique(5)).chain([(4, 5, 1.0)]).collect();
        let found = communities(graph(10, &edges), &with_resolution(1.0), &Ctx::quiet()).unwrap();
        assert_eq!(found.labels, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
        assert!((found.strengths[0] - 1.0).abs() < 1e-6);
        assert!((found.strengths[4] - 0.8).abs() < 1e-6);
        // 2 × (10 / 21 − (21 / 42)²)
        assert!((found.quality - 0.452_381).abs() < 1e-6, "{}", found.quality);
    }

    /// Zachary's karate club: the best modularity known is 0.4198, in four communities.
    #[test]
    fn the_karate_club_reaches_the_best_modularity_known() {
        let friends: [&[u32]; 33] = [
            &[1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31],
            &[2, 3, 7, 13, 17, 19, 21, 30],
            &[3, 7, 8, 9, 13, 27, 28, 32],
            &[7, 12, 13],
            &[6, 10],
            &[6, 10, 16],
            &[16],
            &[],
            &[30, 32, 33],
            &[33],
            &[],
            &[],
            &[],
            &[33],
            &[32, 33],
            &[32, 33],
            &[],
            &[],
            &[32, 33],
            &[33],
            &[32, 33],
            &[],
            &[32, 33],
            &[25, 27, 29, 32, 33],
            &[25, 27, 31],
            &[31],
            &[29, 33],
            &[33],
            &[31, 33],
            &[32, 33],
            &[32, 33],
            &[32, 33],
            &[33],
        ];
        let edges: Vec<_> =
            friends.iter().zip(0..).flat_map(|(f, a)| f.iter().map(move |&b| (a, b, 1.0))).collect();
        assert_eq!(edges.len(), 78);
        let best = (0..5)
            .map(|seed| {
                let params = LeidenParams { seed, min_size: Some(1), ..with_resolution(1.0) };
                communities(graph(34, &edges), &params, &Ctx::quiet()).unwrap()
            })
            .max_by(|a, b| a.quality.total_cmp(&b.quality))
            .unwrap();
        assert!((best.quality - 0.419_79).abs() < 1e-4, "{}", best.quality);
        assert_eq!(best.count, 4);
    }

    #[test]
    fn planted_groups_are_found_again_through_noise() {
        let (knn, truth) = rings(12, 40, 10, 200);
        let found = leiden(&knn, &with_resolution(1.0), &Ctx::quiet()).unwrap();
        assert!(adjusted_rand(&truth, &found.labels) > 0.95);
    }

    #[test]
    fn a_higher_resolution_gives_more_communities() {
        let (knn, _) = rings(4, 200, 10, 300);
        let count = |resolution| leiden(&knn, &with_resolution(resolution), &Ctx::quiet()).unwrap().count;
        assert!(count(0.3) < count(2.0) && count(2.0) < count(10.0));
    }

    #[test]
    fn the_seed_decides_and_the_number_of_threads_does_not() {
        let (knn, _) = rings(10, 50, 8, 150);
        let params = LeidenParams { seed: 9, ..with_resolution(2.0) };
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| leiden(&knn, &params, &Ctx::quiet()).unwrap())
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn small_leftovers_join_the_community_they_hang_on() {
        // A pair hangs on the second of two cliques.
        let clique =
            |from: u32| (from..from + 6).flat_map(move |a| (a + 1..from + 6).map(move |b| (a, b, 1.0)));
        let edges: Vec<_> = clique(0).chain(clique(6)).chain([(12, 13, 1.0), (13, 11, 0.1)]).collect();
        let alone = LeidenParams { min_size: Some(1), ..with_resolution(1.0) };
        assert_eq!(communities(graph(14, &edges), &alone, &Ctx::quiet()).unwrap().count, 3);
        let merged = LeidenParams { min_size: Some(3), ..with_resolution(1.0) };
        let found = communities(graph(14, &edges), &merged, &Ctx::quiet()).unwrap();
        assert_eq!(found.count, 2);
        assert_eq!(found.labels[13], found.labels[11]);
    }

    #[test]
    fn a_point_similar_to_nothing_is_the_only_one_left_out() {
        let (mut knn, _) = rings(2, 20, 4, 0);
        knn.similarities[..4].fill(0.0);
        for (j, s) in knn.indices.iter().zip(&mut knn.similarities) {
            *s = if *j == 0 { 0.0 } else { *s };
        }
        let found = leiden(&knn, &with_resolution(1.0), &Ctx::quiet()).unwrap();
        assert_eq!(found.labels.iter().filter(|&&l| l == UNCLUSTERED).count(), 1);
        assert_eq!(found.labels[0], UNCLUSTERED);
    }

    #[test]
    fn no_points_and_one_point_are_fine() {
        for n in [0, 1] {
            let found = communities(graph(n, &[]), &LeidenParams::default(), &Ctx::quiet()).unwrap();
            assert_eq!((found.labels.len(), found.count), (n, 0));
        }
    }

    #[test]
    fn a_stopped_run_ends_without_a_result() {
        let (knn, _) = rings(4, 40, 6, 0);
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        assert_eq!(leiden(&knn, &LeidenParams::default(), &ctx), Err(Cancelled));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_community_is_connected_and_no_worse_than_points_alone(
            n in 2usize..60,
            edges in prop::collection::vec((0u32..60, 0u32..60, 0.01f32..1.0), 1..200),
            resolution in 0.1f32..8.0,
            min_size in 1usize..6,
        ) {
            let mut seen = std::collections::BTreeMap::new();
            for (a, b, w) in edges {
                let (a, b) = (a % n as u32, b % n as u32);
                if a != b {
                    seen.insert((a.min(b), a.max(b)), w);
                }
            }
            let edges: Vec<_> = seen.into_iter().map(|((a, b), w)| (a, b, w)).collect();
            let graph = graph(n, &edges);
            let params = LeidenParams { resolution: Some(resolution), seed: 1, min_size: Some(min_size) };
            let found = communities(graph.clone(), &params, &Ctx::quiet()).unwrap();
            let mut labels = found.labels.clone();
            // Points without edges carry no label, which is no community to be connected.
            let lonely = labels.iter_mut().filter(|l| **l == UNCLUSTERED);
            lonely.zip(found.count as u32..).for_each(|(label, own)| *label = own);
            prop_assert!(connected(&graph, &labels));
            if min_size == 1 {
                let level = Level::new(graph, f64::from(resolution));
                let alone: Vec<u32> = (0..n as u32).collect();
                prop_assert!(found.quality + 1e-9 >= level.quality(&alone));
            }
        }
    }
}
