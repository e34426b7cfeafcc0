//! The neighbours of some rows among all others, and whose neighbours they become: what a search over everything
//! would find for them, at the price of comparing only them with everything.
//!
//! As in `exact`, blocks depend on the number of rows alone and lists do not mind the order of offers, so that the
//! result is the same at any number of threads.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::best::Best;
use super::exact::products;
use super::rows::nearer;
use super::vector;
use crate::data::Matrix;
use crate::job::{Cancelled, Ctx};

/// Rows of a block.
const BLOCK: usize = 1024;

/// Products that are looked at together: mostly none of them is large enough.
const GLANCE: usize = 32;

/// Neighbours by similarity, nearest first.
pub type List = Vec<(f32, u32)>;

/// What to look for.
pub struct Search<'a> {
    pub matrix: &'a Matrix,
    /// The rows whose neighbours are wanted.
    pub queries: &'a [u32],
    /// For every row whether it is new; only new queries arrive in the lists of others.
    pub is_new: &'a [bool],
    /// For every row the cosine above which a new query is nearer than its last neighbour; infinite where nobody
    /// shall arrive.
    pub floors: &'a [f32],
    /// Neighbours a list; fewer where there are not as many rows.
    pub k: usize,
}

/// What was found.
pub struct Found {
    /// For each query the nearest rows that are not new.
    pub settled: Vec<List>,
    /// For each query the nearest of all rows.
    pub all: Vec<List>,
    /// (row, new query, cosine) wherever a new query is nearer than a row's floor, by row.
    pub arrivals: Vec<(u32, u32, f32)>,
}

impl Search<'_> {
    /// Compares every query with every row, by cosine; rows of zeros are at cosine 0 from everything.
    ///
    /// Memory: the queries as floats, a few MiB a thread, and the lists.
    pub fn run(&self, ctx: &Ctx) -> Result<Found, Cancelled> {
        let (n, dim) = (self.matrix.rows(), self.matrix.dim());
        ctx.progress.begin("Comparing with the map's documents", "points", n as u64, 0);
        let mut vectors = vec![0.0; self.queries.len() * dim];
        vectors
            .par_chunks_mut(dim.max(1))
            .zip(self.queries)
            .for_each(|(out, &row)| unit_row(self.matrix, row, out));
        let best: Vec<Mutex<[Best; 2]>> = self
            .queries
            .chunks(BLOCK)
            .map(|queries| Mutex::new([0, 1].map(|_| Best::new(queries.len(), self.k))))
            .collect();
        let arrivals: Vec<Vec<(u32, u32)>> = (0..n.div_ceil(BLOCK))
            .into_par_iter()
            .map_init(Vec::new, |tile, block| {
                ctx.cancel.check()?;
                let rows = block * BLOCK..((block + 1) * BLOCK).min(n);
                let mut others = self.matrix.block(rows.clone()).into_owned();
                others.chunks_mut(dim.max(1)).for_each(to_unit);
                let mut arrivals = Vec::new();
                for (part, best) in best.iter().enumerate() {
                    let queries = part * BLOCK..(part * BLOCK + BLOCK).min(self.queries.len());
                    products(&vectors[queries.start * dim..queries.end * dim], &others, dim, tile);
                    let mut best = best.lock().unwrap_or_else(PoisonError::into_inner);
                    for (local, products) in tile.chunks(rows.len()).enumerate() {
                        let query = self.queries[queries.start + local];
                        self.offer(&mut best, local, query, rows.start, products);
                        if self.is_new[query as usize] {
                            self.arrive(query, rows.start, products, &mut arrivals);
                        }
                    }
                }
                ctx.progress.advance(rows.len() as u64);
                Ok(arrivals)
            })
            .collect::<Result<_, Cancelled>>()?;
        self.ranked(best, arrivals.concat(), ctx)
    }

    /// Offers the rows from `first` on to the lists of a query: those that are not new to one, new ones to the other.
    fn offer(&self, best: &mut [Best; 2], local: usize, query: u32, first: usize, products: &[f32]) {
        for (glance, products) in products.chunks(GLANCE).enumerate() {
            let floor = best[0].floors()[local].min(best[1].floors()[local]);
            if !products.iter().fold(false, |any, &product| any | (product >= floor)) {
                continue;
            }
            for (row, &product) in (first + glance * GLANCE..).zip(products) {
                let best = &mut best[usize::from(self.is_new[row])];
                if product >= best.floors()[local] && row as u32 != query {
                    best.offer(local, product, row as u32);
                }
            }
        }
    }

    /// Notes the rows from `first` on that `query` is near to.
    fn arrive(&self, query: u32, first: usize, products: &[f32], arrivals: &mut Vec<(u32, u32)>) {
        let floors = &self.floors[first..first + products.len()];
        for (glance, (products, floors)) in products.chunks(GLANCE).zip(floors.chunks(GLANCE)).enumerate() {
            if !products.iter().zip(floors).fold(false, |any, (product, floor)| any | (product > floor)) {
                continue;
            }
            let near = (first + glance * GLANCE..).zip(products.iter().zip(floors));
            arrivals.extend(
                near.filter(|(_, (product, floor))| product > floor).map(|(row, _)| (row as u32, query)),
            );
        }
    }

    /// Exact cosines and order for what was found.
    fn ranked(
        &self,
        best: Vec<Mutex<[Best; 2]>>,
        mut arrivals: Vec<(u32, u32)>,
        ctx: &Ctx,
    ) -> Result<Found, Cancelled> {
        let best: Vec<[Best; 2]> =
            best.into_iter().map(|best| best.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
        let lists: Vec<(List, List)> = self
            .queries
            .par_iter()
            .enumerate()
            .map(|(at, &query)| {
                ctx.cancel.check()?;
                let [settled, new] = &best[at / BLOCK];
                let rank =
                    |ids: &[u32]| -> List { ids.iter().map(|&id| (self.cosine(query, id), id)).collect() };
                let (mut settled, new) = (rank(settled.ids(at % BLOCK)), rank(new.ids(at % BLOCK)));
                settled.sort_unstable_by(nearer);
                let mut all = [settled.clone(), new].concat();
                all.sort_unstable_by(nearer);
                all.truncate(self.k);
                Ok((settled, all))
            })
            .collect::<Result<_, Cancelled>>()?;
        arrivals.sort_unstable();
        let arrivals = arrivals
            .into_par_iter()
            .map(|(row, query)| (row, query, self.cosine(row, query)))
            .filter(|&(row, _, cosine)| cosine > self.floors[row as usize])
            .collect();
        let (settled, all) = lists.into_iter().unzip();
        Ok(Found { settled, all, arrivals })
    }

    /// The exact cosine of two rows: 1 for copies, as for a search over everything.
    fn cosine(&self, a: u32, b: u32) -> f32 {
        let dim = self.matrix.dim();
        let mut pair = vec![0.0; 2 * dim];
        let (left, right) = pair.split_at_mut(dim);
        unit_row(self.matrix, a, left);
        unit_row(self.matrix, b, right);
        if left == right && left.iter().any(|&v| v != 0.0) {
            1.0
        } else {
            vector::dot(left, right).clamp(-1.0, 1.0)
        }
    }
}

