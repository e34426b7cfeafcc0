//! Which documents a person wants to see: conditions that all must hold.

use std::collections::BTreeSet;

use super::Members;

/// One thing that documents are asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A number, or a date in seconds since 1970-01-01 UTC, from `low` to `high`, both included. Empty cells never hold.
    Range { column: String, low: f64, high: f64 },
    /// Any of these values in a column of categories or lists; "" stands for empty cells.
    Values { column: String, values: BTreeSet<String> },
    /// Any of these documents, called by `name`: a cluster, a selection, what a search found.
    Documents { name: String, documents: Members },
    /// What a search for these words finds.
    Words(String),
    /// The documents with this tag.
    Tag(String),
}

/// A condition, or its contrary.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    pub condition: Condition,
    /// Only documents for which the condition does not hold.
    pub not: bool,
}

impl Clause {
    /// Documents for which `condition` holds.
    pub fn of(condition: Condition) -> Self {
        Self { condition, not: false }
    }

    /// Documents for which it does not hold.
    pub fn not(condition: Condition) -> Self {
        Self { condition, not: true }
    }

    /// The column that it looks at.
    pub fn column(&self) -> Option<&str> {
        match &self.condition {
            Condition::Range { column, .. } | Condition::Values { column, .. } => Some(column),
            Condition::Documents { .. } | Condition::Words(_) | Condition::Tag(_) => None,
        }
    }
}

/// All clauses hold. Without clauses every document is in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub clauses: Vec<Clause>,
    /// Documents that are out do not show at all; otherwise they are grey.
    pub hides: bool,
}

impl Filter {
    /// Whether it keeps everything.
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    /// The brush on a column: the range or the values that it is held to.
    pub fn brush(&self, column: &str) -> Option<&Condition> {
        let mut brushes = self.clauses.iter().filter(|clause| !clause.not && clause.column() == Some(column));
        brushes.next().map(|clause| &clause.condition)
    }

    /// Holds a column to another range or other values; `None`: to none. The brush keeps its place.
    pub fn with_brush(&self, column: &str, brush: Option<Condition>) -> Self {
        let mut filter = self.clone();
        let is_brush = |clause: &Clause| !clause.not && clause.column() == Some(column);
        let at = filter.clauses.iter().position(is_brush);
        match (at, brush) {
            (Some(at), Some(brush)) => filter.clauses[at].condition = brush,
            (Some(at), None) => drop(filter.clauses.remove(at)),
            (None, Some(brush)) => filter.clauses.push(Clause::of(brush)),
            (None, None) => {}
        }
        filter
    }

    /// Puts a value of a column into its brush, or takes it out; a brush without values is gone.
    pub fn with_value(&self, column: &str, value: &str) -> Self {
        let mut values = match self.brush(column) {
            Some(Condition::Values { values, .. }) => values.clone(),
            _ => BTreeSet::new(),
        };
        if !values.remove(value) {
            values.insert(value.to_owned());
        }
        let column = column.to_owned();
        let brush = (!values.is_empty()).then(|| Condition::Values { column: column.clone(), values });
        self.with_brush(&column, brush)
    }

    /// With one clause more; one that is there already changes nothing.
    pub fn with(&self, clause: Clause) -> Self {
        let mut filter = self.clone();
        if !filter.clauses.contains(&clause) {
            filter.clauses.push(clause);
        }
        filter
    }

    /// Without a clause, by its place.
    pub fn without(&self, at: usize) -> Self {
        let mut filter = self.clone();
        if at < filter.clauses.len() {
            filter.clauses.remove(at);
        }
        filter
    }

    /// With the contrary of a clause, by its place.
    pub fn turned(&self, at: usize) -> Self {
        let mut filter = self.clone();
        if let Some(clause) = filter.clauses.get_mut(at) {
            clause.not = !clause.not;
        }
        filter
    }

    /// The same with documents numbered anew by `renumber`.
    pub(super) fn renumbered(&self, renumber: impl Fn(&Members) -> Members) -> Self {
        let clauses = self.clauses.iter().map(|clause| match &clause.condition {
            Condition::Documents { name, documents } => {
                let documents = renumber(documents);
                Clause { condition: Condition::Documents { name: name.clone(), documents }, ..*clause }
            }
            _ => clause.clone(),
        });
        Self { clauses: clauses.collect(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(low: f64) -> Condition {
        Condition::Range { column: "year".into(), low, high: 9.0 }
    }

    #[test]
    fn a_column_has_one_brush_which_keeps_its_place() {
        let filter = Filter::default().with_brush("year", Some(range(1.0))).with_value("kind", "a");
        let filter = filter.with_brush("year", Some(range(2.0)));
        assert_eq!(filter.clauses.len(), 2);
        assert_eq!(filter.brush("year"), Some(&range(2.0)));
        assert_eq!(filter.clauses[0].condition, range(2.0));
        assert_eq!(filter.with_brush("year", None).clauses.len(), 1);
    }

    #[test]
    fn a_value_that_is_clicked_twice_is_out_again() {
        let one = Filter::default().with_value("kind", "a");
        let two = one.with_value("kind", "b");
        assert_eq!(two.with_value("kind", "b"), one);
        assert_eq!(one.with_value("kind", "a"), Filter::default());
    }

    #[test]
    fn the_contrary_of_a_brush_is_no_brush() {
        let filter = Filter::default().with_brush("year", Some(range(1.0))).turned(0);
        assert_eq!(filter.brush("year"), None);
        assert_eq!(filter.with_brush("year", Some(range(3.0))).clauses.len(), 2);
    }
}
