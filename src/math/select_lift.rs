//! A lower bound on a cubic form of a choice of so many places: Σ singles + Σ pairs − Σ triples.
//!
//! Each chosen place has all others that are chosen as partners, each pair of these all others as thirds. Where every
//! place takes the best partners for itself, and every pair the best thirds, the sum is a bound (Gilmore 1962 and
//! Lawler 1963 for quadratic assignment). A pair's cost may be moved between its ends, a triple's between its three
//! pairs; at best, the bound is that of the second level of the reformulation-linearization technique (Adams,
//! Guignard, Hahn & Hightower 2007). What is moved is found by smoothing: every decision is taken to a degree, as at
//! a temperature, and costs go from where a triple is wanted less to where it is wanted more until its pairs agree.
//!
//! Costs of triples are whole numbers of parts of a text, so that moving them loses nothing and the bound is exact.

use rayon::prelude::*;

use super::select_minorants::{Form, Likely};

/// How much warmer than triples pairs and places are, with k to choose: k/2 and k²/2.
const WARMER: f32 = 0.5;
/// Temperatures, as shares of the spread of triples' costs: at first, and at last.
const WARM: f32 = 0.08;
const COLD: f32 = 0.01;
/// By how much it gets colder a round.
const COOLING: f32 = 0.99;
/// Degrees below exp of this count as this.
const FLOOR: f32 = -25.0;
/// A cost that is never chosen.
const NEVER: i32 = 1 << 30;
/// Steps towards a level at which as many are chosen as should be: for the first round, and for later ones.
const FIRST_STEPS: usize = 12;
const STEPS: usize = 3;
/// The share of what was seen last in the mean of what is seen.
const NEWEST: f32 = 0.3;
/// Bounds are lowered by this share of the sums they are made of, which is more than rounding can raise them.
const ROUNDING: f64 = 1e-12;
/// Pairs that one task works on.
const PAIRS_A_TASK: usize = 128;

/// A cubic form, with its costs moved to where the bound is high.
pub(super) struct Lift {
    width: usize,
    count: usize,
    form: Form,
    /// For each pair x < y, in order, what each third place costs it; of a triple's three costs the sum is fixed.
    thirds: Vec<i32>,
    /// At `x * width + y` what pair x, y costs more at x; less by as much at y.
    ends: Vec<f64>,
    /// For each pair, at which cost thirds are chosen to one half.
    levels: Vec<f32>,
    temperature: f32,
    coldest: f32,
}

/// What was moved between the three pairs of each triple and between the two ends of each pair, which serves other
/// forms, too.
#[derive(Clone)]
pub(super) struct Moves {
    width: usize,
    thirds: Vec<i32>,
    ends: Vec<f64>,
    temperature: f32,
}

/// What a bound says, in parts of a text.
pub(super) struct Bounded {
    pub bound: f64,
    /// How much the bound rises at least when a place is decided the other way.
    pub regrets: Vec<f64>,
    /// The places that the bound would choose.
    pub chosen: Vec<usize>,
}

/// To what degree everything is chosen in a round.
pub(super) struct Seen {
    places: Vec<f32>,
    /// For each pair, as a logarithm.
    pairs: Vec<f32>,
    /// For each pair and each third with it, as a logarithm.
    thirds: Vec<f32>,
}

/// The number of pair x < y.
#[inline(always)]
fn pair(width: usize, x: usize, y: usize) -> usize {
    x * (2 * width - x - 1) / 2 + y - x - 1
}

fn pairs(width: usize) -> Vec<(usize, usize)> {
    (0..width).flat_map(|x| (x + 1..width).map(move |y| (x, y))).collect()
}

