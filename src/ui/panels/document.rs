//! The inspector with a document chosen: its text, its columns, its true neighbours.

use egui::{Color32, Label, ScrollArea, TextStyle, Ui};

use crate::data::Corpus;
use crate::session::{Command, Session};
use crate::ui::facts::{self, Facts};
use crate::ui::format;
use crate::ui::icons;
use crate::ui::links::links;
use crate::ui::marking;
use crate::ui::tags;
use crate::ui::theme::{self, SPACE_4, SPACE_8, SPACE_12, Theme};
use crate::ui::widgets;
use crate::ui::wishes::{Action, Wishes};

use super::columns::cell_text;
use super::explanations;
use super::goals::paint_passage;
use super::inspector::Colours;
use super::listed;

/// Longer texts are cut here, in characters: nobody reads a book in a panel.
const LONGEST: usize = 20_000;
/// A first text column up to this many bytes is a title.
const LONGEST_TITLE: usize = 240;
/// Longer cells of other columns are cut here.
const LONGEST_CELL: usize = 2_000;
/// Documents listed that lie at the same place.
const STACK: usize = 50;

/// What else a document is drawn from.
pub struct Given<'a, C, E> {
    pub facts: &'a Facts,
    /// The documents at its place on the map, itself included.
    pub stack: &'a [u32],
    pub colours: &'a Colours<C, E>,
}

/// Draws document `i`; `tag` is the tag that is being typed.
pub fn show<C: Fn(u32) -> Option<Color32>, E: Fn(u32, u32) -> Option<Color32>>(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    i: u32,
    given: &Given<'_, C, E>,
    tag: &mut String,
    wishes: &mut Wishes,
) {
    let stack = given.stack;
    ui.horizontal(|ui| {
        widgets::section(
            ui,
            &format!("Document {} of {}", format::count(u64::from(i) + 1), format::len(corpus.len())),
        );
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if widgets::icon_button(ui, icons::X, "Close the document", "Esc").clicked() {
                wishes.push(Command::Focus(None));
            }
            if widgets::icon_button(ui, icons::CHART_SCATTER, "Show on the map", "").clicked() {
                wishes.act(Action::FlyTo(i));
            }
            if widgets::icon_button(ui, icons::CURSOR_TEXT, "Probe this text", "").clicked() {
                wishes.act(Action::Probe(corpus.text(i as usize).into_owned()));
            }
        });
    });
    ScrollArea::vertical().auto_shrink(false).id_salt(("document", i)).show(ui, |ui| {
        text(ui, session, corpus, i as usize, given.facts.document_passage(session).as_deref());
        explanations::show(ui, session, i, &given.colours.explanation, wishes);
        cluster(ui, session, i, &given.colours.cluster, wishes);
        ui.add_space(SPACE_12);
        widgets::section(ui, "Tags");
        ui.add_space(SPACE_4);
        tags::of_document(ui, session, i, tag, wishes);
        columns(ui, corpus, i as usize, wishes);
        neighbours(ui, session, corpus, i, wishes);
        if stack.len() > 1 {
            ui.add_space(SPACE_12);
            let others = format::plural(stack.len() - 1, "other document", "other documents");
            widgets::section(ui, &format!("At the same place: {others}"));
            for &other in stack.iter().filter(|other| **other != i).take(STACK) {
                if listed(ui, corpus, other, "").clicked() {
                    wishes.push(Command::Focus(Some(other)));
                }
            }
            if stack.len() > STACK + 1 {
                widgets::caption(ui, format!("and {} more", format::len(stack.len() - STACK - 1)));
            }
        }
        ui.add_space(SPACE_12);
    });
}

