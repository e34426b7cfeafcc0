//! The documents as a table. Only the rows in sight are laid out; sorting happens on a worker.

use std::sync::Arc;

use egui::{
    Align, EventFilter, Id, Key, Modifiers, Rect, RichText, ScrollArea, Sense, TextStyle, Ui, pos2, vec2,
};
use egui_extras::{Column as Width, TableBuilder, TableRow};
use serde::{Deserialize, Serialize};

use crate::data::{ColumnKind, Corpus};
use crate::math::word_query::WordQuery;
use crate::session::{Command, Session, Wake};
use crate::stage::outliers::Outliers;
use crate::ui::facts::Grouping;
use crate::ui::format;
use crate::ui::icons;
use crate::ui::marking;
use crate::ui::sorting::{self, By, Direction, Order, Sorting};
use crate::ui::tags;
use crate::ui::theme::{self, ROW, SPACE_8, Theme};
use crate::ui::widgets::{self, SWATCH, Side};
use crate::ui::wishes::Wishes;

use super::columns::cell_text;

/// Characters of a cell that are laid out at most; the column is narrower anyway.
const SHOWN: usize = 200;
/// Initial widths.
const NUMBER: f32 = 64.0;
const CLUSTER: f32 = 190.0;
const TAGS: f32 = 140.0;
const WIDTHS: (f32, f32) = (88.0, 460.0);
/// Average width of a letter.
const LETTER: f32 = 7.5;

/// What the table remembers between frames.
#[derive(Default)]
pub struct TableState {
    sorting: Sorting,
    /// The focused document of the last frame, to notice when another one should come into sight.
    focus: Option<u32>,
    /// The focus came from the table itself, which then does not scroll under the pointer.
    own: bool,
    /// The row that the arrow keys lead to.
    to_row: Option<usize>,
    hovered: Option<usize>,
    /// The first row in sight.
    first: usize,
    /// The row that comes to the top as soon as the rows are in order.
    restored: Option<usize>,
}

/// What a project remembers of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedTable {
    by: By,
    direction: Direction,
    /// The first row in sight.
    row: usize,
}

impl TableState {
    /// What a project remembers.
    pub fn saved(&self) -> SavedTable {
        let (by, direction) = self.sorting.saved();
        SavedTable { by, direction, row: self.restored.unwrap_or(self.first) }
    }

    /// A table as a project remembers it; `focus` is the document looked at, which does not come into sight for it.
    pub fn restored(saved: SavedTable, focus: Option<u32>) -> Self {
        let mut state = Self { restored: Some(saved.row).filter(|row| *row > 0), focus, ..Self::default() };
        state.sorting.restore((saved.by, saved.direction));
        state
    }
}

