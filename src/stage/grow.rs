//! An open project with more documents, more columns, or its file as it is now. What was there stays where it was.

use std::path::PathBuf;
use std::sync::Arc;

use crate::data::{ClusterName, Corpus, Element, Key, Matrix, Members, NO_ROW, Names, RowMap};
use crate::embed::Embedder;
use crate::io::cache::Cache;
use crate::io::project::Project;
use crate::job::Ctx;
use crate::model::ModelSource;

use super::append::{self, Duplicates};
use super::emerging::{self, Emerging};
use super::join::{self, JoinBy};
use super::place::{self, Settled};
use super::{Computers, Params, StageError, diff, embed};

/// Tags that newcomers get, so that they can be found, coloured and exported.
pub const ADDED: &str = "added";
pub const FITS_BADLY: &str = "fits badly";
const NEW_SUBJECT: &str = "new: ";

/// Subjects that a sentence names; all of them get a tag.
const NAMED_SUBJECTS: usize = 3;

/// What comes.
#[derive(Clone, Debug)]
pub enum Growth {
    /// The documents of another file, and their vectors where the open ones were given.
    Add { newcomers: Arc<Corpus>, vectors: Option<PathBuf>, duplicates: Duplicates },
    /// The columns of another file.
    Join { other: Arc<Corpus>, by: JoinBy },
    /// The open file, read again.
    Follow { now: Arc<Corpus> },
}

/// A model that is loaded already, and where it came from.
pub type Loaded = (ModelSource, Arc<Embedder>);

/// What a project has become.
pub struct Grown {
    /// New documents stand where they fit best; quality and topics are to be computed again.
    pub project: Project,
    /// Which document was which.
    pub rows: RowMap,
    pub emerging: Emerging,
    /// Documents that came, ascending.
    pub newcomers: Vec<u32>,
    /// The model that made the new vectors.
    pub embedder: Option<Loaded>,
    /// What happened, in a few sentences.
    pub told: String,
}

/// What growing needs beside its inputs.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    pub cache: &'a Cache,
    pub on: &'a Computers,
}

