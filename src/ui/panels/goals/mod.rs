//! The panel of goals: what is asked, the work on it, and a card for each explanation.

mod card;
mod evidence;
mod form;
mod overlap;
mod rounds;

use egui::{Color32, RichText, ScrollArea, TextEdit, Ui};

use crate::data::{Corpus, GoalDeed, Goals};
use crate::session::{Answer, Command, GoalState, Session, StepState};
use crate::ui::choosing;
use crate::ui::facts::Facts;
use crate::ui::format;
use crate::ui::goal_facts;
use crate::ui::icons;
use crate::ui::theme::{self, SPACE_4, SPACE_8, SPACE_12, Theme};
use crate::ui::widgets;
use crate::ui::wishes::{Action, Wishes};

pub use evidence::paint_passage;
use form::Draft;

/// What the panel remembers between frames.
#[derive(Default)]
pub struct GoalsState {
    /// The goal on show; none: a new one is being written.
    goal: Option<u32>,
    draft: Draft,
    /// The goals of the last frame: one that is new is shown.
    known: Vec<u32>,
    /// Words of an explanation that are being changed: its goal and id.
    editing: Option<(u32, u32, String)>,
    /// The explanation whose card was scrolled to.
    scrolled: Option<(u32, u32)>,
    /// An explanation in words of one's own that is being written.
    adding: String,
    overlap: bool,
}

impl GoalsState {
    /// The panel is asked for: without a goal one can be typed at once.
    pub fn enter(&mut self) {
        if self.goal.is_none() {
            self.draft.focus();
        }
    }

    /// Follows goals that came and went.
    fn meet(&mut self, session: &Session) {
        let goals: Vec<u32> = session.goals().map(|goal| goal.asked.id).collect();
        if goals != self.known {
            let new = goals.iter().copied().find(|goal| !self.known.contains(goal));
            let gone = self.goal.is_some_and(|goal| !goals.contains(&goal));
            if let Some(new) = new {
                self.goal = Some(new);
            } else if gone {
                self.goal = goals.last().copied();
            }
            self.known = goals;
        }
        // A card that was asked for elsewhere shows, whatever goal it is of.
        if let Some((goal, id)) = session.focus_explanation()
            && self.scrolled != Some((goal, id))
            && self.known.contains(&goal)
        {
            self.goal = Some(goal);
        }
        self.draft.meet(self.goal, session);
    }
}

/// Draws the panel; `colour` gives an explanation's colour on the map.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    facts: &Facts,
    colour: impl Fn(u32, u32) -> Option<Color32>,
    state: &mut GoalsState,
    wishes: &mut Wishes,
) {
    let Some(corpus) = session.corpus() else { return };
    state.meet(session);
    tabs(ui, session, state);
    ScrollArea::vertical().auto_shrink(false).id_salt(("goals", state.goal)).show(ui, |ui| {
        let goal = state.goal.and_then(|goal| session.goal(goal));
        form::show(ui, session, goal.as_ref(), &mut state.draft, wishes);
        let Some(goal) = goal else { return };
        status(ui, session, &goal, wishes);
        if session.live_round(goal.asked.id).is_some() {
            return;
        }
        if let Some(answer) = goal.answer {
            let colour = |id| colour(goal.asked.id, id);
            answered(ui, session, corpus, facts, (&goal, answer), colour, state, wishes);
        }
    });
}

/// The goals that were asked for, side by side.
fn tabs(ui: &mut Ui, session: &Session, state: &mut GoalsState) {
    ui.horizontal(|ui| {
        widgets::section(ui, "Goals");
        if state.known.is_empty() {
            return;
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if widgets::icon_button(ui, icons::PLUS, "Ask for another goal", "").clicked() {
                state.goal = None;
                state.draft.begin();
            }
        });
    });
    if state.known.len() + usize::from(state.goal.is_none()) > 1 {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = egui::vec2(SPACE_4, SPACE_4);
            for &goal in &state.known {
                let title = RichText::new(goal_facts::goal_title(session, goal)).small();
                if ui.selectable_label(state.goal == Some(goal), title).clicked() {
                    state.goal = Some(goal);
                }
            }
            if state.goal.is_none() {
                let _ = ui.selectable_label(true, RichText::new("new").small());
            }
        });
    }
    ui.add_space(SPACE_4);
}

/// How far the work is, or how it ended.
fn status(ui: &mut Ui, session: &Session, goal: &GoalState<'_>, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    let id = goal.asked.id;
    match &goal.state {
        StepState::Running(snapshot) => rounds::show(ui, session, goal, snapshot.as_ref(), wishes),
        StepState::Failed(sentence) => {
            ui.add_space(SPACE_8);
            ui.horizontal_top(|ui| {
                ui.label(RichText::new(icons::WARNING_CIRCLE).color(theme.error));
                ui.add(egui::Label::new(sentence).wrap());
            });
        }
        StepState::Stopped => {
            ui.add_space(SPACE_8);
            ui.horizontal(|ui| {
                widgets::muted(ui, "It was stopped.");
                if widgets::small_link(ui, "Go on").clicked() {
                    wishes.push(Command::TryGoal(id));
                }
            });
        }
        StepState::Waiting => {
            ui.add_space(SPACE_8);
            widgets::muted(ui, "It starts as soon as the texts have their vectors.");
        }
        StepState::Done | StepState::Stale => {}
    }
}

