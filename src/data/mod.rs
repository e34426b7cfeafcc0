//! The values that flow through the app. They are immutable once made and shared behind `Arc`.
//!
//! Nothing here opens a file or computes: see `io` for where they come from and `stage` for how they follow
//! from each other.

mod asked;
mod clusters;
mod combine;
mod corpus;
mod edits;
mod filter;
mod gather;
mod goals;
mod key;
mod keyword_topics;
mod knn;
mod layout;
mod mask;
mod matrix;
mod names;
mod query;
mod row_map;
mod strings;

pub use asked::{Asked, GoalDeed, GoalParams, MISSED_COST, OVERLAP_COST, Seed};
pub use clusters::{Clusters, UNCLUSTERED};
pub use combine::Combine;
pub use corpus::{Column, ColumnKind, Corpus, DATE_EMPTY, NO_CODE, ReadReport, SkippedRow, Typed};
pub use edits::{Edits, EditsChange, MadeBy, Members, Part, Regrouping, Source, Standing};
pub use filter::{Clause, Condition, Filter};
pub use gather::TypedRows;
pub use goals::{Explanation, GoalView, Goals, HeldOutFigures, QUOTING, SelectionReport};
pub use key::{KEY_BYTES, Key, KeyBuilder};
pub use keyword_topics::{KeywordTopic, KeywordTopics};
pub use knn::{Knn, Recall};
pub use layout::{Layout, MapQuality, Pins};
pub use mask::Mask;
pub use matrix::{Element, LARGEST_HALF, Matrix};
pub use names::{ClusterName, Keyword, Names};
pub use query::{Query, SearchBy};
pub use row_map::{NO_ROW, RowMap, pair};
pub use strings::{Bytes, Offsets, Strings, StringsBuilder};
