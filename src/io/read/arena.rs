//! Columns of any size in little memory: what grows too large goes to temporary files and is mapped back.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::Mmap;
use tempfile::TempPath;

use super::ReadError;
use crate::data::Strings;
use crate::io::scratch::Scratch;

/// All cells together stay in memory up to this size.
pub const MEMORY_BUDGET: usize = 64 << 20;

/// Buffers smaller than this are not worth a file.
const WORTH_A_FILE: usize = 16 << 10;

/// Values that were appended, the first of them possibly in a file.
struct Buffer<T> {
    tail: Vec<T>,
    file: Option<TempPath>,
}

impl<T> Default for Buffer<T> {
    fn default() -> Self {
        Self { tail: Vec::new(), file: None }
    }
}

impl<T: Pod + Send + Sync> Buffer<T> {
    fn size(&self) -> usize {
        size_of_val(self.tail.as_slice())
    }

    /// Moves what is in memory to the file.
    fn spill(&mut self, scratch: &Arc<Scratch>) -> io::Result<()> {
        let path = match &mut self.file {
            Some(path) => path,
            // By path rather than held open: hundreds of columns would use up the open files allowed.
            empty => empty.insert(tempfile::NamedTempFile::new_in(scratch.path())?.into_temp_path()),
        };
        OpenOptions::new().append(true).open(path)?.write_all(bytemuck::cast_slice(&self.tail))?;
        self.tail.clear();
        Ok(())
    }

    fn finish(mut self, scratch: Option<&Arc<Scratch>>) -> io::Result<Arc<dyn AsRef<[T]> + Send + Sync>> {
        let Some(scratch) = scratch.filter(|_| self.file.is_some()) else {
            self.tail.shrink_to_fit();
            return Ok(Arc::new(self.tail));
        };
        self.spill(scratch)?;
        let path = self.file.ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(Mapped::new(path, scratch.clone())?))
    }
}

/// A temporary file seen as values. The file goes when this is dropped.
struct Mapped<T> {
    // Dropped before the path is deleted, as Windows demands.
    map: Mmap,
    _path: TempPath,
    _scratch: Arc<Scratch>,
    values: PhantomData<T>,
}

impl<T> Mapped<T> {
    fn new(path: TempPath, scratch: Arc<Scratch>) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).open(&path)?;
        // SAFETY: the file is ours alone: it was created under a fresh name and nothing writes to it any more.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self { map, _path: path, _scratch: scratch, values: PhantomData })
    }
}

impl<T: Pod> AsRef<[T]> for Mapped<T> {
    fn as_ref(&self) -> &[T] {
        // A mapping starts on a page, which suits every value.
        bytemuck::cast_slice(&self.map)
    }
}

/// One column's cells while they come in.
struct Arena {
    bytes: Buffer<u8>,
    length: u64,
    ends: Buffer<u64>,
    cells: u64,
}

impl Arena {
    fn new() -> Self {
        let mut ends = Buffer::default();
        ends.tail.push(0);
        Self { bytes: Buffer::default(), length: 0, ends, cells: 0 }
    }

    fn push(&mut self, cell: &[u8]) {
        self.bytes.tail.extend_from_slice(cell);
        self.length += cell.len() as u64;
        self.ends.tail.push(self.length);
        self.cells += 1;
    }
}

/// Columns of equal length, built row by row.
pub(super) struct Arenas {
    columns: Vec<Arena>,
    rows: u64,
    /// Where a folder for temporary files is made once one is needed.
    folder: PathBuf,
    scratch: Option<Arc<Scratch>>,
    /// Bytes in memory since the last spill, and the mark at which the next is due.
    held: usize,
    mark: usize,
    budget: usize,
}

