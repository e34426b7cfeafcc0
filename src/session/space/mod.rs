//! One corpus with its chain of values: vectors, neighbours, map, quality, clusters, names, topics.
//!
//! Every step has a *request*: a hash of its inputs' keys and its parameters. A step whose value was made for
//! another request is stale and starts again; nothing else does.

mod classing;
mod editing;
mod filtering;
mod goals;
mod look;
mod probing;
mod searching;
mod status;
mod steps;
mod stored;
mod studies;

use std::path::PathBuf;
use std::sync::Arc;

use crate::data::{Clusters, Corpus, Edits, Element, Key, Knn, Layout, MapQuality, Matrix, Names, Pins};
use crate::embed::Embedder;
use crate::job::Event;
use crate::math::hdbscan::Ground;
use crate::model::ModelSource;
use crate::stage::map::{Inputs, Live};
use crate::stage::topics::NamedTopics;
use crate::stage::{self, ClusterMethod, MapMethod, MapParams, Params};

use super::cell::{Cell, News};
use super::{Colouring, Notice, NoticeAction, Severity, Step};

use classing::Classing;
pub use classing::{ClassesState, Classified, Matched};
pub(super) use editing::Grouped;
use editing::ShownNames;
use filtering::Filtering;
pub use goals::{Answer, GoalState, LiveRound};
use goals::{AskedKeys, GoalWorks};
use probing::Probing;
pub use probing::{ProbeState, QueryPlace, Tried};
use searching::Searching;
pub use searching::{Coloured, Found, SearchState};
use steps::model;
pub(super) use stored::Waking;
use studies::Studies;
pub use studies::{SpecialAnswer, StabilityAnswer, TornAndCrowded};

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

/// A map, and what it was made for.
struct Mapped {
    layout: Arc<Layout>,
    /// The key of the map that the parameters alone give.
    whole: Key,
    /// The documents that hold still in it.
    pins: Pins,
}

impl Mapped {
    fn request(&self) -> Key {
        stage::map::pinned_key(self.whole, &self.pins)
    }
}

/// What a moving map follows: the key of the map that its parameters alone give, and what steers it.
struct Aim {
    whole: Key,
    params: MapParams,
    pins: Pins,
}

/// One corpus and everything that follows from it.
pub(super) struct Space {
    pub corpus: Arc<Corpus>,
    vectors: Vectors,
    embedded: Cell<Embedded>,
    knn: Cell<Arc<Knn>>,
    map: Cell<Mapped>,
    quality: Cell<MapQuality>,
    clusters: Cell<Arc<Clusters>>,
    names: Cell<Arc<Names>>,
    topics: Cell<NamedTopics>,
    grouped: Cell<Grouped>,
    edited_names: Cell<Arc<Names>>,
    filtering: Filtering,
    searching: Searching,
    probing: Probing,
    studies: Studies,
    classing: Classing,
    goal_work: GoalWorks,
    asked_keys: AskedKeys,
    /// What was to be done to explanations and could not.
    withdrawn: Option<&'static str>,
    shown_names: Option<ShownNames>,
    /// Names of edited clusters that came with a project, until their clusters are there.
    kept_names: Option<Arc<Names>>,
    moving: Option<Moving>,
    live: Live,
    /// What the moving map follows now.
    aim: Option<Aim>,
    /// The map that moves is one at rest which settles about points that were moved by hand.
    settles: bool,
    /// A person has hold of a point: what the map settles to meanwhile is passed by, and need not be remembered.
    pub held: bool,
    passing: bool,
    first_map: bool,
    /// Of which clusters the unclustered were counted, and how many they are.
    counted: std::cell::Cell<Option<(Key, usize)>>,
    pub focus: Option<u32>,
    pub focus_cluster: Option<u32>,
    /// An explanation of a goal.
    pub focus_explanation: Option<(u32, u32)>,
    pub selection: Arc<Vec<u32>>,
    pub colouring: Colouring,
    /// What was done by hand.
    pub edits: Arc<Edits>,
    /// For each passage the document outside that it is of, where these are passages.
    pub parents: Option<Arc<Vec<u32>>>,
    /// Which corpus this is of those that the open one has been while it grew.
    pub ground: u64,
}

