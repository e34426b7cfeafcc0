//! Which documents belong together.

use super::Key;

/// The label of a document that belongs to no cluster.
pub const UNCLUSTERED: u32 = u32::MAX;

/// One label a document.
#[derive(Clone, Debug)]
pub struct Clusters {
    pub key: Key,
    /// `n` labels below `count`, or [`UNCLUSTERED`]; larger clusters have smaller labels.
    pub labels: Vec<u32>,
    pub count: usize,
    /// `n` strengths in [0, 1] in the method's own terms: how firmly a document sits in its cluster.
    pub strengths: Vec<f32>,
    /// The method in words, such as "Leiden".
    pub method: String,
}

impl Clusters {
    /// How many documents each cluster has.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.count];
        for &label in &self.labels {
            if let Some(size) = sizes.get_mut(label as usize) {
                *size += 1;
            }
        }
        sizes
    }

    /// The documents of every cluster, ascending.
    pub fn members(&self) -> Vec<Vec<u32>> {
        let mut members: Vec<Vec<u32>> = self.sizes().into_iter().map(Vec::with_capacity).collect();
        for (i, &label) in self.labels.iter().enumerate() {
            if let Some(list) = members.get_mut(label as usize) {
                list.push(i as u32);
            }
        }
        members
    }

    /// How many documents have no cluster.
    pub fn unclustered(&self) -> usize {
        self.labels.iter().filter(|&&label| label == UNCLUSTERED).count()
    }

    /// The share of documents that have no cluster, in [0, 1].
    pub fn left_out(&self) -> f64 {
        self.unclustered() as f64 / self.labels.len().max(1) as f64
    }

    /// Renumbers arbitrary labels so that larger clusters come first (ties by first document), and counts them.
    pub fn ordered(labels: &[u32]) -> (Vec<u32>, usize) {
        let mut size_and_first = std::collections::BTreeMap::<u32, (usize, usize)>::new();
        for (i, &label) in labels.iter().enumerate().filter(|(_, label)| **label != UNCLUSTERED) {
            size_and_first.entry(label).or_insert((0, i)).0 += 1;
        }
        let mut order: Vec<_> = size_and_first.into_iter().collect();
        order.sort_by_key(|&(_, (size, first))| (std::cmp::Reverse(size), first));
        let renumbered: std::collections::HashMap<u32, u32> =
            order.iter().enumerate().map(|(new, &(old, _))| (old, new as u32)).collect();
        let labels = labels.iter().map(|l| renumbered.get(l).copied().unwrap_or(UNCLUSTERED)).collect();
        (labels, order.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_clusters_get_smaller_labels() {
        let (labels, count) = Clusters::ordered(&[7, UNCLUSTERED, 3, 3, 9, 9]);
        assert_eq!(labels, [2, UNCLUSTERED, 0, 0, 1, 1]);
        assert_eq!(count, 3);
    }
}
