//! Refining clusters of texts: members make centres and rates of words, these make members, until nothing changes.
//!
//! A text's score for a cluster is the cosine to its centre plus half of what its words say (naive Bayes over
//! documents), each taken from the text's mean over the clusters and measured in standard deviations.

use rayon::prelude::*;

use super::goal_space::{BLOCK, make_unit, means, products, sums};
use super::goal_words::TextWords;
use super::vector::dot;
use crate::data::{Matrix, UNCLUSTERED};
use crate::job::{Cancelled, Ctx};

/// What words count beside vectors.
const WORD_WEIGHT: f32 = 0.5;
/// Rounds of a refinement at most.
pub const ROUNDS: usize = 10;
/// The same after a predicate was edited.
pub const ROUNDS_AFTER_EDIT: usize = 3;
/// Rounds of Lloyd's algorithm at most.
const LLOYD_ROUNDS: usize = 30;
/// Added to each count of a word.
const SMOOTHING: f32 = 0.5;
/// How often a text counts for words where a person said where it belongs.
const WEIGHT_OF_A_PERSON: u32 = 10;
/// Below this a deviation is rounding.
const NO_DEVIATION: f32 = 1e-9;

/// What texts are compared by.
#[derive(Clone, Copy)]
pub struct Texts<'a> {
    pub rows: &'a Matrix,
    pub words: &'a TextWords,
    /// Texts whose cluster a person decided, [`UNCLUSTERED`] for the others; empty where there is none.
    pub fixed: &'a [u32],
    /// Texts (rows) and clusters that they are not in, as a person said; ascending.
    pub barred: &'a [(u32, u32)],
}

impl Texts<'_> {
    fn fixed(&self, text: usize) -> Option<u32> {
        self.fixed.get(text).copied().filter(|&label| label != UNCLUSTERED)
    }

    /// Lets hold what a person decided: `scores` (texts × `k`) say what comes next where a cluster is barred.
    fn decide(&self, labels: &mut [u32], scores: Option<&[f32]>, k: usize) {
        for (text, label) in labels.iter_mut().enumerate() {
            if let Some(fixed) = self.fixed(text) {
                *label = fixed;
            }
        }
        for barred in self.barred.chunk_by(|a, b| a.0 == b.0) {
            let text = barred[0].0 as usize;
            let is_barred = |c: usize| barred.iter().any(|&(_, cluster)| cluster as usize == c);
            if !labels.get(text).is_some_and(|&label| is_barred(label as usize)) {
                continue;
            }
            let score = |c: usize| scores.map_or(0.0, |scores| scores[text * k + c]);
            let others = (0..k).filter(|&c| !is_barred(c));
            let next = others.max_by(|&a, &b| score(a).total_cmp(&score(b)).then(b.cmp(&a)));
            labels[text] = next.map_or(UNCLUSTERED, |c| c as u32);
        }
    }
}

/// `k` clusters as what they are compared by.
#[derive(Clone, Debug)]
pub struct Model {
    pub k: usize,
    /// Unit centres, `k` × dim.
    pub centres: Vec<f32>,
    /// Logarithms of the words' rates, `words` × `k`.
    words: Vec<f32>,
    /// Standard deviations of what vectors and words say.
    deviations: [f32; 2],
}

/// Labels, the model that gave them, and its scores (texts × `k`).
#[derive(Clone, Debug)]
pub struct Refined {
    pub labels: Vec<u32>,
    pub model: Model,
    pub scores: Vec<f32>,
}

impl Model {
    /// Centres and rates of the clusters `labels`, and the scores of the texts that they come from.
    pub fn of(texts: Texts<'_>, labels: &[u32], k: usize, ctx: &Ctx) -> Result<(Self, Vec<f32>), Cancelled> {
        let mut centres = means(texts.rows, labels, k, ctx)?;
        make_unit(&mut centres, texts.rows.dim());
        let weight = |text: usize| if texts.fixed(text).is_some() { WEIGHT_OF_A_PERSON } else { 1 };
        let counts = texts.words.counts(labels, k, weight);
        let mut totals = vec![0.0f64; k];
        for counts in counts.chunks_exact(k.max(1)) {
            totals.iter_mut().zip(counts).for_each(|(total, c)| *total += f64::from(*c as f32 + SMOOTHING));
        }
        let rate = |(at, count): (usize, &u32)| {
            ((f64::from(*count as f32 + SMOOTHING)) / totals[at % k]).ln() as f32
        };
        let words = counts.iter().enumerate().map(rate).collect();
        let mut model = Self { k, centres, words, deviations: [1.0; 2] };
        let (near, said) = model.parts(texts, ctx)?;
        model.deviations = [deviation(&near), deviation(&said)];
        let scores = model.joined(near, &said);
        Ok((model, scores))
    }

    /// The scores of texts, texts × `k`.
    pub fn scores(&self, texts: Texts<'_>, ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
        let (near, said) = self.parts(texts, ctx)?;
        Ok(self.joined(near, &said))
    }

