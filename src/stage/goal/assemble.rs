//! From clusters in a goal's space to explanations of documents.

use crate::data::{Explanation, GoalView, Goals, HeldOutFigures, Key, SelectionReport, UNCLUSTERED};
use crate::job::Ctx;
use crate::math::goal_membership::{Memberships, borders, evidence, held_out, memberships};
use crate::math::vector;

use super::super::StageError;
use super::Working;
use super::naming::Named;

/// Exemplars and near misses of each explanation.
pub(super) const SHOWN: usize = 5;
/// Two texts nearer than this show the same.
const SAME: f32 = 0.98;

/// An explanation, but for its documents.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    pub id: u32,
    pub named: Named,
    pub proposed_by: String,
    pub pinned: bool,
}

impl Meta {
    pub fn of(explanation: &Explanation) -> Self {
        let Explanation { id, predicate, title, name_area, proposed_by, pinned, .. } = explanation;
        Self {
            id: *id,
            named: Named { predicate: predicate.clone(), title: title.clone(), area: *name_area },
            proposed_by: proposed_by.clone(),
            pinned: *pinned,
        }
    }
}

/// What is said of all explanations.
pub(super) struct About {
    pub key: Key,
    pub asked: Key,
    pub goal: String,
    pub view: GoalView,
    pub why: String,
    pub nuisances: Vec<String>,
    pub selection: Option<SelectionReport>,
    pub proposed_by: String,
    pub assigned_by: String,
}

impl About {
    pub fn of(goals: &Goals, key: Key, asked: Key) -> Self {
        let Goals { goal, view, why, nuisances, selection, proposed_by, assigned_by, .. } = goals;
        let (goal, view, why) = (goal.clone(), view.clone(), why.clone());
        let (nuisances, selection) = (nuisances.clone(), selection.clone());
        let (proposed_by, assigned_by) = (proposed_by.clone(), assigned_by.clone());
        Self { key, asked, goal, view, why, nuisances, selection, proposed_by, assigned_by }
    }
}

/// The explanations `metas`, in this order, of `n` documents. `scores` are those of the clusters (texts × k).
pub(super) fn goals(
    working: &Working,
    scores: &[f32],
    metas: &[Meta],
    about: About,
    seed: u64,
    n: usize,
    ctx: &Ctx,
) -> Result<Goals, StageError> {
    let compared = &working.compared;
    let (rows, labels) = (&compared.rows, &working.labels);
    let k = working.model.k;
    ctx.progress.begin("Judging explanations", "texts", rows.rows() as u64, 0);
    let mut found = memberships(scores, borders(scores, labels, k));
    let held_out = held_out(compared.texts(&[], &[]), labels, k, seed, ctx)?;
    let same = |a: u32, b: u32| {
        let (a, b) = (rows.row(a as usize), rows.row(b as usize));
        vector::dot(&a, &b) * vector::inverse_norm(&a) * vector::inverse_norm(&b) > SAME
    };
    judge(working, &mut found);
    let evidence = evidence(scores, &found, SHOWN, same);
    let cluster = |meta: &Meta| working.ids.iter().position(|&id| id == meta.id);
    let shown: Vec<(usize, &Meta)> = metas.iter().filter_map(|meta| Some((cluster(meta)?, meta))).collect();
    let explanations = shown.iter().map(|&(c, meta)| {
        let mut all = vec![0.0f32; n];
        compared.documents.iter().zip(&found.scores[c]).for_each(|(&i, score)| all[i as usize] = *score);
        Explanation {
            id: meta.id,
            predicate: meta.named.predicate.clone(),
            title: meta.named.title.clone(),
            members: compared.in_corpus(&found.members[c]),
            only: 0,
            scores: all,
            exemplars: compared.in_corpus(&evidence[c].exemplars),
            near_misses: compared.in_corpus(&evidence[c].near_misses),
            held_out: Some(HeldOutFigures { accuracy: held_out[c].accuracy, f1: held_out[c].f1 }),
            name_area: meta.named.area,
            proposed_by: meta.proposed_by.clone(),
            pinned: meta.pinned,
        }
    });
    let explanations: Vec<Explanation> = explanations.collect();
    let best: Vec<u32> = (0..rows.rows()).map(|row| best_of(row, &shown, scores, k, &found)).collect();
    let About { key, asked, goal, view, why, nuisances, selection, proposed_by, assigned_by } = about;
    let mut goals = Goals {
        key,
        asked,
        goal,
        view,
        why,
        nuisances,
        explanations,
        best: compared.of_documents(&best, n),
        selection,
        proposed_by,
        assigned_by,
    };
    goals.count_only();
    Ok(goals)
}

/// The place among `shown` of the best cluster that a row satisfies.
fn best_of(row: usize, shown: &[(usize, &Meta)], scores: &[f32], k: usize, found: &Memberships) -> u32 {
    let of_row = &scores[row * k..(row + 1) * k];
    let satisfied = shown.iter().enumerate().filter(|(_, (c, _))| found.scores[*c][row] >= 0.5);
    // What a person said counts more than any score.
    let worth = |c: usize| (found.scores[c][row] == 1.0, of_row[c]);
    let best = satisfied.max_by(|(a, (ca, _)), (b, (cb, _))| {
        let (wa, wb) = (worth(*ca), worth(*cb));
        wa.0.cmp(&wb.0).then(wa.1.total_cmp(&wb.1)).then(b.cmp(a))
    });
    best.map_or(UNCLUSTERED, |(place, _)| place as u32)
}

/// Lets hold what a person said of single texts.
fn judge(working: &Working, found: &mut Memberships) {
    for judged in &working.judged {
        let Some(c) = working.ids.iter().position(|&id| id == judged.id) else { continue };
        let (members, row) = (&mut found.members[c], judged.row);
        match (members.binary_search(&row), judged.satisfies) {
            (Ok(at), false) => {
                members.remove(at);
            }
            (Err(at), true) => members.insert(at, row),
            _ => {}
        }
        found.scores[c][row as usize] = if judged.satisfies { 1.0 } else { 0.0 };
    }
}
