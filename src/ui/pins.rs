//! Points that hold still on the map: their marks, and what their menu offers.

use egui::{Rect, Stroke, Ui, vec2};

use crate::session::{Command, Session};
use crate::view::map::MapView;

use super::format;
use super::icons;
use super::theme::Theme;
use super::widgets::menu_item as item;
use super::wishes::Wishes;

/// How wide the menu is at least, in points.
const WIDTH: f32 = 200.0;
/// From the point to the head of its pin, and the head's radius.
const NEEDLE: egui::Vec2 = vec2(4.0, -9.0);
const HEAD: f32 = 3.5;
/// More pins than this are marked without anything that takes time; nobody sets so many by hand.
const MOST_MARKS: usize = 10_000;

/// Draws a small pin at each point that holds still.
pub fn paint(ui: &Ui, rect: Rect, session: &Session, view: &MapView) {
    let (Some(edits), Some(positions)) = (session.edits(), session.positions()) else { return };
    if !session.can_pin() {
        return;
    }
    let (painter, theme) = (ui.painter_at(rect), Theme::of(ui));
    for &document in edits.pins.keys().take(MOST_MARKS) {
        let position = positions.get(document as usize);
        let Some(at) = position.and_then(|&position| view.view_from_world(position)) else { continue };
        if !rect.expand(HEAD).contains(at) {
            continue;
        }
        let head = at + NEEDLE;
        painter.line_segment([at, head], Stroke::new(3.0, theme.background));
        painter.circle_filled(head, HEAD + 1.0, theme.background);
        painter.line_segment([at, head], Stroke::new(1.25, theme.text));
        painter.circle_filled(head, HEAD, theme.accent);
    }
}

/// Fills a menu for the point of `document`, or for the ground of the map.
pub fn menu(ui: &mut Ui, session: &Session, document: Option<u32>, wishes: &mut Wishes) {
    let (Some(edits), Some(positions)) = (session.edits(), session.positions()) else { return ui.close() };
    ui.set_min_width(WIDTH);
    let place = document.and_then(|document| positions.get(document as usize));
    if let (Some(document), Some(&place)) = (document, place) {
        if edits.pins.contains_key(&document) {
            if item(ui, icons::PUSH_PIN_SLASH, "Release this point", "") {
                wishes.push(Command::Unpin(vec![document]));
            }
        } else {
            ui.add_enabled_ui(session.can_pin(), |ui| {
                if item(ui, icons::PUSH_PIN, "Pin this point here", "") {
                    wishes.push(Command::Pin { document, place, held: false });
                }
            });
        }
    }
    if !edits.pins.is_empty() {
        let caption = format!("Release all pins ({})", format::len(edits.pins.len()));
        if item(ui, icons::PUSH_PIN_SLASH, &caption, "") {
            wishes.push(Command::Unpin(edits.pins.keys().copied().collect()));
        }
    }
}
