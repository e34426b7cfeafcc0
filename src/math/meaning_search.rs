//! Search by meaning: the documents whose vectors are nearest to a query, of all or of those that a filter keeps.
//!
//! Three ways lead there, and the quickest that is good enough is taken:
//!
//! - **exact**: the filter's vectors are compared one by one, where that takes next to no time;
//! - **coded**: they are compared in one byte a component, and all that may be among the nearest, given how much codes
//!   are off, again exactly;
//! - **graph**: a walk along neighbours' neighbours looks at a few thousand documents, whatever the filter; of the
//!   nearest that it meets those of the filter are taken.
//!
//! A graph knows nothing of the filter, and filters go along with meaning: where a filter keeps much of the corpus but
//! little of what is near the query, its nearest documents lie beyond what a walk meets. That is seen when the walk is
//! over: unless its list holds three times as many documents of the filter as are wanted, the answer is not taken, and
//! everything is compared by codes (after a walk that took a small part of that time). So what counts is not how much the
//! filter keeps in all but near the query.

use std::sync::Arc;

use rayon::prelude::*;

use super::codes::{CodedVector, Codes};
use super::hash::normal;
use super::meaning_graph::MeaningGraph;
pub use super::meaning_how::{How, Way};
use super::meaning_scan::Vectors;
use super::rows::widen;
use super::sample::sample;
use super::vector;
use crate::data::{Knn, Mask, Matrix};
use crate::job::{Cancelled, Ctx};

/// Milliseconds that exact answers may take, and beyond those coded ones: a walk is not exact, so that it has to be worth it.
const PATIENCE_FOR_EXACT: f64 = 4.0;
const PATIENCE_FOR_CODED: f64 = 20.0;

/// What comparing a component takes, in nanoseconds of a core (measured with 384 components on a virtual machine with
/// AVX-512, vectors in memory, other work beside): of a vector as it is stored, 32 or 16 bits wide, of a coded one in
/// order, and of coded ones from all over memory as a walk meets them.
const EXACT: f64 = 1.0;
const CODED: f64 = 0.05;
const WALKED: f64 = 0.3;

/// A walk's list has at least so many places. Where that finds too few of the nearest, it has twice as many, so often.
const LEAST_WIDTH: usize = 128;
const MOST_DOUBLINGS: usize = 5;

/// Of the filter a list must hold so many times as many as are wanted: towards its end it is not complete.
const SPARE: usize = 3;

/// How far from its document a query with noise is: at a cosine of .8, as a good hit of a sentence is.
const NOISE: f64 = 0.75;

/// The queries by which a graph is tried, their wanted documents, and the share of those that it must find.
const TRIALS: usize = 48;
const WANTED_IN_TRIALS: usize = 10;
const ENOUGH: f32 = 0.98;

/// The nearest documents, and how they were found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Documents with their exact cosines, nearest first; of equal ones the smaller document.
    pub hits: Vec<(u32, f32)>,
    pub how: How,
}

/// What is there to search with.
///
/// Memory: nothing beside the vectors where all of them can be compared exactly; otherwise a byte a component and
/// eight a document, and with neighbours at most 72 a document more.
pub struct MeaningSearch {
    vectors: Vectors,
    codes: Option<Codes>,
    graph: Option<Tried>,
    costs: Costs,
}

/// By what a way is chosen.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// Milliseconds that exact answers may take, and beyond those coded ones.
    pub patience_for_exact: f64,
    pub patience_for_coded: f64,
    /// Nanoseconds of a core for a component: of vectors, of coded vectors in order, and as a walk meets them.
    pub exact: f64,
    pub coded: f64,
    pub walked: f64,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            patience_for_exact: PATIENCE_FOR_EXACT,
            patience_for_coded: PATIENCE_FOR_CODED,
            exact: EXACT,
            coded: CODED,
            walked: WALKED,
        }
    }
}

/// A graph that was found to be good enough.
struct Tried {
    graph: MeaningGraph,
    /// The list that it takes, and the share of the nearest that it finds.
    width: usize,
    recall: f32,
}

impl MeaningSearch {
    /// Prepares a search among the rows of `matrix`; `knn` are their neighbours, if they are known.
    ///
    /// The graph is made where comparing everything takes long, and tried by some queries: unless it finds nearly all that
    /// comparing everything finds, it is not used.
    pub fn of(matrix: Arc<Matrix>, knn: Option<Arc<Knn>>, ctx: &Ctx) -> Result<Self, Cancelled> {
        Self::with_costs(matrix, knn, Costs::default(), ctx)
    }

