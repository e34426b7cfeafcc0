//! Contours of a map's density: the lines that hold a given share of the points, by marching squares (Lorensen & Cline 1987, in
//! the plane).

use std::collections::HashMap;

use super::density::{Frame, REACH, SIDE, blurred, splatted};

/// Cells between two nodes of the grid that lines are drawn on: blurs are wider than this.
const STEP: usize = 4;

/// Nodes on a side.
const NODES: usize = SIDE / STEP;

/// The level of detail whose bandwidth the density is blurred by: the middle one.
const LEVEL: usize = 1;

/// The lines within which the densest places hold a share of all points.
#[derive(Clone, Debug, PartialEq)]
pub struct Contour {
    pub share: f32,
    /// In map units; a closed line ends where it begins.
    pub lines: Vec<Vec<[f32; 2]>>,
}

/// The frame for the contours of a map and of its parts: with room for the lines around the outermost points.
pub fn frame_of(positions: &[[f32; 2]]) -> Frame {
    let frame = Frame::of(positions);
    frame.with_margin(REACH * frame.bandwidth(LEVEL, 1.0) + STEP as f32)
}

/// The contours of `positions` (those that are finite) for each of `shares` in (0, 1), on the grid of `frame`: the [`frame_of`] a whole
/// map, so that contours of its parts go together.
pub fn contours(frame: &Frame, positions: &[[f32; 2]], shares: &[f32]) -> Vec<Contour> {
    let heights = blurred(&splatted(&frame.cells(positions)), frame.bandwidth(LEVEL, 1.0));
    let nodes: Vec<f32> =
        (0..NODES * NODES).map(|node| heights[node / NODES * STEP * SIDE + node % NODES * STEP]).collect();
    let mut falling: Vec<f32> = nodes.iter().copied().filter(|&height| height > 0.0).collect();
    falling.sort_unstable_by(|a, b| b.total_cmp(a));
    let total: f64 = falling.iter().map(|&height| f64::from(height)).sum();
    shares
        .iter()
        .map(|&share| {
            let mut left = f64::from(share) * total;
            let level = falling.iter().find(|&&height| {
                left -= f64::from(height);
                left <= 0.0
            });
            let lines = level.map_or_else(Vec::new, |&level| lines(&nodes, level));
            let on_map = |[x, y]: [f32; 2]| frame.on_map([x * STEP as f32, y * STEP as f32]);
            let lines = lines.into_iter().map(|line| line.into_iter().map(on_map).collect()).collect();
            Contour { share, lines }
        })
        .collect()
}

/// An edge of the grid: twice the number of the node that it begins at, and 1 more where it goes down.
type Edge = u32;

/// The lines at `level` among the nodes, in nodes.
fn lines(nodes: &[f32], level: f32) -> Vec<Vec<[f32; 2]>> {
    // Each edge that a line crosses, with the one or two crossed edges that come before and after it.
    let mut next: HashMap<Edge, [Option<Edge>; 2]> = HashMap::new();
    let mut crossed: Vec<Edge> = Vec::new();
    let mut join = |a: Edge, b: Edge| {
        for (edge, other) in [(a, b), (b, a)] {
            let ends = next.entry(edge).or_insert_with(|| {
                crossed.push(edge);
                [None; 2]
            });
            let free = usize::from(ends[0].is_some());
            ends[free] = Some(other);
        }
    };
    for y in 0..NODES - 1 {
        for x in 0..NODES - 1 {
            for (a, b) in segments(nodes, x, y, level).into_iter().flatten() {
                join(a, b);
            }
        }
    }
    let mut lines = Vec::new();
    // Lines that end at the rim first, from an end; what is left are rings.
    let ends: Vec<Edge> = crossed.iter().copied().filter(|edge| next[edge][1].is_none()).collect();
    for start in ends.into_iter().chain(crossed) {
        let mut line = Vec::new();
        let (mut before, mut edge) = (None, start);
        while let Some(ways) = next.remove(&edge) {
            line.push(crossing(nodes, edge, level));
            let onward = ways.into_iter().flatten().find(|&way| Some(way) != before);
            let Some(onward) = onward else { break };
            (before, edge) = (Some(edge), onward);
        }
        if line.len() > 1 {
            if edge == start && line.len() > 2 {
                line.push(line[0]);
            }
            lines.push(line);
        }
    }
    lines
}

