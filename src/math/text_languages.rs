//! The language of every text of a corpus, also of short ones.
//!
//! Three things are weighed as likelihoods (naive Bayes): the commonest words of each language and the letters that it
//! does not write, which tell more about a title than trigrams do; trigrams (whatlang) where these do not decide; and
//! how many texts of the corpus are plainly in each language, which keeps a title of two names from being taken for
//! Latin. Scripts of one language decide alone.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use rayon::prelude::*;
use whatlang::{Detector, Lang, detect_script};

use super::alphabets::LETTERS;
use super::language::{Detected, is_ideographic};
use super::stop_words::published;
use crate::job::{Cancelled, Ctx};

/// Longer texts are judged by this many bytes of their beginning.
const LOOKED_AT: usize = 600;
/// Texts that one task looks at.
const BATCH: usize = 256;
/// Below this many letters nothing is said (a few are a formula or a face drawn with signs); ideographs and kana say
/// more each.
const FEWEST_LETTERS: usize = 5;
const FEWEST_SIGNS: usize = 2;
/// So many letters an ideograph or a syllable is worth.
const SIGN_LETTERS: usize = 2;
/// The share of a text's words that a language's list holds, about a half in any language: it is spread evenly over
/// the list.
const LISTED_SHARE: f32 = 0.45;
/// How often a word that a language does not list turns up in it (as a name, a title, a loan).
const STRAY_SHARE: f32 = 1e-4;
/// A list's word of one letter may be an initial or a formula: it counts this much.
const ONE_LETTER: f32 = 0.3;
/// What a letter that a language does not write says against it: names bring some, outside Latin script fewer.
const FOREIGN_LETTER: f32 = 3.0;
const FOREIGN_OUTSIDE_LATIN: f32 = 6.0;
const OUTSIDE_LATIN: char = '\u{400}';
/// A language that is at least this likely is plain, by its words or after all.
const PLAIN: f64 = 0.99;
/// What is less likely is not said.
const LIKELY: f64 = 0.6;
/// The least share of a corpus that any language may have: a text among thousands in another language is found when
/// it has three common words of its own.
const LEAST_SHARE: f32 = 1e-3;
/// In so many letters trigrams are sure; in fewer they count in proportion.
const TRIGRAM_LETTERS: usize = 100;
/// What sure trigrams weigh (a natural logarithm of odds).
const TRIGRAM_WEIGHT: f32 = 10.0;
/// Languages are rivals where their scores are closer than this.
const RIVAL: f32 = 5.0;
/// From so many letters on, a text without a common word of its supposed language is compared with all languages.
const ODD_LETTERS: usize = 40;

/// The name that English readers know a language by.
pub fn english_name(language: Lang) -> &'static str {
    match language {
        Lang::Cmn => "Chinese",
        Lang::Nob => "Norwegian",
        Lang::Pes => "Persian",
        other => other.eng_name(),
    }
}

/// Likelihoods by language: logarithms up to a constant.
type Scores = [f32; LANGUAGES];
const NOTHING: Scores = [0.0; LANGUAGES];
/// More than whatlang knows; as many as bits of a `u128`.
const LANGUAGES: usize = 128;
/// What each character says for Chinese where none is kana: Japanese names have none, sentences have.
const NO_KANA: f32 = 0.5;
const NO_KANA_MOST: f32 = 10.0;

/// The common words and the letters of all languages.
struct Marks {
    /// The languages that list a word, as bits.
    listed: HashMap<Box<str>, u128>,
    /// What a word of its list says for a language.
    weights: Scores,
    /// The languages that write a letter of [`LETTERS`], as bits.
    written: HashMap<char, u128>,
}

