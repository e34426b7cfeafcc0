//! What a person looks at: focus, selection, colours, the legend's entries.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::data::{Combine, Mask, NO_CODE, Typed};
use crate::session::{ColourBy, Colouring, Command};

use super::Space;

impl Space {
    /// Changes what is looked at, selected or coloured.
    pub fn look(&mut self, command: Command) {
        let n = self.corpus.len() as u32;
        match command {
            Command::Focus(id) => {
                self.focus = id.filter(|&id| id < n);
                if self.focus.is_some() {
                    self.focus_cluster = None;
                }
            }
            Command::FocusExplanation(explanation) => {
                self.focus_explanation = explanation;
                if explanation.is_some() {
                    (self.focus, self.focus_cluster) = (None, None);
                }
            }
            Command::FocusCluster(cluster) => {
                self.focus_cluster = cluster;
                if cluster.is_some() {
                    self.focus = None;
                }
            }
            Command::Select(ids) => self.combine(Combine::Replace, ids),
            Command::Combine(how, ids) => self.combine(how, ids),
            Command::Search(query) => self.set_query(query),
            Command::SelectAll => {
                self.selection =
                    Arc::new(self.kept().map_or((0..n).collect(), |kept| kept.documents().collect()));
            }
            Command::InvertSelection => {
                let selected = Mask::of_documents(n as usize, &self.selection);
                let others = selected.not();
                let others = self.kept().map_or(others.clone(), |kept| others.and(kept));
                self.selection = Arc::new(others.documents().collect());
            }
            Command::SetColour(by) if by != self.colouring.by => {
                self.colouring = Colouring { by, ..Colouring::default() };
            }
            Command::ToggleEntry(entry) => self.toggle(entry),
            Command::SoloEntry(entry) => self.solo(entry),
            Command::ShowAllEntries => self.colouring.muted.clear(),
            Command::SetEntryColour(entry, Some(colour)) => {
                self.colouring.own_colours.insert(entry, colour);
            }
            Command::SetEntryColour(entry, None) => {
                self.colouring.own_colours.remove(&entry);
            }
            _ => {}
        }
    }

    fn combine(&mut self, how: Combine, mut ids: Vec<u32>) {
        ids.retain(|&id| (id as usize) < self.corpus.len());
        ids.sort_unstable();
        ids.dedup();
        self.selection = Arc::new(how.of(&self.selection, &ids));
    }

    fn toggle(&mut self, entry: u32) {
        if !self.colouring.muted.remove(&entry) {
            self.colouring.muted.insert(entry);
        }
    }

    fn solo(&mut self, entry: u32) {
        let entries = self.legend_entries();
        let others: BTreeSet<u32> = entries.into_iter().filter(|&e| e != entry).collect();
        self.colouring.muted = if self.colouring.muted == others { Default::default() } else { others };
    }

    /// The entries that the present colouring's legend has, "no value" ([`crate::data::NO_CODE`]) among them.
    fn legend_entries(&self) -> Vec<u32> {
        let count = match self.colouring.by {
            ColourBy::Cluster => self.clusters().map_or(0, |clusters| clusters.count),
            ColourBy::Topic(level) => self.topics().get(level).map_or(0, |(clusters, _)| clusters.count),
            ColourBy::Column(column) => match self.corpus.columns.get(column).map(|column| &column.typed) {
                Some(Typed::Category { levels, .. } | Typed::List { levels, .. }) => levels.len(),
                _ => 0,
            },
            ColourBy::Goal(goal) => self.goal_clusters(goal).map_or(0, |(clusters, _)| clusters.count),
            ColourBy::Searches => self.edits.queries.len(),
            ColourBy::KeywordTopic => self.edits.keyword_topics.topics.len(),
            ColourBy::Outliers
            | ColourBy::Torn
            | ColourBy::Crowded
            | ColourBy::Shaky
            | ColourBy::Kept
            | ColourBy::Explanation(..)
            | ColourBy::Nothing => 0,
        };
        (0..count as u32).chain([NO_CODE]).collect()
    }
}
