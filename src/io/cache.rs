//! What need not be computed twice: vectors by text, and matrices, neighbours and layouts by key.
//!
//! Everything here can be thrown away, also while it is in use. A file that does not check out is deleted and counts
//! as absent.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::scratch::{self, Scratch};
use super::tensors::{self, Damage};
pub use super::vector_store::VectorStore;
use super::{FileError, atomic, npy, vector_store};
use crate::data::{Bytes, Element, Key, Knn, Layout, Matrix, Recall};

/// The environment variable that overrides the cache's place.
pub const PLACE_VARIABLE: &str = "SEMASCOPE_CACHE";

/// The app's folder name among those of others.
pub(super) const APP: &str = "semascope";

/// Rows that are converted at a time.
const BLOCK_ROWS: usize = 4096;

const VECTORS: &str = "vectors";
const MATRICES: &str = "matrices";
const NEIGHBOURS: &str = "neighbours";
const LAYOUTS: &str = "layouts";
const THUMBNAILS: &str = "thumbnails";

/// A folder of files that can be computed again.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    remark: Option<String>,
    /// The folder in use when the proper one cannot be written; it goes with the last clone.
    _temporary: Option<Arc<Scratch>>,
}

impl Cache {
    /// Opens the cache in `folder`; by default where `SEMASCOPE_CACHE` says, else in the system's folder for caches.
    ///
    /// Where that cannot be written, a temporary folder serves for this session and [`Cache::remark`] says so. Fails
    /// only if there is no such folder either.
    pub fn open(folder: Option<PathBuf>) -> Result<Self, FileError> {
        scratch::sweep(&std::env::temp_dir());
        let Some(folder) = folder.or_else(default_folder) else {
            return Self::temporary("This system has no folder for caches".into());
        };
        match prepare(&folder) {
            Ok(()) => Ok(Self { folder, remark: None, _temporary: None }),
            Err(error) => Self::temporary(error.to_string()),
        }
    }

    fn temporary(cause: String) -> Result<Self, FileError> {
        let place = std::env::temp_dir();
        let temporary = Scratch::new(&place).map_err(|error| FileError::write(&place, error))?;
        prepare(temporary.path())?;
        let cause = cause.trim_end_matches('.');
        let remark = format!(
            "{cause}. What is computed is kept for this session only; the variable SEMASCOPE_CACHE names \
             another place."
        );
        let folder = temporary.path().to_owned();
        Ok(Self { folder, remark: Some(remark), _temporary: Some(Arc::new(temporary)) })
    }

    /// Why the cache is not where it should be, if so: a sentence or two for a notice.
    pub fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    /// Makes folders again that somebody deleted under the app; whether there were any such.
    pub fn mend(&self) -> Result<bool, FileError> {
        let whole = PARTS.iter().all(|part| self.folder.join(part).is_dir());
        if !whole {
            prepare(&self.folder)?;
        }
        Ok(!whole)
    }

    /// Where the cache is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes on the disk.
    pub fn size(&self) -> u64 {
        PARTS.iter().map(|part| size_of_folder(&self.folder.join(part))).sum()
    }

