//! Keeps what is drawn in step with the map's data, away from the window's thread: tiles, marks and stacks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Weak};

use rayon::prelude::*;

use crate::job::promptly;

use super::colour::Packed;
use super::disc::{flags, mark};
use super::tiles::{Tiles, stacks};

/// Fewer points than this are arranged at once: below a millisecond.
const AT_ONCE: usize = 8192;

/// Least time between two sorts while the layout moves, in seconds.
const LEAST_PAUSE: f64 = 0.3;

/// A sort is followed by a pause this many times as long: at most a tenth of one core.
const PAUSE_RATIO: f64 = 10.0;

/// A layout that has not changed for so long, in seconds, lies still.
const STILL_SECONDS: f64 = 0.4;

/// Up to so many chosen points are drawn above all others, with rings. Around more, rings would hide the map.
pub const RINGED: usize = 20_000;

/// The data of a map. Colours may run out (black follows), and so may flags (none set): the window's data change one
/// after the other.
#[derive(Clone)]
pub struct Data {
    pub positions: Arc<Vec<[f32; 2]>>,
    pub colours: Arc<Vec<Packed>>,
    pub flags: Arc<Vec<u8>>,
}

/// Points as they are drawn and picked. Two of the same number are the same.
pub struct Arranged {
    pub number: u64,
    pub tiles: Arc<Tiles>,
    /// A [`mark`] a slot.
    pub marks: Arc<Vec<u32>>,
    /// The slots of the chosen points; empty when there are more than [`RINGED`].
    pub chosen: Vec<u32>,
    pub chosen_count: usize,
    /// Points at the place of each point; empty until they are counted.
    pub stacks: Arc<Vec<u32>>,
    colours: Weak<Vec<Packed>>,
    flags: Weak<Vec<u8>>,
}

/// What has to be made anew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Renew {
    Marks,
    Positions,
    Order,
}

impl Arranged {
    /// Everything of `data`, stacks included.
    pub fn new(data: &Data) -> Self {
        Self::renewed(None, data, Renew::Order, true)
    }

    fn renewed(earlier: Option<&Self>, data: &Data, renew: Renew, count_stacks: bool) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let positions = &data.positions;
        let kept = earlier.and_then(|earlier| match renew {
            Renew::Marks => Some(earlier.tiles.clone()),
            Renew::Positions => earlier.tiles.moved(positions.clone()).map(Arc::new),
            Renew::Order => None,
        });
        let tiles = kept.unwrap_or_else(|| Arc::new(Tiles::build(positions.clone())));
        let counted = earlier.filter(|earlier| Arc::ptr_eq(earlier.tiles.source(), positions));
        let stacks = match counted.map(|earlier| &earlier.stacks).filter(|stacks| !stacks.is_empty()) {
            Some(stacks) => stacks.clone(),
            None if count_stacks => Arc::new(stacks(positions)),
            None => Arc::default(),
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (colours, flags) = (Arc::downgrade(&data.colours), Arc::downgrade(&data.flags));
        let same_marks = earlier.filter(|earlier| {
            Arc::ptr_eq(earlier.tiles.order(), tiles.order())
                && (Arc::ptr_eq(&earlier.stacks, &stacks) || earlier.stacks.len() + stacks.len() == 0)
                && same(&earlier.colours, &data.colours)
                && same(&earlier.flags, &data.flags)
        });
        if let Some(earlier) = same_marks {
            let (marks, chosen) = (earlier.marks.clone(), earlier.chosen.clone());
            let chosen_count = earlier.chosen_count;
            return Self { number, tiles, marks, chosen, chosen_count, stacks, colours, flags };
        }
        let marks = Arc::new(marks(tiles.order(), &data.colours, &data.flags, &stacks));
        let (chosen, chosen_count) = chosen_slots(&marks);
        Self { number, tiles, marks, chosen, chosen_count, stacks, colours, flags }
    }

    /// Whether the point of a slot is not hidden.
    pub fn shows(&self, slot: usize) -> bool {
        self.marks.get(slot).is_some_and(|mark| (mark >> 24) as u8 & flags::HIDDEN == 0)
    }

