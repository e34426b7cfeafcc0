//! The project file: what goes in comes out, and what is broken is named.

mod projects;

use std::path::Path;
use std::sync::Arc;

use projects::{clusters, full, key, manifest_changed, names, open, repacked, saved, texts, told};
use proptest::prelude::*;
use semascope::data::{ClusterName, Column, Corpus, Keyword, Knn, Layout, Matrix, Names, Typed, UNCLUSTERED};
use semascope::io::FileError;
use semascope::io::project::{self, Project, SaveOptions};
use semascope::job::Ctx;
use serde_json::json;

/// The content of `path` with the one occurrence of `from` made `to`.
fn with_bytes(path: &Path, from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from).expect("the bytes are there");
    bytes[at..at + to.len()].copy_from_slice(to);
    std::fs::write(path, bytes).unwrap();
}

/// Writes a file anew: some file systems flush one that is overwritten, which takes a while a thousand times.
fn rewrite(path: &Path, content: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, content).unwrap();
}

#[test]
fn a_project_comes_back_whole() {
    let project = full();
    let (_folder, path) = saved(&project);
    let opened = open(&path).unwrap();
    assert_eq!(opened.missing, Vec::<String>::new());
    assert_eq!(opened.read_only, None);
    assert_eq!(opened.project.corpus.source, None);
    assert_eq!(told(&opened.project), told(&project));
}

#[test]
fn a_project_of_a_corpus_alone_comes_back() {
    let project = Project::new(full().corpus);
    let (_folder, path) = saved(&project);
    let opened = open(&path).unwrap();
    assert!(opened.missing.is_empty(), "{:?}", opened.missing);
    assert_eq!(told(&opened.project), told(&project));
}

#[test]
fn no_place_on_this_machine_is_written_inside() {
    let (_folder, path) = saved(&full());
    let bytes = std::fs::read(&path).unwrap();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("papers.csv") && !has("somebody") && !has("private"));
}

