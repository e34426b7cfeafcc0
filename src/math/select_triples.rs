//! A bound for few chosen predicates out of many that overlap at random, where the linear relaxation says little:
//! it lets every row be covered by a bit of everything, while real choices overlap.
//!
//! How many texts satisfy each pair and each triple of predicates is counted once. For whole y ≥ 0 and a = 2, 3, …,
//! \[y = 0\] ≥ (1 − y)(a − y)(a + 1 − y) / (a (a + 1)) (for a = 2 the third of Bonferroni's inequalities; for others see
//! Prékopa 1988), as is \[y = 0\] ≥ 0, and each row takes what loses least by chance. The sum of the right side over all texts is a cubic form of the choice in these counts: what
//! is left out is at least −(singles) + β₂ (pairs) − β₃ (triples). The least value of the form over choices of r
//! predicates is bounded as Gilmore (1962) and Lawler (1963) do for quadratic assignment, each chosen predicate with
//! the best partners for itself; the cost of a pair is moved between its two ends until they agree as far as they can
//! (Adams & Johnson 1994).

use std::sync::Arc;

use rayon::prelude::*;

use super::select_branch::{Divide, Divided};
use super::select_program::Program;

/// More predicates, or more triples in the rows, are not counted.
const MOST_PREDICATES: usize = 160;
const MOST_TRIPLES: u64 = 1 << 28;
/// The scale of the counts, which makes the factors of singles, pairs and triples whole.
const SCALE: u32 = 60;
/// These factors: a row is not counted, or with a = 2, 3, 4.
const FACTORS: [[u32; 3]; 4] = [[0, 0, 0], [60, 60, 60], [60, 50, 30], [60, 42, 18]];
/// The place of a = 2, which is exact up to three predicates.
const BONFERRONI: usize = 1;
/// Steps that move costs between the ends of pairs: for the whole, for a part when it is divided, and for what it falls
/// into.
const FIRST_ROUNDS: usize = 300;
const OWN_ROUNDS: usize = 150;
const ROUNDS: usize = 40;
/// How the steps get shorter.
const SHORTER: f64 = 0.985;
/// Bounds are lowered by this share of the sums they are made of, which is more than rounding can raise them.
const ROUNDING: f64 = 1e-9;

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

/// A row by places in the order of the open predicates, with its weight for singles, pairs and triples.
type Row = (Vec<u16>, [u32; 3]);

/// Counts over the texts that no chosen predicate covers yet, times [`SCALE`]; of places, ascending.
struct Counts {
    width: usize,
    /// What is left out if nothing more is chosen.
    texts: f64,
    singles: Vec<u32>,
    pairs: Vec<u32>,
    triples: Vec<u32>,
}

impl Counts {
    fn new(width: usize) -> Self {
        let (pairs, triples) = (vec![0; width * width], vec![0; width * width * width]);
        Self { width, texts: 0.0, singles: vec![0; width], pairs, triples }
    }

    fn add(&mut self, list: &[u16], [single, pair, triple]: [u32; 3]) {
        for (at, &x) in list.iter().enumerate() {
            self.singles[usize::from(x)] = self.singles[usize::from(x)].wrapping_add(single);
            for (next, &y) in list.iter().enumerate().skip(at + 1) {
                let at = usize::from(x) * self.width + usize::from(y);
                self.pairs[at] = self.pairs[at].wrapping_add(pair);
                let triples = &mut self.triples[at * self.width..][..self.width];
                for &z in &list[next + 1..] {
                    triples[usize::from(z)] = triples[usize::from(z)].wrapping_add(triple);
                }
            }
        }
    }

