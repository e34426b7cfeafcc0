//! Charts of a column that a person filters by: a histogram to drag over, values to click.

use egui::{
    CornerRadius, CursorIcon, Id, Rect, ScrollArea, Sense, Stroke, StrokeKind, TextStyle, Ui, WidgetInfo,
    pos2, vec2,
};

use crate::data::{Condition, Filter};
use crate::session::Command;
use crate::ui::digest::{BINS, Counts, Shape};
use crate::ui::format;
use crate::ui::icons;
use crate::ui::theme::{SPACE_4, SPACE_8, Theme};
use crate::ui::widgets::{self, SEARCHABLE, Side};
use crate::ui::wishes::Wishes;

/// Height of a histogram's bars, and of a value's row.
const HISTOGRAM: f32 = 36.0;
const VALUE_ROW: f32 = 20.0;
/// Share of the width that a value's name may take, and the width of its count.
const NAME_SHARE: f32 = 0.45;
const FIGURE: f32 = 56.0;
/// Values that show while the list is closed, and the height of an open one.
const FEW: usize = 4;
const LIST: f32 = 12.0 * VALUE_ROW;
/// A drag shorter than this is a click, which lets the brush go.
const LEAST_DRAG: f32 = 3.0;
/// How near its edges a brush is resized, in points.
const EDGE: f32 = 5.0;
/// A window that plays crosses the whole range in so many seconds.
const PLAYS: f64 = 12.0;
/// Share of the range that plays where nothing is brushed yet.
const WINDOW: f64 = 0.15;

/// What is being done to a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Drag {
    /// A new range grows from here.
    From(f64),
    /// The whole range moves; how far the pointer is from its low end.
    Move(f64),
    /// One end moves.
    Low,
    High,
}

/// What the charts of columns remember between frames.
#[derive(Default)]
pub struct BrushState {
    /// The column that is dragged over.
    drag: Option<(String, Drag)>,
    /// The column whose range moves by itself, and whether it has just begun to.
    playing: Option<(String, bool)>,
    /// Columns whose values all show, each with what is searched in it.
    open: std::collections::BTreeMap<String, String>,
}

impl BrushState {
    /// Whether the range of a column moves by itself.
    pub fn plays(&self, column: &str) -> bool {
        self.playing.as_ref().is_some_and(|(playing, _)| playing == column)
    }
}

/// A column as its chart shows it.
pub struct Charted<'a> {
    pub name: &'a str,
    pub shape: &'a Shape,
    /// The names of its codes.
    pub levels: &'a [String],
    /// Counts of all documents, and of those that the filter keeps.
    pub all: &'a Counts,
    pub kept: Option<&'a Counts>,
}

/// Draws the chart of a column, and takes what a person does to it.
pub fn show(ui: &mut Ui, column: &Charted<'_>, filter: &Filter, state: &mut BrushState, wishes: &mut Wishes) {
    match (column.shape, column.all) {
        (Shape::Histogram { low, high, dates, .. }, Counts::Bins(bins)) if low < high => {
            let range = Range { low: *low, high: *high, dates: *dates };
            histogram(ui, column, &range, bins, filter, state, wishes);
        }
        (Shape::Histogram { low, dates, .. }, Counts::Bins(_)) => {
            widgets::caption(ui, format!("Always {}", label(*low, *dates)));
        }
        (Shape::Categories { .. }, Counts::Levels { of, empty }) => {
            values(ui, column, of, *empty, filter, state, wishes);
        }
        _ => {}
    }
}

/// The axis of a histogram.
struct Range {
    low: f64,
    high: f64,
    dates: bool,
}

impl Range {
    fn x(&self, value: f64, rect: Rect) -> f32 {
        let t = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        rect.left() + t as f32 * rect.width()
    }

    fn value(&self, x: f32, rect: Rect) -> f64 {
        let t = f64::from((x - rect.left()) / rect.width()).clamp(0.0, 1.0);
        self.low + t * (self.high - self.low)
    }

    fn width(&self) -> f64 {
        self.high - self.low
    }
}

fn label(value: f64, dates: bool) -> String {
    if dates { format::date(value as i64) } else { format::number(value) }
}

/// The range that the filter holds a column to.
fn brushed(filter: &Filter, column: &str) -> Option<(f64, f64)> {
    match filter.brush(column) {
        Some(Condition::Range { low, high, .. }) => Some((*low, *high)),
        _ => None,
    }
}

fn hold(column: &str, filter: &Filter, range: Option<(f64, f64)>, wishes: &mut Wishes) {
    let brush = range.map(|(low, high)| Condition::Range { column: column.to_owned(), low, high });
    let changed = filter.with_brush(column, brush);
    if changed != *filter {
        wishes.push(Command::SetFilter(Box::new(changed)));
    }
}

