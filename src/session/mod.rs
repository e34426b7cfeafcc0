//! The open session: one corpus, its space and what follows from it; what is stale; commands in, values out.
//!
//! Panels read a `&Session` and push [`Command`]s. [`Session::apply`] is the one place that changes anything on a
//! person's behalf, [`Session::poll`] the one that takes the results of jobs and starts whatever is stale.

mod cell;
mod command;
mod importing;
mod space;
mod state;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use command::Command;
pub use state::{
    ColourBy, Colouring, Import, Notice, NoticeAction, Sample, Severity, Step, StepState, StepStatus,
};

use crate::data::{Clusters, Corpus, Knn, Layout, MapQuality, Matrix, Names};
use crate::io::cache::Cache;
use crate::io::project::{self, Project, SaveOptions};
use crate::io::read::ReadOptions;
use crate::io::settings::{Recent, Settings};
use crate::io::{clusters_csv, npy};
use crate::job::{Job, Outcome, Snapshot};
use crate::model::assets_dir;
use crate::stage::open::{self, Opening};
use crate::stage::{Params, StageError};

use importing::Importing;
use space::{LoadedModel, Space, Vectors};

/// What is called when the window should look at the session again.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a loading job hands over.
enum Loaded {
    /// A corpus to explore at once, with its text columns chosen.
    Corpus(Corpus),
    /// A corpus whose vectors came with it.
    Ready(Corpus, Matrix),
    Project(Box<project::Opened>),
}

/// A file being written; the sentence and the path for the notice at its end.
type Writing = Job<Result<(String, PathBuf), StageError>>;

/// The open session.
pub struct Session {
    wake: Wake,
    settings: Settings,
    cache: Arc<Cache>,
    cache_size: u64,
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
    pub view_state: serde_json::Value,
}

/// How long parameters rest before stale steps start: shorter than patience, longer than a slider's drag.
const REST: Duration = Duration::from_millis(250);

impl Session {
    /// A session with nothing open.
    pub fn new(settings: Settings, cache: Cache, wake: Wake) -> Self {
        let cache_size = cache.size();
        Self {
            wake,
            settings,
            cache: Arc::new(cache),
            cache_size,
            params: Params::default(),
            importing: None,
            loading: None,
            space: None,
            embedder: None,
            writing: Vec::new(),
            notices: Vec::new(),
            changed: None,
            view_state: serde_json::Value::Null,
        }
    }

