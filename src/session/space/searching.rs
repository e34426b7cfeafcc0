//! Searches in a space: what is asked for, what they need, and what they find.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::data::{ClusterName, Clusters, Condition, Key, Mask, Matrix, Names, Query, SearchBy, UNCLUSTERED};
use crate::embed::{EmbedParams, Embedder};
use crate::job::Ctx;
use crate::job::derived::{Derived, Same};
use crate::math::meaning_search::MeaningSearch;
use crate::math::word_index::WordIndex;
use crate::math::word_query::WordQuery;
use crate::model::ModelSource;
use crate::session::cell::{Cell, News};
use crate::session::{StepState, Study, Tools};
use crate::stage::search::{self, Reader};
use crate::stage::{self, Params, StageError};

use super::{LoadedModel, Space};

/// Hits that are listed; a search by meaning finds no more than the second number.
const LISTED: usize = 1000;
const NEAREST: usize = 100;
/// Words that are suggested for one that stands nowhere.
const SUGGESTED: usize = 3;

/// What a search found.
pub struct Found {
    pub query: Query,
    /// The best hits, best first, with their scores: BM25, or cosines.
    pub ranked: Vec<(u32, f32)>,
    /// How many documents are hits.
    pub total: usize,
    /// The hits.
    pub documents: Arc<Mask>,
    /// How they were found, in words.
    pub how: String,
    /// Hits that are listed are the best passage of each document, and these are so many documents.
    pub rolled_up: Option<usize>,
    /// What was asked for, as words are read; none of a search by meaning.
    pub words: Option<WordQuery>,
    /// Words that stand in no document, each with others that are nearly the same.
    pub unknown: Vec<(String, Vec<String>)>,
    /// A search by meaning has nothing to compare: no word is known.
    pub nothing_to_compare: bool,
    /// The query as a vector of length one, of a search by meaning.
    pub vector: Option<Vec<f32>>,
}

/// A search as panels see it.
pub struct SearchState<'a> {
    pub query: &'a Query,
    /// What was found for it, or for what was asked a moment ago.
    pub found: Option<&'a Arc<Found>>,
    /// Whether that belongs to the present query and filter.
    pub fresh: bool,
    /// How far the work is that a search needs once: the index of words, or what finds near vectors.
    pub state: StepState,
}

/// What searches by meaning need.
pub(super) struct Meaning {
    reader: Reader,
    search: MeaningSearch,
    matrix: Arc<Matrix>,
    /// The model, for whoever needs it next.
    embedder: Option<LoadedModel>,
}

/// What a search depends on.
#[derive(Clone, PartialEq)]
struct Asked {
    query: Query,
    kept: Option<Same<Mask>>,
    words: Option<Same<WordIndex>>,
    meaning: Option<Same<Meaning>>,
    /// Of passages, the documents that they are of.
    parents: Option<Same<Vec<u32>>>,
}

/// The documents by the kept search that finds them.
pub struct Coloured {
    pub clusters: Arc<Clusters>,
    pub names: Arc<Names>,
}

/// Searches of a space and the work on them.
pub(super) struct Searching {
    /// What is searched for now.
    pub query: Option<Query>,
    index: Cell<Arc<WordIndex>>,
    meaning: Cell<Arc<Meaning>>,
    found: Derived<Asked, Found>,
    coloured: Derived<Vec<Asked>, Coloured>,
}

impl Default for Searching {
    fn default() -> Self {
        Self {
            query: None,
            index: Cell::default(),
            meaning: Cell::default(),
            found: Derived::new("search"),
            coloured: Derived::new("searches"),
        }
    }
}

impl Space {
    pub(super) fn index_request(&self) -> Option<Key> {
        Some(Key::of("words request", 1).input(self.corpus.key).finish())
    }

    pub(super) fn meaning_request(&self, params: &Params) -> Option<Key> {
        let (matrix, knn) = (self.matrix()?, self.knn()?);
        if self.embedded.is_running() || self.knn.is_running() {
            return None;
        }
        let key = Key::of("meaning request", 1).input(self.corpus.key).input(matrix.key).input(knn.key);
        Some(key.params(&params.model).params(&params.embed).finish())
    }

