//! Matrix products with weights that are laid out for it once.
//!
//! An element of a product is one chain of multiply-adds over the inner dimension, from the bias on, in whatever
//! tile it is computed. So a row of the result does not depend on the rows beside it: the same text gives the
//! same bits in any batch. (Libraries choose their blocking by the shape of the whole product, and do not
//! promise this.)

use bytemuck::{Pod, Zeroable};
use pulp::{Simd, WithSimd};

use super::simd::{dispatch, lanes};

/// Registers a tile is wide.
const WIDE: usize = 3;

/// Rows whose inputs and outputs stay in the cache while all weights pass by.
pub(super) const ROWS_AT_ONCE: usize = 96;

/// One cache line; vectors that straddle two lines load at half the speed.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Floats that start at a cache line. Grows as needed and keeps its memory; new content is arbitrary.
#[derive(Default)]
pub(super) struct Buffer(Vec<Line>);

impl Buffer {
    /// The first `n` floats, whatever they hold.
    pub(super) fn take(&mut self, n: usize) -> &mut [f32] {
        let lines = n.div_ceil(16);
        if self.0.len() < lines {
            self.0.resize(lines, Line::zeroed());
        }
        &mut bytemuck::cast_slice_mut(&mut self.0)[..n]
    }

    fn all(&self) -> &[f32] {
        bytemuck::cast_slice(&self.0)
    }
}

/// A linear layer y = W x + b, its weights cut into panels of as many outputs as a tile is wide; a panel lists,
/// for each input, the weights to all its outputs.
pub(super) struct Linear {
    inputs: usize,
    outputs: usize,
    weights: Buffer,
    /// One a column of the panels.
    bias: Buffer,
}

impl Linear {
    /// From `outputs` × `inputs` weights, row-major, as PyTorch stores them, and `outputs` biases.
    pub(super) fn new(inputs: usize, weights: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let mut layer = Self { inputs, outputs, weights: Buffer::default(), bias: Buffer::default() };
        let padded = outputs.next_multiple_of(lanes());
        layer.bias.take(padded)[..outputs].copy_from_slice(bias);
        let panels = layer.weights.take(padded * inputs);
        pack_columns(panels, inputs, outputs, |o| &weights[o * inputs..(o + 1) * inputs]);
        layer
    }

    /// Components of a result.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Applies the layer to every row of `x`, into the rows of `y`.
    pub(super) fn apply(&self, x: &[f32], y: &mut [f32]) {
        let rows = x.len() / self.inputs;
        assert!(
            x.len() == rows * self.inputs && y.len() == rows * self.outputs,
            "rows of the layer's widths"
        );
        for first in (0..rows).step_by(ROWS_AT_ONCE) {
            let range = first..(first + ROWS_AT_ONCE).min(rows);
            dispatch(Product {
                left: Left {
                    values: &x[range.start * self.inputs..],
                    rows: range.len(),
                    stride: self.inputs,
                },
                depth: self.inputs,
                panels: self.weights.all(),
                columns: self.outputs,
                start: Some(self.bias.all()),
                out: &mut y[range.start * self.outputs..],
                out_stride: self.outputs,
            });
        }
    }
}

/// Cuts space for `depth` × `columns` values into panels, as [`Product`] reads them: the first column and the width of
/// each, and its floats. `panels` must hold `depth * columns.next_multiple_of(lanes())` of them.
fn cut(
    mut panels: &mut [f32],
    depth: usize,
    columns: usize,
) -> impl Iterator<Item = (usize, usize, &mut [f32])> {
    let lanes = lanes();
    (0..columns).step_by(WIDE * lanes).map(move |first| {
        let width = (WIDE * lanes).min((columns - first).next_multiple_of(lanes));
        let (panel, rest) = std::mem::take(&mut panels).split_at_mut(width * depth);
        panels = rest;
        (first, width, panel)
    })
}

/// Lays out a matrix whose columns lie in one piece each; what pads the last panel is zero.
pub(super) fn pack_columns<'a>(
    panels: &mut [f32],
    depth: usize,
    columns: usize,
    column: impl Fn(usize) -> &'a [f32],
) {
    for (first, width, panel) in cut(panels, depth, columns) {
        for c in 0..width {
            let places = panel[c..].iter_mut().step_by(width);
            if first + c < columns {
                places.zip(column(first + c)).for_each(|(place, value)| *place = *value);
            } else {
                places.for_each(|place| *place = 0.0);
            }
        }
    }
}

/// Lays out a matrix whose rows lie in one piece each; what pads the last panel is zero.
pub(super) fn pack_rows<'a>(
    panels: &mut [f32],
    depth: usize,
    columns: usize,
    row: impl Fn(usize) -> &'a [f32],
) {
    for (first, width, panel) in cut(panels, depth, columns) {
        let filled = width.min(columns - first);
        for (i, line) in panel.chunks_exact_mut(width).enumerate() {
            line[..filled].copy_from_slice(&row(i)[first..first + filled]);
            line[filled..].fill(0.0);
        }
    }
}

/// Rows that lie `stride` floats apart.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) values: &'a [f32],
    pub(super) rows: usize,
    pub(super) stride: usize,
}

