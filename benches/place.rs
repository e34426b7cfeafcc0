//! Measures and times documents that are placed in a frozen map of arXiv abstracts.
//!
//!     cargo bench --profile dev --bench place -- refit [FROZEN] [NEW]
//!     cargo bench --profile dev --bench place -- held-out CATEGORY [FROZEN] [NEW]
//!     cargo bench --profile dev --bench place -- append FILE
//!
//! `refit` freezes a map of the first FROZEN (9,000) vectors of `data/reference/arxiv_minilm_f16.npy`, places the next
//! NEW (1,000) and compares them with the same points in a map of all. `held-out` freezes a map without CATEGORY (a
//! paper's primary one), places NEW papers of which half are of it, and says how many of those are marked and grouped.
//! `append` adds ten of its own documents to the corpus in FILE.

mod common {
    pub mod cpu;
    pub mod shared;
    pub mod timed;
}

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use common::shared::shared;
use common::timed::timed;
use half::f16;
use rayon::prelude::*;
use semascope::data::{Corpus, Element, Key, Knn, Layout, Matrix, RowMap};
use semascope::io::read::{self, ReadOptions};
use semascope::job::Ctx;
use semascope::math::kd_tree::KdTree;
use semascope::math::quality::measure;
use semascope::math::vector::dot;
use semascope::stage::append::{self, Duplicates};
use semascope::stage::map::{Inputs, Live};
use semascope::stage::place::{self, Placed, Settled};
use semascope::stage::{self, Computers, Params, Tools};

const VECTORS: &str = "data/reference/arxiv_minilm_f16.npy";
const TEXTS: &str = "data/arxiv/arxiv.jsonl.gz";

fn main() -> Result<()> {
    // Cargo adds flags such as --bench.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let number = |at: usize, usual: usize| arguments.get(at).and_then(|a| a.parse().ok()).unwrap_or(usual);
    match arguments.first().map(String::as_str) {
        Some("append") => return append_to(Path::new(arguments.get(1).context("append needs FILE")?)),
        Some("refit" | "held-out") if shared(VECTORS).is_none() => {
            println!("there is no shared/{VECTORS}: nothing to measure");
            return Ok(());
        }
        _ => {}
    }
    match arguments.first().map(String::as_str) {
        Some("held-out") => {
            let category = arguments.get(1).context("held-out needs CATEGORY")?;
            held_out(category, number(2, 9_000), number(3, 700))
        }
        Some("refit") => refit(number(1, 9_000), number(2, 1_000)),
        _ => bail!("say refit, held-out or append"),
    }
}

/// The vectors of the papers `rows`, in that order.
fn vectors(rows: &[usize]) -> Result<Matrix> {
    let path = shared(VECTORS).context("no data")?;
    let file = npyz::NpyFile::new(std::io::BufReader::new(std::fs::File::open(path)?))?;
    let dim = file.shape()[1] as usize;
    let halves: Vec<f16> = file.into_vec()?;
    let picked = rows.iter().flat_map(|&row| &halves[row * dim..(row + 1) * dim]);
    let bytes: Vec<u8> = picked.flat_map(|half| half.to_le_bytes()).collect();
    let key = Key::of("bench", 1).params(&rows).finish();
    Matrix::from_bytes(key, "bench", true, (rows.len(), dim), Element::F16, Arc::new(bytes), 0)
        .context("too few vectors")
}

fn map_of(matrix: &Matrix) -> Result<(Knn, Layout)> {
    let (params, ctx) = (Params::default(), Ctx::quiet());
    let computers = Computers::cpu();
    let tools = Tools { cache: None, on: &computers };
    let knn = stage::neighbours::run(matrix, &params.neighbours, tools, &ctx)?;
    let inputs = Inputs { matrix, knn: &knn, search: Some(&params.neighbours) };
    let layout = stage::map::run(&inputs, &params.map, None, &Live::default(), tools, &ctx)?;
    Ok((knn, layout))
}

/// Freezes a map of the first `frozen` rows of `matrix` and places the others.
fn placed(matrix: &Matrix, rows: &[usize], frozen: usize) -> Result<Placed> {
    let before = vectors(&rows[..frozen])?;
    let (knn, layout) = timed("neighbours and map of the frozen", || map_of(&before))?;
    let params = Params::default();
    let clusters =
        stage::clusters::run(&before, &knn, Some(&layout), &params, &Computers::cpu(), &Ctx::quiet())?;
    let settled = Settled { knn: &knn, layout: &layout, clusters: Some(&clusters) };
    let map = RowMap::appended(frozen, rows.len() - frozen);
    timed("placing", || {
        Ok(place::run(matrix, &map, &[], settled, &params, &Computers::cpu(), &Ctx::quiet())?)
    })
}

fn refit(frozen: usize, new: usize) -> Result<()> {
    let rows: Vec<usize> = (0..frozen + new).collect();
    let matrix = vectors(&rows)?;
    let placed = placed(&matrix, &rows, frozen)?;
    let (knn, refit) = timed("neighbours and map of all", || map_of(&matrix))?;
    let same = placed.knn.indices.iter().zip(&knn.indices).filter(|(a, b)| a == b).count();
    println!(
        "{:.4} of the extended neighbours are those of a search over all",
        same as f64 / knn.indices.len() as f64
    );
    for (what, layout) in [("placed", &placed.layout), ("full map", &refit)] {
        let quality = measure(&matrix, &knn, &layout.positions, 1, &Ctx::quiet())?;
        let kept = quality.kept[frozen..].iter().sum::<f32>() / new as f32;
        let trust = trustworthiness(&matrix, &layout.positions, frozen, knn.k);
        println!(
            "{what:9} of the newcomers: kNN kept {kept:.4}  trustworthiness {trust:.4}; of all: {:.4}  {:.4}",
            quality.knn_kept, quality.trustworthiness
        );
    }
    let clusters = placed.clusters.as_ref().context("no clusters")?;
    let unclustered = clusters.labels[frozen..].iter().filter(|label| **label == u32::MAX).count();
    println!("{} of {new} fit badly, {unclustered} have no cluster", placed.poor().len());
    Ok(())
}

