//! The open session: one corpus, its space and what follows from it; what is stale; commands in, values out.
//!
//! Panels read a `&Session` and push [`Command`]s. [`Session::apply`] is the one place that changes anything on a
//! person's behalf, [`Session::poll`] the one that takes the results of jobs and starts whatever is stale.

mod asked;
mod cache_place;
mod cell;
mod command;
mod exporting;
mod growing;
mod history;
mod importing;
mod inner;
mod keeper;
mod opening;
mod recents;
mod saving;
mod space;
mod splitting;
mod state;
mod without_texts;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use command::Command;
pub use exporting::{DocumentSources, DocumentsExport};
pub use space::{
    Answer, ClassesState, Classified, Coloured, Found, GoalState, LiveRound, Matched, ProbeState, QueryPlace,
    SearchState, SpecialAnswer, StabilityAnswer, TornAndCrowded, Tried,
};
pub use state::{
    ColourBy, Colouring, Import, Notice, NoticeAction, Purpose, Sample, Severity, Step, StepState,
    StepStatus, Study,
};
pub use without_texts::LEFT_OUT;

use crate::data::{Corpus, Key};
use crate::gpu::Adapter;
use crate::io::cache::Cache;
use crate::io::read::ReadOptions;
use crate::io::settings::{DevicePreference, Settings};
use crate::io::work::{Home, ProjectLock, Unfinished};
use crate::job::Job;
use crate::stage::grow::Growth;
use crate::stage::{self, Computers, Params, StageError};

use cache_place::CacheWork;
use growing::{Growing, Watching};
use history::{Doing, History};
use importing::Importing;
use inner::{Entering, Outer};
use keeper::Keeper;
use opening::Loaded;
use recents::SettingsWriter;
use saving::{Due, Saving};
use space::{LoadedModel, Space};
use splitting::Splitting;

/// What is called when the window should look at the session again.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A file being written; the sentence and the path for the notice at its end.
type Writing = Job<Result<(String, PathBuf), StageError>>;

/// The project file that is open.
struct ProjectFile {
    path: PathBuf,
    /// Keeps other windows from writing it.
    lock: Option<ProjectLock>,
    read_only: Option<String>,
}

/// The open session.
pub struct Session {
    wake: Wake,
    settings: Settings,
    cache: Arc<Cache>,
    on: Computers,
    cache_work: CacheWork,
    settings_writer: SettingsWriter,
    place: Option<PathBuf>,
    params: Params,
    importing: Option<Importing>,
    loading: Option<(PathBuf, Job<Result<Loaded, StageError>>)>,
    space: Option<Space>,
    embedder: Option<LoadedModel>,
    writing: Vec<Writing>,
    notices: Vec<Notice>,
    /// When parameters last changed: work waits until they rest for a moment.
    changed: Option<Instant>,
    /// View state of the window that belongs into a project (camera and the like), set by the window.
    view_state: serde_json::Value,
    /// Where work is kept; none: it is not.
    home: Option<Home>,
    keeper: Option<Keeper>,
    due: Option<Due>,
    /// Threads that still write what was let go of.
    leaving: Vec<std::thread::JoinHandle<()>>,
    unfinished: Vec<Unfinished>,
    looking: Option<Job<Vec<Unfinished>>>,
    file: Option<ProjectFile>,
    saving: Option<Saving>,
    history: History,
    splitting: Option<Splitting>,
    /// How much was done by hand since the start.
    deeds: u64,
    /// Whether there is anything by hand in the open work.
    touched: bool,
    unsaved: bool,
    /// How often what is open has grown, and what it was before: undo goes back there.
    grounds: u64,
    parked: BTreeMap<u64, Space>,
    /// The spaces around the present one, which is a part of the last.
    outer: Vec<Outer>,
    entering: Option<Entering>,
    to_grow: Option<Growth>,
    growing: Option<Growing>,
    /// How the corpus's file was read.
    read_options: ReadOptions,
    watching: Option<Watching>,
    refreshing: Option<Job<Result<Corpus, StageError>>>,
    /// Edits that do not fit, as last told.
    told_unsettled: Vec<Key>,
}

/// What steps in the background need beside their inputs.
#[derive(Clone)]
struct Tools {
    cache: Arc<Cache>,
    on: Computers,
    wake: Wake,
}

impl Tools {
    fn of_stages(&self) -> stage::Tools<'_> {
        stage::Tools { cache: Some(&self.cache), on: &self.on }
    }
}

