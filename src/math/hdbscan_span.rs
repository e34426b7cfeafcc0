//! The minimum spanning tree of points of the plane by mutual reachability, by Borůvka's rounds: in each, every
//! connected component takes its shortest edge to another one (March, Ram & Gray 2010, with one tree in place of two).

use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::kd_tree::{KdTree, middle, squared_distance};
use crate::job::{Cancelled, Ctx};

/// Points that a thread takes at once.
const CHUNK: usize = 1024;

/// A node whose points are of several components.
const MIXED: u32 = u32::MAX;

/// No point.
const NOBODY: u32 = u32::MAX;

/// Two points and the squared mutual reachability between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edge {
    pub squared: f32,
    pub ends: [u32; 2],
}

/// For each point of `tree`, in its order, the squared distance to its `samples`-th neighbour (to the farthest, where there
/// are fewer).
pub(super) fn core_distances(tree: &KdTree, samples: usize, ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    let mut cores = vec![0.0; tree.len()];
    cores.par_chunks_mut(CHUNK).enumerate().try_for_each_init(Vec::new, |found, (chunk, cores)| {
        ctx.cancel.check()?;
        for (at, core) in (chunk * CHUNK..).zip(cores.iter_mut()) {
            tree.nearest(tree.points()[at], samples, Some(tree.ids()[at]), found);
            *core = found.last().map_or(0.0, |&(squared, _)| squared);
        }
        ctx.progress.advance(cores.len() as u64);
        Ok(())
    })?;
    Ok(cores)
}

/// The shortest edges that connect all points of `tree`, shortest first; ends are numbered as the points were given.
pub(super) fn spanning_tree(tree: &KdTree, cores: &[f32], ctx: &Ctx) -> Result<Vec<Edge>, Cancelled> {
    let n = tree.len();
    let mut search = Search::new(tree, cores);
    let mut links: Vec<Link> = vec![Link::default(); n];
    let mut edges = Vec::with_capacity(n.saturating_sub(1));
    let mut sets = Sets::new(n);
    while edges.len() + 1 < n {
        let before = edges.len();
        search.round(&mut links, ctx)?;
        for (at, link) in search.shortest(&links) {
            // Of edges of equal length, components may have taken a ring.
            if sets.join(at, link.other) {
                let ends = [tree.ids()[at as usize], tree.ids()[link.other as usize]];
                edges.push(Edge { squared: link.squared, ends });
            }
        }
        (0..n as u32).for_each(|at| search.components[at as usize] = sets.find(at));
        search.label_nodes();
        ctx.progress.advance((edges.len() - before) as u64);
    }
    let by_length = |a: &Edge, b: &Edge| a.squared.total_cmp(&b.squared).then(a.ends.cmp(&b.ends));
    edges.par_sort_unstable_by(by_length);
    Ok(edges)
}

/// What is known of a point's shortest edge out of its component.
#[derive(Clone, Copy)]
struct Link {
    /// Its length, squared; or, without an `other`, what it is at least.
    squared: f32,
    other: u32,
}

impl Default for Link {
    fn default() -> Self {
        Self { squared: 0.0, other: NOBODY }
    }
}

/// A node of the tree: what its points have in common.
#[derive(Clone, Copy)]
struct Node {
    low: [f32; 2],
    high: [f32; 2],
    /// The least squared core distance.
    core: f32,
    component: u32,
}

/// The tree as a round of Borůvka sees it.
struct Search<'a> {
    tree: &'a KdTree,
    cores: &'a [f32],
    /// The first at 1, the halves of the node `i` at `2 i` and `2 i + 1`.
    nodes: Vec<Node>,
    /// The component of each point.
    components: Vec<u32>,
}

/// A node on the way: its place, its range of points, the levels below.
#[derive(Clone, Copy)]
struct Visit {
    node: usize,
    range: (usize, usize),
    below: u32,
}

impl Visit {
    fn halves(self) -> [Self; 2] {
        let middle = middle(self.range);
        let below = self.below - 1;
        [
            Self { node: 2 * self.node, range: (self.range.0, middle), below },
            Self { node: 2 * self.node + 1, range: (middle, self.range.1), below },
        ]
    }
}

impl<'a> Search<'a> {
    /// Each point a component.
    fn new(tree: &'a KdTree, cores: &'a [f32]) -> Self {
        let empty = Node {
            low: [f32::INFINITY; 2],
            high: [f32::NEG_INFINITY; 2],
            core: f32::INFINITY,
            component: MIXED,
        };
        let nodes = vec![empty; 2 << tree.levels()];
        let mut search = Self { tree, cores, nodes, components: (0..tree.len() as u32).collect() };
        search.measure(search.root());
        search.label_nodes();
        search
    }

