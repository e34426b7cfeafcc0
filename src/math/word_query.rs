//! What a person types to search by words.
//!
//! All words have to be there; `"a phrase"` stands together; `cat*` is the beginning of a word, and so is the last word
//! while it is typed (no space follows it); `-word` must not be there; `cats OR dogs` takes either. What cannot be read
//! as any of these is read as words, so that no query is an error.

use std::ops::Range;

use super::search_words::{Kind, for_each_token};

/// A word to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// As it is compared.
    pub text: String,
    /// Tokens after the first of its phrase.
    pub at: u32,
    /// Whether words that begin so are meant too.
    pub prefix: bool,
}

impl Word {
    fn matches(&self, folded: &str) -> bool {
        folded == self.text || self.prefix && folded.starts_with(&self.text)
    }
}

/// Words that stand together, one or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phrase(pub Vec<Word>);

/// A query that has at least one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordQuery {
    /// One of each has to be there.
    pub(super) required: Vec<Vec<Phrase>>,
    pub(super) excluded: Vec<Phrase>,
}

/// What is between spaces or quotes.
struct Piece<'a> {
    text: &'a str,
    excluded: bool,
    /// Whether more of its last word may come.
    open: bool,
    quoted: bool,
}

impl WordQuery {
    /// Reads what was typed; `None` where there is no word in it.
    pub fn parse(typed: &str) -> Option<Self> {
        let mut query = Self { required: Vec::new(), excluded: Vec::new() };
        // Whether an `OR` waits for its other side.
        let mut or = false;
        let mut pieces = pieces(typed).into_iter().peekable();
        while let Some(piece) = pieces.next() {
            if piece.text == "OR" && !piece.quoted && !query.required.is_empty() && pieces.peek().is_some() {
                or = true;
                continue;
            }
            let Some(phrase) = phrase(&piece) else { continue };
            match query.required.last_mut().filter(|_| or) {
                _ if piece.excluded => query.excluded.push(phrase),
                Some(either) => either.push(phrase),
                None => query.required.push(vec![phrase]),
            }
            or = false;
        }
        (!query.required.is_empty() || !query.excluded.is_empty()).then_some(query)
    }

    /// Where what the query asks for stands in `text`: ranges of bytes in order, apart from each other. A word counts
    /// whole where its beginning was asked for.
    pub fn highlights(&self, text: &str) -> Vec<Range<usize>> {
        let tokens = Tokens::of(text);
        let phrases = self.required.iter().flatten();
        let mut ranges: Vec<Range<usize>> = phrases.flat_map(|phrase| tokens.occurrences(phrase)).collect();
        ranges.sort_unstable_by_key(|range| (range.start, range.end));
        let mut apart: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match apart.last_mut().filter(|last| range.start <= last.end) {
                Some(last) => last.end = last.end.max(range.end),
                None => apart.push(range),
            }
        }
        apart
    }

    /// Whether `text` is a hit: what the index answers, read from the text itself.
    pub fn matches(&self, text: &str) -> bool {
        let tokens = Tokens::of(text);
        let holds = |phrase: &Phrase| tokens.occurrences(phrase).next().is_some();
        self.required.iter().all(|either| either.iter().any(holds)) && !self.excluded.iter().any(holds)
    }
}

/// The tokens of a text, for when they are looked at more than once.
struct Tokens {
    folded: String,
    /// Where each ends in `folded`.
    ends: Vec<usize>,
    places: Vec<Place>,
}

struct Place {
    pair: bool,
    start: usize,
    first_end: usize,
    end: usize,
}

impl Tokens {
    fn of(text: &str) -> Self {
        let mut tokens = Self { folded: String::new(), ends: Vec::new(), places: Vec::new() };
        for_each_token(text, |token| {
            tokens.folded.push_str(token.folded);
            tokens.ends.push(tokens.folded.len());
            let (start, first_end, end) = (token.start, token.first_end, token.end);
            tokens.places.push(Place { pair: token.kind == Kind::Pair, start, first_end, end });
        });
        tokens
    }

    fn folded(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.folded[start..self.ends[at]]
    }

    fn occurrences<'a>(&'a self, phrase: &'a Phrase) -> impl Iterator<Item = Range<usize>> + 'a {
        let span = phrase.0.last().map_or(0, |last| last.at as usize);
        (0..self.places.len().saturating_sub(span)).filter_map(move |first| {
            let holds = |word: &Word| word.matches(self.folded(first + word.at as usize));
            let last = phrase.0.iter().all(holds).then(|| phrase.0.last()).flatten()?;
            let place = &self.places[first + span];
            // Of a pair whose first character was asked for, that one.
            let whole = !place.pair || self.folded(first + span) == last.text;
            Some(self.places[first].start..if whole { place.end } else { place.first_end })
        })
    }
}

fn pieces(typed: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = typed.trim_start();
    while !rest.is_empty() {
        let (excluded, body) = match rest.strip_prefix('-') {
            Some(body) if body.starts_with(|c: char| !c.is_whitespace()) => (true, body),
            _ => (false, rest),
        };
        let quote = body.chars().next().and_then(closing);
        let (text, after, closed) = match quote {
            Some((open, close)) => {
                let inside = &body[open..];
                match inside.find(close) {
                    Some(end) => {
                        let after = inside[end..].chars().next().map_or(0, char::len_utf8);
                        (&inside[..end], &inside[end + after..], true)
                    }
                    None => (inside, "", false),
                }
            }
            None => {
                let end = body.find(char::is_whitespace).unwrap_or(body.len());
                (&body[..end], &body[end..], end < body.len())
            }
        };
        pieces.push(Piece { text, excluded, open: !closed && !excluded, quoted: quote.is_some() });
        rest = after.trim_start();
    }
    pieces
}

