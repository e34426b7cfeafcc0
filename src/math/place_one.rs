//! A place for one point at a time on a map that stays as it is, at the price of one point: for a sentence that is
//! typed, and for what it would be without one of its words.

use super::fuzzy;
use super::newcomers::List;
use super::place::{Refinement, Usual, weighted_mean};
use super::sample::sample;
use super::tsne_field::Field;
use super::tsne_place;
use super::umap_forces::{BOTH_ENDS, Forces, clip};
use crate::data::Knn;

/// On a UMAP map so many points, drawn once, stand for all that push.
const PUSHING: usize = 4096;
const PUSHING_SEED: u64 = 0;

/// Rounds of a point on a UMAP map, and the part of the way it goes in the first of them, as on a t-SNE map.
const ROUNDS: usize = 60;
const PART: f32 = 0.5;

/// No point moves farther than this in a round.
const LONGEST_STEP: f32 = 2.0;

/// A map that points are placed on: what is worth keeping between two of them.
pub struct Ground {
    mean: f64,
    usual: Usual,
    push: Push,
    points: usize,
}

/// What moves a point from the mean of those it knows.
enum Push {
    None,
    Umap { forces: Forces, pushing: Vec<[f32; 2]> },
    Tsne { field: Box<Field>, shape: (f32, f32) },
}

impl Ground {
    /// Of the points of `knn`, which lie at `positions`; `refinement` is that of the map.
    pub fn of(knn: &Knn, positions: &[[f32; 2]], refinement: Refinement<'_>) -> Self {
        let push = match refinement {
            Refinement::None => Push::None,
            Refinement::Umap(params) => {
                let pushing = sample(positions.len(), PUSHING, PUSHING_SEED);
                let pushing = pushing.into_iter().map(|row| positions[row as usize]);
                let pushing = pushing.filter(|place| place.iter().all(|v| v.is_finite())).collect();
                Push::Umap { forces: Forces::new(params), pushing }
            }
            Refinement::Tsne(params) => {
                let mut field = Box::<Field>::default();
                field.lay(positions);
                Push::Tsne { field, shape: (params.perplexity, params.exaggeration) }
            }
        };
        Self { mean: fuzzy::mean_distance(knn), usual: Usual::of(knn), push, points: positions.len() }
    }

    /// How many points the map has.
    pub fn points(&self) -> usize {
        self.points
    }

    /// Where a point lies whose nearest are `near`: it starts at their mean, as a newcomer in [`super::place::place`], and
    /// comes to rest where their pulls and the pushes of all others are in balance. `None` where nobody is near.
    ///
    /// On t-SNE maps and those of principal components that is where a newcomer is placed. On a UMAP map a newcomer is
    /// pushed by points drawn at random, and where there are several places of balance near each other, chance says which
    /// it gets; here the mean push of the same points counts for everyone, so that the place is the same each time, and
    /// two that are near almost the same points lie almost in the same place.
    pub fn place(&self, positions: &[[f32; 2]], near: &List) -> Option<[f32; 2]> {
        if near.is_empty() {
            return None;
        }
        let similarities: Vec<f32> = near.iter().map(|near| near.0).collect();
        let weights = fuzzy::memberships(&similarities, self.mean);
        let start = weighted_mean(near, &weights, positions);
        let place = match &self.push {
            Push::None => start,
            Push::Tsne { field, shape } => tsne_place::rest(start, near, positions, field, *shape),
            Push::Umap { forces, pushing } => {
                let known: Vec<([f32; 2], f32)> = near
                    .iter()
                    .zip(&weights)
                    .map(|(near, &weight)| (positions[near.1 as usize], weight))
                    .collect();
                rest(start, &known, forces, pushing)
            }
        };
        Some(place)
    }

    /// How badly it fits there: see [`Usual::misfit`].
    pub fn misfit(&self, near: &List) -> f32 {
        self.usual.misfit(near)
    }
}

