//! Density topics on the map at three levels, each with its names: the labels that zooming reveals.

use std::sync::Arc;

use crate::data::{Clusters, Corpus, Key, Layout, Matrix, Names};
use crate::embed::Embedder;
use crate::gpu::{Context, GpuError, density::Splats};
use crate::job::Ctx;
use crate::math::density::{self, DensityParams, Frame, Surface, Topics};

use super::clusters::ordered;
use super::compute::{Computers, Units, Work};
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
    on: &Computers,
    ctx: &Ctx,
) -> Result<NamedTopics, StageError> {
    let levels = levels(&layout.positions, params, on, ctx)?;
    let mut named = Vec::with_capacity(levels.len());
    for (level, found) in levels.into_iter().enumerate() {
        let key = Key::of("topics", 2).input(layout.key).params(params).params(&level).finish();
        let clusters = ordered(key, "density on the map".into(), &found.labels, found.strengths);
        let names = names::run(corpus, matrix, &clusters, embedder, ctx)?;
        named.push((Arc::new(clusters), Arc::new(names)));
    }
    Ok(named)
}

/// The topics of a map at each level of detail, coarse to fine, without names.
pub(super) fn levels(
    positions: &[[f32; 2]],
    params: &DensityParams,
    on: &Computers,
    ctx: &Ctx,
) -> Result<Vec<Topics>, StageError> {
    let units = Units::same((positions.len() + density::SIDE * density::SIDE) as f64);
    on.run(
        Work::Density,
        units,
        ctx,
        |context| Ok(levels_on_adapter(context, positions, params, ctx)?),
        || Ok(density::topics(positions, params, ctx)?),
    )
}

/// The same where an adapter makes the surfaces.
pub(super) fn levels_on_adapter(
    context: &Context,
    positions: &[[f32; 2]],
    params: &DensityParams,
    ctx: &Ctx,
) -> Result<Vec<Topics>, GpuError> {
    let frame = Frame::of(positions);
    let cells = frame.cells(positions);
    let places: Vec<[f32; 2]> = cells.iter().copied().flatten().collect();
    let splats = Splats::new(context, &places, density::SIDE, ctx)?;
    density::topics_on(&frame, &cells, params, ctx, |sigma| {
        let (heights, peaks) = splats.blurred(&density::gaussian(sigma), ctx)?;
        Ok(Surface { heights, peaks })
    })
}
