//! Long work off the window's thread: progress and typed events come out, cancellation and the latest
//! parameters go in.

mod cancel;
pub mod derived;
mod latest;
pub mod panics;
mod priority;
mod progress;
mod worker;

pub use cancel::{Cancel, Cancelled};
pub use latest::Latest;
pub use priority::{promptly, step_back};
pub use progress::{Progress, Snapshot};
pub use worker::{Job, Outcome};

use std::sync::Arc;
use std::sync::mpsc::Sender;

/// What a job tells while it runs.
#[derive(Clone, Debug)]
pub enum Event {
    /// Something a person should know that did not stop the work, as one or two plain sentences.
    Warning(String),
    /// A layout so far: `positions` after `epoch` of `epochs` rounds.
    Layout { positions: Arc<Vec<[f32; 2]>>, epoch: usize, epochs: usize },
}

/// What every stage gets to speak with the outside while it works.
#[derive(Clone)]
pub struct Ctx {
    pub progress: Progress,
    pub cancel: Cancel,
    events: Option<Sender<Event>>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Ctx {
    /// A context nobody listens to, for tests and benches.
    pub fn quiet() -> Self {
        Self { progress: Progress::default(), cancel: Cancel::default(), events: None, wake: Arc::new(|| {}) }
    }

    /// A context for a part of this work that is not told of: it stops with this one.
    pub fn untold(&self) -> Self {
        Self { cancel: self.cancel.clone(), ..Self::quiet() }
    }

    /// A context whose events go to `events`; `wake` is called after each, so that a window repaints.
    pub fn new(events: Sender<Event>, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { progress: Progress::default(), cancel: Cancel::default(), events: Some(events), wake }
    }

    /// Sends an event; nobody listening is no error.
    pub fn send(&self, event: Event) {
        if let Some(events) = &self.events {
            // The receiver is gone when the job was dropped, and then cancellation ends the work.
            let _ = events.send(event);
            (self.wake)();
        }
    }

    /// Sends a warning.
    pub fn warn(&self, sentence: impl Into<String>) {
        self.send(Event::Warning(sentence.into()));
    }

    /// Asks the window to look at the job again.
    pub fn wake(&self) {
        (self.wake)();
    }
}