    /// What a query can be answered with, as far as it is there.
    fn asked(&self, query: &Query, kept: Option<Arc<Mask>>) -> Asked {
        let (words, meaning) = match query.by {
            SearchBy::Words => (self.searching.index.value(), None),
            SearchBy::Meaning => (None, self.searching.meaning.value()),
        };
        let (words, meaning) = (words.cloned().map(Same), meaning.cloned().map(Same));
        let parents = self.parents.clone().map(Same);
        Asked { query: query.clone(), kept: kept.map(Same), words, meaning, parents }
    }

    /// Asks for what is searched for, and for what that needs.
    pub fn search(&mut self, params: &Params, tools: &Tools, embedder: Option<&LoadedModel>) {
        let now = self.searching.query.iter();
        let wanted = |by| now.clone().chain(&self.edits.queries).any(|query| query.by == by);
        let by_words = wanted(SearchBy::Words) || self.filters_by_words();
        let by_meaning = wanted(SearchBy::Meaning);
        if by_words {
            self.prepare_words(tools);
        }
        if by_meaning {
            self.prepare_meaning(params, tools, embedder);
        }
        self.colour_searches(tools);
        let Some(query) = self.searching.query.clone() else { return self.searching.found.clear() };
        let asked = self.asked(&query, self.kept().cloned());
        if !asked.can_be_answered() {
            return;
        }
        let (work, n) = (asked.clone(), self.corpus.len());
        self.searching.found.want_in_turn(asked, &tools.wake, move |ctx| work.find(n, ctx));
    }

    fn filters_by_words(&self) -> bool {
        let by_words = |condition: &Condition| matches!(condition, Condition::Words(_));
        self.edits.filter.clauses.iter().any(|clause| by_words(&clause.condition))
    }

    fn prepare_words(&mut self, tools: &Tools) {
        let request = self.index_request();
        let Some(key) = request.filter(|_| self.searching.index.needs(request)) else { return };
        let corpus = self.corpus.clone();
        self.searching
            .index
            .start("words", key, tools.wake.clone(), move |ctx| Ok(Arc::new(search::words(&corpus, ctx)?)));
    }

    /// Prepares what turns texts into vectors of this space, and finds what is near them.
    pub(super) fn prepare_meaning(&mut self, params: &Params, tools: &Tools, embedder: Option<&LoadedModel>) {
        let request = self.meaning_request(params);
        let Some(key) = request.filter(|_| self.searching.meaning.needs(request)) else { return };
        let (Some(matrix), Some(knn)) = (self.matrix().cloned(), self.knn().cloned()) else { return };
        let (corpus, params, tools, loaded) =
            (self.corpus.clone(), params.clone(), tools.clone(), embedder.cloned());
        self.searching.meaning.start("search", key, tools.wake.clone(), move |ctx| {
            let embedder = stage::embed::embedder(&params, loaded, tools.on.wished(), ctx)?;
            let model: (ModelSource, Arc<Embedder>) = (params.source(), embedder.clone());
            let reader = Reader::of(&corpus, &matrix, embedder, &params.embed, ctx)?;
            let search = search::meaning(matrix.clone(), Some(knn), ctx)?;
            Ok(Arc::new(Meaning { reader, search, matrix, embedder: Some(model) }))
        });
    }

    /// Takes what the work on searches has done.
    pub(super) fn poll_searches(&mut self, embedder: &mut Option<LoadedModel>) {
        self.searching.index.poll();
        if let News::Value(meaning) = self.searching.meaning.poll()
            && embedder.is_none()
        {
            embedder.clone_from(&meaning.embedder);
        }
    }

