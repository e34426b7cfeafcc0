//! How far two clusterings of the same points agree, beyond what chance gives.
//!
//! Labels are any numbers; points that [`UNCLUSTERED`](crate::data::UNCLUSTERED) marks count as one more cluster,
//! as scikit-learn counts its −1.

use std::collections::BTreeMap;

/// How many points each pair of clusters shares, and each cluster's size.
struct Table {
    n: f64,
    cells: Vec<(usize, usize, f64)>,
    rows: Vec<f64>,
    columns: Vec<f64>,
}

impl Table {
    fn of(a: &[u32], b: &[u32]) -> Self {
        assert_eq!(a.len(), b.len(), "both clusterings label the same points");
        let number = |labels: &[u32]| {
            let mut numbers: BTreeMap<u32, usize> = labels.iter().map(|&label| (label, 0)).collect();
            numbers.values_mut().enumerate().for_each(|(i, number)| *number = i);
            numbers
        };
        let (row_of, column_of) = (number(a), number(b));
        let mut rows = vec![0.0; row_of.len()];
        let mut columns = vec![0.0; column_of.len()];
        let mut cells = BTreeMap::<(usize, usize), f64>::new();
        for (x, y) in a.iter().zip(b) {
            let (row, column) = (row_of[x], column_of[y]);
            rows[row] += 1.0;
            columns[column] += 1.0;
            *cells.entry((row, column)).or_default() += 1.0;
        }
        let cells = cells.into_iter().map(|((row, column), count)| (row, column, count)).collect();
        Self { n: a.len() as f64, cells, rows, columns }
    }

    fn mutual_information(&self) -> f64 {
        let term = |&(row, column, count): &(usize, usize, f64)| {
            count / self.n * (self.n * count / (self.rows[row] * self.columns[column])).ln()
        };
        self.cells.iter().map(term).sum::<f64>().max(0.0)
    }

    /// What the mutual information is on average when the points are dealt out anew into clusters of the same sizes
    /// (hypergeometric; Vinh, Epps & Bailey 2010). Equal sizes are computed once.
    fn expected_mutual_information(&self) -> f64 {
        let n = self.n as usize;
        let mut log_factorial = vec![0.0; n + 1];
        for i in 1..=n {
            log_factorial[i] = log_factorial[i - 1] + (i as f64).ln();
        }
        let lf = |i: usize| log_factorial[i];
        let sizes = |counts: &[f64]| {
            let mut sizes = BTreeMap::<usize, f64>::new();
            counts.iter().for_each(|&count| *sizes.entry(count as usize).or_default() += 1.0);
            sizes
        };
        let columns = sizes(&self.columns);
        let mut expected = 0.0;
        for (&a, &times_a) in &sizes(&self.rows) {
            for (&b, &times_b) in &columns {
                let fixed = lf(a) + lf(b) + lf(n - a) + lf(n - b) - lf(n);
                for shared in (a + b).saturating_sub(n).max(1)..=a.min(b) {
                    let chance =
                        (fixed - lf(shared) - lf(a - shared) - lf(b - shared) - lf(n + shared - a - b)).exp();
                    let shared = shared as f64;
                    let information = shared / self.n * (self.n * shared / (a as f64 * b as f64)).ln();
                    expected += times_a * times_b * chance * information;
                }
            }
        }
        expected
    }
}

fn entropy(counts: &[f64], n: f64) -> f64 {
    -counts.iter().map(|&count| count / n * (count / n).ln()).sum::<f64>()
}

fn pairs(count: f64) -> f64 {
    count * (count - 1.0) / 2.0
}

