//! Lists of near rows improved by looking at the neighbours of neighbours (Dong, Moses, Li 2011: "Efficient k-nearest neighbor
//! graph construction for generic similarity measures"), by codes. The twin is `math::sweep`.
//!
//! A gather: each row reads the lists of the sweep before and writes its own, so that the result is the same bits each
//! time, whatever the pages are.

use bytemuck::{Pod, Zeroable};

use super::codes::{CodedPage, CodedRows};
use super::context::{Buffer, Context};
use super::error::GpuError;
use super::kernel::Pace;
use super::neighbours::{Candidates, NOBODY};
use super::rows::steps;
use crate::job::Ctx;

/// Candidates of a row: `PLACES` of the kernels.
const PLACES: usize = 1024;

/// The longest lists that can be swept: the rest of the candidates is for what their rows link to.
pub const WIDEST: usize = 256;

/// How many of the rows that list a row it links to, at most, beside those on its own list: a hub is listed by thousands.
const LISTED_BY: usize = 16;

/// Rows whose candidates are on the adapter at a time.
const CHUNK: usize = 8192;

/// Comparisons a row of one sweep, at most.
pub fn comparisons() -> f64 {
    PLACES as f64
}

/// `Span` of `sweep.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Span {
    begin: u32,
    end: u32,
    first_row: u32,
    width: u32,
    visited: u32,
    links: u32,
    first: u32,
    there: u32,
    quads: u32,
    own: u32,
    unused: [u32; 2],
}

/// How the candidates of a row are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shares {
    /// Rows on its list whose links are looked at, the nearest ones.
    visited: usize,
    /// The first of each list that are links, and at most so many that list the row.
    own: usize,
    listed_by: usize,
}

impl Shares {
    fn of(width: usize) -> Self {
        let rest = PLACES - width.min(WIDEST);
        let visited = width.min(rest.isqrt() - 1);
        let links = (rest / (visited + 1)).min(width + LISTED_BY);
        let listed_by = LISTED_BY.min(links / 2);
        Self { visited, own: (links - listed_by).min(width), listed_by }
    }

    fn links(self) -> usize {
        self.own + self.listed_by
    }
}

/// The lists of `lists` after one sweep: of each row's list, its neighbours' neighbours and those that list them the
/// nearest, by codes. No row is on its own list, and none twice. Lists longer than [`WIDEST`] stay as they are.
pub fn swept(
    context: &Context,
    codes: &CodedRows,
    lists: &Candidates,
    ctx: &Ctx,
) -> Result<Candidates, GpuError> {
    let width = lists.k;
    if width == 0 || width > WIDEST {
        return Ok(lists.clone());
    }
    let mut next = Candidates { k: width, ids: Vec::with_capacity(lists.ids.len()) };
    let shares = Shares::of(width);
    let links = Links::of(context, lists, shares)?;
    let mut sweep = Sweep { context, codes, links, shares, width, pace: Pace::starting_with(64) };
    let chunk = CHUNK.min(context.page() as usize / (4 * PLACES)).max(1);
    for page in &codes.pages {
        for rows in steps(page.rows.clone(), chunk) {
            let old = &lists.ids[rows.start * width..rows.end * width];
            let done = rows.start as u64;
            next.ids.extend(sweep.chunk(page, rows.start, old, |row| ctx.progress.set(done + row), ctx)?);
        }
    }
    Ok(next)
}

/// The rows that each row leads to, in pages: ids of the first row, and so many links each.
struct Links(Vec<(usize, usize, Buffer)>);

