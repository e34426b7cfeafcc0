//! What can be asked of a session: what is open, what was computed of it, and how far the work has come.

use std::path::Path;
use std::sync::Arc;

use super::space::Space;
use super::{
    ClassesState, Coloured, Colouring, GoalState, Import, LiveRound, Notice, ProbeState, QueryPlace,
    SearchState, Session, SpecialAnswer, StabilityAnswer, Step, StepState, StepStatus, Study, TornAndCrowded,
};
use crate::data::{
    Clusters, Corpus, Edits, Filter, Goals, Key, Knn, Layout, MapQuality, Mask, Matrix, Names,
};
use crate::io::settings::Settings;
use crate::io::work::Unfinished;
use crate::job::Snapshot;
use crate::math::duplicates::Duplicates;
use crate::stage::Params;
use crate::stage::outliers::Outliers;

impl Session {
    /// Whether anything is computed, read or written now.
    pub fn is_busy(&self) -> bool {
        self.loading.is_some()
            || self.saving.is_some()
            || self.splitting.is_some()
            || self.entering.is_some()
            || self.growing.is_some()
            || self.refreshing.is_some()
            || !self.writing.is_empty()
            || self.importing.as_ref().is_some_and(|i| i.sheet.progress.is_some())
            || self.space.as_ref().is_some_and(|space| space.is_busy() || space.is_studying())
    }

    /// Progress of an opening that shows no sheet.
    pub fn loading(&self) -> Option<(&Path, Option<Snapshot>)> {
        self.loading.as_ref().map(|(path, job)| (path.as_path(), job.progress().snapshot()))
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// The import sheet, if one is open.
    pub fn import_sheet(&self) -> Option<&Import> {
        self.importing.as_ref().map(|importing| &importing.sheet)
    }

    pub fn corpus(&self) -> Option<&Arc<Corpus>> {
        self.space.as_ref().map(|space| &space.corpus)
    }

    pub fn matrix(&self) -> Option<&Arc<Matrix>> {
        self.space.as_ref()?.matrix()
    }

    pub fn knn(&self) -> Option<&Arc<Knn>> {
        self.space.as_ref()?.knn()
    }

    /// Where the points are now: another `Arc` whenever the map moved.
    pub fn positions(&self) -> Option<&Arc<Vec<[f32; 2]>>> {
        self.space.as_ref()?.positions()
    }

    /// Rounds done and meant to be done of a map that is moving.
    pub fn map_epoch(&self) -> Option<(usize, usize)> {
        self.space.as_ref()?.map_epoch()
    }

    /// The map, finished or stopped.
    pub fn layout(&self) -> Option<&Arc<Layout>> {
        self.space.as_ref()?.layout()
    }

    /// The quality of the map that is shown; `None` while it moves.
    pub fn quality(&self) -> Option<&MapQuality> {
        self.space.as_ref()?.quality()
    }

    pub fn clusters(&self) -> Option<&Arc<Clusters>> {
        self.space.as_ref()?.clusters()
    }

    /// How many clusters have documents: those that a person emptied do not count.
    pub fn cluster_count(&self) -> usize {
        self.space.as_ref().map_or(0, Space::cluster_count)
    }

    /// The clusters as they were computed, without the edits.
    pub fn computed_clusters(&self) -> Option<&Arc<Clusters>> {
        self.space.as_ref()?.base_clusters()
    }

    /// The names that belong to [`Session::clusters`].
    pub fn names(&self) -> Option<&Arc<Names>> {
        self.space.as_ref()?.names()
    }

    /// What was done by hand.
    pub fn edits(&self) -> Option<&Arc<Edits>> {
        self.space.as_ref().map(|space| &space.edits)
    }

    /// Whether points of the map can be moved and pinned by hand: where a layout brings the others after them.
    pub fn can_pin(&self) -> bool {
        self.space.as_ref().is_some_and(|space| space.can_pin(&self.params))
    }

    /// Whether the map that moves is one at rest that follows points moved by hand.
    pub fn map_settles(&self) -> bool {
        self.space.as_ref().is_some_and(Space::map_settles)
    }

    /// The edit that made a cluster, by its place in [`Session::edits`] and which of its parts the cluster is.
    pub fn made_by(&self, label: u32) -> Option<(usize, usize)> {
        self.space.as_ref()?.made_by(label)
    }

    /// Edits (their keys) that do not fit the present clusters: a person must say what becomes of them.
    pub fn unsettled(&self) -> &[Key] {
        &self.told_unsettled
    }

    /// Whether a cluster is being split, and which.
    pub fn splitting(&self) -> Option<u32> {
        self.splitting.as_ref().map(|(label, ..)| *label)
    }

    /// The deed that undo takes back.
    pub fn undoes(&self) -> Option<&str> {
        self.history.undoes()
    }

    /// The deed that redo does again.
    pub fn redoes(&self) -> Option<&str> {
        self.history.redoes()
    }

    /// What the window showed when the project was saved.
    pub fn view_state(&self) -> &serde_json::Value {
        &self.view_state
    }

    /// Work that was left behind, newest first.
    pub fn unfinished(&self) -> &[Unfinished] {
        &self.unfinished
    }

    /// The goals that were asked for.
    pub fn goals(&self) -> impl Iterator<Item = GoalState<'_>> {
        self.space.iter().flat_map(Space::goals)
    }

