//! A goal in plain words to clusters with explanations that can be checked on single texts: propose, assign, select,
//! again (Wang, Shang & Zhong 2023), with nothing but the embedder; and what a person does to them then.

mod assemble;
mod compared;
mod naming;
mod rounds;
mod steer;
mod steer_read;
mod view;

use std::cell::{Cell, LazyCell};
use std::ops::Range;
use std::sync::Arc;

use crate::data::{Asked, Corpus, GoalView, Goals, Key, Knn, Matrix};
pub use crate::data::{GoalDeed, GoalParams};
use crate::embed::Embedder;
use crate::io::explanations_json::Passages;
use crate::job::Ctx;
use crate::math::goal_names::JUDGED_ON;
use crate::math::goal_passages::{deciding, passages};
use crate::math::goal_refine::Model;
use crate::math::vector;

use super::same_model::{self, embedded};
use super::{StageError, Tools};
use assemble::{About, Meta};
use compared::Compared;
pub use rounds::Round;
use view::Seen;

/// Fewer texts are no corpus: parts of them would be chance.
pub const FEWEST_TEXTS: usize = 20;
/// Texts that each explanation asked for needs on average.
const TEXTS_AN_EXPLANATION: usize = 4;

/// What a goal starts from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    pub corpus: &'a Corpus,
    /// The corpus's vectors by `embedder`.
    pub matrix: &'a Matrix,
    /// The neighbours of `matrix`, where they are known.
    pub knn: Option<&'a Knn>,
    pub embedder: &'a Embedder,
}

/// What a goal's work tells and hears while it runs.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Hears of each round.
    pub told: &'a dyn Fn(Round),
    /// Whether the rounds so far are enough: the explanations are made of what is there.
    pub enough: &'a dyn Fn() -> bool,
}

impl Watch<'_> {
    /// Nobody looks.
    pub const NONE: Watch<'static> = Watch { told: &|_| {}, enough: &|| false };
}

/// A goal's explanations, and what is kept to change them.
#[derive(Clone)]
pub struct Explained {
    /// What they were made for.
    pub asked: Asked,
    pub goals: Arc<Goals>,
    /// None where explanations were read from the corpus (languages, columns), or come from a file.
    pub working: Option<Arc<Working>>,
}

/// A goal's clusters in the space in which its texts were compared.
#[derive(Clone)]
pub struct Working {
    compared: Arc<Compared>,
    /// Each text's best cluster.
    labels: Vec<u32>,
    model: Model,
    /// The explanation that each cluster is, by its id; those that were banned are still clusters.
    ids: Vec<u32>,
    banned: Vec<u32>,
    /// What a person said of single texts.
    judged: Vec<Judged>,
    /// What all words that were compared with texts have in common.
    word_mean: Arc<Vec<f32>>,
    next_id: u32,
}

/// What a person said of one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Judged {
    row: u32,
    id: u32,
    satisfies: bool,
}

/// Explains by a goal and does what a person did since. `from` is what was there before, if anything: where it leads
/// to `asked`, only what is new is done.
pub fn evaluate(
    inputs: &Inputs<'_>,
    asked: &Asked,
    from: Option<&Explained>,
    tools: Tools<'_>,
    watch: Watch<'_>,
    ctx: &Ctx,
) -> Result<Explained, StageError> {
    let usable = |before: &&Explained| {
        let read = matches!(before.goals.view, GoalView::Language | GoalView::Column(_));
        before.asked.leads_to(asked) && (before.working.is_some() || read)
    };
    let mut now = match from.filter(usable) {
        Some(before) => before.clone(),
        None => {
            // What was kept after fewer rounds, and comes from a file without its space, is made by as many again.
            let earlier = from.filter(|before| before.asked.leads_to(asked));
            let most = earlier.and_then(|before| before.goals.selection.as_ref()).map(|report| report.rounds);
            let done = Cell::new(0);
            let told = |round: Round| {
                done.set(round.round);
                (watch.told)(round);
            };
            let enough = || (watch.enough)() || most.is_some_and(|most| done.get() >= most);
            let watch = Watch { told: &told, enough: &enough };
            let mut made = run(inputs, &asked.params, tools, watch, ctx)?;
            made.asked = Asked { deeds: Vec::new(), ..asked.clone() };
            made
        }
    };
    for deed in &asked.deeds[now.asked.deeds.len()..] {
        ctx.cancel.check()?;
        now = steer::steered(inputs, &now, deed, ctx)?;
    }
    Ok(now)
}

