//! Which documents a filter keeps.

use std::collections::HashSet;

use crate::data::{Clause, Column, Condition, Corpus, Edits, Filter, Mask, Typed};

/// What words are looked up in, once it is there: the documents that a search for them finds.
pub type FindWords<'f> = dyn Fn(&str) -> Mask + 'f;

/// The documents of `corpus` that `filter` keeps. A condition on a column that there is not, or on a tag that nobody
/// has, holds for no document.
pub fn run(corpus: &Corpus, filter: &Filter, edits: &Edits, find: &FindWords<'_>) -> Mask {
    filter.clauses.iter().fold(Mask::all(corpus.len()), |kept, clause| {
        let held = held(corpus, clause, edits, find);
        kept.and(&if clause.not { held.not() } else { held })
    })
}

fn held(corpus: &Corpus, clause: &Clause, edits: &Edits, find: &FindWords<'_>) -> Mask {
    let n = corpus.len();
    let none = || Mask::none(n);
    match &clause.condition {
        Condition::Range { column, low, high } => {
            corpus.column(column).map_or_else(none, |column| in_range(column, n, (*low, *high)))
        }
        Condition::Values { column, values } => corpus
            .column(column)
            .map_or_else(none, |column| with_values(column, n, |value: &str| values.contains(value))),
        Condition::Documents { documents, .. } => Mask::of_documents(n, documents.documents()),
        Condition::Words(words) => find(words),
        Condition::Tag(tag) => {
            edits.tags.get(tag).map_or_else(none, |tagged| Mask::of_documents(n, tagged.documents()))
        }
    }
}

fn in_range(column: &Column, n: usize, (low, high): (f64, f64)) -> Mask {
    match &column.typed {
        // Neither NaN nor the end of time, which stands for an empty date, is in any range.
        Typed::Number(values) => Mask::of_fn(n, |i| (low..=high).contains(&values[i])),
        Typed::Date(moments) => Mask::of_fn(n, |i| {
            moments[i] != crate::data::DATE_EMPTY && (low..=high).contains(&(moments[i] as f64))
        }),
        Typed::Text | Typed::Category { .. } | Typed::List { .. } => Mask::none(n),
    }
}

fn with_values(column: &Column, n: usize, wanted: impl Fn(&str) -> bool) -> Mask {
    let empty = wanted("");
    match &column.typed {
        Typed::Category { levels, codes } => {
            let of_level: Vec<bool> = levels.iter().map(|level| wanted(level)).collect();
            Mask::of_fn(n, |i| of_level.get(codes[i] as usize).copied().unwrap_or(empty))
        }
        Typed::List { levels, offsets, codes } => {
            let chosen = (0u32..).zip(levels).filter(|(_, level)| wanted(level)).map(|(code, _)| code);
            let chosen: HashSet<u32> = chosen.collect();
            Mask::of_fn(n, |i| {
                let own = &codes[offsets[i] as usize..offsets[i + 1] as usize];
                own.iter().any(|code| chosen.contains(code)) || (own.is_empty() && empty)
            })
        }
        Typed::Number(_) | Typed::Date(_) | Typed::Text => Mask::of_fn(n, |i| wanted(column.cells.get(i))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::data::{DATE_EMPTY, Key, Members, NO_CODE, ReadReport};

    fn corpus() -> Corpus {
        let column = |name: &str, cells: [&str; 4], typed| Column {
            name: name.into(),
            cells: cells.iter().collect(),
            typed,
        };
        let levels = || vec!["a".to_owned(), "b".to_owned()];
        let columns = vec![
            column("text", ["one", "two", "", "four"], Typed::Text),
            column("number", ["1", "", "3", "4"], Typed::Number(vec![1.0, f64::NAN, 3.0, 4.0])),
            column("date", ["", "", "", ""], Typed::Date(vec![10, 20, DATE_EMPTY, 40])),
            column(
                "kind",
                ["a", "b", "", "a"],
                Typed::Category { levels: levels(), codes: vec![0, 1, NO_CODE, 0] },
            ),
            column(
                "tags",
                ["a", "", "a;b", "b"],
                Typed::List { levels: levels(), offsets: vec![0, 1, 1, 3, 4], codes: vec![0, 0, 1, 1] },
            ),
        ];
        let key = Key::of("test", 1).finish();
        let report = ReadReport::default();
        Corpus { key, name: "test".into(), source: None, columns, text_columns: vec![0], report }
    }

    fn kept(clauses: &[Clause]) -> Vec<u32> {
        let edits = Edits::default().tag("read", &Members::new(vec![1, 3]));
        let filter = Filter { clauses: clauses.to_vec(), hides: false };
        let find = |words: &str| Mask::of_fn(4, |i| corpus().text(i).contains(words));
        run(&corpus(), &filter, &edits, &find).documents().collect()
    }

    fn range(column: &str, low: f64, high: f64) -> Clause {
        Clause::of(Condition::Range { column: column.into(), low, high })
    }

    fn values(column: &str, values: &[&str]) -> Clause {
        let values: BTreeSet<String> = values.iter().map(|&value| value.to_owned()).collect();
        Clause::of(Condition::Values { column: column.into(), values })
    }

    #[test]
    fn without_clauses_everything_is_kept() {
        assert_eq!(kept(&[]), [0, 1, 2, 3]);
    }

    #[test]
    fn a_range_holds_its_ends_and_no_empty_cell() {
        assert_eq!(kept(&[range("number", 1.0, 3.0)]), [0, 2]);
        assert_eq!(kept(&[range("date", f64::NEG_INFINITY, 20.0)]), [0, 1]);
    }

    #[test]
    fn a_value_is_looked_for_in_lists_as_well_and_empty_cells_have_a_value_of_their_own() {
        assert_eq!(kept(&[values("kind", &["a"])]), [0, 3]);
        assert_eq!(kept(&[values("kind", &["", "b"])]), [1, 2]);
        assert_eq!(kept(&[values("tags", &["b"])]), [2, 3]);
        assert_eq!(kept(&[values("tags", &[""])]), [1]);
    }

    #[test]
    fn clauses_combine_and_can_be_turned_round() {
        let documents = Condition::Documents { name: "some".into(), documents: Members::new(vec![0, 1, 9]) };
        assert_eq!(kept(&[values("kind", &["a", "b"]), Clause::not(documents.clone())]), [3]);
        assert_eq!(kept(&[Clause::of(documents), Clause::of(Condition::Tag("read".into()))]), [1]);
        assert_eq!(kept(&[Clause::not(Condition::Words("o".into()))]), [2]);
    }

    #[test]
    fn what_is_not_there_holds_for_nobody() {
        assert!(kept(&[range("none", 0.0, 9.0)]).is_empty());
        assert!(kept(&[Clause::of(Condition::Tag("none".into()))]).is_empty());
        assert_eq!(kept(&[Clause::not(Condition::Tag("none".into()))]), [0, 1, 2, 3]);
    }
}