    fn has_marks_of(&self, data: &Data) -> bool {
        same(&self.colours, &data.colours) && same(&self.flags, &data.flags)
    }
}

/// Whether `seen` is the data that `now` holds. A weak one keeps nobody's data alive, and no new data can take its
/// address meanwhile.
pub(super) fn same<T>(seen: &Weak<T>, now: &Arc<T>) -> bool {
    std::ptr::eq(seen.as_ptr(), Arc::as_ptr(now))
}

/// The marks of points in their order.
pub(super) fn marks(order: &[u32], colours: &[Packed], flags: &[u8], stacks: &[u32]) -> Vec<u32> {
    let of = |&i: &u32| {
        let i = i as usize;
        let at = |values: &[u32], otherwise| values.get(i).copied().unwrap_or(otherwise);
        mark(at(colours, 0), flags.get(i).copied().unwrap_or(0), at(stacks, 1))
    };
    order.par_iter().map(of).collect()
}

fn is_chosen(mark: u32) -> bool {
    let flags = (mark >> 24) as u8;
    flags & (flags::SELECTED | flags::FOCUS) != 0 && flags & flags::HIDDEN == 0
}

/// The slots of the chosen points, unless they are too many, and their number.
pub(super) fn chosen_slots(marks: &[u32]) -> (Vec<u32>, usize) {
    let count = marks.par_iter().filter(|&&mark| is_chosen(mark)).count();
    if count == 0 || count > RINGED {
        return (Vec::new(), count);
    }
    let slots = marks.iter().enumerate().filter(|(_, mark)| is_chosen(**mark));
    (slots.map(|(slot, _)| slot as u32).collect(), count)
}

/// The newest arrangement, and the work on the next one.
pub(super) struct Arranger {
    latest: Option<Arc<Arranged>>,
    running: Option<Receiver<(Arranged, f64)>>,
    seen: Weak<Vec<[f32; 2]>>,
    changed_at: f64,
    sort_at: f64,
}

impl Default for Arranger {
    fn default() -> Self {
        let never = f64::NEG_INFINITY;
        Self { latest: None, running: None, seen: Weak::new(), changed_at: never, sort_at: never }
    }
}

impl Arranger {
    /// Takes what was made and starts what is due; call it every frame. Other points than before show when they are
    /// arranged; until then there are none.
    pub fn update(&mut self, data: &Data, now: f64, ctx: &egui::Context) {
        if !same(&self.seen, &data.positions) {
            // The first layout seen is taken to lie still: a finished project opens with its stacks.
            let first = self.seen.strong_count() == 0 && self.latest.is_none();
            self.seen = Arc::downgrade(&data.positions);
            self.changed_at = if first { f64::NEG_INFINITY } else { now };
        }
        self.take(now);
        let count = data.positions.len();
        self.latest = self.latest.take().filter(|latest| latest.tiles.source().len() == count);
        let still = now - self.changed_at >= STILL_SECONDS;
        if self.running.is_some() {
            return;
        }
        let due = match &self.latest {
            None => Some(Renew::Order),
            Some(latest) => {
                let current = Arc::ptr_eq(latest.tiles.source(), &data.positions);
                let unsorted = !current || !latest.tiles.is_sorted();
                let sort = unsorted && (still || now >= self.sort_at);
                let uncounted = still && latest.stacks.is_empty() && count > 0;
                if sort {
                    Some(Renew::Order)
                } else if !current {
                    Some(Renew::Positions)
                } else {
                    (uncounted || !latest.has_marks_of(data)).then_some(Renew::Marks)
                }
            }
        };
        match due {
            Some(renew) if count <= AT_ONCE => {
                let made = promptly(|| Arranged::renewed(self.latest.as_deref(), data, renew, still));
                self.latest = Some(Arc::new(made));
            }
            Some(renew) => self.start(data.clone(), renew, still, ctx.clone()),
            None => {}
        }
        if !still {
            let wait = (STILL_SECONDS - (now - self.changed_at)).max(0.0);
            ctx.request_repaint_after(std::time::Duration::from_secs_f64(wait));
        }
    }

    /// The newest arrangement there is; that of moving points may be some frames old.
    pub fn latest(&self) -> Option<&Arc<Arranged>> {
        self.latest.as_ref()
    }

