//! The map as a picture, drawn on the CPU: for files and thumbnails, without any graphics adapter.
//!
//! It is the twin of the window's drawing: same camera, same discs, same choice of names.

use std::io::Write;

use egui::{Rect, Vec2};
use rayon::prelude::*;
use tiny_skia::{Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Stroke, Transform};

use super::arranged::RINGED;
use super::colour::MapTheme;
use super::composition::{Composition, Drawn, HALO, names};
use super::disc::Disc;
use super::glyphs::Typeface;
use super::lettering::{fill_line, line_width, set_line};
use super::map::OUTLINE_WIDTH;
use super::picture_legend::{LegendLayout, Piece, Tone as LegendTone};
use super::ramp::Ramp;
use super::splat::{self, Grid, Tone};
use crate::job::{Cancel, Cancelled};

pub use super::composition::{Picture, SetLegend};

/// Rows that one thread draws at a time.
const BAND: usize = 64;

/// Cells in which points are counted at a time: 20 bytes each.
const STRIP_CELLS: usize = 32 << 20;

/// Steps in which a ramp is drawn.
pub(super) const RAMP_STEPS: usize = 64;

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RasterError {
    #[error("a picture of {width} × {height} pixels cannot be drawn: choose sides between 1 and {MAX_SIDE}")]
    Size { width: u32, height: u32 },
    #[error("the picture could not be written as PNG: {0}")]
    Png(#[from] png::EncodingError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Longest side of a picture, in pixels.
pub const MAX_SIDE: u32 = 16_384;

/// Pixels, row-major from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    pub width: u32,
    pub height: u32,
    /// `width * height` times r, g, b, a; colours are not multiplied by their opacity.
    pub rgba: Vec<u8>,
}

impl Raster {
    /// The picture as the bytes of a PNG file.
    pub fn to_png(&self) -> Result<Vec<u8>, RasterError> {
        let mut bytes = Vec::new();
        self.write_png(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes the picture as a PNG file.
    pub fn write_png(&self, to: impl Write) -> Result<(), RasterError> {
        let mut encoder = png::Encoder::new(to, self.width, self.height);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgba)?;
        writer.finish()?;
        Ok(())
    }

    /// The colour of a pixel.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let [r, g, b, _] = self.pixel_and_opacity(x, y);
        [r, g, b]
    }

    /// The colour of a pixel, and its opacity.
    pub fn pixel_and_opacity(&self, x: u32, y: u32) -> [u8; 4] {
        let at = (y as usize * self.width as usize + x as usize) * 4;
        std::array::from_fn(|c| self.rgba[at + c])
    }

    /// Takes over pixels whose colours are multiplied by their opacity.
    pub(super) fn of(pixmap: Pixmap) -> Self {
        let (width, height) = (pixmap.width(), pixmap.height());
        let mut rgba = pixmap.take();
        rgba.par_chunks_exact_mut(4).filter(|pixel| pixel[3] != 255).for_each(|pixel| {
            let alpha = u32::from(pixel[3]);
            for channel in &mut pixel[..3] {
                let plain = (u32::from(*channel) * 255 + alpha / 2).checked_div(alpha).unwrap_or(0);
                *channel = plain.min(255) as u8;
            }
        });
        Self { width, height, rgba }
    }
}

/// Draws `picture` into `width` × `height` pixels, `density` of them a view point (1 looks as on a plain screen, 2
/// as on a fine one). Names are set in `faces`: the first that has a character draws it.
pub fn draw(
    picture: &Picture<'_>,
    size: (u32, u32),
    density: f32,
    faces: &[Typeface<'_>],
) -> Result<Raster, RasterError> {
    draw_unless(picture, size, density, faces, &Cancel::default())
}

/// The same for large pictures, which can be stopped.
pub fn draw_unless(
    picture: &Picture<'_>,
    size: (u32, u32),
    density: f32,
    faces: &[Typeface<'_>],
    cancel: &Cancel,
) -> Result<Raster, RasterError> {
    let mut pixmap = ground(picture, size)?;
    let density = positive(density);
    let view = Vec2::new(size.0 as f32, size.1 as f32) / density;
    let composition = Composition::of(picture, view);
    draw_points(picture, &composition, density, &mut pixmap, cancel)?;
    draw_outlines(picture, &composition, density, &mut pixmap);
    draw_names(picture, &composition, density, faces, &mut pixmap);
    if let (Some(layout), Some(set)) = (&composition.legend, picture.legend) {
        draw_legend(layout, set.faces, picture.theme, density, &mut pixmap);
    }
    cancel.check()?;
    Ok(Raster::of(pixmap))
}

/// Only the points of the map, on nothing: what lies under the names of a vector picture.
pub(super) fn points_alone(
    picture: &Picture<'_>,
    composition: &Composition,
    density: f32,
    cancel: &Cancel,
) -> Result<Raster, RasterError> {
    let side = |length: f32| (length * density).ceil().max(1.0) as u32;
    let bare = Picture { transparent: true, legend: None, ..*picture };
    let mut pixmap = ground(&bare, (side(composition.map.width()), side(composition.map.height())))?;
    draw_points(&bare, composition, density, &mut pixmap, cancel)?;
    Ok(Raster::of(pixmap))
}

/// A picture with nothing on it.
fn ground(picture: &Picture<'_>, (width, height): (u32, u32)) -> Result<Pixmap, RasterError> {
    let valid = |side: u32| (1..=MAX_SIDE).contains(&side);
    let pixmap = (valid(width) && valid(height)).then(|| Pixmap::new(width, height)).flatten();
    let Some(mut pixmap) = pixmap else { return Err(RasterError::Size { width, height }) };
    if !picture.transparent {
        let [r, g, b] = picture.theme.background;
        pixmap.fill(Color::from_rgba8(r, g, b, 255));
    }
    Ok(pixmap)
}

fn positive(density: f32) -> f32 {
    if density.is_finite() && density > 0.0 { density } else { 1.0 }
}

fn draw_points(
    picture: &Picture<'_>,
    composition: &Composition,
    density: f32,
    pixmap: &mut Pixmap,
    cancel: &Cancel,
) -> Result<(), RasterError> {
    let drawn = Drawn::of(picture, composition);
    let counted = drawn.count >= splat::FROM;
    let in_pixels = |chosen: bool| -> Vec<(Disc, [f32; 2])> {
        let discs = drawn.discs(composition, chosen, density);
        discs.map(|(disc, at)| (disc, [at.x * density, at.y * density])).collect()
    };
    let below = if counted { Vec::new() } else { in_pixels(false) };
    // Too many chosen points are counted with the others.
    let above = if counted && drawn.chosen > RINGED { Vec::new() } else { in_pixels(true) };

    let whole_row = 4 * pixmap.width() as usize;
    let within = |length: f32, most: u32| ((length * density).round() as u32).clamp(1, most);
    let (columns, rows) =
        (within(composition.map.width(), pixmap.width()), within(composition.map.height(), pixmap.height()));
    let [r, g, b] = picture.theme.background.map(f32::from);
    let ground = if picture.transparent { [0.0; 4] } else { [r, g, b, 255.0] };
    let grid = Grid::new(
        &composition.camera,
        [columns, rows],
        density,
        drawn.style.any_chosen,
        !drawn.chosen_slots.is_empty(),
    );
    // Counting takes memory by the pixel: large pictures are counted strip by strip.
    let strip_rows =
        if counted { (STRIP_CELLS / columns as usize).next_multiple_of(BAND) } else { rows as usize };
    for top in (0..rows as usize).step_by(strip_rows) {
        cancel.check()?;
        let strip_rows = strip_rows.min(rows as usize - top);
        let counts = counted.then(|| {
            let strip = grid.rows(top as u32, strip_rows as u32);
            let cells = splat::accumulate(&strip, drawn.tiles.positions(), &drawn.marks, &drawn.ranges);
            (Tone::new(&strip, &drawn.style, density, 1.0), cells)
        });
        let strip = &mut pixmap.data_mut()[top * whole_row..(top + strip_rows) * whole_row];
        strip.par_chunks_mut(BAND * whole_row).enumerate().for_each(|(band, bytes)| {
            // Floats of 0–255 keep faint points from vanishing in the rounding.
            let width = columns as usize;
            let mut pixels = vec![ground; bytes.len() / whole_row * width];
            if let Some((tone, cells)) = &counts {
                for (at, pixel) in pixels.iter_mut().enumerate() {
                    let row = band * BAND + at / width;
                    blend(pixel, tone.colour(cells, (at % width) as u32, row as u32));
                }
            }
            for discs in [&below, &above] {
                draw_discs(discs, &mut pixels, width, (top + band * BAND) as f32);
            }
            for (line, pixels) in bytes.chunks_exact_mut(whole_row).zip(pixels.chunks_exact(width)) {
                for (pixel, colour) in line.chunks_exact_mut(4).zip(pixels) {
                    pixel.copy_from_slice(&colour.map(|channel| channel.round() as u8));
                }
            }
        });
    }
    Ok(())
}

/// Blends discs, the last one on top, over rows of `width` pixels that begin at `top`.
fn draw_discs(discs: &[(Disc, [f32; 2])], pixels: &mut [[f32; 4]], width: usize, top: f32) {
    let bottom = top + (pixels.len() / width) as f32;
    for (disc, [x, y]) in discs {
        if y + disc.reach() > top && y - disc.reach() < bottom {
            splat(disc, [*x, y - top], pixels, width);
        }
    }
}

/// Lays a premultiplied colour over a pixel, of which the last number is the opacity.
fn blend(pixel: &mut [f32; 4], colour: [f32; 4]) {
    let alpha = colour[3];
    for (channel, source) in pixel.iter_mut().zip(colour) {
        *channel = source * 255.0 + *channel * (1.0 - alpha);
    }
}

/// Blends one disc over rows of `width` pixels.
fn splat(disc: &Disc, [x, y]: [f32; 2], pixels: &mut [[f32; 4]], width: usize) {
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

fn draw_outlines(picture: &Picture<'_>, composition: &Composition, density: f32, pixmap: &mut Pixmap) {
    let mask = composition.legend.as_ref().and_then(|_| map_mask(composition.map, density, pixmap));
    for outline in picture.outlines {
        let mut path = PathBuilder::new();
        for (i, &position) in outline.line.iter().enumerate() {
            let at = composition.at(position) * density;
            if i == 0 { path.move_to(at.x, at.y) } else { path.line_to(at.x, at.y) }
        }
        let Some(path) = path.finish() else { continue };
        let [r, g, b] = outline.colour;
        let mut paint = Paint { anti_alias: true, ..Paint::default() };
        paint.set_color_rgba8(r, g, b, (outline.opacity * 255.0).round() as u8);
        let stroke = Stroke { width: OUTLINE_WIDTH * density, ..Stroke::default() };
        pixmap.stroke_path(&path, &paint, &stroke, Transform::identity(), mask.as_ref());
    }
}

/// What keeps lines out of the legend.
fn map_mask(map: Rect, density: f32, pixmap: &Pixmap) -> Option<tiny_skia::Mask> {
    let mut mask = tiny_skia::Mask::new(pixmap.width(), pixmap.height())?;
    let map = tiny_skia::Rect::from_xywh(0.0, 0.0, map.width() * density, map.height() * density)?;
    mask.fill_path(&PathBuilder::from_rect(map), FillRule::Winding, false, Transform::identity());
    Some(mask)
}

fn draw_names(
    picture: &Picture<'_>,
    composition: &Composition,
    density: f32,
    faces: &[Typeface<'_>],
    pixmap: &mut Pixmap,
) {
    for name in names(picture, composition, faces) {
        let mut outline = PathBuilder::new();
        for (line, middle) in &name.lines {
            let x = middle.x - 0.5 * line_width(line, faces) * name.size;
            set_line(line, faces, name.size * density, [x * density, middle.y * density], &mut outline);
        }
        if let Some(outline) = outline.finish() {
            fill_with_halo(&outline, name.colour, picture.theme.background, density, pixmap);
        }
    }
}

fn fill_with_halo(outline: &Path, text: [u8; 3], halo: [u8; 3], density: f32, pixmap: &mut Pixmap) {
    let stroke = Stroke {
        width: 2.0 * HALO * density,
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        ..Stroke::default()
    };
    pixmap.stroke_path(outline, &paint(halo, 225), &stroke, Transform::identity(), None);
    pixmap.fill_path(outline, &paint(text, 255), FillRule::Winding, Transform::identity(), None);
}

fn draw_legend(
    layout: &LegendLayout,
    faces: &[Typeface<'_>],
    theme: &MapTheme,
    density: f32,
    pixmap: &mut Pixmap,
) {
    for piece in &layout.pieces {
        match piece {
            Piece::Swatch { rect, colour } => {
                let centre = rect.center() * density;
                let circle = PathBuilder::from_circle(centre.x, centre.y, 0.5 * rect.width() * density);
                if let Some(circle) = circle {
                    let mut paint = paint(*colour, 255);
                    paint.anti_alias = true;
                    pixmap.fill_path(&circle, &paint, FillRule::Winding, Transform::identity(), None);
                }
            }
            Piece::Ramp { rect, kind } => {
                let ramp = Ramp::of(*kind, theme);
                let step = rect.width() / RAMP_STEPS as f32;
                for i in 0..RAMP_STEPS {
                    let left = (rect.left() + i as f32 * step) * density;
                    let right = (rect.left() + (i + 1) as f32 * step) * density;
                    let (top, bottom) = (rect.top() * density, rect.bottom() * density);
                    let piece =
                        tiny_skia::Rect::from_ltrb(left.floor(), top.round(), right.ceil(), bottom.round());
                    if let Some(piece) = piece {
                        let colour = ramp.colour(i as f32 / (RAMP_STEPS - 1) as f32);
                        pixmap.fill_rect(piece, &paint(colour, 255), Transform::identity(), None);
                    }
                }
            }
            Piece::Text { at, anchor, size, tone, text } => {
                let at = [at.x * density, at.y * density];
                fill_line(pixmap, text, faces, size * density, at, *anchor, tone_of(*tone, theme));
            }
        }
    }
}

/// The colour of a text of the legend.
pub(super) fn tone_of(tone: LegendTone, theme: &MapTheme) -> [u8; 3] {
    match tone {
        LegendTone::Text => theme.text,
        LegendTone::Muted => theme.muted,
    }
}

pub(super) fn paint([r, g, b]: [u8; 3], alpha: u8) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(r, g, b, alpha);
    paint
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use egui::Pos2;

    use super::super::camera::Camera;
    use super::super::colour::pack;
    use super::super::picture_legend::{LegendColours, LegendEntry, PictureLegend};
    use super::*;
    use crate::view::fonts::FontFiles;

    const RED: [u8; 3] = [220, 10, 10];
    const GREEN: [u8; 3] = [10, 200, 10];

    fn picture<'a>(positions: &'a Arc<Vec<[f32; 2]>>, colours: &'a [u32]) -> Picture<'a> {
        Picture {
            positions,
            colours,
            flags: &[],
            stacks: &[],
            outlines: &[],
            labels: &[],
            theme: &MapTheme::LIGHT,
            camera: None,
            seen: None,
            legend: None,
            transparent: false,
        }
    }

    fn count(raster: &Raster, holds: impl Fn([u8; 4]) -> bool) -> usize {
        let pixels = (0..raster.height).flat_map(|y| (0..raster.width).map(move |x| (x, y)));
        pixels.filter(|&(x, y)| holds(raster.pixel_and_opacity(x, y))).count()
    }

    #[test]
    fn without_a_ground_points_keep_their_colour_and_nothing_lies_beside_them() {
        let positions = Arc::new(vec![[0.0, 0.0], [1.0, 1.0]]);
        let colours = [pack(RED), pack(RED)];
        let picture = Picture { transparent: true, ..picture(&positions, &colours) };
        let raster = draw(&picture, (200, 150), 2.0, &[]).unwrap();
        assert_eq!(raster.pixel_and_opacity(0, 0), [0; 4]);
        assert!(count(&raster, |[.., a]| a == 0) > 200 * 150 - 400);
        let inked = count(&raster, |[.., a]| a > 100);
        assert!(inked > 20);
        let near = |a: u8, b: u8| a.abs_diff(b) < 12;
        let red = |[r, g, b, a]: [u8; 4]| a > 100 && near(r, RED[0]) && near(g, RED[1]) && near(b, RED[2]);
        assert_eq!(count(&raster, red), inked);
    }

    #[test]
    fn the_legend_stands_beside_the_map_and_its_swatches_have_the_colours_of_the_points() {
        let files = FontFiles::load().unwrap();
        let (faces, text_faces) = (files.typefaces(), files.text_typefaces());
        let positions: Arc<Vec<[f32; 2]>> =
            Arc::new((0..400).map(|i| [(i % 20) as f32, (i / 20) as f32]).collect());
        let colours = vec![pack(RED); 400];
        let entry = |colour, title: &str| LegendEntry { colour, title: title.into(), count: "400".into() };
        let legend = PictureLegend {
            title: "Stories".into(),
            caption: "400 documents".into(),
            colour_by: "Cluster".into(),
            colours: LegendColours::Entries(vec![entry(RED, "trains"), entry(GREEN, "boats")]),
        };
        let bare = draw(&picture(&positions, &colours), (900, 600), 1.0, &faces).unwrap();
        let green = |[r, g, b, _]: [u8; 4]| [r, g, b] == GREEN;
        assert_eq!(count(&bare, green), 0);
        let set = SetLegend { legend: &legend, faces: &text_faces };
        let with = Picture { legend: Some(set), ..picture(&positions, &colours) };
        let raster = draw(&with, (900, 600), 1.0, &faces).unwrap();
        assert!(count(&raster, green) > 40);
        // Letters are there, and no point lies among them.
        let layout = Composition::of(&with, Vec2::new(900.0, 600.0));
        let border = layout.map.right() as u32 + 1;
        let beside = |raster: &Raster, dark: bool| {
            let pixels = (0..600).flat_map(|y| (border..900).map(move |x| (x, y)));
            pixels.filter(|&(x, y)| (raster.pixel(x, y)[0] < 120) == dark).count()
        };
        assert!(beside(&raster, true) > 100);
        let red = |[r, g, ..]: [u8; 4]| r > 200 && g < 60;
        assert_eq!(count(&raster, red), {
            let swatch = (0..600).flat_map(|y| (border..900).map(move |x| (x, y)));
            let in_legend = swatch.filter(|&(x, y)| red(raster.pixel_and_opacity(x, y))).count();
            assert!((40..140).contains(&in_legend), "one swatch, not points: {in_legend}");
            let map = (0..600).flat_map(|y| (0..border).map(move |x| (x, y)));
            map.filter(|&(x, y)| red(raster.pixel_and_opacity(x, y))).count() + in_legend
        });
    }

    #[test]
    fn whatever_the_window_shows_is_in_the_picture() {
        let positions = Arc::new(vec![[0.0, 0.0], [10.0, 10.0]]);
        let camera = Camera { centre: [5.0, 5.0], scale: 40.0 };
        let window = Vec2::new(640.0, 480.0);
        let picture = Picture { camera: Some(camera), seen: Some(window), ..picture(&positions, &[0, 0]) };
        let view = Rect::from_min_size(Pos2::ZERO, window);
        for size in [Vec2::new(640.0, 480.0), Vec2::new(300.0, 900.0), Vec2::new(2000.0, 500.0)] {
            let composition = Composition::of(&picture, size);
            for corner in [view.left_top(), view.right_bottom()] {
                let world = camera.world_from_view(corner, view).map(|v| v as f32);
                assert!(composition.map.expand(0.1).contains(composition.at(world)), "{size}");
            }
        }
    }

    #[test]
    fn sides_beyond_the_limit_are_refused_and_a_stopped_drawing_ends() {
        let positions = Arc::new(vec![[0.0, 0.0]]);
        let picture = picture(&positions, &[0]);
        assert!(matches!(draw(&picture, (MAX_SIDE + 1, 10), 1.0, &[]), Err(RasterError::Size { .. })));
        assert!(draw(&picture, (MAX_SIDE, 1), 1.0, &[]).is_ok());
        let cancel = Cancel::default();
        cancel.cancel();
        let stopped = draw_unless(&picture, (10, 10), 1.0, &[], &cancel);
        assert!(matches!(stopped, Err(RasterError::Cancelled(_))));
    }
}
