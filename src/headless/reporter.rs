//! Progress and warnings of headless work, as lines for a person or as JSON lines for a program.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::job::{Ctx, Event, Progress};

use super::arguments::Common;

/// How often progress is printed to a terminal, and to anything else.
const TERMINAL_PERIOD: Duration = Duration::from_millis(200);
const LOG_PERIOD: Duration = Duration::from_secs(5);

/// Prints what a context tells, on a thread of its own, until dropped.
pub struct Reporter {
    pub ctx: Ctx,
    json: bool,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<String>>>,
}

impl Reporter {
    /// Sets up the threads that `common` asks for and starts printing. Comes before anything that computes: the
    /// first parallel work fixes the number of threads.
    pub fn start(common: &Common) -> anyhow::Result<Self> {
        if let Some(threads) = common.threads {
            anyhow::ensure!(threads > 0, "--threads must be at least 1");
            rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
        }
        let (send, events) = channel();
        let ctx = Ctx::new(send, Arc::new(|| {}));
        let done = Arc::new(AtomicBool::new(false));
        let printer =
            Printer { progress: ctx.progress.clone(), events, json: common.json, quiet: common.quiet };
        let stop = done.clone();
        let thread = std::thread::Builder::new().name("report".into()).spawn(move || printer.run(&stop))?;
        Ok(Self { ctx, json: common.json, done, thread: Some(thread) })
    }

    /// Ends the printing, prints the result where JSON is asked for, and returns all warnings.
    pub fn finish(mut self, result: &Value) -> Vec<String> {
        let warnings = self.stop();
        if self.json {
            print_line(&json!({"event": "result", "result": result}));
        }
        warnings
    }

    /// The warnings so far; printing goes on no more.
    pub fn stop(&mut self) -> Vec<String> {
        self.done.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.stop();
    }
}

fn print_line(value: &Value) {
    // A closed pipe is the reader's choice, not an error of the work.
    let _ = writeln!(std::io::stdout(), "{value}");
}

struct Printer {
    progress: Progress,
    events: Receiver<Event>,
    json: bool,
    quiet: bool,
}

impl Printer {
    fn run(self, stop: &AtomicBool) -> Vec<String> {
        let terminal = std::io::stderr().is_terminal();
        let period = if terminal || self.json { TERMINAL_PERIOD } else { LOG_PERIOD };
        let (mut warnings, mut last, mut waited) = (Vec::new(), String::new(), Duration::ZERO);
        loop {
            let stopping = stop.load(Ordering::Relaxed);
            for event in self.events.try_iter() {
                if let Event::Warning(sentence) = event {
                    self.warn(&sentence, terminal);
                    warnings.push(sentence);
                }
            }
            if (waited >= period || stopping) && !self.quiet {
                waited = Duration::ZERO;
                self.print(&mut last, terminal);
            }
            if stopping {
                if terminal && !self.json && !self.quiet {
                    eprintln!();
                }
                return warnings;
            }
            let nap = Duration::from_millis(20);
            std::thread::sleep(nap);
            waited += nap;
        }
    }

    fn warn(&self, sentence: &str, terminal: bool) {
        if self.json {
            print_line(&json!({"event": "warning", "text": sentence}));
        } else {
            let lead = if terminal && !self.quiet { "\n" } else { "" };
            eprintln!("{lead}semascope: {sentence}");
        }
    }

    fn print(&self, last: &mut String, terminal: bool) {
        let Some(now) = self.progress.snapshot() else { return };
        if self.json {
            let line = json!({
                "event": "progress", "stage": now.stage, "unit": now.unit, "done": now.done, "total": now.total,
                "rate": now.rate, "seconds_left": now.left.map(|left| left.as_secs_f64()),
            });
            let text = line.to_string();
            if text != *last {
                print_line(&line);
                *last = text;
            }
            return;
        }
        let of = if now.total > 0 { format!(" of {}", now.total) } else { String::new() };
        let rate = now.rate.map(|rate| format!(" · {rate:.0}/s")).unwrap_or_default();
        let left = now.left.map(|left| format!(" · {} s left", left.as_secs())).unwrap_or_default();
        let text = format!("{}: {}{of} {}{rate}{left}", now.stage, now.done, now.unit);
        if text == *last {
            return;
        }
        if terminal {
            // Pad over what a longer line left behind.
            eprint!("\r{text:<78}");
        } else {
            eprintln!("{text}");
        }
        *last = text;
    }
}
