//! `bench`: the ceiling of the graphics adapter, each kernel's share of it, and the twin on the processor beside it.

use std::io::Write;

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::gpu::ceiling::{self, Ceiling};
use crate::gpu::{self, Context};
use crate::job::Ctx;
use crate::stage::trials::{self, Size, Trial};

use super::arguments::BenchArguments;

/// Runs every trial and prints what it finds; fails where a kernel and its twin disagree.
pub fn run(arguments: &BenchArguments) -> anyhow::Result<()> {
    let context = match (Context::open(false), arguments.software) {
        (Ok(context), _) => context,
        (Err(_), true) => Context::open(true).context("there is nothing to time")?,
        (Err(error), false) => {
            bail!("{error}. --software tries the kernels on an adapter in software, slowly")
        }
    };
    let size = if arguments.quick { Size::Quick } else { Size::Full };
    let ctx = Ctx::quiet();
    let ceiling = ceiling::measure(&context, &ctx)?;
    if !arguments.json {
        say(&format!("{} ({}, {})", context.info().name, context.info().backend, context.info().driver))?;
        if context.is_software() {
            say("This is the processor itself: its figures say nothing about graphics adapters.")?;
        }
        say(&format!("ceiling: {:.0} GB/s, {:.2} TFLOP/s", ceiling.bandwidth / 1e9, ceiling.flops / 1e12))?;
    }
    let mut done = Vec::new();
    for (_, run) in trials::ALL {
        let trial = run(&context, size, &ctx)?;
        if !arguments.json {
            say(&line(&trial, &ceiling))?;
        }
        done.push(trial);
    }
    if arguments.json {
        say(&record(&context, &ceiling, &done).to_string())?;
    }
    let wrong: Vec<&str> =
        done.iter().filter(|trial| !trial.agreement.holds()).map(|trial| trial.kernel).collect();
    if !wrong.is_empty() {
        bail!("on this adapter these give something else than on the processor: {}", wrong.join(", "));
    }
    Ok(())
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("the results could not be printed")
}

fn shares(trial: &Trial, ceiling: &Ceiling) -> (f64, f64) {
    (trial.operations / trial.seconds / ceiling.flops, trial.bytes / trial.seconds / ceiling.bandwidth)
}

fn line(trial: &Trial, ceiling: &Ceiling) -> String {
    let (of_flops, of_bandwidth) = shares(trial, ceiling);
    let verdict = if trial.agreement.holds() { "agrees" } else { "DISAGREES" };
    format!(
        "{:<20} {:>9.4} s  {:>5.1} % of FLOP/s  {:>5.1} % of bandwidth  {:>7.2} × the processor  {verdict} ({} {:.5})  {}",
        trial.kernel,
        trial.seconds,
        100.0 * of_flops,
        100.0 * of_bandwidth,
        trial.rates.gpu / trial.rates.cpu,
        trial.agreement.what,
        trial.agreement.found,
        trial.given,
    )
}

fn record(context: &Context, ceiling: &Ceiling, trials: &[Trial]) -> serde_json::Value {
    let kernels: Vec<serde_json::Value> = trials
        .iter()
        .map(|trial| {
            let (of_flops, of_bandwidth) = shares(trial, ceiling);
            json!({
                "kernel": trial.kernel, "given": trial.given, "seconds": trial.seconds,
                "rates": trial.rates, "agreement": trial.agreement, "agrees": trial.agreement.holds(),
                "share_of_flops": of_flops, "share_of_bandwidth": of_bandwidth,
            })
        })
        .collect();
    json!({
        "semascope": env!("CARGO_PKG_VERSION"), "adapter": context.info(), "software": context.is_software(),
        "threads": rayon::current_num_threads(), "adapters": gpu::adapters(),
        "ceiling": ceiling, "kernels": kernels,
    })
}
