//! The k nearest neighbours of every vector of a space, by cosine.

use serde::{Deserialize, Serialize};

use super::ranking::Asked;
use super::{exact, hnsw};
use crate::data::{Matrix, Recall};
use crate::job::{Cancelled, Ctx};

/// Up to so many distinct rows every pair is compared. At 384 components that costs about what the search costs at
/// this size (3 CPU-seconds), and is exact.
pub const EXACT_LIMIT: usize = 32_768;

/// Row numbers are `u32`, and the largest marks an empty place.
pub(super) const MOST_ROWS: usize = u32::MAX as usize;

pub use super::hnsw::{ALL_PAIRS, EXACT};

/// How neighbours are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Exactly up to [`EXACT_LIMIT`] distinct rows, by [`Method::Hnsw`] beyond.
    #[default]
    Auto,
    /// Every pair compared: time grows with the square of the rows.
    Exact,
    /// A navigable graph of landmarks, cells of rows that share one, and sweeps over neighbours' neighbours; all pairs
    /// after all where that finds too little and the rows are not too many.
    Hnsw,
}

/// What a search is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NeighbourParams {
    /// Neighbours a row; fewer where there are not as many other rows.
    pub k: usize,
    pub method: Method,
    pub seed: u64,
}

impl Default for NeighbourParams {
    fn default() -> Self {
        Self { k: 15, method: Method::Auto, seed: 0 }
    }
}

/// The neighbours of `n` rows: nearest first, equally near ones by row number, the row itself left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    pub k: usize,
    /// `n` × `k` row numbers, row-major.
    pub indices: Vec<u32>,
    /// `n` × `k` cosines in [-1, 1].
    pub similarities: Vec<f32>,
}

