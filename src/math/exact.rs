//! Every pair compared: products of blocks of rows, each of which serves both of its sides.
//!
//! The blocks depend on the number of rows alone, a pair is multiplied once, and the lists that collect the best
//! do not mind the order of offers: the result is the same at any number of threads. The cosines that come out are
//! computed again by one kernel ([`Rows::rank`]), so that they do not depend on the place of a row in its block;
//! only which of two rows that differ by rounding error (about 1e-7) takes the last place may.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::best::Best;
use super::code_products::{self, CodedBlock};
use super::codes::Codes;
use super::rows::{Lists, Rows, Scratch};
use crate::job::{Cancelled, Ctx};

/// Rows of a block. A tile of products takes 4 MiB a thread; smaller tiles spend more on packing.
const BLOCK: usize = 1024;

/// Rows of a cell that are multiplied by themselves and all after them.
const STEP: usize = 192;

/// Products that are looked at together: mostly none of them is large enough.
const GLANCE: usize = 32;

/// The `k` nearest of all other rows for each row, nearest first; `k` is smaller than the number of rows.
pub fn nearest(rows: &Rows, k: usize, ctx: &Ctx) -> Result<Lists, Cancelled> {
    let n = rows.len();
    if k == 0 {
        return Ok(Lists { k, ids: Vec::new(), similarities: Vec::new() });
    }
    ctx.progress.begin("Finding neighbours", "points", n as u64, 0);
    let blocks = n.div_ceil(BLOCK);
    let best: Vec<Mutex<Best>> = (0..blocks).map(|b| Mutex::new(Best::new(range(b, n).len(), k))).collect();
    // Diagonal by diagonal, so that threads side by side rarely want the same lists.
    let tiles: Vec<(usize, usize)> =
        (0..blocks).flat_map(|offset| (0..blocks - offset).map(move |b| (b, b + offset))).collect();
    let done = AtomicUsize::new(0);
    tiles.par_iter().try_for_each_init(Tile::default, |tile, &(a, b)| {
        ctx.cancel.check()?;
        rows.block(range(a, n), &mut tile.left);
        rows.block(range(b, n), &mut tile.right);
        tile.multiply(rows.dim(), range(a, n).len(), 0..range(b, n).len());
        tile.offer_to_left(&mut locked(&best[a]), 0, (a == b).then_some(0), |column| {
            (b * BLOCK + column) as u32
        });
        if a != b {
            tile.offer_to_right(&mut locked(&best[b]), 0, 0, |row| (a * BLOCK + row) as u32);
        }
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        ctx.progress.set((n * done / tiles.len()) as u64);
        Ok(())
    })?;
    let best: Vec<Best> =
        best.into_iter().map(|best| best.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
    ranked(rows, k, ctx, |i| best[i / BLOCK].ids(i % BLOCK))
}

/// The `k` nearest of all other rows for some `queries`, one list a query.
pub fn nearest_of(
    rows: &Rows,
    queries: &[u32],
    k: usize,
    ctx: &Ctx,
) -> Result<Vec<Vec<(f32, u32)>>, Cancelled> {
    let mut vectors = Vec::new();
    rows.gather(queries.iter().copied(), &mut vectors);
    let best =
        best_of(&vectors, queries, rows.dim(), k, rows.len(), |range, out| rows.block(range, out), ctx)?;
    let queries = queries.par_iter().enumerate();
    Ok(queries
        .map_init(Scratch::default, |scratch, (query, &id)| {
            let others = best.ids(query).iter().copied().filter(|&other| other != id);
            rows.rank(id, others, scratch)
        })
        .collect())
}

/// The `k` best of `n` rows for each of `queries`, unit vectors of `dim` components that are the rows `ids`
/// themselves and not their own neighbours. `read` gives a block of rows, as unit vectors.
pub fn best_of(
    queries: &[f32],
    ids: &[u32],
    dim: usize,
    k: usize,
    n: usize,
    read: impl Fn(std::ops::Range<usize>, &mut Vec<f32>) + Sync,
    ctx: &Ctx,
) -> Result<Best, Cancelled> {
    let best = Mutex::new(Best::new(ids.len(), k));
    (0..n.div_ceil(BLOCK)).into_par_iter().try_for_each_init(
        || Tile { left: queries.to_vec(), ..Tile::default() },
        |tile, block| {
            ctx.cancel.check()?;
            let rows = range(block, n);
            read(rows.clone(), &mut tile.right);
            tile.multiply(dim, ids.len(), 0..rows.len());
            // A query's own product must not count as a neighbour.
            for (query, &id) in ids.iter().enumerate().filter(|(_, id)| rows.contains(&(**id as usize))) {
                tile.products[query * tile.width + id as usize - block * BLOCK] = f32::NEG_INFINITY;
            }
            tile.offer_to_left(&mut locked(&best), 0, None, |column| (block * BLOCK + column) as u32);
            Ok(())
        },
    )?;
    Ok(best.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Exact cosines and order for the ids that `candidates` gives each row, of which at least `k` must be given.
pub fn ranked<'c>(
    rows: &Rows,
    k: usize,
    ctx: &Ctx,
    candidates: impl Fn(usize) -> &'c [u32] + Sync,
) -> Result<Lists, Cancelled> {
    let n = rows.len();
    let mut lists = Lists { k, ids: vec![0; n * k], similarities: vec![0.0; n * k] };
    let out = lists.ids.par_chunks_mut(BLOCK * k).zip(lists.similarities.par_chunks_mut(BLOCK * k));
    out.enumerate().try_for_each_init(Scratch::default, |scratch, (block, (ids, similarities))| {
        ctx.cancel.check()?;
        let out = ids.chunks_mut(k).zip(similarities.chunks_mut(k));
        for (i, (ids, similarities)) in (block * BLOCK..).zip(out) {
            let ranked = rows.rank(i as u32, candidates(i).iter().copied(), scratch);
            for ((id, similarity), ranked) in ids.iter_mut().zip(similarities).zip(ranked) {
                (*similarity, *id) = ranked;
            }
        }
        Ok(())
    })?;
    Ok(lists)
}

fn range(block: usize, n: usize) -> std::ops::Range<usize> {
    block * BLOCK..((block + 1) * BLOCK).min(n)
}

fn locked(best: &Mutex<Best>) -> std::sync::MutexGuard<'_, Best> {
    best.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The products of all rows of `left` with all of `right`, `dim` components each: a row for each row of `left`.
pub(super) fn products(left: &[f32], right: &[f32], dim: usize, out: &mut Vec<f32>) {
    let (height, width) = (left.len() / dim.max(1), right.len() / dim.max(1));
    out.resize(height * width, 0.0);
    // SAFETY: the strides stay within left (height × dim), right (width × dim) and out (height × width).
    unsafe {
        gemm::gemm(
            height,
            width,
            dim,
            out.as_mut_ptr(),
            1,
            width as isize,
            false,
            left.as_ptr(),
            1,
            dim as isize,
            right.as_ptr(),
            dim as isize,
            1,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// One thread's two blocks of rows and the products of their pairs.
#[derive(Default)]
pub struct Tile {
    left: Vec<f32>,
    right: Vec<f32>,
    /// A row for each row of `left`, a column for each of `right`.
    products: Vec<f32>,
    width: usize,
    coded: CodedBlock,
}

impl Tile {
    /// Offers each of `ids` all others of them; `best` holds a list for each, and what it lets in. By coded cosines
    /// where these are faster.
    pub fn compare_all(
        &mut self,
        rows: &Rows,
        codes: &Codes,
        ids: &[u32],
        best: &mut Best,
        ctx: &Ctx,
    ) -> Result<(), Cancelled> {
        let (n, dim) = (ids.len(), rows.dim());
        let coded = code_products::are_fast();
        match coded {
            true => self.coded.take(codes, ids),
            false => rows.gather(ids.iter().copied(), &mut self.right),
        }
        for start in (0..n).step_by(STEP) {
            ctx.cancel.check()?;
            let height = STEP.min(n - start);
            if coded {
                self.width = n - start;
                self.coded.multiply(start..start + height, start..n, &mut self.products);
            } else {
                self.left.clear();
                self.left.extend_from_slice(&self.right[start * dim..(start + height) * dim]);
                self.multiply(dim, height, start..n);
            }
            self.offer_to_left(best, start, Some(0), |column| ids[start + column]);
            self.offer_to_right(best, height, start, |row| ids[start + row]);
        }
        Ok(())
    }

    /// Offers each of the first `half` of `ids` all of the others, and the other way round, by coded cosines. `half` is a
    /// multiple of 16; `best` is as for [`Tile::compare_all`].
    pub fn compare_halves(&mut self, codes: &Codes, ids: &[u32], half: usize, best: &mut Best) {
        self.coded.take(codes, ids);
        self.width = ids.len() - half;
        for start in (0..half).step_by(STEP) {
            let height = STEP.min(half - start);
            self.coded.multiply(start..start + height, half..ids.len(), &mut self.products);
            self.offer_to_left(best, start, None, |column| ids[half + column]);
            self.offer_to_right(best, 0, half, |row| ids[start + row]);
        }
    }

    /// Multiplies `height` rows of `left` by those of `right` in `columns`.
    fn multiply(&mut self, dim: usize, height: usize, columns: std::ops::Range<usize>) {
        let width = columns.len();
        let (left, right) = (&self.left[..height * dim], &self.right[columns.start * dim..columns.end * dim]);
        self.width = width;
        products(left, right, dim, &mut self.products);
    }

    /// Offers every column to every row's list: row `r` has the list `first + r`, column `c` is the row `id(c)`, and
    /// where the blocks are the same rows, `own` is the column of row 0, which is not offered to itself.
    fn offer_to_left(&self, best: &mut Best, first: usize, own: Option<usize>, id: impl Fn(usize) -> u32) {
        for (row, products) in self.products.chunks(self.width.max(1)).enumerate() {
            let own = own.map(|own| own + row);
            for (glance, products) in products.chunks(GLANCE).enumerate() {
                let floor = best.floors()[first + row];
                if !products.iter().fold(false, |any, &product| any | (product >= floor)) {
                    continue;
                }
                for (column, &product) in (glance * GLANCE..).zip(products) {
                    if product >= best.floors()[first + row] && Some(column) != own {
                        best.offer(first + row, product, id(column));
                    }
                }
            }
        }
    }

    /// Offers every row to the lists of the columns from `from` on: row `r` is the row `id(r)`, column `c` has the
    /// list `first + c`.
    fn offer_to_right(&self, best: &mut Best, from: usize, first: usize, id: impl Fn(usize) -> u32) {
        for (row, products) in self.products.chunks(self.width.max(1)).enumerate() {
            for (glance, products) in products[from..].chunks(GLANCE).enumerate() {
                let start = first + from + glance * GLANCE;
                let floors = &best.floors()[start..start + products.len()];
                if !products.iter().zip(floors).fold(false, |any, (product, floor)| any | (product >= floor))
                {
                    continue;
                }
                for (list, &product) in (start..).zip(products) {
                    if product >= best.floors()[list] {
                        best.offer(list, product, id(row));
                    }
                }
            }
        }
    }
}
