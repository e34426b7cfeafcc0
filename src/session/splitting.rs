//! Splitting a cluster into parts, on a worker.

use std::sync::Arc;

use super::{NoticeAction, Session, Severity};
use crate::data::Key;
use crate::job::{Job, Outcome};
use crate::stage::{self, StageError};

/// A cluster that is being split: its label, the key of the clusters it is of, and the groups to come.
pub(super) type Splitting = (u32, Key, Job<Result<Vec<Vec<u32>>, StageError>>);

impl Session {
    /// Parts a cluster by what its documents say, on a worker.
    pub(super) fn start_split(&mut self, label: u32, parts: usize) {
        let Some(space) = &self.space else { return };
        let (Some(clusters), Some(matrix)) = (space.clusters(), space.matrix().cloned()) else { return };
        let Some(members) = space.members(label) else { return };
        let (key, seed) = (clusters.key, self.params.clusters.kmeans.seed);
        let job = Job::spawn("split", self.wake.clone(), move |ctx| {
            stage::split::run(&matrix, members.documents(), parts, seed, ctx)
        });
        match job {
            Ok(job) => self.splitting = Some((label, key, job)),
            Err(error) => self.say(Severity::Error, format!("The system gives no thread: {error}."), None),
        }
    }

    pub(super) fn poll_splitting(&mut self) {
        let Some(outcome) = self.splitting.as_ref().and_then(|(_, _, job)| job.poll()) else { return };
        let Some((label, key, _)) = self.splitting.take() else { return };
        let before = self.doing();
        let Some(space) = &mut self.space else { return };
        match outcome {
            // Clusters that were computed or edited meanwhile have another meaning.
            Outcome::Done(Ok(_)) if space.clusters().is_none_or(|clusters| clusters.key != key) => {
                self.say(
                    Severity::Warning,
                    "The clusters have changed, so nothing was split. Try again.",
                    None,
                );
            }
            Outcome::Done(Ok(groups)) => {
                if let Some(edits) = space.split(label, groups) {
                    space.edits = Arc::new(edits);
                }
                if let Some(before) = before {
                    self.note("Split cluster", before, false);
                }
            }
            Outcome::Done(Err(StageError::Cancelled)) => {}
            Outcome::Done(Err(StageError::Failed(sentence))) => self.say(Severity::Warning, sentence, None),
            Outcome::Panicked(message) => self.say(
                Severity::Error,
                format!("The cluster was not split: an internal error ({message})."),
                Some(("Report a problem…".into(), NoticeAction::ReportProblem)),
            ),
        }
    }
}
