//! What is special about a selection, as a person asks for it.

mod windows;

use egui_kittest::kittest::Queryable;
use semascope::session::Command;
use windows::{GROUP, click, click_value, session, wait, wait_for, workspace};

#[test]
fn a_selection_is_told_by_its_words_and_values_and_a_word_leads_to_a_search() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    click(&mut window, "Special");
    wait_for(&mut window, "Select some documents, by a lasso");
    window.state_mut().wish(Command::Select((GROUP as u32..2 * GROUP as u32).collect()));
    window.run_steps(3);
    click(&mut window, "  What is special?");
    wait(&mut window, "the comparison", |window| session(window).special().is_some());
    wait_for(&mut window, "30 documents against 90 others");
    wait_for(&mut window, "kind: kind 1: 100.0% here, 0.0% elsewhere");
    let answer = session(&window).special().unwrap().clone();
    let terms = &answer.special.as_ref().unwrap().terms;
    assert!(terms.iter().any(|term| term.term.contains("oven")), "{terms:?}");
    let first = terms[0].term.clone();
    window.get_by_label_contains(&format!("{first}: 100.0% here")).click();
    window.run_steps(3);
    assert!(session(&window).search().unwrap().query.text.contains(&first));
}

#[test]
fn under_a_filter_the_selection_is_compared_with_what_it_keeps() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    click_value(&mut window, "kind: kind 1");
    click_value(&mut window, "kind: kind 2");
    window.state_mut().wish(Command::Select((GROUP as u32..2 * GROUP as u32).collect()));
    window.run_steps(3);
    click(&mut window, "  What is special?");
    wait_for(&mut window, "30 documents against 30 others of the filter");
    window.state_mut().wish(Command::Select(vec![5]));
    window.run_steps(3);
    wait_for(&mut window, "The selection has changed since.");
    click(&mut window, "Compare it");
    wait_for(&mut window, "One document alone shows no pattern.");
}
