//! The points of a map, sorted into tiles of near ones and shuffled within each: the one order that drawing, picking
//! and lassos go by.
//!
//! Tiles are the leaves of a quadtree. Within a tile the points lie in an order that has nothing to do with them, so
//! that the first part of every tile is a fair sample of the whole map, whatever part that is.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::math::hash::{mix, unit};

use super::camera::Bounds;

/// Points of a tile at most: one workgroup of `shaders/splat.wgsl` goes through them in eight steps.
pub const TILE_POINTS: usize = 2048;

/// Halvings of the map's sides that tell tiles apart.
const LEVELS: u32 = 16;

/// Points nearer than this share of the map's extent are a stack: no zoom tells them apart.
const STACK_SHARE: f64 = 1e-6;

/// Points that lie near each other. A *slot* is a place in the order of all points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tile {
    /// The first slot.
    pub first: u32,
    /// One to [`TILE_POINTS`].
    pub count: u32,
    /// The smallest rectangle around its points, in world units.
    pub min: [f32; 2],
    pub max: [f32; 2],
}

impl Tile {
    /// How many of its points belong to a sample of a `share` of all: never fewer for a greater share, the share of
    /// the points on average over the tiles, and all of them for 1.
    pub fn prefix(&self, share: f64) -> u32 {
        // Rounding every tile alike would leave small ones out, or draw them too early.
        let rounding = unit(mix(u64::from(self.first)));
        ((f64::from(self.count) * share + rounding) as u32).min(self.count)
    }

    /// The slots of the points that a sample of `to` holds and one of `from` does not.
    pub fn band(&self, from: f64, to: f64) -> Range<u32> {
        let start = if from > 0.0 { self.prefix(from) } else { 0 };
        let end = if to < 1.0 { self.prefix(to) } else { self.count };
        self.first + start..self.first + end.max(start)
    }

    /// Whether any of its points may lie in `world`.
    pub fn meets(&self, world: &Bounds) -> bool {
        (0..2).all(|axis| {
            f64::from(self.min[axis]) <= world.max[axis] && f64::from(self.max[axis]) >= world.min[axis]
        })
    }
}

/// Points in tiles.
pub struct Tiles {
    source: Arc<Vec<[f32; 2]>>,
    /// The point at each slot. Points that are not finite have none.
    order: Arc<Vec<u32>>,
    /// World positions by slot.
    positions: Arc<Vec<[f32; 2]>>,
    tiles: Vec<Tile>,
    /// Whether the points were sorted by these positions, not by earlier ones.
    sorted: bool,
    /// How near points of a stack are, in world units.
    stack_reach: f64,
}

impl Tiles {
    /// Sorts the points. The order depends on the positions and on nothing else.
    pub fn build(source: Arc<Vec<[f32; 2]>>) -> Self {
        let bounds = Bounds::robust(&source);
        let grid = Grid::of(bounds);
        let mut keys: Vec<u64> = source
            .par_iter()
            .enumerate()
            .filter(|(_, position)| is_finite(position))
            .map(|(i, &position)| u64::from(grid.code(position)) << 32 | i as u64)
            .collect();
        keys.par_sort_unstable();
        let mut spans = Vec::new();
        split(&keys, 0..keys.len(), 0, &mut spans);
        let mut rest = keys.as_mut_slice();
        let mut parts = Vec::with_capacity(spans.len());
        for span in &spans {
            let (part, after) = rest.split_at_mut(span.len());
            parts.push(part);
            rest = after;
        }
        parts.into_par_iter().for_each(|part| part.sort_unstable_by_key(|&key| mix(key & 0xffff_ffff)));
        let order: Vec<u32> = keys.par_iter().map(|&key| key as u32).collect();
        drop(keys);
        let firsts = spans.into_iter().map(|span| (span.start as u32, span.len() as u32));
        let tiles =
            firsts.map(|(first, count)| Tile { first, count, min: [0.0; 2], max: [0.0; 2] }).collect();
        Self::gathered(source, Arc::new(order), tiles, true)
    }

