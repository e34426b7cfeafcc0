//! HDBSCAN: clusters are what stays dense while the bar rises; the documents between them are left out (Campello,
//! Moulavi & Sander 2013; McInnes & Healy 2017).
//!
//! Runs on points of the plane, exactly: every distance is the mutual reachability, which is at least the distance
//! of either point to its `min_samples`-th neighbour.

use serde::{Deserialize, Serialize};

use super::hdbscan_condense::CondensedTree;
use super::hdbscan_select::selected;
use super::hdbscan_span::{core_distances, spanning_tree};
use super::kd_tree::KdTree;
use crate::data::UNCLUSTERED;
use crate::job::{Cancelled, Ctx};

/// The least that is called a cluster.
const FEWEST: usize = 5;
/// Neighbours that make a place dense, unless a person or the least cluster size says otherwise.
const USUAL_SAMPLES: usize = 10;
/// Points nearer than this share of the map's extent lie in one place: densities have an end.
const SAME_PLACE: f32 = 1e-6;

/// Which clusters are taken from the tree of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Selection {
    /// Those that last longest (excess of mass): few large ones where they hold together.
    #[default]
    Eom,
    /// The finest.
    Leaf,
}

/// What a person can choose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HdbscanParams {
    /// The fewest documents of a cluster; `None`: half the square root of their number, at least 5.
    pub min_cluster_size: Option<usize>,
    /// The neighbour (the point itself not counted) whose distance tells how dense a place is: more leaves more
    /// documents out. `None`: 10, or the least cluster size where that is smaller.
    pub min_samples: Option<usize>,
    pub selection: Selection,
    /// Clusters that part at a smaller distance than this stay together.
    pub epsilon: f32,
}

impl HdbscanParams {
    /// The fewest documents of a cluster, of `n`.
    pub fn min_cluster_size_for(&self, n: usize) -> usize {
        self.min_cluster_size.unwrap_or(((n as f64).sqrt() / 2.0).round() as usize).max(
            match self.min_cluster_size {
                Some(_) => 2,
                None => FEWEST,
            },
        )
    }

    /// The neighbour that tells the density, of `n` documents.
    pub fn min_samples_for(&self, n: usize) -> usize {
        self.min_samples.unwrap_or(USUAL_SAMPLES.min(self.min_cluster_size_for(n))).max(1)
    }
}

/// Dense clusters, and what lies between.
#[derive(Clone, Debug, PartialEq)]
pub struct Hdbscan {
    /// `n` labels; [`UNCLUSTERED`] for points in no cluster.
    pub labels: Vec<u32>,
    pub count: usize,
    /// `n` memberships in [0, 1]: how near to the densest part of its cluster a point is; 0 where it has none.
    pub strengths: Vec<f32>,
    /// `n` outlier scores in [0, 1] (GLOSH: Campello et al. 2015): how much sparser a point's place is than the
    /// densest near it.
    pub outlier_scores: Vec<f32>,
}

/// Clusters of `points`, equal at any number of threads.
pub fn hdbscan(points: &[[f32; 2]], params: &HdbscanParams, ctx: &Ctx) -> Result<Hdbscan, Cancelled> {
    let n = points.len();
    if n == 0 {
        return Ok(Hdbscan { labels: vec![], count: 0, strengths: vec![], outlier_scores: vec![] });
    }
    // Densities for each point, then an edge for each.
    ctx.progress.begin("Clustering", "points", 2 * n as u64, 0);
    let tree = KdTree::new(points);
    let cores = core_distances(&tree, params.min_samples_for(n), ctx)?;
    let edges = spanning_tree(&tree, &cores, ctx)?;
    let same_place = f64::from(SAME_PLACE * extent(&tree));
    let condensed = CondensedTree::of(n, &edges, params.min_cluster_size_for(n), same_place);
    let chosen = selected(&condensed, params.selection, f64::from(params.epsilon));
    Ok(Hdbscan {
        labels: condensed.labels(&chosen),
        count: chosen.len(),
        strengths: condensed.memberships(&chosen),
        outlier_scores: condensed.outlier_scores(),
    })
}

/// The longer side of the box around all points.
fn extent(tree: &KdTree) -> f32 {
    let side = |axis: usize| {
        let of_axis = tree.points().iter().map(|point| point[axis]);
        let (low, high) =
            of_axis.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        high - low
    };
    side(0).max(side(1))
}
