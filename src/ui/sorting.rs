//! The order of the table's rows, made on a worker.
//!
//! Every row gets a number that sorts as its cell does, so that comparisons stay within the list that is sorted: a
//! million rows take a fraction of a second.

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::{Clusters, Corpus, DATE_EMPTY, Mask, Strings, Typed};
use crate::job::promptly;
use crate::session::{ColourBy, Session, Wake};
use crate::stage::outliers::Outliers;

use super::facts::Grouping;
use crate::job::derived::{Derived, Same};

/// The figures of the column "Outlier", which is there while the map is coloured by them.
pub fn shown_outliers(session: &Session) -> Option<&Arc<Outliers>> {
    let coloured = session.colouring().is_some_and(|colouring| colouring.by == ColourBy::Outliers);
    session.outliers().filter(|_| coloured)
}

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    #[default]
    FileOrder,
    Cluster,
    Column(usize),
    /// How far documents stand apart, the farthest first; while the map is coloured by it.
    Outlier,
}

/// Up or down. Empty cells come last either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    #[default]
    Ascending,
    Descending,
}

/// Which document stands in which row.
#[derive(Clone)]
pub enum Order {
    /// Documents 0 to n in file order.
    All(usize),
    Listed(Arc<Vec<u32>>),
}

impl Order {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self {
            Self::All(n) => *n,
            Self::Listed(documents) => documents.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The document in a row.
    pub fn get(&self, row: usize) -> Option<u32> {
        match self {
            Self::All(n) => (row < *n).then_some(row as u32),
            Self::Listed(documents) => documents.get(row).copied(),
        }
    }

    /// The row of a document; a look through the list where it is not in file order.
    pub fn position(&self, document: u32) -> Option<usize> {
        match self {
            Self::All(n) => ((document as usize) < *n).then_some(document as usize),
            Self::Listed(documents) => documents.iter().position(|&other| other == document),
        }
    }
}

#[derive(Clone, PartialEq)]
struct Key {
    corpus: Same<Corpus>,
    clusters: Option<Same<Clusters>>,
    selection: Option<Same<Vec<u32>>>,
    kept: Option<Same<Mask>>,
    outliers: Option<Same<Outliers>>,
    by: By,
    direction: Direction,
}

/// The table's order and the work on it.
pub struct Sorting {
    by: By,
    direction: Direction,
    sorted: Derived<Key, Arc<Vec<u32>>>,
    working: bool,
}

impl Default for Sorting {
    fn default() -> Self {
        Self {
            by: By::FileOrder,
            direction: Direction::Ascending,
            sorted: Derived::new("sort"),
            working: false,
        }
    }
}

impl Sorting {
    /// Sorts by `by`; once more turns the order round.
    pub fn toggle(&mut self, by: By) {
        self.direction = match (self.by == by, self.direction) {
            (true, Direction::Ascending) => Direction::Descending,
            (false, _) if by == By::Outlier => Direction::Descending,
            _ => Direction::Ascending,
        };
        self.by = by;
    }

    /// What rows are sorted by, to be kept with a project.
    pub fn saved(&self) -> (By, Direction) {
        (self.by, self.direction)
    }

    /// Restores what [`Sorting::saved`] gave.
    pub fn restore(&mut self, (by, direction): (By, Direction)) {
        (self.by, self.direction) = (by, direction);
    }

    /// Back to the order of the file.
    pub fn clear(&mut self) {
        (self.by, self.direction) = (By::FileOrder, Direction::Ascending);
    }

    /// Whether rows are in another order than the file's.
    pub fn is_sorted(&self) -> bool {
        (self.by, self.direction) != (By::FileOrder, Direction::Ascending)
    }

    /// Whether a worker is at it.
    pub fn is_working(&self) -> bool {
        self.working
    }

    /// The direction of a column, if rows are sorted by it.
    pub fn direction(&self, by: By) -> Option<Direction> {
        (self.by == by && self.is_sorted()).then_some(self.direction)
    }