/// Draws the panel; `colour` gives a cluster's colour on the map.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    state: &mut TableState,
    colour: impl Fn(u32) -> Option<egui::Color32>,
    wake: &Wake,
    wishes: &mut Wishes,
) {
    let Some(corpus) = session.corpus() else { return };
    let order = state.sorting.order(session, wake);
    header(ui, session, corpus, state, wishes);
    if order.is_empty() {
        widgets::muted(ui, "There is no document to show.");
        return;
    }
    let scroll_to = scroll_target(session, state, &order);
    let tagged = tags::are_there(session);
    let outliers = sorting::shown_outliers(session);
    ScrollArea::horizontal().auto_shrink(false).id_salt("table, sideways").show(ui, |ui| {
        // The bar that scrolls sideways lies over the last row otherwise.
        let height = ui.available_height() - ui.spacing().scroll.bar_width;
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut table = TableBuilder::new(ui)
            .id_salt(("table", corpus.key.to_string(), tagged, outliers.is_some()))
            .striped(false)
            .resizable(true)
            .auto_shrink(false)
            .animate_scrolling(false)
            .min_scrolled_height(0.0)
            .max_scroll_height(height)
            .cell_layout(egui::Layout::left_to_right(egui::Align::Center))
            .column(Width::initial(NUMBER).at_least(40.0).clip(true))
            .column(Width::initial(CLUSTER).at_least(40.0).clip(true));
        if outliers.is_some() {
            table = table.column(Width::initial(NUMBER).at_least(40.0).clip(true));
        }
        if tagged {
            table = table.column(Width::initial(TAGS).at_least(40.0).clip(true));
        }
        let last_text = (0..corpus.columns.len()).rev().find(|&i| is_text(corpus, i));
        for i in 0..corpus.columns.len() {
            let width = match i {
                // The last text takes the room that is left.
                _ if last_text == Some(i) => Width::remainder().at_least(width_of(corpus, i)),
                _ => Width::initial(width_of(corpus, i)).at_least(40.0),
            };
            table = table.column(width.clip(true));
        }
        if let Some((row, align)) = scroll_to {
            table = table.scroll_to_row(row, align);
        }
        let mut hovered = None;
        let grouping = Grouping::of(session);
        let grouping = grouping.as_ref();
        let words = marking::words(session);
        let rows = order.len();
        let shown = Shown { session, corpus, rows, colour: &colour, grouping, outliers, tagged, words };
        let body = table
            .header(ROW, |mut row| {
                let grouped = grouping.map_or("Cluster", |grouping| grouping.name);
                titles(&mut row, corpus, grouped, (outliers.is_some(), tagged), state);
            })
            .body(|body| {
                body.rows(ROW, order.len(), |row| {
                    let at = row.index();
                    let Some(document) = order.get(at) else { return };
                    if one(row, &shown, (document, at), state, wishes) {
                        hovered = Some(at);
                    }
                });
            });
        state.first = (body.state.clamped_offset().y / ROW).round() as usize;
        state.hovered = hovered;
    });
}

fn is_text(corpus: &Corpus, i: usize) -> bool {
    corpus.columns[i].typed.kind() == ColumnKind::Text || corpus.text_columns.contains(&i)
}

/// How wide a column starts: as its cells are long on average, within bounds.
fn width_of(corpus: &Corpus, i: usize) -> f32 {
    let cells = &corpus.columns[i].cells;
    let average = cells.bytes().len() as f32 / cells.len().max(1) as f32;
    let most = if is_text(corpus, i) { WIDTHS.1 } else { 2.0 * WIDTHS.0 };
    (LETTER * (average + 2.0)).clamp(WIDTHS.0, most)
}

fn header(ui: &mut Ui, session: &Session, corpus: &Corpus, state: &mut TableState, wishes: &mut Wishes) {
    ui.horizontal(|ui| {
        widgets::section(ui, "Table");
        let selected = session.selection().map_or(0, |selection| selection.len());
        let all = format::plural(corpus.len(), "document", "documents");
        if selected > 0 {
            widgets::caption(ui, format!("{} selected of {all}", format::len(selected)));
            if ui.add(egui::Button::new(RichText::new("Clear selection").small())).clicked() {
                wishes.push(Command::Select(Vec::new()));
            }
        } else {
            widgets::caption(ui, all);
        }
        if state.sorting.is_sorted()
            && ui.add(egui::Button::new(RichText::new("File order").small())).clicked()
        {
            state.sorting.clear();
        }
        if state.sorting.is_working() {
            widgets::caption(ui, "Sorting…");
        }
    });
}

/// The row to bring into sight: of a document that was focused elsewhere, or the one the arrow keys lead to.
fn scroll_target(session: &Session, state: &mut TableState, order: &Order) -> Option<(usize, Option<Align>)> {
    if let Some(row) = state.restored.filter(|_| !state.sorting.is_working()) {
        state.restored = None;
        return Some((row.min(order.len().saturating_sub(1)), Some(Align::TOP)));
    }
    if let Some(row) = state.to_row.take() {
        // The arrows move the list only as far as they must.
        return Some((row, None));
    }
    let focus = session.focus();
    let other = focus != state.focus;
    state.focus = focus;
    let own = std::mem::take(&mut state.own);
    if other && !own { Some((order.position(focus?)?, Some(Align::Center))) } else { None }
}

