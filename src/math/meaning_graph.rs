//! A way from any query to the rows near it: the neighbours that every row has anyway, and those whose neighbour it is.
//!
//! Neighbours alone lead astray: what nobody lists is never met, and far regions are not joined. So rows are also reached
//! from rows that they list, and a search begins at the nearest of many rows (landmarks) that are spread so that every row
//! is two links from one: no group of documents, however small and far from all others, is out of reach.

use std::collections::BinaryHeap;
use std::sync::Arc;

use rayon::prelude::*;

use super::best::Best;
use super::codes::{CodedVector, Codes};
use super::hash::draw;
use crate::data::Knn;
use crate::job::{Cancelled, Ctx};

/// The nearest landmarks, from which a search begins.
const BEGINNINGS: usize = 16;

/// How many of the rows that list a row lead to it, beside those on its own list: a hub is listed by thousands.
const LISTED_BY: usize = 16;

/// Rows that a search looks at for each place of its list, about (measured with 15
/// neighbours a row in a million titles: 20 for 128 places, 16 for 512).
const LOOKS_A_PLACE: usize = 16;

/// Rows between two looks at whether to stop.
const BLOCK: usize = 1 << 16;

/// The same for every graph of the same rows.
const SEED: u64 = 0;

/// Links between near rows.
pub struct MeaningGraph {
    knn: Arc<Knn>,
    /// Where the part of each row in `listed_by` begins.
    starts: Vec<u32>,
    listed_by: Vec<u32>,
    landmarks: Vec<u32>,
}

/// What a walk met.
pub struct Walk {
    /// The nearest by coded cosine, best first.
    pub nearest: Vec<(f32, u32)>,
    /// How many rows it looked at.
    pub looked_at: usize,
}

impl MeaningGraph {
    /// Adds the links back to `knn`, the neighbours of the rows of `codes`. Memory: at most 72 bytes a row.
    pub fn of(codes: &Codes, knn: Arc<Knn>, ctx: &Ctx) -> Result<Self, Cancelled> {
        let n = codes.len();
        // Rows without direction list the first rows, which are not near them. What is listed both ways needs no link back.
        let links_back = |row: usize, to: u32| {
            codes.has_direction(row as u32) && !knn.of(to as usize).contains(&(row as u32))
        };
        let mut counts = vec![0u8; n];
        for block in (0..n).step_by(BLOCK) {
            ctx.cancel.check()?;
            for row in block..(block + BLOCK).min(n) {
                for &to in knn.of(row).iter().filter(|to| links_back(row, **to)) {
                    let count = &mut counts[to as usize];
                    *count = (*count + 1).min(LISTED_BY as u8);
                }
            }
        }
        let mut starts = Vec::with_capacity(n + 1);
        let mut total = 0;
        for &count in &counts {
            starts.push(total);
            total += u32::from(count);
        }
        starts.push(total);
        let mut listed_by = vec![0u32; total as usize];
        // The nearest places of all lists first, as long as there is room.
        for place in 0..knn.k {
            ctx.cancel.check()?;
            for row in 0..n {
                let to = knn.of(row)[place];
                let left = &mut counts[to as usize];
                if *left > 0 && links_back(row, to) {
                    *left -= 1;
                    listed_by[(starts[to as usize] + u32::from(*left)) as usize] = row as u32;
                }
            }
        }
        let mut graph = Self { knn, starts, listed_by, landmarks: Vec::new() };
        graph.landmarks = graph.spread(codes, ctx)?;
        Ok(graph)
    }

    /// Rows in no order, each a landmark unless one of those before is at most two links away.
    fn spread(&self, codes: &Codes, ctx: &Ctx) -> Result<Vec<u32>, Cancelled> {
        let n = codes.len() as u32;
        let mut order: Vec<u32> = (0..n).filter(|&row| codes.has_direction(row)).collect();
        order.par_sort_unstable_by_key(|&row| (draw(SEED, u64::from(row)), row));
        let mut near = vec![false; n as usize];
        let mut landmarks = Vec::new();
        for rows in order.chunks(BLOCK) {
            ctx.cancel.check()?;
            for &row in rows {
                if near[row as usize] {
                    continue;
                }
                landmarks.push(row);
                for next in self.links(row) {
                    near[next as usize] = true;
                    self.links(next).for_each(|beyond| near[beyond as usize] = true);
                }
            }
        }
        landmarks.sort_unstable();
        Ok(landmarks)
    }

    /// Where links lead from `row`.
    fn links(&self, row: u32) -> impl Iterator<Item = u32> + '_ {
        self.knn.of(row as usize).iter().chain(self.listed_by(row)).copied()
    }

    fn listed_by(&self, row: u32) -> &[u32] {
        &self.listed_by[self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize]
    }

    /// How many rows searches may begin at.
    pub fn landmarks(&self) -> usize {
        self.landmarks.len()
    }

    /// How many rows a walk with a list of `width` looks at, about.
    pub fn looks(&self, width: usize) -> usize {
        self.landmarks.len() + LOOKS_A_PLACE * width
    }

    /// Bytes in memory beside the neighbours.
    pub fn bytes(&self) -> usize {
        (self.starts.len() + self.listed_by.len() + self.landmarks.len()) * size_of::<u32>()
    }

    /// The `width` nearest rows that a best-first search meets: the nearest row that was not visited yet is visited,
    /// until none of those left is nearer than the last of the list.
    pub fn walk(&self, codes: &Codes, query: &CodedVector, width: usize) -> Walk {
        let mut search = Search {
            codes,
            query,
            seen: vec![0; codes.len().div_ceil(64)],
            best: Best::new(1, width),
            open: BinaryHeap::new(),
            candidates: Vec::new(),
            similarities: Vec::new(),
            looked_at: 0,
        };
        search.begin(&self.landmarks);
        while let Some(Near(similarity, row)) = search.open.pop() {
            if similarity < search.best.floors()[0] {
                break;
            }
            search.take(self.links(row));
            search.compare();
        }
        Walk { nearest: search.best.list(0).collect(), looked_at: search.looked_at }
    }
}

