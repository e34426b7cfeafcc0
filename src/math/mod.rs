//! Algorithms on plain values, on the CPU: rows in, values out. No files; parallel work uses the current rayon
//! pool, and results are equal at any number of threads.

pub mod agreement;
pub mod class_tfidf;
pub mod density;
pub mod exemplars;
pub mod kmeans;
pub mod language;
pub mod leiden;
mod leiden_round;
pub mod neighbour_graph;
pub mod random;
pub mod stop_words;
pub mod terms;
pub mod titles;
