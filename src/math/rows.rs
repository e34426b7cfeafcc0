//! The distinct directions among the vectors of a space, read as unit vectors.
//!
//! Rows of zeros have no direction, and rows that equal each other have one between them. Searches see neither:
//! zeros would be everybody's neighbours at cosine 0, and thousands of copies would fill each other's lists and cut
//! a graph to pieces. [`Rows::expand`] puts both back.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

use half::f16;
use rayon::prelude::*;

use super::vector;
use crate::data::{Element, Matrix};
use crate::job::{Cancelled, Ctx};

/// Rows that are read at a time.
const BLOCK: usize = 1024;

/// The group of a row of zeros.
const NO_GROUP: u32 = u32::MAX;

/// `n` lists of the `k` best, best first: row numbers and cosines.
pub struct Lists {
    pub k: usize,
    pub ids: Vec<u32>,
    pub similarities: Vec<f32>,
}

impl Lists {
    /// The ids and similarities of row `i`.
    pub fn of(&self, i: usize) -> (&[u32], &[f32]) {
        let range = i * self.k..(i + 1) * self.k;
        (&self.ids[range.clone()], &self.similarities[range])
    }
}

/// Orders neighbours: the more similar first, of equal ones the smaller row.
pub fn nearer(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// The distinct rows of a matrix.
pub struct Rows<'a> {
    matrix: &'a Matrix,
    /// What each distinct row is multiplied by.
    inverse_norms: Vec<f32>,
    /// The first matrix row of each distinct row, ascending until they are reordered.
    firsts: Vec<u32>,
    /// The distinct row of each matrix row, or [`NO_GROUP`].
    groups: Vec<u32>,
    /// The matrix rows that have copies, by distinct row, ascending; those without are not in it.
    copies: HashMap<u32, Vec<u32>>,
    /// The matrix rows of zeros, ascending.
    zeros: Vec<u32>,
}

impl<'a> Rows<'a> {
    /// Reads all rows once to find their lengths, their copies and the zeros.
    pub fn of(matrix: &'a Matrix, ctx: &Ctx) -> Result<Self, Cancelled> {
        let n = matrix.rows();
        let mut norms_and_hashes = vec![(0f32, 0u64); n];
        norms_and_hashes.par_chunks_mut(BLOCK).enumerate().try_for_each(|(block, out)| {
            ctx.cancel.check()?;
            let mut row = vec![0.0; matrix.dim()];
            for (i, out) in (block * BLOCK..).zip(out) {
                widen(matrix, i, &mut row);
                let mut hasher = DefaultHasher::new();
                hasher.write(bytes(matrix, i));
                *out = (vector::inverse_norm(&row), hasher.finish());
            }
            Ok(())
        })?;

        let mut first_of_hash = HashMap::<u64, u32>::with_capacity(n);
        let mut rows = Self {
            matrix,
            inverse_norms: Vec::with_capacity(n),
            firsts: Vec::with_capacity(n),
            groups: Vec::with_capacity(n),
            copies: HashMap::new(),
            zeros: Vec::new(),
        };
        for (i, (inverse_norm, hash)) in norms_and_hashes.into_iter().enumerate() {
            let i = i as u32;
            if inverse_norm == 0.0 {
                rows.zeros.push(i);
                rows.groups.push(NO_GROUP);
                continue;
            }
            let next = rows.firsts.len() as u32;
            let known = *first_of_hash.entry(hash).or_insert(next);
            if known < next
                && bytes(matrix, rows.firsts[known as usize] as usize) == bytes(matrix, i as usize)
            {
                let first = rows.firsts[known as usize];
                rows.copies.entry(known).or_insert_with(|| vec![first]).push(i);
                rows.groups.push(known);
            } else {
                rows.firsts.push(i);
                rows.inverse_norms.push(inverse_norm);
                rows.groups.push(next);
            }
        }
        Ok(rows)
    }

    /// Renumbers the distinct rows: number `i` is what was `order[i]`, a permutation.
    pub fn reorder(&mut self, order: &[u32]) {
        let mut place = vec![0; order.len()];
        for (i, &old) in order.iter().enumerate() {
            place[old as usize] = i as u32;
        }
        self.inverse_norms = order.iter().map(|&old| self.inverse_norms[old as usize]).collect();
        self.firsts = order.iter().map(|&old| self.firsts[old as usize]).collect();
        self.copies =
            std::mem::take(&mut self.copies).into_iter().map(|(old, c)| (place[old as usize], c)).collect();
        for group in self.groups.iter_mut().filter(|group| **group != NO_GROUP) {
            *group = place[*group as usize];
        }
    }

