//! Candidates for explanations: directions in the view's space, each with the threshold from which a text belongs.

use rayon::prelude::*;

use super::goal_space::{gathered, make_unit, means};
use super::goal_threshold::{best_threshold, otsu};
use super::kmeans::{KMeansParams, Metric, kmeans};
use super::vector::dot;
use crate::data::{Matrix, UNCLUSTERED};
use crate::job::{Cancelled, Ctx};

/// A candidate holds for at least this share of the texts …
pub const LEAST_SHARE: f64 = 0.01;
/// … and the part that it comes from for at least this share, and so many texts.
const LEAST_PART: f64 = 0.005;
const FEWEST_IN_PART: usize = 3;
/// A part has to have so many texts on average to be worth a clustering.
const TEXTS_A_PART: usize = 4;
/// Candidates that share more of their texts than this (Jaccard) are one.
const SAME: f64 = 0.95;
/// Members to direction to members, so often.
const REFINEMENTS: usize = 2;
/// The numbers of parts where nobody said how many.
const PARTS: [usize; 5] = [3, 4, 6, 8, 12];
/// Seedings of each clustering.
const RESTARTS: usize = 2;
/// F1 between the texts that a word is nearest to and those that it settles on, from which it stands for these.
const STANDS_FOR: f32 = 0.6;
/// What an error of a candidate costs, beside a missed text: a text on the wrong side of its threshold.
const ERROR_COST: f64 = 0.5;

/// Where a candidate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// A part of a clustering.
    Part,
    /// A predicate of a person's own, by its number.
    Words(usize),
    /// A kind of what the goal asks for, by the proposal's number.
    Kind(usize),
    /// A phrase that sets a part's texts apart, by the proposal's number.
    Phrase(usize),
}

impl From {
    /// Whether a person wants it in any case.
    pub fn is_own(self) -> bool {
        matches!(self, Self::Words(_))
    }
}

/// A word or phrase that may stand for a group of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Whether it is a kind of what the goal asks for, or a phrase of the texts.
    pub is_kind: bool,
    /// Who proposed it, in words.
    pub by: String,
    /// A unit vector.
    pub direction: Vec<f32>,
    /// How many texts the group has that it was proposed for.
    pub texts: usize,
}

/// A predicate that may explain some texts.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub from: From,
    /// A unit vector.
    pub direction: Vec<f32>,
    pub threshold: f32,
    /// F1 between its members and those that its own direction separates.
    pub separation: f32,
    /// Texts for which it holds, ascending.
    pub members: Vec<u32>,
}

impl Candidate {
    /// What choosing it costs besides the texts it misses: its errors.
    pub fn cost(&self) -> f64 {
        ERROR_COST * f64::from(1.0 - self.separation) * self.members.len() as f64
    }
}

/// How many parts a clustering makes where `k` explanations are asked for.
pub fn parts(k: Option<usize>) -> Vec<usize> {
    match k {
        None => PARTS.to_vec(),
        Some(k) => {
            let mut parts = vec![k.max(2), (k + k.div_ceil(2)).max(2), 2 * k];
            parts.dedup();
            parts
        }
    }
}

/// Candidates from the parts of clusterings of the texts `ids` by `smooth`, refined on all texts by `rows`.
pub fn from_parts(
    rows: &Matrix,
    smooth: &Matrix,
    ids: &[u32],
    parts: &[usize],
    seed: u64,
    ctx: &Ctx,
) -> Result<Vec<Candidate>, Cancelled> {
    let n = rows.rows();
    let looked_at = if ids.len() == n { smooth.clone() } else { gathered(smooth, ids) };
    let mut found = Vec::new();
    for (at, &k) in parts.iter().enumerate() {
        if k * TEXTS_A_PART > ids.len() {
            continue;
        }
        let params = KMeansParams {
            k,
            seed: seed.wrapping_mul(31).wrapping_add(at as u64),
            restarts: RESTARTS,
            centre: false,
            metric: Metric::Euclidean,
            ..KMeansParams::default()
        };
        let clusters = kmeans(&looked_at, &params, &ctx.untold())?;
        let mut labels = vec![UNCLUSTERED; n];
        ids.iter().zip(&clusters.labels).for_each(|(&id, &label)| labels[id as usize] = label);
        let least = (LEAST_PART * n as f64).max(FEWEST_IN_PART as f64);
        let mut sizes = vec![0usize; clusters.count];
        clusters.labels.iter().filter(|l| **l != UNCLUSTERED).for_each(|&label| sizes[label as usize] += 1);
        let mut directions = means(rows, &labels, clusters.count, ctx)?;
        make_unit(&mut directions, rows.dim());
        let large: Vec<usize> = (0..clusters.count).filter(|&c| sizes[c] as f64 >= least).collect();
        for c in large {
            let direction = directions[c * rows.dim()..(c + 1) * rows.dim()].to_vec();
            let member = |i: usize| labels[i] == c as u32;
            found.extend(refined(rows, direction, None, From::Part, Some(&member), ctx)?);
        }
    }
    Ok(found)
}