impl Lift {
    /// `count` places of the form are chosen: at least three, and not all. What was moved before, in a form that had
    /// more places, is moved again: `kept` says which of its places are this form's, ascending.
    pub fn new(form: Form, count: usize, before: Option<(&Moves, &[usize])>) -> Self {
        let width = form.singles.len();
        let list = pairs(width);
        let mut lift = Self {
            width,
            count,
            thirds: vec![0; width * list.len()],
            ends: vec![0.0; width * width],
            levels: vec![f32::NAN; list.len()],
            temperature: 0.0,
            coldest: 0.0,
            form,
        };
        let form = &lift.form;
        lift.thirds.par_chunks_mut(width).zip(&list).with_min_len(PAIRS_A_TASK).for_each(|(row, &(x, y))| {
            let before = before.map(|(moves, kept)| (moves.of(kept[x], kept[y]), kept));
            for (z, cost) in row.iter_mut().enumerate() {
                let moved = before.map_or(0, |(moves, kept)| moves[kept[z]]);
                *cost =
                    if z == x || z == y { NEVER } else { own_share(&form.triples, width, x, y, z) + moved };
            }
        });
        let spread = lift.spread();
        (lift.temperature, lift.coldest) = (WARM * spread, COLD * spread);
        if let Some((moves, kept)) = before {
            lift.temperature = moves.temperature;
            let at = |x: usize| kept.iter().map(move |&y| moves.ends[x * moves.width + y]);
            lift.ends = kept.iter().flat_map(|&x| at(x)).collect();
        }
        lift
    }

    /// What was moved.
    pub fn moves(&self) -> Moves {
        let (width, triples) = (self.width, &self.form.triples);
        let mut thirds = self.thirds.clone();
        for (row, (x, y)) in thirds.chunks_mut(width).zip(pairs(width)) {
            for (z, cost) in row.iter_mut().enumerate() {
                *cost -= if z == x || z == y { NEVER } else { own_share(triples, width, x, y, z) };
            }
        }
        Moves { width, thirds, ends: self.ends.clone(), temperature: self.temperature }
    }

    /// Puts another form in the place of the one before.
    pub fn change(&mut self, form: Form) {
        let width = self.width;
        let before = std::mem::replace(&mut self.form, form).triples;
        let now = &self.form.triples;
        let list = pairs(width);
        self.thirds.par_chunks_mut(width).zip(&list).with_min_len(PAIRS_A_TASK).for_each(|(row, &(x, y))| {
            for (z, cost) in row.iter_mut().enumerate().filter(|(z, _)| *z != x && *z != y) {
                *cost += own_share(now, width, x, y, z) - own_share(&before, width, x, y, z);
            }
        });
    }

