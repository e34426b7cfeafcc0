//! How fast processor and graphics adapter of this machine are at the same work, found out in a second or two.

use std::collections::BTreeMap;

use super::compute::{Rates, Work};
use super::trials::{self, Size};
use crate::gpu::{AdapterInfo, Context, GpuError};
use crate::job::Ctx;

/// What a calibration holds for: another adapter, driver or number of threads, or a newer program, needs another.
pub(super) fn machine(info: &AdapterInfo) -> String {
    let (threads, version) = (rayon::current_num_threads(), env!("CARGO_PKG_VERSION"));
    format!("{} · {} · {} · {threads} threads · {version}", info.name, info.backend, info.driver)
}

/// Tries every kernel and its twin. A kernel that gives something else than its twin is never chosen.
pub(super) fn run(context: &Context, ctx: &Ctx) -> Result<BTreeMap<Work, Rates>, GpuError> {
    let quiet = ctx.untold();
    let mut rates = BTreeMap::new();
    for (name, run) in trials::ALL {
        let trial = run(context, Size::Quick, &quiet)?;
        if trial.agreement.holds() {
            rates.entry(trial.work).or_insert(trial.rates);
        } else {
            tracing::warn!("{name}: {} is {}", trial.agreement.what, trial.agreement.found);
            ctx.warn(format!(
                "The graphics adapter computes {name} wrongly, so the processor does it. A newer driver may help."
            ));
            rates.insert(trial.work, Rates { gpu: f64::MIN_POSITIVE, ..trial.rates });
        }
    }
    Ok(rates)
}
