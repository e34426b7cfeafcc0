//! Project files that somebody made to do harm, and such as a broken disk or program leaves: a sentence, no panic,
//! nothing written anywhere, and no more memory than the file itself is worth. And saving takes the same memory
//! however large the project is.

mod projects;

use std::alloc::{GlobalAlloc, Layout as Block, System};
use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use projects::{clusters, full, key, manifest_changed, names, open, repacked, saved, told};
use semascope::data::{
    Clusters, Column, Corpus, Element, Goals, Knn, Layout, Matrix, Recall, Typed, UNCLUSTERED,
};
use semascope::io::project::{self, Project, SaveOptions};
use semascope::job::Ctx;
use serde_json::{Value, json};

/// Counts what each thread holds.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let held = HELD.get() + bytes;
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

// SAFETY: all work is the system's; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, block: Block) -> *mut u8 {
        count(block.size() as isize);
        unsafe { System.alloc(block) }
    }

    unsafe fn alloc_zeroed(&self, block: Block) -> *mut u8 {
        count(block.size() as isize);
        unsafe { System.alloc_zeroed(block) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, block: Block) {
        count(-(block.size() as isize));
        unsafe { System.dealloc(memory, block) }
    }

    unsafe fn realloc(&self, memory: *mut u8, block: Block, size: usize) -> *mut u8 {
        count(size as isize - block.size() as isize);
        unsafe { System.realloc(memory, block, size) }
    }
}

/// The most bytes that `work` held on this thread at once, above what was there before.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let value = work();
    (value, (PEAK.get() - before) as usize)
}

/// Bytes that opening takes whatever is in the file, and times the file's size.
const ALLOWED: usize = 1 << 20;
const TIMES: usize = 12;

/// Opens a file that may be anything: it must be refused with a sentence that names it, or come out sound; what could
/// not be used comes back, too. Nothing beside it may change, and memory must keep within its size.
fn opened(path: &Path) -> Result<(Project, Vec<String>), String> {
    let beside = || fs::read_dir(path.parent().unwrap()).unwrap().count();
    let (before, size) = (beside(), path.metadata().unwrap().len() as usize);
    // A panic inside a reader is caught and told as damage; a printed backtrace would take more memory than the reader.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let (result, peak) = peak_of(|| open(path));
    assert!(peak <= ALLOWED + TIMES * size, "{peak} bytes of memory for a file of {size}");
    assert_eq!(beside(), before, "something was written");
    match result {
        Ok(opened) => {
            sound(&opened.project);
            assert!(opened.missing.iter().all(|sentence| sentence.len() < 400 && sentence.ends_with('.')));
            Ok((opened.project, opened.missing))
        }
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.contains("p.semascope") && sentence.ends_with('.'), "{sentence}");
            Err(sentence)
        }
    }
}

/// Whatever later steps rely on.
fn sound(project: &Project) {
    let n = project.corpus.len();
    assert!(project.corpus.columns.iter().all(|column| column.cells.len() == n));
    assert!(project.corpus.text_columns.iter().all(|&c| c < project.corpus.columns.len()));
    assert!(project.matrix.as_ref().is_none_or(|matrix| matrix.rows() == n));
    if let Some(knn) = &project.knn {
        assert!(knn.indices.len() == knn.similarities.len() && knn.indices.len() == n * knn.k || knn.k == 0);
        assert!(knn.indices.iter().all(|&i| (i as usize) < n));
    }
    if let Some(layout) = &project.layout {
        assert!(layout.positions.len() == n && layout.positions.iter().flatten().all(|x| x.is_finite()));
    }
    let of_topics = project.topics.iter().map(|(clusters, names)| (clusters, Some(names)));
    let of_clusters = project.clusters.iter().map(|clusters| (clusters, project.names.as_ref()));
    for (clusters, names) in of_topics.chain(of_clusters) {
        assert!(clusters.labels.len() == n && clusters.strengths.len() == n);
        assert!(clusters.labels.iter().all(|&l| l == UNCLUSTERED || (l as usize) < clusters.count));
        assert!(names.is_none_or(|names| names.clusters.len() == clusters.count));
    }
    for goals in &project.goals {
        let k = goals.explanations.len();
        assert!(goals.best.len() == n && goals.best.iter().all(|&b| b == UNCLUSTERED || (b as usize) < k));
        for explanation in &goals.explanations {
            assert!(explanation.scores.len() == n);
            assert!(explanation.members.iter().all(|&document| (document as usize) < n));
        }
    }
}

