//! The text of a report of a problem: versions, machine, adapters, settings, what runs, panics and the log. Never
//! anything of the corpus.
//!
//! What a log line or the sentence of a failed step puts between quotes is left out, and so are the names of files
//! that were open: both may hold what only the person should see. Lines of libraries are told only where the library
//! never meets a text.

use std::fmt::Write as _;
use std::path::Path;

use crate::gpu::AdapterInfo;
use crate::io::machine::Machine;
use crate::io::settings::Settings;
use crate::session::{Session, Step, StepState};

use super::format;
use super::log::Record;

/// The newest records of the log that go in.
pub const MOST_RECORDS: usize = 500;

/// Stands where something between quotes was left out, and where the name of a file was.
const LEFT_OUT: &str = "“…”";
const A_FILE: &str = "‹file›";
/// Shorter names are parts of too many words to be replaced.
const SHORTEST_NAME: usize = 3;

/// Libraries that draw or open windows: no text of a corpus reaches what they log.
const GRAPHICS: [&str; 9] =
    ["wgpu", "naga", "eframe", "egui_wgpu", "winit", "glow", "khronos_egl", "sctk", "calloop"];

/// What the window knows, taken at once; the rest is found out by [`Source::text`] on a worker.
pub struct Source {
    /// The adapter that the window draws with, and what texts are embedded on.
    pub drawn_with: Option<AdapterInfo>,
    pub computes_on: String,
    pub settings: Settings,
    pub cache: String,
    pub cache_size: Option<u64>,
    /// Width and height of the window in points, and pixels a point.
    pub window: (f32, f32, f32),
    pub work: Work,
    pub log: Vec<Record>,
    pub panics: Vec<Record>,
    /// The person's folder, which is told as `~`.
    pub home: Option<String>,
    /// Names of files that were open.
    pub names: Vec<String>,
}

/// What is open, in figures.
#[derive(Default)]
pub struct Work {
    pub documents: Option<usize>,
    pub columns: usize,
    pub components: Option<usize>,
    pub clusters: Option<usize>,
    /// Each step: its name, its state in words, and how long it took.
    pub steps: Vec<(&'static str, String, Option<std::time::Duration>)>,
    pub params: String,
}

impl Work {
    /// What `session` has open.
    pub fn of(session: &Session) -> Self {
        let params = serde_json::to_string_pretty(session.params()).unwrap_or_default();
        let Some(corpus) = session.corpus() else { return Self { params, ..Self::default() } };
        let steps = Step::ALL.map(|step| {
            let status = session.step(step);
            (step.title(), state(&status.state), status.took)
        });
        Self {
            documents: Some(corpus.len()),
            columns: corpus.columns.len(),
            components: session.matrix().map(|matrix| matrix.dim()),
            clusters: session.clusters().map(|_| session.cluster_count()),
            steps: steps.into(),
            params,
        }
    }
}

fn state(state: &StepState) -> String {
    match state {
        StepState::Waiting => "waiting".into(),
        StepState::Running(None) => "running".into(),
        StepState::Running(Some(progress)) => {
            format!(
                "running, {} of {} {}",
                format::count(progress.done),
                format::count(progress.total),
                progress.unit
            )
        }
        StepState::Done => "done".into(),
        StepState::Stale => "stale".into(),
        StepState::Stopped => "stopped".into(),
        StepState::Failed(sentence) => format!("failed: {sentence}"),
    }
}

/// The names of the files that `session` and its settings know, for [`Source::names`].
pub fn names_of(session: &Session) -> impl Iterator<Item = String> {
    let recents = &session.settings().recents;
    let paths = recents.iter().map(|recent| recent.path.as_path()).chain(session.place());
    let source = session.corpus().and_then(|corpus| corpus.source.as_deref());
    let import = session.import_sheet().map(|import| import.path.as_path());
    names_in(paths.chain(source).chain(import))
        .chain(recents.iter().map(|recent| recent.name.clone()))
        .chain(session.corpus().map(|corpus| corpus.name.clone()))
}

/// The names of the files at `paths`, without their folders.
pub fn names_in<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> impl Iterator<Item = String> {
    paths.into_iter().filter_map(|path| Some(path.as_ref().file_name()?.to_string_lossy().into_owned()))
}

impl Source {
    /// Writes the report. It asks the system for adapters, which may take a second: call it on a worker.
    pub fn text(&self) -> String {
        self.compose(&Machine::look(), &crate::gpu::adapters())
    }

    /// The report of this `machine` with these `adapters`.
    pub fn compose(&self, machine: &Machine, adapters: &[AdapterInfo]) -> String {
        let mut report = Report::default();
        report.line("Semascope: report of a problem");
        report.line("This text holds no documents. Nobody is sent it unless you do so.");
        report.section("What happened");
        report.line("(Please say here what you did, what you expected and what you saw.)");
        report.section("Program");
        report.entry("version", env!("CARGO_PKG_VERSION"));
        report.entry("system", &machine.system);
        self.machine(machine, adapters, &mut report);
        report.section("Settings");
        self.settings(&mut report);
        report.section("What is open");
        self.work(&mut report);
        report.section("Panics");
        if self.panics.is_empty() {
            report.line("none since the program started");
        }
        self.panics.iter().for_each(|record| report.line(&self.record(record)));
        report.section("Log");
        let left_out = self.log.len().saturating_sub(MOST_RECORDS);
        if left_out > 0 {
            report.line(&format!("({} older lines are left out)", format::len(left_out)));
        }
        self.log.iter().skip(left_out).for_each(|record| report.line(&self.record(record)));
        report.0
    }

