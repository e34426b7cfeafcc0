//! The page "Charts": the selection counted by clusters, categories, numbers and dates, over all documents in grey, and
//! a table of two of them. A click on a bar or a cell selects its documents.

use std::f32::consts::FRAC_PI_2;
use std::sync::Arc;

use egui::epaint::TextShape;
use egui::{
    CornerRadius, Galley, Rect, Response, RichText, ScrollArea, Sense, TextStyle, Ui, WidgetInfo, pos2, vec2,
};

use crate::data::Corpus;
use crate::session::{Command, Session};
use crate::ui::chart_axis::{Axis, By};
use crate::ui::chart_counts::{Bars, ChartCounts, Counted, Table, in_row, selection};
use crate::ui::chart_file::ChartForm;
use crate::ui::format;
use crate::ui::icons;
use crate::ui::theme::{self, ROW, SMALL_RADIUS, SPACE_4, SPACE_8, SPACE_12, SPACE_16, Theme};
use crate::ui::widgets::{self, Side};
use crate::ui::wishes::{Action, Wishes};
use crate::view::chart::{Bar, Chart, Figure, longest};

/// Height of a bar's row and of the columns of a histogram.
const BAR_ROW: f32 = 22.0;
const COLUMNS: f32 = 72.0;
/// The share of the width that names take, and the room for figures.
const NAMES: f32 = 0.42;
const FIGURE: f32 = 56.0;
/// Cells of a table, and the room for the names of its rows and of its columns, which stand upright.
const CELL: (f32, f32) = (40.0, 22.0);
const ROW_NAMES: f32 = 96.0;
const HEADS: f32 = 88.0;
/// How opaque the fullest cell is.
const FULLEST: f32 = 0.55;
/// Characters of what a table is made of.
const NAME: usize = 18;

/// Draws the page.
pub fn show(ui: &mut Ui, session: &Session, corpus: &Corpus, counts: &mut ChartCounts, wishes: &mut Wishes) {
    let chosen = selection(session);
    let caption = match chosen {
        Some(chosen) => {
            let n = format::plural(chosen.len(), "selected document", "selected documents");
            format!("{n}; all {} in grey", format::len(corpus.len()))
        }
        None => format!("All {}", format::plural(corpus.len(), "document", "documents")),
    };
    widgets::caption(ui, &caption);
    ui.add_space(SPACE_4);
    let Some(axes) = counts.axes(session).cloned() else {
        widgets::muted(ui, "Counting…");
        return;
    };
    if axes.is_empty() {
        widgets::muted(ui, "There is nothing to count by: neither clusters nor columns with values.");
        return;
    }
    let parts = counts.parts(session).cloned();
    if chosen.is_some() && parts.is_none() {
        widgets::muted(ui, "Counting…");
        return;
    }
    let page = Page { session, caption };
    ScrollArea::vertical().id_salt("charts").auto_shrink(false).show(ui, |ui| {
        for (i, counted) in axes.iter().enumerate() {
            let part = parts.as_ref().and_then(|parts| parts.get(i));
            ui.push_id(i, |ui| page.chart(ui, counted, part, wishes));
            ui.add_space(SPACE_16);
        }
        if axes.len() > 1 {
            page.cross_table(ui, &axes, counts, wishes);
        }
        ui.add_space(SPACE_16);
    });
}

/// What all charts of the page have in common.
struct Page<'a> {
    session: &'a Session,
    caption: String,
}

