//! A space as a project keeps it, and back.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::data::{Key, Query};
use crate::io::project::Project;
use crate::session::Colouring;
use crate::session::cell::Cell;
use crate::stage::Params;

use super::{Embedded, Grouped, Mapped, Space, Vectors};

/// Names of the values in [`Project::stale`].
const VECTORS: &str = "vectors";
const NEIGHBOURS: &str = "neighbours";
const LAYOUT: &str = "layout";
const CLUSTERS: &str = "clusters";
const NAMES: &str = "names";
const TOPICS: &str = "topics";

/// What starts by itself once a project is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Waking {
    /// Nothing: what is missing or stale waits until a person asks for it.
    Rests,
    /// What was under way when the work was interrupted, and what is missing.
    GoesOn,
}

/// The part of what is shown that a project keeps.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct SavedView {
    focus: Option<u32>,
    focus_cluster: Option<u32>,
    colouring: Colouring,
    query: Option<Query>,
    /// Whether the vectors came with the corpus; else a model makes them.
    given: bool,
    window: serde_json::Value,
}

impl Space {
    /// A corpus with the values that its project holds: nothing that is there is computed again. Also returns the
    /// view state that the window keeps.
    pub fn from_project(
        project: &Project,
        grouped: Option<Grouped>,
        params: &Params,
        waking: Waking,
    ) -> (Self, serde_json::Value) {
        let saved: SavedView = serde_json::from_value(project.view.clone()).unwrap_or_default();
        let vectors = match &project.matrix {
            Some(matrix) if saved.given => Vectors::Given(matrix.clone()),
            _ => Vectors::ByModel,
        };
        let mut space = Self::new(project.corpus.clone(), vectors);
        let n = space.corpus.len() as u32;
        space.edits = project.edits.clone();
        space.focus = saved.focus.filter(|&id| id < n);
        space.focus_cluster = saved.focus_cluster;
        space.selection = project.selection.clone();
        space.colouring = saved.colouring;
        space.set_query(saved.query);
        space.fill(project, params);
        space.fill_edited(grouped, project.edited_names.clone());
        space.fill_goals(&project.goals);
        if waking == Waking::Rests {
            space.rest(params);
        }
        (space, saved.window)
    }

    /// Fills the cells in the order of the flow: each request depends on the values before it.
    fn fill(&mut self, project: &Project, params: &Params) {
        fn put<T: Send + 'static>(cell: &mut Cell<T>, request: Option<Key>, stale: bool, value: T) {
            match request {
                Some(request) if !stale => cell.fill(request, value),
                request => cell.fill_stale(request, value),
            }
        }
        let stale = |part: &str| project.stale.contains(part);
        if let Some(matrix) = &project.matrix {
            let summary = crate::stage::embed::summary(matrix);
            let embedded = Embedded { matrix: matrix.clone(), embedder: None, summary, truncated: 0 };
            let request = Some(self.embed_request(params));
            put(&mut self.embedded, request, stale(VECTORS), embedded);
        }
        if let Some(knn) = &project.knn {
            let request = self.knn_request(params);
            put(&mut self.knn, request, stale(NEIGHBOURS), knn.clone());
        }
        if let Some(layout) = &project.layout {
            let request = self.map_request(params);
            // Without vectors or neighbours nobody can say whether it is the map that the parameters give: it stays as it is.
            let whole = self.whole_map(params).unwrap_or(layout.key);
            let map = Mapped { layout: layout.clone(), whole, pins: self.pins(params).clone() };
            put(&mut self.map, request, stale(LAYOUT), map);
            if layout.epochs.0 < layout.epochs.1 {
                self.map.mark_stopped();
            }
        }
        if let Some(quality) = &project.quality {
            let request = self.quality_request();
            put(&mut self.quality, request, false, quality.clone());
        }
        if let Some(clusters) = &project.clusters {
            let request = self.clusters_request(params);
            put(&mut self.clusters, request, stale(CLUSTERS), clusters.clone());
        }
        if let Some(names) = &project.names {
            let request = self.names_request();
            put(&mut self.names, request, stale(NAMES), names.clone());
        }
        if !project.topics.is_empty() {
            let request = self.topics_request(params);
            put(&mut self.topics, request, stale(TOPICS), project.topics.clone());
        }
    }

    /// Lets everything that is missing wait until a person asks for it.
    fn rest(&mut self, params: &Params) {
        let request = Some(self.embed_request(params));
        self.embedded.rest(request);
        let request = self.knn_request(params);
        self.knn.rest(request);
        let request = self.map_request(params);
        self.map.rest(request);
        let request = self.quality_request();
        self.quality.rest(request);
        let request = self.clusters_request(params);
        self.clusters.rest(request);
        let request = self.names_request();
        self.names.rest(request);
        let request = self.topics_request(params);
        self.topics.rest(request);
        self.rest_goals();
    }

    /// Everything as a project; `window` is the view state that the window keeps. Cheap: values are shared.
    pub fn project(&self, params: &Params, window: serde_json::Value) -> Project {
        let view = SavedView {
            focus: self.focus,
            focus_cluster: self.focus_cluster,
            colouring: self.colouring.clone(),
            query: self.query().cloned(),
            given: !self.embeds(),
            window,
        };
        Project {
            corpus: self.corpus.clone(),
            matrix: self.matrix().cloned(),
            knn: self.knn().cloned(),
            layout: self.layout().cloned(),
            quality: self.quality().cloned(),
            clusters: self.base_clusters().cloned(),
            names: self.names.value().cloned(),
            topics: self.topics.value().cloned().unwrap_or_default(),
            edits: self.edits.clone(),
            edited_names: self.edited_names.value().cloned(),
            goals: self.answers(),
            selection: self.selection.clone(),
            stale: self.stale(params),
            params: serde_json::to_value(params).unwrap_or_default(),
            view: serde_json::to_value(view).unwrap_or_default(),
        }
    }

    /// The values that belong to other parameters than the present ones, or are being computed anew.
    fn stale(&self, params: &Params) -> BTreeSet<String> {
        let states = [
            (VECTORS, self.embedded.is_stale(Some(self.embed_request(params)))),
            (NEIGHBOURS, self.knn.is_stale(self.knn_request(params))),
            (LAYOUT, self.map.is_stale(self.map_request(params))),
            (CLUSTERS, self.clusters.is_stale(self.clusters_request(params))),
            (NAMES, self.names.is_stale(self.names_request())),
            (TOPICS, self.topics.is_stale(self.topics_request(params))),
        ];
        states.into_iter().filter(|(_, stale)| *stale).map(|(part, _)| part.to_owned()).collect()
    }
}
