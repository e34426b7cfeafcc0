//! Disks that are full, folders that go or cannot be written, a cache that is deleted: the old file stays whole, one
//! line says what happened to what and what to do, nothing half written stays, and the next run goes on from what was
//! finished.
//!
//! A full disk is played by a limit on the size of files, and by a small file system where the test may mount one.

#![cfg(unix)]

mod processes;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use processes::{DIM, Dice, Home, copy_folder, short_texts, temporaries};
use semascope::io::npy;

const TEXTS: usize = 200;

fn one_line_of(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "a failure exits with 1: {stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "one line, not: {stderr}");
    stderr
}

fn assert_ok(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What `sh` does so that no file may grow beyond this.
fn files_up_to(kibibytes: usize) -> String {
    // In blocks of 512 bytes. Without the trap the system would end the program instead of refusing.
    format!("trap '' XFSZ; ulimit -f {}", kibibytes * 2)
}

fn small_corpus(home: &Home, name: &str, documents: usize, notes: usize) {
    let mut dice = Dice(documents as u64);
    let rows = (0..documents).map(|i| format!("{i},{},{}\n", dice.words(3), dice.words(notes)));
    fs::write(home.path(name), format!("id,title,notes\n{}", rows.collect::<String>())).unwrap();
}

fn vectors(home: &Home, name: &str, rows: usize, dim: usize) {
    let mut dice = Dice(rows as u64);
    let values: Vec<f32> = (0..rows * dim).map(|_| dice.roll(1_000) as f32 - 500.0).collect();
    npy::write_f32(&home.path(name), rows, dim, &values).unwrap();
}

/// Every file in a folder with its content.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn a_disk_that_is_full_leaves_the_old_results_as_they_were() {
    let home = Home::new();
    small_corpus(&home, "small.csv", 60, 3);
    vectors(&home, "small.npy", 60, 4);
    // The export of this one is too long; the project of that one, for its vectors.
    small_corpus(&home, "texts.csv", 300, 1_000);
    vectors(&home, "texts.npy", 300, 4);
    small_corpus(&home, "vectors.csv", 2_000, 3);
    vectors(&home, "vectors.npy", 2_000, DIM);
    let arguments = |name: &str| {
        let file = |ending: &str| format!("{name}.{ending}");
        let (csv, npy) = (file("csv"), file("npy"));
        ["run", &csv, "--text", "title", "--vectors", &npy, "--out", "out", "--quiet"].map(str::to_owned)
    };
    let run = |name: &str, limit: Option<usize>| {
        let arguments = arguments(name);
        let arguments = arguments.each_ref().map(String::as_str);
        let mut command = match limit {
            Some(limit) => home.semascope_after(&files_up_to(limit), &arguments),
            None => home.semascope(&arguments),
        };
        command.output().unwrap()
    };
    assert_ok(&run("small", None));
    let before = content(&home.path("out"));

    let line = one_line_of(&run("texts", Some(1_000)));
    assert!(line.contains("clusters.csv could not be written") && line.contains("another disk"), "{line}");
    assert!(content(&home.path("out")) == before, "the old files stay, and nothing is left over");

    let line = one_line_of(&run("vectors", Some(2_000)));
    assert!(line.contains("project.semascope could not be written"), "{line}");
    let project = |files: &[(PathBuf, Vec<u8>)]| {
        files.iter().find(|(path, _)| path.ends_with("project.semascope")).unwrap().1.clone()
    };
    assert!(project(&content(&home.path("out"))) == project(&before), "the old project stays");
    assert_eq!(temporaries(home.path("").as_path()), Vec::<PathBuf>::new());

    assert_ok(&run("vectors", None));
    assert!(project(&content(&home.path("out"))) != project(&before));
}

/// Embeds `texts.csv`; the arguments of every test here.
const EMBED: [&str; 7] = ["embed", "texts.csv", "--text", "text", "--out", "v.npy", "--json"];

/// How many vectors came from the cache, by the program's own words.
fn cached(output: &Output) -> usize {
    assert_ok(output);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let result: serde_json::Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    result["result"]["cached"].as_u64().unwrap() as usize
}

/// The vectors of a run that nothing disturbs.
fn undisturbed(home: &Home) -> Vec<u8> {
    fs::write(home.path("texts.csv"), short_texts(TEXTS)).unwrap();
    let mut command = home.semascope(&EMBED);
    assert_eq!(cached(&command.env("SEMASCOPE_CACHE", home.path("undisturbed")).output().unwrap()), 0);
    let vectors = fs::read(home.path("v.npy")).unwrap();
    fs::remove_file(home.path("v.npy")).unwrap();
    vectors
}

