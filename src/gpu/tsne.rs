//! t-SNE's layout: a field on a grid (`tsne_field`), a gather along edges, and a step. The twin is `math::tsne`.
//!
//! Sums run in an order that never changes, or in whole numbers: a layout is equal bit by bit when repeated on one adapter.

use std::ops::Range;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::kernel::{Kernel, Pace};
use super::steps::{self, Step};
use super::tsne_field::{Bounds, Field};
pub use super::tsne_field::{Grids, Transform};
use crate::job::Ctx;

/// Invocations of a workgroup, and of one that pulls.
const GROUP: usize = 256;
const PULLING_GROUP: usize = 64;

/// Points are put in order of their edges within stretches of so many, so that those side by side have about equally many and
/// still lie near each other in memory.
const STRETCH: usize = 1 << 14;

/// Units of the first slice, each a group of values in a transform: few enough for any adapter.
const FIRST: usize = 1 << 10;

/// Edges of a point that take as long as such a unit, in a group that pulls.
const EDGES_A_UNIT: usize = 16;

/// Edges that are brought into the kernel's form together.
const EDGES_AT_A_TIME: usize = 1 << 21;

/// One round of a layout: `math::tsne::Round`.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    pub exaggeration: f32,
    pub rate: f32,
    pub momentum: f32,
}

/// A graph in compressed rows: the edges of point i are `offsets[i]..offsets[i + 1]`.
#[derive(Clone, Copy, Debug)]
pub struct Graph<'a> {
    pub offsets: &'a [usize],
    pub targets: &'a [u32],
    pub weights: &'a [f32],
}

/// What moves, one of each a point.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moving {
    pub positions: Vec<[f32; 2]>,
    pub velocity: Vec<[f32; 2]>,
    pub gains: Vec<[f32; 2]>,
}

/// `Job` of `tsne_move.wgsl`.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
struct Job {
    groups: [u32; 2],
    points: u32,
    first_point: u32,
    extents: u32,
    exaggeration: f32,
    rate: f32,
    momentum: f32,
}

/// A layout on the adapter: its graph, and what moves.
pub struct Layout {
    context: Context,
    field: Field,
    pages: Vec<Page>,
    /// The newest are in the first.
    positions: [Buffer; 2],
    motion: Buffer,
    extents: Buffer,
    whole: Buffer,
    bounds: Bounds,
    points: usize,
    kernels: Kernels,
    pace: Pace,
}

struct Kernels {
    move_points: Arc<Kernel>,
    extend: Arc<Kernel>,
    find_middle: Arc<Kernel>,
    recentre: Arc<Kernel>,
}

/// Points whose edges are in one binding.
struct Page {
    points: Range<usize>,
    offsets: Buffer,
    edges: Buffer,
    order: Buffer,
    /// How long a group of its points takes.
    weight: usize,
}

impl Layout {
    /// As many velocities and gains as positions, all finite; points that the graph does not know are only pushed.
    ///
    /// Takes 48 bytes a point, 8 an edge and about 40 a node of the largest grid of the adapter's memory; fails where the
    /// motion of all points, or the edges of one, do not fit into one binding.
    pub fn new(context: &Context, graph: Graph<'_>, moving: &Moving, grids: Grids) -> Result<Self, GpuError> {
        let points = moving.positions.len();
        let motion: Vec<[f32; 4]> = moving
            .velocity
            .iter()
            .zip(&moving.gains)
            .map(|(velocity, gains)| [velocity[0], velocity[1], gains[0], gains[1]])
            .collect();
        let entry = |name| context.kernel("tsne_move", name, &[]);
        Ok(Self {
            field: Field::new(context, grids, points)?,
            pages: pages(context, graph, points)?,
            positions: [
                context.upload("positions", &moving.positions)?,
                context.buffer::<[f32; 2]>("positions", points)?,
            ],
            motion: context.upload("motion", &motion)?,
            extents: context.buffer::<[[f32; 2]; 3]>("extents", points.div_ceil(GROUP))?,
            whole: context.buffer::<[[f32; 2]; 3]>("the middle", 1)?,
            bounds: bounds(&moving.positions),
            points,
            kernels: Kernels {
                move_points: entry("move_points")?,
                extend: entry("extend")?,
                find_middle: entry("find_middle")?,
                recentre: entry("recentre")?,
            },
            pace: Pace::starting_with(FIRST),
            context: context.clone(),
        })
    }

    /// Takes another graph of the same points.
    pub fn attract(&mut self, graph: Graph<'_>) -> Result<(), GpuError> {
        // The old one makes room first.
        self.pages.clear();
        self.pages = pages(&self.context, graph, self.points)?;
        Ok(())
    }

