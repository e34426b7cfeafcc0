//! Autosave: a thread that keeps the session's state in a work folder, so that the window never waits for a disk.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::data::Key;
use crate::io::cache::Cache;
use crate::io::project::{self, Project, SaveOptions};
use crate::io::work::{Base, Home, Sources, Work};
use crate::job::Ctx;

use super::Wake;

/// After a failure (a full disk, a folder that is gone) the state is offered again this often.
const AGAIN: Duration = Duration::from_secs(10);

/// What is told of changes that were made while a project was saved.
const CHANGE: &str = "Change";

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
    /// The state that was handed over last is about to be saved as this project; the sender is dropped once that
    /// is noted.
    Saving(Box<Project>, Sender<()>),
    /// The state was saved: what is kept from now on begins with that file. With what was done since, if anything.
    Rebase(Base, Box<Project>, Option<Box<Wanted>>),
    /// Nothing of this work is wanted any more.
    Discard,
}

/// What the thread has to say.
#[derive(Default)]
struct Said {
    /// Why the present state is not kept, if so.
    problem: Option<String>,
    news: bool,
    /// How many of the tasks that were handed over are done.
    done: u64,
    /// Where the work is kept, once there is anything to keep.
    folder: Option<PathBuf>,
}

/// Keeps one open corpus's work. Dropping it waits until what was handed over is on the disk.
pub(super) struct Keeper {
    tasks: Option<Sender<Task>>,
    handed_over: AtomicU64,
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
            taken: 0,
            wake,
            said: said.clone(),
        };
        let thread = std::thread::Builder::new().name("keep".into()).spawn(move || keeping.run(&inbox))?;
        Ok(Self { tasks: Some(tasks), handed_over: AtomicU64::new(0), said, thread: Some(thread) })
    }

    /// Goes on in the folder of work that was taken up again.
    pub fn adopt(&self, work: Work) {
        self.send(Task::Adopt(Box::new(work)));
    }

    /// Hands a state over. Of several that wait, the last is kept.
    pub fn keep(&self, project: Project, did: &str, by_hand: bool) {
        self.send(Task::Keep(Box::new(Wanted { project, did: did.to_owned(), by_hand })));
    }

    /// The state that was handed over last is about to be saved as `project`. The file may be replaced once the
    /// receiver hangs up: a kill between that and [`Keeper::rebase`] then loses nothing that is done meanwhile.
    pub fn about_to_save(&self, project: Project) -> Receiver<()> {
        let (noted, receiver) = channel();
        self.send(Task::Saving(Box::new(project), noted));
        receiver
    }

    /// The state `project` was saved as `base`; `since` is the present state where it is another one by now.
    pub fn rebase(&self, base: Base, project: Project, since: Option<Project>) {
        let since = since.map(|project| Box::new(Wanted { project, did: CHANGE.to_owned(), by_hand: true }));
        self.send(Task::Rebase(base, Box::new(project), since));
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

    /// Whether everything that was handed over is on the disk.
    pub fn is_done(&self) -> bool {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.done == self.handed_over.load(Ordering::Relaxed)
    }

    /// Where the work is kept, once there is anything to keep.
    pub fn folder(&self) -> Option<PathBuf> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).folder.clone()
    }

    fn send(&self, task: Task) {
        self.handed_over.fetch_add(1, Ordering::Relaxed);
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
    /// How many tasks were taken from the inbox.
    taken: u64,
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
        self.taken += 1;
        match task {
            Task::Adopt(work) => self.work = Some(*work),
            Task::Keep(mut wanted) => {
                // What a person did is not hidden by what was computed in the same moment.
                if let Some(earlier) = waiting.take().filter(|earlier| earlier.by_hand && !wanted.by_hand) {
                    (wanted.did, wanted.by_hand) = (earlier.did, true);
                }
                *waiting = Some(*wanted);
            }
            Task::Saving(project, _noted) => {
                if let Some(wanted) = waiting.take()
                    && let Err(sentence) = self.keep(&wanted)
                {
                    self.say(Some(sentence));
                    *waiting = Some(wanted);
                    return;
                }
                let id = project::id_when_saved(&project, &SaveOptions::default());
                if let (Some(work), Ok(id)) = (&mut self.work, id)
                    && let Err(error) = work.about_to_save(id)
                {
                    tracing::warn!("that the project is saved could not be noted: {error}");
                }
            }
            Task::Rebase(base, project, since) => {
                *waiting = None;
                // Not gone before what was done since is in another place.
                let settled = self.work.take();
                self.base = base;
                self.begun_with = *project;
                if let Some(wanted) = since
                    && let Err(sentence) = self.keep(&wanted)
                {
                    self.say(Some(sentence));
                    *waiting = Some(*wanted);
                }
                let_go(settled);
            }
            Task::Discard => {
                *waiting = None;
                let_go(self.work.take());
            }
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
        if problem.is_none() {
            said.done = self.taken;
        }
        said.folder = self.work.as_ref().map(|work| work.folder().to_owned());
        if said.problem != problem {
            said.problem = problem;
            said.news = true;
            drop(said);
            (self.wake)();
        }
    }
}

fn let_go(work: Option<Work>) {
    if let Some(Err(error)) = work.map(Work::discard) {
        tracing::warn!("work that is no longer needed could not be deleted: {error}");
    }
}
