//! Some of the documents, or the passages of all, as a space of their own, mapped and clustered anew, and the way back.
//!
//! What is kept on the disk is always the outermost space: an inner one follows from it. Tags that are put on inside
//! are on the same documents outside; of passages, on the documents that they are of.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::{Corpus, Edits, Matrix, Members};
use crate::job::{Ctx, Job, Outcome, Snapshot};
use crate::stage::passages::{self, PassageParams, Window};
use crate::stage::{self, Params, StageError, subset};

use super::history::History;
use super::space::{LoadedModel, Space, Vectors};
use super::{Colouring, NoticeAction, Session, Severity};

/// A space of which a part is looked at.
pub(super) struct Outer {
    pub space: Space,
    pub params: Params,
    pub view_state: serde_json::Value,
    history: History,
    /// For each document of the inner space the one here that it is, or is a passage of.
    rows: Arc<Vec<u32>>,
    of_passages: bool,
}

/// What goes into a space of its own.
struct Inside {
    corpus: Corpus,
    /// None: they are embedded.
    matrix: Option<Matrix>,
    rows: Arc<Vec<u32>>,
    /// The model, where it was needed.
    embedder: Option<LoadedModel>,
}

/// Documents on their way into a space of their own.
pub(super) struct Entering {
    of_passages: bool,
    job: Job<Result<Inside, StageError>>,
}

/// Fewer documents have no map.
const LEAST: usize = 3;

impl Session {
    /// Looks at some documents as a space of their own.
    pub(super) fn enter(&mut self, mut rows: Vec<u32>) {
        let Some(space) = &self.space else { return };
        rows.sort_unstable();
        rows.dedup();
        rows.retain(|&row| (row as usize) < space.corpus.len());
        if rows.len() < LEAST {
            return self.say(Severity::Info, "Select at least three documents to map them alone.", None);
        }
        if rows.len() == space.corpus.len() {
            return self.say(Severity::Info, "All documents are on this map already.", None);
        }
        let (corpus, matrix) = (space.corpus.clone(), space.matrix().cloned());
        if self.is_changing() {
            return;
        }
        let Some(matrix) = matrix else {
            let text = "These documents can be mapped alone as soon as they are embedded.";
            return self.say(Severity::Info, text, None);
        };
        let rows = Arc::new(rows);
        self.begin_entering(false, move |ctx| {
            let (corpus, matrix) = subset::run(&corpus, &matrix, &rows, ctx)?;
            Ok(Inside { corpus, matrix: Some(matrix), rows, embedder: None })
        });
    }

    /// Looks at the passages of all documents as a space of their own.
    pub(super) fn enter_passages(&mut self) {
        let Some(space) = &self.space else { return };
        if !space.embeds() {
            let text = "The vectors of these documents came with them; passages have to be embedded. Open the texts \
                        without their vectors to split them.";
            return self.say(Severity::Info, text, None);
        }
        let corpus = space.corpus.clone();
        if self.is_changing() {
            return;
        }
        let (params, on, loaded) = (self.params.clone(), self.on.clone(), self.embedder.clone());
        self.begin_entering(true, move |ctx| {
            let embedder = stage::embed::embedder(&params, loaded, on.wished(), ctx)?;
            let window = Window { embedder: &embedder, embed: &params.embed };
            let split = passages::run(&corpus, &PassageParams::default(), Some(window), ctx)?;
            let embedder = Some((params.source(), embedder));
            Ok(Inside { corpus: split.corpus, matrix: None, rows: Arc::new(split.parents), embedder })
        });
    }

    /// Whether something is being changed that an inner space must not come between; says so.
    fn is_changing(&mut self) -> bool {
        let changing = self.growing().is_some() || self.splitting.is_some();
        if changing {
            let text = "Wait until documents are added, or the cluster is split, and try again.";
            self.say(Severity::Info, text, None);
        }
        changing
    }

