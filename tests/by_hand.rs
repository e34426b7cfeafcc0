//! What a person does by hand in the window: titles, merging, splitting, tags, undo, work that was left behind, and
//! projects that open as they were left.

mod folders;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use folders::copy_folder;
use semascope::data::Standing;
use semascope::io::cache::Cache;
use semascope::io::npy;
use semascope::io::settings::{Panel, Settings};
use semascope::io::work::Home;
use semascope::session::{Command, Session, Step, StepState};
use semascope::stage::ClusterMethod;
use semascope::ui::log::LogBuffer;
use semascope::ui::{SemascopeApp, file_state, wake};

/// No test waits longer for a worker.
const PATIENCE: Duration = Duration::from_secs(90);
/// Documents of each group of the corpus.
const GROUP: usize = 30;
const SUBJECTS: [&str; 4] =
    ["the boat on the river", "bread from the oven", "stars of the galaxy", "rates of the bank"];
const ALL: usize = GROUP * SUBJECTS.len();

type Window = Harness<'static, SemascopeApp>;

fn window_of(size: [f32; 2], folder: &Path, settings: Settings) -> Window {
    let cache = Cache::open(Some(folder.join("cache"))).unwrap();
    let home = Home::at(folder.join("data"));
    Harness::builder().with_size(size).with_max_steps(64).build_eframe(move |cc| {
        let session = Session::new(settings, cache, wake(&cc.egui_ctx)).keep_in(home);
        SemascopeApp::new(cc, session, LogBuffer::default()).unwrap()
    })
}

