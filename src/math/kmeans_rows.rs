//! Rows as k-means sees them: taken from their mean and, where directions are compared, of unit length. They are
//! never written down so: a product with a stored row is turned into the similarity that k-means means by four
//! numbers a row, so that a matrix can be read where it lies, whatever its size. What every round reads again is kept as
//! floats, one row after the other, where that takes little memory.

use std::borrow::Cow;
use std::ops::Range;

use gemm::Parallelism;
use half::f16;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::vector;
use crate::data::{Element, Matrix};
use crate::job::{Cancelled, Ctx};

/// Rows that are multiplied with the centres at once: their products stay in the cache.
pub(super) const BLOCK: usize = 512;

/// Rows are summed in at most this many stretches, whatever the number of threads, so that sums round alike everywhere.
const STRETCHES: usize = 32;

/// So many bytes of rows are copied, to be floats that lie side by side; more are widened or gathered in each round.
const COPIED_BYTES: usize = 512 << 20;

/// Two similarities nearer than this, times the lengths that were multiplied, are equal but for rounding.
const ROUNDING: f32 = 2e-6;

/// What is near.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// The angle: rows of any length are compared by direction (spherical k-means).
    #[default]
    Cosine,
    /// The straight distance.
    Euclidean,
}

/// What turns the product of a stored row and a centre, less `weight` times the centre's offset, into a similarity:
/// it is multiplied by `scale`, and `shift` is added.
#[derive(Clone, Copy, Default)]
struct Row {
    /// 0 for a row that says nothing (zeros, or not finite).
    weight: f32,
    scale: f32,
    shift: f32,
    /// Similarities that differ by less do so by rounding.
    tolerance: f32,
}

/// The rows of a matrix, or some of them.
pub struct Rows<'a> {
    matrix: &'a Matrix,
    pub metric: Metric,
    mean: &'a [f32],
    rows: &'a [Row],
    /// Which rows of the matrix these are, ascending; all where it is none.
    ids: Option<&'a [u32]>,
    /// These rows, where they are floats or were copied.
    floats: Option<Cow<'a, [f32]>>,
}

/// What [`Rows`] are made from, found by reading all rows twice.
pub(super) struct Prepared<'a> {
    matrix: &'a Matrix,
    metric: Metric,
    mean: Vec<f32>,
    rows: Vec<Row>,
}

impl<'a> Prepared<'a> {
    /// Finds the mean of the rows (of their directions, where these are compared) and what each row is to it. Without
    /// `centre` directions are seen from zero.
    pub fn new(matrix: &'a Matrix, metric: Metric, centre: bool, ctx: &Ctx) -> Result<Self, Cancelled> {
        // Distances do not depend on the centre, but their rounding does.
        let centre = centre || metric == Metric::Euclidean;
        let mut mean = if centre { mean_of(matrix, metric, ctx)? } else { vec![0.0; matrix.dim()] };
        let mut rows = rows_of(matrix, metric, &mean, ctx)?;
        let alike = |rows: &[Row]| rows.iter().all(|row| row.scale == 0.0);
        if metric == Metric::Cosine && centre && alike(&rows) {
            // Rows that all equal their mean have a direction only from zero.
            mean.fill(0.0);
            rows = rows_of(matrix, metric, &mean, ctx)?;
        }
        Ok(Self { matrix, metric, mean, rows })
    }

    /// All rows.
    pub fn all(&self) -> Rows<'_> {
        let borrowed = match self.matrix.element() {
            Element::F32 if cfg!(target_endian = "little") => {
                bytemuck::try_cast_slice(self.matrix.raw()).ok()
            }
            _ => None,
        };
        self.of(None, borrowed.map(Cow::Borrowed))
    }

    /// The rows `ids`, ascending.
    pub fn some<'s>(&'s self, ids: &'s [u32]) -> Rows<'s> {
        self.of(Some(ids), None)
    }

    fn of<'s>(&'s self, ids: Option<&'s [u32]>, floats: Option<Cow<'s, [f32]>>) -> Rows<'s> {
        let (matrix, metric) = (self.matrix, self.metric);
        let mut rows = Rows { matrix, metric, mean: &self.mean, rows: &self.rows, ids, floats };
        if rows.floats.is_none() && rows.len() * rows.dim() * size_of::<f32>() <= COPIED_BYTES {
            rows.floats = Some(Cow::Owned(rows.copied()));
        }
        rows
    }
}

