//! What a goal asks for, as one noun: "sport" of "what kinds of sports are these about?".
//!
//! Goals are short and follow few patterns, so closed lists of English function words tell where the noun phrase
//! stands that says by what texts are to be told apart, and WordNet tells nouns from verbs. A question for what
//! somebody does or feels ("why do customers complain?") gives the noun that is derived from the verb.

use unicode_segmentation::UnicodeSegmentation;

use super::wordnet::{Kind, Synset, WordNet};

/// The noun that a goal asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalNoun {
    /// In its base form, and together with its neighbours where WordNet has them as one: "sport", "writing style".
    pub noun: String,
    /// The word in it that counts, in its base form: "style".
    pub head: String,
    /// With what stands before it in the goal, in lower case: "customer complaints".
    pub phrase: String,
    /// The noun's senses, commonest first; never empty.
    pub senses: Vec<Synset>,
    /// The word of the goal that the noun was derived from, where it was: "complain".
    pub derived_from: Option<String>,
}

/// A verb's senses further down say little about what is meant.
const SENSES_OF_A_VERB: usize = 4;
/// What the first of them lead to goes before all else.
const COMMON_SENSES: usize = 2;
/// Letters that a noun shares with the verb it comes from: "feel" and "feeling", "choose" and "choice".
const SHARED_LETTERS: usize = 3;
/// Longer goals say at their beginning what they want.
const WORDS_READ: usize = 200;
/// Words in a noun phrase that WordNet may know as one.
const WORDS_OF_A_NOUN: usize = 3;

const DETERMINERS: &str = "a an the this that these those its their his her our your my whose each every any some all \
    no both different various other another such main most common specific certain particular respective underlying \
    same own more many several";
const PREPOSITIONS: &str = "of by for in on at from with without about into onto over under between among across per \
    as to within using regarding concerning via through during against toward towards around like than behind upon \
    after before near";
const AUXILIARIES: &str = "is are was were be been being am do does did has have had can could will would shall \
    should may might must isn't aren't wasn't weren't don't doesn't didn't can't won't";
const PRONOUNS: &str = "i me we us you he him she it they them one ones who whom someone somebody anyone everyone \
    something anything everything nothing here there";
const CONNECTIVES: &str = "and or but nor so if that because while when where whether which who what why how though \
    although since until whose rather not then also only please just";
/// Nouns that leave it to others to say what is meant.
const EMPTY: &str = "kind type sort form variety category class group cluster set list name number text document \
    item row record entry thing data datum collection corpus way manner lot piece basis term criterion dimension \
    everything stuff respect regard content example label bit";
/// Verbs that leave it to others to say what is meant.
const EMPTY_VERBS: &str = "be become come do get give go happen have let make mean occur put say take use";
/// What a goal tells the app to do, at its beginning.
const COMMANDS: &str = "cluster group sort split divide separate classify categorise categorize organise organize \
    arrange order show find tell give list describe identify label compare partition distinguish want need would like i let's \
    me us help see know understand learn please can could you to out apart";
/// Before the noun phrase that says by what to cluster.
const MARKERS: [&[&str]; 6] = [
    &["based", "on"],
    &["based", "upon"],
    &["according", "to"],
    &["in", "terms", "of"],
    &["with", "respect", "to"],
    &["on", "the", "basis", "of"],
];
const QUESTION_WORDS: &str = "what which whose why how where when who";
/// After one of these, the verb's subject comes before the verb.
const DO: &str = "do does did can could would should will";
/// Between a subject and its verb.
const BETWEEN: &str = "not even often usually really still most mostly";

fn among(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|listed| listed == word)
}

/// The words of a goal in lower case; `None` between clauses.
fn tokens(goal: &str) -> Vec<Option<String>> {
    let token = |piece: &str| {
        if piece.contains(char::is_alphanumeric) {
            return Some(Some(piece.replace('’', "'").to_lowercase()));
        }
        // Hyphens, quotes and brackets separate no clauses.
        piece.contains(['.', ',', ';', ':', '?', '!', '\n', '。', '，', '？']).then_some(None)
    };
    goal.split_word_bounds().filter_map(token).take(WORDS_READ).collect()
}

