//! Has the shaders that draw a map note which points the pixels around the pointer show, and reads it back without
//! keeping a frame waiting. [`super::pick`] is the twin.
//!
//! What notes are the picture's own pipelines: the same vertex shader with the same numbers and the same viewport, one
//! that shows only a small part of it, or the count of the same cells. Only tiles near the pointer are drawn once more:
//! a second attachment, or a number more a cell, would cost every frame what few pixels of few frames are asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::arranged::Arranged;
use super::canvas::{Gpu, entry, uniform_buffer};
use super::disc::PointStyle;
use super::exposure::{Mode, Shot};
use super::pick::{Picked, Pointer, SIDE, Window, near};
use super::pipelines::{Asking, DiscUniform, NOTE_FORMAT, WindowUniform};
use super::resident::Resident;
use super::splat::{Grid, MARGIN};

/// Bytes of the numbers of one window. A row of them is what WebGPU copies rows of textures by: 256 bytes.
const NOTED: u64 = (SIDE * SIDE * 4) as u64;

/// Where WebGPU lets a part of a buffer begin.
const ALIGNMENT: u64 = 256;

/// In a number of the drawn discs: it is the place among the chosen ones. In one of the counted points: a coloured one.
const HIGH: u32 = 1 << 31;

/// What has become of a question.
const UNDER_WAY: u8 = 0;
const ANSWERED: u8 = 1;
const FAILED: u8 = 2;

/// A question under way.
struct Asked {
    shot: Shot,
    corner: [i32; 2],
    arranged: Arc<Arranged>,
    state: Arc<AtomicU8>,
}

/// What one map asks with.
pub(super) struct Picker {
    /// What the discs show, and the counted cells below them.
    noted_discs: wgpu::TextureView,
    noted_counts: wgpu::Buffer,
    discs: wgpu::Buffer,
    disc_group: wgpu::BindGroup,
    grid: wgpu::Buffer,
    answer: wgpu::Buffer,
    asked: Option<Asked>,
}

impl Picker {
    pub fn new(gpu: &Gpu<'_>) -> Self {
        let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("map window"),
            size: wgpu::Extent3d { width: SIDE, height: SIDE, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: NOTE_FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let discs = uniform_buffer::<DiscUniform>(gpu.device, "map window of discs");
        let disc_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("map window of discs"),
            layout: &gpu.pipelines.disc_layout,
            entries: &[entry(0, &discs)],
        });
        let copied = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let read = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        Self {
            noted_discs: texture.create_view(&wgpu::TextureViewDescriptor::default()),
            noted_counts: buffer(gpu, "map window of counts", NOTED, wgpu::BufferUsages::STORAGE | copied),
            discs,
            disc_group,
            grid: uniform_buffer::<Grid>(gpu.device, "map window grid"),
            answer: buffer(gpu, "map window answer", 2 * NOTED, read),
            asked: None,
        }
    }

    /// Whether an answer is awaited; there is one at a time.
    pub fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// The answer to the last question, once it has come.
    pub fn take(&mut self, gpu: &Gpu<'_>) -> Option<Picked> {
        let asked = self.asked.take()?;
        // A lost device answers nothing, and the frame that draws with it says so.
        let _ = gpu.device.poll(wgpu::PollType::Poll);
        match asked.state.load(Ordering::Acquire) {
            UNDER_WAY => {
                self.asked = Some(asked);
                None
            }
            ANSWERED => {
                let numbers: Option<Vec<u32>> =
                    self.answer.get_mapped_range(..).ok().map(|bytes| bytemuck::pod_collect_to_vec(&bytes));
                self.answer.unmap();
                let window = window(&asked, &numbers?);
                Some(Picked { shot: asked.shot, window })
            }
            _ => None,
        }
    }

    /// Asks what the picture of `shot`, with all its points, shows around a pointer.
    pub fn ask(
        &mut self,
        shot: &Shot,
        pointer: &Pointer,
        resident: &Resident,
        (gpu, asking): (&Gpu<'_>, &Asking),
        encoder: &mut wgpu::CommandEncoder,
    ) {
        let corner = pointer.corner();
        let tiles = near(&resident.arranged, shot, corner, [SIDE; 2]);
        let ranges: Vec<std::ops::Range<u32>> = tiles.iter().map(|tile| tile.band(0.0, 1.0)).collect();
        let windows = windows(gpu, shot, corner, resident);
        encoder.clear_buffer(&self.noted_counts, 0, None);
        if shot.mode == Mode::Splat {
            self.count(shot, resident, &ranges, (gpu, asking, &windows), encoder);
        }

        let uniform = DiscUniform::new(shot, 1.0);
        gpu.queue.write_buffer(&self.discs, 0, bytemuck::bytes_of(&uniform));
        let window_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("map window"),
            layout: &asking.window_layout,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: one_window(&windows) }],
        });
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("map window"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &self.noted_discs,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        let [x, y] = corner.map(|v| -v as f32);
        let [width, height] = shot.pixels.map(|side| side as f32);
        pass.set_viewport(x, y, width, height, 0.0, 1.0);
        pass.set_pipeline(&asking.note_discs);
        pass.set_bind_group(0, &self.disc_group, &[]);
        if shot.mode == Mode::Discs {
            for layer in 0..resident.layers() {
                resident.draw_discs(&ranges, layer, &mut pass, |chunk, pass| {
                    pass.set_bind_group(1, &window_group, &[nth_window(chunk)]);
                });
            }
        }
        pass.set_bind_group(1, &window_group, &[nth_window(resident.chunks.len())]);
        resident.draw_chosen(&mut pass);
        drop(pass);

        let noted = self.noted_discs.texture();
        encoder.copy_texture_to_buffer(
            noted.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &self.answer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(SIDE * 4),
                    rows_per_image: None,
                },
            },
            noted.size(),
        );
        encoder.copy_buffer_to_buffer(&self.noted_counts, 0, &self.answer, NOTED, NOTED);
        let state = Arc::new(AtomicU8::new(UNDER_WAY));
        let told = state.clone();
        encoder.map_buffer_on_submit(&self.answer, wgpu::MapMode::Read, .., move |done| {
            told.store(if done.is_ok() { ANSWERED } else { FAILED }, Ordering::Release);
        });
        self.asked = Some(Asked { shot: *shot, corner, arranged: resident.arranged.clone(), state });
    }

    /// Has counted points noted.
    fn count(
        &self,
        shot: &Shot,
        resident: &Resident,
        ranges: &[std::ops::Range<u32>],
        (gpu, asking, windows): (&Gpu<'_>, &Asking, &wgpu::Buffer),
        encoder: &mut wgpu::CommandEncoder,
    ) {
        let PointStyle { any_chosen, .. } = shot.style;
        let apart = !resident.arranged.chosen.is_empty();
        let grid = Grid::new(&shot.camera, shot.pixels, shot.density, any_chosen, apart);
        gpu.queue.write_buffer(&self.grid, 0, bytemuck::bytes_of(&grid));
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("map window of counts"),
            timestamp_writes: None,
        });
        pass.set_pipeline(&asking.note_counts);
        for (number, chunk) in resident.chunks.iter().enumerate() {
            let inside = chunk.within(ranges);
            if inside.is_empty() {
                continue;
            }
            // The chunk's own ranges are those that this frame may count.
            let bytes: &[u8] = bytemuck::cast_slice(&inside);
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            let ranges = buffer(gpu, "map window ranges", bytes.len() as u64, usage);
            gpu.queue.write_buffer(&ranges, 0, bytes);
            let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("map window of counts"),
                layout: &asking.note_counts_layout,
                entries: &[
                    entry(0, &self.grid),
                    entry(1, &chunk.positions),
                    entry(2, &chunk.marks),
                    entry(3, &ranges),
                    entry(6, &self.noted_counts),
                    wgpu::BindGroupEntry { binding: 7, resource: one_window(windows) },
                ],
            });
            pass.set_bind_group(0, &group, &[nth_window(number)]);
            pass.dispatch_workgroups(inside.len() as u32, 1, 1);
        }
    }
}

