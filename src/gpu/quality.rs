//! What it takes to measure a map: neighbours on it, and how many points are nearer than others, in the space and on the map.
//! The twin is `math::quality_counts`; `math::quality` makes figures of either's counts.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;

use super::context::Context;
use super::error::GpuError;
use super::kernel::{Batch, Pace};
use super::rows::{Rows, depth_of};
use super::tiles::{Source, TILE};
use crate::job::Ctx;

/// Tiles of points that have a box around them all: `BLOCK` of `map_neighbours.wgsl`.
const TILES_A_BLOCK: usize = 64;

/// Points that a workgroup compares a query with: `POINTS` of `quality_map.wgsl`.
const POINTS: usize = 16_384;

/// Limits a query at most: `MOST` of `quality_map.wgsl`.
const MOST_LIMITS: usize = 1024;

/// Squared distances that are nearer than this share of themselves are equal: an adapter may round them otherwise.
const ROUNDING: f32 = 5e-7;

/// A coordinate farther out than this counts as this.
const FARTHEST: f32 = 1e18;

/// `Span` of `map_neighbours.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct NeighbourSpan {
    points: u32,
    tiles: u32,
    k: u32,
    tile: u32,
    end: u32,
    first: u32,
    lists: u32,
    blocks: u32,
}

/// `Span` of `quality_space.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SpaceSpan {
    queries: u32,
    query_tiles: u32,
    rows: u32,
    depth: u32,
    k: u32,
    first_row: u32,
    tile: u32,
    end: u32,
}

/// `Span` of `quality_map.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MapSpan {
    points: u32,
    k: u32,
    stretches: u32,
    first: u32,
    end: u32,
    unused: [u32; 3],
}

/// The `k` nearest other points of every point of a map (all others where there are fewer), n × k, nearest first. Which of
/// several equally far ones come is fixed, but no more than that. Coordinates that are not finite count as 0.
pub fn map_neighbours(
    context: &Context,
    positions: &[[f32; 2]],
    k: usize,
    ctx: &Ctx,
) -> Result<Vec<u32>, GpuError> {
    let n = positions.len();
    let k = k.min(n.saturating_sub(1));
    if k == 0 {
        return Ok(Vec::new());
    }
    let places = finite(positions);
    let order = along_a_curve(&places);
    ctx.cancel.check()?;
    let sorted: Vec<[f32; 2]> = order.iter().map(|&i| places[i as usize]).collect();
    let boxes: Vec<[f32; 4]> = sorted.chunks(TILE).map(box_of).collect();
    let blocks: Vec<[f32; 4]> = sorted.chunks(TILE * TILES_A_BLOCK).map(box_of).collect();
    let points = context.upload("points", &sorted)?;
    let boxes_there = context.upload("boxes", &boxes)?;
    let blocks_there = context.upload("boxes", &blocks)?;
    let kernel = context.kernel("map_neighbours", "find", &[])?;
    let tiles_at_once = (context.page() as usize / (4 * k * TILE)).max(1);
    let mut pace = Pace::starting_with(64);
    // Of the sorted points: which neighbours each has, group by group, place by place.
    let mut found: Vec<Vec<u32>> = Vec::new();
    for first in (0..boxes.len()).step_by(tiles_at_once) {
        let tiles = first..(first + tiles_at_once).min(boxes.len());
        let lists = (tiles.end * TILE).min(n) - first * TILE;
        let distances = context.buffer::<f32>("distances", lists * k)?;
        let ids = context.buffer::<u32>("neighbours", lists * k)?;
        let encode = |range: Range<usize>, batch: &mut Batch| {
            let span = NeighbourSpan {
                points: n as u32,
                tiles: boxes.len() as u32,
                k: k as u32,
                tile: (first + range.start) as u32,
                end: (first + range.end) as u32,
                first: (first * TILE) as u32,
                lists: lists as u32,
                blocks: blocks.len() as u32,
            };
            let buffers = [(1, &points), (2, &boxes_there), (3, &blocks_there), (4, &distances), (5, &ids)];
            batch.dispatch(&kernel, &span, &buffers, range.len() as u32);
            Ok(())
        };
        context.in_slices(tiles.len(), &mut pace, ctx, encode, |_| {})?;
        found.push(context.read::<u32>(&ids, lists * k, ctx)?);
    }
    let mut place_of = vec![0; n];
    order.iter().enumerate().for_each(|(place, &i)| place_of[i as usize] = place);
    let mut neighbours = vec![0; n * k];
    neighbours.par_chunks_exact_mut(k).zip(place_of).for_each(|(out, place)| {
        let group = &found[place / (tiles_at_once * TILE)];
        let (lists, list) = (group.len() / k, place % (tiles_at_once * TILE));
        out.iter_mut().enumerate().for_each(|(at, out)| *out = order[group[at * lists + list] as usize]);
    });
    Ok(neighbours)
}

