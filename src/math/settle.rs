//! A map at rest after a person moved, pinned or released some of its points: those near them in the space follow,
//! and nothing else moves.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::fuzzy::{self, FuzzyGraph};
use super::hash;
use super::umap::{FRAME, Forces, Round, Steering};
use super::umap_epoch::{Epoch, hold};
use crate::data::{Knn, Pins};
use crate::job::{Ctx, Event, Latest};

/// Rounds after the last change, and the learning rate that falls to 0 over them: that of the last part of a map's
/// own run.
const EPOCHS: usize = 120;
const RATE: f32 = 0.25;

/// A point that a person put somewhere pulls so many times as hard: UMAP's pull falls with the distance, and nobody
/// would follow a point that is dragged across the map.
const PULL: usize = 4;

/// Neighbours of neighbours follow as well, but not more points than this, the nearest first.
const MOST: usize = 4096;

/// What has come of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    pub positions: Vec<[f32; 2]>,
    /// The pins that hold now: newer ones may have come while it moved.
    pub pins: Pins,
}

/// Lets what is near the points of `stirred` (pinned anew, moved or released) settle around them: pinned points are put
/// to their place, their neighbours and those of them follow with the forces of the map's own layout.
///
/// Newer pins and parameters are taken from `latest` between rounds, and rounds begin anew with each. Layouts so far go
/// out as events. The same at any number of threads, but for when newer values come.
pub fn settle(
    knn: &Knn,
    positions: Vec<[f32; 2]>,
    stirred: &BTreeSet<u32>,
    steering: Steering,
    latest: &Latest<Steering>,
    ctx: &Ctx,
) -> Settled {
    let mean = fuzzy::mean_distance(knn);
    let (mut positions, mut stirred, mut steering) = (positions, stirred.clone(), steering);
    hold(&mut positions, &steering.pins);
    let mut part = Part::of(knn, &positions, &stirred, &steering.pins, mean);
    let mut forces = Forces::new(&steering.params);
    ctx.progress.begin("Map", "epochs", EPOCHS as u64, 0);
    let (mut epoch, mut total) = (0, 0u64);
    let mut shown: Option<Instant> = None;
    while epoch < EPOCHS && !ctx.cancel.is_cancelled() {
        if let Some(newer) = latest.take() {
            part.read(&mut positions);
            let more = differing(&steering.pins, &newer.pins);
            forces = Forces::new(&newer.params);
            steering = newer;
            hold(&mut positions, &steering.pins);
            if more.is_subset(&stirred)
                && more.iter().all(|row| part.is_still(*row) == steering.pins.contains_key(row))
            {
                part.hold(&steering.pins);
            } else {
                stirred.extend(more);
                part = Part::of(knn, &positions, &stirred, &steering.pins, mean);
            }
            epoch = 0;
        }
        part.move_on(epoch, hash::draw(steering.params.seed, total), forces);
        (epoch, total) = (epoch + 1, total + 1);
        ctx.progress.set(epoch as u64);
        if shown.is_none_or(|shown| shown.elapsed() >= FRAME) {
            part.read(&mut positions);
            let positions = Arc::new(positions.clone());
            ctx.send(Event::Layout { positions, epoch, epochs: EPOCHS });
            shown = Some(Instant::now());
        }
    }
    part.read(&mut positions);
    Settled { positions, pins: steering.pins }
}

/// The points that one pins and the other does not, or elsewhere.
pub fn differing(one: &Pins, other: &Pins) -> BTreeSet<u32> {
    let not_in = |a: &Pins, b: &Pins| {
        a.iter().filter(|(row, place)| b.get(row) != Some(place)).map(|(row, _)| *row).collect::<Vec<u32>>()
    };
    not_in(one, other).into_iter().chain(not_in(other, one)).collect()
}

/// The points that follow, numbered before all others, which they see but do not move.
struct Part {
    /// The row of each point that follows.
    rows: Vec<u32>,
    /// The new number of each row that has not its own.
    number: HashMap<u32, u32>,
    /// Pinned rows.
    still: BTreeSet<u32>,
    graph: FuzzyGraph,
    positions: Vec<[f32; 2]>,
    next: Vec<[f32; 2]>,
}

