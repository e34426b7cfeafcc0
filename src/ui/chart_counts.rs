//! What the charts of the selection show, counted by workers as inputs change.

use std::sync::Arc;

use crate::data::{Clusters, Corpus, Names};
use crate::math::cross_table::{self, Counts, CrossTable, Shown, counts};
use crate::session::{Session, Wake};
use crate::view::chart::{Bar, Body, Cell, Chart, Figure};

use super::chart_axis::{Axis, AxisKind, By};
use super::format;
use crate::job::derived::{Derived, Same};

/// Bars of a category, rows and columns of a table; what is beyond shares the last one.
pub const MOST: usize = 12;

type AxesKey = (Same<Corpus>, Option<Same<Clusters>>, Option<Same<Names>>);
type PartsKey = (Same<Vec<Counted>>, Same<Vec<u32>>);
type TableKey = (AxesKey, By, By, Option<Same<Vec<u32>>>);

/// An axis and how many of all documents belong to each of its groups.
pub struct Counted {
    pub axis: Axis,
    pub whole: Counts,
}

/// A table of two axes, over the selection or over all documents.
pub struct Table {
    pub rows: Axis,
    pub columns: Axis,
    pub shown_rows: Shown,
    pub shown_columns: Shown,
    pub cross: CrossTable,
}

/// The counts, and which table is wanted.
pub struct ChartCounts {
    axes: Derived<AxesKey, Vec<Counted>>,
    parts: Derived<PartsKey, Vec<Counts>>,
    table: Derived<TableKey, Option<Table>>,
    /// What the table has in its rows and columns.
    pub across: Option<(By, By)>,
    /// Cells show which share of its row they have.
    pub shares: bool,
}

impl Default for ChartCounts {
    fn default() -> Self {
        Self {
            axes: Derived::new("chart axes"),
            parts: Derived::new("charts"),
            table: Derived::new("cross table"),
            across: None,
            shares: false,
        }
    }
}

/// The selection, where there is one.
pub fn selection(session: &Session) -> Option<&Arc<Vec<u32>>> {
    session.selection().filter(|selection| !selection.is_empty())
}

impl ChartCounts {
    /// Asks for what the session's present values need; call it every frame in which charts show.
    pub fn update(&mut self, session: &Session, wake: &Wake) {
        let Some(key) = axes_key(session) else { return };
        let from = key.clone();
        self.axes.want(key.clone(), wake, move |_| count_all(&from));
        let Some(axes) = self.axes.of(&key).cloned() else { return };
        let chosen = selection(session).cloned();
        if let Some(chosen) = chosen.clone() {
            let (shared, documents) = (axes.clone(), chosen.clone());
            self.parts.want((Same(axes.clone()), Same(chosen)), wake, move |_| {
                let part = |counted: &Counted| {
                    let groups = counted.axis.groups();
                    counts(groups, counted.axis.labels.len(), documents.iter().copied())
                };
                shared.iter().map(part).collect()
            });
        }
        let there = |by: By| axes.iter().any(|counted| counted.axis.by == by);
        if self.across.is_none_or(|(rows, columns)| !there(rows) || !there(columns)) {
            self.across = proposed(&axes);
        }
        let Some((rows, columns)) = self.across else { return self.table.clear() };
        let from = key.clone();
        let documents = chosen.clone();
        self.table.want((key, rows, columns, chosen.map(Same)), wake, move |_| {
            table(&from, rows, columns, documents.as_ref().map(|documents| documents.as_slice()))
        });
    }

    /// The axes with their counts over all documents, once they are there.
    pub fn axes(&self, session: &Session) -> Option<&Arc<Vec<Counted>>> {
        self.axes.of(&axes_key(session)?)
    }

    /// The counts over the selection, one an axis.
    pub fn parts(&self, session: &Session) -> Option<&Arc<Vec<Counts>>> {
        let key = (Same(self.axes(session)?.clone()), Same(selection(session)?.clone()));
        self.parts.of(&key)
    }

    /// The table. While another one is counted, the one before stays.
    pub fn table(&self) -> Option<&Table> {
        self.table.latest().and_then(|table| table.as_ref().as_ref())
    }
}

fn axes_key(session: &Session) -> Option<AxesKey> {
    let corpus = Same(session.corpus()?.clone());
    Some((corpus, session.clusters().cloned().map(Same), session.names().cloned().map(Same)))
}

