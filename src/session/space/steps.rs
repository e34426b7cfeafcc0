//! Starting, stopping and repeating the steps.

use std::sync::Arc;

use crate::data::{Key, Knn, Layout, Matrix};
use crate::embed::Embedder;
use crate::io::cache::Cache;
use crate::job::Ctx;
use crate::session::cell::Cell;
use crate::session::{Step, Tools};
use crate::stage::map::{Inputs, Live};
use crate::stage::{self, Params, StageError};

use super::{Aim, Embedded, LoadedModel, Mapped, Space, Vectors};

impl Space {
    /// Starts every step whose inputs are there and whose value is missing or stale.
    pub fn start_stale(&mut self, params: &Params, tools: &Tools, embedder: Option<&LoadedModel>) {
        let wake = &tools.wake;
        let request = self.embed_request(params);
        self.embedded.recall(Some(request));
        // Embedding again is long work: once there are vectors, it waits for a person to ask for it.
        if self.embedded.needs(Some(request)) && self.embedded.value().is_none() {
            self.start_embedding(request, params, tools, embedder);
        }
        let Some(matrix) = self.matrix().cloned() else {
            // Some need the texts alone.
            return self.start_studies(params, tools);
        };
        let request = self.knn_request(params);
        self.knn.recall(request);
        if let Some(key) = request.filter(|_| self.knn.needs(request)) {
            let (matrix, tools, params) = (matrix.clone(), tools.clone(), params.neighbours.clone());
            self.knn.start("neighbours", key, wake.clone(), move |ctx| {
                stage::neighbours::run(&matrix, &params, tools.of_stages(), ctx).map(Arc::new)
            });
        }
        if let Some(knn) = self.knn.fresh(request).cloned() {
            self.start_after_neighbours(&matrix, &knn, params, tools);
        }
        let request = self.names_request();
        self.names.recall(request);
        if let Some(key) = request.filter(|_| self.names.needs(request))
            && let Some(clusters) = self.base_clusters().cloned()
        {
            let (corpus, matrix, embedder) = (self.corpus.clone(), matrix.clone(), model(embedder));
            self.names.start("names", key, wake.clone(), move |ctx| {
                stage::names::run(&corpus, &matrix, &clusters, embedder.as_deref(), ctx).map(Arc::new)
            });
        }
        self.start_editing(embedder, wake);
        self.start_goals(params, tools, embedder);
        self.start_studies(params, tools);
        self.classify(params, tools, embedder);
        let request = self.topics_request(params);
        self.topics.recall(request);
        if let Some(key) = request.filter(|_| self.topics.needs(request))
            && let Some(layout) = self.layout().cloned()
        {
            let (corpus, embedder) = (self.corpus.clone(), model(embedder));
            let (params, tools) = (params.map.topics, tools.clone());
            self.topics.start("topics", key, wake.clone(), move |ctx| {
                stage::topics::run(&corpus, &matrix, &layout, &params, embedder.as_deref(), &tools.on, ctx)
            });
        }
    }

