//! Random rows, the same for the same seed.

/// `m` of the numbers below `n` (all of them where there are fewer), ascending, every set equally likely as far as
/// the hash can tell.
pub fn sample(n: usize, m: usize, seed: u64) -> Vec<u32> {
    let mut ids: Vec<u32> = (0..n as u32).collect();
    if m < n {
        ids.select_nth_unstable_by_key(m, |&id| (hash(seed, id), id));
        ids.truncate(m);
        ids.sort_unstable();
    }
    ids
}

/// SplitMix64 (Steele, Lea, Flood 2014), started from the seed's own output at a row's number.
fn hash(seed: u64, id: u32) -> u64 {
    mix(mix(seed).wrapping_add(u64::from(id)))
}

fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
