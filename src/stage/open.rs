//! From paths that a person gave to a corpus, perhaps with vectors, or to a project.

use std::path::{Path, PathBuf};

use crate::data::{Column, Corpus, Key, Matrix, ReadReport, Strings, Typed};
use crate::io::read::{self, ReadOptions};
use crate::io::{npy, word_vectors};
use crate::job::Ctx;

use super::StageError;

/// File names of metadata that may lie beside `V.npy`: `V` with one of these endings.
const METADATA_ENDINGS: &[&str] =
    &["csv", "tsv", "jsonl", "ndjson", "json", "txt", "csv.gz", "tsv.gz", "jsonl.gz"];

/// What a set of paths turns out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A corpus to be read and embedded.
    Corpus(PathBuf),
    /// A corpus whose vectors are given.
    WithVectors { corpus: PathBuf, vectors: PathBuf },
    /// Vectors without any metadata: documents are named by their row.
    VectorsAlone(PathBuf),
    /// A table of word vectors: each word is a document.
    WordVectors(PathBuf),
    /// A saved project.
    Project(PathBuf),
}

fn ending(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Decides what `paths` are, by their names and first bytes. Nothing is read whole.
pub fn recognise(paths: &[PathBuf]) -> Result<Opening, StageError> {
    let (vectors, others): (Vec<&PathBuf>, Vec<&PathBuf>) = paths.iter().partition(|p| ending(p) == "npy");
    match (&vectors[..], &others[..]) {
        ([], [one]) if ending(one) == "semascope" => Ok(Opening::Project((*one).clone())),
        ([], [one]) if word_vectors::looks_like(one).is_some() => Ok(Opening::WordVectors((*one).clone())),
        ([], [one]) => Ok(Opening::Corpus((*one).clone())),
        ([vectors], [corpus]) => {
            Ok(Opening::WithVectors { corpus: (*corpus).clone(), vectors: (*vectors).clone() })
        }
        ([vectors], []) => Ok(match metadata_beside(vectors) {
            Some(corpus) => Opening::WithVectors { corpus, vectors: (*vectors).clone() },
            None => Opening::VectorsAlone((*vectors).clone()),
        }),
        ([], []) => Err(StageError::Failed("There is no file to open.".into())),
        _ => Err(StageError::Failed(format!(
            "{} files were given, but one corpus opens at a time (a corpus and its .npy vectors may come together).",
            paths.len()
        ))),
    }
}

fn metadata_beside(vectors: &Path) -> Option<PathBuf> {
    METADATA_ENDINGS.iter().map(|ending| vectors.with_extension(ending)).find(|path| path.is_file())
}

/// Reads a corpus file whole.
pub fn corpus(path: &Path, options: &ReadOptions, ctx: &Ctx) -> Result<Corpus, StageError> {
    let corpus = read::read(path, options, ctx).map_err(|error| {
        if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
    })?;
    if corpus.is_empty() {
        return Err(StageError::Failed(format!("{} holds no document.", path.display())));
    }
    Ok(corpus)
}

/// Reads a table of word vectors.
pub fn words(path: &Path, ctx: &Ctx) -> Result<(Corpus, Matrix), StageError> {
    word_vectors::read(path, ctx).map_err(|error| {
        if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
    })
}

/// Reads vectors that belong to `corpus`: in row order, or by a column that holds their row numbers (from 0).
///
/// Fails when the numbers do not fit, saying both.
pub fn vectors(path: &Path, corpus: &Corpus, join: Option<&str>) -> Result<Matrix, StageError> {
    let matrix = npy::read_matrix(path).map_err(StageError::failed)?;
    let Some(join) = join else {
        if matrix.rows() != corpus.len() {
            return Err(StageError::Failed(format!(
                "{} holds {} vectors, but {} holds {} documents. If a column says which vector belongs to a \
                 document, name it with --join.",
                path.display(),
                matrix.rows(),
                corpus.name,
                corpus.len()
            )));
        }
        return Ok(matrix);
    };
    let column = corpus
        .column(join)
        .ok_or_else(|| StageError::Failed(format!("{} has no column called {join}.", corpus.name)))?;
    let mut values = Vec::with_capacity(corpus.len() * matrix.dim());
    for (i, cell) in column.cells.iter().enumerate() {
        let row = cell.trim().parse::<usize>().ok().filter(|&row| row < matrix.rows()).ok_or_else(|| {
            StageError::Failed(format!(
                "Document {} has {cell:?} in column {join}, which is no row of {} (0 to {}).",
                i + 1,
                path.display(),
                matrix.rows().saturating_sub(1)
            ))
        })?;
        values.extend_from_slice(&matrix.row(row));
    }
    let key = Key::of("joined vectors", 1).input(matrix.key).input(corpus.key).text(join).finish();
    Ok(Matrix::from_vec(key, matrix.made_by.clone(), matrix.unit, matrix.dim(), values))
}

/// A corpus that stands for vectors without metadata: one column with the row numbers.
pub fn numbered(path: &Path, rows: usize) -> Corpus {
    let cells: Strings = (0..rows).map(|row| format!("row {row}")).collect();
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut corpus = Corpus {
        key: Key::of("none", 0).finish(),
        name,
        source: Some(path.to_owned()),
        columns: vec![Column { name: "row".into(), cells, typed: Typed::Text }],
        text_columns: vec![0],
        report: ReadReport { format: "NumPy vectors".into(), ..ReadReport::default() },
    };
    corpus.key = corpus.content_key();
    corpus
}
