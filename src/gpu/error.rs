//! What can go wrong on a graphics adapter.

use crate::job::Cancelled;

/// Why an adapter gave no result. All but [`GpuError::Cancelled`] mean that the processor takes over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    #[error("no graphics adapter was found to compute on")]
    NoAdapter,
    #[error("{adapter} cannot be computed on: {cause}")]
    NoDevice { adapter: String, cause: String },
    #[error("the connection to the graphics adapter was lost: {0}")]
    Lost(String),
    #[error("the graphics adapter did not answer for {0} seconds")]
    Hung(u64),
    #[error("the memory of the graphics adapter is full")]
    OutOfMemory,
    #[error("the graphics adapter refused the work: {0}")]
    Refused(String),
    #[error("{what} takes {needed} bytes in one piece; the graphics adapter takes {most}")]
    TooLarge { what: &'static str, needed: u64, most: u64 },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
