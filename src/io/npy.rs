//! NumPy's `.npy`: vectors in and out, and the arrays of the `knn` command.

use std::fs::File;
use std::io::{self, Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use half::f16;
use memmap2::Mmap;
use npyz::{DType, NpyHeader, Order, TypeChar};
use rayon::prelude::*;

use super::{FileError, atomic};
use crate::data::{Element, Key, Matrix};

/// How far a row's length may be from one: what halves lose by rounding, with room to spare.
const UNIT_TOLERANCE: f64 = 2e-3;

/// Rows looked at in one go.
const BLOCK_ROWS: usize = 4096;

/// Headers of plain arrays are some hundred bytes long; NumPy refuses those above 10,000 as well.
const MAX_HEADER: usize = 10_000;

/// Brackets in a header, so that no nesting can exhaust the parser's stack. A plain array has two pairs.
const MAX_BRACKETS: usize = 64;

/// Opens `n` × `d` vectors of f32, f16 or f64.
///
/// f32 and f16 in C order stay in the file, which is mapped (it must not be cut short meanwhile); f64 and Fortran
/// order are converted into `4 n d` bytes of memory. The key is of the content. Fails on anything but two
/// dimensions of little-endian floats, on a file cut short, and on values that are not finite.
pub fn read_matrix(path: &Path) -> Result<Matrix, FileError> {
    let array = Array::open(path)?;
    let (rows, dim) = (array.rows, array.columns);
    if rows == 0 || dim == 0 {
        return Err(FileError::format(
            path,
            "holds no vectors. Save an array of shape (documents, dimensions).",
        ));
    }
    let kind = array.kind;
    let key = Key::of("npy", 1).params(&(rows, dim, kind.name(), array.order == Order::Fortran));
    let key = key.bytes(array.body()).finish();
    let made_by = file_name(path);
    let mut matrix = match (kind, array.order) {
        (Kind::F32 | Kind::F16, Order::C) => {
            let element = if kind == Kind::F32 { Element::F32 } else { Element::F16 };
            let start = array.start;
            Matrix::from_bytes(key, made_by, false, (rows, dim), element, Arc::new(array.map), start)
                .ok_or_else(|| cut_short(path))?
        }
        (Kind::F32 | Kind::F16 | Kind::F64, _) => {
            Matrix::from_vec(key, made_by, false, dim, array.to_rows(kind))
        }
        (Kind::U32, _) => return Err(array.wrong_kind("floats (f2, f4 or f8)")),
    };
    matrix.unit = unit_rows(&matrix).map_err(|row| {
        let problem = format!(
            "holds a value in row {row} (counted from 0) that is not a finite number. \
             Replace such values, for instance with numpy.nan_to_num, and save it again."
        );
        FileError::format(path, problem)
    })?;
    Ok(matrix)
}

/// Opens a `rows` × `columns` array of u32, row-major.
pub fn read_u32(path: &Path) -> Result<(usize, usize, Vec<u32>), FileError> {
    let array = Array::open(path)?;
    if array.kind != Kind::U32 || array.order != Order::C {
        return Err(array.wrong_kind("u32 (u4) in C order"));
    }
    Ok((array.rows, array.columns, bytemuck::pod_collect_to_vec(array.body())))
}

/// Opens a `rows` × `columns` array of f32, row-major.
pub fn read_f32(path: &Path) -> Result<(usize, usize, Vec<f32>), FileError> {
    let array = Array::open(path)?;
    if array.kind != Kind::F32 || array.order != Order::C {
        return Err(array.wrong_kind("f32 (f4) in C order"));
    }
    Ok((array.rows, array.columns, bytemuck::pod_collect_to_vec(array.body())))
}

/// Writes vectors as they are stored (f32 or f16), C order.
pub fn write_matrix(path: &Path, matrix: &Matrix) -> Result<(), FileError> {
    let kind = match matrix.element() {
        Element::F32 => Kind::F32,
        Element::F16 => Kind::F16,
    };
    write(path, kind, matrix.rows(), matrix.dim(), matrix.raw())
}

/// Writes a `rows` × `columns` array of u32, row-major.
pub fn write_u32(path: &Path, rows: usize, columns: usize, values: &[u32]) -> Result<(), FileError> {
    assert_eq!(values.len(), rows * columns, "an array has rows of one length");
    write(path, Kind::U32, rows, columns, bytemuck::cast_slice(values))
}

/// Writes a `rows` × `columns` array of f32, row-major.
pub fn write_f32(path: &Path, rows: usize, columns: usize, values: &[f32]) -> Result<(), FileError> {
    assert_eq!(values.len(), rows * columns, "an array has rows of one length");
    write(path, Kind::F32, rows, columns, bytemuck::cast_slice(values))
}

/// Whether every row but rows of zeros has length one; the error is the first row with a value that is not finite.
pub(super) fn unit_rows(matrix: &Matrix) -> Result<bool, usize> {
    let dim = matrix.dim();
    let blocks: Vec<_> = matrix.ranges(BLOCK_ROWS).collect();
    let looked: Vec<Result<bool, usize>> = blocks
        .into_par_iter()
        .map(|range| {
            let mut unit = true;
            for (row, values) in range.clone().zip(matrix.block(range).chunks_exact(dim)) {
                let squares: f64 = values.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
                if !squares.is_finite() {
                    return Err(row);
                }
                unit &= squares == 0.0 || (squares.sqrt() - 1.0).abs() <= UNIT_TOLERANCE;
            }
            Ok(unit)
        })
        .collect();
    looked.into_iter().try_fold(true, |all, block| Ok(all & block?))
}

/// The file's own name, for titles.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// What one number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    F16,
    F32,
    F64,
    U32,
}