    /// The square root of the mean square deviation of triples' costs.
    fn spread(&self) -> f32 {
        let width = self.width;
        let (mut number, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for (x, y) in pairs(width) {
            for cost in &self.form.triples[(x * width + y) * width + y + 1..][..width - y - 1] {
                let cost = f64::from(*cost);
                (number, sum, squares) = (number + 1.0, sum + cost, squares + cost * cost);
            }
        }
        (squares / number - (sum / number).powi(2)).max(1.0).sqrt() as f32
    }

    /// What each pair costs besides its thirds.
    fn own(&self, x: usize, y: usize) -> f64 {
        self.form.pairs[x * self.width + y] as f64
    }

    /// The bound as things are, with `prices` of the places.
    pub fn bound(&self, prices: &[f64]) -> Bounded {
        let (width, count) = (self.width, self.count);
        let list = pairs(width);
        let halves: Vec<f64> = self
            .thirds
            .par_chunks(width)
            .zip(&list)
            .with_min_len(PAIRS_A_TASK)
            .map_init(Vec::new, |kept, (row, &(x, y))| {
                kept.clear();
                kept.extend_from_slice(row);
                kept.select_nth_unstable(count - 3);
                let thirds: i64 = kept[..count - 2].iter().map(|&cost| i64::from(cost)).sum();
                (self.own(x, y) + thirds as f64) / 2.0
            })
            .collect();
        let mut stars: Vec<(f64, usize)> = (0..width)
            .map(|x| {
                let half = |y: usize| halves[pair(width, x.min(y), x.max(y))] + self.ends[x * width + y];
                let mut partners: Vec<f64> = (0..width).filter(|y| *y != x).map(half).collect();
                partners.select_nth_unstable_by(count - 2, f64::total_cmp);
                let single = prices[x] - self.form.singles[x] as f64;
                (single + partners[..count - 1].iter().sum::<f64>(), x)
            })
            .collect();
        let own: Vec<f64> = stars.iter().map(|star| star.0).collect();
        stars.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let size = self.form.texts as f64 + own.iter().map(|own| own.abs()).sum::<f64>();
        let bound = self.form.texts as f64 + stars[..count].iter().map(|star| star.0).sum::<f64>();
        let (last_in, first_out) = (stars[count - 1].0, stars[count].0);
        let mut regrets: Vec<f64> = own.iter().map(|own| (own - last_in).max(0.0)).collect();
        let chosen: Vec<usize> = stars[..count].iter().map(|star| star.1).collect();
        chosen.iter().for_each(|&x| regrets[x] = (first_out - own[x]).max(0.0));
        Bounded { bound: bound - ROUNDING * size, regrets, chosen }
    }

    /// One round: decides everything to a degree and moves costs towards agreement.
    pub fn round(&mut self, prices: &[f64]) -> Seen {
        let (width, count) = (self.width, self.count);
        let cold = self.temperature;
        let warm = cold * WARMER * count as f32;
        let list = pairs(width);
        // What thirds cost each pair at the mean, and how likely each is.
        let mut thirds = vec![0.0_f32; self.thirds.len()];
        let halves: Vec<f64> = self
            .thirds
            .par_chunks(width)
            .zip(thirds.par_chunks_mut(width))
            .zip(&mut self.levels)
            .with_min_len(PAIRS_A_TASK)
            .map_init(Vec::new, |costs, ((row, logs), level)| {
                costs.clear();
                costs.extend(row.iter().map(|&cost| cost as f32));
                to_a_degree(costs, count - 2, cold, level, logs)
            })
            .collect();
        let halves: Vec<f64> =
            halves.iter().zip(&list).map(|(thirds, &(x, y))| (self.own(x, y) + thirds) / 2.0).collect();
        let mut partners = vec![0.0_f32; width * width];
        let stars: Vec<f64> = partners
            .par_chunks_mut(width)
            .enumerate()
            .map(|(x, logs)| {
                let half = |y: usize| match y == x {
                    true => NEVER as f32,
                    false => (halves[pair(width, x.min(y), x.max(y))] + self.ends[x * width + y]) as f32,
                };
                let costs: Vec<f32> = (0..width).map(half).collect();
                let mean = to_a_degree(&costs, count - 1, warm, &mut f32::NAN.clone(), logs);
                prices[x] - self.form.singles[x] as f64 + mean
            })
            .collect();
        let mut places = vec![0.0; width];
        let costs: Vec<f32> = stars.iter().map(|&star| star as f32).collect();
        to_a_degree(&costs, count, warm * count as f32, &mut f32::NAN.clone(), &mut places);
        let mut both = vec![0.0; list.len()];
        for (&(x, y), both) in list.iter().zip(&mut both) {
            let from_x = (places[x] + partners[x * width + y]).max(FLOOR);
            let from_y = (places[y] + partners[y * width + x]).max(FLOOR);
            let step = f64::from(0.5 * warm * (from_x - from_y));
            self.ends[x * width + y] += step;
            self.ends[y * width + x] = -self.ends[x * width + y];
            *both = ((from_x.exp() + from_y.exp()) / 2.0).ln();
        }
        let joint = thirds.par_chunks_mut(width).zip(&both).with_min_len(PAIRS_A_TASK);
        joint.for_each(|(logs, pair)| logs.iter_mut().for_each(|log| *log = (*log + pair).max(FLOOR)));
        let seen = Seen { places, pairs: both, thirds };
        self.thirds.par_chunks_mut(width).zip(&list).with_min_len(PAIRS_A_TASK).for_each(|(row, &(x, y))| {
            let own = seen.with(x, y);
            let (before, rest) = row.split_at_mut(x);
            for (z, cost) in before.iter_mut().enumerate() {
                *cost += steps(cold, [seen.of(z, x, y), seen.of(z, y, x), own[z]])[2];
            }
            let (between, after) = rest[1..].split_at_mut(y - x - 1);
            let thirds = seen.column(x, x + 1, y).zip(&own[x + 1..]);
            for (at, (cost, (first, second))) in between.iter_mut().zip(thirds).enumerate() {
                *cost += steps(cold, [*first, *second, seen.of(x + 1 + at, y, x)])[1];
            }
            let thirds = seen.column(x, y + 1, y).zip(seen.column(y, y + 1, x)).zip(&own[y + 1..]);
            for (cost, ((second, third), first)) in after[1..].iter_mut().zip(thirds) {
                *cost += steps(cold, [*first, *second, *third])[0];
            }
        });
        self.temperature = (cold * COOLING).max(self.coldest);
        seen
    }
}

/// What pair x < y bears of a triple's cost if nothing is moved: a third, and the last pair of the three the rest.
#[inline(always)]
fn own_share(triples: &[u32], width: usize, x: usize, y: usize, z: usize) -> i32 {
    let cost = |x: usize, y: usize, z: usize| -(triples[(x * width + y) * width + z] as i32);
    if z < x {
        let cost = cost(z, x, y);
        return cost - 2 * (cost / 3);
    }
    (if z < y { cost(x, z, y) } else { cost(x, y, z) }) / 3
}

impl Moves {
    /// What was moved to pair x < y from the triples with each third.
    fn of(&self, x: usize, y: usize) -> &[i32] {
        &self.thirds[pair(self.width, x, y) * self.width..][..self.width]
    }
}

/// What each pair of a triple that is wanted so much (as logarithms) moves; the sum is nothing.
#[inline(always)]
fn steps(temperature: f32, wanted: [f32; 3]) -> [i32; 3] {
    let mean = (wanted[0] + wanted[1] + wanted[2]) * (1.0 / 3.0);
    let first = (temperature * (wanted[0] - mean)) as i32;
    let second = (temperature * (wanted[1] - mean)) as i32;
    [first, second, -first - second]
}

impl Seen {
    fn width(&self) -> usize {
        self.places.len()
    }