    /// What vectors and words say, each from the text's mean; nothing for words where there are none.
    fn parts(&self, texts: Texts<'_>, ctx: &Ctx) -> Result<(Vec<f32>, Vec<f32>), Cancelled> {
        let k = self.k;
        let mut near = products(texts.rows, &self.centres, ctx)?;
        // One cluster has no others to be compared with.
        if k > 1 {
            centre_rows(&mut near, k);
        }
        if texts.words.words == 0 || k < 2 {
            return Ok((near, Vec::new()));
        }
        let mut said = vec![0.0f32; texts.words.len() * k];
        said.par_chunks_mut(BLOCK * k).enumerate().try_for_each(|(block, out)| {
            ctx.cancel.check()?;
            for (text, out) in (block * BLOCK..).zip(out.chunks_exact_mut(k)) {
                for &word in texts.words.of_text(text) {
                    let rates = &self.words[word as usize * k..(word as usize + 1) * k];
                    out.iter_mut().zip(rates).for_each(|(sum, rate)| *sum += rate);
                }
            }
            Ok(())
        })?;
        centre_rows(&mut said, k);
        Ok((near, said))
    }

    fn joined(&self, mut near: Vec<f32>, said: &[f32]) -> Vec<f32> {
        let [by_vector, by_words] = self.deviations;
        near.par_iter_mut().for_each(|score| *score /= by_vector);
        if !said.is_empty() {
            near.par_iter_mut().zip(said).for_each(|(score, said)| *score += WORD_WEIGHT * said / by_words);
        }
        near
    }
}

/// Takes from each row of `k` numbers their mean.
fn centre_rows(values: &mut [f32], k: usize) {
    values.par_chunks_mut(k).for_each(|row| {
        let mean = row.iter().sum::<f32>() / k as f32;
        row.iter_mut().for_each(|x| *x -= mean);
    });
}

/// The root of the mean square, summed in a fixed order.
fn deviation(values: &[f32]) -> f32 {
    let parts: Vec<f64> = values
        .par_chunks(1 << 14)
        .map(|part| part.iter().map(|&x| f64::from(x) * f64::from(x)).sum())
        .collect();
    let mean = parts.iter().sum::<f64>() / values.len().max(1) as f64;
    (mean.sqrt() as f32).max(NO_DEVIATION)
}

/// The place of the largest of each row of `k` scores, of equal ones the first.
pub fn best_labels(scores: &[f32], k: usize) -> Vec<u32> {
    scores.par_chunks(k.max(1)).map(|row| largest(row) as u32).collect()
}

fn largest(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best })
}

/// Refines `labels` for at most `rounds`; with one cluster there is nothing to refine.
pub fn refine(
    texts: Texts<'_>,
    mut labels: Vec<u32>,
    k: usize,
    rounds: usize,
    ctx: &Ctx,
) -> Result<Refined, Cancelled> {
    texts.decide(&mut labels, None, k);
    let mut round = 0;
    loop {
        let (model, scores) = Model::of(texts, &labels, k, ctx)?;
        round += 1;
        if k < 2 {
            return Ok(Refined { labels, model, scores });
        }
        let mut next = best_labels(&scores, k);
        texts.decide(&mut next, Some(&scores), k);
        let settled = next == labels;
        labels = next;
        if settled || round >= rounds {
            return Ok(Refined { labels, model, scores });
        }
    }
}

/// Lloyd's algorithm by distance from the given centres (`k` × dim) until nothing changes.
pub fn lloyd(rows: &Matrix, mut centres: Vec<f32>, k: usize, ctx: &Ctx) -> Result<Vec<u32>, Cancelled> {
    let dim = rows.dim();
    let mut labels: Vec<u32> = Vec::new();
    for _ in 0..LLOYD_ROUNDS {
        let offsets: Vec<f32> =
            centres.chunks_exact(dim.max(1)).map(|centre| dot(centre, centre) / 2.0).collect();
        let mut near = products(rows, &centres, ctx)?;
        near.par_chunks_mut(k.max(1)).for_each(|row| row.iter_mut().zip(&offsets).for_each(|(x, o)| *x -= o));
        let next = best_labels(&near, k);
        if next == labels {
            break;
        }
        labels = next;
        let (sums, counts) = sums(rows, &labels, k, ctx)?;
        for c in (0..k).filter(|&c| counts[c] > 0) {
            let mean = sums[c * dim..(c + 1) * dim].iter().map(|sum| (sum / counts[c] as f64) as f32);
            centres[c * dim..(c + 1) * dim].iter_mut().zip(mean).for_each(|(centre, mean)| *centre = mean);
        }
    }
    Ok(labels)
}

