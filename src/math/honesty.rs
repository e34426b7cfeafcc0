//! Where on a map neighbours were torn apart, and where strangers were laid on each other.
//!
//! Every flat map does both somewhere (Aupetit 2007). As in CheckViz (Lespinats & Aupetit 2011) each point gets one
//! figure for either: `torn` is what continuity is for the whole map and `crowded` what trustworthiness is (Venna & Kaski
//! 2001). The share of `k` neighbours that a map keeps cannot tell them apart: of two lists of one length, as many are
//! missing from the one as from the other. What differs is how far those that are missing, and those that came instead,
//! are. Ranks among all points would say it, at the price of comparing all pairs; here distances do, on a scale that
//! each point brings along: 0 is where its nearest lie, 1 is where a point drawn at random lies.

use std::sync::Arc;

use rayon::prelude::*;

use super::kd_tree::{KdTree, squared_distance};
use super::rows::widen;
use super::vector;
use crate::data::{Knn, Matrix};
use crate::job::{Cancelled, Ctx};

/// Points of one task.
const CHUNK: usize = 1024;

/// Rows that are added up as floats before they go into a sum of doubles.
const ADDED: usize = 256;

/// From here on a place counts as torn: neighbours lie a quarter of the way to anywhere, on average. Of a good map of
/// 75,000 abstracts a tenth is torn, and a ninth crowded.
pub const TORN: f32 = 0.25;

/// From here on a place counts as crowded: what lies around is more than half way to being drawn at random.
pub const CROWDED: f32 = 0.6;

/// For every point two figures from 0 (as it should be) to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Honesty {
    /// Neighbours that were looked at.
    pub k: usize,
    /// How far the map has put the `k` true neighbours, on average over them: 0 where they are no farther than the `k`
    /// nearest on the map, 1 where they are as far as points are from this one (root mean square).
    pub torn: Arc<Vec<f32>>,
    /// How strange the `k` nearest on the map are, on average over them: 0 where they are as similar as the `k`-th true
    /// neighbour, 1 where they are no more similar than all points are on average.
    pub crowded: Arc<Vec<f32>>,
}

impl Honesty {
    /// The share of points that are torn ([`TORN`]), and of those that are crowded ([`CROWDED`]).
    pub fn shares(&self) -> (f32, f32) {
        let share = |figures: &[f32], level: f32| {
            figures.iter().filter(|figure| **figure >= level).count() as f32 / figures.len().max(1) as f32
        };
        (share(&self.torn, TORN), share(&self.crowded, CROWDED))
    }
}

/// Measures every point of the map `positions` of the rows of `matrix`, whose true neighbours are `knn`.
///
/// Everything is exact but for `knn` itself, whose recall may be less than 1. A row of zeros (an empty text) is similar to
/// nothing, and nothing around it is stranger than what is anywhere: its figures are 0. The same at any number of
/// threads.
pub fn measure(matrix: &Matrix, knn: &Knn, positions: &[[f32; 2]], ctx: &Ctx) -> Result<Honesty, Cancelled> {
    let n = matrix.rows().min(positions.len());
    let k = if knn.len() < n { 0 } else { knn.k.min(n.saturating_sub(1)) };
    if k == 0 {
        let fine = Arc::new(vec![0.0; n]);
        return Ok(Honesty { k, torn: fine.clone(), crowded: fine });
    }
    ctx.progress.begin("Looking for torn and crowded places", "points", 2 * n as u64, 0);
    let positions = &positions[..n];
    let centre = mean_direction(matrix, n, ctx)?;
    let spread = Spread::of(positions);
    let tree = KdTree::new(positions);
    let mut figures = vec![[0f32; 2]; n];
    figures.par_chunks_mut(CHUNK).enumerate().try_for_each_init(
        || (Vec::new(), [(); 2].map(|()| vec![0.0; matrix.dim()])),
        |(found, [own, other]), (chunk, out)| {
            ctx.cancel.check()?;
            for (i, out) in (chunk * CHUNK..).zip(out.iter_mut()) {
                tree.nearest(positions[i], k, Some(i as u32), found);
                let near = found.last().map_or(0.0, |last| last.0.sqrt());
                let far = spread.from(positions[i]);
                let apart = |j: &u32| squared_distance(positions[*j as usize], positions[i]).sqrt();
                let torn = mean(knn.of(i)[..k].iter().map(|j| share(near, far, apart(j))));

                unit_row(matrix, i, own);
                let alike = knn.similarities_of(i)[k - 1];
                let anyone = vector::dot(own, &centre);
                let mut cosine = |j: u32| {
                    unit_row(matrix, j as usize, other);
                    vector::dot(own, other)
                };
                let crowded = mean(found.iter().map(|&(_, j)| share(-alike, -anyone, -cosine(j))));
                *out = [torn, crowded];
            }
            ctx.progress.advance(out.len() as u64);
            Ok(())
        },
    )?;
    let [torn, crowded] = [0, 1].map(|which| Arc::new(figures.iter().map(|f| f[which]).collect()));
    Ok(Honesty { k, torn, crowded })
}

