//! Work under way, kept on the disk as it happens: whatever ends the app, nothing that was done is lost.
//!
//! An open corpus has a folder of its own with a [journal](super::journal) and one file a value. Files are named by
//! the key of their content and never written again; the journal says which of them belong to the present state.
//! A change costs what was changed: a title, one line. Saving packs the state into a project file (see
//! [`super::project`]); until the next change there is nothing to keep, and no folder.
//!
//! | file | what |
//! |---|---|
//! | `lock` | held while a window has the work open; the system lets go of it when the process ends, however it ends |
//! | `journal` | what the work started from, then one record a change |
//! | `corpus-KEY.semascope` | the documents of a corpus that was not opened from a project: a project without values |
//! | `PART-KEY.safetensors` | values, hard links to the cache where it has them |
//! | `goals-KEY.safetensors` | explanations of a goal |
//! | `names-KEY.json`, `members-KEY.u32` | names; lists of documents that edits are about |

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::FileError;
use super::cache::{APP, Cache};
use super::edits_form::change_to_json;
use super::journal::Journal;
use super::project::{self, Opened, Project, SaveOptions};
use super::work_values::{Store, plain_name, replay};
use crate::data::{Key, Members};
use crate::job::Ctx;

/// The environment variable that overrides the folder of work under way.
pub const PLACE_VARIABLE: &str = "SEMASCOPE_DATA";

/// Of the journal's records.
const VERSION: u64 = 1;

const JOURNAL: &str = "journal";
const LOCK: &str = "lock";
const WORK: &str = "work";
/// Looking at what a folder holds takes less than this.
const LOOKING: Duration = Duration::from_secs(2);
const LOCKS: &str = "locks";

/// The folder with the work of all windows of this person.
#[derive(Clone, Debug)]
pub struct Home {
    folder: PathBuf,
}

/// Keeps other windows from writing a project; ends when dropped.
#[derive(Debug)]
pub struct ProjectLock {
    _file: File,
}

/// What a piece of work began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// A project file, with [`Opened::id`] of what it held then.
    Project { path: PathBuf, id: Key },
    /// A corpus, and where it was read from.
    Corpus { source: Option<PathBuf> },
}

/// The journal's first record.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Beginning {
    work: u64,
    /// What the person sees.
    name: String,
    rows: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<(PathBuf, Key)>,
    /// The file with the documents, unless they are in the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    corpus: Option<String>,
}

/// Work that no window has open: it waits for a person to go on with it, or to let it go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    pub folder: PathBuf,
    /// What the person called it.
    pub name: String,
    pub rows: u64,
    pub source: Option<PathBuf>,
    pub project: Option<PathBuf>,
    /// What was done by hand last, and how often anything was.
    pub last: String,
    pub deeds: usize,
    /// Seconds since 1970-01-01 UTC.
    pub changed: i64,
}

/// Where values lie that need not be written again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'s> {
    pub cache: Option<&'s Cache>,
    /// The `.npy` file that the vectors are.
    pub vectors: Option<&'s Path>,
}

/// Work that is being kept.
pub struct Work {
    folder: PathBuf,
    journal: Journal,
    /// The state that the journal leads to.
    recorded: Project,
    _lock: File,
}

/// Work that was taken up again.
pub struct Resumed {
    pub work: Work,
    pub opened: Opened,
    pub base: Base,
    /// What was done by hand that the base lacks: how often, and what last.
    pub deeds: usize,
    pub last: String,
    /// Everything is in the project's file already: the program ended just after it was saved.
    pub saved: bool,
}

impl Home {
    /// The system's folder for an app's data, or the one that `SEMASCOPE_DATA` names; `None` where there is neither.
    pub fn open() -> Option<Self> {
        let named = std::env::var_os(PLACE_VARIABLE).filter(|place| !place.is_empty());
        let folder = named
            .map(PathBuf::from)
            .or_else(|| Some(directories::ProjectDirs::from("", "", APP)?.data_local_dir().to_owned()))?;
        Some(Self::at(folder))
    }

