//! Near rows without comparing all pairs: the rows that share a centre are a cell, and all pairs of each cell are compared, by
//! codes. Every row is in a few cells, so that neighbours across a border meet. The twin is `math::hnsw`, whose
//! cells belong to landmarks instead of the centres of k-means.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::codes::CodedRows;
use super::context::{Buffer, Context};
use super::error::GpuError;
use super::kernel::{Batch, Pace};
use super::kmeans;
use super::lists::Lists;
use super::neighbours::{Candidates, EMPTY, NOBODY, Span, TILES_AT_ONCE};
use super::rows::steps;
use super::tiles::{Source, TILE, Tiles};
use crate::job::Ctx;

/// How many cells a row should be in at first, and where that finds too little: at four times the work.
pub const OVERLAP: usize = 4;
pub const MORE_OVERLAP: usize = 8;

/// Rows of the sample for each centre.
const SAMPLED: usize = 64;

/// Rounds that the centres move in, at most, and the share of what is left that another has to bring: cells need no
/// perfect centres.
const ROUNDS: usize = 8;
const WORTHWHILE: f64 = 0.01;

/// Bytes of the sample that the adapter may hold at a time.
const SAMPLE_ROOM: u64 = 1 << 30;

/// A cell this many times the mean is compared in parts: whole, a few such would make most of the work.
const LARGEST_CELL: usize = 4;

/// Bytes of gathered rows, and of their lists, at a time.
const ROOM: usize = 128 << 20;

/// Tiles that one workgroup compares its own with at a time, at most: some 10 ms for the slowest adapter.
const TILES_A_JOB: usize = 32;

/// More than any id of a centre: rows are told from centres by it.
const APART: u32 = 1 << 31;

/// Centres for `n` rows: with as many as the root, the work of finding a row's cells and that within them grow alike.
pub fn centres_for(n: usize) -> usize {
    ((n as f64).sqrt().ceil() as usize).clamp(1, n.max(1))
}

/// Rows that the centres of `n` rows should be found from.
pub fn sampled_for(n: usize) -> usize {
    (SAMPLED * centres_for(n)).min(n)
}

/// Pairs of rows, or rows and centres, that are compared with the first overlap: about, for cells are not all of a size.
pub fn pairs(n: usize) -> f64 {
    let (n, c) = (n as f64, centres_for(n) as f64);
    n * n * (OVERLAP * OVERLAP) as f64 / c + n * c
}

/// `Span` of `cells_gather.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct GatherSpan {
    depth: u32,
    places: u32,
    first_row: u32,
    rows: u32,
}

/// What cells lie around: `count` × `dim`, of unit length. The same bits each time on one adapter; their last ones may depend
/// on its pages.
pub struct Centres {
    values: Vec<f32>,
    dim: usize,
}

impl Centres {
    /// Finds centres for all rows of `source` from the rows `sample`, ascending.
    pub fn of(context: &Context, source: &Source, sample: &[u32], ctx: &Ctx) -> Result<Self, GpuError> {
        ctx.progress.begin("Finding centres", "rounds", ROUNDS as u64, 0);
        let read = |range: Range<usize>, out: &mut Vec<f32>| {
            out.clear();
            let mut row = Vec::new();
            for &id in &sample[range] {
                (source.read)(id as usize..id as usize + 1, &mut row);
                out.extend_from_slice(&row);
            }
        };
        let sampled = Source { rows: sample.len(), dim: source.dim, read: &read };
        let count = centres_for(source.rows).min(sample.len());
        let (mut start, mut row) = (Vec::with_capacity(count * source.dim), Vec::new());
        for centre in 0..count {
            let at = centre * sample.len() / count;
            read(at..at + 1, &mut row);
            start.extend_from_slice(&row);
        }
        let params = kmeans::Params {
            metric: kmeans::Metric::Cosine,
            max_rounds: ROUNDS,
            worthwhile: WORTHWHILE,
            room: SAMPLE_ROOM,
        };
        let values = kmeans::settle(context, &sampled, &start, &params, ctx)?.centres;
        Ok(Self { values, dim: source.dim.max(1) })
    }

