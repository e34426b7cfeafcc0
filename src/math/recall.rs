//! How many of the true neighbours a search found, judged by a sample.

use super::exact;
use super::rows::{Rows, Scratch};
use super::sample::sample;
use crate::job::{Cancelled, Ctx};

/// Rows whose true neighbours are found by comparing them with everything. With 15 neighbours each, the standard
/// error of a share near .95 is about .004.
const QUERIES: usize = 500;

/// Sets the sample apart from others that are drawn with the same seed.
const SALT: u64 = 0x7265_6361_6c6c;

/// How far below the last true neighbour's a cosine may be and count: rounding error, which lets ties count.
const TIE: f32 = 1e-6;

/// What the true neighbours of some random rows are like.
pub struct Truth {
    k: usize,
    queries: Vec<u32>,
    /// The cosine of each query's `k`-th neighbour.
    floors: Vec<f32>,
}

impl Truth {
    /// Finds the `k` true neighbours of [`QUERIES`] random rows (of all, where there are fewer).
    pub fn of(rows: &Rows, k: usize, seed: u64, ctx: &Ctx) -> Result<Self, Cancelled> {
        let queries = sample(rows.len(), QUERIES, seed ^ SALT);
        let near = exact::nearest_of(rows, &queries, k, ctx)?;
        let floors = near.iter().map(|near| near.last().map_or(f32::NEG_INFINITY, |last| last.0)).collect();
        Ok(Self { k, queries, floors })
    }

    /// The rows it knows of, ascending.
    pub fn queries(&self) -> &[u32] {
        &self.queries
    }

    /// How many rows it knows of.
    pub fn len(&self) -> usize {
        self.queries.len()
    }

    /// The share of the true neighbours that are among the rows `near` gives for each row; a row as similar as the
    /// last true neighbour is as good.
    pub fn share<'n>(&self, rows: &Rows, near: impl Fn(usize) -> &'n [u32]) -> f32 {
        let mut scratch = Scratch::default();
        let mut found = 0;
        for (&query, floor) in self.queries.iter().zip(&self.floors) {
            let ranked = rows.rank(query, near(query as usize).iter().copied(), &mut scratch);
            found += ranked.iter().take(self.k).filter(|(similarity, _)| *similarity >= floor - TIE).count();
        }
        found as f32 / (self.queries.len() * self.k).max(1) as f32
    }
}
