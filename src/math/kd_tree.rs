//! Nearest neighbours among points of the plane: exact, whatever clumps and duplicates they form.
//!
//! A balanced k-d tree: points are ordered so that every node is a range of them, halved at the median of its longer
//! side until a handful are left.

/// A node of at most this many points is not halved.
const LEAF: usize = 16;

/// Nodes larger than this are built in parallel.
const PARALLEL: usize = 4096;

/// Where a node is halved.
#[derive(Clone, Copy, Default)]
struct Split {
    axis: usize,
    value: f32,
}

/// Points of the plane, ready to be asked for neighbours.
pub struct KdTree {
    /// The points in the tree's order.
    points: Vec<[f32; 2]>,
    /// The number of each in the order they were given.
    ids: Vec<u32>,
    /// A node, then all of its left half, then all of its right half. Every leaf lies `levels` deep.
    splits: Vec<Split>,
    levels: u32,
}

/// A node as it is visited: where its split is, how many levels lie below, its range of points, and how far the
/// point asked about lies outside it along either axis.
#[derive(Clone, Copy)]
struct Visit {
    split: usize,
    below: u32,
    range: (usize, usize),
    outside: [f32; 2],
}

impl KdTree {
    /// The tree of `points`; coordinates that are not finite count as 0.
    pub fn new(points: &[[f32; 2]]) -> Self {
        let finite = |v: f32| if v.is_finite() { v } else { 0.0 };
        let mut items: Vec<([f32; 2], u32)> =
            points.iter().enumerate().map(|(i, p)| (p.map(finite), i as u32)).collect();
        let levels = (points.len().div_ceil(LEAF)).max(1).next_power_of_two().ilog2();
        let mut splits = vec![Split::default(); (1 << levels) - 1];
        halve(&mut items, &mut splits);
        let (points, ids) = items.into_iter().unzip();
        Self { points, ids, splits, levels }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The points in the tree's order: each node is a range of them, and halving ranges at their [`middle`] for
    /// [`KdTree::levels`] levels gives the nodes.
    pub fn points(&self) -> &[[f32; 2]] {
        &self.points
    }

    /// The number of each of [`KdTree::points`] in the order they were given.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// How many levels of nodes lie below the first.
    pub fn levels(&self) -> u32 {
        self.levels
    }

    /// The `k` points nearest to `at` but `without`, nearest first, with their squared distances; all there are where
    /// those are fewer. `found` is overwritten. Which of several equally far ones come is fixed, but no more than that.
    pub fn nearest(&self, at: [f32; 2], k: usize, without: Option<u32>, found: &mut Vec<(f32, u32)>) {
        found.clear();
        if k == 0 {
            return;
        }
        let at = at.map(|v| if v.is_finite() { v } else { 0.0 });
        let root = Visit { split: 0, below: self.levels, range: (0, self.len()), outside: [0.0; 2] };
        let mut pending = Vec::with_capacity(2 * self.levels as usize + 1);
        pending.push(root);
        while let Some(mut node) = pending.pop() {
            let [ox, oy] = node.outside;
            if found.len() == k && ox * ox + oy * oy >= found[k - 1].0 {
                continue;
            }
            // Down to the leaf nearest to `at`; the other halves wait for their turn.
            while node.below > 0 {
                let Split { axis, value } = self.splits[node.split];
                let middle = middle(node.range);
                let half = (1 << (node.below - 1)) - 1;
                let left = Visit { split: node.split + 1, range: (node.range.0, middle), ..node };
                let right = Visit { split: node.split + 1 + half, range: (middle, node.range.1), ..node };
                let offset = at[axis] - value;
                let (near, mut far) = if offset < 0.0 { (left, right) } else { (right, left) };
                far.outside[axis] = offset.abs();
                far.below -= 1;
                pending.push(far);
                node = Visit { below: node.below - 1, ..near };
            }
            self.scan(node.range, at, k, without, found);
        }
    }

    fn scan(
        &self,
        (from, to): (usize, usize),
        at: [f32; 2],
        k: usize,
        without: Option<u32>,
        found: &mut Vec<(f32, u32)>,
    ) {
        for (&point, &id) in self.points[from..to].iter().zip(&self.ids[from..to]) {
            let squared = squared_distance(point, at);
            if (found.len() == k && squared >= found[k - 1].0) || without == Some(id) {
                continue;
            }
            found.truncate(k - 1);
            let place = found.partition_point(|&(other, _)| other <= squared);
            found.insert(place, (squared, id));
        }
    }
}

/// The squared distance between two points of the plane.
#[inline(always)]
pub fn squared_distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
    dx * dx + dy * dy
}

