//! Topics on the map: where the points lie dense, at several levels of detail.
//!
//! The points are splatted on a grid and blurred; each peak of the density owns the basin that drains to it, and
//! two basins are one where the saddle between them is nearly as high as the lower peak (persistence by ratio, as
//! in ToMATo, Chazal et al. 2013).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::hash::mix32;
use crate::data::{Clusters, UNCLUSTERED};
use crate::job::{Cancelled, Ctx};

/// Cells on a side of the grid.
pub const SIDE: usize = 1024;
/// Parts of a point that splats are counted in: a cell can hold the 2²⁴ points that a map has at most.
pub const PARTS: u32 = 256;
/// Cells left free around the points, so that blurred density does not pile up at the rim.
const MARGIN: f32 = 16.0;
/// Blurs in cells, coarse to fine, where points are many.
const BANDWIDTHS: [f32; 3] = [24.0, 14.0, 8.0];
/// With few points a blur narrower than their typical spacing would make a peak of each.
const SPACINGS: [f32; 3] = [1.4, 1.0, 0.7];
/// A kernel ends at this many bandwidths.
pub(super) const REACH: f32 = 3.0;
/// The widest blur in cells.
const WIDEST: f32 = SIDE as f32 / 8.0;

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
    let frame = Frame::of(positions);
    let cells = frame.cells(positions);
    let splats = splatted(&cells);
    topics_on(&frame, &cells, params, ctx, |sigma| {
        ctx.cancel.check()?;
        let heights = blurred(&splats, sigma);
        ctx.cancel.check()?;
        let peaks = peaks(&heights);
        Ok(Surface { heights, peaks })
    })
}

/// The density of a map blurred by some bandwidth.
pub struct Surface {
    /// [`SIDE`] × [`SIDE`] points a cell, row-major.
    pub heights: Vec<f32>,
    /// The peak that each cell drains from, uphill: the number of its cell; [`UNCLUSTERED`] where there is no density.
    pub peaks: Vec<u32>,
}

/// The same, with surfaces that somebody else makes, given the bandwidth in cells: see [`blurred`] and [`peaks`].
pub fn topics_on<E>(
    frame: &Frame,
    cells: &[Option<[f32; 2]>],
    params: &DensityParams,
    ctx: &Ctx,
    mut surface: impl FnMut(f32) -> Result<Surface, E>,
) -> Result<Vec<Topics>, E> {
    ctx.progress.begin("Clustering", "levels", BANDWIDTHS.len() as u64, 0);
    let min_size = params.min_size.unwrap_or(((cells.len() as f64).sqrt() / 10.0) as usize).max(3);
    let mut levels = Vec::new();
    for level in 0..BANDWIDTHS.len() {
        let surface = surface(frame.bandwidth(level, params.bandwidth))?;
        levels.push(label(cells, &surface, params.merge, min_size));
        ctx.progress.advance(1);
    }
    Ok(levels)
}

/// How a map lies on the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// The least position along each axis.
    low: [f32; 2],
    /// Cells a unit of the map.
    scale: f32,
    /// Cells around the positions.
    margin: f32,
    points: usize,
}

impl Frame {
    /// The frame of `positions`, those that are finite.
    pub fn of(positions: &[[f32; 2]]) -> Self {
        let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        for p in positions.iter().filter(|p| is_finite(p)) {
            for axis in 0..2 {
                low[axis] = low[axis].min(p[axis]);
                high[axis] = high[axis].max(p[axis]);
            }
        }
        let extent = (high[0] - low[0]).max(high[1] - low[1]);
        let scale = if extent > 0.0 { cells_within(MARGIN) / extent } else { 0.0 };
        Self { low, scale, margin: MARGIN, points: positions.len() }
    }

    /// The same with another margin, in cells: below half a side.
    pub fn with_margin(self, margin: f32) -> Self {
        let scale = self.scale * cells_within(margin) / cells_within(self.margin);
        Self { scale, margin, ..self }
    }

    /// Positions in cells of the grid; `None` where a position is not finite.
    pub fn cells(&self, positions: &[[f32; 2]]) -> Vec<Option<[f32; 2]>> {
        positions.iter().map(|p| is_finite(p).then(|| self.cell(*p))).collect()
    }

