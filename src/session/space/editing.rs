//! Clusters as a person wants them: edits by command, and how they meet what was computed.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::data::{Clusters, Edits, Key, KeywordTopics, Members, Names, Part, Standing, UNCLUSTERED};
use crate::io::project::Project;
use crate::job::Ctx;
use crate::session::{Command, Wake};
use crate::stage;
use crate::stage::regroup::{self, Regrouped};

use super::{LoadedModel, Space, model};

/// Computed clusters with the edits made.
pub(in crate::session) struct Grouped {
    /// The key of the computed ones.
    base: Key,
    edits: Arc<Edits>,
    regrouped: Regrouped,
}

impl Grouped {
    /// The clusters of a project as a person left them, so that they show so from the first frame on. Takes its time
    /// where documents are many.
    pub fn of(project: &Project, ctx: &Ctx) -> Option<Self> {
        let base = project.clusters.as_ref().filter(|_| !project.edits.regroupings.is_empty())?;
        let regrouped = regroup::run(base, project.knn.as_deref(), &project.edits, ctx).ok()?;
        Some(Self { base: base.key, edits: project.edits.clone(), regrouped })
    }
}

/// The names that are shown, and what they were put together from.
pub(super) struct ShownNames {
    parts: (Key, Option<Key>, Option<Key>),
    edits: Arc<Edits>,
    names: Arc<Names>,
}

impl Space {
    /// The clusters as they were computed.
    pub fn base_clusters(&self) -> Option<&Arc<Clusters>> {
        self.clusters.value()
    }

    /// The clusters with the edits made.
    pub fn clusters(&self) -> Option<&Arc<Clusters>> {
        match self.grouped() {
            Some(grouped) => Some(&grouped.regrouped.clusters),
            None => self.base_clusters(),
        }
    }

    /// How many clusters have documents: those that a person emptied do not count.
    pub fn cluster_count(&self) -> usize {
        match self.grouped() {
            Some(grouped) => grouped.regrouped.present,
            None => self.base_clusters().map_or(0, |clusters| clusters.count),
        }
    }

    fn grouped(&self) -> Option<&Grouped> {
        self.grouped.value().filter(|_| !self.edits.regroupings.is_empty())
    }

    /// The names that belong to [`Space::clusters`].
    pub fn names(&self) -> Option<&Arc<Names>> {
        self.shown_names.as_ref().map(|shown| &shown.names)
    }

    /// Edits (their keys) that do not fit the present clusters.
    pub fn unsettled(&self) -> Vec<Key> {
        let Some(grouped) = self.grouped() else { return Vec::new() };
        let keys = grouped.regrouped.unsettled.iter();
        keys.filter_map(|&at| grouped.edits.regroupings.get(at).map(|regrouping| regrouping.key)).collect()
    }

    fn grouped_request(&self) -> Option<Key> {
        let base = self.base_clusters().filter(|_| !self.edits.regroupings.is_empty())?;
        Some(Key::of("grouped request", 1).input(base.key).input(self.edits.shape()).finish())
    }

    fn edited_names_request(&self) -> Option<Key> {
        let grouped = self.grouped().filter(|_| !self.grouped.is_running())?;
        let changed = grouped.regrouped.clusters.key != grouped.base;
        changed.then(|| {
            let clusters = grouped.regrouped.clusters.key;
            Key::of("edited names request", 1).input(clusters).input(self.corpus.key).finish()
        })
    }

    /// Starts what edits make stale.
    pub(super) fn start_editing(&mut self, embedder: Option<&LoadedModel>, wake: &Wake) {
        let request = self.grouped_request();
        self.grouped.recall(request);
        if let Some(key) = request.filter(|_| self.grouped.needs(request))
            && let Some(base) = self.base_clusters().cloned()
        {
            let (edits, knn) = (self.edits.clone(), self.knn().cloned());
            self.grouped.start("edits", key, wake.clone(), move |ctx| {
                let regrouped = regroup::run(&base, knn.as_deref(), &edits, ctx)?;
                Ok(Grouped { base: base.key, edits, regrouped })
            });
        }
        let request = self.take_kept_names();
        if let Some(key) = request.filter(|_| self.edited_names.needs(request))
            && let (Some(clusters), Some(matrix)) = (self.clusters().cloned(), self.matrix().cloned())
        {
            let (corpus, embedder) = (self.corpus.clone(), model(embedder));
            self.edited_names.start("names", key, wake.clone(), move |ctx| {
                stage::names::run(&corpus, &matrix, &clusters, embedder.as_deref(), ctx).map(Arc::new)
            });
        }
        self.renew_names();
    }

