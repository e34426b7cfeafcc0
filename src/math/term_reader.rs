//! Reads the terms of a corpus's texts, each by the stop words of its language, and counts in how many texts each
//! stands.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;
use whatlang::Lang;

use super::hash::spread;
use super::language::CorpusLanguages;
use super::stop_words::stop_words;
use super::terms::{StopHashes, Term, cleaned, for_each_term};
use crate::job::{Cancelled, Ctx};

/// Texts that the corpus's languages are told from.
const LANGUAGE_SAMPLE: usize = 2000;
/// Texts a task.
pub(super) const BATCH: usize = 1024;

/// Reads terms by the stop words of each text's language.
pub(super) struct TermReader<'f, F> {
    text: &'f F,
    languages: CorpusLanguages,
    stops: HashMap<u8, StopHashes>,
    none: StopHashes,
}

impl<'f, 'a, F: Fn(usize) -> Cow<'a, str>> TermReader<'f, F> {
    /// Tells the languages from the documents of `sample`.
    pub fn new(text: &'f F, sample: impl Iterator<Item = u32>) -> Self {
        let languages = CorpusLanguages::of(sample.map(|i| text(i as usize)));
        let hashes = |language: Lang| (language as u8, StopHashes::of(stop_words(language)));
        let stops = languages.shares.iter().map(|share| hashes(share.language)).collect();
        Self { text, languages, stops, none: StopHashes::default() }
    }

    /// Every how many of `texts` documents one is enough to tell the languages from.
    pub fn sample_step(texts: usize) -> usize {
        texts.div_ceil(LANGUAGE_SAMPLE).max(1)
    }

    /// Calls `each` for every term of a document, in order; says whether there is a text at all.
    pub fn for_each_term(&self, document: u32, mut each: impl FnMut(Term)) -> bool {
        let text = (self.text)(document as usize);
        let language = self.languages.of_text(&text);
        let stops = language.and_then(|language| self.stops.get(&(language as u8))).unwrap_or(&self.none);
        for_each_term(&cleaned(&text), stops, &mut each);
        text.chars().any(|c| !c.is_whitespace())
    }

    /// The different terms of a document, by hash, with their number of words; says whether there is a text at all.
    pub fn distinct_terms(&self, document: u32, into: &mut Vec<(u64, usize)>) -> bool {
        into.clear();
        let some = self.for_each_term(document, |term| into.push((term.hash, term.words)));
        into.sort_unstable();
        into.dedup();
        some
    }
}

/// In how many texts each term stands: a count-min sketch (Cormode & Muthukrishnan 2005), which may count too many
/// for a rare term but never too few, in memory that does not grow with the vocabulary.
pub(super) struct Tally {
    rows: [Vec<AtomicU32>; 2],
}

impl Tally {
    /// Reads the documents of all `members` once; progress advances by them.
    pub fn of<'a, F>(reader: &TermReader<F>, members: &[Vec<u32>], ctx: &Ctx) -> Result<Self, Cancelled>
    where
        F: Fn(usize) -> Cow<'a, str> + Sync,
    {
        let texts: usize = members.iter().map(Vec::len).sum();
        // Some hundred terms a text, up to 2 × 64 MiB.
        let cells = (texts * 128).next_power_of_two().clamp(1 << 14, 1 << 24);
        let row = || (0..cells).map(|_| AtomicU32::new(0)).collect();
        let tally = Self { rows: [row(), row()] };
        members.par_iter().flat_map(|members| members.par_chunks(BATCH)).try_for_each(|batch| {
            ctx.cancel.check()?;
            let mut terms = Vec::new();
            for &document in batch {
                reader.distinct_terms(document, &mut terms);
                for &(hash, _) in &terms {
                    tally.cells(hash).for_each(|cell| {
                        cell.fetch_add(1, Ordering::Relaxed);
                    });
                }
            }
            ctx.progress.advance(batch.len() as u64);
            Ok(())
        })?;
        Ok(tally)
    }

    fn cells(&self, hash: u64) -> impl Iterator<Item = &AtomicU32> {
        self.rows.iter().zip(places(hash)).map(|(row, place)| &row[place & (row.len() - 1)])
    }

    /// In how many texts a term stands, or more.
    pub fn texts_with(&self, hash: u64) -> u32 {
        self.cells(hash).map(|cell| cell.load(Ordering::Relaxed)).min().unwrap_or(0)
    }

    /// The terms in at least `texts` texts, and perhaps some others: a thirtieth of the memory, so that looking is fast.
    pub fn frequent(&self, texts: u32) -> Frequent {
        let row = |cells: &Vec<AtomicU32>| {
            let word = |cells: &[AtomicU32]| {
                let frequent = |cell: &AtomicU32| u64::from(cell.load(Ordering::Relaxed) >= texts);
                cells.iter().rev().fold(0, |word, cell| word << 1 | frequent(cell))
            };
            cells.par_chunks(64).map(word).collect()
        };
        Frequent { rows: self.rows.each_ref().map(row) }
    }
}

/// Where a term is counted in each row.
fn places(hash: u64) -> [usize; 2] {
    [hash as usize, spread(hash) as usize]
}

/// A set of terms that holds all of some and few others (Bloom 1970).
pub(super) struct Frequent {
    rows: [Vec<u64>; 2],
}

impl Frequent {
    /// Whether the term may be in the set.
    pub fn contains(&self, hash: u64) -> bool {
        self.rows.iter().zip(places(hash)).all(|(row, place)| {
            let place = place & (row.len() * 64 - 1);
            row[place / 64] >> (place % 64) & 1 == 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_frequent_is_what_was_counted_often_enough() {
        let texts = ["red apple", "red pear", "red plum", "green pear", "  "];
        let text = |i: usize| Cow::Borrowed(texts[i]);
        let reader = TermReader::new(&text, 0..5);
        let tally = Tally::of(&reader, &[(0..5).collect()], &Ctx::quiet()).unwrap();
        let mut terms = Vec::new();
        for document in 0..5 {
            assert_eq!(reader.distinct_terms(document, &mut terms), document < 4);
            for &(hash, _) in &terms {
                for least in 1..5 {
                    assert_eq!(tally.frequent(least).contains(hash), tally.texts_with(hash) >= least);
                }
            }
        }
    }
}
