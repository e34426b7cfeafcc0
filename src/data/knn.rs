//! Who is near whom.

use serde::{Deserialize, Serialize};

use super::Key;

/// How many of the true neighbours the stored ones hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Recall {
    /// Every pair was compared.
    Exact,
    /// `share` of the true neighbours of `queries` random points were found.
    Estimated { share: f32, queries: usize },
}

/// The `k` nearest neighbours of each of `n` points, nearest first, the point itself left out.
#[derive(Clone, Debug)]
pub struct Knn {
    pub key: Key,
    pub k: usize,
    /// `n` × `k` row numbers, row-major. Where fewer than `k` neighbours exist, `k` is smaller for everybody.
    pub indices: Vec<u32>,
    /// `n` × `k` cosine similarities (or, for other metrics, negated distances), descending along a row.
    pub similarities: Vec<f32>,
    pub recall: Recall,
    /// The method in words, such as "exact" or "HNSW".
    pub method: String,
}

impl Knn {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.indices.len().checked_div(self.k).unwrap_or(0)
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The neighbours of point `i`, nearest first.
    pub fn of(&self, i: usize) -> &[u32] {
        &self.indices[i * self.k..(i + 1) * self.k]
    }

    /// The similarities that belong to [`Knn::of`].
    pub fn similarities_of(&self, i: usize) -> &[f32] {
        &self.similarities[i * self.k..(i + 1) * self.k]
    }
}
