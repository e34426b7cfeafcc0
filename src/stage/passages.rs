//! Documents split into passages, each a document of its own, and what is found among passages rolled up again to the
//! documents they are of.
//!
//! A model reads the beginning of a long text, or blends all of it into one vector; what stands on page seven is found
//! only where page seven has a vector.

use std::collections::HashMap;
use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::data::{Column, Corpus, Strings, StringsBuilder, Typed};
use crate::embed::{EmbedParams, Embedder};
use crate::job::Ctx;

use super::StageError;

/// Text columns with longer cells, in bytes on average, are not repeated with every passage.
const SHORT_CELL: usize = 200;

/// The page break of plain text.
const PAGE_BREAK: char = '\u{c}';

/// The names of the columns that passages get; with a number behind where the corpus has one of that name.
pub const DOCUMENT: &str = "document";
pub const PASSAGE: &str = "passage";
pub const CHARACTERS: &str = "characters";
pub const PAGE: &str = "page";
pub const TEXT: &str = "text";

/// How to split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PassageParams {
    /// Whole sentences are joined up to so many words.
    pub words: usize,
    /// Sentences that a passage shares with the one before, so that what is said across a border is found.
    pub overlap: usize,
}

impl Default for PassageParams {
    fn default() -> Self {
        Self { words: 120, overlap: 1 }
    }
}

/// What a model reads of a passage: the upper bound of its length.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    pub embedder: &'a Embedder,
    pub embed: &'a EmbedParams,
}

/// A corpus of passages.
#[derive(Clone, Debug)]
pub struct Passages {
    /// A row each passage, those of a document together and in order: the text, [`DOCUMENT`] and [`PASSAGE`] (numbers
    /// from 1), [`CHARACTERS`] (the first and the last within the document, from 1), [`PAGE`] where the texts have page
    /// breaks, and the columns of the source. Its report says which of these were left out.
    pub corpus: Corpus,
    /// For each passage the row of the document that it is of. Every document has one at least: of an empty text, an
    /// empty one.
    pub parents: Vec<u32>,
}

/// Splits every document of `corpus`. A sentence that is too long by itself is parted between words; a word that is
/// longer than the model's window stays whole, and the model cuts it.
///
/// Sentences are those of Unicode (UAX 29): abbreviations may end one, which only moves a border. The model's tokens are
/// counted sentence by sentence; models whose tokens reach across spaces may read one or two fewer of a passage.
pub fn run(
    corpus: &Corpus,
    params: &PassageParams,
    window: Option<Window<'_>>,
    ctx: &Ctx,
) -> Result<Passages, StageError> {
    let n = corpus.len();
    ctx.progress.begin("Splitting documents", "documents", n as u64, 0);
    let measure = Measure { params, window };
    let split: Vec<Vec<Range<usize>>> = (0..n)
        .into_par_iter()
        .map(|i| {
            ctx.cancel.check()?;
            let passages = measure.passages(&corpus.text(i));
            ctx.progress.advance(1);
            Ok(passages)
        })
        .collect::<Result<_, StageError>>()?;
    ctx.cancel.check()?;
    let parents: Vec<u32> = split
        .iter()
        .enumerate()
        .flat_map(|(i, passages)| std::iter::repeat_n(i as u32, passages.len()))
        .collect();
    Ok(Passages { corpus: gathered(corpus, &split, &parents, ctx)?, parents })
}

struct Measure<'a> {
    params: &'a PassageParams,
    window: Option<Window<'a>>,
}

/// A sentence, or a part of one that is too long.
struct Piece {
    range: Range<usize>,
    words: usize,
    tokens: usize,
}