/// The one or two pieces of line in the square whose first corner is the node (x, y).
fn segments(nodes: &[f32], x: usize, y: usize, level: f32) -> [Option<(Edge, Edge)>; 2] {
    let node = y * NODES + x;
    let corners = [node, node + 1, node + NODES + 1, node + NODES];
    let inside = corners.map(|corner| nodes[corner] >= level);
    let (top, right, bottom, left) = (2 * node, 2 * (node + 1) + 1, 2 * (node + NODES), 2 * node + 1);
    let edge = |edge: usize| edge as Edge;
    let one = |a: usize, b: usize| [Some((edge(a), edge(b))), None];
    let two = |a: usize, b: usize, c: usize, d: usize| [Some((edge(a), edge(b))), Some((edge(c), edge(d)))];
    let middle = || corners.map(|corner| nodes[corner]).iter().sum::<f32>() / 4.0 >= level;
    match inside {
        [a, b, c, d] if a == b && b == c && c == d => [None, None],
        [true, false, false, false] | [false, true, true, true] => one(left, top),
        [false, true, false, false] | [true, false, true, true] => one(top, right),
        [false, false, true, false] | [true, true, false, true] => one(right, bottom),
        [false, false, false, true] | [true, true, true, false] => one(bottom, left),
        [true, true, false, false] | [false, false, true, true] => one(left, right),
        [false, true, true, false] | [true, false, false, true] => one(top, bottom),
        // Two opposite corners are inside: what lies between them decides whether they belong together.
        [true, ..] if middle() => two(top, right, bottom, left),
        [true, ..] => two(left, top, right, bottom),
        _ if middle() => two(left, top, right, bottom),
        _ => two(top, right, bottom, left),
    }
}

/// Where the line crosses an edge, in nodes.
fn crossing(nodes: &[f32], edge: Edge, level: f32) -> [f32; 2] {
    let (node, down) = (edge as usize / 2, edge % 2 == 1);
    let other = node + if down { NODES } else { 1 };
    let (from, to) = (nodes[node], nodes[other]);
    let share = if from == to { 0.5 } else { ((level - from) / (to - from)).clamp(0.0, 1.0) };
    let (x, y) = ((node % NODES) as f32, (node / NODES) as f32);
    if down { [x, y + share] } else { [x + share, y] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::hash;

    fn heap(at: [f32; 2], size: usize, seed: u64) -> Vec<[f32; 2]> {
        (0..size as u64)
            .map(|i| [at[0] + hash::normal(seed, 2 * i) as f32, at[1] + hash::normal(seed, 2 * i + 1) as f32])
            .collect()
    }

    /// Whether a place is within closed lines, by the rays that leave it.
    fn holds(lines: &[Vec<[f32; 2]>], [x, y]: [f32; 2]) -> bool {
        let crossings = lines.iter().flat_map(|line| line.windows(2)).filter(|ends| {
            let [[ax, ay], [bx, by]] = [ends[0], ends[1]];
            (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax
        });
        crossings.count() % 2 == 1
    }

    #[test]
    fn contours_hold_their_share_of_the_points_and_the_larger_ones_hold_the_smaller() {
        let points = heap([0.0, 0.0], 20_000, 1);
        let found = contours(&Frame::of(&points), &points, &[0.5, 0.9]);
        for contour in &found {
            let inside = points.iter().filter(|&&point| holds(&contour.lines, point)).count();
            let share = inside as f32 / points.len() as f32;
            assert!((share - contour.share).abs() < 0.04, "{share} in {}", contour.share);
        }
        let held = |point: &&[f32; 2]| holds(&found[0].lines, **point);
        assert!(points.iter().filter(held).all(|&point| holds(&found[1].lines, point)));
    }

    #[test]
    fn every_line_closes_and_each_heap_has_its_own() {
        let mut points = heap([0.0, 0.0], 3000, 1);
        points.extend(heap([20.0, 5.0], 3000, 2));
        let found = contours(&Frame::of(&points), &points, &[0.6]);
        assert_eq!(found[0].lines.len(), 2);
        assert!(found[0].lines.iter().all(|line| line.len() > 8 && line.first() == line.last()));
    }

    #[test]
    fn lines_around_the_outermost_points_close_too() {
        for size in [3, 50, 2000] {
            let points: Vec<[f32; 2]> = (0..size)
                .map(|i| [0, 1].map(|axis| hash::mix32(2 * i + axis) as f32 / u32::MAX as f32))
                .collect();
            let found = contours(&frame_of(&points), &points, &[0.95, 0.99]);
            for line in found.iter().flat_map(|contour| &contour.lines) {
                assert_eq!(line.first(), line.last(), "{size} points");
            }
        }
    }

    #[test]
    fn no_points_and_points_in_one_place_have_few_lines_and_no_trouble() {
        for points in [vec![], vec![[1.0, 2.0]; 50], vec![[f32::NAN, 0.0]; 3]] {
            let found = contours(&Frame::of(&points), &points, &[0.5]);
            assert!(found[0].lines.len() <= 1);
        }
    }
}
