//! What a person says of how texts are written ("uses emoji and short sentences", "is a poem"), as features of style
//! that are counted. English only.
//!
//! A rule is a list of words that have to stand in a clause, in any order; `|` separates alternatives, `*` at the end
//! of a word stands for any ending. Rules are tried in order, and each word of a clause is used once, so that "short
//! lines" says nothing about short texts.

use unicode_segmentation::UnicodeSegmentation;

use super::style_features::FEATURES;
use super::vector::dot;

/// Words, the feature, and whether they say that there is more of it.
const RULES: [(&str, &str, bool); 75] = [
    ("blank|empty line*", "blank lines", true),
    ("comma* line* end*", "commas at line ends", true),
    ("line* rhym*", "rhymes", true),
    ("begin*|start* line* capital*|uppercase|upper", "capitals at line starts", true),
    ("begin*|start* line* lower|lowercase", "capitals at line starts", false),
    ("begin*|start* line* alike|same", "repeated line starts", true),
    ("begin*|start* line* name*|label*|speaker*", "labels before colons", true),
    ("end* line* without punctuation", "open line ends", true),
    ("line* capital*|caps|uppercase", "lines in capitals", true),
    ("repeat*|repetit*|repeating line*", "repeated line starts", true),
    ("uneven|ragged|varying|unequal line*", "unevenness of lines", true),
    ("even|equal line*", "unevenness of lines", false),
    ("long|longer|wide line*", "line length", true),
    ("short|shorter|brief|narrow line*", "line length", false),
    ("indent* line*", "indented lines", true),
    ("bullet*|numbered|listed line*|point*|item*", "numbered or bulleted lines", true),
    ("line* break*", "line breaks", true),
    ("many|several|multiple|more lines", "line breaks", true),
    ("one|single line*", "line breaks", false),
    ("indent*", "indented lines", true),
    ("rhym*", "rhymes", true),
    ("name*|label*|speaker* colon*", "labels before colons", true),
    ("starts|begins|start|begin|starting|beginning lower|lowercase", "starts in lower case", true),
    ("starts|begins|start|begin|starting|beginning capital*|uppercase", "starts in lower case", false),
    ("word* capital*|caps|uppercase", "words in capitals", true),
    ("caps|shout*|yell*|allcaps", "words in capitals", true),
    ("capitalis*|capitaliz*", "capitalised words", true),
    ("capital*|uppercase|upper", "capital letters", true),
    ("lowercase|lower", "capital letters", false),
    ("long|longer|big|difficult|hard|complicated|polysyllabic word*", "word length", true),
    ("short|shorter|simple|simpler|easy|small word*", "word length", false),
    ("long|longer|winding|complex|complicated sentence*", "sentence length", true),
    ("short|shorter|simple|choppy|clipped|brief sentence*", "sentence length", false),
    ("full|complete|whole sentence*", "function words", true),
    ("varied|diverse|rich|variety|large word*|vocabulary|wording", "variety of words", true),
    ("repeat*|repetit* phrase*", "repeated pairs of words", true),
    ("stretch*|elongat* word*|letter*|vowel*", "stretched words", true),
    ("stretch*|elongat*", "stretched words", true),
    ("repeat*|repetit*", "variety of words", false),
    ("exclamat*|exclaim*", "exclamation marks", true),
    ("question*|ask|asks|asking|interrogat*", "question marks", true),
    ("semicolon*", "semicolons", true),
    ("colon*", "colons", true),
    ("comma|commas", "commas", true),
    ("full stop|stops", "full stops", true),
    ("period|periods", "full stops", true),
    ("dash|dashes|hyphen*", "dashes", true),
    ("quot*|speech", "quotation marks", true),
    ("apostrophe*", "apostrophes", true),
    ("ellips*|dots|trails|trailing", "ellipses", true),
    ("bracket*|parenthes*", "brackets", true),
    ("hashtag*", "hashtags", true),
    ("mention* account*|user*|handle*|people", "mentions", true),
    ("symbol*|ampersand*", "symbols", true),
    ("emoji*|emoticon*|smiley*|smilies", "emoji", true),
    ("link|links|url|urls|hyperlink*", "links", true),
    ("bullet*|numbered|enumerat*|list|lists|listed", "numbered or bulleted lines", true),
    ("digit*|number|numbers|numeral*|figures", "digits", true),
    ("contraction*|contracted", "contractions", true),
    ("contract|contracts|shortens word*", "contractions", true),
    ("telegraphic|clipped|terse", "function words", false),
    ("function|filler|small words", "function words", true),
    ("first person", "first person", true),
    ("second person", "second person", true),
    ("address* reader*|you", "second person", true),
    ("speak*|talk* i|we|me|oneself|themselves|himself|herself", "first person", true),
    ("you|your", "second person", true),
    ("i|me|my|we|our|personal", "first person", true),
    ("unpunctuated", "full stops", false),
    ("punctuat*", "full stops", true),
    ("long|longer|lengthy|wordy|verbose|detailed", "length", true),
    ("short|shorter|brief|concise|succinct|one-liner*", "length", false),
    ("monotonous", "variety of words", false),
    ("paragraph*", "blank lines", true),
    ("vocabulary|diverse|varied", "variety of words", true),
];

