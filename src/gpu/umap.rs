//! UMAP's layout: a vertex gather, one invocation a point, two position buffers. The twin is `math::umap`.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::kernel::{Kernel, Pace};
use crate::job::Ctx;

/// Invocations of a workgroup.
const GROUP: usize = 64;

/// Points are put in order of their edges within stretches of so many, so that those side by side have about
/// equally many and still lie near each other in memory.
const STRETCH: usize = 1 << 14;

/// Points of the first slice: few enough for any adapter.
const FIRST: usize = 1 << 13;

/// One epoch of a layout: `math::umap::Round` in the kernel's own terms.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    pub epoch: u32,
    pub seed: u32,
    pub phase: u32,
    pub negatives: u32,
    pub rate: f32,
    pub a: f32,
    pub b: f32,
    pub attraction: f32,
    pub repulsion: f32,
}

/// `Round` of `umap.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Uniform {
    points: u32,
    first: u32,
    count: u32,
    first_point: u32,
    epoch: u32,
    seed: u32,
    phase: u32,
    negatives: u32,
    rate: f32,
    a: f32,
    b: f32,
    attraction: f32,
    repulsion: f32,
    first_edge: u32,
    unused: [u32; 2],
}

/// A layout on the adapter: its graph, and where the points are.
pub struct Layout {
    context: Context,
    kernel: std::sync::Arc<Kernel>,
    pages: Vec<Page>,
    held: Buffer,
    /// The newest are in the first.
    positions: [Buffer; 2],
    points: usize,
    pace: Pace,
}

/// Points whose edges are in one binding.
struct Page {
    points: Range<usize>,
    first_edge: u32,
    offsets: Buffer,
    edges: Buffer,
    order: Buffer,
}

impl Layout {
    /// A graph in compressed rows (the edges of point i are `edges[offsets[i]..offsets[i + 1]]`, each a target above 8 bits of
    /// weight) and a position for each point; points that the graph does not know stay.
    ///
    /// Takes 16 bytes a point and 4 an edge of the adapter's memory; fails where positions do not fit into one binding.
    pub fn new(
        context: &Context,
        offsets: &[u32],
        edges: &[u32],
        positions: &[[f32; 2]],
    ) -> Result<Self, GpuError> {
        let known = offsets.len().saturating_sub(1).min(positions.len());
        let most_edges = context.page() as usize / 4;
        let mut pages = Vec::new();
        let mut start = 0;
        while start < known {
            let first = offsets[start];
            // As many points as have their edges, and their offsets, in one binding; one has fewer than any binding holds.
            let fitting =
                offsets[start + 1..=known].partition_point(|&end| (end - first) as usize <= most_edges);
            let end = start + fitting.clamp(1, most_edges.saturating_sub(1).max(1));
            let part = &edges[first as usize..offsets[end] as usize];
            pages.push(Page {
                points: start..end,
                first_edge: first,
                offsets: context.upload("edge offsets", &offsets[start..=end])?,
                edges: context.upload("edges", part)?,
                order: context.upload("order", &ordered(offsets, start..end))?,
            });
            start = end;
        }
        Ok(Self {
            kernel: context.kernel("umap", "epoch", &[])?,
            pages,
            held: context.buffer::<u32>("held points", positions.len().div_ceil(32))?,
            positions: [context.upload("positions", positions)?, context.upload("positions", positions)?],
            points: positions.len(),
            pace: Pace::starting_with(FIRST),
            context: context.clone(),
        })
    }

    /// Holds the points whose bit is set (bit i % 32 of word i / 32) where they are, and lets all others go.
    pub fn hold(&mut self, bits: &[u32]) -> Result<(), GpuError> {
        let mut all = vec![0u32; self.points.div_ceil(32)];
        let len = bits.len().min(all.len());
        all[..len].copy_from_slice(&bits[..len]);
        self.context.write(&self.held, 0, &all)
    }

    /// Puts point `i` somewhere.
    pub fn put(&mut self, i: usize, position: [f32; 2]) -> Result<(), GpuError> {
        self.positions.iter().try_for_each(|buffer| self.context.write(buffer, i, &[position]))
    }

    /// Does some epochs, in slices.
    pub fn advance(&mut self, rounds: &[Round], ctx: &Ctx) -> Result<(), GpuError> {
        let known: usize = self.pages.iter().map(|page| page.points.len()).sum();
        let (kernel, pages, held) = (&self.kernel, &self.pages, &self.held);
        let (positions, points) = (&self.positions, self.points as u32);
        self.context.in_slices(
            known * rounds.len(),
            &mut self.pace,
            ctx,
            |range, batch| {
                let mut unit = range.start;
                while unit < range.end {
                    let (epoch, within) = (unit / known, unit % known);
                    let round = &rounds[epoch];
                    let at = pages.partition_point(|page| page.points.end <= within);
                    let page = &pages[at];
                    let end = (epoch * known + page.points.end).min(range.end);
                    let uniform = Uniform {
                        points,
                        first: (within - page.points.start) as u32,
                        count: (end - unit) as u32,
                        first_point: page.points.start as u32,
                        epoch: round.epoch,
                        seed: round.seed,
                        phase: round.phase,
                        negatives: round.negatives,
                        rate: round.rate,
                        a: round.a,
                        b: round.b,
                        attraction: round.attraction,
                        repulsion: round.repulsion,
                        first_edge: page.first_edge,
                        unused: [0; 2],
                    };
                    let (before, after) = (&positions[epoch % 2], &positions[(epoch + 1) % 2]);
                    let buffers = [
                        (1, &page.offsets),
                        (2, &page.edges),
                        (3, &page.order),
                        (4, held),
                        (5, before),
                        (6, after),
                    ];
                    batch.dispatch(kernel, &uniform, &buffers, (end - unit).div_ceil(GROUP) as u32);
                    unit = end;
                }
                Ok(())
            },
            |_| {},
        )?;
        if rounds.len() % 2 == 1 {
            self.positions.swap(0, 1);
        }
        Ok(())
    }

    /// Where the points are.
    pub fn positions(&self, ctx: &Ctx) -> Result<Vec<[f32; 2]>, GpuError> {
        self.context.read(&self.positions[0], self.points, ctx)
    }
}

/// The points of a page, most edges first within each stretch.
fn ordered(offsets: &[u32], points: Range<usize>) -> Vec<u32> {
    let mut order: Vec<u32> = points.map(|i| i as u32).collect();
    let edges = |&i: &u32| offsets[i as usize + 1] - offsets[i as usize];
    order.chunks_mut(STRETCH).for_each(|stretch| stretch.sort_by_key(|i| std::cmp::Reverse(edges(i))));
    order
}
