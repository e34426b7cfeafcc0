//! An inverted index of a corpus's words: which documents hold a word, and where.
//!
//! Our own rather than a search engine's: a corpus has one joined text a document and is read as a whole, so that sorted
//! terms with compressed lists in memory are all that is needed. They take a few seconds and about the room of the
//! texts; an engine adds segments, files, merges and fields, and many crates to compile.

use std::borrow::Cow;

use rayon::prelude::*;

use super::word_parts::{Part, joined};
use crate::job::{Cancelled, Ctx};

/// Texts that are indexed at a time.
const BLOCK: usize = 4096;

/// Terms in order, each with its postings.
#[derive(Debug, Default)]
pub(super) struct Terms {
    text: String,
    ends: Vec<Ends>,
    pub documents: Vec<u8>,
    pub positions: Vec<u8>,
}

/// Where what belongs to a term ends, and in how many documents it stands.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    text: usize,
    documents: usize,
    positions: usize,
    count: u32,
}

impl Terms {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    fn start(&self, at: usize) -> Ends {
        if at == 0 { Ends::default() } else { self.ends[at - 1] }
    }

    pub fn get(&self, at: usize) -> &str {
        &self.text[self.start(at).text..self.ends[at].text]
    }

    /// How many documents hold a term.
    pub fn count(&self, at: usize) -> u32 {
        self.ends[at].count
    }

    pub fn documents_of(&self, at: usize) -> &[u8] {
        &self.documents[self.start(at).documents..self.ends[at].documents]
    }

    pub fn positions_of(&self, at: usize) -> &[u8] {
        &self.positions[self.start(at).positions..self.ends[at].positions]
    }

    /// Ends the term whose postings were appended last.
    pub fn finish(&mut self, term: &str, count: u32) {
        self.text.push_str(term);
        let (documents, positions) = (self.documents.len(), self.positions.len());
        self.ends.push(Ends { text: self.text.len(), documents, positions, count });
    }

    pub fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// The terms that begin with `prefix`.
    pub fn beginning_with(&self, prefix: &str) -> std::ops::Range<usize> {
        let start = self.first(0..self.len(), |term| term < prefix);
        start..self.first(start..self.len(), |term| term.starts_with(prefix))
    }

    /// The number of a term.
    pub fn find(&self, term: &str) -> Option<usize> {
        let at = self.first(0..self.len(), |other| other < term);
        (at < self.len() && self.get(at) == term).then_some(at)
    }

    /// The first in `range` that is not `before`, as all earlier ones are.
    fn first(&self, range: std::ops::Range<usize>, before: impl Fn(&str) -> bool) -> usize {
        let (mut low, mut high) = (range.start, range.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.get(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// An inverted index of `n` texts. It is the same at any number of threads.
///
/// Memory: about four bytes a word of the texts, and forty a different one (measured on a million titles).
#[derive(Debug)]
pub struct WordIndex {
    pub(super) terms: Terms,
    /// Tokens of each text.
    pub(super) lengths: Vec<u32>,
    pub(super) mean_length: f32,
}

impl WordIndex {
    /// Indexes the texts of documents 0 to `n`; each is asked for once.
    pub fn of<'t>(
        n: usize,
        text: &(impl Fn(usize) -> Cow<'t, str> + Sync),
        ctx: &Ctx,
    ) -> Result<Self, Cancelled> {
        ctx.progress.begin("Indexing words", "texts", n as u64, 0);
        let parts: Vec<Part> = (0..n.div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| {
                ctx.cancel.check()?;
                let texts = block * BLOCK..((block + 1) * BLOCK).min(n);
                let part = Part::of(texts.start as u32, texts.clone().map(text));
                ctx.progress.advance(texts.len() as u64);
                Ok(part)
            })
            .collect::<Result<_, Cancelled>>()?;
        let (terms, lengths) = joined(&parts, ctx)?;
        let total: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
        let mean_length = (total as f64 / n.max(1) as f64) as f32;
        Ok(Self { terms, lengths, mean_length })
    }

    /// How many documents it knows.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Different words.
    pub fn distinct_words(&self) -> usize {
        self.terms.len()
    }

    /// Bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        let Terms { text, ends, documents, positions } = &self.terms;
        text.capacity()
            + ends.capacity() * size_of::<Ends>()
            + documents.capacity()
            + positions.capacity()
            + self.lengths.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::postings::{Documents, Positions};

    pub fn index_of(texts: &[String]) -> WordIndex {
        WordIndex::of(texts.len(), &|i| Cow::Borrowed(&texts[i][..]), &Ctx::quiet()).unwrap()
    }

    /// More than a block of them, with words that some blocks lack.
    fn many() -> Vec<String> {
        let text = |i: usize| match i % 7 {
            0 => String::new(),
            1 => format!("common number {i}"),
            _ => format!("common word{} common block{}", i % 13, i / BLOCK),
        };
        (0..2 * BLOCK + 100).map(text).collect()
    }

    #[test]
    fn every_word_of_every_block_is_found_where_it_stands() {
        let texts = many();
        let index = index_of(&texts);
        let mut words = std::collections::BTreeMap::<&str, Vec<(u32, Vec<u32>)>>::new();
        for (i, text) in (0u32..).zip(&texts) {
            for (at, word) in (0u32..).zip(text.split_whitespace()) {
                let documents = words.entry(word).or_default();
                match documents.last_mut().filter(|last| last.0 == i) {
                    Some(last) => last.1.push(at),
                    None => documents.push((i, vec![at])),
                }
            }
        }
        assert_eq!(index.distinct_words(), words.len());
        for (at, (word, expected)) in words.into_iter().enumerate() {
            assert_eq!((index.terms.get(at), index.terms.count(at) as usize), (word, expected.len()));
            let mut positions = Positions(index.terms.positions_of(at));
            let found = Documents::of(index.terms.documents_of(at)).map(|(document, times)| {
                let mut places = Vec::new();
                positions.read(times, |position| places.push(position));
                (document, places)
            });
            assert_eq!(found.collect::<Vec<_>>(), expected, "{word}");
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let texts = many();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let index = pool.install(|| index_of(&texts));
            (index.terms.text, index.terms.documents, index.terms.positions)
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn a_stopped_index_says_so() {
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        assert!(WordIndex::of(3, &|_| Cow::Borrowed("a"), &ctx).is_err());
    }
}
