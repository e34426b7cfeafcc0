//! Clusters to their names: keywords that set them apart, a title nobody else has, documents that stand for them.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::data::{ClusterName, Clusters, Corpus, Key, Keyword, Matrix, Names};
use crate::embed::{EmbedParams, Embedder, Texts};
use crate::job::Ctx;
use crate::math::class_tfidf::{self, Candidate};
use crate::math::{exemplars, titles};

use super::StageError;

/// Keywords kept of each cluster.
const KEYWORDS: usize = 10;

/// Documents that stand for a cluster.
const EXEMPLARS: usize = 5;

/// A longer text is no keyword, in characters.
const LONGEST_TERM: usize = 32;

/// Members whose mean is a cluster's centre; evenly spread over larger clusters.
const CENTRE_SAMPLE: usize = 2_000;

/// Names every cluster. With an `embedder` a title is also judged by how near its words are to the cluster's
/// centre; without one (given vectors) by its weight alone.
pub fn run(
    corpus: &Corpus,
    matrix: &Matrix,
    clusters: &Clusters,
    embedder: Option<&Embedder>,
    ctx: &Ctx,
) -> Result<Names, StageError> {
    // Vectors that another model made say nothing about how near this model's words are.
    let embedder = embedder.filter(|embedder| embedder.dim() == matrix.dim());
    let mut key = Key::of("names", 1).input(clusters.key).input(corpus.key).input(matrix.key);
    if let Some(embedder) = embedder {
        key = key.input(embedder.key());
    }
    let members = clusters.members();
    let mut candidates = class_tfidf::keywords(&|i| corpus.text(i), &members, KEYWORDS, ctx)?;
    let mut exemplars = Vec::with_capacity(members.len());
    for (members, candidates) in members.iter().zip(&mut candidates) {
        exemplars.push(exemplars::exemplars(matrix, members, EXEMPLARS, ctx)?);
        if candidates.is_empty() {
            candidates.extend(exemplars.last().into_iter().flatten().filter_map(|&i| as_term(corpus, i)));
        }
    }
    let nearness = match embedder {
        Some(embedder) => Some(nearness(matrix, &members, &candidates, embedder, ctx)?),
        None => None,
    };
    let titles = titles::choose_titles(&candidates, nearness.as_deref());
    let named = candidates
        .into_iter()
        .zip(titles)
        .zip(exemplars)
        .map(|((candidates, title), exemplars)| {
            let keywords = candidates.into_iter().map(|c| Keyword { term: c.term, score: c.score }).collect();
            ClusterName { title, keywords, exemplars }
        })
        .collect();
    Ok(Names { key: key.finish(), clusters: named })
}

/// Document `i` as a keyword, where it is as short as one: in a table of words no term recurs, and those nearest to
/// a cluster's centre say best what it is about.
fn as_term(corpus: &Corpus, i: u32) -> Option<Candidate> {
    let text = corpus.text(i as usize);
    let term = text.trim();
    let short = !term.is_empty() && term.chars().count() <= LONGEST_TERM;
    short.then(|| Candidate { term: term.to_owned(), score: 1.0, texts: 1 })
}

/// The similarity of each candidate to its cluster's centre, in the shape of `candidates`.
fn nearness(
    matrix: &Matrix,
    members: &[Vec<u32>],
    candidates: &[Vec<Candidate>],
    embedder: &Embedder,
    ctx: &Ctx,
) -> Result<Vec<Vec<f32>>, StageError> {
    // Clusters share many words: each is embedded once.
    let mut terms: Vec<&str> = candidates.iter().flatten().map(|candidate| candidate.term.as_str()).collect();
    terms.sort_unstable();
    terms.dedup();
    let dim = embedder.dim();
    let mut vectors = vec![0.0f32; terms.len() * dim];
    let texts = Texts { count: terms.len(), text: &|i| Cow::Borrowed(terms[i]), rows: None };
    embedder
        .embed(&texts, &EmbedParams::default(), &ctx.untold(), &mut |rows, made| {
            for (&row, vector) in rows.iter().zip(made.chunks_exact(dim)) {
                vectors[row * dim..(row + 1) * dim].copy_from_slice(vector);
            }
            Ok(())
        })
        .map_err(
            |error| {
                if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
            },
        )?;
    let rows: HashMap<&str, usize> = terms.iter().enumerate().map(|(row, &term)| (term, row)).collect();
    let mut near = Vec::with_capacity(members.len());
    for (members, candidates) in members.iter().zip(candidates) {
        ctx.cancel.check()?;
        let centre = centre(matrix, members);
        let of = |candidate: &Candidate| {
            let row = rows.get(candidate.term.as_str()).copied().unwrap_or_default();
            let vector = &vectors[row * dim..(row + 1) * dim];
            vector.iter().zip(&centre).map(|(a, b)| a * b).sum()
        };
        near.push(candidates.iter().map(of).collect());
    }
    Ok(near)
}

/// The unit mean of the members' vectors.
fn centre(matrix: &Matrix, members: &[u32]) -> Vec<f32> {
    let mut sum = vec![0.0f32; matrix.dim()];
    let stride = members.len().div_ceil(CENTRE_SAMPLE).max(1);
    for &member in members.iter().step_by(stride) {
        for (total, value) in sum.iter_mut().zip(matrix.row(member as usize).iter()) {
            *total += value;
        }
    }
    let norm = sum.iter().map(|v| v * v).sum::<f32>().sqrt();
    if norm > 0.0 {
        sum.iter_mut().for_each(|v| *v /= norm);
    }
    sum
}
