//! Topics that a person describes by keywords, and the documents classified by them.
//!
//! Scores need the model, and are made anew when keywords change; names, the threshold and the column that topics are
//! held against change only what follows from the scores, which is quick.

use std::sync::Arc;

use crate::data::{ClusterName, Clusters, Corpus, Key, Keyword, KeywordTopic, KeywordTopics, Names, Typed};
use crate::data::{NO_CODE, UNCLUSTERED};
use crate::job::Ctx;
use crate::job::derived::{Derived, Same};
use crate::math::keyword_topics::{KeywordParams, TopicScores};
use crate::math::roc::Roc;
use crate::model::ModelSource;
use crate::session::cell::{Cell, News};
use crate::session::{ColourBy, Colouring, Command, StepState, Tools};
use crate::stage::{self, Params, keyword_topics};

use super::{LoadedModel, Space};

/// Documents of a topic that are listed.
const LISTED: usize = 1000;
/// How many earlier scores are remembered, so that undo repeats no work.
const EARLIER: usize = 2;
/// Documents that stand for a topic where one is named.
const EXEMPLARS: usize = 5;
/// Places of a curve that are drawn: more than the picture has pixels across.
const DRAWN: usize = 400;

/// The scores of all documents for the topics that have keywords.
struct Scored {
    /// The place of each scored topic among all that are written.
    places: Vec<u32>,
    scores: TopicScores,
    /// Of each scored topic the documents that lead for it, best first: [`LISTED`] at most.
    ranked: Vec<Vec<u32>>,
    /// How many documents have a vector, and so a rank.
    with_vector: usize,
    embedder: LoadedModel,
}

/// What the classes depend on.
#[derive(Clone, PartialEq)]
struct Asked {
    scored: Same<Scored>,
    topics: KeywordTopics,
}

/// How topics agree with the values of a category column. Lists are by the places of topics.
#[derive(Debug)]
pub struct Matched {
    /// The column's name.
    pub column: String,
    /// The value that each topic is held against.
    pub values: Vec<Option<String>>,
    pub auc: Vec<Option<f64>>,
    pub f1: Vec<Option<f64>>,
    /// Places of the curves: the share of the others, and of the value's own documents.
    pub curves: Vec<Vec<[f32; 2]>>,
    /// Means over the topics that have a value.
    pub macro_f1: Option<f64>,
    pub mean_auc: Option<f64>,
    /// How many documents were compared.
    pub documents: usize,
}

/// The documents by their best topic.
pub struct Classified {
    /// What was asked for; labels are places in its list of topics.
    pub topics: KeywordTopics,
    /// The strengths are the scores of the best topic, 0 where there is none.
    pub clusters: Arc<Clusters>,
    pub names: Arc<Names>,
    /// How many documents each topic has, and how many have none.
    pub counts: Vec<usize>,
    pub without: usize,
    /// The best topic's score of every document, also where it is too low; NaN without a vector.
    pub scores: Arc<Vec<f32>>,
    /// How the topics agree with a column, where one is chosen that is there.
    pub matched: Option<Matched>,
    scored: Arc<Scored>,
}

/// Topics and classes as panels see them.
pub struct ClassesState<'a> {
    pub topics: &'a KeywordTopics,
    /// What there is, be it of topics as they were written a moment ago.
    pub classified: Option<&'a Arc<Classified>>,
    /// Whether that belongs to the topics as they are written now.
    pub fresh: bool,
    /// Whether classes are asked for: they follow what is written.
    pub asked: bool,
    /// Where the work on the scores stands.
    pub state: StepState,
}

/// Topics of a space and the work on them.
pub(super) struct Classing {
    asked: bool,
    scored: Cell<Arc<Scored>>,
    classified: Derived<Asked, Classified>,
}

impl Default for Classing {
    fn default() -> Self {
        Self {
            asked: false,
            scored: Cell::remembering(EARLIER),
            classified: Derived::new("classes by topics"),
        }
    }
}

impl Space {
    /// A map that is coloured by topics needs them as much as a person who asks.
    fn wants_classes(&self) -> bool {
        self.classing.asked || self.colouring.by == ColourBy::KeywordTopic
    }

    pub(super) fn classing_request(&self, params: &Params) -> Option<Key> {
        // Scores wait for vectors and neighbours as searches by meaning do.
        let ready = self.meaning_request(params).filter(|_| self.wants_classes())?;
        let words: Vec<(u32, Vec<&str>)> =
            self.edits.keyword_topics.described().map(|(at, topic)| (at, topic.words().collect())).collect();
        (!words.is_empty())
            .then(|| Key::of("topics by keywords request", 1).input(ready).params(&words).finish())
    }

