//! The vectors that one model has made, by the content of each text: work done survives a stop, a crash, a power cut.
//!
//! A store is a folder of segments, `0.vectors`, `1.vectors` …. Each process appends to a segment that it alone
//! holds the lock of and reads the others as they were when it opened them, so any number of them can work at once.
//! What a segment looks like inside is written in [`segment`](super::segment).
//!
//! A batch is synced before the next begins. When its vectors are asked for the first time they are compared with
//! their checksum; those of a damaged batch count as absent, and the others stay.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use memmap2::Mmap;

use super::segment::{self, Batch};
use super::{FileError, atomic};
use crate::data::Key;

/// How segments end.
const ENDING: &str = "vectors";

/// How often the folder may be deleted while a segment is made in it.
const DELETED: usize = 100;

/// An append-only store of the vectors of one model, `dim` components each.
pub struct VectorStore {
    folder: PathBuf,
    dim: usize,
    segments: Vec<Segment>,
    batches: Vec<StoredBatch>,
    /// The place of every stored vector, in the order they were found and appended.
    places: Vec<Place>,
    rows: HashMap<Key, u64>,
    writer: Option<Writer>,
    remade: bool,
}

struct Segment {
    path: PathBuf,
    file: File,
    /// Up to where it holds whole batches.
    end: u64,
}

/// The segment that is ours to write to.
struct Writer {
    segment: usize,
    /// Where what this store has written begins.
    own: u64,
    /// Held as long as the store is open; the system lets go of it when the process ends, however it ends.
    _lock: File,
}

struct StoredBatch {
    segment: usize,
    batch: Batch,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unread,
    Whole,
    Damaged,
}

#[derive(Clone, Copy)]
struct Place {
    batch: u32,
    /// Which vector of the batch it is.
    index: u32,
}

impl VectorStore {
    /// Opens the store in `folder`, which is made if need be. Segments that cannot be read are passed over.
    pub(super) fn open(folder: &Path, dim: usize) -> Result<Self, FileError> {
        let mut store = Self {
            folder: folder.to_owned(),
            dim,
            segments: Vec::new(),
            batches: Vec::new(),
            places: Vec::new(),
            rows: HashMap::new(),
            writer: None,
            remade: false,
        };
        store.make_folder()?;
        for number in segment_numbers(folder).map_err(|error| FileError::read(folder, error))? {
            let path = store.segment_path(number);
            // A segment that cannot be read costs only the time to compute its vectors again.
            if let Err(error) = store.load(number) {
                tracing::warn!("{} was passed over: {error}", path.display());
            }
        }
        Ok(store)
    }

    /// Components a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Whether somebody deleted the store while it was open, and it was made anew with what this one had written.
    pub fn was_remade(&self) -> bool {
        self.remade
    }

    /// The row of each text in this store, for [`Cache::assemble`](super::cache::Cache::assemble); `None` where
    /// there is no vector, or one that does not match its checksum.
    pub fn find(&mut self, keys: &[Key]) -> Vec<Option<u64>> {
        let batch_of = |key| Some(self.places[usize::try_from(*self.rows.get(key)?).ok()?].batch);
        let asked: HashSet<u32> = keys.iter().filter_map(batch_of).collect();
        let mut damaged = HashSet::new();
        for &index in &asked {
            let StoredBatch { segment, ref batch, state } = self.batches[index as usize];
            if state == State::Unread {
                let Segment { path, file, .. } = &mut self.segments[segment];
                let whole = segment::matches(file, batch, self.dim).unwrap_or(false);
                if !whole {
                    tracing::warn!(
                        "{} vectors in {} are damaged and made again",
                        batch.count,
                        path.display()
                    );
                    damaged.insert(index);
                }
                self.batches[index as usize].state = if whole { State::Whole } else { State::Damaged };
            }
        }
        if !damaged.is_empty() {
            let places = &self.places;
            self.rows.retain(|_, row| !damaged.contains(&places[*row as usize].batch));
        }
        self.touch(&asked);
        keys.iter().map(|key| self.rows.get(key).copied()).collect()
    }

