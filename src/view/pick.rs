//! Which point a person points at: the one that the picture shows where the pointer is, or else nearest to it.
//!
//! A [`Window`] of pixels around the pointer notes the point that each shows. On an adapter the shaders that draw the
//! picture note it ([`super::picker`]); here is their twin, which draws the same few pixels on the processor. Both
//! look at the tiles around the pointer only.

use std::ops::Range;

use super::arranged::Arranged;
use super::camera::Bounds;
use super::disc::Disc;
use super::exposure::{Mode, Shot};
use super::splat::{Counted, Grid, MARGIN};
use super::tiles::Tile;

/// Pixels a side of the window that an adapter notes.
pub const SIDE: u32 = 64;

/// Where the pointer is and how far around it points are found, in pixels of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pointer {
    pub at: [f32; 2],
    pub reach: f32,
}

impl Pointer {
    /// The pixels within reach along one axis.
    fn span(&self, axis: usize) -> Range<i32> {
        let end = |way: f32| (self.at[axis] + way * self.reach).floor() as i32;
        end(-1.0)..end(1.0) + 1
    }

    /// Whether all within reach fits into a window of [`SIDE`] pixels around it: not on screens finer than any yet.
    pub fn fits(&self) -> bool {
        self.reach <= (SIDE / 2 - 1) as f32
    }

    /// The corner of the window whose middle is the pointer.
    pub fn corner(&self) -> [i32; 2] {
        self.at.map(|at| at.floor() as i32 - SIDE as i32 / 2)
    }
}

/// What some pixels of a picture show.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The pixel of the picture at its top left; it may lie outside.
    pub corner: [i32; 2],
    /// Columns and rows.
    pub size: [u32; 2],
    /// Row by row, one more than the slot of the point on top; 0 where there is none.
    pub tops: Vec<u32>,
}

impl Window {
    /// Whether everything within the pointer's reach lies in it.
    pub fn covers(&self, pointer: &Pointer) -> bool {
        (0..2).all(|axis| {
            let span = pointer.span(axis);
            span.start >= self.corner[axis] && span.end <= self.corner[axis] + self.size[axis] as i32
        })
    }

    /// The slot of the point on top at the pointer, or else at the nearest pixel within reach that shows one.
    pub fn at(&self, pointer: &Pointer) -> Option<usize> {
        let mut best = (pointer.reach * pointer.reach, None);
        for row in pointer.span(1) {
            for column in pointer.span(0) {
                let Some(top) = self.top(column, row) else { continue };
                let [dx, dy] = [column as f32 + 0.5 - pointer.at[0], row as f32 + 0.5 - pointer.at[1]];
                let distance = dx * dx + dy * dy;
                if distance < best.0 {
                    best = (distance, Some(top));
                }
            }
        }
        best.1
    }

    fn top(&self, column: i32, row: i32) -> Option<usize> {
        let top = self.tops[self.index(column, row)?];
        (top > 0).then(|| top as usize - 1)
    }

    /// The place of a pixel of the picture in `tops`.
    fn index(&self, column: i32, row: i32) -> Option<usize> {
        let [x, y] = [column - self.corner[0], row - self.corner[1]];
        let inside = |v: i32, length: u32| v >= 0 && (v as u32) < length;
        (inside(x, self.size[0]) && inside(y, self.size[1]))
            .then(|| y as usize * self.size[0] as usize + x as usize)
    }
}

/// The tiles whose points may show in the pixels of a window of `size` at `corner`.
pub fn near(arranged: &Arranged, shot: &Shot, corner: [i32; 2], size: [u32; 2]) -> Vec<Tile> {
    let margin = f64::from(shot.style.reach() * shot.density) + 1.0;
    let scale = shot.scale();
    let world = |axis: usize, pixel: f64| {
        let from_middle = (pixel - 0.5 * f64::from(shot.pixels[axis])) / scale;
        shot.camera.centre[axis] + if axis == 0 { from_middle } else { -from_middle }
    };
    let first = |axis: usize| f64::from(corner[axis]) - margin;
    let last = |axis: usize| f64::from(corner[axis]) + f64::from(size[axis]) + margin;
    let around =
        Bounds { min: [world(0, first(0)), world(1, last(1))], max: [world(0, last(0)), world(1, first(1))] };
    arranged.tiles.visible(around).copied().collect()
}

