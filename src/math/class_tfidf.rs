//! What sets the texts of a cluster apart: class-based TF-IDF (Grootendorst 2022, BERTopic) over words and phrases.
//!
//! A term's weight in a cluster is tf · ln(1 + A / f) where tf is the share of the cluster's texts that hold it, f the
//! number of all texts that do, and A the mean number of texts a cluster. Texts are counted, not occurrences, so
//! that one text cannot name a cluster; and the weight falls with the share of the other clusters' texts that hold
//! the term, which matters where clusters are few.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;
use whatlang::Lang;

use super::hash::spread;
use super::language::CorpusLanguages;
use super::stop_words::stop_words;
use super::terms::{StopHashes, Term, cleaned, for_each_term, words_of};
use crate::job::{Cancelled, Ctx};

/// Texts that the corpus's languages are told from.
const LANGUAGE_SAMPLE: usize = 2000;
/// A term in fewer texts names nothing.
const MIN_TEXTS: u32 = 3;
/// In a small cluster two texts must do.
const MIN_TEXTS_IN_CLUSTER: u32 = 2;
/// A keyword stands in at least this share of its cluster's texts.
const MIN_SHARE: f32 = 0.01;
/// Terms a cluster that are looked at for redundancy, for each keyword asked for.
const LOOKED_AT: usize = 5;
/// Occurrences after which a term's commonest form is clear.
const FORMS_COUNTED: u32 = 12;
/// A keyword is at least this much more frequent in its cluster than outside.
const MIN_LIFT: f32 = 1.5;
/// A phrase says more than a word of equal weight: the factor by number of words that are no stop words.
const PHRASE_FACTOR: [f32; 3] = [1.0, 1.2, 1.25];
/// A phrase takes the place of a word where it makes up this share of the word's texts.
const CARRIES: f32 = 0.6;
/// Texts a task.
const BATCH: usize = 1024;

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
pub fn keywords<'a>(
    text: &(impl Fn(usize) -> Cow<'a, str> + Sync),
    members: &[Vec<u32>],
    count: usize,
    ctx: &Ctx,
) -> Result<Vec<Vec<Candidate>>, Cancelled> {
    let texts: usize = members.iter().map(Vec::len).sum();
    ctx.progress.begin("Naming", "texts", 2 * texts as u64, 0);
    let reader = Reader::new(text, members);
    let tally = Tally::of(&reader, members, ctx)?;
    let rest = Rest { texts: texts as f32, per_cluster: texts as f32 / members.len().max(1) as f32 };
    members
        .par_iter()
        .map(|members| {
            let ranked = ranked(&reader, members, &tally, &rest, count * LOOKED_AT, ctx)?;
            let formed = with_forms(&reader, members, ranked, ctx)?;
            ctx.progress.advance(members.len() as u64);
            Ok(without_repetition(formed, count))
        })
        .collect()
}

/// Reads terms by the stop words of each text's language.
struct Reader<'f, F> {
    text: &'f F,
    languages: CorpusLanguages,
    stops: HashMap<u8, StopHashes>,
    none: StopHashes,
}

impl<'a, F: Fn(usize) -> Cow<'a, str>> Reader<'_, F> {
    fn new<'f>(text: &'f F, members: &[Vec<u32>]) -> Reader<'f, F> {
        let all: usize = members.iter().map(Vec::len).sum();
        let step = all.div_ceil(LANGUAGE_SAMPLE).max(1);
        let sample = members.iter().flatten().step_by(step).map(|&i| text(i as usize));
        let languages = CorpusLanguages::of(sample);
        let hashes = |language: Lang| (language as u8, StopHashes::of(stop_words(language)));
        let stops = languages.shares.iter().map(|share| hashes(share.language)).collect();
        Reader { text, languages, stops, none: StopHashes::default() }
    }

    fn for_each_term(&self, document: u32, mut each: impl FnMut(Term)) {
        let text = (self.text)(document as usize);
        let language = self.languages.of_text(&text);
        let stops = language.and_then(|language| self.stops.get(&(language as u8))).unwrap_or(&self.none);
        for_each_term(&cleaned(&text), stops, &mut each);
    }

    /// The different terms of a document, by hash.
    fn distinct_terms(&self, document: u32, into: &mut Vec<(u64, usize)>) {
        into.clear();
        self.for_each_term(document, |term| into.push((term.hash, term.words)));
        into.sort_unstable();
        into.dedup();
    }
}

/// In how many texts each term stands: a count-min sketch (Cormode & Muthukrishnan 2005), which may count too many
/// for a rare term but never too few, in memory that does not grow with the vocabulary.
struct Tally {
    rows: [Vec<AtomicU32>; 2],
}

