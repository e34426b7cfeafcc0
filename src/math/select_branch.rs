//! Branch and bound, best first: parts of the space of choices are divided until none can hold a better one.
//!
//! Parts are worked on in batches of a fixed size, so that what is found does not depend on the number of threads.

use std::collections::BinaryHeap;
use std::sync::Arc;

use rayon::prelude::*;

use super::select_bound::{Fixed, by_count, relax};
use super::select_program::Program;
use crate::job::{Cancelled, Ctx};

/// Steps on the dual of the whole, and of a part that starts from the whole's.
const FIRST_ROUNDS: usize = 300;
const ROUNDS: usize = 50;
/// Numbers that the duals of the parts which wait may take together; beyond that a part starts from the first ones.
const DUALS_KEPT: usize = 1 << 26;

/// What became of a part.
pub(super) struct Divided<P> {
    /// What is left of it, each with a bound.
    pub parts: Vec<(f64, P)>,
    /// The least bound of what was cut off because nothing below the cutoff can be in it.
    pub cut: f64,
    /// The best choice that was met.
    pub found: Option<(f64, Vec<u16>)>,
    /// Memberships looked at, about.
    pub work: u64,
}

/// A way to divide.
pub(super) trait Divide: Sync {
    type Part: Send;

    /// Parts that are divided side by side.
    const BATCH: usize;

    /// Divides `part`; what certainly costs `cutoff` or more is cut off.
    fn divide(&self, part: Self::Part, cutoff: f64) -> Divided<Self::Part>;
}

/// What is known of the best choice.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    pub chosen: Vec<u16>,
    pub cost: f64,
    /// No choice costs less.
    pub bound: f64,
}

impl Known {
    /// The cost below which a choice is worth looking for.
    pub fn cutoff(&self, accepted: f64) -> f64 {
        self.cost - accepted * self.cost.abs()
    }

    /// Takes a choice if it is better.
    pub fn offer(&mut self, cost: f64, chosen: Vec<u16>) {
        if cost < self.cost {
            (self.cost, self.chosen) = (cost, chosen);
        }
    }
}

struct Waiting<P> {
    bound: f64,
    turn: u64,
    part: P,
}

impl<P> Ord for Waiting<P> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.bound.total_cmp(&self.bound).then(other.turn.cmp(&self.turn))
    }
}

impl<P> PartialOrd for Waiting<P> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> PartialEq for Waiting<P> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<P> Eq for Waiting<P> {}

/// Divides `first`, which hold all choices below `cut`, until the best choice is known to within `accepted` of its
/// cost, or `enough` (given the work done) says that it was long enough. `known.bound` only rises.
pub(super) fn branch<D: Divide>(
    divide: &D,
    first: Vec<(f64, D::Part)>,
    mut cut: f64,
    known: &mut Known,
    accepted: f64,
    enough: impl Fn(u64) -> bool,
    ctx: &Ctx,
) -> Result<(), Cancelled> {
    let (mut turn, mut work) = (0, 0);
    let mut waiting = BinaryHeap::new();
    for (bound, part) in first {
        turn += 1;
        waiting.push(Waiting { bound, turn, part });
    }
    loop {
        ctx.cancel.check()?;
        let cutoff = known.cutoff(accepted);
        let mut batch = Vec::new();
        let stop = enough(work);
        while !stop && batch.len() < D::BATCH && waiting.peek().is_some_and(|next| next.bound < cutoff) {
            batch.extend(waiting.pop());
        }
        let open = waiting.peek().map_or(f64::INFINITY, |next| next.bound);
        if batch.is_empty() {
            known.bound = known.bound.max(open.min(cut).min(known.cost));
            return Ok(());
        }
        let divided: Vec<Divided<D::Part>> =
            batch.into_par_iter().map(|next| divide.divide(next.part, cutoff)).collect();
        for divided in divided {
            cut = cut.min(divided.cut);
            work += divided.work;
            for (bound, part) in divided.parts {
                turn += 1;
                waiting.push(Waiting { bound, turn, part });
            }
            if let Some((cost, chosen)) = divided.found {
                known.offer(cost, chosen);
            }
        }
    }
}

/// Divides by whether a predicate is chosen, bounded by the linear relaxation.
pub(super) struct ByShares<'a> {
    program: &'a Program,
    /// The whole's fractional choice, rounded.
    pub rounded: Vec<u16>,
    /// Duals of the whole.
    duals: Arc<Vec<f32>>,
}

/// What is settled in a part, and the duals that it starts from.
pub(super) struct Settled {
    fixed: Vec<Fixed>,
    duals: Arc<Vec<f32>>,
    rounds: usize,
    bound: f64,
}