/// What `shot` shows within the reach of a pointer when it holds a `share` of the points; `tiles` are those that are
/// [`near`] it.
pub fn under(
    arranged: &Arranged,
    shot: &Shot,
    share: f64,
    pointer: &Pointer,
    tiles: &[Tile],
) -> Option<usize> {
    let (corner, size) = around(pointer);
    draw(arranged, shot, share, (corner, size), tiles).at(pointer)
}

/// The smallest window that covers a pointer: its corner and size.
pub fn around(pointer: &Pointer) -> ([i32; 2], [u32; 2]) {
    let spans = [pointer.span(0), pointer.span(1)];
    (spans.clone().map(|span| span.start), spans.map(|span| span.len() as u32))
}

/// The twin of what the shaders note: which points the pixels of a window show.
pub fn draw(
    arranged: &Arranged,
    shot: &Shot,
    share: f64,
    (corner, size): ([i32; 2], [u32; 2]),
    tiles: &[Tile],
) -> Window {
    let count = size[0] as usize * size[1] as usize;
    let mut window = Window { corner, size, tops: vec![0; count] };
    let slots = || tiles.iter().flat_map(|tile| tile.band(0.0, share));
    match shot.mode {
        Mode::Discs => {
            let upper = window.draw_discs(arranged, shot, slots(), false);
            if arranged.chosen.is_empty() {
                window.draw_discs(arranged, shot, upper.into_iter(), true);
            }
        }
        Mode::Splat => window.count(arranged, shot, slots()),
    }
    // The few chosen ones are drawn whatever the share.
    window.draw_discs(arranged, shot, arranged.chosen.iter().copied(), true);
    window
}

impl Window {
    /// Draws the discs of one layer, later ones over earlier ones; returns the slots of the other layer.
    fn draw_discs(
        &mut self,
        arranged: &Arranged,
        shot: &Shot,
        slots: impl Iterator<Item = u32>,
        chosen: bool,
    ) -> Vec<u32> {
        let middle = shot.camera.centre.map(|v| v as f32);
        let scale = shot.scale() as f32;
        let widest = shot.style.reach() * shot.density;
        let ends = [0, 1].map(|axis| {
            let start = self.corner[axis] as f32;
            start - widest..start + self.size[axis] as f32 + widest
        });
        let mut others = Vec::new();
        for slot in slots {
            let position = arranged.tiles.positions()[slot as usize];
            let from_middle = |axis: usize| (position[axis] - middle[axis]) * scale;
            let [x, y] =
                [from_middle(0) + 0.5 * shot.pixels[0] as f32, 0.5 * shot.pixels[1] as f32 - from_middle(1)];
            if !(ends[0].contains(&x) && ends[1].contains(&y)) {
                continue;
            }
            match Disc::of(arranged.marks[slot as usize], &shot.style, shot.density) {
                Some(disc) if disc.chosen == chosen => self.draw_disc(shot, [x, y], disc.edge(), slot + 1),
                Some(_) => others.push(slot),
                None => {}
            }
        }
        others
    }

    fn draw_disc(&mut self, shot: &Shot, [x, y]: [f32; 2], edge: f32, top: u32) {
        let span = |centre: f32, axis: usize| {
            let first = (centre - edge).floor() as i32;
            let last = (centre + edge).ceil() as i32;
            // Nothing is drawn outside the picture.
            first.max(0)..last.min(shot.pixels[axis] as i32)
        };
        for row in span(y, 1) {
            for column in span(x, 0) {
                let off = [column as f32 + 0.5 - x, row as f32 + 0.5 - y];
                if (off[0] * off[0] + off[1] * off[1]).sqrt() <= edge
                    && let Some(index) = self.index(column, row)
                {
                    self.tops[index] = top;
                }
            }
        }
    }

