//! The density of a map: splats, a blur, and the peak that each cell drains from. The twin is `math::density`.

use bytemuck::{Pod, Zeroable};

use super::context::{Buffer, Context};
use super::error::GpuError;
use crate::job::Ctx;

/// Invocations of a workgroup.
const GROUP: usize = 256;

/// `Job` of `density.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Job {
    side: u32,
    points: u32,
    reach: u32,
    unused: u32,
}

/// Points that have been splatted on a grid.
pub struct Splats {
    context: Context,
    side: usize,
    counts: Buffer,
}

impl Splats {
    /// Splats points at `places`, in cells of a grid of `side` × `side`, each at least one cell from its rim.
    pub fn new(context: &Context, places: &[[f32; 2]], side: usize, ctx: &Ctx) -> Result<Self, GpuError> {
        let counts = context.buffer::<u32>("splats", side * side)?;
        let splat = context.kernel("density", "splat", &[])?;
        let most = context.page() as usize / size_of::<[f32; 2]>();
        for places in places.chunks(most.max(1)) {
            let buffer = context.upload("places", places)?;
            let job = Job { side: side as u32, points: places.len() as u32, reach: 0, unused: 0 };
            let groups = places.len().div_ceil(GROUP) as u32;
            context.run(&splat, &job, &[(1, &buffer), (2, &counts)], groups, ctx)?;
        }
        Ok(Self { context: context.clone(), side, counts })
    }

    /// Parts of points on each cell.
    pub fn counts(&self, ctx: &Ctx) -> Result<Vec<u32>, GpuError> {
        self.context.read(&self.counts, self.side * self.side, ctx)
    }

    /// The grid blurred by `weights` (from the middle outwards) along either axis, in points a cell, and for each cell the
    /// cell of the peak that it drains from (`u32::MAX` where there is no density).
    pub fn blurred(&self, weights: &[f32], ctx: &Ctx) -> Result<(Vec<f32>, Vec<u32>), GpuError> {
        let context = &self.context;
        let cells = self.side * self.side;
        let kernel = context.upload("kernel", weights)?;
        let rows = context.buffer::<f32>("blurred rows", cells)?;
        let heights = context.buffer::<f32>("heights", cells)?;
        let ways = [context.buffer::<u32>("ways", cells)?, context.buffer::<u32>("ways", cells)?];
        let job = Job {
            side: self.side as u32,
            points: 0,
            reach: weights.len().saturating_sub(1) as u32,
            unused: 0,
        };
        let groups = cells.div_ceil(GROUP) as u32;
        let along_rows = context.kernel("density", "blur_along_rows", &[])?;
        context.run(&along_rows, &job, &[(3, &kernel), (4, &self.counts), (5, &rows)], groups, ctx)?;
        let along_columns = context.kernel("density", "blur_along_columns", &[])?;
        context.run(&along_columns, &job, &[(3, &kernel), (6, &rows), (7, &heights)], groups, ctx)?;
        let look = context.kernel("density", "look_uphill", &[])?;
        context.run(&look, &job, &[(8, &heights), (9, &ways[0])], groups, ctx)?;
        let jump = context.kernel("density", "jump", &[])?;
        // No way visits a cell twice.
        let rounds = cells.next_power_of_two().trailing_zeros() as usize;
        let mut batch = context.batch();
        for round in 0..rounds {
            let (from, to) = (&ways[round % 2], &ways[(round + 1) % 2]);
            batch.dispatch(&jump, &job, &[(10, from), (9, to)], groups);
        }
        context.wait(batch.submit(), ctx)?;
        let heights = context.read(&heights, cells, ctx)?;
        let peaks = context.read(&ways[rounds % 2], cells, ctx)?;
        Ok((heights, peaks))
    }
}