    fn begin_entering(
        &mut self,
        of_passages: bool,
        work: impl FnOnce(&Ctx) -> Result<Inside, StageError> + Send + 'static,
    ) {
        match Job::spawn("inner space", self.wake.clone(), work) {
            Ok(job) => self.entering = Some(Entering { of_passages, job }),
            Err(error) => self.say(Severity::Error, format!("The system gives no thread: {error}."), None),
        }
    }

    /// How far documents are on their way into a space of their own.
    pub fn entering(&self) -> Option<Snapshot> {
        self.entering.as_ref()?.job.progress().snapshot()
    }

    /// Takes the documents that were asked for, once they are there.
    pub(super) fn poll_entering(&mut self) {
        let Some(outcome) = self.entering.as_ref().and_then(|entering| entering.job.poll()) else { return };
        let Some(Entering { of_passages, .. }) = self.entering.take() else { return };
        match outcome {
            Outcome::Done(Ok(inside)) => self.go_in(inside, of_passages),
            Outcome::Done(Err(StageError::Cancelled)) => {}
            Outcome::Done(Err(StageError::Failed(sentence))) => self.say(Severity::Error, sentence, None),
            Outcome::Panicked(message) => self.say(
                Severity::Error,
                format!("These documents were not mapped alone: an internal error ({message})."),
                Some(("Report a problem…".into(), NoticeAction::ReportProblem)),
            ),
        }
    }

    fn go_in(&mut self, Inside { corpus, matrix, rows, embedder }: Inside, of_passages: bool) {
        let Some(outer) = &self.space else { return };
        let vectors = matrix.map_or(Vectors::ByModel, |matrix| Vectors::Given(Arc::new(matrix)));
        let mut inner = Space::new(Arc::new(corpus), vectors);
        let tags = match of_passages {
            true => BTreeMap::new(),
            false => tags_inside(&outer.edits, &inside(&rows, outer.corpus.len())),
        };
        inner.edits = Arc::new(Edits { tags, queries: outer.edits.queries.clone(), ..Edits::default() });
        inner.parents = of_passages.then(|| rows.clone());
        if let Some(embedder) = embedder {
            self.embedder = Some(embedder);
        }
        // Passages have columns of their own before those of the documents.
        if !of_passages && let by @ super::ColourBy::Column(_) = outer.colouring.by {
            inner.colouring = Colouring { by, ..Colouring::default() };
        }
        let n = inner.corpus.len();
        let Some(space) = self.space.replace(inner) else { return };
        let params = self.params.clone();
        self.params.clusters.kmeans.k = self.params.clusters.kmeans.k.min(n);
        let view_state = std::mem::take(&mut self.view_state);
        let history = std::mem::take(&mut self.history);
        self.outer.push(Outer { space, params, view_state, history, rows, of_passages });
        self.told_unsettled.clear();
    }

    /// Goes back to the space around the present one. What was selected inside is selected there, or all of its
    /// documents; its tags are theirs.
    pub(super) fn go_out(&mut self) {
        self.entering = None;
        let Some(Outer { space, params, view_state, history, rows, of_passages }) = self.outer.pop() else {
            return;
        };
        let Some(inner) = self.space.replace(space) else { return };
        (self.params, self.view_state, self.history) = (params, view_state, history);
        self.changed = None;
        let outside = |id: u32| rows.get(id as usize).copied();
        let mut chosen: Vec<u32> = match (inner.selection.is_empty(), of_passages) {
            (true, true) => Vec::new(),
            (true, false) => rows.to_vec(),
            (false, _) => inner.selection.iter().filter_map(|&id| outside(id)).collect(),
        };
        chosen.dedup();
        let before = self.doing();
        if let Some(space) = &mut self.space {
            space.selection = Arc::new(chosen);
            space.focus = inner.focus.and_then(outside).or(space.focus);
            if of_passages {
                let tagged = inner.edits.tags.iter();
                let tagged = tagged.fold((*space.edits).clone(), |edits, (tag, passages)| {
                    let documents = passages.documents().iter().filter_map(|&id| outside(id));
                    edits.tag(tag, &Members::new(documents.collect()))
                });
                space.edits = Arc::new(tagged);
            } else if tags_inside(&space.edits, &inside(&rows, space.corpus.len())) != inner.edits.tags {
                let tags = tags_outside(&space.edits.tags, &inner.edits.tags, &rows);
                space.edits = Arc::new(Edits { tags, ..(*space.edits).clone() });
            }
        }
        if let Some(before) = before {
            self.note("Tag documents", before, false);
        }
        self.told_unsettled.clear();
    }

