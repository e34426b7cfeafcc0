//! The vectors that one model has made, by the content of each text: work done survives a stop, a crash, a power cut.
//!
//! A store is a folder of segments, `0.vectors`, `1.vectors` …. Each process appends to a segment that it alone
//! holds the lock of and reads the others as they were when it opened them, so any number of them can work at once.
//! A segment is a header and records; a record is one batch, synced before the next begins:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | how many vectors, `count` |
//! | 32 | blake3 of `count` and the keys |
//! | 32 | blake3 of the vectors |
//! | 16 × `count` | the keys of the texts |
//! | 4 × dim × `count` | the vectors, f32, little-endian |
//!
//! Only the last record can be torn. It is checked when a segment is opened, and cut off by whoever may write there.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::{FileError, atomic};
use crate::data::{KEY_BYTES, Key};

/// What a segment starts with; the dimension follows as 4 bytes, padded to 16.
const MAGIC: &[u8; 8] = b"SEMAVEC1";
const HEADER: u64 = 16;

/// Bytes of a record before its keys.
const RECORD_HEADER: u64 = 8 + 2 * HASH;
const HASH: u64 = 32;

/// An append-only store of the vectors of one model, `dim` components each.
pub struct VectorStore {
    folder: PathBuf,
    dim: usize,
    segments: Vec<Segment>,
    /// The place of every stored vector, in the order they were found and appended.
    places: Vec<Place>,
    rows: HashMap<Key, u64>,
    /// Index of the segment that is ours to write to, once there is one.
    writer: Option<Writer>,
}

struct Segment {
    path: PathBuf,
    file: File,
    /// Up to where it holds whole records.
    end: u64,
}

struct Writer {
    segment: usize,
    /// Held as long as the store is open; the system lets go of it when the process ends, however it ends.
    _lock: File,
}

#[derive(Clone, Copy)]
struct Place {
    segment: u32,
    offset: u64,
}

impl VectorStore {
    /// Opens the store in `folder`, which is made if need be. Segments that cannot be read are passed over.
    pub(super) fn open(folder: &Path, dim: usize) -> Result<Self, FileError> {
        let mut store = Self {
            folder: folder.to_owned(),
            dim,
            segments: Vec::new(),
            places: Vec::new(),
            rows: HashMap::new(),
            writer: None,
        };
        std::fs::create_dir_all(folder).map_err(|error| FileError::write(folder, error))?;
        for number in segment_numbers(folder).map_err(|error| FileError::read(folder, error))? {
            let path = store.segment_path(number);
            // A segment that cannot be read costs only the time to compute its vectors again.
            if let Err(error) = store.load(number) {
                tracing::warn!("{} was passed over: {error}", path.display());
            }
        }
        Ok(store)
    }

    /// How many vectors there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Components a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The row of each text in this store, for [`Cache::assemble`](super::cache::Cache::assemble).
    pub fn find(&self, keys: &[Key]) -> Vec<Option<u64>> {
        keys.iter().map(|key| self.rows.get(key).copied()).collect()
    }

    /// Adds one batch: `vectors` holds `keys.len()` × `dim` values. Once this returned they are on the disk; after
    /// a failure the store is as it was before.
    pub fn append(&mut self, keys: &[Key], vectors: &[f32]) -> Result<(), FileError> {
        assert_eq!(vectors.len(), keys.len() * self.dim, "a vector a key");
        if keys.is_empty() {
            return Ok(());
        }
        let index = self.writable()?;
        let segment = &mut self.segments[index];
        let record = Record::new(keys, vectors);
        let start = segment.end;
        if let Err(error) = record.write(&mut segment.file, start, vectors) {
            // What is there of the record would be taken for torn; without it the next batch has a clean start.
            let _ = segment.file.set_len(start);
            return Err(FileError::write(&segment.path, error));
        }
        segment.end = start + record_size(keys.len() as u64, self.dim).unwrap_or(0);
        self.index(index, start, keys);
        Ok(())
    }

    /// Copies the rows, in that order, to `sink`; `None` becomes a row of zeros.
    pub(super) fn copy_rows(&self, rows: &[Option<u64>], sink: &mut impl Write) -> io::Result<()> {
        // SAFETY: segments are only ever appended to, or cut at a place beyond every record that anybody knows.
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
        let start = place.offset as usize;
        maps.get(place.segment as usize)?.get(start..start + width)
    }

