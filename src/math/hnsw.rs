//! Neighbours of many rows, found in four steps:
//!
//! 1. a random sample of the rows, the landmarks, goes into a navigable graph (HNSW, Malkov and Yashunin 2018, by
//!    `hnsw_rs`, in memory), and every row looks up its nearest landmarks there;
//! 2. the rows that share a landmark are a cell, and all pairs of a cell are compared by one product;
//! 3. the lists from its cells make each row's list in a graph, which a best-first search over coded vectors
//!    ([`Graph::swept`]) improves until a sample of rows has nearly all its true neighbours;
//! 4. what is on the lists is compared exactly and sorted.
//!
//! Most comparisons happen in products of blocks, at several times the speed of those that a graph asks for one by
//! one. The landmarks are inserted one after the other, so that the result depends on the seed and not on the
//! number of threads.

use hnsw_rs::prelude::{Distance, Hnsw};
use rayon::prelude::*;

use super::best::{Best, NOBODY};
use super::codes::Codes;
use super::exact::{self, Tile};
use super::recall::Truth;
use super::rows::{Lists, Rows};
use super::sample::sample;
use super::sweep::Graph;
use super::vector;
use crate::data::Recall;
use crate::job::{Cancelled, Ctx};

/// One landmark for so many rows, at least (and for so many neighbours, times [`CELL_PER_NEIGHBOUR`]).
const ROWS_PER_LANDMARK: usize = 128;
const CELL_PER_NEIGHBOUR: usize = 8;

/// How many cells a row is in.
const OVERLAP: usize = 4;

/// A cell this many times the mean is compared in parts: a landmark in the midst of everything collects many rows.
const LARGEST_CELL: usize = 8;

/// Links a landmark, and the widths of the searches that insert it and that look up a row.
const LINKS: usize = 8;
const WIDTH_TO_INSERT: usize = 40;
const WIDTH_TO_FIND: usize = 8;
/// More levels than any sample needs.
const LEVELS: usize = 16;

/// Landmarks inserted, and rows of a cell multiplied, between two looks at whether to stop.
const BLOCK: usize = 512;

/// Enough of the true neighbours to stop; the promise is .95.
const ENOUGH: f32 = 0.96;

/// Sweeps after which the lists are taken as they are, and how many of them keep the first width: later ones,
/// which only data without structure needs, take half as much again each.
const MOST_SWEEPS: usize = 6;
const NARROW_SWEEPS: usize = 2;

/// Vectors without structure have no neighbourhoods to walk through: where fewer than this share is found after
/// the narrow sweeps, comparing every pair costs less than ever wider ones, up to so many rows.
const HOPELESS: f32 = 0.8;
const MOST_ROWS_TO_COMPARE: usize = 150_000;

/// The `k` nearest of all other rows for each row, nearest first, and how many of the true ones they hold; `k` is
/// smaller than the number of rows. The rows are put into another order on the way, in which near ones lie close
/// to each other in memory.
pub fn nearest(rows: &mut Rows, k: usize, seed: u64, ctx: &Ctx) -> Result<(Lists, Recall), Cancelled> {
    let cells = Cells::of(rows, k, seed, ctx)?;
    let cells = cells.in_order(rows);
    let codes = Codes::of(rows, ctx)?;
    let parts = cells.compared(rows, k, ctx)?;
    // Coded cosines are a little off: a longer list lets the true neighbours in.
    let mut width = (k + k / 2 + 2).min(rows.len() - 1);
    let mut graph = Graph::of(&codes, width, ctx, |row, candidates| {
        for (cell, at) in cells.homes(row) {
            candidates.extend_from_slice(parts[cell].ids(at));
        }
    })?;
    drop(parts);

    let truth = Truth::of(rows, k, seed, ctx)?;
    let mut share = truth.share(rows, |row| graph.near(row));
    for sweep in 1..=MOST_SWEEPS {
        if share >= ENOUGH {
            break;
        }
        ctx.progress.begin(&format!("Improving neighbours, round {sweep}"), "points", rows.len() as u64, 0);
        if sweep > NARROW_SWEEPS {
            if share < HOPELESS && rows.len() <= MOST_ROWS_TO_COMPARE {
                rows.reorder_as_read();
                return Ok((exact::nearest(rows, k, ctx)?, Recall::Exact));
            }
            width = (width + width / 2).min(rows.len() - 1);
        }
        graph = graph.swept(&codes, width, ctx)?;
        share = truth.share(rows, |row| graph.near(row));
    }
    let short: Vec<u32> = (0..rows.len() as u32).filter(|&row| graph.near(row as usize).len() < k).collect();
    for short in short.chunks(BLOCK) {
        for (&row, near) in short.iter().zip(exact::nearest_of(rows, short, k, ctx)?) {
            graph.replace(row as usize, near.into_iter());
        }
    }
    let lists = exact::ranked(rows, k, ctx, |row| graph.near(row))?;
    Ok((lists, Recall::Estimated { share, queries: truth.len() }))
}