    /// The counts of the places after `at`, over the texts without the predicate there.
    fn without(&self, at: usize, rows: &[Row]) -> Self {
        let (width, skip) = (self.width - at - 1, at + 1);
        let mut rest = Self::new(width);
        rest.texts = self.texts - f64::from(self.singles[at]);
        rest.singles.copy_from_slice(&self.singles[skip..]);
        for x in 0..width {
            let from = (x + skip) * self.width;
            rest.pairs[x * width..][..width].copy_from_slice(&self.pairs[from + skip..][..width]);
            for y in x + 1..width {
                let from = (from + y + skip) * self.width + skip;
                rest.triples[(x * width + y) * width..][..width]
                    .copy_from_slice(&self.triples[from..][..width]);
            }
        }
        let mut list = Vec::new();
        for (row, weights) in rows {
            if let Ok(place) = row.binary_search(&(at as u16)) {
                list.clear();
                list.extend(row[place + 1..].iter().map(|&j| j - skip as u16));
                rest.add(&list, weights.map(u32::wrapping_neg));
            }
        }
        rest
    }
}

/// The least of a form over choices of `count` places: `constant` + Σ singles + Σ over ordered pairs, all from below.
struct Form {
    width: usize,
    count: usize,
    constant: f64,
    singles: Vec<f64>,
    /// Half a pair's cost, less what the best triples with it may bring, by its first end.
    halves: Vec<f64>,
}

impl Form {
    fn of(counts: &Counts, program: &Program, open: &[u16], count: usize, before: f64) -> Self {
        let width = counts.width;
        let missed = program.missed / f64::from(SCALE);
        let price = |x: usize| program.prices[usize::from(open[x])];
        let singles = (0..width).map(|x| price(x) - missed * f64::from(counts.singles[x])).collect();
        let mut halves = vec![f64::INFINITY; width * width];
        // All triples of a pair in one row, whichever order they were counted in.
        let mut around = vec![0_u32; width];
        for x in 0..width {
            for y in x + 1..width {
                let at = |x: usize, y: usize, z: usize| counts.triples[(x * width + y) * width + z];
                (0..x).for_each(|z| around[z] = at(z, x, y));
                (x + 1..y).for_each(|z| around[z] = at(x, z, y));
                around[y + 1..]
                    .copy_from_slice(&counts.triples[(x * width + y) * width + y + 1..][..width - y - 1]);
                (around[x], around[y]) = (0, 0);
                let most = largest(&around, count - 2);
                let half = missed * (f64::from(counts.pairs[x * width + y]) / 2.0 - most / 6.0);
                halves[x * width + y] = half;
                halves[y * width + x] = half;
            }
        }
        Self { width, count, constant: before + missed * counts.texts, singles, halves }
    }

