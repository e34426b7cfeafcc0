//! What a person asks of a space beside its flow: what is special about a selection, copies, outliers. Each begins when
//! it is asked for, and can be stopped.

use std::sync::Arc;

use crate::data::{Clusters, Key, Mask, Recall};
use crate::math::duplicates::Duplicates;
use crate::session::cell::Cell;
use crate::session::{ColourBy, Notice, Severity, StepState, Study, Tools};
use crate::stage::honesty::Honesty;
use crate::stage::outliers::Outliers;
use crate::stage::special::{self, NothingToCompare, Special, SpecialParams};
use crate::stage::stability::{StabilityParams, Survived};
use crate::stage::{self, Params};

use super::Space;

/// What sets some documents apart, or why that cannot be said.
pub struct SpecialAnswer {
    /// The documents, ascending.
    pub of: Arc<Vec<u32>>,
    /// Whether they were compared only with what the filter kept.
    pub filtered: bool,
    pub special: Result<Special, NothingToCompare>,
}

/// The documents that are asked about.
struct SpecialAsked {
    of: Arc<Vec<u32>>,
    kept: Option<Arc<Mask>>,
    request: Key,
}

/// How torn and how crowded a map is.
pub struct TornAndCrowded {
    pub honesty: Honesty,
    /// The shares of documents that are torn, and that are crowded.
    pub shares: (f32, f32),
    /// Of the neighbours that it was measured by.
    pub recall: Recall,
}

/// How well clusters survive.
pub struct StabilityAnswer {
    pub of: Arc<Clusters>,
    pub survived: Survived,
    /// The documents that do not stay, ascending.
    pub shaky: Vec<u32>,
    /// Of the neighbours that clusters were found by; `None` where the method asks for none.
    pub recall: Option<Recall>,
}

/// The clusters that are asked about, and how they were found.
struct StabilityAsked {
    of: Arc<Clusters>,
    params: Params,
    request: Key,
}

/// Studies of a space and the work on them.
#[derive(Default)]
pub(super) struct Studies {
    special: Cell<Arc<SpecialAnswer>>,
    special_asked: Option<SpecialAsked>,
    copies: Cell<Arc<Duplicates>>,
    wants_copies: bool,
    outliers: Cell<Arc<Outliers>>,
    wants_outliers: bool,
    honesty: Cell<Arc<TornAndCrowded>>,
    stability: Cell<Arc<StabilityAnswer>>,
    stability_asked: Option<StabilityAsked>,
}

impl Space {
    fn study_request(&self, study: Study, params: &Params) -> Option<Key> {
        match study {
            Study::Special => self.studies.special_asked.as_ref().map(|asked| asked.request),
            Study::Copies => {
                let key = Key::of("copies request", 1).input(self.corpus.key);
                let settled = self.knn.fresh(self.knn_request(params)).zip(self.matrix());
                let key = match settled {
                    Some((knn, matrix)) => key.input(knn.key).input(matrix.key),
                    None => key,
                };
                self.studies.wants_copies.then(|| key.finish())
            }
            Study::Outliers => self.outliers_request(params).filter(|_| self.is_asked(study)),
            Study::Honesty => {
                let wanted = matches!(self.colouring.by, ColourBy::Torn | ColourBy::Crowded);
                self.honesty_request(params).filter(|_| wanted)
            }
            Study::Stability => self.studies.stability_asked.as_ref().map(|asked| asked.request),
            Study::Words => self.index_request(),
            Study::Meaning => self.meaning_request(params),
            Study::Topics => self.classing_request(params),
        }
    }

    /// What outliers of the present neighbours are made for.
    fn outliers_request(&self, params: &Params) -> Option<Key> {
        let knn = self.knn.fresh(self.knn_request(params))?;
        Some(Key::of("outliers request", 1).input(knn.key).finish())
    }

    /// Whether a person has asked for a study, be it that it still waits for what it is made from.
    pub fn is_asked(&self, study: Study) -> bool {
        match study {
            Study::Special => self.studies.special_asked.is_some(),
            Study::Copies => self.studies.wants_copies,
            Study::Outliers => self.studies.wants_outliers || self.colouring.by == ColourBy::Outliers,
            Study::Honesty => matches!(self.colouring.by, ColourBy::Torn | ColourBy::Crowded),
            Study::Stability => self.studies.stability_asked.is_some(),
            Study::Words | Study::Meaning => self.is_searching(),
            Study::Topics => self.edits.keyword_topics.described().next().is_some(),
        }
    }

