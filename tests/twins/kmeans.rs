//! k-means on the adapter.

use semascope::data::{Knn, Recall, UNCLUSTERED};
use semascope::gpu::kmeans::{self, Found, Metric, NOBODY, Params as KernelParams};
use semascope::gpu::{Context, GpuError};
use semascope::job::Ctx;
use semascope::math::agreement::adjusted_rand;
use semascope::math::kmeans::{KMeansParams, Metric as TwinMetric, kmeans as twin};
use semascope::math::random::Random;
use semascope::stage::{self, ClusterMethod, Computers, Params};

use super::{clustered, context, matrix, with_source};

fn params(metric: Metric) -> KernelParams {
    KernelParams { metric, max_rounds: 50, worthwhile: 1e-4, room: u64::MAX }
}

fn settle(
    context: &Context,
    values: &[f32],
    dim: usize,
    start: &[f32],
    params: &KernelParams,
) -> Result<Found, GpuError> {
    with_source(values, dim, |source| kmeans::settle(context, source, start, params, &Ctx::quiet()))
}

/// Rows as spherical k-means sees them: from their mean, of unit length.
fn centred(mut values: Vec<f32>, dim: usize) -> Vec<f32> {
    let n = (values.len() / dim) as f64;
    let mean: Vec<f64> = (0..dim)
        .map(|d| values.iter().skip(d).step_by(dim).map(|&x| f64::from(x)).sum::<f64>() / n)
        .collect();
    for row in values.chunks_exact_mut(dim) {
        row.iter_mut().zip(&mean).for_each(|(x, m)| *x -= *m as f32);
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= length);
    }
    values
}

/// The first `k` rows, and rows of ones where there are no more.
fn first_rows(values: &[f32], dim: usize, k: usize) -> Vec<f32> {
    let mut start = values[..values.len().min(k * dim)].to_vec();
    start.resize(k * dim, 1.0);
    start
}

/// The sum of squared distances after rounds in f64, as plain as can be.
fn plain(values: &[f32], dim: usize, start: &[f32], params: &KernelParams) -> f64 {
    let mut centres: Vec<Vec<f64>> =
        start.chunks_exact(dim).map(|c| c.iter().map(|&x| f64::from(x)).collect()).collect();
    let mut before = f64::INFINITY;
    for round in 1.. {
        let mut sums = vec![vec![0.0; dim]; centres.len()];
        let mut counts = vec![0; centres.len()];
        let (mut inertia, mut far) = (0.0, Vec::new());
        for (i, row) in values.chunks_exact(dim).enumerate().filter(|(_, r)| r.iter().any(|&x| x != 0.0)) {
            let distance = |centre: &Vec<f64>| -> f64 {
                let product: f64 = row.iter().zip(centre).map(|(a, b)| f64::from(*a) * b).sum();
                match params.metric {
                    Metric::Cosine => 2.0 - 2.0 * product,
                    Metric::Euclidean => {
                        row.iter().zip(centre).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum()
                    }
                }
            };
            let all = centres.iter().map(distance).enumerate();
            let (label, least) = all.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
            inertia += least;
            counts[label] += 1;
            sums[label].iter_mut().zip(row).for_each(|(s, x)| *s += f64::from(*x));
            far.push((least, i));
        }
        far.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut far = far.into_iter().filter(|(distance, _)| *distance > 1e-5);
        let mut reseeded = false;
        for ((centre, mut sum), count) in centres.iter_mut().zip(sums).zip(counts) {
            let scale = match params.metric {
                _ if count == 0 => {
                    if let Some((_, i)) = far.next() {
                        reseeded = true;
                        *centre = values[i * dim..(i + 1) * dim].iter().map(|&x| f64::from(x)).collect();
                    }
                    continue;
                }
                Metric::Cosine => sum.iter().map(|x| x * x).sum::<f64>().sqrt(),
                Metric::Euclidean => f64::from(count),
            };
            sum.iter_mut().for_each(|x| *x /= scale);
            *centre = sum;
        }
        let enough = before.is_finite() && before - inertia <= params.worthwhile * before;
        if round == params.max_rounds || (enough && !reseeded) {
            return inertia;
        }
        before = inertia;
    }
    unreachable!("rounds end")
}

