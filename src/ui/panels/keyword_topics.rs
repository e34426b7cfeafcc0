//! The page "Topics": topics that a person describes by keywords, the documents that they classify, and how well that
//! agrees with a column.

mod editor;
mod listing;
mod roc;

use egui::{ScrollArea, Ui};

use crate::data::{Corpus, KeywordTopics, Typed, UNCLUSTERED};
use crate::session::{ClassesState, Classified, Command, Session, StepState, Study};
use crate::ui::facts::Facts;
use crate::ui::theme::{SPACE_4, SPACE_8, SPACE_12, SPACE_16, Theme};
use crate::ui::wishes::Wishes;
use crate::ui::{format, icons, status_bar, topic_facts, widgets};

use editor::Editor;

/// Characters of a column's name.
const NAME: usize = 18;

/// What the page remembers between frames.
#[derive(Default)]
pub struct TopicsPage {
    editor: Editor,
    /// The topic whose documents are listed, by its place.
    open: Option<u32>,
}

/// Draws the page.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    facts: &Facts,
    page: &mut TopicsPage,
    wishes: &mut Wishes,
) {
    let Some(classes) = session.classes() else { return };
    page.editor.meet(classes.topics);
    if let Some((topic, classified)) = page.open.zip(classes.classified) {
        if classified.is_scored(topic) {
            if listing::show(ui, session, corpus, (classified, topic), wishes) {
                page.open = None;
            }
            return;
        }
        page.open = None;
    }
    ScrollArea::vertical().id_salt("topics by keywords").auto_shrink(false).show(ui, |ui| {
        page.editor.show(ui, session, corpus, facts, wishes);
        ui.add_space(SPACE_8);
        asking(ui, &classes, wishes);
        if let Some(classified) = classes.classified {
            ui.add_space(SPACE_12);
            classed(ui, session, classified, &mut page.open, wishes);
            ui.add_space(SPACE_12);
            bounds(ui, corpus, classes.topics, wishes);
            if let Some(matched) = &classified.matched {
                ui.add_space(SPACE_8);
                roc::show(ui, session, classified, matched);
            }
        }
        ui.add_space(SPACE_16);
    });
}

/// The button that classifies, how far that is, and why it cannot be done.
fn asking(ui: &mut Ui, classes: &ClassesState<'_>, wishes: &mut Wishes) {
    let described = classes.topics.described().count();
    let running = matches!(classes.state, StepState::Running(_));
    let stopped = classes.state == StepState::Stopped;
    if !classes.asked || stopped {
        ui.add_enabled_ui(described > 0, |ui| {
            let button = widgets::primary_button(ui, "Classify");
            if button.on_hover_text("Compare every document with every topic").clicked() {
                wishes.push(Command::ClassifyByTopics);
            }
        });
    }
    if described < classes.topics.topics.len() {
        let n = format::plural(classes.topics.topics.len() - described, "topic has", "topics have");
        widgets::caption(ui, format!("{n} no keywords yet and take no documents."));
    }
    match &classes.state {
        StepState::Running(progress) => {
            let stage = progress.as_ref().map_or("Classifying", |progress| progress.stage.as_str());
            let figures = progress.as_ref().map_or_else(String::new, status_bar::figures);
            widgets::caption(ui, format!("{stage} {figures}"));
        }
        StepState::Failed(sentence) => {
            let theme = Theme::of(ui);
            ui.add(egui::Label::new(egui::RichText::new(sentence).color(theme.error)).wrap());
            if ui.button("Try again").clicked() {
                wishes.push(Command::TryStudy(Study::Topics));
            }
        }
        _ if classes.asked && described > 0 && classes.classified.is_none() && !running && !stopped => {
            widgets::muted(ui, "Documents are classified as soon as their neighbours are found.");
        }
        _ => {}
    }
}

/// The topics with what they took, and the documents without one.
fn classed(
    ui: &mut Ui,
    session: &Session,
    classified: &Classified,
    open: &mut Option<u32>,
    wishes: &mut Wishes,
) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = 0.0;
    for (topic, &count) in (0u32..).zip(&classified.counts) {
        if !classified.is_scored(topic) {
            continue;
        }
        let title = topic_facts::title(classified, topic);
        let figure = figures(classified, topic, count);
        let swatch = topic_facts::colour(ui, session, topic);
        let row = widgets::entry(ui, false, Some(swatch), title, &figure, theme.text);
        if row.clicked() {
            *open = Some(topic);
        }
        let hint = classified.matched.as_ref().and_then(|matched| {
            Some(format!("Held against “{}” of {}", matched.values[topic as usize].as_ref()?, matched.column))
        });
        let row = row.on_hover_text(hint.unwrap_or_else(|| "List its documents, best first".into()));
        row.context_menu(|ui| topic_facts::menu(ui, session, topic, wishes));
    }
    if classified.without > 0 {
        let count = format::len(classified.without);
        let row = widgets::entry(ui, false, None, "No topic", &count, theme.muted);
        if row.clicked() {
            let documents = crate::ui::facts::documents_of(&classified.clusters, UNCLUSTERED);
            crate::ui::choosing::select(ui, documents, wishes);
        }
        let row = row.on_hover_text("Select the documents without a topic");
        row.context_menu(|ui| topic_facts::menu(ui, session, UNCLUSTERED, wishes));
    }
}

/// "30 · AUC 0.99 · F1 0.97".
fn figures(classified: &Classified, topic: u32, count: usize) -> String {
    let mut parts = vec![format::len(count)];
    if let Some(matched) = &classified.matched {
        let at = topic as usize;
        parts.extend(matched.auc[at].map(|auc| format!("AUC {auc:.2}")));
        parts.extend(matched.f1[at].map(|f1| format!("F1 {f1:.2}")));
    }
    parts.join(" · ")
}

/// Below which score documents have no topic, and the column that topics are held against.
fn bounds(ui: &mut Ui, corpus: &Corpus, topics: &KeywordTopics, wishes: &mut Wishes) {
    let mut wanted = topics.clone();
    ui.horizontal(|ui| {
        ui.label("No topic below");
        ui.name_inputs("Score below which documents have no topic", |ui| {
            let drag = egui::DragValue::new(&mut wanted.threshold).range(0.0..=1.0).speed(0.005);
            ui.add(drag.fixed_decimals(2)).on_hover_text(
                "The score is the cosine between a document and a topic. Documents whose best score is lower have no topic.",
            );
        });
    });
    let columns: Vec<&str> = corpus
        .columns
        .iter()
        .filter(|column| matches!(column.typed, Typed::Category { .. }))
        .map(|column| column.name.as_str())
        .collect();
    if !columns.is_empty() {
        ui.add_space(SPACE_4);
        ui.horizontal(|ui| {
            ui.label("Compare with");
            let shown =
                wanted.column.as_deref().map_or_else(|| "no column".into(), |c| format::one_line(c, NAME));
            ui.name_inputs("Column that topics are compared with", |ui| {
                egui::ComboBox::from_id_salt("column of topics").width(140.0).selected_text(shown).show_ui(
                    ui,
                    |ui| {
                        ui.selectable_value(&mut wanted.column, None, "no column");
                        for column in columns {
                            ui.selectable_value(&mut wanted.column, Some(column.to_owned()), column);
                        }
                    },
                );
            });
        });
    }
    if wanted != *topics {
        wishes.push(Command::SetTopics(Box::new(wanted)));
    }
}

/// The way back from what a topic opened.
fn back(ui: &mut Ui) -> bool {
    widgets::small_link(ui, &format!("{} Topics", icons::ARROW_LEFT)).clicked()
}