    /// Centres.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// For each row of `codes` the `width` nearest of those that share one of its `overlap` cells, by codes, nearest first. The
/// same bits each time on one adapter, whatever its pages are.
pub fn nearest(
    context: &Context,
    codes: &CodedRows,
    centres: &Centres,
    overlap: usize,
    width: usize,
    ctx: &Ctx,
) -> Result<Candidates, GpuError> {
    let n = codes.rows;
    let mut lists = Lists::of(n, width);
    let overlap = overlap.min(centres.len());
    if n == 0 || width == 0 || overlap == 0 {
        return Ok(lists.into_candidates());
    }
    let homes = homes(context, codes, centres, overlap, ctx)?;
    let cells = cells(&homes, overlap, centres.len());
    ctx.progress.begin("Finding neighbours", "points", n as u64, 0);
    let places: usize = cells.iter().map(Vec::len).sum();
    let mut pace = Pace::starting_with(16);
    let mut done = 0;
    let fitting = ROOM.min(context.page() as usize) / (4 * TILE * codes.depth.max(width));
    for batch in batches(&cells, fitting) {
        Compared::of(context, codes, batch, width, &mut pace, ctx)?.offer_to(&mut lists);
        done += batch.iter().map(Vec::len).sum::<usize>();
        ctx.progress.set((n as u128 * done as u128 / places.max(1) as u128) as u64);
    }
    Ok(lists.into_candidates())
}

/// The `overlap` nearest of `centres` for each row.
fn homes(
    context: &Context,
    codes: &CodedRows,
    centres: &Centres,
    overlap: usize,
    ctx: &Ctx,
) -> Result<Vec<u32>, GpuError> {
    let read = |range: Range<usize>, out: &mut Vec<f32>| {
        out.clear();
        out.extend_from_slice(&centres.values[range.start * centres.dim..range.end * centres.dim]);
    };
    let source = Source { rows: centres.len(), dim: centres.dim, read: &read };
    let tiles = Tiles::coded(context, &source, ctx)?;
    let kernel = context.kernel("neighbours_coded", "compare", &[])?;
    let mut pace = Pace::starting_with(1);
    let mut homes = Vec::with_capacity(codes.rows * overlap);
    ctx.progress.begin("Finding cells", "points", codes.rows as u64, 0);
    let fitting = ROOM.min(context.page() as usize) / (4 * TILE * codes.depth.max(overlap));
    let fitting = fitting.clamp(1, TILES_AT_ONCE);
    for rows in steps(0..codes.rows, fitting * TILE) {
        let members: Vec<u32> = (rows.start as u32..rows.end as u32).collect();
        let held = Gathered::of(context, codes, members, overlap, ctx)?;
        for page in &tiles.pages {
            let Some(scales) = &page.scales else { continue };
            let span = Span {
                rows: rows.len() as u32,
                columns: page.rows.len() as u32,
                depth: codes.depth as u32,
                k: overlap as u32,
                first_row: APART,
                first_column: page.rows.start as u32,
                ..Span::default()
            };
            let buffers =
                [(3, &held.scores), (4, &held.ids), (1, &held.values), (2, &page.values), (5, scales)];
            context.in_slices(
                page.tiles(),
                &mut pace,
                ctx,
                |range, batch| {
                    let span = Span { begin: range.start as u32, end: range.end as u32, ..span };
                    batch.dispatch(&kernel, &span, &buffers, held.tiles() as u32);
                    Ok(())
                },
                |_| {},
            )?;
        }
        homes.extend(context.read::<u32>(&held.ids, rows.len() * overlap, ctx)?);
        ctx.progress.set(rows.end as u64);
    }
    Ok(homes)
}

/// The rows of each of `count` cells, ascending; a cell of too many is cut in parts.
fn cells(homes: &[u32], overlap: usize, count: usize) -> Vec<Vec<u32>> {
    let largest = (LARGEST_CELL * homes.len() / count.max(1)).next_multiple_of(TILE).max(TILE);
    let mut parts: Vec<Vec<Vec<u32>>> = vec![Vec::new(); count];
    for (row, homes) in (0u32..).zip(homes.chunks(overlap)) {
        for &home in homes.iter().filter(|home| **home != NOBODY) {
            let parts = &mut parts[home as usize];
            match parts.last_mut().filter(|part| part.len() < largest) {
                Some(part) => part.push(row),
                None => parts.push(vec![row]),
            }
        }
    }
    parts.into_iter().flatten().filter(|part| part.len() > 1).collect()
}

/// `cells` in stretches of at most `fitting` tiles, or of one cell.
fn batches(cells: &[Vec<u32>], fitting: usize) -> Vec<&[Vec<u32>]> {
    let (mut batches, mut start, mut tiles) = (Vec::new(), 0, 0);
    for (at, cell) in cells.iter().enumerate() {
        let own = cell.len().div_ceil(TILE);
        if tiles + own > fitting && at > start {
            batches.push(&cells[start..at]);
            (start, tiles) = (at, 0);
        }
        tiles += own;
    }
    if start < cells.len() {
        batches.push(&cells[start..]);
    }
    batches
}

/// Rows put into tiles, with a list for each.
struct Gathered {
    members: Vec<u32>,
    values: Buffer,
    scales: Buffer,
    scores: Buffer,
    ids: Buffer,
}

impl Gathered {
    /// `members` has an id for each place, or [`NOBODY`].
    fn of(
        context: &Context,
        codes: &CodedRows,
        mut members: Vec<u32>,
        width: usize,
        ctx: &Ctx,
    ) -> Result<Self, GpuError> {
        members.resize(members.len().next_multiple_of(TILE), NOBODY);
        let places = members.len();
        let ids_of_places = context.upload("members", &members)?;
        let values = context.buffer::<u32>("gathered", places * codes.depth)?;
        let scales = context.buffer::<f32>("gathered scales", places)?;
        let kernel = context.kernel("cells_gather", "gather", &[])?;
        let groups = (places * codes.depth).div_ceil(256) as u32;
        for page in &codes.pages {
            let span = GatherSpan {
                depth: codes.depth as u32,
                places: places as u32,
                first_row: page.rows.start as u32,
                rows: page.rows.len() as u32,
            };
            let buffers =
                [(1, &page.values), (2, &page.scales), (3, &ids_of_places), (4, &values), (5, &scales)];
            context.run(&kernel, &span, &buffers, groups, ctx)?;
        }
        let scores = context.upload("scores", &vec![EMPTY; places * width])?;
        let ids = context.upload("neighbours", &vec![NOBODY; places * width])?;
        Ok(Self { members, values, scales, scores, ids })
    }

