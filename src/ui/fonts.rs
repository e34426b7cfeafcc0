//! The window's typefaces: Inter for text, Droid Sans Fallback for Chinese, Japanese and Korean, Phosphor for icons.
//! Other scripts come from the system's fonts.

use std::sync::Arc;

use egui::{Context, FontData, FontDefinitions, FontFamily};

use crate::data::Bytes;
use crate::view::fonts::FontFiles;

use super::tabular::with_tabular_figures;
use super::theme;

/// Gives the font files to the window.
pub fn install(files: &FontFiles, ctx: &Context) {
    let mut fonts = FontDefinitions::empty();
    for (name, bytes) in [
        ("inter", &tabular(files.regular.clone())),
        ("inter semibold", &tabular(files.semibold.clone())),
        ("droid", &files.fallback),
        ("phosphor", &files.icons),
    ] {
        fonts.font_data.insert(name.into(), Arc::new(FontData::from_blob(bytes.clone(), 0)));
    }
    let family = |first: &str| [first, "phosphor", "droid"].map(str::to_owned).to_vec();
    fonts.families.insert(FontFamily::Proportional, family("inter"));
    // Inter's figures all have one width, which is what columns of numbers need.
    fonts.families.insert(FontFamily::Monospace, family("inter"));
    fonts.families.insert(theme::semibold(), family("inter semibold"));
    ctx.set_fonts(fonts);
}

fn tabular(font: Bytes) -> Bytes {
    match with_tabular_figures((*font).as_ref()) {
        Some(patched) => Arc::new(patched),
        None => font,
    }
}
