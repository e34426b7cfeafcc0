//! The steps of the flow, one file each: from values and parameters to the next value. The window and the command
//! line call the same functions, so that both give the same results.

pub mod append;
mod calibrate;
mod checkpoint;
pub mod clusters;
pub mod compare;
mod components;
pub mod compute;
pub mod diff;
pub mod duplicates;
pub mod embed;
pub mod emerging;
pub mod filter;
pub mod goal;
pub mod grow;
pub mod honesty;
pub mod join;
pub mod keyword_topics;
mod kmeans;
pub mod map;
mod mover;
pub mod names;
pub mod neighbours;
pub mod open;
pub mod outliers;
mod params;
pub mod passages;
pub mod place;
pub mod probe;
pub mod quality;
pub mod regroup;
mod same_model;
pub mod search;
pub mod special;
pub mod split;
pub mod stability;
pub mod subset;
pub mod survey;
pub mod topics;
pub mod trials;
mod tsne;
pub mod tsne_mover;

pub use compute::{Compute, Computers, Tools, Work};
pub use params::{ClusterMethod, ClusterParams, MapMethod, MapParams, Params};
pub use survey::Survey;

use crate::io::FileError;
use crate::job::Cancelled;

/// Why a step gave no value.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A person stopped it, or its result is no longer wanted.
    #[error("stopped")]
    Cancelled,
    /// Anything else: one sentence that says what happened to what, and what to do.
    #[error("{0}")]
    Failed(String),
}

impl From<Cancelled> for StageError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<FileError> for StageError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Cancelled(_) => Self::Cancelled,
            error => Self::failed(error),
        }
    }
}

impl StageError {
    /// A failure with the sentence of `error`.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}
