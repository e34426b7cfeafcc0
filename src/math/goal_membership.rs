//! Who satisfies which explanation, how surely, and how far that can be trusted.

use rayon::prelude::*;

use super::goal_refine::{ROUNDS, Refined, Texts, refine};
use super::goal_space::gathered;
use super::goal_threshold::{best_threshold, calibrated, slope};
use super::random::Random;
use crate::data::UNCLUSTERED;
use crate::job::{Cancelled, Ctx};

/// From which score a text satisfies an explanation, and how steeply it becomes sure around there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Border {
    pub threshold: f32,
    pub slope: f32,
}

/// Who satisfies what.
#[derive(Clone, Debug)]
pub struct Memberships {
    pub borders: Vec<Border>,
    /// Texts that satisfy each explanation, ascending.
    pub members: Vec<Vec<u32>>,
    /// For each explanation a number in [0, 1] for each text; from 0.5 on the text satisfies it.
    pub scores: Vec<Vec<f32>>,
    /// The best of the explanations that each text satisfies, or [`UNCLUSTERED`].
    pub best: Vec<u32>,
}

/// How well an explanation tells on texts it was not made from.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HeldOut {
    /// The share of those texts on the right side.
    pub accuracy: f32,
    /// F1 of its members among them.
    pub f1: f32,
}

/// Column `c` of row-major scores.
fn column(scores: &[f32], k: usize, c: usize) -> Vec<f32> {
    scores.iter().skip(c).step_by(k.max(1)).copied().collect()
}

/// The border of each explanation: where its scores agree best with the labels.
pub fn borders(scores: &[f32], labels: &[u32], k: usize) -> Vec<Border> {
    let border = |c: usize| {
        let scores = column(scores, k, c);
        let member = |i: usize| labels[i] == c as u32;
        let threshold = best_threshold(&scores, member).at;
        Border { threshold, slope: slope(&scores, threshold, member) }
    };
    (0..k).into_par_iter().map(border).collect()
}

/// Memberships by scores and borders.
pub fn memberships(scores: &[f32], borders: Vec<Border>) -> Memberships {
    let k = borders.len();
    let of = |c: usize| {
        let Border { threshold, slope } = borders[c];
        let column = column(scores, k, c);
        let members = (0..column.len() as u32).filter(|&i| column[i as usize] >= threshold).collect();
        // Rounding must not put a score on the other side of one half.
        let sure = |&score: &f32| {
            let p = calibrated(score, threshold, slope);
            if score >= threshold { p.max(0.5) } else { p.min(0.5f32.next_down()) }
        };
        (members, column.iter().map(sure).collect())
    };
    let (members, calibrated) = (0..k).into_par_iter().map(of).unzip();
    let best = scores.par_chunks(k.max(1)).map(|row| {
        let satisfied = (0..k).filter(|&c| row[c] >= borders[c].threshold);
        let best = satisfied.max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a)));
        best.map_or(UNCLUSTERED, |c| c as u32)
    });
    Memberships { best: best.collect(), members, scores: calibrated, borders }
}

/// Memberships of refined clusters.
pub fn of_refined(refined: &Refined) -> Memberships {
    let borders = borders(&refined.scores, &refined.labels, refined.model.k);
    memberships(&refined.scores, borders)
}

/// Refines the clusters on a random half of the texts alone and compares what that half says of the others with
/// their labels.
pub fn held_out(
    texts: Texts<'_>,
    labels: &[u32],
    k: usize,
    seed: u64,
    ctx: &Ctx,
) -> Result<Vec<HeldOut>, Cancelled> {
    let n = labels.len();
    let mut order: Vec<u32> = (0..n as u32).collect();
    Random::new(seed).shuffle(&mut order);
    let (known, others) = order.split_at(n / 2);
    let half = |ids: &[u32]| {
        let labels: Vec<u32> = ids.iter().map(|&i| labels[i as usize]).collect();
        (gathered(texts.rows, ids), texts.words.gathered(ids), labels)
    };
    let (rows, words, half_labels) = half(known);
    let refined =
        refine(Texts { rows: &rows, words: &words, fixed: &[], barred: &[] }, half_labels, k, ROUNDS, ctx)?;
    let borders = borders(&refined.scores, &refined.labels, k);
    let (rows, words, truth) = half(others);
    let scores = refined.model.scores(Texts { rows: &rows, words: &words, fixed: &[], barred: &[] }, ctx)?;
    let judged = |c: usize| {
        let (mut right, mut hits, mut found, mut true_ones) = (0usize, 0usize, 0usize, 0usize);
        for (row, label) in scores.chunks_exact(k.max(1)).zip(&truth) {
            let (says, is) = (row[c] >= borders[c].threshold, *label == c as u32);
            right += usize::from(says == is);
            hits += usize::from(says && is);
            found += usize::from(says);
            true_ones += usize::from(is);
        }
        HeldOut {
            accuracy: right as f32 / truth.len().max(1) as f32,
            f1: 2.0 * hits as f32 / (found + true_ones).max(1) as f32,
        }
    };
    Ok((0..k).map(judged).collect())
}