    /// The same on a machine with other costs, or to measure a way by itself.
    pub fn with_costs(
        matrix: Arc<Matrix>,
        knn: Option<Arc<Knn>>,
        costs: Costs,
        ctx: &Ctx,
    ) -> Result<Self, Cancelled> {
        let mut search = Self { vectors: Vectors(matrix), codes: None, graph: None, costs };
        if search.is_quick_exactly(search.len()) {
            return Ok(search);
        }
        ctx.progress.begin("Preparing search by meaning", "documents", 0, 0);
        search.codes = Some(Codes::of_matrix(&search.vectors.0, ctx)?);
        let n = search.len();
        let knn = knn.filter(|knn| knn.len() == n && knn.k > 0 && !search.is_quick_by_codes(n));
        if let (Some(knn), Some(codes)) = (knn, &search.codes) {
            let graph = MeaningGraph::of(codes, knn, ctx)?;
            search.graph = search.tried(graph, ctx)?;
        }
        Ok(search)
    }

    /// The graph with the narrowest list by which it finds enough, if there is one.
    fn tried(&self, graph: MeaningGraph, ctx: &Ctx) -> Result<Option<Tried>, Cancelled> {
        let Some(codes) = &self.codes else { return Ok(None) };
        let queries = self.trial_queries();
        let k = WANTED_IN_TRIALS;
        let truth: Vec<Vec<(u32, f32)>> = queries
            .iter()
            .map(|query| Ok(self.vectors.coded(codes, query, k, None, ctx)?.0))
            .collect::<Result<_, Cancelled>>()?;
        let wanted: usize = truth.iter().map(Vec::len).sum();
        for width in (0..=MOST_DOUBLINGS).map(|times| LEAST_WIDTH << times) {
            ctx.cancel.check()?;
            if self.walk_milliseconds(&graph, width) >= self.milliseconds(codes.len(), self.costs.coded) {
                break;
            }
            let found: usize = queries
                .par_iter()
                .zip(&truth)
                .map(|(query, truth)| {
                    let walk = graph.walk(codes, &CodedVector::of(query), width);
                    let hits = self.vectors.ranked(query, walk.nearest.into_iter(), k);
                    // What is as near as the last of the nearest is one of them.
                    let floor = truth.last().map_or(f32::INFINITY, |last| last.1);
                    hits.iter().filter(|hit| hit.1 >= floor).count()
                })
                .sum();
            let recall = found as f32 / wanted.max(1) as f32;
            let landmarks = graph.landmarks();
            tracing::info!(
                "walks from {landmarks} landmarks with lists of {width} find {recall} of the nearest"
            );
            if recall >= ENOUGH {
                return Ok(Some(Tried { graph, width, recall }));
            }
        }
        Ok(None)
    }

