//! Arrays as safetensors, for the cache and for the parts of a project file.
//!
//! One entry of the header's metadata, `semascope`, holds everything that is not an array as JSON, with a checksum
//! of the arrays. Vectors have no checksum there, so that they can be written as they come and mapped unread.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use bytemuck::Pod;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::data::{
    Bytes, Clusters, ColumnKind, Element, Key, Knn, Layout, MapQuality, Matrix, Members, NO_CODE, Recall,
    Strings, Typed, UNCLUSTERED,
};
use crate::job::Ctx;

// Arrays go from memory to the file as they are, and the file is little-endian.
const _: () = assert!(cfg!(target_endian = "little"));

/// The entry of the header's metadata that is ours.
const OURS: &str = "semascope";

/// Bytes of vectors written between two looks at the cancel flag.
const BLOCK: usize = 8 << 20;

/// Why a part cannot be used, as in "the labels are too few".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Damage(String);

impl Damage {
    pub(super) fn new(cause: impl Into<String>) -> Self {
        Self(cause.into())
    }
}

/// What is written beside the arrays.
#[derive(Serialize, Deserialize)]
struct Sealed<M> {
    /// blake3 of all arrays, in hexadecimal; none for vectors.
    check: Option<String>,
    about: M,
}

/// One array to be written.
pub(super) struct Tensor<'a> {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    data: &'a [u8],
}

impl<'a> Tensor<'a> {
    pub(super) fn new<T: Pod>(
        name: impl Into<String>,
        dtype: Dtype,
        shape: &[usize],
        values: &'a [T],
    ) -> Self {
        Self { name: name.into(), dtype, shape: shape.to_vec(), data: bytemuck::cast_slice(values) }
    }
}

/// The length of the header and the header, padded so that the arrays start at a multiple of 8 bytes.
fn header<M: Serialize>(sealed: &Sealed<M>, tensors: &[(String, Dtype, Vec<usize>)]) -> io::Result<Vec<u8>> {
    let mut end = 0;
    let infos = tensors.iter().map(|(name, dtype, shape)| {
        let start = end;
        end += shape.iter().product::<usize>() * dtype.bitsize() / 8;
        (name.clone(), TensorInfo { dtype: *dtype, shape: shape.clone(), data_offsets: (start, end) })
    });
    let ours = HashMap::from([(OURS.to_owned(), serde_json::to_string(sealed)?)]);
    let metadata = Metadata::new(Some(ours), infos.collect()).map_err(io::Error::other)?;
    let mut json = serde_json::to_vec(&metadata)?;
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.append(&mut json);
    Ok(header)
}

/// Writes arrays and what is to be known about them. The widest types must come first (alignment).
pub(super) fn write<M: Serialize>(sink: &mut impl Write, about: M, tensors: &[Tensor<'_>]) -> io::Result<()> {
    let check = Some(checksum(tensors.iter().map(|tensor| tensor.data)));
    let shapes: Vec<_> = tensors.iter().map(|t| (t.name.clone(), t.dtype, t.shape.clone())).collect();
    sink.write_all(&header(&Sealed { check, about }, &shapes)?)?;
    tensors.iter().try_for_each(|tensor| sink.write_all(tensor.data))
}

fn checksum<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hasher = blake3::Hasher::new();
    pieces.for_each(|piece| {
        hasher.update(piece);
    });
    hasher.finalize().to_string()
}

/// Arrays that were read, all present and with the right checksum.
pub(super) struct Part<'a> {
    metadata: Metadata,
    data: &'a [u8],
    /// Where `data` starts in the part.
    start: usize,
}