impl Marks {
    fn get() -> &'static Self {
        static MARKS: LazyLock<Marks> = LazyLock::new(Marks::new);
        &MARKS
    }

    fn new() -> Self {
        let mut listed = HashMap::<Box<str>, u128>::new();
        let mut weights = NOTHING;
        for &language in Lang::all() {
            let words = published(language);
            weights[language as usize] =
                (LISTED_SHARE / words.len().max(1) as f32 / STRAY_SHARE).ln().max(0.0);
            for word in words {
                *listed.entry(word.to_lowercase().into()).or_default() |= 1 << language as usize;
            }
        }
        let mut written = HashMap::<char, u128>::new();
        for (language, letters) in LETTERS {
            letters.chars().for_each(|c| *written.entry(c).or_default() |= 1 << language as usize);
        }
        Self { listed, weights, written }
    }

    /// What the different words and letters of `text` say for each language.
    fn scores(&self, text: &str) -> Scores {
        let mut scores = NOTHING;
        let mut seen = BTreeSet::new();
        let mut lower = String::new();
        let shouted = !text.chars().any(char::is_lowercase);
        let mut see = |word: &str| {
            lower.clear();
            lower.extend(word.chars().flat_map(char::to_lowercase));
            // "CIA" is no Esperanto.
            if !shouted && is_acronym(word) {
                return;
            }
            let Some((word, &languages)) = self.listed.get_key_value(lower.as_str()) else { return };
            if !seen.insert(word) {
                return;
            }
            let factor = if word.chars().nth(1).is_none() { ONE_LETTER } else { 1.0 };
            let mut left = languages;
            while left != 0 {
                let language = left.trailing_zeros() as usize;
                scores[language] += factor * self.weights[language];
                left &= left - 1;
            }
        };
        let apostrophe = |c: char| matches!(c, '\'' | '’');
        // Marks belong to the letters of Indian scripts.
        let inside = |c: char| {
            c.is_alphabetic() || apostrophe(c) || matches!(c, '\u{300}'..='\u{36F}' | '\u{900}'..='\u{DFF}')
        };
        for word in text.split(|c| !inside(c)).map(|word| word.trim_matches(apostrophe)) {
            see(word);
            // "l'eau", "don't".
            if word.contains(apostrophe) {
                word.split(apostrophe).for_each(&mut see);
            }
        }
        let mut foreign = BTreeSet::new();
        for c in text.chars().filter(|c| !c.is_ascii()).flat_map(char::to_lowercase) {
            if let Some(languages) = self.written.get(&c).filter(|_| foreign.insert(c)) {
                let against = if c < OUTSIDE_LATIN { FOREIGN_LETTER } else { FOREIGN_OUTSIDE_LATIN };
                for (_, score) in
                    scores.iter_mut().enumerate().filter(|(language, _)| languages >> language & 1 == 0)
                {
                    *score -= against;
                }
            }
        }
        scores
    }
}

/// Whether a word is all in capitals.
pub(super) fn is_acronym(word: &str) -> bool {
    word.chars().nth(1).is_some() && word.chars().all(char::is_uppercase)
}

/// What a text shows before the rest of the corpus is known.
struct Evidence<'a> {
    text: &'a str,
    letters: usize,
    /// What common words and signs say, by language of the text's script.
    scores: Vec<(Lang, f32)>,
}

impl<'a> Evidence<'a> {
    /// `None` where there is too little to say anything.
    fn of(text: &'a str) -> Option<Self> {
        let text = &text[..text.floor_char_boundary(LOOKED_AT)];
        // Without marks such as "・", which stand among the kana.
        let count = |of: fn(char) -> bool| text.chars().filter(|&c| c.is_alphabetic() && of(c)).count();
        let letters = count(|_| true);
        let kana = count(|c| matches!(c, '\u{3041}'..='\u{30FF}'));
        let signs = count(is_ideographic);
        // "用GPT-4进行fine-tuning" is Chinese.
        if signs >= FEWEST_SIGNS && signs * SIGN_LETTERS >= letters - signs {
            let chinese = (NO_KANA * signs as f32).min(NO_KANA_MOST);
            let scores =
                if kana > 0 { vec![(Lang::Jpn, 0.0)] } else { vec![(Lang::Cmn, chinese), (Lang::Jpn, 0.0)] };
            return Some(Self { text, letters, scores });
        }
        let script = detect_script(text)?;
        if letters < FEWEST_LETTERS {
            return None;
        }
        let by_words = if script.langs().len() == 1 { NOTHING } else { Marks::get().scores(text) };
        let scores = script.langs().iter().map(|&language| (language, by_words[language as usize])).collect();
        Some(Self { text, letters, scores })
    }