    /// The bound, what was moved between ends for it (added to `moved`), and each place's own cost in it.
    fn bound(&self, moved: &mut Vec<f32>, rounds: usize, goal: f64) -> (f64, Vec<f64>) {
        let (width, count) = (self.width, self.count);
        let size =
            self.constant.abs() + self.singles.iter().map(|s| s.abs()).fold(0.0, f64::max) * count as f64;
        let mut best = (f64::NEG_INFINITY, Vec::new());
        let mut now = moved.clone();
        let (mut partners, mut pace) = (vec![0_u16; width * (count - 1)], 1.0);
        for round in 0..=rounds {
            let mut costs: Vec<(f64, usize)> = (0..width)
                .map(|x| {
                    let row = x * width..(x + 1) * width;
                    let partners = &mut partners[x * (count - 1)..][..count - 1];
                    (self.singles[x] + least(&self.halves[row.clone()], &now[row], partners), x)
                })
                .collect();
            let own = costs.iter().map(|cost| cost.0).collect::<Vec<_>>();
            costs.select_nth_unstable_by(count - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let chosen = &costs[..count];
            let bound = self.constant + chosen.iter().map(|cost| cost.0).sum::<f64>() - ROUNDING * size;
            if bound > best.0 {
                best = (bound, own);
                moved.clone_from(&now);
            }
            if bound >= goal || round == rounds {
                break;
            }
            // A pair that only one end wants gets dearer there and cheaper at the other.
            let mut wants = vec![false; width * width];
            for &(_, x) in chosen {
                partners[x * (count - 1)..][..count - 1]
                    .iter()
                    .for_each(|&y| wants[x * width + usize::from(y)] = true);
            }
            let one_sided: Vec<(usize, usize)> = chosen
                .iter()
                .flat_map(|&(_, x)| {
                    partners[x * (count - 1)..][..count - 1].iter().map(move |&y| (x, usize::from(y)))
                })
                .filter(|&(x, y)| !wants[y * width + x])
                .collect();
            if one_sided.is_empty() {
                break;
            }
            let step = (pace * (goal - bound) / one_sided.len() as f64) as f32;
            for (x, y) in one_sided {
                let value = now[x * width + y] + step;
                now[x * width + y] = value;
                now[y * width + x] = -value;
            }
            pace *= SHORTER;
        }
        best
    }
}

/// Which of [`FACTORS`] loses least, on average, for a row with 0, 1, … of `width` open predicates, when `count` of these
/// are chosen by chance.
fn least_lossy(count: usize, width: usize) -> Vec<usize> {
    let share = count as f64 / width as f64;
    let of = |size: usize| {
        if count <= 4 {
            return BONFERRONI;
        }
        // P(y), from y = 0 on.
        let mut chances = vec![(1.0 - share).powi(size as i32)];
        for y in 1..=size {
            let before = chances[y - 1];
            chances.push(before * (size + 1 - y) as f64 / y as f64 * share / (1.0 - share));
        }
        let bound = |[one, two, three]: [u32; 3]| {
            let value = |y: f64| {
                let (pairs, triples) = (y * (y - 1.0) / 2.0, y * (y - 1.0) * (y - 2.0) / 6.0);
                f64::from(one) * (1.0 - y) + f64::from(two) * pairs - f64::from(three) * triples
            };
            chances.iter().enumerate().map(|(y, chance)| chance * value(y as f64)).sum::<f64>()
        };
        (0..FACTORS.len())
            .max_by(|&a, &b| bound(FACTORS[a]).total_cmp(&bound(FACTORS[b])))
            .unwrap_or(BONFERRONI)
    };
    (0..=width).map(of).collect()
}

/// The sum of the `count` largest.
fn largest(values: &[u32], count: usize) -> f64 {
    let mut kept = vec![0_u32; count];
    for &value in values {
        if kept.last().is_some_and(|&least| value > least) {
            let mut at = count - 1;
            while at > 0 && kept[at - 1] < value {
                kept[at] = kept[at - 1];
                at -= 1;
            }
            kept[at] = value;
        }
    }
    kept.iter().map(|&value| f64::from(value)).sum()
}

/// The sum of the least `halves` + `moved`, as many as `partners` has room for; these are put there.
fn least(halves: &[f64], moved: &[f32], partners: &mut [u16]) -> f64 {
    let count = partners.len();
    let mut kept = [f64::INFINITY; 256];
    let kept = &mut kept[..count];
    for (at, (half, moved)) in halves.iter().zip(moved).enumerate() {
        let value = half + f64::from(*moved);
        if value < kept[count - 1] {
            let mut place = count - 1;
            while place > 0 && kept[place - 1] > value {
                kept[place] = kept[place - 1];
                partners[place] = partners[place - 1];
                place -= 1;
            }
            kept[place] = value;
            partners[place] = at as u16;
        }
    }
    kept.iter().sum()
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
        Program::new(&all, (0..predicates).collect(), &[], Some(count), (0.5, 1.0, 0.0))
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
    fn no_row_counts_for_more_than_it_is() {
        for [one, two, three] in FACTORS {
            for y in 0_i64..200 {
                let (one, two, three) = (i64::from(one), i64::from(two), i64::from(three));
                let value = one - one * y + two * y * (y - 1) / 2 - three * y * (y - 1) * (y - 2) / 6;
                assert!(value <= if y == 0 { i64::from(SCALE) } else { 0 }, "{one} {two} {three} at {y}");
            }
        }
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
