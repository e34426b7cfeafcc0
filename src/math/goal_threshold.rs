//! Where a score separates members from the rest, and what a score is worth as a probability.

/// Where the best F1 is against some members, and that F1. A text is a member from the threshold on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    pub at: f32,
    pub f1: f32,
}

/// Slopes of [`slope`] stay in here, so that scores neither jump nor say nothing.
const SLOPES: std::ops::RangeInclusive<f64> = 0.5..=20.0;
const NEWTON_STEPS: usize = 10;

/// The threshold on `scores` that agrees best with `member`.
pub fn best_threshold(scores: &[f32], member: impl Fn(usize) -> bool) -> Threshold {
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
    let members = (0..scores.len()).filter(|&i| member(i)).count();
    let mut best = Threshold { at: f32::INFINITY, f1: 0.0 };
    let mut hits = 0usize;
    for (place, &i) in order.iter().enumerate() {
        hits += usize::from(member(i as usize));
        let (score, next) = (scores[i as usize], order.get(place + 1).map(|&next| scores[next as usize]));
        // Equal scores stay together.
        if next == Some(score) {
            continue;
        }
        let f1 = 2.0 * hits as f32 / (place + 1 + members) as f32;
        if f1 > best.f1 {
            best = Threshold { at: next.map_or(score, |next| between(score, next)), f1 };
        }
    }
    best
}

/// Between two scores, the lower one left out.
fn between(score: f32, next: f32) -> f32 {
    let middle = next + (score - next) / 2.0;
    if middle > next { middle } else { score }
}

/// The threshold that parts `scores` into two groups of the least variance (Otsu 1979).
pub fn otsu(scores: &[f32]) -> f32 {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let n = sorted.len() as f64;
    let total: f64 = sorted.iter().map(|&x| f64::from(x)).sum();
    let (mut below, mut best) = (0.0f64, (f64::NEG_INFINITY, f32::INFINITY));
    for (at, pair) in sorted.windows(2).enumerate() {
        below += f64::from(pair[0]);
        let count = (at + 1) as f64;
        let apart = below / count - (total - below) / (n - count);
        let variance = count * (n - count) * apart * apart;
        if pair[0] < pair[1] && variance > best.0 {
            best = (variance, between(pair[1], pair[0]));
        }
    }
    best.1
}

/// The a for which 1 / (1 + exp(−a (score − threshold))) fits best who is a member (logistic regression without an
/// intercept, so that the threshold is worth one half).
pub fn slope(scores: &[f32], threshold: f32, member: impl Fn(usize) -> bool) -> f32 {
    let mut a = 1.0f64;
    // Without members there is no border to be steep at.
    if !threshold.is_finite() {
        return a as f32;
    }
    for _ in 0..NEWTON_STEPS {
        let (mut gradient, mut curvature) = (0.0, 0.0);
        for (i, score) in scores.iter().enumerate() {
            let x = f64::from(score - threshold);
            let p = 1.0 / (1.0 + (-a * x).exp());
            gradient += (f64::from(u8::from(member(i))) - p) * x;
            curvature += p * (1.0 - p) * x * x;
        }
        if curvature <= 0.0 {
            break;
        }
        a = (a + gradient / curvature).clamp(*SLOPES.start(), *SLOPES.end());
    }
    a as f32
}

/// A score as a probability.
pub fn calibrated(score: f32, threshold: f32, slope: f32) -> f32 {
    1.0 / (1.0 + (-slope * (score - threshold)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_threshold_lies_where_members_and_others_part() {
        let scores = [0.9, 0.8, 0.1, 0.2, 0.7];
        let found = best_threshold(&scores, |i| scores[i] > 0.5);
        assert!((found.at - 0.45).abs() < 1e-6);
        assert_eq!(found.f1, 1.0);
        assert!((otsu(&scores) - 0.45).abs() < 1e-6);
    }

    #[test]
    fn equal_scores_are_on_one_side() {
        let found = best_threshold(&[1.0, 1.0, 1.0, 0.0], |i| i == 0);
        assert_eq!(found.at, 0.5);
        assert_eq!(best_threshold(&[0.5; 3], |_| true).at, 0.5);
        assert_eq!(best_threshold(&[0.5; 3], |_| false).at, f32::INFINITY);
        assert_eq!(otsu(&[0.5; 3]), f32::INFINITY);
    }

    #[test]
    fn a_sharp_border_gives_a_steep_slope_and_a_blurred_one_a_flat_one() {
        let scores: Vec<f32> = (-50..50).map(|i| i as f32 / 10.0).collect();
        let sharp = slope(&scores, 0.0, |i| scores[i] >= 0.0);
        let blurred = slope(&scores, 0.0, |i| (scores[i] >= 0.0) == (i % 3 != 0));
        assert!(sharp > 10.0 && blurred < 1.0, "{sharp} {blurred}");
        assert_eq!(calibrated(2.0, 2.0, sharp), 0.5);
        let nobody = slope(&scores, f32::INFINITY, |_| false);
        assert_eq!(calibrated(1.0, f32::INFINITY, nobody), 0.0);
        assert!(calibrated(-1e9, 0.0, 20.0) >= 0.0 && calibrated(1e9, 0.0, 20.0) <= 1.0);
    }

    proptest! {
        #[test]
        fn no_other_threshold_agrees_better(scores in prop::collection::vec((0u8..9, any::<bool>()), 1..30)) {
            let values: Vec<f32> = scores.iter().map(|(score, _)| f32::from(*score)).collect();
            let f1 = |at: f32| {
                let hits = scores.iter().zip(&values).filter(|((_, m), v)| *m && **v >= at).count() as f32;
                let found = values.iter().filter(|v| **v >= at).count();
                2.0 * hits / (found + scores.iter().filter(|(_, m)| *m).count()).max(1) as f32
            };
            let best = best_threshold(&values, |i| scores[i].1);
            prop_assert!((f1(best.at) - best.f1).abs() < 1e-6);
            prop_assert!(values.iter().all(|at| f1(*at) <= best.f1 + 1e-6));
        }
    }
}
