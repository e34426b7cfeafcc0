//! Which languages texts are written in.

use std::collections::BTreeMap;

use whatlang::{Detector, Lang};

/// Longer texts are judged by this many bytes of their beginning.
const LOOKED_AT: usize = 600;
/// Below this many letters a guess is worth little.
const LETTERS_NEEDED: usize = 12;
/// A language with a smaller share is taken for a misreading.
const MAIN_SHARE: f32 = 0.02;

/// A text's language and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detected {
    pub language: Lang,
    /// In [0, 1].
    pub confidence: f64,
}

/// A language and its share of a corpus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LanguageShare {
    pub language: Lang,
    /// In (0, 1], of the texts whose language is plain.
    pub share: f32,
}

/// The languages of a corpus, most frequent first, and a detector that chooses among them only: with few languages
/// to choose from even short texts are told apart.
pub struct CorpusLanguages {
    pub shares: Vec<LanguageShare>,
    detector: Detector,
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(LOOKED_AT)]
}

fn has_letters(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphabetic()).nth(LETTERS_NEEDED - 1).is_some()
        // A few ideographs say as much as many letters.
        || text.chars().filter(|&c| is_ideographic(c)).nth(LETTERS_NEEDED / 4 - 1).is_some()
}

/// Han, kana and their like, written without spaces between words.
pub fn is_ideographic(c: char) -> bool {
    matches!(u32::from(c), 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3134F)
}

/// The language of one text, among all that are known; `None` where there are too few letters.
pub fn detect(text: &str) -> Option<Detected> {
    detect_by(&Detector::new(), text)
}

fn detect_by(detector: &Detector, text: &str) -> Option<Detected> {
    let text = beginning(text);
    if !has_letters(text) {
        return None;
    }
    let info = detector.detect(text)?;
    Some(Detected { language: info.lang(), confidence: info.confidence() })
}

/// The weights of each language in shares of their sum, the greatest first and without the least.
fn shares(weighed: impl Iterator<Item = (Lang, f32)>) -> Vec<LanguageShare> {
    let mut weights = BTreeMap::<u8, (Lang, f32)>::new();
    weighed
        .for_each(|(language, weight)| weights.entry(language as u8).or_insert((language, 0.0)).1 += weight);
    let total: f32 = weights.values().map(|(_, weight)| weight).sum();
    let mut shares: Vec<LanguageShare> = weights
        .into_values()
        .map(|(language, weight)| LanguageShare { language, share: weight / total })
        .filter(|found| found.share >= MAIN_SHARE)
        .collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    shares
}

impl CorpusLanguages {
    /// Finds the main languages from a sample of the texts.
    pub fn of<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Self {
        let all = Detector::new();
        let looked_at = |text: &S| has_letters(text.as_ref()).then(|| beginning(text.as_ref()).to_owned());
        let texts: Vec<String> = texts.into_iter().filter_map(|text| looked_at(&text)).collect();
        // Misreadings are many, unlike each other and unsure: squares keep them low.
        let guessed = shares(texts.iter().filter_map(|text| {
            let detected = detect_by(&all, text)?;
            Some((detected.language, (detected.confidence * detected.confidence) as f32))
        }));
        // Among the languages that are left, every text is looked at again.
        let among = |shares: &[LanguageShare]| {
            Detector::with_allowlist(shares.iter().map(|found| found.language).collect())
        };
        let detector = among(&guessed);
        let shares =
            shares(texts.iter().filter_map(|text| Some((detect_by(&detector, text)?.language, 1.0))));
        Self { detector: among(&shares), shares }
    }

    /// The language of one of the corpus's texts: the commonest one where the text itself does not tell; `None`
    /// where the corpus has none.
    pub fn of_text(&self, text: &str) -> Option<Lang> {
        let commonest = self.shares.first()?.language;
        if self.shares.len() == 1 {
            return Some(commonest);
        }
        Some(detect_by(&self.detector, text).map_or(commonest, |detected| detected.language))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "The weather was so fine that everybody went outside to sit in the garden.";
    const GERMAN: &str = "Das Wetter war so schön, dass alle nach draußen gingen und im Garten saßen.";

    #[test]
    fn plain_sentences_are_recognised() {
        for (text, language) in [
            (ENGLISH, Lang::Eng),
            (GERMAN, Lang::Deu),
            ("Il faisait si beau que tout le monde est sorti s'asseoir dans le jardin.", Lang::Fra),
            ("Погода была такой хорошей, что все вышли посидеть в саду.", Lang::Rus),
            ("今天天气很好，大家都到花园里坐着聊天。", Lang::Cmn),
            ("天気がとても良かったので、みんな庭に出て座りました。", Lang::Jpn),
        ] {
            assert_eq!(detect(text).map(|d| d.language), Some(language), "{text}");
        }
    }

    #[test]
    fn too_few_letters_have_no_language() {
        assert_eq!(detect("42 :-) ok"), None);
    }

    #[test]
    fn the_main_languages_come_with_their_shares_and_steer_short_texts() {
        let texts = [ENGLISH, ENGLISH, ENGLISH, GERMAN];
        let languages = CorpusLanguages::of(texts);
        assert_eq!(languages.shares[0], LanguageShare { language: Lang::Eng, share: 0.75 });
        assert_eq!(languages.shares[1], LanguageShare { language: Lang::Deu, share: 0.25 });
        assert_eq!(languages.of_text("Wo ist meine neue Karte?"), Some(Lang::Deu));
        assert_eq!(languages.of_text("?"), Some(Lang::Eng));
    }

    #[test]
    fn a_corpus_of_short_english_questions_is_english() {
        let texts = [
            "I am still waiting on my card?",
            "What can I do if my card still hasn't arrived after 2 weeks?",
            "I have been waiting over a week. Is the card still coming?",
            "Can I track my card while it is in the process of delivery?",
        ];
        assert_eq!(CorpusLanguages::of(texts).shares[0].language, Lang::Eng);
    }

    #[test]
    fn a_corpus_without_texts_has_no_language() {
        assert_eq!(CorpusLanguages::of([""; 3]).of_text("x"), None);
    }
}