fn histogram(
    ui: &mut Ui,
    column: &Charted<'_>,
    range: &Range,
    bins: &[u32],
    filter: &Filter,
    state: &mut BrushState,
    wishes: &mut Wishes,
) {
    let theme = Theme::of(ui);
    let brush = brushed(filter, column.name);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HISTOGRAM), Sense::hover());
    // An id of its own, so that a drag goes on whatever comes and goes above.
    let response = ui.interact(rect, Id::unique(("brush", column.name)), Sense::click_and_drag());
    let (low, high) = (label(range.low, range.dates), label(range.high, range.dates));
    response.widget_info(|| {
        let held = match brush {
            Some((from, to)) => {
                format!(", filtered from {} to {}", label(from, range.dates), label(to, range.dates))
            }
            None => String::new(),
        };
        let name = column.name;
        WidgetInfo::labeled(egui::Role::Slider, true, format!("Filter by {name}, {low} to {high}{held}"))
    });
    let kept = match column.kept {
        Some(Counts::Bins(kept)) => Some(kept.as_slice()),
        _ => None,
    };
    bars(ui, rect, bins, kept);
    if let Some((from, to)) = brush {
        let part = Rect::from_x_y_ranges(range.x(from, rect)..=range.x(to, rect), rect.y_range());
        ui.painter().rect_filled(part, 2.0, theme.accent.gamma_multiply(0.16));
        let stroke = Stroke::new(1.5, theme.accent);
        ui.painter().vline(part.left(), rect.y_range(), stroke);
        ui.painter().vline(part.right(), rect.y_range(), stroke);
    }
    drag(ui, &response, rect, column.name, range, filter, state, wishes);
    if let Some(pointer) = response.hover_pos() {
        let i = (((pointer.x - rect.left()) / rect.width() * BINS as f32) as usize).min(BINS - 1);
        let of_kept = kept.map(|kept| format!("{} of ", format::count(kept[i]))).unwrap_or_default();
        let step = range.width() / BINS as f64;
        let (from, to) = (range.low + i as f64 * step, range.low + (i + 1) as f64 * step);
        let (from, to) = (label(from, range.dates), label(to, range.dates));
        let n = format::plural(bins[i] as usize, "document", "documents");
        response.on_hover_text(format!("{from} – {to}: {of_kept}{n}\nDrag to filter, click to let go"));
    }
    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
    let (left, right) = match brush {
        Some((from, to)) => {
            let ends = (from.max(range.low), to.min(range.high));
            (label(ends.0, range.dates), label(ends.1, range.dates))
        }
        None => (low, high),
    };
    let colour = if brush.is_some() { theme.accent } else { theme.muted };
    widgets::line(ui, line, Side::Left, left, TextStyle::Small, colour);
    widgets::line(ui, line, Side::Right, right, TextStyle::Small, colour);
    play_button(ui, line, column.name, state);
    play(ui, column.name, range, filter, state, wishes);
}

fn bars(ui: &Ui, rect: Rect, bins: &[u32], kept: Option<&[u32]>) {
    let theme = Theme::of(ui);
    let step = rect.width() / BINS as f32;
    let tallest = bins.iter().copied().max().unwrap_or(0).max(1) as f32;
    let draw = |bins: &[u32], colour| {
        for (i, &n) in bins.iter().enumerate().filter(|(_, n)| **n > 0) {
            // A bar of one in a million still shows.
            let height = (n as f32 / tallest * HISTOGRAM).max(1.0);
            let left = rect.left() + i as f32 * step;
            let (top, right) = (rect.bottom() - height, left + step - 1.0);
            let bar = Rect::from_min_max(pos2(left, top), pos2(right, rect.bottom()));
            ui.painter().rect_filled(bar, CornerRadius::same(1), colour);
        }
    };
    match kept {
        Some(kept) => {
            draw(bins, theme.pressed);
            draw(kept, theme.accent);
        }
        None => draw(bins, theme.bar),
    }
}

