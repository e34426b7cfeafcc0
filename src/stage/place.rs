//! New and changed documents into a map that stays as it is.

use std::sync::Arc;

use rayon::prelude::*;

use crate::data::{Clusters, Key, Knn, Layout, Matrix, NO_ROW, RowMap, UNCLUSTERED};
use crate::job::Ctx;
use crate::math::fuzzy;
use crate::math::neighbours;
use crate::math::newcomers::{List, Search};
use crate::math::place::{self, Refinement, Usual};

use super::{Computers, MapMethod, Params, StageError, Tools};

/// A newcomer fits badly where it is farther from its neighbours than this share of the map's documents from theirs.
pub const POOR: f32 = 0.99;

/// Up to so many documents are compared with all others one by one. Beyond, finding everybody's neighbours anew costs
/// no more (on 2 cores about 8 µs a document for a thousand queries of 384 components, against 100 µs).
const MOST_COMPARED: usize = 16_384;

/// The chain of values that stays: of the corpus before.
#[derive(Clone, Copy)]
pub struct Settled<'a> {
    pub knn: &'a Knn,
    pub layout: &'a Layout,
    pub clusters: Option<&'a Clusters>,
}

/// The chain of values with everybody in it.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The documents of the map before stand where they stood, bit by bit.
    pub layout: Layout,
    /// The neighbours of all, newcomers among them: what a search over everything gives, where the one before was
    /// exact.
    pub knn: Knn,
    /// Settled documents keep their labels, and labels their numbers (so clusters need not be ordered by size any
    /// more); newcomers have that of the majority of their neighbours.
    pub clusters: Option<Clusters>,
    /// The rows that were placed, ascending.
    pub newcomers: Vec<u32>,
    /// For each of them the share of the map's documents that fit better: [`Placed::poor`] are those above [`POOR`].
    pub misfits: Vec<f32>,
    /// For each of them its mean similarity to its nearest settled documents.
    pub to_settled: Vec<f32>,
}

impl Placed {
    /// The newcomers that fit badly.
    pub fn poor(&self) -> Vec<u32> {
        self.newcomers.iter().zip(&self.misfits).filter(|(_, m)| **m > POOR).map(|(&row, _)| row).collect()
    }
}

/// Places the rows `to_place` of `matrix`, and those that are new in `rows`, among the others, which keep their places.
///
/// `matrix` has the vectors of the corpus as it is now, `rows` says which of its rows were in the one that `settled` is
/// of (see `RowMap::appended` and `CorpusDiff`). A newcomer starts between its nearest settled documents, weighted by
/// how near they are, and is pulled and pushed from there as on the map itself; on a map of principal components it
/// stays at that mean. On a t-SNE map newcomers do not push each other. Deterministic at any number of threads.
///
/// # Errors
/// If nothing settled is left or the map is too small to have neighbours, if there are too many points for a map, or
/// if the work is stopped.
pub fn run(
    matrix: &Matrix,
    rows: &RowMap,
    to_place: &[u32],
    settled: Settled<'_>,
    params: &Params,
    on: &Computers,
    ctx: &Ctx,
) -> Result<Placed, StageError> {
    let n = matrix.rows();
    let fits = rows.old_of_new().len() == n
        && rows.new_of_old().len() == settled.layout.positions.len()
        && settled.knn.len() == settled.layout.positions.len()
        && to_place.iter().all(|&row| (row as usize) < n);
    if !fits {
        return Err(no_map());
    }
    let mut is_new: Vec<bool> = rows.old_of_new().iter().map(|&old| old == NO_ROW).collect();
    to_place.iter().for_each(|&row| is_new[row as usize] = true);
    let newcomers: Vec<u32> = (0..n as u32).filter(|&row| is_new[row as usize]).collect();
    if !fits || settled.knn.k == 0 || newcomers.len() == n {
        return Err(StageError::Failed(
            "There is no map of these documents that others could be placed in: compute the map again."
                .into(),
        ));
    }
    let k = settled.knn.k.min(n - 1);
    let carried = Carried::of(settled.knn, rows, &is_new, k);
    let short: Vec<u32> = (0..n as u32).filter(|&row| carried.is_short(row, &is_new)).collect();
    let afresh = newcomers.len() + short.len() > MOST_COMPARED;
    // Newcomers first, so that their lists are found by their number.
    let mut queries = newcomers.clone();
    if !afresh {
        queries.extend(&short);
    }
    let floors: Vec<f32> = (0..n as u32).map(|row| carried.floor(row, &is_new)).collect();
    let found = Search { matrix, queries: &queries, is_new: &is_new, floors: &floors, k }.run(ctx)?;

    let near = &found.settled[..newcomers.len()];
    let mut positions = rows.carry(&settled.layout.positions, [0.0; 2]);
    // What made the map, not what would make the next one.
    let refinement = match MapMethod::named(&settled.layout.method) {
        Some(MapMethod::Umap) => Refinement::Umap(&params.map.umap),
        Some(MapMethod::Tsne) => Refinement::Tsne(&params.map.tsne),
        Some(MapMethod::Pca) | None => Refinement::None,
    };
    let mean = fuzzy::mean_distance(settled.knn);
    place::place(&mut positions, &newcomers, near, mean, refinement, ctx).map_err(|error| {
        if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
    })?;
    let usual = Usual::of(settled.knn);
    let misfits = near.par_iter().map(|near| usual.misfit(near)).collect();
    let to_settled = near.iter().map(mean_similarity).collect();
    let clusters = settled.clusters.map(|clusters| labelled(clusters, matrix, rows, &newcomers, near));

    let key = Key::of("placed layout", 1)
        .input(settled.layout.key)
        .input(matrix.key)
        .params(&newcomers)
        .params(&params.map)
        .finish();
    let layout = Layout { key, positions: Arc::new(positions), ..settled.layout.clone() };
    let knn = if afresh {
        super::neighbours::run(
            matrix,
            &neighbours::NeighbourParams { k, ..params.neighbours.clone() },
            Tools { cache: None, on },
            ctx,
        )?
    } else {
        carried.with(settled.knn, matrix, &queries, &found.all, &found.arrivals)
    };
    Ok(Placed { layout, knn, clusters, newcomers, misfits, to_settled })
}

