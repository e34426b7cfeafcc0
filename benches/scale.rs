//! Time and memory of the steps from vectors to clusters at several sizes, and how they grow with the number of rows.
//!
//!     cargo bench --bench scale -- VECTORS.npy…
//!
//! Each file is an f16 array of n × d, mapped and not read into memory. Prints a Markdown table: processor seconds (all
//! threads together) and the peak of resident memory of each step, and the exponent of n fitted to each of them by
//! least squares in logarithms. The peak of a step needs a Linux that lets a process reset it; else it is left out.

mod common {
    pub mod cpu;
    pub mod memory;
}

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use common::cpu::cpu_seconds;
use common::memory::peak_mebibytes;
use half::f16;
use memmap2::Mmap;
use semascope::data::{Element, Key, Knn, Matrix};
use semascope::job::{Ctx, Latest};
use semascope::math::fuzzy::FuzzyGraph;
use semascope::math::kmeans::{KMeansParams, kmeans};
use semascope::math::leiden::{LeidenParams, leiden};
use semascope::math::neighbours::{NeighbourParams, find};
use semascope::math::pca::{principal_components, project, start_positions};
use semascope::math::quality::measure;
use semascope::math::umap::{Start, UmapParams, optimise};

type Failure = Box<dyn std::error::Error>;

/// A step's name, and seconds and MiB at each size.
type Row = (&'static str, Vec<(f64, Option<f64>)>);

fn main() -> Result<(), Failure> {
    let files: Vec<PathBuf> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").map(PathBuf::from).collect();
    if files.is_empty() {
        println!("no vectors: give .npy files of n × d half-precision floats, small to large");
        return Ok(());
    }
    let (mut sizes, mut rows): (Vec<usize>, Vec<Row>) = (Vec::new(), Vec::new());
    for file in &files {
        let matrix = mapped(file)?;
        sizes.push(matrix.rows());
        eprintln!("{} × {}, {} threads", matrix.rows(), matrix.dim(), rayon::current_num_threads());
        let mut steps = Steps(Vec::new());
        flow(&matrix, &mut steps)?;
        for (at, (name, cost)) in steps.0.into_iter().enumerate() {
            match rows.get_mut(at) {
                Some(row) => row.1.push(cost),
                None => rows.push((name, vec![cost])),
            }
        }
    }
    print_table(&sizes, &rows);
    Ok(())
}

/// Everything that is computed from vectors, step by step.
fn flow(matrix: &Matrix, steps: &mut Steps) -> Result<(), Failure> {
    let ctx = Ctx::quiet();
    let params = UmapParams::default();
    let (found, method, recall) =
        steps.take("neighbours (k = 15)", || find(matrix, &NeighbourParams::default(), &ctx))?;
    eprintln!("  {method}, {recall:?}");
    let key = Key::of("bench", 1).finish();
    let (indices, similarities) = (found.indices, found.similarities);
    let knn = Knn { key, k: found.k, indices, similarities, recall, method: method.into() };
    let start = steps.take("map: start", || -> Result<_, Failure> {
        let pca = principal_components(matrix, 2, &ctx)?;
        Ok(start_positions(&project(matrix, &pca, &ctx)?, params.seed))
    })?;
    let epochs = params.epochs_for(matrix.rows());
    let graph = steps.take("map: graph", || FuzzyGraph::build(&knn, epochs, &ctx))?;
    let start = Start { positions: start, epoch: 0 };
    let map = steps.take("map: layout", || optimise(&graph, start, &params, &Latest::default(), &ctx));
    drop(graph);
    let quality = steps.take("map: quality", || measure(matrix, &knn, &map.positions, 1, &ctx))?;
    eprintln!("  trustworthiness {:.3}, kept {:.3}", quality.trustworthiness, quality.knn_kept);
    steps.take("clusters: Leiden", || leiden(&knn, &LeidenParams::default(), &ctx))?;
    steps.take("clusters: k-means", || kmeans(matrix, &KMeansParams::default(), &ctx))?;
    Ok(())
}

/// What steps have cost so far.
struct Steps(Vec<(&'static str, (f64, Option<f64>))>);

impl Steps {
    fn take<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        // Resets the peak of the resident size (proc(5)).
        let reset = std::fs::write("/proc/self/clear_refs", "5").is_ok();
        let before = cpu_seconds();
        let value = work();
        let cost = (cpu_seconds() - before, Some(peak_mebibytes()).filter(|peak| reset && peak.is_finite()));
        eprintln!("  {name}: {:.2} cpu-s, {:?} MiB", cost.0, cost.1);
        self.0.push((name, cost));
        value
    }
}

fn print_table(sizes: &[usize], rows: &[Row]) {
    let exponent = |cost: &dyn Fn(usize) -> Option<f64>| {
        let points: Option<Vec<(f64, f64)>> = sizes
            .iter()
            .enumerate()
            .map(|(at, &n)| Some(((n as f64).ln(), cost(at)?.max(0.01).ln())))
            .collect();
        points
            .filter(|points| points.len() > 1)
            .map_or("–".into(), |points| format!("{:.2}", slope(&points)))
    };
    print!("| step |");
    sizes.iter().for_each(|n| print!(" {n} |"));
    println!(" time ~ n^ | memory ~ n^ |");
    println!("|---|{}", "---|".repeat(sizes.len() + 2));
    for (name, costs) in rows {
        print!("| {name} |");
        for (seconds, memory) in costs {
            let memory = memory.map_or(String::new(), |mebibytes| format!(", {mebibytes:.0} MiB"));
            print!(" {seconds:.1} s{memory} |");
        }
        println!(" {} | {} |", exponent(&|at| Some(costs[at].0)), exponent(&|at| costs[at].1));
    }
}

/// The slope of the line of least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let (xy, xx) = points
        .iter()
        .fold((0.0, 0.0), |(xy, xx), p| (xy + (p.0 - x) * (p.1 - y), xx + (p.0 - x) * (p.0 - x)));
    xy / xx
}

fn mapped(path: &PathBuf) -> Result<Matrix, Failure> {
    let file = File::open(path)?;
    let header = npyz::NpyFile::new(std::io::BufReader::new(&file))?;
    let &[rows, dim] = header.shape() else {
        return Err(format!("{} is not two-dimensional", path.display()).into());
    };
    let shape = (rows as usize, dim as usize);
    // SAFETY: the bench reads a file that nothing else writes.
    let map = unsafe { Mmap::map(&file)? };
    let offset = map.len() - shape.0 * shape.1 * size_of::<f16>();
    let key = Key::of("bench", 1).input(Key::of("rows", 1).params(&rows).finish()).finish();
    Ok(Matrix::from_bytes(key, "bench", false, shape, Element::F16, Arc::new(map), offset)
        .ok_or("the file is shorter than its header says")?)
}
