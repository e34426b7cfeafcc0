//! The inspector with a cluster chosen: what it is about, and how it differs from the whole.

use egui::{Id, Key, Label, RichText, ScrollArea, Sense, TextEdit, Ui};

use crate::data::{Corpus, Key as ValueKey, Regrouping};
use crate::session::{ColourBy, Command, Session};
use crate::ui::choosing;
use crate::ui::digest::{ClusterDigest, ColumnDigest, Shape};
use crate::ui::facts;
use crate::ui::format;
use crate::ui::hand_sheet::{Documents, Task};
use crate::ui::icons;
use crate::ui::theme::{self, SPACE_4, SPACE_8, SPACE_12, Theme};
use crate::ui::widgets;
use crate::ui::wishes::{Action, Wishes};

use super::columns::levels;
use super::{charts, listed};

/// Room for the pencil beside the title.
const PENCIL: f32 = 34.0;
/// Categories shown a column.
const ROWS: usize = 5;

/// The title of a cluster while it is typed.
#[derive(Default)]
pub struct TitleEdit {
    typing: Option<Typing>,
    /// The cursor goes into the field in the next frame.
    fresh: bool,
}

impl TitleEdit {
    /// Begins to edit the title of a cluster.
    pub fn begin(&mut self, session: &Session, label: u32) {
        let text = facts::cluster_title(session, label);
        let of = (session.clusters().map(|clusters| clusters.key), label);
        (self.typing, self.fresh) = (Some(Typing { of, text }), true);
    }
}

struct Typing {
    /// The key of the clusters, and the label: among others it means another cluster.
    of: (Option<ValueKey>, u32),
    text: String,
}

/// Draws the card of cluster `label`; its digest and that of all documents are there as soon as workers have made
/// them.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    label: u32,
    (digest, whole): (Option<&ClusterDigest>, Option<&[ColumnDigest]>),
    edit: &mut TitleEdit,
    wishes: &mut Wishes,
) {
    ui.horizontal(|ui| {
        widgets::section(ui, &format!("Cluster {}", format::count(u64::from(label) + 1)));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if widgets::icon_button(ui, icons::X, "Close the cluster", "Esc").clicked() {
                wishes.push(Command::FocusCluster(None));
            }
            if widgets::icon_button(ui, icons::CHART_SCATTER, "Show the cluster on the map", "").clicked() {
                wishes.act(Action::FlyToCluster(label));
            }
        });
    });
    ScrollArea::vertical().auto_shrink(false).id_salt(("cluster", label)).show(ui, |ui| {
        title(ui, session, label, edit, wishes);
        if let Some(digest) = digest {
            let share = digest.members.len() as f64 / corpus.len().max(1) as f64;
            let size = format::plural(digest.members.len(), "document", "documents");
            widgets::caption(ui, format!("{size} · {} of all", format::percent(share)));
        } else {
            // Its room is kept, so that nothing moves away from under the pointer.
            widgets::caption(ui, "…");
        }
        ui.add_space(SPACE_8);
        actions(ui, session, label, digest, wishes);
        let Some(name) = session.names().and_then(|names| names.clusters.get(label as usize)) else {
            ui.add_space(SPACE_12);
            widgets::muted(ui, "Its keywords are being found.");
            return;
        };
        keywords(ui, name);
        ui.add_space(SPACE_12);
        widgets::section(ui, "Documents that stand for it");
        for &document in &name.exemplars {
            if listed(ui, corpus, document, "").clicked() {
                wishes.visit(document);
            }
        }
        if let (Some(digest), Some(whole)) = (digest, whole) {
            distributions(ui, corpus, digest, whole);
        }
    });
}

/// The title, which a double click or the pencil turns into a field.
fn title(ui: &mut Ui, session: &Session, label: u32, edit: &mut TitleEdit, wishes: &mut Wishes) {
    let now = facts::cluster_title(session, label);
    let of = (session.clusters().map(|clusters| clusters.key), label);
    if edit.typing.as_ref().is_some_and(|typing| typing.of != of) {
        edit.typing = None;
    }
    if let Some(Typing { text, .. }) = &mut edit.typing {
        let id = Id::unique(("title of a cluster", label));
        let field = TextEdit::singleline(text)
            .id(id)
            .font(theme::title())
            .hint_text("Empty: the computed title")
            .desired_width(f32::INFINITY);
        let field = field.show(ui);
        if std::mem::take(&mut edit.fresh) {
            field.response.request_focus();
            let mut cursor = field.state;
            let all = egui::text::CCursorRange::two(
                egui::text::CCursor::default(),
                egui::text::CCursor::new(text.chars().count()),
            );
            cursor.cursor.set_char_range(Some(all));
            cursor.store(ui.ctx(), id);
        } else if field.response.lost_focus() {
            if !ui.input(|input| input.key_pressed(Key::Escape)) && text.trim() != now {
                wishes.push(Command::RenameCluster(label, text.clone()));
            }
            edit.typing = None;
        }
        return;
    }
    ui.horizontal_top(|ui| {
        let room = ui.available_width() - PENCIL;
        ui.vertical(|ui| {
            ui.set_max_width(room);
            let text = RichText::new(&now).text_style(theme::title());
            let text = ui.add(Label::new(text).wrap().sense(Sense::click()));
            if text.on_hover_text("Double-click to rename").double_clicked() {
                edit.begin(session, label);
            }
        });
        if widgets::icon_button(ui, icons::PENCIL_SIMPLE, "Rename the cluster", "").clicked() {
            edit.begin(session, label);
        }
    });
    if by_hand(session, label).is_some_and(|(_, part)| part.title.is_some()) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            widgets::caption(ui, "named by you · ");
            if widgets::small_link(ui, "use the computed title").clicked() {
                wishes.push(Command::RenameCluster(label, String::new()));
            }
        });
    }
}

