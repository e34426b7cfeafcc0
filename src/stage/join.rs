//! The columns of a second file for the documents of an open corpus.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use crate::data::{Column, ColumnKind, Corpus, NO_ROW, Typed};
use crate::io::read::{self, ReadError};
use crate::job::{Cancelled, Ctx};

use super::StageError;

/// Rows of a column that a suggestion looks at, spread over it.
const SAMPLE: usize = 10_000;

/// A pair of columns is suggested where at least this share of one's values is found in the other: a file may know
/// about all documents, or be about a few of them.
const LEAST_FOUND: f32 = 0.1;

/// Columns of the same name are the likelier pair by this factor.
const SAME_NAME: f32 = 1.5;

/// Numbers under different names are the less likely pair by this factor: small ones are found among any others.
const NUMBERS: f32 = 0.5;

/// How many duplicate keys are listed; all are counted.
const LISTED_KEYS: usize = 20;

/// Which row of the other file belongs to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinBy {
    /// The one with the same number: both have as many.
    Order,
    /// The first one whose column `other` has what the document has in its column `own`; space around it aside.
    Columns { own: String, other: String },
}

/// Why files cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("{file} has no column called “{column}”; the columns are {known}.")]
    NoColumn { file: String, column: String, known: String },
    #[error(
        "{corpus} has {documents} documents and {other} has {rows} rows, so that they cannot be joined in order. \
         Choose the columns that say which row belongs to which document."
    )]
    Counts { corpus: String, documents: usize, other: String, rows: usize },
    #[error(
        "No value of “{own}” in {corpus} is in “{column}” of {other}. Choose other columns to join them by."
    )]
    NothingMatches { corpus: String, own: String, other: String, column: String },
    #[error("{other} has no column besides “{column}”, by which it is joined.")]
    NothingToAdd { other: String, column: String },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<JoinError> for StageError {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Cancelled(_) | JoinError::Read(ReadError::Cancelled(_)) => Self::Cancelled,
            other => Self::failed(other),
        }
    }
}

/// What joining did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinReport {
    /// Names of the columns added: those whose name was taken got a number.
    pub columns: Vec<String>,
    /// Documents that found a row.
    pub matched: usize,
    /// Documents that found none: the new columns are empty in them.
    pub unmatched: usize,
    /// Rows of the other file that belong to no document.
    pub unused: usize,
    /// Rows of the other file whose key came before: the first one was taken.
    pub duplicates: usize,
    /// The first of these keys, each once.
    pub duplicate_keys: Vec<String>,
}

/// A corpus with columns added.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The same documents with more columns at the end. Its key is of all that it holds; its texts, and so its
    /// vectors, are what they were.
    pub corpus: Corpus,
    pub report: JoinReport,
}

/// Columns by which two files may be joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    pub own: String,
    pub other: String,
    /// The share of the documents with a value in `own` that is found in `other`, on a sample of them.
    pub found: f32,
}

/// Adds the columns of `other` to the documents of `corpus`, without the one by which they are joined.
///
/// # Errors
/// If a column is missing, the numbers of rows differ, nothing matches, there is nothing to add, the cells find no
/// room on disk, or the work is stopped.
pub fn run(corpus: &Corpus, other: &Corpus, by: &JoinBy, ctx: &Ctx) -> Result<Joined, JoinError> {
    ctx.progress.begin("Joining", "columns", other.columns.len() as u64, 0);
    let mut report = JoinReport::default();
    let rows = match by {
        JoinBy::Order if corpus.len() == other.len() => (0..corpus.len() as u32).collect(),
        JoinBy::Order => {
            return Err(JoinError::Counts {
                corpus: corpus.name.clone(),
                documents: corpus.len(),
                other: other.name.clone(),
                rows: other.len(),
            });
        }
        JoinBy::Columns { own, other: column } => {
            matching_rows(column_of(corpus, own)?, column_of(other, column)?, &mut report, ctx)?
        }
    };
    report.matched = rows.iter().filter(|&&row| row != NO_ROW).count();
    report.unmatched = rows.len() - report.matched;
    let used: HashSet<u32> = rows.iter().copied().filter(|&row| row != NO_ROW).collect();
    report.unused = other.len() - used.len();
    let key = match by {
        JoinBy::Order => None,
        JoinBy::Columns { own, other: column } => {
            if report.matched == 0 {
                return Err(JoinError::NothingMatches {
                    corpus: corpus.name.clone(),
                    own: own.clone(),
                    other: other.name.clone(),
                    column: column.clone(),
                });
            }
            Some(column)
        }
    };
    let new: Vec<&Column> = other.columns.iter().filter(|column| Some(&column.name) != key).collect();
    if let (true, Some(key)) = (new.is_empty(), key) {
        return Err(JoinError::NothingToAdd { other: other.name.clone(), column: key.clone() });
    }
    report.columns = free_names(corpus, &new);
    let columns: Vec<Column> = new
        .par_iter()
        .zip(&report.columns)
        .map(|(column, name)| {
            let cells = read::gather(&[(&column.cells, &rows[..])], new.len(), None, &ctx.cancel)?;
            // One part is always of one kind.
            let typed = Typed::gather(&[(&column.typed, &rows[..])]).unwrap_or(Typed::Text);
            ctx.progress.advance(1);
            Ok(Column { name: name.clone(), cells, typed })
        })
        .collect::<Result<_, ReadError>>()?;
    let mut corpus = corpus.clone();
    corpus.columns.extend(columns);
    corpus.key = corpus.content_key();
    Ok(Joined { corpus, report })
}

