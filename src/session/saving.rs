//! What goes out: the project file, exports, and the state that is kept as it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::data::Key;
use crate::io::explanations_json::Passages;
use crate::io::project::{self, Project, SaveOptions};
use crate::io::work::{Base, ProjectLock};
use crate::io::{clusters_csv, explanations_json};
use crate::job::{Ctx, Job, Outcome};
use crate::stage::{StageError, goal};

use super::{Answer, Notice, NoticeAction, ProjectFile, Session, Severity};

/// Values that were computed are kept after this long, so that those that come together are kept together.
const VALUES_REST: Duration = Duration::from_millis(500);

/// A save waits this long until it is noted where the work is kept; a disk that takes longer has worse troubles.
const NOTED: Duration = Duration::from_secs(10);

/// What is merely looked at is kept this often at most.
const VIEW_REST: Duration = Duration::from_secs(2);

/// A state that is to be kept.
pub(super) struct Due {
    at: Instant,
    did: String,
    by_hand: bool,
}

/// A project on its way to the disk.
pub(super) struct Saving {
    path: PathBuf,
    lock: Option<ProjectLock>,
    project: Project,
    /// [`Session::deeds`] when it began: what was done since is not in it.
    deeds: u64,
    job: Job<Result<Key, StageError>>,
}

impl Session {
    /// The present values as a project that is safe to mail: no paths are in it.
    pub fn project(&self) -> Option<Project> {
        let (space, params, view) = self.root()?;
        Some(space.project(&params.portable(), view.clone()))
    }

    /// Saves to the project's own file, or says that there is none.
    pub(super) fn save(&mut self) {
        match self.file.as_ref().map(|file| file.path.clone()) {
            Some(path) => self.save_project(path),
            None => self.say(Severity::Info, "Choose a name for this project first.", None),
        }
    }

    pub(super) fn save_project(&mut self, path: PathBuf) {
        let Some(project) = self.project() else { return };
        if self.saving.is_some() {
            return self.say(Severity::Info, "The project is being saved already.", None);
        }
        let own = self.file.as_ref().filter(|file| file.path == path);
        if let Some(reason) = own.and_then(|file| file.read_only.clone()) {
            let text = format!("The project was not saved. {reason} Save it under another name.");
            return self.say(Severity::Warning, text, None);
        }
        let mut lock = None;
        if own.is_none()
            && let Some(home) = &self.home
        {
            match home.lock_project(&path) {
                Ok(Some(taken)) => lock = Some(taken),
                Ok(None) => {
                    let text = format!(
                        "{} is open in another window, so it was not saved over. Choose another name.",
                        path.display()
                    );
                    return self.say(Severity::Warning, text, None);
                }
                Err(error) => tracing::warn!("{error}"),
            }
        }
        self.keep(true);
        let noted = self.keeper.as_ref().map(|keeper| keeper.about_to_save(project.clone()));
        let (to_write, to) = (project.clone(), path.clone());
        let job = Job::spawn("save", self.wake.clone(), move |ctx| {
            // Hangs up once it is noted, or cannot be.
            let _ = noted.map(|noted| noted.recv_timeout(NOTED));
            project::save(&to, &to_write, &SaveOptions::default(), ctx).map_err(StageError::failed)
        });
        match job {
            Ok(job) => self.saving = Some(Saving { path, lock, project, deeds: self.deeds, job }),
            Err(error) => self.say(Severity::Error, format!("The system gives no thread: {error}."), None),
        }
    }

