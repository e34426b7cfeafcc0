//! Which part of the world is in view, and how it moves.
//!
//! *World* is the layout's own plane, y upwards. *View* is egui's points, y downwards, inside the map's rectangle.

use egui::{Pos2, Rect, Vec2};

/// Share of the view left free around what is fitted.
const FIT_MARGIN: f64 = 0.06;

/// How far one can zoom out of, and into, the fitted map. Beyond the latter f32 positions would step visibly.
const ZOOM_RANGE: (f64, f64) = (0.2, 2000.0);

/// Seconds that a flight takes.
pub const FLIGHT_SECONDS: f64 = 0.22;

/// Seconds in which a camera that follows a moving layout makes up for 63% of its distance.
const FOLLOW_SECONDS: f64 = 0.18;

/// Positions looked at for robust bounds.
const BOUNDS_SAMPLE: usize = 8192;

/// Share of positions left out at each side of robust bounds.
const BOUNDS_TAIL: f64 = 0.002;

/// Coordinates looked at side by side.
const LANES: usize = 16;

/// Robust bounds give way to full ones when these are hardly wider.
const BOUNDS_SLACK: f64 = 1.6;

/// A rectangle in the world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub min: [f64; 2],
    pub max: [f64; 2],
}

impl Bounds {
    /// What an empty map shows.
    pub const UNIT: Self = Self { min: [-1.0, -1.0], max: [1.0, 1.0] };

    /// The smallest rectangle that holds all finite positions, `None` when there is none.
    pub fn of(positions: &[[f32; 2]]) -> Option<Self> {
        // Some points side by side, x and y in turn, so that the loop runs on vector registers. NaN fails both
        // comparisons, and infinite coordinates, which must not blow up the rectangle, become NaN.
        let (mut min, mut max) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
        let lanes = bytemuck::cast_slice::<[f32; 2], f32>(positions).chunks(LANES);
        for values in lanes {
            for ((&value, min), max) in values.iter().zip(&mut min).zip(&mut max) {
                let value = if value.abs() < f32::INFINITY { value } else { f32::NAN };
                *min = if value < *min { value } else { *min };
                *max = if value > *max { value } else { *max };
            }
        }
        let along = |values: &[f32; LANES], axis: usize, pick: fn(f32, f32) -> f32| {
            values.iter().skip(axis).step_by(2).copied().fold(values[axis], pick)
        };
        let min = [0, 1].map(|axis| along(&min, axis, f32::min));
        let max = [0, 1].map(|axis| along(&max, axis, f32::max));
        (min[0] <= max[0] && min[1] <= max[1])
            .then(|| Self { min: min.map(f64::from), max: max.map(f64::from) })
    }

    /// Where the points are, stray ones left out: 99.6% along each axis, or everything when that is hardly wider.
    /// Looks at every position once and at a sample of them closely: about a millisecond a million.
    pub fn robust(positions: &[[f32; 2]]) -> Self {
        let Some(full) = Self::of(positions) else { return Self::UNIT };
        let stride = positions.len().div_ceil(BOUNDS_SAMPLE).max(1);
        let mut bounds = full;
        for axis in 0..2 {
            let along = positions.iter().step_by(stride).map(|p| p[axis]);
            let mut sample: Vec<f32> = along.filter(|v| v.is_finite()).collect();
            let Some(last) = sample.len().checked_sub(1) else { continue };
            let tail = (last as f64 * BOUNDS_TAIL).ceil() as usize;
            let low = f64::from(*sample.select_nth_unstable_by(tail.min(last), f32::total_cmp).1);
            let high = f64::from(*sample.select_nth_unstable_by(last - tail.min(last), f32::total_cmp).1);
            if full.max[axis] - full.min[axis] > BOUNDS_SLACK * (high - low) && high > low {
                let edge = 0.05 * (high - low);
                bounds.min[axis] = (low - edge).max(full.min[axis]);
                bounds.max[axis] = (high + edge).min(full.max[axis]);
            }
        }
        bounds
    }

