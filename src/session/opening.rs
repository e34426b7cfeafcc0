//! What comes in: files, samples, projects, and work that was left behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::data::{Corpus, Matrix};
use crate::io::npy;
use crate::io::project::{self, Opened};
use crate::io::read::ReadOptions;
use crate::io::work::{Base, Home, ProjectLock, Unfinished, Work};
use crate::job::{Ctx, Job, Outcome};
use crate::model::assets_dir;
use crate::stage::grow::Growth;
use crate::stage::join::JoinBy;
use crate::stage::open::{self, Opening};
use crate::stage::{Params, StageError};

use super::importing::Importing;
use super::keeper::Keeper;
use super::space::{Grouped, Space, Vectors, Waking};
use super::{Import, NoticeAction, ProjectFile, Purpose, Sample, Session, Severity};

/// What a loading job hands over.
pub(super) enum Loaded {
    /// A corpus to explore at once, with its text columns chosen.
    Corpus(Corpus),
    /// A corpus whose vectors came with it.
    Ready(Corpus, Matrix),
    Stored(Box<Stored>),
}

/// A project, or work that was taken up again.
pub(super) struct Stored {
    opened: Opened,
    grouped: Option<Grouped>,
    base: Base,
    lock: Option<ProjectLock>,
    /// Another window has the project.
    locked_out: bool,
    work: Option<Work>,
    /// What was done last in the work that was taken up, and how much was done.
    recovered: Option<Unfinished>,
    remark: Option<String>,
}

/// Opens a project, and takes up the work on it that was left behind.
fn open_project(home: Option<&Home>, path: &Path, ctx: &Ctx) -> Result<Loaded, StageError> {
    let mut stored_lock = None;
    let (mut locked_out, mut remark) = (false, None);
    match home.map(|home| home.lock_project(path)) {
        Some(Ok(Some(lock))) => stored_lock = Some(lock),
        Some(Ok(None)) => locked_out = true,
        // Without a place for locks the project can still be worked on.
        Some(Err(error)) => tracing::warn!("{error}"),
        None => {}
    }
    let left = home.filter(|_| !locked_out).and_then(|home| {
        let same = |work: &Unfinished| work.project.as_deref().is_some_and(|other| same_file(other, path));
        home.unfinished().into_iter().find(same)
    });
    if let Some(left) = left {
        match Work::resume(&left.folder, ctx) {
            Ok(resumed) => {
                return Ok(Loaded::Stored(Box::new(Stored {
                    grouped: Grouped::of(&resumed.opened.project, ctx),
                    opened: resumed.opened,
                    base: resumed.base,
                    lock: stored_lock,
                    locked_out,
                    work: Some(resumed.work),
                    recovered: (!resumed.saved).then_some(Unfinished {
                        deeds: resumed.deeds,
                        last: resumed.last,
                        ..left
                    }),
                    remark,
                })));
            }
            Err(error) => remark = Some(format!("Unsaved work on this project was not taken up: {error}")),
        }
    }
    let opened = project::open(path, ctx).map_err(StageError::failed)?;
    let base = Base::Project { path: path.to_owned(), id: opened.id };
    let grouped = Grouped::of(&opened.project, ctx);
    let stored =
        Stored { opened, grouped, base, lock: stored_lock, locked_out, work: None, recovered: None, remark };
    Ok(Loaded::Stored(Box::new(stored)))
}

/// Takes up work by its folder.
fn open_work(home: Option<&Home>, left: Unfinished, ctx: &Ctx) -> Result<Loaded, StageError> {
    if let Some(path) = &left.project {
        return open_project(home, path, ctx);
    }
    let resumed = Work::resume(&left.folder, ctx).map_err(StageError::failed)?;
    Ok(Loaded::Stored(Box::new(Stored {
        grouped: Grouped::of(&resumed.opened.project, ctx),
        opened: resumed.opened,
        base: resumed.base,
        lock: None,
        locked_out: false,
        work: Some(resumed.work),
        recovered: Some(left),
        remark: None,
    })))
}

fn same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(one) == real(other)
}

