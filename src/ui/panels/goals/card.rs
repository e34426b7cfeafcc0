//! The card of an explanation: its words, how many satisfy it, and, opened, what shows it.

use egui::{Color32, CornerRadius, Key, Label, Rect, RichText, Sense, TextEdit, TextStyle, Ui, vec2};

use crate::data::{Corpus, Explanation, GoalDeed, Goals};
use crate::session::{Command, GoalState, Session};
use crate::ui::choosing;
use crate::ui::explanation_menu;
use crate::ui::facts::Facts;
use crate::ui::format;
use crate::ui::icons;
use crate::ui::theme::{self, SPACE_4, SPACE_8, SPACE_12, Theme};
use crate::ui::widgets::{self, SWATCH};
use crate::ui::wishes::Wishes;

use super::{GoalsState, evidence};

/// Height of the bar that shows how many satisfy an explanation.
const BAR: f32 = 4.0;

/// What a card is about.
pub struct Drawn<'a> {
    pub goal: &'a GoalState<'a>,
    pub goals: &'a Goals,
    pub explanation: &'a Explanation,
    /// From 1.
    pub number: usize,
    /// On the map.
    pub colour: Option<Color32>,
}

/// Draws the card; the one that is looked at is open.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    facts: &Facts,
    drawn: &Drawn<'_>,
    state: &mut GoalsState,
    wishes: &mut Wishes,
) {
    let key = (drawn.goal.asked.id, drawn.explanation.id);
    let open = session.focus_explanation() == Some(key);
    let theme = Theme::of(ui);
    // The ground reaches to the left of the text, so that text in open and closed cards is aligned.
    let ground = ui.painter().add(egui::Shape::Noop);
    ui.add_space(SPACE_4);
    let shown = ui.vertical(|ui| {
        head(ui, session, drawn, open, state, wishes);
        figures(ui, drawn);
        if open {
            body(ui, session, corpus, facts, drawn, wishes);
        }
    });
    let shown = shown.response;
    ui.add_space(SPACE_4);
    if open {
        let rect = shown.rect.expand(SPACE_4).expand2(vec2(SPACE_4, 0.0));
        let fill = egui::epaint::RectShape::filled(rect, CornerRadius::same(theme::RADIUS), theme.raised);
        ui.painter().set(ground, fill);
    }
    if open && state.scrolled != Some(key) {
        state.scrolled = Some(key);
        shown.scroll_to_me(Some(egui::Align::Min));
    } else if !open && state.scrolled == Some(key) {
        state.scrolled = None;
    }
    ui.add_space(SPACE_4);
}

/// The number, the words and the buttons.
fn head(
    ui: &mut Ui,
    session: &Session,
    drawn: &Drawn<'_>,
    open: bool,
    state: &mut GoalsState,
    wishes: &mut Wishes,
) {
    let (goal, id) = (drawn.goal.asked.id, drawn.explanation.id);
    if let Some((_, _, text)) = state.editing.as_mut().filter(|(g, e, _)| (*g, *e) == (goal, id)) {
        if let Some(done) = edit(ui, drawn, text) {
            wishes.commands.extend(done);
            state.editing = None;
        }
        return;
    }
    let theme = Theme::of(ui);
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(SWATCH, 20.0), Sense::hover());
        widgets::swatch(ui, rect.center(), drawn.colour.unwrap_or(theme.muted));
        let room = ui.available_width() - 2.0 * widgets::ICON_BUTTON - ui.spacing().item_spacing.x;
        ui.vertical(|ui| {
            ui.set_width(room);
            let title = RichText::new(format!("{}  {}", drawn.number, drawn.explanation.title));
            let title = ui.add(Label::new(title.text_style(theme::strong())).wrap().sense(Sense::click()));
            title.widget_info(|| {
                let name = format!("Explanation {}, {}", drawn.number, drawn.explanation.title);
                egui::WidgetInfo::selected(egui::Role::Button, true, open, name)
            });
            let title = title.on_hover_cursor(egui::CursorIcon::PointingHand);
            title.context_menu(|ui| explanation_menu::show(ui, session, goal, id, wishes));
            if title.double_clicked() {
                state.editing = Some((goal, id, drawn.explanation.predicate.clone()));
            } else if title.clicked() {
                wishes.push(Command::FocusExplanation((!open).then_some((goal, id))));
            }
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            let more = widgets::icon_button(ui, icons::DOTS_THREE, "More", "");
            egui::Popup::menu(&more).show(|ui| explanation_menu::show(ui, session, goal, id, wishes));
            if drawn.explanation.pinned {
                let pin = widgets::icon_button(ui, icons::PUSH_PIN, "Pinned: click to unpin", "");
                if pin.clicked() {
                    let deed = GoalDeed::Pin { which: id, pinned: false };
                    wishes.push(Command::SteerGoal(goal, Box::new(deed)));
                }
            } else if open && widgets::icon_button(ui, icons::PENCIL_SIMPLE, "Reword", "").clicked() {
                state.editing = Some((goal, id, drawn.explanation.predicate.clone()));
            }
        });
    });
}