    /// The same order for points that have moved: near ones may no longer share a tile, but every prefix is still a
    /// fair sample. `None` when they are other points, or when some lay nowhere.
    pub fn moved(&self, source: Arc<Vec<[f32; 2]>>) -> Option<Self> {
        (self.order.len() == source.len())
            .then(|| Self::gathered(source, self.order.clone(), self.tiles.clone(), false))
    }

    fn gathered(
        source: Arc<Vec<[f32; 2]>>,
        order: Arc<Vec<u32>>,
        mut tiles: Vec<Tile>,
        sorted: bool,
    ) -> Self {
        let positions: Vec<[f32; 2]> = order.par_iter().map(|&i| source[i as usize]).collect();
        tiles.par_iter_mut().for_each(|tile| {
            let points = &positions[tile.first as usize..(tile.first + tile.count) as usize];
            (tile.min, tile.max) =
                points.iter().fold(([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]), |(a, b), p| {
                    ([a[0].min(p[0]), a[1].min(p[1])], [b[0].max(p[0]), b[1].max(p[1])])
                });
        });
        let stack_reach = stack_reach(Bounds::robust(&source));
        Self { source, order, positions: Arc::new(positions), tiles, sorted, stack_reach }
    }

    /// The positions that were sorted, by point.
    pub fn source(&self) -> &Arc<Vec<[f32; 2]>> {
        &self.source
    }

    /// The point at each slot.
    pub fn order(&self) -> &Arc<Vec<u32>> {
        &self.order
    }

    /// World positions by slot.
    pub fn positions(&self) -> &Arc<Vec<[f32; 2]>> {
        &self.positions
    }

    /// All tiles, by their first slot.
    pub fn all(&self) -> &[Tile] {
        &self.tiles
    }

    /// Whether near points share a tile; false once they have [moved](Tiles::moved).
    pub fn is_sorted(&self) -> bool {
        self.sorted
    }

    /// The tiles that may have a point in `world`.
    pub fn visible(&self, world: Bounds) -> impl Iterator<Item = &Tile> {
        self.tiles.iter().filter(move |tile| tile.meets(&world))
    }

    /// World positions and points of some slots.
    fn at(&self, slots: Range<u32>) -> impl Iterator<Item = ([f32; 2], u32)> {
        let slots = slots.start as usize..slots.end as usize;
        self.positions[slots.clone()].iter().copied().zip(self.order[slots].iter().copied())
    }

    /// All points inside a world rectangle, ascending.
    pub fn in_rect(&self, rect: Bounds) -> Vec<u32> {
        let mut found: Vec<u32> = self
            .visible(rect)
            .flat_map(|tile| self.at(tile.band(0.0, 1.0)))
            .filter(|&(position, _)| rect.contains(position))
            .map(|(_, i)| i)
            .collect();
        found.sort_unstable();
        found
    }

    /// All points that cannot be told apart from point `i`, itself included, ascending.
    pub fn stack_of(&self, i: u32) -> Vec<u32> {
        let Some(&[x, y]) = self.source.get(i as usize) else { return Vec::new() };
        let reach = self.stack_reach;
        let key = stack_key([x, y], reach);
        let around = Bounds {
            min: [f64::from(x) - reach, f64::from(y) - reach],
            max: [f64::from(x) + reach, f64::from(y) + reach],
        };
        let near = self.visible(around).flat_map(|tile| self.at(tile.band(0.0, 1.0)));
        let same = near.filter(|&(position, _)| stack_key(position, reach) == key);
        let mut found: Vec<u32> = same.map(|(_, other)| other).collect();
        found.sort_unstable();
        found
    }
}

/// The square grid whose cells a Morton code numbers.
struct Grid {
    origin: [f64; 2],
    cells_per_unit: f64,
}

