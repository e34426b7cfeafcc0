//! Topics that a person gives by keywords: every document's scores, and how well they agree with a column.

use std::collections::HashMap;

use crate::data::{Corpus, KeywordTopic, Knn, Matrix, NO_CODE, UNCLUSTERED};
use crate::embed::Embedder;
use crate::job::Ctx;
use crate::math::folded_text::{folded, words};
use crate::math::goal_space::make_unit;
use crate::math::keyword_topics::{KeywordParams, TopicScores, scores};
use crate::math::roc::{Roc, f1, roc};

use super::StageError;
use super::same_model::{self, embedded};

/// Scores every document for every topic.
///
/// `matrix` holds the vectors that `embedder` made of `corpus`; with its neighbours scores are smoother and classes
/// better. Fails in a sentence where there is no topic, a topic has no keyword, or another model made the vectors.
pub fn run(
    corpus: &Corpus,
    (matrix, knn): (&Matrix, Option<&Knn>),
    topics: &[KeywordTopic],
    embedder: &Embedder,
    params: &KeywordParams,
    ctx: &Ctx,
) -> Result<TopicScores, StageError> {
    if topics.is_empty() {
        return Err(StageError::Failed(
            "There is no topic yet. Write down one and a few keywords for it.".into(),
        ));
    }
    same_model::check(corpus, matrix, embedder, "A topic", ctx)?;
    let knn = knn.filter(|knn| knn.len() == matrix.rows());
    let dim = embedder.dim();
    let mut means = Vec::with_capacity(topics.len() * dim);
    for topic in topics {
        let vectors = embedded(embedder, &topic.words().map(str::to_owned).collect::<Vec<_>>(), ctx)?;
        let mut mean = vec![0.0f32; dim];
        for vector in vectors.chunks_exact(dim) {
            mean.iter_mut().zip(vector).for_each(|(sum, v)| *sum += v);
        }
        if mean.iter().all(|&v| v == 0.0) {
            return Err(StageError::Failed(format!(
                "The topic \"{}\" has no keywords. Write at least one word for it.",
                topic.title()
            )));
        }
        make_unit(&mut mean, dim);
        means.extend(mean);
    }
    Ok(scores(matrix, knn, &means, params, ctx)?)
}

/// How well topics agree with the values of a column. Documents with an empty cell or without a vector are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// The value of the column that each topic is held against, as an index into its levels.
    pub values: Vec<Option<u32>>,
    /// Each topic's value against all others, by the lead of documents; `None` without a value.
    pub curves: Vec<Option<Roc>>,
    /// F1 of each topic that has a value, by its best documents.
    pub f1: Vec<Option<f64>>,
    /// Means over the topics that have a value; `None` where none has.
    pub macro_f1: Option<f64>,
    pub mean_auc: Option<f64>,
    /// How many documents were compared.
    pub documents: usize,
}

/// Compares topics with a category column of `levels` and `codes` ([`Typed::Category`](crate::data::Typed)). `best` is
/// [`TopicScores::best`]; `values` says which value belongs to which topic ([`matched`], or a person's choice).
pub fn agreement(found: &TopicScores, best: &[u32], codes: &[u32], values: Vec<Option<u32>>) -> Agreement {
    let compared: Vec<u32> = (0..found.documents() as u32)
        .filter(|&i| codes[i as usize] != NO_CODE && found.of(i).iter().all(|score| !score.is_nan()))
        .collect();
    let curve = |(topic, value): (usize, &Option<u32>)| {
        let value = (*value)?;
        roc(compared.iter().map(|&i| (found.lead(i, topic), codes[i as usize] == value)))
    };
    let curves: Vec<Option<Roc>> = values.iter().enumerate().map(curve).collect();
    // Values without a topic are a class beyond all topics, and so are topics without a value.
    let topic_of: HashMap<u32, u32> =
        values.iter().enumerate().filter_map(|(topic, value)| Some(((*value)?, topic as u32))).collect();
    let class = |i: u32| topic_of.get(&codes[i as usize]).copied().unwrap_or(UNCLUSTERED);
    let (each, _) = f1(values.len(), compared.iter().map(|&i| (best[i as usize], class(i))));
    let f1: Vec<Option<f64>> = each.into_iter().zip(&values).map(|(f1, value)| value.map(|_| f1)).collect();
    let mean =
        |figures: Vec<f64>| (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64);
    Agreement {
        macro_f1: mean(f1.iter().copied().flatten().collect()),
        mean_auc: mean(curves.iter().flatten().map(|curve| curve.auc).collect()),
        documents: compared.len(),
        values,
        curves,
        f1,
    }
}