    /// How much pair x < y wants each third.
    #[inline(always)]
    fn with(&self, x: usize, y: usize) -> &[f32] {
        &self.thirds[pair(self.width(), x, y) * self.width()..][..self.width()]
    }

    /// How much pair x < y wants z.
    #[inline(always)]
    fn of(&self, x: usize, y: usize, z: usize) -> f32 {
        self.thirds[pair(self.width(), x, y) * self.width() + z]
    }

    /// How much pairs x < y, x < y + 1, … want z.
    #[inline(always)]
    fn column(&self, x: usize, y: usize, z: usize) -> impl Iterator<Item = &f32> {
        let from = pair(self.width(), x, y) * self.width() + z;
        self.thirds.get(from..).unwrap_or_default().iter().step_by(self.width())
    }

    /// Adds what was seen to the mean of what was seen before.
    pub fn join(&self, mean: Option<Likely>) -> Likely {
        let width = self.places.len();
        let new = if mean.is_some() { NEWEST } else { 1.0 };
        let mut mean = mean.unwrap_or_else(|| Likely {
            singles: vec![0.0; width],
            pairs: vec![0.0; width * width],
            triples: vec![0.0; width.pow(3)],
        });
        let step = |mean: &mut f32, seen: f32| *mean += new * (seen - *mean);
        mean.singles.iter_mut().zip(&self.places).for_each(|(mean, seen)| step(mean, seen.exp()));
        let rows = mean.pairs.par_chunks_mut(width).zip(mean.triples.par_chunks_mut(width * width));
        rows.enumerate().for_each(|(x, (pairs, triples))| {
            for y in x + 1..width {
                step(&mut pairs[y], self.pairs[pair(width, x, y)].exp());
                let others = self.column(x, y + 1, y).zip(self.column(y, y + 1, x));
                let triples = &mut triples[y * width..][y + 1..width];
                for ((mean, one), (two, three)) in
                    triples.iter_mut().zip(&self.with(x, y)[y + 1..]).zip(others)
                {
                    step(mean, (exp(*one) + exp(*two) + exp(*three)) / 3.0);
                }
            }
        });
        mean
    }
}

/// Chooses `count` of `costs` to a degree: p = 1 / (1 + exp((cost − level) / temperature)) with Σ p = `count`. Puts ln p
/// into `logs` and the level into `level`, where it starts from, and returns Σ p · cost.
fn to_a_degree(costs: &[f32], count: usize, temperature: f32, level: &mut f32, logs: &mut [f32]) -> f64 {
    let mut steps = STEPS;
    if level.is_nan() {
        let mut sorted = costs.to_vec();
        *level = *sorted.select_nth_unstable_by(count - 1, f32::total_cmp).1;
        steps = FIRST_STEPS;
    }
    let (wanted, slower) = (count as f32, 1.0 / temperature);
    for _ in 0..steps {
        let from = *level;
        let [sum, slope] = summed(costs, |cost| {
            let chosen = 1.0 / (1.0 + exp((cost - from) * slower));
            [chosen, chosen * (1.0 - chosen)]
        });
        if (sum - wanted).abs() < 1e-3 * wanted {
            break;
        }
        *level += temperature * ((wanted - sum) / slope.max(1e-3)).clamp(-3.0, 3.0);
    }
    let from = *level;
    let against = |cost: f32| 1.0 + exp((cost - from) * slower);
    logs.iter_mut().zip(costs).for_each(|(log, &cost)| *log = -ln(against(cost)));
    let [mean, _] = summed(costs, |cost| [cost / against(cost), 0.0]);
    f64::from(mean)
}

/// The sums of two figures over all costs, in an order that lets several be worked out at once.
#[inline(always)]
fn summed(costs: &[f32], figures: impl Fn(f32) -> [f32; 2]) -> [f32; 2] {
    const LANES: usize = 16;
    let mut sums = [[0.0_f32; LANES]; 2];
    let (whole, rest) = costs.as_chunks::<LANES>();
    let mut add = |lanes: &[f32; LANES]| {
        for lane in 0..LANES {
            let [one, two] = figures(lanes[lane]);
            sums[0][lane] += one;
            sums[1][lane] += two;
        }
    };
    whole.iter().for_each(&mut add);
    let mut last = [NEVER as f32; LANES];
    last[..rest.len()].copy_from_slice(rest);
    add(&last);
    sums.map(|lanes| lanes.iter().sum())
}

/// eˣ to about six digits, for x between −80 and 80 and as at these ends beyond: plain arithmetic that the compiler can
/// do for several numbers at once.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = x.clamp(-80.0, 80.0) * std::f32::consts::LOG2_E;
    // Rounds to the nearest whole number.
    const SHIFT: f32 = 12_582_912.0;
    let shifted = x + SHIFT;
    let rest = (x - (shifted - SHIFT)) * std::f32::consts::LN_2;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    let series =
        1.0 + rest * (1.0 + rest * (0.5 + rest * (1.0 / 6.0 + rest * (1.0 / 24.0 + rest * (1.0 / 120.0)))));
    power * series
}

