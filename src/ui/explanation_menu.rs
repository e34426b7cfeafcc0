//! The menu of an explanation, wherever it is named.

use egui::Ui;

use crate::data::GoalDeed;
use crate::session::{ColourBy, Command, Session};

use super::choosing;
use super::icons;
use super::widgets::{self, menu_item as item};
use super::wishes::{Action, Mode, Wishes};

/// Into how many finer ones an explanation can be split.
pub const PARTS: std::ops::RangeInclusive<usize> = 2..=6;

/// Draws the menu of explanation `id` of `goal`.
pub fn show(ui: &mut Ui, session: &Session, goal: u32, id: u32, wishes: &mut Wishes) {
    ui.set_min_width(220.0);
    let Some(goals) = session.explanations(goal) else {
        widgets::muted(ui, "It has no name yet: explanations are being made.");
        return;
    };
    let Some(explanation) = goals.place(id).and_then(|place| goals.explanations.get(place)) else { return };
    widgets::cut_caption(ui, &explanation.title);
    let steer = |wishes: &mut Wishes, deed: GoalDeed| wishes.push(Command::SteerGoal(goal, Box::new(deed)));
    if item(ui, icons::EYE, "Show its card", "") {
        wishes.act(Action::Show(Mode::Goals));
        wishes.push(Command::FocusExplanation(Some((goal, id))));
    }
    choosing::entries(ui, session, &explanation.title, || explanation.members.clone(), wishes);
    if item(ui, icons::PALETTE, "Colour by how surely it holds", "") {
        wishes.push(Command::SetColour(ColourBy::Explanation(goal, id)));
    }
    ui.separator();
    let (glyph, pin) = match explanation.pinned {
        true => (icons::PUSH_PIN_SLASH, "Unpin"),
        false => (icons::PUSH_PIN, "Pin: keep it when explaining again"),
    };
    if item(ui, glyph, pin, "") {
        steer(wishes, GoalDeed::Pin { which: id, pinned: !explanation.pinned });
    }
    ui.menu_button(format!("{}  Split into finer ones", icons::ARROWS_SPLIT), |ui| {
        for parts in PARTS {
            if ui.button(format!("{parts} explanations")).clicked() {
                steer(wishes, GoalDeed::Split { which: id, parts });
                ui.close();
            }
        }
    });
    merge(ui, session, (goal, id), wishes);
    if item(ui, icons::PLUS, "Find more like it", "") {
        steer(wishes, GoalDeed::AddBeside { which: id });
    }
    if item(ui, icons::X, "Ban: not this, nor anything like it", "") {
        steer(wishes, GoalDeed::Ban { which: id, documents: explanation.surest() });
    }
}

/// The choice of another explanation to merge with.
pub fn merge(ui: &mut Ui, session: &Session, (goal, id): (u32, u32), wishes: &mut Wishes) {
    let Some(goals) = session.explanations(goal).filter(|goals| goals.explanations.len() > 1) else { return };
    ui.menu_button(format!("{}  Merge with", icons::ARROWS_MERGE), |ui| {
        for other in goals.explanations.iter().filter(|other| other.id != id) {
            let title = super::format::one_line(&other.title, 48);
            if ui.button(title).clicked() {
                let deed = GoalDeed::Merge { which: vec![id, other.id] };
                wishes.push(Command::SteerGoal(goal, Box::new(deed)));
                ui.close();
            }
        }
    });
}
