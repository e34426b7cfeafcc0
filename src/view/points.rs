//! Where maps meet the window's renderer: what is installed at start-up, and what egui calls back in every frame.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use egui_wgpu::{CallbackResources, CallbackTrait, RenderState, ScreenDescriptor};

use super::arranged::Arranged;
use super::camera::Camera;
use super::canvas::{Canvas, Gpu, Report, Wanted};
use super::disc::PointStyle;
use super::pick::Pointer;
use super::pipelines::Pipelines;

/// Who draws in truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrawnBy {
    Adapter,
    /// The processor, by a software adapter: it draws less a frame, and whatever is asked about points it answers
    /// itself.
    Processor,
}

/// Prepares a window's renderer for maps. Call it once, at start-up.
pub fn install(state: &RenderState) {
    let software = crate::gpu::is_software(&state.adapter);
    install_as(state, if software { DrawnBy::Processor } else { DrawnBy::Adapter });
}

/// Likewise, whatever the adapter is: tests have a software one treated as any other.
pub fn install_as(state: &RenderState, drawn_by: DrawnBy) {
    let adapter = &state.adapter;
    let computes = adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
        && state.device.limits().max_storage_buffers_per_shader_stage >= 5
        && state.device.limits().max_compute_invocations_per_workgroup >= 256;
    let floats = adapter.get_texture_format_features(wgpu::TextureFormat::Rgba16Float);
    let floats_blend = floats.allowed_usages.contains(wgpu::TextureUsages::RENDER_ATTACHMENT)
        && floats.flags.contains(wgpu::TextureFormatFeatureFlags::BLENDABLE);
    let software = drawn_by == DrawnBy::Processor;
    let painter = PointPainter {
        pipelines: Pipelines::new(&state.device, state.target_format, computes, floats_blend, !software),
        software,
        maps: HashMap::new(),
    };
    state.renderer.write().callback_resources.insert(painter);
}

/// What all maps share, and the picture of each.
struct PointPainter {
    pipelines: Pipelines,
    software: bool,
    maps: HashMap<egui::Id, Canvas>,
}

/// One map in one frame: handed to egui, which calls it back with the GPU at hand.
pub(super) struct PaintPoints {
    pub map: egui::Id,
    pub arranged: Arc<Arranged>,
    pub camera: Camera,
    /// View points.
    pub size: egui::Vec2,
    pub style: PointStyle,
    /// Whether the points move by themselves.
    pub layout_moves: bool,
    /// Where to note which points are drawn.
    pub pointer: Option<Pointer>,
    pub ctx: egui::Context,
    pub report: Arc<Mutex<Report>>,
}

impl CallbackTrait for PaintPoints {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(PointPainter { pipelines, software, maps }) = resources.get_mut::<PointPainter>() {
            let gpu = Gpu { device, queue, pipelines };
            let canvas = maps.entry(self.map).or_insert_with(|| Canvas::new(&gpu, *software));
            let wanted = Wanted {
                arranged: &self.arranged,
                camera: self.camera,
                size: self.size,
                pixels_per_point: screen.pixels_per_point,
                style: self.style,
                layout_moves: self.layout_moves,
                pointer: self.pointer,
                ctx: &self.ctx,
                report: &self.report,
            };
            canvas.advance(&wanted, &gpu, encoder);
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        if let Some(painter) = resources.get::<PointPainter>()
            && let Some(canvas) = painter.maps.get(&self.map)
        {
            canvas.paint(&painter.pipelines, pass);
        }
    }
}