    /// The languages by their likelihood times what the corpus and trigrams say, the likeliest first.
    fn ranked(&self, prior: &Scores, trigrams: Option<(Lang, f32)>) -> Vec<(Lang, f32)> {
        let by_trigrams =
            |language| trigrams.filter(|(found, _)| *found == language).map_or(0.0, |(_, weight)| weight);
        let score = |&(language, by_words): &(Lang, f32)| {
            (language, by_words + by_trigrams(language) + prior[language as usize])
        };
        let mut ranked: Vec<(Lang, f32)> = self.scores.iter().map(score).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked
    }

    /// One of the languages by trigrams, and what they say for it.
    fn trigrams(&self, detector: &Detector) -> Option<(Lang, f32)> {
        let info = detector.detect(self.text)?;
        let length = (self.letters as f32 / TRIGRAM_LETTERS as f32).min(1.0);
        Some((info.lang(), TRIGRAM_WEIGHT * info.confidence() as f32 * length))
    }

    /// Whether the text is long and has no common word of the language.
    fn is_odd_as(&self, language: Lang) -> bool {
        let words = self.scores.iter().find(|(other, _)| *other == language).map_or(0.0, |(_, words)| *words);
        self.letters >= ODD_LETTERS && words <= 0.0
    }

    /// The likeliest language, by trigrams as well where common words leave rivals and the text has so many letters.
    fn judged(&self, prior: &Scores, letters_for_trigrams: usize) -> Option<Detected> {
        let by_words = self.ranked(prior, None);
        let &(first, most) = by_words.first()?;
        let odd = self.is_odd_as(first);
        let rivals: Vec<Lang> = by_words
            .iter()
            .take_while(|(_, score)| odd || most - score < RIVAL)
            .map(|(language, _)| *language)
            .collect();
        if rivals.len() == 1 || self.letters < letters_for_trigrams {
            return likeliest(&by_words);
        }
        likeliest(&self.ranked(prior, self.trigrams(&Detector::with_allowlist(rivals))))
    }
}

/// The first of ranked languages and its probability.
fn likeliest(ranked: &[(Lang, f32)]) -> Option<Detected> {
    let &(language, most) = ranked.first()?;
    let total: f32 = ranked.iter().map(|(_, score)| (score - most).exp()).sum();
    Some(Detected { language, confidence: f64::from(1.0 / total) })
}

/// The language of each of `n` texts, and how likely it is; `None` where a text has too few letters or several
/// languages are about as likely.
pub fn text_languages<'a, F>(n: usize, text: F, ctx: &Ctx) -> Result<Vec<Option<Detected>>, Cancelled>
where
    F: Fn(usize) -> Cow<'a, str> + Sync,
{
    ctx.progress.begin("Telling languages apart", "texts", 2 * n as u64, 0);
    let each = |judge: &(dyn Fn(&Evidence) -> Option<Detected> + Sync)| {
        let starts: Vec<usize> = (0..n).step_by(BATCH).collect();
        let batches = starts.into_par_iter().map(|start| {
            ctx.cancel.check()?;
            let batch = start..(start + BATCH).min(n);
            ctx.progress.advance(batch.len() as u64);
            Ok(batch.map(|at| Evidence::of(&text(at)).and_then(|found| judge(&found))).collect::<Vec<_>>())
        });
        Ok::<_, Cancelled>(batches.collect::<Result<Vec<_>, _>>()?.concat())
    };
    let alone = each(&|found| found.judged(&NOTHING, TRIGRAM_LETTERS))?;
    let prior = prior(alone.into_iter().flatten());
    let mut languages = each(&|found| found.judged(&prior, 0))?;
    for language in &mut languages {
        *language = language.filter(|found| found.confidence >= LIKELY);
    }
    Ok(languages)
}

