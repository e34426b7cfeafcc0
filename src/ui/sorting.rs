//! The order of the table's rows, made on a worker.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data::{Clusters, Corpus, DATE_EMPTY, Typed};
use crate::session::{Session, Wake};

use super::derived::{Derived, Same};

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    #[default]
    FileOrder,
    Cluster,
    Column(usize),
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

    /// The rows now: the selection if there is one, all documents otherwise; in file order until sorted.
    pub fn order(&mut self, session: &Session, wake: &Wake) -> Order {
        let Some(corpus) = session.corpus() else { return Order::All(0) };
        let selection = session.selection().filter(|selection| !selection.is_empty());
        let unsorted =
            selection.map_or(Order::All(corpus.len()), |selection| Order::Listed(selection.clone()));
        self.working = false;
        if !self.is_sorted() {
            return unsorted;
        }
        let clusters = session.clusters().filter(|_| self.by == By::Cluster);
        let key = Key {
            corpus: Same(corpus.clone()),
            clusters: clusters.cloned().map(Same),
            selection: selection.cloned().map(Same),
            by: self.by,
            direction: self.direction,
        };
        let work = key.clone();
        self.working = !self.sorted.want(key.clone(), wake, move |_| Arc::new(work.sort()));
        self.sorted.of(&key).map_or(unsorted, |sorted| Order::Listed((**sorted).clone()))
    }
}

impl Key {
    fn sort(&self) -> Vec<u32> {
        let Same(corpus) = &self.corpus;
        let documents: Vec<u32> = match &self.selection {
            Some(Same(selection)) => selection.to_vec(),
            None => (0..corpus.len() as u32).collect(),
        };
        match self.by {
            By::FileOrder => self.by_value(documents, Some),
            By::Cluster => match &self.clusters {
                Some(Same(clusters)) => {
                    let label = |i: u32| clusters.labels.get(i as usize).copied();
                    self.by_value(documents, |i| label(i).filter(|&label| (label as usize) < clusters.count))
                }
                None => documents,
            },
            By::Column(c) => self.by_column(documents, corpus, c),
        }
    }

    fn by_column(&self, documents: Vec<u32>, corpus: &Corpus, c: usize) -> Vec<u32> {
        let Some(column) = corpus.columns.get(c) else { return documents };
        match &column.typed {
            Typed::Number(values) => {
                self.by_value(documents, |i| Some(Finite(values[i as usize])).filter(|v| !v.0.is_nan()))
            }
            Typed::Date(moments) => {
                self.by_value(documents, |i| Some(moments[i as usize]).filter(|m| *m != DATE_EMPTY))
            }
            Typed::Category { levels, codes } => {
                let rank = ranks(levels);
                self.by_value(documents, |i| rank.get(codes[i as usize] as usize).copied())
            }
            Typed::Text | Typed::List { .. } => self
                .by_value(documents, |i| Some(column.cells.get(i as usize)).filter(|cell| !cell.is_empty())),
        }
    }

    /// Sorts by `value`, empty values last, equal ones in file order.
    fn by_value<T: Ord>(&self, documents: Vec<u32>, value: impl Fn(u32) -> Option<T>) -> Vec<u32> {
        let mut keyed: Vec<(Option<T>, u32)> = documents.into_iter().map(|i| (value(i), i)).collect();
        keyed.sort_by(|(a, _), (b, _)| match (a, b) {
            (Some(a), Some(b)) if self.direction == Direction::Ascending => a.cmp(b),
            (Some(a), Some(b)) => b.cmp(a),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        });
        keyed.into_iter().map(|(_, i)| i).collect()
    }
}

/// The alphabetical rank of each level.
fn ranks(levels: &[String]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..levels.len()).collect();
    order.sort_by_key(|&i| levels[i].to_lowercase());
    let mut rank = vec![0; levels.len()];
    for (place, &i) in (0u32..).zip(&order) {
        rank[i] = place;
    }
    rank
}

/// A number that is not NaN.
#[derive(PartialEq)]
struct Finite(f64);

impl Eq for Finite {}

impl PartialOrd for Finite {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Finite {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
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
        Key { corpus: Same(Arc::new(corpus)), clusters: None, selection: None, by: By::Column(0), direction }
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
