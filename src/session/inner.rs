//! Some of the documents as a space of their own, mapped and clustered anew, and the way back.
//!
//! What is kept on the disk is always the outermost space: an inner one follows from it. Tags that are put on inside
//! are on the same documents outside.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::{Corpus, Edits, Matrix, Members};
use crate::job::{Job, Outcome};
use crate::stage::{Params, StageError, subset};

use super::history::History;
use super::space::{Space, Vectors};
use super::{Colouring, NoticeAction, Session, Severity};

/// A space of which a part is looked at.
pub(super) struct Outer {
    pub space: Space,
    pub params: Params,
    pub view_state: serde_json::Value,
    history: History,
    /// The documents of the inner space, in its order.
    rows: Arc<Vec<u32>>,
}

/// Documents on their way into a space of their own.
pub(super) struct Entering {
    rows: Arc<Vec<u32>>,
    job: Job<Result<(Corpus, Matrix), StageError>>,
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
        if self.growing().is_some() || self.splitting.is_some() {
            let text = "Wait until documents are added, or the cluster is split, and try again.";
            return self.say(Severity::Info, text, None);
        }
        let Some(matrix) = space.matrix().cloned() else {
            let text = "These documents can be mapped alone as soon as they are embedded.";
            return self.say(Severity::Info, text, None);
        };
        let (corpus, rows) = (space.corpus.clone(), Arc::new(rows));
        let wanted = rows.clone();
        let job = Job::spawn("only these", self.wake.clone(), move |ctx| {
            subset::run(&corpus, &matrix, &wanted, ctx)
        });
        match job {
            Ok(job) => self.entering = Some(Entering { rows, job }),
            Err(error) => self.say(Severity::Error, format!("The system gives no thread: {error}."), None),
        }
    }

    /// Takes the documents that were asked for, once they are there.
    pub(super) fn poll_entering(&mut self) {
        let Some(outcome) = self.entering.as_ref().and_then(|entering| entering.job.poll()) else { return };
        let Some(Entering { rows, .. }) = self.entering.take() else { return };
        match outcome {
            Outcome::Done(Ok((corpus, matrix))) => self.go_in(rows, corpus, matrix),
            Outcome::Done(Err(StageError::Cancelled)) => {}
            Outcome::Done(Err(StageError::Failed(sentence))) => self.say(Severity::Error, sentence, None),
            Outcome::Panicked(message) => self.say(
                Severity::Error,
                format!("These documents were not mapped alone: an internal error ({message})."),
                Some(("Report a problem…".into(), NoticeAction::ReportProblem)),
            ),
        }
    }

    fn go_in(&mut self, rows: Arc<Vec<u32>>, corpus: Corpus, matrix: Matrix) {
        let Some(outer) = &self.space else { return };
        let mut inner = Space::new(Arc::new(corpus), Vectors::Given(Arc::new(matrix)));
        let inside = inside(&rows, outer.corpus.len());
        inner.edits = Arc::new(Edits {
            tags: tags_inside(&outer.edits, &inside),
            queries: outer.edits.queries.clone(),
            ..Edits::default()
        });
        if let by @ super::ColourBy::Column(_) = outer.colouring.by {
            inner.colouring = Colouring { by, ..Colouring::default() };
        }
        let n = inner.corpus.len();
        let Some(space) = self.space.replace(inner) else { return };
        let params = self.params.clone();
        self.params.clusters.kmeans.k = self.params.clusters.kmeans.k.min(n);
        let view_state = std::mem::take(&mut self.view_state);
        let history = std::mem::take(&mut self.history);
        self.outer.push(Outer { space, params, view_state, history, rows });
        self.told_unsettled.clear();
    }

    /// Goes back to the space around the present one. What was selected inside is selected there, or all of its
    /// documents; its tags are theirs.
    pub(super) fn go_out(&mut self) {
        self.entering = None;
        let Some(Outer { space, params, view_state, history, rows }) = self.outer.pop() else { return };
        let Some(inner) = self.space.replace(space) else { return };
        (self.params, self.view_state, self.history) = (params, view_state, history);
        self.changed = None;
        let chosen: Vec<u32> = match inner.selection.is_empty() {
            true => rows.to_vec(),
            false => inner.selection.iter().filter_map(|&id| rows.get(id as usize).copied()).collect(),
        };
        let before = self.doing();
        if let Some(space) = &mut self.space {
            space.selection = Arc::new(chosen);
            let inside = inside(&rows, space.corpus.len());
            if tags_inside(&space.edits, &inside) != inner.edits.tags {
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
