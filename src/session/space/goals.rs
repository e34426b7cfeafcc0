//! Goals of a space: what was asked, what came of it, and how far the work is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::data::{Asked, ClusterName, Clusters, Goals, Key, Names};
use crate::embed::Embedder;
use crate::model::ModelSource;
use crate::session::cell::{Cell, News};
use crate::session::{ColourBy, Colouring, Command, Notice, Severity, StepState, Tools};
use crate::stage::goal::{self, Explained, Inputs, Round, Watch};
use crate::stage::{self, Params};

use super::{LoadedModel, Space};

/// How many earlier answers a goal remembers, so that undo repeats no work.
const EARLIER: usize = 3;

/// What a goal gave, and what panels need of it.
pub struct Answer {
    pub explained: Explained,
    /// The documents by their best explanation; labels are ids of explanations.
    pub clusters: Arc<Clusters>,
    pub names: Arc<Names>,
    /// For each two explanations how far they hold for the same documents ([`Goals::overlaps`]): a look through all
    /// documents, which is not for a frame.
    pub overlaps: Vec<Vec<f32>>,
    /// The model that compared words with texts; none where the answer comes from a project.
    pub(in crate::session) embedder: Option<LoadedModel>,
}

impl Answer {
    pub(super) fn new(explained: Explained, embedder: Option<LoadedModel>) -> Self {
        let (clusters, names) = (explained.goals.clusters(), explained.goals.names());
        let overlaps = explained.goals.overlaps();
        Self { explained, clusters: Arc::new(clusters), names: Arc::new(names), overlaps, embedder }
    }

    pub fn goals(&self) -> &Arc<Goals> {
        &self.explained.goals
    }

    /// The model that compared words with texts, if it is at hand.
    pub fn embedder(&self) -> Option<&Arc<Embedder>> {
        self.embedder.as_ref().map(|(_, embedder)| embedder)
    }
}

/// A round of proposing, as it is shown while the work goes on.
pub struct LiveRound {
    pub round: Round,
    /// The documents by the candidates chosen so far, and a few words of each.
    pub clusters: Arc<Clusters>,
    pub names: Arc<Names>,
}

impl LiveRound {
    fn new(mut round: Round, request: Key) -> Self {
        let key = Key::of("goal's round", 1).input(request).params(&round.round).finish();
        let labels = std::mem::take(&mut round.best);
        let clusters = Clusters {
            key,
            strengths: vec![1.0; labels.len()],
            labels,
            count: round.chosen,
            method: "goal so far".into(),
        };
        let title = |(words, at): (&String, usize)| match words.is_empty() {
            true => format!("Candidate {}", at + 1),
            false => words.clone(),
        };
        let name = |title| ClusterName { title, keywords: Vec::new(), exemplars: Vec::new() };
        let names = round.words.iter().zip(0..).map(title).map(name).collect();
        Self { round, clusters: Arc::new(clusters), names: Arc::new(Names { key, clusters: names }) }
    }
}

/// A goal as panels see it.
pub struct GoalState<'a> {
    pub asked: &'a Arc<Asked>,
    /// What there is, be it of an earlier state of `asked`.
    pub answer: Option<&'a Arc<Answer>>,
    pub state: StepState,
    /// Rounds of the work under way, or of the last.
    pub rounds: Vec<Arc<LiveRound>>,
    pub took: Option<Duration>,
}

/// One goal's answer and the work on it.
#[derive(Default)]
pub(super) struct GoalWork {
    pub cell: Cell<Arc<Answer>>,
    rounds: Arc<Mutex<Vec<Arc<LiveRound>>>>,
    /// The rounds so far are enough.
    enough: Arc<AtomicBool>,
}

