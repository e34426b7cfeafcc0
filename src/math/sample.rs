//! Random rows, the same for the same seed.

use super::hash::mix;

/// `m` of the numbers below `n` (all of them where there are fewer), ascending, every set equally likely as far as
/// the hash can tell.
pub fn sample(n: usize, m: usize, seed: u64) -> Vec<u32> {
    let mut ids: Vec<u32> = (0..n as u32).collect();
    if m < n {
        ids.select_nth_unstable_by_key(m, |&id| (mix(mix(seed).wrapping_add(u64::from(id))), id));
        ids.truncate(m);
        ids.sort_unstable();
    }
    ids
}
