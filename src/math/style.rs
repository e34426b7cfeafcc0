//! The view of a corpus by how its texts are written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rayon::prelude::*;
use whatlang::Lang;

use super::style_counts::counted;
use super::style_features::{Counted, LanguageWords};
pub use super::style_features::{FEATURES, Feature};
use crate::job::{Cancelled, Ctx};

/// No feature counts for more than this many standard deviations: a text with forty exclamation marks is no farther
/// away than one with five.
const CLIP: f32 = 3.0;
/// Texts that one task counts.
const BATCH: usize = 256;

/// How each text of a corpus is written, beside the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// `n` rows of [`FEATURES`]`.len()` numbers: standard deviations above or below the mean of the corpus (or of the
    /// text's group), clipped at ±3; 0 where a feature cannot be told of a text.
    pub values: Vec<f32>,
}

impl Style {
    /// One text's numbers.
    pub fn row(&self, text: usize) -> &[f32] {
        &self.values[text * FEATURES.len()..][..FEATURES.len()]
    }

    /// What some texts have in common, most marked first: each feature with the mean of their numbers.
    pub fn marks(&self, texts: &[u32]) -> Vec<(Feature, f32)> {
        let mut sums = [0.0f64; FEATURES.len()];
        for &text in texts {
            sums.iter_mut().zip(self.row(text as usize)).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let mean = |sum: f64| (sum / texts.len().max(1) as f64) as f32;
        let mut marks: Vec<(Feature, f32)> =
            FEATURES.into_iter().zip(sums).map(|(feature, sum)| (feature, mean(sum))).collect();
        marks.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        marks
    }
}

/// Counts the features of `n` texts and standardises them.
///
/// `language` is what is known of each text's language: function words and persons are counted only where it is
/// known. Where `groups` are given (one number a text: its language, its source), each is held against its own group's
/// mean, so that clusters of the rows are not those groups again.
pub fn style<'a, F>(
    n: usize,
    text: F,
    language: impl Fn(usize) -> Option<Lang> + Sync,
    groups: Option<&[u32]>,
    ctx: &Ctx,
) -> Result<Style, Cancelled>
where
    F: Fn(usize) -> Cow<'a, str> + Sync,
{
    ctx.progress.begin("Counting features of style", "texts", n as u64, 0);
    let known = LanguageWords::of_all((0..n).filter_map(&language));
    let starts: Vec<usize> = (0..n).step_by(BATCH).collect();
    let batches = starts.into_par_iter().map(|start| {
        ctx.cancel.check()?;
        let batch = start..(start + BATCH).min(n);
        ctx.progress.advance(batch.len() as u64);
        let words = |at: usize| language(at).and_then(|language| known.get(&(language as u8)));
        Ok(batch.map(|at| counted(&text(at), words(at))).collect::<Vec<_>>())
    });
    let counts = batches.collect::<Result<Vec<_>, Cancelled>>()?.concat();
    let mut values = vec![0.0; n * FEATURES.len()];
    for feature in 0..FEATURES.len() {
        standardise(&counts, feature, groups, &mut values);
    }
    Ok(Style { values })
}

