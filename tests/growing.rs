//! An open project grows: documents and columns come, its file changes, and what was there stays where it was.

mod common;
mod driving;

use std::path::Path;
use std::sync::Arc;

use common::SMALL;
use driving::{explore, is_done, until};
use semascope::data::Corpus;
use semascope::io::cache::Cache;
use semascope::io::settings::Settings;
use semascope::io::work::Home;
use semascope::session::{Command, Purpose, Session};
use semascope::stage::grow::{ADDED, FITS_BADLY};

fn session(home: &Path) -> Session {
    let cache = Cache::open(Some(home.join("cache"))).unwrap();
    Session::new(Settings::default(), cache, Arc::new(|| {})).keep_in(Home::at(home.join("data")))
}

fn explored(home: &Path) -> Session {
    let mut session = session(home);
    explore(&mut session, home);
    session
}

fn drop_file(session: &mut Session, home: &Path, name: &str, content: &str, purpose: Purpose) {
    let path = home.join(name);
    std::fs::write(&path, content).unwrap();
    session.apply(Command::Open(vec![path]));
    until(session, "the sheet", |s| {
        s.import_sheet().is_some_and(|sheet| sheet.corpus.is_some() && sheet.progress.is_none())
    });
    session.apply(Command::SetPurpose(purpose));
    session.apply(Command::ConfirmImport);
}

fn grows(session: &mut Session, to: impl Fn(&Corpus) -> bool) {
    until(session, "growth", |s| s.growing().is_none() && s.corpus().is_some_and(|corpus| to(corpus)));
    until(session, "the flow", is_done);
}

/// Ten more about cooking, and eight about something that nothing was about.
fn newcomers() -> String {
    let mut rows = String::from("text\n");
    for i in 0..10 {
        rows.push_str(&format!("Tell me number {i} about tomato soup and rice pudding.\n"));
    }
    for tool in ["hammer", "saw", "chisel", "plane", "drill", "vice", "lathe", "clamp"] {
        rows.push_str(&format!("The carpenter sharpens the {tool} in his dusty workshop of oak timber.\n"));
    }
    rows
}

#[test]
fn a_file_with_the_same_texts_is_offered_to_be_added() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let path = home.path().join("more.csv");
    std::fs::write(&path, newcomers()).unwrap();
    session.apply(Command::Open(vec![path]));
    until(&mut session, "the sheet", |s| s.import_sheet().is_some_and(|sheet| sheet.corpus.is_some()));
    assert_eq!(session.import_sheet().unwrap().purpose, Purpose::Add);
    session.apply(Command::CancelImport);
    assert_eq!(session.corpus().unwrap().len(), SMALL, "what was open is as it was");
}

#[test]
fn added_documents_are_placed_marked_and_named_and_nobody_else_moves() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    session.apply(Command::RenameCluster(0, "Mine".into()));
    let before = session.layout().unwrap().positions.clone();
    let labels = session.clusters().unwrap().labels.clone();
    drop_file(&mut session, home.path(), "more.csv", &newcomers(), Purpose::Add);
    grows(&mut session, |corpus| corpus.len() == SMALL + 18);
    let layout = session.layout().unwrap();
    assert_eq!(layout.positions[..SMALL], before[..]);
    assert!(layout.positions[SMALL..].iter().flatten().all(|v| v.is_finite()));
    assert_eq!(session.clusters().unwrap().labels[..SMALL], labels[..]);
    assert_eq!(session.names().unwrap().clusters[0].title, "Mine");
    let edits = session.edits().unwrap().clone();
    assert_eq!(edits.tags[ADDED].len(), 18);
    let poor = &edits.tags[FITS_BADLY];
    assert!(poor.documents().iter().all(|&i| i as usize >= SMALL + 10), "{poor:?}");
    let told: Vec<String> = session.take_notices().into_iter().map(|notice| notice.text).collect();
    assert!(told.iter().any(|text| text.contains("18 documents added")), "{told:?}");
    assert!(told.iter().any(|text| text.contains("New subjects")), "{told:?}");
    let tag = edits.tags.keys().find(|tag| tag.starts_with("new: ")).unwrap();
    assert!(edits.tags[tag].documents().iter().all(|&i| i as usize >= SMALL + 10));
    session.apply(Command::Undo);
    until(&mut session, "the way back", is_done);
    assert_eq!(session.corpus().unwrap().len(), SMALL);
    assert!(session.edits().unwrap().tags.is_empty());
    assert!(Arc::ptr_eq(&session.layout().unwrap().positions, &before));
    session.apply(Command::Redo);
    until(&mut session, "the way forward", is_done);
    assert_eq!(session.corpus().unwrap().len(), SMALL + 18);
}

#[test]
fn columns_join_by_a_key_and_change_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let positions = session.positions().unwrap().clone();
    let vectors = session.matrix().unwrap().clone();
    let text = session.corpus().unwrap().column("text").unwrap().cells.get(3).to_owned();
    let content = format!("text,stars\n\"{text}\",5\nnobody,1\n");
    drop_file(&mut session, home.path(), "stars.csv", &content, Purpose::Join);
    grows(&mut session, |corpus| corpus.column("stars").is_some());
    assert_eq!(session.corpus().unwrap().column("stars").unwrap().cells.get(3), "5");
    assert!(Arc::ptr_eq(session.positions().unwrap(), &positions));
    assert!(Arc::ptr_eq(session.matrix().unwrap(), &vectors));
}

#[test]
fn a_watched_file_feeds_the_project_and_edits_follow_their_documents() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let source = session.corpus().unwrap().source.clone().unwrap();
    session.apply(Command::Tag("kept".into(), vec![7]));
    let kept = session.corpus().unwrap().text(7).into_owned();
    session.apply(Command::Watch(Some(source.clone())));
    assert_eq!(session.watched(), Some(source.as_path()));
    let content = std::fs::read_to_string(&source).unwrap();
    let mut lines: Vec<&str> = content.lines().collect();
    let other = lines[2].replace("about", "concerning");
    lines.remove(1);
    lines.push(&other);
    std::fs::write(&source, lines.join("\n") + "\n").unwrap();
    grows(&mut session, |corpus| corpus.len() == SMALL && corpus.text(SMALL - 1).contains("concerning"));
    let tagged = session.edits().unwrap().tags["kept"].documents().clone();
    assert_eq!(tagged.len(), 1);
    assert_eq!(session.corpus().unwrap().text(tagged[0] as usize), kept);
}

#[test]
fn a_file_that_cannot_join_says_why_and_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let corpus = session.corpus().unwrap().clone();
    drop_file(&mut session, home.path(), "other.csv", "words\nno such text here\n", Purpose::Add);
    until(&mut session, "a word", |s| s.growing().is_none());
    until(&mut session, "the flow", is_done);
    let told = session.take_notices();
    assert!(told.iter().any(|notice| notice.text.contains("“text”")), "{told:?}");
    assert!(Arc::ptr_eq(session.corpus().unwrap(), &corpus));
}
