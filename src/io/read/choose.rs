//! Which columns are the text, if nobody said so.

use super::table::grouped;
use crate::data::ColumnKind;

/// Names that texts go by.
const TEXT_NAMES: [&str; 22] = [
    "text",
    "texts",
    "body",
    "content",
    "abstract",
    "comment",
    "comments",
    "message",
    "description",
    "document",
    "sentence",
    "review",
    "question",
    "answer",
    "response",
    "feedback",
    "selftext",
    "tweet",
    "summary",
    "post",
    "transcript",
    "utterance",
];

/// Names of what stands above a text and belongs to it.
const TITLE_NAMES: [&str; 4] = ["title", "headline", "subject", "heading"];

/// A column of that name counts as this many times longer.
const NAME_WEIGHT: f64 = 3.0;

/// What a column scores at least: free text, other words.
const FREE_TEXT: f64 = 1e9;
const SOME_WORDS: f64 = 1e3;

/// Longer ASCII without a blank is no word.
const LONGEST_WORD: usize = 24;

/// If this share of the texts begins with the title, joining them would say it twice.
const REPEATED_TITLE: f64 = 0.5;

/// A column as far as the choice goes.
pub(super) struct Candidate<'a> {
    pub name: &'a str,
    pub kind: ColumnKind,
    pub cells: Vec<&'a str>,
}

/// The columns to take as text, and why in a sentence.
pub(super) struct Choice {
    pub columns: Vec<usize>,
    pub why: String,
}

/// Chooses from at least one candidate.
pub(super) fn choose(candidates: &[Candidate]) -> Choice {
    let mut best = (0, -1.0);
    for (i, candidate) in candidates.iter().enumerate() {
        let score = score(candidate);
        if score > best.1 {
            best = (i, score);
        }
    }
    let column = best.0;
    let Some(chosen) = candidates.get(column) else {
        return Choice { columns: vec![0], why: "there is no document yet".into() };
    };
    if candidates.len() == 1 {
        return Choice { columns: vec![0], why: "the only column".into() };
    }
    let length = mean_chars(chosen);
    let on_average = format!("{} characters on average", grouped(length.round() as u64));
    if let Some(title) = title_for(candidates, column) {
        let why = format!("texts of {on_average}, and their “{}”", candidates[title].name);
        return Choice { columns: vec![title, column], why };
    }
    let longest = candidates.iter().enumerate().all(|(i, other)| i == column || mean_chars(other) <= length);
    let why = match (chosen.kind, longest) {
        (ColumnKind::Text, true) => format!("longest texts: {on_average}"),
        (ColumnKind::Text, false) => format!("reads like the text: {on_average}"),
        _ => format!("no column holds free text; this one comes nearest: {on_average}"),
    };
    Choice { columns: vec![column], why }
}

fn is_named(candidate: &Candidate, names: &[&str]) -> bool {
    names.contains(&candidate.name.trim().to_lowercase().as_str())
}

fn filled<'a>(candidate: &'a Candidate) -> impl Iterator<Item = &'a str> {
    candidate.cells.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
}

fn mean_chars(candidate: &Candidate) -> f64 {
    let (n, chars) =
        filled(candidate).fold((0usize, 0usize), |(n, chars), cell| (n + 1, chars + cell.chars().count()));
    chars as f64 / n.max(1) as f64
}

/// How much of a text this column is: free text before all else, then its length, how often there is any, and its
/// name.
fn score(candidate: &Candidate) -> f64 {
    let n = candidate.cells.len().max(1) as f64;
    let (mut present, mut wordless) = (0.0, 0.0);
    for cell in filled(candidate) {
        present += 1.0;
        wordless += f64::from(is_wordless(cell));
    }
    let is_text = candidate.kind == ColumnKind::Text && wordless * 2.0 <= present && present > 0.0;
    let mut score = mean_chars(candidate) * present / n;
    if is_named(candidate, &TEXT_NAMES) {
        score *= NAME_WEIGHT;
    }
    match candidate.kind {
        // No length makes up for not being text.
        _ if is_text => FREE_TEXT + score,
        ColumnKind::Category | ColumnKind::List => SOME_WORDS + score.min(SOME_WORDS),
        _ => score.min(SOME_WORDS),
    }
}

/// A link, a path, a hash or a code.
fn is_wordless(cell: &str) -> bool {
    let code = || cell.len() > LONGEST_WORD || cell.bytes().any(|b| b.is_ascii_digit());
    !cell.contains(' ') && (cell.contains("://") || cell.is_ascii() && code())
}

/// The title that belongs before the text, if there is one that the text does not repeat.
fn title_for(candidates: &[Candidate], text: usize) -> Option<usize> {
    if !is_named(&candidates[text], &TEXT_NAMES) {
        return None;
    }
    let is_title = |c: &Candidate| c.kind == ColumnKind::Text && is_named(c, &TITLE_NAMES);
    let title = candidates.iter().position(is_title).filter(|&title| title != text)?;
    let pairs = candidates[title].cells.iter().zip(&candidates[text].cells);
    let (mut both, mut repeated) = (0.0, 0.0);
    for (title, text) in pairs {
        let title = title.trim();
        if !title.is_empty() && !text.trim().is_empty() {
            both += 1.0;
            repeated += f64::from(text.trim_start().starts_with(title));
        }
    }
    (both > 0.0 && repeated < REPEATED_TITLE * both).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate<'a>(name: &'a str, kind: ColumnKind, cells: &[&'a str]) -> Candidate<'a> {
        Candidate { name, kind, cells: cells.to_vec() }
    }

    #[test]
    fn the_longest_texts_are_taken_and_the_sentence_says_so() {
        let choice = choose(&[
            candidate("who", ColumnKind::Text, &["Ann", "Bob"]),
            candidate("what", ColumnKind::Text, &["a long remark", "a longer one still"]),
        ]);
        assert_eq!(
            (choice.columns, choice.why.as_str()),
            (vec![1], "longest texts: 16 characters on average")
        );
    }

    #[test]
    fn a_link_is_no_text_however_long() {
        let link = "https://example.org/a/very/long/path/to/some/page/index.html";
        let choice = choose(&[
            candidate("link", ColumnKind::Text, &[link, link]),
            candidate("note", ColumnKind::Text, &["short note", "another"]),
        ]);
        assert_eq!(choice.columns, [1]);
    }

    #[test]
    fn an_abstract_is_joined_to_its_title_unless_it_repeats_it() {
        let title = candidate("title", ColumnKind::Text, &["On maps", "On trees"]);
        let text =
            candidate("abstract", ColumnKind::Text, &["We draw maps of things.", "We grow trees of things."]);
        assert_eq!(choose(&[title, text]).columns, [0, 1]);
        let title = candidate("title", ColumnKind::Text, &["On maps", "On trees"]);
        let text =
            candidate("text", ColumnKind::Text, &["On maps. We draw them.", "On trees. We grow them."]);
        assert_eq!(choose(&[title, text]).columns, [1]);
    }

    #[test]
    fn without_free_text_the_nearest_column_is_taken() {
        let choice = choose(&[
            candidate("n", ColumnKind::Number, &["1", "2"]),
            candidate("word", ColumnKind::Category, &["red", "red"]),
        ]);
        assert_eq!(choice.columns, [1]);
        assert!(choice.why.starts_with("no column holds free text"), "{}", choice.why);
    }
}
