//! The cells of a corpus as an Arrow IPC stream: one column of text an input column, in batches.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, LargeStringArray, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use memmap2::Mmap;

use super::tensors::Damage;
use crate::data::{Bytes, Column, Strings};
use crate::job::Ctx;

/// Most documents a batch.
const BATCH_ROWS: usize = 16_384;

/// A batch ends before it holds more text than this (one longer document makes a batch of its own).
const BATCH_BYTES: usize = 16 << 20;

/// Cells of files above this size go to a temporary file that is mapped, instead of into memory.
const SPILL_OVER: usize = 256 << 20;

/// What comes before the length of a message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The field metadata that says what a column holds, for other readers of the file.
const KIND: &str = "kind";

/// Writes the cells of `columns` (at least one); those for which `blank` says so are written empty.
pub(super) fn write(sink: &mut impl Write, columns: &[Column], blank: &[bool], ctx: &Ctx) -> io::Result<()> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|column| {
            let kind = serde_json::to_value(column.typed.kind()).unwrap_or_default();
            let kind = kind.as_str().unwrap_or_default().to_owned();
            Field::new(&column.name, DataType::LargeUtf8, false)
                .with_metadata(HashMap::from([(KIND.into(), kind)]))
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let mut writer = StreamWriter::try_new(sink, &schema).map_err(io_error)?;
    let n = columns.first().map_or(0, |column| column.cells.len());
    let mut start = 0;
    while start < n {
        ctx.cancel.check()?;
        let rows = start..batch_end(columns, start, n);
        let arrays = columns.iter().zip(blank).map(|(column, &blank)| {
            let cells = rows.clone().map(|i| if blank { "" } else { column.cells.get(i) });
            Arc::new(LargeStringArray::from_iter_values(cells)) as ArrayRef
        });
        let batch = RecordBatch::try_new(schema.clone(), arrays.collect()).map_err(io_error)?;
        writer.write(&batch).map_err(io_error)?;
        start = rows.end;
    }
    writer.finish().map_err(io_error)
}

/// Where the batch that starts at `start` ends.
fn batch_end(columns: &[Column], start: usize, n: usize) -> usize {
    let text_before =
        |i: usize| columns.iter().map(|column| column.cells.offsets()[i] as usize).sum::<usize>();
    let limit = text_before(start) + BATCH_BYTES;
    let end = (start + BATCH_ROWS).min(n);
    (start + 2..=end).take_while(|&i| text_before(i) <= limit).last().unwrap_or(start + 1)
}

/// The cells of the columns called `names`, `n` each, from the stream at `bytes`.
///
/// Arrow's reader panics on some streams that nobody but a forger writes; that is an error like any other here.
pub(super) fn read(bytes: &[u8], names: &[String], n: usize, ctx: &Ctx) -> io::Result<Vec<Strings>> {
    catch_unwind(AssertUnwindSafe(|| read_stream(bytes, names, n, ctx)))
        .unwrap_or_else(|_| Err(damaged("it is no sound Arrow stream")))
}

fn read_stream(bytes: &[u8], names: &[String], n: usize, ctx: &Ctx) -> io::Result<Vec<Strings>> {
    check_messages(bytes)?;
    let reader = StreamReader::try_new(bytes, None).map_err(io_error)?;
    let schema = reader.schema();
    let same = schema.fields().len() == names.len()
        && schema.fields().iter().zip(names).all(|(field, name)| {
            field.name() == name && matches!(field.data_type(), DataType::LargeUtf8 | DataType::Utf8)
        });
    if !same {
        return Err(damaged("its columns are not those that the manifest names"));
    }
    let mut columns = names.iter().map(|_| Cells::new(bytes.len())).collect::<io::Result<Vec<_>>>()?;
    for batch in reader {
        ctx.cancel.check()?;
        let batch = batch.map_err(io_error)?;
        for (cells, array) in columns.iter_mut().zip(batch.columns()) {
            match array.data_type() {
                DataType::Utf8 => array.as_string::<i32>().iter().try_for_each(|cell| cells.push(cell))?,
                _ => array.as_string::<i64>().iter().try_for_each(|cell| cells.push(cell))?,
            }
        }
    }
    let columns = columns.into_iter().map(Cells::finish).collect::<io::Result<Vec<_>>>()?;
    if columns.iter().any(|cells| cells.len() != n) {
        return Err(damaged("it holds another number of documents than the manifest says"));
    }
    Ok(columns)
}

