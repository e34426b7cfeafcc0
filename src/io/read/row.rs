//! One row on its way from a reader to the table, and what else a reader can come up with.

/// A row longer than this is skipped: nothing a person would call a document is, and memory stays bounded.
pub const MAX_ROW_BYTES: usize = 16 << 20;

/// Why a row is skipped that the end of the file cuts off.
pub(super) const CUT_OFF: &str = "the file breaks off within this document";

/// Cells end to end; used again for each row.
#[derive(Default)]
pub(super) struct Row {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// Quotes within quoted cells that should have been doubled.
    pub loose_quotes: usize,
}

impl Row {
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.loose_quotes = 0;
    }

    /// Adds to the cell that is being read.
    pub fn add(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    /// Finishes that cell.
    pub fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn cell(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.text[start..self.ends[i]]
    }

    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.cell(i))
    }

    /// Whether there is nothing in any cell.
    pub fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    /// Makes `width` cells of it: empty ones are added, surplus ones joined to the last with `joint` between.
    pub fn fit(&mut self, width: usize, joint: u8) {
        while self.len() < width {
            self.end_cell();
        }
        if self.len() > width {
            let mut last = self.cell(width - 1).to_vec();
            for i in width..self.len() {
                last.push(joint);
                last.extend_from_slice(self.cell(i));
            }
            self.ends.truncate(width - 1);
            self.text.truncate(self.ends.last().copied().unwrap_or(0));
            self.add(&last);
            self.end_cell();
        }
    }

    /// Drops empty cells from the end, as long as more than `width` remain.
    pub fn trim_to(&mut self, width: usize) {
        while self.len() > width && self.cell(self.len() - 1).is_empty() {
            self.ends.pop();
        }
    }
}

/// What came next in the file.
pub(super) enum Step {
    /// A row.
    Row,
    /// Something that could not be read.
    Skipped { line: u64, cause: String },
    /// Nothing more.
    End,
}
