//! Which points stand out and which step back: one byte of flags a point, made on a worker.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::data::{Clusters, Goals, Mask};
use crate::session::Session;
use crate::view::disc::flags;

use super::colouring::Paint;
use crate::job::derived::Same;

/// Everything that the flags depend on.
#[derive(Clone, PartialEq)]
pub struct Inputs {
    points: usize,
    codes: Option<Same<Vec<u32>>>,
    muted: BTreeSet<u32>,
    selection: Option<Same<Vec<u32>>>,
    focus: Option<u32>,
    /// The true neighbours of the focused document, which show with it.
    neighbours: Vec<u32>,
    cluster: Option<(Same<Clusters>, u32)>,
    /// The explanation looked at, by its place.
    explanation: Option<(Same<Goals>, usize)>,
    /// The documents that the filter keeps, and whether the others are hidden rather than grey.
    kept: Option<(Same<Mask>, bool)>,
    /// What a search found, if anything.
    found: Option<Same<Mask>>,
}

impl Inputs {
    /// What stands out in the session now.
    pub fn of(session: &Session, paint: &Paint) -> Self {
        let muted = session.colouring().map(|colouring| colouring.muted.clone()).unwrap_or_default();
        let selection = session.selection().filter(|selection| !selection.is_empty());
        // A document that is looked at matters more than the cluster that was looked at before it.
        let cluster = session.focus_cluster().filter(|_| session.focus().is_none());
        let neighbours =
            session.focus().zip(session.knn()).filter(|(focus, knn)| (*focus as usize) < knn.len());
        Self {
            points: paint.colours.len(),
            codes: paint.codes.clone().map(Same),
            muted,
            selection: selection.cloned().map(Same),
            focus: session.focus(),
            neighbours: neighbours.map(|(focus, knn)| knn.of(focus as usize).to_vec()).unwrap_or_default(),
            explanation: session.focus_explanation().filter(|_| session.focus().is_none()).and_then(
                |(goal, id)| {
                    let goals = session.explanations(goal)?;
                    Some((Same(goals.clone()), goals.place(id)?))
                },
            ),
            kept: session
                .kept()
                .map(|kept| (Same(kept.clone()), session.filter().is_some_and(|filter| filter.hides))),
            found: session
                .search()
                .and_then(|search| search.found)
                .filter(|found| found.total > 0 && session.focus().is_none())
                .map(|found| Same(found.documents.clone())),
            cluster: session.clusters().zip(cluster).map(|(clusters, label)| (Same(clusters.clone()), label)),
        }
    }

    /// Computes the flags; empty where nothing is flagged.
    pub fn flags(&self) -> Vec<u8> {
        let codes = self.codes.as_ref().filter(|_| !self.muted.is_empty());
        if codes.is_none()
            && self.selection.is_none()
            && self.focus.is_none()
            && self.cluster.is_none()
            && self.explanation.is_none()
            && self.kept.is_none()
            && self.found.is_none()
        {
            return Vec::new();
        }
        let mut all = vec![0u8; self.points];
        if let Some(Same(codes)) = codes {
            // Points are many and entries are few: each entry is looked up once.
            let coded = codes.iter().filter(|&&code| code != u32::MAX);
            let most = coded.max().map_or(0, |&code| code + 1);
            let of_code: Vec<u8> =
                (0..most).map(|code| if self.muted.contains(&code) { flags::DIMMED } else { 0 }).collect();
            let of_none = if self.muted.contains(&u32::MAX) { flags::DIMMED } else { 0 };
            for (flag, &code) in all.iter_mut().zip(codes.iter()) {
                let other = if code == u32::MAX { of_none } else { 0 };
                *flag |= of_code.get(code as usize).copied().unwrap_or(other);
            }
        }
        if let Some((Same(clusters), label)) = &self.cluster {
            for (flag, code) in all.iter_mut().zip(&clusters.labels) {
                *flag |= if code == label { 0 } else { flags::DIMMED };
            }
        }
        if let Some((Same(goals), place)) = &self.explanation
            && let Some(explanation) = goals.explanations.get(*place)
        {
            let mut members = explanation.members.iter().peekable();
            for (i, flag) in (0u32..).zip(all.iter_mut()) {
                *flag |= if members.next_if_eq(&&i).is_some() { 0 } else { flags::DIMMED };
            }
        }
        if let Some((Same(kept), hides)) = &self.kept {
            let out = if *hides { flags::HIDDEN } else { flags::DIMMED };
            for (i, flag) in (0u32..).zip(all.iter_mut()) {
                *flag |= if kept.contains(i) { 0 } else { out };
            }
        }
        if let Some(Same(selection)) = &self.selection {
            for &i in selection.iter() {
                if let Some(flag) = all.get_mut(i as usize) {
                    *flag |= flags::SELECTED;
                }
            }
        }
        // A selection has its own meaning, which hits and neighbours must not blur.
        if let Some(Same(found)) = self.found.as_ref().filter(|_| self.selection.is_none()) {
            for i in found.documents() {
                if let Some(flag) = all.get_mut(i as usize) {
                    *flag |= flags::SELECTED;
                }
            }
        }
        for &i in self.neighbours.iter().filter(|_| self.selection.is_none()) {
            if let Some(flag) = all.get_mut(i as usize) {
                *flag = (*flag & !(flags::DIMMED | flags::HIDDEN)) | flags::SELECTED;
            }
        }
        if let Some(flag) = self.focus.and_then(|i| all.get_mut(i as usize)) {
            *flag = (*flag & !(flags::DIMMED | flags::HIDDEN)) | flags::FOCUS;
        }
        all
    }
}

