//! A small project with everything in it, and ways to change its file, for several test files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::f16;
use semascope::data::{
    Asked, ClusterName, Clusters, Column, Corpus, DATE_EMPTY, Edits, Element, Explanation, GoalDeed,
    GoalParams, GoalView, Goals, HeldOutFigures, Key, Keyword, Knn, Layout, MapQuality, Matrix, Members,
    NO_CODE, Names, Part, ReadReport, Recall, Seed, SkippedRow, Standing, Strings, Typed, UNCLUSTERED,
};
use semascope::io::FileError;
use semascope::io::project::{self, Opened, Project, SaveOptions};
use semascope::job::Ctx;
use serde_json::json;
use tempfile::TempDir;

pub fn key(name: &str) -> Key {
    Key::of(name, 1).finish()
}

fn column(name: &str, cells: &[&str], typed: Typed) -> Column {
    Column { name: name.into(), cells: cells.iter().collect(), typed }
}

pub fn names(titles: &[&str]) -> Arc<Names> {
    let name = |title: &&str| ClusterName {
        title: (*title).into(),
        keywords: vec![Keyword { term: "word".into(), score: 0.1 }],
        exemplars: vec![1],
    };
    Arc::new(Names { key: key("names"), clusters: titles.iter().map(name).collect() })
}

pub fn clusters(labels: &[u32], count: usize) -> Arc<Clusters> {
    let strengths = labels.iter().map(|&label| if label == UNCLUSTERED { 0.0 } else { 0.75 }).collect();
    Arc::new(Clusters {
        key: key("clusters"),
        labels: labels.to_vec(),
        count,
        strengths,
        method: "Leiden".into(),
    })
}

/// Three documents and everything that can be made of them.
pub fn full() -> Project {
    let columns = vec![
        column("title", &["First", "Zweiter – „Titel“", ""], Typed::Text),
        column(
            "secret",
            &["x", "confidential", "x"],
            Typed::Category { levels: vec!["x".into(), "confidential".into()], codes: vec![0, 1, 0] },
        ),
        column("score", &["1.5", "", "-2"], Typed::Number(vec![1.5, f64::NAN, -2.0])),
        column(
            "field",
            &["a", "", "a"],
            Typed::Category { levels: vec!["a".into()], codes: vec![0, NO_CODE, 0] },
        ),
        column(
            "tags",
            &["a;b", "", "b"],
            Typed::List {
                levels: vec!["b".into(), "ä".into()],
                offsets: vec![0, 2, 2, 3],
                codes: vec![1, 0, 0],
            },
        ),
        column(
            "day",
            &["2024-01-01", "", "1969-12-31"],
            Typed::Date(vec![1_704_067_200, DATE_EMPTY, -86_400]),
        ),
    ];
    let mut corpus = Corpus {
        key: key("none"),
        name: "papers.csv".into(),
        source: Some(PathBuf::from("/home/somebody/private/papers.csv")),
        columns,
        text_columns: vec![0, 1],
        report: ReadReport {
            format: "CSV".into(),
            skipped: 1,
            skipped_rows: vec![SkippedRow { line: 7, cause: "the row \"confidential\" is ragged".into() }],
            remarks: vec!["1 NUL was removed.".into()],
        },
    };
    corpus.key = corpus.content_key();
    let halves: Vec<u8> = (0..6).flat_map(|i| f16::from_f32(i as f32 / 8.0).to_le_bytes()).collect();
    let matrix = Matrix::from_bytes(key("m"), "a model", false, (3, 2), Element::F16, Arc::new(halves), 0);
    Project {
        corpus: Arc::new(corpus),
        matrix: matrix.map(Arc::new),
        knn: Some(Arc::new(Knn {
            key: key("knn"),
            k: 2,
            indices: vec![1, 2, 0, 2, 1, 0],
            similarities: vec![0.9, 0.1, 0.9, 0.2, 0.2, 0.1],
            recall: Recall::Estimated { share: 0.97, queries: 3 },
            method: "HNSW".into(),
        })),
        layout: Some(Arc::new(Layout {
            key: key("layout"),
            positions: Arc::new(vec![[0.5, -1.0], [2.0, 3.25], [-0.125, 0.0]]),
            method: "UMAP".into(),
            epochs: (17, 200),
        })),
        quality: Some(MapQuality {
            trustworthiness: 0.9,
            continuity: 0.8,
            knn_kept: 0.3,
            triplets: f32::NAN,
            k: 2,
            sample: 3,
            kept: Arc::new(vec![1.0, 0.5, 0.0]),
        }),
        clusters: Some(clusters(&[0, UNCLUSTERED, 0], 1)),
        names: Some(names(&["Papers"])),
        topics: vec![
            (clusters(&[0, 0, 0], 1), names(&["All"])),
            (clusters(&[0, 1, 0], 2), names(&["A", "B"])),
        ],
        edits: Arc::new(edits()),
        edited_names: Some(names(&["Papers", "More"])),
        goals: vec![Arc::new(goals())],
        selection: Arc::new(vec![0, 2]),
        stale: BTreeSet::from(["layout".to_owned()]),
        params: json!({"cluster": {"resolution": 1.0, "seed": 42}}),
        view: json!({"colour": "field", "camera": [0.25, 1e-3]}),
    }
}