/// Lets `project` grow. `by_model`: its vectors come from the model of `params`, and so do those of newcomers; only
/// their texts are embedded. Newcomers are placed in the map that is there ([`place`]); without a map the project has
/// just the new corpus, and everything else is to be computed.
///
/// # Errors
/// If the corpora do not go together, if vectors were given and the newcomers have none, or if the work is stopped.
pub fn run(
    project: Project,
    growth: &Growth,
    by_model: bool,
    params: &Params,
    embedder: Option<Loaded>,
    Means { cache, on }: Means<'_>,
    ctx: &Ctx,
) -> Result<Grown, StageError> {
    let came = Came::of(&project, growth, ctx)?;
    let mut project = Project { corpus: Arc::new(came.corpus), ..project };
    if came.rows.is_identity() && came.to_place.is_empty() {
        return Ok(Grown {
            project,
            rows: came.rows,
            emerging: Emerging::default(),
            newcomers: Vec::new(),
            embedder,
            told: came.told,
        });
    }
    let old = Project { corpus: came.old, ..project.clone() };
    let (matrix, embedder) = match (&old.matrix, by_model) {
        (None, _) => (None, embedder),
        (Some(before), true) => {
            let embedder = embed::embedder(params, embedder, on.wished(), ctx)?;
            // What the cache has lost of the old texts is put back, so that only new ones are embedded.
            embed::keep(&old.corpus, before, &embedder, &params.embed, cache, ctx)?;
            let done = embed::run(&project.corpus, &embedder, &params.embed, cache, ctx)?;
            let matrix = match params.half {
                true => embed::halve(done.matrix, params.neighbours.k, cache, ctx)?,
                false => done.matrix,
            };
            (Some(Arc::new(matrix)), Some((params.source(), embedder)))
        }
        (Some(before), false) => {
            let given = came.vectors.as_deref();
            (
                Some(Arc::new(with_given(before, &came.rows, &came.to_place, given, &project.corpus)?)),
                embedder,
            )
        }
    };
    let new_of = |old: u32| came.rows.carry_row(old);
    let renumbered: Vec<Option<u32>> = (0..old.corpus.len() as u32).map(new_of).collect();
    let mut edits = project.edits.renumbered(&renumbered);
    project.selection = Arc::new(came.rows.carry_rows(&project.selection));
    project.quality = None;
    project.topics.clear();
    // Goals are explained again, new documents among them.
    project.goals.clear();
    project.edited_names = None;
    project.matrix = matrix.clone();
    let mut told = came.told;
    let mut newcomers = came.rows.added();
    let mut found = Emerging::default();
    if let (Some(matrix), Some(knn), Some(layout)) = (&matrix, &old.knn, &old.layout) {
        let settled = Settled { knn, layout, clusters: old.clusters.as_deref() };
        let placed = place::run(matrix, &came.rows, &came.to_place, settled, params, on, ctx)?;
        found = emerging::run(&project.corpus, matrix, &placed, embedder.as_ref().map(|(_, e)| &**e), ctx)?;
        let poor = placed.poor();
        told.push_str(&sentence_of(&placed.newcomers, &poor, &found));
        edits = edits.tag(ADDED, &Members::new(newcomers.clone()));
        edits = edits.tag(FITS_BADLY, &Members::new(poor));
        for group in &found.groups {
            let tag = format!("{NEW_SUBJECT}{}", group.name.title);
            edits = edits.tag(&tag, &Members::new(group.members.clone()));
        }
        newcomers.clone_from(&placed.newcomers);
        project.names = match (&old.names, &placed.clusters) {
            (Some(names), Some(clusters)) => Some(Arc::new(carried(names, clusters.key, &came.rows))),
            _ => None,
        };
        project.knn = Some(Arc::new(placed.knn));
        project.layout = Some(Arc::new(placed.layout));
        project.clusters = placed.clusters.map(Arc::new);
    } else {
        (project.knn, project.layout, project.clusters, project.names) = (None, None, None, None);
    }
    edits.tags.retain(|_, members| !members.is_empty());
    project.edits = Arc::new(edits);
    Ok(Grown { project, rows: came.rows, emerging: found, newcomers, embedder, told })
}

/// The corpus as it is now.
struct Came {
    old: Arc<Corpus>,
    corpus: Corpus,
    rows: RowMap,
    /// New and reworded rows.
    to_place: Vec<u32>,
    vectors: Option<PathBuf>,
    told: String,
}

impl Came {
    fn of(project: &Project, growth: &Growth, ctx: &Ctx) -> Result<Self, StageError> {
        let old = project.corpus.clone();
        ctx.progress.begin("Comparing documents", "documents", old.len() as u64, 0);
        match growth {
            Growth::Add { newcomers, vectors, duplicates } => {
                let appended = append::run(&old, newcomers, *duplicates, ctx)?;
                let report = appended.report;
                if report.added == 0 {
                    let text = format!("Every document of “{}” is there already.", newcomers.name);
                    return Err(StageError::Failed(text));
                }
                let mut told = format!("{} added from “{}”. ", documents(report.added), newcomers.name);
                if report.left_out > 0 {
                    told.push_str(&format!("{} were there already and were left out. ", report.left_out));
                }
                if !report.missing_columns.is_empty() {
                    told.push_str(&format!(
                        "The new ones have no “{}”. ",
                        report.missing_columns.join("”, “")
                    ));
                }
                let to_place = appended.rows.added();
                let vectors = vectors.clone();
                // No file holds all of these documents: what is read again from one of them is not the whole.
                let corpus = Corpus { source: None, ..appended.corpus };
                Ok(Self { old, corpus, rows: appended.rows, to_place, vectors, told })
            }
            Growth::Join { other, by } => {
                let joined = join::run(&old, other, by, ctx)?;
                let report = joined.report;
                let mut told = format!(
                    "The columns “{}” joined {}. ",
                    report.columns.join("”, “"),
                    documents(report.matched)
                );
                if report.unmatched > 0 {
                    told.push_str(&format!("{} have no row there. ", report.unmatched));
                }
                if report.duplicates > 0 {
                    told.push_str(&format!("{} rows repeat a key; the first was taken. ", report.duplicates));
                }
                let rows = RowMap::appended(old.len(), 0);
                Ok(Self { old, corpus: joined.corpus, rows, to_place: Vec::new(), vectors: None, told })
            }
            Growth::Follow { now } => {
                let now = same_texts(&old, now)?;
                let found = diff::run(&old, &now, None, ctx)?;
                let told = format!(
                    "“{}” was read again: {} new, {} changed, {} gone. ",
                    now.name,
                    found.added.len(),
                    found.changed.len(),
                    found.gone.len()
                );
                let to_place = found.to_place();
                Ok(Self { old, corpus: now, rows: found.rows, to_place, vectors: None, told })
            }
        }
    }
}

