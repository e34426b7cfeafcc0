//! Which view of the texts a goal in plain words asks for: what they mean, the language they are in, how they are
//! written, or a column of the corpus.
//!
//! The goal is stripped of what is said to the app ("I would like to cluster …"), and what is left is compared with
//! descriptions of the views, as vectors; a few words that point to a view count besides.

use super::goal_view_words::*;
use super::vector::dot;

/// How texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// By their vectors.
    Meaning,
    /// By the language they are written in.
    Language,
    /// By how they are written.
    Style,
    /// By the values of a column (its number among those that were offered).
    Column(usize),
}

/// Why a view was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A person chose it.
    Asked,
    /// The goal names the column.
    ColumnNamed,
    /// The goal is near to the column's name.
    ColumnNear,
    /// The goal is nearest to the view's descriptions.
    Nearest,
    /// The goal does not say how to compare the texts: they are compared by meaning.
    NothingSaid,
    /// The goal is near to no view: texts are compared by meaning.
    Unclear,
}

/// A view, why, and how near the goal is to meaning, language and style (where that was asked).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chosen {
    pub view: View,
    pub why: Why,
    pub nearness: Option<[f32; 3]>,
}

/// What a word that points to a view is worth, as a cosine.
const CUE: f32 = 0.25;
/// The same for meaning, to which common words point.
const MEANING_CUE: f32 = 0.12;
/// A goal no nearer than this to any view is near to none: nonsense reaches .19.
const LEAST: f32 = 0.2;
/// A column's name has to be this near.
const COLUMN_NEAR: f32 = 0.6;
/// Descriptions of a view that are averaged: the nearest ones.
const BEST: usize = 2;

/// A goal as it is matched.
#[derive(Clone, Debug)]
pub struct Question {
    /// What the goal asks, in lower case.
    asked: String,
    /// Whether anything is left of it but words without content.
    says_something: bool,
    /// Names of columns, in words.
    columns: Vec<String>,
}

impl Question {
    /// Of a goal, and the names of the columns that texts may be compared by.
    pub fn of(goal: &str, columns: &[&str]) -> Self {
        let core = core(goal);
        let without = cut_exceptions(&core);
        let asked = if says_something(&without) { without } else { core };
        Self {
            says_something: says_something(&asked),
            asked: asked.join(" "),
            columns: columns.iter().map(|name| spaced(name)).collect(),
        }
    }

    /// The view, where no vectors are needed to tell it.
    pub fn decided(&self) -> Option<Chosen> {
        if !self.says_something {
            return Some(Chosen { view: View::Meaning, why: Why::NothingSaid, nearness: None });
        }
        let words: Vec<&str> = words(&self.asked).collect();
        let named = |name: &String| {
            let name: Vec<&str> = name.split(' ').collect();
            let stands = |at: usize| {
                name.iter().enumerate().all(|(i, part)| {
                    let last = i + 1 == name.len();
                    words.get(at + i).is_some_and(|word| {
                        word == part || (last && word.strip_suffix('s').is_some_and(|word| word == *part))
                    })
                })
            };
            !name[0].is_empty() && (0..words.len()).any(stands)
        };
        let column = self.columns.iter().position(named)?;
        Some(Chosen { view: View::Column(column), why: Why::ColumnNamed, nearness: None })
    }

    /// What is to be embedded for [`Question::decide`], in this order.
    pub fn phrases(&self) -> Vec<String> {
        let views = MEANING.into_iter().chain(LANGUAGE).chain(STYLE).map(str::to_owned);
        std::iter::once(self.asked.clone()).chain(views).chain(self.columns.iter().cloned()).collect()
    }

