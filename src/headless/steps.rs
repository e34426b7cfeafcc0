//! The commands of single steps.

use anyhow::Context;
use serde_json::json;

use crate::data::{Element, Layout, Matrix};
use crate::gpu;
use crate::io::cache::Cache;
use crate::io::{atomic, clusters_csv, npy};
use crate::model;
use crate::stage::compute::Calibration;
use crate::stage::map::{Inputs, Live};
use crate::stage::{self, Params, Tools};

use super::arguments::{ClusterArguments, DevicesArguments, EmbedArguments, KnnArguments, ProjectArguments};
use super::files;
use super::reporter::Reporter;
use super::run::read_corpus;

/// `embed FILE --out V.npy`
pub fn embed(arguments: &EmbedArguments) -> anyhow::Result<()> {
    let mut params = Params::default();
    arguments.embedding.set(&mut params);
    let reporter = Reporter::start(&arguments.common)?;
    let ctx = &reporter.ctx;
    atomic::check_writable(&arguments.out)?;
    let cache = Cache::open(None)?;
    cache.remark().into_iter().for_each(|remark| ctx.warn(remark));
    let corpus = read_corpus(&arguments.file, &arguments.embedding.text, ctx)?;
    let embedder = stage::embed::embedder(&params, None, arguments.common.device.preference(), ctx)?;
    let done = stage::embed::run(&corpus, &embedder, &params.embed, &cache, ctx)?;
    let matrix = if params.half {
        stage::embed::halve(done.matrix, params.neighbours.k, &cache, ctx)?
    } else {
        done.matrix
    };
    npy::write_matrix(&arguments.out, &matrix)?;
    reporter.finish(&json!({
        "documents": matrix.rows(), "dimensions": matrix.dim(), "model": embedder.name(),
        "cached": done.cached, "truncated": done.truncated, "seconds": done.seconds,
        "precision": precision(&matrix),
    }));
    Ok(())
}

/// How vectors are kept: "full" or "half", and how many of their neighbours halves keep.
pub fn precision(matrix: &Matrix) -> serde_json::Value {
    match matrix.element() {
        Element::F32 => json!({"kind": "full"}),
        Element::F16 => json!({"kind": "half", "neighbours_kept": matrix.kept}),
    }
}

/// `knn V.npy --k 15 --out DIR`
pub fn knn(arguments: &KnnArguments) -> anyhow::Result<()> {
    let mut params = Params::default();
    arguments.common.set(&mut params);
    params.neighbours.k = arguments.k;
    let reporter = Reporter::start(&arguments.common)?;
    let matrix = files::vectors(&arguments.vectors)?;
    files::folder(&arguments.out)?;
    let knn = stage::neighbours::run(
        &matrix,
        &params.neighbours,
        Tools { cache: None, on: &arguments.common.computers() },
        &reporter.ctx,
    )?;
    files::write_knn(&arguments.out, &knn)?;
    let report = json!({
        "points": knn.len(), "k": knn.k, "method": knn.method, "recall": knn.recall,
        "parameters": params.neighbours,
    });
    files::json(&arguments.out.join("report.json"), &report)?;
    reporter.finish(&report);
    Ok(())
}

