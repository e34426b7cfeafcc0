//! Dot products and norms of vectors, in the widest instructions that the processor has.
//!
//! Every kernel adds its terms in an order that depends on the length alone, so that a product never depends
//! on where it is computed. Different instruction sets may round differently in the last digits.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// Squared norms outside this range are summed again in `f64`, lest squares overflow or vanish.
const SAFE_SQUARES: std::ops::Range<f32> = 1e-24..1e30;

/// Σ aᵢbᵢ. Both slices have one length; what a longer one has beyond it is left out.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the instructions were just found to be there.
            return unsafe { x86::dot_avx512(a, b) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: as above.
            return unsafe { x86::dot_avx2(a, b) };
        }
    }
    dot_portable(a, b)
}

/// What a vector is multiplied by to have length one; 0 where it has no direction (all zeros, or not finite).
pub fn inverse_norm(vector: &[f32]) -> f32 {
    let squares = dot(vector, vector);
    if SAFE_SQUARES.contains(&squares) {
        return squares.sqrt().recip();
    }
    let squares: f64 = vector.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    let inverse = squares.sqrt().recip() as f32;
    if squares.is_finite() && inverse.is_finite() { inverse } else { 0.0 }
}

/// Multiplies by a factor from [`inverse_norm`]; a factor of 0 gives zeros whatever was there.
pub fn scale(vector: &mut [f32], factor: f32) {
    if factor == 0.0 {
        vector.fill(0.0);
    } else {
        vector.iter_mut().for_each(|v| *v *= factor);
    }
}

/// The floats that `halves` stand for, into `out` of the same length.
pub fn widen(halves: &[f16], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("f16c") {
        // SAFETY: the instructions were just found to be there.
        return unsafe { x86::widen_f16c(halves, out) };
    }
    halves.convert_to_f32_slice(out);
}

/// As many partial sums as keep an ordinary processor's multipliers busy.
const LANES: usize = 16;

fn dot_portable(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use half::f16;

    #[target_feature(enable = "avx,f16c")]
    pub fn widen_f16c(halves: &[f16], out: &mut [f32]) {
        let ((halves, tail), (out, out_tail)) = (halves.as_chunks::<8>(), out.as_chunks_mut::<8>());
        for (halves, out) in halves.iter().zip(out) {
            // SAFETY: both chunks hold eight numbers.
            unsafe {
                let halves = _mm_loadu_si128(halves.as_ptr().cast());
                _mm256_storeu_ps(out.as_mut_ptr(), _mm256_cvtph_ps(halves));
            }
        }
        tail.iter().zip(out_tail).for_each(|(half, out)| *out = half.to_f32());
    }

    #[target_feature(enable = "avx512f")]
    pub fn dot_avx512(a: &[f32], b: &[f32]) -> f32 {
        const WIDTH: usize = 16;
        let mut sums = [_mm512_setzero_ps(); 4];
        let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<WIDTH>(), b.as_chunks::<WIDTH>());
        for (a, b) in a.chunks(4).zip(b.chunks(4)) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                // SAFETY: both chunks hold sixteen floats.
                let (a, b) = unsafe { (_mm512_loadu_ps(a.as_ptr()), _mm512_loadu_ps(b.as_ptr())) };
                *sum = _mm512_fmadd_ps(a, b, *sum);
            }
        }
        let mask = (1u16 << a_tail.len()) - 1;
        // SAFETY: the mask leaves out what lies beyond the tails, which have one length below sixteen.
        let (a, b) = unsafe {
            (_mm512_maskz_loadu_ps(mask, a_tail.as_ptr()), _mm512_maskz_loadu_ps(mask, b_tail.as_ptr()))
        };
        sums[0] = _mm512_fmadd_ps(a, b, sums[0]);
        let [s0, s1, s2, s3] = sums;
        _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)))
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
        const WIDTH: usize = 8;
        let mut sums = [_mm256_setzero_ps(); 4];
        let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<WIDTH>(), b.as_chunks::<WIDTH>());
        for (a, b) in a.chunks(4).zip(b.chunks(4)) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                // SAFETY: both chunks hold eight floats.
                let (a, b) = unsafe { (_mm256_loadu_ps(a.as_ptr()), _mm256_loadu_ps(b.as_ptr())) };
                *sum = _mm256_fmadd_ps(a, b, *sum);
            }
        }
        let [s0, s1, s2, s3] = sums;
        let mut lanes = [0f32; WIDTH];
        let sum = _mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3));
        // SAFETY: the array holds eight floats.
        unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), sum) };
        lanes.iter().sum::<f32>() + a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs() -> impl Strategy<Value = Vec<(f32, f32)>> {
        prop::collection::vec((-1f32..1.0, -1f32..1.0), 0..300)
    }

    fn plain(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    proptest! {
        #[test]
        fn every_kernel_agrees_with_a_plain_loop(pairs in pairs()) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let expected = plain(&a, &b);
            let close = |got: f32| (f64::from(got) - expected).abs() < 1e-4;
            prop_assert!(close(dot(&a, &b)));
            prop_assert!(close(dot_portable(&a, &b)));
            #[cfg(target_arch = "x86_64")]
            {
                // SAFETY: each kernel runs only where its instructions are.
                if is_x86_feature_detected!("avx512f") {
                    let got = unsafe { x86::dot_avx512(&a, &b) };
                    prop_assert!(close(got));
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    let got = unsafe { x86::dot_avx2(&a, &b) };
                    prop_assert!(close(got));
                }
            }
        }

        #[test]
        fn a_product_is_the_same_both_ways_round(pairs in pairs()) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            prop_assert_eq!(dot(&a, &b).to_bits(), dot(&b, &a).to_bits());
        }

        #[test]
        fn a_scaled_vector_has_length_one(pairs in pairs(), size in -28i32..28) {
            let mut vector: Vec<f32> = pairs.iter().map(|p| p.0 * 10f32.powi(size)).collect();
            let factor = inverse_norm(&vector);
            scale(&mut vector, factor);
            let length = plain(&vector, &vector).sqrt();
            prop_assert!((length - 1.0).abs() < 1e-4 || (factor == 0.0 && length == 0.0), "{} {}", factor, length);
        }
    }

    #[test]
    fn every_half_widens_to_the_float_it_stands_for() {
        let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).filter(|half| !half.is_nan()).collect();
        let mut floats = vec![0.0; halves.len()];
        widen(&halves, &mut floats);
        assert!(halves.iter().zip(&floats).all(|(half, float)| half.to_f32().to_bits() == float.to_bits()));
    }

    #[test]
    fn a_vector_without_direction_becomes_zeros() {
        for mut vector in [vec![0.0; 5], vec![1.0, f32::NAN], vec![f32::INFINITY, 1.0], vec![]] {
            let factor = inverse_norm(&vector);
            assert_eq!(factor, 0.0);
            scale(&mut vector, factor);
            assert!(vector.iter().all(|&v| v == 0.0));
        }
    }
}
