//! How well clusters survive when they are found again, with other seeds or settings.
//!
//! For each cluster and each other clustering, the Jaccard similarity with the cluster there that is most like it
//! (Hennig 2007, "Cluster-wise assessment of cluster stability"); and, without choosing one there, how many pairs of its
//! documents stay together. Pairs are counted by the sizes of overlaps: all of them, none are sampled.

use rayon::prelude::*;

use crate::data::{Clusters, UNCLUSTERED};

/// Hennig's levels: a cluster with a mean Jaccard similarity below the first is dissolved, one from the second on is
/// stable; between them there is a pattern, and which documents belong to it is in doubt.
pub const DISSOLVED: f32 = 0.5;
pub const STABLE: f32 = 0.75;

/// A document that stays with the core of its cluster in a smaller share of the runs is shaky.
pub const SHAKY: f32 = 0.5;

/// No cluster of a run.
const NONE: u32 = UNCLUSTERED;

/// How well one cluster survives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Survival {
    /// The mean over the runs of the Jaccard similarity with the cluster that is most like it, in [0, 1].
    pub jaccard: f32,
    /// The least of these.
    pub worst: f32,
    /// The share of the pairs of its documents that are in one cluster again, over all runs; 1 where it has no pair.
    pub together: f32,
}

/// How well clusters survive.
#[derive(Clone, Debug, PartialEq)]
pub struct Stability {
    /// Other clusterings that they were held against.
    pub runs: usize,
    /// One for each cluster.
    pub clusters: Vec<Survival>,
    /// The share of the pairs that are in one cluster, of any, and are so again.
    pub together: f32,
    /// For each document the share of the runs in which it stays with the core of its cluster, which is the largest part
    /// of it that ends up in one cluster. For one without a cluster, the share of the runs in which it has none either.
    pub stays: Vec<f32>,
}

impl Stability {
    /// The documents that do not stay ([`SHAKY`]), ascending; those without a cluster are not among them.
    pub fn shaky(&self, clusters: &Clusters) -> Vec<u32> {
        let shaky = self.stays.iter().zip(&clusters.labels).enumerate();
        shaky
            .filter(|(_, (stays, label))| **stays < SHAKY && **label != UNCLUSTERED)
            .map(|(i, _)| i as u32)
            .collect()
    }
}

/// Clusters that are held against other clusterings of the same documents, one after the other.
pub struct Tally<'a> {
    clusters: &'a Clusters,
    members: Vec<Vec<u32>>,
    runs: usize,
    stays: Vec<u32>,
    sums: Vec<Sums>,
}

#[derive(Clone, Copy)]
struct Sums {
    jaccard: f64,
    worst: f64,
    /// Pairs that stayed together, over all runs.
    pairs: f64,
}

/// What became of one cluster in one run.
struct Fate {
    jaccard: f64,
    pairs: f64,
    /// The cluster that has most of it.
    core: u32,
}

/// How the clusters fared in one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunFigures {
    /// The share of pairs that stayed together.
    pub together: f32,
    /// The mean best Jaccard similarity, each cluster weighted by its size.
    pub jaccard: f32,
}

impl<'a> Tally<'a> {
    /// Of `clusters`, held against nothing so far.
    pub fn of(clusters: &'a Clusters) -> Self {
        Self {
            members: clusters.members(),
            runs: 0,
            stays: vec![0; clusters.labels.len()],
            sums: vec![Sums { jaccard: 0.0, worst: 1.0, pairs: 0.0 }; clusters.count],
            clusters,
        }
    }

