//! One corpus with its chain of values: vectors, neighbours, map, quality, clusters, names, topics.
//!
//! Every step has a *request*: a hash of its inputs' keys and its parameters. A step whose value was made for
//! another request is stale and starts again; nothing else does.

mod look;
mod status;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data::{Clusters, Corpus, Element, Key, Knn, Layout, MapQuality, Matrix, Names};
use crate::embed::Embedder;
use crate::io::cache::Cache;
use crate::io::project::Project;
use crate::job::{Ctx, Event, Latest};
use crate::math::umap::UmapParams;
use crate::model::{DevicePreference, ModelSource};
use crate::stage::topics::NamedTopics;
use crate::stage::{self, ClusterMethod, MapMethod, MapParams, Params, StageError};

use super::cell::{Cell, News};
use super::{Colouring, Notice, NoticeAction, Severity, Step, Wake};

/// Where a corpus's vectors come from.
pub(super) enum Vectors {
    ByModel,
    /// A `.npy` file, one row a document.
    File(PathBuf),
    Given(Arc<Matrix>),
}

/// What the embedding step hands over.
struct Embedded {
    matrix: Arc<Matrix>,
    embedder: Option<LoadedModel>,
    /// What there is to say about it, in a few words.
    summary: String,
    truncated: usize,
}

/// The model in memory, and where it came from.
pub(super) type LoadedModel = (ModelSource, Arc<Embedder>);

/// A map that moves.
struct Moving {
    positions: Arc<Vec<[f32; 2]>>,
    /// Rounds done and meant to be done.
    epochs: (usize, usize),
}

/// One corpus and everything that follows from it.
pub(super) struct Space {
    pub corpus: Arc<Corpus>,
    vectors: Vectors,
    embedded: Cell<Embedded>,
    knn: Cell<Arc<Knn>>,
    map: Cell<Arc<Layout>>,
    quality: Cell<MapQuality>,
    clusters: Cell<Arc<Clusters>>,
    names: Cell<Arc<Names>>,
    topics: Cell<NamedTopics>,
    moving: Option<Moving>,
    live: Latest<UmapParams>,
    /// The parameters that the moving map follows now.
    steered: Option<UmapParams>,
    first_map: bool,
    /// Of which clusters the unclustered were counted, and how many they are.
    counted: std::cell::Cell<Option<(Key, usize)>>,
    pub focus: Option<u32>,
    pub focus_cluster: Option<u32>,
    pub selection: Arc<Vec<u32>>,
    pub colouring: Colouring,
}

/// The part of what is shown that a project keeps.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct SavedView {
    focus: Option<u32>,
    focus_cluster: Option<u32>,
    selection: Vec<u32>,
    colouring: Colouring,
    window: serde_json::Value,
}

impl Space {
    /// A corpus of which nothing is computed yet.
    pub fn new(corpus: Arc<Corpus>, vectors: Vectors) -> Self {
        Self {
            corpus,
            vectors,
            embedded: Cell::default(),
            knn: Cell::default(),
            map: Cell::default(),
            quality: Cell::default(),
            clusters: Cell::default(),
            names: Cell::default(),
            topics: Cell::default(),
            moving: None,
            live: Latest::default(),
            steered: None,
            first_map: false,
            counted: std::cell::Cell::new(None),
            focus: None,
            focus_cluster: None,
            selection: Arc::new(Vec::new()),
            colouring: Colouring::default(),
        }
    }

    /// A corpus with the values that its project holds: nothing that is there is computed again.
    pub fn from_project(project: &Project, params: &Params) -> Self {
        let vectors = match &project.matrix {
            Some(matrix) => Vectors::Given(matrix.clone()),
            None => Vectors::ByModel,
        };
        let mut space = Self::new(project.corpus.clone(), vectors);
        if let Some(matrix) = &project.matrix {
            space.fill_given(matrix.clone(), params);
        }
        if let (Some(knn), Some(request)) = (&project.knn, space.knn_request(params)) {
            space.knn.fill(request, knn.clone());
        }
        if let (Some(layout), Some(request)) = (&project.layout, space.map_request(params)) {
            space.map.fill(request, layout.clone());
            if layout.epochs.0 < layout.epochs.1 {
                space.map.mark_stopped();
            }
        }
        if let (Some(quality), Some(request)) = (&project.quality, space.quality_request()) {
            space.quality.fill(request, quality.clone());
        }
        if let (Some(clusters), Some(request)) = (&project.clusters, space.clusters_request(params)) {
            space.clusters.fill(request, clusters.clone());
        }
        if let (Some(names), Some(request)) = (&project.names, space.names_request()) {
            space.names.fill(request, names.clone());
        }
        if let (false, Some(request)) = (project.topics.is_empty(), space.topics_request(params)) {
            space.topics.fill(request, project.topics.clone());
        }
        let saved: SavedView = serde_json::from_value(project.view.clone()).unwrap_or_default();
        let n = space.corpus.len() as u32;
        space.focus = saved.focus.filter(|&id| id < n);
        space.focus_cluster = saved.focus_cluster;
        space.selection = Arc::new(saved.selection.into_iter().filter(|&id| id < n).collect());
        space.colouring = saved.colouring;
        space
    }

