//! Algorithms on plain values, on the CPU: rows in, values out. No files; parallel work uses the current rayon
//! pool, and results are equal at any number of threads.

pub mod agreement;
pub mod density;
pub mod kmeans;
pub mod leiden;
pub mod neighbour_graph;
pub mod random;