    pub(super) fn poll_saving(&mut self) {
        let Some(outcome) = self.saving.as_ref().and_then(|saving| saving.job.poll()) else { return };
        let Some(Saving { path, lock, project, deeds, .. }) = self.saving.take() else { return };
        match outcome {
            Outcome::Done(Ok(id)) => {
                self.say(
                    Severity::Info,
                    "The project was saved.",
                    Some(("Show the file".into(), NoticeAction::Reveal(path.clone()))),
                );
                let lock = lock.or_else(|| {
                    let own = self.file.take().filter(|file| file.path == path);
                    own.and_then(|file| file.lock)
                });
                self.unsaved = self.deeds != deeds;
                self.touched = self.unsaved;
                if let (Some(keeper), Some((space, params, view))) = (&self.keeper, self.root()) {
                    let now = || space.project(params, view.clone());
                    keeper.rebase(Base::Project { path: path.clone(), id }, project, self.unsaved.then(now));
                }
                self.remember_recent(&path);
                self.file = Some(ProjectFile { path, lock, read_only: None });
            }
            Outcome::Done(Err(StageError::Cancelled)) => {}
            Outcome::Done(Err(StageError::Failed(text))) => self.say(Severity::Error, text, None),
            Outcome::Panicked(message) => self.say(
                Severity::Error,
                format!("The project was not saved: an internal error ({message})."),
                Some(("Report a problem…".into(), NoticeAction::ReportProblem)),
            ),
        }
    }

    /// Sees to it that the present state is kept soon.
    pub(super) fn due(&mut self, did: &str, by_hand: bool) {
        let rest = if by_hand { Duration::ZERO } else { VALUES_REST };
        self.due_after(rest, did, by_hand);
    }

    fn due_after(&mut self, rest: Duration, did: &str, by_hand: bool) {
        let at = Instant::now() + rest;
        let due = self.due.get_or_insert_with(|| Due { at, did: did.to_owned(), by_hand });
        due.at = due.at.min(at);
        if by_hand {
            (due.did, due.by_hand) = (did.to_owned(), true);
        }
    }

    /// Remembers what the window shows (camera and the like).
    pub fn set_view_state(&mut self, view: serde_json::Value) {
        if self.view_state != view {
            self.view_state = view;
            self.due_after(VIEW_REST, "Look around", false);
        }
    }

    /// When the present state wants to be kept.
    pub(super) fn due_in(&self) -> Option<Duration> {
        self.keeper.as_ref()?;
        self.due.as_ref().map(|due| due.at.saturating_duration_since(Instant::now()))
    }

    /// Hands the state over to be kept, if it is time; `now`: even if it is not.
    pub(super) fn keep(&mut self, now: bool) {
        let news = self.keeper.as_ref().and_then(super::keeper::Keeper::news);
        match news {
            Some(Some(problem)) => {
                let text =
                    format!("Your work cannot be kept automatically now, and is tried again: {problem}");
                self.say(Severity::Warning, text, None);
            }
            Some(None) => self.say(Severity::Info, "Your work is kept automatically again.", None),
            None => {}
        }
        if self.due.as_ref().is_none_or(|due| !now && due.at > Instant::now()) {
            return;
        }
        let Some((space, ..)) = self.root() else { return };
        // A corpus that was just opened can be opened again; once there is something to lose, it is kept.
        let worth = self.touched || self.file.is_some() || space.base_clusters().is_some();
        let (Some(keeper), true) = (&self.keeper, worth) else {
            return self.due = None;
        };
        let Some(due) = self.due.take() else { return };
        // Not meant for the mail: here, paths stay whole.
        if let Some((space, params, view)) = self.root() {
            keeper.keep(space.project(params, view.clone()), &due.did, due.by_hand);
        }
    }

    /// Lets go of the open corpus, with its work on the disk.
    pub(super) fn leave(&mut self) {
        if self.touched {
            self.keep(true);
        }
        if let Some(keeper) = self.keeper.take() {
            // What only the machine did can be done again.
            if !self.touched {
                keeper.discard();
            }
            let wake = self.wake.clone();
            // The thread ends once everything is written; the window does not wait for it.
            let leaving = std::thread::Builder::new().name("leave".into()).spawn(move || {
                drop(keeper);
                wake();
            });
            self.leaving.extend(leaving.ok());
        }
        (self.file, self.place) = (None, None);
        self.history = super::history::History::default();
        (self.touched, self.unsaved) = (false, false);
        self.due = None;
        self.splitting = None;
        (self.to_grow, self.growing, self.refreshing, self.watching) = (None, None, None, None);
        self.parked.clear();
        (self.entering, self.outer) = (None, Vec::new());
        self.read_options = crate::io::read::ReadOptions::default();
        self.view_state = serde_json::Value::Null;
    }

