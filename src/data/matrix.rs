//! The vectors of a space.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;
use serde::{Deserialize, Serialize};

use super::{Bytes, Key, Recall};

/// How one component is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Element {
    F32,
    F16,
}

impl Element {
    /// Bytes a component.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }
}

/// The largest number in half precision.
pub const LARGEST_HALF: f32 = 65_504.0;

/// `rows` × `dim` vectors, row-major, little-endian, in memory or in a mapped file.
///
/// Algorithms read it in blocks of rows and never assume that all of it is one slice in memory.
#[derive(Clone)]
pub struct Matrix {
    pub key: Key,
    /// What made the vectors, in words: a model's name, a file's name.
    pub made_by: String,
    /// Whether every row (but rows of zeros) has length one.
    pub unit: bool,
    /// Of a copy in half precision: how many of the neighbours that the vectors had before are their neighbours still.
    pub kept: Option<Recall>,
    rows: usize,
    dim: usize,
    element: Element,
    bytes: Bytes,
    /// Where the first component lies in `bytes`.
    start: usize,
}

/// A vector whose bytes can be shared; the alignment of `f32` is kept.
struct Floats(Vec<f32>);

impl AsRef<[u8]> for Floats {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl Matrix {
    /// Vectors in memory; `values.len()` must be `rows * dim`.
    pub fn from_vec(key: Key, made_by: impl Into<String>, unit: bool, dim: usize, values: Vec<f32>) -> Self {
        let rows = values.len().checked_div(dim).unwrap_or(0);
        assert_eq!(values.len(), rows * dim, "a matrix has rows of one length");
        Self {
            key,
            made_by: made_by.into(),
            unit,
            kept: None,
            rows,
            dim,
            element: Element::F32,
            bytes: Arc::new(Floats(values)),
            start: 0,
        }
    }

    /// Vectors in bytes that `io` mapped; `None` when they are too few.
    #[allow(clippy::too_many_arguments)]
    pub fn from_bytes(
        key: Key,
        made_by: impl Into<String>,
        unit: bool,
        (rows, dim): (usize, usize),
        element: Element,
        bytes: Bytes,
        start: usize,
    ) -> Option<Self> {
        let needed = rows.checked_mul(dim)?.checked_mul(element.size())?.checked_add(start)?;
        let enough = (*bytes).as_ref().len() >= needed;
        enough.then(|| Self {
            key,
            made_by: made_by.into(),
            unit,
            kept: None,
            rows,
            dim,
            element,
            bytes,
            start,
        })
    }

    /// The same vectors, with what is known of them as a copy in half precision.
    pub fn with_kept(self, kept: Option<Recall>) -> Self {
        Self { kept, ..self }
    }

    /// Number of vectors.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Components a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How the components are stored.
    pub fn element(&self) -> Element {
        self.element
    }

    /// The stored bytes of all rows, row-major, little-endian.
    pub fn raw(&self) -> &[u8] {
        &(*self.bytes).as_ref()[self.start..self.start + self.rows * self.dim * self.element.size()]
    }

    /// The rows in `range` as `range.len() * dim` floats: borrowed where they are stored so, widened otherwise.
    pub fn block(&self, range: Range<usize>) -> Cow<'_, [f32]> {
        let width = self.dim * self.element.size();
        let bytes = &self.raw()[range.start * width..range.end * width];
        match self.element {
            Element::F32 => match bytemuck::try_cast_slice(bytes) {
                Ok(floats) if cfg!(target_endian = "little") => Cow::Borrowed(floats),
                _ => Cow::Owned(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
            },
            Element::F16 => {
                Cow::Owned(bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect())
            }
        }
    }

    /// The rows in `range` in half precision; fails with the first value that is beyond what a half holds
    /// ([`LARGEST_HALF`]).
    pub fn halves(&self, range: Range<usize>) -> Result<Vec<f16>, f32> {
        let rows = self.block(range);
        let mut halves = vec![f16::ZERO; rows.len()];
        halves.convert_from_f32_slice(&rows);
        match halves.iter().zip(rows.iter()).find(|(half, _)| !half.is_finite()) {
            None => Ok(halves),
            Some((_, &value)) => Err(value),
        }
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> Cow<'_, [f32]> {
        self.block(i..i + 1)
    }

    /// Consecutive ranges of at most `rows` rows that cover the matrix.
    pub fn ranges(&self, rows: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let (n, rows) = (self.rows, rows.max(1));
        (0..n.div_ceil(rows)).map(move |b| b * rows..((b + 1) * rows).min(n))
    }
}

impl fmt::Debug for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matrix({} × {} {:?} by {})", self.rows, self.dim, self.element, self.made_by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f16_rows_read_as_the_floats_they_stand_for() {
        let halves: Vec<u8> =
            [1.0f32, -0.5, 0.25, 2.0].iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect();
        let key = Key::of("test", 1).finish();
        let matrix =
            Matrix::from_bytes(key, "test", false, (2, 2), Element::F16, Arc::new(halves), 0).unwrap();
        assert_eq!(&*matrix.row(1), &[0.25, 2.0]);
        assert_eq!(matrix.ranges(1).collect::<Vec<_>>(), [0..1, 1..2]);
    }

    #[test]
    fn what_a_half_cannot_hold_is_named() {
        let key = Key::of("test", 1).finish();
        let fits = Matrix::from_vec(key, "test", false, 2, vec![0.1, LARGEST_HALF]);
        assert_eq!(fits.halves(0..1).unwrap(), [f16::from_f32(0.1), f16::MAX]);
        let beyond = Matrix::from_vec(key, "test", false, 2, vec![0.1, -1e6]);
        assert_eq!(beyond.halves(0..1), Err(-1e6));
    }

    #[test]
    fn too_few_bytes_make_no_matrix() {
        let key = Key::of("test", 1).finish();
        let bytes: Bytes = Arc::new(vec![0u8; 15]);
        assert!(Matrix::from_bytes(key, "test", false, (2, 2), Element::F32, bytes, 0).is_none());
    }
}
