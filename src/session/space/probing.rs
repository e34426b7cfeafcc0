//! A text that is tried in a space as it is typed, and the place of what is searched for by meaning.

use std::sync::Arc;

use crate::data::{Knn, Layout, Mask, Matrix};
use crate::job::Ctx;
use crate::job::derived::{Derived, Same};
use crate::session::{StepState, Tools};
use crate::stage::probe::{self, Asking, Ground, Probe};
use crate::stage::{Params, StageError};

use super::searching::{Found, Meaning};
use super::{LoadedModel, Space};

/// Documents listed as the nearest to a text.
const NEAREST: usize = 12;

/// What came of a text that was tried.
pub struct Tried {
    pub text: String,
    /// Or why it has no place, in a sentence.
    pub probe: Result<Probe, String>,
    /// The map that its place is on.
    pub layout: Arc<Layout>,
    /// The longer side of that map.
    pub extent: f32,
    /// Whether a filter chose among the nearest documents.
    pub filtered: bool,
}

/// A text that is tried, as panels see it.
pub struct ProbeState<'a> {
    pub text: &'a str,
    /// What came of it, or of what stood there a moment ago.
    pub tried: Option<&'a Arc<Tried>>,
    /// What came of the present text with each of its words left out in turn, once that is known.
    pub words: Option<&'a Arc<Tried>>,
    /// How far the work is that texts need once.
    pub state: StepState,
    /// Whether the map rests, so that texts can have a place on it.
    pub map_rests: bool,
}

/// Where a search by meaning lies on a map.
pub struct QueryPlace {
    pub text: String,
    pub place: Option<[f32; 2]>,
    pub layout: Arc<Layout>,
}

/// A map that texts are placed on.
struct Floor {
    ground: Ground,
    layout: Arc<Layout>,
    extent: f32,
}

/// What the answer for a text depends on.
#[derive(Clone, PartialEq)]
struct Asked {
    text: String,
    kept: Option<Same<Mask>>,
    meaning: Same<Meaning>,
    floor: Same<Floor>,
}

/// What the place of a search depends on.
type QueryAsked = (Same<Found>, Same<Matrix>, Same<Floor>);

/// The text that is tried and the work on it.
pub(super) struct Probing {
    text: Option<String>,
    floor: Derived<(Same<Knn>, Same<Layout>), Floor>,
    tried: Derived<Asked, Tried>,
    /// The same with words left out, which takes as many times as long as there are words.
    words: Derived<Asked, Tried>,
    query: Derived<QueryAsked, QueryPlace>,
}

impl Default for Probing {
    fn default() -> Self {
        Self {
            text: None,
            floor: Derived::new("ground of the map"),
            tried: Derived::new("probe"),
            words: Derived::new("words of the probe"),
            query: Derived::new("place of the search"),
        }
    }
}

impl Space {
    /// Tries a text from now on; none, where there is no word in it.
    pub fn set_probe(&mut self, text: Option<String>) {
        self.probing.text = text.filter(|text| !text.trim().is_empty());
    }

    /// Goes on with the text that was tried in the space before.
    pub fn take_probe(&mut self, old: &Self) {
        self.probing.text.clone_from(&old.probing.text);
    }

    /// Asks for the place of the text that is tried and of what is searched for, and for what that needs.
    pub fn probe(&mut self, params: &Params, tools: &Tools, embedder: Option<&LoadedModel>) {
        if self.probing.text.is_some() {
            self.prepare_meaning(params, tools, embedder);
        } else {
            self.probing.tried.clear();
            self.probing.words.clear();
        }
        let found = self.found_by_meaning().cloned();
        if found.is_none() {
            self.probing.query.clear();
        }
        if self.probing.text.is_none() && found.is_none() {
            return self.probing.floor.clear();
        }
        let Some(floor) = self.floor(params, tools) else { return };
        if let Some(asked) = self.probe_asked(params, &floor) {
            let work = asked.clone();
            let there = self
                .probing
                .tried
                .want_in_turn(asked.clone(), &tools.wake, move |ctx| work.answer(false, ctx));
            // Whoever types on waits for the place of the words as they stand, not for what each of them did.
            if there {
                let work = asked.clone();
                self.probing.words.want(asked, &tools.wake, move |ctx| work.answer(true, ctx));
            }
        }
        if let Some((found, matrix)) = found.zip(self.matrix().cloned()) {
            let key = (Same(found.clone()), Same(matrix.clone()), Same(floor.clone()));
            self.probing
                .query
                .want_in_turn(key, &tools.wake, move |ctx| QueryPlace::of(&found, &matrix, &floor, ctx));
        }
    }

