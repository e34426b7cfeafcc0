//! How many texts satisfy each single, pair and triple of predicates, and a bound on the cubic form in these counts.
//!
//! For whole y ≥ 0 and a = 2, 3, …, \[y = 0\] ≥ (1 − y)(a − y)(a + 1 − y) / (a (a + 1)) (for a = 2 the third of Bonferroni's
//! inequalities; for others see Prékopa 1988), as is \[y = 0\] ≥ 0, and each row takes what loses least by chance. The sum
//! of the right side over all texts is a cubic form of the choice: what is left out is at least
//! 1 − (singles) + β₂ (pairs) − β₃ (triples).
//!
//! The least value of the form over choices of r predicates is bounded as Gilmore (1962) and Lawler (1963) do for
//! quadratic assignment, each chosen predicate with the best partners for itself; the cost of a pair is moved between
//! its two ends until they agree as far as they can (Adams & Johnson 1994).

use super::select_program::Program;

/// The scale of the counts, which makes the factors of singles, pairs and triples whole.
pub(super) const SCALE: u32 = 60;
/// These factors: a row is not counted, or with a = 2, 3, 4.
pub(super) const FACTORS: [[u32; 3]; 4] = [[0, 0, 0], [60, 60, 60], [60, 50, 30], [60, 42, 18]];
/// The place of a = 2, which is exact up to three predicates.
pub(super) const BONFERRONI: usize = 1;
/// How the steps get shorter.
const SHORTER: f64 = 0.985;
/// Bounds are lowered by this share of the sums they are made of, which is more than rounding can raise them.
const ROUNDING: f64 = 1e-9;

/// A row by places in the order of the open predicates, with its weight for singles, pairs and triples.
pub(super) type Row = (Vec<u16>, [u32; 3]);

/// Counts over the texts that no chosen predicate covers yet, times [`SCALE`]; of places, ascending.
pub(super) struct Counts {
    pub width: usize,
    /// What is left out if nothing more is chosen.
    pub texts: f64,
    pub singles: Vec<u32>,
    pub pairs: Vec<u32>,
    triples: Vec<u32>,
}

impl Counts {
    pub fn new(width: usize) -> Self {
        let (pairs, triples) = (vec![0; width * width], vec![0; width * width * width]);
        Self { width, texts: 0.0, singles: vec![0; width], pairs, triples }
    }

    pub fn add(&mut self, list: &[u16], [single, pair, triple]: [u32; 3]) {
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
    pub fn without(&self, at: usize, rows: &[Row]) -> Self {
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
pub(super) struct Form {
    width: usize,
    count: usize,
    constant: f64,
    singles: Vec<f64>,
    /// Half a pair's cost, less what the best triples with it may bring, by its first end.
    halves: Vec<f64>,
}

impl Form {
    pub fn of(counts: &Counts, program: &Program, open: &[u16], count: usize, before: f64) -> Self {
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
    pub fn bound(&self, moved: &mut Vec<f32>, rounds: usize, goal: f64) -> (f64, Vec<f64>) {
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
pub(super) fn least_lossy(count: usize, width: usize) -> Vec<usize> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