impl Measure<'_> {
    /// The most of a passage: words, and tokens without special ones.
    fn most(&self) -> (usize, usize) {
        let tokens = self.window.map_or(usize::MAX, |window| {
            let special = window.embedder.count_tokens(&[""])[0];
            window.embedder.limit(window.embed).saturating_sub(special).max(1)
        });
        (self.params.words.max(1), tokens)
    }

    fn tokens(&self, texts: &[&str]) -> Vec<usize> {
        let Some(window) = self.window else { return vec![0; texts.len()] };
        let special = window.embedder.count_tokens(&[""])[0];
        window.embedder.count_tokens(texts).into_iter().map(|tokens| tokens.saturating_sub(special)).collect()
    }

    /// The passages of a text, without the space around them; of a text without words one, of all of it.
    fn passages(&self, text: &str) -> Vec<Range<usize>> {
        let pieces = self.pieces(text);
        let (most_words, most_tokens) = self.most();
        let fits = |pieces: &[Piece]| {
            let sum = |of: fn(&Piece) -> usize| pieces.iter().map(of).sum::<usize>();
            sum(|piece| piece.words) <= most_words && sum(|piece| piece.tokens) <= most_tokens
        };
        let mut passages = Vec::new();
        let mut start = 0;
        while start < pieces.len() {
            let mut end = start + 1;
            while end < pieces.len() && fits(&pieces[start..=end]) {
                end += 1;
            }
            if end == pieces.len() {
                // The last one begins as early as it may: a lone last sentence would say little.
                let earliest = passages.last().map_or(start, |&(before, _): &(usize, usize)| before + 1);
                while start > earliest && fits(&pieces[start - 1..end]) {
                    start -= 1;
                }
                passages.push((start, end));
                break;
            }
            passages.push((start, end));
            // Sentences in common, as long as the next one goes beyond this one.
            let mut next = end;
            while next > start + 1 && end - next < self.params.overlap && fits(&pieces[next - 1..=end]) {
                next -= 1;
            }
            start = next;
        }
        if passages.is_empty() {
            return std::iter::once(0..text.len()).collect();
        }
        passages.into_iter().map(|(from, to)| pieces[from].range.start..pieces[to - 1].range.end).collect()
    }

    /// The sentences of a text, none of them longer than a passage may be.
    fn pieces(&self, text: &str) -> Vec<Piece> {
        let (most_words, most_tokens) = self.most();
        let sentences = sentences(text);
        let texts: Vec<&str> = sentences.iter().map(|range| &text[range.clone()]).collect();
        let tokens = self.tokens(&texts);
        let mut pieces = Vec::with_capacity(sentences.len());
        for ((range, sentence), tokens) in sentences.into_iter().zip(texts).zip(tokens) {
            let words = sentence.unicode_words().count();
            if words <= most_words && tokens <= most_tokens {
                pieces.push(Piece { range, words, tokens });
            } else {
                pieces.extend(self.parted(sentence, range.start));
            }
        }
        pieces
    }

    /// A sentence that is too long, in parts between its words.
    fn parted(&self, sentence: &str, offset: usize) -> Vec<Piece> {
        let (most_words, most_tokens) = self.most();
        // A word has all up to the next.
        let starts: Vec<usize> = sentence.unicode_word_indices().map(|(at, _)| at).collect();
        let bounds: Vec<usize> =
            std::iter::once(0).chain(starts.into_iter().skip(1)).chain([sentence.len()]).collect();
        let words: Vec<&str> = bounds.windows(2).map(|pair| &sentence[pair[0]..pair[1]]).collect();
        let tokens = self.tokens(&words);
        let mut parts: Vec<Piece> = Vec::new();
        for (pair, tokens) in bounds.windows(2).zip(tokens) {
            let range = offset + pair[0]..offset + pair[1];
            match parts.last_mut().filter(|p| p.words < most_words && p.tokens + tokens <= most_tokens) {
                Some(part) => {
                    part.range.end = range.end;
                    part.words += 1;
                    part.tokens += tokens;
                }
                None => parts.push(Piece { range, words: 1, tokens }),
            }
        }
        for part in &mut parts {
            let text = &sentence[part.range.start - offset..part.range.end - offset];
            part.range.end -= text.len() - text.trim_end().len();
        }
        parts
    }
}

