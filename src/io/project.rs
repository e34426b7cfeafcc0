//! The project file `*.semascope`: everything that was made of a corpus, in one file that is safe to mail.
//!
//! It is a stored (uncompressed) zip64 of `manifest.json`, the cells as an Arrow IPC stream, and arrays as
//! safetensors. Opening starts no work and needs neither the corpus file nor the model. The file is mapped, and the
//! vectors are used where they lie. No absolute paths are inside.

use std::collections::{BTreeSet, HashSet};
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::edits_form::{edits_from_json, edits_to_json};
use super::exact::{self, Exact};
use super::goals_form::{read_goals, write_goals};
use super::stored_zip::StoredZip;
use super::tensors::{self, Damage};
use super::{FileError, atomic, corpus_part, npy, withheld};
use crate::data::{
    Bytes, Clusters, Column, Corpus, Edits, Goals, Key, Knn, Layout, MapQuality, Matrix, Members, Names,
    ReadReport, Typed,
};
use crate::job::Ctx;

/// What this version writes, and the newest that it fully understands.
pub const FORMAT_VERSION: u64 = 2;

const FORMAT: &str = "semascope project";

const MANIFEST: &str = "manifest.json";
const CELLS: &str = "corpus.arrows";
const TYPED: &str = "columns.safetensors";
const VECTORS: &str = "vectors.safetensors";
const NEIGHBOURS: &str = "neighbours.safetensors";
const LAYOUT: &str = "layout.safetensors";
const QUALITY: &str = "quality.safetensors";
const CLUSTERS: &str = "clusters.safetensors";
const MEMBERS: &str = "members.safetensors";

/// How the parts with goals' explanations begin.
const GOALS: &str = "goals-";

/// Where the manifest holds the parameters, and what the window showed.
const PARAMS: &str = "/params";
const VIEW: &str = "/view";

/// Values in a manifest: many times what the largest one has, few enough that they fit into memory.
const MOST_VALUES: usize = 8_000_000;

/// Things that cannot be had are told one by one up to this many.
const MOST_MISSING: usize = 20;

/// Goals with explanations that a file can hold.
const MOST_GOALS: usize = 1000;

/// Characters of an unknown part's name that are told.
const LONGEST_NAME: usize = 60;

/// Parts start at multiples of this, so that vectors can be used where they lie.
const ALIGNMENT: u16 = 64;

/// Windows lets nobody replace a file that is mapped, and saving must be able to: there, vectors are read.
const MAP_VECTORS: bool = cfg!(not(windows));

/// What a project holds. Everything but the corpus may not be there yet.
#[derive(Clone, Debug)]
pub struct Project {
    pub corpus: Arc<Corpus>,
    pub matrix: Option<Arc<Matrix>>,
    pub knn: Option<Arc<Knn>>,
    pub layout: Option<Arc<Layout>>,
    pub quality: Option<MapQuality>,
    pub clusters: Option<Arc<Clusters>>,
    pub names: Option<Arc<Names>>,
    /// Coarser to finer levels of topics.
    pub topics: Vec<(Arc<Clusters>, Arc<Names>)>,
    /// What was done by hand.
    pub edits: Arc<Edits>,
    /// Computed names of the clusters that the edits make of `clusters`, if they make others.
    pub edited_names: Option<Arc<Names>>,
    /// What came of the goals that `edits` asks for.
    pub goals: Vec<Arc<Goals>>,
    /// Selected documents, ascending.
    pub selection: Arc<Vec<u32>>,
    /// Values, by the names of their owners, that do not belong to the present parameters.
    pub stale: BTreeSet<String>,
    /// The parameters of all stages, as their owners write them.
    pub params: Value,
    /// What the window showed.
    pub view: Value,
}

impl Project {
    /// A corpus of which nothing was made yet.
    pub fn new(corpus: Arc<Corpus>) -> Self {
        Self {
            corpus,
            matrix: None,
            knn: None,
            layout: None,
            quality: None,
            clusters: None,
            names: None,
            topics: Vec::new(),
            edits: Arc::default(),
            edited_names: None,
            goals: Vec::new(),
            selection: Arc::default(),
            stale: BTreeSet::new(),
            params: Value::Null,
            view: Value::Null,
        }
    }
}

