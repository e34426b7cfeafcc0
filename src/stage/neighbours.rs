//! Vectors to their nearest neighbours.

use std::ops::Range;

use crate::data::{Key, Knn, Matrix, Recall};
use crate::gpu::cells::{self, Centres};
use crate::gpu::neighbours::{Candidates, Precision};
use crate::gpu::{self, CodedRows, Context, GpuError};
use crate::job::Ctx;
use crate::math::neighbours::{self, EXACT_LIMIT, Method, NeighbourError, NeighbourParams, Neighbours};
use crate::math::ranking::Asked;
use crate::math::sample::sample;

use super::compute::{Calibration, Computers, Seconds, Tools, Units, Work};
use super::{StageError, compute};

/// Beyond the rows that the processor compares exactly its time grows with this power of them (measured).
const SEARCH_GROWTH: f64 = 1.3;

/// Candidates by codes for each neighbour: all true ones are among them (measured: ALGORITHMS §1, "int8").
const CANDIDATES: usize = 2;

/// Up to so many rows an adapter whose speed is not known compares vectors themselves; beyond, codes, at half the time and
/// a quarter of the memory.
const FULL_LIMIT: usize = 300_000;

/// All pairs are compared by vectors where that takes at most so many seconds, by codes where those do; otherwise cells are.
const PATIENCE_FOR_VECTORS: f64 = 20.0;
const PATIENCE_FOR_CODES: f64 = 60.0;

/// Sweeps after cells, at most; none follows once so many of the true neighbours are found.
const MOST_SWEEPS: usize = 3;
const ENOUGH: f32 = 0.96;

/// Where cells hold less than this, rows are put into more of them: sweeps would not make good what is missing.
const PROMISING: f32 = 0.9;

/// How neighbours were found by cells.
pub const ROW_CLUSTERS: &str = "row clusters";

/// The key of the neighbours of a matrix.
pub fn key(matrix: &Matrix, params: &NeighbourParams) -> Key {
    Key::of("neighbours", 3).input(matrix.key).params(params).finish()
}

/// The nearest neighbours of every row, from the cache where they are known.
pub fn run(
    matrix: &Matrix,
    params: &NeighbourParams,
    Tools { cache, on }: Tools<'_>,
    ctx: &Ctx,
) -> Result<Knn, StageError> {
    let key = key(matrix, params);
    if let Some(knn) = cache.and_then(|cache| cache.load_knn(key)).filter(|knn| knn.len() == matrix.rows()) {
        return Ok(knn);
    }
    let on_cpu = || {
        neighbours::find(matrix, params, ctx).map_err(|error| {
            if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
        })
    };
    let (found, method, recall) = match params.method {
        // Who asks for the search by a graph gets it.
        Method::Hnsw => on_cpu()?,
        Method::Auto | Method::Exact => {
            let space = Space::of(matrix, params);
            let on_gpu = |context: &Context| on_adapter(context, on, matrix, params, ctx);
            on.run_by(&|known| space.seconds(known), ctx, on_gpu, on_cpu)?
        }
    };
    let knn = Knn {
        key,
        k: found.k,
        indices: found.indices,
        similarities: found.similarities,
        recall,
        method: method.into(),
    };
    if let Some(Err(error)) = cache.map(|cache| cache.save_knn(&knn)) {
        ctx.warn(format!("The neighbours could not be kept for the next time: {error}"));
    }
    Ok(knn)
}

/// How an adapter looks for neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// All pairs, by vectors.
    Vectors,
    /// All pairs, by codes.
    Codes,
    /// Pairs that share a cell, then sweeps, by codes.
    Cells,
}

/// How large a search is.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    pub rows: usize,
    pub dim: usize,
    pub k: usize,
    /// Whether all pairs have to be compared by vectors.
    pub exact: bool,
}

impl Space {
    fn of(matrix: &Matrix, params: &NeighbourParams) -> Self {
        let exact = params.method == Method::Exact;
        Self { rows: matrix.rows(), dim: matrix.dim(), k: params.k, exact }
    }

    /// The way an adapter takes.
    pub fn way(&self, known: Option<&Calibration>) -> Way {
        let sweepable = width(self.k) <= gpu::sweep::WIDEST;
        match known {
            _ if self.exact => Way::Vectors,
            None if self.rows <= FULL_LIMIT => Way::Vectors,
            None => Way::Codes,
            Some(known) if self.seconds_by(Way::Vectors, known) <= PATIENCE_FOR_VECTORS => Way::Vectors,
            Some(known) if self.seconds_by(Way::Codes, known) <= PATIENCE_FOR_CODES => Way::Codes,
            Some(known)
                if sweepable && self.seconds_by(Way::Cells, known) < self.seconds_by(Way::Codes, known) =>
            {
                Way::Cells
            }
            Some(_) => Way::Codes,
        }
    }