impl Session {
    pub(super) fn open(&mut self, paths: &[PathBuf]) {
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
            Opening::Project(path) => {
                let home = self.home.clone();
                self.load(path.clone(), move |ctx| open_project(home.as_ref(), &path, ctx));
            }
        }
    }

    pub(super) fn import(&self, path: PathBuf, vectors: Option<PathBuf>, options: ReadOptions) -> Importing {
        let open = self.corpus().cloned();
        Importing::start(path, vectors, options, self.embedder.clone(), open, self.wake.clone())
    }

    pub(super) fn open_sample(&mut self, sample: Sample) {
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
        work: impl FnOnce(&Ctx) -> Result<Loaded, StageError> + Send + 'static,
    ) {
        match Job::spawn("open", self.wake.clone(), work) {
            Ok(job) => self.loading = Some((path, job)),
            Err(error) => self.say(Severity::Error, format!("The system gives no thread: {error}."), None),
        }
    }

    pub(super) fn poll_loading(&mut self) {
        let Some(outcome) = self.loading.as_ref().and_then(|(_, job)| job.poll()) else { return };
        let Some((path, _)) = self.loading.take() else { return };
        match outcome {
            Outcome::Done(Ok(Loaded::Corpus(corpus))) => self.explore(Arc::new(corpus), Vectors::ByModel),
            Outcome::Done(Ok(Loaded::Ready(corpus, matrix))) => {
                self.explore(Arc::new(corpus), Vectors::Given(Arc::new(matrix)));
            }
            Outcome::Done(Ok(Loaded::Stored(stored))) => self.take_stored(*stored),
            Outcome::Done(Err(StageError::Cancelled)) => {}
            Outcome::Done(Err(StageError::Failed(sentence))) => self.say(Severity::Error, sentence, None),
            Outcome::Panicked(message) => self.say(
                Severity::Error,
                format!(
                    "{} could not be opened: the reader met an internal error ({message}).",
                    path.display()
                ),
                Some(("Report a problem…".into(), NoticeAction::ReportProblem)),
            ),
        }
    }

    pub(super) fn poll_importing(&mut self) {
        let Some(importing) = &mut self.importing else { return };
        importing.poll(&self.params);
        let waits = importing.sheet.purpose == Purpose::Join && importing.is_suggesting();
        if !importing.sheet.confirmed || importing.is_reading() || waits {
            return;
        }
        let Some(corpus) = importing.sheet.corpus.clone() else { return };
        let vectors = match importing.sheet.vectors.take() {
            Some(path) => Vectors::File(path),
            None => Vectors::ByModel,
        };
        let options = importing.sheet.options.clone();
        let Import { purpose, duplicates, join_by, .. } = &importing.sheet;
        let (purpose, duplicates, join_by) = (*purpose, *duplicates, join_by.clone());
        self.importing = None;
        match purpose {
            Purpose::Add if self.space.is_some() => {
                let vectors = match vectors {
                    Vectors::File(path) => Some(path),
                    Vectors::ByModel | Vectors::Given(_) => None,
                };
                self.grow(Growth::Add { newcomers: corpus, vectors, duplicates });
            }
            Purpose::Join if self.space.is_some() => {
                self.grow(Growth::Join { other: corpus, by: join_by.unwrap_or(JoinBy::Order) });
            }
            _ => {
                self.explore(corpus, vectors);
                self.read_options = options;
            }
        }
    }

    fn explore(&mut self, corpus: Arc<Corpus>, vectors: Vectors) {
        if corpus.report.skipped > 0 {
            let (skipped, name) = (corpus.report.skipped, &corpus.name);
            let text = format!("{skipped} rows of {name} could not be read and were skipped.");
            self.say(Severity::Warning, text, None);
        }
        self.params.clusters.kmeans.k = self.params.clusters.kmeans.k.min(corpus.len().max(1));
        self.leave();
        let vectors_file = match &vectors {
            Vectors::File(path) => Some(path.clone()),
            _ => None,
        };
        let source = corpus.source.clone();
        let space = Space::new(corpus, vectors);
        let bare = project::Project::new(space.corpus.clone());
        self.space = Some(space);
        self.keep_from(Base::Corpus { source }, bare, vectors_file);
    }

    /// Starts to keep the work that begins here.
    fn keep_from(&mut self, base: Base, project: project::Project, vectors: Option<PathBuf>) {
        let Some(home) = self.home.clone() else { return };
        match Keeper::start(home, base, project, self.cache.clone(), vectors, self.wake.clone()) {
            Ok(keeper) => self.keeper = Some(keeper),
            Err(error) => {
                self.say(Severity::Warning, format!("Work is not kept automatically: {error}."), None)
            }
        }
    }

    /// Takes up work that was left behind.
    pub(super) fn resume(&mut self, folder: &Path) {
        let Some(home) = self.home.clone() else { return };
        let Some(left) = self.unfinished.iter().find(|work| work.folder == folder).cloned() else { return };
        let path = left.project.clone().or_else(|| left.source.clone()).unwrap_or_else(|| folder.to_owned());
        self.load(path, move |ctx| open_work(Some(&home), left, ctx));
    }

    /// Deletes work that was left behind.
    pub(super) fn discard_work(&mut self, folder: &Path) {
        let Some(home) = &self.home else { return };
        if let Err(error) = home.discard(folder) {
            self.say(Severity::Error, error.to_string(), None);
        }
        self.unfinished.retain(|work| work.folder != folder);
    }

    /// Goes back to the project as it was saved: what was done since is let go.
    pub(super) fn revert(&mut self) {
        let Some(path) = self.file.as_ref().map(|file| file.path.clone()) else { return };
        if let Some(keeper) = &self.keeper {
            keeper.discard();
        }
        (self.touched, self.due) = (false, None);
        self.leave();
        self.space = None;
        // The folder must be gone before the project is opened, or its work would be taken up again.
        let leaving = std::mem::take(&mut self.leaving);
        let home = self.home.clone();
        self.load(path.clone(), move |ctx| {
            leaving.into_iter().for_each(|thread| drop(thread.join()));
            open_project(home.as_ref(), &path, ctx)
        });
    }

    /// Looks for work that was left behind, off the window's thread.
    pub(super) fn look_for_unfinished(&mut self) {
        let Some(home) = self.home.clone() else { return };
        self.looking = Job::spawn("unfinished", self.wake.clone(), move |_| home.unfinished()).ok();
    }

    pub(super) fn poll_unfinished(&mut self) {
        // Work that was just let go of can be found only once it is written.
        let leaving = self.leaving.len();
        self.leaving.retain(|thread| !thread.is_finished());
        if self.leaving.len() < leaving && self.space.is_none() {
            self.look_for_unfinished();
        }
        if let Some(outcome) = self.looking.as_ref().and_then(Job::poll) {
            self.looking = None;
            if let Outcome::Done(unfinished) = outcome {
                self.unfinished = unfinished;
            }
        }
    }

    fn take_stored(&mut self, stored: Stored) {
        let Stored { opened, grouped, base, lock, locked_out, work, recovered, remark } = stored;
        self.leave();
        let path = match &base {
            Base::Project { path, .. } => Some(path.clone()),
            Base::Corpus { .. } => None,
        };
        let read_only = if locked_out {
            Some("Another window has this project open: this one can look at it and export it, but not save over it.".into())
        } else {
            opened.read_only.clone()
        };
        if let Some(reason) = &read_only {
            self.say(Severity::Warning, format!("Opened for reading only. {reason}"), None);
        }
        if let Some(remark) = remark {
            self.say(Severity::Warning, remark, None);
        }
        if !opened.missing.is_empty() {
            let text = format!("{} What is missing can be computed again.", opened.missing.join(" "));
            let action = ("Compute what is missing".into(), NoticeAction::ComputeMissing);
            self.say(Severity::Warning, text, Some(action));
        }
        self.params = serde_json::from_value(opened.project.params.clone()).unwrap_or_else(|error| {
            if !opened.project.params.is_null() {
                tracing::warn!("the project's parameters could not be read: {error}");
            }
            Params::default()
        });
        let waking = if recovered.is_some() { Waking::GoesOn } else { Waking::Rests };
        let (space, view_state) = Space::from_project(&opened.project, grouped, &self.params, waking);
        self.view_state = view_state;
        let source = match &base {
            Base::Corpus { source } => source.clone(),
            Base::Project { .. } => None,
        };
        self.space = Some(space);
        if read_only.is_none() {
            self.keep_from(base, opened.project, None);
            if let (Some(keeper), Some(work)) = (&self.keeper, work) {
                keeper.adopt(work);
            }
        }
        if let Some(left) = recovered {
            self.unfinished.retain(|other| other.folder != left.folder);
            self.touched = left.deeds > 0;
            self.unsaved = left.deeds > 0;
            if left.deeds > 0 {
                let action = path.as_ref().map(|_| ("Open as saved".into(), NoticeAction::Revert));
                let text = match left.deeds {
                    1 => format!("One unsaved change was recovered: {}.", left.last),
                    deeds => format!("{deeds} unsaved changes were recovered; the last: {}.", left.last),
                };
                self.say(Severity::Info, text, action);
            }
        }
        if let Some(path) = path.as_ref().or(source.as_ref()) {
            self.remember_recent(path);
        }
        self.file = path.map(|path| ProjectFile { path, lock, read_only });
    }
}
