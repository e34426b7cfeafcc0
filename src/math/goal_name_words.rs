//! The words that may name a goal's clusters: kinds of what the goal asks for (WordNet), and phrases that set the
//! clusters' own texts apart; with the number of texts of each cluster that hold them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;
use unicode_segmentation::UnicodeSegmentation;
use whatlang::Lang;

use super::class_tfidf;
use super::goal_noun::GoalNoun;
use super::stop_words::stop_words;
use super::terms::{StopHashes, cleaned, for_each_term};
use super::wordnet::{Kind, Synset, WordNet};
use crate::job::{Cancelled, Ctx};

/// Nouns that say nothing of what is looked for: topics are fields of study and activities.
const GENERIC: &str = "topic subject theme issue content matter area category field discipline kind type sort thing \
    text problem reason question idea aspect";
/// The synsets below which topics are looked for; the second is the commonest sense of its word.
const TOPIC_ROOTS: [&str; 2] = ["field of study", "activity"];
/// A noun with fewer kinds is too narrow to name anything by them.
const FEWEST_KINDS: usize = 30;
/// Letters of a topic's name.
const SHORTEST_TOPIC: usize = 4;
const SHORTEST_KIND: usize = 3;
/// A word that stands in fewer texts names nothing.
const FEWEST_TEXTS: u32 = 3;
/// Phrases of each cluster that are looked at.
const PHRASES: usize = 40;
/// Words that are found everywhere and say nothing as a name.
const EMPTY: &str = "said says saying back got going went try trying really also still much many lot lots something \
    anything someone today yesterday show shows showing take takes taking help helping keep keeping use using get make go say need want \
    works working part second first one two time way thing things look see come thanks please new";
const ENDINGS: [&str; 21] = [
    "ically", "ations", "ation", "ments", "ment", "ities", "ity", "ings", "ing", "ical", "ics", "ians",
    "ian", "ers", "ies", "es", "ed", "er", "al", "ic", "s",
];
/// What is left of a word by taking an ending off, at least.
const SHORTEST_STEM: usize = 4;
/// What forms of short words end in, which a stem would take too much of …
const FORMS: [&str; 5] = ["s", "es", "ed", "er", "ing"];
/// … and letters that these have in common.
const SHORTEST_SAME: usize = 3;
/// Texts that one task reads.
const BATCH: usize = 512;

/// A word that may name a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct NameWord {
    pub word: String,
    /// How many kinds of it WordNet knows; 0 for a phrase of the corpus.
    pub breadth: usize,
    /// Whether it is a kind of what the goal asks for.
    pub is_kind: bool,
    /// In how many texts of each cluster it stands.
    pub texts: Vec<u32>,
}

/// A word without its ending, so that "banks" and "banking" are one.
pub fn stem(word: &str) -> &str {
    let left = |ending: &&str| word.strip_suffix(ending).filter(|left| left.chars().count() >= SHORTEST_STEM);
    ENDINGS.iter().find_map(left).unwrap_or(word)
}

/// A phrase's words, in lower case.
pub fn words_of(phrase: &str) -> Vec<String> {
    phrase.to_lowercase().unicode_words().map(str::to_owned).collect()
}

/// Whether two words in lower case are forms of one: "bank" and "banking", "fee" and "fees", "top" and "topped".
pub fn same_word(one: &str, other: &str) -> bool {
    if stem(one) == stem(other) {
        return true;
    }
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let Some(rest) = long.strip_prefix(short).filter(|_| short.chars().count() >= SHORTEST_SAME) else {
        return false;
    };
    // "charge" and "charged", "top" and "topped".
    let before_e = short.ends_with('e') && matches!(rest, "d" | "r");
    let doubled = short.chars().next_back().and_then(|last| rest.strip_prefix(last));
    before_e || [Some(rest), doubled].into_iter().flatten().any(|rest| FORMS.contains(&rest))
}

