//! How much greater the numbers inside a selection are than those outside.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::contrast::{erfc, two_sided};

/// Numbers of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many there are; mean and median are 0 where there are none.
    pub count: u32,
    pub mean: f64,
    pub median: f64,
}

/// The numbers inside against those outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RankContrast {
    pub inside: Spread,
    pub outside: Spread,
    /// Cliff's delta (1993): how much likelier a number inside is above one outside than below it, in [−1, 1]. Scores
    /// and counts are mostly small with a few huge ones, which would rule a difference of means in standard
    /// deviations; ranks they cannot. .147 is small, .33 medium, .474 large (Romano et al. 2006).
    pub cliffs_delta: f64,
    /// How likely so great a difference is by chance, either way (Mann & Whitney 1947, normal, corrected for ties).
    pub p_value: f64,
}

impl RankContrast {
    /// Compares numbers, each with whether it is inside; those that are not finite are left out.
    pub fn of(mut numbers: Vec<(f64, bool)>) -> Self {
        numbers.retain(|(number, _)| number.is_finite());
        numbers.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (inside, outside) = (spread(&numbers, true), spread(&numbers, false));
        let (m, n) = (f64::from(inside.count), f64::from(outside.count));
        if m == 0.0 || n == 0.0 {
            return Self { inside, outside, cliffs_delta: 0.0, p_value: 1.0 };
        }
        // Twice the number of pairs in which the one inside is greater, less those in which it is smaller, and the sum
        // of t³ − t over ties.
        let (mut greater, mut below, mut ties) = (0.0, 0.0, 0.0);
        for equal in numbers.chunk_by(|a, b| a.0 == b.0) {
            let t = equal.len() as f64;
            let inside_here = equal.iter().filter(|(_, inside)| *inside).count() as f64;
            let outside_here = t - inside_here;
            greater += inside_here * (below + 0.5 * outside_here);
            below += outside_here;
            ties += t * t * t - t;
        }
        let all = m + n;
        let variance = m * n / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
        let off = greater - 0.5 * m * n;
        let p_value = if variance > 0.0 { two_sided(off / variance.sqrt()) } else { 1.0 };
        Self { inside, outside, cliffs_delta: 2.0 * greater / (m * n) - 1.0, p_value }
    }

    /// Cohen's d of two normal distributions of equal width with this delta: for ranking beside
    /// [`Contrast::cohens_h`](super::contrast::Contrast::cohens_h), which is on the same scale.
    pub fn as_cohens_d(&self) -> f64 {
        // P(inside > outside) = Φ(d / √2) = (1 + δ) / 2, solved by halving.
        const WIDEST: f64 = 8.0;
        let (mut low, mut high) = (-WIDEST, WIDEST);
        for _ in 0..50 {
            let middle = 0.5 * (low + high);
            // Φ(x) = erfc(−x / √2) / 2
            if erfc(-middle / 2.0) < 1.0 + self.cliffs_delta { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }
}

/// Of the numbers of one side, which are in order.
fn spread(numbers: &[(f64, bool)], side: bool) -> Spread {
    let numbers: Vec<f64> = numbers.iter().filter(|(_, s)| *s == side).map(|(number, _)| *number).collect();
    let count = numbers.len();
    if count == 0 {
        return Spread::default();
    }
    let mean = numbers.iter().sum::<f64>() / count as f64;
    let median = 0.5 * (numbers[(count - 1) / 2] + numbers[count / 2]);
    Spread { count: count as u32, mean, median }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(inside: &[f64], outside: &[f64]) -> RankContrast {
        let side = |side| move |&number: &f64| (number, side);
        RankContrast::of(inside.iter().map(side(true)).chain(outside.iter().map(side(false))).collect())
    }

    #[test]
    fn figures_are_those_of_scipy() {
        // scipy.stats.mannwhitneyu([1, 2, 2, 5, 9], [1, 3, 6, 7, 7, 8, 10], use_continuity=False, method="asymptotic").
        let found = of(&[1.0, 2.0, 2.0, 5.0, 9.0], &[1.0, 3.0, 6.0, 7.0, 7.0, 8.0, 10.0]);
        assert!((found.cliffs_delta - (2.0 * 10.5 / 35.0 - 1.0)).abs() < 1e-12, "{found:?}");
        assert!((found.p_value - 0.253_118_9).abs() < 1e-5, "{found:?}");
        assert_eq!((found.inside.count, found.inside.mean, found.inside.median), (5, 3.8, 2.0));
        assert_eq!((found.outside.count, found.outside.mean, found.outside.median), (7, 6.0, 7.0));
    }

    #[test]
    fn one_huge_number_does_not_make_a_selection_great() {
        let found = of(&[1.0, 1.0, 1.0, 1e12], &[2.0, 2.0, 2.0, 2.0]);
        assert!(found.cliffs_delta < 0.0 && found.inside.mean > found.outside.mean);
    }

    #[test]
    fn nothing_on_a_side_and_equal_numbers_are_no_difference() {
        for found in [of(&[], &[1.0]), of(&[f64::NAN], &[1.0]), of(&[2.0, 2.0], &[2.0])] {
            assert_eq!((found.cliffs_delta, found.p_value), (0.0, 1.0));
            assert!(found.as_cohens_d().abs() < 1e-6);
        }
    }

    #[test]
    fn delta_of_two_normal_samples_gives_their_distance_back() {
        let sample = |seed, mean| (0..4000).map(move |i| crate::math::hash::normal(seed, i) + mean);
        let (inside, outside): (Vec<f64>, Vec<f64>) = (sample(1, 0.8).collect(), sample(2, 0.0).collect());
        let found = of(&inside, &outside);
        assert!((found.as_cohens_d() - 0.8).abs() < 0.06, "{}", found.as_cohens_d());
    }

    proptest! {
        #[test]
        fn delta_counts_pairs(
            inside in prop::collection::vec(0i32..8, 1..20), outside in prop::collection::vec(0i32..8, 1..20),
        ) {
            let floats = |numbers: &[i32]| numbers.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let pairs = inside.iter().flat_map(|a| outside.iter().map(move |b| (a - b).signum()));
            let wanted = f64::from(pairs.sum::<i32>()) / (inside.len() * outside.len()) as f64;
            let found = of(&floats(&inside), &floats(&outside));
            prop_assert!((found.cliffs_delta - wanted).abs() < 1e-12);
        }
    }
}