    /// The project's own file.
    pub fn project_path(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path.as_path())
    }

    /// Why the open project cannot be saved over, if so.
    pub fn read_only(&self) -> Option<&str> {
        self.file.as_ref()?.read_only.as_deref()
    }

    /// Whether something was done by hand that is not in a project file yet. It is kept all the same.
    pub fn is_unsaved(&self) -> bool {
        self.unsaved
    }

    /// Whether work is kept as it is done.
    pub fn keeps_work(&self) -> bool {
        self.keeper.is_some()
    }

    /// Whether everything that was done so far is on the disk, be it in a file or in the folder of the work.
    pub fn is_kept(&self) -> bool {
        self.due.is_none() && self.keeper.as_ref().is_some_and(super::keeper::Keeper::is_done)
    }

    /// Whether the project is on its way to its file.
    pub fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Where the open work is kept, once there is anything to keep.
    pub fn work_folder(&self) -> Option<PathBuf> {
        self.keeper.as_ref()?.folder()
    }

    pub(super) fn export_clusters(&mut self, path: PathBuf) {
        self.export(path, None);
    }

    /// Writes `clusters.csv` with the explanations of a goal, and `explanations.json` beside it.
    pub(super) fn export_goal(&mut self, id: u32, path: PathBuf) {
        let answer = self.space.as_ref().and_then(|space| space.goal(id)?.answer.cloned());
        match answer {
            Some(answer) => self.export(path, Some(answer)),
            None => self.say(Severity::Info, "This goal has no explanations yet.", None),
        }
    }

    fn export(&mut self, path: PathBuf, answer: Option<Arc<Answer>>) {
        let Some(space) = &self.space else { return };
        let (corpus, layout) = (space.corpus.clone(), space.layout().cloned());
        let (clusters, names) = (space.clusters().cloned(), space.names().cloned());
        let (raw, edits) = (self.settings.export.raw_cells, space.edits.clone());
        let outliers = space.settled_outliers(&self.params).cloned();
        self.write("export", move |ctx| {
            let goals = answer.as_ref().map(|answer| &**answer.goals());
            let outliers = outliers.as_ref().map(|outliers| outliers.factors.as_slice());
            clusters_csv::write(
                &path,
                &corpus,
                layout.as_deref(),
                clusters.as_deref(),
                names.as_deref(),
                clusters_csv::Options { raw, edits: Some(&edits), goals, outliers },
                ctx,
            )?;
            if let Some((answer, goals)) = answer.as_ref().zip(goals) {
                let passages = match answer.embedder() {
                    Some(embedder) => goal::shown_passages(&answer.explained, &corpus, embedder, ctx)?,
                    None => Passages::new(),
                };
                let report = explanations_json::report(&corpus, goals, &passages);
                let beside = path.with_file_name(explanations_json::NAME);
                explanations_json::write(&beside, &report).map_err(StageError::failed)?;
                let text = format!("{} rows and {} were written.", corpus.len(), explanations_json::NAME);
                return Ok((text, path));
            }
            Ok((format!("{} rows were written.", corpus.len()), path))
        });
    }

    /// Writes a file on a worker; its sentence and path become a notice. The window uses this for pictures.
    pub fn write(
        &mut self,
        name: &str,
        work: impl FnOnce(&Ctx) -> Result<(String, PathBuf), StageError> + Send + 'static,
    ) {
        match Job::spawn(name, self.wake.clone(), work) {
            Ok(job) => self.writing.push(job),
            Err(error) => self.say(Severity::Error, format!("The system gives no thread: {error}."), None),
        }
    }

    pub(super) fn poll_writing(&mut self) {
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
                    action: Some(("Report a problem…".into(), NoticeAction::ReportProblem)),
                },
            });
            false
        });
        self.notices.extend(notices);
    }
}
