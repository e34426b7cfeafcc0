//! A study that is not done yet, on the page that shows it.

use egui::{RichText, Ui};

use crate::session::{Command, Session, StepState, Study};
use crate::ui::status_bar;
use crate::ui::theme::{SPACE_8, Theme};
use crate::ui::widgets;
use crate::ui::wishes::Wishes;

/// Says where a study stands that has nothing to show yet, with what can be done about it. `waits` says what it waits
/// for once it is asked for.
pub fn under_way(ui: &mut Ui, session: &Session, study: Study, waits: &str, wishes: &mut Wishes) {
    match session.study(study) {
        StepState::Running(progress) => {
            let stage = progress.as_ref().map_or("It begins…", |progress| progress.stage.as_str());
            widgets::muted(ui, stage);
            widgets::caption(ui, progress.as_ref().map_or_else(String::new, status_bar::figures));
            if ui.button("Stop").clicked() {
                wishes.push(Command::StopStudy(study));
            }
        }
        StepState::Failed(sentence) => {
            let theme = Theme::of(ui);
            ui.add(egui::Label::new(RichText::new(sentence).color(theme.error)).wrap());
            ui.add_space(SPACE_8);
            again(ui, "Try again", study, wishes);
        }
        StepState::Stopped => {
            widgets::muted(ui, "It was stopped.");
            ui.add_space(SPACE_8);
            again(ui, "Begin again", study, wishes);
        }
        StepState::Waiting | StepState::Stale | StepState::Done => drop(widgets::muted(ui, waits)),
    }
}

/// Says what becomes of a study that shows what it found before; nothing where that is as new as can be.
pub fn anew(ui: &mut Ui, session: &Session, study: Study, wishes: &mut Wishes) {
    match session.study(study) {
        StepState::Done => {}
        StepState::Running(_) => drop(widgets::caption(ui, "Being found anew…")),
        StepState::Waiting | StepState::Stale => {
            widgets::caption(ui, "By earlier neighbours; found anew once the present ones are there.");
        }
        StepState::Failed(_) | StepState::Stopped => {
            under_way(ui, session, study, "", wishes);
            widgets::caption(ui, "What was found before shows below.");
        }
    }
}

fn again(ui: &mut Ui, verb: &str, study: Study, wishes: &mut Wishes) {
    if ui.button(verb).clicked() {
        wishes.push(Command::TryStudy(study));
    }
}