    /// The point in the middle.
    pub fn centre(&self) -> [f64; 2] {
        [0, 1].map(|axis| 0.5 * (self.min[axis] + self.max[axis]))
    }

    /// Width and height.
    pub fn size(&self) -> [f64; 2] {
        [0, 1].map(|axis| self.max[axis] - self.min[axis])
    }

    /// Whether a world position lies inside.
    pub fn contains(&self, [x, y]: [f32; 2]) -> bool {
        let (x, y) = (f64::from(x), f64::from(y));
        (self.min[0]..=self.max[0]).contains(&x) && (self.min[1]..=self.max[1]).contains(&y)
    }
}

/// What the view looks at. Scales are equal along both axes: distances on the map mean something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// World position in the middle of the view.
    pub centre: [f64; 2],
    /// View points a world unit.
    pub scale: f64,
}

impl Camera {
    /// The camera that shows `bounds` in the middle of `view`, with a margin.
    pub fn fit(bounds: Bounds, view: Rect) -> Self {
        let [width, height] = bounds.size();
        let room = |length: f32| f64::from(length.max(1.0)) * (1.0 - 2.0 * FIT_MARGIN);
        let scale = (room(view.width()) / width).min(room(view.height()) / height);
        // A single point, or none, has no extent: any scale shows it.
        let scale = if scale.is_finite() { scale } else { f64::from(view.width().max(1.0)) };
        Self { centre: bounds.centre(), scale }
    }

    /// Where a world position appears.
    pub fn view_from_world(&self, world: [f32; 2], view: Rect) -> Pos2 {
        let [dx, dy] = [0, 1].map(|axis| (f64::from(world[axis]) - self.centre[axis]) * self.scale);
        view.center() + Vec2::new(dx as f32, -dy as f32)
    }

    /// The world position under a point of the view.
    pub fn world_from_view(&self, pos: Pos2, view: Rect) -> [f64; 2] {
        let offset = pos - view.center();
        [self.centre[0] + f64::from(offset.x) / self.scale, self.centre[1] - f64::from(offset.y) / self.scale]
    }

    /// The part of the world inside `view`, grown by `margin` view points.
    pub fn visible_world(&self, view: Rect, margin: f32) -> Bounds {
        let view = view.expand(margin);
        let (bottom_left, top_right) = (view.left_bottom(), view.right_top());
        Bounds { min: self.world_from_view(bottom_left, view), max: self.world_from_view(top_right, view) }
    }

    /// The camera `factor` times closer, the world under `cursor` staying where it is. The scale stays within
    /// reach of the fitted camera's.
    pub fn zoomed_at(&self, cursor: Pos2, factor: f64, view: Rect, fitted: &Self) -> Self {
        let scale = (self.scale * factor).clamp(fitted.scale * ZOOM_RANGE.0, fitted.scale * ZOOM_RANGE.1);
        let anchor = self.world_from_view(cursor, view);
        let ratio = self.scale / scale;
        Self { centre: [0, 1].map(|axis| anchor[axis] + (self.centre[axis] - anchor[axis]) * ratio), scale }
    }

    /// The camera after the map was dragged by `delta` view points.
    pub fn panned(&self, delta: Vec2) -> Self {
        let [x, y] = self.centre;
        Self {
            centre: [x - f64::from(delta.x) / self.scale, y + f64::from(delta.y) / self.scale],
            scale: self.scale,
        }
    }

    /// The same camera, its centre held inside `bounds`, so that the map cannot be lost from view.
    pub fn kept_near(&self, bounds: Bounds) -> Self {
        let held = |axis: usize| self.centre[axis].clamp(bounds.min[axis], bounds.max[axis]);
        Self { centre: [held(0), held(1)], scale: self.scale }
    }

    /// How many times closer than the fitted camera.
    pub fn zoom(&self, fitted: &Self) -> f64 {
        self.scale / fitted.scale
    }

