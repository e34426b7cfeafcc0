//! Density topics on the map at three levels, each with its names: the labels that zooming reveals.

use std::sync::Arc;

use crate::data::{Clusters, Corpus, Key, Layout, Matrix, Names};
use crate::embed::Embedder;
use crate::job::Ctx;
use crate::math::density::{self, DensityParams};

use super::clusters::ordered;
use super::{StageError, names};

/// Topics of each level, coarse to fine, with their names.
pub type NamedTopics = Vec<(Arc<Clusters>, Arc<Names>)>;

/// Finds and names the topics of a map that rests, coarse to fine.
pub fn run(
    corpus: &Corpus,
    matrix: &Matrix,
    layout: &Layout,
    params: &DensityParams,
    embedder: Option<&Embedder>,
    ctx: &Ctx,
) -> Result<NamedTopics, StageError> {
    let levels = density::topics(&layout.positions, params, ctx)?;
    let mut named = Vec::with_capacity(levels.len());
    for (level, found) in levels.into_iter().enumerate() {
        let key = Key::of("topics", 1).input(layout.key).params(params).params(&level).finish();
        let clusters = ordered(key, "density on the map".into(), &found.labels, found.strengths);
        let names = names::run(corpus, matrix, &clusters, embedder, ctx)?;
        named.push((Arc::new(clusters), Arc::new(names)));
    }
    Ok(named)
}
