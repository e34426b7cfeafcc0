//! The rows nearest to vectors that are no rows themselves, such as that of a sentence just typed: every row is compared.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::best::Best;
use super::exact::products;
use super::newcomers::List;
use super::rows::{nearer, widen};
use super::vector;
use crate::data::{Mask, Matrix};
use crate::job::{Cancelled, Ctx};

/// Rows of a block.
const BLOCK: usize = 1024;

/// From so many queries on, a block is multiplied as a whole.
const MANY: usize = 4;

/// The `k` rows of `matrix` most similar to each of `queries` by cosine, nearest first; all there are where those are
/// fewer. `queries` are vectors of length one, end to end; `within` keeps others out.
///
/// Rows of zeros are at cosine 0 from everything. The cosines come from one kernel, so that those of a query do not
/// depend on what else is asked; which of two rows that differ by rounding error (1e-7) takes the last place may.
pub fn nearest_to(
    matrix: &Matrix,
    queries: &[f32],
    k: usize,
    within: Option<&Mask>,
    ctx: &Ctx,
) -> Result<Vec<List>, Cancelled> {
    let dim = matrix.dim().max(1);
    let count = queries.len() / dim;
    let rows: Rows = match within {
        Some(mask) => Rows::Some(mask.documents().filter(|&row| (row as usize) < matrix.rows()).collect()),
        None => Rows::All(matrix.rows()),
    };
    if k == 0 || count == 0 {
        return Ok(vec![List::new(); count]);
    }
    let best = Mutex::new(Best::new(count, k.min(rows.len().max(1))));
    (0..rows.len().div_ceil(BLOCK)).into_par_iter().try_for_each_init(
        Scratch::default,
        |scratch, block| {
            ctx.cancel.check()?;
            let range = block * BLOCK..((block + 1) * BLOCK).min(rows.len());
            scratch.read(matrix, range.clone().map(|at| rows.at(at)));
            scratch.multiply(queries, dim);
            let mut best = best.lock().unwrap_or_else(PoisonError::into_inner);
            for (query, cosines) in scratch.cosines.chunks_exact(range.len()).enumerate() {
                for (at, &cosine) in range.clone().zip(cosines) {
                    if cosine >= best.floors()[query] {
                        best.offer(query, cosine, rows.at(at));
                    }
                }
            }
            Ok(())
        },
    )?;
    let best = best.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(queries
        .chunks_exact(dim)
        .enumerate()
        .map(|(at, query)| {
            let mut list: List = best.ids(at).iter().map(|&row| (cosine(matrix, query, row), row)).collect();
            list.sort_unstable_by(nearer);
            list
        })
        .collect())
}

/// The exact cosine of `query`, a vector of length one, with a row.
pub fn cosine(matrix: &Matrix, query: &[f32], row: u32) -> f32 {
    let mut values = vec![0.0; matrix.dim()];
    widen(matrix, row as usize, &mut values);
    let factor = vector::inverse_norm(&values);
    vector::scale(&mut values, factor);
    vector::dot(query, &values).clamp(-1.0, 1.0)
}

enum Rows {
    All(usize),
    Some(Vec<u32>),
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Self::All(n) => *n,
            Self::Some(rows) => rows.len(),
        }
    }

    fn at(&self, at: usize) -> u32 {
        match self {
            Self::All(_) => at as u32,
            Self::Some(rows) => rows[at],
        }
    }
}

/// One thread's block of rows.
#[derive(Default)]
struct Scratch {
    rows: Vec<f32>,
    inverse_norms: Vec<f32>,
    /// A row for each query.
    cosines: Vec<f32>,
}

impl Scratch {
    fn read(&mut self, matrix: &Matrix, rows: impl ExactSizeIterator<Item = u32>) {
        let dim = matrix.dim().max(1);
        self.rows.resize(rows.len() * dim, 0.0);
        self.inverse_norms.clear();
        for (row, out) in rows.zip(self.rows.chunks_exact_mut(dim)) {
            widen(matrix, row as usize, out);
            self.inverse_norms.push(vector::inverse_norm(out));
        }
    }

    fn multiply(&mut self, queries: &[f32], dim: usize) {
        if queries.len() < MANY * dim {
            self.cosines.clear();
            for query in queries.chunks_exact(dim) {
                self.cosines.extend(self.rows.chunks_exact(dim).map(|row| vector::dot(query, row)));
            }
        } else {
            products(queries, &self.rows, dim, &mut self.cosines);
        }
        for cosines in self.cosines.chunks_exact_mut(self.inverse_norms.len()) {
            // Rows that have no direction may hold what is no number.
            cosines.iter_mut().zip(&self.inverse_norms).for_each(|(cosine, &factor)| {
                *cosine = if factor == 0.0 { 0.0 } else { *cosine * factor };
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::Key;
    use crate::math::hash;

    const DIM: usize = 7;

    fn matrix(n: usize) -> Matrix {
        let mut values: Vec<f32> = (0..n * DIM).map(|i| hash::normal(3, i as u64) as f32).collect();
        // An empty text.
        values.iter_mut().take(DIM).for_each(|v| *v = 0.0);
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, DIM, values)
    }

    fn queries(count: usize) -> Vec<f32> {
        let mut values: Vec<f32> = (0..count * DIM).map(|i| hash::normal(9, i as u64) as f32).collect();
        for query in values.chunks_exact_mut(DIM) {
            let factor = vector::inverse_norm(query);
            vector::scale(query, factor);
        }
        values
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn those_found_are_the_best_of_all_that_a_filter_keeps(
            n in 1usize..2500, count in 1usize..7, k in 1usize..12, every in 1usize..40,
        ) {
            let (matrix, queries) = (matrix(n), queries(count));
            let mask = Mask::of_fn(n, |i| i.is_multiple_of(every));
            for within in [None, Some(&mask)] {
                let found = nearest_to(&matrix, &queries, k, within, &Ctx::quiet()).unwrap();
                for (query, list) in queries.chunks_exact(DIM).zip(&found) {
                    let rows = (0..n as u32).filter(|&row| within.is_none_or(|mask| mask.contains(row)));
                    let mut all: List = rows.map(|row| (cosine(&matrix, query, row), row)).collect();
                    all.sort_unstable_by(nearer);
                    all.truncate(k);
                    let cosines = |list: &List| list.iter().map(|near| near.0).collect::<Vec<_>>();
                    prop_assert_eq!(cosines(list), cosines(&all));
                }
            }
        }
    }

    #[test]
    fn a_query_has_the_same_neighbours_alone_and_among_others() {
        let (matrix, queries) = (matrix(3000), queries(9));
        let together = nearest_to(&matrix, &queries, 5, None, &Ctx::quiet()).unwrap();
        for (query, list) in queries.chunks_exact(DIM).zip(together) {
            assert_eq!(nearest_to(&matrix, query, 5, None, &Ctx::quiet()).unwrap(), [list]);
        }
    }

    #[test]
    fn a_filter_that_keeps_nothing_gives_empty_lists() {
        let found = nearest_to(&matrix(50), &queries(2), 5, Some(&Mask::none(50)), &Ctx::quiet()).unwrap();
        assert_eq!(found, [List::new(), List::new()]);
    }
}
