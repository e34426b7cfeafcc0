//! What panels show beside the session's own values, computed by workers as inputs change.

use std::sync::Arc;

use crate::data::{Clusters, Corpus};
use crate::session::{Session, Wake};

use super::derived::{Derived, Same};
use super::digest::{self, ClusterDigest, ColumnDigest};

type ClusterKey = (Same<Corpus>, Same<Clusters>, u32);

/// How large the clusters are.
#[derive(Debug)]
pub struct Sizes {
    /// Documents a label.
    pub of: Vec<usize>,
    /// Documents without a cluster.
    pub unclustered: usize,
}

/// Values that follow from the session's.
pub struct Facts {
    columns: Derived<Same<Corpus>, Vec<ColumnDigest>>,
    sizes: Derived<Same<Clusters>, Sizes>,
    cluster: Derived<ClusterKey, ClusterDigest>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            columns: Derived::new("column shapes"),
            sizes: Derived::new("cluster sizes"),
            cluster: Derived::new("cluster shapes"),
        }
    }
}

impl Facts {
    /// Asks for whatever the session's present values need; call it every frame.
    pub fn update(&mut self, session: &Session, wake: &Wake) {
        let Some(corpus) = session.corpus() else { return };
        let shared = corpus.clone();
        self.columns.want(Same(corpus.clone()), wake, move |_| digest::of_corpus(&shared));
        let Some(clusters) = session.clusters() else { return };
        let shared = clusters.clone();
        self.sizes.want(Same(clusters.clone()), wake, move |_| Sizes {
            of: shared.sizes(),
            unclustered: shared.unclustered(),
        });
        let whole = self.columns.of(&Same(corpus.clone())).cloned();
        if let (Some(label), Some(whole)) = (shown_cluster(session), whole) {
            let (corpus, clusters) = (corpus.clone(), clusters.clone());
            let key = (Same(corpus.clone()), Same(clusters.clone()), label);
            self.cluster.want(key, wake, move |_| digest::of_cluster(&corpus, &clusters, label, &whole));
        }
    }

    /// The shapes of the present corpus's columns.
    pub fn columns(&self, session: &Session) -> Option<&Arc<Vec<ColumnDigest>>> {
        self.columns.of(&Same(session.corpus()?.clone()))
    }

    /// The sizes of the present clusters.
    pub fn sizes(&self, session: &Session) -> Option<&Arc<Sizes>> {
        self.sizes.of(&Same(session.clusters()?.clone()))
    }

    /// The cluster whose card is open.
    pub fn cluster(&self, session: &Session) -> Option<&Arc<ClusterDigest>> {
        let label = shown_cluster(session)?;
        self.cluster.of(&(Same(session.corpus()?.clone()), Same(session.clusters()?.clone()), label))
    }
}

/// The cluster looked at, if it exists among the present ones.
pub fn shown_cluster(session: &Session) -> Option<u32> {
    let label = session.focus_cluster()?;
    session.clusters().filter(|clusters| (label as usize) < clusters.count).map(|_| label)
}

/// The title of a cluster.
pub fn cluster_title(session: &Session, label: u32) -> String {
    match session.names().and_then(|names| names.clusters.get(label as usize)) {
        Some(name) => name.title.clone(),
        None => format!("Cluster {}", u64::from(label) + 1),
    }
}

/// The label of a document's cluster.
pub fn cluster_of(session: &Session, document: u32) -> Option<u32> {
    let label = *session.clusters()?.labels.get(document as usize)?;
    (label != crate::data::UNCLUSTERED).then_some(label)
}
