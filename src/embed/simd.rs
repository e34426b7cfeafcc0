//! Vector instructions for the encoder's loops.
//!
//! Loops are written once over [`pulp::Simd`] and compiled for AVX-512, AVX2 with FMA, NEON and plain scalars; the
//! best one is chosen when the program runs, so that one binary serves every machine. Results of two kinds
//! of processors differ in the last bits; on one machine they are always the same.

use pulp::{Simd, WithSimd};

/// Runs `op` with the best instructions of this machine.
pub(super) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = pulp::x86::V4::try_new() {
            return Simd::vectorize(simd, op);
        }
        if let Some(simd) = pulp::x86::V3::try_new() {
            return Simd::vectorize(simd, op);
        }
    }
    pulp::Arch::new().dispatch(op)
}

/// Floats in one vector register here.
pub(super) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    dispatch(Lanes)
}

/// eˣ to about 2 ulp for x up to 88; everything below −87 counts as −87, so that e⁻∞ is as good as 0.
///
/// x = n ln 2 + r with |r| ≤ ½ ln 2; eʳ by its Taylor series of degree 6, times 2ⁿ by way of the exponent bits.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// Adding 1.5 · 2²³ leaves the rounded integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first short enough that n times it is exact.
    const LN2_HIGH: f32 = 355.0 / 512.0;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const SERIES: [f32; 7] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    const EXPONENT_BIT: u32 = 23;

    let x = simd.max_f32s(x, simd.splat_f32s(-87.0));
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(std::f32::consts::LOG2_E), simd.splat_f32s(ROUND));
    let n = simd.sub_f32s(shifted, simd.splat_f32s(ROUND));
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN2_HIGH), x);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN2_LOW), r);
    let mut power = simd.splat_f32s(SERIES[0]);
    for c in &SERIES[1..] {
        power = simd.mul_add_e_f32s(power, r, simd.splat_f32s(*c));
    }
    let shift = simd.splat_u32s(EXPONENT_BIT);
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), shift);
    simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(power), exponent))
}

/// A function of one number, for all lanes of a register at once.
pub(super) trait Lanewise {
    fn of<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s;
}

/// Applies `f` to every element; the last, incomplete register is padded with zeros.
#[inline(always)]
pub(super) fn map<S: Simd>(simd: S, values: &mut [f32], f: impl Lanewise) {
    let (vectors, rest) = S::as_mut_simd_f32s(values);
    for v in vectors {
        *v = f.of(simd, *v);
    }
    if !rest.is_empty() {
        simd.partial_store_f32s(rest, f.of(simd, simd.partial_load_f32s(rest)));
    }
}

/// The function between the two layers of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    /// x Φ(x), with the exact normal distribution.
    Gelu,
    /// The same through tanh, as some models were trained.
    GeluTanh,
    Relu,
}

/// Applies an activation in place.
pub(super) fn activate(activation: Activation, values: &mut [f32]) {
    struct Activate<'a>(Activation, &'a mut [f32]);
    impl WithSimd for Activate<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            match self.0 {
                Activation::Gelu => map(simd, self.1, Gelu),
                Activation::GeluTanh => map(simd, self.1, GeluTanh),
                Activation::Relu => map(simd, self.1, Relu),
            }
        }
    }
    dispatch(Activate(activation, values));
}

/// x Φ(x) = max(x, 0) − ½ |x| erfc(|x| / √2), with erfc by Abramowitz & Stegun 7.1.26 (error below 1.5e-7).
struct Gelu;

impl Lanewise for Gelu {
    #[inline(always)]
    fn of<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        const P: f32 = 0.327_591_1;
        const SERIES: [f32; 5] = [1.061_405_4, -1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6];