fn window(folder: &Path) -> Window {
    window_of([1600.0, 1000.0], folder, Settings::default())
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

/// Draws frames until nothing is computed any more.
fn rest(window: &mut Window) {
    wait(window, "changes to be taken up", |window| window.state().session().poll_after().is_none());
    wait(window, "the flow", |window| {
        let session = window.state().session();
        !session.is_busy() && Step::ALL.iter().all(|&step| session.step(step).state == StepState::Done)
    });
    // Sizes, colours and names on the map come from workers of the window.
    std::thread::sleep(Duration::from_millis(50));
    window.run_steps(8);
}

/// Four groups of texts with vectors beside them, so that no model is needed.
fn small_corpus(folder: &Path) -> Vec<PathBuf> {
    let mut csv = String::from("text,kind\n");
    let mut vectors = Vec::new();
    for i in 0..ALL {
        let group = i / GROUP;
        csv.push_str(&format!("Story {i} of {} and what became of it,kind {group}\n", SUBJECTS[group]));
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
fn explore(window: &mut Window, folder: &Path) {
    window.state_mut().open(small_corpus(folder));
    wait(window, "reading", |window| {
        let sheet = window.state().session().import_sheet();
        sheet.is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    window.state_mut().wish(Command::SetTextColumns(vec![0]));
    window.state_mut().wish(Command::ConfirmImport);
    rest(window);
    wait_for(window, "Colour of ");
}

fn workspace(folder: &Path) -> Window {
    let mut window = window(folder);
    explore(&mut window, folder);
    window
}

fn title(window: &Window, label: u32) -> String {
    window.state().session().names().unwrap().clusters[label as usize].title.clone()
}

fn sizes(window: &Window) -> Vec<usize> {
    window.state().session().clusters().unwrap().sizes()
}

fn open_card(window: &mut Window, label: u32) {
    window.state_mut().wish(Command::FocusCluster(Some(label)));
    wait_for(window, "Documents that stand for it");
}

fn type_title(window: &mut Window, title: &str) {
    window.get_by_label("Rename the cluster").click();
    window.run_steps(3);
    window.event(egui::Event::Text(title.to_owned()));
    window.run_steps(2);
}

/// The row of a cluster in the inspector; the legend has one of the same name.
fn in_the_list<'w>(window: &'w Window, name: &'w str) -> egui_kittest::Node<'w> {
    let right = |node: &egui_kittest::Node<'_>| node.rect().left() > 1200.0;
    window.query_all_by_label(name).find(right).unwrap_or_else(|| panic!("{name} is listed"))
}

/// Clicks the last of the widgets with a name: a menu lies over what opened it.
fn choose(window: &mut Window, name: &str) {
    window.query_all_by_label_contains(name).last().unwrap_or_else(|| panic!("{name} is there")).click();
    window.run_steps(3);
}

#[test]
fn a_title_is_typed_in_place_and_the_computed_one_is_a_click_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    let computed = title(&window, 0);
    open_card(&mut window, 0);
    type_title(&mut window, "River boats");
    window.key_press(Key::Enter);
    rest(&mut window);
    assert_eq!(title(&window, 0), "River boats");
    window.check_accessibility();
    window.get_by_label("use the computed title").click();
    rest(&mut window);
    assert_eq!(title(&window, 0), computed);
    assert!(window.query_by_label("use the computed title").is_none());
}

#[test]
fn escape_leaves_a_title_as_it_was_and_the_card_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    let before = title(&window, 0);
    open_card(&mut window, 0);
    type_title(&mut window, "Never mind");
    window.key_press(Key::Escape);
    window.run_steps(3);
    assert_eq!(title(&window, 0), before);
    assert_eq!(window.state().session().focus_cluster(), Some(0), "the card stays");
    assert_eq!(window.state().session().undoes(), None);
    window.key_press(Key::Escape);
    window.run_steps(3);
    assert_eq!(window.state().session().focus_cluster(), None);
}

#[test]
fn a_field_keeps_undo_for_what_is_typed_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    window.state_mut().wish(Command::RenameCluster(0, "River boats".into()));
    rest(&mut window);
    open_card(&mut window, 0);
    type_title(&mut window, "Something else");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(3);
    assert_eq!(window.state().session().undoes(), Some("Rename cluster"), "the session took nothing back");
    window.key_press(Key::Escape);
    window.run_steps(3);
    assert_eq!(title(&window, 0), "River boats");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(3);
    assert_eq!(window.state().session().undoes(), None);
}

#[test]
fn the_buttons_of_undo_and_redo_say_what_they_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    assert!(window.get_by_label("Undo").accesskit_node().is_disabled());
    assert!(window.get_by_label("Redo").accesskit_node().is_disabled());
    let before = title(&window, 1);
    window.state_mut().wish(Command::RenameCluster(1, "Bread".into()));
    rest(&mut window);
    window.get_by_label("Undo rename cluster").click();
    rest(&mut window);
    assert_eq!(title(&window, 1), before);
    window.get_by_label("Redo rename cluster").click();
    rest(&mut window);
    assert_eq!(title(&window, 1), "Bread");
}

#[test]
fn clusters_chosen_in_the_list_are_merged_and_the_emptied_one_is_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    let count = sizes(&window).len();
    assert!(count >= 3, "{:?}", sizes(&window));
    for (label, name) in [(0, "Boats"), (1, "Bread")] {
        window.state_mut().wish(Command::RenameCluster(label, name.into()));
    }
    rest(&mut window);
    let merged = sizes(&window)[0] + sizes(&window)[1];
    let command = Modifiers::COMMAND;
    let row = |window: &Window, label: usize, name: &str| format!("{name}, {}", sizes(window)[label]);
    for (label, name) in [(0, "Boats"), (1, "Bread")] {
        let name = row(&window, label, name);
        in_the_list(&window, &name).click_modifiers(command);
        window.run_steps(3);
    }
    window.event(egui::Event::ModifiersChanged(Modifiers::NONE));
    window.run_steps(2);
    window.get_by_label_contains("Merge 2 clusters").click();
    rest(&mut window);
    assert_eq!(sizes(&window).iter().filter(|n| **n == merged).count(), 1, "{:?}", sizes(&window));
    let shown = window.query_all_by_label_contains("Colour of ").count();
    let others = usize::from(window.state().session().clusters().unwrap().unclustered() > 0);
    assert_eq!(shown, count - 1 + others, "the legend has no entry without documents");
    window.get_by_label(&format!("Clusters {}", count - 1));
    window.get_by_label_contains(&format!("Map of {ALL} documents, {} clusters", count - 1));
    for name in ["Boats, 0", "Bread, 0"] {
        assert!(window.query_by_label(name).is_none(), "{name} is listed");
    }
    window.check_accessibility();
}

