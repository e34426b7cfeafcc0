//! What a picture of the map consists of and where its pieces lie: the same for pixels and for vectors.

use std::sync::Arc;

use egui::{Pos2, Rect, Vec2};

use super::arranged::{chosen_slots, marks};
use super::camera::{Bounds, Camera};
use super::colour::{MapTheme, Packed};
use super::disc::{Disc, PointStyle};
use super::exposure::{Kind, Part, ranges_of};
use super::glyphs::Typeface;
use super::label_painter::text_colour;
use super::labels::{MapLabel, font_sizes, place, wrap};
use super::lettering::line_width;
use super::map::Outline;
use super::picture_legend::{LegendLayout, PictureLegend, lay_out};
use super::tiles::{TILE_POINTS, Tile, Tiles};

/// Width of the halo around names, in view points.
pub(super) const HALO: f32 = 2.25;

/// A legend, and the faces it is set in: the first that has a character draws it.
#[derive(Clone, Copy)]
pub struct SetLegend<'a> {
    pub legend: &'a PictureLegend,
    pub faces: &'a [Typeface<'a>],
}

/// What a picture shows. Flags may be empty.
pub struct Picture<'a> {
    pub positions: &'a Arc<Vec<[f32; 2]>>,
    pub colours: &'a [Packed],
    pub flags: &'a [u8],
    /// As [`super::tiles::stacks`] counts them; empty when not counted.
    pub stacks: &'a [u32],
    /// Lines around regions.
    pub outlines: &'a [Outline],
    pub labels: &'a [MapLabel],
    pub theme: &'a MapTheme,
    /// `None` fits the whole map. Scales are in view points.
    pub camera: Option<Camera>,
    /// The size of the view that the camera looked through, in view points: all of it is in the picture, whatever its
    /// shape. `None`: the camera is taken as it is.
    pub seen: Option<Vec2>,
    /// Beside the map, or below it.
    pub legend: Option<SetLegend<'a>>,
    /// Nothing is painted behind the map.
    pub transparent: bool,
}

/// Where the pieces of a picture lie, in view points.
pub(super) struct Composition {
    /// The map's part: at the top left.
    pub map: Rect,
    pub camera: Camera,
    pub fitted: Camera,
    pub legend: Option<LegendLayout>,
}

impl Composition {
    pub fn of(picture: &Picture<'_>, size: Vec2) -> Self {
        let whole = Rect::from_min_size(Pos2::ZERO, size);
        let legend = picture.legend.map(|set| lay_out(set.legend, whole, set.faces));
        let map = legend.as_ref().map_or(whole, |legend| legend.map);
        let fitted = Camera::fit(Bounds::robust(picture.positions), map);
        let camera = match (picture.camera, picture.seen) {
            (None, _) => fitted,
            (Some(camera), None) => camera,
            (Some(camera), Some(seen)) => {
                let room = (map.width() / seen.x.max(1.0)).min(map.height() / seen.y.max(1.0));
                Camera { scale: camera.scale * f64::from(room.max(f32::MIN_POSITIVE)), ..camera }
            }
        };
        Self { map, camera, fitted, legend }
    }

    /// Where a world position lies.
    pub fn at(&self, position: [f32; 2]) -> Pos2 {
        self.camera.view_from_world(position, self.map)
    }
}

/// The points of a picture, in the order in which they are drawn.
pub(super) struct Drawn {
    pub style: PointStyle,
    pub tiles: Tiles,
    pub marks: Vec<u32>,
    /// Slots in view, and how many.
    pub ranges: Vec<std::ops::Range<u32>>,
    pub count: u64,
    /// Slots of the chosen points, few enough to be drawn one by one; and how many are chosen in all.
    pub chosen_slots: Vec<u32>,
    pub chosen: usize,
}

impl Drawn {
    pub fn of(picture: &Picture<'_>, composition: &Composition) -> Self {
        let Composition { map, camera, fitted, .. } = composition;
        let tiles = Tiles::build(picture.positions.clone());
        let marks = marks(tiles.order(), picture.colours, picture.flags, picture.stacks);
        let (chosen_slots, chosen) = chosen_slots(&marks);
        let zoom = camera.zoom(fitted);
        let style = PointStyle::new(picture.positions.len(), chosen, map.area(), zoom, picture.theme);
        let world = camera.visible_world(*map, style.reach());
        let visible: Vec<Tile> = tiles.visible(world).copied().collect();
        let count = visible.iter().map(|tile| u64::from(tile.count)).sum();
        let all = Part { kind: Kind::Sweep, from: 0.0, to: 1.0, show: true };
        let ranges = ranges_of(&visible, &all, TILE_POINTS as u32);
        Self { style, tiles, marks, ranges, count, chosen_slots, chosen }
    }

    /// The discs of the upper layer (`chosen`) or the lower one, with their centres in view points. Radii are in
    /// pixels at `density` pixels a view point.
    pub fn discs<'a>(
        &'a self,
        composition: &'a Composition,
        chosen: bool,
        density: f32,
    ) -> impl Iterator<Item = (Disc, Pos2)> + 'a {
        let few = chosen && self.chosen <= super::arranged::RINGED;
        let listed = if few { self.chosen_slots.as_slice() } else { &[] };
        let ranges = if few { &[] } else { self.ranges.as_slice() };
        let slots = listed.iter().copied().chain(ranges.iter().cloned().flatten());
        slots.filter_map(move |slot| {
            let disc = Disc::of(self.marks[slot as usize], &self.style, density)?;
            let at = composition.at(self.tiles.positions()[slot as usize]);
            (disc.chosen == chosen).then_some((disc, at))
        })
    }
}

/// A name that is shown.
pub(super) struct SetName {
    /// Each line, where its middle is, and its feet; in view points.
    pub lines: Vec<(String, Pos2)>,
    pub size: f32,
    pub colour: [u8; 3],
}

/// The names that have room, set in `faces`.
pub(super) fn names(
    picture: &Picture<'_>,
    composition: &Composition,
    faces: &[Typeface<'_>],
) -> Vec<SetName> {
    let Some(face) = faces.first() else { return Vec::new() };
    let sizes = font_sizes(picture.labels);
    let (line_height, baseline) = (face.line_height(), face.baseline());
    let texts: Vec<Vec<String>> = (picture.labels.iter().zip(&sizes))
        .map(|(label, &size)| wrap(&label.text, size, |line| line_width(line, faces) * size))
        .collect();
    let measured: Vec<Vec2> = (texts.iter().zip(&sizes))
        .map(|(lines, &size)| {
            let widest = lines.iter().map(|line| line_width(line, faces)).fold(0.0, f32::max);
            Vec2::new(widest * size, lines.len() as f32 * line_height * size)
        })
        .collect();
    let Composition { map, camera, fitted, .. } = composition;
    let placed = place(picture.labels, camera, fitted, *map, &measured, &[], &[]);
    let set = placed.into_iter().map(|placed| {
        let size = sizes[placed.label];
        let feet = |row: usize| placed.rect.min.y + (row as f32 * line_height + baseline) * size;
        let lines = texts[placed.label].iter().enumerate();
        let lines = lines.map(|(row, line)| (line.clone(), Pos2::new(placed.rect.center().x, feet(row))));
        let colour = text_colour(&picture.labels[placed.label], picture.theme);
        SetName { lines: lines.collect(), size, colour }
    });
    set.collect()
}
