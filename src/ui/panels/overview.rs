//! The inspector with nothing chosen: the corpus, what is selected, and its clusters, edits and tags.

use std::collections::BTreeSet;

use egui::{RichText, ScrollArea, Ui, vec2};

use crate::data::{Corpus, Key};
use crate::session::{Command, Session};
use crate::ui::choosing;
use crate::ui::cluster_menu;
use crate::ui::facts::{self, Facts, Sizes};
use crate::ui::format;
use crate::ui::icons;
use crate::ui::tags;
use crate::ui::theme::{self, ROW, SPACE_4, SPACE_8, SPACE_12, Theme};
use crate::ui::widgets;
use crate::ui::wishes::{Action, Wishes};

use super::inspector::{InspectorState, Page};
use super::{chart_page, copies, edits, keyword_topics, outliers, probe, selection, special, stability};

/// Clusters that were chosen together, to be merged.
#[derive(Default)]
pub struct Chosen {
    /// The clusters that the labels are of: to others they mean nothing.
    of: Option<Key>,
    labels: BTreeSet<u32>,
    /// Where a range begins: the row that was clicked last, by its label.
    anchor: Option<u32>,
}

impl Chosen {
    fn forget_others(&mut self, clusters: Key) {
        if self.of != Some(clusters) {
            *self = Self { of: Some(clusters), ..Self::default() };
        }
    }

    /// Takes a click with Ctrl or Shift.
    fn click(&mut self, label: u32, listed: &[u32], range: bool) {
        let place = |label: u32| listed.iter().position(|&other| other == label);
        if let (true, Some(from), Some(to)) = (range, self.anchor.and_then(place), place(label)) {
            self.labels.extend(&listed[from.min(to)..=from.max(to)]);
            return;
        }
        if !self.labels.remove(&label) {
            self.labels.insert(label);
        }
        self.anchor = Some(label);
    }

    fn list(&self) -> Vec<u32> {
        self.labels.iter().copied().collect()
    }
}

/// Draws the overview; `colour` gives a cluster's colour on the map, where clusters have one.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    facts: &Facts,
    colour: impl Fn(u32) -> Option<egui::Color32>,
    state: &mut InspectorState,
    wishes: &mut Wishes,
) {
    selection::show(ui, session, corpus, &mut state.page, wishes);
    ui.add(egui::Label::new(RichText::new(&corpus.name).text_style(theme::title())).wrap());
    widgets::caption(ui, counts(session, corpus));
    for remark in &corpus.report.remarks {
        widgets::caption(ui, remark);
    }
    ui.add_space(SPACE_12);
    pages(ui, session, &mut state.page);
    match state.page {
        Page::Clusters => clusters(ui, session, facts, colour, &mut state.chosen, wishes),
        Page::Charts => chart_page::show(ui, session, corpus, &mut state.charts, wishes),
        Page::Special => special::show(ui, session, corpus, wishes),
        Page::Copies => copies::show(ui, session, corpus, &mut state.copies, wishes),
        Page::Outliers => outliers::show(ui, session, corpus, &mut state.outliers, wishes),
        Page::Probe => probe::show(ui, session, corpus, &mut state.probe, wishes),
        Page::Topics => keyword_topics::show(ui, session, corpus, facts, &mut state.topics, wishes),
        Page::Edits => edits::show(ui, session, facts, wishes),
        Page::Tags => tag_list(ui, session, wishes),
    }
}

/// Which list shows; those without anything in them are not offered.
fn pages(ui: &mut Ui, session: &Session, page: &mut Page) {
    let edits = session.edits().map_or(0, |edits| edits.regroupings.len());
    let tags = session.edits().map_or(0, |edits| edits.tags.len());
    if (*page == Page::Edits && edits == 0) || (*page == Page::Tags && tags == 0) {
        *page = Page::Clusters;
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(SPACE_4, 0.0);
        let asks = !session.unsettled().is_empty();
        let by_hand = match asks {
            true => format!("Edits {edits} {}", icons::WARNING),
            false => format!("Edits {edits}"),
        };
        let all = [
            (Page::Clusters, format!("Clusters {}", format::len(session.cluster_count())), true),
            (Page::Charts, "Charts".to_owned(), true),
            (Page::Special, "Special".to_owned(), true),
            (Page::Copies, "Copies".to_owned(), true),
            (Page::Outliers, "Outliers".to_owned(), true),
            (Page::Probe, "Probe".to_owned(), true),
            (Page::Topics, "Topics".to_owned(), true),
            (Page::Edits, by_hand, edits > 0),
            (Page::Tags, format!("Tags {tags}"), tags > 0),
        ];
        for (one, caption, there) in all {
            if there && ui.selectable_label(*page == one, RichText::new(caption).small()).clicked() {
                *page = one;
            }
        }
    });
    if let (Page::Clusters, Some(clusters)) = (*page, session.clusters()) {
        widgets::cut_caption(ui, format!("By {}", clusters.method));
    }
    ui.add_space(SPACE_4);
}

