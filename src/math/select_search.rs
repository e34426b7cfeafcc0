//! Good choices of predicates, without proof: greedy cover, and steps to better neighbours from it (Resende's local
//! search for maximum coverage; Lourenço, Martin & Stützle 2003 for its repetition).

use rayon::prelude::*;

use super::random::Random;
use super::select_program::Program;
use crate::job::{Cancelled, Ctx};

/// Rows that one task counts.
const ROWS_A_TASK: usize = 1 << 13;
/// Differences of cost below this share of it are rounding.
const ROUNDING: f64 = 1e-12;
/// How many predicates kicks exchange before the next descent, in turns: few stay near, many lead elsewhere.
const KICK: [usize; 4] = [3, 4, 6, 9];

/// A choice, with how many of its predicates hold for each row.
#[derive(Clone)]
pub(super) struct Search<'a> {
    program: &'a Program,
    chosen: Vec<u16>,
    holding: Vec<u16>,
}

/// What single steps would change, in texts.
struct Tallies {
    /// Texts that each predicate would cover anew.
    gain: Vec<u64>,
    /// Texts that only the choice's predicate at this place covers.
    alone: Vec<u64>,
    /// Of those, how many each predicate would take over: place × predicate.
    taken: Vec<u64>,
}

enum Step {
    Add(u16),
    Drop(usize),
    Swap(usize, u16),
}

impl<'a> Search<'a> {
    fn empty(program: &'a Program) -> Self {
        Self { program, chosen: Vec::new(), holding: vec![0; program.rows.rows()] }
    }

    /// The choice of `chosen`.
    pub fn at(program: &'a Program, chosen: &[u16]) -> Self {
        let mut search = Self::empty(program);
        chosen.iter().for_each(|&j| search.take(Step::Add(j)));
        search
    }

    /// The greedy choice: each time the predicate that lowers the cost most (or raises it least, where a number is
    /// asked for).
    pub fn greedy(program: &'a Program, ctx: &Ctx) -> Result<Self, Cancelled> {
        let mut search = Self::empty(program);
        while program.count.is_none_or(|count| search.chosen.len() < count) {
            ctx.cancel.check()?;
            let tallies = search.tallies();
            let best = (0..program.len() as u16)
                .filter(|j| !search.chosen.contains(j))
                .map(|j| (search.adding(&tallies, j), j))
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            match best {
                Some((change, j)) if program.count.is_some() || change < 0.0 => search.take(Step::Add(j)),
                _ => break,
            }
        }
        Ok(search)
    }

    /// The chosen predicates, ascending.
    pub fn chosen(&self) -> Vec<u16> {
        let mut chosen = self.chosen.clone();
        chosen.sort_unstable();
        chosen
    }

    fn adding(&self, tallies: &Tallies, j: u16) -> f64 {
        let j = usize::from(j);
        self.program.prices[j] - self.program.missed * tallies.gain[j] as f64
    }

    fn tallies(&self) -> Tallies {
        let m = self.program.len();
        let width = self.chosen.len();
        let mut place = vec![u16::MAX; m];
        self.chosen.iter().enumerate().for_each(|(at, &j)| place[usize::from(j)] = at as u16);
        let rows = &self.program.rows;
        let empty = || Tallies { gain: vec![0; m], alone: vec![0; width], taken: vec![0; width * m] };
        let task = |task: usize| {
            let mut tallies = empty();
            for row in task * ROWS_A_TASK..rows.rows().min((task + 1) * ROWS_A_TASK) {
                let weight = rows.weight(row);
                match self.holding[row] {
                    0 => rows.row(row).iter().for_each(|&j| tallies.gain[usize::from(j)] += weight),
                    1 => {
                        let list = rows.row(row);
                        let at = list.iter().map(|&j| place[usize::from(j)]).min().map_or(0, usize::from);
                        tallies.alone[at] += weight;
                        let taken = &mut tallies.taken[at * m..][..m];
                        list.iter().for_each(|&j| taken[usize::from(j)] += weight);
                    }
                    _ => {}
                }
            }
            tallies
        };
        let add = |into: &mut [u64], from: &[u64]| into.iter_mut().zip(from).for_each(|(a, b)| *a += b);
        (0..rows.rows().div_ceil(ROWS_A_TASK)).into_par_iter().map(task).reduce(empty, |mut a, b| {
            add(&mut a.gain, &b.gain);
            add(&mut a.alone, &b.alone);
            add(&mut a.taken, &b.taken);
            a
        })
    }