fn edits() -> Edits {
    let gone = Part { title: None, members: Members::new(vec![1]), dissolved: true };
    Edits::default()
        .rename(
            None,
            key("c"),
            Members::of_clusters(&clusters(&[0, UNCLUSTERED, 0], 1), &[0]),
            Some("Mine".into()),
        )
        .regroup(key("c"), &BTreeSet::new(), vec![gone], Standing::Insists)
        .tag("read", &Members::new(vec![2]))
        .ask(asked())
}

fn asked() -> Asked {
    let params = GoalParams {
        goal: "by topic".into(),
        seeds: vec![Seed { documents: vec![0, 2], ..Seed::default() }],
        ..GoalParams::default()
    };
    let deeds = vec![Arc::new(GoalDeed::Judge { document: 2, which: 5, satisfies: true })];
    Asked { id: 3, params: Arc::new(params), deeds }
}

/// What came of it.
pub fn goals() -> Goals {
    let mut goals = Goals {
        key: key("goals"),
        asked: asked().key(),
        goal: "by topic".into(),
        view: GoalView::Meaning,
        why: "The goal asks what the texts mean.".into(),
        nuisances: vec!["the mean of texts in German".into()],
        explanations: vec![Explanation {
            id: 5,
            predicate: "has a topic of papers".into(),
            title: "papers".into(),
            members: vec![0, 2],
            only: 0,
            scores: vec![0.75, 0.25, 1.0],
            exemplars: vec![0],
            near_misses: vec![1],
            held_out: Some(HeldOutFigures { accuracy: 0.5, f1: 0.25 }),
            name_area: None,
            proposed_by: "a part of the texts".into(),
            pinned: true,
        }],
        best: vec![0, UNCLUSTERED, 0],
        selection: None,
        proposed_by: "parts".into(),
        assigned_by: "a model".into(),
    };
    goals.count_only();
    goals
}

pub fn saved(project: &Project) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.semascope");
    project::save(&path, project, &SaveOptions::default(), &Ctx::quiet()).unwrap();
    (folder, path)
}

pub fn open(path: &Path) -> Result<Opened, FileError> {
    project::open(path, &Ctx::quiet())
}

/// Everything of a project in comparable form (Debug writes NaN as any other number).
pub fn told(project: &Project) -> String {
    let corpus = &project.corpus;
    let columns: Vec<_> = corpus.columns.iter().map(|c| (&c.name, texts(&c.cells), &c.typed)).collect();
    let matrix = project.matrix.as_ref();
    format!(
        "{:?}",
        (
            (corpus.key, &corpus.name, columns, &corpus.text_columns, &corpus.report),
            matrix.map(|m| (
                m.key,
                m.made_by.clone(),
                m.unit,
                m.rows(),
                m.dim(),
                m.element(),
                m.raw().to_vec()
            )),
            (&project.knn, &project.layout, &project.quality, &project.clusters, &project.names),
            (&project.topics, &project.params, &project.view),
            (&project.edits, &project.edited_names, &project.goals, &project.selection, &project.stale),
        )
    )
}

pub fn texts(cells: &Strings) -> Vec<String> {
    cells.iter().map(str::to_owned).collect()
}

/// Copies a project entry by entry, each through `change`: (name, content) in, any number of them out.
pub fn repacked(path: &Path, change: impl Fn(String, Vec<u8>) -> Vec<(String, Vec<u8>)>) {
    use std::io::{Read, Write};
    let mut old = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut new = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for i in 0..old.len() {
        let mut entry = old.by_index(i).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        for (name, content) in change(entry.name().unwrap().into_owned(), content) {
            new.start_file(name, stored).unwrap();
            new.write_all(&content).unwrap();
        }
    }
    let bytes = new.finish().unwrap().into_inner();
    std::fs::write(path, bytes).unwrap();
}

pub fn manifest_changed(path: &Path, change: impl Fn(&mut serde_json::Value)) {
    repacked(path, |name, content| {
        if name != "manifest.json" {
            return vec![(name, content)];
        }
        let mut manifest = serde_json::from_slice(&content).unwrap();
        change(&mut manifest);
        vec![(name, serde_json::to_vec(&manifest).unwrap())]
    });
}
