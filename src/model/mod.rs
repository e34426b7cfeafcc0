//! Models on disk: where they lie, what their files say, their weights and tokenizers, and the devices that can
//! run them. What is done with them is in [`crate::embed`].

mod assets;
mod device;
mod recipe;
mod source;
mod tokenizer;
mod weights;
mod wordnet;

pub use assets::assets_dir;
pub use device::{Device, DeviceInfo, DevicePreference, devices, pick_device};
pub use recipe::{Family, Languages, Pooling, Recipe, Step};
pub use source::ModelSource;
pub use tokenizer::Tokenizer;
pub use weights::{Table, Weights};
pub use wordnet::wordnet;

use std::path::{Path, PathBuf};

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error(
        "the folder \"assets\" with the built-in model was not found beside {}; reinstall Semascope, or set \
         SEMASCOPE_ASSETS to that folder", .beside.display()
    )]
    NoAssets { beside: PathBuf },
    #[error("SEMASCOPE_ASSETS is {}, but there is no folder \"model\" in it", .0.display())]
    WrongAssets(PathBuf),
    #[error("{} has no {what}; choose the folder of a Hugging Face model", .folder.display())]
    Missing { folder: PathBuf, what: &'static str },
    #[error("{} cannot be read: {cause}", .file.display())]
    Unreadable { file: PathBuf, cause: String },
    #[error("{}: {cause}", .file.display())]
    Unusable { file: PathBuf, cause: String },
    #[error(
        "{} describes a model of type \"{found}\", which Semascope does not run; it runs {}",
        .file.display(), Family::known()
    )]
    UnknownFamily { file: PathBuf, found: String },
    #[error("the weights in {} lack \"{name}\"; the download may be incomplete", .folder.display())]
    NoTensor { folder: PathBuf, name: String },
    #[error("\"{name}\" in {} has the shape {found:?} where the model's config asks for {wanted:?}", .folder.display())]
    WrongShape { folder: PathBuf, name: String, found: Vec<usize>, wanted: Vec<usize> },
}

impl ModelError {
    fn unreadable(file: &Path, cause: impl ToString) -> Self {
        Self::Unreadable { file: file.to_owned(), cause: cause.to_string() }
    }

    fn unusable(file: &Path, cause: impl ToString) -> Self {
        Self::Unusable { file: file.to_owned(), cause: cause.to_string() }
    }
}