        let size = simd.max_f32s(x, simd.sub_f32s(simd.splat_f32s(0.0), x));
        let z = simd.mul_f32s(size, simd.splat_f32s(std::f32::consts::FRAC_1_SQRT_2));
        let one = simd.splat_f32s(1.0);
        let t = simd.div_f32s(one, simd.mul_add_e_f32s(z, simd.splat_f32s(P), one));
        let mut sum = simd.splat_f32s(SERIES[0]);
        for c in &SERIES[1..] {
            sum = simd.mul_add_e_f32s(sum, t, simd.splat_f32s(*c));
        }
        let minus_z = simd.mul_f32s(size, simd.splat_f32s(-std::f32::consts::FRAC_1_SQRT_2));
        let tail = simd.mul_f32s(simd.mul_f32s(sum, t), exp(simd, simd.mul_f32s(z, minus_z)));
        let half = simd.mul_f32s(size, simd.splat_f32s(-0.5));
        simd.mul_add_e_f32s(half, tail, simd.max_f32s(x, simd.splat_f32s(0.0)))
    }
}

/// ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))) = x / (1 + e^(−2 …)).
struct GeluTanh;

impl Lanewise for GeluTanh {
    #[inline(always)]
    fn of<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        const CUBIC: f32 = 0.044_715;
        /// −2 √(2/π)
        const FACTOR: f32 = -1.595_769;
        /// Beyond it the result is 0 in f32, and e to that power still finite.
        const HIGHEST: f32 = 88.0;

        let square = simd.mul_f32s(x, x);
        let inner = simd.mul_add_e_f32s(simd.mul_f32s(square, simd.splat_f32s(CUBIC)), x, x);
        let power = simd.min_f32s(simd.mul_f32s(inner, simd.splat_f32s(FACTOR)), simd.splat_f32s(HIGHEST));
        simd.div_f32s(x, simd.add_f32s(simd.splat_f32s(1.0), exp(simd, power)))
    }
}

struct Relu;

impl Lanewise for Relu {
    #[inline(always)]
    fn of<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        simd.max_f32s(x, simd.splat_f32s(0.0))
    }
}

/// Layer norm: every row is centred, scaled to variance one, then scaled and shifted by learned vectors.
pub(super) struct LayerNorm {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) epsilon: f32,
}

impl LayerNorm {
    /// Normalises `rows` in place, after adding `added` where it is given.
    pub(super) fn apply(&self, rows: &mut [f32], added: Option<&[f32]>) {
        dispatch(Norm { norm: self, rows, added });
    }
}

struct Norm<'a> {
    norm: &'a LayerNorm,
    rows: &'a mut [f32],
    added: Option<&'a [f32]>,
}

impl WithSimd for Norm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.norm.scale.len();
        for (i, row) in self.rows.chunks_exact_mut(width).enumerate() {
            if let Some(added) = self.added {
                add(simd, row, &added[i * width..(i + 1) * width]);
            }
            let mean = sum(simd, row) / width as f32;
            let variance = squares_about(simd, row, mean) / width as f32;
            scale_and_shift(simd, row, self.norm, mean, 1.0 / (variance + self.norm.epsilon).sqrt());
        }
    }
}

#[inline(always)]
fn add<S: Simd>(simd: S, row: &mut [f32], added: &[f32]) {
    let (vectors, rest) = S::as_mut_simd_f32s(row);
    let (more, more_rest) = S::as_simd_f32s(added);
    for (x, y) in vectors.iter_mut().zip(more) {
        *x = simd.add_f32s(*x, *y);
    }
    for (x, y) in rest.iter_mut().zip(more_rest) {
        *x += y;
    }
}

#[inline(always)]
fn sum<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(row);
    let mut sum = simd.splat_f32s(0.0);
    for x in vectors {
        sum = simd.add_f32s(sum, *x);
    }
    simd.reduce_sum_f32s(sum) + rest.iter().sum::<f32>()
}

/// The sum of (x − mean)².
#[inline(always)]
fn squares_about<S: Simd>(simd: S, row: &[f32], mean: f32) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(row);
    let centre = simd.splat_f32s(mean);
    let mut sum = simd.splat_f32s(0.0);
    for x in vectors {
        let d = simd.sub_f32s(*x, centre);
        sum = simd.mul_add_e_f32s(d, d, sum);
    }
    simd.reduce_sum_f32s(sum) + rest.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>()
}

