//! Goals as a person meets them in the window: typing one, reading its cards, changing them.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{SMALL, small_corpus};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use semascope::data::{GoalDeed, Goals};
use semascope::io::cache::Cache;
use semascope::io::settings::Settings;
use semascope::session::{ColourBy, Command, Session, StepState};
use semascope::ui::log::LogBuffer;
use semascope::ui::{SemascopeApp, wake};

/// No test waits longer for a worker.
const PATIENCE: Duration = Duration::from_secs(120);

type Window = Harness<'static, SemascopeApp>;

fn window(folder: &Path) -> Window {
    let cache = Cache::open(Some(folder.join("cache"))).unwrap();
    Harness::builder().with_size([1600.0, 1000.0]).with_max_steps(64).build_eframe(move |cc| {
        let session = Session::new(Settings::default(), cache, wake(&cc.egui_ctx));
        SemascopeApp::new(cc, session, LogBuffer::default()).unwrap()
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

fn session(window: &Window) -> &Session {
    window.state().session()
}

fn goals(window: &Window) -> &Goals {
    session(window).explanations(0).unwrap()
}

fn rest(window: &mut Window) {
    wait(window, "explanations", |window| {
        !session(window).is_busy() && session(window).goals().all(|goal| goal.state == StepState::Done)
    });
    std::thread::sleep(Duration::from_millis(50));
    window.run_steps(6);
}

fn click(window: &mut Window, name: &str) {
    window.query_all_by_label_contains(name).last().unwrap_or_else(|| panic!("{name} is there")).click();
    window.run_steps(3);
}

/// The small corpus with a map, and the panel of goals on show.
fn with_goals(folder: &Path) -> Window {
    let mut window = window(folder);
    let file = small_corpus(folder);
    window.state_mut().open(vec![file]);
    wait(&mut window, "reading", |window| {
        let sheet = session(window).import_sheet();
        sheet.is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    window.state_mut().wish(Command::SetTextColumns(vec![1]));
    window.state_mut().wish(Command::ConfirmImport);
    wait(&mut window, "the map", |window| session(window).quality().is_some() && !session(window).is_busy());
    assert_eq!(session(&window).corpus().unwrap().len(), SMALL);
    click(&mut window, "Goals");
    wait_for(&mut window, "Explain");
    window
}

/// Types a goal and lets it be explained.
fn ask(window: &mut Window, goal: &str) {
    window.get_by_label("Goal").click();
    window.run_steps(2);
    window.event(egui::Event::Text(goal.to_owned()));
    window.run_steps(2);
    window.get_by_label("Explain").click();
    window.run_steps(3);
    rest(window);
}

#[test]
fn a_goal_that_is_typed_gives_cards_that_open_and_close() {
    let home = tempfile::tempdir().unwrap();
    let mut window = with_goals(home.path());
    ask(&mut window, "what is talked about?");
    assert_eq!(session(&window).colouring().unwrap().by, ColourBy::Goal(0));
    let first = goals(&window).explanations[0].clone();
    let name = format!("Explanation 1, {}", first.title);
    wait_for(&mut window, &name);
    // Legend and table follow the colours.
    wait_for(&mut window, &format!("Colour of {}", first.title));
    wait_for(&mut window, "Sort by Explanation");
    window.get_by_label(&name).click();
    wait_for(&mut window, "Shows it best");
    wait_for(&mut window, "Just misses it");
    assert_eq!(session(&window).focus_explanation(), Some((0, first.id)));
    // The card scrolls to where it shows.
    window.run_steps(20);
    window.run_steps(40);
    window.get_by_label("Select").click();
    window.run_steps(3);
    assert_eq!(**session(&window).selection().unwrap(), first.members);
    window.get_by_label(&name).click();
    window.run_steps(3);
    assert_eq!(session(&window).focus_explanation(), None);
}

#[test]
fn an_explanation_is_reworded_in_its_card_and_a_text_is_overruled() {
    let home = tempfile::tempdir().unwrap();
    let mut window = with_goals(home.path());
    ask(&mut window, "what is talked about?");
    let first = goals(&window).explanations[0].clone();
    let name = format!("Explanation 1, {}", first.title);
    window.get_by_label(&name).click();
    wait_for(&mut window, "Shows it best");
    window.get_by_label("Reword").click();
    window.run_steps(3);
    window.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    window.run_steps(2);
    window.event(egui::Event::Text("is about the ball".to_owned()));
    window.run_steps(2);
    window.get_by_label("Only rename").click();
    window.run_steps(3);
    rest(&mut window);
    assert_eq!(goals(&window).explanations[0].title, "is about the ball");
    assert_eq!(goals(&window).explanations[0].members, first.members);

    window.query_all_by_label("It does not satisfy this").next().unwrap().click();
    window.run_steps(3);
    rest(&mut window);
    let judged = goals(&window).explanations[0].clone();
    assert!(judged.members.binary_search(&first.exemplars[0]).is_err());
    window.state_mut().wish(Command::Undo);
    window.run_steps(3);
    rest(&mut window);
    assert_eq!(goals(&window).explanations[0].members, first.members);
}

#[test]
fn a_document_says_what_it_satisfies_and_its_ticks_overrule() {
    let home = tempfile::tempdir().unwrap();
    let mut window = with_goals(home.path());
    ask(&mut window, "what is talked about?");
    let first = goals(&window).explanations[0].clone();
    let document = first.exemplars[0];
    window.state_mut().wish(Command::Focus(Some(document)));
    let tick = format!("Satisfies {}", first.title);
    wait_for(&mut window, &tick);
    window.get_by_label(&tick).click();
    window.run_steps(3);
    rest(&mut window);
    assert!(goals(&window).explanations[0].members.binary_search(&document).is_err());
    wait_for(&mut window, "said by you");
}

#[test]
fn a_goal_that_cannot_be_explained_says_why_in_the_panel() {
    let home = tempfile::tempdir().unwrap();
    let mut window = with_goals(home.path());
    window.state_mut().wish(Command::AskGoal(
        None,
        Box::new(semascope::data::GoalParams { goal: "by topic".into(), k: Some(99), ..Default::default() }),
    ));
    wait_for(&mut window, "too many");
    // Nothing is lost by trying something else.
    window.state_mut().wish(Command::AskGoal(
        Some(0),
        Box::new(semascope::data::GoalParams { goal: "by subject".into(), ..Default::default() }),
    ));
    rest(&mut window);
    assert_eq!(goals(&window).explanations.len(), 4);
    let which = goals(&window).explanations[0].id;
    window.state_mut().wish(Command::SteerGoal(0, Box::new(GoalDeed::AddBeside { which })));
    wait_for(&mut window, "can be renamed, merged and removed");
    assert_eq!(goals(&window).explanations.len(), 4);
}

#[test]
fn the_panel_keeps_its_width_whatever_its_cards_show() {
    let home = tempfile::tempdir().unwrap();
    let mut window = with_goals(home.path());
    ask(&mut window, "what is talked about?");
    let width = window.state().panels()["inspector"].size;
    let id = goals(&window).explanations[1].id;
    window.state_mut().wish(Command::FocusExplanation(Some((0, id))));
    wait_for(&mut window, "Just misses it");
    window.run_steps(60);
    assert_eq!(window.state().panels()["inspector"].size, width);
}