/// Choices when saving.
#[derive(Clone, Copy, Debug)]
pub struct SaveOptions {
    /// Whether the texts go in: without, the cells of text columns are empty (titles and keywords stay).
    pub with_texts: bool,
}

impl Default for SaveOptions {
    fn default() -> Self {
        Self { with_texts: true }
    }
}

/// A project and what is to be said about its file.
#[derive(Debug)]
pub struct Opened {
    pub project: Project,
    /// Of the manifest, and so of the whole state of the file.
    pub id: Key,
    /// Why it must not be saved over, if so.
    pub read_only: Option<String>,
    /// What is not there or not usable, a sentence each: it shows as stale.
    pub missing: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    format: String,
    version: u64,
    /// The app and its version, for whoever looks into the file.
    made_by: String,
    corpus: CorpusAbout,
    /// The parts that were written.
    parts: Vec<String>,
    /// [`Names`], or null. Read on their own, so that the rest can be opened without them.
    #[serde(default)]
    names: Value,
    /// [`Names`] of each level.
    #[serde(default)]
    topics: Vec<Value>,
    /// [`Edits`]; their lists of documents are in [`MEMBERS`], by number.
    #[serde(default)]
    edits: Value,
    #[serde(default)]
    edited_names: Value,
    /// The number of the selection's list.
    #[serde(default)]
    selection: Value,
    #[serde(default)]
    stale: BTreeSet<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    view: Value,
    /// Numbers in `params` and `view` that the JSON reader would miss by a bit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    exact: Vec<Exact>,
}

#[derive(Serialize, Deserialize)]
struct CorpusAbout {
    key: Key,
    name: String,
    documents: usize,
    columns: Vec<String>,
    text_columns: Vec<usize>,
    report: ReadReport,
    /// Whether the texts were left out.
    #[serde(default)]
    without_texts: bool,
}

/// Saves a project, replacing the file at `path` only once the new one is whole. Returns its [`Opened::id`].
pub fn save(path: &Path, project: &Project, options: &SaveOptions, ctx: &Ctx) -> Result<Key, FileError> {
    atomic::replace(path, |sink| write(sink, project, options, ctx))
}

/// Writes every byte once (but for the sizes before each part, which are known after it), a block at a time.
fn write(
    sink: impl Write + io::Seek,
    project: &Project,
    options: &SaveOptions,
    ctx: &Ctx,
) -> io::Result<Key> {
    let mut zip = ZipWriter::new(sink);
    let parts = parts_of(project);
    let manifest = manifest_of(project, options, &parts)?;
    ctx.progress.begin("Saving", "parts", parts.len() as u64 + 1, 0);
    start(&mut zip, MANIFEST)?;
    zip.write_all(&manifest)?;
    for part in &parts {
        ctx.cancel.check()?;
        ctx.progress.advance(1);
        start(&mut zip, part)?;
        write_part(&mut zip, part, project, options, ctx)?;
    }
    zip.finish()?;
    Ok(id_of(&manifest))
}

fn start<W: Write + io::Seek>(zip: &mut ZipWriter<W>, name: &str) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(true)
        .with_alignment(ALIGNMENT);
    Ok(zip.start_file(name, options)?)
}

fn parts_of(project: &Project) -> Vec<String> {
    let there = [
        (true, CELLS),
        (true, TYPED),
        (project.matrix.is_some(), VECTORS),
        (project.knn.is_some(), NEIGHBOURS),
        (project.layout.is_some(), LAYOUT),
        (project.quality.is_some(), QUALITY),
        (project.clusters.is_some(), CLUSTERS),
        (!lists_of(project).lists.is_empty(), MEMBERS),
    ];
    let single = there.into_iter().filter(|(there, _)| *there).map(|(_, part)| part.to_owned());
    let topics = (0..project.topics.len()).map(topics_part);
    single.chain(topics).chain((0..project.goals.len()).map(goals_part)).collect()
}