impl Part {
    fn of(knn: &Knn, positions: &[[f32; 2]], stirred: &BTreeSet<u32>, pins: &Pins, mean: f64) -> Self {
        let near = near(knn, stirred);
        let rows: Vec<u32> = near.iter().copied().filter(|row| !pins.contains_key(row)).collect();
        // Rows that follow change places with the first ones.
        let mut place_of: Vec<(u32, u32)> = Vec::new();
        let mut number: HashMap<u32, u32> = rows.iter().zip(0..).map(|(&row, new)| (row, new)).collect();
        let many = rows.len() as u32;
        let mut free = rows.iter().copied().filter(|&row| row >= many);
        for displaced in (0..many).filter(|row| !number.contains_key(row)).collect::<Vec<u32>>() {
            // As many rows follow from beyond as are displaced.
            if let Some(free) = free.next() {
                place_of.push((displaced, free));
            }
        }
        number.extend(place_of);
        let new = |row: u32| number.get(&row).copied().unwrap_or(row);

        let mut weights: BTreeMap<(u32, u32), f32> = BTreeMap::new();
        let both: BTreeSet<u32> =
            rows.iter().chain(stirred).copied().filter(|&row| (row as usize) < knn.len()).collect();
        for &row in &both {
            for (other, weight) in fuzzy::weights_of(knn, row as usize, mean) {
                for ends in [(row, other), (other, row)] {
                    let sum = weights.entry(ends).or_default();
                    *sum += weight - *sum * weight;
                }
            }
        }
        let times = |to: u32| if stirred.contains(&to) && pins.contains_key(&to) { PULL } else { 1 };
        let edges_of = |&row: &u32| {
            let edges = weights.range((row, 0)..=(row, u32::MAX));
            edges.flat_map(|(&(_, to), &weight)| std::iter::repeat_n((new(to), weight), times(to))).collect()
        };
        let edges: Vec<Vec<(u32, f32)>> = rows.iter().map(edges_of).collect();
        let graph = FuzzyGraph::leading_out(&edges, 1.0 / EPOCHS as f32);
        let mut numbered = positions.to_vec();
        for (&row, &new) in &number {
            numbered[new as usize] = positions[row as usize];
        }
        let still = pins.keys().copied().collect();
        Self { rows, number, still, graph, next: numbered.clone(), positions: numbered }
    }

    fn is_still(&self, row: u32) -> bool {
        self.still.contains(&row)
    }

    /// Puts pinned points to their places.
    fn hold(&mut self, pins: &Pins) {
        let new = |row: &u32| self.number.get(row).copied().unwrap_or(*row);
        let pins: Pins = pins.iter().map(|(row, place)| (new(row), *place)).collect();
        hold(&mut self.positions, &pins);
        hold(&mut self.next, &pins);
    }

    fn move_on(&mut self, epoch: usize, seed: u64, forces: Forces) {
        let rate = RATE * (1.0 - epoch as f32 / EPOCHS as f32);
        let round = Round { epoch: epoch as u32, rate, seed: seed as u32, phase: 0, forces };
        Epoch { graph: &self.graph, positions: &self.positions, round }.run(&mut self.next);
        std::mem::swap(&mut self.positions, &mut self.next);
    }

    /// Where the points are that follow.
    fn read(&self, positions: &mut [[f32; 2]]) {
        for (&row, &place) in self.rows.iter().zip(&self.positions) {
            positions[row as usize] = place;
        }
    }
}

