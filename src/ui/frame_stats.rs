//! How long the window's thread takes for a frame.

use std::time::Duration;

/// The frames remembered: two minutes at 60 a second.
const REMEMBERED: usize = 7200;

/// A ring of the last frame times.
#[derive(Debug, Default)]
pub struct FrameTimes {
    ring: Vec<Duration>,
    next: usize,
    frames: u64,
}

/// What the ring says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameStats {
    /// Frames drawn since the start.
    pub frames: u64,
    /// Median, 99th percentile and maximum of the frames remembered.
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

impl FrameTimes {
    /// Remembers one frame.
    pub fn record(&mut self, time: Duration) {
        if self.ring.len() < REMEMBERED {
            self.ring.push(time);
        } else {
            self.ring[self.next] = time;
        }
        self.next = (self.next + 1) % REMEMBERED;
        self.frames += 1;
    }

    /// The figures of the frames remembered.
    pub fn stats(&self) -> FrameStats {
        let mut sorted = self.ring.clone();
        sorted.sort_unstable();
        let at = |share: f64| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        FrameStats { frames: self.frames, p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_frame_in_a_hundred_is_the_p99() {
        let mut times = FrameTimes::default();
        (1..=100).for_each(|ms| times.record(Duration::from_millis(ms)));
        let stats = times.stats();
        assert_eq!(stats.p50, Duration::from_millis(50));
        assert_eq!(stats.p99, Duration::from_millis(99));
        assert_eq!(stats.max, Duration::from_millis(100));
    }

    #[test]
    fn old_frames_are_forgotten() {
        let mut times = FrameTimes::default();
        times.record(Duration::from_secs(9));
        (0..REMEMBERED).for_each(|_| times.record(Duration::from_millis(1)));
        assert_eq!(times.stats().max, Duration::from_millis(1));
        assert_eq!(times.stats().frames, REMEMBERED as u64 + 1);
    }
}