/// Trustworthiness of the points from `first` on (Venna & Kaski 2001), with ranks among all.
fn trustworthiness(matrix: &Matrix, positions: &[[f32; 2]], first: usize, k: usize) -> f64 {
    let n = matrix.rows();
    let all = matrix.block(0..n);
    let row = |i: usize| &all[i * matrix.dim()..(i + 1) * matrix.dim()];
    let tree = KdTree::new(positions);
    let intruders: u64 = (first..n)
        .into_par_iter()
        .map(|i| {
            let similarities: Vec<f32> =
                (0..n).map(|j| if i == j { f32::MAX } else { dot(row(i), row(j)) }).collect();
            let mut found = Vec::new();
            tree.nearest(positions[i], k, Some(i as u32), &mut found);
            let rank = |j: u32| similarities.iter().filter(|s| **s > similarities[j as usize]).count() as u64;
            found.iter().map(|&(_, j)| rank(j).saturating_sub(k as u64)).sum::<u64>()
        })
        .sum();
    1.0 - intruders as f64 / ((n - first) as f64 * k as f64 * (2 * n - 3 * k - 1) as f64 / 2.0)
}

fn held_out(category: &str, frozen: usize, new: usize) -> Result<()> {
    let ctx = Ctx::quiet();
    let path = shared(TEXTS).context("no data")?;
    let options =
        ReadOptions { text_columns: Some(vec!["title".into(), "abstract".into()]), ..ReadOptions::default() };
    let all = read::read(&path, &options, &ctx)?;
    let primary = &all.column("primary").context("no categories")?.cells;
    let (of_it, others): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|&i| primary.get(i) == category);
    let stranger_count = (new / 2).min(of_it.len());
    // Evenly spread over the years.
    let wanted = frozen + new - stranger_count;
    let mut rows: Vec<usize> = (0..wanted).map(|i| others[i * others.len() / wanted]).collect();
    // Every so many of them is a newcomer.
    let usual = rows.len() - frozen;
    let late: Vec<usize> = (0..usual).map(|i| rows[i * rows.len() / usual]).collect();
    rows.retain(|row| !late.contains(row));
    let frozen = rows.len();
    rows.extend(&late);
    let first_stranger = rows.len();
    rows.extend((0..stranger_count).map(|i| of_it[i * of_it.len() / stranger_count]));
    println!(
        "{frozen} frozen papers, none of {category} ({} in all); {} and {stranger_count} of it are placed",
        of_it.len(),
        late.len()
    );

    let matrix = vectors(&rows)?;
    let placed = placed(&matrix, &rows, frozen)?;
    let corpus = picked(&all, &rows);
    let emerging = timed("emerging groups", || stage::emerging::run(&corpus, &matrix, &placed, None, &ctx))?;
    let is_of_it = |row: u32| row as usize >= first_stranger;
    let scores = |what: &str, found: &[u32]| {
        let right = found.iter().filter(|row| is_of_it(**row)).count();
        println!(
            "{what}: {} found, precision {:.3}, recall {:.3}",
            found.len(),
            right as f64 / found.len().max(1) as f64,
            right as f64 / stranger_count as f64
        );
    };
    scores("fit badly", &placed.poor());
    for share in [0.9, 0.95, 0.97] {
        let above =
            placed.newcomers.iter().zip(&placed.misfits).filter(|(_, m)| **m > share).map(|(&row, _)| row);
        scores(&format!("  (misfit above {share})"), &above.collect::<Vec<_>>());
    }
    let grouped: Vec<u32> = emerging.groups.iter().flat_map(|group| group.members.clone()).collect();
    scores("in emerging groups", &grouped);
    for group in &emerging.groups {
        let words: Vec<&str> =
            group.name.keywords.iter().take(5).map(|keyword| keyword.term.as_str()).collect();
        let right = group.members.iter().filter(|row| is_of_it(**row)).count();
        println!("  {:4} ({right} of it): {}: {}", group.members.len(), group.name.title, words.join(", "));
    }
    Ok(())
}

/// The documents `rows` of `corpus`, in that order.
fn picked(corpus: &Corpus, rows: &[usize]) -> Corpus {
    let mut picked = corpus.clone();
    let ids: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    for column in &mut picked.columns {
        column.cells = rows.iter().map(|&row| column.cells.get(row)).collect();
        if let Some(typed) = semascope::data::Typed::gather(&[(&column.typed, &ids)]) {
            column.typed = typed;
        }
    }
    picked.key = picked.content_key();
    picked
}

fn append_to(path: &Path) -> Result<()> {
    let ctx = Ctx::quiet();
    let corpus = timed("reading", || read::read(path, &ReadOptions::default(), &ctx))?;
    let few = picked(&corpus, &(0..10).map(|i| i * corpus.len() / 10).collect::<Vec<_>>());
    let appended = timed("adding 10 documents", || append::run(&corpus, &few, Duplicates::Add, &ctx))?;
    println!(
        "{} documents in {} columns, {} were there",
        appended.corpus.len(),
        corpus.columns.len(),
        appended.report.duplicates
    );
    timed("key of the corpus alone", || corpus.content_key());
    timed("comparing the two", || stage::diff::run(&corpus, &appended.corpus, None, &ctx))?;
    Ok(())
}
