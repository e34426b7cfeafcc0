//! What pushes the points of a t-SNE map apart: a potential on a grid. The twin is `math::tsne_field`.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::fourier::{self, Convolver};
use super::kernel::Kernel;
use super::steps::Step;

/// Invocations of a workgroup.
const GROUP: usize = 256;

/// Nodes that a point shares in, along each axis.
const ORDER: usize = 6;

/// The largest share that a node can have of a point: that of the nearest, (66 / 120)², a little more for rounding.
const LARGEST_SHARE: f64 = 0.303;

/// More parts of a point than this are not exact numbers in an f32.
const MOST_PARTS: f64 = 16_777_216.0;

/// The least room, in nodes: transforms of fewer are not worth a dispatch.
const LEAST_ROOM: usize = 16;

/// A cell of a map of finite positions is never doubled more often than this.
const DOUBLINGS: usize = 64;

/// How long a group of points takes beside one of values in a transform.
const SPREADING: usize = 8;

/// How grids are made: as the twin makes them.
#[derive(Clone, Copy)]
pub struct Grids {
    /// The side of a cell, for the longer side of a map and its number of points.
    pub cell: fn(f32, usize) -> f32,
    /// What convolves a grid of cells of that side and so many nodes along either axis.
    pub transform: fn(f32, [usize; 2]) -> Transform,
}

/// The transform of the potential's kernel, divided by the spline's: for each of width + 1 columns, frequencies 0 to height.
pub struct Transform {
    pub values: Vec<f32>,
    /// What the kernel is less than it should be, everywhere.
    pub offset: f64,
}

/// The bounds of a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub low: [f32; 2],
    pub high: [f32; 2],
}

/// `Job` of `tsne_field.wgsl`.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
struct Job {
    groups: [u32; 2],
    points: u32,
    stride: u32,
    origin: [f32; 2],
    last: [f32; 2],
    cell: f32,
    parts: f32,
    means: f32,
    means_of_others: f32,
    sums: u32,
    unused: [u32; 3],
}

/// The field of `points` points.
pub(super) struct Field {
    context: Context,
    grids: Grids,
    points: usize,
    /// What there is for cells of one side.
    grid: Option<Grid>,
    pub pushes: Buffer,
    /// 1 / Z.
    pub inverse: Buffer,
    sums: Buffer,
    spread: Arc<Kernel>,
    look_up: Arc<Kernel>,
    normalise: Arc<Kernel>,
}

struct Grid {
    cell: f32,
    offset: f64,
    counts: Buffer,
    convolver: Convolver,
}

impl Field {
    pub fn new(context: &Context, grids: Grids, points: usize) -> Result<Self, GpuError> {
        let entry = |name| context.kernel("tsne_field", name, &[]);
        Ok(Self {
            context: context.clone(),
            grids,
            points,
            grid: None,
            pushes: context.buffer::<[f32; 2]>("pushes", points)?,
            inverse: context.buffer::<f32>("the normaliser", 1)?,
            sums: context.buffer::<f32>("sums of potentials", points.div_ceil(GROUP))?,
            spread: entry("spread")?,
            look_up: entry("look_up")?,
            normalise: entry("normalise")?,
        })
    }

    /// Adds to `steps` what fills `pushes` and `inverse` for points at `positions`, which lie within `bounds`.
    pub fn steps(
        &mut self,
        positions: &Buffer,
        bounds: Bounds,
        steps: &mut Vec<Step>,
    ) -> Result<(), GpuError> {
        let (cell, nodes, room) = self.sized(bounds)?;
        let same = |grid: &Grid| grid.cell == cell && grid.convolver.room() == room;
        let grid = match self.grid.take().filter(same) {
            Some(same) => same,
            None => self.made(cell, room)?,
        };
        let n = self.points as f64;
        let parts = parts(self.points);
        let stride = |stride: usize| stride as u32;
        let job = Job {
            points: self.points as u32,
            stride: stride(room[0]),
            origin: bounds.low,
            last: nodes.map(|nodes| (nodes - ORDER) as f32),
            cell,
            parts,
            means: (grid.offset * n * n) as f32,
            means_of_others: (grid.offset * n * n - n) as f32,
            sums: self.points.div_ceil(GROUP) as u32,
            ..Job::default()
        };
        let groups = (self.points.div_ceil(GROUP), SPREADING);
        steps.push(Step::new(&self.spread, &job, &[(1, positions), (2, &grid.counts)], groups));
        let potential = grid.convolver.run(&grid.counts, nodes[1], 1.0 / parts, steps);
        let job = Job { stride: stride(grid.convolver.stride()), ..job };
        let buffers = [(1, positions), (3, potential), (4, &self.pushes), (5, &self.sums)];
        steps.push(Step::new(&self.look_up, &job, &buffers, groups));
        steps.push(Step::new(&self.normalise, &job, &[(5, &self.sums), (6, &self.inverse)], (1, 1)));
        self.grid = Some(grid);
        Ok(())
    }

    /// The side of a cell, the nodes along each axis, and the room they need: as the twin, or twice as large a cell, and so
    /// on, where the transform would not fit into a binding.
    fn sized(&self, bounds: Bounds) -> Result<(f32, [usize; 2], [usize; 2]), GpuError> {
        let span = [bounds.high[0] - bounds.low[0], bounds.high[1] - bounds.low[1]];
        if !span.iter().all(|span| span.is_finite() && *span >= 0.0) {
            return Err(GpuError::Refused("it gave positions that are no numbers".into()));
        }
        let mut cell = (self.grids.cell)(span[0].max(span[1]), self.points);
        for _ in 0..DOUBLINGS {
            let nodes = span.map(|span| (span / cell) as usize + 1 + ORDER);
            let room = nodes.map(|nodes| nodes.next_power_of_two().max(LEAST_ROOM));
            if fourier::fits(room, self.context.page()) {
                return Ok((cell, nodes, room));
            }
            cell *= 2.0;
        }
        let (needed, most) = (u64::MAX, self.context.page());
        Err(GpuError::TooLarge { what: "the field of the map", needed, most })
    }

    fn made(&self, cell: f32, room: [usize; 2]) -> Result<Grid, GpuError> {
        let Transform { values, offset } = (self.grids.transform)(cell, room);
        Ok(Grid {
            cell,
            offset,
            counts: self.context.buffer::<u32>("the points' shares", room[0] * room[1])?,
            convolver: Convolver::new(&self.context, room, &values)?,
        })
    }
}

/// Whole parts of a point: as many as a node can count if every point gives it the largest share, 32 bits in all. So a share is
/// off by at most half a part, or n / 3 · 10¹⁰ of a point: a 28,000th for a million points.
fn parts(points: usize) -> f32 {
    let for_each = f64::from(u32::MAX) / points.max(1) as f64 - 1.0;
    (for_each / LARGEST_SHARE).clamp(1.0, MOST_PARTS) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_can_count_its_share_of_every_point() {
        for n in [1, 2, 700, 1_000_000, 16_000_000] {
            let share = (f64::from(parts(n)) * (66.0 / 120.0f64).powi(2) * 1.000_001 + 0.5).floor();
            assert!(share * n as f64 <= f64::from(u32::MAX), "{n}");
            assert!(share > 10.0);
        }
    }
}