#[test]
fn vectors_lie_where_they_can_be_used_in_place() {
    let mut project = full();
    project.matrix = Some(Arc::new(Matrix::from_vec(key("m"), "a model", false, 2, vec![0.5; 6])));
    let (_folder, path) = saved(&project);
    let matrix = open(&path).unwrap().project.matrix.unwrap();
    assert!(matches!(matrix.block(0..3), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn a_project_can_be_saved_over_the_file_it_was_opened_from() {
    let (_folder, path) = saved(&full());
    let mut opened = open(&path).unwrap();
    opened.project.view = json!("another");
    project::save(&path, &opened.project, &SaveOptions::default(), &Ctx::quiet()).unwrap();
    assert_eq!(told(&open(&path).unwrap().project), told(&opened.project));
}

#[test]
fn the_same_project_makes_the_same_file() {
    let (_a, first) = saved(&full());
    let (_b, second) = saved(&full());
    assert_eq!(std::fs::read(first).unwrap(), std::fs::read(second).unwrap());
}

#[test]
fn a_project_that_is_opened_and_saved_is_the_same_file() {
    let mut project = full();
    // Numbers of 64 bits that JSON readers like to miss by a bit.
    let awkward: Vec<f64> = (1..400).map(|i| f64::from(i).sqrt() * 10f64.powi(i % 60 - 30)).collect();
    project.view =
        json!({"camera": awkward, "on/off~": [{"x": -0.0, "y": 5e-324, "z": 1.7976931348623157e308}]});
    project.params = json!({"resolution": 0.1f32, "seed": u64::MAX, "share": awkward[7]});
    let (folder, first) = saved(&project);
    let opened = open(&first).unwrap();
    assert_eq!(told(&opened.project), told(&project));
    let second = folder.path().join("again.semascope");
    project::save(&second, &opened.project, &SaveOptions::default(), &Ctx::quiet()).unwrap();
    assert!(std::fs::read(first).unwrap() == std::fs::read(second).unwrap());
}

#[test]
fn without_texts_a_name_that_is_a_whole_document_stays_behind() {
    let mut project = full();
    let name = |title: &str, terms: &[&str]| ClusterName {
        title: title.into(),
        keywords: terms.iter().map(|&term| Keyword { term: term.into(), score: 1.0 }).collect(),
        exemplars: vec![0],
    };
    let named = vec![name("first · words", &["words", "FIRST"]), name("Confidential 2", &["word"])];
    project.clusters = Some(clusters(&[0, 1, 0], 2));
    project.names = Some(Arc::new(Names { key: key("names"), clusters: named.clone() }));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.semascope");
    for (with_texts, titles, terms) in [
        (true, ["first · words", "Confidential 2"], ["words", "FIRST", "word"].as_slice()),
        (false, ["Cluster 1", "Cluster 2"], &["words", "word"]),
    ] {
        project::save(&path, &project, &SaveOptions { with_texts }, &Ctx::quiet()).unwrap();
        let names = open(&path).unwrap().project.names.unwrap();
        assert_eq!(names.clusters.iter().map(|name| &*name.title).collect::<Vec<_>>(), titles);
        let kept = names.clusters.iter().flat_map(|name| &name.keywords).map(|keyword| &*keyword.term);
        assert_eq!(kept.collect::<Vec<_>>(), terms);
    }
}

#[test]
fn without_texts_no_text_is_inside_and_the_rest_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.semascope");
    project::save(&path, &full(), &SaveOptions { with_texts: false }, &Ctx::quiet()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!has("Zweiter") && !has("confidential"));
    let opened = open(&path).unwrap();
    assert_eq!(opened.missing, ["The texts were left out when this project was saved."]);
    let corpus = &opened.project.corpus;
    assert_eq!(corpus.key, full().corpus.key);
    assert_eq!(texts(&corpus.columns[0].cells), ["", "", ""]);
    assert_eq!(texts(&corpus.columns[3].cells), ["a", "", "a"]);
    assert!(opened.project.layout.is_some() && opened.project.names.is_some());
}

#[test]
fn a_newer_version_opens_read_only_with_a_reason() {
    let (_folder, path) = saved(&full());
    manifest_changed(&path, |manifest| {
        manifest["version"] = json!(7);
        manifest["holograms"] = json!([1, 2]);
    });
    let opened = open(&path).unwrap();
    assert!(opened.read_only.unwrap().contains("newer Semascope (format 7"));
    assert_eq!(told(&opened.project), told(&full()));
    manifest_changed(&path, |manifest| manifest["corpus"] = json!("elsewhere"));
    assert!(open(&path).unwrap_err().to_string().contains("Update the app"));
}

#[test]
fn a_missing_part_and_an_unknown_one_are_listed() {
    let (_folder, path) = saved(&full());
    repacked(&path, |name, content| match &*name {
        "neighbours.safetensors" => vec![],
        "manifest.json" => vec![(name, content), ("goals.safetensors".into(), b"later".to_vec())],
        _ => vec![(name, content)],
    });
    let opened = open(&path).unwrap();
    assert!(opened.project.knn.is_none() && opened.project.layout.is_some());
    let expected = [
        "The neighbours cannot be used: it is not in the file.",
        "The part goals.safetensors is not known to this version.",
    ];
    assert_eq!(opened.missing, expected);
}

#[test]
fn parts_about_other_documents_are_not_believed() {
    let mut project = full();
    project.layout = Some(Arc::new(Layout {
        positions: Arc::new(vec![[0.0, 0.0]; 4]),
        ..project.layout.as_deref().unwrap().clone()
    }));
    project.names = Some(names(&["one", "too many"]));
    let (_folder, path) = saved(&project);
    let opened = open(&path).unwrap();
    assert!(opened.project.layout.is_none() && opened.project.names.is_none());
    assert!(opened.project.clusters.is_some());
    assert_eq!(opened.missing.len(), 2, "{:?}", opened.missing);
}

#[test]
fn damaged_vectors_are_missing_and_damaged_documents_are_an_error() {
    let (_folder, path) = saved(&full());
    let vectors: Vec<u8> = full().matrix.unwrap().raw().to_vec();
    let mut other = vectors.clone();
    other[0] ^= 1;
    with_bytes(&path, &vectors, &other);
    let opened = open(&path).unwrap();
    assert!(opened.project.matrix.is_none());
    assert!(opened.missing[0].starts_with("The vectors cannot be used"), "{:?}", opened.missing);
    with_bytes(&path, b"First", b"Worst");
    let sentence = open(&path).unwrap_err().to_string();
    assert!(sentence.contains("its documents cannot be read"), "{sentence}");
}

#[test]
fn other_files_are_no_projects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, "id,text\n1,a\n").unwrap();
    assert!(open(&path).unwrap_err().to_string().contains("is not a Semascope project"));
    let mut other = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    other.start_file("readme", zip::write::SimpleFileOptions::default()).unwrap();
    other.finish().unwrap();
    assert!(open(&path).unwrap_err().to_string().contains("is not a Semascope project"));
}

