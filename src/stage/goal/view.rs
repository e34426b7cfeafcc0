//! The view that a goal picks, and explanations that are read from the corpus: languages and columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use whatlang::Lang;

use crate::data::{Column, Corpus, Explanation, GoalView, Goals, Key, Matrix, NO_CODE, Typed, UNCLUSTERED};
use crate::embed::Embedder;
use crate::job::Ctx;
use crate::math::goal_view::{Chosen, Question, View, Why, asked_form};
use crate::math::language::Detected;
use crate::math::style::{FEATURES, Style, style};
use crate::math::text_languages::english_name;

use super::super::StageError;
use super::assemble::SHOWN;
use super::{Asked, Explained, GoalParams, embedded};

/// A language or a value with a smaller share of the texts is no group of its own.
const LEAST_SHARE: f64 = 0.02;

/// The columns that texts can be grouped by.
fn groupable(corpus: &Corpus) -> Vec<&Column> {
    let texts = &corpus.text_columns;
    let columns = corpus.columns.iter().enumerate().filter(|(at, _)| !texts.contains(at));
    columns
        .filter(|(_, column)| matches!(column.typed, Typed::Category { .. }))
        .map(|(_, column)| column)
        .collect()
}

/// A column of categories.
#[derive(Clone, Copy)]
struct Categories<'c> {
    name: &'c str,
    levels: &'c [String],
    /// Of each document of the corpus.
    codes: &'c [u32],
}

fn categories<'c>(corpus: &'c Corpus, name: &'c str) -> Result<Categories<'c>, StageError> {
    match corpus.column(name).map(|column| &column.typed) {
        Some(Typed::Category { levels, codes }) => Ok(Categories { name, levels, codes }),
        Some(_) => Err(StageError::Failed(format!(
            "The column “{name}” does not hold categories, so texts cannot be grouped by it."
        ))),
        None => Err(StageError::Failed(format!("There is no column “{name}”."))),
    }
}

/// The view of a goal, and why in a sentence.
pub(super) fn choose(
    corpus: &Corpus,
    params: &GoalParams,
    embedder: &Embedder,
    ctx: &Ctx,
) -> Result<(GoalView, String), StageError> {
    if let Some(view) = &params.view {
        return Ok((view.clone(), "This view was asked for.".into()));
    }
    let columns: Vec<&str> = groupable(corpus).iter().map(|column| column.name.as_str()).collect();
    let question = Question::of(&params.goal, &columns);
    let chosen = match question.decided() {
        Some(chosen) => chosen,
        None => question.decide(&embedded(embedder, &question.phrases(), ctx)?, embedder.dim()),
    };
    let Chosen { view, why, .. } = chosen;
    let view = match view {
        View::Meaning => GoalView::Meaning,
        View::Language => GoalView::Language,
        View::Style => GoalView::Style,
        View::Column(column) => GoalView::Column(columns[column].to_owned()),
    };
    let why = match (why, &view) {
        (Why::NothingSaid, _) if params.goal.trim().is_empty() => {
            "There is no goal: compared by meaning.".into()
        }
        (Why::NothingSaid, _) => {
            "The goal does not say how to compare the texts: compared by meaning.".into()
        }
        (Why::Unclear, _) => {
            "The goal is near to no way of comparing texts (goals are read in English): compared by meaning."
                .into()
        }
        (Why::ColumnNamed, GoalView::Column(name)) => format!("The goal names the column “{name}”."),
        (_, GoalView::Column(name)) => format!("The goal is near to the column “{name}”."),
        (_, GoalView::Meaning) => "The goal asks what the texts mean.".into(),
        (_, GoalView::Language) => "The goal asks for the language the texts are in.".into(),
        (_, GoalView::Style) => "The goal asks how the texts are written.".into(),
    };
    Ok((view, why))
}