/// One part's content changed, its checksum in the zip made anew.
fn part_changed(path: &Path, part: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) {
    repacked(path, |name, content| {
        let content = if name == part { change(content) } else { content };
        vec![(name, content)]
    });
}

const PARTS: [&str; 11] = [
    "manifest.json",
    "corpus.arrows",
    "columns.safetensors",
    "vectors.safetensors",
    "neighbours.safetensors",
    "layout.safetensors",
    "quality.safetensors",
    "clusters.safetensors",
    "topics-1.safetensors",
    "topics-2.safetensors",
    "goals-1.safetensors",
];

#[test]
fn a_whole_project_keeps_within_the_memory_that_hostile_ones_are_allowed() {
    let (_folder, path) = saved(&full());
    let (project, missing) = opened(&path).unwrap();
    assert!(missing.is_empty() && told(&project) == told(&full()));
}

#[test]
fn values_that_make_no_sense_are_left_out_with_a_sentence() {
    let full = full();
    let layout = |positions| {
        Some(Arc::new(Layout { positions: Arc::new(positions), ..(**full.layout.as_ref().unwrap()).clone() }))
    };
    let goals = |change: fn(&mut Goals)| {
        let mut goals = (*full.goals[0]).clone();
        change(&mut goals);
        vec![Arc::new(goals)]
    };
    let knn = |change: fn(&mut Knn)| {
        let mut knn = (**full.knn.as_ref().unwrap()).clone();
        change(&mut knn);
        Some(Arc::new(knn))
    };
    let of = |change: fn(&mut Clusters)| {
        let mut clusters = (*clusters(&[0, UNCLUSTERED, 0], 1)).clone();
        change(&mut clusters);
        Some(Arc::new(clusters))
    };
    let cases: Vec<(Project, &str)> = vec![
        (Project { layout: layout(vec![[0.0, f32::NAN]; 3]), ..full.clone() }, "a position is no number"),
        (
            Project { layout: layout(vec![[f32::INFINITY, 0.0]; 3]), ..full.clone() },
            "a position is no number",
        ),
        (Project { layout: layout(vec![[0.0, 0.0]; 2]), ..full.clone() }, "another number of documents"),
        (Project { knn: knn(|knn| knn.indices[3] = 3), ..full.clone() }, "a neighbour is not a document"),
        (
            Project { knn: knn(|knn| knn.indices[0] = u32::MAX), ..full.clone() },
            "a neighbour is not a document",
        ),
        (
            Project { knn: knn(|knn| knn.similarities[1] = f32::NAN), ..full.clone() },
            "a similarity is no number",
        ),
        (
            Project { clusters: of(|clusters| clusters.labels[2] = 1), ..full.clone() },
            "a label belongs to no cluster",
        ),
        (
            Project { clusters: of(|clusters| clusters.count = usize::MAX), ..full.clone() },
            "more clusters than documents",
        ),
        (
            Project { clusters: of(|clusters| clusters.strengths[0] = f32::NAN), ..full.clone() },
            "a strength is no number",
        ),
        (
            Project { names: Some(names(&["one", "two", "three"])), ..full.clone() },
            "the names belong to other clusters",
        ),
        (
            Project { topics: vec![(clusters(&[0, 1, 2], 3), names(&["one"]))], ..full.clone() },
            "the names belong to other",
        ),
        (
            Project { goals: goals(|goals| goals.best[1] = 1), ..full.clone() },
            "an explanation that is not there",
        ),
        (Project { goals: goals(|goals| goals.explanations[0].members[1] = 7), ..full.clone() }, "no sense"),
        (
            Project { goals: goals(|goals| goals.explanations[0].id = u32::MAX), ..full.clone() },
            "strange number",
        ),
    ];
    for (project, expected) in cases {
        let (_folder, path) = saved(&project);
        let (_, missing) = opened(&path).unwrap();
        assert!(
            !missing.is_empty() && missing.iter().any(|s| s.contains(expected)),
            "{expected}: {missing:?}"
        );
    }
}

#[test]
fn names_of_parts_lead_nowhere() {
    let (folder, path) = saved(&full());
    let tricks =
        ["../../evil", "/tmp/evil", "C:\\evil", "..\\evil", "a\0b", "manifest.json/", "\u{1b}[31mred"];
    repacked(&path, |name, content| {
        let mut entries = vec![(name.clone(), content)];
        if name == "manifest.json" {
            entries.extend(tricks.map(|trick| (trick.to_owned(), b"evil".to_vec())));
        }
        entries
    });
    let (project, missing) = opened(&path).unwrap();
    assert_eq!(told(&project), told(&full()));
    assert_eq!(missing.len(), tricks.len());
    assert!(missing.iter().all(|sentence| !sentence.contains(['\0', '\u{1b}'])), "{missing:?}");
    assert!(!folder.path().join("../evil").exists() && !folder.path().join("evil").exists());
    // A part that is named so in the manifest is no other.
    manifest_changed(&path, |manifest| manifest["parts"] = json!(tricks));
    opened(&path).unwrap();
}

