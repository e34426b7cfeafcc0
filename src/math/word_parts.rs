//! The index of a block of texts, and how the indices of all blocks become one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::postings::{Documents, put, put_document};
use super::search_words::for_each_token;
use super::word_index::Terms;
use crate::job::{Cancelled, Ctx};

/// Terms that are joined between two looks at whether to stop.
const GLANCE: usize = 1 << 14;

/// An inverted index of a block of texts.
pub struct Part {
    /// The number of its first text.
    first: u32,
    terms: Terms,
    /// The last document of each term.
    last: Vec<u32>,
    /// Tokens of each text.
    lengths: Vec<u32>,
}

impl Part {
    /// Indexes `texts`, of which the first has number `first`.
    pub fn of<T: AsRef<str>>(first: u32, texts: impl Iterator<Item = T>) -> Self {
        let mut numbers = HashMap::<Box<str>, u32>::new();
        // Term, text and position of every token.
        let mut tokens: Vec<(u32, u32, u32)> = Vec::new();
        let mut lengths = Vec::new();
        for (text, document) in texts.zip(first..) {
            let mut position = 0;
            for_each_token(text.as_ref(), |token| {
                let number = match numbers.get(token.folded) {
                    Some(&number) => number,
                    None => {
                        let number = numbers.len() as u32;
                        numbers.insert(token.folded.into(), number);
                        number
                    }
                };
                tokens.push((number, document, position));
                position += 1;
            });
            lengths.push(position);
        }
        let mut words: Vec<(Box<str>, u32)> = numbers.into_iter().collect();
        words.sort_unstable();
        let (order, starts) = by_term(&tokens, words.len());
        let mut part =
            Self { first, terms: Terms::default(), last: Vec::with_capacity(words.len()), lengths };
        for (word, number) in words {
            let of_term = &order[starts[number as usize]..starts[number as usize + 1]];
            part.push(&word, of_term);
        }
        part
    }

    /// Adds a term with the texts and positions at which it stands, ascending.
    fn push(&mut self, term: &str, tokens: &[(u32, u32)]) {
        let (mut next, mut documents) = (self.first, 0);
        for same in tokens.chunk_by(|a, b| a.0 == b.0) {
            let document = same[0].0;
            put_document(document - next, same.len() as u32, &mut self.terms.documents);
            let mut before = 0;
            for &(_, position) in same {
                put(u64::from(position - before), &mut self.terms.positions);
                before = position;
            }
            next = document + 1;
            documents += 1;
        }
        self.last.push(next.saturating_sub(1));
        self.terms.finish(term, documents);
    }
}

/// Texts and positions by term, in the order that they are in, and where those of each term begin.
fn by_term(tokens: &[(u32, u32, u32)], terms: usize) -> (Vec<(u32, u32)>, Vec<usize>) {
    let mut starts = vec![0usize; terms + 1];
    tokens.iter().for_each(|token| starts[token.0 as usize + 1] += 1);
    (1..starts.len()).for_each(|at| starts[at] += starts[at - 1]);
    let mut next = starts.clone();
    let mut order = vec![(0, 0); tokens.len()];
    for &(term, document, position) in tokens {
        order[next[term as usize]] = (document, position);
        next[term as usize] += 1;
    }
    (order, starts)
}

/// Joins the parts of following blocks: the terms of all, and the tokens of each text.
pub fn joined(parts: &[Part], ctx: &Ctx) -> Result<(Terms, Vec<u32>), Cancelled> {
    let mut terms = Terms::default();
    terms.documents.reserve_exact(parts.iter().map(|part| part.terms.documents.len()).sum());
    terms.positions.reserve_exact(parts.iter().map(|part| part.terms.positions.len()).sum());
    let head = |part: usize, at: usize| {
        (at < parts[part].terms.len()).then(|| (parts[part].terms.get(at), part, at))
    };
    let mut heads: BinaryHeap<Reverse<(&str, usize, usize)>> =
        (0..parts.len()).filter_map(|part| head(part, 0)).map(Reverse).collect();
    let mut done = 0usize;
    while let Some(&Reverse((term, ..))) = heads.peek() {
        let (mut next, mut documents) = (0, 0);
        // The same term of all parts, in their order: that of the texts.
        while let Some(mut top) = heads.peek_mut().filter(|top| top.0.0 == term) {
            let (_, part, at) = top.0;
            match head(part, at + 1) {
                Some(following) => {
                    *top = Reverse(following);
                    drop(top);
                }
                None => drop(std::collections::binary_heap::PeekMut::pop(top)),
            }
            next = terms.append(&parts[part], at, next);
            documents += parts[part].terms.count(at);
        }
        terms.finish(term, documents);
        done += 1;
        if done.is_multiple_of(GLANCE) {
            ctx.cancel.check()?;
        }
    }
    terms.shrink();
    Ok((terms, parts.iter().flat_map(|part| part.lengths.iter().copied()).collect()))
}

impl Terms {
    /// Appends the postings of term `at` of `part` to those of the term that is being made; `next` is the least that its
    /// next document can be. Says what that is afterwards.
    fn append(&mut self, part: &Part, at: usize, next: u32) -> u32 {
        // The gap before the first one depends on what came before; all others stay as they are.
        let mut documents = Documents::of(part.terms.documents_of(at));
        if let Some((gap, times)) = documents.next() {
            put_document(part.first + gap - next, times, &mut self.documents);
        }
        self.documents.extend_from_slice(documents.rest());
        self.positions.extend_from_slice(part.terms.positions_of(at));
        part.last[at] + 1
    }
}
