//! The first half of a round of k-means: every row's nearest centre. What a graphics card does instead has to give
//! the same labels and similarities, but for rounding.

use rayon::prelude::*;

use super::kmeans_rows::{BLOCK, Metric, Rows, multiply};
use crate::data::UNCLUSTERED;
use crate::job::{Cancelled, Ctx};

/// Centres that are compared side by side.
const LANES: usize = 16;

/// Centres as seen from the mean of the rows; of unit length where directions are compared.
#[derive(Clone)]
pub struct Centres {
    /// k × dim, row-major.
    pub values: Vec<f32>,
    pub dim: usize,
}

impl Centres {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim.max(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Centre by centre.
    pub fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim.max(1))
    }
}

/// Every row's nearest centre, and how near the two nearest are: by cosine, or by the squared distance below zero.
pub struct Assigned {
    /// `n` centres, of equally near ones the first; [`UNCLUSTERED`] for rows that say nothing.
    pub labels: Vec<u32>,
    pub nearest: Vec<f32>,
    /// Negative infinity where there is one centre.
    pub second: Vec<f32>,
}

impl Assigned {
    /// `n` rows without a centre.
    pub fn none(n: usize) -> Self {
        Self { labels: vec![UNCLUSTERED; n], nearest: vec![0.0; n], second: vec![f32::NEG_INFINITY; n] }
    }

    /// The mean similarity of a row to its centre.
    pub fn mean(&self) -> f64 {
        let inside = self.labels.iter().zip(&self.nearest).filter(|(label, _)| **label != UNCLUSTERED);
        let (sum, count) = inside.fold((0.0, 0u32), |(sum, n), (_, &s)| (sum + f64::from(s), n + 1));
        if count > 0 { sum / f64::from(count) } else { 0.0 }
    }

    /// How firmly each row sits: 0 between two centres, 1 on its own one.
    pub fn margins(&self, metric: Metric) -> Vec<f32> {
        let distance = |similarity: f32| match metric {
            Metric::Cosine => 1.0 - similarity.max(-1.0),
            Metric::Euclidean => -similarity,
        };
        let margin = |((&label, &first), &second): ((&u32, &f32), &f32)| {
            let (first, second) = (distance(first), distance(second));
            let between = label == UNCLUSTERED || second <= 0.0;
            if between { 0.0 } else { (1.0 - first / second).clamp(0.0, 1.0) }
        };
        self.labels.iter().zip(&self.nearest).zip(&self.second).map(margin).collect()
    }
}

/// Finds the nearest of `centres` for each of `rows`.
pub(super) fn assign(rows: &Rows, centres: &Centres, ctx: &Ctx) -> Result<Assigned, Cancelled> {
    let n = rows.len();
    let k = centres.len();
    // Offsets are padded with what no row is near to, so that lanes need no remainder.
    let mut offsets: Vec<f32> = centres.iter().map(|centre| rows.offset(centre)).collect();
    offsets.resize(k.next_multiple_of(LANES), f32::INFINITY);
    let mut all = Assigned::none(n);
    if k == 0 {
        return Ok(all);
    }
    let out = all.labels.par_chunks_mut(BLOCK).zip(all.nearest.par_chunks_mut(BLOCK));
    out.zip(all.second.par_chunks_mut(BLOCK)).enumerate().try_for_each_init(
        || (Vec::new(), Vec::new()),
        |(scratch, products), (block, ((labels, nearest), second))| {
            ctx.cancel.check()?;
            let range = block * BLOCK..block * BLOCK + labels.len();
            multiply(rows.stored(range.clone(), scratch), &centres.values, centres.dim, products);
            let out = labels.iter_mut().zip(nearest).zip(second);
            for ((i, ((label, nearest), second)), products) in range.zip(out).zip(products.chunks_exact(k)) {
                if rows.has_content(i) {
                    let found = two_best(products, &offsets, rows.weight(i));
                    *label = found.0;
                    *nearest = rows.similarity(i, found.1);
                    if k > 1 {
                        *second = rows.similarity(i, found.2);
                    }
                }
            }
            Ok(())
        },
    )?;
    Ok(all)
}

/// The place of the largest of `products`, each less `weight` times its offset, of equal ones the first; the largest
/// and the second largest. Every way to find them gives the same bits.
fn two_best(products: &[f32], offsets: &[f32], weight: f32) -> (u32, f32, f32) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the instructions were just found to be there.
            return unsafe { two_best_avx512(products, offsets, weight) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { two_best_avx2(products, offsets, weight) };
        }
    }
    two_best_in_lanes(products, offsets, weight)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn two_best_avx512(products: &[f32], offsets: &[f32], weight: f32) -> (u32, f32, f32) {
    two_best_in_lanes(products, offsets, weight)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn two_best_avx2(products: &[f32], offsets: &[f32], weight: f32) -> (u32, f32, f32) {
    two_best_in_lanes(products, offsets, weight)
}

/// Plain loops over lanes, which the compiler turns into the widest instructions it is allowed.
#[inline(always)]
fn two_best_in_lanes(products: &[f32], offsets: &[f32], weight: f32) -> (u32, f32, f32) {
    let mut best = [f32::NEG_INFINITY; LANES];
    let mut second = [f32::NEG_INFINITY; LANES];
    let mut places = [0u32; LANES];
    let (whole, rest) = products.as_chunks::<LANES>();
    let (offsets, _) = offsets.as_chunks::<LANES>();
    let mut tail = [0.0; LANES];
    tail[..rest.len()].copy_from_slice(rest);
    let chunks = whole.iter().chain((!rest.is_empty()).then_some(&tail));
    for (chunk, (products, offsets)) in (0u32..).zip(chunks.zip(offsets)) {
        for lane in 0..LANES {
            let score = products[lane] - weight * offsets[lane];
            let better = score > best[lane];
            let beaten = if better { best[lane] } else { score };
            second[lane] = if beaten > second[lane] { beaten } else { second[lane] };
            places[lane] = if better { chunk } else { places[lane] };
            best[lane] = if better { score } else { best[lane] };
        }
    }
    let mut found = (u32::MAX, f32::NEG_INFINITY, f32::NEG_INFINITY);
    for lane in 0..LANES {
        let place = places[lane] * LANES as u32 + lane as u32;
        if best[lane] > found.1 || (best[lane] == found.1 && place < found.0) {
            found = (place, best[lane], second[lane].max(found.1));
        } else {
            found.2 = found.2.max(best[lane]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_two_best_are_those_that_sorting_finds(
            // Few values give many ties.
            pairs in prop::collection::vec((-6i32..6, -3i32..3), 1..80), weight in 1i32..4,
        ) {
            let (products, mut offsets): (Vec<f32>, Vec<f32>) =
                pairs.iter().map(|&(p, o)| (p as f32, o as f32)).unzip();
            let weight = weight as f32;
            let mut sorted: Vec<(f32, u32)> =
                products.iter().zip(&offsets).zip(0..).map(|((p, o), i)| (p - weight * o, i)).collect();
            sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let second = sorted.get(1).map_or(f32::NEG_INFINITY, |s| s.0);
            offsets.resize(offsets.len().next_multiple_of(LANES), f32::INFINITY);
            let expected = (sorted[0].1, sorted[0].0, second);
            prop_assert_eq!(two_best(&products, &offsets, weight), expected);
            prop_assert_eq!(two_best_in_lanes(&products, &offsets, weight), expected);
        }
    }
}