impl Space {
    /// The goals that were asked for, in their order.
    pub fn goals(&self) -> impl Iterator<Item = GoalState<'_>> {
        self.edits.goals.iter().map(|asked| self.state_of(asked))
    }

    /// One of them.
    pub fn goal(&self, id: u32) -> Option<GoalState<'_>> {
        self.edits.goal(id).map(|asked| self.state_of(asked))
    }

    fn state_of<'a>(&'a self, asked: &'a Arc<Asked>) -> GoalState<'a> {
        let Some(work) = self.goal_work.get(&asked.id) else {
            return GoalState {
                asked,
                answer: None,
                state: StepState::Waiting,
                rounds: Vec::new(),
                took: None,
            };
        };
        GoalState {
            asked,
            answer: work.cell.value(),
            state: work.cell.state(self.goal_request(asked)),
            rounds: work.rounds.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            took: work.cell.took,
        }
    }

    /// What a goal's answer is made from; `None` while there are no vectors.
    pub(super) fn goal_request(&self, asked: &Arc<Asked>) -> Option<Key> {
        let matrix = self.matrix()?.key;
        let key = Key::of("goal request", 1).input(self.corpus.key).input(matrix);
        Some(key.input(self.asked_keys.of(asked)).finish())
    }

    /// Starts the work on goals whose answer is missing or stale.
    pub(super) fn start_goals(&mut self, params: &Params, tools: &Tools, embedder: Option<&LoadedModel>) {
        let Some(matrix) = self.matrix().cloned().filter(|_| !self.embedded.is_running()) else { return };
        // Neighbours save work where they are there in a moment.
        if self.knn.is_running() {
            return;
        }
        let knn = self.knn.fresh(self.knn_request(params)).cloned();
        for asked in self.edits.goals.clone() {
            let request = self.goal_request(&asked);
            let work = self
                .goal_work
                .entry(asked.id)
                .or_insert_with(|| GoalWork { cell: Cell::remembering(EARLIER), ..GoalWork::default() });
            work.cell.recall(request);
            let Some(key) = request.filter(|_| work.cell.needs(request)) else { continue };
            let from = work.cell.value().map(|answer| answer.explained.clone());
            let from = from.filter(|from| from.asked.leads_to(&asked));
            let (rounds, enough) = (work.rounds.clone(), Arc::new(AtomicBool::new(false)));
            work.enough = enough.clone();
            if from.is_none() {
                rounds.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
            let (corpus, matrix, knn) = (self.corpus.clone(), matrix.clone(), knn.clone());
            let (params, tools, loaded) = (params.clone(), tools.clone(), embedder.cloned());
            work.cell.start("goal", key, tools.wake.clone(), move |ctx| {
                let embedder = stage::embed::embedder(&params, loaded, tools.on.wished(), ctx)?;
                let inputs =
                    Inputs { corpus: &corpus, matrix: &matrix, knn: knn.as_deref(), embedder: &embedder };
                let told = |round| {
                    let round = Arc::new(LiveRound::new(round, key));
                    rounds.lock().unwrap_or_else(PoisonError::into_inner).push(round);
                    ctx.wake();
                };
                let watch = Watch { told: &told, enough: &|| enough.load(Ordering::Relaxed) };
                let explained =
                    goal::evaluate(&inputs, &asked, from.as_ref(), tools.of_stages(), watch, ctx)?;
                let model: (ModelSource, Arc<Embedder>) = (params.source(), embedder.clone());
                Ok(Arc::new(Answer::new(explained, Some(model))))
            });
        }
    }

    /// Takes what goals' work has done; says whether there is something new. What cannot be done to explanations is
    /// taken back and told.
    pub(super) fn poll_goals(
        &mut self,
        embedder: &mut Option<LoadedModel>,
        notices: &mut Vec<Notice>,
    ) -> bool {
        let mut made = false;
        for (&id, work) in &mut self.goal_work {
            for event in work.cell.events() {
                if let crate::job::Event::Warning(text) = event {
                    notices.push(Notice { severity: Severity::Warning, text, action: None });
                }
            }
            match work.cell.poll() {
                News::Nothing => {}
                News::Value(answer) => {
                    made = true;
                    if answer.embedder.is_some() {
                        embedder.clone_from(&answer.embedder);
                    }
                }
                News::Failed(text) => {
                    let before = work.cell.value().map(|answer| &answer.explained.asked);
                    let asked = self.edits.goals.iter().find(|asked| asked.id == id);
                    if let (Some(before), Some(asked)) = (before, asked)
                        && before.leads_to(asked)
                        && before.deeds.len() < asked.deeds.len()
                    {
                        // Only its deed has failed: the explanations stay as they were.
                        self.withdrawn = asked.deeds.last().map(|deed| deed.name());
                        let edits = self.edits.ask(before.clone());
                        self.edits = Arc::new(edits);
                        notices.push(Notice { severity: Severity::Warning, text, action: None });
                    }
                }
            }
        }
        made
    }

    /// What was to be done to explanations and could not, once.
    pub fn take_withdrawn(&mut self) -> Option<&'static str> {
        self.withdrawn.take()
    }

    /// Lets a goal's rounds end with what is there.
    pub fn finish_goal(&self, id: u32) {
        if let Some(work) = self.goal_work.get(&id) {
            work.enough.store(true, Ordering::Relaxed);
        }
    }

    /// Stops a goal's work; what there was before stays.
    pub fn stop_goal(&self, id: u32) {
        if let Some(work) = self.goal_work.get(&id) {
            work.cell.stop();
        }
    }

    /// Lets a goal's work start again that failed or was stopped.
    pub fn try_goal(&mut self, id: u32) {
        if let Some(work) = self.goal_work.get_mut(&id) {
            work.cell.forget_end();
        }
    }

    pub fn stop_goals(&self) {
        self.goal_work.values().for_each(|work| work.cell.stop());
    }

    /// The documents by the best explanation of a goal: of the answer, or of the rounds so far.
    pub fn goal_clusters(&self, goal: u32) -> Option<(Arc<Clusters>, Arc<Names>)> {
        if let Some(live) = self.live_round(goal) {
            return Some((live.clusters.clone(), live.names.clone()));
        }
        let answer = self.goal_work.get(&goal)?.cell.value()?;
        self.edits.goal(goal)?;
        Some((answer.clusters.clone(), answer.names.clone()))
    }

    /// Looks at what a command about goals brought: the map takes the colours of a goal that is asked for.
    pub fn meet_goals(&mut self, command: &Command) {
        let colour = |by| Colouring { by, ..Colouring::default() };
        match command {
            Command::AskGoal(id, _) => {
                let id = id.or_else(|| self.edits.goals.last().map(|asked| asked.id));
                if let Some(id) = id {
                    self.colouring = colour(ColourBy::Goal(id));
                }
                (self.focus, self.focus_cluster, self.focus_explanation) = (None, None, None);
                self.goal_work.values_mut().for_each(|work| work.cell.forget_end());
            }
            Command::ToggleQuery(_) => {
                // What is kept shows at once, and what is kept no longer has no colours.
                let kept = !self.edits.queries.is_empty();
                match self.colouring.by {
                    ColourBy::Searches if !kept => self.colouring = Colouring::default(),
                    ColourBy::Searches => {}
                    _ if kept => self.colouring = colour(ColourBy::Searches),
                    _ => {}
                }
            }
            Command::ForgetGoal(id) => {
                let of_it = match self.colouring.by {
                    ColourBy::Goal(goal) | ColourBy::Explanation(goal, _) => goal == *id,
                    _ => false,
                };
                if of_it {
                    self.colouring = Colouring::default();
                }
                if self.focus_explanation.is_some_and(|(goal, _)| goal == *id) {
                    self.focus_explanation = None;
                }
            }
            _ => {}
        }
    }

    /// Whether any goal is worked on.
    pub(super) fn works_on_goals(&self) -> bool {
        self.goal_work.values().any(|work| work.cell.is_running())
    }

    /// Whether explanations are made anew now, rather than changed: these rounds are worth showing.
    pub fn live_round(&self, id: u32) -> Option<Arc<LiveRound>> {
        let work = self.goal_work.get(&id).filter(|work| work.cell.is_running())?;
        let asked = self.edits.goal(id)?;
        let steered = work.cell.value().is_some_and(|answer| answer.explained.asked.leads_to(asked));
        let rounds = work.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.last().filter(|_| !steered).cloned()
    }

    /// The edits after a command about goals; `None` if it changes nothing, or is about nothing that is there.
    pub(super) fn goals_edited(&self, command: &Command) -> Option<crate::data::Edits> {
        Some(match command {
            Command::AskGoal(id, params) => {
                let id = id.unwrap_or_else(|| self.edits.new_goal());
                self.edits.ask(Asked { id, params: Arc::new((**params).clone()), deeds: Vec::new() })
            }
            Command::SteerGoal(id, deed) => self.edits.ask(self.edits.goal(*id)?.with((**deed).clone())),
            Command::ForgetGoal(id) => self.edits.forget_goal(*id),
            _ => return None,
        })
    }

    /// The answers to the goals as they are asked for now.
    pub(super) fn answers(&self) -> Vec<Arc<Goals>> {
        let of = |asked: &Arc<Asked>| {
            let answer = self.goal_work.get(&asked.id)?.cell.fresh(self.goal_request(asked))?;
            Some(answer.explained.goals.clone())
        };
        self.edits.goals.iter().filter_map(of).collect()
    }

    /// Takes over the answers of a project.
    pub(super) fn fill_goals(&mut self, answers: &[Arc<Goals>]) {
        for asked in self.edits.goals.clone() {
            let Some(goals) = answers.iter().find(|goals| asked.answers(goals)) else { continue };
            let request = self.goal_request(&asked);
            let mut cell = Cell::remembering(EARLIER);
            let explained = Explained { asked: (*asked).clone(), goals: goals.clone(), working: None };
            if let Some(request) = request {
                cell.fill(request, Arc::new(Answer::new(explained, None)));
            }
            self.goal_work.insert(asked.id, GoalWork { cell, ..GoalWork::default() });
        }
    }

    /// Lets goals without an answer wait until a person asks for it.
    pub(super) fn rest_goals(&mut self) {
        for asked in self.edits.goals.clone() {
            let request = self.goal_request(&asked);
            self.goal_work.entry(asked.id).or_default().cell.rest(request);
        }
    }
}

/// The keys of what was asked: panels want them every frame, and examples may be many documents.
#[derive(Default)]
pub(super) struct AskedKeys(RefCell<BTreeMap<u32, (Arc<Asked>, Key)>>);

impl AskedKeys {
    fn of(&self, asked: &Arc<Asked>) -> Key {
        let mut known = self.0.borrow_mut();
        if let Some((_, key)) = known.get(&asked.id).filter(|(other, _)| Arc::ptr_eq(other, asked)) {
            return *key;
        }
        let key = asked.key();
        known.insert(asked.id, (asked.clone(), key));
        key
    }
}

/// The work on goals, by their ids.
pub(super) type GoalWorks = BTreeMap<u32, GoalWork>;
