//! Random numbers without a state: a hash of what they are for, so that any thread can draw any of them.

/// What SplitMix64 (Steele, Lea & Flood 2014) adds to its state for each number.
pub const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Spreads a word's bits over all of it (the finaliser of SplitMix64); 0 stays 0.
pub fn spread(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// Mixes 64 bits thoroughly: one number of SplitMix64 from the state `value`.
pub fn mix(value: u64) -> u64 {
    spread(value.wrapping_add(STEP))
}

/// The hash of `counter` in the stream `seed`.
pub fn draw(seed: u64, counter: u64) -> u64 {
    mix(mix(seed) ^ counter)
}

/// A 32-bit hash whose products stay in 32 bits, as SIMD lanes want (Wellons' lowbias32).
#[inline(always)]
pub fn mix32(value: u32) -> u32 {
    let value = (value ^ (value >> 16)).wrapping_mul(0x21F0_AAAD);
    let value = (value ^ (value >> 15)).wrapping_mul(0xD35A_2D97);
    value ^ (value >> 15)
}

/// A number in [0, 1) from a hash, with 53 random bits.
pub fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// A number below `n` from a hash; 0 where `n` is 0.
pub fn below(hash: u64, n: usize) -> usize {
    ((u128::from(hash) * n as u128) >> 64) as usize
}

/// A standard normal number from two draws of the stream `seed` (Box and Muller 1958).
pub fn normal(seed: u64, counter: u64) -> f64 {
    let radius = (-2.0 * (1.0 - unit(draw(seed, 2 * counter))).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(draw(seed, 2 * counter + 1))).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let numbers: Vec<f64> = (0..20_000).map(|i| normal(7, i)).collect();
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        let variance = numbers.iter().map(|v| v * v).sum::<f64>() / numbers.len() as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn numbers_below_a_bound_reach_every_value_and_no_more() {
        let mut seen = [0; 5];
        (0..1000).for_each(|i| seen[below(draw(1, i), 5)] += 1);
        assert!(seen.iter().all(|&count| (130..270).contains(&count)), "{seen:?}");
    }
}
