//! A bound for few chosen predicates out of many that overlap at random, where the linear relaxation says little:
//! it lets every row be covered by a bit of everything, while real choices overlap.
//!
//! What is left out is bounded through how many texts satisfy each pair and each triple ([`super::select_cubic`]), counted
//! anew for each part among the texts that its chosen predicates leave uncovered: the fewer are left to choose, the
//! tighter the bound, and with two left it is exact.

use std::sync::Arc;

use rayon::prelude::*;

use super::select_branch::{Divide, Divided};
use super::select_cubic::{Counts, FACTORS, Form, Row, SCALE, least_lossy};
use super::select_program::Program;

/// More predicates, or more triples in the rows, are not counted.
const MOST_PREDICATES: usize = 160;
const MOST_TRIPLES: u64 = 1 << 28;
/// Steps that move costs between the ends of pairs: for the whole, for a part when it is divided, and for what it falls
/// into.
const FIRST_ROUNDS: usize = 300;
const OWN_ROUNDS: usize = 150;
const ROUNDS: usize = 40;

/// Divides by the first chosen predicate in an order, bounded by counts of pairs and triples.
pub(super) struct ByTriples<'a> {
    program: &'a Program,
}

/// Choices of `inside` and others of `open` only.
pub(super) struct Rest {
    /// How many predicates are chosen in the end.
    count: usize,
    inside: Vec<u16>,
    open: Vec<u16>,
    /// What the part before moved between the ends of pairs of its own open predicates, the last of which are these.
    moved: Arc<Vec<f32>>,
    bound: f64,
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
}

impl<'a> ByTriples<'a> {
    /// All choices of `counts` predicates, where this bound can be worked out in reasonable time and memory. For other
    /// numbers, and those that `stop` came before, there is no part.
    pub fn whole(
        program: &'a Program,
        counts: &[usize],
        goal: f64,
        stop: impl Fn() -> bool + Sync,
    ) -> (Self, Vec<(f64, Rest)>) {
        let width = program.len();
        let triples = |row: usize| {
            let n = program.rows.row(row).len() as u64;
            n * n.saturating_sub(1) * n.saturating_sub(2) / 6
        };
        let work: u64 = (0..program.rows.rows()).map(triples).sum();
        let countable = width <= MOST_PREDICATES
            && work <= MOST_TRIPLES
            && program.rows.texts() <= u64::from(u32::MAX / SCALE);
        let divide = Self { program };
        let possible = |count: &&usize| countable && (1..width.min(255)).contains(*count);
        let counts: Vec<usize> = counts.iter().filter(possible).copied().collect();
        let first = |count| (!stop()).then(|| divide.first(count, goal));
        let parts = counts.into_par_iter().filter_map(first).collect();
        (divide, parts)
    }

    fn first(&self, count: usize, goal: f64) -> (f64, Rest) {
        let width = self.program.len();
        let mut rest = Rest {
            count,
            inside: Vec::new(),
            open: (0..width as u16).collect(),
            moved: Arc::default(),
            bound: f64::NEG_INFINITY,
        };
        let (counts, _) = self.counted(&rest);
        if count <= 2 {
            rest.bound = self.last(&counts, &rest).0;
            return (rest.bound, rest);
        }
        let mut moved = vec![0.0; width * width];
        let (bound, own) = self.form(&counts, &rest).bound(&mut moved, FIRST_ROUNDS, goal);
        // The most promising first: what comes late in the order has little left to choose from.
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| own[a].total_cmp(&own[b]));
        let place = |&x: &usize| order.iter().map(move |&y| x * width + y);
        rest.moved = Arc::new(order.iter().flat_map(place).map(|at| moved[at]).collect());
        rest.open = order.iter().map(|&x| x as u16).collect();
        rest.bound = bound;
        (bound, rest)
    }

    /// Counts over what `inside` leaves uncovered, and these rows by places in `open`.
    fn counted(&self, part: &Rest) -> (Counts, Vec<Row>) {
        let Rest { inside, open, .. } = part;
        let rows = &self.program.rows;
        let factors = least_lossy(part.count - inside.len(), open.len());
        let mut place = vec![None; self.program.len()];
        open.iter().enumerate().for_each(|(at, &j)| place[usize::from(j)] = Some(at as u16));
        let mut counts = Counts::new(open.len());
        let mut left = Vec::new();
        for row in 0..rows.rows() {
            let list = rows.row(row);
            if list.iter().any(|j| inside.contains(j)) {
                continue;
            }
            let weight = rows.weight(row) as u32;
            let mut places: Vec<u16> = list.iter().filter_map(|&j| place[usize::from(j)]).collect();
            let weights = FACTORS[factors[places.len()]].map(|factor| factor * weight);
            counts.texts += f64::from(weights[0]);
            if weights[0] > 0 && !places.is_empty() {
                places.sort_unstable();
                counts.add(&places, weights);
                left.push((places, weights));
            }
        }
        (counts, left)
    }

    fn price(&self, inside: &[u16]) -> f64 {
        self.program.constant + inside.iter().map(|&j| self.program.prices[usize::from(j)]).sum::<f64>()
    }

    fn form(&self, counts: &Counts, part: &Rest) -> Form {
        let count = part.count - part.inside.len();
        Form::of(counts, self.program, &part.open, count, self.price(&part.inside))
    }

    /// The best choice where only one or two are left to choose: pairs say all.
    fn last(&self, counts: &Counts, part: &Rest) -> (f64, Vec<u16>) {
        let (program, Rest { inside, open, .. }) = (self.program, part);
        let missed = program.missed / f64::from(SCALE);
        let single = |x: usize| program.prices[usize::from(open[x])] - missed * f64::from(counts.singles[x]);
        let mut best = (f64::INFINITY, Vec::new());
        for x in 0..counts.width {
            if part.count - inside.len() == 1 {
                if single(x) < best.0 {
                    best = (single(x), vec![open[x]]);
                }
                continue;
            }
            for y in x + 1..counts.width {
                let pair = f64::from(counts.pairs[x * counts.width + y]);
                let cost = single(x) + single(y) + missed * pair;
                if cost < best.0 {
                    best = (cost, vec![open[x], open[y]]);
                }
            }
        }
        let mut chosen = [&inside[..], &best.1].concat();
        chosen.sort_unstable();
        (self.price(inside) + missed * counts.texts + best.0, chosen)
    }
}

