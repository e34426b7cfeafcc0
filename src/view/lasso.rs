//! Which points a line drawn around them holds.
//!
//! It is decided on a grid of cells over the line, in whole numbers, so that every processor and adapter agrees on
//! every point: a vertex lies on a corner of the grid, a point in the middle of its cell, and so never on a vertex.
//! `shaders/lasso.wgsl`, for many points, does the same as [`Lasso::holds`]: change them together.

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::tiles::{Tile, Tiles};
use crate::data::Combine;

/// Cells along the longer side. Products of two differences stay below 2^29.
const CELLS: u32 = 8192;

/// The points that a lasso holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lassoed {
    /// Ascending. Hidden points are never among them.
    pub points: Vec<u32>,
    /// How they join what is selected.
    pub how: Combine,
}

/// A closed line on its grid. Inside is what an odd number of its turns goes around.
#[derive(Clone, Debug, PartialEq)]
pub struct Lasso {
    frame: Frame,
    /// Half cells from the origin: even numbers.
    vertices: Vec<[i32; 2]>,
}

/// The grid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
struct Frame {
    /// World position of the corner with the least coordinates.
    origin: [f32; 2],
    /// Cells a world unit.
    scale: f32,
}

/// A lasso as `shaders/lasso.wgsl` takes it, beside its vertices.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct LassoUniform {
    frame: Frame,
    vertices: u32,
}

/// The tiles of a map that a lasso may hold points of.
pub(super) struct Divided {
    /// It holds all their points.
    pub whole: Vec<Tile>,
    /// Each of their points lies on a side of its own.
    pub crossed: Vec<Tile>,
}

/// How a tile lies to a lasso.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Inside,
    Outside,
    Crossed,
}

impl Lasso {
    /// The lasso through some world positions, closed from the last to the first; `None` when it holds no area.
    pub fn new(line: &[[f64; 2]]) -> Option<Self> {
        let along = |axis: usize, pick: fn(f64, f64) -> f64, start: f64| {
            line.iter().map(|vertex| vertex[axis]).fold(start, pick)
        };
        let min = [0, 1].map(|axis| along(axis, f64::min, f64::INFINITY));
        let max = [0, 1].map(|axis| along(axis, f64::max, f64::NEG_INFINITY));
        let side = (max[0] - min[0]).max(max[1] - min[1]);
        if line.len() < 3 || !side.is_finite() || side <= 0.0 {
            return None;
        }
        let frame = Frame { origin: min.map(|v| v as f32), scale: (f64::from(CELLS) / side) as f32 };
        if !frame.scale.is_finite() {
            return None;
        }
        let on_grid = |vertex: &[f64; 2]| {
            [0, 1].map(|axis| {
                let place = (vertex[axis] - min[axis]) * f64::from(CELLS) / side;
                2 * (place.round() as i32).clamp(0, CELLS as i32)
            })
        };
        let mut vertices: Vec<[i32; 2]> = line.iter().map(on_grid).collect();
        vertices.dedup();
        (vertices.len() >= 3).then_some(Self { frame, vertices })
    }

    /// Whether it holds a world position.
    pub fn holds(&self, position: [f32; 2]) -> bool {
        self.frame.cell_of(position).is_some_and(|cell| self.holds_cell(cell))
    }

    /// The points it holds among those whose slots `keep` keeps, ascending.
    pub fn points(&self, tiles: &Tiles, keep: impl Fn(usize) -> bool + Sync) -> Vec<u32> {
        let divided = self.divide(tiles);
        let slot_of = |nth: usize, at: u32| (divided.crossed[nth].first + at) as usize;
        divided.points(tiles, |nth, at| self.holds(tiles.positions()[slot_of(nth, at)]), keep)
    }

    /// The tiles that lie inside and those that the line goes through, each by their first slot.
    pub(super) fn divide(&self, tiles: &Tiles) -> Divided {
        let sides: Vec<Side> = tiles.all().par_iter().map(|tile| self.side_of(tile)).collect();
        let of = |side: Side| {
            let those = tiles.all().iter().zip(&sides).filter(|(_, of)| **of == side);
            those.map(|(tile, _)| *tile).collect()
        };
        Divided { whole: of(Side::Inside), crossed: of(Side::Crossed) }
    }

