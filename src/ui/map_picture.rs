//! The map as a picture in a file: what a person chose, what the window shows, and the drawing of it on a worker.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::Vec2;

use crate::io::atomic;
use crate::job::Ctx;
use crate::session::{ColourBy, Session};
use crate::stage::StageError;
use crate::view::camera::Camera;
use crate::view::colour::MapTheme;
use crate::view::fonts::FontFiles;
use crate::view::labels::MapLabel;
use crate::view::picture_legend::{LegendColours, LegendEntry, PictureLegend};
use crate::view::raster::{self, Picture, RasterError, SetLegend};
use crate::view::svg;
use crate::view::tiles::stacks;

use super::colouring::{self, Legend};
use super::contours::{self, Contours};
use super::file_state;
use super::format;
use super::legend::name_of;

/// The kind of file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PictureFormat {
    #[default]
    Png,
    Svg,
}

impl PictureFormat {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Png, Self::Svg];

    /// What a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Svg => "SVG",
        }
    }

    /// How the names of its files end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
        }
    }
}

/// What lies behind the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    Light,
    Dark,
    /// Nothing; colours are those for a light ground.
    Transparent,
}

impl Ground {
    /// All of them, as a person calls them.
    pub const ALL: [(Self, &str); 3] =
        [(Self::Light, "Light"), (Self::Dark, "Dark"), (Self::Transparent, "Transparent")];
}

/// A picture as a person wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureExport {
    pub format: PictureFormat,
    /// In pixels; a vector picture has this size where it is opened.
    pub width: u32,
    pub height: u32,
    pub legend: bool,
    pub names: bool,
    pub ground: Ground,
}

impl PictureExport {
    fn is_dark(&self) -> bool {
        self.ground == Ground::Dark
    }
}

/// What the window's map shows.
pub(super) struct Shown {
    pub positions: Arc<Vec<[f32; 2]>>,
    pub flags: Arc<Vec<u8>>,
    pub labels: Arc<Vec<MapLabel>>,
    pub contours: Contours,
    pub camera: Option<Camera>,
    /// Of the window's map, in points.
    pub size: Vec2,
}

/// Bytes of a PNG for each pixel that is ground, and for each that a point touches.
const BYTES_OF_GROUND: f64 = 0.02;
const BYTES_OF_POINT: f64 = 1.6;
/// View points square that a point touches, with its edge.
const TOUCHED: f64 = 24.0;
/// Bytes of a circle in an SVG file.
const BYTES_OF_CIRCLE: f64 = 46.0;

/// About how many bytes the file of a map of `points` takes, when the window's map is `size` large. Points that lie upon
/// each other take less.
pub fn estimated_bytes(export: &PictureExport, points: usize, size: Vec2) -> u64 {
    let pixels = f64::from(export.width) * f64::from(export.height);
    let a_point = f64::from(density(export, size)).powi(2) * TOUCHED;
    // Each further point finds more of the ground taken.
    let covered = pixels * (1.0 - (-(points as f64) * a_point / pixels.max(1.0)).exp());
    let in_pixels = BYTES_OF_POINT * covered + BYTES_OF_GROUND * pixels;
    (match export.format {
        PictureFormat::Png => in_pixels,
        PictureFormat::Svg if points <= svg::MOST_CIRCLES => 2000.0 + BYTES_OF_CIRCLE * points as f64,
        // In letters of six bits each.
        PictureFormat::Svg => in_pixels.min(BYTES_OF_POINT * 16.0e6) * 4.0 / 3.0,
    }) as u64
}

/// Pixels of the file a point of the window, so that text is as large beside the map as it is there.
fn density(export: &PictureExport, size: Vec2) -> f32 {
    let (x, y) = (export.width as f32 / size.x.max(1.0), export.height as f32 / size.y.max(1.0));
    x.min(y).clamp(0.05, 32.0)
}

/// Starts drawing `shown` into the file at `path`.
pub(super) fn write(
    session: &mut Session,
    shown: Shown,
    export: PictureExport,
    fonts: &FontFiles,
    path: PathBuf,
) {
    let Some(inputs) = colouring::Inputs::of(session, export.is_dark()) else { return };
    let heading = Heading::of(session);
    let fonts = fonts.clone();
    session.write("picture", move |ctx| {
        ctx.progress.begin("Drawing the map", "pictures", 0, 0);
        let sentence = draw(&shown, &inputs, &heading, &export, &fonts, &path, ctx)?;
        Ok((sentence, path))
    });
}

