//! What a person did by hand to clusters and documents.
//!
//! Everything is kept by documents, never by a cluster's number: a number means nothing once clusters are computed
//! again, while "these documents belong together" still does. How edits meet newly computed clusters is the stage
//! `regroup`'s business.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Asked, Clusters, Filter, Key, KeywordTopics, Pins, Query};

/// Document ids, ascending and without repeats.
#[derive(Clone, Debug)]
pub struct Members {
    documents: Arc<Vec<u32>>,
    key: Key,
    source: Option<Source>,
}

/// Clusters that hold just these documents: a short way to write a long list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The key of the [`Clusters`].
    pub clusters: Key,
    pub labels: Vec<u32>,
}

impl Members {
    /// Takes ids in any order.
    pub fn new(mut documents: Vec<u32>) -> Self {
        documents.sort_unstable();
        documents.dedup();
        let key = Key::of("members", 1).bytes(bytemuck::cast_slice(&documents)).finish();
        Self { documents: Arc::new(documents), key, source: None }
    }

    /// The documents of these clusters.
    pub fn of_clusters(clusters: &Clusters, labels: &[u32]) -> Self {
        let mut labels = labels.to_vec();
        labels.sort_unstable();
        labels.dedup();
        let wanted = |label: &u32| labels.binary_search(label).is_ok();
        let of_labels = clusters.labels.iter().enumerate().filter(|(_, label)| wanted(label));
        let mut members = Self::new(of_labels.map(|(i, _)| i as u32).collect());
        members.source = Some(Source { clusters: clusters.key, labels });
        members
    }

    /// The same documents, known to be those of `source`.
    pub fn with_source(mut self, source: Source) -> Self {
        self.source = Some(source);
        self
    }

    /// The ids, ascending.
    pub fn documents(&self) -> &Arc<Vec<u32>> {
        &self.documents
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Of the ids.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The clusters that hold just these documents, where that is known.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    pub fn contains(&self, document: u32) -> bool {
        self.documents.binary_search(&document).is_ok()
    }

    /// Those of `self` or `other`.
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.documents.to_vec();
        all.extend(other.documents.iter());
        Self::new(all)
    }

    /// Those of `self` that `other` lacks.
    pub fn without(&self, other: &Self) -> Self {
        Self::new(self.documents.iter().copied().filter(|&id| !other.contains(id)).collect())
    }
}

impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

/// One cluster as a person wants it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Given by hand; `None`: named like every other cluster.
    pub title: Option<String>,
    pub members: Members,
    /// The cluster was deleted: its documents belong to none.
    pub dissolved: bool,
}

/// What becomes of a regrouping when clusters are computed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It follows its documents where most of them stay together, and else asks.
    #[default]
    Follows,
    /// Its documents belong together whatever is computed.
    Insists,
    /// The computed clusters are used; it is kept, and can be taken up again.
    SetAside,
}

/// Some clusters, parted anew by hand: renamed, merged, split or deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct Regrouping {
    /// Of everything below.
    pub key: Key,
    /// The key of the computed clusters that it was made on.
    pub made_on: Key,
    /// Without common documents.
    pub parts: Vec<Part>,
    /// Only the title is by hand; the one part is a cluster as it was computed.
    pub only_named: bool,
    pub standing: Standing,
    shape: Key,
}

impl Regrouping {
    /// A regrouping with its key.
    pub fn new(made_on: Key, parts: Vec<Part>, only_named: bool, standing: Standing) -> Self {
        let mut key = Key::of("regrouping", 1).input(made_on).params(&(only_named, standing));
        let mut shape = Key::of("regrouping's shape", 1).input(made_on).params(&(only_named, standing));
        for part in &parts {
            key = key.input(part.members.key()).params(&(&part.title, part.dissolved));
            shape = shape.input(part.members.key()).params(&part.dissolved);
        }
        Self { key: key.finish(), made_on, parts, only_named, standing, shape: shape.finish() }
    }

    /// The same with another standing.
    pub fn standing(&self, standing: Standing) -> Self {
        Self::new(self.made_on, self.parts.clone(), self.only_named, standing)
    }

    /// What the parts are, without their titles: all that clusters depend on.
    pub fn shape(&self) -> Key {
        self.shape
    }

