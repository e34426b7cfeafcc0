//! HDBSCAN: clusters are what stays dense while the bar rises; the documents between them are left out (Campello,
//! Moulavi & Sander 2013; McInnes & Healy 2017).
//!
//! Every distance is the mutual reachability, which is at least the distance of either point to its `min_samples`-th
//! neighbour. On points of the plane all of them count; of vectors only those between nearest neighbours.

use serde::{Deserialize, Serialize};

use super::hdbscan_condense::CondensedTree;
use super::hdbscan_graph::spanning_tree_of_graph;
use super::hdbscan_select::selected;
use super::hdbscan_span::{Edge, core_distances, spanning_tree};
use super::kd_tree::KdTree;
use crate::data::Knn;
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
    /// Those that last longest (excess of mass). On a map that hangs together these may be two or three that hold
    /// nearly everything.
    Eom,
    /// The finest.
    #[default]
    Leaf,
}

/// Where density is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ground {
    /// Among the positions of the map, exactly.
    #[default]
    Map,
    /// Among the vectors, as far as their nearest neighbours tell: stricter, and the map has no say in it.
    Vectors,
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
    pub ground: Ground,
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
    /// `n` labels; [`UNCLUSTERED`](crate::data::UNCLUSTERED) for points in no cluster.
    pub labels: Vec<u32>,
    pub count: usize,
    /// `n` memberships in [0, 1]: how near to the densest part of its cluster a point is; 0 where it has none.
    pub strengths: Vec<f32>,
    /// `n` outlier scores in [0, 1] (GLOSH: Campello et al. 2015): how much sparser a point's place is than the
    /// densest near it.
    pub outlier_scores: Vec<f32>,
}

/// Clusters of points of the plane, exactly; equal at any number of threads.
pub fn of_points(points: &[[f32; 2]], params: &HdbscanParams, ctx: &Ctx) -> Result<Hdbscan, Cancelled> {
    let n = points.len();
    // Densities for each point, then an edge for each.
    ctx.progress.begin("Clustering", "points", 2 * n as u64, 0);
    let tree = KdTree::new(points);
    let cores = core_distances(&tree, params.min_samples_for(n), ctx)?;
    let edges = spanning_tree(&tree, &cores, ctx)?;
    Ok(chosen(n, &edges, SAME_PLACE * extent(&tree), params))
}

/// Clusters of vectors, as far as their nearest neighbours tell: the distance is √(2 − 2 cos), and two vectors that no
/// chain of neighbours connects lie infinitely far apart. Equal at any number of threads.
pub fn of_neighbours(knn: &Knn, params: &HdbscanParams, ctx: &Ctx) -> Result<Hdbscan, Cancelled> {
    let n = knn.len();
    ctx.progress.begin("Clustering", "points", n as u64, 0);
    let edges = spanning_tree_of_graph(knn, params.min_samples_for(n), ctx)?;
    ctx.progress.set(n as u64);
    Ok(chosen(n, &edges, SAME_PLACE, params))
}