    /// The search as it stands; `None` while nothing is searched for.
    pub fn search_state(&self, params: &Params) -> Option<SearchState<'_>> {
        let query = self.searching.query.as_ref()?;
        let asked = self.asked(query, self.kept().cloned());
        let found = self.searching.found.latest().filter(|found| found.documents.len() == self.corpus.len());
        let fresh = self.searching.found.of(&asked).is_some();
        let state = match query.by {
            SearchBy::Words => self.searching.index.state(self.index_request()),
            SearchBy::Meaning => self.searching.meaning.state(self.meaning_request(params)),
        };
        Some(SearchState { query, found, fresh, state })
    }

    /// What searches by meaning need, once it is there.
    pub(super) fn meaning(&self, params: &Params) -> Option<&Arc<Meaning>> {
        self.searching.meaning.fresh(self.meaning_request(params))
    }

    /// What a search by meaning found last, while one is asked for.
    pub(super) fn found_by_meaning(&self) -> Option<&Arc<Found>> {
        self.searching.query.as_ref().filter(|query| query.by == SearchBy::Meaning)?;
        self.searching.found.latest().filter(|found| found.vector.is_some())
    }

    /// Goes on with what was searched for in the space before.
    pub fn take_query(&mut self, old: &Self) {
        self.searching.query.clone_from(&old.searching.query);
    }

    /// What is searched for from now on; nothing, where there is no word in it.
    pub(super) fn set_query(&mut self, query: Option<Query>) {
        self.searching.query = query.filter(|query| !query.text.trim().is_empty());
    }

    pub(super) fn query(&self) -> Option<&Query> {
        self.searching.query.as_ref()
    }

    /// Where the work stands that searches need once: see [`Study`].
    pub(super) fn searches_state(&self, study: Study, request: Option<Key>) -> StepState {
        match study {
            Study::Meaning => self.searching.meaning.state(request),
            _ => self.searching.index.state(request),
        }
    }

    /// Stops it.
    pub(super) fn stop_preparing(&self, study: Study) {
        match study {
            Study::Meaning => self.searching.meaning.stop(),
            _ => self.searching.index.stop(),
        }
    }

    /// Lets it begin again.
    pub(super) fn prepare_again(&mut self, study: Study) {
        match study {
            Study::Meaning => self.searching.meaning.forget_end(),
            _ => self.searching.index.forget_end(),
        }
    }

    /// The index of words, once there is one.
    pub(super) fn word_index(&self) -> Option<&Arc<WordIndex>> {
        self.searching.index.value()
    }

    /// Whether an answer to a search is still being found.
    pub fn is_searching(&self) -> bool {
        let Some(query) = &self.searching.query else { return false };
        let asked = self.asked(query, self.kept().cloned());
        let prepares = self.searching.index.is_running() || self.searching.meaning.is_running();
        prepares || (asked.can_be_answered() && self.searching.found.of(&asked).is_none())
    }

    fn colour_searches(&mut self, tools: &Tools) {
        if self.edits.queries.is_empty() {
            return self.searching.coloured.clear();
        }
        let all: Vec<Asked> = self.edits.queries.iter().map(|query| self.asked(query, None)).collect();
        if !all.iter().all(Asked::can_be_answered) {
            return;
        }
        let (work, n) = (all.clone(), self.corpus.len());
        self.searching.coloured.want_in_turn(all, &tools.wake, move |ctx| Coloured::of(&work, n, ctx));
    }

    /// The documents by the kept search that finds them, the first of several.
    pub fn coloured_searches(&self) -> Option<&Arc<Coloured>> {
        let coloured = self.searching.coloured.latest()?;
        Some(coloured).filter(|coloured| coloured.clusters.labels.len() == self.corpus.len())
    }
}

impl Asked {
    /// Whether what it needs is there.
    fn can_be_answered(&self) -> bool {
        self.words.is_some() || self.meaning.is_some()
    }

    fn find(&self, n: usize, ctx: &Ctx) -> Found {
        let kept = self.kept.as_ref().map(|Same(kept)| &**kept);
        let mut found = match (&self.words, &self.meaning) {
            (Some(Same(index)), _) => by_words(&self.query, index, kept),
            (None, Some(Same(meaning))) => meaning.find(&self.query, kept, ctx),
            (None, None) => nothing(&self.query, n),
        };
        if let Some(Same(parents)) = &self.parents {
            found.roll_up(parents);
        }
        found
    }
}

impl Found {
    /// Lists the best passage of each document alone.
    fn roll_up(&mut self, parents: &[u32]) {
        let parent = |passage: u32| parents.get(passage as usize).copied();
        let mut seen = HashSet::new();
        self.ranked.retain(|hit| seen.insert(parent(hit.0)));
        let documents: HashSet<Option<u32>> = self.documents.documents().map(parent).collect();
        self.rolled_up = Some(documents.len());
    }
}

