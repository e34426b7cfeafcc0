//! What is left when the program is killed, again and again, while a person works on a project and saves it: every
//! change that was kept, and a project file that is old or new.
//!
//! A session runs in another process, as an unprivileged user. `SEMASCOPE_KILLS` sets how often it is killed.

#![cfg(unix)]

mod processes;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use processes::{Dice, Home, kills, temporaries};
use semascope::data::{
    ClusterName, Clusters, Column, Corpus, Key, Layout, Names, ReadReport, Strings, Typed,
};
use semascope::io::cache::Cache;
use semascope::io::project::{self, Project, SaveOptions};
use semascope::io::settings::Settings;
use semascope::io::work;
use semascope::job::Ctx;
use semascope::session::{Command, Session, Severity};

const FILE: &str = "mine.semascope";
const DOCUMENTS: usize = 20_000;
const CLUSTERS: usize = 7;
/// The session saves after so many changes.
const CHANGES_A_SAVE: usize = 4;
/// Set for a session that only says what it finds.
const ONLY_LOOK: &str = "SEMASCOPE_ONLY_LOOK";

fn key(name: &str) -> Key {
    Key::of(name, 1).finish()
}

fn project() -> Project {
    let cells: Strings = (0..DOCUMENTS).map(|i| format!("what document {i} says at some length")).collect();
    let mut corpus = Corpus {
        key: key("none"),
        name: "many.csv".into(),
        source: None,
        columns: vec![Column { name: "text".into(), cells, typed: Typed::Text }],
        text_columns: vec![0],
        report: ReadReport::default(),
    };
    corpus.key = corpus.content_key();
    let clusters = Clusters {
        key: key("clusters"),
        labels: (0..DOCUMENTS).map(|i| (i % CLUSTERS) as u32).collect(),
        count: CLUSTERS,
        strengths: vec![0.5; DOCUMENTS],
        method: "test".into(),
    };
    let name =
        |i: usize| ClusterName { title: format!("title {i}"), keywords: vec![], exemplars: vec![i as u32] };
    let layout = Layout {
        key: key("layout"),
        positions: Arc::new((0..DOCUMENTS).map(|i| [i as f32, 0.5 * i as f32]).collect()),
        method: "UMAP".into(),
        epochs: (200, 200),
    };
    Project {
        layout: Some(Arc::new(layout)),
        clusters: Some(Arc::new(clusters)),
        names: Some(Arc::new(Names { key: key("names"), clusters: (0..CLUSTERS).map(name).collect() })),
        ..Project::new(Arc::new(corpus))
    }
}

/// The titles after so many changes: the `n`th calls a cluster by its number.
fn titles_after(changes: usize) -> Vec<String> {
    let last = |label: usize| (1..=changes).rev().find(|change| change % CLUSTERS == label);
    (0..CLUSTERS).map(|label| last(label).map_or(format!("title {label}"), |n| n.to_string())).collect()
}

/// Works on the project in the folder it runs in, until it is killed, and says what it does.
#[test]
#[ignore = "runs in a process of its own, which the other test kills"]
fn works_until_it_is_killed() {
    let cache = Cache::open(Some("cache".into())).unwrap();
    let home = work::Home::at(std::env::current_dir().unwrap().join("data"));
    let mut session = Session::new(Settings::default(), cache, Arc::new(|| {})).keep_in(home);
    let poll = |session: &mut Session, done: &dyn Fn(&Session) -> bool| {
        while !done(session) {
            session.poll();
            std::thread::sleep(Duration::from_micros(200));
        }
    };
    session.apply(Command::Open(vec![std::env::current_dir().unwrap().join(FILE)]));
    // As it was left from the first moment on.
    poll(&mut session, &|session| session.names().is_some());
    assert_eq!(session.read_only(), None);
    let titles: Vec<String> =
        session.names().unwrap().clusters.iter().map(|cluster| cluster.title.clone()).collect();
    println!("\nfound {}", serde_json::to_string(&titles).unwrap());
    let warnings: Vec<String> = session
        .take_notices()
        .into_iter()
        .filter(|notice| notice.severity != Severity::Info)
        .map(|notice| notice.text)
        .collect();
    assert_eq!(warnings, Vec::<String>::new());
    if std::env::var_os(ONLY_LOOK).is_some() {
        return;
    }
    let done = titles.iter().filter_map(|title| title.parse::<usize>().ok()).max().unwrap_or(0);
    for n in done + 1.. {
        println!("begun {n}");
        session.apply(Command::RenameCluster((n % CLUSTERS) as u32, n.to_string()));
        poll(&mut session, &|session| session.is_kept());
        println!("kept {n}");
        if n % CHANGES_A_SAVE == 0 {
            println!("saves {n}");
            session.apply(Command::Save);
            poll(&mut session, &|session| !session.is_saving() && session.is_kept());
            assert!(!session.is_unsaved());
            println!("saved {n}");
        }
    }
}

