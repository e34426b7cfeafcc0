//! What all maps of a window draw with: pipelines, and what the device allows.

use crate::gpu::wgsl;

use super::exposure::Shot;
use super::lasso_mask::LassoPipeline;
use super::splat::{self, Grid, Tone};

/// The uniform of `shaders/points.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct DiscUniform {
    pub centre: [f32; 2],
    pub size: [f32; 2],
    pub scale: f32,
    pub radius: f32,
    pub opacity: f32,
    pub density: f32,
    pub dimmed: [f32; 4],
    pub ring: [f32; 4],
    pub any_chosen: u32,
    pub padding: [u32; 3],
}

impl DiscUniform {
    /// How the discs of `shot` look of which each stands for some.
    pub fn new(shot: &Shot, stands_for: f32) -> Self {
        let bolder = |opacity: f32| 1.0 - (1.0 - opacity).powf(stands_for);
        let [r, g, b, faint] = shot.style.dimmed;
        Self {
            centre: shot.camera.centre.map(|v| v as f32),
            size: shot.pixels.map(|side| side as f32),
            scale: shot.scale() as f32,
            radius: shot.style.radius * shot.density,
            opacity: bolder(shot.style.opacity),
            density: shot.density,
            dimmed: [r, g, b, bolder(faint)],
            ring: shot.style.ring,
            any_chosen: u32::from(shot.style.any_chosen),
            padding: [0; 3],
        }
    }
}

/// Pipelines for the discs, the window's texture and, where the device computes, the counts.
pub(super) struct Pipelines {
    pub discs: wgpu::RenderPipeline,
    pub disc_layout: wgpu::BindGroupLayout,
    pub blit: wgpu::RenderPipeline,
    pub blit_layout: wgpu::BindGroupLayout,
    pub target: wgpu::Buffer,
    pub splat: Option<SplatPipelines>,
    /// None where the processor draws: it answers such questions without a detour.
    pub asking: Option<Asking>,
    pub picture_format: wgpu::TextureFormat,
}

/// Pipelines for counted points.
pub(super) struct SplatPipelines {
    pub accumulate: wgpu::ComputePipeline,
    pub accumulate_layout: wgpu::BindGroupLayout,
    pub resolve: wgpu::RenderPipeline,
    pub resolve_layout: wgpu::BindGroupLayout,
    /// Cells of a map at most: what a binding holds.
    pub most_cells: u64,
}

/// The pixels around a pointer, as `shaders/lib/window.wgsl` lays them out.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct WindowUniform {
    pub corner: [i32; 2],
    pub first: u32,
    pub padding: u32,
}

/// What a map is asked with: which points are drawn around the pointer, and which a lasso holds.
pub(super) struct Asking {
    /// The discs' shader, which notes points in place of colours.
    pub note_discs: wgpu::RenderPipeline,
    pub window_layout: wgpu::BindGroupLayout,
    /// Likewise for counted points.
    pub note_counts: wgpu::ComputePipeline,
    pub note_counts_layout: wgpu::BindGroupLayout,
    pub lasso: LassoPipeline,
}

/// A number a pixel.
pub(super) const NOTE_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::R32Uint;

/// Bytes of the coloured sums of one cell.
pub(super) const COLOURED_BYTES: u64 = 16;

