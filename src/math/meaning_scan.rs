//! The rows of a matrix that are nearest to a query, by comparing all of them or all of a mask.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::best::Best;
use super::codes::{CodedVector, Codes};
use super::rows::{nearer, widen};
use super::vector;
use crate::data::{Mask, Matrix};
use crate::job::{Cancelled, Ctx};

/// So many of the best by codes are compared exactly beside those that are wanted.
const CANDIDATES_MORE: usize = 64;

/// Rows that a thread compares between two looks at whether to stop: whole words of a mask.
const BLOCK: usize = 1 << 12;

/// Vectors of any length that are searched by cosine.
pub struct Vectors(pub Arc<Matrix>);

impl Vectors {
    fn len(&self) -> usize {
        self.0.rows()
    }

    /// The `k` nearest, by comparing all of `within`.
    pub fn exact(
        &self,
        query: &[f32],
        k: usize,
        within: Option<&Mask>,
        ctx: &Ctx,
    ) -> Result<Vec<(u32, f32)>, Cancelled> {
        let best = self.scanned(k, within, ctx, |scan, best| {
            scan.vector.resize(query.len(), 0.0);
            for &row in &scan.rows {
                if let Some(cosine) = self.cosine(query, row, &mut scan.vector) {
                    best.offer(0, cosine, row);
                }
            }
        })?;
        Ok(best.list(0).map(|(cosine, row)| (row, cosine)).collect())
    }

    /// The `k` nearest of `within` by codes, ranked exactly, and how many were.
    ///
    /// Rows are taken at the greatest cosine that they may have, given how much codes are off: once that is below the last
    /// of the exact ones, no other row is nearer. Where the best few do not settle it, as where thousands are equally near,
    /// all rows that may be nearer are compared exactly.
    pub fn coded(
        &self,
        codes: &Codes,
        query: &[f32],
        k: usize,
        within: Option<&Mask>,
        ctx: &Ctx,
    ) -> Result<(Vec<(u32, f32)>, usize), Cancelled> {
        let coded = CodedVector::of(query);
        let width = (k + CANDIDATES_MORE).min(self.len());
        let compare = |scan: &mut Scan| {
            scan.similarities.resize(scan.rows.len(), 0.0);
            codes.similarities_to(&coded, &scan.rows, &mut scan.similarities);
            for (similarity, &row) in scan.similarities.iter_mut().zip(&scan.rows) {
                *similarity += codes.doubt(row) + coded.doubt();
            }
        };
        let near = self.scanned(width, within, ctx, |scan, best| {
            compare(scan);
            for (&possible, &row) in scan.similarities.iter().zip(&scan.rows) {
                if possible >= best.floors()[0] && codes.has_direction(row) {
                    best.offer(0, possible, row);
                }
            }
        })?;
        let hits = self.ranked(query, near.list(0), k);
        let floor = hits.last().map_or(f32::NEG_INFINITY, |last| last.1);
        let listed = near.ids(0).len();
        // A list that is not full has everything; what is not on one that is, is no nearer than its last place.
        if listed < width || near.list(0).last().is_none_or(|(possible, _)| possible < floor) {
            return Ok((hits, listed));
        }
        let ranked = AtomicUsize::new(0);
        let nearest = self.scanned(k, within, ctx, |scan, best| {
            compare(scan);
            scan.vector.resize(query.len(), 0.0);
            let possible = scan.similarities.iter().zip(&scan.rows).filter(|row| *row.0 >= floor);
            let mut compared = 0;
            for (_, &row) in possible {
                compared += 1;
                if let Some(cosine) = self.cosine(query, row, &mut scan.vector) {
                    best.offer(0, cosine, row);
                }
            }
            ranked.fetch_add(compared, Ordering::Relaxed);
        })?;
        Ok((nearest.list(0).map(|(cosine, row)| (row, cosine)).collect(), ranked.into_inner()))
    }

    /// The `k` nearest of some rows by exact cosine.
    pub fn ranked(&self, query: &[f32], near: impl Iterator<Item = (f32, u32)>, k: usize) -> Vec<(u32, f32)> {
        let mut vector = vec![0.0; query.len()];
        let mut ranked: Vec<(f32, u32)> =
            near.filter_map(|(_, row)| Some((self.cosine(query, row, &mut vector)?, row))).collect();
        ranked.sort_unstable_by(nearer);
        ranked.into_iter().take(k).map(|(cosine, row)| (row, cosine)).collect()
    }

    /// The cosine of a row with a unit vector; `None` where the row has no direction.
    fn cosine(&self, query: &[f32], row: u32, scratch: &mut [f32]) -> Option<f32> {
        widen(&self.0, row as usize, scratch);
        let inverse_norm = vector::inverse_norm(scratch);
        (inverse_norm != 0.0).then(|| (vector::dot(query, scratch) * inverse_norm).clamp(-1.0, 1.0))
    }

    /// The best of what `compare` finds in all blocks of the rows of `within`.
    fn scanned(
        &self,
        width: usize,
        within: Option<&Mask>,
        ctx: &Ctx,
        compare: impl Fn(&mut Scan, &mut Best) + Sync,
    ) -> Result<Best, Cancelled> {
        let n = self.len();
        let none = || (Scan::default(), Best::new(1, width));
        let (_, best) = (0..n.div_ceil(BLOCK))
            .into_par_iter()
            .try_fold(none, |(mut scan, mut best), block| {
                ctx.cancel.check()?;
                let rows = block * BLOCK..((block + 1) * BLOCK).min(n);
                scan.rows.clear();
                match within {
                    Some(mask) => scan.rows.extend(mask.documents_within(rows)),
                    None => scan.rows.extend(rows.map(|row| row as u32)),
                }
                compare(&mut scan, &mut best);
                Ok((scan, best))
            })
            .try_reduce(none, |(scan, mut one), (_, other)| {
                other.list(0).for_each(|(similarity, row)| one.offer(0, similarity, row));
                Ok((scan, one))
            })?;
        Ok(best)
    }
}

/// One thread's working memory.
#[derive(Default)]
struct Scan {
    rows: Vec<u32>,
    similarities: Vec<f32>,
    vector: Vec<f32>,
}
