//! Copies and outliers as a person meets them in the window.
//!
//! With `COPIES_PICTURES=folder` the window is drawn there, to be looked at.

mod windows;

use std::path::{Path, PathBuf};

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use semascope::data::Condition;
use semascope::io::cache::Cache;
use semascope::io::documents_file::DocumentsFormat;
use semascope::io::npy;
use semascope::io::settings::Settings;
use semascope::io::work::Home;
use semascope::session::{ColourBy, Command, DocumentsExport, Session, Step, StepState, Study};
use semascope::ui::log::LogBuffer;
use semascope::ui::{SemascopeApp, wake};
use windows::{Window, click, rest, session, wait, wait_for, window_of};

/// Stories in groups of like vectors, then the planted ones.
const STORIES: usize = 100;
const SUBJECTS: [&str; 4] = ["river", "oven", "galaxy", "interest"];
const WORDS: [&str; 16] = [
    "amber", "birch", "copper", "dune", "ember", "fjord", "grove", "hazel", "indigo", "jade", "kelp",
    "lichen", "moss", "nettle", "onyx", "pebble",
];
/// Two exact copies and one with another word; one with a word more.
const PLANTED: [&str; 5] = [
    "How do I repair an old violin that fell from the table?",
    "how do I repair an old violin that fell from the table",
    "How do I repair an old violin that fell from the shelf?",
    "Nobody eats soup on Sundays",
    "Nobody ever eats soup on Sundays",
];
const ALL: usize = STORIES + PLANTED.len();
/// A story whose vector points elsewhere.
const APART: u32 = 17;

fn corpus(folder: &Path) -> Vec<PathBuf> {
    let mut csv = String::from("text,kind\n");
    let mut vectors = Vec::new();
    for i in 0..ALL {
        let group = i % SUBJECTS.len();
        match i.checked_sub(STORIES) {
            Some(planted) => csv.push_str(&format!("{},planted\n", PLANTED[planted])),
            None => {
                // Words in an order of their own, so that no two stories are alike.
                let place = |at: usize| ((i + 1) * (at * at + 7 * at + 3) * 2_654_435_761 % (1 << 32)) >> 28;
                let words = [0, 1, 2, 3, 4, 5].map(|at| WORDS[place(at)]).join(" ");
                csv.push_str(&format!("{words} {},kind {group}\n", SUBJECTS[group]));
            }
        }
        let turn = 0.7 * i as f32;
        let mut row = [0.1f32; 7];
        match i as u32 {
            APART => row[6] = 3.0,
            _ => row[group] = 1.0,
        }
        // Places on a small circle, each group around its own direction.
        (row[4], row[5]) = (0.2 * turn.cos(), 0.2 * turn.sin());
        vectors.extend(row);
    }
    let (table, npy) = (folder.join("stories.csv"), folder.join("stories.npy"));
    std::fs::write(&table, csv).unwrap();
    npy::write_f32(&npy, ALL, 7, &vectors).unwrap();
    vec![table, npy]
}

fn pictures() -> Option<PathBuf> {
    let folder = std::env::var_os("COPIES_PICTURES").map(PathBuf::from)?;
    std::fs::create_dir_all(&folder).unwrap();
    Some(folder)
}