impl Pipelines {
    /// Pipelines for a window whose texture has `format`. `computes` says whether the adapter has compute shaders, and
    /// `asked` whether it is asked where points lie.
    pub fn new(
        device: &wgpu::Device,
        format: wgpu::TextureFormat,
        computes: bool,
        floats_blend: bool,
        asked: bool,
    ) -> Self {
        // Bytes would round the faint colours of many points over each other.
        let picture_format =
            if floats_blend { wgpu::TextureFormat::Rgba16Float } else { wgpu::TextureFormat::Rgba8Unorm };
        let disc_layout = layout(device, "map discs", &[uniform::<DiscUniform>(0, VERTEX_FRAGMENT)]);
        let blit_layout = layout(
            device,
            "map picture",
            &[
                wgpu::BindGroupLayoutEntry {
                    binding: 0,
                    visibility: wgpu::ShaderStages::FRAGMENT,
                    ty: wgpu::BindingType::Texture {
                        sample_type: wgpu::TextureSampleType::Float { filterable: false },
                        view_dimension: wgpu::TextureViewDimension::D2,
                        multisampled: false,
                    },
                    count: None,
                },
                uniform::<[u32; 4]>(1, wgpu::ShaderStages::FRAGMENT),
            ],
        );
        let target = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("map target"),
            size: size_of::<[u32; 4]>() as u64,
            usage: wgpu::BufferUsages::UNIFORM,
            mapped_at_creation: true,
        });
        if let Ok(mut words) = target.get_mapped_range_mut(..) {
            words.copy_from_slice(bytemuck::bytes_of(&[u32::from(format.is_srgb()), 0, 0, 0]));
        }
        target.unmap();
        let drawn = Shader { source: "points", fragment: "fs_main", format: picture_format, blends: true };
        Self {
            discs: discs(device, &[&disc_layout], drawn),
            asking: (computes && asked).then(|| Asking::new(device, &disc_layout)),
            disc_layout,
            blit: covering(device, "map picture", "blit", &blit_layout, format, true),
            blit_layout,
            target,
            splat: computes.then(|| SplatPipelines::new(device, picture_format)),
            picture_format,
        }
    }
}

impl Asking {
    fn new(device: &wgpu::Device, disc_layout: &wgpu::BindGroupLayout) -> Self {
        let compute = wgpu::ShaderStages::COMPUTE;
        let window = |binding, visibility| {
            let size = size_of::<WindowUniform>() as u64;
            buffer(binding, visibility, wgpu::BufferBindingType::Uniform, size, true)
        };
        let window_layout = layout(device, "map window", &[window(0, wgpu::ShaderStages::FRAGMENT)]);
        let noted = Shader { source: "points", fragment: "fs_note", format: NOTE_FORMAT, blends: false };
        let note_counts_layout = layout(
            device,
            "map window of counts",
            &[
                uniform::<Grid>(0, compute),
                storage(1, compute, true),
                storage(2, compute, true),
                storage(3, compute, true),
                storage(6, compute, false),
                window(7, compute),
            ],
        );
        Self {
            note_discs: discs(device, &[disc_layout, &window_layout], noted),
            window_layout,
            note_counts: computing(device, "map window of counts", ("splat", "note"), &note_counts_layout),
            note_counts_layout,
            lasso: LassoPipeline::new(device),
        }
    }
}

impl SplatPipelines {
    fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        let compute = wgpu::ShaderStages::COMPUTE;
        let accumulate_layout = layout(
            device,
            "map counts",
            &[
                uniform::<Grid>(0, compute),
                storage(1, compute, true),
                storage(2, compute, true),
                storage(3, compute, true),
                storage(4, compute, false),
                storage(5, compute, false),
            ],
        );
        let fragment = wgpu::ShaderStages::FRAGMENT;
        let resolve_layout = layout(
            device,
            "map tone",
            &[uniform::<Tone>(0, fragment), storage(1, fragment, true), storage(2, fragment, true)],
        );
        Self {
            accumulate: computing(device, "map counts", ("splat", "accumulate"), &accumulate_layout),
            accumulate_layout,
            resolve: covering(device, "map tone", "splat_resolve", &resolve_layout, format, false),
            resolve_layout,
            most_cells: device.limits().max_storage_buffer_binding_size / COLOURED_BYTES,
        }
    }

    /// Pixels of the screen a cell is wide, so that the cells of `pixels` fit into a binding.
    pub fn grain(&self, pixels: [u32; 2]) -> u32 {
        let fits = |grain: u32| {
            let [columns, rows] = pixels.map(|side| u64::from(side.div_ceil(grain) + 2 * splat::MARGIN));
            columns * rows <= self.most_cells
        };
        (1..).find(|&grain| fits(grain)).unwrap_or(1)
    }
}

const VERTEX_FRAGMENT: wgpu::ShaderStages = wgpu::ShaderStages::VERTEX_FRAGMENT;

fn module(device: &wgpu::Device, label: &str, shader: &str) -> wgpu::ShaderModule {
    device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(wgsl::source(shader).into()),
    })
}

