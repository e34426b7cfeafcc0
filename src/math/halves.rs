//! What half precision costs: how many of the neighbours of some vectors are their neighbours still when every
//! component has eleven bits.

use std::ops::Range;

use super::exact;
use super::sample::sample;
use super::vector;
use crate::data::{LARGEST_HALF, Matrix, Recall};
use crate::job::{Cancelled, Ctx};

/// Rows whose neighbours are compared before and after. With 15 neighbours each, the standard error of a share near
/// .99 is about .001.
const QUERIES: usize = 1000;

/// Rows looked at in one go.
const BLOCK: usize = 4096;

/// Sets the sample apart from others that are drawn with the same seed.
const SALT: u64 = 0x6861_6c76_6573;

/// How far below the last true neighbour's a cosine may be and count: rounding error, which lets ties count.
const TIE: f32 = 1e-6;

/// Why there can be no copy in half precision.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum HalfError {
    #[error(
        "Vector {row} (counted from 0) holds {value}, beyond ±{LARGEST_HALF}, the largest number in half precision. \
         Keep these vectors in full precision, or scale them."
    )]
    TooLarge { row: usize, value: f32 },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// The share of the `k` true neighbours, by cosine, of a sample of the rows of `matrix` that are among the `k`
/// nearest once all rows are in half precision. Everything is compared with the sample: 2 · 1,000 · n · d products.
pub fn kept(matrix: &Matrix, k: usize, seed: u64, ctx: &Ctx) -> Result<Recall, HalfError> {
    let (n, dim) = (matrix.rows(), matrix.dim());
    ctx.progress.begin("Halving vectors", "points", n as u64, 0);
    for range in matrix.ranges(BLOCK) {
        ctx.cancel.check()?;
        if let Err(value) = matrix.halves(range.clone()) {
            let at = matrix.block(range.clone()).iter().position(|&v| v == value).unwrap_or(0);
            return Err(HalfError::TooLarge { row: range.start + at / dim.max(1), value });
        }
        ctx.progress.set(range.end as u64);
    }
    let queries = sample(n, QUERIES, seed ^ SALT);
    let k = k.min(n.saturating_sub(1));
    if k == 0 {
        return Ok(Recall::Estimated { share: 1.0, queries: queries.len() });
    }
    ctx.progress.begin("Comparing with full precision", "points", n as u64, 0);
    let full = |range: Range<usize>, out: &mut Vec<f32>| {
        out.clear();
        out.extend_from_slice(&matrix.block(range));
        make_unit(out, dim);
    };
    let rounded = |range: Range<usize>, out: &mut Vec<f32>| {
        out.clear();
        out.resize(range.len() * dim, 0.0);
        // All of them were converted before.
        if let Ok(halves) = matrix.halves(range) {
            vector::widen(&halves, out);
        }
        make_unit(out, dim);
    };
    let (before, after) = (gathered(&queries, full), gathered(&queries, rounded));
    let truth = exact::best_of(&before, &queries, dim, k, n, full, ctx)?;
    let found = exact::best_of(&after, &queries, dim, k, n, rounded, ctx)?;
    let (mut hits, mut other) = (0, Vec::new());
    for (query, own) in before.chunks_exact(dim).enumerate() {
        let mut similarity = |id: u32| {
            full(id as usize..id as usize + 1, &mut other);
            vector::dot(own, &other)
        };
        let floor = truth.ids(query).iter().map(|&id| similarity(id)).fold(f32::INFINITY, f32::min);
        hits += found.ids(query).iter().filter(|&&id| similarity(id) >= floor - TIE).count();
    }
    Ok(Recall::Estimated { share: hits as f32 / (queries.len() * k) as f32, queries: queries.len() })
}

/// The rows `ids`, one after the other.
fn gathered(ids: &[u32], read: impl Fn(Range<usize>, &mut Vec<f32>)) -> Vec<f32> {
    let (mut all, mut one) = (Vec::new(), Vec::new());
    for &id in ids {
        read(id as usize..id as usize + 1, &mut one);
        all.extend_from_slice(&one);
    }
    all
}

fn make_unit(rows: &mut [f32], dim: usize) {
    for row in rows.chunks_exact_mut(dim.max(1)) {
        vector::scale(row, vector::inverse_norm(row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Key;
    use crate::math::hash;

    fn matrix(dim: usize, values: Vec<f32>) -> Matrix {
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, dim, values)
    }

    fn share(matrix: &Matrix) -> f32 {
        match kept(matrix, 5, 1, &Ctx::quiet()).unwrap() {
            Recall::Estimated { share, .. } => share,
            Recall::Exact => panic!("it is an estimate"),
        }
    }

    #[test]
    fn vectors_that_are_far_apart_keep_nearly_all_their_neighbours() {
        let noise = (0..2000 * 32).map(|i| hash::normal(3, i) as f32).collect();
        let share = share(&matrix(32, noise));
        assert!((0.97..=1.0).contains(&share), "{share}");
    }

    #[test]
    fn vectors_too_small_for_halves_lose_neighbours_and_it_says_so() {
        // The smallest half is 6e-8.
        let small = (0..600 * 16).map(|i| 1e-7 * hash::normal(5, i) as f32).collect();
        let share = share(&matrix(16, small));
        assert!(share < 0.9, "{share}");
    }

    #[test]
    fn copies_of_a_vector_are_as_good_as_one_another() {
        let mut values: Vec<f32> = (0..200 * 8).map(|i| hash::normal(7, i) as f32).collect();
        for i in 20..120 {
            values.copy_within(0..8, 8 * i);
        }
        assert!(share(&matrix(8, values)) > 0.97);
    }

    #[test]
    fn a_value_that_no_half_holds_is_refused_with_its_row() {
        let mut values = vec![0.5; 30];
        values[20] = 1e9;
        let error = kept(&matrix(3, values), 2, 0, &Ctx::quiet()).unwrap_err();
        assert_eq!(error, HalfError::TooLarge { row: 6, value: 1e9 });
    }

    #[test]
    fn a_single_vector_loses_nothing() {
        assert_eq!(share(&matrix(3, vec![0.1, 0.2, 0.3])), 1.0);
    }
}
