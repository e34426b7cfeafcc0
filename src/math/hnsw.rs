//! Neighbours of many rows, found in five steps:
//!
//! 1. a random sample of the rows, the landmarks, goes into a navigable graph (HNSW, Malkov and Yashunin 2018, by
//!    `hnsw_rs`, in memory), and every row looks up its nearest landmarks there;
//! 2. the rows that share a landmark are a cell, and all pairs of a cell are compared by one product, of coded vectors
//!    where the processor is faster at those; the best of all its cells make each row's list in a graph;
//! 3. some rows try how far a best-first search over coded vectors ([`Graph::swept`]) gets in that graph: where it
//!    gets not far enough, every row looks up more landmarks, and the cells are compared again (or every pair is,
//!    where that costs less; then the next step is left out);
//! 4. that search improves all lists, until a sample of rows has nearly all its true neighbours;
//! 5. what is on the lists is compared exactly and sorted.
//!
//! Most comparisons happen in products of blocks, at several times the speed of those that a graph asks for one by
//! one. The landmarks are inserted one after the other, so that the result depends on the seed and not on the
//! number of threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hnsw_rs::prelude::{Distance, Hnsw};
use rayon::prelude::*;

use super::best::{Best, NOBODY};
use super::code_products;
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

/// How many cells a row is in at first (twice as many from [`MANY_ROWS`]), and at most. Twice as many cost four times
/// the products, yet less than the sweeps they save where neighbourhoods are hard to walk through: of a million
/// averaged word vectors 4 cells hold .59 of the neighbours, 8 hold .83 and 16 hold .95.
const OVERLAP: usize = 4;
const MOST_OVERLAP: usize = 32;
const MANY_ROWS: usize = 1 << 18;

/// Where the search that is tried finds less than this, there are too few cells.
const PROMISING: f32 = 0.94;

/// Twice as many cells leave this share of what was not found, about: by it, as many are taken as should do. Products
/// grow with their square, so that taking too many costs more than to try again.
const LEFT_BY_TWICE: f32 = 0.4;
/// At least, and at most, so many doublings at a time.
const DOUBLINGS: std::ops::RangeInclusive<f32> = 0.25..=1.0;

/// All pairs, one after the other, are compared rather than so much fewer by cells: these have to be found, compared
/// again when they were too few, and their gaps searched.
const WORTH: f64 = 8.0;
/// Rows of a side when all pairs are compared.
const SIDE: usize = 2048;

/// How neighbours were found.
pub const EXACT: &str = "exact";
pub const ALL_PAIRS: &str = "all pairs, coded";

/// A cell this many times the mean is compared in parts: a landmark in the midst of everything collects many rows (a
/// few of a million's have sixty times the mean; whole, they would make most of the work).
const LARGEST_CELL: usize = 4;

/// Links a landmark, the width of the search that inserts it, and how many more than wanted the search for a row's
/// landmarks looks at.
const LINKS: usize = 8;
const WIDTH_TO_INSERT: usize = 40;
const MORE_TO_FIND: usize = 4;
/// More levels than any sample needs.
const LEVELS: usize = 16;

/// Landmarks inserted, and rows of a cell multiplied, between two looks at whether to stop.
const BLOCK: usize = 512;

/// Enough of the true neighbours to stop while rounds are cheap; the promise, which is enough once they are not.
const ENOUGH: f32 = 0.96;
const PROMISED: f32 = 0.95;

/// Sweeps after which the lists are taken as they are, and how many of them keep the first width: later ones, which
/// only data with little structure needs, take half as much again each.
const MOST_SWEEPS: usize = 6;
const NARROW_SWEEPS: usize = 2;

/// The `k` nearest of all other rows for each row, nearest first, and how many of the true ones they hold; `k` is
/// smaller than the number of rows. The rows are put into another order on the way, in which near ones lie close
/// to each other in memory.
pub fn nearest(
    rows: &mut Rows,
    k: usize,
    seed: u64,
    ctx: &Ctx,
) -> Result<(Lists, Recall, &'static str), Cancelled> {
    let worth = if code_products::are_fast() { WORTH } else { 0.0 };
    search(rows, k, seed, worth, ctx)
}

