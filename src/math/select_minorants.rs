//! Rows as sums of singles, pairs and triples of predicates that never count for more than they are.
//!
//! For whole y ≥ 0 and a = 2, 3, …, \[y = 0\] ≥ (1 − y)(a − y)(a + 1 − y) / (a (a + 1)) = 1 − y + β₂ y(y−1)/2 − β₃ y(y−1)(y−2)/6
//! (for a = 2 the third of Bonferroni's inequalities; for others see Prékopa 1988), as is \[y = 0\] ≥ 0. A row takes a
//! mixture of these, in whole shares of [`Rows::whole`]; which mixture loses least depends on how many and which of
//! its predicates are likely to be chosen, and is learnt ([`Rows::learn`]) from what a bound thinks likely. All sums
//! are of whole numbers, so that no order matters.

use rayon::prelude::*;

use super::select_program::Program;

/// The scale that makes the factors whole.
const SCALE: u32 = 60;
/// The factors of singles, pairs and triples for a = 2, 3, 4, 5 and for \[y = 0\] ≥ 0.
const FACTORS: [[u32; 3]; KINDS] = [[60, 60, 60], [60, 50, 30], [60, 42, 18], [60, 36, 12], [0, 0, 0]];
const KINDS: usize = 5;
/// What the shares of a row's mixture add up to, where the number of texts allows it.
const MOST_SHARES: u32 = 256;
const LEAST_SHARES: u32 = 4;
/// What a text counts as is at most this by the texts of the largest predicate, which leaves room to move the costs of
/// triples, …
const LARGEST_TRIPLE: u64 = 1 << 27;
/// … and this by all texts.
const LARGEST_SUM: u64 = 1 << 31;
/// How much less likely than the best one the other kinds are at first, as a logarithm.
const OTHERS: f32 = 4.0;
/// Tables that are counted side by side at most.
const TABLES: usize = 4;

/// The rows that a choice in the making leaves uncovered, by places in a list of open predicates.
#[derive(Clone)]
pub(super) struct Rows {
    /// How many predicates are open.
    pub width: usize,
    /// A text counts as this much.
    pub whole: i64,
    starts: Vec<u32>,
    places: Vec<u16>,
    weights: Vec<u32>,
    /// Texts that no open predicate holds for.
    lost: i64,
    /// Which rows of the program these are.
    of: Vec<u32>,
    /// Logarithms of the shares of each kind.
    likely: Vec<[f32; KINDS]>,
}

/// Σ over texts of a mixture: `texts` − `singles` + `pairs` − `triples` of the chosen places, in parts of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Form {
    pub texts: i64,
    pub singles: Vec<i64>,
    /// At `x * width + y` for x < y.
    pub pairs: Vec<i64>,
    /// At `(x * width + y) * width + z` for x < y < z.
    pub triples: Vec<u32>,
}

/// How likely each place, pair and triple is to be chosen, laid out like a [`Form`].
pub(super) struct Likely {
    pub singles: Vec<f32>,
    pub pairs: Vec<f32>,
    pub triples: Vec<f32>,
}

impl Form {
    fn new(width: usize) -> Self {
        let (pairs, triples) = (vec![0; width * width], vec![0; width.pow(3)]);
        Self { texts: 0, singles: vec![0; width], pairs, triples }
    }

    fn plus(mut self, other: Self) -> Self {
        self.texts += other.texts;
        self.singles.iter_mut().zip(other.singles).for_each(|(a, b)| *a += b);
        self.pairs.iter_mut().zip(other.pairs).for_each(|(a, b)| *a += b);
        self.triples.iter_mut().zip(other.triples).for_each(|(a, b)| *a += b);
        self
    }

    fn add(&mut self, list: &[u16], weight: u32, shares: [u32; KINDS]) {
        let sum = |what: usize| weight * shares.iter().zip(FACTORS).map(|(s, f)| s * f[what]).sum::<u32>();
        let [single, pair, triple] = [0, 1, 2].map(sum);
        if single == 0 {
            return;
        }
        let width = self.singles.len();
        self.texts += i64::from(single);
        for (at, &x) in list.iter().enumerate() {
            self.singles[usize::from(x)] += i64::from(single);
            for (next, &y) in list.iter().enumerate().skip(at + 1) {
                let at = usize::from(x) * width + usize::from(y);
                self.pairs[at] += i64::from(pair);
                let triples = &mut self.triples[at * width..][..width];
                list[next + 1..].iter().for_each(|&z| triples[usize::from(z)] += triple);
            }
        }
    }

