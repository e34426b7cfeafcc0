//! One round of Leiden: local moving, refinement and aggregation (Traag, Waltman & van Eck 2019, algorithm A.2).

use std::collections::VecDeque;

use rayon::prelude::*;

use super::neighbour_graph::{Graph, running_sum};
use super::random::Random;
use crate::job::{Cancelled, Ctx};

/// How many nodes are visited between two looks at `cancel`.
const NODES_PER_LOOK: usize = 1 << 14;

/// A graph whose nodes are points or sets of points.
pub(super) struct Level {
    pub graph: Graph,
    /// The strength of each node; their sum is the same at every level.
    pub strengths: Vec<f64>,
    /// γ / total strength: what two nodes of strength 1 must share in weight to be worth joining.
    pub scale: f64,
    total: f64,
}

impl Level {
    pub fn new(graph: Graph, resolution: f64) -> Self {
        let strengths = graph.strengths();
        let total: f64 = strengths.iter().sum();
        let scale = if total > 0.0 { resolution / total } else { 0.0 };
        Self { graph, strengths, scale, total }
    }

    pub fn len(&self) -> usize {
        self.strengths.len()
    }

    /// Modularity at the level's resolution, in shares of the total weight. Labels lie below the node count.
    pub fn quality(&self, labels: &[u32]) -> f64 {
        let mut inside = 0.0;
        let mut sums = vec![0.0; self.len()];
        for (v, &label) in labels.iter().enumerate() {
            sums[label as usize] += self.strengths[v];
            inside += self.graph.edges(v).filter(|&(t, _)| labels[t] == label).map(|(_, w)| w).sum::<f64>();
        }
        let expected: f64 = sums.iter().map(|sum| self.scale * sum * sum).sum();
        if self.total > 0.0 { (inside - expected) / self.total } else { 0.0 }
    }

    /// The graph whose nodes are the `count` sets that `sets` puts this level's nodes in.
    pub fn aggregated(&self, sets: &[u32], count: usize) -> Self {
        let members = Members::of(sets, count);
        let rows: Vec<(Vec<(u32, f64)>, f64)> = (0..count)
            .into_par_iter()
            .map(|set| {
                let mut row: Vec<(u32, f64)> = Vec::new();
                let mut strength = 0.0;
                for &v in members.of_set(set) {
                    strength += self.strengths[v as usize];
                    row.extend(self.graph.edges(v as usize).map(|(t, w)| (sets[t], w)));
                }
                row.sort_by_key(|edge| edge.0);
                row.dedup_by(|from, into| {
                    let same = from.0 == into.0;
                    if same {
                        into.1 += from.1;
                    }
                    same
                });
                (row, strength)
            })
            .collect();
        let offsets = running_sum(std::iter::once(0).chain(rows.iter().map(|(row, _)| row.len())).collect());
        let targets = rows.iter().flat_map(|(row, _)| row.iter().map(|edge| edge.0)).collect();
        let weights = rows.iter().flat_map(|(row, _)| row.iter().map(|edge| edge.1 as f32)).collect();
        let strengths = rows.iter().map(|(_, strength)| *strength).collect();
        Self { graph: Graph { offsets, targets, weights }, strengths, ..*self }
    }
}

/// The nodes of each set, ascending.
struct Members {
    offsets: Vec<usize>,
    nodes: Vec<u32>,
}

impl Members {
    fn of(sets: &[u32], count: usize) -> Self {
        let mut counts = vec![0; count + 1];
        sets.iter().for_each(|&set| counts[set as usize + 1] += 1);
        let offsets = running_sum(counts);
        let mut ends = offsets.clone();
        let mut nodes = vec![0; sets.len()];
        for (v, &set) in sets.iter().enumerate() {
            nodes[ends[set as usize]] = v as u32;
            ends[set as usize] += 1;
        }
        Self { offsets, nodes }
    }

    fn of_set(&self, set: usize) -> &[u32] {
        &self.nodes[self.offsets[set]..self.offsets[set + 1]]
    }
}

/// The weights from one node to the sets around it, in an array that is cleared by what was touched.
struct Around {
    weight: Vec<f64>,
    sets: Vec<u32>,
}

impl Around {
    fn new(sets: usize) -> Self {
        Self { weight: vec![0.0; sets], sets: Vec::new() }
    }

    fn add(&mut self, set: u32, weight: f64) {
        let sum = &mut self.weight[set as usize];
        if *sum == 0.0 {
            self.sets.push(set);
        }
        *sum += weight;
    }

    fn to(&self, set: u32) -> f64 {
        self.weight[set as usize]
    }

    fn clear(&mut self) {
        for set in self.sets.drain(..) {
            self.weight[set as usize] = 0.0;
        }
    }
}

/// Moves nodes, refines and aggregates until no set can be joined to another; returns labels below the node count.
pub(super) fn one_round(
    points: &Level,
    mut labels: Vec<u32>,
    random: &mut Random,
    ctx: &Ctx,
) -> Result<Vec<u32>, Cancelled> {
    // Which node of the present level each point is in.
    let mut node_of: Vec<u32> = (0..points.len() as u32).collect();
    let mut coarser: Option<Level> = None;
    loop {
        let level = coarser.as_ref().unwrap_or(points);
        move_nodes(level, &mut labels, random, ctx)?;
        let communities = number_densely(&mut labels);
        if communities == level.len() {
            break;
        }
        let mut sets = refine(level, &labels, random, ctx)?;
        let count = number_densely(&mut sets);
        if count == level.len() {
            break;
        }
        let mut set_labels = vec![0; count];
        sets.iter().zip(&labels).for_each(|(&set, &label)| set_labels[set as usize] = label);
        node_of.par_iter_mut().for_each(|node| *node = sets[*node as usize]);
        let next = level.aggregated(&sets, count);
        labels = set_labels;
        coarser = Some(next);
    }
    Ok(node_of.iter().map(|&node| labels[node as usize]).collect())
}