    /// Does a round, in slices. The map's bounds come back once: the next grid is made for them.
    pub fn advance(&mut self, round: &Round, ctx: &Ctx) -> Result<(), GpuError> {
        if self.points == 0 {
            return Ok(());
        }
        let mut steps = Vec::new();
        let [before, after] = &self.positions;
        self.field.steps(before, self.bounds, &mut steps)?;
        let job = Job {
            points: self.points as u32,
            extents: self.points.div_ceil(GROUP) as u32,
            exaggeration: round.exaggeration,
            rate: round.rate,
            momentum: round.momentum,
            ..Job::default()
        };
        for page in &self.pages {
            let job = Job { points: page.points.len() as u32, first_point: page.points.start as u32, ..job };
            let buffers = [
                (1, &page.offsets),
                (2, &page.edges),
                (3, &page.order),
                (4, before),
                (5, &self.field.pushes),
                (6, &self.field.inverse),
                (7, &self.motion),
                (8, after),
            ];
            let groups = page.points.len().div_ceil(PULLING_GROUP);
            steps.push(Step::new(&self.kernels.move_points, &job, &buffers, (groups, page.weight)));
        }
        let groups = (self.points.div_ceil(GROUP), 1);
        let (extents, whole) = ((9, &self.extents), (10, &self.whole));
        steps.push(Step::new(&self.kernels.extend, &job, &[(8, after), extents], groups));
        steps.push(Step::new(&self.kernels.find_middle, &job, &[extents, whole], (1, 1)));
        steps.push(Step::new(&self.kernels.recentre, &job, &[(8, after), whole], groups));
        steps::run(&self.context, &steps, &mut self.pace, ctx)?;
        let found: Vec<[f32; 2]> = self.context.read(&self.whole, 3, ctx)?;
        self.bounds = Bounds { low: found[1], high: found[2] };
        self.positions.swap(0, 1);
        Ok(())
    }

    /// What moves, as it is now.
    pub fn moving(&self, ctx: &Ctx) -> Result<Moving, GpuError> {
        let motion: Vec<[f32; 4]> = self.context.read(&self.motion, self.points, ctx)?;
        Ok(Moving {
            positions: self.context.read(&self.positions[0], self.points, ctx)?,
            velocity: motion.iter().map(|&[x, y, ..]| [x, y]).collect(),
            gains: motion.iter().map(|&[.., x, y]| [x, y]).collect(),
        })
    }

    /// How each point was pushed in the last round, Σⱼ (y − yⱼ) / (1 + |y − yⱼ|²)², and the sum of 1 / (1 + |y − yⱼ|²) over
    /// all pairs.
    pub fn pushes(&self, ctx: &Ctx) -> Result<(Vec<[f32; 2]>, f64), GpuError> {
        let pushes = self.context.read(&self.field.pushes, self.points, ctx)?;
        let inverse: Vec<f32> = self.context.read(&self.field.inverse, 1, ctx)?;
        Ok((pushes, inverse.first().map_or(0.0, |&inverse| 1.0 / f64::from(inverse))))
    }
}

fn bounds(positions: &[[f32; 2]]) -> Bounds {
    let nothing = Bounds { low: [f32::INFINITY; 2], high: [f32::NEG_INFINITY; 2] };
    positions.iter().fold(nothing, |bounds, point| Bounds {
        low: [bounds.low[0].min(point[0]), bounds.low[1].min(point[1])],
        high: [bounds.high[0].max(point[0]), bounds.high[1].max(point[1])],
    })
}

/// The edges of `points` points in as few pieces as bindings hold.
fn pages(context: &Context, graph: Graph<'_>, points: usize) -> Result<Vec<Page>, GpuError> {
    // Points that the graph does not know have no edges.
    let last = graph.offsets.last().copied().unwrap_or(0);
    let offset = |i: usize| graph.offsets.get(i).copied().unwrap_or(last);
    let page = context.page() as usize;
    let (most_edges, most_points) = (page / size_of::<[u32; 2]>(), (page / size_of::<u32>() - 1).max(1));
    let mut pages = Vec::new();
    let mut start = 0;
    while start < points {
        let first = offset(start);
        // At least one point, whose edges may then prove too many.
        let mut end = start + 1;
        while end < points && end - start < most_points && offset(end + 1) - first <= most_edges {
            end += 1;
        }
        let own = first..offset(end);
        let edges = context.buffer::<[u32; 2]>("edges", own.len())?;
        let parts = graph.targets[own.clone()].chunks(EDGES_AT_A_TIME);
        for (part, (targets, weights)) in
            parts.zip(graph.weights[own.clone()].chunks(EDGES_AT_A_TIME)).enumerate()
        {
            let pairs: Vec<[u32; 2]> =
                targets.iter().zip(weights).map(|(&target, weight)| [target, weight.to_bits()]).collect();
            context.write(&edges, part * EDGES_AT_A_TIME, &pairs)?;
        }
        let offsets: Vec<u32> = (start..=end).map(|i| (offset(i) - first) as u32).collect();
        pages.push(Page {
            points: start..end,
            edges,
            order: context.upload("order", &ordered(&offsets, start))?,
            offsets: context.upload("edge offsets", &offsets)?,
            weight: own.len() / (end - start) / EDGES_A_UNIT,
        });
        start = end;
    }
    Ok(pages)
}

/// The points from `first` on, most edges first within each stretch.
fn ordered(offsets: &[u32], first: usize) -> Vec<u32> {
    let mut order: Vec<usize> = (0..offsets.len().saturating_sub(1)).collect();
    let edges = |&i: &usize| offsets[i + 1] - offsets[i];
    order.chunks_mut(STRETCH).for_each(|stretch| stretch.sort_by_key(|i| std::cmp::Reverse(edges(i))));
    order.into_iter().map(|i| (first + i) as u32).collect()
}
