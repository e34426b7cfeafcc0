//! The space in which a goal's texts are compared.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::data::{Corpus, GoalParams, GoalView, Matrix, UNCLUSTERED};
use crate::job::Ctx;
use crate::math::goal_refine::Texts;
use crate::math::goal_space::{centred, gathered, make_unit, smoothed};
use crate::math::goal_words::TextWords;
use crate::math::language::Detected;
use crate::math::neighbours::NeighbourParams;
use crate::math::style::Style;
use crate::math::vector;

use super::super::{StageError, Tools, neighbours};
use super::Inputs;
use super::view::Seen;

/// Words that tell a person what a candidate without a name is about.
const SPELLED: usize = 3;

/// Texts as a goal compares them. What has a number for each text is about those that have any.
pub(super) struct Compared {
    /// The documents that have text, ascending.
    pub documents: Vec<u32>,
    pub languages: Vec<Option<Detected>>,
    pub rows: Matrix,
    /// The rows, each leaning on its neighbours: what is clustered.
    pub smooth: Matrix,
    pub words: TextWords,
    /// How texts are written, where they are compared by that.
    pub features: Option<Style>,
    /// What was subtracted before texts were compared.
    pub nuisances: Vec<String>,
    /// The mean that was taken from each text's vector, by its group; none where rows are no vectors of texts.
    means: Vec<Vec<f32>>,
    groups: Vec<u32>,
}

impl Compared {
    /// The space of a view of `documents`; `languages` are theirs.
    pub fn of(
        inputs: &Inputs<'_>,
        params: &GoalParams,
        view: &GoalView,
        documents: Vec<u32>,
        languages: Vec<Option<Detected>>,
        tools: Tools<'_>,
        ctx: &Ctx,
    ) -> Result<Self, StageError> {
        let &Inputs { corpus, matrix, embedder, .. } = inputs;
        let seen = Seen { corpus, documents: &documents, languages: &languages, embedder, params, ctx };
        if *view == GoalView::Style {
            let (rows, style) = seen.styles()?;
            check_differ(&rows)?;
            let (smooth, words) = (rows.clone(), TextWords::none(rows.rows()));
            return Ok(Self {
                rows,
                smooth,
                words,
                features: Some(style),
                nuisances: Vec::new(),
                means: Vec::new(),
                groups: Vec::new(),
                documents,
                languages,
            });
        }
        ctx.progress.begin("Comparing texts", "texts", documents.len() as u64, 0);
        let (groups, names) = seen.nuisances()?;
        let centred = centred(&gathered(matrix, &documents), Some(&groups), ctx)?;
        let nuisances: Vec<String> =
            centred.subtracted.iter().map(|group| names[*group as usize].clone()).collect();
        let (rows, means, groups) = (centred.rows, centred.means, centred.texts);
        check_differ(&rows)?;
        let words = TextWords::of(rows.rows(), |i| corpus.text(documents[i] as usize), ctx)?;
        // Neighbours before nuisances were taken away would bring them back.
        let known = inputs.knn.filter(|knn| nuisances.is_empty() && knn.len() == rows.rows());
        let own;
        let knn = match known {
            Some(knn) => knn,
            None => {
                let search = NeighbourParams { seed: params.seed, ..NeighbourParams::default() };
                own = neighbours::run(&rows, &search, Tools { cache: None, ..tools }, ctx)?;
                &own
            }
        };
        let smooth = smoothed(&rows, knn, ctx)?;
        Ok(Self { rows, smooth, words, features: None, nuisances, means, groups, documents, languages })
    }

    /// What is known of the texts, for naming.
    pub fn seen<'a>(&'a self, inputs: &Inputs<'a>, params: &'a GoalParams, ctx: &'a Ctx) -> Seen<'a> {
        Seen {
            corpus: inputs.corpus,
            documents: &self.documents,
            languages: &self.languages,
            embedder: inputs.embedder,
            params,
            ctx,
        }
    }

    /// What texts are compared by, with what a person decided (see [`Texts`]).
    pub fn texts<'a>(&'a self, fixed: &'a [u32], barred: &'a [(u32, u32)]) -> Texts<'a> {
        Texts { rows: &self.rows, words: &self.words, fixed, barred }
    }

    /// The mean of the group of a document's text.
    pub fn mean_of(&self, document: u32) -> Option<&[f32]> {
        let row = self.row_of(document)?;
        let group = *self.groups.get(row as usize)?;
        self.means.get(group as usize).map(Vec::as_slice)
    }

    /// The row of a document.
    pub fn row_of(&self, document: u32) -> Option<u32> {
        self.documents.binary_search(&document).ok().map(|row| row as u32)
    }

    /// The documents of some rows.
    pub fn in_corpus(&self, rows: &[u32]) -> Vec<u32> {
        rows.iter().map(|&row| self.documents[row as usize]).collect()
    }

    /// A label for each of `n` documents from one for each row.
    pub fn of_documents(&self, labels: &[u32], n: usize) -> Vec<u32> {
        let mut all = vec![UNCLUSTERED; n];
        self.documents.iter().zip(labels).for_each(|(&i, &label)| all[i as usize] = label);
        all
    }

    /// A unit vector towards each of some groups of documents; a group without text gives zeros.
    pub fn directions<'d>(&self, groups: impl Iterator<Item = &'d [u32]>) -> Vec<f32> {
        let dim = self.rows.dim();
        let mut all = Vec::new();
        for group in groups {
            let mut sum = vec![0.0f32; dim];
            for row in group.iter().filter_map(|&document| self.row_of(document)) {
                let row = self.rows.row(row as usize);
                let factor = vector::inverse_norm(&row);
                sum.iter_mut().zip(row.iter()).for_each(|(sum, x)| *sum += factor * x);
            }
            all.extend(sum);
        }
        make_unit(&mut all, dim);
        all
    }

    /// For each of `count` labels of rows a few words that stand in its texts more than in others.
    pub fn spelled(&self, labels: &[u32], count: usize, corpus: &Corpus) -> Vec<String> {
        let marked = self.words.marked(labels, count, SPELLED);
        let mut sought: HashMap<u32, Option<String>> =
            marked.iter().flatten().map(|&word| (word, None)).collect();
        let text = |i: usize| -> Cow<'_, str> { corpus.text(self.documents[i] as usize) };
        self.words.spell(&mut sought, text);
        let said = |words: &Vec<u32>| {
            let words = words.iter().filter_map(|word| sought.get(word)?.clone());
            words.collect::<Vec<String>>().join(", ")
        };
        marked.iter().map(said).collect()
    }
}

fn check_differ(rows: &Matrix) -> Result<(), StageError> {
    if (0..rows.rows()).all(|i| vector::inverse_norm(&rows.row(i)) == 0.0) {
        return Err(StageError::Failed(format!(
            "All {} texts are equal as far as this goal can tell, so nothing sets groups of them apart.",
            rows.rows()
        )));
    }
    Ok(())
}
