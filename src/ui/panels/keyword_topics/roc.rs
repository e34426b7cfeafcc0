//! The receiver operating characteristic of each topic against a column's value, in the legend's colours.

use egui::{Color32, Pos2, Rect, Sense, Shape, Stroke, TextStyle, Ui, WidgetInfo, pos2, vec2};

use crate::session::{Classified, Matched, Session};
use crate::ui::theme::{SPACE_4, Theme};
use crate::ui::widgets::{self, Side};
use crate::ui::{format, topic_facts};

/// The side of the picture at most, and the room for the figures at its axes.
const SIDE: f32 = 260.0;
const FIGURES: f32 = 36.0;
const LINE: f32 = 16.0;
/// How near the pointer must be to a curve that it asks about.
const NEAR: f32 = 12.0;

/// Draws the curves, with what they say in all.
pub fn show(ui: &mut Ui, session: &Session, classified: &Classified, matched: &Matched) {
    let documents = format::plural(matched.documents, "document", "documents");
    let mut parts: Vec<String> = Vec::new();
    parts.extend(matched.mean_auc.map(|auc| format!("mean AUC {auc:.3}")));
    parts.extend(matched.macro_f1.map(|f1| format!("macro-F1 {f1:.3}")));
    if parts.is_empty() {
        widgets::muted(ui, format!("No topic goes with a value of {}.", matched.column));
        return;
    }
    parts.push(format!("{documents} with a value of {}", matched.column));
    let mut text = parts.join(" · ");
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    ui.label(text);
    ui.add_space(SPACE_4);
    picture(ui, session, classified, matched);
    widgets::caption(
        ui,
        "Up: the share of its own documents found. Across: the share of the others taken along.",
    );
}

fn picture(ui: &mut Ui, session: &Session, classified: &Classified, matched: &Matched) {
    let theme = Theme::of(ui);
    let side = (ui.available_width() - FIGURES).clamp(80.0, SIDE);
    let (rect, response) = ui.allocate_exact_size(vec2(FIGURES + side, side + LINE), Sense::hover());
    let plot = Rect::from_min_size(pos2(rect.left() + FIGURES, rect.top()), vec2(side, side));
    let place = |[x, y]: [f32; 2]| pos2(plot.left() + x * plot.width(), plot.bottom() - y * plot.height());
    let topics: Vec<usize> = (0..matched.curves.len()).filter(|&at| !matched.curves[at].is_empty()).collect();
    let told = |at: usize| {
        let auc = matched.auc[at].unwrap_or_default();
        format!("{}: AUC {auc:.3}", topic_facts::title(classified, at as u32))
    };
    response.widget_info(|| {
        let all: Vec<String> = topics.iter().map(|&at| told(at)).collect();
        WidgetInfo::labeled(egui::Role::Image, true, format!("ROC curves, {}", all.join(", ")))
    });
    let painter = ui.painter();
    for share in [0.0, 0.5, 1.0] {
        painter.hline(plot.x_range(), place([0.0, share]).y, theme.line());
        painter.vline(place([share, 0.0]).x, plot.y_range(), theme.line());
    }
    // Chance.
    let chance = [place([0.0, 0.0]), place([1.0, 1.0])];
    painter.extend(Shape::dashed_line(&chance, Stroke::new(1.0, theme.muted), 4.0, 4.0));
    let curves: Vec<(usize, Color32, Vec<Pos2>)> = topics
        .iter()
        .map(|&at| {
            let colour = topic_facts::colour(ui, session, at as u32);
            (at, colour, matched.curves[at].iter().map(|&point| place(point)).collect())
        })
        .collect();
    for (_, colour, points) in &curves {
        ui.painter().add(Shape::line(points.clone(), Stroke::new(1.75, *colour)));
    }
    for (share, text) in [(0.0, "0%"), (1.0, "100%")] {
        let y = place([0.0, share]).y;
        let top = if share == 0.0 { y - LINE } else { y };
        let line = Rect::from_min_size(pos2(rect.left(), top), vec2(FIGURES - SPACE_4, LINE));
        widgets::line(ui, line, Side::Right, text, TextStyle::Small, theme.muted);
    }
    let below = Rect::from_min_max(pos2(plot.left(), plot.bottom()), rect.max);
    widgets::line(ui, below, Side::Left, "0%", TextStyle::Small, theme.muted);
    widgets::line(ui, below, Side::Right, "100%", TextStyle::Small, theme.muted);
    let Some(pointer) = response.hover_pos() else { return };
    let distance = |points: &[Pos2]| {
        points.windows(2).map(|pair| to_piece(pointer, pair[0], pair[1])).fold(f32::INFINITY, f32::min)
    };
    let nearest = curves.iter().map(|(at, _, points)| (distance(points), *at));
    if let Some((_, at)) = nearest.min_by(|a, b| a.0.total_cmp(&b.0)).filter(|(far, _)| *far <= NEAR) {
        let value = matched.values[at].clone().unwrap_or_default();
        response.on_hover_text_at_pointer(format!("{}, held against “{value}”", told(at)));
    }
}

/// How far a point is from a piece of a line.
fn to_piece(point: Pos2, from: Pos2, to: Pos2) -> f32 {
    let along = to - from;
    let length = along.length_sq();
    let share = if length > 0.0 { ((point - from).dot(along) / length).clamp(0.0, 1.0) } else { 0.0 };
    point.distance(from + share * along)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_to_a_piece_of_a_line_ends_at_its_ends() {
        let (from, to) = (pos2(0.0, 0.0), pos2(10.0, 0.0));
        let distance = |x, y| to_piece(pos2(x, y), from, to);
        assert_eq!((distance(5.0, 3.0), distance(14.0, 3.0), distance(-3.0, 4.0)), (3.0, 5.0, 5.0));
        assert_eq!(to_piece(pos2(3.0, 4.0), from, from), 5.0);
    }
}