fn no_map() -> StageError {
    let sentence =
        "There is no map of these documents that others could be placed in: compute the map again.";
    StageError::Failed(sentence.into())
}

fn mean_similarity(near: &List) -> f32 {
    near.iter().map(|near| near.0).sum::<f32>() / near.len().max(1) as f32
}

/// The clusters with the newcomers in them.
fn labelled(
    clusters: &Clusters,
    matrix: &Matrix,
    rows: &RowMap,
    newcomers: &[u32],
    near: &[List],
) -> Clusters {
    let settled_labels = rows.carry(&clusters.labels, UNCLUSTERED);
    let (mut labels, mut strengths) = (settled_labels.clone(), rows.carry(&clusters.strengths, 0.0));
    for (&row, near) in newcomers.iter().zip(near) {
        (labels[row as usize], strengths[row as usize]) =
            place::majority(near, |id| settled_labels[id as usize]);
    }
    let key = Key::of("placed clusters", 1).input(clusters.key).input(matrix.key).params(&newcomers).finish();
    Clusters { key, labels, strengths, count: clusters.count, method: clusters.method.clone() }
}

/// The lists of neighbours from before, with the rows' new numbers.
struct Carried {
    k: usize,
    /// `n` × `k`; a list is shorter where a neighbour is gone or has another vector now, and empty for newcomers.
    lists: Vec<List>,
}

impl Carried {
    fn of(knn: &Knn, rows: &RowMap, is_new: &[bool], k: usize) -> Self {
        let list = |(row, &old): (usize, &u32)| -> List {
            if is_new[row] || old == NO_ROW {
                return Vec::new();
            }
            let near = knn.of(old as usize).iter().zip(knn.similarities_of(old as usize));
            let near = near.filter_map(|(&id, &similarity)| Some((similarity, rows.carry_row(id)?)));
            near.filter(|near| !is_new[near.1 as usize]).take(k).collect()
        };
        Self { k, lists: rows.old_of_new().par_iter().enumerate().map(list).collect() }
    }

    /// Whether a settled row lost a neighbour, so that another has to be found.
    fn is_short(&self, row: u32, is_new: &[bool]) -> bool {
        !is_new[row as usize] && self.lists[row as usize].len() < self.k
    }

    /// The cosine that a newcomer needs to arrive in the list of `row`.
    fn floor(&self, row: u32, is_new: &[bool]) -> f32 {
        let list = &self.lists[row as usize];
        let full = !is_new[row as usize] && list.len() == self.k;
        list.last().filter(|_| full).map_or(f32::INFINITY, |last| last.0)
    }

