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
//! | `names-KEY.json`, `members-KEY.u32` | names; lists of documents that edits are about |

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cache::{APP, Cache};
use super::edits_form::{change_from_json, change_to_json};
use super::journal::Journal;
use super::project::{self, Opened, Project, SaveOptions};
use super::tensors::{self, Damage};
use super::{FileError, atomic, npy};
use crate::data::{Bytes, Clusters, Key, Members, Names};
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

/// A file's name that leads nowhere else: the journal may have been tampered with.
fn plain_name<'n>(folder: &Path, name: &'n str) -> Result<&'n str, FileError> {
    let plain = Path::new(name).file_name().is_some_and(|file| file == name);
    if plain { Ok(name) } else { Err(FileError::format(folder, "names a file outside of it.")) }
}

/// Writes values into the folder.
struct Store<'f> {
    folder: &'f Path,
    /// The clusters before and after the record: whoever replays it has both.
    known: [Option<Key>; 2],
    written: u64,
}

impl Store<'_> {
    /// Writes a file unless it is there. Its name holds the key of its content, so that what is there is the same.
    fn put(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut atomic::Sink<'_>) -> io::Result<()>,
    ) -> Result<(), FileError> {
        let path = self.folder.join(name);
        if !path.exists() {
            atomic::replace(&path, write)?;
            self.written += path.metadata().map_or(0, |metadata| metadata.len());
        }
        Ok(())
    }

    /// Makes a link to a file of the cache, which stays whole when the cache is cleared. False where that cannot be.
    fn link(&self, name: &str, existing: Option<PathBuf>) -> bool {
        let path = self.folder.join(name);
        path.exists() || existing.is_some_and(|existing| fs::hard_link(existing, &path).is_ok())
    }

    /// A list of documents: the clusters that hold just these, or a file.
    fn members(&mut self, members: &Members) -> Result<Value, FileError> {
        if let Some(source) = members.source().filter(|source| self.known.contains(&Some(source.clusters))) {
            return Ok(json!({ "clusters": source.clusters, "labels": source.labels, "key": members.key() }));
        }
        let name = format!("members-{}.u32", members.key());
        self.put(&name, |sink| {
            members.documents().iter().try_for_each(|id| sink.write_all(&id.to_le_bytes()))
        })?;
        Ok(json!({ "file": name }))
    }

    fn values(
        &mut self,
        record: &mut Map<String, Value>,
        before: &Project,
        wanted: &Project,
        sources: &Sources<'_>,
        ctx: &Ctx,
    ) -> Result<(), FileError> {
        let mut made = Map::new();
        let key = |matrix: &Option<Arc<crate::data::Matrix>>| matrix.as_ref().map(|matrix| matrix.key);
        if key(&before.matrix) != key(&wanted.matrix) {
            let value = match (&wanted.matrix, sources.vectors) {
                (None, _) => Value::Null,
                (Some(_), Some(npy)) => json!({ "npy": npy }),
                (Some(matrix), None) => {
                    let name = format!("vectors-{}.safetensors", matrix.key);
                    let cached = sources.cache.map(|cache| cache.matrix_path(matrix.key));
                    if !self.link(&name, cached) {
                        self.put(&name, |sink| tensors::write_matrix(sink, matrix, ctx))?;
                    }
                    json!({ "file": name })
                }
            };
            made.insert("vectors".into(), value);
        }
        let key = |knn: &Option<Arc<crate::data::Knn>>| knn.as_ref().map(|knn| knn.key);
        if key(&before.knn) != key(&wanted.knn) {
            let value = match &wanted.knn {
                None => Value::Null,
                Some(knn) => {
                    let name = format!("neighbours-{}.safetensors", knn.key);
                    let cached = sources.cache.map(|cache| cache.neighbours_path(knn.key));
                    if !self.link(&name, cached) {
                        self.put(&name, |sink| tensors::write_knn(sink, knn))?;
                    }
                    json!({ "file": name })
                }
            };
            made.insert("neighbours".into(), value);
        }
        let key = |layout: &Option<Arc<crate::data::Layout>>| layout.as_ref().map(|layout| layout.key);
        let moved = key(&before.layout) != key(&wanted.layout);
        if moved {
            let value = match &wanted.layout {
                None => Value::Null,
                Some(layout) => {
                    let name = format!("layout-{}.safetensors", layout.key);
                    self.put(&name, |sink| tensors::write_layout(sink, layout))?;
                    json!({ "file": name })
                }
            };
            made.insert("layout".into(), value);
        }
        if moved || before.quality != wanted.quality {
            let value = match (&wanted.quality, &wanted.layout) {
                (Some(quality), Some(layout)) => {
                    let key = Key::of("quality", 1).input(layout.key).params(quality);
                    let kept = bytemuck::cast_slice(&quality.kept);
                    let name = format!("quality-{}.safetensors", key.bytes(kept).finish());
                    self.put(&name, |sink| tensors::write_quality(sink, quality))?;
                    json!({ "file": name })
                }
                _ => Value::Null,
            };
            made.insert("quality".into(), value);
        }
        let key = |clusters: &Option<Arc<Clusters>>| clusters.as_ref().map(|clusters| clusters.key);
        if key(&before.clusters) != key(&wanted.clusters) {
            let value = match &wanted.clusters {
                None => Value::Null,
                Some(clusters) => self.clusters(clusters)?,
            };
            made.insert("clusters".into(), value);
        }
        for (part, before, wanted) in [
            ("names", &before.names, &wanted.names),
            ("edited_names", &before.edited_names, &wanted.edited_names),
        ] {
            let key = |names: &Option<Arc<Names>>| names.as_ref().map(|names| names.key);
            if key(before) != key(wanted) {
                let value = match wanted {
                    None => Value::Null,
                    Some(names) => self.names(names)?,
                };
                made.insert(part.into(), value);
            }
        }
        let keys = |project: &Project| -> Vec<(Key, Key)> {
            project.topics.iter().map(|(clusters, names)| (clusters.key, names.key)).collect()
        };
        if keys(before) != keys(wanted) {
            let levels = wanted.topics.iter();
            let levels =
                levels.map(|(clusters, names)| Ok(json!([self.clusters(clusters)?, self.names(names)?])));
            made.insert("topics".into(), levels.collect::<Result<Vec<Value>, FileError>>()?.into());
        }
        if !made.is_empty() {
            record.insert("made".into(), made.into());
        }
        Ok(())
    }

    fn clusters(&mut self, clusters: &Clusters) -> Result<Value, FileError> {
        let name = format!("clusters-{}.safetensors", clusters.key);
        self.put(&name, |sink| tensors::write_clusters(sink, clusters))?;
        Ok(json!({ "file": name }))
    }

    fn names(&mut self, names: &Names) -> Result<Value, FileError> {
        let name = format!("names-{}.json", names.key);
        self.put(&name, |sink| Ok(serde_json::to_writer(sink, names)?))?;
        Ok(json!({ "file": name }))
    }
}

