//! A project that looks like one and is the same on every machine: nothing in it was computed by anything that rounds
//! differently elsewhere.

use std::path::Path;
use std::sync::Arc;

use semascope::data::{
    ClusterName, Clusters, Column, Corpus, DATE_EMPTY, Element, Key, Keyword, Knn, Layout, MapQuality,
    Matrix, Names, ReadReport, Recall, Typed, UNCLUSTERED,
};
use semascope::io::project::{self, Project, SaveOptions};
use semascope::job::Ctx;
use semascope::ui::format;
use serde_json::json;

/// Documents, and the neighbours of each.
pub const ALL: usize = 300;
const K: usize = 10;
/// The golden angle: discs of even points.
const TURN: f32 = 2.399_963;
const DAY: i64 = 86_400;
/// The first of January 2021.
const FIRST_DAY: i64 = 1_609_459_200;

/// A subject: its title, where it lies on the map, its share of the documents in parts of 20, words, and sentences.
struct Subject {
    title: &'static str,
    at: [f32; 2],
    share: usize,
    words: [&'static str; 5],
    things: [&'static str; 4],
}

const SUBJECTS: [Subject; 6] = [
    Subject {
        title: "Galaxies and their dark matter",
        at: [-3.4, 1.8],
        share: 5,
        words: ["galaxies", "haloes", "lensing", "clusters", "survey"],
        things: [
            "haloes of faint galaxies",
            "lensing by clusters",
            "a survey of the southern sky",
            "the mass of spirals",
        ],
    },
    Subject {
        title: "Error correction for quantum computers",
        at: [2.8, 2.6],
        share: 4,
        words: ["qubits", "codes", "decoders", "noise", "thresholds"],
        things: [
            "surface codes",
            "decoders that keep up with the noise",
            "thresholds of colour codes",
            "leaking qubits",
        ],
    },
    Subject {
        title: "Language models that explain themselves",
        at: [0.4, -0.3],
        share: 4,
        words: ["models", "prompts", "reasoning", "tokens", "alignment"],
        things: [
            "reasoning in many steps",
            "prompts and what they hide",
            "alignment by debate",
            "long contexts",
        ],
    },
    Subject {
        title: "Bread and yeast",
        at: [3.9, -1.6],
        share: 3,
        words: ["dough", "yeast", "ovens", "flour", "crust"],
        things: [
            "sourdough at low temperatures",
            "yeast under stress",
            "the crust of rye bread",
            "flour from old grains",
        ],
    },
    Subject {
        title: "Ice sheets",
        at: [-1.2, -2.9],
        share: 2,
        words: ["ice", "glaciers", "melt", "shelves", "sea level"],
        things: [
            "glaciers that slide",
            "melt below ice shelves",
            "cores from the interior",
            "summers without snow",
        ],
    },
    Subject {
        title: "Bird song",
        at: [-4.3, -1.9],
        share: 1,
        words: ["song", "birds", "calls", "learning", "dialects"],
        things: ["dialects of great tits", "how finches learn", "calls at dawn", "songs in cities"],
    },
];

fn key(name: &str) -> Key {
    Key::of(name, 1).finish()
}

/// The subject of each document, `None` for the few that have none.
fn subjects() -> Vec<Option<usize>> {
    let parts: usize = SUBJECTS.iter().map(|subject| subject.share).sum::<usize>() + 1;
    let of_part: Vec<Option<usize>> = SUBJECTS
        .iter()
        .enumerate()
        .flat_map(|(i, subject)| std::iter::repeat_n(Some(i), subject.share))
        .chain([None])
        .collect();
    // Seven has no common factor with the number of parts, so subjects come mixed.
    (0..ALL).map(|i| of_part[i * 7 % parts]).collect()
}

fn text(i: usize, subject: Option<usize>) -> String {
    let Some(subject) = subject.map(|s| &SUBJECTS[s]) else {
        return format!("Note {i}: a letter to the editors on nothing in particular, answered with thanks.");
    };
    let (thing, word, other) = (subject.things[i % 4], subject.words[i % 5], subject.words[(i / 5 + 1) % 5]);
    match i % 3 {
        0 => format!("We study {thing} and find that {word} depend on {other} more than was thought."),
        1 => format!(
            "A new method for {thing}: it needs a tenth of the data and tells how sure it is about {word}."
        ),
        _ => format!(
            "What {word} say about {thing}, with a catalogue of {} cases and all of the code.",
            40 + i
        ),
    }
}

fn corpus(of: &[Option<usize>]) -> Corpus {
    let places = ["Cambridge", "Kyoto", "Leipzig", "Nairobi", "São Paulo"];
    let texts: Vec<String> = of.iter().enumerate().map(|(i, subject)| text(i, *subject)).collect();
    let place = |i: usize| (i * i / 7 + of[i].unwrap_or(0)) % places.len();
    let year =
        |i: usize| 2012.0 + ((i * 5) % 13) as f64 - if i.is_multiple_of(4) { 0.0 } else { (i % 3) as f64 };
    let change = |i: usize| ((i * 37) % 200) as f64 / 10.0 - 8.0;
    let moment =
        |i: usize| if i.is_multiple_of(29) { DATE_EMPTY } else { FIRST_DAY + DAY * ((i * 11) % 1400) as i64 };
    let column = |name: &str, cells: Vec<String>, typed: Typed| Column {
        name: name.into(),
        cells: cells.iter().map(String::as_str).collect(),
        typed,
    };
    let days: Vec<i64> = (0..ALL).map(moment).collect();
    let cell_of_day = |day: &i64| match *day {
        DATE_EMPTY => String::new(),
        day => format::date(day),
    };
    let columns = vec![
        column("abstract", texts, Typed::Text),
        column(
            "place",
            (0..ALL).map(|i| places[place(i)].to_owned()).collect(),
            Typed::Category {
                levels: places.iter().map(|&name| name.to_owned()).collect(),
                codes: (0..ALL).map(|i| place(i) as u32).collect(),
            },
        ),
        column(
            "year",
            (0..ALL).map(|i| year(i).to_string()).collect(),
            Typed::Number((0..ALL).map(year).collect()),
        ),
        column(
            "change",
            (0..ALL).map(|i| format!("{:.1}", change(i))).collect(),
            Typed::Number((0..ALL).map(change).collect()),
        ),
        column("received", days.iter().map(cell_of_day).collect(), Typed::Date(days.clone())),
    ];
    let mut corpus = Corpus {
        key: key("none"),
        name: "abstracts.csv".into(),
        source: None,
        columns,
        text_columns: vec![0],
        report: ReadReport::default(),
    };
    corpus.key = corpus.content_key();
    corpus
}

fn positions(of: &[Option<usize>]) -> Vec<[f32; 2]> {
    let mut seen = [0usize; SUBJECTS.len() + 1];
    of.iter()
        .map(|subject| {
            let number = &mut seen[subject.unwrap_or(SUBJECTS.len())];
            *number += 1;
            let (at, width) = match subject {
                Some(s) => (SUBJECTS[*s].at, 0.16),
                None => ([0.0, 0.4], 1.1),
            };
            let (far, turn) = (width * (*number as f32).sqrt(), TURN * *number as f32);
            [at[0] + 1.3 * far * turn.cos(), at[1] + far * turn.sin()]
        })
        .collect()
}

/// Vectors that agree with the map: one axis a subject, and the place within it.
fn vectors(of: &[Option<usize>], positions: &[[f32; 2]]) -> Vec<Vec<f32>> {
    of.iter()
        .zip(positions)
        .map(|(subject, [x, y])| {
            let mut vector = vec![0.05; SUBJECTS.len() + 2];
            if let Some(s) = subject {
                vector[*s] = 4.0;
            }
            (vector[SUBJECTS.len()], vector[SUBJECTS.len() + 1]) = (0.25 * x, 0.25 * y);
            let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
            vector.iter().map(|v| v / length).collect()
        })
        .collect()
}

fn neighbours(vectors: &[Vec<f32>]) -> Knn {
    let (mut indices, mut similarities) = (Vec::new(), Vec::new());
    for (i, one) in vectors.iter().enumerate() {
        let dot = |other: &Vec<f32>| one.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
        // Rounded, so that no two orders are equally good.
        let mut others: Vec<(i32, usize)> =
            (0..ALL).filter(|&j| j != i).map(|j| (-(dot(&vectors[j]) * 1e4).round() as i32, j)).collect();
        others.sort_unstable();
        indices.extend(others[..K].iter().map(|&(_, j)| j as u32));
        similarities.extend(others[..K].iter().map(|&(s, _)| -s as f32 / 1e4));
    }
    Knn { key: key("knn"), k: K, indices, similarities, recall: Recall::Exact, method: "exact".into() }
}

fn named(count: usize, of: &[Option<usize>]) -> Names {
    let clusters = SUBJECTS[..count].iter().enumerate().map(|(s, subject)| {
        let keywords = subject.words.iter().zip([0.42, 0.31, 0.22, 0.16, 0.1]);
        ClusterName {
            title: subject.title.into(),
            keywords: keywords.map(|(term, score)| Keyword { term: (*term).into(), score }).collect(),
            exemplars: (0..ALL).filter(|&i| of[i] == Some(s)).take(4).map(|i| i as u32).collect(),
        }
    });
    Names { key: key("names"), clusters: clusters.collect() }
}

/// Writes the project to `path`.
pub fn save(path: &Path) {
    let of = subjects();
    let positions = positions(&of);
    let vectors = vectors(&of, &positions);
    let bytes: Vec<u8> = vectors.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    let dim = SUBJECTS.len() + 2;
    let matrix = Matrix::from_bytes(
        key("matrix"),
        "abstracts.npy",
        true,
        (ALL, dim),
        Element::F32,
        Arc::new(bytes),
        0,
    );
    let labels: Vec<u32> = of.iter().map(|subject| subject.map_or(UNCLUSTERED, |s| s as u32)).collect();
    let strengths = labels.iter().map(|&label| if label == UNCLUSTERED { 0.0 } else { 0.75 }).collect();
    let clusters = Arc::new(Clusters {
        key: key("clusters"),
        labels,
        count: SUBJECTS.len(),
        strengths,
        method: "Leiden".into(),
    });
    let names = Arc::new(named(SUBJECTS.len(), &of));
    let project = Project {
        matrix: matrix.map(Arc::new),
        knn: Some(Arc::new(neighbours(&vectors))),
        layout: Some(Arc::new(Layout {
            key: key("layout"),
            positions: Arc::new(positions),
            method: "UMAP".into(),
            epochs: (200, 200),
        })),
        quality: Some(MapQuality {
            trustworthiness: 0.94,
            continuity: 0.91,
            knn_kept: 0.46,
            triplets: 0.78,
            k: K,
            sample: ALL,
            kept: Arc::new((0..ALL).map(|i| (i % 11) as f32 / 10.0).collect()),
        }),
        clusters: Some(clusters.clone()),
        names: Some(names.clone()),
        topics: vec![(clusters, names)],
        view: json!({"given": true}),
        ..Project::new(Arc::new(corpus(&of)))
    };
    project::save(path, &project, &SaveOptions::default(), &Ctx::quiet()).unwrap();
}
