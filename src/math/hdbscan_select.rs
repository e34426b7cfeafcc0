//! Which clusters of the condensed tree HDBSCAN takes: the ones that last, or the finest; never the whole.

use super::hdbscan::Selection;
use super::hdbscan_condense::CondensedTree;

/// The chosen clusters, ascending. Those that part at a smaller distance than `epsilon` stay together (Malzer & Baum
/// 2020).
pub(super) fn selected(tree: &CondensedTree, selection: Selection, epsilon: f64) -> Vec<u32> {
    let chosen = match selection {
        Selection::Eom => lasting(tree),
        Selection::Leaf => finest(tree),
    };
    if epsilon > 0.0 { joined(tree, &chosen, epsilon) } else { chosen }
}

/// From the leaves up: a cluster is taken in place of those below it where it has at least their stability.
fn lasting(tree: &CondensedTree) -> Vec<u32> {
    let mut below = vec![0.0; tree.clusters.len()];
    let mut taken = vec![false; tree.clusters.len()];
    for (c, cluster) in tree.clusters.iter().enumerate().rev() {
        let Some(parent) = cluster.parent else { continue };
        taken[c] = below[c] <= cluster.stability;
        below[parent as usize] += cluster.stability.max(below[c]);
    }
    topmost(tree, |c| taken[c])
}

/// Those without parts.
fn finest(tree: &CondensedTree) -> Vec<u32> {
    let mut has_parts = vec![false; tree.clusters.len()];
    tree.clusters
        .iter()
        .filter_map(|cluster| cluster.parent)
        .for_each(|parent| has_parts[parent as usize] = true);
    topmost(tree, |c| !has_parts[c])
}

/// In place of each of `chosen` that began at a smaller distance than `epsilon`, the nearest one above it that did not; the
/// last below the whole where there is none.
fn joined(tree: &CondensedTree, chosen: &[u32], epsilon: f64) -> Vec<u32> {
    let mut taken = vec![false; tree.clusters.len()];
    for &c in chosen {
        let mut c = c as usize;
        while tree.clusters[c].birth.recip() < epsilon
            && let Some(parent) = tree.clusters[c].parent
            && tree.clusters[parent as usize].parent.is_some()
        {
            c = parent as usize;
        }
        taken[c] = true;
    }
    topmost(tree, |c| taken[c])
}

/// The taken clusters that lie in no other taken one, without the whole.
fn topmost(tree: &CondensedTree, taken: impl Fn(usize) -> bool) -> Vec<u32> {
    let mut covered = vec![false; tree.clusters.len()];
    let mut chosen = Vec::new();
    for (c, cluster) in tree.clusters.iter().enumerate() {
        let Some(parent) = cluster.parent else { continue };
        let above = covered[parent as usize];
        covered[c] = above || taken(c);
        if covered[c] && !above {
            chosen.push(c as u32);
        }
    }
    chosen
}
