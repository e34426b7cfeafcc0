//! How much lonelier a point is than its neighbours are: the local outlier factor (Breunig, Kriegel, Ng & Sander 2000).
//!
//! About 1 where a point lies as densely as its neighbours, whatever their density; clearly above 1 where it stands apart
//! from them. Distances are those between unit vectors, √(2 − 2 cos).

use rayon::prelude::*;

use super::best::Best;
use super::vector::dot;
use crate::data::Knn;
use crate::job::{Cancelled, Ctx};

/// From here on a point is called an outlier by default: the bound that scikit-learn calls "auto", after the paper's
/// figures.
pub const OUTLIER: f32 = 1.5;
/// Cosines in single precision tell no smaller distances apart: copies of a point are so far from it, which keeps densities
/// finite.
const LEAST_REACH: f64 = 1e-3;
/// Points a task.
const BATCH: usize = 1024;

/// The distance of unit vectors with this cosine.
fn distance(cosine: f32) -> f64 {
    f64::from((2.0 - 2.0 * cosine).max(0.0)).sqrt()
}

/// The factor of each point of a graph of neighbours by cosine; NaN of points without a direction, all of whose
/// similarities are 0.
pub fn of_neighbours(knn: &Knn, ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    let mut factors = factors(knn.k, &knn.indices, &knn.similarities, ctx)?;
    for (i, factor) in factors.iter_mut().enumerate() {
        if is_without_direction(knn.similarities_of(i)) {
            *factor = f32::NAN;
        }
    }
    Ok(factors)
}

/// The mean cosine distance, 1 − cos, of each point to its neighbours; NaN of points without a direction.
pub fn mean_distances(knn: &Knn) -> Vec<f32> {
    let mean = |i: usize| {
        let similarities = knn.similarities_of(i);
        if is_without_direction(similarities) {
            return f32::NAN;
        }
        1.0 - (similarities.iter().map(|&s| f64::from(s)).sum::<f64>() / knn.k as f64) as f32
    };
    (0..knn.len()).into_par_iter().map(mean).collect()
}

fn is_without_direction(similarities: &[f32]) -> bool {
    similarities.iter().all(|&similarity| similarity == 0.0)
}

/// The factor of each of some unit vectors end to end among themselves, by at most `k` neighbours; 1 of a single one.
/// Every pair is compared.
pub fn of_rows(rows: &[f32], dim: usize, k: usize, ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    let n = rows.len() / dim.max(1);
    let k = k.min(n.saturating_sub(1));
    if k == 0 {
        return Ok(vec![1.0; n]);
    }
    let row = |i: usize| &rows[i * dim..(i + 1) * dim];
    let nearest = |i: usize| {
        ctx.cancel.check()?;
        let mut best = Best::new(1, k);
        (0..n).filter(|&j| j != i).for_each(|j| best.offer(0, dot(row(i), row(j)), j as u32));
        Ok(best.list(0).collect())
    };
    let lists: Vec<Vec<(f32, u32)>> =
        (0..n).into_par_iter().map(nearest).collect::<Result<_, Cancelled>>()?;
    let (similarities, indices): (Vec<f32>, Vec<u32>) = lists.into_iter().flatten().unzip();
    factors(k, &indices, &similarities, ctx)
}

