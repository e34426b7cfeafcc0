//! The leading principal components by randomised subspace iteration (Halko, Martinsson & Tropp 2011): the rows are
//! multiplied with a narrow matrix and its product with the rows again, a few times. The twin is `math::pca`, which also
//! turns a [`Sketch`] into components.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::kernel::{Batch, Pace};
use super::rows::{RowPage, Rows, steps};
use super::tiles::{Source, TILE};
use crate::job::Ctx;

/// Components that can be asked for: fewer than are iterated, so that the last of them settle as well.
pub const MOST_COMPONENTS: usize = 50;

/// Axes that are iterated: columns of the kernels.
const AXES: usize = 64;

/// Power iterations, at least.
const FEWEST_ROUNDS: usize = 4;

/// More are made until this share of what is not of the subspace would be left of the last component, where variances fall
/// as 1 / number (those of embeddings fall about so fast).
const LEFT: f64 = 1e-2;

/// Rows that are projected and gathered in one unit of work, and the blocks that are summed side by side.
const GROUP: usize = 1 << 15;
const BLOCKS: usize = 128;

/// Terms a kernel takes at a time: `SLAB` of `lib/narrow.wgsl`.
const SLAB: usize = 8;

/// `Span` of `pca_project.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ProjectSpan {
    rows: u32,
    depth: u32,
    tile: u32,
    end: u32,
    first: u32,
    width: u32,
    unused: [u32; 2],
}

/// `Span` of `pca_gather.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct GatherSpan {
    depth: u32,
    begin: u32,
    end: u32,
    block: u32,
    blocks: u32,
    tiles: u32,
    unused: [u32; 2],
}

/// What rows look like along a few axes that hold their leading components.
pub struct Sketch {
    /// Rows of `dim` numbers: orthonormal, or zeros where the data vary in fewer directions. None where they vary in none.
    pub basis: Vec<f64>,
    /// The covariance (divided by the number of rows) along them, square and symmetric.
    pub covariance: Vec<f64>,
}

/// Rows on the adapter, seen from their mean.
pub struct Centred<'c> {
    context: &'c Context,
    rows: Rows,
    count: usize,
    mean: Vec<f64>,
    variance: f64,
    /// The mean, padded with zeros as the rows are.
    middle: Buffer,
}

impl<'c> Centred<'c> {
    /// Sends the rows of `source`, and finds their mean on the way. Rows that are not finite are refused: the twin says
    /// which they are.
    pub fn upload(context: &'c Context, source: &Source, ctx: &Ctx) -> Result<Self, GpuError> {
        ctx.progress.begin("Sending vectors to the graphics adapter", "points", 0, 0);
        // Sums are taken around the first row: a common offset of all rows would otherwise eat the digits.
        let mut origin = Vec::new();
        (source.read)(0..source.rows.min(1), &mut origin);
        origin.resize(source.dim, 0.0);
        let (rows, seen) = Rows::upload(context, source, ctx, |_, vectors| {
            let (mut sum, mut squares) = (vec![0f64; source.dim], 0f64);
            for row in vectors.chunks_exact(source.dim.max(1)) {
                for ((sum, x), o) in sum.iter_mut().zip(row).zip(&origin) {
                    let x = f64::from(*x) - f64::from(*o);
                    *sum += x;
                    squares += x * x;
                }
            }
            (sum, squares)
        })?;
        let count = source.rows.max(1) as f64;
        let shift: Vec<f64> =
            (0..source.dim).map(|c| seen.iter().map(|(sum, _)| sum[c]).sum::<f64>() / count).collect();
        let squares = seen.iter().map(|(_, squares)| squares).sum::<f64>() / count;
        let variance = squares - shift.iter().map(|s| s * s).sum::<f64>();
        if !variance.is_finite() {
            return Err(GpuError::Refused("the vectors hold numbers that are not finite".into()));
        }
        let mean: Vec<f64> = shift.iter().zip(&origin).map(|(s, o)| s + f64::from(*o)).collect();
        let mut middle: Vec<f32> = mean.iter().map(|&m| m as f32).collect();
        middle.resize(rows.depth, 0.0);
        let middle = context.upload("mean", &middle)?;
        Ok(Self { context, rows, count: source.rows, mean, variance: variance.max(0.0), middle })
    }