/// The lists of documents of a project's edits and selection, and the JSON that refers to them by number.
struct Lists {
    lists: Vec<Members>,
    edits: Value,
    selection: Value,
}

fn lists_of(project: &Project) -> Lists {
    let mut lists = Vec::new();
    let mut put = |members: &Members| -> Result<Value, std::convert::Infallible> {
        lists.push(members.clone());
        Ok(json!({ "list": lists.len() - 1, "source": members.source() }))
    };
    let Ok(selection) = match project.selection.is_empty() {
        true => Ok(Value::Null),
        false => put(&Members::new(project.selection.to_vec())),
    };
    let Ok(edits) = match project.edits.is_empty() {
        true => Ok(Value::Null),
        false => edits_to_json(&project.edits, &mut put),
    };
    Lists { lists, edits, selection }
}

fn topics_part(level: usize) -> String {
    format!("topics-{}.safetensors", level + 1)
}

fn goals_part(number: usize) -> String {
    format!("{GOALS}{}.safetensors", number + 1)
}

/// The [`Opened::id`] that a project's file will have.
pub fn id_when_saved(project: &Project, options: &SaveOptions) -> io::Result<Key> {
    Ok(id_of(&manifest_of(project, options, &parts_of(project))?))
}

fn manifest_of(project: &Project, options: &SaveOptions, parts: &[String]) -> io::Result<Vec<u8>> {
    let corpus = &project.corpus;
    let mut report = corpus.report.clone();
    if !options.with_texts {
        // The cause may quote the row.
        report.skipped_rows.clear();
    }
    let withheld = if options.with_texts { HashSet::new() } else { withheld::documents_in_names(project) };
    let told = |names: &Names| serde_json::to_value(withheld::without(names, &withheld));
    let topics = project.topics.iter().map(|(_, names)| told(names));
    let lists = lists_of(project);
    let manifest = Manifest {
        format: FORMAT.into(),
        version: FORMAT_VERSION,
        made_by: concat!("semascope ", env!("CARGO_PKG_VERSION")).into(),
        corpus: CorpusAbout {
            key: corpus.key,
            name: corpus.name.clone(),
            documents: corpus.len(),
            columns: corpus.columns.iter().map(|column| column.name.clone()).collect(),
            text_columns: corpus.text_columns.clone(),
            report,
            without_texts: !options.with_texts,
        },
        parts: parts.to_vec(),
        names: project.names.as_deref().map(told).transpose()?.unwrap_or_default(),
        topics: topics.collect::<Result<_, _>>()?,
        edits: lists.edits,
        edited_names: project.edited_names.as_deref().map(told).transpose()?.unwrap_or_default(),
        selection: lists.selection,
        stale: project.stale.clone(),
        params: project.params.clone(),
        view: project.view.clone(),
        exact: [exact::missed(&project.params, PARAMS), exact::missed(&project.view, VIEW)].concat(),
    };
    Ok(serde_json::to_vec_pretty(&manifest)?)
}

