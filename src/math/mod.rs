//! Plain CPU algorithms: rows in, values out, on rayon's current pool.

pub mod fuzzy;
pub mod hash;
pub mod kd_tree;
pub mod pca;
pub mod quality;
pub mod umap;
pub mod umap_curve;