/// Explains `inputs` by a goal.
pub fn run(
    inputs: &Inputs<'_>,
    params: &GoalParams,
    tools: Tools<'_>,
    watch: Watch<'_>,
    ctx: &Ctx,
) -> Result<Explained, StageError> {
    let &Inputs { corpus, matrix, embedder, .. } = inputs;
    if params.goal.trim().is_empty() && params.own() == 0 && params.view.is_none() {
        return Err(StageError::Failed(
            "The goal is empty. Say by what the texts are to be told apart, such as “by topic” or “why do customers \
             complain?”."
                .into(),
        ));
    }
    same_model::check(inputs.corpus, inputs.matrix, inputs.embedder, "A goal", ctx)?;
    let documents = with_text(matrix, ctx)?;
    check_counts(documents.len(), params)?;
    let text = |i: usize| corpus.text(documents[i] as usize);
    let languages = crate::math::text_languages::text_languages(documents.len(), text, ctx)?;
    let (chosen, why) = view::choose(corpus, params, embedder, ctx)?;
    let seen = Seen { corpus, documents: &documents, languages: &languages, embedder, params, ctx };
    match &chosen {
        GoalView::Language => return seen.by_language(why),
        GoalView::Column(name) => return seen.by_column(name, why),
        GoalView::Meaning | GoalView::Style => {}
    }
    let compared = Arc::new(Compared::of(inputs, params, &chosen, documents, languages, tools, ctx)?);
    let seen = compared.seen(inputs, params, ctx);
    let style = chosen == GoalView::Style;
    let mut given = naming::given(&seen, &compared.rows, style)?;
    given.extend(compared.directions(params.seeds.iter().map(|seed| seed.documents.as_slice())));
    given.extend(compared.directions(params.banned.iter().map(Vec::as_slice)));
    let told = |mut round: Round| {
        round.words = compared.spelled(&round.best, round.chosen, inputs.corpus);
        round.best = compared.of_documents(&round.best, corpus.len());
        (watch.told)(round);
    };
    let watch = Watch { told: &told, ..watch };
    // Words say nothing of how texts are written.
    let vocabulary = LazyCell::new(|| naming::Vocabulary::of(&seen));
    let proposals =
        || if style { Ok(Vec::new()) } else { vocabulary.proposals(&compared.rows, &compared.smooth) };
    let texts = compared.texts(&[], &[]);
    let found = rounds::run(texts, &compared.smooth, &given, &proposals, params, watch, ctx)?;
    let (named, word_mean) = match &compared.features {
        Some(features) => (naming::by_style(features, &found, params), Vec::new()),
        None => naming::by_words(&vocabulary, &compared.rows, &found)?,
    };
    let k = found.refined.model.k;
    let is_banned = |c: usize| found.given[c].is_some_and(|at| at >= params.own());
    let banned: Vec<u32> = (0..k).filter(|&c| is_banned(c)).map(|c| c as u32).collect();
    let metas: Vec<Meta> = (0..k)
        .filter(|&c| !is_banned(c))
        .map(|c| Meta {
            id: c as u32,
            named: named[c].clone(),
            proposed_by: proposed_by(found.given[c], &found.proposed[c], params),
            pinned: found.given[c].is_some(),
        })
        .collect();
    let asked = Asked { id: 0, params: Arc::new(params.clone()), deeds: Vec::new() };
    let about = About {
        key: key(inputs, params),
        asked: asked.key(),
        goal: params.goal.clone(),
        view: chosen,
        why,
        nuisances: compared.nuisances.clone(),
        selection: found.selection.clone(),
        proposed_by: proposer(style, &found.proposed, compared.rows.rows(), embedder),
        assigned_by: if style { "style".into() } else { format!("{} and words", embedder.name()) },
    };
    let refined = found.refined;
    let working = Working {
        compared,
        labels: refined.labels,
        model: refined.model,
        ids: (0..k as u32).collect(),
        banned,
        judged: Vec::new(),
        word_mean: Arc::new(word_mean),
        next_id: k as u32,
    };
    let goals = assemble::goals(&working, &refined.scores, &metas, about, params.seed, corpus.len(), ctx)?;
    Ok(Explained { asked, goals: Arc::new(goals), working: Some(Arc::new(working)) })
}

/// The key of what a goal gives.
pub fn key(inputs: &Inputs<'_>, params: &GoalParams) -> Key {
    let key = Key::of("goal", 2).input(inputs.corpus.key).input(inputs.matrix.key);
    key.input(inputs.embedder.key()).params(params).finish()
}

