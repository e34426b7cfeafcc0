//! The graphics adapter: what this machine can draw and compute on, and the compute kernels, one file each. Each kernel has a
//! twin in `math`, which gives the same result on the processor and which it is tested against.

mod adapters;
mod batches;
pub mod ceiling;
pub mod cells;
mod codes;
mod context;
pub mod density;
mod error;
mod fourier;
mod kernel;
pub mod kmeans;
mod kmeans_round;
mod lists;
pub mod neighbours;
pub mod pca;
pub mod quality;
mod rows;
mod steps;
pub mod sweep;
mod tiles;
pub mod tsne;
mod tsne_field;
pub mod umap;
pub mod wgsl;

pub use adapters::{Adapter, AdapterInfo, SOFTWARE, adapters, all, describe, is_software};
pub use codes::CodedRows;
pub use context::{Buffer, Context};
pub use error::GpuError;
pub use kernel::{Batch, Kernel, Pace};
pub use tiles::Source;