#[test]
fn centres_settle_where_plain_rounds_in_double_precision_do() {
    let Some(context) = context() else { return };
    // One centre; more than a tile of them; more than rows; dimensions that are no multiple of anything.
    for (n, dim, clusters, k) in
        [(500, 16, 3, 1), (1500, 45, 12, 12), (900, 20, 200, 300), (60, 19, 4, 100), (130, 3, 5, 5)]
    {
        for metric in [Metric::Cosine, Metric::Euclidean] {
            let values = clustered(n, dim, clusters);
            let values = if metric == Metric::Cosine { centred(values, dim) } else { values };
            let start = first_rows(&values, dim, k);
            let found = settle(&context, &values, dim, &start, &params(metric)).unwrap();
            let expected = plain(&values, dim, &start, &params(metric));
            let apart = (found.inertia - expected).abs();
            // With a centre a row nothing but rounding is left.
            let allowed = (1e-3 * expected).max(1e-5 * n as f64);
            assert!(apart <= allowed, "{n} × {dim}, {k}, {metric:?}: {} and {expected}", found.inertia);
            assert!(found.assigned.labels.iter().all(|&label| (label as usize) < k));
            assert_eq!(found.centres.len(), k * dim);
            let lone = found.assigned.second.iter().all(|&second| second == f32::NEG_INFINITY);
            assert_eq!(lone, k == 1);
        }
    }
}

#[test]
fn clusters_are_as_tight_as_the_twins() {
    let Some(context) = context() else { return };
    let (n, dim, k) = (2000, 24, 9);
    let values = clustered(n, dim, k);
    let expected =
        twin(&matrix(&values, dim), &KMeansParams { k, ..Default::default() }, &Ctx::quiet()).unwrap();
    let rows = centred(values, dim);
    // From the middles of the twin's clusters nothing moves.
    let mut start = vec![0.0f32; k * dim];
    for (row, &label) in rows.chunks_exact(dim).zip(&expected.labels) {
        start[label as usize * dim..][..dim].iter_mut().zip(row).for_each(|(s, x)| *s += x);
    }
    for centre in start.chunks_exact_mut(dim) {
        let length = centre.iter().map(|x| x * x).sum::<f32>().sqrt();
        centre.iter_mut().for_each(|x| *x /= length);
    }
    let found = settle(&context, &rows, dim, &start, &params(Metric::Cosine)).unwrap();
    let left = |similarity: f64| 2.0 - 2.0 * similarity;
    assert!((left(found.similarity) / left(expected.similarity) - 1.0).abs() < 1e-3, "{}", found.similarity);
    let same = found.assigned.labels.iter().zip(&expected.labels).filter(|(a, b)| a == b).count();
    // The twin stops where a round brings little; rows between two centres may still change sides.
    assert!(same as f64 > 0.99 * n as f64, "{same}");
}

#[test]
fn seeds_are_rows_that_lie_apart_and_there_are_no_more_than_distinct_rows() {
    let Some(context) = context() else { return };
    let (n, dim, k) = (1200, 24, 8);
    let rows = centred(clustered(n, dim, k), dim);
    let mut random = Random::new(3);
    let mut draw = || random.unit();
    let mut seeds = |rows: &[f32], k: usize, metric: Metric| {
        with_source(rows, dim, |source| {
            kmeans::seeded(&context, source, k, metric, &mut draw, &Ctx::quiet()).unwrap()
        })
    };
    for metric in [Metric::Cosine, Metric::Euclidean] {
        let start = seeds(&rows, 60, metric);
        assert_eq!(start.len(), 60 * dim);
        assert!(start.chunks_exact(dim).all(|seed| rows.chunks_exact(dim).any(|row| row == seed)));
        // Every true cluster has one, so that they reach where the true centres do.
        let seeded = settle(&context, &rows, dim, &start, &params(metric)).unwrap();
        let few = settle(&context, &rows, dim, &first_rows(&rows, dim, k), &params(metric)).unwrap();
        assert!(seeded.inertia < few.inertia, "{} {}", seeded.inertia, few.inertia);
    }
    // Three distinct rows, many times each, and zeros.
    let mut repeated = rows[..3 * dim].repeat(50);
    repeated.extend(vec![0.0; 7 * dim]);
    assert_eq!(seeds(&repeated, 10, Metric::Cosine).len(), 3 * dim);
    assert_eq!(seeds(&repeated, 10, Metric::Euclidean).len(), 3 * dim);
    assert!(seeds(&vec![0.0; 5 * dim], 4, Metric::Cosine).is_empty());
}

