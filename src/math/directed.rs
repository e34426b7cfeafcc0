//! The neighbours of points with a weight each, and the same as seen from the other ends: what the graphs of both maps are
//! made of.

use std::cmp::Ordering;
use std::ops::Range;

use rayon::prelude::*;

use crate::data::Knn;
use crate::job::{Cancelled, Ctx};

/// Points that one task works on.
const CHUNK: usize = 1024;

/// A point, and how strongly another belongs to it.
pub(super) type Weighed = (u32, f32);

/// No neighbour: sorts behind all of them.
const NONE: Weighed = (u32::MAX, 0.0);

/// The weighed neighbours of all points, in both directions.
pub(super) struct Directed {
    /// At most this many a point.
    k: usize,
    /// By ascending number, with [`NONE`] for what is left.
    outgoing: Vec<Weighed>,
    /// Those that have point i as a neighbour are `incoming[starts[i]..starts[i + 1]]`, by ascending number.
    starts: Vec<u32>,
    incoming: Vec<Weighed>,
}

impl Directed {
    /// Of the first `k` neighbours of each point; `weigh` makes weights of a point's similarities.
    ///
    /// Neighbours that are the point itself, come twice, or do not exist are ignored.
    pub fn build(
        knn: &Knn,
        k: usize,
        weigh: impl Fn(&[f32]) -> Vec<f32> + Sync,
        ctx: &Ctx,
    ) -> Result<Self, Cancelled> {
        let mut outgoing = vec![NONE; knn.len() * k];
        outgoing.par_chunks_mut(CHUNK * k.max(1)).enumerate().try_for_each(|(chunk, rows)| {
            ctx.cancel.check()?;
            for (local, row) in rows.chunks_exact_mut(k.max(1)).enumerate() {
                fill(knn, chunk * CHUNK + local, &weigh, row);
            }
            Ok::<(), Cancelled>(())
        })?;
        let (starts, incoming) = transposed(&outgoing, knn.len(), k);
        ctx.cancel.check()?;
        Ok(Self { k, outgoing, starts, incoming })
    }

    /// What `work` makes of some points at a time, in their order.
    pub fn in_chunks<T: Send>(
        &self,
        work: impl Fn(Range<usize>) -> T + Sync,
        ctx: &Ctx,
    ) -> Result<Vec<T>, Cancelled> {
        let n = self.starts.len() - 1;
        let chunk = |chunk: usize| {
            ctx.cancel.check()?;
            Ok(work(chunk * CHUNK..((chunk + 1) * CHUNK).min(n)))
        };
        (0..n.div_ceil(CHUNK)).into_par_iter().map(chunk).collect()
    }

    /// The points that point `i` has as neighbours or that have it, by ascending number: the weight that `i` gives
    /// them, and the one that they give it; 0 where one does not know the other.
    pub fn both_ways(&self, i: usize) -> impl Iterator<Item = (u32, f32, f32)> {
        let mut out = present(&self.outgoing[i * self.k..(i + 1) * self.k]).iter().copied().peekable();
        let into = &self.incoming[self.starts[i] as usize..self.starts[i + 1] as usize];
        let mut into = into.iter().copied().peekable();
        std::iter::from_fn(move || {
            let ends = [out.peek(), into.peek()];
            let id = ends.into_iter().flatten().map(|end| end.0).min()?;
            let given = out.next_if(|end| end.0 == id).map_or(0.0, |end| end.1);
            let got = into.next_if(|end| end.0 == id).map_or(0.0, |end| end.1);
            Some((id, given, got))
        })
    }
}

/// The neighbours of point `i` with the weights that `weigh` makes of their similarities, by ascending number.
pub(super) fn weighed(knn: &Knn, i: usize, weigh: impl Fn(&[f32]) -> Vec<f32>) -> Vec<Weighed> {
    let mut row = vec![NONE; knn.k];
    fill(knn, i, weigh, &mut row);
    row.truncate(present(&row).len());
    row
}

