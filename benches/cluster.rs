//! Times clustering and naming, and says how well the clusters agree with labels that people gave.
//!
//!     cargo bench --profile dev --bench cluster -- leiden KNN_DIR [--labels FILE] [--resolution R] [--seed N]
//!     cargo bench --profile dev --bench cluster -- synthetic POINTS
//!     cargo bench --profile dev --bench cluster -- naming KNN_DIR --texts FILE.json [--show N]
//!     cargo bench --profile dev --bench cluster -- kmeans VECTORS.npy --k N [--labels FILE] [--rounds N] [--restarts N] [--euclidean]
//!     cargo bench --profile dev --bench cluster -- hdbscan MAP.npy [--labels FILE] [--min-cluster-size N]
//!         [--min-samples N] [--eom] [--knn KNN_DIR]
//!
//! `KNN_DIR` is what `semascope knn` writes; `FILE` holds one label a line, in row order, and
//! `FILE.json` an array of texts. The peer is
//! `benches/peers/cluster.py`, with the same arguments.

mod common {
    pub mod cpu;
}

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result, bail};
use common::cpu::cpu_seconds;
use semascope::data::{Key, Knn, Recall, UNCLUSTERED};
use semascope::io::npy;
use semascope::job::Ctx;
use semascope::math::agreement::{adjusted_mutual_information, adjusted_rand};
use semascope::math::class_tfidf::keywords;
use semascope::math::hdbscan::{HdbscanParams, Selection, of_neighbours, of_points};
use semascope::math::kmeans::{KMeansParams, Metric, kmeans};
use semascope::math::leiden::{Communities, LeidenParams, leiden};
use semascope::math::random::Random;
use semascope::math::titles::choose_titles;

fn main() -> Result<()> {
    // `cargo bench` adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let option = |name: &str| arguments.iter().skip_while(|a| *a != name).nth(1).cloned();
    let params = LeidenParams {
        resolution: option("--resolution").map(|r| r.parse()).transpose()?,
        seed: option("--seed").map_or(Ok(0), |s| s.parse())?,
        min_size: None,
    };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["leiden", dir, ..] => {
            let knn = read_knn(Path::new(dir))?;
            let (found, cpu) = timed(|| leiden(&knn, &params, &Ctx::quiet()));
            let found = found?;
            report(dir, &found, cpu);
            if let Some(file) = option("--labels") {
                let truth = read_labels(Path::new(&file))?;
                let ami = adjusted_mutual_information(&truth, &found.labels);
                println!("  AMI {ami:.4}  ARI {:.4}", adjusted_rand(&truth, &found.labels));
            }
        }
        ["synthetic", points, ..] => {
            let (knn, truth) = synthetic(points.parse()?);
            let (found, cpu) = timed(|| leiden(&knn, &params, &Ctx::quiet()));
            let found = found?;
            report("synthetic", &found, cpu);
            println!("  ARI with the planted groups {:.4}", adjusted_rand(&truth, &found.labels));
        }
        ["naming", dir, ..] => {
            let found = leiden(&read_knn(Path::new(dir))?, &params, &Ctx::quiet())?;
            let file = option("--texts").context("naming needs --texts FILE.json")?;
            let texts: Vec<String> = serde_json::from_reader(BufReader::new(File::open(&file)?))?;
            let show = option("--show").map_or(Ok(20), |n| n.parse())?;
            name(dir, &found, &texts, show)?;
        }
        ["kmeans", file, ..] => {
            let matrix = npy::read_matrix(Path::new(file))?;
            let k = option("--k").map_or(Ok(20), |k| k.parse())?;
            let mut params = KMeansParams { k, seed: params.seed, ..KMeansParams::default() };
            if let Some(rounds) = option("--rounds") {
                params.max_rounds = rounds.parse()?;
            }
            if let Some(restarts) = option("--restarts") {
                params.restarts = restarts.parse()?;
            }
            if arguments.iter().any(|argument| argument == "--euclidean") {
                params.metric = Metric::Euclidean;
            }
            let (found, cpu) = timed(|| kmeans(&matrix, &params, &Ctx::quiet()));
            let found = found?;
            println!(
                "{file}: {} clusters, similarity {:.5}, inertia {:.1}; {cpu:.2} CPU-s",
                found.count, found.similarity, found.inertia
            );
            if let Some(file) = option("--labels") {
                let truth = read_labels(Path::new(&file))?;
                let ami = adjusted_mutual_information(&truth, &found.labels);
                println!("  AMI {ami:.4}  ARI {:.4}", adjusted_rand(&truth, &found.labels));
            }
        }
        ["hdbscan", file, ..] => {
            let mut params = HdbscanParams {
                min_cluster_size: option("--min-cluster-size").map(|n| n.parse()).transpose()?,
                min_samples: option("--min-samples").map(|n| n.parse()).transpose()?,
                ..HdbscanParams::default()
            };
            if arguments.iter().any(|argument| argument == "--eom") {
                params.selection = Selection::Eom;
            }
            let (_, two, flat) = npy::read_f32(Path::new(file))?;
            anyhow::ensure!(two == 2, "{file} holds no map");
            let knn = option("--knn").map(|dir| read_knn(Path::new(&dir))).transpose()?;
            let (found, cpu) = timed(|| match &knn {
                Some(knn) => of_neighbours(knn, &params, &Ctx::quiet()),
                None => of_points(flat.as_chunks::<2>().0, &params, &Ctx::quiet()),
            });
            let found = found?;
            let inside: Vec<usize> =
                (0..found.labels.len()).filter(|&i| found.labels[i] != UNCLUSTERED).collect();
            let left_out = 100.0 - 100.0 * inside.len() as f64 / found.labels.len().max(1) as f64;
            println!("{file}: {} clusters, {left_out:.1} % left out; {cpu:.2} CPU-s", found.count);
            if let Some(file) = option("--labels") {
                let truth = read_labels(Path::new(&file))?;
                let of = |labels: &[u32]| inside.iter().map(|&i| labels[i]).collect::<Vec<_>>();
                let (truth, labels) = (of(&truth), of(&found.labels));
                let ami = adjusted_mutual_information(&truth, &labels);
                println!("  of those in clusters: AMI {ami:.4}  ARI {:.4}", adjusted_rand(&truth, &labels));
            }
        }
        _ => bail!(
            "say `leiden KNN_DIR`, `synthetic POINTS`, `naming KNN_DIR`, `kmeans VECTORS.npy` or `hdbscan MAP.npy` (see the head of benches/cluster.rs)"
        ),
    }
    Ok(())
}