/// How long parameters rest before stale steps start: shorter than patience, longer than a slider's drag.
const REST: Duration = Duration::from_millis(250);

impl Session {
    fn tools(&self) -> Tools {
        Tools { cache: self.cache.clone(), on: self.on.clone(), wake: self.wake.clone() }
    }

    /// Steps compute on `adapter`, which the window draws with, where that is faster or a person wants it.
    pub fn draws_with(&mut self, adapter: Adapter) {
        self.on = Computers::new(self.settings.device, Some(adapter));
    }

    /// Work that begins from now on computes there.
    pub fn computes_on(&mut self, device: DevicePreference) {
        self.on.wish(device);
    }

    /// A session with nothing open.
    pub fn new(settings: Settings, cache: Cache, wake: Wake) -> Self {
        let mut session = Self {
            wake,
            on: Computers::new(settings.device, None),
            settings,
            cache: Arc::new(cache),
            cache_work: CacheWork::default(),
            settings_writer: SettingsWriter::default(),
            place: None,
            params: Params::default(),
            importing: None,
            loading: None,
            space: None,
            embedder: None,
            writing: Vec::new(),
            notices: Vec::new(),
            changed: None,
            view_state: serde_json::Value::Null,
            home: None,
            keeper: None,
            due: None,
            leaving: Vec::new(),
            unfinished: Vec::new(),
            looking: None,
            file: None,
            saving: None,
            history: History::default(),
            splitting: None,
            deeds: 0,
            touched: false,
            unsaved: false,
            grounds: 0,
            parked: BTreeMap::new(),
            outer: Vec::new(),
            entering: None,
            to_grow: None,
            growing: None,
            read_options: ReadOptions::default(),
            watching: None,
            refreshing: None,
            told_unsettled: Vec::new(),
        };
        session.count_cache();
        session
    }

    /// Keeps work in `home` as it is done, and looks there for work that was left behind.
    pub fn keep_in(mut self, home: Home) -> Self {
        self.home = Some(home);
        self.look_for_unfinished();
        self
    }

    /// Does what a person asked for. Never blocks: long work becomes a job.
    pub fn apply(&mut self, command: Command) {
        let deed = command.deed();
        let before = deed.and_then(|_| self.doing());
        self.carry_out(command);
        if let (Some((name, gesture)), Some(before)) = (deed, before) {
            self.note(name, before, gesture);
        }
        (self.wake)();
    }

    /// Everything that undo puts back; `None` while nothing is open.
    fn doing(&self) -> Option<Doing> {
        let space = self.space.as_ref()?;
        let (edits, colouring) = (space.edits.clone(), space.colouring.clone());
        Some(Doing { params: self.params.clone(), edits, colouring, ground: space.ground })
    }

    /// Notes a deed, if it changed anything.
    fn note(&mut self, name: &str, before: Doing, gesture: bool) {
        if self.doing().as_ref() != Some(&before) {
            self.history.note(name, before, gesture);
            self.did(name);
        }
    }

    /// Something was done by hand: it is kept at once.
    fn did(&mut self, name: &str) {
        self.deeds += 1;
        (self.touched, self.unsaved) = (true, true);
        self.due(name, true);
    }

