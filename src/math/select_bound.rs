//! A lower bound on what any choice costs: the linear relaxation, through its Lagrangian dual.
//!
//! A row that is left out costs its weight times `missed`; relaxed, u ≥ 1 − Σ s over its predicates, u ≥ 0. With a share
//! p ∈ \[0, 1\] of that cost on the row's constraint, the rest falls apart into one decision a predicate: its price
//! less the shares of the rows that it covers. Every p gives a bound that holds, however far the search for the best
//! p has come; it is searched by the volume algorithm (Barahona & Anbil 2000), whose mean of the decisions tends to
//! the relaxation's fractional choice.

use rayon::prelude::*;

use super::select_program::Program;

/// Rows that one task counts.
const ROWS_A_TASK: usize = 1 << 13;
/// The share of the newest decisions in their mean.
const NEWEST: f64 = 0.1;
/// Steps without a better bound before they are made shorter.
const PATIENCE: usize = 12;
/// Bounds are lowered by this share of the sums they are made of, which is more than rounding can raise them.
const ROUNDING: f64 = 1e-12;

/// What is settled about a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fixed {
    Open,
    In,
    Out,
}

/// What the relaxation says.
#[derive(Clone, Debug)]
pub(super) struct Relaxed {
    /// No choice within what is settled costs less.
    pub bound: f64,
    /// Share of each predicate in the mean decision; 1 and 0 for the settled ones.
    pub shares: Vec<f64>,
    /// The decision on each open predicate at the bound.
    pub decided: Vec<bool>,
    /// How much the bound rises at least when an open predicate is decided the other way.
    pub regrets: Vec<f64>,
    /// The rows' shares p that gave the bound.
    pub duals: Vec<f32>,
}

/// One value of the dual.
struct Value {
    bound: f64,
    prices: Vec<f64>,
    decided: Vec<bool>,
}

/// Bounds the choices that agree with `fixed`, in at most `rounds` steps from `start`; `goal` is a cost from which
/// on the bound serves its purpose. `stop` ends the steps early.
pub(super) fn relax(
    program: &Program,
    fixed: &[Fixed],
    start: Option<&[f32]>,
    rounds: usize,
    goal: f64,
    stop: impl Fn() -> bool,
) -> Relaxed {
    let rows = open_rows(program, fixed);
    let mut centre: Vec<f32> = match start {
        Some(duals) => rows.iter().map(|&row| duals[row as usize]).collect(),
        None => vec![0.5; rows.len()],
    };
    let left = program.count.map(|count| count - fixed.iter().filter(|f| **f == Fixed::In).count());
    let base = program.constant
        + (0..program.len()).filter(|&j| fixed[j] == Fixed::In).map(|j| program.prices[j]).sum::<f64>();
    let size: f64 = rows.iter().map(|&row| program.missed * program.rows.weight(row as usize) as f64).sum();
    let slack = ROUNDING * (base.abs() + size + program.prices.iter().map(|p| p.abs()).sum::<f64>());

    let value = |duals: &[f32]| {
        let (sum, covered) = sums(program, &rows, duals);
        let prices: Vec<f64> = program.prices.iter().zip(&covered).map(|(p, c)| p - c).collect();
        let decided = decide(&prices, fixed, left);
        let taken: f64 = (0..prices.len()).filter(|&j| decided[j]).map(|j| prices[j]).sum();
        Value { bound: base + sum + taken - slack, prices, decided }
    };
    let mut best = value(&centre);
    let mut shares: Vec<f64> = best.decided.iter().map(|&d| f64::from(u8::from(d))).collect();
    let (mut pace, mut failed) = (0.5, 0);
    for _ in 0..rounds {
        if best.bound >= goal || rows.is_empty() || stop() {
            break;
        }
        let aim = goal.min(best.bound + 0.05 * size.max(f64::MIN_POSITIVE));
        let Some(duals) = stepped(program, &rows, &centre, &shares, pace * (aim - best.bound)) else { break };
        let next = value(&duals);
        for (share, &decided) in shares.iter_mut().zip(&next.decided) {
            *share += NEWEST * (f64::from(u8::from(decided)) - *share);
        }
        if next.bound > best.bound {
            (centre, best, failed) = (duals, next, 0);
            pace = f64::min(pace * 1.1, 2.0);
        } else {
            failed += 1;
            if failed == PATIENCE {
                (pace, failed) = (pace * 0.66, 0);
            }
        }
    }
    finish(program, fixed, left, &rows, best, shares, centre)
}