/// The same; all pairs are compared rather than `worth` times as few by cells.
fn search(
    rows: &mut Rows,
    k: usize,
    seed: u64,
    worth: f64,
    ctx: &Ctx,
) -> Result<(Lists, Recall, &'static str), Cancelled> {
    // Coded cosines are a little off: a longer list lets the true neighbours in.
    let mut width = (k + k / 2 + 2).min(rows.len() - 1);
    let landmarks = Landmarks::of(rows, k, seed, ctx)?;
    let mut overlap = if rows.len() < MANY_ROWS { OVERLAP } else { 2 * OVERLAP };
    let mut homes = landmarks.ordered(rows, overlap, ctx)?;
    let codes = Codes::of(rows, ctx)?;
    let truth = Truth::of(rows, k, seed, ctx)?;
    let near = Near::of(rows.len(), width);
    let mut graph = loop {
        let cells = landmarks.cells(&homes, overlap);
        near.compare(rows, &codes, &cells, width, ctx)?;
        let graph = Graph::of(&codes, width, ctx, |row, candidates| near.of_row(row, candidates))?;
        let tried = graph.tried(&codes, truth.queries(), ctx)?;
        let promise = truth
            .share(rows, |row| truth.queries().binary_search(&(row as u32)).map_or(&[], |at| &tried[at]));
        tracing::info!("{overlap} cells a row: a search finds {promise} of the neighbours");
        if promise >= PROMISING || overlap >= MOST_OVERLAP {
            break graph;
        }
        if all_pairs_by_cells(rows.len(), &cells, promise) <= worth {
            drop((graph, homes, landmarks, cells));
            near.compare_everything(rows, &codes, width, ctx)?;
            let near = near.into_lists();
            let ids = |row: usize| near[row / BLOCK].ids(row % BLOCK);
            let recall = Recall::Estimated { share: truth.share(rows, ids), queries: truth.len() };
            return Ok((exact::ranked(rows, k, ctx, ids)?, recall, ALL_PAIRS));
        }
        overlap = more_cells(overlap, promise);
        if landmarks.compare_more_than_half(overlap) {
            rows.reorder_as_read();
            return Ok((exact::nearest(rows, k, ctx)?, Recall::Exact, EXACT));
        }
        homes = landmarks.homes(rows, overlap, ctx)?;
    };
    drop((near, homes, landmarks));

    let mut share = truth.share(rows, |row| graph.near(row));
    for sweep in 1..=MOST_SWEEPS {
        tracing::info!("before round {sweep}: {share} of the neighbours, {width} looked at");
        if share >= if sweep > NARROW_SWEEPS { PROMISED } else { ENOUGH } {
            break;
        }
        ctx.progress.begin(&format!("Improving neighbours, round {sweep}"), "points", rows.len() as u64, 0);
        if sweep > NARROW_SWEEPS {
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
    Ok((lists, Recall::Estimated { share, queries: truth.len() }, "HNSW"))
}

/// By how much the cells that a row is in should be doubled, and doubled again, where a search finds `promise` of the
/// neighbours.
fn doublings(promise: f32) -> f32 {
    (((1.0 - PROMISING) / (1.0 - promise)).ln() / LEFT_BY_TWICE.ln()).max(*DOUBLINGS.start())
}

/// How many cells a row should be in next, where a search finds `promise` of the neighbours with `overlap`.
fn more_cells(overlap: usize, promise: f32) -> usize {
    let doublings = doublings(promise).min(*DOUBLINGS.end());
    ((overlap as f32 * doublings.exp2()).ceil() as usize).min(MOST_OVERLAP)
}

/// How many times the pairs of enough cells all pairs are, where a search finds `promise` of the neighbours with
/// `cells`.
fn all_pairs_by_cells(n: usize, cells: &[Vec<u32>], promise: f32) -> f64 {
    let pairs: f64 = cells.iter().map(|cell| (cell.len() as f64).powi(2)).sum();
    let wanted = pairs * f64::from(2.0 * doublings(promise)).exp2();
    let times = (n as f64).powi(2) / wanted;
    tracing::info!("all pairs are {times:.1} times those of enough cells");
    times
}

/// 1 − cosine of unit vectors.
struct CosineDistance;

impl Distance<f32> for CosineDistance {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        (1.0 - vector::dot(a, b)).max(0.0)
    }
}

/// Some of the rows, to which all others are nearer or farther.
struct Landmarks {
    index: Hnsw<'static, f32, CosineDistance>,
    count: usize,
}

impl Landmarks {
    fn of(rows: &Rows, k: usize, seed: u64, ctx: &Ctx) -> Result<Self, Cancelled> {
        let per_landmark = ROWS_PER_LANDMARK.max(CELL_PER_NEIGHBOUR * k);
        let landmarks = sample(rows.len(), (rows.len() / per_landmark).max(1), seed);
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
        Ok(Self { index, count: landmarks.len() })
    }

    /// Whether cells that overlap so much come near to comparing every pair, and many of them several times: then
    /// comparing every pair once costs less.
    fn compare_more_than_half(&self, overlap: usize) -> bool {
        2 * overlap * overlap >= self.count
    }

    /// The `overlap` nearest landmarks of each row, nearest first, [`NOBODY`] where there are fewer.
    fn homes(&self, rows: &Rows, overlap: usize, ctx: &Ctx) -> Result<Vec<u32>, Cancelled> {
        ctx.progress.begin("Finding landmarks", "points", rows.len() as u64, 0);
        let mut homes = vec![NOBODY; rows.len() * overlap];
        homes.par_chunks_mut(BLOCK * overlap).enumerate().try_for_each_init(
            Vec::new,
            |vectors, (block, homes)| {
                ctx.cancel.check()?;
                let count = homes.len() / overlap;
                rows.block(block * BLOCK..block * BLOCK + count, vectors);
                for (homes, vector) in homes.chunks_mut(overlap).zip(vectors.chunks(rows.dim())) {
                    let found = self.index.search(vector, overlap, overlap + MORE_TO_FIND);
                    homes.iter_mut().zip(found).for_each(|(home, found)| *home = found.d_id as u32);
                }
                ctx.progress.advance(count as u64);
                Ok(())
            },
        )?;
        Ok(homes)
    }

    /// The same, with `rows` reordered so that those with the same nearest landmark follow each other.
    fn ordered(&self, rows: &mut Rows, overlap: usize, ctx: &Ctx) -> Result<Vec<u32>, Cancelled> {
        let homes = self.homes(rows, overlap, ctx)?;
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        order.sort_by_key(|&row| homes[row as usize * overlap]);
        rows.reorder(&order);
        let of_row = |&row: &u32| &homes[row as usize * overlap..(row as usize + 1) * overlap];
        Ok(order.iter().flat_map(of_row).copied().collect())
    }

    /// The rows of each cell, ascending; a cell of too many is cut in parts.
    fn cells(&self, homes: &[u32], overlap: usize) -> Vec<Vec<u32>> {
        let largest = (LARGEST_CELL * homes.len() / self.count).max(BLOCK);
        let mut part_of = vec![NOBODY; self.count];
        let mut members: Vec<Vec<u32>> = Vec::with_capacity(self.count);
        for (row, homes) in (0u32..).zip(homes.chunks(overlap)) {
            for &home in homes.iter().filter(|home| **home != NOBODY) {
                let part = &mut part_of[home as usize];
                if *part == NOBODY || members[*part as usize].len() >= largest {
                    *part = members.len() as u32;
                    members.push(Vec::new());
                }
                members[*part as usize].push(row);
            }
        }
        members
    }
}

/// For each row the best of the others in its cells, in blocks of [`BLOCK`] rows.
struct Near(Vec<Mutex<Best>>);

impl Near {
    fn of(n: usize, width: usize) -> Self {
        Self((0..n).step_by(BLOCK).map(|start| Mutex::new(Best::new(BLOCK.min(n - start), width))).collect())
    }

    /// Compares all pairs of each cell, and offers each row its `k` best there.
    fn compare(
        &self,
        rows: &Rows,
        codes: &Codes,
        cells: &[Vec<u32>],
        k: usize,
        ctx: &Ctx,
    ) -> Result<(), Cancelled> {
        let n = rows.len();
        ctx.progress.begin("Finding neighbours", "points", n as u64, 0);
        let total: usize = cells.iter().map(Vec::len).sum();
        let done = AtomicUsize::new(0);
        cells.par_iter().try_for_each_init(Tile::default, |tile, members| {
            let mut best = Best::new(members.len(), k);
            // What does not make it onto a list as it is now will not later: lists only get better.
            self.visit(members, |list, row, at| best.raise_floor(at, list.floors()[row]));
            tile.compare_all(rows, codes, members, &mut best, ctx)?;
            self.visit(members, |list, row, at| {
                best.list(at).for_each(|(similarity, id)| list.offer_again(row, similarity, id));
            });
            let done = done.fetch_add(members.len(), Ordering::Relaxed) + members.len();
            ctx.progress.set((n as u128 * done as u128 / total as u128) as u64);
            Ok(())
        })
    }

    /// Compares all pairs, and offers each row its `k` best.
    fn compare_everything(&self, rows: &Rows, codes: &Codes, k: usize, ctx: &Ctx) -> Result<(), Cancelled> {
        let n = codes.len();
        let sides: Vec<Vec<u32>> = (0..n)
            .step_by(SIDE)
            .map(|start| (start as u32..(start + SIDE).min(n) as u32).collect())
            .collect();
        // Each side by itself as a cell; then diagonal by diagonal, so that threads side by side rarely want the same
        // lists.
        self.compare(rows, codes, &sides, k, ctx)?;
        ctx.progress.begin("Comparing all pairs", "points", n as u64, 0);
        let tiles: Vec<(usize, usize)> = (1..sides.len())
            .flat_map(|offset| (0..sides.len() - offset).map(move |a| (a, a + offset)))
            .collect();
        let done = AtomicUsize::new(0);
        let begin = || (Tile::default(), Best::new(2 * SIDE, k), Vec::new());
        tiles.par_iter().try_for_each_init(begin, |(tile, best, members), &(a, b)| {
            ctx.cancel.check()?;
            members.clear();
            members.extend(sides[a].iter().chain(&sides[b]));
            best.clear();
            self.visit(members, |list, row, at| best.raise_floor(at, list.floors()[row]));
            tile.compare_halves(codes, members, sides[a].len(), best);
            self.visit(members, |list, row, at| {
                best.list(at).for_each(|(similarity, id)| list.offer_again(row, similarity, id));
            });
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            ctx.progress.set((n as u128 * done as u128 / tiles.len() as u128) as u64);
            Ok(())
        })?;
        Ok(())
    }

    fn into_lists(self) -> Vec<Best> {
        self.0.into_iter().map(|lists| lists.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// Calls `visit` for each of some rows, ascending, with the lists of its block, its place there, and its place in
    /// `members`.
    fn visit(&self, members: &[u32], mut visit: impl FnMut(&mut Best, usize, usize)) {
        let mut at = 0;
        for rows in members.chunk_by(|a, b| *a as usize / BLOCK == *b as usize / BLOCK) {
            let mut lists = self.0[rows[0] as usize / BLOCK].lock().unwrap_or_else(PoisonError::into_inner);
            for &row in rows {
                visit(&mut lists, row as usize % BLOCK, at);
                at += 1;
            }
        }
    }

    /// Appends the ids in the list of `row`.
    fn of_row(&self, row: u32, ids: &mut Vec<u32>) {
        let list = self.0[row as usize / BLOCK].lock().unwrap_or_else(PoisonError::into_inner);
        ids.extend_from_slice(list.ids(row as usize % BLOCK));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Matrix};
    use crate::math::random::Random;

    /// Noise about a few thousand directions: more than few cells hold.
    fn weakly_structured(n: usize, dim: usize) -> Matrix {
        let directions = noise(5, n / 20 * dim);
        let near = |at: usize| directions[at / dim % (n / 20) * dim + at % dim];
        let noise = noise(6, n * dim).into_iter().enumerate();
        matrix(dim, noise.map(|(at, noise)| 0.9 * noise + near(at)).collect())
    }

    fn noise(seed: u64, len: usize) -> Vec<f32> {
        let mut random = Random::new(seed);
        (0..len).map(|_| random.unit() as f32 - 0.5).collect()
    }

    fn matrix(dim: usize, values: Vec<f32>) -> Matrix {
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, dim, values)
    }

    #[test]
    fn cells_overlap_until_enough_is_found_or_all_pairs_are_compared() {
        let matrix = weakly_structured(40_000, 40);
        let mut found = Vec::new();
        for (worth, least) in [(0.0, 0.95), (f64::INFINITY, 0.995)] {
            let mut rows = Rows::of(&matrix, &Ctx::quiet()).unwrap();
            let (lists, recall, method) = search(&mut rows, 15, 7, worth, &Ctx::quiet()).unwrap();
            let share = match recall {
                Recall::Estimated { share, .. } => share,
                _ => 1.0,
            };
            assert!(share >= least, "{method}: {share}");
            assert_eq!(method == ALL_PAIRS, worth > 0.0);
            found.push(rows.expand(&lists, 15).0);
        }
        let same = found[0].iter().zip(&found[1]).filter(|(a, b)| a == b).count();
        assert!(same as f64 > 0.8 * found[0].len() as f64, "{same} of {} are the same", found[0].len());
    }

    #[test]
    fn a_search_that_gets_nowhere_gives_way_to_comparing_every_pair() {
        let matrix = matrix(128, noise(4, 8000 * 128));
        let read = || Rows::of(&matrix, &Ctx::quiet()).unwrap();
        let (lists, recall, method) = search(&mut read(), 5, 7, 0.0, &Ctx::quiet()).unwrap();
        assert_eq!((method, recall), (EXACT, Recall::Exact));
        let exact = exact::nearest(&read(), 5, &Ctx::quiet()).unwrap();
        assert_eq!(read().expand(&lists, 5), read().expand(&exact, 5));
    }

    #[test]
    fn as_many_cells_are_taken_as_should_do() {
        assert_eq!(more_cells(8, 0.2), 16);
        assert_eq!(more_cells(16, 0.90), 24);
        assert_eq!(more_cells(16, 0.939), 20);
        assert_eq!(more_cells(30, 0.5), MOST_OVERLAP);
    }
}
