//! A small generator whose numbers are the same on every machine and in every version.

use super::hash;

/// SplitMix64 (Steele, Lea & Flood 2014): one word of state, every seed as good as another.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Streams of different seeds do not resemble each other.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(hash::STEP);
        hash::spread(self.0)
    }

    /// Below `bound`, which must not be 0; the bias of 2⁻⁶⁴ · `bound` is of no account here.
    pub fn below(&mut self, bound: usize) -> usize {
        hash::below(self.bits(), bound)
    }

    /// In [0, 1).
    pub fn unit(&mut self) -> f64 {
        hash::unit(self.bits())
    }

    /// Fisher–Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_stream() {
        let mut random = Random::new(1_234_567);
        assert_eq!([random.bits(), random.bits()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Random::new(3).shuffle(&mut items);
        assert!(!items.is_sorted());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
