//! One layout laid over another: moved, turned, mirrored and scaled so that each point comes to lie as near as possible to
//! where it lies on the other (Procrustes analysis; Gower & Dijksterhuis 2004).
//!
//! In the plane the best turn has a closed form. Points as complex numbers a and b, both centred: the sum of
//! |z a + t − b|² is least for z = Σ ā b / Σ |a|², with mirroring for z = Σ a b / Σ |a|² with ā for a.

/// Rounds of reweighting.
const ROUNDS: usize = 12;

/// A point this many typical distances off counts half: Cauchy's weight at his efficiency of 95 %, with distances in the
/// plane, whose median is 1.18 standard deviations, for the scale.
const HALF_WEIGHT: f64 = 2.0;

/// How the size of the moved layout is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// By least squares, as the method goes: the less two layouts agree, the smaller the moved one becomes.
    LeastSquares,
    /// Both spread equally: what two maps to be looked at side by side want.
    Even,
}

/// Which points count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// All alike.
    Equal,
    /// Those that end up far off count less (Cauchy's weights, reweighted until they settle): a group that has gone
    /// elsewhere does not turn the rest.
    Robust,
}

/// A similarity transform of the plane: (x, y) turned, perhaps mirrored before, scaled and moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    /// Scale times cosine and sine of the angle.
    turn: [f64; 2],
    mirrored: bool,
    shift: [f64; 2],
}

impl Similarity {
    /// Nothing moves.
    pub const IDENTITY: Self = Self { turn: [1.0, 0.0], mirrored: false, shift: [0.0; 2] };

    /// Where a point goes.
    pub fn of(&self, point: [f32; 2]) -> [f32; 2] {
        self.exactly(point.map(f64::from)).map(|v| v as f32)
    }

    fn exactly(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let y = if self.mirrored { -y } else { y };
        let [re, im] = self.turn;
        [re * x - im * y + self.shift[0], im * x + re * y + self.shift[1]]
    }

    /// How many times as large things become.
    pub fn scale(&self) -> f64 {
        self.turn[0].hypot(self.turn[1])
    }

    /// By how much things turn, counter-clockwise, in radians.
    pub fn angle(&self) -> f64 {
        self.turn[1].atan2(self.turn[0])
    }

    /// Whether things are mirrored (about the first axis, before they turn).
    pub fn is_mirrored(&self) -> bool {
        self.mirrored
    }
}

/// The transform that lays `from` over `onto`, given the pairs of points that belong together: the k-th of one and the
/// k-th of the other. Pairs with a coordinate that is not finite are left out. With fewer than two different points
/// there is nothing to turn, and they are only moved.
pub fn lay_over(from: &[[f32; 2]], onto: &[[f32; 2]], scale: Scale, weights: Weights) -> Similarity {
    let pairs: Vec<Pair> = from
        .iter()
        .zip(onto)
        .filter(|(a, b)| a.iter().chain(b.iter()).all(|v| v.is_finite()))
        .map(|(a, b)| Pair { a: a.map(f64::from), b: b.map(f64::from) })
        .collect();
    let mut factors = vec![1.0; pairs.len()];
    // How far points are off is judged by least squares: an even scale follows those that are far off.
    let mut found = fit(&pairs, &factors, Scale::LeastSquares);
    if weights == Weights::Robust {
        let mut off: Vec<f64> = Vec::with_capacity(pairs.len());
        for _ in 0..ROUNDS {
            off.clear();
            off.extend(pairs.iter().map(|pair| pair.off(&found)));
            let typical = median(&mut off.clone());
            if typical <= 0.0 {
                break;
            }
            for (factor, off) in factors.iter_mut().zip(&off) {
                *factor = 1.0 / (1.0 + (off / (HALF_WEIGHT * typical)).powi(2));
            }
            found = fit(&pairs, &factors, Scale::LeastSquares);
        }
    }
    if scale == Scale::LeastSquares { found } else { fit(&pairs, &factors, scale) }
}

struct Pair {
    a: [f64; 2],
    b: [f64; 2],
}

impl Pair {
    /// How far the one ends up from the other.
    fn off(&self, similarity: &Similarity) -> f64 {
        let [x, y] = similarity.exactly(self.a);
        (x - self.b[0]).hypot(y - self.b[1])
    }
}

fn fit(pairs: &[Pair], factors: &[f64], scale: Scale) -> Similarity {
    let weighed = || pairs.iter().zip(factors);
    let total: f64 = factors.iter().sum();
    if total <= 0.0 {
        return Similarity::IDENTITY;
    }
    let mean = |side: fn(&Pair) -> [f64; 2]| {
        [0, 1].map(|axis| weighed().map(|(pair, w)| w * side(pair)[axis]).sum::<f64>() / total)
    };
    let (mean_a, mean_b) = (mean(|pair| pair.a), mean(|pair| pair.b));
    let (mut straight, mut mirrored, mut spread_a, mut spread_b) = ([0.0; 2], [0.0; 2], 0.0, 0.0);
    for (pair, w) in weighed() {
        let [ax, ay] = [pair.a[0] - mean_a[0], pair.a[1] - mean_a[1]];
        let [bx, by] = [pair.b[0] - mean_b[0], pair.b[1] - mean_b[1]];
        // ā b, and a b.
        straight = [straight[0] + w * (ax * bx + ay * by), straight[1] + w * (ax * by - ay * bx)];
        mirrored = [mirrored[0] + w * (ax * bx - ay * by), mirrored[1] + w * (ax * by + ay * bx)];
        spread_a += w * (ax * ax + ay * ay);
        spread_b += w * (bx * bx + by * by);
    }
    let size = |z: [f64; 2]| z[0].hypot(z[1]);
    let is_mirrored = size(mirrored) > size(straight);
    let best = if is_mirrored { mirrored } else { straight };
    let turn = if size(best) <= 0.0 || spread_a <= 0.0 {
        [1.0, 0.0]
    } else {
        let length = match scale {
            Scale::LeastSquares => size(best) / spread_a,
            Scale::Even => (spread_b / spread_a).sqrt(),
        };
        best.map(|v| v / size(best) * length)
    };
    let turned = Similarity { turn, mirrored: is_mirrored, shift: [0.0; 2] };
    let [x, y] = turned.exactly(mean_a);
    Similarity { shift: [mean_b[0] - x, mean_b[1] - y], ..turned }
}

fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f64::total_cmp).1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::math::hash;

    fn scattered(n: usize, seed: u64) -> Vec<[f32; 2]> {
        (0..n as u64).map(|i| [0, 1].map(|axis| hash::normal(seed, 2 * i + axis) as f32)).collect()
    }

    fn squares(from: &[[f32; 2]], onto: &[[f32; 2]], similarity: &Similarity) -> f64 {
        from.iter()
            .zip(onto)
            .map(|(&a, &b)| Pair { a: a.map(f64::from), b: b.map(f64::from) }.off(similarity).powi(2))
            .sum()
    }

    proptest! {
        #[test]
        fn a_layout_that_was_moved_turned_mirrored_and_scaled_is_laid_back(
            angle in -3.1f64..3.1, scale in 0.1f64..10.0, mirrored: bool, x in -9.0f64..9.0, y in -9.0f64..9.0,
        ) {
            let from = scattered(40, 1);
            let truth = Similarity { turn: [scale * angle.cos(), scale * angle.sin()], mirrored, shift: [x, y] };
            let onto: Vec<[f32; 2]> = from.iter().map(|&p| truth.of(p)).collect();
            for weights in [Weights::Equal, Weights::Robust] {
                for size in [Scale::LeastSquares, Scale::Even] {
                    let found = lay_over(&from, &onto, size, weights);
                    prop_assert!((found.scale() - scale).abs() < 1e-4 * scale);
                    prop_assert_eq!(found.is_mirrored(), mirrored);
                    for (&a, &b) in from.iter().zip(&onto) {
                        let [x, y] = found.of(a);
                        prop_assert!((x - b[0]).hypot(y - b[1]) < 1e-3 * scale as f32);
                    }
                }
            }
        }

        #[test]
        fn nothing_near_it_has_a_smaller_sum_of_squares(
            seed in 0u64..50, change in prop::array::uniform4(-0.05f64..0.05), mirrored: bool,
        ) {
            let (from, other) = (scattered(30, seed), scattered(30, seed + 1000));
            let onto: Vec<[f32; 2]> =
                from.iter().zip(other).map(|(a, b)| [a[1] + 0.5 * b[0] + 2.0, b[1] - a[0]]).collect();
            let best = lay_over(&from, &onto, Scale::LeastSquares, Weights::Equal);
            let mut near = best;
            near.turn = [near.turn[0] + change[0], near.turn[1] + change[1]];
            near.shift = [near.shift[0] + change[2], near.shift[1] + change[3]];
            near.mirrored = best.mirrored;
            prop_assert!(squares(&from, &onto, &best) <= squares(&from, &onto, &near) + 1e-9);
            let turned = Similarity { turn: [change[0] * 40.0, change[1] * 40.0], mirrored, shift: best.shift };
            prop_assert!(squares(&from, &onto, &best) <= squares(&from, &onto, &turned) + 1e-9);
        }
    }

    #[test]
    fn a_group_that_has_gone_elsewhere_does_not_turn_the_rest() {
        let from = scattered(200, 4);
        let mut onto: Vec<[f32; 2]> = from.iter().map(|p| [-p[1], p[0]]).collect();
        // A quarter of them lies far away now.
        onto.iter_mut().take(50).for_each(|p| *p = [p[0] + 12.0, 3.0 * p[1] - 9.0]);
        let off = |similarity: &Similarity| squares(&from[50..], &onto[50..], similarity) / 150.0;
        let robust = off(&lay_over(&from, &onto, Scale::Even, Weights::Robust));
        let equal = off(&lay_over(&from, &onto, Scale::Even, Weights::Equal));
        assert!(robust < 0.01 && equal > 1.0, "{robust} {equal}");
    }

    #[test]
    fn an_even_scale_keeps_a_layout_that_has_little_in_common_as_large_as_the_other() {
        let (from, onto) = (scattered(500, 5), scattered(500, 6));
        assert!(lay_over(&from, &onto, Scale::LeastSquares, Weights::Equal).scale() < 0.2);
        let even = lay_over(&from, &onto, Scale::Even, Weights::Equal).scale();
        assert!((even - 1.0).abs() < 0.1, "{even}");
    }

    #[test]
    fn few_points_and_numbers_that_are_none_are_only_moved() {
        assert_eq!(lay_over(&[], &[], Scale::Even, Weights::Robust), Similarity::IDENTITY);
        let one =
            lay_over(&[[1.0, 1.0], [f32::NAN, 0.0]], &[[4.0, 5.0], [0.0, 0.0]], Scale::Even, Weights::Robust);
        assert_eq!(one.of([1.0, 1.0]), [4.0, 5.0]);
        assert_eq!(one.scale(), 1.0);
    }
}
