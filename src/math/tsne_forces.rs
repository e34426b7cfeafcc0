//! One round of t-SNE: every point is pulled by those it knows and pushed by all, and moves.
//!
//! The gradient is van der Maaten & Hinton's (2008) without its factor of 4, as in FIt-SNE, whose learning rate is meant
//! for that. No point writes what another reads, and sums run in a fixed order: the number of threads changes nothing.

use rayon::prelude::*;

use super::tsne_affinities::Affinities;

/// Edges side by side.
const LANES: usize = 8;

/// Points of one task.
const CHUNK: usize = 256;

/// Gains (Jacobs 1988): a component that goes on the way it went gains a little, one that turned back loses.
const GAIN_MORE: f32 = 0.2;
const GAIN_LESS: f32 = 0.8;
const LEAST_GAIN: f32 = 0.01;

/// No point moves farther than this in a round.
const LONGEST_STEP: f32 = 5.0;

/// What moves: positions, how they moved last, and how much faster each component moves than the learning rate says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub positions: Vec<[f32; 2]>,
    pub velocity: Vec<[f32; 2]>,
    pub gains: Vec<[f32; 2]>,
    /// Rounds done.
    pub epoch: usize,
}

impl State {
    /// Points that have not moved yet, or of whose motion nothing is known, after `epoch` rounds.
    pub fn at_rest(positions: Vec<[f32; 2]>, epoch: usize) -> Self {
        let n = positions.len();
        Self { positions, velocity: vec![[0.0; 2]; n], gains: vec![[1.0; 2]; n], epoch }
    }
}

/// One round: everything that the points read.
pub(super) struct Forces<'a> {
    pub affinities: &'a Affinities,
    /// Where all points stood after the last round.
    pub positions: &'a [[f32; 2]],
    /// Σⱼ (y − yⱼ) / (1 + |y − yⱼ|²)² of every point.
    pub pushes: &'a [[f32; 2]],
    /// What attraction is multiplied with.
    pub exaggeration: f32,
    /// 1 / Z, which pushes are multiplied with.
    pub repulsion: f32,
    pub rate: f32,
    pub momentum: f32,
}

impl Forces<'_> {
    /// Moves all points, the middle of the map to the origin: `next` gets where they stand then.
    pub fn run(&self, next: &mut [[f32; 2]], velocity: &mut [[f32; 2]], gains: &mut [[f32; 2]]) {
        let sums: Vec<[f64; 2]> = next
            .par_chunks_mut(CHUNK)
            .zip(velocity.par_chunks_mut(CHUNK))
            .zip(gains.par_chunks_mut(CHUNK))
            .enumerate()
            .map(|(chunk, ((next, velocity), gains))| {
                #[cfg(target_arch = "x86_64")]
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has AVX2, as just asked.
                    return unsafe { self.move_avx2(chunk * CHUNK, next, velocity, gains) };
                }
                self.move_points(chunk * CHUNK, next, velocity, gains)
            })
            .collect();
        let sum = sums.iter().fold([0.0; 2], |sum, part| [sum[0] + part[0], sum[1] + part[1]]);
        let middle = sum.map(|sum| (sum / next.len().max(1) as f64) as f32);
        next.par_chunks_mut(CHUNK).flatten().for_each(|position| {
            (0..2).for_each(|axis| position[axis] -= middle[axis]);
        });
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn move_avx2(
        &self,
        first: usize,
        next: &mut [[f32; 2]],
        velocity: &mut [[f32; 2]],
        gains: &mut [[f32; 2]],
    ) -> [f64; 2] {
        self.move_points(first, next, velocity, gains)
    }

    /// Moves the points from `first` on; returns the sum of their new positions.
    #[inline(always)]
    fn move_points(
        &self,
        first: usize,
        next: &mut [[f32; 2]],
        velocity: &mut [[f32; 2]],
        gains: &mut [[f32; 2]],
    ) -> [f64; 2] {
        let mut sum = [0.0; 2];
        for (local, ((next, velocity), gains)) in next.iter_mut().zip(velocity).zip(gains).enumerate() {
            let i = first + local;
            let (position, push) = (self.positions[i], self.pushes[i]);
            let pull = if i < self.affinities.len() { self.pull(i) } else { [0.0; 2] };
            for axis in 0..2 {
                let gradient = self.exaggeration * pull[axis] - self.repulsion * push[axis];
                let before = velocity[axis];
                // The velocity points down the gradient where it goes on: against its sign.
                let turned = (before > 0.0 && gradient > 0.0) || (before < 0.0 && gradient < 0.0);
                let gain = gains[axis];
                gains[axis] = if turned { gain * GAIN_LESS + LEAST_GAIN } else { gain + GAIN_MORE };
                velocity[axis] = self.momentum * before - self.rate * gains[axis] * gradient;
            }
            let length = (velocity[0] * velocity[0] + velocity[1] * velocity[1]).sqrt();
            let short = if length > LONGEST_STEP { LONGEST_STEP / length } else { 1.0 };
            for axis in 0..2 {
                let step = velocity[axis] * short;
                // A step without bounds has no direction either.
                velocity[axis] = if step.is_finite() { step } else { 0.0 };
                next[axis] = position[axis] + velocity[axis];
                sum[axis] += f64::from(next[axis]);
            }
        }
        sum
    }

    /// Σⱼ pᵢⱼ (yᵢ − yⱼ) / (1 + |yᵢ − yⱼ|²) over the points that `i` knows.
    #[inline(always)]
    fn pull(&self, i: usize) -> [f32; 2] {
        let (targets, weights) = self.affinities.of(i);
        let own = self.positions[i];
        let (mut x, mut y) = ([0.0f32; LANES], [0.0f32; LANES]);
        let mut add = |targets: &[u32; LANES], weights: &[f32; LANES]| {
            let there: [[f32; 2]; LANES] = std::array::from_fn(|lane| self.positions[targets[lane] as usize]);
            for lane in 0..LANES {
                let (dx, dy) = (own[0] - there[lane][0], own[1] - there[lane][1]);
                let strength = weights[lane] / (1.0 + dx * dx + dy * dy);
                x[lane] += strength * dx;
                y[lane] += strength * dy;
            }
        };
        let (whole_targets, last_targets) = targets.as_chunks::<LANES>();
        let (whole_weights, last_weights) = weights.as_chunks::<LANES>();
        whole_targets.iter().zip(whole_weights).for_each(|(targets, weights)| add(targets, weights));
        if !last_targets.is_empty() {
            let (mut targets, mut weights) = ([i as u32; LANES], [0.0; LANES]);
            targets[..last_targets.len()].copy_from_slice(last_targets);
            weights[..last_weights.len()].copy_from_slice(last_weights);
            add(&targets, &weights);
        }
        let total = |lanes: [f32; LANES]| {
            let (low, high) = lanes.split_at(LANES / 2);
            low.iter().zip(high).map(|(a, b)| a + b).sum()
        };
        [total(x), total(y)]
    }
}
