//! A goal in plain words to clusters with explanations that can be checked on single texts: propose, assign, select,
//! again (Wang, Shang & Zhong 2023), with nothing but the embedder.

mod naming;
mod rounds;
mod view;

use std::borrow::Cow;
use std::cell::LazyCell;

use serde::{Deserialize, Serialize};

use crate::data::{Corpus, Explanation, GoalView, Goals, HeldOutFigures, Key, Knn, Matrix, UNCLUSTERED};
use crate::embed::{EmbedParams, Embedder, Texts as Batch};
use crate::job::Ctx;
use crate::math::goal_membership::{Memberships, evidence, held_out, of_refined};
use crate::math::goal_names::JUDGED_ON;
use crate::math::goal_passages::{deciding, passages};
use crate::math::goal_refine::{Refined, Texts};
use crate::math::goal_space::{centred, make_unit, smoothed};
use crate::math::goal_words::TextWords;
use crate::math::neighbours::NeighbourParams;
use crate::math::{select, vector};

use super::{StageError, Tools};
use naming::Named;
pub use rounds::Round;
use view::Seen;

/// Fewer texts are no corpus: parts of them would be chance.
pub const FEWEST_TEXTS: usize = 20;
/// Texts that each explanation asked for needs on average.
const TEXTS_AN_EXPLANATION: usize = 4;
/// Exemplars and near misses of each explanation.
const SHOWN: usize = 5;
/// Two texts nearer than this show the same.
const SAME: f32 = 0.98;

/// What a person asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GoalParams {
    pub goal: String,
    /// How many explanations; as many as are worth their price where it is `None`.
    pub k: Option<usize>,
    /// λ: what it costs that several explanations hold for a text.
    pub lambda: f64,
    /// μ: what it costs that none does.
    pub mu: f64,
    /// Predicates of the person's own, which are chosen in any case. They are all there are, unless `k` is larger.
    pub predicates: Vec<String>,
    /// Instead of the view that the goal's words are nearest to.
    pub view: Option<GoalView>,
    /// Beside the language: a column whose groups' means are subtracted.
    pub nuisance: Option<String>,
    pub seed: u64,
}

impl Default for GoalParams {
    fn default() -> Self {
        Self {
            goal: String::new(),
            k: None,
            lambda: select::LAMBDA,
            mu: select::MU,
            predicates: Vec::new(),
            view: None,
            nuisance: None,
            seed: 0,
        }
    }
}

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

/// A goal's explanations, and what is kept to change them.
pub struct Explained {
    pub goals: Goals,
    /// None where explanations were read from the corpus (languages, columns).
    pub working: Option<Working>,
}

/// The space in which a goal's texts were compared.
pub struct Working {
    /// The documents that have text, ascending; what follows is about these.
    pub documents: Vec<u32>,
    rows: Matrix,
    words: TextWords,
    refined: Refined,
    memberships: Memberships,
    /// The mean that was taken from each text's vector, by its group; none where rows are no vectors of texts.
    means: Vec<Vec<f32>>,
    groups: Vec<u32>,
    /// What all words that were compared with texts have in common.
    word_mean: Vec<f32>,
}

