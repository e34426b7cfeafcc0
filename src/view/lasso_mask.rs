//! Which points a lasso holds, found where the points lie on the adapter that draws them: a bit for each, by
//! `shaders/lasso.wgsl`. Its twin is [`super::lasso`], which decides whole tiles for both.
//!
//! It works on a thread of its own and looks now and then whether the adapter is done: a thread that waited inside the
//! driver would keep the window's from handing in its next frame.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{TryRecvError, channel};
use std::time::{Duration, Instant};

use super::lasso::{Lasso, LassoUniform};
use super::pipelines::{computing, layout, storage, uniform};
use super::resident::Resident;
use super::tiles::{TILE_POINTS, Tile, Tiles};

/// Points times corners of one dispatch: a few milliseconds of any adapter, since the window's frames queue behind it.
const TESTS: usize = 1 << 28;

/// Points times corners from which on the adapter is asked: two cores take about a tenth of a second for as many, and
/// fewer are decided before anybody notices.
pub(super) const ASKED_FROM: usize = 1 << 28;

/// Tiles of one dispatch: WebGPU allows 65,535 workgroups.
const MOST_TILES: usize = 60_000;

/// Words of the mask of one tile.
const WORDS: usize = TILE_POINTS / 32;

const LOOK_EVERY: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the adapter did not say.
#[derive(Debug, thiserror::Error)]
pub(super) enum MaskError {
    #[error("the graphics adapter did not answer within {} s", PATIENCE.as_secs())]
    Late,
    #[error("the graphics adapter was lost")]
    Lost,
    #[error("what the graphics adapter found cannot be read: {0}")]
    Unread(#[from] wgpu::BufferAsyncError),
    #[error("what the graphics adapter found cannot be mapped: {0}")]
    Unmapped(#[from] wgpu::MapRangeError),
}

#[derive(Clone)]
pub(super) struct LassoPipeline {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

impl LassoPipeline {
    pub fn new(device: &wgpu::Device) -> Self {
        let compute = wgpu::ShaderStages::COMPUTE;
        let layout = layout(
            device,
            "lasso",
            &[
                uniform::<LassoUniform>(0, compute),
                storage(1, compute, true),
                storage(2, compute, true),
                storage(3, compute, true),
                storage(4, compute, false),
            ],
        );
        Self { pipeline: computing(device, "lasso", ("lasso", "hold"), &layout), layout }
    }
}

/// The points of a map where they lie on an adapter.
pub(super) struct OnAdapter {
    device: wgpu::Device,
    queue: wgpu::Queue,
    with: LassoPipeline,
    tiles: Arc<Tiles>,
    /// Slots and their world positions.
    chunks: Vec<(Range<u32>, wgpu::Buffer)>,
}

impl OnAdapter {
    pub fn new(
        resident: &Resident,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        with: &LassoPipeline,
    ) -> Self {
        let chunks = resident.chunks.iter().map(|chunk| (chunk.slots.clone(), chunk.positions.clone()));
        Self {
            device: device.clone(),
            queue: queue.clone(),
            with: with.clone(),
            tiles: resident.arranged.tiles.clone(),
            chunks: chunks.collect(),
        }
    }

    /// Whether these are the points of `tiles`.
    pub fn has(&self, tiles: &Arc<Tiles>) -> bool {
        Arc::ptr_eq(&self.tiles, tiles)
    }

    /// The points that a lasso holds among those whose slots `keep` keeps, ascending.
    pub fn points(&self, lasso: &Lasso, keep: impl Fn(usize) -> bool + Sync) -> Result<Vec<u32>, MaskError> {
        let divided = lasso.divide(&self.tiles);
        let mask = self.mask(lasso, &divided.crossed)?;
        let held = |nth: usize, at: u32| {
            let word = mask[nth * WORDS + at as usize / 32];
            word >> (at % 32) & 1 == 1
        };
        Ok(divided.points(&self.tiles, held, keep))
    }

    /// [`WORDS`] words of bits a tile.
    fn mask(&self, lasso: &Lasso, tiles: &[Tile]) -> Result<Vec<u32>, MaskError> {
        let most = (TESTS / (lasso.vertices().len() * TILE_POINTS)).clamp(1, MOST_TILES);
        let mut mask = Vec::with_capacity(tiles.len() * WORDS);
        for (slots, positions) in &self.chunks {
            let first = tiles.partition_point(|tile| tile.first < slots.start);
            let end = tiles.partition_point(|tile| tile.first < slots.end);
            for batch in tiles[first..end].chunks(most) {
                let ranges = batch.iter().map(|tile| [tile.first - slots.start, tile.count]);
                mask.extend(self.batch(lasso, positions, &ranges.collect::<Vec<_>>())?);
            }
        }
        Ok(mask)
    }

    fn batch(
        &self,
        lasso: &Lasso,
        positions: &wgpu::Buffer,
        ranges: &[[u32; 2]],
    ) -> Result<Vec<u32>, MaskError> {
        let size = (ranges.len() * WORDS * size_of::<u32>()) as u64;
        let buffer = |label, size, usage| {
            let mapped_at_creation = false;
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage,
                mapped_at_creation,
            })
        };
        let written = |label, bytes: &[u8], usage| {
            let buffer = buffer(label, bytes.len() as u64, usage | wgpu::BufferUsages::COPY_DST);
            self.queue.write_buffer(&buffer, 0, bytes);
            buffer
        };
        let inputs = [
            written("lasso", bytemuck::bytes_of(&lasso.uniform()), wgpu::BufferUsages::UNIFORM),
            positions.clone(),
            written("lasso ranges", bytemuck::cast_slice(ranges), wgpu::BufferUsages::STORAGE),
            written("lasso vertices", bytemuck::cast_slice(lasso.vertices()), wgpu::BufferUsages::STORAGE),
            buffer("lasso mask", size, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC),
        ];
        let read = buffer("lasso answer", size, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
        let entries: Vec<wgpu::BindGroupEntry<'_>> = (0..)
            .zip(&inputs)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("lasso"),
            layout: &self.with.layout,
            entries: &entries,
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("lasso"),
            timestamp_writes: None,
        });
        pass.set_pipeline(&self.with.pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(ranges.len() as u32, 1, 1);
        drop(pass);
        encoder.copy_buffer_to_buffer(&inputs[4], 0, &read, 0, size);
        self.queue.submit([encoder.finish()]);
        self.wait_for(&read)?;
        let words = bytemuck::pod_collect_to_vec(&read.get_mapped_range(..)?);
        Ok(words)
    }

    /// Waits for a buffer that was written to be mapped.
    fn wait_for(&self, read: &wgpu::Buffer) -> Result<(), MaskError> {
        let (send, receive) = channel();
        read.map_async(wgpu::MapMode::Read, .., move |done| {
            // Nobody waits any more when it came too late.
            let _ = send.send(done);
        });
        let start = Instant::now();
        loop {
            self.device.poll(wgpu::PollType::Poll).map_err(|_| MaskError::Lost)?;
            match receive.try_recv() {
                Ok(done) => return Ok(done?),
                Err(TryRecvError::Disconnected) => return Err(MaskError::Lost),
                Err(TryRecvError::Empty) if start.elapsed() > PATIENCE => return Err(MaskError::Late),
                Err(TryRecvError::Empty) => std::thread::sleep(LOOK_EVERY),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use egui_kittest::wgpu::{create_render_state, default_wgpu_setup};

    use super::*;
    use crate::math::hash::{draw, unit};

    /// Points all over, many at one place, and some on the line itself.
    fn points(count: u64, line: &[[f64; 2]]) -> Vec<[f32; 2]> {
        let at = |i: u64| unit(draw(5, i)) as f32;
        (0..count)
            .map(|i| match i % 8 {
                0 => [0.5, 0.25],
                1 => line[i as usize % line.len()].map(|v| v as f32),
                2 => {
                    let ends = [line[i as usize % line.len()], line[(i as usize + 1) % line.len()]];
                    [0, 1].map(|axis| {
                        (ends[0][axis] + (ends[1][axis] - ends[0][axis]) * f64::from(at(i))) as f32
                    })
                }
                _ => [4.0 * at(2 * i) - 2.0, 3.0 * at(2 * i + 1) - 1.5],
            })
            .collect()
    }

    /// A line that, of many corners, crosses itself.
    fn line(corners: u32) -> Vec<[f64; 2]> {
        (0..corners)
            .map(|i| {
                let turns = if corners > 10 { 3.0 } else { 1.0 };
                let angle = turns * TAU * f64::from(i) / f64::from(corners);
                let far = 0.7 + 0.5 * unit(draw(u64::from(corners), u64::from(i)));
                [1.4 * far * angle.cos(), far * angle.sin()]
            })
            .collect()
    }

    #[test]
    fn an_adapter_holds_the_points_that_the_processor_holds() {
        let state = create_render_state(default_wgpu_setup(), egui_wgpu::RendererOptions::PREDICTABLE);
        let (device, queue) = (&state.device, &state.queue);
        let with = LassoPipeline::new(device);
        for corners in [3, 4, 29, 700] {
            let line = line(corners);
            let tiles = Arc::new(Tiles::build(Arc::new(points(60_000, &line))));
            // Two chunks, as those of many points would be.
            let middle = tiles.all()[tiles.all().len() / 3].first;
            let chunks = [0..middle, middle..tiles.order().len() as u32].map(|slots| {
                let inside = &tiles.positions()[slots.start as usize..slots.end as usize];
                let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                    label: None,
                    size: size_of_val(inside) as u64,
                    usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                });
                queue.write_buffer(&buffer, 0, bytemuck::cast_slice(inside));
                (slots, buffer)
            });
            let there = OnAdapter {
                device: device.clone(),
                queue: queue.clone(),
                with: with.clone(),
                tiles: tiles.clone(),
                chunks: chunks.into(),
            };
            let lasso = Lasso::new(&line).unwrap();
            assert!(lasso.divide(&tiles).doubtful() > 10_000);
            for keep in [|_| true, |slot| slot % 3 > 0] {
                let held = there.points(&lasso, keep).unwrap();
                assert!(held.len() > 5000 && held.is_sorted());
                assert!(held == lasso.points(&tiles, keep), "{corners} corners");
            }
        }
    }
}
