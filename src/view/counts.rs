//! Many points as counts a cell, on the GPU: what [`super::splat`] is the twin of.

use std::ops::Range;

use super::canvas::{Gpu, entry, pass_into, uniform_buffer};
use super::pipelines::{COLOURED_BYTES, SplatPipelines};
use super::resident::Resident;
use super::splat::{self, Grid, Tone};

/// The sums of the cells.
pub(super) struct Counts {
    pub coloured: wgpu::Buffer,
    pub faint: wgpu::Buffer,
    grid: wgpu::Buffer,
    tone: wgpu::Buffer,
    tone_group: wgpu::BindGroup,
}

impl Counts {
    /// The cells of a picture of so many pixels.
    pub fn new(gpu: &Gpu<'_>, pipelines: &SplatPipelines, pixels: [u32; 2]) -> Self {
        let cells: u64 = pixels.iter().map(|side| u64::from(side + 2 * splat::MARGIN)).product();
        let sums = |label, bytes_a_cell: u64| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: cells * bytes_a_cell,
                usage: wgpu::BufferUsages::STORAGE
                    | wgpu::BufferUsages::COPY_DST
                    | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            })
        };
        let (coloured, faint) = (sums("map counts", COLOURED_BYTES), sums("map faint counts", 4));
        let tone = uniform_buffer::<Tone>(gpu.device, "map tone");
        let tone_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("map tone"),
            layout: &pipelines.resolve_layout,
            entries: &[entry(0, &tone), entry(1, &coloured), entry(2, &faint)],
        });
        Self { coloured, faint, grid: uniform_buffer::<Grid>(gpu.device, "map grid"), tone, tone_group }
    }

    /// Counts the points of some ranges of slots.
    pub fn add(
        &self,
        resident: &Resident,
        grid: &Grid,
        ranges: &[Range<u32>],
        (gpu, pipelines): (&Gpu<'_>, &SplatPipelines),
        encoder: &mut wgpu::CommandEncoder,
    ) {
        gpu.queue.write_buffer(&self.grid, 0, bytemuck::bytes_of(grid));
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("map counts"),
            timestamp_writes: None,
        });
        pass.set_pipeline(&pipelines.accumulate);
        for chunk in &resident.chunks {
            let mut inside = chunk.within(ranges);
            inside.truncate(chunk.most_ranges);
            if inside.is_empty() {
                continue;
            }
            gpu.queue.write_buffer(&chunk.ranges, 0, bytemuck::cast_slice(&inside));
            let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("map counts"),
                layout: &pipelines.accumulate_layout,
                entries: &[
                    entry(0, &self.grid),
                    entry(1, &chunk.positions),
                    entry(2, &chunk.marks),
                    entry(3, &chunk.ranges),
                    entry(4, &self.coloured),
                    entry(5, &self.faint),
                ],
            });
            pass.set_bind_group(0, &group, &[]);
            pass.dispatch_workgroups(inside.len() as u32, 1, 1);
        }
    }

    /// Makes a picture of the sums.
    pub fn resolve(
        &self,
        tone: &Tone,
        (gpu, pipelines): (&Gpu<'_>, &SplatPipelines),
        target: &wgpu::TextureView,
        encoder: &mut wgpu::CommandEncoder,
    ) {
        gpu.queue.write_buffer(&self.tone, 0, bytemuck::bytes_of(tone));
        let mut pass = pass_into(encoder, target, true);
        pass.set_pipeline(&pipelines.resolve);
        pass.set_bind_group(0, &self.tone_group, &[]);
        pass.draw(0..3, 0..1);
    }
}
