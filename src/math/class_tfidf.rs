//! What sets the texts of a cluster apart: class-based TF-IDF (Grootendorst 2022, BERTopic) over words and phrases.
//!
//! A term's weight in a cluster is tf · ln(1 + A / f) where tf is the share of the cluster's texts that hold it, f the
//! number of all texts that do, and A the mean number of texts a cluster. Texts are counted, not occurrences, so
//! that one text cannot name a cluster; and the weight falls with the share of the other clusters' texts that hold
//! the term, which matters where clusters are few.

use std::borrow::Cow;
use std::collections::HashMap;

use rayon::prelude::*;

use super::term_forms::{Form, commonest_forms, without_repetition};
use super::term_reader::{BATCH, Tally, TermReader};
use crate::job::{Cancelled, Ctx};

/// A term in fewer texts names nothing.
const MIN_TEXTS: u32 = 3;
/// In a small cluster two texts must do.
const MIN_TEXTS_IN_CLUSTER: u32 = 2;
/// A keyword stands in at least this share of its cluster's texts.
const MIN_SHARE: f32 = 0.01;
/// Terms a cluster that are looked at for redundancy, for each keyword asked for.
const LOOKED_AT: usize = 5;
/// A keyword is at least this much more frequent in its cluster than outside.
const MIN_LIFT: f32 = 1.5;
/// A phrase says more than a word of equal weight: the factor by number of words that are no stop words.
const PHRASE_FACTOR: [f32; 3] = [1.0, 1.2, 1.25];

/// A term that may name a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// In its commonest form.
    pub term: String,
    /// Class-based TF-IDF.
    pub score: f32,
    /// How many of the cluster's texts hold it.
    pub texts: u32,
}

/// The best `count` terms of each cluster, best first and without repeating one another.
///
/// `text(i)` is document `i`; `members` are the documents of each cluster. Texts are read three times and never
/// kept, so memory does not grow with the corpus.
pub fn keywords<'a, F: Fn(usize) -> Cow<'a, str> + Sync>(
    text: &F,
    members: &[Vec<u32>],
    count: usize,
    ctx: &Ctx,
) -> Result<Vec<Vec<Candidate>>, Cancelled> {
    let texts: usize = members.iter().map(Vec::len).sum();
    ctx.progress.begin("Naming", "texts", 2 * texts as u64, 0);
    let sample = members.iter().flatten().copied().step_by(TermReader::<F>::sample_step(texts));
    let reader = TermReader::new(text, sample);
    let tally = Tally::of(&reader, members, ctx)?;
    let rest = Rest { texts: texts as f32, per_cluster: texts as f32 / members.len().max(1) as f32 };
    members
        .par_iter()
        .map(|members| {
            let ranked = ranked(&reader, members, &tally, &rest, count * LOOKED_AT, ctx)?;
            let formed = with_forms(&reader, members, ranked, ctx)?;
            ctx.progress.advance(members.len() as u64);
            let forms: Vec<Form> = formed.iter().map(|c| Form { surface: &c.term, texts: c.texts }).collect();
            Ok(without_repetition(&forms, count).into_iter().map(|at| formed[at].clone()).collect())
        })
        .collect()
}

/// How large the corpus is that a cluster is held against.
struct Rest {
    texts: f32,
    per_cluster: f32,
}

struct Ranked {
    hash: u64,
    score: f32,
    texts: u32,
}

/// The terms of one cluster by weight.
fn ranked<'a, F: Fn(usize) -> Cow<'a, str> + Sync>(
    reader: &TermReader<F>,
    members: &[u32],
    tally: &Tally,
    rest: &Rest,
    count: usize,
    ctx: &Ctx,
) -> Result<Vec<Ranked>, Cancelled> {
    let size = members.len() as f32;
    let everywhere = MIN_TEXTS.min((rest.texts / 4.0) as u32).max(1);
    let count_batch = |batch: &[u32]| {
        ctx.cancel.check()?;
        let mut counts = HashMap::<(u64, usize), u32>::new();
        let mut terms = Vec::new();
        for &document in batch {
            reader.distinct_terms(document, &mut terms);
            for &term in terms.iter().filter(|term| tally.texts_with(term.0) >= everywhere) {
                *counts.entry(term).or_default() += 1;
            }
        }
        Ok(counts)
    };
    let counts = members.par_chunks(BATCH).map(count_batch).try_reduce(HashMap::new, |a, b| {
        let (mut larger, smaller) = if a.len() < b.len() { (b, a) } else { (a, b) };
        smaller.into_iter().for_each(|(term, count)| *larger.entry(term).or_default() += count);
        Ok(larger)
    })?;
    let enough = MIN_TEXTS_IN_CLUSTER.max((MIN_SHARE * size) as u32).min(members.len().div_ceil(2) as u32);
    let mut ranked: Vec<Ranked> = counts
        .into_iter()
        .filter(|&(_, texts)| texts >= enough)
        .filter_map(|((hash, words), texts)| {
            let all = (tally.texts_with(hash).max(texts)) as f32;
            let inside = texts as f32 / size;
            let outside = (all - texts as f32) / (rest.texts - size).max(1.0);
            if inside < MIN_LIFT * outside {
                return None;
            }
            let contrast = 1.0 - outside / inside;
            let factor = PHRASE_FACTOR[words.clamp(1, PHRASE_FACTOR.len()) - 1];
            let score = inside * (1.0 + rest.per_cluster / all).ln() * contrast * factor;
            Some(Ranked { hash, texts, score })
        })
        .collect();
    ranked.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.hash.cmp(&b.hash)));
    ranked.truncate(count);
    Ok(ranked)
}