#[inline(always)]
fn scale_and_shift<S: Simd>(simd: S, row: &mut [f32], norm: &LayerNorm, mean: f32, inverse: f32) {
    let (centre, factor) = (simd.splat_f32s(mean), simd.splat_f32s(inverse));
    let (vectors, rest) = S::as_mut_simd_f32s(row);
    let (scale, scale_rest) = S::as_simd_f32s(&norm.scale);
    let (shift, shift_rest) = S::as_simd_f32s(&norm.shift);
    for (x, (scale, shift)) in vectors.iter_mut().zip(scale.iter().zip(shift)) {
        let standard = simd.mul_f32s(simd.sub_f32s(*x, centre), factor);
        *x = simd.mul_add_e_f32s(standard, *scale, *shift);
    }
    for (x, (scale, shift)) in rest.iter_mut().zip(scale_rest.iter().zip(shift_rest)) {
        *x = (*x - mean) * inverse * scale + shift;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Power;
    impl Lanewise for Power {
        #[inline(always)]
        fn of<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
            exp(simd, x)
        }
    }

    struct Exp<'a>(&'a mut [f32]);
    impl WithSimd for Exp<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            map(simd, self.0, Power);
        }
    }

    #[test]
    fn exp_is_right_to_a_few_ulp() {
        let xs: Vec<f32> = (-8600..8800).map(|i| i as f32 / 100.0).collect();
        let mut ys = xs.clone();
        dispatch(Exp(&mut ys));
        for (x, y) in xs.iter().zip(ys) {
            let wanted = f64::from(*x).exp();
            assert!((f64::from(y) / wanted - 1.0).abs() < 4e-7, "e^{x} is {wanted}, not {y}");
        }
        let mut ends = [f32::NEG_INFINITY, 0.0];
        dispatch(Exp(&mut ends));
        assert!(ends[0] < 1e-37);
        assert_eq!(ends[1], 1.0);
    }

    /// erf by its Taylor series, in f64; plenty of terms for |x| ≤ 4.
    fn erf(x: f64) -> f64 {
        let mut term = x;
        let mut sum = x;
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn gelu_agrees_with_the_normal_distribution() {
        let xs: Vec<f32> = (-550..=550).map(|i| i as f32 / 100.0).collect();
        let mut ys = xs.clone();
        activate(Activation::Gelu, &mut ys);
        for (x, y) in xs.iter().zip(&ys) {
            let x = f64::from(*x);
            let wanted = 0.5 * x * (1.0 + erf(x / 2f64.sqrt()));
            assert!((f64::from(*y) - wanted).abs() < 1e-6, "gelu({x}) is {wanted}, not {y}");
        }
        let mut far = [-1e4, 1e4];
        activate(Activation::Gelu, &mut far);
        assert!(far[0].abs() < 1e-30 && far[1] == 1e4);
    }

    #[test]
    fn the_tanh_form_of_gelu_follows_its_formula() {
        let xs: Vec<f32> = (-500..=500).map(|i| i as f32 / 50.0).collect();
        let mut ys = xs.clone();
        activate(Activation::GeluTanh, &mut ys);
        for (x, y) in xs.iter().zip(&ys) {
            let x = f64::from(*x);
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
            let wanted = 0.5 * x * (1.0 + inner.tanh());
            assert!((f64::from(*y) - wanted).abs() < 1e-5, "gelu({x}) is {wanted}, not {y}");
        }
        let mut far = [-1e4, 1e4];
        activate(Activation::GeluTanh, &mut far);
        assert!(far[0].abs() < 1e-30 && far[1] == 1e4);
    }

    #[test]
    fn a_normalised_row_has_mean_zero_and_variance_one() {
        for width in [1, 7, 16, 37, 384] {
            let norm = LayerNorm { scale: vec![1.0; width], shift: vec![0.0; width], epsilon: 1e-12 };
            let mut rows: Vec<f32> = (0..2 * width).map(|i| ((i * i) % 13) as f32 + 5.0).collect();
            let added: Vec<f32> = (0..2 * width).map(|i| (i % 5) as f32).collect();
            norm.apply(&mut rows, Some(&added));
            for row in rows.chunks(width).filter(|_| width > 1) {
                let mean = row.iter().sum::<f32>() / width as f32;
                let variance = row.iter().map(|x| x * x).sum::<f32>() / width as f32;
                assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "{width}: {mean}, {variance}");
            }
        }
    }
}
