//! Times a typed sentence, honest maps, stable clusters and the comparison of two spaces, and measures some of them.
//!
//!     cargo bench --profile dev --bench honest -- all VECTORS.npy KNN LAYOUT.npy
//!     cargo bench --profile dev --bench honest -- passages
//!
//! KNN is a folder that `semascope knn` wrote, LAYOUT a map of it. Sentences are tried where the vectors have as many
//! components as the model that comes with the app makes. `passages` splits the sample of arXiv.

mod common {
    pub mod cpu;
    pub mod timed;
}

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use common::timed::timed;
use semascope::data::{Key, Knn, Layout, Mask, Matrix, Recall, RowMap};
use semascope::embed::{EmbedParams, Embedder};
use semascope::io::npy;
use semascope::io::read::{self, ReadOptions};
use semascope::job::Ctx;
use semascope::math::hash;
use semascope::math::kd_tree::KdTree;
use semascope::math::newcomers::List;
use semascope::math::place::{self, Refinement};
use semascope::math::place_one;
use semascope::math::umap::UmapParams;
use semascope::model::{DevicePreference, ModelSource};
use semascope::stage::compare::Side;
use semascope::stage::passages::{PassageParams, Window};
use semascope::stage::probe::{Asking, Ground, Space};
use semascope::stage::stability::{STABLE, StabilityParams};
use semascope::stage::{self, ClusterMethod, Computers, Params};

const SENTENCES: [&str; 6] = [
    "my cat knocked the lamp over again",
    "what is the best way to learn piano as an adult",
    "the government announced new taxes on fuel today and people are angry about it",
    "I built a small robot that waters my plants when I am on holiday, and it flooded the kitchen",
    "looking for a good pizza place in Chicago",
    "Season finale was a disappointment, the writers forgot every plot line they had started since the first episode \
     and the hero simply walked away while the music played, as if nobody would notice that the villain was still there",
];

/// Points that are placed again where they are.
const PLACED: usize = 300;

fn main() -> Result<()> {
    // Cargo adds flags such as --bench.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["passages"] => passages(),
        ["all", vectors, knn, layout] => {
            all(&Data::read(Path::new(vectors), Path::new(knn), Path::new(layout))?)
        }
        _ => bail!("say passages, or all VECTORS.npy KNN LAYOUT.npy"),
    }
}

struct Data {
    matrix: Matrix,
    knn: Knn,
    layout: Layout,
}

impl Data {
    fn read(vectors: &Path, folder: &Path, layout: &Path) -> Result<Self> {
        let matrix = npy::read_matrix(vectors)?;
        let (_, k, indices) = npy::read_u32(&folder.join("indices.npy"))?;
        let (_, _, similarities) = npy::read_f32(&folder.join("similarities.npy"))?;
        let key = Key::of("bench", 1).finish();
        let recall = Recall::Estimated { share: 0.9, queries: 500 };
        let knn = Knn { key, k, indices, similarities, recall, method: "HNSW".into() };
        let (_, _, values) = npy::read_f32(layout)?;
        let positions = Arc::new(values.as_chunks::<2>().0.to_vec());
        Ok(Self { matrix, knn, layout: Layout { key, positions, method: "UMAP".into(), epochs: (1, 1) } })
    }
}

fn all(data: &Data) -> Result<()> {
    let Data { matrix, knn, layout } = data;
    println!("n {}, d {}, k {}", matrix.rows(), matrix.dim(), knn.k);
    sentences(data)?;
    placed_again(data)?;
    honest(data)?;
    let computers = Computers::cpu();
    for method in [ClusterMethod::Leiden, ClusterMethod::KMeans] {
        let mut params = Params::default();
        params.clusters.method = method;
        let ctx = Ctx::quiet();
        let present =
            timed("clusters", || stage::clusters::run(matrix, knn, Some(layout), &params, &computers, &ctx))?;
        let vary = StabilityParams::default();
        let survived = timed("stability", || {
            stage::stability::run(&present, matrix, knn, Some(layout), &params, &vary, &computers, &ctx)
        })?;
        let stability = &survived.stability;
        let stable = stability.clusters.iter().filter(|cluster| cluster.jaccard >= STABLE).count();
        println!(
            "{method:?}: {} clusters, {stable} stable; {:.3} of pairs stay together; {} documents are shaky",
            present.count,
            stability.together,
            stability.shaky(&present).len()
        );
        for run in &survived.runs {
            println!("  {}: {} clusters, {:?}", run.setting, run.clusters, run.figures);
        }
    }
    compared(data)
}