/// Logarithms of the languages' shares of the texts that are plainly in one.
fn prior(alone: impl Iterator<Item = Detected>) -> Scores {
    let mut counts = [0usize; LANGUAGES];
    alone.filter(|found| found.confidence >= PLAIN).for_each(|found| counts[found.language as usize] += 1);
    let total: usize = counts.iter().sum();
    counts.map(|count| (count as f32 / total.max(1) as f32).max(LEAST_SHARE).ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn detected(texts: &[&str]) -> Vec<Option<Detected>> {
        text_languages(texts.len(), |at| Cow::Borrowed(texts[at]), &Ctx::quiet()).unwrap()
    }

    fn languages(texts: &[&str]) -> Vec<Option<Lang>> {
        detected(texts).into_iter().map(|found| found.map(|found| found.language)).collect()
    }

    const TITLES: [&str; 8] = [
        "Oil prices soar to all-time record",
        "Intel gives Centrino chip line a wireless upgrade",
        "Hurricane Frances nears NE Caribbean",
        "The weather was so fine that everybody went outside",
        "Why has my card not arrived yet?",
        "Goss gets Senate panel's OK for CIA post",
        "Stocks end up, but near year lows",
        "US Treasuries cut early gains on jobless drop",
    ];

    #[test]
    fn short_questions_in_many_languages_are_told_apart() {
        let known = [
            (Lang::Eng, "Why hasn't my card arrived yet?"),
            (Lang::Deu, "Warum ist meine Karte noch nicht da?"),
            (Lang::Fra, "Pourquoi ma carte n'est pas encore arrivée ?"),
            (Lang::Spa, "¿Por qué todavía no ha llegado mi tarjeta?"),
            (Lang::Ita, "Perché la mia carta non è ancora arrivata?"),
            (Lang::Por, "Por que o meu cartão ainda não chegou?"),
            (Lang::Nld, "Waarom is mijn kaart nog niet aangekomen?"),
            (Lang::Swe, "Varför har mitt kort inte kommit än?"),
            (Lang::Pol, "Dlaczego moja karta jeszcze nie przyszła?"),
            (Lang::Ces, "Proč moje karta ještě nepřišla?"),
            (Lang::Hun, "Miért nem érkezett meg még a kártyám?"),
            (Lang::Tur, "Kartım neden hâlâ gelmedi?"),
            (Lang::Vie, "Tại sao thẻ của tôi vẫn chưa đến?"),
            (Lang::Rus, "Почему моя карта ещё не пришла?"),
            (Lang::Ell, "Γιατί δεν έχει έρθει ακόμα η κάρτα μου;"),
            (Lang::Heb, "למה הכרטיס שלי עדיין לא הגיע?"),
            (Lang::Ara, "لماذا لم تصل بطاقتي بعد؟"),
            (Lang::Hin, "मेरा कार्ड अभी तक क्यों नहीं आया?"),
            (Lang::Tha, "ทำไมบัตรของฉันยังไม่มา"),
            (Lang::Kor, "왜 제 카드가 아직 안 왔나요?"),
            (Lang::Jpn, "なぜ私のカードはまだ届かないのですか"),
            (Lang::Cmn, "为什么我的卡还没到？"),
        ];
        let found = languages(&known.map(|(_, text)| text));
        for ((language, text), found) in known.iter().zip(found) {
            assert_eq!(found, Some(*language), "{text}");
        }
    }

    #[test]
    fn a_title_of_names_is_not_taken_for_a_far_language_in_an_english_corpus() {
        assert_eq!(languages(&TITLES), [Some(Lang::Eng); 8]);
    }

    #[test]
    fn one_foreign_title_among_many_english_ones_is_found() {
        let mut texts = TITLES.repeat(40);
        texts.push("Warum ist meine Karte noch nicht da?");
        texts.push("为什么我的卡还没到？");
        let found = languages(&texts);
        assert_eq!(found[320..], [Some(Lang::Deu), Some(Lang::Cmn)]);
        assert!(found[..320].iter().all(|language| *language == Some(Lang::Eng)));
    }

    #[test]
    fn characters_that_two_languages_write_are_read_as_the_corpus_reads_them() {
        let japanese = ["天気がとても良かったので、みんな庭に出て座りました。"; 20];
        let chinese = ["今天天气很好，大家都到花园里坐着聊天。"; 20];
        let name = ["日本経済新聞社"];
        assert_eq!(languages(&[&japanese[..], &name].concat())[20], Some(Lang::Jpn));
        assert_eq!(languages(&[&chinese[..], &name].concat())[20], Some(Lang::Cmn));
        assert_eq!(languages(&["使用Transformer模型进行文本分类"]), [Some(Lang::Cmn)]);
    }

    #[test]
    fn nothing_is_said_where_there_is_nothing_to_go_by() {
        assert_eq!(languages(&["", "42 :-)", "ok", "Zorblax Quintar", "Ψ(◇)Ψ ππ"]), [None; 5]);
    }

    #[test]
    fn shouting_and_acronyms_do_not_hide_the_language() {
        assert_eq!(languages(&["WHY HAS MY CARD NOT ARRIVED YET?"]), [Some(Lang::Eng)]);
        assert_eq!(languages(&["WARUM IST MEINE KARTE NOCH NICHT DA?"]), [Some(Lang::Deu)]);
        assert_eq!(languages(&["The CIA and the EU"]), [Some(Lang::Eng)]);
    }

    #[test]
    fn longer_texts_are_surer() {
        let found = detected(&["Ma carte?", "Pourquoi ma carte n'est-elle pas encore arrivée chez moi ?"]);
        assert!(found[1].is_some_and(|found| found.confidence > 0.99));
        assert!(found[0].is_none_or(|found| found.confidence < 0.99));
    }

    #[test]
    fn every_language_has_a_name_in_english() {
        assert_eq!(english_name(Lang::Cmn), "Chinese");
        assert!(Lang::all().iter().all(|language| english_name(*language).is_ascii()));
        assert!(Lang::all().len() <= LANGUAGES);
    }

    /// Needs the collection of goals beside the repository; says so where it is missing.
    #[test]
    fn four_languages_of_generated_texts_are_told_apart() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/goalex/syngoalex/language");
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
        let (Some(data), Some(labels)) = (read("data.json"), read("labels.json")) else {
            return println!("skipped: {} is not there", folder.display());
        };
        let data: serde_json::Value = serde_json::from_str(&data).unwrap();
        let labels: serde_json::Value = serde_json::from_str(&labels).unwrap();
        let texts: Vec<&str> = data["texts"].as_array().unwrap().iter().filter_map(|t| t.as_str()).collect();
        let gold = labels["labels"].as_array().unwrap().iter().filter_map(|label| label.as_u64());
        let classes = [Lang::Eng, Lang::Fra, Lang::Deu, Lang::Spa];
        let right = languages(&texts)
            .iter()
            .zip(gold)
            .filter(|(l, gold)| **l == Some(classes[*gold as usize]))
            .count();
        assert!(right as f64 > 0.98 * texts.len() as f64, "{right} of {}", texts.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_text_has_one_language_with_a_probability_or_none(texts in prop::collection::vec(r"\PC{0,40}|[a-zé ,']{0,80}|[а-яёі ]{0,30}|[・゠ーア]{0,6}", 0..6)) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let found = detected(&texts);
            prop_assert_eq!(found.len(), texts.len());
            prop_assert!(found.iter().flatten().all(|found| (LIKELY..=1.0).contains(&found.confidence)));
        }
    }
}