/// Renumbers labels from 0 in the order of their first appearance; returns how many there are.
pub(super) fn number_densely(labels: &mut [u32]) -> usize {
    let most = labels.iter().max().map_or(0, |&l| l as usize + 1);
    let mut number = vec![u32::MAX; most];
    let mut count = 0;
    for label in labels {
        let new = &mut number[*label as usize];
        if *new == u32::MAX {
            *new = count;
            count += 1;
        }
        *label = *new;
    }
    count as usize
}

/// Fast local moving: each node goes where it gains most; those around it are looked at again.
fn move_nodes(level: &Level, labels: &mut [u32], random: &mut Random, ctx: &Ctx) -> Result<(), Cancelled> {
    let n = level.len();
    let mut sums = vec![0.0; n];
    let mut sizes = vec![0u32; n];
    for (v, &label) in labels.iter().enumerate() {
        sums[label as usize] += level.strengths[v];
        sizes[label as usize] += 1;
    }
    let mut empty: Vec<u32> = (0..n as u32).filter(|&c| sizes[c as usize] == 0).collect();
    let mut order: Vec<u32> = (0..n as u32).collect();
    random.shuffle(&mut order);
    let mut queue = VecDeque::from(order);
    let mut queued = vec![true; n];
    let mut around = Around::new(n);
    let mut visits = 0usize;
    while let Some(v) = queue.pop_front() {
        if visits.is_multiple_of(NODES_PER_LOOK) {
            ctx.cancel.check()?;
        }
        visits += 1;
        let v = v as usize;
        queued[v] = false;
        let own = labels[v];
        let strength = level.strengths[v];
        for (t, w) in level.graph.edges(v).filter(|&(t, _)| t != v) {
            around.add(labels[t], w);
        }
        sums[own as usize] -= strength;
        let gain = |c: u32| around.to(c) - level.scale * strength * sums[c as usize];
        let (mut best, mut best_gain) = (own, gain(own));
        for &c in &around.sets {
            let gain = gain(c);
            if gain > best_gain {
                (best, best_gain) = (c, gain);
            }
        }
        // Alone is better than in bad company.
        if best_gain < 0.0 && sizes[own as usize] > 1 {
            best = empty.last().copied().unwrap_or(best);
        }
        around.clear();
        sums[best as usize] += strength;
        if best == own {
            continue;
        }
        if empty.last() == Some(&best) {
            empty.pop();
        }
        sizes[own as usize] -= 1;
        sizes[best as usize] += 1;
        if sizes[own as usize] == 0 {
            sums[own as usize] = 0.0;
            empty.push(own);
        }
        labels[v] = best;
        for (t, _) in level.graph.edges(v) {
            if !queued[t] && labels[t] != best {
                queued[t] = true;
                queue.push_back(t as u32);
            }
        }
    }
    Ok(())
}

/// Splits each community into sets that are well connected inside it; labels lie below the node count.
fn refine(level: &Level, labels: &[u32], random: &mut Random, ctx: &Ctx) -> Result<Vec<u32>, Cancelled> {
    let n = level.len();
    let mut community_sums = vec![0.0; n];
    for (v, &label) in labels.iter().enumerate() {
        community_sums[label as usize] += level.strengths[v];
    }
    let mut sets: Vec<u32> = (0..n as u32).collect();
    let mut sums = level.strengths.clone();
    let mut alone = vec![true; n];
    // The weight between a set and the rest of its community.
    let mut bonds: Vec<f64> = (0..n)
        .into_par_iter()
        .map(|v| {
            let inside = level.graph.edges(v).filter(|&(t, _)| t != v && labels[t] == labels[v]);
            inside.map(|(_, w)| w).sum()
        })
        .collect();
    let mut order: Vec<u32> = (0..n as u32).collect();
    random.shuffle(&mut order);
    let mut around = Around::new(n);
    for (visit, &v) in order.iter().enumerate() {
        if visit.is_multiple_of(NODES_PER_LOOK) {
            ctx.cancel.check()?;
        }
        let v = v as usize;
        let community = community_sums[labels[v] as usize];
        let well_bound = |set: usize, sums: &[f64], bonds: &[f64]| {
            bonds[set] >= level.scale * sums[set] * (community - sums[set])
        };
        if !alone[v] || !well_bound(v, &sums, &bonds) {
            continue;
        }
        for (t, w) in level.graph.edges(v).filter(|&(t, _)| t != v && labels[t] == labels[v]) {
            around.add(sets[t], w);
        }
        let (mut best, mut best_gain) = (v as u32, 0.0);
        for &set in &around.sets {
            let gain = around.to(set) - level.scale * sums[v] * sums[set as usize];
            if gain > best_gain && well_bound(set as usize, &sums, &bonds) {
                (best, best_gain) = (set, gain);
            }
        }
        if best as usize != v {
            let into = best as usize;
            sets[v] = best;
            sums[into] += sums[v];
            bonds[into] += bonds[v] - 2.0 * around.to(best);
            // The node that gave the set its number is no longer free to leave it.
            (alone[v], alone[into]) = (false, false);
        }
        around.clear();
    }
    Ok(sets)
}
