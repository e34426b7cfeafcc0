//! Filters and selections as a person makes them in the window.

mod windows;

use egui::{Key, Modifiers, Pos2, pos2};
use egui_kittest::kittest::Queryable;
use semascope::data::{Combine, Condition};
use semascope::io::settings::Settings;
use semascope::session::Command;
use semascope::ui::icons;
use windows::{
    ALL, GROUP, Window, click, click_value, drag, explore, press, rest, session, wait_for, window_of,
    workspace,
};

fn kept(window: &Window) -> usize {
    session(window).kept().map_or(ALL, |kept| kept.count())
}

fn selected(window: &Window) -> Vec<u32> {
    session(window).selection().unwrap().to_vec()
}

fn rows(window: &Window) -> usize {
    window.query_all_by_label_contains("Row ").count()
}

/// Where the chart of a column lies.
fn chart(window: &Window, column: &str) -> egui::Rect {
    window.get_by_label_contains(&format!("Filter by {column}")).rect()
}

#[test]
fn a_value_that_is_clicked_filters_the_map_the_table_and_the_counts_and_once_more_lets_go() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    click_value(&mut window, "kind: kind 2");
    assert_eq!(kept(&window), GROUP);
    wait_for(&mut window, "30 of 120 documents");
    wait_for(&mut window, "kind: kind 1, 0");
    // The table holds only what is kept; the first story of the others is not in it.
    wait_for(&mut window, "Row 61:");
    assert!(window.query_by_label_contains("Row 1:").is_none());
    click_value(&mut window, "kind: kind 1");
    assert_eq!(kept(&window), 2 * GROUP);
    click_value(&mut window, "kind: kind 1");
    click_value(&mut window, "kind: kind 2");
    assert_eq!(kept(&window), ALL);
    assert!(rows(&window) > 0);
}

#[test]
fn a_range_that_is_dragged_over_a_histogram_combines_with_values_and_goes_with_a_click() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let rect = chart(&window, "year");
    let at = |share: f32| pos2(rect.left() + share * rect.width(), rect.center().y);
    drag(&mut window, &[at(0.5), at(0.7), at(1.02)], Modifiers::NONE);
    let filter = session(&window).filter().unwrap().clone();
    let Some(Condition::Range { low, high, .. }) = filter.brush("year") else { panic!("{filter:?}") };
    assert!((1999.0..2000.0).contains(low) && *high > 2008.5, "{low} {high}");
    // Ten of twenty years of each group.
    assert_eq!(kept(&window), (0..ALL).filter(|i| 1990.0 + (i % 20) as f64 >= *low).count());
    click_value(&mut window, "kind: kind 0");
    let both = (0..GROUP).filter(|i| 1990.0 + (i % 20) as f64 >= *low).count();
    assert_eq!(kept(&window), both);
    window.state_mut().wish(Command::Undo);
    window.run_steps(3);
    rest(&mut window);
    assert!(session(&window).filter().unwrap().brush("kind").is_none());
    let rect = chart(&window, "year");
    window.get_by_label_contains("Filter by year").click();
    window.run_steps(3);
    rest(&mut window);
    assert!(rect.width() > 100.0);
    assert_eq!(kept(&window), ALL);
}

#[test]
fn a_range_plays_from_where_it_is_to_the_end() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    window.get_by_label_contains("Play through day").click();
    window.run_steps(3);
    let low = |window: &Window| match session(window).filter().unwrap().brush("day") {
        Some(Condition::Range { low, .. }) => *low,
        other => panic!("{other:?}"),
    };
    let first = low(&window);
    window.run_steps(10);
    assert!(low(&window) > first);
    window.get_by_label_contains("Stop moving the range of day").click();
    window.run_steps(3);
    let stopped = low(&window);
    window.run_steps(5);
    assert_eq!(low(&window), stopped);
}

#[test]
fn a_filter_without_any_document_says_so_and_a_clause_goes_or_turns_round_by_its_chip() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    click_value(&mut window, "kind: kind 2");
    window.state_mut().wish(Command::Select((0..30).collect()));
    window.run_steps(3);
    click(&mut window, "Show only these");
    assert_eq!(kept(&window), 0);
    wait_for(&mut window, "No document fits all of this.");
    wait_for(&mut window, "There is no document to show.");
    click(&mut window, "Filter: 30 documents selected");
    assert_eq!(kept(&window), GROUP, "the others are kept now");
    click(&mut window, "Take away kind: kind 2");
    assert_eq!(kept(&window), ALL - 30);
    click(&mut window, "Clear the filter");
    assert_eq!(kept(&window), ALL);
}