    /// A folder of one's choice, made when it is needed.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Takes the right to write the project at `path`; `None` if another window has it.
    pub fn lock_project(&self, path: &Path) -> Result<Option<ProjectLock>, FileError> {
        let folder = self.folder.join(LOCKS);
        fs::create_dir_all(&folder).map_err(|error| FileError::write(&folder, error))?;
        // A project that is not there yet has no canonical path of its own, but its folder has.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let real = path.canonicalize().or_else(|_| {
            parent.canonicalize().map(|folder| folder.join(path.file_name().unwrap_or_default()))
        });
        let real = real.unwrap_or_else(|_| path.to_owned());
        let name = Key::of("project lock", 1).text(&real.to_string_lossy()).finish();
        let lock = take_lock(&folder.join(format!("{name}.lock")))?;
        Ok(lock.map(|file| ProjectLock { _file: file }))
    }

    /// Work that was left behind, newest first. Folders that never got a journal are swept away.
    pub fn unfinished(&self) -> Vec<Unfinished> {
        let entries = fs::read_dir(self.folder.join(WORK)).into_iter().flatten().flatten();
        let mut all: Vec<Unfinished> = entries.filter_map(|entry| look_at(&entry.path())).collect();
        all.sort_by_key(|work| std::cmp::Reverse(work.changed));
        all
    }

    /// Deletes work that was left behind. Fails if a window has taken it up meanwhile.
    pub fn discard(&self, folder: &Path) -> Result<(), FileError> {
        if folder.parent() != Some(&self.folder.join(WORK)) {
            return Err(FileError::format(
                folder,
                "is not a folder of unfinished work, so it was left alone.",
            ));
        }
        match take_lock_in_turn(&folder.join(LOCK))? {
            Some(lock) => remove(folder, lock),
            None => Err(FileError::format(folder, "is open in another window, so it was kept.")),
        }
    }

    /// Begins to keep work on `project` as it was opened. Changes go in by [`Work::record`].
    pub fn begin(&self, base: &Base, project: &Project, ctx: &Ctx) -> Result<Work, FileError> {
        let (folder, lock) = self.new_folder()?;
        let begun = self.begin_in(&folder, base, project, ctx);
        match begun {
            Ok((journal, recorded)) => Ok(Work { folder, journal, recorded, _lock: lock }),
            Err(error) => {
                // A folder without a journal is nothing to go on with.
                let _ = remove(&folder, lock);
                Err(error)
            }
        }
    }

    fn begin_in(
        &self,
        folder: &Path,
        base: &Base,
        project: &Project,
        ctx: &Ctx,
    ) -> Result<(Journal, Project), FileError> {
        let mut beginning = Beginning {
            work: VERSION,
            name: project.corpus.name.clone(),
            rows: project.corpus.len() as u64,
            source: None,
            project: None,
            corpus: None,
        };
        let recorded = match base {
            Base::Project { path, id } => {
                beginning.project = Some((path.clone(), *id));
                project.clone()
            }
            Base::Corpus { source } => {
                beginning.source.clone_from(source);
                let bare = Project::new(project.corpus.clone());
                beginning.corpus = Some(save_corpus(folder, &bare, ctx)?);
                bare
            }
        };
        // The journal comes last: with it, the folder is work that can be taken up.
        let mut journal = Journal::create(&folder.join(JOURNAL))?;
        journal.append(&serde_json::to_value(beginning).unwrap_or_default())?;
        Ok((journal, recorded))
    }

    fn new_folder(&self) -> Result<(PathBuf, File), FileError> {
        let work = self.folder.join(WORK);
        fs::create_dir_all(&work).map_err(|error| FileError::write(&work, error))?;
        let folder = tempfile::Builder::new().prefix("work-").disable_cleanup(true).tempdir_in(&work);
        let folder = folder.map_err(|error| FileError::write(&work, error))?.keep();
        match take_lock(&folder.join(LOCK))? {
            Some(lock) => Ok((folder, lock)),
            None => Err(FileError::format(&folder, "is taken by another window. Try again.")),
        }
    }
}

/// The lock at `path`, unless another process holds it.
fn lock_file(path: &Path) -> Result<File, FileError> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    file.map_err(|error| FileError::write(path, error))
}

fn take_lock(path: &Path) -> Result<Option<File>, FileError> {
    let file = lock_file(path)?;
    Ok(file.try_lock().is_ok().then_some(file))
}