#[test]
fn a_cluster_is_merged_with_others_that_are_found_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    window.state_mut().wish(Command::RenameCluster(1, "Bread".into()));
    rest(&mut window);
    let wanted = sizes(&window)[0] + sizes(&window)[1];
    open_card(&mut window, 0);
    window.get_by_label("Merge with…").click();
    wait_for(&mut window, "Merge “");
    window.event(egui::Event::Text("brea".into()));
    window.run_steps(3);
    window.check_accessibility();
    let row = format!("Bread, {}", sizes(&window)[1]);
    choose(&mut window, &row);
    window.get_by_label("Merge 2 clusters").click();
    rest(&mut window);
    assert!(sizes(&window).contains(&wanted), "{:?}", sizes(&window));
    let label = sizes(&window).iter().position(|n| *n == wanted).unwrap() as u32;
    open_card(&mut window, label);
    window.get_by_label("drop this edit").click();
    rest(&mut window);
    assert!(!sizes(&window).contains(&wanted));
}

#[test]
fn a_cluster_is_split_and_one_of_its_parts_deleted_from_its_menu() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    let before = sizes(&window);
    open_card(&mut window, 0);
    window.get_by_label("Split…").click();
    wait_for(&mut window, "Split into 2");
    window.check_accessibility();
    window.get_by_label("Split into 2").click();
    window.run_steps(2);
    wait(&mut window, "the split", |window| window.state().session().splitting().is_none());
    rest(&mut window);
    assert_eq!(window.state().session().cluster_count(), before.len() + 1);
    window.state_mut().wish(Command::FocusCluster(None));
    window.run_steps(3);
    let name = format!("{}, {}", title(&window, 0), sizes(&window)[0]);
    in_the_list(&window, &name).click_secondary();
    window.run_steps(3);
    for entry in ["Rename", "Merge with…", "Split…", "Tag its documents…", "Select its documents"] {
        assert!(window.query_all_by_label_contains(entry).next().is_some(), "{entry} is in the menu");
    }
    let part = sizes(&window)[0];
    choose(&mut window, "Delete");
    rest(&mut window);
    assert_eq!(window.state().session().clusters().unwrap().unclustered(), part);
}

#[test]
fn a_cluster_that_was_emptied_is_looked_at_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    open_card(&mut window, 0);
    window.get_by_label("Delete").click();
    rest(&mut window);
    assert_eq!(window.state().session().focus_cluster(), None);
    window.get_by_label("Undo delete cluster");
}

#[test]
fn a_document_is_tagged_on_its_card_and_the_table_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    let tagged = |window: &Window, document: u32| {
        let edits = window.state().session().edits().unwrap();
        edits.tags_of(document).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(window.query_by_label("Tags").is_none());
    window.state_mut().wish(Command::Tag("to read".into(), vec![5]));
    window.run_steps(3);
    window.get_by_label("Tags");
    window.state_mut().wish(Command::Focus(Some(3)));
    window.run_steps(3);
    window.get_by_label("+ tag").click();
    window.run_steps(3);
    window.event(egui::Event::Text("odd".into()));
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(3);
    assert_eq!(tagged(&window, 3), ["odd"]);
    window.get_by_label("+ tag").click();
    window.run_steps(3);
    choose(&mut window, "to read, 1");
    assert_eq!(tagged(&window, 3), ["odd", "to read"]);
    window.check_accessibility();
    window.get_by_label("Take off the tag odd").click();
    window.run_steps(3);
    assert_eq!(tagged(&window, 3), ["to read"]);
    window.get_by_label("Tag to read").click();
    window.run_steps(3);
    assert_eq!(**window.state().session().selection().unwrap(), [3, 5]);
}

#[test]
fn a_selection_becomes_a_cluster_with_a_title() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    let chosen: Vec<u32> = (0..ALL as u32).step_by(9).collect();
    window.state_mut().wish(Command::Select(chosen.clone()));
    window.run_steps(3);
    window.get_by_label(&format!("{} documents selected", chosen.len()));
    window.get_by_label_contains("Make a cluster…").click();
    window.run_steps(3);
    window.event(egui::Event::Text("Every ninth".into()));
    window.run_steps(2);
    window.check_accessibility();
    window.get_by_label("Make the cluster").click();
    rest(&mut window);
    let label = window.state().session().clusters().unwrap().labels[chosen[1] as usize];
    assert_eq!(
        (title(&window, label).as_str(), sizes(&window)[label as usize]),
        ("Every ninth", chosen.len())
    );
    assert!(window.state().session().selection().unwrap().is_empty());
}