/// The edit that made a cluster, and the part of it that the cluster is.
fn by_hand(session: &Session, label: u32) -> Option<(&Regrouping, &crate::data::Part)> {
    let (at, part) = session.made_by(label)?;
    let regrouping = session.edits()?.regroupings.get(at)?;
    Some((regrouping, regrouping.parts.get(part)?))
}

fn actions(ui: &mut Ui, session: &Session, label: u32, digest: Option<&ClusterDigest>, wishes: &mut Wishes) {
    ui.horizontal_wrapped(|ui| {
        let select = ui.add_enabled(digest.is_some(), egui::Button::new("Select"));
        if select.on_hover_text("Select its documents, in the table as well").clicked()
            && let Some(digest) = digest
        {
            choosing::select(ui, digest.members.clone(), wishes);
        }
        let by_cluster = session.colouring().is_some_and(|colouring| colouring.by == ColourBy::Cluster);
        if by_cluster
            && ui
                .button("Show alone")
                .on_hover_text("Grey all other clusters out, or show all again")
                .clicked()
        {
            wishes.push(Command::SoloEntry(label));
        }
        if ui.button("Tag…").on_hover_text("Put a tag on all its documents").clicked() {
            wishes.act(Action::Ask(Task::Tag(Documents::Cluster(label))));
        }
        if ui.button("Merge with…").on_hover_text("Make one cluster of this and others").clicked() {
            wishes.act(Action::Ask(Task::Merge(vec![label])));
        }
        match session.splitting() {
            Some(other) => {
                let text = if other == label { "Splitting…" } else { "Another is being split…" };
                ui.add_enabled(false, egui::Button::new(text));
            }
            None => {
                if ui.button("Split…").on_hover_text("Part it by what its documents say").clicked() {
                    wishes.act(Action::Ask(Task::Split(label)));
                }
            }
        }
        if ui.button("Delete").on_hover_text("Its documents belong to no cluster then").clicked() {
            wishes.push(Command::DissolveCluster(label));
        }
    });
    // The title of one that is only named has its own way back.
    if let Some((edit, _)) = by_hand(session, label).filter(|(edit, _)| !edit.only_named) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            let parts = edit.parts.len();
            let how = match parts {
                1 => "put together by you · ".to_owned(),
                n => format!("one of {n} parted by you · "),
            };
            widgets::caption(ui, how);
            if widgets::small_link(ui, "drop this edit")
                .on_hover_text("The computed clusters are back where it changed them")
                .clicked()
            {
                wishes.push(Command::UneditCluster(label));
            }
        });
    }
}

fn keywords(ui: &mut Ui, name: &crate::data::ClusterName) {
    if name.keywords.is_empty() {
        return;
    }
    ui.add_space(SPACE_12);
    widgets::section(ui, "Keywords");
    ui.add_space(SPACE_4);
    let strongest = name.keywords.first().map_or(1.0, |keyword| keyword.score.max(f32::MIN_POSITIVE));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(SPACE_4, SPACE_4);
        for keyword in &name.keywords {
            let tip = format!("Weight {:.3}: how much it sets this cluster apart", keyword.score);
            widgets::chip(ui, &keyword.term, keyword.score / strongest).on_hover_text(tip);
        }
    });
}

fn distributions(ui: &mut Ui, corpus: &Corpus, digest: &ClusterDigest, whole: &[ColumnDigest]) {
    let theme = Theme::of(ui);
    for ((column, part), whole) in corpus.columns.iter().zip(&digest.columns).zip(whole) {
        if part.shape == Shape::Text || whole.filled == 0 {
            continue;
        }
        ui.add_space(SPACE_12);
        ui.horizontal(|ui| {
            ui.label(RichText::new(&column.name).text_style(theme::section()).color(theme.muted));
            let meaning = match part.shape {
                Shape::Histogram { .. } => "blue here, grey in all",
                _ => "bar here, tick in all",
            };
            widgets::caption(ui, meaning);
        });
        charts::column(ui, &column.name, levels(&column.typed), whole, Some(part), ROWS);
    }
    ui.add_space(SPACE_12);
}
