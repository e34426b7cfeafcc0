//! The curve that UMAP lays over distances on the map: 1 / (1 + a x^{2b}).

/// Points at which the wanted curve is sampled, over [0, 3 · spread].
const SAMPLES: usize = 300;

/// Rounds of Levenberg–Marquardt; sensible parameters need about ten.
const ROUNDS: usize = 200;

/// Bounds that keep the forces finite when the wanted curve has no shape at all.
const A_BOUNDS: (f64, f64) = (1e-4, 1e4);
const B_BOUNDS: (f64, f64) = (0.1, 4.0);

/// a and b of 1 / (1 + a x^{2b}), fitted by least squares to 1 for x < `min_dist` and
/// exp(−(x − min_dist) / spread) beyond (McInnes et al. 2018, §3.3).
///
/// Values out of range are moved to the nearest that makes sense (`min_dist` to at most `spread`): any pair gives
/// finite, positive a and b.
pub fn fit_curve(min_dist: f32, spread: f32) -> (f32, f32) {
    let spread = f64::from(if spread.is_finite() { spread.clamp(1e-3, 1e3) } else { 1.0 });
    let min_dist = f64::from(if min_dist.is_finite() { min_dist.max(0.0) } else { 0.0 }).min(spread);
    let points: Vec<(f64, f64)> = (0..SAMPLES)
        .map(|i| {
            let x = 3.0 * spread * i as f64 / (SAMPLES - 1) as f64;
            (x, if x < min_dist { 1.0 } else { (-(x - min_dist) / spread).exp() })
        })
        .collect();
    // In the logarithms of a and b both stay positive, and one step size suits all scales.
    let mut at = [0.0f64, 0.0];
    let mut error = squared_error(&points, at);
    let mut damping = 1e-2;
    for _ in 0..ROUNDS {
        let (hessian, gradient) = normal_equations(&points, at);
        let (m00, m11) = (hessian[0] * (1.0 + damping) + 1e-12, hessian[2] * (1.0 + damping) + 1e-12);
        let determinant = m00 * m11 - hessian[1] * hessian[1];
        let step = [
            (gradient[0] * m11 - gradient[1] * hessian[1]) / determinant,
            (gradient[1] * m00 - gradient[0] * hessian[1]) / determinant,
        ];
        let next = [
            (at[0] + step[0]).clamp(A_BOUNDS.0.ln(), A_BOUNDS.1.ln()),
            (at[1] + step[1]).clamp(B_BOUNDS.0.ln(), B_BOUNDS.1.ln()),
        ];
        let next_error = squared_error(&points, next);
        if next_error < error {
            let gain = error - next_error;
            (at, error, damping) = (next, next_error, damping * 0.3);
            if gain < 1e-14 * error {
                break;
            }
        } else {
            damping *= 4.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    (at[0].exp() as f32, at[1].exp() as f32)
}

fn squared_error(points: &[(f64, f64)], [ln_a, ln_b]: [f64; 2]) -> f64 {
    let (a, b) = (ln_a.exp(), ln_b.exp());
    points.iter().map(|&(x, y)| (y - 1.0 / (1.0 + a * x.powf(2.0 * b))).powi(2)).sum()
}

/// JᵀJ as its three distinct entries, and Jᵀr.
fn normal_equations(points: &[(f64, f64)], [ln_a, ln_b]: [f64; 2]) -> ([f64; 3], [f64; 2]) {
    let (a, b) = (ln_a.exp(), ln_b.exp());
    let mut hessian = [0.0; 3];
    let mut gradient = [0.0; 2];
    for &(x, y) in points.iter().filter(|(x, _)| *x > 0.0) {
        let power = a * x.powf(2.0 * b);
        let value = 1.0 / (1.0 + power);
        let by_ln_a = -power * value * value;
        let by_ln_b = by_ln_a * 2.0 * b * x.ln();
        let residual = y - value;
        hessian[0] += by_ln_a * by_ln_a;
        hessian[1] += by_ln_a * by_ln_b;
        hessian[2] += by_ln_b * by_ln_b;
        gradient[0] += by_ln_a * residual;
        gradient[1] += by_ln_b * residual;
    }
    (hessian, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_usual_parameters_give_the_published_curve() {
        let (a, b) = fit_curve(0.1, 1.0);
        assert!((a - 1.5769).abs() < 1e-3 && (b - 0.8951).abs() < 1e-3, "{a} {b}");
    }

    /// min_dist, spread, a, b by `scipy.optimize.curve_fit` on the same 300 points.
    const GOLDEN: [(f32, f32, f32, f32); 7] = [
        (0.0, 1.0, 1.93281, 0.79049),
        (0.1, 1.0, 1.57694, 0.89506),
        (0.5, 1.0, 0.58303, 1.33417),
        (0.1, 2.0, 0.54466, 0.84206),
        (0.05, 0.5, 5.45377, 0.89506),
        (0.99, 1.0, 0.11931, 1.91639),
        (1.5, 3.0, 0.03109, 1.33417),
    ];

    #[test]
    fn curves_agree_with_an_independent_fit() {
        for (min_dist, spread, a, b) in GOLDEN {
            let fitted = fit_curve(min_dist, spread);
            assert!(
                (fitted.0 / a - 1.0).abs() < 1e-3 && (fitted.1 / b - 1.0).abs() < 1e-3,
                "{fitted:?} {a} {b}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_parameters_give_a_curve_that_falls_from_one(min_dist in 0.0f32..5.0, spread in 0.05f32..5.0) {
            let (a, b) = fit_curve(min_dist, spread);
            prop_assert!(a.is_finite() && b.is_finite() && a > 0.0 && b > 0.0);
            let min_dist = min_dist.min(spread);
            let at = |x: f32| 1.0 / (1.0 + a * x.powf(2.0 * b));
            // Near one inside min_dist, clearly lower far outside.
            prop_assert!(at(min_dist * 0.25) > 0.7, "{a} {b}");
            prop_assert!(at(min_dist + 4.0 * spread) < 0.6, "{a} {b}");
        }
    }

    #[test]
    fn numbers_that_are_none_give_a_curve_all_the_same() {
        for (min_dist, spread) in
            [(f32::NAN, 1.0), (0.1, f32::INFINITY), (-1.0, 0.0), (f32::INFINITY, f32::NAN)]
        {
            let (a, b) = fit_curve(min_dist, spread);
            assert!(a.is_finite() && b.is_finite() && a > 0.0 && b > 0.0);
        }
    }
}
