//! Goals in a session: asked, steered, taken back, saved, and taken up again.

mod common;
mod driving;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::SMALL;
use driving::{explore, is_done, until};
use semascope::data::{GoalDeed, GoalParams, GoalView, UNCLUSTERED};
use semascope::io::cache::Cache;
use semascope::io::settings::Settings;
use semascope::io::work::Home;
use semascope::session::{ColourBy, Command, GoalState, Session, StepState};

fn session(home: &Path) -> Session {
    let cache = Cache::open(Some(home.join("cache"))).unwrap();
    Session::new(Settings::default(), cache, Arc::new(|| {})).keep_in(Home::at(home.join("data")))
}

fn explored(home: &Path) -> Session {
    let mut session = session(home);
    explore(&mut session, home);
    session
}

fn params(goal: &str) -> GoalParams {
    GoalParams { goal: goal.into(), k: Some(4), ..GoalParams::default() }
}

fn ask(session: &mut Session, params: GoalParams) {
    session.apply(Command::AskGoal(None, Box::new(params)));
    until(session, "explanations", is_explained);
}

fn steer(session: &mut Session, goal: u32, deed: GoalDeed) {
    session.apply(Command::SteerGoal(goal, Box::new(deed)));
    until(session, "other explanations", is_explained);
}

fn is_explained(session: &Session) -> bool {
    session.goals().all(|goal| goal.state == StepState::Done)
}

fn titles(session: &Session, goal: u32) -> Vec<String> {
    session.explanations(goal).unwrap().explanations.iter().map(|e| e.title.clone()).collect()
}

fn only<'s>(session: &'s Session) -> GoalState<'s> {
    let mut goals = session.goals();
    let first = goals.next().unwrap();
    assert!(goals.next().is_none());
    first
}

#[test]
fn a_goal_colours_the_map_and_tells_of_its_rounds() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    session.apply(Command::AskGoal(None, Box::new(params("what is talked about?"))));
    assert_eq!(session.colouring().unwrap().by, ColourBy::Goal(0));
    until(&mut session, "a round", |session| session.live_round(0).is_some() || is_explained(session));
    until(&mut session, "explanations", is_explained);
    let goal = only(&session);
    assert!(!goal.rounds.is_empty() && goal.took.is_some());
    let round = &goal.rounds[0];
    assert_eq!(round.clusters.labels.len(), SMALL);
    assert!(round.names.clusters.iter().all(|name| !name.title.is_empty()));
    assert!(session.live_round(0).is_none());
    let (clusters, names) = session.goal_clusters(0).unwrap();
    assert_eq!(names.clusters.len(), clusters.count);
    assert_eq!(session.explanations(0).unwrap().explanations.len(), 4);
}

#[test]
fn deeds_are_taken_back_and_done_again_without_work() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    ask(&mut session, params("by topic"));
    let first = session.explanations(0).unwrap().clone();
    let which = first.explanations[0].id;
    steer(&mut session, 0, GoalDeed::Rename { which, predicate: "is mine".into() });
    assert_eq!(titles(&session, 0)[0], "is mine");
    session.apply(Command::Undo);
    session.poll();
    assert!(!session.is_busy() && Arc::ptr_eq(session.explanations(0).unwrap(), &first));
    session.apply(Command::Redo);
    session.poll();
    assert_eq!(titles(&session, 0)[0], "is mine");
    session.apply(Command::ForgetGoal(0));
    assert_eq!((session.goals().count(), session.colouring().unwrap().by), (0, ColourBy::Cluster));
    session.apply(Command::Undo);
    session.poll();
    assert_eq!(titles(&session, 0)[0], "is mine");
}

#[test]
fn a_deed_that_cannot_be_done_says_why_and_leaves_everything() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    ask(&mut session, params("by topic"));
    let before = session.explanations(0).unwrap().clone();
    let which = before.explanations[0].id;
    session.take_notices();
    steer(&mut session, 0, GoalDeed::Split { which, parts: 40 });
    let told = session.take_notices();
    assert!(told.iter().any(|notice| notice.text.contains("too few")), "{told:?}");
    assert!(only(&session).asked.deeds.is_empty());
    assert_eq!(session.undoes(), Some("Ask for a goal"));
    assert_eq!(session.explanations(0).unwrap(), &before);
}