/// `project V.npy --out L.npy`
pub fn project(arguments: &ProjectArguments) -> anyhow::Result<()> {
    let mut params = Params::default();
    arguments.common.set(&mut params);
    params.map.method = arguments.method.method();
    if let Some(perplexity) = arguments.perplexity {
        params.map.tsne.perplexity = perplexity;
    }
    let reporter = Reporter::start(&arguments.common)?;
    atomic::check_writable(&arguments.out)?;
    let matrix = files::vectors(&arguments.vectors)?;
    let (ctx, on) = (&reporter.ctx, arguments.common.computers());
    let knn = match &arguments.knn {
        Some(folder) => files::read_knn(folder, &matrix)?,
        None => stage::neighbours::run(&matrix, &params.neighbours, Tools { cache: None, on: &on }, ctx)?,
    };
    let cache = Cache::open(None)?;
    // Given neighbours are all there are.
    let search = arguments.knn.is_none().then_some(&params.neighbours);
    let inputs = Inputs { matrix: &matrix, knn: &knn, search };
    let tools = Tools { cache: Some(&cache), on: &on };
    let layout = stage::map::run(&inputs, &params.map, None, &Live::default(), tools, ctx)?;
    let quality = stage::quality::run(&matrix, &knn, &layout, &on, ctx)?;
    write_layout(arguments, &layout)?;
    let report = json!({
        "points": matrix.rows(), "method": layout.method, "epochs": layout.epochs.0, "quality": quality,
        "neighbours": {"k": knn.k, "method": knn.method, "recall": knn.recall}, "parameters": params.map,
    });
    files::json(&arguments.out.with_extension("json"), &report)?;
    reporter.finish(&report);
    Ok(())
}

fn write_layout(arguments: &ProjectArguments, layout: &Layout) -> anyhow::Result<()> {
    let flat: &[f32] = bytemuck::cast_slice(&layout.positions);
    npy::write_f32(&arguments.out, layout.positions.len(), 2, flat)
        .with_context(|| format!("the map could not be written to {}", arguments.out.display()))
}

/// `cluster V.npy --out C.csv`
pub fn cluster(arguments: &ClusterArguments) -> anyhow::Result<()> {
    let mut params = Params::default();
    arguments.common.set(&mut params);
    arguments.grouping.set(&mut params);
    let reporter = Reporter::start(&arguments.common)?;
    atomic::check_writable(&arguments.out)?;
    let matrix = files::vectors(&arguments.vectors)?;
    let (ctx, on) = (&reporter.ctx, arguments.common.computers());
    let tools = || Tools { cache: None, on: &on };
    let knn = stage::neighbours::run(&matrix, &params.neighbours, tools(), ctx)?;
    let layout = if params.clusters.need_map() {
        let inputs = Inputs { matrix: &matrix, knn: &knn, search: Some(&params.neighbours) };
        Some(stage::map::run(&inputs, &params.map, None, &Live::default(), tools(), ctx)?)
    } else {
        None
    };
    let clusters = stage::clusters::run(&matrix, &knn, layout.as_ref(), &params, &on, ctx)?;
    clusters_csv::write_labels(&arguments.out, &clusters)?;
    reporter.finish(&json!({
        "points": matrix.rows(), "clusters": clusters.count, "unclustered": clusters.unclustered(),
        "left_out": clusters.left_out(),
        "method": clusters.method, "parameters": params.clusters,
    }));
    Ok(())
}

/// `devices`
pub fn devices(arguments: &DevicesArguments) -> anyhow::Result<()> {
    let models: Vec<String> = model::devices().into_iter().map(|device| device.name).collect();
    let adapters = gpu::adapters();
    let calibrations: Vec<Option<Calibration>> = adapters.iter().map(Calibration::kept).collect();
    if arguments.json {
        println!("{}", json!({"models": models, "adapters": adapters, "calibrations": calibrations}));
        return Ok(());
    }
    println!("Models run on:");
    for model in &models {
        println!("  {model}");
    }
    println!("The map is drawn on:");
    for (adapter, calibration) in adapters.iter().zip(&calibrations) {
        println!("  {} ({}, {}; {})", adapter.name, adapter.kind, adapter.backend, adapter.driver);
        match calibration {
            Some(known) => println!("    {}", stage::neighbours::in_words(known)),
            None if adapter.kind == gpu::SOFTWARE => {
                println!("    not compared with the processor: it is one")
            }
            None => println!("    not compared with the processor yet: work that it may do begins with that"),
        }
    }
    if adapters.is_empty() {
        println!(
            "  nothing: no graphics adapter was found. Pictures of the map are drawn on the CPU (`run`)."
        );
    }
    Ok(())
}