/// The clusters, then every column that can be counted by.
fn count_all((Same(corpus), clusters, names): &AxesKey) -> Vec<Counted> {
    let names = names.as_ref().map(|Same(names)| &**names);
    let clusters = clusters.iter().map(|Same(clusters)| Axis::of_clusters(clusters, names));
    let columns = (0..corpus.columns.len()).filter_map(|column| Axis::of_column(corpus, column, None));
    let documents = corpus.len() as u32;
    let counted = |axis: Axis| {
        let whole = counts(axis.groups(), axis.labels.len(), 0..documents);
        Counted { axis, whole }
    };
    clusters.chain(columns).filter(|axis| !axis.labels.is_empty()).map(counted).collect()
}

/// Clusters by the first column, or the first two columns: those with values before those with steps.
fn proposed(axes: &[Counted]) -> Option<(By, By)> {
    let mut wanted: Vec<&Axis> = axes.iter().map(|counted| &counted.axis).collect();
    wanted.sort_by_key(|axis| (axis.by != By::Cluster, axis.is_ordered()));
    match wanted[..] {
        [rows, columns, ..] => Some((rows.by, columns.by)),
        _ => None,
    }
}

fn table(
    (Same(corpus), clusters, names): &AxesKey,
    rows: By,
    columns: By,
    chosen: Option<&[u32]>,
) -> Option<Table> {
    let axis = |by: By| match by {
        By::Cluster => {
            let Same(clusters) = clusters.as_ref()?;
            Some(Axis::of_clusters(clusters, names.as_ref().map(|Same(names)| &**names)))
        }
        By::Column(column) => Axis::of_column(corpus, column, Some(MOST)),
    };
    let (rows, columns) = (axis(rows)?, axis(columns)?);
    let documents = || {
        let all = if chosen.is_some() { 0 } else { corpus.len() as u32 };
        chosen.unwrap_or_default().iter().copied().chain(0..all)
    };
    let shown = |axis: &Axis| {
        let counts = counts(axis.groups(), axis.labels.len(), documents());
        Shown::of(&counts, MOST, axis.is_ordered())
    };
    let (shown_rows, shown_columns) = (shown(&rows), shown(&columns));
    let cross =
        cross_table::cross((rows.groups(), &shown_rows), (columns.groups(), &shown_columns), documents());
    Some(Table { rows, columns, shown_rows, shown_columns, cross })
}

/// A chart of one axis: its bars, what each of them is of, and what is said below.
pub struct Bars {
    pub bars: Vec<Bar>,
    pub shown: Shown,
    pub note: String,
}

impl Counted {
    /// The bars, over all documents, or (`part`) over the selection with all of them behind.
    pub fn bars(&self, part: Option<&Counts>) -> Bars {
        let ordered = self.axis.is_ordered();
        // Of values, those that the selection has most; steps are all shown, the empty ones as well.
        let shown = match ordered {
            true => Shown::all(self.axis.labels.len()),
            false => Shown::of(part.unwrap_or(&self.whole), MOST, false),
        };
        let figure = |counts: &Counts, row: usize| {
            let count = match shown.groups.get(row) {
                Some(&group) => counts.of[group as usize],
                None => {
                    let others = (0u32..).zip(&counts.of).filter(|(g, _)| shown.place(*g) == Some(row));
                    others.map(|(_, n)| n).sum()
                }
            };
            Figure { count, share: f64::from(count) / f64::from(counts.filled.max(1)) }
        };
        let bar = |row: usize| Bar {
            name: row_name(&self.axis, &shown, row),
            whole: figure(&self.whole, row),
            part: part.map(|part| figure(part, row)),
        };
        let bars = (0..shown.len()).map(bar).collect();
        let mut notes = Vec::new();
        if self.axis.kind == AxisKind::Lists {
            notes.push("A document with several values counts in each.".to_owned());
        }
        let without = part.map_or(0, |part| part.of.iter().filter(|n| **n > 0).count());
        let unseen = self.whole.of.iter().filter(|n| **n > 0).count();
        if part.is_some() && !ordered && unseen > without {
            let values = format::plural(unseen - without, "value has", "values have");
            notes.push(format!("{values} no document in the selection."));
        }
        Bars { bars, shown, note: notes.join(" ") }
    }

