//! Algorithms on plain values, on the CPU: rows in, values out. No files; parallel work uses the current rayon
//! pool, and results are equal at any number of threads.

pub mod agreement;
mod best;
mod codes;
pub mod density;
mod exact;
pub mod fuzzy;
pub mod hash;
mod hnsw;
pub mod kd_tree;
pub mod kmeans;
pub mod language;
pub mod leiden;
pub mod neighbour_graph;
pub mod neighbours;
pub mod pca;
pub mod quality;
pub mod random;
mod recall;
mod rows;
mod sample;
mod sweep;
pub mod umap;
pub mod umap_curve;
pub mod vector;
