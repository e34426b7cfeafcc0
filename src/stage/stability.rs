//! Clusters found again with other seeds and settings: which of them survive, and which documents are shaky.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::{Clusters, Knn, Layout, Matrix};
use crate::job::Ctx;
use crate::math::leiden::LeidenParams;
use crate::math::stability::Tally;
pub use crate::math::stability::{DISSOLVED, RunFigures, SHAKY, STABLE, Stability, Survival};

use super::compute::Computers;
use super::{ClusterMethod, Params, StageError, clusters};

/// Runs of Leiden side by side: one uses little more than one core, and takes some 300 bytes a document and neighbour.
const AT_ONCE: usize = 4;

/// How much is varied.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StabilityParams {
    /// Seeds tried at each setting; for methods without one, settings tried on either side.
    pub seeds: usize,
    /// The setting (the resolution, the number of clusters …) is divided and multiplied by this.
    pub factor: f32,
}

impl Default for StabilityParams {
    fn default() -> Self {
        Self { seeds: 3, factor: 1.25 }
    }
}

/// One run, and how the clusters fared in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What was set, in words: "resolution 3.75, seed 2".
    pub setting: String,
    /// Clusters it found.
    pub clusters: usize,
    pub figures: RunFigures,
}

/// How well clusters survive, and what they were held against.
#[derive(Clone, Debug, PartialEq)]
pub struct Survived {
    pub stability: Stability,
    pub runs: Vec<Run>,
}

/// Finds clusters again by the method of `params` and holds `present` against them: over several seeds at the chosen
/// setting and at two around it; where the method draws nothing at random, over several settings around the chosen one.
///
/// What is not varied: the vectors, their neighbours and the map. Clusters that a person has changed are held against
/// what the method finds by itself.
///
/// # Errors
/// As of [`clusters::run`]; or if the clusters are not of these documents.
#[allow(clippy::too_many_arguments, reason = "what clusters are made of, and what they are held against")]
pub fn run(
    present: &Clusters,
    matrix: &Matrix,
    knn: &Knn,
    layout: Option<&Layout>,
    params: &Params,
    vary: &StabilityParams,
    on: &Computers,
    ctx: &Ctx,
) -> Result<Survived, StageError> {
    if present.labels.len() != matrix.rows() {
        return Err(StageError::Failed(
            "The clusters are not those of these documents: find clusters again first.".into(),
        ));
    }
    let variants = variants(params, vary, matrix.rows());
    ctx.progress.begin("Finding clusters again", "runs", variants.len() as u64, 0);
    let at_once = if params.clusters.method == ClusterMethod::Leiden { AT_ONCE } else { 1 };
    let mut tally = Tally::of(present);
    let mut runs = Vec::with_capacity(variants.len());
    for batch in variants.chunks(at_once) {
        let found: Vec<Clusters> = batch
            .par_iter()
            .map(|(_, params)| {
                ctx.cancel.check()?;
                let found = clusters::run(matrix, knn, layout, params, on, &ctx.untold())?;
                ctx.progress.advance(1);
                Ok(found)
            })
            .collect::<Result<_, StageError>>()?;
        ctx.cancel.check()?;
        for ((setting, _), found) in batch.iter().zip(found) {
            let figures = tally.add(&found.labels);
            runs.push(Run { setting: setting.clone(), clusters: found.count, figures });
        }
    }
    Ok(Survived { stability: tally.finish(), runs })
}

/// The settings to try, in words and as parameters.
fn variants(params: &Params, vary: &StabilityParams, n: usize) -> Vec<(String, Params)> {
    let factor =
        if vary.factor.is_finite() { vary.factor.max(1.01) } else { StabilityParams::default().factor };
    let seeds = vary.seeds.max(1);
    let chosen = &params.clusters;
    let with = |change: &dyn Fn(&mut Params)| {
        let mut params = params.clone();
        change(&mut params);
        params
    };
    // Seeds after the one that was used.
    let seeded = |settings: Vec<f32>, seed: u64, set: &dyn Fn(&mut Params, f32, u64) -> String| {
        let mut variants = Vec::new();
        for setting in settings {
            for number in 1..=seeds as u64 {
                let mut params = params.clone();
                let words = set(&mut params, setting, seed.wrapping_add(number));
                variants.push((words, params));
            }
        }
        variants
    };
    let around = |value: f32| vec![value / factor, value, value * factor];
    // Without the value itself, which gives the same clusters again.
    let beside = |value: f32| -> Vec<f32> {
        let powers = (1..=seeds as i32).map(|power| factor.powi(power));
        let mut values: Vec<f32> = powers.flat_map(|power| [value / power, value * power]).collect();
        values.sort_by(f32::total_cmp);
        values
    };
    let whole = |values: Vec<f32>, least: usize| {
        let mut values: Vec<usize> = values.iter().map(|value| (value.round() as usize).max(least)).collect();
        values.dedup();
        values
    };
    match chosen.method {
        ClusterMethod::Leiden => {
            let resolution = chosen.leiden.resolution.unwrap_or_else(|| LeidenParams::resolution_for(n));
            seeded(around(resolution), chosen.leiden.seed, &|params, resolution, seed| {
                params.clusters.leiden.resolution = Some(resolution);
                params.clusters.leiden.seed = seed;
                format!("resolution {}, seed {seed}", short(resolution))
            })
        }
        ClusterMethod::KMeans => {
            let counts = whole(around(chosen.kmeans.k as f32), 1);
            let counts = counts.into_iter().map(|k| k as f32).collect();
            seeded(counts, chosen.kmeans.seed, &|params, k, seed| {
                params.clusters.kmeans.k = k as usize;
                params.clusters.kmeans.seed = seed;
                format!("{k} clusters, seed {seed}")
            })
        }
        ClusterMethod::Density => beside(params.map.topics.bandwidth)
            .into_iter()
            .map(|bandwidth| {
                let params = with(&|params| params.map.topics.bandwidth = bandwidth);
                (format!("bandwidth {}", short(bandwidth)), params)
            })
            .collect(),
        ClusterMethod::Hdbscan => {
            let size = chosen.hdbscan.min_cluster_size_for(n);
            whole(beside(size as f32), 2)
                .into_iter()
                .filter(|&other| other != size)
                .map(|size| {
                    let params = with(&|params| params.clusters.hdbscan.min_cluster_size = Some(size));
                    (format!("at least {size} documents a cluster"), params)
                })
                .collect()
        }
    }
}

