//! The graphics adapters that wgpu finds.

use serde::Serialize;

/// The kind of an adapter that is the processor itself.
pub const SOFTWARE: &str = "software";

/// One adapter, in words and in figures that matter here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdapterInfo {
    pub name: String,
    /// The interface it is reached through: "Vulkan", "Metal", "DX12", "GL".
    pub backend: String,
    /// "discrete GPU", "integrated GPU", "software" …
    pub kind: &'static str,
    pub driver: String,
    /// The largest storage binding in bytes: what bounds a tile of rows.
    pub max_binding: u64,
}

/// An adapter, for those who have nothing else to do with wgpu.
#[derive(Clone)]
pub struct Adapter(wgpu::Adapter);

impl Adapter {
    /// The one that a window draws with.
    pub fn of(adapter: &wgpu::Adapter) -> Self {
        Self(adapter.clone())
    }

    /// Whether it is the processor itself.
    pub fn is_software(&self) -> bool {
        is_software(&self.0)
    }

    pub(super) fn wgpu(&self) -> &wgpu::Adapter {
        &self.0
    }
}

/// Every adapter of this machine in words, the fastest kind first. An empty list means that nothing can draw.
pub fn adapters() -> Vec<AdapterInfo> {
    all().iter().map(|adapter| describe(adapter.wgpu())).collect()
}

/// Every adapter of this machine, the fastest kind first.
pub fn all() -> Vec<Adapter> {
    of(wgpu::Backends::all())
}

/// Those that may compute. OpenGL, which offers less, is not asked: some of its libraries complain on the terminal where there
/// is no display.
pub fn computing() -> Vec<Adapter> {
    let mut found = of(wgpu::Backends::PRIMARY);
    found.retain(computes);
    found
}

fn of(backends: wgpu::Backends) -> Vec<Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut found = pollster::block_on(instance.enumerate_adapters(backends));
    found.sort_by_cached_key(|adapter| {
        let info = adapter.get_info();
        (kind_of(info.device_type).0, info.name, info.backend == wgpu::Backend::Gl)
    });
    found.into_iter().map(Adapter).collect()
}

/// Whether the adapter has what compute kernels ask for: WebGPU's promises.
fn computes(adapter: &Adapter) -> bool {
    wgpu::Limits::default().check_limits(&adapter.0.limits())
        && adapter.0.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
}

/// An adapter in words, be it one of [`adapters`] or the one that a window draws with.
pub fn describe(adapter: &wgpu::Adapter) -> AdapterInfo {
    let info = adapter.get_info();
    AdapterInfo {
        name: info.name,
        backend: backend_name(info.backend).to_owned(),
        kind: kind_of(info.device_type).1,
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        max_binding: adapter.limits().max_storage_buffer_binding_size,
    }
}

/// Whether the adapter is the processor itself.
pub fn is_software(adapter: &wgpu::Adapter) -> bool {
    adapter.get_info().device_type == wgpu::DeviceType::Cpu
}

fn kind_of(device: wgpu::DeviceType) -> (u8, &'static str) {
    match device {
        wgpu::DeviceType::DiscreteGpu => (0, "discrete GPU"),
        wgpu::DeviceType::IntegratedGpu => (1, "integrated GPU"),
        wgpu::DeviceType::VirtualGpu => (2, "virtual GPU"),
        wgpu::DeviceType::Cpu => (3, SOFTWARE),
        wgpu::DeviceType::Other => (4, "other"),
    }
}

fn backend_name(backend: wgpu::Backend) -> &'static str {
    match backend {
        wgpu::Backend::Vulkan => "Vulkan",
        wgpu::Backend::Metal => "Metal",
        wgpu::Backend::Dx12 => "DX12",
        wgpu::Backend::Gl => "GL",
        _ => "other",
    }
}
