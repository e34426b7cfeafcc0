//! A round of k-means over the rows that the adapter holds: every row's nearest centre, and the sums of the rows of each.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::kernel::{Batch, Pace};
use super::rows::{RowPage, Rows};
use super::tiles::{Source, TILE};
use crate::job::Ctx;

/// Tiles of centres that one dispatch compares a tile of rows with, at most: some 10 ms for the slowest adapter.
const TILES_OF_CENTRES: usize = 32;

/// What pads the offsets: no row is near to it (`NEVER` of the kernels).
const NEVER: f32 = 3.0e38;

/// Rows of one label that one workgroup adds up.
const SEGMENT: usize = 512;

/// Blocks of rows whose labels are counted side by side, at most, and the fewest rows of one.
const BLOCKS: usize = 1024;
const BLOCK: usize = 256;

/// `Span` of `kmeans_assign.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct AssignSpan {
    rows: u32,
    depth: u32,
    tile: u32,
    tiles: u32,
    first_centre: u32,
    fresh: u32,
    unused: [u32; 2],
}

/// `Sort` of `kmeans_sort.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Sort {
    rows: u32,
    labels: u32,
    block: u32,
    blocks: u32,
}

/// `Span` of `kmeans_sum.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SumSpan {
    quads: u32,
    first: u32,
    segments: u32,
    unused: u32,
}

/// The sums of the rows of each centre, `k` × `dim`, and how many they are.
#[derive(Clone)]
pub(super) struct Sums {
    pub values: Vec<f64>,
    pub counts: Vec<u64>,
}

/// Rows on the adapter, each with its nearest centre so far.
pub(super) struct Held<'c> {
    context: &'c Context,
    pub dim: usize,
    rows: Rows,
    states: Vec<State>,
    /// The square of each row; 0 for rows that say nothing.
    pub squares: Vec<f32>,
    assigning: Pace,
    summing: Pace,
}

/// What is known of the rows of a page.
struct State {
    squares: Buffer,
    labels: Buffer,
    nearest: Buffer,
    second: Buffer,
}

/// Bytes that a row of `depth` components takes on the adapter.
pub(super) fn bytes_a_row(depth: usize) -> u64 {
    let (state, sorting) = (4, 2);
    4 * (depth + state + sorting) as u64
}

impl<'c> Held<'c> {
    pub fn upload(context: &'c Context, source: &Source, ctx: &Ctx) -> Result<Self, GpuError> {
        let square = |row: &[f32]| {
            let square = row.iter().map(|x| x * x).sum::<f32>();
            if square.is_finite() { square } else { 0.0 }
        };
        let (rows, squares) = Rows::upload(context, source, ctx, |_, vectors| {
            vectors.chunks_exact(source.dim.max(1)).map(square).collect::<Vec<f32>>()
        })?;
        let squares = squares.concat();
        let state = |page: &RowPage| {
            let count = page.rows.len();
            Ok(State {
                squares: context.upload("squares", &squares[page.rows.clone()])?,
                labels: context.buffer::<u32>("labels", count)?,
                nearest: context.buffer::<f32>("nearest", count)?,
                second: context.buffer::<f32>("second", count)?,
            })
        };
        let states = rows.pages.iter().map(state).collect::<Result<_, GpuError>>()?;
        let (assigning, summing) = (Pace::starting_with(8), Pace::starting_with(256));
        Ok(Self { context, dim: source.dim, rows, states, squares, assigning, summing })
    }

    /// Finds each row's nearest among `centres` (`k` × `dim`; what is near is the product with the centre less its offset)
    /// and, unless it is a `fresh` search, those it was compared with before.
    pub fn compare(
        &mut self,
        centres: &[f32],
        offsets: &[f32],
        fresh: bool,
        ctx: &Ctx,
    ) -> Result<(), GpuError> {
        let depth = self.rows.depth;
        let kernel = self.context.kernel("kmeans_assign", "assign", &[])?;
        let tiles = (self.context.page() as usize / (4 * depth * TILE)).clamp(1, TILES_OF_CENTRES);
        let parts = centres.chunks(tiles * TILE * self.dim).zip(offsets.chunks(tiles * TILE));
        for (part, (centres, offsets)) in parts.enumerate() {
            let tiles_here = offsets.len().div_ceil(TILE);
            let mut padded = vec![0.0f32; tiles_here * TILE * depth];
            for (out, centre) in padded.chunks_exact_mut(depth).zip(centres.chunks_exact(self.dim)) {
                out[..self.dim].copy_from_slice(centre);
            }
            let mut padded_offsets = offsets.to_vec();
            padded_offsets.resize(tiles_here * TILE, NEVER);
            let centres = self.context.upload("centres", &padded)?;
            let offsets = self.context.upload("offsets", &padded_offsets)?;
            for (page, state) in self.rows.pages.iter().zip(&self.states) {
                let buffers = [
                    (1, &page.values),
                    (2, &centres),
                    (3, &offsets),
                    (4, &state.squares),
                    (5, &state.labels),
                    (6, &state.nearest),
                    (7, &state.second),
                ];
                let encode = |range: Range<usize>, batch: &mut Batch| {
                    let span = AssignSpan {
                        rows: page.rows.len() as u32,
                        depth: depth as u32,
                        tile: range.start as u32,
                        tiles: tiles_here as u32,
                        first_centre: (part * tiles * TILE) as u32,
                        fresh: u32::from(fresh && part == 0),
                        unused: [0; 2],
                    };
                    batch.dispatch(&kernel, &span, &buffers, range.len() as u32);
                    Ok(())
                };
                self.context.in_slices(page.tiles(), &mut self.assigning, ctx, encode, |_| {})?;
            }
        }
        Ok(())
    }

