//! Words of a corpus that are nearly the one that was asked for.

use rayon::prelude::*;

use super::fold::fold;
use super::search_words::is_unspaced;
use super::word_index::WordIndex;

/// Slips of the keyboard that are looked for: letters left out, put in, changed or swapped. Short words have other words
/// all around them, so that one is enough there.
const MOST_SLIPS: usize = 2;
const SHORT: usize = 5;

/// Words that begin alike share at least so many letters, and half of what was asked for.
const LEAST_BEGINNING: usize = 3;

impl WordIndex {
    /// At most `count` words of the corpus, as they are compared, that a person who typed `word` may have meant: the fewest
    /// slips away first, then those in more documents; then such as begin alike.
    pub fn nearest_words(&self, word: &str, count: usize) -> Vec<String> {
        let mut asked = String::new();
        fold(word, &mut asked);
        let asked: Vec<char> = asked.chars().collect();
        if asked.is_empty() || asked.iter().any(|&c| is_unspaced(c)) {
            return Vec::new();
        }
        let most = if asked.len() < SHORT { 1 } else { MOST_SLIPS };
        let least_beginning = LEAST_BEGINNING.max(asked.len().div_ceil(2));
        // Slips, or beyond all of them the letters at the end that differ; then the rarer.
        let mut near: Vec<(usize, u32, usize)> = (0..self.terms.len())
            .into_par_iter()
            .map_init(Slips::default, |slips, at| {
                let term = self.terms.get(at);
                let rare = u32::MAX - self.terms.count(at);
                let away = slips.between(&asked, term, most);
                if let Some(away) = away.filter(|&away| away > 0) {
                    return Some((away, rare, at));
                }
                let alike = term.chars().zip(&asked).take_while(|(a, b)| a == *b).count();
                let begins = alike >= least_beginning && away.is_none();
                begins.then(|| (MOST_SLIPS + 1 + asked.len() - alike, rare, at))
            })
            .flatten()
            .collect();
        near.sort_unstable();
        near.iter().take(count).map(|&(_, _, at)| self.terms.get(at).to_owned()).collect()
    }
}

/// Working memory of the comparisons.
#[derive(Default)]
struct Slips {
    term: Vec<char>,
    /// Three rows of the table of distances.
    rows: [Vec<usize>; 3],
}

impl Slips {
    /// How many slips are between two words (optimal string alignment: Damerau 1964); `None` where that is more than
    /// `most`.
    fn between(&mut self, asked: &[char], term: &str, most: usize) -> Option<usize> {
        // A letter has at most four bytes: many are too long or short without a look at them.
        if term.len() > 4 * (asked.len() + most) || term.len() + most < asked.len() {
            return None;
        }
        self.term.clear();
        self.term.extend(term.chars());
        let term = &self.term;
        if term.len().abs_diff(asked.len()) > most {
            return None;
        }
        let [before_last, last, row] = &mut self.rows;
        last.clear();
        last.extend(0..=term.len());
        before_last.clear();
        before_last.resize(term.len() + 1, 0);
        for (i, a) in asked.iter().enumerate() {
            row.clear();
            row.push(i + 1);
            for (j, b) in term.iter().enumerate() {
                let changed = last[j] + usize::from(a != b);
                let mut least = changed.min(last[j + 1] + 1).min(row[j] + 1);
                if i > 0 && j > 0 && *a == term[j - 1] && asked[i - 1] == *b {
                    least = least.min(before_last[j - 1] + 1);
                }
                row.push(least);
            }
            if row.iter().all(|&slips| slips > most) {
                return None;
            }
            std::mem::swap(before_last, last);
            std::mem::swap(last, row);
        }
        last.last().copied().filter(|&slips| slips <= most)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::job::Ctx;

    fn near(texts: &[&str], word: &str) -> Vec<String> {
        let index = WordIndex::of(texts.len(), &|i| Cow::Borrowed(texts[i]), &Ctx::quiet()).unwrap();
        index.nearest_words(word, 3)
    }

    #[test]
    fn the_fewest_slips_come_first_and_then_the_more_common() {
        let texts = ["neural", "neutral", "neutral", "natural", "mural", "plural", "neurology"];
        assert_eq!(near(&texts, "nueral"), ["neural", "neutral", "mural"]);
        assert_eq!(near(&texts, "Néurall"), ["neural", "neutral", "neurology"]);
    }

    #[test]
    fn words_that_begin_alike_are_offered_where_no_slip_explains_it() {
        assert_eq!(near(&["cluster", "clue", "bus"], "clusterings"), ["cluster"]);
        assert_eq!(near(&["cluster"], "xyz"), [""; 0]);
    }

    #[test]
    fn short_words_and_scripts_without_spaces_get_few_or_no_suggestions() {
        assert_eq!(near(&["cat", "dog", "cart"], "cet"), ["cat"]);
        assert_eq!(near(&["机器学习"], "机械"), [""; 0]);
        assert_eq!(near(&["a"], ""), [""; 0]);
    }
}