    /// The view that is nearest, by the vectors of [`Question::phrases`] (unit rows of `dim` numbers).
    pub fn decide(&self, vectors: &[f32], dim: usize) -> Chosen {
        if let Some(decided) = self.decided() {
            return decided;
        }
        let mut rows = vectors.chunks_exact(dim.max(1));
        let asked = rows.next().unwrap_or_default();
        let cosines: Vec<f32> = rows.map(|row| dot(row, asked)).collect();
        let mut rest = cosines.as_slice();
        let mut nearness = [MEANING.len(), LANGUAGE.len(), STYLE.len()].map(|count| {
            let (view, others) = rest.split_at(count.min(rest.len()));
            rest = others;
            let mut best = view.to_vec();
            best.sort_by(|a, b| b.total_cmp(a));
            best.truncate(BEST);
            best.iter().sum::<f32>() / best.len().max(1) as f32
        });
        let words: Vec<&str> = words(&self.asked).collect();
        let points = |cues: &[&str]| has_any(&words, cues);
        let object = points(&OBJECT_CUES);
        let language = if points(&LANGUAGE_CUES) && !object { CUE } else { 0.0 };
        let style = if points(&STYLE_CUES) && !object { CUE } else { 0.0 };
        let meaning = if points(&MEANING_CUES) { MEANING_CUE } else { 0.0 };
        let meaning = meaning + if object { CUE } else { 0.0 };
        nearness.iter_mut().zip([meaning, language, style]).for_each(|(near, cue)| *near += cue);
        let views = [View::Meaning, View::Language, View::Style];
        let (best, nearest) = first_largest(&nearness);
        let (column, column_near) = first_largest(rest);
        if column_near > COLUMN_NEAR && column_near > nearest {
            return Chosen { view: View::Column(column), why: Why::ColumnNear, nearness: Some(nearness) };
        }
        let (view, why) =
            if nearest > LEAST { (views[best], Why::Nearest) } else { (View::Meaning, Why::Unclear) };
        Chosen { view, why, nearness: Some(nearness) }
    }
}

/// The form of a predicate that a goal asks for between quotes: "has a topic of" of "'has a topic of <something>'".
pub fn asked_form(goal: &str) -> Option<String> {
    let (from, to) = quoted_form(goal)?;
    let inside = goal[from..to].trim_matches(is_quote);
    let form = inside.split('<').next().unwrap_or_default().trim();
    (!form.is_empty()).then(|| form.to_owned())
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '‘' | '’' | '“' | '”')
}

/// Where a quoted form with `<…>` lies in a goal, quotes included.
fn quoted_form(goal: &str) -> Option<(usize, usize)> {
    let opens = goal.find('<')?;
    let closes = opens + goal[opens..].find('>')?;
    let from = goal[..opens].rfind(is_quote)?;
    let end = goal[closes..].char_indices().find(|(_, c)| is_quote(*c))?;
    Some((from, closes + end.0 + end.1.len_utf8()))
}

fn first_largest(values: &[f32]) -> (usize, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (at, &value) in values.iter().enumerate() {
        if value > best.1 {
            best = (at, value);
        }
    }
    best
}

/// A column's name in words.
fn spaced(name: &str) -> String {
    let lower = name.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Words for matching: hyphens join none.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '-']).filter(|word| !word.is_empty())
}

/// Whether the words from `at` on fit `pattern`, and how many they are.
fn fits(words: &[impl AsRef<str>], at: usize, pattern: &str) -> Option<usize> {
    let mut length = 0;
    for element in pattern.split(' ') {
        let word = words.get(at + length)?.as_ref();
        let is = |one: &str| one.strip_suffix('*').map_or(word == one, |start| word.starts_with(start));
        if !element.split('|').any(is) {
            return None;
        }
        length += 1;
    }
    Some(length)
}

fn has_any(words: &[&str], patterns: &[&str]) -> bool {
    (0..words.len()).any(|at| patterns.iter().any(|pattern| fits(words, at, pattern).is_some()))
}

fn without(words: Vec<String>, patterns: &[&str]) -> Vec<String> {
    let mut left = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match patterns.iter().filter_map(|pattern| fits(&words, at, pattern)).max() {
            Some(length) => at += length,
            None => {
                left.push(words[at].clone());
                at += 1;
            }
        }
    }
    left
}

/// The words of a goal without what is said to the app.
fn core(goal: &str) -> Vec<String> {
    let mut goal = goal.to_lowercase();
    while let Some((from, to)) = quoted_form(&goal) {
        goal.replace_range(from..to, " ");
    }
    let goal = goal.replace('’', "'");
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '_' | '\'' | '-');
    let words = goal.split(|c: char| !kept(c)).map(|word| word.trim_matches(['\'', '-']));
    let mut words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
    if let Some(form) = (0..words.len()).find(|&at| FORM.iter().any(|p| fits(&words, at, p).is_some())) {
        words.truncate(form);
    }
    without(without(words, &ASKING), &CLUSTERING)
}

