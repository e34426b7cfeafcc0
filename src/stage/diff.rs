//! What changed in a corpus file: which document of the new one is which of the old.

use std::collections::HashSet;

use rayon::prelude::*;

use crate::data::{Column, Corpus, Key, NO_ROW, RowMap, pair};
use crate::job::Ctx;

use super::StageError;
use super::append::row_keys;

/// Names of columns that say which document a row is, the most telling first.
const ID_NAMES: [&str; 10] =
    ["id", "uid", "uuid", "guid", "key", "doc_id", "document_id", "row_id", "url", "doi"];

/// A column of unique values that nobody calls an id is taken for one if so large a share of its values is in both
/// corpora: a title or a time may be unique too, and then a changed one is another document.
const SHARED: f64 = 0.5;

/// How documents were told to be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchedBy {
    /// By the column of this name, whose values are unique in both.
    Column(String),
    /// By everything that they hold, then by their text alone.
    Content,
}

/// What changed from one corpus to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorpusDiff {
    pub rows: RowMap,
    pub matched_by: MatchedBy,
    /// Documents that are as they were, wherever they stand now.
    pub unchanged: usize,
    /// New rows of documents of which any cell changed.
    pub changed: Vec<u32>,
    /// Those of them whose text changed: their vectors are others now.
    pub reworded: Vec<u32>,
    /// New rows of documents that were not there.
    pub added: Vec<u32>,
    /// Old rows of documents that are no longer there.
    pub gone: Vec<u32>,
    /// Names of columns that only the new corpus has, and only the old one.
    pub new_columns: Vec<String>,
    pub gone_columns: Vec<String>,
}

impl CorpusDiff {
    /// New rows that need a vector and a place: those added and those reworded, ascending.
    pub fn to_place(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = self.added.iter().chain(&self.reworded).copied().collect();
        rows.sort_unstable();
        rows
    }

    /// Whether the two corpora hold the same documents in the same order under the same columns.
    pub fn is_nothing(&self) -> bool {
        self.rows.is_identity()
            && self.changed.is_empty()
            && self.new_columns.is_empty()
            && self.gone_columns.is_empty()
    }
}

/// Compares two corpora, whose text columns should be the same ones.
///
/// With a column `id` (found by [`id_column`] if none is named) documents with the same value are the same, whatever
/// else changed. Without one, those are the same that are equal in all columns that both have, then those of equal
/// text; of several equal ones the first is the first. A document whose text changed is then another.
///
/// # Errors
/// If `id` is no column of both, or its values are not unique, or if the work is stopped.
pub fn run(old: &Corpus, new: &Corpus, id: Option<&str>, ctx: &Ctx) -> Result<CorpusDiff, StageError> {
    ctx.progress.begin("Comparing documents", "documents", new.len() as u64, 0);
    let shared: Vec<(&Column, &Column)> =
        old.columns.iter().filter_map(|column| Some((column, new.column(&column.name)?))).collect();
    let (old_columns, new_columns): (Vec<&Column>, Vec<&Column>) = shared.into_iter().unzip();
    let (old_keys, new_keys) =
        (row_keys(&old_columns, old.len(), ctx)?, row_keys(&new_columns, new.len(), ctx)?);
    let id = match id {
        Some(name) => Some(checked_id(old, new, name)?),
        None => id_column(old, new),
    };
    let old_of_new = match &id {
        Some(name) => by_column(old, new, name),
        None => by_content(old, new, &old_keys, &new_keys, ctx)?,
    };
    ctx.progress.set(new.len() as u64);
    let (mut changed, mut reworded, mut unchanged) = (Vec::new(), Vec::new(), 0);
    for (row, &old_row) in old_of_new.iter().enumerate().filter(|(_, old_row)| **old_row != NO_ROW) {
        // Another choice of text columns rewords documents of which no cell changed.
        let is_reworded = old.text(old_row as usize) != new.text(row);
        if is_reworded {
            reworded.push(row as u32);
        }
        if is_reworded || old_keys[old_row as usize] != new_keys[row] {
            changed.push(row as u32);
        } else {
            unchanged += 1;
        }
    }
    let lacking = |a: &Corpus, b: &Corpus| {
        let names = a.columns.iter().map(|column| column.name.clone());
        names.filter(|name| b.column(name).is_none()).collect::<Vec<_>>()
    };
    let rows = RowMap::new(old.len(), old_of_new)
        .ok_or_else(|| StageError::Failed(format!("The rows of {} could not be told apart.", new.name)))?;
    Ok(CorpusDiff {
        matched_by: id.map_or(MatchedBy::Content, MatchedBy::Column),
        unchanged,
        changed,
        reworded,
        added: rows.added(),
        gone: rows.gone(),
        new_columns: lacking(new, old),
        gone_columns: lacking(old, new),
        rows,
    })
}

