//! The values of work under way: how they lie in its folder, and how a record of the journal brings them back.
//!
//! Nothing that is read back is believed: the folder may have been tampered with, or a disk may have failed.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::edits_form::change_from_json;
use super::goals_form::{read_goals, write_goals};
use super::project::{self, Opened, Project};
use super::tensors::{self, Damage};
use super::work::Sources;
use super::{FileError, atomic, npy};
use crate::data::{Bytes, Clusters, Key, Members, Names};
use crate::job::Ctx;

/// A file's name that leads nowhere else: the journal may have been tampered with.
pub(super) fn plain_name<'n>(folder: &Path, name: &'n str) -> Result<&'n str, FileError> {
    let plain = Path::new(name).file_name().is_some_and(|file| file == name);
    if plain { Ok(name) } else { Err(FileError::format(folder, "names a file outside of it.")) }
}

/// Writes values into the folder.
pub(super) struct Store<'f> {
    pub folder: &'f Path,
    /// The clusters before and after the record: whoever replays it has both.
    pub known: [Option<Key>; 2],
    pub written: u64,
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
    pub fn members(&mut self, members: &Members) -> Result<Value, FileError> {
        if let Some(source) = members.source().filter(|source| self.known.contains(&Some(source.clusters))) {
            return Ok(json!({ "clusters": source.clusters, "labels": source.labels, "key": members.key() }));
        }
        let name = format!("members-{}.u32", members.key());
        self.put(&name, |sink| {
            members.documents().iter().try_for_each(|id| sink.write_all(&id.to_le_bytes()))
        })?;
        Ok(json!({ "file": name }))
    }

    pub fn values(
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
        let keys = |project: &Project| -> Vec<Key> { project.goals.iter().map(|goals| goals.key).collect() };
        if keys(before) != keys(wanted) {
            let each = wanted.goals.iter().map(|goals| {
                let name = format!("goals-{}.safetensors", goals.key);
                self.put(&name, |sink| write_goals(sink, goals, true))?;
                Ok(json!({ "file": name }))
            });
            made.insert("goals".into(), each.collect::<Result<Vec<Value>, FileError>>()?.into());
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
pub(super) fn replay(folder: &Path, opened: &mut Opened, record: &Value, ctx: &Ctx) -> Result<(), FileError> {
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
        "goals" => {
            project.goals.clear();
            for goals in value.as_array().into_iter().flatten() {
                let goals = read_goals((*bytes_of(folder, goals)?).as_ref(), n)?;
                project.goals.push(Arc::new(goals));
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