/// Where `value` lies on the way from `near` to `far`, in [0, 1]; 0 where there is no way, or no number.
fn share(near: f32, far: f32, value: f32) -> f32 {
    let share = (value - near) / (far - near);
    if far > near && share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len().max(1) as f32;
    values.sum::<f32>() / count
}

fn unit_row(matrix: &Matrix, row: usize, out: &mut [f32]) {
    widen(matrix, row, out);
    let factor = vector::inverse_norm(out);
    vector::scale(out, factor);
}

/// The mean of the first `n` rows as unit vectors: its product with one of them is that one's mean cosine with all.
fn mean_direction(matrix: &Matrix, n: usize, ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    let dim = matrix.dim();
    let chunks: Vec<Vec<f64>> = (0..n.div_ceil(CHUNK))
        .into_par_iter()
        .map(|chunk| {
            ctx.cancel.check()?;
            let (mut sum, mut part, mut row) = (vec![0f64; dim], vec![0f32; dim], vec![0f32; dim]);
            let rows = chunk * CHUNK..((chunk + 1) * CHUNK).min(n);
            for start in rows.clone().step_by(ADDED) {
                part.fill(0.0);
                for i in start..(start + ADDED).min(rows.end) {
                    unit_row(matrix, i, &mut row);
                    part.iter_mut().zip(&row).for_each(|(sum, v)| *sum += v);
                }
                sum.iter_mut().zip(&part).for_each(|(sum, &v)| *sum += f64::from(v));
            }
            ctx.progress.advance(rows.len() as u64);
            Ok(sum)
        })
        .collect::<Result<_, Cancelled>>()?;
    let mut total = vec![0f64; dim];
    // In the order of the rows, whoever added them.
    for chunk in chunks {
        total.iter_mut().zip(chunk).for_each(|(total, v)| *total += v);
    }
    Ok(total.into_iter().map(|v| (v / n.max(1) as f64) as f32).collect())
}

/// How far the points of a map are from anywhere on it.
struct Spread {
    centre: [f64; 2],
    /// The mean squared distance of a point from the centre.
    variance: f64,
}

impl Spread {
    fn of(positions: &[[f32; 2]]) -> Self {
        let finite = || positions.iter().filter(|place| place.iter().all(|v| v.is_finite()));
        let count = finite().count().max(1) as f64;
        let centre = [0, 1].map(|axis| finite().map(|place| f64::from(place[axis])).sum::<f64>() / count);
        let squared = |place: &[f32; 2]| {
            (f64::from(place[0]) - centre[0]).powi(2) + (f64::from(place[1]) - centre[1]).powi(2)
        };
        Self { centre, variance: finite().map(squared).sum::<f64>() / count }
    }

