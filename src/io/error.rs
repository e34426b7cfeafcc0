//! What can go wrong with a file, in words that a person can act on.

use std::io;
use std::path::{Path, PathBuf};

use crate::job::Cancelled;

/// A file that could not be read, written or understood.
///
/// The sentence holds the cause, so that there is no [`source`](std::error::Error::source) to tell beside it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{} could not be read: {cause}.{}", path.display(), advice(cause))]
    Read { path: PathBuf, cause: io::Error },
    #[error("{} could not be written: {cause}.{}", path.display(), advice(cause))]
    Write { path: PathBuf, cause: io::Error },
    /// The file is there but is not what it should be: `problem` goes on after the file's name and says what to do.
    #[error("{} {problem}", path.display())]
    Format { path: PathBuf, problem: String },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl FileError {
    /// `source` happened while `path` was read. A [`Cancelled`] that travelled inside comes out again.
    pub fn read(path: &Path, source: io::Error) -> Self {
        Self::unless_cancelled(source, |cause| Self::Read { path: path.into(), cause })
    }

    /// `source` happened while `path` was written. A [`Cancelled`] that travelled inside comes out again.
    pub fn write(path: &Path, source: io::Error) -> Self {
        Self::unless_cancelled(source, |cause| Self::Write { path: path.into(), cause })
    }

    /// `path` is not what it should be: `problem` as in "is empty. Choose another file."
    pub fn format(path: &Path, problem: impl Into<String>) -> Self {
        Self::Format { path: path.into(), problem: problem.into() }
    }

    fn unless_cancelled(source: io::Error, wrap: impl FnOnce(io::Error) -> Self) -> Self {
        let cancelled = source.get_ref().and_then(|inner| inner.downcast_ref::<Cancelled>()).copied();
        cancelled.map_or_else(|| wrap(source), Self::Cancelled)
    }
}

/// Lets `ctx.cancel.check()?` stand in a function that writes.
impl From<Cancelled> for io::Error {
    fn from(cancelled: Cancelled) -> Self {
        io::Error::other(cancelled)
    }
}

/// What to do about it, as a sentence with a space before it; empty where nothing general can be said.
fn advice(error: &io::Error) -> &'static str {
    use io::ErrorKind::*;
    match error.kind() {
        StorageFull | QuotaExceeded => " Free some space or choose another disk, then try again.",
        PermissionDenied => " Check who may use this file and its folder, or choose another folder.",
        ReadOnlyFilesystem => " This disk can only be read: choose another folder.",
        NotFound => " Check that the file and its folder are still there.",
        NotADirectory => " Part of this path is not a folder: choose another folder.",
        IsADirectory => " This is a folder: choose a file.",
        FileTooLarge => " This disk cannot hold a file of that size: choose another disk.",
        ResourceBusy | ExecutableFileBusy => {
            " Another program is using it: close that program, then try again."
        }
        UnexpectedEof => " The file seems to be cut short: copy or download it again.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_names_the_file_and_says_what_to_do() {
        let error = FileError::write(Path::new("out/map.npy"), io::ErrorKind::StorageFull.into());
        let sentence = error.to_string();
        assert!(sentence.starts_with("out/map.npy could not be written"), "{sentence}");
        assert!(sentence.contains("Free some space"), "{sentence}");
    }

    #[test]
    fn the_cause_is_told_once() {
        let error = anyhow::Error::from(FileError::read(Path::new("x"), io::ErrorKind::NotFound.into()));
        assert_eq!(format!("{error:#}"), error.to_string());
    }

    #[test]
    fn a_cancellation_survives_the_way_through_an_io_error() {
        let error = FileError::write(Path::new("x"), Cancelled.into());
        assert!(matches!(error, FileError::Cancelled(_)));
    }
}
