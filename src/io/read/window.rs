//! A stretch of decoded text that the row readers look at: they take rows from its front and ask for more.

use super::{ReadError, encoding::Decoder};

/// Text in memory, and where the rest of it comes from.
pub(super) struct Window {
    decoder: Option<Decoder>,
    text: Vec<u8>,
    start: usize,
    ended: bool,
    cut: bool,
    /// Bytes of text before the window.
    position: u64,
    /// 1-based line on which the window starts.
    line: u64,
}

impl Window {
    /// The beginning of a file, already decoded; it is `cut` if the file goes on.
    pub fn of_sample(text: Vec<u8>, cut: bool) -> Self {
        Self { decoder: None, text, start: 0, ended: true, cut, position: 0, line: 1 }
    }

    /// A whole file.
    pub fn of_file(decoder: Decoder) -> Self {
        Self {
            decoder: Some(decoder),
            text: Vec::new(),
            start: 0,
            ended: false,
            cut: false,
            position: 0,
            line: 1,
        }
    }

    pub fn text(&self) -> &[u8] {
        &self.text[self.start..]
    }

    /// Whether no more text follows.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Whether the text ends before its last row does.
    pub fn cut(&self) -> bool {
        self.cut
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn line(&self) -> u64 {
        self.line
    }

    pub fn decoder(&self) -> Option<&Decoder> {
        self.decoder.as_ref()
    }

    /// Lets go of `bytes` at the front that hold `lines` line ends.
    pub fn consume(&mut self, bytes: usize, lines: u64) {
        self.start += bytes;
        self.position += bytes as u64;
        self.line += lines;
    }

    /// At least doubles the text in view, so that a long row costs linear time although it is looked at anew
    /// after each call; or finds that the text has ended.
    pub fn more(&mut self) -> Result<(), ReadError> {
        self.text.drain(..self.start);
        self.start = 0;
        let wanted = self.text.len() * 2;
        loop {
            let more = match &mut self.decoder {
                Some(decoder) => decoder.more(&mut self.text)?,
                None => false,
            };
            if !more {
                self.ended = true;
                self.cut |= self.decoder.as_ref().is_some_and(Decoder::damaged);
                return Ok(());
            }
            if self.text.len() > wanted {
                return Ok(());
            }
        }
    }

    /// Lets go of everything up to the end of the line, however long it is.
    pub fn skip_line(&mut self) -> Result<(), ReadError> {
        loop {
            match line_end(self.text(), self.ended) {
                Some(LineEnd { next, .. }) => {
                    self.consume(next, 1);
                    return Ok(());
                }
                None if self.ended => {
                    self.consume(self.text().len(), 0);
                    return Ok(());
                }
                None => {
                    // A lone CR at the very end stays until it is known what follows.
                    let keep = usize::from(self.text().last() == Some(&b'\r'));
                    self.consume(self.text().len() - keep, 0);
                    self.more()?;
                }
            }
        }
    }
}

/// Where a line's text ends and the next line starts.
#[derive(Clone, Copy)]
pub(super) struct LineEnd {
    pub end: usize,
    pub next: usize,
}

/// The first line end (LF, CRLF or CR); `None` if there is none yet. At the end of the text (`ended`) a lone CR
/// counts, before that it might be half of CRLF.
pub(super) fn line_end(text: &[u8], ended: bool) -> Option<LineEnd> {
    let end = text.iter().position(|&b| b == b'\n' || b == b'\r')?;
    let next = after_line_end(text, end, ended)?;
    Some(LineEnd { end, next })
}

/// Where the line after the line end at `at` starts; `None` if that hangs on bytes not yet seen.
pub(super) fn after_line_end(text: &[u8], at: usize, ended: bool) -> Option<usize> {
    if text[at] == b'\n' {
        return Some(at + 1);
    }
    match text.get(at + 1) {
        Some(b'\n') => Some(at + 2),
        Some(_) => Some(at + 1),
        None => ended.then_some(at + 1),
    }
}

/// How many line ends there are.
pub(super) fn count_lines(text: &[u8]) -> u64 {
    let mut lines = 0;
    for (i, &b) in text.iter().enumerate() {
        lines += u64::from(b == b'\n' || b == b'\r' && text.get(i + 1) != Some(&b'\n'));
    }
    lines
}
