//! Times and measures the map of arXiv abstracts against umap-learn's on the same exact neighbours.
//!
//!     cargo bench --profile dev --bench map -- [ROWS] [NEGATIVES] [EPOCHS]
//!
//! takes the first ROWS (10,000) vectors of `data/reference/arxiv_minilm_f16.npy`, leaves neighbours and positions
//! in `$CARGO_TARGET_DIR/tmp/map-ROWS` and says how `peers/map.py` is run on them.

mod common {
    pub mod cpu;
    pub mod npy;
    pub mod shared;
    pub mod timed;
}

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use common::npy::write;
use common::shared::shared;
use common::timed::timed;
use half::f16;
use rayon::prelude::*;
use semascope::data::{Element, Key, Knn, Matrix, Recall};
use semascope::job::{Ctx, Latest};
use semascope::math::fuzzy::FuzzyGraph;
use semascope::math::pca::{principal_components, project, start_positions};
use semascope::math::quality::measure;
use semascope::math::umap::{Start, UmapParams, optimise};

const K: usize = 15;
const DATA: &str = "data/reference/arxiv_minilm_f16.npy";

fn main() -> Result<()> {
    // Cargo adds flags such as --bench.
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let rows = numbers.next().unwrap_or(10_000);
    let mut params = UmapParams::default();
    params.negatives = numbers.next().unwrap_or(params.negatives);
    params.epochs = numbers.next();

    let Some(data) = shared(DATA) else {
        println!("there is no shared/{DATA}: nothing to time");
        return Ok(());
    };
    let matrix = vectors(&data, rows)?;
    let rows = matrix.rows();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("map-{rows}"));
    std::fs::create_dir_all(&folder)?;
    let knn = neighbours(&matrix, &folder)?;
    let ctx = Ctx::quiet();
    println!(
        "{rows} × {} vectors, exact neighbours, k = {K}, {} threads",
        matrix.dim(),
        rayon::current_num_threads()
    );

    let start = timed("start (principal components)", || -> Result<_> {
        let pca = principal_components(&matrix, 2, &ctx)?;
        Ok(start_positions(&project(&matrix, &pca, &ctx)?, params.seed))
    })?;
    let epochs = params.epochs_for(rows);
    let graph = timed("fuzzy graph", || FuzzyGraph::build(&knn, epochs, &ctx))?;
    println!(
        "  {} edges, largest degree {}",
        graph.edges().len(),
        (0..rows).map(|i| graph.of(i).len()).max().unwrap_or(0)
    );
    let what = format!("layout, {epochs} epochs, {} negatives", params.negatives);
    let start = Start { positions: start, epoch: 0 };
    let layout = timed(&what, || optimise(&graph, start, &params, &Latest::default(), &ctx));
    let quality = timed("quality", || measure(&matrix, &knn, &layout.positions, 1, &ctx))?;
    println!(
        "trustworthiness {:.4}  continuity {:.4}  kNN kept {:.4}  triplets {:.4}",
        quality.trustworthiness, quality.continuity, quality.knn_kept, quality.triplets
    );
    let positions: Vec<f32> = layout.positions.iter().flatten().copied().collect();
    write(&folder.join("positions.npy"), &positions, &[rows as u64, 2])?;
    println!("compare: python benches/peers/map.py {} {}", data.display(), folder.display());
    Ok(())
}

fn vectors(path: &Path, rows: usize) -> Result<Matrix> {
    let file = npyz::NpyFile::new(std::io::BufReader::new(std::fs::File::open(path)?))?;
    let dim = file.shape()[1] as usize;
    let halves: Vec<f16> = file.data::<f16>()?.take(rows * dim).collect::<Result<_, _>>()?;
    let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
    let key = Key::of("bench", 1).finish();
    let shape = (halves.len() / dim, dim);
    Matrix::from_bytes(key, "bench", true, shape, Element::F16, Arc::new(bytes), 0).context("too few vectors")
}

/// The exact neighbours of all rows, kept in `folder` from the first time on.
fn neighbours(matrix: &Matrix, folder: &Path) -> Result<Knn> {
    let paths = [folder.join("indices.npy"), folder.join("similarities.npy")];
    let read = |path: &Path| std::fs::read(path);
    let (indices, similarities) = match (read(&paths[0]), read(&paths[1])) {
        (Ok(indices), Ok(similarities)) => (
            npyz::NpyFile::new(&indices[..])?.into_vec()?,
            npyz::NpyFile::new(&similarities[..])?.into_vec()?,
        ),
        _ => {
            let (indices, similarities) = compare_all(matrix);
            let shape = [matrix.rows() as u64, K as u64];
            write(&paths[0], &indices, &shape)?;
            write(&paths[1], &similarities, &shape)?;
            (indices, similarities)
        }
    };
    let key = Key::of("bench", 1).finish();
    Ok(Knn { key, k: K, indices, similarities, recall: Recall::Exact, method: "exact".into() })
}

fn compare_all(matrix: &Matrix) -> (Vec<u32>, Vec<f32>) {
    let (n, d) = (matrix.rows(), matrix.dim());
    let all = matrix.block(0..n);
    let blocks: Vec<_> = matrix.ranges(128).collect();
    let nearest = |range: std::ops::Range<usize>| {
        let mut products = vec![0.0f32; range.len() * n];
        // SAFETY: `products` holds range × n, `all` n × d numbers, row-major as the strides say.
        unsafe {
            gemm::gemm(
                range.len(),
                n,
                d,
                products.as_mut_ptr(),
                1,
                n as isize,
                false,
                all.as_ptr().add(range.start * d),
                1,
                d as isize,
                all.as_ptr(),
                d as isize,
                1,
                0.0f32,
                1.0f32,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
        let mut found = Vec::new();
        for (i, row) in range.zip(products.chunks_exact(n)) {
            let mut order: Vec<(f32, u32)> = (0..n).filter(|&j| j != i).map(|j| (row[j], j as u32)).collect();
            let nearer_first = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
            order.select_nth_unstable_by(K, nearer_first);
            order.truncate(K);
            order.sort_by(nearer_first);
            found.extend(order);
        }
        found
    };
    let found: Vec<Vec<(f32, u32)>> = blocks.into_par_iter().map(nearest).collect();
    found.into_iter().flatten().map(|(similarity, j)| (j, similarity)).unzip()
}
