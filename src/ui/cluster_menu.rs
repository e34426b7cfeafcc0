//! What can be done with a cluster, as a menu: the same on a row of the list, an entry of the legend and a name on
//! the map.

use egui::Ui;

use crate::session::{Command, Session};

use super::choosing;
use super::facts;
use super::format;
use super::hand_sheet::{Documents, Task};
use super::icons;
use super::widgets::{self, menu_item as item};
use super::wishes::{Action, Wishes};

/// How wide the menu is at least, in points.
const WIDTH: f32 = 200.0;
/// Characters of a title that heads a menu.
const TITLE: usize = 40;

/// Fills a menu for cluster `label`. `chosen` are the clusters that were chosen together with it in the list.
pub fn show(ui: &mut Ui, session: &Session, label: u32, chosen: &[u32], wishes: &mut Wishes) {
    let Some(clusters) = session.clusters().filter(|clusters| (label as usize) < clusters.count) else {
        return ui.close();
    };
    ui.set_min_width(WIDTH);
    widgets::section(ui, &format::one_line(&facts::cluster_title(session, label), TITLE));
    if chosen.len() > 1 && item(ui, icons::ARROWS_MERGE, &merge_caption(chosen.len()), "") {
        wishes.push(Command::MergeClusters(chosen.to_vec()));
    }
    if item(ui, icons::PENCIL_SIMPLE, "Rename", "") {
        wishes.act(Action::Rename(label));
    }
    if item(ui, icons::ARROWS_MERGE, "Merge with…", "") {
        wishes.act(Action::Ask(Task::Merge(vec![label])));
    }
    ui.add_enabled_ui(session.splitting().is_none(), |ui| {
        if item(ui, icons::ARROWS_SPLIT, "Split…", "") {
            wishes.act(Action::Ask(Task::Split(label)));
        }
    });
    if item(ui, icons::TAG, "Tag its documents…", "") {
        wishes.act(Action::Ask(Task::Tag(Documents::Cluster(label))));
    }
    let title = facts::cluster_title(session, label);
    choosing::entries(ui, session, &title, || facts::documents_of(clusters, label), wishes);
    ui.separator();
    if item(ui, icons::TRASH, "Delete", "") {
        wishes.push(Command::DissolveCluster(label));
    }
}

/// Fills a menu for a topic of the map, which is no cluster yet: `level` 0 is the coarsest.
pub fn show_topic(ui: &mut Ui, session: &Session, (level, code): (usize, u32), wishes: &mut Wishes) {
    let topic = session
        .topics()
        .get(level)
        .and_then(|(topics, names)| Some((topics, names.clusters.get(code as usize)?.title.clone())));
    let Some((topics, title)) = topic else { return ui.close() };
    ui.set_min_width(WIDTH);
    let heading = format::one_line(&title, TITLE);
    widgets::section(ui, &heading);
    if item(ui, icons::PLUS, "Make it a cluster…", "") {
        let documents = Documents::These(facts::documents_of(topics, code).into());
        wishes.act(Action::Ask(Task::Group(documents, title)));
    }
    if item(ui, icons::TAG, "Tag its documents…", "") {
        let documents = Documents::These(facts::documents_of(topics, code).into());
        wishes.act(Action::Ask(Task::Tag(documents)));
    }
    choosing::entries(ui, session, &heading, || facts::documents_of(topics, code), wishes);
}

/// The caption of a button that merges `n` clusters.
pub fn merge_caption(n: usize) -> String {
    format!("Merge {}", format::plural(n, "cluster", "clusters"))
}
