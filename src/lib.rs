//! Semascope explores embedding spaces: a corpus is read, embedded, mapped, clustered and named on this machine.
//!
//! Values flow one way, from a corpus to a view; each layer below imports only from those above it
//! (`tests/layers.rs` keeps it so):
//!
//! | level | module | holds |
//! |---|---|---|
//! | 0 | [`data`] | the values: corpus, matrix, neighbours, layout, clusters, names, and their keys |
//! | 1 | [`job`] | progress, cancel, events out, latest parameters in |
//! | 2 | [`math`], [`gpu`], [`io`] | plain algorithms; graphics adapters; files |
//! | 3 | [`model`] | weights and tokenizers |
//! | 4 | [`embed`] | text to vectors |
//! | 5 | [`stage`] | one file a step of the flow |
//! | 6 | [`session`] | the open project: what is stale, commands, jobs |
//! | 7 | [`view`] | painting the map |
//! | 8 | [`ui`], [`headless`] | the window; the command line |

pub mod data;
pub mod embed;
pub mod gpu;
pub mod headless;
pub mod io;
pub mod job;
pub mod math;
pub mod model;
pub mod session;
pub mod stage;
pub mod ui;
pub mod view;
