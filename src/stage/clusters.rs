//! Neighbours (or vectors, or the map) to one label a document.

use crate::data::{Clusters, Key, Knn, Layout, Matrix};
use crate::job::Ctx;
use crate::math::hdbscan::{self, Ground, HdbscanParams};
use crate::math::leiden;

use super::compute::Computers;
use super::{ClusterMethod, Params, StageError, kmeans, topics};

/// The version of density clusters.
const DENSITY: u32 = 2;

/// Makes the cluster column. Methods that work on the map need a `layout`; without one they fail and say so.
pub fn run(
    matrix: &Matrix,
    knn: &Knn,
    layout: Option<&Layout>,
    params: &Params,
    on: &Computers,
    ctx: &Ctx,
) -> Result<Clusters, StageError> {
    let key = Key::of("clusters", 1).params(&params.clusters.method);
    match params.clusters.method {
        ClusterMethod::Leiden => {
            let found = leiden::leiden(knn, &params.clusters.leiden, ctx)?;
            let key = key.input(knn.key).params(&params.clusters.leiden).finish();
            let method = format!("Leiden, resolution {}", (found.resolution * 100.0).round() / 100.0);
            Ok(ordered(key, method, &found.labels, found.strengths))
        }
        ClusterMethod::KMeans => {
            let found = kmeans::run(matrix, &params.clusters.kmeans, on, ctx)?;
            let key = key.input(matrix.key).params(&params.clusters.kmeans).finish();
            Ok(ordered(key, "k-means".into(), &found.labels, found.strengths))
        }
        ClusterMethod::Density => {
            let layout = layout.ok_or_else(no_map)?;
            let levels = topics::levels(&layout.positions, &params.map.topics, on, ctx)?;
            let finest = levels.into_iter().next_back().ok_or_else(|| {
                StageError::Failed("The map has no density topics: it holds too few documents.".into())
            })?;
            let key = key.input(layout.key).params(&params.map.topics).params(&DENSITY).finish();
            Ok(ordered(key, "density on the map".into(), &finest.labels, finest.strengths))
        }
        ClusterMethod::Hdbscan => confident(knn, layout, &params.clusters.hdbscan, ctx),
    }
}

/// HDBSCAN, with a word where it finds nothing or not what was asked for.
fn confident(
    knn: &Knn,
    layout: Option<&Layout>,
    params: &HdbscanParams,
    ctx: &Ctx,
) -> Result<Clusters, StageError> {
    let (found, input, method) = match params.ground {
        Ground::Map => {
            let layout = layout.ok_or_else(no_map)?;
            let found = hdbscan::of_points(&layout.positions, params, ctx)?;
            (found, layout.key, "HDBSCAN, confident only")
        }
        Ground::Vectors => {
            let samples = params.min_samples_for(knn.len());
            if samples > knn.k && !knn.is_empty() {
                ctx.warn(format!(
                    "Each document has {} neighbours, so HDBSCAN took the last of them for the density, not the \
                     {samples}th. For that, raise the number of neighbours first.",
                    knn.k
                ));
            }
            (
                hdbscan::of_neighbours(knn, params, ctx)?,
                knn.key,
                "HDBSCAN on the vectors' neighbours (approximate), confident only",
            )
        }
    };
    if found.count == 0 && !found.labels.is_empty() {
        ctx.warn(format!(
            "HDBSCAN left every document out: no {} or more of them lie close together and apart from the rest. \
             Lower the least size of a cluster, or choose another method.",
            params.min_cluster_size_for(found.labels.len())
        ));
    }
    let key = Key::of("clusters", 1).params(&ClusterMethod::Hdbscan).input(input).params(params).finish();
    Ok(ordered(key, method.into(), &found.labels, found.strengths))
}

fn no_map() -> StageError {
    StageError::Failed("These clusters are found on the map, and there is no map yet.".into())
}

/// Numbers clusters by size, the largest first.
pub(super) fn ordered(key: Key, method: String, labels: &[u32], strengths: Vec<f32>) -> Clusters {
    let (labels, count) = Clusters::ordered(labels);
    Clusters { key, labels, count, strengths, method }
}
