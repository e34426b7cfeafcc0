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
//! over: unless its list holds twice as many documents of the filter as are wanted, the answer is not taken, and
//! everything is compared by codes (after a walk that took a small part of that time). So what counts is not how much the
//! filter keeps in all but near the query, and no filter gets a worse answer than none does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::best::Best;
use super::codes::{CodedVector, Codes};
use super::meaning_graph::MeaningGraph;
use super::rows::{nearer, widen};
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
const WALKED: f64 = 0.25;

/// So many of the best by codes are compared exactly beside those that are wanted.
const CANDIDATES_MORE: usize = 64;

/// A walk's list has at least so many places. Where that finds too few of the nearest, it has twice as many, so often.
const LEAST_WIDTH: usize = 128;
const MOST_DOUBLINGS: usize = 5;

/// Of the filter a list must hold so many times as many as are wanted: towards its end it is not complete.
const SPARE: usize = 2;

/// The queries by which a graph is tried, their wanted documents, and the share of those that it must find.
const TRIALS: usize = 48;
const WANTED_IN_TRIALS: usize = 10;
const ENOUGH: f32 = 0.97;

/// Rows that a thread compares between two looks at whether to stop: whole words of a mask.
const BLOCK: usize = 1 << 12;

/// How the nearest were found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct How {
    pub way: Way,
    /// Documents that the filter keeps; all where there is none.
    pub kept: usize,
    /// Whether there is a filter.
    pub filtered: bool,
}

/// A way to the nearest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// Every vector was compared.
    Exact,
    /// Every vector was compared in one byte a component, and `ranked` of them exactly: all that may be among the nearest.
    Coded { ranked: usize },
    /// So many documents were looked at along neighbours; `recall` of the nearest are found so.
    Graph { looked_at: usize, recall: f32 },
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = Grouped(self.kept);
        let of = if self.filtered { " of the filter" } else { "" };
        match self.way {
            Way::Exact => write!(f, "compared with all {kept} documents{of}"),
            Way::Coded { ranked } => {
                write!(f, "compared roughly with all {kept} documents{of}, exactly with the best {ranked}")
            }
            Way::Graph { looked_at, recall } => {
                let (looked_at, percent) = (Grouped(looked_at), (100.0 * recall).floor());
                match self.filtered {
                    true => write!(
                        f,
                        "looked at {looked_at} documents along neighbours for the {kept} of the filter"
                    )?,
                    false => write!(f, "looked at {looked_at} of {kept} documents along neighbours")?,
                }
                write!(f, ", which finds about {percent} % of the nearest")
            }
        }
    }
}