/// The natural logarithm of x ≥ 1, to about six digits.
#[inline(always)]
fn ln(x: f32) -> f32 {
    // x = 2ⁿ · m with m from √½ to √2, ln m = 2 artanh((m − 1) / (m + 1)).
    let bits = x.to_bits().wrapping_sub(0x3f35_04f3);
    let power = ((bits as i32) >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let t = (m - 1.0) / (m + 1.0);
    let square = t * t;
    let artanh =
        t * (2.0 + square * (2.0 / 3.0 + square * (0.4 + square * (2.0 / 7.0 + square * (2.0 / 9.0)))));
    power * std::f32::consts::LN_2 + artanh
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    const WIDTH: usize = 8;

    fn random_form(width: usize, seed: u64) -> Form {
        let mut random = Random::new(seed);
        let mut form = Form {
            texts: 900,
            singles: (0..width).map(|_| random.below(300) as i64).collect(),
            pairs: vec![0; width * width],
            triples: vec![0; width.pow(3)],
        };
        for (x, y) in pairs(width) {
            form.pairs[x * width + y] = random.below(100) as i64;
            for z in y + 1..width {
                form.triples[(x * width + y) * width + z] = random.below(60) as u32;
            }
        }
        form
    }

    fn choices(width: usize, count: usize) -> impl Iterator<Item = Vec<usize>> {
        (0_u32..1 << width)
            .filter(move |bits| bits.count_ones() as usize == count)
            .map(move |bits| (0..width).filter(|j| bits >> j & 1 == 1).collect())
    }

    fn least(form: &Form, prices: &[f64], count: usize, fits: impl Fn(&[usize]) -> bool) -> f64 {
        choices(prices.len(), count)
            .filter(|places| fits(places))
            .map(|places| form.value(&places) as f64 + places.iter().map(|&x| prices[x]).sum::<f64>())
            .fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn moving_costs_changes_no_choice() {
        let form = random_form(WIDTH, 3);
        let mut lift = Lift::new(random_form(WIDTH, 4), 4, None);
        lift.round(&[0.0; WIDTH]);
        lift.change(form.clone());
        (0..30).for_each(|_| drop(lift.round(&[0.0; WIDTH])));
        for places in choices(WIDTH, 4) {
            let mut sum = form.texts as f64;
            for &x in &places {
                sum -= form.singles[x] as f64;
                for &y in places.iter().filter(|y| **y != x) {
                    sum += lift.ends[x * WIDTH + y];
                    if x < y {
                        let row = &lift.thirds[pair(WIDTH, x, y) * WIDTH..][..WIDTH];
                        let thirds = places.iter().filter(|z| **z != x && **z != y);
                        sum += lift.own(x, y) + thirds.map(|&z| f64::from(row[z])).sum::<f64>();
                    }
                }
            }
            assert!((sum - form.value(&places) as f64).abs() < 1e-6, "{places:?}");
        }
    }

    #[test]
    fn bounds_and_regrets_hold_and_rounds_raise_them() {
        for seed in 0..12 {
            let count = 3 + seed as usize % 4;
            let form = random_form(WIDTH, seed);
            let prices: Vec<f64> = (0..WIDTH).map(|x| (x * 17 % 50) as f64).collect();
            let best = least(&form, &prices, count, |_| true);
            let mut lift = Lift::new(form.clone(), count, None);
            let first = lift.bound(&prices).bound;
            let mut highest = first;
            for _ in 0..200 {
                lift.round(&prices);
                let bounded = lift.bound(&prices);
                highest = highest.max(bounded.bound);
                assert!(bounded.bound <= best + 1e-6, "{} above {best}", bounded.bound);
                for x in 0..WIDTH {
                    let chosen = bounded.chosen.contains(&x);
                    let other = least(&form, &prices, count, |places| places.contains(&x) != chosen);
                    assert!(bounded.bound + bounded.regrets[x] <= other + 1e-6, "{x} of {seed}");
                }
            }
            assert!(highest - first > 0.5 * (best - first), "{first} {highest} {best}");
        }
    }

    #[test]
    fn what_was_moved_serves_fewer_places() {
        let form = random_form(WIDTH, 21);
        let mut lift = Lift::new(form.clone(), 5, None);
        (0..200).for_each(|_| drop(lift.round(&[0.0; WIDTH])));
        let kept = [0, 2, 3, 4, 6, 7];
        let width = kept.len();
        let mut less = random_form(width, 0);
        less.texts = form.texts;
        less.singles = kept.iter().map(|&x| form.singles[x]).collect();
        for (x, y) in pairs(width) {
            less.pairs[x * width + y] = form.pairs[kept[x] * WIDTH + kept[y]];
            for z in y + 1..width {
                less.triples[(x * width + y) * width + z] =
                    form.triples[(kept[x] * WIDTH + kept[y]) * WIDTH + kept[z]];
            }
        }
        let best = least(&less, &[0.0; 6], 5, |_| true);
        let fresh = Lift::new(less.clone(), 5, None).bound(&[0.0; 6]).bound;
        let moved = Lift::new(less, 5, Some((&lift.moves(), &kept))).bound(&[0.0; 6]).bound;
        assert!(fresh < moved && moved <= best + 1e-6, "{fresh} {moved} {best}");
    }

    #[test]
    fn quick_functions_are_near_the_true_ones() {
        for step in -8000_i16..8000 {
            let x = f32::from(step) / 100.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-5, "{x}");
            let above = 1.0 + x.exp();
            assert!((ln(above) - above.ln()).abs() < 1e-5 * (1.0 + above.ln()), "{above}");
        }
    }
}