fn unit_row(matrix: &Matrix, row: u32, out: &mut [f32]) {
    out.copy_from_slice(&matrix.row(row as usize));
    to_unit(out);
}

fn to_unit(row: &mut [f32]) {
    let factor = vector::inverse_norm(row);
    vector::scale(row, factor);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Key;
    use crate::math::hash;
    use crate::math::neighbours::{self, NeighbourParams};

    const DIM: usize = 12;

    fn matrix(n: usize) -> Matrix {
        let values = (0..n * DIM).map(|i| hash::normal(5, i as u64) as f32).collect();
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, DIM, values)
    }

    #[test]
    fn newcomers_have_the_neighbours_that_a_search_over_everything_finds_and_arrive_where_they_should() {
        let (n, k) = (2600, 6);
        let matrix = matrix(n);
        let params = NeighbourParams { k, ..NeighbourParams::default() };
        let whole = neighbours::find(&matrix, &params, &Ctx::quiet()).unwrap().0;
        // Every third row is new: the floors are those of the lists of the others alone.
        let is_new: Vec<bool> = (0..n).map(|i| i.is_multiple_of(3)).collect();
        let queries: Vec<u32> = (0..n as u32).filter(|&i| is_new[i as usize]).collect();
        let search = |floors: &[f32]| {
            Search { matrix: &matrix, queries: &queries, is_new: &is_new, floors, k }
                .run(&Ctx::quiet())
                .unwrap()
        };
        let mut floors = vec![f32::INFINITY; n];
        for i in (0..n).filter(|&i| !is_new[i]) {
            floors[i] = whole.similarities[(i + 1) * k - 1] - 0.01;
        }
        let found = search(&floors);
        for (&query, list) in queries.iter().zip(&found.all) {
            let ids: Vec<u32> = list.iter().map(|near| near.1).collect();
            assert_eq!(ids, whole.indices[query as usize * k..(query as usize + 1) * k]);
        }
        assert!(
            found
                .settled
                .iter()
                .all(|list| list.len() == k && list.iter().all(|near| !is_new[near.1 as usize]))
        );
        for i in (0..n).filter(|&i| !is_new[i]) {
            for &id in whole.indices[i * k..(i + 1) * k].iter().filter(|&&id| is_new[id as usize]) {
                assert!(found.arrivals.iter().any(|arrival| (arrival.0, arrival.1) == (i as u32, id)));
            }
        }
        assert!(
            found.arrivals.iter().all(|arrival| !is_new[arrival.0 as usize] && is_new[arrival.1 as usize])
        );
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let matrix = matrix(3000);
        let is_new: Vec<bool> = (0..3000).map(|i| i >= 1700).collect();
        let queries: Vec<u32> = (1700..3000).collect();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let floors = vec![0.6; 3000];
            let search =
                Search { matrix: &matrix, queries: &queries, is_new: &is_new, floors: &floors, k: 5 };
            let found = pool.install(|| search.run(&Ctx::quiet()).unwrap());
            (found.settled, found.all, found.arrivals)
        };
        assert_eq!(with(1), with(3));
    }
}
