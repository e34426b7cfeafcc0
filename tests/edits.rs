//! What a person does by hand: undo, edits that survive, work that is kept whatever ends the app.

mod common;
mod driving;
mod folders;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::SMALL;
use driving::{explore, is_done, until};
use folders::copy_folder;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use semascope::data::{Standing, UNCLUSTERED};
use semascope::io::cache::Cache;
use semascope::io::settings::Settings;
use semascope::io::work::Home;
use semascope::session::{ColourBy, Command, Session, Severity};

fn session(home: &Path) -> Session {
    let cache = Cache::open(Some(home.join("cache"))).unwrap();
    Session::new(Settings::default(), cache, Arc::new(|| {})).keep_in(Home::at(home.join("data")))
}

fn rests(session: &mut Session) {
    // Parameters rest for a moment before work starts.
    until(session, "changes to be taken up", |s| s.poll_after().is_none());
    until(session, "the flow", is_done);
}

/// A session on the small corpus, everything computed.
fn explored(home: &Path) -> Session {
    let mut session = session(home);
    explore(&mut session, home);
    session
}

fn title(session: &Session, label: u32) -> String {
    session.names().unwrap().clusters[label as usize].title.clone()
}

fn labels(session: &Session) -> Vec<u32> {
    session.clusters().unwrap().labels.clone()
}

fn undo_all(session: &mut Session) {
    while session.undoes().is_some() {
        session.apply(Command::Undo);
    }
}

#[test]
fn a_cluster_is_renamed_and_the_title_is_taken_back_by_undo() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let before = title(&session, 1);
    session.apply(Command::RenameCluster(1, "  Lost cards ".into()));
    rests(&mut session);
    assert_eq!(title(&session, 1), "Lost cards");
    assert_eq!(session.undoes(), Some("Rename cluster"));
    session.apply(Command::Undo);
    rests(&mut session);
    assert_eq!(title(&session, 1), before);
    session.apply(Command::Redo);
    rests(&mut session);
    assert_eq!(title(&session, 1), "Lost cards");
}

#[test]
fn clusters_are_merged_split_and_deleted_and_other_names_stay() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let clusters = session.clusters().unwrap().clone();
    assert!(clusters.count >= 3, "{}", clusters.count);
    let untouched = title(&session, 2);
    session.apply(Command::MergeClusters(vec![0, 1]));
    rests(&mut session);
    let sizes = session.clusters().unwrap().sizes();
    assert_eq!(sizes[0] + sizes[1], clusters.sizes()[0] + clusters.sizes()[1]);
    assert!(sizes[0] == 0 || sizes[1] == 0);
    assert_eq!(title(&session, 2), untouched);
    let merged = if sizes[0] > 0 { 0 } else { 1 };
    session.apply(Command::SplitCluster(merged, 2));
    until(&mut session, "the split", |s| s.splitting().is_none());
    rests(&mut session);
    let parts = session.clusters().unwrap().sizes();
    assert!(parts[merged as usize] < sizes[merged as usize], "{parts:?}");
    session.apply(Command::DissolveCluster(2));
    rests(&mut session);
    assert_eq!(session.clusters().unwrap().unclustered(), clusters.sizes()[2]);
    undo_all(&mut session);
    rests(&mut session);
    assert_eq!(labels(&session), clusters.labels);
    assert_eq!(title(&session, 2), untouched);
}

#[test]
fn documents_put_together_by_hand_stay_together_when_clusters_are_computed_again() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let chosen: Vec<u32> = (0..SMALL as u32).step_by(7).collect();
    session.apply(Command::GroupDocuments(chosen.clone(), Some("Mine".into())));
    rests(&mut session);
    let mut params = session.params().clone();
    params.clusters.leiden.resolution = Some(3.0);
    session.apply(Command::SetParams(Box::new(params)));
    rests(&mut session);
    let clusters = session.clusters().unwrap();
    let label = clusters.labels[0];
    assert!(chosen.iter().all(|&i| clusters.labels[i as usize] == label));
    assert_eq!(clusters.labels.iter().filter(|&&l| l == label).count(), chosen.len());
    assert_eq!(title(&session, label), "Mine");
}