    /// What the form says of the choice of `places`, ascending.
    #[cfg(test)]
    pub fn value(&self, places: &[usize]) -> i64 {
        let width = self.singles.len();
        let mut value = self.texts;
        for (at, &x) in places.iter().enumerate() {
            value -= self.singles[x];
            for (next, &y) in places.iter().enumerate().skip(at + 1) {
                value += self.pairs[x * width + y];
                for &z in &places[next + 1..] {
                    value -= i64::from(self.triples[(x * width + y) * width + z]);
                }
            }
        }
        value
    }
}

impl Rows {
    /// How many shares a text can be divided into; none where there are too many texts to be counted.
    pub fn shares(program: &Program) -> Option<u32> {
        let largest = program.rows.sizes().into_iter().max().unwrap_or_default();
        let fits = |shares: &u32| {
            let whole = u64::from(*shares * SCALE);
            program.rows.texts() * whole <= LARGEST_SUM && largest * whole <= LARGEST_TRIPLE
        };
        std::iter::successors(Some(MOST_SHARES), |shares| Some(shares / 2))
            .take_while(|shares| *shares >= LEAST_SHARES)
            .find(fits)
    }

    /// The rows without any of `inside`, by places in `open`; the mixtures are those of `from`, or what loses least
    /// when `count` of the open predicates are chosen by chance.
    pub fn new(
        program: &Program,
        shares: u32,
        inside: &[u16],
        open: &[u16],
        count: usize,
        from: Option<&Self>,
    ) -> Self {
        let rows = &program.rows;
        let width = open.len();
        let mut place = vec![None; program.len()];
        open.iter().enumerate().for_each(|(at, &j)| place[usize::from(j)] = Some(at as u16));
        let mut is_inside = vec![false; program.len()];
        inside.iter().for_each(|&j| is_inside[usize::from(j)] = true);
        let by_chance = least_lossy(count as f64 / width as f64, width);
        let mut new = Self {
            width,
            whole: i64::from(shares * SCALE),
            starts: vec![0],
            places: Vec::new(),
            weights: Vec::new(),
            lost: 0,
            of: Vec::new(),
            likely: Vec::new(),
        };
        let mut before = from.map(|from| from.of.iter().zip(&from.likely).peekable());
        for row in 0..rows.rows() {
            let list = rows.row(row);
            if list.iter().any(|&j| is_inside[usize::from(j)]) {
                continue;
            }
            let weight = rows.weight(row) as u32;
            let start = new.places.len();
            new.places.extend(list.iter().filter_map(|&j| place[usize::from(j)]));
            let size = new.places.len() - start;
            if size == 0 {
                new.lost += i64::from(weight);
                continue;
            }
            new.places[start..].sort_unstable();
            let learnt = before.as_mut().and_then(|before| {
                while before.next_if(|(of, _)| (**of as usize) < row).is_some() {}
                before.next_if(|(of, _)| **of as usize == row).map(|(_, likely)| *likely)
            });
            new.likely.push(learnt.unwrap_or_else(|| {
                let mut likely = [-OTHERS; KINDS];
                likely[by_chance[size]] = 0.0;
                likely
            }));
            new.of.push(row as u32);
            new.weights.push(weight);
            new.starts.push(new.places.len() as u32);
        }
        new
    }

    fn len(&self) -> usize {
        self.weights.len()
    }

    /// How many singles, pairs and triples the rows have.
    pub fn triples(&self) -> u64 {
        let of = |row: usize| {
            let n = self.list(row).len() as u64;
            n + n * n.saturating_sub(1) / 2 + n * n.saturating_sub(1) * n.saturating_sub(2) / 6
        };
        (0..self.len()).map(of).sum()
    }

    /// How many texts each place holds for, and each pair x < y at `x * width + y`, and how many there are.
    pub fn plain(&self) -> (Vec<u64>, Vec<u64>, u64) {
        let (mut singles, mut pairs) = (vec![0; self.width], vec![0; self.width * self.width]);
        for row in 0..self.len() {
            let (list, weight) = (self.list(row), u64::from(self.weights[row]));
            for (at, &x) in list.iter().enumerate() {
                singles[usize::from(x)] += weight;
                let pairs = &mut pairs[usize::from(x) * self.width..][..self.width];
                list[at + 1..].iter().for_each(|&y| pairs[usize::from(y)] += weight);
            }
        }
        let texts = self.lost + self.weights.iter().map(|&weight| i64::from(weight)).sum::<i64>();
        (singles, pairs, texts as u64)
    }

