//! Search by meaning under filters and search by words: times, recall, processor time and memory.
//!
//!     cargo bench --profile dev --bench search -- meaning VECTORS.npy [KNN]
//!     cargo bench --profile dev --bench search -- words FILE [COLUMN]
//!
//! `meaning` searches an f16 or f32 array of n × d for the 10 nearest under no filter and under such as keep 50, 5 and
//! 0.5 % at random and of one region of the space, and compares with exact answers. KNN is a folder with `indices.npy` as
//! `semascope knn` writes it; without one there is no graph. Half of the queries are documents with noise, half lie
//! between two documents. `words` indexes the texts of a file and searches for words of all kinds. Without arguments
//! it takes the vectors and texts of `../shared`, where they are.

mod common {
    pub mod cpu;
    pub mod memory;
    pub mod shared;
    pub mod timed;
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use common::cpu::cpu_seconds;
use common::memory::peak_mebibytes;
use common::shared::shared;
use common::timed::timed;
use rayon::prelude::*;
use semascope::data::{Element, Key, Knn, Mask, Matrix, Recall};
use semascope::io::read::{self, ReadOptions};
use semascope::job::Ctx;
use semascope::math::hash::{draw, normal, unit};
use semascope::math::meaning_search::{Costs, How, MeaningSearch, Way};
use semascope::math::vector::{dot, inverse_norm, scale};
use semascope::math::word_query::WordQuery;
use semascope::stage::search;

const K: usize = 10;
const QUERIES: u64 = 40;
const SHARES: [f64; 3] = [0.5, 0.05, 0.005];
const PAGE: usize = 100;
const MEBIBYTE: f64 = (1 << 20) as f64;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let argument = |at: usize| arguments.get(at).map(PathBuf::from);
    match arguments.first().map(String::as_str) {
        Some("meaning") => meaning(&argument(1).context("meaning needs VECTORS")?, argument(2)),
        Some("words") => words(&argument(1).context("words needs FILE")?, arguments.get(2)),
        Some(_) => bail!("say meaning or words"),
        None => {
            match shared("data/reference/arxiv_minilm_f16.npy") {
                Some(vectors) => meaning(&vectors, None)?,
                None => println!("no vectors in ../shared: nothing to search"),
            }
            match shared("data/arxiv/arxiv.jsonl.gz") {
                Some(texts) => words(&texts, None),
                None => {
                    println!("no texts in ../shared: nothing to search");
                    Ok(())
                }
            }
        }
    }
}

/// An array of n × d, as it is stored.
fn read_vectors(path: &Path) -> Result<Matrix> {
    let file = npyz::NpyFile::new(std::io::BufReader::new(std::fs::File::open(path)?))?;
    let &[rows, dim] = file.shape() else { bail!("{} is not two-dimensional", path.display()) };
    let (rows, dim, key) = (rows as usize, dim as usize, Key::of("bench", 1).finish());
    match file.dtype() {
        npyz::DType::Plain(kind) if kind.size_field() == 2 => {
            let halves: Vec<half::f16> = file.into_vec()?;
            let bytes = Arc::new(bytemuck::cast_slice::<_, u8>(&halves).to_vec());
            Matrix::from_bytes(key, "bench", false, (rows, dim), Element::F16, bytes, 0)
                .context("too few vectors")
        }
        _ => Ok(Matrix::from_vec(key, "bench", false, dim, file.into_vec()?)),
    }
}

fn read_knn(folder: &Path) -> Result<Knn> {
    let file = |name: &str| -> Result<_> {
        Ok(npyz::NpyFile::new(std::io::BufReader::new(std::fs::File::open(folder.join(name))?))?)
    };
    let indices = file("indices.npy")?;
    let k = indices.shape()[1] as usize;
    let (key, recall) = (Key::of("bench", 2).finish(), Recall::Exact);
    let similarities = file("similarities.npy")?.into_vec()?;
    Ok(Knn { key, k, indices: indices.into_vec()?, similarities, recall, method: "read".into() })
}

/// Unit vectors near documents: with noise (a cosine of about .8 to the document), or between two of them.
fn queries(matrix: &Matrix) -> Vec<Vec<f32>> {
    const NOISE: f64 = 0.75;
    let random_row = |at: u64| some_row(matrix, at);
    (0..QUERIES)
        .map(|at| {
            let (one, other) = (random_row(2 * at), random_row(2 * at + 1));
            let spread = NOISE / (matrix.dim() as f64).sqrt();
            let mut query: Vec<f32> = match at % 2 {
                0 => (0u64..).zip(&one).map(|(d, v)| v + (spread * normal(at, d)) as f32).collect(),
                _ => one.iter().zip(&other).map(|(a, b)| 2.0 * a + b).collect(),
            };
            let length = inverse_norm(&query);
            scale(&mut query, length);
            query
        })
        .collect()
}