#[test]
fn an_edit_that_does_not_fit_says_how_its_documents_lie_and_a_person_decides() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    window.state_mut().wish(Command::RenameCluster(0, "River boats".into()));
    rest(&mut window);
    let mut params = window.state().session().params().clone();
    params.clusters.method = ClusterMethod::KMeans;
    params.clusters.kmeans.k = 1;
    window.state_mut().wish(Command::SetParams(Box::new(params)));
    rest(&mut window);
    assert_eq!(window.state().session().unsettled().len(), 1);
    wait_for(&mut window, "not fit the new clusters");
    window.get_by_label("Show").click();
    wait_for(&mut window, "Now ");
    for text in ["River boats", "Renamed · ", "Do not fit the present clusters"] {
        assert!(window.query_all_by_label_contains(text).next().is_some(), "{text} is shown");
    }
    window.check_accessibility();
    window.get_by_label("Use the computed ones").click();
    rest(&mut window);
    let standing = |window: &Window| window.state().session().edits().unwrap().regroupings[0].standing;
    assert_eq!(standing(&window), Standing::SetAside);
    wait_for(&mut window, "Set aside");
    window.get_by_label("Take it up again").click();
    rest(&mut window);
    wait_for(&mut window, "Keep mine");
    window.get_by_label("Keep mine").click();
    rest(&mut window);
    assert_eq!(standing(&window), Standing::Insists);
    wait_for(&mut window, "In force");
    window.get_by_label_contains("Drop this edit").click();
    rest(&mut window);
    assert!(window.state().session().edits().unwrap().is_empty());
}

#[test]
fn the_bar_and_the_title_say_whether_the_work_is_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    let named = |window: &Window| file_state::title(window.state().session());
    assert_eq!(named(&window), "stories.csv – Semascope");
    window.state_mut().wish(Command::RenameCluster(0, "River boats".into()));
    rest(&mut window);
    window.get_by_label("Edited · kept automatically");
    assert_eq!(named(&window), "stories.csv (edited) – Semascope");
    let path = folder.path().join("mine.semascope");
    window.state_mut().wish(Command::SaveProject(path.clone()));
    rest(&mut window);
    window.get_by_label("Saved");
    assert_eq!(named(&window), "mine – Semascope");
    window.state_mut().wish(Command::RenameCluster(0, "Other boats".into()));
    rest(&mut window);

    let mut second = self::window(folder.path());
    second.state_mut().open(vec![path]);
    wait_for(&mut second, "Read only · ");
    assert_eq!(named(&second), "mine (read only) – Semascope");

    // Going back to the file asks first.
    choose(&mut window, "mine");
    choose(&mut window, "Open as saved…");
    assert!(window.state().session().is_unsaved());
    window.get_by_label("Throw away and open").click();
    wait(&mut window, "the project as saved", |window| {
        let session = window.state().session();
        session.names().is_some_and(|names| names.clusters[0].title == "River boats")
    });
    assert!(!window.state().session().is_unsaved());
}

#[test]
fn work_that_was_left_behind_waits_on_the_first_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    window.state_mut().wish(Command::RenameCluster(0, "River boats".into()));
    rest(&mut window);
    wait(&mut window, "the work to be kept", |window| window.state().session().work_folder().is_some());
    std::thread::sleep(Duration::from_millis(300));
    let other = tempfile::tempdir().unwrap();
    copy_folder(&folder.path().join("data"), &other.path().join("data"));

    let mut again = window_of([1280.0, 800.0], other.path(), Settings::default());
    wait_for(&mut again, "Continue with stories.csv");
    again.get_by_label_contains("1 change: Rename cluster");
    for sample in ["arXiv papers: ", "English words: "] {
        let card = again.get_by_label_contains(sample).rect();
        assert!(card.bottom() < 800.0, "{sample} lies on the page without scrolling");
    }
    again.check_accessibility();
    again.get_by_label("Discard stories.csv").click();
    again.run_steps(3);
    again.get_by_label("Keep stories.csv").click();
    again.run_steps(3);
    again.get_by_label("Continue with stories.csv").click();
    rest(&mut again);
    assert_eq!(title(&again, 0), "River boats");
    again.state_mut().wish(Command::CloseCorpus);
    wait_for(&mut again, "Continue with stories.csv");
    again.get_by_label("Discard stories.csv").click();
    again.run_steps(3);
    again.get_by_label("Discard stories.csv for good").click();
    again.run_steps(3);
    assert!(again.state().session().unfinished().is_empty());
}

