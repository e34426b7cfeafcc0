//! Which words stand in which texts, for words to vote on where a text belongs.

use std::borrow::Cow;
use std::collections::HashMap;

use rayon::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use super::language::is_ideographic;
use crate::job::{Cancelled, Ctx};

/// A word in fewer texts says nothing about others.
const FEWEST_TEXTS: u32 = 3;
/// A word in a larger share of the texts tells none apart.
const LARGEST_SHARE: f64 = 0.5;
/// Letters of a word, at least; an ideograph is a word.
const FEWEST_LETTERS: usize = 2;
/// Longer texts are read to here, in bytes.
const READ: usize = 16 << 10;
/// Texts that one task reads.
const BATCH: usize = 512;
/// Counts are taken in so many stretches at most.
const STRETCHES: usize = 8;

/// For each text the words in it, by number, each once.
#[derive(Clone, Debug, PartialEq)]
pub struct TextWords {
    /// How many different words there are.
    pub words: usize,
    /// The words as numbers that mean the same everywhere, ascending.
    hashes: Vec<u64>,
    starts: Vec<usize>,
    ids: Vec<u32>,
}

/// Calls `each` for the words of a text, in lower case.
fn for_each_word(text: &str, mut each: impl FnMut(&str)) {
    let mut lower = String::new();
    for word in text[..text.floor_char_boundary(READ)].unicode_words() {
        for part in word.split(|c: char| !c.is_alphabetic()) {
            let mut chars = part.chars();
            let Some(first) = chars.next() else { continue };
            if chars.count() + 1 < FEWEST_LETTERS && !is_ideographic(first) {
                continue;
            }
            lower.clear();
            lower.extend(part.chars().flat_map(char::to_lowercase));
            each(&lower);
        }
    }
}

