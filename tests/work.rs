//! Work that is kept as it happens: what a change costs, and what comes back after a kill at any moment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use semascope::data::{
    ClusterName, Clusters, Column, Corpus, Edits, Key, Layout, Members, Names, ReadReport, Strings, Typed,
};
use semascope::io::project::{self, Project, SaveOptions};
use semascope::io::work::{Base, Home, Resumed, Sources, Work};
use semascope::job::Ctx;
use serde_json::json;

const N: usize = 50_000;

fn key(name: &str) -> Key {
    Key::of(name, 1).finish()
}

fn corpus() -> Arc<Corpus> {
    let cells: Strings = (0..N).map(|i| format!("document {i}")).collect();
    let mut corpus = Corpus {
        key: key("none"),
        name: "many.csv".into(),
        source: None,
        columns: vec![Column { name: "text".into(), cells, typed: Typed::Text }],
        text_columns: vec![0],
        report: ReadReport::default(),
    };
    corpus.key = corpus.content_key();
    Arc::new(corpus)
}

fn clusters(name: &str, count: u32) -> Arc<Clusters> {
    Arc::new(Clusters {
        key: key(name),
        labels: (0..N as u32).map(|i| i % count).collect(),
        count: count as usize,
        strengths: vec![0.5; N],
        method: "test".into(),
    })
}

fn names(count: usize) -> Arc<Names> {
    let name =
        |i: usize| ClusterName { title: format!("title {i}"), keywords: vec![], exemplars: vec![i as u32] };
    Arc::new(Names { key: key("names"), clusters: (0..count).map(name).collect() })
}

fn computed() -> Project {
    let layout = Layout {
        key: key("layout"),
        positions: Arc::new((0..N).map(|i| [i as f32, -(i as f32)]).collect()),
        method: "UMAP".into(),
        epochs: (200, 200),
    };
    Project {
        layout: Some(Arc::new(layout)),
        clusters: Some(clusters("clusters", 5)),
        names: Some(names(5)),
        params: json!({"seed": 1}),
        ..Project::new(corpus())
    }
}

fn begin(folder: &Path, project: &Project) -> (Home, Work) {
    let home = Home::at(folder.to_owned());
    let base = Base::Corpus { source: Some(PathBuf::from("many.csv")) };
    let work = home.begin(&base, project, &Ctx::quiet()).unwrap();
    (home, work)
}

fn record(work: &mut Work, project: &Project, did: &str) -> u64 {
    work.record(project, did, true, &Sources::default(), &Ctx::quiet()).unwrap()
}

fn renamed(project: &Project, label: u32, title: &str) -> Project {
    let clusters = project.clusters.as_ref().unwrap();
    let members = Members::of_clusters(clusters, &[label]);
    let edits = project.edits.rename(None, clusters.key, members, Some(title.into()));
    Project { edits: Arc::new(edits), ..project.clone() }
}

fn same(a: &Project, b: &Project) {
    assert_eq!(a.corpus.key, b.corpus.key);
    assert_eq!(a.edits, b.edits);
    assert_eq!((&a.params, &a.view, &a.selection), (&b.params, &b.view, &b.selection));
    let positions = |project: &Project| project.layout.as_ref().map(|layout| layout.positions.clone());
    assert_eq!(positions(a), positions(b));
    let labels = |project: &Project| project.clusters.as_ref().map(|clusters| clusters.labels.clone());
    assert_eq!(labels(a), labels(b));
    assert_eq!(a.names, b.names);
}

#[test]
fn keeping_a_title_costs_a_line_however_many_documents_it_is_about() {
    let folder = tempfile::tempdir().unwrap();
    let project = computed();
    let (_, mut work) = begin(folder.path(), &project);
    assert!(record(&mut work, &project, "Compute") > (N * 8) as u64);
    let bytes = record(&mut work, &renamed(&project, 3, "Mine"), "Rename cluster");
    assert!(bytes < 1_000, "{bytes} bytes");
    assert_eq!(record(&mut work, &renamed(&project, 3, "Mine"), "Nothing"), 0);
}

