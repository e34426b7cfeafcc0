//! A whole file as bytes, read by the system as they are needed: fonts and pictures.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use super::FileError;
use crate::data::Bytes;

/// Maps the file at `path`.
pub fn bytes(path: &Path) -> Result<Bytes, FileError> {
    let file = File::open(path).map_err(|error| FileError::read(path, error))?;
    // SAFETY: the files that come with the app are replaced as a whole by updates, and never written in place.
    let map = unsafe { Mmap::map(&file) }.map_err(|error| FileError::read(path, error))?;
    Ok(Arc::new(map))
}