/// For each of `queries` (unit vectors of rows `own` of `source`, one after the other), how many other rows of `source`
/// have a product with it above each of its `thresholds`: as many numbers as there are thresholds, which are the same
/// number for every query.
pub fn more_similar(
    context: &Context,
    source: &Source,
    queries: &[f32],
    own: &[u32],
    thresholds: &[f32],
    ctx: &Ctx,
) -> Result<Vec<u32>, GpuError> {
    let k = thresholds.len() / own.len().max(1);
    if k == 0 || source.rows == 0 {
        return Ok(vec![0; thresholds.len()]);
    }
    let depth = depth_of(source.dim);
    let kernel = context.kernel("quality_space", "count", &[])?;
    let (rows, _) = Rows::upload(context, source, ctx, |_, _| ())?;
    let at_once = (context.page() as usize / (4 * depth.max(k) * TILE)).max(1) * TILE;
    let mut pace = Pace::starting_with(4);
    let mut counts = Vec::with_capacity(thresholds.len());
    let parts = own.chunks(at_once).zip(queries.chunks(at_once * source.dim));
    for ((own, queries), thresholds) in parts.zip(thresholds.chunks(at_once * k)) {
        let query_tiles = own.len().div_ceil(TILE);
        let mut padded = vec![0.0f32; query_tiles * TILE * depth];
        for (out, query) in padded.chunks_exact_mut(depth).zip(queries.chunks_exact(source.dim)) {
            out[..source.dim].copy_from_slice(query);
        }
        let queries = context.upload("queries", &padded)?;
        let thresholds = Thresholds::of(thresholds, k);
        let there = context.upload("thresholds", &thresholds.ascending)?;
        let passed = context.buffer::<u32>("passed", own.len() * k)?;
        let own_there = context.upload("own", own)?;
        for page in &rows.pages {
            let encode = |range: Range<usize>, batch: &mut Batch| {
                let span = SpaceSpan {
                    queries: own.len() as u32,
                    query_tiles: query_tiles as u32,
                    rows: page.rows.len() as u32,
                    depth: depth as u32,
                    k: k as u32,
                    first_row: page.rows.start as u32,
                    tile: range.start as u32,
                    end: range.end as u32,
                };
                let buffers = [(1, &queries), (2, &page.values), (3, &there), (4, &passed), (5, &own_there)];
                batch.dispatch(&kernel, &span, &buffers, (range.len() * query_tiles) as u32);
                Ok(())
            };
            context.in_slices(page.tiles(), &mut pace, ctx, encode, |_| {})?;
        }
        counts.extend(thresholds.counts(context.read(&passed, own.len() * k, ctx)?));
    }
    Ok(counts)
}

/// For each of the points `own` of a map, how many points of the map (itself among them) are nearer than each of its
/// `limits`, which are squared distances: as many numbers as there are limits, which are the same number for every point.
pub fn nearer_on_map(
    context: &Context,
    positions: &[[f32; 2]],
    own: &[u32],
    limits: &[f32],
    ctx: &Ctx,
) -> Result<Vec<u32>, GpuError> {
    let k = limits.len() / own.len().max(1);
    if k == 0 {
        return Ok(Vec::new());
    }
    if k > MOST_LIMITS {
        let (needed, most) = ((4 * k) as u64, (4 * MOST_LIMITS) as u64);
        return Err(GpuError::TooLarge { what: "neighbours of a point", needed, most });
    }
    let points = context.upload("points", &finite(positions))?;
    let kernel = context.kernel("quality_map", "count", &[])?;
    let stretches = positions.len().div_ceil(POINTS);
    let at_once = (context.page() as usize / (4 * k)).max(1);
    let mut pace = Pace::starting_with(1024);
    let mut counts = Vec::with_capacity(limits.len());
    for (own, limits) in own.chunks(at_once).zip(limits.chunks(at_once * k)) {
        let below_zero: Vec<f32> = limits.iter().map(|&limit| -(limit - ROUNDING * limit)).collect();
        let thresholds = Thresholds::of(&below_zero, k);
        let own_there = context.upload("own", own)?;
        let there = context.upload("thresholds", &thresholds.ascending)?;
        let passed = context.buffer::<u32>("passed", limits.len())?;
        let encode = |range: Range<usize>, batch: &mut Batch| {
            let span = MapSpan {
                points: positions.len() as u32,
                k: k as u32,
                stretches: stretches as u32,
                first: range.start as u32,
                end: range.end as u32,
                unused: [0; 3],
            };
            let buffers = [(1, &points), (2, &own_there), (3, &there), (4, &passed)];
            batch.dispatch(&kernel, &span, &buffers, range.len() as u32);
            Ok(())
        };
        context.in_slices(own.len() * stretches, &mut pace, ctx, encode, |_| {})?;
        counts.extend(thresholds.counts(context.read(&passed, limits.len(), ctx)?));
    }
    Ok(counts)
}