    /// Everything as a project; `window` is the view state that the window keeps.
    pub fn project(&self, params: serde_json::Value, window: serde_json::Value) -> Project {
        let view = SavedView {
            focus: self.focus,
            focus_cluster: self.focus_cluster,
            selection: self.selection.to_vec(),
            colouring: self.colouring.clone(),
            window,
        };
        Project {
            corpus: self.corpus.clone(),
            matrix: self.matrix().cloned(),
            knn: self.knn().cloned(),
            layout: self.layout().cloned(),
            quality: self.quality().cloned(),
            clusters: self.clusters().cloned(),
            names: self.names().cloned(),
            topics: self.topics().to_vec(),
            params,
            view: serde_json::to_value(view).unwrap_or_default(),
        }
    }

    fn fill_given(&mut self, matrix: Arc<Matrix>, params: &Params) {
        let summary = stage::embed::summary(&matrix);
        let request = self.embed_request(params);
        self.embedded.fill(request, Embedded { matrix, embedder: None, summary, truncated: 0 });
    }

    fn embed_request(&self, params: &Params) -> Key {
        let key = Key::of("embed request", 1).input(self.corpus.key);
        let key = match &self.vectors {
            Vectors::ByModel => key.params(&params.model).params(&params.embed),
            Vectors::File(path) => key.text(&path.to_string_lossy()),
            Vectors::Given(matrix) => key.input(matrix.key),
        };
        key.params(&self.halves(params)).finish()
    }

    /// Whether vectors are to be halved that are not in half precision already.
    fn halves(&self, params: &Params) -> bool {
        let given = match &self.vectors {
            Vectors::Given(matrix) => Some(matrix.element()),
            Vectors::ByModel | Vectors::File(_) => None,
        };
        params.half && given != Some(Element::F16)
    }

    fn knn_request(&self, params: &Params) -> Option<Key> {
        Some(stage::neighbours::key(self.matrix()?, &params.neighbours))
    }

    fn map_request(&self, params: &Params) -> Option<Key> {
        Some(stage::map::key(self.matrix()?, self.knn()?, &params.map))
    }

    fn quality_request(&self) -> Option<Key> {
        // A map that moves is measured when it rests.
        let resting = self.layout().filter(|_| !self.map.is_running())?;
        Some(Key::of("quality request", 1).input(resting.key).input(self.knn()?.key).finish())
    }

    fn clusters_request(&self, params: &Params) -> Option<Key> {
        let clusters = &params.clusters;
        let key = Key::of("clusters request", 1).input(self.matrix()?.key).params(&clusters.method);
        Some(match clusters.method {
            ClusterMethod::Leiden => key.input(self.knn()?.key).params(&clusters.leiden).finish(),
            ClusterMethod::KMeans => key.params(&clusters.kmeans).finish(),
            ClusterMethod::Density => {
                let resting = self.layout().filter(|_| !self.map.is_running())?;
                key.input(resting.key).params(&params.map.topics).finish()
            }
        })
    }

    fn names_request(&self) -> Option<Key> {
        let clusters = self.clusters().filter(|_| !self.clusters.is_running())?;
        Some(Key::of("names request", 1).input(clusters.key).input(self.corpus.key).finish())
    }

    fn topics_request(&self, params: &Params) -> Option<Key> {
        let resting = self.layout().filter(|_| !self.map.is_running())?;
        let key = Key::of("topics request", 1).input(resting.key).input(self.corpus.key);
        Some(key.params(&params.map.topics).finish())
    }