/// Explains `inputs` by a goal. `told` hears of each round.
pub fn run(
    inputs: &Inputs<'_>,
    params: &GoalParams,
    tools: Tools<'_>,
    told: &dyn Fn(&Round),
    ctx: &Ctx,
) -> Result<Explained, StageError> {
    let &Inputs { corpus, matrix, embedder, .. } = inputs;
    if params.goal.trim().is_empty() && params.predicates.is_empty() && params.view.is_none() {
        return Err(StageError::Failed(
            "The goal is empty. Say by what the texts are to be told apart, such as “by topic” or “why do customers \
             complain?”."
                .into(),
        ));
    }
    if matrix.dim() != embedder.dim() {
        return Err(StageError::Failed(format!(
            "The vectors have {} components, those of {} have {}. A goal compares words with texts: embed the texts \
             with the same model.",
            matrix.dim(),
            embedder.name(),
            embedder.dim()
        )));
    }
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
    let style = chosen == GoalView::Style;
    let (rows, means, groups, nuisances, features) = if style {
        let (rows, features) = seen.styles()?;
        (rows, Vec::new(), Vec::new(), Vec::new(), Some(features))
    } else {
        let own = crate::math::goal_space::gathered(matrix, &documents);
        let (groups, names) = seen.nuisances()?;
        let centred = centred(&own, Some(&groups), ctx)?;
        let nuisances = centred.subtracted.iter().map(|group| names[*group as usize].clone()).collect();
        (centred.rows, centred.means, centred.texts, nuisances, None)
    };
    if (0..rows.rows()).all(|i| vector::inverse_norm(&rows.row(i)) == 0.0) {
        return Err(StageError::Failed(format!(
            "All {} texts are equal as far as this goal can tell, so nothing sets groups of them apart.",
            rows.rows()
        )));
    }
    let words = if style { TextWords::none(rows.rows()) } else { TextWords::of(rows.rows(), text, ctx)? };
    let smooth = if style {
        rows.clone()
    } else {
        // Neighbours before nuisances were taken away would bring them back.
        let known = inputs.knn.filter(|knn| nuisances.is_empty() && knn.len() == rows.rows());
        let own;
        let knn = match known {
            Some(knn) => knn,
            None => {
                let search = NeighbourParams { seed: params.seed, ..NeighbourParams::default() };
                own = super::neighbours::run(&rows, &search, Tools { cache: None, ..tools }, ctx)?;
                &own
            }
        };
        smoothed(&rows, knn, ctx)?
    };
    let texts = Texts { rows: &rows, words: &words, fixed: &[] };
    let given = naming::given(&seen, &rows, style)?;
    // Words say nothing of how texts are written.
    let vocabulary = LazyCell::new(|| naming::Vocabulary::of(&seen));
    let proposals = || if style { Ok(Vec::new()) } else { vocabulary.proposals(&rows, &smooth) };
    let found = rounds::run(texts, &smooth, &given, &proposals, params, told, ctx)?;
    ctx.progress.begin("Judging explanations", "texts", rows.rows() as u64, 0);
    let memberships = of_refined(&found.refined);
    let k = found.refined.model.k;
    let held_out = held_out(texts, &found.refined.labels, k, params.seed, ctx)?;
    let same = |a: u32, b: u32| {
        let (a, b) = (rows.row(a as usize), rows.row(b as usize));
        vector::dot(&a, &b) * vector::inverse_norm(&a) * vector::inverse_norm(&b) > SAME
    };
    let evidence = evidence(&found.refined.scores, &memberships, SHOWN, same);
    let (named, word_mean) = match &features {
        Some(features) => (naming::by_style(features, &found, params), Vec::new()),
        None => naming::by_words(&vocabulary, &rows, &found)?,
    };
    let n = corpus.len();
    let explanations = (0..k).map(|c| {
        let Named { predicate, title, area } = named[c].clone();
        let mut scores = vec![0.0f32; n];
        documents.iter().zip(&memberships.scores[c]).for_each(|(&i, score)| scores[i as usize] = *score);
        let in_corpus = |ids: &[u32]| ids.iter().map(|&i| documents[i as usize]).collect::<Vec<u32>>();
        Explanation {
            predicate,
            title,
            members: in_corpus(&memberships.members[c]),
            only: 0,
            scores,
            exemplars: in_corpus(&evidence[c].exemplars),
            near_misses: in_corpus(&evidence[c].near_misses),
            held_out: Some(HeldOutFigures { accuracy: held_out[c].accuracy, f1: held_out[c].f1 }),
            name_area: area,
        }
    });
    let explanations: Vec<Explanation> = explanations.collect();
    let mut best = vec![UNCLUSTERED; n];
    documents.iter().zip(&memberships.best).for_each(|(&i, label)| best[i as usize] = *label);
    let goals = Goals {
        key: key(inputs, params),
        goal: params.goal.clone(),
        view: chosen,
        why,
        nuisances,
        explanations: with_only(explanations, n),
        best,
        selection: found.selection.clone(),
        proposed_by: proposed_by(style, &found.proposed, rows.rows(), embedder),
        assigned_by: if style { "style".into() } else { format!("{} and words", embedder.name()) },
    };
    let working =
        Working { rows, words, refined: found.refined, memberships, means, groups, word_mean, documents };
    Ok(Explained { goals, working: Some(working) })
}

/// The key of what a goal gives.
pub fn key(inputs: &Inputs<'_>, params: &GoalParams) -> Key {
    let key = Key::of("goal", 1).input(inputs.corpus.key).input(inputs.matrix.key);
    key.input(inputs.embedder.key()).params(params).finish()
}