/// Adjusted mutual information with the arithmetic mean of the entropies (Vinh, Epps & Bailey 2010): 1 for the same
/// clustering, about 0 for chance.
pub fn adjusted_mutual_information(a: &[u32], b: &[u32]) -> f64 {
    let table = Table::of(a, b);
    let trivial = |clusters: usize| clusters <= 1 || clusters == a.len();
    if table.rows.len() == table.columns.len() && trivial(table.rows.len()) {
        return 1.0;
    }
    let expected = table.expected_mutual_information();
    let mean = (entropy(&table.rows, table.n) + entropy(&table.columns, table.n)) / 2.0;
    let room = mean - expected;
    // One trivial clustering leaves no room; keep the sign and stay finite, as scikit-learn does.
    let room = if room < 0.0 { room.min(-f64::EPSILON) } else { room.max(f64::EPSILON) };
    (table.mutual_information() - expected) / room
}

/// Adjusted Rand index (Hubert & Arabie 1985): 1 for the same clustering, about 0 for chance.
pub fn adjusted_rand(a: &[u32], b: &[u32]) -> f64 {
    let table = Table::of(a, b);
    let together: f64 = table.cells.iter().map(|cell| pairs(cell.2)).sum();
    let in_a: f64 = table.rows.iter().copied().map(pairs).sum();
    let in_b: f64 = table.columns.iter().copied().map(pairs).sum();
    let all = pairs(table.n);
    let expected = if all > 0.0 { in_a * in_b / all } else { 0.0 };
    let most = (in_a + in_b) / 2.0;
    if most == expected { 1.0 } else { (together - expected) / (most - expected) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Figures by scikit-learn 1.x (`adjusted_mutual_info_score`, `adjusted_rand_score`).
    #[test]
    fn the_figures_are_those_of_scikit_learn() {
        let golden: [(Vec<u32>, Vec<u32>, f64, f64); 8] = [
            (vec![0, 0, 1, 1], vec![1, 1, 0, 0], 1.0, 1.0),
            (vec![0, 0, 0, 0], vec![0, 1, 2, 3], 0.0, 0.0),
            (vec![0, 0, 1, 2], vec![0, 0, 1, 1], 0.571_428_571_428_571_4, 0.571_428_571_428_571_4),
            (vec![0, 0, 1, 1], vec![0, 1, 0, 1], -0.5, -0.5),
            (
                vec![0, 0, 0, 1, 1, 1, 2, 2, 2, 2],
                vec![0, 0, 1, 1, 1, 2, 2, 2, 2, 0],
                0.237_288_777_701_335_56,
                0.204_545_454_545_454_56,
            ),
            (vec![1, 2, 3, 4], vec![1, 2, 3, 4], 1.0, 1.0),
            (
                (0..40).map(|i| i * 7 % 5).collect(),
                (0..40).map(|i| i * 3 % 7 / 2).collect(),
                -0.123_350_729_612_929_4,
                -0.078_358_573_522_227_7,
            ),
            (
                (0..60).map(|i| i / 10).collect(),
                (0..60).map(|i| (i + 3) / 12).collect(),
                0.693_365_532_374_079_4,
                0.577_575_565_195_922_8,
            ),
        ];
        for (a, b, ami, ari) in golden {
            assert!((adjusted_mutual_information(&a, &b) - ami).abs() < 1e-9, "{a:?} {b:?}");
            assert!((adjusted_rand(&a, &b) - ari).abs() < 1e-9, "{a:?} {b:?}");
        }
    }

    proptest! {
        #[test]
        fn agreement_is_mutual_and_blind_to_names(
            labels in prop::collection::vec((0u32..6, 0u32..6), 2..80),
        ) {
            let (a, b): (Vec<u32>, Vec<u32>) = labels.into_iter().unzip();
            let renamed: Vec<u32> = a.iter().map(|l| 90 - l).collect();
            for measure in [adjusted_mutual_information, adjusted_rand] {
                prop_assert!((measure(&a, &b) - measure(&b, &a)).abs() < 1e-9);
                prop_assert!((measure(&a, &b) - measure(&renamed, &b)).abs() < 1e-9);
                prop_assert!((measure(&a, &renamed) - 1.0).abs() < 1e-9);
            }
        }
    }
}