    /// Does what a person asked for. Never blocks: long work becomes a job.
    pub fn apply(&mut self, command: Command) {
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
                self.space = None;
                self.loading = None;
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
                }
                if self.loading.take().is_some() {
                    self.say(Severity::Info, "Opening was stopped.", None);
                }
            }
            Command::ContinueMap => {
                if let Some(space) = &mut self.space {
                    space.continue_map(&self.params, &self.wake);
                }
            }
            Command::SaveProject(path) => self.save_project(path),
            Command::ExportClusters(path) => self.export_clusters(path),
            Command::ClearCache => self.clear_cache(),
            Command::Focus(_)
            | Command::FocusCluster(_)
            | Command::Select(_)
            | Command::SetColour(_)
            | Command::ToggleEntry(_)
            | Command::SoloEntry(_)
            | Command::ShowAllEntries
            | Command::SetEntryColour(..) => {
                if let Some(space) = &mut self.space {
                    space.look(command);
                }
            }
        }
        (self.wake)();
    }

    /// Takes what jobs have done and starts stale steps. Call it once a frame; it never waits.
    pub fn poll(&mut self) {
        self.poll_importing();
        self.poll_loading();
        self.poll_writing();
        let resting = self.changed.is_none_or(|changed| changed.elapsed() >= REST);
        if resting {
            self.changed = None;
        }
        let Some(space) = &mut self.space else { return };
        let notices = space.poll(&mut self.embedder);
        let mapped = space.take_first_map();
        space.steer(&self.params);
        if resting {
            space.start_stale(&self.params, &self.cache, self.embedder.as_ref(), &self.wake);
        }
        self.notices.extend(notices);
        if mapped {
            self.cache_size = self.cache.size();
            if let Some(path) = self.corpus().and_then(|corpus| corpus.source.clone()) {
                self.remember_recent(&path);
            }
        }
    }

    /// When the session wants to be polled again though no job wakes it (parameters that rest).
    pub fn poll_after(&self) -> Option<Duration> {
        self.changed.map(|changed| REST.saturating_sub(changed.elapsed()))
    }

    fn say(&mut self, severity: Severity, text: impl Into<String>, action: Option<(String, NoticeAction)>) {
        self.notices.push(Notice { severity, text: text.into(), action });
    }

    fn open(&mut self, paths: &[PathBuf]) {
        let opening = match open::recognise(paths) {
            Ok(opening) => opening,
            Err(error) => return self.say(Severity::Error, error.to_string(), None),
        };
        match opening {
            Opening::Corpus(path) => {
                self.importing = Some(self.import(path, None, ReadOptions::default()));
            }
            Opening::WithVectors { corpus, vectors } => {
                self.importing = Some(self.import(corpus, Some(vectors), ReadOptions::default()));
            }
            Opening::VectorsAlone(path) => self.load(path.clone(), move |_| {
                let matrix = npy::read_matrix(&path).map_err(StageError::failed)?;
                Ok(Loaded::Ready(open::numbered(&path, matrix.rows()), matrix))
            }),
            Opening::WordVectors(path) => self.load(path.clone(), move |ctx| {
                let (corpus, matrix) = open::words(&path, ctx)?;
                Ok(Loaded::Ready(corpus, matrix))
            }),
            Opening::Project(path) => self.load(path.clone(), move |ctx| {
                project::open(&path, ctx).map(|o| Loaded::Project(Box::new(o))).map_err(StageError::failed)
            }),
        }
    }

    fn import(&self, path: PathBuf, vectors: Option<PathBuf>, options: ReadOptions) -> Importing {
        Importing::start(path, vectors, options, self.embedder.clone(), self.wake.clone())
    }

    fn open_sample(&mut self, sample: Sample) {
        let path = match assets_dir() {
            Ok(assets) => assets.join("samples").join(sample.file()),
            Err(error) => return self.say(Severity::Error, error.to_string(), None),
        };
        self.importing = None;
        self.load(path.clone(), move |ctx| match sample {
            Sample::Glove => {
                let (corpus, matrix) = open::words(&path, ctx)?;
                Ok(Loaded::Ready(Corpus { name: sample.title().into(), ..corpus }, matrix))
            }
            Sample::Arxiv | Sample::Banking => {
                let text = sample.text_columns().iter().map(|&name| name.to_owned()).collect();
                let options = ReadOptions { text_columns: Some(text), ..ReadOptions::default() };
                let corpus = open::corpus(&path, &options, ctx)?;
                Ok(Loaded::Corpus(Corpus { name: sample.title().into(), ..corpus }))
            }
        });
    }

    fn load(
        &mut self,
        path: PathBuf,
        work: impl FnOnce(&crate::job::Ctx) -> Result<Loaded, StageError> + Send + 'static,
    ) {
        match Job::spawn("open", self.wake.clone(), work) {
            Ok(job) => self.loading = Some((path, job)),
            Err(error) => self.say(Severity::Error, format!("The system gives no thread: {error}."), None),
        }
    }

    fn poll_loading(&mut self) {
        let Some(outcome) = self.loading.as_ref().and_then(|(_, job)| job.poll()) else { return };
        let Some((path, _)) = self.loading.take() else { return };
        match outcome {
            Outcome::Done(Ok(Loaded::Corpus(corpus))) => self.explore(Arc::new(corpus), Vectors::ByModel),
            Outcome::Done(Ok(Loaded::Ready(corpus, matrix))) => {
                self.explore(Arc::new(corpus), Vectors::Given(Arc::new(matrix)));
            }
            Outcome::Done(Ok(Loaded::Project(opened))) => self.take_project(*opened, &path),
            Outcome::Done(Err(StageError::Cancelled)) => {}
            Outcome::Done(Err(StageError::Failed(sentence))) => self.say(Severity::Error, sentence, None),
            Outcome::Panicked(message) => self.say(
                Severity::Error,
                format!(
                    "{} could not be opened: the reader met an internal error ({message}).",
                    path.display()
                ),
                Some(("Show the log".into(), NoticeAction::ShowLog)),
            ),
        }
    }

    fn poll_importing(&mut self) {
        let Some(importing) = &mut self.importing else { return };
        importing.poll(&self.params);
        if !importing.sheet.confirmed || importing.is_reading() {
            return;
        }
        let Some(corpus) = importing.sheet.corpus.clone() else { return };
        let vectors = match importing.sheet.vectors.take() {
            Some(path) => Vectors::File(path),
            None => Vectors::ByModel,
        };
        self.importing = None;
        self.explore(corpus, vectors);
    }

    fn explore(&mut self, corpus: Arc<Corpus>, vectors: Vectors) {
        if corpus.report.skipped > 0 {
            let (skipped, name) = (corpus.report.skipped, &corpus.name);
            let text = format!("{skipped} rows of {name} could not be read and were skipped.");
            self.say(Severity::Warning, text, None);
        }
        self.params.clusters.kmeans.k = self.params.clusters.kmeans.k.min(corpus.len().max(1));
        self.view_state = serde_json::Value::Null;
        self.space = Some(Space::new(corpus, vectors));
    }

    fn take_project(&mut self, opened: project::Opened, path: &Path) {
        if let Some(reason) = &opened.read_only {
            self.say(Severity::Warning, format!("Opened for reading only: {reason}"), None);
        }
        if !opened.missing.is_empty() {
            let text = format!(
                "{} lacks {}; these steps are computed again.",
                path.display(),
                opened.missing.join(", ")
            );
            self.say(Severity::Warning, text, None);
        }
        match serde_json::from_value(opened.project.params.clone()) {
            Ok(params) => self.params = params,
            Err(error) => {
                tracing::warn!("the project's parameters could not be read: {error}");
                self.params = Params::default();
            }
        }
        self.view_state = opened.project.view.clone();
        let space = Space::from_project(&opened.project, &self.params);
        self.space = Some(space);
        self.remember_recent(path);
    }

    fn remember_recent(&mut self, path: &Path) {
        let Some(corpus) = self.corpus() else { return };
        // The picture of an earlier visit stays until there is a newer one.
        let thumbnail =
            self.settings.recents.iter().find(|recent| recent.path == path).and_then(|r| r.thumbnail.clone());
        let recent = Recent {
            path: path.to_owned(),
            name: corpus.name.clone(),
            rows: corpus.len() as u64,
            opened: seconds_now(),
            thumbnail,
        };
        self.settings.push_recent(recent);
        // A disk may take its time, and the window's thread has none.
        let settings = self.settings.clone();
        let saving = Job::spawn("save settings", self.wake.clone(), move |_| {
            if let Err(error) = settings.save() {
                tracing::warn!("the settings could not be saved: {error}");
            }
        });
        if let Err(error) = saving {
            tracing::warn!("the settings could not be saved: {error}");
        }
    }

    /// The present values as a project.
    pub fn project(&self) -> Option<Project> {
        let space = self.space.as_ref()?;
        let params = serde_json::to_value(&self.params).unwrap_or_default();
        Some(space.project(params, self.view_state.clone()))
    }

    fn save_project(&mut self, path: PathBuf) {
        let Some(project) = self.project() else { return };
        self.write("save", move |ctx| {
            project::save(&path, &project, &SaveOptions::default(), ctx).map_err(StageError::failed)?;
            Ok(("The project was saved.".into(), path))
        });
    }

    fn export_clusters(&mut self, path: PathBuf) {
        let Some(space) = &self.space else { return };
        let (corpus, layout) = (space.corpus.clone(), space.layout().cloned());
        let (clusters, names) = (space.clusters().cloned(), space.names().cloned());
        let raw = self.settings.export.raw_cells;
        self.write("export", move |ctx| {
            clusters_csv::write(
                &path,
                &corpus,
                layout.as_deref(),
                clusters.as_deref(),
                names.as_deref(),
                raw,
                ctx,
            )
            .map_err(StageError::failed)?;
            Ok((format!("{} rows were written.", corpus.len()), path))
        });
    }

    /// Writes a file on a worker; its sentence and path become a notice. The window uses this for pictures.
    pub fn write(
        &mut self,
        name: &str,
        work: impl FnOnce(&crate::job::Ctx) -> Result<(String, PathBuf), StageError> + Send + 'static,
    ) {
        match Job::spawn(name, self.wake.clone(), work) {
            Ok(job) => self.writing.push(job),
            Err(error) => self.say(Severity::Error, format!("The system gives no thread: {error}."), None),
        }
    }

    fn poll_writing(&mut self) {
        let mut notices = Vec::new();
        self.writing.retain(|job| {
            let Some(outcome) = job.poll() else { return true };
            notices.push(match outcome {
                Outcome::Done(Ok((text, path))) => Notice {
                    severity: Severity::Info,
                    text,
                    action: Some(("Show the file".into(), NoticeAction::Reveal(path))),
                },
                Outcome::Done(Err(StageError::Cancelled)) => return false,
                Outcome::Done(Err(StageError::Failed(text))) => {
                    Notice { severity: Severity::Error, text, action: None }
                }
                Outcome::Panicked(message) => Notice {
                    severity: Severity::Error,
                    text: format!("The file was not written: an internal error ({message})."),
                    action: Some(("Show the log".into(), NoticeAction::ShowLog)),
                },
            });
            false
        });
        self.notices.extend(notices);
    }

    fn clear_cache(&mut self) {
        match self.cache.clear() {
            Ok(()) => self.say(Severity::Info, "The cache is empty now.", None),
            Err(error) => self.say(Severity::Error, error.to_string(), None),
        }
        self.cache_size = self.cache.size();
    }

    /// Whether anything is computed, read or written now.
    pub fn is_busy(&self) -> bool {
        self.loading.is_some()
            || !self.writing.is_empty()
            || self.importing.as_ref().is_some_and(|i| i.sheet.progress.is_some())
            || self.space.as_ref().is_some_and(Space::is_busy)
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

    /// The names that belong to [`Session::clusters`].
    pub fn names(&self) -> Option<&Arc<Names>> {
        self.space.as_ref()?.names()
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

    /// Bytes in the cache, as of the last look.
    pub fn cache_size(&self) -> u64 {
        self.cache_size
    }
}

/// Seconds since 1970-01-01 UTC.
fn seconds_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |duration| duration.as_secs() as i64)
}
