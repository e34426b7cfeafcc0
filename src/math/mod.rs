//! Algorithms on plain values, on the CPU: rows in, values out. No files; parallel work uses the current rayon
//! pool, and results are equal at any number of threads.

pub mod agreement;
mod best;
mod codes;
pub mod density;
mod exact;
mod hnsw;
pub mod kmeans;
pub mod leiden;
pub mod neighbour_graph;
pub mod neighbours;
pub mod random;
mod recall;
mod rows;
mod sample;
mod sweep;
pub mod vector;