/// Thresholds as the kernels want them, and the way back.
struct Thresholds {
    k: usize,
    /// Those of each query, ascending.
    ascending: Vec<f32>,
    /// Where each of them was among those of its query.
    places: Vec<u32>,
}

impl Thresholds {
    fn of(thresholds: &[f32], k: usize) -> Self {
        let (mut ascending, mut places) = (Vec::new(), Vec::new());
        for own in thresholds.chunks_exact(k) {
            let mut order: Vec<u32> = (0..k as u32).collect();
            order.sort_by(|&a, &b| own[a as usize].total_cmp(&own[b as usize]));
            ascending.extend(order.iter().map(|&place| own[place as usize]));
            places.extend(order);
        }
        Self { k, ascending, places }
    }

    /// How many scores pass each threshold, in the order they were given, from how many pass it as the last of their query's.
    fn counts(&self, passed: Vec<u32>) -> Vec<u32> {
        let mut counts = vec![0; passed.len()];
        let queries = passed.chunks_exact(self.k).zip(self.places.chunks_exact(self.k));
        for ((passed, places), counts) in queries.zip(counts.chunks_exact_mut(self.k)) {
            let mut above = 0;
            for (passed, &place) in passed.iter().zip(places).rev() {
                above += passed;
                counts[place as usize] = above;
            }
        }
        counts
    }
}

/// Positions whose squared distances are finite.
fn finite(positions: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let finite = |v: f32| if v.is_finite() { v.clamp(-FARTHEST, FARTHEST) } else { 0.0 };
    positions.iter().map(|p| p.map(finite)).collect()
}

/// The smallest box around points: least x and y, most x and y.
fn box_of(points: &[[f32; 2]]) -> [f32; 4] {
    let none = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
    points.iter().fold(none, |[a, b, c, d], &[x, y]| [a.min(x), b.min(y), c.max(x), d.max(y)])
}

/// The points in the order of a curve that fills the plane (Morton 1966): near ones are mostly near each other in it.
fn along_a_curve(points: &[[f32; 2]]) -> Vec<u32> {
    let [left, low, right, high] = box_of(points).map(f64::from);
    let side = (right - left).max(high - low);
    let scale = if side > 0.0 { f64::from(u32::MAX) / side } else { 0.0 };
    let key = |&[x, y]: &[f32; 2]| {
        let along = |v: f32, from: f64| spread(((f64::from(v) - from) * scale) as u32);
        along(x, left) | along(y, low) << 1
    };
    let keys: Vec<u64> = points.par_iter().map(key).collect();
    let mut order: Vec<u32> = (0..points.len() as u32).collect();
    order.par_sort_unstable_by_key(|&i| (keys[i as usize], i));
    order
}

/// The bits of a number with a gap after each.
fn spread(bits: u32) -> u64 {
    let mut spread = u64::from(bits);
    for (shift, mask) in [
        (16, 0x0000_FFFF_0000_FFFF),
        (8, 0x00FF_00FF_00FF_00FF),
        (4, 0x0F0F_0F0F_0F0F_0F0F),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        spread = (spread | spread << shift) & mask;
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back_in_the_order_of_their_thresholds() {
        let thresholds = Thresholds::of(&[0.3, 0.1, 0.2, 5.0, 5.0, 4.0], 3);
        assert_eq!(thresholds.ascending, [0.1, 0.2, 0.3, 4.0, 5.0, 5.0]);
        // One score between 0.1 and 0.2, two above 0.3; three between 4 and 5.
        assert_eq!(thresholds.counts(vec![1, 0, 2, 3, 0, 0]), [2, 3, 2, 0, 0, 3]);
    }

    #[test]
    fn bits_are_spread_with_gaps() {
        assert_eq!(spread(0b1011), 0b100_0101);
        assert_eq!(spread(u32::MAX), 0x5555_5555_5555_5555);
    }
}
