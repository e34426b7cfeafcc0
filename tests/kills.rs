//! What is left when the program is killed, again and again, at random moments, in the middle of its work: every batch
//! that was finished, every file whole, and nothing else.
//!
//! The real program runs as an unprivileged user. `SEMASCOPE_KILLS` sets how often each step is killed.

#![cfg(unix)]

mod processes;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use processes::{DIM, Dice, Home, copy_folder, kills, short_texts, temporaries};
use semascope::data::Key;
use semascope::embed::{EmbedParams, Embedder};
use semascope::io::cache::Cache;
use semascope::io::{npy, project};
use semascope::job::Ctx;
use semascope::model::{DevicePreference, ModelSource};

/// Between two looks at what the program has come to.
const LOOK: Duration = Duration::from_micros(300);

/// A moment between two others.
fn between(dice: &mut Dice, from: Duration, to: Duration) -> Duration {
    from + Duration::from_micros(dice.roll(to.saturating_sub(from).as_micros() as usize) as u64)
}

/// Waits until `reached`, or until the program has ended by itself.
fn wait_until(child: &mut Child, mut reached: impl FnMut() -> bool) {
    while !reached() && child.try_wait().expect("the program is ours").is_none() {
        std::thread::sleep(LOOK);
    }
}

/// A program that ended: what it wrote, or `None` where it was killed.
fn end(mut child: Child) -> (bool, String) {
    child.kill().expect("the program is ours");
    let output = child.wait_with_output().expect("it has ended");
    let killed = output.status.signal() == Some(9);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(killed || output.status.success(), "{}: {stderr}", output.status);
    (killed, String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The size of the vectors that `cache` has on the disk.
fn size_of_vectors(cache: &Path) -> u64 {
    let stores = fs::read_dir(cache.join("vectors")).into_iter().flatten().flatten();
    let segments = stores.flat_map(|store| fs::read_dir(store.path()).into_iter().flatten().flatten());
    segments.filter_map(|segment| segment.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// The embedding of a corpus that is killed.
struct Embedding {
    home: Home,
    texts: Vec<String>,
    /// The vectors of a run that nobody disturbed, as the file it wrote.
    reference: Vec<u8>,
    model: Key,
}

impl Embedding {
    fn start(&self, cache: &Path) -> Child {
        let arguments = ["embed", "texts.csv", "--text", "text", "--out", "v.npy", "--json"];
        let mut command = self.home.semascope(&arguments);
        command.env("SEMASCOPE_CACHE", cache).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    }

    /// How many vectors a cache holds; each must be the one that an undisturbed run makes. Looks at a copy, so that
    /// nothing is mended before the program itself comes to it.
    fn stored(&self, cache: &Path) -> usize {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(cache, copy.path());
        let cache = Cache::open(Some(copy.path().to_owned())).unwrap();
        let mut store = cache.vectors(self.model, DIM).unwrap();
        let keys: Vec<Key> = self.texts.iter().map(|text| Key::of("text", 1).text(text).finish()).collect();
        let rows = store.find(&keys);
        let matrix = cache.assemble(&store, &rows, self.model, "copy", true).unwrap();
        let width = DIM * size_of::<f32>();
        let vectors = &self.reference[self.reference.len() - self.texts.len() * width..];
        for (i, vector) in vectors.chunks(width).enumerate().filter(|(i, _)| rows[*i].is_some()) {
            assert!(&matrix.raw()[i * width..(i + 1) * width] == vector, "the vector of text {i} is another");
        }
        rows.iter().flatten().count()
    }

    /// The file of vectors is not there, or whole.
    fn check_result(&self) {
        let result = fs::read(self.home.path("v.npy"));
        assert!(result.is_err() || result.is_ok_and(|bytes| bytes == self.reference), "a broken v.npy");
    }
}

/// How many texts the program said it had embedded.
fn reported(stdout: &str) -> usize {
    let lines = stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let embedded = lines.filter(|line| line["stage"] == "Embedding");
    embedded.filter_map(|line| line["done"].as_u64()).max().unwrap_or(0) as usize
}

#[test]
fn killed_while_embedding_no_finished_batch_is_lost() {
    const TEXTS: usize = 200;
    let home = Home::new();
    let table = short_texts(TEXTS);
    fs::write(home.path("texts.csv"), &table).unwrap();
    let texts = table.lines().skip(1).map(|row| row.split_once(',').unwrap().1.to_owned()).collect();
    let embedder = Embedder::load(&ModelSource::Builtin, DevicePreference::Cpu).unwrap();
    let model = embedder.key_with(&EmbedParams::default());
    drop(embedder);
    let mut embedding = Embedding { home, texts, reference: Vec::new(), model };

    // How long it takes undisturbed: until the first vectors are there, and in all.
    let cache = embedding.home.path("undisturbed");
    let begun = Instant::now();
    let mut child = embedding.start(&cache);
    wait_until(&mut child, || size_of_vectors(&cache) > 0);
    let first = begun.elapsed();
    wait_until(&mut child, || false);
    let (whole, _) = (begun.elapsed(), end(child));
    embedding.reference = fs::read(embedding.home.path("v.npy")).unwrap();
    assert_eq!(npy::read_matrix(&embedding.home.path("v.npy")).unwrap().rows(), TEXTS);
    assert_eq!(embedding.stored(&cache), TEXTS);
    fs::remove_file(embedding.home.path("v.npy")).unwrap();

    let (mut dice, mut killed, mut rounds, mut stored) = (Dice(3), 0, 0, 0);
    let mut cache = embedding.home.path("round 0");
    while killed < kills() {
        // The work that is left takes less and less time.
        let left = (whole - first).mul_f64((TEXTS - stored) as f64 / TEXTS as f64);
        let from = if killed % 2 == 0 { Duration::ZERO } else { first };
        let child = embedding.start(&cache);
        std::thread::sleep(between(&mut dice, from, first + left));
        let (was_killed, stdout) = end(child);
        embedding.check_result();
        if was_killed {
            killed += 1;
            let now = if cache.exists() { embedding.stored(&cache) } else { 0 };
            assert!(now >= stored, "{stored} vectors were there before kill {killed}, and {now} after it");
            assert!(now >= reported(&stdout), "{} were reported, {now} are there", reported(&stdout));
            assert!(temporaries(&cache).len() <= 2, "temporary files pile up: {:?}", temporaries(&cache));
            stored = now;
        } else {
            assert_eq!(embedding.stored(&cache), TEXTS);
            assert_eq!(temporaries(&cache), Vec::<PathBuf>::new());
            fs::remove_file(embedding.home.path("v.npy")).unwrap();
            rounds += 1;
            stored = 0;
            cache = embedding.home.path(&format!("round {rounds}"));
        }
    }
    let mut last = embedding.start(&cache);
    wait_until(&mut last, || false);
    assert!(!end(last).0);
    assert!(fs::read(embedding.home.path("v.npy")).unwrap() == embedding.reference);
    assert_eq!(temporaries(embedding.home.path("").as_path()), Vec::<PathBuf>::new());
    println!("{killed} kills in {rounds} finished rounds; undisturbed {whole:?}, first vectors at {first:?}");
}

const EXPORT: &str = "clusters.csv";
const PICTURE: &str = "map.png";
const SAVE: &str = "project.semascope";

const DOCUMENTS: usize = 120;

/// A run of the whole flow whose files are long enough to be hit while they are written.
struct Run {
    home: Home,
    /// The results of undisturbed runs over either corpus.
    references: [PathBuf; 2],
}

impl Run {
    fn new() -> Self {
        let home = Home::new();
        for (corpus, seed) in ["a.csv", "b.csv"].into_iter().zip(1..) {
            let mut dice = Dice(seed);
            let row = |i| format!("{i},{},{}\n", dice.words(3), dice.words(5_000));
            let table = format!("id,title,notes\n{}", (0..DOCUMENTS).map(row).collect::<String>());
            fs::write(home.path(corpus), table).unwrap();
        }
        let mut dice = Dice(3);
        let values: Vec<f32> = (0..DOCUMENTS * 8).map(|_| dice.roll(1_000) as f32 - 500.0).collect();
        npy::write_f32(&home.path("v.npy"), DOCUMENTS, 8, &values).unwrap();
        let references = ["of a", "of b"].map(|name| home.path(name));
        Self { home, references }
    }

    fn start(&self, corpus: usize, out: &str) -> Child {
        let corpus = ["a.csv", "b.csv"][corpus];
        let arguments = ["run", corpus, "--text", "title", "--vectors", "v.npy", "--out", out, "--quiet"];
        let mut command = self.home.semascope(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// Which corpus a result is of. It must be whole.
    fn version(&self, out: &Path, file: &str) -> usize {
        let bytes = fs::read(out.join(file)).unwrap();
        let same = |reference: &PathBuf| fs::read(reference.join(file)).unwrap() == bytes;
        self.references.iter().position(same).unwrap_or_else(|| panic!("{file} is neither old nor new"))
    }
}

/// Kills the flow while it exports or saves: half of the times at any moment, half of them after `file` was begun.
fn kill_while_writing(file: &str, seed: u64) {
    let run = Run::new();
    let out = run.home.path("out");
    // When the writing begins, as seen from outside, and how long it takes.
    let begun = |leftover: &[PathBuf], earlier: Option<std::time::SystemTime>| {
        if file == SAVE {
            return out.join(PICTURE).metadata().and_then(|m| m.modified()).ok() != earlier;
        }
        let new = temporaries(&out).into_iter().filter(|path| !leftover.contains(path));
        new.filter_map(|path| path.metadata().ok()).any(|metadata| metadata.len() > 0)
    };
    let picture = || out.join(PICTURE).metadata().and_then(|m| m.modified()).ok();
    let (mut start, mut length, mut whole) = (Duration::MAX, Duration::ZERO, Duration::ZERO);
    for corpus in [0, 1] {
        let (clock, earlier) = (Instant::now(), picture());
        let before = out.join(file).metadata().and_then(|m| m.modified()).ok();
        let mut child = run.start(corpus, "out");
        wait_until(&mut child, || begun(&[], earlier));
        let from = clock.elapsed();
        wait_until(&mut child, || out.join(file).metadata().and_then(|m| m.modified()).ok() != before);
        (start, length) = (start.min(from), length.max(clock.elapsed() - from));
        wait_until(&mut child, || false);
        whole = whole.max(clock.elapsed());
        assert!(!end(child).0);
        copy_folder(&out, &run.references[corpus]);
        let opened = project::open(&run.references[corpus].join(SAVE), &Ctx::quiet()).unwrap();
        assert!(
            opened.missing.is_empty() && opened.project.corpus.len() == DOCUMENTS,
            "{:?}",
            opened.missing
        );
    }

    let (mut dice, mut killed, mut hit, mut changed) = (Dice(seed), 0, 0, 0);
    while killed < kills() {
        let old = run.version(&out, file);
        let (leftover, earlier) = (temporaries(&out), picture());
        let mut child = run.start(1 - old, "out");
        if killed % 2 == 0 {
            std::thread::sleep(between(&mut dice, Duration::ZERO, whole));
        } else {
            wait_until(&mut child, || begun(&leftover, earlier));
            std::thread::sleep(between(&mut dice, Duration::ZERO, length));
        }
        let (was_killed, _) = end(child);
        for file in [EXPORT, PICTURE, SAVE] {
            run.version(&out, file);
        }
        let opened = project::open(&out.join(SAVE), &Ctx::quiet()).unwrap();
        assert!(opened.missing.is_empty(), "{:?}", opened.missing);
        let left = temporaries(&out);
        assert!(left.len() <= usize::from(was_killed), "temporary files pile up: {left:?}");
        killed += usize::from(was_killed);
        hit += usize::from(!left.is_empty());
        changed += usize::from(run.version(&out, file) != old);
    }
    for corpus in [0, 1] {
        let mut last = run.start(corpus, "out");
        wait_until(&mut last, || false);
        assert!(!end(last).0);
        for file in [EXPORT, PICTURE, SAVE] {
            assert_eq!(run.version(&out, file), corpus);
        }
        assert_eq!(temporaries(run.home.path("").as_path()), Vec::<PathBuf>::new());
    }
    println!(
        "{file}: {killed} kills, {hit} of them while a file was half written, {changed} times the new file was \
         there; undisturbed {whole:?}, of it {length:?} for {file}"
    );
    assert!(hit > 0 || killed < 10, "no kill fell into the writing of a file");
}

#[test]
fn killed_while_exporting_every_file_is_old_or_new_and_whole() {
    kill_while_writing(EXPORT, 5);
}

#[test]
fn killed_while_saving_every_file_is_old_or_new_and_whole() {
    kill_while_writing(SAVE, 7);
}