    /// What texts are placed on; `None` while the map moves or it is not made yet.
    fn floor(&mut self, params: &Params, tools: &Tools) -> Option<Arc<Floor>> {
        if self.map.is_running() || self.knn.is_running() {
            return None;
        }
        let (knn, layout) = self.knn().cloned().zip(self.layout().cloned())?;
        if knn.len() != layout.positions.len() {
            return None;
        }
        let key = (Same(knn.clone()), Same(layout.clone()));
        let map = params.map.clone();
        self.probing.floor.want(key.clone(), &tools.wake, move |_| Floor {
            ground: Ground::of(&knn, &layout, &map),
            extent: extent(&layout.positions),
            layout,
        });
        self.probing.floor.of(&key).cloned()
    }

    fn probe_asked(&self, params: &Params, floor: &Arc<Floor>) -> Option<Asked> {
        let text = self.probing.text.clone()?;
        let meaning = self.meaning(params)?.clone();
        let kept = self.kept().cloned().map(Same);
        Some(Asked { text, kept, meaning: Same(meaning), floor: Same(floor.clone()) })
    }

    /// The text that is tried as it stands; `None` while none is.
    pub fn probe_state(&self, params: &Params) -> Option<ProbeState<'_>> {
        let text = self.probing.text.as_deref()?;
        let map_rests = self.layout().is_some() && !self.map.is_running();
        let of_this = |tried: &&Arc<Tried>| {
            self.layout().is_some_and(|layout| Arc::ptr_eq(layout, &tried.layout)) && map_rests
        };
        Some(ProbeState {
            text,
            tried: self.probing.tried.latest().filter(of_this),
            words: self.probing.words.latest().filter(of_this).filter(|tried| tried.text == text),
            state: self.searches_state(crate::session::Study::Meaning, self.meaning_request(params)),
            map_rests,
        })
    }

    /// Where the present search by meaning lies; `None` while the map moves.
    pub fn query_place(&self) -> Option<&QueryPlace> {
        self.found_by_meaning()?;
        let place = self.probing.query.latest()?;
        let rests = self.layout().is_some_and(|layout| Arc::ptr_eq(layout, &place.layout));
        Some(&**place).filter(|_| rests && !self.map.is_running())
    }
}

impl Asked {
    fn answer(&self, words: bool, ctx: &Ctx) -> Tried {
        let (meaning, floor) = (&self.meaning.0, &self.floor.0);
        let kept = self.kept.as_ref().map(|Same(kept)| &**kept);
        let probe = match meaning.model() {
            Some((embedder, embed)) => {
                let (layout, ground) = (&*floor.layout, &floor.ground);
                let space = probe::Space { embedder, embed, matrix: meaning.matrix(), layout, ground };
                probe::run(&self.text, space, Asking { nearest: NEAREST, within: kept, words }, ctx)
            }
            None => Err(StageError::Failed(
                "These vectors are of single words, and no model puts whole texts among them: search for several words by \
                 meaning instead."
                    .into(),
            )),
        };
        Tried {
            text: self.text.clone(),
            probe: probe.map_err(|error| error.to_string()),
            layout: floor.layout.clone(),
            extent: floor.extent,
            filtered: kept.is_some(),
        }
    }
}

impl QueryPlace {
    fn of(found: &Found, matrix: &Matrix, floor: &Floor, ctx: &Ctx) -> Self {
        let placed = |vector: &Vec<f32>| {
            let place = probe::place_of(vector, matrix, &floor.layout, &floor.ground, ctx);
            place.inspect_err(|error| tracing::warn!("The search has no place on the map: {error}")).ok()
        };
        Self {
            text: found.query.text.clone(),
            place: found.vector.as_ref().and_then(placed).flatten(),
            layout: floor.layout.clone(),
        }
    }
}

/// The longer side of what holds all points.
fn extent(positions: &[[f32; 2]]) -> f32 {
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for place in positions.iter().filter(|place| place.iter().all(|v| v.is_finite())) {
        for axis in 0..2 {
            (low[axis], high[axis]) = (low[axis].min(place[axis]), high[axis].max(place[axis]));
        }
    }
    (high[0] - low[0]).max(high[1] - low[1]).max(f32::MIN_POSITIVE)
}