fn factors(k: usize, indices: &[u32], similarities: &[f32], ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    let n = indices.len().checked_div(k).unwrap_or(0);
    ctx.progress.begin("Looking for outliers", "points", 2 * n as u64, 0);
    // How far the farthest neighbour of a point is.
    let reach = |i: usize| distance(similarities[(i + 1) * k - 1]);
    let each = |of: &(dyn Fn(usize) -> f64 + Sync)| {
        let mut values = vec![0f64; n];
        values.par_chunks_mut(BATCH).enumerate().try_for_each(|(batch, out)| {
            ctx.cancel.check()?;
            (batch * BATCH..).zip(out.iter_mut()).for_each(|(i, out)| *out = of(i));
            ctx.progress.advance(out.len() as u64);
            Ok::<_, Cancelled>(())
        })?;
        Ok::<_, Cancelled>(values)
    };
    let densities = each(&|i| {
        let range = i * k..(i + 1) * k;
        let neighbours = indices[range.clone()].iter().zip(&similarities[range]);
        let sum: f64 = neighbours.map(|(&j, &s)| distance(s).max(reach(j as usize)).max(LEAST_REACH)).sum();
        k as f64 / sum
    })?;
    let factors = each(&|i| {
        let sum: f64 = indices[i * k..(i + 1) * k].iter().map(|&j| densities[j as usize]).sum();
        sum / k as f64 / densities[i]
    })?;
    Ok(factors.into_iter().map(|factor| factor as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall};

    /// Directions in the plane by their angles in degrees.
    fn rows(degrees: &[f32]) -> Vec<f32> {
        degrees.iter().flat_map(|d| [d.to_radians().cos(), d.to_radians().sin()]).collect()
    }

    const DEGREES: [f32; 10] = [0.0, 1.0, 2.5, 3.0, 5.0, 40.0, 90.0, 95.0, 101.0, 108.0];

    #[test]
    fn factors_are_those_of_scikit_learn() {
        // -LocalOutlierFactor(n_neighbors=3).fit(rows).negative_outlier_factor_
        let wanted =
            [0.93998, 0.93998, 0.98299, 1.06526, 1.06526, 12.93059, 0.91734, 1.06528, 1.12467, 0.91734];
        let found = of_rows(&rows(&DEGREES), 2, 3, &Ctx::quiet()).unwrap();
        assert!(found.iter().zip(wanted).all(|(f, w): (&f32, f32)| (f - w).abs() < 2e-3 * w), "{found:?}");
    }

    #[test]
    fn who_stands_apart_is_an_outlier_and_who_lies_loosely_among_others_is_not() {
        let found = of_rows(&rows(&DEGREES), 2, 3, &Ctx::quiet()).unwrap();
        let outliers: Vec<usize> = (0..10).filter(|&i| found[i] > OUTLIER).collect();
        assert_eq!(outliers, [5]);
    }

    #[test]
    fn a_graph_gives_what_its_rows_give_and_points_without_direction_have_none() {
        let rows = rows(&DEGREES);
        let mut indices = Vec::new();
        let mut similarities = Vec::new();
        for i in 0..10 {
            let mut all: Vec<(f32, u32)> = (0..10)
                .filter(|j| *j != i)
                .map(|j| (dot(&rows[2 * i..2 * i + 2], &rows[2 * j..2 * j + 2]), j as u32))
                .collect();
            all.sort_by(super::super::rows::nearer);
            indices.extend(all[..3].iter().map(|(_, j)| *j));
            similarities.extend(all[..3].iter().map(|(s, _)| *s));
        }
        indices.extend([0, 1, 2]);
        similarities.extend([0.0; 3]);
        let key = Key::of("test", 1).finish();
        let knn = Knn { key, k: 3, indices, similarities, recall: Recall::Exact, method: "test".into() };
        let found = of_neighbours(&knn, &Ctx::quiet()).unwrap();
        let wanted = of_rows(&rows, 2, 3, &Ctx::quiet()).unwrap();
        assert_eq!(found[..10], wanted[..]);
        let means = mean_distances(&knn);
        assert!(found[10].is_nan() && means[10].is_nan());
        let least = (0..10).max_by(|&a, &b| means[a].total_cmp(&means[b]));
        assert_eq!(least, Some(5));
    }

    #[test]
    fn copies_and_single_points_are_no_outliers() {
        assert_eq!(of_rows(&rows(&[3.0]), 2, 20, &Ctx::quiet()).unwrap(), [1.0]);
        assert_eq!(of_rows(&[], 2, 20, &Ctx::quiet()).unwrap(), [0f32; 0]);
        let found = of_rows(&rows(&[3.0; 5]), 2, 3, &Ctx::quiet()).unwrap();
        assert!(found.iter().all(|f| (f - 1.0).abs() < 1e-3), "{found:?}");
    }
}
