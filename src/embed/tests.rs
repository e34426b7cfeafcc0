//! What holds for embedders as wholes, with the built-in model and with small random ones.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::*;
use crate::job::Ctx;

fn package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn builtin() -> Embedder {
    Embedder::load(&ModelSource::Folder(package("assets/model")), DevicePreference::Cpu).unwrap()
}

/// Vectors of all texts, row by row, and the report.
fn embed_all(embedder: &Embedder, texts: &[String], params: &EmbedParams) -> (Vec<Vec<f32>>, EmbedReport) {
    let mut vectors = vec![Vec::new(); texts.len()];
    let get = |i: usize| Cow::Borrowed(texts[i].as_str());
    let source = Texts { count: texts.len(), text: &get, rows: None };
    let report = embedder
        .embed(&source, params, &Ctx::quiet(), &mut |rows, values| {
            for (row, vector) in rows.iter().zip(values.chunks(embedder.dim())) {
                assert!(vectors[*row].is_empty(), "row {row} came twice");
                vectors[*row] = vector.to_vec();
            }
            Ok(())
        })
        .unwrap();
    (vectors, report)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum() };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn worst_cosine(vectors: &[Vec<f32>], reference: &[f32]) -> f64 {
    let rows = vectors.iter().zip(reference.chunks(vectors[0].len()));
    rows.map(|(a, b)| cosine(a, b)).fold(1.0, f64::min)
}

fn read_npy(path: &Path) -> Vec<f32> {
    npyz::NpyFile::new(&std::fs::read(path).unwrap()[..]).unwrap().into_vec().unwrap()
}

fn fixture_texts() -> Vec<String> {
    let text = std::fs::read_to_string(package("tests/fixtures/arxiv_texts.txt")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_builtin_model_gives_the_vectors_of_sentence_transformers() {
    let texts = fixture_texts();
    let (vectors, report) = embed_all(&builtin(), &texts, &EmbedParams::default());
    let worst = worst_cosine(&vectors, &read_npy(&package("tests/fixtures/arxiv_texts_minilm_f32.npy")));
    assert!(worst > 0.99999, "{worst}");
    assert!(report.truncated > 0, "the fixture should hold a text of more than 256 tokens");
}

#[test]
fn the_builtin_model_agrees_on_a_thousand_news() {
    let folders = ["../shared", "../../shared"].map(|up| package(up).join("data/reference"));
    let Some(folder) = folders.into_iter().find(|folder| folder.is_dir()) else { return };
    let texts: Vec<String> =
        serde_json::from_slice(&std::fs::read(folder.join("agnews1000_texts.json")).unwrap()).unwrap();
    let (vectors, _) = embed_all(&builtin(), &texts, &EmbedParams::default());
    let worst = worst_cosine(&vectors, &read_npy(&folder.join("minilm_agnews1000_f32.npy")));
    assert!(worst > 0.9999, "{worst}");
}
