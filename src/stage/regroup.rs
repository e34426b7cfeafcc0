//! Computed clusters, parted anew as a person wants them.
//!
//! On the clusters that it was made on, a regrouping is followed to the letter. On others it is followed where its
//! documents still make up whole clusters, and else asks: see [`Regrouped::unsettled`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::data::{ClusterName, Clusters, Edits, Key, Knn, MadeBy, Names, Regrouping, Standing, UNCLUSTERED};
use crate::job::Ctx;

use super::StageError;

/// Documents of a regrouping and of the clusters that it would take must overlap by this Jaccard index at least.
/// Below one half there may be another cluster that fits as well.
pub const FITS: f64 = 0.5;

/// Clusters with the edits made.
#[derive(Clone, Debug)]
pub struct Regrouped {
    /// The computed ones themselves where nothing was moved. Labels that a person emptied stay unused, so that no
    /// other cluster changes its number or colour.
    pub clusters: Arc<Clusters>,
    /// How many clusters have documents.
    pub present: usize,
    /// The edit behind each cluster.
    pub made_by: Vec<Option<MadeBy>>,
    /// For each cluster, the computed cluster that it is, document by document; `None` where it is another one.
    pub same_as: Vec<Option<u32>>,
    /// For each cluster, the computed clusters it has documents of, the largest share first.
    pub origins: Vec<Vec<u32>>,
    /// Edits (by their place) that do not fit these clusters: a person must say what becomes of them.
    pub unsettled: Vec<usize>,
}

/// Applies `edits` to computed clusters. `knn` decides for documents that a split cluster has gained since: they go
/// where most of their neighbours are.
pub fn run(
    base: &Arc<Clusters>,
    knn: Option<&Knn>,
    edits: &Edits,
    ctx: &Ctx,
) -> Result<Regrouped, StageError> {
    let mut work = Work {
        base,
        base_sizes: base.sizes(),
        sizes: base.sizes(),
        labels: base.labels.clone(),
        count: base.count,
        made_by: vec![None; base.count],
        taken: BTreeSet::new(),
    };
    let mut unsettled = Vec::new();
    for (at, regrouping) in edits.regroupings.iter().enumerate() {
        ctx.cancel.check()?;
        if !work.follow(at, regrouping, knn) {
            unsettled.push(at);
        }
    }
    Ok(work.finish(edits, unsettled))
}

struct Work<'b> {
    base: &'b Arc<Clusters>,
    base_sizes: Vec<usize>,
    labels: Vec<u32>,
    /// Documents that have each label now.
    sizes: Vec<usize>,
    count: usize,
    made_by: Vec<Option<MadeBy>>,
    /// Labels that a part has.
    taken: BTreeSet<u32>,
}