    fn take(&mut self, step: Step) {
        let (out, into) = match step {
            Step::Add(j) => {
                self.chosen.push(j);
                (None, Some(j))
            }
            Step::Drop(at) => (Some(self.chosen.remove(at)), None),
            Step::Swap(at, j) => (Some(std::mem::replace(&mut self.chosen[at], j)), Some(j)),
        };
        let rows = &self.program.rows;
        self.holding.par_iter_mut().enumerate().with_min_len(ROWS_A_TASK).for_each(|(row, holding)| {
            for &j in rows.row(row) {
                *holding += u16::from(Some(j) == into);
                *holding -= u16::from(Some(j) == out);
            }
        });
    }

    /// The step that lowers the cost most, if one does.
    fn best_step(&self) -> Option<(f64, Step)> {
        let program = self.program;
        let tallies = self.tallies();
        let outside: Vec<u16> = (0..program.len() as u16).filter(|j| !self.chosen.contains(j)).collect();
        let mut best: Option<(f64, Step)> = None;
        let mut offer = |change: f64, step: Step| {
            if best.as_ref().is_none_or(|(least, _)| change < *least) {
                best = Some((change, step));
            }
        };
        let free = program.count.is_none();
        if free {
            outside.iter().for_each(|&j| offer(self.adding(&tallies, j), Step::Add(j)));
        }
        for (at, &out) in self.chosen.iter().enumerate() {
            let dropping = program.missed * tallies.alone[at] as f64 - program.prices[usize::from(out)];
            if free {
                offer(dropping, Step::Drop(at));
            }
            for &j in &outside {
                let taken = tallies.taken[at * program.len() + usize::from(j)];
                let change = dropping + self.adding(&tallies, j) - program.missed * taken as f64;
                offer(change, Step::Swap(at, j));
            }
        }
        let worthwhile = -ROUNDING * (program.missed * program.rows.texts() as f64 + 1.0);
        best.filter(|(change, _)| *change < worthwhile)
    }

    /// Takes the best step until none is left.
    pub fn descend(&mut self, ctx: &Ctx) -> Result<(), Cancelled> {
        while let Some((_, step)) = self.best_step() {
            ctx.cancel.check()?;
            self.take(step);
        }
        Ok(())
    }

    /// Kicks and descends `rounds` times, keeping what is best; stops early where `late` says so.
    pub fn improve(
        &mut self,
        rounds: usize,
        random: &mut Random,
        late: impl Fn() -> bool,
        ctx: &Ctx,
    ) -> Result<(), Cancelled> {
        self.descend(ctx)?;
        let mut cost = self.program.cost(&self.chosen);
        for round in 0..rounds {
            if late() || self.chosen.is_empty() || self.chosen.len() == self.program.len() {
                break;
            }
            let mut next = self.clone();
            next.kick(KICK[round % KICK.len()], random);
            next.descend(ctx)?;
            let found = self.program.cost(&next.chosen);
            if found <= cost {
                (*self, cost) = (next, found);
            }
        }
        Ok(())
    }

    fn kick(&mut self, size: usize, random: &mut Random) {
        for _ in 0..size.min(self.chosen.len()) {
            let outside: Vec<u16> =
                (0..self.program.len() as u16).filter(|j| !self.chosen.contains(j)).collect();
            if outside.is_empty() {
                return;
            }
            let at = random.below(self.chosen.len());
            self.take(Step::Swap(at, outside[random.below(outside.len())]));
        }
    }
}
