//! How far a stage is, how fast it goes and how long it will take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A rate is shown only after this much time, when it means something.
const SETTLE: Duration = Duration::from_millis(500);

/// Shared by the loops that advance it and the bar that shows it. Cheap to clone and to advance.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    stage: Mutex<Stage>,
    done: AtomicU64,
    total: AtomicU64,
}

#[derive(Debug, Default)]
struct Stage {
    name: String,
    unit: &'static str,
    started: Option<Instant>,
    /// Work that was already there when the stage began (a resumed run): it does not count for the rate.
    before: u64,
}

/// What a progress bar shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The stage's name as a person reads it: "Embedding".
    pub stage: String,
    /// What is counted: "texts", "epochs".
    pub unit: &'static str,
    pub done: u64,
    /// 0 where it is not known.
    pub total: u64,
    /// Units a second, once it is known.
    pub rate: Option<f64>,
    /// Time left, where total and rate are known.
    pub left: Option<Duration>,
}

impl Progress {
    /// Begins a named stage of `total` units (0: unknown), `before` of which are done already.
    pub fn begin(&self, name: &str, unit: &'static str, total: u64, before: u64) {
        let mut stage = self.0.stage.lock().unwrap_or_else(PoisonError::into_inner);
        *stage = Stage { name: name.to_owned(), unit, started: Some(Instant::now()), before };
        self.0.done.store(before, Ordering::Relaxed);
        self.0.total.store(total, Ordering::Relaxed);
    }

    /// Counts `units` more as done.
    pub fn advance(&self, units: u64) {
        self.0.done.fetch_add(units, Ordering::Relaxed);
    }

    /// Sets how many units are done.
    pub fn set(&self, done: u64) {
        self.0.done.store(done, Ordering::Relaxed);
    }

    /// The state for a bar; `None` before the first stage began.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let stage = self.0.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = stage.started?.elapsed();
        let done = self.0.done.load(Ordering::Relaxed);
        let total = self.0.total.load(Ordering::Relaxed);
        let fresh = done.saturating_sub(stage.before);
        let rate = (elapsed >= SETTLE && fresh > 0).then(|| fresh as f64 / elapsed.as_secs_f64());
        let left = rate
            .filter(|_| total > 0)
            .map(|rate| Duration::from_secs_f64(total.saturating_sub(done) as f64 / rate));
        Some(Snapshot { stage: stage.name.clone(), unit: stage.unit, done, total, rate, left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_counts_what_was_done_before() {
        let progress = Progress::default();
        assert_eq!(progress.snapshot(), None);
        progress.begin("Embedding", "texts", 10, 4);
        progress.advance(2);
        let now = progress.snapshot().unwrap();
        assert_eq!((now.stage.as_str(), now.done, now.total), ("Embedding", 6, 10));
    }
}