impl Page<'_> {
    fn chart(
        &self,
        ui: &mut Ui,
        counted: &Counted,
        part: Option<&crate::math::cross_table::Counts>,
        wishes: &mut Wishes,
    ) {
        let axis = &counted.axis;
        let chart = || counted.chart(part, self.caption.clone());
        header(ui, &axis.name, &axis.meaning(), chart, wishes);
        let Bars { bars, shown, note } = counted.bars(part);
        ui.spacing_mut().item_spacing.y = 0.0;
        if bars.is_empty() {
            widgets::caption(ui, "No document here has a value.");
        } else if axis.is_ordered() {
            self.columns(ui, axis, &bars, wishes);
        } else {
            let full = longest(&bars);
            for (row, bar) in bars.iter().enumerate() {
                let response = bar_row(ui, axis, bar, full);
                self.select_on_click(ui, &response, |document| in_row(axis, &shown, row, document), wishes);
            }
        }
        if !note.is_empty() {
            ui.add_space(SPACE_4);
            widgets::caption(ui, note);
        }
    }

    /// Selects documents when their bar or cell was clicked; with Shift only those that are selected already.
    fn select_on_click(
        &self,
        ui: &Ui,
        response: &Response,
        holds: impl Fn(u32) -> bool,
        wishes: &mut Wishes,
    ) {
        if !response.clicked() {
            return;
        }
        let within = selection(self.session).filter(|_| ui.input(|input| input.modifiers.shift));
        let all = self.session.corpus().map_or(0, |corpus| corpus.len() as u32);
        // A look through all of them, for what a person asks once.
        let documents = match within {
            Some(within) => within.iter().copied().filter(|&document| holds(document)).collect(),
            None => (0..all).filter(|&document| holds(document)).collect(),
        };
        wishes.push(Command::Select(documents));
    }

    fn columns(&self, ui: &mut Ui, axis: &Axis, bars: &[Bar], wishes: &mut Wishes) {
        let theme = Theme::of(ui);
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), COLUMNS), Sense::hover());
        let (full, step) = (longest(bars), rect.width() / bars.len() as f32);
        let gap = (0.15 * step).min(1.0);
        for (i, bar) in bars.iter().enumerate() {
            let left = rect.left() + i as f32 * step;
            let place = Rect::from_min_max(pos2(left, rect.top()), pos2(left + step, rect.bottom()));
            let response = ui.interact(place, ui.scope_id().with(("column", i)), Sense::click());
            let meaning = meaning(axis, bar);
            response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &meaning));
            if response.hovered() || response.has_focus() {
                ui.painter().rect_filled(place, 0.0, theme.hovered);
            }
            let draw = |figure: Figure, colour| {
                if figure.count > 0 {
                    // One in a million still shows.
                    let height = (COLUMNS * (figure.share / full) as f32).max(1.0);
                    let column = Rect::from_min_max(
                        pos2(left, rect.bottom() - height),
                        pos2(left + step - gap, rect.bottom()),
                    );
                    ui.painter().rect_filled(column, CornerRadius::same(1), colour);
                }
            };
            match bar.part {
                Some(part) => {
                    draw(bar.whole, behind(theme));
                    draw(part, theme.accent.gamma_multiply(0.8));
                }
                None => draw(bar.whole, theme.bar),
            }
            let group = |document| axis.groups().holds(document, i as u32);
            self.select_on_click(ui, &response, group, wishes);
            response.on_hover_text(hint(&meaning, bar.part.is_some()));
        }
        ui.painter().hline(rect.x_range(), rect.bottom(), theme.line());
        let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
        let mut half = line;
        half.set_width(0.5 * line.width());
        let (low, high) = axis.ends();
        widgets::line(ui, half, Side::Left, low, TextStyle::Small, theme.muted);
        if bars.len() > 1 {
            let half = half.translate(vec2(half.width(), 0.0));
            widgets::line(ui, half, Side::Right, high, TextStyle::Small, theme.muted);
        }
    }

    fn cross_table(&self, ui: &mut Ui, axes: &[Counted], counts: &mut ChartCounts, wishes: &mut Wishes) {
        let (shares, caption) = (counts.shares, self.caption.clone());
        let there = counts.table().is_some();
        let chart = || counts.table().map(|table| table.chart(shares, caption)).unwrap_or_else(nothing);
        header(ui, "Cross table", "", chart, wishes);
        if let Some((mut rows, mut columns)) = counts.across {
            ui.horizontal(|ui| {
                pick(ui, axes, "Rows of the table", &mut rows);
                ui.label("by");
                pick(ui, axes, "Columns of the table", &mut columns);
            });
            counts.across = Some((rows, columns));
        }
        ui.add_space(SPACE_4);
        ui.horizontal(|ui| {
            ui.selectable_value(&mut counts.shares, false, RichText::new("Counts").small());
            ui.selectable_value(&mut counts.shares, true, RichText::new("Share of the row").small());
        });
        let Some(table) = counts.table().filter(|_| there) else { return };
        if table.cross.documents == 0 {
            widgets::caption(ui, "No document here has a value of both.");
            return;
        }
        ScrollArea::horizontal().id_salt("cross table").auto_shrink([false, true]).show(ui, |ui| {
            self.cells(ui, table, counts.shares, wishes);
            // The scroll bar's place.
            ui.add_space(SPACE_12);
        });
        let note = table.note();
        if !note.is_empty() {
            widgets::caption(ui, note);
        }
    }

    fn cells(&self, ui: &mut Ui, table: &Table, shares: bool, wishes: &mut Wishes) {
        let theme = Theme::of(ui);
        let (rows, columns) = (table.row_names(), table.column_names());
        let heads: Vec<Arc<Galley>> = columns.iter().map(|column| head(ui, column)).collect();
        let high = heads.iter().map(|head| head.size().x).fold(0.0, f32::max) + SPACE_8;
        let size = vec2(ROW_NAMES + columns.len() as f32 * CELL.0, high + rows.len() as f32 * CELL.1);
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        let corner = rect.min + vec2(ROW_NAMES, high);
        for (i, head) in heads.into_iter().enumerate() {
            // Read from below, in the middle of its column.
            let x = corner.x + (i as f32 + 0.5) * CELL.0 - 0.5 * head.size().y;
            let text = TextShape::new(pos2(x, corner.y - SPACE_4), head, theme.muted);
            ui.painter().add(text.with_angle(-FRAC_PI_2));
        }
        for (j, row) in rows.iter().enumerate() {
            let y = corner.y + j as f32 * CELL.1;
            let name = Rect::from_min_size(pos2(rect.left(), y), vec2(ROW_NAMES - SPACE_8, CELL.1));
            widgets::line(ui, name, Side::Left, row.as_str(), TextStyle::Small, theme.text);
            for (i, column) in columns.iter().enumerate() {
                let place = Rect::from_min_size(pos2(corner.x + i as f32 * CELL.0, y), vec2(CELL.0, CELL.1))
                    .shrink(0.5);
                let cell = table.cell(j, i, shares);
                let response = ui.interact(place, ui.scope_id().with(("cell", j, i)), Sense::click());
                let count = format::plural(table.cross.cell(j, i) as usize, "document", "documents");
                let share = format::percent(table.cross.row_share(j, i));
                let meaning = format!("{row}, {column}: {count}, {share} of the row");
                response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &meaning));
                let fill = theme.panel.lerp_to_gamma(theme.accent, FULLEST * cell.weight as f32);
                let radius = CornerRadius::same(SMALL_RADIUS);
                ui.painter().rect_filled(place, radius, fill);
                if response.hovered() || response.has_focus() {
                    let ring = egui::Stroke::new(1.0, theme.text);
                    ui.painter().rect_stroke(place, radius, ring, egui::StrokeKind::Inside);
                }
                let colour = if table.cross.cell(j, i) == 0 { theme.muted } else { theme.text };
                widgets::line(ui, place, Side::Centre, cell.text, TextStyle::Small, colour);
                self.select_on_click(ui, &response, |document| table.holds(j, i, document), wishes);
                response.on_hover_text(hint(&meaning, selection(self.session).is_some()));
            }
        }
    }
}