impl<'a> ByShares<'a> {
    /// The whole, with its bound, and the bounds by number of predicates.
    pub fn whole(
        program: &'a Program,
        goal: f64,
        stop: impl Fn() -> bool,
    ) -> (Self, (f64, Settled), Vec<f64>) {
        let fixed = vec![Fixed::Open; program.len()];
        let relaxed = relax(program, &fixed, None, FIRST_ROUNDS, goal, stop);
        let duals = Arc::new(relaxed.duals);
        let part = Settled { fixed, duals: duals.clone(), rounds: ROUNDS, bound: relaxed.bound };
        let by_count = by_count(program, &duals);
        let rounded = rounded(program, &relaxed.shares);
        (Self { program, rounded, duals }, (relaxed.bound, part), by_count)
    }
}

impl Divide for ByShares<'_> {
    type Part = Settled;

    const BATCH: usize = 16;

    fn divide(&self, part: Settled, cutoff: f64) -> Divided<Settled> {
        let program = self.program;
        let Settled { mut fixed, duals, rounds, bound } = part;
        let size = program.rows.rows() as u64;
        let mut divided =
            Divided { parts: Vec::new(), cut: f64::INFINITY, found: None, work: size * rounds as u64 };
        if let Some(chosen) = complete(program, &fixed) {
            divided.found = Some((program.cost(&chosen), chosen));
            return divided;
        }
        let relaxed = relax(program, &fixed, Some(&duals), rounds, cutoff, || false);
        let bound = bound.max(relaxed.bound);
        let chosen = rounded(program, &relaxed.shares);
        divided.found = Some((program.cost(&chosen), chosen));
        if bound >= cutoff {
            divided.cut = bound;
            return divided;
        }
        for (j, fixed) in fixed.iter_mut().enumerate() {
            let other = relaxed.bound + relaxed.regrets[j];
            if *fixed == Fixed::Open && other >= cutoff {
                // The other way is cut off, with the bound that it would have.
                divided.cut = divided.cut.min(other);
                *fixed = if relaxed.decided[j] { Fixed::In } else { Fixed::Out };
            }
        }
        let undecided = |j: &usize| (relaxed.shares[*j] - 0.5).abs();
        let next = (0..program.len())
            .filter(|&j| fixed[j] == Fixed::Open)
            .min_by(|a, b| undecided(a).total_cmp(&undecided(b)).then(a.cmp(b)));
        let kept = program.rows.rows() * 64 <= DUALS_KEPT;
        let duals = if kept { Arc::new(relaxed.duals) } else { self.duals.clone() };
        let both = [Fixed::In, Fixed::Out];
        for side in both.into_iter().take(if next.is_some() { 2 } else { 1 }) {
            let mut fixed = fixed.clone();
            if let Some(next) = next {
                fixed[next] = side;
            }
            if possible(program, &fixed) {
                divided.parts.push((bound, Settled { fixed, duals: duals.clone(), rounds, bound }));
            }
        }
        divided
    }
}

/// The choice next to a fractional one.
fn rounded(program: &Program, shares: &[f64]) -> Vec<u16> {
    let mut order: Vec<u16> = (0..program.len() as u16).collect();
    let share = |j: &u16| shares[usize::from(*j)];
    order.sort_by(|a, b| share(b).total_cmp(&share(a)));
    let count = program.count.unwrap_or_else(|| order.iter().filter(|j| share(j) >= 0.5).count());
    order.truncate(count);
    order.sort_unstable();
    order
}

fn number(fixed: &[Fixed], what: Fixed) -> usize {
    fixed.iter().filter(|f| **f == what).count()
}

fn possible(program: &Program, fixed: &[Fixed]) -> bool {
    let (chosen, open) = (number(fixed, Fixed::In), number(fixed, Fixed::Open));
    program.count.is_none_or(|count| chosen <= count && count <= chosen + open)
}

/// The only choice that is left, if there is only one.
fn complete(program: &Program, fixed: &[Fixed]) -> Option<Vec<u16>> {
    let (chosen, open) = (number(fixed, Fixed::In), number(fixed, Fixed::Open));
    let rest = match program.count {
        Some(count) if chosen == count => Fixed::Out,
        Some(count) if chosen + open == count => Fixed::In,
        _ if open == 0 => Fixed::Out,
        _ => return None,
    };
    let settled = |j: &u16| match fixed[usize::from(*j)] {
        Fixed::Open => rest == Fixed::In,
        settled => settled == Fixed::In,
    };
    Some((0..program.len() as u16).filter(settled).collect())
}