/// The median milliseconds of some runs.
fn milliseconds<T>(what: &str, runs: usize, mut work: impl FnMut(usize) -> Result<T>) -> Result<()> {
    let mut times = Vec::with_capacity(runs);
    for run in 0..=runs {
        let started = Instant::now();
        std::hint::black_box(work(run)?);
        // The first one warms up.
        if run > 0 {
            times.push(1000.0 * started.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    println!("{:8.1} ms (slowest {:.1})  {what}", times[runs / 2], times[runs - 1]);
    Ok(())
}

fn sentences(Data { matrix, knn, layout }: &Data) -> Result<()> {
    let embedder = Embedder::load(&ModelSource::Builtin, DevicePreference::Cpu)?;
    if embedder.dim() != matrix.dim() {
        println!("the model makes {} components: no sentences", embedder.dim());
        return Ok(());
    }
    let params = Params::default();
    let ground = timed("ground of the map", || Ground::of(knn, layout, &params.map));
    let embed = EmbedParams::default();
    let space = Space { embedder: &embedder, embed: &embed, matrix, layout, ground: &ground };
    let twentieth = Mask::of_fn(matrix.rows(), |i| i.is_multiple_of(20));
    let ctx = Ctx::quiet();
    for (at, sentence) in SENTENCES.iter().enumerate() {
        let words = sentence.split_whitespace().count();
        for (what, asking) in [
            ("", Asking { nearest: 10, within: None, words: false }),
            (", filter of 5 %", Asking { nearest: 10, within: Some(&twentieth), words: false }),
            (", words left out", Asking { nearest: 10, within: None, words: true }),
        ] {
            milliseconds(&format!("sentence {at} of {words} words{what}"), 7, |_| {
                Ok(stage::probe::run(sentence, space, asking, &ctx)?)
            })?;
        }
    }
    Ok(())
}

/// Some points of the map, placed anew by their neighbours: how far from each other two runs place them, and how many of
/// their neighbours on the map are true there.
fn placed_again(Data { knn, layout, .. }: &Data) -> Result<()> {
    let (positions, n) = (&layout.positions, layout.positions.len());
    let rows: Vec<u32> = (0..PLACED).map(|i| hash::below(hash::draw(1, i as u64), n) as u32).collect();
    let lists: Vec<List> = rows
        .iter()
        .map(|&row| {
            let near = knn.similarities_of(row as usize).iter().zip(knn.of(row as usize));
            near.map(|(&similarity, &id)| (similarity, id)).collect()
        })
        .collect();
    let umap = UmapParams::default();
    let ground = place_one::Ground::of(knn, positions, Refinement::Umap(&umap));
    let balanced: Vec<[f32; 2]> = lists
        .iter()
        .map(|near| ground.place(positions, near).context("no neighbours"))
        .collect::<Result<_>>()?;
    let mean = semascope::math::fuzzy::mean_distance(knn);
    let drawn = |seed: u64| -> Result<Vec<[f32; 2]>> {
        let params = UmapParams { seed, ..umap.clone() };
        let mut all = positions.to_vec();
        let newcomers: Vec<u32> = (n as u32..).take(PLACED).collect();
        all.resize(n + PLACED, [0.0; 2]);
        place::place(&mut all, &newcomers, &lists, mean, Refinement::Umap(&params), &Ctx::quiet())?;
        Ok(all[n..].to_vec())
    };
    let (one, other) = (drawn(1)?, drawn(2)?);
    let own: Vec<[f32; 2]> = rows.iter().map(|&row| positions[row as usize]).collect();
    let median_apart = |a: &[[f32; 2]], b: &[[f32; 2]]| {
        let mut apart: Vec<f32> = a.iter().zip(b).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).collect();
        apart.sort_by(f32::total_cmp);
        apart[apart.len() / 2]
    };
    println!(
        "median distances: two seeds {:.3}, balance and a seed {:.3}, balance and the map's own {:.3}, a seed and the \
         map's own {:.3}",
        median_apart(&one, &other),
        median_apart(&balanced, &one),
        median_apart(&balanced, &own),
        median_apart(&one, &own)
    );
    let tree = KdTree::new(positions);
    let kept = |places: &[[f32; 2]]| {
        let mut found = Vec::new();
        let mut sum = 0;
        for ((&place, &row), near) in places.iter().zip(&rows).zip(&lists) {
            tree.nearest(place, knn.k, Some(row), &mut found);
            sum += found.iter().filter(|f| near.iter().any(|near| near.1 == f.1)).count();
        }
        sum as f64 / (places.len() * knn.k) as f64
    };
    println!(
        "kNN kept: balance {:.4}, a seed {:.4}, the map's own {:.4}",
        kept(&balanced),
        kept(&one),
        kept(&own)
    );
    Ok(())
}

fn honest(Data { matrix, knn, layout }: &Data) -> Result<()> {
    let honesty = timed("torn and crowded", || stage::honesty::run(matrix, knn, layout, &Ctx::quiet()))?;
    for (what, figures) in [("torn", &honesty.torn), ("crowded", &honesty.crowded)] {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f32::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
        println!(
            "{what}: 5 % {:.3}, median {:.3}, 75 % {:.3}, 90 % {:.3}, 95 % {:.3}, 99 % {:.3}",
            at(0.05),
            at(0.5),
            at(0.75),
            at(0.9),
            at(0.95),
            at(0.99)
        );
    }
    println!("shares torn and crowded: {:?}", honesty.shares());
    Ok(())
}

/// The map against itself turned, with every tenth document in another one's place.
fn compared(Data { knn, layout, .. }: &Data) -> Result<()> {
    let n = knn.len();
    let number = |i: u32| {
        let step = i / 10 * 10;
        if i != step { i } else { ((u64::from(step) * 7919) % (n as u64 / 10 * 10)) as u32 / 10 * 10 }
    };
    let indices = (0..n as u32).flat_map(|i| knn.of(number(i) as usize).to_vec()).collect();
    let other = Knn { indices, ..knn.clone() };
    let turned = (0..n as u32).map(|i| {
        let [x, y] = layout.positions[number(i) as usize];
        [-2.0 * y + 3.0, 2.0 * x]
    });
    let other_layout = Layout { positions: Arc::new(turned.collect()), ..layout.clone() };
    let (first, second) = (Side { knn, layout }, Side { knn: &other, layout: &other_layout });
    let rows = RowMap::appended(n, 0);
    let compared = timed("two spaces", || stage::compare::run(first, second, &rows, 200, &Ctx::quiet()))?;
    println!(
        "agreement {:.3}, scale {:.4}, turned by {:.4}; the first of {} changed: {:?}",
        compared.agreement.mean(),
        compared.similarity.scale(),
        compared.similarity.angle(),
        compared.changed.len(),
        compared.changed.first().map(|changed| (changed.rows, changed.shared, changed.moved))
    );
    Ok(())
}

fn passages() -> Result<()> {
    let ctx = Ctx::quiet();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples/arxiv.jsonl.gz");
    let corpus = read::read(&path, &ReadOptions::default(), &ctx)?;
    let texts = corpus.columns.iter().position(|column| column.name == "abstract").context("no abstracts")?;
    let corpus = corpus.with_text_columns(vec![texts]);
    let embedder = Embedder::load(&ModelSource::Builtin, DevicePreference::Cpu)?;
    let window = Window { embedder: &embedder, embed: &EmbedParams::default() };
    let split =
        timed("splitting", || stage::passages::run(&corpus, &PassageParams::default(), Some(window), &ctx))?;
    println!("{} documents, {} passages", corpus.len(), split.corpus.len());
    Ok(())
}