fn write_part(
    sink: &mut impl Write,
    part: &str,
    project: &Project,
    options: &SaveOptions,
    ctx: &Ctx,
) -> io::Result<()> {
    let corpus = &project.corpus;
    let is_text = |(c, column): (usize, &Column)| {
        matches!(column.typed, Typed::Text) || corpus.text_columns.contains(&c)
    };
    let blank = || corpus.columns.iter().enumerate().map(|at| !options.with_texts && is_text(at));
    match part {
        CELLS => corpus_part::write(sink, &corpus.columns, &blank().collect::<Vec<_>>(), ctx),
        TYPED => {
            let columns = corpus.columns.iter().zip(blank());
            let columns: Vec<&Typed> =
                columns.map(|(column, blank)| if blank { &Typed::Text } else { &column.typed }).collect();
            tensors::write_typed(sink, &columns)
        }
        VECTORS => project.matrix.iter().try_for_each(|matrix| tensors::write_matrix(sink, matrix, ctx)),
        NEIGHBOURS => project.knn.iter().try_for_each(|knn| tensors::write_knn(sink, knn)),
        LAYOUT => project.layout.iter().try_for_each(|layout| tensors::write_layout(sink, layout)),
        QUALITY => project.quality.iter().try_for_each(|quality| tensors::write_quality(sink, quality)),
        CLUSTERS => project.clusters.iter().try_for_each(|clusters| tensors::write_clusters(sink, clusters)),
        MEMBERS => tensors::write_members(sink, &lists_of(project).lists),
        _ if part.starts_with(GOALS) => {
            let mut goals = project.goals.iter().enumerate();
            let goals = goals.find(|(number, _)| goals_part(*number) == part);
            goals.map_or(Ok(()), |(_, goals)| write_goals(sink, goals, options.with_texts))
        }
        _ => {
            let mut levels = project.topics.iter().enumerate();
            let level = levels.find(|(level, _)| topics_part(*level) == part);
            level.map_or(Ok(()), |(_, (clusters, _))| tensors::write_clusters(sink, clusters))
        }
    }
}

/// Opens a project. Nothing in the file is believed unseen: it may come from anywhere.
///
/// A part that is missing, damaged or unknown is listed in [`Opened::missing`] and the rest is opened. Fails if the
/// file is no project, or its manifest or its documents are damaged.
pub fn open(path: &Path, ctx: &Ctx) -> Result<Opened, FileError> {
    let map: Bytes = Arc::new(npy::map(path)?);
    let file = package(path, (*map).as_ref())?;
    let (manifest, read_only, id) = read_manifest(path, &file)?;
    ctx.progress.begin("Opening", "parts", manifest.parts.len() as u64, 0);
    let mut missing = Missing::default();
    let corpus = read_corpus(path, &file, &manifest, &mut missing, ctx)?;
    let n = corpus.len();
    if manifest.corpus.without_texts {
        missing.0.push("The texts were left out when this project was saved.".into());
    }
    let parts = manifest.parts.iter().map(String::as_str).collect();
    let mut take = Taker { file: &file, parts, missing: &mut missing, ctx };
    let matrix = take.part(VECTORS, "vectors", |range, _| {
        let matrix = if MAP_VECTORS {
            tensors::read_matrix(map.clone(), range)?
        } else {
            let copy = (*map).as_ref()[range].to_vec();
            let whole = 0..copy.len();
            tensors::read_matrix(Arc::new(copy), whole)?
        };
        of_all(n, matrix.rows()).map(|()| matrix)
    })?;
    let knn = take.part(NEIGHBOURS, "neighbours", |_, bytes| {
        let knn = tensors::read_knn(bytes)?;
        // A corpus of one document has no neighbours at all.
        if knn.k > 0 {
            of_all(n, knn.len())?
        }
        Ok(knn)
    })?;
    let layout = take.part(LAYOUT, "map", |_, bytes| {
        let layout = tensors::read_layout(bytes)?;
        of_all(n, layout.positions.len()).map(|()| layout)
    })?;
    let quality = take.part(QUALITY, "map's quality", |_, bytes| {
        let quality = tensors::read_quality(bytes)?;
        if !quality.kept.is_empty() {
            of_all(n, quality.kept.len())?
        }
        Ok(quality)
    })?;
    let clusters_of = |bytes: &[u8]| {
        let clusters = tensors::read_clusters(bytes)?;
        of_all(n, clusters.labels.len()).map(|()| clusters)
    };
    let clusters = take.part(CLUSTERS, "clusters", |_, bytes| clusters_of(bytes))?;
    let lists = take.part(MEMBERS, "lists of documents", |_, bytes| tensors::read_members(bytes, n))?;
    let mut topics = Vec::new();
    for (level, names) in manifest.topics.iter().enumerate() {
        let what = format!("topics of level {}", level + 1);
        let of_level = take.part(&topics_part(level), &what, |_, bytes| {
            let clusters = clusters_of(bytes)?;
            names_of(names, &clusters, n).map(|names| (Arc::new(clusters), Arc::new(names)))
        })?;
        topics.extend(of_level);
    }
    let mut goals = Vec::new();
    let answered = manifest.parts.iter().filter(|part| part.starts_with(GOALS)).count().min(MOST_GOALS);
    for number in 0..answered {
        let of_goal =
            take.part(&goals_part(number), "explanations of a goal", |_, bytes| read_goals(bytes, n))?;
        goals.extend(of_goal.map(Arc::new));
    }
    let named = clusters.as_ref().filter(|_| !manifest.names.is_null());
    let names = named.and_then(|clusters| missing.note("names", names_of(&manifest.names, clusters, n)));
    let lists = lists.unwrap_or_default();
    let mut list = |value: &Value| {
        let members = lists.get(usize::try_from(value["list"].as_u64()?).ok()?)?.clone();
        let source = serde_json::from_value(value["source"].clone()).ok().flatten();
        Some(match source {
            Some(source) => members.with_source(source),
            None => members,
        })
    };
    let selection = list(&manifest.selection).map(|members| members.documents().clone()).unwrap_or_default();
    let edits = missing.note("edits", edits_from_json(&manifest.edits, &mut list)).unwrap_or_default();
    let edited_names = Some(&manifest.edited_names).filter(|names| !names.is_null());
    let edited_names = edited_names.and_then(|names| {
        let names = Names::deserialize(names).map_err(|error| Damage::new(error.to_string()));
        missing.note("names of edited clusters", names.and_then(|names| exemplars_within(names, n)))
    });
    missing.unknown(&file, manifest.topics.len(), answered);
    let project = Project {
        corpus: Arc::new(corpus),
        matrix: matrix.map(Arc::new),
        knn: knn.map(Arc::new),
        layout: layout.map(Arc::new),
        quality,
        clusters: clusters.map(Arc::new),
        names: names.map(Arc::new),
        topics,
        edits: Arc::new(edits),
        edited_names: edited_names.map(Arc::new),
        goals,
        selection,
        stale: manifest.stale,
        params: manifest.params,
        view: manifest.view,
    };
    Ok(Opened { project, id, read_only, missing: missing.told() })
}

