//! Search by words: which documents hold what a query asks for, the best first.
//!
//! Ranked by BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond"). A phrase counts
//! as a word that is as rare as its words together; the beginning of a word counts as all words that begin so, and the
//! word itself once more, so that it comes first.

use std::ops::Range;

use rayon::prelude::*;

use super::postings::{Documents, Positions};
use super::rows::nearer;
use super::word_index::WordIndex;
use super::word_query::{Phrase, Word, WordQuery};
use crate::data::Mask;

/// How soon more of the same word stops to count, and how much long texts are held back: the usual values.
const SATURATION: f32 = 1.2;
const LENGTH_WEIGHT: f32 = 0.75;

/// Documents a word of a mask.
const WIDTH: usize = u64::BITS as usize;

/// From here on sorting is worth both cores.
const MANY: usize = 1 << 15;

/// What a search by words found.
#[derive(Clone, Debug)]
pub struct WordHits {
    /// The best, best first, with their scores; of equal ones the smaller document.
    pub ranked: Vec<(u32, f32)>,
    /// All documents that match.
    pub documents: Mask,
    /// How many that are.
    pub total: usize,
}

/// Documents, one bit each.
struct Bits(Vec<u64>);

impl Bits {
    fn none(n: usize) -> Self {
        Self(vec![0; n.div_ceil(WIDTH)])
    }

    fn contains(&self, document: u32) -> bool {
        self.0[document as usize / WIDTH] >> (document as usize % WIDTH) & 1 == 1
    }

    fn insert(&mut self, document: u32) {
        self.0[document as usize / WIDTH] |= 1 << (document as usize % WIDTH);
    }

    fn keep(&mut self, which: impl Fn(u64, u64) -> u64, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, &other)| *word = which(*word, other));
    }

    fn documents(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().enumerate().flat_map(|(at, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some((at * WIDTH) as u32 + bit)
            })
        })
    }
}

impl WordIndex {
    /// The documents that `query` asks for, all of them and the best `count` ranked; only those of `within`, where that
    /// is given.
    pub fn search(&self, query: &WordQuery, within: Option<&Mask>, count: usize) -> WordHits {
        let n = self.len();
        let mut alive = match within {
            Some(mask) => Bits(Mask::of_words(mask.words().to_vec(), n).words().to_vec()),
            None => Bits(Mask::all(n).words().to_vec()),
        };
        let mut scores = vec![0f32; n];
        // The rarest first: what it does not hold need not be looked at again.
        let mut required: Vec<&Vec<Phrase>> = query.required.iter().collect();
        required.sort_by_key(|either| either.iter().map(|phrase| self.reach(phrase)).sum::<u64>());
        for either in required {
            let mut hits = Bits::none(n);
            for phrase in either {
                self.visit(phrase, &alive, &mut |document, score| {
                    hits.insert(document);
                    scores[document as usize] += score;
                });
            }
            alive.keep(|alive, hits| alive & hits, &hits);
        }
        for phrase in &query.excluded {
            let mut hits = Bits::none(n);
            self.visit(phrase, &alive, &mut |document, _| hits.insert(document));
            alive.keep(|alive, hits| alive & !hits, &hits);
        }
        let ranked = best(alive.documents().map(|document| (scores[document as usize], document)), count);
        let documents = Mask::of_words(alive.0, n);
        let ranked = ranked.into_iter().map(|(score, document)| (document, score)).collect();
        WordHits { ranked, total: documents.count(), documents }
    }

