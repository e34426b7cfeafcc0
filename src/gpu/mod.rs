//! Graphics adapters: what this machine can draw and compute on.

mod adapters;

pub use adapters::{AdapterInfo, adapters, describe, is_software};