#[test]
fn clusters_are_the_same_bits_again_and_the_same_clusters_in_many_pages() {
    let Some(context) = context() else { return };
    let (n, dim, k) = (1100, 20, 150);
    let rows = centred(clustered(n, dim, 40), dim);
    let start = first_rows(&rows, dim, k);
    let run = |context: &Context| settle(context, &rows, dim, &start, &params(Metric::Cosine)).unwrap();
    let first = run(&context);
    assert_eq!(first, run(&context));
    // Two tiles of rows a page, and one tile of centres at a time.
    let paged = run(&context.with_pages_of(2 * 128 * 24 * 4));
    assert!((paged.inertia / first.inertia - 1.0).abs() < 1e-3, "{} {}", paged.inertia, first.inertia);
}

#[test]
fn rows_that_say_nothing_belong_nowhere_and_move_no_centre() {
    let Some(context) = context() else { return };
    let (n, dim, k) = (400, 12, 3);
    for metric in [Metric::Cosine, Metric::Euclidean] {
        let rows = clustered(n, dim, k);
        let start = first_rows(&rows, dim, k);
        let mut holed = rows.clone();
        holed.extend(vec![0.0; 200 * dim]);
        holed[n * dim] = f32::NAN;
        let whole = settle(&context, &rows, dim, &start, &params(metric)).unwrap();
        let found = settle(&context, &holed, dim, &start, &params(metric)).unwrap();
        assert_eq!(found.assigned.labels[..n], whole.assigned.labels[..]);
        assert!(found.assigned.labels[n..].iter().all(|&label| label == NOBODY && label == UNCLUSTERED));
        assert!((found.inertia / whole.inertia - 1.0).abs() < 1e-5);
    }
}

#[test]
fn batches_of_rows_settle_where_all_rows_at_once_do() {
    let Some(context) = context() else { return };
    let (n, dim, k) = (1500, 16, 10);
    let rows = centred(clustered(n, dim, k), dim);
    let start = first_rows(&rows, dim, k);
    let whole = settle(&context, &rows, dim, &start, &params(Metric::Cosine)).unwrap();
    // Three tiles of rows at a time: four batches.
    let small = KernelParams { room: 3 * 128 * (16 + 6) * 4, ..params(Metric::Cosine) };
    let found = settle(&context, &rows, dim, &start, &small).unwrap();
    assert!((found.inertia / whole.inertia - 1.0).abs() < 1e-2, "{} {}", found.inertia, whole.inertia);
    assert_eq!(found, settle(&context, &rows, dim, &start, &small).unwrap());
    let again = with_source(&rows, dim, |source| {
        kmeans::assign(&context, source, &found.centres, &params(Metric::Cosine), &Ctx::quiet()).unwrap()
    });
    assert_eq!(again.labels, found.assigned.labels);
}

#[test]
fn a_stopped_clustering_stops() {
    let Some(context) = context() else { return };
    let rows = clustered(300, 8, 3);
    let ctx = Ctx::quiet();
    ctx.cancel.cancel();
    let stopped = with_source(&rows, 8, |source| {
        kmeans::settle(&context, source, &rows[..16], &params(Metric::Cosine), &ctx)
    });
    assert!(matches!(stopped, Err(GpuError::Cancelled(_))));
}

#[test]
fn a_spaces_clusters_do_not_depend_on_what_computes_them() {
    let Some(context) = context() else { return };
    let (n, dim, k) = (1500, 24, 9);
    let mut values = clustered(n, dim, k);
    values[dim * 300..dim * 303].fill(0.0);
    for metric in [TwinMetric::Cosine, TwinMetric::Euclidean] {
        let mut params = Params::default();
        params.clusters.method = ClusterMethod::KMeans;
        params.clusters.kmeans = KMeansParams { k, metric, ..KMeansParams::default() };
        let found = |values: &[f32], on: &Computers| {
            let matrix = matrix(values, dim);
            let knn = Knn {
                key: matrix.key,
                k: 0,
                indices: Vec::new(),
                similarities: Vec::new(),
                recall: Recall::Exact,
                method: String::new(),
            };
            stage::clusters::run(&matrix, &knn, None, &params, on, &Ctx::quiet()).unwrap()
        };
        let (cpu, gpu) = (Computers::cpu(), Computers::on(context.clone()));
        let (expected, there) = (found(&values, &cpu), found(&values, &gpu));
        assert_eq!((there.key, there.count), (expected.key, expected.count));
        assert!(adjusted_rand(&there.labels, &expected.labels) > 0.99, "{metric:?}");
        assert!(there.labels[300..303].iter().all(|&label| label == UNCLUSTERED));
        // Rows that all equal their mean are one cluster, wherever.
        let same = vec![0.25; 40 * dim];
        assert_eq!(found(&same, &cpu).labels, found(&same, &gpu).labels, "{metric:?}");
    }
}
