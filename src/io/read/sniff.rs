//! Finding out from its beginning how a file is made: format, delimiter, header.

use std::collections::HashMap;
use std::path::Path;

use super::delimited::{Dialect, Rows};
use super::json::{Object, first_value};
use super::lines::guess_unit;
use super::row::{Row, Step};
use super::window::Window;
use super::{Format, ReadError, ReadOptions, TextUnit, dates, numbers, quotes};

const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// How many rows of the beginning are looked at.
const ROWS: usize = 500;

/// How many lines are tried as JSON.
const JSON_LINES: usize = 20;

/// Of the rows of a table, at least this share has equally many cells.
const REGULAR: f64 = 0.5;

/// In a file whose name does not say that it is a table, a delimiter has to be this regular in so many rows. Tabs,
/// which prose does not have, need only two.
const VERY_REGULAR: f64 = 0.95;
const ENOUGH_ROWS: usize = 5;

/// A header's names are shorter than this.
const MAX_NAME_CHARS: usize = 80;

/// Names that only a header has.
const HEADER_NAMES: [&str; 30] = [
    "id",
    "text",
    "title",
    "label",
    "category",
    "class",
    "body",
    "content",
    "abstract",
    "comment",
    "message",
    "date",
    "author",
    "authors",
    "url",
    "doi",
    "name",
    "description",
    "year",
    "topic",
    "sentence",
    "score",
    "type",
    "subject",
    "question",
    "answer",
    "word",
    "language",
    "created_at",
    "timestamp",
];

/// How a file's text is made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Delimited {
        /// Its width may be more than the header has.
        dialect: Dialect,
        header: bool,
        /// The header lacks a name for the first column, as R writes row names.
        row_names: bool,
    },
    JsonLines,
    JsonArray,
    Text(TextUnit),
}

/// Decides the shape of a text that begins with `text` and is `cut` if it goes on; `options` have the last word.
pub(super) fn shape(path: &Path, text: &[u8], cut: bool, options: &ReadOptions) -> Result<Shape, ReadError> {
    let chosen = options.delimiter.map(valid_delimiter).transpose()?;
    let found = chosen
        .map_or_else(|| best_delimiter(text, cut, &DELIMITERS), |one| best_delimiter(text, cut, &[one]));
    let format = options.format.unwrap_or_else(|| guess_format(path, text, &found, chosen.is_some()));
    Ok(match format {
        Format::JsonLines => Shape::JsonLines,
        Format::JsonArray => Shape::JsonArray,
        Format::Text => {
            let guess = || guess_unit(&String::from_utf8_lossy(text));
            Shape::Text(options.text_unit.unwrap_or_else(guess))
        }
        Format::Delimited => {
            let fallback = if extension(path) == "tsv" { b'\t' } else { b',' };
            let usable = chosen.is_some() || found.width > 1;
            let delimiter = if usable { found.delimiter } else { fallback };
            let dialect = dialect(text, delimiter);
            delimited(&sample_rows(text, cut, dialect), dialect, options.header)
        }
    })
}

/// How rows with this delimiter are written; their width comes later.
fn dialect(text: &[u8], delimiter: u8) -> Dialect {
    let quoting = Dialect { delimiter, quotes: true, width: 0 };
    Dialect { quotes: quotes::are_used(text, delimiter, || quote_faults(text, quoting)), ..quoting }
}

/// How many rows have quotes that cannot be right.
fn quote_faults(text: &[u8], dialect: Dialect) -> usize {
    let mut window = Window::of_sample(text.to_vec(), true);
    let (mut reader, mut row, mut faults) = (Rows::new(dialect), Row::default(), 0);
    loop {
        match reader.next(&mut window, &mut row) {
            Ok(Step::Row) => faults += usize::from(row.loose_quotes > 0),
            Ok(Step::Skipped { .. }) => faults += 1,
            // A sample cannot fail: nothing is fetched for it.
            Ok(Step::End) | Err(_) => return faults,
        }
    }
}

fn delimited(rows: &[Vec<String>], dialect: Dialect, header: Option<bool>) -> Shape {
    let header = header.unwrap_or_else(|| has_header(rows));
    let first = rows.first().map_or(0, Vec::len);
    let data = &rows[usize::from(header).min(rows.len())..];
    let (usual, share) = usual_width(data);
    let width = if share >= REGULAR { usual.max(first) } else { first.max(1) };
    let one_short = header && first + 1 == usual && !data.is_empty();
    let row_names =
        one_short && data.iter().all(|row| row.len() == usual && row.last().is_some_and(|c| !c.is_empty()));
    Shape::Delimited { dialect: Dialect { width, ..dialect }, header, row_names }
}

