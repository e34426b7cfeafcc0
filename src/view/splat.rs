//! Many points as counts a cell: what `shaders/splat.wgsl` and `shaders/splat_resolve.wgsl` compute on a GPU. Change
//! them together.
//!
//! Every cell sums the colours of its points and counts them, in integers, so that no order matters. A picture is
//! made from the sums by giving each point the disc that [`super::disc`] defines, its centre in the middle of its
//! cell: where few points overlap the two ways of drawing look the same.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use bytemuck::{Pod, Zeroable};
use egui::{Rect, Vec2};
use rayon::prelude::*;

use super::camera::Camera;
use super::disc::{PointStyle, flags};

/// From this many points in view on they are counted, not drawn one by one; and from this many downwards they are
/// drawn again. Between the two it stays as it was.
pub const FROM: u64 = 550_000;
pub const BACK_BELOW: u64 = 450_000;

/// Cells around the picture, so that discs whose centre lies just outside it are drawn.
pub const MARGIN: u32 = 4;

/// Offsets along one axis for which there is a depth.
const SIDE: usize = MARGIN as usize + 1;

/// No point hides what lies under it altogether, or its depth would be infinite.
const MOST_OPAQUE: f32 = 0.98;

/// The cells over a view, one a pixel. Laid out as the shader's uniform.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Grid {
    /// World position of the outer corner of the first cell, at the top left.
    pub origin: [f32; 2],
    /// Cells a world unit.
    pub scale: f32,
    any_chosen: u32,
    /// Columns and rows, margins included.
    pub size: [u32; 2],
    chosen_apart: u32,
    padding: u32,
}

impl Grid {
    /// The cells for `pixels` of a view at `density` pixels a view point. `chosen_apart` says that chosen points are
    /// drawn as discs above the counted ones.
    pub fn new(
        camera: &Camera,
        pixels: [u32; 2],
        density: f32,
        any_chosen: bool,
        chosen_apart: bool,
    ) -> Self {
        let view =
            Rect::from_min_size(egui::Pos2::ZERO, Vec2::from(pixels.map(|side| side as f32)) / density);
        let corner = view.left_top() - Vec2::splat(MARGIN as f32 / density);
        Self {
            origin: camera.world_from_view(corner, view).map(|v| v as f32),
            scale: (camera.scale * f64::from(density)) as f32,
            any_chosen: u32::from(any_chosen),
            size: pixels.map(|side| side + 2 * MARGIN),
            chosen_apart: u32::from(chosen_apart),
            padding: 0,
        }
    }

    /// The cells of some rows of the picture alone, with their margins.
    pub fn rows(&self, top: u32, rows: u32) -> Self {
        let mut strip = *self;
        strip.origin[1] -= top as f32 / self.scale;
        strip.size[1] = rows + 2 * MARGIN;
        strip
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.size[0] as usize * self.size[1] as usize
    }

    /// How the point of a [`super::disc::mark`] is counted, if it is.
    pub fn counted(&self, mark: u32) -> Option<Counted> {
        let point_flags = (mark >> 24) as u8;
        let chosen = point_flags & (flags::SELECTED | flags::FOCUS) != 0;
        if point_flags & flags::HIDDEN != 0 || (chosen && self.chosen_apart != 0) {
            return None;
        }
        let steps_back = !chosen && (self.any_chosen != 0 || point_flags & flags::DIMMED != 0);
        Some(if steps_back { Counted::Faint } else { Counted::Coloured })
    }

    /// The cell of a world position, row by row.
    pub fn cell_of(&self, [x, y]: [f32; 2]) -> Option<usize> {
        let [column, row] = [(x - self.origin[0]) * self.scale, -(y - self.origin[1]) * self.scale];
        let inside = |place: f32, length: u32| place >= 0.0 && place < length as f32;
        (inside(column, self.size[0]) && inside(row, self.size[1]))
            .then(|| row as usize * self.size[0] as usize + column as usize)
    }
}

/// How a point is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It steps back.
    Faint,
    Coloured,
}

/// Sums a cell.
#[derive(Debug, PartialEq, Eq)]
pub struct Cells {
    /// Red, green and blue of the coloured points of a cell, summed, and their number: exact up to 16.8 million
    /// points in one cell.
    pub coloured: Vec<[u32; 4]>,
    /// Points that step back.
    pub faint: Vec<u32>,
}

/// Counts the points of some ranges of slots.
pub fn accumulate(grid: &Grid, positions: &[[f32; 2]], marks: &[u32], ranges: &[Range<u32>]) -> Cells {
    let atomics =
        |count: usize| -> Vec<AtomicU32> { (0..count).into_par_iter().map(|_| AtomicU32::new(0)).collect() };
    let (coloured, faint) = (atomics(4 * grid.cells()), atomics(grid.cells()));
    let add = |sum: &AtomicU32, value: u32| sum.fetch_add(value, Ordering::Relaxed);
    ranges.par_iter().for_each(|range| {
        let slots = range.start as usize..range.end as usize;
        for (&position, &mark) in positions[slots.clone()].iter().zip(&marks[slots]) {
            let Some(counted) = grid.counted(mark) else { continue };
            let Some(cell) = grid.cell_of(position) else { continue };
            if counted == Counted::Faint {
                add(&faint[cell], 1);
                continue;
            }
            for (c, value) in [mark & 255, mark >> 8 & 255, mark >> 16 & 255, 1].into_iter().enumerate() {
                add(&coloured[4 * cell + c], value);
            }
        }
    });
    let plain: Vec<u32> = coloured.into_par_iter().map(AtomicU32::into_inner).collect();
    Cells {
        coloured: bytemuck::allocation::cast_slice_box(plain.into_boxed_slice()).into_vec(),
        faint: faint.into_par_iter().map(AtomicU32::into_inner).collect(),
    }
}

