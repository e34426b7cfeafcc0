//! Dispatches one after the other, in slices that may end within any of them.

use std::sync::Arc;

use bytemuck::Pod;

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::kernel::{Kernel, Pace};
use crate::job::Ctx;

/// Words of the parameters of a step; the first two are the groups of a dispatch, from and to.
const WORDS: usize = 16;

/// One kernel on all that it has to do.
pub(super) struct Step {
    kernel: Arc<Kernel>,
    params: [u32; WORDS],
    buffers: Vec<(u32, Buffer)>,
    groups: usize,
    /// How long a group takes, in units that all steps of a run share.
    weight: usize,
}

impl Step {
    /// `params` leaves its first two words free.
    pub fn new<P: Pod>(
        kernel: &Arc<Kernel>,
        params: &P,
        buffers: &[(u32, &Buffer)],
        (groups, weight): (usize, usize),
    ) -> Self {
        let mut words = [0; WORDS];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        let given = bytemuck::bytes_of(params);
        let len = given.len().min(bytes.len());
        bytes[..len].copy_from_slice(&given[..len]);
        let buffers = buffers.iter().map(|&(binding, buffer)| (binding, buffer.clone())).collect();
        Self { kernel: kernel.clone(), params: words, buffers, groups, weight: weight.max(1) }
    }

    fn units(&self) -> usize {
        self.groups * self.weight
    }
}

/// Does `steps` in their order, in slices.
pub(super) fn run(context: &Context, steps: &[Step], pace: &mut Pace, ctx: &Ctx) -> Result<(), GpuError> {
    let total = steps.iter().map(Step::units).sum();
    // Slices come in order: where the next one begins.
    let (mut current, mut start) = (0, 0);
    let encode = |range: std::ops::Range<usize>, batch: &mut super::kernel::Batch| {
        while let Some(step) = steps.get(current).filter(|_| start < range.end) {
            let (from, to) = (range.start.max(start) - start, (range.end - start).min(step.units()));
            let (first, end) = (from.div_ceil(step.weight), to.div_ceil(step.weight));
            if first < end {
                let mut params = step.params;
                (params[0], params[1]) = (first as u32, end as u32);
                let buffers: Vec<(u32, &Buffer)> =
                    step.buffers.iter().map(|(binding, buffer)| (*binding, buffer)).collect();
                batch.dispatch(&step.kernel, &params, &buffers, (end - first) as u32);
            }
            if start + step.units() > range.end {
                break;
            }
            start += step.units();
            current += 1;
        }
        Ok(())
    };
    context.in_slices(total, pace, ctx, encode, |_| {})
}