impl Divide for ByTriples<'_> {
    type Part = Rest;

    // What a part falls into is worked on side by side, too.
    const BATCH: usize = 2;

    fn divide(&self, part: Rest, cutoff: f64) -> Divided<Rest> {
        let width = part.open.len();
        let (counts, rows) = self.counted(&part);
        let mut divided = Divided {
            parts: Vec::new(),
            cut: f64::INFINITY,
            found: None,
            work: self.program.rows.rows() as u64,
        };
        if part.count - part.inside.len() <= 2 {
            let (cost, chosen) = self.last(&counts, &part);
            return Divided { cut: cost, found: Some((cost, chosen)), ..divided };
        }
        let mut moved = last_of(&part.moved, width);
        let bound = part.bound.max(self.form(&counts, &part).bound(&mut moved, OWN_ROUNDS, cutoff).0);
        if bound >= cutoff {
            divided.cut = bound;
            return divided;
        }
        let moved = Arc::new(moved);
        let left = part.count - part.inside.len() - 1;
        let next = |at: usize| {
            let counts = counts.without(at, &rows);
            let mut next = Rest {
                count: part.count,
                inside: [&part.inside[..], &[part.open[at]]].concat(),
                open: part.open[at + 1..].to_vec(),
                moved: moved.clone(),
                bound,
            };
            if left <= 2 {
                return Err(self.last(&counts, &next));
            }
            let mut own = last_of(&moved, next.open.len());
            next.bound = bound.max(self.form(&counts, &next).bound(&mut own, ROUNDS, cutoff).0);
            Ok(next)
        };
        let parts: Vec<Result<Rest, (f64, Vec<u16>)>> = (0..width - left).into_par_iter().map(next).collect();
        divided.work += parts.len() as u64 * (rows.len() as u64 + (width as u64).pow(3) / 2);
        for part in parts {
            match part {
                Ok(part) if part.bound < cutoff => divided.parts.push((part.bound, part)),
                Ok(part) => divided.cut = divided.cut.min(part.bound),
                Err((cost, chosen)) => {
                    divided.cut = divided.cut.min(cost);
                    if divided.found.as_ref().is_none_or(|(least, _)| cost < *least) {
                        divided.found = Some((cost, chosen));
                    }
                }
            }
        }
        divided
    }
}

/// The last `width` rows and columns of a square table.
fn last_of(table: &[f32], width: usize) -> Vec<f32> {
    let all = table.len().isqrt();
    let skip = all - width;
    table.chunks(all).skip(skip).flat_map(|row| row[skip..].iter().copied()).collect()
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

    fn least_cost(program: &Program, count: usize) -> (f64, Vec<u16>) {
        (0_u32..1 << program.len())
            .filter(|bits| bits.count_ones() as usize == count)
            .map(|bits| (0..program.len() as u16).filter(|j| bits >> j & 1 == 1).collect::<Vec<_>>())
            .map(|set| (program.cost(&set), set))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap()
    }

    #[test]
    fn the_bound_never_surpasses_the_best_choice_and_dividing_finds_it() {
        for seed in 0..40 {
            let (count, density) = (3 + seed as usize % 6, [0.06, 0.15, 0.3][seed as usize % 3]);
            let program = random_program(11, density, count, seed);
            let (best, _) = least_cost(&program, count);
            let (triples, parts) = ByTriples::whole(&program, &[count], best, || false);
            assert!(parts[0].0 <= best + 1e-9, "{} above {best}", parts[0].0);
            let mut known = Known { chosen: Vec::new(), cost: best * 1.5 + 1.0, bound: 0.0 };
            branch(&triples, parts, f64::INFINITY, &mut known, 1e-9, |_| false, &Ctx::quiet()).unwrap();
            assert!((known.cost - best).abs() < 1e-6, "{} is not {best}", known.cost);
            assert!(known.bound <= best + 1e-9 && known.bound > best - 1e-6);
            assert_eq!(program.cost(&known.chosen), known.cost);
        }
    }

    #[test]
    fn three_of_a_few_are_bounded_tightly() {
        let program = random_program(12, 0.1, 3, 77);
        let (best, _) = least_cost(&program, 3);
        let (_, parts) = ByTriples::whole(&program, &[3], best, || false);
        assert!(parts[0].0 > 0.97 * best, "{} of {best}", parts[0].0);
    }
}
