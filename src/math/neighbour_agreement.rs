//! How far two spaces of the same documents agree about who is near whom.

use rayon::prelude::*;

use crate::data::{Knn, NO_ROW, RowMap};
use crate::job::{Cancelled, Ctx};

/// Rows of one task.
const CHUNK: usize = 4096;

/// For each document of the one space, how many of its neighbours there are its neighbours in the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// Neighbours that were looked at, where that many are in both.
    pub k: usize,
    /// The share in [0, 1] of its neighbours that the two have in common; NaN where the document, or all its neighbours,
    /// are in one of them only.
    pub shared: Vec<f32>,
    /// The same with the nearest counting most: the mean of that share over the first neighbour, the first two … the
    /// first `k` (average overlap: Fagin, Kumar & Sivakumar 2003; Webber, Moffat & Zobel 2010).
    pub weighted: Vec<f32>,
}

impl Agreement {
    /// The mean of `shared` over the documents that have one; 1 where none has.
    pub fn mean(&self) -> f32 {
        let known = || self.shared.iter().filter(|share| !share.is_nan());
        match known().count() {
            0 => 1.0,
            count => (known().map(|&share| f64::from(share)).sum::<f64>() / count as f64) as f32,
        }
    }

    /// The `most` documents with the least in common, those first whose nearest neighbours changed; of equal ones the
    /// first.
    pub fn most_changed(&self, most: usize) -> Vec<u32> {
        let figures = |i: u32| (self.shared[i as usize], self.weighted[i as usize]);
        let order = |a: &u32, b: &u32| {
            let (a_figures, b_figures) = (figures(*a), figures(*b));
            let by_share = a_figures.0.total_cmp(&b_figures.0);
            by_share.then(a_figures.1.total_cmp(&b_figures.1)).then(a.cmp(b))
        };
        let mut known: Vec<u32> =
            (0..self.shared.len() as u32).filter(|&i| !self.shared[i as usize].is_nan()).collect();
        if most < known.len() {
            known.select_nth_unstable_by(most, order);
            known.truncate(most);
        }
        known.sort_unstable_by(order);
        known
    }
}

/// Compares the neighbours in `a` with those in `b`; `rows` says which row of `b` (new) each row of `a` (old) is.
///
/// Only documents that are in both count as neighbours, and of the two lists as many as the shorter one has then. Of
/// documents that are equally near, copies above all, either may be on a list: then two spaces that agree differ by that.
pub fn agreement(a: &Knn, b: &Knn, rows: &RowMap, ctx: &Ctx) -> Result<Agreement, Cancelled> {
    let n = rows.new_of_old().len();
    let mut figures = vec![(f32::NAN, f32::NAN); n];
    figures.par_chunks_mut(CHUNK).enumerate().try_for_each_init(
        || (Vec::new(), Vec::new()),
        |(before, after), (chunk, out)| {
            ctx.cancel.check()?;
            for (i, out) in (chunk * CHUNK..).zip(out.iter_mut()) {
                if lists(i, (a, b), rows, before, after) {
                    *out = overlaps(before, after);
                }
            }
            Ok(())
        },
    )?;
    let (shared, weighted) = figures.into_iter().unzip();
    Ok(Agreement { k: a.k.min(b.k), shared, weighted })
}

/// What a document lost and gained: its neighbours in `a` that are none in `b`, as rows of `a`, and those in `b` that are
/// none in `a`, as rows of `b`, nearest first. As [`agreement`] counts them.
pub fn exchanged(a: &Knn, b: &Knn, rows: &RowMap, row: u32) -> (Vec<u32>, Vec<u32>) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    if !lists(row as usize, (a, b), rows, &mut before, &mut after) {
        return (Vec::new(), Vec::new());
    }
    let depth = before.len().min(after.len());
    let (before, after) = (&before[..depth], &after[..depth]);
    let lost = before.iter().filter(|id| !after.contains(id));
    let lost = lost.map(|&id| rows.old_of_new()[id as usize]).collect();
    (lost, after.iter().copied().filter(|id| !before.contains(id)).collect())
}

/// The neighbours of row `i` of `a` in both, as rows of `b`, without those that are in one only. False where it is in one
/// only itself.
fn lists(i: usize, (a, b): (&Knn, &Knn), rows: &RowMap, before: &mut Vec<u32>, after: &mut Vec<u32>) -> bool {
    let there = rows.new_of_old()[i] as usize;
    if i >= a.len() || there >= b.len() {
        return false;
    }
    before.clear();
    before.extend(a.of(i).iter().filter_map(|&id| rows.carry_row(id)));
    after.clear();
    let in_both = |id: &u32| rows.old_of_new().get(*id as usize).is_some_and(|&old| old != NO_ROW);
    after.extend(b.of(there).iter().copied().filter(in_both));
    true
}

