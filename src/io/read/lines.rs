//! Plain text: a line or a paragraph a document.

use super::row::{CUT_OFF, MAX_ROW_BYTES, Row, Step};
use super::window::{Window, line_end};
use super::{ReadError, TextUnit};

/// Paragraphs are taken for the unit if they have at least this many lines on average: hard-wrapped text.
const WRAPPED_LINES: f64 = 1.5;

/// A run of more lines than this is a list below a heading, and no paragraph.
const LONGEST_PARAGRAPH: usize = 60;

/// Reads the next document into `row`; blank lines are passed over. A paragraph's lines are joined by blanks, as
/// they were broken only to fit a page.
pub(super) fn next(window: &mut Window, unit: TextUnit, row: &mut Row) -> Result<Step, ReadError> {
    row.clear();
    let (mut started, mut length) = (None, 0);
    loop {
        let line = window.line();
        let found = line_end(window.text(), window.ended());
        if found.is_none() && !window.ended() && window.text().len() <= MAX_ROW_BYTES {
            window.more()?;
            continue;
        }
        let (end, next, lines) = match found {
            Some(found) => (found.end, found.next, 1),
            None => (window.text().len(), window.text().len(), 0),
        };
        let text = window.text()[..end].trim_ascii();
        let over = next == 0;
        if text.is_empty() {
            window.consume(next, lines);
            match started {
                Some(line) => return Ok(finish(row, line, length)),
                None if over => return Ok(Step::End),
                None => continue,
            }
        }
        if found.is_none() && window.cut() {
            window.consume(next, lines);
            let cause = CUT_OFF.to_owned();
            return Ok(Step::Skipped { line: started.unwrap_or(line), cause });
        }
        let line = *started.get_or_insert(line);
        length += text.len() + 1;
        if length <= MAX_ROW_BYTES {
            if length > text.len() + 1 {
                row.add(b" ");
            }
            row.add(text);
        }
        if found.is_none() && !window.ended() {
            window.skip_line()?;
        } else {
            window.consume(next, lines);
        }
        if unit == TextUnit::Line {
            return Ok(finish(row, line, length));
        }
    }
}

fn finish(row: &mut Row, line: u64, length: usize) -> Step {
    if length > MAX_ROW_BYTES {
        return Step::Skipped { line, cause: "the document is longer than 16 MB".to_owned() };
    }
    row.end_cell();
    Step::Row
}

/// Whether a document is a line or a paragraph, judging by the beginning of a text.
pub(super) fn guess_unit(text: &str) -> TextUnit {
    let (mut lines, mut paragraphs, mut blank) = (0, 0, true);
    let (mut run, mut longest_run) = (0, 0);
    for line in text.lines() {
        let now_blank = line.trim().is_empty();
        if !now_blank {
            lines += 1;
            paragraphs += usize::from(blank);
        }
        run = if now_blank { 0 } else { run + 1 };
        longest_run = longest_run.max(run);
        blank = now_blank;
    }
    // A text without any blank line between is one a line: it would be a single paragraph.
    let many_lines = lines as f64 >= paragraphs as f64 * WRAPPED_LINES;
    let wrapped = paragraphs > 1 && many_lines && longest_run <= LONGEST_PARAGRAPH;
    if wrapped { TextUnit::Paragraph } else { TextUnit::Line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(text: &str, unit: TextUnit) -> Vec<String> {
        let mut window = Window::of_sample(text.as_bytes().to_vec(), false);
        let (mut row, mut all) = (Row::default(), Vec::new());
        while let Step::Row = next(&mut window, unit, &mut row).unwrap() {
            all.push(String::from_utf8(row.cell(0).to_vec()).unwrap());
        }
        all
    }

    #[test]
    fn lines_are_documents_and_blank_ones_are_not() {
        let read = documents("one\r\n\r\n two \rthree", TextUnit::Line);
        assert_eq!(read, ["one", "two", "three"]);
    }

    #[test]
    fn the_lines_of_a_paragraph_are_joined() {
        let read = documents("\none\ntwo\n\n\nthree\n", TextUnit::Paragraph);
        assert_eq!(read, ["one two", "three"]);
    }

    #[test]
    fn wrapped_text_is_read_by_paragraphs_and_a_list_by_lines() {
        assert_eq!(guess_unit("a b\nc d\n\ne f\ng h\n"), TextUnit::Paragraph);
        assert_eq!(guess_unit("a b\n\nc d\n\ne f\n"), TextUnit::Line);
        assert_eq!(guess_unit("a b\nc d\ne f\n"), TextUnit::Line);
        let list = format!("Some words,\ncollected\n\n{}", "word\n".repeat(100));
        assert_eq!(guess_unit(&list), TextUnit::Line);
    }
}
