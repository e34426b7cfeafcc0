//! What panels show beside the session's own values, computed by workers as inputs change.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::data::{Clusters, Corpus, Edits, Goals, Mask, Names};
use crate::job::Ctx;
use crate::session::{Answer, Classified, ColourBy, Session, Wake};

use super::digest::{self, ClusterDigest, ColumnDigest, Counts};
use super::edit_digest::{self, EditDigest};
use crate::job::derived::{Derived, Same};

type ClusterKey = (Same<Corpus>, Same<Clusters>, u32);
/// The edits, the computed clusters, and the shown ones.
type EditsKey = (Same<Edits>, Same<Clusters>, Same<Clusters>);

/// A goal's explanations, and the id of one.
type PassagesKey = (Same<Goals>, u32);
/// Where in its text the passage of each document lies.
type Passages = HashMap<u32, Range<usize>>;

/// How large the clusters are.
#[derive(Debug)]
pub struct Sizes {
    /// Documents a label.
    pub of: Vec<usize>,
    /// Documents without a cluster.
    pub unclustered: usize,
    /// The labels that have documents, the largest first.
    pub listed: Vec<u32>,
}

impl Sizes {
    fn new(clusters: &Clusters) -> Self {
        let of = clusters.sizes();
        let mut listed: Vec<u32> = (0..of.len() as u32).filter(|&label| of[label as usize] > 0).collect();
        listed.sort_by_key(|&label| (std::cmp::Reverse(of[label as usize]), label));
        Self { of, unclustered: clusters.unclustered(), listed }
    }

    /// How many documents a cluster has.
    pub fn of_label(&self, label: u32) -> usize {
        self.of.get(label as usize).copied().unwrap_or(0)
    }
}

/// Values that follow from the session's.
pub struct Facts {
    columns: Derived<Same<Corpus>, Vec<ColumnDigest>>,
    /// Counts of all documents.
    counts: Derived<Same<Vec<ColumnDigest>>, Vec<Counts>>,
    /// Counts of those that the filter keeps.
    kept_counts: Derived<Same<Mask>, Vec<Counts>>,
    sizes: Derived<Same<Clusters>, Sizes>,
    cluster: Derived<ClusterKey, ClusterDigest>,
    edits: Derived<EditsKey, Vec<EditDigest>>,
    passages: Derived<PassagesKey, Passages>,
    document_passage: Derived<(PassagesKey, u32), Option<String>>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            columns: Derived::new("column shapes"),
            counts: Derived::new("column counts"),
            kept_counts: Derived::new("counts by the filter"),
            sizes: Derived::new("cluster sizes"),
            cluster: Derived::new("cluster shapes"),
            edits: Derived::new("edits"),
            passages: Derived::new("passages"),
            document_passage: Derived::new("passage"),
        }
    }
}

impl Facts {
    /// Asks for whatever the session's present values need; call it every frame.
    pub fn update(&mut self, session: &Session, wake: &Wake) {
        let Some(corpus) = session.corpus() else { return };
        self.update_passages(session, wake);
        let shared = corpus.clone();
        self.columns.want(Same(corpus.clone()), wake, move |_| digest::of_corpus(&shared));
        self.update_counts(session, corpus, wake);
        let Some(clusters) = session.clusters() else { return };
        let shared = clusters.clone();
        self.sizes.want(Same(clusters.clone()), wake, move |_| Sizes::new(&shared));
        if let Some(key) = edits_key(session) {
            let (Same(edits), Same(computed), Same(shown)) = key.clone();
            self.edits.want(key, wake, move |_| edit_digest::of_edits(&edits, &computed, &shown));
        }
        let whole = self.columns.of(&Same(corpus.clone())).cloned();
        if let (Some(label), Some(whole)) = (shown_cluster(session), whole) {
            let (corpus, clusters) = (corpus.clone(), clusters.clone());
            let key = (Same(corpus.clone()), Same(clusters.clone()), label);
            self.cluster.want(key, wake, move |_| digest::of_cluster(&corpus, &clusters, label, &whole));
        }
    }