/// A row by its similarity, of equal ones the smaller first.
#[derive(PartialEq)]
struct Near(f32, u32);

impl Eq for Near {}

impl Ord for Near {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then(other.1.cmp(&self.1))
    }
}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

struct Search<'a> {
    codes: &'a Codes,
    query: &'a CodedVector,
    /// Rows that were compared, one bit each.
    seen: Vec<u64>,
    best: Best,
    /// Rows to visit.
    open: BinaryHeap<Near>,
    /// Rows to compare, and what came of it.
    candidates: Vec<u32>,
    similarities: Vec<f32>,
    looked_at: usize,
}

impl Search<'_> {
    /// Compares all landmarks, and begins at the nearest.
    fn begin(&mut self, landmarks: &[u32]) {
        self.similarities.resize(landmarks.len(), 0.0);
        self.codes.similarities_to(self.query, landmarks, &mut self.similarities);
        self.looked_at += landmarks.len();
        let mut beginnings = Best::new(1, BEGINNINGS);
        for (&similarity, &row) in self.similarities.iter().zip(landmarks) {
            beginnings.offer(0, similarity, row);
        }
        for (similarity, row) in beginnings.list(0) {
            self.seen[row as usize / 64] |= 1 << (row % 64);
            self.meet(similarity, row);
        }
    }

    /// Notes the rows that were not compared before.
    fn take(&mut self, rows: impl Iterator<Item = u32>) {
        for row in rows {
            let (word, bit) = (&mut self.seen[row as usize / 64], 1 << (row % 64));
            if *word & bit == 0 {
                *word |= bit;
                self.candidates.push(row);
            }
        }
    }

    fn compare(&mut self) {
        self.similarities.resize(self.candidates.len(), 0.0);
        self.codes.similarities_to(self.query, &self.candidates, &mut self.similarities);
        self.looked_at += self.candidates.len();
        for at in 0..self.candidates.len() {
            self.meet(self.similarities[at], self.candidates[at]);
        }
        self.candidates.clear();
    }

    fn meet(&mut self, similarity: f32, row: u32) {
        if similarity >= self.best.floors()[0] && self.codes.has_direction(row) {
            self.best.offer(0, similarity, row);
            self.open.push(Near(similarity, row));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall};

    /// Rows in groups of 20 that know only each other, by threes: a group has a direction of its own.
    fn islands() -> (Codes, MeaningGraph) {
        let (n, k) = (2000usize, 3usize);
        let vector = |row: usize| {
            let (group, place) = (row / 20, row % 20);
            (0..100).map(|d| f32::from(d == group) + if d == place { 0.1 } else { 0.0 }).collect()
        };
        let codes = Codes::of_slices(&(0..n).map(vector).collect::<Vec<Vec<f32>>>());
        let next = |row: usize, step: usize| (row / 20 * 20 + (row % 20 + step) % 20) as u32;
        let indices = (0..n).flat_map(|row| (1..=k).map(move |step| next(row, step))).collect();
        let key = Key::of("test", 1).finish();
        let similarities = vec![0.9; n * k];
        let knn = Knn { key, k, indices, similarities, recall: Recall::Exact, method: "test".into() };
        let graph = MeaningGraph::of(&codes, Arc::new(knn), &Ctx::quiet()).unwrap();
        (codes, graph)
    }

    #[test]
    fn every_row_is_at_most_two_links_from_a_landmark() {
        let (codes, graph) = islands();
        let mut reached: Vec<u32> = graph
            .landmarks
            .iter()
            .flat_map(|&row| std::iter::once(row).chain(graph.links(row)))
            .flat_map(|row| std::iter::once(row).chain(graph.links(row)))
            .collect();
        reached.sort_unstable();
        reached.dedup();
        assert_eq!(reached.len(), codes.len());
        assert!(graph.landmarks() < codes.len() / 4, "{}", graph.landmarks());
    }

    #[test]
    fn a_walk_reaches_a_group_that_no_other_leads_to() {
        let (codes, graph) = islands();
        for group in [0, 57, 99] {
            let query: Vec<f32> = (0..100).map(|d| f32::from(d == group)).collect();
            let walk = graph.walk(&codes, &CodedVector::of(&query), 20);
            assert_eq!(walk.nearest.len(), 20);
            assert!(walk.nearest.iter().all(|near| near.1 as usize / 20 == group), "{:?}", walk.nearest);
            assert!(walk.looked_at < codes.len() / 2, "{}", walk.looked_at);
        }
    }
}