#[test]
fn an_edit_that_no_longer_fits_asks_and_both_versions_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    session.apply(Command::RenameCluster(0, "Everything about cards".into()));
    rests(&mut session);
    // One cluster in all: whatever the first was, it is not this one.
    let mut params = session.params().clone();
    params.clusters.method = semascope::stage::ClusterMethod::KMeans;
    params.clusters.kmeans.k = 1;
    session.apply(Command::SetParams(Box::new(params)));
    rests(&mut session);
    let edit = session.edits().unwrap().regroupings[0].key;
    assert_eq!(session.unsettled(), [edit]);
    assert!(session.take_notices().iter().any(|notice| notice.severity == Severity::Warning));
    let computed = session.clusters().unwrap().clone();
    session.apply(Command::SettleEdit(edit, Standing::Insists));
    rests(&mut session);
    let mine = session.edits().unwrap().regroupings[0].parts[0].members.documents().clone();
    let label = labels(&session)[mine[0] as usize];
    assert!(mine.iter().all(|&i| labels(&session)[i as usize] == label));
    assert_eq!(title(&session, label), "Everything about cards");
    let edit = session.edits().unwrap().regroupings[0].key;
    session.apply(Command::SettleEdit(edit, Standing::SetAside));
    rests(&mut session);
    assert_eq!(labels(&session), computed.labels);
    assert!(session.unsettled().is_empty());
    assert_eq!(session.edits().unwrap().regroupings.len(), 1, "the edit can be taken up again");
}

#[test]
fn parameters_are_undone_without_repeating_the_work() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let before = session.layout().unwrap().clone();
    let clusters = session.clusters().unwrap().clone();
    let mut params = session.params().clone();
    params.map.umap.seed = 99;
    params.clusters.leiden.seed = 99;
    session.apply(Command::SetParams(Box::new(params)));
    rests(&mut session);
    assert!(!Arc::ptr_eq(session.layout().unwrap(), &before));
    session.apply(Command::Undo);
    rests(&mut session);
    assert!(Arc::ptr_eq(session.layout().unwrap(), &before), "the very map, not one computed again");
    assert!(Arc::ptr_eq(session.clusters().unwrap(), &clusters));
}

#[test]
fn colours_and_legend_filters_are_undone() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let before = session.colouring().unwrap().clone();
    session.apply(Command::SetColour(ColourBy::Kept));
    session.apply(Command::SetColour(ColourBy::Cluster));
    session.apply(Command::ToggleEntry(1));
    session.apply(Command::SetEntryColour(0, Some([1, 2, 3])));
    assert_eq!(session.colouring().unwrap().muted.len(), 1);
    undo_all(&mut session);
    assert_eq!(session.colouring().unwrap(), &before);
}

fn kept_folder(session: &mut Session) -> PathBuf {
    until(session, "the work to be kept", |s| s.work_folder().is_some() && s.poll_after().is_none());
    session.work_folder().unwrap()
}

