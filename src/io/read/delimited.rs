//! Rows of cells with a delimiter between (RFC 4180, read leniently).
//!
//! This is a reader of our own because a stray quote must not swallow the rest of a file: it knows where each
//! row started, takes the quotes of its line as text when they cannot be right, and goes on with the next line.

use super::ReadError;
use super::row::{CUT_OFF, MAX_ROW_BYTES, Row, Step};
use super::window::{Window, after_line_end, count_lines, line_end};

const QUOTE: u8 = b'"';

const STRAY_QUOTE: &str = "a quote is opened here and not closed properly";
const TOO_LONG: &str = "the row is longer than 16 MB";

/// A quoted cell in which so many delimiters stand just where they would without its quotes is none.
const TELLING_DELIMITERS: usize = 6;

/// An open quote this far before the place where a text breaks off is taken for stray.
const LONG_OPEN: usize = 64 << 10;

/// How the rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub delimiter: u8,
    /// Whether quotes enclose cells, or are text.
    pub quotes: bool,
    /// How many cells a row has; 0 if that is not known.
    pub width: usize,
}

/// Reads rows one by one.
pub(super) struct Rows {
    dialect: Dialect,
    /// Rows whose stray quote was taken as text.
    pub stray: u64,
    /// Text before this position was already looked at in vain for a closing quote, so that quoted cells end
    /// with their line there. It keeps the time linear in the length of the text.
    distrust: u64,
}

/// What the front of a text turned out to be.
#[derive(Debug, PartialEq)]
enum Front {
    /// A row of so many bytes and line ends; only the last of a file may have no line end of its own.
    Row { bytes: usize, lines: u64, has_end: bool },
    /// A quote that cannot be right, seen when so many bytes had been looked at.
    StrayQuote { seen: usize },
    /// More text is needed.
    Open { in_quotes: bool },
}

impl Rows {
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, stray: 0, distrust: 0 }
    }

    /// Reads the next row into `row`; blank lines are passed over.
    pub fn next(&mut self, window: &mut Window, row: &mut Row) -> Result<Step, ReadError> {
        loop {
            let line = window.line();
            if window.text().is_empty() {
                if window.ended() {
                    return Ok(Step::End);
                }
                window.more()?;
                continue;
            }
            let distrusted = self.distrust.saturating_sub(window.position()) as usize;
            let skipped = |cause: &str| Ok(Step::Skipped { line, cause: cause.to_owned() });
            match front(window.text(), window.ended(), self.dialect, distrusted, row) {
                Front::Row { bytes, lines, has_end }
                    if lines + u64::from(!has_end) > 1 && self.swallows_rows(&window.text()[..bytes]) =>
                {
                    self.distrust = window.position() + bytes as u64;
                    return self.line_as_text(window, row);
                }
                Front::Row { bytes, lines, has_end } => {
                    window.consume(bytes, lines);
                    if !has_end && window.cut() {
                        return skipped(CUT_OFF);
                    }
                    if bytes > MAX_ROW_BYTES {
                        return skipped(TOO_LONG);
                    }
                    if row.len() == 1 && row.is_blank() && lines == 1 && bytes <= 2 {
                        continue;
                    }
                    return Ok(Step::Row);
                }
                Front::StrayQuote { seen } => {
                    self.distrust = self.distrust.max(window.position() + seen as u64);
                    return self.line_as_text(window, row);
                }
                Front::Open { in_quotes }
                    if window.ended() && window.cut() && !(in_quotes && window.text().len() > LONG_OPEN) =>
                {
                    window.consume(window.text().len(), 0);
                    return skipped(CUT_OFF);
                }
                Front::Open { in_quotes } if window.ended() || window.text().len() > MAX_ROW_BYTES => {
                    self.distrust = window.position() + window.text().len() as u64;
                    if in_quotes {
                        return self.line_as_text(window, row);
                    }
                    window.skip_line()?;
                    return skipped(TOO_LONG);
                }
                Front::Open { .. } => window.more()?,
            }
        }
    }

    /// Reads the first line as a row in which quotes are text, if it has the right number of cells then.
    fn line_as_text(&mut self, window: &mut Window, row: &mut Row) -> Result<Step, ReadError> {
        let line = window.line();
        let text = window.text();
        let found = line_end(text, true).map(|found| (found.end, found.next));
        let found = found.or((window.ended() && !window.cut()).then_some((text.len(), text.len())));
        if let Some((end, next)) = found.filter(|&(end, _)| end <= MAX_ROW_BYTES) {
            let without_quotes = Dialect { quotes: false, ..self.dialect };
            front(&text[..end], true, without_quotes, 0, row);
            if row.len() == self.dialect.width || self.dialect.width == 1 {
                // A CR that ends the text in view may be half of CRLF; the other half is a blank line then.
                window.consume(next, 1);
                self.stray += 1;
                return Ok(Step::Row);
            }
        }
        window.skip_line()?;
        Ok(Step::Skipped { line, cause: STRAY_QUOTE.to_owned() })
    }

    /// Whether each line of a row would be a row if quotes were text: then a stray quote has found another. Prose
    /// that runs over lines gives itself away by the blanks after its commas.
    fn swallows_rows(&self, text: &[u8]) -> bool {
        let Dialect { delimiter, quotes: true, width: 2.. } = self.dialect else { return false };
        let delimiters = self.dialect.width - 1;
        let mut lines = 0;
        for line in text.split(|&b| b == b'\n' || b == b'\r').filter(|line| !line.is_empty()) {
            let is_prose = lines > 0 && line.windows(2).any(|pair| pair == [delimiter, b' ']);
            if is_prose || line.iter().filter(|&&b| b == delimiter).count() != delimiters {
                return false;
            }
            lines += 1;
        }
        lines > 1 && lines * delimiters >= TELLING_DELIMITERS
    }
}