/// A candidate from a direction that stands for words: its threshold parts the scores in two.
pub fn from_direction(
    rows: &Matrix,
    direction: Vec<f32>,
    words: usize,
    ctx: &Ctx,
) -> Result<Option<Candidate>, Cancelled> {
    let threshold = otsu(&scores(rows, &direction, ctx)?);
    refined(rows, direction, Some(threshold), From::Words(words), None, ctx)
}

/// A candidate from a word or phrase, number `number`: at first as many texts as it was proposed for, those nearest to
/// it, then those that these settle on. None where the word itself does not tell these from the others: it led to a
/// group but does not stand for it.
pub fn from_proposal(
    rows: &Matrix,
    proposal: &Proposal,
    number: usize,
    ctx: &Ctx,
) -> Result<Option<Candidate>, Cancelled> {
    let near = scores(rows, &proposal.direction, ctx)?;
    let mut ordered = near.clone();
    let last = proposal.texts.clamp(1, ordered.len().max(1)) - 1;
    if last >= ordered.len() {
        return Ok(None);
    }
    let threshold = *ordered.select_nth_unstable_by(last, |a, b| b.total_cmp(a)).1;
    let from = if proposal.is_kind { From::Kind(number) } else { From::Phrase(number) };
    let found = refined(rows, proposal.direction.clone(), Some(threshold), from, None, ctx)?;
    Ok(found.filter(|candidate| {
        let mut member = vec![false; near.len()];
        candidate.members.iter().for_each(|&i| member[i as usize] = true);
        best_threshold(&near, |i| member[i]).f1 >= STANDS_FOR
    }))
}

/// The products of all rows with one vector.
fn scores(rows: &Matrix, direction: &[f32], ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    ctx.cancel.check()?;
    Ok((0..rows.rows()).into_par_iter().map(|i| dot(&rows.row(i), direction)).collect())
}

/// Members to direction to members: from a direction and either its threshold or who its members are at first.
fn refined(
    rows: &Matrix,
    mut direction: Vec<f32>,
    threshold: Option<f32>,
    from: From,
    member: Option<&dyn Fn(usize) -> bool>,
    ctx: &Ctx,
) -> Result<Option<Candidate>, Cancelled> {
    let n = rows.rows();
    let mut at = threshold.unwrap_or(f32::INFINITY);
    let mut separation = 0.0;
    // 0 for members, so that their mean is that of label 0.
    let mut labels: Vec<u32> = match (member, threshold) {
        (Some(member), _) => (0..n).map(|i| u32::from(!member(i))).collect(),
        _ => scores(rows, &direction, ctx)?.iter().map(|score| u32::from(*score < at)).collect(),
    };
    for _ in 0..REFINEMENTS {
        direction = means(rows, &labels, 1, ctx)?;
        make_unit(&mut direction, rows.dim());
        let scores = scores(rows, &direction, ctx)?;
        let best = best_threshold(&scores, |i| labels[i] == 0);
        (at, separation) = (best.at, best.f1);
        labels = scores.iter().map(|score| u32::from(*score < at)).collect();
    }
    direction = means(rows, &labels, 1, ctx)?;
    make_unit(&mut direction, rows.dim());
    let scores = scores(rows, &direction, ctx)?;
    let members: Vec<u32> = (0..n as u32).filter(|&i| scores[i as usize] >= at).collect();
    let found = Candidate { from, direction, threshold: at, separation, members };
    Ok((!found.members.is_empty()).then_some(found))
}

