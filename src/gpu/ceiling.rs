//! What the adapter can do at most, measured: the ceiling that every kernel's figures are held against.

use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};
use serde::Serialize;

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::kernel::Kernel;
use crate::job::Ctx;

/// Bytes of each of the two buffers: more than any cache holds, and no more than any binding.
const BYTES: usize = 128 << 20;

/// Invocations of a workgroup, and operations of an invocation in a round.
const GROUP: usize = 256;
const OPERATIONS: f64 = 64.0;

/// Invocations that multiply.
const INVOCATIONS: usize = 1 << 20;

/// A measurement takes at least this long, or as many repeats as there may be.
const LONG_ENOUGH: Duration = Duration::from_millis(200);
const MOST_REPEATS: usize = 1 << 12;

/// `Load` of `ceiling.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Load {
    values: u32,
    rounds: u32,
    unused: [u32; 2],
}

/// The best that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ceiling {
    /// Bytes read and written a second.
    pub bandwidth: f64,
    /// Additions and products of f32 a second.
    pub flops: f64,
}

/// Measures both in about half a second on a real adapter; a software one is asked for less work.
pub fn measure(context: &Context, ctx: &Ctx) -> Result<Ceiling, GpuError> {
    let bytes = (if context.is_software() { BYTES / 8 } else { BYTES }).min(context.page() as usize);
    let values = bytes / 16;
    let source = vec![[0.25f32; 4]; values];
    let from = context.upload("ceiling source", &source)?;
    let to = context.buffer::<[f32; 4]>("ceiling target", values)?;
    let buffers = [(1, &from), (2, &to)];
    let stream = context.kernel("ceiling", "stream", &[])?;
    let load = Load { values: values as u32, rounds: 0, unused: [0; 2] };
    let seconds = each(context, &stream, &load, &buffers, values.div_ceil(GROUP) as u32, ctx)?;
    let bandwidth = 2.0 * bytes as f64 / seconds;
    let multiply = context.kernel("ceiling", "multiply", &[])?;
    let (invocations, rounds) =
        if context.is_software() { (INVOCATIONS / 64, 64) } else { (INVOCATIONS, 512) };
    let load = Load { values: values as u32, rounds, unused: [0; 2] };
    let seconds = each(context, &multiply, &load, &buffers, (invocations / GROUP) as u32, ctx)?;
    let flops = invocations as f64 * f64::from(rounds) * OPERATIONS / seconds;
    Ok(Ceiling { bandwidth, flops })
}

/// Seconds that one dispatch takes when many follow each other.
fn each(
    context: &Context,
    kernel: &Kernel,
    load: &Load,
    buffers: &[(u32, &Buffer)],
    groups: u32,
    ctx: &Ctx,
) -> Result<f64, GpuError> {
    context.run(kernel, load, buffers, groups, ctx)?;
    let mut repeats = 1;
    loop {
        let started = Instant::now();
        let mut batch = context.batch();
        for _ in 0..repeats {
            batch.dispatch(kernel, load, buffers, groups);
        }
        context.wait(batch.submit(), ctx)?;
        let took = started.elapsed();
        if took >= LONG_ENOUGH || repeats >= MOST_REPEATS {
            return Ok(took.as_secs_f64() / repeats as f64);
        }
        // Dispatches of one submission stay short of what a driver takes for a hang.
        repeats = (repeats * 2).min(MOST_REPEATS);
    }
}