    /// The rows now: the selection if there is one, all documents otherwise, as far as the filter keeps them; in file
    /// order until sorted.
    pub fn order(&mut self, session: &Session, wake: &Wake) -> Order {
        let Some(corpus) = session.corpus() else { return Order::All(0) };
        let selection = session.selection().filter(|selection| !selection.is_empty());
        let unsorted =
            selection.map_or(Order::All(corpus.len()), |selection| Order::Listed(selection.clone()));
        self.working = false;
        let outliers = shown_outliers(session).filter(|_| self.by == By::Outlier);
        let sorted = self.is_sorted() && (self.by != By::Outlier || outliers.is_some());
        if !sorted && session.kept().is_none() {
            return unsorted;
        }
        let clusters = Grouping::of(session).filter(|_| self.by == By::Cluster);
        let key = Key {
            corpus: Same(corpus.clone()),
            clusters: clusters.map(|grouping| Same(grouping.clusters)),
            selection: selection.cloned().map(Same),
            kept: session.kept().cloned().map(Same),
            outliers: outliers.cloned().map(Same),
            by: self.by,
            direction: self.direction,
        };
        let work = key.clone();
        self.working = !self.sorted.want_in_turn(key.clone(), wake, move |_| Arc::new(work.sort()));
        // While a brush is dragged the rows of a moment ago show.
        let sorted = match key.kept.is_some() {
            true => self.sorted.latest(),
            false => self.sorted.of(&key),
        };
        sorted.map_or(unsorted, |sorted| Order::Listed((**sorted).clone()))
    }
}

/// Sorts `documents` of `corpus` as the table does: empty cells last, equal ones in the order they come in. For benches.
pub fn sorted(
    corpus: Arc<Corpus>,
    documents: Option<Arc<Vec<u32>>>,
    by: By,
    direction: Direction,
) -> Vec<u32> {
    let selection = documents.map(Same);
    Key { corpus: Same(corpus), clusters: None, selection, kept: None, outliers: None, by, direction }.sort()
}

/// The rank of an empty cell, in both directions.
const EMPTY: u64 = u64::MAX;

impl Key {
    fn sort(&self) -> Vec<u32> {
        promptly(|| self.sort_here())
    }

    fn sort_here(&self) -> Vec<u32> {
        let Same(corpus) = &self.corpus;
        let documents: Vec<u32> = match (&self.selection, &self.kept) {
            (Some(Same(selection)), Some(Same(kept))) => {
                selection.iter().copied().filter(|&i| kept.contains(i)).collect()
            }
            (Some(Same(selection)), None) => selection.to_vec(),
            (None, Some(Same(kept))) => kept.documents().collect(),
            (None, None) => (0..corpus.len() as u32).collect(),
        };
        match self.by {
            By::FileOrder if self.direction == Direction::Ascending => documents,
            By::FileOrder => self.by_rank(&documents, |i| Some(u64::from(i))),
            By::Cluster => match &self.clusters {
                Some(Same(clusters)) => {
                    let label = |i: u32| clusters.labels.get(i as usize).copied();
                    self.by_rank(&documents, |i| {
                        label(i).filter(|&label| (label as usize) < clusters.count).map(u64::from)
                    })
                }
                None => documents,
            },
            By::Column(c) => self.by_column(documents, corpus, c),
            By::Outlier => match &self.outliers {
                Some(Same(outliers)) => self.by_rank(&documents, |i| {
                    let factor = outliers.factors.get(i as usize).copied();
                    factor.filter(|factor| !factor.is_nan()).map(|factor| rank_of_number(f64::from(factor)))
                }),
                None => documents,
            },
        }
    }

    fn by_column(&self, documents: Vec<u32>, corpus: &Corpus, c: usize) -> Vec<u32> {
        let Some(column) = corpus.columns.get(c) else { return documents };
        match &column.typed {
            Typed::Number(values) => self.by_rank(&documents, |i| {
                Some(values[i as usize]).filter(|v| !v.is_nan()).map(rank_of_number)
            }),
            Typed::Date(moments) => self.by_rank(&documents, |i| {
                Some(moments[i as usize]).filter(|m| *m != DATE_EMPTY).map(rank_of_moment)
            }),
            Typed::Category { levels, codes } => {
                let ranks = ranks(levels);
                self.by_rank(&documents, |i| ranks.get(codes[i as usize] as usize).copied().map(u64::from))
            }
            Typed::Text | Typed::List { .. } => self.by_text(&documents, &column.cells),
        }
    }