#[expect(clippy::too_many_arguments, reason = "what the cards are drawn from")]
fn answered(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    facts: &Facts,
    (goal, answer): (&GoalState<'_>, &Answer),
    colour: impl Fn(u32) -> Option<Color32>,
    state: &mut GoalsState,
    wishes: &mut Wishes,
) {
    let goals = answer.goals();
    let id = goal.asked.id;
    ui.add_space(SPACE_12);
    summary(ui, goals);
    ui.add_space(SPACE_8);
    for (explanation, number) in goals.explanations.iter().zip(1..) {
        let drawn = card::Drawn { goal, goals, explanation, number, colour: colour(explanation.id) };
        card::show(ui, session, corpus, facts, &drawn, state, wishes);
    }
    ui.add_space(SPACE_8);
    uncovered(ui, goals, id, wishes);
    add(ui, session, id, &mut state.adding, wishes);
    ui.add_space(SPACE_8);
    overlap::show(ui, goals, &answer.overlaps, &mut state.overlap, wishes);
    ui.add_space(SPACE_12);
    ui.horizontal_wrapped(|ui| {
        let export = ui.button(format!("{}  Export…", icons::EXPORT));
        let hint =
            "clusters.csv with a column and a score for each explanation, and explanations.json beside it";
        if export.on_hover_text(hint).clicked() {
            wishes.act(Action::PickGoalFile(id));
        }
        if ui.button("Close this goal").on_hover_text("Undo brings it back").clicked() {
            wishes.push(Command::ForgetGoal(id));
        }
    });
    ui.add_space(SPACE_12);
}

/// How the texts were compared, and how much the explanations hold for.
fn summary(ui: &mut Ui, goals: &Goals) {
    let n = goals.best.len().max(1) as f64;
    let covered = 1.0 - goals.uncovered() as f64 / n;
    let once: usize = goals.explanations.iter().map(|explanation| explanation.only).sum();
    ui.label(
        RichText::new(format::plural(goals.explanations.len(), "explanation", "explanations"))
            .text_style(theme::title()),
    );
    widgets::caption(
        ui,
        format!("{} covered, {} by one alone", format::percent(covered), format::percent(once as f64 / n)),
    );
    widgets::caption(ui, &goals.why);
    if !goals.nuisances.is_empty() {
        widgets::caption(ui, format!("Subtracted: {}", goals.nuisances.join(", ")));
    }
    if let Some(selection) = &goals.selection {
        let text = match selection.status.as_str() {
            "best" => "The selection is the best there is".to_owned(),
            _ => format!("At most {} from the best selection", format::percent(selection.gap)),
        };
        let greedy = selection.greedy_cost / selection.cost.max(f64::MIN_POSITIVE) - 1.0;
        let tip = format!(
            "Selected among {} by integer programming in {}: cost {:.0}, no selection costs less than {:.0}; greedy \
             cover costs {} more.",
            format::plural(selection.candidates, "candidate", "candidates"),
            format::plural(selection.rounds, "round", "rounds"),
            selection.cost,
            selection.bound,
            format::percent(greedy.max(0.0)),
        );
        widgets::caption(ui, text).on_hover_text(tip);
    }
    let who = format!("Proposed by {}; assigned by {}.", goals.proposed_by, goals.assigned_by);
    widgets::cut_caption(ui, who);
}

/// What no explanation covers.
fn uncovered(ui: &mut Ui, goals: &Goals, goal: u32, wishes: &mut Wishes) {
    let count = goals.uncovered();
    if count == 0 {
        widgets::caption(ui, "Every document satisfies an explanation.");
        return;
    }
    let share = format::percent(count as f64 / goals.best.len().max(1) as f64);
    ui.horizontal_wrapped(|ui| {
        widgets::caption(
            ui,
            format!("Not covered: {} ({share})", format::plural(count, "document", "documents")),
        );
        if widgets::small_link(ui, "Select").clicked() {
            choosing::select(ui, goals.uncovered_documents(), wishes);
        }
        let missing = widgets::small_link(ui, "What is missing?");
        if missing.on_hover_text("Add the clearest explanation of what none covers").clicked() {
            wishes.push(Command::SteerGoal(goal, Box::new(GoalDeed::AddMissing)));
        }
    });
}

/// Explanations of one's own.
fn add(ui: &mut Ui, session: &Session, goal: u32, adding: &mut String, wishes: &mut Wishes) {
    ui.add_space(SPACE_4);
    let field = TextEdit::singleline(adding)
        .hint_text("Add one in your words: “mentions a refund”")
        .desired_width(f32::INFINITY);
    let response = ui.add(field);
    if response.lost_focus()
        && ui.input(|input| input.key_pressed(egui::Key::Enter))
        && !adding.trim().is_empty()
    {
        let predicate = std::mem::take(adding).trim().to_owned();
        wishes.push(Command::SteerGoal(goal, Box::new(GoalDeed::Add { predicate })));
    }
    if let Some(selection) = session.selection().filter(|selection| !selection.is_empty()) {
        let text = format!("Add one from the selection ({})", format::len(selection.len()));
        if widgets::small_link(ui, &text)
            .on_hover_text("The selected documents show what it is about")
            .clicked()
        {
            let documents = selection.to_vec();
            wishes.push(Command::SteerGoal(goal, Box::new(GoalDeed::AddLike { documents })));
        }
    }
}
