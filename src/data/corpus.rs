//! The documents: a text each, and the columns that came with it.

use std::borrow::Cow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Key, Strings};

/// The code of an empty cell in a [`Typed::Category`] column.
pub const NO_CODE: u32 = u32::MAX;

/// The value of an empty cell in a [`Typed::Date`] column.
pub const DATE_EMPTY: i64 = i64::MIN;

/// What joins several text columns into one document.
const TEXT_JOINT: &str = ". ";

/// What a column holds, as far as colouring, filtering and charts care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    Text,
    Number,
    Category,
    List,
    Date,
}

/// A column's cells read as its kind. `n` is the number of documents.
#[derive(Clone, Debug)]
pub enum Typed {
    /// Free text: nothing more than the cells themselves.
    Text,
    /// `n` numbers, NaN where the cell is empty.
    Number(Vec<f64>),
    /// `n` codes into `levels` (most frequent first), [`NO_CODE`] where the cell is empty.
    Category { levels: Vec<String>, codes: Vec<u32> },
    /// The codes of document `i` are `codes[offsets[i]..offsets[i + 1]]`; levels most frequent first.
    List { levels: Vec<String>, offsets: Vec<u64>, codes: Vec<u32> },
    /// `n` moments in seconds since 1970-01-01 UTC, [`DATE_EMPTY`] where the cell is empty.
    Date(Vec<i64>),
}

impl Typed {
    /// The kind this is.
    pub fn kind(&self) -> ColumnKind {
        match self {
            Self::Text => ColumnKind::Text,
            Self::Number(_) => ColumnKind::Number,
            Self::Category { .. } => ColumnKind::Category,
            Self::List { .. } => ColumnKind::List,
            Self::Date(_) => ColumnKind::Date,
        }
    }
}

/// One input column: every cell as it stood in the file, and what it means.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    /// `n` cells, exactly as read (exports write these back).
    pub cells: Strings,
    pub typed: Typed,
}

/// A row that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedRow {
    /// 1-based line in the file (after decompression) where the row starts.
    pub line: u64,
    /// Why, in one plain sentence.
    pub cause: String,
}

/// How the reading went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadReport {
    /// The format in words, such as "CSV, semicolons, UTF-16, gzip".
    pub format: String,
    /// How many rows were skipped in all.
    pub skipped: u64,
    /// The first of them (a list of a million skipped rows helps nobody).
    pub skipped_rows: Vec<SkippedRow>,
    /// Everything else worth telling, a sentence each: ragged rows padded, NULs removed, undecodable bytes replaced.
    pub remarks: Vec<String>,
}

/// The documents of one file, in file order. A document's id is its row, counted from 0.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// Of the cells, the column names and the choice of text columns.
    pub key: Key,
    /// The file's name, for titles.
    pub name: String,
    /// Where it was read from; never written into a project.
    pub source: Option<PathBuf>,
    /// Every column of the input, in its order.
    pub columns: Vec<Column>,
    /// Indices into `columns`, in the order they are joined; never empty.
    pub text_columns: Vec<usize>,
    pub report: ReadReport,
}

impl Corpus {
    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |column| column.cells.len())
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of document `i`: its text columns joined by ". ", empty ones left out.
    pub fn text(&self, i: usize) -> Cow<'_, str> {
        if let [only] = self.text_columns[..] {
            return Cow::Borrowed(self.columns[only].cells.get(i));
        }
        let mut joined = String::new();
        for &c in &self.text_columns {
            let cell = self.columns[c].cells.get(i).trim();
            if cell.is_empty() {
                continue;
            }
            if !joined.is_empty() {
                // A title that already ends a sentence gets no second full stop.
                let ends = joined.ends_with(['.', '!', '?', '。', '！', '？']);
                joined.push_str(if ends { " " } else { TEXT_JOINT });
            }
            joined.push_str(cell);
        }
        Cow::Owned(joined)
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The same documents with other columns taken as their text.
    pub fn with_text_columns(&self, text_columns: Vec<usize>) -> Self {
        let mut corpus = self.clone();
        corpus.text_columns = text_columns;
        corpus.key = corpus.content_key();
        corpus
    }

    /// The key that belongs to the present content: readers call it once, when all columns are in.
    pub fn content_key(&self) -> Key {
        let mut key = Key::of("corpus", 1);
        for column in &self.columns {
            key = key.text(&column.name).params(&column.typed.kind()).bytes(column.cells.bytes());
            key = key.bytes(bytemuck::cast_slice(column.cells.offsets()));
        }
        key.params(&self.text_columns).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus(titles: &[&str], bodies: &[&str]) -> Corpus {
        let column = |name: &str, cells: &[&str]| Column {
            name: name.into(),
            cells: cells.iter().collect(),
            typed: Typed::Text,
        };
        let mut corpus = Corpus {
            key: Key::of("none", 0).finish(),
            name: "test".into(),
            source: None,
            columns: vec![column("title", titles), column("body", bodies)],
            text_columns: vec![0],
            report: ReadReport::default(),
        };
        corpus.key = corpus.content_key();
        corpus
    }

    #[test]
    fn several_text_columns_are_joined_and_empty_ones_left_out() {
        let corpus = corpus(&["A title", "", "Why?"], &["Body", "Only body", "Because"]);
        let corpus = corpus.with_text_columns(vec![0, 1]);
        assert_eq!(corpus.text(0), "A title. Body");
        assert_eq!(corpus.text(1), "Only body");
        assert_eq!(corpus.text(2), "Why? Because");
    }

    #[test]
    fn another_choice_of_text_columns_is_another_corpus() {
        let corpus = corpus(&["a"], &["b"]);
        assert_ne!(corpus.key, corpus.with_text_columns(vec![1]).key);
    }
}
