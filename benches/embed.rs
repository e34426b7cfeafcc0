//! How fast texts are embedded: `cargo bench --bench embed -- [--repeat N] FILE…`, each file one text a line.
//!
//! Prints texts a second by wall clock and by CPU time for every file, best of the repeats. Without a file it takes
//! the texts of the tests. `benches/peers/embed.py` measures sentence-transformers in the same way.

mod common {
    pub mod cpu;
}

use std::borrow::Cow;
use std::time::Instant;

use common::cpu::cpu_seconds;
use semascope::embed::{EmbedParams, Embedder, Texts};
use semascope::job::Ctx;
use semascope::model::{DevicePreference, ModelSource};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/arxiv_texts.txt");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut repeats = 3;
    let mut files = Vec::new();
    // Cargo adds "--bench" of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--repeat" => repeats = arguments.next().ok_or("--repeat wants a number")?.parse()?,
            _ => files.push(argument),
        }
    }
    if files.is_empty() {
        files.push(FIXTURE.to_owned());
    }
    let started = Instant::now();
    let embedder = Embedder::load(&ModelSource::Builtin, DevicePreference::Cpu)?;
    println!("loaded {} in {:.0} ms", embedder.name(), started.elapsed().as_secs_f64() * 1e3);
    for file in &files {
        measure(&embedder, file, repeats)?;
    }
    Ok(())
}

fn measure(embedder: &Embedder, file: &str, repeats: usize) -> Result<(), Box<dyn std::error::Error>> {
    let content = std::fs::read_to_string(file)?;
    let lines: Vec<&str> = content.lines().collect();
    let get = |i: usize| Cow::Borrowed(lines[i]);
    let texts = Texts { count: lines.len(), text: &get, rows: None };
    let (mut wall, mut cpu, mut tokens) = (f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..repeats {
        let (started, before) = (Instant::now(), cpu_seconds());
        let report = embedder.embed(&texts, &EmbedParams::default(), &Ctx::quiet(), &mut |_, _| Ok(()))?;
        wall = started.elapsed().as_secs_f64().min(wall);
        cpu = (cpu_seconds() - before).min(cpu);
        tokens = report.tokens;
    }
    let n = lines.len() as f64;
    println!(
        "{file}: {n} texts, {tokens} tokens, {} threads: {wall:.2} s, {:.0} texts/s; {cpu:.2} CPU-s, {:.0} texts/CPU-s",
        rayon::current_num_threads(),
        n / wall,
        n / cpu
    );
    Ok(())
}