    /// Takes the results and events of all jobs; returns what there is to tell.
    pub fn poll(&mut self, embedder: &mut Option<LoadedModel>) -> Vec<Notice> {
        let mut notices = Vec::new();
        let mut events = self.embedded.events();
        events.extend(self.knn.events());
        events.extend(self.map.events());
        events.extend(self.clusters.events());
        for event in events {
            match event {
                Event::Warning(text) => {
                    notices.push(Notice { severity: Severity::Warning, text, action: None });
                }
                Event::Layout { positions, epoch, epochs } => {
                    self.first_map |= self.moving.is_none() && self.map.value().is_none();
                    self.moving = Some(Moving { positions, epochs: (epoch, epochs) });
                }
            }
        }
        match self.embedded.poll() {
            News::Value(embedded) => {
                if embedded.embedder.is_some() {
                    embedder.clone_from(&embedded.embedder);
                }
                if embedded.truncated > 0 {
                    let text = format!(
                        "{} texts were longer than the model reads and were cut; choose “Average pieces” \
                         under Embedding to use them whole.",
                        embedded.truncated
                    );
                    notices.push(Notice { severity: Severity::Info, text, action: None });
                }
            }
            news => notices.extend(failure(news, Step::Embed)),
        }
        notices.extend(failure(self.knn.poll(), Step::Neighbours));
        let map_news = self.map.poll();
        let map_ended = !matches!(map_news, News::Nothing);
        let unfinished = matches!(&map_news, News::Value(layout) if layout.epochs.0 < layout.epochs.1);
        notices.extend(failure(map_news, Step::Map));
        if unfinished {
            self.map.mark_stopped();
        }
        if map_ended {
            self.moving = None;
        }
        notices.extend(failure(self.quality.poll(), Step::Quality));
        notices.extend(failure(self.clusters.poll(), Step::Clusters));
        notices.extend(failure(self.names.poll(), Step::Names));
        notices.extend(failure(self.topics.poll(), Step::Topics));
        notices
    }

    /// Hands changed parameters to a map that moves; those that need another start make it stale instead.
    pub fn steer(&mut self, params: &Params) {
        let (Some(wanted), Some(running), Some(steered)) =
            (self.map_request(params), self.map.running_for(), &self.steered)
        else {
            return;
        };
        let umap = &params.map.umap;
        let before = MapParams { umap: steered.clone(), ..params.map.clone() };
        let (Some(matrix), Some(knn)) = (self.matrix(), self.knn()) else { return };
        let only_live = stage::map::key(matrix, knn, &before) == running
            && (umap.epochs, umap.seed) == (steered.epochs, steered.seed);
        if wanted != running && only_live && params.map.method == MapMethod::Umap {
            self.live.put(umap.clone());
            self.map.redirect(wanted);
            self.steered = Some(umap.clone());
        }
    }

    /// Starts every step whose inputs are there and whose value is missing or stale.
    pub fn start_stale(
        &mut self,
        params: &Params,
        cache: &Arc<Cache>,
        embedder: Option<&LoadedModel>,
        wake: &Wake,
    ) {
        let request = self.embed_request(params);
        // Embedding again is long work: once there are vectors, it waits for a person to ask for it.
        if self.embedded.needs(Some(request)) && self.embedded.value().is_none() {
            self.start_embedding(request, params, cache, embedder, wake);
        }
        let Some(matrix) = self.matrix().cloned() else { return };
        let request = self.knn_request(params);
        if let Some(key) = request.filter(|_| self.knn.needs(request)) {
            let (matrix, cache, params) = (matrix.clone(), cache.clone(), params.neighbours.clone());
            self.knn.start("neighbours", key, wake.clone(), move |ctx| {
                stage::neighbours::run(&matrix, &params, Some(&cache), ctx).map(Arc::new)
            });
        }
        if let Some(knn) = self.knn.fresh(request).cloned() {
            self.start_after_neighbours(&matrix, &knn, params, wake);
        }
        let request = self.names_request();
        if let Some(key) = request.filter(|_| self.names.needs(request))
            && let Some(clusters) = self.clusters().cloned()
        {
            let (corpus, matrix, embedder) = (self.corpus.clone(), matrix.clone(), model(embedder));
            self.names.start("names", key, wake.clone(), move |ctx| {
                stage::names::run(&corpus, &matrix, &clusters, embedder.as_deref(), ctx).map(Arc::new)
            });
        }
        let request = self.topics_request(params);
        if let Some(key) = request.filter(|_| self.topics.needs(request))
            && let Some(layout) = self.layout().cloned()
        {
            let (corpus, embedder) = (self.corpus.clone(), model(embedder));
            let params = params.map.topics;
            self.topics.start("topics", key, wake.clone(), move |ctx| {
                stage::topics::run(&corpus, &matrix, &layout, &params, embedder.as_deref(), ctx)
            });
        }
    }

