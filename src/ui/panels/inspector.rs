//! The panel at the right: a document, a cluster, or the corpus.

use egui::Ui;

use crate::session::Session;
use crate::ui::facts::{self, Facts};
use crate::ui::wishes::Wishes;

use super::{cluster_card, document, overview};

/// Draws the panel. `stack` are the documents at the place of the focused one; `colour` gives a cluster's colour
/// on the map.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    facts: &Facts,
    stack: &[u32],
    colour: impl Fn(u32) -> Option<egui::Color32>,
    wishes: &mut Wishes,
) {
    let Some(corpus) = session.corpus() else { return };
    if let Some(i) = session.focus().filter(|&i| (i as usize) < corpus.len()) {
        document::show(ui, session, corpus, i, stack, &colour, wishes);
    } else if let Some(label) = facts::shown_cluster(session) {
        let whole = facts.columns(session).map(|columns| columns.as_slice());
        let digest = facts.cluster(session).map(|digest| &**digest);
        cluster_card::show(ui, session, corpus, label, digest, whole, wishes);
    } else {
        overview::show(ui, session, corpus, facts.sizes(session).map(|sizes| &**sizes), colour, wishes);
    }
}