    /// The root of the mean squared distance of all points from `place`.
    fn from(&self, place: [f32; 2]) -> f32 {
        let (dx, dy) = (f64::from(place[0]) - self.centre[0], f64::from(place[1]) - self.centre[1]);
        (dx * dx + dy * dy + self.variance).sqrt() as f32
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;
    use crate::data::{Key, Recall};
    use crate::math::hash;
    use crate::math::neighbours::{NeighbourParams, find};

    fn space(dim: usize, values: Vec<f32>) -> (Matrix, Knn) {
        let matrix = Matrix::from_vec(Key::of("test", 1).finish(), "test", false, dim, values);
        let params = NeighbourParams { k: 10, ..NeighbourParams::default() };
        let lists = find(&matrix, &params, &Ctx::quiet()).unwrap().0;
        let key = Key::of("test", 1).finish();
        let knn = Knn {
            key,
            k: lists.k,
            indices: lists.indices,
            similarities: lists.similarities,
            recall: Recall::Exact,
            method: "test".into(),
        };
        (matrix, knn)
    }

    fn measured((matrix, knn): &(Matrix, Knn), positions: &[[f32; 2]]) -> Honesty {
        measure(matrix, knn, positions, &Ctx::quiet()).unwrap()
    }

    const AROUND: usize = 60;
    const HIGH: usize = 20;

    /// A cylinder, AROUND × HIGH points: the angle and the height of each.
    fn cylinder() -> Vec<(f32, f32)> {
        (0..AROUND * HIGH)
            .map(|i| (TAU * (i % AROUND) as f32 / AROUND as f32, (i / AROUND) as f32 / HIGH as f32))
            .collect()
    }

    #[test]
    fn a_cylinder_cut_open_is_torn_along_the_cut_and_nowhere_crowded() {
        let points = cylinder();
        let space = space(3, points.iter().flat_map(|&(a, h)| [a.cos(), a.sin(), h - 0.5]).collect());
        let map: Vec<[f32; 2]> = points.iter().map(|&(a, h)| [a, h]).collect();
        let honesty = measured(&space, &map);
        for (i, &(angle, _)) in points.iter().enumerate() {
            let from_cut = angle.min(TAU - angle);
            if from_cut < 0.05 {
                assert!(honesty.torn[i] > TORN, "{i}: {}", honesty.torn[i]);
            } else if from_cut > 0.7 {
                assert!(honesty.torn[i] < 0.02, "{i}: {}", honesty.torn[i]);
            }
            assert!(honesty.crowded[i] < 0.15, "{i}: {}", honesty.crowded[i]);
        }
    }

    #[test]
    fn two_clusters_laid_over_each_other_are_crowded_and_nowhere_torn() {
        // Around four axes; those around the first two lie on one place of the map.
        let noise = |i: usize| 0.15 * hash::normal(5, i as u64) as f32;
        let n = 400;
        let values = (0..n * 8).map(|at| noise(at) + f32::from(u8::from(at / 8 % 4 == at % 8)));
        let space = space(8, values.collect());
        let at = [[0.0, 0.0], [0.0, 0.0], [30.0, 0.0], [0.0, 30.0]];
        let (matrix, knn) = &space;
        // Within a cluster the map is as good as a plane can be: the first neighbours are near.
        let map: Vec<[f32; 2]> = (0..n)
            .map(|i| {
                let row = matrix.row(i);
                [at[i % 4][0] + row[5], at[i % 4][1] + row[6]]
            })
            .collect();
        let honesty = measured(&space, &map);
        let mean = |figures: &[f32], clusters: [usize; 2]| {
            let of_them = || (0..n).filter(|i| clusters.contains(&(i % 4)));
            of_them().map(|i| figures[i]).sum::<f32>() / of_them().count() as f32
        };
        let (over, alone) = (mean(&honesty.crowded, [0, 1]), mean(&honesty.crowded, [2, 3]));
        assert!(over > 0.5 && over > alone + 0.3, "{over} {alone}");
        assert!(honesty.torn.iter().all(|&torn| torn < 0.1), "{:?}", honesty.shares());
        assert_eq!(knn.k, honesty.k);
    }

    #[test]
    fn on_a_random_map_everything_is_torn_and_crowded() {
        let noise = |i: usize| 0.2 * hash::normal(6, i as u64) as f32;
        let n = 600;
        let space =
            space(8, (0..n * 8).map(|at| noise(at) + f32::from(u8::from(at / 8 % 6 == at % 8))).collect());
        let map: Vec<[f32; 2]> = (0..n)
            .map(|i| [0, 1].map(|axis| hash::unit(hash::draw(7, (2 * i + axis) as u64)) as f32))
            .collect();
        let honesty = measured(&space, &map);
        let mean = |figures: &[f32]| figures.iter().sum::<f32>() / n as f32;
        assert!(mean(&honesty.torn) > 0.7, "{}", mean(&honesty.torn));
        assert!(mean(&honesty.crowded) > 0.7, "{}", mean(&honesty.crowded));
        let (torn, crowded) = honesty.shares();
        assert!(torn > 0.95 && crowded > 0.9, "{torn} {crowded}");
    }

    #[test]
    fn empty_texts_copies_and_places_that_are_no_numbers_do_no_harm() {
        let mut values = vec![1.0; 30 * 3];
        values[..15].fill(0.0);
        let space = space(3, values);
        let mut map = vec![[1.0, 2.0]; 30];
        map[7] = [f32::NAN, 0.0];
        let honesty = measured(&space, &map);
        assert!(honesty.torn.iter().chain(honesty.crowded.iter()).all(|f| (0.0..=1.0).contains(f)));
        assert_eq!(honesty.crowded[0], 0.0);
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let space = space(5, (0..3000 * 5).map(|i| hash::normal(1, i as u64) as f32).collect());
        let map: Vec<[f32; 2]> =
            (0..3000).map(|i| [0, 1].map(|axis| hash::normal(2, 2 * i + axis) as f32)).collect();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| measured(&space, &map))
        };
        assert_eq!(with(1), with(3));
    }
}
