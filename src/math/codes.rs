//! Unit vectors in one byte a component: a quarter of the memory traffic, and products that are right to about
//! two digits. Good for finding candidates, which are then compared exactly.

use rayon::prelude::*;

use super::rows::{Rows, widen};
use super::vector;
use crate::data::Matrix;
use crate::job::{Cancelled, Ctx};

/// Rows are padded with zeros to whole cache lines, which are whole registers as well.
pub(super) const LINE: usize = 64;

/// Rows that are coded at a time.
const BLOCK: usize = 1024;

/// The largest magnitude of a code.
const LARGEST: f32 = 127.0;

/// 3.5 / √12: see [`Codes::doubt`].
const DOUBT: f32 = 1.01;

/// How many rows ahead of the one in work are asked for: they come from all over memory.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 4;

#[repr(align(64))]
#[derive(Clone, Copy)]
pub(super) struct Line(pub [i8; LINE]);

/// What turns a product of codes into a cosine.
#[derive(Clone, Copy, Default)]
pub(super) struct Side {
    /// 1 / the length of the coded row; 0 for a row of zeros.
    pub inverse_norm: f32,
    /// Sum of the codes.
    pub sum: i32,
}

impl Side {
    /// The cosine of two rows with this product.
    pub fn cosine(self, other: Self, dot: i32) -> f32 {
        dot as f32 * (self.inverse_norm * other.inverse_norm)
    }

    fn doubt(self) -> f32 {
        DOUBT * self.inverse_norm
    }
}

/// `n` coded rows.
pub struct Codes {
    lines: Vec<Line>,
    sides: Vec<Side>,
    /// Lines a row.
    width: usize,
}

impl Codes {
    /// Codes every row: the largest component of a row becomes ±127.
    pub fn of(rows: &Rows, ctx: &Ctx) -> Result<Self, Cancelled> {
        Self::made(rows.len(), rows.dim(), ctx, |i, row| rows.row(i as u32, row))
    }

    /// The rows of a matrix as they are numbered there, copies and zeros among them; a row without direction is zeros.
    pub fn of_matrix(matrix: &Matrix, ctx: &Ctx) -> Result<Self, Cancelled> {
        Self::made(matrix.rows(), matrix.dim(), ctx, |i, row| {
            widen(matrix, i, row);
            if vector::inverse_norm(row) == 0.0 {
                row.fill(0.0);
            }
        })
    }

    fn made(
        n: usize,
        dim: usize,
        ctx: &Ctx,
        read: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Result<Self, Cancelled> {
        let width = dim.div_ceil(LINE).max(1);
        let mut lines = vec![Line([0; LINE]); n * width];
        let mut sides = vec![Side::default(); n];
        lines.par_chunks_mut(BLOCK * width).zip(sides.par_chunks_mut(BLOCK)).enumerate().try_for_each(
            |(block, (lines, sides))| {
                ctx.cancel.check()?;
                let mut row = vec![0.0; dim];
                for ((i, line), side) in (block * BLOCK..).zip(lines.chunks_mut(width)).zip(sides) {
                    read(i, &mut row);
                    *side = encode(&row, line);
                }
                Ok(())
            },
        )?;
        Ok(Self { lines, sides, width })
    }

    /// Whether row `i` has a direction.
    pub fn has_direction(&self, i: u32) -> bool {
        self.side(i).inverse_norm != 0.0
    }

    /// How much greater than its coded cosine the true one of row `i` may be, because this row was rounded; what the
    /// other side adds comes on top.
    ///
    /// Rounding errors are spread evenly over ±½, so that they move a product with a unit vector by 1/√12 at a standard
    /// deviation, in units of codes. 3.5 of those for each side are five for both.
    pub fn doubt(&self, i: u32) -> f32 {
        self.side(i).doubt()
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.lines.len() * size_of::<Line>() + self.sides.len() * size_of::<Side>()
    }

    /// Lines a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn side(&self, i: u32) -> Side {
        self.sides[i as usize]
    }