    fn start_embedding(
        &mut self,
        request: Key,
        params: &Params,
        cache: &Arc<Cache>,
        embedder: Option<&LoadedModel>,
        wake: &Wake,
    ) {
        let halves = self.halves(params).then_some(params.neighbours.k);
        let corpus = self.corpus.clone();
        let given: Option<Box<dyn FnOnce() -> Result<Matrix, StageError> + Send>> = match &self.vectors {
            Vectors::Given(matrix) if halves.is_none() => return self.fill_given(matrix.clone(), params),
            Vectors::Given(matrix) => {
                let matrix = matrix.clone();
                Some(Box::new(move || Ok((*matrix).clone())))
            }
            Vectors::File(path) => {
                let (path, corpus) = (path.clone(), corpus.clone());
                Some(Box::new(move || stage::open::vectors(&path, &corpus, None)))
            }
            Vectors::ByModel => None,
        };
        let (params, cache) = (params.clone(), cache.clone());
        let in_precision = move |matrix: Matrix, cache: &Cache, ctx: &Ctx| match halves {
            Some(k) => stage::embed::halve(matrix, k, cache, ctx),
            None => Ok(matrix),
        };
        if let Some(given) = given {
            self.embedded.start("vectors", request, wake.clone(), move |ctx| {
                let matrix = in_precision(given()?, &cache, ctx)?;
                let summary = stage::embed::summary(&matrix);
                Ok(Embedded { matrix: Arc::new(matrix), embedder: None, summary, truncated: 0 })
            });
            return;
        }
        let loaded = embedder.cloned();
        self.embedded.start("embed", request, wake.clone(), move |ctx| {
            let embedder = stage::embed::embedder(&params, loaded, DevicePreference::Auto, ctx)?;
            let done = stage::embed::run(&corpus, &embedder, &params.embed, &cache, ctx)?;
            let matrix = in_precision(done.matrix, &cache, ctx)?;
            let summary = stage::embed::summary(&matrix);
            Ok(Embedded {
                matrix: Arc::new(matrix),
                embedder: Some((params.source(), embedder)),
                summary,
                truncated: done.truncated,
            })
        });
    }

    fn start_after_neighbours(&mut self, matrix: &Arc<Matrix>, knn: &Arc<Knn>, params: &Params, wake: &Wake) {
        let request = self.map_request(params);
        if let Some(key) = request.filter(|_| self.map.needs(request)) {
            self.start_map(key, matrix.clone(), knn.clone(), None, params, wake);
        }
        let request = self.quality_request();
        if let Some(key) = request.filter(|_| self.quality.needs(request))
            && let Some(layout) = self.layout().cloned()
        {
            let (matrix, knn) = (matrix.clone(), knn.clone());
            self.quality.start("quality", key, wake.clone(), move |ctx| {
                stage::quality::run(&matrix, &knn, &layout, ctx)
            });
        }
        let request = self.clusters_request(params);
        if let Some(key) = request.filter(|_| self.clusters.needs(request)) {
            let (matrix, knn) = (matrix.clone(), knn.clone());
            let (layout, params) = (self.layout().cloned(), params.clone());
            self.clusters.start("clusters", key, wake.clone(), move |ctx| {
                stage::clusters::run(&matrix, &knn, layout.as_deref(), &params, ctx).map(Arc::new)
            });
        }
    }

    fn start_map(
        &mut self,
        key: Key,
        matrix: Arc<Matrix>,
        knn: Arc<Knn>,
        start: Option<Arc<Layout>>,
        params: &Params,
        wake: &Wake,
    ) {
        self.live = Latest::default();
        self.steered = Some(params.map.umap.clone());
        let (live, params) = (self.live.clone(), params.map.clone());
        self.map.start("map", key, wake.clone(), move |ctx| {
            stage::map::run(&matrix, &knn, &params, start.as_deref(), &live, ctx).map(Arc::new)
        });
    }

