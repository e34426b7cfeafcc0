//! The layers of the code: a module imports only from lower ones, and some crates stay in their place.

use std::fs;
use std::path::{Path, PathBuf};

/// The levels of `src/lib.rs`.
const LEVELS: &[(&str, u32)] = &[
    ("data", 0),
    ("job", 1),
    ("math", 2),
    ("gpu", 2),
    ("io", 2),
    ("model", 3),
    ("embed", 4),
    ("stage", 5),
    ("session", 6),
    ("view", 7),
    ("ui", 8),
    ("headless", 8),
];

/// Which modules may name a crate. `main` stands for start-up.
const CRATES: &[(&str, &[&str])] = &[
    ("egui::", &["view", "ui"]),
    ("eframe::", &["ui", "main"]),
    ("wgpu::", &["gpu", "view", "main"]),
    ("candle_core::", &["model", "embed"]),
    ("candle_nn::", &["model", "embed"]),
    ("candle_transformers::", &["model", "embed"]),
    ("std::net::", &["net"]),
];

/// What opens a file; only `io` and `model` do (tests inside other modules may).
const OPENING: &[&str] = &["File::open(", "File::create(", "fs::read(", "fs::read_to_string(", "fs::write("];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be listed") {
        let path = entry.expect("an entry of src").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && path.file_name() != Some("tests.rs".as_ref())
        {
            found.push(path);
        }
    }
}

/// (top module, path for messages, code without its tests and comments) of every source file.
fn code() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).expect("found below src");
            let top = inside.iter().next().expect("a name").to_string_lossy();
            let top = top.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).expect("a source file is readable");
            let body = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("").to_owned();
            let code: Vec<&str> = body.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            (top, inside.display().to_string(), code.join("\n"))
        })
        .collect()
}

fn level(module: &str) -> Option<u32> {
    LEVELS.iter().find(|(name, _)| *name == module).map(|(_, level)| *level)
}

/// The top modules that `code` imports by `crate::…`, also in braces: `use crate::{data, io::cache}`.
fn imports(code: &str) -> Vec<String> {
    let name = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push(name(rest));
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    found.push(name(group[start..i].trim()));
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.push(name(group[start..i].trim()));
                    start = i + 1;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn a_module_imports_only_from_lower_levels() {
    let mut breaches = Vec::new();
    for (top, path, code) in code() {
        let Some(own) = level(&top) else { continue };
        for import in imports(&code) {
            if import != top && level(&import).is_some_and(|other| other >= own) {
                breaches.push(format!("{path} (level {own}) imports {import}"));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn every_module_has_its_level() {
    for (top, path, _) in code() {
        assert!(
            ["main", "lib", "bin"].contains(&&*top) || level(&top).is_some(),
            "{path} belongs to no level"
        );
    }
}

#[test]
fn the_drawing_and_model_crates_stay_in_their_place() {
    let mut breaches = Vec::new();
    for (top, path, code) in code() {
        for (name, allowed) in CRATES {
            let named = code
                .match_indices(name)
                .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            if named && !allowed.contains(&top.as_str()) {
                breaches.push(format!("{path} names {name}"));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn only_io_and_model_open_files() {
    let mut breaches = Vec::new();
    for (top, path, code) in code() {
        if top == "io" || top == "model" {
            continue;
        }
        breaches.extend(OPENING.iter().filter(|o| code.contains(*o)).map(|o| format!("{path} uses {o}")));
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn grouped_imports_are_seen() {
    assert_eq!(imports("use crate::{data::{A, B}, io};\ncrate::math::f()"), ["data", "io", "math"]);
}