    fn start_embedding(
        &mut self,
        request: Key,
        params: &Params,
        tools: &Tools,
        embedder: Option<&LoadedModel>,
    ) {
        let wake = &tools.wake;
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
        let (params, cache, on) = (params.clone(), tools.cache.clone(), tools.on.clone());
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
            let embedder = stage::embed::embedder(&params, loaded, on.wished(), ctx)?;
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

    fn start_after_neighbours(
        &mut self,
        matrix: &Arc<Matrix>,
        knn: &Arc<Knn>,
        params: &Params,
        tools: &Tools,
    ) {
        let wake = &tools.wake;
        let request = self.map_request(params);
        if self.map.recall(request) {
            self.moving = None;
        }
        if let Some(key) = request.filter(|_| self.map.needs(request))
            && !self.settle_map(key, knn, params, tools)
        {
            self.start_map(key, (matrix.clone(), knn.clone()), None, params, tools);
        }
        let request = self.quality_request();
        self.quality.recall(request);
        if let Some(key) = request.filter(|_| self.quality.needs(request))
            && let Some(layout) = self.layout().cloned()
        {
            let (matrix, knn, tools) = (matrix.clone(), knn.clone(), tools.clone());
            self.quality.start("quality", key, wake.clone(), move |ctx| {
                stage::quality::run(&matrix, &knn, &layout, &tools.on, ctx)
            });
        }
        let request = self.clusters_request(params);
        self.clusters.recall(request);
        if let Some(key) = request.filter(|_| self.clusters.needs(request)) {
            let (matrix, knn, tools) = (matrix.clone(), knn.clone(), tools.clone());
            let (layout, params) = (self.layout().cloned(), params.clone());
            self.clusters.start("clusters", key, wake.clone(), move |ctx| {
                stage::clusters::run(&matrix, &knn, layout.as_deref(), &params, &tools.on, ctx).map(Arc::new)
            });
        }
    }

    fn start_map(
        &mut self,
        key: Key,
        (matrix, knn): (Arc<Matrix>, Arc<Knn>),
        start: Option<Arc<Layout>>,
        params: &Params,
        tools: &Tools,
    ) {
        let Some(whole) = self.whole_map(params) else { return };
        let live = self.live_from(whole, params);
        (self.settles, self.moving) = (false, None);
        let (tools, params) = (tools.clone(), params.clone());
        self.map.start("map", key, tools.wake.clone(), move |ctx| {
            let inputs = Inputs { matrix: &matrix, knn: &knn, search: Some(&params.neighbours) };
            let tools = tools.of_stages();
            let layout = stage::map::run(&inputs, &params.map, start.as_deref(), &live, tools, ctx)?;
            Ok(Mapped { layout: layout.into(), whole, pins: live.pins })
        });
    }

    /// Lets a map at rest follow pins, if nothing else has changed; says whether.
    fn settle_map(&mut self, key: Key, knn: &Arc<Knn>, params: &Params, tools: &Tools) -> bool {
        let Some(whole) = self.whole_map(params) else { return false };
        // One that is asked for anew is of no request.
        let made = self.map.value().map(Mapped::request);
        let Some(map) = self.map.fresh(made).filter(|map| map.whole == whole) else { return false };
        let (layout, before) = (map.layout.clone(), map.pins.clone());
        let live = self.live_from(whole, params);
        (self.settles, self.moving) = (true, None);
        let (knn, params) = (knn.clone(), params.map.clone());
        self.map.start("settle", key, tools.wake.clone(), move |ctx| {
            let layout = stage::map::settle(&knn, &params, (&layout, &before), &live, ctx);
            Ok(Mapped { layout, whole, pins: live.pins })
        });
        true
    }

    /// What a person has to do with the map that starts now.
    fn live_from(&mut self, whole: Key, params: &Params) -> Live {
        let pins = self.pins(params).clone();
        self.live = Live { pins: pins.clone(), ..Live::default() };
        self.aim = Some(Aim { whole, params: params.map.clone(), pins });
        self.live.clone()
    }

    /// Goes on with a map that was stopped.
    pub fn continue_map(&mut self, params: &Params, tools: &Tools) {
        let request = self.map_request(params);
        let stopped = self.layout().filter(|layout| layout.epochs.0 < layout.epochs.1).cloned();
        if let (Some(key), Some(layout), Some(matrix), Some(knn)) =
            (request, stopped, self.matrix().cloned(), self.knn().cloned())
        {
            self.start_map(key, (matrix, knn), Some(layout), params, tools);
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

    /// Lets work start that rested, was stopped or failed. Vectors of other parameters still wait for their own button.
    pub fn wake_up(&mut self) {
        self.embedded.forget_end();
        self.knn.forget_end();
        self.map.forget_end();
        self.quality.forget_end();
        self.clusters.forget_end();
        self.names.forget_end();
        self.topics.forget_end();
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
            || self.grouped.is_running()
            || self.edited_names.is_running()
            || self.works_on_goals()
    }
}

pub(super) fn model(loaded: Option<&LoadedModel>) -> Option<Arc<Embedder>> {
    loaded.map(|(_, embedder)| embedder.clone())
}
