//! What a person did, step by step, and the way back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::data::Edits;
use crate::stage::Params;

use super::Colouring;

/// Deeds of one kind in quick succession are one step back: a slider that is dragged, a colour that is picked.
const ONE_GESTURE: Duration = Duration::from_secs(1);

/// Steps back that are remembered. They share what did not change between them.
pub const MOST_STEPS: usize = 10_000;

/// Everything that undo puts back. Computed values are not part of it: they follow from it, and the session
/// remembers those of earlier parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Doing {
    pub params: Params,
    pub edits: Arc<Edits>,
    pub colouring: Colouring,
    /// Which corpus: it may have grown since.
    pub ground: u64,
}

/// A deed's name, and what there was before it (or, on the way forward, after it).
type Step = (String, Doing);

/// The steps back and forward from where a person is.
#[derive(Debug, Default)]
pub(super) struct History {
    past: Vec<Step>,
    future: Vec<Step>,
    /// When the last deed was done, unless the way back was taken since.
    last: Option<Instant>,
}

impl History {
    /// Notes that `name` was done to what was `before`. `gesture`: deeds of this name may belong together.
    pub fn note(&mut self, name: &str, before: Doing, gesture: bool) {
        let goes_on = gesture
            && self.last.is_some_and(|last| last.elapsed() < ONE_GESTURE)
            && self.past.last().is_some_and(|(last, _)| last == name);
        if !goes_on {
            self.past.push((name.to_owned(), before));
            if self.past.len() > MOST_STEPS {
                self.past.remove(0);
            }
        }
        self.future.clear();
        self.last = Some(Instant::now());
    }

    /// Forgets the last deed, if it is called `name`: it could not be done, so there is nothing to take back.
    pub fn withdraw(&mut self, name: &str) {
        if self.past.last().is_some_and(|(last, _)| last == name) {
            self.past.pop();
        }
    }

    /// The deed that [`History::undo`] takes back.
    pub fn undoes(&self) -> Option<&str> {
        self.past.last().map(|(name, _)| name.as_str())
    }

    /// The deed that [`History::redo`] does again.
    pub fn redoes(&self) -> Option<&str> {
        self.future.last().map(|(name, _)| name.as_str())
    }

    /// What there was before the last deed; `now` is what there is.
    pub fn undo(&mut self, now: Doing) -> Option<Doing> {
        let (name, before) = self.past.pop()?;
        self.future.push((name, now));
        self.last = None;
        Some(before)
    }

    /// What there was after the deed that was taken back last.
    pub fn redo(&mut self, now: Doing) -> Option<Doing> {
        let (name, after) = self.future.pop()?;
        self.past.push((name, now));
        self.last = None;
        Some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doing(seed: u64) -> Doing {
        let mut params = Params::default();
        params.map.umap.seed = seed;
        Doing { params, edits: Arc::default(), colouring: Colouring::default(), ground: 0 }
    }

    #[test]
    fn back_and_forward_again() {
        let mut history = History::default();
        history.note("one", doing(0), false);
        history.note("two", doing(1), false);
        assert_eq!(history.undo(doing(2)), Some(doing(1)));
        assert_eq!(history.redoes(), Some("two"));
        assert_eq!(history.undo(doing(1)), Some(doing(0)));
        assert_eq!(history.undo(doing(0)), None);
        assert_eq!(history.redo(doing(0)), Some(doing(1)));
        assert_eq!(history.redo(doing(1)), Some(doing(2)));
    }

    #[test]
    fn a_dragged_slider_is_one_step() {
        let mut history = History::default();
        (0..5).for_each(|i| history.note("drag", doing(i), true));
        assert_eq!(history.undo(doing(5)), Some(doing(0)));
        assert_eq!(history.undoes(), None);
    }

    #[test]
    fn what_could_not_be_done_need_not_be_taken_back() {
        let mut history = History::default();
        history.note("one", doing(0), false);
        history.note("two", doing(1), false);
        history.withdraw("two");
        history.withdraw("three");
        assert_eq!(history.undoes(), Some("one"));
    }

    #[test]
    fn a_new_deed_ends_the_way_forward() {
        let mut history = History::default();
        history.note("one", doing(0), false);
        history.undo(doing(1));
        history.note("other", doing(0), false);
        assert_eq!(history.redoes(), None);
    }
}
