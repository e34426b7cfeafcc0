//! The panel at the right: a document, a cluster, or the corpus.

use egui::Ui;
use serde::{Deserialize, Serialize};

use crate::session::Session;
use crate::ui::facts::{self, Facts};
use crate::ui::wishes::Wishes;

use super::cluster_card::TitleEdit;
use super::overview::Chosen;
use super::{cluster_card, document, overview};

/// What the overview lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Page {
    #[default]
    Clusters,
    Edits,
    Tags,
}

/// What the panel remembers between frames.
#[derive(Default)]
pub struct InspectorState {
    pub title: TitleEdit,
    pub page: Page,
    pub chosen: Chosen,
    /// The tag that is being typed.
    pub tag: String,
}

/// Draws the panel. `stack` are the documents at the place of the focused one; `colour` gives a cluster's colour
/// on the map.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    facts: &Facts,
    stack: &[u32],
    colour: impl Fn(u32) -> Option<egui::Color32>,
    state: &mut InspectorState,
    wishes: &mut Wishes,
) {
    let Some(corpus) = session.corpus() else { return };
    if let Some(i) = session.focus().filter(|&i| (i as usize) < corpus.len()) {
        document::show(ui, session, corpus, i, stack, &colour, &mut state.tag, wishes);
    } else if let Some(label) = facts::shown_cluster(session) {
        let whole = facts.columns(session).map(|columns| columns.as_slice());
        let digest = facts.cluster(session).map(|digest| &**digest);
        cluster_card::show(ui, session, corpus, label, (digest, whole), &mut state.title, wishes);
    } else {
        overview::show(ui, session, corpus, facts, colour, state, wishes);
    }
}
