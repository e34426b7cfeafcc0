//! The words and phrases that texts of a selection hold more often than others.
//!
//! Texts are counted, not occurrences, so that one text that repeats itself is no finding. Terms are ranked by the
//! signed root of the likelihood ratio ([`Contrast::z`]), which says how much a term tells about who is selected.

use std::borrow::Cow;
use std::collections::HashMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::contrast::{Contrast, Counts, false_discovery_rates};
use super::hash::mix;
use super::term_forms::{Form, commonest_forms, without_repetition};
use super::term_reader::{BATCH, Tally, TermReader};
use crate::data::Mask;
use crate::job::{Cancelled, Ctx};

/// A term stands in so many texts of the selection at least.
const MIN_TEXTS: u32 = 2;
/// And in this share of them.
const MIN_SHARE: f64 = 0.001;
/// What is hardly more frequent than outside sets nothing apart, however sure the difference is.
const MIN_LIFT: f64 = 1.2;
/// Average texts that each side counts as having on top, in [`SpecialTerm::log_odds`].
const PRIOR_TEXTS: f64 = 10.0;
/// Terms that are looked at for redundancy, for each that is asked for.
const LOOKED_AT: usize = 5;
/// Of a hundred terms told, at most so many are there by chance.
pub const FALSE_DISCOVERIES: f64 = 0.05;

/// A word or phrase that sets a selection apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpecialTerm {
    /// As the selection mostly writes it.
    pub term: String,
    /// In how many texts it stands.
    pub contrast: Contrast,
    /// How many times as frequent it is inside; infinite where no other text has it.
    pub lift: f64,
    /// The effect: log odds ratio with an informative Dirichlet prior ([`Contrast::log_odds`]).
    pub log_odds: f64,
    /// How sure it is ([`Contrast::z`]); terms are ranked by it.
    pub z: f64,
    /// The share of chance findings among terms at least as sure as this one (Benjamini & Hochberg).
    pub false_discovery_rate: f64,
}

/// The terms of a selection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpecialTerms {
    /// The surest first, none repeating another.
    pub terms: Vec<SpecialTerm>,
    /// Documents with a text; shares are of these.
    pub texts_inside: u32,
    pub texts_outside: u32,
    /// How many terms were compared.
    pub tested: usize,
}

/// What is known of a term.
#[derive(Clone, Copy, Default)]
struct Counted {
    inside: u32,
    outside: u32,
}

#[derive(Default)]
struct Count {
    terms: HashMap<u64, Counted>,
    inside: u32,
    outside: u32,
}

impl Count {
    fn and(self, other: Self) -> Self {
        let (mut larger, smaller) =
            if self.terms.len() < other.terms.len() { (other, self) } else { (self, other) };
        for (hash, counted) in smaller.terms {
            let sum = larger.terms.entry(hash).or_default();
            sum.inside += counted.inside;
            sum.outside += counted.outside;
        }
        larger.inside += smaller.inside;
        larger.outside += smaller.outside;
        larger
    }
}