/// The column by which documents of both corpora can be told: it has a value for each document, each only once, in
/// both, and is called like an id, or shares half of its values or more. A text column is none, for texts change.
pub fn id_column(old: &Corpus, new: &Corpus) -> Option<String> {
    let texts: Vec<&str> = old.text_columns.iter().map(|&c| old.columns[c].name.as_str()).collect();
    let candidates = old.columns.iter().filter(|column| !texts.contains(&column.name.as_str()));
    let mut best: Option<(usize, f64, &str)> = None;
    for column in candidates {
        let Some(values) = unique_values(old, &column.name) else { continue };
        let Some(others) = unique_values(new, &column.name) else { continue };
        let both = values.iter().filter(|value| others.contains(**value)).count();
        let share = both as f64 / values.len().min(others.len()).max(1) as f64;
        let name = column.name.trim().to_lowercase();
        let rank = ID_NAMES.iter().position(|id| *id == name).unwrap_or(ID_NAMES.len());
        if both == 0 || (rank == ID_NAMES.len() && share < SHARED) {
            continue;
        }
        if best.is_none_or(|(best_rank, best_share, _)| {
            rank < best_rank || (rank == best_rank && share > best_share)
        }) {
            best = Some((rank, share, &column.name));
        }
    }
    best.map(|(_, _, name)| name.to_owned())
}

fn checked_id(old: &Corpus, new: &Corpus, name: &str) -> Result<String, StageError> {
    for corpus in [old, new] {
        if unique_values(corpus, name).is_none() {
            return Err(StageError::Failed(format!(
                "The column “{name}” of {} does not tell every document from the others: choose another, or none.",
                corpus.name
            )));
        }
    }
    Ok(name.to_owned())
}

/// The values of a column, if it has one for each document and no two share it.
fn unique_values<'c>(corpus: &'c Corpus, name: &str) -> Option<HashSet<&'c str>> {
    let column = corpus.column(name)?;
    let mut values = HashSet::with_capacity(corpus.len());
    let all = column.cells.iter().all(|cell| !cell.trim().is_empty() && values.insert(cell.trim()));
    all.then_some(values)
}

fn by_column(old: &Corpus, new: &Corpus, name: &str) -> Vec<u32> {
    let values = |corpus: &'_ Corpus| -> Vec<Option<String>> {
        let column = corpus.column(name);
        column
            .into_iter()
            .flat_map(|column| column.cells.iter().map(|cell| Some(cell.trim().to_owned())))
            .collect()
    };
    pair(&values(old), &values(new))
}

