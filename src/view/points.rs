//! The points of a map on the GPU: buffers that change only when the data does, and two draws.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bytemuck::{Pod, Zeroable};
use egui_wgpu::{CallbackResources, CallbackTrait, RenderState, ScreenDescriptor};

use super::camera::Camera;
use super::colour::Packed;
use super::disc::{PointStyle, mark};

/// Points in one pair of buffers: 32 MB and 16 MB, far below what any adapter allows.
const CHUNK: usize = 1 << 22;

/// Marks that are made at a time: they stay in the processor's cache until they are handed over.
const PIECE: usize = 4096;

/// Vertices of one disc, a strip of two triangles; the second layer takes the next four.
const VERTICES: u32 = 4;

/// Prepares a window's renderer for maps. Call it once, at start-up.
pub fn install(state: &RenderState) {
    let painter = PointPainter::new(&state.device, state.target_format);
    state.renderer.write().callback_resources.insert(painter);
}

/// What all maps share, and the buffers of each.
struct PointPainter {
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    linear_target: bool,
    maps: HashMap<egui::Id, MapBuffers>,
}

/// One map's buffers.
struct MapBuffers {
    uniform: wgpu::Buffer,
    bind_group: wgpu::BindGroup,
    chunks: Vec<Chunk>,
    count: usize,
    // Weak, so that nobody's data is kept alive, and no new data can take its address meanwhile.
    positions: Weak<Vec<[f32; 2]>>,
    colours: Weak<Vec<Packed>>,
    flags: Weak<Vec<u8>>,
    stacks: Weak<Vec<u32>>,
}

/// Buffers of up to [`CHUNK`] points.
struct Chunk {
    positions: wgpu::Buffer,
    marks: wgpu::Buffer,
    count: usize,
}

/// The uniform of `shaders/points.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct ViewUniform {
    centre: [f32; 2],
    size: [f32; 2],
    scale: f32,
    radius: f32,
    opacity: f32,
    density: f32,
    dimmed: [f32; 4],
    ring: [f32; 4],
    any_chosen: u32,
    linear_target: u32,
    padding: [u32; 2],
}

/// One map in one frame: handed to egui, which calls it back with the GPU at hand.
pub(super) struct PaintPoints {
    pub map: egui::Id,
    pub positions: Arc<Vec<[f32; 2]>>,
    pub colours: Arc<Vec<Packed>>,
    pub flags: Arc<Vec<u8>>,
    pub stacks: Arc<Vec<u32>>,
    pub camera: Camera,
    /// View points.
    pub size: egui::Vec2,
    pub style: PointStyle,
}

impl CallbackTrait for PaintPoints {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(painter) = resources.get_mut::<PointPainter>() {
            painter.prepare(self, device, queue, screen.pixels_per_point);
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        let Some(painter) = resources.get::<PointPainter>() else { return };
        let Some(buffers) = painter.maps.get(&self.map) else { return };
        pass.set_pipeline(&painter.pipeline);
        pass.set_bind_group(0, &buffers.bind_group, &[]);
        // Chosen points lie above all others, so they come in a draw of their own.
        let layers = if self.style.any_chosen { 2 } else { 1 };
        for layer in 0..layers {
            for chunk in &buffers.chunks {
                pass.set_vertex_buffer(0, chunk.positions.slice(..));
                pass.set_vertex_buffer(1, chunk.marks.slice(..));
                pass.draw(layer * VERTICES..(layer + 1) * VERTICES, 0..chunk.count as u32);
            }
        }
    }
}