impl Grid {
    fn of(bounds: Bounds) -> Self {
        let [width, height] = bounds.size();
        let cells_per_unit = f64::from(1u32 << LEVELS) / width.max(height).max(f64::MIN_POSITIVE);
        Self {
            origin: bounds.min,
            cells_per_unit: if cells_per_unit.is_finite() { cells_per_unit } else { 0.0 },
        }
    }

    /// The bits of column and row in turn (Morton 1966). What lies outside the grid belongs to its rim.
    fn code(&self, position: [f32; 2]) -> u32 {
        let [column, row] = [0, 1].map(|axis| {
            let place = (f64::from(position[axis]) - self.origin[axis]) * self.cells_per_unit;
            spread((place.max(0.0) as u32).min((1 << LEVELS) - 1))
        });
        column | row << 1
    }
}

/// A zero between any two bits of a 16-bit number.
fn spread(value: u32) -> u32 {
    let value = (value | value << 8) & 0x00ff_00ff;
    let value = (value | value << 4) & 0x0f0f_0f0f;
    let value = (value | value << 2) & 0x3333_3333;
    (value | value << 1) & 0x5555_5555
}

/// Divides the points of one square, sorted by their codes, into tiles.
fn split(keys: &[u64], square: Range<usize>, level: u32, tiles: &mut Vec<Range<usize>>) {
    if square.is_empty() {
        return;
    }
    if square.len() <= TILE_POINTS {
        tiles.push(square);
        return;
    }
    if level == LEVELS {
        // They lie in one cell: any parts of it are as near to each other.
        let starts = square.clone().step_by(TILE_POINTS);
        tiles.extend(starts.map(|start| start..(start + TILE_POINTS).min(square.end)));
        return;
    }
    let shift = 32 + 2 * (LEVELS - 1 - level);
    let mut pending = square.start..square.start;
    for quarter in 0..4u64 {
        let start = pending.end;
        let length = keys[start..square.end].partition_point(|key| (key >> shift) & 3 <= quarter);
        let end = start + length;
        // Quarters with few points share a tile.
        if end - pending.start <= TILE_POINTS {
            pending.end = end;
            continue;
        }
        if !pending.is_empty() {
            tiles.push(pending.clone());
        }
        pending = start..end;
        if length > TILE_POINTS {
            split(keys, pending.clone(), level + 1, tiles);
            pending = end..end;
        }
    }
    if !pending.is_empty() {
        tiles.push(pending);
    }
}

fn is_finite(position: &[f32; 2]) -> bool {
    position[0].is_finite() && position[1].is_finite()
}

/// How near points are when no zoom tells them apart, in world units.
fn stack_reach(bounds: Bounds) -> f64 {
    let [width, height] = bounds.size();
    let extent = width.max(height);
    if extent > 0.0 { extent * STACK_SHARE } else { 1.0 }
}

/// The square of side `reach` that a position rounds to.
fn stack_key([x, y]: [f32; 2], reach: f64) -> (i64, i64) {
    ((f64::from(x) / reach).round() as i64, (f64::from(y) / reach).round() as i64)
}

