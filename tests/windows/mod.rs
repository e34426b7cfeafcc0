//! A window driven without a display, and a small corpus that needs no model.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::{Event, Key, Modifiers, PointerButton, Pos2};
use egui_kittest::kittest::{NodeT, Queryable};
use egui_kittest::{Harness, Node};
use semascope::io::cache::Cache;
use semascope::io::npy;
use semascope::io::settings::Settings;
use semascope::io::work::Home;
use semascope::session::{Command, Session, Step, StepState};
use semascope::ui::log::LogBuffer;
use semascope::ui::{SemascopeApp, wake};

/// No test waits longer for a worker.
const PATIENCE: Duration = Duration::from_secs(240);

pub type Window = Harness<'static, SemascopeApp>;

/// Documents of each group of the corpus.
pub const GROUP: usize = 30;
pub const SUBJECTS: [&str; 4] =
    ["the boat on the river", "bread from the oven", "stars of the galaxy", "rates of the bank"];
pub const ALL: usize = GROUP * SUBJECTS.len();

pub fn window_of(size: [f32; 2], folder: &Path, settings: Settings) -> Window {
    let cache = Cache::open(Some(folder.join("cache"))).unwrap();
    let home = Home::at(folder.join("data"));
    Harness::builder().with_size(size).with_max_steps(64).build_eframe(move |cc| {
        let session = Session::new(settings, cache, wake(&cc.egui_ctx)).keep_in(home);
        SemascopeApp::new(cc, session, LogBuffer::default()).unwrap()
    })
}

pub fn session(window: &Window) -> &Session {
    window.state().session()
}

/// Draws frames until `done`.
pub fn wait(window: &mut Window, what: &str, done: impl Fn(&Window) -> bool) {
    let start = Instant::now();
    while !done(window) {
        if start.elapsed() > PATIENCE {
            let session = session(window);
            let states = Step::ALL.map(|step| (step, session.step(step).state));
            let busy = (session.is_busy(), session.is_filtering(), session.is_searching());
            panic!("{what} did not happen: {states:?}, busy, filtering, searching: {busy:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
        window.step();
    }
    window.run_steps(3);
}

pub fn wait_for(window: &mut Window, name: &str) {
    wait(window, name, |window| window.query_all_by_label_contains(name).next().is_some());
}

/// Draws frames until nothing is computed any more.
pub fn rest(window: &mut Window) {
    wait(window, "changes to be taken up", |window| session(window).poll_after().is_none());
    wait(window, "the flow", |window| {
        let session = session(window);
        let done = Step::ALL.iter().all(|&step| session.step(step).state == StepState::Done);
        !session.is_busy() && !session.is_filtering() && !session.is_searching() && done
    });
    // Sizes, colours and names on the map come from workers of the window.
    std::thread::sleep(Duration::from_millis(50));
    window.run_steps(8);
}

/// Four groups of texts with vectors beside them, so that no model is needed: columns text, kind, year (1990 + i % 20),
/// day.
pub fn small_corpus(folder: &Path) -> Vec<PathBuf> {
    let mut csv = String::from("text,kind,year,day\n");
    let mut vectors = Vec::new();
    for i in 0..ALL {
        let group = i / GROUP;
        let (year, day) = (1990 + i % 20, 1 + i % 28);
        let subject = SUBJECTS[group];
        csv.push_str(&format!(
            "Story {i} of {subject} and what became of it,kind {group},{year},2024-03-{day:02}\n"
        ));
        let turn = 0.3 * (i % GROUP) as f32;
        let mut row = [0.1f32; 6];
        row[group] = 1.0;
        (row[4], row[5]) = (0.2 * turn.cos(), 0.2 * turn.sin());
        vectors.extend(row);
    }
    let (table, npy) = (folder.join("stories.csv"), folder.join("stories.npy"));
    std::fs::write(&table, csv).unwrap();
    npy::write_f32(&npy, ALL, 6, &vectors).unwrap();
    vec![table, npy]
}

/// Opens the corpus in `window` and lets everything be computed.
pub fn explore(window: &mut Window, folder: &Path) {
    window.state_mut().open(small_corpus(folder));
    wait(window, "reading", |window| {
        let sheet = session(window).import_sheet();
        sheet.is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    window.state_mut().wish(Command::SetTextColumns(vec![0]));
    window.state_mut().wish(Command::ConfirmImport);
    rest(window);
    wait_for(window, "Colour of ");
}

/// A window with the small corpus, at rest.
pub fn workspace(folder: &Path) -> Window {
    let mut window = window_of([1600.0, 1000.0], folder, Settings::default());
    explore(&mut window, folder);
    window
}

/// Clicks what is called so, or the last of several.
pub fn click(window: &mut Window, name: &str) {
    window.query_all_by_label_contains(name).last().unwrap_or_else(|| panic!("{name} is there")).click();
    window.run_steps(3);
    rest(window);
}

/// Clicks the value of a column among the filters: `name` is "column: value".
pub fn click_value(window: &mut Window, name: &str) {
    let row = format!("{name}, ");
    let is_row = |node: &Node<'_>| node.accesskit_node().label().is_some_and(|label| label.starts_with(&row));
    window
        .query_all_by_label_contains(&row)
        .find(is_row)
        .unwrap_or_else(|| panic!("{name} is there"))
        .click();
    window.run_steps(3);
    rest(window);
}

pub fn press(window: &mut Window, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.run_steps(3);
    rest(window);
}

/// Drags the pointer through some places while `modifiers` are held.
pub fn drag(window: &mut Window, places: &[Pos2], modifiers: Modifiers) {
    let button =
        |pos, pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers };
    window.event(Event::ModifiersChanged(modifiers));
    window.event(Event::PointerMoved(places[0]));
    window.step();
    window.event(button(places[0], true));
    window.step();
    for &place in &places[1..] {
        window.event(Event::PointerMoved(place));
        window.step();
    }
    window.event(button(places[places.len() - 1], false));
    window.step();
    window.event(Event::ModifiersChanged(Modifiers::NONE));
    window.run_steps(3);
    // A lasso is looked through by a thread of its own.
    std::thread::sleep(Duration::from_millis(100));
    window.run_steps(3);
    rest(window);
}