/// One uniform a chunk of points, and one for the chosen points.
fn windows(gpu: &Gpu<'_>, shot: &Shot, corner: [i32; 2], resident: &Resident) -> wgpu::Buffer {
    // The grid of the counted cells begins outside the picture.
    let margin = if shot.mode == Mode::Splat { MARGIN as i32 } else { 0 };
    let firsts = resident.chunks.iter().map(|chunk| chunk.slots.start + 1).chain([HIGH + 1]);
    let mut bytes = Vec::new();
    for first in firsts {
        let window = WindowUniform { corner: corner.map(|v| v + margin), first, padding: 0 };
        bytes.extend_from_slice(bytemuck::bytes_of(&window));
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT as usize), 0);
    }
    let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
    let windows = buffer(gpu, "map windows", bytes.len() as u64, usage);
    gpu.queue.write_buffer(&windows, 0, &bytes);
    windows
}

fn one_window(windows: &wgpu::Buffer) -> wgpu::BindingResource<'_> {
    let size = wgpu::BufferSize::new(size_of::<WindowUniform>() as u64);
    wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: windows, offset: 0, size })
}

fn nth_window(number: usize) -> u32 {
    number as u32 * ALIGNMENT as u32
}

/// What the numbers of an answer say: discs lie above counted points.
fn window(asked: &Asked, numbers: &[u32]) -> Window {
    let (discs, counts) = numbers.split_at(numbers.len() / 2);
    let top = |(at, (&disc, &count)): (usize, (&u32, &u32))| {
        let [column, row] = [at as u32 % SIDE, at as u32 / SIDE];
        let pixel = [asked.corner[0] + column as i32, asked.corner[1] + row as i32];
        let on_picture = (0..2).all(|axis| (0..asked.shot.pixels[axis] as i32).contains(&pixel[axis]));
        match disc {
            _ if !on_picture => 0,
            0 => count & !HIGH,
            disc if disc & HIGH == 0 => disc,
            disc => {
                let place = (disc & !HIGH) as usize - 1;
                asked.arranged.chosen.get(place).map_or(0, |slot| slot + 1)
            }
        }
    };
    let tops = discs.iter().zip(counts).enumerate().map(top).collect();
    Window { corner: asked.corner, size: [SIDE; 2], tops }
}

fn buffer(gpu: &Gpu<'_>, label: &str, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size,
        usage,
        mapped_at_creation: false,
    })
}