    fn root(&self) -> Visit {
        Visit { node: 1, range: (0, self.tree.len()), below: self.tree.levels() }
    }

    /// Finds the box and the least core distance of each node below `visit`.
    fn measure(&mut self, visit: Visit) -> Node {
        let mut node = self.nodes[visit.node];
        let mut hold = |low: [f32; 2], high: [f32; 2], core: f32| {
            for axis in 0..2 {
                node.low[axis] = node.low[axis].min(low[axis]);
                node.high[axis] = node.high[axis].max(high[axis]);
            }
            node.core = node.core.min(core);
        };
        if visit.below == 0 {
            for at in visit.range.0..visit.range.1 {
                let point = self.tree.points()[at];
                hold(point, point, self.cores[at]);
            }
        } else {
            for half in visit.halves() {
                let half = self.measure(half);
                hold(half.low, half.high, half.core);
            }
        }
        self.nodes[visit.node] = node;
        node
    }

    /// Says of each node whether all its points are of one component, and of which.
    fn label_nodes(&mut self) {
        self.label(self.root());
    }

    fn label(&mut self, visit: Visit) -> u32 {
        let component = if visit.below == 0 {
            let components = &self.components[visit.range.0..visit.range.1];
            match components.split_first() {
                Some((first, rest)) if rest.iter().all(|other| other == first) => *first,
                _ => MIXED,
            }
        } else {
            let [left, right] = visit.halves().map(|half| self.label(half));
            if left == right { left } else { MIXED }
        };
        self.nodes[visit.node].component = component;
        component
    }

    /// Finds at least those points' shortest edges that are the shortest of their component. A point whose edge still
    /// leads out keeps it; one that cannot have a shorter one than its component is known to have is passed over. How
    /// much is passed over depends on the threads' turns, the edges that components take do not.
    fn round(&self, links: &mut [Link], ctx: &Ctx) -> Result<(), Cancelled> {
        // Squared lengths are not below 0, so their bits are in their order.
        let bounds: Vec<AtomicU32> = links.iter().map(|_| AtomicU32::new(f32::INFINITY.to_bits())).collect();
        links.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, links)| {
            for (at, link) in (chunk * CHUNK..).zip(links) {
                let own = self.components[at];
                if link.other != NOBODY && self.components[link.other as usize] == own {
                    link.other = NOBODY;
                }
                if link.other != NOBODY {
                    bounds[own as usize].fetch_min(link.squared.to_bits(), Ordering::Relaxed);
                }
            }
        });
        links.par_chunks_mut(CHUNK).enumerate().try_for_each_init(Vec::new, |pending, (chunk, links)| {
            ctx.cancel.check()?;
            for (at, link) in (chunk * CHUNK..).zip(links) {
                let bound = &bounds[self.components[at] as usize];
                let limit = f32::from_bits(bound.load(Ordering::Relaxed));
                if link.other == NOBODY && link.squared.max(self.cores[at]) <= limit {
                    *link = self.nearest_outside(at, bound, pending);
                    if link.other != NOBODY {
                        bound.fetch_min(link.squared.to_bits(), Ordering::Relaxed);
                    }
                }
            }
            Ok(())
        })
    }

    /// The shortest edge of the point `at` out of its component, unless it is longer than `bound`.
    fn nearest_outside(&self, at: usize, bound: &AtomicU32, pending: &mut Vec<(f32, Visit)>) -> Link {
        let (point, core, own) = (self.tree.points()[at], self.cores[at], self.components[at]);
        let mut best = Link { squared: f32::INFINITY, other: NOBODY };
        let least = |visit: Visit| {
            let node = &self.nodes[visit.node];
            let outside =
                |axis: usize| (node.low[axis] - point[axis]).max(point[axis] - node.high[axis]).max(0.0);
            let (x, y) = (outside(0), outside(1));
            (x * x + y * y).max(node.core).max(core)
        };
        let limit = || f32::from_bits(bound.load(Ordering::Relaxed));
        pending.clear();
        pending.push((least(self.root()), self.root()));
        while let Some((squared, visit)) = pending.pop() {
            // An equal one found later is no better; one as short as the component's must be seen.
            if squared >= best.squared || squared > limit() || self.nodes[visit.node].component == own {
                continue;
            }
            if visit.below > 0 {
                let [left, right] = visit.halves().map(|half| (least(half), half));
                let (near, far) = if right.0 < left.0 { (right, left) } else { (left, right) };
                pending.extend([far, near]);
                continue;
            }
            for other in visit.range.0..visit.range.1 {
                let apart = squared_distance(point, self.tree.points()[other]);
                let squared = apart.max(core).max(self.cores[other]);
                if squared < best.squared && self.components[other] != own {
                    best = Link { squared, other: other as u32 };
                }
            }
        }
        let limit = limit();
        if best.squared <= limit { best } else { Link { squared: limit, other: NOBODY } }
    }

    /// The shortest edge out of each component, by its point; of equal ones the first point's.
    fn shortest(&self, links: &[Link]) -> Vec<(u32, Link)> {
        let mut best: Vec<Option<(u32, Link)>> = vec![None; links.len()];
        for (at, link) in (0..).zip(links).filter(|(_, link)| link.other != NOBODY) {
            let best = &mut best[self.components[at as usize] as usize];
            if best.is_none_or(|(_, best)| link.squared < best.squared) {
                *best = Some((at, *link));
            }
        }
        best.into_iter().flatten().collect()
    }
}

