//! What was done by hand to clusters, put into words, and what the computed clusters make of it. Computed by a
//! worker; see [`crate::job::derived`].

use crate::data::{Clusters, Edits, Key, Regrouping, Standing, UNCLUSTERED};

use super::format;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Renamed,
    Merged,
    /// Into so many.
    Split(usize),
    /// Put together document by document.
    Made,
    Deleted,
    /// Some of it parted, some of it deleted.
    Mixed,
}

impl Kind {
    fn of(regrouping: &Regrouping) -> Self {
        let gone = regrouping.parts.iter().filter(|part| part.dissolved).count();
        let stay = regrouping.parts.len() - gone;
        let whole = |part: &crate::data::Part| part.members.source().is_some();
        match (stay, gone) {
            _ if regrouping.only_named => Self::Renamed,
            (0, _) => Self::Deleted,
            (1, 0) if regrouping.parts.iter().all(whole) => Self::Merged,
            (1, 0) if regrouping.standing == Standing::Insists => Self::Made,
            (1, 0) => Self::Merged,
            (n, 0) => Self::Split(n),
            _ => Self::Mixed,
        }
    }

    /// In a word or two.
    pub fn text(self) -> String {
        match self {
            Self::Renamed => "Renamed".into(),
            Self::Merged => "Merged".into(),
            Self::Split(n) => format!("Split into {n}"),
            Self::Made => "Made by hand".into(),
            Self::Deleted => "Deleted".into(),
            Self::Mixed => "Split, partly deleted".into(),
        }
    }
}

/// One edit as the list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct EditDigest {
    /// Of the [`Regrouping`].
    pub key: Key,
    pub kind: Kind,
    pub standing: Standing,
    /// The titles that were given.
    pub titles: Vec<String>,
    pub documents: usize,
    /// The shown cluster that most documents of its largest part are in.
    pub label: Option<u32>,
    pub spread: Spread,
}

/// How documents lie in the computed clusters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// Clusters that have any of them.
    pub clusters: usize,
    /// The share of them in the cluster that has most, and in none, in [0, 1].
    pub largest: f64,
    pub unclustered: f64,
}

impl Spread {
    fn of(documents: &[u32], clusters: &Clusters) -> Self {
        let counts = counts(documents, clusters);
        let share = |n: usize| n as f64 / documents.len().max(1) as f64;
        let inside: usize = counts.iter().sum();
        Self {
            clusters: counts.iter().filter(|n| **n > 0).count(),
            largest: share(counts.iter().copied().max().unwrap_or(0)),
            unclustered: share(documents.len() - inside),
        }
    }

    /// As a sentence.
    pub fn text(self) -> String {
        let none = match self.unclustered {
            share if share > 0.0 => format!("; {} in none", format::percent(share)),
            _ => String::new(),
        };
        match self.clusters {
            0 => "The computed clusters have none of these documents.".into(),
            1 => format!("Now {} of them in one computed cluster{none}.", format::percent(self.largest)),
            n => format!(
                "Now spread over {n} computed clusters; the largest share is {}{none}.",
                format::percent(self.largest)
            ),
        }
    }
}

fn counts(documents: &[u32], clusters: &Clusters) -> Vec<usize> {
    let mut counts = vec![0usize; clusters.count];
    for &id in documents {
        let label = clusters.labels.get(id as usize).copied().unwrap_or(UNCLUSTERED);
        if let Some(count) = counts.get_mut(label as usize) {
            *count += 1;
        }
    }
    counts
}

/// All edits in their order: how they lie in the `computed` clusters, and where they are in the `shown` ones.
pub fn of_edits(edits: &Edits, computed: &Clusters, shown: &Clusters) -> Vec<EditDigest> {
    let one = |regrouping: &Regrouping| {
        let largest = regrouping.parts.iter().filter(|part| !part.dissolved);
        let largest = largest.max_by_key(|part| part.members.len());
        let label = largest.and_then(|part| {
            let counts = counts(part.members.documents(), shown);
            (0u32..).zip(counts).filter(|(_, n)| *n > 0).max_by_key(|(_, n)| *n).map(|(label, _)| label)
        });
        let documents = regrouping.documents();
        EditDigest {
            key: regrouping.key,
            kind: Kind::of(regrouping),
            standing: regrouping.standing,
            titles: regrouping.parts.iter().filter_map(|part| part.title.clone()).collect(),
            documents: documents.len(),
            label,
            spread: Spread::of(documents.documents(), computed),
        }
    };
    edits.regroupings.iter().map(|regrouping| one(regrouping)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::data::{Members, Part};

    fn clusters(labels: &[u32]) -> Clusters {
        let count = labels.iter().filter(|label| **label != UNCLUSTERED).max().map_or(0, |l| *l as usize + 1);
        Clusters {
            key: Key::of("test", 1).finish(),
            labels: labels.to_vec(),
            count,
            strengths: vec![1.0; labels.len()],
            method: "test".into(),
        }
    }

    fn part(members: Members) -> Part {
        Part { title: None, members, dissolved: false }
    }

    #[test]
    fn an_edit_says_what_it_was_and_how_its_documents_lie_now() {
        let base = clusters(&[0, 0, 0, 1, 1, 2]);
        let merged = part(Members::of_clusters(&base, &[0, 1]));
        let named = Part { title: Some("Mine".into()), ..part(Members::new(vec![3, 4])) };
        let edits = Edits::default()
            .rename(None, base.key, Members::of_clusters(&base, &[0]), Some("Cards".into()))
            .regroup(base.key, &BTreeSet::new(), vec![merged], Standing::Follows)
            .regroup(base.key, &BTreeSet::new(), vec![named], Standing::Insists);
        let now = clusters(&[0, 0, 1, 1, UNCLUSTERED, 2]);
        let digests = of_edits(&edits, &now, &now);
        let kinds: Vec<Kind> = digests.iter().map(|digest| digest.kind).collect();
        assert_eq!(kinds, [Kind::Renamed, Kind::Merged, Kind::Made]);
        assert_eq!(digests[0].titles, ["Cards"]);
        assert_eq!((digests[0].documents, digests[0].label), (3, Some(0)));
        assert_eq!(digests[1].spread, Spread { clusters: 2, largest: 0.4, unclustered: 0.2 });
        assert_eq!(
            digests[1].spread.text(),
            "Now spread over 2 computed clusters; the largest share is 40.0%; 20.0% in none."
        );
    }

    #[test]
    fn a_split_and_a_deletion_are_told_apart() {
        let base = clusters(&[0, 0, 1]);
        let parts = vec![part(Members::new(vec![0])), part(Members::new(vec![1]))];
        let gone = Part { dissolved: true, ..part(Members::new(vec![2])) };
        let edits = Edits::default().regroup(base.key, &BTreeSet::new(), parts, Standing::Follows).regroup(
            base.key,
            &BTreeSet::new(),
            vec![gone],
            Standing::Follows,
        );
        let kinds: Vec<Kind> = of_edits(&edits, &base, &base).iter().map(|digest| digest.kind).collect();
        assert_eq!(kinds, [Kind::Split(2), Kind::Deleted]);
    }
}