/// Gives each term the form in which the cluster's texts mostly write it.
fn with_forms<'a, F: Fn(usize) -> Cow<'a, str> + Sync>(
    reader: &TermReader<F>,
    members: &[u32],
    ranked: Vec<Ranked>,
    ctx: &Ctx,
) -> Result<Vec<Candidate>, Cancelled> {
    let wanted: Vec<(u64, u32)> = ranked.iter().map(|term| (term.hash, term.texts)).collect();
    let forms = commonest_forms(reader, members, &wanted, ctx)?;
    let candidate = |(term, form): (Ranked, Option<String>)| {
        Some(Candidate { term: form?, score: term.score, texts: term.texts })
    };
    Ok(ranked.into_iter().zip(forms).filter_map(candidate).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(texts: &[&str], members: &[Vec<u32>], count: usize) -> Vec<Vec<String>> {
        let found = keywords(&|i| Cow::Borrowed(texts[i]), members, count, &Ctx::quiet()).unwrap();
        found.into_iter().map(|list| list.into_iter().map(|c| c.term).collect()).collect()
    }

    fn halves(n: usize) -> Vec<Vec<u32>> {
        vec![(0..n as u32 / 2).collect(), (n as u32 / 2..n as u32).collect()]
    }

    const BANK: [&str; 8] = [
        "What is the exchange rate for my card today?",
        "Your exchange rate on my card is wrong.",
        "The Exchange Rate looks bad for this card",
        "Which exchange rate do you use for a card payment?",
        "I lost my card and need a replacement",
        "My card was stolen, I need a replacement",
        "A replacement for the lost card, please",
        "Can the lost card get a replacement soon?",
    ];

    #[test]
    fn a_cluster_is_told_by_what_the_others_lack_and_a_phrase_stands_for_its_parts() {
        let found = find(&BANK, &halves(8), 3);
        assert_eq!(found[0][0], "exchange rate");
        assert!(!found[0].contains(&"exchange".to_owned()) && !found[0].contains(&"rate".to_owned()));
        assert_eq!(found[1][0], "replacement");
        assert!(found.iter().flatten().all(|term| term != "card"), "both clusters speak of cards: {found:?}");
    }

    #[test]
    fn terms_appear_in_their_commonest_form() {
        let texts = [
            "GPU memory",
            "GPU speed",
            "gpu memory",
            "new GPU",
            "tea time",
            "green tea",
            "tea pot",
            "black tea",
        ];
        assert_eq!(find(&texts, &halves(8), 1)[0], ["GPU"]);
    }

    #[test]
    fn each_text_is_read_with_its_own_languages_stop_words() {
        let english = "The cats of the neighbours are sleeping in the garden and the dogs are not there";
        let german =
            "Die Katzen und die Hunde der Nachbarn sind nicht mehr im Garten, weil das Wetter schlecht ist";
        let texts = [[english; 4], [german; 4]].concat();
        let found = find(&texts, &halves(8), 20);
        for stop in ["the", "are", "und", "die", "nicht"] {
            assert!(found.iter().flatten().all(|term| term.to_lowercase() != stop), "{stop}: {found:?}");
        }
    }

    #[test]
    fn one_text_that_repeats_itself_names_nothing() {
        let mut texts = BANK;
        texts[0] = "banana banana banana banana banana banana exchange rate";
        assert!(find(&texts, &halves(8), 10).iter().flatten().all(|term| !term.contains("banana")));
    }

    #[test]
    fn no_texts_have_no_keywords_and_the_number_of_threads_changes_nothing() {
        assert_eq!(find(&[], &[], 5), Vec::<Vec<String>>::new());
        assert_eq!(find(&["", ""], &[vec![0], vec![1]], 5), [[""; 0], [""; 0]]);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| find(&BANK, &halves(8), 10))
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn a_stopped_run_ends_without_a_result() {
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        assert_eq!(keywords(&|i| Cow::Borrowed(BANK[i]), &halves(8), 3, &ctx), Err(Cancelled));
    }
}
