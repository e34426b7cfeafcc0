//! Recent files, the cache in the settings, projects without texts, and reports of problems.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use semascope::io::cache::Cache;
use semascope::io::settings::Settings;
use semascope::io::{npy, project};
use semascope::job::Ctx;
use semascope::session::{Command, Notice, Session, Severity, Step, StepState};
use semascope::ui::log::LogBuffer;
use semascope::ui::{SemascopeApp, log, pictures, thumbnails, wake};

/// No test waits longer for a worker.
const PATIENCE: Duration = Duration::from_secs(90);
/// Documents of the two groups in the small corpus.
const GROUP: usize = 40;
/// A word that stands in the corpus and nowhere in the program.
const CANARY: &str = "quibblewort";

type Window = Harness<'static, SemascopeApp>;

fn window(folder: &Path, log: LogBuffer) -> Window {
    let cache = Cache::open(Some(folder.join("cache"))).unwrap();
    Harness::builder().with_size([1600.0, 1000.0]).with_max_steps(64).build_eframe(move |cc| {
        let session = Session::new(Settings::default(), cache, wake(&cc.egui_ctx));
        SemascopeApp::new(cc, session, log).unwrap()
    })
}

/// Draws frames until `done`.
fn wait(window: &mut Window, what: &str, done: impl Fn(&Window) -> bool) {
    let start = Instant::now();
    while !done(window) {
        assert!(start.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
        window.step();
    }
    window.run_steps(3);
}

fn wait_for(window: &mut Window, name: &str) {
    wait(window, name, |window| window.query_all_by_label_contains(name).next().is_some());
}

/// A table of two groups of texts with vectors beside it.
fn small_corpus(folder: &Path) -> Vec<PathBuf> {
    let mut csv = String::from("text,kind,year\n");
    let mut vectors = Vec::new();
    for i in 0..2 * GROUP {
        let second = i >= GROUP;
        let topic = if second { "the boat on the river" } else { "the train on the bridge" };
        csv.push_str(&format!(
            "Story {i} of {topic} and a {CANARY} {i},{CANARY}-{},{}\n",
            i % 3,
            1990 + i % 30
        ));
        let turn = 0.3 * (i % GROUP) as f32;
        let (x, y) = (0.2 * turn.cos(), 0.2 * turn.sin());
        vectors.extend(if second { [0.1, 1.0, x, y] } else { [1.0, 0.1, x, y] });
    }
    let (table, array) = (folder.join("stories.csv"), folder.join("stories.npy"));
    std::fs::write(&table, csv).unwrap();
    npy::write_f32(&array, 2 * GROUP, 4, &vectors).unwrap();
    vec![table, array]
}

fn explored(session: &Session) -> bool {
    Step::ALL.iter().all(|&step| session.step(step).state == StepState::Done) && !session.is_busy()
}

/// A window in which the small corpus is mapped and clustered.
fn workspace(folder: &Path, log: LogBuffer) -> Window {
    let mut window = window(folder, log);
    window.state_mut().open(small_corpus(folder));
    wait(&mut window, "reading", |window| {
        let sheet = window.state().session().import_sheet();
        sheet.is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    let columns = window.state().session().import_sheet().and_then(|sheet| sheet.corpus.clone()).unwrap();
    let text = columns.columns.iter().position(|column| column.name == "text").unwrap();
    window.state_mut().wish(Command::SetTextColumns(vec![text]));
    window.state_mut().wish(Command::ConfirmImport);
    wait(&mut window, "the whole flow", |window| explored(window.state().session()));
    window
}

fn thumbnail(window: &Window) -> Option<String> {
    window.state().session().settings().recents.first().and_then(|recent| recent.thumbnail.clone())
}

#[test]
fn a_recent_file_gets_a_picture_of_its_map_and_opens_by_a_click() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path(), LogBuffer::default());
    wait(&mut window, "the picture", |window| thumbnail(window).is_some());
    let png = window.state().session().cache().thumbnail(&thumbnail(&window).unwrap()).unwrap();
    let picture = pictures::decode(&png).unwrap();
    let (width, height) = (thumbnails::SIZE.0 as usize, thumbnails::SIZE.1 as usize);
    assert_eq!(picture.size, [width, 2 * height], "a picture for either theme");
    let colours: std::collections::BTreeSet<_> = picture.pixels.iter().map(|c| c.to_array()).collect();
    assert!(colours.len() > 4, "the points of the clusters are on it");
    window.state_mut().wish(Command::CloseCorpus);
    wait_for(&mut window, "Open stories.csv, 80 documents");
    window.check_accessibility();
    window.get_by_label("Open stories.csv, 80 documents").click();
    wait(&mut window, "opening", |window| window.state().session().import_sheet().is_some());
}

#[test]
fn a_recent_file_that_is_gone_says_so_and_a_click_offers_to_remove_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path(), LogBuffer::default());
    std::fs::remove_file(folder.path().join("stories.csv")).unwrap();
    window.state_mut().wish(Command::CloseCorpus);
    wait_for(&mut window, "stories.csv, 80 documents, not found");
    window.get_by_label("stories.csv, 80 documents, not found").click();
    wait_for(&mut window, "This file is not where it was");
    assert!(window.state().session().import_sheet().is_none());
    window.get_by_label("Remove stories.csv from the list");
    window.query_all_by_label_contains("Remove from the list").last().unwrap().click();
    window.run_steps(3);
    assert!(window.state().session().settings().recents.is_empty());
    window.get_by_label("Drop a file here");
}