impl Kind {
    /// The form it has in a header.
    fn name(self) -> &'static str {
        match self {
            Self::F16 => "<f2",
            Self::F32 => "<f4",
            Self::F64 => "<f8",
            Self::U32 => "<u4",
        }
    }

    fn size(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 | Self::U32 => 4,
            Self::F64 => 8,
        }
    }

    fn of(dtype: &DType) -> Option<Self> {
        let DType::Plain(plain) = dtype else { return None };
        let big = plain.endianness() == npyz::Endianness::Big;
        match (plain.type_char(), plain.size_field()) {
            _ if big => None,
            (TypeChar::Float, 2) => Some(Self::F16),
            (TypeChar::Float, 4) => Some(Self::F32),
            (TypeChar::Float, 8) => Some(Self::F64),
            (TypeChar::Uint, 4) => Some(Self::U32),
            _ => None,
        }
    }
}

/// A mapped file whose header made sense and whose body is all there.
struct Array<'p> {
    path: &'p Path,
    map: Mmap,
    start: usize,
    rows: usize,
    columns: usize,
    kind: Kind,
    order: Order,
}

impl<'p> Array<'p> {
    fn open(path: &'p Path) -> Result<Self, FileError> {
        let map = map(path)?;
        if !header_is_modest(&map) {
            return Err(FileError::format(path, "is not an array that NumPy wrote (.npy)."));
        }
        let mut cursor = Cursor::new(&map[..]);
        let header = NpyHeader::from_reader(&mut cursor).map_err(|error| {
            FileError::format(path, format!("is not an array that NumPy wrote (.npy): {error}."))
        })?;
        let start = cursor.position() as usize;
        let &[rows, columns] = header.shape() else {
            let dimensions = header.shape().len();
            let problem = format!(
                "has {dimensions} dimension{}; an array of two, one row a document, is needed.",
                if dimensions == 1 { "" } else { "s" }
            );
            return Err(FileError::format(path, problem));
        };
        let kind = Kind::of(&header.dtype()).ok_or_else(|| {
            let problem = format!(
                "holds {}; save it as 32-bit floats instead (array.astype('<f4')).",
                if header.uses_pickled_array() { "Python objects".into() } else { header.dtype().descr() }
            );
            FileError::format(path, problem)
        })?;
        let needed =
            usize::try_from(rows).ok().zip(usize::try_from(columns).ok()).and_then(|(rows, columns)| {
                rows.checked_mul(columns)?.checked_mul(kind.size())?.checked_add(start)
            });
        if needed.is_none_or(|needed| needed > map.len()) {
            return Err(cut_short(path));
        }
        Ok(Self {
            path,
            start,
            rows: rows as usize,
            columns: columns as usize,
            kind,
            order: header.order(),
            map,
        })
    }

