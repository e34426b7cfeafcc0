//! Places for new points on a map whose other points stay where they are (umap-learn's `transform`; McInnes, Healy,
//! Melville 2018), and how badly each of them fits among those.

use super::fuzzy::{self, FuzzyGraph, MAX_POINTS};
use super::newcomers::List;
use super::tsne::TsneParams;
use super::tsne_place;
use super::umap::{Start, UmapParams, optimise};
use crate::data::{Knn, UNCLUSTERED};
use crate::job::{Cancelled, Ctx, Latest};

/// Rounds in which newcomers move: few of them move longer.
const EPOCHS_FEW: usize = 100;
const EPOCHS_MANY: usize = 30;
const FEW: usize = 10_000;

/// The learning rate falls from 1 / this, as it did in the last part of the map's own run.
const LAST_PART: usize = 4;

/// A cluster must have more than this share of the neighbours' weight.
const MAJORITY: f32 = 0.5;

/// Why there are no places.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error("{points} points are too many for one map (at most {MAX_POINTS}): map a sample of them")]
    TooManyPoints { points: usize },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// How new points move from where they start.
#[derive(Clone, Copy, Debug)]
pub enum Refinement<'a> {
    /// Not at all.
    None,
    /// As UMAP moves points in the last part of its run; newcomers also push each other.
    Umap(&'a UmapParams),
    /// As t-SNE moves points, each for itself.
    Tsne(&'a TsneParams),
}

/// Gives new points their places: `positions` holds those of all points and is changed in the rows `newcomers`.
///
/// `near[i]` are the nearest settled points of `newcomers[i]`. A newcomer starts at their mean, weighted by its
/// memberships, and then moves by `refinement`: pulled to them and pushed from others with the forces of the map's own
/// layout; nothing else moves. The same at any number of threads. `mean` is the mean distance of neighbours
/// among the settled points.
pub fn place(
    positions: &mut [[f32; 2]],
    newcomers: &[u32],
    near: &[List],
    mean: f64,
    refinement: Refinement<'_>,
    ctx: &Ctx,
) -> Result<(), PlaceError> {
    let n = positions.len();
    if n > MAX_POINTS {
        return Err(PlaceError::TooManyPoints { points: n });
    }
    let mut edges: Vec<Vec<(u32, f32)>> = Vec::with_capacity(newcomers.len());
    for (&newcomer, near) in newcomers.iter().zip(near) {
        let similarities: Vec<f32> = near.iter().map(|&(similarity, _)| similarity).collect();
        let weights = fuzzy::memberships(&similarities, mean);
        positions[newcomer as usize] = weighted_mean(near, &weights, positions);
        edges.push(near.iter().zip(weights).map(|(&(_, id), weight)| (id, weight)).collect());
    }
    ctx.cancel.check()?;
    match refinement {
        Refinement::None => Ok(()),
        Refinement::Umap(params) => move_by_umap(positions, newcomers, edges, params, ctx),
        Refinement::Tsne(params) => {
            ctx.progress.begin("Placing documents", "documents", newcomers.len() as u64, 0);
            let shape = (params.perplexity, params.exaggeration);
            Ok(tsne_place::refine(positions, newcomers, near, shape, ctx)?)
        }
    }
}

/// Moves newcomers along `edges`, each to a settled point with a weight.
fn move_by_umap(
    positions: &mut [[f32; 2]],
    newcomers: &[u32],
    mut edges: Vec<Vec<(u32, f32)>>,
    params: &UmapParams,
    ctx: &Ctx,
) -> Result<(), PlaceError> {
    let n = positions.len();
    // The layout moves the points that its graph knows and reads all others: so newcomers get the first numbers.
    let mut order = newcomers.to_vec();
    let mut is_new = vec![false; n];
    newcomers.iter().for_each(|&row| is_new[row as usize] = true);
    order.extend((0..n as u32).filter(|&row| !is_new[row as usize]));
    let mut number = vec![0u32; n];
    order.iter().enumerate().for_each(|(new, &row)| number[row as usize] = new as u32);
    let strongest = edges.iter().flatten().fold(f32::MIN_POSITIVE, |most, edge| most.max(edge.1));
    for edge in edges.iter_mut().flatten() {
        *edge = (number[edge.0 as usize], edge.1 / strongest);
    }
    let epochs = if newcomers.len() <= FEW { EPOCHS_FEW } else { EPOCHS_MANY };
    let graph = FuzzyGraph::leading_out(&edges, 1.0 / epochs as f32);
    let start = Start {
        positions: order.iter().map(|&row| positions[row as usize]).collect(),
        epoch: (LAST_PART - 1) * epochs,
    };
    let params = UmapParams { epochs: Some(LAST_PART * epochs), ..params.clone() };
    ctx.progress.begin("Placing documents", "documents", newcomers.len() as u64, 0);
    // Its frames are numbered in another order: nobody shall see them.
    let placed = optimise(&graph, start, &params, &Latest::default(), &ctx.untold());
    ctx.cancel.check()?;
    for (&row, &place) in newcomers.iter().zip(&placed.positions) {
        positions[row as usize] = place;
    }
    Ok(())
}

pub(super) fn weighted_mean(near: &[(f32, u32)], weights: &[f32], positions: &[[f32; 2]]) -> [f32; 2] {
    let (mut sum, mut total) = ([0.0f64; 2], 0.0f64);
    for (&(_, id), &weight) in near.iter().zip(weights) {
        let [x, y] = positions[id as usize];
        sum = [sum[0] + f64::from(weight * x), sum[1] + f64::from(weight * y)];
        total += f64::from(weight);
    }
    if total > 0.0 { [(sum[0] / total) as f32, (sum[1] / total) as f32] } else { [0.0; 2] }
}

/// How far points usually are from their neighbours: what a newcomer is held against.
pub struct Usual {
    /// The mean distance of each settled point to its neighbours, ascending.
    distances: Vec<f32>,
}

impl Usual {
    /// Of the points of `knn`.
    pub fn of(knn: &Knn) -> Self {
        let mean = |similarities: &[f32]| mean_distance(similarities.iter().copied());
        let mut distances: Vec<f32> = knn.similarities.chunks(knn.k.max(1)).map(mean).collect();
        distances.sort_unstable_by(f32::total_cmp);
        Self { distances }
    }

    /// The share of the settled points that are nearer to their neighbours than a newcomer is to `near`: 0 where it
    /// fits as well as any, 1 where it is farther off than all of them.
    pub fn misfit(&self, near: &[(f32, u32)]) -> f32 {
        let own = mean_distance(near.iter().map(|near| near.0));
        let nearer = self.distances.partition_point(|&distance| distance < own);
        nearer as f32 / self.distances.len().max(1) as f32
    }
}

fn mean_distance(similarities: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = similarities
        .fold((0.0f64, 0usize), |(sum, count), s| (sum + f64::from(fuzzy::distance(s)), count + 1));
    if count == 0 { 1.0 } else { (sum / count as f64) as f32 }
}

/// The label that has more than half of the neighbours' weight, their similarity, and its share; [`UNCLUSTERED`] and 0
/// where none has.
pub fn majority(near: &[(f32, u32)], label: impl Fn(u32) -> u32) -> (u32, f32) {
    let total: f32 = near.iter().map(|near| near.0.max(0.0)).sum();
    let weight_of = |wanted: u32| -> f32 {
        near.iter().filter(|near| label(near.1) == wanted).map(|near| near.0.max(0.0)).sum()
    };
    let labels = near.iter().map(|near| label(near.1)).filter(|&label| label != UNCLUSTERED);
    labels
        .map(|label| (label, weight_of(label) / total.max(f32::MIN_POSITIVE)))
        .find(|&(_, share)| share > MAJORITY)
        .unwrap_or((UNCLUSTERED, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall};

    /// Two clumps of ten settled points each, at (0, 0) and (20, 0).
    fn clumps() -> Vec<[f32; 2]> {
        (0..20)
            .map(|i| [if i < 10 { 0.0 } else { 20.0 } + 0.05 * (i % 10) as f32, 0.3 * (i % 3) as f32])
            .collect()
    }

    fn list(ids: std::ops::Range<u32>, similarity: f32) -> List {
        ids.map(|id| (similarity - 0.01 * id as f32 / 20.0, id)).collect()
    }

    fn placed(near: &[List]) -> Vec<[f32; 2]> {
        let mut positions = clumps();
        positions.extend(near.iter().map(|_| [0.0; 2]));
        let newcomers: Vec<u32> = (20..20 + near.len() as u32).collect();
        place(&mut positions, &newcomers, near, 0.2, Refinement::Umap(&UmapParams::default()), &Ctx::quiet())
            .unwrap();
        positions
    }

    #[test]
    fn newcomers_come_to_lie_by_their_neighbours_and_nothing_else_moves() {
        let positions = placed(&[list(0..6, 0.9), list(10..16, 0.9)]);
        assert_eq!(positions[..20], clumps());
        assert!(positions[20][0] < 8.0 && positions[21][0] > 12.0, "{:?}", &positions[20..]);
    }

    #[test]
    fn the_number_of_threads_changes_no_place() {
        let near: Vec<List> = (0..700).map(|i| list(i % 14..i % 14 + 5, 0.8)).collect();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| placed(&near))
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn a_misfit_is_farther_from_its_neighbours_than_others_are() {
        let similarities = (0..100).flat_map(|i| [0.9 - 0.004 * i as f32; 2]).collect();
        let knn = Knn {
            key: Key::of("test", 1).finish(),
            k: 2,
            indices: vec![0; 200],
            similarities,
            recall: Recall::Exact,
            method: "test".into(),
        };
        let usual = Usual::of(&knn);
        assert_eq!(usual.misfit(&list(0..3, 0.95)), 0.0);
        assert_eq!(usual.misfit(&list(0..3, 0.2)), 1.0);
        assert!((usual.misfit(&[(0.701, 0)]) - 0.5).abs() < 0.02);
    }

    #[test]
    fn a_label_needs_more_than_half_of_the_weight() {
        let near = [(0.9, 0), (0.4, 1), (0.4, 2)];
        assert_eq!(majority(&near, |id| [7, 3, 3][id as usize]).0, 7);
        assert_eq!(majority(&near, |id| [7, 3, 5][id as usize]).0, 7);
        assert_eq!(majority(&near[1..], |id| [7, 3, 5][id as usize]), (UNCLUSTERED, 0.0));
        assert_eq!(majority(&near, |_| UNCLUSTERED).0, UNCLUSTERED);
    }
}
