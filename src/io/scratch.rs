//! Folders for what does not fit into memory: they go when nobody needs them any more, and if the program is killed,
//! at the next start.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// A folder is called this, and random letters and digits.
const PREFIX: &str = "semascope-scratch-";

/// The file inside that is locked as long as the folder is in use.
const LOCK: &str = "lock";

/// A temporary folder that is deleted on drop.
#[derive(Debug)]
pub struct Scratch {
    // Closed before the folder is deleted, as Windows demands.
    _lock: File,
    folder: TempDir,
}

impl Scratch {
    /// Makes a folder in `parent`, and deletes those that killed processes left there.
    pub fn new(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
            let path = folder.path().join(LOCK);
            let lock = match File::create_new(&path) {
                // Somebody swept before there was a lock.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                created => created?,
            };
            match lock.try_lock() {
                // Or before it was ours.
                Err(TryLockError::WouldBlock) => continue,
                Ok(()) if !path.exists() => continue,
                // Where files cannot be locked, nobody deletes what seems to be left over.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(Self { _lock: lock, folder }),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Deletes the folders in `parent` whose processes are no more.
pub(super) fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if ours && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let path = entry.path();
            let gone = match File::open(path.join(LOCK)) {
                Ok(lock) => lock.try_lock().is_ok() && fs::remove_dir_all(&path).is_ok(),
                // Its maker was killed before it came to the lock; a folder with anything inside stays.
                Err(error) => error.kind() == io::ErrorKind::NotFound && fs::remove_dir(&path).is_ok(),
            };
            if gone {
                tracing::info!("{} was left over and is deleted", path.display());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_left_is_deleted_and_what_is_in_use_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let left_over = parent.path().join("semascope-scratch-old");
        fs::create_dir(&left_over).unwrap();
        fs::write(left_over.join(LOCK), b"").unwrap();
        fs::write(left_over.join("cells"), b"many").unwrap();
        let (empty, other) = (parent.path().join("semascope-scratch-empty"), parent.path().join("other"));
        fs::create_dir(&empty).unwrap();
        fs::create_dir(&other).unwrap();
        let first = Scratch::new(parent.path()).unwrap();
        let second = Scratch::new(parent.path()).unwrap();
        assert!(!left_over.exists() && !empty.exists() && other.exists());
        assert!(first.path().exists() && second.path().exists());
        drop((first, second));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