/// Where what UMAP does to a point comes to nothing on average: each edge is due as often as its weight says, and after
/// each some points push.
fn rest(start: [f32; 2], known: &[([f32; 2], f32)], forces: &Forces, pushing: &[[f32; 2]]) -> [f32; 2] {
    let due: f32 = known.iter().map(|(_, weight)| weight).sum();
    let push_share = due * forces.negatives as f32 / pushing.len().max(1) as f32;
    let mut place = start;
    for round in 0..ROUNDS {
        let (mut force, mut strengths) = ([0.0f32; 2], f32::MIN_POSITIVE);
        for &(there, weight) in known {
            let apart = [place[0] - there[0], place[1] - there[1]];
            let pull = forces.pull(apart[0] * apart[0] + apart[1] * apart[1]);
            (0..2).for_each(|axis| force[axis] += BOTH_ENDS * weight * clip(pull * apart[axis]));
            strengths -= BOTH_ENDS * weight * pull;
        }
        let mut pushed = [0.0f32; 2];
        for there in pushing {
            let apart = [place[0] - there[0], place[1] - there[1]];
            let push = forces.push(apart[0] * apart[0] + apart[1] * apart[1]);
            (0..2).for_each(|axis| pushed[axis] += clip(push * apart[axis]));
        }
        let part = PART * (1.0 - round as f32 / ROUNDS as f32) / strengths;
        let step = [0, 1].map(|axis| part * (force[axis] + push_share * pushed[axis]));
        let short = (LONGEST_STEP / step[0].hypot(step[1])).min(1.0);
        (0..2).for_each(|axis| place[axis] += short * step[axis]);
    }
    if place.iter().all(|v| v.is_finite()) { place } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall};
    use crate::job::Ctx;
    use crate::math::hash;
    use crate::math::place::place;
    use crate::math::tsne::TsneParams;
    use crate::math::umap::UmapParams;

    const HALF: usize = 150;

    /// Two clumps of points, around (−8, 0) and (8, 0), whose neighbours are the next of their own.
    fn clumps() -> (Knn, Vec<[f32; 2]>) {
        let at = |i: usize| hash::normal(3, i as u64) as f32;
        let positions =
            (0..2 * HALF).map(|i| [if i < HALF { -8.0 } else { 8.0 } + at(2 * i), at(2 * i + 1)]).collect();
        let next = |i: usize, c: usize| (i / HALF * HALF + (i + c) % HALF) as u32;
        let knn = Knn {
            key: Key::of("test", 1).finish(),
            k: 5,
            indices: (0..2 * HALF).flat_map(|i| (1..=5).map(move |c| next(i, c))).collect(),
            similarities: (0..2 * HALF).flat_map(|_| [0.9, 0.88, 0.86, 0.84, 0.82]).collect(),
            recall: Recall::Exact,
            method: "test".into(),
        };
        (knn, positions)
    }

    fn list(first: u32) -> List {
        (0..10).map(|at| (0.85 - 0.01 * at as f32, first + 7 * at)).collect()
    }

    #[test]
    fn a_point_lies_where_a_newcomer_with_its_neighbours_is_placed() {
        let (knn, positions) = clumps();
        let tsne = TsneParams::default();
        for refinement in [Refinement::None, Refinement::Tsne(&tsne)] {
            let ground = Ground::of(&knn, &positions, refinement);
            for near in [list(0), list(60), list(HALF as u32)] {
                let found = ground.place(&positions, &near).unwrap();
                let mut all = positions.clone();
                all.push([0.0; 2]);
                let mean = fuzzy::mean_distance(&knn);
                place(&mut all, &[2 * HALF as u32], &[near], mean, refinement, &Ctx::quiet()).unwrap();
                assert_eq!(found, all[2 * HALF], "{refinement:?}");
            }
        }
    }

    #[test]
    fn on_a_umap_map_it_lies_about_there() {
        // A ring of clumps, each of a hundred points.
        let clump = |i: usize| (i / 100) as f32 * std::f32::consts::TAU / 100.0;
        let noise = |i: usize| 0.3 * hash::normal(4, i as u64) as f32;
        let positions: Vec<[f32; 2]> = (0..10_000)
            .map(|i| [60.0 * clump(i).cos() + noise(2 * i), 60.0 * clump(i).sin() + noise(2 * i + 1)])
            .collect();
        let umap = UmapParams::default();
        let (knn, _) = clumps();
        let mean = fuzzy::mean_distance(&knn);
        let ground = Ground::of(&knn, &positions, Refinement::Umap(&umap));
        for first in [0, 2_300, 7_700] {
            let near = list(first);
            let [x, y] = ground.place(&positions, &near).unwrap();
            let mut all = positions.clone();
            all.push([0.0; 2]);
            place(&mut all, &[10_000], &[near], mean, Refinement::Umap(&umap), &Ctx::quiet()).unwrap();
            let [there_x, there_y] = all[10_000];
            assert!((x - there_x).hypot(y - there_y) < 0.6, "{x} {y}, {there_x} {there_y}");
        }
    }

    #[test]
    fn a_small_change_of_what_is_near_is_a_small_move() {
        let (knn, positions) = clumps();
        let umap = UmapParams::default();
        let ground = Ground::of(&knn, &positions, Refinement::Umap(&umap));
        let near = list(0);
        let mut other = near.clone();
        other[3].0 += 0.002;
        let [a, b] = [&near, &other].map(|near| ground.place(&positions, near).unwrap());
        let moved = (a[0] - b[0]).hypot(a[1] - b[1]);
        assert!(moved > 0.0 && moved < 0.05, "{moved}");
        assert_eq!(ground.place(&positions, &near), Some(a));
    }

    #[test]
    fn without_neighbours_there_is_no_place() {
        let (knn, positions) = clumps();
        assert_eq!(Ground::of(&knn, &positions, Refinement::None).place(&positions, &List::new()), None);
    }
}
