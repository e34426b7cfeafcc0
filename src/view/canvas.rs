//! One map's picture on the GPU: drawn outside the window's pass, part by part where one frame is not enough, and
//! laid into the window as it is.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::arranged::{Arranged, RINGED};
use super::camera::Camera;
use super::disc::PointStyle;
use super::exposure::{Exposure, Kind, Mode, Part, Shot, ranges_of};
use super::pace::Budget;
use super::pipelines::{COLOURED_BYTES, DiscUniform, Pipelines, SplatPipelines};
use super::resident::{Residence, Resident};
use super::splat::{self, Grid, Tone};
use super::tiles::{TILE_POINTS, Tile};

/// A camera that has not moved for so long rests.
const REST: Duration = Duration::from_millis(120);

/// Points a frame to begin with, on an adapter and where the processor draws: as discs and as counts.
const DISCS: (u64, u64) = (600_000, 60_000);
const COUNTS: (u64, u64) = (4_000_000, 200_000);

/// Vertices of one disc, a strip of two triangles; the upper layer takes the next four.
const VERTICES: u32 = 4;

/// What the picture on show holds, for the window's next frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// Share of the points in view that are drawn.
    pub share: f64,
    /// Points in view.
    pub visible: u64,
    /// Points that the last frame drew.
    pub drawn: u64,
    pub mode: Mode,
    /// Whether the processor itself draws.
    pub software: bool,
}

impl Default for Shown {
    fn default() -> Self {
        Self { share: 1.0, visible: 0, drawn: 0, mode: Mode::Discs, software: false }
    }
}

/// What one frame asks for.
pub(super) struct Wanted<'a> {
    pub arranged: &'a Arc<Arranged>,
    pub camera: Camera,
    /// View points.
    pub size: egui::Vec2,
    pub pixels_per_point: f32,
    pub style: PointStyle,
    /// Whether the points move by themselves: then the next frame comes when they have.
    pub layout_moves: bool,
    pub ctx: &'a egui::Context,
    pub shown: &'a Mutex<Shown>,
}

/// A texture that points are drawn into, in premultiplied gamma-encoded colour.
struct Plate {
    view: wgpu::TextureView,
    group: wgpu::BindGroup,
}

/// The sums of the cells.
struct Counts {
    coloured: wgpu::Buffer,
    faint: wgpu::Buffer,
    grid: wgpu::Buffer,
    tone: wgpu::Buffer,
    tone_group: wgpu::BindGroup,
}

/// One map's state on the GPU.
pub(super) struct Canvas {
    residence: Residence,
    exposure: Exposure,
    uniform: wgpu::Buffer,
    uniform_group: wgpu::BindGroup,
    pixels: [u32; 2],
    /// What the window shows.
    front: Option<Plate>,
    /// Where discs are gathered that take several frames.
    back: Option<Plate>,
    counts: Option<Counts>,
    mode: Mode,
    discs: Budget,
    splat: Budget,
    software: bool,
    camera: Option<Camera>,
    moved_at: Option<Instant>,
    /// When the last frame began that was followed by another at once, and what it drew.
    timed: Option<(Instant, Mode, u64)>,
    shown: Shown,
}

/// What draws with.
pub(super) struct Gpu<'a> {
    pub device: &'a wgpu::Device,
    pub queue: &'a wgpu::Queue,
    pub pipelines: &'a Pipelines,
}