/// Why there are no neighbours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NeighbourError {
    #[error(
        "{0} vectors are more than the {MOST_ROWS} that neighbours can be found for; take a part of them"
    )]
    TooMany(usize),
    #[error("each vector needs at least one neighbour; ask for k of 1 or more")]
    NoneAsked,
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Finds the `params.k` nearest other rows of each row of `matrix` by cosine, says by which method ("exact", "HNSW" or
/// "all pairs, coded"), and how many of the true ones were found.
///
/// Rows of any length are read as unit vectors. A row of zeros (or with a component that is not finite) has
/// cosine 0 with everything. The same matrix, parameters and processor give the same result at any number of
/// threads, by either method. Memory: about `n` × `k` × 8 bytes for the result, a few MiB a thread; "HNSW" takes
/// `n` × (d + 50 `k`) bytes more while it runs.
pub fn find(
    matrix: &Matrix,
    params: &NeighbourParams,
    ctx: &Ctx,
) -> Result<(Neighbours, &'static str, Recall), NeighbourError> {
    let Asked { mut rows, k, distinct_k, .. } = Asked::of(matrix, params, ctx)?;
    let exactly = match params.method {
        Method::Auto => rows.len() <= EXACT_LIMIT,
        Method::Exact => true,
        Method::Hnsw => distinct_k == 0,
    };
    let (lists, recall, name) = if exactly {
        (exact::nearest(&rows, distinct_k, ctx)?, Recall::Exact, hnsw::EXACT)
    } else {
        hnsw::nearest(&mut rows, distinct_k, params.seed, ctx)?
    };
    let (indices, similarities) = rows.expand(&lists, k);
    Ok((Neighbours { k, indices, similarities }, name, recall))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::Key;

    fn matrix(dim: usize, values: Vec<f32>) -> Matrix {
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, dim, values)
    }

    fn params(k: usize, method: Method) -> NeighbourParams {
        NeighbourParams { k, method, seed: 7 }
    }

    fn found(matrix: &Matrix, k: usize, method: Method) -> Neighbours {
        find(matrix, &params(k, method), &Ctx::quiet()).unwrap().0
    }

    /// Noise in [-1, 1), the same each time.
    fn noise(seed: u32) -> impl Iterator<Item = f32> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
    }

    /// `n` vectors around `clusters` centres.
    fn clustered(n: usize, dim: usize, clusters: usize) -> Matrix {
        let centres: Vec<f32> = noise(1).take(clusters * dim).collect();
        let mut values: Vec<f32> = noise(2).take(n * dim).collect();
        for (i, row) in values.chunks_mut(dim).enumerate() {
            let centre = &centres[(i * 7919) % clusters * dim..][..dim];
            row.iter_mut().zip(centre).for_each(|(value, centre)| *value = 0.5 * *value + centre);
        }
        matrix(dim, values)
    }

    /// The cosines of all others, nearest first.
    fn plainly(matrix: &Matrix, i: usize) -> Vec<f64> {
        let unit = |i: usize| {
            let row: Vec<f64> = matrix.row(i).iter().map(|&v| f64::from(v)).collect();
            let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            row.into_iter().map(move |v| if length > 0.0 { v / length } else { 0.0 }).collect::<Vec<f64>>()
        };
        let own = unit(i);
        let others = (0..matrix.rows()).filter(|&j| j != i);
        let mut cosines: Vec<f64> =
            others.map(|j| unit(j).iter().zip(&own).map(|(a, b)| a * b).sum()).collect();
        cosines.sort_by(|a, b| b.total_cmp(a));
        cosines
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn exact_neighbours_are_those_of_a_plain_search(
            rows in (1usize..8).prop_flat_map(|dim| {
                // Small integers make copies, zeros and ties likely.
                prop::collection::vec(prop::collection::vec(-2i8..3, dim), 0..60)
            }),
            k in 1usize..20,
        ) {
            let dim = rows.first().map_or(1, Vec::len);
            let matrix = matrix(dim, rows.concat().into_iter().map(f32::from).collect());
            let got = found(&matrix, k, Method::Exact);
            prop_assert_eq!(got.k, k.min(rows.len().saturating_sub(1)));
            for (i, (ids, cosines)) in got.indices.chunks(got.k.max(1)).zip(got.similarities.chunks(got.k.max(1))).enumerate() {
                let expected = plainly(&matrix, i);
                for (got, expected) in cosines.iter().zip(&expected) {
                    prop_assert!((f64::from(*got) - expected).abs() < 1e-5);
                }
                let mut distinct = ids.to_vec();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(distinct.len(), got.k);
                prop_assert!(!ids.contains(&(i as u32)));
                for (ids, cosines) in ids.windows(2).zip(cosines.windows(2)) {
                    prop_assert!(cosines[0] > cosines[1] || (cosines[0] == cosines[1] && ids[0] < ids[1]));
                }
            }
        }
    }

    #[test]
    fn few_rows_have_as_many_neighbours_as_there_are() {
        for method in [Method::Auto, Method::Exact, Method::Hnsw] {
            let none = found(&matrix(3, vec![]), 15, method);
            assert_eq!((none.k, none.indices.len()), (0, 0));
            let one = found(&matrix(3, vec![1.0; 3]), 15, method);
            assert_eq!((one.k, one.indices.len()), (0, 0));
            let two = found(&matrix(2, vec![1.0, 0.0, 0.0, 1.0]), 15, method);
            assert_eq!((two.k, two.indices, two.similarities), (1, vec![1, 0], vec![0.0, 0.0]));
        }
    }

    #[test]
    fn rows_of_zeros_are_at_cosine_zero_and_harm_nobody() {
        let mut values = clustered(600, 16, 6).block(0..600).into_owned();
        values[..32].fill(0.0);
        values[100 * 16..101 * 16].fill(f32::NAN);
        let matrix = matrix(16, values);
        for method in [Method::Exact, Method::Hnsw] {
            let got = found(&matrix, 3, method);
            assert_eq!(got.indices[..6], [1, 2, 3, 0, 2, 3]);
            assert_eq!(got.indices[300..303], [0, 1, 2]);
            assert_eq!(got.similarities[300..303], [0.0; 3]);
            assert!(got.similarities[6..300].iter().all(|&similarity| similarity > 0.3));
        }
    }

    #[test]
    fn thousands_of_copies_are_each_others_neighbours() {
        let dim = 8;
        let mut values = clustered(5000, dim, 20).block(0..5000).into_owned();
        for i in 1000..4000 {
            values.copy_within(0..dim, i * dim);
        }
        let matrix = matrix(dim, values);
        for method in [Method::Exact, Method::Hnsw] {
            let got = found(&matrix, 4, method);
            assert_eq!(got.indices[..4], [1000, 1001, 1002, 1003]);
            assert_eq!(got.indices[4 * 1001..4 * 1002], [0, 1000, 1002, 1003]);
            assert!(got.similarities[4 * 1000..4 * 4000].iter().all(|&similarity| similarity == 1.0));
            // A row beside the copies still sees others, and the copies as one block.
            assert!(got.similarities[4..8].iter().all(|&similarity| similarity > 0.5));
        }
    }

    #[test]
    fn the_search_finds_nearly_all_and_says_so() {
        let matrix = clustered(6000, 48, 40);
        let exact = found(&matrix, 15, Method::Exact);
        let (got, method, recall) = find(&matrix, &params(15, Method::Hnsw), &Ctx::quiet()).unwrap();
        let lists = got.indices.chunks(15).zip(exact.indices.chunks(15));
        let hits: usize = lists.map(|(got, exact)| got.iter().filter(|id| exact.contains(id)).count()).sum();
        let share = hits as f32 / exact.indices.len() as f32;
        let Recall::Estimated { share: estimated, queries } = recall else { panic!("{recall:?}") };
        assert!(share > 0.94, "{share}");
        assert!((share - estimated).abs() < 0.02, "{share} {estimated}");
        assert_eq!((method, queries), ("HNSW", 500));
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let matrix = clustered(3000, 24, 12);
        for method in [Method::Exact, Method::Hnsw] {
            let with = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| found(&matrix, 10, method))
            };
            assert_eq!(with(1), with(3));
        }
    }

    #[test]
    fn a_stopped_search_stops() {
        for method in [Method::Exact, Method::Hnsw] {
            let ctx = Ctx::quiet();
            ctx.cancel.cancel();
            let stopped = find(&clustered(3000, 8, 3), &params(5, method), &ctx);
            assert_eq!(stopped.unwrap_err(), NeighbourError::Cancelled(Cancelled));
        }
    }

    #[test]
    fn asking_for_no_neighbours_is_refused() {
        let asked = find(&matrix(1, vec![1.0]), &params(0, Method::Auto), &Ctx::quiet());
        assert_eq!(asked.unwrap_err(), NeighbourError::NoneAsked);
    }
}