/// Brings `opened` to the state after `record`.
fn replay(folder: &Path, opened: &mut Opened, record: &Value, ctx: &Ctx) -> Result<(), FileError> {
    ctx.cancel.check()?;
    let project = &mut opened.project;
    if let Some(name) = record["corpus"].as_str() {
        let other = project::open(&folder.join(plain_name(folder, name)?), ctx)?;
        project.corpus = other.project.corpus;
    }
    if let Some(params) = record.get("params") {
        project.params = params.clone();
    }
    if let Some(view) = record.get("view") {
        project.view = view.clone();
    }
    if let Some(stale) = record.get("stale") {
        project.stale = serde_json::from_value(stale.clone()).unwrap_or_default();
    }
    let n = project.corpus.len();
    let before = project.clusters.clone();
    if let Some(made) = record["made"].as_object() {
        let mut missing = Vec::new();
        for (part, value) in made {
            let taken = take(folder, project, part, value, n);
            missing.extend(taken.err().map(|damage| format!("The {part} cannot be used: {damage}.")));
        }
        opened.missing.extend(missing);
    }
    // Edits may be about clusters that this very record brought, or took away.
    let at_hand = [before, project.clusters.clone()];
    let get = &mut |value: &Value| read_members(folder, value, &at_hand, n);
    if let Some(selection) = record.get("selection") {
        project.selection = get(selection).map(|members| members.documents().clone()).unwrap_or_default();
    }
    if let Some(change) = record.get("edits") {
        match change_from_json(change, get) {
            Ok(change) => project.edits = Arc::new(project.edits.apply(&change)),
            Err(damage) => opened.missing.push(format!("An edit could not be taken up: {damage}.")),
        }
    }
    Ok(())
}