    /// Deletes everything. Values in use stay valid; a store that is written to is made again with what it had added.
    pub fn clear(&self) -> Result<(), FileError> {
        for part in PARTS {
            let folder = self.folder.join(part);
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(FileError::write(&folder, error));
                }
                _ => {}
            }
        }
        prepare(&self.folder)
    }

    /// Deletes whole files until the cache takes at most `max_bytes`: those whose last use is longest ago first, of
    /// what is quickest to make again (matrices, neighbours, layouts) before vectors. Returns the bytes freed.
    ///
    /// Any number of processes may do so at once. Nothing that is being written goes, and values in use stay valid
    /// (where the system keeps an open file from being deleted, it stays); thumbnails stay.
    pub fn trim(&self, max_bytes: u64) -> u64 {
        let mut excess = self.size().saturating_sub(max_bytes);
        let derived =
            [MATRICES, NEIGHBOURS, LAYOUTS].iter().flat_map(|part| entries(&self.folder.join(part)));
        let derived = derived.filter(|path| path.extension().is_some_and(|ending| ending == ENDING));
        let stores = entries(&self.folder.join(VECTORS));
        let segments = stores.iter().flat_map(|store| vector_store::segments_in(store));
        let mut freed = 0;
        let mut delete = |files: Vec<PathBuf>, delete: fn(&Path) -> bool| {
            for (_, size, path) in oldest_first(files) {
                if excess > 0 && delete(&path) {
                    tracing::info!("{} is deleted: the cache has grown too large", path.display());
                    freed += size;
                    excess = excess.saturating_sub(size);
                }
            }
        };
        delete(derived.collect(), |path| fs::remove_file(path).is_ok());
        delete(segments.collect(), vector_store::delete_unused);
        freed
    }

    /// The vectors that `model` has made so far, `dim` components each.
    pub fn vectors(&self, model: Key, dim: usize) -> Result<VectorStore, FileError> {
        VectorStore::open(&self.folder.join(VECTORS).join(format!("{model}-{dim}")), dim)
    }

    /// Writes the rows of `store` in corpus order as one matrix and maps it; `None` becomes a row of zeros.
    pub fn assemble(
        &self,
        store: &VectorStore,
        rows: &[Option<u64>],
        key: Key,
        made_by: &str,
        unit: bool,
    ) -> Result<Matrix, FileError> {
        let path = self.path(MATRICES, key);
        replace(&path, |sink| {
            let shape = (rows.len(), store.dim());
            io::Write::write_all(
                sink,
                &tensors::matrix_header(key, made_by, (unit, None), shape, Element::F32)?,
            )?;
            store.copy_rows(rows, sink)
        })?;
        just_written(&path)
    }

    /// Writes a copy of `matrix` in half precision under `key`, block by block, and maps it; `kept` is what is known
    /// of it. All values must fit into halves.
    pub fn halve(&self, matrix: &Matrix, key: Key, kept: Recall) -> Result<Matrix, FileError> {
        let path = self.path(MATRICES, key);
        replace(&path, |sink| {
            let (shape, looks) = ((matrix.rows(), matrix.dim()), (matrix.unit, Some(kept)));
            io::Write::write_all(
                sink,
                &tensors::matrix_header(key, &matrix.made_by, looks, shape, Element::F16)?,
            )?;
            matrix.ranges(BLOCK_ROWS).try_for_each(|rows| {
                let halves =
                    matrix.halves(rows).map_err(|value| io::Error::other(format!("{value} is no half")))?;
                io::Write::write_all(sink, bytemuck::cast_slice(&halves))
            })
        })?;
        just_written(&path)
    }

    /// The matrix that [`Cache::assemble`] left behind.
    pub fn matrix(&self, key: Key) -> Option<Matrix> {
        let path = self.path(MATRICES, key);
        self.checked(&path, key, map_matrix(&path), |matrix| matrix.key)
    }

    /// The neighbours kept under `key`.
    pub fn load_knn(&self, key: Key) -> Option<Knn> {
        let path = self.path(NEIGHBOURS, key);
        self.checked(&path, key, read(&path, tensors::read_knn), |knn| knn.key)
    }

    /// Keeps neighbours.
    pub fn save_knn(&self, knn: &Knn) -> Result<(), FileError> {
        replace(&self.path(NEIGHBOURS, knn.key), |sink| tensors::write_knn(sink, knn))
    }

    /// The layout kept under `key`.
    pub fn load_layout(&self, key: Key) -> Option<Layout> {
        let path = self.path(LAYOUTS, key);
        self.checked(&path, key, read(&path, tensors::read_layout), |layout| layout.key)
    }

    /// Keeps a layout.
    pub fn save_layout(&self, layout: &Layout) -> Result<(), FileError> {
        replace(&self.path(LAYOUTS, layout.key), |sink| tensors::write_layout(sink, layout))
    }

    /// Gives up the layout kept under `key`; that there is none is no failure.
    pub fn forget_layout(&self, key: Key) {
        let path = self.path(LAYOUTS, key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("{} could not be deleted: {error}", path.display());
            }
            _ => {}
        }
    }

    /// Keeps a small picture (PNG) of the file at `of`; returns its name for [`Cache::thumbnail`].
    pub fn save_thumbnail(&self, of: &Path, png: &[u8]) -> Result<String, FileError> {
        let name = format!("{}.png", Key::of("thumbnail", 1).text(&of.to_string_lossy()).finish());
        replace(&self.folder.join(THUMBNAILS).join(&name), |sink| io::Write::write_all(sink, png))?;
        Ok(name)
    }

    /// The small picture of that name.
    pub fn thumbnail(&self, name: &str) -> Option<Vec<u8>> {
        // The name comes from the settings, which anybody may have edited: it must not lead elsewhere.
        let key = Key::parse(name.strip_suffix(".png")?)?;
        fs::read(self.folder.join(THUMBNAILS).join(format!("{key}.png"))).ok()
    }

    /// Where a matrix is, if it is kept.
    pub(super) fn matrix_path(&self, key: Key) -> PathBuf {
        self.path(MATRICES, key)
    }

    /// Where neighbours are, if they are kept.
    pub(super) fn neighbours_path(&self, key: Key) -> PathBuf {
        self.path(NEIGHBOURS, key)
    }

    fn path(&self, part: &str, key: Key) -> PathBuf {
        self.folder.join(part).join(format!("{key}.{ENDING}"))
    }

    /// What was read, if it is what it should be; deletes the file otherwise.
    fn checked<T>(
        &self,
        path: &Path,
        key: Key,
        read: Result<Result<T, Damage>, FileError>,
        key_of: impl Fn(&T) -> Key,
    ) -> Option<T> {
        let cause = match read {
            Ok(Ok(value)) if key_of(&value) == key => {
                touch(path);
                return Some(value);
            }
            Ok(Ok(_)) => "it holds another value".to_owned(),
            Ok(Err(damage)) => damage.to_string(),
            // Not there, or not readable now: not ours to judge.
            Err(FileError::Read { .. }) => return None,
            Err(error) => error.to_string(),
        };
        tracing::warn!("{} is deleted from the cache: {cause}", path.display());
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!("{} could not be deleted: {error}", path.display());
        }
        None
    }
}

