//! A t-SNE map that a graphics adapter moves: `gpu::tsne` as `math::tsne` wants it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::gpu::{Context, GpuError, tsne as kernel};
use crate::job::Ctx;
use crate::math::tsne::{Course, Mover, Round, State};
use crate::math::tsne_affinities::Affinities;
use crate::math::tsne_field;

/// How long the adapter moves points before they are looked at: a frame.
const FRAME: Duration = Duration::from_millis(30);

/// More rounds than this are never done at once, so that steering is felt.
const MOST_AT_ONCE: usize = 16;

/// Moves the points of a map on an adapter.
pub struct OnAdapter<'a> {
    layout: kernel::Layout,
    /// When it was last looked at.
    state: State,
    at_once: usize,
    ctx: &'a Ctx,
}

impl<'a> OnAdapter<'a> {
    /// The points of `course`, as [`Course::new`] gave them or as they were later. Where that fails, so they are still.
    pub fn new(context: &Context, course: &Course, state: &State, ctx: &'a Ctx) -> Result<Self, GpuError> {
        let moving = kernel::Moving {
            positions: state.positions.clone(),
            velocity: state.velocity.clone(),
            gains: state.gains.clone(),
        };
        let layout = kernel::Layout::new(context, graph(course.affinities()), &moving, grids())?;
        Ok(Self { layout, state: state.clone(), at_once: 1, ctx })
    }

    /// What moved, when the adapter last answered.
    pub fn into_state(self) -> State {
        self.state
    }
}

impl Mover for OnAdapter<'_> {
    type Error = GpuError;

    fn at_once(&self) -> usize {
        self.at_once
    }

    fn advance(&mut self, rounds: &[Round]) -> Result<(), GpuError> {
        let started = Instant::now();
        for &Round { exaggeration, rate, momentum } in rounds {
            self.layout.advance(&kernel::Round { exaggeration, rate, momentum }, self.ctx)?;
        }
        let kernel::Moving { positions, velocity, gains } = self.layout.moving(self.ctx)?;
        self.state = State { positions, velocity, gains, epoch: self.state.epoch + rounds.len() };
        let each = started.elapsed().as_secs_f64() / rounds.len().max(1) as f64;
        self.at_once = ((FRAME.as_secs_f64() / each.max(1e-9)) as usize).clamp(1, MOST_AT_ONCE);
        Ok(())
    }

    fn attract(&mut self, affinities: &Arc<Affinities>) -> Result<(), GpuError> {
        self.layout.attract(graph(affinities))
    }

    fn state(&self) -> &State {
        &self.state
    }
}

/// Affinities as the kernels take them.
pub fn graph(affinities: &Affinities) -> kernel::Graph<'_> {
    let (targets, weights) = affinities.edges();
    kernel::Graph { offsets: affinities.offsets(), targets, weights }
}

/// Grids as the processor's field has them.
pub fn grids() -> kernel::Grids {
    let transform = |cell, [width, height]: [usize; 2]| {
        let (values, offset) = tsne_field::transform(cell, (width, height));
        kernel::Transform { values, offset }
    };
    kernel::Grids { cell: tsne_field::cell_for, transform }
}
