//! `run FILE --out DIR`: the whole flow.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use serde_json::{Value, json};

use crate::data::{Clusters, Corpus, Knn, Layout, MapQuality, Matrix, Names};
use crate::embed::Embedder;
use crate::io::cache::Cache;
use crate::io::project::{self, Project, SaveOptions};
use crate::io::read::ReadOptions;
use crate::io::{atomic, clusters_csv};
use crate::job::Ctx;
use crate::stage::map::{Inputs, Live};
use crate::stage::open::{self, Opening};
use crate::stage::{self, Params, Tools};

use super::arguments::RunArguments;
use super::reporter::Reporter;
use super::{files, picture, steps};

/// Reads the corpus in `path`, with the named columns as its text.
pub fn read_corpus(path: &Path, text: &[String], ctx: &Ctx) -> anyhow::Result<Corpus> {
    let options =
        ReadOptions { text_columns: (!text.is_empty()).then(|| text.to_vec()), ..ReadOptions::default() };
    let corpus = open::corpus(path, &options, ctx)?;
    if corpus.report.skipped > 0 {
        let first = corpus.report.skipped_rows.first();
        let first = first.map(|row| format!("; the first in line {}: {}", row.line, row.cause));
        ctx.warn(format!(
            "{} rows of {} were skipped{}",
            corpus.report.skipped,
            path.display(),
            first.unwrap_or_default()
        ));
    }
    corpus.report.remarks.iter().for_each(|remark| ctx.warn(remark.clone()));
    Ok(corpus)
}

/// Names of results.
const CLUSTERS: &str = "clusters.csv";
const PROJECT: &str = "project.semascope";

/// Everything the flow gives.
struct Results {
    corpus: Arc<Corpus>,
    matrix: Arc<Matrix>,
    knn: Arc<Knn>,
    layout: Arc<Layout>,
    quality: MapQuality,
    clusters: Arc<Clusters>,
    names: Arc<Names>,
    topics: Vec<(Arc<Clusters>, Arc<Names>)>,
}

