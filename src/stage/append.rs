//! More documents for an open corpus.

use std::collections::HashSet;

use rayon::prelude::*;

use crate::data::{Column, ColumnKind, Corpus, Key, NO_ROW, ReadReport, RowMap, SkippedRow, Typed};
use crate::io::read::{self, LISTED_ROWS, MAX_LEVELS, ReadError};
use crate::job::{Cancel, Cancelled, Ctx};

use super::StageError;

/// Why documents cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    #[error(
        "{newcomers} has no column called “{column}”, which is the text of {corpus}. Rename the column that holds it \
         (there are {known}), or open the file on its own."
    )]
    NoText { newcomers: String, corpus: String, column: String, known: String },
    #[error(
        "{corpus} and {newcomers} together have more documents than the {} that a corpus can hold. Open the file on \
         its own.",
        u32::MAX
    )]
    TooMany { corpus: String, newcomers: String },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<AppendError> for StageError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Cancelled(_) | AppendError::Read(ReadError::Cancelled(_)) => Self::Cancelled,
            other => Self::failed(other),
        }
    }
}

/// What becomes of documents that are there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// They are added like any other.
    #[default]
    Add,
    /// They are left out, and counted.
    LeaveOut,
}

/// A column that means something else now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindChange {
    pub column: String,
    pub before: ColumnKind,
    /// What it held among the newcomers.
    pub added: ColumnKind,
    pub now: ColumnKind,
}

/// What adding did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppendReport {
    /// Documents added.
    pub added: usize,
    /// Newcomers that equal a document of the corpus in every column that both have.
    pub duplicates: usize,
    /// How many of those were left out.
    pub left_out: usize,
    /// For each document added, its row among the newcomers: given vectors are picked by it.
    pub rows: Vec<u32>,
    /// Columns that only the newcomers have: they were added, and are empty in the documents that were there.
    pub new_columns: Vec<String>,
    /// Columns that the newcomers lack: empty in them.
    pub missing_columns: Vec<String>,
    /// Columns whose kind differed.
    pub kinds: Vec<KindChange>,
}

/// A corpus with documents added.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The old rows first and unchanged, then those added. Its key is of all that it holds.
    pub corpus: Corpus,
    /// From the rows of the corpus before.
    pub rows: RowMap,
    pub report: AppendReport,
}

/// Adds the documents of `newcomers` to `corpus`. Columns are matched by name.
///
/// A column of one kind in both keeps it, with its values as each file had them. Where kinds differ, all cells are
/// read anew as if they had come in one file, so that they widen as the reader widens them: a column of numbers with a
/// few words in it stays one of numbers, with many it becomes a category, and text where hardly any come again. A
/// column that is empty in one of the two takes the other's kind.
///
/// # Errors
/// If the newcomers lack a text column, if there would be too many documents, if the cells find no room on disk, or
/// if the work is stopped.
pub fn run(
    corpus: &Corpus,
    newcomers: &Corpus,
    duplicates: Duplicates,
    ctx: &Ctx,
) -> Result<Appended, AppendError> {
    for &text in &corpus.text_columns {
        let column = &corpus.columns[text].name;
        if newcomers.column(column).is_none() {
            return Err(AppendError::NoText {
                newcomers: newcomers.name.clone(),
                corpus: corpus.name.clone(),
                column: column.clone(),
                known: names(newcomers).join(", "),
            });
        }
    }
    if corpus.len() + newcomers.len() >= NO_ROW as usize {
        return Err(AppendError::TooMany { corpus: corpus.name.clone(), newcomers: newcomers.name.clone() });
    }
    let known = known_rows(corpus, newcomers, ctx)?;
    let mut report = AppendReport {
        duplicates: known.iter().filter(|&&known| known).count(),
        new_columns: names(newcomers).into_iter().filter(|name| corpus.column(name).is_none()).collect(),
        missing_columns: names(corpus).into_iter().filter(|name| newcomers.column(name).is_none()).collect(),
        ..AppendReport::default()
    };
    let left_out = |row: &u32| duplicates == Duplicates::LeaveOut && known[*row as usize];
    report.rows = (0..newcomers.len() as u32).filter(|row| !left_out(row)).collect();
    report.added = report.rows.len();
    report.left_out = newcomers.len() - report.added;

    let old_rows: Vec<u32> = (0..corpus.len() as u32).collect();
    let no_old_rows = vec![NO_ROW; corpus.len()];
    let (new_rows, no_new_rows) = (&report.rows[..], vec![NO_ROW; report.added]);
    // A column that one side lacks is that of the other without any of its rows.
    let of_corpus = corpus.columns.iter().map(|old| match newcomers.column(&old.name) {
        Some(new) => [(old, &old_rows[..]), (new, new_rows)],
        None => [(old, &old_rows[..]), (old, &no_new_rows[..])],
    });
    let only_new = newcomers.columns.iter().filter(|column| corpus.column(&column.name).is_none());
    let only_new = only_new.map(|new| [(new, &no_old_rows[..]), (new, new_rows)]);
    let sides: Vec<Sides<'_>> = of_corpus.chain(only_new).collect();
    ctx.progress.begin("Adding documents", "columns", sides.len() as u64, 0);
    let columns: Vec<(Column, Option<String>)> = sides
        .par_iter()
        .map(|&column| {
            let column = joint_column(column, sides.len(), &ctx.cancel);
            ctx.progress.advance(1);
            column
        })
        .collect::<Result<_, _>>()?;
    for ([(old, _), (new, _)], (column, _)) in sides.iter().zip(&columns) {
        let (before, added, now) = (old.typed.kind(), new.typed.kind(), column.typed.kind());
        if before != added {
            report.kinds.push(KindChange { column: column.name.clone(), before, added, now });
        }
    }
    let (columns, remarks): (Vec<Column>, Vec<Option<String>>) = columns.into_iter().unzip();
    let mut corpus = Corpus {
        key: corpus.key,
        name: corpus.name.clone(),
        source: corpus.source.clone(),
        columns,
        text_columns: corpus.text_columns.clone(),
        report: joint_report(&corpus.report, newcomers, remarks.into_iter().flatten()),
    };
    corpus.key = corpus.content_key();
    let rows = RowMap::appended(corpus.len() - report.added, report.added);
    Ok(Appended { corpus, rows, report })
}

