//! Vectors as codes of eight bits, row by row, in pages: for kernels that compare single rows, or gather them.

use std::ops::Range;

use rayon::prelude::*;

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::rows::{STRETCH, TOGETHER, steps};
use super::tiles::{Source, TILE, codes_of, scale_of, words_of};
use crate::job::Ctx;

/// Rows that one binding holds.
pub(super) struct CodedPage {
    pub rows: Range<usize>,
    /// Word c of the page's row r is at r × depth + c.
    pub values: Buffer,
    /// What each row's codes are multiplied by.
    pub scales: Buffer,
}

/// All rows of a source, on the adapter.
pub struct CodedRows {
    pub(super) pages: Vec<CodedPage>,
    /// Words of four codes a row, a multiple of 8.
    pub(super) depth: usize,
    pub(super) rows: usize,
}

impl CodedRows {
    /// Sends the rows of `source`, unit vectors, none of which may be all zeros.
    pub fn upload(context: &Context, source: &Source, ctx: &Ctx) -> Result<Self, GpuError> {
        ctx.progress.begin("Sending vectors to the graphics adapter", "points", source.rows as u64, 0);
        let (dim, depth) = (source.dim.max(1), words_of(source.dim));
        let rows_a_page = (context.page() as usize / (4 * depth * TILE)).max(1) * TILE;
        let mut pages = Vec::new();
        for rows in steps(0..source.rows, rows_a_page) {
            let values = context.buffer::<u32>("codes", rows.len() * depth)?;
            let mut scales = Vec::with_capacity(rows.len());
            for group in steps(rows.clone(), STRETCH * TOGETHER) {
                ctx.cancel.check()?;
                let mut words = vec![0u32; group.len() * depth];
                let found: Vec<Vec<f32>> = words
                    .par_chunks_mut(STRETCH * depth)
                    .zip(steps(group.clone(), STRETCH).collect::<Vec<_>>())
                    .map_init(Vec::new, |vectors, (out, range)| {
                        (source.read)(range, vectors);
                        let pairs = out.chunks_exact_mut(depth).zip(vectors.chunks_exact(dim));
                        pairs
                            .map(|(out, vector)| {
                                let scale = scale_of(vector);
                                out.iter_mut().zip(codes_of(vector, scale)).for_each(|(out, x)| *out = x);
                                scale
                            })
                            .collect()
                    })
                    .collect();
                scales.extend(found.into_iter().flatten());
                context.write(&values, (group.start - rows.start) * depth, &words)?;
                ctx.progress.set(group.end as u64);
            }
            pages.push(CodedPage { rows, values, scales: context.upload("scales", &scales)? });
        }
        Ok(Self { pages, depth, rows: source.rows })
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
}
