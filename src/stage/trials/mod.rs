//! Every kernel beside its twin: how alike they are and how long each takes, on data made for it.
//!
//! `calibrate` asks this to choose between the two, `semascope bench` and `gpu-check` to show it.

use std::time::Instant;

use serde::Serialize;

use super::StageError;
use super::compute::{Rates, Work};
use crate::data::{Key, Knn, Matrix, Recall};
use crate::gpu::{Context, GpuError};
use crate::job::Ctx;
use crate::math::hash;

mod components;
mod density;
mod kmeans;
mod layout;
mod neighbours;
mod quality;
mod tsne;

/// Components of a row, neighbours of a point.
const DIM: usize = 256;
const K: usize = 15;

/// Centres that rows lie around.
const CENTRES: usize = 50;

/// How much a trial does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A second or so for all, as a calibration.
    Quick,
    /// Enough to keep a large adapter busy.
    Full,
}

/// What a twin test found.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Agreement {
    /// What is compared, in words.
    pub what: &'static str,
    pub found: f64,
    /// Less is a failure.
    pub least: f64,
}

impl Agreement {
    /// Whether kernel and twin are alike enough.
    pub fn holds(&self) -> bool {
        self.found >= self.least
    }
}

/// One kernel beside its twin.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    pub kernel: &'static str,
    pub work: Work,
    /// What each was given, in words.
    pub given: String,
    pub agreement: Agreement,
    /// Units of work a second, each on an amount that suits it.
    pub rates: Rates,
    /// Seconds on the adapter.
    pub seconds: f64,
    /// Operations on f32 (or sums of codes' products) and bytes that the adapter did and moved at least.
    pub operations: f64,
    pub bytes: f64,
}

/// A kernel's trial.
pub type Run = fn(&Context, Size, &Ctx) -> Result<Trial, GpuError>;

/// All kernels that have a twin.
pub const ALL: &[(&str, Run)] = &[
    ("neighbours", neighbours::by_vectors),
    ("neighbours, coded", neighbours::by_codes),
    ("neighbours, cells", neighbours::by_cells),
    ("k-means", kmeans::clusters),
    ("UMAP layout", layout::umap),
    ("t-SNE layout", tsne::layout),
    ("principal components", components::leading),
    ("density", density::surfaces),
    ("quality", quality::figures),
];

/// What `work` gives and the seconds it takes when done a second time: what is made once does not count.
fn timed<T>(mut work: impl FnMut() -> Result<T, GpuError>) -> Result<(T, f64), GpuError> {
    work()?;
    let started = Instant::now();
    let value = work()?;
    Ok((value, started.elapsed().as_secs_f64().max(1e-9)))
}

/// Work of the processor fails only when it is stopped.
fn unless_stopped<T, E>(done: Result<T, E>, ctx: &Ctx) -> Result<T, GpuError> {
    ctx.cancel.check()?;
    done.map_err(|_| GpuError::Refused("a trial of the processor failed".into()))
}

/// Unit rows around some centres.
fn rows_around_centres(rows: usize) -> Vec<f32> {
    let noise = |seed: u64, i: usize| hash::unit(hash::draw(seed, i as u64)) as f32 - 0.5;
    let mut values = Vec::with_capacity(rows * DIM);
    for row in 0..rows {
        let centre = hash::below(hash::draw(5, row as u64), CENTRES);
        let vector: Vec<f32> =
            (0..DIM).map(|c| noise(6, centre * DIM + c) + 0.7 * noise(7, row * DIM + c)).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        values.extend(vector.iter().map(|x| x / length));
    }
    values
}

fn matrix(values: &[f32]) -> Matrix {
    Matrix::from_vec(Key::of("trial", 1).finish(), "trial", true, DIM, values.to_vec())
}

fn knn_of(indices: Vec<u32>, similarities: Vec<f32>) -> Knn {
    let key = Key::of("trial", 1).finish();
    Knn { key, k: K, indices, similarities, recall: Recall::Exact, method: "trial".into() }
}

impl From<GpuError> for StageError {
    fn from(error: GpuError) -> Self {
        match error {
            GpuError::Cancelled(_) => Self::Cancelled,
            other => Self::failed(format!("{other}.")),
        }
    }
}
