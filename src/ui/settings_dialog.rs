//! The settings: looks, the cache, and what the program is.

use egui::{RichText, Ui};

use crate::io::settings::{Settings, Theme as Choice};
use crate::session::{Command, Session};

use super::format;
use super::theme::{self, SPACE_8, SPACE_16};
use super::widgets;
use super::wishes::{Action, Wishes};

/// Width of the sheet.
pub const WIDTH: f32 = 420.0;

/// Draws the sheet.
pub fn show(ui: &mut Ui, session: &Session, device: &str, wishes: &mut Wishes) {
    ui.set_width(WIDTH);
    ui.label(RichText::new("Settings").text_style(theme::title()));
    ui.add_space(SPACE_16);
    let mut settings: Settings = session.settings().clone();
    widgets::section(ui, "Theme");
    ui.horizontal(|ui| {
        let choices = [(Choice::System, "As the system"), (Choice::Light, "Light"), (Choice::Dark, "Dark")];
        for (choice, name) in choices {
            widgets::outlined(ui, |ui| ui.radio_value(&mut settings.theme, choice, name));
        }
    });
    ui.add_space(SPACE_8);
    widgets::outlined(ui, |ui| ui.checkbox(&mut settings.reduce_motion, "Reduce motion"))
        .on_hover_text("Panels and the camera jump instead of gliding");
    ui.add_space(SPACE_16);
    widgets::section(ui, "Export");
    widgets::outlined(ui, |ui| {
        ui.checkbox(&mut settings.export.raw_cells, "Leave cells in CSV files as they are")
    })
    .on_hover_text("Otherwise cells that a spreadsheet would run as a formula get a leading apostrophe");
    ui.add_space(SPACE_16);
    widgets::section(ui, "Cache");
    ui.horizontal(|ui| {
        let size = session.cache_size();
        ui.label(format!("{} of vectors, neighbours and maps", format::bytes(size)));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.add_enabled(size > 0, egui::Button::new("Clear")).clicked() {
                wishes.push(Command::ClearCache);
            }
        });
    });
    widgets::caption(ui, "What is in it need not be computed again. Clearing it loses no work.");
    ui.add_space(SPACE_16);
    widgets::section(ui, "This program");
    let version = env!("CARGO_PKG_VERSION");
    widgets::caption(
        ui,
        format!("Semascope {version} · computes on: {device} · opens no network connection"),
    );
    if settings != *session.settings() {
        wishes.act(Action::SetSettings(Box::new(settings)));
    }
}