    /// Renumbers the distinct rows in the order of the matrix, as they were at first.
    pub fn reorder_as_read(&mut self) {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by_key(|&i| self.firsts[i as usize]);
        self.reorder(&order);
    }

    /// How many distinct rows there are.
    pub fn len(&self) -> usize {
        self.firsts.len()
    }

    /// Components a row.
    pub fn dim(&self) -> usize {
        self.matrix.dim()
    }

    /// Distinct row `i` as a unit vector.
    pub fn row(&self, i: u32, out: &mut [f32]) {
        widen(self.matrix, self.firsts[i as usize] as usize, out);
        vector::scale(out, self.inverse_norms[i as usize]);
    }

    /// The distinct rows in `range` as unit vectors, one after the other.
    pub fn block(&self, range: Range<usize>, out: &mut Vec<f32>) {
        self.gather(range.map(|i| i as u32), out);
    }

    /// The distinct rows `ids` as unit vectors, one after the other.
    pub fn gather(&self, ids: impl ExactSizeIterator<Item = u32>, out: &mut Vec<f32>) {
        out.resize(ids.len() * self.dim(), 0.0);
        for (i, row) in ids.zip(out.chunks_mut(self.dim().max(1))) {
            self.row(i, row);
        }
    }

    /// The exact cosines of distinct row `i` with each of `others`, nearest first. A pair's cosine is the same
    /// whoever asks.
    pub fn rank(&self, i: u32, others: impl Iterator<Item = u32>, scratch: &mut Scratch) -> Vec<(f32, u32)> {
        let Scratch(own, other) = scratch;
        own.resize(self.dim(), 0.0);
        other.resize(self.dim(), 0.0);
        self.row(i, own);
        let mut similarity = |j: u32| {
            self.row(j, other);
            vector::dot(own, other).clamp(-1.0, 1.0)
        };
        let mut ranked: Vec<(f32, u32)> = others.map(|j| (similarity(j), j)).collect();
        ranked.sort_unstable_by(nearer);
        ranked
    }

    /// The `k` neighbours of every matrix row, from those of the distinct rows: `lists` hold the `k` nearest
    /// distinct rows, or all others where there are fewer.
    pub fn expand(&self, lists: &Lists, k: usize) -> (Vec<u32>, Vec<f32>) {
        let n = self.groups.len();
        let (mut indices, mut similarities) = (vec![0; n * k], vec![0.0; n * k]);
        if k == 0 {
            return (indices, similarities);
        }
        indices.par_chunks_mut(k).zip(similarities.par_chunks_mut(k)).enumerate().for_each(
            |(i, (indices, similarities))| {
                for (at, (similarity, j)) in self.expanded(i, lists, k).into_iter().enumerate() {
                    (indices[at], similarities[at]) = (j, similarity);
                }
            },
        );
        (indices, similarities)
    }

    fn expanded(&self, i: usize, lists: &Lists, k: usize) -> Vec<(f32, u32)> {
        let group = self.groups[i];
        if group == NO_GROUP {
            // Everything is at cosine 0 from here, so that the first rows are the nearest.
            return (0..).filter(|&j| j as usize != i).take(k).map(|j| (0.0, j)).collect();
        }
        let (ids, cosines) = lists.of(group as usize);
        let others = ids.iter().zip(cosines).map(|(&id, &cosine)| (cosine, id));
        let mut near: Vec<(f32, u32)> = std::iter::once((1.0, group))
            .chain(others)
            .flat_map(|(cosine, id)| self.members(id).iter().take(k + 1).map(move |&j| (cosine, j)))
            .chain(self.zeros.iter().take(k).map(|&j| (0.0, j)))
            .filter(|&(_, j)| j as usize != i)
            .collect();
        near.sort_unstable_by(nearer);
        near.truncate(k);
        near
    }

    fn members(&self, group: u32) -> &[u32] {
        match self.copies.get(&group) {
            Some(members) => members,
            None => std::slice::from_ref(&self.firsts[group as usize]),
        }
    }
}

/// Room for two rows.
#[derive(Default)]
pub struct Scratch(Vec<f32>, Vec<f32>);

fn bytes(matrix: &Matrix, i: usize) -> &[u8] {
    let width = matrix.dim() * matrix.element().size();
    &matrix.raw()[i * width..(i + 1) * width]
}

/// Matrix row `i` into `out`, without the allocation that a block costs.
pub(super) fn widen(matrix: &Matrix, i: usize, out: &mut [f32]) {
    match matrix.element() {
        Element::F16 if cfg!(target_endian = "little") => {
            if let Ok(halves) = bytemuck::try_cast_slice::<u8, f16>(bytes(matrix, i)) {
                return vector::widen(halves, out);
            }
        }
        _ => {}
    }
    out.copy_from_slice(&matrix.row(i));
}