/// The manifest, why the project must not be saved over, if so, and the manifest's key.
fn read_manifest(path: &Path, file: &StoredZip<'_>) -> Result<(Manifest, Option<String>, Key), FileError> {
    let damaged = |cause: String| {
        let problem = format!("is damaged: its manifest cannot be read ({cause}). Use another copy of it.");
        FileError::format(path, problem)
    };
    let bytes = match file.find(MANIFEST) {
        Ok(Some(range)) => &file.bytes()[range],
        Ok(None) => return Err(no_project(path)),
        Err(damage) => return Err(damaged(damage.to_string())),
    };
    // A value takes far more memory than the two bytes that are enough to write it.
    if bytes.iter().filter(|byte| b",[{".contains(byte)).count() > MOST_VALUES {
        return Err(damaged("it holds more than any manifest has".into()));
    }
    let mut value: Value = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    if value["format"] != FORMAT {
        return Err(no_project(path));
    }
    let version = value["version"].as_u64().unwrap_or_default();
    let newer = format!("was saved by a newer Semascope (format {version}; this one knows {FORMAT_VERSION})");
    let is_newer = version > FORMAT_VERSION;
    // Unreadable ones fail below, with the rest.
    let exact = Vec::<Exact>::deserialize(&value["exact"]).unwrap_or_default();
    exact::restore(&mut value, &exact);
    let manifest = serde_json::from_value(value).map_err(|error| {
        if is_newer {
            FileError::format(path, format!("{newer} and cannot be opened by this one. Update the app."))
        } else {
            damaged(error.to_string())
        }
    })?;
    let reason = format!("This project {newer}: it can be looked at and exported, but not saved over.");
    Ok((manifest, is_newer.then_some(reason), id_of(bytes)))
}

