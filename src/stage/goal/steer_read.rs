//! What a person does to explanations that were read from the corpus: these have members, but no space around them.

use crate::data::{Explanation, GoalDeed, GoalView, Goals, Key, UNCLUSTERED};

use super::super::StageError;
use super::naming::Named;
use super::steer::{gone, joined, words};

/// The explanations once `deed` was done to them.
pub(super) fn steered(
    before: &Goals,
    deed: &GoalDeed,
    (key, asked): (Key, Key),
) -> Result<Goals, StageError> {
    let mut goals = Goals { key, asked, ..before.clone() };
    match deed {
        GoalDeed::Rename { which, predicate } => {
            let words = words(predicate)?.to_owned();
            let explanation = find(&mut goals, *which)?;
            (explanation.predicate, explanation.title) = (words.clone(), words);
        }
        GoalDeed::Pin { which, pinned } => find(&mut goals, *which)?.pinned = *pinned,
        GoalDeed::Ban { which, .. } => {
            find(&mut goals, *which)?;
            goals.explanations.retain(|explanation| explanation.id != *which);
        }
        GoalDeed::Merge { which } => merge(&mut goals, which)?,
        GoalDeed::Judge { document, which, satisfies } => {
            let n = goals.best.len() as u32;
            let explanation = find(&mut goals, *which)?;
            if *document >= n {
                return Err(gone());
            }
            match (explanation.members.binary_search(document), satisfies) {
                (Ok(at), false) => {
                    explanation.members.remove(at);
                }
                (Err(at), true) => explanation.members.insert(at, *document),
                _ => {}
            }
            explanation.scores[*document as usize] = if *satisfies { 1.0 } else { 0.0 };
        }
        GoalDeed::Reword { .. }
        | GoalDeed::Split { .. }
        | GoalDeed::Add { .. }
        | GoalDeed::AddLike { .. }
        | GoalDeed::AddMissing
        | GoalDeed::AddBeside { .. } => {
            let source = match &before.view {
                GoalView::Column(name) => format!("the column “{name}”"),
                _ => "the language of each text".to_owned(),
            };
            return Err(StageError::Failed(format!(
                "These explanations are read from {source}: they can be renamed, merged and removed. For others, \
                 compare the texts by meaning."
            )));
        }
    }
    goals.best = best(&goals);
    goals.count_only();
    Ok(goals)
}

fn find(goals: &mut Goals, id: u32) -> Result<&mut Explanation, StageError> {
    goals.explanations.iter_mut().find(|explanation| explanation.id == id).ok_or_else(gone)
}

/// For each document the place of the surest explanation that it satisfies.
fn best(goals: &Goals) -> Vec<u32> {
    let mut best = vec![(0.0f32, UNCLUSTERED); goals.best.len()];
    for (explanation, place) in goals.explanations.iter().zip(0u32..) {
        for &document in &explanation.members {
            let (i, score) = (document as usize, explanation.scores[document as usize]);
            if best[i].1 == UNCLUSTERED || score > best[i].0 {
                best[i] = (score, place);
            }
        }
    }
    best.into_iter().map(|(_, place)| place).collect()
}

fn merge(goals: &mut Goals, which: &[u32]) -> Result<(), StageError> {
    let ids: Vec<u32> = goals.explanations.iter().map(|explanation| explanation.id).collect();
    if which.is_empty() || which.iter().any(|id| !ids.contains(id)) {
        return Err(gone());
    }
    let next = ids.iter().max().map_or(0, |id| id + 1);
    let parts: Vec<Explanation> =
        goals.explanations.iter().filter(|explanation| which.contains(&explanation.id)).cloned().collect();
    let named = |explanation: &Explanation| Named {
        predicate: explanation.predicate.clone(),
        title: explanation.title.clone(),
        area: None,
    };
    let named = joined(&parts.iter().map(named).collect::<Vec<_>>());
    let mut merged = parts[0].clone();
    (merged.id, merged.predicate, merged.title) = (next, named.predicate, named.title);
    (merged.pinned, merged.proposed_by) = (true, "merged by you".into());
    for part in &parts[1..] {
        merged.members.extend(&part.members);
        merged.scores.iter_mut().zip(&part.scores).for_each(|(a, b)| *a = a.max(*b));
    }
    merged.members.sort_unstable();
    merged.members.dedup();
    let at = goals.explanations.iter().position(|explanation| which.contains(&explanation.id));
    goals.explanations.insert(at.unwrap_or(0), merged);
    goals.explanations.retain(|explanation| !which.contains(&explanation.id));
    Ok(())
}
