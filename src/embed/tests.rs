//! What holds for embedders as wholes, with the built-in model and with small random ones.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde::Deserialize;

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

/// Of a thousand, so that the test stays quick.
const NEWS: usize = 300;

#[test]
fn the_builtin_model_agrees_on_news() {
    let folders = ["../shared", "../../shared"].map(|up| package(up).join("data/reference"));
    let Some(folder) = folders.into_iter().find(|folder| folder.is_dir()) else { return };
    let texts: Vec<String> =
        serde_json::from_slice(&std::fs::read(folder.join("agnews1000_texts.json")).unwrap()).unwrap();
    let (vectors, _) = embed_all(&builtin(), &texts[..NEWS], &EmbedParams::default());
    let worst = worst_cosine(&vectors, &read_npy(&folder.join("minilm_agnews1000_f32.npy")));
    assert!(worst > 0.99999, "{worst}");
}

/// A tiny model in its folder, and what sentence-transformers makes of some texts with it.
#[derive(Deserialize)]
struct Expected {
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
}

fn tiny(family: &str) -> ModelSource {
    ModelSource::Folder(package("tests/fixtures/models").join(family))
}

#[test]
fn every_family_gives_the_vectors_of_sentence_transformers() {
    for family in ["bert", "roberta", "distilbert", "mpnet", "nomic_bert", "modernbert"] {
        let file = package("tests/fixtures/models").join(family).join("expected.json");
        let expected: Expected = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let embedder = Embedder::load(&tiny(family), DevicePreference::Cpu).unwrap();
        let (vectors, _) = embed_all(&embedder, &expected.texts, &EmbedParams::default());
        for (text, (ours, theirs)) in expected.texts.iter().zip(vectors.iter().zip(&expected.vectors)) {
            let off = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(ours.len() == theirs.len() && off < 2e-5, "{family}, \"{text}\": off by {off}");
        }
    }
}

#[test]
fn padding_changes_nothing_in_candles_models() {
    let texts: [&[u32]; 3] = [&[2, 30, 31, 32, 9, 10, 3], &[2, 12, 3], &[2, 8, 7, 6, 3]];
    for family in ["bert", "roberta", "nomic_bert", "modernbert"] {
        let recipe = Recipe::read(&tiny(family)).unwrap();
        let weights = Weights::open(&recipe.weights).unwrap();
        let model = candle::Candle::load(&recipe, &weights, Device::Cpu).unwrap();
        let (alone, together) = (model.forward(&texts).unwrap(), model.forward_padded(&texts).unwrap());
        assert!(most_apart(&alone, &together) < 1e-4, "{family}");
    }
}

fn most_apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

/// The hidden states of some texts by our encoder and by candle's.
fn both_encoders(source: &ModelSource, texts: &[&[u32]]) -> (Vec<f32>, Vec<f32>) {
    let recipe = Recipe::read(source).unwrap();
    let weights = Weights::open(&recipe.weights).unwrap();
    let theirs = candle::Candle::load(&recipe, &weights, Device::Cpu).unwrap().forward(texts).unwrap();
    (bert::Bert::load(&recipe, &weights).unwrap().forward(texts), theirs)
}

#[test]
fn our_encoder_equals_candles_on_the_builtin_model() {
    let long: Vec<u32> = (0..200).map(|i| 1000 + 37 * i).collect();
    let source = ModelSource::Folder(package("assets/model"));
    let (ours, theirs) = both_encoders(&source, &[&[101, 2023, 2003, 102], &long, &[101, 102]]);
    let apart = most_apart(&ours, &theirs);
    assert!(apart < 1e-4, "{apart}");
}

#[test]
fn our_encoder_equals_candles_on_a_tiny_roberta() {
    let (ours, theirs) = both_encoders(&tiny("roberta"), &[&[0, 20, 30, 40, 2], &[0, 5, 2]]);
    assert!(most_apart(&ours, &theirs) < 1e-4);
}