/// 1 − cosine of unit vectors.
struct CosineDistance;

impl Distance<f32> for CosineDistance {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        (1.0 - vector::dot(a, b)).max(0.0)
    }
}

/// Which rows are compared with each other.
struct Cells {
    /// `n` × [`OVERLAP`] cells, [`NOBODY`] where a row is in fewer, nearest first, with the row's place in each.
    homes: Vec<[(u32, u32); OVERLAP]>,
    members: Vec<Vec<u32>>,
}

impl Cells {
    fn of(rows: &Rows, k: usize, seed: u64, ctx: &Ctx) -> Result<Self, Cancelled> {
        let n = rows.len();
        let per_landmark = ROWS_PER_LANDMARK.max(CELL_PER_NEIGHBOUR * k);
        let landmarks = sample(n, (n / per_landmark).max(1), seed);
        ctx.progress.begin("Placing landmarks", "points", landmarks.len() as u64, 0);
        let index = Hnsw::new(LINKS, landmarks.len(), LEVELS, WIDTH_TO_INSERT, CosineDistance);
        let mut vectors = Vec::new();
        for (block, ids) in landmarks.chunks(BLOCK).enumerate() {
            ctx.cancel.check()?;
            rows.gather(ids.iter().copied(), &mut vectors);
            for (i, vector) in (block * BLOCK..).zip(vectors.chunks(rows.dim())) {
                index.insert_slice((vector, i));
            }
            ctx.progress.advance(ids.len() as u64);
        }

        ctx.progress.begin("Finding landmarks", "points", n as u64, 0);
        let mut homes = vec![[(NOBODY, 0); OVERLAP]; n];
        homes.par_chunks_mut(BLOCK).enumerate().try_for_each_init(Vec::new, |vectors, (block, homes)| {
            ctx.cancel.check()?;
            rows.block(block * BLOCK..block * BLOCK + homes.len(), vectors);
            for (homes, vector) in homes.iter_mut().zip(vectors.chunks(rows.dim())) {
                let found = index.search(vector, OVERLAP, WIDTH_TO_FIND);
                for (home, found) in homes.iter_mut().zip(found) {
                    home.0 = found.d_id as u32;
                }
            }
            ctx.progress.advance(homes.len() as u64);
            Ok(())
        })?;
        Ok(Self { homes, members: Vec::with_capacity(landmarks.len()) })
    }

    /// Reorders `rows` so that those with the same nearest landmark follow each other, and fills the cells.
    fn in_order(mut self, rows: &mut Rows) -> Self {
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        order.sort_by_key(|&row| self.homes[row as usize][0].0);
        rows.reorder(&order);
        self.homes = order.iter().map(|&row| self.homes[row as usize]).collect();

        let largest = LARGEST_CELL * OVERLAP * rows.len() / self.members.capacity().max(1);
        let mut part_of = vec![NOBODY; self.members.capacity()];
        for (row, homes) in self.homes.iter_mut().enumerate() {
            for home in homes.iter_mut().filter(|home| home.0 != NOBODY) {
                let part = &mut part_of[home.0 as usize];
                if *part == NOBODY || self.members[*part as usize].len() >= largest.max(BLOCK) {
                    *part = self.members.len() as u32;
                    self.members.push(Vec::new());
                }
                let members = &mut self.members[*part as usize];
                *home = (*part, members.len() as u32);
                members.push(row as u32);
            }
        }
        self
    }

    /// The cells of `row` and its place in each.
    fn homes(&self, row: u32) -> impl Iterator<Item = (usize, usize)> + '_ {
        let homes = self.homes[row as usize].iter().filter(|home| home.0 != NOBODY);
        homes.map(|&(cell, at)| (cell as usize, at as usize))
    }

    /// For each cell the `k` best of each of its rows among the others in it.
    fn compared(&self, rows: &Rows, k: usize, ctx: &Ctx) -> Result<Vec<Best>, Cancelled> {
        ctx.progress.begin("Finding neighbours", "points", rows.len() as u64, 0);
        let total: usize = self.members.iter().map(Vec::len).sum();
        let done = std::sync::atomic::AtomicUsize::new(0);
        let compare = |tile: &mut Tile, members: &Vec<u32>| {
            let best = tile.compare_all(rows, members, k, ctx)?;
            let done = done.fetch_add(members.len(), std::sync::atomic::Ordering::Relaxed) + members.len();
            ctx.progress.set((rows.len() as u128 * done as u128 / total as u128) as u64);
            Ok(best)
        };
        self.members.par_iter().map_init(Tile::default, compare).collect()
    }
}