/// What may be the kinds of what a goal asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// Each with the number of kinds below it.
    pub words: BTreeMap<String, usize>,
    /// Whether they are kinds of the goal's own noun, and not topics of any sort.
    pub specific: bool,
}

/// The kinds of what a goal asks for. Those of a goal that asks for topics, or for nothing that WordNet knows kinds of,
/// are fields of study and activities that are common words: for which `is_common` holds.
pub fn kinds(wordnet: &WordNet, noun: Option<&GoalNoun>, is_common: impl Fn(&[&str]) -> Vec<bool>) -> Kinds {
    let specific = noun.filter(|noun| !GENERIC.split(' ').any(|word| word == noun.head));
    let below = specific.map(|noun| below(wordnet, &noun.senses)).filter(|kinds| kinds.len() >= FEWEST_KINDS);
    let specific = below.is_some();
    let mut kinds = match below {
        Some(kinds) => kinds,
        None => {
            let root = |word: &&str| wordnet.senses(word, Kind::Noun).first().copied();
            let mut kinds = self::below(wordnet, &TOPIC_ROOTS.iter().filter_map(root).collect::<Vec<_>>());
            kinds.retain(|word, _| {
                word.chars().all(char::is_lowercase) && word.chars().count() >= SHORTEST_TOPIC
            });
            let words: Vec<&str> = kinds.keys().map(String::as_str).collect();
            let common: HashSet<String> = words
                .iter()
                .zip(is_common(&words))
                .filter(|(_, c)| *c)
                .map(|(w, _)| (*w).to_owned())
                .collect();
            kinds.retain(|word, _| common.contains(word));
            kinds
        }
    };
    kinds.retain(|word, _| word.chars().count() >= SHORTEST_KIND && !is_empty_word(&word.to_lowercase()));
    Kinds { words: kinds, specific }
}

fn below(wordnet: &WordNet, roots: &[Synset]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::<String, usize>::new();
    let mut seen = HashSet::new();
    for root in roots {
        for (synset, _) in wordnet.hyponyms(*root) {
            if !seen.insert(synset) {
                continue;
            }
            let breadth = wordnet.hyponyms(synset).len();
            for word in wordnet.words(synset) {
                let known = kinds.entry(word.replace('_', " ")).or_default();
                *known = breadth.max(*known);
            }
        }
    }
    kinds
}

/// Whether a word alone says nothing as a name, in lower case.
pub fn is_empty_word(word: &str) -> bool {
    stop_words(Lang::Eng).contains(word) || EMPTY.split_whitespace().any(|empty| empty == word)
}

/// Kinds by what they are found by.
struct Index<'k> {
    kinds: Vec<(&'k str, usize)>,
    /// Single words, by themselves and by their plural.
    exact: HashMap<String, Vec<usize>>,
    /// Single words by their stem.
    stems: HashMap<String, Vec<usize>>,
    /// The words of longer ones, by the first.
    longer: HashMap<String, Vec<(Vec<String>, usize)>>,
}

impl<'k> Index<'k> {
    fn of(kinds: &'k BTreeMap<String, usize>) -> Self {
        let mut index = Self {
            kinds: kinds.iter().map(|(word, breadth)| (word.as_str(), *breadth)).collect(),
            exact: HashMap::new(),
            stems: HashMap::new(),
            longer: HashMap::new(),
        };
        for (at, word) in kinds.keys().enumerate() {
            let words: Vec<String> = word.to_lowercase().unicode_words().map(str::to_owned).collect();
            match words.as_slice() {
                [] => {}
                [only] => {
                    index.exact.entry(only.clone()).or_default().push(at);
                    index.exact.entry(format!("{only}s")).or_default().push(at);
                    index.stems.entry(stem(only).to_owned()).or_default().push(at);
                }
                [first, ..] => index.longer.entry(first.clone()).or_default().push((words.clone(), at)),
            }
        }
        index
    }