    /// Half cells from the origin of its grid.
    pub(super) fn vertices(&self) -> &[[i32; 2]] {
        &self.vertices
    }

    pub(super) fn uniform(&self) -> LassoUniform {
        LassoUniform { frame: self.frame, vertices: self.vertices.len() as u32 }
    }

    /// Even-odd rule on the middle of a cell, given in half cells.
    fn holds_cell(&self, [x, y]: [i32; 2]) -> bool {
        let mut inside = false;
        let mut from = self.vertices[self.vertices.len() - 1];
        for &to in &self.vertices {
            if (from[1] > y) != (to[1] > y) {
                let turn = (to[0] - from[0]) * (y - from[1]) - (x - from[0]) * (to[1] - from[1]);
                inside ^= if to[1] > from[1] { turn > 0 } else { turn < 0 };
            }
            from = to;
        }
        inside
    }

    /// A tile that no part of the line goes through lies on one side as a whole.
    fn side_of(&self, tile: &Tile) -> Side {
        let corner = |position: [f32; 2]| {
            let place = self.frame.place_of(position);
            // Beyond the grid all is outside, however far.
            place.map(|v| 2 * (v.floor().clamp(-2.0, CELLS as f32 + 1.0) as i32) + 1)
        };
        let (min, max) = (corner(tile.min), corner(tile.max));
        if (0..2).any(|axis| max[axis] < 0 || min[axis] > 2 * CELLS as i32) {
            return Side::Outside;
        }
        let mut from = self.vertices[self.vertices.len() - 1];
        for &to in &self.vertices {
            let apart = (0..2)
                .any(|axis| from[axis].max(to[axis]) < min[axis] || from[axis].min(to[axis]) > max[axis]);
            let turn = |x: i32, y: i32| (to[0] - from[0]) * (y - from[1]) - (x - from[0]) * (to[1] - from[1]);
            let turns =
                [turn(min[0], min[1]), turn(max[0], min[1]), turn(min[0], max[1]), turn(max[0], max[1])];
            let beside = turns.iter().all(|&turn| turn > 0) || turns.iter().all(|&turn| turn < 0);
            if !apart && !beside {
                return Side::Crossed;
            }
            from = to;
        }
        if self.holds_cell(min) { Side::Inside } else { Side::Outside }
    }
}

impl Divided {
    /// Number of points that are looked at one by one.
    pub fn doubtful(&self) -> usize {
        self.crossed.iter().map(|tile| tile.count as usize).sum()
    }

    /// The points whose slots `keep` keeps, ascending: of the tiles inside, and of those crossed that `holds` says,
    /// given the number of the tile and the place of the point within it.
    pub fn points(
        &self,
        tiles: &Tiles,
        holds: impl Fn(usize, u32) -> bool + Sync,
        keep: impl Fn(usize) -> bool + Sync,
    ) -> Vec<u32> {
        let kept = |slot: u32| keep(slot as usize).then(|| tiles.order()[slot as usize]);
        let whole = self
            .whole
            .par_iter()
            .flat_map_iter(|tile| (tile.first..tile.first + tile.count).filter_map(kept));
        let crossed = self.crossed.par_iter().enumerate().flat_map_iter(|(nth, tile)| {
            let held = (0..tile.count).filter(|&at| holds(nth, at)).map(|at| tile.first + at);
            held.filter_map(kept).collect::<Vec<u32>>()
        });
        let mut points: Vec<u32> = whole.chain(crossed).collect();
        points.par_sort_unstable();
        points
    }
}

impl Frame {
    /// Cells from the origin. One subtraction and one product, which every adapter rounds alike.
    fn place_of(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [(x - self.origin[0]) * self.scale, (y - self.origin[1]) * self.scale]
    }

