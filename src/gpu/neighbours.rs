//! The nearest rows by cosine: all pairs, in tiles of products with a running list of the best. The twin is `math::exact`.

use bytemuck::{Pod, Zeroable};

use super::context::Context;
use super::error::GpuError;
use super::kernel::Pace;
use super::tiles::{Page, Source, TILE, Tiles};
use crate::job::Ctx;

/// Tiles of rows that one dispatch works on: enough to fill any adapter, few enough for a slice of 10 ms on a slow one.
pub(super) const TILES_AT_ONCE: usize = 1024;

/// The id of a free place on a list.
pub const NOBODY: u32 = u32::MAX;

/// The score of a free place: `EMPTY` of `lib/best.wgsl`.
pub(super) const EMPTY: f32 = -3.0e38;

/// What pairs are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// The vectors.
    Full,
    /// Codes of eight bits, a scale a row: about one neighbour in a hundred is missed, which some more candidates make good.
    Coded,
}

/// `rows` × `k` row numbers, nearest first; free places at a list's end hold [`NOBODY`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    pub k: usize,
    pub ids: Vec<u32>,
}

impl Candidates {
    /// The candidates of row `i`.
    pub fn of(&self, i: usize) -> &[u32] {
        let ids = &self.ids[i * self.k..(i + 1) * self.k];
        &ids[..ids.iter().position(|&id| id == NOBODY).unwrap_or(ids.len())]
    }
}

/// `Span` of `lib/best.wgsl`.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Span {
    pub rows: u32,
    pub columns: u32,
    pub depth: u32,
    pub k: u32,
    pub first_row: u32,
    pub first_column: u32,
    pub tile: u32,
    pub begin: u32,
    pub end: u32,
    pub first_list: u32,
    pub unused: [u32; 2],
}

/// The `k` nearest other rows of each row of `source`, unit vectors, none of which may be all zeros.
///
/// Compares all pairs: time grows with the square of the rows. The adapter holds the vectors (or a quarter of
/// their bytes as codes) and 8 `k` bytes a row.
pub fn nearest(
    context: &Context,
    source: &Source,
    k: usize,
    precision: Precision,
    ctx: &Ctx,
) -> Result<Candidates, GpuError> {
    let n = source.rows;
    let mut found = Candidates { k, ids: Vec::with_capacity(n * k) };
    if n == 0 || k == 0 {
        return Ok(found);
    }
    ctx.progress.begin("Sending vectors to the graphics adapter", "points", 0, 0);
    let (kernel, tiles) = match precision {
        Precision::Full => {
            (context.kernel("neighbours", "compare", &[])?, Tiles::full(context, source, ctx)?)
        }
        Precision::Coded => {
            (context.kernel("neighbours_coded", "compare", &[])?, Tiles::coded(context, source, ctx)?)
        }
    };
    ctx.progress.begin("Finding neighbours", "points", n as u64, 0);
    let mut pace = Pace::starting_with(1);
    for rows in lists_of(&tiles, context, k) {
        let count = rows.rows.len();
        let scores = context.upload("scores", &vec![EMPTY; count.next_multiple_of(TILE) * k])?;
        let ids = context.upload("neighbours", &vec![NOBODY; count.next_multiple_of(TILE) * k])?;
        let page = &tiles.pages[rows.page];
        let columns: usize = tiles.pages.iter().map(Page::tiles).sum();
        let mut before = 0;
        for other in &tiles.pages {
            let span = Span {
                rows: (rows.rows.end - page.rows.start) as u32,
                columns: other.rows.len() as u32,
                depth: tiles.depth as u32,
                k: k as u32,
                first_row: page.rows.start as u32,
                first_column: other.rows.start as u32,
                tile: ((rows.rows.start - page.rows.start) / TILE) as u32,
                begin: 0,
                end: 0,
                first_list: (rows.rows.start - page.rows.start) as u32,
                unused: [0; 2],
            };
            let mut buffers = vec![(1, &page.values), (2, &other.values), (3, &scores), (4, &ids)];
            buffers.extend(other.scales.as_ref().map(|scales| (5, scales)));
            let groups = count.div_ceil(TILE) as u32;
            context.in_slices(
                other.tiles(),
                &mut pace,
                ctx,
                |range, batch| {
                    let span = Span { begin: range.start as u32, end: range.end as u32, ..span };
                    batch.dispatch(&kernel, &span, &buffers, groups);
                    Ok(())
                },
                |done| {
                    let share = (before + done) as f64 / columns as f64;
                    ctx.progress.set(rows.rows.start as u64 + (share * count as f64) as u64);
                },
            )?;
            before += other.tiles();
        }
        found.ids.extend(context.read::<u32>(&ids, count * k, ctx)?);
    }
    Ok(found)
}

/// Rows of one page whose lists are made together.
struct Group {
    page: usize,
    rows: std::ops::Range<usize>,
}

fn lists_of(tiles: &Tiles, context: &Context, k: usize) -> Vec<Group> {
    let fitting = (context.page() as usize / (4 * k * TILE)).clamp(1, TILES_AT_ONCE);
    let mut groups = Vec::new();
    for (page, rows) in tiles.pages.iter().map(|page| page.rows.clone()).enumerate() {
        for start in rows.clone().step_by(fitting * TILE) {
            groups.push(Group { page, rows: start..(start + fitting * TILE).min(rows.end) });
        }
    }
    groups
}
