//! A set of documents, one bit each.

/// Documents of a corpus of `len`, such as those that a filter keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    words: Vec<u64>,
    len: usize,
    count: usize,
}

/// Documents a word.
const WIDTH: usize = u64::BITS as usize;

impl Mask {
    /// No document of `len`.
    pub fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(WIDTH)], len, count: 0 }
    }

    /// Every document of `len`.
    pub fn all(len: usize) -> Self {
        Self::of_fn(len, |_| true)
    }

    /// The documents of `len` for which `holds`.
    pub fn of_fn(len: usize, holds: impl Fn(usize) -> bool) -> Self {
        let word = |at: usize| {
            let range = at * WIDTH..((at + 1) * WIDTH).min(len);
            range.rev().fold(0u64, |word, i| word << 1 | u64::from(holds(i)))
        };
        Self::of_words((0..len.div_ceil(WIDTH)).map(word).collect(), len)
    }

    /// These documents of `len`, in any order; those beyond are left out.
    pub fn of_documents(len: usize, documents: &[u32]) -> Self {
        let mut words = vec![0u64; len.div_ceil(WIDTH)];
        for i in documents.iter().map(|&i| i as usize).filter(|&i| i < len) {
            words[i / WIDTH] |= 1 << (i % WIDTH);
        }
        Self::of_words(words, len)
    }

    /// The documents of `len` whose bits are set: document `i` is bit `i % 64` of word `i / 64`. Words that are missing
    /// hold nothing; what lies beyond `len` is left out.
    pub fn of_words(mut words: Vec<u64>, len: usize) -> Self {
        words.resize(len.div_ceil(WIDTH), 0);
        if let Some(last) = words.last_mut().filter(|_| !len.is_multiple_of(WIDTH)) {
            *last &= (1 << (len % WIDTH)) - 1;
        }
        let count = words.iter().map(|word| word.count_ones() as usize).sum();
        Self { words, len, count }
    }

    /// How many documents the corpus has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the corpus has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many documents are in the set.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether document `i` is; false beyond the corpus.
    pub fn contains(&self, i: u32) -> bool {
        let i = i as usize;
        i < self.len && self.words[i / WIDTH] >> (i % WIDTH) & 1 == 1
    }

    /// The documents of both. Sets of other corpora have nothing in common beyond the shorter one.
    pub fn and(&self, other: &Self) -> Self {
        Self::of_words(self.words.iter().zip(&other.words).map(|(a, b)| a & b).collect(), self.len)
    }

    /// The documents that are not in the set.
    pub fn not(&self) -> Self {
        Self::of_words(self.words.iter().map(|word| !word).collect(), self.len)
    }

    /// The bits as [`Mask::of_words`] takes them.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The documents, ascending.
    pub fn documents(&self) -> impl Iterator<Item = u32> + Clone + '_ {
        self.documents_within(0..self.len)
    }

    /// The documents from `range.start` (a multiple of 64) to before `range.end`, ascending.
    pub fn documents_within(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = u32> + Clone + '_ {
        let words = range.start / WIDTH..range.end.min(self.len).div_ceil(WIDTH);
        let start = words.start;
        let words = self.words.get(words).unwrap_or_default().iter().enumerate();
        let set = words.flat_map(move |(at, &word)| {
            let next = |word: &u64| Some(word & (word - 1)).filter(|rest| *rest != 0);
            let first = Some(word).filter(|word| *word != 0);
            std::iter::successors(first, next)
                .map(move |word| ((start + at) * WIDTH) as u32 + word.trailing_zeros())
        });
        set.take_while(move |&i| (i as usize) < range.end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mask_behaves_as_the_set_of_its_documents(
            len in 0usize..200, a in prop::collection::btree_set(0u32..200, 0..80),
            b in prop::collection::btree_set(0u32..200, 0..80),
        ) {
            let within = |set: &std::collections::BTreeSet<u32>| -> Vec<u32> {
                set.iter().copied().filter(|&i| (i as usize) < len).collect()
            };
            let mask = |set: &std::collections::BTreeSet<u32>| {
                Mask::of_documents(len, &set.iter().copied().collect::<Vec<_>>())
            };
            let (one, two) = (mask(&a), mask(&b));
            prop_assert_eq!(one.documents().collect::<Vec<_>>(), within(&a));
            prop_assert_eq!(one.count(), within(&a).len());
            let middle: Vec<u32> = within(&a).into_iter().filter(|i| (64..150).contains(i)).collect();
            prop_assert_eq!(one.documents_within(64..150).collect::<Vec<_>>(), middle);
            let again = Mask::of_words([one.words(), &[u64::MAX]].concat(), len);
            prop_assert_eq!(&again, &one);
            prop_assert_eq!(&Mask::of_fn(len, |i| a.contains(&(i as u32))), &one);
            let both: Vec<u32> = within(&a).into_iter().filter(|i| b.contains(i)).collect();
            prop_assert_eq!(one.and(&two).documents().collect::<Vec<_>>(), both);
            let others: Vec<u32> = (0..len as u32).filter(|i| !a.contains(i)).collect();
            prop_assert_eq!(one.not().documents().collect::<Vec<_>>(), others);
            prop_assert!((0..220).all(|i| one.contains(i) == within(&a).contains(&i)));
            prop_assert_eq!(Mask::all(len), Mask::none(len).not());
        }
    }
}
