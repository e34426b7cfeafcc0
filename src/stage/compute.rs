//! What the steps compute on: the one place that decides between processor and graphics adapter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use super::{StageError, calibrate};
use crate::gpu::{Adapter, Context, GpuError};
use crate::io::cache::Cache;
use crate::io::calibration;
use crate::job::Ctx;
use crate::model::DevicePreference;

/// What a step computes on.
#[derive(Clone, Debug)]
pub enum Compute {
    Cpu,
    Gpu(Context),
}

/// Where a step keeps its value, if anywhere, and what computes it.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    pub cache: Option<&'a Cache>,
    pub on: &'a Computers,
}

/// Work that has a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Counted in products of components.
    Neighbours,
    /// Counted in steps: an edge that is due is one, and so is each point that it pushes away.
    Umap,
    /// Counted in products of components: of all pairs for the covariance, of each with a few axes on an adapter.
    Pca,
    /// Counted in points and cells.
    Density,
    /// Counted in products of components.
    Quality,
    /// Counted in products of components, once for each row and centre.
    KMeans,
}

impl Work {
    /// Units a second that a slow processor does.
    fn least_rate(self) -> f64 {
        match self {
            Self::Neighbours => 5e9,
            Self::KMeans | Self::Pca => 2e9,
            Self::Quality => 5e8,
            Self::Umap => 2e7,
            Self::Density => 5e6,
        }
    }
}

/// How much work there is, in its own units: an adapter may do it another way than the processor.
#[derive(Clone, Copy, Debug)]
pub struct Units {
    pub cpu: f64,
    pub gpu: f64,
}

impl Units {
    /// The same on both.
    pub fn same(units: f64) -> Self {
        Self { cpu: units, gpu: units }
    }
}

/// Why work on an adapter ended without a value.
#[derive(Debug)]
pub enum Failure {
    /// The adapter could not: the processor takes over.
    Gpu(GpuError),
    /// It cannot be done at all.
    Stage(StageError),
}

impl From<GpuError> for Failure {
    fn from(error: GpuError) -> Self {
        Self::Gpu(error)
    }
}

/// Seconds that a graphics adapter must save to be worth its start: shaders are compiled and values sent.
const START: f64 = 0.3;

/// Units of work a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    pub cpu: f64,
    pub gpu: f64,
}

/// What was found out about this machine, once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// What it holds for: adapter, driver, threads and version of the program.
    pub machine: String,
    pub rates: BTreeMap<Work, Rates>,
}

/// Processor and graphics adapter of this machine, and who of them does what. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Computers(Arc<Inner>);

struct Inner {
    wish: Mutex<DevicePreference>,
    /// The adapter that the window draws with.
    adapter: Option<Adapter>,
    /// A device on a real adapter, and one on whatever there is.
    real: OnceLock<Result<Context, GpuError>>,
    any: OnceLock<Result<Context, GpuError>>,
    calibration: Mutex<Option<Calibration>>,
}

impl Computers {
    /// The processor alone.
    pub fn cpu() -> Self {
        Self::new(DevicePreference::Cpu, None)
    }

    /// As `wish` says; `adapter` is the one that the window draws with.
    pub fn new(wish: DevicePreference, adapter: Option<Adapter>) -> Self {
        Self(Arc::new(Inner {
            wish: Mutex::new(wish),
            adapter,
            real: OnceLock::new(),
            any: OnceLock::new(),
            calibration: Mutex::default(),
        }))
    }

    /// These, with a device that is there already: every work that has a kernel runs on it.
    pub fn on(context: Context) -> Self {
        let computers = Self::new(DevicePreference::Gpu, None);
        let _ = computers.0.any.set(Ok(context));
        computers
    }

