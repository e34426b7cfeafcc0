//! Small charts of a column: the whole in grey, a part of it in the accent's colour.

use egui::{CornerRadius, Rect, Response, Sense, TextStyle, Ui, WidgetInfo, pos2, vec2};

use crate::ui::digest::{BINS, ColumnDigest, Shape};
use crate::ui::format;
use crate::ui::theme::{SPACE_4, SPACE_8, Theme};
use crate::ui::widgets::{self, Side};

/// Height of a histogram's bars.
const HISTOGRAM: f32 = 32.0;
/// Height of a category's row.
const BAR_ROW: f32 = 20.0;
/// Share of the width that a category's name may take.
const NAME_SHARE: f32 = 0.45;
/// Width of the percentages.
const FIGURE: f32 = 44.0;

/// Draws the shape of a column; `levels` are the names of its codes. `part`, on the same axes, is drawn over it.
/// `rows` limits the categories shown.
pub fn column(
    ui: &mut Ui,
    name: &str,
    levels: &[String],
    whole: &ColumnDigest,
    part: Option<&ColumnDigest>,
    rows: usize,
) {
    match (&whole.shape, part.map(|part| &part.shape)) {
        (Shape::Text, _) => {}
        (Shape::Histogram { low, high, bins, dates }, part_shape) => {
            let over = match part_shape {
                Some(Shape::Histogram { bins, .. }) => Some(bins.as_slice()),
                _ => None,
            };
            let label = |value: f64| if *dates { format::date(value as i64) } else { format::number(value) };
            histogram(ui, name, (label(*low), label(*high)), bins, over);
        }
        (Shape::Categories { top, levels: count, rest }, None) => {
            let total = whole.filled.max(1) as f64;
            let longest = top.first().map_or(1.0, |(_, n)| *n as f64 / total);
            for (code, n) in top.iter().take(rows) {
                bar(ui, level(levels, *code), *n as f64 / total, None, longest);
            }
            let hidden: usize = top.iter().skip(rows).map(|(_, n)| n).sum::<usize>() + rest;
            if hidden > 0 {
                let others = count.saturating_sub(rows.min(top.len()));
                widgets::caption(
                    ui,
                    format!("{} more {}", format::len(others), if others == 1 { "value" } else { "values" }),
                );
            }
        }
        (Shape::Categories { top: all, .. }, Some(Shape::Categories { top, .. })) => {
            let (total, within) =
                (whole.filled.max(1) as f64, part.map_or(1, |part| part.filled.max(1)) as f64);
            // Beyond the whole's most frequent levels the share in the whole is not at hand, and small.
            let in_whole = |code: u32| all.iter().find(|(c, _)| *c == code).map(|(_, n)| *n as f64 / total);
            let shown: Vec<_> =
                top.iter().take(rows).map(|&(code, n)| (code, n as f64 / within, in_whole(code))).collect();
            let longest =
                shown.iter().map(|(_, share, whole)| share.max(whole.unwrap_or(0.0))).fold(0.0, f64::max);
            for (code, share, in_whole) in shown {
                bar(ui, level(levels, code), share, Some(in_whole), longest);
            }
        }
        (Shape::Categories { .. }, Some(_)) => {}
    }
}

fn level(levels: &[String], code: u32) -> &str {
    levels.get(code as usize).map_or("", String::as_str)
}