/// Writes one column: the distance from the mean of the text's group in standard deviations, clipped.
fn standardise(counts: &[Counted], feature: usize, groups: Option<&[u32]>, values: &mut [f32]) {
    let group = |text: usize| groups.and_then(|groups| groups.get(text)).copied().unwrap_or(0);
    let told =
        || counts.iter().enumerate().filter_map(|(text, counted)| Some((text, f64::from(counted[feature]?))));
    let mut sums = BTreeMap::<u32, (f64, usize)>::new();
    for (text, value) in told() {
        let (sum, count) = sums.entry(group(text)).or_default();
        *sum += value;
        *count += 1;
    }
    let mean = |text: usize| sums.get(&group(text)).map_or(0.0, |(sum, count)| sum / *count as f64);
    let squares: f64 = told().map(|(text, value)| (value - mean(text)).powi(2)).sum();
    let count = told().count().max(1);
    let deviation = (squares / count as f64).sqrt();
    // What all texts share tells none apart.
    if deviation < 1e-6 {
        return;
    }
    for (text, value) in told() {
        let standard = ((value - mean(text)) / deviation) as f32;
        values[text * FEATURES.len() + feature] = standard.clamp(-CLIP, CLIP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Matrix};
    use crate::math::kmeans::{KMeansParams, kmeans};
    use crate::math::text_languages::text_languages;
    use proptest::prelude::*;

    const N: usize = FEATURES.len();

    fn of(texts: &[&str], language: Option<Lang>) -> Style {
        style(texts.len(), |at| Cow::Borrowed(texts[at]), |_| language, None, &Ctx::quiet()).unwrap()
    }

    /// What is said of the first of two texts, as far as it differs from the second.
    fn said(one: &str, other: &str, language: Option<Lang>) -> Vec<&'static str> {
        let marks = of(&[one, other], language).marks(&[0]).into_iter();
        marks
            .filter(|(_, mean)| *mean != 0.0)
            .map(|(f, mean)| if mean > 0.0 { f.more } else { f.less })
            .collect()
    }

    fn assert_says(one: &str, other: &str, expected: &[&str]) {
        let said = said(one, other, Some(Lang::Eng));
        for what in expected {
            assert!(said.contains(what), "{one:?} {what}: {said:?}");
        }
    }

    const PLAIN: &str = "The committee met on Monday, and it decided to publish the report.";

    #[test]
    fn what_sets_a_text_apart_is_said_in_plain_words() {
        assert_says(
            "Why is my card late? Where is it?",
            PLAIN,
            &["asks questions", "speaks of I or we", "is short"],
        );
        assert_says(
            "NO WAY!!! sooo good 😀 #win @you",
            PLAIN,
            &[
                "uses exclamation marks",
                "stretches words (sooo)",
                "uses emoji",
                "uses hashtags",
                "mentions accounts with @",
                "writes words in capital letters",
            ],
        );
        assert_says(
            "ANNA: Come in.\nBEN: Thank you.\n\nANNA: Sit.",
            PLAIN,
            &[
                "begins lines with a name and a colon",
                "uses many line breaks",
                "separates parts with blank lines",
                "has short sentences",
            ],
        );
        assert_says(
            "- one\n- two\n3. three",
            PLAIN,
            &["lists its points", "ends lines without a punctuation mark"],
        );
        assert_says("Oil prices soar", PLAIN, &["leaves out small words", "has short sentences"]);
    }

    #[test]
    fn rhymes_are_heard_across_a_line_and_not_in_prose() {
        let poem = "The night is deep,\nthe moon so bright,\nand all who sleep,\nthey dream of light.";
        let prose = "The night is long,\nthe moon is here,\nand all of us,\nthey dream at dawn.";
        assert!(said(poem, prose, None).contains(&"has lines that rhyme"));
    }

    #[test]
    fn what_cannot_be_told_in_a_script_is_left_at_the_mean() {
        let texts =
            ["今天天气很好，大家都到花园里坐着聊天。", "为什么我的卡还没到？", "I LIKE tea.", "you do not"];
        let style = of(&texts, None);
        for name in ["capital letters", "words in capitals", "word length", "function words", "first person"]
        {
            let feature = FEATURES.iter().position(|feature| feature.name == name).unwrap();
            assert_eq!([style.row(0)[feature], style.row(1)[feature]], [0.0; 2], "{name}");
        }
        let questions = FEATURES.iter().position(|feature| feature.name == "question marks").unwrap();
        assert!(style.row(1)[questions] > style.row(0)[questions]);
    }

    #[test]
    fn an_empty_text_is_like_the_mean_and_equal_texts_are_alike() {
        let style = of(&["", "  \n ", PLAIN, "Why?", "Why?"], Some(Lang::Eng));
        assert_eq!(style.row(0), [0.0; N]);
        assert_eq!(style.row(1), [0.0; N]);
        assert_eq!(style.row(3), style.row(4));
        assert!(of(&[PLAIN; 3], None).values.iter().all(|value| *value == 0.0));
        assert!(of(&[], None).values.is_empty());
    }

    #[test]
    fn what_a_group_has_in_common_is_taken_away() {
        let texts = ["Wow!", "Wow! Wow!", "Well.", "Well. Well."];
        let style =
            |groups| style(4, |at| Cow::Borrowed(texts[at]), |_| None, groups, &Ctx::quiet()).unwrap();
        let marks = FEATURES.iter().position(|feature| feature.name == "exclamation marks").unwrap();
        assert!(style(None).row(0)[marks] > 0.9);
        assert!(style(Some(&[0, 0, 1, 1])).row(0)[marks].abs() < 1e-3);
        let length = FEATURES.iter().position(|feature| feature.name == "length").unwrap();
        assert!(style(Some(&[0, 0, 1, 1])).row(1)[length] > 0.9);
    }

    #[test]
    fn every_feature_has_a_name_of_its_own_and_two_sentences() {
        let mut names: Vec<&str> = FEATURES.iter().flat_map(|f| [f.name, f.more, f.less]).collect();
        names.sort_unstable();
        names.dedup();
        // "starts in lower case" is both the name and what is said.
        assert!(names.len() >= 3 * N - 1, "{}", names.len());
    }

    /// The macro-averaged F1 of clusters after the best matching, for four of each.
    fn macro_f1(clusters: &[u32], gold: &[u32]) -> f64 {
        let mut counts = [[0.0; 4]; 4];
        clusters.iter().zip(gold).for_each(|(c, g)| counts[*c as usize][*g as usize] += 1.0);
        let f1 = |cluster: usize, class: usize| {
            let found: f64 = counts[cluster].iter().sum();
            let true_ones: f64 = counts.iter().map(|row| row[class]).sum();
            2.0 * counts[cluster][class] / (found + true_ones)
        };
        let matchings = (0..256).map(|code| [code % 4, code / 4 % 4, code / 16 % 4, code / 64]);
        let matchings = matchings.filter(|m| (0..4).all(|class| m.contains(&class)));
        matchings.map(|m| m.iter().enumerate().map(|(c, g)| f1(c, *g)).sum::<f64>() / 4.0).fold(0.0, f64::max)
    }

    /// Needs the collection of goals beside the repository; says so where it is missing.
    #[test]
    fn four_writing_styles_in_four_languages_are_found_again() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/goalex/syngoalex/style");
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
        let (Some(data), Some(labels)) = (read("data.json"), read("labels.json")) else {
            return println!("skipped: {} is not there", folder.display());
        };
        let data: serde_json::Value = serde_json::from_str(&data).unwrap();
        let labels: serde_json::Value = serde_json::from_str(&labels).unwrap();
        let texts: Vec<&str> = data["texts"].as_array().unwrap().iter().filter_map(|t| t.as_str()).collect();
        let gold: Vec<u32> = labels["labels"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|l| l.as_u64())
            .map(|l| l as u32)
            .collect();
        let text = |at: usize| Cow::Borrowed(texts[at]);
        let ctx = Ctx::quiet();
        let languages: Vec<Option<Lang>> =
            text_languages(texts.len(), text, &ctx).unwrap().iter().map(|l| l.map(|l| l.language)).collect();
        let groups: Vec<u32> = languages.iter().map(|l| l.map_or(u32::MAX, |l| l as u32)).collect();
        for groups in [None, Some(groups.as_slice())] {
            let style = style(texts.len(), text, |at| languages[at], groups, &ctx).unwrap();
            let rows = Matrix::from_vec(Key::of("style", 1).finish(), "style", false, N, style.values);
            let reached = (0..5).map(|seed| {
                let params = KMeansParams { k: 4, seed, restarts: 10, ..KMeansParams::default() };
                macro_f1(&kmeans(&rows, &params, &ctx).unwrap().labels, &gold)
            });
            let reached: Vec<f64> = reached.collect();
            println!("languages subtracted: {}; macro-F1 a seed: {reached:.3?}", groups.is_some());
            assert!(reached.iter().all(|f1| *f1 >= 0.62), "{reached:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_texts_have_finite_features_within_the_clip(
            texts in prop::collection::vec(r"\PC{0,60}|[A-Za-z:'!?.\n -]{0,90}|[日本あ。？\n]{0,20}|(\n| |-|'|:|…|\u{300}){0,12}", 0..8),
            language in prop::option::of(prop::sample::select(vec![Lang::Eng, Lang::Cmn, Lang::Fra, Lang::Kat]))
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let style = of(&texts, language);
            prop_assert_eq!(style.values.len(), texts.len() * N);
            prop_assert!(style.values.iter().all(|value| value.abs() <= CLIP));
        }
    }
}