struct Killed {
    found: Vec<String>,
    begun: usize,
    kept: usize,
    /// It was just saving.
    saving: bool,
}

/// Follows what a session says until `stop`, kills it some moments later, and reads the rest.
fn kill_after(mut child: Child, moments: Duration, stop: impl Fn(&str) -> bool) -> Killed {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line).unwrap() == 0 || stop(line.trim()) {
            lines.push(line);
            break;
        }
        lines.push(line);
    }
    std::thread::sleep(moments);
    child.kill().unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    let all = lines.concat() + &rest;
    let number = |word: &str| {
        let of = |line: &str| line.strip_prefix(word)?.trim().parse::<usize>().ok();
        all.lines().filter_map(of).max().unwrap_or(0)
    };
    let found = all.lines().find_map(|line| line.strip_prefix("found "));
    let found = found.unwrap_or_else(|| panic!("{all}{}", String::from_utf8_lossy(&output.stderr)));
    Killed {
        found: serde_json::from_str(found).unwrap(),
        begun: number("begun "),
        kept: number("kept "),
        saving: number("saves ") > number("saved "),
    }
}

fn start(home: &Home, look: bool) -> Child {
    let mut command = home.this_test(&["--exact", "works_until_it_is_killed", "--ignored", "--nocapture"]);
    if look {
        command.env(ONLY_LOOK, "1");
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The project file is whole, and of no other project.
fn check_file(path: &Path, original: &Project) {
    let opened = project::open(path, &Ctx::quiet()).unwrap();
    assert!(opened.missing.is_empty(), "{:?}", opened.missing);
    let (now, then) = (opened.project.layout.unwrap(), original.layout.as_ref().unwrap());
    assert_eq!(now.positions, then.positions);
    assert_eq!(opened.project.corpus.key, original.corpus.key);
}

#[test]
fn killed_while_a_person_works_no_change_that_was_kept_is_lost() {
    let home = Home::new();
    let original = project();
    let path = home.path(FILE);
    project::save(&path, &original, &SaveOptions::default(), &Ctx::quiet()).unwrap();
    home.give(&path);

    let (mut dice, mut kept, mut begun, mut while_saving) = (Dice(11), 0, 0, 0);
    let check = |found: &[String], kept: usize, begun: usize| {
        let whole = (kept..=begun.max(kept)).any(|changes| found == titles_after(changes));
        assert!(whole, "after change {kept} was kept and {begun} begun, there is {found:?}");
    };
    for kill in 0..kills() {
        let child = start(&home, false);
        let more = 1 + dice.roll(2 * CHANGES_A_SAVE);
        let target = kept + more;
        let moments = Duration::from_micros(dice.roll(if kill % 2 == 0 { 4_000 } else { 60_000 }) as u64);
        let killed = kill_after(child, moments, |line| match kill % 2 {
            0 => line.strip_prefix("kept ").and_then(|n| n.parse().ok()).is_some_and(|n: usize| n >= target),
            _ => line.starts_with("saves "),
        });
        check(&killed.found, kept, begun);
        (kept, begun) = (killed.kept.max(kept), killed.begun.max(killed.kept));
        while_saving += usize::from(killed.saving);
        check_file(&path, &original);
        let left = temporaries(home.path("").as_path());
        assert!(left.len() <= 2, "temporary files pile up: {left:?}");
    }
    let last = kill_after(start(&home, true), Duration::ZERO, |line| line.starts_with("found "));
    check(&last.found, kept, begun);
    println!("{} kills, {while_saving} of them during a save; {kept} changes kept", kills());
    assert!(while_saving > 0 || kills() < 10, "no kill fell into a save");
}
