//! More documents or columns for what is open, and a file or folder that feeds it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::data::Corpus;
use crate::io::read::ReadOptions;
use crate::io::watch::{INTERVAL, Seen, Watch};
use crate::job::{Job, Outcome, Snapshot};
use crate::stage::append::Duplicates;
use crate::stage::grow::{self, Grown, Growth, Means};
use crate::stage::{StageError, open};

use super::history::Doing;
use super::space::{Grouped, Space, Waking};
use super::{NoticeAction, Session, Severity};

/// Growth under way.
pub(super) struct Growing {
    /// What comes, for the person: "documents", "columns".
    what: &'static str,
    /// Of the corpus that grows.
    corpus: Arc<Corpus>,
    before: Doing,
    job: Job<Result<(Grown, Option<Grouped>), StageError>>,
}

/// A file or folder that is looked at every now and then.
pub(super) struct Watching {
    options: ReadOptions,
    path: PathBuf,
    /// With the job that is looking now, which has it.
    watch: Option<Watch>,
    looking: Option<Job<(Watch, Seen)>>,
    reading: Option<Job<Result<Corpus, StageError>>>,
    next: Instant,
}

impl Watching {
    fn new(path: PathBuf, options: ReadOptions) -> Self {
        let watch = Some(Watch::new(&path));
        Self { options, path, watch, looking: None, reading: None, next: Instant::now() + INTERVAL }
    }
}

impl Session {
    /// Lets what is open grow. Waits until nothing is computed: what newcomers are placed in must stand still.
    pub(super) fn grow(&mut self, growth: Growth) {
        if self.growing.is_some() {
            let text = "Something is being added already. Wait until it is done, or stop it.";
            return self.say(Severity::Info, text, None);
        }
        // What grows is the whole.
        self.go_all_out();
        self.to_grow = Some(growth);
    }

    pub(super) fn poll_growing(&mut self) {
        let rests = self.changed.is_none() && self.space.as_ref().is_some_and(|space| !space.is_busy());
        if rests && let Some(growth) = self.to_grow.take() {
            self.start_growing(growth);
        }
        let Some(outcome) = self.growing.as_ref().and_then(|growing| growing.job.poll()) else { return };
        let Some(Growing { what, corpus, before, .. }) = self.growing.take() else { return };
        match outcome {
            // Something else was opened meanwhile.
            Outcome::Done(Ok(_)) if self.corpus().is_none_or(|open| !Arc::ptr_eq(open, &corpus)) => {}
            Outcome::Done(Ok((grown, grouped))) => self.take_grown(what, grown, grouped, before),
            Outcome::Done(Err(StageError::Cancelled)) => {
                self.say(Severity::Info, format!("No {what} were added; what is open is as it was."), None);
            }
            Outcome::Done(Err(StageError::Failed(sentence))) => self.say(Severity::Error, sentence, None),
            Outcome::Panicked(message) => self.say(
                Severity::Error,
                format!("No {what} were added: an internal error ({message}). What is open is as it was."),
                Some(("Report a problem…".into(), NoticeAction::ReportProblem)),
            ),
        }
    }

    fn start_growing(&mut self, growth: Growth) {
        let (Some(space), Some(before)) = (&self.space, self.doing()) else { return };
        let project = space.project(&self.params, self.view_state.clone());
        let (by_model, params) = (space.embeds(), self.params.clone());
        let (embedder, cache, on) = (self.embedder.clone(), self.cache.clone(), self.on.clone());
        let what = if matches!(growth, Growth::Join { .. }) { "columns" } else { "documents" };
        let corpus = space.corpus.clone();
        let job = Job::spawn("grow", self.wake.clone(), move |ctx| {
            let grown = grow::run(
                project,
                &growth,
                by_model,
                &params,
                embedder,
                Means { cache: &cache, on: &on },
                ctx,
            )?;
            let grouped = Grouped::of(&grown.project, ctx);
            Ok((grown, grouped))
        });
        match job {
            Ok(job) => self.growing = Some(Growing { what, corpus, before, job }),
            Err(error) => self.say(Severity::Error, format!("The system gives no thread: {error}."), None),
        }
    }

    fn take_grown(&mut self, what: &str, grown: Grown, grouped: Option<Grouped>, before: Doing) {
        if let Some(embedder) = grown.embedder {
            self.embedder = Some(embedder);
        }
        let (mut space, _) = Space::from_project(&grown.project, grouped, &self.params, Waking::GoesOn);
        let Some(old) = &mut self.space else { return };
        // What was done while the documents were placed goes on in their new numbers.
        space.colouring = old.colouring.clone();
        space.take_query(old);
        space.take_probe(old);
        space.take_topics(old);
        space.focus = old.focus.and_then(|id| grown.rows.carry_row(id));
        self.grounds += 1;
        space.ground = self.grounds;
        let old = std::mem::replace(old, space);
        self.parked.insert(old.ground, old);
        self.note(if what == "columns" { "Join columns" } else { "Add documents" }, before, false);
        self.say(Severity::Info, grown.told, Some(("Undo".into(), NoticeAction::Undo)));
        self.told_unsettled.clear();
    }