#[test]
fn a_filter_is_kept_by_a_name_and_comes_back_with_its_project() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    click_value(&mut window, "kind: kind 2");
    window.state_mut().wish(Command::KeepFilter("stars".into()));
    window.run_steps(3);
    click(&mut window, "Clear the filter");
    click_value(&mut window, "kind: kind 1");
    let path = home.path().join("filtered.semascope");
    window.state_mut().wish(Command::SaveProject(path.clone()));
    window.run_steps(3);
    rest(&mut window);
    drop(window);
    let mut window = window_of([1600.0, 1000.0], home.path(), Settings::default());
    window.state_mut().open(vec![path]);
    windows::wait(&mut window, "opening", |window| session(window).corpus().is_some());
    rest(&mut window);
    assert_eq!(kept(&window), GROUP);
    assert!(session(&window).kept().unwrap().contains(GROUP as u32));
    window.get_by_label("Kept filters").click();
    window.run_steps(3);
    window.get_by_label("stars").click();
    window.run_steps(3);
    rest(&mut window);
    assert!(session(&window).kept().unwrap().contains(2 * GROUP as u32));
}

/// A line around the points of some documents.
fn around(window: &Window, documents: std::ops::Range<usize>) -> [Pos2; 5] {
    let shown: Vec<Pos2> = documents.map(|i| window.state().shown_at(i as u32).unwrap()).collect();
    let [mut low, mut high] = [shown[0]; 2];
    for at in shown {
        (low, high) = (low.min(at), high.max(at));
    }
    let (low, high) = (low - egui::vec2(6.0, 6.0), high + egui::vec2(6.0, 6.0));
    [low, pos2(high.x, low.y), high, pos2(low.x, high.y), low]
}

fn group(number: usize) -> Vec<u32> {
    (number as u32 * GROUP as u32..(number as u32 + 1) * GROUP as u32).collect()
}

#[test]
fn shift_draws_a_lasso_and_with_the_tool_in_hand_keys_add_and_remove() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let line = around(&window, 0..GROUP);
    drag(&mut window, &line, Modifiers::SHIFT);
    assert_eq!(selected(&window), group(0));
    let line = around(&window, GROUP..2 * GROUP);
    drag(&mut window, &line, Modifiers::SHIFT);
    assert_eq!(selected(&window), group(1), "Shift selects anew");
    press(&mut window, Modifiers::NONE, Key::L);
    wait_for(&mut window, "Put the lasso away");
    let line = around(&window, 2 * GROUP..3 * GROUP);
    drag(&mut window, &line, Modifiers::SHIFT);
    assert_eq!(selected(&window), [group(1), group(2)].concat());
    let line = around(&window, GROUP..2 * GROUP);
    drag(&mut window, &line, Modifiers::COMMAND);
    assert_eq!(selected(&window), group(2));
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert_eq!(selected(&window), group(2), "Escape puts the tool away first");
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(selected(&window).is_empty());
}

#[test]
fn shift_and_alt_span_a_rectangle() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let [low, _, high, ..] = around(&window, 0..GROUP);
    let middle = low + 0.5 * (high - low);
    drag(&mut window, &[low, middle, high], Modifiers::SHIFT | Modifiers::ALT);
    assert_eq!(selected(&window), group(0));
}

#[test]
fn a_lasso_and_select_all_take_only_what_the_filter_keeps() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    click_value(&mut window, "kind: kind 0");
    press(&mut window, Modifiers::COMMAND, Key::A);
    assert_eq!(selected(&window), group(0));
    let line = around(&window, GROUP..2 * GROUP);
    drag(&mut window, &line, Modifiers::SHIFT);
    assert!(selected(&window).is_empty());
    window.state_mut().wish(Command::Combine(Combine::Add, vec![0, 1]));
    press(&mut window, Modifiers::COMMAND, Key::I);
    assert_eq!(selected(&window), group(0)[2..].to_vec());
    click(&mut window, "Select them");
    assert_eq!(selected(&window), group(0));
}

#[test]
fn digits_put_tags_on_and_take_them_off() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    window.state_mut().wish(Command::Select(vec![3, 4]));
    window.run_steps(2);
    press(&mut window, Modifiers::NONE, Key::Num1);
    let tagged = |window: &Window| session(window).edits().unwrap().tags.get("Tag 1").map(|tag| tag.len());
    assert_eq!(tagged(&window), Some(2));
    window.state_mut().wish(Command::Select(vec![4, 5]));
    press(&mut window, Modifiers::NONE, Key::Num1);
    assert_eq!(tagged(&window), Some(3));
    press(&mut window, Modifiers::NONE, Key::Num1);
    assert_eq!(tagged(&window), Some(1));
}

#[test]
fn what_is_hidden_cannot_be_pointed_at_and_shows_again() {
    let home = tempfile::tempdir().unwrap();
    let mut window = window_of([1600.0, 1000.0], home.path(), Settings::default());
    explore(&mut window, home.path());
    window.state_mut().wish(Command::Select(group(1)));
    window.run_steps(3);
    click(&mut window, &format!("{}  Hide", icons::EYE_SLASH));
    assert_eq!(kept(&window), ALL - GROUP);
    click(&mut window, "Hide what is filtered out");
    let at = window.state().shown_at(GROUP as u32).unwrap();
    drag(&mut window, &[at, at], Modifiers::NONE);
    assert_eq!(session(&window).focus(), None);
    click(&mut window, "Clear the filter");
    let at = window.state().shown_at(GROUP as u32).unwrap();
    drag(&mut window, &[at, at], Modifiers::NONE);
    assert!(session(&window).focus().is_some_and(|id| group(1).contains(&id)));
}
