//! A device of its own to compute on: what it can do, its memory, and what became of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytemuck::Pod;

use super::adapters::{self, Adapter, AdapterInfo};
use super::error::GpuError;
use super::kernel::Kernel;
use crate::job::Ctx;

/// How long an adapter may be silent before it counts as hung. Work comes in pieces of some 10 ms; a software adapter, which is
/// used in tests and by wish alone, computes on a processor that others may keep busy.
const SILENCE: Duration = Duration::from_secs(20);
const SILENCE_OF_SOFTWARE: Duration = Duration::from_secs(300);

/// A wait looks at `cancel` this often.
const LOOK: Duration = Duration::from_millis(200);

/// Bytes that travel to or from the adapter at a time: they lie in a copy of their own meanwhile.
const PIECE: usize = 16 << 20;

/// No binding is asked to hold more than this, whatever the adapter offers: numbers in shaders have 32 bits.
const LARGEST_BINDING: u64 = 2_000_000_000;

/// A device and its queue. Cheap to clone; all clones are one device.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: AdapterInfo,
    software: bool,
    /// Bytes of the largest binding that is used.
    page: u64,
    trouble: Trouble,
    kernels: Mutex<HashMap<String, Arc<Kernel>>>,
}

/// The first thing that went wrong, told by wgpu's callbacks.
#[derive(Clone, Default)]
struct Trouble(Arc<Mutex<Option<GpuError>>>);

impl Trouble {
    fn note(&self, error: GpuError) {
        self.lock().get_or_insert(error);
    }

    fn lock(&self) -> MutexGuard<'_, Option<GpuError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Storage on the adapter.
pub type Buffer = wgpu::Buffer;

impl Context {
    /// A device on the fastest adapter; a software adapter only where `software` is set.
    pub fn open(software: bool) -> Result<Self, GpuError> {
        let adapter = adapters::computing()
            .into_iter()
            .find(|adapter| adapter.is_software() == software)
            .ok_or(GpuError::NoAdapter)?;
        Self::on(&adapter)
    }