/// The rows of `stirred`, those near them either way, and those near these: at most [`MOST`], ascending.
fn near(knn: &Knn, stirred: &BTreeSet<u32>) -> BTreeSet<u32> {
    let n = knn.len() as u32;
    let mut near: BTreeSet<u32> = stirred.iter().copied().filter(|&row| row < n).collect();
    let mut first: BTreeSet<u32> =
        near.iter().flat_map(|&row| knn.of(row as usize)).copied().filter(|&row| row < n).collect();
    for row in 0..n {
        if knn.of(row as usize).iter().any(|other| stirred.contains(other)) {
            first.insert(row);
        }
    }
    let take = |near: &mut BTreeSet<u32>, rows: &BTreeSet<u32>| {
        for &row in rows {
            if near.len() < MOST {
                near.insert(row);
            }
        }
    };
    take(&mut near, &first);
    let second = first.iter().flat_map(|&row| knn.of(row as usize)).copied().filter(|&row| row < n).collect();
    take(&mut near, &second);
    near
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall};

    const N: usize = 400;

    /// Points on a ring, each joined to the three next, and lying on one.
    fn ring() -> (Knn, Vec<[f32; 2]>) {
        let indices = (0..N).flat_map(|i| (1..=3).map(move |c| ((i + c) % N) as u32)).collect();
        let similarities = (0..N).flat_map(|_| [0.9, 0.8, 0.7]).collect();
        let key = Key::of("test", 1).finish();
        let knn = Knn { key, k: 3, indices, similarities, recall: Recall::Exact, method: "test".into() };
        let angle = |i: usize| i as f32 * std::f32::consts::TAU / N as f32;
        (knn, (0..N).map(|i| [30.0 * angle(i).cos(), 30.0 * angle(i).sin()]).collect())
    }

    fn moved(pins: &[(u32, [f32; 2])], stirred: &[u32], positions: &[[f32; 2]]) -> Settled {
        let steering = Steering { pins: pins.iter().copied().collect(), ..Steering::default() };
        let stirred = stirred.iter().copied().collect();
        settle(&ring().0, positions.to_vec(), &stirred, steering, &Latest::default(), &Ctx::quiet())
    }

    fn apart(a: [f32; 2], b: [f32; 2]) -> f32 {
        (a[0] - b[0]).hypot(a[1] - b[1])
    }

    #[test]
    fn neighbours_of_a_dragged_point_come_nearer_and_all_others_stay_to_the_bit() {
        let (_, before) = ring();
        let place = [33.0, 6.0];
        let settled = moved(&[(0, place)], &[0], &before);
        assert_eq!(settled.positions[0], place);
        for near in [1, 2, N - 1, N - 2] {
            assert!(apart(settled.positions[near], place) < apart(before[near], place) - 0.5, "{near}");
        }
        assert_eq!(settled.positions[20..N - 20], before[20..N - 20]);
    }

    #[test]
    fn a_released_point_moves_back_to_its_neighbours() {
        let (_, before) = ring();
        let mut pinned = before;
        pinned[0] = [36.0, 0.0];
        let released = moved(&[], &[0], &pinned).positions;
        let gap = |map: &[[f32; 2]]| apart(map[0], map[1]) + apart(map[0], map[N - 1]);
        assert!(gap(&released) < 0.7 * gap(&pinned), "{} {}", gap(&released), gap(&pinned));
    }

    #[test]
    fn a_point_dragged_on_takes_its_neighbours_along() {
        let (knn, before) = ring();
        let latest = Latest::default();
        let place = [33.0, 6.0];
        latest.put(Steering { pins: Pins::from([(0, place)]), ..Steering::default() });
        let first = Steering { pins: Pins::from([(0, [29.0, 0.0])]), ..Steering::default() };
        let settled = settle(&knn, before.clone(), &BTreeSet::from([0]), first, &latest, &Ctx::quiet());
        assert_eq!((settled.positions[0], settled.pins), (place, Pins::from([(0, place)])));
        assert!(apart(settled.positions[1], place) < apart(before[1], place) - 0.5);
    }

    #[test]
    fn rows_that_are_not_there_do_no_harm() {
        let (_, before) = ring();
        assert_eq!(moved(&[(9999, [1.0, 1.0])], &[9999], &before).positions, before);
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let (_, before) = ring();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| moved(&[(3, [5.0, 5.0]), (200, [1.0, 0.0])], &[3, 200], &before))
        };
        assert_eq!(with(1), with(3));
    }
}
