//! Which documents show: the filter, and what it keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::{Condition, Corpus, Edits, Filter, Key, Mask};
use crate::job::derived::{Derived, Same};
use crate::math::word_index::WordIndex;
use crate::session::{Command, Wake};
use crate::stage;

use super::{Space, searching};

/// What a filter's answer depends on.
#[derive(Clone, PartialEq)]
struct Request {
    corpus: Same<Corpus>,
    filter: Filter,
    /// The documents of the tags that it asks for.
    tags: BTreeMap<String, Option<Key>>,
    /// What its words are looked up in.
    index: Option<Same<WordIndex>>,
}

/// What the filter keeps, and the work on it.
pub(super) struct Filtering {
    kept: Derived<Request, Mask>,
}

impl Default for Filtering {
    fn default() -> Self {
        Self { kept: Derived::new("filter") }
    }
}

impl Space {
    fn filter_request(&self) -> Option<Request> {
        let Edits { filter, tags, .. } = &*self.edits;
        if filter.is_empty() {
            return None;
        }
        let asked = filter.clauses.iter().filter_map(|clause| match &clause.condition {
            Condition::Tag(tag) => Some((tag.clone(), tags.get(tag).map(|tagged| tagged.key()))),
            _ => None,
        });
        let by_words = filter.clauses.iter().any(|clause| matches!(clause.condition, Condition::Words(_)));
        if by_words && self.word_index().is_none() {
            return None;
        }
        Some(Request {
            corpus: Same(self.corpus.clone()),
            tags: asked.collect(),
            index: self.word_index().cloned().map(Same).filter(|_| by_words),
            filter: Filter { hides: false, ..filter.clone() },
        })
    }

    /// Sees to it that the documents are found that the filter keeps. While a brush is dragged, each answer is shown
    /// before the next is asked for.
    pub fn filter(&mut self, wake: &Wake) {
        let Some(request) = self.filter_request() else {
            if self.edits.filter.is_empty() {
                self.filtering.kept.clear();
            }
            return;
        };
        let (corpus, edits, index) = (self.corpus.clone(), self.edits.clone(), request.index.clone());
        self.filtering.kept.want_in_turn(request, wake, move |_| {
            let find = |words: &str| match &index {
                Some(Same(index)) => searching::holding(words, index),
                None => Mask::none(corpus.len()),
            };
            stage::filter::run(&corpus, &edits.filter, &edits, &find)
        });
    }

    /// The documents that the filter keeps; `None` where it keeps all of them. While it is being changed, what it kept
    /// before.
    pub fn kept(&self) -> Option<&Arc<Mask>> {
        if self.edits.filter.is_empty() {
            return None;
        }
        self.filtering.kept.latest().filter(|mask| mask.len() == self.corpus.len())
    }

    /// Whether what the filter keeps is still being found.
    pub fn is_filtering(&self) -> bool {
        let waits = |request| self.filtering.kept.of(&request).is_none();
        !self.edits.filter.is_empty() && self.filter_request().is_none_or(waits)
    }

    /// The edits after a command about filters and kept searches; `None` if it is about nothing that is there.
    pub(super) fn filters_edited(&self, command: &Command) -> Option<Edits> {
        Some(match command {
            Command::SetFilter(filter) => self.edits.filtered((**filter).clone()),
            Command::KeepFilter(name) => self.edits.keep_filter(name, Some(self.edits.filter.clone())),
            Command::ForgetFilter(name) => self.edits.keep_filter(name, None),
            Command::ToggleQuery(query) => self.edits.toggle_query(query),
            _ => return None,
        })
    }
}
