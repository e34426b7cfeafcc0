//! Compute pipelines, and work for them in slices that leave the adapter time to draw.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::Pod;

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::wgsl;
use crate::job::Ctx;

/// What a submission should take: drawing goes on in between, and no driver takes the adapter for hung.
const SLICE: Duration = Duration::from_millis(10);

/// Slices under way at a time, so that the adapter never waits for the next.
const UNDER_WAY: usize = 2;

/// A slice is at most this many times as large as the one before.
const GROWTH: f64 = 4.0;

/// Groups of invocations in one dimension, at most (WebGPU's limit).
const MOST_GROUPS: u32 = 65_535;

/// One entry point of a shader, ready to run.
pub struct Kernel {
    name: String,
    pipeline: wgpu::ComputePipeline,
}

impl Context {
    /// The kernel `entry` of `shaders/{shader}.wgsl` with its constants set. It is compiled once.
    pub fn kernel(
        &self,
        shader: &'static str,
        entry: &str,
        constants: &[(&str, f64)],
    ) -> Result<Arc<Kernel>, GpuError> {
        let name = format!("{shader}:{entry} {constants:?}");
        self.kept_kernel(name.clone(), || {
            let descriptor = wgpu::ShaderModuleDescriptor {
                label: Some(shader),
                source: wgpu::ShaderSource::Wgsl(wgsl::source(shader).into()),
            };
            let checks = wgpu::ShaderRuntimeChecks {
                force_loop_bounding: false,
                ..wgpu::ShaderRuntimeChecks::checked()
            };
            // SAFETY: these are our own shaders, whose loops all end; indices stay checked.
            let module = unsafe { self.device().create_shader_module_trusted(descriptor, checks) };
            let pipeline = self.device().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&name),
                layout: None,
                module: &module,
                entry_point: Some(entry),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants,
                    // Every kernel writes what it reads.
                    zero_initialize_workgroup_memory: false,
                },
                cache: None,
            });
            Kernel { name, pipeline }
        })
    }

    /// Commands to be submitted together.
    pub fn batch(&self) -> Batch<'_> {
        let encoder = self.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        Batch { context: self, encoder }
    }

    /// Runs one kernel to its end, or rather until `ctx` cancels it.
    pub fn run<P: Pod>(
        &self,
        kernel: &Kernel,
        params: &P,
        buffers: &[(u32, &Buffer)],
        groups: u32,
        ctx: &Ctx,
    ) -> Result<(), GpuError> {
        let mut batch = self.batch();
        batch.dispatch(kernel, params, buffers, groups);
        self.wait(batch.submit(), ctx)
    }

    /// Does `total` units of work in slices of about 10 ms, two under way at a time. `encode` puts the units of a range into
    /// a batch; `done` hears how many units are finished. `pace` knows how many units fit into a slice, and learns.
    pub fn in_slices(
        &self,
        total: usize,
        pace: &mut Pace,
        ctx: &Ctx,
        mut encode: impl FnMut(Range<usize>, &mut Batch) -> Result<(), GpuError>,
        mut done: impl FnMut(usize),
    ) -> Result<(), GpuError> {
        let mut next = 0;
        let mut under_way = VecDeque::with_capacity(UNDER_WAY);
        let mut before = Instant::now();
        while next < total || !under_way.is_empty() {
            while next < total && under_way.len() < UNDER_WAY {
                let range = next..(next + pace.units).min(total);
                next = range.end;
                let mut batch = self.batch();
                encode(range.clone(), &mut batch)?;
                under_way.push_back((range, batch.submit()));
            }
            if let Some((range, ticket)) = under_way.pop_front() {
                self.wait(ticket, ctx)?;
                // From one end to the next: what the adapter needed for this slice alone.
                let took = before.elapsed();
                before = Instant::now();
                done(range.end);
                pace.learn(range.len(), took);
            }
        }
        Ok(())
    }
}

/// How many units of some work fit into a slice.
pub struct Pace {
    units: usize,
}

impl Pace {
    /// Begins with `units`.
    pub fn starting_with(units: usize) -> Self {
        Self { units: units.max(1) }
    }

    fn learn(&mut self, units: usize, took: Duration) {
        // What is left over at the end is mostly the way to the adapter and back: it only shows that less is too much.
        if units < self.units && took < SLICE {
            return;
        }
        let fitting = units as f64 * SLICE.as_secs_f64() / took.as_secs_f64().max(1e-6);
        self.units = fitting.clamp(1.0, units as f64 * GROWTH) as usize;
    }
}

/// Commands that are submitted together.
pub struct Batch<'c> {
    context: &'c Context,
    encoder: wgpu::CommandEncoder,
}

impl Batch<'_> {
    /// Runs `kernel` on `groups` groups of invocations. Binding 0 holds `params`, the others are storage by number.
    /// Beyond 65,535 groups a second dimension is used: `lib/groups.wgsl` gives the number of a group.
    pub fn dispatch<P: Pod>(&mut self, kernel: &Kernel, params: &P, buffers: &[(u32, &Buffer)], groups: u32) {
        if groups == 0 {
            return;
        }
        let device = self.context.device();
        let bytes = bytemuck::bytes_of(params);
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(&kernel.name),
            size: bytes.len().max(16).next_multiple_of(16) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.context.queue().write_buffer(&uniform, 0, bytes);
        let entries: Vec<wgpu::BindGroupEntry> = std::iter::once((0, &uniform))
            .chain(buffers.iter().copied())
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&kernel.name),
            layout: &kernel.pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let (width, height) = folded(groups);
        let mut pass = self.encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&kernel.pipeline);
        pass.set_bind_group(0, &bindings, &[]);
        pass.dispatch_workgroups(width, height, 1);
    }

    /// Copies `bytes` from the start of one buffer into another, `offset` bytes in.
    pub fn copy(&mut self, from: &Buffer, to: &Buffer, offset: u64, bytes: u64) {
        self.encoder.copy_buffer_to_buffer(from, 0, to, offset, bytes);
    }

    /// Fills `buffer` with zeros.
    pub fn clear(&mut self, buffer: &Buffer) {
        self.encoder.clear_buffer(buffer, 0, None);
    }

    /// Hands the commands to the adapter.
    pub fn submit(self) -> wgpu::SubmissionIndex {
        self.context.queue().submit([self.encoder.finish()])
    }
}

/// Groups in two dimensions: at least as many as asked for.
fn folded(groups: u32) -> (u32, u32) {
    if groups <= MOST_GROUPS { (groups, 1) } else { (MOST_GROUPS, groups.div_ceil(MOST_GROUPS)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_and_shrink_towards_ten_milliseconds() {
        let mut pace = Pace::starting_with(1);
        pace.learn(1, Duration::from_micros(10));
        assert_eq!(pace.units, 4);
        pace.learn(100, Duration::from_millis(50));
        assert_eq!(pace.units, 20);
        // A remainder says nothing, unless it takes too long.
        pace.learn(2, Duration::from_millis(9));
        assert_eq!(pace.units, 20);
        pace.learn(1, Duration::from_secs(3));
        assert_eq!(pace.units, 1);
    }

    #[test]
    fn groups_beyond_a_dimension_go_into_the_second() {
        assert_eq!(folded(7), (7, 1));
        assert_eq!(folded(65_535), (65_535, 1));
        let (width, height) = folded(200_000);
        assert!(width <= MOST_GROUPS && height <= MOST_GROUPS && width * height >= 200_000);
    }
}