    /// The mean row, `dim` numbers.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The variance of all components together.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// Axes that hold the leading `components` (at most [`MOST_COMPONENTS`]). `random` gives numbers in [0, 1), for the start.
    pub fn sketch(
        &self,
        components: usize,
        random: &mut dyn FnMut() -> f64,
        ctx: &Ctx,
    ) -> Result<Sketch, GpuError> {
        let dim = self.mean.len();
        let width = AXES.min(dim);
        if self.variance <= f64::MIN_POSITIVE {
            return Ok(Sketch { basis: Vec::new(), covariance: Vec::new() });
        }
        let rounds = rounds_for(components.clamp(1, MOST_COMPONENTS));
        ctx.progress.begin("Finding principal components", "rounds", rounds as u64 + 1, 0);
        let mut basis: Vec<f64> = (0..width * dim).map(|_| random() - 0.5).collect();
        orthonormalise(&mut basis, dim);
        let mut pace = Pace::starting_with(1);
        for _ in 0..rounds {
            basis = self.times_covariance(&basis, &mut pace, ctx)?;
            orthonormalise(&mut basis, dim);
            ctx.progress.advance(1);
        }
        let image = self.times_covariance(&basis, &mut pace, ctx)?;
        ctx.progress.advance(1);
        let covariance = symmetric_products(&basis, &image, dim);
        Ok(Sketch { basis, covariance })
    }

    /// Every row along `axes` (rows of `dim` numbers, at most [`AXES`]), from the mean: `n` × the number of axes.
    pub fn project(&self, axes: &[f32], ctx: &Ctx) -> Result<Vec<f32>, GpuError> {
        let count = axes.len() / self.mean.len().max(1);
        let width = count.div_ceil(4);
        let mut projected = Vec::with_capacity(self.count * count);
        if count == 0 {
            return Ok(projected);
        }
        ctx.progress.begin("Projecting", "points", self.count as u64, 0);
        let axes = self.send_axes(axes.iter().copied())?;
        let mut pace = Pace::starting_with(64);
        for page in &self.rows.pages {
            let along = self.context.buffer::<f32>("along", page.rows.len() * 4 * width)?;
            let project = |range: Range<usize>, batch: &mut Batch| {
                self.encode_project(page, range, (0, width), (&axes, &along), batch)
            };
            self.context.in_slices(page.tiles(), &mut pace, ctx, project, |_| {})?;
            let along = self.context.read::<f32>(&along, page.rows.len() * 4 * width, ctx)?;
            along.chunks_exact(4 * width).for_each(|row| projected.extend_from_slice(&row[..count]));
            ctx.progress.advance(page.rows.len() as u64);
        }
        Ok(projected)
    }

    /// The covariance matrix times each row of `basis`.
    fn times_covariance(&self, basis: &[f64], pace: &mut Pace, ctx: &Ctx) -> Result<Vec<f64>, GpuError> {
        let (context, depth, dim) = (self.context, self.rows.depth, self.mean.len());
        let axes = self.send_axes(basis.iter().map(|&x| x as f32))?;
        let fitting = |bytes: usize| (context.page() as usize / bytes).max(1);
        let group = (fitting(4 * AXES * TILE) * TILE).min(GROUP);
        let blocks = fitting(4 * AXES * depth).min(BLOCKS);
        let along = context.buffer::<f32>("along", group * AXES)?;
        let parts = context.buffer::<f32>("parts", blocks * depth * AXES)?;
        let totals = context.buffer::<f32>("totals", depth * AXES)?;
        let gather = context.kernel("pca_gather", "gather", &[])?;
        let add = context.kernel("pca_gather", "add", &[])?;
        for page in &self.rows.pages {
            let groups: Vec<Range<usize>> = steps(0..page.rows.len(), group).collect();
            let encode = |range: Range<usize>, batch: &mut Batch| {
                for rows in &groups[range] {
                    let tiles = rows.start / TILE..rows.end.div_ceil(TILE);
                    self.encode_project(page, tiles, (rows.start, AXES / 4), (&axes, &along), batch)?;
                    let block = rows.len().div_ceil(blocks).next_multiple_of(SLAB);
                    let span = GatherSpan {
                        depth: depth as u32,
                        begin: rows.start as u32,
                        end: rows.end as u32,
                        block: block as u32,
                        blocks: rows.len().div_ceil(block) as u32,
                        tiles: depth.div_ceil(TILE) as u32,
                        unused: [0; 2],
                    };
                    let buffers = [(1, &page.values), (2, &along), (3, &self.middle), (4, &parts)];
                    batch.dispatch(&gather, &span, &buffers, span.blocks * span.tiles);
                    let sums = (depth * AXES / 4).div_ceil(64) as u32;
                    batch.dispatch(&add, &span, &[(4, &parts), (5, &totals)], sums);
                }
                Ok(())
            };
            context.in_slices(groups.len(), pace, ctx, encode, |_| {})?;
        }
        let totals = context.read::<f32>(&totals, depth * AXES, ctx)?;
        let mut image = vec![0.0; basis.len()];
        for (axis, image) in image.chunks_exact_mut(dim).enumerate() {
            for (c, x) in image.iter_mut().enumerate() {
                *x = f64::from(totals[c * AXES + axis]) / self.count as f64;
            }
        }
        Ok(image)
    }