    /// The words of `query` that stand in no document, as they are compared. What it excludes is not among them, nor what
    /// is a choice as long as one of it is there.
    pub fn unknown_words<'q>(&self, query: &'q WordQuery) -> Vec<&'q str> {
        let unknown = |word: &&Word| self.terms_of(word).is_empty();
        let missing = |phrase: &'q Phrase| phrase.0.iter().filter(unknown).map(|word| &word.text[..]);
        let lost = |either: &&'q Vec<Phrase>| either.iter().all(|phrase| missing(phrase).next().is_some());
        let mut words: Vec<&str> = query.required.iter().filter(lost).flatten().flat_map(missing).collect();
        words.sort_unstable();
        words.dedup();
        words
    }

    /// The numbers of the terms that a word stands for.
    fn terms_of(&self, word: &Word) -> Range<usize> {
        if word.prefix {
            return self.terms.beginning_with(&word.text);
        }
        self.terms.find(&word.text).map_or(0..0, |at| at..at + 1)
    }

    /// Documents that hold a term of `terms`, those that hold several counted as often.
    fn counted(&self, terms: &Range<usize>) -> u64 {
        terms.clone().map(|at| u64::from(self.terms.count(at))).sum()
    }

    /// At most so many documents hold `phrase`.
    fn reach(&self, phrase: &Phrase) -> u64 {
        phrase.0.iter().map(|word| self.counted(&self.terms_of(word))).min().unwrap_or(0)
    }

    /// How much it says that a document holds one of `terms`.
    fn rarity(&self, terms: &Range<usize>) -> f32 {
        let n = self.len() as f64;
        let count = (self.counted(terms) as f64).min(n);
        (1.0 + (n - count + 0.5) / (count + 0.5)).ln() as f32
    }

    fn score(&self, rarity: f32, times: u32, document: u32) -> f32 {
        let length = self.lengths[document as usize] as f32 / self.mean_length.max(f32::MIN_POSITIVE);
        let held_back = SATURATION * (1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * length);
        rarity * times as f32 * (SATURATION + 1.0) / (times as f32 + held_back)
    }

    /// Calls `each` with the documents of `alive` that hold `phrase`, and their scores.
    fn visit(&self, phrase: &Phrase, alive: &Bits, each: &mut dyn FnMut(u32, f32)) {
        match &phrase.0[..] {
            [word] => self.visit_word(word, alive, each),
            words => self.visit_words(words, alive, each),
        }
    }

    fn visit_word(&self, word: &Word, alive: &Bits, each: &mut dyn FnMut(u32, f32)) {
        let terms = self.terms_of(word);
        let mut visit_term = |at: usize| {
            let rarity = self.rarity(&(at..at + 1));
            for (document, times) in Documents::of(self.terms.documents_of(at)) {
                if alive.contains(document) {
                    each(document, self.score(rarity, times, document));
                }
            }
        };
        if terms.len() <= 1 {
            return terms.for_each(visit_term);
        }
        if self.terms.get(terms.start) == word.text {
            visit_term(terms.start);
        }
        let rarity = self.rarity(&terms);
        let mut times_of = vec![0u32; self.len()];
        let mut hits = Bits::none(self.len());
        for at in terms {
            for (document, times) in Documents::of(self.terms.documents_of(at)) {
                if alive.contains(document) {
                    hits.insert(document);
                    times_of[document as usize] += times;
                }
            }
        }
        for document in hits.documents() {
            each(document, self.score(rarity, times_of[document as usize], document));
        }
    }

    fn visit_words(&self, words: &[Word], alive: &Bits, each: &mut dyn FnMut(u32, f32)) {
        let mut words: Vec<(&Word, Range<usize>)> =
            words.iter().map(|word| (word, self.terms_of(word))).collect();
        let rarity = words.iter().map(|(_, terms)| self.rarity(terms)).sum();
        words.sort_by_key(|(_, terms)| self.counted(terms));
        // Documents with all of the words, then places in them, fewer with each word.
        let mut both = Bits(alive.0.clone());
        for (_, terms) in &words {
            let mut hits = Bits::none(self.len());
            for at in terms.clone() {
                Documents::of(self.terms.documents_of(at)).for_each(|(document, _)| hits.insert(document));
            }
            both.keep(|both, hits| both & hits, &hits);
        }
        let mut starts: Option<Vec<Place>> = None;
        for (word, terms) in words {
            let here = self.starts(word.at, terms, &both);
            let places = match starts {
                Some(before) => in_both(&before, &here),
                None => here,
            };
            both = Bits::none(self.len());
            places.iter().for_each(|&place| both.insert(document_of(place)));
            starts = Some(places);
        }
        for same in starts.unwrap_or_default().chunk_by(|&a, &b| document_of(a) == document_of(b)) {
            let document = document_of(same[0]);
            each(document, self.score(rarity, same.len() as u32, document));
        }
    }

    /// Where phrases begin whose token `at` is one of `terms`, ascending.
    fn starts(&self, at: u32, terms: Range<usize>, alive: &Bits) -> Vec<Place> {
        let mut starts = Vec::new();
        let several = terms.len() > 1;
        for term in terms {
            let mut positions = Positions(self.terms.positions_of(term));
            for (document, times) in Documents::of(self.terms.documents_of(term)) {
                if alive.contains(document) {
                    positions.read(times, |position| {
                        starts.extend(position.checked_sub(at).map(|start| place(document, start)));
                    });
                } else {
                    positions.skip(times);
                }
            }
        }
        if several && starts.len() < MANY {
            starts.sort_unstable();
        } else if several {
            starts.par_sort_unstable();
        }
        starts
    }
}

/// A document and a position in it, in one number: those are sorted at several times the speed of pairs.
type Place = u64;

fn place(document: u32, position: u32) -> Place {
    u64::from(document) << u32::BITS | u64::from(position)
}

fn document_of(place: Place) -> u32 {
    (place >> u32::BITS) as u32
}

/// What is in both of two ascending lists.
fn in_both(a: &[Place], b: &[Place]) -> Vec<Place> {
    let mut b = b.iter().peekable();
    let common = |place: &&Place| {
        while b.next_if(|other| other < place).is_some() {}
        b.peek() == Some(place)
    };
    a.iter().filter(common).copied().collect()
}

