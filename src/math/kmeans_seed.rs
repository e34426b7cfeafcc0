//! k-means++ (Arthur & Vassilvitskii 2007): each next centre is a row drawn by its squared distance to the nearest
//! centre so far.
//!
//! Centres are drawn by the batch, because one pass over the rows for each would wait for the memory: candidates
//! come from the distances as they were before the batch, and one is kept with the probability that the distance to
//! the centres kept since then leaves of its old one. That is rejection sampling: the centres are distributed as if
//! drawn one by one.

use rayon::prelude::*;

use super::kmeans_assign::Centres;
use super::kmeans_rows::{BLOCK, Metric, Rows, multiply};
use super::random::Random;
use crate::job::{Cancelled, Ctx};

/// Candidates drawn at once, at most.
const MOST_AT_ONCE: usize = 32;
/// Fewer are drawn while there are few centres, of which each still changes all distances: one for so many.
const CENTRES_A_CANDIDATE: usize = 4;

/// Draws `k` centres, or fewer where there are fewer distinct rows.
pub(super) fn seeded(rows: &Rows, k: usize, random: &mut Random, ctx: &Ctx) -> Result<Centres, Cancelled> {
    let dim = rows.dim();
    let mut centres = Centres { values: Vec::with_capacity(k * dim), dim };
    // The first is any row.
    let mut left: Vec<f32> = (0..rows.len()).map(|i| if rows.has_place(i) { 1.0 } else { 0.0 }).collect();
    while centres.len() < k {
        ctx.cancel.check()?;
        let wanted = (centres.len() / CENTRES_A_CANDIDATE).clamp(1, MOST_AT_ONCE).min(k - centres.len());
        let drawn = draw(&left, wanted, random);
        if drawn.is_empty() {
            break;
        }
        let mut candidates = Centres { values: vec![0.0; drawn.len() * dim], dim };
        for (&i, out) in drawn.iter().zip(candidates.values.chunks_exact_mut(dim.max(1))) {
            rows.prepared(i, out);
        }
        let distances = distances(rows, &candidates, ctx)?;
        let of = |i: usize| &distances[i * drawn.len()..(i + 1) * drawn.len()];
        let mut kept: Vec<usize> = Vec::new();
        for (candidate, &i) in drawn.iter().enumerate() {
            let now = kept.iter().fold(left[i], |now, &other| now.min(of(i)[other]));
            // The first is kept whatever is drawn, and is drawn as well, so that the numbers keep their places.
            if random.unit() * f64::from(left[i]) < f64::from(now) || kept.is_empty() {
                kept.push(candidate);
                centres.values.extend_from_slice(&candidates.values[candidate * dim..(candidate + 1) * dim]);
            }
        }
        let first = centres.len() == kept.len();
        left.par_iter_mut().enumerate().with_min_len(BLOCK).for_each(|(i, left)| {
            let nearest = kept.iter().fold(f32::INFINITY, |nearest, &other| nearest.min(of(i)[other]));
            *left = if first && *left > 0.0 { nearest } else { left.min(nearest) };
        });
    }
    Ok(centres)
}

/// `wanted` rows, each drawn by `weights`; none where all weights are 0.
fn draw(weights: &[f32], wanted: usize, random: &mut Random) -> Vec<usize> {
    let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
    if total <= 0.0 {
        return Vec::new();
    }
    let mut marks: Vec<(f64, usize)> = (0..wanted).map(|turn| (random.unit() * total, turn)).collect();
    marks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut drawn = vec![0; wanted];
    let (mut marks, mut sum, mut last) = (marks.into_iter().peekable(), 0.0, 0);
    for (i, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        sum += f64::from(weight);
        last = i;
        while let Some((_, turn)) = marks.next_if(|&(mark, _)| mark < sum) {
            drawn[turn] = i;
        }
    }
    // What rounding left beyond the last.
    marks.for_each(|(_, turn)| drawn[turn] = last);
    drawn
}

/// The squared distance of each row to each candidate, row-major; 0 where rounding alone keeps them apart.
fn distances(rows: &Rows, candidates: &Centres, ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    let offsets: Vec<f32> = candidates.iter().map(|candidate| rows.offset(candidate)).collect();
    let m = candidates.len();
    let mut distances = vec![0.0; rows.len() * m];
    distances.par_chunks_mut(BLOCK * m).enumerate().try_for_each_init(
        || (Vec::new(), Vec::new()),
        |(scratch, products), (block, out)| {
            ctx.cancel.check()?;
            let range = block * BLOCK..block * BLOCK + out.len() / m;
            multiply(rows.stored(range.clone(), scratch), &candidates.values, candidates.dim, products);
            for (i, (out, products)) in range.zip(out.chunks_exact_mut(m).zip(products.chunks_exact(m))) {
                for ((out, product), offset) in out.iter_mut().zip(products).zip(&offsets) {
                    let similarity = rows.similarity(i, product - rows.weight(i) * offset);
                    let distance = match rows.metric {
                        // Half the squared distance of unit vectors; the half does not matter.
                        Metric::Cosine => 1.0 - similarity,
                        Metric::Euclidean => -similarity,
                    };
                    *out = if distance > rows.tolerance(i) { distance } else { 0.0 };
                }
            }
            Ok(())
        },
    )?;
    Ok(distances)
}
