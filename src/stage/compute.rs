//! What the steps compute on: the one place that decides between processor and graphics adapter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use super::{StageError, calibrate};
use crate::gpu::{Adapter, AdapterInfo, Context, GpuError};
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
    /// Of all pairs, by vectors. Counted in products of components.
    Neighbours,
    /// Of all pairs, by codes. Counted likewise.
    NeighboursCoded,
    /// Of pairs that share a cell, and those of sweeps. Counted likewise.
    NeighbourCells,
    /// Counted in steps: an edge that is due is one, and so is each point that it pushes away.
    Umap,
    /// Counted in edges, once a round: what else a round does goes with the points as they do.
    Tsne,
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
    /// All of it: a calibration knows each.
    pub const ALL: [Self; 9] = [
        Self::Neighbours,
        Self::NeighboursCoded,
        Self::NeighbourCells,
        Self::Umap,
        Self::Tsne,
        Self::Pca,
        Self::Density,
        Self::Quality,
        Self::KMeans,
    ];

    /// Units a second that a processor of two cores does, about: work that is done at once needs nobody else.
    fn least_rate(self) -> f64 {
        match self {
            Self::Neighbours | Self::NeighboursCoded | Self::NeighbourCells => 2e10,
            Self::KMeans | Self::Pca => 2e9,
            Self::Quality => 5e8,
            Self::Umap | Self::Tsne => 5e8,
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

/// What work would take on each.
#[derive(Clone, Copy, Debug)]
pub struct Seconds {
    pub cpu: f64,
    pub gpu: f64,
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

impl Calibration {
    /// What was kept for an adapter, if anything.
    pub fn kept(info: &AdapterInfo) -> Option<Self> {
        calibration::load().filter(|kept: &Self| kept.machine == calibrate::machine(info))
    }

    /// What `units` of `work` take; forever where nothing is known of it.
    pub fn seconds(&self, work: Work, units: Units) -> Seconds {
        let rates = self.rates.get(&work);
        Seconds {
            cpu: rates.map_or(f64::INFINITY, |rates| units.cpu / rates.cpu),
            gpu: rates.map_or(f64::INFINITY, |rates| units.gpu / rates.gpu),
        }
    }

    /// As if the processor were slow and the adapter took no time.
    fn of_the_slowest() -> Self {
        let rates = |work: Work| (work, Rates { cpu: work.least_rate(), gpu: f64::INFINITY });
        Self { machine: String::new(), rates: Work::ALL.into_iter().map(rates).collect() }
    }

    fn is_whole(&self) -> bool {
        Work::ALL.iter().all(|work| self.rates.contains_key(work))
    }
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

    /// These, with a calibration that is there already.
    pub fn calibrated(self, calibration: Calibration) -> Self {
        *self.0.calibration.lock().unwrap_or_else(PoisonError::into_inner) = Some(calibration);
        self
    }

    /// The wish for the work that begins from now on.
    pub fn wished(&self) -> DevicePreference {
        *self.0.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes another wish for the work that begins from now on.
    pub fn wish(&self, wish: DevicePreference) {
        *self.0.wish.lock().unwrap_or_else(PoisonError::into_inner) = wish;
    }

    /// Where `units` of `work` are done, as [`Computers::choose_by`] says.
    pub fn choose(&self, work: Work, units: Units, ctx: &Ctx) -> Compute {
        self.choose_by(&|known| known.seconds(work, units), ctx)
    }

    /// Where work that takes `seconds` is done.
    ///
    /// By wish: the processor, or the adapter where there is one that works. Otherwise by what is faster on this machine,
    /// which is found out once and kept; an adapter in software never is.
    pub fn choose_by(&self, seconds: &dyn Fn(&Calibration) -> Seconds, ctx: &Ctx) -> Compute {
        let wish = self.wished();
        if wish == DevicePreference::Auto && seconds(&Calibration::of_the_slowest()).cpu < START {
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
        if wish == DevicePreference::Gpu || self.is_faster(&context, seconds, ctx) {
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
        self.run_by(&|known| known.seconds(work, units), ctx, on_gpu, on_cpu)
    }

    /// Does work that takes `seconds` likewise.
    pub fn run_by<T>(
        &self,
        seconds: &dyn Fn(&Calibration) -> Seconds,
        ctx: &Ctx,
        on_gpu: impl FnOnce(&Context) -> Result<T, Failure>,
        on_cpu: impl FnOnce() -> Result<T, StageError>,
    ) -> Result<T, StageError> {
        match self.choose_by(seconds, ctx) {
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

    fn is_faster(&self, context: &Context, seconds: &dyn Fn(&Calibration) -> Seconds, ctx: &Ctx) -> bool {
        let Some(known) = self.calibration(context, ctx) else { return false };
        let Seconds { cpu, gpu } = seconds(&known);
        gpu + START < cpu
    }

    /// How fast processor and adapter are: what is known, what was kept, or what is found out now. Nothing where that
    /// fails or is stopped, nor of an adapter in software.
    pub fn calibration(&self, context: &Context, ctx: &Ctx) -> Option<Calibration> {
        let mut known = self.0.calibration.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_some() {
            return known.clone();
        }
        if context.is_software() {
            return None;
        }
        *known = Calibration::kept(context.info()).filter(Calibration::is_whole);
        if known.is_none() {
            ctx.progress.begin("Comparing processor and graphics adapter", "kernels", 0, 0);
            match calibrate::run(context, ctx) {
                Ok(rates) => {
                    let found = Calibration { machine: calibrate::machine(context.info()), rates };
                    if let Err(error) = calibration::save(&found) {
                        tracing::warn!("the calibration was not kept: {error}");
                    }
                    *known = Some(found);
                }
                Err(GpuError::Cancelled(_)) => {}
                Err(error) => took_over(&error, ctx),
            }
        }
        known.clone()
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
