//! How terms are written, and which of them say the same.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use super::term_reader::TermReader;
use super::terms::words_of;
use crate::job::{Cancelled, Ctx};

/// Occurrences after which a term's commonest form is clear.
const FORMS_COUNTED: u32 = 12;
/// Texts that are read side by side before it is seen which terms are clear.
const ROUND: usize = 1024;
/// A phrase takes the place of a word where it makes up this share of the word's texts.
const CARRIES: f32 = 0.6;

/// A term as it is written, and how many texts hold it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form<'a> {
    pub surface: &'a str,
    pub texts: u32,
}

struct Seen {
    counted: u32,
    wanted: u32,
    forms: BTreeMap<String, u32>,
}

/// The form in which the first of `documents` mostly write each of some terms, given by hash and number of texts;
/// `None` for a term that is not there.
pub(super) fn commonest_forms<'a, F: Fn(usize) -> Cow<'a, str> + Sync>(
    reader: &TermReader<F>,
    documents: &[u32],
    terms: &[(u64, u32)],
    ctx: &Ctx,
) -> Result<Vec<Option<String>>, Cancelled> {
    let unseen = |&(hash, texts): &(u64, u32)| {
        (hash, Seen { counted: 0, wanted: texts.min(FORMS_COUNTED), forms: BTreeMap::new() })
    };
    let mut seen: HashMap<u64, Seen> = terms.iter().map(unseen).collect();
    let mut unclear = seen.len();
    for round in documents.chunks(ROUND) {
        if unclear == 0 {
            break;
        }
        ctx.cancel.check()?;
        let read = |&document: &u32| {
            let mut found = Vec::new();
            reader.for_each_term(document, |term| {
                if seen.get(&term.hash).is_some_and(|seen| seen.counted < seen.wanted) {
                    found.push((term.hash, spaced(term.surface)));
                }
            });
            found
        };
        let found: Vec<Vec<(u64, String)>> = round.par_iter().map(read).collect();
        for (hash, form) in found.into_iter().flatten() {
            if let Some(seen) = seen.get_mut(&hash).filter(|seen| seen.counted < seen.wanted) {
                *seen.forms.entry(form).or_default() += 1;
                seen.counted += 1;
                unclear -= usize::from(seen.counted == seen.wanted);
            }
        }
    }
    let commonest = |(hash, _): &(u64, u32)| {
        // Of equally common forms the one that sorts last: lower case, as it stands inside sentences.
        let forms = &seen.get(hash)?.forms;
        forms.iter().max_by_key(|(form, count)| (**count, form.as_str())).map(|(form, _)| form.clone())
    };
    Ok(terms.iter().map(commonest).collect())
}

/// The form with single spaces.
fn spaced(surface: &str) -> String {
    surface.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Which `count` of the terms to keep, best first, ascending: of a phrase and its parts what says most, that is the
/// phrase where it makes up most of the part's texts, otherwise the better one of the two. Inflections count as one
/// word.
pub(super) fn without_repetition(terms: &[Form], count: usize) -> Vec<usize> {
    let words: Vec<Vec<String>> = terms.iter().map(|term| words_of(term.surface)).collect();
    let part_of = |part: usize, whole: usize| {
        let in_spaces = words[part].len() < words[whole].len()
            && words[part].iter().all(|w| words[whole].iter().any(|v| same_word(v, w)));
        let (short, long) = (terms[part].surface, terms[whole].surface);
        in_spaces || (long.len() > short.len() && !long.is_ascii() && long.contains(short))
    };
    let carried = |part: usize| {
        (0..terms.len()).any(|whole| {
            part_of(part, whole) && terms[whole].texts as f32 >= CARRIES * terms[part].texts as f32
        })
    };
    let mut kept: Vec<usize> = Vec::new();
    for at in 0..terms.len() {
        if kept.len() == count {
            break;
        }
        let repeats =
            kept.iter().any(|&k| part_of(at, k) || part_of(k, at) || overlap(&words[at], &words[k]));
        if !repeats && !carried(at) {
            kept.push(at);
        }
    }
    kept
}

/// Whether two terms say the same but for inflection, or are windows on one longer phrase.
fn overlap(a: &[String], b: &[String]) -> bool {
    let shared = a.iter().filter(|w| b.iter().any(|v| same_word(v, w))).count();
    shared == a.len().max(b.len()) || shared >= 2
}

/// Whether two words in lower case are forms of one: one starts with the other's stem.
pub(super) fn same_word(a: &str, b: &str) -> bool {
    let (short, long) = if a.chars().count() <= b.chars().count() { (a, b) } else { (b, a) };
    if short == long {
        return true;
    }
    if long.strip_prefix(short).is_some_and(|ending| matches!(ending, "s" | "es")) {
        return short.chars().count() > 1;
    }
    let stem = short.strip_suffix(['e', 'y', 's']).unwrap_or(short);
    let (stem_length, ending) = (stem.chars().count(), long.strip_prefix(stem));
    match ending.map(|ending| ending.chars().count()) {
        Some(ending) => stem_length >= 3 && ending <= if stem_length >= 5 { 4 } else { 2 },
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inflections_are_one_word_and_other_words_are_not() {
        assert!(
            same_word("card", "cards") && same_word("fee", "fees") && same_word("identity", "identities")
        );
        assert!(same_word("transfer", "transferred") && same_word("charge", "charging"));
        assert!(
            !same_word("car", "cargo ship") && !same_word("card", "cash") && !same_word("top", "topology")
        );
    }

    #[test]
    fn a_phrase_stands_for_a_word_that_mostly_stands_in_it() {
        let form = |surface, texts| Form { surface, texts };
        let terms = [form("rate", 10), form("exchange rate", 8), form("card", 9), form("lost card", 2)];
        assert_eq!(without_repetition(&terms, 9), [1, 2]);
        assert_eq!(without_repetition(&terms, 1), [1]);
    }

    #[test]
    fn a_term_far_behind_is_still_written_as_texts_write_it() {
        let text = |i: usize| Cow::Borrowed(if i == 3000 { "One Zebra" } else { "a red  apple" });
        let reader = TermReader::new(&text, 0..3001);
        let mut hashes = Vec::new();
        for document in [0, 3000] {
            reader.for_each_term(document, |term| hashes.push((term.surface.to_owned(), term.hash)));
        }
        let hash = |form: &str| hashes.iter().find(|(f, _)| f == form).map_or(0, |(_, hash)| *hash);
        let all: Vec<u32> = (0..3001).collect();
        let wanted = [(hash("Zebra"), 1), (hash("red  apple"), 3000), (7, 1)];
        let forms = commonest_forms(&reader, &all, &wanted, &Ctx::quiet()).unwrap();
        assert_eq!(forms, [Some("Zebra".into()), Some("red apple".into()), None]);
    }
}
