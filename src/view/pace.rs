//! How often a map that moves by itself is drawn where a software adapter draws it: with the very processor that
//! computes the motion.

use std::time::Duration;

use egui::{Context, Id};

/// Points that a software adapter draws for motion, a second. A million take one about .8 CPU-seconds.
const POINTS_A_SECOND: f64 = 6e5;

/// Below this nobody sees a difference.
const UNSEEN: Duration = Duration::from_millis(50);

fn id() -> Id {
    Id::unique("pace of what moves by itself")
}

/// Sets the least time between two drawings of so many points. What a person does is drawn at once all the same.
pub fn set(ctx: &Context, points: usize, software: bool) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