impl Canvas {
    pub fn new(gpu: &Gpu<'_>, software: bool) -> Self {
        let uniform = uniform_buffer::<DiscUniform>(gpu.device, "map discs");
        let uniform_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("map discs"),
            layout: &gpu.pipelines.disc_layout,
            entries: &[entry(0, &uniform)],
        });
        let first = |(hardware, processor): (u64, u64)| if software { processor } else { hardware };
        Self {
            residence: Residence::default(),
            exposure: Exposure::default(),
            uniform,
            uniform_group,
            pixels: [0; 2],
            front: None,
            back: None,
            counts: None,
            mode: Mode::Discs,
            discs: Budget::new(first(DISCS), software),
            splat: Budget::new(first(COUNTS), software),
            software,
            camera: None,
            moved_at: None,
            timed: None,
            shown: Shown::default(),
        }
    }

    /// Draws the next part of the picture, if one is left, and has the window drawn again as long as that is so.
    pub fn advance(&mut self, wanted: &Wanted<'_>, gpu: &Gpu<'_>, encoder: &mut wgpu::CommandEncoder) {
        let now = Instant::now();
        if let Some((began, mode, drawn)) = self.timed.take() {
            self.budget(mode).note(drawn, now - began);
        }
        self.residence.advance(wanted.arranged, gpu.device, gpu.queue);
        let pixels = [wanted.size.x, wanted.size.y]
            .map(|side| ((side * wanted.pixels_per_point).round() as u32).max(1));
        let grain = gpu.pipelines.splat.as_ref().map_or(1, |splat| splat.grain(pixels));
        let pixels = pixels.map(|side| side.div_ceil(grain));
        let density = wanted.pixels_per_point / grain as f32;
        let turned = self.camera != Some(wanted.camera) || self.pixels != pixels;
        self.camera = Some(wanted.camera);
        if self.pixels != pixels {
            self.resize(pixels);
        }
        if turned {
            if self.moved_at.is_none_or(|at| now - at > REST) {
                self.discs.begin();
                self.splat.begin();
            }
            self.moved_at = Some(now);
        }
        let rests_after =
            self.moved_at.map_or(Duration::ZERO, |at| (at + REST).saturating_duration_since(now));
        let moving = wanted.layout_moves || !rests_after.is_zero();

        let Some(resident) = self.residence.current() else {
            self.front = None;
            self.exposure.forget();
            wanted.ctx.request_repaint();
            return;
        };
        let view = egui::Rect::from_min_size(egui::Pos2::ZERO, wanted.size);
        let margin = wanted.style.reach();
        let tiles: Vec<Tile> =
            resident.arranged.tiles.visible(wanted.camera.visible_world(view, margin)).copied().collect();
        let visible: u64 = tiles.iter().map(|tile| u64::from(tile.count)).sum();
        self.mode = match self.mode {
            _ if gpu.pipelines.splat.is_none() => Mode::Discs,
            Mode::Discs if visible >= splat::FROM => Mode::Splat,
            Mode::Splat if visible < splat::BACK_BELOW => Mode::Discs,
            mode => mode,
        };
        let shot = Shot {
            points: resident.arranged.number,
            camera: wanted.camera,
            pixels,
            density,
            // What is being written may have other chosen points than what is drawn.
            style: PointStyle { any_chosen: resident.arranged.chosen_count > 0, ..wanted.style },
            mode: self.mode,
        };
        // A picture of another size cannot stay until the new one is complete.
        let hurried = moving || self.front.is_none();
        let budget = self.budget(shot.mode).points();
        let part = self.exposure.next(&shot, visible, budget, hurried);
        let mut drawn = 0;
        if let Some(part) = part {
            drawn = self.draw(&shot, &part, &tiles, gpu, encoder);
            if part.show {
                self.shown.share = part.to;
            }
        }
        // The pace of a moving layout follows the frames that draw.
        let drawn_last = if drawn == 0 && wanted.layout_moves { self.shown.drawn } else { drawn };
        let Shown { share, .. } = self.shown;
        self.shown = Shown { share, visible, drawn: drawn_last, mode: shot.mode, software: self.software };
        self.call_again(wanted, now, drawn, turned, rests_after);
    }

    /// Lays the picture into the window's pass.
    pub fn paint(&self, pipelines: &Pipelines, pass: &mut wgpu::RenderPass<'static>) {
        if let Some(front) = &self.front {
            pass.set_pipeline(&pipelines.blit);
            pass.set_bind_group(0, &front.group, &[]);
            pass.draw(0..3, 0..1);
        }
    }

    fn budget(&mut self, mode: Mode) -> &mut Budget {
        match mode {
            Mode::Discs => &mut self.discs,
            Mode::Splat => &mut self.splat,
        }
    }

    fn resize(&mut self, pixels: [u32; 2]) {
        self.pixels = pixels;
        (self.front, self.back, self.counts) = (None, None, None);
        self.exposure.forget();
    }

    /// Has the window drawn again when there is more to draw, or something new to say about what is shown.
    fn call_again(
        &mut self,
        wanted: &Wanted<'_>,
        now: Instant,
        drawn: u64,
        turned: bool,
        rests_after: Duration,
    ) {
        let mut said = wanted.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let news = said.share != self.shown.share;
        *said = self.shown;
        drop(said);
        let incomplete = !self.exposure.is_complete();
        if self.residence.is_writing() || (news && !wanted.layout_moves) {
            wanted.ctx.request_repaint();
        }
        // Discs wait for the camera to rest; counts go on at once.
        let waits = self.shown.mode == Mode::Discs && !rests_after.is_zero();
        if wanted.layout_moves {
            return;
        }
        if incomplete && (turned || !waits) {
            wanted.ctx.request_repaint();
            self.timed = (drawn > 0).then_some((now, self.shown.mode, drawn));
        } else if incomplete {
            wanted.ctx.request_repaint_after(rests_after);
        }
    }

    /// Draws a part; returns how many points that were.
    fn draw(
        &mut self,
        shot: &Shot,
        part: &Part,
        tiles: &[Tile],
        gpu: &Gpu<'_>,
        encoder: &mut wgpu::CommandEncoder,
    ) -> u64 {
        let Some(resident) = self.residence.current() else { return 0 };
        let pixels = self.pixels;
        let plate =
            |plate: &mut Option<Plate>| plate.get_or_insert_with(|| Plate::new(gpu, pixels)).view.clone();
        match (shot.mode, &gpu.pipelines.splat) {
            (Mode::Splat, Some(pipelines)) => {
                let front = plate(&mut self.front);
                let counts = self.counts.get_or_insert_with(|| Counts::new(gpu, pipelines, pixels));
                let apart = !resident.arranged.chosen.is_empty();
                let any_chosen = shot.style.any_chosen;
                let grid = Grid::new(&shot.camera, pixels, shot.density, any_chosen, apart);
                let ranges = ranges_of(tiles, part, TILE_POINTS as u32);
                if part.from == 0.0 {
                    encoder.clear_buffer(&counts.coloured, 0, None);
                    encoder.clear_buffer(&counts.faint, 0, None);
                }
                counts.add(resident, &grid, &ranges, (gpu, pipelines), encoder);
                if part.show {
                    let tone = Tone::new(&grid, &shot.style, shot.density, part.to);
                    counts.resolve(&tone, (gpu, pipelines), &front, encoder);
                    self.write_uniform(shot, 1.0, gpu.queue);
                    let mut pass = pass_into(encoder, &front, false);
                    self.draw_chosen(resident, gpu.pipelines, &mut pass);
                }
                count(&ranges)
            }
            _ => {
                let direct = part.show && part.from == 0.0;
                let target = plate(if direct { &mut self.front } else { &mut self.back });
                // Few that stand for many are as much bolder.
                let stands_for = if part.kind == Kind::Sample { 1.0 / part.to } else { 1.0 };
                self.write_uniform(shot, stands_for as f32, gpu.queue);
                let mut pass = pass_into(encoder, &target, part.from == 0.0);
                pass.set_pipeline(&gpu.pipelines.discs);
                pass.set_bind_group(0, &self.uniform_group, &[]);
                // Where chosen points are too many for a draw of their own, tiles are gone through once more.
                let layers = if resident.arranged.chosen_count > RINGED { 2 } else { 1 };
                let mut drawn = 0;
                for layer in 0..layers {
                    let ranges = ranges_of(tiles, &layer_of(part, layer, layers), u32::MAX);
                    draw_discs(resident, &ranges, layer, &mut pass);
                    drawn += count(&ranges);
                }
                if part.to >= 1.0 || part.kind == Kind::Sample {
                    self.draw_chosen(resident, gpu.pipelines, &mut pass);
                }
                drop(pass);
                if part.show && !direct {
                    // The one that was shown is drawn into next.
                    std::mem::swap(&mut self.front, &mut self.back);
                } else if direct && part.to >= 1.0 {
                    self.back = None;
                }
                drawn
            }
        }
    }

    /// Writes how discs look of which each stands for some.
    fn write_uniform(&self, shot: &Shot, stands_for: f32, queue: &wgpu::Queue) {
        let bolder = |opacity: f32| 1.0 - (1.0 - opacity).powf(stands_for);
        let [r, g, b, faint] = shot.style.dimmed;
        let uniform = DiscUniform {
            centre: shot.camera.centre.map(|v| v as f32),
            size: self.pixels.map(|side| side as f32),
            scale: (shot.camera.scale * f64::from(shot.density)) as f32,
            radius: shot.style.radius * shot.density,
            opacity: bolder(shot.style.opacity),
            density: shot.density,
            dimmed: [r, g, b, bolder(faint)],
            ring: shot.style.ring,
            any_chosen: u32::from(shot.style.any_chosen),
            padding: [0; 3],
        };
        queue.write_buffer(&self.uniform, 0, bytemuck::bytes_of(&uniform));
    }

    /// The few chosen points, above all others.
    fn draw_chosen(&self, resident: &Resident, pipelines: &Pipelines, pass: &mut wgpu::RenderPass<'_>) {
        let Some((positions, marks)) = &resident.chosen else { return };
        pass.set_pipeline(&pipelines.discs);
        pass.set_bind_group(0, &self.uniform_group, &[]);
        pass.set_vertex_buffer(0, positions.slice(..));
        pass.set_vertex_buffer(1, marks.slice(..));
        pass.draw(VERTICES..2 * VERTICES, 0..resident.arranged.chosen.len() as u32);
    }
}