/// The same on every machine: FNV-1a.
fn hash(word: &str) -> u64 {
    word.bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

impl TextWords {
    /// The words of `n` texts that stand in at least three of them and at most half.
    pub fn of<'a, F>(n: usize, text: F, ctx: &Ctx) -> Result<Self, Cancelled>
    where
        F: Fn(usize) -> Cow<'a, str> + Sync,
    {
        let starts: Vec<usize> = (0..n).step_by(BATCH).collect();
        let batches = starts.into_par_iter().map(|start| {
            ctx.cancel.check()?;
            let words = (start..(start + BATCH).min(n)).map(|i| {
                let mut words = Vec::new();
                for_each_word(&text(i), |word| words.push(hash(word)));
                words.sort_unstable();
                words.dedup();
                words
            });
            Ok(words.collect::<Vec<Vec<u64>>>())
        });
        let lists: Vec<Vec<u64>> = batches.collect::<Result<Vec<_>, Cancelled>>()?.concat();
        let mut counts = HashMap::<u64, u32>::new();
        lists.iter().flatten().for_each(|word| *counts.entry(*word).or_default() += 1);
        let most = LARGEST_SHARE * n as f64;
        let mut known: Vec<u64> = counts
            .into_iter()
            .filter(|(_, texts)| *texts >= FEWEST_TEXTS && f64::from(*texts) <= most)
            .map(|(word, _)| word)
            .collect();
        known.sort_unstable();
        let number: HashMap<u64, u32> = known.iter().zip(0..).map(|(word, at)| (*word, at)).collect();
        let mut found = Self { words: known.len(), hashes: known, starts: vec![0], ids: Vec::new() };
        for list in lists {
            found.ids.extend(list.iter().filter_map(|word| number.get(word)));
            found.starts.push(found.ids.len());
        }
        Ok(found)
    }

    /// No words of `n` texts, where words are not to count.
    pub fn none(n: usize) -> Self {
        Self { words: 0, hashes: Vec::new(), starts: vec![0; n + 1], ids: Vec::new() }
    }

    /// The words of a text.
    pub fn of_text(&self, text: usize) -> &[u32] {
        &self.ids[self.starts[text]..self.starts[text + 1]]
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The words of some of the texts, numbered as they are here.
    pub fn gathered(&self, texts: &[u32]) -> Self {
        let mut found =
            Self { words: self.words, hashes: self.hashes.clone(), starts: vec![0], ids: Vec::new() };
        for &text in texts {
            found.ids.extend(self.of_text(text as usize));
            found.starts.push(found.ids.len());
        }
        found
    }

    /// In how many of the texts of each of `k` labels each word stands, `words` × `k`; a text counts as often as
    /// `weight` says, one without a label not at all.
    pub fn counts(&self, labels: &[u32], k: usize, weight: impl Fn(usize) -> u32 + Sync) -> Vec<u32> {
        let n = self.len();
        let size = n.div_ceil(STRETCHES).max(BATCH);
        let stretches: Vec<usize> = (0..n).step_by(size).collect();
        let count = |start: usize| {
            let mut counts = vec![0u32; self.words * k];
            let end = (start + size).min(n);
            for (text, &label) in (start..end).zip(&labels[start..end]) {
                let label = label as usize;
                if label < k {
                    let weight = weight(text);
                    self.of_text(text).iter().for_each(|&word| counts[word as usize * k + label] += weight);
                }
            }
            counts
        };
        let add = |mut a: Vec<u32>, b: Vec<u32>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        stretches.into_par_iter().map(count).reduce_with(add).unwrap_or_else(|| vec![0; self.words * k])
    }

    /// For each of `k` labels up to `most` words that stand in its texts more than in others, the most telling first.
    pub fn marked(&self, labels: &[u32], k: usize, most: usize) -> Vec<Vec<u32>> {
        let counts = self.counts(labels, k, |_| 1);
        let mut sizes = vec![0u32; k];
        labels.iter().filter(|&&label| (label as usize) < k).for_each(|&label| sizes[label as usize] += 1);
        let all: u32 = sizes.iter().sum();
        let of_label = |c: usize| {
            let told = |word: usize| {
                let row = &counts[word * k..(word + 1) * k];
                let (here, anywhere) = (f64::from(row[c]), f64::from(row.iter().sum::<u32>()));
                let expected = anywhere * f64::from(sizes[c]) / f64::from(all.max(1));
                // How much the label says about the word, in the texts that have it.
                (row[c] >= FEWEST_TEXTS && here > expected).then(|| here * (here / expected).ln())
            };
            let mut ranked: Vec<(f64, u32)> =
                (0..self.words).filter_map(|word| Some((told(word)?, word as u32))).collect();
            ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            ranked.truncate(most);
            ranked.into_iter().map(|(_, word)| word).collect()
        };
        (0..k).map(of_label).collect()
    }

    /// Fills in how words are written (in lower case), as far as they stand in the texts.
    pub fn spell<'a>(&self, sought: &mut HashMap<u32, Option<String>>, text: impl Fn(usize) -> Cow<'a, str>) {
        let mut left = sought.values().filter(|spelled| spelled.is_none()).count();
        for i in 0..self.len() {
            if left == 0 {
                break;
            }
            if !self.of_text(i).iter().any(|word| matches!(sought.get(word), Some(None))) {
                continue;
            }
            for_each_word(&text(i), |word| {
                let Ok(at) = self.hashes.binary_search(&hash(word)) else { return };
                if let Some(spelled @ None) = sought.get_mut(&(at as u32)) {
                    *spelled = Some(word.to_owned());
                    left -= 1;
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> TextWords {
        TextWords::of(texts.len(), |i| Cow::Borrowed(texts[i]), &Ctx::quiet()).unwrap()
    }

    #[test]
    fn words_in_three_texts_and_at_most_half_of_them_count_once_a_text() {
        let texts = ["Dogs! dogs", "the dogs", "dogs, the", "the cat", "the cat", "the bird", "the 7 a"];
        let words = of(&texts);
        assert_eq!(words.words, 1);
        assert_eq!((words.of_text(0).len(), words.of_text(4).len(), words.len()), (1, 0, 7));
    }

    #[test]
    fn words_are_counted_by_label_and_weight() {
        let words = of(&["red", "red", "red", "blue", "blue", "blue", "x", "y"]);
        let labels = [0, 1, u32::MAX, 1, 1, 1, 0, 0];
        let mut counts = words.counts(&labels, 2, |text| if text == 0 { 10 } else { 1 });
        counts.sort_unstable();
        assert_eq!(counts, [0, 1, 3, 10]);
        assert_eq!(words.gathered(&[7, 0]).of_text(1), words.of_text(0));
    }

    #[test]
    fn the_words_that_mark_a_label_can_be_spelled() {
        let texts = ["Red dog", "red cat", "red cat", "blue dog", "Blue cat", "blue dog"];
        let words = of(&texts);
        let marked = words.marked(&[0, 0, 0, 1, 1, 1], 2, 1);
        let mut sought = marked.iter().flatten().map(|&word| (word, None)).collect();
        words.spell(&mut sought, |i| Cow::Borrowed(texts[i]));
        let said: Vec<&str> = marked.iter().map(|words| sought[&words[0]].as_deref().unwrap()).collect();
        assert_eq!(said, ["red", "blue"]);
    }

    #[test]
    fn ideographs_are_words() {
        assert_eq!(of(&["猫", "猫", "猫", "b", "c", "d"]).words, 1);
    }
}