/// Writes a BERT with arbitrary weights.
fn write_random_bert(folder: &Path, heads: usize, dim: usize, inner: usize, layers: usize, activation: &str) {
    let hidden = heads * dim;
    let config = serde_json::json!({
        "model_type": "bert", "vocab_size": 50, "hidden_size": hidden, "num_hidden_layers": layers,
        "num_attention_heads": heads, "intermediate_size": inner, "hidden_act": activation,
        "hidden_dropout_prob": 0.0, "max_position_embeddings": 90, "type_vocab_size": 2,
        "initializer_range": 0.02, "layer_norm_eps": 1e-12, "pad_token_id": 0
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let mut shapes: Vec<(String, Vec<usize>)> = [("word", 50), ("position", 90), ("token_type", 2)]
        .map(|(name, rows)| (format!("embeddings.{name}_embeddings.weight"), vec![rows, hidden]))
        .into();
    let mut pair = |name: String, weight: Vec<usize>, bias: usize| {
        shapes.push((format!("{name}.weight"), weight));
        shapes.push((format!("{name}.bias"), vec![bias]));
    };
    pair("embeddings.LayerNorm".into(), vec![hidden], hidden);
    for i in 0..layers {
        let linear = [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", inner, hidden),
            ("output.dense", hidden, inner),
        ];
        for (name, out, into) in linear {
            pair(format!("encoder.layer.{i}.{name}"), vec![out, into], out);
        }
        pair(format!("encoder.layer.{i}.attention.output.LayerNorm"), vec![hidden], hidden);
        pair(format!("encoder.layer.{i}.output.LayerNorm"), vec![hidden], hidden);
    }
    let cpu = candle_core::Device::Cpu;
    let tensors: std::collections::HashMap<_, _> = shapes
        .into_iter()
        .map(|(name, shape)| (name, candle_core::Tensor::randn(0f32, 0.5, shape, &cpu).unwrap()))
        .collect();
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn our_encoder_equals_candles_on_small_configs(
        heads in 1usize..4, dim in 1usize..40, inner in 1usize..90, layers in 1usize..3,
        activation in prop::sample::select(vec!["gelu", "relu"]),
        texts in prop::collection::vec(prop::collection::vec(0u32..50, 1..80), 1..5),
    ) {
        let folder = tempfile::tempdir().unwrap();
        write_random_bert(folder.path(), heads, dim, inner, layers, activation);
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let (ours, theirs) = both_encoders(&ModelSource::Folder(folder.path().into()), &texts);
        prop_assert!(most_apart(&ours, &theirs) < 1e-4);
    }
}

#[test]
fn a_vector_has_the_same_bits_in_any_batch_and_on_any_number_of_threads() {
    let embedder = builtin();
    let texts = fixture_texts();
    let params = EmbedParams { max_tokens: Some(64), long: Long::Chunk };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| embed_all(&embedder, &texts, &params).0)
    };
    let together = on(1);
    assert_eq!(together, on(3));
    for i in [0, 11, 45] {
        assert_eq!(together[i], embed_all(&embedder, &texts[i..i + 1], &params).0[0]);
    }
}

#[test]
fn equal_texts_are_embedded_once_and_empty_ones_are_zero() {
    let embedder = Embedder::load(&tiny("mpnet"), DevicePreference::Cpu).unwrap();
    let texts = ["a map", "", "the cloud", "a map", " \n", "a map"].map(str::to_owned);
    let (vectors, report) = embed_all(&embedder, &texts, &EmbedParams::default());
    assert_eq!((vectors[3].clone(), vectors[5].clone()), (vectors[0].clone(), vectors[0].clone()));
    assert_ne!(vectors[0], vectors[2]);
    assert!(vectors[1].iter().chain(&vectors[4]).all(|&x| x == 0.0) && vectors[1].len() == embedder.dim());
    assert_eq!((report.rows, report.duplicates, report.empty), (6, 2, 2));
}

#[test]
fn a_long_text_is_cut_or_read_in_pieces() {
    let embedder = Embedder::load(&tiny("mpnet"), DevicePreference::Cpu).unwrap();
    let long = "map of the cloud ".repeat(300);
    let texts = [long.clone(), "map".to_owned(), long[..17 * 2].to_owned()];
    let with = |long| embed_all(&embedder, &texts, &EmbedParams { max_tokens: Some(10), long });
    let ((cut, report), (whole, pieces)) = (with(Long::Truncate), with(Long::Chunk));
    assert_eq!((report.truncated, report.chunked), (1, 0));
    assert_eq!((pieces.truncated, pieces.chunked), (0, 1));
    assert_eq!(cut[0], cut[2], "eight tokens of the beginning are all that counts");
    assert_eq!(cut[1], whole[1]);
    assert!(cosine(&cut[0], &whole[0]) < 0.9999);
    let length: f32 = whole[0].iter().map(|x| x * x).sum();
    assert!((length - 1.0).abs() < 1e-5, "an average is scaled to length one again");
}

