//! The last records of the program's log, kept for the log panel.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::job::panics;

/// Records kept; older ones are dropped.
const KEPT: usize = 2000;
/// Panics kept beside them, which emptying the log leaves alone.
const PANICS_KEPT: usize = 20;

/// One line of the log.
#[derive(Clone, Debug)]
pub struct Record {
    /// Since the log began.
    pub time: Duration,
    pub level: Level,
    pub target: String,
    pub message: String,
}

/// A ring of records: a layer of `tracing` on one side, the log panel on the other.
#[derive(Clone, Debug)]
pub struct LogBuffer {
    began: Instant,
    records: Arc<Mutex<VecDeque<Record>>>,
    panics: Arc<Mutex<VecDeque<Record>>>,
}

impl Default for LogBuffer {
    fn default() -> Self {
        Self { began: Instant::now(), records: Arc::default(), panics: Arc::default() }
    }
}

impl LogBuffer {
    /// The records from the oldest to the newest, read under the lock: `look` should be quick.
    pub fn with<R>(&self, look: impl FnOnce(&VecDeque<Record>) -> R) -> R {
        look(&self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last panics, oldest first.
    pub fn panics(&self) -> Vec<Record> {
        self.panics.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Adds a record.
    pub fn push(&self, record: Record) {
        if record.target == panics::TARGET {
            add(&self.panics, record.clone(), PANICS_KEPT);
        }
        add(&self.records, record, KEPT);
    }

    /// Drops all records.
    pub fn clear(&self) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn add(records: &Mutex<VecDeque<Record>>, record: Record, most: usize) {
    let mut records = match records.try_lock() {
        Ok(records) => records,
        // A panic while the records are looked at is told by the thread that holds them: waiting would be for ever.
        Err(TryLockError::WouldBlock) if std::thread::panicking() => return,
        Err(_) => records.lock().unwrap_or_else(PoisonError::into_inner),
    };
    if records.len() == most {
        records.pop_front();
    }
    records.push_back(record);
}

/// Sends the program's log to the standard error stream, as far as `RUST_LOG`'s level lets it, and to the buffer
/// that it returns. Call it once, at start-up.
pub fn install() -> LogBuffer {
    let log = LogBuffer::default();
    let level =
        std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::WARN);
    let ours =
        filter_fn(|meta| meta.target().starts_with(env!("CARGO_PKG_NAME")) || *meta.level() <= Level::WARN);
    let subscriber = tracing_subscriber::registry()
        .with(log.clone().with_filter(LevelFilter::INFO).with_filter(ours))
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(level));
    // A second call leaves the first subscriber in place.
    let _ = tracing::subscriber::set_global_default(subscriber);
    let _ = tracing_log::LogTracer::init();
    panics::log_places();
    log
}

impl<S: Subscriber> Layer<S> for LogBuffer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        // Records of the `log` crate carry where they came from as fields.
        let normalised = event.normalized_metadata();
        let meta = normalised.as_ref().unwrap_or_else(|| event.metadata());
        self.push(Record {
            time: self.began.elapsed(),
            level: *meta.level(),
            target: meta.target().to_owned(),
            message: message.0,
        });
    }
}

/// An event's message and fields as one line.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let between = if self.0.is_empty() { "" } else { "  " };
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{between}{value:?}"),
            // Where a record of the `log` crate came from: its file and line help nobody here.
            name if name.starts_with("log.") => Ok(()),
            name => write!(self.0, "{between}{name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_traced_arrives_with_its_level_and_fields() {
        let log = LogBuffer::default();
        let subscriber = tracing_subscriber::registry().with(log.clone());
        tracing::subscriber::with_default(subscriber, || tracing::warn!(rows = 3, "skipped"));
        log.with(|records| {
            assert_eq!(records.len(), 1);
            assert_eq!(records[0].level, Level::WARN);
            assert_eq!(records[0].message, "skipped  rows=3");
        });
    }

    #[test]
    fn panics_are_kept_when_the_log_is_emptied() {
        let log = LogBuffer::default();
        let subscriber = tracing_subscriber::registry().with(log.clone());
        tracing::subscriber::with_default(
            subscriber,
            || tracing::error!(target: panics::TARGET, "at a place"),
        );
        log.clear();
        assert_eq!(log.panics()[0].message, "at a place");
    }

    #[test]
    fn a_panic_while_the_log_is_shown_does_not_hang() {
        let log = LogBuffer::default();
        let look = std::panic::AssertUnwindSafe(|| {
            log.with(|_| {
                let _unwinding = Logs(log.clone());
                panic!("while looking");
            })
        });
        assert!(std::panic::catch_unwind(look).is_err());
    }

    /// Logs when it is dropped.
    struct Logs(LogBuffer);

    impl Drop for Logs {
        fn drop(&mut self) {
            let message = String::new();
            self.0.push(Record { time: Duration::ZERO, level: Level::INFO, target: String::new(), message });
        }
    }

    #[test]
    fn the_oldest_records_make_room() {
        let log = LogBuffer::default();
        for i in 0..=KEPT {
            let message = i.to_string();
            log.push(Record { time: Duration::ZERO, level: Level::INFO, target: String::new(), message });
        }
        log.with(|records| {
            assert_eq!(records.len(), KEPT);
            assert_eq!(records[0].message, "1");
        });
    }
}