#[test]
fn kept_work_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let project = computed();
    let (home, mut work) = begin(folder.path(), &project);
    record(&mut work, &project, "Compute");
    let mut last = renamed(&project, 3, "Mine");
    record(&mut work, &last, "Rename cluster");
    last.edits = Arc::new(last.edits.tag("read", &Members::new((0..N as u32).step_by(3).collect())));
    last.selection = Arc::new(vec![1, 2, 3]);
    last.view = json!({"camera": [1, 2]});
    last.params = json!({"seed": 2});
    // Clusters computed again and named in one breath: the title is about the new ones.
    last.clusters = Some(clusters("others", 7));
    last.names = None;
    let last = renamed(&last, 6, "Six");
    record(&mut work, &last, "Rename cluster");
    assert!(home.unfinished().is_empty(), "work that is open is not left behind");
    drop(work);
    let left = home.unfinished();
    assert_eq!((left.len(), left[0].deeds, left[0].last.as_str()), (1, 3, "Rename cluster"));
    let Resumed { opened, base, .. } = Work::resume(&left[0].folder, &Ctx::quiet()).unwrap();
    assert_eq!(opened.missing, Vec::<String>::new());
    assert_eq!(base, Base::Corpus { source: Some(PathBuf::from("many.csv")) });
    same(&opened.project, &last);
}

#[test]
fn a_journal_cut_at_any_byte_leads_to_a_state_that_was() {
    let folder = tempfile::tempdir().unwrap();
    let project = computed();
    let (home, mut work) = begin(folder.path(), &project);
    record(&mut work, &project, "Compute");
    let mut states = vec![Edits::default()];
    let mut now = project;
    for label in 0..3 {
        now = renamed(&now, label, &format!("title of {label}"));
        record(&mut work, &now, "Rename cluster");
        states.push((*now.edits).clone());
    }
    let path = work.folder().join("journal");
    drop(work);
    let whole = std::fs::read(&path).unwrap();
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let mut seen = 0;
    for cut in (first..=whole.len()).rev().step_by(13) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let left = home.unfinished();
        let resumed = Work::resume(&left[0].folder, &Ctx::quiet()).unwrap();
        assert!(resumed.opened.missing.is_empty(), "{:?}", resumed.opened.missing);
        let state = states.iter().position(|edits| *edits == *resumed.opened.project.edits);
        seen |= 1 << state.expect("a state that was");
    }
    assert_eq!(seen, 0b1111, "every state was met");
}

#[test]
fn work_on_a_project_begins_with_its_file_and_costs_only_what_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.semascope");
    let ctx = Ctx::quiet();
    let id = project::save(&path, &computed(), &SaveOptions::default(), &ctx).unwrap();
    let opened = project::open(&path, &ctx).unwrap();
    assert_eq!(opened.id, id);
    let home = Home::at(folder.path().join("data"));
    let base = Base::Project { path: path.clone(), id };
    let mut work = home.begin(&base, &opened.project, &ctx).unwrap();
    let changed = renamed(&opened.project, 2, "Two");
    assert!(record(&mut work, &changed, "Rename cluster") < 1_000);
    let size: u64 =
        std::fs::read_dir(work.folder()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert!(size < 2_000, "{size} bytes");
    drop(work);
    let left = home.unfinished().remove(0);
    assert_eq!(left.project.as_deref(), Some(path.as_path()));
    same(&Work::resume(&left.folder, &ctx).unwrap().opened.project, &changed);
    // A file that somebody saved over is another beginning.
    let other = Project { params: json!({"seed": 5}), ..computed() };
    project::save(&path, &other, &SaveOptions::default(), &ctx).unwrap();
    let refused = Work::resume(&left.folder, &ctx).err().unwrap().to_string();
    assert!(refused.contains("saved by somebody else"), "{refused}");
    assert_eq!(home.unfinished().len(), 1, "the work is kept");
}

