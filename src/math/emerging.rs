//! Groups among rows that do not fit where they were put: rows that are nearer to one another than to what was there.

use super::neighbours::{self, NeighbourError, NeighbourParams};
use crate::data::{Key, Matrix};
use crate::job::{Cancelled, Ctx};

/// Fewer rows than this are no group.
pub const LEAST_MEMBERS: usize = 5;

/// Neighbours that a row may share a group with.
const NEIGHBOURS: usize = 10;

/// The groups of `candidates`, rows of `matrix`, the largest first, each ascending. `to_settled[i]` is the mean
/// similarity of `candidates[i]` to its nearest rows among those that were there.
///
/// Two candidates belong together where each is among the [`NEIGHBOURS`] nearest candidates of the other and they are
/// more similar than either is to what was there; a group is what hangs together by that, if it has
/// [`LEAST_MEMBERS`].
pub fn groups(
    matrix: &Matrix,
    candidates: &[u32],
    to_settled: &[f32],
    ctx: &Ctx,
) -> Result<Vec<Vec<u32>>, Cancelled> {
    if candidates.len() < LEAST_MEMBERS {
        return Ok(Vec::new());
    }
    let mut values = Vec::with_capacity(candidates.len() * matrix.dim());
    candidates.iter().for_each(|&row| values.extend_from_slice(&matrix.row(row as usize)));
    let part = Matrix::from_vec(Key::of("candidates", 1).finish(), "", matrix.unit, matrix.dim(), values);
    let params = NeighbourParams { k: NEIGHBOURS, ..NeighbourParams::default() };
    let near = match neighbours::find(&part, &params, ctx) {
        Ok((near, ..)) => near,
        Err(NeighbourError::Cancelled(cancelled)) => return Err(cancelled),
        // Neither can be: k is not 0, and a corpus has fewer rows than ids reach.
        Err(NeighbourError::TooMany(_) | NeighbourError::NoneAsked) => return Ok(Vec::new()),
    };
    let of = |i: usize| near.indices[i * near.k..(i + 1) * near.k].iter().map(|&j| j as usize);
    let mut pieces = Pieces::new(candidates.len());
    for i in 0..candidates.len() {
        for (j, &similarity) in of(i).zip(&near.similarities[i * near.k..]) {
            let nearer = similarity > to_settled[i].max(to_settled[j]);
            if i < j && nearer && of(j).any(|back| back == i) {
                pieces.join(i, j);
            }
        }
    }
    let mut groups = vec![Vec::new(); candidates.len()];
    for (i, &row) in candidates.iter().enumerate() {
        groups[pieces.root(i)].push(row);
    }
    groups.retain(|group| group.len() >= LEAST_MEMBERS);
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group[0]));
    Ok(groups)
}

/// Disjoint sets whose smallest member stands for each.
struct Pieces(Vec<usize>);

impl Pieces {
    fn new(n: usize) -> Self {
        Self((0..n).collect())
    }

    fn root(&mut self, mut i: usize) -> usize {
        while self.0[i] != i {
            self.0[i] = self.0[self.0[i]];
            i = self.0[i];
        }
        i
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::hash;

    /// Rows around axis `axes[i]` of as many dimensions.
    fn around(axes: &[usize]) -> Matrix {
        const DIM: usize = 16;
        let mut values: Vec<f32> =
            (0..axes.len() * DIM).map(|i| 0.1 * hash::normal(2, i as u64) as f32).collect();
        axes.iter().enumerate().for_each(|(i, axis)| values[i * DIM + axis] += 1.0);
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, DIM, values)
    }

    #[test]
    fn rows_nearer_to_one_another_than_to_what_was_there_are_groups() {
        // Seven around one axis, six around another, two and a single one elsewhere.
        let axes = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 5, 5, 9];
        let candidates: Vec<u32> = (0..axes.len() as u32).collect();
        let found = groups(&around(&axes), &candidates, &[0.4; 16], &Ctx::quiet()).unwrap();
        assert_eq!(found, [vec![0, 2, 4, 6, 8, 10, 12], vec![1, 3, 5, 7, 9, 11]]);
        // What was there is as near as they are to each other: they are nothing new.
        assert!(groups(&around(&axes), &candidates, &[0.99; 16], &Ctx::quiet()).unwrap().is_empty());
    }

    #[test]
    fn a_few_are_no_group() {
        assert!(groups(&around(&[0; 4]), &[0, 1, 2, 3], &[0.1; 4], &Ctx::quiet()).unwrap().is_empty());
    }
}
