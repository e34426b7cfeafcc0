//! Some documents as a space of their own, and the way back.

mod windows;

use egui_kittest::kittest::Queryable;
use semascope::data::{Query, SearchBy};
use semascope::io::settings::Settings;
use semascope::session::{Command, Step, StepState};
use windows::{ALL, GROUP, Window, click, rest, session, wait, wait_for, window_of, workspace};

fn documents(window: &Window) -> usize {
    session(window).corpus().unwrap().len()
}

/// Maps the documents of the second group alone.
fn inside(window: &mut Window) {
    window.state_mut().wish(Command::Tag("early".into(), vec![0, 31]));
    window.state_mut().wish(Command::Select((GROUP as u32..2 * GROUP as u32).collect()));
    window.run_steps(3);
    click(window, "Map only these");
    wait(window, "the way in", |window| session(window).outside().is_some());
    rest(window);
}

#[test]
fn the_selection_is_mapped_and_clustered_alone_and_the_way_back_finds_all_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let before = session(&window).layout().unwrap().key;
    inside(&mut window);
    assert_eq!((documents(&window), session(&window).outside()), (GROUP, Some(ALL)));
    assert!(session(&window).corpus().unwrap().text(0).contains("bread"));
    assert_eq!(session(&window).step(Step::Clusters).state, StepState::Done);
    assert_eq!(session(&window).undoes(), None, "what was done outside is not undone inside");
    assert_eq!(session(&window).edits().unwrap().tags["early"].documents().to_vec(), [1]);
    // A tag put on inside is on the same document outside.
    window.state_mut().wish(Command::Tag("inside".into(), vec![2]));
    window.state_mut().wish(Command::Select(vec![2, 3]));
    window.run_steps(3);
    click(&mut window, "Back to all 120");
    assert_eq!((documents(&window), session(&window).outside()), (ALL, None));
    assert_eq!(session(&window).layout().unwrap().key, before, "nothing is computed again");
    assert_eq!(**session(&window).selection().unwrap(), [32, 33]);
    let tags = &session(&window).edits().unwrap().tags;
    assert_eq!(tags["inside"].documents().to_vec(), [32]);
    assert_eq!(tags["early"].documents().to_vec(), [0, 31]);
    window.state_mut().wish(Command::Undo);
    window.run_steps(3);
    assert!(!session(&window).edits().unwrap().tags.contains_key("inside"));
}

#[test]
fn what_is_saved_from_inside_is_the_whole() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    inside(&mut window);
    let path = home.path().join("whole.semascope");
    window.state_mut().wish(Command::SaveProject(path.clone()));
    window.run_steps(3);
    rest(&mut window);
    assert_eq!(documents(&window), GROUP, "saving leads nowhere");
    drop(window);
    let mut window = window_of([1600.0, 1000.0], home.path(), Settings::default());
    window.state_mut().open(vec![path]);
    wait(&mut window, "opening", |window| session(window).corpus().is_some());
    rest(&mut window);
    assert_eq!((documents(&window), session(&window).outside()), (ALL, None));
}

#[test]
fn too_few_documents_or_all_of_them_are_not_mapped_alone() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    window.state_mut().wish(Command::OnlyThese(vec![4, 5]));
    window.run_steps(3);
    wait_for(&mut window, "Select at least three documents");
    window.state_mut().wish(Command::OnlyThese((0..ALL as u32).collect()));
    window.run_steps(3);
    wait_for(&mut window, "All documents are on this map already.");
    assert_eq!(documents(&window), ALL);
    assert!(window.query_by_label_contains("Back to all").is_none());
}

/// Twelve long texts about cooking; deep inside the eighth stands a sentence about the moon.
fn long_texts() -> String {
    let mut csv = String::from("title,text\n");
    for i in 0..12 {
        let mut text = String::new();
        for j in 0..40 {
            let dish = ["bread", "soup", "rice", "fish", "cake"][(i + j) % 5];
            text.push_str(&format!("The cook stirred the {dish} in pot number {j} and tasted it. "));
            if (i, j) == (7, 30) {
                text.push_str("A rocket carried two astronauts around the far side of the moon. ");
            }
        }
        csv.push_str(&format!("Recipe {i},\"{text}\"\n"));
    }
    csv
}

#[test]
fn long_documents_are_split_into_passages_and_one_is_found_by_what_stands_deep_inside() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("recipes.csv");
    std::fs::write(&file, long_texts()).unwrap();
    let mut window = window_of([1600.0, 1000.0], home.path(), Settings::default());
    window.state_mut().open(vec![file]);
    wait(&mut window, "reading", |window| {
        let sheet = session(window).import_sheet();
        sheet.is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    window.state_mut().wish(Command::SetTextColumns(vec![1]));
    window.state_mut().wish(Command::ConfirmImport);
    rest(&mut window);
    window.state_mut().wish(Command::SplitIntoPassages);
    wait(&mut window, "the passages", |window| session(window).shows_passages());
    rest(&mut window);
    assert!(documents(&window) > 3 * 12, "{} passages", documents(&window));
    let query = Query { text: "spaceflight".into(), by: SearchBy::Meaning };
    window.state_mut().wish(Command::Search(Some(query)));
    window.run_steps(3);
    rest(&mut window);
    wait_for(&mut window, "the best one of each is listed");
    let found = session(&window).search().unwrap().found.unwrap().clone();
    assert_eq!(found.rolled_up, Some(12));
    assert_eq!(found.ranked.len(), 12, "each document is listed once");
    let best = found.ranked[0].0;
    assert!(session(&window).corpus().unwrap().text(best as usize).contains("astronauts"));
    window.state_mut().wish(Command::Tag("moon".into(), vec![best]));
    window.state_mut().wish(Command::Focus(Some(best)));
    window.run_steps(3);
    click(&mut window, "Back to documents");
    assert_eq!((documents(&window), session(&window).focus()), (12, Some(7)));
    assert_eq!(session(&window).edits().unwrap().tags["moon"].documents().to_vec(), [7]);
}
