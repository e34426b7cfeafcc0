//! Explanations in words.

use std::borrow::Cow;

use crate::data::{Matrix, QUOTING, UNCLUSTERED};
use crate::math::goal_name_words::{Kinds, kinds, name_words};
use crate::math::goal_names::{Name, names, word_vectors};
use crate::math::goal_noun::{GoalNoun, goal_noun};
use crate::math::goal_space::make_unit;
use crate::math::goal_view::asked_form;
use crate::math::style::Style;
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

/// Directions of the person's own predicates, less what all have in common; empty where texts are compared by style, in
/// which words have no direction.
pub(super) fn given(seen: &Seen<'_>, rows: &Matrix, style: bool) -> Result<Vec<f32>, StageError> {
    let predicates = &seen.params.predicates;
    if predicates.is_empty() {
        return Ok(Vec::new());
    }
    if style {
        return Err(StageError::Failed(
            "Predicates of your own cannot be compared with how texts are written yet. Leave them out, or compare \
             the texts by meaning."
                .into(),
        ));
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

fn mean(vectors: &[f32], dim: usize) -> Vec<f32> {
    let mut mean = vec![0.0f32; dim];
    let count = (vectors.len() / dim.max(1)).max(1) as f32;
    for row in vectors.chunks_exact(dim.max(1)) {
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / count);
    }
    mean
}

/// Names by words that tell members from others (see [`by_words`]), or by how they are written.
pub(super) fn named(
    seen: &Seen<'_>,
    compared: &Compared,
    found: &Found,
) -> Result<(Vec<Named>, Vec<f32>), StageError> {
    match &compared.features {
        Some(features) => Ok((by_style(features, found, seen.params), Vec::new())),
        None => by_words(seen, &compared.rows, found, seen.params),
    }
}

/// Names by words that tell members from others, and the mean of the words' vectors in the goal's form.
fn by_words(
    seen: &Seen<'_>,
    rows: &Matrix,
    found: &Found,
    params: &GoalParams,
) -> Result<(Vec<Named>, Vec<f32>), StageError> {
    let (labels, k) = (&found.refined.labels, found.refined.model.k);
    let shown = seen.shown();
    let mut members = vec![Vec::new(); k];
    for &i in shown.iter().filter(|&&i| labels[i as usize] != UNCLUSTERED) {
        members[labels[i as usize] as usize].push(i);
    }
    let text = |i: usize| -> Cow<'_, str> { seen.corpus.text(seen.documents[i] as usize) };
    // Names can be made without relations of words.
    let (noun, kinds) = match wordnet() {
        Ok(wordnet) => {
            let template = asked_form(&params.goal);
            let noun = goal_noun(template.as_deref().unwrap_or(&params.goal), wordnet)
                .or_else(|| goal_noun(&params.goal, wordnet));
            let kinds = kinds(wordnet, noun.as_ref(), |words| one_token(seen, words));
            (noun, kinds)
        }
        Err(error) => {
            seen.ctx.warn(format!("Explanations are named without WordNet: {error}"));
            (None, Kinds::default())
        }
    };
    seen.ctx.progress.begin("Naming explanations", "words", 0, 0);
    let words = name_words(&text, &members, &kinds.words, seen.ctx)?;
    let form = form(&params.goal, noun.as_ref(), kinds.specific);
    let plain: Vec<String> = words.iter().map(|word| word.word.clone()).collect();
    let formed: Vec<String> = plain.iter().map(|word| format!("{form} {word}")).collect();
    let dim = rows.dim();
    let formed = embedded(seen.embedder, &formed, seen.ctx)?;
    let word_mean = mean(&formed, dim);
    let vectors = word_vectors(embedded(seen.embedder, &plain, seen.ctx)?, formed, dim);
    let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
    let names = names(rows, labels, &sizes, &words, &vectors, params.seed, seen.ctx)?;
    let said = |name: &Name, c: usize| {
        if let Some((predicate, title)) = found.given[c].and_then(|given| params.own_words(given)) {
            return Named { predicate: predicate.to_owned(), title: title.to_owned(), area: None };
        }
        if !name.words.is_empty() {
            let title = name.words.iter().map(|&w| plain[w].as_str()).collect::<Vec<_>>().join(", ");
            return Named { predicate: format!("{form} {title}"), title, area: Some(name.area) };
        }
        // No word sets it apart: a text of it says more than a number.
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
fn by_style(style: &Style, found: &Found, params: &GoalParams) -> Vec<Named> {
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