/// The same, once nobody who merely looks ([`look_at`]) is in the way.
fn take_lock_in_turn(path: &Path) -> Result<Option<File>, FileError> {
    let file = lock_file(path)?;
    let begun = Instant::now();
    while file.try_lock().is_err() {
        if begun.elapsed() > LOOKING {
            return Ok(None);
        }
        std::thread::sleep(LOOKING / 200);
    }
    Ok(Some(file))
}

/// Deletes a folder whose lock is ours.
fn remove(folder: &Path, lock: File) -> Result<(), FileError> {
    // The journal first: what is left of a deletion that was interrupted must not look like work.
    let journal = folder.join(JOURNAL);
    match fs::remove_file(&journal) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(FileError::write(&journal, error));
        }
        _ => {}
    }
    // Some systems do not delete a file that is open.
    drop(lock);
    fs::remove_dir_all(folder).map_err(|error| FileError::write(folder, error))
}

/// What was left behind in a folder; `None` where a window has it. Any number may look at the same time.
fn look_at(folder: &Path) -> Option<Unfinished> {
    let lock = lock_file(&folder.join(LOCK)).ok()?;
    lock.try_lock_shared().ok()?;
    let path = folder.join(JOURNAL);
    let records = match Journal::read(&path) {
        Ok(records) => records,
        Err(_) => {
            drop(lock);
            // A window that is just making this folder holds its lock; this one is left over.
            if let Ok(Some(lock)) = take_lock(&folder.join(LOCK))
                && !path.exists()
            {
                let _ = remove(folder, lock);
            }
            return None;
        }
    };
    let beginning: Beginning = serde_json::from_value(records.first()?.clone()).ok()?;
    let (deeds, last) = deeds_of(&records);
    Some(Unfinished {
        folder: folder.to_owned(),
        name: beginning.name,
        rows: records.iter().rev().find_map(|record| record["rows"].as_u64()).unwrap_or(beginning.rows),
        source: beginning.source,
        project: beginning.project.map(|(path, _)| path),
        last,
        deeds,
        changed: records.last().and_then(|record| record["at"].as_i64()).unwrap_or_default(),
    })
}

/// How often something was done by hand, and what last.
fn deeds_of(records: &[Value]) -> (usize, String) {
    let by_hand = |record: &&Value| record["by_hand"].as_bool().unwrap_or_default();
    let deeds = records.iter().filter(by_hand);
    let last = deeds.clone().next_back().and_then(|record| record["did"].as_str());
    (deeds.count(), last.unwrap_or_default().to_owned())
}

fn save_corpus(folder: &Path, bare: &Project, ctx: &Ctx) -> Result<String, FileError> {
    let name = format!("corpus-{}.semascope", bare.corpus.key);
    let path = folder.join(&name);
    if !path.exists() {
        project::save(&path, bare, &SaveOptions::default(), &ctx.untold())?;
    }
    Ok(name)
}

impl Work {
    /// Where it is kept.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the folder is still there; somebody may have deleted it under the app.
    pub fn is_there(&self) -> bool {
        self.folder.join(JOURNAL).is_file()
    }

