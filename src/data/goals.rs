//! A goal's explanations: predicates that anyone can check on a single text, and the texts that satisfy them.

use serde::{Deserialize, Serialize};

use super::Key;

/// How a goal compares texts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GoalView {
    /// By what they mean: their vectors.
    Meaning,
    /// By the language they are written in.
    Language,
    /// By how they are written.
    Style,
    /// By the values of a column, by its name.
    Column(String),
}

/// How well an explanation tells on texts it was not made from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOutFigures {
    /// The share of those texts on the right side.
    pub accuracy: f32,
    /// F1 of its members among them.
    pub f1: f32,
}

/// How a title begins that no word sets apart: with a text that stands for it.
pub const QUOTING: &str = "like “";

/// One explanation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Among the explanations of its goal, whatever becomes of the others.
    pub id: u32,
    /// "has a topic of sport, team": can be checked on one text.
    pub predicate: String,
    /// Its words alone.
    pub title: String,
    /// Documents that satisfy it, ascending.
    #[serde(skip)]
    pub members: Vec<u32>,
    /// How many satisfy no other.
    pub only: usize,
    /// How surely each document satisfies it, in [0, 1]; members have 0.5 or more. A document without text has 0.
    #[serde(skip)]
    pub scores: Vec<f32>,
    /// Members that show it best, best first.
    pub exemplars: Vec<u32>,
    /// Documents that just do not satisfy it, nearest first.
    pub near_misses: Vec<u32>,
    /// Where explanations are read from the corpus (languages, columns) there is nothing to hold out.
    pub held_out: Option<HeldOutFigures>,
    /// The share of pairs of a member and another document in which the member is nearer to the name's words, where
    /// the name was made from words: 0.5 is chance.
    pub name_area: Option<f32>,
    /// Who proposed it, in words.
    pub proposed_by: String,
    /// Whether it stays whatever else is proposed when the goal is explained again.
    pub pinned: bool,
}

/// So many documents are enough to tell what an explanation is about.
const SUREST: usize = 200;

impl Explanation {
    /// The members that satisfy it most surely, ascending: enough of them to find it again.
    pub fn surest(&self) -> Vec<u32> {
        let mut members = self.members.clone();
        let score = |document: u32| self.scores.get(document as usize).copied().unwrap_or(0.0);
        members.sort_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
        members.truncate(SUREST);
        members.sort_unstable();
        members
    }
}

/// How the explanations were selected among the candidates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelectionReport {
    /// "best", "near", "out of work", "out of time".
    pub status: String,
    pub candidates: usize,
    pub rounds: usize,
    pub cost: f64,
    /// No selection costs less.
    pub bound: f64,
    pub gap: f64,
    pub greedy_cost: f64,
}

/// What a goal gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goals {
    pub key: Key,
    /// Of what was asked ([`super::Asked::key`]).
    pub asked: Key,
    pub goal: String,
    pub view: GoalView,
    /// Why this view, in a sentence.
    pub why: String,
    /// What was subtracted before texts were compared: "the mean of texts in German".
    pub nuisances: Vec<String>,
    pub explanations: Vec<Explanation>,
    /// For each document the number of the best explanation that it satisfies, or [`super::UNCLUSTERED`].
    #[serde(skip)]
    pub best: Vec<u32>,
    /// Where explanations were selected among candidates.
    pub selection: Option<SelectionReport>,
    /// Who proposed predicates and who decided membership, in words.
    pub proposed_by: String,
    pub assigned_by: String,
}

impl Goals {
    /// Where an explanation stands.
    pub fn place(&self, id: u32) -> Option<usize> {
        self.explanations.iter().position(|explanation| explanation.id == id)
    }

    /// How many explanations each document satisfies.
    pub fn satisfied(&self) -> Vec<u32> {
        let mut satisfied = vec![0u32; self.best.len()];
        let members = self.explanations.iter().flat_map(|explanation| &explanation.members);
        members.for_each(|&i| {
            if let Some(count) = satisfied.get_mut(i as usize) {
                *count += 1;
            }
        });
        satisfied
    }

    /// Counts for each explanation the documents that satisfy no other.
    pub fn count_only(&mut self) {
        let satisfied = self.satisfied();
        for explanation in &mut self.explanations {
            let alone = explanation.members.iter().filter(|&&i| satisfied[i as usize] == 1);
            explanation.only = alone.count();
        }
    }

    /// Documents that satisfy no explanation, ascending.
    pub fn uncovered_documents(&self) -> Vec<u32> {
        let none = self.best.iter().enumerate().filter(|(_, best)| **best == super::UNCLUSTERED);
        none.map(|(i, _)| i as u32).collect()
    }

    /// How many labels [`Goals::clusters`] has: explanations keep their ids as labels whatever becomes of the others.
    fn labels(&self) -> usize {
        self.explanations.iter().map(|explanation| explanation.id as usize + 1).max().unwrap_or(0)
    }

    /// The documents by their best explanation, as clusters labelled with the explanations' ids.
    pub fn clusters(&self) -> super::Clusters {
        let best = |place: u32| self.explanations.get(place as usize);
        let strength = |(i, &place): (usize, &u32)| {
            best(place).and_then(|explanation| explanation.scores.get(i).copied()).unwrap_or(0.0)
        };
        let label = |&place: &u32| best(place).map_or(super::UNCLUSTERED, |explanation| explanation.id);
        super::Clusters {
            key: Key::of("goal's clusters", 1).input(self.key).finish(),
            labels: self.best.iter().map(label).collect(),
            count: self.labels(),
            strengths: self.best.iter().enumerate().map(strength).collect(),
            method: "goal".into(),
        }
    }

    /// What those clusters are called; nothing where there is no explanation of an id.
    pub fn names(&self) -> super::Names {
        let none = super::ClusterName { title: String::new(), keywords: Vec::new(), exemplars: Vec::new() };
        let mut clusters = vec![none; self.labels()];
        for explanation in &self.explanations {
            let name = &mut clusters[explanation.id as usize];
            name.title.clone_from(&explanation.title);
            name.exemplars.clone_from(&explanation.exemplars);
        }
        super::Names { key: Key::of("goal's names", 1).input(self.key).finish(), clusters }
    }

    /// Documents that satisfy no explanation.
    pub fn uncovered(&self) -> usize {
        self.best.iter().filter(|&&best| best == super::UNCLUSTERED).count()
    }

    /// For each two explanations the share of documents that satisfy both among those that satisfy either.
    pub fn overlaps(&self) -> Vec<Vec<f32>> {
        let count = self.explanations.len();
        let mut both = vec![vec![0usize; count]; count];
        for i in 0..self.best.len() as u32 {
            let satisfied: Vec<usize> =
                (0..count).filter(|&e| self.explanations[e].members.binary_search(&i).is_ok()).collect();
            satisfied.iter().for_each(|&a| satisfied.iter().for_each(|&b| both[a][b] += 1));
        }
        let share =
            |a: usize, b: usize| both[a][b] as f32 / (both[a][a] + both[b][b] - both[a][b]).max(1) as f32;
        (0..count).map(|a| (0..count).map(|b| share(a, b)).collect()).collect()
    }
}
