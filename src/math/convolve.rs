//! The convolution of values on a grid with an even kernel, by fast Fourier transforms.
//!
//! The grid is padded with as many zeros, so that nothing wraps around; rows and columns that are known to be zero, or
//! that nobody reads, are not transformed. Rows go first; then each column is transformed, multiplied and transformed
//! back while it is in the cache.

use std::sync::Arc;

use rayon::prelude::*;
use realfft::{ComplexToReal, FftError, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex;
use rustfft::num_traits::Zero;
use rustfft::{Fft, FftPlanner};

type Spectrum = Complex<f32>;

/// Columns of one task: a cache line of complex numbers.
const BLOCK: usize = 8;

/// What makes transforms; it remembers those it made.
pub struct Planner {
    rows: RealFftPlanner<f32>,
    columns: FftPlanner<f32>,
    exact: RealFftPlanner<f64>,
}

impl Default for Planner {
    fn default() -> Self {
        Self { rows: RealFftPlanner::new(), columns: FftPlanner::new(), exact: RealFftPlanner::new() }
    }
}

impl Planner {
    /// The transform of `kernel(dx, dy)`, dx and dy in nodes, divided in Fourier space by `window(frequency, period)` along
    /// each axis, for a grid of `width` × `height` nodes padded with as many zeros: it has the scale of all transforms and is
    /// real because the kernel is even; for each of `width` + 1 columns, frequencies 0 to `height` along it. The kernel's mean
    /// is left out, as it would cost digits, and returned.
    pub fn transform(
        &mut self,
        (width, height): (usize, usize),
        kernel: impl Fn(usize, usize) -> f64 + Sync,
        window: impl Fn(usize, usize) -> f64 + Sync,
    ) -> (Vec<f32>, f64) {
        let (across, down) =
            (self.exact.plan_fft_forward(2 * width), self.exact.plan_fft_forward(2 * height));
        // The transform of an even sequence of 2 m values, of which 0 to m are given, is real and even.
        let even = |plan: &Arc<dyn RealToComplex<f64>>, m: usize, value: &dyn Fn(usize) -> f64| -> Vec<f64> {
            let mut values: Vec<f64> = (0..2 * m).map(|i| value(i.min(2 * m - i))).collect();
            let mut spectrum = plan.make_output_vec();
            fits(plan.process(&mut values, &mut spectrum));
            spectrum.into_iter().map(|v| v.re).collect()
        };
        let by_row: Vec<Vec<f64>> =
            (0..=height).into_par_iter().map(|dy| even(&across, width, &|dx| kernel(dx, dy))).collect();
        let scale = 1.0 / (4 * width * height) as f64;
        let offset = by_row
            .iter()
            .enumerate()
            .map(|(dy, row)| if dy == 0 || dy == height { row[0] } else { 2.0 * row[0] })
            .sum::<f64>()
            * scale;
        let kernel: Vec<f32> = (0..=width)
            .into_par_iter()
            .flat_map_iter(|x| {
                let mut column = even(&down, height, &|dy| by_row[dy][x]);
                let narrow = scale / window(x, 2 * width).powi(2);
                for (y, value) in column.iter_mut().enumerate() {
                    *value *= narrow / window(y, 2 * height).powi(2);
                }
                if x == 0 {
                    column[0] = 0.0;
                }
                column.into_iter().map(|value| value as f32)
            })
            .collect();
        (kernel, offset)
    }
}

/// The least number of nodes, at least `wanted`, whose transform is fast: 2ᵃ 3ᵇ 5ᶜ.
pub fn fast_size(wanted: usize) -> usize {
    let smooth = |mut n: usize| {
        for prime in [2, 3, 5] {
            while n.is_multiple_of(prime) {
                n /= prime;
            }
        }
        n == 1
    };
    (wanted.max(1)..).find(|&n| smooth(n)).unwrap_or(wanted)
}

/// A convolution of grids of `width` × `height` nodes.
pub struct Convolver {
    width: usize,
    height: usize,
    rows_forward: Arc<dyn RealToComplex<f32>>,
    rows_back: Arc<dyn ComplexToReal<f32>>,
    columns_forward: Arc<dyn Fft<f32>>,
    columns_back: Arc<dyn Fft<f32>>,
    /// The kernel's transform ([`Planner::transform`]).
    kernel: Vec<f32>,
    /// What the kernel is less than asked for, everywhere.
    offset: f64,
    /// The grid's rows, transformed: `height` × (`width` + 1).
    rows: Vec<Spectrum>,
    /// The convolved columns, [`BLOCK`] side by side: a block after the other, `height` × [`BLOCK`] each.
    blocks: Vec<Spectrum>,
}

impl Convolver {
    /// A convolution with `kernel(dx, dy)`, divided by `window` ([`Planner::transform`]).
    pub fn new(
        planner: &mut Planner,
        (width, height): (usize, usize),
        kernel: impl Fn(usize, usize) -> f64 + Sync,
        window: impl Fn(usize, usize) -> f64 + Sync,
    ) -> Self {
        let (kernel, offset) = planner.transform((width, height), kernel, window);
        Self {
            width,
            height,
            rows_forward: planner.rows.plan_fft_forward(2 * width),
            rows_back: planner.rows.plan_fft_inverse(2 * width),
            columns_forward: planner.columns.plan_fft_forward(2 * height),
            columns_back: planner.columns.plan_fft_inverse(2 * height),
            kernel,
            offset,
            rows: vec![Spectrum::zero(); height * (width + 1)],
            blocks: vec![Spectrum::zero(); height * BLOCK * (width + 1).div_ceil(BLOCK)],
        }
    }

    /// The grid's nodes along x and y.
    pub fn shape(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// What is to be added to a result for each unit of what was convolved.
    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// Convolves the grid whose rows `fill` writes (each once, over zeros) into `out`, row-major.
    pub fn run(&mut self, fill: impl Fn(usize, &mut [f32]) + Sync, out: &mut Vec<f32>) {
        let (width, height) = (self.width, self.height);
        let (rows_forward, rows_back) = (&self.rows_forward, &self.rows_back);
        self.rows.par_chunks_mut(width + 1).enumerate().for_each_init(
            || (rows_forward.make_input_vec(), rows_forward.make_scratch_vec()),
            |(values, scratch), (y, row)| {
                values.fill(0.0);
                fill(y, &mut values[..width]);
                fits(rows_forward.process_with_scratch(values, row, scratch));
            },
        );
        let columns = Columns {
            rows: &self.rows,
            kernel: &self.kernel,
            count: width + 1,
            height,
            forward: &*self.columns_forward,
            back: &*self.columns_back,
        };
        self.blocks.par_chunks_mut(height * BLOCK).enumerate().for_each_init(
            || columns.buffers(),
            |(values, scratch), (block, out)| columns.run(block * BLOCK, values, scratch, out),
        );
        out.resize(width * height, 0.0);
        let blocks = &self.blocks;
        out.par_chunks_mut(width).enumerate().for_each_init(
            || (rows_back.make_input_vec(), rows_back.make_output_vec(), rows_back.make_scratch_vec()),
            |(spectrum, values, scratch), (y, row)| {
                let blocks = blocks.chunks_exact(height * BLOCK);
                for (part, block) in spectrum.chunks_mut(BLOCK).zip(blocks) {
                    part.copy_from_slice(&block[y * BLOCK..y * BLOCK + part.len()]);
                }
                // Real values have real means and real highest frequencies; rounding need not know.
                spectrum[0].im = 0.0;
                spectrum[width].im = 0.0;
                fits(rows_back.process_with_scratch(spectrum, values, scratch));
                row.copy_from_slice(&values[..width]);
            },
        );
    }
}

/// What the middle of a convolution reads.
struct Columns<'a> {
    rows: &'a [Spectrum],
    kernel: &'a [f32],
    count: usize,
    height: usize,
    forward: &'a dyn Fft<f32>,
    back: &'a dyn Fft<f32>,
}

impl Columns<'_> {
    /// Room for the columns of one block, padded, and what the transforms need.
    fn buffers(&self) -> (Vec<Spectrum>, Vec<Spectrum>) {
        let scratch = self.forward.get_inplace_scratch_len().max(self.back.get_inplace_scratch_len());
        (vec![Spectrum::zero(); BLOCK * 2 * self.height], vec![Spectrum::zero(); scratch])
    }

    /// Convolves the columns from `first` on; `out` gets them side by side.
    fn run(&self, first: usize, values: &mut [Spectrum], scratch: &mut [Spectrum], out: &mut [Spectrum]) {
        let (height, period) = (self.height, 2 * self.height);
        let many = BLOCK.min(self.count - first);
        let values = &mut values[..many * period];
        for (y, row) in self.rows.chunks_exact(self.count).enumerate() {
            for (c, &value) in row[first..first + many].iter().enumerate() {
                values[c * period + y] = value;
            }
        }
        let kernels = self.kernel[first * (height + 1)..].chunks_exact(height + 1);
        for (column, kernel) in values.chunks_exact_mut(period).zip(kernels) {
            column[height..].fill(Spectrum::zero());
            self.forward.process_with_scratch(column, scratch);
            let (low, high) = column.split_at_mut(height + 1);
            low.iter_mut().zip(kernel).for_each(|(value, &k)| *value *= k);
            high.iter_mut().zip(kernel[1..height].iter().rev()).for_each(|(value, &k)| *value *= k);
            self.back.process_with_scratch(column, scratch);
        }
        for (y, out) in out.chunks_exact_mut(BLOCK).enumerate() {
            for (c, value) in out[..many].iter_mut().enumerate() {
                *value = values[c * period + y];
            }
        }
    }
}