/// Flags where there are none.
pub fn none() -> Arc<Vec<u8>> {
    Arc::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Inputs {
        Inputs {
            points: 4,
            codes: Some(Same(Arc::new(vec![0, 1, 1, 2]))),
            muted: BTreeSet::new(),
            selection: None,
            focus: None,
            neighbours: Vec::new(),
            cluster: None,
            explanation: None,
            kept: None,
            found: None,
        }
    }

    #[test]
    fn without_wishes_no_point_is_flagged() {
        assert!(inputs().flags().is_empty());
    }

    #[test]
    fn muted_entries_step_back_but_not_the_point_looked_at() {
        let inputs = Inputs { muted: [1].into(), focus: Some(2), ..inputs() };
        assert_eq!(inputs.flags(), [0, flags::DIMMED, flags::FOCUS, 0]);
    }

    #[test]
    fn points_without_a_value_are_an_entry_of_their_own() {
        let codes = Some(Same(Arc::new(vec![0, u32::MAX, 7, 3])));
        let muted = |entries: &[u32]| Inputs {
            muted: entries.iter().copied().collect(),
            codes: codes.clone(),
            ..inputs()
        };
        let dimmed = flags::DIMMED;
        assert_eq!(muted(&[u32::MAX]).flags(), [0, dimmed, 0, 0]);
        assert_eq!(muted(&[0, 3]).flags(), [dimmed, 0, 0, dimmed]);
        assert_eq!(muted(&[7, u32::MAX]).flags(), [0, dimmed, dimmed, 0]);
    }

    #[test]
    fn what_a_search_found_stands_out() {
        let found = Some(Same(Arc::new(Mask::of_documents(4, &[1, 2]))));
        let searched = Inputs { found, ..inputs() };
        assert_eq!(searched.flags(), [0, flags::SELECTED, flags::SELECTED, 0]);
        let selected = Inputs { selection: Some(Same(Arc::new(vec![3]))), ..searched };
        assert_eq!(selected.flags(), [0, 0, 0, flags::SELECTED]);
    }

    #[test]
    fn what_the_filter_leaves_out_is_grey_or_hidden_but_the_document_looked_at_shows() {
        let kept = Same(Arc::new(Mask::of_documents(4, &[0])));
        let grey = Inputs { kept: Some((kept.clone(), false)), focus: Some(3), ..inputs() };
        assert_eq!(grey.flags(), [0, flags::DIMMED, flags::DIMMED, flags::FOCUS]);
        let hidden = Inputs { kept: Some((kept, true)), focus: Some(3), ..inputs() };
        assert_eq!(hidden.flags(), [0, flags::HIDDEN, flags::HIDDEN, flags::FOCUS]);
    }

    #[test]
    fn selected_points_are_marked() {
        let inputs = Inputs { selection: Some(Same(Arc::new(vec![0, 3]))), ..inputs() };
        assert_eq!(inputs.flags(), [flags::SELECTED, 0, 0, flags::SELECTED]);
    }

    #[test]
    fn the_neighbours_of_the_focused_document_show_with_it_unless_something_is_selected() {
        let focused = Inputs { focus: Some(0), neighbours: vec![2], ..inputs() };
        assert_eq!(focused.flags(), [flags::FOCUS, 0, flags::SELECTED, 0]);
        let selected = Inputs { selection: Some(Same(Arc::new(vec![3]))), ..focused };
        assert_eq!(selected.flags(), [flags::FOCUS, 0, 0, flags::SELECTED]);
    }
}