    /// One of them.
    pub fn goal(&self, id: u32) -> Option<GoalState<'_>> {
        self.space.as_ref()?.goal(id)
    }

    /// The last round of a goal whose explanations are being made now.
    pub fn live_round(&self, goal: u32) -> Option<Arc<LiveRound>> {
        self.space.as_ref()?.live_round(goal)
    }

    /// The documents by the best explanation of a goal: of its answer, or of the rounds so far.
    pub fn goal_clusters(&self, goal: u32) -> Option<(Arc<Clusters>, Arc<Names>)> {
        self.space.as_ref()?.goal_clusters(goal)
    }

    /// The explanations of a goal, once there are any; not while they are made anew.
    pub fn explanations(&self, goal: u32) -> Option<&Arc<Goals>> {
        let space = self.space.as_ref()?;
        if space.live_round(goal).is_some() {
            return None;
        }
        Some(space.goal(goal)?.answer?.goals())
    }

    /// The explanation looked at: its goal and its id.
    pub fn focus_explanation(&self) -> Option<(u32, u32)> {
        self.space.as_ref()?.focus_explanation
    }

    /// Density topics with their names, coarse to fine; empty until the map rests.
    pub fn topics(&self) -> &[(Arc<Clusters>, Arc<Names>)] {
        self.space.as_ref().map_or(&[], Space::topics)
    }

    /// Whether a model makes the vectors, or they were given.
    pub fn embeds(&self) -> bool {
        self.space.as_ref().is_some_and(Space::embeds)
    }

    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Where a step stands.
    pub fn step(&self, step: Step) -> StepStatus {
        match &self.space {
            Some(space) => space.step(step, &self.params),
            None => StepStatus { state: StepState::Waiting, summary: String::new(), took: None },
        }
    }

    pub fn focus(&self) -> Option<u32> {
        self.space.as_ref()?.focus
    }

    pub fn focus_cluster(&self) -> Option<u32> {
        self.space.as_ref()?.focus_cluster
    }

    /// Selected documents, ascending; empty when nothing is selected.
    pub fn selection(&self) -> Option<&Arc<Vec<u32>>> {
        self.space.as_ref().map(|space| &space.selection)
    }

    /// Which documents are to show; `None` while nothing is open.
    pub fn filter(&self) -> Option<&Filter> {
        self.space.as_ref().map(|space| &space.edits.filter)
    }

    /// The documents that the filter keeps; `None` where it keeps all of them. While it is being changed, what it kept
    /// before.
    pub fn kept(&self) -> Option<&Arc<Mask>> {
        self.space.as_ref()?.kept()
    }

    /// Whether what the filter keeps is still being found.
    pub fn is_filtering(&self) -> bool {
        self.space.as_ref().is_some_and(Space::is_filtering)
    }

    /// The search as it stands; `None` while nothing is searched for.
    pub fn search(&self) -> Option<SearchState<'_>> {
        self.space.as_ref()?.search_state(&self.params)
    }

    /// Whether an answer to a search is still being found.
    pub fn is_searching(&self) -> bool {
        self.space.as_ref().is_some_and(Space::is_searching)
    }

    /// The text that is tried, and what came of it; `None` while none is.
    pub fn probe(&self) -> Option<ProbeState<'_>> {
        self.space.as_ref()?.probe_state(&self.params)
    }

    /// Where on the map the present search by meaning lies, once it is known.
    pub fn query_place(&self) -> Option<&QueryPlace> {
        self.space.as_ref()?.query_place()
    }

    /// The documents by the kept search that finds them, the first of several.
    pub fn coloured_searches(&self) -> Option<&Arc<Coloured>> {
        self.space.as_ref()?.coloured_searches()
    }

    /// Where a study stands.
    pub fn study(&self, study: Study) -> StepState {
        self.space.as_ref().map_or(StepState::Waiting, |space| space.study(study, &self.params))
    }

    /// Whether a person has asked for a study, be it that it still waits for what it is made from.
    pub fn is_asked(&self, study: Study) -> bool {
        self.space.as_ref().is_some_and(|space| space.is_asked(study))
    }

    /// What is special about the documents asked about last, once it is known.
    pub fn special(&self) -> Option<&Arc<SpecialAnswer>> {
        self.space.as_ref()?.special()
    }

    /// The copies among the documents, once they are asked for and found.
    pub fn copies(&self) -> Option<&Arc<Duplicates>> {
        self.space.as_ref()?.copies()
    }

    /// How far documents lie from others, once that was asked for.
    pub fn outliers(&self) -> Option<&Arc<Outliers>> {
        self.space.as_ref()?.outliers()
    }

    /// The topics described by keywords, and the classes that they give.
    pub fn classes(&self) -> Option<ClassesState<'_>> {
        Some(self.space.as_ref()?.classes_state(&self.params))
    }

    /// Where the present map is torn and crowded, once it was coloured by it.
    pub fn honesty(&self) -> Option<&Arc<TornAndCrowded>> {
        self.space.as_ref()?.honesty(&self.params)
    }

    /// How well the present clusters survive, once that was asked for and is known.
    pub fn stability(&self) -> Option<&Arc<StabilityAnswer>> {
        self.space.as_ref()?.stability()
    }

    pub fn colouring(&self) -> Option<&Colouring> {
        self.space.as_ref().map(|space| &space.colouring)
    }

    /// What is to be told since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// The model in words.
    pub fn model_name(&self) -> String {
        match (self.matrix(), &self.embedder) {
            (Some(matrix), _) => matrix.made_by.clone(),
            (None, Some((_, embedder))) => embedder.name().to_owned(),
            (None, None) => String::new(),
        }
    }
}
