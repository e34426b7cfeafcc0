//! The settings: looks, the cache, and what the program is.

use egui::{RichText, Ui};

use crate::io::settings::{DevicePreference, Settings, Theme as Choice};
use crate::session::{Command, Session};

use super::theme::{self, SPACE_8, SPACE_16};
use super::widgets;
use super::wishes::{Action, Sheet, Wishes};
use super::{format, icons};

/// Width of the sheet.
pub const WIDTH: f32 = 420.0;
/// Characters of the cache's folder that fit beside its buttons.
const LONGEST_PATH: usize = 40;

/// What the cache may take, in bytes.
const CACHE_LIMITS: [Option<u64>; 5] =
    [None, Some(2_000_000_000), Some(5_000_000_000), Some(10_000_000_000), Some(20_000_000_000)];

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
    widgets::section(ui, "Computing");
    ui.horizontal(|ui| {
        let choices = [
            (DevicePreference::Auto, "Whatever is faster", "Both are compared once on this machine"),
            (DevicePreference::Cpu, "Processor", "The graphics adapter only draws"),
            (
                DevicePreference::Gpu,
                "Graphics adapter",
                "Where it fails, the processor takes over and you are told",
            ),
        ];
        for (choice, name, hint) in choices {
            widgets::outlined(ui, |ui| ui.radio_value(&mut settings.device, choice, name))
                .on_hover_text(hint);
        }
    });
    ui.add_space(SPACE_16);
    widgets::section(ui, "Export");
    widgets::outlined(ui, |ui| {
        ui.checkbox(&mut settings.export.raw_cells, "Leave cells in CSV files as they are")
    })
    .on_hover_text("Otherwise cells that a spreadsheet would run as a formula get a leading apostrophe");
    ui.add_space(SPACE_16);
    widgets::section(ui, "Cache");
    cache(ui, session, wishes);
    ui.horizontal(|ui| {
        ui.label("Keep at most");
        let name = |limit: Option<u64>| limit.map_or_else(|| "all of it".to_owned(), format::bytes);
        egui::ComboBox::from_id_salt("cache limit")
            .selected_text(name(settings.cache_limit))
            .show_ui(ui, |ui| {
                for limit in CACHE_LIMITS {
                    ui.selectable_value(&mut settings.cache_limit, limit, name(limit));
                }
            })
            .response
            .on_hover_text(
                "What was not used for longest is deleted first, and computed again when it is needed",
            );
    });
    ui.add_space(SPACE_16);
    widgets::section(ui, "This program");
    let version = env!("CARGO_PKG_VERSION");
    widgets::caption(
        ui,
        format!("Semascope {version} · computes on: {device} · opens no network connection"),
    );
    ui.add_space(SPACE_8);
    if ui.button("Report a problem…").on_hover_text("Shows a report to save or copy").clicked() {
        wishes.act(Action::Open(Sheet::Problem));
    }
    if settings != *session.settings() {
        wishes.act(Action::SetSettings(Box::new(settings)));
    }
}

/// Where the cache is, how large it is, and how to move and empty it.
fn cache(ui: &mut Ui, session: &Session, wishes: &mut Wishes) {
    let idle = !session.is_cache_busy();
    let folder = session.cache().folder();
    let path = folder.display().to_string();
    ui.horizontal(|ui| {
        ui.label(format::elide_middle(&path, LONGEST_PATH)).on_hover_text(&path);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let change = ui.add_enabled(idle, egui::Button::new("Change…"));
            if change.on_hover_text("New work is kept in the new place; the old one stays as it is").clicked()
            {
                wishes.act(Action::PickCacheFolder);
            }
            if widgets::icon_button(ui, icons::ARROW_SQUARE_OUT, "Show the cache's folder", "").clicked() {
                wishes.act(Action::Reveal(folder.to_owned()));
            }
        });
    });
    let size = session.cache_size();
    ui.horizontal(|ui| {
        match size {
            Some(size) => {
                ui.label(format!("{} of vectors, neighbours, maps and pictures", format::bytes(size)))
            }
            None => widgets::muted(ui, "Counting…"),
        };
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let size = size.filter(|&size| size > 0 && idle);
            let name = size.map_or_else(|| "Clear".into(), |size| format!("Clear {}", format::bytes(size)));
            if ui.add_enabled(size.is_some(), egui::Button::new(name)).clicked() {
                wishes.push(Command::ClearCache);
            }
        });
    });
    if session.settings().cache_folder.is_some()
        && ui.add_enabled(idle, egui::Button::new("Use the system's place again")).clicked()
    {
        wishes.push(Command::MoveCache(None));
    }
    widgets::caption(ui, "What is in it need not be computed again. Clearing it loses no work.");
}
