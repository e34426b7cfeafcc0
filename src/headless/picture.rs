//! `map.png`: the map as the window would show it, drawn on the CPU.

use std::sync::Arc;

use anyhow::Context;

use crate::data::{Clusters, Layout, Names};
use crate::view::colour::MapTheme;
use crate::view::fonts::FontFiles;
use crate::view::palette::{Palette, colours_for_categories};
use crate::view::raster::{Picture, draw};
use crate::view::tiles::stacks;
use crate::view::topic_labels::topic_labels;

/// Pixels of the picture, and how many of them a point of the window is.
const SIZE: (u32, u32) = (2400, 1600);
const DENSITY: f32 = 1.5;

/// Draws a map that rests, coloured by cluster, with the names of its topics; the bytes of a PNG file.
pub fn map_png(
    layout: &Layout,
    clusters: &Clusters,
    topics: &[(Arc<Clusters>, Arc<Names>)],
) -> anyhow::Result<Vec<u8>> {
    let theme = MapTheme::of(false);
    let colours = colours_for_categories(&clusters.labels, Palette::of(theme));
    let levels = topics.iter().map(|(topics, names)| (&**topics, &**names));
    let labels = topic_labels(levels, &layout.positions, None);
    let fonts = FontFiles::load().context("the names on the map could not be set")?;
    let faces = fonts.typefaces();
    let picture = Picture {
        positions: &layout.positions,
        colours: &colours,
        flags: &[],
        stacks: &stacks(&layout.positions),
        outlines: &[],
        labels: &labels,
        theme,
        camera: None,
        seen: None,
        legend: None,
        transparent: false,
    };
    Ok(draw(&picture, SIZE, DENSITY, &faces)?.to_png()?)
}
