//! Times and measures the map of arXiv abstracts against umap-learn's on the same exact neighbours.
//!
//!     cargo bench --profile dev --bench map -- [ROWS] [NEGATIVES] [EPOCHS]
//!
//! takes the first ROWS (10,000) vectors of `data/reference/arxiv_minilm_f16.npy`, leaves neighbours and positions
//! in `$CARGO_TARGET_DIR/tmp/map-ROWS` and says how `peers/map.py` is run on them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::f16;
use npyz::WriterBuilder;
use rayon::prelude::*;
use semascope::data::{Element, Key, Knn, Matrix, Recall};
use semascope::job::{Ctx, Latest};
use semascope::math::fuzzy::FuzzyGraph;
use semascope::math::pca::{principal_components, project, start_positions};
use semascope::math::quality::measure;
use semascope::math::umap::{Start, UmapParams, optimise};

const K: usize = 15;
const DATA: &str = "data/reference/arxiv_minilm_f16.npy";

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    // Cargo adds flags such as --bench.
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let rows = numbers.next().unwrap_or(10_000);
    let mut params = UmapParams::default();
    params.negatives = numbers.next().unwrap_or(params.negatives);
    params.epochs = numbers.next();

    let Some(shared) = shared() else {
        println!("there is no shared/{DATA}: nothing to time");
        return Ok(());
    };
    let matrix = vectors(&shared.join(DATA), rows)?;
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

    let start = timed("start (principal components)", || -> Result<_, Failure> {
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
    println!("compare: python benches/peers/map.py {} {}", shared.join(DATA).display(), folder.display());
    Ok(())
}

/// Runs `work` and prints the processor time it took, all threads together.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (cpu, wall) = (cpu_seconds(), std::time::Instant::now());
    let value = work();
    println!("{:8.2} cpu-s {:8.2} s  {what}", cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
    value
}

/// User and system time of this process; 0 where the system does not tell it in `/proc`.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

fn shared() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../shared", "../../shared"].iter().map(|path| root.join(path)).find(|path| path.join(DATA).exists())
}

fn vectors(path: &Path, rows: usize) -> Result<Matrix, Failure> {
    let file = npyz::NpyFile::new(std::io::BufReader::new(std::fs::File::open(path)?))?;
    let dim = file.shape()[1] as usize;
    let halves: Vec<f16> = file.data::<f16>()?.take(rows * dim).collect::<Result<_, _>>()?;
    let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
    let key = Key::of("bench", 1).finish();
    let shape = (halves.len() / dim, dim);
    Ok(Matrix::from_bytes(key, "bench", true, shape, Element::F16, Arc::new(bytes), 0)
        .ok_or("too few vectors")?)
}

/// The exact neighbours of all rows, kept in `folder` from the first time on.
fn neighbours(matrix: &Matrix, folder: &Path) -> Result<Knn, Failure> {
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

fn write<T: npyz::AutoSerialize + Copy>(path: &Path, values: &[T], shape: &[u64]) -> Result<(), Failure> {
    let file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd()?;
    writer.extend(values.iter().copied())?;
    Ok(writer.finish()?)
}