impl PointPainter {
    fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("map view"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: false,
                    min_binding_size: wgpu::BufferSize::new(size_of::<ViewUniform>() as u64),
                },
                count: None,
            }],
        });
        let shader = device.create_shader_module(wgpu::include_wgsl!("../../shaders/points.wgsl"));
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("map points"),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let per_point = |stride: usize, attributes| {
            Some(wgpu::VertexBufferLayout {
                array_stride: stride as u64,
                step_mode: wgpu::VertexStepMode::Instance,
                attributes,
            })
        };
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("map points"),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &shader,
                entry_point: Some("vs_main"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[
                    per_point(size_of::<[f32; 2]>(), &wgpu::vertex_attr_array![0 => Float32x2]),
                    per_point(size_of::<u32>(), &wgpu::vertex_attr_array![1 => Uint32]),
                ],
            },
            primitive: wgpu::PrimitiveState {
                topology: wgpu::PrimitiveTopology::TriangleStrip,
                ..Default::default()
            },
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &shader,
                entry_point: Some("fs_main"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(wgpu::ColorTargetState {
                    format,
                    blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                    write_mask: wgpu::ColorWrites::ALL,
                })],
            }),
            multiview_mask: None,
            cache: None,
        });
        Self { pipeline, layout, linear_target: format.is_srgb(), maps: HashMap::new() }
    }

    fn prepare(&mut self, frame: &PaintPoints, device: &wgpu::Device, queue: &wgpu::Queue, density: f32) {
        let layout = &self.layout;
        let buffers = self.maps.entry(frame.map).or_insert_with(|| MapBuffers::new(device, layout));
        let [x, y] = frame.camera.centre;
        let uniform = ViewUniform {
            centre: [x as f32, y as f32],
            size: [frame.size.x * density, frame.size.y * density],
            scale: (frame.camera.scale * f64::from(density)) as f32,
            radius: frame.style.radius * density,
            opacity: frame.style.opacity,
            density,
            dimmed: frame.style.dimmed,
            ring: frame.style.ring,
            any_chosen: u32::from(frame.style.any_chosen),
            linear_target: u32::from(self.linear_target),
            padding: [0; 2],
        };
        queue.write_buffer(&buffers.uniform, 0, bytemuck::bytes_of(&uniform));
        buffers.upload(frame, device, queue);
    }
}

impl MapBuffers {
    fn new(device: &wgpu::Device, layout: &wgpu::BindGroupLayout) -> Self {
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("map view"),
            size: size_of::<ViewUniform>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("map view"),
            layout,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() }],
        });
        Self {
            uniform,
            bind_group,
            chunks: Vec::new(),
            count: 0,
            positions: Weak::new(),
            colours: Weak::new(),
            flags: Weak::new(),
            stacks: Weak::new(),
        }
    }

    /// Writes what changed since the last frame.
    fn upload(&mut self, frame: &PaintPoints, device: &wgpu::Device, queue: &wgpu::Queue) {
        let count = frame.positions.len();
        let resized = count != self.count;
        if resized {
            let lengths = (0..count).step_by(CHUNK).map(|start| CHUNK.min(count - start));
            self.chunks = lengths.map(|length| Chunk::new(device, length)).collect();
            self.count = count;
        }
        if !same(&self.positions, &frame.positions) || resized {
            for (chunk, positions) in self.chunks.iter().zip(frame.positions.chunks(CHUNK)) {
                queue.write_buffer(&chunk.positions, 0, bytemuck::cast_slice(positions));
            }
            self.positions = Arc::downgrade(&frame.positions);
        }
        let marks_are_old = !same(&self.colours, &frame.colours)
            || !same(&self.flags, &frame.flags)
            || !same(&self.stacks, &frame.stacks);
        if marks_are_old || resized {
            let marks = Marks { colours: &frame.colours, flags: &frame.flags, stacks: &frame.stacks };
            for (chunk, first) in self.chunks.iter().zip((0..count).step_by(CHUNK)) {
                chunk.write_marks(queue, &marks, first);
            }
            self.colours = Arc::downgrade(&frame.colours);
            self.flags = Arc::downgrade(&frame.flags);
            self.stacks = Arc::downgrade(&frame.stacks);
        }
    }
}

impl Chunk {
    fn new(device: &wgpu::Device, count: usize) -> Self {
        let buffer = |label, stride: usize| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: (count * stride) as u64,
                usage: wgpu::BufferUsages::VERTEX | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        Self {
            positions: buffer("map positions", size_of::<[f32; 2]>()),
            marks: buffer("map marks", size_of::<u32>()),
            count,
        }
    }