    /// All lists: those of `queries` as they were found, the others with what arrived.
    fn with(
        mut self,
        before: &Knn,
        matrix: &Matrix,
        queries: &[u32],
        found: &[List],
        arrivals: &[(u32, u32, f32)],
    ) -> Knn {
        for (&query, list) in queries.iter().zip(found) {
            self.lists[query as usize].clone_from(list);
        }
        for arrived in arrivals.chunk_by(|a, b| a.0 == b.0) {
            let list = &mut self.lists[arrived[0].0 as usize];
            list.extend(arrived.iter().map(|&(_, newcomer, cosine)| (cosine, newcomer)));
            list.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            list.truncate(self.k);
        }
        let key =
            Key::of("extended neighbours", 1).input(before.key).input(matrix.key).params(&queries).finish();
        Knn {
            key,
            k: self.k,
            indices: self.lists.iter().flatten().map(|near| near.1).collect(),
            similarities: self.lists.iter().flatten().map(|near| near.0).collect(),
            recall: before.recall,
            method: before.method.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::hash;
    use crate::math::umap::UmapParams;
    use crate::stage::map::{Inputs, Live};
    use crate::stage::{self, MapParams};

    const DIM: usize = 16;
    const OLD: usize = 240;

    /// Rows around four axes in turn; `odd` rows at the end lie around a fifth.
    fn values(rows: usize, odd: usize) -> Vec<f32> {
        let mut values: Vec<f32> = (0..rows * DIM).map(|i| 0.15 * hash::normal(8, i as u64) as f32).collect();
        for i in 0..rows {
            values[i * DIM + if i >= rows - odd { 9 } else { i % 4 }] += 1.0;
        }
        values
    }

    fn matrix(values: Vec<f32>) -> Matrix {
        let key = Key::of("test", 1).bytes(bytemuck::cast_slice(&values)).finish();
        Matrix::from_vec(key, "test", false, DIM, values)
    }

    fn params() -> Params {
        let umap = UmapParams { epochs: Some(80), ..UmapParams::default() };
        Params { map: MapParams { umap, ..MapParams::default() }, ..Params::default() }
    }

    struct Old {
        knn: Knn,
        layout: Layout,
        clusters: Clusters,
    }

    impl Old {
        fn of(matrix: &Matrix) -> Self {
            Self::by(MapMethod::Umap, matrix)
        }

        fn by(method: MapMethod, matrix: &Matrix) -> Self {
            let (ctx, mut params) = (Ctx::quiet(), params());
            params.map.method = method;
            let computers = Computers::cpu();
            let tools = Tools { cache: None, on: &computers };
            let knn = stage::neighbours::run(matrix, &params.neighbours, tools, &ctx).unwrap();
            let inputs = Inputs { matrix, knn: &knn, search: Some(&params.neighbours) };
            let layout = stage::map::run(&inputs, &params.map, None, &Live::default(), tools, &ctx).unwrap();
            let clusters =
                stage::clusters::run(matrix, &knn, Some(&layout), &params, &computers, &ctx).unwrap();
            Self { knn, layout, clusters }
        }

        fn place(&self, matrix: &Matrix, rows: &RowMap, to_place: &[u32]) -> Placed {
            let settled = Settled { knn: &self.knn, layout: &self.layout, clusters: Some(&self.clusters) };
            run(matrix, rows, to_place, settled, &params(), &Computers::cpu(), &Ctx::quiet()).unwrap()
        }
    }

    #[test]
    fn newcomers_join_the_clusters_of_their_neighbours_and_nobody_else_moves() {
        let all = values(OLD + 40, 0);
        let old = Old::of(&matrix(all[..OLD * DIM].to_vec()));
        let placed = old.place(&matrix(all), &RowMap::appended(OLD, 40), &[]);
        assert_eq!(placed.layout.positions[..OLD], old.layout.positions[..]);
        let clusters = placed.clusters.as_ref().unwrap();
        assert_eq!(clusters.labels[..OLD], old.clusters.labels[..]);
        // Each fourth row is around the same axis, and so in a cluster of such rows only.
        for row in OLD..OLD + 40 {
            let label = clusters.labels[row];
            assert!(
                label == UNCLUSTERED || (0..OLD).all(|i| clusters.labels[i] != label || i % 4 == row % 4)
            );
            let [x, y] = placed.layout.positions[row];
            let distance =
                |i: usize| (placed.layout.positions[i][0] - x).hypot(placed.layout.positions[i][1] - y);
            let nearest = (0..OLD).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap();
            assert_eq!(nearest % 4, row % 4, "row {row}");
        }
        assert!(placed.clusters.unwrap().labels[OLD..].iter().filter(|l| **l == UNCLUSTERED).count() < 10);
        assert!(placed.misfits.iter().all(|misfit| (0.0..=1.0).contains(misfit)));
    }

    #[test]
    fn newcomers_on_a_t_sne_map_go_to_their_own_and_nobody_else_moves() {
        let all = values(OLD + 40, 0);
        let old = Old::by(MapMethod::Tsne, &matrix(all[..OLD * DIM].to_vec()));
        assert_eq!(old.layout.method, "t-SNE");
        let placed = old.place(&matrix(all), &RowMap::appended(OLD, 40), &[]);
        assert_eq!(placed.layout.positions[..OLD], old.layout.positions[..]);
        for row in OLD..OLD + 40 {
            let [x, y] = placed.layout.positions[row];
            let distance =
                |i: usize| (placed.layout.positions[i][0] - x).hypot(placed.layout.positions[i][1] - y);
            let nearest = (0..OLD).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap();
            assert_eq!(nearest % 4, row % 4, "row {row}");
        }
    }

    #[test]
    fn extended_neighbours_are_those_of_a_search_over_everything() {
        let all = values(OLD + 60, 0);
        let old = Old::of(&matrix(all[..OLD * DIM].to_vec()));
        let matrix = matrix(all);
        let placed = old.place(&matrix, &RowMap::appended(OLD, 60), &[]);
        let whole = stage::neighbours::run(
            &matrix,
            &params().neighbours,
            Tools { cache: None, on: &Computers::cpu() },
            &Ctx::quiet(),
        )
        .unwrap();
        assert_eq!(placed.knn.indices, whole.indices);
        assert_eq!(placed.knn.similarities, whole.similarities);
    }

    #[test]
    fn documents_that_are_gone_or_changed_leave_no_trace_in_the_lists_of_others() {
        let before = values(OLD, 0);
        let old = Old::of(&matrix(before.clone()));
        // The first ten are gone, what was row 20 has another vector, and the order is turned round.
        let old_of_new: Vec<u32> = (10..OLD as u32).rev().collect();
        let reworded = old_of_new.iter().position(|&row| row == 20).unwrap();
        let mut now: Vec<f32> = old_of_new
            .iter()
            .flat_map(|&row| before[row as usize * DIM..(row as usize + 1) * DIM].to_vec())
            .collect();
        now[reworded * DIM..(reworded + 1) * DIM].fill(0.1);
        let matrix = matrix(now);
        let rows = RowMap::new(OLD, old_of_new).unwrap();
        let placed = old.place(&matrix, &rows, &[reworded as u32]);
        assert_eq!(placed.newcomers, [reworded as u32]);
        let whole = stage::neighbours::run(
            &matrix,
            &params().neighbours,
            Tools { cache: None, on: &Computers::cpu() },
            &Ctx::quiet(),
        )
        .unwrap();
        assert_eq!(placed.knn.indices, whole.indices);
        assert_eq!(placed.layout.positions[0], old.layout.positions[OLD - 1]);
    }

    #[test]
    fn documents_of_a_subject_that_was_not_there_fit_badly() {
        let all = values(OLD + 30, 15);
        let old = Old::of(&matrix(all[..OLD * DIM].to_vec()));
        let placed = old.place(&matrix(all), &RowMap::appended(OLD, 30), &[]);
        let strangers: Vec<u32> = (OLD as u32 + 15..OLD as u32 + 30).collect();
        assert_eq!(placed.poor(), strangers);
    }

    #[test]
    fn without_newcomers_everything_stays() {
        let all = values(OLD, 0);
        let old = Old::of(&matrix(all.clone()));
        let placed = old.place(&matrix(all), &RowMap::appended(OLD, 0), &[]);
        assert_eq!((placed.layout.positions, placed.knn.indices), (old.layout.positions, old.knn.indices));
    }

    #[test]
    fn a_map_that_does_not_fit_is_refused() {
        let all = matrix(values(OLD, 0));
        let old = Old::of(&all);
        let settled = Settled { knn: &old.knn, layout: &old.layout, clusters: None };
        let strange = RowMap::appended(OLD - 1, 1);
        let refused = run(&all, &strange, &[], settled, &params(), &Computers::cpu(), &Ctx::quiet());
        assert!(matches!(refused, Err(StageError::Failed(sentence)) if sentence.contains("again")));
    }
}
