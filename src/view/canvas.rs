//! One map's picture on the GPU: drawn outside the window's pass, part by part where one frame is not enough, and
//! laid into the window as it is.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::arranged::Arranged;
use super::camera::Camera;
use super::counts::Counts;
use super::disc::PointStyle;
use super::exposure::{Exposure, Kind, Mode, Part, Shot, pixels_of, ranges_of};
use super::lasso_mask::OnAdapter;
use super::pace::Budget;
use super::pick::{Picked, Pointer};
use super::picker::Picker;
use super::pipelines::{DiscUniform, Pipelines};
use super::resident::Residence;
use super::splat::{self, Grid, Tone};
use super::tiles::{TILE_POINTS, Tile};

/// A camera that has not moved for so long rests.
const REST: Duration = Duration::from_millis(120);

/// Points a frame to begin with, on an adapter and where the processor draws: as discs and as counts.
const DISCS: (u64, u64) = (600_000, 60_000);
const COUNTS: (u64, u64) = (4_000_000, 200_000);

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
    /// Pixels of the screen that one of the picture is wide: more than one only where cells for all do not fit into a
    /// binding.
    pub grain: u32,
    /// How often the drawing pass has said which points lie around the pointer.
    pub answers: u64,
}

impl Default for Shown {
    fn default() -> Self {
        Self { share: 1.0, visible: 0, drawn: 0, mode: Mode::Discs, software: false, grain: 1, answers: 0 }
    }
}

/// What a map's widget is told, for its next frame.
#[derive(Clone, Default)]
pub(super) struct Report {
    pub shown: Shown,
    /// The newest answer to where the pointer is.
    pub picked: Option<Arc<Picked>>,
    /// Where lassos can be tested.
    pub on_adapter: Option<Arc<OnAdapter>>,
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
    /// Where to say which points are drawn, when that is asked of the drawing pass.
    pub pointer: Option<Pointer>,
    pub ctx: &'a egui::Context,
    pub report: &'a Mutex<Report>,
}