    fn update_counts(&mut self, session: &Session, corpus: &Arc<Corpus>, wake: &Wake) {
        let Some(whole) = self.columns.of(&Same(corpus.clone())).cloned() else { return };
        let (shared, shapes) = (corpus.clone(), whole.clone());
        self.counts.want(Same(whole.clone()), wake, move |_| {
            digest::counts(&shared, &Mask::all(shared.len()), &shapes)
        });
        let Some(kept) = session.kept() else { return self.kept_counts.clear() };
        let (shared, mask) = (corpus.clone(), kept.clone());
        self.kept_counts
            .want_in_turn(Same(kept.clone()), wake, move |_| digest::counts(&shared, &mask, &whole));
    }

    /// Asks for the passages that decided, of the explanation that is looked at.
    fn update_passages(&mut self, session: &Session, wake: &Wake) {
        let (Some(corpus), Some((goal, id))) = (session.corpus(), session.focus_explanation()) else {
            return;
        };
        let Some(answer) = session.goal(goal).and_then(|goal| goal.answer.cloned()) else { return };
        let key = (Same(answer.goals().clone()), id);
        let of = move |corpus: &Corpus, answer: &Answer, document: u32, ctx: &Ctx| -> Option<Range<usize>> {
            let (working, embedder) = (answer.explained.working.as_ref()?, answer.embedder()?);
            working.deciding_passage(corpus, document, id, embedder, ctx).ok()?
        };
        let shared = (corpus.clone(), answer.clone());
        self.passages.want(key.clone(), wake, move |ctx| {
            let (corpus, answer) = shared;
            let goals = answer.goals();
            let explanation = goals.place(id).and_then(|place| goals.explanations.get(place));
            let documents = explanation.into_iter().flat_map(|e| e.exemplars.iter().chain(&e.near_misses));
            let found =
                documents.filter_map(|&document| Some((document, of(&corpus, &answer, document, ctx)?)));
            found.collect()
        });
        let Some(document) = session.focus() else { return };
        let corpus = corpus.clone();
        self.document_passage.want((key, document), wake, move |ctx| {
            let passage = of(&corpus, &answer, document, ctx)?;
            corpus.text(document as usize).get(passage).map(str::to_owned)
        });
    }

    /// Where the passage lies that decided about a document that shows an explanation (its goal and id).
    pub fn passage(&self, session: &Session, (goal, id): (u32, u32), document: u32) -> Option<Range<usize>> {
        let goals = session.explanations(goal)?;
        self.passages.of(&(Same(goals.clone()), id))?.get(&document).cloned()
    }

    /// The passage of the document looked at that decided about the explanation looked at.
    pub fn document_passage(&self, session: &Session) -> Option<String> {
        let ((goal, id), document) = (session.focus_explanation()?, session.focus()?);
        let key = ((Same(session.explanations(goal)?.clone()), id), document);
        (**self.document_passage.of(&key)?).clone()
    }

    /// The shapes of the present corpus's columns.
    pub fn columns(&self, session: &Session) -> Option<&Arc<Vec<ColumnDigest>>> {
        self.columns.of(&Same(session.corpus()?.clone()))
    }

    /// How many documents have each value of each column: of all, and of those that the filter keeps, if there is one.
    pub fn counts(&self, session: &Session) -> Option<(&[Counts], Option<&[Counts]>)> {
        let whole = self.columns(session)?;
        let all = self.counts.of(&Same(whole.clone()))?;
        let kept =
            session.kept().and_then(|_| self.kept_counts.latest()).filter(|kept| kept.len() == all.len());
        Some((all, kept.map(|kept| kept.as_slice())))
    }

    /// The sizes of the present clusters.
    pub fn sizes(&self, session: &Session) -> Option<&Arc<Sizes>> {
        self.sizes.of(&Same(session.clusters()?.clone()))
    }

    /// What was done by hand, edit by edit. While something of it changes, what there was before stays.
    pub fn edits(&self, session: &Session) -> Option<&Arc<Vec<EditDigest>>> {
        self.edits.latest().filter(|_| edits_key(session).is_some())
    }

