//! Times and measures the t-SNE map of vectors against openTSNE's on the same neighbours.
//!
//!     cargo bench --profile dev --bench tsne -- [ROWS] [EPOCHS] [VECTORS.npy]
//!
//! takes the first ROWS (10,000) of `data/reference/arxiv_minilm_f16.npy` (or of the f16 or f32 rows of VECTORS.npy), leaves
//! 90 neighbours a row and positions in `$CARGO_TARGET_DIR/tmp/tsne-ROWS` and says how `peers/tsne.py` is run on them.

mod common {
    pub mod cpu;
    pub mod npy;
    pub mod shared;
    pub mod timed;
}

use std::path::{Path, PathBuf};

use anyhow::Result;
use common::npy as arrays;
use common::shared::shared;
use common::timed::timed;
use semascope::data::{Key, Knn, Matrix};
use semascope::io::npy;
use semascope::job::{Ctx, Latest};
use semascope::math::neighbours::{self, NeighbourParams};
use semascope::math::pca::{principal_components, project};
use semascope::math::quality::measure;
use semascope::math::tsne::{State, TsneParams, optimise, start_positions};
use semascope::math::tsne_affinities::{Affinities, neighbours_for};

const DATA: &str = "data/reference/arxiv_minilm_f16.npy";

/// Neighbours that the figures of quality are about.
const K: usize = 15;

fn main() -> Result<()> {
    // Cargo adds flags such as --bench.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut numbers = arguments.iter().filter_map(|argument| argument.parse::<usize>().ok());
    let rows = numbers.next().unwrap_or(10_000);
    let mut params = TsneParams::default();
    params.epochs = numbers.next().unwrap_or(params.epochs);
    let Some(path) =
        arguments.iter().find(|a| a.ends_with(".npy")).map(PathBuf::from).or_else(|| shared(DATA))
    else {
        println!("there is no shared/{DATA}: nothing to time");
        return Ok(());
    };
    let all = npy::read_matrix(&path)?;
    let rows = rows.min(all.rows());
    let matrix =
        Matrix::from_vec(Key::of("bench", 1).finish(), "bench", true, all.dim(), all.block(0..rows).to_vec());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tsne-{rows}"));
    std::fs::create_dir_all(&folder)?;
    let ctx = Ctx::quiet();
    let k = neighbours_for(params.perplexity);
    println!("{rows} × {} vectors, k = {k}, {} threads", matrix.dim(), rayon::current_num_threads());

    let wanted = NeighbourParams { k, ..NeighbourParams::default() };
    let (found, method, recall) = timed("neighbours", || neighbours::find(&matrix, &wanted, &ctx))?;
    println!("  {method}, {recall:?}");
    let shape = [rows as u64, found.k as u64];
    arrays::write(&folder.join("indices.npy"), &found.indices, &shape)?;
    arrays::write(&folder.join("similarities.npy"), &found.similarities, &shape)?;
    let key = Key::of("bench", 1).finish();
    let (indices, similarities) = (found.indices, found.similarities);
    let knn = Knn { key, k: found.k, indices, similarities, recall, method: method.into() };

    let start = timed("start (principal components)", || -> Result<_> {
        let pca = principal_components(&matrix, 2, &ctx)?;
        Ok(start_positions(&project(&matrix, &pca, &ctx)?, params.seed))
    })?;
    let affinities = timed("affinities", || Affinities::build(&knn, params.perplexity, &ctx))?;
    println!("  {} edges", affinities.offsets().last().unwrap_or(&0));
    let what = format!("layout, {} epochs", params.epochs);
    let (start, live) = (State::at_rest(start, 0), Latest::default());
    let layout =
        timed(&what, || optimise(affinities, start, &params, &live, &mut |_| None, &mut |_| {}, &ctx));
    let positions = &layout.state.positions;
    let nearest = Knn {
        k: K,
        indices: knn.indices.chunks(knn.k).flat_map(|row| row[..K].to_vec()).collect(),
        similarities: knn.similarities.chunks(knn.k).flat_map(|row| row[..K].to_vec()).collect(),
        ..knn
    };
    let quality = timed("quality", || measure(&matrix, &nearest, positions, 1, &ctx))?;
    println!(
        "trustworthiness {:.4}  continuity {:.4}  kNN kept {:.4}  triplets {:.4}",
        quality.trustworthiness, quality.continuity, quality.knn_kept, quality.triplets
    );
    let flat: Vec<f32> = positions.iter().flatten().copied().collect();
    arrays::write(&folder.join("positions.npy"), &flat, &[rows as u64, 2])?;
    println!("compare: python benches/peers/tsne.py {} {}", path.display(), folder.display());
    Ok(())
}