/// A texture that points are drawn into, in premultiplied gamma-encoded colour.
struct Plate {
    view: wgpu::TextureView,
    group: wgpu::BindGroup,
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
    /// The picture in front, when all its points are drawn.
    in_front: Option<Shot>,
    picker: Option<Picker>,
    report: Report,
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
            in_front: None,
            picker: gpu.pipelines.asking.as_ref().map(|_| Picker::new(gpu)),
            report: Report::default(),
        }
    }

    /// Draws the next part of the picture, if one is left, and has the window drawn again as long as that is so.
    pub fn advance(&mut self, wanted: &Wanted<'_>, gpu: &Gpu<'_>, encoder: &mut wgpu::CommandEncoder) {
        let now = Instant::now();
        if let Some((began, mode, drawn)) = self.timed.take() {
            self.budget(mode).note(drawn, now - began);
        }
        self.residence.advance(wanted.arranged, gpu.device, gpu.queue);
        let screen = pixels_of(wanted.size, wanted.pixels_per_point, 1).0;
        let grain = gpu.pipelines.splat.as_ref().map_or(1, |splat| splat.grain(screen));
        let (pixels, density) = pixels_of(wanted.size, wanted.pixels_per_point, grain);
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
            (self.front, self.in_front) = (None, None);
            self.exposure.forget();
            // It would keep points in memory that are not shown any more.
            self.report.on_adapter = None;
            self.tell(wanted);
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
                self.report.shown.share = part.to;
                self.in_front = Some(shot).filter(|_| part.to >= 1.0);
            }
        }
        self.note(&shot, wanted.pointer.as_ref(), gpu, encoder);
        // The pace of a moving layout follows the frames that draw.
        let before = self.report.shown;
        let drawn_last = if drawn == 0 && wanted.layout_moves { before.drawn } else { drawn };
        let (mode, software) = (shot.mode, self.software);
        self.report.shown = Shown { visible, drawn: drawn_last, mode, software, grain, ..before };
        self.call_again(wanted, now, drawn, turned, rests_after);
    }

    /// Takes the answer to what was asked about the picture, and asks what is wanted: only of one that has all its
    /// points, or the next frame would show another before the answer is there.
    fn note(
        &mut self,
        shot: &Shot,
        pointer: Option<&Pointer>,
        gpu: &Gpu<'_>,
        encoder: &mut wgpu::CommandEncoder,
    ) {
        let (Some(asking), Some(picker), Some(resident)) =
            (&gpu.pipelines.asking, &mut self.picker, self.residence.current())
        else {
            return;
        };
        if let Some(picked) = picker.take(gpu) {
            self.report.picked = Some(Arc::new(picked));
            self.report.shown.answers += 1;
        }
        let known = self.report.picked.as_ref();
        let unknown = |pointer: &Pointer| known.is_none_or(|known| !known.answers(shot, 1.0, pointer));
        if let Some(pointer) = pointer.filter(|pointer| pointer.fits() && unknown(pointer))
            && self.in_front.as_ref() == Some(shot)
            && !picker.is_asking()
        {
            picker.ask(shot, pointer, resident, (gpu, asking), encoder);
        }
        let there = self.report.on_adapter.take().filter(|there| there.has(&resident.arranged.tiles));
        self.report.on_adapter = there.or_else(|| {
            let made = || Arc::new(OnAdapter::new(resident, gpu.device, gpu.queue, &asking.lasso));
            resident.is_lasting().then(made)
        });
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
        self.in_front = None;
        self.exposure.forget();
    }

    /// Tells the widget; returns what it was told before.
    fn tell(&self, wanted: &Wanted<'_>) -> Shown {
        let mut said = wanted.report.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *said, self.report.clone()).shown
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
        let (shown, said) = (self.report.shown, self.tell(wanted));
        let news = said.share != shown.share || said.answers != shown.answers;
        if self.picker.as_ref().is_some_and(Picker::is_asking) {
            wanted.ctx.request_repaint();
        }
        let incomplete = !self.exposure.is_complete();
        if self.residence.is_writing() || (news && !wanted.layout_moves) {
            wanted.ctx.request_repaint();
        }
        // Discs wait for the camera to rest; counts go on at once.
        let waits = shown.mode == Mode::Discs && !rests_after.is_zero();
        if wanted.layout_moves {
            return;
        }
        if incomplete && (turned || !waits) {
            wanted.ctx.request_repaint();
            self.timed = (drawn > 0).then_some((now, shown.mode, drawn));
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
                    pass.set_pipeline(&gpu.pipelines.discs);
                    pass.set_bind_group(0, &self.uniform_group, &[]);
                    resident.draw_chosen(&mut pass);
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
                let layers = resident.layers();
                let mut drawn = 0;
                for layer in 0..layers {
                    let ranges = ranges_of(tiles, &layer_of(part, layer, layers), u32::MAX);
                    resident.draw_discs(&ranges, layer, &mut pass, |_, _| {});
                    drawn += count(&ranges);
                }
                if part.to >= 1.0 || part.kind == Kind::Sample {
                    resident.draw_chosen(&mut pass);
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
        queue.write_buffer(&self.uniform, 0, bytemuck::bytes_of(&DiscUniform::new(shot, stands_for)));
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

/// A part of a picture that goes through its tiles once a layer: what it holds of one layer.
fn layer_of(part: &Part, layer: u32, layers: u32) -> Part {
    if part.kind == Kind::Sample {
        return *part;
    }
    let within = |share: f64| (share * f64::from(layers) - f64::from(layer)).clamp(0.0, 1.0);
    Part { from: within(part.from), to: within(part.to), ..*part }
}

fn count(ranges: &[Range<u32>]) -> u64 {
    ranges.iter().map(|range| range.len() as u64).sum()
}

pub(super) fn pass_into<'e>(
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

pub(super) fn entry(binding: u32, buffer: &wgpu::Buffer) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() }
}

pub(super) fn uniform_buffer<T>(device: &wgpu::Device, label: &str) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: size_of::<T>() as u64,
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

#[cfg(test)]
mod tests;
