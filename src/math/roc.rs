//! How well scores and labels agree with classes that people made.

use serde::{Deserialize, Serialize};

/// One place on the curve: what is found by taking everything with at least this score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// The share of the class's documents that are taken.
    pub true_positive_rate: f64,
    /// The share of the others that are taken.
    pub false_positive_rate: f64,
    pub threshold: f32,
}

/// The receiver operating characteristic of scores (Fawcett 2006).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roc {
    /// From nothing to everything taken; places in the middle of a level or upright line are left out.
    pub points: Vec<RocPoint>,
    /// The area under the curve: how likely a document of the class has a higher score than another one, ties counted
    /// half. .5 is chance.
    pub auc: f64,
}

/// The curve of documents, each with its score and whether it is of the class; `None` unless there are some of both. Scores
/// that are no numbers count as the lowest.
pub fn roc(scored: impl IntoIterator<Item = (f32, bool)>) -> Option<Roc> {
    let lowest =
        |(score, member): (f32, bool)| (if score.is_nan() { f32::NEG_INFINITY } else { score }, member);
    let mut scored: Vec<(f32, bool)> = scored.into_iter().map(lowest).collect();
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let members = scored.iter().filter(|(_, member)| *member).count() as f64;
    let others = scored.len() as f64 - members;
    if members == 0.0 || others == 0.0 {
        return None;
    }
    let start = RocPoint { true_positive_rate: 0.0, false_positive_rate: 0.0, threshold: f32::INFINITY };
    let mut points = vec![start];
    let (mut found, mut wrong, mut area) = (0.0, 0.0, 0.0);
    for equal in scored.chunk_by(|a, b| a.0 == b.0) {
        let more = equal.iter().filter(|(_, member)| *member).count() as f64;
        let more_wrong = equal.len() as f64 - more;
        area += more_wrong * (found + 0.5 * more);
        found += more;
        wrong += more_wrong;
        let point = RocPoint {
            true_positive_rate: found / members,
            false_positive_rate: wrong / others,
            threshold: equal[0].0,
        };
        if let [.., before, last] = points[..] {
            let straight =
                |rate: fn(&RocPoint) -> f64| rate(&before) == rate(&last) && rate(&last) == rate(&point);
            if straight(|p| p.true_positive_rate) || straight(|p| p.false_positive_rate) {
                points.pop();
            }
        }
        points.push(point);
    }
    Some(Roc { points, auc: area / (members * others) })
}

/// F1 of each of `classes`, and their mean: macro-F1. `labels` are pairs of found and true class; a found class beyond
/// `classes` is none. 0 for a class that is neither found nor there.
pub fn f1(classes: usize, labels: impl IntoIterator<Item = (u32, u32)>) -> (Vec<f64>, f64) {
    let (mut right, mut found, mut there) =
        (vec![0usize; classes], vec![0usize; classes], vec![0usize; classes]);
    for (label, class) in labels {
        let (label, class) = (label as usize, class as usize);
        if label < classes {
            found[label] += 1;
        }
        if class < classes {
            there[class] += 1;
            right[class] += usize::from(label == class);
        }
    }
    let of = |class: usize| 2.0 * right[class] as f64 / (found[class] + there[class]).max(1) as f64;
    let each: Vec<f64> = (0..classes).map(of).collect();
    let mean = each.iter().sum::<f64>() / classes.max(1) as f64;
    (each, mean)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_curve_is_the_one_computed_by_hand() {
        // Members have .9, .8 and .4, the others .7, .4 and .1: of nine pairs seven are right and one is even.
        let scored = [(0.9, true), (0.8, true), (0.7, false), (0.4, true), (0.4, false), (0.1, false)];
        let found = roc(scored).unwrap();
        assert!((found.auc - 7.5 / 9.0).abs() < 1e-12);
        let points: Vec<(f64, f64)> =
            found.points.iter().map(|p| (p.false_positive_rate, p.true_positive_rate)).collect();
        let third = 1.0 / 3.0;
        assert_eq!(
            points,
            [(0.0, 0.0), (0.0, 2.0 * third), (third, 2.0 * third), (2.0 * third, 1.0), (1.0, 1.0)]
        );
        assert_eq!(found.points[1].threshold, 0.8);
    }

    #[test]
    fn chance_perfection_and_nothing_to_compare() {
        assert_eq!(roc([(1.0, true), (1.0, false)]).unwrap().auc, 0.5);
        assert_eq!(roc([(1.0, true), (f32::NAN, false)]).unwrap().auc, 1.0);
        assert!(roc([(1.0, true)]).is_none() && roc([]).is_none());
    }

    #[test]
    fn f1_is_that_of_scikit_learn() {
        // f1_score([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, -1, 2], labels=[0, 1, 2], average=None): 2/3, .8, 2/3.
        let labels = [(0, 0), (1, 0), (1, 1), (1, 1), (u32::MAX, 2), (2, 2)];
        let (each, mean) = f1(3, labels);
        assert!(each.iter().zip([2.0 / 3.0, 0.8, 2.0 / 3.0]).all(|(a, b)| (a - b).abs() < 1e-12), "{each:?}");
        assert!((mean - (0.8 + 4.0 / 3.0) / 3.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn the_area_counts_pairs(scored in prop::collection::vec((0u8..6, any::<bool>()), 2..40)) {
            let score = |at: usize| f32::from(scored[at].0);
            let members: Vec<usize> = (0..scored.len()).filter(|&at| scored[at].1).collect();
            let others: Vec<usize> = (0..scored.len()).filter(|&at| !scored[at].1).collect();
            prop_assume!(!members.is_empty() && !others.is_empty());
            let pairs = members.iter().flat_map(|&m| others.iter().map(move |&o| (m, o)));
            let won: f64 = pairs
                .map(|(m, o)| if score(m) > score(o) { 1.0 } else if score(m) == score(o) { 0.5 } else { 0.0 })
                .sum();
            let found = roc(scored.iter().map(|&(score, member)| (f32::from(score), member))).unwrap();
            prop_assert!((found.auc - won / (members.len() * others.len()) as f64).abs() < 1e-12);
            // The points alone give the same area.
            let area: f64 = found.points.windows(2).map(|p| {
                (p[1].false_positive_rate - p[0].false_positive_rate)
                    * 0.5 * (p[0].true_positive_rate + p[1].true_positive_rate)
            }).sum();
            prop_assert!((area - found.auc).abs() < 1e-9);
        }
    }
}