    /// Progress of growth under way: what comes, and how far it is.
    pub fn growing(&self) -> Option<(&'static str, Option<Snapshot>)> {
        if let Some(growing) = &self.growing {
            return Some((growing.what, growing.job.progress().snapshot()));
        }
        self.to_grow.as_ref().map(|_| ("documents", None))
    }

    /// Stops growth; what is open stays as it was.
    pub(super) fn stop_growing(&mut self) {
        self.to_grow = None;
        if let Some(growing) = &self.growing {
            growing.job.cancel();
        }
    }

    /// The file or folder that feeds what is open.
    pub fn watched(&self) -> Option<&Path> {
        self.watching.as_ref().map(|watching| watching.path.as_path())
    }

    /// Watches a file or folder, or stops.
    pub(super) fn watch(&mut self, path: Option<PathBuf>) {
        let options = self.read_options.clone();
        self.watching = path.map(|path| Watching::new(path, options));
    }

    /// Reads the corpus's file, or the one that is watched, again, and takes over what has changed in it.
    pub(super) fn refresh(&mut self) {
        let path = self.watched().map(Path::to_owned);
        let path = path.or_else(|| self.corpus().and_then(|corpus| corpus.source.clone()));
        let Some(path) = path else {
            let text = "This project does not know its file: choose one to watch, or drop it on the window.";
            return self.say(Severity::Info, text, None);
        };
        let options = self.read_options.clone();
        self.refreshing = self.reread(path, options);
    }

    fn reread(&mut self, path: PathBuf, options: ReadOptions) -> Option<Job<Result<Corpus, StageError>>> {
        let job = Job::spawn("read", self.wake.clone(), move |ctx| open::corpus(&path, &options, ctx));
        job.map_err(|error| self.say(Severity::Error, format!("The system gives no thread: {error}."), None))
            .ok()
    }

    pub(super) fn poll_watching(&mut self) {
        if let Some(outcome) = self.refreshing.as_ref().and_then(Job::poll) {
            self.refreshing = None;
            self.take_reread(outcome);
        }
        let Some(mut watching) = self.watching.take() else { return };
        if let Some(outcome) = watching.reading.as_ref().and_then(Job::poll) {
            watching.reading = None;
            self.take_reread(outcome);
        }
        if let Some(outcome) = watching.looking.as_ref().and_then(Job::poll) {
            watching.looking = None;
            let Outcome::Done((watch, seen)) = outcome else { return };
            watching.watch = Some(watch);
            watching.next = Instant::now() + INTERVAL;
            match seen {
                Seen::Unchanged => {}
                Seen::Gone(sentence) => self.say(Severity::Warning, sentence, None),
                Seen::Changed(_) => {
                    watching.reading = self.reread(watching.path.clone(), watching.options.clone());
                }
            }
        }
        let free = watching.reading.is_none() && self.growing.is_none() && self.to_grow.is_none();
        if free
            && watching.next <= Instant::now()
            && let Some(mut watch) = watching.watch.take()
        {
            // A look asks the file system, which may be far away: not on the window's thread.
            let looking = Job::spawn("watch", self.wake.clone(), move |_| {
                let seen = watch.look(Instant::now());
                (watch, seen)
            });
            watching.looking = looking.ok();
        }
        if watching.watch.is_some() || watching.looking.is_some() {
            self.watching = Some(watching);
        }
    }

    /// When the watched file is to be looked at again.
    pub(super) fn look_in(&self) -> Option<std::time::Duration> {
        let watching = self.watching.as_ref().filter(|watching| watching.watch.is_some())?;
        Some(watching.next.saturating_duration_since(Instant::now()))
    }

    fn take_reread(&mut self, outcome: Outcome<Result<Corpus, StageError>>) {
        match outcome {
            Outcome::Done(Ok(now)) if self.corpus().is_some_and(|open| same_content(open, &now)) => {
                self.say(Severity::Info, format!("Nothing has changed in “{}”.", now.name), None);
            }
            Outcome::Done(Ok(now)) => {
                let now = Arc::new(now);
                let own = self.corpus().and_then(|open| open.source.clone());
                // Only what was read from this very file loses the documents that the file has lost.
                self.grow(if own.is_some() && own == now.source {
                    Growth::Follow { now }
                } else {
                    Growth::Add { newcomers: now, vectors: None, duplicates: Duplicates::LeaveOut }
                });
            }
            Outcome::Done(Err(StageError::Cancelled)) => {}
            Outcome::Done(Err(StageError::Failed(sentence))) => {
                self.say(Severity::Warning, format!("{sentence} What is open stays as it was."), None);
            }
            Outcome::Panicked(message) => tracing::error!("reading the file again panicked: {message}"),
        }
    }
}

/// Whether the two hold the same cells, whichever columns were chosen as text.
fn same_content(open: &Corpus, now: &Corpus) -> bool {
    open.len() == now.len()
        && open.columns.len() == now.columns.len()
        && open.columns.iter().zip(&now.columns).all(|(a, b)| {
            a.name == b.name && a.cells.offsets() == b.cells.offsets() && a.cells.bytes() == b.cells.bytes()
        })
}
