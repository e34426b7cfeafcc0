//! Topics on the map: where the points lie dense, at several levels of detail.
//!
//! The points are splatted on a grid and blurred; each peak of the density owns the basin that drains to it, and
//! two basins are one where the saddle between them is nearly as high as the lower peak (persistence by ratio, as
//! in ToMATo, Chazal et al. 2013).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::hash::spread;
use crate::data::{Clusters, UNCLUSTERED};
use crate::job::{Cancelled, Ctx};

/// Cells on a side of the grid.
const SIDE: usize = 1024;
/// Cells left free around the points, so that blurred density does not pile up at the rim.
const MARGIN: f32 = 16.0;
/// Blurs in cells, coarse to fine, where points are many.
const BANDWIDTHS: [f32; 3] = [24.0, 14.0, 8.0];
/// With few points a blur narrower than their typical spacing would make a peak of each.
const SPACINGS: [f32; 3] = [1.4, 1.0, 0.7];
/// A kernel ends at this many bandwidths.
const REACH: f32 = 3.0;

/// What a person can choose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DensityParams {
    /// Two peaks are one topic where saddle / lower peak is above this.
    pub merge: f32,
    /// Scales all bandwidths: below 1 for more and smaller topics.
    pub bandwidth: f32,
    /// Topics with fewer points join the one they touch; `None` for about a tenth of the root of n, at least 3.
    pub min_size: Option<usize>,
}

impl Default for DensityParams {
    fn default() -> Self {
        Self { merge: 0.9, bandwidth: 1.0, min_size: None }
    }
}

/// The topics of one level of detail.
#[derive(Clone, Debug, PartialEq)]
pub struct Topics {
    /// `n` labels, larger topics first; [`UNCLUSTERED`] for points without a position and for a few points far
    /// from everything else.
    pub labels: Vec<u32>,
    pub count: usize,
    /// `n` densities at the points in shares of their topic's peak.
    pub strengths: Vec<f32>,
}

/// Finds the topics among `positions` at three levels of detail, coarse to fine.
pub fn topics(positions: &[[f32; 2]], params: &DensityParams, ctx: &Ctx) -> Result<Vec<Topics>, Cancelled> {
    ctx.progress.begin("Clustering", "levels", BANDWIDTHS.len() as u64, 0);
    let cells = to_cells(positions);
    let splats = splatted(&cells);
    let min_size = params.min_size.unwrap_or(((positions.len() as f64).sqrt() / 10.0) as usize).max(3);
    // What one point would have if all spread evenly.
    let spacing = SIDE as f32 / (positions.len().max(1) as f32).sqrt();
    let mut levels = Vec::new();
    for (bandwidth, spacings) in BANDWIDTHS.into_iter().zip(SPACINGS) {
        ctx.cancel.check()?;
        let widest = SIDE as f32 / 8.0;
        let sigma = (bandwidth.max(spacings * spacing) * params.bandwidth).clamp(1.0, widest);
        let density = blurred(&splats, sigma);
        ctx.cancel.check()?;
        levels.push(label(&cells, &density, params.merge, min_size));
        ctx.progress.advance(1);
    }
    Ok(levels)
}

/// Positions in cells of the grid; `None` where a position is not finite.
fn to_cells(positions: &[[f32; 2]]) -> Vec<Option<[f32; 2]>> {
    let finite = |p: &&[f32; 2]| p.iter().all(|x| x.is_finite());
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for p in positions.iter().filter(finite) {
        for axis in 0..2 {
            low[axis] = low[axis].min(p[axis]);
            high[axis] = high[axis].max(p[axis]);
        }
    }
    let extent = (high[0] - low[0]).max(high[1] - low[1]);
    let scale = if extent > 0.0 { (SIDE as f32 - 2.0 * MARGIN - 1.0) / extent } else { 0.0 };
    let to_cell = |p: &[f32; 2]| {
        finite(&p).then(|| [(p[0] - low[0]) * scale + MARGIN, (p[1] - low[1]) * scale + MARGIN])
    };
    positions.iter().map(to_cell).collect()
}

/// The grid with each point's weight on the four cells around it.
fn splatted(cells: &[Option<[f32; 2]>]) -> Vec<f32> {
    let mut grid = vec![0.0; SIDE * SIDE];
    for [x, y] in cells.iter().flatten() {
        let (column, row) = (x.floor(), y.floor());
        let (fx, fy) = (x - column, y - row);
        let at = row as usize * SIDE + column as usize;
        grid[at] += (1.0 - fx) * (1.0 - fy);
        grid[at + 1] += fx * (1.0 - fy);
        grid[at + SIDE] += (1.0 - fx) * fy;
        grid[at + SIDE + 1] += fx * fy;
    }
    grid
}