    /// The chart with all of its figures, to be copied or kept.
    pub fn chart(&self, part: Option<&Counts>, caption: String) -> Chart {
        let Bars { bars, mut note, .. } = self.bars(part);
        let mut figures = vec![vec![self.axis.name.clone(), "documents".into()]];
        if part.is_some() {
            figures[0].insert(1, "selected".into());
        }
        for (group, label) in self.axis.labels.iter().enumerate() {
            let whole = self.whole.of[group];
            if whole == 0 && !self.axis.is_ordered() {
                continue;
            }
            let mut row = vec![label.clone(), whole.to_string()];
            if let Some(part) = part {
                row.insert(1, part.of[group].to_string());
            }
            figures.push(row);
        }
        let title = match self.axis.kind {
            AxisKind::Time(_) => format!("{}, {}", self.axis.name, self.axis.meaning()),
            _ => self.axis.name.clone(),
        };
        let body = if self.axis.is_ordered() {
            // A picture has no pointer to ask how high a column is.
            let height = |bar: &Bar| bar.part.unwrap_or(bar.whole);
            let highest = bars.iter().map(height).max_by(|a, b| a.share.total_cmp(&b.share));
            if let Some(highest) = highest {
                let documents = format::plural(highest.count as usize, "document", "documents");
                note = format!("Highest column: {documents}, {}.", format::percent(highest.share));
            }
            let (low, high) = self.axis.ends();
            Body::Columns { bars, low: low.to_owned(), high: high.to_owned() }
        } else {
            Body::Bars(bars)
        };
        Chart { title, caption, body, note, figures }
    }
}

/// What a row is called: its group, or how many groups share it.
fn row_name(axis: &Axis, shown: &Shown, row: usize) -> String {
    match shown.groups.get(row) {
        Some(&group) => axis.labels[group as usize].clone(),
        None => format!("others ({})", format::plural(shown.others, "value", "values")),
    }
}

impl Table {
    /// What the rows and the columns are called.
    pub fn row_names(&self) -> Vec<String> {
        (0..self.cross.rows).map(|row| row_name(&self.rows, &self.shown_rows, row)).collect()
    }

    pub fn column_names(&self) -> Vec<String> {
        (0..self.cross.columns).map(|column| row_name(&self.columns, &self.shown_columns, column)).collect()
    }

    /// A cell in words, and how dark it is: by its count, or by its share of the row.
    pub fn cell(&self, row: usize, column: usize, shares: bool) -> Cell {
        let count = self.cross.cell(row, column);
        if shares {
            let share = self.cross.row_share(row, column);
            let text = if count == 0 { "·".into() } else { format!("{:.0}%", 100.0 * share) };
            return Cell { text, weight: share };
        }
        let most = self.cross.cells.iter().copied().max().unwrap_or(0).max(1);
        let text = if count == 0 { "·".into() } else { short(count) };
        Cell { text, weight: f64::from(count) / f64::from(most) }
    }

    /// What was put together, in words.
    pub fn note(&self) -> String {
        let together = |axis: &Axis, shown: &Shown| {
            (shown.others > 0).then(|| {
                let values = format::plural(shown.others, "value", "values");
                format!("“others” are the {values} of {} beyond the {MOST} largest.", axis.name)
            })
        };
        let mut notes: Vec<String> = [(&self.rows, &self.shown_rows), (&self.columns, &self.shown_columns)]
            .into_iter()
            .filter_map(|(axis, shown)| together(axis, shown))
            .collect();
        if [self.rows.kind, self.columns.kind].contains(&AxisKind::Lists) {
            notes.push("A document with several values counts in each.".into());
        }
        notes.join(" ")
    }

    /// The table with its figures, to be copied or kept.
    pub fn chart(&self, shares: bool, caption: String) -> Chart {
        let (rows, columns) = (self.row_names(), self.column_names());
        let mut figures = vec![vec![format!("{} / {}", self.rows.name, self.columns.name)]];
        figures[0].extend(columns.iter().cloned().chain(["all".into()]));
        for (row, name) in rows.iter().enumerate() {
            let cell = |column| match shares {
                true => format!("{:.6}", self.cross.row_share(row, column)),
                false => self.cross.cell(row, column).to_string(),
            };
            let mut line = vec![name.clone()];
            line.extend((0..columns.len()).map(cell));
            line.push(self.cross.row_totals[row].to_string());
            figures.push(line);
        }
        let cells = (0..rows.len())
            .map(|row| (0..columns.len()).map(|column| self.cell(row, column, shares)).collect())
            .collect();
        let title = format!("{} by {}", self.rows.name, self.columns.name);
        let title = if shares { format!("{title}, share of the row") } else { title };
        Chart { title, caption, body: Body::Table { rows, columns, cells }, note: self.note(), figures }
    }

