//! The inspector with a cluster chosen: what it is about, and how it differs from the whole.

use egui::{RichText, ScrollArea, Ui};

use crate::data::Corpus;
use crate::session::{ColourBy, Command, Session};
use crate::ui::digest::{ClusterDigest, ColumnDigest, Shape};
use crate::ui::facts;
use crate::ui::format;
use crate::ui::icons;
use crate::ui::theme::{self, SPACE_4, SPACE_8, SPACE_12, Theme};
use crate::ui::widgets;
use crate::ui::wishes::{Action, Wishes};

use super::columns::levels;
use super::{charts, listed};

/// Categories shown a column.
const ROWS: usize = 5;

/// Draws the card of cluster `label`.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    label: u32,
    digest: Option<&ClusterDigest>,
    whole: Option<&[ColumnDigest]>,
    wishes: &mut Wishes,
) {
    ui.horizontal(|ui| {
        let count = session.clusters().map_or(0, |clusters| clusters.count);
        widgets::section(
            ui,
            &format!("Cluster {} of {}", format::count(u64::from(label) + 1), format::len(count)),
        );
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
        let title = facts::cluster_title(session, label);
        ui.add(egui::Label::new(RichText::new(title).text_style(theme::title())).wrap().selectable(true));
        if let Some(digest) = digest {
            let share = digest.members.len() as f64 / corpus.len().max(1) as f64;
            let size = format::plural(digest.members.len(), "document", "documents");
            widgets::caption(ui, format!("{size} · {} of all", format::percent(share)));
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

fn actions(ui: &mut Ui, session: &Session, label: u32, digest: Option<&ClusterDigest>, wishes: &mut Wishes) {
    ui.horizontal_wrapped(|ui| {
        if let Some(digest) = digest
            && ui.button("Select").on_hover_text("Select its documents, in the table as well").clicked()
        {
            wishes.push(Command::Select(digest.members.clone()));
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
    });
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