    fn tiles(&self) -> usize {
        self.members.len() / TILE
    }
}

/// What the rows of some cells found there.
struct Compared {
    width: usize,
    /// The row in each place; its list names places.
    members: Vec<u32>,
    scores: Vec<f32>,
    places: Vec<u32>,
}

impl Compared {
    fn of(
        context: &Context,
        codes: &CodedRows,
        cells: &[Vec<u32>],
        width: usize,
        pace: &mut Pace,
        ctx: &Ctx,
    ) -> Result<Self, GpuError> {
        let mut members = Vec::new();
        let mut bounds = Vec::with_capacity(cells.len());
        for cell in cells {
            let start = members.len();
            members.extend_from_slice(cell);
            bounds.push(start..members.len());
            members.resize(members.len().next_multiple_of(TILE), NOBODY);
        }
        let held = Gathered::of(context, codes, members, width, ctx)?;
        let kernel = context.kernel("neighbours_coded", "compare_cells", &[])?;
        let span = Span { depth: codes.depth as u32, k: width as u32, ..Span::default() };
        // A list is worked on by one workgroup at a time: large cells take several rounds.
        for round in 0.. {
            let jobs = jobs(&bounds, round);
            if jobs.is_empty() {
                break;
            }
            let listed = context.upload("jobs", &jobs)?;
            let buffers = [
                (3, &held.scores),
                (4, &held.ids),
                (1, &held.values),
                (2, &held.values),
                (5, &held.scales),
                (6, &listed),
            ];
            let encode = |range: Range<usize>, batch: &mut Batch| {
                let span = Span { begin: range.start as u32, end: range.end as u32, ..span };
                batch.dispatch(&kernel, &span, &buffers, range.len() as u32);
                Ok(())
            };
            context.in_slices(jobs.len(), pace, ctx, encode, |_| {})?;
        }
        let len = held.members.len() * width;
        Ok(Self {
            width,
            scores: context.read(&held.scores, len, ctx)?,
            places: context.read(&held.ids, len, ctx)?,
            members: held.members,
        })
    }

    fn offer_to(&self, lists: &mut Lists) {
        let found = self.scores.chunks(self.width).zip(self.places.chunks(self.width));
        for (&row, (scores, places)) in self.members.iter().zip(found).filter(|(row, _)| **row != NOBODY) {
            let found = scores.iter().zip(places).filter(|(_, place)| **place != NOBODY);
            lists.offer(row, found.map(|(&score, &place)| (score, self.members[place as usize])));
        }
    }
}

/// What each tile of the cells at `bounds` is compared with in a round: `jobs` of `neighbours_coded.wgsl`.
fn jobs(bounds: &[Range<usize>], round: usize) -> Vec<[u32; 4]> {
    let mut jobs = Vec::new();
    for bounds in bounds {
        let tiles = bounds.start / TILE..bounds.end.div_ceil(TILE);
        let begin = tiles.start + round * TILES_A_JOB;
        let end = (begin + TILES_A_JOB).min(tiles.end);
        if begin < end {
            jobs.extend(tiles.map(|tile| [tile as u32, begin as u32, end as u32, bounds.end as u32]));
        }
    }
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_cell_is_cut_and_every_tile_meets_each_of_its_cell_once() {
        let homes: Vec<u32> = (0..2000).map(|row| u32::from(row < 60)).collect();
        let found = cells(&homes, 1, 10);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [896, 896, 148, 60]);
        let bounds = [0..TILE * 40 - 5, TILE * 40..TILE * 41];
        let mut met: Vec<(u32, u32)> = Vec::new();
        for round in 0..2 {
            met.extend(
                jobs(&bounds, round).iter().flat_map(|job| (job[1]..job[2]).map(|other| (job[0], other))),
            );
        }
        met.sort_unstable();
        let all = (0..40).flat_map(|a| (0..40).map(move |b| (a, b))).chain([(40, 40)]);
        assert_eq!(met, all.collect::<Vec<_>>());
        assert!(jobs(&bounds, 2).is_empty());
    }
}