    /// The wish for the work that begins from now on.
    pub fn wished(&self) -> DevicePreference {
        *self.0.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes another wish for the work that begins from now on.
    pub fn wish(&self, wish: DevicePreference) {
        *self.0.wish.lock().unwrap_or_else(PoisonError::into_inner) = wish;
    }

    /// Where `units` of `work` are done.
    ///
    /// By wish: the processor, or the adapter where there is one that works. Otherwise by what is faster on this machine,
    /// which is found out once and kept; an adapter in software never is.
    pub fn choose(&self, work: Work, units: Units, ctx: &Ctx) -> Compute {
        let wish = self.wished();
        if wish == DevicePreference::Auto && units.cpu / work.least_rate() < START {
            // Nothing to be gained: the adapter is not even looked for.
            return Compute::Cpu;
        }
        let found = match wish {
            DevicePreference::Cpu => return Compute::Cpu,
            DevicePreference::Gpu => self.0.any.get_or_init(|| self.open(true)),
            DevicePreference::Auto => self.0.real.get_or_init(|| self.open(false)),
        };
        let context = match found {
            Ok(context) if context.health().is_ok() => context.clone(),
            Ok(_) => return Compute::Cpu,
            Err(error) => {
                if wish == DevicePreference::Gpu {
                    ctx.warn(format!("The processor computes: {error}."));
                }
                return Compute::Cpu;
            }
        };
        if wish == DevicePreference::Gpu || self.is_faster(&context, work, units, ctx) {
            Compute::Gpu(context)
        } else {
            Compute::Cpu
        }
    }

    /// Does `work` where it is to be done. Where the adapter fails, the processor does it, and a person is told.
    pub fn run<T>(
        &self,
        work: Work,
        units: Units,
        ctx: &Ctx,
        on_gpu: impl FnOnce(&Context) -> Result<T, Failure>,
        on_cpu: impl FnOnce() -> Result<T, StageError>,
    ) -> Result<T, StageError> {
        match self.choose(work, units, ctx) {
            Compute::Cpu => on_cpu(),
            Compute::Gpu(context) => match on_gpu(&context) {
                Ok(value) => Ok(value),
                Err(Failure::Stage(error)) => Err(error),
                Err(Failure::Gpu(GpuError::Cancelled(_))) => Err(StageError::Cancelled),
                Err(Failure::Gpu(error)) => {
                    took_over(&error, ctx);
                    on_cpu()
                }
            },
        }
    }

    fn open(&self, software_too: bool) -> Result<Context, GpuError> {
        if let Some(adapter) = self.0.adapter.as_ref().filter(|adapter| !adapter.is_software()) {
            return Context::on(adapter);
        }
        match Context::open(false) {
            Err(GpuError::NoAdapter) if software_too => Context::open(true),
            found => found,
        }
    }

    fn is_faster(&self, context: &Context, work: Work, units: Units, ctx: &Ctx) -> bool {
        let mut kept = self.0.calibration.lock().unwrap_or_else(PoisonError::into_inner);
        let machine = calibrate::machine(context);
        if kept.is_none() {
            *kept = calibration::load().filter(|kept: &Calibration| kept.machine == machine);
        }
        if !kept.as_ref().is_some_and(|kept| kept.rates.contains_key(&work)) {
            ctx.progress.begin("Comparing processor and graphics adapter", "kernels", 0, 0);
            match calibrate::run(context, ctx) {
                Ok(rates) => {
                    let found = Calibration { machine, rates };
                    if let Err(error) = calibration::save(&found) {
                        tracing::warn!("the calibration was not kept: {error}");
                    }
                    *kept = Some(found);
                }
                Err(GpuError::Cancelled(_)) => return false,
                Err(error) => {
                    took_over(&error, ctx);
                    return false;
                }
            }
        }
        let rates = kept.as_ref().and_then(|kept| kept.rates.get(&work));
        rates.is_some_and(|rates| units.gpu / rates.gpu + START < units.cpu / rates.cpu)
    }
}

/// Tells that the processor goes on where the adapter could not.
pub(super) fn took_over(error: &GpuError, ctx: &Ctx) {
    tracing::warn!("graphics adapter: {error}");
    ctx.warn(format!("The processor took over: {error}. Nothing is lost; it may take longer."));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_wish_the_processor_does_it_whatever_else_there_is() {
        assert!(matches!(
            Computers::cpu().choose(Work::Neighbours, Units::same(1e18), &Ctx::quiet()),
            Compute::Cpu
        ));
    }

    #[test]
    fn an_adapter_in_software_is_never_chosen_unless_asked_for() {
        let Ok(software) = Context::open(true) else { return };
        let computers = Computers::on(software);
        assert!(matches!(
            computers.choose(Work::Neighbours, Units::same(1.0), &Ctx::quiet()),
            Compute::Gpu(_)
        ));
        computers.wish(DevicePreference::Auto);
        if let Compute::Gpu(context) = computers.choose(Work::Neighbours, Units::same(1e18), &Ctx::quiet()) {
            assert!(!context.is_software());
        }
    }

    #[test]
    fn the_processor_takes_over_from_an_adapter_that_fails_and_says_so() {
        let Ok(software) = Context::open(true) else { return };
        let computers = Computers::on(software);
        let (send, events) = std::sync::mpsc::channel();
        let ctx = Ctx::new(send, Arc::new(|| {}));
        let done = computers.run(
            Work::Neighbours,
            Units::same(1.0),
            &ctx,
            |_| Err(GpuError::OutOfMemory.into()),
            || Ok(7),
        );
        assert_eq!(done.unwrap(), 7);
        let told = format!("{:?}", events.try_iter().collect::<Vec<_>>());
        assert!(
            told.contains("The processor took over: the memory of the graphics adapter is full"),
            "{told}"
        );
    }
}
