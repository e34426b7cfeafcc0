//! The page "Copies": groups of documents that are copies of one another, exactly or nearly, and what becomes of them.

use std::sync::Arc;

use egui::{ComboBox, RichText, ScrollArea, Slider, TextStyle, Ui, pos2};

use crate::data::Corpus;
use crate::math::duplicates::{Duplicates, Keep, MEANING_FLOOR, TEXT_FLOOR};
use crate::session::{Command, Session, Study};
use crate::ui::copy_groups::{CopiesState, Grouped, Member, Way, own_clause, showing_one_of_each};
use crate::ui::hand_sheet::{Documents, Task};
use crate::ui::theme::{self, ROW, SPACE_4, SPACE_8, SPACE_12, SPACE_16, Theme};
use crate::ui::widgets::{self, Side};
use crate::ui::wishes::{Action, Wishes};
use crate::ui::{choosing, format, icons, marking};

use super::study;

/// Characters of a centre's text that are laid out.
const SHOWN: usize = 160;
/// Steps of the sliders.
const TEXT_STEP: f64 = 0.01;
const MEANING_STEP: f64 = 0.005;
/// How wide the list of rules is.
const RULES: f32 = 150.0;

/// Draws the page.
pub fn show(ui: &mut Ui, session: &Session, corpus: &Corpus, state: &mut CopiesState, wishes: &mut Wishes) {
    let Some(found) = session.copies() else {
        if session.is_asked(Study::Copies) {
            study::under_way(
                ui,
                session,
                Study::Copies,
                "They are sought once the neighbours are there.",
                wishes,
            );
        } else {
            unasked(ui, wishes);
        }
        return;
    };
    study::anew(ui, session, Study::Copies, wishes);
    how(ui, found, state);
    let Some(grouped) = state.grouped().cloned() else {
        widgets::muted(ui, "Grouping…");
        return;
    };
    if grouped.groups.groups.is_empty() {
        none(ui, &grouped, state);
        return;
    }
    head(ui, session, &grouped, state, wishes);
    list(ui, session, corpus, &grouped, state, wishes);
}

fn unasked(ui: &mut Ui, wishes: &mut Wishes) {
    widgets::muted(ui, "Documents that are there more than once, exactly or with small edits, as groups.");
    ui.add_space(SPACE_8);
    if ui.button(format!("{}  Find copies", icons::COPY)).clicked() {
        wishes.push(Command::FindCopies);
    }
}

/// By what documents are alike, and how much.
fn how(ui: &mut Ui, found: &Duplicates, state: &mut CopiesState) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_4;
        let ways = [
            (Way::Exact, "Exact", "The same apart from case, white space and punctuation"),
            (Way::Text, "Nearly alike", "So many letters of the longer text stay when one becomes the other"),
            (Way::Meaning, "In other words", "The cosine of their vectors is so high"),
        ];
        for (way, name, hint) in ways {
            let there = way != Way::Meaning || found.knows_meaning();
            let label = egui::Button::selectable(state.way == way, name);
            let label = ui.add_enabled(there, label).on_hover_text(hint);
            if label.on_disabled_hover_text("Needs vectors and their neighbours").clicked() {
                state.way = way;
            }
        }
    });
    ui.scope(|ui| {
        ui.spacing_mut().interact_size.y = 20.0;
        ui.spacing_mut().slider_width = (ui.available_width() - 160.0).clamp(24.0, 200.0);
        let percent = |value: f64, _| format!("{:.0}%", 100.0 * value);
        let read =
            |text: &str| text.trim_end_matches('%').trim().parse::<f64>().ok().map(|value| value / 100.0);
        let (name, slider) = match state.way {
            Way::Exact => return,
            Way::Text => {
                let slider = Slider::new(&mut state.by_text, TEXT_FLOOR..=1.0).step_by(TEXT_STEP);
                ("Letters alike", slider.custom_formatter(percent).custom_parser(read))
            }
            Way::Meaning => {
                let slider = Slider::new(&mut state.by_meaning, MEANING_FLOOR..=1.0).step_by(MEANING_STEP);
                ("Cosine", slider.fixed_decimals(3))
            }
        };
        ui.horizontal(|ui| {
            widgets::caption(ui, name);
            ui.name_inputs(name, |ui| ui.add(slider));
        });
    });
    if !found.knows_meaning() {
        widgets::caption(ui, "By the texts alone: there were no vectors with neighbours to compare.");
    }
    ui.add_space(SPACE_8);
}

