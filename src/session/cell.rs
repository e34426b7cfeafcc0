//! One step's value: what it was made for, and the work under way for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::data::Key;
use crate::job::{Ctx, Event, Job, Outcome};
use crate::stage::StageError;

use super::StepState;

/// How the last work for a request ended without a (whole) value.
#[derive(Clone, Debug, PartialEq)]
enum Ended {
    Stopped,
    Failed(String),
}

/// The work under way.
struct Work<T> {
    request: Key,
    started: Instant,
    job: Job<Result<T, StageError>>,
}

/// What a look at a cell brought.
pub(super) enum News<T> {
    Value(T),
    Failed(String),
    Nothing,
}

/// A memo of one value, kept by *requests*: hashes of everything the value is computed from, known before any of it
/// is computed.
pub(super) struct Cell<T> {
    value: Option<T>,
    made_for: Option<Key>,
    ended: Option<(Key, Ended)>,
    work: Option<Work<T>>,
    pub took: Option<Duration>,
}

impl<T> Default for Cell<T> {
    fn default() -> Self {
        Self { value: None, made_for: None, ended: None, work: None, took: None }
    }
}

impl<T: Send + 'static> Cell<T> {
    pub fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// The value, if it belongs to `request`.
    pub fn fresh(&self, request: Option<Key>) -> Option<&T> {
        self.value.as_ref().filter(|_| request.is_some() && self.made_for == request)
    }

    /// Puts in a value that was not computed here (from a project, given vectors).
    pub fn fill(&mut self, request: Key, value: T) {
        self.value = Some(value);
        self.made_for = Some(request);
        self.ended = None;
    }

    /// Whether work for `request` should start now: it is wanted, not there, not under way, and did not end already.
    pub fn needs(&self, request: Option<Key>) -> bool {
        let Some(request) = request else { return false };
        self.made_for != Some(request)
            && self.work.as_ref().is_none_or(|work| work.request != request)
            && self.ended.as_ref().is_none_or(|(ended, _)| *ended != request)
    }

    /// Starts work for `request`; older work is cancelled.
    pub fn start(
        &mut self,
        name: &str,
        request: Key,
        wake: Arc<dyn Fn() + Send + Sync>,
        work: impl FnOnce(&Ctx) -> Result<T, StageError> + Send + 'static,
    ) {
        self.ended = None;
        match Job::spawn(name, wake, work) {
            Ok(job) => self.work = Some(Work { request, started: Instant::now(), job }),
            Err(error) => {
                let sentence =
                    format!("The system gives no thread to work on: {error}. Close other programs.");
                self.ended = Some((request, Ended::Failed(sentence)));
            }
        }
    }

    /// Looks whether the work under way is done, and keeps its value.
    pub fn poll(&mut self) -> News<&T> {
        let Some(outcome) = self.work.as_ref().and_then(|work| work.job.poll()) else { return News::Nothing };
        let Some(work) = self.work.take() else { return News::Nothing };
        let failure = match outcome {
            Outcome::Done(Ok(value)) => {
                self.took = Some(work.started.elapsed());
                self.made_for = Some(work.request);
                return News::Value(self.value.insert(value));
            }
            Outcome::Done(Err(StageError::Cancelled)) => {
                self.ended = Some((work.request, Ended::Stopped));
                return News::Nothing;
            }
            Outcome::Done(Err(StageError::Failed(sentence))) => sentence,
            Outcome::Panicked(message) => {
                tracing::error!("a step panicked: {message}");
                format!(
                    "This step met an internal error ({message}). Try again; if it stays, choose “Report a problem…” in \
                     the settings."
                )
            }
        };
        self.ended = Some((work.request, Ended::Failed(failure.clone())));
        News::Failed(failure)
    }

    /// Events of the work under way.
    pub fn events(&self) -> Vec<Event> {
        self.work.as_ref().map_or_else(Vec::new, |work| work.job.events().collect())
    }

    pub fn is_running(&self) -> bool {
        self.work.is_some()
    }

    /// The request of the work under way.
    pub fn running_for(&self) -> Option<Key> {
        self.work.as_ref().map(|work| work.request)
    }

    /// The work under way now serves another request: its parameters were changed while it runs.
    pub fn redirect(&mut self, request: Key) {
        if let Some(work) = &mut self.work {
            work.request = request;
        }
    }

    /// Asks the work to stop; what it hands over then is kept.
    pub fn stop(&self) {
        if let Some(work) = &self.work {
            work.job.cancel();
        }
    }

    /// Marks a value that is there, but unfinished, as stopped by a person.
    pub fn mark_stopped(&mut self) {
        if let Some(made_for) = self.made_for {
            self.ended = Some((made_for, Ended::Stopped));
        }
    }

    /// Drops the work under way, whose inputs are gone.
    pub fn abandon(&mut self) {
        self.work = None;
    }

    /// Forgets how the last work ended, and the value's freshness, so that it is computed again.
    pub fn again(&mut self) {
        self.work = None;
        self.ended = None;
        self.made_for = None;
    }

    /// The state for the panel.
    pub fn state(&self, request: Option<Key>) -> StepState {
        if let Some(work) = &self.work {
            return StepState::Running(work.job.progress().snapshot());
        }
        if let Some((ended_for, ended)) = &self.ended
            && Some(*ended_for) == request
        {
            return match ended {
                Ended::Stopped => StepState::Stopped,
                Ended::Failed(sentence) => StepState::Failed(sentence.clone()),
            };
        }
        match (&self.value, request) {
            (Some(_), Some(_)) if self.made_for == request => StepState::Done,
            (Some(_), _) => StepState::Stale,
            (None, _) => StepState::Waiting,
        }
    }
}
