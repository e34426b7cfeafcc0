//! Topics that a person gives by keywords: Lbl2Vec (Schopf, Braun & Matthes 2021).
//!
//! The mean vector of a topic's keywords finds documents that are plainly about it; outliers among these are dropped
//! (`local_outlier`); the mean of the rest is the topic's centre, and documents are ranked and classified by it. Two things
//! differ from the paper. Documents are chosen and ranked by their *lead*, the cosine to a topic less that to the next
//! best one, because all cosines of a vague document are high and all of a special one low: on ag_news that raises the
//! mean AUC from .89 to .96. And with a graph of neighbours each document's cosines are averaged with those of its
//! neighbours, which are mostly about the same: macro-F1 .87 instead of .85.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::goal_space::make_unit;
use super::local_outlier;
use super::vector::{dot, inverse_norm};
use crate::data::{Knn, Matrix, UNCLUSTERED};
use crate::job::{Cancelled, Ctx};

/// Neighbours that tell how lonely a document is among those of its topic, as in the paper.
const NEIGHBOURS: usize = 20;
/// A topic is made of no fewer documents, where there are as many.
const FEWEST: usize = 5;
/// Rows a task.
const BATCH: usize = 1024;

/// How topics are made of keywords.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeywordParams {
    /// Documents make a topic's centre if they lead by so many standard deviations more than the mean document.
    pub deviations: f32,
    /// But at least so many, where there are as many.
    pub least: usize,
    /// And at most so many: outliers among them are found by comparing every pair.
    pub most: usize,
    /// A document whose cosine to its best topic is below this has none.
    pub threshold: f32,
}

impl Default for KeywordParams {
    fn default() -> Self {
        Self { deviations: 1.5, least: 50, most: 1000, threshold: -1.0 }
    }
}

impl KeywordParams {
    /// For so many documents and topics: where documents are few, the least that make a topic are no more than half of
    /// its share of them.
    pub fn of(documents: usize, topics: usize) -> Self {
        let params = Self::default();
        let share = documents / (2 * topics.max(1));
        Self { least: params.least.min(share.max(FEWEST)), ..params }
    }
}

/// Documents and topics. NaN stands for the cosines of documents without a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicScores {
    topics: usize,
    /// Documents × topics: cosines to the centres, averaged with those of neighbours where there is a graph.
    scores: Vec<f32>,
    /// The documents that make each centre, ascending, and those that were dropped as outliers.
    pub chosen: Vec<Vec<u32>>,
    pub dropped: Vec<Vec<u32>>,
    /// Topics × components, unit vectors.
    pub centres: Vec<f32>,
}

impl TopicScores {
    /// How many documents there are.
    pub fn documents(&self) -> usize {
        self.scores.len().checked_div(self.topics).unwrap_or(0)
    }

    pub fn topics(&self) -> usize {
        self.topics
    }

    /// The score of document `i` for each topic.
    pub fn of(&self, i: u32) -> &[f32] {
        &self.scores[i as usize * self.topics..][..self.topics]
    }

    /// How far document `i` is nearer to `topic` than to any other; the score itself where there is no other.
    pub fn lead(&self, i: u32, topic: usize) -> f32 {
        lead(self.of(i), topic)
    }

    /// The best topic of each document, [`UNCLUSTERED`] where its score is below `threshold` or it has no vector.
    pub fn best(&self, threshold: f32) -> Vec<u32> {
        let best = |scores: &[f32]| {
            let first = (0..scores.len()).reduce(|a, b| if scores[b] > scores[a] { b } else { a });
            first.filter(|&topic| scores[topic] >= threshold).map_or(UNCLUSTERED, |topic| topic as u32)
        };
        self.scores.par_chunks(self.topics.max(1)).map(best).collect()
    }

    /// The documents that have a vector, those that lead most for `topic` first; of equal ones the first.
    pub fn ranked(&self, topic: usize) -> Vec<u32> {
        let mut ranked: Vec<(f32, u32)> = (0..self.documents() as u32)
            .map(|i| (self.lead(i, topic), i))
            .filter(|(lead, _)| !lead.is_nan())
            .collect();
        ranked.par_sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked.into_iter().map(|(_, i)| i).collect()
    }
}

fn lead(scores: &[f32], topic: usize) -> f32 {
    let others = scores.iter().enumerate().filter(|(at, _)| *at != topic).map(|(_, &score)| score);
    others.reduce(f32::max).map_or(scores[topic], |next| scores[topic] - next)
}

