//! What panels say about goals and their explanations.

use crate::session::Session;

use super::format;

/// Characters of a goal that name it.
const GOAL: usize = 40;

/// What a goal is called.
pub fn goal_title(session: &Session, goal: u32) -> String {
    match session.goal(goal) {
        Some(state) if !state.asked.params.goal.trim().is_empty() => {
            format::one_line(&state.asked.params.goal, GOAL)
        }
        _ => "your explanations".into(),
    }
}

/// What an explanation is called.
pub fn explanation_title(session: &Session, goal: u32, id: u32) -> String {
    let goals = session.explanations(goal);
    let explanation = goals.and_then(|goals| goals.explanations.get(goals.place(id)?));
    explanation.map_or_else(|| "An explanation".into(), |explanation| explanation.title.clone())
}

/// The explanations of a goal that a document satisfies, and how surely, the surest first.
pub fn satisfied(session: &Session, goal: u32, document: u32) -> Vec<(String, f32)> {
    let mut found: Vec<(String, f32)> = session
        .explanations(goal)
        .into_iter()
        .flat_map(|goals| &goals.explanations)
        .filter(|explanation| explanation.members.binary_search(&document).is_ok())
        .map(|explanation| (explanation.title.clone(), explanation.scores[document as usize]))
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}