/// Kinds of texts by how they are written: their words, what they are called, and the features that they have more
/// (`+`) or less (`-`) of.
const KINDS: [(&str, &str, &str); 17] = [
    (
        "poem*|poetry|poetic|verse*|stanza*|sonnet*|haiku*",
        "is a poem",
        "+line breaks, -line length, +blank lines, +rhymes, +commas at line ends, +open line ends",
    ),
    (
        "song*|lyric*|rap|raps|rapped|rapper*",
        "is a song",
        "+line breaks, +rhymes, -line length, +commas at line ends, +repeated line starts, +contractions",
    ),
    (
        "screenplay*|script|scripts|scripted|play|drama*|dialogue*|dialog*|transcript*|interview*",
        "is a screenplay",
        "+labels before colons, +lines in capitals, +words in capitals, +brackets, +line breaks",
    ),
    ("tweet*|twitter|social", "is a tweet", "-length, +hashtags, +mentions, +emoji, +links, -line breaks"),
    ("headline*|title|titles", "is a headline", "-length, -function words, +capitalised words, -full stops"),
    (
        "informal*|casual*|colloquial*|chatty|slang*|conversational|sloppy",
        "is informal",
        "+contractions, +exclamation marks, +stretched words, +first person, +second person, -word length, +ellipses",
    ),
    (
        "formal*|academic*|scholarly|scientific*|official*|legal*|technical*|bureaucratic",
        "is formal",
        "+word length, +share of long words, +sentence length, -contractions, -exclamation marks, -first person, \
         -second person",
    ),
    (
        "letter*|email*|correspondence|mail*",
        "is a letter",
        "+first person, +second person, +line breaks, +blank lines",
    ),
    (
        "recipe*|instruction*|manual*|tutorial*|guide*",
        "is a recipe",
        "+numbered or bulleted lines, +digits, +line breaks, +second person",
    ),
    (
        "news*|journalis*|report*|press|article*",
        "is a news report",
        "+quotation marks, +sentence length, +capitalised words, -line breaks, -first person, -second person",
    ),
    (
        "prose|novel*|fiction*|story|stories|narrat*|essay*",
        "is prose",
        "-line breaks, +line length, +function words, +length, -labels before colons",
    ),
    (
        "excited*|emotional*|enthusias*|emphatic*|angry|ecstatic",
        "is excited",
        "+exclamation marks, +words in capitals, +stretched words",
    ),
    ("simple|plain|childlike|easy", "is simple", "-word length, -share of long words, -sentence length"),
    (
        "complex|elaborate|sophisticated|dense|complicated|flowery",
        "is complex",
        "+word length, +share of long words, +sentence length",
    ),
    ("code|source|html|markup|formula*", "is code", "+symbols, +brackets, +digits"),
    (
        "advert*|marketing|promotion*|slogan*",
        "is an advertisement",
        "+second person, +exclamation marks, +links",
    ),
    ("diary|diaries|memoir*|autobiograph*", "is a diary", "+first person, +function words, -second person"),
];

/// Signs that stand for features.
const SIGNS: [(&str, &str); 8] = [
    ("!", "exclamation marks"),
    ("?", "question marks"),
    ("#", "hashtags"),
    ("@", "mentions"),
    (";", "semicolons"),
    ("...", "ellipses"),
    ("…", "ellipses"),
    ("&", "symbols"),
];

/// Words that turn what follows in their clause round.
const NOT: &str = "no not never without few fewer little less lacks lack lacking avoids avoid hardly rarely seldom \
    doesn't don't isn't aren't cannot can't nor neither non free";
