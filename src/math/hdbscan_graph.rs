//! The minimum spanning tree of a graph of nearest neighbours by mutual reachability (Kruskal 1956). It is that of all
//! pairs as far as each vector's next component is among its neighbours: nearly always where documents are dense, and
//! not between clusters far apart, whose order does not matter.

use rayon::prelude::*;

use super::hdbscan_span::{Edge, Sets};
use crate::data::Knn;
use crate::job::{Cancelled, Ctx};

/// The length of what holds together parts of the graph that no edge connects.
const APART: f32 = f32::MAX;

/// The shortest edges that connect all points, shortest first. The core distance is that of the `samples`-th neighbour, or
/// of the last one where the graph has fewer.
pub(super) fn spanning_tree_of_graph(knn: &Knn, samples: usize, ctx: &Ctx) -> Result<Vec<Edge>, Cancelled> {
    let n = knn.len();
    // What rounding leaves between equal vectors is no distance, and below it is none.
    let squared = |similarity: f32| (2.0 - 2.0 * similarity).max(0.0);
    let core = |i: usize| knn.similarities_of(i)[..samples.min(knn.k)].last().map_or(0.0, |&s| squared(s));
    let cores: Vec<f32> = (0..n).into_par_iter().map(core).collect();
    let edges_of = |i: usize| {
        let edge = |(&other, &similarity): (&u32, &f32)| Edge {
            squared: squared(similarity).max(cores[i]).max(cores[other as usize]),
            ends: [(i as u32).min(other), (i as u32).max(other)],
        };
        knn.of(i).iter().zip(knn.similarities_of(i)).map(edge).collect::<Vec<_>>()
    };
    let mut edges: Vec<Edge> = (0..n).into_par_iter().flat_map_iter(edges_of).collect();
    ctx.cancel.check()?;
    edges.par_sort_unstable_by(|a, b| a.squared.total_cmp(&b.squared).then(a.ends.cmp(&b.ends)));
    ctx.cancel.check()?;
    let mut sets = Sets::new(n);
    edges.retain(|edge| sets.join(edge.ends[0], edge.ends[1]));
    // Parts that no edge connects are strung together.
    for i in 1..n as u32 {
        if sets.join(0, i) {
            edges.push(Edge { squared: APART, ends: [0, i] });
        }
    }
    Ok(edges)
}