    /// The kinds in a text as they stand, and those whose stem stands in it.
    fn found(&self, text: &str, exact: &mut Vec<usize>, loose: &mut Vec<usize>) {
        exact.clear();
        loose.clear();
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower.unicode_words().map(|word| word.trim_end_matches("'s")).collect();
        for (at, word) in words.iter().enumerate() {
            exact.extend(self.exact.get(*word).into_iter().flatten());
            loose.extend(self.stems.get(stem(word)).into_iter().flatten());
            for (kind, number) in self.longer.get(*word).into_iter().flatten() {
                let rest = kind.iter().enumerate().all(|(i, part)| {
                    words.get(at + i).is_some_and(|word| word == part || word.strip_suffix('s') == Some(part))
                });
                if rest {
                    exact.push(*number);
                    loose.push(*number);
                }
            }
        }
        for list in [exact, loose] {
            list.sort_unstable();
            list.dedup();
        }
    }
}

/// Words that may name the clusters, of the texts `shown` of each cluster: those of `kinds` that stand in at least
/// three texts, then phrases that set a cluster apart.
pub fn name_words<'a, F>(
    text: &F,
    shown: &[Vec<u32>],
    kinds: &BTreeMap<String, usize>,
    ctx: &Ctx,
) -> Result<Vec<NameWord>, Cancelled>
where
    F: Fn(usize) -> Cow<'a, str> + Sync,
{
    let k = shown.len();
    let index = Index::of(kinds);
    let phrases = phrases(text, shown, kinds, ctx)?;
    let numbers: HashMap<u64, usize> =
        phrases.iter().enumerate().map(|(at, (hash, _))| (*hash, at)).collect();
    let (kind_count, phrase_count) = (index.kinds.len(), phrases.len());
    // For each cluster: texts with each kind as it stands, with its stem, and with each phrase.
    let counted: Vec<[Vec<u32>; 3]> = shown
        .par_iter()
        .map(|texts| {
            let count = |batch: &[u32]| {
                ctx.cancel.check()?;
                let mut counts = [vec![0u32; kind_count], vec![0u32; kind_count], vec![0u32; phrase_count]];
                let (mut exact, mut loose, mut terms) = (Vec::new(), Vec::new(), Vec::new());
                for &i in batch {
                    let text = text(i as usize);
                    index.found(&text, &mut exact, &mut loose);
                    terms.clear();
                    for_each_term(&cleaned(&text), &StopHashes::default(), |term| {
                        terms.extend(numbers.get(&term.hash));
                    });
                    terms.sort_unstable();
                    terms.dedup();
                    for (counts, found) in counts.iter_mut().zip([&exact, &loose, &terms]) {
                        found.iter().for_each(|&at| counts[at] += 1);
                    }
                }
                Ok(counts)
            };
            let none = || [vec![0u32; kind_count], vec![0u32; kind_count], vec![0u32; phrase_count]];
            texts.par_chunks(BATCH).map(count).try_reduce(none, |mut a, b| {
                for (a, b) in a.iter_mut().zip(b) {
                    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                }
                Ok(a)
            })
        })
        .collect::<Result<_, Cancelled>>()?;
    let of = |which: usize, at: usize| -> Vec<u32> { (0..k).map(|c| counted[c][which][at]).collect() };
    let mut words: Vec<NameWord> = Vec::new();
    for (at, (word, breadth)) in index.kinds.iter().enumerate() {
        if of(0, at).iter().sum::<u32>() >= FEWEST_TEXTS {
            words.push(NameWord {
                word: (*word).to_owned(),
                breadth: *breadth,
                is_kind: true,
                texts: of(1, at),
            });
        }
    }
    for (at, (_, phrase)) in phrases.into_iter().enumerate() {
        let texts = of(2, at);
        if texts.iter().sum::<u32>() >= FEWEST_TEXTS {
            words.push(NameWord { word: phrase, breadth: 0, is_kind: false, texts });
        }
    }
    Ok(words)
}

