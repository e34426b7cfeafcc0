//! Tensors of a model, by name, from whichever files hold them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use half::f16;
use half::slice::HalfFloatSliceExt;
use serde::Deserialize;

use crate::data::KeyBuilder;

use super::ModelError;

const ONE_FILE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLE: &str = "pytorch_model.bin";

/// The weights of one folder.
///
/// `model.safetensors` (or its shards) is mapped into memory; a `pytorch_model.bin` is read whole, by a reader that
/// interprets tensors and runs nothing.
pub struct Weights {
    folder: PathBuf,
    files: Vec<PathBuf>,
    store: Store,
}

enum Store {
    Mapped(Arc<MmapedSafetensors>),
    Loaded(HashMap<String, Tensor>),
}

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

impl Weights {
    /// Opens the weights of `folder`.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let (files, store) = if folder.join(ONE_FILE).is_file() {
            Self::map(vec![folder.join(ONE_FILE)])?
        } else if folder.join(INDEX).is_file() {
            Self::map(shards(folder)?)?
        } else if folder.join(PICKLE).is_file() {
            let file = folder.join(PICKLE);
            let tensors = candle_core::pickle::read_all(&file)
                .map_err(|e| ModelError::unreadable(&file, first_line(e)))?;
            (vec![file], Store::Loaded(tensors.into_iter().collect()))
        } else {
            return Err(ModelError::Missing {
                folder: folder.to_owned(),
                what: "weights (model.safetensors or pytorch_model.bin)",
            });
        };
        Ok(Self { folder: folder.to_owned(), files, store })
    }

    fn map(files: Vec<PathBuf>) -> Result<(Vec<PathBuf>, Store), ModelError> {
        // SAFETY: the mapping is read-only. A file that another program rewrites while it is mapped gives wrong
        // numbers, or ends the program where it is cut short; model files are not written to once they are there.
        let mapped = unsafe { MmapedSafetensors::multi(&files) }
            .map_err(|e| ModelError::unreadable(&files[0], first_line(e)))?;
        Ok((files, Store::Mapped(Arc::new(mapped))))
    }

    /// Adds the content of all files to a key.
    pub fn hash_into(&self, mut key: KeyBuilder) -> Result<KeyBuilder, ModelError> {
        for path in &self.files {
            let unreadable = |e| ModelError::unreadable(path, e);
            let file = fs::File::open(path).map_err(unreadable)?;
            // SAFETY: as in `map`.
            let map = unsafe { memmap2::Mmap::map(&file) }.map_err(unreadable)?;
            key = key.bytes(&map);
        }
        Ok(key)
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        match &self.store {
            Store::Mapped(map) => map.get(name).is_ok(),
            Store::Loaded(tensors) => tensors.contains_key(name),
        }
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Result<Vec<usize>, ModelError> {
        let found = match &self.store {
            Store::Mapped(map) => map.get(name).ok().map(|view| view.shape().to_vec()),
            Store::Loaded(tensors) => tensors.get(name).map(|tensor| tensor.dims().to_vec()),
        };
        found.ok_or_else(|| self.lacks(name))
    }

    /// The values of a tensor as f32, row-major; it must have the shape `wanted`.
    pub fn values(&self, name: &str, wanted: &[usize]) -> Result<Vec<f32>, ModelError> {
        self.check_shape(name, wanted)?;
        let tensor = match &self.store {
            Store::Mapped(map) => map.load(name, &Device::Cpu),
            Store::Loaded(tensors) => Ok(tensors[name].clone()),
        };
        tensor
            .and_then(|tensor| tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1())
            .map_err(|e| ModelError::unusable(&self.folder, format!("\"{name}\" {}", first_line(e))))
    }

    /// A tensor of `wanted` rows and columns that is read a row at a time, widened only then.
    pub fn table(&self, name: &str, wanted: [usize; 2]) -> Result<Table, ModelError> {
        self.check_shape(name, &wanted)?;
        let rows = match &self.store {
            Store::Mapped(map) if is_readable(map, name) => {
                Rows::Mapped { map: map.clone(), name: name.to_owned() }
            }
            _ => Rows::Widened(self.values(name, &wanted)?),
        };
        Ok(Table { rows, dim: wanted[1] })
    }

    /// The tensors as candle's own models want them, in f32 on `device`.
    pub fn var_builder(&self, device: &Device) -> Result<VarBuilder<'static>, ModelError> {
        match &self.store {
            // SAFETY: as in `map`.
            Store::Mapped(_) => {
                unsafe { VarBuilder::from_mmaped_safetensors(&self.files, DType::F32, device) }
                    .map_err(|e| ModelError::unreadable(&self.files[0], first_line(e)))
            }
            Store::Loaded(tensors) => Ok(VarBuilder::from_tensors(tensors.clone(), DType::F32, device)),
        }
    }

    fn check_shape(&self, name: &str, wanted: &[usize]) -> Result<(), ModelError> {
        let found = self.shape(name)?;
        if found == wanted {
            return Ok(());
        }
        let (folder, name, wanted) = (self.folder.clone(), name.to_owned(), wanted.to_vec());
        Err(ModelError::WrongShape { folder, name, found, wanted })
    }

    fn lacks(&self, name: &str) -> ModelError {
        ModelError::NoTensor { folder: self.folder.clone(), name: name.to_owned() }
    }
}

