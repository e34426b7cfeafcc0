//! Principal components, and the start that they give a map.
//!
//! The decomposition is that of `linfa-reduction`, which wants every row in f64 at once. It gets a small surrogate
//! instead: the rows of the covariance matrix C and their negatives. Their mean is zero and their own covariance
//! is proportional to CᵀC = C², so their principal axes are those of the data in the same order, and their
//! singular values are √2 times the data's variances along them. No square root of C is needed, so a covariance
//! without full rank does no harm. Memory is a few d × d blocks however many rows there are.

use std::ops::Range;

use linfa::Dataset;
use linfa::traits::Fit;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::hash;
use crate::data::Matrix;
use crate::job::{Cancelled, Ctx};

/// Rows of one block product.
const BLOCK_ROWS: usize = 512;

/// Partial covariances are summed in this many stripes, fewer where they would pass [`STRIPE_BYTES`] together:
/// a number that depends on the data alone, so that the sum does not depend on the threads.
const STRIPES: usize = 16;
const STRIPE_BYTES: usize = 256 << 20;

/// A component counts as found when ‖C v − λ v‖ is below this share of the largest variance.
const RESIDUAL: f64 = 1e-7;

/// Less than this share of the largest variance is what rounding leaves where sums have the digits of `f32`.
const ROUNDED_AWAY: f64 = 1e-6;

/// `linfa`'s block method wants several times as many dimensions as components.
const DIMS_PER_COMPONENT: usize = 8;

/// Half the width of a map's start, and the noise that parts identical points (ALGORITHMS: UMAP, start).
const START_EXTENT: f64 = 10.0;
const START_NOISE: f64 = 1e-4;

/// Why there are no components.
#[derive(Debug, thiserror::Error)]
pub enum PcaError {
    #[error("vectors {rows:?} hold numbers that are not finite: embed them again, or leave them out")]
    NotFinite { rows: Range<usize> },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// The directions along which the data vary most.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// The mean row, `d` numbers.
    pub mean: Vec<f32>,
    /// `c` × `d`, orthonormal rows, most variance first; the largest loading of each is positive. Fewer rows than
    /// were asked for when the data vary in fewer directions.
    pub components: Vec<f32>,
    /// Per component, the share of the whole variance.
    pub explained_ratio: Vec<f32>,
}

impl Pca {
    /// From shares of the variance and directions, most first.
    fn of_axes(mean: Vec<f32>, axes: Vec<(f64, Vec<f64>)>) -> Self {
        let mut pca = Self { mean, components: Vec::new(), explained_ratio: Vec::new() };
        for (share, axis) in axes {
            // The sign of an axis is arbitrary; this choice makes maps repeatable.
            let largest = axis.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
            let sign = if largest < 0.0 { -1.0 } else { 1.0 };
            pca.components.extend(axis.iter().map(|&v| (sign * v) as f32));
            pca.explained_ratio.push(share as f32);
        }
        pca
    }

    /// Component `c`, `d` numbers.
    pub fn component(&self, c: usize) -> &[f32] {
        &self.components[c * self.mean.len()..(c + 1) * self.mean.len()]
    }
}

/// The first `components` principal components of the rows of `matrix` (at most its dimension).
///
/// Block products in f64, equal at any number of threads.
pub fn principal_components(matrix: &Matrix, components: usize, ctx: &Ctx) -> Result<Pca, PcaError> {
    let d = matrix.dim();
    let (mean, mut covariance) = covariance(matrix, ctx)?;
    let trace: f64 = (0..d).map(|i| covariance[i * d + i]).sum();
    let mean: Vec<f32> = mean.iter().map(|&v| v as f32).collect();
    let wanted = components.min(d);
    if wanted == 0 || trace <= f64::MIN_POSITIVE {
        return Ok(Pca { mean, components: Vec::new(), explained_ratio: Vec::new() });
    }
    covariance.iter_mut().for_each(|v| *v /= trace);
    let axes = match leading_axes(&covariance, d, wanted) {
        Some(axes) => axes,
        None => jacobi_axes(&covariance, d, wanted, ctx)?,
    };
    Ok(Pca::of_axes(mean, axes))
}

