//! Readers under fire: files with flipped, cut, spliced and repeated pieces must be read or refused, soon and
//! without a panic. And a file of one's own can be read for timing.
//!
//! `SEMASCOPE_FUZZ_CASES` sets how many files each reader gets, `SEMASCOPE_READ_FILE` names the one to time.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use semascope::data::Typed;
use semascope::io::read::{ReadOptions, peek, read};
use semascope::job::Ctx;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Random numbers that are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }
}

/// A file of each format, with everything in it that readers stumble over.
fn seeds(reader: &str) -> Vec<(&'static str, Vec<u8>)> {
    let row = |i: usize, d: char| {
        format!(
            "{i}{d}\"a \"\"text\"\"{d}\nof two lines {i}\"{d}2024-05-{:02}{d}{}{d}café\n",
            i % 28 + 1,
            i * 37
        )
    };
    let table =
        |d: char| format!("id{d}text{d}when{d}n{d}tag\n") + &(0..30).map(|i| row(i, d)).collect::<String>();
    let object = |i: usize| {
        format!(
            "{{\"id\": {i}, \"text\": \"a \\\"text\\\" \\u00e9 {i}\", \"tags\": [\"x\", \"y{i}\"], \"in\": {{\"d\": [1, {{}}]}}}}"
        )
    };
    let objects = |joint: &str| (0..30).map(object).collect::<Vec<_>>().join(joint);
    let prose = "A line of text, and\nanother one.\n\nA paragraph “quoted”\r\nand its end.\r\n\r\n".repeat(8);
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    match reader {
        "delimited" => vec![
            ("a.csv", table(',').into()),
            ("a.tsv", table('\t').into()),
            ("a.csv", table(';').into()),
            ("a.csv", encoding_rs::WINDOWS_1252.encode(&table('|')).0.into_owned()),
            ("a.csv", wide(&table(','))),
        ],
        "json lines" => vec![("a.jsonl", objects("\n").into()), ("a.jsonl", wide(&objects("\r\n")))],
        "json array" => vec![
            ("a.json", format!("[{}]", objects(", ")).into()),
            ("a.json", format!("[\n  {}\n]", objects(",\n  ")).into()),
            ("a.json", objects("\n\n").replace(", ", ",\n").into()),
            ("a.json", format!("{:?}", (0..60).map(|i| format!("text {i}")).collect::<Vec<_>>()).into()),
        ],
        "text" => vec![("a.txt", prose.clone().into()), ("a.txt", wide(&prose))],
        _ => vec![
            ("a.csv.gz", gzip(table(',').as_bytes())),
            ("a.jsonl.gz", gzip(objects("\n").as_bytes())),
            ("a.txt.gz", [gzip(prose.as_bytes()), gzip(prose.as_bytes())].concat()),
        ],
    }
}

/// Flips, cuts, splices and repeats, a few of them at a time.
fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    const TOKENS: [&[u8]; 14] = [
        b"\"",
        b"\"\"",
        b"\n",
        b"\r",
        b",",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\\",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\\ud800",
    ];
    for _ in 0..=dice.roll(6) {
        let at = dice.roll(bytes.len());
        let end = at + dice.roll((bytes.len() - at).min(400));
        match dice.roll(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.roll(8),
            1 if !bytes.is_empty() => bytes[at] = dice.roll(256) as u8,
            2 if dice.roll(4) == 0 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let to = dice.roll(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(to..to, piece);
            }
            5 => {
                let times = [2, 50, 3_000][dice.roll(3)];
                let piece = bytes[at..end.min(at + 40)].repeat(times);
                bytes.splice(at..at, piece);
            }
            _ => {
                let times = [1, 1, 1, 2_000][dice.roll(4)];
                bytes.splice(at..at, TOKENS[dice.roll(TOKENS.len())].repeat(times));
            }
        }
    }
}