/// The at most `count` terms that set the documents of `selection` apart from those of `ground`, which has none of
/// them. `text(i)` is document `i`.
///
/// The texts of the selection are read twice, those of the ground once, and memory does not grow with the vocabulary.
pub fn special_terms<'a, F: Fn(usize) -> Cow<'a, str> + Sync>(
    text: &F,
    selection: &Mask,
    ground: &Mask,
    count: usize,
    ctx: &Ctx,
) -> Result<SpecialTerms, Cancelled> {
    let inside: Vec<u32> = selection.documents().collect();
    let outside: Vec<u32> = ground.documents().collect();
    let all = inside.len() + outside.len();
    ctx.progress.begin("Comparing words", "texts", (all + inside.len()) as u64, 0);
    let step = TermReader::<F>::sample_step(all);
    let reader = TermReader::new(text, inside.iter().chain(&outside).copied().step_by(step));

    let enough = MIN_TEXTS.max((MIN_SHARE * inside.len() as f64) as u32);
    let inside = [inside];
    let frequent = Tally::of(&reader, &inside, ctx)?.frequent(enough);
    let [inside] = inside;
    let counted = |documents: &[u32], selected: bool| {
        let batch = |mut sum: Count, batch: &[u32]| {
            ctx.cancel.check()?;
            let mut terms = Vec::new();
            for &document in batch {
                let some = u32::from(reader.distinct_terms(document, &mut terms));
                if selected {
                    sum.inside += some
                } else {
                    sum.outside += some
                }
                for (hash, _) in terms.iter().filter(|(hash, _)| frequent.contains(*hash)) {
                    let counted = sum.terms.entry(*hash).or_default();
                    if selected { counted.inside += 1 } else { counted.outside += 1 }
                }
            }
            ctx.progress.advance(batch.len() as u64);
            Ok(sum)
        };
        let sums = documents.par_chunks(BATCH).try_fold(Count::default, batch);
        sums.try_reduce(Count::default, |a, b| Ok(a.and(b)))
    };
    let Count { terms, inside: texts_inside, outside: texts_outside } =
        counted(&inside, true)?.and(counted(&outside, false)?);

    let contrast = |counted: &Counted| Contrast {
        inside: Counts { with: counted.inside, of: texts_inside },
        outside: Counts { with: counted.outside, of: texts_outside },
    };
    let mut tested: Vec<(u64, Contrast)> = terms.iter().map(|(&hash, c)| (hash, contrast(c))).collect();
    tested.retain(|(_, contrast)| contrast.inside.with >= enough);
    // A map hands its entries out in no order.
    tested.sort_unstable_by_key(|(hash, _)| *hash);
    let p_values: Vec<f64> = tested.par_iter().map(|(_, contrast)| contrast.p_value()).collect();
    let rates = false_discovery_rates(&p_values);
    let found = tested.iter().zip(rates).filter(|((_, contrast), rate)| {
        *rate <= FALSE_DISCOVERIES && texts_outside > 0 && contrast.lift() >= MIN_LIFT
    });
    let mut ranked: Vec<(u64, Contrast, f64)> =
        found.map(|(&(hash, contrast), rate)| (hash, contrast, rate)).collect();
    ranked.sort_by(|a, b| b.1.z().total_cmp(&a.1.z()).then(a.0.cmp(&b.0)));
    ranked.truncate(count * LOOKED_AT);

    // Neighbouring rows are often alike: in no order, a few texts tell how a term is written.
    let mut mixed = inside;
    mixed.par_sort_unstable_by_key(|&document| mix(u64::from(document)));
    let wanted: Vec<(u64, u32)> =
        ranked.iter().map(|(hash, contrast, _)| (*hash, contrast.inside.with)).collect();
    let forms = commonest_forms(&reader, &mixed, &wanted, ctx)?;
    let terms: Vec<SpecialTerm> = ranked
        .into_iter()
        .zip(forms)
        .filter_map(|((_, contrast, false_discovery_rate), form)| {
            Some(SpecialTerm {
                term: form?,
                contrast,
                lift: contrast.lift(),
                log_odds: contrast.log_odds(PRIOR_TEXTS),
                z: contrast.z(),
                false_discovery_rate,
            })
        })
        .collect();
    let forms: Vec<Form> =
        terms.iter().map(|t| Form { surface: &t.term, texts: t.contrast.inside.with }).collect();
    let kept = without_repetition(&forms, count);
    Ok(SpecialTerms {
        terms: kept.into_iter().map(|at| terms[at].clone()).collect(),
        texts_inside,
        texts_outside,
        tested: tested.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thirty texts about soup, of which ten about onion soup and all of these with "bowl".
    fn texts() -> Vec<String> {
        let text = |i: usize| match i {
            0..10 => format!("{}: there is onion soup; a bowl, number {i}.", ["Ann", "Bob", "Cy"][i % 3]),
            _ => format!("{}: there is tomato soup; a pan, number {i}.", ["Ann", "Bob", "Cy"][i % 3]),
        };
        let mut texts: Vec<String> = (0..30).map(text).collect();
        texts[3] = "Ann: there is onion soup; a bowl and a ham and a ham and a ham.".into();
        texts[29] = "An onion grows.".into();
        texts
    }

    fn find(texts: &[String], selection: &Mask, count: usize) -> SpecialTerms {
        let ground = selection.not();
        special_terms(&|i| Cow::Borrowed(&*texts[i]), selection, &ground, count, &Ctx::quiet()).unwrap()
    }

    fn first(n: usize, of: usize) -> Mask {
        Mask::of_fn(of, |i| i < n)
    }

    #[test]
    fn terms_of_the_selection_come_with_true_counts_and_no_repetition() {
        let found = find(&texts(), &first(10, 30), 10);
        let terms: Vec<&str> = found.terms.iter().map(|t| t.term.as_str()).collect();
        assert!(terms.contains(&"onion soup") && terms.contains(&"bowl"), "{terms:?}");
        assert!(
            !terms.contains(&"onion") && !terms.contains(&"soup") && !terms.contains(&"ham"),
            "{terms:?}"
        );
        let bowl = found.terms.iter().find(|t| t.term == "bowl").unwrap();
        assert_eq!(bowl.contrast.inside, Counts { with: 10, of: 10 });
        assert_eq!(bowl.contrast.outside, Counts { with: 0, of: 20 });
        assert!(bowl.lift.is_infinite() && bowl.log_odds > 1.0 && bowl.false_discovery_rate < 0.001);
        assert!(found.terms.is_sorted_by(|a, b| a.z >= b.z));
    }

    #[test]
    fn texts_that_do_not_differ_have_nothing_special() {
        let texts: Vec<String> = (0..40).map(|i| format!("Soup with rice, bowl {i}.")).collect();
        let found = find(&texts, &first(20, 40), 10);
        assert_eq!((found.terms.len(), found.texts_inside, found.texts_outside), (0, 20, 20));
        assert!(found.tested > 0);
    }

    #[test]
    fn empty_texts_are_not_counted_as_texts() {
        let mut texts = texts();
        texts.extend(["".to_owned(), "  \n".to_owned()]);
        let found = find(&texts, &first(10, 32), 10);
        assert_eq!((found.texts_inside, found.texts_outside), (10, 20));
        let empty = vec![String::new(); 6];
        assert_eq!(find(&empty, &first(3, 6), 10), SpecialTerms::default());
    }

    #[test]
    fn stop_words_of_each_language_are_left_out() {
        let english = "The cats of the neighbours are sleeping in the garden and the dogs are not there";
        let german =
            "Die Katzen und die Hunde der Nachbarn sind nicht im Garten, weil das Wetter schlecht ist";
        let texts: Vec<String> = (0..40).map(|i| if i < 20 { german } else { english }.to_owned()).collect();
        let found = find(&texts, &first(20, 40), 50);
        assert!(found.terms.iter().any(|t| t.term.contains("Katzen")), "{found:?}");
        for stop in ["die", "und", "nicht", "weil"] {
            assert!(found.terms.iter().all(|t| t.term.to_lowercase() != stop), "{stop}");
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing_and_a_stop_ends_it() {
        let texts = texts();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| find(&texts, &first(10, 30), 10))
        };
        assert_eq!(on(1), on(3));
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        let selection = first(10, 30);
        let stopped = special_terms(&|i| Cow::Borrowed(&*texts[i]), &selection, &selection.not(), 5, &ctx);
        assert_eq!(stopped, Err(Cancelled));
    }
}