fn titles(
    row: &mut TableRow<'_, '_>,
    corpus: &Corpus,
    grouped: &str,
    (factors, tagged): (bool, bool),
    state: &mut TableState,
) {
    row.col(|ui| title(ui, "#", By::FileOrder, true, state));
    row.col(|ui| title(ui, grouped, By::Cluster, false, state));
    if factors {
        row.col(|ui| title(ui, "Outlier", By::Outlier, true, state));
    }
    if tagged {
        row.col(|ui| {
            let theme = Theme::of(ui);
            let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, "Tags"));
            let rect = rect.shrink2(vec2(4.0, 0.0));
            widgets::line(ui, rect, Side::Left, "Tags", theme::section(), theme.muted);
            ui.painter().hline(ui.max_rect().x_range(), ui.max_rect().bottom(), theme.line());
        });
    }
    for (i, column) in corpus.columns.iter().enumerate() {
        row.col(|ui| {
            title(ui, &column.name, By::Column(i), column.typed.kind() == ColumnKind::Number, state)
        });
    }
}

fn title(ui: &mut Ui, name: &str, by: By, right: bool, state: &mut TableState) {
    let theme = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::click());
    let sorted = state.sorting.direction(by);
    let how = match sorted {
        Some(sorting::Direction::Ascending) => ", ascending",
        Some(sorting::Direction::Descending) => ", descending",
        None => "",
    };
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Sort by {name}{how}")));
    let mut inner = rect.shrink2(vec2(4.0, 0.0));
    if let Some(direction) = sorted {
        let glyph =
            if direction == sorting::Direction::Ascending { icons::ARROW_UP } else { icons::ARROW_DOWN };
        let taken = widgets::line(ui, inner, Side::Right, glyph, TextStyle::Small, theme.accent);
        inner.max.x -= taken + 4.0;
    }
    let colour = if response.hovered() || response.has_focus() { theme.text } else { theme.muted };
    let side = if right { Side::Right } else { Side::Left };
    widgets::line(ui, inner, side, name, theme::section(), colour);
    let bottom = ui.max_rect().bottom();
    ui.painter().hline(ui.max_rect().x_range(), bottom, theme.line());
    if response.clicked() {
        state.sorting.toggle(by);
    }
}

/// What all rows have in common.
struct Shown<'a, C> {
    session: &'a Session,
    corpus: &'a Corpus,
    rows: usize,
    colour: &'a C,
    grouping: Option<&'a Grouping>,
    /// There is a column of local outlier factors.
    outliers: Option<&'a Arc<Outliers>>,
    /// There is a column of tags.
    tagged: bool,
    /// The words that are searched for.
    words: Option<&'a WordQuery>,
}