/// Reads the row at the front of `text`, which is all there is if it has `ended`.
fn front(text: &[u8], ended: bool, dialect: Dialect, distrusted: usize, row: &mut Row) -> Front {
    let delimiter = dialect.delimiter;
    row.clear();
    let (mut at, mut lines) = (0, 0);
    loop {
        let mut cell = at;
        // Blanks before a quote, as people put after a comma, are not part of the cell.
        while delimiter != b' ' && text.get(cell) == Some(&b' ') {
            cell += 1;
        }
        if dialect.quotes && text.get(cell) == Some(&QUOTE) {
            match quoted(text, ended, delimiter, cell + 1, distrusted, row) {
                Ok(end) => {
                    lines += count_lines(&text[at..end]);
                    at = end;
                }
                Err(front) => return front,
            }
        } else {
            let rest = &text[at..];
            let end = rest.iter().position(|&b| b == delimiter || b == b'\n' || b == b'\r');
            if end.is_none() && !ended {
                return Front::Open { in_quotes: false };
            }
            let end = at + end.unwrap_or(rest.len());
            row.add(&text[at..end]);
            at = end;
        }
        // `at` is now on a delimiter, on a line end or at the end of the text.
        match text.get(at) {
            Some(&b) if b == delimiter => {
                row.end_cell();
                at += 1;
            }
            Some(_) => {
                let Some(next) = after_line_end(text, at, ended) else {
                    return Front::Open { in_quotes: false };
                };
                row.end_cell();
                return Front::Row { bytes: next, lines: lines + 1, has_end: true };
            }
            None if ended => {
                row.end_cell();
                return Front::Row { bytes: at, lines, has_end: false };
            }
            None => return Front::Open { in_quotes: false },
        }
    }
}

/// Reads a cell whose opening quote stands just before `open`; gives the place behind its closing quote and any
/// blanks after it.
///
/// A quote closes the cell only before a delimiter or a line end; others are taken as they are, since many
/// programs forget to double them. But one that looks like an opening quote, after the cell has already run over
/// a line end, shows that the cell's own quote was stray.
fn quoted(
    text: &[u8],
    ended: bool,
    delimiter: u8,
    open: usize,
    distrusted: usize,
    row: &mut Row,
) -> Result<usize, Front> {
    let mut at = open;
    let mut over_line = false;
    loop {
        let piece = &text[at..];
        let length = piece.iter().position(|&b| b == QUOTE).unwrap_or(piece.len());
        let piece = &piece[..length];
        let line_end = || piece.iter().position(|&b| b == b'\n' || b == b'\r');
        if !over_line && let Some(line_end) = line_end() {
            over_line = true;
            if at + line_end < distrusted {
                return Err(Front::StrayQuote { seen: at + line_end });
            }
        }
        row.add(piece);
        let quote = at + length;
        if quote == text.len() {
            return Err(Front::Open { in_quotes: true });
        }
        let mut after = quote + 1;
        match text.get(after) {
            Some(&QUOTE) => {
                row.add(&[QUOTE]);
                at = after + 1;
                continue;
            }
            None if !ended => return Err(Front::Open { in_quotes: true }),
            _ => {}
        }
        while delimiter != b' ' && text.get(after) == Some(&b' ') {
            after += 1;
        }
        match text.get(after) {
            None if !ended => return Err(Front::Open { in_quotes: true }),
            None => return Ok(after),
            Some(&b) if b == delimiter || b == b'\n' || b == b'\r' => return Ok(after),
            Some(_) => {
                let before = text[quote - 1];
                let opens = before == delimiter || before == b'\n' || before == b'\r';
                if over_line && opens {
                    return Err(Front::StrayQuote { seen: line_start(text, quote) });
                }
                row.add(&[QUOTE]);
                row.loose_quotes += 1;
                at = quote + 1;
            }
        }
    }
}