/// Without "rather than content", "not what it says".
fn cut_exceptions(words: &[String]) -> Vec<String> {
    let mut left = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match EXCEPT.iter().find_map(|pattern| fits(words, at, pattern)) {
            Some(length) => {
                at += length;
                while words.get(at).is_some_and(|word| among(EXCEPT_LINKS, word)) {
                    at += 1;
                }
                at += 1;
            }
            None => {
                left.push(words[at].clone());
                at += 1;
            }
        }
    }
    left
}

fn among(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|listed| listed == word)
}

fn says_something(words: &[String]) -> bool {
    words.iter().any(|word| !among(EMPTY_WORDS, word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(goal: &str) -> String {
        Question::of(goal, &[]).asked
    }

    #[test]
    fn what_is_said_to_the_app_is_no_part_of_the_goal() {
        let goal = "I would like to cluster them based on topics; each cluster should have a description of \
                    'has a topic of <something>'";
        assert_eq!(asked(goal), "them based on topics");
        assert_eq!(asked_form(goal).as_deref(), Some("has a topic of"));
        assert_eq!(asked("Please sort the tickets by urgency."), "the tickets by urgency");
        assert_eq!(asked_form("by topic"), None);
    }

    #[test]
    fn what_a_goal_excludes_does_not_count() {
        assert_eq!(
            asked("according to how the author writes, not what about"),
            "according to how the author writes"
        );
        assert_eq!(asked("by style rather than the content"), "by style");
    }

    #[test]
    fn a_goal_without_content_says_nothing() {
        for goal in ["", "  ", "cluster the texts", "please group them", "!!!"] {
            let chosen = Question::of(goal, &[]).decided().unwrap();
            assert_eq!((chosen.view, chosen.why), (View::Meaning, Why::NothingSaid), "{goal}");
        }
        assert_eq!(Question::of("by mood", &[]).decided(), None);
    }

    #[test]
    fn a_column_is_found_by_its_name_in_words() {
        for (goal, columns, wanted) in [
            ("by source", ["source", "date"], 0),
            ("compare the product category groups", ["id", "product_category"], 1),
            ("group by author countries or venues", ["venue", "title"], 0),
        ] {
            let chosen = Question::of(goal, &columns).decided().unwrap();
            assert_eq!((chosen.view, chosen.why), (View::Column(wanted), Why::ColumnNamed), "{goal}");
        }
        assert_eq!(Question::of("by sources of income", &["sour", "of_in"]).decided(), None);
    }

    #[test]
    fn a_word_that_points_to_a_view_decides_between_near_ones() {
        // The goal is equally near to all descriptions.
        let chosen = |goal: &str| {
            let question = Question::of(goal, &[]);
            let vectors = [0.6, 0.8].repeat(question.phrases().len());
            question.decide(&vectors, 2).view
        };
        assert_eq!(chosen("by tongue"), View::Language);
        assert_eq!(chosen("by register and tone"), View::Style);
        assert_eq!(chosen("by mood"), View::Meaning);
        assert_eq!(chosen("the languages that people want to learn"), View::Meaning);
        assert_eq!(chosen("architectural styles mentioned"), View::Meaning);
    }

    #[test]
    fn a_goal_near_to_no_view_is_compared_by_meaning_and_says_so() {
        let question = Question::of("asdf qwer", &[]);
        let mut vectors = [0.0, 1.0].repeat(question.phrases().len());
        vectors[..2].copy_from_slice(&[1.0, 0.0]);
        let chosen = question.decide(&vectors, 2);
        assert_eq!((chosen.view, chosen.why), (View::Meaning, Why::Unclear));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn any_goal_is_read(goal in r"\PC{0,60}|(('|<|>|not|rather than|i'd like to|each cluster should| |-){0,12})") {
            let question = Question::of(&goal, &["a_b", "", "\u{e9}"]);
            asked_form(&goal);
            let chosen = question.decide(&[1.0].repeat(question.phrases().len()), 1);
            prop_assert!(!matches!(chosen.view, View::Column(c) if c > 2));
        }
    }
}
