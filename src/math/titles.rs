//! Titles that people read, different for every cluster.

use std::collections::HashSet;

use super::class_tfidf::Candidate;
use super::term_forms::same_word;
use super::terms::words_of;

/// What stands between the parts of a title.
const JOINT: &str = " · ";
/// A phrase in this share of the leading keyword's texts is still worth a place beside it.
const WORTHWHILE: f32 = 0.2;
/// Parts of a title; single words need company, so three of them may stand together.
const PARTS: usize = 2;
const PARTS_OF_WORDS: usize = 3;
/// How much being near the cluster's centre counts against the keyword's own weight.
const NEARNESS: f32 = 0.5;

/// One title a cluster, made from its keywords; no two are alike.
///
/// `candidates` are each cluster's keywords, best first. `nearness`, where vectors of the candidates are at hand, holds
/// each candidate's similarity to its cluster's centre, in the same shape.
pub fn choose_titles(candidates: &[Vec<Candidate>], nearness: Option<&[Vec<f32>]>) -> Vec<String> {
    let mut taken = HashSet::new();
    candidates
        .iter()
        .enumerate()
        .map(|(cluster, candidates)| {
            let near = nearness.and_then(|lists| lists.get(cluster)).map(Vec::as_slice);
            let title = distinct(&ordered(candidates, near), cluster, &taken);
            taken.insert(title.to_lowercase());
            title
        })
        .collect()
}

/// The candidates by weight and nearness together, best first, with their values.
fn ordered<'c>(candidates: &'c [Candidate], near: Option<&[f32]>) -> Vec<(&'c Candidate, f32)> {
    let best = candidates.iter().map(|c| c.score).fold(f32::MIN_POSITIVE, f32::max);
    let near = near.filter(|near| near.len() == candidates.len());
    let (low, high) =
        near.unwrap_or(&[]).iter().fold((f32::MAX, f32::MIN), |(l, h), &s| (l.min(s), h.max(s)));
    let value = |(at, candidate): (usize, &'c Candidate)| {
        let weight = candidate.score / best;
        let value = match near {
            Some(near) if high > low => {
                // A product keeps out what is near but rare, and what is frequent but far.
                weight.powf(1.0 - NEARNESS) * ((near[at] - low) / (high - low)).powf(NEARNESS)
            }
            _ => weight,
        };
        (candidate, value)
    };
    let mut ordered: Vec<_> = candidates.iter().enumerate().map(value).collect();
    ordered.sort_by(|a, b| b.1.total_cmp(&a.1));
    ordered
}

/// The shortest title from the best keywords that nobody has taken.
fn distinct(ordered: &[(&Candidate, f32)], cluster: usize, taken: &HashSet<String>) -> String {
    let parts = compatible(ordered);
    let worthwhile = parts.iter().take_while(|part| part.1 >= WORTHWHILE * parts[0].1).count();
    let only_words = parts.iter().take(PARTS).all(|part| words_of(&part.0.term).len() == 1);
    let usual = worthwhile.min(if only_words { PARTS_OF_WORDS } else { PARTS });
    for length in usual..=parts.len() {
        if length == 0 {
            break;
        }
        let terms: Vec<&str> = parts[..length].iter().map(|part| part.0.term.as_str()).collect();
        let title = capitalised(&terms.join(JOINT));
        if !taken.contains(&title.to_lowercase()) {
            return title;
        }
    }
    // No words, or the very same ones: the number tells them apart.
    let stem = parts.first().map_or_else(|| "Cluster".to_owned(), |part| capitalised(&part.0.term));
    (cluster + 1..)
        .map(|number| format!("{stem} {number}"))
        .find(|title| !taken.contains(&title.to_lowercase()))
        .unwrap_or(stem)
}

/// Candidates in order, each with no word in common with those before it and none short for another.
fn compatible<'c>(ordered: &[(&'c Candidate, f32)]) -> Vec<(&'c Candidate, f32)> {
    let mut words: Vec<String> = Vec::new();
    let mut kept: Vec<(&Candidate, f32)> = Vec::new();
    for &(candidate, value) in ordered {
        let own = words_of(&candidate.term);
        let short = |(other, _): &(&Candidate, f32)| {
            abbreviates(&candidate.term, &other.term) || abbreviates(&other.term, &candidate.term)
        };
        if !own.iter().any(|w| words.iter().any(|v| same_word(v, w))) && !kept.iter().any(short) {
            words.extend(own);
            kept.push((candidate, value));
        }
    }
    kept
}

/// Whether `short` is made of the first letters of `long`, as RAG of retrieval-augmented generation.
fn abbreviates(short: &str, long: &str) -> bool {
    let initials: String = words_of(long).iter().filter_map(|word| word.chars().next()).collect();
    let letters = short.to_lowercase();
    initials.chars().count() > 1 && (letters == initials || letters.strip_suffix('s') == Some(&initials))
}

/// The first letter as a sentence starts, unless the word has a capital of its own ("iPhone").
fn capitalised(title: &str) -> String {
    let first_word = title.split_whitespace().next().unwrap_or_default();
    let mut rest = title.chars();
    match rest.next() {
        Some(first) if !first_word.chars().any(char::is_uppercase) => {
            first.to_uppercase().chain(rest).collect()
        }
        _ => title.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(terms: &[(&str, f32)]) -> Vec<Candidate> {
        terms.iter().map(|&(term, score)| Candidate { term: term.into(), score, texts: 10 }).collect()
    }

    #[test]
    fn a_title_joins_the_best_keywords_that_share_no_word() {
        let lists =
            [candidates(&[("exchange rate", 1.0), ("rates", 0.9), ("currency", 0.8), ("abroad", 0.7)])];
        assert_eq!(choose_titles(&lists, None), ["Exchange rate · currency"]);
        let lists = [candidates(&[("iPhone", 1.0), ("pin", 0.9), ("lock", 0.8), ("code", 0.7)])];
        assert_eq!(choose_titles(&lists, None), ["iPhone · pin · lock"]);
    }

    #[test]
    fn an_abbreviation_does_not_stand_beside_what_it_is_short_for() {
        let lists =
            [candidates(&[("Retrieval-Augmented Generation", 1.0), ("RAG", 0.9), ("knowledge graphs", 0.8)])];
        assert_eq!(choose_titles(&lists, None), ["Retrieval-Augmented Generation · knowledge graphs"]);
    }

    #[test]
    fn a_weak_second_keyword_is_left_out() {
        let lists = [candidates(&[("virtual card", 1.0), ("colour", 0.05)])];
        assert_eq!(choose_titles(&lists, None), ["Virtual card"]);
    }

    #[test]
    fn siblings_with_the_same_keywords_get_titles_of_their_own() {
        let list = candidates(&[("top up", 1.0), ("fee", 0.6), ("limit", 0.1)]);
        let same = candidates(&[("refund", 1.0)]);
        let titles = choose_titles(&[list.clone(), list, same.clone(), same, vec![], vec![]], None);
        assert_eq!(
            titles,
            ["Top up · fee", "Top up · fee · limit", "Refund", "Refund 4", "Cluster 5", "Cluster 6"]
        );
    }

    #[test]
    fn nearness_to_the_centre_decides_between_keywords_of_like_weight() {
        let lists = [candidates(&[("customers", 1.0), ("cash withdrawal", 0.95), ("monday", 0.9)])];
        assert_eq!(choose_titles(&lists, Some(&[vec![0.2, 0.8, 0.1]])), ["Cash withdrawal · customers"]);
    }
}
