//! The small sheets that ask what has to be known before something is done by hand: merge with which, split into how
//! many, which tag, which title; and whether unsaved work may go.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{Color32, Id, Key, RichText, ScrollArea, TextEdit, Ui};

use crate::data::{Key as ValueKey, UNCLUSTERED};
use crate::session::{Command, Session};

use super::cluster_menu::merge_caption;
use super::facts::{self, Facts};
use super::format;
use super::tags;
use super::theme::{self, ROW, SPACE_4, SPACE_8, SPACE_12, Theme};
use super::widgets;
use super::wishes::{Action, Wishes};

/// How wide a sheet is, and how high its list, in points.
const WIDTH: f32 = 380.0;
const LIST: f32 = 12.0 * ROW;
/// Into how many parts a cluster can be split.
const PARTS: std::ops::RangeInclusive<usize> = 2..=20;
/// Numbers of parts that are one click away.
const OFFERED_PARTS: [usize; 5] = [2, 3, 4, 5, 6];
/// Characters of a title that a sheet quotes.
const QUOTED: usize = 48;

/// Some documents: a list, or whatever a cluster holds when it is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Documents {
    These(Arc<[u32]>),
    Cluster(u32),
}

impl Documents {
    /// Their ids.
    fn list(&self, session: &Session) -> Vec<u32> {
        match self {
            Self::These(these) => these.to_vec(),
            Self::Cluster(label) => {
                session.clusters().map(|clusters| facts::documents_of(clusters, *label)).unwrap_or_default()
            }
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Merge these with others, or with each other.
    Merge(Vec<u32>),
    Split(u32),
    Tag(Documents),
    /// Make a cluster of these, with a title to begin with.
    Group(Documents, String),
    /// Go back to the project as it was saved.
    Revert,
}

/// What was filled in so far.
pub struct HandSheet {
    task: Task,
    /// The clusters that the task is about: others have other labels.
    clusters: Option<ValueKey>,
    documents: usize,
    chosen: BTreeSet<u32>,
    text: String,
    parts: usize,
    fresh: bool,
}

impl HandSheet {
    /// A sheet with nothing filled in.
    pub fn new(task: Task, session: &Session) -> Self {
        let (mut chosen, mut text, mut documents) = (BTreeSet::new(), String::new(), 0);
        match &task {
            Task::Merge(labels) => chosen.extend(labels),
            Task::Tag(of) => documents = of.list(session).len(),
            Task::Group(of, title) => {
                documents = of.list(session).len();
                text.clone_from(title);
            }
            Task::Split(_) | Task::Revert => {}
        }
        let clusters = session.clusters().map(|clusters| clusters.key);
        Self { task, clusters, documents, chosen, text, parts: 2, fresh: true }
    }

    /// What a screen reader calls the sheet.
    pub fn name(&self) -> &'static str {
        match self.task {
            Task::Merge(_) => "Merge clusters",
            Task::Split(_) => "Split cluster",
            Task::Tag(_) => "Tag documents",
            Task::Group(..) => "Make a cluster",
            Task::Revert => "Open as saved",
        }
    }

    /// Draws the sheet; returns whether it is done with.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        facts: &Facts,
        colour: impl Fn(u32) -> Option<Color32>,
        wishes: &mut Wishes,
    ) -> bool {
        let same = session.clusters().map(|clusters| clusters.key) == self.clusters;
        let by_label = match &self.task {
            Task::Merge(_) | Task::Split(_) => true,
            Task::Tag(of) | Task::Group(of, _) => matches!(of, Documents::Cluster(_)),
            Task::Revert => false,
        };
        if session.corpus().is_none() || (by_label && !same) {
            return true;
        }
        ui.set_width(WIDTH);
        let fresh = std::mem::take(&mut self.fresh);
        match self.task.clone() {
            Task::Merge(labels) => self.merge(ui, session, facts, &labels, colour, fresh, wishes),
            Task::Split(label) => self.split(ui, session, label, wishes),
            Task::Tag(documents) => self.tag(ui, session, &documents, fresh, wishes),
            Task::Group(documents, _) => self.group(ui, session, &documents, fresh, wishes),
            Task::Revert => revert(ui, wishes),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a list of clusters is drawn from")]
    fn merge(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        facts: &Facts,
        first: &[u32],
        colour: impl Fn(u32) -> Option<Color32>,
        fresh: bool,
        wishes: &mut Wishes,
    ) -> bool {
        let theme = Theme::of(ui);
        let title = match first {
            [one] => format!("Merge “{}” with…", quoted(session, *one)),
            _ => "Merge clusters".into(),
        };
        heading(ui, &title);
        let field = widgets::search_field(ui, Id::unique("merge search"), &mut self.text, "Search clusters");
        if fresh {
            field.request_focus();
        }
        ui.add_space(SPACE_4);
        let Some(sizes) = facts.sizes(session).cloned() else {
            widgets::muted(ui, "The clusters are being counted.");
            return false;
        };
        let needle = self.text.trim().to_lowercase();
        let titled = sizes.listed.iter().map(|&label| (label, facts::cluster_title(session, label)));
        let shown: Vec<(u32, String)> = titled
            .filter(|(label, title)| {
                !(matches!(first, [one] if one == label))
                    && (needle.is_empty() || title.to_lowercase().contains(&needle))
            })
            .collect();
        if shown.is_empty() {
            let needle = format::one_line(self.text.trim(), 24);
            widgets::muted(ui, format!("No other cluster is called “{needle}”."));
        }
        let list =
            ScrollArea::vertical().max_height(LIST).min_scrolled_height(LIST).auto_shrink([false, true]);
        list.show_rows(ui, ROW, shown.len(), |ui, rows| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for (label, title) in &shown[rows] {
                let chosen = self.chosen.contains(label);
                let figure = format::len(sizes.of_label(*label));
                if widgets::entry(ui, chosen, colour(*label), title, &figure, theme.text).clicked()
                    && !self.chosen.remove(label)
                {
                    self.chosen.insert(*label);
                }
            }
        });
        let n = self.chosen.len();
        let documents: usize = self.chosen.iter().map(|&label| sizes.of_label(label)).sum();
        let note = match n {
            0 | 1 => "Choose one or more.".into(),
            _ => format!("{} in all", format::plural(documents, "document", "documents")),
        };
        let caption = if n > 1 { merge_caption(n) } else { "Merge".into() };
        match buttons(ui, &note, &caption, n > 1) {
            Answer::Done => {
                let labels: Vec<u32> = self.chosen.iter().copied().collect();
                wishes.push(Command::MergeClusters(labels));
                true
            }
            answer => answer == Answer::Cancelled,
        }
    }

    fn split(&mut self, ui: &mut Ui, session: &Session, label: u32, wishes: &mut Wishes) -> bool {
        heading(ui, &format!("Split “{}”", quoted(session, label)));
        widgets::muted(ui, "By what its documents say. Other clusters stay as they are.");
        ui.add_space(SPACE_12);
        ui.horizontal(|ui| {
            ui.label("Into");
            for parts in OFFERED_PARTS {
                if ui.selectable_label(self.parts == parts, parts.to_string()).clicked() {
                    self.parts = parts;
                }
            }
            ui.name_inputs("Parts", |ui| {
                ui.add(egui::DragValue::new(&mut self.parts).range(PARTS).suffix(" parts"));
            });
        });
        match buttons(ui, "", &format!("Split into {}", self.parts), true) {
            Answer::Done => {
                wishes.push(Command::SplitCluster(label, self.parts));
                true
            }
            answer => answer == Answer::Cancelled,
        }
    }

    fn tag(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        documents: &Documents,
        fresh: bool,
        wishes: &mut Wishes,
    ) -> bool {
        let all = format::plural(self.documents, "document", "documents");
        heading(ui, &format!("Tag {all}"));
        let id = Id::unique("tag of documents");
        let chosen = tags::field(ui, id, session.edits(), &BTreeSet::new(), &mut self.text, fresh);
        let ready = !self.text.trim().is_empty();
        let answer = buttons(ui, "", &format!("Tag {all}"), ready);
        let entered = Some(self.text.trim().to_owned()).filter(|_| answer == Answer::Done);
        match chosen.or(entered) {
            Some(tag) => {
                wishes.push(Command::Tag(tag, documents.list(session)));
                true
            }
            None => answer == Answer::Cancelled,
        }
    }

    fn group(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        documents: &Documents,
        fresh: bool,
        wishes: &mut Wishes,
    ) -> bool {
        let all = format::plural(self.documents, "document", "documents");
        heading(ui, &format!("Make a cluster of {all}"));
        widgets::muted(ui, "They leave the clusters they are in, and stay together whatever is computed.");
        ui.add_space(SPACE_8);
        let field = TextEdit::singleline(&mut self.text)
            .id(Id::unique("title of a new cluster"))
            .hint_text("Title; empty: named by its words")
            .desired_width(f32::INFINITY);
        let field = ui.add(field);
        if fresh {
            field.request_focus();
        }
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let answer = buttons(ui, "", "Make the cluster", true);
        if entered || answer == Answer::Done {
            let title = Some(self.text.trim().to_owned()).filter(|title| !title.is_empty());
            wishes.push(Command::GroupDocuments(documents.list(session), title));
            wishes.push(Command::Select(Vec::new()));
            return true;
        }
        answer == Answer::Cancelled
    }
}

fn revert(ui: &mut Ui, wishes: &mut Wishes) -> bool {
    heading(ui, "Open as saved?");
    widgets::muted(ui, "What was done since the last save is thrown away. This cannot be undone.");
    match buttons(ui, "", "Throw away and open", true) {
        Answer::Done => {
            wishes.push(Command::Revert);
            true
        }
        answer => answer == Answer::Cancelled,
    }
}

pub(super) fn heading(ui: &mut Ui, text: &str) {
    ui.add(egui::Label::new(RichText::new(text).text_style(theme::title())).wrap());
    ui.add_space(SPACE_8);
}

fn quoted(session: &Session, label: u32) -> String {
    debug_assert!(label != UNCLUSTERED);
    format::one_line(&facts::cluster_title(session, label), QUOTED)
}

/// What was pressed at the foot of a sheet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    None,
    Done,
    Cancelled,
}

/// The buttons at the foot of a sheet, with a remark at their left.
pub(super) fn buttons(ui: &mut Ui, note: &str, caption: &str, ready: bool) -> Answer {
    ui.add_space(SPACE_12);
    let mut answer = Answer::None;
    ui.horizontal(|ui| {
        widgets::caption(ui, note);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let done = ui.add_enabled_ui(ready, |ui| widgets::primary_button(ui, caption).clicked()).inner;
            if done {
                answer = Answer::Done;
            } else if widgets::plain_button(ui, "Cancel").clicked() {
                answer = Answer::Cancelled;
            }
        });
    });
    answer
}

/// The wish to make a cluster of the selection, or to tag it.
pub fn ask_of_selection(session: &Session, task: impl Fn(Documents) -> Task, wishes: &mut Wishes) {
    if let Some(selection) = session.selection().filter(|selection| !selection.is_empty()) {
        wishes.act(Action::Ask(task(Documents::These(selection.as_slice().into()))));
    }
}
