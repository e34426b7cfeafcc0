//! Files that are either the old one or the whole new one, whatever happens in between.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::FileError;

/// Where the new content goes.
pub type Sink<'a> = BufWriter<&'a File>;

/// Bytes collected before they go to the disk.
const BUFFER: usize = 1 << 20;

/// Writes a file through `write` to a temporary one beside it, then renames.
///
/// After success the content is on the disk (synced). After a failure `path` is as it was, and the temporary file
/// is gone. Links are followed, so that a linked file is replaced and not the link.
pub fn replace<T>(path: &Path, write: impl FnOnce(&mut Sink<'_>) -> io::Result<T>) -> Result<T, FileError> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if target.exists() && !target.is_file() {
        return Err(FileError::format(
            path,
            "is not a regular file, so it was left alone. Choose another name.",
        ));
    }
    write_and_rename(&target, write).map_err(|error| FileError::write(path, error))
}

/// As [`replace`], for content that is at hand.
pub fn replace_with(path: &Path, content: &[u8]) -> Result<(), FileError> {
    replace(path, |sink| sink.write_all(content))
}

fn write_and_rename<T>(target: &Path, write: impl FnOnce(&mut Sink<'_>) -> io::Result<T>) -> io::Result<T> {
    let folder = folder_of(target);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".semascope-").suffix(".tmp");
    if let Some(permissions) = permissions_for(target) {
        builder.permissions(permissions);
    }
    let temporary = builder.tempfile_in(&folder)?;
    let mut sink = BufWriter::with_capacity(BUFFER, temporary.as_file());
    let result = write(&mut sink)?;
    sink.flush()?;
    drop(sink);
    temporary.as_file().sync_all()?;
    temporary.persist(target).map_err(|failed| failed.error)?;
    sync_folder(&folder);
    Ok(result)
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