    fn cell(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [(x - self.low[0]) * self.scale + self.margin, (y - self.low[1]) * self.scale + self.margin]
    }

    /// Where a place of the grid lies on the map.
    pub fn on_map(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let back = |cell: f32| if self.scale > 0.0 { (cell - self.margin) / self.scale } else { 0.0 };
        [self.low[0] + back(x), self.low[1] + back(y)]
    }

    /// The bandwidth of a level in cells, coarse (0) to fine (2), scaled by a person's wish.
    pub fn bandwidth(&self, level: usize, wish: f32) -> f32 {
        // What one point would have if all spread evenly.
        let spacing = SIDE as f32 / (self.points.max(1) as f32).sqrt();
        (BANDWIDTHS[level].max(SPACINGS[level] * spacing) * wish).clamp(1.0, WIDEST)
    }
}

/// Cells along an axis between two margins.
fn cells_within(margin: f32) -> f32 {
    SIDE as f32 - 2.0 * margin - 1.0
}

fn is_finite(p: &[f32; 2]) -> bool {
    p.iter().all(|x| x.is_finite())
}

/// The grid with each point's weight on the four cells around it, in [`PARTS`] of a point: whole numbers, so that no order
/// matters and any adapter gives the same.
pub fn splatted(cells: &[Option<[f32; 2]>]) -> Vec<u32> {
    let mut grid = vec![0; SIDE * SIDE];
    for [x, y] in cells.iter().flatten() {
        let (column, row) = (x.floor(), y.floor());
        let part = |fraction: f32| (fraction * PARTS as f32 + 0.5) as u32;
        let (fx, fy) = (part(x - column), part(y - row));
        let at = row as usize * SIDE + column as usize;
        let mut add = |at: usize, wx: u32, wy: u32| {
            let cell: &mut u32 = &mut grid[at];
            *cell = cell.wrapping_add((wx * wy + PARTS / 2) / PARTS);
        };
        add(at, PARTS - fx, PARTS - fy);
        add(at + 1, fx, PARTS - fy);
        add(at + SIDE, PARTS - fx, fy);
        add(at + SIDE + 1, fx, fy);
    }
    grid
}

/// The weights of a Gaussian of `sigma` cells, from its middle outwards: together with their mirror image they add up to 1.
pub fn gaussian(sigma: f32) -> Vec<f32> {
    let reach = (REACH * sigma).ceil() as usize;
    let weights: Vec<f32> = (0..=reach).map(|x| (-0.5 * (x as f32 / sigma).powi(2)).exp()).collect();
    let total: f32 = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
    weights.iter().map(|w| w / total).collect()
}

/// Gaussian blur of [`splatted`] points, once along each axis: points a cell.
pub fn blurred(splats: &[u32], sigma: f32) -> Vec<f32> {
    let kernel = gaussian(sigma);
    let reach = kernel.len() - 1;
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
    let grid: Vec<f32> = splats.iter().map(|&parts| parts as f32 / PARTS as f32).collect();
    transposed(&along_rows(&transposed(&along_rows(&grid))))
}

fn transposed(grid: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; SIDE * SIDE];
    out.par_chunks_exact_mut(SIDE).enumerate().for_each(|(x, out)| {
        out.iter_mut().enumerate().for_each(|(y, o)| *o = grid[y * SIDE + x]);
    });
    out
}

/// Whether cell `a` is above cell `b`: equal heights (a single point's kernel has many) go by a scattered order, not along the
/// rows.
fn above(heights: &[f32], a: usize, b: usize) -> bool {
    let (high, low) = (heights[a], heights[b]);
    high > low || (high == low && (mix32(a as u32), a) > (mix32(b as u32), b))
}