    /// The documents of all parts.
    pub fn documents(&self) -> Members {
        Members::new(self.parts.iter().flat_map(|part| part.members.documents().iter().copied()).collect())
    }
}

/// Which regrouping and which of its parts made a cluster.
pub type MadeBy = (usize, usize);

/// Everything that was done by hand. Immutable: every change makes another one, and undo puts an older one back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edits {
    /// In the order in which they are applied.
    pub regroupings: Vec<Arc<Regrouping>>,
    /// Marks on documents.
    pub tags: BTreeMap<String, Members>,
    /// Documents that hold still on the map.
    pub pins: Pins,
    /// Goals that were asked for, in this order, and what was done to their explanations.
    pub goals: Vec<Arc<Asked>>,
    /// Which documents show.
    pub filter: Filter,
    /// Filters that were kept, by their names.
    pub kept_filters: BTreeMap<String, Filter>,
    /// Searches that were kept: what they find can be told apart by colour.
    pub queries: Vec<Query>,
    /// Topics described by keywords.
    pub keyword_topics: KeywordTopics,
}

/// What turns one [`Edits`] into another, in the size of what was changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EditsChange {
    /// Keys of regroupings that are gone.
    pub gone: Vec<Key>,
    /// New ones, each with its place among those that stay, ascending.
    pub new: Vec<(usize, Arc<Regrouping>)>,
    /// Changed tags; `None`: removed.
    pub tags: BTreeMap<String, Option<Members>>,
    /// Changed pins; `None`: released.
    pub pins: BTreeMap<u32, Option<[f32; 2]>>,
    /// All goals, where any was changed: they are few. Likewise for what follows.
    pub goals: Option<Vec<Arc<Asked>>>,
    pub filter: Option<Filter>,
    pub kept_filters: Option<BTreeMap<String, Filter>>,
    pub queries: Option<Vec<Query>>,
    pub keyword_topics: Option<KeywordTopics>,
}

impl EditsChange {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty()
            && self.new.is_empty()
            && self.tags.is_empty()
            && self.pins.is_empty()
            && self.goals.is_none()
            && self.filter.is_none()
            && self.kept_filters.is_none()
            && self.queries.is_none()
            && self.keyword_topics.is_none()
    }
}

impl Edits {
    /// Whether nothing was done.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Gives a cluster a title, or its computed one back.
    ///
    /// `made_by` says which edit made the cluster, if one did; `members` are its documents, `made_on` the key of the
    /// computed clusters.
    pub fn rename(
        &self,
        made_by: Option<MadeBy>,
        made_on: Key,
        members: Members,
        title: Option<String>,
    ) -> Self {
        let mut edits = self.clone();
        // What was named a moment ago may not be known yet to have been.
        let just_named = || {
            let same = |one: &Arc<Regrouping>| {
                one.only_named
                    && one.made_on == made_on
                    && one.parts.iter().all(|part| part.members == members)
            };
            self.regroupings.iter().position(same).map(|at| (at, 0))
        };
        let made_by = made_by.or_else(just_named);
        let existing = made_by.and_then(|(at, part)| Some((at, part, self.regroupings.get(at)?)));
        match existing {
            Some((at, _, regrouping)) if title.is_none() && regrouping.only_named => {
                edits.regroupings.remove(at);
            }
            Some((at, part, regrouping)) => {
                let mut parts = regrouping.parts.clone();
                if let Some(part) = parts.get_mut(part) {
                    part.title = title;
                }
                let Regrouping { made_on, only_named, standing, .. } = **regrouping;
                edits.regroupings[at] = Arc::new(Regrouping::new(made_on, parts, only_named, standing));
            }
            None if title.is_none() => {}
            None => {
                let part = Part { title, members, dissolved: false };
                let regrouping = Regrouping::new(made_on, vec![part], true, Standing::Follows);
                edits.regroupings.push(Arc::new(regrouping));
            }
        }
        edits
    }