/// Words that begin another clause.
const CLAUSES: &str = "and but or while with yet whereas";
/// Cosine from which a predicate is taken to say the same as a sentence about a feature.
const SAYS_THE_SAME: f32 = 0.55;

/// How much of each feature, by its place in [`FEATURES`]; zeros where nothing is said of it.
pub type Asked = [f32; FEATURES.len()];

/// What can be asked for, as examples.
pub const EXAMPLES: &str =
    "“uses emoji”, “has short sentences”, “asks questions”, “is formal” or “is a poem”";

fn place(name: &str) -> Option<usize> {
    FEATURES.iter().position(|feature| feature.name == name)
}

fn fits(pattern: &str, word: &str) -> bool {
    pattern.split('|').any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == pattern,
    })
}

/// A clause's words, and which of them are taken.
struct Clause {
    words: Vec<String>,
    taken: Vec<bool>,
}

impl Clause {
    /// The places of words that fit the patterns, if each has one of its own; they are taken.
    fn take(&mut self, patterns: &str) -> Option<Vec<usize>> {
        let mut places = Vec::new();
        for pattern in patterns.split(' ') {
            let free = |at: &usize| !self.taken[*at] && !places.contains(at);
            places.push((0..self.words.len()).filter(free).find(|&at| fits(pattern, &self.words[at]))?);
        }
        // "asks no questions": other words that fit say the same again.
        for at in 0..self.words.len() {
            let again = patterns.split(' ').any(|pattern| fits(pattern, &self.words[at]));
            if !self.taken[at] && !places.contains(&at) && again {
                places.push(at);
            }
        }
        places.iter().for_each(|&at| self.taken[at] = true);
        Some(places)
    }

    /// 1, or −1 where a word before the places turns what is said round.
    fn sign(&self, places: &[usize]) -> f32 {
        let end = places.iter().copied().max().unwrap_or(0);
        let turns = (0..end)
            .filter(|at| !places.contains(at) && NOT.split_whitespace().any(|not| not == self.words[*at]));
        if turns.count() % 2 == 1 { -1.0 } else { 1.0 }
    }
}

/// The clauses of a predicate, in lower case.
fn clauses(predicate: &str) -> Vec<Clause> {
    let lower = predicate.to_lowercase().replace('’', "'");
    let mut clauses = Vec::new();
    for part in lower.split([',', ';', ':', '(', ')']) {
        for words in
            part.unicode_words().collect::<Vec<_>>().split(|word| CLAUSES.split(' ').any(|c| c == *word))
        {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            clauses.push(Clause { taken: vec![false; words.len()], words });
        }
    }
    clauses
}

/// Adds the features of a kind of text, in all as much as one feature alone.
fn add_kind(asked: &mut Asked, features: &str, sign: f32) {
    let listed: Vec<&str> = features.split(", ").collect();
    let share = sign / (listed.len() as f32).sqrt();
    for feature in listed {
        if let Some(at) = place(&feature[1..]) {
            asked[at] += if feature.starts_with('-') { -share } else { share };
        }
    }
}

/// What a predicate says of features, by its words; `None` where its words say nothing of any.
pub fn by_words(predicate: &str) -> Option<Asked> {
    let mut asked = [0.0; FEATURES.len()];
    for mut clause in clauses(predicate) {
        for (patterns, feature, more) in RULES {
            if let (Some(places), Some(at)) = (clause.take(patterns), place(feature)) {
                asked[at] += if more { clause.sign(&places) } else { -clause.sign(&places) };
            }
        }
        for (patterns, _, features) in KINDS {
            if let Some(places) = clause.take(patterns) {
                add_kind(&mut asked, features, clause.sign(&places));
            }
        }
    }
    if asked == [0.0; FEATURES.len()] {
        for (sign, feature) in SIGNS {
            if let Some(at) = place(feature).filter(|_| predicate.contains(sign)) {
                asked[at] = 1.0;
            }
        }
    }
    asked.iter().any(|weight| *weight != 0.0).then_some(asked)
}

/// Sentences about features and kinds of texts, which a predicate is compared with where its words say nothing.
pub fn sentences() -> Vec<&'static str> {
    let features = FEATURES.iter().flat_map(|feature| [feature.more, feature.less]);
    features.chain(KINDS.iter().map(|(_, sentence, _)| *sentence)).collect()
}