    /// Sorts by a rank, smaller first, empty cells last, equal ones in the order of `documents`.
    fn by_rank(&self, documents: &[u32], rank: impl Fn(u32) -> Option<u64> + Sync) -> Vec<u32> {
        let ascending = self.direction == Direction::Ascending;
        let last = EMPTY - 1;
        let turned = |rank: u64| if ascending { rank.min(last) } else { last - rank.min(last) };
        let mut keyed: Vec<(u64, u32)> = documents
            .par_iter()
            .zip(0u32..documents.len() as u32)
            .map(|(&i, at)| (rank(i).map_or(EMPTY, turned), at))
            .collect();
        keyed.par_sort_unstable();
        keyed.into_par_iter().map(|(_, at)| documents[at as usize]).collect()
    }

    /// Sorts cells by their characters. Few pairs differ only beyond the beginning that is at hand.
    fn by_text(&self, documents: &[u32], cells: &Strings) -> Vec<u32> {
        let ascending = self.direction == Direction::Ascending;
        let (bytes, offsets) = (cells.bytes(), cells.offsets());
        let cell = |i: u32| &bytes[offsets[i as usize] as usize..offsets[i as usize + 1] as usize];
        let mut keyed: Vec<([u64; 2], u32)> = documents
            .par_iter()
            .zip(0u32..documents.len() as u32)
            .filter(|(i, _)| !cell(**i).is_empty())
            .map(|(&i, at)| (beginning(cell(i)), at))
            .collect();
        keyed.par_sort_unstable_by(|a, b| {
            let beginnings = a.0.cmp(&b.0);
            let order =
                beginnings.then_with(|| cell(documents[a.1 as usize]).cmp(cell(documents[b.1 as usize])));
            if ascending { order } else { order.reverse() }.then(a.1.cmp(&b.1))
        });
        let filled = keyed.into_iter().map(|(_, at)| documents[at as usize]);
        filled.chain(documents.iter().copied().filter(|&i| cell(i).is_empty())).collect()
    }
}

/// The first bytes of a cell as numbers that compare as they do; a shorter cell is filled with zeros.
fn beginning(cell: &[u8]) -> [u64; 2] {
    let mut bytes = [0u8; 16];
    let length = cell.len().min(bytes.len());
    bytes[..length].copy_from_slice(&cell[..length]);
    let [first, second] = [0, 8].map(|at| {
        let mut eight = [0u8; 8];
        eight.copy_from_slice(&bytes[at..at + 8]);
        u64::from_be_bytes(eight)
    });
    [first, second]
}

/// A number that sorts as `value` does: negative ones have their bits turned round.
fn rank_of_number(value: f64) -> u64 {
    // Minus zero is zero.
    let value = value + 0.0;
    let bits = value.to_bits();
    if value.is_sign_negative() { !bits } else { bits | 1 << 63 }
}

/// A number that sorts as the moment does.
fn rank_of_moment(moment: i64) -> u64 {
    (moment as u64) ^ 1 << 63
}

/// The alphabetical rank of each level.
fn ranks(levels: &[String]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..levels.len()).collect();
    order.sort_by_cached_key(|&i| levels[i].to_lowercase());
    let mut rank = vec![0; levels.len()];
    for (place, &i) in (0u32..).zip(&order) {
        rank[i] = place;
    }
    rank
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Column, ReadReport};

    fn key(typed: Typed, cells: &[&str], direction: Direction) -> Key {
        let column = Column { name: "a".into(), cells: cells.iter().collect(), typed };
        let corpus = Corpus {
            key: crate::data::Key::of("test", 1).finish(),
            name: "test".into(),
            source: None,
            columns: vec![column],
            text_columns: vec![0],
            report: ReadReport::default(),
        };
        let corpus = Same(Arc::new(corpus));
        Key {
            corpus,
            clusters: None,
            selection: None,
            kept: None,
            outliers: None,
            by: By::Column(0),
            direction,
        }
    }

    #[test]
    fn empty_cells_come_last_in_both_directions() {
        let values = vec![2.0, f64::NAN, -1.0];
        let cells = ["2", "", "-1"];
        assert_eq!(key(Typed::Number(values.clone()), &cells, Direction::Ascending).sort(), [2, 0, 1]);
        assert_eq!(key(Typed::Number(values), &cells, Direction::Descending).sort(), [0, 2, 1]);
    }

    #[test]
    fn categories_are_sorted_by_name_and_not_by_frequency() {
        let typed = Typed::Category { levels: vec!["pear".into(), "Apple".into()], codes: vec![0, 0, 1] };
        assert_eq!(key(typed, &["pear", "pear", "Apple"], Direction::Ascending).sort(), [2, 0, 1]);
    }

    /// What the table promises, row by row.
    fn plainly<T: PartialOrd>(values: &[Option<T>], direction: Direction) -> Vec<u32> {
        let mut order: Vec<u32> = (0..values.len() as u32).collect();
        order.sort_by(|&a, &b| match (&values[a as usize], &values[b as usize]) {
            (Some(a), Some(b)) if direction == Direction::Ascending => a.partial_cmp(b).unwrap(),
            (Some(a), Some(b)) => b.partial_cmp(a).unwrap(),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        order
    }

    proptest! {
        #[test]
        fn numbers_moments_categories_and_texts_sort_as_they_compare_and_equal_ones_stay_in_order(
            rows in prop::collection::vec((-3i64..4, "[ab]{0,20}"), 0..80), descending in any::<bool>(),
        ) {
            let direction = if descending { Direction::Descending } else { Direction::Ascending };
            let empty = |v: i64| v == 3;
            let numbers: Vec<Option<f64>> =
                rows.iter().map(|&(v, _)| (!empty(v)).then_some(v as f64 * 0.75)).collect();
            let typed = Typed::Number(numbers.iter().map(|v| v.unwrap_or(f64::NAN)).collect());
            let blank = vec![""; rows.len()];
            prop_assert_eq!(key(typed, &blank, direction).sort(), plainly(&numbers, direction));
            let moments: Vec<Option<i64>> = rows.iter().map(|&(v, _)| (!empty(v)).then_some(v)).collect();
            let typed = Typed::Date(moments.iter().map(|v| v.unwrap_or(DATE_EMPTY)).collect());
            prop_assert_eq!(key(typed, &blank, direction).sort(), plainly(&moments, direction));
            let names = ["e", "a", "d", "b", "f", "c"].map(str::to_owned);
            let named: Vec<Option<&String>> = rows.iter().map(|&(v, _)| names.get((v + 3) as usize)).collect();
            let codes = rows.iter().map(|&(v, _)| if empty(v) { u32::MAX } else { (v + 3) as u32 }).collect();
            let typed = Typed::Category { levels: names.to_vec(), codes };
            prop_assert_eq!(key(typed, &blank, direction).sort(), plainly(&named, direction));
            let cells: Vec<&str> = rows.iter().map(|(_, text)| text.as_str()).collect();
            let texts: Vec<Option<&str>> = cells.iter().map(|&t| Some(t).filter(|t| !t.is_empty())).collect();
            prop_assert_eq!(key(Typed::Text, &cells, direction).sort(), plainly(&texts, direction));
        }
    }

    #[test]
    fn who_stands_farthest_apart_comes_first_and_who_has_no_figure_last() {
        let mut sorting = Sorting::default();
        sorting.toggle(By::Outlier);
        assert_eq!(sorting.direction(By::Outlier), Some(Direction::Descending));
        let outliers = Outliers { factors: vec![1.0, f32::NAN, 2.5], distances: vec![0.1, f32::NAN, 0.4] };
        let key = Key {
            by: By::Outlier,
            outliers: Some(Same(Arc::new(outliers))),
            ..key(Typed::Text, &["a", "", "b"], Direction::Descending)
        };
        assert_eq!(key.sort(), [2, 0, 1]);
    }

    #[test]
    fn the_ends_of_the_number_line_are_no_empty_cells() {
        let values = vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.5, 1e300];
        let cells = ["", "inf", "-inf", "-0.5", "1e300"];
        assert_eq!(key(Typed::Number(values.clone()), &cells, Direction::Ascending).sort(), [2, 3, 4, 1, 0]);
        assert_eq!(key(Typed::Number(values), &cells, Direction::Descending).sort(), [1, 4, 3, 2, 0]);
    }

    #[test]
    fn a_second_click_turns_the_order_round() {
        let mut sorting = Sorting::default();
        assert!(!sorting.is_sorted());
        sorting.toggle(By::Column(1));
        assert_eq!(sorting.direction(By::Column(1)), Some(Direction::Ascending));
        sorting.toggle(By::Column(1));
        assert_eq!(sorting.direction(By::Column(1)), Some(Direction::Descending));
        sorting.clear();
        assert!(!sorting.is_sorted());
    }
}
