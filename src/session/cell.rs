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
    /// Values of earlier requests, the latest last, so that going back to them costs no work.
    earlier: Vec<Earlier<T>>,
    remembers: usize,
}

/// A value that another one has replaced.
struct Earlier<T> {
    made_for: Key,
    value: T,
    ended: Option<Ended>,
    took: Option<Duration>,
}

impl<T> Default for Cell<T> {
    fn default() -> Self {
        Self {
            value: None,
            made_for: None,
            ended: None,
            work: None,
            took: None,
            earlier: Vec::new(),
            remembers: 0,
        }
    }
}

impl<T: Send + 'static> Cell<T> {
    /// A cell that also keeps the values of up to `count` earlier requests.
    pub fn remembering(count: usize) -> Self {
        Self { remembers: count, ..Self::default() }
    }

    /// Puts the value that is there behind, where it can be found again.
    fn put_behind(&mut self) {
        let (Some(value), Some(made_for)) = (self.value.take(), self.made_for.take()) else { return };
        let ended = self.ended.take().filter(|(ended_for, _)| *ended_for == made_for).map(|(_, ended)| ended);
        self.earlier.retain(|earlier| earlier.made_for != made_for);
        self.earlier.push(Earlier { made_for, value, ended, took: self.took.take() });
        let many = self.earlier.len().saturating_sub(self.remembers);
        self.earlier.drain(..many);
    }

    /// Takes up an earlier value of `request`, if one is remembered; work for another request is dropped then.
    pub fn recall(&mut self, request: Option<Key>) -> bool {
        let Some(request) = request.filter(|request| self.made_for != Some(*request)) else { return false };
        let Some(at) = self.earlier.iter().position(|earlier| earlier.made_for == request) else {
            return false;
        };
        let Earlier { made_for, value, ended, took } = self.earlier.remove(at);
        self.put_behind();
        self.work = None;
        (self.value, self.made_for, self.took) = (Some(value), Some(made_for), took);
        self.ended = ended.map(|ended| (made_for, ended));
        true
    }

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

    /// Puts in a value of other inputs or parameters than the present ones. Nothing starts until a person asks.
    pub fn fill_stale(&mut self, request: Option<Key>, value: T) {
        self.value = Some(value);
        self.made_for = None;
        self.rest(request);
    }

    /// Does not start work for `request` until a person asks.
    pub fn rest(&mut self, request: Option<Key>) {
        if let Some(request) = request.filter(|request| self.made_for != Some(*request)) {
            self.ended = Some((request, Ended::Stopped));
        }
    }

    /// Whether there is a value, but of another request.
    pub fn is_stale(&self, request: Option<Key>) -> bool {
        self.value.is_some() && (request.is_none() || self.made_for != request)
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
                self.put_behind();
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

    /// The value that is there, to say more closely what it is, and for which request.
    pub fn describe(&mut self, describe: impl FnOnce(&mut T) -> Key) {
        self.made_for = self.value.as_mut().map(describe);
    }

    /// Forgets the value that was there before the present one.
    pub fn forget_last(&mut self) {
        self.earlier.pop();
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
        self.earlier.clear();
    }

    /// Forgets how the last work ended, so that it may start again if it is needed.
    pub fn forget_end(&mut self) {
        self.ended = self.ended.take().filter(|(ended, _)| self.made_for == Some(*ended));
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