#[test]
fn work_that_was_just_saved_goes_on_from_the_file_with_what_was_done_since() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.semascope");
    let ctx = Ctx::quiet();
    let options = SaveOptions::default();
    let id = project::save(&path, &computed(), &options, &ctx).unwrap();
    let opened = project::open(&path, &ctx).unwrap();
    let home = Home::at(folder.path().join("data"));
    let mut work = home.begin(&Base::Project { path: path.clone(), id }, &opened.project, &ctx).unwrap();
    let before = renamed(&opened.project, 2, "Two");
    record(&mut work, &before, "Rename cluster");
    let id = project::id_when_saved(&before, &options).unwrap();
    work.about_to_save(id).unwrap();
    assert_eq!(project::save(&path, &before, &options, &ctx).unwrap(), id);
    drop(work);
    let resumed = Work::resume(&home.unfinished()[0].folder, &ctx).unwrap();
    assert!(resumed.saved && resumed.deeds == 0);
    same(&resumed.opened.project, &before);
    // The program went on, and ended before it had let go of the folder.
    let mut work = resumed.work;
    let after = renamed(&before, 3, "Three");
    record(&mut work, &after, "Rename cluster");
    drop(work);
    let resumed = Work::resume(&home.unfinished()[0].folder, &ctx).unwrap();
    assert_eq!((resumed.saved, resumed.deeds, resumed.last.as_str()), (false, 1, "Rename cluster"));
    same(&resumed.opened.project, &after);
}

#[test]
fn those_who_look_at_work_are_not_in_each_other_s_way() {
    let folder = tempfile::tempdir().unwrap();
    let (home, mut work) = begin(folder.path(), &computed());
    record(&mut work, &renamed(&computed(), 1, "One"), "Rename cluster");
    drop(work);
    let looked = std::thread::scope(|scope| {
        let looker = || (0..200).all(|_| home.unfinished().len() == 1);
        let lookers: Vec<_> = (0..4).map(|_| scope.spawn(looker)).collect();
        lookers.into_iter().all(|looker| looker.join().unwrap())
    });
    assert!(looked, "whoever looked found the work");
    let lookers = std::thread::spawn({
        let home = home.clone();
        move || (0..200).for_each(|_| drop(home.unfinished()))
    });
    let left = home.unfinished().pop().expect("nobody has taken it up");
    Work::resume(&left.folder, &Ctx::quiet()).expect("who looks is waited for");
    lookers.join().unwrap();
}

#[test]
fn work_that_is_open_is_neither_taken_up_nor_deleted_by_another_window() {
    let folder = tempfile::tempdir().unwrap();
    let (home, work) = begin(folder.path(), &computed());
    assert!(Work::resume(work.folder(), &Ctx::quiet()).err().unwrap().to_string().contains("another window"));
    assert!(home.discard(work.folder()).is_err());
    assert!(work.is_there());
    let place = work.folder().to_owned();
    work.discard().unwrap();
    assert!(!place.exists());
}

#[test]
fn only_folders_of_work_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let precious = folder.path().join("precious");
    std::fs::create_dir(&precious).unwrap();
    let home = Home::at(folder.path().to_owned());
    assert!(home.discard(&precious).is_err());
    assert!(home.discard(&folder.path().join("work/../precious")).is_err());
    assert!(precious.is_dir());
}

#[test]
fn a_journal_that_names_files_elsewhere_opens_none_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let project = computed();
    let (home, mut work) = begin(folder.path(), &project);
    record(&mut work, &project, "Compute");
    let path = work.folder().join("journal");
    drop(work);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines = text.lines().map(|line| {
        let json = line[17..].replace("layout-", "../../layout-");
        format!("{} {json}\n", &blake3::hash(json.as_bytes()).to_hex()[..16])
    });
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    let resumed = Work::resume(&home.unfinished()[0].folder, &Ctx::quiet()).unwrap();
    assert!(resumed.opened.project.layout.is_none());
    assert!(resumed.opened.missing[0].contains("outside"), "{:?}", resumed.opened.missing);
}

#[test]
fn two_windows_do_not_both_get_to_write_a_project() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("data"));
    let path = folder.path().join("a.semascope");
    let lock = home.lock_project(&path).unwrap();
    assert!(lock.is_some());
    assert!(home.lock_project(&folder.path().join("./a.semascope")).unwrap().is_none());
    assert!(home.lock_project(&folder.path().join("b.semascope")).unwrap().is_some());
    drop(lock);
    assert!(home.lock_project(&path).unwrap().is_some());
}
