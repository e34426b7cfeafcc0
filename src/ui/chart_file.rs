//! Charts on their way to the clipboard or into a file.

use std::path::PathBuf;

use egui::{ColorImage, Context};

use crate::io::{atomic, csv_cells};
use crate::session::{Notice, Session, Severity};
use crate::stage::StageError;
use crate::view::chart::{self, Chart};
use crate::view::colour::MapTheme;
use crate::view::fonts::FontFiles;
use crate::view::raster::Raster;

/// Pixels a point of a picture.
const DENSITY: f32 = 2.0;

/// What becomes of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartForm {
    /// On a light ground, which papers and slides have.
    Picture,
    /// Its figures.
    Csv,
}

impl ChartForm {
    /// How the names of its files end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Picture => "png",
            Self::Csv => "csv",
        }
    }

    /// The title of the dialog, the kind of file, and the end of the name that is proposed.
    pub fn file(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Picture => ("Save the chart", "PNG", "-chart.png"),
            Self::Csv => ("Save the figures of the chart", "CSV", "-chart.csv"),
        }
    }
}

fn picture(chart: &Chart, fonts: &FontFiles) -> Result<Raster, String> {
    let drawn = chart::draw(chart, &MapTheme::LIGHT, DENSITY, &fonts.typefaces(), &fonts.text_typefaces());
    drawn.map_err(|error| error.to_string())
}

fn figures(chart: &Chart, raw: bool) -> Result<String, String> {
    csv_cells::table(&chart.figures, raw).map_err(|error| error.to_string())
}

/// Puts a chart into the clipboard; returns what went wrong.
pub fn copy(ctx: &Context, chart: &Chart, form: ChartForm, raw: bool, fonts: &FontFiles) -> Option<Notice> {
    let copied = match form {
        ChartForm::Picture => picture(chart, fonts).map(|raster| {
            let size = [raster.width as usize, raster.height as usize];
            ctx.copy_image(ColorImage::from_rgba_unmultiplied(size, &raster.rgba));
        }),
        ChartForm::Csv => figures(chart, raw).map(|text| ctx.copy_text(text)),
    };
    let (severity, text) = match copied {
        Ok(()) => return None,
        Err(error) => (Severity::Error, format!("The chart was not copied: {error}.")),
    };
    Some(Notice { severity, text, action: None })
}

/// Writes a chart into a file.
pub fn write(session: &mut Session, chart: Chart, form: ChartForm, fonts: &FontFiles, path: PathBuf) {
    let (fonts, raw) = (fonts.clone(), session.settings().export.raw_cells);
    session.write("chart", move |_| {
        let bytes = match form {
            ChartForm::Picture => {
                picture(&chart, &fonts).and_then(|raster| raster.to_png().map_err(|error| error.to_string()))
            }
            ChartForm::Csv => figures(&chart, raw).map(String::into_bytes),
        };
        atomic::replace_with(&path, &bytes.map_err(StageError::Failed)?)?;
        Ok((format!("The chart “{}” was saved.", chart.title), path))
    });
}
