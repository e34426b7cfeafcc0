//! A look at the beginning of a file: everything that is decided before it is read.

use std::path::Path;

use encoding_rs::Encoding;

use super::arena::{Arenas, MEMORY_BUDGET};
use super::choose::{Candidate, choose};
use super::delimited::Rows;
use super::encoding::{self, Transcoder};
use super::json::{Elements, Object, next_line};
use super::row::{MAX_ROW_BYTES, Row, Step};
use super::sniff::{Shape, shape};
use super::source::Source;
use super::table::{MAX_COLUMNS, Table, unique_names};
use super::window::Window;
use super::{Format, ReadError, ReadOptions, TextUnit, binary, kinds, lines, refuse_none, remarks};
use crate::data::{ColumnKind, ReadReport, Strings};
use crate::job::Progress;

/// How much of a file is looked at.
const SAMPLE_BYTES: usize = 1 << 20;

/// How much is looked at if its first row is longer than that.
const LARGE_SAMPLE_BYTES: usize = MAX_ROW_BYTES + SAMPLE_BYTES;

/// What the only column of plain text is called.
const TEXT_COLUMN: &str = "text";

/// What the beginning of a file shows.
pub(super) struct Look {
    pub size: u64,
    pub gzip: bool,
    /// `None` as long as it is plain ASCII.
    pub encoding: Option<&'static Encoding>,
    pub shape: Shape,
    /// Whether the file goes on.
    pub cut: bool,
    /// Bytes on disk that were looked at.
    consumed: u64,
    /// The columns of the rows looked at.
    pub columns: Vec<(String, Strings)>,
    pub report: ReadReport,
}

impl Look {
    pub fn at(path: &Path, options: &ReadOptions) -> Result<Self, ReadError> {
        match Self::at_first(path, options, SAMPLE_BYTES) {
            Ok(look) if !look.cut || look.rows() > 0 => Ok(look),
            Ok(_) => {
                let look = Self::at_first(path, options, LARGE_SAMPLE_BYTES)?;
                refuse_none(path, &look.columns, &look.report)?;
                Ok(look)
            }
            Err(e) => Err(e),
        }
    }

    fn at_first(path: &Path, options: &ReadOptions, bytes: usize) -> Result<Self, ReadError> {
        let mut source = Source::open(path, Progress::default())?;
        let mut raw = vec![0; bytes];
        let filled = source.fill(&mut raw)?;
        raw.truncate(filled);
        let whole = filled < bytes;
        if raw.is_empty() {
            return Err(ReadError::Empty { path: path.to_owned() });
        }
        binary::refuse_known(path, &raw)?;
        let encoding = match &options.encoding {
            Some(label) => Some(encoding::by_label(label)?),
            None => encoding::detect(&raw, whole),
        };
        let mut text = Vec::new();
        let mut transcoder = Transcoder::new(encoding);
        transcoder.decode(&raw, whole, &mut text);
        drop(raw);
        binary::refuse_noise(path, &text, transcoder.nulls)?;

        let cut = !whole || source.damaged;
        let shape = shape(path, &text, cut, options)?;
        let mut table = Table::new(Arenas::new(options.spill_dir.as_deref(), MEMORY_BUDGET));
        let mut window = Window::of_sample(text, cut);
        shape.load(&mut window, &mut table)?;
        let (columns, mut report) = table.finish()?;
        report.remarks.extend(remarks(&transcoder));
        let (size, consumed) = (source.size, source.consumed());
        let mut look = Self { size, gzip: source.is_gzip(), encoding, shape, cut, consumed, columns, report };
        look.report.format = look.words();
        if whole {
            refuse_none(path, &look.columns, &look.report)?;
        } else {
            look.forget_last_row_cut();
        }
        Ok(look)
    }

    /// A row that goes on behind the part looked at was not lost.
    fn forget_last_row_cut(&mut self) {
        if let Some(last) = self.report.skipped_rows.last()
            && last.cause.starts_with(super::row::CUT_OFF)
        {
            self.report.skipped_rows.pop();
            self.report.skipped -= 1;
        }
    }

    fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, cells)| cells.len())
    }

    /// How many documents the file has, as far as one can tell.
    pub fn documents(&self) -> u64 {
        let rows = self.rows() as u64;
        if self.cut && self.consumed > 0 {
            (rows as f64 * self.size as f64 / self.consumed as f64).round() as u64
        } else {
            rows
        }
    }

    /// The kinds of the columns: chosen ones, and guesses for the others.
    pub fn kinds(&self, options: &ReadOptions) -> Vec<ColumnKind> {
        let kind = |(name, cells): &(String, Strings)| {
            let chosen = options.kinds.get(name).copied();
            chosen.unwrap_or_else(|| kinds::guess_kind(name, cells))
        };
        self.columns.iter().map(kind).collect()
    }

    /// The columns to take as text, and why.
    pub fn choose_text(&self, kinds: &[ColumnKind]) -> (Vec<usize>, String) {
        let columns = self.columns.iter().zip(kinds);
        let candidates: Vec<Candidate> = columns
            .map(|((name, cells), &kind)| Candidate { name, kind, cells: cells.iter().collect() })
            .collect();
        let choice = choose(&candidates);
        (choice.columns, choice.why)
    }

    /// The settings in words.
    pub fn words(&self) -> String {
        self.words_with(self.encoding.unwrap_or(encoding_rs::UTF_8))
    }

    /// The same with an encoding that showed only later.
    pub fn words_with(&self, encoding: &'static Encoding) -> String {
        let mut words = match &self.shape {
            Shape::Delimited { dialect, .. } => match dialect.delimiter {
                b',' => "CSV, commas".to_owned(),
                b';' => "CSV, semicolons".to_owned(),
                b'\t' => "TSV".to_owned(),
                b'|' => "table, vertical bars".to_owned(),
                b' ' => "table, blanks".to_owned(),
                other => format!("table, “{}”", char::from(other)),
            },
            Shape::JsonLines => "JSON lines".to_owned(),
            Shape::JsonArray => "JSON array".to_owned(),
            Shape::Text(TextUnit::Line) => "plain text, a line a document".to_owned(),
            Shape::Text(TextUnit::Paragraph) => "plain text, a paragraph a document".to_owned(),
        };
        if let Shape::Delimited { dialect, header, .. } = self.shape {
            words.push_str(if header { "" } else { ", no header" });
            words.push_str(if dialect.quotes { "" } else { ", no quoting" });
        }
        words.push_str(", ");
        words.push_str(&encoding::name(encoding));
        if self.gzip {
            words.push_str(", gzip");
        }
        words
    }

    /// The settings as a person could have chosen them.
    pub fn settings(&self, options: &ReadOptions, text_columns: &[usize]) -> ReadOptions {
        let mut settings = options.clone();
        match self.shape {
            Shape::Delimited { dialect, header, .. } => {
                settings.format = Some(Format::Delimited);
                settings.delimiter = Some(char::from(dialect.delimiter));
                settings.header = Some(header);
            }
            Shape::JsonLines => settings.format = Some(Format::JsonLines),
            Shape::JsonArray => settings.format = Some(Format::JsonArray),
            Shape::Text(unit) => {
                settings.format = Some(Format::Text);
                settings.text_unit = Some(unit);
            }
        }
        // ASCII so far is no decision: what follows may be in any encoding.
        settings.encoding = self.encoding.map(|encoding| encoding.name().to_owned()).or(settings.encoding);
        settings.text_columns = Some(text_columns.iter().map(|&c| self.columns[c].0.clone()).collect());
        settings
    }
}

impl Shape {
    /// Reads all rows of `window` into `table`.
    pub fn load(&self, window: &mut Window, table: &mut Table) -> Result<(), ReadError> {
        match self {
            Self::Delimited { .. } => self.load_rows(window, table),
            Self::JsonLines => load_objects(window, table, next_line),
            Self::JsonArray => {
                let mut elements = Elements::default();
                load_objects(window, table, |window, object| elements.next(window, object))
            }
            Self::Text(unit) => {
                table.set_columns(vec![TEXT_COLUMN.to_owned()])?;
                let mut row = Row::default();
                loop {
                    match lines::next(window, *unit, &mut row)? {
                        Step::Row => table.push(&mut row, b' ')?,
                        Step::Skipped { line, cause } => table.skip(line, cause),
                        Step::End => return Ok(()),
                    }
                }
            }
        }
    }

    fn load_rows(&self, window: &mut Window, table: &mut Table) -> Result<(), ReadError> {
        let &Self::Delimited { dialect, header, row_names } = self else { return Ok(()) };
        let delimiter = dialect.delimiter;
        let (mut rows, mut row) = (Rows::new(dialect), Row::default());
        loop {
            match rows.next(window, &mut row)? {
                Step::Row if table.width() == 0 => {
                    let mut names = Vec::new();
                    if header {
                        names.extend(row_names.then(String::new));
                        names.extend(row.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()));
                    }
                    let width = dialect.width.max(names.len()).max(row.len()).min(MAX_COLUMNS);
                    names.resize(width, String::new());
                    table.set_columns(unique_names(names))?;
                    if !header {
                        table.push(&mut row, delimiter)?;
                    }
                }
                Step::Row => table.push(&mut row, delimiter)?,
                Step::Skipped { line, cause } => table.skip(line, cause),
                Step::End => break,
            }
        }
        table.stray_quotes = rows.stray;
        Ok(())
    }
}

fn load_objects(
    window: &mut Window,
    table: &mut Table,
    mut next: impl FnMut(&mut Window, &mut Object) -> Result<Step, ReadError>,
) -> Result<(), ReadError> {
    let mut object = Object::default();
    loop {
        match next(window, &mut object)? {
            Step::Row => table.push_object(&object)?,
            Step::Skipped { line, cause } => table.skip(line, cause),
            Step::End => return Ok(()),
        }
    }
}