/// The same from a few axes that hold the first `components` of them, as a graphics adapter finds them: `basis` has rows
/// of `d` numbers, orthonormal or zeros, and `covariance` is that of the data along them (square; `f32` in its digits).
/// `variance` is that of all directions together.
pub fn principal_components_along(
    mean: &[f64],
    variance: f64,
    basis: &[f64],
    covariance: &[f64],
    components: usize,
    ctx: &Ctx,
) -> Result<Pca, Cancelled> {
    let d = mean.len();
    let width = basis.len() / d.max(1);
    let mean: Vec<f32> = mean.iter().map(|&v| v as f32).collect();
    if width == 0 || components == 0 {
        return Ok(Pca { mean, components: Vec::new(), explained_ratio: Vec::new() });
    }
    let shares: Vec<f64> = covariance.iter().map(|v| v / variance).collect();
    let found = jacobi_axes(&shares, width, components.min(width), ctx)?;
    let least = found.first().map_or(0.0, |(share, _)| ROUNDED_AWAY * share);
    let axes = found.into_iter().filter(|(share, _)| *share > least).map(|(share, along)| {
        let mut axis = vec![0.0; d];
        for (factor, row) in along.iter().zip(basis.chunks_exact(d)) {
            axis.iter_mut().zip(row).for_each(|(a, b)| *a += factor * b);
        }
        (share, axis)
    });
    Ok(Pca::of_axes(mean, axes.collect()))
}

/// Every row along the first two components (0 where there is none), in the units of the data.
pub fn project(matrix: &Matrix, pca: &Pca, ctx: &Ctx) -> Result<Vec<[f32; 2]>, Cancelled> {
    let d = matrix.dim();
    let axes: Vec<&[f32]> = (0..pca.explained_ratio.len().min(2)).map(|c| pca.component(c)).collect();
    let offsets: Vec<f32> = axes.iter().map(|axis| dot(axis, &pca.mean)).collect();
    let mut positions = vec![[0.0; 2]; matrix.rows()];
    positions.par_chunks_mut(BLOCK_ROWS).enumerate().try_for_each(|(b, out)| {
        ctx.cancel.check()?;
        let rows = matrix.block(b * BLOCK_ROWS..b * BLOCK_ROWS + out.len());
        for (position, row) in out.iter_mut().zip(rows.chunks_exact(d.max(1))) {
            for (c, axis) in axes.iter().enumerate() {
                position[c] = dot(axis, row) - offsets[c];
            }
        }
        Ok(())
    })?;
    Ok(positions)
}

/// The start of a map: `projected` scaled so that its largest coordinate is ±10, plus normal noise of 1e-4.
pub fn start_positions(projected: &[[f32; 2]], seed: u64) -> Vec<[f32; 2]> {
    let largest = projected.iter().flatten().fold(0.0f32, |a, b| a.max(b.abs()));
    let scale = if largest.is_normal() { START_EXTENT / f64::from(largest) } else { 0.0 };
    let place = |i: usize, axis: usize, value: f32| {
        let value = if value.is_finite() { f64::from(value) * scale } else { 0.0 };
        (value + START_NOISE * hash::normal(seed, (2 * i + axis) as u64)) as f32
    };
    projected.par_iter().enumerate().map(|(i, &[x, y])| [place(i, 0, x), place(i, 1, y)]).collect()
}

