//! Words that say nothing about a topic, by language.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex, PoisonError};

use whatlang::Lang;

/// What the English list lacks: auxiliaries, and what one says in questions and in abstracts whatever the topic.
const MORE_ENGLISH: &str = "able almost along already also although always among another anyone anything around away \
    became become becomes begin behind besides best better beyond came can't cannot certain come comes could despite \
    done due either else enough especially etc even ever every everyone everything far fewer first five following \
    four gave get gets getting give given gives go goes going gone good got gotten hence hi hello help however i.e \
    e.g ie eg if indeed instead keep keeps kept know known last later least less let lets like likely look looking \
    made mainly make makes making many may maybe mean means might mine moreover mostly much must namely near need \
    needed needs neither never nevertheless new next nobody none nonetheless nothing novel often ok okay one ones \
    onto others otherwise per perhaps please possible propose proposed provide provided quite rather really recent \
    recently regarding say says second see seem seems seen several shall show shows shown simply since so-called \
    someone something sometimes somewhere soon still sure take taken takes taking tell thank thanks therefore though \
    three thus today together took toward towards tried tries try trying two unless unlike upon us use used uses \
    using usually various via want wanted wants way ways well went whatever whenever whereas wherever whether \
    whichever whose within without would yes yet i'm i've i'd i'll you're you've it's that's what's don't doesn't \
    didn't won't isn't aren't wasn't";

/// The single characters that hold Chinese sentences together: no phrase starts or ends with one.
const CHINESE_PARTICLES: &str =
    "的了是在和与及或也都就而但被把从到对为于以之其这那有我你他她它们不一个很会要能可让吗呢吧啊";

/// The ISO 639-1 code under which stop words of a language are listed.
fn code(language: Lang) -> Option<&'static str> {
    Some(match language {
        Lang::Afr => "af",
        Lang::Ara => "ar",
        Lang::Aze => "az",
        Lang::Bel => "be",
        Lang::Ben => "bn",
        Lang::Bul => "bg",
        Lang::Cat => "ca",
        Lang::Ces => "cs",
        Lang::Cmn => "zh",
        Lang::Dan => "da",
        Lang::Deu => "de",
        Lang::Ell => "el",
        Lang::Eng => "en",
        Lang::Epo => "eo",
        Lang::Est => "et",
        Lang::Fin => "fi",
        Lang::Fra => "fr",
        Lang::Guj => "gu",
        Lang::Heb => "he",
        Lang::Hin => "hi",
        Lang::Hrv => "hr",
        Lang::Hun => "hu",
        Lang::Hye => "hy",
        Lang::Ind => "id",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Lat => "la",
        Lang::Lav => "lv",
        Lang::Lit => "lt",
        Lang::Mar => "mr",
        Lang::Nep => "ne",
        Lang::Nld => "nl",
        Lang::Nob => "no",
        Lang::Pes => "fa",
        Lang::Pol => "pl",
        Lang::Por => "pt",
        Lang::Ron => "ro",
        Lang::Rus => "ru",
        Lang::Slk => "sk",
        Lang::Slv => "sl",
        Lang::Spa => "es",
        Lang::Srp => "hr",
        Lang::Swe => "sv",
        Lang::Tam => "ta",
        Lang::Tgl => "tl",
        Lang::Tha => "th",
        Lang::Tur => "tr",
        Lang::Ukr => "uk",
        Lang::Urd => "ur",
        Lang::Uzb => "uz",
        Lang::Vie => "vi",
        Lang::Zul => "zu",
        _ => return None,
    })
}

/// The lower-case stop words of `language`; empty where no list is known, and then only class TF-IDF's weights
/// keep empty words out of names.
pub fn stop_words(language: Lang) -> &'static HashSet<&'static str> {
    static LISTS: LazyLock<Mutex<HashMap<u8, &'static HashSet<&'static str>>>> =
        LazyLock::new(Mutex::default);
    let mut lists = LISTS.lock().unwrap_or_else(PoisonError::into_inner);
    // One set a language for the life of the program.
    lists.entry(language as u8).or_insert_with(|| Box::leak(Box::new(list(language))))
}

/// The published list of a language's commonest words, without ours; empty where none is known.
pub(super) fn published(language: Lang) -> &'static [&'static str] {
    code(language).and_then(stop_words::lookup).unwrap_or_default()
}

fn list(language: Lang) -> HashSet<&'static str> {
    let mut words: HashSet<&'static str> = published(language).iter().copied().collect();
    match language {
        Lang::Eng => words.extend(MORE_ENGLISH.split_whitespace()),
        Lang::Cmn => words.extend(characters(CHINESE_PARTICLES)),
        _ => {}
    }
    words
}

fn characters(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.char_indices().map(move |(at, c)| &text[at..at + c.len_utf8()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_fifteen_languages_have_their_commonest_words_listed() {
        for (language, word) in [
            (Lang::Eng, "the"),
            (Lang::Deu, "und"),
            (Lang::Fra, "avec"),
            (Lang::Spa, "pero"),
            (Lang::Ita, "che"),
            (Lang::Por, "não"),
            (Lang::Nld, "het"),
            (Lang::Swe, "och"),
            (Lang::Dan, "ikke"),
            (Lang::Nob, "ikke"),
            (Lang::Fin, "että"),
            (Lang::Pol, "jest"),
            (Lang::Ces, "který"),
            (Lang::Rus, "что"),
            (Lang::Ukr, "що"),
            (Lang::Ell, "και"),
            (Lang::Tur, "için"),
            (Lang::Hun, "hogy"),
            (Lang::Ron, "este"),
            (Lang::Ara, "على"),
            (Lang::Heb, "אני"),
            (Lang::Hin, "और"),
            (Lang::Ind, "yang"),
            (Lang::Vie, "không"),
            (Lang::Cmn, "的"),
            (Lang::Jpn, "これ"),
            (Lang::Kor, "그리고"),
        ] {
            assert!(stop_words(language).contains(word), "{language} lacks {word}");
        }
    }

    #[test]
    fn words_that_name_topics_are_no_stop_words() {
        for word in
            ["computer", "text", "face", "ai", "fire", "problem", "website", "test", "card", "research"]
        {
            assert!(!stop_words(Lang::Eng).contains(word), "{word}");
        }
    }

    #[test]
    fn every_listed_language_has_a_list() {
        let missing: Vec<_> =
            Lang::all().iter().filter(|l| code(**l).is_some() && stop_words(**l).is_empty()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