    /// Holds them against `labels`, one a document.
    pub fn add(&mut self, labels: &[u32]) -> RunFigures {
        let count = labels.iter().filter(|label| **label != NONE).max().map_or(0, |most| *most as usize + 1);
        let mut sizes = vec![0u32; count];
        labels.iter().filter(|label| **label != NONE).for_each(|&label| sizes[label as usize] += 1);
        let fates: Vec<Fate> = self
            .members
            .par_iter()
            .map_init(|| vec![0u32; count], |overlaps, members| fate(members, labels, &sizes, overlaps))
            .collect();
        self.runs += 1;
        let (mut weighted, mut kept) = (0.0, 0.0);
        for ((sums, fate), members) in self.sums.iter_mut().zip(&fates).zip(&self.members) {
            sums.jaccard += fate.jaccard;
            sums.worst = sums.worst.min(fate.jaccard);
            sums.pairs += fate.pairs;
            weighted += fate.jaccard * members.len() as f64;
            kept += fate.pairs;
        }
        for ((stays, &label), &now) in self.stays.iter_mut().zip(&self.clusters.labels).zip(labels) {
            let core = fates.get(label as usize).map_or(NONE, |fate| fate.core);
            // A cluster that has dissolved altogether has no core to stay with.
            *stays += u32::from(now == core && (now != NONE || label == UNCLUSTERED));
        }
        let clustered: usize = self.members.iter().map(Vec::len).sum();
        let all: f64 = self.members.iter().map(|members| pairs(members.len() as f64)).sum();
        RunFigures {
            together: if all > 0.0 { (kept / all) as f32 } else { 1.0 },
            jaccard: (weighted / clustered.max(1) as f64) as f32,
        }
    }

    /// What it comes to; without any run, everything is stable.
    pub fn finish(self) -> Stability {
        let runs = self.runs.max(1) as f64;
        let none = self.runs == 0;
        let share = |kept: f64, size: usize| {
            let all = pairs(size as f64) * runs;
            if none || all == 0.0 { 1.0 } else { (kept / all) as f32 }
        };
        let survival = |(sums, members): (&Sums, &Vec<u32>)| Survival {
            jaccard: if none { 1.0 } else { (sums.jaccard / runs) as f32 },
            worst: sums.worst as f32,
            together: share(sums.pairs, members.len()),
        };
        let kept: f64 = self.sums.iter().map(|sums| sums.pairs).sum();
        let all: f64 = self.members.iter().map(|members| pairs(members.len() as f64) * runs).sum();
        let stays = |&stays: &u32| if none { 1.0 } else { (f64::from(stays) / runs) as f32 };
        Stability {
            runs: self.runs,
            clusters: self.sums.iter().zip(&self.members).map(survival).collect(),
            together: if none || all == 0.0 { 1.0 } else { (kept / all) as f32 },
            stays: self.stays.iter().map(stays).collect(),
        }
    }
}

fn pairs(count: f64) -> f64 {
    count * (count - 1.0) / 2.0
}

