//! A place for one point at a time on a map that stays as it is, at the price of one point: for a sentence that is
//! typed, and for what it would be without one of its words.

use super::fuzzy;
use super::newcomers::List;
use super::place::{Refinement, Usual, place, weighted_mean};
use super::sample::sample;
use super::tsne_field::Field;
use super::tsne_place;
use super::umap::UmapParams;
use crate::data::Knn;
use crate::job::Ctx;

/// On a UMAP map each point is pushed by some that are drawn at random. Of larger maps, so many of them, drawn once,
/// stand for all: the push is the same on average, and nothing of the map's size is copied for one point.
const PUSHING: usize = 1 << 14;
const PUSHING_SEED: u64 = 0;

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
    Umap { params: UmapParams, pushing: Vec<[f32; 2]> },
    Tsne { field: Box<Field>, shape: (f32, f32) },
}

impl Ground {
    /// Of the points of `knn`, which lie at `positions`; `refinement` is that of the map.
    pub fn of(knn: &Knn, positions: &[[f32; 2]], refinement: Refinement<'_>) -> Self {
        let push = match refinement {
            Refinement::None => Push::None,
            Refinement::Umap(params) => {
                let pushing = sample(positions.len(), PUSHING, PUSHING_SEED);
                let pushing = pushing.into_iter().map(|row| positions[row as usize]).collect();
                Push::Umap { params: params.clone(), pushing }
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

    /// Where a newcomer whose nearest are `near` is placed by [`place`], alone. All points are moved by the same random
    /// numbers, so that two with almost the same neighbours come to lie almost in the same place. `None` where nobody
    /// is near.
    pub fn place(&self, positions: &[[f32; 2]], near: &List, ctx: &Ctx) -> Option<[f32; 2]> {
        if near.is_empty() {
            return None;
        }
        if let Push::Umap { params, pushing } = &self.push {
            return among(pushing, positions, near, self.mean, params, ctx);
        }
        let similarities: Vec<f32> = near.iter().map(|near| near.0).collect();
        let start = weighted_mean(near, &fuzzy::memberships(&similarities, self.mean), positions);
        match &self.push {
            Push::Tsne { field, shape } => Some(tsne_place::rest(start, near, positions, field, *shape)),
            Push::None | Push::Umap { .. } => Some(start),
        }
    }

    /// How badly it fits there: see [`Usual::misfit`].
    pub fn misfit(&self, near: &List) -> f32 {
        self.usual.misfit(near)
    }
}

/// A place on the small map of the points `pushing` and those of `near`.
fn among(
    pushing: &[[f32; 2]],
    positions: &[[f32; 2]],
    near: &List,
    mean: f64,
    params: &UmapParams,
    ctx: &Ctx,
) -> Option<[f32; 2]> {
    let mut map = pushing.to_vec();
    let known: List = if pushing.len() == positions.len() {
        near.clone()
    } else {
        let first = map.len() as u32;
        map.extend(near.iter().map(|near| positions[near.1 as usize]));
        near.iter().zip(first..).map(|(near, number)| (near.0, number)).collect()
    };
    let newcomer = map.len() as u32;
    map.push([0.0; 2]);
    place(&mut map, &[newcomer], &[known], mean, Refinement::Umap(params), &ctx.untold()).ok()?;
    map.pop()
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
        let (umap, tsne) = (UmapParams::default(), TsneParams::default());
        for refinement in [Refinement::None, Refinement::Umap(&umap), Refinement::Tsne(&tsne)] {
            let ground = Ground::of(&knn, &positions, refinement);
            for near in [list(0), list(60), list(HALF as u32)] {
                let found = ground.place(&positions, &near, &Ctx::quiet()).unwrap();
                let mut all = positions.clone();
                all.push([0.0; 2]);
                let mean = fuzzy::mean_distance(&knn);
                place(&mut all, &[2 * HALF as u32], &[near], mean, refinement, &Ctx::quiet()).unwrap();
                assert_eq!(found, all[2 * HALF], "{refinement:?}");
            }
        }
    }

    #[test]
    fn on_a_large_map_some_points_stand_for_all_that_push() {
        // A ring of clumps, each of a hundred points.
        let clump = |i: usize| (i / 100) as f32 * std::f32::consts::TAU / 400.0;
        let noise = |i: usize| 0.3 * hash::normal(4, i as u64) as f32;
        let positions: Vec<[f32; 2]> = (0..40_000)
            .map(|i| [60.0 * clump(i).cos() + noise(2 * i), 60.0 * clump(i).sin() + noise(2 * i + 1)])
            .collect();
        let (umap, mean) = (UmapParams::default(), 0.2);
        let pushing = sample(positions.len(), PUSHING, PUSHING_SEED);
        let pushing: Vec<[f32; 2]> = pushing.into_iter().map(|row| positions[row as usize]).collect();
        for first in [0, 12_300, 31_700] {
            let near = list(first);
            let [x, y] = among(&pushing, &positions, &near, mean, &umap, &Ctx::quiet()).unwrap();
            let mut all = positions.clone();
            all.push([0.0; 2]);
            place(&mut all, &[40_000], &[near], mean, Refinement::Umap(&umap), &Ctx::quiet()).unwrap();
            // Other random draws: not the same place, but the same clump.
            let [there_x, there_y] = all[40_000];
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
        let at = |near: &List| ground.place(&positions, near, &Ctx::quiet()).unwrap();
        let (a, b) = (at(&near), at(&other));
        assert!((a[0] - b[0]).hypot(a[1] - b[1]) < 0.1, "{a:?} {b:?}");
        assert_eq!(at(&near), a);
    }

    #[test]
    fn without_neighbours_there_is_no_place() {
        let (knn, positions) = clumps();
        let ground = Ground::of(&knn, &positions, Refinement::None);
        assert_eq!(ground.place(&positions, &List::new(), &Ctx::quiet()), None);
    }
}
