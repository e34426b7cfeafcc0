//! Vectors as the kernels that compare all pairs want them, in pages: as they are, or as codes in tiles of 128 rows.

use std::ops::Range;

use rayon::prelude::*;

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::rows::{RowPage, Rows};
use crate::job::Ctx;

/// Rows of a tile: what one workgroup compares at a time.
pub(super) const TILE: usize = 128;

/// Components (or words of codes) that a workgroup holds at a time; rows are filled up with zeros to a multiple.
const SLAB: usize = 8;

/// Tiles that are laid out at a time on their way to the adapter.
const PIECE: usize = 16;

/// The largest code.
const CODE: f32 = 127.0;

/// Vectors that lie somewhere on this machine.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub rows: usize,
    /// Components a row.
    pub dim: usize,
    /// Puts the rows of a range one after the other.
    pub read: &'a (dyn Fn(Range<usize>, &mut Vec<f32>) + Sync),
}

/// Rows that one binding holds.
pub(super) struct Page {
    pub rows: Range<usize>,
    /// Of vectors: component c of row r is at r × depth + c. Of codes: word c of row r of tile t is at
    /// (t × depth + c) × 128 + r.
    pub values: Buffer,
    /// Of codes: what each row's are multiplied by.
    pub scales: Option<Buffer>,
}

impl Page {
    pub fn tiles(&self) -> usize {
        self.rows.len().div_ceil(TILE)
    }
}

/// All rows of a source, on the adapter.
pub(super) struct Tiles {
    pub pages: Vec<Page>,
    /// Components, or words of four codes, a row.
    pub depth: usize,
}

impl Tiles {
    /// Vectors as they are.
    pub fn full(context: &Context, source: &Source, ctx: &Ctx) -> Result<Self, GpuError> {
        let (rows, _) = Rows::upload(context, source, ctx, |_, _| ())?;
        let page = |page: RowPage| Page { rows: page.rows, values: page.values, scales: None };
        Ok(Self { pages: rows.pages.into_iter().map(page).collect(), depth: rows.depth })
    }

    /// Vectors as codes of eight bits, four a word, with a scale a row.
    pub fn coded(context: &Context, source: &Source, ctx: &Ctx) -> Result<Self, GpuError> {
        let depth = words_of(source.dim);
        let tile_words = depth * TILE;
        let tiles_a_page = (context.page() as usize / (4 * tile_words)).max(1);
        let rows_a_page = tiles_a_page * TILE;
        let mut pages = Vec::new();
        for start in (0..source.rows).step_by(rows_a_page) {
            let rows = start..(start + rows_a_page).min(source.rows);
            let tiles = rows.len().div_ceil(TILE);
            let values = context.buffer::<u32>("codes", tiles * tile_words)?;
            let mut scales = vec![0.0f32; tiles * TILE];
            for (piece, scales) in scales.chunks_mut(PIECE * TILE).enumerate() {
                ctx.cancel.check()?;
                let first = piece * PIECE;
                let mut words = vec![0u32; scales.len() * depth];
                let tiles = words.par_chunks_mut(tile_words).zip(scales.par_chunks_mut(TILE));
                tiles.enumerate().for_each_init(Vec::new, |vectors, (tile, (words, scales))| {
                    let from = rows.start + (first + tile) * TILE;
                    (source.read)(from..(from + TILE).min(rows.end), vectors);
                    for (row, vector) in vectors.chunks_exact(source.dim.max(1)).enumerate() {
                        scales[row] = scale_of(vector);
                        for (word, codes) in codes_of(vector, scales[row]).enumerate() {
                            words[word * TILE + row] = codes;
                        }
                    }
                });
                context.write(&values, first * tile_words, &words)?;
            }
            pages.push(Page { rows, values, scales: Some(context.upload("scales", &scales)?) });
        }
        Ok(Self { pages, depth })
    }
}

/// Words of codes that a row of `dim` components has on the adapter.
pub(super) fn words_of(dim: usize) -> usize {
    dim.div_ceil(4).next_multiple_of(SLAB).max(SLAB)
}

/// `vector` as codes of eight bits, four a word.
pub(super) fn codes_of(vector: &[f32], scale: f32) -> impl Iterator<Item = u32> + '_ {
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    vector.chunks(4).map(move |values| {
        values.iter().enumerate().fold(0u32, |codes, (place, x)| {
            let code = (x * inverse).round().clamp(-CODE, CODE) as i8;
            codes | u32::from(code as u8) << (8 * place)
        })
    })
}

/// What the codes of `vector` are multiplied by.
pub(super) fn scale_of(vector: &[f32]) -> f32 {
    vector.iter().fold(0.0f32, |most, x| most.max(x.abs())) / CODE
}