fn short(value: f32) -> f32 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Key;
    use crate::math::hash;
    use crate::math::leiden::LeidenParams;
    use crate::stage::{self, ClusterParams, Tools};

    const DIM: usize = 12;
    const N: usize = 360;

    /// Documents around four axes; the last 60 lie between the third and the fourth.
    fn matrix() -> Matrix {
        let mut values: Vec<f32> = (0..N * DIM).map(|i| 0.12 * hash::normal(8, i as u64) as f32).collect();
        for i in 0..N {
            if i < N - 60 {
                values[i * DIM + i % 4] += 1.0;
            } else {
                let share = 0.45 + 0.1 * hash::unit(hash::draw(3, i as u64)) as f32;
                values[i * DIM + 2] += share;
                values[i * DIM + 3] += 1.0 - share;
            }
        }
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, DIM, values)
    }

    fn params(method: ClusterMethod) -> Params {
        let leiden = LeidenParams { resolution: Some(0.6), ..LeidenParams::default() };
        let kmeans = crate::math::kmeans::KMeansParams { k: 4, ..Default::default() };
        Params {
            clusters: ClusterParams { method, leiden, kmeans, ..Default::default() },
            ..Params::default()
        }
    }

    fn survived(method: ClusterMethod) -> (Clusters, Survived) {
        let (matrix, params, ctx, computers) = (matrix(), params(method), Ctx::quiet(), Computers::cpu());
        let tools = Tools { cache: None, on: &computers };
        let knn = stage::neighbours::run(&matrix, &params.neighbours, tools, &ctx).unwrap();
        let present = clusters::run(&matrix, &knn, None, &params, &computers, &ctx).unwrap();
        let vary = StabilityParams::default();
        let survived = run(&present, &matrix, &knn, None, &params, &vary, &computers, &ctx).unwrap();
        (present, survived)
    }

    #[test]
    fn plain_clusters_survive_and_what_lies_between_two_is_what_moves() {
        for method in [ClusterMethod::Leiden, ClusterMethod::KMeans] {
            let (present, Survived { stability, runs }) = survived(method);
            assert_eq!((stability.runs, runs.len()), (9, 9));
            for axis in 0..2 {
                let label = present.labels[axis] as usize;
                assert!(stability.clusters[label].jaccard > STABLE, "{method:?}: {:?}", stability.clusters);
            }
            let mean = |rows: std::ops::Range<usize>| {
                rows.clone().map(|i| stability.stays[i]).sum::<f32>() / rows.len() as f32
            };
            assert!(mean(0..N - 60) > mean(N - 60..N), "{method:?}");
            assert!(stability.together > 0.6 && stability.together < 1.0, "{}", stability.together);
        }
    }

    #[test]
    fn each_method_is_varied_in_its_own_terms() {
        let settings = |method| -> Vec<String> {
            let vary = StabilityParams { seeds: 2, ..StabilityParams::default() };
            variants(&params(method), &vary, 10_000).into_iter().map(|variant| variant.0).collect()
        };
        let leiden = settings(ClusterMethod::Leiden);
        assert_eq!((leiden.len(), &leiden[0][..]), (6, "resolution 0.48, seed 1"));
        let kmeans = settings(ClusterMethod::KMeans);
        assert_eq!((kmeans.len(), &kmeans[5][..]), (6, "5 clusters, seed 2"));
        assert_eq!(
            settings(ClusterMethod::Hdbscan),
            [32, 40, 63, 78].map(|size| format!("at least {size} documents a cluster"))
        );
        assert_eq!(
            settings(ClusterMethod::Density),
            [0.64, 0.8, 1.25, 1.56].map(|b| format!("bandwidth {b}"))
        );
    }

    #[test]
    fn a_stop_is_heeded() {
        let (matrix, params, ctx, computers) =
            (matrix(), params(ClusterMethod::KMeans), Ctx::quiet(), Computers::cpu());
        let tools = Tools { cache: None, on: &computers };
        let knn = stage::neighbours::run(&matrix, &params.neighbours, tools, &ctx).unwrap();
        let present = clusters::run(&matrix, &knn, None, &params, &computers, &ctx).unwrap();
        ctx.cancel.cancel();
        let vary = StabilityParams::default();
        let stopped = run(&present, &matrix, &knn, None, &params, &vary, &computers, &ctx);
        assert!(matches!(stopped, Err(StageError::Cancelled)));
    }
}