    /// Notes of each pixel's points the last coloured one, or else the last that steps back: coloured ones lie above.
    fn count(&mut self, arranged: &Arranged, shot: &Shot, slots: impl Iterator<Item = u32>) {
        let any_chosen = shot.style.any_chosen;
        let grid =
            Grid::new(&shot.camera, shot.pixels, shot.density, any_chosen, !arranged.chosen.is_empty());
        let mut keys = vec![(false, 0); self.tops.len()];
        for slot in slots {
            let Some(counted) = grid.counted(arranged.marks[slot as usize]) else { continue };
            let Some(cell) = grid.cell_of(arranged.tiles.positions()[slot as usize]) else { continue };
            let columns = grid.size[0] as usize;
            let [column, row] = [cell % columns, cell / columns].map(|v| v as i32 - MARGIN as i32);
            let inside = |v: i32, axis: usize| v >= 0 && v < shot.pixels[axis] as i32;
            if let Some(index) = self.index(column, row).filter(|_| inside(column, 0) && inside(row, 1)) {
                keys[index] = keys[index].max((counted == Counted::Coloured, slot + 1));
            }
        }
        self.tops = keys.into_iter().map(|(_, top)| top).collect();
    }
}

/// What the drawing pass noted around the pointer, and of which picture, all of whose points were drawn.
#[derive(Clone, Debug)]
pub struct Picked {
    pub shot: Shot,
    pub window: Window,
}