    /// Names that came with a project are those of its edits. Returns what names the present edits want.
    fn take_kept_names(&mut self) -> Option<Key> {
        let request = self.edited_names_request();
        self.edited_names.recall(request);
        if let (Some(key), Some(names)) = (request, &self.kept_names)
            && self.clusters().is_some_and(|clusters| clusters.count == names.clusters.len())
        {
            self.edited_names.fill(key, names.clone());
        }
        if request.is_some() {
            self.kept_names = None;
        }
        request
    }

    /// Takes over the clusters and names of a project with its edits, computed beforehand.
    pub(super) fn fill_edited(&mut self, grouped: Option<Grouped>, names: Option<Arc<Names>>) {
        self.kept_names = names;
        if let (Some(grouped), Some(request)) = (grouped, self.grouped_request()) {
            self.grouped.fill(request, grouped);
        }
        self.take_kept_names();
        self.renew_names();
    }

    /// Puts the shown names together again if anything they depend on has changed.
    pub(super) fn renew_names(&mut self) {
        let Some(computed) = self.names.fresh(self.names_request()) else {
            self.shown_names = None;
            return;
        };
        let base = self.base_clusters().map(|clusters| clusters.key);
        let grouped = self.grouped().filter(|grouped| Some(grouped.base) == base);
        if self.grouped().is_some() && grouped.is_none() {
            // The edits meet the new clusters in a moment.
            self.shown_names = None;
            return;
        }
        let fresh = self.edited_names.fresh(self.edited_names_request());
        let parts = (
            computed.key,
            grouped.map(|grouped| grouped.regrouped.clusters.key),
            fresh.map(|names| names.key),
        );
        // Where only titles have changed since, the places of the edits are the same.
        let edits = match grouped {
            Some(grouped) if !self.is_of_present_shape(grouped) => &grouped.edits,
            _ => &self.edits,
        };
        let same = |shown: &ShownNames| shown.parts == parts && Arc::ptr_eq(&shown.edits, edits);
        if self.shown_names.as_ref().is_some_and(same) {
            return;
        }
        let names = match grouped {
            Some(grouped) => {
                Arc::new(regroup::names(&grouped.regrouped, edits, computed, fresh.map(|names| &**names)))
            }
            None => computed.clone(),
        };
        self.shown_names = Some(ShownNames { parts, edits: edits.clone(), names });
    }

    /// The edits after a command; `None` if it changes nothing, or is about nothing that is there.
    pub fn edited(&self, command: &Command) -> Option<Edits> {
        let edits = match command {
            Command::RenameCluster(label, title) => {
                let title = Some(title.trim().to_owned()).filter(|title| !title.is_empty());
                let made_by = self.made_by(*label);
                self.edits.rename(made_by, self.base_clusters()?.key, self.members(*label)?, title)
            }
            Command::MergeClusters(labels) => self.merged(labels)?,
            Command::DissolveCluster(label) => {
                let gone = Part { title: None, members: self.members(*label)?, dissolved: true };
                self.regrouped_to(&[*label], vec![gone])?
            }
            Command::GroupDocuments(documents, title) => {
                let members = Members::new(self.known(documents));
                if members.is_empty() {
                    return None;
                }
                let part = Part { title: title.clone(), members, dissolved: false };
                let base = self.base_clusters()?.key;
                self.edits.regroup(base, &BTreeSet::new(), vec![part], Standing::Insists)
            }
            Command::UneditCluster(label) => {
                let (at, _) = self.made_by(*label)?;
                self.edits.forget(self.edits.regroupings.get(at)?.key)
            }
            Command::SettleEdit(edit, standing) => self.edits.settle(*edit, *standing),
            Command::ForgetEdit(edit) => self.edits.forget(*edit),
            Command::Tag(tag, documents) => {
                let members = Members::new(self.known(documents));
                let tag = tag.trim();
                if tag.is_empty() || members.is_empty() {
                    return None;
                }
                self.edits.tag(tag, &members)
            }
            Command::Pin { document, place, .. } if (*document as usize) < self.corpus.len() => {
                self.edits.pin(*document, *place)
            }
            Command::Unpin(documents) => self.edits.unpin(documents),
            Command::AskGoal(..) | Command::SteerGoal(..) | Command::ForgetGoal(_) => {
                self.goals_edited(command)?
            }
            Command::SetFilter(_)
            | Command::KeepFilter(_)
            | Command::ForgetFilter(_)
            | Command::ToggleQuery(_) => self.filters_edited(command)?,
            Command::SetTopics(topics) => self.edits.with_topics((**topics).clone()),
            Command::ClearTopics => self.edits.with_topics(KeywordTopics::default()),
            Command::Untag(tag, documents) => self.edits.untag(tag, &Members::new(documents.clone())),
            _ => return None,
        };
        (edits != *self.edits).then_some(edits)
    }

