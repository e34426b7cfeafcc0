//! One piece of work on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::panics::message_of;
use super::{Ctx, Event, Progress, step_back};

/// How a job ended.
#[derive(Debug)]
pub enum Outcome<T> {
    Done(T),
    /// The work panicked: the message, as far as it quotes no text, for the log and a notice. Nothing else was touched
    /// by it.
    Panicked(String),
}

/// Work under way. Dropping it cancels the work and does not wait for it.
pub struct Job<T> {
    ctx: Ctx,
    events: Receiver<Event>,
    outcome: Receiver<Outcome<T>>,
}

impl<T: Send + 'static> Job<T> {
    /// Starts `work` on a thread called `name`; `wake` is called on every event and at the end.
    ///
    /// A panic inside `work` is caught and reported as [`Outcome::Panicked`].
    pub fn spawn(
        name: &str,
        wake: Arc<dyn Fn() + Send + Sync>,
        work: impl FnOnce(&Ctx) -> T + Send + 'static,
    ) -> std::io::Result<Self> {
        Self::start(name, wake, work, true)
    }

    /// The same for short work that a person waits for: it does not step back for others.
    pub fn spawn_prompt(
        name: &str,
        wake: Arc<dyn Fn() + Send + Sync>,
        work: impl FnOnce(&Ctx) -> T + Send + 'static,
    ) -> std::io::Result<Self> {
        Self::start(name, wake, work, false)
    }

    fn start(
        name: &str,
        wake: Arc<dyn Fn() + Send + Sync>,
        work: impl FnOnce(&Ctx) -> T + Send + 'static,
        steps_back: bool,
    ) -> std::io::Result<Self> {
        let (send_event, events) = channel();
        let (send_outcome, outcome) = channel();
        let ctx = Ctx::new(send_event, wake);
        let inner = ctx.clone();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            if steps_back {
                step_back();
            }
            let result = match catch_unwind(AssertUnwindSafe(|| work(&inner))) {
                Ok(value) => Outcome::Done(value),
                Err(panic) => Outcome::Panicked(message_of(&*panic)),
            };
            // Nobody waits for the outcome when the job was dropped.
            let _ = send_outcome.send(result);
            inner.wake();
        })?;
        Ok(Self { ctx, events, outcome })
    }
}

impl<T> Job<T> {
    /// Asks the work to stop; its outcome still arrives.
    pub fn cancel(&self) {
        self.ctx.cancel.cancel();
    }

    /// Whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.ctx.cancel.is_cancelled()
    }

    /// How far it is.
    pub fn progress(&self) -> &Progress {
        &self.ctx.progress
    }

    /// The events since the last look, oldest first.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.events.try_iter()
    }

    /// The outcome, once; `None` while the work goes on.
    pub fn poll(&self) -> Option<Outcome<T>> {
        self.outcome.try_recv().ok()
    }

    /// Waits for the outcome (headless use and tests).
    pub fn wait(&self) -> Outcome<T> {
        self.outcome.recv().unwrap_or_else(|_| Outcome::Panicked("the worker thread ended early".into()))
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet_wake() -> Arc<dyn Fn() + Send + Sync> {
        Arc::new(|| {})
    }

    #[test]
    fn a_job_hands_over_its_result_and_events() {
        let job = Job::spawn("test", quiet_wake(), |ctx| {
            ctx.warn("look out");
            7
        })
        .unwrap();
        assert!(matches!(job.wait(), Outcome::Done(7)));
        assert_eq!(job.events().count(), 1);
    }

    #[test]
    fn a_panic_in_a_job_is_reported_and_kills_nothing() {
        let job: Job<()> = Job::spawn("test", quiet_wake(), |_| panic!("oh no")).unwrap();
        assert!(matches!(job.wait(), Outcome::Panicked(message) if message == "oh no"));
    }

    #[test]
    fn dropping_a_job_cancels_it() {
        let job = Job::spawn("test", quiet_wake(), |ctx| {
            while !ctx.cancel.is_cancelled() {
                std::thread::yield_now();
            }
        })
        .unwrap();
        let ctx = job.ctx.clone();
        drop(job);
        assert!(ctx.cancel.is_cancelled());
    }
}
