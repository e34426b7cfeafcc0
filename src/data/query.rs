//! What a person searches for.

use serde::{Deserialize, Serialize};

/// What a query's text is compared by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchBy {
    /// The words that stand in documents.
    #[default]
    Words,
    /// What documents mean: the text is embedded as they were.
    Meaning,
}

/// A search, by words or by meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Query {
    pub text: String,
    pub by: SearchBy,
}
