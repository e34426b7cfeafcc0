//! The words of a text as a search by words counts them.
//!
//! Words are those of Unicode's segmentation (UAX #29), parted further where it keeps marks inside words ("l'école",
//! "3.5", "example.com"): a query is read in the same way, so that what is parted is looked for as a phrase. In scripts
//! without spaces every character begins a token of itself and the one after it. An emoji is a word.

use unicode_segmentation::UnicodeSegmentation;

use super::fold::fold;
use super::language::is_ideographic;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    /// Two characters in a row, of a script without spaces.
    Pair,
    /// The last character of such a row, so that every character begins a token; `alone` where it is the first as well.
    Last {
        alone: bool,
    },
}

/// A word, or two characters that stand for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// As it is compared.
    pub folded: &'a str,
    pub kind: Kind,
    /// Where it stands in the text, in bytes.
    pub start: usize,
    pub end: usize,
    /// Where the first character of a pair ends; the end of others.
    pub first_end: usize,
}

/// Calls `each` for every token of `text`, in order: a token's number is its position.
pub fn for_each_token(text: &str, each: impl FnMut(Token<'_>)) {
    let mut reader = Reader { each, folded: String::new(), last: None };
    if text.is_ascii() {
        text.unicode_word_indices().for_each(|(start, segment)| reader.segment(start, segment));
    } else {
        let segments = text.split_word_bound_indices();
        segments
            .filter(|(_, segment)| segment.chars().any(|c| c.is_alphanumeric() || is_emoji(c)))
            .for_each(|(start, segment)| reader.segment(start, segment));
    }
    reader.end_row();
}

/// A character of a script without spaces that waits for what follows it.
struct Waiting {
    character: char,
    start: usize,
    end: usize,
    /// Whether it ended a pair.
    paired: bool,
}

struct Reader<F> {
    each: F,
    folded: String,
    last: Option<Waiting>,
}

impl<F: FnMut(Token<'_>)> Reader<F> {
    fn segment(&mut self, start: usize, segment: &str) {
        let mut word: Option<usize> = None;
        for (at, c) in segment.char_indices() {
            let here = start + at;
            if is_unspaced(c) || is_emoji(c) || is_joint(c) {
                if let Some(from) = word.take() {
                    self.word(from, &segment[from - start..at]);
                }
                if is_unspaced(c) {
                    self.unspaced(c, here);
                } else if is_emoji(c) {
                    self.word(here, &segment[at..at + c.len_utf8()]);
                }
            } else if word.is_none() && c.is_alphanumeric() {
                word = Some(here);
            }
        }
        if let Some(from) = word {
            self.word(from, &segment[from - start..]);
        }
    }

    fn word(&mut self, start: usize, surface: &str) {
        self.end_row();
        self.folded.clear();
        fold(surface, &mut self.folded);
        if !self.folded.is_empty() {
            let end = start + surface.len();
            (self.each)(Token { folded: &self.folded, kind: Kind::Word, start, end, first_end: end });
        }
    }

    fn unspaced(&mut self, character: char, start: usize) {
        let end = start + character.len_utf8();
        let paired = self.last.as_ref().is_some_and(|last| last.end == start);
        match self.last.take() {
            Some(Waiting { character: first, start, end: first_end, .. }) if paired => {
                self.folded.clear();
                self.folded.extend([first, character]);
                (self.each)(Token { folded: &self.folded, kind: Kind::Pair, start, end, first_end });
            }
            other => {
                self.last = other;
                self.end_row();
            }
        }
        self.last = Some(Waiting { character, start, end, paired });
    }

    fn end_row(&mut self) {
        if let Some(Waiting { character, start, end, paired }) = self.last.take() {
            self.folded.clear();
            self.folded.push(character);
            let kind = Kind::Last { alone: !paired };
            (self.each)(Token { folded: &self.folded, kind, start, end, first_end: end });
        }
    }
}

/// Whether the script has no spaces between words: Han and kana, and those of Thailand, Laos, Myanmar and Cambodia.
pub fn is_unspaced(c: char) -> bool {
    is_ideographic(c) || matches!(u32::from(c), 0x0E01..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF)
}

/// Pictures, without the signs that change the skin's colour or join pictures.
fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x2600..=0x27BF | 0x1F300..=0x1F3FA | 0x1F400..=0x1FAFF)
}

/// What Unicode keeps inside a word and a person does not think of as part of it.
fn is_joint(c: char) -> bool {
    matches!(
        c,
        '\'' | '’' | '‘' | '＇' | '.' | '．' | '․' | ':' | '：' | ',' | '，' | ';' | '_' | '·' | '‧' | '"'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for_each_token(text, |token| found.push(token.folded.to_owned()));
        found
    }

    #[test]
    fn words_are_folded_and_parted_at_marks_inside_them() {
        assert_eq!(
            tokens("L’École, don't: v3.5 snake_case"),
            ["l", "ecole", "don", "t", "v3", "5", "snake", "case"]
        );
        assert_eq!(tokens("state-of-the-art"), ["state", "of", "the", "art"]);
        assert_eq!(tokens(" … — ! "), [""; 0]);
    }

    #[test]
    fn every_character_without_spaces_begins_a_token() {
        assert_eq!(tokens("机器学习。卡"), ["机器", "器学", "学习", "习", "卡"]);
        assert_eq!(tokens("GPTモデル v2"), ["gpt", "モデ", "デル", "ル", "v2"]);
        assert_eq!(tokens("ภาษา"), ["ภา", "าษ", "ษา", "า"]);
    }

    #[test]
    fn an_emoji_is_a_word_whatever_its_skin() {
        assert_eq!(tokens("ok👍🏽 🔥"), ["ok", "👍", "🔥"]);
        assert_eq!(tokens("हिन्दी"), ["हिन्दी"]);
    }

    proptest! {
        #[test]
        fn tokens_stand_in_the_text_in_order(text in r"[\PC\n]{0,60}|(a|É|日|の| |'|🔥|\.|ภ)*") {
            let mut before = 0;
            for_each_token(&text, |token| {
                assert!(token.start >= before && token.start < token.first_end);
                assert!(token.first_end <= token.end && !token.folded.is_empty());
                assert!(text.get(token.start..token.first_end).is_some() && text.get(token.start..token.end).is_some());
                before = token.first_end;
            });
        }
    }
}