/// Rows of a matrix, such as the embeddings of a vocabulary: most are never asked for, so they stay in the file.
pub struct Table {
    rows: Rows,
    dim: usize,
}

enum Rows {
    Mapped { map: Arc<MmapedSafetensors>, name: String },
    Widened(Vec<f32>),
}

impl Table {
    /// A view for a run of look-ups.
    pub fn open(&self) -> OpenTable<'_> {
        let values = match &self.rows {
            // The name was found when the table was made, and a mapping does not change.
            Rows::Mapped { map, name } => match map.get(name) {
                Ok(view) if view.dtype() == safetensors::Dtype::F32 => Values::F32(floats(view.data())),
                Ok(view) => Values::F16(halves(view.data())),
                Err(_) => Values::F32(Cow::Borrowed(&[])),
            },
            Rows::Widened(values) => Values::F32(Cow::Borrowed(values)),
        };
        OpenTable { values, dim: self.dim }
    }
}

/// See [`Table::open`].
pub struct OpenTable<'a> {
    values: Values<'a>,
    dim: usize,
}

enum Values<'a> {
    F32(Cow<'a, [f32]>),
    F16(Cow<'a, [f16]>),
}

impl OpenTable<'_> {
    /// Writes row `i` to `out`, which has the table's width. A row past the end panics, as a slice does.
    pub fn read(&self, i: usize, out: &mut [f32]) {
        let range = i * self.dim..(i + 1) * self.dim;
        match &self.values {
            Values::F32(values) => out.copy_from_slice(&values[range]),
            Values::F16(values) => values[range].convert_to_f32_slice(out),
        }
    }
}

fn is_readable(map: &MmapedSafetensors, name: &str) -> bool {
    use safetensors::Dtype::{F16, F32};
    cfg!(target_endian = "little") && map.get(name).is_ok_and(|view| matches!(view.dtype(), F16 | F32))
}

/// Little-endian floats where they lie; copied only if the file has them at an odd address.
fn floats(bytes: &[u8]) -> Cow<'_, [f32]> {
    bytemuck::try_cast_slice(bytes)
        .map_or_else(|_| Cow::Owned(bytemuck::pod_collect_to_vec(bytes)), Cow::Borrowed)
}

fn halves(bytes: &[u8]) -> Cow<'_, [f16]> {
    bytemuck::try_cast_slice(bytes)
        .map_or_else(|_| Cow::Owned(bytemuck::pod_collect_to_vec(bytes)), Cow::Borrowed)
}

fn shards(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let file = folder.join(INDEX);
    let text = fs::read(&file).map_err(|e| ModelError::unreadable(&file, e))?;
    let index: Index = serde_json::from_slice(&text).map_err(|e| ModelError::unreadable(&file, e))?;
    let names: BTreeSet<_> = index.weight_map.values().collect();
    let shards: Vec<_> = names.into_iter().map(|name| folder.join(name)).collect();
    match shards.iter().find(|shard| !shard.is_file()) {
        _ if shards.is_empty() => Err(ModelError::unusable(&file, "it lists no weights")),
        Some(absent) => {
            Err(ModelError::unreadable(absent, "the file is not there, though the index names it"))
        }
        None => Ok(shards),
    }
}

/// Candle's errors carry a backtrace after the first line.
fn first_line(error: candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or("unknown").to_owned()
}
