//! What is counted of how a text is written, whatever it is about, and how each count is said in words.

use std::collections::{HashMap, HashSet};

use whatlang::Lang;

use super::stop_words::stop_words;

/// Something about how texts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// What it is about, as a noun.
    pub name: &'static str,
    /// What is said of texts that have more of it than others, after "the text".
    pub more: &'static str,
    /// What is said of texts that have less.
    pub less: &'static str,
}

const fn feature(name: &'static str, more: &'static str, less: &'static str) -> Feature {
    Feature { name, more, less }
}

/// All that is counted, in the order of [`Counted`].
pub const FEATURES: [Feature; 46] = [
    feature("length", "is long", "is short"),
    feature("line breaks", "uses many line breaks", "uses few line breaks"),
    feature("blank lines", "separates parts with blank lines", "has no blank lines"),
    feature("line length", "has long lines", "has short lines"),
    feature("unevenness of lines", "has lines of uneven length", "has lines of even length"),
    feature("indented lines", "indents its lines", "does not indent its lines"),
    feature("capitals at line starts", "begins lines with a capital letter", "begins lines in lower case"),
    feature("open line ends", "ends lines without a punctuation mark", "ends lines with a punctuation mark"),
    feature("commas at line ends", "ends lines with commas", "does not end lines with commas"),
    feature("lines in capitals", "has lines in capital letters", "has no lines in capital letters"),
    feature("labels before colons", "begins lines with a name and a colon", "has no names before colons"),
    feature("brackets", "uses brackets", "avoids brackets"),
    feature("words in capitals", "writes words in capital letters", "writes no words in capital letters"),
    feature("capitalised words", "capitalises many words", "capitalises few words"),
    feature("capital letters", "uses many capital letters", "uses few capital letters"),
    feature("starts in lower case", "starts in lower case", "starts with a capital letter"),
    feature("exclamation marks", "uses exclamation marks", "uses no exclamation marks"),
    feature("question marks", "asks questions", "asks no questions"),
    feature("commas", "uses many commas", "uses few commas"),
    feature("full stops", "uses many full stops", "uses few full stops"),
    feature("colons", "uses many colons", "uses few colons"),
    feature("semicolons", "uses semicolons", "uses no semicolons"),
    feature("dashes", "uses many dashes and hyphens", "uses few dashes and hyphens"),
    feature("quotation marks", "uses quotation marks", "uses no quotation marks"),
    feature("apostrophes", "uses many apostrophes", "uses few apostrophes"),
    feature("ellipses", "trails off in dots", "does not trail off in dots"),
    feature("hashtags", "uses hashtags", "uses no hashtags"),
    feature("mentions", "mentions accounts with @", "mentions no accounts"),
    feature("symbols", "uses symbols such as = or &", "uses no symbols"),
    feature("emoji", "uses emoji", "uses no emoji"),
    feature("links", "contains links", "contains no links"),
    feature("digits", "contains many digits", "contains few digits"),
    feature("word length", "uses long words", "uses short words"),
    feature("share of long words", "has many long words", "has few long words"),
    feature("share of short words", "has many short words", "has few short words"),
    feature("sentence length", "has long sentences", "has short sentences"),
    feature("variety of words", "hardly repeats words", "repeats words"),
    feature("repeated pairs of words", "repeats phrases", "does not repeat phrases"),
    feature("repeated line starts", "begins lines alike", "begins lines in different ways"),
    feature("rhymes", "has lines that rhyme", "has no lines that rhyme"),
    feature("contractions", "shortens words with apostrophes", "writes words in full"),
    feature("stretched words", "stretches words (sooo)", "does not stretch words"),
    feature("function words", "writes in full sentences", "leaves out small words"),
    feature("first person", "speaks of I or we", "does not speak of I or we"),
    feature("second person", "addresses the reader as you", "does not address the reader"),
    feature("numbered or bulleted lines", "lists its points", "does not list points"),
];

/// One number a feature; none where it cannot be told of a text (casing in Chinese, rhymes in one line).
pub(super) type Counted = [Option<f32>; FEATURES.len()];

/// Words for oneself and for the reader.
const PERSONS: [(Lang, &str, &str); 11] = [
    (
        Lang::Eng,
        "i me my mine myself we us our ours ourselves i'm i've i'd i'll we're we've we'll we'd",
        "you your yours yourself yourselves you're you've you'll you'd u ur",
    ),
    (
        Lang::Deu,
        "ich mich mir mein meine meinen meinem meiner wir uns unser unsere unseren",
        "du dich dir dein deine deinen deinem deiner euch euer eure",
    ),
    (Lang::Fra, "je j me m moi mon ma mes nous notre nos", "tu te t toi ton ta tes vous votre vos"),
    (
        Lang::Spa,
        "yo me mi mis mí mío mía nosotros nosotras nos nuestro nuestra nuestros nuestras",
        "tú te ti tu tus usted ustedes vosotros vuestro vuestra os",
    ),
    (
        Lang::Ita,
        "io me mi mio mia miei mie noi ci nostro nostra nostri",
        "tu te ti tuo tua tuoi tue voi vi vostro vostra",
    ),
    (
        Lang::Por,
        "eu me mim meu minha meus minhas nós nosso nossa nossos",
        "tu te ti teu tua você vocês seu sua",
    ),
    (Lang::Nld, "ik me mij mijn wij we ons onze", "jij je jou jouw jullie u uw"),
    (Lang::Swe, "jag mig min mitt mina vi oss vår vårt våra", "du dig din ditt dina ni er ert era"),
    (Lang::Dan, "jeg mig min mit mine vi os vores", "du dig din dit dine i jer jeres"),
    (Lang::Nob, "jeg meg min mitt mine vi oss vår vårt våre", "du deg din ditt dine dere deres"),
    (
        Lang::Rus,
        "я меня мне мной мой моя мои мы нас нам наш наша наши",
        "ты тебя тебе твой твоя вы вас вам ваш ваша ваши",
    ),
];

/// What of a language tells about style.
pub(super) struct LanguageWords {
    /// What holds its sentences together; empty where no list is known.
    pub(super) binding: &'static HashSet<&'static str>,
    /// Empty where they are not known.
    pub(super) first: HashSet<&'static str>,
    pub(super) second: HashSet<&'static str>,
}

impl LanguageWords {
    fn of(language: Lang) -> Self {
        let persons = PERSONS.iter().find(|(known, ..)| *known == language);
        let set = |words: &'static str| words.split_whitespace().collect();
        Self {
            binding: stop_words(language),
            first: persons.map(|(_, first, _)| set(first)).unwrap_or_default(),
            second: persons.map(|(.., second)| set(second)).unwrap_or_default(),
        }
    }

    /// Of some languages.
    pub(super) fn of_all(languages: impl IntoIterator<Item = Lang>) -> HashMap<u8, Self> {
        languages.into_iter().map(|language| (language as u8, Self::of(language))).collect()
    }
}