impl Arenas {
    /// `folder` takes the temporary files; the system's own place if there is none.
    pub fn new(folder: Option<&Path>, budget: usize) -> Self {
        let folder = folder.map_or_else(std::env::temp_dir, Path::to_owned);
        Self { columns: Vec::new(), rows: 0, folder, scratch: None, held: 0, mark: budget, budget }
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Another column, empty in all rows so far.
    pub fn add_column(&mut self) -> Result<(), ReadError> {
        self.columns.push(Arena::new());
        for _ in 0..self.rows {
            self.put(self.columns.len() - 1, b"")?;
        }
        Ok(())
    }

    /// Sets a cell of the row that is being built; a second value for the same cell is dropped.
    pub fn set(&mut self, column: usize, cell: &[u8]) -> Result<(), ReadError> {
        if self.columns[column].cells == self.rows { self.put(column, cell) } else { Ok(()) }
    }

    /// Completes the row; columns that got no value are empty in it.
    pub fn end_row(&mut self) -> Result<(), ReadError> {
        for column in 0..self.columns.len() {
            self.set(column, b"")?;
        }
        self.rows += 1;
        Ok(())
    }

    fn put(&mut self, column: usize, cell: &[u8]) -> Result<(), ReadError> {
        self.columns[column].push(cell);
        self.held += cell.len() + size_of::<u64>();
        if self.held >= self.mark { self.spill().map_err(|e| self.spill_error(e)) } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.held = 0;
        let scratch = match &mut self.scratch {
            Some(scratch) => scratch,
            empty => empty.insert(Arc::new(Scratch::new(&self.folder)?)),
        };
        for column in &mut self.columns {
            if column.bytes.size() >= WORTH_A_FILE {
                column.bytes.spill(scratch)?;
            }
            if column.ends.size() >= WORTH_A_FILE {
                column.ends.spill(scratch)?;
            }
            self.held += column.bytes.size() + column.ends.size();
        }
        self.mark = self.held + self.budget;
        Ok(())
    }

    fn spill_error(&self, source: io::Error) -> ReadError {
        ReadError::Spill { folder: self.folder.clone(), source }
    }

    /// The columns for good.
    pub fn finish(mut self) -> Result<Vec<Strings>, ReadError> {
        let mut finished = Vec::with_capacity(self.columns.len());
        for column in std::mem::take(&mut self.columns) {
            let scratch = self.scratch.as_ref();
            let bytes = column.bytes.finish(scratch).map_err(|e| self.spill_error(e))?;
            let ends = column.ends.finish(scratch).map_err(|e| self.spill_error(e))?;
            let broken = || io::Error::other("the temporary file does not hold what was written to it");
            finished.push(Strings::from_shared(bytes, ends).ok_or_else(|| self.spill_error(broken()))?);
        }
        Ok(finished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(folder: &Path, budget: usize) -> Vec<Strings> {
        let mut arenas = Arenas::new(Some(folder), budget);
        arenas.add_column().unwrap();
        for row in 0..5_000 {
            if row == 100 {
                arenas.add_column().unwrap();
            }
            arenas.set(0, format!("cell {row} é").as_bytes()).unwrap();
            arenas.set(0, b"a second value").unwrap();
            if row % 3 == 0 && row >= 100 {
                arenas.set(1, b"x").unwrap();
            }
            arenas.end_row().unwrap();
        }
        arenas.finish().unwrap()
    }

    #[test]
    fn cells_are_the_same_from_memory_and_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let (small, large) = (filled(folder.path(), 1_000), filled(folder.path(), MEMORY_BUDGET));
        assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing was spilled");
        for (a, b) in small.iter().zip(&large) {
            assert!(a.iter().eq(b.iter()));
        }
        assert_eq!((small[0].get(4_999), small[1].get(99), small[1].get(102)), ("cell 4999 é", "", "x"));
        drop(small);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "a temporary file was left behind");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let mut arenas = Arenas::new(Some(Path::new("/no/such/folder")), 10);
        arenas.add_column().unwrap();
        let error = arenas.set(0, &[b'x'; WORTH_A_FILE]).unwrap_err().to_string();
        assert!(error.contains("/no/such/folder"), "{error}");
    }
}