fn names(corpus: &Corpus) -> Vec<String> {
    corpus.columns.iter().map(|column| column.name.clone()).collect()
}

/// What one column is made of: a column and its rows from before, and those that are added.
type Sides<'a> = [(&'a Column, &'a [u32]); 2];

/// One column, one of `columns` that are made at the same time, with a remark on cells that do not fit.
fn joint_column(
    sides: Sides<'_>,
    columns: usize,
    cancel: &Cancel,
) -> Result<(Column, Option<String>), AppendError> {
    let cells = read::gather(&sides.map(|(column, rows)| (&column.cells, rows)), columns, None, cancel)?;
    let name = sides[0].0.name.clone();
    let (typed, remark) = match Typed::gather(&sides.map(|(column, rows)| (&column.typed, rows))) {
        Some(typed) if levels(&typed) <= MAX_LEVELS => (typed, None),
        // More levels than are kept, some of which a file may have left out: all are counted anew.
        Some(typed) => read::read_as(&name, &cells, Some(typed.kind()), cancel)?,
        None => read::read_as(&name, &cells, kind_of_the_filled(sides), cancel)?,
    };
    Ok((Column { name, cells, typed }, remark))
}

/// The kind that is clear from one side, because the other has nothing but empty cells.
fn kind_of_the_filled(sides: Sides<'_>) -> Option<ColumnKind> {
    let filled = sides.map(|(column, rows)| {
        rows.iter().any(|&row| row != NO_ROW && !column.cells.get(row as usize).trim().is_empty())
    });
    match filled {
        [true, false] => Some(sides[0].0.typed.kind()),
        [false, true] => Some(sides[1].0.typed.kind()),
        _ => None,
    }
}

/// How many levels a column knows.
fn levels(typed: &Typed) -> usize {
    match typed {
        Typed::Category { levels, .. } | Typed::List { levels, .. } => levels.len(),
        Typed::Text | Typed::Number(_) | Typed::Date(_) => 0,
    }
}

/// For each newcomer, whether a document of `corpus` equals it in all columns that both have.
fn known_rows(corpus: &Corpus, newcomers: &Corpus, ctx: &Ctx) -> Result<Vec<bool>, Cancelled> {
    ctx.progress.begin("Comparing documents", "documents", corpus.len() as u64, 0);
    let shared: Vec<(&Column, &Column)> =
        corpus.columns.iter().filter_map(|old| Some((old, newcomers.column(&old.name)?))).collect();
    let (old, new): (Vec<&Column>, Vec<&Column>) = shared.into_iter().unzip();
    let new_keys = row_keys(&new, newcomers.len(), ctx)?;
    let wanted: HashSet<&Key> = new_keys.iter().collect();
    let found: HashSet<Key> =
        row_keys(&old, corpus.len(), ctx)?.into_iter().filter(|key| wanted.contains(key)).collect();
    Ok(new_keys.iter().map(|key| found.contains(key)).collect())
}

/// A key of the cells of each row in `columns`.
pub(super) fn row_keys(columns: &[&Column], rows: usize, ctx: &Ctx) -> Result<Vec<Key>, Cancelled> {
    (0..rows)
        .into_par_iter()
        .map(|row| {
            ctx.cancel.check()?;
            let cells = columns.iter().map(|column| column.cells.get(row));
            Ok(cells.fold(Key::of("row", 1), |key, cell| key.text(cell)).finish())
        })
        .collect()
}