    /// The cluster whose card is open.
    pub fn cluster(&self, session: &Session) -> Option<&Arc<ClusterDigest>> {
        let label = shown_cluster(session)?;
        self.cluster.of(&(Same(session.corpus()?.clone()), Same(session.clusters()?.clone()), label))
    }
}

fn edits_key(session: &Session) -> Option<EditsKey> {
    let edits = session.edits().filter(|edits| !edits.regroupings.is_empty())?;
    let (computed, shown) = (session.computed_clusters()?, session.clusters()?);
    Some((Same(edits.clone()), Same(computed.clone()), Same(shown.clone())))
}

/// The cluster looked at, if it exists among the present ones.
pub fn shown_cluster(session: &Session) -> Option<u32> {
    let label = session.focus_cluster()?;
    session.clusters().filter(|clusters| (label as usize) < clusters.count).map(|_| label)
}

/// The title of a cluster.
pub fn cluster_title(session: &Session, label: u32) -> String {
    match session.names().and_then(|names| names.clusters.get(label as usize)) {
        Some(name) => name.title.clone(),
        None => format!("Cluster {}", u64::from(label) + 1),
    }
}

/// What the table groups documents by: the explanations of a goal, or topics, where the map is coloured by them; or clusters.
pub struct Grouping {
    pub name: &'static str,
    pub clusters: Arc<Clusters>,
    names: Option<Arc<Names>>,
}

impl Grouping {
    /// What it is now; none until there are clusters.
    pub fn of(session: &Session) -> Option<Self> {
        let other = match session.colouring()?.by {
            ColourBy::Goal(goal) | ColourBy::Explanation(goal, _) => {
                session.goal_clusters(goal).map(|goal| ("Explanation", goal))
            }
            ColourBy::KeywordTopic => topic_clusters(session).map(|topics| ("Topic", topics)),
            _ => None,
        };
        Some(match other {
            Some((name, (clusters, names))) => Self { name, clusters, names: Some(names) },
            None => Self {
                name: "Cluster",
                clusters: session.clusters()?.clone(),
                names: session.names().cloned(),
            },
        })
    }

    /// The label of a document, if it has one, and what that is called.
    pub fn of_document(&self, document: u32) -> Option<(u32, String)> {
        let label = *self.clusters.labels.get(document as usize)?;
        if label == crate::data::UNCLUSTERED {
            return None;
        }
        let name = self.names.as_ref().and_then(|names| names.clusters.get(label as usize));
        let title = name.map(|name| name.title.clone()).filter(|title| !title.is_empty());
        Some((label, title.unwrap_or_else(|| format!("{} {}", self.name, u64::from(label) + 1))))
    }
}

/// The documents by the topics that are described by keywords.
pub fn topic_clusters(session: &Session) -> Option<(Arc<Clusters>, Arc<Names>)> {
    let Classified { clusters, names, .. } = &**session.classes()?.classified?;
    Some((clusters.clone(), names.clone()))
}

/// The documents with a label, ascending: a look through all of them, for what a person asks once.
pub fn documents_of(clusters: &Clusters, label: u32) -> Vec<u32> {
    (0u32..).zip(&clusters.labels).filter(|(_, other)| **other == label).map(|(i, _)| i).collect()
}

/// How many of a document's true neighbours lie near it on the map, in a sentence; `None` until the map is measured.
pub fn kept_near(session: &Session, document: u32) -> Option<String> {
    let quality = session.quality()?;
    let kept = *quality.kept.get(document as usize)?;
    let n = (kept * quality.k as f32).round() as usize;
    Some(format!("The map keeps {n} of its {} nearest near it.", quality.k))
}

/// The label of a document's cluster.
pub fn cluster_of(session: &Session, document: u32) -> Option<u32> {
    let label = *session.clusters()?.labels.get(document as usize)?;
    (label != crate::data::UNCLUSTERED).then_some(label)
}