/// A random row that is not zeros, as a unit vector.
fn some_row(matrix: &Matrix, seed: u64) -> Vec<f32> {
    for attempt in 0.. {
        let row = (unit(draw(seed, attempt)) * matrix.rows() as f64) as usize;
        let mut row = matrix.row(row).into_owned();
        let length = inverse_norm(&row);
        if length != 0.0 {
            scale(&mut row, length);
            return row;
        }
    }
    Vec::new()
}

/// The cosines of all rows with `query`; below all others for rows of zeros.
fn cosines(matrix: &Matrix, query: &[f32]) -> Vec<f32> {
    (0..matrix.rows())
        .into_par_iter()
        .map(|i| {
            let row = matrix.row(i);
            let length = inverse_norm(&row);
            if length == 0.0 { -2.0 } else { dot(&row, query) * length }
        })
        .collect()
}

/// The documents with the greatest values, this share of all.
fn region(values: &[f32], share: f64) -> Mask {
    let count = (values.len() as f64 * share) as usize;
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.select_nth_unstable_by(count, |&a, &b| values[b as usize].total_cmp(&values[a as usize]));
    Mask::of_documents(values.len(), &order[..count])
}

fn meaning(vectors: &Path, knn: Option<PathBuf>) -> Result<()> {
    let matrix = Arc::new(read_vectors(vectors)?);
    let knn = knn.map(|folder| read_knn(&folder).map(Arc::new)).transpose()?;
    let n = matrix.rows();
    println!(
        "{n} × {} {:?}, {} threads, neighbours {}",
        matrix.dim(),
        matrix.element(),
        rayon::current_num_threads(),
        if knn.is_some() { "known" } else { "not known" }
    );
    let queries = queries(&matrix);
    let truth: Vec<Vec<f32>> = queries.iter().map(|query| cosines(&matrix, query)).collect();
    let search = timed("preparing", || search::meaning(matrix.clone(), knn.clone(), &Ctx::quiet()))?;
    table(&search, &queries, &truth)?;
    if knn.is_some() {
        println!("with walks wherever they are good enough:");
        let costs = Costs { patience_for_coded: 0.0, walked: 0.0, ..Costs::default() };
        let walks =
            timed("preparing", || MeaningSearch::with_costs(matrix.clone(), knn, costs, &Ctx::quiet()))?;
        table(&walks, &queries, &truth)?;
    }
    println!("peak memory {:.0} MiB", peak_mebibytes());
    Ok(())
}

fn table(search: &MeaningSearch, queries: &[Vec<f32>], truth: &[Vec<f32>]) -> Result<()> {
    let n = search.len();
    println!(
        "takes {:.0} MiB beside the vectors; the graph finds {:?} of the nearest in its trials",
        search.bytes() as f64 / MEBIBYTE,
        search.graph_recall()
    );
    println!("filter                     median ms  slowest ms  cpu ms  recall@10  how (queries)");
    report("none", search, queries, truth, |_| None)?;
    for share in SHARES {
        let random = Mask::of_fn(n, |i| unit(draw(99, i as u64)) < share);
        report(&format!("{} % at random", 100.0 * share), search, queries, truth, |_| Some(random.clone()))?;
        // One region for all queries, of which most are elsewhere.
        let one = region(&truth[0], share);
        report(&format!("{} % of one region", 100.0 * share), search, queries, truth, |_| Some(one.clone()))?;
        // All but what is near the query, cut to this share: nothing of the filter is where a search goes.
        let far = |at: usize| {
            let against: Vec<f32> = truth[at].iter().map(|cosine| -cosine.max(-1.0)).collect();
            Some(region(&against, share))
        };
        report(&format!("{} % farthest", 100.0 * share), search, queries, truth, far)?;
        let near = |at: usize| Some(region(&truth[at], share));
        report(&format!("{} % nearest", 100.0 * share), search, queries, truth, near)?;
    }
    Ok(())
}

