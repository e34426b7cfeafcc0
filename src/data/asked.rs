//! What a person asks of a goal, and what they did to its explanations since.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{GoalView, Goals, Key};

/// λ: what it costs that several explanations hold for a text.
pub const OVERLAP_COST: f64 = 0.5;
/// μ: what it costs that none does.
pub const MISSED_COST: f64 = 1.0;

/// An explanation to start from: documents that satisfy it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seed {
    /// Its words, where a person chose them; else it is named like the others.
    pub predicate: Option<String>,
    /// What it is called then; its words where nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Documents that show it, ascending.
    pub documents: Vec<u32>,
}

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
    /// The same in examples.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<Seed>,
    /// Documents of explanations that are not to come again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub banned: Vec<Vec<u32>>,
    /// Instead of the view that the goal's words are nearest to.
    pub view: Option<GoalView>,
    /// Whether the mean of each language's texts is subtracted, where texts are compared by meaning.
    pub by_language: bool,
    /// Beside the language: a column whose groups' means are subtracted.
    pub nuisance: Option<String>,
    pub seed: u64,
}

impl Default for GoalParams {
    fn default() -> Self {
        Self {
            goal: String::new(),
            k: None,
            lambda: OVERLAP_COST,
            mu: MISSED_COST,
            predicates: Vec::new(),
            seeds: Vec::new(),
            banned: Vec::new(),
            view: None,
            by_language: true,
            nuisance: None,
            seed: 0,
        }
    }
}

impl GoalParams {
    /// How many explanations are a person's own.
    pub fn own(&self) -> usize {
        self.predicates.len() + self.seeds.len()
    }

    /// The predicate and the title of one of a person's own explanations: predicates come first, then seeds. None
    /// where it has no words yet.
    pub fn own_words(&self, at: usize) -> Option<(&str, &str)> {
        if let Some(predicate) = self.predicates.get(at) {
            return Some((predicate, predicate));
        }
        let seed = self.seeds.get(at.checked_sub(self.predicates.len())?)?;
        let predicate = seed.predicate.as_deref()?;
        Some((predicate, seed.title.as_deref().unwrap_or(predicate)))
    }

    /// The same goal to be explained again: explanations that a person pinned come again, and none like those that
    /// they banned.
    pub fn again(&self, before: &Asked, goals: &Goals) -> Self {
        let mut params = self.clone();
        // What was asked for in words and is there under others, or no longer, was changed since.
        let there = |words: &str| goals.explanations.iter().any(|explanation| explanation.predicate == words);
        let changed = |words: &str| {
            let asked = (0..before.params.own()).filter_map(|at| before.params.own_words(at));
            !there(words) && asked.into_iter().any(|(predicate, _)| predicate == words)
        };
        params.predicates.retain(|predicate| !changed(predicate));
        params.seeds.retain(|seed| seed.predicate.as_deref().is_none_or(|predicate| !changed(predicate)));
        for explanation in goals.explanations.iter().filter(|explanation| explanation.pinned) {
            let known = (0..params.own()).filter_map(|at| params.own_words(at));
            if known.into_iter().any(|(predicate, _)| predicate == explanation.predicate) {
                continue;
            }
            params.seeds.push(Seed {
                predicate: Some(explanation.predicate.clone()),
                title: Some(explanation.title.clone()),
                documents: explanation.surest(),
            });
        }
        for deed in &before.deeds {
            if let GoalDeed::Ban { documents, .. } = &**deed
                && !params.banned.contains(documents)
            {
                params.banned.push(documents.clone());
            }
        }
        params
    }
}

/// Something that a person does to the explanations of a goal. Explanations are meant by
/// [`super::Explanation::id`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "deed")]
pub enum GoalDeed {
    /// Says an explanation in other words; its members follow the words.
    Reword { which: u32, predicate: String },
    /// Gives it other words and leaves its members.
    Rename { which: u32, predicate: String },
    /// Makes one of several.
    Merge { which: Vec<u32> },
    /// Parts one into finer ones.
    Split { which: u32, parts: usize },
    /// Takes one away; like these documents, which showed it best, none comes again.
    Ban { which: u32, documents: Vec<u32> },
    /// Keeps one whatever is proposed when the goal is explained again, or no longer.
    Pin { which: u32, pinned: bool },
    /// Adds one in words of one's own.
    Add { predicate: String },
    /// Adds one that shows in these documents.
    AddLike { documents: Vec<u32> },
    /// Adds the clearest of what no explanation covers.
    AddMissing,
    /// Adds the clearest of what lies just outside of one.
    AddBeside { which: u32 },
    /// Says whether a document satisfies one.
    Judge { document: u32, which: u32, satisfies: bool },
}

impl GoalDeed {
    /// What it is called where it can be taken back.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reword { .. } => "Reword an explanation",
            Self::Rename { .. } => "Rename an explanation",
            Self::Merge { .. } => "Merge explanations",
            Self::Split { .. } => "Split an explanation",
            Self::Ban { .. } => "Ban an explanation",
            Self::Pin { pinned: true, .. } => "Pin an explanation",
            Self::Pin { pinned: false, .. } => "Unpin an explanation",
            Self::Add { .. } | Self::AddLike { .. } | Self::AddMissing | Self::AddBeside { .. } => {
                "Add an explanation"
            }
            Self::Judge { .. } => "Judge a document",
        }
    }

    /// The same about documents that are numbered anew; `None` where it is about one that is gone.
    fn renumbered(&self, new_of: &[Option<u32>]) -> Option<Self> {
        Some(match self {
            Self::Judge { document, which, satisfies } => {
                let document = (*new_of.get(*document as usize)?)?;
                Self::Judge { document, which: *which, satisfies: *satisfies }
            }
            Self::Ban { which, documents } => {
                Self::Ban { which: *which, documents: renumbered(documents, new_of) }
            }
            Self::AddLike { documents } => Self::AddLike { documents: renumbered(documents, new_of) },
            other => other.clone(),
        })
    }
}

