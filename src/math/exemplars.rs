//! Documents that stand for a cluster: near its centre, and different from each other.

use crate::data::Matrix;
use crate::job::{Cancelled, Ctx};

/// Larger clusters are judged by this many of their members, evenly spread.
const LOOKED_AT: usize = 8192;
/// So many of those nearest to the centre are candidates for each exemplar asked for.
const CANDIDATES_EACH: usize = 12;
/// Weight of nearness to the centre against difference from those already chosen (Carbonell & Goldstein 1998).
const NEARNESS: f32 = 0.7;
/// Two documents more similar than this say the same.
const SAME: f32 = 0.98;

/// At most `count` of `members` (rows of `matrix`), best first, by maximal marginal relevance.
pub fn exemplars(matrix: &Matrix, members: &[u32], count: usize, ctx: &Ctx) -> Result<Vec<u32>, Cancelled> {
    ctx.cancel.check()?;
    let step = members.len().div_ceil(LOOKED_AT).max(1);
    let members: Vec<u32> = members.iter().copied().step_by(step).collect();
    let mut centre = vec![0.0f32; matrix.dim()];
    for &member in &members {
        centre.iter_mut().zip(unit_row(matrix, member)).for_each(|(c, x)| *c += x);
    }
    make_unit(&mut centre);
    let mut near: Vec<(f32, u32)> =
        members.iter().map(|&member| (dot(&centre, &unit_row(matrix, member)), member)).collect();
    let by_nearness = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    let candidates = (count * CANDIDATES_EACH).min(near.len());
    if candidates < near.len() {
        near.select_nth_unstable_by(candidates, by_nearness);
        near.truncate(candidates);
    }
    near.sort_by(by_nearness);
    let rows: Vec<Vec<f32>> = near.iter().map(|&(_, member)| unit_row(matrix, member)).collect();
    let mut chosen: Vec<usize> = Vec::new();
    // How similar each candidate is to the most similar chosen one.
    let mut taken = vec![0.0f32; rows.len()];
    while chosen.len() < count {
        let value = |i: usize| NEARNESS * near[i].0 - (1.0 - NEARNESS) * taken[i];
        let free = (0..rows.len()).filter(|i| !chosen.contains(i) && taken[*i] < SAME);
        let Some(best) = free.max_by(|&a, &b| value(a).total_cmp(&value(b)).then(b.cmp(&a))) else { break };
        chosen.push(best);
        taken.iter_mut().zip(&rows).for_each(|(t, row)| *t = t.max(dot(row, &rows[best])));
    }
    Ok(chosen.into_iter().map(|i| near[i].1).collect())
}

fn unit_row(matrix: &Matrix, row: u32) -> Vec<f32> {
    let mut row = matrix.row(row as usize).into_owned();
    if !matrix.unit {
        make_unit(&mut row);
    }
    row
}

fn make_unit(row: &mut [f32]) {
    let length = dot(row, row).sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|x| *x /= length);
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Key;

    fn matrix(rows: &[[f32; 3]]) -> Matrix {
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, 3, rows.concat())
    }

    #[test]
    fn exemplars_lie_near_the_centre_and_repeat_nothing() {
        let rows = [
            [1.0, 0.1, 0.0],
            [2.0, 0.2, 0.0],
            [1.0, -0.2, 0.0],
            [1.0, 0.0, 0.3],
            [0.0, 0.0, 1.0],
            [9.0, 9.0, 9.0],
        ];
        let found = exemplars(&matrix(&rows), &[0, 1, 2, 3, 4], 3, &Ctx::quiet()).unwrap();
        assert_eq!(found.len(), 3);
        assert!(!(found.contains(&0) && found.contains(&1)), "0 and 1 say the same: {found:?}");
        assert!(!found.contains(&4) && !found.contains(&5), "4 is far, 5 no member: {found:?}");
    }

    #[test]
    fn a_cluster_of_one_is_its_own_exemplar_and_an_empty_one_has_none() {
        let matrix = matrix(&[[1.0, 0.0, 0.0]]);
        assert_eq!(exemplars(&matrix, &[0], 5, &Ctx::quiet()), Ok(vec![0]));
        assert_eq!(exemplars(&matrix, &[], 5, &Ctx::quiet()), Ok(vec![]));
    }
}
