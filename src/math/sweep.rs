//! A graph of near rows, improved by looking at the neighbours of neighbours (Dong, Moses, Li 2011: "Efficient
//! k-nearest neighbor graph construction for generic similarity measures").
//!
//! Written as a gather: each row reads the lists of the sweep before and writes its own, so that the result does
//! not depend on the number of threads. Pairs whose two links are both old were compared before and are left out.

use rayon::prelude::*;

use super::best::{Best, NOBODY, taken};
use super::codes::Codes;
use crate::job::{Cancelled, Ctx};

/// Rows that one task works on before it looks whether it should stop.
const BLOCK: usize = 256;

/// How many of the rows that list a row it visits, beside those on its own list: a hub is listed by thousands.
const LISTED_BY: usize = 16;

/// For each of `n` rows a list of near rows, best first by coded cosine.
pub struct Graph {
    width: usize,
    /// `n` × `width` ids, [`NOBODY`] where a list is shorter.
    ids: Vec<u32>,
    /// `n` × `width` cosines.
    similarities: Vec<f32>,
    /// `n` × `width`: whether the last sweep put the id there.
    fresh: Vec<bool>,
}

impl Graph {
    /// Lists of the `width` best of each row's `candidates`: the function appends them to the vector it is given;
    /// the row itself and repetitions do no harm.
    pub fn of(
        codes: &Codes,
        width: usize,
        ctx: &Ctx,
        candidates: impl Fn(u32, &mut Vec<u32>) + Sync,
    ) -> Result<Self, Cancelled> {
        let n = codes.len();
        let none = Self {
            width: 1,
            ids: vec![NOBODY; n],
            similarities: vec![f32::NEG_INFINITY; n],
            fresh: vec![false; n],
        };
        none.next(codes, width, ctx, |search, row| {
            candidates(row, &mut search.candidates);
            search.compare(codes, row);
        })
    }

    /// The same lists after a best-first search in the graph from every row: the nearest row of its list that was
    /// not visited yet is visited, until all of the list were. Lists of another `width` look further.
    pub fn swept(&self, codes: &Codes, width: usize, ctx: &Ctx) -> Result<Self, Cancelled> {
        let listed_by = ListedBy::of(self);
        let wider = width > self.width;
        self.next(codes, width, ctx, |search, row| self.walk(codes, &listed_by, wider, search, row))
    }

    /// What a sweep would put on the lists of `rows`, best first.
    pub fn tried(&self, codes: &Codes, rows: &[u32], ctx: &Ctx) -> Result<Vec<Vec<u32>>, Cancelled> {
        let listed_by = ListedBy::of(self);
        rows.par_iter()
            .map_init(
                || Search::new(codes.len(), self.width),
                |search, &row| {
                    ctx.cancel.check()?;
                    search.begin(row as usize, self);
                    self.walk(codes, &listed_by, false, search, row);
                    Ok(search.best.ids(0).to_vec())
                },
            )
            .collect()
    }

    /// The search from one row; `wider` says that its list has more places than those of this graph.
    fn walk(&self, codes: &Codes, listed_by: &ListedBy, wider: bool, search: &mut Search, row: u32) {
        while let Some((near, known)) = search.visit() {
            let fresh = self.fresh_of(near);
            let further = self.list(near).zip(fresh).chain(listed_by.row(near));
            // What two old links connect was compared before; a wider list may have room for it now.
            let known = known && !wider;
            search.candidates.extend(further.filter(|&(_, fresh)| fresh || !known).map(|(id, _)| id));
            search.compare(codes, row);
        }
    }

    /// The ids near `row`, best first.
    pub fn near(&self, row: usize) -> &[u32] {
        taken(&self.ids[row * self.width..(row + 1) * self.width])
    }

    /// Puts other rows on the list of `row`, best first; what does not fit is left out.
    pub fn replace(&mut self, row: usize, near: impl Iterator<Item = (f32, u32)>) {
        let range = row * self.width..(row + 1) * self.width;
        self.ids[range.clone()].fill(NOBODY);
        let places = self.ids[range.clone()].iter_mut().zip(&mut self.similarities[range]);
        for ((id, similarity), near) in places.zip(near) {
            (*similarity, *id) = near;
        }
    }

