//! Explanations in words.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use crate::data::{Matrix, QUOTING, UNCLUSTERED};
use crate::embed::Embedder;
use crate::job::Ctx;
use crate::math::goal_candidates::Proposal;
use crate::math::goal_name_words::{Kinds, NameWord, kinds, name_words};
use crate::math::goal_names::{Name, names, word_vectors};
use crate::math::goal_noun::{GoalNoun, goal_noun};
use crate::math::goal_space::make_unit;
use crate::math::goal_view::asked_form;
use crate::math::kmeans::{KMeansParams, Metric, kmeans};
use crate::math::style::{FEATURES, Style};
use crate::math::style_words;
use crate::model::wordnet;

use super::super::StageError;
use super::compared::Compared;
use super::rounds::Found;
use super::view::Seen;
use super::{GoalParams, embedded};

/// The form of a predicate about topics.
const TOPIC: &str = "has a topic of";
/// Nouns of a goal that ask for topics.
const TOPICAL: [&str; 6] = ["topic", "subject", "theme", "content", "matter", "issue"];
/// Where fewer predicates are given than this, words in general say what they have in common with all words.
const FEWEST_FOR_A_MEAN: usize = 3;
const IN_GENERAL: [&str; 12] = [
    "music", "food", "law", "medicine", "travel", "school", "family", "history", "weather", "religion",
    "money", "war",
];
/// Words are proposed for so many parts of the texts, at most, of so many texts on average, at least.
const MOST_PARTS: usize = 16;
const TEXTS_A_PART: usize = 8;
/// Features of style that are said of a cluster, and how marked they have to be (in standard deviations).
const FEATURES_SAID: usize = 3;
const MARKED: f32 = 0.3;
/// Characters of a text that stand for a cluster without a name.
const QUOTED: usize = 60;

/// An explanation in words.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub predicate: String,
    pub title: String,
    pub area: Option<f32>,
}

impl Named {
    pub fn given(predicate: &str) -> Self {
        Self { predicate: predicate.to_owned(), title: predicate.to_owned(), area: None }
    }
}

/// The form that the goal's predicates have: as the goal says, or by what it asks for.
fn form(goal: &str, noun: Option<&GoalNoun>, specific: bool) -> String {
    asked_form(goal).unwrap_or_else(|| match noun.filter(|noun| !TOPICAL.contains(&noun.head.as_str())) {
        Some(noun) if specific => format!("is about the {}", noun.noun),
        Some(_) => "is about".to_owned(),
        None => TOPIC.to_owned(),
    })
}

/// Directions of the person's own predicates: where texts are compared by how they are written, in the space of
/// features; otherwise of vectors, less what all predicates have in common.
pub(super) fn given(seen: &Seen<'_>, rows: &Matrix, style: bool) -> Result<Vec<f32>, StageError> {
    let predicates = &seen.params.predicates;
    if predicates.is_empty() {
        return Ok(Vec::new());
    }
    if style {
        let directions =
            predicates.iter().map(|predicate| style_direction(predicate, rows, seen.embedder, seen.ctx));
        return Ok(directions.collect::<Result<Vec<_>, StageError>>()?.concat());
    }
    let dim = rows.dim();
    let mut vectors = embedded(seen.embedder, predicates, seen.ctx)?;
    let in_general: Vec<String> = if predicates.len() >= FEWEST_FOR_A_MEAN {
        predicates.clone()
    } else {
        IN_GENERAL.iter().map(|word| format!("{TOPIC} {word}")).collect()
    };
    let mean = mean(&embedded(seen.embedder, &in_general, seen.ctx)?, dim);
    vectors.chunks_exact_mut(dim.max(1)).for_each(|row| row.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m));
    make_unit(&mut vectors, dim);
    Ok(vectors)
}

/// The direction of a predicate in the space of features of style (`rows`, as many components as there are features):
/// by its words or, where these say nothing of a feature, by the sentence about one that it is nearest to. A predicate
/// that says nothing of how texts are written, or only what all the texts have in common, is a failure.
pub(super) fn style_direction(
    predicate: &str,
    rows: &Matrix,
    embedder: &Embedder,
    ctx: &Ctx,
) -> Result<Vec<f32>, StageError> {
    let asked = match style_words::by_words(predicate) {
        Some(asked) => Some(asked),
        None => {
            let said: Vec<String> =
                [predicate].into_iter().chain(style_words::sentences()).map(str::to_owned).collect();
            let vectors = embedded(embedder, &said, ctx)?;
            let (own, others) = vectors.split_at(embedder.dim());
            style_words::by_nearness(own, others)
        }
    };
    let Some(asked) = asked else {
        return Err(StageError::Failed(format!(
            "“{predicate}” says nothing about how texts are written that can be counted. Say for instance {}, or \
             compare the texts by meaning.",
            style_words::EXAMPLES
        )));
    };
    let mut direction = asked.to_vec();
    for (feature, weight) in direction.iter_mut().enumerate() {
        // A feature in which all texts are alike tells none apart.
        if *weight != 0.0 && (0..rows.rows()).all(|i| rows.row(i)[feature] == 0.0) {
            *weight = 0.0;
        }
    }
    if direction.iter().all(|weight| *weight == 0.0) {
        let alike: Vec<&str> =
            FEATURES.iter().zip(&asked).filter(|(_, weight)| **weight != 0.0).map(|(f, _)| f.name).collect();
        return Err(StageError::Failed(format!(
            "“{predicate}” tells none of these texts apart: they are all alike in {}. Leave it out.",
            alike.join(", ")
        )));
    }
    make_unit(&mut direction, rows.dim());
    Ok(direction)
}

