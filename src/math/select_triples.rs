//! A bound for predicates that overlap at random, where the linear relaxation says little: it lets every row be covered
//! by a bit of everything, while real choices overlap.
//!
//! What is left out is bounded through how many texts satisfy each single, pair and triple of predicates, each row in the
//! mixture that loses least for it ([`super::select_minorants`]); the cubic form which that gives is bounded by
//! [`super::select_lift`]. Both are improved in turns. A part of the space of choices starts from what was found for
//! all choices of as many predicates; with two left to choose, pairs say all.

use std::sync::Arc;

use super::select_branch::{Divide, Divided};
use super::select_lift::{Bounded, Lift, Moves};
use super::select_minorants::Rows;
use super::select_program::Program;

/// More predicates, or more triples in the rows, are not counted.
const MOST_PREDICATES: usize = 160;
const MOST_TRIPLES: u64 = 1 << 28;
/// Bytes that may be kept for all numbers of predicates together.
const MOST_KEPT: usize = 1 << 29;
/// Rounds for the first number of predicates, for the next ones, for each when it is its turn again, and for a part of
/// its choices.
const FIRST_ROUNDS: usize = 20;
const NEXT_ROUNDS: usize = 10;
const MORE_ROUNDS: usize = 30;
const PART_ROUNDS: usize = 4;
/// Every so many rounds rows learn, and the bound is worked out.
const LEARN: usize = 2;
const BOUND: usize = 10;
/// Rounds before rows learn: what is likely has to show first.
const BEFORE_LEARNING: usize = 10;
/// How much rows learn at a time; half as much after so many times.
const STEP: f32 = 10.0;
const HALF: f32 = 40.0;
/// How many times at most count where rows go on with another number of predicates.
const MOST_LEARNT: usize = 20;
/// When rounds close less than this share of the gap, choices are divided.
const LITTLE: f64 = 0.05;

/// Divides by how many predicates are chosen, and which, bounded by counts of pairs and triples.
pub(super) struct ByTriples<'a> {
    program: &'a Program,
    shares: u32,
}

/// Choices of `count` predicates, which are `inside` and others of `open` only.
pub(super) struct Rest {
    count: usize,
    inside: Vec<u16>,
    /// Ascending.
    open: Vec<u16>,
    bound: f64,
    /// The choice that the first bound of all choices was worked out for; none in parts of these.
    likely: Vec<u16>,
    all: Arc<All>,
}

/// How far the bound for all choices of a number of predicates has come.
struct All {
    rows: Rows,
    moves: Moves,
    /// How often rows have learnt.
    learnt: usize,
    /// Whether more rounds would raise the bound but little.
    ripe: bool,
}

impl Rest {
    /// How many predicates are chosen in the end.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Its bound, which is at least `bound` now.
    pub fn raised(&mut self, bound: f64) -> f64 {
        self.bound = self.bound.max(bound);
        self.bound
    }

    /// The choice that the bound was first worked out for: a good place to search from.
    pub fn likely(&self) -> &[u16] {
        &self.likely
    }

    fn left(&self) -> usize {
        self.count - self.inside.len()
    }

    fn is_all(&self, program: &Program) -> bool {
        self.inside.is_empty() && self.open.len() == program.len()
    }
}