/// Disjoint sets of numbers (union by size, halving paths).
pub(super) struct Sets {
    parents: Vec<u32>,
    sizes: Vec<u32>,
}

impl Sets {
    pub fn new(n: usize) -> Self {
        Self { parents: (0..n as u32).collect(), sizes: vec![1; n] }
    }

    /// The set that `item` is in.
    pub fn find(&mut self, mut item: u32) -> u32 {
        while self.parents[item as usize] != item {
            let above = self.parents[self.parents[item as usize] as usize];
            self.parents[item as usize] = above;
            item = above;
        }
        item
    }

    /// Makes the sets of both one; `false` where they are already.
    pub fn join(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return false;
        }
        let (large, small) = if self.sizes[a as usize] >= self.sizes[b as usize] { (a, b) } else { (b, a) };
        self.parents[small as usize] = large;
        self.sizes[large as usize] += self.sizes[small as usize];
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::hash;
    use proptest::prelude::*;

    /// Prim's algorithm on all pairs: the lengths of a shortest tree, shortest first.
    fn prim(points: &[[f32; 2]], samples: usize) -> Vec<f32> {
        let core = |&point: &[f32; 2]| {
            let mut all: Vec<f32> = points.iter().map(|&other| squared_distance(point, other)).collect();
            all.sort_by(f32::total_cmp);
            all[samples.min(all.len() - 1)]
        };
        let cores: Vec<f32> = points.iter().map(core).collect();
        let mut left: Vec<(f32, usize)> = (1..points.len()).map(|i| (f32::INFINITY, i)).collect();
        let (mut last, mut lengths) = (0, Vec::new());
        while !left.is_empty() {
            for (length, i) in &mut left {
                let apart = squared_distance(points[last], points[*i]).max(cores[last]).max(cores[*i]);
                *length = length.min(apart);
            }
            let nearest = (0..left.len()).min_by(|&a, &b| left[a].0.total_cmp(&left[b].0)).unwrap();
            let (length, i) = left.swap_remove(nearest);
            lengths.push(length);
            last = i;
        }
        lengths.sort_by(f32::total_cmp);
        lengths
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn the_tree_is_as_short_as_one_found_by_comparing_all_pairs(
            // A coarse lattice gives many duplicates and ties.
            points in prop::collection::vec((0i8..12, -5i8..5), 1..200), samples in 1usize..9, fine in 0f32..1.0,
        ) {
            let points: Vec<[f32; 2]> = points.iter().enumerate()
                .map(|(i, &(x, y))| [f32::from(x) + fine * hash::normal(1, i as u64) as f32, y.into()]).collect();
            let tree = KdTree::new(&points);
            let cores = core_distances(&tree, samples, &Ctx::quiet()).unwrap();
            let edges = spanning_tree(&tree, &cores, &Ctx::quiet()).unwrap();
            let mut sets = Sets::new(points.len());
            prop_assert!(edges.iter().all(|edge| sets.join(edge.ends[0], edge.ends[1])), "a tree has no ring");
            let lengths: Vec<f32> = edges.iter().map(|edge| edge.squared).collect();
            prop_assert_eq!(lengths, prim(&points, samples));
        }
    }
}