    pub(super) fn row(&self, i: u32) -> &[Line] {
        let start = i as usize * self.width;
        &self.lines[start..start + self.width]
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.sides.len()
    }

    /// The approximate cosines of row `i` with each of `others`, into `out` of the same length.
    pub fn similarities(&self, i: u32, others: &[u32], out: &mut [f32]) {
        self.compare(self.row(i), self.side(i), others, out);
    }

    /// The approximate cosines of `query` with each of `others`, into `out` of the same length.
    pub fn similarities_to(&self, query: &CodedVector, others: &[u32], out: &mut [f32]) {
        assert_eq!(query.lines.len(), self.width, "a query has as many components as the rows");
        self.compare(&query.lines, query.side, others, out);
    }

    fn compare(&self, row: &[Line], side: Side, others: &[u32], out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512f") {
                // SAFETY: the instructions were just found to be there.
                return unsafe { x86::similarities_vnni(self, row, side, others, out) };
            }
            if is_x86_feature_detected!("avx2") {
                // SAFETY: as above.
                return unsafe { x86::similarities_avx2(self, row, side, others, out) };
            }
        }
        self.similarities_portable(row, side, others, out);
    }

    fn similarities_portable(&self, row: &[Line], side: Side, others: &[u32], out: &mut [f32]) {
        for (&j, out) in others.iter().zip(out) {
            *out = side.cosine(self.side(j), dot_portable(row, self.row(j)));
        }
    }

    /// Rows that are not in a matrix.
    #[cfg(test)]
    pub(super) fn of_slices(rows: &[Vec<f32>]) -> Self {
        let width = rows[0].len().div_ceil(LINE);
        let mut lines = vec![Line([0; LINE]); rows.len() * width];
        let sides = rows.iter().zip(lines.chunks_mut(width)).map(|(row, lines)| encode(row, lines)).collect();
        Self { lines, sides, width }
    }
}

/// A coded vector that is none of the rows.
pub struct CodedVector {
    lines: Vec<Line>,
    side: Side,
}

impl CodedVector {
    pub fn of(vector: &[f32]) -> Self {
        let mut lines = vec![Line([0; LINE]); vector.len().div_ceil(LINE).max(1)];
        let side = encode(vector, &mut lines);
        Self { lines, side }
    }

    /// As [`Codes::doubt`].
    pub fn doubt(&self) -> f32 {
        self.side.doubt()
    }
}

fn encode(row: &[f32], lines: &mut [Line]) -> Side {
    let largest = row.iter().fold(0f32, |largest, v| largest.max(v.abs()));
    if largest == 0.0 {
        return Side::default();
    }
    let (mut sum, mut squares) = (0i32, 0i32);
    for (line, row) in lines.iter_mut().zip(row.chunks(LINE)) {
        for (code, value) in line.0.iter_mut().zip(row) {
            *code = (value / largest * LARGEST).round() as i8;
            sum += i32::from(*code);
            squares += i32::from(*code) * i32::from(*code);
        }
    }
    Side { inverse_norm: (squares as f32).sqrt().recip(), sum }
}