/// What a predicate says of features, by the nearest of [`sentences`] (unit vectors, end to end); `None` where none is
/// near.
pub fn by_nearness(predicate: &[f32], sentences: &[f32]) -> Option<Asked> {
    let near = sentences.chunks_exact(predicate.len().max(1)).map(|sentence| dot(sentence, predicate));
    let (at, cosine) = near.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    if cosine < SAYS_THE_SAME {
        return None;
    }
    let mut asked = [0.0; FEATURES.len()];
    match KINDS.get(at.wrapping_sub(2 * FEATURES.len())) {
        Some((_, _, features)) => add_kind(&mut asked, features, 1.0),
        None => asked[at / 2] = if at % 2 == 0 { 1.0 } else { -1.0 },
    }
    Some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "+line length, -commas" of a predicate.
    fn said(predicate: &str) -> String {
        let asked = by_words(predicate).unwrap_or([0.0; FEATURES.len()]);
        let said = FEATURES.iter().zip(asked).filter(|(_, weight)| *weight != 0.0);
        said.map(|(f, w)| format!("{}{}", if w > 0.0 { '+' } else { '-' }, f.name))
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn what_every_feature_says_of_itself_is_understood() {
        for (at, feature) in FEATURES.iter().enumerate() {
            for (sentence, sign) in [(feature.more, 1.0), (feature.less, -1.0)] {
                if let Some(asked) = by_words(sentence) {
                    let strongest = asked.iter().fold(0.0f32, |most, weight| most.max(weight.abs()));
                    let same = asked[at] * sign > 0.0 || asked[at] == 0.0 && strongest > 0.0;
                    assert!(same, "{sentence}: {}", said(sentence));
                }
            }
        }
        let understood =
            FEATURES.iter().enumerate().flat_map(|(at, f)| [(at, f.more, 1.0), (at, f.less, -1.0)]);
        let right =
            understood.filter(|(at, s, sign)| by_words(s).is_some_and(|a| a[*at] * sign > 0.0)).count();
        assert!(right > 70, "{right} of {}", 2 * FEATURES.len());
    }

    #[test]
    fn clauses_are_read_each_for_itself_and_negations_turn_them_round() {
        assert_eq!(said("uses emoji"), "+emoji");
        assert_eq!(said("uses no emoji"), "-emoji");
        assert_eq!(said("has short lines and many commas"), "-line length, +commas");
        assert_eq!(
            said("is short, without exclamation marks but with hashtags"),
            "-length, -exclamation marks, +hashtags"
        );
        assert_eq!(said("Is written in the first person"), "+first person");
        assert_eq!(said("doesn't ask questions"), "-question marks");
        assert_eq!(said("contains \"!\""), "+exclamation marks");
    }

    #[test]
    fn kinds_of_texts_are_known_by_what_they_have_more_and_less_of() {
        assert!(said("is a poem").contains("-line length") && said("is a poem").contains("+rhymes"));
        assert!(said("has the style of a screenplay").contains("+labels before colons"));
        assert!(said("is written formally").contains("-contractions"));
        assert!(said("is informal").contains("+contractions"));
    }

    #[test]
    fn what_is_no_matter_of_style_is_not_understood() {
        for predicate in ["is about horses", "discusses the economy", "", "?".repeat(0).as_str()] {
            assert_eq!(by_words(predicate), None, "{predicate}");
        }
    }

    #[test]
    fn other_words_are_taken_by_the_nearest_sentence_if_it_is_near() {
        let count = sentences().len();
        let mut vectors = vec![0.0; count * 2];
        vectors.chunks_exact_mut(2).for_each(|vector| vector[1] = 1.0);
        let emoji = place("emoji").unwrap();
        vectors[4 * emoji + 2] = 1.0;
        vectors[4 * emoji + 3] = 0.0;
        assert_eq!(by_nearness(&[1.0, 0.0], &vectors).unwrap()[emoji], -1.0);
        assert_eq!(by_nearness(&[-1.0, 0.0], &vectors), None);
    }

    #[test]
    fn every_rule_and_every_kind_speaks_of_features_that_are_counted() {
        for (_, feature, _) in RULES {
            assert!(place(feature).is_some(), "{feature}");
        }
        for (_, _, features) in KINDS {
            assert!(features.split(", ").all(|feature| place(&feature[1..]).is_some()), "{features}");
        }
        assert!(SIGNS.iter().all(|(_, feature)| place(feature).is_some()));
    }
}