/// Texts that show what an explanation means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Members that it tells most clearly from the other explanations, clearest first.
    pub exemplars: Vec<u32>,
    /// Texts that just do not satisfy it, nearest first.
    pub near_misses: Vec<u32>,
}

/// For each explanation `count` texts that show it, and `count` that just do not. Texts that `same` says are alike
/// are shown once.
pub fn evidence(
    scores: &[f32],
    memberships: &Memberships,
    count: usize,
    same: impl Fn(u32, u32) -> bool + Sync,
) -> Vec<Evidence> {
    let k = memberships.borders.len();
    let margin = |i: u32, c: usize| {
        let row = &scores[i as usize * k..(i as usize + 1) * k];
        let others = (0..k).filter(|&o| o != c).map(|o| row[o]).fold(f32::NEG_INFINITY, f32::max);
        if k > 1 { row[c] - others } else { row[c] }
    };
    let chosen = |mut ranked: Vec<(f32, u32)>| {
        ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut chosen: Vec<u32> = Vec::new();
        for (_, i) in ranked {
            if chosen.len() == count {
                break;
            }
            if !chosen.iter().any(|&other| same(i, other)) {
                chosen.push(i);
            }
        }
        chosen
    };
    let of = |c: usize| {
        let members = &memberships.members[c];
        let outside = (0..memberships.best.len() as u32).filter(|i| members.binary_search(i).is_err());
        Evidence {
            exemplars: chosen(members.iter().map(|&i| (margin(i, c), i)).collect()),
            near_misses: chosen(outside.map(|i| (scores[i as usize * k + c], i)).collect()),
        }
    };
    (0..k).into_par_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Matrix};
    use crate::math::goal_space::make_unit;
    use crate::math::goal_words::TextWords;

    #[test]
    fn a_text_may_satisfy_several_explanations_one_or_none() {
        let border = Border { threshold: 0.5, slope: 4.0 };
        let scores = [1.0, 0.6, 0.2, 0.9, 0.1, 0.1];
        let found = memberships(&scores, vec![border; 2]);
        assert_eq!(found.members, [vec![0], vec![0, 1]]);
        assert_eq!(found.best, [0, 1, UNCLUSTERED]);
        for (c, members) in found.members.iter().enumerate() {
            for i in 0..3 {
                let score = found.scores[c][i as usize];
                assert!((0.0..=1.0).contains(&score));
                assert_eq!(score >= 0.5, members.contains(&i));
            }
        }
    }

    #[test]
    fn borders_lie_between_a_label_and_the_others() {
        let scores = [0.9, 0.0, 0.8, 0.1, 0.2, 0.7, 0.1, 0.9];
        let found = borders(&scores, &[0, 0, 1, 1], 2);
        assert!((found[0].threshold - 0.5).abs() < 1e-6 && (found[1].threshold - 0.4).abs() < 1e-6);
    }

    #[test]
    fn clear_members_and_texts_just_outside_are_shown_once_each() {
        let scores = [2.0, -2.0, 2.0, -2.0, 1.0, -1.0, 0.4, -0.4, 0.1, -0.1, -2.0, 2.0];
        let found = memberships(&scores, vec![Border { threshold: 0.5, slope: 1.0 }; 2]);
        let shown = evidence(&scores, &found, 2, |a, b| a + b == 1);
        assert_eq!(shown[0].exemplars, [0, 2], "text 1 equals text 0");
        assert_eq!(shown[0].near_misses, [3, 4]);
    }

    #[test]
    fn what_one_half_says_is_held_against_the_other() {
        let mut values: Vec<f32> = (0..200).flat_map(|i| [1.0, (i % 7) as f32 * 0.02]).collect();
        for row in values.chunks_exact_mut(2).skip(1).step_by(2) {
            row.reverse();
        }
        make_unit(&mut values, 2);
        let rows = Matrix::from_vec(Key::of("test", 1).finish(), "test", true, 2, values);
        let words = TextWords::none(200);
        let texts = Texts { rows: &rows, words: &words, fixed: &[], barred: &[] };
        let labels: Vec<u32> = (0..200).map(|i| i % 2).collect();
        let judged = held_out(texts, &labels, 2, 1, &Ctx::quiet()).unwrap();
        assert!(judged.iter().all(|held| held.accuracy == 1.0 && held.f1 == 1.0));
        // Of four texts in ten somebody said the opposite.
        let labels: Vec<u32> = (0..200).map(|i| u32::from((i % 2 == 0) == (i % 10 < 4))).collect();
        let judged = held_out(texts, &labels, 2, 1, &Ctx::quiet()).unwrap();
        assert!(judged.iter().all(|held| held.accuracy < 0.75), "{judged:?}");
    }
}