    /// Keeps `wanted`: writes what has changed since the last call, values first, the record that counts them in
    /// last. Returns the bytes written. After a failure the work is as it was, and can be tried again.
    ///
    /// `did` says in a few words what a person did; `by_hand` whether a person did it at all.
    pub fn record(
        &mut self,
        wanted: &Project,
        did: &str,
        by_hand: bool,
        sources: &Sources<'_>,
        ctx: &Ctx,
    ) -> Result<u64, FileError> {
        let known =
            [&self.recorded, wanted].map(|project| project.clusters.as_ref().map(|clusters| clusters.key));
        let mut store = Store { folder: &self.folder, known, written: 0 };
        let mut record = Map::new();
        let before = &self.recorded;
        if before.corpus.key != wanted.corpus.key || before.corpus.name != wanted.corpus.name {
            let bare = Project::new(wanted.corpus.clone());
            record.insert("corpus".into(), save_corpus(&self.folder, &bare, ctx)?.into());
            record.insert("rows".into(), wanted.corpus.len().into());
        }
        if before.params != wanted.params {
            record.insert("params".into(), wanted.params.clone());
        }
        if before.view != wanted.view {
            record.insert("view".into(), wanted.view.clone());
        }
        if before.stale != wanted.stale {
            record.insert("stale".into(), json!(wanted.stale));
        }
        if !Arc::ptr_eq(&before.selection, &wanted.selection) && before.selection != wanted.selection {
            let selection = Members::new(wanted.selection.to_vec());
            record.insert("selection".into(), store.members(&selection)?);
        }
        let change = before.edits.change_to(&wanted.edits);
        if !change.is_empty() {
            let put = &mut |members: &Members| store.members(members);
            record.insert("edits".into(), change_to_json::<FileError>(&change, put)?);
        }
        store.values(&mut record, before, wanted, sources, ctx)?;
        if record.is_empty() {
            return Ok(0);
        }
        record.insert("did".into(), did.into());
        record.insert("by_hand".into(), by_hand.into());
        record.insert("at".into(), seconds_now().into());
        let written = store.written;
        let line = self.journal.append(&Value::Object(record))?;
        self.recorded = wanted.clone();
        Ok(written + line)
    }

    /// Notes that what was recorded so far is about to be saved into the project file that will have this
    /// [`Opened::id`]: should the program end before the work is discarded, only what comes after is done again.
    pub fn about_to_save(&mut self, id: Key) -> Result<(), FileError> {
        self.journal.append(&json!({ "saved": id })).map(|_| ())
    }

    /// Deletes the work: it was saved, or is not wanted.
    pub fn discard(self) -> Result<(), FileError> {
        let Self { folder, journal, recorded, _lock } = self;
        // Mapped values of ours must not keep the folder alive where mapped files cannot be deleted.
        drop((journal, recorded));
        remove(&folder, _lock)
    }

    /// Takes up work that was left behind.
    ///
    /// A value that cannot be had is listed in [`Opened::missing`]. Fails if a window has the work open, if it was
    /// kept by a newer version, or if its documents are gone: the sentence says so.
    pub fn resume(folder: &Path, ctx: &Ctx) -> Result<Resumed, FileError> {
        let lock = take_lock_in_turn(&folder.join(LOCK))?
            .ok_or_else(|| FileError::format(folder, "is open in another window. Go on with it there."))?;
        let (journal, records) = Journal::open(&folder.join(JOURNAL))?;
        let mut records = records.into_iter();
        let first = records.next().unwrap_or_default();
        if first["work"].as_u64().unwrap_or(VERSION) > VERSION {
            return Err(FileError::format(folder, "was kept by a newer Semascope. Update the app to go on."));
        }
        let beginning: Beginning = serde_json::from_value(first).map_err(|error| {
            FileError::format(folder, format!("cannot be understood ({error}). It was left as it is."))
        })?;
        let mut records: Vec<Value> = records.collect();
        let mut saved = false;
        let (mut opened, base) = match (&beginning.project, &beginning.corpus) {
            (Some((path, begun_with)), _) => {
                let opened = project::open(path, ctx)?;
                if opened.id != *begun_with {
                    let id = json!(opened.id);
                    let Some(at) = records.iter().rposition(|record| record["saved"] == id) else {
                        return Err(FileError::format(
                            path,
                            "was saved by somebody else since this work began, so the two do not fit together. \
                             The work is kept; put the older file back to go on with it.",
                        ));
                    };
                    records.drain(..=at);
                    saved = records.is_empty();
                }
                let base = Base::Project { path: path.clone(), id: opened.id };
                (opened, base)
            }
            (None, Some(corpus)) => {
                let opened = project::open(&folder.join(plain_name(folder, corpus)?), ctx)?;
                (opened, Base::Corpus { source: beginning.source.clone() })
            }
            (None, None) => return Err(FileError::format(folder, "names no documents.")),
        };
        for record in &records {
            replay(folder, &mut opened, record, ctx)?;
        }
        let (deeds, last) = deeds_of(&records);
        let recorded = opened.project.clone();
        let work = Self { folder: folder.to_owned(), journal, recorded, _lock: lock };
        Ok(Resumed { work, opened, base, deeds, last, saved })
    }
}

fn seconds_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |duration| duration.as_secs() as i64)
}