/// A number with commas between thousands.
struct Grouped(usize);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

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
    matrix: Arc<Matrix>,
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
        let mut search = Self { matrix, codes: None, graph: None, costs };
        if search.is_quick_exactly(search.len()) {
            return Ok(search);
        }
        ctx.progress.begin("Preparing search by meaning", "documents", 0, 0);
        search.codes = Some(Codes::of_matrix(&search.matrix, ctx)?);
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
            .map(|query| Ok(self.coded(codes, &CodedVector::of(query), query, k, None, ctx)?.0))
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
                    let hits = self.ranked(query, walk.nearest.into_iter(), k);
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

    /// Unit vectors half-way between documents and one of those next to them: near documents, as queries are, but none.
    fn trial_queries(&self) -> Vec<Vec<f32>> {
        let n = self.matrix.rows();
        let [mut one, mut other] = [(); 2].map(|()| vec![0.0; self.matrix.dim()]);
        sample(n, TRIALS, TRIALS as u64)
            .into_iter()
            .filter_map(|row| {
                widen(&self.matrix, row as usize, &mut one);
                widen(&self.matrix, (row as usize + 1) % n, &mut other);
                let (a, b) = (vector::inverse_norm(&one), vector::inverse_norm(&other));
                let mut query: Vec<f32> = one.iter().zip(&other).map(|(x, y)| 2.0 * a * x + b * y).collect();
                let length = vector::inverse_norm(&query);
                vector::scale(&mut query, length);
                (a != 0.0 && length != 0.0).then_some(query)
            })
            .collect()
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.matrix.rows()
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
        assert_eq!(query.len(), self.matrix.dim(), "a query has as many components as the vectors");
        let kept = within.map_or(self.len(), Mask::count);
        let found = |hits, way| Found { hits, how: How { way, kept, filtered: within.is_some() } };
        let k = k.min(kept);
        if k == 0 || vector::inverse_norm(query) == 0.0 {
            return Ok(found(Vec::new(), Way::Exact));
        }
        let Some(codes) = self.codes.as_ref().filter(|_| !self.is_quick_exactly(kept)) else {
            return Ok(found(self.exact(query, k, within, ctx)?, Way::Exact));
        };
        let coded = CodedVector::of(query);
        if let Some(tried) = &self.graph
            && let Some(width) = self.width(tried, k, kept)
        {
            let walk = tried.graph.walk(codes, &coded, width);
            let keeps = |row: u32| within.is_none_or(|mask| mask.contains(row));
            let met: Vec<(f32, u32)> = walk.nearest.into_iter().filter(|near| keeps(near.1)).collect();
            if met.len() >= SPARE * k {
                let way = Way::Graph { looked_at: walk.looked_at, recall: tried.recall };
                return Ok(found(self.ranked(query, met.into_iter(), k), way));
            }
        }
        let (hits, ranked) = self.coded(codes, &coded, query, k, within, ctx)?;
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
        (graph.looks(width) * self.matrix.dim()) as f64 * self.costs.walked / 1e6
    }

    fn is_quick_exactly(&self, rows: usize) -> bool {
        self.milliseconds(rows, self.costs.exact) <= self.costs.patience_for_exact
    }

    fn is_quick_by_codes(&self, rows: usize) -> bool {
        self.milliseconds(rows, self.costs.coded) <= self.costs.patience_for_coded
    }

    /// What comparing so many rows takes on all cores, at so many nanoseconds a component.
    fn milliseconds(&self, rows: usize, cost: f64) -> f64 {
        (rows * self.matrix.dim()) as f64 * cost / 1e6 / rayon::current_num_threads() as f64
    }

    /// The best of what `compare` finds in all blocks of the rows of `within`.
    fn scanned(
        &self,
        width: usize,
        within: Option<&Mask>,
        ctx: &Ctx,
        compare: impl Fn(&mut Scan, &mut Best) + Sync,
    ) -> Result<Best, Cancelled> {
        let n = self.len();
        let none = || (Scan::default(), Best::new(1, width));
        let (_, best) = (0..n.div_ceil(BLOCK))
            .into_par_iter()
            .try_fold(none, |(mut scan, mut best), block| {
                ctx.cancel.check()?;
                let rows = block * BLOCK..((block + 1) * BLOCK).min(n);
                scan.rows.clear();
                match within {
                    Some(mask) => scan.rows.extend(mask.documents_within(rows)),
                    None => scan.rows.extend(rows.map(|row| row as u32)),
                }
                compare(&mut scan, &mut best);
                Ok((scan, best))
            })
            .try_reduce(none, |(scan, mut one), (_, other)| {
                other
                    .list(0)
                    .take(other.ids(0).len())
                    .for_each(|(similarity, row)| one.offer(0, similarity, row));
                Ok((scan, one))
            })?;
        Ok(best)
    }

    fn exact(
        &self,
        query: &[f32],
        k: usize,
        within: Option<&Mask>,
        ctx: &Ctx,
    ) -> Result<Vec<(u32, f32)>, Cancelled> {
        let best = self.scanned(k, within, ctx, |scan, best| {
            scan.vector.resize(query.len(), 0.0);
            for &row in &scan.rows {
                if let Some(cosine) = self.cosine(query, row, &mut scan.vector) {
                    best.offer(0, cosine, row);
                }
            }
        })?;
        let count = best.ids(0).len();
        Ok(best.list(0).take(count).map(|(cosine, row)| (row, cosine)).collect())
    }

    /// The `k` nearest, found by codes and ranked exactly, and how many were.
    ///
    /// Rows are taken at the greatest cosine that they may have, given how much codes are off: once that is below the last
    /// of the exact ones, no other row is nearer. Where the best few do not settle it, as where thousands are equally near,
    /// all rows that may be nearer are compared exactly.
    fn coded(
        &self,
        codes: &Codes,
        coded: &CodedVector,
        query: &[f32],
        k: usize,
        within: Option<&Mask>,
        ctx: &Ctx,
    ) -> Result<(Vec<(u32, f32)>, usize), Cancelled> {
        let width = (k + CANDIDATES_MORE).min(self.len());
        let compare = |scan: &mut Scan| {
            scan.similarities.resize(scan.rows.len(), 0.0);
            codes.similarities_to(coded, &scan.rows, &mut scan.similarities);
            for (similarity, &row) in scan.similarities.iter_mut().zip(&scan.rows) {
                *similarity += codes.doubt(row) + coded.doubt();
            }
        };
        let near = self.scanned(width, within, ctx, |scan, best| {
            compare(scan);
            for (&possible, &row) in scan.similarities.iter().zip(&scan.rows) {
                if possible >= best.floors()[0] && codes.has_direction(row) {
                    best.offer(0, possible, row);
                }
            }
        })?;
        let hits = self.ranked(query, near.list(0).take(near.ids(0).len()), k);
        let last_possible = near.list(0).nth(width - 1).map_or(f32::NEG_INFINITY, |near| near.0);
        let floor = hits.get(k - 1).map_or(f32::NEG_INFINITY, |last| last.1);
        if last_possible < floor {
            return Ok((hits, near.ids(0).len()));
        }
        let ranked = AtomicUsize::new(0);
        let nearest = self.scanned(k, within, ctx, |scan, best| {
            compare(scan);
            scan.vector.resize(query.len(), 0.0);
            let mut compared = 0;
            for (&possible, &row) in scan.similarities.iter().zip(&scan.rows) {
                if possible < floor.max(best.floors()[0]) {
                    continue;
                }
                compared += 1;
                if let Some(cosine) = self.cosine(query, row, &mut scan.vector) {
                    best.offer(0, cosine, row);
                }
            }
            ranked.fetch_add(compared, Ordering::Relaxed);
        })?;
        let count = nearest.ids(0).len();
        let hits = nearest.list(0).take(count).map(|(cosine, row)| (row, cosine)).collect();
        Ok((hits, ranked.into_inner()))
    }

    /// The `k` nearest of some rows by exact cosine.
    fn ranked(&self, query: &[f32], near: impl Iterator<Item = (f32, u32)>, k: usize) -> Vec<(u32, f32)> {
        let mut vector = vec![0.0; query.len()];
        let mut ranked: Vec<(f32, u32)> =
            near.filter_map(|(_, row)| Some((self.cosine(query, row, &mut vector)?, row))).collect();
        ranked.sort_unstable_by(nearer);
        ranked.into_iter().take(k).map(|(cosine, row)| (row, cosine)).collect()
    }

    /// The cosine of a row with a unit vector; `None` where the row has no direction.
    fn cosine(&self, query: &[f32], row: u32, scratch: &mut [f32]) -> Option<f32> {
        widen(&self.matrix, row as usize, scratch);
        let inverse_norm = vector::inverse_norm(scratch);
        (inverse_norm != 0.0).then(|| (vector::dot(query, scratch) * inverse_norm).clamp(-1.0, 1.0))
    }
}

/// One thread's working memory.
#[derive(Default)]
struct Scan {
    rows: Vec<u32>,
    similarities: Vec<f32>,
    vector: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Element, Key};
    use crate::math::hash::normal;
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
            let expected = brute_force(&search.matrix, &query, k, within.unwrap_or(&all));
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

    #[test]
    fn how_it_was_found_is_said_in_words() {
        let how = |way, kept, filtered| How { way, kept, filtered }.to_string();
        assert_eq!(how(Way::Exact, 3736, true), "compared with all 3,736 documents of the filter");
        assert_eq!(
            how(Way::Coded { ranked: 84 }, 1_000_000, false),
            "compared roughly with all 1,000,000 documents, exactly with the best 84"
        );
        assert_eq!(
            how(Way::Graph { looked_at: 10_432, recall: 0.987 }, 500_000, true),
            "looked at 10,432 documents along neighbours for the 500,000 of the filter, which finds about 98 % of the \
             nearest"
        );
        assert_eq!(
            how(Way::Graph { looked_at: 999, recall: 0.987 }, 500_000, false),
            "looked at 999 of 500,000 documents along neighbours, which finds about 98 % of the nearest"
        );
    }
}