impl Tally {
    fn of<'a, F>(reader: &Reader<F>, members: &[Vec<u32>], ctx: &Ctx) -> Result<Self, Cancelled>
    where
        F: Fn(usize) -> Cow<'a, str> + Sync,
    {
        let texts: usize = members.iter().map(Vec::len).sum();
        // Some hundred terms a text, up to 2 × 64 MiB.
        let cells = (texts * 128).next_power_of_two().clamp(1 << 14, 1 << 24);
        let row = || (0..cells).map(|_| AtomicU32::new(0)).collect();
        let tally = Self { rows: [row(), row()] };
        members.par_iter().flat_map(|members| members.par_chunks(BATCH)).try_for_each(|batch| {
            ctx.cancel.check()?;
            let mut terms = Vec::new();
            for &document in batch {
                reader.distinct_terms(document, &mut terms);
                for &(hash, _) in &terms {
                    tally.cells(hash).for_each(|cell| {
                        cell.fetch_add(1, Ordering::Relaxed);
                    });
                }
            }
            ctx.progress.advance(batch.len() as u64);
            Ok(())
        })?;
        Ok(tally)
    }

    fn cells(&self, hash: u64) -> impl Iterator<Item = &AtomicU32> {
        let hashes = [hash, spread(hash)];
        self.rows.iter().zip(hashes).map(|(row, hash)| &row[hash as usize & (row.len() - 1)])
    }

    fn texts_with(&self, hash: u64) -> u32 {
        self.cells(hash).map(|cell| cell.load(Ordering::Relaxed)).min().unwrap_or(0)
    }
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
    reader: &Reader<F>,
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
    reader: &Reader<F>,
    members: &[u32],
    ranked: Vec<Ranked>,
    ctx: &Ctx,
) -> Result<Vec<Candidate>, Cancelled> {
    struct Forms {
        counted: u32,
        wanted: u32,
        seen: BTreeMap<String, u32>,
    }
    let mut forms: HashMap<u64, Forms> = ranked
        .iter()
        .map(|term| {
            (term.hash, Forms { counted: 0, wanted: term.texts.min(FORMS_COUNTED), seen: BTreeMap::new() })
        })
        .collect();
    let mut unclear = forms.len();
    for (at, &document) in members.iter().enumerate() {
        if unclear == 0 {
            break;
        }
        if at.is_multiple_of(BATCH) {
            ctx.cancel.check()?;
        }
        reader.for_each_term(document, |term| {
            if let Some(forms) = forms.get_mut(&term.hash).filter(|forms| forms.counted < forms.wanted) {
                *forms.seen.entry(spaced(term.surface)).or_default() += 1;
                forms.counted += 1;
                unclear -= usize::from(forms.counted == forms.wanted);
            }
        });
    }
    let commonest = |hash: u64| {
        let seen = &forms.get(&hash)?.seen;
        // Of equally common forms the one that sorts last: lower case, as it stands inside sentences.
        seen.iter().max_by_key(|(form, count)| (**count, form.as_str())).map(|(form, _)| form.clone())
    };
    let candidate =
        |term: Ranked| Some(Candidate { term: commonest(term.hash)?, score: term.score, texts: term.texts });
    Ok(ranked.into_iter().filter_map(candidate).collect())
}

/// The form with single spaces.
fn spaced(surface: &str) -> String {
    surface.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Keeps of a phrase and its parts what says most: the phrase where it makes up most of the part's texts, otherwise
/// the better one of the two. Inflections count as one word.
fn without_repetition(candidates: Vec<Candidate>, count: usize) -> Vec<Candidate> {
    let words: Vec<Vec<String>> = candidates.iter().map(|c| words_of(&c.term)).collect();
    let part_of = |part: usize, whole: usize| {
        let in_spaces = words[part].len() < words[whole].len()
            && words[part].iter().all(|w| words[whole].iter().any(|v| same_word(v, w)));
        let (short, long) = (&candidates[part].term, &candidates[whole].term);
        in_spaces || (long.len() > short.len() && !long.is_ascii() && long.contains(short.as_str()))
    };
    let carried = |part: usize| {
        (0..candidates.len()).any(|whole| {
            part_of(part, whole) && candidates[whole].texts as f32 >= CARRIES * candidates[part].texts as f32
        })
    };
    let mut kept: Vec<usize> = Vec::new();
    for at in 0..candidates.len() {
        if kept.len() == count {
            break;
        }
        let repeats =
            kept.iter().any(|&k| part_of(at, k) || part_of(k, at) || overlap(&words[at], &words[k]));
        if !repeats && !carried(at) {
            kept.push(at);
        }
    }
    kept.sort_unstable();
    kept.into_iter().map(|at| candidates[at].clone()).collect()
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