/// Adds those of `new` that hold for at least 1% of `n` texts and at most `largest_share`, and that are no
/// candidate of `known` again. A person's own are kept whatever they hold for.
pub fn add_new(known: &mut Vec<Candidate>, new: Vec<Candidate>, n: usize, largest_share: f64) {
    for candidate in new {
        let share = candidate.members.len() as f64 / n.max(1) as f64;
        let fits = (LEAST_SHARE..=largest_share).contains(&share);
        let again = || known.iter().any(|other| jaccard(&candidate.members, &other.members) > SAME);
        if candidate.from.is_own() || (fits && !again()) {
            known.push(candidate);
        }
    }
}

/// How many of two ascending lists' items are in both.
pub fn shared(a: &[u32], b: &[u32]) -> usize {
    let (mut i, mut j, mut both) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                both += 1;
                i += 1;
                j += 1;
            }
        }
    }
    both
}

/// The share of the items of two ascending lists that is in both (Jaccard); 0 where both are empty.
pub fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let both = shared(a, b);
    both as f64 / (a.len() + b.len() - both).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Key;

    /// Texts of three kinds, each near one axis.
    fn three_kinds(n: usize) -> Matrix {
        let mut random = super::super::random::Random::new(5);
        let mut values = Vec::new();
        for i in 0..n {
            values.extend(
                (0..3).map(|d| (random.unit() as f32 - 0.5) * 0.5 + if i % 3 == d { 1.0 } else { 0.0 }),
            );
        }
        make_unit(&mut values, 3);
        Matrix::from_vec(Key::of("test", 1).finish(), "test", true, 3, values)
    }

    #[test]
    fn parts_of_a_clustering_become_candidates_with_thresholds() {
        let rows = three_kinds(300);
        let ids: Vec<u32> = (0..300).collect();
        let mut known = Vec::new();
        for seed in 0..2 {
            let new = from_parts(&rows, &rows, &ids, &[3], seed, &Ctx::quiet()).unwrap();
            assert_eq!(new.len(), 3);
            add_new(&mut known, new, 300, 0.4);
        }
        assert_eq!(known.len(), 3, "the second clustering finds the same");
        for candidate in &known {
            assert!(candidate.members.iter().all(|i| i % 3 == candidate.members[0] % 3));
            assert_eq!(candidate.members.len(), 100);
            assert!(candidate.separation > 0.99 && candidate.cost() < 1.0);
        }
    }

    #[test]
    fn a_direction_in_words_settles_on_the_texts_near_it() {
        let rows = three_kinds(300);
        let mut direction = vec![1.0, 0.1, 0.0];
        make_unit(&mut direction, 3);
        let found = from_direction(&rows, direction, 4, &Ctx::quiet()).unwrap().unwrap();
        assert_eq!(found.from, From::Words(4));
        let right = found.members.iter().filter(|i| **i % 3 == 0).count();
        assert!(right == 100 && found.members.len() < 110, "{right} of {}", found.members.len());
    }

    #[test]
    fn a_word_proposes_the_group_near_it() {
        let rows = three_kinds(300);
        let mut direction = vec![1.0, 0.1, 0.0];
        make_unit(&mut direction, 3);
        let mut proposal = Proposal { is_kind: true, by: "WordNet".into(), direction, texts: 90 };
        let found = from_proposal(&rows, &proposal, 7, &Ctx::quiet()).unwrap().unwrap();
        assert_eq!(found.from, From::Kind(7));
        assert!(found.members.len() >= 90 && found.members.iter().all(|i| i % 3 == 0));
        proposal.is_kind = false;
        assert_eq!(from_proposal(&rows, &proposal, 2, &Ctx::quiet()).unwrap().unwrap().from, From::Phrase(2));
    }

    #[test]
    fn candidates_for_nearly_all_or_hardly_any_texts_are_left_out() {
        let candidate = |members: u32, from| Candidate {
            from,
            direction: vec![],
            threshold: 0.0,
            separation: 1.0,
            members: (0..members).collect(),
        };
        let mut known = Vec::new();
        let new = vec![candidate(50, From::Part), candidate(2, From::Part), candidate(20, From::Part)];
        add_new(&mut known, new, 300, 0.1);
        assert_eq!(known.len(), 1);
        add_new(&mut known, vec![candidate(20, From::Words(0)), candidate(20, From::Part)], 300, 0.1);
        assert_eq!(known.len(), 2, "a person's predicate is kept, the same part again is not");
        assert_eq!((shared(&[1, 2, 4], &[2, 3, 4]), jaccard(&[1, 2], &[2, 3])), (2, 1.0 / 3.0));
    }
}
