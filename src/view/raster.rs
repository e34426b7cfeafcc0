//! The map as a picture, drawn on the CPU: for `map.png` and thumbnails, without any graphics adapter.
//!
//! It is the twin of the window's drawing: same camera, same discs, same choice of names.

use std::sync::Arc;

use egui::{Pos2, Rect, Vec2};
use rayon::prelude::*;
use tiny_skia::{FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Stroke, Transform};

use super::arranged::{RINGED, chosen_slots, marks};
use super::camera::{Bounds, Camera};
use super::colour::{MapTheme, Packed};
use super::disc::{Disc, PointStyle};
use super::exposure::{Kind, Part, ranges_of};
use super::glyphs::Typeface;
use super::labels::{MapLabel, font_sizes, place, wrap};
use super::map::{OUTLINE_WIDTH, Outline};
use super::splat::{self, Grid, Tone};
use super::tiles::{TILE_POINTS, Tile, Tiles};

/// Rows that one thread draws at a time.
const BAND: usize = 64;

/// Width of the halo around names, in view points.
pub(super) const HALO: f32 = 2.25;

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RasterError {
    #[error("a picture of {width} × {height} pixels cannot be drawn: choose sides between 1 and {MAX_SIDE}")]
    Size { width: u32, height: u32 },
    #[error("the picture could not be written as PNG: {0}")]
    Png(#[from] png::EncodingError),
}

/// Longest side of a picture, in pixels.
pub const MAX_SIDE: u32 = 16_384;

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
}

/// Pixels, opaque, row-major from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    pub width: u32,
    pub height: u32,
    /// `width * height` times r, g, b, a.
    pub rgba: Vec<u8>,
}

impl Raster {
    /// The picture as the bytes of a PNG file.
    pub fn to_png(&self) -> Result<Vec<u8>, RasterError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgba)?;
        writer.finish()?;
        Ok(bytes)
    }

    /// The colour of a pixel.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let at = (y as usize * self.width as usize + x as usize) * 4;
        [self.rgba[at], self.rgba[at + 1], self.rgba[at + 2]]
    }
}