/// The sentences of a text without the space around them. Where one ends within a word ("a.B"), the next belongs to it.
fn sentences(text: &str) -> Vec<Range<usize>> {
    let words: Vec<Range<usize>> =
        text.unicode_word_indices().map(|(at, word)| at..at + word.len()).collect();
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, sentence) in text.split_sentence_bound_indices() {
        let trimmed = sentence.trim();
        if trimmed.is_empty() {
            continue;
        }
        let start = at + sentence.len() - sentence.trim_start().len();
        let range = start..start + trimmed.len();
        let before = words.partition_point(|word| word.start < start);
        let joins = before > 0 && start < words[before - 1].end;
        match found.last_mut().filter(|_| joins) {
            Some(last) => last.end = range.end,
            None => found.push(range),
        }
    }
    found
}

/// The corpus of the passages `split` of each document.
fn gathered(
    corpus: &Corpus,
    split: &[Vec<Range<usize>>],
    parents: &[u32],
    ctx: &Ctx,
) -> Result<Corpus, StageError> {
    let mut texts = StringsBuilder::default();
    let (mut characters, mut pages) = (StringsBuilder::default(), Vec::with_capacity(parents.len()));
    let mut numbers = Vec::with_capacity(parents.len());
    for (i, passages) in split.iter().enumerate() {
        ctx.cancel.check()?;
        let text = corpus.text(i);
        // Characters and page breaks are counted on from the passage before.
        let (mut at, mut counted, mut page) = (0, 0, 1.0);
        for (number, passage) in passages.iter().enumerate() {
            counted += text[at..passage.start].chars().count();
            page += text[at..passage.start].matches(PAGE_BREAK).count() as f64;
            at = passage.start;
            let part = &text[passage.clone()];
            let end = counted + part.chars().count();
            texts.push(part);
            characters.push(&format!("{}–{end}", (counted + 1).min(end)));
            numbers.push((number + 1) as f64);
            pages.push(page);
        }
    }
    let number = |name: &str, values: Vec<f64>| Column {
        name: free_name(corpus, name),
        cells: values.iter().map(f64::to_string).collect(),
        typed: Typed::Number(values),
    };
    let text =
        |name: &str, cells: Strings| Column { name: free_name(corpus, name), cells, typed: Typed::Text };
    let mut columns = vec![
        text(TEXT, texts.finish()),
        number(DOCUMENT, parents.iter().map(|&parent| f64::from(parent + 1)).collect()),
        number(PASSAGE, numbers),
        text(CHARACTERS, characters.finish()),
    ];
    if pages.iter().any(|&page| page > 1.0) {
        columns.push(number(PAGE, pages));
    }
    let mut left_out = Vec::new();
    for (at, column) in corpus.columns.iter().enumerate() {
        let is_text = matches!(column.typed, Typed::Text);
        if is_text && column.cells.bytes().len() > SHORT_CELL * corpus.len() {
            // The text itself is there in passages.
            if !corpus.text_columns.contains(&at) {
                left_out.push(format!("“{}”", column.name));
            }
            continue;
        }
        let Some(typed) = Typed::gather(&[(&column.typed, parents)]) else { continue };
        let cells = parents.iter().map(|&parent| column.cells.get(parent as usize)).collect();
        columns.push(Column { name: column.name.clone(), cells, typed });
    }
    let mut report = corpus.report.clone();
    report.remarks.push(format!("{} documents were split into {} passages.", corpus.len(), parents.len()));
    if !left_out.is_empty() {
        report.remarks.push(format!(
            "Columns of long texts are not repeated with every passage: {}.",
            left_out.join(", ")
        ));
    }
    let mut passages = Corpus {
        key: corpus.key,
        name: format!("{}, passages", corpus.name),
        source: None,
        columns,
        text_columns: vec![0],
        report,
    };
    passages.key = passages.content_key();
    Ok(passages)
}

