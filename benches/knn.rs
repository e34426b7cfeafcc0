//! Nearest neighbours on the CPU: CPU-seconds, recall and peak memory, beside `benches/peers/knn.py` in the same run.
//!
//!     cargo bench --bench knn -- [VECTORS.npy] [--python PYTHON]
//!
//! Without `--python` only our side runs. Needs an f16 or f32 array of shape n × d; without one there is nothing to
//! time, and it says so.

mod common {
    pub mod cpu;
    pub mod memory;
}

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use common::cpu::cpu_seconds;
use common::memory::peak_mebibytes;
use semascope::data::{Key, Matrix};
use semascope::job::Ctx;
use semascope::math::neighbours::{Method, NeighbourParams, find};

/// Rows for the exact search, where they exist.
const EXACT_ROWS: [usize; 2] = [10_000, 20_000];

/// hnswlib's settings: M, ef_construction, and the ef of each search.
const HNSWLIB: [&[&str]; 2] = [&["16", "100", "24"], &["16", "50", "28", "32"]];

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (mut vectors, mut python) = (None, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--python" => python = arguments.next(),
            _ => vectors = Some(PathBuf::from(argument)),
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vectors = vectors.or_else(|| {
        let places = ["../shared", "../../shared"].map(|place| root.join(place));
        places.map(|place| place.join("data/reference/arxiv_minilm_f16.npy")).into_iter().find(|p| p.exists())
    });
    let Some(vectors) = vectors else {
        println!("no vectors to search: give an .npy file of n × d floats");
        return Ok(());
    };

    let (dim, values) = read(&vectors)?;
    let peer = |arguments: &[&str]| match &python {
        Some(python) => {
            let script = root.join("benches/peers/knn.py");
            Command::new(python).arg(script).arg(&vectors).args(arguments).status().map(drop)
        }
        None => Ok(()),
    };
    for rows in EXACT_ROWS.into_iter().filter(|&rows| rows * dim <= values.len()) {
        time(&matrix(dim, values[..rows * dim].to_vec()), Method::Exact)?;
        peer(&["exact", &rows.to_string()])?;
    }
    let all = matrix(dim, values);
    time(&all, Method::Hnsw)?;
    for settings in HNSWLIB {
        peer(&[&["hnsw"], settings].concat())?;
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<(usize, Vec<f32>)> {
    let file = npyz::NpyFile::new(std::io::BufReader::new(std::fs::File::open(path)?))?;
    let &[_, dim] = file.shape() else { anyhow::bail!("{} is not two-dimensional", path.display()) };
    let dim = dim as usize;
    let values = match file.dtype() {
        npyz::DType::Plain(kind) if kind.size_field() == 2 => {
            file.into_vec::<half::f16>()?.into_iter().map(half::f16::to_f32).collect()
        }
        _ => file.into_vec()?,
    };
    Ok((dim, values))
}

fn matrix(dim: usize, values: Vec<f32>) -> Matrix {
    Matrix::from_vec(Key::of("bench", 1).finish(), "bench", false, dim, values)
}

fn time(matrix: &Matrix, method: Method) -> anyhow::Result<()> {
    let params = NeighbourParams { method, ..NeighbourParams::default() };
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let (_, name, recall) = find(matrix, &params, &Ctx::quiet())?;
    println!(
        "semascope {name}, {} rows: {:.2} cpu-s ({:.2} s), {recall:?}, peak memory {} MiB",
        matrix.rows(),
        cpu_seconds() - cpu,
        wall.elapsed().as_secs_f64(),
        peak_mebibytes(),
    );
    Ok(())
}