/// Scores every row of `matrix` for topics, given by the mean of their keywords: unit vectors end to end. `knn` is the
/// graph of the same rows.
pub fn scores(
    matrix: &Matrix,
    knn: Option<&Knn>,
    keywords: &[f32],
    params: &KeywordParams,
    ctx: &Ctx,
) -> Result<TopicScores, Cancelled> {
    let dim = matrix.dim().max(1);
    let topics = keywords.len() / dim;
    ctx.progress.begin("Comparing with topics", "texts", 2 * matrix.rows() as u64, 0);
    let first = TopicScores {
        topics,
        scores: cosines(matrix, knn, keywords, ctx)?,
        chosen: Vec::new(),
        dropped: Vec::new(),
        centres: keywords.to_vec(),
    };
    let (mut chosen, mut dropped, mut centres) = (Vec::new(), Vec::new(), Vec::new());
    for (topic, keywords) in keywords.chunks_exact(dim).enumerate() {
        let plain = plainly_about(&first, topic, params);
        let (kept, lonely) = without_outliers(matrix, &plain, &ctx.untold())?;
        let mut centre = vec![0.0f32; dim];
        for &i in &kept {
            let row = matrix.row(i as usize);
            let factor = inverse_norm(&row);
            centre.iter_mut().zip(row.iter()).for_each(|(sum, v)| *sum += v * factor);
        }
        if kept.is_empty() {
            centre.copy_from_slice(keywords);
        }
        make_unit(&mut centre, dim);
        centres.extend(centre);
        chosen.push(kept);
        dropped.push(lonely);
    }
    let scores = cosines(matrix, knn, &centres, ctx)?;
    Ok(TopicScores { topics, scores, chosen, dropped, centres })
}

/// The documents that lead clearly for a topic by its keywords, those that lead most first.
fn plainly_about(by_keywords: &TopicScores, topic: usize, params: &KeywordParams) -> Vec<u32> {
    let mut ranked = by_keywords.ranked(topic);
    let leads = || ranked.iter().map(|&i| f64::from(by_keywords.lead(i, topic)));
    let n = ranked.len().max(1) as f64;
    let mean = leads().sum::<f64>() / n;
    let variance = leads().map(|lead| (lead - mean).powi(2)).sum::<f64>() / n;
    let bound = mean + f64::from(params.deviations) * variance.sqrt();
    let clear = leads().take_while(|lead| *lead >= bound).count();
    ranked.truncate(clear.max(params.least).min(params.most.max(1)));
    ranked
}

/// The documents, ascending, and the outliers that are not among them any more.
fn without_outliers(
    matrix: &Matrix,
    documents: &[u32],
    ctx: &Ctx,
) -> Result<(Vec<u32>, Vec<u32>), Cancelled> {
    let dim = matrix.dim();
    let mut rows: Vec<f32> = documents.iter().flat_map(|&i| matrix.row(i as usize).into_owned()).collect();
    make_unit(&mut rows, dim);
    let factors = local_outlier::of_rows(&rows, dim, NEIGHBOURS, ctx)?;
    let judged = documents.iter().zip(factors);
    let (mut lonely, mut kept): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
    judged
        .for_each(|(&i, factor)| if factor > local_outlier::OUTLIER { lonely.push(i) } else { kept.push(i) });
    kept.sort_unstable();
    lonely.sort_unstable();
    Ok((kept, lonely))
}