/// The inner product, in eight running sums, so that the additions do not wait for each other.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_lanes, a_rest) = a.as_chunks::<8>();
    let (b_lanes, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        (0..8).for_each(|l| sums[l] += a[l] * b[l]);
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// Mean and covariance (divided by the number of rows), d and d × d, in one pass over the rows.
fn covariance(matrix: &Matrix, ctx: &Ctx) -> Result<(Vec<f64>, Vec<f64>), PcaError> {
    let (n, d) = (matrix.rows(), matrix.dim());
    let blocks: Vec<Range<usize>> = matrix.ranges(BLOCK_ROWS).collect();
    let stripes = (STRIPE_BYTES / (8 * d * d).max(1)).clamp(1, STRIPES);
    let per_stripe = blocks.len().div_ceil(stripes).max(1);
    // Sums are taken around the first row: a common offset of all rows would otherwise eat the digits.
    let origin: Vec<f64> = match n {
        0 => vec![0.0; d],
        _ => matrix.row(0).iter().map(|&v| if v.is_finite() { f64::from(v) } else { 0.0 }).collect(),
    };
    let partial: Vec<(Vec<f64>, Vec<f64>)> = blocks
        .par_chunks(per_stripe)
        .map(|blocks| {
            let (mut sum, mut products) = (vec![0.0; d], vec![0.0; d * d]);
            let mut shifted = Vec::with_capacity(BLOCK_ROWS * d);
            for range in blocks {
                ctx.cancel.check()?;
                shifted.clear();
                for row in matrix.block(range.clone()).chunks_exact(d.max(1)) {
                    shifted.extend(row.iter().zip(&origin).map(|(&v, o)| f64::from(v) - o));
                }
                for row in shifted.chunks_exact(d.max(1)) {
                    sum.iter_mut().zip(row).for_each(|(s, v)| *s += v);
                }
                if !sum.iter().all(|v| v.is_finite()) {
                    return Err(PcaError::NotFinite { rows: range.clone() });
                }
                add_products(&mut products, &shifted, d);
            }
            Ok((sum, products))
        })
        .collect::<Result<_, PcaError>>()?;
    let (mut sum, mut products) = (vec![0.0; d], vec![0.0; d * d]);
    for (partial_sum, partial_products) in partial {
        sum.iter_mut().zip(partial_sum).for_each(|(a, b)| *a += b);
        products.iter_mut().zip(partial_products).for_each(|(a, b)| *a += b);
    }
    let count = n.max(1) as f64;
    let shift: Vec<f64> = sum.iter().map(|s| s / count).collect();
    for (row, &a) in products.chunks_exact_mut(d.max(1)).zip(&shift) {
        row.iter_mut().zip(&shift).for_each(|(v, b)| *v = *v / count - a * b);
    }
    // Rounding may leave the two triangles a hair apart, and a variance a hair below zero.
    for i in 0..d {
        products[i * d + i] = products[i * d + i].max(0.0);
        for j in 0..i {
            products[i * d + j] = products[j * d + i];
        }
    }
    let mean = shift.iter().zip(&origin).map(|(s, o)| s + o).collect();
    Ok((mean, products))
}

/// `products` += `rows`ᵀ · `rows`, for `rows` of `d` numbers.
fn add_products(products: &mut [f64], rows: &[f64], d: usize) {
    let (m, d_stride) = (rows.len() / d.max(1), d as isize);
    // SAFETY: `products` holds d × d and `rows` m × d numbers, row-major as the strides say; they do not overlap.
    unsafe {
        gemm::gemm(
            d,
            d,
            m,
            products.as_mut_ptr(),
            1,
            d_stride,
            true,
            rows.as_ptr(),
            d_stride,
            1,
            rows.as_ptr(),
            1,
            d_stride,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Leading eigenvalues and eigenvectors of the covariance by `linfa-reduction`, or `None` where it is not meant
/// for so few dimensions or did not converge.
fn leading_axes(covariance: &[f64], d: usize, wanted: usize) -> Option<Vec<(f64, Vec<f64>)>> {
    if d < DIMS_PER_COMPONENT * wanted {
        return None;
    }
    let view = ArrayView2::from_shape((d, d), covariance).ok()?;
    let mut surrogate = Array2::zeros((2 * d, d));
    surrogate.slice_mut(ndarray::s![..d, ..]).assign(&view);
    surrogate.slice_mut(ndarray::s![d.., ..]).assign(&view.mapv(|v| -v));
    let fitted = linfa_reduction::Pca::params(wanted).fit(&Dataset::from(surrogate)).ok()?;
    let axes: Vec<(f64, Vec<f64>)> = fitted
        .components()
        .rows()
        .into_iter()
        .zip(fitted.singular_values())
        .map(|(axis, &sigma)| (sigma / std::f64::consts::SQRT_2, axis.to_vec()))
        .collect();
    let largest = axes.first()?.0;
    let converged = axes.iter().all(|(value, axis)| {
        let residual: f64 = covariance
            .chunks_exact(d)
            .zip(axis)
            .map(|(row, a)| (row.iter().zip(axis).map(|(x, y)| x * y).sum::<f64>() - value * a).powi(2))
            .sum();
        residual.sqrt() <= RESIDUAL * largest
    });
    (converged && axes.len() == wanted).then_some(axes)
}

/// The same by cyclic Jacobi rotations (Golub & Van Loan, §8.5): slow for large `d`, never wrong.
fn jacobi_axes(
    covariance: &[f64],
    d: usize,
    wanted: usize,
    ctx: &Ctx,
) -> Result<Vec<(f64, Vec<f64>)>, Cancelled> {
    const SWEEPS: usize = 60;
    let mut m = covariance.to_vec();
    // Rows of `axes` are the eigenvectors.
    let mut axes = vec![0.0; d * d];
    (0..d).for_each(|i| axes[i * d + i] = 1.0);
    for _ in 0..SWEEPS {
        ctx.cancel.check()?;
        let mut rotated = false;
        for p in 0..d {
            for q in p + 1..d {
                let (off, pp, qq) = (m[p * d + q], m[p * d + p], m[q * d + q]);
                if off.abs() <= 1e-14 * (pp * qq).abs().sqrt() || off.abs() < 1e-18 {
                    continue;
                }
                rotated = true;
                let theta = (qq - pp) / (2.0 * off);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                rotate(&mut m, d, (p, q), (c, t * c));
                for r in 0..d {
                    let (a, b) = (m[r * d + p], m[r * d + q]);
                    (m[r * d + p], m[r * d + q]) = (c * a - t * c * b, t * c * a + c * b);
                }
                rotate(&mut axes, d, (p, q), (c, t * c));
            }
        }
        if !rotated {
            break;
        }
    }
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|&i, &j| m[j * d + j].total_cmp(&m[i * d + i]));
    let largest = m[order[0] * d + order[0]];
    Ok(order
        .into_iter()
        .take(wanted)
        .map(|i| (m[i * d + i], axes[i * d..(i + 1) * d].to_vec()))
        .filter(|(value, _)| *value > 1e-12 * largest)
        .collect())
}

/// Rotates rows `p` and `q`.
fn rotate(m: &mut [f64], d: usize, (p, q): (usize, usize), (c, s): (f64, f64)) {
    for r in 0..d {
        let (a, b) = (m[p * d + r], m[q * d + r]);
        (m[p * d + r], m[q * d + r]) = (c * a - s * b, s * a + c * b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Key;
    use proptest::prelude::*;

    fn matrix(dim: usize, values: Vec<f32>) -> Matrix {
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, dim, values)
    }

    /// Rows that vary by `scales[c]` along coordinate axis `c`, around `offset`.
    fn cloud(n: usize, scales: &[f64], offset: f64) -> Matrix {
        let value = |i: usize, c: usize| (offset + scales[c] * hash::normal(c as u64, i as u64)) as f32;
        let d = scales.len();
        matrix(d, (0..n * d).map(|at| value(at / d, at % d)).collect())
    }

    #[test]
    fn the_axes_of_most_variance_come_first_and_point_to_their_largest_loading() {
        let mut scales = vec![0.1; 40];
        (scales[7], scales[3]) = (3.0, 2.0);
        for offset in [0.0, 100.0] {
            let pca = principal_components(&cloud(1500, &scales, offset), 2, &Ctx::quiet()).unwrap();
            assert!(pca.component(0)[7] > 0.99 && pca.component(1)[3] > 0.99);
            let whole = 9.0 + 4.0 + 38.0 * 0.01;
            assert!((pca.explained_ratio[0] - 9.0 / whole).abs() < 0.03, "{:?}", pca.explained_ratio);
        }
    }

    #[test]
    fn both_ways_to_the_axes_agree() {
        let scales: Vec<f64> = (0..48).map(|c| 1.0 / (1.0 + c as f64)).collect();
        let (_, mut covariance) = covariance(&cloud(600, &scales, 0.5), &Ctx::quiet()).unwrap();
        let trace: f64 = (0..48).map(|i| covariance[i * 49]).sum();
        covariance.iter_mut().for_each(|v| *v /= trace);
        let fast = leading_axes(&covariance, 48, 3).expect("converges");
        let slow = jacobi_axes(&covariance, 48, 3, &Ctx::quiet()).unwrap();
        for ((fast_value, fast_axis), (slow_value, slow_axis)) in fast.iter().zip(&slow) {
            assert!((fast_value - slow_value).abs() < 1e-8);
            let cosine: f64 = fast_axis.iter().zip(slow_axis).map(|(a, b)| a * b).sum();
            assert!(cosine.abs() > 1.0 - 1e-9, "{cosine}");
        }
    }

    #[test]
    fn a_projection_keeps_the_distances_of_flat_data() {
        let flat = cloud(50, &[2.0, 1.0], 3.0);
        let pca = principal_components(&flat, 2, &Ctx::quiet()).unwrap();
        let positions = project(&flat, &pca, &Ctx::quiet()).unwrap();
        let (a, b) = (flat.row(4), flat.row(9));
        let there = (a[0] - b[0]).hypot(a[1] - b[1]);
        let here = (positions[4][0] - positions[9][0]).hypot(positions[4][1] - positions[9][1]);
        assert!((there - here).abs() < 1e-4);
        let mean = positions.iter().map(|p| p[0]).sum::<f32>() / 50.0;
        assert!(mean.abs() < 1e-4);
    }

    #[test]
    fn components_are_equal_at_any_number_of_threads() {
        let cloud = cloud(3000, &[1.0; 32], 0.0);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| principal_components(&cloud, 2, &Ctx::quiet()).unwrap())
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn data_without_variance_have_no_components_and_start_as_a_speck() {
        for same in [matrix(3, vec![]), matrix(3, vec![1.0; 3]), matrix(20, vec![0.25; 400])] {
            let pca = principal_components(&same, 2, &Ctx::quiet()).unwrap();
            assert!(pca.components.is_empty());
            let start = start_positions(&project(&same, &pca, &Ctx::quiet()).unwrap(), 1);
            assert!(start.iter().flatten().all(|v| v.abs() < 1e-3));
        }
    }

    #[test]
    fn one_direction_gives_one_component() {
        let line = matrix(16, (0..100).flat_map(|i| vec![i as f32; 16]).collect());
        let pca = principal_components(&line, 2, &Ctx::quiet()).unwrap();
        assert_eq!(pca.explained_ratio.len(), 1);
        assert!(pca.component(0).iter().all(|v| (v - 0.25).abs() < 1e-5));
    }

    #[test]
    fn infinite_vectors_are_refused_with_their_rows() {
        let mut values = vec![1.0; 30];
        values[20] = f32::NAN;
        let error = principal_components(&matrix(3, values), 2, &Ctx::quiet()).unwrap_err();
        assert!(error.to_string().contains("0..10"), "{error}");
    }

    #[test]
    fn a_start_reaches_ten_and_parts_identical_points() {
        let start = start_positions(&[[0.5, 0.1], [0.5, 0.1], [-0.2, 0.0]], 3);
        assert!((start[0][0] - 10.0).abs() < 1e-3);
        assert_ne!(start[0], start[1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn components_are_orthonormal(n in 1usize..40, d in 1usize..24, seed in 0u64..1000) {
            let values = (0..n * d).map(|i| hash::normal(seed, i as u64) as f32).collect();
            let pca = principal_components(&matrix(d, values), 2, &Ctx::quiet()).unwrap();
            for a in 0..pca.explained_ratio.len() {
                for b in 0..=a {
                    let product = dot(pca.component(a), pca.component(b));
                    let wanted = if a == b { 1.0 } else { 0.0 };
                    prop_assert!((product - wanted).abs() < 1e-4);
                }
            }
            prop_assert!(pca.explained_ratio.is_sorted_by(|a, b| *a >= b - 1e-6));
        }
    }
}