fn chosen(n: usize, edges: &[Edge], same_place: f32, params: &HdbscanParams) -> Hdbscan {
    let condensed = CondensedTree::of(n, edges, params.min_cluster_size_for(n), same_place.into());
    let chosen = selected(&condensed, params.selection, params.epsilon.into());
    Hdbscan {
        labels: condensed.labels(&chosen),
        count: chosen.len(),
        strengths: condensed.memberships(&chosen),
        outlier_scores: condensed.outlier_scores(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall, UNCLUSTERED};
    use crate::math::agreement::adjusted_rand;
    use crate::math::hash;
    use proptest::prelude::*;

    fn params(min_cluster_size: usize, min_samples: usize, selection: Selection) -> HdbscanParams {
        HdbscanParams {
            min_cluster_size: Some(min_cluster_size),
            min_samples: Some(min_samples),
            selection,
            ground: Ground::Map,
            epsilon: 0.0,
        }
    }

    fn found(points: &[[f32; 2]], params: &HdbscanParams) -> Hdbscan {
        of_points(points, params, &Ctx::quiet()).unwrap()
    }

    /// `size` points around each of `centres`, one in each turn.
    fn clumps(centres: &[[f32; 2]], size: usize) -> Vec<[f32; 2]> {
        (0..centres.len() * size)
            .map(|i| {
                let [x, y] = centres[i % centres.len()];
                [x + 0.2 * hash::normal(1, i as u64) as f32, y + 0.2 * hash::normal(2, i as u64) as f32]
            })
            .collect()
    }

    /// What scikit-learn 1.9 found (benches/peers/hdbscan_figure.py).
    #[test]
    fn labels_and_memberships_are_those_of_scikit_learn() {
        let rows = include_str!("hdbscan_figure.csv").lines().skip(1);
        let rows: Vec<Vec<f32>> =
            rows.map(|row| row.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
        let points: Vec<[f32; 2]> = rows.iter().map(|row| [row[0], row[1]]).collect();
        for (column, selection) in [(2, Selection::Eom), (4, Selection::Leaf)] {
            let label = |row: &Vec<f32>| if row[column] < 0.0 { UNCLUSTERED } else { row[column] as u32 };
            let theirs: Vec<u32> = rows.iter().map(label).collect();
            let ours = found(&points, &params(12, 5, selection));
            let left_out = |labels: &[u32]| labels.iter().filter(|l| **l == UNCLUSTERED).count();
            // Many distances are one point's core distance: at such ties it is arbitrary what parts first, and a few of
            // the 300 points end elsewhere.
            assert!(left_out(&ours.labels).abs_diff(left_out(&theirs)) <= 2, "{selection:?}");
            assert!(adjusted_rand(&ours.labels, &theirs) > 0.97, "{selection:?}");
            let same = |(ours, row): &(&f32, &Vec<f32>)| (*ours - row[column + 1]).abs() < 1e-3;
            let same = ours.strengths.iter().zip(&rows).filter(same).count();
            assert!(same * 20 > rows.len() * 19, "{selection:?}: {same} of {}", rows.len());
        }
    }

    #[test]
    fn clumps_are_clusters_and_what_lies_apart_is_left_out() {
        let mut points = clumps(&[[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]], 60);
        points.extend([[-9.0, -9.0], [-9.0, 4.0], [15.0, 15.0]]);
        for selection in [Selection::Eom, Selection::Leaf] {
            let found = found(&points, &params(15, 5, selection));
            let truth: Vec<u32> = (0..180).map(|i| i % 3).collect();
            assert_eq!(found.count, 3);
            let inside: Vec<usize> = (0..180).filter(|&i| found.labels[i] != UNCLUSTERED).collect();
            let of = |labels: &[u32]| inside.iter().map(|&i| labels[i]).collect::<Vec<_>>();
            assert!(inside.len() > 170 && adjusted_rand(&of(&truth), &of(&found.labels)) == 1.0);
            for outlier in 180..183 {
                assert_eq!((found.labels[outlier], found.strengths[outlier]), (UNCLUSTERED, 0.0));
                let lonelier = |i: &usize| found.outlier_scores[*i] > found.outlier_scores[outlier];
                assert!(inside.iter().filter(|i| lonelier(i)).count() == 0);
            }
        }
    }

    #[test]
    fn neighbours_tell_the_clusters_that_all_pairs_tell() {
        let points = clumps(&[[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [9.0, 9.0]], 80);
        // On a sphere so large that it is flat, cosines tell the same distances.
        let (k, scale) = (12, 1e-2);
        let tree = KdTree::new(&points);
        let mut knn = Knn {
            key: Key::of("test", 1).finish(),
            k,
            indices: Vec::new(),
            similarities: Vec::new(),
            recall: Recall::Exact,
            method: "exact".into(),
        };
        let mut near = Vec::new();
        for (i, &point) in (0..).zip(&points) {
            tree.nearest(point, k, Some(i), &mut near);
            knn.indices.extend(near.iter().map(|n| n.1));
            knn.similarities.extend(near.iter().map(|n| 1.0 - n.0 * scale / 2.0));
        }
        let params = params(20, 6, Selection::Leaf);
        let (graph, plane) = (of_neighbours(&knn, &params, &Ctx::quiet()).unwrap(), found(&points, &params));
        assert_eq!((graph.count, plane.count), (4, 4));
        // The outermost points differ: the graph has no edges between the clumps that would drop them first.
        let both = |i: &usize| graph.labels[*i] != UNCLUSTERED && plane.labels[*i] != UNCLUSTERED;
        let both: Vec<usize> = (0..points.len()).filter(both).collect();
        let of = |labels: &[u32]| both.iter().map(|&i| labels[i]).collect::<Vec<_>>();
        assert!(both.len() > 300 && adjusted_rand(&of(&graph.labels), &of(&plane.labels)) == 1.0);
    }

    #[test]
    fn clumps_nearer_than_epsilon_stay_together() {
        let points = clumps(&[[0.0, 0.0], [2.0, 0.0], [40.0, 0.0], [42.0, 0.0]], 50);
        let apart = params(10, 5, Selection::Leaf);
        assert_eq!(found(&points, &apart).count, 4);
        let joined = found(&points, &HdbscanParams { epsilon: 3.0, ..apart });
        assert_eq!((joined.count, joined.labels[0]), (2, joined.labels[1]));
        assert_ne!(joined.labels[0], joined.labels[2]);
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let mut points = clumps(&[[0.0, 0.0], [1.5, 0.0], [0.0, 1.5], [1.0, 1.0]], 1500);
        // A lattice has many equal distances.
        points.extend((0..900).map(|i| [4.0 + (i % 30) as f32 * 0.125, (i / 30) as f32 * 0.125]));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| found(&points, &HdbscanParams::default()))
        };
        let one = run(1);
        assert!(one.count > 1);
        assert_eq!(one, run(3));
    }

    #[test]
    fn nothing_one_point_and_equal_points_are_no_clusters() {
        for points in [vec![], vec![[1.0, 2.0]], vec![[1.0, 2.0]; 3000]] {
            let found = found(&points, &HdbscanParams::default());
            assert_eq!((found.count, found.labels), (0, vec![UNCLUSTERED; points.len()]));
        }
    }

    #[test]
    fn heaps_of_equal_points_are_clusters() {
        let heap = |at: f32| (0..2000).map(move |_| [at, -at]);
        let found = found(&heap(0.0).chain(heap(1.0)).collect::<Vec<_>>(), &HdbscanParams::default());
        assert_eq!(found.count, 2);
        assert!(found.strengths.iter().all(|&strength| strength == 1.0));
    }

    #[test]
    fn a_stopped_run_ends_without_a_result() {
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        assert_eq!(of_points(&clumps(&[[0.0; 2]], 50), &HdbscanParams::default(), &ctx), Err(Cancelled));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn clusters_have_the_least_size_and_shares_are_shares(
            // A coarse lattice gives many duplicates and ties.
            points in prop::collection::vec((0i8..12, -6i8..6), 0..300),
            fewest in 2usize..20, samples in 1usize..12, eom in any::<bool>(), epsilon in 0f32..2.0,
        ) {
            let points: Vec<[f32; 2]> = points.iter().map(|&(x, y)| [x.into(), y.into()]).collect();
            let selection = if eom { Selection::Eom } else { Selection::Leaf };
            let found = found(&points, &HdbscanParams { epsilon, ..params(fewest, samples, selection) });
            let mut sizes = vec![0; found.count];
            for (&label, &strength) in found.labels.iter().zip(&found.strengths) {
                prop_assert!((0.0..=1.0).contains(&strength));
                match sizes.get_mut(label as usize) {
                    Some(size) => *size += 1,
                    None => prop_assert_eq!((label, strength), (UNCLUSTERED, 0.0)),
                }
            }
            prop_assert!(sizes.iter().all(|&size| size >= fewest), "{sizes:?}");
            prop_assert!(found.outlier_scores.iter().all(|score| (0.0..=1.0).contains(score)));
        }
    }
}