/// How many earlier values a step remembers, so that undo repeats no work: a map is 8 MB at a million points,
/// neighbours are 120 MB; vectors are mapped files.
const EARLIER: usize = 4;
const EARLIER_NEIGHBOURS: usize = 1;

impl Space {
    /// A corpus of which nothing is computed yet.
    pub fn new(corpus: Arc<Corpus>, vectors: Vectors) -> Self {
        Self {
            corpus,
            vectors,
            embedded: Cell::remembering(EARLIER),
            knn: Cell::remembering(EARLIER_NEIGHBOURS),
            map: Cell::remembering(EARLIER),
            quality: Cell::remembering(EARLIER),
            clusters: Cell::remembering(EARLIER),
            names: Cell::remembering(EARLIER),
            topics: Cell::remembering(EARLIER),
            grouped: Cell::remembering(EARLIER),
            edited_names: Cell::remembering(EARLIER),
            filtering: Filtering::default(),
            searching: Searching::default(),
            probing: Probing::default(),
            studies: Studies::default(),
            classing: Classing::default(),
            goal_work: GoalWorks::new(),
            asked_keys: AskedKeys::default(),
            withdrawn: None,
            shown_names: None,
            kept_names: None,
            moving: None,
            live: Live::default(),
            aim: None,
            held: false,
            passing: false,
            settles: false,
            first_map: false,
            counted: std::cell::Cell::new(None),
            focus: None,
            focus_cluster: None,
            focus_explanation: None,
            selection: Arc::new(Vec::new()),
            colouring: Colouring::default(),
            edits: Arc::default(),
            parents: None,
            ground: 0,
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
        Some(stage::map::pinned_key(self.whole_map(params)?, self.pins(params)))
    }

    /// The key of the map that the parameters alone give.
    fn whole_map(&self, params: &Params) -> Option<Key> {
        Some(stage::map::key(&self.map_inputs(params)?, &params.map))
    }

    fn map_inputs<'a>(&'a self, params: &'a Params) -> Option<Inputs<'a>> {
        Some(Inputs { matrix: self.matrix()?, knn: self.knn()?, search: Some(&params.neighbours) })
    }

    /// The documents that hold still on the map: only one that moves has any.
    fn pins(&self, params: &Params) -> &Pins {
        static NONE: Pins = Pins::new();
        if params.map.method == MapMethod::Umap { &self.edits.pins } else { &NONE }
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
            ClusterMethod::Hdbscan => {
                let ground = match clusters.hdbscan.ground {
                    Ground::Map => self.layout().filter(|_| !self.map.is_running())?.key,
                    Ground::Vectors => self.knn()?.key,
                };
                key.input(ground).params(&clusters.hdbscan).finish()
            }
        })
    }

    fn names_request(&self) -> Option<Key> {
        let clusters = self.base_clusters().filter(|_| !self.clusters.is_running())?;
        Some(Key::of("names request", 1).input(clusters.key).input(self.corpus.key).finish())
    }

    fn topics_request(&self, params: &Params) -> Option<Key> {
        let resting = self.layout().filter(|_| !self.map.is_running())?;
        let key = Key::of("topics request", 1).input(resting.key).input(self.corpus.key);
        Some(key.params(&params.map.topics).finish())
    }

    /// Takes the results and events of all jobs; returns what there is to tell, and whether there is a new value.
    pub fn poll(&mut self, embedder: &mut Option<LoadedModel>) -> (Vec<Notice>, bool) {
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
        let mut made = false;
        match self.embedded.poll() {
            News::Value(embedded) => {
                made = true;
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
        let map_news = self.map.poll();
        let map_ended = !matches!(map_news, News::Nothing);
        let mapped = matches!(map_news, News::Value(_));
        let unfinished = matches!(&map_news, News::Value(map) if map.layout.epochs.0 < map.layout.epochs.1);
        made |= matches!(map_news, News::Value(_));
        notices.extend(failure(map_news, Step::Map));
        if mapped {
            self.take_mapped();
        }
        if unfinished {
            self.map.mark_stopped();
        }
        if map_ended {
            self.moving = None;
        }
        let mut look = |(new, notice): (bool, Option<Notice>)| {
            made |= new;
            notices.extend(notice);
        };
        look(told(self.knn.poll(), Step::Neighbours));
        look(told(self.quality.poll(), Step::Quality));
        look(told(self.clusters.poll(), Step::Clusters));
        look(told(self.names.poll(), Step::Names));
        look(told(self.topics.poll(), Step::Topics));
        look(told(self.grouped.poll(), Step::Clusters));
        look(told(self.edited_names.poll(), Step::Names));
        self.poll_searches(embedder);
        self.poll_studies(&mut notices);
        self.poll_classing(embedder);
        made |= self.poll_goals(embedder, &mut notices);
        self.renew_names();
        (notices, made)
    }

    /// Hands changed parameters to a map that moves; those that need another start make it stale instead.
    pub fn steer(&mut self, params: &Params) {
        let (Some(wanted), Some(whole), Some(aim)) =
            (self.map_request(params), self.whole_map(params), &self.aim)
        else {
            return;
        };
        // What does not shape the map, such as the grain of its topics, may differ.
        let before = MapParams { topics: params.map.topics, ..aim.params.clone() };
        let Some(inputs) = self.map_inputs(params) else { return };
        let same_map = stage::map::key(&inputs, &before) == aim.whole
            && self.map.running_for() == Some(stage::map::pinned_key(aim.whole, &aim.pins));
        // A map that settles keeps the shape that it has.
        let live = params.map.only_live_differs(&before) && !(self.settles && whole != aim.whole);
        if self.map.running_for() != Some(wanted) && same_map && live {
            let pins = self.pins(params).clone();
            self.live.put(&params.map, &pins);
            self.map.redirect(wanted);
            self.aim = Some(Aim { whole, params: params.map.clone(), pins });
        }
    }

    /// Notes what a map that has come to rest was made for.
    fn take_mapped(&mut self) {
        let Some(aim) = self.aim.take() else { return };
        // What was changed as the last round ended was not taken: the map is still to follow it.
        let followed = self.live.umap.take().is_none();
        self.map.describe(|map| {
            if followed {
                (map.whole, map.pins) = (aim.whole, aim.pins);
            }
            map.request()
        });
        if std::mem::replace(&mut self.passing, self.held && self.settles) {
            self.map.forget_last();
        }
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
        self.map.value().map(|map| &map.layout)
    }

    pub fn positions(&self) -> Option<&Arc<Vec<[f32; 2]>>> {
        match &self.moving {
            Some(moving) => Some(&moving.positions),
            None => self.layout().map(|layout| &layout.positions),
        }
    }

    /// Whether the map that moves is one at rest that follows points moved by hand.
    pub fn map_settles(&self) -> bool {
        self.settles && self.map.is_running()
    }

    /// Whether points of the map can be moved and pinned by hand.
    pub fn can_pin(&self, params: &Params) -> bool {
        params.map.method == MapMethod::Umap && self.positions().is_some()
    }

    pub fn map_epoch(&self) -> Option<(usize, usize)> {
        self.moving.as_ref().filter(|_| !self.settles).map(|moving| moving.epochs)
    }

    pub fn quality(&self) -> Option<&MapQuality> {
        self.quality.fresh(self.quality_request())
    }

    pub fn topics(&self) -> &[(Arc<Clusters>, Arc<Names>)] {
        // While the whole map moves, its old topics would lie in the wrong places.
        if self.map.is_running() && !self.settles {
            &[]
        } else {
            self.topics.value().map_or(&[], |topics| topics)
        }
    }
}

/// Whether there is a new value, and what there is to tell.
fn told<T>(news: News<T>, step: Step) -> (bool, Option<Notice>) {
    (matches!(news, News::Value(_)), failure(news, step))
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
