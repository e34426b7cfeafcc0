//! Rows of cells become named columns, and the report tells what had to be done to them.

use std::collections::{HashMap, HashSet};

use super::ReadError;
use super::arena::Arenas;
use super::json::Object;
use super::row::Row;
use crate::data::{ReadReport, SkippedRow, Strings};

/// Columns beyond this many are not taken: a file like that is no table of documents.
pub const MAX_COLUMNS: usize = 1_000;

/// How many skipped rows are listed with their line and cause; all are counted.
pub const LISTED_ROWS: usize = 100;

/// Columns while they are read.
pub(super) struct Table {
    names: Vec<String>,
    by_name: HashMap<Vec<u8>, usize>,
    arenas: Arenas,
    pub report: ReadReport,
    /// Rows in which a quote that was never closed was taken as text.
    pub stray_quotes: u64,
    /// Rows with fewer cells than columns, and with more.
    short: u64,
    long: u64,
    /// Members of objects that found no room.
    dropped: u64,
}

impl Table {
    pub fn new(arenas: Arenas) -> Self {
        Self {
            names: Vec::new(),
            by_name: HashMap::new(),
            arenas,
            report: ReadReport::default(),
            stray_quotes: 0,
            short: 0,
            long: 0,
            dropped: 0,
        }
    }

    /// Fixes the columns of a table whose rows are told apart by position.
    pub fn set_columns(&mut self, names: Vec<String>) -> Result<(), ReadError> {
        for _ in &names {
            self.arenas.add_column()?;
        }
        self.names = names;
        Ok(())
    }

    pub fn width(&self) -> usize {
        self.arenas.width()
    }

    /// Adds a row by position. Short rows are padded; a surplus is kept at the end of the last column, for it
    /// mostly comes from a text with an unquoted delimiter in it.
    pub fn push(&mut self, row: &mut Row, delimiter: u8) -> Result<(), ReadError> {
        let width = self.width();
        row.trim_to(width);
        self.short += u64::from(row.len() < width);
        self.long += u64::from(row.len() > width);
        row.fit(width, delimiter);
        for (column, cell) in row.cells().enumerate() {
            self.arenas.set(column, cell)?;
        }
        self.arenas.end_row()
    }

    /// Adds an object by its members' names.
    pub fn push_object(&mut self, object: &Object) -> Result<(), ReadError> {
        for (name, value) in object.names.cells().zip(object.values.cells()) {
            let column = match self.by_name.get(name) {
                Some(&column) => column,
                None if self.width() == MAX_COLUMNS => {
                    self.dropped += 1;
                    continue;
                }
                None => {
                    self.arenas.add_column()?;
                    self.by_name.insert(name.to_vec(), self.names.len());
                    self.names.push(String::from_utf8_lossy(name).into_owned());
                    self.names.len() - 1
                }
            };
            self.arenas.set(column, value)?;
        }
        self.arenas.end_row()
    }

    /// Notes a row that could not be read.
    pub fn skip(&mut self, line: u64, cause: String) {
        self.report.skipped += 1;
        if self.report.skipped_rows.len() < LISTED_ROWS {
            self.report.skipped_rows.push(SkippedRow { line, cause });
        }
    }

    /// The columns' names, unique, and their cells.
    pub fn finish(mut self) -> Result<(Vec<(String, Strings)>, ReadReport), ReadError> {
        let remarks = [
            (self.stray_quotes, "had a quote that was opened and not closed properly: it was read as text"),
            (self.short, "had fewer cells than there are columns: the missing ones are empty"),
            (
                self.long,
                "had more cells than there are columns: the surplus is at the end of the last column",
            ),
        ];
        for (rows, what) in remarks {
            if rows > 0 {
                self.report.remarks.push(format!("{} {what}.", counted(rows, "row", "rows")));
            }
        }
        if self.dropped > 0 {
            let values = counted(self.dropped, "value was", "values were");
            self.report.remarks.push(format!(
                "{values} left out, as only the first {} columns are read.",
                grouped(MAX_COLUMNS as u64)
            ));
        }
        let names = unique_names(self.names);
        Ok((names.into_iter().zip(self.arenas.finish()?).collect(), self.report))
    }
}

/// Names for columns that have none or share one: "column_3", "score_2".
pub(super) fn unique_names(names: Vec<String>) -> Vec<String> {
    // A name that stands in the file is not taken from its column by one made up for another.
    let mut taken: HashSet<String> = HashSet::new();
    let given: HashSet<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    let mut next: HashMap<String, usize> = HashMap::new();
    let mut unique = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        let name = name.trim();
        let mut candidate = if name.is_empty() { format!("column_{}", i + 1) } else { name.to_owned() };
        let made_up = name.is_empty() && given.contains(&candidate);
        if made_up || taken.contains(&candidate) {
            let stem = candidate;
            let number = next.entry(stem.clone()).or_insert(1);
            loop {
                *number += 1;
                candidate = format!("{stem}_{number}");
                if !taken.contains(&candidate) && !given.contains(&candidate) {
                    break;
                }
            }
        }
        taken.insert(candidate.clone());
        unique.push(candidate);
    }
    unique
}

/// "1 row", "2,000 rows".
pub(super) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// A number with a comma before every three digits.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_unique_and_given_ones_kept() {
        let names = ["a", "", "a", "a_2", " a ", "column_2"].map(String::from).to_vec();
        assert_eq!(unique_names(names), ["a", "column_2_2", "a_3", "a_2", "a_4", "column_2"]);
    }

    #[test]
    fn numbers_are_grouped_by_threes() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "row", "rows"), "1 row");
    }
}