    /// The nearest centre of each row; `u32::MAX` for one that says nothing.
    pub fn labels(&self, ctx: &Ctx) -> Result<Vec<u32>, GpuError> {
        self.read(|state| &state.labels, ctx)
    }

    /// The best score of each row.
    pub fn nearest(&self, ctx: &Ctx) -> Result<Vec<f32>, GpuError> {
        self.read(|state| &state.nearest, ctx)
    }

    /// The second best score of each row.
    pub fn second(&self, ctx: &Ctx) -> Result<Vec<f32>, GpuError> {
        self.read(|state| &state.second, ctx)
    }

    fn read<T: Pod>(&self, which: impl Fn(&State) -> &Buffer, ctx: &Ctx) -> Result<Vec<T>, GpuError> {
        let mut all = Vec::with_capacity(self.squares.len());
        for (page, state) in self.rows.pages.iter().zip(&self.states) {
            all.extend(self.context.read::<T>(which(state), page.rows.len(), ctx)?);
        }
        Ok(all)
    }

    /// The sums of the rows of each of `k` centres; the same bits each time.
    pub fn sums(&mut self, k: usize, ctx: &Ctx) -> Result<Sums, GpuError> {
        let mut sums = Sums { values: vec![0.0; k * self.dim], counts: vec![0; k] };
        for page in 0..self.states.len() {
            let (order, counts) = self.sorted(page, k, ctx)?;
            self.add(page, &order, &counts, &mut sums, ctx)?;
        }
        Ok(sums)
    }

    /// The rows of a page by label, and how many there are of each.
    fn sorted(&self, page: usize, k: usize, ctx: &Ctx) -> Result<(Buffer, Vec<u32>), GpuError> {
        let (context, state) = (self.context, &self.states[page]);
        let rows = self.rows.pages[page].rows.len();
        let most = (context.page() as usize / (4 * k)).clamp(1, BLOCKS);
        let block = rows.div_ceil(most).next_multiple_of(BLOCK);
        let blocks = rows.div_ceil(block);
        let sort = Sort { rows: rows as u32, labels: k as u32, block: block as u32, blocks: blocks as u32 };
        let tallies = context.buffer::<u32>("tallies", blocks * k)?;
        let places = context.buffer::<u32>("places", rows)?;
        let counts = context.buffer::<u32>("counts", k)?;
        let mut batch = context.batch();
        let count = context.kernel("kmeans_sort", "count", &[])?;
        batch.dispatch(&count, &sort, &[(1, &state.labels), (2, &tallies), (3, &places)], blocks as u32);
        let scan = context.kernel("kmeans_sort", "scan", &[])?;
        batch.dispatch(&scan, &sort, &[(2, &tallies), (4, &counts)], k.div_ceil(256) as u32);
        context.wait(batch.submit(), ctx)?;
        let counts = context.read::<u32>(&counts, k, ctx)?;
        let starts: Vec<u32> = counts
            .iter()
            .scan(0, |next, count| {
                let start = *next;
                *next += count;
                Some(start)
            })
            .collect();
        let starts = context.upload("starts", &starts)?;
        let order = context.buffer::<u32>("order", rows)?;
        let scatter = context.kernel("kmeans_sort", "scatter", &[])?;
        let buffers = [(1, &state.labels), (2, &tallies), (3, &places), (5, &starts), (6, &order)];
        context.run(&scatter, &sort, &buffers, rows.div_ceil(256) as u32, ctx)?;
        Ok((order, counts))
    }

    /// Adds the sums of a page's rows to `sums`.
    fn add(
        &mut self,
        page: usize,
        order: &Buffer,
        counts: &[u32],
        sums: &mut Sums,
        ctx: &Ctx,
    ) -> Result<(), GpuError> {
        let (mut segments, mut labels, mut start) = (Vec::<[u32; 2]>::new(), Vec::new(), 0);
        for (label, &count) in counts.iter().enumerate() {
            sums.counts[label] += u64::from(count);
            for begin in (start..start + count).step_by(SEGMENT) {
                segments.push([begin, (begin + SEGMENT as u32).min(start + count)]);
                labels.push(label);
            }
            start += count;
        }
        if segments.is_empty() {
            return Ok(());
        }
        let (context, depth, dim) = (self.context, self.rows.depth, self.dim);
        let bounds = context.upload("segments", &segments)?;
        let partial = context.buffer::<f32>("sums", segments.len() * depth)?;
        let kernel = context.kernel("kmeans_sum", "sum", &[])?;
        let quads = depth / 4;
        let buffers = [(1, &self.rows.pages[page].values), (2, order), (3, &bounds), (4, &partial)];
        context.in_slices(
            segments.len(),
            &mut self.summing,
            ctx,
            |range, batch| {
                let span = SumSpan {
                    quads: quads as u32,
                    first: range.start as u32,
                    segments: range.end as u32,
                    unused: 0,
                };
                batch.dispatch(&kernel, &span, &buffers, (range.len() * quads.div_ceil(64)) as u32);
                Ok(())
            },
            |_| {},
        )?;
        let partial = context.read::<f32>(&partial, segments.len() * depth, ctx)?;
        for (label, partial) in labels.into_iter().zip(partial.chunks_exact(depth)) {
            let sum = &mut sums.values[label * dim..(label + 1) * dim];
            sum.iter_mut().zip(partial).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        Ok(())
    }
}
