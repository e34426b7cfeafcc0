//! Words and phrases of a text.
//!
//! Words are those of Unicode's segmentation (UAX #29), counted in lower case. A phrase is up to three words in a
//! row that neither starts nor ends in a stop word nor crosses punctuation. In scripts without spaces, runs of two
//! to four characters take the place of words.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::hash::spread;
use super::language::is_ideographic;

/// Words of a phrase.
const WORDS: usize = 3;
/// Characters of a run where there are no spaces.
const CHARACTERS: Range<usize> = 2..5;
/// Longer texts say by their beginning what they are about.
const BYTES_READ: usize = 20_000;
/// A tag, a formula or an entity is at most this long; what is longer was none.
const LONGEST_JUNK: usize = 200;
/// Stands where junk was, so that no phrase crosses it.
const GAP: char = '|';

/// A word or phrase in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term<'a> {
    /// Equal for terms that differ in case, spacing and hyphens only.
    pub hash: u64,
    /// As it stands in the text.
    pub surface: &'a str,
    /// How many words it has that are no stop words; 1 for a run of characters.
    pub words: usize,
}

/// The hashes of stop words.
#[derive(Clone, Debug, Default)]
pub struct StopHashes(HashSet<u64>);

impl StopHashes {
    /// Of lower-case words.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a &'a str>) -> Self {
        let hash = |word: &&str| {
            let pieces = pieces(word, &Self::default());
            pieces.iter().map(|piece| piece.hash).reduce(joined)
        };
        Self(words.into_iter().filter_map(hash).collect())
    }
}

/// Something between spaces, punctuation or neighbouring ideographs.
#[derive(Clone, Copy)]
struct Piece<'a> {
    hash: u64,
    surface: &'a str,
    start: usize,
    /// May start and end a phrase.
    content: bool,
    /// Follows the piece before it without punctuation.
    follows: bool,
    ideograph: bool,
}

/// Calls `each` for every word and phrase of `text`, in order; `text` must be [`cleaned`].
pub fn for_each_term<'a>(text: &'a str, stops: &StopHashes, mut each: impl FnMut(Term<'a>)) {
    let pieces = pieces(text, stops);
    for (at, first) in pieces.iter().enumerate().filter(|(_, piece)| piece.content) {
        let longest = if first.ideograph { CHARACTERS.end - 1 } else { WORDS };
        let mut hash = 0;
        let mut words = 0;
        for (more, last) in pieces[at..].iter().take(longest).enumerate() {
            if more > 0 && (!last.follows || last.ideograph != first.ideograph) {
                break;
            }
            hash = if more == 0 { last.hash } else { joined(hash, last.hash) };
            words += usize::from(last.content);
            let long_enough = !first.ideograph || more + 1 >= CHARACTERS.start;
            // Stop words without spaces have several characters, so the run itself may be one.
            if last.content && long_enough && !(first.ideograph && stops.0.contains(&hash)) {
                let surface = &text[first.start..last.start + last.surface.len()];
                each(Term { hash, surface, words: if first.ideograph { 1 } else { words } });
            }
        }
    }
}

/// The words of a term, in lower case.
pub fn words_of(surface: &str) -> Vec<String> {
    pieces(surface, &StopHashes::default()).iter().map(|piece| folded(piece.surface)).collect()
}

fn folded(word: &str) -> String {
    word.chars().flat_map(char::to_lowercase).map(|c| if c == '’' { '\'' } else { c }).collect()
}

/// The hash of a phrase from that of its beginning and its last word.
fn joined(phrase: u64, word: u64) -> u64 {
    spread(phrase.rotate_left(23) ^ word)
}

fn hash_of(word: &str) -> u64 {
    // FNV-1a over the folded bytes, its bits spread afterwards.
    let mut hash = 0xCBF2_9CE4_8422_2325u64;
    let mut feed = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
    if word.is_ascii() {
        word.bytes().for_each(|byte| feed(byte.to_ascii_lowercase()));
    } else {
        folded(word).bytes().for_each(feed);
    }
    spread(hash)
}

