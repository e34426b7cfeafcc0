//! Plain algorithms on the CPU: rows in, values out. No files; parallel work runs in rayon's current pool.

mod best;
mod codes;
mod exact;
mod hnsw;
pub mod neighbours;
mod recall;
mod rows;
mod sample;
mod sweep;
pub mod vector;
