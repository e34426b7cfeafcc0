//! What is selected, and what can be done with it: a block at the top of the overview.

use egui::{Margin, RichText, Ui};

use crate::data::Corpus;
use crate::session::{Command, Session};
use crate::ui::choosing;
use crate::ui::format;
use crate::ui::hand_sheet::{self, Task};
use crate::ui::icons;
use crate::ui::shortcuts::keys_for;
use crate::ui::theme::{self, RADIUS, SPACE_4, SPACE_8, SPACE_12, Theme};
use crate::ui::widgets;
use crate::ui::wishes::{Action, Wishes};

use super::inspector::Page;

/// Draws the block; nothing where nothing is selected.
pub fn show(ui: &mut Ui, session: &Session, corpus: &Corpus, page: &mut Page, wishes: &mut Wishes) {
    let Some(selection) = session.selection().filter(|selection| !selection.is_empty()) else { return };
    let theme = Theme::of(ui);
    let frame =
        egui::Frame::new().fill(theme.selected).corner_radius(RADIUS).inner_margin(Margin::symmetric(12, 10));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            let n = format::plural(selection.len(), "document", "documents");
            ui.label(RichText::new(format!("{n} selected")).text_style(theme::strong()));
            let share = selection.len() as f64 / corpus.len().max(1) as f64;
            let share = RichText::new(format!("{} of all", format::percent(share))).small();
            ui.label(share.color(theme.text));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if widgets::icon_button(ui, icons::X, "Clear the selection", "Esc").clicked() {
                    wishes.push(Command::Select(Vec::new()));
                }
            });
        });
        ui.add_space(SPACE_4);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = SPACE_8;
            let special = ui.button(format!("{}  What is special?", icons::SPARKLE));
            if special.on_hover_text("Words and values that set them apart from the others").clicked() {
                *page = Page::Special;
                wishes.push(Command::FindSpecial);
            }
            if ui.button(format!("{}  Tag…", icons::TAG)).clicked() {
                hand_sheet::ask_of_selection(session, Task::Tag, wishes);
            }
            let only = ui.button(format!("{}  Map only these", icons::CHART_SCATTER));
            if only
                .on_hover_text(
                    "Map and cluster them anew, as a space of their own; the way back is at the top",
                )
                .clicked()
            {
                wishes.push(Command::OnlyThese(selection.to_vec()));
            }
            let keys = keys_for(ui.ctx(), |action| matches!(action, Action::InvertSelection));
            let invert = ui.button(format!("{}  Invert", icons::SELECTION_INVERSE));
            if invert.on_hover_text(format!("Select the others  ·  {keys}")).clicked() {
                wishes.push(Command::InvertSelection);
            }
            if let Some(filter) = session.filter() {
                let name = format!("{} selected", format::plural(selection.len(), "document", "documents"));
                for (glyph, verb, not) in
                    [(icons::FUNNEL, "Show only these", false), (icons::EYE_SLASH, "Hide", true)]
                {
                    if ui.button(format!("{glyph}  {verb}")).clicked() {
                        let filter = choosing::with_documents(filter, &name, selection.to_vec(), not);
                        wishes.push(Command::SetFilter(Box::new(filter)));
                        wishes.push(Command::Select(Vec::new()));
                    }
                }
            }
            let make = egui::Button::new(format!("{}  Make a cluster…", icons::PLUS));
            let make =
                ui.add_enabled(session.clusters().is_some(), make.wrap_mode(egui::TextWrapMode::Extend));
            if make.on_hover_text("They leave the clusters they are in").clicked() {
                hand_sheet::ask_of_selection(session, |of| Task::Group(of, String::new()), wishes);
            }
        });
    });
    ui.add_space(SPACE_12);
}