    /// The camera at `t` in [0, 1] on the way to `target`: what both show at the same place stays there.
    pub fn towards(&self, target: &Self, t: f64) -> Self {
        let lerp = |from: f64, to: f64| from + (to - from) * t;
        // Interpolating the extent (not the scale) beside the centre keeps a common fixed point fixed.
        let scale = 1.0 / lerp(1.0 / self.scale, 1.0 / target.scale);
        Self { centre: [0, 1].map(|axis| lerp(self.centre[axis], target.centre[axis])), scale }
    }

    /// The camera after following `target` for `seconds`.
    pub fn following(&self, target: &Self, seconds: f64) -> Self {
        self.towards(target, 1.0 - (-seconds / FOLLOW_SECONDS).exp())
    }

    /// Whether a difference to `other` cannot be seen in `view`.
    pub fn looks_like(&self, other: &Self, view: Rect) -> bool {
        let size = f64::from(view.width().max(view.height()));
        let drift = [0, 1].map(|axis| (self.centre[axis] - other.centre[axis]).abs() * self.scale);
        drift[0].max(drift[1]) < 0.1 && (self.scale / other.scale - 1.0).abs() * size < 0.1
    }
}

/// A camera on its way.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    from: Camera,
    to: Camera,
    start: f64,
}

impl Flight {
    /// Leaves at `now` (seconds).
    pub fn new(from: Camera, to: Camera, now: f64) -> Self {
        Self { from, to, start: now }
    }

    /// Where it goes.
    pub fn target(&self) -> Camera {
        self.to
    }

