//! Principal components on the adapter.

use semascope::gpu::{Context, GpuError, pca::Centred};
use semascope::job::Ctx;
use semascope::math::hash;
use semascope::math::pca::{self as twin, Pca};
use semascope::math::random::Random;

use super::{clustered, context, matrix, with_source};

/// The first `components`, and every row along the first two.
fn components(
    context: &Context,
    values: &[f32],
    dim: usize,
    components: usize,
    ctx: &Ctx,
) -> Result<(Pca, Vec<f32>), GpuError> {
    with_source(values, dim, |source| {
        let rows = Centred::upload(context, source, ctx)?;
        let mut random = Random::new(5);
        let sketch = rows.sketch(components, &mut || random.unit(), ctx)?;
        let (mean, variance) = (rows.mean(), rows.variance());
        let pca = twin::principal_components_along(
            mean,
            variance,
            &sketch.basis,
            &sketch.covariance,
            components,
            ctx,
        )?;
        let first_two = &pca.components[..pca.components.len().min(2 * dim)];
        let projected = rows.project(first_two, ctx)?;
        Ok((pca, projected))
    })
}

/// Rows around `offset` that vary by `scale(c)` along direction c of a turned frame.
fn cloud(n: usize, dim: usize, offset: f32, scale: impl Fn(usize) -> f64) -> Vec<f32> {
    let mut values = vec![0.0; n * dim];
    for (i, row) in values.chunks_exact_mut(dim).enumerate() {
        row.iter_mut()
            .enumerate()
            .for_each(|(c, x)| *x = (scale(c) * hash::normal(c as u64, i as u64)) as f32);
        // A reflection across a fixed direction.
        let along: f32 = row.iter().enumerate().map(|(c, x)| x * ((c % 7) as f32 - 3.0)).sum();
        let square: f32 = (0..dim).map(|c| ((c % 7) as f32 - 3.0).powi(2)).sum();
        row.iter_mut().enumerate().for_each(|(c, x)| {
            *x += offset - 2.0 * along / square * ((c % 7) as f32 - 3.0);
        });
    }
    values
}

fn agree(found: &Pca, expected: &Pca, count: usize, case: &str) {
    assert!(found.explained_ratio.len() >= count, "{case}: {:?}", found.explained_ratio);
    for c in 0..count {
        let ratio = found.explained_ratio[c] / expected.explained_ratio[c];
        assert!((ratio - 1.0).abs() < 1e-3, "{case}: component {c} explains {ratio} times as much");
        let cosine: f32 = found.component(c).iter().zip(expected.component(c)).map(|(a, b)| a * b).sum();
        assert!(cosine.abs() > 0.9999, "{case}: component {c} at cosine {cosine}");
    }
    let apart = found.mean.iter().zip(&expected.mean).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-4, "{case}: means {apart} apart");
}

#[test]
fn components_are_those_of_the_twin() {
    let Some(context) = context() else { return };
    // Fewer dimensions than the kernel has axes, more than a tile of components, an offset that dwarfs the variance.
    for (n, dim, offset, wanted) in [(700, 20, 0.0, 5), (1300, 150, 0.3, 10), (900, 45, 30.0, 4)] {
        let values = cloud(n, dim, offset, |c| 0.8f64.powi(c as i32));
        let expected = twin::principal_components(&matrix(&values, dim), wanted, &Ctx::quiet()).unwrap();
        let (found, projected) = components(&context, &values, dim, wanted, &Ctx::quiet()).unwrap();
        agree(&found, &expected, wanted, &format!("{n} × {dim} around {offset}"));
        let positions = twin::project(&matrix(&values, dim), &found, &Ctx::quiet()).unwrap();
        let flat: Vec<f32> = positions.iter().flatten().copied().collect();
        let apart = projected.iter().zip(&flat).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(projected.len() == 2 * n && apart < 1e-3, "projections {apart} apart");
    }
}

#[test]
fn fifty_components_of_many_dimensions_are_those_of_the_twin() {
    let Some(context) = context() else { return };
    let (n, dim) = (2000, 200);
    let values = cloud(n, dim, 0.1, |c| 0.93f64.powi(c as i32));
    let expected = twin::principal_components(&matrix(&values, dim), 50, &Ctx::quiet()).unwrap();
    let (found, _) = components(&context, &values, dim, 50, &Ctx::quiet()).unwrap();
    agree(&found, &expected, 50, "fifty");
}

#[test]
fn components_are_the_same_bits_again_and_the_same_in_many_pages() {
    let Some(context) = context() else { return };
    let (n, dim) = (1100, 40);
    let values = clustered(n, dim, 6);
    let first = components(&context, &values, dim, 4, &Ctx::quiet()).unwrap();
    assert_eq!(first, components(&context, &values, dim, 4, &Ctx::quiet()).unwrap());
    // Three tiles of rows a page.
    let paged = context.with_pages_of(3 * 128 * 40 * 4);
    let (found, projected) = components(&paged, &values, dim, 4, &Ctx::quiet()).unwrap();
    agree(&found, &first.0, 4, "pages");
    assert_eq!(projected.len(), 2 * n);
}

#[test]
fn data_that_vary_in_few_directions_have_few_components() {
    let Some(context) = context() else { return };
    let line: Vec<f32> = (0..300).flat_map(|i| vec![i as f32 / 300.0; 16]).collect();
    let (found, projected) = components(&context, &line, 16, 3, &Ctx::quiet()).unwrap();
    assert_eq!(found.explained_ratio.len(), 1, "{:?}", found.explained_ratio);
    assert!(found.component(0).iter().all(|v| (v - 0.25).abs() < 1e-5));
    assert_eq!(projected.len(), 300);
    for same in [vec![], vec![1.5; 16], vec![0.25; 16 * 40]] {
        let (found, projected) = components(&context, &same, 16, 3, &Ctx::quiet()).unwrap();
        assert!(found.components.is_empty() && projected.is_empty());
    }
}

#[test]
fn vectors_that_are_not_finite_are_refused_and_a_stop_is_heeded() {
    let Some(context) = context() else { return };
    let mut values = clustered(200, 12, 3);
    let ctx = Ctx::quiet();
    ctx.cancel.cancel();
    let stopped = components(&context, &values, 12, 2, &ctx);
    assert!(matches!(stopped, Err(GpuError::Cancelled(_))));
    values[77] = f32::INFINITY;
    let refused = components(&context, &values, 12, 2, &Ctx::quiet());
    assert!(matches!(refused, Err(GpuError::Refused(_))));
    assert!(context.health().is_ok());
}
