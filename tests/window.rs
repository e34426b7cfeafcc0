//! What a person sees and reaches in the window, read from its accessibility tree.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use semascope::io::cache::Cache;
use semascope::io::npy;
use semascope::io::settings::Settings;
use semascope::session::{Command, Session, Step, StepState};
use semascope::ui::log::LogBuffer;
use semascope::ui::{SemascopeApp, wake};

/// No test waits longer for a worker.
const PATIENCE: Duration = Duration::from_secs(60);
/// Documents of the two groups in the small corpus.
const GROUP: usize = 40;

type Window = Harness<'static, SemascopeApp>;

/// A window with nothing open, its cache in `folder`, with room for all panels.
fn window(folder: &Path) -> Window {
    window_of([1600.0, 1000.0], folder)
}

fn window_of(size: [f32; 2], folder: &Path) -> Window {
    let cache = Cache::open(Some(folder.join("cache"))).unwrap();
    Harness::builder().with_size(size).with_max_steps(64).build_eframe(move |cc| {
        let session = Session::new(Settings::default(), cache, wake(&cc.egui_ctx));
        SemascopeApp::new(cc, session, LogBuffer::default()).unwrap()
    })
}

/// Draws frames until `done`.
fn wait(window: &mut Window, what: &str, done: impl Fn(&SemascopeApp) -> bool) {
    let start = Instant::now();
    while !done(window.state()) {
        if start.elapsed() > PATIENCE {
            let session = window.state().session();
            let states = Step::ALL.map(|step| (step, session.step(step).state));
            panic!("{what} did not happen: {states:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
        window.step();
    }
    window.run_steps(3);
}

/// Draws frames until a widget whose name contains `name` is there.
fn wait_for(window: &mut Window, name: &str) {
    let start = Instant::now();
    while window.query_all_by_label_contains(name).next().is_none() {
        assert!(start.elapsed() < PATIENCE, "{name} did not appear");
        std::thread::sleep(Duration::from_millis(5));
        window.step();
    }
    window.run_steps(3);
}

/// A table of two groups of texts with vectors beside it, so that no model is needed.
fn small_corpus(folder: &Path) -> Vec<PathBuf> {
    let mut csv = String::from("text,kind,year\n");
    let mut vectors = Vec::new();
    for i in 0..2 * GROUP {
        let second = i >= GROUP;
        let (topic, kind) =
            if second { ("the boat on the river", "water") } else { ("the train on the bridge", "land") };
        csv.push_str(&format!("Story {i} of {topic} and what it carried,{kind},{}\n", 1990 + i % 30));
        let turn = 0.3 * (i % GROUP) as f32;
        let (x, y) = (0.2 * turn.cos(), 0.2 * turn.sin());
        vectors.extend(if second { [0.1, 1.0, x, y] } else { [1.0, 0.1, x, y] });
    }
    let (table, npy) = (folder.join("stories.csv"), folder.join("stories.npy"));
    std::fs::write(&table, csv).unwrap();
    npy::write_f32(&npy, 2 * GROUP, 4, &vectors).unwrap();
    vec![table, npy]
}

/// A window in which the small corpus is mapped and clustered.
fn workspace(folder: &Path) -> Window {
    let mut window = window(folder);
    window.state_mut().open(small_corpus(folder));
    wait(&mut window, "reading", |app| {
        app.session().import_sheet().is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    window.get_by_label("Explore").click();
    window.step();
    wait(&mut window, "the whole flow", |app| {
        let done = |step| app.session().step(step).state == StepState::Done;
        done(Step::Names) && done(Step::Quality)
    });
    wait_for(&mut window, "Colour of ");
    window
}

#[test]
fn the_first_page_offers_a_way_to_open_and_three_samples() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window_of([1280.0, 800.0], folder.path());
    window.run_steps(3);
    window.get_by_label("Open…");
    window.get_by_label("Drop a file here");
    for sample in ["arXiv papers", "Bank customers' questions", "English words"] {
        let name = format!("{sample}: ");
        let card = window.get_by_label_contains(&name);
        assert!(card.rect().bottom() < 800.0, "{sample} lies on the page without scrolling");
    }
    window.check_accessibility();
}

#[test]
fn a_question_mark_shows_the_shortcuts_and_escape_closes_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window(folder.path());
    window.run_steps(2);
    window.key_press(egui::Key::Questionmark);
    window.run_steps(3);
    window.get_by_label("Show the whole map: F");
    window.get_by_label("Open files: Ctrl+O");
    window.key_press(egui::Key::Escape);
    window.run_steps(3);
    assert!(window.query_by_label("Show the whole map: F").is_none());
}

#[test]
fn the_import_sheet_lists_rows_that_cannot_be_read_with_their_line_and_cause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.jsonl");
    let good = |i: usize| format!("{{\"text\": \"A note about the number {i} and its friends\"}}\n");
    let lines: String =
        (0..30).map(|i| if i == 4 { "{\"text\": \"cut off\n".into() } else { good(i) }).collect();
    std::fs::write(&path, lines).unwrap();
    let mut window = window(folder.path());
    window.state_mut().open(vec![path]);
    wait_for(&mut window, "row was skipped");
    window.get_by_label_contains("1 row was skipped").click();
    window.run_steps(3);
    window.get_by_label("Line 5");
    wait(&mut window, "reading", |app| {
        app.session().import_sheet().is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    window.check_accessibility();
    window.get_by_label("Cancel").click();
    window.run_steps(3);
    assert!(window.state().session().import_sheet().is_none());
    window.get_by_label("Drop a file here");
}

#[test]
fn a_file_that_cannot_be_read_says_so_on_the_sheet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.csv");
    std::fs::write(&path, "").unwrap();
    let mut window = window(folder.path());
    window.state_mut().open(vec![path]);
    wait(&mut window, "the error", |app| {
        app.session().import_sheet().is_some_and(|sheet| sheet.error.is_some())
    });
    let sentence = window.state().session().import_sheet().and_then(|sheet| sheet.error.clone()).unwrap();
    window.get_by_label(&sentence);
    assert!(window.get_by_label("Explore").accesskit_node().is_disabled());
}

#[test]
fn everything_in_the_workspace_has_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    for step in ["Embedding, ", "Neighbours, ", "Map, ", "Clusters, "] {
        window.get_by_label_contains(step).click();
        window.run_steps(3);
    }
    window.check_accessibility();
    window.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::Comma);
    window.run_steps(3);
    window.get_by_label("Reduce motion");
    window.check_accessibility();
}