/// How the files of values end.
const ENDING: &str = "safetensors";

const PARTS: [&str; 5] = [VECTORS, MATRICES, NEIGHBOURS, LAYOUTS, THUMBNAILS];

fn default_folder() -> Option<PathBuf> {
    let named = std::env::var_os(PLACE_VARIABLE).filter(|place| !place.is_empty());
    named
        .map(PathBuf::from)
        .or_else(|| Some(directories::ProjectDirs::from("", "", APP)?.cache_dir().to_owned()))
}

/// Makes the folders and finds out whether they can be written to.
fn prepare(folder: &Path) -> Result<(), FileError> {
    for part in PARTS {
        let folder = folder.join(part);
        fs::create_dir_all(&folder).map_err(|error| FileError::write(&folder, error))?;
        tempfile::tempfile_in(&folder).map_err(|error| FileError::write(&folder, error))?;
        atomic::sweep(&folder);
    }
    Ok(())
}

/// As [`atomic::replace`], into a folder that somebody may have deleted meanwhile.
fn replace(
    path: &Path,
    write: impl FnOnce(&mut atomic::Sink<'_>) -> io::Result<()>,
) -> Result<(), FileError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| FileError::write(folder, error))?;
    }
    atomic::replace(path, write)
}

/// Notes that a file was of use. Where that cannot be noted it counts as old, which costs time at worst.
fn touch(path: &Path) {
    let _ = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
}

/// What lies in `folder`; nothing if that cannot be told.
fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map(|all| all.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
}

/// Files with the time of their last use and their size in bytes.
fn oldest_first(files: Vec<PathBuf>) -> Vec<(SystemTime, u64, PathBuf)> {
    let known = |path: PathBuf| {
        let metadata = path.metadata().ok()?;
        Some((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), path))
    };
    let mut files: Vec<_> = files.into_iter().filter_map(known).collect();
    files.sort();
    files
}

fn just_written(path: &Path) -> Result<Matrix, FileError> {
    map_matrix(path)?.map_err(|damage| FileError::format(path, format!("cannot be used: {damage}.")))
}

fn map_matrix(path: &Path) -> Result<Result<Matrix, Damage>, FileError> {
    let map = npy::map(path)?;
    let range = 0..map.len();
    let bytes: Bytes = Arc::new(map);
    Ok(tensors::read_matrix(bytes, range))
}

fn read<T>(path: &Path, parse: impl Fn(&[u8]) -> Result<T, Damage>) -> Result<Result<T, Damage>, FileError> {
    Ok(parse(&npy::map(path)?))
}