#[expect(clippy::too_many_arguments, reason = "what a drag works on")]
fn drag(
    ui: &Ui,
    response: &egui::Response,
    rect: Rect,
    name: &str,
    range: &Range,
    filter: &Filter,
    state: &mut BrushState,
    wishes: &mut Wishes,
) {
    let brush = brushed(filter, name);
    let over = |x: f32| match brush {
        Some((low, _)) if (x - range.x(low, rect)).abs() <= EDGE => Drag::Low,
        Some((_, high)) if (x - range.x(high, rect)).abs() <= EDGE => Drag::High,
        Some((low, high)) if (range.x(low, rect)..range.x(high, rect)).contains(&x) => {
            Drag::Move(range.value(x, rect) - low.max(range.low))
        }
        _ => Drag::From(range.value(x, rect)),
    };
    if let Some(at) = response.hover_pos() {
        ui.set_cursor_icon(match over(at.x) {
            Drag::Low | Drag::High => CursorIcon::ResizeHorizontal,
            Drag::Move(_) => CursorIcon::Grab,
            Drag::From(_) => CursorIcon::Crosshair,
        });
    }
    if response.drag_started()
        && let Some(origin) = ui.input(|input| input.pointer.press_origin())
    {
        state.drag = Some((name.to_owned(), over(origin.x)));
        state.playing = None;
    }
    let pointer = response.interact_pointer_pos();
    if let (Some((column, how)), Some(at)) = (&state.drag, pointer)
        && column == name
        && response.dragged()
    {
        let value = range.value(at.x, rect);
        let held = match (*how, brush) {
            (Drag::From(start), _) if (range.x(start, rect) - at.x).abs() < LEAST_DRAG => brush,
            (Drag::From(start), _) => Some((start.min(value), start.max(value))),
            (Drag::Low, Some((_, high))) => Some((value.min(high), high)),
            (Drag::High, Some((low, _))) => Some((low, value.max(low))),
            (Drag::Move(off), Some((low, high))) => {
                let width = high.min(range.high) - low.max(range.low);
                let low = (value - off).clamp(range.low, range.high - width);
                Some((low, low + width))
            }
            (Drag::Low | Drag::High | Drag::Move(_), None) => None,
        };
        hold(name, filter, held, wishes);
    }
    if response.drag_stopped() {
        state.drag = None;
    }
    if response.clicked() {
        state.playing = None;
        hold(name, filter, None, wishes);
    }
}

/// Lets the range move by itself, or stops it.
fn play_button(ui: &mut Ui, line: Rect, name: &str, state: &mut BrushState) {
    let theme = Theme::of(ui);
    let plays = state.plays(name);
    let rect = Rect::from_center_size(line.center(), vec2(20.0, line.height()));
    let response = ui.interact(rect, Id::unique(("play", name)), Sense::click());
    let (glyph, verb) =
        if plays { (icons::PAUSE, "Stop moving the range of") } else { (icons::PLAY, "Play through") };
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, format!("{verb} {name}")));
    let strong = response.hovered() || response.has_focus() || plays;
    let colour = if strong { theme.text } else { theme.muted };
    let font = egui::FontId::proportional(11.0);
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, glyph, font, colour);
    if response.has_focus() {
        let ring = Stroke::new(1.5, theme.accent);
        ui.painter().rect_stroke(rect, CornerRadius::same(2), ring, StrokeKind::Inside);
    }
    if response
        .on_hover_text(format!("{verb} {name}: the filter's range moves from one end to the other"))
        .clicked()
    {
        state.playing = (!plays).then(|| (name.to_owned(), true));
    }
}

/// Moves a range that plays; at the end it stops.
fn play(ui: &Ui, name: &str, range: &Range, filter: &Filter, state: &mut BrushState, wishes: &mut Wishes) {
    if !state.plays(name) {
        return;
    }
    let seconds = f64::from(ui.input(|input| input.stable_dt)).min(0.1);
    let begins = state.playing.as_mut().is_some_and(|(_, begins)| std::mem::take(begins));
    let (low, high) = match brushed(filter, name) {
        Some((low, high)) => (low.max(range.low), high.min(range.high)),
        None => (range.low, range.low + WINDOW * range.width()),
    };
    let width = (high - low).min(range.width());
    let last = range.high - width;
    // A range that stands at the end begins anew.
    let low = match begins {
        true if low >= last => range.low,
        true => low,
        false => (low + seconds * range.width() / PLAYS).min(last),
    };
    if low >= last {
        state.playing = None;
    }
    hold(name, filter, Some((low, low + width)), wishes);
    ui.ctx().request_repaint();
}