/// Draws the row at `at` with `document`; returns whether the pointer is on it.
fn one(
    mut row: TableRow<'_, '_>,
    shown: &Shown<'_, impl Fn(u32) -> Option<egui::Color32>>,
    (document, at): (u32, usize),
    state: &mut TableState,
    wishes: &mut Wishes,
) -> bool {
    let Shown { session, corpus, rows, colour, grouping, outliers, tagged, words } = *shown;
    row.set_selected(session.focus() == Some(document));
    row.set_hovered(state.hovered == Some(at));
    let mut over = false;
    row.col(|ui| {
        over = interaction(ui, corpus, document, at, rows, state, wishes);
        cell(ui, &format::count(u64::from(document) + 1), true, true);
    });
    row.col(|ui| match grouping.and_then(|grouping| grouping.of_document(document)) {
        Some((label, title)) => {
            let theme = Theme::of(ui);
            let mut rect = ui.max_rect().shrink2(vec2(4.0, 0.0));
            if let Some(colour) = colour(label) {
                widgets::swatch(ui, pos2(rect.left() + 0.5 * SWATCH, rect.center().y), colour);
                rect.min.x += SWATCH + SPACE_8;
            }
            widgets::line(ui, rect, Side::Left, title, TextStyle::Body, theme.text);
        }
        None => cell(ui, "–", false, true),
    });
    if let Some(outliers) = outliers {
        let factor = outliers.factors.get(document as usize).copied().filter(|factor| !factor.is_nan());
        row.col(|ui| {
            cell(ui, &factor.map_or_else(String::new, |factor| format!("{factor:.2}")), true, false)
        });
    }
    if tagged {
        row.col(|ui| cell(ui, &tags::line(session, document), false, false));
    }
    for column in &corpus.columns {
        row.col(|ui| {
            let text = format::one_line(&cell_text(column, document as usize), SHOWN);
            let theme = Theme::of(ui);
            match words.map(|words| words.highlights(&text)).filter(|ranges| !ranges.is_empty()) {
                Some(ranges) => {
                    let rect = ui.max_rect().shrink2(vec2(4.0, 0.0));
                    let font = TextStyle::Body.resolve(ui.style());
                    let job = marking::marked(ui, &text, &ranges, font, theme.text);
                    widgets::line(ui, rect, Side::Left, job, TextStyle::Body, theme.text);
                }
                None => cell(ui, &text, column.typed.kind() == ColumnKind::Number, false),
            }
        });
    }
    over
}

/// One widget for the whole row, so that a row is one stop of the keyboard.
fn interaction(
    ui: &mut Ui,
    corpus: &Corpus,
    document: u32,
    at: usize,
    rows: usize,
    state: &mut TableState,
    wishes: &mut Wishes,
) -> bool {
    let cell = ui.max_rect();
    let clip = ui.clip_rect();
    let rect = Rect::from_min_max(
        pos2(clip.left().min(cell.left()), cell.top()),
        pos2(cell.left() + 100_000.0, cell.bottom()),
    );
    // The cell clips to itself; the row reaches as far as the table does.
    let id = Id::unique(("table row", at));
    let mut wide = ui.new_child(egui::UiBuilder::new().max_rect(rect));
    let view = ui.ctx().content_rect();
    wide.set_clip_rect(Rect::from_x_y_ranges(view.x_range(), clip.y_range()));
    let response = wide.interact(rect, id, Sense::click());
    response.widget_info(|| {
        let text = format::one_line(&corpus.text(document as usize), 80);
        egui::WidgetInfo::labeled(
            egui::Role::Button,
            true,
            format!("Row {}: {text}", u64::from(document) + 1),
        )
    });
    if response.has_focus() {
        let theme = Theme::of(ui);
        let mark = Rect::from_min_size(cell.left_top(), vec2(3.0, cell.height()));
        ui.painter().rect_filled(mark, 1.0, theme.accent);
        let arrows = EventFilter { vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, arrows));
        let pressed = |key: Key| ui.input_mut(|input| input.count_and_consume_key(Modifiers::NONE, key));
        let (down, up) = (pressed(Key::ArrowDown), pressed(Key::ArrowUp));
        let to = (at + down).saturating_sub(up).min(rows - 1);
        if to != at {
            state.to_row = Some(to);
            ui.memory_mut(|memory| memory.request_focus(Id::unique(("table row", to))));
            ui.ctx().request_repaint();
        }
    }
    if response.clicked() {
        state.own = true;
        wishes.visit(document);
    }
    response.hovered()
}

fn cell(ui: &mut Ui, text: &str, right: bool, quiet: bool) {
    let theme = Theme::of(ui);
    let rect = ui.max_rect().shrink2(vec2(4.0, 0.0));
    let side = if right { Side::Right } else { Side::Left };
    widgets::line(ui, rect, side, text, TextStyle::Body, if quiet { theme.muted } else { theme.text });
}
