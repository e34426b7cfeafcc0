//! `goal FILE --goal … --out DIR`: clusters under a goal, with explanations.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::data::{Clusters, Corpus, GoalView, Goals, Layout, Names};
use crate::io::cache::Cache;
use crate::io::explanations_json::Passages;
use crate::io::{atomic, clusters_csv, explanations_json, line_list};
use crate::job::Ctx;
use crate::stage::goal::{self, GoalParams, Inputs};
use crate::stage::{self, Params, Tools, map};

use super::arguments::GoalArguments;
use super::files;
use super::reporter::Reporter;
use super::run::read_corpus;

/// Names of results.
const CLUSTERS: &str = "clusters.csv";

/// `goal FILE --goal … --out DIR`
pub fn run(arguments: &GoalArguments) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut params = Params::default();
    arguments.common.set(&mut params);
    arguments.embedding.set(&mut params);
    let mut reporter = Reporter::start(&arguments.common)?;
    let ctx = reporter.ctx.clone();
    files::folder(&arguments.out)?;
    atomic::check_writable(&arguments.out.join(CLUSTERS))?;
    let wanted = wanted(arguments)?;

    let (cache, on) = (Cache::open(None)?, arguments.common.computers());
    cache.remark().into_iter().for_each(|remark| ctx.warn(remark));
    let tools = Tools { cache: Some(&cache), on: &on };
    let corpus = read_corpus(&arguments.file, &arguments.embedding.text, &ctx)?;
    let embedder = stage::embed::embedder(&params, None, arguments.common.device.preference(), &ctx)?;
    let matrix = stage::embed::run(&corpus, &embedder, &params.embed, &cache, &ctx)?.matrix;
    let knn = stage::neighbours::run(&matrix, &params.neighbours, tools, &ctx)?;
    let inputs = Inputs { corpus: &corpus, matrix: &matrix, knn: Some(&knn), embedder: &embedder };
    let mut rounds = std::sync::Mutex::new(Vec::new());
    let told = |round: goal::Round| {
        let round = json!({
            "round": round.round, "candidates": round.candidates, "chosen": round.chosen,
            "covered": round.covered, "cost": round.cost,
        });
        rounds.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(round);
    };
    let watch = goal::Watch { told: &told, ..goal::Watch::NONE };
    let explained = goal::run(&inputs, &wanted, tools, watch, &ctx)?;
    let goals = &*explained.goals;
    let rounds = std::mem::take(rounds.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner));

    let map_inputs = map::Inputs { matrix: &matrix, knn: &knn, search: Some(&params.neighbours) };
    let layout = map::run(&map_inputs, &params.map, None, &map::Live::default(), tools, &ctx)?;
    let clusters = stage::clusters::run(&matrix, &knn, Some(&layout), &params, &on, &ctx)?;
    let names = stage::names::run(&corpus, &matrix, &clusters, Some(&embedder), &ctx)?;
    write(arguments, &corpus, (&layout, &clusters, &names), goals, &ctx)?;
    let passages = goal::shown_passages(&explained, &corpus, &embedder, &ctx)?;
    let warnings = reporter.stop();
    let seconds = started.elapsed().as_secs_f64();
    let report = report(&corpus, (goals, &passages), &wanted, rounds, embedder.name(), &warnings, seconds);
    files::json(&arguments.out.join(explanations_json::NAME), &report)?;
    reporter.finish(&report);
    Ok(())
}

/// What is asked for.
fn wanted(arguments: &GoalArguments) -> anyhow::Result<GoalParams> {
    let view = arguments.view.as_deref().map(|view| match view {
        "meaning" => GoalView::Meaning,
        "language" => GoalView::Language,
        "style" => GoalView::Style,
        column => GoalView::Column(column.to_owned()),
    });
    Ok(GoalParams {
        goal: arguments.goal.clone(),
        k: arguments.k,
        lambda: arguments.overlap,
        mu: arguments.missed,
        predicates: arguments.predicates.as_deref().map_or(Ok(Vec::new()), predicates)?,
        view,
        nuisance: arguments.nuisance.clone(),
        seed: arguments.common.seed,
        ..GoalParams::default()
    })
}

/// The predicates in a file.
fn predicates(path: &Path) -> anyhow::Result<Vec<String>> {
    let predicates = line_list::read(path)?;
    anyhow::ensure!(!predicates.is_empty(), "{} holds no predicate: write one a line", path.display());
    Ok(predicates)
}

fn write(
    arguments: &GoalArguments,
    corpus: &Corpus,
    (layout, clusters, names): (&Layout, &Clusters, &Names),
    goals: &Goals,
    ctx: &Ctx,
) -> anyhow::Result<()> {
    let options = clusters_csv::Options { raw: arguments.raw, goals: Some(goals), ..Default::default() };
    let path = arguments.out.join(CLUSTERS);
    Ok(clusters_csv::write(&path, corpus, Some(layout), Some(clusters), Some(names), options, ctx)?)
}

/// What a goal gave, with what only the command line knows.
fn report(
    corpus: &Corpus,
    (goals, passages): (&Goals, &Passages),
    params: &GoalParams,
    rounds: Vec<Value>,
    model: &str,
    warnings: &[String],
    seconds: f64,
) -> Value {
    let mut report = explanations_json::report(corpus, goals, passages);
    report["rounds"] = rounds.into();
    report["model"] = model.into();
    report["parameters"] = json!(params);
    report["warnings"] = json!(warnings);
    report["seconds"] = seconds.into();
    report
}