impl<'a> Part<'a> {
    pub(super) fn read<M: DeserializeOwned>(bytes: &'a [u8]) -> Result<(M, Self), Damage> {
        let (length, metadata) =
            SafeTensors::read_metadata(bytes).map_err(|error| Damage(error.to_string()))?;
        let ours = metadata.metadata().as_ref().and_then(|all| all.get(OURS));
        let ours = ours.ok_or_else(|| Damage::new("it says nothing about itself"))?;
        let sealed: Sealed<M> = serde_json::from_str(ours).map_err(|error| Damage(error.to_string()))?;
        let start = size_of::<u64>() + length;
        let data = &bytes[start..];
        if sealed.check.is_some_and(|check| check != checksum(std::iter::once(data))) {
            return Err(Damage::new("its content does not match its checksum"));
        }
        Ok((sealed.about, Self { metadata, data, start }))
    }

    fn info(&self, name: &str, dtype: Dtype) -> Result<&TensorInfo, Damage> {
        let info = self.metadata.info(name).filter(|info| info.dtype == dtype);
        info.ok_or_else(|| Damage(format!("the array {name} is not there")))
    }

    /// The values of an array, of whatever length.
    pub(super) fn values<T: Pod>(&self, name: &str, dtype: Dtype) -> Result<Vec<T>, Damage> {
        let (start, end) = self.info(name, dtype)?.data_offsets;
        Ok(bytemuck::pod_collect_to_vec(&self.data[start..end]))
    }