/// The lengths of all buffers come from the plans themselves, so that no transform can fail.
fn fits(result: Result<(), FftError>) {
    debug_assert!(result.is_ok(), "{result:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::hash;

    #[test]
    fn a_convolution_is_the_sum_over_all_nodes_and_nothing_wraps_around() {
        let (width, height) = (20, 9);
        let kernel = |dx: usize, dy: usize| 1.0 / (1.0 + (dx * dx) as f64 + 0.5 * (dy * dy) as f64);
        let values: Vec<f32> = (0..width * height).map(|i| hash::normal(1, i as u64) as f32).collect();
        let mut convolver = Convolver::new(&mut Planner::default(), (width, height), kernel, |_, _| 1.0);
        let mut out = Vec::new();
        convolver.run(|y, row| row.copy_from_slice(&values[y * width..(y + 1) * width]), &mut out);
        let total: f64 = values.iter().map(|&v| f64::from(v)).sum();
        for (i, &convolved) in out.iter().enumerate() {
            let term = |(j, &value): (usize, &f32)| {
                let (dx, dy) = ((i % width).abs_diff(j % width), (i / width).abs_diff(j / width));
                f64::from(value) * kernel(dx, dy)
            };
            let truth: f64 = values.iter().enumerate().map(term).sum();
            let convolved = f64::from(convolved) + total * convolver.offset();
            assert!((convolved - truth).abs() < 1e-4, "{i}: {convolved} {truth}");
        }
    }

    #[test]
    fn fast_sizes_have_small_factors_only() {
        assert_eq!([1, 7, 11, 64, 65, 337].map(fast_size), [1, 8, 12, 64, 72, 360]);
    }
}