fn bytes_of(folder: &Path, value: &Value) -> Result<Bytes, Damage> {
    let name = value["file"].as_str().ok_or_else(|| Damage::new("the journal names no file"))?;
    let name = plain_name(folder, name).map_err(|error| Damage::new(error.to_string()))?;
    let map = npy::map(&folder.join(name)).map_err(|error| Damage::new(error.to_string()))?;
    Ok(Arc::new(map))
}

fn take(folder: &Path, project: &mut Project, part: &str, value: &Value, n: usize) -> Result<(), Damage> {
    let all = |rows: usize| {
        if rows == n { Ok(()) } else { Err(Damage::new("it is about another number of documents")) }
    };
    let bytes = || bytes_of(folder, value);
    match part {
        "vectors" => {
            project.matrix = None;
            let matrix = match value["npy"].as_str() {
                _ if value.is_null() => return Ok(()),
                Some(npy) => {
                    npy::read_matrix(Path::new(npy)).map_err(|error| Damage::new(error.to_string()))?
                }
                None => {
                    let bytes = bytes()?;
                    let whole = 0..(*bytes).as_ref().len();
                    tensors::read_matrix(bytes, whole)?
                }
            };
            all(matrix.rows())?;
            project.matrix = Some(Arc::new(matrix));
        }
        "neighbours" => {
            project.knn = None;
            if !value.is_null() {
                let knn = tensors::read_knn((*bytes()?).as_ref())?;
                if knn.k > 0 {
                    all(knn.len())?;
                }
                project.knn = Some(Arc::new(knn));
            }
        }
        "layout" => {
            project.layout = None;
            if !value.is_null() {
                let layout = tensors::read_layout((*bytes()?).as_ref())?;
                all(layout.positions.len())?;
                project.layout = Some(Arc::new(layout));
            }
        }
        "quality" => {
            project.quality = None;
            if !value.is_null() {
                let quality = tensors::read_quality((*bytes()?).as_ref())?;
                if !quality.kept.is_empty() {
                    all(quality.kept.len())?;
                }
                project.quality = Some(quality);
            }
        }
        "clusters" => {
            project.clusters = None;
            if !value.is_null() {
                project.clusters = Some(Arc::new(read_clusters(folder, value, n)?));
            }
        }
        "names" => {
            project.names = None;
            if !value.is_null() {
                project.names = Some(Arc::new(read_names(folder, value)?));
            }
        }
        "edited_names" => {
            project.edited_names = None;
            if !value.is_null() {
                project.edited_names = Some(Arc::new(read_names(folder, value)?));
            }
        }
        "topics" => {
            project.topics.clear();
            for level in value.as_array().into_iter().flatten() {
                let clusters = read_clusters(folder, &level[0], n)?;
                let names = read_names(folder, &level[1])?;
                project.topics.push((Arc::new(clusters), Arc::new(names)));
            }
        }
        // What a newer version has added is not for this one.
        _ => return Err(Damage::new("this version does not know it")),
    }
    Ok(())
}

fn read_clusters(folder: &Path, value: &Value, n: usize) -> Result<Clusters, Damage> {
    let clusters = tensors::read_clusters((*bytes_of(folder, value)?).as_ref())?;
    if clusters.labels.len() == n {
        Ok(clusters)
    } else {
        Err(Damage::new("it is about another number of documents"))
    }
}

fn read_names(folder: &Path, value: &Value) -> Result<Names, Damage> {
    let bytes = bytes_of(folder, value)?;
    serde_json::from_slice((*bytes).as_ref()).map_err(|error| Damage::new(error.to_string()))
}

fn read_members(
    folder: &Path,
    value: &Value,
    at_hand: &[Option<Arc<Clusters>>; 2],
    n: usize,
) -> Option<Members> {
    if let Some(labels) = value.get("labels") {
        let labels: Vec<u32> = serde_json::from_value(labels.clone()).ok()?;
        let of: Key = serde_json::from_value(value["clusters"].clone()).ok()?;
        let key: Key = serde_json::from_value(value["key"].clone()).ok()?;
        let clusters = at_hand.iter().flatten().find(|clusters| clusters.key == of)?;
        let members = Members::of_clusters(clusters, &labels);
        return (key == members.key()).then_some(members);
    }
    let bytes = bytes_of(folder, value).ok()?;
    let ids = (*bytes).as_ref().as_chunks::<4>().0.iter().map(|id| u32::from_le_bytes(*id));
    Some(Members::new(ids.filter(|&id| (id as usize) < n).collect()))
}

fn seconds_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |duration| duration.as_secs() as i64)
}
