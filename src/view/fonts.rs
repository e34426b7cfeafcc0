//! The font files that come with the app, for the window and for pictures of the map.

use crate::data::Bytes;
use crate::io::{FileError, mapped};
use crate::model::{ModelError, assets_dir};

use super::glyphs::Typeface;

/// Why there are no fonts.
#[derive(Debug, thiserror::Error)]
pub enum FontError {
    #[error(transparent)]
    Assets(#[from] ModelError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// The font files, mapped.
#[derive(Clone)]
pub struct FontFiles {
    /// Inter, for text.
    pub regular: Bytes,
    pub semibold: Bytes,
    /// Droid Sans Fallback, for Chinese, Japanese and Korean.
    pub fallback: Bytes,
    /// Phosphor, for icons.
    pub icons: Bytes,
}

impl FontFiles {
    /// Finds the files beside the program.
    pub fn load() -> Result<Self, FontError> {
        let folder = assets_dir()?.join("fonts");
        let file = |name: &str| mapped::bytes(&folder.join(name));
        Ok(Self {
            regular: file("Inter-Regular.ttf")?,
            semibold: file("Inter-SemiBold.ttf")?,
            fallback: file("DroidSansFallback.ttf")?,
            icons: file("Phosphor.ttf")?,
        })
    }

    /// The faces for names in pictures, in order of preference.
    pub fn typefaces(&self) -> Vec<Typeface<'_>> {
        Self::faces([&self.semibold, &self.fallback])
    }

    /// The faces for plain text in pictures, likewise.
    pub fn text_typefaces(&self) -> Vec<Typeface<'_>> {
        Self::faces([&self.regular, &self.fallback])
    }

    fn faces(files: [&Bytes; 2]) -> Vec<Typeface<'_>> {
        files.into_iter().filter_map(|bytes| Typeface::new((**bytes).as_ref())).collect()
    }
}