/// Bytes of all files below `folder`; what cannot be looked at counts as nothing.
fn size_of_folder(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of_folder(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(folder.path().join("cache"))).unwrap();
        assert_eq!(cache.remark(), None);
        (folder, cache)
    }

    fn knn() -> Knn {
        Knn {
            key: Key::of("knn", 1).finish(),
            k: 1,
            indices: vec![1, 0],
            similarities: vec![0.5, 0.5],
            recall: Recall::Estimated { share: 0.97, queries: 2 },
            method: "HNSW".into(),
        }
    }

    #[test]
    fn assembled_vectors_are_there_at_the_second_start() {
        let (_folder, cache) = cache();
        let (model, text, key) =
            (Key::of("m", 1).finish(), Key::of("t", 1).finish(), Key::of("k", 1).finish());
        let mut store = cache.vectors(model, 2).unwrap();
        store.append(&[text], &[0.6, 0.8]).unwrap();
        let matrix = cache.assemble(&store, &[None, Some(0)], key, "a model", true).unwrap();
        assert_eq!(&*matrix.block(0..2), [0.0, 0.0, 0.6, 0.8]);
        let again = cache.matrix(key).unwrap();
        assert_eq!((again.unit, again.made_by.as_str(), again.rows()), (true, "a model", 2));
        assert_eq!(again.raw(), matrix.raw());
        assert!(cache.matrix(text).is_none());
    }

    #[test]
    fn halves_come_back_with_what_is_known_of_them() {
        let (_folder, cache) = cache();
        let of = |name| Key::of(name, 1).finish();
        let full = Matrix::from_vec(of("full"), "a model", true, 2, vec![0.6, 0.8, 1.0, 0.0]);
        let kept = Recall::Estimated { share: 0.99, queries: 2 };
        let half = cache.halve(&full, of("half"), kept).unwrap();
        assert_eq!((half.element(), half.key, half.kept), (Element::F16, of("half"), Some(kept)));
        let again = cache.matrix(of("half")).unwrap();
        assert_eq!((again.kept, again.raw()), (Some(kept), half.raw()));
        assert!((again.row(0)[0] - 0.6).abs() < 1e-3);
    }

    #[test]
    fn a_damaged_file_counts_as_absent_and_is_deleted() {
        let (_folder, cache) = cache();
        cache.save_knn(&knn()).unwrap();
        let back = cache.load_knn(knn().key).unwrap();
        assert_eq!((back.indices, back.recall, back.method), (knn().indices, knn().recall, knn().method));
        let path = cache.path(NEIGHBOURS, knn().key);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(cache.load_knn(knn().key).is_none());
        assert!(!path.exists());
    }

    #[test]
    fn a_file_under_the_wrong_name_is_not_believed() {
        let (_folder, cache) = cache();
        cache.save_knn(&knn()).unwrap();
        let other = Key::of("other", 1).finish();
        fs::rename(cache.path(NEIGHBOURS, knn().key), cache.path(NEIGHBOURS, other)).unwrap();
        assert!(cache.load_knn(other).is_none());
    }

    #[test]
    fn layouts_and_thumbnails_come_back_and_clearing_removes_them() {
        let (_folder, cache) = cache();
        let layout = Layout {
            key: Key::of("layout", 1).finish(),
            positions: Arc::new(vec![[1.0, 2.0], [3.0, 4.0]]),
            method: "UMAP".into(),
            epochs: (3, 200),
        };
        cache.save_layout(&layout).unwrap();
        let name = cache.save_thumbnail(Path::new("/a/b.semascope"), b"png").unwrap();
        assert_eq!(cache.thumbnail(&name).unwrap(), b"png");
        assert_eq!(cache.thumbnail("../../secret.png"), None);
        let back = cache.load_layout(layout.key).unwrap();
        assert_eq!((back.positions, back.epochs), (layout.positions, layout.epochs));
        assert!(cache.size() > 0);
        cache.clear().unwrap();
        assert_eq!(cache.size(), 0);
        assert!(cache.load_layout(layout.key).is_none());
    }

    fn knn_called(name: &str) -> Knn {
        Knn { key: Key::of(name, 1).finish(), ..knn() }
    }

    #[test]
    fn trimming_lets_go_of_what_was_not_used_for_longest_and_of_vectors_last() {
        let (_folder, cache) = cache();
        let (model, text) = (Key::of("m", 1).finish(), Key::of("t", 1).finish());
        let mut store = cache.vectors(model, 2).unwrap();
        store.append(&[text], &[0.6, 0.8]).unwrap();
        drop(store);
        let all = ["a", "b", "c"].map(knn_called);
        for (age, knn) in all.iter().enumerate() {
            cache.save_knn(knn).unwrap();
            let file = File::options().write(true).open(cache.path(NEIGHBOURS, knn.key)).unwrap();
            let ago = std::time::Duration::from_secs(3600 * (age as u64 + 1));
            file.set_modified(SystemTime::now() - ago).unwrap();
        }
        assert!(cache.load_knn(all[2].key).is_some(), "the oldest is used again");
        let (whole, one) = (cache.size(), cache.path(NEIGHBOURS, all[0].key).metadata().unwrap().len());
        assert_eq!(cache.trim(whole), 0);
        assert_eq!(cache.trim(whole - 1), one);
        assert_eq!(all.each_ref().map(|knn| cache.load_knn(knn.key).is_some()), [true, false, true]);
        cache.trim(whole - 3 * one);
        assert_eq!(cache.vectors(model, 2).unwrap().find(&[text]), [Some(0)], "vectors stay longest");
        assert_eq!(cache.trim(0) + 3 * one, whole);
        assert_eq!(cache.vectors(model, 2).unwrap().find(&[text]), [None]);
    }

    #[test]
    fn trimming_leaves_what_is_being_written() {
        let (_folder, cache) = cache();
        let (model, text) = (Key::of("m", 1).finish(), Key::of("t", 1).finish());
        let mut store = cache.vectors(model, 2).unwrap();
        store.append(&[text], &[0.6, 0.8]).unwrap();
        let half = cache.path(NEIGHBOURS, knn().key);
        atomic::replace(&half, |sink| {
            io::Write::write_all(sink, b"half")?;
            cache.trim(0);
            io::Write::write_all(sink, b"whole")
        })
        .unwrap();
        assert_eq!(fs::read(half).unwrap(), b"halfwhole");
        drop(store);
        assert_eq!(cache.vectors(model, 2).unwrap().find(&[text]), [Some(0)]);
    }

    #[cfg(unix)]
    #[test]
    fn a_cache_deleted_under_the_app_is_made_again_and_values_in_use_stay() {
        let (folder, cache) = cache();
        let (model, text, key) =
            (Key::of("m", 1).finish(), Key::of("t", 1).finish(), Key::of("k", 1).finish());
        let mut store = cache.vectors(model, 2).unwrap();
        store.append(&[text], &[0.6, 0.8]).unwrap();
        fs::remove_dir_all(folder.path().join("cache")).unwrap();
        let rows = store.find(&[text]);
        let matrix = cache.assemble(&store, &rows, key, "a model", true).unwrap();
        fs::remove_dir_all(folder.path().join("cache")).unwrap();
        assert_eq!(&*matrix.block(0..1), [0.6, 0.8]);
        cache.save_knn(&knn()).unwrap();
        assert!(cache.load_knn(knn().key).is_some());
        cache.save_thumbnail(Path::new("a"), b"png").unwrap();
        assert!(cache.mend().unwrap(), "some of its folders are still gone");
        assert!(!cache.mend().unwrap());
    }

    #[test]
    fn what_a_dead_process_left_in_the_cache_is_deleted_at_the_next_start() {
        let (folder, cache) = cache();
        let left_over = cache.folder().join(MATRICES).join(".semascope-aB3xYz.tmp");
        fs::write(&left_over, b"half a matrix").unwrap();
        Cache::open(Some(folder.path().join("cache"))).unwrap();
        assert!(!left_over.exists());
    }

    #[test]
    fn a_place_that_cannot_be_written_gives_a_remark_and_a_working_cache() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"not a folder").unwrap();
        let cache = Cache::open(Some(file)).unwrap();
        assert!(cache.remark().unwrap().contains("this session only"), "{:?}", cache.remark());
        cache.save_knn(&knn()).unwrap();
        assert!(cache.load_knn(knn().key).is_some());
    }
}