/// Draws `picture` into `width` × `height` pixels, `density` of them a view point (1 looks as on a plain screen, 2
/// as on a fine one). Names are set in `faces`: the first that has a character draws it.
pub fn draw(
    picture: &Picture<'_>,
    (width, height): (u32, u32),
    density: f32,
    faces: &[Typeface<'_>],
) -> Result<Raster, RasterError> {
    let valid = 1..=MAX_SIDE;
    let pixmap = valid.contains(&width).then(|| valid.contains(&height).then(|| Pixmap::new(width, height)));
    let Some(mut pixmap) = pixmap.flatten().flatten() else {
        return Err(RasterError::Size { width, height });
    };
    let density = if density.is_finite() && density > 0.0 { density } else { 1.0 };
    let view = Rect::from_min_size(Pos2::ZERO, Vec2::new(width as f32, height as f32) / density);
    let fitted = Camera::fit(Bounds::robust(picture.positions), view);
    let camera = picture.camera.unwrap_or(fitted);

    draw_points(picture, &camera, &fitted, view, density, &mut pixmap);
    draw_outlines(picture, &camera, view, density, &mut pixmap);
    draw_labels(picture, &camera, &fitted, view, density, faces, &mut pixmap);
    Ok(Raster { width, height, rgba: pixmap.take() })
}

fn draw_points(
    picture: &Picture<'_>,
    camera: &Camera,
    fitted: &Camera,
    view: Rect,
    density: f32,
    pixmap: &mut Pixmap,
) {
    let tiles = Tiles::build(picture.positions.clone());
    let marks = marks(tiles.order(), picture.colours, picture.flags, picture.stacks);
    let (chosen_slots, chosen) = chosen_slots(&marks);
    let style =
        PointStyle::new(picture.positions.len(), chosen, view.area(), camera.zoom(fitted), picture.theme);
    let visible: Vec<Tile> = tiles.visible(camera.visible_world(view, style.reach())).copied().collect();
    let count: u64 = visible.iter().map(|tile| u64::from(tile.count)).sum();
    let all = Part { kind: Kind::Sweep, from: 0.0, to: 1.0, show: true };
    let ranges = ranges_of(&visible, &all, TILE_POINTS as u32);

    let width = pixmap.width() as usize;
    let background = picture.theme.background.map(f32::from);
    let mut blended = vec![background; pixmap.data_mut().len() / 4];
    let discs = |slots: &mut dyn Iterator<Item = u32>, layer: bool| -> Vec<(Disc, [f32; 2])> {
        let of = |slot: u32| {
            let disc = Disc::of(marks[slot as usize], &style, density).filter(|disc| disc.chosen == layer)?;
            let at = camera.view_from_world(tiles.positions()[slot as usize], view) * density;
            Some((disc, [at.x, at.y]))
        };
        slots.filter_map(of).collect()
    };
    let all_slots = || ranges.iter().cloned().flatten();
    if count >= splat::FROM {
        let apart = !chosen_slots.is_empty();
        let pixels = [pixmap.width(), pixmap.height()];
        let grid = Grid::new(camera, pixels, density, style.any_chosen, apart);
        let cells = splat::accumulate(&grid, tiles.positions(), &marks, &ranges);
        let tone = Tone::new(&grid, &style, density, 1.0);
        blended.par_iter_mut().enumerate().for_each(|(at, pixel)| {
            blend(pixel, tone.colour(&cells, (at % width) as u32, (at / width) as u32));
        });
    } else {
        draw_discs(&discs(&mut all_slots(), false), &mut blended, width);
    }
    if chosen > RINGED && count < splat::FROM {
        draw_discs(&discs(&mut all_slots(), true), &mut blended, width);
    } else {
        draw_discs(&discs(&mut chosen_slots.iter().copied(), true), &mut blended, width);
    }
    for (pixel, [r, g, b]) in pixmap.data_mut().chunks_exact_mut(4).zip(blended) {
        pixel.copy_from_slice(&[r.round() as u8, g.round() as u8, b.round() as u8, 255]);
    }
}

/// Blends discs, the last one on top, over rows of `width` pixels of 0–255 floats, which keep faint points from
/// vanishing in the rounding.
fn draw_outlines(picture: &Picture<'_>, camera: &Camera, view: Rect, density: f32, pixmap: &mut Pixmap) {
    for outline in picture.outlines {
        let mut path = PathBuilder::new();
        for (i, &position) in outline.line.iter().enumerate() {
            let at = camera.view_from_world(position, view) * density;
            if i == 0 { path.move_to(at.x, at.y) } else { path.line_to(at.x, at.y) }
        }
        let Some(path) = path.finish() else { continue };
        let [r, g, b] = outline.colour;
        let mut paint = Paint { anti_alias: true, ..Paint::default() };
        paint.set_color_rgba8(r, g, b, (outline.opacity * 255.0).round() as u8);
        let stroke = Stroke { width: OUTLINE_WIDTH * density, ..Stroke::default() };
        pixmap.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
    }
}

fn draw_discs(discs: &[(Disc, [f32; 2])], pixels: &mut [[f32; 3]], width: usize) {
    pixels.par_chunks_mut(BAND * width).enumerate().for_each(|(band, pixels)| {
        let top = (band * BAND) as f32;
        let bottom = top + (pixels.len() / width) as f32;
        for (disc, [x, y]) in discs {
            if y + disc.reach() > top && y - disc.reach() < bottom {
                splat(disc, [*x, y - top], pixels, width);
            }
        }
    });
}

/// Lays a premultiplied colour over a pixel of 0–255 floats.
fn blend(pixel: &mut [f32; 3], [r, g, b, alpha]: [f32; 4]) {
    for (channel, source) in pixel.iter_mut().zip([r, g, b]) {
        *channel = source * 255.0 + *channel * (1.0 - alpha);
    }
}

/// Blends one disc over rows of `width` pixels of 0–255 floats.
fn splat(disc: &Disc, [x, y]: [f32; 2], pixels: &mut [[f32; 3]], width: usize) {
    let reach = disc.reach();
    let height = pixels.len() / width;
    let span = |centre: f32, length: usize| {
        let first = (centre - reach - 0.5).ceil().max(0.0) as usize;
        let last = (centre + reach + 0.5).floor().max(0.0) as usize;
        first..last.min(length)
    };
    for row in span(y, height) {
        let dy = row as f32 + 0.5 - y;
        for column in span(x, width) {
            let dx = column as f32 + 0.5 - x;
            let colour = disc.colour_at((dx * dx + dy * dy).sqrt());
            if colour[3] > 0.0 {
                blend(&mut pixels[row * width + column], colour);
            }
        }
    }
}

fn draw_labels(
    picture: &Picture<'_>,
    camera: &Camera,
    fitted: &Camera,
    view: Rect,
    density: f32,
    faces: &[Typeface<'_>],
    pixmap: &mut Pixmap,
) {
    let Some(face) = faces.first() else { return };
    let sizes = font_sizes(picture.labels);
    let line_height = face.line_height();
    let texts: Vec<Vec<String>> = (picture.labels.iter().zip(&sizes))
        .map(|(label, &size)| wrap(&label.text, size, |line| line_width(line, faces) * size))
        .collect();
    let measured: Vec<Vec2> = (texts.iter().zip(&sizes))
        .map(|(lines, &size)| {
            let widest = lines.iter().map(|line| line_width(line, faces)).fold(0.0, f32::max);
            Vec2::new(widest * size, lines.len() as f32 * line_height * size)
        })
        .collect();
    for placed in place(picture.labels, camera, fitted, view, &measured, &[], &[]) {
        let size = sizes[placed.label];
        let mut outline = PathBuilder::new();
        for (row, line) in texts[placed.label].iter().enumerate() {
            let x = placed.rect.center().x - 0.5 * line_width(line, faces) * size;
            let y = placed.rect.min.y + (row as f32 * line_height + face.baseline()) * size;
            set_line(line, faces, size * density, [x * density, y * density], &mut outline);
        }
        if let Some(outline) = outline.finish() {
            let text = super::label_painter::text_colour(&picture.labels[placed.label], picture.theme);
            fill_with_halo(&outline, text, picture.theme.background, density, pixmap);
        }
    }
}

/// Width of a line, in font sizes.
fn line_width(line: &str, faces: &[Typeface<'_>]) -> f32 {
    line.chars().filter_map(|c| Some(face_of(c, faces)?.advance(c))).sum()
}

fn face_of<'a, 'f>(c: char, faces: &'a [Typeface<'f>]) -> Option<&'a Typeface<'f>> {
    faces.iter().find(|face| face.has(c)).or(faces.first())
}

fn set_line(line: &str, faces: &[Typeface<'_>], size: f32, [mut x, y]: [f32; 2], outline: &mut PathBuilder) {
    for c in line.chars() {
        if let Some(face) = face_of(c, faces) {
            face.draw(c, size, [x, y], outline);
            x += face.advance(c) * size;
        }
    }
}

fn fill_with_halo(outline: &Path, text: [u8; 3], halo: [u8; 3], density: f32, pixmap: &mut Pixmap) {
    let paint = |[r, g, b]: [u8; 3], alpha: u8| {
        let mut paint = Paint::default();
        paint.set_color_rgba8(r, g, b, alpha);
        paint
    };
    let stroke = Stroke {
        width: 2.0 * HALO * density,
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        ..Stroke::default()
    };
    pixmap.stroke_path(outline, &paint(halo, 225), &stroke, Transform::identity(), None);
    pixmap.fill_path(outline, &paint(text, 255), FillRule::Winding, Transform::identity(), None);
}