    /// The camera at `now`, and whether it has arrived.
    pub fn at(&self, now: f64) -> (Camera, bool) {
        let t = ((now - self.start) / FLIGHT_SECONDS).clamp(0.0, 1.0);
        if t >= 1.0 {
            return (self.to, true);
        }
        let eased = 1.0 - (1.0 - t).powi(3);
        (self.from.towards(&self.to, eased), false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn view() -> Rect {
        Rect::from_min_size(Pos2::new(40.0, 10.0), Vec2::new(800.0, 600.0))
    }

    fn camera() -> impl Strategy<Value = Camera> {
        (-50.0..50.0, -50.0..50.0, 0.5..500.0_f64).prop_map(|(x, y, scale)| Camera { centre: [x, y], scale })
    }

    fn cursor() -> impl Strategy<Value = Pos2> {
        (40.0..840.0_f32, 10.0..610.0_f32).prop_map(|(x, y)| Pos2::new(x, y))
    }

    proptest! {
        #[test]
        fn the_world_under_the_cursor_stays_there_while_zooming(
            camera in camera(), cursor in cursor(), factor in 0.2..5.0,
        ) {
            let before = camera.world_from_view(cursor, view());
            let after = camera.zoomed_at(cursor, factor, view(), &camera).world_from_view(cursor, view());
            let tolerance = 1e-9 * (1.0 + before[0].abs() + before[1].abs()) + 1e-6 / camera.scale;
            prop_assert!((before[0] - after[0]).abs() < tolerance && (before[1] - after[1]).abs() < tolerance);
        }

        #[test]
        fn world_and_view_are_inverse(camera in camera(), cursor in cursor()) {
            let world = camera.world_from_view(cursor, view()).map(|v| v as f32);
            let back = camera.view_from_world(world, view());
            let step = 1.0 + 60.0 * f32::EPSILON * 50.0 * camera.scale as f32;
            prop_assert!((back - cursor).length() < step, "{:?} {:?}", back, cursor);
        }

        #[test]
        fn dragging_moves_what_is_under_the_pointer_with_it(camera in camera(), cursor in cursor()) {
            let delta = Vec2::new(13.0, -7.0);
            let before = camera.world_from_view(cursor, view());
            let after = camera.panned(delta).world_from_view(cursor + delta, view());
            prop_assert!((before[0] - after[0]).abs() * camera.scale < 1e-3);
            prop_assert!((before[1] - after[1]).abs() * camera.scale < 1e-3);
        }

        #[test]
        fn a_fitted_map_lies_inside_the_view(
            x in -100.0..100.0, y in -100.0..100.0, w in 0.001..100.0, h in 0.001..100.0,
        ) {
            let bounds = Bounds { min: [x, y], max: [x + w, y + h] };
            let camera = Camera::fit(bounds, view());
            for corner in [bounds.min, bounds.max] {
                let pos = camera.view_from_world(corner.map(|v| v as f32), view());
                prop_assert!(view().expand(1.0).contains(pos), "{:?}", pos);
            }
        }
    }

    #[test]
    fn zooming_stops_at_its_limits() {
        let fitted = Camera::fit(Bounds::UNIT, view());
        let out = (0..100).fold(fitted, |camera, _| camera.zoomed_at(view().center(), 0.5, view(), &fitted));
        let into = (0..100).fold(fitted, |camera, _| camera.zoomed_at(view().center(), 2.0, view(), &fitted));
        assert!((out.zoom(&fitted) - ZOOM_RANGE.0).abs() < 1e-9);
        assert!((into.zoom(&fitted) - ZOOM_RANGE.1).abs() < 1e-6);
    }

    #[test]
    fn up_in_the_world_is_up_on_the_screen() {
        let camera = Camera::fit(Bounds::UNIT, view());
        let (low, high) =
            (camera.view_from_world([0.0, -1.0], view()), camera.view_from_world([0.0, 1.0], view()));
        assert!(high.y < low.y);
    }

    #[test]
    fn stray_points_do_not_shrink_the_map() {
        let mut positions: Vec<[f32; 2]> = (0..2000).map(|i| [(i % 50) as f32, (i / 50) as f32]).collect();
        positions.push([1e6, -1e6]);
        positions.push([f32::NAN, 3.0]);
        let bounds = Bounds::robust(&positions);
        assert!(bounds.max[0] < 60.0 && bounds.min[1] > -10.0, "{bounds:?}");
        assert!(bounds.min[0] <= 0.5 && bounds.max[1] >= 38.5, "{bounds:?}");
    }

    #[test]
    fn infinite_and_missing_coordinates_lie_in_no_bounds() {
        let bounds = Bounds::of(&[[f32::INFINITY, 1.0], [2.0, f32::NAN], [3.0, 4.0]]);
        assert_eq!(bounds, Some(Bounds { min: [2.0, 1.0], max: [3.0, 4.0] }));
    }

    #[test]
    fn few_points_are_all_in_bounds() {
        let bounds = Bounds::robust(&[[0.0, 0.0], [10.0, 2.0], [3.0, 5.0]]);
        assert_eq!(bounds, Bounds { min: [0.0, 0.0], max: [10.0, 5.0] });
    }

    #[test]
    fn no_point_and_one_point_can_be_shown() {
        assert_eq!(Bounds::robust(&[]), Bounds::UNIT);
        assert_eq!(Bounds::robust(&[[f32::NAN, 1.0]]), Bounds::UNIT);
        let camera = Camera::fit(Bounds::robust(&[[5.0, 5.0]]), view());
        assert_eq!(camera.view_from_world([5.0, 5.0], view()), view().center());
    }

    #[test]
    fn a_flight_eases_out_and_arrives() {
        let (from, to) =
            (Camera { centre: [0.0, 0.0], scale: 1.0 }, Camera { centre: [10.0, 0.0], scale: 8.0 });
        let flight = Flight::new(from, to, 5.0);
        assert_eq!(flight.at(5.0).0, from);
        let (half, arrived) = flight.at(5.0 + 0.5 * FLIGHT_SECONDS);
        assert!(half.centre[0] > 5.0 && !arrived);
        assert_eq!(flight.at(6.0), (to, true));
    }
}
