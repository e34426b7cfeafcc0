//! Where texts that are no documents lie on the map: the one that is tried, and what is searched for by meaning.

use std::sync::Arc;

use egui::{Align2, FontId, Id, Painter, Pos2, Rect, Stroke, TextStyle, Ui, Vec2, vec2};

use crate::data::Layout;
use crate::session::{Session, Tried};
use crate::stage::probe::WordPull;
use crate::view::map::MapView;

use super::format;
use super::theme::{SMALL_RADIUS, Theme};

/// The ring, and how far its cross reaches beyond it.
const RING: f32 = 8.0;
const REACH: f32 = 6.0;
/// Arrows of words that show while none is pointed at, and the shortest that shows, in points.
const ARROWS: usize = 3;
const SHORTEST: f32 = 14.0;
/// Characters of a search that its mark shows.
const SHOWN: usize = 28;

/// Draws them over the points. `pointed` is the word (of those that were left out) that is pointed at.
pub fn paint(ui: &Ui, rect: Rect, session: &Session, view: &MapView, pointed: Option<usize>) {
    let painter = ui.painter_at(rect);
    if let Some(found) = session.query_place().filter(|found| on_show(session, &found.layout))
        && let Some(at) = found.place.and_then(|place| at(ui, view, "place of the search", place))
    {
        mark(ui, &painter, at, &format!("“{}”", format::one_line(found.text.trim(), SHOWN)));
    }
    let Some(state) = session.probe() else { return };
    let Some(tried) = state.tried.filter(|tried| on_show(session, &tried.layout)) else { return };
    let Ok(probe) = &tried.probe else { return };
    let Some(here) = at(ui, view, "place of the text", probe.place) else { return };
    let theme = Theme::of(ui);
    for &(document, _) in &probe.nearest {
        let there = tried.layout.positions.get(document as usize);
        if let Some(there) = there.and_then(|&place| view.view_from_world(place)) {
            painter.line_segment([here, there], Stroke::new(1.0, theme.accent.gamma_multiply(0.6)));
        }
    }
    if let Some(words) = state.words {
        arrows(ui, &painter, words, view, pointed);
    }
    mark(ui, &painter, here, "your text");
}

/// Whether the map on show is `layout`: a place belongs to one map.
fn on_show(session: &Session, layout: &Layout) -> bool {
    session.positions().is_some_and(|positions| Arc::ptr_eq(positions, &layout.positions))
}

/// Where a place shows, on its way there from where the mark was before.
fn at(ui: &Ui, view: &MapView, name: &str, place: [f32; 2]) -> Option<Pos2> {
    let seconds = ui.style().animation_time;
    let axis =
        |axis: usize| ui.ctx().animate_value_with_time(Id::unique(name).with(axis), place[axis], seconds);
    view.view_from_world([axis(0), axis(1)])
}

/// A ring with a cross and words beside it, on a halo.
fn mark(ui: &Ui, painter: &Painter, at: Pos2, name: &str) {
    let theme = Theme::of(ui);
    for (width, colour) in [(5.0, theme.background), (2.0, theme.accent)] {
        let stroke = Stroke::new(width, colour);
        painter.circle_stroke(at, RING, stroke);
        for way in [Vec2::X, Vec2::Y, -Vec2::X, -Vec2::Y] {
            painter.line_segment([at + way * (RING - 3.0), at + way * (RING + REACH)], stroke);
        }
    }
    let font = TextStyle::Body.resolve(ui.style());
    written(painter, at + vec2(RING + REACH + 4.0, 0.0), Align2::LEFT_CENTER, name, font, theme);
}

fn written(painter: &Painter, at: Pos2, align: Align2, text: &str, font: FontId, theme: &Theme) {
    let galley = painter.layout_no_wrap(text.to_owned(), font, theme.text);
    let rect = align.anchor_size(at, galley.size());
    // Names of the map may lie beneath.
    painter.rect_filled(rect.expand2(vec2(3.0, 1.0)), SMALL_RADIUS, theme.background);
    painter.galley(rect.min, galley, theme.text);
}

/// From where the text would lie without a word to where it lies with it: of the words that move it most, or of the one
/// that is pointed at.
fn arrows(ui: &Ui, painter: &Painter, tried: &Tried, view: &MapView, pointed: Option<usize>) {
    let Ok(probe) = &tried.probe else { return };
    let theme = Theme::of(ui);
    let Some(head) = view.view_from_world(probe.place) else { return };
    let mut shown: Vec<&WordPull> = probe.words.iter().collect();
    match pointed.and_then(|pointed| probe.words.get(pointed)) {
        Some(word) => shown = vec![word],
        None => {
            shown.sort_by(|a, b| b.distance().total_cmp(&a.distance()));
            shown.truncate(ARROWS);
        }
    }
    for word in shown {
        let without = [probe.place[0] - word.shift[0], probe.place[1] - word.shift[1]];
        let Some(tail) = view.view_from_world(without) else { continue };
        let way = head - tail;
        if way.length() < SHORTEST {
            continue;
        }
        // The arrow ends at the ring.
        let way = way * ((way.length() - RING) / way.length());
        for (width, colour) in [(3.5, theme.background), (1.5, theme.warning)] {
            painter.arrow(tail, way, Stroke::new(width, colour));
        }
        let name = tried.text.get(word.range.clone()).unwrap_or_default();
        let align = if way.x > 0.0 { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
        let beside = vec2(if way.x > 0.0 { -4.0 } else { 4.0 }, 0.0);
        let font = TextStyle::Small.resolve(ui.style());
        written(
            painter,
            tail + beside,
            align,
            &format!("without “{}”", format::one_line(name, SHOWN)),
            font,
            theme,
        );
    }
}