    fn list(&self, row: usize) -> &[u16] {
        &self.places[self.starts[row] as usize..self.starts[row + 1] as usize]
    }

    /// The form, by the rows' shares of each kind.
    pub fn form(&self) -> Form {
        let add = |form: &mut Form, row: usize, likely: &[f32; KINDS]| {
            form.add(self.list(row), self.weights[row], self.divided(likely));
        };
        let size = self.len().div_ceil(TABLES).max(1);
        let parts = self.likely.par_chunks(size).enumerate().map(|(chunk, likely)| {
            let mut form = Form::new(self.width);
            likely.iter().enumerate().for_each(|(at, likely)| add(&mut form, chunk * size + at, likely));
            form
        });
        self.with_lost(parts.reduce_with(Form::plus))
    }

    /// Makes what counts for more likelier in each row's mixture, by `step`, and says what the form is then.
    pub fn learn(&mut self, seen: &Likely, step: f32) -> Form {
        let mut kinds = std::mem::take(&mut self.likely);
        let size = self.len().div_ceil(TABLES).max(1);
        let parts = kinds.par_chunks_mut(size).enumerate().map(|(chunk, kinds)| {
            let mut form = Form::new(self.width);
            for (at, likely) in kinds.iter_mut().enumerate() {
                let row = chunk * size + at;
                let list = self.list(row);
                let worth = seen.worth(list);
                likely.iter_mut().zip(worth).for_each(|(likely, worth)| *likely += step * worth);
                let most = likely.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                likely.iter_mut().for_each(|likely| *likely -= most);
                form.add(list, self.weights[row], self.divided(likely));
            }
            form
        });
        let form = parts.reduce_with(Form::plus);
        self.likely = kinds;
        self.with_lost(form)
    }

    fn with_lost(&self, form: Option<Form>) -> Form {
        let mut form = form.unwrap_or_else(|| Form::new(self.width));
        form.texts += self.lost * self.whole;
        form
    }

    /// Whole shares of the kinds: what rounding leaves goes to the likeliest.
    fn divided(&self, likely: &[f32; KINDS]) -> [u32; KINDS] {
        let shares = (self.whole / i64::from(SCALE)) as u32;
        let weights = likely.map(f32::exp);
        let sum: f32 = weights.iter().sum();
        let mut divided = weights.map(|weight| (shares as f32 * weight / sum) as u32);
        let most = (0..KINDS).fold(0, |most, kind| if likely[kind] > likely[most] { kind } else { most });
        divided[most] = 0;
        divided[most] = shares.saturating_sub(divided.iter().sum());
        divided
    }
}

impl Likely {
    /// What each kind counts a row for.
    fn worth(&self, list: &[u16]) -> [f32; KINDS] {
        let width = self.singles.len();
        let (mut singles, mut pairs, mut triples) = (0.0, 0.0, 0.0);
        for (at, &x) in list.iter().enumerate() {
            singles += self.singles[usize::from(x)];
            for (next, &y) in list.iter().enumerate().skip(at + 1) {
                let at = usize::from(x) * width + usize::from(y);
                pairs += self.pairs[at];
                let with = &self.triples[at * width..][..width];
                triples += list[next + 1..].iter().map(|&z| with[usize::from(z)]).sum::<f32>();
            }
        }
        FACTORS.map(|factors| {
            let [one, two, three] = factors.map(|factor| factor as f32 / SCALE as f32);
            one * (1.0 - singles) + two * pairs - three * triples
        })
    }
}