    /// Parts some clusters anew. It takes the place of the edits `touched`, which made some of these clusters: their
    /// other parts belong into `parts`.
    pub fn regroup(
        &self,
        made_on: Key,
        touched: &BTreeSet<usize>,
        parts: Vec<Part>,
        standing: Standing,
    ) -> Self {
        let others = self.regroupings.iter().enumerate().filter(|(at, _)| !touched.contains(at));
        let mut regroupings: Vec<_> = others.map(|(_, regrouping)| regrouping.clone()).collect();
        regroupings.push(Arc::new(Regrouping::new(made_on, parts, false, standing)));
        Self { regroupings, ..self.clone() }
    }

    /// Settles what becomes of a regrouping.
    pub fn settle(&self, regrouping: Key, standing: Standing) -> Self {
        let mut edits = self.clone();
        for one in &mut edits.regroupings {
            if one.key == regrouping {
                *one = Arc::new(one.standing(standing));
            }
        }
        edits
    }

    /// Forgets a regrouping: the computed clusters are back.
    pub fn forget(&self, regrouping: Key) -> Self {
        let mut edits = self.clone();
        edits.regroupings.retain(|one| one.key != regrouping);
        edits
    }

    /// Tags documents.
    pub fn tag(&self, tag: &str, members: &Members) -> Self {
        let mut edits = self.clone();
        let all = edits.tags.get(tag).map_or_else(|| members.clone(), |tagged| tagged.union(members));
        edits.tags.insert(tag.to_owned(), all);
        edits
    }

    /// Takes a tag off documents; a tag without documents is gone.
    pub fn untag(&self, tag: &str, members: &Members) -> Self {
        let mut edits = self.clone();
        if let Some(tagged) = edits.tags.get_mut(tag) {
            *tagged = tagged.without(members);
            if tagged.is_empty() {
                edits.tags.remove(tag);
            }
        }
        edits
    }

    /// Puts a document somewhere on the map, where it holds still from now on; a place that is none changes nothing.
    pub fn pin(&self, document: u32, place: [f32; 2]) -> Self {
        let mut edits = self.clone();
        if place.iter().all(|v| v.is_finite()) {
            edits.pins.insert(document, place);
        }
        edits
    }

    /// Lets documents move again.
    pub fn unpin(&self, documents: &[u32]) -> Self {
        let mut edits = self.clone();
        edits.pins.retain(|document, _| !documents.contains(document));
        edits
    }

    /// The tags of a document, in alphabetical order.
    pub fn tags_of(&self, document: u32) -> impl Iterator<Item = &str> {
        let tagged = self.tags.iter().filter(move |(_, members)| members.contains(document));
        tagged.map(|(tag, _)| tag.as_str())
    }

    /// Of everything that changes which documents belong together; titles do not.
    pub fn shape(&self) -> Key {
        let shapes = self.regroupings.iter().map(|regrouping| regrouping.shape());
        shapes.fold(Key::of("edits' shape", 1), |key, shape| key.input(shape)).finish()
    }

    /// What turns `self` into `other`.
    pub fn change_to(&self, other: &Self) -> EditsChange {
        let keys = |edits: &Self| edits.regroupings.iter().map(|one| one.key).collect::<Vec<Key>>();
        let (before, after) = (keys(self), keys(other));
        // Those of both that stand in the same order; whatever is left is taken out and put in again.
        let mut kept = std::collections::HashSet::new();
        let mut from = 0;
        for key in &after {
            if let Some(at) = before[from..].iter().position(|other| other == key) {
                kept.insert(*key);
                from += at + 1;
            }
        }
        let gone = before.iter().filter(|key| !kept.contains(key)).copied().collect();
        let new = other.regroupings.iter().enumerate().filter(|(_, one)| !kept.contains(&one.key));
        let new = new.map(|(at, one)| (at, one.clone())).collect();
        let mut tags = BTreeMap::new();
        for (tag, members) in &other.tags {
            if self.tags.get(tag) != Some(members) {
                tags.insert(tag.clone(), Some(members.clone()));
            }
        }
        for tag in self.tags.keys().filter(|&tag| !other.tags.contains_key(tag)) {
            tags.insert(tag.clone(), None);
        }
        let set = other.pins.iter().filter(|(id, place)| self.pins.get(id) != Some(place));
        let released = self.pins.keys().filter(|id| !other.pins.contains_key(id));
        let pins = set.map(|(id, place)| (*id, Some(*place))).chain(released.map(|id| (*id, None))).collect();
        let goals = (self.goals != other.goals).then(|| other.goals.clone());
        EditsChange {
            gone,
            new,
            tags,
            pins,
            goals,
            filter: (self.filter != other.filter).then(|| other.filter.clone()),
            kept_filters: (self.kept_filters != other.kept_filters).then(|| other.kept_filters.clone()),
            queries: (self.queries != other.queries).then(|| other.queries.clone()),
            keyword_topics: (self.keyword_topics != other.keyword_topics)
                .then(|| other.keyword_topics.clone()),
        }
    }