    /// Projects the rows of the tiles `tiles` of a page; `along` begins with row `first`, and has `width` fours a row.
    fn encode_project(
        &self,
        page: &RowPage,
        tiles: Range<usize>,
        (first, width): (usize, usize),
        (axes, along): (&Buffer, &Buffer),
        batch: &mut Batch,
    ) -> Result<(), GpuError> {
        let kernel = self.context.kernel("pca_project", "project", &[])?;
        let span = ProjectSpan {
            rows: page.rows.len() as u32,
            depth: self.rows.depth as u32,
            tile: tiles.start as u32,
            end: tiles.end as u32,
            first: first as u32,
            width: width as u32,
            unused: [0; 2],
        };
        let buffers = [(1, &page.values), (2, axes), (3, &self.middle), (4, along)];
        batch.dispatch(&kernel, &span, &buffers, tiles.len() as u32);
        Ok(())
    }

    /// Axes as the kernels read them: component by component, [`AXES`] numbers each.
    fn send_axes(&self, axes: impl Iterator<Item = f32>) -> Result<Buffer, GpuError> {
        let dim = self.mean.len().max(1);
        let mut laid = vec![0.0f32; self.rows.depth * AXES];
        for (at, x) in axes.enumerate() {
            laid[at % dim * AXES + at / dim] = x;
        }
        self.context.upload("axes", &laid)
    }
}

/// Power iterations for so many components.
fn rounds_for(components: usize) -> usize {
    // What one iteration leaves of the first axis beyond those iterated, in terms of the last component.
    let share = components as f64 / (AXES + 1) as f64;
    FEWEST_ROUNDS.max((LEFT.ln() / share.ln()).ceil() as usize)
}

/// Makes the rows of `vectors` orthonormal, one after the other (modified Gram–Schmidt, twice over: Björck 1994). A row that
/// depends on those before it, or is zero, becomes zeros.
fn orthonormalise(vectors: &mut [f64], dim: usize) {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for i in 0..vectors.len() / dim {
        let (before, rest) = vectors.split_at_mut(i * dim);
        let own = &mut rest[..dim];
        let whole = product(own, own).sqrt();
        for _ in 0..2 {
            for other in before.chunks_exact(dim) {
                let along = product(own, other);
                own.iter_mut().zip(other).for_each(|(x, o)| *x -= along * o);
            }
        }
        let left = product(own, own).sqrt();
        // What rounding leaves of a row that depends on others has no direction of its own.
        let scale = if left > 1e-12 * whole && left.is_normal() { left.recip() } else { 0.0 };
        own.iter_mut().for_each(|x| *x *= scale);
    }
}

/// The products of the rows of `a` with those of `b`, made symmetric.
fn symmetric_products(a: &[f64], b: &[f64], dim: usize) -> Vec<f64> {
    let count = a.len() / dim;
    let product = |i: usize, j: usize| -> f64 {
        let (a, b) = (&a[i * dim..(i + 1) * dim], &b[j * dim..(j + 1) * dim]);
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    };
    (0..count * count)
        .map(|at| (product(at / count, at % count) + product(at % count, at / count)) / 2.0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_components_take_more_rounds() {
        assert_eq!([1, 2, 10, 50].map(rounds_for), [4, 4, 4, 18]);
    }

    #[test]
    fn dependent_vectors_become_zeros_and_the_others_orthonormal() {
        let mut vectors = vec![3.0, 0.0, 4.0, 0.0, 0.0, 0.0, 6.0, 0.0, 8.0, 1.0, 1.0, 1.0];
        orthonormalise(&mut vectors, 3);
        assert_eq!(vectors[3..9], [0.0; 6]);
        let products = symmetric_products(&vectors, &vectors, 3);
        for (at, product) in products.iter().enumerate() {
            let expected = if at == 0 || at == 15 { 1.0 } else { 0.0 };
            assert!((product - expected).abs() < 1e-12, "{products:?}");
        }
    }
}