    /// The edits after a cluster was split into these groups of its documents.
    pub fn split(&self, label: u32, groups: Vec<Vec<u32>>) -> Option<Edits> {
        let part = |documents| Part { title: None, members: Members::new(documents), dissolved: false };
        self.regrouped_to(&[label], groups.into_iter().map(part).collect())
    }

    fn merged(&self, labels: &[u32]) -> Option<Edits> {
        let labels: BTreeSet<u32> = labels.iter().copied().collect();
        if labels.len() < 2 {
            return None;
        }
        let labels: Vec<u32> = labels.into_iter().collect();
        // A title that a person gave goes on, that of the largest cluster first.
        let sizes = self.clusters()?.sizes();
        let title_of = |label: &u32| {
            let (at, part) = self.made_by(*label)?;
            let title = self.edits.regroupings.get(at)?.parts.get(part)?.title.clone()?;
            Some((sizes.get(*label as usize).copied().unwrap_or_default(), title))
        };
        let title = labels.iter().filter_map(title_of).max_by_key(|(size, _)| *size).map(|(_, title)| title);
        let part = Part { title, members: self.members_of(&labels)?, dissolved: false };
        self.regrouped_to(&labels, vec![part])
    }

    /// Parts the clusters `labels` anew. Edits that made any of them go into the new one, with their other parts.
    fn regrouped_to(&self, labels: &[u32], mut parts: Vec<Part>) -> Option<Edits> {
        let base = self.base_clusters()?;
        let touched: BTreeSet<usize> =
            labels.iter().filter_map(|&label| Some(self.made_by(label)?.0)).collect();
        let made_by: &[_] = self.grouped().map_or(&[], |grouped| &grouped.regrouped.made_by);
        for &at in &touched {
            for (p, part) in self.edits.regroupings.get(at)?.parts.iter().enumerate() {
                let label = made_by.iter().position(|made_by| *made_by == Some((at, p)));
                let members = match label {
                    Some(label) if labels.contains(&(label as u32)) => continue,
                    Some(label) => self.members(label as u32)?,
                    None if part.dissolved => part.members.clone(),
                    None => continue,
                };
                parts.push(Part { members, ..part.clone() });
            }
        }
        parts.retain(|part| !part.members.is_empty());
        Some(self.edits.regroup(base.key, &touched, parts, Standing::Follows))
    }

    /// The edit that made a cluster, and which of its parts it is.
    pub fn made_by(&self, label: u32) -> Option<(usize, usize)> {
        let grouped = self.grouped()?;
        (*grouped.regrouped.made_by.get(label as usize)?).filter(|_| self.is_of_present_shape(grouped))
    }

    /// Whether clusters were regrouped as the present edits would.
    fn is_of_present_shape(&self, grouped: &Grouped) -> bool {
        Arc::ptr_eq(&grouped.edits, &self.edits) || grouped.edits.shape() == self.edits.shape()
    }

    /// The documents of a cluster, as clusters that were computed where it is one.
    pub fn members(&self, label: u32) -> Option<Members> {
        self.members_of(&[label])
    }

    fn members_of(&self, labels: &[u32]) -> Option<Members> {
        let (clusters, base) = (self.clusters()?, self.base_clusters()?);
        if labels.iter().any(|&label| label == UNCLUSTERED || label as usize >= clusters.count) {
            return None;
        }
        let Some(grouped) = self.grouped() else { return Some(Members::of_clusters(base, labels)) };
        let now = Members::of_clusters(clusters, labels);
        let mut origins = Vec::new();
        for &label in labels {
            origins.extend(grouped.regrouped.origins.get(label as usize).into_iter().flatten().copied());
        }
        let computed = Members::of_clusters(base, &origins);
        // The short way to write them must lead to the same documents.
        Some(if computed == now { computed } else { Members::new(now.documents().to_vec()) })
    }

    fn known(&self, documents: &[u32]) -> Vec<u32> {
        let n = self.corpus.len() as u32;
        documents.iter().copied().filter(|&id| id < n).collect()
    }
}