fn mean(vectors: &[f32], dim: usize) -> Vec<f32> {
    let mut mean = vec![0.0f32; dim];
    let count = (vectors.len() / dim.max(1)).max(1) as f32;
    for row in vectors.chunks_exact(dim.max(1)) {
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / count);
    }
    mean
}

/// Names of clusters: by words that tell members from others, or by how they are written.
pub(super) fn named(seen: &Seen<'_>, compared: &Compared, found: &Found) -> Result<Vec<Named>, StageError> {
    match &compared.features {
        Some(features) => Ok(by_style(features, found, seen.params)),
        None => Ok(by_words(&Vocabulary::of(seen), &compared.rows, found)?.0),
    }
}

/// The words that may stand for groups of texts, and what is known of them.
pub(super) struct Vocabulary<'a> {
    seen: &'a Seen<'a>,
    kinds: Kinds,
    /// What the kinds are kinds of, in words.
    kinds_of: String,
    /// The form that the goal's predicates have.
    form: String,
    /// Vectors of words and phrases that were asked for before.
    known: RefCell<HashMap<String, Vec<f32>>>,
}

/// Words that may name some groups of texts.
struct Words {
    words: Vec<NameWord>,
    /// Of each word, as [`word_vectors`] makes them.
    vectors: Vec<f32>,
    /// The mean of the words' vectors in the goal's form.
    mean: Vec<f32>,
    /// How many texts of each group were looked at.
    sizes: Vec<usize>,
}

impl<'a> Vocabulary<'a> {
    pub fn of(seen: &'a Seen<'a>) -> Self {
        let goal = &seen.params.goal;
        // Names can be made without relations of words.
        let (noun, kinds) = match wordnet() {
            Ok(wordnet) => {
                let template = asked_form(goal);
                let noun = goal_noun(template.as_deref().unwrap_or(goal), wordnet)
                    .or_else(|| goal_noun(goal, wordnet));
                let kinds = kinds(wordnet, noun.as_ref(), |words| one_token(seen, words));
                (noun, kinds)
            }
            Err(error) => {
                seen.ctx.warn(format!("Explanations are named without WordNet: {error}"));
                (None, Kinds::default())
            }
        };
        let form = form(goal, noun.as_ref(), kinds.specific);
        let kinds_of = match noun.filter(|_| kinds.specific) {
            Some(noun) => format!("a kind of {}", noun.noun),
            None => "a field of study or an activity".to_owned(),
        };
        Self { seen, kinds, kinds_of, form, known: RefCell::default() }
    }

    /// Unit vectors of some words, end to end.
    fn embedded(&self, words: &[String]) -> Result<Vec<f32>, StageError> {
        let mut known = self.known.borrow_mut();
        let new: Vec<String> = words.iter().filter(|word| !known.contains_key(*word)).cloned().collect();
        let dim = self.seen.embedder.dim();
        let vectors = embedded(self.seen.embedder, &new, self.seen.ctx)?;
        known.extend(new.into_iter().zip(vectors.chunks_exact(dim.max(1)).map(<[f32]>::to_vec)));
        Ok(words.iter().filter_map(|word| known.get(word)).flatten().copied().collect())
    }

    /// The words that may name `k` groups.
    fn words(&self, labels: &[u32], k: usize, dim: usize) -> Result<Words, StageError> {
        let Seen { corpus, documents, ctx, .. } = *self.seen;
        let mut members = vec![Vec::new(); k];
        for i in self.seen.shown() {
            if let Some(members) = members.get_mut(labels[i as usize] as usize) {
                members.push(i);
            }
        }
        let text = |i: usize| -> Cow<'_, str> { corpus.text(documents[i] as usize) };
        let words = name_words(&text, &members, &self.kinds.words, ctx)?;
        let plain: Vec<String> = words.iter().map(|word| word.word.clone()).collect();
        let formed: Vec<String> = plain.iter().map(|word| format!("{} {word}", self.form)).collect();
        let formed = self.embedded(&formed)?;
        let mean = mean(&formed, dim);
        let vectors = word_vectors(self.embedded(&plain)?, formed, dim);
        Ok(Words { words, vectors, mean, sizes: members.iter().map(Vec::len).collect() })
    }

