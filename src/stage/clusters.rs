//! Neighbours (or vectors, or the map) to one label a document.

use crate::data::{Clusters, Key, Knn, Layout, Matrix};
use crate::job::Ctx;
use crate::math::{density, kmeans, leiden};

use super::{ClusterMethod, Params, StageError};

/// Makes the cluster column. Density topics need a `layout`; without one they fail and say so.
pub fn run(
    matrix: &Matrix,
    knn: &Knn,
    layout: Option<&Layout>,
    params: &Params,
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
            let found = kmeans::kmeans(matrix, &params.clusters.kmeans, ctx)?;
            let key = key.input(matrix.key).params(&params.clusters.kmeans).finish();
            Ok(ordered(key, "k-means".into(), &found.labels, found.strengths))
        }
        ClusterMethod::Density => {
            let layout = layout.ok_or_else(|| {
                StageError::Failed("Density clusters are found on the map, and there is no map yet.".into())
            })?;
            let levels = density::topics(&layout.positions, &params.map.topics, ctx)?;
            let finest = levels.into_iter().next_back().ok_or_else(|| {
                StageError::Failed("The map has no density topics: it holds too few documents.".into())
            })?;
            let key = key.input(layout.key).params(&params.map.topics).finish();
            Ok(ordered(key, "density on the map".into(), &finest.labels, finest.strengths))
        }
    }
}

/// Numbers clusters by size, the largest first.
pub(super) fn ordered(key: Key, method: String, labels: &[u32], strengths: Vec<f32>) -> Clusters {
    let (labels, count) = Clusters::ordered(labels);
    Clusters { key, labels, count, strengths, method }
}