/// How counts become colour. Laid out as the shader's uniform.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Tone {
    columns: u32,
    reach: u32,
    gain: f32,
    softness: f32,
    faint: [f32; 4],
    /// Optical depth of one point, coloured and faint, by rows and columns from its own cell.
    depths: [[f32; 4]; SIDE * SIDE],
}

impl Tone {
    /// The tone of `style` on `grid` at `density` pixels a view point, when the points counted are a `share` of all.
    pub fn new(grid: &Grid, style: &PointStyle, density: f32, share: f64) -> Self {
        let radius = (style.radius * density).min(MARGIN as f32 - 0.5);
        // Chosen points keep their full colour, be they drawn one by one or counted.
        let opacity = if style.any_chosen { 1.0 } else { style.opacity };
        let depth = |opacity: f32, inside: f32| -(1.0 - (opacity * inside).min(MOST_OPAQUE)).ln();
        let mut depths = [[0.0; 4]; SIDE * SIDE];
        for (at, depths) in depths.iter_mut().enumerate() {
            let (row, column) = ((at / SIDE) as f32, (at % SIDE) as f32);
            let inside = (radius - row.hypot(column) + 0.5).clamp(0.0, 1.0);
            *depths = [depth(opacity, inside), depth(style.dimmed[3], inside), 0.0, 0.0];
        }
        let reach = ((radius + 0.5).ceil() as u32).min(MARGIN);
        let gain = 1.0 / (share as f32).max(1e-6);
        Self { columns: grid.size[0], reach, gain, softness: style.softness, faint: style.dimmed, depths }
    }

    fn opacity(&self, depth: f32) -> f32 {
        1.0 - (1.0 + depth * self.gain / self.softness).powf(-self.softness)
    }

    /// The premultiplied colour of a pixel of the picture.
    pub fn colour(&self, cells: &Cells, x: u32, y: u32) -> [f32; 4] {
        let reach = self.reach as i32;
        let (mut colour, mut above, mut below) = ([0.0; 3], 0.0, 0.0);
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let row = (y + MARGIN).wrapping_add_signed(dy) as usize;
                let column = (x + MARGIN).wrapping_add_signed(dx) as usize;
                let cell = row * self.columns as usize + column;
                let [depth, faint, ..] =
                    self.depths[dy.unsigned_abs() as usize * SIDE + dx.unsigned_abs() as usize];
                let [r, g, b, count] = cells.coloured[cell].map(|sum| sum as f32);
                for (channel, sum) in colour.iter_mut().zip([r, g, b]) {
                    *channel += depth * sum;
                }
                above += depth * count;
                below += faint * cells.faint[cell] as f32;
            }
        }
        let mean = colour.map(|sum| sum / (255.0 * above.max(1e-20)));
        let above = self.opacity(above);
        let below = self.opacity(below) * (1.0 - above);
        let channel = |c: usize| mean[c] * above + self.faint[c] * below;
        [channel(0), channel(1), channel(2), above + below]
    }
}

#[cfg(test)]
mod tests {
    use super::super::colour::{MapTheme, pack};
    use super::super::disc::mark;
    use super::*;

    #[test]
    fn a_picture_counted_in_strips_is_the_picture_counted_at_once() {
        let camera = Camera { centre: [5.0, 5.0], scale: 8.0 };
        let at = |i: u32| [(i % 97) as f32 / 9.7, (i / 97 % 101) as f32 / 10.1];
        let positions: Vec<[f32; 2]> = (0..20_000).map(at).collect();
        let marks: Vec<u32> = (0..20_000).map(|i| mark(pack([i as u8, 90, 200]), 0, 1)).collect();
        let ranges = [0..9_000u32, 9_000..20_000];
        let grid = Grid::new(&camera, [90, 100], 1.0, false, false);
        let style = PointStyle::new(20_000, 0, 9000.0, 1.0, &MapTheme::DARK);
        let tone = Tone::new(&grid, &style, 1.0, 1.0);
        let whole = accumulate(&grid, &positions, &marks, &ranges);
        for (top, rows) in [(0, 64), (64, 36)] {
            let strip = grid.rows(top, rows);
            let cells = accumulate(&strip, &positions, &marks, &ranges);
            for (y, x) in (0..rows).flat_map(|y| (0..90).map(move |x| (y, x))) {
                let (one, other) = (tone.colour(&whole, x, top + y), tone.colour(&cells, x, y));
                assert_eq!(one, other, "pixel {x}, {}", top + y);
            }
        }
    }
}