fn valid_delimiter(delimiter: char) -> Result<u8, ReadError> {
    match u8::try_from(delimiter) {
        Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => Ok(byte),
        _ => Err(ReadError::BadDelimiter(delimiter)),
    }
}

/// The file's extension in lower case, ".gz" left out.
fn extension(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.rsplit_once('.').map_or("", |(_, extension)| extension).to_owned()
}

fn guess_format(path: &Path, text: &[u8], found: &Regularity, delimiter_chosen: bool) -> Format {
    let extension = extension(path);
    let is_json = matches!(extension.as_str(), "json" | "jsonl" | "ndjson");
    if let Some(format) = json_format(text, is_json) {
        return format;
    }
    if delimiter_chosen || matches!(extension.as_str(), "csv" | "tsv" | "tab" | "psv") {
        return Format::Delimited;
    }
    let tabs = found.delimiter == b'\t' && found.rows >= 2;
    let regular = found.width > 1 && found.share >= VERY_REGULAR && (tabs || found.rows >= ENOUGH_ROWS);
    if regular { Format::Delimited } else { Format::Text }
}

/// The kind of JSON a text is, if it is any.
fn json_format(text: &[u8], is_named_so: bool) -> Option<Format> {
    let text = text.trim_ascii_start();
    let mut object = Object::default();
    let mut holds_object = |json: &[u8]| object.parse(json).is_ok();
    let lines = text.split(|&b| b == b'\n' || b == b'\r').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty()).take(JSON_LINES);
    match text.first()? {
        b'{' => {
            if lines.any(|line| line.starts_with(b"{") && holds_object(line)) {
                return Some(Format::JsonLines);
            }
            if first_value(text).is_some_and(&mut holds_object) {
                return Some(Format::JsonArray);
            }
            is_named_so.then_some(Format::JsonLines)
        }
        b'[' => {
            let inside = text[1..].trim_ascii_start();
            let begins = inside.first().is_some_and(|b| matches!(b, b'{' | b'"'));
            let array = is_named_so || begins && first_value(inside).is_none_or(&mut holds_object);
            array.then_some(Format::JsonArray)
        }
        b'"' if is_named_so => Some(Format::JsonLines),
        _ => is_named_so.then_some(Format::JsonLines),
    }
}

/// How regular a text is if a certain delimiter is taken.
struct Regularity {
    delimiter: u8,
    /// The number of cells most rows have, and the share of those rows.
    width: usize,
    share: f64,
    rows: usize,
}

fn best_delimiter(text: &[u8], cut: bool, candidates: &[u8]) -> Regularity {
    let mut best = Regularity { delimiter: candidates[0], width: 1, share: 0.0, rows: 0 };
    let mut best_score = 0.0;
    for &delimiter in candidates {
        let rows = sample_rows(text, cut, dialect(text, delimiter));
        let (width, share) = usual_width(&rows);
        let first = rows.first().map_or(0, Vec::len);
        // Rows with a surplus come from unquoted delimiters in a text; they speak less, but not against it.
        let enough = rows.iter().filter(|row| row.len() >= first).count() as f64 / rows.len().max(1) as f64;
        let loose = if first > 1 { 0.8 * enough } else { 0.0 };
        let regular = if width > 1 && share >= REGULAR { share } else { 0.0 };
        let agrees = if first == width { 0.1 } else { 0.0 };
        let many = (width.min(100) as f64) * 1e-4;
        let score = if regular.max(loose) > 0.0 { regular.max(loose) + agrees + many } else { 0.0 };
        if score > best_score {
            let width = if regular >= loose { width } else { first };
            best = Regularity { delimiter, width, share, rows: rows.len() };
            best_score = score;
        }
    }
    best
}

/// The number of cells that most rows have (the larger of two equally frequent), and the share of those rows.
fn usual_width(rows: &[Vec<String>]) -> (usize, f64) {
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for row in rows {
        *counts.entry(row.len()).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|&(width, count)| (count, width));
    most.map_or((0, 0.0), |(width, count)| (width, count as f64 / rows.len() as f64))
}

/// The first rows of a table.
fn sample_rows(text: &[u8], cut: bool, dialect: Dialect) -> Vec<Vec<String>> {
    let mut window = Window::of_sample(text.to_vec(), cut);
    let (mut reader, mut row, mut rows) = (Rows::new(dialect), Row::default(), Vec::new());
    while rows.len() < ROWS {
        match reader.next(&mut window, &mut row) {
            Ok(Step::Row) => {
                rows.push(row.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect());
            }
            Ok(Step::Skipped { .. }) => {}
            // A sample cannot fail: nothing is fetched for it.
            Ok(Step::End) | Err(_) => break,
        }
    }
    rows
}