    fn machine(&self, machine: &Machine, adapters: &[AdapterInfo], report: &mut Report) {
        report.section("Machine");
        report.entry("processor", &machine.processor);
        report.entry("threads", &machine.threads.to_string());
        let memory = match machine.memory {
            Some((all, free)) => format!("{}, {} of it free", format::bytes(all), format::bytes(free)),
            None => "not told by the system".into(),
        };
        report.entry("memory", &memory);
        report.section("Graphics");
        let drawn_with = self.drawn_with.as_ref().map_or_else(|| "not known".into(), adapter);
        report.entry("drawn with", &drawn_with);
        report.entry("computes on", &self.computes_on);
        let (width, height, scale) = self.window;
        report.entry("window", &format!("{width:.0} × {height:.0} points, scale {scale}"));
        adapters.iter().for_each(|found| report.entry("adapter", &adapter(found)));
        if adapters.is_empty() {
            report.entry("adapter", "none");
        }
    }

    fn settings(&self, report: &mut Report) {
        let settings = &self.settings;
        report.entry("theme", &format!("{:?}", settings.theme).to_lowercase());
        report.entry("reduce motion", if settings.reduce_motion { "yes" } else { "no" });
        for (name, panel) in &settings.panels {
            let shown = if panel.visible { "shown" } else { "hidden" };
            report.entry(&format!("panel {name}"), &format!("{shown}, {:.0} points", panel.size));
        }
        let export = &settings.export;
        report.entry(
            "export",
            &format!(
                "{}, picture scale {}",
                if export.raw_cells { "cells as they are" } else { "formulas made harmless" },
                export.picture_scale
            ),
        );
        report.entry("recent files", &settings.recents.len().to_string());
        let chosen = if settings.cache_folder.is_some() { "chosen" } else { "the system's place" };
        let size = self.cache_size.map_or_else(|| "size not known".into(), format::bytes);
        report.entry("cache", &format!("{} ({chosen}), {size}", self.told(&self.cache)));
    }

    fn work(&self, report: &mut Report) {
        let work = &self.work;
        match work.documents {
            None => report.line("nothing"),
            Some(documents) => {
                report.entry("documents", &format::len(documents));
                report.entry("columns", &format::len(work.columns));
                let known = |n: Option<usize>| n.map_or_else(|| "none yet".into(), format::len);
                report.entry("components a vector", &known(work.components));
                report.entry("clusters", &known(work.clusters));
            }
        }
        for (name, state, took) in &work.steps {
            let took = took.map(|took| format!(", took {}", format::duration(took))).unwrap_or_default();
            report.entry(name, &format!("{}{took}", self.told(state)));
        }
        report.section("Parameters");
        // Quotes are part of the form here. The one thing that a person chose by name is the folder of a model.
        work.params.lines().for_each(|line| report.line(&self.without_home(line)));
    }

    fn record(&self, record: &Record) -> String {
        let target = record.target.as_str();
        let ours = target.starts_with(env!("CARGO_PKG_NAME"));
        let known = ours || GRAPHICS.iter().any(|library| target.starts_with(library));
        let message = if known { self.told(&record.message) } else { "(the message is left out)".into() };
        format!(
            "{:>10.3} {:<5} {target}: {}",
            record.time.as_secs_f64(),
            record.level,
            message.replace('\n', " ")
        )
    }

    /// `text` without what it quotes, without names of files and without the person's folder.
    fn told(&self, text: &str) -> String {
        without_quotes(&self.shortened(text))
    }

    fn without_home(&self, text: &str) -> String {
        match self.home.as_deref().filter(|home| home.len() > 1) {
            Some(home) => text.replace(home, "~"),
            None => text.to_owned(),
        }
    }

    fn shortened(&self, text: &str) -> String {
        let text = self.without_home(text);
        // Longer names first: a short one may be a part of them.
        let mut names: Vec<&String> =
            self.names.iter().filter(|name| name.chars().count() >= SHORTEST_NAME).collect();
        names.sort_by_key(|name| (std::cmp::Reverse(name.len()), name.as_str()));
        names.dedup();
        names.into_iter().fold(text, |text, name| replace_word(&text, name, A_FILE))
    }
}

fn adapter(adapter: &AdapterInfo) -> String {
    format!(
        "{}, {}, {}, {}, bindings up to {}",
        adapter.name,
        adapter.backend,
        adapter.kind,
        adapter.driver,
        format::bytes(adapter.max_binding)
    )
}

/// Replaces `word` where it is no part of a longer one.
fn replace_word(text: &str, word: &str, with: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        out.push_str(before);
        let inside = joined(before.chars().next_back().or_else(|| out.chars().next_back()))
            || joined(after.chars().next());
        out.push_str(if inside { word } else { with });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// `text` with an ellipsis for whatever stands between quotes. A quote that is not closed reaches to the end.
fn without_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        let end = match c {
            '“' => '”',
            '«' => '»',
            '‘' => '’',
            '"' | '`' => c,
            _ => {
                out.push(c);
                continue;
            }
        };
        out.push_str(LEFT_OUT);
        let mut escaped = false;
        for inner in characters.by_ref() {
            if inner == end && !escaped {
                break;
            }
            // Debug output escapes quotes inside of quotes.
            escaped = inner == '\\' && !escaped;
        }
    }
    out
}

