//! Tables of word vectors: word2vec's text and binary forms and GloVe's text, each also gzipped.
//!
//! | format | first line | then |
//! |---|---|---|
//! | word2vec text (also fastText's `.vec`) | words, dimensions | a line a word: the word, the numbers |
//! | word2vec binary | words, dimensions | the word, a space, f32s (little-endian), perhaps a newline |
//! | GloVe text | – | a line a word: the word (which may hold spaces), the numbers |

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use rayon::prelude::*;

use super::{FileError, npy};
use crate::data::{Column, Corpus, Key, Matrix, ReadReport, SkippedRow, Strings, StringsBuilder, Typed};
use crate::job::{Ctx, Progress};

/// Which of the formats a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordVectorFormat {
    Word2VecText,
    Word2VecBinary,
    GloVe,
}

impl WordVectorFormat {
    fn name(self) -> &'static str {
        match self {
            Self::Word2VecText => "word2vec text",
            Self::Word2VecBinary => "word2vec binary",
            Self::GloVe => "GloVe text",
        }
    }
}

/// How much of a file is looked at to tell its format.
const SNIFF: usize = 128 << 10;

/// The most dimensions a vector may have: headers that promise more are not headers.
const MAX_DIM: usize = 8_192;

/// The fewest numbers in a line without which a headerless table is not taken for GloVe.
const MIN_GLOVE_DIM: usize = 10;

/// Lines after a header of which one must be a vector.
const FIRST_ROWS: usize = 3;

/// Lines that tell whether a headerless table is one.
const GLOVE_LINES: usize = 20;

/// A word longer than this in a binary file is a sign that the bytes are out of step.
const MAX_WORD: usize = 1024;

/// Text that is parsed in one go; no line may be longer.
const BLOCK: usize = 8 << 20;

/// Lines that one thread parses in one go.
const LINES: usize = 256;

/// Skipped rows that are listed one by one.
const MOST_LISTED: usize = 100;

/// Why a line was skipped.
const NO_VECTOR: &str = "it does not end in as many numbers as the others";
const NOT_FINITE: &str = "it holds a value that is not a finite number";
const NO_WORD: &str = "it has no word";
const TOO_LONG: &str = "it is longer than any vector";

/// Tells whether the file at `path` is a table of word vectors, from its first bytes. In doubt it is not.
pub fn looks_like(path: &Path) -> Option<WordVectorFormat> {
    Some(sniff(&start_of(path).ok()?)?.format)
}

/// Reads a table of word vectors: a corpus with the one column `word`, and the vectors as they stand in the file.
///
/// Takes 4 × words × dimensions bytes of memory, and as much again at most while it grows (2 million words of 300
/// dimensions: 2.4 GB). Lines that cannot be read are skipped, counted and listed.
pub fn read(path: &Path, ctx: &Ctx) -> Result<(Corpus, Matrix), FileError> {
    let head = start_of(path).map_err(|error| FileError::read(path, error))?;
    let Some(shape) = sniff(&head) else {
        let problem =
            "is not a table of word vectors. word2vec (text or binary) and GloVe (text) can be read.";
        return Err(FileError::format(path, problem));
    };
    let file = File::open(path).map_err(|error| FileError::read(path, error))?;
    let size = file.metadata().map_err(|error| FileError::read(path, error))?.len();
    ctx.progress.begin("Reading word vectors", "bytes", size, 0);
    let (mut input, gzip) = unpacked(Counted { inner: file, progress: ctx.progress.clone() })
        .map_err(|error| FileError::read(path, error))?;
    let mut table = Table::new(shape.dim);
    if !gzip {
        // A vector of text takes two bytes a number at least, so that no header can ask for more than the file has.
        let promised = shape.words.unwrap_or(0).saturating_mul(shape.dim as u64);
        table.values.reserve(promised.min(size / 2) as usize);
    }
    let outcome = match shape.format {
        WordVectorFormat::Word2VecBinary => read_binary(&mut input, &shape, &mut table, ctx),
        _ => read_text(&mut input, &shape, &mut table, ctx),
    };
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && table.rows > 0 => {
            table.remarks.push("The file ends early; the words before that were read.".into());
        }
        outcome => outcome.map_err(|error| FileError::read(path, error))?,
    }
    if table.rows == 0 {
        return Err(FileError::format(path, "holds no word that could be read."));
    }
    Ok(table.finish(path, &shape, gzip))
}

/// What a file's start says about the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    format: WordVectorFormat,
    /// As the header promises.
    words: Option<u64>,
    dim: usize,
}