    /// Goes back to the outermost space.
    pub(super) fn go_all_out(&mut self) {
        while !self.outer.is_empty() {
            self.go_out();
        }
    }

    /// The documents around the present ones, where these are a part: how many there are.
    pub fn outside(&self) -> Option<usize> {
        self.outer.last().map(|outer| outer.space.corpus.len())
    }

    /// Whether these are passages of the documents around them.
    pub fn shows_passages(&self) -> bool {
        self.outer.last().is_some_and(|outer| outer.of_passages)
    }

    /// Whether documents are on their way into a space of their own.
    pub fn is_entering(&self) -> bool {
        self.entering.is_some()
    }

    /// What is kept: the outermost space with its parameters and what the window showed of it.
    pub(super) fn root(&self) -> Option<(&Space, &Params, &serde_json::Value)> {
        match self.outer.first() {
            Some(outer) => Some((&outer.space, &outer.params, &outer.view_state)),
            None => Some((self.space.as_ref()?, &self.params, &self.view_state)),
        }
    }
}

/// For each of `n` documents its number inside, if it is there.
fn inside(rows: &[u32], n: usize) -> Vec<Option<u32>> {
    let mut inside = vec![None; n];
    for (new, &old) in (0u32..).zip(rows) {
        if let Some(slot) = inside.get_mut(old as usize) {
            *slot = Some(new);
        }
    }
    inside
}

/// The tags of the documents inside, by their numbers there.
fn tags_inside(edits: &Edits, inside: &[Option<u32>]) -> BTreeMap<String, Members> {
    let renumbered = |members: &Members| {
        let ids = members.documents().iter().filter_map(|&id| *inside.get(id as usize)?);
        Members::new(ids.collect())
    };
    let tags = edits.tags.iter().map(|(tag, members)| (tag.clone(), renumbered(members)));
    tags.filter(|(_, members)| !members.is_empty()).collect()
}

/// The tags of all documents, when those of `rows` are `inner`.
fn tags_outside(
    outer: &BTreeMap<String, Members>,
    inner: &BTreeMap<String, Members>,
    rows: &[u32],
) -> BTreeMap<String, Members> {
    let part = Members::new(rows.to_vec());
    let mut tags: BTreeMap<String, Members> =
        outer.iter().map(|(tag, members)| (tag.clone(), members.without(&part))).collect();
    for (tag, members) in inner {
        let ids = members.documents().iter().filter_map(|&id| rows.get(id as usize).copied()).collect();
        let members = Members::new(ids);
        let all = tags.get(tag).map_or_else(|| members.clone(), |others| others.union(&members));
        tags.insert(tag.clone(), all);
    }
    tags.retain(|_, members| !members.is_empty());
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_in_and_come_out_and_those_of_others_stay() {
        let members = |ids: &[u32]| Members::new(ids.to_vec());
        let edits = Edits::default().tag("odd", &members(&[1, 3, 5])).tag("far", &members(&[9]));
        let rows = [3, 4, 5];
        let inner = tags_inside(&edits, &inside(&rows, 10));
        assert_eq!(inner, BTreeMap::from([("odd".to_owned(), members(&[0, 2]))]));
        assert_eq!(tags_outside(&edits.tags, &inner, &rows), edits.tags);
        let changed = BTreeMap::from([("new".to_owned(), members(&[1]))]);
        let outside = tags_outside(&edits.tags, &changed, &rows);
        let expected = [("far", members(&[9])), ("new", members(&[4])), ("odd", members(&[1]))];
        assert_eq!(outside, expected.map(|(tag, members)| (tag.to_owned(), members)).into());
    }
}