    /// Whether the points moved a moment ago.
    pub fn moves(&self, now: f64) -> bool {
        now - self.changed_at < STILL_SECONDS
    }

    fn take(&mut self, now: f64) {
        let Some(running) = &self.running else { return };
        match running.try_recv() {
            Ok((made, seconds)) => {
                if made.tiles.is_sorted() {
                    self.sort_at = now + (seconds * PAUSE_RATIO).max(LEAST_PAUSE);
                }
                self.latest = Some(Arc::new(made));
                self.running = None;
            }
            Err(TryRecvError::Empty) => {}
            // The thread died; the next change starts another.
            Err(TryRecvError::Disconnected) => self.running = None,
        }
    }

    fn start(&mut self, data: Data, renew: Renew, still: bool, ctx: egui::Context) {
        let (send, receive) = channel();
        let earlier = self.latest.clone();
        let work = move || {
            let start = std::time::Instant::now();
            let made = promptly(|| Arranged::renewed(earlier.as_deref(), &data, renew, still));
            // Nobody waits when the map was closed.
            let _ = send.send((made, start.elapsed().as_secs_f64()));
            ctx.request_repaint();
        };
        // Without a thread nothing new shows this time; the next frame tries again.
        if std::thread::Builder::new().name("map tiles".into()).spawn(work).is_ok() {
            self.running = Some(receive);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(count: usize) -> Data {
        Data {
            positions: Arc::new((0..count).map(|i| [(i * 37 % 101) as f32, (i * 53 % 89) as f32]).collect()),
            colours: Arc::new((0..count as u32).collect()),
            flags: Arc::default(),
        }
    }

    #[test]
    fn data_of_unequal_length_still_give_one_mark_a_point() {
        assert_eq!(marks(&[0, 1, 2], &[1, 2], &[], &[]), [1, 2, 0]);
        assert_eq!(marks(&[1, 0], &[1, 2, 3], &[4], &[1, 4]), [2 | 2 << 28, 1 | 4 << 24]);
    }

    #[test]
    fn new_data_at_an_old_address_are_noticed() {
        let first = Arc::new(vec![1_u8]);
        let seen = Arc::downgrade(&first);
        assert!(same(&seen, &first));
        drop(first);
        assert!(!same(&seen, &Arc::new(vec![1_u8])));
    }

    #[test]
    fn marks_follow_their_points_into_the_tiles() {
        let data = data(5000);
        let arranged = Arranged::new(&data);
        for (&i, mark) in arranged.tiles.order().iter().zip(arranged.marks.iter()) {
            assert_eq!(mark & 0x00ff_ffff, i);
        }
    }

    #[test]
    fn few_chosen_points_are_listed_and_many_only_counted() {
        let mut data = data(RINGED + 10);
        data.flags = Arc::new((0..RINGED + 10).map(|i| u8::from(i % 100 == 0) * flags::SELECTED).collect());
        let few = Arranged::new(&data);
        assert_eq!((few.chosen.len(), few.chosen_count), (201, 201));
        let documents = few.chosen.iter().map(|&slot| few.tiles.order()[slot as usize]);
        assert!(documents.into_iter().all(|i| i % 100 == 0));
        data.flags = Arc::new(vec![flags::FOCUS; RINGED + 10]);
        let many = Arranged::new(&data);
        assert_eq!((many.chosen.len(), many.chosen_count), (0, RINGED + 10));
    }

    #[test]
    fn only_what_changed_is_made_again() {
        let mut data = data(3000);
        let first = Arranged::new(&data);
        data.flags = Arc::new(vec![flags::DIMMED; 3000]);
        let flagged = Arranged::renewed(Some(&first), &data, Renew::Marks, false);
        assert!(Arc::ptr_eq(&flagged.tiles, &first.tiles) && !Arc::ptr_eq(&flagged.marks, &first.marks));
        data.positions = Arc::new(data.positions.iter().map(|[x, y]| [x + 1.0, *y]).collect());
        let moved = Arranged::renewed(Some(&flagged), &data, Renew::Positions, false);
        assert!(Arc::ptr_eq(moved.tiles.order(), first.tiles.order()) && !moved.tiles.is_sorted());
    }
}