    fn list(&self, row: u32) -> impl Iterator<Item = u32> + '_ {
        self.near(row as usize).iter().copied()
    }

    fn fresh_of(&self, row: u32) -> impl Iterator<Item = bool> + '_ {
        self.fresh[row as usize * self.width..].iter().copied()
    }

    fn next(
        &self,
        codes: &Codes,
        width: usize,
        ctx: &Ctx,
        improve: impl Fn(&mut Search, u32) + Sync,
    ) -> Result<Self, Cancelled> {
        let places = codes.len() * width;
        let mut next = Self {
            width,
            ids: vec![NOBODY; places],
            similarities: vec![0.0; places],
            fresh: vec![false; places],
        };
        let chunk = BLOCK * width;
        next.ids
            .par_chunks_mut(chunk)
            .zip(next.similarities.par_chunks_mut(chunk))
            .zip(next.fresh.par_chunks_mut(chunk))
            .enumerate()
            .try_for_each_init(
                || Search::new(codes.len(), width),
                |search, (block, ((ids, similarities), fresh))| {
                    ctx.cancel.check()?;
                    let lists = ids.chunks_mut(width).zip(similarities.chunks_mut(width));
                    let rows = block * BLOCK..block * BLOCK + fresh.len() / width;
                    for ((row, (ids, similarities)), fresh) in
                        rows.clone().zip(lists).zip(fresh.chunks_mut(width))
                    {
                        search.begin(row, self);
                        improve(search, row as u32);
                        ids.copy_from_slice(search.best.places().0);
                        similarities.copy_from_slice(search.best.places().1);
                        for (fresh, id) in fresh.iter_mut().zip(taken(ids)) {
                            *fresh = search.stamps[*id as usize] != search.known();
                        }
                    }
                    ctx.progress.advance(rows.len() as u64);
                    Ok(())
                },
            )?;
        Ok(next)
    }
}

/// The rows that have a row on their list, at most [`LISTED_BY`] each.
struct ListedBy {
    starts: Vec<usize>,
    rows: Vec<(u32, bool)>,
}

impl ListedBy {
    fn of(graph: &Graph) -> Self {
        let n = graph.ids.len() / graph.width;
        let mut counts = vec![0u8; n];
        for &id in graph.ids.iter().filter(|&&id| id != NOBODY) {
            let count = &mut counts[id as usize];
            *count = (*count + 1).min(LISTED_BY as u8);
        }
        let mut starts = Vec::with_capacity(n + 1);
        let mut total = 0;
        for &count in &counts {
            starts.push(total);
            total += usize::from(count);
        }
        starts.push(total);
        let mut rows = vec![(0, false); total];
        // Filled from the end of each part; once it is full, further ones are left out.
        for place in 0..graph.width {
            for row in 0..n {
                let at = row * graph.width + place;
                let id = graph.ids[at];
                if id != NOBODY && counts[id as usize] > 0 {
                    counts[id as usize] -= 1;
                    let at_listed = starts[id as usize] + usize::from(counts[id as usize]);
                    rows[at_listed] = (row as u32, graph.fresh[at]);
                }
            }
        }
        Self { starts, rows }
    }

    /// The rows that list `row`, and whether the last sweep put it there.
    fn row(&self, row: u32) -> impl Iterator<Item = (u32, bool)> + '_ {
        let range = self.starts[row as usize]..self.starts[row as usize + 1];
        self.rows[range].iter().copied()
    }
}

/// One thread's working memory.
struct Search {
    best: Best,
    candidates: Vec<u32>,
    similarities: Vec<f32>,
    /// By row: the turn that saw it last.
    stamps: Vec<u32>,
    /// By row: the turn that visited it last.
    visited: Vec<u32>,
    turn: u32,
}

impl Search {
    fn new(n: usize, width: usize) -> Self {
        Self {
            best: Best::new(1, width),
            candidates: Vec::new(),
            similarities: Vec::new(),
            stamps: vec![0; n],
            visited: vec![0; n],
            turn: 0,
        }
    }

    /// The stamp of what was on the list before this turn; one more is the stamp of what this turn looked at.
    fn known(&self) -> u32 {
        self.turn
    }

    /// Begins the turn of `row` with the list that `graph` has for it.
    fn begin(&mut self, row: usize, graph: &Graph) {
        self.turn += 2;
        self.best.clear();
        let start = row * graph.width;
        for (&id, &similarity) in graph.near(row).iter().zip(&graph.similarities[start..]) {
            self.best.offer(0, similarity, id);
            self.stamps[id as usize] = self.turn;
        }
        self.stamps[row] = self.turn;
    }

    /// The best row of the list that was not visited in this turn, and whether it was on the list before it.
    fn visit(&mut self) -> Option<(u32, bool)> {
        let next = self.best.ids(0).iter().copied().find(|&id| self.visited[id as usize] != self.turn)?;
        self.visited[next as usize] = self.turn;
        Some((next, self.stamps[next as usize] == self.turn))
    }

    /// Offers the candidates that this turn did not look at yet to the list of `row`.
    fn compare(&mut self, codes: &Codes, row: u32) {
        let Self { best, candidates, similarities, stamps, turn, .. } = self;
        candidates.retain(|&id| {
            let stamp = &mut stamps[id as usize];
            let new = *stamp < *turn;
            if new {
                *stamp = *turn + 1;
            }
            new
        });
        similarities.resize(candidates.len(), 0.0);
        codes.similarities(row, candidates, similarities);
        for (&id, &similarity) in candidates.iter().zip(similarities.iter()) {
            if similarity >= best.floors()[0] {
                best.offer(0, similarity, id);
            }
        }
        candidates.clear();
    }
}