#[test]
fn t_sne_is_chosen_in_the_panel_and_its_sliders_act() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    window.get_by_label_contains("Map, ").click();
    window.run_steps(3);
    window.get_by_label("Method").click();
    window.run_steps(3);
    window.get_by_label("t-SNE").click();
    window.run_steps(3);
    wait(&mut window, "the map", |app| {
        let layout = app.session().layout();
        layout.is_some_and(|layout| layout.method == "t-SNE")
            && app.session().step(Step::Quality).state == StepState::Done
    });
    let exaggeration = |window: &Window| window.state().session().params().map.tsne.exaggeration;
    assert_eq!(exaggeration(&window), 1.0);
    window.check_accessibility();
    // Sliders take their names from the rows that they are in: perplexity comes first, then exaggeration.
    let slider = window.query_all_by_role(egui::accesskit::Role::Slider).nth(1).unwrap();
    slider.focus();
    window.run_steps(2);
    window.key_press(egui::Key::ArrowRight);
    window.run_steps(3);
    assert!(exaggeration(&window) > 1.0);
    wait(&mut window, "the map again", |app| app.session().step(Step::Quality).state == StepState::Done);
}

#[test]
fn contours_are_chosen_on_the_map_and_drawn_around_all_documents_or_those_of_each_colour() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    for (choice, spoken) in [
        ("Contours of each colour", "with contours of each colour"),
        ("Contours of all documents", "with contours of all documents"),
    ] {
        window.get_by_label("Contours").click();
        window.run_steps(3);
        window.get_by_label(choice).click();
        wait_for(&mut window, spoken);
    }
    window.get_by_label("Contours").click();
    window.run_steps(3);
    window.get_by_label("No contours").click();
    window.run_steps(5);
    assert!(window.query_all_by_label_contains("with contours").next().is_none());
}