/// The words as a field; returns what is to be done once it is left.
fn edit(ui: &mut Ui, drawn: &Drawn<'_>, text: &mut String) -> Option<Vec<Command>> {
    let (goal, which) = (drawn.goal.asked.id, drawn.explanation.id);
    let id = egui::Id::unique(("words of an explanation", goal, which));
    let field = TextEdit::multiline(text).id(id).desired_rows(2).desired_width(f32::INFINITY);
    // Enter applies; Shift and Enter would make a line that no predicate needs.
    let response = ui.add(field.return_key(egui::KeyboardShortcut::new(egui::Modifiers::SHIFT, Key::Enter)));
    if ui.memory(|memory| memory.focused().is_none()) {
        response.request_focus();
    }
    let (enter, escape) = ui.input(|input| (input.key_pressed(Key::Enter), input.key_pressed(Key::Escape)));
    let changed = text.trim() != drawn.explanation.predicate && !text.trim().is_empty();
    let steer = |deed| Some(vec![Command::SteerGoal(goal, Box::new(deed))]);
    let mut done = None;
    ui.horizontal_wrapped(|ui| {
        let predicate = text.trim().to_owned();
        let apply = ui.add_enabled(changed, egui::Button::new("Change members too"));
        let apply = apply.on_hover_text("Its members follow the new words (Enter)").clicked();
        let rename = ui.add_enabled(changed, egui::Button::new("Only rename"));
        let rename = rename.on_hover_text("The same documents under other words").clicked();
        if apply || (enter && changed && !rename) {
            done = steer(GoalDeed::Reword { which, predicate });
        } else if rename {
            done = steer(GoalDeed::Rename { which, predicate });
        } else if ui.button("Cancel").clicked() || escape || (enter && !changed) {
            done = Some(Vec::new());
        }
    });
    done
}

/// How many satisfy it, as a bar and in figures.
fn figures(ui: &mut Ui, drawn: &Drawn<'_>) {
    let theme = Theme::of(ui);
    let n = drawn.goals.best.len().max(1) as f64;
    let (all, only) = (drawn.explanation.members.len(), drawn.explanation.only);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), BAR), Sense::hover());
    let part = |count: usize| {
        let width = rect.width() * (count as f64 / n) as f32;
        Rect::from_min_size(rect.min, vec2(width.max(if count > 0 { 2.0 } else { 0.0 }), rect.height()))
    };
    let colour = drawn.colour.unwrap_or(theme.accent);
    ui.painter().rect_filled(rect, 2.0, theme.hairline);
    ui.painter().rect_filled(part(all), 2.0, theme.panel.lerp_to_gamma(colour, 0.45));
    ui.painter().rect_filled(part(only), 2.0, colour);
    let share = format::percent(all as f64 / n);
    let text = format!("{} · {share} · {} only this", format::len(all), format::len(only));
    ui.horizontal(|ui| {
        ui.spacing_mut().interact_size.y = 0.0;
        widgets::caption(ui, text);
        let Some(held) = drawn.explanation.held_out else { return };
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let right = format::percent(f64::from(held.accuracy));
            widgets::cut_caption(ui, format!("{right} right")).on_hover_text(format!(
                "Accuracy on texts held out: made from one half of the texts, it puts {right} of the other half on the \
                 right side (F1 {:.2}).",
                held.f1
            ));
        });
    });
}

/// What shows when the card is open.
fn body(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    facts: &Facts,
    drawn: &Drawn<'_>,
    wishes: &mut Wishes,
) {
    let (goal, id) = (drawn.goal.asked.id, drawn.explanation.id);
    let explanation = drawn.explanation;
    let theme = Theme::of(ui);
    ui.add_space(SPACE_4);
    if explanation.predicate != explanation.title {
        ui.add(Label::new(RichText::new(format!("“{}”", explanation.predicate)).color(theme.text)).wrap());
    }
    let mut about = format!("Proposed by {}", explanation.proposed_by);
    if let Some(area) = explanation.name_area {
        about.push_str(&format!(
            " · its words tell members apart in {} of pairs",
            format::percent(f64::from(area))
        ));
    }
    ui.add(Label::new(RichText::new(about).text_style(TextStyle::Small).color(theme.muted)).wrap());
    ui.add_space(SPACE_4);
    ui.horizontal_wrapped(|ui| {
        if ui.button("Select").on_hover_text("Select its documents, in the table as well").clicked() {
            choosing::select(ui, explanation.members.clone(), wishes);
        }
        ui.menu_button("Split", |ui| {
            for parts in explanation_menu::PARTS {
                if ui.button(format!("into {parts} finer ones")).clicked() {
                    wishes.push(Command::SteerGoal(goal, Box::new(GoalDeed::Split { which: id, parts })));
                    ui.close();
                }
            }
        });
        let beside =
            ui.button("More like it").on_hover_text("Add the clearest of what lies just outside of it");
        if beside.clicked() {
            wishes.push(Command::SteerGoal(goal, Box::new(GoalDeed::AddBeside { which: id })));
        }
        if !explanation.pinned && ui.button("Pin").on_hover_text("Keep it when explaining again").clicked() {
            wishes.push(Command::SteerGoal(goal, Box::new(GoalDeed::Pin { which: id, pinned: true })));
        }
        if ui.button("Ban").on_hover_text("Not this, nor anything like it when explaining again").clicked() {
            let deed = GoalDeed::Ban { which: id, documents: explanation.surest() };
            wishes.push(Command::SteerGoal(goal, Box::new(deed)));
        }
    });
    let passage = |document: u32| facts.passage(session, (goal, id), document);
    if !explanation.exemplars.is_empty() {
        ui.add_space(SPACE_12);
        widgets::section(ui, "Shows it best");
        ui.add_space(SPACE_4);
        evidence::list(ui, corpus, &explanation.exemplars, passage, (goal, id, true), wishes);
    }
    if !explanation.near_misses.is_empty() {
        ui.add_space(SPACE_8);
        widgets::section(ui, "Just misses it");
        ui.add_space(SPACE_4);
        evidence::list(ui, corpus, &explanation.near_misses, passage, (goal, id, false), wishes);
    }
}