/// The first bytes, unpacked.
fn start_of(path: &Path) -> io::Result<Vec<u8>> {
    let (input, _) = unpacked(File::open(path)?)?;
    let mut head = Vec::new();
    match input.take(SNIFF as u64).read_to_end(&mut head) {
        // What could be unpacked before a damage is enough to tell the format.
        Err(error) if head.is_empty() => Err(error),
        _ => Ok(head),
    }
}

/// The content, through gzip if its magic number is there, and whether it is.
fn unpacked<R: Read + 'static>(file: R) -> io::Result<(Box<dyn BufRead>, bool)> {
    let mut file = BufReader::with_capacity(1 << 20, file);
    let gzip = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if gzip {
        (Box::new(BufReader::with_capacity(1 << 20, MultiGzDecoder::new(file))), true)
    } else {
        (Box::new(file), false)
    })
}

fn sniff(head: &[u8]) -> Option<Shape> {
    let (first, rest) = split_line(head)?;
    match header(first) {
        Some((words, dim)) => {
            let format = if is_text_row(rest, dim, head.len() == SNIFF) {
                WordVectorFormat::Word2VecText
            } else if is_binary_row(rest, dim) {
                WordVectorFormat::Word2VecBinary
            } else {
                return None;
            };
            Some(Shape { format, words: Some(words), dim })
        }
        None => sniff_glove(head),
    }
}

/// Words and dimensions of a word2vec header.
fn header(line: &[u8]) -> Option<(u64, usize)> {
    let (words, dim) = std::str::from_utf8(line).ok()?.trim_end().split_once([' ', '\t'])?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (words, dim) = (digits(words).then(|| words.parse().ok())??, digits(dim).then(|| dim.parse().ok())??);
    (words > 0 && (2..=MAX_DIM).contains(&dim)).then_some((words, dim))
}

/// Whether one of the first lines is a word and `dim` numbers; a last line that was `cut` does not count.
fn is_text_row(mut rest: &[u8], dim: usize, cut: bool) -> bool {
    let mut values = Vec::with_capacity(dim);
    for _ in 0..FIRST_ROWS {
        let (line, after) = match split_line(rest) {
            Some(split) => split,
            None if cut => return false,
            None => (rest, &rest[..0]),
        };
        if parse_line(line, dim, &mut values).is_ok() {
            return true;
        }
        rest = after;
    }
    false
}

/// Whether a word, a space and `dim` plausible floats come first. Text that is taken for floats is not plausible.
fn is_binary_row(rest: &[u8], dim: usize) -> bool {
    let Some(space) = rest.iter().take(MAX_WORD).position(|&byte| byte == b' ') else { return false };
    let Some(bytes) = rest[space + 1..].get(..4 * dim) else { return false };
    let plausible = |value: &f32| *value == 0.0 || (1e-12..1e6).contains(&value.abs());
    let values = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    values.clone().all(f32::is_finite) && values.filter(plausible).count() * 10 >= dim * 9
}

/// A headerless table is GloVe's if its first lines end in the same number of numbers, at least
/// [`MIN_GLOVE_DIM`] and most of them fractions, behind words that differ.
fn sniff_glove(head: &[u8]) -> Option<Shape> {
    let mut lines: Vec<&[u8]> = Vec::new();
    let mut rest = head;
    while let Some((line, after)) = split_line(rest).filter(|_| lines.len() < GLOVE_LINES) {
        lines.push(line);
        rest = after;
    }
    if lines.len() < GLOVE_LINES && head.len() < SNIFF && !rest.is_empty() {
        lines.push(rest);
    }
    // A word may itself be a number, so the fewest numbers behind a word count.
    let numbers = |line: &[u8]| {
        let fields = line.trim_ascii_end().split(|&byte| byte == b' ').count();
        let numbers = line.trim_ascii_end().rsplit(|&byte| byte == b' ').take_while(|f| number(f).is_some());
        numbers.count().min(fields.saturating_sub(1))
    };
    let dim = lines.iter().map(|line| numbers(line)).min()?;
    if lines.len() < 2 || !(MIN_GLOVE_DIM..=MAX_DIM).contains(&dim) {
        return None;
    }
    let mut words = std::collections::HashSet::new();
    let (mut values, mut plain) = (Vec::new(), 0);
    for line in &lines {
        let word = parse_line(line, dim, &mut values).ok()?;
        plain += usize::from(!word.contains(&b' '));
        words.insert(word);
    }
    let fractions = values.iter().filter(|value| value.fract() != 0.0).count();
    let sure = words.len() == lines.len()
        && plain * 2 > lines.len()
        && words.iter().any(|word| number(word).is_none())
        && fractions * 2 > values.len();
    sure.then_some(Shape { format: WordVectorFormat::GloVe, words: None, dim })
}