pub(super) fn layout(
    device: &wgpu::Device,
    label: &str,
    entries: &[wgpu::BindGroupLayoutEntry],
) -> wgpu::BindGroupLayout {
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries })
}

pub(super) fn uniform<T>(binding: u32, visibility: wgpu::ShaderStages) -> wgpu::BindGroupLayoutEntry {
    buffer(binding, visibility, wgpu::BufferBindingType::Uniform, size_of::<T>() as u64, false)
}

pub(super) fn storage(
    binding: u32,
    visibility: wgpu::ShaderStages,
    read_only: bool,
) -> wgpu::BindGroupLayoutEntry {
    buffer(binding, visibility, wgpu::BufferBindingType::Storage { read_only }, 0, false)
}

fn buffer(
    binding: u32,
    visibility: wgpu::ShaderStages,
    ty: wgpu::BufferBindingType,
    least: u64,
    has_dynamic_offset: bool,
) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility,
        ty: wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset,
            min_binding_size: wgpu::BufferSize::new(least),
        },
        count: None,
    }
}

fn pipeline_layout(
    device: &wgpu::Device,
    label: &str,
    layouts: &[&wgpu::BindGroupLayout],
) -> wgpu::PipelineLayout {
    let layouts: Vec<Option<&wgpu::BindGroupLayout>> = layouts.iter().copied().map(Some).collect();
    device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(label),
        bind_group_layouts: &layouts,
        immediate_size: 0,
    })
}

/// The pipeline of one entry point, given as its shader and its name.
pub(super) fn computing(
    device: &wgpu::Device,
    label: &str,
    (shader, entry_point): (&str, &str),
    layout: &wgpu::BindGroupLayout,
) -> wgpu::ComputePipeline {
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(label),
        layout: Some(&pipeline_layout(device, label, &[layout])),
        module: &module(device, label, shader),
        entry_point: Some(entry_point),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    })
}

/// What a render pipeline runs and draws into.
#[derive(Clone, Copy)]
struct Shader<'a> {
    source: &'a str,
    fragment: &'a str,
    format: wgpu::TextureFormat,
    blends: bool,
}

/// A pipeline whose one triangle covers its target.
fn covering(
    device: &wgpu::Device,
    label: &str,
    source: &str,
    layout: &wgpu::BindGroupLayout,
    format: wgpu::TextureFormat,
    blends: bool,
) -> wgpu::RenderPipeline {
    let primitive = wgpu::PrimitiveState::default();
    let shader = Shader { source, fragment: "fs_main", format, blends };
    render(device, label, shader, (&[layout], &[], primitive))
}

/// A pipeline with an instance a point.
fn discs(
    device: &wgpu::Device,
    layouts: &[&wgpu::BindGroupLayout],
    shader: Shader<'_>,
) -> wgpu::RenderPipeline {
    let per_point = |stride: usize, attributes| {
        Some(wgpu::VertexBufferLayout {
            array_stride: stride as u64,
            step_mode: wgpu::VertexStepMode::Instance,
            attributes,
        })
    };
    let position = wgpu::vertex_attr_array![0 => Float32x2];
    let mark = wgpu::vertex_attr_array![1 => Uint32];
    let buffers = [per_point(size_of::<[f32; 2]>(), &position), per_point(size_of::<u32>(), &mark)];
    let primitive =
        wgpu::PrimitiveState { topology: wgpu::PrimitiveTopology::TriangleStrip, ..Default::default() };
    render(device, "map discs", shader, (layouts, &buffers, primitive))
}

fn render(
    device: &wgpu::Device,
    label: &str,
    shader: Shader<'_>,
    (layouts, buffers, primitive): (
        &[&wgpu::BindGroupLayout],
        &[Option<wgpu::VertexBufferLayout<'_>>],
        wgpu::PrimitiveState,
    ),
) -> wgpu::RenderPipeline {
    let module = module(device, label, shader.source);
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(label),
        layout: Some(&pipeline_layout(device, label, layouts)),
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("vs_main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers,
        },
        primitive,
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some(shader.fragment),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format: shader.format,
                blend: shader.blends.then_some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}