/// The file as it is now, with the text columns that were chosen when it was opened.
fn same_texts(old: &Corpus, now: &Corpus) -> Result<Corpus, StageError> {
    let mut columns = Vec::new();
    for &text in &old.text_columns {
        let name = &old.columns[text].name;
        let at = now.columns.iter().position(|column| column.name == *name).ok_or_else(|| {
            StageError::Failed(format!(
                "“{}” has no column “{name}” any more, so what is open stays as it was.",
                now.name
            ))
        })?;
        columns.push(at);
    }
    Ok(now.with_text_columns(columns))
}

/// Given vectors with those of newcomers.
fn with_given(
    before: &Matrix,
    rows: &RowMap,
    to_place: &[u32],
    given: Option<&std::path::Path>,
    corpus: &Corpus,
) -> Result<Matrix, StageError> {
    let dim = before.dim();
    let new = match given {
        None if to_place.is_empty() => None,
        None => {
            return Err(StageError::Failed(format!(
                "The vectors of what is open were given, and {} come without: drop their .npy file together with them.",
                documents(to_place.len())
            )));
        }
        Some(path) => {
            let new = crate::io::npy::read_matrix(path).map_err(StageError::failed)?;
            if new.dim() != dim || new.rows() != to_place.len() {
                return Err(StageError::Failed(format!(
                    "{} holds {} vectors of {} components; {} of {dim} components are needed.",
                    path.display(),
                    new.rows(),
                    new.dim(),
                    to_place.len()
                )));
            }
            Some(new)
        }
    };
    let width = dim * before.element().size();
    let mut bytes = Vec::with_capacity(corpus.len() * width);
    let mut next = 0;
    for (row, &old) in rows.old_of_new().iter().enumerate() {
        let is_new = old == NO_ROW || to_place.binary_search(&(row as u32)).is_ok();
        match &new {
            Some(new) if is_new => {
                let values = new.row(next);
                next += 1;
                match before.element() {
                    Element::F32 => bytes.extend_from_slice(bytemuck::cast_slice(&values)),
                    Element::F16 => {
                        bytes.extend(
                            values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()),
                        );
                    }
                }
            }
            _ => {
                let start = old as usize * width;
                bytes.extend_from_slice(&before.raw()[start..start + width]);
            }
        }
    }
    let key = Key::of("grown vectors", 1).input(before.key).bytes(&bytes).finish();
    let unit = before.unit && new.as_ref().is_none_or(|new| new.unit);
    let shape = (corpus.len(), dim);
    let made_by = before.made_by.clone();
    Matrix::from_bytes(key, made_by, unit, shape, before.element(), Arc::new(bytes), 0)
        .ok_or_else(|| StageError::failed("The vectors could not be put together."))
}

/// The names of clusters that only gained documents. Exemplars that are gone are left out.
fn carried(names: &Names, clusters: Key, rows: &RowMap) -> Names {
    let name =
        |name: &ClusterName| ClusterName { exemplars: rows.carry_rows(&name.exemplars), ..name.clone() };
    let key = Key::of("carried names", 1).input(names.key).input(clusters).finish();
    Names { key, clusters: names.clusters.iter().map(name).collect() }
}