/// Which value of a column belongs to which topic, each to one at most: first equal names, then names whose words begin
/// alike ("Sci/Tech", "Science and technology"), then by how many documents they share. Says nothing of how documents
/// were scored: only figures depend on it.
pub fn matched(topics: &[KeywordTopic], levels: &[String], best: &[u32], codes: &[u32]) -> Vec<Option<u32>> {
    let mut values: Vec<Option<u32>> = vec![None; topics.len()];
    let names: Vec<String> = topics.iter().map(|topic| folded(topic.title())).collect();
    let level_names: Vec<String> = levels.iter().map(|level| folded(level)).collect();
    for alike in [|a: &str, b: &str| a == b && !a.is_empty(), begin_alike] {
        for (topic, name) in names.iter().enumerate() {
            let free = |level: &usize, values: &[Option<u32>]| !values.contains(&Some(*level as u32));
            if values[topic].is_none() {
                let level =
                    (0..levels.len()).find(|level| free(level, &values) && alike(name, &level_names[*level]));
                values[topic] = level.map(|level| level as u32);
            }
        }
    }
    let mut shared = HashMap::<(u32, u32), u32>::new();
    for (&topic, &code) in
        best.iter().zip(codes).filter(|(topic, code)| **topic != UNCLUSTERED && **code != NO_CODE)
    {
        *shared.entry((topic, code)).or_default() += 1;
    }
    let mut shared: Vec<((u32, u32), u32)> = shared.into_iter().collect();
    shared.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    for ((topic, level), _) in shared {
        if values[topic as usize].is_none() && !values.contains(&Some(level)) {
            values[topic as usize] = Some(level);
        }
    }
    values
}

/// Letters that two words need to have in common at their beginning.
const BEGINNING: usize = 3;

/// Whether each word of one name begins a word of the other, or the other way round.
fn begin_alike(a: &str, b: &str) -> bool {
    let begins = |one: &str, other: &str| {
        let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
        short.chars().count() >= BEGINNING && long.starts_with(short)
    };
    let within = |a: &str, b: &str| {
        words(a).count() > 0 && words(a).all(|one| words(b).any(|other| begins(one, other)))
    };
    within(a, b) || within(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Typed};
    use crate::embed::EmbedParams;
    use crate::io::cache::Cache;
    use crate::io::read::testing::corpus_of;
    use crate::model::DevicePreference;
    use crate::stage::{Params, embed};

    fn topic(name: &str, keywords: &[&str]) -> KeywordTopic {
        KeywordTopic { name: name.into(), keywords: keywords.iter().map(|&k| k.to_owned()).collect() }
    }

    fn levels(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn documents_are_found_by_keywords_and_agree_with_a_column() {
        let mut csv = String::from("text,kind\n");
        for (team, dish) in [("Rovers", "soup"), ("Lions", "stew"), ("Eagles", "bread"), ("Bears", "cake")] {
            for verb in ["won", "lost", "played"] {
                csv.push_str(&format!("The {team} {verb} the football match last night,sport\n"));
                csv.push_str(&format!("We {verb} time while baking {dish} in the oven,food\n"));
            }
        }
        let corpus = corpus_of("a.csv", &csv).with_text_columns(vec![0]);
        let loaded = embed::embedder(&Params::default(), None, DevicePreference::Cpu, &Ctx::quiet()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(folder.path().into())).unwrap();
        let matrix =
            embed::run(&corpus, &loaded, &EmbedParams::default(), &cache, &Ctx::quiet()).unwrap().matrix;
        let topics = [topic("Eating", &["meal", "kitchen"]), topic("Sports", &["goal", "team", "league"])];
        let params = KeywordParams { least: 6, ..KeywordParams::default() };
        let ask =
            |topics: &[KeywordTopic]| run(&corpus, (&matrix, None), topics, &loaded, &params, &Ctx::quiet());
        let found = ask(&topics).unwrap();
        let best = found.best(-1.0);
        let Typed::Category { levels, codes } = &corpus.columns[1].typed else { panic!("not a category") };
        let values = matched(&topics, levels, &best, codes);
        let names: Vec<&str> =
            values.iter().flatten().map(|&level| levels[level as usize].as_str()).collect();
        assert_eq!(names, ["food", "sport"]);
        let agreement = agreement(&found, &best, codes, values);
        assert_eq!((agreement.macro_f1, agreement.mean_auc, agreement.documents), (Some(1.0), Some(1.0), 24));
        let error = ask(&[topic("Nothing", &[" "])]).unwrap_err().to_string();
        assert!(error.contains("Nothing"), "{error}");
        assert!(ask(&[]).is_err());
    }

    #[test]
    fn vectors_of_another_model_are_refused() {
        let corpus = corpus_of("a.csv", "text,n\nSoup is warm,1\nTea is hot,2\n");
        let loaded = embed::embedder(&Params::default(), None, DevicePreference::Cpu, &Ctx::quiet()).unwrap();
        let matrix = Matrix::from_vec(Key::of("test", 1).finish(), "a file", false, 2, vec![1.0; 4]);
        let topics = [topic("Food", &["soup"])];
        let error = run(&corpus, (&matrix, None), &topics, &loaded, &KeywordParams::default(), &Ctx::quiet());
        assert!(error.unwrap_err().to_string().contains("A topic compares words with texts"));
    }

    #[test]
    fn values_are_matched_by_name_then_by_what_they_share() {
        let topics = [
            topic("Science/Technology", &[]),
            topic("world", &[]),
            topic("Money", &[]),
            topic("Nobody", &[]),
        ];
        let levels = levels(&["World", "Sports", "Business", "Sci/Tech"]);
        // Money shares two documents with Business and one with World, which is taken.
        let (best, codes) = ([2, 2, 2, UNCLUSTERED, 3], [2, 2, 0, 1, NO_CODE]);
        assert_eq!(matched(&topics, &levels, &best, &codes), [Some(3), Some(0), Some(2), None]);
    }
}