    /// Makes the change that [`Edits::change_to`] found.
    pub fn apply(&self, change: &EditsChange) -> Self {
        let mut edits = self.clone();
        edits.regroupings.retain(|one| !change.gone.contains(&one.key));
        for (at, one) in &change.new {
            let at = (*at).min(edits.regroupings.len());
            edits.regroupings.insert(at, one.clone());
        }
        for (tag, members) in &change.tags {
            match members {
                Some(members) => edits.tags.insert(tag.clone(), members.clone()),
                None => edits.tags.remove(tag),
            };
        }
        for (id, place) in &change.pins {
            match place {
                Some(place) => edits.pins.insert(*id, *place),
                None => edits.pins.remove(id),
            };
        }
        if let Some(goals) = &change.goals {
            edits.goals.clone_from(goals);
        }
        if let Some(filter) = &change.filter {
            edits.filter.clone_from(filter);
        }
        if let Some(kept) = &change.kept_filters {
            edits.kept_filters.clone_from(kept);
        }
        if let Some(queries) = &change.queries {
            edits.queries.clone_from(queries);
        }
        if let Some(topics) = &change.keyword_topics {
            edits.keyword_topics.clone_from(topics);
        }
        edits
    }

    /// A goal that was asked for.
    pub fn goal(&self, id: u32) -> Option<&Arc<Asked>> {
        self.goals.iter().find(|asked| asked.id == id)
    }

    /// Asks for a goal: a new one, or one that was asked for before in other words.
    pub fn ask(&self, asked: Asked) -> Self {
        let mut edits = self.clone();
        match edits.goals.iter_mut().find(|other| other.id == asked.id) {
            Some(other) => *other = Arc::new(asked),
            None => edits.goals.push(Arc::new(asked)),
        }
        edits
    }

    /// An id that no goal has had.
    pub fn new_goal(&self) -> u32 {
        self.goals.iter().map(|asked| asked.id + 1).max().unwrap_or(0)
    }

    /// Asks for a goal no longer.
    pub fn forget_goal(&self, id: u32) -> Self {
        let mut edits = self.clone();
        edits.goals.retain(|asked| asked.id != id);
        edits
    }

    /// With another filter.
    pub fn filtered(&self, filter: Filter) -> Self {
        Self { filter, ..self.clone() }
    }

    /// Keeps a filter by a name, or forgets the one of that name.
    pub fn keep_filter(&self, name: &str, filter: Option<Filter>) -> Self {
        let mut edits = self.clone();
        match filter {
            Some(filter) => edits.kept_filters.insert(name.to_owned(), filter),
            None => edits.kept_filters.remove(name),
        };
        edits
    }

    /// Keeps a search, or forgets it if it is kept already.
    pub fn toggle_query(&self, query: &Query) -> Self {
        let mut edits = self.clone();
        match edits.queries.iter().position(|other| other == query) {
            Some(at) => drop(edits.queries.remove(at)),
            None => edits.queries.push(query.clone()),
        }
        edits
    }

    /// With other topics described by keywords.
    pub fn with_topics(&self, keyword_topics: KeywordTopics) -> Self {
        Self { keyword_topics: keyword_topics.within_bounds(), ..self.clone() }
    }

