//! How much a frame may draw, learnt from how long frames take, and how often a map that moves by itself is drawn
//! where the processor does both.

use std::time::Duration;

use egui::{Context, Id};

/// Points that a software adapter draws for motion that nobody causes, a second: the processor that draws is the one
/// that computes the motion.
const POINTS_A_SECOND: f64 = 6e5;

/// Below this nobody sees a difference.
const UNSEEN: Duration = Duration::from_millis(50);

/// What a frame should take: on an adapter, and where the processor draws. A display that takes the latter even for
/// the fewest points is taken as it is.
const DUE: (Duration, Duration) = (Duration::from_micros(16_667), Duration::from_micros(33_333));

/// A frame is late when it takes this many times what it should: a display that waits for its next turn is not.
const LATE: f64 = 1.3;

/// Points of a frame at least, however slow the adapter: fewer tell nothing of a map.
const LEAST: f64 = 30_000.0;

/// By what a budget grows after a frame in time, and how far it may go back at once.
const GROWTH: f64 = 1.25;
const LEAST_CUT: f64 = 0.3;

/// After two late frames in a row a budget stays below what they drew; a new motion tries this much more.
const BELOW_LATE: f64 = 0.85;
const NEW_ATTEMPT: f64 = 1.1;

fn id() -> Id {
    Id::unique("pace of what moves by itself")
}

/// Sets the least time between two drawings of so many points. What a person does is drawn at once all the same.
pub fn set(ctx: &Context, points: u64, software: bool) {
    let pace = Duration::from_secs_f64(points as f64 / POINTS_A_SECOND);
    let pace = if software && pace > UNSEEN { pace } else { Duration::ZERO };
    ctx.data_mut(|data| data.insert_temp(id(), pace));
}

/// The time that was set last.
pub fn get(ctx: &Context) -> Duration {
    ctx.data(|data| data.get_temp(id())).unwrap_or_default()
}

/// Has the window drawn again, after the time that was set.
pub fn request_repaint(ctx: &Context) {
    ctx.request_repaint_after(get(ctx));
}

/// How many points of one kind a frame may draw.
#[derive(Clone, Debug)]
pub struct Budget {
    points: f64,
    /// Drawing so many was late.
    ceiling: f64,
    due: Duration,
    /// What a frame of the fewest points takes.
    display: Duration,
    late_before: bool,
}

impl Budget {
    /// A budget that starts at `points` a frame.
    pub fn new(points: u64, software: bool) -> Self {
        Self {
            points: points as f64,
            ceiling: f64::INFINITY,
            due: if software { DUE.1 } else { DUE.0 },
            display: Duration::ZERO,
            late_before: false,
        }
    }

    /// Points that the next frame may draw.
    pub fn points(&self) -> u64 {
        self.points as u64
    }

    /// Something begins to move.
    pub fn begin(&mut self) {
        self.ceiling *= NEW_ATTEMPT;
        self.late_before = false;
    }

    /// Learns from a frame that drew so many points and took so long until the next one began.
    pub fn note(&mut self, drawn: u64, took: Duration) {
        let drawn = drawn as f64;
        self.display = self.display.min(took);
        if drawn <= LEAST && took > self.due.mul_f64(LATE) {
            // It cannot be the points.
            self.display = took.min(DUE.1);
            self.ceiling = f64::INFINITY;
        }
        let due = self.due.max(self.display).mul_f64(LATE);
        if took > due {
            if self.late_before {
                self.ceiling = (BELOW_LATE * drawn).max(LEAST);
            }
            let cut = (due.as_secs_f64() / took.as_secs_f64()).clamp(LEAST_CUT, BELOW_LATE);
            self.points = (cut * drawn.min(self.points)).max(LEAST);
        } else if GROWTH * drawn >= self.points {
            // It was the budget that bound, not the number of points there are.
            self.points = (GROWTH * self.points).min(self.ceiling);
        }
        self.late_before = took > due;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a budget comes to where a frame takes `base` and as long again for every `rate` points.
    fn settled(mut budget: Budget, base_ms: f64, points_a_ms: f64) -> (u64, f64) {
        let took = |points: u64| base_ms + points as f64 / points_a_ms;
        for _ in 0..200 {
            let drawn = budget.points();
            budget.note(drawn, Duration::from_secs_f64(took(drawn) / 1e3));
        }
        (budget.points(), took(budget.points()))
    }

    #[test]
    fn a_budget_settles_where_frames_are_in_time() {
        for points_a_ms in [5e3, 1e5, 1e6] {
            let (points, ms) = settled(Budget::new(4_000_000, false), 2.0, points_a_ms);
            assert!(ms < 16.7 * LATE, "{points} points take {ms} ms");
            assert!(ms > 8.0 || points as f64 <= LEAST, "{points} points take only {ms} ms");
        }
    }

    #[test]
    fn a_slow_display_does_not_shrink_the_budget() {
        let mut budget = Budget::new(1_000_000, false);
        (0..100).for_each(|_| budget.note(budget.points(), Duration::from_millis(33)));
        assert!(budget.points() >= 1_000_000);
    }

    #[test]
    fn few_points_teach_nothing_about_many() {
        let mut budget = Budget::new(1_000_000, false);
        (0..50).for_each(|_| budget.note(1000, Duration::from_millis(5)));
        assert_eq!(budget.points(), 1_000_000);
    }

    #[test]
    fn one_late_frame_is_soon_forgotten() {
        let mut budget = Budget::new(1_000_000, false);
        budget.note(1_000_000, Duration::from_millis(300));
        assert!(budget.points() < 500_000);
        (0..20).for_each(|_| budget.note(budget.points(), Duration::from_millis(10)));
        assert!(budget.points() > 1_000_000);
    }

    #[test]
    fn only_many_points_on_a_software_adapter_are_drawn_less_often() {
        let ctx = Context::default();
        assert_eq!(get(&ctx), Duration::ZERO);
        set(&ctx, 1_200_000, true);
        assert_eq!(get(&ctx), Duration::from_secs(2));
        set(&ctx, 1_000_000, false);
        assert_eq!(get(&ctx), Duration::ZERO);
        set(&ctx, 20_000, true);
        assert_eq!(get(&ctx), Duration::ZERO);
    }
}
