//! The log: what the program said, and how fast it draws.

use std::time::Duration;

use egui::{RichText, ScrollArea, TextStyle, Ui};
use tracing::Level;

use super::frame_stats::FrameStats;
use super::icons;
use super::log::{LogBuffer, Record};
use super::theme::{SPACE_8, Theme};
use super::widgets;
use super::wishes::{Action, Pane, Sheet, Wishes};

/// Height of a line.
const LINE: f32 = 18.0;

/// Draws the panel.
pub fn show(ui: &mut Ui, log: &LogBuffer, frames: FrameStats, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    ui.horizontal(|ui| {
        widgets::section(ui, "Log");
        ui.add_space(SPACE_8);
        let ms = |d: Duration| format!("{:.1}", d.as_secs_f64() * 1e3);
        let text = format!(
            "{} frames · p50 {} ms · p99 {} ms · max {} ms",
            super::format::count(frames.frames),
            ms(frames.p50),
            ms(frames.p99),
            ms(frames.max)
        );
        widgets::caption(ui, text)
            .on_hover_text("How long the window's thread took for a frame, of the last two minutes");
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if widgets::icon_button(ui, icons::X, "Close log", "").clicked() {
                wishes.act(Action::Toggle(Pane::Log));
            }
            if widgets::icon_button(ui, icons::TRASH, "Empty log", "").clicked() {
                log.clear();
            }
            if widgets::icon_button(ui, icons::BUG, "Report a problem…", "").clicked() {
                wishes.act(Action::Open(Sheet::Problem));
            }
        });
    });
    log.with(|records| {
        if records.is_empty() {
            widgets::muted(ui, "Nothing has been logged yet.");
            return;
        }
        ScrollArea::both().auto_shrink(false).stick_to_bottom(true).show_rows(
            ui,
            LINE,
            records.len(),
            |ui, rows| {
                for record in records.range(rows) {
                    line(ui, record, theme);
                }
            },
        );
    });
}

fn line(ui: &mut Ui, record: &Record, theme: &Theme) {
    let colour = match record.level {
        Level::ERROR => theme.error,
        Level::WARN => theme.warning,
        _ => theme.text,
    };
    ui.horizontal(|ui| {
        ui.set_height(LINE);
        let small = |text: String| RichText::new(text).text_style(TextStyle::Monospace);
        ui.label(small(format!("{:>9.3}", record.time.as_secs_f64())).color(theme.muted));
        ui.label(small(record.level.to_string()).color(colour));
        let text = egui::Label::new(small(record.message.clone()).color(colour)).selectable(true).extend();
        ui.add(text).on_hover_text(&record.target);
    });
}