    /// What an adapter takes for it by `way`.
    pub fn seconds_by(&self, way: Way, known: &Calibration) -> f64 {
        let work = match way {
            Way::Vectors => Work::Neighbours,
            Way::Codes => Work::NeighboursCoded,
            Way::Cells => Work::NeighbourCells,
        };
        known.seconds(work, Units::same(self.products(way))).gpu
    }

    /// What the processor takes for it, and an adapter by the way it takes.
    fn seconds(&self, known: &Calibration) -> Seconds {
        let (n, limit) = (self.rows as f64, EXACT_LIMIT as f64);
        let pairs = if n <= limit { n * n } else { limit * limit * (n / limit).powf(SEARCH_GROWTH) };
        let cpu = known.seconds(Work::Neighbours, Units::same(pairs * self.dim as f64)).cpu;
        Seconds { cpu, gpu: self.seconds_by(self.way(Some(known)), known) }
    }

    /// Products of components.
    pub(super) fn products(&self, way: Way) -> f64 {
        let n = self.rows as f64;
        let pairs = match way {
            Way::Vectors | Way::Codes => n * n,
            Way::Cells => cells::pairs(self.rows) + n * MOST_SWEEPS as f64 * gpu::sweep::comparisons(),
        };
        pairs * self.dim as f64
    }
}

/// Rows on a list by codes, which are a little off: a longer list lets the true neighbours in.
fn width(k: usize) -> usize {
    k + k / 2 + 2
}

/// The best of what the adapter compared, ranked exactly.
fn on_adapter(
    context: &Context,
    on: &Computers,
    matrix: &Matrix,
    params: &NeighbourParams,
    ctx: &Ctx,
) -> Result<(Neighbours, &'static str, Recall), compute::Failure> {
    let known = on.calibration(context, ctx);
    ctx.cancel.check().map_err(GpuError::from)?;
    let asked = Asked::of(matrix, params, ctx).map_err(|error| match error {
        NeighbourError::Cancelled(cancelled) => GpuError::Cancelled(cancelled).into(),
        other => compute::Failure::Stage(StageError::failed(other)),
    })?;
    let (rows, k) = (asked.len(), asked.wanted());
    let all_pairs = |precision: Precision, wanted: usize| {
        with_source(&asked, |source| gpu::neighbours::nearest(context, source, wanted, precision, ctx))
    };
    let way = Space { rows, k, ..Space::of(matrix, params) }.way(known.as_ref());
    let (found, method, recall) = match way {
        Way::Vectors => (all_pairs(Precision::Full, k)?, neighbours::EXACT, Recall::Exact),
        Way::Codes => {
            let found = all_pairs(Precision::Coded, (CANDIDATES * k).min(rows.saturating_sub(1)))?;
            let recall = asked.recall(|row| found.of(row), ctx).map_err(GpuError::from)?;
            (found, neighbours::ALL_PAIRS, recall)
        }
        Way::Cells => {
            let (found, recall) = by_cells(context, &asked, params.seed, ctx)?;
            (found, ROW_CLUSTERS, recall)
        }
    };
    let neighbours = asked.ranked(|row| found.of(row), ctx).map_err(GpuError::from)?;
    Ok((neighbours, method, recall))
}