/// Where the range of a node is halved.
pub fn middle((from, to): (usize, usize)) -> usize {
    from + (to - from) / 2
}

/// Orders `items` around their median and halves the halves, as long as there are `splits`.
fn halve(items: &mut [([f32; 2], u32)], splits: &mut [Split]) {
    let Some((split, rest)) = splits.split_first_mut() else { return };
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for (point, _) in items.iter() {
        for axis in 0..2 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    let axis = usize::from(high[1] - low[1] > high[0] - low[0]);
    let middle = middle((0, items.len()));
    let by_axis =
        |a: &([f32; 2], u32), b: &([f32; 2], u32)| a.0[axis].total_cmp(&b.0[axis]).then(a.1.cmp(&b.1));
    let (_, median, _) = items.select_nth_unstable_by(middle, by_axis);
    *split = Split { axis, value: median.0[axis] };
    let parallel = items.len() > PARALLEL;
    let (left, right) = items.split_at_mut(middle);
    let (left_splits, right_splits) = rest.split_at_mut(rest.len() / 2);
    if parallel {
        rayon::join(|| halve(left, left_splits), || halve(right, right_splits));
    } else {
        halve(left, left_splits);
        halve(right, right_splits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::hash;
    use proptest::prelude::*;

    fn brute(points: &[[f32; 2]], i: usize, k: usize) -> Vec<f32> {
        let others = (0..points.len()).filter(|&j| j != i);
        let mut all: Vec<f32> = others.map(|j| squared_distance(points[j], points[i])).collect();
        all.sort_by(f32::total_cmp);
        all.truncate(k);
        all
    }

    fn agrees(points: &[[f32; 2]], k: usize) {
        let tree = KdTree::new(points);
        let mut found = Vec::new();
        for (i, &point) in points.iter().enumerate() {
            tree.nearest(point, k, Some(i as u32), &mut found);
            assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), brute(points, i, k));
            let mut ids: Vec<u32> = found.iter().map(|f| f.1).collect();
            assert!(found.iter().all(|&(d, j)| d == squared_distance(points[j as usize], point)));
            ids.sort_unstable();
            ids.dedup();
            assert!(ids.len() == found.len() && !ids.contains(&(i as u32)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn neighbours_are_those_that_comparing_all_pairs_finds(
            // A coarse lattice gives many duplicates and ties.
            points in prop::collection::vec((0i32..12, -5i32..5), 0..200), k in 0usize..20, fine in 0.0f32..1.0,
        ) {
            let points: Vec<[f32; 2]> = points.iter().enumerate()
                .map(|(i, &(x, y))| [x as f32 + fine * hash::normal(1, i as u64) as f32, y as f32]).collect();
            agrees(&points, k);
        }
    }

    #[test]
    fn a_tight_clump_far_from_everything_keeps_its_neighbours() {
        let clump = (0..300).map(|i| [1e4 + 1e-2 * hash::normal(1, i) as f32, 1e4]);
        let rest = (0..300).map(|i| [hash::normal(2, i) as f32, hash::normal(3, i) as f32]);
        agrees(&clump.chain(rest).collect::<Vec<_>>(), 15);
    }

    #[test]
    fn a_hundred_thousand_equal_points_are_no_trouble() {
        let points = vec![[1.0, 2.0]; 100_000];
        let tree = KdTree::new(&points);
        let mut found = Vec::new();
        for i in 0..100_000 {
            tree.nearest(points[0], 15, Some(i), &mut found);
            assert_eq!(found.len(), 15);
        }
    }

    #[test]
    fn points_that_are_not_finite_lie_at_the_origin() {
        let tree = KdTree::new(&[[f32::NAN, 1.0], [3.0, 1.0]]);
        let mut found = Vec::new();
        tree.nearest([0.0, f32::INFINITY], 2, None, &mut found);
        assert_eq!(found.iter().map(|f| f.1).collect::<Vec<_>>(), [0, 1]);
    }
}
