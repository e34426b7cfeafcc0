//! Documents with everything that is known about them, all or some, as CSV, JSON Lines or Parquet.

use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::document_columns::{Cell, Column, Sources, columns, day, moment};
use super::{FileError, atomic, clusters_csv, documents_parquet};
use crate::job::Ctx;

/// Documents between two looks at the cancel flag.
pub(super) const BATCH: usize = 4096;

/// How documents are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DocumentsFormat {
    #[default]
    Csv,
    /// An object a line: numbers as numbers, lists as arrays, dates in ISO 8601, empty cells as null.
    Jsonl,
    /// Typed columns, compressed with Snappy.
    Parquet,
}

impl DocumentsFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Csv, Self::Jsonl, Self::Parquet];

    /// What a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Jsonl => "JSON Lines",
            Self::Parquet => "Parquet",
        }
    }

    /// How the names of its files end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
        }
    }
}

/// The documents of an export: a list of ids, or all.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub listed: Option<&'a [u32]>,
    pub all: usize,
}

impl Rows<'_> {
    pub fn len(&self) -> usize {
        self.listed.map_or(self.all, <[u32]>::len)
    }

    /// The document in row `row`.
    pub fn document(&self, row: usize) -> usize {
        self.listed.map_or(row, |listed| listed[row] as usize)
    }

    /// Counts row `row` as begun, and stops where a person wants that.
    pub fn begin(&self, row: usize, ctx: &Ctx) -> io::Result<()> {
        if row.is_multiple_of(BATCH) {
            ctx.cancel.check()?;
            ctx.progress.set(row as u64);
        }
        Ok(())
    }
}

/// Writes `documents` (ids of `sources.corpus`, in the order wanted), or all of them in input order, a row each with the
/// columns that [`columns`] gives. `raw` concerns CSV: leave cells that a spreadsheet would run as they are.
///
/// The file is replaced as a whole or not at all. Fails where it cannot be written, and when cancelled.
pub fn write(
    path: &Path,
    format: DocumentsFormat,
    sources: Sources<'_>,
    documents: Option<&[u32]>,
    raw: bool,
    ctx: &Ctx,
) -> Result<(), FileError> {
    let all = sources.corpus.len();
    let listed: Option<Vec<u32>> =
        documents.map(|listed| listed.iter().copied().filter(|&i| (i as usize) < all).collect());
    let rows = Rows { listed: listed.as_deref(), all };
    let columns = columns(sources);
    ctx.progress.begin("Writing documents", "documents", rows.len() as u64, 0);
    match format {
        DocumentsFormat::Csv => clusters_csv::write_rows(path, &columns, rows, raw, ctx),
        DocumentsFormat::Jsonl => atomic::replace(path, |sink| {
            (0..rows.len()).try_for_each(|row| {
                rows.begin(row, ctx)?;
                serde_json::to_writer(&mut *sink, &Object { columns: &columns, i: rows.document(row) })?;
                sink.write_all(b"\n")
            })
        }),
        DocumentsFormat::Parquet => documents_parquet::write(path, &columns, rows, ctx),
    }
}

/// A document as a JSON object.
struct Object<'a> {
    columns: &'a [Column<'a>],
    i: usize,
}

impl Serialize for Object<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().map(|column| (&*column.name, Value(column.cell(self.i)))))
    }
}

struct Value<'a>(Cell<'a>);

/// Whole numbers up to here are written without a point: a double has them all.
const WHOLE: f64 = 9_007_199_254_740_992.0;

impl Serialize for Value<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Cell::Empty => serializer.serialize_unit(),
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::Number(value) if value.fract() == 0.0 && value.abs() <= WHOLE => {
                serializer.serialize_i64(*value as i64)
            }
            Cell::Number(value) => serializer.serialize_f64(*value),
            Cell::Single(value) => serializer.serialize_f32(*value),
            Cell::Whole(value) => serializer.serialize_i64(*value),
            Cell::List(values) => serializer.collect_seq(values),
            Cell::Moment(seconds) => serializer.serialize_str(&moment(*seconds)),
            Cell::Day(seconds) => serializer.serialize_str(&day(*seconds)),
        }
    }
}

/// About how many bytes [`write`] would make of `documents`, from a sample of them.
pub fn estimated_bytes(format: DocumentsFormat, sources: Sources<'_>, documents: Option<&[u32]>) -> u64 {
    let all = sources.corpus.len();
    let rows = Rows { listed: documents, all };
    if rows.len() == 0 {
        return 0;
    }
    let columns = columns(sources);
    let stride = rows.len().div_ceil(SAMPLE);
    let sampled = (0..rows.len()).step_by(stride);
    let (mut bytes, mut count) = (0usize, 0usize);
    for row in sampled {
        count += 1;
        let i = rows.document(row);
        if i >= all {
            continue;
        }
        bytes += match format {
            DocumentsFormat::Jsonl => {
                serde_json::to_vec(&Object { columns: &columns, i }).map_or(0, |line| line.len() + 1)
            }
            _ => columns.iter().map(|column| column.text(i).len() + 1).sum::<usize>(),
        };
    }
    let whole = bytes as f64 / count as f64 * rows.len() as f64;
    (if format == DocumentsFormat::Parquet { PARQUET_SHARE * whole } else { whole }) as u64
}

/// Documents looked at for an estimate.
const SAMPLE: usize = 256;

/// What Parquet takes of the same table as CSV: texts compress to about this with Snappy.
const PARQUET_SHARE: f64 = 0.6;

#[cfg(test)]
#[path = "documents_file/tests.rs"]
mod tests;