fn histogram(ui: &mut Ui, name: &str, (low, high): (String, String), bins: &[u32], over: Option<&[u32]>) {
    let theme = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HISTOGRAM), Sense::hover());
    response.widget_info(|| {
        WidgetInfo::labeled(egui::Role::Image, true, format!("Histogram of {name} from {low} to {high}"))
    });
    let step = rect.width() / BINS as f32;
    let draw = |bins: &[u32], colour| {
        let tallest = bins.iter().copied().max().unwrap_or(0).max(1) as f32;
        for (i, &n) in bins.iter().enumerate().filter(|(_, n)| **n > 0) {
            // A bar of one in a million still shows.
            let height = (n as f32 / tallest * HISTOGRAM).max(1.0);
            let left = rect.left() + i as f32 * step;
            let bar = Rect::from_min_max(
                pos2(left, rect.bottom() - height),
                pos2(left + step - 1.0, rect.bottom()),
            );
            ui.painter().rect_filled(bar, CornerRadius::same(1), colour);
        }
    };
    match over {
        Some(over) => {
            draw(bins, theme.pressed);
            draw(over, theme.accent.gamma_multiply(0.75));
        }
        None => draw(bins, theme.bar),
    }
    if let Some(pointer) = response.hover_pos() {
        let i = (((pointer.x - rect.left()) / step) as usize).min(BINS - 1);
        let of_part = over.map(|over| format!("{} of ", format::count(over[i]))).unwrap_or_default();
        response
            .on_hover_text(format!("{of_part}{}", format::plural(bins[i] as usize, "document", "documents")));
    }
    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), 14.0), Sense::hover());
    widgets::line(ui, line, Side::Left, low, TextStyle::Small, theme.muted);
    widgets::line(ui, line, Side::Right, high, TextStyle::Small, theme.muted);
}

/// A share of a part of the documents beside that of others, which a tick marks; to be clicked.
pub fn compared(ui: &mut Ui, name: &str, (share, other): (f64, f64), longest: f64, hint: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), BAR_ROW), Sense::click());
    let meaning = format!("{name}: {} here, {} elsewhere", format::percent(share), format::percent(other));
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &meaning));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, CornerRadius::same(4), Theme::of(ui).hovered);
    }
    paint_bar(ui, rect, name, share, (true, Some(other)), longest.max(other));
    response.on_hover_text(hint)
}

/// One category: name, bar, share. In a part of the documents a tick marks the share in the whole, where it is
/// known. `longest` is the share that fills the track.
fn bar(ui: &mut Ui, name: &str, share: f64, part_of: Option<Option<f64>>, longest: f64) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), BAR_ROW), Sense::hover());
    let shown = if name.is_empty() { "(empty)" } else { name };
    let whole = part_of.flatten();
    let meaning = match whole {
        Some(whole) => format!("{shown}: {} here, {} in all", format::percent(share), format::percent(whole)),
        None => format!("{shown}: {}", format::percent(share)),
    };
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &meaning));
    paint_bar(ui, rect, shown, share, (part_of.is_some(), whole), longest);
    response.on_hover_text(meaning);
}

/// Paints a name, a bar and a share into `rect`; for a part of the documents in the accent's colour, with a tick at
/// the share in the whole.
fn paint_bar(
    ui: &Ui,
    rect: Rect,
    shown: &str,
    share: f64,
    (is_part, whole): (bool, Option<f64>),
    longest: f64,
) {
    let theme = Theme::of(ui);
    let text = Rect::from_min_size(rect.min, vec2(rect.width() * NAME_SHARE, rect.height()));
    widgets::line(ui, text, Side::Left, shown, TextStyle::Small, theme.text);
    let figure = Rect::from_min_max(pos2(rect.right() - FIGURE, rect.top()), rect.max);
    widgets::line(ui, figure, Side::Right, format::percent(share), TextStyle::Small, theme.muted);
    let track = Rect::from_min_max(
        pos2(text.right() + SPACE_8, rect.center().y - 3.0),
        pos2(figure.left() - SPACE_4, rect.center().y + 3.0),
    );
    let radius = CornerRadius::same(2);
    ui.painter().rect_filled(track, radius, theme.hairline);
    let mut filled = track;
    let length = |share: f64| track.width() * (share / longest.max(1e-9)).clamp(0.0, 1.0) as f32;
    filled.set_width(length(share).max(1.0));
    ui.painter().rect_filled(filled, radius, if is_part { theme.accent } else { theme.bar });
    if let Some(whole) = whole {
        let x = track.left() + length(whole);
        ui.painter().vline(x, track.expand2(vec2(0.0, 2.0)).y_range(), egui::Stroke::new(1.5, theme.text));
    }
}
