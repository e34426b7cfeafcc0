//! What can run a model: the processor always, a graphics card where the app was built for it.

use std::fmt;
use std::panic::catch_unwind;

pub use crate::io::settings::DevicePreference;

/// Where a model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Cpu,
    /// An NVIDIA card by number; only in builds with the feature `cuda`.
    Cuda(usize),
    /// An Apple GPU by number; only in builds with the feature `metal`.
    Metal(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "CPU"),
            Self::Cuda(i) => write!(f, "CUDA device {i}"),
            Self::Metal(i) => write!(f, "Metal device {i}"),
        }
    }
}

impl Device {
    /// Candle's own handle to the device.
    pub fn open(self) -> Result<candle_core::Device, String> {
        // Without the vendor's library the loader panics; for us that is a device that is not there.
        let opened = catch_unwind(|| match self {
            Self::Cpu => Ok(candle_core::Device::Cpu),
            Self::Cuda(i) => candle_core::Device::new_cuda(i),
            Self::Metal(i) => candle_core::Device::new_metal(i),
        });
        match opened {
            Ok(Ok(device)) => Ok(device),
            Ok(Err(e)) => Err(e.to_string().lines().next().unwrap_or_default().to_owned()),
            Err(_) => Err("its driver or library is missing".to_owned()),
        }
    }
}

/// One line of `semascope devices`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    pub device: Device,
    /// For people, such as "CPU, 8 threads, AVX-512".
    pub name: String,
}

/// The kind of GPU this build can use.
const fn gpu_kind() -> Option<fn(usize) -> Device> {
    if cfg!(feature = "cuda") {
        Some(Device::Cuda)
    } else if cfg!(feature = "metal") {
        Some(Device::Metal)
    } else {
        None
    }
}

/// More cards than this are not looked for.
const MOST_GPUS: usize = 16;

/// The device to use, and what to tell the person where it is not the one asked for.
pub fn pick_device(preference: DevicePreference) -> (Device, Option<String>) {
    if preference == DevicePreference::Cpu {
        return (Device::Cpu, None);
    }
    match gpu_kind().map(|kind| kind(0)) {
        Some(gpu) => match gpu.open() {
            Ok(_) => (gpu, None),
            Err(cause) => {
                (Device::Cpu, Some(format!("{gpu} cannot be used ({cause}); the CPU computes instead.")))
            }
        },
        None if preference == DevicePreference::Gpu => {
            let notice = "This build of Semascope embeds on the CPU only; builds with the feature \"cuda\" or \
                          \"metal\" can use a GPU.";
            (Device::Cpu, Some(notice.to_owned()))
        }
        None => (Device::Cpu, None),
    }
}

/// Everything this build can run a model on, the CPU first.
pub fn devices() -> Vec<DeviceInfo> {
    let threads = rayon::current_num_threads();
    let plural = if threads == 1 { "" } else { "s" };
    let cpu = DeviceInfo {
        device: Device::Cpu,
        name: format!("CPU, {threads} thread{plural}, {}", instruction_set()),
    };
    let gpus = gpu_kind().into_iter().flat_map(|kind| {
        (0..MOST_GPUS)
            .map(kind)
            .map_while(|device| device.open().ok().map(|_| DeviceInfo { device, name: device.to_string() }))
    });
    std::iter::once(cpu).chain(gpus).collect()
}

/// The vector instructions the encoder will use here.
fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if pulp::x86::V4::try_new().is_some() {
            "AVX-512"
        } else if pulp::x86::V3::try_new().is_some() {
            "AVX2"
        } else {
            "no vector instructions"
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        "NEON"
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        "no vector instructions"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(devices()[0].device, Device::Cpu);
        assert_eq!(pick_device(DevicePreference::Cpu), (Device::Cpu, None));
    }

    #[test]
    fn asking_for_a_gpu_that_is_not_there_is_answered_by_the_cpu_and_a_notice() {
        let (device, notice) = pick_device(DevicePreference::Gpu);
        assert_eq!(device == Device::Cpu, notice.is_some());
    }
}