    /// Notes that the segments of these batches are of use: the cache lets go of others first.
    fn touch(&self, batches: &HashSet<u32>) {
        let segments: HashSet<usize> = batches.iter().map(|&b| self.batches[b as usize].segment).collect();
        for segment in segments {
            // Where times cannot be set the segment counts as old, which costs time at worst.
            let _ = self.segments[segment].file.set_modified(SystemTime::now());
        }
    }

    /// Adds one batch: `vectors` holds `keys.len()` × `dim` values. Once this returned they are on the disk; after
    /// a failure the store is as it was before.
    ///
    /// If somebody deleted the folder meanwhile it is made again, with all that this store had added.
    pub fn append(&mut self, keys: &[Key], vectors: &[f32]) -> Result<(), FileError> {
        assert_eq!(vectors.len(), keys.len() * self.dim, "a vector a key");
        if keys.is_empty() {
            return Ok(());
        }
        self.restore_if_deleted()?;
        let index = self.writable()?;
        let Segment { path, file, end } = &mut self.segments[index];
        let batch = match segment::append(file, *end, keys, vectors) {
            Ok(batch) => batch,
            Err(error) => {
                // What is there of the batch would be taken for torn; without it the next has a clean start.
                let _ = file.set_len(*end);
                return Err(FileError::write(path, error));
            }
        };
        *end = batch.end(self.dim);
        self.index(index, batch, keys, State::Whole);
        Ok(())
    }

    /// Copies the rows, in that order, to `sink`; `None` becomes a row of zeros.
    pub(super) fn copy_rows(&self, rows: &[Option<u64>], sink: &mut impl Write) -> io::Result<()> {
        // SAFETY: segments are only ever appended to, or cut at a place beyond every batch that anybody knows.
        let map = |segment: &Segment| unsafe { Mmap::map(&segment.file) };
        let maps = self.segments.iter().map(map).collect::<io::Result<Vec<_>>>()?;
        let width = self.dim * size_of::<f32>();
        let zeros = vec![0; width];
        for row in rows {
            let bytes = match row {
                None => &zeros[..],
                Some(row) => self.bytes_of(*row, &maps, width).ok_or(io::ErrorKind::UnexpectedEof)?,
            };
            sink.write_all(bytes)?;
        }
        Ok(())
    }