    /// Writes the marks of the points from `first` on where they lie: piece by piece into the queue's own memory,
    /// without a copy of them all.
    fn write_marks(&self, queue: &wgpu::Queue, marks: &Marks<'_>, first: usize) {
        let size = wgpu::BufferSize::new((self.count * size_of::<u32>()) as u64);
        let Some(mut view) = size.and_then(|size| queue.write_buffer_with(&self.marks, 0, size)) else {
            return;
        };
        let mut piece = [0u32; PIECE];
        for start in (0..self.count).step_by(PIECE) {
            let piece = &mut piece[..PIECE.min(self.count - start)];
            marks.fill(first + start, piece);
            let bytes: &[u8] = bytemuck::cast_slice(piece);
            let at = start * size_of::<u32>();
            view.slice(at..at + bytes.len()).copy_from_slice(bytes);
        }
    }
}

/// Whether `seen` is the data that `now` holds.
pub(super) fn same<T>(seen: &Weak<T>, now: &Arc<T>) -> bool {
    std::ptr::eq(seen.as_ptr(), Arc::as_ptr(now))
}

/// What the marks of points are made of. Colours may run out (black follows), and so may flags and stacks (none set,
/// no point shares its place): the window's data change one after the other.
struct Marks<'a> {
    colours: &'a [Packed],
    flags: &'a [u8],
    stacks: &'a [u32],
}

impl Marks<'_> {
    /// The marks of the points from `first` on.
    fn fill(&self, first: usize, out: &mut [u32]) {
        const NO_FLAGS: [u8; PIECE] = [0; PIECE];
        const NO_STACKS: [u32; PIECE] = [1; PIECE];
        for (start, out) in (first..).step_by(PIECE).zip(out.chunks_mut(PIECE)) {
            let range = start..start + out.len();
            let flags =
                if self.flags.is_empty() { NO_FLAGS.get(..out.len()) } else { self.flags.get(range.clone()) };
            let stacks = if self.stacks.is_empty() {
                NO_STACKS.get(..out.len())
            } else {
                self.stacks.get(range.clone())
            };
            if let (Some(colours), Some(flags), Some(stacks)) = (self.colours.get(range), flags, stacks) {
                for (((out, &colour), &flags), &stack) in out.iter_mut().zip(colours).zip(flags).zip(stacks) {
                    *out = mark(colour, flags, stack);
                }
            } else {
                for (i, out) in (start..).zip(out) {
                    let at = |values: &[u32], otherwise| values.get(i).copied().unwrap_or(otherwise);
                    let flags = self.flags.get(i).copied().unwrap_or(0);
                    *out = mark(at(self.colours, 0), flags, at(self.stacks, 1));
                }
            }
        }
    }
}

/// The marks of `count` points, for pictures.
pub(super) fn marks(count: usize, colours: &[Packed], flags: &[u8], stacks: &[u32]) -> Vec<u32> {
    let mut marks = vec![0; count];
    Marks { colours, flags, stacks }.fill(0, &mut marks);
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_unequal_length_still_give_one_mark_a_point() {
        assert_eq!(marks(3, &[1, 2], &[], &[]), [1, 2, 0]);
        assert_eq!(marks(2, &[1, 2, 3], &[4], &[1, 4]), [1 | 4 << 24, 2 | 2 << 28]);
    }

    #[test]
    fn marks_made_in_pieces_are_those_made_at_once() {
        let colours: Vec<u32> = (0..1000).collect();
        let flags: Vec<u8> = (0..1000).map(|i| (i % 16) as u8).collect();
        let stacks: Vec<u32> = (0..600).map(|i| i % 9).collect();
        for flags in [&flags[..], &[]] {
            let whole = marks(1200, &colours, flags, &stacks);
            let parts = Marks { colours: &colours, flags, stacks: &stacks };
            let mut pieced = vec![0; 1200];
            pieced.chunks_mut(300).enumerate().for_each(|(at, piece)| parts.fill(300 * at, piece));
            assert_eq!(pieced, whole);
        }
    }

    #[test]
    fn new_data_at_an_old_address_are_noticed() {
        let first = Arc::new(vec![1_u8]);
        let seen = Arc::downgrade(&first);
        assert!(same(&seen, &first));
        drop(first);
        assert!(!same(&seen, &Arc::new(vec![1_u8])));
    }
}