fn nothing(query: &Query, n: usize) -> Found {
    Found {
        query: query.clone(),
        ranked: Vec::new(),
        total: 0,
        documents: Arc::new(Mask::none(n)),
        how: String::new(),
        rolled_up: None,
        words: None,
        unknown: Vec::new(),
        nothing_to_compare: false,
        vector: None,
    }
}

fn by_words(query: &Query, index: &WordIndex, kept: Option<&Mask>) -> Found {
    let Some(words) = WordQuery::parse(&query.text) else { return nothing(query, index.len()) };
    let hits = index.search(&words, kept, LISTED);
    let suggested = |word: &str| (word.to_owned(), index.nearest_words(word, SUGGESTED));
    let unknown = match hits.total {
        0 => index.unknown_words(&words).into_iter().map(suggested).collect(),
        _ => Vec::new(),
    };
    Found {
        ranked: hits.ranked,
        total: hits.total,
        documents: Arc::new(hits.documents),
        words: Some(words),
        unknown,
        ..nothing(query, index.len())
    }
}

/// The documents that a search for words finds.
pub(super) fn holding(words: &str, index: &WordIndex) -> Mask {
    match WordQuery::parse(words) {
        Some(query) => index.search(&query, None, 0).documents,
        None => Mask::none(index.len()),
    }
}

impl Meaning {
    fn find(&self, query: &Query, kept: Option<&Mask>, ctx: &Ctx) -> Found {
        let n = self.matrix.rows();
        match self.nearest(query, kept, ctx) {
            Ok(Some((vector, ranked, how))) => {
                let ids: Vec<u32> = ranked.iter().map(|hit| hit.0).collect();
                let documents = Arc::new(Mask::of_documents(n, &ids));
                Found {
                    total: ranked.len(),
                    ranked,
                    documents,
                    how,
                    vector: Some(vector),
                    ..nothing(query, n)
                }
            }
            Ok(None) => Found { nothing_to_compare: true, ..nothing(query, n) },
            // Nobody waits for it any more.
            Err(StageError::Cancelled) => nothing(query, n),
            Err(StageError::Failed(sentence)) => Found { how: sentence, ..nothing(query, n) },
        }
    }

    /// The model that reads queries, and how; `None` where words have vectors of their own.
    pub(super) fn model(&self) -> Option<(&Embedder, &EmbedParams)> {
        self.reader.model()
    }

    /// What is searched.
    pub(super) fn matrix(&self) -> &Arc<Matrix> {
        &self.matrix
    }

    #[expect(clippy::type_complexity, reason = "the query's vector, hits, and how they were found")]
    fn nearest(
        &self,
        query: &Query,
        kept: Option<&Mask>,
        ctx: &Ctx,
    ) -> Result<Option<(Vec<f32>, Vec<(u32, f32)>, String)>, StageError> {
        let Some(vector) = self.reader.vector(&query.text, &self.matrix, ctx)? else { return Ok(None) };
        let found = self.search.nearest(&vector, NEAREST, kept, ctx)?;
        Ok(Some((vector, found.hits, found.how.to_string())))
    }
}

impl Coloured {
    fn of(all: &[Asked], n: usize, ctx: &Ctx) -> Self {
        let mut labels = vec![UNCLUSTERED; n];
        let mut seen: HashMap<&Query, u32> = HashMap::new();
        let mut names: Vec<ClusterName> = Vec::new();
        for asked in all {
            let label = names.len() as u32;
            if *seen.entry(&asked.query).or_insert(label) != label {
                continue;
            }
            for i in asked.find(n, ctx).documents.documents() {
                let of = &mut labels[i as usize];
                *of = (*of).min(label);
            }
            let Query { text, by } = &asked.query;
            let title = match by {
                SearchBy::Words => format!("“{text}”"),
                SearchBy::Meaning => format!("near “{text}”"),
            };
            names.push(ClusterName { title, keywords: Vec::new(), exemplars: Vec::new() });
        }
        let queries: Vec<&Query> = all.iter().map(|asked| &asked.query).collect();
        let key = Key::of("searches", 1).params(&queries).bytes(bytemuck::cast_slice(&labels)).finish();
        let clusters = Clusters {
            key,
            strengths: vec![1.0; n],
            labels,
            count: names.len(),
            method: "kept searches".into(),
        };
        Self { clusters: Arc::new(clusters), names: Arc::new(Names { key, clusters: names }) }
    }
}