#[test]
fn several_goals_stand_side_by_side() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    ask(&mut session, params("by topic"));
    ask(&mut session, GoalParams { k: None, ..params("by subject") });
    assert_eq!(session.explanations(0).unwrap().view, GoalView::Meaning);
    assert_eq!(session.explanations(1).unwrap().view, GoalView::Column("subject".into()));
    assert_eq!(session.colouring().unwrap().by, ColourBy::Goal(1));
    // One is explained anew; the other stays.
    let other = session.explanations(0).unwrap().clone();
    session.apply(Command::AskGoal(Some(1), Box::new(GoalParams { k: Some(2), ..params("by subject") })));
    until(&mut session, "explanations", is_explained);
    assert_eq!(session.explanations(1).unwrap().explanations.len(), 2);
    assert!(Arc::ptr_eq(session.explanations(0).unwrap(), &other));
}

#[test]
fn work_on_a_goal_can_be_stopped_and_gone_on_with() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    session.apply(Command::AskGoal(None, Box::new(params("by topic"))));
    session.poll();
    session.apply(Command::StopGoal(0));
    until(&mut session, "the stop", |session| !session.is_busy());
    if only(&session).state == StepState::Stopped {
        session.apply(Command::TryGoal(0));
    }
    until(&mut session, "explanations", is_explained);
    assert_eq!(session.explanations(0).unwrap().explanations.len(), 4);
}

#[test]
fn a_goal_that_cannot_be_explained_says_why() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    session.apply(Command::AskGoal(None, Box::new(GoalParams { k: Some(90), ..params("by topic") })));
    until(&mut session, "an end", |session| !session.is_busy());
    let state = only(&session).state;
    assert!(matches!(&state, StepState::Failed(text) if text.contains("too many")), "{state:?}");
}

#[test]
fn a_project_brings_explanations_back_and_they_can_be_changed_further() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("p.semascope");
    let mut first = explored(home.path());
    ask(&mut first, params("by topic"));
    let which = first.explanations(0).unwrap().explanations[0].id;
    steer(&mut first, 0, GoalDeed::Rename { which, predicate: "is mine".into() });
    let saved = first.explanations(0).unwrap().clone();
    first.apply(Command::SaveProject(path.clone()));
    until(&mut first, "the file", |session| !session.is_busy());
    drop(first);
    fs::remove_dir_all(home.path().join("data")).ok();

    let mut second = session(home.path());
    second.apply(Command::Open(vec![path]));
    until(&mut second, "the project", |session| session.corpus().is_some() && !session.is_busy());
    assert_eq!(second.explanations(0).unwrap(), &saved);
    assert_eq!(second.colouring().unwrap().by, ColourBy::Goal(0));
    steer(&mut second, 0, GoalDeed::Pin { which, pinned: true });
    let now = second.explanations(0).unwrap();
    assert!(now.explanations[0].pinned);
    assert_eq!(now.explanations[0].members, saved.explanations[0].members);
}

#[test]
fn work_that_was_left_behind_brings_goals_back() {
    let home = tempfile::tempdir().unwrap();
    let mut first = explored(home.path());
    ask(&mut first, params("by topic"));
    let saved = first.explanations(0).unwrap().clone();
    drop(first);
    let mut second = session(home.path());
    until(&mut second, "work", |session| !session.unfinished().is_empty());
    let folder = second.unfinished()[0].folder.clone();
    second.apply(Command::Resume(folder));
    until(&mut second, "the work", |session| session.corpus().is_some() && is_done(session));
    assert_eq!(second.explanations(0).unwrap(), &saved);
}

#[test]
fn explanations_go_out_as_columns_and_json() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    ask(&mut session, params("by topic"));
    let path = home.path().join("out.csv");
    session.apply(Command::ExportGoal(0, path.clone()));
    until(&mut session, "the file", |session| !session.is_busy());
    let csv = fs::read_to_string(&path).unwrap();
    let header = csv.lines().next().unwrap();
    assert!(header.ends_with(
        "semascope_explanation_4,semascope_explanation_4_score,semascope_goal,semascope_goal_title"
    ));
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(home.path().join("explanations.json")).unwrap()).unwrap();
    let goals = session.explanations(0).unwrap();
    assert_eq!(json["explanations"][0]["documents"], goals.explanations[0].members.len());
    assert_eq!(json["covered"], goals.best.iter().filter(|best| **best != UNCLUSTERED).count());
}