    fn body(&self) -> &[u8] {
        &self.map[self.start..self.start + self.rows * self.columns * self.kind.size()]
    }

    fn wrong_kind(&self, wanted: &str) -> FileError {
        let order = if self.order == Order::Fortran { " in Fortran order" } else { "" };
        FileError::format(self.path, format!("holds {}{order}; {wanted} is needed.", self.kind.name()))
    }

    /// All values as f32, row-major.
    fn to_rows(&self, kind: Kind) -> Vec<f32> {
        let (size, body) = (kind.size(), self.body());
        let value = |at: usize| {
            let bytes = &body[at * size..(at + 1) * size];
            match kind {
                Kind::F16 => f16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
                Kind::F64 => bytemuck::pod_read_unaligned::<f64>(bytes) as f32,
                Kind::F32 | Kind::U32 => bytemuck::pod_read_unaligned::<f32>(bytes),
            }
        };
        let (rows, columns) = (self.rows, self.columns);
        let mut values = vec![0.0; rows * columns];
        // Few rows at a time: their pieces of every column stay in the processor's cache in Fortran order too.
        const TILE: usize = 64;
        values.par_chunks_mut(TILE * columns).enumerate().for_each(|(tile, out)| {
            let (first, count) = (tile * TILE, out.len() / columns);
            match self.order {
                Order::C => (0..out.len()).for_each(|i| out[i] = value(first * columns + i)),
                Order::Fortran => (0..columns).for_each(|c| {
                    (0..count).for_each(|r| out[r * columns + c] = value(c * rows + first + r));
                }),
            }
        });
        values
    }
}

/// Maps a whole file for reading. An empty file cannot be mapped everywhere, and holds nothing we know.
pub(super) fn map(path: &Path) -> Result<Mmap, FileError> {
    let file = File::open(path).map_err(|error| FileError::read(path, error))?;
    let metadata = file.metadata().map_err(|error| FileError::read(path, error))?;
    if metadata.is_dir() {
        return Err(FileError::read(path, io::ErrorKind::IsADirectory.into()));
    }
    if metadata.len() == 0 {
        return Err(FileError::format(path, "is empty."));
    }
    // SAFETY: the map is only read. Whoever cuts the file short while it is open ends the program with a bus error,
    // which no reader of a mapped file can rule out; our own writers replace files instead.
    unsafe { Mmap::map(&file) }.map_err(|error| FileError::read(path, error))
}

fn cut_short(path: &Path) -> FileError {
    FileError::format(path, "ends before all the rows that its header promises. Copy or save it again.")
}

/// Whether the header can be handed to the parser without it needing much memory or a deep stack.
fn header_is_modest(bytes: &[u8]) -> bool {
    let (length, start) = match bytes {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, a, b, ..] => (u16::from_le_bytes([*a, *b]) as usize, 10),
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
            (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 12)
        }
        _ => return false,
    };
    let header = &bytes[start..bytes.len().min(start + length)];
    length <= MAX_HEADER && header.iter().filter(|byte| b"([{".contains(byte)).count() <= MAX_BRACKETS
}

fn write(path: &Path, kind: Kind, rows: usize, columns: usize, body: &[u8]) -> Result<(), FileError> {
    atomic::replace(path, |sink| {
        sink.write_all(&header(kind, rows, columns))?;
        sink.write_all(body)
    })
}

/// A version 1.0 header, padded so that the body starts at a multiple of 64 bytes, as NumPy does.
fn header(kind: Kind, rows: usize, columns: usize) -> Vec<u8> {
    const PREFIX: usize = 10;
    let mut dict =
        format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}", kind.name());
    let padded = (PREFIX + dict.len() + 1).next_multiple_of(64);
    dict.extend(std::iter::repeat_n(' ', padded - PREFIX - dict.len() - 1));
    dict.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((dict.len() as u16).to_le_bytes());
    header.extend(dict.as_bytes());
    header
}