/// `out = start + left · panels`, with `rows` × `depth` on the left and `depth` × `columns` in panels.
pub(super) struct Product<'a> {
    pub(super) left: Left<'a>,
    pub(super) depth: usize,
    pub(super) panels: &'a [f32],
    pub(super) columns: usize,
    /// What each column starts from, padded as the panels are; zero where none is given.
    pub(super) start: Option<&'a [f32]>,
    pub(super) out: &'a mut [f32],
    pub(super) out_stride: usize,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let padded = self.columns.next_multiple_of(S::F32_LANES);
        let mut first = 0;
        while first < self.columns {
            let width = (WIDE * S::F32_LANES).min(padded - first);
            match width / S::F32_LANES {
                1 => self.panel::<S, 1>(simd, first),
                2 => self.panel::<S, 2>(simd, first),
                _ => self.panel::<S, WIDE>(simd, first),
            }
            first += width;
        }
    }
}

impl Product<'_> {
    /// One panel, `V` registers wide, for all rows: as many rows at a time as registers allow.
    #[inline(always)]
    fn panel<S: Simd, const V: usize>(&mut self, simd: S, first: usize) {
        let mut row = 0;
        let rows = self.left.rows;
        if S::REGISTER_COUNT >= 32 {
            while rows - row >= 8 {
                self.tile::<S, 8, V>(simd, row, first);
                row += 8;
            }
        }
        while rows - row >= 4 {
            self.tile::<S, 4, V>(simd, row, first);
            row += 4;
        }
        while rows - row >= 1 {
            self.tile::<S, 1, V>(simd, row, first);
            row += 1;
        }
    }

    /// A tile of `R` rows and `V` registers, held in registers throughout.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, row: usize, first: usize) {
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        if let Some(start) = self.start {
            let start = S::as_simd_f32s(&start[first..first + V * S::F32_LANES]).0;
            for row in &mut sums {
                row.copy_from_slice(start);
            }
        }
        // Slices of one length, so that no index needs a check in the loop.
        let mut left: [&[f32]; R] = [&[]; R];
        for (r, slice) in left.iter_mut().enumerate() {
            let at = (row + r) * self.left.stride;
            *slice = &self.left.values[at..at + self.depth];
        }
        let panel = &self.panels[first * self.depth..][..V * S::F32_LANES * self.depth];
        let sums = accumulate(simd, sums, left, S::as_simd_f32s(panel).0);
        let width = (V * S::F32_LANES).min(self.columns - first);
        for (r, sums) in sums.iter().enumerate() {
            let at = (row + r) * self.out_stride + first;
            let mut out = &mut self.out[at..at + width];
            for sum in sums {
                let (now, later) = out.split_at_mut(S::F32_LANES.min(out.len()));
                if now.len() == S::F32_LANES {
                    S::as_mut_simd_f32s(now).0[0] = *sum;
                } else {
                    simd.partial_store_f32s(now, *sum);
                }
                out = later;
            }
        }
    }
}

/// The loop that all time is spent in. The sums go in and come out by value, so that they stay in registers.
#[inline(always)]
fn accumulate<S: Simd, const R: usize, const V: usize>(
    simd: S,
    mut sums: [[S::f32s; V]; R],
    left: [&[f32]; R],
    panel: &[S::f32s],
) -> [[S::f32s; V]; R] {
    for (i, weights) in (0..left[0].len()).zip(panel.as_chunks::<V>().0) {
        let weights = *weights;
        for (sums, left) in sums.iter_mut().zip(left) {
            let x = simd.splat_f32s(left[i]);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_e_f32s(x, weight, *sum);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noise(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        let next = |state: &mut u32| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..n).map(|_| next(&mut state)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn a_linear_layer_multiplies_and_adds(rows in 0usize..120, inputs in 1usize..40, outputs in 1usize..120) {
            let (x, w, b) = (noise(rows * inputs, 1), noise(outputs * inputs, 2), noise(outputs, 3));
            let mut y = vec![f32::NAN; rows * outputs];
            Linear::new(inputs, &w, &b).apply(&x, &mut y);
            for r in 0..rows {
                for o in 0..outputs {
                    let exact: f64 = (0..inputs)
                        .map(|i| f64::from(x[r * inputs + i]) * f64::from(w[o * inputs + i]))
                        .sum::<f64>() + f64::from(b[o]);
                    prop_assert!((f64::from(y[r * outputs + o]) - exact).abs() < 1e-5);
                }
            }
        }

        #[test]
        fn a_row_gives_the_same_bits_whatever_lies_beside_it(rows in 1usize..120, row in 0usize..120) {
            let (inputs, outputs, row) = (33, 70, row % rows);
            let layer = Linear::new(inputs, &noise(outputs * inputs, 4), &noise(outputs, 5));
            let x = noise(rows * inputs, 6);
            let mut together = vec![0.0; rows * outputs];
            layer.apply(&x, &mut together);
            let mut alone = vec![0.0; outputs];
            layer.apply(&x[row * inputs..][..inputs], &mut alone);
            prop_assert_eq!(&together[row * outputs..][..outputs], &alone[..]);
        }
    }
}