fn values(
    ui: &mut Ui,
    column: &Charted<'_>,
    of: &[u32],
    empty: u32,
    filter: &Filter,
    state: &mut BrushState,
    wishes: &mut Wishes,
) {
    let kept = match column.kept {
        Some(Counts::Levels { of, empty }) => Some((of.as_slice(), *empty)),
        _ => None,
    };
    let chosen = match filter.brush(column.name) {
        Some(Condition::Values { values, .. }) => Some(values),
        _ => None,
    };
    // Levels come most frequent first; documents without a value come last.
    let longest = of.iter().copied().max().unwrap_or(0).max(empty).max(1);
    let row = |code: Option<usize>| {
        let name = code.map_or("", |code| column.levels.get(code).map_or("", String::as_str));
        let count = code.map_or(empty, |code| of[code]);
        let kept = kept.map(|(of, empty)| code.map_or(empty, |code| of.get(code).copied().unwrap_or(0)));
        let chosen = chosen.map(|values| values.contains(name));
        Value { name: name.to_owned(), count, kept, chosen, longest }
    };
    let all = of.len() + usize::from(empty > 0);
    let place = |at: usize| row((at < of.len()).then_some(at));
    let is_open = state.open.contains_key(column.name);
    if !is_open {
        for at in 0..all.min(FEW) {
            one(ui, column.name, &place(at), filter, wishes);
        }
        // What is chosen never hides.
        let hidden = (FEW..all).map(place).filter(|value| value.chosen == Some(true));
        hidden.for_each(|value| one(ui, column.name, &value, filter, wishes));
        if all > FEW
            && widgets::disclosure(
                ui,
                false,
                &format!(
                    "{} more {}",
                    format::len(all - FEW),
                    if all - FEW == 1 { "value" } else { "values" }
                ),
            )
        {
            state.open.insert(column.name.to_owned(), String::new());
        }
        return;
    }
    if let Some(search) = state.open.get_mut(column.name) {
        if all > SEARCHABLE {
            let id = Id::unique(("search the values of", column.name));
            widgets::search_field(ui, id, search, "Search the values");
        }
        let needle = search.trim().to_lowercase();
        let fits = |at: &usize| {
            needle.is_empty()
                || (*at < of.len()
                    && column.levels.get(*at).is_some_and(|name| name.to_lowercase().contains(&needle)))
        };
        let shown: Vec<usize> = (0..all).filter(fits).collect();
        if shown.is_empty() {
            widgets::caption(ui, format!("No value is called “{}”.", format::one_line(&needle, 24)));
        }
        ScrollArea::vertical()
            .id_salt(("values", column.name))
            .max_height(LIST)
            .auto_shrink([false, true])
            .show_rows(ui, VALUE_ROW, shown.len(), |ui, rows| {
                for &at in &shown[rows] {
                    one(ui, column.name, &place(at), filter, wishes);
                }
            });
    }
    if widgets::disclosure(ui, true, "Fewer values") {
        state.open.remove(column.name);
    }
}

/// One value of a column.
struct Value {
    name: String,
    count: u32,
    kept: Option<u32>,
    /// Whether the filter asks for it; `None` where the filter asks for none of the column.
    chosen: Option<bool>,
    /// The count that fills the track.
    longest: u32,
}

fn one(ui: &mut Ui, column: &str, value: &Value, filter: &Filter, wishes: &mut Wishes) {
    let shown = if value.name.is_empty() { "(empty)" } else { value.name.as_str() };
    let figure = match value.kept {
        Some(kept) => format::count(kept),
        None => format::count(value.count),
    };
    let state = if value.chosen == Some(true) { ", chosen" } else { "" };
    let name = format!("{column}: {shown}, {figure}{state}");
    let response = widgets::row(ui, VALUE_ROW, false, &name, |ui, rect| {
        let theme = Theme::of(ui);
        let strong = value.chosen != Some(false);
        let mut text = Rect::from_min_size(rect.min, vec2(rect.width() * NAME_SHARE, rect.height()));
        if value.chosen == Some(true) {
            let taken = widgets::line(ui, text, Side::Left, icons::CHECK, TextStyle::Small, theme.accent);
            text.min.x += taken + SPACE_4;
        }
        let colour = if strong { theme.text } else { theme.muted };
        widgets::line(ui, text, Side::Left, shown, TextStyle::Small, colour);
        let right = Rect::from_min_max(pos2(rect.right() - FIGURE, rect.top()), rect.max);
        widgets::line(ui, right, Side::Right, figure.as_str(), TextStyle::Small, theme.muted);
        let track = Rect::from_min_max(
            pos2(rect.left() + rect.width() * NAME_SHARE + SPACE_8, rect.center().y - 3.0),
            pos2(right.left() - SPACE_4, rect.center().y + 3.0),
        );
        let radius = CornerRadius::same(2);
        ui.painter().rect_filled(track, radius, theme.hairline);
        let bar = |count: u32, colour| {
            let mut filled = track;
            let share = f64::from(count) / f64::from(value.longest);
            filled.set_width(if count == 0 { 0.0 } else { (track.width() * share as f32).max(1.0) });
            ui.painter().rect_filled(filled, radius, colour);
        };
        match value.kept {
            Some(kept) => {
                bar(value.count, theme.pressed);
                bar(kept, theme.accent);
            }
            None => bar(value.count, theme.bar),
        }
    });
    let all = format::plural(value.count as usize, "document", "documents");
    let of_kept = value.kept.map(|kept| format!("{} of ", format::count(kept))).unwrap_or_default();
    let hint = "Click: filter by it, or no longer";
    if response.on_hover_text(format!("{shown}: {of_kept}{all}\n{hint}")).clicked() {
        wishes.push(Command::SetFilter(Box::new(filter.with_value(column, &value.name))));
    }
}
