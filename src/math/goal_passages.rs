//! The sentence of a text that decided that it satisfies an explanation.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::vector::{dot, inverse_norm};

/// Sentences of a text that are looked at.
const MOST: usize = 64;
/// Shorter sentences, in letters and digits, are joined to the one before.
const SHORTEST: usize = 12;

/// The sentences of a text, without the space around them; the whole text where it has but one.
pub fn passages(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (start, sentence) in text.split_sentence_bound_indices() {
        let trimmed = sentence.trim();
        if trimmed.is_empty() {
            continue;
        }
        let start = start + sentence.len() - sentence.trim_start().len();
        let end = start + trimmed.len();
        let short = trimmed.chars().filter(|c| c.is_alphanumeric()).take(SHORTEST).count() < SHORTEST;
        if let Some(last) = found.last_mut().filter(|_| short) {
            last.end = end;
        } else if found.len() == MOST {
            break;
        } else {
            found.push(start..end);
        }
    }
    found
}

/// The number of the passage whose vector, less what the text's group has in common, points most towards `centre`.
/// `vectors` are those of the passages, end to end.
pub fn deciding(vectors: &[f32], mean: &[f32], centre: &[f32]) -> Option<usize> {
    let near = vectors.chunks_exact(mean.len().max(1)).map(|row| {
        let rest: Vec<f32> = row.iter().zip(mean).map(|(x, mean)| x - mean).collect();
        dot(&rest, centre) * inverse_norm(&rest)
    });
    near.enumerate().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_has_its_sentences_as_passages_and_short_ones_join() {
        let text = " I like the garden. Yes! The bank charged me twice for it.\n";
        let found: Vec<&str> = passages(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["I like the garden. Yes!", "The bank charged me twice for it."]);
        assert!(passages(" \n").is_empty());
    }

    #[test]
    fn the_passage_nearest_to_the_explanation_decides() {
        let vectors = [1.0, 0.2, 0.9, 0.9];
        assert_eq!(deciding(&vectors, &[0.5, 0.0], &[0.0, 1.0]), Some(1));
        assert_eq!(deciding(&[], &[0.0], &[1.0]), None);
    }

    proptest! {
        #[test]
        fn passages_are_parts_of_the_text_in_order(text in r"(\PC|[.!? \n]){0,80}") {
            let found = passages(&text);
            prop_assert!(found.iter().all(|range| text.get(range.clone()).is_some_and(|part| !part.is_empty())));
            prop_assert!(found.is_sorted_by(|a, b| a.end <= b.start));
        }
    }
}
