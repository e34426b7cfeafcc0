//! The program that chooses predicates, brought to its plainest form.
//!
//! With y the number of chosen predicates that hold for a text, the penalty max(λ (y − 1), μ (1 − y)) equals
//! λ (y − 1) + (λ + μ) · \[y = 0\] for whole y. What is minimised is therefore a price for each predicate plus λ + μ for
//! each text that is left out: weighted maximum coverage with costs.

use rayon::prelude::*;

/// Which predicates hold for which texts; texts for which the same ones hold are one row with a weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    predicates: usize,
    /// Row `i` has the predicates `lists[starts[i]..starts[i + 1]]`, ascending.
    starts: Vec<usize>,
    lists: Vec<u16>,
    weights: Vec<u64>,
}

impl Membership {
    /// Of `texts` texts, those in `members[j]` satisfy predicate `j`; naming a text twice changes nothing.
    ///
    /// # Panics
    /// Where a member is not below `texts`, or there are more than 65,535 predicates.
    pub fn new(texts: usize, members: &[Vec<u32>]) -> Self {
        assert!(members.len() <= usize::from(u16::MAX), "more predicates than can be numbered");
        let mut rows: Vec<Vec<u16>> = vec![Vec::new(); texts];
        for (predicate, members) in members.iter().enumerate() {
            for &text in members {
                let row = &mut rows[text as usize];
                if row.last() != Some(&(predicate as u16)) {
                    row.push(predicate as u16);
                }
            }
        }
        Self::merged(members.len(), rows.into_iter().map(|row| (row, 1)).collect())
    }

    /// One row for all that are equal, in ascending order.
    fn merged(predicates: usize, mut rows: Vec<(Vec<u16>, u64)>) -> Self {
        rows.par_sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut merged = Self { predicates, starts: vec![0], lists: Vec::new(), weights: Vec::new() };
        for (row, weight) in rows {
            match merged.weights.last_mut() {
                Some(last) if merged.lists[merged.starts[merged.starts.len() - 2]..] == row => {
                    *last += weight
                }
                _ => {
                    merged.lists.extend(row);
                    merged.starts.push(merged.lists.len());
                    merged.weights.push(weight);
                }
            }
        }
        merged
    }

    /// How many predicates there are to choose from.
    pub fn predicates(&self) -> usize {
        self.predicates
    }

    /// How many texts there are.
    pub fn texts(&self) -> u64 {
        self.weights.iter().sum()
    }

    /// How many different rows there are.
    pub fn rows(&self) -> usize {
        self.weights.len()
    }

    /// The predicates that hold for row `row`, ascending.
    pub(super) fn row(&self, row: usize) -> &[u16] {
        &self.lists[self.starts[row]..self.starts[row + 1]]
    }

    /// How many texts row `row` stands for.
    pub(super) fn weight(&self, row: usize) -> u64 {
        self.weights[row]
    }

    /// How many texts satisfy each predicate.
    pub fn sizes(&self) -> Vec<u64> {
        let mut sizes = vec![0; self.predicates];
        for row in 0..self.rows() {
            for &predicate in self.row(row) {
                sizes[usize::from(predicate)] += self.weights[row];
            }
        }
        sizes
    }
}

/// Minimise `constant` + Σ `prices` of the chosen + `missed` · (weight of the rows without a chosen predicate).
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// Only rows that may still be covered or not; predicates are numbered anew.
    pub rows: Membership,
    pub prices: Vec<f64>,
    pub missed: f64,
    pub constant: f64,
    /// How many to choose, or as many as pay.
    pub count: Option<usize>,
    /// What the predicates are called in the membership that this came from.
    pub names: Vec<usize>,
}

impl Program {
    /// The program over `candidates` where `pinned` are chosen already and `count` more are to be; `costs` are what
    /// each predicate costs besides.
    pub fn new(
        all: &Membership,
        candidates: Vec<usize>,
        pinned: &[usize],
        count: Option<usize>,
        (lambda, mu, price): (f64, f64, f64),
        costs: &[f64],
    ) -> Self {
        let sizes = all.sizes();
        let own = |predicate: usize| costs.get(predicate).copied().unwrap_or(0.0);
        let price_of = |predicate: usize| lambda * sizes[predicate] as f64 + price + own(predicate);
        let missed = lambda + mu;
        let mut number = vec![None; all.predicates];
        candidates.iter().enumerate().for_each(|(at, &name)| number[name] = Some(at as u16));
        let mut constant =
            pinned.iter().map(|&name| price_of(name)).sum::<f64>() - lambda * all.texts() as f64;
        let mut is_pinned = vec![false; all.predicates];
        pinned.iter().for_each(|&name| is_pinned[name] = true);
        let mut rows = Vec::new();
        for row in 0..all.rows() {
            let list = all.row(row);
            if list.iter().any(|&predicate| is_pinned[usize::from(predicate)]) {
                continue;
            }
            let left: Vec<u16> =
                list.iter().filter_map(|&predicate| number[usize::from(predicate)]).collect();
            if left.is_empty() {
                constant += missed * all.weight(row) as f64;
            } else {
                rows.push((left, all.weight(row)));
            }
        }
        let prices = candidates.iter().map(|&name| price_of(name)).collect();
        let rows = Membership::merged(candidates.len(), rows);
        Self { rows, prices, missed, constant, count, names: candidates }
    }

    /// How many predicates there are to choose from.
    pub fn len(&self) -> usize {
        self.prices.len()
    }

    /// The cost of choosing `chosen`.
    pub fn cost(&self, chosen: &[u16]) -> f64 {
        let mut is_chosen = vec![false; self.len()];
        chosen.iter().for_each(|&predicate| is_chosen[usize::from(predicate)] = true);
        let covered = |row: usize| self.rows.row(row).iter().any(|&j| is_chosen[usize::from(j)]);
        let missed: u64 =
            (0..self.rows.rows()).filter(|&row| !covered(row)).map(|row| self.rows.weight(row)).sum();
        let prices: f64 = (0..self.len()).filter(|&j| is_chosen[j]).map(|j| self.prices[j]).sum();
        self.constant + prices + self.missed * missed as f64
    }
}