    /// Takes a step through the history, back or forward.
    fn travel(&mut self, step: impl FnOnce(&mut History, Doing) -> Option<Doing>, name: &str) {
        let Some(now) = self.doing() else { return };
        let Some(there) = step(&mut self.history, now) else { return };
        if let Some(space) = &mut self.space
            && space.ground != there.ground
            && let Some(other) = self.parked.remove(&there.ground)
        {
            let left = std::mem::replace(space, other);
            self.parked.insert(left.ground, left);
        }
        if self.params != there.params {
            self.params = there.params;
            self.changed = Some(Instant::now());
        }
        if let Some(space) = &mut self.space {
            space.edits = there.edits;
            space.colouring = there.colouring;
        }
        self.did(name);
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Open(paths) => self.open(&paths),
            Command::OpenSample(sample) => self.open_sample(sample),
            Command::Reread(options) => {
                if let Some(importing) = self.importing.take() {
                    let sheet = importing.sheet;
                    self.importing = Some(self.import(sheet.path, sheet.vectors, options));
                }
            }
            Command::SetTextColumns(columns) => {
                if let Some(importing) = &mut self.importing {
                    importing.set_text_columns(columns);
                }
            }
            Command::SetColumnKind(name, kind) => {
                if let Some(importing) = &self.importing {
                    let mut options = importing.sheet.options.clone();
                    options.kinds.insert(name, kind);
                    self.apply(Command::Reread(options));
                }
            }
            Command::ConfirmImport => {
                if let Some(importing) = &mut self.importing {
                    importing.sheet.confirmed = true;
                }
            }
            Command::CancelImport => self.importing = None,
            Command::CloseCorpus => {
                self.leave();
                self.space = None;
                self.loading = None;
                self.look_for_unfinished();
            }
            Command::SetParams(params) => {
                if self.params != *params {
                    self.params = *params;
                    self.changed = Some(Instant::now());
                }
            }
            Command::SetModel(model) => {
                self.params.model = model;
                self.changed = Some(Instant::now());
            }
            Command::Recompute(step) => {
                if let Some(space) = &mut self.space {
                    space.again(step, &self.params);
                    self.did("Compute again");
                }
            }
            Command::ComputeMissing => {
                if let Some(space) = &mut self.space {
                    space.wake_up();
                    self.did("Compute what is missing");
                }
            }
            Command::Stop(step) => {
                if let Some(space) = &self.space {
                    space.stop(step);
                }
            }
            Command::StopAll => {
                if let Some(space) = &self.space {
                    Step::ALL.into_iter().for_each(|step| space.stop(step));
                    space.stop_goals();
                    Study::ALL.into_iter().for_each(|study| space.stop_study(study));
                }
                self.stop_growing();
                self.entering = None;
                if self.loading.take().is_some() {
                    self.say(Severity::Info, "Opening was stopped.", None);
                }
            }
            Command::ContinueMap => {
                let tools = self.tools();
                if let Some(space) = &mut self.space {
                    space.continue_map(&self.params, &tools);
                }
            }
            Command::SetPurpose(purpose) => {
                if let Some(importing) = &mut self.importing {
                    importing.sheet.purpose = purpose;
                }
            }
            Command::SetDuplicates(duplicates) => {
                if let Some(importing) = &mut self.importing {
                    importing.sheet.duplicates = duplicates;
                }
            }
            Command::SetJoin(by) => {
                if let Some(importing) = &mut self.importing {
                    importing.sheet.join_by = Some(by);
                }
            }
            Command::Watch(path) => self.watch(path),
            Command::Refresh => self.refresh(),
            Command::Undo => self.travel(History::undo, "Undo"),
            Command::Redo => self.travel(History::redo, "Redo"),
            Command::SplitCluster(label, parts) => self.start_split(label, parts),
            Command::Save => self.save(),
            Command::SaveProject(path) => self.save_project(path),
            Command::Resume(folder) => self.resume(&folder),
            Command::DiscardWork(folder) => self.discard_work(&folder),
            Command::Revert => self.revert(),
            Command::ExportClusters(path) => self.export_clusters(path),
            Command::ExportGoal(id, path) => self.export_goal(id, path),
            Command::ExportDocuments(export, path) => self.export_documents(*export, path),
            Command::StopWriting => self.stop_writing(),
            Command::ExportWithoutTexts(path) => self.export_without_texts(path),
            Command::ClearCache => self.clear_cache(),
            Command::RenameCluster(..)
            | Command::MergeClusters(_)
            | Command::DissolveCluster(_)
            | Command::GroupDocuments(..)
            | Command::UneditCluster(_)
            | Command::SettleEdit(..)
            | Command::ForgetEdit(_)
            | Command::AskGoal(..)
            | Command::SteerGoal(..)
            | Command::ForgetGoal(_)
            | Command::Tag(..)
            | Command::Untag(..)
            | Command::SetFilter(_)
            | Command::KeepFilter(_)
            | Command::ForgetFilter(_)
            | Command::ToggleQuery(_)
            | Command::SetTopics(_)
            | Command::ClearTopics
            | Command::Pin { .. }
            | Command::Unpin(_) => {
                if let (Some(space), Command::Pin { held, .. }) = (&mut self.space, &command) {
                    space.held = *held;
                }
                if let Some(space) = &mut self.space
                    && let Some(edits) = space.edited(&command)
                {
                    space.edits = Arc::new(edits);
                    space.meet_goals(&command);
                    if space.meet_topics(&command) {
                        self.changed = Some(Instant::now());
                    }
                }
            }
            Command::FinishGoal(id) => self.space.iter().for_each(|space| space.finish_goal(id)),
            Command::StopGoal(id) => self.space.iter().for_each(|space| space.stop_goal(id)),
            Command::TryGoal(id) => self.space.iter_mut().for_each(|space| space.try_goal(id)),
            Command::OnlyThese(documents) => self.enter(documents),
            Command::BackToAll => self.go_out(),
            Command::SplitIntoPassages => self.enter_passages(),
            Command::Probe(text) => self.space.iter_mut().for_each(|space| space.set_probe(text.clone())),
            Command::FindSpecial => self.space.iter_mut().for_each(Space::ask_special),
            Command::FindStability => {
                if let Some(space) = &mut self.space {
                    space.ask_stability(&self.params);
                }
            }
            Command::FindCopies => self.space.iter_mut().for_each(Space::ask_copies),
            Command::FindOutliers => self.space.iter_mut().for_each(Space::ask_outliers),
            Command::ClassifyByTopics => self.space.iter_mut().for_each(Space::ask_topics),
            Command::StopStudy(study) => self.space.iter().for_each(|space| space.stop_study(study)),
            Command::TryStudy(study) => self.space.iter_mut().for_each(|space| space.try_study(study)),
            Command::MoveCache(folder) => self.move_cache(folder),
            Command::ForgetRecent(path) => self.forget_recent(&path),
            Command::Focus(_)
            | Command::FocusCluster(_)
            | Command::FocusExplanation(_)
            | Command::Select(_)
            | Command::Combine(..)
            | Command::SelectAll
            | Command::Search(_)
            | Command::InvertSelection
            | Command::SetColour(_)
            | Command::ToggleEntry(_)
            | Command::SoloEntry(_)
            | Command::ShowAllEntries
            | Command::SetEntryColour(..) => {
                if let Some(space) = &mut self.space {
                    space.look(command);
                    self.due("Look around", false);
                }
            }
        }
    }

    /// Tells of edits that do not fit clusters that were just computed.
    fn tell_unsettled(&mut self) {
        let unsettled = self.space.as_ref().map(Space::unsettled).unwrap_or_default();
        let new = unsettled.iter().filter(|edit| !self.told_unsettled.contains(edit)).count();
        if new > 0 {
            let edits = if new == 1 { "One of your edits does" } else { "Some of your edits do" };
            let text = format!(
                "{edits} not fit the new clusters: their documents have gone apart. Nothing is lost; say what should hold."
            );
            let action = ("Show".into(), NoticeAction::ShowEdits);
            self.say(Severity::Warning, text, Some(action));
        }
        self.told_unsettled = unsettled;
    }

    /// Takes what jobs have done and starts stale steps. Call it once a frame; it never waits.
    pub fn poll(&mut self) {
        self.poll_importing();
        self.poll_loading();
        self.poll_writing();
        self.poll_saving();
        self.poll_unfinished();
        self.poll_splitting();
        self.poll_entering();
        self.poll_growing();
        self.poll_watching();
        self.keep(false);
        self.poll_cache();
        self.poll_settings();
        let resting = self.changed.is_none_or(|changed| changed.elapsed() >= REST);
        if resting {
            self.changed = None;
        }
        let tools = self.tools();
        let Some(space) = &mut self.space else { return };
        space.search(&self.params, &tools, self.embedder.as_ref());
        space.probe(&self.params, &tools, self.embedder.as_ref());
        space.filter(&tools.wake);
        let (notices, news) = space.poll(&mut self.embedder);
        let mapped = space.take_first_map();
        if let Some(deed) = space.take_withdrawn() {
            self.history.withdraw(deed);
        }
        space.steer(&self.params);
        if resting {
            space.start_stale(&self.params, &tools, self.embedder.as_ref());
        }
        self.notices.extend(notices);
        if news {
            self.due("Compute", false);
        }
        self.tell_unsettled();
        if mapped {
            self.count_cache();
            if let Some(path) = self.corpus().and_then(|corpus| corpus.source.clone()) {
                self.remember_recent(&path);
            }
        }
    }

    /// When the session wants to be polled again though no job wakes it (parameters that rest).
    pub fn poll_after(&self) -> Option<Duration> {
        let rested = self.changed.map(|changed| REST.saturating_sub(changed.elapsed()));
        rested.into_iter().chain(self.due_in()).chain(self.look_in()).min()
    }

    fn say(&mut self, severity: Severity, text: impl Into<String>, action: Option<(String, NoticeAction)>) {
        self.notices.push(Notice { severity, text: text.into(), action });
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave();
        // A process that ends now would cut off what is being written.
        for thread in self.leaving.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Seconds since 1970-01-01 UTC.
fn seconds_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |duration| duration.as_secs() as i64)
}
