//! One epoch of UMAP's layout: every point reads where all others stood after the last one and moves itself.
//!
//! Points with about equally many steps go side by side, one a SIMD lane: enough of them that a processor has others
//! to compute while it waits for the last step of one.

use rayon::prelude::*;

use super::fuzzy::FuzzyGraph;
use super::hash::mix32;
use super::umap::{Mover, Round};
use super::umap_forces::LANES;
use crate::data::Pins;

/// Points of one task: enough to sort by steps, few enough to keep all cores busy to the end of an epoch.
const CHUNK: usize = 256;

/// Points with more steps than this in one epoch share a bucket when a chunk is sorted.
const BUCKETS: usize = 64;

/// Puts points where they are pinned; pins of points that are not there do no harm.
pub(super) fn hold(positions: &mut [[f32; 2]], pins: &Pins) {
    for (&row, &place) in pins.range(..positions.len() as u32) {
        positions[row as usize] = place;
    }
}

/// What one task needs and keeps for the next.
#[derive(Default)]
struct Scratch {
    /// Targets of all edges of the chunk that are due, point after point.
    due: Vec<u32>,
    /// Where those of each point begin and how many they are.
    spans: Vec<(u32, u32)>,
    /// The chunk's points, most steps first.
    order: Vec<u32>,
}

/// Points that move side by side.
struct Group<'a> {
    /// The number of the chunk's first point.
    first: usize,
    /// Their numbers within the chunk, most steps first.
    points: &'a [u32],
    scratch: &'a Scratch,
}

/// Moves points on the processor: every point reads where all stood after the last epoch.
pub struct OnProcessor<'a> {
    graph: &'a FuzzyGraph,
    positions: Vec<[f32; 2]>,
    next: Vec<[f32; 2]>,
    pins: Pins,
}

impl<'a> OnProcessor<'a> {
    /// The points of `graph`, and perhaps more, which stay; as many `positions` as points
    /// ([`placed`](super::umap::placed)).
    pub fn new(graph: &'a FuzzyGraph, positions: Vec<[f32; 2]>) -> Self {
        Self { graph, next: positions.clone(), positions, pins: Pins::new() }
    }

    pub fn into_positions(self) -> Vec<[f32; 2]> {
        self.positions
    }
}

impl Mover for OnProcessor<'_> {
    type Error = std::convert::Infallible;

    fn at_once(&self) -> usize {
        1
    }

    fn advance(&mut self, rounds: &[Round]) -> Result<(), Self::Error> {
        for &round in rounds {
            Epoch { graph: self.graph, positions: &self.positions, round }.run(&mut self.next);
            hold(&mut self.next, &self.pins);
            std::mem::swap(&mut self.positions, &mut self.next);
        }
        Ok(())
    }

    fn hold(&mut self, pins: &Pins) -> Result<(), Self::Error> {
        hold(&mut self.positions, pins);
        self.pins.clone_from(pins);
        Ok(())
    }

    fn positions(&mut self) -> Result<&[[f32; 2]], Self::Error> {
        Ok(&self.positions)
    }
}

/// One epoch: everything that the points read.
pub(super) struct Epoch<'a> {
    pub graph: &'a FuzzyGraph,
    pub positions: &'a [[f32; 2]],
    pub round: Round,
}