    fn segment_path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number}.vectors"))
    }

    /// The lock of segment `number`, unless another process holds it. It is a file of its own, because on some
    /// systems a locked file cannot be read by others.
    fn lock(&self, number: u32) -> io::Result<Option<File>> {
        let path = self.folder.join(format!("{number}.lock"));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        Ok(file.try_lock().is_ok().then_some(file))
    }

    /// Reads the keys of segment `number`, and makes it ours to write to if we have none yet and it is free.
    fn load(&mut self, number: u32) -> io::Result<()> {
        let path = self.segment_path(number);
        let lock = if self.writer.is_none() { self.lock(number).unwrap_or(None) } else { None };
        let mut file = OpenOptions::new().read(true).write(lock.is_some()).open(&path)?;
        let Records { heads, end } = read_segment(&mut file, self.dim)?;
        let index = self.segments.len();
        if let Some(lock) = lock {
            file.set_len(end)?;
            self.writer = Some(Writer { segment: index, _lock: lock });
        }
        self.segments.push(Segment { path, file, end });
        for (start, keys) in heads {
            self.index(index, start, &keys);
        }
        Ok(())
    }

    /// The segment that is ours to write to: a new one if all that were there are taken.
    fn writable(&mut self) -> Result<usize, FileError> {
        if let Some(writer) = &self.writer {
            return Ok(writer.segment);
        }
        let mut number = 0;
        loop {
            let path = self.segment_path(number);
            let failed = |error| FileError::write(&path, error);
            let created = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
            let mut file = match created {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    number += 1;
                    continue;
                }
                Err(error) => return Err(failed(error)),
            };
            // Another process that found the new file before we locked it may have it.
            let Some(lock) = self.lock(number).map_err(failed)? else { continue };
            let mut header = MAGIC.to_vec();
            header.extend((self.dim as u64).to_le_bytes());
            file.write_all(&header).map_err(failed)?;
            atomic::sync_folder(&self.folder);
            self.segments.push(Segment { path, file, end: HEADER });
            let segment = self.segments.len() - 1;
            self.writer = Some(Writer { segment, _lock: lock });
            return Ok(segment);
        }
    }

    /// Notes the vectors of the record at `start`.
    fn index(&mut self, segment: usize, start: u64, keys: &[Key]) {
        let first = start + RECORD_HEADER + (keys.len() * KEY_BYTES) as u64;
        for (i, key) in keys.iter().enumerate() {
            let offset = first + (i * self.dim * size_of::<f32>()) as u64;
            self.rows.insert(*key, self.places.len() as u64);
            self.places.push(Place { segment: segment as u32, offset });
        }
    }
}

/// What is written before the vectors of a batch.
struct Record {
    head: Vec<u8>,
}

impl Record {
    fn new(keys: &[Key], vectors: &[f32]) -> Self {
        let count = (keys.len() as u64).to_le_bytes();
        let keys: Vec<u8> = keys.iter().flat_map(|key| key.to_bytes()).collect();
        let mut head = count.to_vec();
        head.extend(hash(&[&count, &keys]));
        head.extend(hash(&[bytemuck::cast_slice(vectors)]));
        head.extend(keys);
        Self { head }
    }

    fn write(&self, file: &mut File, start: u64, vectors: &[f32]) -> io::Result<()> {
        file.seek(SeekFrom::Start(start))?;
        file.write_all(&self.head)?;
        file.write_all(bytemuck::cast_slice(vectors))?;
        file.sync_data()
    }
}

fn hash(pieces: &[&[u8]]) -> [u8; HASH as usize] {
    let mut hasher = blake3::Hasher::new();
    for piece in pieces {
        hasher.update(piece);
    }
    *hasher.finalize().as_bytes()
}

/// Bytes of a record, unless they are more than any file has.
fn record_size(count: u64, dim: usize) -> Option<u64> {
    let vector = KEY_BYTES as u64 + (dim as u64).checked_mul(size_of::<f32>() as u64)?;
    count.checked_mul(vector)?.checked_add(RECORD_HEADER)
}

/// The whole records of a segment.
struct Records {
    /// Where each starts, and whose vectors it holds.
    heads: Vec<(u64, Vec<Key>)>,
    /// Where the last of them ends.
    end: u64,
}

fn read_segment(file: &mut File, dim: usize) -> io::Result<Records> {
    let size = file.metadata()?.len();
    let mut header = [0; HEADER as usize];
    file.read_exact(&mut header)?;
    if header[..8] != MAGIC[..] || header[8..] != (dim as u64).to_le_bytes() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no store of vectors of this length"));
    }
    let mut heads = Vec::new();
    let mut at = HEADER;
    let mut last_check = [0; HASH as usize];
    while let Some((keys, vectors_check)) = read_record_head(file, at, size, dim)? {
        let start = at;
        at += record_size(keys.len() as u64, dim).unwrap_or(0);
        last_check = vectors_check;
        heads.push((start, keys));
    }
    // The batches before the last were synced before it was begun.
    if let Some((start, keys)) = heads.last() {
        let mut vectors = vec![0; keys.len() * dim * size_of::<f32>()];
        file.seek(SeekFrom::Start(at - vectors.len() as u64))?;
        file.read_exact(&mut vectors)?;
        if hash(&[&vectors]) != last_check {
            at = *start;
            heads.pop();
        }
    }
    Ok(Records { heads, end: at })
}