/// Seconds a step took, in the order of the flow.
type Timings = Vec<(&'static str, f64)>;

fn timed<T>(timings: &mut Timings, name: &'static str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let value = work();
    timings.push((name, started.elapsed().as_secs_f64()));
    value
}

/// `run FILE --out DIR`
pub fn run(arguments: &RunArguments) -> anyhow::Result<()> {
    let mut params = Params::default();
    arguments.common.set(&mut params);
    arguments.embedding.set(&mut params);
    arguments.grouping.set(&mut params);
    arguments.mapping.set(&mut params);
    let mut reporter = Reporter::start(&arguments.common)?;
    let ctx = reporter.ctx.clone();
    files::folder(&arguments.out)?;
    atomic::check_writable(&arguments.out.join(CLUSTERS))?;

    let mut timings = Vec::new();
    let results = compute(arguments, &params, &mut timings, &ctx)?;
    timed(&mut timings, "write", || write(arguments, &params, &results, &ctx))?;
    let warnings = reporter.stop();
    let report = report(arguments, &params, &results, &timings, &warnings);
    files::json(&arguments.out.join("report.json"), &report)?;
    reporter.finish(&report);
    Ok(())
}

fn compute(
    arguments: &RunArguments,
    params: &Params,
    timings: &mut Timings,
    ctx: &Ctx,
) -> anyhow::Result<Results> {
    let (cache, on) = (Cache::open(None)?, arguments.common.computers());
    cache.remark().into_iter().for_each(|remark| ctx.warn(remark));
    let tools = Tools { cache: Some(&cache), on: &on };
    let (corpus, matrix, embedder) = vectors(arguments, params, &cache, timings, ctx)?;
    let matrix = if params.half {
        timed(timings, "halve", || stage::embed::halve(matrix, params.neighbours.k, &cache, ctx))?
    } else {
        matrix
    };
    let knn =
        timed(timings, "neighbours", || stage::neighbours::run(&matrix, &params.neighbours, tools, ctx))?;
    let layout = timed(timings, "map", || {
        let inputs = Inputs { matrix: &matrix, knn: &knn, search: Some(&params.neighbours) };
        stage::map::run(&inputs, &params.map, None, &Live::default(), tools, ctx)
    })?;
    let quality = timed(timings, "quality", || stage::quality::run(&matrix, &knn, &layout, &on, ctx))?;
    let clusters =
        timed(timings, "clusters", || stage::clusters::run(&matrix, &knn, Some(&layout), params, &on, ctx))?;
    let embedder = embedder.as_deref();
    let names = timed(timings, "names", || stage::names::run(&corpus, &matrix, &clusters, embedder, ctx))?;
    let topics = timed(timings, "topics", || {
        stage::topics::run(&corpus, &matrix, &layout, &params.map.topics, embedder, &on, ctx)
    })?;
    Ok(Results {
        corpus: Arc::new(corpus),
        matrix: Arc::new(matrix),
        knn: Arc::new(knn),
        layout: Arc::new(layout),
        quality,
        clusters: Arc::new(clusters),
        names: Arc::new(names),
        topics,
    })
}

type Space = (Corpus, Matrix, Option<Arc<Embedder>>);

fn vectors(
    arguments: &RunArguments,
    params: &Params,
    cache: &Cache,
    timings: &mut Timings,
    ctx: &Ctx,
) -> anyhow::Result<Space> {
    let mut paths = vec![arguments.file.clone()];
    paths.extend(arguments.vectors.clone());
    let text = &arguments.embedding.text;
    Ok(match open::recognise(&paths)? {
        Opening::Corpus(path) => {
            let corpus = timed(timings, "read", || read_corpus(&path, text, ctx))?;
            let preference = arguments.common.device.preference();
            let embedder = stage::embed::embedder(params, None, preference, ctx)?;
            let embedded =
                timed(timings, "embed", || stage::embed::run(&corpus, &embedder, &params.embed, cache, ctx))?;
            (corpus, embedded.matrix, Some(embedder))
        }
        Opening::WithVectors { corpus, vectors } => {
            let corpus = timed(timings, "read", || read_corpus(&corpus, text, ctx))?;
            let matrix = open::vectors(&vectors, &corpus, arguments.join.as_deref())?;
            (corpus, matrix, None)
        }
        Opening::VectorsAlone(path) => {
            let matrix = files::vectors(&path)?;
            (open::numbered(&path, matrix.rows()), matrix, None)
        }
        Opening::WordVectors(path) => {
            let (corpus, matrix) = timed(timings, "read", || open::words(&path, ctx))?;
            (corpus, matrix, None)
        }
        Opening::Project(path) => bail!(
            "{} is a finished project; run takes a corpus. Open it in the window: semascope {}",
            path.display(),
            path.display()
        ),
    })
}

fn write(arguments: &RunArguments, params: &Params, results: &Results, ctx: &Ctx) -> anyhow::Result<()> {
    let out = &arguments.out;
    ctx.progress.begin("Writing", "files", 3, 0);
    clusters_csv::write(
        &out.join(CLUSTERS),
        &results.corpus,
        Some(&results.layout),
        Some(&results.clusters),
        Some(&results.names),
        clusters_csv::Options { raw: arguments.raw, ..Default::default() },
        ctx,
    )?;
    ctx.progress.begin("Drawing the map", "points", results.corpus.len() as u64, 0);
    let png = picture::map_png(&results.layout, &results.clusters, &results.topics)?;
    atomic::replace_with(&out.join("map.png"), &png)?;
    let project = Project {
        matrix: Some(results.matrix.clone()),
        knn: Some(results.knn.clone()),
        layout: Some(results.layout.clone()),
        quality: Some(results.quality.clone()),
        clusters: Some(results.clusters.clone()),
        names: Some(results.names.clone()),
        topics: results.topics.clone(),
        params: serde_json::to_value(params.portable())?,
        ..Project::new(results.corpus.clone())
    };
    let options = SaveOptions { with_texts: !arguments.no_texts };
    project::save(&out.join(PROJECT), &project, &options, ctx)?;
    Ok(())
}

fn report(
    arguments: &RunArguments,
    params: &Params,
    results: &Results,
    timings: &Timings,
    warnings: &[String],
) -> Value {
    let corpus = &results.corpus;
    let sizes = results.clusters.sizes();
    let clusters: Vec<Value> = results
        .names
        .clusters
        .iter()
        .zip(&sizes)
        .enumerate()
        .map(|(label, (name, size))| {
            json!({
                "cluster": label, "title": name.title, "documents": size, "keywords": name.keywords,
                "exemplars": name.exemplars,
            })
        })
        .collect();
    let text: Vec<&str> = corpus.text_columns.iter().map(|&c| corpus.columns[c].name.as_str()).collect();
    json!({
        "semascope": env!("CARGO_PKG_VERSION"),
        "input": {
            "file": arguments.file.file_name().map(|name| name.to_string_lossy()),
            "documents": corpus.len(), "text_columns": text, "reading": corpus.report,
        },
        "vectors": {
            "made_by": results.matrix.made_by, "dimensions": results.matrix.dim(), "unit": results.matrix.unit,
            "precision": steps::precision(&results.matrix),
        },
        "neighbours": {
            "k": results.knn.k, "method": results.knn.method, "recall": results.knn.recall,
        },
        "map": {
            "method": results.layout.method, "epochs": results.layout.epochs.0, "quality": results.quality,
        },
        "clusters": {
            "method": results.clusters.method, "count": results.clusters.count,
            "unclustered": results.clusters.unclustered(), "left_out": results.clusters.left_out(), "list": clusters,
        },
        "parameters": params,
        "seconds": timings.iter().map(|(name, s)| (name.to_string(), json!(s))).collect::<serde_json::Map<_, _>>(),
        "warnings": warnings,
    })
}