impl Picked {
    /// Whether it says what a picture that holds a `share` of the points shows at the pointer: it must be of that very
    /// picture.
    pub fn answers(&self, shot: &Shot, share: f64, pointer: &Pointer) -> bool {
        self.shot == *shot && share >= 1.0 && self.window.covers(pointer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::arranged::Data;
    use super::super::camera::Camera;
    use super::super::colour::MapTheme;
    use super::super::disc::{PointStyle, flags};
    use super::*;

    /// A view of 100 × 100 pixels, one a world unit, its middle at the origin.
    fn shot(arranged: &Arranged, mode: Mode) -> Shot {
        let style = PointStyle::new(10, arranged.chosen_count, 1e4, 1.0, &MapTheme::DARK);
        let camera = Camera { centre: [0.0; 2], scale: 1.0 };
        Shot { points: arranged.number, camera, pixels: [100; 2], density: 1.0, style, mode }
    }

    fn arranged(positions: &[[f32; 2]], flags: &[u8]) -> Arranged {
        Arranged::new(&Data {
            positions: Arc::new(positions.to_vec()),
            colours: Arc::default(),
            flags: Arc::new(flags.to_vec()),
        })
    }

    /// The point found at a world position.
    fn found(arranged: &Arranged, mode: Mode, share: f64, [x, y]: [f32; 2], reach: f32) -> Option<u32> {
        let shot = shot(arranged, mode);
        let pointer = Pointer { at: [50.0 + x, 50.0 - y], reach };
        let (corner, size) = around(&pointer);
        let tiles = near(arranged, &shot, corner, size);
        let slot = under(arranged, &shot, share, &pointer, &tiles)?;
        Some(arranged.tiles.order()[slot])
    }

    #[test]
    fn beside_a_point_the_nearest_that_shows_is_found_within_reach() {
        for mode in [Mode::Discs, Mode::Splat] {
            let arranged = arranged(&[[0.0, 0.0], [20.0, 0.0], [30.0, 30.0], [-60.0, 0.0]], &[]);
            let found = |at, reach| found(&arranged, mode, 1.0, at, reach);
            assert_eq!(found([5.0, 1.0], 8.0), Some(0));
            assert_eq!(found([14.0, 1.0], 8.0), Some(1));
            assert_eq!(found([25.0, 28.0], 8.0), Some(2));
            assert_eq!(found([10.0, 20.0], 8.0), None);
            // What lies outside the picture is not seen.
            assert_eq!(found([-50.0, 0.0], 30.0), None);
        }
    }

    #[test]
    fn of_points_at_one_place_the_one_on_top_is_found() {
        for mode in [Mode::Discs, Mode::Splat] {
            let place = [[0.3, 0.3]; 6];
            let plain = arranged(&place, &[]);
            assert_eq!(found(&plain, mode, 1.0, [0.3, 0.3], 8.0), Some(plain.tiles.order()[5]));
            for point in 0..6 {
                let mut flagged = [0; 6];
                flagged[point] = flags::SELECTED;
                let chosen = arranged(&place, &flagged);
                assert_eq!(found(&chosen, mode, 1.0, [0.3, 0.3], 8.0), Some(point as u32));
                // Those that are hidden are not there, and chosen or not makes no difference.
                flagged = [flags::HIDDEN | flags::FOCUS; 6];
                flagged[point] = flags::DIMMED;
                let hidden = arranged(&place, &flagged);
                assert_eq!(found(&hidden, mode, 1.0, [0.3, 0.3], 8.0), Some(point as u32));
            }
        }
    }

    #[test]
    fn counted_points_that_step_back_lie_below_the_others() {
        for point in 0..6 {
            let mut flagged = [flags::DIMMED; 6];
            flagged[point] = 0;
            let arranged = arranged(&[[0.3, 0.3]; 6], &flagged);
            assert_eq!(found(&arranged, Mode::Splat, 1.0, [0.3, 0.3], 8.0), Some(point as u32));
        }
    }

    #[test]
    fn a_disc_is_found_all_over_and_one_above_it_hides_it() {
        let one = arranged(&[[0.0, 0.0], [4.0, 0.0]], &[]);
        let above = one.tiles.order()[1];
        // Both discs, three pixels wide to each side, hold the pixel in the middle.
        assert_eq!(found(&one, Mode::Discs, 1.0, [2.0, 0.0], 8.0), Some(above));
        // At the pixel of its centre a point is the one pointed at, however many lie about it.
        for (point, x) in [(0, 0.0), (1, 4.0)] {
            assert_eq!(found(&one, Mode::Discs, 1.0, [x, 0.0], 8.0), Some(point));
        }
    }

    #[test]
    fn what_the_sample_on_show_does_not_hold_is_not_found_unless_chosen() {
        let plain = arranged(&[[0.0, 0.0]], &[]);
        assert_eq!(found(&plain, Mode::Discs, 0.0, [0.0, 0.0], 8.0), None);
        let chosen = arranged(&[[0.0, 0.0]], &[flags::SELECTED]);
        assert_eq!(found(&chosen, Mode::Discs, 0.0, [0.0, 0.0], 8.0), Some(0));
    }

    #[test]
    fn an_answer_holds_for_its_own_picture_and_near_its_own_pointer_only() {
        let arranged = arranged(&[[0.0, 0.0]], &[]);
        let shot = shot(&arranged, Mode::Discs);
        let pointer = Pointer { at: [50.0, 50.0], reach: 8.0 };
        let window =
            Window { corner: pointer.corner(), size: [SIDE; 2], tops: vec![0; (SIDE * SIDE) as usize] };
        let picked = Picked { shot, window };
        assert!(picked.answers(&shot, 1.0, &pointer));
        assert!(picked.answers(&shot, 1.0, &Pointer { at: [60.0, 41.0], ..pointer }));
        assert!(!picked.answers(&shot, 1.0, &Pointer { at: [80.0, 50.0], ..pointer }));
        assert!(!picked.answers(&shot, 0.9, &pointer));
        let panned = Shot { camera: Camera { centre: [0.1, 0.0], ..shot.camera }, ..shot };
        assert!(!picked.answers(&panned, 1.0, &pointer));
        assert!(!picked.answers(&Shot { points: shot.points + 1, ..shot }, 1.0, &pointer));
        assert!(!picked.answers(&Shot { density: 2.0, ..shot }, 1.0, &pointer));
    }
}
