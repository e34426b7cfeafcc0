//! Neighbours of a space whose candidates somebody else finds: what has to be known before, and what is made of them.

use std::ops::Range;

use super::exact;
use super::neighbours::{MOST_ROWS, NeighbourError, NeighbourParams, Neighbours};
use super::recall::Truth;
use super::rows::Rows;
use crate::data::{Matrix, Recall};
use crate::job::{Cancelled, Ctx};

/// Rows whose true neighbours are found at a time.
const TOGETHER: usize = 512;

/// The distinct rows of a matrix, whose neighbours are asked for.
pub struct Asked<'a> {
    pub(super) rows: Rows<'a>,
    /// Neighbours a row of the matrix.
    pub(super) k: usize,
    /// Neighbours a distinct row, of which there may be fewer.
    pub(super) distinct_k: usize,
    seed: u64,
}

impl<'a> Asked<'a> {
    /// Reads all rows once to find their lengths, their copies and the zeros.
    pub fn of(matrix: &'a Matrix, params: &NeighbourParams, ctx: &Ctx) -> Result<Self, NeighbourError> {
        let n = matrix.rows();
        if n >= MOST_ROWS {
            return Err(NeighbourError::TooMany(n));
        }
        if params.k == 0 {
            return Err(NeighbourError::NoneAsked);
        }
        ctx.progress.begin("Reading vectors", "points", n as u64, 0);
        let rows = Rows::of(matrix, ctx)?;
        let k = params.k.min(n.saturating_sub(1));
        let distinct_k = k.min(rows.len().saturating_sub(1));
        Ok(Self { rows, k, distinct_k, seed: params.seed })
    }

    /// Distinct rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// Components a row.
    pub fn dim(&self) -> usize {
        self.rows.dim()
    }

    /// Neighbours that are asked for each distinct row.
    pub fn wanted(&self) -> usize {
        self.distinct_k
    }

    /// The distinct rows in `range` as unit vectors, one after the other.
    pub fn read(&self, range: Range<usize>, out: &mut Vec<f32>) {
        self.rows.block(range, out);
    }

    /// The neighbours of every row of the matrix, from at least [`Asked::wanted`] candidates for each distinct row: ranked by their
    /// exact cosines.
    pub fn ranked<'c>(
        &self,
        candidates: impl Fn(usize) -> &'c [u32] + Sync,
        ctx: &Ctx,
    ) -> Result<Neighbours, Cancelled> {
        ctx.progress.begin("Ranking neighbours", "points", 0, 0);
        let lists = exact::ranked(&self.rows, self.distinct_k, ctx, candidates)?;
        let (indices, similarities) = self.rows.expand(&lists, self.k);
        Ok(Neighbours { k: self.k, indices, similarities })
    }

    /// How many of the true neighbours are among the candidates, judged by a sample.
    pub fn recall<'c>(
        &self,
        candidates: impl Fn(usize) -> &'c [u32],
        ctx: &Ctx,
    ) -> Result<Recall, Cancelled> {
        Ok(self.judge(ctx)?.recall(candidates))
    }

    /// What judges candidates, time and again, by the true neighbours of a sample.
    pub fn judge(&self, ctx: &Ctx) -> Result<Judge<'_>, Cancelled> {
        let truth = Truth::of(&self.rows, self.distinct_k, self.seed, ctx)?;
        Ok(Judge { rows: &self.rows, truth })
    }

    /// The true neighbours of some distinct rows: [`Asked::wanted`] each, nearest first.
    pub fn nearest_of(&self, rows: &[u32], ctx: &Ctx) -> Result<Vec<Vec<u32>>, Cancelled> {
        let mut all = Vec::with_capacity(rows.len());
        for rows in rows.chunks(TOGETHER) {
            let near = exact::nearest_of(&self.rows, rows, self.distinct_k, ctx)?;
            all.extend(near.into_iter().map(|near| near.into_iter().map(|(_, id)| id).collect()));
        }
        Ok(all)
    }
}

/// What is known of a sample's true neighbours.
pub struct Judge<'a> {
    rows: &'a Rows<'a>,
    truth: Truth,
}

impl Judge<'_> {
    /// How many of the true neighbours are among the candidates.
    pub fn recall<'c>(&self, candidates: impl Fn(usize) -> &'c [u32]) -> Recall {
        Recall::Estimated { share: self.share(candidates), queries: self.truth.len() }
    }

    /// The same, as a share.
    pub fn share<'c>(&self, candidates: impl Fn(usize) -> &'c [u32]) -> f32 {
        self.truth.share(self.rows, candidates)
    }
}
