//! The sheet that shows a report of a problem as it would be saved.

use std::sync::Arc;

use egui::{Label, RichText, ScrollArea, TextStyle, Ui};

use crate::session::{Notice, Severity, Wake};

use super::problem_report::Source;
use super::theme::{self, SPACE_8, SPACE_12, Theme};
use super::widgets;
use super::wishes::{Action, Wishes};
use crate::job::derived::Derived;

/// The sheet's width, and the height of its text, in windows with room for them.
const WIDTH: f32 = 720.0;
const HEIGHT: f32 = 440.0;
/// What of a smaller window the sheet leaves free.
const REST: egui::Vec2 = egui::vec2(120.0, 260.0);

/// The report on show.
pub struct ProblemSheet {
    text: Derived<u64, String>,
    /// Counts the reports: each opening of the sheet makes a new one.
    number: u64,
}

impl Default for ProblemSheet {
    fn default() -> Self {
        Self { text: Derived::new("problem report"), number: 0 }
    }
}

impl ProblemSheet {
    /// Begins a new report, written on a worker.
    pub fn begin(&mut self, source: Source, wake: &Wake) {
        self.number += 1;
        self.text.clear();
        self.text.want(self.number, wake, move |_| source.text());
    }

    /// The report, once it is written.
    pub fn text(&self) -> Option<Arc<String>> {
        self.text.of(&self.number).cloned()
    }

    /// Draws the sheet.
    pub fn show(&mut self, ui: &mut Ui, wishes: &mut Wishes) {
        self.text.poll();
        let theme = Theme::of(ui);
        let room = ui.ctx().content_rect().size() - REST;
        ui.set_width(WIDTH.min(room.x));
        ui.label(RichText::new("Report a problem").text_style(theme::title()));
        widgets::muted(
            ui,
            "This is the whole report, letter by letter. It holds none of your texts, and it goes nowhere by itself: save \
             or copy it, read it, and send it to whom you like.",
        );
        ui.add_space(SPACE_8);
        let text = self.text();
        let frame = egui::Frame::new().fill(theme.field).stroke(theme.line()).corner_radius(theme::RADIUS);
        frame.inner_margin(egui::Margin::same(10)).show(ui, |ui| {
            ui.set_height(HEIGHT.min(room.y));
            match &text {
                Some(text) => lines(ui, text),
                None => {
                    widgets::muted(ui, "Looking at the machine…");
                }
            }
        });
        ui.add_space(SPACE_12);
        ui.horizontal(|ui| {
            ui.add_enabled_ui(text.is_some(), |ui| {
                if widgets::primary_button(ui, "Save…").clicked() {
                    wishes.act(Action::PickReportFile);
                }
                if widgets::plain_button(ui, "Copy").clicked()
                    && let Some(text) = &text
                {
                    ui.ctx().copy_text(text.to_string());
                    let text = "The report was copied.".into();
                    wishes.act(Action::Tell(Notice { severity: Severity::Info, text, action: None }));
                }
            });
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if widgets::plain_button(ui, "Close").clicked() {
                    wishes.act(Action::Escape);
                }
            });
        });
    }
}

/// The lines that are in view.
fn lines(ui: &mut Ui, text: &str) {
    let all: Vec<&str> = text.lines().collect();
    let height = ui.text_style_height(&TextStyle::Monospace);
    ui.spacing_mut().item_spacing.y = 2.0;
    ScrollArea::both().auto_shrink(false).show_rows(ui, height, all.len(), |ui, rows| {
        for line in &all[rows] {
            if line.is_empty() {
                ui.allocate_space(egui::vec2(0.0, height));
                continue;
            }
            let text = RichText::new(*line).text_style(TextStyle::Monospace);
            ui.add(Label::new(text).selectable(true).extend());
        }
    });
}