impl<'a> ByTriples<'a> {
    /// All choices of `counts` predicates, ascending, where this bound can be worked out in reasonable time and memory,
    /// and the work that it took; `around` is where the best choice is likely. For other numbers, and those that `stop`
    /// came before, there is no part.
    pub fn whole(
        program: &'a Program,
        counts: &[usize],
        around: usize,
        goal: f64,
        stop: impl Fn() -> bool + Sync,
    ) -> (Self, Vec<(f64, Rest)>, u64) {
        let width = program.len();
        let triples = |row: usize| {
            let n = program.rows.row(row).len() as u64;
            n * n.saturating_sub(1) * n.saturating_sub(2) / 6
        };
        let in_rows: u64 = (0..program.rows.rows()).map(triples).sum();
        let shares = Rows::shares(program);
        let kept = counts.len() * (2 * width.pow(3) + 48 * program.rows.rows());
        let countable = shares.is_some()
            && program.missed > 0.0
            && width <= MOST_PREDICATES
            && in_rows <= MOST_TRIPLES
            && kept <= MOST_KEPT;
        let divide = Self { program, shares: shares.unwrap_or_default() };
        let possible = |count: &&usize| countable && (1..width).contains(*count);
        let counts: Vec<usize> = counts.iter().filter(possible).copied().collect();
        let middle = counts.partition_point(|count| *count < around).min(counts.len().saturating_sub(1));
        let Some(&first) = counts.get(middle).filter(|_| !stop()) else { return (divide, Vec::new(), 0) };
        // From there to fewer and to more, each from what was found for the one before.
        let first = divide.first(first, None, goal);
        // What is above the first one's bound need not be raised yet.
        let goal = goal.min(first.0.bound);
        let chain = |counts: &mut dyn Iterator<Item = &usize>| {
            let mut parts: Vec<(Rest, u64)> = Vec::new();
            for &count in counts.take_while(|_| !stop()) {
                let before = parts.last().map_or(&first.0.all, |(part, _)| &part.all).clone();
                parts.push(divide.first(count, Some(&before), goal));
            }
            parts
        };
        let (fewer, more) = rayon::join(
            || chain(&mut counts[..middle].iter().rev()),
            || chain(&mut counts[middle + 1..].iter()),
        );
        let parts: Vec<(Rest, u64)> = std::iter::once(first).chain(fewer).chain(more).collect();
        let work = parts.iter().map(|(_, work)| work).sum();
        (divide, parts.into_iter().map(|(part, _)| (part.bound, part)).collect(), work)
    }

    /// All choices of `count` predicates, starting from what is known of all of another number.
    fn first(&self, count: usize, before: Option<&All>, goal: f64) -> (Rest, u64) {
        let open: Vec<u16> = (0..self.program.len() as u16).collect();
        let mut rows =
            Rows::new(self.program, self.shares, &[], &open, count, before.map(|before| &before.rows));
        let kept: Vec<usize> = (0..open.len()).collect();
        let mut lift = Lift::new(rows.form(), count, before.map(|before| (&before.moves, &kept[..])));
        let mut learnt = before.map_or(0, |before| before.learnt.min(MOST_LEARNT));
        let rounds = if before.is_some() { NEXT_ROUNDS } else { FIRST_ROUNDS };
        let work = work(&rows, rounds, true);
        let bounded = (count > 2)
            .then(|| self.rounds((&mut rows, &mut lift), (&[], &open), rounds, Some(&mut learnt), goal));
        let all = Arc::new(All { rows, moves: lift.moves(), learnt, ripe: false });
        let (bound, likely) = (f64::NEG_INFINITY, Vec::new());
        let mut rest = Rest { count, inside: Vec::new(), open, bound, likely, all };
        (rest.bound, rest.likely) = match bounded {
            Some(bounded) => (bounded.bound, self.offered(&rest, &bounded.chosen).1),
            None => self.last(&rest),
        };
        (rest, work)
    }

    fn price(&self, inside: &[u16]) -> f64 {
        self.program.constant + inside.iter().map(|&j| self.program.prices[usize::from(j)]).sum::<f64>()
    }

    /// Improves the lift, and in turns with it the rows where they learn (`learnt` is how often they have), until the
    /// bound reaches `goal`. The best bound is in the program's costs.
    fn rounds(
        &self,
        (rows, lift): (&mut Rows, &mut Lift),
        (inside, open): (&[u16], &[u16]),
        rounds: usize,
        mut learnt: Option<&mut usize>,
        goal: f64,
    ) -> Bounded {
        let part = self.program.missed / rows.whole as f64;
        let prices: Vec<f64> = open.iter().map(|&j| self.program.prices[usize::from(j)] / part).collect();
        let price = self.price(inside);
        let costs = |lift: &Lift| {
            let mut bounded = lift.bound(&prices);
            bounded.bound = price + part * bounded.bound;
            bounded.regrets.iter_mut().for_each(|regret| *regret *= part);
            bounded
        };
        let mut best = costs(lift);
        let mut mean = None;
        let begin = if learnt.as_deref() == Some(&0) { BEFORE_LEARNING } else { 0 };
        for round in 1..=rounds {
            if best.bound >= goal {
                break;
            }
            let seen = lift.round(&prices);
            if let Some(learnt) = learnt.as_deref_mut().filter(|_| round > begin && round % LEARN == 0) {
                let likely = seen.join(mean.take());
                let step = STEP / (1.0 + *learnt as f32 / HALF);
                lift.change(rows.learn(&likely, step));
                mean = Some(likely);
                *learnt += 1;
            }
            if round % BOUND == 0 || round == rounds {
                let now = costs(lift);
                if now.bound > best.bound {
                    best = now;
                }
            }
        }
        best
    }