fn report(
    name: &str,
    search: &MeaningSearch,
    queries: &[Vec<f32>],
    truth: &[Vec<f32>],
    mask: impl Fn(usize) -> Option<Mask>,
) -> Result<()> {
    let (mut times, mut cpu, mut right, mut wanted) = (Vec::new(), 0.0, 0, 0);
    let mut ways = BTreeMap::<&str, usize>::new();
    for (at, (query, cosines)) in queries.iter().zip(truth).enumerate() {
        let mask = mask(at);
        let (before, start) = (cpu_seconds(), Instant::now());
        let found = search.nearest(query, K, mask.as_ref(), &Ctx::quiet())?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        cpu += cpu_seconds() - before;
        let mut best: Vec<f32> = match &mask {
            Some(mask) => mask.documents().map(|i| cosines[i as usize]).collect(),
            None => cosines.clone(),
        };
        best.sort_unstable_by(|a, b| b.total_cmp(a));
        // As near as the tenth, up to rounding, is one of the nearest.
        let floor = best[K.min(best.len()) - 1] - 1e-6;
        right += found.hits.iter().filter(|hit| hit.1 >= floor).count();
        wanted += K.min(best.len());
        *ways.entry(way(&found.how)).or_default() += 1;
    }
    times.sort_unstable_by(f64::total_cmp);
    println!(
        "{name:25} {:10.2} {:11.2} {:7.1} {:10.3}  {ways:?}",
        times[times.len() / 2],
        times[times.len() - 1],
        cpu * 1e3 / queries.len() as f64,
        right as f64 / wanted as f64,
    );
    Ok(())
}

fn way(how: &How) -> &'static str {
    match how.way {
        Way::Exact => "exact",
        Way::Coded { .. } => "coded",
        Way::Graph { .. } => "graph",
    }
}

fn words(path: &Path, column: Option<&String>) -> Result<()> {
    let options =
        ReadOptions { text_columns: column.map(|column| vec![column.clone()]), ..ReadOptions::default() };
    let corpus = timed("reading", || read::read(path, &options, &Ctx::quiet()))?;
    let before = peak_mebibytes();
    let index = timed("indexing", || search::words(&corpus, &Ctx::quiet()))?;
    println!(
        "{} texts, {} different words, the index takes {:.0} MiB ({:.0} MiB more at most while it is made)",
        index.len(),
        index.distinct_words(),
        index.bytes() as f64 / MEBIBYTE,
        peak_mebibytes() - before,
    );
    let filter = Mask::of_fn(corpus.len(), |i| unit(draw(7, i as u64)) < 0.05);
    println!("query                               hits  median ms  slowest ms  with a 5 % filter");
    let kinds: [(&str, &[&str]); 8] = [
        ("frequent words", &["the ", "a ", "of ", "to ", "in "]),
        ("two frequent words", &["the of ", "a to ", "in the ", "to be ", "for a "]),
        ("usual words", &["music ", "game ", "learning ", "space ", "cat picture "]),
        ("rare words", &["zeppelin ", "quokka ", "xylophone ", "tardigrade ", "kubernetes "]),
        ("a word being typed", &["mus", "gam", "lear", "the sp", "interest"]),
        ("one letter being typed", &["s", "t", "a", "the s", "c"]),
        ("phrases", &["\"of the\"", "\"in the\"", "\"what is the\"", "\"machine learning\"", "\"the s"]),
        (
            "choice and exclusion",
            &["cat OR dog ", "the -a", "music -\"of the\"", "\"of the\" OR to ", "-the"],
        ),
    ];
    for (kind, typed) in kinds {
        for within in [None, Some(&filter)] {
            let (mut times, mut total) = (Vec::new(), 0);
            for round in 0..5 {
                for typed in typed {
                    let query = WordQuery::parse(typed).context("no query")?;
                    let start = Instant::now();
                    let hits = index.search(&query, within, PAGE);
                    times.push(start.elapsed().as_secs_f64() * 1e3);
                    total += if round == 0 { hits.total } else { 0 };
                }
            }
            times.sort_unstable_by(f64::total_cmp);
            let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
            match within {
                None => print!("{kind:28} {total:11} {median:10.2} {slowest:11.2}"),
                Some(_) => println!("  {median:10.2} {slowest:11.2}"),
            }
        }
    }
    timed("suggestions for \"kuberntes\"", || println!("{:?}", index.nearest_words("kuberntes", 5)));
    timed("suggestions for \"intresting\"", || println!("{:?}", index.nearest_words("intresting", 5)));
    Ok(())
}