fn draw(
    shown: &Shown,
    inputs: &colouring::Inputs,
    heading: &Heading,
    export: &PictureExport,
    fonts: &FontFiles,
    path: &Path,
    ctx: &Ctx,
) -> Result<String, StageError> {
    let dark = export.is_dark();
    let theme = MapTheme::of(dark);
    let paint = Arc::new(inputs.paint());
    let outlines = contours::Inputs::of_map(&shown.positions, shown.contours, Some(&paint), dark)
        .map(|inputs| inputs.outlines())
        .unwrap_or_default();
    ctx.cancel.check()?;
    let legend = heading.legend(&paint.legend, theme);
    let (faces, legend_faces) = (fonts.typefaces(), fonts.text_typefaces());
    let stacks = stacks(&shown.positions);
    let fits = |len: usize| len == shown.positions.len();
    let picture = Picture {
        positions: &shown.positions,
        colours: if fits(paint.colours.len()) { &paint.colours } else { &[] },
        flags: if fits(shown.flags.len()) { &shown.flags } else { &[] },
        stacks: &stacks,
        outlines: &outlines,
        labels: if export.names { &shown.labels } else { &[] },
        theme,
        camera: shown.camera,
        seen: shown.camera.map(|_| shown.size),
        legend: export.legend.then_some(SetLegend { legend: &legend, faces: &legend_faces }),
        transparent: export.ground == Ground::Transparent,
    };
    let (size, density) = ((export.width, export.height), density(export, shown.size));
    let failed = |error: RasterError| match error {
        RasterError::Cancelled(_) => StageError::Cancelled,
        error => StageError::failed(error),
    };
    match export.format {
        PictureFormat::Png => {
            let raster = raster::draw_unless(&picture, size, density, &faces, &ctx.cancel).map_err(failed)?;
            ctx.progress.begin("Writing the picture", "pictures", 0, 0);
            atomic::replace(path, |sink| {
                raster.write_png(sink).map_err(|error| match error {
                    RasterError::Png(png::EncodingError::IoError(error)) => error,
                    other => std::io::Error::other(other),
                })
            })?;
            let (width, height) = (format::count(size.0), format::count(size.1));
            Ok(format!("The map was drawn into {width} × {height} pixels."))
        }
        PictureFormat::Svg => {
            let about = svg::About { title: &heading.title, description: &heading.description() };
            let svg = svg::draw(&picture, about, size, density, &faces, &ctx.cancel).map_err(failed)?;
            atomic::replace_with(path, svg.text.as_bytes())?;
            Ok(match svg.in_pixels {
                0 => format!("The map was drawn with {}.", format::plural(svg.circles, "circle", "circles")),
                n => format!(
                    "The map was drawn. Its {} are pixels in it, because more than {} circles are slow to open; \
                     names, lines and legend are vectors.",
                    format::plural(n, "point", "points"),
                    format::len(svg::MOST_CIRCLES)
                ),
            })
        }
    }
}

/// What the legend says beside the colours.
struct Heading {
    title: String,
    caption: String,
    colour_by: String,
    muted: std::collections::BTreeSet<u32>,
}

impl Heading {
    fn of(session: &Session) -> Self {
        let documents = session.corpus().map_or(0, |corpus| corpus.len());
        let mut caption = format::plural(documents, "document", "documents");
        if let Some(selection) = session.selection().filter(|selection| !selection.is_empty()) {
            caption = format!("{caption}, {} selected", format::len(selection.len()));
        }
        let colouring = session.colouring().cloned().unwrap_or_default();
        let colour_by = match colouring.by {
            ColourBy::Nothing => String::new(),
            by => name_of(session, by),
        };
        let title = file_state::name(session).unwrap_or_else(|| "Map".into());
        Self { title, caption, colour_by, muted: colouring.muted }
    }

    fn description(&self) -> String {
        let colours = match self.colour_by.as_str() {
            "" => String::new(),
            by => format!(" Colours: {by}."),
        };
        format!("Map of {}. Documents near each other say similar things.{colours}", self.caption)
    }

    fn legend(&self, legend: &Legend, theme: &MapTheme) -> PictureLegend {
        let colours = match legend {
            Legend::Plain => LegendColours::Plain,
            Legend::Entries(entries) => {
                let entry = |entry: &colouring::Entry| LegendEntry {
                    // What is greyed out on the map is grey here.
                    colour: if self.muted.contains(&entry.code) { theme.unclustered } else { entry.colour },
                    title: if entry.title.is_empty() { "(empty)".into() } else { entry.title.clone() },
                    count: format::len(entry.count),
                };
                LegendColours::Entries(entries.iter().map(entry).collect())
            }
            Legend::Ramp { kind, low, high, missing } => {
                let grey = (*missing > 0).then(|| {
                    format!("Grey: {} without a value", format::plural(*missing, "document", "documents"))
                });
                LegendColours::Ramp { kind: *kind, low: low.clone(), high: high.clone(), grey }
            }
        };
        PictureLegend {
            title: self.title.clone(),
            caption: self.caption.clone(),
            colour_by: self.colour_by.clone(),
            colours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Vec2 = Vec2::new(800.0, 600.0);

    fn export(format: PictureFormat, width: u32, height: u32) -> PictureExport {
        PictureExport { format, width, height, legend: true, names: true, ground: Ground::Light }
    }

    #[test]
    fn a_larger_picture_or_map_takes_more_bytes_until_the_ground_is_covered() {
        let png = |side: u32, points: usize| {
            estimated_bytes(&export(PictureFormat::Png, side, side), points, WINDOW)
        };
        assert!(png(1000, 500) < png(2000, 500) && png(1000, 500) < png(1000, 5000));
        assert!(png(1000, 100_000_000) < 4 * 1000 * 1000);
        let svg = |points: usize| estimated_bytes(&export(PictureFormat::Svg, 1000, 1000), points, WINDOW);
        assert!(svg(100) < svg(svg::MOST_CIRCLES));
    }

    #[test]
    fn letters_grow_with_the_picture() {
        assert_eq!(density(&export(PictureFormat::Png, 1600, 1200), WINDOW), 2.0);
        assert_eq!(density(&export(PictureFormat::Png, 1600, 600), WINDOW), 1.0);
    }
}
