//! Keeps the point index in step with the map, away from the window's thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use crate::job::promptly;

use super::picking::{PointIndex, stacks};
use super::points::same;

/// Least time between two builds while the layout moves, in seconds.
const LEAST_PAUSE: f64 = 0.3;

/// A build is followed by a pause this many times as long: at most a tenth of one core.
const PAUSE_RATIO: f64 = 10.0;

/// A layout that has not changed for so long, in seconds, lies still.
const STILL_SECONDS: f64 = 0.4;

/// The newest index and, once the map lies still, its stacks.
pub(super) struct IndexWorker {
    index: Option<Arc<PointIndex>>,
    stacks: Arc<Vec<u32>>,
    stacks_of: std::sync::Weak<Vec<[f32; 2]>>,
    running: Option<Receiver<Built>>,
    seen: std::sync::Weak<Vec<[f32; 2]>>,
    changed_at: f64,
    ready_at: f64,
}

struct Built {
    index: Arc<PointIndex>,
    stacks: Option<Arc<Vec<u32>>>,
    seconds: f64,
}

impl Default for IndexWorker {
    fn default() -> Self {
        Self {
            index: None,
            stacks: Arc::default(),
            stacks_of: std::sync::Weak::new(),
            running: None,
            seen: std::sync::Weak::new(),
            changed_at: f64::NEG_INFINITY,
            ready_at: f64::NEG_INFINITY,
        }
    }
}

impl IndexWorker {
    /// Takes what was built and starts what is due; call it every frame. `needed` says whether anybody points at
    /// the map: an index of a moving layout that nobody asks is not worth its work.
    pub fn update(&mut self, positions: &Arc<Vec<[f32; 2]>>, needed: bool, now: f64, ctx: &egui::Context) {
        if !same(&self.seen, positions) {
            let first = self.seen.strong_count() == 0 && self.index.is_none();
            self.seen = Arc::downgrade(positions);
            // The first layout seen is taken to lie still: a finished project opens with its stacks.
            self.changed_at = if first { f64::NEG_INFINITY } else { now };
        }
        self.take(now);
        let still = now - self.changed_at >= STILL_SECONDS;
        let old = self.index.as_ref().is_none_or(|index| !Arc::ptr_eq(index.positions(), positions));
        let stacks_old = still && !same(&self.stacks_of, positions);
        if self.running.is_some() {
            return;
        }
        if stacks_old || (old && needed && now >= self.ready_at) {
            self.start(positions.clone(), old, still, ctx.clone());
        } else if !still {
            let wait = (STILL_SECONDS - (now - self.changed_at)).max(0.0);
            ctx.request_repaint_after(std::time::Duration::from_secs_f64(wait));
        }
    }

    /// The newest index of this many points.
    pub fn index(&self, count: usize) -> Option<&Arc<PointIndex>> {
        self.index.as_ref().filter(|index| index.positions().len() == count)
    }

    /// The stacks of these positions, empty until they are counted.
    pub fn stacks(&self, positions: &Arc<Vec<[f32; 2]>>) -> &Arc<Vec<u32>> {
        static NONE: std::sync::LazyLock<Arc<Vec<u32>>> = std::sync::LazyLock::new(Arc::default);
        if same(&self.stacks_of, positions) { &self.stacks } else { &NONE }
    }

    fn take(&mut self, now: f64) {
        let Some(running) = &self.running else { return };
        match running.try_recv() {
            Ok(built) => {
                if let Some(stacks) = built.stacks {
                    self.stacks = stacks;
                    self.stacks_of = Arc::downgrade(built.index.positions());
                }
                self.index = Some(built.index);
                self.ready_at = now + (built.seconds * PAUSE_RATIO).max(LEAST_PAUSE);
                self.running = None;
            }
            Err(TryRecvError::Empty) => {}
            // The thread died; the next change starts another.
            Err(TryRecvError::Disconnected) => self.running = None,
        }
    }

    fn start(&mut self, positions: Arc<Vec<[f32; 2]>>, rebuild: bool, with_stacks: bool, ctx: egui::Context) {
        let (send, receive) = channel();
        let reused = self.index.clone().filter(|_| !rebuild);
        let work = move || {
            let start = std::time::Instant::now();
            let (stacks, index) = promptly(|| {
                let stacks = with_stacks.then(|| Arc::new(stacks(&positions)));
                (stacks, reused.unwrap_or_else(|| Arc::new(PointIndex::build(positions))))
            });
            let seconds = start.elapsed().as_secs_f64();
            // Nobody waits when the map was closed.
            let _ = send.send(Built { index, stacks, seconds });
            ctx.request_repaint();
        };
        // Without a thread there is no picking this time; the next frame tries again.
        if std::thread::Builder::new().name("map index".into()).spawn(work).is_ok() {
            self.running = Some(receive);
        }
    }
}
