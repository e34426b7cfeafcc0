//! Principal components.

use super::{Agreement, DIM, Size, Trial, matrix, rows_around_centres, timed, unless_stopped};
use crate::gpu::{Context, GpuError};
use crate::job::Ctx;
use crate::math::pca;
use crate::stage::components;
use crate::stage::compute::{Rates, Work};

/// Components that are compared.
const COMPONENTS: usize = 5;

/// Axes that the adapter multiplies all rows with, there and back, and how often.
const PRODUCTS_A_VALUE: f64 = 2.0 * 64.0 * 5.0;

/// The leading ones.
pub fn leading(context: &Context, size: Size, ctx: &Ctx) -> Result<Trial, GpuError> {
    let many = match (context.is_software(), size) {
        (true, _) => 4096,
        (false, Size::Quick) => 50_000,
        (false, Size::Full) => 500_000,
    };
    // On data without a few strong directions nothing could be compared: a tenth of the rows get one more each.
    let mut values = rows_around_centres(many);
    for (row, values) in values.chunks_exact_mut(DIM).enumerate() {
        if row % 10 < COMPONENTS {
            values[row % 10] += 4.0 - 0.5 * (row % 10) as f32;
        }
    }
    let matrix = matrix(&values);
    let (by_cpu, cpu_seconds) =
        timed(|| unless_stopped(pca::principal_components(&matrix, COMPONENTS, ctx), ctx))?;
    let ((by_gpu, _), seconds) = timed(|| components::on_adapter(context, &matrix, COMPONENTS, ctx))?;
    let sum = |ratios: &[f32]| ratios.iter().take(COMPONENTS).map(|&ratio| f64::from(ratio)).sum::<f64>();
    let units = components::units(&matrix);
    Ok(Trial {
        kernel: "principal components",
        work: Work::Pca,
        given: format!("{many} × {DIM}, {COMPONENTS} components"),
        agreement: Agreement {
            what: "variance explained as a share of the twin's",
            found: sum(&by_gpu.explained_ratio) / sum(&by_cpu.explained_ratio).max(1e-9),
            least: 0.999,
        },
        rates: Rates { cpu: units.cpu / cpu_seconds, gpu: units.gpu / seconds },
        seconds,
        operations: 2.0 * PRODUCTS_A_VALUE * units.gpu,
        bytes: 10.0 * 4.0 * units.gpu,
    })
}
