//! Keeping a map that moves, so that a kill costs seconds of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::data::{Key, Layout};
use crate::io::cache::Cache;
use crate::job::Ctx;

/// A map that moves is kept at most this often.
const EVERY: Duration = Duration::from_secs(5);

/// Keeping waits for the disk and the map waits for it: it takes at most one part in so many of the time.
const SHARE: u32 = 100;

/// A map under way: its positions, and what else its method goes on from, each of one pair of numbers a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct UnderWay {
    pub parts: Vec<Vec<[f32; 2]>>,
    pub epoch: usize,
}

/// The checkpoints of one map: of them the last is in the cache.
pub(super) struct Checkpoints<'a> {
    cache: Option<&'a Cache>,
    key: Key,
    /// When the next is due.
    due: Instant,
}

impl<'a> Checkpoints<'a> {
    /// Of the map that has the key `map` once it is finished; without a `cache` nothing is kept.
    pub fn new(cache: Option<&'a Cache>, map: Key) -> Self {
        let key = Key::of("map checkpoint", 1).input(map).finish();
        Self { cache, key, due: Instant::now() + EVERY }
    }

    /// Where an interrupted run of `n` documents and `epochs` rounds can go on: it has that many `parts`.
    pub fn load(&self, n: usize, parts: usize, epochs: usize) -> Option<UnderWay> {
        let kept = self.cache?.load_layout(self.key)?;
        let fits = kept.positions.len() == n * parts && kept.epochs.1 == epochs && kept.epochs.0 < epochs;
        let parts = || kept.positions.chunks(n.max(1)).map(<[_]>::to_vec).collect();
        fits.then(|| UnderWay { parts: parts(), epoch: kept.epochs.0 })
    }

    /// Keeps `parts`, if the last ones were kept long enough ago.
    pub fn offer(&mut self, parts: &[&[[f32; 2]]], epochs: (usize, usize), ctx: &Ctx) {
        if self.cache.is_some() && Instant::now() >= self.due {
            let began = Instant::now();
            self.save(parts, epochs, ctx);
            self.due = Instant::now() + EVERY.max(began.elapsed() * SHARE);
        }
    }

    /// Keeps `parts`, positions first: `epochs` are the rounds done and meant to be done. Where that fails a warning
    /// says so once, and the map goes on without.
    pub fn save(&mut self, parts: &[&[[f32; 2]]], epochs: (usize, usize), ctx: &Ctx) {
        let Some(cache) = self.cache else { return };
        // One file holds them all, so that no kill leaves parts of two rounds.
        let positions = Arc::new(parts.concat());
        let layout = Layout { key: self.key, positions, method: "under way".into(), epochs };
        if let Err(error) = cache.save_layout(&layout) {
            ctx.warn(format!(
                "The map cannot be kept while it moves, so a crash would begin it anew: {error}"
            ));
            self.cache = None;
        }
    }

    /// Gives the checkpoint up, once the map is finished.
    pub fn forget(&self) {
        if let Some(cache) = self.cache {
            cache.forget_layout(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_of_another_number_of_documents_or_rounds_are_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(folder.path().into())).unwrap();
        let mut checkpoints = Checkpoints::new(Some(&cache), Key::of("map", 1).finish());
        let ctx = Ctx::quiet();
        checkpoints.save(&[&[[1.0, 2.0]; 3], &[[3.0, 4.0]; 3]], (7, 20), &ctx);
        let parts = vec![vec![[1.0, 2.0]; 3], vec![[3.0, 4.0]; 3]];
        assert_eq!(checkpoints.load(3, 2, 20), Some(UnderWay { parts, epoch: 7 }));
        assert_eq!((checkpoints.load(4, 2, 20), checkpoints.load(3, 2, 21)), (None, None));
        assert_eq!(checkpoints.load(3, 1, 20), None);
        // A map that only just began is not worth the disk yet.
        checkpoints.offer(&[&[[3.0, 4.0]; 3], &[[5.0, 6.0]; 3]], (8, 20), &ctx);
        assert_eq!(checkpoints.load(3, 2, 20).unwrap().epoch, 7);
        checkpoints.forget();
        assert_eq!(checkpoints.load(3, 2, 20), None);
    }

    #[test]
    fn a_cache_that_cannot_be_written_costs_one_warning() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(folder.path().join("cache"))).unwrap();
        std::fs::remove_dir_all(folder.path().join("cache/layouts")).unwrap();
        std::fs::write(folder.path().join("cache/layouts"), b"in the way").unwrap();
        let (send, events) = std::sync::mpsc::channel();
        let ctx = Ctx::new(send, Arc::new(|| {}));
        let mut checkpoints = Checkpoints::new(Some(&cache), Key::of("map", 1).finish());
        checkpoints.save(&[&[[1.0, 2.0]; 3]], (7, 20), &ctx);
        checkpoints.save(&[&[[1.0, 2.0]; 3]], (8, 20), &ctx);
        assert_eq!(events.try_iter().count(), 1);
    }
}