impl Working {
    /// Where the passage of a document's text lies that decided that it satisfies explanation `which`. None for a document without text, or where no vectors were compared.
    pub fn deciding_passage(
        &self,
        corpus: &Corpus,
        document: u32,
        which: usize,
        embedder: &Embedder,
        ctx: &Ctx,
    ) -> Result<Option<std::ops::Range<usize>>, StageError> {
        let Ok(row) = self.documents.binary_search(&document) else { return Ok(None) };
        let Some(mean) = self.groups.get(row).and_then(|&group| self.means.get(group as usize)) else {
            return Ok(None);
        };
        let dim = self.rows.dim();
        let text = corpus.text(document as usize);
        let ranges = passages(&text);
        let sentences: Vec<String> = ranges.iter().map(|range| text[range.clone()].to_owned()).collect();
        let vectors = embedded(embedder, &sentences, ctx)?;
        let centre = &self.refined.model.centres[which * dim..(which + 1) * dim];
        Ok(deciding(&vectors, mean, centre).map(|at| ranges[at].clone()))
    }

    /// For each of [`Working::documents`] the explanation that fits best, whether it satisfies it or not.
    pub fn labels(&self) -> &[u32] {
        &self.refined.labels
    }

    /// Who satisfies which explanation, by rows of [`Working::documents`].
    pub fn memberships(&self) -> &Memberships {
        &self.memberships
    }

    /// The memberships once explanation `which` is said in other words; the others refine around it. None where
    /// explanations are not compared with words (style).
    pub fn edited(
        &self,
        which: usize,
        predicate: &str,
        embedder: &Embedder,
        ctx: &Ctx,
    ) -> Result<Option<Self>, StageError> {
        if self.word_mean.is_empty() {
            return Ok(None);
        }
        let mut direction = embedded(embedder, &[predicate.to_owned()], ctx)?;
        direction.iter_mut().zip(&self.word_mean).for_each(|(x, mean)| *x -= mean);
        make_unit(&mut direction, self.rows.dim());
        Ok(Some(self.with_direction(which, &direction, ctx)?))
    }

    /// The same with explanation `which` pointing in another direction, a unit vector.
    pub fn with_direction(&self, which: usize, direction: &[f32], ctx: &Ctx) -> Result<Self, StageError> {
        let texts = Texts { rows: &self.rows, words: &self.words, fixed: &[] };
        let refined = rounds::redirected(texts, &self.refined, which, direction, ctx)?;
        Ok(Self {
            documents: self.documents.clone(),
            rows: self.rows.clone(),
            words: self.words.clone(),
            memberships: of_refined(&refined),
            refined,
            means: self.means.clone(),
            groups: self.groups.clone(),
            word_mean: self.word_mean.clone(),
        })
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
    let k = params.k.unwrap_or(params.predicates.len());
    if params.k == Some(0) {
        return failed("At least one explanation has to be asked for.".into());
    }
    if params.predicates.len() > k {
        return failed(format!(
            "{} predicates were given but {k} explanations asked for. Give fewer, or ask for more.",
            params.predicates.len()
        ));
    }
    if k * TEXTS_AN_EXPLANATION > texts {
        return failed(format!(
            "{k} explanations are too many for {texts} texts: ask for at most {}.",
            texts / TEXTS_AN_EXPLANATION
        ));
    }
    Ok(())
}

/// Who proposed the predicates, in words; `proposed` says it of each.
fn proposed_by(style: bool, proposed: &[String], texts: usize, embedder: &Embedder) -> String {
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

/// Counts the documents that satisfy one explanation alone.
fn with_only(mut explanations: Vec<Explanation>, n: usize) -> Vec<Explanation> {
    let mut satisfied = vec![0u32; n];
    explanations.iter().flat_map(|e| &e.members).for_each(|&i| satisfied[i as usize] += 1);
    for explanation in &mut explanations {
        explanation.only = explanation.members.iter().filter(|&&i| satisfied[i as usize] == 1).count();
    }
    explanations
}

/// Unit vectors of some texts, end to end.
fn embedded(embedder: &Embedder, texts: &[String], ctx: &Ctx) -> Result<Vec<f32>, StageError> {
    let dim = embedder.dim();
    let mut vectors = vec![0.0f32; texts.len() * dim];
    let batch = Batch { count: texts.len(), text: &|i| Cow::Borrowed(texts[i].as_str()), rows: None };
    let mut sink = |rows: &[usize], made: &[f32]| {
        for (&row, vector) in rows.iter().zip(made.chunks_exact(dim)) {
            vectors[row * dim..(row + 1) * dim].copy_from_slice(vector);
        }
        Ok(())
    };
    embedder.embed(&batch, &EmbedParams::default(), &ctx.untold(), &mut sink).map_err(|error| {
        if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
    })?;
    make_unit(&mut vectors, dim);
    Ok(vectors)
}