/// What is known of the texts before they are compared.
pub(super) struct Seen<'a> {
    pub corpus: &'a Corpus,
    /// The documents that have text.
    pub documents: &'a [u32],
    /// Of each of them.
    pub languages: &'a [Option<Detected>],
    pub embedder: &'a Embedder,
    pub params: &'a GoalParams,
    pub ctx: &'a Ctx,
}

impl Seen<'_> {
    /// Whether the texts show in a goal's language, which is English: the texts that names are made from.
    pub fn shown(&self) -> Vec<u32> {
        /// Texts in the goal's language name the clusters where they have at least this share.
        const ENOUGH: f64 = 0.1;
        let all = 0..self.documents.len() as u32;
        let english: Vec<u32> = all
            .clone()
            .filter(|&i| self.languages[i as usize].is_some_and(|found| found.language == Lang::Eng))
            .collect();
        if english.len() as f64 >= ENOUGH * self.documents.len() as f64 { english } else { all.collect() }
    }

    /// A number for each text's group of nuisances (`u32::MAX` where it is not known), and what each group is called.
    pub fn nuisances(&self) -> Result<(Vec<u32>, Vec<String>), StageError> {
        let column = self.params.nuisance.as_deref().map(|name| categories(self.corpus, name)).transpose()?;
        let mut numbers = BTreeMap::<(Option<u8>, Option<u32>), u32>::new();
        let mut names = Vec::new();
        let groups = self.documents.iter().zip(self.languages).map(|(&document, language)| {
            let language = language.as_ref().filter(|_| self.params.by_language);
            let code = column.map(|column| column.codes[document as usize]).filter(|&code| code != NO_CODE);
            if language.is_none() && code.is_none() {
                return u32::MAX;
            }
            *numbers.entry((language.map(|found| found.language as u8), code)).or_insert_with(|| {
                let language = language.map(|found| format!("in {}", english_name(found.language)));
                let value = column
                    .zip(code)
                    .map(|(column, code)| format!("with {} {}", column.name, column.levels[code as usize]));
                let parts: Vec<String> = language.into_iter().chain(value).collect();
                names.push(format!("the mean of texts {}", parts.join(" ")));
                names.len() as u32 - 1
            })
        });
        Ok((groups.collect(), names))
    }

    /// The texts by how they are written; each is held against the others in its language.
    pub fn styles(&self) -> Result<(Matrix, Style), StageError> {
        let groups: Vec<u32> = self
            .languages
            .iter()
            .map(|found| found.map_or(u32::MAX, |found| found.language as u32))
            .collect();
        let text = |i: usize| self.corpus.text(self.documents[i] as usize);
        let language = |i: usize| self.languages[i].map(|found| found.language);
        let style = style(self.documents.len(), text, language, Some(&groups), self.ctx)?;
        let scale = (FEATURES.len() as f32).sqrt().recip();
        let values = style.values.iter().map(|value| value * scale).collect();
        let key = Key::of("styles", 1).input(self.corpus.key).finish();
        Ok((Matrix::from_vec(key, "style", false, FEATURES.len(), values), style))
    }

    pub fn by_language(&self, why: String) -> Result<Explained, StageError> {
        let mut counts = BTreeMap::<u8, (Lang, usize)>::new();
        for found in self.languages.iter().flatten() {
            counts.entry(found.language as u8).or_insert((found.language, 0)).1 += 1;
        }
        let groups = counts.into_values().map(|(language, count)| {
            let (english, own) = (english_name(language), language.name());
            let name = if english == own { english.to_owned() } else { format!("{english} ({own})") };
            (language as u32, name, count)
        });
        let of = |i: usize| self.languages[i].map(|found| (found.language as u32, found.confidence as f32));
        let form = asked_form(&self.params.goal).unwrap_or_else(|| "is written in".into());
        self.read_from(GoalView::Language, groups.collect(), of, &form, why)
    }

    pub fn by_column(&self, name: &str, why: String) -> Result<Explained, StageError> {
        let Categories { levels, codes, .. } = categories(self.corpus, name)?;
        let mut counts = vec![0usize; levels.len()];
        let code = |i: usize| codes[self.documents[i] as usize];
        (0..self.documents.len()).map(code).filter(|&c| c != NO_CODE).for_each(|c| counts[c as usize] += 1);
        let groups =
            levels.iter().zip(counts).enumerate().map(|(c, (level, n))| (c as u32, level.clone(), n));
        let of = |i: usize| Some((code(i), 1.0)).filter(|(code, _)| *code != NO_CODE);
        let form = format!("has the {name}");
        self.read_from(GoalView::Column(name.to_owned()), groups.collect(), of, &form, why)
    }

    /// The commonest groups (number, name, texts) as explanations; `of` says a text's group and how sure that is.
    fn read_from(
        &self,
        view: GoalView,
        mut groups: Vec<(u32, String, usize)>,
        of: impl Fn(usize) -> Option<(u32, f32)>,
        form: &str,
        why: String,
    ) -> Result<Explained, StageError> {
        let params = self.params;
        if !params.predicates.is_empty() {
            groups.retain(|(_, name, _)| params.predicates.iter().any(|given| mentions(given, name)));
        }
        let least = LEAST_SHARE * self.documents.len() as f64;
        groups.retain(|(_, _, count)| *count as f64 >= least);
        groups.sort_by_key(|(number, _, count)| (std::cmp::Reverse(*count), *number));
        groups.truncate(params.k.unwrap_or(usize::MAX));
        if groups.is_empty() {
            return Err(StageError::Failed(match &view {
                GoalView::Column(name) => format!(
                    "No value of the column “{name}” stands in 2% of the documents, so it makes no groups."
                ),
                _ if params.predicates.is_empty() => {
                    "No language could be told: the texts are too short, or in languages that are not known."
                        .into()
                }
                _ => "None of the given predicates names a language of these texts in English.".into(),
            }));
        }
        let source = match &view {
            GoalView::Column(name) => format!("the column “{name}”"),
            _ => "language detection".into(),
        };
        let n = self.corpus.len();
        let mut best = vec![UNCLUSTERED; n];
        let mut explanations: Vec<Explanation> = groups
            .iter()
            .zip(0u32..)
            .map(|((_, name, _), id)| Explanation {
                id,
                predicate: format!("{form} {name}"),
                title: name.clone(),
                members: Vec::new(),
                only: 0,
                scores: vec![0.0; n],
                exemplars: Vec::new(),
                near_misses: Vec::new(),
                held_out: None,
                name_area: None,
                proposed_by: source.clone(),
                pinned: false,
            })
            .collect();
        for (i, &document) in self.documents.iter().enumerate() {
            let Some((number, sure)) = of(i) else { continue };
            let Some(place) = groups.iter().position(|(group, _, _)| *group == number) else { continue };
            best[document as usize] = place as u32;
            explanations[place].members.push(document);
            explanations[place].scores[document as usize] = sure;
        }
        for explanation in &mut explanations {
            let mut sure = explanation.members.clone();
            let scores = &explanation.scores;
            sure.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
            sure.truncate(SHOWN);
            explanation.exemplars = sure;
        }
        let key = Key::of("goal read", 1).input(self.corpus.key).params(params).finish();
        let asked = Asked { id: 0, params: Arc::new(params.clone()), deeds: Vec::new() };
        let mut goals = Goals {
            key,
            asked: asked.key(),
            goal: params.goal.clone(),
            view,
            why,
            nuisances: Vec::new(),
            explanations,
            best,
            selection: None,
            proposed_by: source.clone(),
            assigned_by: source,
        };
        goals.count_only();
        Ok(Explained { asked, goals: Arc::new(goals), working: None })
    }
}

/// Whether a predicate holds one of the words of a name.
fn mentions(predicate: &str, name: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let lower = text.to_lowercase();
        lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let said = words(predicate);
    words(name).iter().any(|word| said.contains(word))
}