/// A goal that was asked for, and what was done to its explanations, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Among the goals of a corpus.
    pub id: u32,
    pub params: Arc<GoalParams>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deeds: Vec<Arc<GoalDeed>>,
}

impl Asked {
    /// Of what its explanations are computed from, beside the texts.
    pub fn key(&self) -> Key {
        Key::of("asked", 1).params(&self.params).params(&self.deeds).finish()
    }

    /// Whether these are the explanations that it asks for.
    pub fn answers(&self, goals: &Goals) -> bool {
        goals.asked == self.key()
    }

    /// Whether `other` is this with more deeds, or the same.
    pub fn leads_to(&self, other: &Self) -> bool {
        (Arc::ptr_eq(&self.params, &other.params) || self.params == other.params)
            && other.deeds.len() >= self.deeds.len()
            && self.deeds.iter().zip(&other.deeds).all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
    }

    /// The same with one deed more.
    pub fn with(&self, deed: GoalDeed) -> Self {
        let mut asked = self.clone();
        asked.deeds.push(Arc::new(deed));
        asked
    }

    /// The same of documents that are numbered anew.
    pub fn renumbered(&self, new_of: &[Option<u32>]) -> Self {
        let mut params = (*self.params).clone();
        for seed in &mut params.seeds {
            seed.documents = renumbered(&seed.documents, new_of);
        }
        params.seeds.retain(|seed| !seed.documents.is_empty());
        for banned in &mut params.banned {
            *banned = renumbered(banned, new_of);
        }
        params.banned.retain(|banned| !banned.is_empty());
        let deeds = self.deeds.iter().filter_map(|deed| deed.renumbered(new_of).map(Arc::new)).collect();
        Self { id: self.id, params: Arc::new(params), deeds }
    }
}

fn renumbered(documents: &[u32], new_of: &[Option<u32>]) -> Vec<u32> {
    let mut found: Vec<u32> = documents.iter().filter_map(|&id| *new_of.get(id as usize)?).collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Explanation;

    fn asked() -> Asked {
        let params = GoalParams {
            goal: "by topic".into(),
            seeds: vec![Seed { documents: vec![0, 2], ..Seed::default() }],
            banned: vec![vec![1]],
            ..GoalParams::default()
        };
        Asked { id: 1, params: Arc::new(params), deeds: Vec::new() }
    }

    #[test]
    fn a_goal_leads_to_itself_with_more_deeds_and_to_nothing_else() {
        let before = asked();
        let after = before.with(GoalDeed::Ban { which: 2, documents: vec![0] });
        assert!(before.leads_to(&after) && before.leads_to(&before) && !after.leads_to(&before));
        let mut other = after.clone();
        other.params = Arc::new(GoalParams::default());
        assert!(!before.leads_to(&other));
        assert_ne!(before.key(), after.key());
    }

    #[test]
    fn deeds_about_documents_that_are_gone_are_gone() {
        let asked = asked()
            .with(GoalDeed::Judge { document: 1, which: 0, satisfies: true })
            .with(GoalDeed::Judge { document: 2, which: 0, satisfies: false });
        let moved = asked.renumbered(&[Some(4), None, Some(3)]);
        assert_eq!(moved.params.seeds[0].documents, [3, 4]);
        assert!(moved.params.banned.is_empty());
        assert_eq!(*moved.deeds[0], GoalDeed::Judge { document: 3, which: 0, satisfies: false });
        assert_eq!(moved.deeds.len(), 1);
    }

    #[test]
    fn explained_again_a_goal_keeps_what_was_pinned_and_drops_what_was_changed() {
        let explanation = |id: u32, predicate: &str, pinned: bool| Explanation {
            id,
            predicate: predicate.into(),
            title: predicate.into(),
            members: vec![id],
            only: 1,
            scores: vec![0.5; 4],
            exemplars: Vec::new(),
            near_misses: Vec::new(),
            held_out: None,
            name_area: None,
            proposed_by: String::new(),
            pinned,
        };
        let predicates = vec!["is kept".to_owned(), "is reworded".to_owned()];
        let params = GoalParams { predicates, ..GoalParams::default() };
        let before = Asked { id: 0, params: Arc::new(params.clone()), deeds: Vec::new() }
            .with(GoalDeed::Ban { which: 9, documents: vec![3] });
        let goals = Goals {
            key: before.key(),
            asked: before.key(),
            goal: String::new(),
            view: GoalView::Meaning,
            why: String::new(),
            nuisances: Vec::new(),
            explanations: vec![
                explanation(0, "is kept", true),
                explanation(1, "is other", true),
                explanation(2, "is found", false),
            ],
            best: vec![0, 1, 2, crate::data::UNCLUSTERED],
            selection: None,
            proposed_by: String::new(),
            assigned_by: String::new(),
        };
        let again = params.again(&before, &goals);
        assert_eq!(again.predicates, ["is kept"]);
        let seeds: Vec<Option<&str>> = again.seeds.iter().map(|seed| seed.predicate.as_deref()).collect();
        assert_eq!((seeds, again.banned.clone()), (vec![Some("is other")], vec![vec![3]]));
        assert_eq!(again.again(&before, &goals), again);
    }

    #[test]
    fn what_was_asked_comes_back_from_json() {
        let asked = asked().with(GoalDeed::AddMissing).with(GoalDeed::Merge { which: vec![1, 2] });
        let text = serde_json::to_string(&asked).unwrap();
        assert_eq!(serde_json::from_str::<Asked>(&text).unwrap(), asked);
    }
}
