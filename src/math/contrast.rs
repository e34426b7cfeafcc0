//! How different two shares are, how surely, and how many such findings are chance: what a table of two by two counts
//! tells.

use serde::{Deserialize, Serialize};

/// Where fewer than this are expected in a cell, probabilities are exact (Cochran 1954).
const EXACT_BELOW: f64 = 5.0;
/// Above this, Stirling's series gives factorials to the last digits.
const STIRLING_FROM: u64 = 16;

/// How many of some documents have something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub with: u32,
    /// Out of so many.
    pub of: u32,
}

impl Counts {
    /// In [0, 1]; 0 of none.
    pub fn share(self) -> f64 {
        if self.of == 0 { 0.0 } else { f64::from(self.with) / f64::from(self.of) }
    }
}

/// The same thing inside a selection and outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contrast {
    pub inside: Counts,
    pub outside: Counts,
}

impl Contrast {
    /// How many times as frequent it is inside: infinite where it is not outside at all, 1 where it is nowhere.
    pub fn lift(&self) -> f64 {
        let (inside, outside) = (self.inside.share(), self.outside.share());
        if inside == outside { 1.0 } else { inside / outside }
    }

    /// Cohen's h (1988), 2 asin √p − 2 asin √q: the difference of two shares on a scale where equal steps are equally
    /// easy to see. .2 is small, .5 medium, .8 large; at most π. Positive where it is more frequent inside.
    pub fn cohens_h(&self) -> f64 {
        let angle = |counts: Counts| 2.0 * counts.share().sqrt().asin();
        angle(self.inside) - angle(self.outside)
    }

    /// The natural logarithm of the odds inside over those outside, with an informative Dirichlet prior (Monroe, Colaresi
    /// & Quinn 2008, "Fightin' Words", eq. 15): each side counts as if it had `prior` more documents that are as all of
    /// both are on average. So a count of 0 gives a finite figure, and what little evidence there is counts for little.
    pub fn log_odds(&self, prior: f64) -> f64 {
        let with = f64::from(self.inside.with) + f64::from(self.outside.with);
        let of = f64::from(self.inside.of) + f64::from(self.outside.of);
        if with == 0.0 || with == of {
            return 0.0;
        }
        let log_odds = |counts: Counts| {
            let with_prior = f64::from(counts.with) + prior * with / of;
            (with_prior / (f64::from(counts.of) + prior - with_prior)).ln()
        };
        log_odds(self.inside) - log_odds(self.outside)
    }

    /// The signed root of the likelihood ratio G² (Dunning 1993): standard normal where inside and outside do not
    /// differ, and right where a count is 0, which the ratio of Monroe's log odds to their standard error is not: a word
    /// that all of the selection and nobody else uses would have next to no score. Positive where it is more frequent
    /// inside. G² is twice the number of texts times the information that the word gives on who is inside.
    pub fn z(&self) -> f64 {
        let cells = |counts: Counts| [f64::from(counts.with), f64::from(counts.of) - f64::from(counts.with)];
        let (inside, outside) = (cells(self.inside), cells(self.outside));
        let (n_inside, n_outside) = (f64::from(self.inside.of), f64::from(self.outside.of));
        let all = n_inside + n_outside;
        let term = |observed: f64, side: f64, column: f64| {
            if observed == 0.0 { 0.0 } else { observed * (observed * all / (side * column)).ln() }
        };
        let g: f64 = [0, 1]
            .map(|at| {
                let column = inside[at] + outside[at];
                term(inside[at], n_inside, column) + term(outside[at], n_outside, column)
            })
            .iter()
            .sum();
        let z = (2.0 * g).max(0.0).sqrt();
        if self.inside.share() < self.outside.share() { -z } else { z }
    }

    /// How likely a difference as great as this is by chance, either way: Fisher's exact test where a cell expects
    /// fewer than five documents, the likelihood ratio's χ² otherwise.
    pub fn p_value(&self) -> f64 {
        let [with, inside, outside] = [
            u64::from(self.inside.with) + u64::from(self.outside.with),
            u64::from(self.inside.of),
            u64::from(self.outside.of),
        ];
        let all = inside + outside;
        if inside == 0 || outside == 0 || with == 0 || with == all {
            return 1.0;
        }
        let least = inside.min(outside) as f64 * with.min(all - with) as f64 / all as f64;
        if least >= EXACT_BELOW { two_sided(self.z()) } else { self.fisher(with, inside, outside) }
    }

    /// The probability of all tables with these margins that are no likelier than this one.
    fn fisher(&self, with: u64, inside: u64, outside: u64) -> f64 {
        let margins = ln_choose(inside + outside, with);
        let ln_p = |a: u64| ln_choose(inside, a) + ln_choose(outside, with - a) - margins;
        // A hair more, lest tables that are as likely be left out by rounding.
        let observed = ln_p(u64::from(self.inside.with)) + 1e-7;
        let tables = with.saturating_sub(outside)..=with.min(inside);
        tables.map(ln_p).filter(|p| *p <= observed).map(f64::exp).sum::<f64>().min(1.0)
    }
}