#[test]
fn thousands_of_parts_and_levels_cost_neither_time_nor_many_words() {
    let (_folder, path) = saved(&full());
    manifest_changed(&path, |manifest| {
        manifest["parts"] = (1..20_000).map(|i| format!("topics-{i}.safetensors")).collect();
        manifest["topics"] = (1..20_000).map(|_| Value::Null).collect();
    });
    repacked(&path, |name, content| {
        let more =
            (0..if name == "manifest.json" { 30_000 } else { 0 }).map(|i| (format!("more {i}"), Vec::new()));
        [(name, content)].into_iter().chain(more).collect()
    });
    let (_, missing) = opened(&path).unwrap();
    assert!(missing.len() <= 21 && missing.last().unwrap().contains("more"), "{} sentences", missing.len());
}

#[test]
fn two_parts_of_one_name_and_compressed_ones_are_refused() {
    let (_folder, path) = saved(&full());
    let bytes = fs::read(&path).unwrap();
    let ours = b"layout.safetensors";
    let mut twice = bytes.clone();
    for at in 0..twice.len() - b"clusters.safetensors".len() {
        // Names of one length: the quality becomes a second set of columns.
        if twice[at..].starts_with(b"quality.safetensors") {
            twice[at..at + 19].copy_from_slice(b"columns.safetensors");
        }
    }
    fs::write(&path, &twice).unwrap();
    let sentence = opened(&path).unwrap_err();
    assert!(sentence.contains("two parts called \"columns.safetensors\""), "{sentence}");

    let mut compressed = bytes.clone();
    for at in 0..bytes.len() {
        // The method in the list of parts stands 36 bytes before the name.
        if bytes[at..].starts_with(ours) && bytes[at - 46..].starts_with(b"PK\x01\x02") {
            compressed[at - 36] = 8;
        }
    }
    fs::write(&path, &compressed).unwrap();
    let (project, missing) = opened(&path).unwrap();
    assert!(project.layout.is_none() && project.knn.is_some());
    assert_eq!(missing, ["The map cannot be used: it is compressed."]);
}

/// Numbers that break what is careless with them.
const EXTREMES: [u64; 7] = [0, 0x7fff_ffff, 0xffff_ffff, 1 << 40, i64::MAX as u64 - 7, 1 << 63, u64::MAX];