impl Work<'_> {
    /// Applies one edit; `false` if it does not fit and nobody has said what to do then.
    fn follow(&mut self, at: usize, regrouping: &Regrouping, knn: Option<&Knn>) -> bool {
        let exact = regrouping.made_on == self.base.key;
        match regrouping.standing {
            Standing::SetAside => return true,
            Standing::Insists => return self.assign(at, regrouping),
            Standing::Follows if exact && !regrouping.only_named => return self.assign(at, regrouping),
            Standing::Follows => {}
        }
        if regrouping.only_named {
            return self.rename(at, regrouping);
        }
        let documents = regrouping.documents();
        let overlaps = self.overlaps(documents.documents());
        // Clusters that lie mostly within the edit's documents are the edit's.
        let within: BTreeSet<u32> = overlaps
            .iter()
            .filter(|&(&label, &both)| 2 * both > self.base_sizes[label as usize])
            .map(|(&label, _)| label)
            .collect();
        let both: usize = within.iter().map(|label| overlaps[label]).sum();
        let either =
            documents.len() + within.iter().map(|&l| self.base_sizes[l as usize]).sum::<usize>() - both;
        if either == 0 || (both as f64) < FITS * either as f64 {
            return false;
        }
        self.take_over(at, regrouping, &within, knn);
        true
    }

    /// How many of `documents` each computed cluster holds.
    fn overlaps(&self, documents: &[u32]) -> BTreeMap<u32, usize> {
        let mut counts = vec![0usize; self.base.count];
        for &id in documents {
            let label = self.base.labels.get(id as usize).copied().unwrap_or(UNCLUSTERED);
            if let Some(count) = counts.get_mut(label as usize) {
                *count += 1;
            }
        }
        (0..).zip(counts).filter(|&(_, count)| count > 0).collect()
    }

    /// Gives the title to the cluster that is most like the one that was named.
    fn rename(&mut self, at: usize, regrouping: &Regrouping) -> bool {
        let Some(part) = regrouping.parts.first() else { return true };
        let likeness = |(label, both): (u32, usize)| {
            let either = part.members.len() + self.base_sizes[label as usize] - both;
            (label, both as f64 / either as f64)
        };
        let overlaps = self.overlaps(part.members.documents());
        let best = overlaps.into_iter().map(likeness).max_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((label, likeness)) if likeness >= FITS && self.made_by[label as usize].is_none() => {
                self.made_by[label as usize] = Some((at, 0));
                self.taken.insert(label);
                true
            }
            _ => false,
        }
    }

    /// Puts exactly the documents of each part together.
    fn assign(&mut self, at: usize, regrouping: &Regrouping) -> bool {
        let members: Vec<&[u32]> =
            regrouping.parts.iter().map(|part| part.members.documents().as_slice()).collect();
        self.part(at, regrouping, &members);
        true
    }

    /// Gives each part of a regrouping a label of its own: `members` are the parts' documents.
    fn part(&mut self, at: usize, regrouping: &Regrouping, members: &[impl AsRef<[u32]>]) {
        for documents in members {
            self.put(documents.as_ref(), UNCLUSTERED);
        }
        // The largest part goes first: it is the one that keeps the cluster's number and colour.
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by_key(|&p| std::cmp::Reverse(members[p].as_ref().len()));
        for p in order {
            let documents = members[p].as_ref();
            if !regrouping.parts[p].dissolved && !documents.is_empty() {
                let label = self.label_for(documents, (at, p));
                self.put(documents, label);
            }
        }
    }

    fn put(&mut self, documents: &[u32], label: u32) {
        for &id in documents {
            let Some(slot) = self.labels.get_mut(id as usize) else { continue };
            let old = std::mem::replace(slot, label);
            if let Some(size) = self.sizes.get_mut(old as usize) {
                *size -= 1;
            }
            if let Some(size) = self.sizes.get_mut(label as usize) {
                *size += 1;
            }
        }
    }

    /// The computed cluster that a part has most of, if nobody else is left in it, or a new label.
    fn label_for(&mut self, documents: &[u32], made_by: MadeBy) -> u32 {
        let overlaps = self.overlaps(documents);
        let free = |label: u32| self.sizes[label as usize] == 0 && !self.taken.contains(&label);
        let old = overlaps
            .into_iter()
            .filter(|&(label, _)| free(label))
            .max_by_key(|&(label, both)| (both, std::cmp::Reverse(label)));
        let label = match old {
            Some((label, _)) => {
                self.made_by[label as usize] = Some(made_by);
                label
            }
            None => {
                self.made_by.push(Some(made_by));
                self.sizes.push(0);
                self.count += 1;
                (self.count - 1) as u32
            }
        };
        self.taken.insert(label);
        label
    }

    /// Parts the clusters `within` as the regrouping's documents are parted.
    fn take_over(&mut self, at: usize, regrouping: &Regrouping, within: &BTreeSet<u32>, knn: Option<&Knn>) {
        const NONE: u32 = u32::MAX;
        let n = self.labels.len();
        let mut part_of = vec![NONE; n];
        for (p, part) in regrouping.parts.iter().enumerate() {
            for &id in part.members.documents().iter() {
                if let Some(slot) = part_of.get_mut(id as usize) {
                    *slot = p as u32;
                }
            }
        }
        let inside = |i: usize| within.contains(&self.base.labels[i]);
        let (largest, _) = regrouping
            .parts
            .iter()
            .enumerate()
            .max_by_key(|(p, part)| (part.members.len(), std::cmp::Reverse(*p)))
            .map_or((0, 0), |(p, part)| (p, part.members.len()));
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); regrouping.parts.len()];
        for i in (0..n).filter(|&i| inside(i)) {
            let part = match part_of[i] {
                NONE => part_of_neighbours(i, knn, &part_of, regrouping.parts.len()).unwrap_or(largest),
                part => part as usize,
            };
            members[part].push(i as u32);
        }
        self.part(at, regrouping, &members);
    }

    fn finish(self, edits: &Edits, unsettled: Vec<usize>) -> Regrouped {
        let moved = self.labels != self.base.labels;
        let clusters = if moved {
            let key = Key::of("regrouped", 2).input(self.base.key).input(edits.shape()).finish();
            Arc::new(Clusters {
                key,
                labels: self.labels,
                count: self.count,
                strengths: self.base.strengths.clone(),
                method: self.base.method.clone(),
            })
        } else {
            self.base.clone()
        };
        let mut shares: Vec<BTreeMap<u32, usize>> = vec![BTreeMap::new(); clusters.count];
        for (&now, &before) in clusters.labels.iter().zip(&self.base.labels) {
            if let Some(share) = shares.get_mut(now as usize) {
                *share.entry(before).or_default() += 1;
            }
        }
        let same = |share: &BTreeMap<u32, usize>| {
            let (&label, &both) = share.first_key_value().filter(|_| share.len() == 1)?;
            (self.base_sizes.get(label as usize) == Some(&both)).then_some(label)
        };
        let origins = shares.iter().map(|share| {
            let mut origins: Vec<(u32, usize)> = share.iter().map(|(&label, &both)| (label, both)).collect();
            origins.sort_by_key(|&(label, both)| (std::cmp::Reverse(both), label));
            origins.into_iter().map(|(label, _)| label).filter(|&label| label != UNCLUSTERED).collect()
        });
        Regrouped {
            present: shares.iter().filter(|share| !share.is_empty()).count(),
            origins: origins.collect(),
            same_as: shares.iter().map(same).collect(),
            made_by: self.made_by,
            unsettled,
            clusters,
        }
    }
}

