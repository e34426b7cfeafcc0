//! Where the points lie on the map.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Key;

/// How far a map can be trusted (ALGORITHMS §2, "Honesty"): all shares lie in [0, 1], 1 is best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapQuality {
    /// Neighbours on the map that are neighbours in the space, by rank (Venna & Kaski 2001).
    pub trustworthiness: f32,
    /// Neighbours in the space that are neighbours on the map, by rank.
    pub continuity: f32,
    /// Share of the `k` nearest in the space among the `k` nearest on the map.
    pub knn_kept: f32,
    /// Share of random triplets whose nearer pair in the space is the nearer one on the map.
    pub triplets: f32,
    /// The `k` of the neighbour figures.
    pub k: usize,
    /// How many points trustworthiness and continuity were measured on.
    pub sample: usize,
    /// For every point, the share of its `k` nearest kept on the map.
    #[serde(skip)]
    pub kept: Arc<Vec<f32>>,
}

/// Documents that a person put somewhere on the map, and where: finite positions.
pub type Pins = BTreeMap<u32, [f32; 2]>;

/// `n` positions on the map.
#[derive(Clone, Debug)]
pub struct Layout {
    pub key: Key,
    pub positions: Arc<Vec<[f32; 2]>>,
    /// The method in words, such as "UMAP" or "PCA".
    pub method: String,
    /// Rounds done, and rounds meant to be done: fewer when a person stopped it.
    pub epochs: (usize, usize),
}