/// The text columns in their order; a short first one, such as a title, stands out.
/// Where `passage` stands in them, it is highlighted.
fn text(ui: &mut Ui, session: &Session, corpus: &Corpus, i: usize, passage: Option<&str>) {
    let theme = Theme::of(ui);
    let cells = corpus.text_columns.iter().map(|&c| corpus.columns[c].cells.get(i).trim());
    let cells: Vec<&str> = cells.filter(|cell| !cell.is_empty()).collect();
    if cells.is_empty() {
        widgets::muted(ui, "This text is empty.");
    }
    for (place, cell) in cells.iter().enumerate() {
        let titled = place == 0 && cells.len() > 1 && cell.len() <= LONGEST_TITLE;
        let shown = cut(cell, LONGEST);
        let found = passage.and_then(|passage| Some((shown.find(passage)?, passage.len())));
        if let Some((start, length)) = found.filter(|_| !titled) {
            let job = paint_passage(ui, &shown, Some(&(start..start + length)), true);
            ui.add(Label::new(job).wrap().selectable(true));
        } else {
            let style = if titled { theme::title() } else { TextStyle::Body };
            let font = style.resolve(ui.style());
            let job = marking::hits(ui, session, &shown, font, theme.text);
            ui.add(Label::new(job).wrap().selectable(true));
        }
        ui.add_space(SPACE_4);
    }
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => {
            format!("{}… ({} characters in all)", &text[..end], format::len(text.chars().count()))
        }
        None => text.to_owned(),
    }
}

fn cluster(
    ui: &mut Ui,
    session: &Session,
    i: u32,
    colour: &impl Fn(u32) -> Option<Color32>,
    wishes: &mut Wishes,
) {
    let theme = Theme::of(ui);
    let Some(clusters) = session.clusters() else { return };
    ui.add_space(SPACE_12);
    widgets::section(ui, "Cluster");
    match facts::cluster_of(session, i) {
        Some(label) => {
            let strength = clusters.strengths.get(i as usize).map_or(0.0, |s| f64::from(*s));
            let title = facts::cluster_title(session, label);
            let row = widgets::entry(ui, false, colour(label), &title, "", theme.text);
            let tip = format!(
                "Open the cluster. This document sits in it with a strength of {}, in the terms of {}.",
                format::percent(strength),
                clusters.method
            );
            if row.on_hover_text(tip).clicked() {
                wishes.push(Command::Focus(None));
                wishes.push(Command::FocusCluster(Some(label)));
            }
        }
        None => {
            widgets::muted(ui, "It belongs to no cluster.");
        }
    }
}

fn columns(ui: &mut Ui, corpus: &Corpus, i: usize, wishes: &mut Wishes) {
    let others = corpus.columns.iter().enumerate().filter(|(c, _)| !corpus.text_columns.contains(c));
    for (_, column) in others {
        let cell = cell_text(column, i);
        if cell.trim().is_empty() {
            continue;
        }
        ui.add_space(SPACE_8);
        widgets::section(ui, &column.name);
        ui.add(Label::new(cut(&cell, LONGEST_CELL)).wrap().selectable(true));
        for link in links(&column.name, cut(&cell, LONGEST_CELL).as_str()) {
            let label = format!("{} {}", icons::ARROW_SQUARE_OUT, format::elide_middle(&link.label, 40));
            if ui.link(label).on_hover_text(&link.url).clicked() {
                wishes.act(Action::OpenUrl(link.url));
            }
        }
    }
}

fn neighbours(ui: &mut Ui, session: &Session, corpus: &Corpus, i: u32, wishes: &mut Wishes) {
    let Some(knn) = session.knn().filter(|knn| (i as usize) < knn.len()) else { return };
    ui.add_space(SPACE_12);
    widgets::section(ui, "Nearest in meaning");
    if let Some(kept) = facts::kept_near(session, i) {
        widgets::caption(ui, kept);
    }
    ui.add_space(SPACE_4);
    for (&neighbour, similarity) in knn.of(i as usize).iter().zip(knn.similarities_of(i as usize)) {
        let row = listed(ui, corpus, neighbour, &format!("{similarity:.2}"));
        if row.clicked() {
            wishes.visit(neighbour);
        }
    }
    if knn.k == 0 {
        widgets::muted(ui, "It is similar to no other document.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(cut("日本語", 2), "日本… (3 characters in all)");
        assert_eq!(cut("日本", 2), "日本");
    }
}