/// The cosines of every row with unit vectors end to end, averaged with its neighbours'; NaN for rows of zeros.
fn cosines(matrix: &Matrix, knn: Option<&Knn>, vectors: &[f32], ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    let dim = matrix.dim().max(1);
    let k = vectors.len() / dim;
    let mut own = vec![0.0f32; matrix.rows() * k];
    own.par_chunks_mut((BATCH * k).max(1)).enumerate().try_for_each(|(batch, out)| {
        ctx.cancel.check()?;
        for (i, out) in (batch * BATCH..).zip(out.chunks_exact_mut(k)) {
            let row = matrix.row(i);
            let factor = inverse_norm(&row);
            for (out, vector) in out.iter_mut().zip(vectors.chunks_exact(dim)) {
                *out = if factor == 0.0 { f32::NAN } else { dot(&row, vector) * factor };
            }
        }
        ctx.progress.advance((out.len() / k) as u64);
        Ok(())
    })?;
    let Some(knn) = knn else { return Ok(own) };
    let mut mean = own.clone();
    mean.par_chunks_mut((BATCH * k).max(1)).enumerate().try_for_each(|(batch, out)| {
        ctx.cancel.check()?;
        for (i, out) in (batch * BATCH..).zip(out.chunks_exact_mut(k)) {
            for (topic, out) in out.iter_mut().enumerate().filter(|(_, out)| !out.is_nan()) {
                let near =
                    knn.of(i).iter().map(|&j| own[j as usize * k + topic]).filter(|score| !score.is_nan());
                let (sum, count) = near.fold((*out, 1.0), |(sum, count), score| (sum + score, count + 1.0));
                *out = sum / count;
            }
        }
        Ok(())
    })?;
    Ok(mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall};
    use crate::math::hash::normal;

    const DIM: usize = 6;

    /// Thirty documents around each of three axes, one far from its fellows, and one without a vector.
    fn matrix() -> Matrix {
        let mut values: Vec<f32> = (0..92 * DIM).map(|at| 0.15 * normal(3, at as u64) as f32).collect();
        (0..90).for_each(|i| values[i * DIM + i / 30] += 1.0);
        values[90 * DIM..91 * DIM].copy_from_slice(&[1.0, 0.0, 0.0, 0.0, 0.0, -1.6]);
        values[91 * DIM..].fill(0.0);
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, DIM, values)
    }

    fn keywords() -> Vec<f32> {
        let mut vectors = vec![0.0; 2 * DIM];
        // Somewhat beside the axes, as keywords are.
        vectors[..DIM].copy_from_slice(&[1.0, 0.2, 0.0, 0.5, 0.0, 0.0]);
        vectors[DIM..].copy_from_slice(&[0.1, 1.0, 0.3, 0.0, 0.5, 0.0]);
        make_unit(&mut vectors, DIM);
        vectors
    }

    fn params(least: usize, most: usize) -> KeywordParams {
        KeywordParams { deviations: 1.0, least, most, ..KeywordParams::default() }
    }

    #[test]
    fn documents_are_classified_and_ranked_by_their_topic() {
        let found = scores(&matrix(), None, &keywords(), &params(10, 40), &Ctx::quiet()).unwrap();
        assert_eq!((found.documents(), found.topics()), (92, 2));
        let best = found.best(0.5);
        assert!(best[..30].iter().all(|&topic| topic == 0) && best[30..60].iter().all(|&topic| topic == 1));
        assert!(best[60..90].iter().all(|&topic| topic == UNCLUSTERED), "nobody asked for the third");
        for topic in 0..2 {
            let ranked = found.ranked(topic);
            assert_eq!(ranked.len(), 91, "who has no vector has no rank");
            let first = ranked[..29].iter().filter(|&&i| i as usize / 30 == topic).count();
            assert!(first >= 28, "{ranked:?}");
        }
    }

    #[test]
    fn a_small_corpus_asks_for_fewer_documents_a_topic() {
        let least = |documents, topics| KeywordParams::of(documents, topics).least;
        assert_eq!((least(120, 4), least(120_000, 4), least(8, 4)), (15, 50, 5));
    }

    #[test]
    fn who_has_no_vector_has_no_topic() {
        let found = scores(&matrix(), None, &keywords(), &params(10, 40), &Ctx::quiet()).unwrap();
        assert!(found.of(91).iter().all(|score| score.is_nan()));
        assert_eq!(found.best(-1.0)[91], UNCLUSTERED);
    }

    #[test]
    fn at_least_and_at_most_so_many_documents_make_a_centre_and_outliers_none() {
        let few = scores(&matrix(), None, &keywords(), &params(12, 12), &Ctx::quiet()).unwrap();
        assert!((0..2).all(|topic| few.chosen[topic].len() + few.dropped[topic].len() == 12));
        let many = scores(&matrix(), None, &keywords(), &params(32, 40), &Ctx::quiet()).unwrap();
        assert!(many.dropped.iter().flatten().any(|&i| i == 90), "{:?}", many.dropped);
        assert!(!many.chosen.iter().flatten().any(|&i| i == 90));
    }

    #[test]
    fn one_topic_alone_leads_by_its_score() {
        let found = scores(&matrix(), None, &keywords()[..DIM], &params(10, 20), &Ctx::quiet()).unwrap();
        assert_eq!(found.lead(3, 0), found.of(3)[0]);
        assert!(found.ranked(0)[..25].iter().all(|&i| i < 30));
    }

    #[test]
    fn neighbours_take_part_in_a_score() {
        let matrix = matrix();
        // Everybody's neighbours are the first two, but those of the last, whose are two without and with a vector.
        let mut indices = [1u32, 2].repeat(92);
        indices[182..].copy_from_slice(&[0, 1]);
        let key = Key::of("test", 1).finish();
        let knn = Knn {
            key,
            k: 2,
            indices,
            similarities: vec![0.9; 184],
            recall: Recall::Exact,
            method: "test".into(),
        };
        let own = cosines(&matrix, None, &keywords(), &Ctx::quiet()).unwrap();
        let mean = cosines(&matrix, Some(&knn), &keywords(), &Ctx::quiet()).unwrap();
        let wanted = (own[2 * 50] + own[2] + own[4]) / 3.0;
        assert!((mean[2 * 50] - wanted).abs() < 1e-6);
        assert!(mean[2 * 91].is_nan());
    }
}