fn none(ui: &mut Ui, grouped: &Grouped, state: &CopiesState) {
    let text = match state.way {
        Way::Exact => "No text is there twice.".to_owned(),
        Way::Text => format!(
            "No two texts are alike in {:.0}% of their letters. A lower share may find some.",
            100.0 * state.by_text
        ),
        Way::Meaning => {
            format!("No two vectors have a cosine of {:.3}. A lower one may find some.", state.by_meaning)
        }
    };
    widgets::muted(ui, text);
    if grouped.without_text > 0 {
        let n = format::plural(grouped.without_text, "document has", "documents have");
        widgets::caption(ui, format!("{n} no text to compare."));
    }
}

/// How many there are, and what can be done with all of them.
fn head(ui: &mut Ui, session: &Session, grouped: &Grouped, state: &mut CopiesState, wishes: &mut Wishes) {
    let groups = format::plural(grouped.groups.groups.len(), "group", "groups");
    let documents = format::plural(grouped.groups.documents(), "document", "documents");
    let text = format!("{groups}, {documents}, {} more than one of each", format::len(grouped.surplus.len()));
    ui.add(egui::Label::new(RichText::new(text).text_style(theme::strong())).wrap());
    ui.add_space(SPACE_4);
    ui.horizontal(|ui| {
        widgets::caption(ui, "Of each keep");
        ui.name_inputs("Of each keep", |ui| {
            let box_ = ComboBox::from_id_salt("keep").width(RULES).selected_text(rule(state.keep).0);
            box_.show_ui(ui, |ui| {
                for keep in [Keep::Centre, Keep::Longest, Keep::First] {
                    let (name, hint) = rule(keep);
                    ui.selectable_value(&mut state.keep, keep, name).on_hover_text(hint);
                }
            });
        });
    });
    ui.add_space(SPACE_4);
    let others = || grouped.surplus.documents().to_vec();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_8;
        if let Some(filter) = session.filter() {
            let own = own_clause(filter).filter(|(_, members)| members.key() == grouped.surplus.key());
            match own {
                Some((at, _)) => {
                    if ui.button(format!("{}  Show all of each", icons::EYE)).clicked() {
                        wishes.push(Command::SetFilter(Box::new(filter.without(at))));
                    }
                }
                None => {
                    let one = ui.button(format!("{}  Show one of each", icons::FUNNEL));
                    let hint = "Filters the others out; an export of what the filter shows has one of each";
                    if one.on_hover_text(hint).clicked() {
                        let filter = showing_one_of_each(filter, &grouped.surplus);
                        wishes.push(Command::SetFilter(Box::new(filter)));
                    }
                }
            }
        }
        let select = ui.button(format!("{}  Select the others", icons::SELECTION));
        if select.on_hover_text(choosing::KEYS).clicked() {
            choosing::select(ui, others(), wishes);
        }
        if ui.button(format!("{}  Tag them…", icons::TAG)).on_hover_text("The others of each group").clicked()
        {
            wishes.act(Action::Ask(Task::Tag(Documents::These(others().into()))));
        }
    });
    if session.kept().is_some() {
        let text =
            "Sought among all documents. The one kept of each is one that the filter shows, if any does.";
        ui.add(egui::Label::new(RichText::new(text).small().color(Theme::of(ui).muted)).wrap());
    }
    ui.add_space(SPACE_12);
}

fn rule(keep: Keep) -> (&'static str, &'static str) {
    match keep {
        Keep::Centre => ("The most typical", "The one that all others of its group are like"),
        Keep::Longest => ("The longest", "The one with the longest text"),
        Keep::First => ("The first", "The one that comes first in the file"),
    }
}

/// What stands in a row of the list.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Row {
    Group(usize),
    /// A member of the open group.
    Member(usize),
}

/// What stands in row `at`, where the group at `open.0` shows `open.1` members below it.
fn row_at(at: usize, open: Option<(usize, usize)>) -> Row {
    match open {
        Some((place, members)) if at > place && at <= place + members => Row::Member(at - place - 1),
        Some((place, members)) if at > place => Row::Group(at - members),
        _ => Row::Group(at),
    }
}

