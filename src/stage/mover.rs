//! A layout that a graphics adapter moves: `gpu::umap` as `math::umap` wants it.

use std::time::{Duration, Instant};

use crate::data::Pins;
use crate::gpu::{Context, GpuError, umap as kernel};
use crate::job::Ctx;
use crate::math::fuzzy::{Edge, FuzzyGraph};
use crate::math::umap::{Mover, Round};

/// How long the adapter moves points before they are looked at: a frame.
const FRAME: Duration = Duration::from_millis(30);

/// More epochs than this are never done at once, so that steering is felt.
const MOST_AT_ONCE: usize = 16;

/// Moves the points of a graph on an adapter.
pub(super) struct OnAdapter<'a> {
    layout: kernel::Layout,
    /// Where they were when they were last looked at.
    positions: Vec<[f32; 2]>,
    at_once: usize,
    ctx: &'a Ctx,
}

impl<'a> OnAdapter<'a> {
    /// The points of `graph`, and perhaps more, which stay; as many `positions` as points.
    pub fn new(
        context: &Context,
        graph: &FuzzyGraph,
        positions: Vec<[f32; 2]>,
        ctx: &'a Ctx,
    ) -> Result<Self, GpuError> {
        let edges: Vec<u32> = graph.edges().iter().copied().map(Edge::packed).collect();
        let layout = kernel::Layout::new(context, graph.offsets(), &edges, &positions)?;
        Ok(Self { layout, positions, at_once: 1, ctx })
    }

    /// Where the points were when the adapter last answered.
    pub fn into_positions(self) -> Vec<[f32; 2]> {
        self.positions
    }
}

impl Mover for OnAdapter<'_> {
    type Error = GpuError;

    fn at_once(&self) -> usize {
        self.at_once
    }

    fn advance(&mut self, rounds: &[Round]) -> Result<(), GpuError> {
        let started = Instant::now();
        let rounds: Vec<kernel::Round> = rounds.iter().map(in_its_terms).collect();
        self.layout.advance(&rounds, self.ctx)?;
        self.positions = self.layout.positions(self.ctx)?;
        let each = started.elapsed().as_secs_f64() / rounds.len().max(1) as f64;
        self.at_once = ((FRAME.as_secs_f64() / each.max(1e-9)) as usize).clamp(1, MOST_AT_ONCE);
        Ok(())
    }

    fn hold(&mut self, pins: &Pins) -> Result<(), GpuError> {
        let mut bits = vec![0u32; self.positions.len().div_ceil(32)];
        for (&row, &place) in pins.range(..self.positions.len() as u32) {
            bits[row as usize / 32] |= 1 << (row % 32);
            self.layout.put(row as usize, place)?;
            self.positions[row as usize] = place;
        }
        self.layout.hold(&bits)
    }

    fn positions(&mut self) -> Result<&[[f32; 2]], GpuError> {
        Ok(&self.positions)
    }
}

fn in_its_terms(round: &Round) -> kernel::Round {
    kernel::Round {
        epoch: round.epoch,
        seed: round.seed,
        phase: round.phase,
        negatives: round.forces.negatives,
        rate: round.rate,
        a: round.forces.a,
        b: round.forces.b,
        attraction: round.forces.attraction,
        repulsion: round.forces.repulsion,
    }
}