/// How the reading of both went.
fn joint_report(old: &ReadReport, newcomers: &Corpus, remarks: impl Iterator<Item = String>) -> ReadReport {
    let mut report = old.clone();
    let of_newcomers = |sentence: &String| format!("{}: {sentence}", newcomers.name);
    report.skipped += newcomers.report.skipped;
    let room = LISTED_ROWS.saturating_sub(report.skipped_rows.len());
    report.skipped_rows.extend(newcomers.report.skipped_rows.iter().take(room).map(|row| {
        let cause = of_newcomers(&row.cause);
        SkippedRow { line: row.line, cause }
    }));
    report.remarks.extend(newcomers.report.remarks.iter().map(of_newcomers));
    report.remarks.extend(remarks);
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::read::testing::corpus_of;

    fn appended(a: &str, b: &str, duplicates: Duplicates) -> Appended {
        let (a, b) = (corpus_of("a.csv", a), corpus_of("b.csv", b));
        run(&a, &b, duplicates, &Ctx::quiet()).unwrap()
    }

    fn cells(corpus: &Corpus, name: &str) -> Vec<String> {
        corpus.column(name).unwrap().cells.iter().map(str::to_owned).collect()
    }

    const A: &str = "text,year,mood\nA first remark about soup.,1990,good\nAnother one about bread.,1991,bad\n\
                     A third about tea.,1992,good\nA fourth about rice.,1993,good\n";

    #[test]
    fn columns_are_matched_by_name_and_missing_cells_are_empty() {
        let b = "place,text,year\nhere,A remark about cake.,2001\nthere,One more about jam.,2002\n";
        let Appended { corpus, rows, report } = appended(A, b, Duplicates::Add);
        assert_eq!(cells(&corpus, "text")[3..5], ["A fourth about rice.", "A remark about cake."]);
        assert_eq!(cells(&corpus, "mood"), ["good", "bad", "good", "good", "", ""]);
        assert_eq!(cells(&corpus, "place"), ["", "", "", "", "here", "there"]);
        let Typed::Number(years) = &corpus.column("year").unwrap().typed else { panic!() };
        assert_eq!(years[..], [1990.0, 1991.0, 1992.0, 1993.0, 2001.0, 2002.0]);
        assert_eq!(
            (report.added, report.new_columns, report.missing_columns),
            (2, vec!["place".into()], vec!["mood".into()])
        );
        assert_eq!(rows, RowMap::appended(4, 2));
        assert_eq!(corpus.key, corpus.content_key());
        assert_ne!(corpus.key, corpus_of("a.csv", A).key);
        assert_eq!(corpus.text(4), "A remark about cake.");
    }

    #[test]
    fn a_category_of_few_newcomers_joins_the_levels_that_are_there() {
        let b = "text,mood\nA remark about cake.,bad\nOne more about jam.,fair\n";
        let Appended { corpus, report, .. } = appended(A, b, Duplicates::Add);
        let Typed::Category { levels, codes } = &corpus.column("mood").unwrap().typed else { panic!() };
        assert_eq!(
            (&levels[..], &codes[..]),
            (&["good".into(), "bad".into(), "fair".into()][..], &[0, 1, 0, 0, 1, 2][..])
        );
        // Among two different cells the reader sees no category.
        assert_eq!(report.kinds.len(), 1);
        assert_eq!((report.kinds[0].added, report.kinds[0].now), (ColumnKind::Text, ColumnKind::Category));
    }

    #[test]
    fn kinds_that_differ_widen_as_if_all_cells_had_come_in_one_file() {
        let b = "text,year,mood\nA remark about cake.,unknown,\nOne more about jam.,unknown,\n\
                 One more about ham.,unknown,\n";
        let Appended { corpus, report, .. } = appended(A, b, Duplicates::Add);
        assert_ne!(corpus.column("year").unwrap().typed.kind(), ColumnKind::Number);
        assert_eq!(
            corpus.column("mood").unwrap().typed.kind(),
            ColumnKind::Category,
            "empty cells decide nothing"
        );
        let changed: Vec<&str> = report.kinds.iter().map(|change| change.column.as_str()).collect();
        assert_eq!(changed, ["year", "mood"]);
    }

    #[test]
    fn documents_that_are_there_already_are_counted_and_left_out_only_on_request() {
        let b = "text,year,mood\nAnother one about bread.,1991,bad\nA remark about cake.,1991,bad\n";
        let added = appended(A, b, Duplicates::Add);
        assert_eq!((added.report.added, added.report.duplicates, added.corpus.len()), (2, 1, 6));
        let fewer = appended(A, b, Duplicates::LeaveOut);
        assert_eq!((fewer.report.added, fewer.report.left_out, fewer.corpus.len()), (1, 1, 5));
        assert_eq!((fewer.report.rows, fewer.corpus.text(4)), (vec![1], "A remark about cake.".into()));
    }

    #[test]
    fn newcomers_without_the_text_column_are_refused_by_name() {
        let (a, b) = (corpus_of("a.csv", A), corpus_of("b.csv", "body,year\nA remark about cake.,1\n"));
        let error = run(&a, &b, Duplicates::Add, &Ctx::quiet()).unwrap_err();
        assert!(matches!(&error, AppendError::NoText { column, .. } if column == "text"));
        let sentence = error.to_string();
        assert!(sentence.contains("b.csv") && sentence.contains("body, year"), "{sentence}");
    }
}