fn id_of(manifest: &[u8]) -> Key {
    Key::of("manifest", 1).bytes(manifest).finish()
}

fn no_project(path: &Path) -> FileError {
    FileError::format(path, "is not a Semascope project. Open it as data, or choose a .semascope file.")
}

fn read_corpus(
    path: &Path,
    file: &StoredZip<'_>,
    manifest: &Manifest,
    missing: &mut Missing,
    ctx: &Ctx,
) -> Result<Corpus, FileError> {
    let about = &manifest.corpus;
    let damaged = |cause: String| {
        let problem = format!("is damaged: its documents cannot be read ({cause}). Use another copy of it.");
        FileError::format(path, problem)
    };
    let known = |&c: &usize| c < about.columns.len();
    if about.text_columns.is_empty() || !about.text_columns.iter().all(known) {
        return Err(damaged("the manifest names no text column".into()));
    }
    let range = file.find(CELLS).map_err(|damage| damaged(damage.to_string()))?;
    let range = range.ok_or_else(|| damaged("they are not in the file".into()))?;
    let n = about.documents;
    let cells =
        corpus_part::read(&file.bytes()[range], &about.columns, n, ctx).map_err(
            |error| match FileError::read(path, error) {
                FileError::Read { cause, .. } => damaged(cause.to_string()),
                cancelled => cancelled,
            },
        )?;
    let typed = file.find(TYPED).and_then(|range| {
        let range = range.ok_or_else(|| Damage::new("it is not in the file"))?;
        tensors::read_typed(&file.bytes()[range], about.columns.len(), n)
    });
    let typed = missing.note("kinds of the columns", typed);
    let typed = typed.unwrap_or_else(|| vec![Typed::Text; about.columns.len()]);
    let columns = about.columns.iter().zip(cells).zip(typed);
    Ok(Corpus {
        key: about.key,
        name: about.name.clone(),
        source: None,
        columns: columns.map(|((name, cells), typed)| Column { name: name.clone(), cells, typed }).collect(),
        text_columns: about.text_columns.clone(),
        report: about.report.clone(),
    })
}

fn of_all(n: usize, rows: usize) -> Result<(), Damage> {
    if rows == n { Ok(()) } else { Err(Damage::new("it is about another number of documents")) }
}

/// The names, if they can be read and belong to these clusters of `n` documents.
fn names_of(value: &Value, clusters: &Clusters, n: usize) -> Result<Names, Damage> {
    let names = Names::deserialize(value).map_err(|error| Damage::new(error.to_string()))?;
    if names.clusters.len() == clusters.count { exemplars_within(names, n) } else { Err(strange_names()) }
}

fn exemplars_within(names: Names, n: usize) -> Result<Names, Damage> {
    let mut exemplars = names.clusters.iter().flat_map(|name| &name.exemplars);
    if exemplars.all(|&i| (i as usize) < n) { Ok(names) } else { Err(strange_names()) }
}

fn strange_names() -> Damage {
    Damage::new("the names belong to other clusters")
}

/// What could not be had, a sentence each.
#[derive(Default)]
struct Missing(Vec<String>);

impl Missing {
    /// The value, or a note of why there is none.
    fn note<T>(&mut self, what: &str, result: Result<T, Damage>) -> Option<T> {
        result.map_err(|damage| self.0.push(format!("The {what} cannot be used: {damage}."))).ok()
    }

    /// Notes the parts that this version knows nothing about.
    fn unknown(&mut self, file: &StoredZip<'_>, levels: usize, goals: usize) {
        let parts = [MANIFEST, CELLS, TYPED, VECTORS, NEIGHBOURS, LAYOUT, QUALITY, CLUSTERS, MEMBERS];
        let known: HashSet<String> = (0..levels)
            .map(topics_part)
            .chain((0..goals).map(goals_part))
            .chain(parts.map(str::to_owned))
            .collect();
        let unknown = file.names().filter(|name| !known.contains(*name));
        // The name comes from the file: it may hold anything.
        let shown = |name: &str| name.escape_debug().take(LONGEST_NAME).collect::<String>();
        self.0.extend(unknown.map(|name| format!("The part {} is not known to this version.", shown(name))));
    }