impl Rows<'_> {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ids.map_or(self.matrix.rows(), <[u32]>::len)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Components a row.
    pub fn dim(&self) -> usize {
        self.matrix.dim()
    }

    /// What is compared.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    fn id(&self, i: usize) -> usize {
        self.ids.map_or(i, |ids| ids[i] as usize)
    }

    fn row(&self, i: usize) -> Row {
        self.rows[self.id(i)]
    }

    /// Whether row `i` says anything: a row of zeros is an empty text and belongs nowhere.
    pub fn has_content(&self, i: usize) -> bool {
        self.row(i).weight > 0.0
    }

    /// Whether row `i` can be a centre: where directions are compared, one that equals the mean has none.
    pub fn has_place(&self, i: usize) -> bool {
        self.row(i).scale > 0.0
    }

    /// How much of a difference of two similarities of row `i` may be rounding.
    pub fn tolerance(&self, i: usize) -> f32 {
        self.row(i).tolerance
    }

    /// What the product of row `i` with a centre lacks to be compared: times the centre's offset, to be taken off.
    pub fn weight(&self, i: usize) -> f32 {
        self.row(i).weight
    }

    /// The similarity that belongs to `score`, a product less the weighted offset: the cosine, or the squared distance
    /// below zero.
    pub fn similarity(&self, i: usize, score: f32) -> f32 {
        let Row { scale, shift, .. } = self.row(i);
        match self.metric {
            Metric::Cosine => score * scale,
            Metric::Euclidean => (score * scale + shift).min(0.0),
        }
    }

    /// The stored rows in `range`, one after the other; `scratch` is used where they do not lie so.
    pub fn stored<'s>(&'s self, range: Range<usize>, scratch: &'s mut Vec<f32>) -> &'s [f32] {
        if let Some(floats) = &self.floats {
            return &floats[range.start * self.dim()..range.end * self.dim()];
        }
        scratch.resize(range.len() * self.dim(), 0.0);
        for (i, out) in range.zip(scratch.chunks_exact_mut(self.dim().max(1))) {
            widen(self.matrix, self.id(i), out);
        }
        scratch
    }

    /// All these rows as floats, one after the other.
    fn copied(&self) -> Vec<f32> {
        let mut floats = vec![0.0; self.len() * self.dim()];
        let width = self.dim().max(1);
        floats.par_chunks_mut(BLOCK * width).enumerate().for_each(|(block, out)| {
            for (i, out) in (block * BLOCK..).zip(out.chunks_exact_mut(width)) {
                widen(self.matrix, self.id(i), out);
            }
        });
        floats
    }

    /// Row `i` from the mean, of unit length where directions are compared, into `out`.
    pub fn prepared(&self, i: usize, out: &mut [f32]) {
        widen(self.matrix, self.id(i), out);
        out.iter_mut().zip(self.mean).for_each(|(x, m)| *x -= self.weight(i) * m);
        match self.metric {
            Metric::Cosine => vector::scale(out, vector::inverse_norm(out)),
            Metric::Euclidean => {}
        }
    }

    /// Adds up the prepared rows `members` (each of which has content).
    pub fn sum(&self, members: &[u32]) -> Vec<f32> {
        let mut sum = vec![0.0; self.dim()];
        let mut scratch = Vec::new();
        let mut mean_share = 0.0;
        for &member in members {
            let row = self.row(member as usize);
            let factor = match self.metric {
                Metric::Cosine => row.scale,
                Metric::Euclidean => 1.0,
            };
            let stored = self.stored(member as usize..member as usize + 1, &mut scratch);
            sum.iter_mut().zip(stored).for_each(|(s, x)| *s += factor * x);
            mean_share += factor * row.weight;
        }
        sum.iter_mut().zip(self.mean).for_each(|(s, m)| *s -= mean_share * m);
        sum
    }

    /// What is to be taken off every product with the centre `centre`, which is itself seen from the mean.
    pub fn offset(&self, centre: &[f32]) -> f32 {
        let from_mean = vector::dot(self.mean, centre);
        match self.metric {
            Metric::Cosine => from_mean,
            Metric::Euclidean => from_mean + vector::dot(centre, centre) / 2.0,
        }
    }
}