/// Candidates from the cells that rows share, and from sweeps over neighbours' neighbours until enough are true.
pub(super) fn by_cells(
    context: &Context,
    asked: &Asked,
    seed: u64,
    ctx: &Ctx,
) -> Result<(Candidates, Recall), GpuError> {
    let (n, k) = (asked.len(), asked.wanted());
    let width = width(k).min(n.saturating_sub(1));
    let (codes, centres) = with_source(asked, |source| {
        let codes = CodedRows::upload(context, source, ctx)?;
        let sampled = sample(n, cells::sampled_for(n), seed);
        Ok::<_, GpuError>((codes, Centres::of(context, source, &sampled, ctx)?))
    })?;
    let judge = asked.judge(ctx)?;
    let share = |found: &Candidates| judge.share(|row| found.of(row));
    let in_cells = |overlap| cells::nearest(context, &codes, &centres, overlap, width, ctx);
    let mut found = in_cells(cells::OVERLAP)?;
    if share(&found) < PROMISING {
        found = in_cells(cells::MORE_OVERLAP)?;
    }
    for sweep in 1..=MOST_SWEEPS {
        let share = share(&found);
        tracing::info!("before round {sweep}: {share} of the neighbours");
        if share >= ENOUGH {
            break;
        }
        ctx.progress.begin(&format!("Improving neighbours, round {sweep}"), "points", n as u64, 0);
        found = gpu::sweep::swept(context, &codes, &found, ctx)?;
    }
    let recall = judge.recall(|row| found.of(row));
    let short: Vec<u32> = (0..n as u32).filter(|&row| found.of(row as usize).len() < k).collect();
    for (&row, near) in short.iter().zip(asked.nearest_of(&short, ctx)?) {
        let list = &mut found.ids[row as usize * width..(row as usize + 1) * width];
        list.fill(gpu::neighbours::NOBODY);
        list.iter_mut().zip(near).for_each(|(place, id)| *place = id);
    }
    Ok((found, recall))
}

/// Distinct rows as kernels take them.
fn with_source<T>(asked: &Asked, work: impl FnOnce(&gpu::Source) -> T) -> T {
    let read = |range: Range<usize>, out: &mut Vec<f32>| asked.read(range, out);
    work(&gpu::Source { rows: asked.len(), dim: asked.dim(), read: &read })
}

/// How long a calibrated adapter takes for the neighbours of a million vectors, in words.
pub fn in_words(known: &Calibration) -> String {
    let space = Space { rows: 1_000_000, dim: 384, k: NeighbourParams::default().k, exact: false };
    let about = |way| match space.seconds_by(way, known) {
        seconds if seconds < 1.0 => "in less than a second".to_owned(),
        seconds if seconds < 1e6 => format!("in about {seconds:.0} s"),
        _ => "wrongly, so never".to_owned(),
    };
    let taken = match space.way(Some(known)) {
        Way::Vectors => "exactly",
        Way::Codes => "by all pairs, coded",
        Way::Cells => "by row clusters",
    };
    format!(
        "exact neighbours of 1M × 384 {}, by all pairs, coded, {}, by row clusters {}; found {taken}",
        about(Way::Vectors),
        about(Way::Codes),
        about(Way::Cells)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::compute::Rates;

    fn known(vectors: f64, codes: f64, cells: f64) -> Calibration {
        let works = [Work::Neighbours, Work::NeighboursCoded, Work::NeighbourCells];
        let rates = works.into_iter().zip([vectors, codes, cells]);
        let rates = rates.map(|(work, gpu)| (work, Rates { cpu: 1e10, gpu })).collect();
        Calibration { machine: "test".into(), rates }
    }

    #[test]
    fn all_pairs_are_compared_as_long_as_that_is_quick() {
        let space = Space { rows: 1_000_000, dim: 384, k: 15, exact: false };
        let pairs = 384e12;
        let way = |vectors: f64, codes: f64| space.way(Some(&known(pairs / vectors, pairs / codes, 1e12)));
        assert_eq!(way(19.0, 10.0), Way::Vectors);
        assert_eq!(way(21.0, 59.0), Way::Codes);
        assert_eq!(way(122.0, 61.0), Way::Cells);
        let slow_cells = known(1e10, 1e12, 1e6);
        assert_eq!(space.way(Some(&slow_cells)), Way::Codes);
        let slow = known(1e10, 1e10, 1e10);
        assert_eq!(space.way(Some(&slow)), Way::Cells);
        assert_eq!(Space { exact: true, ..space }.way(Some(&slow)), Way::Vectors);
        // Lists as long as these leave no room for sweeps.
        assert_eq!(Space { k: 200, ..space }.way(Some(&slow)), Way::Codes);
    }

    #[test]
    fn an_adapter_of_unknown_speed_goes_by_rows() {
        let space = Space { rows: FULL_LIMIT, dim: 384, k: 15, exact: false };
        assert_eq!(space.way(None), Way::Vectors);
        assert_eq!(Space { rows: FULL_LIMIT + 1, ..space }.way(None), Way::Codes);
    }

    #[test]
    fn what_a_calibration_found_is_said_in_words() {
        let words = in_words(&known(384e12 / 42.0, 384e12 / 12.0, f64::MIN_POSITIVE));
        assert_eq!(
            words,
            "exact neighbours of 1M × 384 in about 42 s, by all pairs, coded, in about 12 s, by row clusters wrongly, \
             so never; found by all pairs, coded"
        );
    }
}
