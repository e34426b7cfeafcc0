//! Documents on their way out, with what was found about them.

use std::path::PathBuf;
use std::sync::Arc;

use crate::data::{Clusters, Corpus, Edits, Goals, Layout, Names};
use crate::io::document_columns::{Sources, TopicCells};
use crate::io::documents_file::{self, DocumentsFormat};
use crate::job::Snapshot;
use crate::stage::outliers::Outliers;

use super::{Classified, Session, Severity};

/// Which documents are written, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DocumentsExport {
    pub format: DocumentsFormat,
    /// Ascending; none: all.
    pub documents: Option<Arc<Vec<u32>>>,
    /// The goal whose explanations are written, by its id.
    pub goal: Option<u32>,
}

/// What documents are written from, as it is now.
#[derive(Clone)]
pub struct DocumentSources {
    corpus: Arc<Corpus>,
    layout: Option<Arc<Layout>>,
    clusters: Option<Arc<Clusters>>,
    names: Option<Arc<Names>>,
    goals: Option<Arc<Goals>>,
    outliers: Option<Arc<Outliers>>,
    topics: Option<Arc<Classified>>,
    edits: Arc<Edits>,
}

impl DocumentSources {
    /// What is open, with the explanations of `goal`; `None` where nothing is.
    pub fn of(session: &Session, goal: Option<u32>) -> Option<Self> {
        let space = session.space.as_ref()?;
        let classes = space.classes_state(&session.params);
        let answer = goal.and_then(|id| space.goal(id)?.answer.cloned());
        Some(Self {
            corpus: space.corpus.clone(),
            layout: space.layout().cloned(),
            clusters: space.clusters().cloned(),
            names: space.names().cloned(),
            goals: answer.map(|answer| answer.goals().clone()),
            outliers: space.settled_outliers(&session.params).cloned(),
            topics: classes.classified.filter(|_| classes.fresh).cloned(),
            edits: space.edits.clone(),
        })
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            corpus: &self.corpus,
            layout: self.layout.as_deref(),
            clusters: self.clusters.as_deref(),
            names: self.names.as_deref(),
            goals: self.goals.as_deref(),
            outliers: self.outliers.as_ref().map(|outliers| outliers.factors.as_slice()),
            topics: self.topics.as_deref().map(|topics| TopicCells {
                clusters: &topics.clusters,
                names: &topics.names,
                scores: &topics.scores,
            }),
            edits: Some(&self.edits),
        }
    }

    /// About how many bytes an export takes.
    pub fn estimated_bytes(&self, export: &DocumentsExport) -> u64 {
        let documents = export.documents.as_ref().map(|documents| documents.as_slice());
        documents_file::estimated_bytes(export.format, self.sources(), documents)
    }
}

impl Session {
    pub(super) fn export_documents(&mut self, export: DocumentsExport, path: PathBuf) {
        let Some(from) = DocumentSources::of(self, export.goal) else { return };
        if export.goal.is_some() && from.goals.is_none() {
            return self.say(Severity::Info, "This goal has no explanations yet.", None);
        }
        let raw = self.settings.export.raw_cells;
        self.write("export documents", move |ctx| {
            let documents = export.documents.as_ref().map(|documents| documents.as_slice());
            documents_file::write(&path, export.format, from.sources(), documents, raw, ctx)?;
            let rows = documents.map_or(from.corpus.len(), <[u32]>::len);
            let noun = if rows == 1 { "document was" } else { "documents were" };
            Ok((format!("{rows} {noun} written as {}.", export.format.name()), path))
        });
    }

    /// How far the oldest export is that is being written.
    pub fn writing(&self) -> Option<Snapshot> {
        self.writing.first()?.progress().snapshot()
    }

    pub(super) fn stop_writing(&mut self) {
        self.writing.iter().for_each(crate::job::Job::cancel);
    }
}