    /// Scores and classifies the documents, where that is asked for and not done.
    pub(super) fn classify(&mut self, params: &Params, tools: &Tools, embedder: Option<&LoadedModel>) {
        let request = self.classing_request(params);
        self.classing.scored.recall(request);
        if let Some(key) = request.filter(|_| self.classing.scored.needs(request)) {
            self.start_scoring(key, params, tools, embedder);
        }
        let Some(scored) = self.classing.scored.fresh(request).cloned() else { return };
        let asked = Asked { scored: Same(scored), topics: self.edits.keyword_topics.clone() };
        let (work, corpus) = (asked.clone(), self.corpus.clone());
        let classify = move |_: &Ctx| Classified::of(work.scored.0, work.topics, &corpus);
        self.classing.classified.want_in_turn(asked, &tools.wake, classify);
    }

    fn start_scoring(&mut self, key: Key, params: &Params, tools: &Tools, embedder: Option<&LoadedModel>) {
        let (Some(matrix), Some(knn)) = (self.matrix().cloned(), self.knn().cloned()) else { return };
        let (corpus, params, loaded) = (self.corpus.clone(), params.clone(), embedder.cloned());
        let on = tools.on.clone();
        let (places, topics): (Vec<u32>, Vec<KeywordTopic>) =
            self.edits.keyword_topics.described().map(|(at, topic)| (at, topic.clone())).unzip();
        self.classing.scored.start("topics by keywords", key, tools.wake.clone(), move |ctx| {
            let embedder = stage::embed::embedder(&params, loaded, on.wished(), ctx)?;
            let model: (ModelSource, _) = (params.source(), embedder.clone());
            let how = KeywordParams::of(corpus.len(), topics.len());
            let scores = keyword_topics::run(&corpus, (&matrix, Some(&knn)), &topics, &embedder, &how, ctx)?;
            let mut ranked = Vec::with_capacity(topics.len());
            let mut with_vector = 0;
            for topic in 0..topics.len() {
                let mut documents = scores.ranked(topic);
                with_vector = documents.len();
                documents.truncate(LISTED);
                documents.shrink_to_fit();
                ranked.push(documents);
            }
            Ok(Arc::new(Scored { places, scores, ranked, with_vector, embedder: model }))
        });
    }

    /// Takes what the work on scores has done.
    pub(super) fn poll_classing(&mut self, embedder: &mut Option<LoadedModel>) {
        if let News::Value(scored) = self.classing.scored.poll()
            && embedder.is_none()
        {
            *embedder = Some(scored.embedder.clone());
        }
        self.classing.classified.poll();
    }

    pub(super) fn classing_state(&self, request: Option<Key>) -> StepState {
        self.classing.scored.state(request)
    }

    pub(super) fn stop_classing(&self) {
        self.classing.scored.stop();
    }

    pub(super) fn class_again(&mut self) {
        self.classing.scored.forget_end();
    }

    /// Asks for the classes, and shows them on the map.
    pub fn ask_topics(&mut self) {
        self.classing.asked = true;
        self.classing.scored.forget_end();
        if self.colouring.by != ColourBy::KeywordTopic {
            self.colouring = Colouring { by: ColourBy::KeywordTopic, ..Colouring::default() };
        }
    }

    /// Looks at what a command about topics brought; returns whether it was one that work should wait for a moment
    /// after: somebody may be typing.
    pub fn meet_topics(&mut self, command: &Command) -> bool {
        match command {
            Command::SetTopics(_) => true,
            Command::ClearTopics => {
                self.classing.asked = false;
                if self.colouring.by == ColourBy::KeywordTopic {
                    self.colouring = Colouring::default();
                }
                false
            }
            _ => false,
        }
    }

    /// Goes on with what was asked of the space before.
    pub fn take_topics(&mut self, old: &Self) {
        self.classing.asked = old.classing.asked;
    }

    /// Topics and classes as they stand.
    pub fn classes_state(&self, params: &Params) -> ClassesState<'_> {
        let (topics, n) = (&self.edits.keyword_topics, self.corpus.len());
        let classified = self.classing.classified.latest();
        let classified = classified
            .filter(|there| there.clusters.labels.len() == n && self.wants_classes() && !topics.is_empty());
        let request = self.classing_request(params);
        let scored = self.classing.scored.fresh(request);
        let fresh = classified.zip(scored).is_some_and(|(classified, scored)| {
            Arc::ptr_eq(&classified.scored, scored) && classified.topics == *topics
        });
        let state = self.classing.scored.state(request);
        ClassesState { topics, classified, fresh, asked: self.wants_classes(), state }
    }
}