    /// The middle of a position's cell in half cells, when it lies on the grid.
    fn cell_of(&self, position: [f32; 2]) -> Option<[i32; 2]> {
        let place = self.place_of(position);
        let on_grid = place.iter().all(|&v| v >= 0.0 && v < CELLS as f32);
        on_grid.then(|| place.map(|v| 2 * v as i32 + 1))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    /// Whether a point lies inside, after Franklin (1970), in real numbers.
    fn in_polygon(line: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
        let mut inside = false;
        let mut from = line[line.len() - 1];
        for &to in line {
            if (from[1] > y) != (to[1] > y)
                && x < (to[0] - from[0]) * (y - from[1]) / (to[1] - from[1]) + from[0]
            {
                inside = !inside;
            }
            from = to;
        }
        inside
    }

    fn distance_to_line(line: &[[f64; 2]], [x, y]: [f64; 2]) -> f64 {
        let mut from = line[line.len() - 1];
        let mut least = f64::INFINITY;
        for &to in line {
            let along = [to[0] - from[0], to[1] - from[1]];
            let squared = along[0] * along[0] + along[1] * along[1];
            let t = ((x - from[0]) * along[0] + (y - from[1]) * along[1]) / squared.max(1e-300);
            let t = t.clamp(0.0, 1.0);
            least = least.min((x - from[0] - t * along[0]).hypot(y - from[1] - t * along[1]));
            from = to;
        }
        least
    }

    proptest! {
        #[test]
        fn it_holds_what_lies_in_the_polygon_and_off_its_edge_by_a_cell(
            line in proptest::collection::vec((-5.0..5.0, -5.0..5.0).prop_map(|(x, y)| [x, y]), 3..30),
            points in proptest::collection::vec((-6.0..6.0_f32, -6.0..6.0_f32).prop_map(|(x, y)| [x, y]), 200),
        ) {
            let lasso = Lasso::new(&line).unwrap();
            let cell = 12.0 / f64::from(CELLS);
            for point in points {
                let exact = point.map(f64::from);
                if distance_to_line(&line, exact) > 2.0 * cell {
                    prop_assert_eq!(lasso.holds(point), in_polygon(&line, exact));
                }
            }
        }

        #[test]
        fn tiles_are_taken_as_a_whole_only_where_every_point_agrees(
            line in proptest::collection::vec((-5.0..5.0, -5.0..5.0).prop_map(|(x, y)| [x, y]), 3..12),
            seed in 0u64..1000,
        ) {
            let unit = |i: u64| crate::math::hash::unit(crate::math::hash::draw(seed, i)) as f32;
            let points: Vec<[f32; 2]> =
                (0..20_000).map(|i| [unit(2 * i) * 12.0 - 6.0, unit(2 * i + 1) * 9.0 - 4.5]).collect();
            let lasso = Lasso::new(&line).unwrap();
            let one_by_one: Vec<u32> = (0..20_000).filter(|&i| lasso.holds(points[i as usize])).collect();
            prop_assert_eq!(lasso.points(&Tiles::build(Arc::new(points)), |_| true), one_by_one);
        }
    }

    #[test]
    fn a_line_without_area_is_no_lasso() {
        assert_eq!(Lasso::new(&[[0.0, 0.0], [1.0, 1.0]]), None);
        assert_eq!(Lasso::new(&[[1.0, 1.0]; 5]), None);
        assert_eq!(Lasso::new(&[[0.0, f64::NAN], [1.0, f64::NAN], [1.0, f64::NAN]]), None);
    }

    #[test]
    fn a_point_on_an_edge_between_two_lassos_is_in_one_of_them() {
        let left = Lasso::new(&[[0.0, 0.0], [4.0, 0.0], [4.0, 8.0], [0.0, 8.0]]).unwrap();
        let right = Lasso::new(&[[4.0, 0.0], [8.0, 0.0], [8.0, 8.0], [4.0, 8.0]]).unwrap();
        for i in 0..8 {
            let edge = [4.0, i as f32 + 0.3];
            assert!(left.holds(edge) != right.holds(edge));
        }
    }
}