    /// Unit vectors near documents, as queries are: every other one between two documents, the others with noise.
    fn trial_queries(&self) -> Vec<Vec<f32>> {
        let (n, dim) = (self.len(), self.vectors.0.dim());
        let unit_row = |row: u32| {
            let mut vector = vec![0.0; dim];
            widen(&self.vectors.0, row as usize, &mut vector);
            let length = vector::inverse_norm(&vector);
            vector::scale(&mut vector, length);
            (length != 0.0).then_some(vector)
        };
        let noise = |row: u32, d: u64| (NOISE / (dim as f64).sqrt() * normal(u64::from(row), d)) as f32;
        sample(n, TRIALS, TRIALS as u64)
            .into_iter()
            .enumerate()
            .filter_map(|(at, row)| {
                let mut query = unit_row(row)?;
                match unit_row((row + 1) % n as u32).filter(|_| at % 2 == 0) {
                    Some(other) => {
                        query.iter_mut().zip(other).for_each(|(one, other)| *one = 2.0 * *one + other)
                    }
                    None => (0..).zip(&mut query).for_each(|(d, one)| *one += noise(row, d)),
                }
                let length = vector::inverse_norm(&query);
                vector::scale(&mut query, length);
                (length != 0.0).then_some(query)
            })
            .collect()
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.vectors.0.rows()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The share of the nearest that walks along neighbours find; `None` where there is no graph that finds enough.
    pub fn graph_recall(&self) -> Option<f32> {
        self.graph.as_ref().map(|tried| tried.recall)
    }

    /// Bytes it takes in memory beside the vectors and the neighbours.
    pub fn bytes(&self) -> usize {
        self.codes.as_ref().map_or(0, Codes::bytes)
            + self.graph.as_ref().map_or(0, |tried| tried.graph.bytes())
    }

    /// The `k` documents of `within` (of all, where there is none) whose vectors are nearest to `query` by cosine. `query`
    /// is a unit vector with as many components as theirs. Documents without direction, such as empty texts, are
    /// never among them, and a query without direction finds nothing.
    pub fn nearest(
        &self,
        query: &[f32],
        k: usize,
        within: Option<&Mask>,
        ctx: &Ctx,
    ) -> Result<Found, Cancelled> {
        assert_eq!(query.len(), self.vectors.0.dim(), "a query has as many components as the vectors");
        let kept = within.map_or(self.len(), Mask::count);
        let found = |hits, way| Found { hits, how: How { way, kept, filtered: within.is_some() } };
        let k = k.min(kept);
        if k == 0 || vector::inverse_norm(query) == 0.0 {
            return Ok(found(Vec::new(), Way::Exact));
        }
        let Some(codes) = self.codes.as_ref().filter(|_| !self.is_quick_exactly(kept)) else {
            return Ok(found(self.vectors.exact(query, k, within, ctx)?, Way::Exact));
        };
        if let Some(tried) = &self.graph
            && let Some(width) = self.width(tried, k, kept)
        {
            let walk = tried.graph.walk(codes, &CodedVector::of(query), width);
            let keeps = |row: u32| within.is_none_or(|mask| mask.contains(row));
            let met: Vec<(f32, u32)> = walk.nearest.into_iter().filter(|near| keeps(near.1)).collect();
            if met.len() >= SPARE * k {
                let way = Way::Graph { looked_at: walk.looked_at, recall: tried.recall };
                return Ok(found(self.vectors.ranked(query, met.into_iter(), k), way));
            }
        }
        let (hits, ranked) = self.vectors.coded(codes, query, k, within, ctx)?;
        Ok(found(hits, Way::Coded { ranked }))
    }

    /// The list that a walk needs to hold enough of a filter that keeps as much near the query as elsewhere; `None` where
    /// comparing everything by codes takes less time.
    fn width(&self, tried: &Tried, k: usize, kept: usize) -> Option<usize> {
        // Half as many again as are expected: the next filter keeps a little less here.
        let wanted = (SPARE * k * self.len()).div_ceil(kept.max(1));
        let width = tried.width.max(wanted + wanted / 2);
        let worth_it =
            self.walk_milliseconds(&tried.graph, width) < self.milliseconds(kept, self.costs.coded);
        (worth_it && !self.is_quick_by_codes(kept)).then_some(width)
    }

    /// What a walk takes; it has one core.
    fn walk_milliseconds(&self, graph: &MeaningGraph, width: usize) -> f64 {
        (graph.looks(width) * self.vectors.0.dim()) as f64 * self.costs.walked / 1e6
    }

    fn is_quick_exactly(&self, rows: usize) -> bool {
        self.milliseconds(rows, self.costs.exact) <= self.costs.patience_for_exact
    }

    fn is_quick_by_codes(&self, rows: usize) -> bool {
        self.milliseconds(rows, self.costs.coded) <= self.costs.patience_for_coded
    }

    /// What comparing so many rows takes on all cores, at so many nanoseconds a component.
    fn milliseconds(&self, rows: usize, cost: f64) -> f64 {
        (rows * self.vectors.0.dim()) as f64 * cost / 1e6 / rayon::current_num_threads() as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Element, Key};
    use crate::math::neighbours::{Method, NeighbourParams, find};

    const DIM: usize = 24;

    /// By which nothing is compared exactly, and walks are preferred wherever they are good enough.
    const FREE_WALKS: Costs =
        Costs { patience_for_exact: 0.0, patience_for_coded: 0.0, exact: 1.0, coded: 1.0, walked: 0.0 };

    /// Clumps of vectors of any length; every eleventh is zeros.
    fn vectors(n: usize) -> Vec<f32> {
        (0..n)
            .flat_map(|i| {
                let clump = (i % 17) as u64;
                let length = if i % 11 == 0 { 0.0 } else { 0.1 + (i % 5) as f32 };
                (0..DIM as u64).map(move |d| {
                    let value = normal(7, clump * 100 + d) + 0.5 * normal(8, i as u64 * 100 + d);
                    length * value as f32
                })
            })
            .collect()
    }

    fn matrix(values: Vec<f32>, half: bool) -> Arc<Matrix> {
        let key = Key::of("test", 1).finish();
        let full = Matrix::from_vec(key, "test", false, DIM, values);
        if !half {
            return Arc::new(full);
        }
        let halves = full.halves(0..full.rows()).unwrap();
        let bytes = Arc::new(bytemuck::cast_slice::<_, u8>(&halves).to_vec());
        Arc::new(Matrix::from_bytes(key, "test", false, (full.rows(), DIM), Element::F16, bytes, 0).unwrap())
    }

    fn knn(matrix: &Matrix) -> Arc<Knn> {
        let params = NeighbourParams { method: Method::Exact, ..NeighbourParams::default() };
        let (found, method, recall) = find(matrix, &params, &Ctx::quiet()).unwrap();
        let key = Key::of("test", 2).finish();
        let (indices, similarities) = (found.indices, found.similarities);
        Arc::new(Knn { key, k: found.k, indices, similarities, recall, method: method.into() })
    }

    fn query(seed: u64) -> Vec<f32> {
        let mut query: Vec<f32> = (0..DIM as u64)
            .map(|d| (normal(7, seed % 17 * 100 + d) + 0.5 * normal(seed, d)) as f32)
            .collect();
        let length = vector::inverse_norm(&query);
        vector::scale(&mut query, length);
        query
    }

    /// A search with codes and a graph, however few vectors there are.
    fn prepared(matrix: &Arc<Matrix>) -> MeaningSearch {
        MeaningSearch::with_costs(matrix.clone(), Some(knn(matrix)), FREE_WALKS, &Ctx::quiet()).unwrap()
    }

    /// By comparing everything.
    fn brute_force(matrix: &Matrix, query: &[f32], k: usize, within: &Mask) -> Vec<(f64, u32)> {
        let cosine = |i: u32| {
            let row = matrix.row(i as usize);
            let dot = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
            };
            let length = dot(&row, &row).sqrt();
            (length > 0.0).then(|| (dot(&row, query) / length, i))
        };
        let mut all: Vec<(f64, u32)> = within.documents().filter_map(cosine).collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        all.truncate(k);
        all
    }

