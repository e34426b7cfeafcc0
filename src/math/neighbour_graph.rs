//! Neighbour lists as an undirected weighted graph, in compressed rows.

use rayon::prelude::*;

use crate::data::Knn;

/// An undirected graph: every edge is stored at both of its ends.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Row `v` is `offsets[v]..offsets[v + 1]` of `targets` and `weights`; `n + 1` entries.
    pub offsets: Vec<usize>,
    /// The other ends, ascending along a row; a node's own number where it has a loop.
    pub targets: Vec<u32>,
    /// Positive; a loop carries twice the weight inside it, so that a row's sum is the node's strength.
    pub weights: Vec<f32>,
}

impl Graph {
    /// Joins `i` and `j` where either is among the other's neighbours, with their similarity as the weight.
    ///
    /// Pairs without positive similarity are not joined. Where no similarity is positive at all they are negated
    /// distances, and the weight is exp(−distance / mean distance).
    pub fn of_neighbours(knn: &Knn) -> Self {
        let (n, k) = (knn.len(), knn.k);
        let weigh = weighting(&knn.similarities);
        let mut counts = vec![0usize; n + 1];
        for (entry, (&j, &s)) in knn.indices.iter().zip(&knn.similarities).enumerate() {
            if (j as usize) < n && j as usize != entry / k && weigh(s) > 0.0 {
                counts[entry / k + 1] += 1;
                counts[j as usize + 1] += 1;
            }
        }
        let starts = running_sum(counts);
        let mut ends = starts.clone();
        let mut edges = vec![(0u32, 0f32); starts[n]];
        for (entry, (&j, &s)) in knn.indices.iter().zip(&knn.similarities).enumerate() {
            let (i, weight) = (entry / k, weigh(s));
            if (j as usize) < n && j as usize != i && weight > 0.0 {
                for (from, to) in [(i, j), (j as usize, i as u32)] {
                    edges[ends[from]] = (to, weight);
                    ends[from] += 1;
                }
            }
        }
        Self::from_rows(&starts, edges)
    }

    /// Sorts each row and keeps one edge a pair: the heavier one, should approximate lists disagree.
    fn from_rows(starts: &[usize], mut edges: Vec<(u32, f32)>) -> Self {
        let mut rows: Vec<&mut [(u32, f32)]> = Vec::with_capacity(starts.len() - 1);
        let mut rest = edges.as_mut_slice();
        for pair in starts.windows(2) {
            let (row, after) = rest.split_at_mut(pair[1] - pair[0]);
            rows.push(row);
            rest = after;
        }
        let kept: Vec<usize> = rows
            .par_iter_mut()
            .map(|row| {
                row.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
                let mut kept = 0;
                for at in 0..row.len() {
                    if kept == 0 || row[kept - 1].0 != row[at].0 {
                        row[kept] = row[at];
                        kept += 1;
                    }
                }
                kept
            })
            .collect();
        let offsets = running_sum(std::iter::once(0).chain(kept.iter().copied()).collect());
        let mut graph = Self { targets: Vec::new(), weights: Vec::new(), offsets };
        graph.targets.reserve_exact(graph.offsets[kept.len()]);
        graph.weights.reserve_exact(graph.offsets[kept.len()]);
        for (row, &kept) in rows.iter().zip(&kept) {
            graph.targets.extend(row[..kept].iter().map(|edge| edge.0));
            graph.weights.extend(row[..kept].iter().map(|edge| edge.1));
        }
        graph
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The edges of `v`: other end and weight.
    pub fn edges(&self, v: usize) -> impl ExactSizeIterator<Item = (usize, f64)> + '_ {
        let row = self.offsets[v]..self.offsets[v + 1];
        self.targets[row.clone()].iter().zip(&self.weights[row]).map(|(&t, &w)| (t as usize, f64::from(w)))
    }

    /// The weight of all edges at each node.
    pub fn strengths(&self) -> Vec<f64> {
        (0..self.len()).into_par_iter().map(|v| self.edges(v).map(|(_, w)| w).sum()).collect()
    }
}

/// Turns counts `[0, c₀, c₁, …]` into offsets.
pub(super) fn running_sum(mut counts: Vec<usize>) -> Vec<usize> {
    let mut sum = 0;
    for count in &mut counts {
        sum += *count;
        *count = sum;
    }
    counts
}

/// How a similarity becomes a weight: as it is, or from a negated distance.
fn weighting(similarities: &[f32]) -> impl Fn(f32) -> f32 {
    let any_positive = similarities.par_iter().any(|&s| s > 0.0);
    let mean = similarities.iter().map(|&s| f64::from(-s)).sum::<f64>() / similarities.len().max(1) as f64;
    let distances = !any_positive && mean > 0.0;
    move |s| if distances { (f64::from(s) / mean).exp() as f32 } else { s.max(0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall};

    fn knn(k: usize, indices: &[u32], similarities: &[f32]) -> Knn {
        Knn {
            key: Key::of("test", 1).finish(),
            k,
            indices: indices.to_vec(),
            similarities: similarities.to_vec(),
            recall: Recall::Exact,
            method: "test".into(),
        }
    }

    #[test]
    fn an_edge_seen_from_one_end_is_an_edge_at_both() {
        let graph = Graph::of_neighbours(&knn(1, &[1, 0, 1], &[0.9, 0.9, 0.5]));
        assert_eq!(graph.edges(1).collect::<Vec<_>>(), [(0, f64::from(0.9f32)), (2, 0.5)]);
        assert_eq!(graph.edges(2).collect::<Vec<_>>(), [(1, 0.5)]);
    }

    #[test]
    fn points_without_positive_similarity_are_not_joined() {
        let graph = Graph::of_neighbours(&knn(1, &[1, 0, 0], &[0.9, 0.9, 0.0]));
        assert_eq!(graph.edges(2).count(), 0);
    }

    #[test]
    fn nearer_points_weigh_more_where_similarities_are_negated_distances() {
        let graph = Graph::of_neighbours(&knn(1, &[1, 0, 1], &[-1.0, -1.0, -4.0]));
        let weights: Vec<f64> = graph.edges(1).map(|(_, w)| w).collect();
        assert!(weights[0] > weights[1] && weights[1] > 0.0);
    }
}