/// Gaussian blur, once along each axis.
fn blurred(grid: &[f32], sigma: f32) -> Vec<f32> {
    let reach = (REACH * sigma).ceil() as usize;
    let kernel: Vec<f32> = (0..=reach).map(|x| (-0.5 * (x as f32 / sigma).powi(2)).exp()).collect();
    let total: f32 = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    let kernel: Vec<f32> = kernel.iter().map(|w| w / total).collect();
    let along_rows = |grid: &[f32]| {
        let mut out = vec![0.0; SIDE * SIDE];
        out.par_chunks_exact_mut(SIDE).zip(grid.par_chunks_exact(SIDE)).for_each(|(out, row)| {
            // Most cells of a map are empty: spread from the others.
            for (x, &value) in row.iter().enumerate().filter(|(_, value)| **value > 0.0) {
                out[x] += value * kernel[0];
                let right = &mut out[x + 1..(x + reach + 1).min(SIDE)];
                right.iter_mut().zip(&kernel[1..]).for_each(|(o, w)| *o += value * w);
                let left = &mut out[x.saturating_sub(reach)..x];
                left.iter_mut().rev().zip(&kernel[1..]).for_each(|(o, w)| *o += value * w);
            }
        });
        out
    };
    transposed(&along_rows(&transposed(&along_rows(grid))))
}

fn transposed(grid: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; SIDE * SIDE];
    out.par_chunks_exact_mut(SIDE).enumerate().for_each(|(x, out)| {
        out.iter_mut().enumerate().for_each(|(y, o)| *o = grid[y * SIDE + x]);
    });
    out
}

/// Basins of the density; basin `b` was merged into `parents[b]`, and so on up to itself.
struct Basins {
    /// One basin a cell, [`UNCLUSTERED`] where there is no density.
    of_cell: Vec<u32>,
    peaks: Vec<f32>,
    parents: Vec<u32>,
    /// Where two basins meet, highest saddle first.
    saddles: Vec<(f32, u32, u32)>,
}

impl Basins {
    fn root(&self, mut basin: u32) -> u32 {
        while self.parents[basin as usize] != basin {
            basin = self.parents[basin as usize];
        }
        basin
    }

    /// Floods the density from its peaks downwards.
    fn of(density: &[f32], merge: f32) -> Self {
        let mut order: Vec<u32> =
            (0..density.len() as u32).filter(|&cell| density[cell as usize] > 0.0).collect();
        // Equal densities (a single point's kernel has many) go by a scattered order, not along the rows.
        order.par_sort_unstable_by(|&a, &b| {
            let by_density = density[b as usize].total_cmp(&density[a as usize]);
            by_density.then_with(|| (spread(a.into()), a).cmp(&(spread(b.into()), b)))
        });
        let mut basins = Self {
            of_cell: vec![UNCLUSTERED; density.len()],
            peaks: Vec::new(),
            parents: Vec::new(),
            saddles: Vec::new(),
        };
        for cell in order {
            let height = density[cell as usize];
            let mut touching: Vec<(f32, u32)> = neighbours(cell as usize)
                .filter(|&n| basins.of_cell[n] != UNCLUSTERED)
                .map(|n| (density[n], basins.root(basins.of_cell[n])))
                .collect();
            touching.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let Some(&(_, uphill)) = touching.first() else {
                basins.of_cell[cell as usize] = basins.peaks.len() as u32;
                basins.parents.push(basins.peaks.len() as u32);
                basins.peaks.push(height);
                continue;
            };
            basins.of_cell[cell as usize] = uphill;
            for &(_, other) in &touching[1..] {
                let (a, b) = (basins.root(uphill), basins.root(other));
                if a == b {
                    continue;
                }
                // Peaks are numbered from the highest down.
                let (higher, lower) = (a.min(b), a.max(b));
                if height > merge * basins.peaks[lower as usize] {
                    basins.parents[lower as usize] = higher;
                } else {
                    basins.saddles.push((height, higher, lower));
                }
            }
        }
        basins
    }

    /// Joins basins that hold fewer than `min_size` points to the one across their highest saddle.
    fn absorb_small(&mut self, sizes: &mut [usize], min_size: usize) {
        loop {
            let mut joined = false;
            for at in 0..self.saddles.len() {
                let (_, a, b) = self.saddles[at];
                let (a, b) = (self.root(a), self.root(b));
                if a != b && sizes[a as usize].min(sizes[b as usize]) < min_size {
                    let (higher, lower) = (a.min(b), a.max(b));
                    self.parents[lower as usize] = higher;
                    sizes[higher as usize] += sizes[lower as usize];
                    joined = true;
                }
            }
            if !joined {
                return;
            }
        }
    }
}

fn neighbours(cell: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (cell % SIDE, cell / SIDE);
    let (xs, ys) = (x.saturating_sub(1)..=(x + 1).min(SIDE - 1), y.saturating_sub(1)..=(y + 1).min(SIDE - 1));
    ys.flat_map(move |y| xs.clone().map(move |x| y * SIDE + x)).filter(move |&n| n != cell)
}