    /// The values of an array of this very shape.
    pub(super) fn shaped<T: Pod>(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<Vec<T>, Damage> {
        if self.info(name, dtype)?.shape != shape {
            return Err(Damage(format!("the array {name} has another shape than it should have")));
        }
        self.values(name, dtype)
    }
}

/// Turns a broken promise into the reason why a part cannot be used.
pub(super) fn ensure(holds: bool, otherwise: &str) -> Result<(), Damage> {
    if holds { Ok(()) } else { Err(Damage::new(otherwise)) }
}

#[derive(Serialize, Deserialize)]
struct MatrixAbout {
    key: Key,
    made_by: String,
    unit: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<Recall>,
}

/// The name of the one array of vectors.
const VECTORS: &str = "vectors";

/// What precedes the rows of a matrix in a file; the rows follow as they are.
pub(super) fn matrix_header(
    key: Key,
    made_by: &str,
    (unit, kept): (bool, Option<Recall>),
    (rows, dim): (usize, usize),
    element: Element,
) -> io::Result<Vec<u8>> {
    let dtype = match element {
        Element::F32 => Dtype::F32,
        Element::F16 => Dtype::F16,
    };
    let about = MatrixAbout { key, made_by: made_by.into(), unit, kept };
    header(&Sealed { check: None, about }, &[(VECTORS.into(), dtype, vec![rows, dim])])
}

pub(super) fn write_matrix(sink: &mut impl Write, matrix: &Matrix, ctx: &Ctx) -> io::Result<()> {
    let shape = (matrix.rows(), matrix.dim());
    let looks = (matrix.unit, matrix.kept);
    sink.write_all(&matrix_header(matrix.key, &matrix.made_by, looks, shape, matrix.element())?)?;
    matrix.raw().chunks(BLOCK).try_for_each(|block| {
        ctx.cancel.check()?;
        sink.write_all(block)
    })
}

/// The matrix whose file lies at `range` in `bytes`, which it keeps.
pub(super) fn read_matrix(bytes: Bytes, range: Range<usize>) -> Result<Matrix, Damage> {
    let all = (*bytes).as_ref();
    let slice = all.get(range.clone()).ok_or_else(|| Damage::new("it is cut short"))?;
    let (about, part) = Part::read::<MatrixAbout>(slice)?;
    let f32s = part.info(VECTORS, Dtype::F32).map(|info| (info, Element::F32));
    let (info, element) = f32s.or_else(|_| Ok((part.info(VECTORS, Dtype::F16)?, Element::F16)))?;
    let &[rows, dim] = &info.shape[..] else { return Err(Damage::new("the vectors are not a table")) };
    let start = range.start + part.start + info.data_offsets.0;
    Matrix::from_bytes(about.key, about.made_by, about.unit, (rows, dim), element, bytes.clone(), start)
        .map(|matrix| matrix.with_kept(about.kept))
        .ok_or_else(|| Damage::new("it is cut short"))
}

#[derive(Serialize, Deserialize)]
struct KnnAbout {
    key: Key,
    recall: Recall,
    method: String,
}

pub(super) fn write_knn(sink: &mut impl Write, knn: &Knn) -> io::Result<()> {
    let shape = [knn.len(), knn.k];
    let about = KnnAbout { key: knn.key, recall: knn.recall, method: knn.method.clone() };
    let tensors = [
        Tensor::new("indices", Dtype::U32, &shape, &knn.indices),
        Tensor::new("similarities", Dtype::F32, &shape, &knn.similarities),
    ];
    write(sink, about, &tensors)
}

pub(super) fn read_knn(bytes: &[u8]) -> Result<Knn, Damage> {
    let (about, part) = Part::read::<KnnAbout>(bytes)?;
    let &[n, k] = &part.info("indices", Dtype::U32)?.shape[..] else {
        return Err(Damage::new("the neighbours are not a table"));
    };
    let indices: Vec<u32> = part.values("indices", Dtype::U32)?;
    ensure(indices.iter().all(|&i| (i as usize) < n), "a neighbour is not a document")?;
    let similarities: Vec<f32> = part.shaped("similarities", Dtype::F32, &[n, k])?;
    ensure(similarities.iter().all(|s| s.is_finite()), "a similarity is no number")?;
    Ok(Knn { key: about.key, k, indices, similarities, recall: about.recall, method: about.method })
}

#[derive(Serialize, Deserialize)]
struct LayoutAbout {
    key: Key,
    method: String,
    epochs: (usize, usize),
}

pub(super) fn write_layout(sink: &mut impl Write, layout: &Layout) -> io::Result<()> {
    let about = LayoutAbout { key: layout.key, method: layout.method.clone(), epochs: layout.epochs };
    let positions = &layout.positions[..];
    write(sink, about, &[Tensor::new("positions", Dtype::F32, &[positions.len(), 2], positions)])
}

pub(super) fn read_layout(bytes: &[u8]) -> Result<Layout, Damage> {
    let (about, part) = Part::read::<LayoutAbout>(bytes)?;
    let n = part.info("positions", Dtype::F32)?.shape.first().copied().unwrap_or(0);
    let positions: Vec<[f32; 2]> = part.shaped("positions", Dtype::F32, &[n, 2])?;
    ensure(positions.iter().flatten().all(|x| x.is_finite()), "a position is no number")?;
    Ok(Layout { key: about.key, positions: Arc::new(positions), method: about.method, epochs: about.epochs })
}

#[derive(Serialize, Deserialize)]
struct QualityAbout {
    k: usize,
    sample: usize,
}

pub(super) fn write_quality(sink: &mut impl Write, quality: &MapQuality) -> io::Result<()> {
    let MapQuality { trustworthiness, continuity, knn_kept, triplets, k, sample, ref kept } = *quality;
    // As an array, because JSON has no NaN and a figure of too few points may be one.
    let figures = [trustworthiness, continuity, knn_kept, triplets];
    let tensors = [
        Tensor::new("figures", Dtype::F32, &[figures.len()], &figures),
        Tensor::new("kept", Dtype::F32, &[kept.len()], kept),
    ];
    write(sink, QualityAbout { k, sample }, &tensors)
}

pub(super) fn read_quality(bytes: &[u8]) -> Result<MapQuality, Damage> {
    let (QualityAbout { k, sample }, part) = Part::read(bytes)?;
    let figures: Vec<f32> = part.shaped("figures", Dtype::F32, &[4])?;
    let [trustworthiness, continuity, knn_kept, triplets] = figures[..] else {
        return Err(Damage::new("its figures are incomplete"));
    };
    let kept = Arc::new(part.values("kept", Dtype::F32)?);
    Ok(MapQuality { trustworthiness, continuity, knn_kept, triplets, k, sample, kept })
}

#[derive(Serialize, Deserialize)]
struct ClustersAbout {
    key: Key,
    count: usize,
    method: String,
}

pub(super) fn write_clusters(sink: &mut impl Write, clusters: &Clusters) -> io::Result<()> {
    let about = ClustersAbout { key: clusters.key, count: clusters.count, method: clusters.method.clone() };
    let tensors = [
        Tensor::new("labels", Dtype::U32, &[clusters.labels.len()], &clusters.labels),
        Tensor::new("strengths", Dtype::F32, &[clusters.strengths.len()], &clusters.strengths),
    ];
    write(sink, about, &tensors)
}

pub(super) fn read_clusters(bytes: &[u8]) -> Result<Clusters, Damage> {
    let (about, part) = Part::read::<ClustersAbout>(bytes)?;
    let ClustersAbout { key, count, method } = about;
    let labels: Vec<u32> = part.values("labels", Dtype::U32)?;
    let strengths: Vec<f32> = part.shaped("strengths", Dtype::F32, &[labels.len()])?;
    ensure(strengths.iter().all(|s| s.is_finite()), "a strength is no number")?;
    ensure(count <= labels.len(), "there are more clusters than documents")?;
    let known = |&label: &u32| label == UNCLUSTERED || (label as usize) < count;
    ensure(labels.iter().all(known), "a label belongs to no cluster")?;
    Ok(Clusters { key, labels, count, strengths, method })
}

/// Writes lists of documents.
pub(super) fn write_members(sink: &mut impl Write, lists: &[Members]) -> io::Result<()> {
    let tensors: Vec<Tensor<'_>> = lists
        .iter()
        .enumerate()
        .map(|(i, list)| Tensor::new(i.to_string(), Dtype::U32, &[list.len()], list.documents().as_slice()))
        .collect();
    write(sink, lists.len(), &tensors)
}

/// Lists of some of `n` documents.
pub(super) fn read_members(bytes: &[u8], n: usize) -> Result<Vec<Members>, Damage> {
    let (count, part) = Part::read::<usize>(bytes)?;
    ensure(count <= bytes.len(), "it has more lists than it can hold")?;
    let list = |i: usize| {
        let documents: Vec<u32> = part.values(&i.to_string(), Dtype::U32)?;
        ensure(documents.iter().all(|&id| (id as usize) < n), "a list names a document that is not there")?;
        Ok(Members::new(documents))
    };
    (0..count).map(list).collect()
}

/// Writes what the columns mean; the cells themselves are elsewhere.
pub(super) fn write_typed(sink: &mut impl Write, columns: &[&Typed]) -> io::Result<()> {
    let kinds: Vec<ColumnKind> = columns.iter().map(|typed| typed.kind()).collect();
    let levels: Vec<Option<Strings>> = columns
        .iter()
        .map(|typed| match typed {
            Typed::Category { levels, .. } | Typed::List { levels, .. } => Some(levels.iter().collect()),
            _ => None,
        })
        .collect();
    let mut tensors = Vec::new();
    for (c, (typed, levels)) in columns.iter().zip(&levels).enumerate() {
        let name = |what: &str| format!("{c}.{what}");
        match typed {
            Typed::Text => {}
            Typed::Number(v) => tensors.push(Tensor::new(name("numbers"), Dtype::F64, &[v.len()], v)),
            Typed::Date(v) => tensors.push(Tensor::new(name("dates"), Dtype::I64, &[v.len()], v)),
            Typed::Category { codes: v, .. } => {
                tensors.push(Tensor::new(name("codes"), Dtype::U32, &[v.len()], v));
            }
            Typed::List { offsets, codes: v, .. } => {
                tensors.push(Tensor::new(name("offsets"), Dtype::U64, &[offsets.len()], offsets));
                tensors.push(Tensor::new(name("codes"), Dtype::U32, &[v.len()], v));
            }
        }
        if let Some(levels) = levels {
            let (ends, bytes) = (levels.offsets(), levels.bytes());
            tensors.push(Tensor::new(name("level_ends"), Dtype::U64, &[ends.len()], ends));
            tensors.push(Tensor::new(name("levels"), Dtype::U8, &[bytes.len()], bytes));
        }
    }
    tensors.sort_by_key(|tensor| std::cmp::Reverse(tensor.dtype));
    write(sink, kinds, &tensors)
}

/// What `columns` columns of `n` cells mean.
pub(super) fn read_typed(bytes: &[u8], columns: usize, n: usize) -> Result<Vec<Typed>, Damage> {
    let (kinds, part) = Part::read::<Vec<ColumnKind>>(bytes)?;
    ensure(kinds.len() == columns, "it speaks of other columns")?;
    kinds.into_iter().enumerate().map(|(c, kind)| read_column(&part, c, kind, n)).collect()
}

fn read_column(part: &Part<'_>, c: usize, kind: ColumnKind, n: usize) -> Result<Typed, Damage> {
    let name = |what: &str| format!("{c}.{what}");
    let levels = || -> Result<Vec<String>, Damage> {
        let bytes: Vec<u8> = part.values(&name("levels"), Dtype::U8)?;
        let levels = Strings::from_parts(Arc::new(bytes), part.values(&name("level_ends"), Dtype::U64)?);
        let levels = levels.ok_or_else(|| Damage::new("the categories are not readable"))?;
        Ok(levels.iter().map(str::to_owned).collect())
    };
    Ok(match kind {
        ColumnKind::Text => Typed::Text,
        ColumnKind::Number => Typed::Number(part.shaped(&name("numbers"), Dtype::F64, &[n])?),
        ColumnKind::Date => Typed::Date(part.shaped(&name("dates"), Dtype::I64, &[n])?),
        ColumnKind::Category => {
            let (levels, codes) = (levels()?, part.shaped::<u32>(&name("codes"), Dtype::U32, &[n])?);
            let known = codes.iter().all(|&code| code == NO_CODE || (code as usize) < levels.len());
            ensure(known, "a cell has an unknown category")?;
            Typed::Category { levels, codes }
        }
        ColumnKind::List => {
            let (levels, codes) = (levels()?, part.values::<u32>(&name("codes"), Dtype::U32)?);
            let offsets: Vec<u64> = part.shaped(&name("offsets"), Dtype::U64, &[n + 1])?;
            let whole = offsets.first() == Some(&0) && offsets.last() == Some(&(codes.len() as u64));
            ensure(whole && offsets.is_sorted(), "the lists do not add up")?;
            let known = codes.iter().all(|&code| (code as usize) < levels.len());
            ensure(known, "a cell has an unknown category")?;
            Typed::List { levels, offsets, codes }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters() -> Clusters {
        let key = Key::of("test", 1).finish();
        let labels = vec![0, 1, UNCLUSTERED, 0];
        Clusters { key, labels, count: 2, strengths: vec![0.5, 1.0, 0.0, 0.25], method: "Leiden".into() }
    }

    #[test]
    fn clusters_come_back_as_they_went_in() {
        let mut file = Vec::new();
        write_clusters(&mut file, &clusters()).unwrap();
        let back = read_clusters(&file).unwrap();
        assert_eq!((back.key, &back.labels, back.count), (clusters().key, &clusters().labels, 2));
        assert_eq!((back.strengths, back.method), (clusters().strengths, clusters().method));
    }

    #[test]
    fn a_flipped_bit_in_an_array_is_noticed() {
        let mut file = Vec::new();
        write_clusters(&mut file, &clusters()).unwrap();
        *file.last_mut().unwrap() ^= 1;
        assert_eq!(read_clusters(&file).unwrap_err(), Damage::new("its content does not match its checksum"));
    }

    #[test]
    fn a_label_beyond_the_clusters_is_refused() {
        let mut file = Vec::new();
        write_clusters(&mut file, &Clusters { count: 1, ..clusters() }).unwrap();
        assert_eq!(read_clusters(&file).unwrap_err(), Damage::new("a label belongs to no cluster"));
    }
}
