//! A goal's explanations as a part of a project: what is said as JSON, documents and scores as arrays.

use std::collections::BTreeSet;
use std::io::{self, Write};

use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};

use super::tensors::{Damage, Part, Tensor, ensure, write};
use crate::data::{Goals, QUOTING, UNCLUSTERED};

/// Explanations of one goal, and the largest id that one of them has, at most.
const MOST: usize = 10_000;

#[derive(Serialize, Deserialize)]
struct GoalsAbout {
    goals: Goals,
    /// How many documents satisfy each explanation.
    members: Vec<usize>,
}

/// Writes them; where texts are to stay out, a title that quotes one gives way to a number.
pub(super) fn write_goals(sink: &mut impl Write, goals: &Goals, with_texts: bool) -> io::Result<()> {
    let n = goals.best.len();
    let mut members: Vec<u32> = Vec::new();
    let mut scores: Vec<f32> = Vec::with_capacity(n * goals.explanations.len());
    for explanation in &goals.explanations {
        members.extend(&explanation.members);
        scores.extend(&explanation.scores);
    }
    let tensors = [
        Tensor::new("best", Dtype::U32, &[n], &goals.best),
        Tensor::new("members", Dtype::U32, &[members.len()], &members),
        Tensor::new("scores", Dtype::F32, &[goals.explanations.len(), n], &scores),
    ];
    let mut said = Goals { explanations: Vec::new(), best: Vec::new(), ..shallow(goals) };
    for (explanation, number) in goals.explanations.iter().zip(1..) {
        let mut explanation = crate::data::Explanation {
            members: Vec::new(),
            scores: Vec::new(),
            predicate: explanation.predicate.clone(),
            title: explanation.title.clone(),
            exemplars: explanation.exemplars.clone(),
            near_misses: explanation.near_misses.clone(),
            proposed_by: explanation.proposed_by.clone(),
            ..*explanation
        };
        if !with_texts && explanation.title.starts_with(QUOTING) {
            explanation.title = format!("Explanation {number}");
            explanation.predicate.clone_from(&explanation.title);
        }
        said.explanations.push(explanation);
    }
    let counts = goals.explanations.iter().map(|explanation| explanation.members.len()).collect();
    write(sink, GoalsAbout { goals: said, members: counts }, &tensors)
}

/// What is said of all, without documents.
fn shallow(goals: &Goals) -> Goals {
    Goals {
        goal: goals.goal.clone(),
        view: goals.view.clone(),
        why: goals.why.clone(),
        nuisances: goals.nuisances.clone(),
        selection: goals.selection.clone(),
        proposed_by: goals.proposed_by.clone(),
        assigned_by: goals.assigned_by.clone(),
        explanations: Vec::new(),
        best: Vec::new(),
        ..*goals
    }
}

/// What [`write_goals`] wrote, about `n` documents.
pub(super) fn read_goals(bytes: &[u8], n: usize) -> Result<Goals, Damage> {
    let (about, part) = Part::read::<GoalsAbout>(bytes)?;
    let GoalsAbout { mut goals, members: counts } = about;
    let k = goals.explanations.len();
    ensure(k <= MOST && counts.len() == k, "its explanations are not as many as it says")?;
    let ids: BTreeSet<u32> = goals.explanations.iter().map(|explanation| explanation.id).collect();
    ensure(ids.len() == k, "two explanations have the same number")?;
    ensure(ids.last().is_none_or(|&id| (id as usize) < MOST), "an explanation has a strange number")?;
    let best: Vec<u32> = part.shaped("best", Dtype::U32, &[n])?;
    let known = |&best: &u32| best == UNCLUSTERED || (best as usize) < k;
    ensure(best.iter().all(known), "a document has an explanation that is not there")?;
    let members: Vec<u32> = part.values("members", Dtype::U32)?;
    let scores: Vec<f32> = part.shaped("scores", Dtype::F32, &[k, n])?;
    ensure(scores.iter().all(|score| (0.0..=1.0).contains(score)), "a score is none")?;
    let within = |ids: &[u32]| ids.iter().all(|&id| (id as usize) < n);
    let mut rest = members.as_slice();
    for (at, (explanation, count)) in goals.explanations.iter_mut().zip(counts).enumerate() {
        let (own, others) =
            rest.split_at_checked(count).ok_or_else(|| Damage::new("documents are missing"))?;
        ensure(own.is_sorted_by(|a, b| a < b) && within(own), "a list of documents makes no sense")?;
        ensure(
            within(&explanation.exemplars) && within(&explanation.near_misses),
            "an explanation shows a document that is not there",
        )?;
        explanation.members = own.to_vec();
        explanation.scores = scores[at * n..(at + 1) * n].to_vec();
        rest = others;
    }
    goals.best = best;
    goals.count_only();
    Ok(goals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Explanation, GoalView, Key};

    fn goals() -> Goals {
        let explanation = |id: u32, title: &str, members: Vec<u32>, scores: Vec<f32>| Explanation {
            id,
            predicate: format!("is {title}"),
            title: title.into(),
            only: 0,
            exemplars: members.clone(),
            members,
            scores,
            near_misses: Vec::new(),
            held_out: None,
            name_area: Some(0.75),
            proposed_by: "a test".into(),
            pinned: id == 3,
        };
        let mut goals = Goals {
            key: Key::of("test", 1).finish(),
            asked: Key::of("test", 2).finish(),
            goal: "by topic".into(),
            view: GoalView::Meaning,
            why: "asked".into(),
            nuisances: vec!["the mean of texts in German".into()],
            explanations: vec![
                explanation(3, "cakes", vec![0, 2], vec![0.9, 0.1, 0.5]),
                explanation(1, "like “my secret”", vec![2], vec![0.0, 0.25, 1.0]),
            ],
            best: vec![0, UNCLUSTERED, 1],
            selection: None,
            proposed_by: "parts".into(),
            assigned_by: "a model".into(),
        };
        goals.count_only();
        goals
    }

    fn written(goals: &Goals, with_texts: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_goals(&mut bytes, goals, with_texts).unwrap();
        bytes
    }

    #[test]
    fn explanations_come_back_as_they_went_in() {
        assert_eq!(read_goals(&written(&goals(), true), 3).unwrap(), goals());
    }

    #[test]
    fn without_texts_no_title_quotes_one() {
        let bytes = written(&goals(), false);
        assert!(!String::from_utf8_lossy(&bytes).contains("secret"));
        assert_eq!(read_goals(&bytes, 3).unwrap().explanations[1].title, "Explanation 2");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(read_goals(&written(&goals(), true), 4).is_err(), "other documents");
        let broken = |change: fn(&mut Goals)| {
            let mut goals = goals();
            change(&mut goals);
            read_goals(&written(&goals, true), 3).unwrap_err().to_string()
        };
        broken(|goals| goals.best[0] = 7);
        broken(|goals| goals.explanations[0].members = vec![2, 1]);
        broken(|goals| goals.explanations[0].members = vec![9]);
        broken(|goals| goals.explanations[0].scores[1] = 1.5);
        broken(|goals| goals.explanations[0].exemplars = vec![5]);
        broken(|goals| goals.explanations[0].id = 1);
        broken(|goals| goals.explanations[0].id = u32::MAX);
    }
}
