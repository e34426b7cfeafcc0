//! A session driven by commands, as frames of the window would drive it.

use std::path::Path;
use std::time::{Duration, Instant};

use semascope::session::{Command, Session, Step, StepState};

use crate::common::small_corpus;

/// Long enough for any step on a slow machine; a session that hangs fails here.
const PATIENCE: Duration = Duration::from_secs(120);

/// Polls until `done`, as frames would.
pub fn until(session: &mut Session, what: &str, done: impl Fn(&Session) -> bool) {
    let started = Instant::now();
    loop {
        session.poll();
        if done(session) {
            return;
        }
        if started.elapsed() > PATIENCE {
            let states = Step::ALL.map(|step| (step, session.step(step).state));
            panic!("waited in vain for {what}: {states:?} {:?}", session.take_notices());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn is_done(session: &Session) -> bool {
    !session.is_busy() && Step::ALL.iter().all(|&step| session.step(step).state == StepState::Done)
}

/// Opens the small corpus and has everything computed.
pub fn explore(session: &mut Session, home: &Path) {
    session.apply(Command::Open(vec![small_corpus(home)]));
    until(session, "the import sheet", |s| s.import_sheet().is_some_and(|i| i.corpus.is_some()));
    let text = session.import_sheet().unwrap().corpus.as_ref().unwrap();
    let text = text.columns.iter().position(|c| c.name == "text").unwrap();
    session.apply(Command::SetTextColumns(vec![text]));
    session.apply(Command::ConfirmImport);
    until(session, "the flow", is_done);
}
