//! The choice of one colour: the palette's own, or any other by its parts or its code.

use egui::{Color32, Id, Rect, Response, Sense, Slider, TextEdit, Ui, Vec2, pos2, vec2};

use crate::view::colour::MapTheme;
use crate::view::palette::Palette;

use super::theme::{RADIUS, SPACE_4, SPACE_8, Theme};
use super::widgets;

/// How many colours of the palette are offered, and how many of them stand in a row.
const OFFERED: usize = 24;
const IN_A_ROW: usize = 8;
/// The side of one of them, in points.
const TILE: f32 = 22.0;
/// How wide the whole is.
const WIDTH: f32 = IN_A_ROW as f32 * TILE + (IN_A_ROW - 1) as f32 * SPACE_4;

/// Draws the choice; returns the colour (sRGB) that was chosen just now.
pub fn show(ui: &mut Ui, id: Id, now: [u8; 3]) -> Option<[u8; 3]> {
    ui.set_width(WIDTH);
    let mut chosen = tiles(ui, now);
    ui.add_space(SPACE_8);
    let mut parts = now;
    for (part, name) in parts.iter_mut().zip(["Red", "Green", "Blue"]) {
        ui.name_inputs(name, |ui| {
            ui.horizontal(|ui| {
                let (label, _) =
                    ui.allocate_exact_size(vec2(40.0, ui.spacing().interact_size.y), Sense::hover());
                widgets::line(
                    ui,
                    label,
                    widgets::Side::Left,
                    name,
                    egui::TextStyle::Body,
                    Theme::of(ui).text,
                );
                ui.spacing_mut().slider_width = ui.available_width() - 52.0;
                ui.add(Slider::new(part, 0..=255));
            });
        });
    }
    if parts != now {
        chosen = Some(parts);
    }
    code(ui, id, now).or(chosen)
}

/// The first colours of the palette.
fn tiles(ui: &mut Ui, now: [u8; 3]) -> Option<[u8; 3]> {
    let palette = Palette::of(MapTheme::of(Theme::of(ui).dark));
    let mut chosen = None;
    ui.spacing_mut().item_spacing = Vec2::splat(SPACE_4);
    for row in palette.colours()[..OFFERED].chunks(IN_A_ROW) {
        ui.horizontal(|ui| {
            for &colour in row {
                if tile(ui, colour, colour == now).clicked() {
                    chosen = Some(colour);
                }
            }
        });
    }
    chosen
}

fn tile(ui: &mut Ui, colour: [u8; 3], current: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(TILE), Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::Button, true, current, format!("Use {}", code_of(colour)))
    });
    let [r, g, b] = colour;
    ui.painter().rect_filled(rect.shrink(2.0), RADIUS - 2, Color32::from_rgb(r, g, b));
    if current || response.hovered() || response.has_focus() {
        let stroke = egui::Stroke::new(1.5, Theme::of(ui).text);
        ui.painter().rect_stroke(rect, RADIUS, stroke, egui::StrokeKind::Inside);
    }
    response
}

/// The code of the colour, to be read, copied and typed.
fn code(ui: &mut Ui, id: Id, now: [u8; 3]) -> Option<[u8; 3]> {
    let id = id.with("code");
    // What is being typed need not be a code yet.
    let typed =
        ui.data(|data| data.get_temp::<String>(id)).filter(|_| ui.memory(|memory| memory.has_focus(id)));
    let mut text = typed.unwrap_or_else(|| code_of(now));
    let mut chosen = None;
    ui.name_inputs("Code of the colour", |ui| {
        ui.horizontal(|ui| {
            let (swatch, _) =
                ui.allocate_exact_size(vec2(40.0, ui.spacing().interact_size.y), Sense::hover());
            let [r, g, b] = now;
            let mark =
                Rect::from_center_size(pos2(swatch.left() + 0.5 * TILE, swatch.center().y), vec2(TILE, TILE));
            ui.painter().rect_filled(mark.shrink(2.0), RADIUS - 2, Color32::from_rgb(r, g, b));
            let field = TextEdit::singleline(&mut text).id(id).desired_width(f32::INFINITY);
            let field = ui.add(field.margin(egui::Margin::symmetric(8, 4)));
            if field.changed() {
                chosen = from_code(&text).filter(|colour| *colour != now);
            }
        });
    });
    ui.data_mut(|data| data.insert_temp(id, text));
    chosen
}

/// A colour as designers write it, such as `#e8a008`.
fn code_of([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// What a code stands for; `None` while it is not whole.
fn from_code(text: &str) -> Option<[u8; 3]> {
    let text = text.trim();
    let digits = text.strip_prefix('#').unwrap_or(text);
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([r, g, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_was_written_and_nothing_else_is() {
        assert_eq!(from_code(&code_of([1, 160, 255])), Some([1, 160, 255]));
        assert_eq!(from_code(" E8A008 "), Some([0xe8, 0xa0, 0x08]));
        for text in ["", "#", "#fff", "#12345", "#1234567", "+12345", "#12345é", "red"] {
            assert_eq!(from_code(text), None, "{text}");
        }
    }
}
