//! Documents as an Apache Parquet file: <https://parquet.apache.org/docs/file-format>.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, Date32Builder, Float32Builder, Float64Builder, Int64Builder, ListBuilder, StringBuilder,
    TimestampMillisecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::document_columns::{Cell, Column, Kind};
use super::documents_file::{BATCH, Rows};
use super::{FileError, atomic};
use crate::job::Ctx;

/// A row group is closed at so many rows, or bytes, whichever comes first: it is what a writer holds in memory.
const GROUP_ROWS: usize = 131_072;
const GROUP_BYTES: usize = 64 << 20;

const SECONDS_A_DAY: i64 = 86_400;
const UTC: &str = "UTC";

/// Writes typed columns: texts as strings, numbers as doubles, ours as floats and integers, lists as lists of strings,
/// dates as days or as milliseconds in UTC; empty cells as null.
pub(super) fn write(path: &Path, columns: &[Column<'_>], rows: Rows<'_>, ctx: &Ctx) -> Result<(), FileError> {
    let fields: Vec<Field> = columns.iter().map(field).collect();
    let schema = Arc::new(Schema::new(fields));
    atomic::replace(path, |sink| {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            .set_created_by(format!("Semascope {}", env!("CARGO_PKG_VERSION")))
            .build();
        let mut writer = ArrowWriter::try_new(sink, schema.clone(), Some(properties)).map_err(io_error)?;
        for first in (0..rows.len()).step_by(BATCH) {
            rows.begin(first, ctx)?;
            let range = first..(first + BATCH).min(rows.len());
            let documents: Vec<usize> = range.map(|row| rows.document(row)).collect();
            let arrays = columns.iter().map(|column| array(column, &documents)).collect();
            let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(arrow_error)?;
            writer.write(&batch).map_err(io_error)?;
        }
        writer.close().map(drop).map_err(io_error)
    })
}

fn field(column: &Column<'_>) -> Field {
    let data_type = match column.kind() {
        Kind::Text => DataType::Utf8,
        Kind::Number => DataType::Float64,
        Kind::Single => DataType::Float32,
        Kind::Whole => DataType::Int64,
        Kind::List => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        Kind::Moment => DataType::Timestamp(TimeUnit::Millisecond, Some(UTC.into())),
        Kind::Day => DataType::Date32,
    };
    Field::new(&*column.name, data_type, true)
}

/// The cells of some documents. A cell of another kind than the column's would be empty.
fn array(column: &Column<'_>, documents: &[usize]) -> ArrayRef {
    macro_rules! filled {
        ($builder:expr, $cell:pat => $value:expr) => {{
            let mut builder = $builder;
            for &i in documents {
                match column.cell(i) {
                    $cell => builder.append_value($value),
                    _ => builder.append_null(),
                }
            }
            ArrayBuilder::finish(&mut builder)
        }};
    }
    match column.kind() {
        Kind::Text => filled!(StringBuilder::new(), Cell::Text(text) => text),
        Kind::Number => filled!(Float64Builder::new(), Cell::Number(value) => value),
        Kind::Single => filled!(Float32Builder::new(), Cell::Single(value) => value),
        Kind::Whole => filled!(Int64Builder::new(), Cell::Whole(value) => value),
        Kind::Moment => filled!(
            TimestampMillisecondBuilder::new().with_timezone(UTC),
            Cell::Moment(seconds) => seconds.saturating_mul(1000)
        ),
        Kind::Day => filled!(
            Date32Builder::new(),
            Cell::Day(seconds) => seconds.div_euclid(SECONDS_A_DAY) as i32
        ),
        Kind::List => {
            let mut builder = ListBuilder::new(StringBuilder::new());
            for &i in documents {
                match column.cell(i) {
                    Cell::List(values) => builder.append_value(values.into_iter().map(Some)),
                    _ => builder.append_null(),
                }
            }
            ArrayBuilder::finish(&mut builder)
        }
    }
}

/// The error that is inside: its kind tells what to do.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(inner) => io::Error::other(inner),
        },
        other => io::Error::other(other),
    }
}

fn arrow_error(error: ArrowError) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_disk_said_survives_the_way_through_a_parquet_error() {
        let full = ParquetError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(io_error(full).kind(), io::ErrorKind::StorageFull);
    }
}
