//! Reading a corpus: tables, JSON and plain text, whatever their delimiter, encoding or compression.
//!
//! [`peek`] looks at the beginning of a file and says what it would do; [`read`] does it. A file passes through
//! these parts, each of which holds only a little of it at a time:
//!
//! bytes (`source`) → text (`encoding`) → rows (`delimited`, `json`, `lines`) → columns (`table`, `arena`) → kinds
//! (`kinds` with `numbers`, `dates` and `lists`).
//!
//! What nobody chose is found by `sniff` and `choose` from the beginning of the file, in the same way for both.

mod arena;
mod binary;
mod choose;
mod dates;
mod delimited;
mod encoding;
mod error;
mod gather;
mod json;
mod kinds;
mod lines;
mod lists;
mod look;
mod numbers;
mod quotes;
mod row;
mod sniff;
mod source;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod window;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::{Column, ColumnKind, Corpus, Key, ReadReport, Strings};
use crate::job::Ctx;
use arena::{Arenas, MEMORY_BUDGET};
use encoding::{Decoder, Transcoder};
use look::Look;
use source::Source;
use table::{Table, counted};
use window::Window;

pub use error::ReadError;
pub use gather::{gather, read_as};
pub use kinds::MAX_LEVELS;
pub use row::MAX_ROW_BYTES;
pub use table::{LISTED_ROWS, MAX_COLUMNS};

/// How many rows an import sheet shows.
const PREVIEW_ROWS: usize = 50;

/// How a file's documents are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Rows of cells with a delimiter between: CSV, TSV and the like.
    Delimited,
    /// A JSON object (or string) a line.
    JsonLines,
    /// A JSON array of objects or strings, or objects that follow each other.
    JsonArray,
    /// Plain text.
    Text,
}

/// What a document is in plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextUnit {
    Line,
    /// Lines up to a blank one.
    Paragraph,
}

/// What a person has decided about a file; what is `None` is found out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadOptions {
    pub format: Option<Format>,
    /// One ASCII character.
    pub delimiter: Option<char>,
    /// A label of the WHATWG encoding standard, such as "utf-8" or "latin1".
    pub encoding: Option<String>,
    /// Whether the first row names the columns.
    pub header: Option<bool>,
    pub text_unit: Option<TextUnit>,
    /// The kinds of columns, by name.
    pub kinds: BTreeMap<String, ColumnKind>,
    /// The columns that are the text, by name, in the order they are joined.
    pub text_columns: Option<Vec<String>>,
    /// Where a large corpus is set aside while it is open; the system's temporary folder if not given.
    #[serde(skip)]
    pub spill_dir: Option<PathBuf>,
}

/// What [`read`] would do with a file, as far as its beginning shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Peek {
    /// Every setting decided, those of a person included: reading with them gives what is shown here.
    pub settings: ReadOptions,
    pub gzip: bool,
    /// The settings in words: "CSV, semicolons, UTF-8, gzip".
    pub words: String,
    pub columns: Vec<PeekColumn>,
    /// The first rows, at most 50, a cell for each column.
    pub rows: Vec<Vec<String>>,
    /// Indices of the columns to take as text, in the order they are joined; never empty.
    pub text_columns: Vec<usize>,
    /// Why those: "longest texts: 1,340 characters on average".
    pub why: String,
    /// Size of the file on disk.
    pub bytes: u64,
    /// How many documents there are: counted if this was the whole file, else estimated from its size.
    pub documents: u64,
    /// Whether `documents` was counted.
    pub is_whole: bool,
    /// Rows skipped, and remarks, up to here.
    pub report: ReadReport,
}

/// A column and what it seems to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeekColumn {
    pub name: String,
    pub kind: ColumnKind,
}

/// Looks at the first megabyte of a file.
///
/// # Errors
/// If the file cannot be read, is no text, or holds no document; or if `options` name an encoding or a column that
/// is not there.
pub fn peek(path: &Path, options: &ReadOptions) -> Result<Peek, ReadError> {
    let look = Look::at(path, options)?;
    let kinds = look.kinds(options);
    let (text_columns, why) = match &options.text_columns {
        Some(names) => (
            find_columns(path, names, look.columns.iter().map(|(name, _)| name.as_str()))?,
            "your choice".into(),
        ),
        None => look.choose_text(&kinds),
    };
    let rows = look.columns.first().map_or(0, |(_, cells)| cells.len()).min(PREVIEW_ROWS);
    let row = |i| look.columns.iter().map(|(_, cells)| cells.get(i).to_owned()).collect();
    let columns = look.columns.iter().zip(&kinds);
    Ok(Peek {
        settings: look.settings(options, &text_columns),
        gzip: look.gzip,
        words: look.words(),
        columns: columns.map(|((name, _), &kind)| PeekColumn { name: name.clone(), kind }).collect(),
        rows: (0..rows).map(row).collect(),
        text_columns,
        why,
        bytes: look.size,
        documents: look.documents(),
        is_whole: !look.cut,
        report: look.report,
    })
}