#[test]
fn an_embedding_on_a_full_disk_goes_on_from_what_was_finished() {
    let home = Home::new();
    let expected = undisturbed(&home);
    let limit = TEXTS * DIM * size_of::<f32>() / 1024 / 2;
    let line = one_line_of(&home.semascope_after(&files_up_to(limit), &EMBED).output().unwrap());
    assert!(line.contains(".vectors could not be written") && line.contains("another disk"), "{line}");
    assert!(!home.path("v.npy").exists());
    assert_eq!(temporaries(home.path("").as_path()), Vec::<PathBuf>::new());
    let known = cached(&home.semascope(&EMBED).output().unwrap());
    assert!((TEXTS / 5..TEXTS).contains(&known), "{known} vectors were kept");
    assert!(fs::read(home.path("v.npy")).unwrap() == expected);
}

#[test]
fn a_small_file_system_that_fills_up_is_named_and_what_to_do() {
    let home = Home::new();
    let expected = undisturbed(&home);
    let disk = home.path("disk");
    fs::create_dir(&disk).unwrap();
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=200k,mode=777", "none"]).arg(&disk).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        eprintln!("Skipped: this user may not mount a file system.");
        return;
    }
    let mut command = home.semascope(&EMBED);
    let output = command.env("SEMASCOPE_CACHE", disk.join("cache")).output().unwrap();
    // What was finished is taken along to where there is room.
    copy_folder(&disk.join("cache"), &home.path("cache"));
    let left = temporaries(&disk);
    assert!(Command::new("umount").arg(&disk).status().unwrap().success());
    let line = one_line_of(&output);
    assert!(line.contains(".vectors could not be written") && line.contains("Free some space"), "{line}");
    assert_eq!(left, Vec::<PathBuf>::new());
    Command::new("chmod").args(["-R", "a+rwX"]).arg(home.path("cache")).status().unwrap();
    let known = cached(&home.semascope(&EMBED).output().unwrap());
    assert!((TEXTS / 5..TEXTS).contains(&known), "{known} vectors were kept");
    assert!(fs::read(home.path("v.npy")).unwrap() == expected);
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_any_work() {
    let home = Home::new();
    fs::write(home.path("texts.csv"), short_texts(50)).unwrap();
    let out = home.path("locked");
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o555)).unwrap();
    for arguments in [
        &["embed", "texts.csv", "--out", "locked/v.npy", "--quiet"],
        &["run", "texts.csv", "--out", "locked", "--quiet"],
    ] {
        let line = one_line_of(&home.semascope(&arguments[..]).output().unwrap());
        assert!(line.contains("locked") && line.contains("choose another folder"), "{line}");
    }
    assert!(!home.path("cache").exists(), "nothing was embedded");
}

#[test]
fn a_cache_that_cannot_be_written_costs_a_warning() {
    let home = Home::new();
    let expected = undisturbed(&home);
    fs::create_dir(home.path("cache")).unwrap();
    fs::set_permissions(home.path("cache"), fs::Permissions::from_mode(0o555)).unwrap();
    let output = home.semascope(&EMBED).output().unwrap();
    assert_eq!(cached(&output), 0);
    assert!(fs::read(home.path("v.npy")).unwrap() == expected);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("\"warning\"") && stdout.contains("for this session only"), "{stdout}");
}

#[test]
fn a_cache_deleted_while_embedding_costs_a_warning_and_no_batch() {
    let home = Home::new();
    let expected = undisturbed(&home);
    let mut command = home.semascope(&EMBED);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let has_vectors = || {
        let stores = fs::read_dir(home.path("cache/vectors")).into_iter().flatten().flatten();
        let segments = stores.map(|store| store.path().join("0.vectors"));
        segments.filter_map(|segment| segment.metadata().ok()).any(|metadata| metadata.len() > 1_000)
    };
    while !has_vectors() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    // The program may make a folder anew while it is being deleted.
    while home.path("cache/vectors").exists() && fs::remove_dir_all(home.path("cache")).is_err() {}
    let output = child.wait_with_output().unwrap();
    assert_eq!(cached(&output), 0);
    assert!(fs::read(home.path("v.npy")).unwrap() == expected);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("The cache was deleted while texts were being embedded"), "{stdout}");
    // Without what was put together of them.
    fs::remove_dir_all(home.path("cache/matrices")).unwrap();
    assert_eq!(cached(&home.semascope(&EMBED).output().unwrap()), TEXTS, "every batch of the run is there");
}

#[test]
fn results_that_are_deleted_while_they_are_written_are_named() {
    let home = Home::new();
    small_corpus(&home, "texts.csv", 200, 8_000);
    vectors(&home, "texts.npy", 200, 4);
    let arguments =
        ["run", "texts.csv", "--text", "title", "--vectors", "texts.npy", "--out", "out", "--quiet"];
    let out = home.path("out");
    let mut command = home.semascope(&arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let writing = || temporaries(&out).iter().any(|path| path.metadata().is_ok_and(|m| m.len() > 0));
    while !writing() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_micros(200));
    }
    while out.exists() && fs::remove_dir_all(&out).is_err() {}
    let line = one_line_of(&child.wait_with_output().unwrap());
    assert!(line.contains("could not be written") && line.contains("still there"), "{line}");
    assert!(!out.exists());
    assert_ok(&home.semascope(&arguments).output().unwrap());
}