fn documents(count: usize) -> String {
    if count == 1 { "1 document".into() } else { format!("{count} documents") }
}

fn sentence_of(placed: &[u32], poor: &[u32], found: &Emerging) -> String {
    let mut told = if poor.is_empty() {
        format!("{} placed in the map; all fit where they lie.", documents(placed.len()))
    } else {
        format!(
            "{} placed in the map; {} of them fit badly where they lie (tag “{FITS_BADLY}”).",
            documents(placed.len()),
            poor.len()
        )
    };
    if !found.groups.is_empty() {
        let named = found.groups.iter().take(NAMED_SUBJECTS);
        let named: Vec<String> =
            named.map(|group| format!("“{}” ({})", group.name.title, group.members.len())).collect();
        let more = found.groups.len().saturating_sub(NAMED_SUBJECTS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        told.push_str(&format!(" New subjects among them: {}{more}.", named.join(", ")));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::read::testing::corpus_of;

    fn project(vectors: &[[f32; 2]], content: &str) -> Project {
        let bytes = bytemuck::cast_slice(vectors.as_flattened()).to_vec();
        let key = Key::of("given", 1).finish();
        let shape = (vectors.len(), 2);
        let matrix = Matrix::from_bytes(key, "given", true, shape, Element::F32, Arc::new(bytes), 0).unwrap();
        Project { matrix: Some(Arc::new(matrix)), ..Project::new(Arc::new(corpus_of("a.csv", content))) }
    }

    fn grow(project: Project, growth: &Growth) -> Result<Grown, StageError> {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(folder.path().to_owned())).unwrap();
        run(
            project,
            growth,
            false,
            &Params::default(),
            None,
            Means { cache: &cache, on: &Computers::cpu() },
            &Ctx::quiet(),
        )
    }

    #[test]
    fn given_vectors_follow_documents_that_moved_or_went() {
        let before = project(&[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], "text,n\none,1\ntwo,2\nthree,3\n");
        let now = Arc::new(corpus_of("a.csv", "text,n\nthree,3\none,1\n"));
        let grown = grow(before, &Growth::Follow { now }).unwrap();
        assert_eq!(&*grown.project.matrix.unwrap().block(0..2), [-1.0, 0.0, 1.0, 0.0]);
        assert!(grown.told.contains("0 new") && grown.told.contains("1 gone"), "{}", grown.told);
    }

    #[test]
    fn newcomers_without_vectors_are_refused_where_vectors_were_given() {
        let before = project(&[[1.0, 0.0]], "text\none\n");
        let newcomers = Arc::new(corpus_of("b.csv", "text\ntwo\n"));
        let growth = Growth::Add { newcomers, vectors: None, duplicates: Duplicates::Add };
        let sentence = grow(before, &growth).err().unwrap().to_string();
        assert!(sentence.contains(".npy"), "{sentence}");
    }

    #[test]
    fn joined_columns_leave_every_value_as_it_was() {
        let before = project(&[[1.0, 0.0], [0.0, 1.0]], "id,text\na,one\nb,two\n");
        let vectors = before.matrix.clone().unwrap();
        let other = Arc::new(corpus_of("c.csv", "id,stars\nb,5\n"));
        let by = JoinBy::Columns { own: "id".into(), other: "id".into() };
        let grown = grow(before, &Growth::Join { other, by }).unwrap();
        assert!(Arc::ptr_eq(grown.project.matrix.as_ref().unwrap(), &vectors));
        assert_eq!(grown.project.corpus.columns.last().unwrap().name, "stars");
        assert!(grown.told.contains("1 have no row"), "{}", grown.told);
    }

    #[test]
    fn a_file_that_lost_its_text_column_changes_nothing() {
        let before = project(&[[1.0, 0.0]], "text\none\n");
        let now = Arc::new(corpus_of("a.csv", "words\none\n"));
        let sentence = grow(before, &Growth::Follow { now }).err().unwrap().to_string();
        assert!(sentence.contains("“text”") && sentence.contains("stays"), "{sentence}");
    }
}
