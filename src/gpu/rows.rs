//! Vectors as the kernels that also want single ones take them: row by row, in pages.

use std::ops::Range;

use rayon::prelude::*;

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::tiles::{Source, TILE};
use crate::job::Ctx;

/// Rows are filled up with zeros to a multiple of so many components: `SLAB` of the shaders.
const SLAB: usize = 8;

/// Rows that one thread reads at a time, and how many such stretches travel together.
pub(super) const STRETCH: usize = 4 * TILE;
pub(super) const TOGETHER: usize = 16;

/// Rows that one binding holds.
pub(super) struct RowPage {
    pub rows: Range<usize>,
    /// Component c of the page's row r is at r × depth + c. Zeros fill the last tile of 128 rows.
    pub values: Buffer,
}

impl RowPage {
    pub fn tiles(&self) -> usize {
        self.rows.len().div_ceil(TILE)
    }
}

/// All rows of a source, on the adapter.
pub(super) struct Rows {
    pub pages: Vec<RowPage>,
    /// Components a row on the adapter: those of the source, and zeros.
    pub depth: usize,
}

/// Components a row of `dim` has on the adapter.
pub(super) fn depth_of(dim: usize) -> usize {
    dim.next_multiple_of(SLAB).max(SLAB)
}

impl Rows {
    /// Sends the rows of `source`. `look` sees them on their way: at most [`STRETCH`] rows at a time, and what it makes
    /// of them comes back in their order.
    pub fn upload<T: Send>(
        context: &Context,
        source: &Source,
        ctx: &Ctx,
        look: impl Fn(Range<usize>, &[f32]) -> T + Sync,
    ) -> Result<(Self, Vec<T>), GpuError> {
        let (dim, depth) = (source.dim, depth_of(source.dim));
        let tiles_a_page = (context.page() as usize / (4 * depth * TILE)).max(1);
        let (mut pages, mut seen) = (Vec::new(), Vec::new());
        for rows in steps(0..source.rows, tiles_a_page * TILE) {
            let values = context.buffer::<f32>("vectors", rows.len().next_multiple_of(TILE) * depth)?;
            for group in steps(rows.clone(), STRETCH * TOGETHER) {
                ctx.cancel.check()?;
                let mut padded = vec![0.0f32; group.len() * depth];
                let stretches: Vec<T> = padded
                    .par_chunks_mut(STRETCH * depth)
                    .zip(steps(group.clone(), STRETCH).collect::<Vec<_>>())
                    .map_init(Vec::new, |vectors, (out, range)| {
                        (source.read)(range.clone(), vectors);
                        let pairs = out.chunks_exact_mut(depth).zip(vectors.chunks_exact(dim.max(1)));
                        pairs.for_each(|(out, row)| out[..dim].copy_from_slice(row));
                        look(range, vectors)
                    })
                    .collect();
                context.write(&values, (group.start - rows.start) * depth, &padded)?;
                seen.extend(stretches);
            }
            pages.push(RowPage { rows, values });
        }
        Ok((Self { pages, depth }, seen))
    }
}

/// `range` in pieces of `size`.
pub(super) fn steps(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(size).map(move |start| start..(start + size).min(end))
}
