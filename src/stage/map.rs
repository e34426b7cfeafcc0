//! Neighbours to places on the map.

use std::sync::Arc;

use crate::data::{Key, Knn, Layout, Matrix};
use crate::job::{Ctx, Event, Latest};
use crate::math::fuzzy::FuzzyGraph;
use crate::math::pca;
use crate::math::umap::{self, Start, UmapParams};

use super::{MapMethod, MapParams, StageError};

/// The key of the map that these parameters give, run to its end.
pub fn key(matrix: &Matrix, knn: &Knn, params: &MapParams) -> Key {
    let key = Key::of("layout", 1).input(matrix.key).input(knn.key).params(&params.method);
    match params.method {
        MapMethod::Umap => key.params(&params.umap).finish(),
        MapMethod::Pca => key.finish(),
    }
}

/// Lays the documents out. The first positions (two principal components) are sent at once, then the map as it
/// moves; `live` takes parameters while it runs. A cancelled map is returned as far as it came.
///
/// `start` is a map of the same documents that was stopped: it goes on from there.
pub fn run(
    matrix: &Matrix,
    knn: &Knn,
    params: &MapParams,
    start: Option<&Layout>,
    live: &Latest<UmapParams>,
    ctx: &Ctx,
) -> Result<Layout, StageError> {
    let key = key(matrix, knn, params);
    let fail = |error: &dyn std::fmt::Display| {
        if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
    };
    let begin = match start {
        Some(layout) => Start { positions: layout.positions.to_vec(), epoch: layout.epochs.0 },
        None => {
            ctx.progress.begin("Principal components", "documents", matrix.rows() as u64, 0);
            let pca = pca::principal_components(matrix, 2, ctx).map_err(|e| fail(&e))?;
            let projected = pca::project(matrix, &pca, ctx).map_err(|e| fail(&e))?;
            if params.method == MapMethod::Pca {
                let positions = Arc::new(projected);
                return Ok(Layout { key, positions, method: "PCA".into(), epochs: (1, 1) });
            }
            let positions = pca::start_positions(&projected, params.umap.seed);
            ctx.send(Event::Layout { positions: Arc::new(positions.clone()), epoch: 0, epochs: 0 });
            Start { positions, epoch: 0 }
        }
    };
    ctx.progress.begin("Weighing neighbours", "documents", matrix.rows() as u64, 0);
    let graph = FuzzyGraph::build(knn, params.umap.epochs_for(matrix.rows()), ctx).map_err(|e| fail(&e))?;
    let reached = umap::optimise(&graph, begin, &params.umap, live, ctx);
    let whole = reached.epoch == reached.epochs && start.is_none() && !reached.steered;
    let positions = Arc::new(reached.positions);
    // A map that a person stopped or steered is not the one its parameters alone would give: its key says so.
    let key = if whole {
        key
    } else {
        Key::of("steered layout", 1).input(key).bytes(bytemuck::cast_slice(&positions)).finish()
    };
    Ok(Layout { key, positions, method: "UMAP".into(), epochs: (reached.epoch, reached.epochs) })
}