    /// Goes on with a map that was stopped.
    pub fn continue_map(&mut self, params: &Params, wake: &Wake) {
        let request = self.map_request(params);
        let stopped = self.layout().filter(|layout| layout.epochs.0 < layout.epochs.1).cloned();
        if let (Some(key), Some(layout), Some(matrix), Some(knn)) =
            (request, stopped, self.matrix().cloned(), self.knn().cloned())
        {
            self.start_map(key, matrix, knn, Some(layout), params, wake);
        }
    }

    /// Forgets a step's value, so that it is computed again.
    pub fn again(&mut self, step: Step, params: &Params) {
        match step {
            Step::Corpus => {}
            Step::Embed => {
                // What hangs on the old vectors keeps its values, marked as stale, until there are new ones.
                self.embedded = Cell::default();
                self.knn.abandon();
                self.map.abandon();
                self.moving = None;
            }
            Step::Neighbours => self.knn.again(),
            Step::Map => self.map.again(),
            Step::Quality => self.quality.again(),
            Step::Clusters => self.clusters.again(),
            Step::Names => self.names.again(),
            Step::Topics => self.topics.again(),
        }
        if let (Step::Embed, Vectors::Given(matrix)) = (step, &self.vectors)
            && !self.halves(params)
        {
            self.fill_given(matrix.clone(), params);
        }
    }

    /// Stops a step.
    pub fn stop(&self, step: Step) {
        match step {
            Step::Corpus => {}
            Step::Embed => self.embedded.stop(),
            Step::Neighbours => self.knn.stop(),
            Step::Map => self.map.stop(),
            Step::Quality => self.quality.stop(),
            Step::Clusters => self.clusters.stop(),
            Step::Names => self.names.stop(),
            Step::Topics => self.topics.stop(),
        }
    }

    /// Whether any step runs.
    pub fn is_busy(&self) -> bool {
        self.embedded.is_running()
            || self.knn.is_running()
            || self.map.is_running()
            || self.quality.is_running()
            || self.clusters.is_running()
            || self.names.is_running()
            || self.topics.is_running()
    }

    /// True once, when the first positions of this corpus are there.
    pub fn take_first_map(&mut self) -> bool {
        std::mem::take(&mut self.first_map)
    }

    /// Whether a model makes the vectors.
    pub fn embeds(&self) -> bool {
        matches!(self.vectors, Vectors::ByModel)
    }

    pub fn matrix(&self) -> Option<&Arc<Matrix>> {
        self.embedded.value().map(|embedded| &embedded.matrix)
    }

    pub fn knn(&self) -> Option<&Arc<Knn>> {
        self.knn.value()
    }

    pub fn layout(&self) -> Option<&Arc<Layout>> {
        self.map.value()
    }

    pub fn positions(&self) -> Option<&Arc<Vec<[f32; 2]>>> {
        match &self.moving {
            Some(moving) => Some(&moving.positions),
            None => self.layout().map(|layout| &layout.positions),
        }
    }

    pub fn map_epoch(&self) -> Option<(usize, usize)> {
        self.moving.as_ref().map(|moving| moving.epochs)
    }

    pub fn quality(&self) -> Option<&MapQuality> {
        self.quality.fresh(self.quality_request())
    }

    pub fn clusters(&self) -> Option<&Arc<Clusters>> {
        self.clusters.value()
    }

    pub fn names(&self) -> Option<&Arc<Names>> {
        self.names.fresh(self.names_request())
    }

    pub fn topics(&self) -> &[(Arc<Clusters>, Arc<Names>)] {
        // While the map moves, its old topics would lie in the wrong places.
        if self.map.is_running() { &[] } else { self.topics.value().map_or(&[], |topics| topics) }
    }
}

fn model(loaded: Option<&LoadedModel>) -> Option<Arc<Embedder>> {
    loaded.map(|(_, embedder)| embedder.clone())
}

fn failure<T>(news: News<T>, step: Step) -> Option<Notice> {
    let News::Failed(sentence) = news else { return None };
    let text = format!("{}: {sentence}", step.title());
    Some(Notice {
        severity: Severity::Error,
        text,
        action: Some(("Try again".into(), NoticeAction::Recompute(step))),
    })
}
