//! The inspector with nothing chosen: the corpus and its clusters.

use egui::{RichText, ScrollArea, Ui};

use crate::data::Corpus;
use crate::session::{Command, Session};
use crate::ui::facts::{self, Sizes};
use crate::ui::format;
use crate::ui::theme::{self, ROW, SPACE_12, Theme};
use crate::ui::widgets;
use crate::ui::wishes::{Action, Wishes};

/// Draws the overview; `colour` gives a cluster's colour on the map, where clusters have one.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    sizes: Option<&Sizes>,
    colour: impl Fn(u32) -> Option<egui::Color32>,
    wishes: &mut Wishes,
) {
    let theme = Theme::of(ui);
    ui.add(egui::Label::new(RichText::new(&corpus.name).text_style(theme::title())).wrap());
    widgets::caption(ui, counts(session, corpus));
    for remark in &corpus.report.remarks {
        widgets::caption(ui, remark);
    }
    ui.add_space(SPACE_12);
    let Some((clusters, sizes)) = session.clusters().zip(sizes) else {
        widgets::section(ui, "Clusters");
        widgets::muted(ui, "They appear here as soon as the neighbours are found.");
        return;
    };
    ui.horizontal(|ui| {
        widgets::section(ui, "Clusters");
        widgets::caption(ui, format!("{} by {}", format::len(clusters.count), clusters.method));
    });
    ui.add_space(theme::SPACE_4);
    let extra = usize::from(sizes.unclustered > 0);
    let rows = clusters.count + extra;
    ScrollArea::vertical().auto_shrink(false).show_rows(ui, ROW, rows, |ui, range| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for i in range {
            let label = i as u32;
            if i == clusters.count {
                let n = format::len(sizes.unclustered);
                ui.add_enabled_ui(false, |ui| {
                    widgets::entry(ui, false, None, "Unclustered", &n, theme.muted);
                });
                continue;
            }
            let title = facts::cluster_title(session, label);
            let figure = format::len(sizes.of.get(i).copied().unwrap_or(0));
            if widgets::entry(ui, false, colour(label), &title, &figure, theme.text).clicked() {
                wishes.push(Command::FocusCluster(Some(label)));
                wishes.act(Action::FlyToCluster(label));
            }
        }
    });
}

fn counts(session: &Session, corpus: &Corpus) -> String {
    let mut parts = vec![format::plural(corpus.len(), "document", "documents")];
    parts.push(format::plural(corpus.columns.len(), "column", "columns"));
    if let Some(matrix) = session.matrix() {
        parts.push(format::plural(matrix.dim(), "dimension", "dimensions"));
    }
    if corpus.report.skipped > 0 {
        parts.push(format!("{} skipped", format::plural(corpus.report.skipped as usize, "row", "rows")));
    }
    parts.join(" · ")
}