fn clusters(
    ui: &mut Ui,
    session: &Session,
    facts: &Facts,
    colour: impl Fn(u32) -> Option<egui::Color32>,
    chosen: &mut Chosen,
    wishes: &mut Wishes,
) {
    let Some((clusters, sizes)) = session.clusters().zip(facts.sizes(session)) else {
        widgets::muted(ui, "They appear here as soon as the neighbours are found.");
        return;
    };
    chosen.forget_others(clusters.key);
    if sizes.unclustered > 0 {
        let share = format::percent(sizes.unclustered as f64 / clusters.labels.len() as f64);
        widgets::caption(ui, format!("{share} of documents left out"));
    }
    stability::show(ui, session, wishes);
    merging(ui, chosen, wishes);
    list(ui, session, sizes, colour, chosen, wishes);
}

/// What can be done with the clusters that were chosen together.
fn merging(ui: &mut Ui, chosen: &mut Chosen, wishes: &mut Wishes) {
    if chosen.labels.is_empty() {
        return;
    }
    ui.horizontal(|ui| {
        let n = chosen.labels.len();
        if n == 1 {
            widgets::caption(ui, "1 cluster chosen; choose others with Ctrl or Shift");
        } else if ui.button(format!("{}  {}", icons::ARROWS_MERGE, cluster_menu::merge_caption(n))).clicked()
        {
            wishes.push(Command::MergeClusters(chosen.list()));
        }
        if widgets::small_link(ui, "Clear").clicked() {
            chosen.labels.clear();
        }
    });
    ui.add_space(SPACE_4);
}

fn list(
    ui: &mut Ui,
    session: &Session,
    sizes: &Sizes,
    colour: impl Fn(u32) -> Option<egui::Color32>,
    chosen: &mut Chosen,
    wishes: &mut Wishes,
) {
    let theme = Theme::of(ui);
    let rows = sizes.listed.len() + usize::from(sizes.unclustered > 0);
    ScrollArea::vertical().id_salt("clusters").auto_shrink(false).show_rows(ui, ROW, rows, |ui, range| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for i in range {
            let Some(&label) = sizes.listed.get(i) else {
                let n = format::len(sizes.unclustered);
                ui.add_enabled_ui(false, |ui| {
                    // It is not faded as well: grey says enough, and can still be read.
                    ui.set_opacity(1.0);
                    widgets::entry(ui, false, None, "Unclustered", &n, theme.muted);
                });
                continue;
            };
            let title = facts::cluster_title(session, label);
            let survival = session.stability().and_then(|answer| stability::of_cluster(answer, label));
            let figure = stability::figure(format::len(sizes.of_label(label)), survival);
            let marked = chosen.labels.contains(&label);
            let row = widgets::entry(ui, marked, colour(label), &title, &figure, theme.text);
            let row = match survival {
                Some(survival) => row.on_hover_text(stability::told(survival)),
                None => row,
            };
            let modifiers = ui.input(|input| input.modifiers);
            if row.clicked() && (modifiers.command || modifiers.shift) {
                chosen.click(label, &sizes.listed, modifiers.shift);
            } else if row.clicked() {
                chosen.labels.clear();
                chosen.anchor = Some(label);
                wishes.push(Command::FocusCluster(Some(label)));
                wishes.act(Action::FlyToCluster(label));
            }
            let together = if marked { chosen.list() } else { Vec::new() };
            row.context_menu(|ui| cluster_menu::show(ui, session, label, &together, wishes));
        }
    });
}

fn tag_list(ui: &mut Ui, session: &Session, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    let Some(edits) = session.edits() else { return };
    ScrollArea::vertical().id_salt("tags").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (tag, members) in &edits.tags {
            let row = widgets::entry(ui, false, None, tag, &format::len(members.len()), theme.text);
            let row = row.on_hover_text("Select its documents");
            if row.clicked() {
                tags::select_tagged(ui, session, tag, wishes);
            }
            row.context_menu(|ui| {
                ui.set_min_width(180.0);
                choosing::entries(ui, session, tag, || members.documents().to_vec(), wishes);
                if widgets::menu_item(ui, icons::X, "Take it off all documents", "") {
                    wishes.push(Command::Untag(tag.clone(), members.documents().to_vec()));
                }
            });
        }
        ui.add_space(SPACE_8);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_chosen_one_by_one_and_by_a_range() {
        let listed = [4, 2, 7, 1];
        let mut chosen = Chosen::default();
        chosen.click(2, &listed, false);
        chosen.click(1, &listed, true);
        assert_eq!(chosen.list(), [1, 2, 7]);
        chosen.click(7, &listed, false);
        assert_eq!(chosen.list(), [1, 2]);
    }

    #[test]
    fn what_was_chosen_among_other_clusters_is_forgotten() {
        let mut chosen = Chosen::default();
        let key = |version| Key::of("test", version).finish();
        chosen.forget_others(key(1));
        chosen.click(2, &[2], false);
        chosen.forget_others(key(1));
        assert_eq!(chosen.list(), [2]);
        chosen.forget_others(key(2));
        assert!(chosen.list().is_empty());
    }
}