/// Reads a file and checks that what comes out is sound.
fn survive(path: &Path) {
    let seen = peek(path, &ReadOptions::default());
    let Ok(corpus) = read(path, &ReadOptions::default(), &Ctx::quiet()) else { return };
    assert!(!corpus.is_empty() && !corpus.text_columns.is_empty());
    for column in &corpus.columns {
        assert_eq!(column.cells.len(), corpus.len());
        let values = match &column.typed {
            Typed::Text => corpus.len(),
            Typed::Number(numbers) => numbers.len(),
            Typed::Category { codes, .. } => codes.len(),
            Typed::List { offsets, .. } => offsets.len() - 1,
            Typed::Date(dates) => dates.len(),
        };
        assert_eq!(values, corpus.len());
    }
    let seen = seen.expect("what can be read can be looked at");
    assert!(seen.documents > 0 || !seen.is_whole);
}

/// `SEMASCOPE_FUZZ_CASES` mutated files a reader: no panic, and none takes 10 seconds (a hang, that is).
fn fuzz(reader: &'static str) {
    let cases = std::env::var("SEMASCOPE_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300usize);
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let seeds = seeds(reader);
        let folder = tempfile::tempdir().unwrap();
        for case in 0..cases {
            let mut dice = Dice(case as u64);
            let (name, mut bytes) = seeds[case % seeds.len()].clone();
            mutate(&mut bytes, &mut dice);
            let path = folder.path().join(name);
            std::fs::write(&path, &bytes).unwrap();
            let begun = Instant::now();
            survive(&path);
            if send.send((case, begun.elapsed())).is_err() {
                return;
            }
        }
    });
    let mut worst = (0, Duration::ZERO);
    for case in 0..cases {
        let took = receive.recv_timeout(Duration::from_secs(10));
        let took = took.unwrap_or_else(|e| panic!("{reader}, case {case}: panicked or hung ({e})"));
        worst = if took.1 > worst.1 { took } else { worst };
    }
    println!("{reader}: {cases} cases, the slowest ({}) took {:?}; {}", worst.0, worst.1, memory());
}

#[test]
fn mutated_tables_neither_panic_nor_hang() {
    fuzz("delimited");
}

#[test]
fn mutated_json_lines_neither_panic_nor_hang() {
    fuzz("json lines");
}

#[test]
fn mutated_json_arrays_neither_panic_nor_hang() {
    fuzz("json array");
}

#[test]
fn mutated_plain_text_neither_panics_nor_hangs() {
    fuzz("text");
}

#[test]
fn mutated_gzip_files_neither_panic_nor_hang() {
    fuzz("gzip");
}

/// The process's memory as Linux tells it, peak first.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("RssAnon"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

/// Reads the file named by `SEMASCOPE_READ_FILE`, for timing from outside.
#[test]
fn a_file_given_by_hand_is_read() {
    let Some(path) = std::env::var_os("SEMASCOPE_READ_FILE") else { return };
    let begun = Instant::now();
    let seen = peek(Path::new(&path), &ReadOptions::default()).unwrap();
    println!(
        "peek {:?}: {}, about {} documents, {} ({:?})",
        begun.elapsed(),
        seen.words,
        seen.documents,
        seen.why,
        seen.text_columns
    );
    let anonymous = std::thread::spawn(watch_anonymous_memory);
    let begun = Instant::now();
    let corpus = read(Path::new(&path), &ReadOptions::default(), &Ctx::quiet()).unwrap();
    println!("read {:?}: {} documents; {:?}", begun.elapsed(), corpus.len(), corpus.report);
    for column in &corpus.columns {
        println!("  {}: {:?}, {:?}", column.name, column.typed.kind(), column.cells);
    }
    STOP.store(true, Ordering::Relaxed);
    println!("{}; peak anonymous {} kB", memory(), anonymous.join().unwrap());
}

static STOP: AtomicBool = AtomicBool::new(false);

/// The most anonymous memory (in kB) seen until told to stop.
fn watch_anonymous_memory() -> u64 {
    let mut peak = 0;
    while !STOP.load(Ordering::Relaxed) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(20));
    }
    peak
}
