//! What can keep a file from being read, in sentences for the person who dropped it.

use std::io;
use std::path::{Path, PathBuf};

use crate::job::Cancelled;

/// Why a corpus could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{}: there is no such file", path.display())]
    Missing { path: PathBuf },
    #[error("{}: this is a folder; choose a file in it", path.display())]
    Folder { path: PathBuf },
    #[error("{}: you have no permission to read this file", path.display())]
    Permission { path: PathBuf },
    #[error("{}: the file is empty", path.display())]
    Empty { path: PathBuf },
    #[error("{}: the file could not be read: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: this is {what}; {advice}", path.display())]
    NotText { path: PathBuf, what: &'static str, advice: &'static str },
    #[error("{}, line {line}: no document could be read: {cause}", path.display())]
    NoRows { path: PathBuf, line: u64, cause: String },
    #[error("{}: there is no column “{column}”; the columns are {known}", path.display())]
    NoColumn { path: PathBuf, column: String, known: String },
    #[error("there is no text encoding called “{0}”; try UTF-8, UTF-16LE or Windows-1252")]
    UnknownEncoding(String),
    #[error(
        "“{0}” cannot separate cells; a delimiter is one ASCII character other than a quote or a line end"
    )]
    BadDelimiter(char),
    #[error("{}: the corpus could not be set aside on disk: {source}; free some space, or choose another folder for temporary files", folder.display())]
    Spill { folder: PathBuf, source: io::Error },
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl ReadError {
    /// The sentence that belongs to what the system says about `path`.
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            io::ErrorKind::IsADirectory => Self::Folder { path },
            _ => Self::Io { path, source },
        }
    }
}