/// The length of an opening quote, and what closes it.
fn closing(c: char) -> Option<(usize, &'static [char])> {
    let close: &[char] = match c {
        '"' | '“' | '”' | '„' => &['"', '“', '”'],
        '«' => &['»'],
        '「' => &['」'],
        _ => return None,
    };
    Some((c.len_utf8(), close))
}

fn phrase(piece: &Piece<'_>) -> Option<Phrase> {
    let text = piece.text.trim_end_matches('*');
    let beginning = piece.open || text.len() < piece.text.len();
    let mut words = Vec::new();
    let (mut at, mut end) = (0, 0);
    for_each_token(text, |token| {
        // Where more characters may follow in a text, the last one of a row begins no token of its own.
        if token.kind != (Kind::Last { alone: false }) {
            let prefix = token.kind == Kind::Last { alone: true };
            words.push(Word { text: token.folded.to_owned(), at, prefix });
        }
        at += 1;
        end = token.end;
    });
    if let Some(last) = words.last_mut().filter(|_| beginning && end == text.len()) {
        last.prefix = true;
    }
    (!words.is_empty()).then_some(Phrase(words))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(query: &str, text: &str) -> bool {
        WordQuery::parse(query).unwrap().matches(text)
    }

    fn highlighted<'a>(query: &str, text: &'a str) -> Vec<&'a str> {
        let ranges = WordQuery::parse(query).unwrap().highlights(text);
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn all_words_have_to_be_there_in_any_order() {
        assert!(matches("soup warm ", "Warm tomato soup"));
        assert!(!matches("soup cold ", "Warm tomato soup"));
    }

    #[test]
    fn a_word_being_typed_is_a_beginning_and_one_before_a_space_is_whole() {
        assert!(matches("tom", "Warm tomato soup"));
        assert!(!matches("tom ", "Warm tomato soup"));
        assert!(matches("tom* soup ", "Warm tomato soup"));
        assert!(!matches("tom soup", "Warm tomato soup"));
    }

    #[test]
    fn a_phrase_stands_together() {
        let text = "The bank raised the rate of exchange.";
        assert!(matches("\"rate of exchange\"", text));
        assert!(!matches("\"of rate\"", text));
        assert!(matches("\"rate of exch", text), "a phrase being typed");
        assert!(!matches("\"rate of exch\"", text));
        assert!(matches("“rate of” bank ", text));
        assert!(matches("rate-of-exchange ", text));
    }

    #[test]
    fn words_can_be_left_out_and_given_a_choice() {
        assert!(matches("soup -cold", "Warm soup"));
        assert!(!matches("soup -warm", "Warm soup"));
        assert!(!matches("-\"warm soup\"", "Warm soup"));
        assert!(matches("tea OR soup warm ", "Warm soup"));
        assert!(!matches("tea OR soup cold ", "Warm soup"));
        assert!(matches("soup OR", "soup or salad"), "nothing follows it: a word");
        assert!(matches("warm - soup ", "Warm soup"), "a dash alone is nothing");
    }

    #[test]
    fn without_a_word_there_is_no_query() {
        for typed in ["", "  ", "\"", "-", "**", "\"\" -", "… !"] {
            assert_eq!(WordQuery::parse(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn scripts_without_spaces_are_found_by_any_part() {
        let text = "我们用机器学习预测银行卡";
        for query in ["机器学习", "器学", "卡", "我", "银行", "\"学习预测\"", "机器 银行卡"]
        {
            assert!(matches(query, text), "{query}");
        }
        assert!(!matches("机学", text));
        assert!(!matches("学机", text));
        assert_eq!(highlighted("学习", text), ["学习"]);
        assert_eq!(highlighted("银 卡", text), ["银", "卡"]);
    }

    #[test]
    fn highlights_cover_what_matched_as_it_is_written() {
        assert_eq!(highlighted("cafe ", "A Café, two CAFE\u{301}S and a café"), ["Café", "café"]);
        assert_eq!(highlighted("caf", "A Café, two CAFE\u{301}S"), ["Café", "CAFE\u{301}S"]);
        assert_eq!(highlighted("\"tomato soup\" soup ", "Tomato soup, soup"), ["Tomato soup", "soup"]);
        assert_eq!(highlighted("l'ecole", "à l’École"), ["l’École"]);
        assert_eq!(highlighted("🔥", "so hot 🔥🔥!"), ["🔥🔥"]);
        assert_eq!(highlighted("soup -warm", "warm soup"), ["soup"]);
        assert_eq!(highlighted("x", ""), [""; 0]);
    }

    proptest! {
        #[test]
        fn any_text_can_be_typed_and_highlighted(typed in r#"(a|b|É|日|本|ภ|🔥| |"|“|-|\*|OR|'|\PC)*"#, text in r"(a|b|É|日|本|ภ|🔥| |'|\PC)*") {
            let Some(query) = WordQuery::parse(&typed) else { return Ok(()) };
            let ranges = query.highlights(&text);
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
            prop_assert!(ranges.iter().all(|range| text.get(range.clone()).is_some_and(|part| !part.is_empty())));
            if query.excluded.is_empty() && query.matches(&text) {
                prop_assert!(!ranges.is_empty());
            }
        }

        #[test]
        fn a_part_of_a_text_finds_it(words in prop::collection::vec("[a-zéß]{1,5}|[日本語]{1,4}", 1..8), pick in 0usize..8) {
            let text = words.join(" ");
            prop_assert!(matches(&words[pick % words.len()], &text));
            let whole = ["\"", &text, "\""].concat();
            prop_assert!(matches(&whole, &text));
        }
    }
}
