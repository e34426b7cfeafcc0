//! The typefaces: Inter for text, Droid Sans Fallback for Chinese, Japanese and Korean, Phosphor for icons. They
//! lie in `assets/fonts`; other scripts come from the system's fonts.

use std::sync::Arc;

use egui::{Context, FontData, FontDefinitions, FontFamily};

use crate::data::Bytes;
use crate::io::{FileError, mapped};
use crate::model::{ModelError, assets_dir};
use crate::view::glyphs::Typeface;

use super::tabular::with_tabular_figures;
use super::theme;

/// Why there are no fonts.
#[derive(Debug, thiserror::Error)]
pub enum FontError {
    #[error(transparent)]
    Assets(#[from] ModelError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// The font files, shared by the window and by pictures of the map.
#[derive(Clone)]
pub struct FontFiles {
    regular: Bytes,
    semibold: Bytes,
    fallback: Bytes,
    icons: Bytes,
}

impl FontFiles {
    /// Finds the files beside the program.
    pub fn load() -> Result<Self, FontError> {
        let folder = assets_dir()?.join("fonts");
        let file = |name: &str| mapped::bytes(&folder.join(name));
        Ok(Self {
            regular: tabular(file("Inter-Regular.ttf")?),
            semibold: tabular(file("Inter-SemiBold.ttf")?),
            fallback: file("DroidSansFallback.ttf")?,
            icons: file("Phosphor.ttf")?,
        })
    }

    /// Gives them to the window.
    pub fn install(&self, ctx: &Context) {
        let mut fonts = FontDefinitions::empty();
        for (name, bytes) in [
            ("inter", &self.regular),
            ("inter semibold", &self.semibold),
            ("droid", &self.fallback),
            ("phosphor", &self.icons),
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

    /// The faces for names in pictures, in order of preference.
    pub fn typefaces(&self) -> Vec<Typeface<'_>> {
        [&self.semibold, &self.fallback]
            .into_iter()
            .filter_map(|bytes| Typeface::new((**bytes).as_ref()))
            .collect()
    }
}

fn tabular(font: Bytes) -> Bytes {
    match with_tabular_figures((*font).as_ref()) {
        Some(patched) => Arc::new(patched),
        None => font,
    }
}