/// The columns that most likely say which row of `other` belongs to which document: such that values of the one
/// are found in the other, where each stands only once. `None` where no pair shares enough.
pub fn suggest(corpus: &Corpus, other: &Corpus, ctx: &Ctx) -> Result<Option<Suggestion>, Cancelled> {
    let stride = corpus.len().div_ceil(SAMPLE).max(1);
    let own: Vec<(&Column, Vec<&str>, f32)> = corpus
        .columns
        .iter()
        .map(|column| {
            let cells = (0..column.cells.len()).step_by(stride).map(|i| column.cells.get(i).trim());
            let values: Vec<&str> = cells.filter(|cell| !cell.is_empty()).collect();
            let distinct = values.iter().collect::<HashSet<_>>().len() as f32 / values.len().max(1) as f32;
            (column, values, distinct)
        })
        .collect();
    let best_of = |column: &Column| -> Result<Option<(f32, Suggestion)>, Cancelled> {
        ctx.cancel.check()?;
        let cells = column.cells.iter().map(str::trim).filter(|cell| !cell.is_empty());
        let (mut values, mut filled) = (HashSet::new(), 0usize);
        for cell in cells {
            filled += 1;
            values.insert(cell);
        }
        let unique = values.len() as f32 / filled.max(1) as f32;
        let mut best: Option<(f32, Suggestion)> = None;
        for (own, sample, distinct) in own.iter().filter(|(_, sample, _)| !sample.is_empty()) {
            let shared: HashSet<&str> =
                sample.iter().copied().filter(|value| values.contains(value)).collect();
            let documents = sample.iter().filter(|value| shared.contains(**value)).count();
            let found = documents as f32 / sample.len() as f32;
            // Of the documents in between the sampled ones, as many are taken to be known to the file.
            let used = (shared.len() * stride) as f32 / values.len().max(1) as f32;
            let either = found.max(used.min(1.0));
            let same_name = own.name.trim().eq_ignore_ascii_case(column.name.trim());
            let likely = match (same_name, own.typed.kind()) {
                (true, _) => SAME_NAME,
                (false, ColumnKind::Number) => NUMBERS,
                (false, _) => 1.0,
            };
            // A key tells documents apart on its own side as well, though many may share one.
            let score = either * unique * (1.0 + distinct) * likely;
            if either >= LEAST_FOUND && best.as_ref().is_none_or(|(known, _)| score > *known) {
                let suggestion = Suggestion { own: own.name.clone(), other: column.name.clone(), found };
                best = Some((score, suggestion));
            }
        }
        Ok(best)
    };
    let all: Vec<_> = other.columns.par_iter().map(best_of).collect::<Result<_, Cancelled>>()?;
    let mut best: Option<(f32, Suggestion)> = None;
    for candidate in all.into_iter().flatten() {
        if best.as_ref().is_none_or(|(known, _)| candidate.0 > *known) {
            best = Some(candidate);
        }
    }
    Ok(best.map(|(_, suggestion)| suggestion))
}

fn column_of<'c>(corpus: &'c Corpus, name: &str) -> Result<&'c Column, JoinError> {
    corpus.column(name).ok_or_else(|| JoinError::NoColumn {
        file: corpus.name.clone(),
        column: name.to_owned(),
        known: corpus.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", "),
    })
}

/// For each document the row of the other file, or [`NO_ROW`].
fn matching_rows(
    own: &Column,
    other: &Column,
    report: &mut JoinReport,
    ctx: &Ctx,
) -> Result<Vec<u32>, Cancelled> {
    let mut first = HashMap::with_capacity(other.cells.len());
    let mut listed = HashSet::new();
    for (row, cell) in other.cells.iter().enumerate() {
        let key = cell.trim();
        if key.is_empty() || *first.entry(key).or_insert(row as u32) == row as u32 {
            continue;
        }
        report.duplicates += 1;
        if report.duplicate_keys.len() < LISTED_KEYS && listed.insert(key) {
            report.duplicate_keys.push(key.to_owned());
        }
    }
    ctx.cancel.check()?;
    Ok(own.cells.iter().map(|cell| first.get(cell.trim()).copied().unwrap_or(NO_ROW)).collect())
}