/// `name`, or the first of "name 2", "name 3" that no column of `corpus` has.
fn free_name(corpus: &Corpus, name: &str) -> String {
    let names = std::iter::once(name.to_owned()).chain((2..).map(|number| format!("{name} {number}")));
    names.into_iter().find(|name| corpus.column(name).is_none()).unwrap_or_default()
}

/// A document, by its passages that were found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DocumentHit {
    pub document: u32,
    /// Its best passage.
    pub passage: u32,
    /// The score of that.
    pub score: f32,
    /// How many of its passages were found.
    pub found: usize,
}

/// What was found among passages as documents, the best first: a document is as good as its best passage (of equal ones
/// the first), whatever else it says. `hits` are passages and their scores, in any order; `parents` are
/// [`Passages::parents`]. Scores that are no numbers count for nothing.
pub fn rolled_up(hits: impl IntoIterator<Item = (u32, f32)>, parents: &[u32]) -> Vec<DocumentHit> {
    let mut documents: HashMap<u32, DocumentHit> = HashMap::new();
    for (passage, score) in hits {
        let Some(&document) = parents.get(passage as usize).filter(|_| !score.is_nan()) else { continue };
        let hit = documents.entry(document).or_insert(DocumentHit { document, passage, score, found: 0 });
        hit.found += 1;
        if score > hit.score || (score == hit.score && passage < hit.passage) {
            (hit.passage, hit.score) = (passage, score);
        }
    }
    let mut ranked: Vec<DocumentHit> = documents.into_values().collect();
    ranked.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.document.cmp(&b.document)));
    ranked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::io::read::testing::corpus_of;
    use crate::model::DevicePreference;
    use crate::stage::{self, Params};

    fn split(text: &str, words: usize, overlap: usize) -> Vec<&str> {
        let params = PassageParams { words, overlap };
        let ranges = Measure { params: &params, window: None }.passages(text);
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    const STORY: &str =
        "The cat sat down. It slept for hours. Nobody came by. Then the dog barked twice. All woke up.";

    #[test]
    fn whole_sentences_are_joined_and_neighbours_share_one() {
        assert_eq!(
            split(STORY, 12, 1),
            [
                "The cat sat down. It slept for hours. Nobody came by.",
                "Nobody came by. Then the dog barked twice. All woke up."
            ]
        );
        assert_eq!(
            split(STORY, 8, 0),
            [
                "The cat sat down. It slept for hours.",
                "Nobody came by. Then the dog barked twice.",
                "Then the dog barked twice. All woke up."
            ],
            "the last one begins as early as it may"
        );
        assert_eq!(split(STORY, 100, 1), [STORY]);
    }

    #[test]
    fn a_sentence_that_is_too_long_is_parted_between_words() {
        assert_eq!(
            split("one two three four, five six seven", 3, 1),
            ["one two three", "four, five six", "seven"]
        );
    }

    #[test]
    fn passages_know_their_document_their_place_and_its_columns() {
        let csv =
            "id,text,group\n7,\"The cat sat down. It slept.\u{c}Nobody came by.\",x\n8,,y\n9,A dog.,y\n";
        let corpus = corpus_of("a.csv", csv).with_text_columns(vec![1]);
        let params = PassageParams { words: 4, overlap: 0 };
        let passages = run(&corpus, &params, None, &Ctx::quiet()).unwrap();
        assert_eq!(passages.parents, [0, 0, 0, 1, 2]);
        let cells =
            |name: &str| -> Vec<&str> { passages.corpus.column(name).unwrap().cells.iter().collect() };
        assert_eq!(cells("document"), ["1", "1", "1", "2", "3"]);
        assert_eq!(cells("passage"), ["1", "2", "3", "1", "1"]);
        assert_eq!(cells("characters"), ["1–17", "19–27", "29–43", "0–0", "1–6"]);
        assert_eq!(cells("page"), ["1", "1", "2", "1", "1"]);
        assert_eq!(cells("id"), ["7", "7", "7", "8", "9"]);
        assert_eq!(cells("group"), ["x", "x", "x", "y", "y"]);
        let texts: Vec<_> = (0..5).map(|i| passages.corpus.text(i).into_owned()).collect();
        assert_eq!(texts, ["The cat sat down.", "It slept.", "Nobody came by.", "", "A dog."]);
        // The column "text" of the source is short, and keeps its name.
        assert_eq!(passages.corpus.columns[0].name, "text 2");
    }

    #[test]
    fn long_text_columns_are_not_repeated_and_that_is_said() {
        let long = "word ".repeat(100);
        let csv = format!("title,body,notes\nA title,{long},{long}\n");
        let corpus = corpus_of("a.csv", &csv).with_text_columns(vec![0, 1]);
        let passages = run(&corpus, &PassageParams::default(), None, &Ctx::quiet()).unwrap().corpus;
        assert!(passages.column("title").is_some());
        assert!(passages.column("body").is_none() && passages.column("notes").is_none());
        let remark = passages.report.remarks.last().unwrap();
        assert!(remark.contains("“notes”") && !remark.contains("body"), "{remark}");
    }

    #[test]
    fn no_passage_is_longer_than_the_models_window() {
        let ctx = Ctx::quiet();
        let embedder = stage::embed::embedder(&Params::default(), None, DevicePreference::Cpu, &ctx).unwrap();
        let embed = EmbedParams { max_tokens: Some(20), ..EmbedParams::default() };
        let text =
            format!("{STORY} {}. {STORY}", "antidisestablishmentarianism and so on ".repeat(12).trim_end());
        let corpus = corpus_of("a.csv", &format!("text\n\"{text}\"\n"));
        let window = Window { embedder: &embedder, embed: &embed };
        let passages = run(&corpus, &PassageParams::default(), Some(window), &ctx).unwrap().corpus;
        assert!(passages.len() > 6);
        for i in 0..passages.len() {
            assert!(embedder.count_tokens(&[&passages.text(i)])[0] <= 20, "{}", passages.text(i));
        }
    }

    #[test]
    fn a_document_is_as_good_as_its_best_passage() {
        let parents = [0, 0, 1, 1, 2];
        let hits = [(4, 0.5), (0, 0.2), (3, 0.9), (1, 0.7), (2, 0.9), (9, 1.0), (4, f32::NAN)];
        let found = rolled_up(hits, &parents);
        let short: Vec<_> =
            found.iter().map(|hit| (hit.document, hit.passage, hit.score, hit.found)).collect();
        assert_eq!(short, [(1, 2, 0.9, 2), (0, 1, 0.7, 2), (2, 4, 0.5, 1)]);
    }

    proptest! {
        #[test]
        fn passages_hold_every_word_and_none_is_too_long(
            text in r"([a-z]{1,6}[ ,.!?\n]{1,2}|\PC){0,60}", words in 1usize..12, overlap in 0usize..3,
        ) {
            let params = PassageParams { words, overlap };
            let passages = Measure { params: &params, window: None }.passages(&text);
            prop_assert!(!passages.is_empty());
            prop_assert!(passages.is_sorted_by(|a, b| a.start < b.start && a.end < b.end));
            for (at, word) in text.unicode_word_indices() {
                // A mark that goes with a space makes a word that begins with one.
                let (end, start) = (at + word.trim_end().len(), at + word.len() - word.trim_start().len());
                let whole = |range: &Range<usize>| range.start <= start && end <= range.end;
                prop_assert!(passages.iter().any(whole), "{word}");
            }
            for range in &passages {
                prop_assert!(text[range.clone()].unicode_words().count() <= words);
            }
        }
    }
}
