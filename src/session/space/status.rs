//! Where the steps stand, in words for the pipeline panel.

use crate::data::{Clusters, Knn, Layout, Recall};
use crate::session::{Step, StepState, StepStatus};
use crate::stage::Params;

use super::Space;

impl Space {
    /// Where a step stands.
    pub fn step(&self, step: Step, params: &Params) -> StepStatus {
        let (state, summary, took) = match step {
            Step::Corpus => (StepState::Done, format!("{} documents", grouped(self.corpus.len())), None),
            Step::Embed => {
                let request = Some(self.embed_request(params));
                let summary = self.embedded.value().map(|e| e.summary.clone()).unwrap_or_default();
                (self.embedded.state(request), summary, self.embedded.took)
            }
            Step::Neighbours => {
                let summary = self.knn().map(|knn| summary_of(knn)).unwrap_or_default();
                (self.knn.state(self.knn_request(params)), summary, self.knn.took)
            }
            Step::Map => {
                let summary = self.layout().map(|l| summary_of_map(l)).unwrap_or_default();
                (self.map.state(self.map_request(params)), summary, self.map.took)
            }
            Step::Quality => {
                let summary = self
                    .quality()
                    .map(|q| format!("{:.1}% of neighbours kept", 100.0 * q.knn_kept))
                    .unwrap_or_default();
                (self.quality.state(self.quality_request()), summary, self.quality.took)
            }
            Step::Clusters => {
                let summary = self
                    .clusters()
                    .map(|c| summary_of_clusters(self.cluster_count(), c, self.unclustered(c)))
                    .unwrap_or_default();
                (self.clusters.state(self.clusters_request(params)), summary, self.clusters.took)
            }
            Step::Names => (self.names.state(self.names_request()), String::new(), self.names.took),
            Step::Topics => {
                let counts: Vec<String> =
                    self.topics().iter().map(|(clusters, _)| clusters.count.to_string()).collect();
                let summary = if counts.is_empty() { String::new() } else { counts.join(" · ") };
                (self.topics.state(self.topics_request(params)), summary, self.topics.took)
            }
        };
        StepStatus { state, summary, took }
    }

    /// How many documents have no cluster, counted once: panels ask every frame.
    fn unclustered(&self, clusters: &Clusters) -> usize {
        match self.counted.get() {
            Some((key, count)) if key == clusters.key => count,
            _ => {
                let count = clusters.unclustered();
                self.counted.set(Some((clusters.key, count)));
                count
            }
        }
    }
}

fn summary_of(knn: &Knn) -> String {
    match knn.recall {
        Recall::Exact => format!("{} each, {}", knn.k, knn.method),
        Recall::Estimated { share, .. } => {
            format!("{} each, {}, about {:.1}% of the true ones", knn.k, knn.method, 100.0 * share)
        }
    }
}

fn summary_of_map(layout: &Layout) -> String {
    let (done, all) = layout.epochs;
    if done < all { format!("{}, stopped at {done} of {all}", layout.method) } else { layout.method.clone() }
}

fn summary_of_clusters(count: usize, clusters: &Clusters, without: usize) -> String {
    let share = 100.0 * without as f64 / clusters.labels.len().max(1) as f64;
    let none = match without {
        0 => String::new(),
        // Where documents are left out by the handful, their number says more.
        _ if share < 1.0 => format!(", {} left out", grouped(without)),
        _ => format!(", {share:.0}% left out"),
    };
    format!("{count} by {}{none}", clusters.method)
}

/// A count with its thousands set apart.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