fn pieces<'a>(text: &'a str, stops: &StopHashes) -> Vec<Piece<'a>> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut end = 0;
    let mut words = text.unicode_word_indices().peekable();
    while let Some((start, mut surface)) = words.next() {
        let between = &text[end..start];
        let follows = !pieces.is_empty() && (between == "-" || between.chars().all(char::is_whitespace));
        // "k-means", "GPT-4", "end-to-end": a part that says nothing alone stays with its neighbours.
        let says_little = |part: &str| says_nothing(part) || stops.0.contains(&hash_of(part));
        let mut part = surface;
        while let Some(&(next, more)) = words.peek() {
            let hyphen = text.get(start + surface.len()..next) == Some("-");
            if !hyphen || !(says_little(part) || says_little(more)) {
                break;
            }
            surface = &text[start..next + more.len()];
            part = more;
            words.next();
        }
        end = start + surface.len();
        let surface = ["'s", "’s"].iter().find_map(|s| surface.strip_suffix(s)).unwrap_or(surface);
        let ideograph =
            surface.chars().next().is_some_and(is_ideographic) && surface.chars().nth(1).is_none();
        // Hiragana is what holds Japanese sentences together.
        let binds = ideograph && matches!(surface.chars().next(), Some('\u{3040}'..='\u{309F}'));
        if (says_nothing(surface) && !ideograph) || binds {
            // The next piece must not follow the last one across what is left out here.
            pieces.push(Piece { hash: 0, surface, start, content: false, follows: false, ideograph: false });
            continue;
        }
        let hash = hash_of(surface);
        let follows = follows && pieces.last().is_some_and(|last| last.hash != 0);
        pieces.push(Piece { hash, surface, start, content: !stops.0.contains(&hash), follows, ideograph });
    }
    pieces.retain(|piece| piece.hash != 0);
    pieces
}

/// Single letters and what has no letter at all.
fn says_nothing(word: &str) -> bool {
    let mut letters = word.chars().filter(|c| c.is_alphabetic());
    match (letters.next(), word.chars().nth(1)) {
        (None, _) | (Some(_), None) => true,
        (Some(_), Some(_)) => false,
    }
}

/// The beginning of a text without addresses, tags, entities and formulas.
pub fn cleaned(text: &str) -> Cow<'_, str> {
    let text = &text[..text.floor_char_boundary(BYTES_READ)];
    let suspicious = |byte: u8| matches!(byte, b'<' | b'\\' | b'&' | b'$');
    if !text.bytes().any(suspicious) && !text.contains("://") && !text.contains("www.") {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let (skipped, instead) = match c {
            '<' => (tag(rest), GAP),
            '&' => entity(rest),
            '$' => (formula(rest), GAP),
            '\\' => (command(rest), GAP),
            'h' | 'w' | 'H' if !before.is_alphanumeric() => (address(rest), GAP),
            _ => (0, c),
        };
        if skipped > 0 {
            clean.push(instead);
            rest = &rest[skipped..];
        } else {
            clean.push(c);
            rest = &rest[c.len_utf8()..];
        }
        before = c;
    }
    Cow::Owned(clean)
}

/// The first `LONGEST_JUNK` bytes.
fn near(rest: &str) -> &str {
    &rest[..rest.floor_char_boundary(LONGEST_JUNK)]
}

fn tag(rest: &str) -> usize {
    let opens = rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!');
    if opens { near(rest).find('>').map_or(0, |end| end + 1) } else { 0 }
}

fn entity(rest: &str) -> (usize, char) {
    let Some(end) = near(rest).find(';').filter(|end| (2..10).contains(end)) else { return (0, GAP) };
    let name = &rest[1..end];
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '#') {
        return (0, GAP);
    }
    let instead = match name {
        "#39" | "apos" | "rsquo" | "lsquo" => '\'',
        "nbsp" => ' ',
        _ => GAP,
    };
    (end + 1, instead)
}

fn formula(rest: &str) -> usize {
    let Some(end) = near(&rest[1..]).find('$') else { return 0 };
    let inside = &rest[1..=end];
    // Prices have dollar signs too.
    let formula = inside.contains(['\\', '^', '_', '{', '=']) || inside.len() <= 2;
    if formula { end + 2 } else { 0 }
}