    /// The best choice where only one or two are left to choose: pairs say all.
    fn last(&self, part: &Rest) -> (f64, Vec<u16>) {
        let (program, Rest { inside, open, .. }) = (self.program, part);
        let width = open.len();
        let (singles, pairs, texts) = Rows::new(program, self.shares, inside, open, 1, None).plain();
        let single = |x: usize| program.prices[usize::from(open[x])] - program.missed * singles[x] as f64;
        let mut best = (f64::INFINITY, Vec::new());
        for x in 0..width {
            if part.left() == 1 {
                if single(x) < best.0 {
                    best = (single(x), vec![open[x]]);
                }
                continue;
            }
            for y in x + 1..width {
                let cost = single(x) + single(y) + program.missed * pairs[x * width + y] as f64;
                if cost < best.0 {
                    best = (cost, vec![open[x], open[y]]);
                }
            }
        }
        let mut chosen = [&inside[..], &best.1].concat();
        chosen.sort_unstable();
        (self.price(inside) + program.missed * texts as f64 + best.0, chosen)
    }

    /// The choice of a part's predicates at `places`, with its cost.
    fn offered(&self, part: &Rest, places: &[usize]) -> (f64, Vec<u16>) {
        let open = places.iter().map(|&x| part.open[x]);
        let mut chosen: Vec<u16> = open.chain(part.inside.iter().copied()).collect();
        chosen.sort_unstable();
        (self.program.cost(&chosen), chosen)
    }
}

/// What `rounds` with these rows take, in memberships and triples looked at.
fn work(rows: &Rows, rounds: usize, learning: bool) -> u64 {
    // Rows are listed and counted at first, and again each time they learn.
    let times = if learning { 2 + rounds / LEARN } else { 2 };
    rounds as u64 * (rows.width as u64).pow(3) + times as u64 * rows.triples()
}

impl Divide for ByTriples<'_> {
    type Part = Rest;

    // Rounds are worked on side by side, too.
    const BATCH: usize = 2;

    fn divide(&self, mut part: Rest, cutoff: f64) -> Divided<Rest> {
        let (left, width) = (part.left(), part.open.len());
        let mut divided = Divided {
            parts: Vec::new(),
            cut: f64::INFINITY,
            found: None,
            work: self.program.rows.rows() as u64,
        };
        if left <= 2 || left == width {
            let everything: Vec<usize> = (0..width).collect();
            let found = match left {
                0 => self.offered(&part, &[]),
                left if left == width => self.offered(&part, &everything),
                _ => self.last(&part),
            };
            return Divided { cut: found.0, found: Some(found), ..divided };
        }
        let all = &part.all;
        let improving = part.is_all(self.program) && !all.ripe;
        let mut rows = Rows::new(self.program, self.shares, &part.inside, &part.open, left, Some(&all.rows));
        let kept: Vec<usize> = part.open.iter().map(|&j| usize::from(j)).collect();
        let mut lift = Lift::new(rows.form(), left, Some((&all.moves, &kept)));
        let mut learnt = all.learnt;
        let state = (&mut rows, &mut lift);
        let bounded = if improving {
            self.rounds(state, (&part.inside, &part.open), MORE_ROUNDS, Some(&mut learnt), cutoff)
        } else {
            self.rounds(state, (&part.inside, &part.open), PART_ROUNDS, None, cutoff)
        };
        divided.work += work(&rows, if improving { MORE_ROUNDS } else { PART_ROUNDS }, improving);
        divided.found = Some(self.offered(&part, &bounded.chosen));
        let before = part.bound;
        let bound = part.raised(bounded.bound);
        if bound >= cutoff {
            divided.cut = bound;
        } else if improving {
            let ripe = bound - before < LITTLE * (cutoff - before);
            part.all = Arc::new(All { rows, moves: lift.moves(), learnt, ripe });
            divided.parts.push((bound, part));
        } else {
            split(part, &bounded, cutoff, &mut divided);
        }
        divided
    }
}