    /// Words and phrases that may stand for groups: those that name the parts of a clustering.
    pub fn proposals(&self, rows: &Matrix, smooth: &Matrix) -> Result<Vec<Proposal>, StageError> {
        let Seen { params, ctx, .. } = *self.seen;
        ctx.progress.begin("Looking for words that stand for groups", "words", 0, 0);
        let k = params.k.map_or(MOST_PARTS, |k| (k + k.div_ceil(2)).clamp(2, MOST_PARTS));
        let clustering = KMeansParams {
            k: k.min(rows.rows() / TEXTS_A_PART).max(1),
            seed: params.seed,
            centre: false,
            metric: Metric::Euclidean,
            ..KMeansParams::default()
        };
        let clusters = kmeans(smooth, &clustering, &ctx.untold())?;
        let Words { words, vectors, sizes, .. } = self.words(&clusters.labels, clusters.count, rows.dim())?;
        let names = names(rows, &clusters.labels, &sizes, &words, &vectors, params.seed, ctx)?;
        let mut texts = vec![0usize; clusters.count];
        for &label in clusters.labels.iter().filter(|label| **label != UNCLUSTERED) {
            texts[label as usize] += 1;
        }
        let mut proposed = HashSet::new();
        let said =
            names.iter().zip(texts).flat_map(|(name, texts)| name.words.iter().map(move |&w| (w, texts)));
        let said = said.filter(|(word, _)| proposed.insert(*word));
        Ok(said
            .map(|(word, texts)| Proposal {
                is_kind: words[word].is_kind,
                by: if words[word].is_kind {
                    format!("WordNet: “{}”, {}", words[word].word, self.kinds_of)
                } else {
                    format!("the phrase “{}”", words[word].word)
                },
                direction: vectors[word * rows.dim()..(word + 1) * rows.dim()].to_vec(),
                texts,
            })
            .collect())
    }
}

/// Names by words that tell members from others, and the mean of the words' vectors in the goal's form.
pub(super) fn by_words(
    vocabulary: &Vocabulary<'_>,
    rows: &Matrix,
    found: &Found,
) -> Result<(Vec<Named>, Vec<f32>), StageError> {
    let Seen { corpus, documents, params, ctx, .. } = *vocabulary.seen;
    let (labels, k) = (&found.refined.labels, found.refined.model.k);
    ctx.progress.begin("Naming explanations", "words", 0, 0);
    let Words { words, vectors, mean: word_mean, sizes } = vocabulary.words(labels, k, rows.dim())?;
    let names = names(rows, labels, &sizes, &words, &vectors, params.seed, ctx)?;
    let form = &vocabulary.form;
    let said = |name: &Name, c: usize| {
        if let Some((predicate, title)) = found.given[c].and_then(|given| params.own_words(given)) {
            return Named { predicate: predicate.to_owned(), title: title.to_owned(), area: None };
        }
        if !name.words.is_empty() {
            let title = name.words.iter().map(|&w| words[w].word.as_str()).collect::<Vec<_>>().join(", ");
            return Named { predicate: format!("{form} {title}"), title, area: Some(name.area) };
        }
        // No word sets it apart: a text of it says more than a number.
        let text = |i: usize| corpus.text(documents[i] as usize);
        let example = labels.iter().position(|label| *label == c as u32).map(text).unwrap_or_default();
        let quoted: String = example.trim().chars().take(QUOTED).collect();
        let title = format!("{QUOTING}{quoted}”");
        Named { predicate: format!("is {title}"), title, area: None }
    };
    Ok((names.iter().enumerate().map(|(c, name)| said(name, c)).collect(), word_mean))
}

/// Which of some words the model knows as one piece: these are common.
fn one_token(seen: &Seen<'_>, words: &[&str]) -> Vec<bool> {
    let special = seen.embedder.count_tokens(&[""]).first().copied().unwrap_or(0);
    seen.embedder.count_tokens(words).into_iter().map(|tokens| tokens == special + 1).collect()
}

/// Names by the features of style that are most marked among the members.
pub(super) fn by_style(style: &Style, found: &Found, params: &GoalParams) -> Vec<Named> {
    let (labels, k) = (&found.refined.labels, found.refined.model.k);
    let of = |c: usize| {
        if let Some((predicate, title)) = found.given[c].and_then(|given| params.own_words(given)) {
            return Named { predicate: predicate.to_owned(), title: title.to_owned(), area: None };
        }
        let members: Vec<u32> =
            (0..labels.len() as u32).filter(|&i| labels[i as usize] == c as u32).collect();
        let marks = style.marks(&members).into_iter();
        let marks = marks.enumerate().filter(|(place, (_, mean))| *place == 0 || mean.abs() >= MARKED);
        let said: Vec<&str> = marks
            .map(|(_, (feature, mean))| if mean > 0.0 { feature.more } else { feature.less })
            .take(FEATURES_SAID)
            .collect();
        let title = match said.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
            None => String::new(),
        };
        Named { predicate: title.clone(), title, area: None }
    };
    (0..k).map(of).collect()
}
