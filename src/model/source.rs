//! Which model is meant.

use std::path::PathBuf;

use super::{ModelError, assets_dir};

/// A model as a person chooses it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ModelSource {
    /// all-MiniLM-L6-v2, which comes with the app.
    #[default]
    Builtin,
    /// A folder in the form of Hugging Face.
    Folder(PathBuf),
}

impl ModelSource {
    /// The folder that holds the model's files.
    pub fn folder(&self) -> Result<PathBuf, ModelError> {
        match self {
            Self::Builtin => Ok(assets_dir()?.join("model")),
            Self::Folder(folder) => Ok(folder.clone()),
        }
    }

    /// The model's name for people: a folder's own name, without the folders above it.
    pub fn name(&self) -> String {
        match self {
            Self::Builtin => "all-MiniLM-L6-v2".to_owned(),
            Self::Folder(folder) => folder
                .canonicalize()
                .ok()
                .as_ref()
                .unwrap_or(folder)
                .file_name()
                .map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned()),
        }
    }
}