/// What sets the clusters' texts apart, each with its hash, in the order of the clusters.
fn phrases<'a, F>(
    text: &F,
    shown: &[Vec<u32>],
    kinds: &BTreeMap<String, usize>,
    ctx: &Ctx,
) -> Result<Vec<(u64, String)>, Cancelled>
where
    F: Fn(usize) -> Cow<'a, str> + Sync,
{
    let mut seen = HashSet::new();
    let mut phrases = Vec::new();
    for candidate in class_tfidf::keywords(text, shown, PHRASES, &ctx.untold())?.into_iter().flatten() {
        let lower = candidate.term.to_lowercase();
        let ends = [lower.unicode_words().next(), lower.unicode_words().next_back()];
        if ends.iter().flatten().any(|word| is_empty_word(word)) || kinds.contains_key(&lower) {
            continue;
        }
        let mut hash = None;
        // The whole phrase is the longest term that starts with its first word.
        for_each_term(&candidate.term, &StopHashes::default(), |term| {
            if candidate.term.starts_with(term.surface) {
                hash = Some(term.hash);
            }
        });
        phrases.extend(hash.filter(|hash| seen.insert(*hash)).map(|hash| (hash, candidate.term)));
    }
    Ok(phrases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::goal_noun::goal_noun;
    use crate::model::wordnet;

    fn kinds_for(goal: &str) -> BTreeMap<String, usize> {
        let wordnet = wordnet().unwrap();
        let found = kinds(wordnet, goal_noun(goal, wordnet).as_ref(), |words| vec![true; words.len()]);
        assert_eq!(found.specific, goal.contains("sports"));
        found.words
    }

    #[test]
    fn a_goal_for_topics_takes_fields_and_activities_and_one_for_sports_takes_sports() {
        let topics = kinds_for("by topic");
        assert!(topics.contains_key("politics") && topics.contains_key("sport"), "{}", topics.len());
        assert!(!topics.contains_key("dog"));
        let sports = kinds_for("which sports are these about?");
        assert!(sports.contains_key("rowing") && !sports.contains_key("politics"));
        assert!(topics["sport"] > topics["rowing"]);
    }

    #[test]
    fn uncommon_words_name_no_topic() {
        let wordnet = wordnet().unwrap();
        let found = kinds(wordnet, None, |words| words.iter().map(|word| *word == "music").collect());
        assert_eq!(found.words.keys().collect::<Vec<_>>(), ["music"]);
    }

    #[test]
    fn words_are_counted_by_the_texts_of_each_cluster() {
        let texts = [
            "Tennis is fun",
            "They play tennis",
            "A tennis match",
            "tennis players met",
            "banking law",
            "the bank pays",
            "a bank loan",
            "the bank failed",
        ];
        let kinds =
            BTreeMap::from([("tennis".to_owned(), 2), ("banking".to_owned(), 0), ("law".to_owned(), 1)]);
        let text = |i: usize| Cow::Borrowed(texts[i]);
        let found = name_words(&text, &[vec![0, 1, 2, 3], vec![4, 5, 6, 7]], &kinds, &Ctx::quiet()).unwrap();
        let of = |word: &str| found.iter().find(|found| found.word == word);
        assert_eq!(of("tennis").unwrap().texts, [4, 0]);
        assert_eq!((of("law"), of("banking")), (None, None), "in fewer than three texts");
        let bank = of("bank").unwrap();
        assert_eq!((bank.is_kind, bank.texts.as_slice()), (false, [0, 3].as_slice()));
    }

    #[test]
    fn forms_of_a_word_share_a_stem() {
        assert_eq!(stem("banking"), stem("banks"));
        assert_eq!(stem("economics"), stem("economical"));
        assert_eq!(stem("ring"), "ring");
        for (one, other) in [
            ("fees", "fee"),
            ("top", "topped"),
            ("charges", "charge"),
            ("charged", "charge"),
            ("banking", "bank"),
        ] {
            assert!(same_word(one, other) && same_word(other, one), "{one} {other}");
        }
        assert!(!same_word("car", "card") && !same_word("on", "one") && !same_word("card", "cash"));
    }
}