/// Bounds for each number of predicates, from 0 on, that these duals and the plainest two give: rows that cost nothing
/// (right for many predicates) and rows that are missed once for each (for few).
pub(super) fn by_count(program: &Program, duals: &[f32]) -> Vec<f64> {
    let rows: Vec<u32> = (0..program.rows.rows() as u32).collect();
    let fixed = vec![Fixed::Open; program.len()];
    let mut best = vec![f64::NEG_INFINITY; program.len() + 1];
    for duals in [duals, &vec![0.0; rows.len()], &vec![1.0; rows.len()]] {
        let (sum, covered) = sums(program, &rows, duals);
        let prices: Vec<f64> = program.prices.iter().zip(&covered).map(|(p, c)| p - c).collect();
        let slack = ROUNDING * (program.constant.abs() + sum + program.prices.iter().sum::<f64>());
        let mut bound = program.constant + sum - slack;
        best[0] = best[0].max(bound);
        for (count, j) in ranked(&prices, &fixed).into_iter().enumerate() {
            bound += prices[j];
            best[count + 1] = best[count + 1].max(bound);
        }
    }
    best
}

/// The rows that no settled predicate covers and an open one can.
fn open_rows(program: &Program, fixed: &[Fixed]) -> Vec<u32> {
    let open = |row: u32| !program.rows.row(row as usize).iter().any(|&j| fixed[usize::from(j)] == Fixed::In);
    (0..program.rows.rows() as u32)
        .into_par_iter()
        .with_min_len(ROWS_A_TASK)
        .filter(|&row| open(row))
        .collect()
}

/// Sum of the rows' shares of cost, and of those that each predicate would cover.
fn sums(program: &Program, rows: &[u32], duals: &[f32]) -> (f64, Vec<f64>) {
    let parts: Vec<(f64, Vec<f64>)> = rows
        .par_chunks(ROWS_A_TASK)
        .zip(duals.par_chunks(ROWS_A_TASK))
        .map(|(rows, duals)| {
            let (mut sum, mut covered) = (0.0, vec![0.0; program.len()]);
            for (&row, &dual) in rows.iter().zip(duals) {
                let share = program.missed * program.rows.weight(row as usize) as f64 * f64::from(dual);
                sum += share;
                program.rows.row(row as usize).iter().for_each(|&j| covered[usize::from(j)] += share);
            }
            (sum, covered)
        })
        .collect();
    let mut total = (0.0, vec![0.0; program.len()]);
    for (sum, covered) in parts {
        total.0 += sum;
        total.1.iter_mut().zip(covered).for_each(|(a, b)| *a += b);
    }
    total
}

/// The best decisions at these prices: settled ones stay as they are.
fn decide(prices: &[f64], fixed: &[Fixed], left: Option<usize>) -> Vec<bool> {
    let mut decided = vec![false; prices.len()];
    match left {
        None => (0..prices.len()).for_each(|j| decided[j] = fixed[j] == Fixed::Open && prices[j] < 0.0),
        Some(left) => {
            for j in ranked(prices, fixed).into_iter().take(left) {
                decided[j] = true;
            }
        }
    }
    decided
}

fn ranked(prices: &[f64], fixed: &[Fixed]) -> Vec<usize> {
    let mut open: Vec<usize> = (0..prices.len()).filter(|&j| fixed[j] == Fixed::Open).collect();
    open.sort_unstable_by(|&a, &b| prices[a].total_cmp(&prices[b]).then(a.cmp(&b)));
    open
}

/// The duals after a step along 1 − Σ shares that would raise the bound by `rise`, or nothing where that is nowhere.
fn stepped(program: &Program, rows: &[u32], centre: &[f32], shares: &[f64], rise: f64) -> Option<Vec<f32>> {
    let towards: Vec<f32> = rows
        .par_iter()
        .zip(centre)
        .with_min_len(ROWS_A_TASK)
        .map(|(&row, &dual)| {
            let held: f64 = program.rows.row(row as usize).iter().map(|&j| shares[usize::from(j)]).sum();
            let towards = (1.0 - held) as f32;
            // A share at its end cannot go further.
            if (dual >= 1.0 && towards > 0.0) || (dual <= 0.0 && towards < 0.0) { 0.0 } else { towards }
        })
        .collect();
    let norm: f64 = rows
        .iter()
        .zip(&towards)
        .map(|(&row, &t)| program.missed * program.rows.weight(row as usize) as f64 * f64::from(t * t))
        .sum();
    if norm <= 0.0 {
        return None;
    }
    let length = (rise / norm) as f32;
    Some(centre.iter().zip(&towards).map(|(&dual, &t)| (dual + length * t).clamp(0.0, 1.0)).collect())
}

