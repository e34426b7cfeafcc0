//! Files: one file a format, the cache, the project file, the settings. Nothing here computes.

pub mod atomic;
pub mod cache;
pub mod calibration;
pub mod clusters_csv;
mod corpus_part;
pub mod csv_cells;
pub mod document_columns;
pub mod documents_file;
mod documents_parquet;
mod edits_form;
pub mod error;
mod exact;
pub mod explanations_json;
mod filter_form;
mod goals_form;
mod journal;
pub mod line_list;
pub mod machine;
pub mod mapped;
pub mod npy;
pub mod project;
pub mod read;
mod scratch;
mod segment;
pub mod settings;
mod stored_zip;
mod tensors;
mod vector_store;
pub mod watch;
mod withheld;
pub mod word_vectors;
pub mod work;
mod work_values;

pub use error::FileError;
