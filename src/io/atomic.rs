//! Files that are either the old one or the whole new one, whatever happens in between.
//!
//! A process that is killed leaves its temporary file behind. Whoever lives holds a lock on its own, which the system
//! lets go of when the process ends, however it ends: so the next one that writes into the folder can tell what is
//! left over, and deletes it.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::FileError;

/// Where the new content goes.
pub type Sink<'a> = BufWriter<&'a File>;

/// Bytes collected before they go to the disk.
const BUFFER: usize = 1 << 20;

/// A temporary file is called this, random letters and digits, and [`SUFFIX`].
const PREFIX: &str = ".semascope-";
const SUFFIX: &str = ".tmp";
const RANDOM: usize = 6;

/// Writes a file through `write` to a temporary one beside it, then renames.
///
/// After success the content is on the disk (synced). After a failure `path` is as it was, and the temporary file
/// is gone. Links are followed, so that a linked file is replaced and not the link.
pub fn replace<T>(path: &Path, write: impl FnOnce(&mut Sink<'_>) -> io::Result<T>) -> Result<T, FileError> {
    let target = target_of(path)?;
    write_and_rename(&target, write).map_err(|error| FileError::write(path, error))
}

/// As [`replace`], for content that is at hand.
pub fn replace_with(path: &Path, content: &[u8]) -> Result<(), FileError> {
    replace(path, |sink| sink.write_all(content))
}

/// Finds out whether [`replace`] could write to `path`, so that long work need not come first.
pub fn check_writable(path: &Path) -> Result<(), FileError> {
    let target = target_of(path)?;
    create(&folder_of(&target), &target).map(drop).map_err(|error| FileError::write(path, error))
}

/// Deletes the temporary files in `folder` that processes left there which are no more.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        // The type first: to open a pipe would wait for its writer.
        if is_temporary(&entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let path = entry.path();
            let abandoned = File::open(&path).is_ok_and(|file| file.try_lock().is_ok() && remove(&path));
            if abandoned {
                tracing::info!("{} was left over and is deleted", path.display());
            }
        }
    }
}

fn remove(path: &Path) -> bool {
    fs::remove_file(path).is_ok()
}

fn is_temporary(name: &std::ffi::OsStr) -> bool {
    let random = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
    random.is_some_and(|random| random.len() == RANDOM && random.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// The file itself where `path` is a link; an error unless it is a regular file or not there.
fn target_of(path: &Path) -> Result<PathBuf, FileError> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if target.exists() && !target.is_file() {
        return Err(FileError::format(
            path,
            "is not a regular file, so it was left alone. Choose another name.",
        ));
    }
    Ok(target)
}

fn write_and_rename<T>(target: &Path, write: impl FnOnce(&mut Sink<'_>) -> io::Result<T>) -> io::Result<T> {
    let folder = folder_of(target);
    sweep(&folder);
    let temporary = create(&folder, target)?;
    let mut sink = BufWriter::with_capacity(BUFFER, temporary.as_file());
    let result = write(&mut sink)?;
    sink.flush()?;
    drop(sink);
    temporary.as_file().sync_all()?;
    temporary.persist(target).map_err(|failed| failed.error)?;
    sync_folder(&folder);
    Ok(result)
}

/// A new temporary file for what becomes `target`, locked.
fn create(folder: &Path, target: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX).rand_bytes(RANDOM);
    if let Some(permissions) = permissions_for(target) {
        builder.permissions(permissions);
    }
    loop {
        let temporary = builder.tempfile_in(folder)?;
        match temporary.as_file().try_lock() {
            Ok(()) if temporary.path().exists() => return Ok(temporary),
            // Somebody swept the folder before the lock was ours.
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            // Where files cannot be locked, nobody deletes what seems to be left over.
            Err(TryLockError::Error(_)) => return Ok(temporary),
        }
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Those of the file that is replaced, else what the person's umask allows (temporary files are private by default).
#[cfg(unix)]
fn permissions_for(target: &Path) -> Option<std::fs::Permissions> {
    use std::os::unix::fs::PermissionsExt;
    let existing = target.metadata().ok().map(|metadata| metadata.permissions());
    Some(existing.unwrap_or_else(|| std::fs::Permissions::from_mode(0o666)))
}

#[cfg(not(unix))]
fn permissions_for(_target: &Path) -> Option<std::fs::Permissions> {
    None
}

/// Makes a new name in `folder` itself durable, where folders can be synced. The file is whole either way.
pub(super) fn sync_folder(folder: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        replace_with(&path, b"old").unwrap();
        replace_with(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names_in(folder.path()), ["a.txt"]);
    }

    #[test]
    fn a_disk_that_fills_up_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        replace_with(&path, b"old").unwrap();
        let failed = replace(&path, |sink| -> io::Result<()> {
            sink.write_all(&vec![0; 3 << 20])?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(failed.unwrap_err().to_string().contains("Free some space"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names_in(folder.path()), ["a.txt"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone").join("a.txt");
        let sentence = replace_with(&path, b"x").unwrap_err().to_string();
        assert!(sentence.contains("gone") && sentence.contains("still there"), "{sentence}");
    }

    #[test]
    fn a_folder_is_never_replaced_by_a_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(replace_with(folder.path(), b"x"), Err(FileError::Format { .. })));
        assert!(folder.path().is_dir());
    }

    #[test]
    fn what_a_dead_process_left_is_deleted_and_what_a_living_one_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let left_over = folder.path().join(".semascope-aB3xYz.tmp");
        let others = [".semascope-notes.tmp", "semascope-aB3xYz.tmp", ".semascope-aB3xYz.tmp.txt"];
        std::fs::write(&left_over, b"half a file").unwrap();
        others.iter().for_each(|name| std::fs::write(folder.path().join(name), b"not ours").unwrap());
        let written = replace(&path, |sink| {
            sink.write_all(b"slow")?;
            // Another save into the same folder while this one is under way.
            replace_with(&folder.path().join("b.txt"), b"quick").map_err(io::Error::other)
        });
        written.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"slow");
        let mut names = names_in(folder.path());
        names.sort();
        let mut expected = [&others[..], &["a.txt", "b.txt"]].concat();
        expected.sort_unstable();
        assert_eq!(names, expected);
    }

    #[test]
    fn a_folder_that_goes_while_its_file_is_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let failed = replace(&inner.join("a.txt"), |sink| {
            sink.write_all(b"x")?;
            std::fs::remove_dir_all(&inner)
        });
        let sentence = failed.unwrap_err().to_string();
        assert!(
            sentence.contains("a.txt could not be written") && sentence.contains("still there"),
            "{sentence}"
        );
        assert!(!inner.exists());
    }

    #[test]
    fn whether_a_place_can_be_written_is_known_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(&folder.path().join("a.txt")).unwrap();
        assert!(names_in(folder.path()).is_empty());
        let sentence = check_writable(&folder.path().join("gone").join("a.txt")).unwrap_err().to_string();
        assert!(sentence.contains("a.txt could not be written"), "{sentence}");
        assert!(check_writable(folder.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_permissions_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("link"));
        replace_with(&path, b"old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        replace_with(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    }
}
