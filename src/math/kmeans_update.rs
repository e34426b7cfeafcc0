//! The second half of a round of k-means: every centre into the middle of its rows.

use rayon::prelude::*;

use super::kmeans_assign::{Assigned, Centres};
use super::kmeans_rows::{Metric, Rows};
use super::vector;
use crate::data::UNCLUSTERED;
use crate::job::{Cancelled, Ctx};

/// Rows of a centre that are added up at a time: by themselves, so that a large cluster is no single thread's work, and
/// always the same, so that sums round alike at any number of threads.
const PIECE: usize = 1024;

/// Puts each centre in the middle of its rows; one that lost all of them goes to a row far from its own centre.
/// Returns how many did.
pub(super) fn move_centres(
    rows: &Rows,
    centres: &mut Centres,
    assigned: &Assigned,
    ctx: &Ctx,
) -> Result<usize, Cancelled> {
    let members = Members::of(&assigned.labels, centres.len());
    let pieces: Vec<(usize, &[u32])> = (0..centres.len())
        .flat_map(|c| members.of_centre(c).chunks(PIECE).map(move |piece| (c, piece)))
        .collect();
    let sums: Vec<Vec<f32>> = pieces
        .par_iter()
        .map(|(_, piece)| {
            ctx.cancel.check()?;
            Ok(rows.sum(piece))
        })
        .collect::<Result<_, Cancelled>>()?;
    let dim = centres.dim;
    for c in 0..centres.len() {
        let count = members.of_centre(c).len();
        if count > 0 {
            let centre = &mut centres.values[c * dim..(c + 1) * dim];
            centre.fill(0.0);
            let first = pieces.partition_point(|&(other, _)| other < c);
            for sum in &sums[first..first + count.div_ceil(PIECE)] {
                centre.iter_mut().zip(sum).for_each(|(x, s)| *x += s);
            }
            let factor = match rows.metric {
                Metric::Cosine => vector::inverse_norm(centre),
                Metric::Euclidean => 1.0 / count as f32,
            };
            vector::scale(centre, factor);
        }
    }
    let empty: Vec<usize> = (0..centres.len()).filter(|&c| members.of_centre(c).is_empty()).collect();
    Ok(if empty.is_empty() { 0 } else { reseed(rows, centres, &empty, assigned) })
}

/// Puts the centres `empty` on the rows that lie farthest from their own; returns for how many there was one.
fn reseed(rows: &Rows, centres: &mut Centres, empty: &[usize], assigned: &Assigned) -> usize {
    let most = match rows.metric {
        Metric::Cosine => 1.0,
        Metric::Euclidean => 0.0,
    };
    let away = |i: usize| most - assigned.nearest[i];
    let lonely = |&i: &usize| rows.has_place(i) && away(i) > rows.tolerance(i);
    let mut far: Vec<usize> = (0..rows.len()).filter(lonely).collect();
    far.sort_by(|&a, &b| away(b).total_cmp(&away(a)).then(a.cmp(&b)));
    let dim = centres.dim;
    empty.iter().zip(far).map(|(&c, i)| rows.prepared(i, &mut centres.values[c * dim..(c + 1) * dim])).count()
}

/// The rows of each centre, ascending: sorted by counting.
struct Members {
    rows: Vec<u32>,
    starts: Vec<usize>,
}

impl Members {
    fn of(labels: &[u32], k: usize) -> Self {
        let mut starts = vec![0; k + 1];
        for &label in labels.iter().filter(|label| **label != UNCLUSTERED) {
            starts[label as usize + 1] += 1;
        }
        (0..k).for_each(|c| starts[c + 1] += starts[c]);
        let mut rows = vec![0; starts[k]];
        let mut next = starts.clone();
        for (i, &label) in labels.iter().enumerate().filter(|(_, label)| **label != UNCLUSTERED) {
            rows[next[label as usize]] = i as u32;
            next[label as usize] += 1;
        }
        Self { rows, starts }
    }

    fn of_centre(&self, c: usize) -> &[u32] {
        &self.rows[self.starts[c]..self.starts[c + 1]]
    }
}
