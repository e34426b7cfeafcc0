//! Which part of the points a frame draws, so that no frame is late: while the map moves a fair sample of them, and
//! once it lies still all, over several frames where one would take too long.

use super::camera::Camera;
use super::disc::PointStyle;
use super::tiles::Tile;

/// A picture of a resting map that changes (a selection, say) replaces the old one once it holds this share of the
/// points: a sparser one would flash.
const HELD_SHARE: f64 = 0.5;

/// When only this share of a frame's points more is left, they are drawn as well.
const LAST_BIT: f64 = 0.15;

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each as an antialiased disc, later ones over earlier ones.
    Discs,
    /// Counted a pixel: see [`super::splat`].
    Splat,
}

/// Everything that a finished picture depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shot {
    /// The number of the [`super::arranged::Arranged`] points.
    pub points: u64,
    pub camera: Camera,
    pub pixels: [u32; 2],
    /// Pixels a view point.
    pub density: f32,
    pub style: PointStyle,
    pub mode: Mode,
}

impl Shot {
    /// Pixels a world unit.
    pub fn scale(&self) -> f64 {
        self.camera.scale * f64::from(self.density)
    }
}

/// The pixels of a picture that fills `size` view points, and how many a view point is wide. One is as wide as `grain`
/// pixels of the screen.
pub fn pixels_of(size: egui::Vec2, pixels_per_point: f32, grain: u32) -> ([u32; 2], f32) {
    let screen = [size.x, size.y].map(|side| ((side * pixels_per_point).round() as u32).max(1));
    (screen.map(|side| side.div_ceil(grain)), pixels_per_point / grain as f32)
}

/// What a part is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The same share of every tile.
    Sample,
    /// Tile after tile.
    Sweep,
}

/// What to draw in one frame: the points between two shares of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub kind: Kind,
    pub from: f64,
    pub to: f64,
    /// Whether the picture so far replaces what is shown.
    pub show: bool,
}

/// The picture under way.
#[derive(Debug, Default)]
pub struct Exposure {
    shot: Option<Shot>,
    done: f64,
    kind: Option<Kind>,
    showing: bool,
}

impl Exposure {
    /// The next part of `shot`, which shows `points` points, in a frame that can draw `budget` of them; `None` when
    /// nothing is left to do. A part that starts at 0 starts anew.
    pub fn next(&mut self, shot: &Shot, points: u64, budget: u64, moving: bool) -> Option<Part> {
        let continues = self.shot.as_ref() == Some(shot);
        if continues && self.done >= 1.0 {
            return None;
        }
        let step = if points == 0 { 1.0 } else { budget.max(1) as f64 / points as f64 };
        let up_to = |from: f64| {
            let to = from + step;
            if to + LAST_BIT * step >= 1.0 { 1.0 } else { to }
        };
        let (kind, from) = match shot.mode {
            // Counts can be added to as they are.
            Mode::Splat => (Kind::Sample, if continues { self.done } else { 0.0 }),
            // A sample of discs is drawn bolder than all of them, so they begin anew. They are shown when complete,
            // in one order however many frames it took.
            Mode::Discs if moving && continues => return None,
            Mode::Discs if moving => (Kind::Sample, 0.0),
            Mode::Discs => {
                let swept = continues && self.kind == Some(Kind::Sweep);
                (Kind::Sweep, if swept { self.done } else { 0.0 })
            }
        };
        let to = up_to(from);
        // A sample that holds everything is the sweep.
        let kind = if from == 0.0 && to >= 1.0 { Kind::Sweep } else { kind };
        let shown_already = continues && self.showing && kind == Kind::Sample;
        let show = to >= 1.0
            || (moving && kind == Kind::Sample)
            || shown_already
            || (kind == Kind::Sample && to >= HELD_SHARE);
        *self = Self { shot: Some(*shot), done: to, kind: Some(kind), showing: show };
        Some(Part { kind, from, to, show })
    }

    /// Whether all points of the picture under way are drawn.
    pub fn is_complete(&self) -> bool {
        self.done >= 1.0
    }