/// Makes sure that no message holds more than its bytes: compressed content, or columns that share their bytes, would
/// take many times the file's size in memory.
fn check_messages(mut bytes: &[u8]) -> io::Result<()> {
    let cut_short = || damaged("it is cut short");
    let mut take = |length: usize| -> io::Result<&[u8]> {
        let (taken, rest) = bytes.split_at_checked(length).ok_or_else(cut_short)?;
        bytes = rest;
        Ok(taken)
    };
    loop {
        let mut length = take(size_of::<u32>())?;
        if length == CONTINUATION {
            length = take(size_of::<u32>())?;
        }
        let length = length.try_into().map_or(0, u32::from_le_bytes);
        if length == 0 {
            return Ok(());
        }
        let message = arrow_ipc::root_as_message(take(length as usize)?);
        let message = message.map_err(|_| damaged("a message in it makes no sense"))?;
        let body = take(usize::try_from(message.bodyLength()).map_err(|_| cut_short())?)?.len();
        let Some(batch) = message.header_as_record_batch() else { continue };
        let inside = |buffer: &arrow_ipc::Buffer| {
            let (offset, length) = (buffer.offset().try_into().ok()?, usize::try_from(buffer.length()).ok()?);
            body.checked_sub(offset).filter(|&room| length <= room).map(|_| length)
        };
        let used =
            batch.buffers().into_iter().flatten().try_fold(0, |used, buffer| Some(used + inside(buffer)?));
        if batch.compression().is_some() || used.is_none_or(|used| used > body) {
            return Err(damaged("it says that it holds more than it does"));
        }
    }
}

/// One column as it is read: its text in memory or in a temporary file, and where each cell ends.
struct Cells {
    text: Text,
    offsets: Vec<u64>,
    end: u64,
}

enum Text {
    Memory(Vec<u8>),
    Spilled(BufWriter<File>),
}

impl Cells {
    fn new(size_of_all: usize) -> io::Result<Self> {
        let text = if size_of_all > SPILL_OVER {
            Text::Spilled(BufWriter::new(tempfile::tempfile()?))
        } else {
            Text::Memory(Vec::new())
        };
        Ok(Self { text, offsets: vec![0], end: 0 })
    }

    fn push(&mut self, cell: Option<&str>) -> io::Result<()> {
        let cell = cell.unwrap_or_default();
        match &mut self.text {
            Text::Memory(bytes) => bytes.extend_from_slice(cell.as_bytes()),
            Text::Spilled(file) => file.write_all(cell.as_bytes())?,
        }
        self.end += cell.len() as u64;
        self.offsets.push(self.end);
        Ok(())
    }

    fn finish(self) -> io::Result<Strings> {
        let bytes: Bytes = match self.text {
            // An empty file cannot be mapped everywhere.
            Text::Spilled(_) if self.end == 0 => Arc::new(Vec::new()),
            Text::Spilled(file) => {
                let mut file = file.into_inner()?;
                file.rewind()?;
                // SAFETY: the file has no name, so nobody else can change it while it is mapped.
                Arc::new(unsafe { Mmap::map(&file) }?)
            }
            Text::Memory(bytes) => Arc::new(bytes),
        };
        Strings::from_parts(bytes, self.offsets).ok_or_else(|| damaged("a cell is not UTF-8"))
    }
}

fn damaged(cause: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Damage::new(cause))
}

fn io_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::data::Typed;

    fn column(name: &str, cells: impl IntoIterator<Item = String>) -> Column {
        Column { name: name.into(), cells: cells.into_iter().collect(), typed: Typed::Text }
    }

    #[test]
    fn cells_come_back_over_several_batches() {
        let n = 2 * BATCH_ROWS + 3;
        let columns = [column("a", (0..n).map(|i| i.to_string())), column("a", (0..n).map(|_| "é\n".into()))];
        let mut file = Vec::new();
        write(&mut file, &columns, &[false, false], &Ctx::quiet()).unwrap();
        let names = ["a".to_owned(), "a".to_owned()];
        let back = read(&file, &names, n, &Ctx::quiet()).unwrap();
        assert!(back[0].iter().eq(columns[0].cells.iter()));
        assert!(back[1].iter().eq(columns[1].cells.iter()));
    }

    #[test]
    fn no_changed_byte_brings_the_reader_down() {
        let columns = [column("a", ["one", "", "日本"].map(String::from))];
        let mut file = Vec::new();
        write(&mut file, &columns, &[false], &Ctx::quiet()).unwrap();
        for at in 0..file.len() {
            for byte in [0, 0x7f, 0xff] {
                let mut changed = file.clone();
                changed[at] = byte;
                let cells = read(&changed, &["a".to_owned()], 3, &Ctx::quiet());
                assert!(cells.is_err() || cells.is_ok_and(|cells| cells[0].len() == 3));
            }
        }
    }

    #[test]
    fn spilled_cells_read_as_those_in_memory() {
        let mut cells = Cells::new(SPILL_OVER + 1).unwrap();
        ["one", "", "日本"].into_iter().for_each(|cell| cells.push(Some(cell)).unwrap());
        assert!(cells.finish().unwrap().iter().eq(["one", "", "日本"]));
        assert!(Cells::new(SPILL_OVER + 1).unwrap().finish().unwrap().is_empty());
    }

    #[test]
    fn a_batch_ends_before_it_grows_too_large() {
        let long = "x".repeat(BATCH_BYTES / 2 + 1);
        let columns = [column("a", [long.clone(), long.clone(), "short".into(), long])];
        let ends: Vec<Range<usize>> = std::iter::successors(Some(0..0), |last| {
            (last.end < 4).then(|| last.end..batch_end(&columns, last.end, 4))
        })
        .skip(1)
        .collect();
        assert_eq!(ends, [0..1, 1..3, 3..4]);
    }
}