/// The products of every row with every centre, row-major: `rows.len() / dim` × `centres.len() / dim`.
pub(super) fn multiply(rows: &[f32], centres: &[f32], dim: usize, products: &mut Vec<f32>) {
    let (m, k) = (rows.len() / dim.max(1), centres.len() / dim.max(1));
    products.resize(m * k, 0.0);
    if m * k == 0 {
        return;
    }
    // SAFETY: the three pointers are to slices of m × dim, k × dim and m × k floats, and the strides stay inside
    // them; `products` is borrowed mutably, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            m,
            k,
            dim,
            products.as_mut_ptr(),
            1,
            k as isize,
            false,
            rows.as_ptr(),
            1,
            dim as isize,
            centres.as_ptr(),
            dim as isize,
            1,
            0.0f32,
            1.0f32,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Row `i` of `matrix` as it is stored, into `out`.
fn widen(matrix: &Matrix, i: usize, out: &mut [f32]) {
    match matrix.element() {
        Element::F16 => {
            let width = matrix.dim() * size_of::<f16>();
            let bytes = &matrix.raw()[i * width..(i + 1) * width];
            match bytemuck::try_cast_slice::<u8, f16>(bytes) {
                Ok(halves) if cfg!(target_endian = "little") => vector::widen(halves, out),
                _ => out.copy_from_slice(&matrix.row(i)),
            }
        }
        Element::F32 => out.copy_from_slice(&matrix.row(i)),
    }
}

/// The mean of the rows that say something.
fn mean_of(matrix: &Matrix, metric: Metric, ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    let (n, dim) = (matrix.rows(), matrix.dim());
    let size = n.div_ceil(STRETCHES).max(BLOCK);
    let sums: Vec<(Vec<f64>, usize)> = (0..n.div_ceil(size))
        .into_par_iter()
        .map(|stretch| {
            let (mut sum, mut count) = (vec![0f64; dim], 0);
            let (mut block_sum, mut row) = (vec![0f32; dim], vec![0f32; dim]);
            let stretch = stretch * size..((stretch + 1) * size).min(n);
            for start in stretch.clone().step_by(BLOCK) {
                ctx.cancel.check()?;
                block_sum.fill(0.0);
                for i in start..(start + BLOCK).min(stretch.end) {
                    widen(matrix, i, &mut row);
                    let inverse = vector::inverse_norm(&row);
                    if inverse > 0.0 {
                        let factor = if metric == Metric::Cosine { inverse } else { 1.0 };
                        block_sum.iter_mut().zip(&row).for_each(|(s, x)| *s += factor * x);
                        count += 1;
                    }
                }
                sum.iter_mut().zip(&block_sum).for_each(|(s, x)| *s += f64::from(*x));
            }
            Ok((sum, count))
        })
        .collect::<Result<_, Cancelled>>()?;
    let count = sums.iter().map(|(_, count)| count).sum::<usize>().max(1) as f64;
    Ok((0..dim).map(|d| (sums.iter().map(|(sum, _)| sum[d]).sum::<f64>() / count) as f32).collect())
}

fn rows_of(matrix: &Matrix, metric: Metric, mean: &[f32], ctx: &Ctx) -> Result<Vec<Row>, Cancelled> {
    let mut rows = vec![Row::default(); matrix.rows()];
    rows.par_chunks_mut(BLOCK).enumerate().try_for_each_init(
        || vec![0.0; matrix.dim()],
        |row, (block, out)| {
            ctx.cancel.check()?;
            for (i, out) in (block * BLOCK..).zip(out) {
                widen(matrix, i, row);
                *out = row_of(row, metric, mean);
            }
            Ok(())
        },
    )?;
    Ok(rows)
}

/// What `row` is to the mean; it is overwritten.
fn row_of(row: &mut [f32], metric: Metric, mean: &[f32]) -> Row {
    let inverse = vector::inverse_norm(row);
    if inverse == 0.0 {
        return Row::default();
    }
    let length = inverse.recip();
    let weight = if metric == Metric::Cosine { length } else { 1.0 };
    row.iter_mut().zip(mean).for_each(|(x, m)| *x -= weight * m);
    // From the mean, in lengths of the row itself.
    vector::scale(row, inverse);
    let away = vector::dot(row, row).sqrt();
    match metric {
        // A row that rounding alone keeps from the mean has no direction from there.
        Metric::Cosine if away < ROUNDING => Row { weight, ..Row::default() },
        Metric::Cosine => {
            Row { weight, scale: inverse / away, shift: 0.0, tolerance: ROUNDING / away.min(1.0) }
        }
        Metric::Euclidean => {
            let shift = -(away * length) * (away * length);
            Row { weight, scale: 2.0, shift, tolerance: ROUNDING * length * length * away.max(ROUNDING) }
        }
    }
}
