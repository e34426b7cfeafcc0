//! Algorithms on plain values, on the CPU: rows in, values out. No files; parallel work uses the current rayon
//! pool, and results are equal at any number of threads.

pub mod agreement;
mod best;
pub mod class_tfidf;
mod code_products;
mod codes;
pub mod density;
pub mod emerging;
mod exact;
pub mod exemplars;
pub mod fuzzy;
pub mod halves;
pub mod hash;
mod hnsw;
pub mod kd_tree;
pub mod kmeans;
pub mod language;
pub mod leiden;
mod leiden_round;
pub mod neighbour_graph;
pub mod neighbours;
pub mod newcomers;
pub mod pca;
pub mod place;
pub mod quality;
pub mod random;
pub mod ranking;
mod recall;
mod rows;
mod sample;
pub mod stop_words;
mod sweep;
pub mod terms;
pub mod titles;
pub mod umap;
pub mod umap_curve;
pub mod vector;