#[test]
fn work_on_a_corpus_is_taken_up_after_a_kill_without_the_file_the_cache_or_computing() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    session.apply(Command::RenameCluster(0, "Cards".into()));
    session.apply(Command::MergeClusters(vec![1, 2]));
    session.apply(Command::Tag("read".into(), vec![5, 3]));
    session.apply(Command::Select(vec![9, 8]));
    session.apply(Command::SetEntryColour(0, Some([1, 2, 3])));
    rests(&mut session);
    kept_folder(&mut session);
    std::thread::sleep(Duration::from_millis(300));
    let other = tempfile::tempdir().unwrap();
    copy_folder(&home.path().join("data"), &other.path().join("data"));

    let mut again = self::session(other.path());
    until(&mut again, "unfinished work to be found", |s| !s.unfinished().is_empty());
    let left = again.unfinished()[0].clone();
    assert_eq!((left.rows, left.project), (SMALL as u64, None));
    again.apply(Command::Resume(left.folder));
    until(&mut again, "the work", |s| s.corpus().is_some());
    rests(&mut again);
    assert_eq!(labels(&again), labels(&session));
    assert_eq!(again.layout().unwrap().positions, session.layout().unwrap().positions);
    assert_eq!(again.names().unwrap().clusters, session.names().unwrap().clusters);
    assert_eq!(again.edits().unwrap(), session.edits().unwrap());
    assert_eq!(again.colouring().unwrap(), session.colouring().unwrap());
    assert_eq!(**again.selection().unwrap(), [8, 9]);
    assert_eq!(again.params(), session.params());
    assert_eq!(again.corpus().unwrap().key, session.corpus().unwrap().key);
    assert!(again.is_unsaved());
}

#[test]
fn a_project_with_edits_opens_as_it_was_left_and_starts_no_work() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let path = home.path().join("mine.semascope");
    session.apply(Command::RenameCluster(0, "Cards".into()));
    session.apply(Command::MergeClusters(vec![1, 2]));
    session.apply(Command::Select(vec![4]));
    rests(&mut session);
    session.set_view_state(serde_json::json!({"camera": 7}));
    session.apply(Command::SaveProject(path.clone()));
    until(&mut session, "the project to be saved", |s| !s.is_busy());
    assert!(!session.is_unsaved());
    assert_eq!(session.project_path(), Some(path.as_path()));
    let (labels_then, names_then) = (labels(&session), session.names().unwrap().clusters.clone());
    drop(session);

    let other = tempfile::tempdir().unwrap();
    let mut again = self::session(other.path());
    again.apply(Command::Open(vec![path]));
    until(&mut again, "the project", |s| s.corpus().is_some());
    until(&mut again, "its names", |s| s.names().is_some_and(|names| names.clusters == names_then));
    assert_eq!(labels(&again), labels_then);
    assert_eq!(again.view_state(), &serde_json::json!({"camera": 7}));
    assert_eq!(**again.selection().unwrap(), [4]);
    assert!(again.embeds(), "the model can still be chosen");
    assert!(again.undoes().is_none() && !again.is_unsaved());
    again.apply(Command::DissolveCluster(0));
    until(&mut again, "the edit", |s| s.clusters().unwrap().labels.contains(&UNCLUSTERED));
}

#[test]
fn changes_since_the_last_save_come_back_with_the_project() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let path = home.path().join("mine.semascope");
    session.apply(Command::SaveProject(path.clone()));
    until(&mut session, "the project to be saved", |s| !s.is_busy());
    session.apply(Command::RenameCluster(0, "Later".into()));
    rests(&mut session);
    // Closing asks nothing and loses nothing.
    drop(session);
    let mut again = self::session(home.path());
    again.apply(Command::Open(vec![path.clone()]));
    until(&mut again, "the project", |s| s.corpus().is_some());
    until(&mut again, "its names", |s| s.names().is_some_and(|names| names.clusters[0].title == "Later"));
    assert!(again.take_notices().iter().any(|notice| notice.text.contains("recovered")));
    assert!(again.is_unsaved());
    again.apply(Command::Revert);
    until(&mut again, "the project as saved", |s| s.names().is_some_and(|n| n.clusters[0].title != "Later"));
    assert!(!again.is_unsaved());
    drop(again);
    let mut third = self::session(home.path());
    third.apply(Command::Open(vec![path]));
    until(&mut third, "the project", |s| s.names().is_some());
    assert_ne!(title(&third, 0), "Later");
}