fn present(row: &[Weighed]) -> &[Weighed] {
    &row[..row.partition_point(|&(j, _)| j != NONE.0)]
}

fn fill(knn: &Knn, i: usize, weigh: impl Fn(&[f32]) -> Vec<f32>, row: &mut [Weighed]) {
    let k = row.len();
    let weights = weigh(&knn.similarities_of(i)[..k]);
    for ((slot, &j), &weight) in row.iter_mut().zip(&knn.of(i)[..k]).zip(&weights) {
        *slot = if j as usize == i || j as usize >= knn.len() { NONE } else { (j, weight) };
    }
    // Of a neighbour that comes twice the stronger stays, the last of them.
    row.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    for at in 1..k {
        if row[at].0 == row[at - 1].0 {
            row[at - 1] = NONE;
        }
    }
    row.sort_unstable_by_key(|&(j, _)| j);
}

fn transposed(outgoing: &[Weighed], n: usize, k: usize) -> (Vec<u32>, Vec<Weighed>) {
    let mut starts = vec![0u32; n + 1];
    for &(j, _) in outgoing.iter().filter(|(j, _)| *j != NONE.0) {
        starts[j as usize + 1] += 1;
    }
    for i in 0..n {
        starts[i + 1] += starts[i];
    }
    let mut next = starts.clone();
    let mut incoming = vec![NONE; starts[n] as usize];
    for (i, row) in outgoing.chunks_exact(k.max(1)).enumerate() {
        for &(j, weight) in present(row) {
            let at = &mut next[j as usize];
            incoming[*at as usize] = (i as u32, weight);
            *at += 1;
        }
    }
    (starts, incoming)
}

/// The positive number that `compare` calls neither too little nor too much, from `start` on by doubling and halving; the
/// last that was tried after `steps`.
pub(super) fn search(start: f64, steps: usize, mut compare: impl FnMut(f64) -> Ordering) -> f64 {
    let (mut low, mut high, mut tried) = (0.0, f64::INFINITY, start);
    for _ in 0..steps {
        match compare(tried) {
            Ordering::Equal => break,
            Ordering::Less => low = tried,
            Ordering::Greater => high = tried,
        }
        tried = if high.is_finite() { (low + high) / 2.0 } else { tried * 2.0 };
    }
    tried
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall};

    #[test]
    fn both_ends_of_an_edge_see_what_they_give_and_get() {
        let key = Key::of("test", 1).finish();
        // The third knows itself and a point that does not exist.
        let indices = vec![1, 2, 0, 0, 2, 9];
        let similarities = vec![0.5, 0.4, 0.6, 0.3, 0.9, 0.8];
        let knn = Knn { key, k: 2, indices, similarities, recall: Recall::Exact, method: "test".into() };
        let graph = Directed::build(&knn, 2, <[f32]>::to_vec, &Ctx::quiet()).unwrap();
        let seen = |i: usize| graph.both_ways(i).collect::<Vec<_>>();
        assert_eq!(seen(0), [(1, 0.5, 0.6), (2, 0.4, 0.0)]);
        assert_eq!(seen(1), [(0, 0.6, 0.5)]);
        assert_eq!(seen(2), [(0, 0.0, 0.4)]);
        assert_eq!(weighed(&knn, 1, <[f32]>::to_vec), [(0, 0.6)]);
    }

    #[test]
    fn a_search_finds_numbers_above_and_below_its_start() {
        for wanted in [1e-6, 0.3, 1.0, 7.0, 1e9] {
            let found = search(1.0, 200, |tried| match tried {
                t if (t / wanted - 1.0).abs() < 1e-9 => Ordering::Equal,
                t => t.total_cmp(&wanted),
            });
            assert!((found / wanted - 1.0).abs() < 1e-9, "{found} for {wanted}");
        }
        assert_eq!(search(1.0, 3, |_| Ordering::Less), 8.0);
    }
}