fn label(cells: &[Option<[f32; 2]>], density: &[f32], merge: f32, min_size: usize) -> Topics {
    let mut basins = Basins::of(density, merge);
    let cell_of = |[x, y]: [f32; 2]| y.round() as usize * SIDE + x.round() as usize;
    let at: Vec<Option<usize>> = cells.iter().map(|cell| cell.map(cell_of)).collect();
    let mut sizes = vec![0; basins.peaks.len()];
    for &cell in at.iter().flatten() {
        let basin = basins.of_cell[cell];
        sizes[basins.root(basin) as usize] += 1;
    }
    basins.absorb_small(&mut sizes, min_size);
    let topic_of = |cell: &Option<usize>| {
        let root = basins.root(basins.of_cell[(*cell)?]);
        (sizes[root as usize] >= min_size).then_some(root)
    };
    let labels: Vec<u32> = at.iter().map(|cell| topic_of(cell).unwrap_or(UNCLUSTERED)).collect();
    let strength = |(cell, &label): (&Option<usize>, &u32)| match cell {
        Some(cell) if label != UNCLUSTERED => (density[*cell] / basins.peaks[label as usize]).min(1.0),
        _ => 0.0,
    };
    let strengths = at.iter().zip(&labels).map(strength).collect();
    let (labels, count) = Clusters::ordered(&labels);
    Topics { labels, count, strengths }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::agreement::adjusted_rand;
    use crate::math::random::Random;

    /// Round heaps of `size` points at the given centres.
    fn heaps(centres: &[[f32; 2]], size: usize, spread: f32) -> (Vec<[f32; 2]>, Vec<u32>) {
        let mut random = Random::new(2);
        // The sum of four uniform numbers is close enough to a normal one.
        let mut normal = || (0..4).map(|_| random.unit() as f32 - 0.5).sum::<f32>() * spread;
        let truth = (0..centres.len() * size).map(|i| (i % centres.len()) as u32).collect::<Vec<_>>();
        let points = truth.iter().map(|&t| centres[t as usize].map(|c| c + normal())).collect();
        (points, truth)
    }

    fn run(points: &[[f32; 2]]) -> Vec<Topics> {
        topics(points, &DensityParams::default(), &Ctx::quiet()).unwrap()
    }

    #[test]
    fn heaps_of_points_are_topics_and_their_middles_are_firm() {
        let centres = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]];
        let (points, truth) = heaps(&centres, 500, 2.0);
        let levels = run(&points);
        assert_eq!(levels.len(), 3);
        assert_eq!(levels[0].count, 4);
        assert!(adjusted_rand(&truth, &levels[0].labels) > 0.99);
        let distance = |i: usize| {
            let centre = centres[truth[i] as usize];
            (points[i][0] - centre[0]).hypot(points[i][1] - centre[1])
        };
        for i in (0..points.len()).filter(|&i| distance(i) < 0.2) {
            assert!(levels[0].strengths[i] > 0.5);
        }
    }

    #[test]
    fn finer_levels_tell_apart_what_coarser_ones_hold_together() {
        // Four pairs of heaps: the pairs are far from each other, the two of a pair near.
        let centres: Vec<[f32; 2]> = [[0.0, 0.0], [40.0, 0.0], [0.0, 40.0], [40.0, 40.0]]
            .into_iter()
            .flat_map(|[x, y]| [[x, y], [x + 2.2, y]])
            .collect();
        let (points, _) = heaps(&centres, 1500, 1.0);
        let counts: Vec<usize> = run(&points).iter().map(|level| level.count).collect();
        assert!(counts[0] == 4 && counts[2] == 8, "{counts:?}");
    }

    #[test]
    fn a_point_far_from_everything_and_one_without_a_position_have_no_topic() {
        let (mut points, _) = heaps(&[[0.0, 0.0]], 2000, 2.0);
        points.push([100.0, 100.0]);
        points.push([f32::NAN, 0.0]);
        for level in run(&points) {
            assert_eq!(level.labels[2000..], [UNCLUSTERED, UNCLUSTERED]);
            assert!(level.labels[..2000].iter().all(|&label| label != UNCLUSTERED));
        }
    }

    #[test]
    fn points_in_one_place_and_no_points_at_all_are_fine() {
        let levels = run(&[[1.0, 1.0]; 10]);
        assert!(levels.iter().all(|level| level.labels == [0; 10]));
        assert!(run(&[]).iter().all(|level| level.count == 0));
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let (points, _) = heaps(&[[0.0, 0.0], [3.0, 1.0], [2.0, 4.0]], 400, 3.0);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&points))
        };
        assert_eq!(on(1), on(3));
    }
}
