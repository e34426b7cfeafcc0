//! What the commands read and write beside the stages' own files.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use crate::data::{Key, Knn, Matrix, Recall};
use crate::io::{atomic, npy};

/// Makes the folder for results.
pub fn folder(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("the folder {} cannot be made", path.display()))
}

/// Writes pretty JSON.
pub fn json(path: &Path, value: &Value) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(atomic::replace_with(path, text.as_bytes())?)
}

/// Reads given vectors.
pub fn vectors(path: &Path) -> anyhow::Result<Matrix> {
    let matrix = npy::read_matrix(path)?;
    anyhow::ensure!(matrix.rows() > 0, "{} holds no vector", path.display());
    Ok(matrix)
}

/// Writes a graph as `indices.npy` and `similarities.npy`.
pub fn write_knn(folder: &Path, knn: &Knn) -> anyhow::Result<()> {
    npy::write_u32(&folder.join("indices.npy"), knn.len(), knn.k, &knn.indices)?;
    npy::write_f32(&folder.join("similarities.npy"), knn.len(), knn.k, &knn.similarities)?;
    Ok(())
}

/// Reads a graph that `knn` wrote; it must fit `matrix`.
pub fn read_knn(folder: &Path, matrix: &Matrix) -> anyhow::Result<Knn> {
    let (rows, k, indices) = npy::read_u32(&folder.join("indices.npy"))?;
    let (other_rows, other_k, similarities) = npy::read_f32(&folder.join("similarities.npy"))?;
    anyhow::ensure!(
        rows == matrix.rows() && (rows, k) == (other_rows, other_k),
        "the graph in {} ({rows} × {k} indices, {other_rows} × {other_k} similarities) does not fit {} vectors",
        folder.display(),
        matrix.rows()
    );
    anyhow::ensure!(
        indices.iter().all(|&i| (i as usize) < rows),
        "indices.npy in {} names a row that does not exist",
        folder.display()
    );
    let key = Key::of("given neighbours", 1)
        .input(matrix.key)
        .bytes(bytemuck::cast_slice(&indices))
        .bytes(bytemuck::cast_slice(&similarities))
        .finish();
    Ok(Knn { key, k, indices, similarities, recall: Recall::Exact, method: "given".into() })
}