/// Settles what cannot be decided the other way, and divides the rest of `part` by the place that the bound needs most.
fn split(part: Rest, bounded: &Bounded, cutoff: f64, divided: &mut Divided<Rest>) {
    let width = part.open.len();
    let mut is_chosen = vec![false; width];
    bounded.chosen.iter().for_each(|&x| is_chosen[x] = true);
    let other = |x: usize| bounded.bound + bounded.regrets[x];
    let settled = |x: &usize| other(*x) >= cutoff;
    divided.cut = (0..width).filter(settled).map(other).fold(divided.cut, f64::min);
    let needed = |x: &usize, y: &usize| bounded.regrets[*x].total_cmp(&bounded.regrets[*y]).then(y.cmp(x));
    let next = bounded.chosen.iter().copied().filter(|x| !settled(x)).max_by(needed);
    let of = |x: usize| part.open[x];
    let settled_in = (0..width).filter(|x| is_chosen[*x] && settled(x)).map(of);
    let inside: Vec<u16> = part.inside.iter().copied().chain(settled_in).collect();
    let open: Vec<u16> = (0..width).filter(|x| !settled(x) && Some(*x) != next).map(of).collect();
    let enough = inside.len() + open.len() >= part.count;
    let mut push = |inside: Vec<u16>| {
        let likely = Vec::new();
        let rest = Rest { inside, open: open.clone(), likely, all: part.all.clone(), ..part };
        divided.parts.push((part.bound, rest));
    };
    if let Some(next) = next {
        push([&inside[..], &[of(next)]].concat());
    }
    if enough {
        push(inside);
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::super::select_branch::{Known, branch};
    use super::super::select_program::Membership;
    use super::*;
    use crate::job::Ctx;

    fn random_program(predicates: usize, density: f64, count: usize, seed: u64) -> Program {
        let mut random = Random::new(seed);
        let members: Vec<Vec<u32>> =
            (0..predicates).map(|_| (0..200).filter(|_| random.unit() < density).collect()).collect();
        let all = Membership::new(200, &members);
        Program::new(&all, (0..predicates).collect(), &[], Some(count), (0.5, 1.0, 0.0), &[])
    }

    fn least_cost(program: &Program, count: usize) -> f64 {
        (0_u32..1 << program.len())
            .filter(|bits| bits.count_ones() as usize == count)
            .map(|bits| (0..program.len() as u16).filter(|j| bits >> j & 1 == 1).collect::<Vec<_>>())
            .map(|set| program.cost(&set))
            .fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn the_bound_never_surpasses_the_best_choice_and_dividing_finds_it() {
        for seed in 0..40 {
            let (count, density) = (1 + seed as usize % 10, [0.06, 0.15, 0.3][seed as usize % 3]);
            let program = random_program(11, density, count, seed);
            let best = least_cost(&program, count);
            let (triples, parts, _) = ByTriples::whole(&program, &[count], count, best, || false);
            assert!(parts[0].0 <= best + 1e-9, "{} above {best}", parts[0].0);
            let mut known = Known { chosen: Vec::new(), cost: best * 1.5 + 1.0, bound: 0.0 };
            branch(&triples, parts, f64::INFINITY, &mut known, 1e-9, |_| false, &Ctx::quiet()).unwrap();
            assert!((known.cost - best).abs() < 1e-6, "{} is not {best}", known.cost);
            assert!(known.bound <= best + 1e-9 && known.bound > best - 1e-6);
            assert_eq!(program.cost(&known.chosen), known.cost);
        }
    }

    #[test]
    fn every_number_of_predicates_is_bounded_whichever_the_first_was() {
        let program = random_program(10, 0.2, 4, 5);
        for around in [0, 3, 6, 20] {
            let counts: Vec<usize> = (1..10).collect();
            let (_, parts, _) = ByTriples::whole(&program, &counts, around, f64::INFINITY, || false);
            let mut found: Vec<usize> = parts.iter().map(|(_, part)| part.count()).collect();
            found.sort_unstable();
            assert_eq!(found, counts);
            for (bound, part) in parts {
                let best = least_cost(&program, part.count());
                assert!(bound <= best + 1e-9, "{bound} above {best} for {}", part.count());
            }
        }
    }

    #[test]
    fn three_of_a_few_are_bounded_tightly() {
        let program = random_program(12, 0.1, 3, 77);
        let best = least_cost(&program, 3);
        let (_, parts, _) = ByTriples::whole(&program, &[3], 3, best, || false);
        assert!(parts[0].0 > 0.97 * best, "{} of {best}", parts[0].0);
    }
}