#[test]
fn a_cancelled_save_leaves_the_old_file() {
    let (folder, path) = saved(&full());
    let before = std::fs::read(&path).unwrap();
    let ctx = Ctx::quiet();
    ctx.cancel.cancel();
    let failed = project::save(&path, &Project::new(full().corpus), &SaveOptions::default(), &ctx);
    assert!(matches!(failed, Err(FileError::Cancelled(_))));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn no_truncation_panics_or_passes_for_whole() {
    let (_folder, path) = saved(&full());
    let bytes = std::fs::read(&path).unwrap();
    for keep in 0..bytes.len() {
        rewrite(&path, &bytes[..keep]);
        let sentence = open(&path).expect_err("a cut file").to_string();
        assert!(sentence.contains("p.semascope"), "cut at {keep}: {sentence}");
    }
}

#[test]
fn no_flipped_byte_panics_or_changes_a_value_in_silence() {
    let project = full();
    let whole = told(&project);
    let (_folder, path) = saved(&project);
    let bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        rewrite(&path, &flipped);
        match open(&path) {
            Ok(opened) => {
                let same = opened.missing.is_empty() && told(&opened.project) == whole;
                assert!(
                    same || !opened.missing.is_empty(),
                    "byte {at}: a value changed and nothing was said"
                );
            }
            Err(error) => assert!(error.to_string().contains("p.semascope"), "byte {at}: {error}"),
        }
    }
}

/// A project of `n` documents with random content; each part is there or not.
fn projects() -> impl Strategy<Value = Project> {
    (1..6usize).prop_flat_map(|n| {
        let cells = prop::collection::vec("\\PC{0,10}", n);
        let numbers = prop::collection::vec(any::<f64>(), n);
        let positions = prop::collection::vec([any::<f32>(), any::<f32>()], n);
        let labels = prop::collection::vec(prop_oneof![0..2u32, Just(UNCLUSTERED)], n);
        let vectors = prop::collection::vec(-1.0f32..1.0, n * 3);
        let neighbours = prop::collection::vec(0..n as u32, n * 2);
        (cells, numbers, positions, labels, vectors, neighbours, "\\PC{1,8}", any::<[bool; 4]>()).prop_map(
            move |(cells, numbers, positions, labels, vectors, indices, title, there)| {
                let text = Column { name: title.clone(), cells: cells.iter().collect(), typed: Typed::Text };
                let number = Column {
                    name: "n".into(),
                    cells: numbers.iter().map(f64::to_string).collect(),
                    typed: Typed::Number(numbers),
                };
                let mut corpus = Corpus {
                    name: title.clone(),
                    source: None,
                    columns: vec![text, number],
                    text_columns: vec![0],
                    ..full().corpus.as_ref().clone()
                };
                corpus.key = corpus.content_key();
                let count = labels.iter().filter(|&&l| l != UNCLUSTERED).max().map_or(0, |&l| l as usize + 1);
                let (clustered, count) = if count > n { (vec![0; n], 1) } else { (labels, count) };
                let similarities = vec![0.5; indices.len()];
                let knn = Knn { k: 2, indices, similarities, ..full().knn.unwrap().as_ref().clone() };
                let layout =
                    Layout { positions: Arc::new(positions), ..full().layout.unwrap().as_ref().clone() };
                let exemplar = ClusterName { title: title.clone(), keywords: vec![], exemplars: vec![0] };
                let names = Names { key: key("names"), clusters: vec![exemplar; count] };
                let mut project = Project::new(Arc::new(corpus));
                project.matrix =
                    there[0].then(|| Arc::new(Matrix::from_vec(key("m"), title.clone(), true, 3, vectors)));
                project.knn = there[1].then(|| Arc::new(knn));
                project.layout = there[2].then(|| Arc::new(layout));
                project.clusters = there[3].then(|| clusters(&clustered, count));
                project.names = there[3].then(|| Arc::new(names));
                project.view = json!({ "title": title });
                project
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_project_comes_back_as_it_was(project in projects()) {
        let (_folder, path) = saved(&project);
        let opened = open(&path).unwrap();
        prop_assert_eq!(&opened.missing, &Vec::<String>::new());
        prop_assert_eq!(told(&opened.project), told(&project));
    }
}
