//! Files: corpora in, results out.

pub mod read;