struct Reader<'a> {
    wordnet: &'a WordNet,
    tokens: Vec<Option<String>>,
}

/// The noun that `goal` asks for; `None` where it names nothing that WordNet knows ("what are these about?", an
/// empty goal, one in another language).
pub fn goal_noun(goal: &str, wordnet: &WordNet) -> Option<GoalNoun> {
    let reader = Reader { wordnet, tokens: tokens(goal) };
    if !reader.is_english() {
        return None;
    }
    let by_question = (0..reader.tokens.len()).any(|at| reader.asks_after_by(at));
    let asks = by_question || reader.is_among(reader.start(), QUESTION_WORDS);
    let found = MARKERS.iter().find_map(|marker| reader.after(marker));
    if asks {
        return found.or_else(|| reader.of_a_question());
    }
    found
        .or_else(|| reader.after(&["by"]))
        .or_else(|| reader.first_phrase())
        .or_else(|| reader.of_a_question())
        .or_else(|| reader.after(&["about"]))
}

impl Reader<'_> {
    fn word(&self, at: usize) -> Option<&str> {
        self.tokens.get(at)?.as_deref()
    }

    fn is_among(&self, at: usize, list: &str) -> bool {
        self.word(at).is_some_and(|word| among(list, word))
    }

    /// Two words of three are English ones; names may be others.
    fn is_english(&self) -> bool {
        let words = self.tokens.iter().flatten();
        let known = |word: &&String| {
            is_function_word(word) || Kind::ALL.iter().any(|kind| self.wordnet.knows(word, *kind))
        };
        3 * words.clone().filter(known).count() >= 2 * words.count()
    }

    /// After what the app is told to do: "show me …", "I would like to …".
    fn start(&self) -> usize {
        let command = |at: usize| {
            let word = self.word(at)?;
            let verb = |kind| self.wordnet.knows(word, kind);
            Some(among(COMMANDS, word) || (verb(Kind::Verb) && !verb(Kind::Noun) && !verb(Kind::Adjective)))
        };
        (0..self.tokens.len()).find(|&at| command(at) == Some(false)).unwrap_or(self.tokens.len())
    }

    /// "based on the topic", "by writing style".
    fn after(&self, marker: &[&str]) -> Option<GoalNoun> {
        let stands = |at: usize| marker.iter().enumerate().all(|(i, word)| self.word(at + i) == Some(*word));
        let found = (0..self.tokens.len()).filter(|&at| stands(at) && !self.is_done_by(at));
        found.map(|at| at + marker.len()).find_map(|at| self.phrase_at(at))
    }

    /// "by how angry they are".
    fn asks_after_by(&self, at: usize) -> bool {
        self.word(at) == Some("by") && self.is_among(at + 1, QUESTION_WORDS)
    }

    /// "expressed by the authors" says who did it, "sorted by author" what to do.
    fn is_done_by(&self, by: usize) -> bool {
        let Some(word) = by.checked_sub(1).and_then(|at| self.word(at)) else { return false };
        let bases = self.wordnet.bases(word, Kind::Verb);
        let participle =
            bases.iter().all(|base| base != word) && !word.ends_with('s') && !word.ends_with("ing");
        !bases.is_empty() && participle && !bases.iter().any(|base| among(COMMANDS, base))
    }

    /// "which emotions are expressed?", "what are the reasons?", "why do customers complain?", "how angry are they?"
    fn of_a_question(&self) -> Option<GoalNoun> {
        let at = (0..self.tokens.len()).find(|&at| self.is_among(at, QUESTION_WORDS))?;
        let next = at + 1;
        let who = self.word(at) == Some("who");
        let adverb = self.is_among(at, "why how where when");
        if self.is_among(next, DO) {
            self.verb_after_subject(next + 1)
        } else if self.is_among(next, AUXILIARIES) {
            let doing = || self.doing_from(next + 1).and_then(|verb| self.derived(verb, Kind::Verb, who));
            let being = || if adverb { self.quality_from(next + 1) } else { None };
            doing()
                .or_else(being)
                .or_else(|| self.phrase_at(next + 1))
                .or_else(|| self.verb_from(next + 1, who))
        } else if adverb {
            self.quality_at(next).or_else(|| self.verb_after_subject(next))
        } else {
            // "what makes users angry?": the verb is the commoner word.
            let verb = self.more_verb_than_noun(next);
            let said = || self.quality_from(next + 1).or_else(|| self.verb_from(next, who));
            if verb { said() } else { self.phrase_at(next).or_else(said) }
        }
    }

    fn more_verb_than_noun(&self, at: usize) -> bool {
        let Some(word) = self.word(at) else { return false };
        let frequency = |kind| {
            let bases = self.wordnet.bases(word, kind);
            bases.iter().map(|base| self.wordnet.frequency(base, kind) + 1).max().unwrap_or(0)
        };
        frequency(Kind::Verb) > frequency(Kind::Noun).max(frequency(Kind::Adjective))
    }

    /// "angry" of "how angry", where it is no noun.
    fn quality_at(&self, at: usize) -> Option<GoalNoun> {
        let word = self.word(at).filter(|word| !is_function_word(word) && !among("many much", word))?;
        let plain = !self.wordnet.knows(word, Kind::Noun) || self.is_among(at + 1, AUXILIARIES);
        if plain { self.derived(word, Kind::Adjective, false) } else { None }
    }

    /// The first adjective that is no noun: "unhappy" of "are customers unhappy".
    fn quality_from(&self, start: usize) -> Option<GoalNoun> {
        let clause = (start..self.tokens.len()).take_while(|&at| self.word(at).is_some());
        // "are the most common reasons": an adjective with its noun is no answer.
        clause
            .skip(1)
            .filter(|&at| !self.is_noun(at) && !self.is_noun(at + 1))
            .find_map(|at| self.quality_at(at))
    }

    /// "asking" of "are customers asking about": a verb's form with "-ing" that ends its phrase.
    fn doing_from(&self, start: usize) -> Option<&str> {
        let clause = (start..self.tokens.len()).map_while(|at| Some((at, self.word(at)?)));
        clause
            .filter(|&(at, word)| {
                word.ends_with("ing") && !self.is_among(at, PREPOSITIONS) && !self.is_noun(at + 1)
            })
            .map(|(_, word)| word)
            .find(|word| {
                self.wordnet
                    .bases(word, Kind::Verb)
                    .iter()
                    .any(|base| base != word && !among(AUXILIARIES, base))
            })
    }

    /// The noun of the verb after "do" and a subject, of which the first noun is no verb.
    fn verb_after_subject(&self, start: usize) -> Option<GoalNoun> {
        let mut subject = false;
        for at in start..self.tokens.len() {
            let word = self.word(at)?;
            if !subject {
                subject = !among(DETERMINERS, word);
            } else if !among(BETWEEN, word)
                && !is_function_word(word)
                && self.wordnet.bases(word, Kind::Verb).iter().any(|base| base == word || !self.is_noun(at))
            {
                return self.derived(word, Kind::Verb, false);
            }
        }
        None
    }

    /// The noun of the first verb from here on.
    fn verb_from(&self, start: usize, who: bool) -> Option<GoalNoun> {
        let words = (start..self.tokens.len()).map_while(|at| self.word(at));
        let verb =
            words.filter(|word| !is_function_word(word)).find(|word| self.wordnet.knows(word, Kind::Verb))?;
        self.derived(verb, Kind::Verb, who)
    }

    /// The first noun phrase after what the app is told to do.
    fn first_phrase(&self) -> Option<GoalNoun> {
        let from = self.start();
        let to = (from..self.tokens.len()).find(|&at| self.is_among(at, QUESTION_WORDS));
        (from..to.unwrap_or(self.tokens.len())).find_map(|at| self.phrase_at(at))
    }

    fn ends_a_phrase(&self, at: usize) -> bool {
        self.word(at).is_none_or(|word| {
            [PREPOSITIONS, AUXILIARIES, PRONOUNS, CONNECTIVES].iter().any(|list| among(list, word))
        })
    }

    /// The noun phrase that starts here; where it is empty ("the kind"), the one after "of".
    fn phrase_at(&self, start: usize) -> Option<GoalNoun> {
        let mut at = start;
        while self.is_among(at, DETERMINERS) {
            at += 1;
        }
        let first = at;
        while !self.ends_a_phrase(at) {
            let plural = self.is_plural(at);
            at += 1;
            // "problems users report": English puts no plural before the noun that counts.
            if plural {
                break;
            }
        }
        // "emotions expressed": what follows the noun is no noun.
        let last = (first..at).rev().find(|&at| self.is_noun(at))?;
        let head = self.wordnet.bases(self.word(last)?, Kind::Noun);
        if head.iter().any(|base| among(EMPTY, base)) {
            return if self.word(last + 1) == Some("of") { self.phrase_at(last + 2) } else { None };
        }
        let words: Vec<&str> = (first..=last).filter_map(|at| self.word(at)).collect();
        // "part of speech", "writing style": the longest that is in WordNet as it stands.
        let of = self.word(last + 1).filter(|word| *word == "of").and_then(|_| self.word(last + 2));
        let of = of.map(|of| format!("{} of {of}", head[0]));
        let together =
            (1..=words.len().min(WORDS_OF_A_NOUN)).rev().map(|n| words[words.len() - n..].join(" "));
        let noun = of.into_iter().chain(together).find_map(|word| self.commonest_base(&word))?;
        Some(GoalNoun {
            senses: self.wordnet.senses(&noun, Kind::Noun),
            head: self.commonest_base(words[words.len() - 1])?,
            noun,
            phrase: words.join(" "),
            derived_from: None,
        })
    }

    /// "sports" is a word of its own, but "sport" is commoner.
    fn commonest_base(&self, word: &str) -> Option<String> {
        let bases = self.wordnet.bases(word, Kind::Noun);
        bases.into_iter().rev().max_by_key(|base| self.wordnet.frequency(base, Kind::Noun))
    }

    fn is_noun(&self, at: usize) -> bool {
        self.word(at).is_some_and(|word| self.wordnet.knows(word, Kind::Noun))
    }

    fn is_plural(&self, at: usize) -> bool {
        let Some(word) = self.word(at) else { return false };
        let bases = self.wordnet.bases(word, Kind::Noun);
        !bases.is_empty() && bases.iter().all(|base| base != word)
    }

    /// The noun for what a verb or an adjective says: of the verbs' nouns a person only where one asks who.
    fn derived(&self, word: &str, kind: Kind, who: bool) -> Option<GoalNoun> {
        let wordnet = self.wordnet;
        let base = wordnet.bases(word, kind).into_iter().next().filter(|base| !among(EMPTY_VERBS, base))?;
        let mut best: Option<(_, &str, Synset)> = None;
        for (rank, sense) in wordnet.senses(&base, kind).into_iter().take(SENSES_OF_A_VERB).enumerate() {
            let fits = |noun: &Synset| (wordnet.field(*noun) == "noun.person") == who;
            for noun in wordnet.derived(sense).filter(fits) {
                for name in wordnet.words(noun) {
                    let related = shared_letters(name, &base) >= SHARED_LETTERS.min(base.len());
                    // "asking" is said of the act, where there is no better word for it.
                    let gerund = name.ends_with("ing");
                    let frequency = wordnet.frequency(name, Kind::Noun);
                    let worth = (related, rank < COMMON_SENSES, !gerund, frequency, usize::MAX - rank);
                    if best.is_none_or(|(other, _, _)| worth > other) {
                        best = Some((worth, name, noun));
                    }
                }
            }
        }
        let (noun, first) = match best {
            Some((_, name, sense)) => (self.commonest_base(name)?, Some(sense)),
            None => (self.commonest_base(word)?, None),
        };
        if among(EMPTY, &noun) {
            return None;
        }
        let others = wordnet.senses(&noun, Kind::Noun).into_iter().filter(|sense| Some(*sense) != first);
        let senses = first.into_iter().chain(others).collect();
        Some(GoalNoun { phrase: noun.clone(), head: noun.clone(), noun, senses, derived_from: Some(base) })
    }
}

