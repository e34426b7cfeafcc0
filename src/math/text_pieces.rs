//! A text in pieces that can be left out, one at a time, to see what each does for the whole.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// What the pieces of a text are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// Its words.
    Words,
    /// What lies between its commas, dashes, brackets and stops: it has too many words to leave out each.
    Clauses,
    /// Stretches of so many words (the last may be shorter): it has too many clauses, or none.
    Runs(usize),
}

/// What ends a clause.
const MARKS: [char; 24] = [
    ',', ';', ':', '.', '!', '?', '(', ')', '[', ']', '—', '–', '…', '、', '，', '；', '：', '。', '！',
    '？', '（', '）', '|', '\n',
];

/// At most `most` pieces, in order, as ranges of bytes without the space around them; every word is in one of them.
pub fn pieces(text: &str, most: usize) -> (Grain, Vec<Range<usize>>) {
    let words: Vec<Range<usize>> =
        text.unicode_word_indices().map(|(start, word)| start..start + word.len()).collect();
    if words.len() <= most {
        return (Grain::Words, words);
    }
    let clauses = clauses(text, &words);
    if (2..=most).contains(&clauses.len()) {
        return (Grain::Clauses, clauses);
    }
    let each = words.len().div_ceil(most.max(1));
    let runs = words.chunks(each).map(|run| run[0].start..run[run.len() - 1].end).collect();
    (Grain::Runs(each), runs)
}

/// The clauses, each with the mark that ends it; marks without a word before them belong to the clause before.
fn clauses(text: &str, words: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    // A mark within a word or a figure (1.5, 12:30, e.g.) ends nothing.
    let within_word = |at: usize| {
        let before = words.partition_point(|word| word.start <= at);
        before > 0 && at < words[before - 1].end
    };
    let ends = text.char_indices().filter(|&(at, c)| {
        let next = text[at + c.len_utf8()..].chars().next();
        let joins = matches!(c, ',' | ':' | '.') && next.is_some_and(char::is_alphanumeric);
        MARKS.contains(&c) && !joins && !within_word(at)
    });
    let ends: Vec<usize> = ends.map(|(at, c)| at + c.len_utf8()).chain([text.len()]).collect();
    for end in ends {
        let part = &text[start..end];
        let trimmed = part.trim();
        if !trimmed.is_empty() {
            let from = start + part.len() - part.trim_start().len();
            let range = from..from + trimmed.len();
            let says_something = trimmed.chars().any(char::is_alphanumeric);
            match found.last_mut().filter(|_| !says_something) {
                Some(last) => last.end = range.end,
                None if says_something => found.push(range),
                None => {}
            }
        }
        start = end;
    }
    found
}

/// `text` without `piece`, and without one of the spaces around it.
pub fn without(text: &str, piece: &Range<usize>) -> String {
    let (before, after) = (&text[..piece.start], &text[piece.end..]);
    if before.is_empty() || before.ends_with(char::is_whitespace) {
        format!("{before}{}", after.trim_start())
    } else {
        format!("{before}{after}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(text: &str, most: usize) -> (Grain, Vec<&str>) {
        let (grain, ranges) = pieces(text, most);
        (grain, ranges.into_iter().map(|range| &text[range]).collect())
    }

    #[test]
    fn a_short_text_comes_apart_into_words_and_a_longer_one_into_clauses() {
        let text = "The bank charged me twice, and nobody (really, nobody) answered at 12:30.";
        let words = parts(text, 60);
        assert_eq!((words.0, words.1.len()), (Grain::Words, 13));
        let (grain, clauses) = parts(text, 5);
        assert_eq!(grain, Grain::Clauses);
        assert_eq!(
            clauses,
            ["The bank charged me twice,", "and nobody (", "really,", "nobody)", "answered at 12:30."]
        );
        let (grain, runs) = parts(text, 3);
        assert_eq!((grain, runs.len()), (Grain::Runs(5), 3));
        assert_eq!(runs[0], "The bank charged me twice");
    }

    #[test]
    fn a_word_leaves_no_hole() {
        let text = "red green blue";
        let left: Vec<String> = pieces(text, 9).1.iter().map(|word| without(text, word)).collect();
        assert_eq!(left, ["green blue", "red blue", "red green "]);
        assert_eq!(without("a (big) dog", &(3..6)), "a () dog");
    }

    proptest! {
        #[test]
        fn pieces_are_few_in_order_and_hold_every_word(text in r"(\PC|[.,;() \n]|[a-z]{1,4} ){0,80}", most in 1usize..20) {
            let (_, found) = pieces(&text, most);
            prop_assert!(found.len() <= most);
            prop_assert!(found.is_sorted_by(|a, b| a.end <= b.start));
            for piece in &found {
                prop_assert!(without(&text, piece).len() < text.len());
            }
            for (at, word) in text.unicode_word_indices() {
                // A mark that goes with a space makes a word that begins with one.
                let (end, start) = (at + word.trim_end().len(), at + word.len() - word.trim_start().len());
                prop_assert!(found.iter().any(|piece| piece.start <= start && end <= piece.end), "{word}");
            }
        }
    }
}