#[test]
fn a_second_window_reads_only_and_says_why() {
    let home = tempfile::tempdir().unwrap();
    let mut first = explored(home.path());
    let path = home.path().join("mine.semascope");
    first.apply(Command::SaveProject(path.clone()));
    until(&mut first, "the project to be saved", |s| !s.is_busy());
    let mut second = self::session(home.path());
    second.apply(Command::Open(vec![path.clone()]));
    until(&mut second, "the project", |s| s.corpus().is_some());
    assert!(second.read_only().unwrap().contains("Another window"));
    assert!(second.take_notices().iter().any(|notice| notice.text.contains("Another window")));
    let before = std::fs::read(&path).unwrap();
    second.apply(Command::RenameCluster(0, "Mine".into()));
    second.apply(Command::Save);
    until(&mut second, "nothing to be written", |s| !s.is_busy());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(second.take_notices().iter().any(|notice| notice.text.contains("another name")));
    let elsewhere = home.path().join("copy.semascope");
    second.apply(Command::SaveProject(elsewhere.clone()));
    until(&mut second, "the copy", |s| !s.is_busy());
    assert!(elsewhere.exists() && second.read_only().is_none());
    drop(first);
    let mut third = self::session(home.path());
    third.apply(Command::Open(vec![path]));
    until(&mut third, "the project", |s| s.corpus().is_some());
    assert_eq!(third.read_only(), None);
}

/// What a person might do, by number.
fn deed(session: &Session, pick: (u8, u32, u32)) -> Command {
    let (what, a, b) = pick;
    let count = session.clusters().map_or(1, |clusters| clusters.count) as u32;
    let some =
        |seed: u32| (0..SMALL as u32).filter(|i| i.wrapping_mul(2_654_435_761) % 97 == seed % 97).collect();
    match what % 12 {
        0 | 1 => Command::RenameCluster(a % count, format!("title {b}")),
        2 => Command::RenameCluster(a % count, String::new()),
        3 => Command::MergeClusters(vec![a % count, b % count]),
        4 => Command::DissolveCluster(a % count),
        5 => Command::GroupDocuments(some(a), (b % 2 == 0).then(|| format!("group {b}"))),
        6 => Command::UneditCluster(a % count),
        7 => Command::Tag(format!("tag {}", b % 5), some(a)),
        8 => Command::Untag(format!("tag {}", b % 5), some(a)),
        9 => Command::ToggleEntry(a % count),
        10 => Command::SetEntryColour(a % count, Some([b as u8, 0, 0])),
        _ => Command::SetColour(if b % 2 == 0 { ColourBy::Cluster } else { ColourBy::Nothing }),
    }
}

#[test]
fn undo_of_a_thousand_random_edits_returns_to_the_start() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let start = (session.edits().unwrap().clone(), session.colouring().unwrap().clone(), labels(&session));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let picks = proptest::collection::vec((any::<u8>(), any::<u32>(), any::<u32>()), 1000);
    let picks = picks.new_tree(&mut runner).unwrap().current();
    for (i, pick) in picks.into_iter().enumerate() {
        let deed = deed(&session, pick);
        session.apply(deed);
        // Now and then the edits meet the clusters, so that later ones are about their result.
        if i % 10 == 0 {
            session.poll();
            until(&mut session, "the edits", |s| s.clusters().is_some());
        }
    }
    rests(&mut session);
    let end = (session.edits().unwrap().clone(), session.colouring().unwrap().clone(), labels(&session));
    assert!(end.0 != start.0 && end.2 != start.2);
    undo_all(&mut session);
    rests(&mut session);
    assert_eq!(session.edits().unwrap(), &start.0);
    assert_eq!(session.colouring().unwrap(), &start.1);
    assert_eq!(labels(&session), start.2);
    while session.redoes().is_some() {
        session.apply(Command::Redo);
    }
    rests(&mut session);
    assert_eq!(session.edits().unwrap(), &end.0);
    assert_eq!(labels(&session), end.2);
}