fn command(rest: &str) -> usize {
    let letters = rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
    // A backslash may also stand for a line break before a word.
    if letters > 0 && rest[1 + letters..].starts_with('{') { 1 + letters } else { 1 }
}

fn address(rest: &str) -> usize {
    let start = rest.get(..8).unwrap_or(rest).to_ascii_lowercase();
    if !["http://", "https://", "www."].iter().any(|scheme| start.starts_with(scheme)) {
        return 0;
    }
    rest.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | ')' | ']' | '}'))
        .unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::stop_words::stop_words;
    use proptest::prelude::*;
    use whatlang::Lang;

    fn terms(text: &str, language: Lang) -> Vec<String> {
        let clean = cleaned(text);
        let mut found = Vec::new();
        for_each_term(&clean, &StopHashes::of(stop_words(language)), |term| {
            found.push(term.surface.to_owned())
        });
        found
    }

    fn english(text: &str) -> Vec<String> {
        terms(text, Lang::Eng)
    }

    fn hashes(text: &str) -> Vec<u64> {
        let mut found = Vec::new();
        for_each_term(text, &StopHashes::default(), |term| found.push(term.hash));
        found
    }

    #[test]
    fn phrases_neither_start_nor_end_in_a_stop_word() {
        assert_eq!(
            english("the rate of exchange changed"),
            ["rate", "rate of exchange", "exchange", "exchange changed", "changed"]
        );
    }

    #[test]
    fn phrases_do_not_cross_punctuation_or_what_is_left_out() {
        assert_eq!(english("bank card, exchange 42 rate"), ["bank", "bank card", "card", "exchange", "rate"]);
    }

    #[test]
    fn case_hyphens_and_typographic_apostrophes_do_not_make_another_term() {
        assert_eq!(hashes("Fine-Tuning"), hashes("fine tuning"));
        assert_eq!(hashes("Don’t"), hashes("don't"));
        assert_eq!(hashes("the card's"), hashes("the card"));
        assert_ne!(hashes("tuning fine"), hashes("fine tuning"));
    }

    #[test]
    fn numbers_and_single_letters_are_left_out_unless_hyphens_bind_them() {
        assert_eq!(english("x 12 3.5"), [""; 0]);
        assert_eq!(english("k-means, GPT-4, 3D"), ["k-means", "GPT-4", "3D"]);
    }

    #[test]
    fn hyphens_bind_stop_words_to_the_words_around_them() {
        assert_eq!(english("state-of-the-art"), ["state-of-the-art"]);
        assert_eq!(english("end-to-end driving"), ["end-to-end", "end-to-end driving", "driving"]);
    }

    #[test]
    fn junk_leaves_no_terms_behind() {
        assert_eq!(english("<b>bank</b> see https://example.com/a?b=c don&#39;t"), ["bank"]);
        assert_eq!(english(r"rank $\alpha_{i}$ \emph{deep} a\band"), ["rank", "deep", "band"]);
        assert_eq!(english("fee of $5 charged"), ["fee", "charged"]);
    }

    #[test]
    fn scripts_without_spaces_give_runs_of_characters() {
        assert_eq!(terms("银行卡", Lang::Cmn), ["银行", "银行卡", "行卡"]);
        assert!(!terms("我的卡", Lang::Cmn).iter().any(|t| t.contains('的')));
        let japanese = terms("機械学習のモデルを使う", Lang::Jpn);
        assert!(
            japanese.contains(&"機械学習".to_owned()) && japanese.contains(&"モデル".to_owned()),
            "{japanese:?}"
        );
        assert!(!japanese.iter().any(|t| t.contains('の')));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_text_gives_terms_that_stand_in_it(text in r"[\PC\\$&<>; \n-]{0,60}|(a|日|の| |\$|&#39;|http://x|<b|\\x\{)*") {
            let clean = cleaned(&text);
            for_each_term(&clean, &StopHashes::default(), |term| {
                assert!(clean.contains(term.surface) && !term.surface.is_empty());
                assert!(term.surface.chars().any(char::is_alphabetic));
            });
        }
    }
}
