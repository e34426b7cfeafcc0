//! The work on a goal as it goes on: rounds, candidates, the way to stop.

use egui::{ProgressBar, RichText, TextStyle, Ui};

use crate::job::Snapshot;
use crate::session::{Command, GoalState, Session};
use crate::ui::format;
use crate::ui::status_bar;
use crate::ui::theme::{SPACE_4, SPACE_8, Theme};
use crate::ui::widgets;
use crate::ui::wishes::Wishes;

/// Candidates listed of a round.
const LISTED: usize = 12;

/// Draws the work under way.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    goal: &GoalState<'_>,
    snapshot: Option<&Snapshot>,
    wishes: &mut Wishes,
) {
    let theme = Theme::of(ui);
    let id = goal.asked.id;
    ui.add_space(SPACE_8);
    ui.label(snapshot.map_or("Starting", |snapshot| snapshot.stage.as_str()));
    if let Some(snapshot) = snapshot.filter(|snapshot| snapshot.total > 0) {
        let share = snapshot.done as f32 / snapshot.total as f32;
        ui.add(ProgressBar::new(share).desired_height(SPACE_4).corner_radius(2));
    }
    widgets::caption(ui, snapshot.map_or_else(String::new, status_bar::figures));
    ui.horizontal(|ui| {
        if session.live_round(id).is_some() {
            let keep = ui.button("Keep what is there");
            if keep.on_hover_text("End the rounds now, and explain with the candidates so far").clicked() {
                wishes.push(Command::FinishGoal(id));
            }
        }
        if ui.button("Stop").clicked() {
            wishes.push(Command::StopGoal(id));
        }
    });
    let Some(live) = session.live_round(id) else { return };
    for earlier in &goal.rounds {
        let round = &earlier.round;
        let text = format!(
            "Round {} of {}: {}, {} chosen, {} covered",
            round.round,
            round.of,
            format::plural(round.candidates, "candidate", "candidates"),
            round.chosen,
            format::percent(round.covered)
        );
        widgets::caption(ui, text);
    }
    ui.add_space(SPACE_8);
    widgets::section(ui, "Chosen so far, not named yet");
    let mut chosen: Vec<(usize, &str)> =
        live.round.members.iter().copied().zip(live.round.words.iter().map(String::as_str)).collect();
    chosen.sort_by_key(|(members, _)| std::cmp::Reverse(*members));
    for (members, words) in chosen.iter().take(LISTED) {
        let words = if words.is_empty() { "…" } else { words };
        widgets::entry(ui, false, None, words, &format::len(*members), theme.text);
    }
    if chosen.len() > LISTED {
        let text = format!("and {} more", chosen.len() - LISTED);
        ui.label(RichText::new(text).text_style(TextStyle::Small).color(theme.muted));
    }
}
