//! CSV as we write it: RFC 4180, UTF-8, and cells that a spreadsheet does not run.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use csv::{Terminator, Writer, WriterBuilder};

use super::{FileError, atomic};

/// Writes a file of CSV through `write`.
pub(super) fn replace(
    path: &Path,
    write: impl FnOnce(&mut Writer<&mut atomic::Sink<'_>>) -> csv::Result<()>,
) -> Result<(), FileError> {
    atomic::replace(path, |sink| {
        let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(sink);
        write(&mut csv).map_err(io_error)?;
        csv.flush()
    })
}

/// A table that is at hand as CSV, its formulas disarmed unless `raw`. All rows have as many cells as the first.
pub fn table(rows: &[Vec<String>], raw: bool) -> io::Result<String> {
    let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        csv.write_record(row.iter().map(|cell| shown(cell, raw).into_owned())).map_err(io_error)?;
    }
    let bytes = csv.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// The error that is inside: its kind tells what to do.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

/// The cell as it is written: unless `raw`, with a leading `'` if a spreadsheet would take it for a formula.
pub(super) fn shown(cell: &str, raw: bool) -> Cow<'_, str> {
    if raw { Cow::Borrowed(cell) } else { guarded(cell) }
}

fn guarded(cell: &str) -> Cow<'_, str> {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_signed_number(cell);
    if formula { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// Whether the cell is a sign and a plain number, be its decimal mark a point or a comma: that computes nothing.
fn is_signed_number(cell: &str) -> bool {
    let Some(digits) = cell.trim_end().strip_prefix(['+', '-']) else { return false };
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let all = |text: &str, allowed: fn(u8) -> bool| !text.is_empty() && text.bytes().all(allowed);
    all(mantissa, |b| b.is_ascii_digit() || b == b'.' || b == b',')
        && mantissa.bytes().any(|b| b.is_ascii_digit())
        && all(exponent, |b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_disarmed_and_numbers_are_not() {
        for cell in
            ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", "\tx", "\rx", "-", "+", "-inf", "-1e", "-."]
        {
            assert_eq!(guarded(cell), format!("'{cell}"), "{cell:?}");
        }
        for cell in ["-1", "+1.5", "-1,5", "-1.234,56", "-1e-5", "-.5", "a=b", "", "1-1", "'=1", " =1", "-3 "]
        {
            assert_eq!(guarded(cell), cell, "{cell:?}");
        }
    }

    #[test]
    fn a_table_is_quoted_where_it_must_be() {
        let rows = [["a", "b, c"], ["=1", "2"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows, false).unwrap(), "a,\"b, c\"\r\n'=1,2\r\n");
        assert_eq!(table(&rows, true).unwrap(), "a,\"b, c\"\r\n=1,2\r\n");
    }
}