/// Reads a whole file. Progress counts bytes on disk.
///
/// # Errors
/// As [`peek`]; or if the cells find no room on disk, or the work is stopped.
pub fn read(path: &Path, options: &ReadOptions, ctx: &Ctx) -> Result<Corpus, ReadError> {
    let look = Look::at(path, options)?;
    ctx.progress.begin("Reading", "bytes", look.size, 0);
    let source = Source::open(path, ctx.progress.clone())?;
    let mut window = Window::of_file(Decoder::new(source, look.encoding, ctx.cancel.clone()));
    let mut table = Table::new(Arenas::new(options.spill_dir.as_deref(), MEMORY_BUDGET));
    look.shape.load(&mut window, &mut table)?;
    let line = window.line();
    let (read, mut report) = table.finish()?;
    if let Some(decoder) = window.decoder() {
        report.format = look.words_with(decoder.transcoder.encoding());
        if decoder.damaged() {
            let remark = format!(
                "The gzip data are damaged or end early, near line {line}: what came before is kept."
            );
            report.remarks.push(remark);
        }
        report.remarks.extend(remarks(&decoder.transcoder));
    }
    drop(window);
    refuse_none(path, &read, &report)?;

    let names = read.iter().map(|(name, _)| name.as_str());
    let text_columns = match &options.text_columns {
        Some(names_chosen) => find_columns(path, names_chosen, names)?,
        None => look.choose_text(&look.kinds(options)).0,
    };
    ctx.progress.begin("Telling what the columns hold", "columns", read.len() as u64, 0);
    let typed = read.into_par_iter().map(|(name, cells)| {
        let (typed, remark) =
            kinds::read_column(&name, &cells, options.kinds.get(&name).copied(), &ctx.cancel)?;
        ctx.progress.advance(1);
        Ok((Column { name, cells, typed }, remark))
    });
    let typed: Vec<_> = typed.collect::<Result<_, ReadError>>()?;
    let mut columns = Vec::with_capacity(typed.len());
    for (column, remark) in typed {
        columns.push(column);
        report.remarks.extend(remark);
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let source = Some(path.to_owned());
    let key = Key::of("corpus", 0).finish();
    let mut corpus = Corpus { key, name, source, columns, text_columns, report };
    corpus.key = corpus.content_key();
    Ok(corpus)
}

/// What had to be done to the bytes to make them text.
fn remarks(transcoder: &Transcoder) -> Vec<String> {
    let mut remarks = Vec::new();
    if transcoder.nulls > 0 {
        remarks.push(format!("{} removed.", counted(transcoder.nulls, "NUL byte was", "NUL bytes were")));
    }
    if transcoder.replaced > 0 {
        let places = counted(transcoder.replaced, "place", "places");
        let encoding = encoding::name(transcoder.encoding());
        remarks.push(format!("{places} could not be decoded as {encoding} and show “\u{fffd}”."));
    }
    remarks
}

/// Where the columns with these names are.
fn find_columns<'a>(
    path: &Path,
    wanted: &[String],
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<Vec<usize>, ReadError> {
    let find = |column: &String| {
        names.clone().position(|name| name == column).ok_or_else(|| ReadError::NoColumn {
            path: path.to_owned(),
            column: column.clone(),
            known: names.clone().collect::<Vec<_>>().join(", "),
        })
    };
    let mut found = Vec::with_capacity(wanted.len());
    for column in wanted {
        let at = find(column)?;
        if !found.contains(&at) {
            found.push(at);
        }
    }
    // Nothing chosen is no choice; a corpus needs a text.
    Ok(if found.is_empty() { vec![0] } else { found })
}

/// A file without a document is an error, whose cause is the first row that could not be read.
fn refuse_none(path: &Path, columns: &[(String, Strings)], report: &ReadReport) -> Result<(), ReadError> {
    if columns.first().is_some_and(|(_, cells)| !cells.is_empty()) {
        return Ok(());
    }
    let (line, cause) = match report.skipped_rows.first() {
        Some(row) => (row.line, row.cause.clone()),
        None if columns.is_empty() => (1, "there is nothing but blank lines or empty brackets".to_owned()),
        None => (1, "there is nothing below the names of the columns".to_owned()),
    };
    Err(ReadError::NoRows { path: path.to_owned(), line, cause })
}