/// Which of [`FACTORS`] loses least, on average, for a row with 0, 1, … `most` predicates, each chosen with chance `share`.
fn least_lossy(share: f64, most: usize) -> Vec<usize> {
    let share = share.min(1.0 - 1e-9);
    let of = |size: usize| {
        // P(y), from y = 0 on.
        let mut chances = vec![(1.0 - share).powi(size as i32)];
        for y in 1..=size {
            let before = chances[y - 1];
            chances.push(before * (size + 1 - y) as f64 / y as f64 * share / (1.0 - share));
        }
        let counted = |[one, two, three]: [u32; 3]| {
            let value = |y: f64| {
                let (pairs, triples) = (y * (y - 1.0) / 2.0, y * (y - 1.0) * (y - 2.0) / 6.0);
                f64::from(one) * (1.0 - y) + f64::from(two) * pairs - f64::from(three) * triples
            };
            chances.iter().enumerate().map(|(y, chance)| chance * value(y as f64)).sum::<f64>()
        };
        let better = |best, kind| if counted(FACTORS[kind]) > counted(FACTORS[best]) { kind } else { best };
        (0..KINDS).fold(0, better)
    };
    (0..=most).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::super::select_program::Membership;
    use super::*;

    const PREDICATES: usize = 9;

    fn program(texts: usize, seed: u64) -> Program {
        let mut random = Random::new(seed);
        let members: Vec<Vec<u32>> =
            (0..PREDICATES).map(|_| (0..texts as u32).filter(|_| random.unit() < 0.4).collect()).collect();
        let all = Membership::new(texts, &members);
        Program::new(&all, (0..PREDICATES).collect(), &[], Some(4), (0.5, 1.0, 0.0), &[])
    }

    fn left_out(program: &Program, chosen: &[u16]) -> i64 {
        let out = |row: &usize| !program.rows.row(*row).iter().any(|j| chosen.contains(j));
        (0..program.rows.rows()).filter(out).map(|row| program.rows.weight(row) as i64).sum()
    }

    fn subsets(of: usize) -> impl Iterator<Item = Vec<usize>> {
        (0_u32..1 << of).map(move |bits| (0..of).filter(|j| bits >> j & 1 == 1).collect())
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
    fn whatever_rows_learn_the_form_never_says_more_than_is_left_out() {
        let program = program(120, 4);
        let open: Vec<u16> = (0..PREDICATES as u16).filter(|j| *j != 2).collect();
        let mut rows = Rows::new(&program, 64, &[2], &open, 3, None);
        let mut random = Random::new(6);
        for round in 0..20 {
            let mut some = |number: usize| (0..number).map(|_| random.unit() as f32).collect();
            let width = open.len();
            let seen =
                Likely { singles: some(width), pairs: some(width.pow(2)), triples: some(width.pow(3)) };
            let form = rows.learn(&seen, 3.0);
            assert_eq!(form, rows.form(), "{round}");
            for places in subsets(width) {
                let chosen: Vec<u16> = places.iter().map(|&x| open[x]).chain([2]).collect();
                assert!(form.value(&places) <= rows.whole * left_out(&program, &chosen), "{places:?}");
            }
        }
    }

    #[test]
    fn rows_take_to_what_counts_for_most() {
        let program = program(200, 9);
        let open: Vec<u16> = (0..PREDICATES as u16).collect();
        let mut rows = Rows::new(&program, 64, &[], &open, 2, None);
        let chosen = [0, 1, 2, 3, 4];
        // What is certain to be chosen.
        let is = |x: usize| f32::from(u8::from(chosen.contains(&x)));
        let all = 0..PREDICATES;
        let singles: Vec<f32> = all.clone().map(is).collect();
        let pairs: Vec<f32> = all.clone().flat_map(|x| all.clone().map(move |y| is(x) * is(y))).collect();
        let triples = pairs.iter().flat_map(|pair| singles.iter().map(move |single| pair * single)).collect();
        let seen = Likely { singles: singles.clone(), pairs: pairs.clone(), triples };
        let before = rows.form().value(&chosen);
        let after = (0..20).map(|_| rows.learn(&seen, 2.0).value(&chosen)).last();
        assert!(after > Some(before), "{after:?} {before}");
    }

    #[test]
    fn plain_counts_leave_out_what_is_covered() {
        let members: Vec<Vec<u32>> = vec![vec![0, 1, 2], vec![2, 3, 4], vec![2, 4], vec![5]];
        let all = Membership::new(7, &members);
        let program = Program::new(&all, vec![0, 1, 2, 3], &[], Some(2), (0.5, 1.0, 0.0), &[]);
        let (singles, pairs, texts) = Rows::new(&program, 4, &[0], &[1, 2], 1, None).plain();
        // Text 6 is left out in any case and no row of the program.
        assert_eq!((singles, pairs, texts), (vec![2, 1], vec![0, 1, 0, 0], 3));
    }

    #[test]
    fn a_corpus_too_large_to_be_counted_is_told_apart() {
        let members = |texts: u32| vec![(0..texts).collect::<Vec<u32>>(), vec![0]];
        let shares = |texts: u32| {
            let all = Membership::new(texts as usize, &members(texts));
            Rows::shares(&Program::new(&all, vec![0, 1], &[], Some(1), (0.5, 1.0, 0.0), &[]))
        };
        assert_eq!((shares(1000), shares(2_000_000)), (Some(MOST_SHARES), None));
    }
}
