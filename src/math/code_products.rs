//! Products of blocks of coded rows: all pairs of a cell at once, at several times the speed of floats where the
//! processor multiplies bytes (AVX-512 VNNI).

use std::ops::Range;

use super::codes::{Codes, LINE, Line, Side, dot_portable};

/// Rows whose products share a register.
const GROUP: usize = 16;

/// Components whose products are added up by one instruction.
const CHUNK: usize = 4;

/// Some coded rows, laid out to be multiplied by each other.
#[derive(Default)]
pub struct CodedBlock {
    /// By groups of [`GROUP`] rows; in a group by [`CHUNK`]s of components, of all its rows.
    groups: Vec<Line>,
    /// Row by row, each component shifted by 128: the instruction multiplies unsigned by signed bytes.
    shifted: Vec<Line>,
    /// Row by row.
    plain: Vec<Line>,
    sides: Vec<Side>,
    /// Lines a row.
    width: usize,
}

/// Whether the processor multiplies coded blocks faster than blocks of floats.
pub fn are_fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

impl CodedBlock {
    /// Takes the rows `ids`.
    pub fn take(&mut self, codes: &Codes, ids: &[u32]) {
        let width = codes.width();
        self.width = width;
        let padded = ids.len().next_multiple_of(GROUP);
        self.plain.clear();
        self.sides.clear();
        for &id in ids {
            self.plain.extend_from_slice(codes.row(id));
            self.sides.push(codes.side(id));
        }
        self.sides.resize(padded, Side::default());
        self.shifted.clear();
        self.shifted.extend(self.plain.iter().map(|line| Line(line.0.map(|code| code ^ i8::MIN))));
        self.groups.clear();
        self.groups.resize(padded * width, Line([0; LINE]));
        let chunks_a_line = LINE / CHUNK;
        for (at, row) in self.plain.chunks(width).enumerate() {
            let group = &mut self.groups[at / GROUP * GROUP * width..][..GROUP * width];
            let place = at % GROUP * CHUNK;
            for (chunks, line) in group.chunks_mut(chunks_a_line).zip(row) {
                for (out, chunk) in chunks.iter_mut().zip(line.0.chunks(CHUNK)) {
                    out.0[place..place + CHUNK].copy_from_slice(chunk);
                }
            }
        }
    }

    /// The approximate cosines of `rows` with `columns`, a row of `out` for each row. `columns` begin at a multiple
    /// of 16. Every way to compute them gives the same bits.
    pub fn multiply(&self, rows: Range<usize>, columns: Range<usize>, out: &mut Vec<f32>) {
        assert!(columns.start.is_multiple_of(GROUP), "columns begin with a group");
        assert!(columns.end.max(rows.end) * self.width <= self.plain.len(), "rows of the block");
        out.resize(rows.len() * columns.len(), 0.0);
        #[cfg(target_arch = "x86_64")]
        if are_fast() {
            // SAFETY: the instructions were just found to be there, and the ranges to lie in the block.
            return unsafe { x86::multiply(self, rows, columns, out) };
        }
        self.multiply_portable(rows, columns, out);
    }

    fn multiply_portable(&self, rows: Range<usize>, columns: Range<usize>, out: &mut [f32]) {
        for (row, out) in rows.zip(out.chunks_mut(columns.len().max(1))) {
            for (column, out) in columns.clone().zip(out) {
                *out =
                    self.sides[row].cosine(self.sides[column], dot_portable(self.row(row), self.row(column)));
            }
        }
    }

    fn row(&self, at: usize) -> &[Line] {
        &self.plain[at * self.width..(at + 1) * self.width]
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::ops::Range;

    use super::{CHUNK, CodedBlock, GROUP, LINE};

    /// Rows and groups of columns whose sums are in registers: 24 of the 32.
    const ROWS: usize = 6;
    const GROUPS: usize = 4;

    /// The groups in turn, as they stay in the nearest cache while all rows pass.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub fn multiply(block: &CodedBlock, rows: Range<usize>, columns: Range<usize>, out: &mut [f32]) {
        let last = columns.end.div_ceil(GROUP);
        let mut group = columns.start / GROUP;
        while group < last {
            let groups = if group + GROUPS <= last { GROUPS } else { 1 };
            let mut row = rows.start;
            while row < rows.end {
                let height = if row + ROWS <= rows.end { ROWS } else { 1 };
                let place = Place { row, group, rows: &rows, columns: &columns };
                match (height, groups) {
                    (ROWS, GROUPS) => tile::<ROWS, GROUPS>(block, &place, out),
                    (ROWS, _) => tile::<ROWS, 1>(block, &place, out),
                    (_, GROUPS) => tile::<1, GROUPS>(block, &place, out),
                    _ => tile::<1, 1>(block, &place, out),
                }
                row += height;
            }
            group += groups;
        }
    }

