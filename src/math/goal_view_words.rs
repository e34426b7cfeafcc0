//! What is known of the ways in which a goal can ask to compare texts: sentences that describe each view, words that
//! point to it, and the words around a goal that say nothing about it. English only.
//!
//! A pattern is a sequence of words; `|` separates alternatives, `*` at the end of a word stands for any ending.

/// Descriptions of comparing by what texts mean.
pub(super) const MEANING: [&str; 12] = [
    "by topic",
    "by subject",
    "what the texts are about",
    "the theme or content of a text",
    "what happens in it",
    "the problem, reason or opinion expressed",
    "the emotion or sentiment it expresses",
    "the kind of evidence or argument used",
    "the intent of the speaker",
    "the field or discipline",
    "what people want or complain about",
    "the person, place, product or event it mentions",
];

/// Descriptions of comparing by language.
pub(super) const LANGUAGE: [&str; 6] = [
    "by language",
    "the language a text is written in",
    "texts in English, Dutch, Hindi or Portuguese",
    "which natural language or tongue it is in",
    "separate the texts by the language they use",
    "the idiom or script of the writing: Chinese, Russian, Arabic",
];

/// Descriptions of comparing by how texts are written.
pub(super) const STYLE: [&str; 8] = [
    "by writing style",
    "the way it is written",
    "the form, genre or format of the writing",
    "the literary form: novel, letter, recipe, dialogue, poem",
    "formal or informal tone of writing",
    "the register and punctuation, how long the sentences are",
    "how the text is written rather than what it says",
    "layout and typography of the text",
];

pub(super) const LANGUAGE_CUES: [&str; 9] = [
    "language|languages",
    "tongue|tongues",
    "multilingual",
    "lingual",
    "linguistic",
    "linguistically",
    "idiom|idioms",
    "translat*",
    "dialect|dialects",
];

pub(super) const STYLE_CUES: [&str; 22] = [
    "styl*",
    "genre|genres",
    "format|formats|formatting",
    "register|registers",
    "tone|tones",
    "formality|formal|informal",
    "punctuation",
    "prose|verse",
    "typograph*",
    "layout",
    "wording",
    "phras*",
    "literary",
    "text type|types",
    "written form",
    "poetic",
    "emoji|emojis|emoticon|emoticons",
    "capital|capitals|capitalisation|capitalization|exclamation",
    "manner|voice",
    "kind|kinds of text",
    "sentence length",
    "poem|poems|essay|essays",
];

pub(super) const MEANING_CUES: [&str; 18] = [
    "topic|topics|subject|subjects|theme|themes",
    "about",
    "content",
    "issue|issues",
    "reason|reasons|why",
    "intent|intents|intention|intentions",
    "emotion|emotions|sentiment|sentiments",
    "opinion|opinions",
    "problem|problems",
    "complain*",
    "discuss*",
    "evidence|argument|arguments",
    "field|discipline|disciplines",
    "what|who|where",
    "event|events",
    "kind|kinds of",
    "type|types of",
    "mention*",
];

/// What is done with the thing that is asked for: "architectural styles mentioned" asks for what texts are about.
pub(super) const OBJECT_CUES: [&str; 8] = [
    "mentioned|discussed|described",
    "complain*",
    "people like|have|want|need|talk",
    "learn|learning|learner|learners",
    "problem|problems",
    "opinion|opinions on|about|of",
    "spoken|speak of|about",
    "taught|teach|teaching",
];

/// What follows is what the goal does not ask for.
pub(super) const EXCEPT: [&str; 5] = ["rather than", "instead of", "not", "regardless of", "whatever"];
/// Between [`EXCEPT`] and its object.
pub(super) const EXCEPT_LINKS: &str = "by the its their what about in on";

/// Where a goal begins to speak of the form of answers.
pub(super) const FORM: [&str; 2] =
    ["each cluster|group|one should|must|shall|has|have", "every cluster|group should|must|shall"];

/// What is said to the app around a goal.
pub(super) const ASKING: [&str; 15] = [
    "i would like|want|wish to",
    "i'd like|want|wish to",
    "i like|want|wish to",
    "please",
    "can you",
    "could you",
    "help me to",
    "help me",
    "let's",
    "let us",
    "we need|want to",
    "show me",
    "find me",
    "give me",
    "i would like|want",
];

/// Verbs for what the app does.
pub(super) const CLUSTERING: [&str; 9] = [
    "cluster|clusters|clustering|clustered",
    "group|groups|grouped|grouping|bucket",
    "sort|sorted",
    "categorise|categorised|categorize|categorized|classify",
    "organise|organised|organize|organized",
    "split|divide|divided",
    "separate|separated",
    "partition",
    "arrange|arranged",
];

/// A goal of nothing but these, once the rest is cut, asks for nothing.
pub(super) const EMPTY_WORDS: &str = "the these those this my our them it its all text texts document documents \
    message messages post posts article articles corpus data dataset item items entry entries row rows sample samples \
    based on according to depending in terms of by into with they are is for a an and me them out";