    fn bytes_of<'m>(&self, row: u64, maps: &'m [Mmap], width: usize) -> Option<&'m [u8]> {
        let place = self.places.get(usize::try_from(row).ok()?)?;
        let StoredBatch { segment, batch, .. } = self.batches.get(place.batch as usize)?;
        let start = batch.vectors() as usize + place.index as usize * width;
        maps.get(*segment)?.get(start..start + width)
    }

    fn make_folder(&self) -> Result<(), FileError> {
        let made = fs::create_dir_all(&self.folder);
        made.map_err(|error| FileError::write(&self.folder, error))?;
        self.folder.parent().into_iter().for_each(atomic::sync_folder);
        Ok(())
    }

    fn segment_path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number}.{ENDING}"))
    }

    /// Reads the keys of segment `number`, and makes it ours to write to if we have none yet and it is free.
    fn load(&mut self, number: u32) -> io::Result<()> {
        let path = self.segment_path(number);
        let lock = if self.writer.is_none() { lock_of(&path).unwrap_or(None) } else { None };
        let mut file = OpenOptions::new().read(true).write(lock.is_some()).open(&path)?;
        if lock.is_some() && !segment::has_header(&file)? {
            // Whoever made it was killed before it came to that.
            file.set_len(0)?;
            segment::begin(&mut file, self.dim)?;
        }
        let (batches, end) = segment::read(&mut file, self.dim)?;
        let index = self.segments.len();
        if let Some(lock) = lock {
            file.set_len(end)?;
            self.writer = Some(Writer { segment: index, own: end, _lock: lock });
        }
        self.segments.push(Segment { path, file, end });
        for (batch, keys) in batches {
            self.index(index, batch, &keys, State::Unread);
        }
        Ok(())
    }

    /// The segment that is ours to write to: a new one if all that were there are taken.
    fn writable(&mut self) -> Result<usize, FileError> {
        if let Some(writer) = &self.writer {
            return Ok(writer.segment);
        }
        let (mut number, mut deleted) = (0, 0);
        loop {
            match self.new_segment(number) {
                Ok(Some((segment, lock))) => {
                    let own = segment.end;
                    self.segments.push(segment);
                    let segment = self.segments.len() - 1;
                    self.writer = Some(Writer { segment, own, _lock: lock });
                    return Ok(segment);
                }
                Ok(None) => number += 1,
                // Somebody deletes the folder just now.
                Err(FileError::Write { cause, .. })
                    if cause.kind() == io::ErrorKind::NotFound && deleted < DELETED =>
                {
                    deleted += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes segment `number` and takes its lock; `None` if it is there, or another process was faster.
    fn new_segment(&self, number: u32) -> Result<Option<(Segment, File)>, FileError> {
        self.make_folder()?;
        let path = self.segment_path(number);
        let failed = |error| FileError::write(&path, error);
        let created = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let mut file = match created {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            created => created.map_err(failed)?,
        };
        // Another process that found the new file before we locked it may have it, or have deleted it.
        let Some(lock) = lock_of(&path).map_err(failed)?.filter(|_| path.exists()) else { return Ok(None) };
        let end = segment::begin(&mut file, self.dim).map_err(|error| {
            // Without its beginning it is no segment: nobody could ever write to it.
            let _ = fs::remove_file(&path);
            failed(error)
        })?;
        atomic::sync_folder(&self.folder);
        Ok(Some((Segment { path, file, end }, lock)))
    }

    /// Writes what this store has added to a new segment, if the one it wrote to was deleted: the open file still
    /// holds it.
    fn restore_if_deleted(&mut self) -> Result<(), FileError> {
        let Some(writer) = self.writer.take_if(|writer| !self.segments[writer.segment].path.exists()) else {
            return Ok(());
        };
        self.remade = true;
        let lost = writer.segment;
        let restored = self.writable()?;
        let own: Vec<usize> = (0..self.batches.len())
            .filter(|&b| self.batches[b].segment == lost && self.batches[b].batch.start >= writer.own)
            .collect();
        for b in own {
            let Some([from, to]) = self.segments.get_disjoint_mut([lost, restored]).ok() else { continue };
            let batch = &mut self.batches[b];
            let failed = |error| FileError::write(&to.path, error);
            let copied = segment::copy(&mut from.file, &batch.batch, &mut to.file, to.end, self.dim);
            batch.batch = copied.map_err(failed)?;
            batch.segment = restored;
            to.end = batch.batch.end(self.dim);
        }
        Ok(())
    }

    /// Notes the vectors of a batch.
    fn index(&mut self, segment: usize, batch: Batch, keys: &[Key], state: State) {
        let number = self.batches.len() as u32;
        for (index, key) in keys.iter().enumerate() {
            self.rows.insert(*key, self.places.len() as u64);
            self.places.push(Place { batch: number, index: index as u32 });
        }
        self.batches.push(StoredBatch { segment, batch, state });
    }
}

/// The lock of the segment at `path`, unless another process holds it. It is a file of its own, because on some
/// systems a locked file cannot be read by others.
fn lock_of(path: &Path) -> io::Result<Option<File>> {
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(path.with_extension("lock"))?;
    Ok(file.try_lock().is_ok().then_some(file))
}

/// The numbers of the segments in `folder`, ascending.
fn segment_numbers(folder: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_segment = path.extension().is_some_and(|ending| ending == ENDING);
        let stem = path.file_stem().filter(|_| is_segment).and_then(|stem| stem.to_str());
        numbers.extend(stem.and_then(|stem| stem.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The segments of the store in `folder`.
pub(super) fn segments_in(folder: &Path) -> Vec<PathBuf> {
    let numbers = segment_numbers(folder).unwrap_or_default();
    numbers.into_iter().map(|number| folder.join(format!("{number}.{ENDING}"))).collect()
}

/// Deletes a segment unless somebody writes to it; whether it is gone. Those who read it keep what they have.
pub(super) fn delete_unused(path: &Path) -> bool {
    // The lock's file stays: two who made it anew at once would each believe they held it.
    let lock = lock_of(path).unwrap_or(None);
    lock.is_some() && fs::remove_file(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIM: usize = 3;

    fn key(i: u32) -> Key {
        Key::of("text", i).finish()
    }

    fn open(folder: &tempfile::TempDir) -> VectorStore {
        VectorStore::open(&folder.path().join("store"), DIM).unwrap()
    }

    fn rows_of(store: &mut VectorStore, keys: &[Key]) -> Vec<f32> {
        let mut bytes = Vec::new();
        let rows = store.find(keys);
        store.copy_rows(&rows, &mut bytes).unwrap();
        bytemuck::pod_collect_to_vec(&bytes)
    }

    /// Which of the keys 1, 2 … have a vector.
    fn found(store: &mut VectorStore, keys: u32) -> Vec<u32> {
        (1..=keys).filter(|&i| store.find(&[key(i)])[0].is_some()).collect()
    }

    /// A segment with batches of the keys 1, 2 and 3, 4; its path, its bytes, and where each batch starts and ends.
    fn three_batches(folder: &tempfile::TempDir) -> (PathBuf, Vec<u8>, Vec<usize>) {
        let mut store = open(folder);
        let mut bounds = vec![16];
        for keys in [&[1][..], &[2, 3], &[4]] {
            let vectors: Vec<f32> = keys.iter().flat_map(|&i| [i as f32; DIM]).collect();
            store.append(&keys.iter().map(|&i| key(i)).collect::<Vec<_>>(), &vectors).unwrap();
            bounds.push(store.segments[0].end as usize);
        }
        let path = store.segments[0].path.clone();
        drop(store);
        let bytes = fs::read(&path).unwrap();
        (path, bytes, bounds)
    }

    #[test]
    fn vectors_are_found_again_by_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder);
        store.append(&[key(1), key(2)], &[1., 2., 3., 4., 5., 6.]).unwrap();
        store.append(&[key(3)], &[7., 8., 9.]).unwrap();
        drop(store);
        let mut store = open(&folder);
        assert_eq!(store.find(&[key(3), key(9)]), [Some(2), None]);
        assert_eq!(rows_of(&mut store, &[key(3), key(9), key(1)]), [7., 8., 9., 0., 0., 0., 1., 2., 3.]);
    }

    #[test]
    fn a_torn_batch_is_forgotten_and_those_before_it_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (path, full, bounds) = three_batches(&folder);
        for cut in bounds[2]..bounds[3] {
            fs::write(&path, &full[..cut]).unwrap();
            let mut store = open(&folder);
            assert_eq!(found(&mut store, 4), [1, 2, 3], "cut at {cut}");
            store.append(&[key(5)], &[7., 8., 9.]).unwrap();
            drop(store);
            let mut store = open(&folder);
            assert_eq!(rows_of(&mut store, &[key(1), key(5)]), [1., 1., 1., 7., 8., 9.], "cut at {cut}");
        }
    }

    #[test]
    fn damage_costs_the_batch_it_is_in_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (path, full, bounds) = three_batches(&folder);
        let batches = [&[1][..], &[2, 3], &[4]];
        for at in bounds[0]..bounds[3] {
            let hit = bounds[1..].iter().take_while(|&&end| end <= at).count();
            let mut bytes = full.clone();
            bytes[at] ^= 0x40;
            fs::write(&path, bytes).unwrap();
            let expected: Vec<u32> = (1..=4).filter(|i| !batches[hit].contains(i)).collect();
            let mut store = open(&folder);
            assert_eq!(found(&mut store, 4), expected, "byte {at}");
            store.append(&[key(5)], &[5.; DIM]).unwrap();
            drop(store);
            assert_eq!(found(&mut open(&folder), 5), [&expected[..], &[5]].concat(), "byte {at}");
        }
    }

    #[test]
    fn pages_that_a_power_cut_left_empty_cost_only_their_batches() {
        let folder = tempfile::tempdir().unwrap();
        let (path, full, bounds) = three_batches(&folder);
        let mut bytes = full;
        bytes[bounds[1] + 4..bounds[2] - 1].fill(0);
        bytes.extend([0; 5000]);
        fs::write(&path, bytes).unwrap();
        assert_eq!(found(&mut open(&folder), 4), [1, 4]);
        assert_eq!(fs::metadata(&path).unwrap().len(), bounds[3] as u64, "the empty pages are cut off");
    }

    #[test]
    fn a_folder_that_is_deleted_again_and_again_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cache");
        let store_folder = root.join("vectors").join("store");
        let mut store = VectorStore::open(&store_folder, DIM).unwrap();
        let deleter = std::thread::spawn(move || {
            for _ in 0..300 {
                let _ = fs::remove_dir_all(&root);
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let mut count = 0;
        while !deleter.is_finished() {
            let appended = store.append(&[key(count)], &[count as f32; DIM]);
            appended.unwrap_or_else(|error| panic!("batch {count}: {error}"));
            count += 1;
        }
        store.append(&[key(count)], &[count as f32; DIM]).unwrap();
        drop(store);
        let mut store = VectorStore::open(&store_folder, DIM).unwrap();
        let all: Vec<Key> = (0..=count).map(key).collect();
        assert!(store.find(&all).iter().all(Option::is_some), "of {count}");
    }

    #[test]
    fn two_at_once_write_to_segments_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = open(&folder);
        first.append(&[key(1)], &[1., 1., 1.]).unwrap();
        let mut second = open(&folder);
        second.append(&[key(2)], &[2., 2., 2.]).unwrap();
        first.append(&[key(3)], &[3., 3., 3.]).unwrap();
        assert_eq!(second.find(&[key(1), key(2), key(3)]), [Some(0), Some(1), None]);
        drop((first, second));
        let mut store = open(&folder);
        assert_eq!(rows_of(&mut store, &[key(1), key(2), key(3)]), [1., 1., 1., 2., 2., 2., 3., 3., 3.]);
    }

    #[test]
    fn a_segment_that_was_only_just_begun_is_used() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(&folder));
        for begun in [&b""[..], b"SEMAVEC1\x03"] {
            fs::write(folder.path().join("store/0.vectors"), begun).unwrap();
            let mut store = open(&folder);
            store.append(&[key(1)], &[1., 2., 3.]).unwrap();
            drop(store);
            assert_eq!(found(&mut open(&folder), 1), [1]);
            assert_eq!(segments_in(&folder.path().join("store")).len(), 1);
        }
    }

    #[test]
    fn a_segment_of_garbage_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(&folder));
        fs::write(folder.path().join("store/0.vectors"), b"garbage that is no header").unwrap();
        let mut store = open(&folder);
        store.append(&[key(1)], &[1., 2., 3.]).unwrap();
        drop(store);
        assert_eq!(found(&mut open(&folder), 1), [1]);
    }

    #[cfg(unix)]
    #[test]
    fn a_store_deleted_while_open_is_made_again_with_what_it_had_added() {
        let folder = tempfile::tempdir().unwrap();
        let mut earlier = open(&folder);
        earlier.append(&[key(1)], &[1.; DIM]).unwrap();
        drop(earlier);
        let mut store = open(&folder);
        store.append(&[key(2)], &[2.; DIM]).unwrap();
        store.append(&[key(3)], &[3.; DIM]).unwrap();
        assert!(!store.was_remade());
        fs::remove_dir_all(folder.path().join("store")).unwrap();
        store.append(&[key(4)], &[4.; DIM]).unwrap();
        assert!(store.was_remade());
        assert_eq!(found(&mut store, 4), [1, 2, 3, 4], "what is in use stays valid");
        assert_eq!(rows_of(&mut store, &[key(3), key(1)]), [3., 3., 3., 1., 1., 1.]);
        drop(store);
        let mut store = open(&folder);
        assert_eq!(found(&mut store, 4), [2, 3, 4]);
        assert_eq!(rows_of(&mut store, &[key(4), key(2)]), [4., 4., 4., 2., 2., 2.]);
    }

    #[test]
    fn a_segment_in_use_is_not_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder);
        store.append(&[key(1)], &[1.; DIM]).unwrap();
        let [segment] = &segments_in(&folder.path().join("store"))[..] else { panic!("one segment") };
        assert!(!delete_unused(segment));
        drop(store);
        assert!(delete_unused(segment) && !segment.exists());
    }
}