/// Whether the first row names the columns.
fn has_header(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let names: Vec<&str> = first.iter().map(|name| name.trim()).collect();
    let is_value = |cell: &str| numbers::is_number(cell) || dates::is_date(cell);
    let no_name = |name: &&str| name.chars().count() > MAX_NAME_CHARS || is_value(name);
    if names.iter().all(|name| name.is_empty()) || names.iter().any(no_name) {
        return false;
    }
    if names.iter().any(|name| HEADER_NAMES.contains(&name.to_lowercase().as_str())) {
        return true;
    }
    let column = |c: usize| rest.iter().filter_map(move |row| row.get(c)).map(|cell| cell.trim());
    let mut longer_below = 0;
    for (c, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let filled: Vec<&str> = column(c).filter(|cell| !numbers::is_missing(cell)).collect();
        if filled.is_empty() {
            continue;
        }
        if filled.iter().all(|cell| is_value(cell)) {
            return true;
        }
        if filled.contains(name) {
            return false;
        }
        let mean = filled.iter().map(|cell| cell.len()).sum::<usize>() / filled.len();
        longer_below += usize::from(mean >= 2 * name.len());
    }
    let like_identifiers =
        names.iter().all(|name| !name.contains(' ') && name.contains('_') || name.is_empty());
    longer_below * 2 > names.len() && names.iter().all(|name| name.split_whitespace().count() <= 3)
        || like_identifiers && !rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape_of(name: &str, text: &str) -> Shape {
        shape(Path::new(name), text.as_bytes(), false, &ReadOptions::default()).unwrap()
    }

    fn table(delimiter: u8, header: bool, width: usize) -> Shape {
        Shape::Delimited {
            dialect: Dialect { delimiter, quotes: delimiter != b'\t', width },
            header,
            row_names: false,
        }
    }

    #[test]
    fn delimiters_are_found_although_others_occur() {
        assert_eq!(shape_of("a.csv", "a;b\n1,5;2,5\n3,5;4,5\n"), table(b';', true, 2));
        assert_eq!(shape_of("a.csv", "id|text\n1|well, yes\n2|no, no, no\n"), table(b'|', true, 2));
        assert_eq!(shape_of("a.dat", "id\ttext\n1\twell, yes\n"), table(b'\t', true, 2));
        assert_eq!(
            shape_of("a.csv", "id,text\n1,a, b, c\n2,d, e\n3,f\n4,g, h, i, j\n"),
            table(b',', true, 2)
        );
        assert_eq!(shape_of("a.csv", "text\nHello, world\nA text\nNo, not, that\n"), table(b',', true, 1));
    }

    #[test]
    fn prose_is_text_even_with_commas() {
        let prose = "Call me Ishmael, he said.\nSome years ago, never mind how long, I went.\nA line\nAnother, line\n";
        assert_eq!(shape_of("a.txt", prose), Shape::Text(TextUnit::Line));
        assert_eq!(shape_of("a.txt", "[Music] starts\n[Applause] ends\n"), Shape::Text(TextUnit::Line));
    }

    #[test]
    fn json_is_known_by_its_looks() {
        assert_eq!(shape_of("a.txt", "{\"a\":1}\n{\"a\":2}\n"), Shape::JsonLines);
        assert_eq!(shape_of("a", "[\n {\"a\":1}]"), Shape::JsonArray);
        assert_eq!(shape_of("a.json", "{\n\"a\":1}\n{\n\"a\":2}"), Shape::JsonArray);
        assert_eq!(shape_of("a.jsonl", "broken\n{\"a\":1}"), Shape::JsonLines);
    }

    #[test]
    fn a_header_is_told_from_data() {
        let header = |text: &str| match shape_of("a.csv", text) {
            Shape::Delimited { header, .. } => header,
            other => panic!("{other:?}"),
        };
        assert!(header("text,category\nI wait,card\nI still wait,card\n"));
        assert!(header("foo,bar\nx,1\ny,2\n"));
        assert!(!header(
            "A man is dancing.,A man wears a hat.,5.0\nA child rides.,A child rides a horse.,4.75\n"
        ));
        assert!(!header("apple,fruit\npear,fruit\nrose,flower\n"));
    }

    #[test]
    fn r_leaves_the_name_of_the_row_names_out() {
        let found = shape_of("a.csv", "text,score\n1,a thing,3\n2,another,4\n");
        let dialect = Dialect { delimiter: b',', quotes: true, width: 3 };
        assert_eq!(found, Shape::Delimited { dialect, header: true, row_names: true });
    }
}