#[test]
fn only_the_rows_asked_for_are_embedded() {
    let embedder = Embedder::load(&tiny("bert"), DevicePreference::Cpu).unwrap();
    let get = |i: usize| Cow::Owned(format!("map {i}"));
    let texts = Texts { count: 10, text: &get, rows: Some(&[7, 2]) };
    let mut seen = Vec::new();
    let ctx = Ctx::quiet();
    let report = embedder.embed(&texts, &EmbedParams::default(), &ctx, &mut |rows, values| {
        assert_eq!(values.len(), rows.len() * embedder.dim());
        seen.extend_from_slice(rows);
        Ok(())
    });
    seen.sort_unstable();
    assert_eq!((seen, report.unwrap().rows), (vec![2, 7], 2));
    assert_eq!(ctx.progress.snapshot().map(|now| (now.done, now.total)), Some((10, 10)));
}

#[test]
fn a_run_stops_when_it_is_cancelled_or_its_vectors_cannot_be_stored() {
    let embedder = Embedder::load(&tiny("bert"), DevicePreference::Cpu).unwrap();
    let get = |i: usize| Cow::Owned(format!("map {i}"));
    let texts = Texts { count: 10, text: &get, rows: None };
    let params = EmbedParams::default();
    let full = embedder.embed(&texts, &params, &Ctx::quiet(), &mut |_, _| Err("the disk is full".into()));
    assert!(matches!(full, Err(EmbedError::Sink(cause)) if cause.to_string() == "the disk is full"));
    let ctx = Ctx::quiet();
    ctx.cancel.cancel();
    let stopped = embedder.embed(&texts, &params, &ctx, &mut |_, _| panic!("nothing should come"));
    assert!(matches!(stopped, Err(EmbedError::Cancelled(_))));
}

#[test]
fn token_counts_include_special_tokens() {
    let embedder = builtin();
    assert_eq!(embedder.count_tokens(&["", "hello world", "unbelievably"]), [2, 4, 7]);
    assert_eq!((embedder.max_tokens(), embedder.dim(), embedder.unit()), (256, 384, true));
}

#[test]
fn keys_follow_content_and_what_matters_of_the_parameters() {
    let copy = tempfile::tempdir().unwrap();
    for file in
        ["config.json", "model.safetensors", "modules.json", "tokenizer.json", "1_Pooling/config.json"]
    {
        std::fs::create_dir_all(copy.path().join("1_Pooling")).unwrap();
        std::fs::copy(package("tests/fixtures/models/mpnet").join(file), copy.path().join(file)).unwrap();
    }
    let load = |source: &ModelSource| Embedder::load(source, DevicePreference::Cpu).unwrap();
    let (original, same) = (load(&tiny("mpnet")), load(&ModelSource::Folder(copy.path().into())));
    assert_eq!(original.key(), same.key());
    let pooling = copy.path().join("1_Pooling/config.json");
    std::fs::write(pooling, r#"{"pooling_mode_cls_token": true}"#).unwrap();
    assert_ne!(original.key(), load(&ModelSource::Folder(copy.path().into())).key());
    let with = |max_tokens| original.key_with(&EmbedParams { max_tokens, long: Long::Truncate });
    assert_eq!(with(None), with(Some(original.max_tokens())));
    assert_ne!(with(None), with(Some(12)));
}

#[test]
fn a_folder_that_is_no_model_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let source = ModelSource::Folder(folder.path().into());
    let refusal = || match Embedder::load(&source, DevicePreference::Cpu) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("this should not load"),
    };
    assert!(refusal().contains("has no config.json"));
    std::fs::write(folder.path().join("config.json"), r#"{"model_type": "llama"}"#).unwrap();
    let message = refusal();
    assert!(message.contains("\"llama\"") && message.contains("xlm-roberta"), "{message}");
    std::fs::write(folder.path().join("config.json"), "{").unwrap();
    assert!(refusal().contains("config.json cannot be read"));
    write_random_bert(folder.path(), 1, 8, 8, 2, "gelu");
    assert!(refusal().contains("has no tokenizer.json"));
    std::fs::write(folder.path().join("model.safetensors"), [7; 100]).unwrap();
    assert!(refusal().contains("model.safetensors cannot be read"));
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert!(refusal().contains("has no weights"));
}

#[test]
fn a_tokenizer_with_more_words_than_the_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_random_bert(folder.path(), 1, 8, 8, 1, "gelu");
    std::fs::copy(package("tests/fixtures/models/bert/tokenizer.json"), folder.path().join("tokenizer.json"))
        .unwrap();
    let loaded = Embedder::load(&ModelSource::Folder(folder.path().into()), DevicePreference::Cpu);
    assert!(loaded.is_err_and(|e| e.to_string().contains("knows 50 tokens only")));
}