    fn assert_equal(hits: &[(u32, f32)], expected: &[(f64, u32)]) {
        assert_eq!(hits.len(), expected.len());
        for (hit, expected) in hits.iter().zip(expected) {
            assert!((f64::from(hit.1) - expected.0).abs() < 1e-5, "{hits:?} {expected:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_filtered_search_finds_what_comparing_everything_finds(
            n in 0usize..400, k in 0usize..20, seed in 0u64..1000, step in 1usize..9, half: bool,
        ) {
            let matrix = matrix(vectors(n), half);
            let within = Mask::of_fn(n, |i| (i + seed as usize).is_multiple_of(step));
            let query = query(seed);
            let expected = brute_force(&matrix, &query, k, &within);
            let ctx = Ctx::quiet();
            let search = MeaningSearch::of(matrix.clone(), None, &ctx).unwrap();
            let found = search.nearest(&query, k, Some(&within), &ctx).unwrap();
            prop_assert_eq!(found.how.way, Way::Exact);
            assert_equal(&found.hits, &expected);
            prop_assert!(found.hits.iter().all(|hit| within.contains(hit.0)));
            let coded = MeaningSearch::with_costs(matrix, None, FREE_WALKS, &ctx).unwrap();
            let found = coded.nearest(&query, k, Some(&within), &ctx).unwrap();
            let by_codes = matches!(found.how.way, Way::Coded { .. });
            prop_assert!(by_codes || k == 0 || within.count() == 0);
            assert_equal(&found.hits, &expected);
        }
    }

    /// The ways that searches took, and the share of the nearest that they found.
    fn outcome(
        search: &MeaningSearch,
        seeds: impl Iterator<Item = u64>,
        within: Option<&Mask>,
    ) -> (Vec<Way>, f32) {
        let (k, all) = (10, Mask::all(search.len()));
        let (mut ways, mut right, mut wanted) = (Vec::new(), 0, 0);
        for query in seeds.map(query) {
            let found = search.nearest(&query, k, within, &Ctx::quiet()).unwrap();
            let expected = brute_force(&search.vectors.0, &query, k, within.unwrap_or(&all));
            right += found.hits.iter().filter(|hit| expected.iter().any(|e| e.1 == hit.0)).count();
            wanted += expected.len();
            ways.push(found.how.way);
        }
        (ways, right as f32 / wanted as f32)
    }

    #[test]
    fn a_walk_answers_where_its_list_holds_enough_of_the_filter_and_codes_where_it_does_not() {
        let matrix = matrix(vectors(3000), true);
        let search = prepared(&matrix);
        let (ways, recall) = outcome(&search, 0..30, None);
        assert!(ways.iter().all(|way| matches!(way, Way::Graph { .. })), "{ways:?}");
        assert!(recall >= 0.95, "{recall}");
        let half = Mask::of_fn(3000, |i| i % 2 == 0);
        let (ways, recall) = outcome(&search, 0..30, Some(&half));
        assert!(ways.iter().all(|way| matches!(way, Way::Graph { .. })), "{ways:?}");
        assert!(recall >= 0.95, "{recall}");
        // These queries are near clumps of which the filter keeps nothing.
        let elsewhere = Mask::of_fn(3000, |i| i % 17 < 8);
        let (ways, recall) = outcome(&search, 9..17, Some(&elsewhere));
        assert!(ways.iter().any(|way| matches!(way, Way::Coded { .. })), "{ways:?}");
        assert!(recall >= 0.95, "{recall}");
    }

    #[test]
    fn thousands_that_are_about_as_near_are_all_compared() {
        // Within what codes are off, so that their order by codes says nothing.
        let values: Vec<f32> = (0..3000u64)
            .flat_map(|i| (0..DIM as u64).map(move |d| 1.0 + 1e-4 * normal(i, d) as f32 + (d % 3) as f32))
            .collect();
        let matrix = matrix(values, false);
        let search = MeaningSearch::with_costs(matrix.clone(), None, FREE_WALKS, &Ctx::quiet()).unwrap();
        let found = search.nearest(&query(1), 10, None, &Ctx::quiet()).unwrap();
        assert_equal(&found.hits, &brute_force(&matrix, &query(1), 10, &Mask::all(3000)));
        let Way::Coded { ranked } = found.how.way else { panic!("{:?}", found.how) };
        assert!(ranked > 500, "{ranked}");
    }

    #[test]
    fn documents_without_direction_are_never_hits() {
        let mut values = vectors(50);
        values[40 * DIM] = f32::NAN;
        let matrix = matrix(values, false);
        let ctx = Ctx::quiet();
        for search in [MeaningSearch::of(matrix.clone(), None, &ctx).unwrap(), prepared(&matrix)] {
            let found = search.nearest(&query(1), 50, None, &ctx).unwrap();
            assert_eq!(found.hits.len(), 44);
            assert!(found.hits.iter().all(|hit| hit.0 % 11 != 0 && hit.0 != 40));
            assert!(search.nearest(&[0.0; DIM], 5, None, &ctx).unwrap().hits.is_empty());
            assert!(search.nearest(&query(1), 5, Some(&Mask::none(50)), &ctx).unwrap().hits.is_empty());
        }
    }

    #[test]
    fn neighbours_of_another_matrix_are_not_followed() {
        let (one, other) = (matrix(vectors(3000), false), matrix(vectors(200), false));
        let search = MeaningSearch::with_costs(one, Some(knn(&other)), FREE_WALKS, &Ctx::quiet()).unwrap();
        assert!(search.graph.is_none() && search.codes.is_some());
    }

    #[test]
    fn the_number_of_threads_changes_no_answer() {
        let search = prepared(&matrix(vectors(3000), false));
        let within = Mask::of_fn(3000, |i| i % 17 < 8);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let hits = |seed| search.nearest(&query(seed), 10, Some(&within), &Ctx::quiet()).unwrap().hits;
            pool.install(|| (0..20).map(hits).collect::<Vec<_>>())
        };
        assert_eq!(with(1), with(3));
    }
}