fn finish(
    program: &Program,
    fixed: &[Fixed],
    left: Option<usize>,
    rows: &[u32],
    best: Value,
    mut shares: Vec<f64>,
    centre: Vec<f32>,
) -> Relaxed {
    let order = ranked(&best.prices, fixed);
    // With a number to choose, a decision the other way also moves the last one in or the first one out.
    let (last_in, first_out) = match left {
        None => (0.0, 0.0),
        Some(left) => (
            left.checked_sub(1).and_then(|at| order.get(at)).map_or(f64::NEG_INFINITY, |&j| best.prices[j]),
            order.get(left).map_or(f64::INFINITY, |&j| best.prices[j]),
        ),
    };
    let mut regrets = vec![0.0; program.len()];
    for j in order {
        regrets[j] =
            if best.decided[j] { first_out - best.prices[j] } else { best.prices[j] - last_in }.max(0.0);
    }
    for (share, fixed) in shares.iter_mut().zip(fixed) {
        match fixed {
            Fixed::Open => {}
            Fixed::In => *share = 1.0,
            Fixed::Out => *share = 0.0,
        }
    }
    let mut duals = vec![0.5; program.rows.rows()];
    rows.iter().zip(centre).for_each(|(&row, dual)| duals[row as usize] = dual);
    Relaxed { bound: best.bound, shares, decided: best.decided, regrets, duals }
}

#[cfg(test)]
mod tests {
    use super::super::select_program::Membership;
    use super::*;

    fn program(count: Option<usize>) -> Program {
        let members = vec![vec![0, 1, 2], vec![2, 3], vec![4, 5], vec![0, 5]];
        let all = Membership::new(6, &members);
        Program::new(&all, vec![0, 1, 2, 3], &[], count, (0.5, 1.0, 1.0), &[])
    }

    fn least(program: &Program, fits: impl Fn(u32) -> bool) -> f64 {
        (0_u32..16)
            .filter(|&bits| fits(bits) && program.count.is_none_or(|k| bits.count_ones() as usize == k))
            .map(|bits| program.cost(&(0..4).filter(|j| bits >> j & 1 == 1).collect::<Vec<_>>()))
            .fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn bounds_and_regrets_hold_for_every_choice() {
        for count in [None, Some(1), Some(2), Some(3)] {
            let program = program(count);
            let relaxed = relax(&program, &[Fixed::Open; 4], None, 200, f64::INFINITY, || false);
            assert!(relaxed.bound <= least(&program, |_| true) + 1e-9);
            assert!(relaxed.bound > 0.8 * least(&program, |_| true), "{count:?} {relaxed:?}");
            for j in 0..4 {
                let other = least(&program, |bits| (bits >> j & 1 == 1) != relaxed.decided[j]);
                assert!(relaxed.bound + relaxed.regrets[j] <= other + 1e-9, "{count:?} {j} {relaxed:?}");
            }
        }
    }

    #[test]
    fn what_is_settled_is_kept() {
        let program = program(Some(2));
        let fixed = [Fixed::Out, Fixed::Open, Fixed::Open, Fixed::In];
        let relaxed = relax(&program, &fixed, None, 200, f64::INFINITY, || false);
        assert!(relaxed.bound <= least(&program, |bits| bits & 0b1001 == 0b1000) + 1e-9);
        assert_eq!((relaxed.shares[0], relaxed.shares[3]), (0.0, 1.0));
    }

    #[test]
    fn each_number_of_predicates_has_a_bound() {
        let bounds = by_count(&program(None), &[0.5; 6]);
        for (count, bound) in bounds.into_iter().enumerate() {
            assert!(bound <= least(&program(Some(count)), |_| true) + 1e-9, "{count}");
        }
    }
}