    /// Whether a study is under way, apart from what searches prepare.
    pub fn is_studying(&self) -> bool {
        let studies = &self.studies;
        studies.special.is_running()
            || studies.copies.is_running()
            || studies.outliers.is_running()
            || studies.honesty.is_running()
            || studies.stability.is_running()
    }

    /// Begins the studies that are asked for and not there.
    pub(super) fn start_studies(&mut self, params: &Params, tools: &Tools) {
        let wake = &tools.wake;
        let request = self.study_request(Study::Special, params);
        if let (Some(key), Some(asked)) =
            (request.filter(|_| self.studies.special.needs(request)), &self.studies.special_asked)
        {
            let (corpus, of, kept) = (self.corpus.clone(), asked.of.clone(), asked.kept.clone());
            self.studies.special.start("special", key, wake.clone(), move |ctx| {
                let selection = Mask::of_documents(corpus.len(), &of);
                let told = special::run(&corpus, &selection, kept.as_deref(), SpecialParams::default(), ctx)?;
                Ok(Arc::new(SpecialAnswer { of, filtered: kept.is_some(), special: told }))
            });
        }
        let request = self.study_request(Study::Copies, params);
        // Neighbours find more of them where they are there in a moment.
        if let Some(key) = request.filter(|_| self.studies.copies.needs(request) && !self.knn.is_running()) {
            let knn = self.knn.fresh(self.knn_request(params)).cloned();
            let (corpus, matrix) = (self.corpus.clone(), self.matrix().cloned());
            self.studies.copies.start("copies", key, wake.clone(), move |ctx| {
                let space = matrix.as_deref().zip(knn.as_deref());
                Ok(Arc::new(stage::duplicates::run(&corpus, space, ctx)?))
            });
        }
        let request = self.study_request(Study::Outliers, params);
        if let Some(key) = request.filter(|_| self.studies.outliers.needs(request))
            && let Some(knn) = self.knn().cloned()
        {
            self.studies.outliers.start("outliers", key, wake.clone(), move |ctx| {
                Ok(Arc::new(stage::outliers::run(&knn, ctx)?))
            });
        }
        self.start_judging(params, tools);
    }

    /// The figures of a map that rests.
    fn honesty_request(&self, params: &Params) -> Option<Key> {
        let (matrix, knn) = (self.matrix()?, self.knn.fresh(self.knn_request(params))?);
        let resting = self.layout().filter(|_| !self.map.is_running())?;
        Some(Key::of("honesty request", 1).input(matrix.key).input(knn.key).input(resting.key).finish())
    }

    /// Begins those that say what map and clusters are worth.
    fn start_judging(&mut self, params: &Params, tools: &Tools) {
        let given = self.matrix().cloned().zip(self.knn().cloned());
        let Some((matrix, knn)) = given else { return };
        let layout = self.layout().cloned();
        let request = self.study_request(Study::Honesty, params);
        if let (Some(key), Some(layout)) =
            (request.filter(|_| self.studies.honesty.needs(request)), layout.clone())
        {
            let (matrix, knn) = (matrix.clone(), knn.clone());
            self.studies.honesty.start("honesty", key, tools.wake.clone(), move |ctx| {
                let honesty = stage::honesty::run(&matrix, &knn, &layout, ctx)?;
                Ok(Arc::new(TornAndCrowded { shares: honesty.shares(), honesty, recall: knn.recall }))
            });
        }
        let request = self.study_request(Study::Stability, params);
        if let (Some(key), Some(asked)) =
            (request.filter(|_| self.studies.stability.needs(request)), &self.studies.stability_asked)
        {
            let (of, params, on) = (asked.of.clone(), asked.params.clone(), tools.on.clone());
            self.studies.stability.start("stability", key, tools.wake.clone(), move |ctx| {
                let (layout, vary) = (layout.as_deref(), StabilityParams::default());
                let survived = stage::stability::run(&of, &matrix, &knn, layout, &params, &vary, &on, ctx)?;
                let shaky = survived.stability.shaky(&of);
                let recall = params.clusters.read_neighbours().then_some(knn.recall);
                Ok(Arc::new(StabilityAnswer { of, survived, shaky, recall }))
            });
        }
    }

    /// Takes what the work on studies has done.
    pub(super) fn poll_studies(&mut self, notices: &mut Vec<Notice>) {
        let studies = &self.studies;
        let events = [
            studies.special.events(),
            studies.copies.events(),
            studies.outliers.events(),
            studies.honesty.events(),
            studies.stability.events(),
        ];
        for event in events.into_iter().flatten() {
            if let crate::job::Event::Warning(text) = event {
                notices.push(Notice { severity: Severity::Warning, text, action: None });
            }
        }
        self.studies.special.poll();
        self.studies.copies.poll();
        self.studies.outliers.poll();
        self.studies.honesty.poll();
        self.studies.stability.poll();
    }