#[test]
fn extreme_numbers_anywhere_in_the_zip_are_refused_or_harmless() {
    let (_folder, path) = saved(&full());
    let bytes = fs::read(&path).unwrap();
    let list = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    for at in list..bytes.len() {
        for (value, width) in EXTREMES.into_iter().flat_map(|value| [(value, 2), (value, 4), (value, 8)]) {
            let mut hostile = bytes.clone();
            let end = (at + width).min(bytes.len());
            hostile[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
            fs::remove_file(&path).unwrap();
            fs::write(&path, hostile).unwrap();
            let _ = opened(&path);
        }
    }
}

#[test]
fn extreme_numbers_anywhere_in_a_part_are_refused_or_harmless() {
    let (_folder, path) = saved(&full());
    let whole = fs::read(&path).unwrap();
    for part in ["corpus.arrows", "columns.safetensors", "vectors.safetensors", "neighbours.safetensors"] {
        let size = std::cell::Cell::new(0);
        part_changed(&path, part, |content| {
            size.set(content.len());
            content
        });
        for at in (0..size.get()).step_by(4) {
            // Each place gets another of them, and the next run of the loop the next.
            for value in EXTREMES.into_iter().skip(at / 4 % 2).step_by(2) {
                fs::remove_file(&path).unwrap();
                fs::write(&path, &whole).unwrap();
                part_changed(&path, part, |mut content| {
                    let end = (at + 8).min(content.len());
                    content[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
                    content
                });
                let _ = opened(&path);
            }
        }
    }
}

#[test]
fn headers_of_arrays_that_lie_are_left_out_with_a_sentence() {
    let (_folder, path) = saved(&full());
    let whole = fs::read(&path).unwrap();
    let header = |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
    let about = |tensors: &str| {
        let ours =
            json!({"check": null, "about": {"key": key("x"), "count": 1, "method": "x", "epochs": [1, 1]}});
        let ours = serde_json::to_string(&ours.to_string()).unwrap();
        header(&format!("{{\"__metadata__\":{{\"semascope\":{ours}}},{tensors}}}"))
    };
    let lies = [
        vec![],
        vec![0; 7],
        [&(1u64 << 63).to_le_bytes()[..], b"{}"].concat(),
        [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
        [&99_999_999u64.to_le_bytes()[..], b"{}"].concat(),
        header(&"[".repeat(100_000)),
        header(&"{\"a\":".repeat(100_000)),
        header("{}"),
        about(r#""labels":{"dtype":"U32","shape":[4611686018427387904,4],"data_offsets":[0,0]}"#),
        about(r#""labels":{"dtype":"U32","shape":[18446744073709551615,0],"data_offsets":[0,0]}"#),
        about(
            r#""labels":{"dtype":"U32","shape":[0],"data_offsets":[0,0]},"strengths":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#,
        ),
        about(r#""positions":{"dtype":"F32","shape":[9223372036854775807,2],"data_offsets":[0,0]}"#),
        about(r#""positions":{"dtype":"F32","shape":[3,2],"data_offsets":[0,18446744073709551615]}"#),
        about(r#""positions":{"dtype":"F32","shape":[3,2],"data_offsets":[24,0]}"#),
    ];
    for part in PARTS.into_iter().filter(|part| part.ends_with("safetensors")) {
        for (i, lie) in lies.iter().enumerate() {
            fs::write(&path, &whole).unwrap();
            part_changed(&path, part, |_| lie.clone());
            let (_, missing) = opened(&path).unwrap();
            assert!(missing.iter().any(|sentence| sentence.contains("cannot be used")), "{part}, lie {i}");
        }
    }
}

#[test]
fn a_manifest_of_wrong_types_is_refused_or_harmless() {
    let (_folder, path) = saved(&full());
    let whole = fs::read(&path).unwrap();
    let wrong = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!("x"),
        json!([]),
        json!([[[]]]),
        json!({}),
        json!(["manifest.json", "corpus.arrows", "manifest.json"]),
    ];
    let places = [
        "/format",
        "/version",
        "/made_by",
        "/corpus",
        "/parts",
        "/names",
        "/topics",
        "/params",
        "/view",
        "/exact",
        "/corpus/key",
        "/corpus/name",
        "/corpus/documents",
        "/corpus/columns",
        "/corpus/text_columns",
        "/corpus/report",
        "/corpus/report/skipped_rows",
        "/corpus/without_texts",
        "/names/clusters",
        "/names/clusters/0/exemplars",
        "/names/clusters/0/keywords",
        "/topics/0",
        "/topics/1/clusters",
    ];
    for place in places {
        for value in &wrong {
            fs::write(&path, &whole).unwrap();
            manifest_changed(&path, |manifest| {
                if place == "/exact" {
                    manifest["exact"] = value.clone();
                } else {
                    *manifest.pointer_mut(place).unwrap() = value.clone();
                }
            });
            let _ = opened(&path);
        }
    }
    let next = project::FORMAT_VERSION + 1;
    for version in [json!(0), json!(next), json!(u64::MAX), json!(-3), json!(next.to_string()), Value::Null] {
        fs::write(&path, &whole).unwrap();
        manifest_changed(&path, |manifest| manifest["version"] = version.clone());
        let newer = version.as_u64().is_some_and(|version| version >= next);
        assert_eq!(open(&path).is_ok_and(|opened| opened.read_only.is_some()), newer, "{version}");
    }
}

#[test]
fn a_manifest_that_would_fill_the_memory_or_the_stack_is_refused() {
    let (_folder, path) = saved(&full());
    let whole = fs::read(&path).unwrap();
    for (open, times, close) in
        [("[", 100_000, ""), ("{\"a\":", 100_000, ""), ("[", 10_000_000, "]"), ("0,", 9_000_000, "0")]
    {
        fs::write(&path, &whole).unwrap();
        part_changed(&path, "manifest.json", |_| {
            format!("{{\"format\":\"semascope project\",\"x\":[{}{close}]}}", open.repeat(times)).into_bytes()
        });
        let sentence = opened(&path).unwrap_err();
        assert!(sentence.contains("manifest cannot be read"), "{sentence}");
    }
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

/// `SEMASCOPE_FUZZ_CASES` changed projects, each with pieces flipped, cut, repeated and moved within its parts, whose
/// checksums in the zip are right, so that the parts themselves are read.
#[test]
fn mutated_parts_are_refused_or_sound() {
    let cases = std::env::var("SEMASCOPE_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_500u64);
    let (_folder, path) = saved(&full());
    let whole = fs::read(&path).unwrap();
    for case in 0..cases {
        fs::remove_file(&path).unwrap();
        fs::write(&path, &whole).unwrap();
        let part = PARTS[case as usize % PARTS.len()];
        part_changed(&path, part, |mut content| {
            let mut dice = Dice(case);
            for _ in 0..=dice.roll(4) {
                let at = dice.roll(content.len());
                let end = at + dice.roll((content.len() - at).min(64));
                match dice.roll(6) {
                    0 if at < content.len() => content[at] ^= 1 << dice.roll(8),
                    1 if at < content.len() => content[at] = dice.roll(256) as u8,
                    2 => drop(content.drain(at..end)),
                    3 => content.truncate(at.max(8)),
                    4 => {
                        let piece = content[at..end].repeat([1, 3, 200][dice.roll(3)]);
                        content.splice(at..at, piece);
                    }
                    _ => {
                        let tokens: [&[u8]; 6] = [b"0", b"9", b"-", b"]", b"\0\0\0\0", b"\xff\xff\xff\xff"];
                        content.splice(at..at, tokens[dice.roll(6)].repeat(1 + dice.roll(12)));
                    }
                }
            }
            content
        });
        let _ = opened(&path);
    }
}

/// `n` documents of `length` letters, their vectors and neighbours.
fn large(n: usize, length: usize, dim: usize) -> Project {
    let column = Column {
        name: "text".into(),
        cells: (0..n).map(|i| format!("{i:0length$}")).collect(),
        typed: Typed::Text,
    };
    let corpus = Corpus { columns: vec![column], text_columns: vec![0], ..(*full().corpus).clone() };
    let halves: Vec<u8> = (0..n * dim).flat_map(|i| (i as u16 & 0x3bff).to_le_bytes()).collect();
    let matrix = Matrix::from_bytes(key("m"), "m", false, (n, dim), Element::F16, Arc::new(halves), 0);
    let mut project = Project::new(Arc::new(corpus));
    project.matrix = matrix.map(Arc::new);
    project.knn = Some(Arc::new(Knn {
        key: key("knn"),
        k: 15,
        indices: (0..n * 15).map(|i| (i % n) as u32).collect(),
        similarities: vec![0.5; n * 15],
        recall: Recall::Exact,
        method: "exact".into(),
    }));
    project.layout = Some(Arc::new(Layout {
        key: key("layout"),
        positions: Arc::new((0..n).map(|i| [i as f32, 0.5]).collect()),
        method: "UMAP".into(),
        epochs: (200, 200),
    }));
    project
}

#[test]
fn saving_takes_the_same_memory_for_three_times_as_many_documents() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.semascope");
    let peak = |n: usize| {
        let project = large(n, 100, 64);
        peak_of(|| project::save(&path, &project, &SaveOptions::default(), &Ctx::quiet()).unwrap()).1
    };
    let (one, three) = (peak(40_000), peak(120_000));
    assert!(three < one + (1 << 20), "{one} bytes for 40,000 documents, {three} for 120,000");
}

#[test]
#[ignore = "writes 1.2 GB; prints figures"]
fn a_million_documents_are_saved_and_opened() {
    let folder =
        tempfile::tempdir_in(std::env::var("SEMASCOPE_MILLION_DIR").unwrap_or_else(|_| ".".into())).unwrap();
    let path = folder.path().join("p.semascope");
    let read = |file: &str, name: &str| {
        let text = fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.and_then(|line| line.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<u64>().ok()).unwrap_or(0)
    };
    let project = large(1_000_000, 60, 384);
    let (written, passed, memory) =
        (read("io", "write_bytes"), read("io", "wchar"), read("status", "RssAnon"));
    let begun = std::time::Instant::now();
    let (_, peak) =
        peak_of(|| project::save(&path, &project, &SaveOptions::default(), &Ctx::quiet()).unwrap());
    println!(
        "saved in {:?}: file {}, passed to the system {}, written to the disk {}, peak of the heap {peak}, RssAnon {} kB before and {} kB after",
        begun.elapsed(),
        path.metadata().unwrap().len(),
        read("io", "wchar") - passed,
        read("io", "write_bytes") - written,
        memory,
        read("status", "RssAnon"),
    );
    drop(project);
    let begun = std::time::Instant::now();
    let (opened, peak) = peak_of(|| open(&path).unwrap());
    println!("opened in {:?}: peak of the heap {peak}, missing {:?}", begun.elapsed(), opened.missing);
}