impl Links {
    fn of(context: &Context, lists: &Candidates, shares: Shares) -> Result<Self, GpuError> {
        let (width, each) = (lists.k, shares.links());
        let n = lists.ids.len() / width;
        let mut links = vec![NOBODY; n * each];
        for (links, list) in links.chunks_mut(each).zip(lists.ids.chunks(width)) {
            links[..shares.own].copy_from_slice(&list[..shares.own]);
        }
        // Those that list a row near the top come first; what is beyond its share is left out.
        let mut counts = vec![0u8; n];
        for place in 0..width {
            for row in 0..n {
                let id = lists.ids[row * width + place];
                if id == NOBODY || usize::from(counts[id as usize]) >= shares.listed_by {
                    continue;
                }
                let count = &mut counts[id as usize];
                links[id as usize * each + shares.own + usize::from(*count)] = row as u32;
                *count += 1;
            }
        }
        let rows_a_page = (context.page() as usize / (4 * each)).max(1);
        let pages = steps(0..n, rows_a_page).map(|rows| {
            let buffer = context.upload("links", &links[rows.start * each..rows.end * each])?;
            Ok((rows.start, rows.len(), buffer))
        });
        Ok(Self(pages.collect::<Result<_, GpuError>>()?))
    }
}

struct Sweep<'a> {
    context: &'a Context,
    codes: &'a CodedRows,
    links: Links,
    shares: Shares,
    width: usize,
    pace: Pace,
}

impl Sweep<'_> {
    /// The new lists of some rows of `page` from `first` on, whose old ones are `old`.
    fn chunk(
        &mut self,
        page: &CodedPage,
        first: usize,
        old: &[u32],
        done: impl Fn(u64),
        ctx: &Ctx,
    ) -> Result<Vec<u32>, GpuError> {
        let Self { context, codes, links, shares, width, pace } = self;
        let rows = old.len() / *width;
        let lists = context.upload("lists", old)?;
        let next = context.buffer::<u32>("new lists", old.len())?;
        let candidates = context.buffer::<u32>("candidates", rows * PLACES)?;
        let scores = context.buffer::<f32>("scores", rows * PLACES)?;
        let collect = context.kernel("sweep", "collect", &[])?;
        let compare = context.kernel("sweep", "compare", &[])?;
        let choose = context.kernel("sweep", "choose", &[])?;
        context.in_slices(
            rows,
            pace,
            ctx,
            |range, batch| {
                let span = Span {
                    begin: range.start as u32,
                    end: range.end as u32,
                    first_row: first as u32,
                    width: *width as u32,
                    visited: shares.visited as u32,
                    links: shares.links() as u32,
                    first: 0,
                    there: 0,
                    quads: (codes.depth / 4) as u32,
                    own: (first - page.rows.start) as u32,
                    unused: [0; 2],
                };
                for (first, there, links) in &links.0 {
                    let span = Span { first: *first as u32, there: *there as u32, ..span };
                    let groups = (range.len() * (shares.visited + 1)).div_ceil(256) as u32;
                    batch.dispatch(&collect, &span, &[(1, &lists), (2, links), (3, &candidates)], groups);
                }
                for other in &codes.pages {
                    let (first, there) = (other.rows.start as u32, other.rows.len() as u32);
                    let span = Span { first, there, ..span };
                    let buffers = [
                        (3, &candidates),
                        (4, &page.values),
                        (5, &other.values),
                        (6, &other.scales),
                        (7, &scores),
                    ];
                    batch.dispatch(&compare, &span, &buffers, (range.len() * PLACES / 256) as u32);
                }
                let buffers = [(3, &candidates), (7, &scores), (8, &next)];
                batch.dispatch(&choose, &span, &buffers, range.len() as u32);
                Ok(())
            },
            |row| done(row as u64),
        )?;
        context.read(&next, old.len(), ctx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_fit_into_their_places_and_short_lists_lead_to_all_they_can() {
        assert_eq!(Shares::of(24), Shares { visited: 24, own: 24, listed_by: 16 });
        for width in 1..=WIDEST {
            let shares = Shares::of(width);
            assert!(width + (shares.visited + 1) * shares.links() <= PLACES, "{width}: {shares:?}");
            assert!(shares.visited >= 1 && shares.own >= 1, "{width}: {shares:?}");
        }
    }
}