fn workspace(folder: &Path) -> Window {
    let cache = Cache::open(Some(folder.join("cache"))).unwrap();
    let home = Home::at(folder.join("data"));
    let builder =
        Harness::builder().with_size([1440.0, 960.0]).with_max_steps(64).with_theme(egui::Theme::Dark);
    let builder = if pictures().is_some() { builder.wgpu() } else { builder };
    let mut window = builder.build_eframe(move |cc| {
        let session = Session::new(Settings::default(), cache, wake(&cc.egui_ctx)).keep_in(home);
        SemascopeApp::new(cc, session, LogBuffer::default()).unwrap()
    });
    window.state_mut().open(corpus(folder));
    wait(&mut window, "reading", |window| {
        let sheet = session(window).import_sheet();
        sheet.is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    window.state_mut().wish(Command::SetTextColumns(vec![0]));
    window.state_mut().wish(Command::ConfirmImport);
    rest(&mut window);
    wait_for(&mut window, "Colour of ");
    window
}

fn look(window: &mut Window, name: &str) {
    if let Some(folder) = pictures() {
        for theme in [egui::Theme::Light, egui::Theme::Dark] {
            window.ctx.set_theme(theme);
            window.run_steps(8);
            window.render().unwrap().save(folder.join(format!("{name} {theme:?}.png"))).unwrap();
        }
    }
}

fn find_copies(window: &mut Window) {
    window.get_by_label("Copies").click();
    window.run_steps(3);
    click(window, "Find copies");
    wait_for(window, "more than one of each");
}

/// Moves the slider of the page by some of its steps, with the arrows.
fn slide(window: &mut Window, steps: i32) {
    // Those of other panels come before it.
    window.query_all_by_role(egui::accesskit::Role::Slider).last().unwrap().focus();
    window.run_steps(2);
    for _ in 0..steps.abs() {
        window.key_press(if steps > 0 { egui::Key::ArrowRight } else { egui::Key::ArrowLeft });
        window.step();
    }
    window.run_steps(3);
    rest(window);
}

#[test]
fn planted_copies_are_found_grouped_and_one_of_each_is_exported() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    assert!(!session(&window).is_asked(Study::Copies));
    find_copies(&mut window);
    wait_for(&mut window, "2 groups, 5 documents, 3 more than one of each");
    wait_for(&mut window, "Group of 3: How do I repair");
    click(&mut window, "Exact");
    wait_for(&mut window, "1 group, 2 documents, 1 more than one of each");
    click(&mut window, "Nearly alike");
    wait_for(&mut window, "2 groups, 5 documents");
    // The groups follow the slider.
    slide(&mut window, 10);
    wait_for(&mut window, "1 group, 3 documents, 2 more than one of each");
    slide(&mut window, -10);
    wait_for(&mut window, "2 groups, 5 documents");
    click(&mut window, "Select the others");
    assert_eq!(session(&window).selection().unwrap().len(), 3);
    click(&mut window, "Show one of each");
    let kept = session(&window).kept().unwrap().clone();
    assert_eq!(kept.count(), ALL - 3);
    let shown: Vec<u32> = kept.documents().collect();
    wait_for(&mut window, "Filter: not copies beyond one of each");
    let path = home.path().join("one_of_each.csv");
    let export = DocumentsExport { format: DocumentsFormat::Csv, documents: Some(shown.into()), goal: None };
    window.state_mut().wish(Command::ExportDocuments(Box::new(export), path.clone()));
    wait(&mut window, "the export", |_| path.exists());
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!((text.matches("violin").count(), text.matches("soup").count()), (1, 1));
    // The keeper stays, also while the filter that the page made hides the others.
    wait_for(&mut window, "Show all of each");
    window.state_mut().wish(Command::Undo);
    window.run_steps(3);
    rest(&mut window);
    assert!(session(&window).kept().is_none());
    wait_for(&mut window, "Show one of each");
}

#[test]
fn a_group_that_is_opened_is_chosen_on_the_map_and_says_how_alike_its_members_are() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    find_copies(&mut window);
    click(&mut window, "Group of 3: ");
    let of = |planted: std::ops::Range<u32>| planted.map(|i| STORIES as u32 + i).collect::<Vec<_>>();
    assert_eq!(**session(&window).selection().unwrap(), of(0..3));
    wait_for(&mut window, ", same, kept");
    wait_for(&mut window, "fell from the shelf?, 9");
    look(&mut window, "copies");
    click(&mut window, "Copy 103: ");
    assert_eq!(session(&window).focus(), Some(102));
}