#[derive(Default)]
struct Report(String);

impl Report {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn section(&mut self, title: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "\n{title}\n{}\n", "-".repeat(title.chars().count()));
    }

    fn entry(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, "{name}: {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tracing::Level;

    fn record(target: &str, message: &str) -> Record {
        Record {
            time: Duration::from_millis(1500),
            level: Level::WARN,
            target: target.into(),
            message: message.into(),
        }
    }

    fn source() -> Source {
        let mut settings = Settings::default();
        settings.push_recent(crate::io::settings::Recent {
            path: "/home/ann/letters.csv".into(),
            name: "letters.csv".into(),
            rows: 7,
            opened: 0,
            thumbnail: None,
        });
        Source {
            drawn_with: None,
            computes_on: "the CPU".into(),
            settings,
            cache: "/home/ann/.cache/semascope".into(),
            cache_size: Some(1_200_000),
            window: (1280.0, 800.0, 2.0),
            work: Work {
                documents: Some(1200),
                columns: 3,
                components: Some(384),
                clusters: None,
                steps: vec![
                    ("Embedding", "done".into(), Some(Duration::from_secs(12))),
                    ("Map", "failed: Column “salary of Bob” is empty.".into(), None),
                ],
                params: "{\n  \"seed\": 7\n}".into(),
            },
            log: vec![
                record("semascope::ui", "/home/ann/letters.csv could not be read: \"my \\\"dear\\\" Bob\"."),
                record("wgpu_core::device", "lost"),
                record("tokenizers", "unknown token Bob"),
            ],
            panics: Vec::new(),
            home: Some("/home/ann".into()),
            names: vec!["letters.csv".into()],
        }
    }

    fn machine() -> Machine {
        Machine {
            system: "A System 1".into(),
            processor: "A Processor (AVX2)".into(),
            threads: 8,
            memory: Some((16_000_000_000, 8_000_000_000)),
        }
    }

    fn an_adapter() -> AdapterInfo {
        AdapterInfo {
            name: "A Card".into(),
            backend: "Vulkan".into(),
            kind: "discrete GPU",
            driver: "1.2".into(),
            max_binding: 2_000_000_000,
        }
    }

    #[test]
    fn the_report_has_all_its_sections_and_nothing_private() {
        let report = source().compose(&machine(), &[an_adapter()]);
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            "Semascope: report of a problem
This text holds no documents. Nobody is sent it unless you do so.

What happened
-------------
(Please say here what you did, what you expected and what you saw.)

Program
-------
version: {version}
system: A System 1

Machine
-------
processor: A Processor (AVX2)
threads: 8
memory: 16.0 GB, 8.0 GB of it free

Graphics
--------
drawn with: not known
computes on: the CPU
window: 1280 × 800 points, scale 2
adapter: A Card, Vulkan, discrete GPU, 1.2, bindings up to 2.0 GB

Settings
--------
theme: system
reduce motion: no
export: formulas made harmless, picture scale 2
recent files: 1
cache: ~/.cache/semascope (the system's place), 1.2 MB

What is open
------------
documents: 1,200
columns: 3
components a vector: 384
clusters: none yet
Embedding: done, took 12 s
Map: failed: Column “…” is empty.

Parameters
----------
{{
  \"seed\": 7
}}

Panics
------
none since the program started

Log
---
     1.500 WARN  semascope::ui: ~/‹file› could not be read: “…”.
     1.500 WARN  wgpu_core::device: lost
     1.500 WARN  tokenizers: (the message is left out)
"
        );
        assert_eq!(report, expected);
    }

    #[test]
    fn a_long_log_says_how_much_of_it_is_left_out() {
        let log = (0..MOST_RECORDS + 2).map(|i| record("semascope", &format!("line {i}."))).collect();
        let report = Source { log, ..source() }.compose(&machine(), &[]);
        assert!(report.contains("(2 older lines are left out)") && !report.contains("line 1."), "{report}");
        assert!(report.contains("line 2.") && report.contains("adapter: none"));
    }

    #[test]
    fn a_quote_that_is_not_closed_is_left_out_to_the_end() {
        assert_eq!(without_quotes("a `b` and “c” then \"d"), "a “…” and “…” then “…”");
    }

    #[test]
    fn the_name_of_a_file_is_replaced_only_as_a_whole_word() {
        assert_eq!(replace_word("art.csv, party and art", "art", "x"), "x.csv, party and x");
        assert_eq!(replace_word("artart", "art", "x"), "artart");
    }
}
