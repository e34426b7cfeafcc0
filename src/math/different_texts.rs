//! Which documents have the same text, apart from case, white space and punctuation.

use std::collections::HashMap;

use rayon::prelude::*;

use super::folded_text::folded;
use crate::data::{Strings, StringsBuilder};
use crate::job::{Cancelled, Ctx};

/// Stands for the text of a document without one, and for none.
pub(super) const NO_TEXT: u32 = u32::MAX;
/// Texts that are read side by side before they are put end to end.
const ROUND: usize = 1 << 16;

/// The different texts of documents.
#[derive(Clone, Debug)]
pub(super) struct DifferentTexts {
    /// The text of each document, numbered in their order; [`NO_TEXT`] of those without.
    pub text_of: Vec<u32>,
    /// Letters of each document's text as it stands.
    pub lengths: Vec<u32>,
    /// The documents of each text, ascending, text by text, and where each text's begin.
    documents: Vec<u32>,
    starts: Vec<u32>,
}

impl DifferentTexts {
    /// Those of `n` documents, and what they are, folded: not all folded texts are needed for long.
    pub fn of<S: AsRef<str>>(
        n: usize,
        text: &(impl Fn(usize) -> S + Sync),
        ctx: &Ctx,
    ) -> Result<(Self, Strings), Cancelled> {
        ctx.progress.begin("Reading texts", "texts", n as u64, 0);
        let mut builder = StringsBuilder::default();
        let mut lengths = Vec::with_capacity(n);
        // Round by round, so that texts are not in memory one by one.
        for round in (0..n).step_by(ROUND) {
            ctx.cancel.check()?;
            let fold = |i: usize| {
                let text = text(i);
                (folded(text.as_ref()), text.as_ref().chars().count() as u32)
            };
            let end = (round + ROUND).min(n);
            let made: Vec<(String, u32)> = (round..end).into_par_iter().map(fold).collect();
            for (text, length) in made {
                builder.push(&text);
                lengths.push(length);
            }
            ctx.progress.set(end as u64);
        }
        let all = builder.finish();
        let mut text_of = Vec::with_capacity(n);
        let mut different = StringsBuilder::default();
        let mut first: HashMap<&str, u32> = HashMap::new();
        for text in all.iter() {
            let next = first.len() as u32;
            text_of.push(match text {
                "" => NO_TEXT,
                text => *first.entry(text).or_insert_with(|| {
                    different.push(text);
                    next
                }),
            });
        }
        let mut starts = vec![0u32; first.len() + 1];
        text_of.iter().filter(|text| **text != NO_TEXT).for_each(|&text| starts[text as usize + 1] += 1);
        (1..starts.len()).for_each(|at| starts[at] += starts[at - 1]);
        let mut next = starts.clone();
        let mut documents = vec![0u32; starts[starts.len() - 1] as usize];
        for (document, &text) in text_of.iter().enumerate().filter(|(_, text)| **text != NO_TEXT) {
            documents[next[text as usize] as usize] = document as u32;
            next[text as usize] += 1;
        }
        Ok((Self { text_of, documents, starts, lengths }, different.finish()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The documents that have a text, ascending; there is one at least.
    pub fn documents_of(&self, text: u32) -> &[u32] {
        let text = text as usize;
        &self.documents[self.starts[text] as usize..self.starts[text + 1] as usize]
    }

    /// The first document that has a text.
    pub fn document(&self, text: u32) -> usize {
        self.documents[self.starts[text as usize] as usize] as usize
    }
}