#[test]
fn another_choice_of_what_stays_takes_the_place_of_the_one_before_and_minds_other_filters() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    find_copies(&mut window);
    let left_out = |window: &Window| -> Vec<Vec<u32>> {
        let clauses = &session(window).filter().unwrap().clauses;
        let documents = |condition: &Condition| match condition {
            Condition::Documents { documents, .. } => Some(documents.documents().to_vec()),
            _ => None,
        };
        clauses.iter().filter_map(|clause| documents(&clause.condition)).collect()
    };
    click(&mut window, "Show one of each");
    let first = left_out(&window);
    assert_eq!(first.len(), 1);
    window.get_by_role_and_label(egui::accesskit::Role::ComboBox, "Of each keep").click();
    window.run_steps(3);
    click(&mut window, "The longest");
    wait_for(&mut window, "Show one of each");
    click(&mut window, "Show one of each");
    let second = left_out(&window);
    assert_eq!(second.len(), 1);
    assert!(
        first[0].contains(&(STORIES as u32 + 4)) && !second[0].contains(&(STORIES as u32 + 4)),
        "the longer text stays: {second:?}"
    );
}

#[test]
fn who_stands_apart_comes_first_is_selected_sorted_and_exported() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    window.get_by_label("Outliers").click();
    window.run_steps(3);
    click(&mut window, "Find outliers");
    wait_for(&mut window, "apart");
    let outliers = session(&window).outliers().expect("found").clone();
    let most = (0..ALL).max_by(|&a, &b| outliers.factors[a].total_cmp(&outliers.factors[b]));
    assert_eq!(most, Some(APART as usize));
    click(&mut window, "Colour the map by it");
    assert_eq!(session(&window).colouring().unwrap().by, ColourBy::Outliers);
    click(&mut window, "Sort by Outlier");
    wait_for(&mut window, "Sort by Outlier, descending");
    look(&mut window, "outliers");
    slide(&mut window, 30);
    click(&mut window, "Select them");
    let selected = session(&window).selection().unwrap().clone();
    assert_eq!(selected[..], [APART]);
    let path = home.path().join("all.csv");
    window.state_mut().wish(Command::ExportDocuments(Box::default(), path.clone()));
    wait(&mut window, "the export", |_| path.exists());
    let mut lines = csv::Reader::from_path(&path).unwrap();
    let at = lines.headers().unwrap().iter().position(|name| name == "semascope_outlier").unwrap();
    let factors: Vec<f32> = lines.records().map(|row| row.unwrap()[at].parse().unwrap()).collect();
    assert_eq!(factors, outliers.factors);
}

#[test]
fn without_vectors_copies_are_found_by_the_texts_alone_and_the_page_says_so() {
    let home = tempfile::tempdir().unwrap();
    let mut window = window_of([1440.0, 960.0], home.path(), Settings::default());
    window.state_mut().open(vec![corpus(home.path()).remove(0)]);
    wait(&mut window, "reading", |window| {
        session(window).import_sheet().is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    window.state_mut().wish(Command::SetTextColumns(vec![0]));
    window.state_mut().wish(Command::ConfirmImport);
    let embed = |window: &Window| session(window).step(Step::Embed).state;
    wait(&mut window, "embedding", |window| matches!(embed(window), StepState::Running(_)));
    window.state_mut().wish(Command::Stop(Step::Embed));
    wait(&mut window, "the stop", |window| embed(window) == StepState::Stopped);
    window.get_by_label("Outliers").click();
    window.run_steps(3);
    window.get_by_label_contains("Find outliers").click();
    wait_for(&mut window, "They are found once the neighbours are there.");
    window.get_by_label("Copies").click();
    window.run_steps(3);
    window.get_by_label_contains("Find copies").click();
    wait_for(&mut window, "2 groups, 5 documents, 3 more than one of each");
    wait_for(&mut window, "By the texts alone");
    assert!(window.get_by_label("In other words").accesskit_node().is_disabled());
}