#[test]
fn a_click_in_the_legend_hides_an_entry_and_show_all_brings_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    let muted =
        |window: &Window| window.state().session().colouring().map_or(0, |colouring| colouring.muted.len());
    let entry = |window: &Window| {
        let swatch = window.query_all_by_label_contains("Colour of ").next().unwrap();
        swatch.accesskit_node().label().unwrap()["Colour of ".len()..].to_owned()
    };
    let title = entry(&window);
    let legend = |window: &Window| {
        let swatch = window.get_by_label(&format!("Colour of {title}")).rect();
        let rows: Vec<_> = window.query_all_by_label_contains(&title).map(|node| node.rect()).collect();
        rows.into_iter().find(|row| row.contains(swatch.center()) && *row != swatch).unwrap().center()
    };
    let at = legend(&window);
    window.drag_at(at);
    window.drop_at(at);
    window.run_steps(3);
    assert_eq!(muted(&window), 1);
    window.get_by_label("Show all").click();
    window.run_steps(3);
    assert_eq!(muted(&window), 0);
}

#[test]
fn a_row_of_the_table_opens_its_document_and_the_arrows_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    window.get_by_label_contains("Row 2: Story 1 ").focus();
    window.step();
    window.key_press(egui::Key::Enter);
    window.run_steps(3);
    assert_eq!(window.state().session().focus(), Some(1));
    window.get_by_label("Document 2 of 80");
    window.get_by_label("Nearest in meaning");
    window.key_press(egui::Key::ArrowDown);
    window.run_steps(3);
    assert!(window.get_by_label_contains("Row 3: Story 2 ").is_focused());
    window.key_press(egui::Key::Escape);
    window.run_steps(3);
    assert_eq!(window.state().session().focus(), None);
}

#[test]
fn a_title_of_the_table_sorts_by_its_column() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    window.get_by_label("Sort by kind").click();
    window.run_steps(2);
    window.get_by_label("Sort by kind, ascending").click();
    wait_for(&mut window, "Sort by kind, descending");
    wait_for(&mut window, "Row 41: Story 40 ");
    window.get_by_label("File order").click();
    wait_for(&mut window, "Row 1: Story 0 ");
}

#[test]
fn panels_hide_and_come_back_by_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    for (key, name) in
        [(egui::Key::Num1, "pipeline"), (egui::Key::Num2, "table"), (egui::Key::Num3, "inspector")]
    {
        window.get_by_label(&format!("Hide {name}"));
        window.key_press_modifiers(egui::Modifiers::COMMAND, key);
        window.run_steps(20);
        window.get_by_label(&format!("Show {name}"));
    }
    let map = window.get_by_label_contains("Map of 80 documents").rect();
    assert!(map.width() > 1500.0, "the map takes the room: {map:?}");
}

#[test]
fn a_cluster_card_tells_what_it_is_about() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    window.state_mut().wish(Command::FocusCluster(Some(0)));
    wait_for(&mut window, "Documents that stand for it");
    wait_for(&mut window, " of all");
    window.get_by_label("Select").click();
    window.run_steps(3);
    let selected = window.state().session().selection().map_or(0, |selection| selection.len());
    assert!(selected > 0);
    window.get_by_label_contains(&format!("{selected} selected of 80"));
    window.check_accessibility();
}

#[test]
fn a_window_at_rest_does_not_repaint() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window(folder.path());
    // Workers that look for pictures may still ask for a frame or two.
    let settled = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        window.try_run().is_ok_and(|steps| steps <= 1)
    });
    assert!(settled, "the welcome page keeps repainting");
}