    struct Place<'r> {
        row: usize,
        group: usize,
        rows: &'r Range<usize>,
        columns: &'r Range<usize>,
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn tile<const R: usize, const G: usize>(block: &CodedBlock, place: &Place<'_>, out: &mut [f32]) {
        let (row, group) = (place.row, place.group);
        let chunks = block.width * LINE / CHUNK;
        let left: [&[super::Line]; R] =
            std::array::from_fn(|r| &block.shifted[(row + r) * block.width..(row + r + 1) * block.width]);
        let right: [&[super::Line]; G] =
            std::array::from_fn(|g| &block.groups[(group + g) * chunks..(group + g + 1) * chunks]);
        let mut sums = [[_mm512_setzero_si512(); G]; R];
        for chunk in 0..chunks {
            // SAFETY: a group has a line a chunk, a row has `chunks` times four bytes, and lines are aligned.
            let columns: [__m512i; G] =
                std::array::from_fn(|g| unsafe { _mm512_load_si512(right[g].as_ptr().add(chunk).cast()) });
            for (left, sums) in left.iter().zip(&mut sums) {
                // SAFETY: as above.
                let four = unsafe { left.as_ptr().cast::<i32>().add(chunk).read() };
                let four = _mm512_set1_epi32(four);
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm512_dpbusd_epi32(*sum, four, column);
                }
            }
        }
        let width = place.columns.len();
        for (g, first) in (0..G).map(|g| (g, (group + g) * GROUP)) {
            let sides = &block.sides[first..first + GROUP];
            let inverse: [f32; GROUP] = std::array::from_fn(|i| sides[i].inverse_norm);
            let shift: [i32; GROUP] = std::array::from_fn(|i| 128 * sides[i].sum);
            // SAFETY: both hold sixteen values of four bytes.
            let (inverse, shift) =
                unsafe { (_mm512_loadu_ps(inverse.as_ptr()), _mm512_loadu_si512(shift.as_ptr().cast())) };
            let there = (place.columns.end - first).min(GROUP);
            let mask = if there == GROUP { u16::MAX } else { (1u16 << there) - 1 };
            for (r, sums) in sums.iter().enumerate() {
                let dots = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[g], shift));
                let norms = _mm512_mul_ps(_mm512_set1_ps(block.sides[row + r].inverse_norm), inverse);
                let at = (row + r - place.rows.start) * width + first - place.columns.start;
                let out = &mut out[at..at + there];
                // SAFETY: only as many as `out` has are written.
                unsafe { _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, _mm512_mul_ps(dots, norms)) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_have_the_bits_of_pairs(
            rows in (1usize..140).prop_flat_map(|dim| {
                prop::collection::vec(prop::collection::vec(-1f32..1.0, dim), 1..90)
            }),
            start in 0usize..90, groups in 0usize..6,
        ) {
            let codes = Codes::of_slices(&rows);
            let n = rows.len();
            let ids: Vec<u32> = (0..n as u32).rev().collect();
            let (rows, columns) = (start.min(n)..n, (groups * GROUP).min(n / GROUP * GROUP)..n);
            let mut block = CodedBlock::default();
            block.take(&codes, &[0, 0]);
            block.take(&codes, &ids);
            let mut fast = vec![7.0; 3];
            block.multiply(rows.clone(), columns.clone(), &mut fast);
            let mut plain = vec![0.0; rows.len() * columns.len()];
            block.multiply_portable(rows.clone(), columns.clone(), &mut plain);
            prop_assert_eq!(&fast, &plain);
            let mut pairs = Vec::new();
            for row in rows {
                let mut of_row = vec![0.0; columns.len()];
                codes.similarities(ids[row], &ids[columns.clone()], &mut of_row);
                pairs.extend(of_row);
            }
            prop_assert_eq!(fast, pairs);
        }
    }
}