impl Epoch<'_> {
    /// Moves all points that the graph knows, into `next`.
    pub fn run(&self, next: &mut [[f32; 2]]) {
        let out = next[..self.graph.len()].par_chunks_mut(CHUNK);
        out.enumerate().for_each_init(Scratch::default, |scratch, (chunk, out)| {
            self.move_chunk(chunk * CHUNK, out, scratch);
        });
    }

    /// Moves the points `first..first + out.len()`.
    fn move_chunk(&self, first: usize, out: &mut [[f32; 2]], scratch: &mut Scratch) {
        self.collect_due(first, out.len(), scratch);
        sort_by_steps(scratch);
        for points in scratch.order.chunks(LANES) {
            let group = Group { first, points, scratch };
            #[cfg(target_arch = "x86_64")]
            {
                if std::arch::is_x86_feature_detected!("avx512f") {
                    // SAFETY: the processor has these instructions, as just asked.
                    unsafe { self.move_group_avx512(&group, out) };
                    continue;
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: as above.
                    unsafe { self.move_group_avx2(&group, out) };
                    continue;
                }
            }
            self.move_group(&group, out);
        }
    }

    /// An edge with weight p is due ⌊(e + 1)p + φ⌋ − ⌊e p + φ⌋ times in epoch e; φ follows the golden ratio along
    /// the edges, which spreads a point's steps evenly over the epochs.
    fn collect_due(&self, first: usize, count: usize, scratch: &mut Scratch) {
        let offsets = &self.graph.offsets()[first..=first + count];
        let edges = &self.graph.edges()[offsets[0] as usize..offsets[count] as usize];
        scratch.spans.clear();
        scratch.due.resize(scratch.due.len().max(edges.len() + 1), 0);
        let mut end = 0;
        let mut at = offsets[0];
        for row in offsets.windows(2) {
            let begin = end;
            for edge in &edges[(row[0] - offsets[0]) as usize..(row[1] - offsets[0]) as usize] {
                let phase = at.wrapping_mul(0x9E37_79B9).wrapping_add(self.round.phase) >> 24;
                let before = self.round.epoch.wrapping_mul(edge.due()).wrapping_add(phase) & 0xff;
                scratch.due[end] = edge.target();
                end += usize::from(before + edge.due() > 0xff);
                at += 1;
            }
            scratch.spans.push((begin as u32, (end - begin) as u32));
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn move_group_avx512(&self, group: &Group<'_>, out: &mut [[f32; 2]]) {
        self.move_group(group, out);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn move_group_avx2(&self, group: &Group<'_>, out: &mut [[f32; 2]]) {
        self.move_group(group, out);
    }

    /// Moves up to [`LANES`] points side by side.
    #[inline(always)]
    fn move_group(&self, group: &Group<'_>, out: &mut [[f32; 2]]) {
        let n = self.positions.len() as u64;
        let (mut x, mut y) = ([0.0f32; LANES], [0.0f32; LANES]);
        let (mut begin, mut steps) = ([0u32; LANES], [0u32; LANES]);
        let (mut own, mut stream) = ([u32::MAX; LANES], [0u32; LANES]);
        for (lane, &local) in group.points.iter().enumerate() {
            own[lane] = group.first as u32 + local;
            stream[lane] = self.round.seed ^ own[lane].wrapping_mul(0x85EB_CA6B);
            [x[lane], y[lane]] = self.positions[own[lane] as usize];
            (begin[lane], steps[lane]) = group.scratch.spans[local as usize];
        }
        let (mut tx, mut ty) = ([0.0f32; LANES], [0.0f32; LANES]);
        let mut rate = [0.0f32; LANES];
        let mut draw = 0u32;
        for step in 0..steps[0] {
            for lane in 0..LANES {
                let active = step < steps[lane];
                rate[lane] = if active { self.round.rate } else { 0.0 };
                let at = begin[lane].wrapping_add(if active { step } else { 0 });
                [tx[lane], ty[lane]] = self.positions[group.scratch.due[at as usize] as usize];
            }
            self.round.forces.attract(&mut x, &mut y, &tx, &ty, &rate);
            for _ in 0..self.round.forces.negatives {
                draw = draw.wrapping_add(0x9E37_79B9);
                let mut strangers = [0u32; LANES];
                for lane in 0..LANES {
                    strangers[lane] = below(mix32(stream[lane].wrapping_add(draw)), n);
                }
                let mut push = rate;
                for lane in 0..LANES {
                    [tx[lane], ty[lane]] = self.positions[strangers[lane] as usize];
                }
                for lane in 0..LANES {
                    // A point does not flee from where it just stood.
                    push[lane] = if strangers[lane] == own[lane] { 0.0 } else { push[lane] };
                }
                self.round.forces.repel(&mut x, &mut y, &tx, &ty, &push);
            }
        }
        for (lane, &local) in group.points.iter().enumerate() {
            out[local as usize] = [x[lane], y[lane]];
        }
    }
}

/// Orders the chunk's points by falling number of steps: a counting sort, stable.
fn sort_by_steps(scratch: &mut Scratch) {
    let bucket = |steps: u32| BUCKETS - 1 - (steps as usize).min(BUCKETS - 1);
    let mut starts = [0u32; BUCKETS + 1];
    for &(_, steps) in &scratch.spans {
        starts[bucket(steps) + 1] += 1;
    }
    for b in 0..BUCKETS {
        starts[b + 1] += starts[b];
    }
    scratch.order.clear();
    scratch.order.resize(scratch.spans.len(), 0);
    for (local, &(_, steps)) in scratch.spans.iter().enumerate() {
        let at = &mut starts[bucket(steps)];
        scratch.order[*at as usize] = local as u32;
        *at += 1;
    }
    // The first bucket holds all that have very many: their exact order matters to the lanes' common bound.
    let many = scratch.spans.iter().filter(|(_, steps)| *steps as usize >= BUCKETS - 1).count();
    scratch.order[..many].sort_by_key(|&local| std::cmp::Reverse(scratch.spans[local as usize].1));
}

/// A number below `n` from a hash.
#[inline(always)]
fn below(random: u32, n: u64) -> u32 {
    (u64::from(random).wrapping_mul(n) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::umap::Forces;
    use crate::math::umap::UmapParams;
    use crate::math::umap::tests::{ring, scattered};

    #[test]
    fn lanes_do_not_influence_each_other() {
        // The wide forms and the plain one, and groups of any make-up, must move a point the same way.
        let graph = ring(90, 5);
        let positions = scattered(90).positions;
        let forces = Forces::new(&UmapParams::default());
        let round = Round { epoch: 3, rate: 0.7, seed: 5, phase: 6, forces };
        let epoch = Epoch { graph: &graph, positions: &positions, round };
        let mut scratch = Scratch::default();
        let (mut together, mut alone) = (vec![[0.0; 2]; 90], vec![[0.0; 2]; 90]);
        epoch.move_chunk(0, &mut together, &mut scratch);
        (0..90).for_each(|i| {
            epoch.move_group(&Group { first: 0, points: &[i], scratch: &scratch }, &mut alone);
        });
        assert_eq!(together, alone);
        assert_ne!(together, positions);
    }

    #[test]
    fn an_edge_is_due_as_often_as_its_weight_says() {
        let graph = ring(50, 6);
        let positions = vec![[0.0; 2]; 50];
        let forces = Forces::new(&UmapParams::default());
        let mut counts = vec![0; 50];
        let mut scratch = Scratch::default();
        for epoch in 0..256 {
            let round = Round { epoch, rate: 1.0, seed: 1, phase: 77, forces };
            Epoch { graph: &graph, positions: &positions, round }.collect_due(0, 50, &mut scratch);
            scratch.spans.iter().zip(&mut counts).for_each(|(span, count)| *count += span.1);
        }
        let wanted: Vec<u32> = (0..50).map(|i| graph.of(i).iter().map(|edge| edge.due()).sum()).collect();
        assert_eq!(counts, wanted);
    }
}
