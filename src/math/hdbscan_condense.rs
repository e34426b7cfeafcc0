//! The condensed tree of HDBSCAN: as the bar of density rises, the whole loses points and parts into clusters, which do
//! so in turn (McInnes & Healy 2017, algorithm 2).
//!
//! Density is one over the distance at which a point is still connected, λ in the papers.

use super::hdbscan_span::{Edge, Sets};
use crate::data::UNCLUSTERED;

/// A cluster of the tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cluster {
    /// The one it came from; the first has none.
    pub parent: Option<u32>,
    /// The density at which it began.
    pub birth: f64,
    /// The density at which the last of its own points or parts left it.
    pub death: f64,
    /// How long its points stayed with it, added up (its excess of mass).
    pub stability: f64,
}

/// All clusters, and where each point ended.
pub(super) struct CondensedTree {
    /// The first is the whole; every other one comes after its parent.
    pub clusters: Vec<Cluster>,
    /// The last cluster each point was in, and the density at which it left.
    points: Vec<(u32, f64)>,
}

/// What two parts of the single-linkage tree become one by.
#[derive(Clone, Copy)]
struct Merge {
    parts: [u32; 2],
    density: f64,
}

/// Where a part of the single-linkage tree is as the bar rises.
#[derive(Clone, Copy)]
enum Place {
    /// The core of a cluster.
    In(u32),
    /// Left a cluster at a density.
    Left(u32, f64),
}

impl CondensedTree {
    /// Condenses the spanning tree `edges` of `n` points, shortest first: only parts of `fewest` points or more are
    /// clusters. Distances below `same_place` count as that, so that densities have an end.
    pub fn of(n: usize, edges: &[Edge], fewest: usize, same_place: f64) -> Self {
        // Distances are squared in single precision: anything not 0 is far above this.
        let same_place = same_place.max(f64::MIN_POSITIVE.sqrt());
        let (merges, sizes) = single_linkage(n, edges, same_place);
        let size = |part: u32| sizes[part as usize] as usize;
        let mut clusters = vec![Cluster::born(None, 0.0)];
        let mut places = vec![Place::In(0); n + merges.len()];
        // From the whole down: a part comes before its parts.
        for (whole, &Merge { parts, density }) in (n..places.len()).zip(&merges).rev() {
            let cluster = match places[whole] {
                Place::In(cluster) => cluster,
                left => {
                    parts.iter().for_each(|&part| places[part as usize] = left);
                    continue;
                }
            };
            let both_are_clusters = parts.iter().all(|&part| size(part) >= fewest);
            for part in parts {
                places[part as usize] = if both_are_clusters {
                    clusters.push(Cluster::born(Some(cluster), density));
                    clusters[cluster as usize].lose(size(part), density);
                    Place::In(clusters.len() as u32 - 1)
                } else if size(part) >= fewest {
                    Place::In(cluster)
                } else {
                    clusters[cluster as usize].lose(size(part), density);
                    Place::Left(cluster, density)
                };
            }
        }
        let point = |place: &Place| match *place {
            Place::Left(cluster, density) => (cluster, density),
            // A point alone, or a cluster may have one point.
            Place::In(cluster) => (cluster, clusters[cluster as usize].birth),
        };
        let points = places[..n].iter().map(point).collect();
        Self { clusters, points }
    }

    /// One label a point: the place in `chosen` (ascending) of the cluster that it was in, or in a part of.
    pub fn labels(&self, chosen: &[u32]) -> Vec<u32> {
        let mut owners = vec![UNCLUSTERED; self.clusters.len()];
        for (c, cluster) in self.clusters.iter().enumerate() {
            owners[c] = match chosen.binary_search(&(c as u32)) {
                Ok(place) => place as u32,
                Err(_) => cluster.parent.map_or(UNCLUSTERED, |parent| owners[parent as usize]),
            };
        }
        self.points.iter().map(|&(cluster, _)| owners[cluster as usize]).collect()
    }

    /// One membership a point: the density at which it left as a share of that at which the last left its cluster.
    pub fn memberships(&self, chosen: &[u32]) -> Vec<f32> {
        let labels = self.labels(chosen);
        let membership = |(&label, &(_, density)): (&u32, &(u32, f64))| {
            let death =
                chosen.get(label as usize).map_or(0.0, |&cluster| self.clusters[cluster as usize].death);
            if label == UNCLUSTERED {
                0.0
            } else if death > 0.0 {
                (density.min(death) / death) as f32
            } else {
                1.0
            }
        };
        labels.iter().zip(&self.points).map(membership).collect()
    }

    /// One score a point: how much less dense its place is than the densest of the cluster that it left.
    pub fn outlier_scores(&self) -> Vec<f32> {
        let mut deaths: Vec<f64> = self.clusters.iter().map(|cluster| cluster.death).collect();
        for (c, cluster) in self.clusters.iter().enumerate().rev() {
            if let Some(parent) = cluster.parent {
                deaths[parent as usize] = deaths[parent as usize].max(deaths[c]);
            }
        }
        let score = |&(cluster, density): &(u32, f64)| {
            let death = deaths[cluster as usize];
            if death > 0.0 { ((death - density) / death).max(0.0) as f32 } else { 0.0 }
        };
        self.points.iter().map(score).collect()
    }
}

impl Cluster {
    fn born(parent: Option<u32>, birth: f64) -> Self {
        Self { parent, birth, death: birth, stability: 0.0 }
    }

    /// `points` of it leave at `density`.
    fn lose(&mut self, points: usize, density: f64) {
        self.death = self.death.max(density);
        self.stability += points as f64 * (density - self.birth);
    }
}

/// Which parts the edges join in turn (points first, then what each edge made), and how many points each part has.
fn single_linkage(n: usize, edges: &[Edge], same_place: f64) -> (Vec<Merge>, Vec<u32>) {
    let mut sets = Sets::new(n);
    let mut parts: Vec<u32> = (0..n as u32).collect();
    let mut sizes = vec![1; n];
    let merges = edges.iter().map(|edge| {
        let merged = edge.ends.map(|end| parts[sets.find(end) as usize]);
        sets.join(edge.ends[0], edge.ends[1]);
        parts[sets.find(edge.ends[0]) as usize] = sizes.len() as u32;
        sizes.push(merged.iter().map(|&part| sizes[part as usize]).sum());
        Merge { parts: merged, density: f64::from(edge.squared).sqrt().max(same_place).recip() }
    });
    let merges = merges.collect();
    (merges, sizes)
}