/// The keys of the record at `at` and the hash of its vectors; `None` unless it is whole in a file of `size` bytes.
fn read_record_head(
    file: &mut File,
    at: u64,
    size: u64,
    dim: usize,
) -> io::Result<Option<(Vec<Key>, [u8; HASH as usize])>> {
    if size.saturating_sub(at) < RECORD_HEADER {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    let (mut count, mut keys_check, mut vectors_check) = ([0; 8], [0; HASH as usize], [0; HASH as usize]);
    file.read_exact(&mut count)?;
    file.read_exact(&mut keys_check)?;
    file.read_exact(&mut vectors_check)?;
    let vectors = u64::from_le_bytes(count);
    let fits = record_size(vectors, dim).is_some_and(|bytes| bytes <= size - at);
    if vectors == 0 || !fits {
        return Ok(None);
    }
    let mut keys = vec![0; vectors as usize * KEY_BYTES];
    file.read_exact(&mut keys)?;
    if hash(&[&count, &keys]) != keys_check {
        return Ok(None);
    }
    let keys = keys.as_chunks::<KEY_BYTES>().0.iter().map(|bytes| Key::from_bytes(*bytes)).collect();
    Ok(Some((keys, vectors_check)))
}

/// The numbers of the segments in `folder`, ascending.
fn segment_numbers(folder: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number: Option<u32> = name.to_str().and_then(|name| name.strip_suffix(".vectors")?.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIM: usize = 3;

    fn key(i: u32) -> Key {
        Key::of("text", i).finish()
    }

    fn rows_of(store: &VectorStore, keys: &[Key]) -> Vec<f32> {
        let mut bytes = Vec::new();
        store.copy_rows(&store.find(keys), &mut bytes).unwrap();
        bytemuck::pod_collect_to_vec(&bytes)
    }

    #[test]
    fn vectors_are_found_again_by_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = VectorStore::open(folder.path(), DIM).unwrap();
        store.append(&[key(1), key(2)], &[1., 2., 3., 4., 5., 6.]).unwrap();
        store.append(&[key(3)], &[7., 8., 9.]).unwrap();
        drop(store);
        let store = VectorStore::open(folder.path(), DIM).unwrap();
        assert_eq!(store.find(&[key(3), key(9)]), [Some(2), None]);
        assert_eq!(rows_of(&store, &[key(3), key(9), key(1)]), [7., 8., 9., 0., 0., 0., 1., 2., 3.]);
    }

    #[test]
    fn a_torn_batch_is_forgotten_and_those_before_it_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = VectorStore::open(folder.path(), DIM).unwrap();
        store.append(&[key(1)], &[1., 2., 3.]).unwrap();
        let whole = store.segments[0].end;
        store.append(&[key(2)], &[4., 5., 6.]).unwrap();
        let (path, end) = (store.segments[0].path.clone(), store.segments[0].end);
        drop(store);
        let full = std::fs::read(&path).unwrap();
        for cut in whole..end {
            std::fs::write(&path, &full[..cut as usize]).unwrap();
            let mut store = VectorStore::open(folder.path(), DIM).unwrap();
            assert_eq!(store.find(&[key(1), key(2)]), [Some(0), None], "cut at {cut}");
            store.append(&[key(3)], &[7., 8., 9.]).unwrap();
            drop(store);
            let store = VectorStore::open(folder.path(), DIM).unwrap();
            assert_eq!(rows_of(&store, &[key(1), key(3)]), [1., 2., 3., 7., 8., 9.], "cut at {cut}");
        }
    }

    #[test]
    fn a_last_batch_with_wrong_bytes_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = VectorStore::open(folder.path(), DIM).unwrap();
        store.append(&[key(1)], &[1., 2., 3.]).unwrap();
        let path = store.segments[0].path.clone();
        drop(store);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 0x40;
        std::fs::write(&path, bytes).unwrap();
        assert!(VectorStore::open(folder.path(), DIM).unwrap().is_empty());
    }

    #[test]
    fn two_at_once_write_to_segments_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = VectorStore::open(folder.path(), DIM).unwrap();
        first.append(&[key(1)], &[1., 1., 1.]).unwrap();
        let mut second = VectorStore::open(folder.path(), DIM).unwrap();
        second.append(&[key(2)], &[2., 2., 2.]).unwrap();
        first.append(&[key(3)], &[3., 3., 3.]).unwrap();
        assert_eq!(second.find(&[key(1), key(2), key(3)]), [Some(0), Some(1), None]);
        drop((first, second));
        let store = VectorStore::open(folder.path(), DIM).unwrap();
        assert_eq!(rows_of(&store, &[key(1), key(2), key(3)]), [1., 1., 1., 2., 2., 2., 3., 3., 3.]);
    }

    #[test]
    fn a_segment_of_garbage_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("0.vectors"), b"garbage").unwrap();
        let mut store = VectorStore::open(folder.path(), DIM).unwrap();
        store.append(&[key(1)], &[1., 2., 3.]).unwrap();
        drop(store);
        assert_eq!(VectorStore::open(folder.path(), DIM).unwrap().len(), 1);
    }
}