/// The name of a chart, what it counts by, and its menu.
fn header(ui: &mut Ui, name: &str, meaning: &str, chart: impl FnOnce() -> Chart, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let mut inner = rect;
    inner.max.x -= widgets::ICON_BUTTON + SPACE_4;
    let taken = widgets::line(ui, inner, Side::Right, meaning, TextStyle::Small, theme.muted);
    inner.max.x -= taken + SPACE_8;
    widgets::line(
        ui,
        inner,
        Side::Left,
        RichText::new(name).text_style(theme::strong()),
        theme::strong(),
        theme.text,
    );
    let place = Rect::from_min_max(pos2(rect.right() - widgets::ICON_BUTTON, rect.top()), rect.max);
    let button = ui
        .scope_builder(egui::UiBuilder::new().max_rect(place), |ui| {
            widgets::icon_button(ui, icons::DOTS_THREE, &format!("Copy or save {name}"), "")
        })
        .inner;
    let mut chart = Some(chart);
    egui::Popup::menu(&button).show(|ui| {
        ui.set_min_width(180.0);
        let deeds = [
            (icons::IMAGE, "Copy as a picture", ChartForm::Picture, false),
            (icons::FILE_CSV, "Copy as CSV", ChartForm::Csv, false),
            (icons::IMAGE, "Save as PNG…", ChartForm::Picture, true),
            (icons::FILE_CSV, "Save as CSV…", ChartForm::Csv, true),
        ];
        for (glyph, name, form, save) in deeds {
            if widgets::menu_item(ui, glyph, name, "")
                && let Some(chart) = chart.take()
            {
                let chart = Box::new(chart());
                wishes.act(if save {
                    Action::PickChartFile(chart, form)
                } else {
                    Action::CopyChart(chart, form)
                });
                ui.close();
            }
        }
    });
}