#[test]
fn a_saved_project_is_a_recent_file_and_one_without_texts_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path(), LogBuffer::default());
    let (whole, without) = (folder.path().join("mine.semascope"), folder.path().join("theirs.semascope"));
    window.state_mut().wish(Command::SaveProject(whole.clone()));
    wait(&mut window, "saving", |window| !window.state().session().is_busy());
    assert_eq!(window.state().session().place(), Some(whole.as_path()));
    assert_eq!(window.state().session().settings().recents[0].name, "mine.semascope");
    window.state_mut().wish(Command::ExportWithoutTexts(without.clone()));
    wait_for(&mut window, "The cells of all text columns are left out");
    assert_eq!(window.state().session().place(), Some(whole.as_path()));
    let opened = project::open(&without, &Ctx::quiet()).unwrap();
    let corpus = &opened.project.corpus;
    assert!(corpus.columns[corpus.text_columns[0]].cells.iter().all(str::is_empty));
    assert!(opened.project.layout.is_some());
    wait(&mut window, "the project's picture", |window| thumbnail(window).is_some());
}

#[test]
fn a_report_of_a_problem_tells_versions_steps_and_log_and_no_word_of_the_corpus() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path(), log::install());
    // Things go wrong with the word in reach: broken rows, vectors that do not fit, a folder that is not there, a panic
    // whose message quotes a text.
    let broken = folder.path().join("broken.jsonl");
    let rows: String =
        (0..20).map(|i| format!("{{\"text\": \"{CANARY} {i}\"}}\n{{\"{CANARY}\": \n")).collect();
    std::fs::write(&broken, rows).unwrap();
    window.state_mut().wish(Command::ExportClusters(folder.path().join("no/where.csv")));
    window.state_mut().wish(Command::ExportClusters(folder.path().join("clusters.csv")));
    wait(&mut window, "exporting", |window| !window.state().session().is_busy());
    window.state_mut().open(vec![broken]);
    wait(&mut window, "reading", |window| {
        window
            .state()
            .session()
            .import_sheet()
            .is_some_and(|sheet| sheet.corpus.is_some() || sheet.error.is_some())
    });
    window.state_mut().wish(Command::CancelImport);
    let text = format!("é {CANARY}");
    assert!(std::thread::spawn(move || text[1..].len()).join().is_err());
    tracing::warn!(target: "semascope::test", "the cell \"{CANARY}\" is quoted");
    window.run_steps(3);

    window.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::Comma);
    window.run_steps(3);
    window.get_by_label("Report a problem…").click();
    wait(&mut window, "the report", |window| window.state().problem_report().is_some());
    window.check_accessibility();
    let report = window.state().problem_report().unwrap();
    for section in
        ["Program", "Machine", "Graphics", "Settings", "What is open", "Parameters", "Panics", "Log"]
    {
        assert!(report.contains(&format!("\n{section}\n-")), "{section} is missing:\n{report}");
    }
    for line in
        ["documents: 80", "components a vector: 4", "Map: done, took ", "panic at ", "could not be written"]
    {
        assert!(report.contains(line), "{line} is missing:\n{report}");
    }
    for secret in [CANARY, "stories", "broken", "bridge"] {
        assert!(!report.contains(secret), "{secret} is told:\n{report}");
    }
    // What is shown is what is saved.
    window.get_by_label("Semascope: report of a problem");
    window.get_by_label("Close").click();
    window.run_steps(3);
    assert!(window.query_by_label("Semascope: report of a problem").is_none());
}

/// Polls until `done`, as frames would; returns what was told on the way.
fn until(session: &mut Session, done: impl Fn(&Session) -> bool) -> Vec<Notice> {
    let start = Instant::now();
    let mut told = Vec::new();
    loop {
        session.poll();
        told.extend(session.take_notices());
        if done(session) {
            return told;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain; told: {told:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_cache_moves_at_once_for_new_work_and_stays_where_the_new_place_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old");
    let cache = Cache::open(Some(old.clone())).unwrap();
    let mut session = Session::new(Settings::default(), cache, Arc::new(|| {}));
    session.apply(Command::MoveCache(Some(folder.path().to_owned())));
    let told = until(&mut session, |session| !session.is_cache_busy());
    let new = folder.path().join("semascope-cache");
    assert_eq!(session.cache().folder(), new);
    assert_eq!(session.settings().cache_folder.as_ref(), Some(&new));
    assert!(told[0].text.contains(&old.display().to_string()), "{told:?}");
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    session.apply(Command::MoveCache(Some(file)));
    let told = until(&mut session, |session| !session.is_cache_busy());
    assert_eq!((told[0].severity, session.cache().folder()), (Severity::Error, new.as_path()), "{told:?}");
}

#[test]
fn the_cache_is_counted_and_emptied_by_workers_and_says_what_became_free() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(Some(folder.path().to_owned())).unwrap();
    cache.save_thumbnail(Path::new("a"), &vec![0; 2_000_000]).unwrap();
    let mut session = Session::new(Settings::default(), cache, Arc::new(|| {}));
    assert_eq!(session.cache_size(), None, "it is not counted on the window's thread");
    until(&mut session, |session| session.cache_size() == Some(2_000_000));
    session.apply(Command::ClearCache);
    let told = until(&mut session, |session| session.cache_size() == Some(0));
    assert!(told[0].text.contains("2.0 MB became free"), "{told:?}");
}