pub(super) fn dot_portable(a: &[Line], b: &[Line]) -> i32 {
    let lines = a.iter().zip(b);
    lines.map(|(a, b)| a.0.iter().zip(&b.0).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>()).sum()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{AHEAD, Codes, Line, Side};

    /// The instruction multiplies unsigned by signed bytes: one side is shifted by 128, and 128 times the other
    /// side's sum is taken off again.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub fn similarities_vnni(codes: &Codes, row: &[Line], side: Side, others: &[u32], out: &mut [f32]) {
        let flip = _mm512_set1_epi8(i8::MIN);
        for (at, (&j, out)) in others.iter().zip(out).enumerate() {
            prefetch(codes, others.get(at + AHEAD));
            let mut sum = _mm512_setzero_si512();
            for (a, b) in row.iter().zip(codes.row(j)) {
                // SAFETY: a line is one register.
                let (a, b) =
                    unsafe { (_mm512_load_si512(line(a).cast()), _mm512_load_si512(line(b).cast())) };
                sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(a, flip), b);
            }
            let dot = _mm512_reduce_add_epi32(sum) - 128 * codes.sides[j as usize].sum;
            *out = side.cosine(codes.side(j), dot);
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn similarities_avx2(codes: &Codes, row: &[Line], side: Side, others: &[u32], out: &mut [f32]) {
        for (at, (&j, out)) in others.iter().zip(out).enumerate() {
            prefetch(codes, others.get(at + AHEAD));
            let mut sums = [_mm256_setzero_si256(); 4];
            for (a, b) in row.iter().zip(codes.row(j)) {
                for (quarter, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: a line is four times sixteen bytes.
                    let (a, b) = unsafe {
                        let (a, b) = (line(a).add(16 * quarter), line(b).add(16 * quarter));
                        (_mm_load_si128(a.cast()), _mm_load_si128(b.cast()))
                    };
                    let product = _mm256_madd_epi16(_mm256_cvtepi8_epi16(a), _mm256_cvtepi8_epi16(b));
                    *sum = _mm256_add_epi32(*sum, product);
                }
            }
            let [s0, s1, s2, s3] = sums;
            let sum = _mm256_add_epi32(_mm256_add_epi32(s0, s1), _mm256_add_epi32(s2, s3));
            let mut lanes = [0i32; 8];
            // SAFETY: the array holds eight integers.
            unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum) };
            *out = side.cosine(codes.side(j), lanes.iter().sum());
        }
    }

    fn line(line: &Line) -> *const i8 {
        line.0.as_ptr()
    }

    #[inline(always)]
    fn prefetch(codes: &Codes, row: Option<&u32>) {
        for line in row.map_or(&[][..], |&row| codes.row(row)) {
            // SAFETY: a hint, and the address is one of ours.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.0.as_ptr()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn similarity(codes: &Codes, i: u32, j: u32) -> f32 {
        let mut one = [0.0];
        codes.similarities(i, &[j], &mut one);
        one[0]
    }

    fn two_rows() -> impl Strategy<Value = Vec<Vec<f32>>> {
        (1usize..200).prop_flat_map(|dim| prop::collection::vec(prop::collection::vec(-1f32..1.0, dim), 2))
    }

    proptest! {
        #[test]
        fn a_coded_cosine_is_right_to_two_digits(rows in two_rows()) {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let lengths = (dot(&rows[0], &rows[0]) * dot(&rows[1], &rows[1])).sqrt();
            prop_assume!(lengths > 1e-6);
            let got = similarity(&Codes::of_slices(&rows), 0, 1);
            let error = (got - dot(&rows[0], &rows[1]) / lengths).abs();
            prop_assert!(error < 0.02);
            let codes = Codes::of_slices(&rows);
            prop_assert!(error <= 1e-6 + codes.doubt(0) + codes.doubt(1), "{}", error);
        }

        #[test]
        fn every_kernel_gives_the_same_bits(rows in two_rows()) {
            let codes = Codes::of_slices(&rows);
            let (mut fast, mut plain) = ([0.0; 2], [0.0; 2]);
            codes.similarities(0, &[0, 1], &mut fast);
            codes.similarities_portable(codes.row(0), codes.side(0), &[0, 1], &mut plain);
            prop_assert_eq!(fast, plain);
            codes.similarities_to(&CodedVector::of(&rows[0]), &[0, 1], &mut fast);
            prop_assert_eq!(fast, plain);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the instructions were just found to be there.
                unsafe { x86::similarities_avx2(&codes, codes.row(0), codes.side(0), &[0, 1], &mut fast) };
                prop_assert_eq!(fast, plain);
            }
        }
    }

    #[test]
    fn a_row_of_zeros_is_like_nothing() {
        let codes = Codes::of_slices(&[vec![0.0; 5], vec![1.0; 5]]);
        assert_eq!(similarity(&codes, 0, 1), 0.0);
        assert_eq!(similarity(&codes, 0, 0), 0.0);
    }
}