/// Where the line begins that `at` is on.
fn line_start(text: &[u8], at: usize) -> usize {
    text[..at].iter().rposition(|&b| b == b'\n' || b == b'\r').map_or(0, |i| i + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row, skipped ones as their line and cause.
    fn rows(text: &str, cut: bool) -> Vec<Vec<String>> {
        let width = text.lines().next().unwrap_or_default().split(',').count();
        rows_of(text, cut, Dialect { delimiter: b',', quotes: true, width })
    }

    fn rows_of(text: &str, cut: bool, dialect: Dialect) -> Vec<Vec<String>> {
        let mut window = Window::of_sample(text.as_bytes().to_vec(), cut);
        let (mut rows, mut row, mut all) = (Rows::new(dialect), Row::default(), Vec::new());
        loop {
            match rows.next(&mut window, &mut row).unwrap() {
                Step::Row => {
                    all.push(row.cells().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect());
                }
                Step::Skipped { line, cause } => all.push(vec![format!("line {line}: {cause}")]),
                Step::End => return all,
            }
        }
    }

    #[test]
    fn a_quoted_newline_stays_in_its_cell() {
        assert_eq!(rows("a,\"b\nc\",d\r\ne,f,g", false), [vec!["a", "b\nc", "d"], vec!["e", "f", "g"]]);
    }

    #[test]
    fn doubled_and_forgotten_quotes_are_text() {
        assert_eq!(rows("\"say \"\"hi\"\"\",1\n", false), [["say \"hi\"", "1"]]);
        assert_eq!(rows("\"say \"hi\" now\",1\n", false), [["say \"hi\" now", "1"]]);
        assert_eq!(rows("a, \"b, c\" ,d\n", false), [["a", "b, c", "d"]]);
        assert_eq!(rows("5\" pipe,1\n", false), [["5\" pipe", "1"]]);
    }

    #[test]
    fn all_three_line_ends_end_a_row_and_blank_lines_are_none() {
        assert_eq!(rows("a\rb\r\n\r\nc\n\n\"\"\nd", false), [["a"], ["b"], ["c"], [""], ["d"]]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_text() {
        let read = rows("a,1\n\"b,2\nc,3\nd,4\n", false);
        assert_eq!(read, [["a", "1"], ["\"b", "2"], ["c", "3"], ["d", "4"]]);
    }

    #[test]
    fn a_stray_quote_in_a_row_of_another_width_costs_that_row() {
        let read = rows("a,1\n\"b,2,3\nc,3\n", false);
        let lost = format!("line 2: {STRAY_QUOTE}");
        assert_eq!(read, [vec!["a", "1"], vec![lost.as_str()], vec!["c", "3"]]);
    }

    #[test]
    fn a_stray_quote_that_finds_another_swallows_no_rows() {
        let read = rows("1,x,\"one\n2,y,two\n3,z,three\"\n", false);
        assert_eq!(read, [["1", "x", "\"one"], ["2", "y", "two"], ["3", "z", "three\""]]);
        let read = rows("1,x,y\n2,x,\"a\nlong, long\ntext\"\n", false);
        assert_eq!(read[1], ["2", "x", "a\nlong, long\ntext"]);
        let read = rows("1,x,y,z\n2,x,y,\"Dear all\none, two, three, four\"\n", false);
        assert_eq!(read[1], ["2", "x", "y", "Dear all\none, two, three, four"]);
    }

    #[test]
    fn quotes_are_text_where_nothing_is_quoted() {
        let dialect = Dialect { delimiter: b',', quotes: false, width: 2 };
        assert_eq!(rows_of("1,\"a\n2,\"b\"\n", false, dialect), [["1", "\"a"], ["2", "\"b\""]]);
    }

    #[test]
    fn a_stray_quote_does_not_reach_to_the_next_quoted_cell() {
        let read = rows("\"b,2\nc,3\nd,\"4\n5\"\n", false);
        assert_eq!(read, [["\"b", "2"], ["c", "3"], ["d", "4\n5"]]);
    }

    #[test]
    fn a_text_that_breaks_off_gives_no_half_row() {
        assert_eq!(rows("a,1\nb,2", true), [vec!["a", "1"], vec![&format!("line 2: {CUT_OFF}")]]);
    }
}