    /// Forgets the picture: what it was drawn on is gone.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

/// The slots of a part of some tiles, ascending; neighbouring ones are joined up to `longest`.
pub fn ranges_of(tiles: &[Tile], part: &Part, longest: u32) -> Vec<std::ops::Range<u32>> {
    let total: u64 = tiles.iter().map(|tile| u64::from(tile.count)).sum();
    let cut = |share: f64| if share >= 1.0 { total } else { (total as f64 * share) as u64 };
    let (start, end) = (cut(part.from), cut(part.to));
    let mut before = 0u64;
    let mut ranges: Vec<std::ops::Range<u32>> = Vec::with_capacity(tiles.len());
    for tile in tiles {
        let range = match part.kind {
            Kind::Sample => tile.band(part.from, part.to),
            Kind::Sweep => {
                let within =
                    |at: u64| tile.first + (at.clamp(before, before + u64::from(tile.count)) - before) as u32;
                within(start)..within(end)
            }
        };
        before += u64::from(tile.count);
        if range.is_empty() {
            continue;
        }
        match ranges.last_mut() {
            Some(last) if last.end == range.start && range.end - last.start <= longest => {
                last.end = range.end
            }
            _ => ranges.push(range),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::super::colour::MapTheme;
    use super::*;

    fn shot(mode: Mode, scale: f64) -> Shot {
        Shot {
            points: 1,
            camera: Camera { centre: [0.0; 2], scale },
            pixels: [100, 100],
            density: 1.0,
            style: PointStyle::new(1000, 0, 1e4, 1.0, &MapTheme::DARK),
            mode,
        }
    }

    fn tiles() -> Vec<Tile> {
        let counts = [100, 7, 2000, 450, 1];
        let mut first = 0;
        let tile = |count| {
            first += count;
            Tile { first: first - count, count, min: [0.0; 2], max: [0.0; 2] }
        };
        counts.map(tile).to_vec()
    }

    fn slots(ranges: &[std::ops::Range<u32>]) -> Vec<u32> {
        ranges.iter().cloned().flatten().collect()
    }

    #[test]
    fn the_parts_of_a_resting_picture_hold_every_point_once() {
        for mode in [Mode::Discs, Mode::Splat] {
            for budget in [1, 100, 999, 5000] {
                let (mut exposure, shot, mut drawn) = (Exposure::default(), shot(mode, 1.0), Vec::new());
                while let Some(part) = exposure.next(&shot, 2558, budget, false) {
                    drawn.extend(slots(&ranges_of(&tiles(), &part, 2048)));
                    if mode == Mode::Discs {
                        assert_eq!(part.show, part.to >= 1.0, "discs show when all are there");
                    }
                }
                assert!(exposure.is_complete());
                if mode == Mode::Discs {
                    assert!(drawn.is_sorted(), "discs lie over each other in one order");
                }
                drawn.sort_unstable();
                assert_eq!(drawn, (0..2558).collect::<Vec<u32>>());
            }
        }
    }

    #[test]
    fn a_moving_picture_is_a_sample_that_fits_into_a_frame() {
        for mode in [Mode::Discs, Mode::Splat] {
            let mut exposure = Exposure::default();
            for scale in [1.0, 2.0, 3.0] {
                let part = exposure.next(&shot(mode, scale), 2558, 500, true).unwrap();
                assert!(part.show && part.from == 0.0 && part.kind == Kind::Sample);
                let drawn = slots(&ranges_of(&tiles(), &part, 2048)).len();
                assert!(drawn.abs_diff(500) < tiles().len(), "{drawn}");
            }
            // Few points are all drawn.
            let part = exposure.next(&shot(mode, 4.0), 2558, 2500, true).unwrap();
            assert!(part.show && part.to == 1.0);
            assert_eq!(exposure.next(&shot(mode, 4.0), 2558, 2500, true), None);
        }
    }

    #[test]
    fn counts_go_on_from_the_sample_once_the_map_rests_and_discs_begin_anew_behind_it() {
        let mut exposure = Exposure::default();
        let first = exposure.next(&shot(Mode::Splat, 1.0), 2558, 500, true).unwrap();
        let second = exposure.next(&shot(Mode::Splat, 1.0), 2558, 500, false).unwrap();
        assert!(second.from == first.to && second.show);

        exposure.next(&shot(Mode::Discs, 1.0), 2558, 500, true);
        assert_eq!(exposure.next(&shot(Mode::Discs, 1.0), 2558, 500, true), None);
        let part = exposure.next(&shot(Mode::Discs, 1.0), 2558, 500, false).unwrap();
        assert!(part.from == 0.0 && !part.show && part.kind == Kind::Sweep);
    }

    #[test]
    fn a_resting_picture_that_changes_is_not_replaced_by_a_sparse_one() {
        let mut exposure = Exposure::default();
        let shown = std::iter::from_fn(|| exposure.next(&shot(Mode::Splat, 1.0), 1000, 200, false));
        let shown: Vec<(f64, bool)> = shown.map(|part| (part.to, part.show)).collect();
        assert_eq!(shown.len(), 5);
        assert!(shown.iter().all(|&(to, show)| show == (to >= HELD_SHARE)));
    }

    #[test]
    fn neighbouring_slots_are_joined_as_long_as_one_may_be() {
        let all = Part { kind: Kind::Sweep, from: 0.0, to: 1.0, show: true };
        assert_eq!(ranges_of(&tiles(), &all, u32::MAX), std::slice::from_ref(&(0..2558)));
        assert_eq!(ranges_of(&tiles(), &all, 2048), [0..107, 107..2107, 2107..2558]);
    }
}