/// Settings of a person who likes the table low.
fn low_table() -> Settings {
    let mut settings = Settings::default();
    settings.panels.insert("table".into(), Panel { size: 140.0, visible: true });
    settings
}

#[test]
fn a_project_opens_with_its_camera_panels_and_table_as_they_were_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    window.key_press(Key::Plus);
    window.run_steps(40);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    window.run_steps(20);
    window.get_by_label("Sort by kind").click();
    window.run_steps(2);
    window.get_by_label("Sort by kind, ascending").click();
    wait_for(&mut window, "Sort by kind, descending");
    window.state_mut().wish(Command::RenameCluster(0, "River boats".into()));
    rest(&mut window);
    window.get_by_label("Edits 1").click();
    window.run_steps(3);
    let path = folder.path().join("mine.semascope");
    window.state_mut().wish(Command::SaveProject(path.clone()));
    rest(&mut window);
    let left = window.state().session().view_state().clone();
    assert!(left["camera"].is_object(), "{left}");
    drop(window);

    let other = tempfile::tempdir().unwrap();
    let mut again = window_of([1600.0, 1000.0], other.path(), low_table());
    again.state_mut().open(vec![path]);
    wait_for(&mut again, "Sort by kind, descending");
    again.run_steps(20);
    let now = again.state().session().view_state().clone();
    assert_eq!(now["camera"], left["camera"]);
    assert_eq!(now["table"], left["table"]);
    assert_eq!(now["page"], "edits");
    for panel in ["pipeline", "inspector", "table"] {
        assert_eq!(now["panels"][panel]["visible"], left["panels"][panel]["visible"], "{panel}");
        let size = |view: &serde_json::Value| view["panels"][panel]["size"].as_f64().unwrap();
        assert!((size(&now) - size(&left)).abs() < 1.0, "{panel}: {now} {left}");
    }
    again.get_by_label("Show pipeline");
    // The person's own panels are back when the project is closed.
    again.state_mut().wish(Command::CloseCorpus);
    again.run_steps(3);
    assert_eq!(again.state().panels()["table"], Panel { size: 140.0, visible: true });
    assert!(again.state().panels()["pipeline"].visible);
}

#[test]
fn a_drag_with_ctrl_moves_a_point_and_pins_it_and_its_menu_releases_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = workspace(folder.path());
    let before = window.state().session().positions().unwrap().clone();
    let camera =
        |window: &Window| window.state().shown_at(40).unwrap() - window.state().shown_at(70).unwrap();
    let from = window.state().shown_at(0).unwrap();
    // The index of the points under the pointer comes from a worker.
    window.event(egui::Event::PointerMoved(from));
    wait_for(&mut window, "Story");
    let held = camera(&window);
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::COMMAND,
    };
    window.event(egui::Event::ModifiersChanged(Modifiers::COMMAND));
    window.event(button(from, true));
    window.step();
    let to = from + egui::vec2(-60.0, 45.0);
    for share in [0.3, 0.6, 1.0] {
        window.event(egui::Event::PointerMoved(from + share * (to - from)));
        window.run_steps(2);
    }
    window.event(button(to, false));
    window.event(egui::Event::ModifiersChanged(Modifiers::NONE));
    window.run_steps(2);
    rest(&mut window);
    let pinned: Vec<u32> = window.state().session().edits().unwrap().pins.keys().copied().collect();
    assert_eq!(pinned.len(), 1, "one point was moved");
    let at = window.state().shown_at(pinned[0]).unwrap();
    assert!((at - to).length() < 12.0, "it lies where it was let go: {at} {to}");
    assert!((camera(&window) - held).length() < 40.0, "the map itself was not moved");
    window.check_accessibility();

    window.event(egui::Event::PointerMoved(at));
    window.run_steps(3);
    for pressed in [true, false] {
        window.event(egui::Event::PointerButton {
            pos: at,
            button: egui::PointerButton::Secondary,
            pressed,
            modifiers: Modifiers::NONE,
        });
        window.run_steps(2);
    }
    wait_for(&mut window, "Release");
    choose(&mut window, "Release all pins");
    rest(&mut window);
    assert!(window.state().session().edits().unwrap().pins.is_empty());
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    rest(&mut window);
    assert_eq!(**window.state().session().positions().unwrap(), *before, "undo brings the map back");
}
