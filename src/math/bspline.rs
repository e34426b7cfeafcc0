//! Quintic B-splines on a grid of unit cells: how a point in a cell shares in the six nodes around it.

use std::f64::consts::PI;

/// Nodes that a point shares in, along each axis.
pub const ORDER: usize = 6;

/// [`ORDER`], filled up with zeros to whole SIMD lanes.
pub const WIDTH: usize = 8;

/// 120 times the coefficients of each power of t, from t⁰ to t⁵, for each node (Schoenberg 1946).
const COEFFICIENTS: [[f32; WIDTH]; ORDER] = [
    [1.0, 26.0, 66.0, 26.0, 1.0, 0.0, 0.0, 0.0],
    [-5.0, -50.0, 0.0, 50.0, 5.0, 0.0, 0.0, 0.0],
    [10.0, 20.0, -60.0, 20.0, 10.0, 0.0, 0.0, 0.0],
    [-10.0, 20.0, 0.0, -20.0, 10.0, 0.0, 0.0, 0.0],
    [5.0, -20.0, 30.0, -20.0, 5.0, 0.0, 0.0, 0.0],
    [-1.0, 5.0, -10.0, 10.0, -5.0, 1.0, 0.0, 0.0],
];
const SCALE: f32 = 1.0 / 120.0;

/// The weights of the six nodes for a point at `t` in [0, 1] of the cell between the third and the fourth of them.
/// They add up to 1.
#[inline(always)]
pub fn weights(t: f32) -> [f32; WIDTH] {
    let mut sum = COEFFICIENTS[ORDER - 1];
    for row in COEFFICIENTS[..ORDER - 1].iter().rev() {
        (0..WIDTH).for_each(|j| sum[j] = sum[j] * t + row[j]);
    }
    sum.map(|v| v * SCALE)
}

/// The derivatives of [`weights`] by `t`: they add up to 0.
#[inline(always)]
pub fn slopes(t: f32) -> [f32; WIDTH] {
    let mut sum = [0.0; WIDTH];
    for (power, row) in COEFFICIENTS.iter().enumerate().skip(1).rev() {
        (0..WIDTH).for_each(|j| sum[j] = sum[j] * t + power as f32 * row[j]);
    }
    sum.map(|v| v * SCALE)
}

/// The discrete Fourier transform of the spline at the nodes, at `frequency` of `period` nodes: above 0 throughout.
/// Dividing by it makes a weighted sum of splines pass through given values at the nodes.
pub fn transform(frequency: usize, period: usize) -> f64 {
    let angle = 2.0 * PI * frequency as f64 / period as f64;
    (66.0 + 52.0 * angle.cos() + 2.0 * (2.0 * angle).cos()) / 120.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recursion of de Boor (1972).
    fn truth(order: usize, x: f64) -> f64 {
        if order == 1 {
            return f64::from(u8::from((0.0..1.0).contains(&x)));
        }
        let p = order as f64;
        (x * truth(order - 1, x) + (p - x) * truth(order - 1, x - 1.0)) / (p - 1.0)
    }

    #[test]
    fn weights_and_slopes_are_those_of_the_recursion() {
        for step in 0..100 {
            let t = step as f32 / 100.0;
            let (weights, slopes) = (weights(t), slopes(t));
            for j in 0..WIDTH {
                let x = f64::from(t) + 5.0 - j as f64;
                assert!((f64::from(weights[j]) - truth(ORDER, x)).abs() < 1e-6);
                let slope = truth(ORDER - 1, x) - truth(ORDER - 1, x - 1.0);
                assert!((f64::from(slopes[j]) - slope).abs() < 1e-6, "{t} {j}");
            }
        }
    }

    #[test]
    fn the_transform_is_that_of_the_weights_at_a_node() {
        let at_node = weights(0.0);
        for frequency in 0..=8 {
            let angle = 2.0 * PI * frequency as f64 / 16.0;
            let sum: f64 = (0..5).map(|j| f64::from(at_node[j]) * (angle * (j as f64 - 2.0)).cos()).sum();
            assert!((sum - transform(frequency, 16)).abs() < 1e-6);
        }
    }
}