impl Plate {
    fn new(gpu: &Gpu<'_>, [width, height]: [u32; 2]) -> Self {
        let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("map picture"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: gpu.pipelines.picture_format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT
                | wgpu::TextureUsages::TEXTURE_BINDING
                | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("map picture"),
            layout: &gpu.pipelines.blit_layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::TextureView(&view) },
                entry(1, &gpu.pipelines.target),
            ],
        });
        Self { view, group }
    }
}

impl Counts {
    fn new(gpu: &Gpu<'_>, pipelines: &SplatPipelines, pixels: [u32; 2]) -> Self {
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
    fn add(
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
            let inside: Vec<[u32; 2]> = ranges
                .iter()
                .map(|range| range.start.max(chunk.slots.start)..range.end.min(chunk.slots.end))
                .filter(|range| !range.is_empty())
                .map(|range| [range.start - chunk.slots.start, range.end - range.start])
                .take(chunk.most_ranges)
                .collect();
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

    fn resolve(
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

/// A part of a picture that goes through its tiles once a layer: what it holds of one layer.
fn layer_of(part: &Part, layer: u32, layers: u32) -> Part {
    if part.kind == Kind::Sample {
        return *part;
    }
    let within = |share: f64| (share * f64::from(layers) - f64::from(layer)).clamp(0.0, 1.0);
    Part { from: within(part.from), to: within(part.to), ..*part }
}

fn draw_discs(resident: &Resident, ranges: &[Range<u32>], layer: u32, pass: &mut wgpu::RenderPass<'_>) {
    for chunk in &resident.chunks {
        for range in ranges {
            let start = range.start.max(chunk.slots.start);
            let end = range.end.min(chunk.slots.end);
            if start >= end {
                continue;
            }
            let bytes = |stride: usize| {
                let at = |slot: u32| u64::from(slot - chunk.slots.start) * stride as u64;
                at(start)..at(end)
            };
            pass.set_vertex_buffer(0, chunk.positions.slice(bytes(size_of::<[f32; 2]>())));
            pass.set_vertex_buffer(1, chunk.marks.slice(bytes(size_of::<u32>())));
            pass.draw(layer * VERTICES..(layer + 1) * VERTICES, 0..end - start);
        }
    }
}

fn count(ranges: &[Range<u32>]) -> u64 {
    ranges.iter().map(|range| range.len() as u64).sum()
}

fn pass_into<'e>(
    encoder: &'e mut wgpu::CommandEncoder,
    view: &wgpu::TextureView,
    clear: bool,
) -> wgpu::RenderPass<'e> {
    let load = if clear { wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT) } else { wgpu::LoadOp::Load };
    encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        label: Some("map picture"),
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations { load, store: wgpu::StoreOp::Store },
        })],
        ..Default::default()
    })
}

fn entry(binding: u32, buffer: &wgpu::Buffer) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() }
}

fn uniform_buffer<T>(device: &wgpu::Device, label: &str) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: size_of::<T>() as u64,
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

#[cfg(test)]
mod tests;