/// ln n!.
fn ln_factorial(n: u64) -> f64 {
    if n < STIRLING_FROM {
        return (2..=n).map(|i| (i as f64).ln()).sum();
    }
    let n = n as f64;
    n * n.ln() - n + 0.5 * (std::f64::consts::TAU * n).ln() + 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3))
}

fn ln_choose(n: u64, k: u64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// The complement of the error function, to 1.2e-7 of its value (Press et al., Numerical Recipes, erfcc).
pub fn erfc(x: f64) -> f64 {
    const TERMS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x.abs());
    let series = TERMS.iter().rev().fold(0.0, |sum, term| sum * t + term);
    let tail = t * (series - x * x).exp();
    if x >= 0.0 { tail } else { 2.0 - tail }
}

/// The probability of a standard normal number as far from 0 as `z`, on either side.
pub fn two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2).min(1.0)
}

/// The least share of false discoveries at which each finding is kept (Benjamini & Hochberg 1995), in the order of the
/// probabilities.
pub fn false_discovery_rates(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[b].total_cmp(&p_values[a]));
    let tests = p_values.len();
    let mut rates = vec![1.0; tests];
    let mut least = 1.0f64;
    for (at, &test) in order.iter().enumerate() {
        least = least.min(p_values[test] * tests as f64 / (tests - at) as f64);
        rates[test] = least;
    }
    rates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contrast(inside: (u32, u32), outside: (u32, u32)) -> Contrast {
        let counts = |(with, of)| Counts { with, of };
        Contrast { inside: counts(inside), outside: counts(outside) }
    }

    fn close(got: f64, wanted: f64) -> bool {
        (got - wanted).abs() <= 1e-5 * wanted.abs()
    }

    #[test]
    fn figures_are_those_of_scipy() {
        // scipy.stats.fisher_exact([[8, 2], [1, 5]]), [[3, 997], [2, 99998]].
        assert!(close(contrast((8, 10), (1, 6)).p_value(), 0.034_965_034_965));
        assert!(close(contrast((3, 1000), (2, 100_000)).p_value(), 9.534_363_60e-6));
        // scipy.stats.chi2_contingency([[30, 70], [90, 810]], correction=False, lambda_="log-likelihood").
        let middling = contrast((30, 100), (90, 900));
        assert!(close(middling.z().powi(2), 26.527_770_0), "{}", middling.z().powi(2));
        assert!(close(middling.p_value(), 2.597_768_2e-7), "{}", middling.p_value());
        assert!(close(erfc(0.5), 0.479_500_122) && close(erfc(-0.5), 1.520_499_878));
        assert!(close(erfc(5.0), 1.537_459_794e-12));
        assert!(close(middling.cohens_h(), 2.0 * (0.3f64.sqrt().asin() - 0.1f64.sqrt().asin())));
        assert!(close(middling.lift(), 3.0));
    }

    #[test]
    fn a_word_of_the_whole_selection_and_nobody_else_is_the_surest() {
        let exclusive = contrast((100, 100), (0, 10_000));
        let shared = contrast((100, 100), (100, 10_000));
        assert!(exclusive.z() > shared.z() && exclusive.lift().is_infinite());
        assert!(exclusive.log_odds(10.0) > shared.log_odds(10.0));
    }

    #[test]
    fn a_prior_makes_odds_finite_and_draws_them_together() {
        let exclusive = contrast((20, 1000), (0, 10_000));
        let odds = [0.1, 1.0, 10.0, 100.0, 1e9].map(|prior| exclusive.log_odds(prior));
        assert!(odds.iter().all(|o| o.is_finite()) && odds.is_sorted_by(|a, b| a > b), "{odds:?}");
        assert!(odds[4] < 1e-3);
    }

    #[test]
    fn rates_of_false_discovery_are_those_of_scipy() {
        // scipy.stats.false_discovery_control([.01, .04, .03, .5]).
        let rates = false_discovery_rates(&[0.01, 0.04, 0.03, 0.5]);
        let wanted = [0.04, 0.053_333_333, 0.053_333_333, 0.5];
        assert!(rates.iter().zip(wanted).all(|(&got, wanted)| close(got, wanted)), "{rates:?}");
        assert!(false_discovery_rates(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn turning_inside_out_turns_every_sign(a in 0u32..50, b in 0u32..50, c in 0u32..50, d in 0u32..50) {
            let one = contrast((a, a + b), (c, c + d));
            let other = contrast((c, c + d), (a, a + b));
            let opposite = |x: f64, y: f64| (x + y).abs() < 1e-9;
            prop_assert!(opposite(one.cohens_h(), other.cohens_h()));
            prop_assert!(opposite(one.z(), other.z()) || one.inside.share() == one.outside.share());
            prop_assert!(opposite(one.log_odds(3.0), other.log_odds(3.0)));
            prop_assert!((one.p_value() - other.p_value()).abs() < 1e-6);
            prop_assert!((0.0..=1.0).contains(&one.p_value()));
        }
    }
}