    /// The first of them, and how many more there are.
    fn told(mut self) -> Vec<String> {
        let more = self.0.len().saturating_sub(MOST_MISSING);
        if more > 0 {
            self.0.truncate(MOST_MISSING);
            self.0.push(format!("So it is with {more} more."));
        }
        self.0
    }
}

/// Takes parts out one after the other, noting those that cannot be had.
struct Taker<'t, 'f> {
    file: &'t StoredZip<'f>,
    /// What the manifest lists.
    parts: HashSet<&'t str>,
    missing: &'t mut Missing,
    ctx: &'t Ctx,
}

impl<'f> Taker<'_, 'f> {
    /// The part called `name`, if the manifest lists it and `read` can make sense of it.
    fn part<T>(
        &mut self,
        name: &str,
        what: &str,
        read: impl FnOnce(Range<usize>, &'f [u8]) -> Result<T, Damage>,
    ) -> Result<Option<T>, FileError> {
        self.ctx.cancel.check()?;
        if !self.parts.contains(name) {
            return Ok(None);
        }
        self.ctx.progress.advance(1);
        let value = self.file.find(name).and_then(|range| {
            let range = range.ok_or_else(|| Damage::new("it is not in the file"))?;
            read(range.clone(), &self.file.bytes()[range])
        });
        Ok(self.missing.note(what, value))
    }
}

fn package<'b>(path: &Path, bytes: &'b [u8]) -> Result<StoredZip<'b>, FileError> {
    StoredZip::new(bytes).map_err(|damage| {
        if bytes.starts_with(b"PK\x03\x04") {
            let problem = format!("is damaged or cut short ({damage}). Copy or download it again.");
            FileError::format(path, problem)
        } else {
            no_project(path)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Seek, SeekFrom};

    use super::*;
    use crate::data::Recall;

    /// Counts what goes in, and how much of it is written over what was there.
    #[derive(Default)]
    struct Counting {
        file: Cursor<Vec<u8>>,
        written: u64,
        over: u64,
        longest_over: u64,
    }

    impl Write for Counting {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (at, end) = (self.file.position(), self.file.get_ref().len() as u64);
            let over = (bytes.len() as u64).min(end - at);
            self.over += over;
            self.longest_over = self.longest_over.max(over);
            self.written += bytes.len() as u64;
            self.file.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Counting {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    #[test]
    fn every_byte_is_written_once_but_for_the_sizes_before_each_part() {
        let n = 3_000;
        let column = |name: &str, length: usize| Column {
            name: name.into(),
            cells: (0..n).map(|i| format!("{i:0length$}")).collect(),
            typed: Typed::Text,
        };
        let key = Key::of("test", 1).finish();
        let corpus = Corpus {
            key,
            name: "test".into(),
            source: None,
            columns: vec![column("a", 900), column("b", 20)],
            text_columns: vec![0],
            report: ReadReport::default(),
        };
        let mut project = Project::new(Arc::new(corpus));
        project.matrix = Some(Arc::new(Matrix::from_vec(key, "m", false, 384, vec![0.5; n * 384])));
        project.knn = Some(Arc::new(Knn {
            key,
            k: 15,
            indices: vec![0; n * 15],
            similarities: vec![0.5; n * 15],
            recall: Recall::Exact,
            method: "exact".into(),
        }));
        let mut sink = Counting::default();
        write(&mut sink, &project, &SaveOptions::default(), &Ctx::quiet()).unwrap();
        let size = sink.file.get_ref().len() as u64;
        let parts = parts_of(&project).len() as u64 + 1;
        assert!(size > 7_000_000);
        assert_eq!(sink.written, size + sink.over);
        assert!(sink.over <= 64 * parts && sink.longest_over < 64, "{} bytes were written twice", sink.over);
    }
}
