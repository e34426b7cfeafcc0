//! Autosave: a thread that keeps the session's state in a work folder, so that the window never waits for a disk.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::data::Key;
use crate::io::cache::Cache;
use crate::io::project::Project;
use crate::io::work::{Base, Home, Sources, Work};
use crate::job::Ctx;

use super::Wake;

/// After a failure (a full disk, a folder that is gone) the state is offered again this often.
const AGAIN: Duration = Duration::from_secs(10);

/// A state to be kept.
struct Wanted {
    project: Project,
    did: String,
    by_hand: bool,
}

enum Task {
    /// Go on with work that was taken up again.
    Adopt(Box<Work>),
    Keep(Box<Wanted>),
    /// The state was saved: what is kept from now on begins with that file.
    Rebase(Base, Box<Project>),
    /// Nothing of this work is wanted any more.
    Discard,
}

/// What the thread has to say.
#[derive(Default)]
struct Said {
    /// Why the present state is not kept, if so.
    problem: Option<String>,
    news: bool,
    /// Where the work is kept, once there is anything to keep.
    folder: Option<PathBuf>,
}

/// Keeps one open corpus's work. Dropping it waits until what was handed over is on the disk.
pub(super) struct Keeper {
    tasks: Option<Sender<Task>>,
    said: Arc<Mutex<Said>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts to keep work that begins with `base`, where the state is `project`.
    pub fn start(
        home: Home,
        base: Base,
        project: Project,
        cache: Arc<Cache>,
        vectors: Option<PathBuf>,
        wake: Wake,
    ) -> std::io::Result<Self> {
        let (tasks, inbox) = channel();
        let said = Arc::new(Mutex::new(Said::default()));
        let mut keeping = Keeping {
            home,
            base,
            begun_with: project,
            cache,
            vectors: vectors.map(|path| (path, None)),
            work: None,
            wake,
            said: said.clone(),
        };
        let thread = std::thread::Builder::new().name("keep".into()).spawn(move || keeping.run(&inbox))?;
        Ok(Self { tasks: Some(tasks), said, thread: Some(thread) })
    }

    /// Goes on in the folder of work that was taken up again.
    pub fn adopt(&self, work: Work) {
        self.send(Task::Adopt(Box::new(work)));
    }

    /// Hands a state over. Of several that wait, the last is kept.
    pub fn keep(&self, project: Project, did: &str, by_hand: bool) {
        self.send(Task::Keep(Box::new(Wanted { project, did: did.to_owned(), by_hand })));
    }

    /// The state `project` was saved as `base`.
    pub fn rebase(&self, base: Base, project: Project) {
        self.send(Task::Rebase(base, Box::new(project)));
    }

    /// Lets the work go.
    pub fn discard(&self) {
        self.send(Task::Discard);
    }

    /// Why work cannot be kept, told once, and `Some(None)` once it can be again.
    pub fn news(&self) -> Option<Option<String>> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut said.news).then(|| said.problem.clone())
    }

    /// Where the work is kept, once there is anything to keep.
    pub fn folder(&self) -> Option<PathBuf> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).folder.clone()
    }

    fn send(&self, task: Task) {
        // A thread that is gone has told why.
        let _ = self.tasks.as_ref().map(|tasks| tasks.send(task));
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that keeps the work ended early");
        }
    }
}

/// The thread's own state.
struct Keeping {
    home: Home,
    base: Base,
    begun_with: Project,
    cache: Arc<Cache>,
    /// The `.npy` file of the vectors, and their key once it is known: vectors of a corpus that grew are others.
    vectors: Option<(PathBuf, Option<Key>)>,
    work: Option<Work>,
    wake: Wake,
    said: Arc<Mutex<Said>>,
}

impl Keeping {
    fn run(&mut self, inbox: &Receiver<Task>) {
        let mut waiting: Option<Wanted> = None;
        loop {
            let task = match waiting {
                Some(_) => inbox.recv_timeout(AGAIN),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match task {
                Ok(task) => {
                    self.take(task, &mut waiting);
                    while let Ok(task) = inbox.try_recv() {
                        self.take(task, &mut waiting);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            waiting = waiting.and_then(|wanted| match self.keep(&wanted) {
                Ok(()) => None,
                Err(sentence) => {
                    self.say(Some(sentence));
                    Some(wanted)
                }
            });
            if waiting.is_none() {
                self.say(None);
            }
        }
    }

    fn take(&mut self, task: Task, waiting: &mut Option<Wanted>) {
        match task {
            Task::Adopt(work) => self.work = Some(*work),
            Task::Keep(mut wanted) => {
                // What a person did is not hidden by what was computed in the same moment.
                if let Some(earlier) = waiting.take().filter(|earlier| earlier.by_hand && !wanted.by_hand) {
                    (wanted.did, wanted.by_hand) = (earlier.did, true);
                }
                *waiting = Some(*wanted);
            }
            Task::Rebase(base, project) => {
                *waiting = None;
                self.let_go();
                self.base = base;
                self.begun_with = *project;
            }
            Task::Discard => {
                *waiting = None;
                self.let_go();
            }
        }
    }

    fn let_go(&mut self) {
        if let Some(Err(error)) = self.work.take().map(Work::discard) {
            tracing::warn!("work that is no longer needed could not be deleted: {error}");
        }
    }

    fn keep(&mut self, wanted: &Wanted) -> Result<(), String> {
        let ctx = Ctx::quiet();
        let key = wanted.project.matrix.as_ref().map(|matrix| matrix.key);
        if let Some((_, of @ None)) = &mut self.vectors {
            *of = key;
        }
        let vectors = self.vectors.as_ref().filter(|(_, of)| *of == key).map(|(path, _)| path.as_path());
        let sources = Sources { cache: Some(&self.cache), vectors };
        // A folder that somebody deleted under the app is made anew.
        if self.work.as_ref().is_some_and(|work| !work.is_there()) {
            tracing::warn!("the folder of this work is gone; it is kept in another one");
            self.work = None;
        }
        let mut work = match self.work.take() {
            Some(work) => work,
            None => self.home.begin(&self.base, &self.begun_with, &ctx).map_err(|error| error.to_string())?,
        };
        let kept = work.record(&wanted.project, &wanted.did, wanted.by_hand, &sources, &ctx);
        self.work = Some(work);
        kept.map(|_| ()).map_err(|error| error.to_string())
    }

    fn say(&self, problem: Option<String>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.folder = self.work.as_ref().map(|work| work.folder().to_owned());
        if said.problem != problem {
            said.problem = problem;
            said.news = true;
            drop(said);
            (self.wake)();
        }
    }
}