impl Classified {
    fn of(scored: Arc<Scored>, topics: KeywordTopics, corpus: &Corpus) -> Self {
        let scores = &scored.scores;
        let best = scores.best(topics.threshold);
        let place = |topic: u32| scored.places.get(topic as usize).copied().unwrap_or(UNCLUSTERED);
        let labels: Vec<u32> = best.iter().map(|&topic| place(topic)).collect();
        let mut counts = vec![0; topics.topics.len()];
        let mut without = 0;
        for &label in &labels {
            match counts.get_mut(label as usize) {
                Some(count) => *count += 1,
                None => without += 1,
            }
        }
        let best_scores: Vec<f32> =
            (0..labels.len() as u32).map(|i| scores.of(i).iter().copied().fold(f32::NAN, f32::max)).collect();
        let strength = |(&label, &score): (&u32, &f32)| if label == UNCLUSTERED { 0.0 } else { score };
        let strengths = labels.iter().zip(&best_scores).map(strength).collect();
        let name = |(place, topic): (u32, &KeywordTopic)| {
            let ranked =
                scored.places.iter().position(|&at| at == place).and_then(|at| scored.ranked.get(at));
            ClusterName {
                title: topic.title().to_owned(),
                keywords: topic.words().map(|term| Keyword { term: term.to_owned(), score: 1.0 }).collect(),
                exemplars: ranked.into_iter().flatten().copied().take(EXEMPLARS).collect(),
            }
        };
        let names: Vec<ClusterName> = (0..).zip(&topics.topics).map(name).collect();
        let key = Key::of("classes by topics", 1)
            .input(corpus.key)
            .params(&topics)
            .bytes(bytemuck::cast_slice(&labels))
            .finish();
        let matched =
            topics.column.as_deref().and_then(|column| matched(&scored, &topics, &best, corpus, column));
        let clusters =
            Clusters { key, labels, strengths, count: names.len(), method: "topics by keywords".into() };
        Self {
            clusters: Arc::new(clusters),
            names: Arc::new(Names { key, clusters: names }),
            counts,
            without,
            scores: Arc::new(best_scores),
            matched,
            topics,
            scored,
        }
    }

    fn scored_as(&self, place: u32) -> Option<usize> {
        self.scored.places.iter().position(|&at| at == place)
    }

    /// Whether the topic at a place was compared with the documents: it has keywords.
    pub fn is_scored(&self, place: u32) -> bool {
        self.scored_as(place).is_some()
    }

    /// The documents that lead for a topic, best first, and how many have a rank in all.
    pub fn ranked(&self, place: u32) -> (&[u32], usize) {
        let ranked = self.scored_as(place).and_then(|at| self.scored.ranked.get(at));
        (ranked.map_or(&[], Vec::as_slice), self.scored.with_vector)
    }

    /// A document's score for a topic, and how far that is above its score for any other.
    pub fn score(&self, document: u32, place: u32) -> Option<(f32, f32)> {
        let at = self.scored_as(place)?;
        let scores = &self.scored.scores;
        ((document as usize) < scores.documents())
            .then(|| (scores.of(document)[at], scores.lead(document, at)))
    }
}

/// How the topics agree with a column; `None` unless it is one of categories.
fn matched(
    scored: &Scored,
    topics: &KeywordTopics,
    best: &[u32],
    corpus: &Corpus,
    column: &str,
) -> Option<Matched> {
    let Typed::Category { levels, codes } = &corpus.column(column)?.typed else { return None };
    let written: Vec<KeywordTopic> =
        scored.places.iter().filter_map(|&at| topics.topics.get(at as usize).cloned()).collect();
    let values = keyword_topics::matched(&written, levels, best, codes);
    let agreement = keyword_topics::agreement(&scored.scores, best, codes, values);
    let all = topics.topics.len();
    let mut matched = Matched {
        column: column.to_owned(),
        values: vec![None; all],
        auc: vec![None; all],
        f1: vec![None; all],
        curves: vec![Vec::new(); all],
        macro_f1: agreement.macro_f1,
        mean_auc: agreement.mean_auc,
        documents: agreement.documents,
    };
    for (at, &place) in scored.places.iter().enumerate() {
        let place = place as usize;
        let value = agreement.values[at].filter(|&value| value != NO_CODE);
        matched.values[place] = value.and_then(|value| levels.get(value as usize).cloned());
        matched.f1[place] = agreement.f1[at];
        if let Some(curve) = &agreement.curves[at] {
            matched.auc[place] = Some(curve.auc);
            matched.curves[place] = drawn(curve);
        }
    }
    Some(matched)
}

/// A curve in as many places as can be told apart in a picture: its ends, and evenly many between them.
fn drawn(curve: &Roc) -> Vec<[f32; 2]> {
    let place = |at: usize| {
        let point = curve.points[at];
        [point.false_positive_rate as f32, point.true_positive_rate as f32]
    };
    let last = curve.points.len().saturating_sub(1);
    if last < DRAWN {
        (0..=last).map(place).collect()
    } else {
        (0..=DRAWN).map(|i| place(i * last / DRAWN)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::roc::roc;

    #[test]
    fn a_long_curve_is_drawn_in_few_places_and_keeps_its_ends() {
        let few = roc([(2.0, true), (1.0, false)]).unwrap();
        assert_eq!(drawn(&few), [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
        let many = roc((0..5000).map(|i| (i as f32, i % 2 == 0))).unwrap();
        let places = drawn(&many);
        assert_eq!((places.len(), places[0], places[DRAWN]), (DRAWN + 1, [0.0, 0.0], [1.0, 1.0]));
        assert!(places.windows(2).all(|pair| pair[0][0] <= pair[1][0] && pair[0][1] <= pair[1][1]));
    }
}