fn by_content(
    old: &Corpus,
    new: &Corpus,
    old_keys: &[Key],
    new_keys: &[Key],
    ctx: &Ctx,
) -> Result<Vec<u32>, StageError> {
    let some = |keys: &[Key]| keys.iter().copied().map(Some).collect::<Vec<_>>();
    let mut old_of_new = pair(&some(old_keys), &some(new_keys));
    // Of what is left, equal texts are the same document with other cells.
    let mut free = vec![true; old.len()];
    old_of_new.iter().filter(|old| **old != NO_ROW).for_each(|&old| free[old as usize] = false);
    ctx.cancel.check()?;
    let texts = |corpus: &Corpus, wanted: &(dyn Fn(usize) -> bool + Sync)| -> Vec<Option<Key>> {
        let key = |row: usize| {
            let text = corpus.text(row);
            let is_text = wanted(row) && !text.trim().is_empty();
            is_text.then(|| Key::of("text", 1).text(&text).finish())
        };
        (0..corpus.len()).into_par_iter().map(key).collect()
    };
    let left = pair(&texts(old, &|row| free[row]), &texts(new, &|row| old_of_new[row] == NO_ROW));
    for (old, left) in old_of_new.iter_mut().zip(left).filter(|(_, left)| *left != NO_ROW) {
        *old = left;
    }
    Ok(old_of_new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::read::testing::corpus_of;

    fn diff(old: &str, new: &str) -> CorpusDiff {
        run(&corpus_of("old.csv", old), &corpus_of("new.csv", new), None, &Ctx::quiet()).unwrap()
    }

    #[test]
    fn an_id_column_tells_a_changed_document_from_a_new_one() {
        let old = "id,text,n\na,A remark on soup.,1\nb,A remark on tea.,2\nc,A remark on rice.,3\n";
        let new = "id,text,n\nc,A remark on rice.,4\na,A remark on hot soup.,1\nd,A remark on jam.,9\n";
        let diff = diff(old, new);
        assert_eq!(diff.matched_by, MatchedBy::Column("id".into()));
        assert_eq!(diff.rows.old_of_new(), [2, 0, NO_ROW]);
        assert_eq!((&diff.changed[..], &diff.reworded[..]), (&[0, 1][..], &[1][..]));
        assert_eq!((&diff.added[..], &diff.gone[..], diff.unchanged), (&[2][..], &[1][..], 0));
        assert_eq!(diff.to_place(), [1, 2]);
    }

    #[test]
    fn without_an_id_content_tells_and_moved_and_equal_documents_keep_their_order() {
        let old = "text,n\nSoup is warm.,1\nTea is hot.,1\nSoup is warm.,1\nRice is white.,1\n";
        let new =
            "text,n\nRice is white.,1\nSoup is warm.,1\nSoup is warm.,1\nSoup is warm.,1\nTea is hot.,7\n";
        let diff = diff(old, new);
        assert_eq!(diff.matched_by, MatchedBy::Content);
        assert_eq!(diff.rows.old_of_new(), [3, 0, 2, NO_ROW, 1]);
        assert_eq!((diff.unchanged, &diff.changed[..], diff.reworded.len()), (3, &[4][..], 0));
        assert!(diff.gone.is_empty() && !diff.is_nothing());
    }

    #[test]
    fn the_same_file_read_again_is_no_change() {
        let file = "text,n\nSoup is warm.,1\nTea is hot.,1\nSoup is warm.,1\n";
        let diff = diff(file, file);
        assert!(diff.is_nothing());
        assert_eq!(diff.unchanged, 3);
    }

    #[test]
    fn a_unique_column_that_was_renumbered_is_no_id() {
        let old = "position,text\n11,Soup is warm.\n12,Tea is hot.\n13,Rice is white.\n";
        let new = "position,text\n21,Tea is hot.\n22,Rice is white.\n23,Jam is sweet.\n";
        let diff = diff(old, new);
        assert_eq!(diff.matched_by, MatchedBy::Content);
        assert_eq!(diff.rows.old_of_new(), [1, 2, NO_ROW]);
        assert_eq!(diff.changed, [0, 1]);
    }

    #[test]
    fn a_chosen_id_whose_values_come_twice_is_refused() {
        let file = "kind,text\nx,Soup is warm.\nx,Tea is hot.\n";
        let corpus = corpus_of("a.csv", file);
        let error = run(&corpus, &corpus, Some("kind"), &Ctx::quiet()).unwrap_err().to_string();
        assert!(error.contains("“kind” of a.csv"), "{error}");
    }
}
