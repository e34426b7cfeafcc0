//! What the clusters are about.

use serde::{Deserialize, Serialize};

use super::Key;

/// A word or phrase that sets a cluster apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keyword {
    /// In its commonest surface form.
    pub term: String,
    /// Class-based TF-IDF weight; the first keyword's is the largest.
    pub score: f32,
}

/// The name of one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterName {
    /// No two clusters of one clustering share a title.
    pub title: String,
    /// Best first.
    pub keywords: Vec<Keyword>,
    /// Documents that stand for the cluster: near its centre, and different from each other.
    pub exemplars: Vec<u32>,
}

/// One name a cluster, in the order of their labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Names {
    pub key: Key,
    pub clusters: Vec<ClusterName>,
}