    /// A device of its own on `adapter`.
    pub fn on(adapter: &Adapter) -> Result<Self, GpuError> {
        let adapter = adapter.wgpu();
        let info = adapters::describe(adapter);
        let offered = adapter.limits();
        let limits = wgpu::Limits {
            max_storage_buffer_binding_size: offered.max_storage_buffer_binding_size,
            max_buffer_size: offered.max_buffer_size,
            ..wgpu::Limits::default()
        };
        let page = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(LARGEST_BINDING);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("compute"),
            required_features: wgpu::Features::empty(),
            required_limits: limits,
            memory_hints: wgpu::MemoryHints::Performance,
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| GpuError::NoDevice { adapter: info.name.clone(), cause: error.to_string() })?;
        let trouble = Trouble::default();
        let told = trouble.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            told.note(match error {
                wgpu::Error::OutOfMemory { .. } => GpuError::OutOfMemory,
                other => GpuError::Refused(other.to_string()),
            });
        }));
        let told = trouble.clone();
        device.set_device_lost_callback(move |_, message| told.note(GpuError::Lost(message)));
        Ok(Self(Arc::new(Inner {
            software: adapters::is_software(adapter),
            device,
            queue,
            info,
            page,
            trouble,
            kernels: Mutex::default(),
        })))
    }

    /// The same device, as if its bindings held at most `bytes`: to see that work comes in pages.
    pub fn with_pages_of(self, bytes: u64) -> Self {
        let inner = &self.0;
        Self(Arc::new(Inner {
            device: inner.device.clone(),
            queue: inner.queue.clone(),
            info: inner.info.clone(),
            software: inner.software,
            page: bytes.min(inner.page),
            trouble: inner.trouble.clone(),
            kernels: Mutex::default(),
        }))
    }

    /// The adapter, in words.
    pub fn info(&self) -> &AdapterInfo {
        &self.0.info
    }

    /// Whether the adapter is the processor itself.
    pub fn is_software(&self) -> bool {
        self.0.software
    }

    /// Bytes of the largest piece that a kernel can see.
    pub fn page(&self) -> u64 {
        self.0.page
    }

    pub(super) fn device(&self) -> &wgpu::Device {
        &self.0.device
    }

    pub(super) fn queue(&self) -> &wgpu::Queue {
        &self.0.queue
    }

    /// Gives the device up, as a driver that restarts does.
    pub fn destroy(&self) {
        self.0.device.destroy();
        self.0.trouble.note(GpuError::Lost("it was given up".into()));
    }

    /// Fails with what went wrong on this device, ever: after that nothing it holds can be relied on.
    pub fn health(&self) -> Result<(), GpuError> {
        self.0.trouble.lock().clone().map_or(Ok(()), Err)
    }

    /// The kernel kept under `name`, made by `make` the first time.
    pub(super) fn kept_kernel(
        &self,
        name: String,
        make: impl FnOnce() -> Kernel,
    ) -> Result<Arc<Kernel>, GpuError> {
        let kernel = {
            let mut kernels = self.0.kernels.lock().unwrap_or_else(PoisonError::into_inner);
            kernels.entry(name).or_insert_with(|| Arc::new(make())).clone()
        };
        self.health().map(|()| kernel)
    }

    /// Room for `len` values of `T`, zeroed.
    pub fn buffer<T: Pod>(&self, what: &'static str, len: usize) -> Result<Buffer, GpuError> {
        let needed = (len * size_of::<T>()).max(16).next_multiple_of(16) as u64;
        if needed > self.0.page.max(16) {
            return Err(GpuError::TooLarge { what, needed, most: self.0.page });
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let descriptor =
            wgpu::BufferDescriptor { label: Some(what), size: needed, usage, mapped_at_creation: false };
        let buffer = self.0.device.create_buffer(&descriptor);
        self.health().map(|()| buffer)
    }

    /// A buffer that holds `values`.
    pub fn upload<T: Pod>(&self, what: &'static str, values: &[T]) -> Result<Buffer, GpuError> {
        let buffer = self.buffer::<T>(what, values.len())?;
        self.write(&buffer, 0, values)?;
        Ok(buffer)
    }

    /// Writes `values` into `buffer` from its value `first` on.
    pub fn write<T: Pod>(&self, buffer: &Buffer, first: usize, values: &[T]) -> Result<(), GpuError> {
        let start = first * size_of::<T>();
        for (piece, bytes) in bytemuck::cast_slice::<T, u8>(values).chunks(PIECE).enumerate() {
            self.0.queue.write_buffer(buffer, (start + piece * PIECE) as u64, bytes);
            if bytes.len() == PIECE {
                // Otherwise all pieces wait in memory for the next submission.
                self.0.queue.submit([]);
            }
        }
        self.health()
    }

    /// The first `len` values of `buffer`, once all work before is done.
    pub fn read<T: Pod>(&self, buffer: &Buffer, len: usize, ctx: &Ctx) -> Result<Vec<T>, GpuError> {
        let mut values = vec![T::zeroed(); len];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut values);
        let staging = self.0.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("staging"),
            size: bytes.len().clamp(4, PIECE).next_multiple_of(4) as u64,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        for (piece, out) in bytes.chunks_mut(PIECE).enumerate() {
            let size = out.len().next_multiple_of(4) as u64;
            let mut encoder =
                self.0.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encoder.copy_buffer_to_buffer(buffer, (piece * PIECE) as u64, &staging, 0, size);
            let ticket = self.0.queue.submit([encoder.finish()]);
            staging.map_async(wgpu::MapMode::Read, ..size, |_| {});
            self.wait(ticket, ctx)?;
            let view = staging.get_mapped_range(..size).map_err(|error| GpuError::Lost(error.to_string()))?;
            out.copy_from_slice(&view[..out.len()]);
            drop(view);
            staging.unmap();
        }
        Ok(values)
    }

    /// Waits until what `ticket` stands for is done. Fails where the work was cancelled or the device came to harm.
    pub fn wait(&self, ticket: wgpu::SubmissionIndex, ctx: &Ctx) -> Result<(), GpuError> {
        let patience = if self.0.software { SILENCE_OF_SOFTWARE } else { SILENCE };
        let since = Instant::now();
        loop {
            self.health()?;
            ctx.cancel.check()?;
            let wait = wgpu::PollType::Wait { submission_index: Some(ticket.clone()), timeout: Some(LOOK) };
            match self.0.device.poll(wait) {
                Ok(_) => return self.health(),
                Err(wgpu::PollError::Timeout) if since.elapsed() < patience => {}
                Err(wgpu::PollError::Timeout) => {
                    self.0.trouble.note(GpuError::Hung(patience.as_secs()));
                }
                Err(error) => self.0.trouble.note(GpuError::Lost(error.to_string())),
            }
        }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context({})", self.0.info.name)
    }
}
