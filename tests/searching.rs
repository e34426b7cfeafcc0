//! Searching as a person does it in the window.

mod common;
mod windows;

use egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use semascope::data::{Query, SearchBy};
use semascope::io::settings::Settings;
use semascope::session::{ColourBy, Command};
use windows::{
    ALL, GROUP, Window, click, click_value, press, rest, session, wait, wait_for, window_of, workspace,
};

/// Types into the search field, which the key puts the cursor into.
fn type_search(window: &mut Window, text: &str) {
    window.key_press(Key::Slash);
    window.run_steps(3);
    window.event(Event::Text(text.to_owned()));
    window.run_steps(3);
    rest(window);
}

fn total(window: &Window) -> usize {
    session(window).search().and_then(|search| search.found).map_or(0, |found| found.total)
}

#[test]
fn words_that_are_typed_are_found_at_once_and_enter_goes_to_the_best_hit() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    type_search(&mut window, "galax");
    wait_for(&mut window, "30 documents hold “galax”");
    wait_for(&mut window, "Hit 1: ");
    assert_eq!(total(&window), GROUP);
    window.key_press(Key::Enter);
    window.run_steps(3);
    rest(&mut window);
    let focus = session(&window).focus().expect("a document is looked at");
    assert!((2 * GROUP..3 * GROUP).contains(&(focus as usize)));
    // From the document one gets back to the hits.
    click(&mut window, "30 hits");
    wait_for(&mut window, "Hit 1: ");
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(session(&window).search().is_none());
}

#[test]
fn a_search_without_a_hit_says_so_suggests_words_and_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    window.state_mut().wish(Command::Select(vec![1, 2]));
    type_search(&mut window, "galaxi ");
    wait_for(&mut window, "No document holds “galaxi”.");
    assert_eq!(**session(&window).selection().unwrap(), [1, 2]);
    assert!(session(&window).kept().is_none());
    window.get_by_label("galaxy").click();
    window.run_steps(3);
    rest(&mut window);
    assert_eq!(total(&window), GROUP);
}

#[test]
fn a_search_keeps_to_the_filter_and_can_become_a_part_of_it() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    type_search(&mut window, "\"Story 3\" OR \"Story 63\" ");
    assert_eq!(total(&window), 2);
    click_value(&mut window, "kind: kind 2");
    assert_eq!(total(&window), 1);
    wait_for(&mut window, "1 document of the filter holds");
    click(&mut window, "Clear the filter");
    click(&mut window, "  Filter");
    assert_eq!(session(&window).kept().unwrap().documents().collect::<Vec<_>>(), [3, 63]);
    window.state_mut().wish(Command::Search(None));
    window.run_steps(3);
    rest(&mut window);
    assert_eq!(session(&window).kept().unwrap().count(), 2, "the filter stays");
}

#[test]
fn hits_are_selected_as_the_keys_say() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    window.state_mut().wish(Command::Select(vec![0]));
    type_search(&mut window, "oven");
    window.event(Event::ModifiersChanged(Modifiers::SHIFT));
    window.get_by_label_contains("  Select").click_modifiers(Modifiers::SHIFT);
    window.run_steps(3);
    window.event(Event::ModifiersChanged(Modifiers::NONE));
    rest(&mut window);
    assert_eq!(session(&window).selection().unwrap().len(), GROUP + 1);
}

#[test]
fn several_searches_are_told_apart_by_colour_and_stay_with_the_project() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    type_search(&mut window, "boat");
    click(&mut window, "Keep colour");
    assert_eq!(session(&window).colouring().unwrap().by, ColourBy::Searches);
    window.state_mut().wish(Command::ToggleQuery(Query { text: "bread".into(), by: SearchBy::Words }));
    window.run_steps(3);
    wait_for(&mut window, "Colour of “bread”");
    wait_for(&mut window, "“boat”, 30");
    let labels = &session(&window).coloured_searches().unwrap().clusters.labels;
    assert_eq!((labels[0], labels[GROUP], labels[ALL - 1]), (0, 1, u32::MAX));
    let path = home.path().join("searched.semascope");
    window.state_mut().wish(Command::SaveProject(path.clone()));
    window.run_steps(3);
    rest(&mut window);
    drop(window);
    let mut window = window_of([1600.0, 1000.0], home.path(), Settings::default());
    window.state_mut().open(vec![path]);
    wait(&mut window, "opening", |window| session(window).corpus().is_some());
    rest(&mut window);
    assert_eq!(session(&window).search().unwrap().query.text, "boat");
    wait_for(&mut window, "Colour of “bread”");
}

#[test]
fn vectors_that_no_model_at_hand_made_are_not_searched_by_meaning_and_the_panel_says_why() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    type_search(&mut window, "ships");
    click(&mut window, "Meaning");
    wait_for(&mut window, "The vectors have 6 components");
    wait_for(&mut window, "search by words");
}

#[test]
fn a_sentence_finds_what_means_the_same_in_other_words_also_under_a_filter() {
    let home = tempfile::tempdir().unwrap();
    let mut window = window_of([1600.0, 1000.0], home.path(), Settings::default());
    window.state_mut().open(vec![common::small_corpus(home.path())]);
    wait(&mut window, "reading", |window| {
        let sheet = session(window).import_sheet();
        sheet.is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    window.state_mut().wish(Command::SetTextColumns(vec![1]));
    window.state_mut().wish(Command::ConfirmImport);
    rest(&mut window);
    type_search(&mut window, "planets and stars in outer space");
    click(&mut window, "Meaning");
    wait_for(&mut window, "Compared with all 120 documents.");
    let best = |window: &Window| session(window).search().unwrap().found.unwrap().ranked[0].0 as usize;
    let corpus = session(&window).corpus().unwrap().clone();
    assert_eq!(corpus.len(), common::SMALL);
    let subject = |i: usize| corpus.column("subject").unwrap().cells.get(i).to_owned();
    assert_eq!(subject(best(&window)), "astronomy");
    click_value(&mut window, "subject: finance");
    assert_eq!(subject(best(&window)), "finance");
    wait_for(&mut window, "Compared with all 30 documents of the filter.");
}
