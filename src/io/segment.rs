//! One file of a store of vectors: a header, and batches one after the other.
//!
//! The header is 8 letters and the length of a vector (8 bytes). A batch is:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | how many vectors, `count` |
//! | 32 | blake3 of `count` and the keys |
//! | 32 | blake3 of the vectors |
//! | 16 × `count` | the keys of the texts |
//! | 4 × dim × `count` | the vectors, f32, little-endian |
//!
//! A batch whose head is damaged hides where the next one starts; that one is found by its own checksum.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::data::{KEY_BYTES, Key};

const MAGIC: &[u8; 8] = b"SEMAVEC1";
const HEADER: u64 = 16;

/// Bytes of a batch before its keys.
const BATCH_HEADER: u64 = 8 + 2 * HASH as u64;
const HASH: usize = 32;

/// Everything in a segment starts at a multiple of this.
const ALIGNMENT: usize = 4;

/// Bytes looked through at once.
const WINDOW: usize = 1 << 20;

/// Where a batch lies, and what its vectors must hash to.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub start: u64,
    pub count: u64,
    check: [u8; HASH],
}

impl Batch {
    /// Where its vectors start.
    pub fn vectors(&self) -> u64 {
        self.start + BATCH_HEADER + self.count * KEY_BYTES as u64
    }

    /// Where the next batch may start.
    pub fn end(&self, dim: usize) -> u64 {
        self.vectors() + self.count * (dim * size_of::<f32>()) as u64
    }
}

/// Writes the header; returns where the first batch starts.
pub(super) fn begin(file: &mut File, dim: usize) -> io::Result<u64> {
    let mut header = MAGIC.to_vec();
    header.extend((dim as u64).to_le_bytes());
    file.write_all(&header)?;
    Ok(HEADER)
}

/// Whether there is room for a header at all.
pub(super) fn has_header(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.len() >= HEADER)
}

/// Writes a batch at `start`, through to the disk.
pub(super) fn append(file: &mut File, start: u64, keys: &[Key], vectors: &[f32]) -> io::Result<Batch> {
    let count = (keys.len() as u64).to_le_bytes();
    let keys: Vec<u8> = keys.iter().flat_map(|key| key.to_bytes()).collect();
    let check = hash(&[bytemuck::cast_slice(vectors)]);
    let mut head = count.to_vec();
    head.extend(hash(&[&count, &keys]));
    head.extend(check);
    head.extend(keys);
    file.seek(SeekFrom::Start(start))?;
    file.write_all(&head)?;
    file.write_all(bytemuck::cast_slice(vectors))?;
    file.sync_data()?;
    Ok(Batch { start, count: u64::from_le_bytes(count), check })
}

/// Copies a batch to another segment, through to the disk.
pub(super) fn copy(
    from: &mut File,
    batch: &Batch,
    to: &mut File,
    start: u64,
    dim: usize,
) -> io::Result<Batch> {
    from.seek(SeekFrom::Start(batch.start))?;
    to.seek(SeekFrom::Start(start))?;
    let size = batch.end(dim) - batch.start;
    let copied = io::copy(&mut from.take(size), to)?;
    if copied < size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    to.sync_data()?;
    Ok(Batch { start, ..batch.clone() })
}

/// Whether the vectors of a batch are what was written.
pub(super) fn matches(file: &mut File, batch: &Batch, dim: usize) -> io::Result<bool> {
    file.seek(SeekFrom::Start(batch.vectors()))?;
    let mut hasher = blake3::Hasher::new();
    let mut vectors = file.take(batch.end(dim) - batch.vectors());
    io::copy(&mut vectors, &mut hasher)?;
    Ok(hasher.finalize().as_bytes() == &batch.check)
}

/// A batch and whose vectors it holds.
pub(super) type Keyed = (Batch, Vec<Key>);

/// The batches that are there in full, and where the last of them ends. Their vectors are not looked at.
pub(super) fn read(file: &mut File, dim: usize) -> io::Result<(Vec<Keyed>, u64)> {
    let size = file.metadata()?.len();
    let mut header = [0; HEADER as usize];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut header)?;
    if header[..8] != MAGIC[..] || header[8..] != (dim as u64).to_le_bytes() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no store of vectors of this length"));
    }
    let (mut batches, mut end) = (Vec::new(), HEADER);
    let mut at = Some(HEADER);
    while let Some(start) = at {
        match read_head(file, start, size, dim)? {
            Some((batch, keys)) => {
                end = batch.end(dim);
                batches.push((batch, keys));
                at = Some(end);
            }
            None => at = next_head(file, start, size, dim)?,
        }
    }
    Ok((batches, end))
}

/// The batch at `start` and its keys; `None` unless it is whole in a file of `size` bytes.
fn read_head(file: &mut File, start: u64, size: u64, dim: usize) -> io::Result<Option<Keyed>> {
    if size.saturating_sub(start) < BATCH_HEADER {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(start))?;
    let (mut count, mut keys_check, mut check) = ([0; 8], [0; HASH], [0; HASH]);
    file.read_exact(&mut count)?;
    if !fits(u64::from_le_bytes(count), start, size, dim) {
        return Ok(None);
    }
    file.read_exact(&mut keys_check)?;
    file.read_exact(&mut check)?;
    let batch = Batch { start, count: u64::from_le_bytes(count), check };
    let mut keys = vec![0; batch.count as usize * KEY_BYTES];
    file.read_exact(&mut keys)?;
    if hash(&[&count, &keys]) != keys_check {
        return Ok(None);
    }
    let keys = keys.as_chunks::<KEY_BYTES>().0.iter().map(|bytes| Key::from_bytes(*bytes)).collect();
    Ok(Some((batch, keys)))
}

/// Whether a batch of `count` vectors at `start` ends within `size` bytes.
fn fits(count: u64, start: u64, size: u64, dim: usize) -> bool {
    let vector = KEY_BYTES as u64 + (dim * size_of::<f32>()) as u64;
    let bytes = count.checked_mul(vector).and_then(|bytes| bytes.checked_add(BATCH_HEADER));
    count > 0 && bytes.is_some_and(|bytes| bytes <= size.saturating_sub(start))
}

/// Where the first whole batch after `from` starts.
fn next_head(file: &mut File, from: u64, size: u64, dim: usize) -> io::Result<Option<u64>> {
    let mut window = Vec::new();
    let mut at = from + ALIGNMENT as u64;
    while at + BATCH_HEADER <= size {
        window.clear();
        file.seek(SeekFrom::Start(at))?;
        (&mut *file).take((WINDOW + size_of::<u64>()) as u64).read_to_end(&mut window)?;
        for (i, count) in window.windows(size_of::<u64>()).enumerate().step_by(ALIGNMENT) {
            let count = count.try_into().map_or(0, u64::from_le_bytes);
            let start = at + i as u64;
            if fits(count, start, size, dim) && read_head(file, start, size, dim)?.is_some() {
                return Ok(Some(start));
            }
        }
        at += WINDOW as u64;
    }
    Ok(None)
}

fn hash(pieces: &[&[u8]]) -> [u8; HASH] {
    let mut hasher = blake3::Hasher::new();
    for piece in pieces {
        hasher.update(piece);
    }
    *hasher.finalize().as_bytes()
}
