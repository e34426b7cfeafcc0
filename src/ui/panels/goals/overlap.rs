//! Which explanations hold for the same documents: a small matrix.

use egui::{Align2, FontId, Rect, Sense, Ui, pos2, vec2};

use crate::data::Goals;
use crate::ui::choosing;
use crate::ui::format;
use crate::ui::theme::{SPACE_4, SPACE_8, Theme};
use crate::ui::widgets;
use crate::ui::wishes::Wishes;

/// The largest side of a cell, and the room of the numbers at the left and on top.
const CELL: f32 = 26.0;
const NUMBERS: f32 = 20.0;
/// More explanations than this make cells that nobody can point at.
const MOST: usize = 40;

/// Draws the matrix, if it is open; a cell selects the documents that satisfy both.
pub fn show(ui: &mut Ui, goals: &Goals, shares: &[Vec<f32>], open: &mut bool, wishes: &mut Wishes) {
    let k = goals.explanations.len();
    if !(2..=MOST).contains(&k) {
        return;
    }
    if widgets::disclosure(ui, *open, "Overlap") {
        *open = !*open;
    }
    if !*open {
        return;
    }
    ui.add_space(SPACE_4);
    let theme = Theme::of(ui);
    let cell = ((ui.available_width() - NUMBERS) / k as f32).min(CELL);
    let size = vec2(NUMBERS + cell * k as f32, NUMBERS + cell * k as f32);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| {
        let name = format!("Overlap of {k} explanations");
        egui::WidgetInfo::labeled(egui::Role::Image, true, name)
    });
    let font = FontId::proportional(10.0);
    let origin = rect.min + vec2(NUMBERS, NUMBERS);
    let at = |row: usize, column: usize| {
        let min = origin + vec2(column as f32 * cell, row as f32 * cell);
        Rect::from_min_size(min, vec2(cell, cell)).shrink(1.0)
    };
    for (row, shares) in shares.iter().enumerate() {
        let number = (row + 1).to_string();
        let left = pos2(rect.left() + 0.5 * NUMBERS, at(row, 0).center().y);
        let top = pos2(at(0, row).center().x, rect.top() + 0.5 * NUMBERS);
        ui.painter().text(left, Align2::CENTER_CENTER, &number, font.clone(), theme.muted);
        ui.painter().text(top, Align2::CENTER_CENTER, &number, font.clone(), theme.muted);
        for (column, &share) in shares.iter().enumerate() {
            let fill = if row == column {
                theme.hairline
            } else {
                // Small shares are the rule: the root shows them apart.
                theme.field.lerp_to_gamma(theme.accent, share.sqrt())
            };
            ui.painter().rect_filled(at(row, column), 2.0, fill);
        }
    }
    let Some(pointer) = response.hover_pos() else { return };
    let place = (pointer - origin) / cell;
    let inside = |v: f32| (v >= 0.0 && v < k as f32).then_some(v as usize);
    let (Some(column), Some(row)) = (inside(place.x), inside(place.y)) else { return };
    if row == column {
        return;
    }
    let (a, b) = (&goals.explanations[row], &goals.explanations[column]);
    let both: Vec<u32> =
        a.members.iter().copied().filter(|document| b.members.binary_search(document).is_ok()).collect();
    let text = format!(
        "{} and {}\n{} satisfy both, {} of those that satisfy either",
        format::one_line(&a.title, 48),
        format::one_line(&b.title, 48),
        format::plural(both.len(), "document", "documents"),
        format::percent(f64::from(shares[row][column]))
    );
    ui.painter().rect_stroke(
        at(row, column).expand(1.0),
        2.0,
        egui::Stroke::new(1.0, theme.text),
        egui::StrokeKind::Inside,
    );
    if response.on_hover_text_at_pointer(text).clicked() {
        choosing::select(ui, both, wishes);
    }
    ui.add_space(SPACE_8);
}