/// The names of `columns`, with a number where the corpus (or one before) has the name.
fn free_names(corpus: &Corpus, columns: &[&Column]) -> Vec<String> {
    let mut taken: HashSet<String> = corpus.columns.iter().map(|column| column.name.clone()).collect();
    let mut names = Vec::with_capacity(columns.len());
    for column in columns {
        let numbered = (2..).map(|number| format!("{}_{number}", column.name));
        let name = std::iter::once(column.name.clone()).chain(numbered).find(|name| !taken.contains(name));
        let name = name.unwrap_or_default();
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::read::testing::corpus_of;

    const CORPUS: &str = "paper,text,score\np1,A remark on soup.,3\np2,A remark on tea.,1\np9,A remark on jam.,2\n\
                          p2,One more on tea.,1\n";
    const OTHER: &str = "no,key,country,score\n1,p2,Peru,0.5\n2,p1,Chad,0.25\n3,p2,Oman,1.5\n4,p7,Fiji,2.5\n";

    fn joined(by: &JoinBy) -> Result<Joined, JoinError> {
        run(&corpus_of("a.csv", CORPUS), &corpus_of("b.csv", OTHER), by, &Ctx::quiet())
    }

    fn by_key() -> JoinBy {
        JoinBy::Columns { own: "paper".into(), other: "key".into() }
    }

    #[test]
    fn rows_find_their_documents_by_key_and_everything_left_over_is_counted() {
        let Joined { corpus, report } = joined(&by_key()).unwrap();
        let country: Vec<&str> = corpus.column("country").unwrap().cells.iter().collect();
        assert_eq!(country, ["Chad", "Peru", "", "Peru"]);
        let Typed::Number(scores) = &corpus.column("score_2").unwrap().typed else { panic!() };
        assert!(scores[0] == 0.25 && scores[2].is_nan());
        assert_eq!(report.columns, ["no", "country", "score_2"]);
        assert_eq!((report.matched, report.unmatched, report.unused), (3, 1, 2));
        assert_eq!((report.duplicates, &report.duplicate_keys[..]), (1, &["p2".to_owned()][..]));
        assert_eq!(corpus.text(1), "A remark on tea.");
        assert_eq!(corpus.key, corpus.content_key());
    }

    #[test]
    fn files_of_equal_length_join_in_order_and_others_are_refused() {
        let corpus = joined(&JoinBy::Order).unwrap().corpus;
        assert_eq!(corpus.column("country").unwrap().cells.get(2), "Oman");
        let (a, b) = (corpus_of("a.csv", CORPUS), corpus_of("b.csv", "key,n\np1,5\np2,6\n"));
        let error = run(&a, &b, &JoinBy::Order, &Ctx::quiet()).unwrap_err();
        assert!(matches!(error, JoinError::Counts { documents: 4, rows: 2, .. }), "{error}");
    }

    #[test]
    fn the_pair_of_columns_that_share_values_is_suggested() {
        let (a, b) = (corpus_of("a.csv", CORPUS), corpus_of("b.csv", OTHER));
        let suggestion = suggest(&a, &b, &Ctx::quiet()).unwrap().unwrap();
        assert_eq!((suggestion.own.as_str(), suggestion.other.as_str()), ("paper", "key"));
        assert_eq!(suggestion.found, 0.75);
        let strangers = corpus_of("c.csv", "name,age\nAnn,71\nBob,72\n");
        assert_eq!(suggest(&a, &strangers, &Ctx::quiet()).unwrap(), None);
    }

    #[test]
    fn a_file_about_few_of_the_documents_is_suggested_by_its_own_values() {
        let texts: String = (0..200).map(|i| format!("text {i}\n")).collect();
        let all = corpus_of("a.csv", &format!("text\n{texts}"));
        let few = corpus_of("b.csv", "text,stars\ntext 150,5\nnobody,1\n");
        let suggestion = suggest(&all, &few, &Ctx::quiet()).unwrap().unwrap();
        assert_eq!((suggestion.own.as_str(), suggestion.other.as_str()), ("text", "text"));
        assert!(suggestion.found < 0.01);
    }

    #[test]
    fn keys_that_never_meet_are_an_error_that_names_both() {
        let by = JoinBy::Columns { own: "text".into(), other: "key".into() };
        let error = joined(&by).unwrap_err().to_string();
        assert!(error.contains("“text” in a.csv") && error.contains("“key” of b.csv"), "{error}");
        let by = JoinBy::Columns { own: "nothing".into(), other: "key".into() };
        assert!(
            matches!(joined(&by).unwrap_err(), JoinError::NoColumn { column, .. } if column == "nothing")
        );
    }
}