/// The share that two lists have in common at the depth of the shorter one, and its mean over all depths.
fn overlaps(before: &[u32], after: &[u32]) -> (f32, f32) {
    let depth = before.len().min(after.len());
    if depth == 0 {
        return (f32::NAN, f32::NAN);
    }
    let (mut common, mut sum) = (0u32, 0f32);
    for at in 0..depth {
        common += u32::from(after[..=at].contains(&before[at]));
        common += u32::from(before[..at].contains(&after[at]));
        sum += common as f32 / (at + 1) as f32;
    }
    (common as f32 / depth as f32, sum / depth as f32)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::data::{Key, Recall};
    use crate::math::hash;

    /// Random lists of `k` different others.
    fn random(n: usize, k: usize, seed: u64) -> Knn {
        let list = |i: usize| -> Vec<u32> {
            let mut others: Vec<u32> = (0..n as u32).filter(|&j| j as usize != i).collect();
            others.sort_by_key(|&j| hash::draw(seed, (i * n) as u64 + u64::from(j)));
            others.truncate(k);
            others
        };
        let indices: Vec<u32> = (0..n).flat_map(list).collect();
        let similarities = vec![0.5; indices.len()];
        let key = Key::of("test", 1).finish();
        Knn { key, k, indices, similarities, recall: Recall::Exact, method: "test".into() }
    }

    fn same(n: usize) -> RowMap {
        RowMap::appended(n, 0)
    }

    proptest! {
        #[test]
        fn agreement_is_that_of_comparing_sets_by_brute_force(
            n in 8usize..40, k_a in 1usize..7, k_b in 1usize..7, seed in 0u64..1000,
        ) {
            let (a, b) = (random(n, k_a, seed), random(n, k_b, seed + 1));
            // Every fifth document is in the first only, and one that is new leads the second.
            let kept: Vec<u32> = (0..n as u32).filter(|i| i % 5 != 4).collect();
            let old_of_new: Vec<u32> = [NO_ROW].into_iter().chain(kept.into_iter().rev()).collect();
            let in_b = old_of_new.len();
            let b = Knn { indices: random(in_b, k_b.min(in_b - 1), seed + 1).indices, k: k_b.min(in_b - 1), ..b };
            let rows = RowMap::new(n, old_of_new).unwrap();
            let found = agreement(&a, &b, &rows, &Ctx::quiet()).unwrap();
            for i in 0..n {
                let there = rows.new_of_old()[i];
                if there == NO_ROW {
                    prop_assert!(found.shared[i].is_nan() && found.weighted[i].is_nan());
                    continue;
                }
                let before: Vec<u32> = a.of(i).iter().copied().filter(|&j| rows.carry_row(j).is_some()).collect();
                let after: Vec<u32> =
                    b.of(there as usize).iter().map(|&j| rows.old_of_new()[j as usize]).filter(|&j| j != NO_ROW).collect();
                let depth = before.len().min(after.len());
                let share = |depth: usize| {
                    let set = |list: &[u32]| list[..depth].iter().copied().collect::<BTreeSet<u32>>();
                    set(&before).intersection(&set(&after)).count() as f32 / depth as f32
                };
                if depth == 0 {
                    prop_assert!(found.shared[i].is_nan());
                    continue;
                }
                prop_assert_eq!(found.shared[i], share(depth));
                let weighted = (1..=depth).map(share).sum::<f32>() / depth as f32;
                prop_assert!((found.weighted[i] - weighted).abs() < 1e-6);
                let (lost, gained) = exchanged(&a, &b, &rows, i as u32);
                prop_assert_eq!(lost.len(), gained.len());
                prop_assert!((1.0 - lost.len() as f32 / depth as f32 - found.shared[i]).abs() < 1e-6);
                prop_assert!(lost.iter().all(|j| before.contains(j) && !after[..depth].contains(j)));
            }
        }
    }

    #[test]
    fn a_space_agrees_with_itself_and_hardly_with_another_at_random() {
        let (a, b) = (random(300, 10, 1), random(300, 10, 2));
        let own = agreement(&a, &a, &same(300), &Ctx::quiet()).unwrap();
        assert!(own.mean() == 1.0 && own.weighted.iter().all(|&w| (w - 1.0).abs() < 1e-6));
        let other = agreement(&a, &b, &same(300), &Ctx::quiet()).unwrap().mean();
        assert!((other - 10.0 / 299.0).abs() < 0.015, "{other}");
    }

    #[test]
    fn a_change_among_the_nearest_weighs_more_than_one_among_the_last() {
        let knn =
            |list: [u32; 4]| Knn { indices: [list.to_vec(), vec![9; 36]].concat(), k: 4, ..random(10, 4, 1) };
        let a = knn([1, 2, 3, 4]);
        let weighted = |list| agreement(&a, &knn(list), &same(10), &Ctx::quiet()).unwrap();
        let (first, last) = (weighted([7, 2, 3, 4]), weighted([1, 2, 3, 7]));
        assert_eq!((first.shared[0], last.shared[0]), (0.75, 0.75));
        assert!(first.weighted[0] < last.weighted[0]);
    }

    #[test]
    fn what_changed_most_comes_first() {
        let agreement = Agreement {
            k: 4,
            shared: vec![0.5, f32::NAN, 0.25, 0.25, 1.0],
            weighted: vec![0.5, f32::NAN, 0.3, 0.2, 1.0],
        };
        assert_eq!(agreement.most_changed(9), [3, 2, 0, 4]);
        assert_eq!(agreement.most_changed(2), [3, 2]);
    }
}