/// The best `count`, best first.
fn best(scored: impl Iterator<Item = (f32, u32)>, count: usize) -> Vec<(f32, u32)> {
    if count == 0 {
        return Vec::new();
    }
    let mut kept: Vec<(f32, u32)> = Vec::new();
    let mut worst = None;
    for hit in scored {
        if worst.is_some_and(|worst| nearer(&hit, &worst).is_gt()) {
            continue;
        }
        kept.push(hit);
        // Twice as many are gathered before the worse half goes.
        if kept.len() >= count.saturating_mul(2) {
            kept.select_nth_unstable_by(count - 1, nearer);
            kept.truncate(count);
            worst = kept.last().copied();
        }
    }
    kept.sort_unstable_by(nearer);
    kept.truncate(count);
    kept
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::job::Ctx;

    fn index_of(texts: &[impl AsRef<str> + Sync]) -> WordIndex {
        WordIndex::of(texts.len(), &|i| Cow::Borrowed(texts[i].as_ref()), &Ctx::quiet()).unwrap()
    }

    fn hits(texts: &[&str], typed: &str) -> Vec<u32> {
        let found = index_of(texts).search(&WordQuery::parse(typed).unwrap(), None, 10);
        found.ranked.iter().map(|hit| hit.0).collect()
    }

    #[test]
    fn the_rarer_word_and_the_shorter_text_come_first() {
        let texts =
            ["soup soup soup", "warm tomato", "soup", "a long text about soup and other things to eat", ""];
        assert_eq!(hits(&texts, "soup "), [0, 2, 3]);
        assert_eq!(hits(&texts, "soup OR tomato "), [1, 0, 2, 3]);
    }

    #[test]
    fn the_word_itself_comes_before_words_that_begin_with_it() {
        assert_eq!(hits(&["article", "articles on art", "art of articles", "arts"], "art")[..2], [1, 2]);
        assert_eq!(hits(&["arts", "art", "part"], "art"), [1, 0]);
    }

    #[test]
    fn phrases_are_found_across_marks_and_in_scripts_without_spaces() {
        let texts = ["Le café de l’école", "机器学习模型", "学习机器", "l ecole", "学 习"];
        assert_eq!(hits(&texts, "l'école "), [3, 0]);
        assert_eq!(hits(&texts, "学习"), [2, 1]);
        assert_eq!(hits(&texts, "CAFE"), [0]);
        assert_eq!(hits(&texts, "\"de l'ec").len(), 1);
    }

    #[test]
    fn what_is_nowhere_has_no_hits_and_is_named() {
        let index = index_of(&["warm soup", "cold tea"]);
        let query = |typed: &str| WordQuery::parse(typed).unwrap();
        let found = index.search(&query("warm juice "), None, 10);
        assert_eq!((found.total, found.ranked.len(), found.documents.count()), (0, 0, 0));
        assert_eq!(index.unknown_words(&query("warm juice jam -x ")), ["jam", "juice"]);
        assert_eq!(index.unknown_words(&query("juice OR tea jam OR ice ")), ["ice", "jam"]);
        assert_eq!(index.unknown_words(&query("warm tea ")), [""; 0]);
        let none = index_of(&[""; 0]);
        assert_eq!(none.search(&query("a"), None, 10).total, 0);
    }

    #[test]
    fn only_documents_of_the_filter_are_hits_and_their_scores_are_those_without_it() {
        let texts: Vec<String> =
            (0..200).map(|i| format!("word{} common {}", i % 5, "x ".repeat(i % 9))).collect();
        let index = index_of(&texts);
        let query = WordQuery::parse("common word3 ").unwrap();
        let all = index.search(&query, None, 200);
        let within = Mask::of_fn(200, |i| i % 2 == 0);
        let some = index.search(&query, Some(&within), 200);
        let kept: Vec<(u32, f32)> = all.ranked.iter().copied().filter(|hit| within.contains(hit.0)).collect();
        assert_eq!(some.ranked, kept);
        assert_eq!(some.documents, all.documents.and(&within));
        assert_eq!(index.search(&query, None, 7).ranked, all.ranked[..7]);
        assert_eq!(index.search(&query, None, 0).total, 40);
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_plain_scan_of_the_texts_finds(
            texts in prop::collection::vec(r"((a|b|ab|É|e|日|本|語|🔥|'|\.)[ ]{0,1}){0,8}", 0..30),
            typed in r#"(a|b|É|日|本| |"|-|\*| OR |'|🔥){1,10}"#,
            step in 1usize..4,
        ) {
            let Some(query) = WordQuery::parse(&typed) else { return Ok(()) };
            let within = Mask::of_fn(texts.len(), |i| i % step == 0);
            let found = index_of(&texts).search(&query, Some(&within), 10);
            let scanned = Mask::of_fn(texts.len(), |i| within.contains(i as u32) && query.matches(&texts[i]));
            prop_assert_eq!(&found.documents, &scanned);
            prop_assert_eq!(found.total, scanned.count());
            prop_assert_eq!(found.ranked.len(), scanned.count().min(10));
            prop_assert!(found.ranked.windows(2).all(|pair| nearer(&(pair[0].1, pair[0].0), &(pair[1].1, pair[1].0)).is_lt()));
            prop_assert!(found.ranked.iter().all(|hit| scanned.contains(hit.0)));
        }
    }
}
