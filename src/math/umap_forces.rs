//! The forces of UMAP's layout, many points side by side, one a SIMD lane.
//!
//! The arithmetic is additions, products and divisions in a fixed order: lanes of any width, and machines, agree.

use super::umap::UmapParams;
use super::umap_curve::fit_curve;

/// Points side by side.
pub(super) const LANES: usize = 32;

/// A number for each of the points.
pub(super) type Lanes = [f32; LANES];

/// Each component of one step is clipped to this before the learning rate.
const CLIP: f32 = 4.0;

/// An edge is stored from either end, and the sequential form moves both ends for each. Here a point moves only itself,
/// so that it takes both pulls at once (measured as true as two steps in a row, and an eighth faster).
pub(super) const BOTH_ENDS: f32 = 2.0;

/// Keeps the repulsion of close points finite.
const SOFTENING: f32 = 0.001;

/// Squared distances are raised to this, so that no power of them overflows.
const LEAST_SQUARED: f32 = 1e-12;

/// Negatives a step are at most this many.
const MAX_NEGATIVES: usize = 200;

/// The parameters as the inner loop wants them: attraction is `attraction` d^(2b) / (d² (1 + a d^(2b))), repulsion
/// `repulsion` / ((.001 + d²) (1 + a d^(2b))), each times the difference of the positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forces {
    pub a: f32,
    pub b: f32,
    pub attraction: f32,
    pub repulsion: f32,
    /// Points pushed away for each pulled near.
    pub negatives: u32,
}

impl Forces {
    pub(super) fn new(params: &UmapParams) -> Self {
        let (a, b) = fit_curve(params.min_dist, params.spread);
        let repulsion = if params.repulsion.is_finite() { params.repulsion.clamp(0.0, 1e3) } else { 1.0 };
        Self {
            a,
            b,
            attraction: -2.0 * a * b,
            repulsion: 2.0 * b * repulsion,
            negatives: params.negatives.min(MAX_NEGATIVES) as u32,
        }
    }

    /// What the difference of two positions so far apart, squared, is multiplied by where an edge pulls: below 0.
    #[inline(always)]
    pub(super) fn pull(&self, squared: f32) -> f32 {
        let squared = squared.max(LEAST_SQUARED);
        let power = power(squared, self.b);
        self.attraction * power / (squared * (1.0 + self.a * power))
    }

    /// The same where a point pushes: 0 or more.
    #[inline(always)]
    pub(super) fn push(&self, squared: f32) -> f32 {
        let squared = squared.max(LEAST_SQUARED);
        let power = power(squared, self.b);
        self.repulsion / ((SOFTENING + squared) * (1.0 + self.a * power))
    }

    /// One step of every lane towards its target, by the pull of both ends.
    #[inline(always)]
    pub(super) fn attract(&self, x: &mut Lanes, y: &mut Lanes, tx: &Lanes, ty: &Lanes, rate: &Lanes) {
        for lane in 0..LANES {
            let (dx, dy) = (x[lane] - tx[lane], y[lane] - ty[lane]);
            let pull = self.pull(dx * dx + dy * dy);
            x[lane] += BOTH_ENDS * rate[lane] * clip(pull * dx);
            y[lane] += BOTH_ENDS * rate[lane] * clip(pull * dy);
        }
    }

    /// One step of every lane away from its target.
    #[inline(always)]
    pub(super) fn repel(&self, x: &mut Lanes, y: &mut Lanes, tx: &Lanes, ty: &Lanes, rate: &Lanes) {
        for lane in 0..LANES {
            let (dx, dy) = (x[lane] - tx[lane], y[lane] - ty[lane]);
            let push = self.push(dx * dx + dy * dy);
            x[lane] += rate[lane] * clip(push * dx);
            y[lane] += rate[lane] * clip(push * dy);
        }
    }
}

#[inline(always)]
pub(super) fn clip(v: f32) -> f32 {
    v.clamp(-CLIP, CLIP)
}

/// `v` to the `exponent`, for positive normal `v`, within 2e-5 of the true value, by polynomials for log₂ and 2ˣ:
/// the same on every machine, which the C library's is not.
#[inline(always)]
fn power(v: f32, exponent: f32) -> f32 {
    // v = 2^e · m with m in [√½, √2).
    let bits = v.to_bits();
    let shifted = bits.wrapping_sub(0x3F35_04F3);
    let e = (shifted as i32 >> 23) as f32;
    let m = f32::from_bits(bits.wrapping_sub(shifted & 0xFF80_0000));
    // Polynomials of least error, 2e-6 and 3e-6.
    let u = m - 1.0;
    let tail = 0.479_348 + u * (-0.367_489_93 + u * (0.322_154_88 - u * 0.206_591_95));
    let log2 = e + u * (1.442_713_5 + u * (-0.721_131_86 + u * tail));
    // 2^y = 2^k · 2^f with f in [−½, ½]; adding and taking away 1.5 · 2²³ rounds to a whole number.
    let y = (log2 * exponent).clamp(-125.0, 125.0);
    let whole = y + 12_582_912.0;
    let f = y - (whole - 12_582_912.0);
    let scale = f32::from_bits((whole.to_bits() << 23).wrapping_add(0x3F80_0000));
    let exp2 = 1.0 + f * (0.693_124_2 + f * (0.240_241 + f * (0.055_906_426 + f * 0.009_582_858)));
    exp2 * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_close_to_the_true_ones() {
        for i in 0..4000 {
            let v = 10f32.powf(-11.0 + i as f32 * 0.005);
            for exponent in [0.1, 0.8951, 1.0, 2.5] {
                let truth = f64::from(v).powf(f64::from(exponent));
                let share = (f64::from(power(v, exponent)) / truth - 1.0).abs();
                assert!(share < 2e-5 || !(1e-37..1e37).contains(&truth), "{v}^{exponent}: {share}");
            }
        }
    }
}