    /// Where a study stands.
    pub fn study(&self, study: Study, params: &Params) -> StepState {
        let request = self.study_request(study, params);
        match study {
            Study::Special => self.studies.special.state(request),
            Study::Copies => self.studies.copies.state(request),
            Study::Outliers => self.studies.outliers.state(request),
            Study::Honesty => self.studies.honesty.state(request),
            Study::Stability => self.studies.stability.state(request),
            Study::Words | Study::Meaning => self.searches_state(study, request),
            Study::Topics => self.classing_state(request),
        }
    }

    /// Stops a study.
    pub fn stop_study(&self, study: Study) {
        match study {
            Study::Special => self.studies.special.stop(),
            Study::Copies => self.studies.copies.stop(),
            Study::Outliers => self.studies.outliers.stop(),
            Study::Honesty => self.studies.honesty.stop(),
            Study::Stability => self.studies.stability.stop(),
            Study::Words | Study::Meaning => self.stop_preparing(study),
            Study::Topics => self.stop_classing(),
        }
    }

    /// Lets a study begin again that failed or was stopped.
    pub fn try_study(&mut self, study: Study) {
        match study {
            Study::Special => self.studies.special.forget_end(),
            Study::Copies => self.studies.copies.forget_end(),
            Study::Outliers => self.studies.outliers.forget_end(),
            Study::Honesty => self.studies.honesty.forget_end(),
            Study::Stability => self.studies.stability.forget_end(),
            Study::Words | Study::Meaning => self.prepare_again(study),
            Study::Topics => self.class_again(),
        }
    }

    /// Asks what is special about the selection, against the others that the filter keeps.
    pub fn ask_special(&mut self) {
        let (of, kept) = (self.selection.clone(), self.kept().cloned());
        let key = Key::of("special request", 1).input(self.corpus.key).bytes(bytemuck::cast_slice(&of));
        let request = match &kept {
            Some(kept) => key.bytes(bytemuck::cast_slice(kept.words())).finish(),
            None => key.finish(),
        };
        self.studies.special.forget_end();
        self.studies.special_asked = Some(SpecialAsked { of, kept, request });
    }

    /// What is special about the documents asked about last.
    pub fn special(&self) -> Option<&Arc<SpecialAnswer>> {
        self.studies.special.fresh(self.studies.special_asked.as_ref().map(|asked| asked.request))
    }

    /// Asks for copies.
    pub fn ask_copies(&mut self) {
        self.studies.copies.forget_end();
        self.studies.wants_copies = true;
    }

    /// The copies among the documents, once they are found.
    pub fn copies(&self) -> Option<&Arc<Duplicates>> {
        self.studies.copies.value().filter(|_| self.studies.wants_copies)
    }

    /// Asks which documents stand apart.
    pub fn ask_outliers(&mut self) {
        self.studies.outliers.forget_end();
        self.studies.wants_outliers = true;
    }

    /// How far documents lie from others by the present neighbours, for what leaves the program.
    pub fn settled_outliers(&self, params: &Params) -> Option<&Arc<Outliers>> {
        self.studies.outliers.fresh(self.outliers_request(params))
    }

    /// How far documents lie from others, once that was asked for; by earlier neighbours while it is found anew.
    pub fn outliers(&self) -> Option<&Arc<Outliers>> {
        self.studies.outliers.value().filter(|outliers| outliers.factors.len() == self.corpus.len())
    }

    /// Where the present map is torn and crowded, once it was coloured by it.
    pub fn honesty(&self, params: &Params) -> Option<&Arc<TornAndCrowded>> {
        self.studies.honesty.fresh(self.honesty_request(params))
    }

    /// Asks how well the present clusters survive.
    pub fn ask_stability(&mut self, params: &Params) {
        let Some((of, matrix)) = self.clusters().cloned().zip(self.matrix()) else { return };
        let key = Key::of("stability request", 1).input(of.key).input(matrix.key);
        let request = key.params(&params.clusters).params(&params.map.topics).finish();
        self.studies.stability.forget_end();
        self.studies.stability_asked = Some(StabilityAsked { of, params: params.clone(), request });
    }

    /// How well the present clusters survive, once that is known.
    pub fn stability(&self) -> Option<&Arc<StabilityAnswer>> {
        let request = self.studies.stability_asked.as_ref().map(|asked| asked.request);
        let answer = self.studies.stability.fresh(request)?;
        Some(answer).filter(|answer| self.clusters().is_some_and(|clusters| clusters.key == answer.of.key))
    }
}