/// Stands for a table that is not there yet: its menu has nothing to give.
fn nothing() -> Chart {
    Chart {
        title: "Cross table".into(),
        caption: String::new(),
        body: crate::view::chart::Body::Bars(Vec::new()),
        note: String::new(),
        figures: Vec::new(),
    }
}

fn pick(ui: &mut Ui, axes: &[Counted], name: &str, chosen: &mut By) {
    let title = axes.iter().find(|counted| counted.axis.by == *chosen);
    let title = title.map_or_else(String::new, |counted| format::one_line(&counted.axis.name, NAME));
    ui.name_inputs(name, |ui| {
        egui::ComboBox::from_id_salt(name).width(116.0).selected_text(title).show_ui(ui, |ui| {
            for counted in axes {
                ui.selectable_value(chosen, counted.axis.by, &counted.axis.name);
            }
        });
    });
}

/// The colour of all documents where the selection lies over them.
fn behind(theme: &Theme) -> egui::Color32 {
    theme.panel.lerp_to_gamma(theme.bar, 0.6)
}

/// A bar in words.
fn meaning(axis: &Axis, bar: &Bar) -> String {
    let all = format::plural(bar.whole.count as usize, "document", "documents");
    let name = if axis.by == By::Cluster { bar.name.clone() } else { format!("{} {}", axis.name, bar.name) };
    match bar.part {
        Some(part) => format!(
            "{name}: {} selected, {}; {all} in all, {}",
            format::count(part.count),
            format::percent(part.share),
            format::percent(bar.whole.share)
        ),
        None => format!("{name}: {all}, {}", format::percent(bar.whole.share)),
    }
}

fn hint(meaning: &str, selected: bool) -> String {
    match selected {
        true => format!("{meaning}\nClick: select them all · Shift: keep only them of the selection"),
        false => format!("{meaning}\nClick: select them"),
    }
}

/// A named bar with its figure.
fn bar_row(ui: &mut Ui, axis: &Axis, bar: &Bar, full: f64) -> Response {
    let theme = Theme::of(ui);
    let meaning = meaning(axis, bar);
    let response = widgets::row(ui, BAR_ROW, false, &meaning, |ui, rect| {
        let names = Rect::from_min_size(rect.min, vec2(NAMES * rect.width(), rect.height()));
        widgets::line(ui, names, Side::Left, bar.name.as_str(), TextStyle::Small, theme.text);
        let figure = Rect::from_min_max(pos2(rect.right() - FIGURE, rect.top()), rect.max);
        let count = format::count(bar.part.unwrap_or(bar.whole).count);
        widgets::line(ui, figure, Side::Right, count, TextStyle::Small, theme.muted);
        let (left, right) = (names.right() + SPACE_8, figure.left() - SPACE_4);
        let fill = |share: f64, height: f32, colour| {
            let width = ((right - left) * (share / full) as f32).max(1.0);
            let at = pos2(left, rect.center().y - 0.5 * height);
            ui.painter().rect_filled(
                Rect::from_min_size(at, vec2(width, height)),
                CornerRadius::same(2),
                colour,
            );
        };
        if bar.whole.count > 0 {
            let (height, colour) = if bar.part.is_some() { (14.0, behind(theme)) } else { (8.0, theme.bar) };
            fill(bar.whole.share, height, colour);
        }
        if let Some(part) = bar.part.filter(|part| part.count > 0) {
            fill(part.share, 6.0, theme.accent);
        }
    });
    response.on_hover_text(hint(&meaning, bar.part.is_some()))
}

/// The name of a column, cut where it is too long.
fn head(ui: &Ui, text: &str) -> Arc<Galley> {
    let text = egui::WidgetText::from(text);
    text.into_galley(ui, Some(egui::TextWrapMode::Truncate), HEADS, TextStyle::Small)
}