fn report(name: &str, found: &Communities, cpu: f64) {
    let mut sizes = vec![0usize; found.count];
    found.labels.iter().filter(|&&l| l != UNCLUSTERED).for_each(|&l| sizes[l as usize] += 1);
    let n = found.labels.len();
    println!(
        "{name}: {n} points, resolution {:.2}: {} clusters of {}..{} points, {} without; quality {:.4}; {cpu:.2} CPU-s",
        found.resolution,
        found.count,
        sizes.last().unwrap_or(&0),
        sizes.first().unwrap_or(&0),
        n - sizes.iter().sum::<usize>(),
        found.quality,
    );
}

/// Names the communities and shows the first `show` of them.
fn name(dir: &str, found: &Communities, texts: &[String], show: usize) -> Result<()> {
    let mut members = vec![Vec::new(); found.count];
    for (i, &label) in found.labels.iter().enumerate().filter(|(_, label)| **label != UNCLUSTERED) {
        members[label as usize].push(i as u32);
    }
    let text = |i: usize| Cow::Borrowed(texts[i].as_str());
    let (keywords, cpu) = timed(|| keywords(&text, &members, 12, &Ctx::quiet()));
    let keywords = keywords?;
    let titles = choose_titles(&keywords, None);
    println!("{dir}: {} texts in {} clusters named; {cpu:.2} CPU-s", texts.len(), titles.len());
    for ((title, keywords), members) in titles.iter().zip(&keywords).zip(&members).take(show) {
        let terms: Vec<&str> = keywords.iter().map(|keyword| keyword.term.as_str()).take(8).collect();
        println!("  {:6}  {title:<48}  {}", members.len(), terms.join(", "));
    }
    Ok(())
}

/// Runs `work` and returns what the process spent on it, in CPU-seconds.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let before = cpu_seconds();
    let value = work();
    (value, cpu_seconds() - before)
}

fn read_knn(dir: &Path) -> Result<Knn> {
    let open = |name: &str| -> Result<npyz::NpyFile<BufReader<File>>> {
        let path = dir.join(name);
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        Ok(npyz::NpyFile::new(BufReader::new(file))?)
    };
    let indices = open("indices.npy")?;
    let k = *indices.shape().get(1).context("indices.npy must have two dimensions")? as usize;
    Ok(Knn {
        key: Key::of("bench", 1).finish(),
        k,
        indices: indices.into_vec()?,
        similarities: open("similarities.npy")?.into_vec()?,
        recall: Recall::Exact,
        method: "read".into(),
    })
}

fn read_labels(file: &Path) -> Result<Vec<u32>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut numbers = HashMap::new();
    Ok(text
        .lines()
        .map(|line| {
            let next = numbers.len() as u32;
            *numbers.entry(line.to_owned()).or_insert(next)
        })
        .collect())
}

/// Groups of 1,000 points, each point with 15 neighbours: mostly in a local stretch of its group, one in six
/// anywhere in it, one in eight anywhere at all. Row order says nothing about the group, as in real data.
fn synthetic(n: usize) -> (Knn, Vec<u32>) {
    const K: usize = 15;
    const GROUP: usize = 1000;
    let mut random = Random::new(1);
    let mut place: Vec<u32> = (0..n as u32).collect();
    random.shuffle(&mut place);
    let mut truth = vec![0; n];
    let mut indices = vec![0; n * K];
    let mut similarities = vec![0.0; n * K];
    for v in 0..n {
        let group = v / GROUP * GROUP;
        let width = GROUP.min(n - group);
        truth[place[v] as usize] = (v / GROUP) as u32;
        for slot in 0..K {
            let other = match random.below(24) {
                0..3 => random.below(n),
                3..7 => group + random.below(width),
                _ => group + (v - group + 1 + random.below(30)) % width,
            };
            indices[place[v] as usize * K + slot] = place[other];
            similarities[place[v] as usize * K + slot] = 0.4 + 0.5 * random.unit() as f32;
        }
    }
    let knn = Knn {
        key: Key::of("bench", 1).finish(),
        k: K,
        indices,
        similarities,
        recall: Recall::Exact,
        method: "planted".into(),
    };
    (knn, truth)
}