    /// Whether a document belongs to a cell.
    pub fn holds(&self, row: usize, column: usize, document: u32) -> bool {
        in_row(&self.rows, &self.shown_rows, row, document)
            && in_row(&self.columns, &self.shown_columns, column, document)
    }
}

/// Whether a document belongs to a row of an axis.
pub fn in_row(axis: &Axis, shown: &Shown, row: usize, document: u32) -> bool {
    axis.groups().of(document).iter().any(|&group| shown.place(group) == Some(row))
}

/// A count within a narrow cell: "950", "9.5k", "1.2m".
fn short(count: u32) -> String {
    match count {
        0..10_000 => format::count(count),
        10_000..1_000_000 => format!("{}k", (f64::from(count) / 1e3).round()),
        _ => format!("{:.1}m", f64::from(count) / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Column, Key, ReadReport, Typed};

    fn key(kinds: usize) -> AxesKey {
        let codes: Vec<u32> = (0..100u32).map(|i| i % kinds as u32).collect();
        let levels: Vec<String> = (0..kinds).map(|i| format!("kind {i}")).collect();
        let column =
            |name: &str, typed| Column { name: name.into(), cells: [""; 100].into_iter().collect(), typed };
        let corpus = Corpus {
            key: Key::of("test", 1).finish(),
            name: "test".into(),
            source: None,
            columns: vec![
                column("text", Typed::Text),
                column("year", Typed::Number((0..100).map(|i| f64::from(2000 + i / 10)).collect())),
                column("kind", Typed::Category { levels, codes }),
            ],
            text_columns: vec![0],
            report: ReadReport::default(),
        };
        (Same(Arc::new(corpus)), None, None)
    }

    #[test]
    fn values_beyond_twelve_share_a_bar_and_figures_have_them_all() {
        let axes = count_all(&key(20));
        assert_eq!(axes.iter().map(|a| a.axis.name.as_str()).collect::<Vec<_>>(), ["year", "kind"]);
        let Bars { bars, .. } = axes[1].bars(None);
        assert_eq!((bars.len(), bars[12].name.as_str(), bars[12].whole.count), (13, "others (8 values)", 40));
        let chart = axes[1].chart(None, String::new());
        assert_eq!(chart.figures.len(), 21);
        assert_eq!(chart.figures[..2], [["kind", "documents"], ["kind 0", "5"]]);
    }

    #[test]
    fn a_selection_lies_over_the_whole_and_shows_what_it_has_most_of() {
        let axes = count_all(&key(4));
        let chosen = [3u32, 7, 11, 2];
        let part = counts(axes[1].axis.groups(), 4, chosen.into_iter());
        let Bars { bars, note, .. } = axes[1].bars(Some(&part));
        assert_eq!(bars.len(), 2);
        assert_eq!(
            (bars[0].name.as_str(), bars[0].part.unwrap().share, bars[0].whole.share),
            ("kind 3", 0.75, 0.25)
        );
        assert_eq!(note, "2 values have no document in the selection.");
        let chart = axes[1].chart(Some(&part), String::new());
        assert_eq!(chart.figures[4], ["kind 3", "3", "25"]);
        // Of steps all are shown, the empty ones too.
        let part = counts(axes[0].axis.groups(), 10, chosen.into_iter());
        assert_eq!(axes[0].bars(Some(&part)).bars.len(), 10);
        assert_eq!(axes[0].chart(Some(&part), String::new()).note, "Highest column: 3 documents, 75.0%.");
    }

    #[test]
    fn a_table_counts_the_selection_alone_and_finds_its_documents_again() {
        let key = key(20);
        let of = |chosen| table(&key, By::Column(2), By::Column(1), chosen).unwrap();
        let all = of(None);
        assert_eq!((all.cross.rows, all.cross.columns, all.cross.documents), (13, 10, 100));
        assert!(all.note().starts_with("“others” are the 8 values of kind beyond the 12 largest."));
        let within = (0..100).filter(|&document| all.holds(12, 0, document)).count();
        assert_eq!(within, 0);
        let within = (0..100).filter(|&document| all.holds(12, 1, document)).count();
        assert_eq!((within, all.cross.cell(12, 1)), (8, 8));
        let some = of(Some(&[0, 1, 20]));
        assert_eq!((some.cross.documents, some.cross.rows, some.cross.columns), (3, 2, 2));
        let figures = some.chart(true, String::new()).figures;
        assert_eq!(figures[1], ["kind 0", "0.500000", "0.500000", "2"]);
    }
}