/// A line without its end, and what follows; `None` unless the line ends.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn number(field: &[u8]) -> Option<f32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Appends the last `dim` fields of a line to `values` and returns what is before them: the word.
///
/// Fields are separated by single spaces or tabs (not by other blanks: words may hold those).
fn parse_line<'l>(line: &'l [u8], dim: usize, values: &mut Vec<f32>) -> Result<&'l [u8], &'static str> {
    let mut rest = line.trim_ascii_end();
    let first = values.len();
    for _ in 0..dim {
        let at = rest.iter().rposition(|&byte| byte == b' ' || byte == b'\t');
        let value = at.and_then(|at| Some((at, number(&rest[at + 1..])?)));
        match value {
            Some((at, value)) if value.is_finite() => {
                values.push(value);
                rest = &rest[..at];
            }
            other => {
                values.truncate(first);
                return Err(if other.is_some() { NOT_FINITE } else { NO_VECTOR });
            }
        }
    }
    if rest.is_empty() {
        values.truncate(first);
        return Err(NO_WORD);
    }
    values[first..].reverse();
    Ok(rest)
}

/// What was read so far.
struct Table {
    dim: usize,
    rows: u64,
    words: StringsBuilder,
    values: Vec<f32>,
    skipped: u64,
    skipped_rows: Vec<SkippedRow>,
    /// Words that were not UTF-8.
    repaired: u64,
    remarks: Vec<String>,
}

impl Table {
    fn new(dim: usize) -> Self {
        Self {
            dim,
            rows: 0,
            words: StringsBuilder::default(),
            values: Vec::new(),
            skipped: 0,
            skipped_rows: Vec::new(),
            repaired: 0,
            remarks: Vec::new(),
        }
    }

    fn push_word(&mut self, word: &[u8]) {
        let text = String::from_utf8_lossy(word);
        self.repaired += u64::from(matches!(text, std::borrow::Cow::Owned(_)));
        self.words.push(&text);
        self.rows += 1;
    }

    fn skip(&mut self, line: u64, cause: impl Into<String>) {
        self.skipped += 1;
        if self.skipped_rows.len() < MOST_LISTED {
            self.skipped_rows.push(SkippedRow { line, cause: cause.into() });
        }
    }

    fn finish(mut self, path: &Path, shape: &Shape, gzip: bool) -> (Corpus, Matrix) {
        if self.repaired > 0 {
            self.remarks
                .push(format!("{} words held bytes that are not UTF-8; they show as �.", self.repaired));
        }
        if let Some(promised) = shape.words.filter(|&promised| promised != self.rows + self.skipped) {
            let found = self.rows + self.skipped;
            self.remarks.push(format!("The header promises {promised} words; the file holds {found}."));
        }
        self.values.shrink_to_fit();
        let name = npy::file_name(path);
        let words: Strings = self.words.finish();
        let mut corpus = Corpus {
            key: Key::of("none", 0).finish(),
            name: name.clone(),
            source: Some(path.to_owned()),
            columns: vec![Column { name: "word".into(), cells: words, typed: Typed::Text }],
            text_columns: vec![0],
            report: ReadReport {
                format: format!("{}{}", shape.format.name(), if gzip { ", gzip" } else { "" }),
                skipped: self.skipped,
                skipped_rows: self.skipped_rows,
                remarks: self.remarks,
            },
        };
        corpus.key = corpus.content_key();
        let key =
            Key::of("word vectors", 1).input(corpus.key).bytes(bytemuck::cast_slice(&self.values)).finish();
        let mut matrix = Matrix::from_vec(key, name, false, self.dim, self.values);
        // Every value was checked to be finite when it was read.
        matrix.unit = npy::unit_rows(&matrix).unwrap_or(false);
        (corpus, matrix)
    }
}

