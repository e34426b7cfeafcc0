//! Places for new points on a t-SNE map whose other points stay where they are, as openTSNE's `transform` (Poličar, Stražar
//! & Zupan 2023): new points do not see each other, and each ends where its own part of the divergence is least.

use rayon::prelude::*;

use super::fuzzy::distance;
use super::newcomers::List;
use super::tsne_affinities::{perplexity_of, probabilities};
use super::tsne_field::Field;
use crate::job::{Cancelled, Ctx};

/// Rounds of a new point. In each it goes a part of the way to the mean of the points it knows, weighted by how hard they
/// pull, moved by the push: half of it at first, then less, so that it comes to rest.
const ROUNDS: usize = 100;
const PART: f32 = 0.5;

/// No point moves farther than this in a round.
const LONGEST_STEP: f32 = 2.0;

/// The least sum of potentials: far from all points, interpolation leaves something about 0.
const LEAST_POTENTIAL: f64 = 1e-3;

/// Points of one task.
const CHUNK: usize = 64;

/// Moves the points `newcomers` from where they are: each is pulled to its `near` settled points, `exaggeration` times as
/// hard as t-SNE says, and pushed by all settled ones. The same at any number of threads.
pub fn refine(
    positions: &mut [[f32; 2]],
    newcomers: &[u32],
    near: &[List],
    (perplexity, exaggeration): (f32, f32),
    ctx: &Ctx,
) -> Result<(), Cancelled> {
    let mut is_new = vec![false; positions.len()];
    newcomers.iter().for_each(|&row| is_new[row as usize] = true);
    let settled: Vec<[f32; 2]> = positions
        .iter()
        .zip(&is_new)
        .filter(|(_, is_new)| !**is_new)
        .map(|(position, _)| *position)
        .collect();
    let mut field = Field::default();
    field.lay(&settled);
    let moved: Vec<Vec<[f32; 2]>> = newcomers
        .par_chunks(CHUNK)
        .zip(near.par_chunks(CHUNK))
        .map(|(newcomers, near)| {
            ctx.cancel.check()?;
            let place = |(&row, near): (&u32, &List)| {
                rest(positions[row as usize], near, positions, &field, (perplexity, exaggeration))
            };
            Ok(newcomers.iter().zip(near).map(place).collect())
        })
        .collect::<Result<_, Cancelled>>()?;
    for (&row, place) in newcomers.iter().zip(moved.into_iter().flatten()) {
        positions[row as usize] = place;
    }
    Ok(())
}

/// Where a point that starts at `start` comes to rest among `positions`, which `field` is of: see [`refine`].
pub fn rest(
    start: [f32; 2],
    near: &List,
    positions: &[[f32; 2]],
    field: &Field,
    (perplexity, exaggeration): (f32, f32),
) -> [f32; 2] {
    let push_share = if exaggeration.is_finite() { 1.0 / exaggeration.max(0.01) } else { 1.0 };
    let distances: Vec<f64> = near.iter().map(|near| f64::from(distance(near.0))).collect();
    let shares = probabilities(&distances, f64::from(perplexity_of(perplexity, near.len())));
    let known: Vec<([f32; 2], f32)> =
        near.iter().zip(&shares).map(|(near, &p)| (positions[near.1 as usize], p as f32)).collect();
    settle(start, &known, field, push_share)
}

/// Where a point comes to rest that is pulled to those it knows, with their shares, and pushed by the field.
fn settle(start: [f32; 2], known: &[([f32; 2], f32)], field: &Field, push_share: f32) -> [f32; 2] {
    let mut place = start;
    for round in 0..ROUNDS {
        let (potential, push) = field.at(place);
        let push_share = push_share / potential.max(LEAST_POTENTIAL) as f32;
        let (mut pull, mut strengths) = ([0.0f32; 2], f32::MIN_POSITIVE);
        for &(there, share) in known {
            let (dx, dy) = (place[0] - there[0], place[1] - there[1]);
            let strength = share / (1.0 + dx * dx + dy * dy);
            pull = [pull[0] + strength * dx, pull[1] + strength * dy];
            strengths += strength;
        }
        let part = PART * (1.0 - round as f32 / ROUNDS as f32) / strengths;
        let step = [0, 1].map(|axis| part * (push_share * push[axis] - pull[axis]));
        let short = (LONGEST_STEP / step[0].hypot(step[1])).min(1.0);
        (0..2).for_each(|axis| place[axis] += short * step[axis]);
    }
    if place.iter().all(|v| v.is_finite()) { place } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::hash;

    /// Two clumps of fifty settled points each, around (−10, 0) and (10, 0), and `new` points at the origin.
    fn clumps(new: usize) -> Vec<[f32; 2]> {
        let at = |i: usize, axis: usize| hash::normal(3, (2 * i + axis) as u64) as f32;
        let settled = (0..100).map(|i| [if i < 50 { -10.0 } else { 10.0 } + at(i, 0), at(i, 1)]);
        settled.chain(std::iter::repeat_n([0.0; 2], new)).collect()
    }

    fn list(ids: std::ops::Range<u32>) -> List {
        ids.map(|id| (0.9 - 0.01 * (id % 50) as f32, id)).collect()
    }

    #[test]
    fn newcomers_go_to_the_points_they_know_and_nothing_else_moves() {
        let mut positions = clumps(2);
        refine(&mut positions, &[100, 101], &[list(0..9), list(50..59)], (30.0, 1.0), &Ctx::quiet()).unwrap();
        assert_eq!(positions[..100], clumps(0));
        assert!(positions[100][0] < -5.0 && positions[101][0] > 5.0, "{positions:?}");
    }

    #[test]
    fn the_number_of_threads_changes_no_place() {
        let near: Vec<List> = (0..300).map(|i| list(i % 40..i % 40 + 5)).collect();
        let newcomers: Vec<u32> = (100..400).collect();
        let with = |threads| {
            let mut positions = clumps(300);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| refine(&mut positions, &newcomers, &near, (5.0, 1.0), &Ctx::quiet()).unwrap());
            positions
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn a_newcomer_that_knows_nobody_stays_finite() {
        let mut positions = clumps(1);
        refine(&mut positions, &[100], &[Vec::new()], (f32::NAN, 0.0), &Ctx::quiet()).unwrap();
        assert!(positions[100].iter().all(|v| v.is_finite()));
    }
}
