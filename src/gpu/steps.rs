//! Dispatches one after the other, in slices that may end within any of them.

use std::ops::Range;
use std::sync::Arc;

use bytemuck::Pod;

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::kernel::{Batch, Kernel, Pace};
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
        const { assert!(size_of::<P>() <= size_of::<[u32; WORDS]>()) };
        let mut words = [0; WORDS];
        bytemuck::bytes_of_mut(&mut words)[..size_of::<P>()].copy_from_slice(bytemuck::bytes_of(params));
        let buffers = buffers.iter().map(|&(binding, buffer)| (binding, buffer.clone())).collect();
        Self { kernel: kernel.clone(), params: words, buffers, groups, weight: weight.max(1) }
    }
}

/// Does `steps` in their order, in slices.
pub(super) fn run(context: &Context, steps: &[Step], pace: &mut Pace, ctx: &Ctx) -> Result<(), GpuError> {
    let sizes: Vec<(usize, usize)> = steps.iter().map(|step| (step.groups, step.weight)).collect();
    let total = sizes.iter().map(|(groups, weight)| groups * weight).sum();
    let encode = |slice: Range<usize>, batch: &mut Batch| {
        for (step, groups) in within(&sizes, slice) {
            let Step { kernel, params, buffers, .. } = &steps[step];
            let mut params = *params;
            (params[0], params[1]) = (groups.start as u32, groups.end as u32);
            let buffers: Vec<(u32, &Buffer)> =
                buffers.iter().map(|(binding, buffer)| (*binding, buffer)).collect();
            batch.dispatch(kernel, &params, &buffers, groups.len() as u32);
        }
        Ok(())
    };
    context.in_slices(total, pace, ctx, encode, |_| {})
}

/// The steps, and their groups, that a slice of all units holds, where each step has some groups of some units each. A group
/// belongs to the slice that its first unit is in.
fn within(sizes: &[(usize, usize)], slice: Range<usize>) -> Vec<(usize, Range<usize>)> {
    let mut found = Vec::new();
    let mut start = 0;
    for (step, &(groups, weight)) in sizes.iter().enumerate() {
        let group = |unit: usize| unit.saturating_sub(start).div_ceil(weight).min(groups);
        let own = group(slice.start)..group(slice.end);
        if !own.is_empty() {
            found.push((step, own));
        }
        start += groups * weight;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_hold_every_group_of_every_step_once_and_in_order() {
        let sizes = [(3, 1), (0, 5), (7, 4), (1, 9), (20, 2)];
        let total: usize = sizes.iter().map(|(groups, weight)| groups * weight).sum();
        for length in 1..=total + 1 {
            let slices = (0..total).step_by(length).map(|start| start..(start + length).min(total));
            let all: Vec<(usize, usize)> = slices
                .flat_map(|slice| within(&sizes, slice))
                .flat_map(|(step, groups)| groups.map(move |group| (step, group)))
                .collect();
            let expected: Vec<(usize, usize)> = (0..sizes.len())
                .flat_map(|step| (0..sizes[step].0).map(move |group| (step, group)))
                .collect();
            assert_eq!(all, expected, "{length}");
        }
    }
}