fn list(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    grouped: &Grouped,
    state: &mut CopiesState,
    wishes: &mut Wishes,
) {
    let opened = state.opened(session).map(|(place, members)| (place, members.cloned()));
    let open = opened.as_ref().map(|(place, members)| (*place, members.as_ref().map_or(0, |m| m.len())));
    let rows = grouped.groups.groups.len() + open.map_or(0, |(_, members)| members);
    let members: Option<Arc<Vec<Member>>> = opened.and_then(|(_, members)| members);
    ScrollArea::vertical().id_salt("copies").auto_shrink(false).show_rows(ui, ROW, rows, |ui, range| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for at in range {
            match row_at(at, open) {
                Row::Group(place) => {
                    let is_open = open.is_some_and(|(open, _)| open == place);
                    group(ui, session, corpus, (grouped, place, is_open), state, wishes);
                }
                Row::Member(at) => {
                    if let Some(member) = members.as_ref().and_then(|members| members.get(at)) {
                        let keeper = open.and_then(|(place, _)| grouped.keepers.get(place));
                        one(ui, session, member, keeper == Some(&member.document), state.way, wishes);
                    }
                }
            }
        }
    });
}

fn group(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    (grouped, place, is_open): (&Grouped, usize, bool),
    state: &mut CopiesState,
    wishes: &mut Wishes,
) {
    let Some((documents, &centre)) = grouped.groups.groups.get(place).zip(grouped.groups.centres.get(place))
    else {
        return;
    };
    let text = format::one_line(&corpus.text(centre as usize), SHOWN);
    let size = format::len(documents.len());
    let name = format!("Group of {size}: {text}");
    let row = widgets::row(ui, ROW, is_open, &name, |ui, rect| {
        let theme = Theme::of(ui);
        let mut inner = rect;
        let taken = widgets::line(ui, inner, Side::Right, size.as_str(), TextStyle::Small, theme.muted);
        inner.max.x -= taken + SPACE_8;
        let caret = if is_open { icons::CARET_DOWN } else { icons::CARET_RIGHT };
        widgets::line(ui, inner, Side::Left, caret, TextStyle::Small, theme.muted);
        inner.min.x += SPACE_16;
        widgets::line(ui, inner, Side::Left, text.as_str(), TextStyle::Body, theme.text);
    });
    if row.clicked() {
        state.open = (!is_open).then_some(centre);
        if !is_open {
            choosing::select(ui, documents.clone(), wishes);
        }
    }
    row.context_menu(|ui| {
        ui.set_min_width(180.0);
        let called = format!("{size} copies of “{}”", format::one_line(&text, 24));
        choosing::entries(ui, session, &called, || documents.clone(), wishes);
        if widgets::menu_item(ui, icons::TAG, "Tag them…", "") {
            wishes.act(Action::Ask(Task::Tag(Documents::These(documents.as_slice().into()))));
        }
    });
}

fn one(ui: &mut Ui, session: &Session, member: &Member, kept: bool, way: Way, wishes: &mut Wishes) {
    let alike = match way {
        _ if member.alike >= 1.0 => "same".to_owned(),
        Way::Exact | Way::Text => format::percent(f64::from(member.alike)),
        Way::Meaning => format!("{:.3}", member.alike),
    };
    let stays = if kept { ", kept" } else { "" };
    let name = format!("Copy {}: {}, {alike}{stays}", u64::from(member.document) + 1, member.line);
    let row = widgets::row(ui, ROW, session.focus() == Some(member.document), &name, |ui, rect| {
        let theme = Theme::of(ui);
        let mut inner = rect;
        let taken = widgets::line(ui, inner, Side::Right, alike.as_str(), TextStyle::Small, theme.muted);
        inner.max.x -= taken + SPACE_8;
        if kept {
            let at = egui::Rect::from_min_max(inner.min, pos2(inner.min.x + SPACE_16, inner.max.y));
            widgets::line(ui, at, Side::Left, icons::CHECK, TextStyle::Small, theme.accent);
        }
        inner.min.x += SPACE_16;
        let font = TextStyle::Body.resolve(ui.style());
        let job = marking::marked(ui, &member.line, std::slice::from_ref(&member.differs), font, theme.text);
        widgets::line(ui, inner, Side::Left, job, TextStyle::Body, theme.text);
    });
    let hint = if kept { "Kept of this group" } else { "Marked: what differs from the first of the group" };
    if row.on_hover_text(hint).clicked() {
        wishes.visit(member.document);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_below_their_group() {
        let rows = |open, n: usize| (0..n).map(|at| row_at(at, open)).collect::<Vec<_>>();
        assert_eq!(rows(None, 2), [Row::Group(0), Row::Group(1)]);
        let expected = [Row::Group(0), Row::Group(1), Row::Member(0), Row::Member(1), Row::Group(2)];
        assert_eq!(rows(Some((1, 2)), 5), expected);
        assert_eq!(rows(Some((0, 0)), 2), [Row::Group(0), Row::Group(1)]);
    }
}