/// For every point the number of points at its place, itself included: 1 where it lies alone. Positions are equal
/// when they round to the same millionth of the map. Points that are not finite lie alone.
pub fn stacks(positions: &[[f32; 2]]) -> Vec<u32> {
    let reach = stack_reach(Bounds::robust(positions));
    let mut keyed: Vec<((i64, i64), u32)> = positions
        .par_iter()
        .enumerate()
        .filter(|(_, position)| is_finite(position))
        .map(|(i, &position)| (stack_key(position, reach), i as u32))
        .collect();
    keyed.par_sort_unstable();
    let mut sizes = vec![1; positions.len()];
    for stack in keyed.chunk_by(|a, b| a.0 == b.0).filter(|stack| stack.len() > 1) {
        for &(_, i) in stack {
            sizes[i as usize] = stack.len() as u32;
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points() -> impl Strategy<Value = Vec<[f32; 2]>> {
        let coordinate =
            || prop_oneof![9 => -10.0..10.0_f32, 1 => Just(0.5_f32), 1 => Just(f32::NAN), 1 => -1e6..1e6_f32];
        proptest::collection::vec((coordinate(), coordinate()).prop_map(|(x, y)| [x, y]), 0..200)
    }

    /// Bumps of unequal size; every third of `count` points is a category that lies apart.
    fn bumps(count: u64) -> Vec<[f32; 2]> {
        let unit = |i: u64| unit(crate::math::hash::draw(7, i)) as f32;
        (0..count)
            .map(|i| {
                let centre = if i % 3 == 0 { [8.0, 3.0] } else { [(i % 7) as f32, (i % 4) as f32] };
                let spread = if i % 5 == 0 { 3.0 } else { 0.3 };
                [centre[0] + spread * (unit(2 * i) - 0.5), centre[1] + spread * (unit(2 * i + 1) - 0.5)]
            })
            .collect()
    }

    proptest! {
        #[test]
        fn a_rectangle_holds_what_a_scan_finds(
            points in points(), x in -12.0..12.0, y in -12.0..12.0, w in 0.0..9.0, h in 0.0..9.0,
        ) {
            let rect = Bounds { min: [x, y], max: [x + w, y + h] };
            let tiles = Tiles::build(Arc::new(points.clone()));
            let scanned: Vec<u32> =
                (0..points.len() as u32).filter(|&i| rect.contains(points[i as usize])).collect();
            prop_assert_eq!(tiles.in_rect(rect), scanned);
        }

        #[test]
        fn a_stack_and_its_size_agree(mut points in points()) {
            points.extend(points.clone().iter().step_by(3));
            let sizes = stacks(&points);
            let tiles = Tiles::build(Arc::new(points.clone()));
            for (i, &size) in sizes.iter().enumerate().filter(|(i, _)| is_finite(&points[*i])) {
                prop_assert_eq!(tiles.stack_of(i as u32).len(), size as usize);
            }
        }

        #[test]
        fn no_visible_point_is_culled(x in -3.0..12.0, y in -3.0..8.0, w in 0.01..9.0, h in 0.01..9.0) {
            let points = bumps(20_000);
            let tiles = Tiles::build(Arc::new(points.clone()));
            let view = Bounds { min: [x, y], max: [x + w, y + h] };
            let mut kept: Vec<u32> =
                tiles.visible(view).flat_map(|tile| tiles.at(tile.band(0.0, 1.0))).map(|(_, i)| i).collect();
            kept.sort_unstable();
            let lost = (0..points.len() as u32)
                .find(|&i| view.contains(points[i as usize]) && kept.binary_search(&i).is_err());
            prop_assert_eq!(lost, None);
        }

        #[test]
        fn a_greater_share_holds_a_smaller_one(first in 0u32..1000, count in 1u32..2049, shares in [0.0..1.0, 0.0..1.0]) {
            let tile = Tile { first, count, min: [0.0; 2], max: [0.0; 2] };
            let [less, more] = if shares[0] < shares[1] { shares } else { [shares[1], shares[0]] };
            prop_assert!(tile.prefix(less) <= tile.prefix(more));
            prop_assert_eq!(tile.prefix(1.0), count);
            let bands = [tile.band(0.0, less), tile.band(less, more), tile.band(more, 1.0)];
            let slots: Vec<u32> = bands.into_iter().flatten().collect();
            prop_assert_eq!(slots, (first..first + count).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn every_point_has_one_slot_and_lies_in_its_tile() {
        let mut points = bumps(50_000);
        points.extend([[2.0, 2.0]; 9000]);
        points.push([f32::NAN, 0.0]);
        let tiles = Tiles::build(Arc::new(points.clone()));
        let mut order = tiles.order().to_vec();
        order.sort_unstable();
        assert_eq!(order, (0..59_000).collect::<Vec<u32>>());
        let mut next = 0;
        for tile in tiles.all() {
            assert!(tile.first == next && (1..=TILE_POINTS as u32).contains(&tile.count));
            next += tile.count;
            for (position, i) in tiles.at(tile.band(0.0, 1.0)) {
                assert_eq!(position, points[i as usize]);
                assert!((0..2).all(|axis| (tile.min[axis]..=tile.max[axis]).contains(&position[axis])));
            }
        }
        assert_eq!(next, 59_000);
        assert!(tiles.all().len() < 4 * 59_000 / TILE_POINTS, "{} tiles", tiles.all().len());
    }

    #[test]
    fn any_prefix_is_a_fair_sample_of_places_and_categories() {
        let count = 120_000;
        let points = bumps(count);
        let tiles = Tiles::build(Arc::new(points.clone()));
        for share in [0.02, 0.1, 0.33, 0.8] {
            let sample: Vec<u32> =
                tiles.all().iter().flat_map(|tile| tiles.at(tile.band(0.0, share))).map(|(_, i)| i).collect();
            let drawn = sample.len() as f64;
            let expected = share * count as f64;
            assert!((drawn - expected).abs() < 0.01 * count as f64 * share + 60.0, "{drawn} of {expected}");
            // Counts of a fair sample lie within five standard deviations, be they of a category, of an attribute
            // or of one quarter of the map.
            type Of = fn(u32, [f32; 2]) -> bool;
            let groups: [Of; 5] = [
                |i, _| i % 3 == 0,
                |i, _| i % 5 == 0,
                |i, _| i < 10_000,
                |_, p| p[0] < 4.0,
                |_, p| p[0] > 7.0 && p[1] > 2.0,
            ];
            for (g, is_in) in groups.iter().enumerate() {
                let inside = |i: &u32| is_in(*i, points[*i as usize]);
                let truth = (0..count as u32).filter(inside).count() as f64 / count as f64;
                let seen = sample.iter().copied().filter(|i| inside(i)).count() as f64 / drawn;
                let deviation = (truth * (1.0 - truth) / drawn).sqrt();
                assert!((seen - truth).abs() < 5.0 * deviation, "group {g} at {share}: {seen} for {truth}");
            }
            // No tile is favoured.
            for tile in tiles.all() {
                let off = f64::from(tile.prefix(share)) - share * f64::from(tile.count);
                assert!(off.abs() <= 1.0, "{off} at {share}");
            }
        }
    }

    #[test]
    fn points_that_moved_keep_their_order_and_their_tiles_follow() {
        let points = bumps(30_000);
        let tiles = Tiles::build(Arc::new(points.clone()));
        let turned: Vec<[f32; 2]> = points.iter().map(|[x, y]| [*y, -x]).collect();
        let moved = tiles.moved(Arc::new(turned.clone())).unwrap();
        assert!(Arc::ptr_eq(moved.order(), tiles.order()) && !moved.is_sorted());
        let view = Bounds { min: [0.0, -3.0], max: [1.0, -1.0] };
        let scanned: Vec<u32> =
            (0..turned.len() as u32).filter(|&i| view.contains(turned[i as usize])).collect();
        assert_eq!(moved.in_rect(view), scanned);
        assert!(tiles.moved(Arc::new(vec![[0.0; 2]; 10])).is_none());
    }

    #[test]
    fn duplicates_are_stacked_and_neighbours_are_not() {
        let positions = [[0.0, 0.0], [5.0, 5.0], [0.0, 0.0], [10.0, 10.0], [5.001, 5.0]];
        assert_eq!(stacks(&positions), [2, 1, 2, 1, 1]);
    }

    #[test]
    fn an_empty_map_and_a_map_of_one_place_can_be_asked() {
        let none = Tiles::build(Arc::new(Vec::new()));
        assert!(none.all().is_empty());
        assert!(stacks(&[]).is_empty());
        let one = Tiles::build(Arc::new(vec![[3.0, 3.0]; 4]));
        assert_eq!(one.stack_of(2), [0, 1, 2, 3]);
    }
}