/// Whether a word only holds sentences together.
fn is_function_word(word: &str) -> bool {
    [DETERMINERS, PREPOSITIONS, AUXILIARIES, PRONOUNS, CONNECTIVES].iter().any(|list| among(list, word))
}

fn shared_letters(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::wordnet;
    use proptest::prelude::*;

    fn noun(goal: &str) -> Option<String> {
        goal_noun(goal, wordnet().unwrap()).map(|found| found.noun)
    }

    fn assert_asks_for(asked: &[(&str, &str)]) {
        for (goal, wanted) in asked {
            assert_eq!(noun(goal).as_deref(), Some(*wanted), "{goal}");
        }
    }

    #[test]
    fn a_goal_asks_for_the_noun_that_it_names() {
        assert_asks_for(&[
            ("what kinds of sports are these about?", "sport"),
            ("by the kind of evidence", "evidence"),
            ("which emotions are expressed in the text?", "emotion"),
            ("what problems do users report?", "problem"),
            ("find out which diseases the patients have", "disease"),
            ("cluster the reviews by the product mentioned", "product"),
            ("according to the author's stance on climate change", "stance"),
            ("show me the different kinds of jokes", "joke"),
            ("what are the reasons why people leave?", "reason"),
            ("customer complaints", "complaint"),
            ("Texts, grouped by author!", "author"),
        ]);
    }

    #[test]
    fn a_goal_in_a_long_sentence_is_read_where_it_says_by_what() {
        assert_asks_for(&[
            (
                "I would like to cluster the texts based on the topics they discuss; each should have a name",
                "topic",
            ),
            ("Please sort these comments in terms of the language they are written with", "language"),
        ]);
    }

    #[test]
    fn a_compound_that_wordnet_knows_stays_together_and_has_a_head() {
        let style = goal_noun("by writing style", wordnet().unwrap()).unwrap();
        assert_eq!((style.noun.as_str(), style.head.as_str()), ("writing style", "style"));
        assert_eq!(noun("by part of speech").as_deref(), Some("part of speech"));
        let problem = goal_noun("by the customer's main problems", wordnet().unwrap()).unwrap();
        assert_eq!((problem.noun.as_str(), problem.phrase.as_str()), ("problem", "customer's main problems"));
    }

    #[test]
    fn a_question_for_what_is_done_or_felt_asks_for_the_noun_of_the_verb_or_the_adjective() {
        assert_asks_for(&[
            ("why do customers complain?", "complaint"),
            ("why do customers complain about fees?", "complaint"),
            ("why do card payments fail?", "failure"),
            ("what should we improve?", "improvement"),
            ("what is the person feeling?", "feeling"),
            ("how angry are the writers?", "anger"),
            ("sort these comments by how angry they are", "anger"),
            ("why are customers unhappy?", "unhappiness"),
            ("what makes users angry?", "anger"),
            ("who is speaking?", "speaker"),
        ]);
        let complaint = goal_noun("why do customers complain?", wordnet().unwrap()).unwrap();
        assert_eq!(complaint.derived_from.as_deref(), Some("complain"));
    }

    #[test]
    fn who_did_something_is_not_what_is_asked() {
        assert_asks_for(&[
            ("emotions expressed by the authors", "emotion"),
            ("what problems are reported by users?", "problem"),
        ]);
    }

    #[test]
    fn a_goal_without_content_or_in_another_language_asks_for_nothing() {
        for goal in [
            "",
            "  ?! ",
            "what are these about?",
            "by what they are about",
            "type",
            "cluster the texts",
            "asdf qwer",
            "warum beschweren sich die Kunden?",
            "pourquoi les clients se plaignent",
            "客户为什么投诉？",
            "what went wrong?",
        ] {
            assert_eq!(noun(goal), None, "{goal}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn any_goal_asks_for_a_noun_with_senses_or_for_nothing(
            goal in r"\PC{0,40}|((what|why|how|who|by|do|are|the|of|kind|people|complain|angry|sports|feeling|based|on|\?|,) ){0,9}"
        ) {
            if let Some(found) = goal_noun(&goal, wordnet().unwrap()) {
                prop_assert!(!found.senses.is_empty() && !found.noun.is_empty() && !found.head.is_empty());
            }
        }
    }
}