    /// The same edits of documents that are numbered anew: `new_of[old]` is the new id, or `None` where the document
    /// is gone.
    pub fn renumbered(&self, new_of: &[Option<u32>]) -> Self {
        let renumber = |members: &Members| {
            let ids = members.documents().iter();
            Members::new(ids.filter_map(|&id| *new_of.get(id as usize)?).collect())
        };
        let regroupings = self.regroupings.iter().map(|one| {
            let parts =
                one.parts.iter().map(|part| Part { members: renumber(&part.members), ..part.clone() });
            let parts = parts.filter(|part| !part.members.is_empty()).collect();
            Arc::new(Regrouping::new(one.made_on, parts, one.only_named, one.standing))
        });
        let tags = self.tags.iter().map(|(tag, members)| (tag.clone(), renumber(members)));
        Self {
            regroupings: regroupings.filter(|one| !one.parts.is_empty()).collect(),
            tags: tags.filter(|(_, members)| !members.is_empty()).collect(),
            pins: self
                .pins
                .iter()
                .filter_map(|(id, place)| Some(((*new_of.get(*id as usize)?)?, *place)))
                .collect(),
            goals: self.goals.iter().map(|asked| Arc::new(asked.renumbered(new_of))).collect(),
            filter: self.filter.renumbered(renumber),
            kept_filters: self
                .kept_filters
                .iter()
                .map(|(name, filter)| (name.clone(), filter.renumbered(renumber)))
                .collect(),
            queries: self.queries.clone(),
            keyword_topics: self.keyword_topics.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Key {
        Key::of("clusters", 1).finish()
    }

    fn part(title: Option<&str>, ids: &[u32]) -> Part {
        Part { title: title.map(Into::into), members: Members::new(ids.to_vec()), dissolved: false }
    }

    #[test]
    fn a_title_given_and_taken_back_leaves_nothing() {
        let edits = Edits::default();
        let named = edits.rename(None, base(), Members::new(vec![3, 1]), Some("Cards".into()));
        assert_eq!(named.regroupings[0].parts[0].title.as_deref(), Some("Cards"));
        assert_eq!(named.rename(Some((0, 0)), base(), Members::new(vec![1, 3]), None), edits);
    }

    #[test]
    fn a_change_leads_from_one_to_the_other() {
        let a = Edits::default()
            .rename(None, base(), Members::new(vec![1]), Some("a".into()))
            .rename(None, base(), Members::new(vec![2]), Some("b".into()))
            .tag("odd", &Members::new(vec![1, 3]))
            .pin(4, [0.5, 1.0])
            .pin(6, [2.0, 3.0]);
        let b = a
            .pin(4, [0.25, 1.0])
            .unpin(&[6])
            .pin(5, [1.0, 1.0])
            .regroup(base(), &BTreeSet::from([0]), vec![part(None, &[1, 5])], Standing::Follows)
            .tag("even", &Members::new(vec![2]))
            .untag("odd", &Members::new(vec![1, 3]))
            .ask(Asked { id: 0, params: Arc::default(), deeds: Vec::new() });
        for (from, to) in [(&a, &b), (&b, &a), (&a, &a)] {
            let change = from.change_to(to);
            assert_eq!(&from.apply(&change), to);
            assert_eq!(change.is_empty(), from == to);
        }
    }

    #[test]
    fn edits_follow_documents_that_are_numbered_anew() {
        let edits = Edits::default()
            .rename(None, base(), Members::new(vec![0, 1]), Some("a".into()))
            .tag("t", &Members::new(vec![2]))
            .pin(0, [1.0, 2.0])
            .pin(1, [3.0, 4.0]);
        let moved = edits.renumbered(&[Some(5), None, None]);
        assert_eq!(moved.pins, Pins::from([(5, [1.0, 2.0])]));
        assert_eq!(**moved.regroupings[0].parts[0].members.documents(), [5]);
        assert!(moved.tags.is_empty());
    }

    #[test]
    fn a_second_title_takes_the_place_of_the_first_even_before_that_is_known_to_have_made_the_cluster() {
        let members = || Members::new(vec![1, 2]);
        let once = Edits::default().rename(None, base(), members(), Some("a".into()));
        let twice = once.rename(None, base(), members(), Some("b".into()));
        assert_eq!(twice, Edits::default().rename(None, base(), members(), Some("b".into())));
        assert_eq!(twice.rename(None, base(), members(), None), Edits::default());
    }

    #[test]
    fn titles_do_not_change_the_shape() {
        let edits = Edits::default().rename(None, base(), Members::new(vec![1]), Some("a".into()));
        let other = edits.rename(Some((0, 0)), base(), Members::new(vec![1]), Some("b".into()));
        assert_ne!(edits, other);
        assert_eq!(edits.shape(), other.shape());
    }
}