/// `overlaps` has a zero for every cluster of the run, and has so again afterwards.
fn fate(members: &[u32], labels: &[u32], sizes: &[u32], overlaps: &mut [u32]) -> Fate {
    let mut met: Vec<u32> = Vec::new();
    for &member in members {
        let label = labels[member as usize];
        if label != NONE {
            let overlap = &mut overlaps[label as usize];
            if *overlap == 0 {
                met.push(label);
            }
            *overlap += 1;
        }
    }
    let mut fate = Fate { jaccard: 0.0, pairs: 0.0, core: NONE };
    let mut most = 0;
    for &label in &met {
        let overlap = std::mem::take(&mut overlaps[label as usize]);
        let union = members.len() as f64 + f64::from(sizes[label as usize]) - f64::from(overlap);
        fate.jaccard = fate.jaccard.max(f64::from(overlap) / union);
        fate.pairs += pairs(f64::from(overlap));
        if overlap > most || (overlap == most && label < fate.core) {
            (most, fate.core) = (overlap, label);
        }
    }
    fate
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::Key;

    const U: u32 = UNCLUSTERED;

    fn clusters(labels: &[u32]) -> Clusters {
        let (labels, count) = Clusters::ordered(labels);
        let strengths = vec![1.0; labels.len()];
        Clusters { key: Key::of("test", 1).finish(), labels, count, strengths, method: "test".into() }
    }

    fn held(labels: &[u32], runs: &[&[u32]]) -> Stability {
        let clusters = clusters(labels);
        let mut tally = Tally::of(&clusters);
        runs.iter().for_each(|run| {
            tally.add(run);
        });
        tally.finish()
    }

    #[test]
    fn clusters_that_come_back_under_other_numbers_are_stable() {
        let stability = held(&[0, 0, 0, 1, 1, U], &[&[5, 5, 5, 2, 2, U], &[0, 0, 0, 7, 7, U]]);
        assert!(stability.clusters.iter().all(|c| (c.jaccard, c.worst, c.together) == (1.0, 1.0, 1.0)));
        assert_eq!((stability.runs, stability.together), (2, 1.0));
        assert_eq!(stability.stays, [1.0; 6]);
    }

    #[test]
    fn a_cluster_that_loses_a_part_is_known_by_its_core() {
        // Five, of which two go elsewhere in the second of two runs, where one is taken up instead.
        let stability = held(&[0, 0, 0, 0, 0, 1, 1], &[&[0, 0, 0, 0, 0, 1, 1], &[0, 0, 0, 1, 1, 0, 1]]);
        let survival = stability.clusters[0];
        assert_eq!((survival.jaccard, survival.worst), (0.75, 0.5));
        // 10 pairs, then 3 and 1.
        assert_eq!(survival.together, 0.7);
        assert_eq!(stability.stays[..5], [1.0, 1.0, 1.0, 0.5, 0.5]);
        assert_eq!(stability.together, (11.0 + 4.0) / 22.0);
    }

    #[test]
    fn documents_that_leave_more_often_than_they_stay_are_shaky() {
        let labels = [0, 0, 0, 0, 1, 1, U];
        let runs: [&[u32]; 3] = [&[0, 0, 0, 1, 1, 1, 1], &[0, 0, 0, 1, 1, 1, U], &[0, 0, 0, 0, 1, 1, 0]];
        let stability = held(&labels, &runs);
        assert_eq!(stability.shaky(&clusters(&labels)), [3]);
        assert!((stability.stays[6] - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_left_out_of_all_clusters_is_dissolved() {
        let stability = held(&[0, 0, 0], &[&[U, U, U]]);
        assert_eq!(stability.clusters, [Survival { jaccard: 0.0, worst: 0.0, together: 0.0 }]);
        assert_eq!(stability.stays, [0.0; 3]);
        assert_eq!(held(&[0, 0, 0], &[]).clusters[0].jaccard, 1.0);
    }

    proptest! {
        #[test]
        fn figures_are_those_of_counting_every_pair(
            both in prop::collection::vec((0u32..4, 0u32..5), 1..40),
        ) {
            let none_at_3 = |label: u32| if label == 3 { U } else { label };
            let labels: Vec<u32> = both.iter().map(|pair| none_at_3(pair.0)).collect();
            let run: Vec<u32> = both.iter().map(|pair| none_at_3(pair.1)).collect();
            let stability = held(&labels, &[&run]);
            let labels = clusters(&labels).labels;
            for (label, survival) in stability.clusters.iter().enumerate() {
                let of = |labels: &[u32], label: u32| -> Vec<usize> {
                    (0..labels.len()).filter(|&i| labels[i] == label).collect()
                };
                let members = of(&labels, label as u32);
                let jaccard = |other: &Vec<usize>| {
                    let shared = members.iter().filter(|i| other.contains(i)).count();
                    shared as f32 / (members.len() + other.len() - shared) as f32
                };
                let best = (0..5).filter(|&l| l != 3).map(|l| jaccard(&of(&run, l))).fold(0.0, f32::max);
                prop_assert!((survival.jaccard - best).abs() < 1e-6);
                let (mut all, mut kept) = (0, 0);
                for (at, &i) in members.iter().enumerate() {
                    for &j in &members[at + 1..] {
                        all += 1;
                        kept += u32::from(run[i] == run[j] && run[i] != U);
                    }
                }
                let together = if all == 0 { 1.0 } else { kept as f32 / all as f32 };
                prop_assert!((survival.together - together).abs() < 1e-6);
            }
        }
    }
}