/// The peak of each cell's basin: whoever walks uphill from it, always to the highest cell around, ends there.
pub fn peaks(heights: &[f32]) -> Vec<u32> {
    let uphill: Vec<u32> = (0..heights.len())
        .into_par_iter()
        .map(|cell| {
            if heights[cell] <= 0.0 {
                return UNCLUSTERED;
            }
            let highest =
                neighbours(cell).fold(cell, |best, n| if above(heights, n, best) { n } else { best });
            highest as u32
        })
        .collect();
    let mut peaks = uphill;
    for cell in 0..peaks.len() {
        // Follow the way to its end, and let all cells on it point there.
        let mut end = peaks[cell];
        while end != UNCLUSTERED && peaks[end as usize] != end {
            end = peaks[end as usize];
        }
        let mut on_the_way = cell;
        while end != UNCLUSTERED && peaks[on_the_way] != end {
            let next = peaks[on_the_way] as usize;
            peaks[on_the_way] = end;
            on_the_way = next;
        }
    }
    peaks
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

    /// Merges basins from the highest saddle down, as a flood that falls would.
    fn of(surface: &Surface, merge: f32) -> Self {
        let Surface { heights, peaks } = surface;
        // Peaks are numbered from the highest down.
        let mut tops: Vec<usize> = (0..peaks.len()).filter(|&cell| peaks[cell] as usize == cell).collect();
        tops.par_sort_unstable_by(|&a, &b| {
            if above(heights, a, b) { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater }
        });
        let mut numbers = vec![UNCLUSTERED; peaks.len()];
        tops.iter().enumerate().for_each(|(number, &top)| numbers[top] = number as u32);
        let of_cell: Vec<u32> =
            peaks.iter().map(|&peak| numbers.get(peak as usize).copied().unwrap_or(UNCLUSTERED)).collect();
        let mut meetings: Vec<(f32, u32, u32)> = (0..of_cell.len())
            .into_par_iter()
            .filter(|&cell| of_cell[cell] != UNCLUSTERED)
            .flat_map_iter(|cell| {
                let own = of_cell[cell];
                let of_cell = &of_cell;
                // A cell where the water from two peaks meets is their saddle.
                neighbours(cell)
                    .filter(move |&n| {
                        of_cell[n] != UNCLUSTERED && of_cell[n] != own && above(heights, n, cell)
                    })
                    .map(move |n| (heights[cell], own.min(of_cell[n]), own.max(of_cell[n])))
            })
            .collect();
        meetings.par_sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let mut basins = Self {
            of_cell,
            peaks: tops.iter().map(|&top| heights[top]).collect(),
            parents: (0..tops.len() as u32).collect(),
            saddles: Vec::new(),
        };
        for (height, a, b) in meetings {
            let (a, b) = (basins.root(a), basins.root(b));
            if a == b {
                continue;
            }
            let (higher, lower) = (a.min(b), a.max(b));
            if height > merge * basins.peaks[lower as usize] {
                basins.parents[lower as usize] = higher;
            } else {
                basins.saddles.push((height, higher, lower));
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

fn label(cells: &[Option<[f32; 2]>], surface: &Surface, merge: f32, min_size: usize) -> Topics {
    let density = &surface.heights;
    let mut basins = Basins::of(surface, merge);
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
    fn every_cell_drains_from_the_peak_that_walking_uphill_finds() {
        let (points, _) = heaps(&[[0.0, 0.0], [3.0, 1.0], [2.0, 4.0]], 60, 3.0);
        let cells = Frame::of(&points).cells(&points);
        let heights = blurred(&splatted(&cells), 9.0);
        let peaks = peaks(&heights);
        for start in (0..heights.len()).filter(|&cell| heights[cell] > 0.0).step_by(97) {
            let mut cell = start;
            while let Some(up) = neighbours(cell)
                .filter(|&n| above(&heights, n, cell))
                .reduce(|a, b| if above(&heights, a, b) { a } else { b })
            {
                cell = up;
            }
            assert_eq!(peaks[start] as usize, cell);
        }
    }

    #[test]
    fn the_grid_knows_where_its_cells_are_on_the_map_and_holds_every_point_once() {
        let (points, _) = heaps(&[[5.0, -3.0], [8.0, 1.0]], 100, 2.0);
        let frame = Frame::of(&points);
        let cells = frame.cells(&points);
        for (point, cell) in points.iter().zip(&cells) {
            let back = frame.on_map(cell.unwrap());
            assert!((back[0] - point[0]).abs() < 1e-4 && (back[1] - point[1]).abs() < 1e-4);
        }
        let parts: u32 = splatted(&cells).iter().sum();
        assert!((f64::from(parts) / f64::from(PARTS) - 200.0).abs() < 1.0, "{parts}");
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