/// What one thread made of some lines: the words, the values, and the lines (counted within) it skipped.
type Parsed<'l> = (Vec<&'l [u8]>, Vec<f32>, Vec<(u64, &'static str)>);

fn read_text(input: &mut dyn BufRead, shape: &Shape, table: &mut Table, ctx: &Ctx) -> io::Result<()> {
    let mut block = Vec::with_capacity(BLOCK);
    let mut line_number = 1;
    if shape.words.is_some() {
        input.read_until(b'\n', &mut block)?;
        block.clear();
        line_number = 2;
    }
    loop {
        ctx.cancel.check()?;
        let filled = input.take((BLOCK - block.len()) as u64).read_to_end(&mut block);
        let whole_lines = block.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let end = match filled {
            // The last line need not end; where the reading failed it is not whole.
            Ok(0) => block.len(),
            Ok(_) if whole_lines == 0 && block.len() == BLOCK => {
                table.skip(line_number, TOO_LONG);
                skip_line(input)?;
                line_number += 1;
                block.clear();
                continue;
            }
            Ok(_) | Err(_) => whole_lines,
        };
        line_number += parse_block(&block[..end], line_number, table);
        block.drain(..end);
        if filled? == 0 {
            return Ok(());
        }
    }
}

/// Parses whole lines on all cores; returns how many they were.
fn parse_block(block: &[u8], first_line: u64, table: &mut Table) -> u64 {
    let block = block.strip_suffix(b"\n").unwrap_or(block);
    if block.is_empty() {
        return 0;
    }
    let lines: Vec<&[u8]> = block.split(|&byte| byte == b'\n').collect();
    let dim = table.dim;
    let parsed: Vec<Parsed<'_>> = lines
        .par_chunks(LINES)
        .map(|lines| {
            let (mut words, mut values) =
                (Vec::with_capacity(lines.len()), Vec::with_capacity(lines.len() * dim));
            let mut skipped = Vec::new();
            for (i, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim_ascii().is_empty()) {
                match parse_line(line, dim, &mut values) {
                    Ok(word) => words.push(word),
                    Err(cause) => skipped.push((i as u64, cause)),
                }
            }
            (words, values, skipped)
        })
        .collect();
    for (chunk, (words, values, skipped)) in parsed.into_iter().enumerate() {
        words.into_iter().for_each(|word| table.push_word(word));
        table.values.extend_from_slice(&values);
        let first = first_line + (chunk * LINES) as u64;
        skipped.into_iter().for_each(|(line, cause)| table.skip(first + line, cause));
    }
    lines.len() as u64
}

/// Reads up to the end of the line without keeping it.
fn skip_line(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let bytes = input.fill_buf()?;
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let read = end.map_or(bytes.len(), |end| end + 1);
        let over = end.is_some() || bytes.is_empty();
        input.consume(read);
        if over {
            return Ok(());
        }
    }
}

fn read_binary(input: &mut dyn BufRead, shape: &Shape, table: &mut Table, ctx: &Ctx) -> io::Result<()> {
    let mut word = Vec::new();
    input.read_until(b'\n', &mut word)?;
    let mut bytes = vec![0; 4 * shape.dim];
    for number in 0..shape.words.unwrap_or(0) {
        if number % 1024 == 0 {
            ctx.cancel.check()?;
        }
        word.clear();
        input.take(MAX_WORD as u64).read_until(b' ', &mut word)?;
        if word.is_empty() {
            // Fewer than promised: the remark about the count says so.
            return Ok(());
        }
        if word.pop() != Some(b' ') {
            table
                .remarks
                .push(format!("The file is damaged at word {}; the words before were read.", number + 1));
            return Ok(());
        }
        input.read_exact(&mut bytes)?;
        // The newline belongs to the vector before, where there is one.
        let word = word.strip_prefix(b"\n").unwrap_or(&word);
        let values = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        if word.is_empty() {
            table.skip(number + 1, NO_WORD);
        } else if !values.clone().all(f32::is_finite) {
            table.skip(number + 1, NOT_FINITE);
        } else {
            table.push_word(word);
            table.values.extend(values);
        }
    }
    Ok(())
}

/// Tells the progress how much of the file was read.
struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.progress.advance(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_may_hold_spaces_and_a_line_may_end_in_one() {
        let mut values = vec![9.0];
        assert_eq!(
            parse_line(b"at name@example.com 0.5 -1e-3 \r", 2, &mut values),
            Ok(&b"at name@example.com"[..])
        );
        assert_eq!(values, [9.0, 0.5, -0.001]);
    }

    #[test]
    fn a_line_that_cannot_be_read_leaves_no_values_behind() {
        let mut values = vec![9.0];
        assert_eq!(parse_line(b"word x 1.0 2.0", 3, &mut values), Err(NO_VECTOR));
        assert_eq!(parse_line(b"word 1.0 nan 2.0", 3, &mut values), Err(NOT_FINITE));
        assert_eq!(parse_line(b" 1.0 2.0 3.0", 3, &mut values), Err(NO_WORD));
        assert_eq!(parse_line(b"2.0 3.0", 3, &mut values), Err(NO_VECTOR));
        assert_eq!(values, [9.0]);
    }

    #[test]
    fn a_header_is_two_whole_numbers_within_reason() {
        assert_eq!(header(b"400000 300\r"), Some((400_000, 300)));
        for line in ["400000", "4 3 2", "0 300", "5 1", "1 99999999", "-4 3", "4.5 3", "4,3", "a b", "+4 3"] {
            assert_eq!(header(line.as_bytes()), None, "{line:?}");
        }
    }
}