/// The passages that decided about the documents that explanations show; none where there was nothing to decide.
pub fn shown_passages(
    explained: &Explained,
    corpus: &Corpus,
    embedder: &Embedder,
    ctx: &Ctx,
) -> Result<Passages, StageError> {
    let mut found = Passages::new();
    let Some(working) = &explained.working else { return Ok(found) };
    let explanations = &explained.goals.explanations;
    ctx.progress.begin("Finding what decided", "explanations", explanations.len() as u64, 0);
    for explanation in explanations {
        for &document in explanation.exemplars.iter().chain(&explanation.near_misses) {
            ctx.cancel.check()?;
            let passage = working.deciding_passage(corpus, document, explanation.id, embedder, ctx)?;
            found.extend(passage.map(|passage| ((explanation.id, document), passage)));
        }
        ctx.progress.advance(1);
    }
    Ok(found)
}

impl Working {
    /// Where the passage of a document's text lies that decided whether it satisfies explanation `id`. None for a
    /// document without text, or where no vectors were compared.
    pub fn deciding_passage(
        &self,
        corpus: &Corpus,
        document: u32,
        id: u32,
        embedder: &Embedder,
        ctx: &Ctx,
    ) -> Result<Option<Range<usize>>, StageError> {
        let compared = &self.compared;
        let Some(which) = self.ids.iter().position(|&other| other == id) else { return Ok(None) };
        let Some(mean) = compared.mean_of(document) else { return Ok(None) };
        let dim = compared.rows.dim();
        let text = corpus.text(document as usize);
        let ranges = passages(&text);
        if ranges.len() < 2 {
            return Ok(ranges.first().cloned());
        }
        let sentences: Vec<String> = ranges.iter().map(|range| text[range.clone()].to_owned()).collect();
        let vectors = embedded(embedder, &sentences, ctx)?;
        let centre = &self.model.centres[which * dim..(which + 1) * dim];
        Ok(deciding(&vectors, mean, centre).map(|at| ranges[at].clone()))
    }

    /// The documents that have text, ascending.
    pub fn documents(&self) -> &[u32] {
        &self.compared.documents
    }

    /// For each of [`Working::documents`] the cluster that fits best, whether it satisfies the explanation or not.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }
}

/// The documents that have a vector, ascending.
fn with_text(matrix: &Matrix, ctx: &Ctx) -> Result<Vec<u32>, StageError> {
    let mut found = Vec::new();
    for range in matrix.ranges(1 << 12) {
        ctx.cancel.check()?;
        let block = matrix.block(range.clone());
        let rows = range.zip(block.chunks_exact(matrix.dim().max(1)));
        found.extend(rows.filter(|(_, row)| vector::inverse_norm(row) > 0.0).map(|(i, _)| i as u32));
    }
    Ok(found)
}

fn check_counts(texts: usize, params: &GoalParams) -> Result<(), StageError> {
    let failed = |sentence: String| Err(StageError::Failed(sentence));
    if texts < FEWEST_TEXTS {
        return failed(format!(
            "{texts} texts are too few for a goal: groups of them would be chance. At least {FEWEST_TEXTS} are needed."
        ));
    }
    let k = params.k.unwrap_or(params.own());
    if params.k == Some(0) {
        return failed("At least one explanation has to be asked for.".into());
    }
    if ![params.lambda, params.mu].iter().all(|cost| cost.is_finite() && *cost >= 0.0) {
        return failed("What overlap and missed texts cost has to be a number from 0 on.".into());
    }
    if params.own() > k {
        return failed(format!(
            "{} explanations of your own were given but {k} asked for. Give fewer, or ask for more.",
            params.own()
        ));
    }
    if k.saturating_mul(TEXTS_AN_EXPLANATION) > texts {
        return failed(format!(
            "{k} explanations are too many for {texts} texts: ask for at most {}.",
            texts / TEXTS_AN_EXPLANATION
        ));
    }
    Ok(())
}

/// Who proposed the predicates, in words; `proposed` says it of each.
fn proposer(style: bool, proposed: &[String], texts: usize, embedder: &Embedder) -> String {
    let mut who: Vec<&str> = Vec::new();
    for by in proposed {
        if !who.contains(&by.as_str()) {
            who.push(by);
        }
    }
    let who = who.join("; ");
    if style {
        return format!("{who}; compared by style, named by marked features");
    }
    let judged =
        if texts > JUDGED_ON { format!(", judged on {JUDGED_ON} random texts") } else { String::new() };
    format!("{who}; compared by {}, named by WordNet and phrases{judged}", embedder.name())
}

/// Who proposed one explanation, in words; `given` is its number among the person's own.
fn proposed_by(given: Option<usize>, proposed: &str, params: &GoalParams) -> String {
    match given {
        Some(at) if at < params.predicates.len() => "your words".into(),
        Some(_) => "your examples".into(),
        None => proposed.to_owned(),
    }
}