/// The part that most of a document's neighbours are in.
fn part_of_neighbours(i: usize, knn: Option<&Knn>, part_of: &[u32], parts: usize) -> Option<usize> {
    let knn = knn?;
    let mut votes = vec![0usize; parts];
    for &neighbour in knn.indices.get(i * knn.k..(i + 1) * knn.k)? {
        if let Some(votes) = part_of.get(neighbour as usize).and_then(|&part| votes.get_mut(part as usize)) {
            *votes += 1;
        }
    }
    let (part, votes) =
        votes.into_iter().enumerate().max_by_key(|&(p, votes)| (votes, std::cmp::Reverse(p)))?;
    (votes > 0).then_some(part)
}

/// The names of regrouped clusters: those of clusters that stayed as they were are kept, titles by hand go first.
///
/// `base` names the computed clusters. `fresh` names the regrouped ones, as soon as they were computed; until then a
/// changed cluster goes by the name of the one that it has most of.
pub fn names(regrouped: &Regrouped, edits: &Edits, base: &Names, fresh: Option<&Names>) -> Names {
    let nameless = || ClusterName { title: String::new(), keywords: Vec::new(), exemplars: Vec::new() };
    let mut clusters = Vec::with_capacity(regrouped.clusters.count);
    for label in 0..regrouped.clusters.count {
        let of_base = |label: u32| base.clusters.get(label as usize).cloned();
        let mut name = match regrouped.same_as[label] {
            Some(same) => of_base(same),
            None => match fresh.and_then(|names| names.clusters.get(label).cloned()) {
                Some(name) => Some(name),
                None => regrouped.origins[label].first().and_then(|&origin| of_base(origin)),
            },
        }
        .unwrap_or_else(nameless);
        let by_hand = regrouped.made_by[label]
            .and_then(|(at, part)| edits.regroupings.get(at)?.parts.get(part)?.title.clone());
        if let Some(title) = by_hand {
            name.title = title;
        }
        clusters.push(name);
    }
    let mut key = Key::of("edited names", 1).input(base.key).input(regrouped.clusters.key);
    key = key.params(&clusters.iter().map(|name| &name.title).collect::<Vec<_>>());
    Names { key: key.finish(), clusters }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Members, Part};

    fn clusters(name: &str, labels: &[u32]) -> Arc<Clusters> {
        let count = labels.iter().filter(|&&l| l != UNCLUSTERED).max().map_or(0, |&l| l as usize + 1);
        Arc::new(Clusters {
            key: Key::of(name, 1).finish(),
            labels: labels.to_vec(),
            count,
            strengths: vec![1.0; labels.len()],
            method: "test".into(),
        })
    }

    fn apply(base: &Arc<Clusters>, edits: &Edits) -> Regrouped {
        run(base, None, edits, &Ctx::quiet()).unwrap()
    }

    fn part(title: Option<&str>, ids: &[u32]) -> Part {
        Part { title: title.map(Into::into), members: Members::new(ids.to_vec()), dissolved: false }
    }

    fn title_of(regrouped: &Regrouped, edits: &Edits, label: usize) -> Option<String> {
        let (at, part) = regrouped.made_by[label]?;
        edits.regroupings[at].parts[part].title.clone()
    }

    /// Documents 0–3, 4–7 and 8–9.
    fn first() -> Arc<Clusters> {
        clusters("first", &[0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    }

    #[test]
    fn a_title_moves_no_document_and_follows_the_cluster() {
        let base = first();
        let edits =
            Edits::default().rename(None, base.key, Members::of_clusters(&base, &[1]), Some("Cards".into()));
        let here = apply(&base, &edits);
        assert!(Arc::ptr_eq(&here.clusters, &base));
        assert_eq!(title_of(&here, &edits, 1).as_deref(), Some("Cards"));
        // Computed again: the cluster is number 0 now, lost one document and won another.
        let again = clusters("again", &[1, 1, 1, 0, 0, 0, 0, 2, 2, 2]);
        let there = apply(&again, &edits);
        assert_eq!(title_of(&there, &edits, 0).as_deref(), Some("Cards"));
        assert!(there.unsettled.is_empty());
    }

    #[test]
    fn a_title_whose_documents_went_apart_asks() {
        let base = first();
        let members = Members::of_clusters(&base, &[1]);
        let edits = Edits::default().rename(None, base.key, members, Some("Cards".into()));
        let again = clusters("again", &[0, 1, 0, 1, 0, 1, 2, 2, 2, 2]);
        assert_eq!(apply(&again, &edits).unsettled, [0]);
        let key = edits.regroupings[0].key;
        assert!(apply(&again, &edits.settle(key, Standing::SetAside)).unsettled.is_empty());
    }

    #[test]
    fn merged_clusters_stay_merged_where_their_documents_stay_together() {
        let base = first();
        let merged = Part { members: Members::of_clusters(&base, &[0, 2]), ..part(None, &[]) };
        let edits = Edits::default().regroup(base.key, &BTreeSet::new(), vec![merged], Standing::Follows);
        let here = apply(&base, &edits);
        assert_eq!(here.clusters.labels, [0, 0, 0, 0, 1, 1, 1, 1, 0, 0]);
        assert_eq!(here.origins[0], [0, 2]);
        assert_eq!(here.same_as[..2], [None, Some(1)]);
        let again = clusters("again", &[2, 2, 3, 3, 0, 0, 0, 0, 0, 1]);
        let there = apply(&again, &edits);
        // Document 8 has gone to the big cluster; the rest of the merged one is one cluster again.
        let one = there.clusters.labels[0];
        assert_eq!(there.clusters.labels, [one, one, one, one, 0, 0, 0, 0, 0, one]);
    }

    #[test]
    fn a_split_stays_and_newcomers_go_where_their_neighbours_are() {
        let base = first();
        let parts = vec![part(Some("a"), &[0, 1]), part(Some("b"), &[2, 3])];
        let edits = Edits::default().regroup(base.key, &BTreeSet::new(), parts, Standing::Follows);
        let here = apply(&base, &edits);
        assert_eq!(here.clusters.labels[..4], [0, 0, 3, 3]);
        let again = clusters("again", &[0, 0, 0, 0, 0, 1, 1, 1, 2, 2]);
        let knn = Knn {
            key: base.key,
            k: 1,
            indices: vec![1, 0, 3, 2, 3, 6, 5, 5, 9, 8],
            similarities: vec![1.0; 10],
            recall: crate::data::Recall::Exact,
            method: "test".into(),
        };
        let there = run(&again, Some(&knn), &edits, &Ctx::quiet()).unwrap();
        let label_of = |i: usize| there.clusters.labels[i];
        assert_eq!(label_of(4), label_of(3));
        assert_ne!(label_of(0), label_of(3));
        assert_eq!(title_of(&there, &edits, label_of(4) as usize).as_deref(), Some("b"));
    }

    #[test]
    fn a_split_whose_documents_are_all_over_the_place_asks_unless_it_insists() {
        let base = first();
        let parts = vec![part(Some("a"), &[0, 1]), part(Some("b"), &[2, 3])];
        let edits = Edits::default().regroup(base.key, &BTreeSet::new(), parts, Standing::Follows);
        let again = clusters("again", &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        let asks = apply(&again, &edits);
        assert_eq!(asks.unsettled, [0]);
        assert!(Arc::ptr_eq(&asks.clusters, &again));
        let insists = edits.settle(edits.regroupings[0].key, Standing::Insists);
        let kept = apply(&again, &insists);
        assert!(kept.unsettled.is_empty());
        assert_eq!(kept.clusters.labels[0], kept.clusters.labels[1]);
        assert_ne!(kept.clusters.labels[1], kept.clusters.labels[2]);
    }

    #[test]
    fn most_of_a_cluster_made_one_of_its_own_leaves_the_rest_in_theirs() {
        let base = first();
        let parts = vec![part(Some("Boats"), &[0, 1, 2])];
        let edits = Edits::default().regroup(base.key, &BTreeSet::new(), parts, Standing::Insists);
        let now = apply(&base, &edits);
        assert_eq!(now.clusters.labels, [3, 3, 3, 0, 1, 1, 1, 1, 2, 2]);
        assert_eq!(title_of(&now, &edits, 3).as_deref(), Some("Boats"));
    }

    #[test]
    fn the_largest_part_of_a_split_cluster_keeps_its_number() {
        let base = clusters("one", &[0, 0, 0, 0, 0, 0]);
        let parts = |all: &[&[u32]]| all.iter().map(|ids| part(None, ids)).collect::<Vec<_>>();
        let split = |all: &[&[u32]]| {
            let edits = Edits::default().regroup(base.key, &BTreeSet::new(), parts(all), Standing::Follows);
            apply(&base, &edits).clusters.labels.clone()
        };
        assert_eq!(split(&[&[0, 1, 2], &[3, 4, 5]]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(split(&[&[0], &[1, 2, 3], &[4, 5]]), [2, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn documents_of_a_deleted_cluster_belong_to_none() {
        let base = first();
        let gone = Part { dissolved: true, ..part(None, &[4, 5, 6, 7]) };
        let edits = Edits::default().regroup(base.key, &BTreeSet::new(), vec![gone], Standing::Follows);
        let here = apply(&base, &edits);
        assert_eq!(here.clusters.sizes(), [4, 0, 2]);
        assert_eq!(here.present, 2);
        assert_eq!(here.clusters.unclustered(), 4);
    }

    #[test]
    fn names_of_untouched_clusters_stay_and_changed_ones_wait_for_theirs() {
        let base = first();
        let named = |titles: &[&str]| Names {
            key: Key::of("names", 1).finish(),
            clusters: titles
                .iter()
                .map(|&title| ClusterName { title: title.into(), keywords: vec![], exemplars: vec![] })
                .collect(),
        };
        let merged = Part { members: Members::of_clusters(&base, &[0, 2]), ..part(None, &[]) };
        let edits = Edits::default().regroup(base.key, &BTreeSet::new(), vec![merged], Standing::Follows);
        let here = apply(&base, &edits);
        let titles = |names: Names| names.clusters.into_iter().map(|name| name.title).collect::<Vec<_>>();
        let computed = named(&["a", "b", "c"]);
        assert_eq!(titles(names(&here, &edits, &computed, None))[..2], ["a", "b"]);
        let fresh = named(&["a & c", "other b", ""]);
        assert_eq!(titles(names(&here, &edits, &computed, Some(&fresh)))[..2], ["a & c", "b"]);
    }
}
