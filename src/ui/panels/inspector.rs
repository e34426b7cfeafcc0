//! The panel at the right: a document, a cluster, or the corpus.

use egui::{Color32, Ui};
use serde::{Deserialize, Serialize};

use crate::session::{Command, Session, Wake};
use crate::ui::chart_counts::ChartCounts;
use crate::ui::copy_groups::CopiesState;
use crate::ui::facts::{self, Facts};
use crate::ui::theme::SPACE_8;
use crate::ui::wishes::{Mode, Wishes};
use crate::ui::{format, icons, widgets};

use super::cluster_card::TitleEdit;
use super::goals::GoalsState;
use super::keyword_topics::TopicsPage;
use super::outliers::OutliersState;
use super::overview::Chosen;
use super::probe::ProbeField;
use super::{cluster_card, document, goals, overview, search};

/// What the overview lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Page {
    #[default]
    Clusters,
    Charts,
    /// What sets the selection apart.
    Special,
    Copies,
    Outliers,
    Probe,
    Topics,
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
    pub goals: GoalsState,
    pub charts: ChartCounts,
    pub copies: CopiesState,
    pub outliers: OutliersState,
    pub probe: ProbeField,
    pub topics: TopicsPage,
}

impl InspectorState {
    /// Asks for what is on show; call it every frame.
    pub fn update(&mut self, session: &Session, wake: &Wake) {
        self.probe.pointed = None;
        match self.page {
            Page::Charts => self.charts.update(session, wake),
            Page::Copies => self.copies.update(session, wake),
            Page::Outliers => self.outliers.update(session, wake),
            Page::Clusters | Page::Special | Page::Probe | Page::Topics | Page::Edits | Page::Tags => {}
        }
    }
}

/// What gives colours on the map: to a cluster, and to an explanation of a goal.
pub struct Colours<C, E> {
    pub cluster: C,
    pub explanation: E,
}

/// Draws the panel. `stack` are the documents at the place of the focused one.
#[expect(clippy::too_many_arguments, reason = "what the panel is drawn from")]
pub fn show(
    ui: &mut Ui,
    session: &Session,
    mode: Mode,
    facts: &Facts,
    stack: &[u32],
    colours: Colours<impl Fn(u32) -> Option<Color32>, impl Fn(u32, u32) -> Option<Color32>>,
    state: &mut InspectorState,
    wishes: &mut Wishes,
) {
    let Some(corpus) = session.corpus() else { return };
    // Figures at the right would else lie under the scroll bar.
    ui.spacing_mut().scroll.floating_allocated_width = SPACE_8;
    if let Some(i) = session.focus().filter(|&i| (i as usize) < corpus.len()) {
        if let Some(found) = session.search().and_then(|search| search.found)
            && widgets::small_link(
                ui,
                &format!("{} {}", icons::ARROW_LEFT, format::plural(found.total, "hit", "hits")),
            )
            .clicked()
        {
            wishes.push(Command::Focus(None));
        } else if session.search().is_none()
            && state.page == Page::Probe
            && session.probe().is_some()
            && widgets::small_link(ui, &format!("{} Your text", icons::ARROW_LEFT)).clicked()
        {
            wishes.push(Command::Focus(None));
        }
        let given = document::Given { facts, stack, colours: &colours };
        document::show(ui, session, corpus, i, &given, &mut state.tag, wishes);
    } else if let Some(label) = facts::shown_cluster(session) {
        let whole = facts.columns(session).map(|columns| columns.as_slice());
        let digest = facts.cluster(session).map(|digest| &**digest);
        cluster_card::show(ui, session, corpus, label, (digest, whole), &mut state.title, wishes);
    } else if let Some(search) = session.search() {
        search::show(ui, session, corpus, &search, wishes);
    } else if mode == Mode::Goals {
        goals::show(ui, session, facts, colours.explanation, &mut state.goals, wishes);
    } else {
        overview::show(ui, session, corpus, facts, colours.cluster, state, wishes);
    }
}
