//! Which explanations of a goal a document satisfies, as far as the model and a person say.

use egui::{Color32, RichText, Sense, TextStyle, Ui, vec2};

use crate::data::{Explanation, GoalDeed};
use crate::session::{ColourBy, Command, Session};
use crate::ui::format;
use crate::ui::goal_facts;
use crate::ui::theme::{SPACE_8, SPACE_12, Theme};
use crate::ui::widgets::{self, SWATCH};
use crate::ui::wishes::Wishes;

/// Explanations that it does not satisfy, listed as choices.
const OTHERS: usize = 4;

/// The goal whose explanations matter now: that of the map's colours, or the last one.
fn goal_of(session: &Session) -> Option<u32> {
    if let Some((goal, _)) = session.focus_explanation() {
        return Some(goal);
    }
    match session.colouring().map(|colouring| colouring.by) {
        Some(ColourBy::Goal(goal) | ColourBy::Explanation(goal, _)) => Some(goal),
        _ => session.goals().last().map(|goal| goal.asked.id),
    }
}

/// Draws them for document `i`; a tick put or taken away overrules the model.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    i: u32,
    colour: &impl Fn(u32, u32) -> Option<Color32>,
    wishes: &mut Wishes,
) {
    let Some(goal) = goal_of(session) else { return };
    let Some(goals) = session.explanations(goal) else { return };
    ui.add_space(SPACE_12);
    widgets::section(ui, &format!("Goal: {}", goal_facts::goal_title(session, goal)));
    let satisfies = |explanation: &Explanation| explanation.members.binary_search(&i).is_ok();
    let score = |explanation: &Explanation| explanation.scores.get(i as usize).copied().unwrap_or(0.0);
    let mut ranked: Vec<&Explanation> = goals.explanations.iter().collect();
    ranked.sort_by(|a, b| satisfies(b).cmp(&satisfies(a)).then(score(b).total_cmp(&score(a))));
    let held = ranked.iter().filter(|explanation| satisfies(explanation)).count();
    if held == 0 {
        widgets::caption(ui, "It satisfies none of the explanations.");
    }
    for explanation in ranked.into_iter().take(held + OTHERS) {
        one(ui, session, (goal, i), explanation, colour(goal, explanation.id), wishes);
    }
}

fn one(
    ui: &mut Ui,
    session: &Session,
    (goal, document): (u32, u32),
    explanation: &Explanation,
    colour: Option<Color32>,
    wishes: &mut Wishes,
) {
    let theme = Theme::of(ui);
    let id = explanation.id;
    let was = explanation.members.binary_search(&document).is_ok();
    let said = session.goal(goal).is_some_and(|goal| {
        goal.asked.deeds.iter().any(
            |deed| matches!(&**deed, GoalDeed::Judge { document: d, which, .. } if (*d, *which) == (document, id)),
        )
    });
    ui.horizontal(|ui| {
        let mut now = was;
        let tick = widgets::outlined(ui, |ui| ui.checkbox(&mut now, ""));
        tick.widget_info(|| {
            egui::WidgetInfo::selected(
                egui::Role::CheckBox,
                true,
                was,
                format!("Satisfies {}", explanation.title),
            )
        });
        let tip = "Say whether it satisfies this explanation: the others are assigned anew with what you say";
        if tick.on_hover_text(tip).changed() {
            let deed = GoalDeed::Judge { document, which: id, satisfies: now };
            wishes.push(Command::SteerGoal(goal, Box::new(deed)));
        }
        let (rect, _) = ui.allocate_exact_size(vec2(SWATCH, SWATCH), Sense::hover());
        widgets::swatch(ui, rect.center(), colour.unwrap_or(theme.muted));
        let figure = match said {
            true => "said by you".to_owned(),
            false => {
                format::percent(f64::from(explanation.scores.get(document as usize).copied().unwrap_or(0.0)))
            }
        };
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            widgets::caption(ui, figure);
            ui.add_space(SPACE_8);
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let tint = if was { theme.text } else { theme.muted };
                let title = RichText::new(&explanation.title).text_style(TextStyle::Body).color(tint);
                let title = ui.add(egui::Label::new(title).truncate().sense(Sense::click()));
                if title.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
                    wishes.push(Command::FocusExplanation(Some((goal, id))));
                }
            });
        });
    });
}