/// The sum of the squared distances of rows to the means of their labels.
pub fn inertia(rows: &Matrix, labels: &[u32], k: usize, ctx: &Ctx) -> Result<f64, Cancelled> {
    // Σ |x|² − Σ |sum|² / count: rows are short vectors, so little is lost.
    let (sums, counts) = sums(rows, labels, k, ctx)?;
    let squares: Vec<f64> = (0..rows.rows())
        .into_par_iter()
        .map(|i| {
            let row = rows.row(i);
            f64::from(dot(&row, &row))
        })
        .collect();
    let of_means = sums
        .chunks_exact(rows.dim().max(1))
        .zip(&counts)
        .map(|(sum, &count)| sum.iter().map(|x| x * x).sum::<f64>() / count.max(1) as f64);
    Ok(squares.iter().sum::<f64>() - of_means.sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Key;
    use std::borrow::Cow;

    fn matrix(dim: usize, mut values: Vec<f32>) -> Matrix {
        make_unit(&mut values, dim);
        Matrix::from_vec(Key::of("test", 1).finish(), "test", true, dim, values)
    }

    /// Texts along two axes; the last lies between them and has the words of the second kind.
    fn two_kinds() -> (Matrix, TextWords) {
        let mut texts = ["goal match team", "keeper corner referee"].repeat(6);
        texts.extend(vec!["stock price bank"; 10]);
        texts.push("stock price");
        let mut values: Vec<f32> =
            (0..22).flat_map(|i| if i < 12 { [1.0, 0.1] } else { [0.1, 1.0] }).collect();
        values.extend([1.0, 0.95]);
        let words = TextWords::of(texts.len(), |i| Cow::Borrowed(texts[i]), &Ctx::quiet()).unwrap();
        (matrix(2, values), words)
    }

    #[test]
    fn words_decide_where_vectors_do_not() {
        let (rows, words) = two_kinds();
        // One text begins on the wrong side.
        let start: Vec<u32> = (0..23).map(|i| u32::from(i == 5 || (12..22).contains(&i))).collect();
        let with = |words: &TextWords| {
            let texts = Texts { rows: &rows, words, fixed: &[], barred: &[] };
            refine(texts, start.clone(), 2, ROUNDS, &Ctx::quiet()).unwrap().labels
        };
        let labels = with(&words);
        assert!(labels[..12].iter().all(|l| *l == 0) && labels[12..22].iter().all(|l| *l == 1));
        assert_eq!(labels[22], 1);
        assert_eq!(with(&TextWords::none(23))[22], 0);
    }

    #[test]
    fn what_a_person_decided_stays_and_teaches() {
        let (rows, words) = two_kinds();
        let start: Vec<u32> = (0..23).map(|i| u32::from(i >= 12)).collect();
        let mut fixed = vec![UNCLUSTERED; 23];
        fixed[22] = 0;
        let texts = Texts { rows: &rows, words: &words, fixed: &fixed, barred: &[] };
        let found = refine(texts, start, 2, ROUNDS, &Ctx::quiet()).unwrap();
        assert_eq!(found.labels[22], 0);
        let free = Texts { fixed: &[], ..texts };
        let (before, _) = Model::of(free, &found.labels, 2, &Ctx::quiet()).unwrap();
        let scores = |model: &Model| model.scores(free, &Ctx::quiet()).unwrap();
        assert!(scores(&found.model)[44] > scores(&before)[44], "its words count more than once");
    }

    #[test]
    fn a_text_barred_from_its_cluster_goes_to_the_next_best() {
        let (rows, words) = two_kinds();
        let start: Vec<u32> = (0..23).map(|i| u32::from(i >= 12)).collect();
        let found = |barred: &[(u32, u32)]| {
            let texts = Texts { rows: &rows, words: &words, fixed: &[], barred };
            refine(texts, start.clone(), 2, ROUNDS, &Ctx::quiet()).unwrap().labels
        };
        assert_eq!((found(&[])[3], found(&[(3, 0)])[3]), (0, 1));
        assert_eq!(found(&[(3, 0), (3, 1)])[3], UNCLUSTERED);
        assert_eq!(found(&[(3, 1)]), found(&[]));
    }

    #[test]
    fn lloyd_finds_the_means_and_its_inertia_is_the_least() {
        let (rows, _) = two_kinds();
        let labels = lloyd(&rows, vec![0.9, 0.3, 0.3, 0.9], 2, &Ctx::quiet()).unwrap();
        assert!(labels[..12].iter().all(|l| *l == labels[0]) && labels[12] != labels[0]);
        let worse: Vec<u32> = (0..23).map(|i| i % 2).collect();
        let inertia = |labels: &[u32]| inertia(&rows, labels, 2, &Ctx::quiet()).unwrap();
        assert!(inertia(&labels) < 0.1 * inertia(&worse));
    }

    #[test]
    fn one_cluster_has_scores_without_rivals() {
        let (rows, words) = two_kinds();
        let texts = Texts { rows: &rows, words: &words, fixed: &[], barred: &[] };
        let labels: Vec<u32> = (0..23).map(|i| if i < 12 { 0 } else { UNCLUSTERED }).collect();
        let found = refine(texts, labels.clone(), 1, ROUNDS, &Ctx::quiet()).unwrap();
        assert_eq!(found.labels, labels);
        assert!(found.scores[0] > found.scores[15]);
    }
}
