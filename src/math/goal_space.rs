//! The vectors in which a goal's texts are compared: what groups share that the goal does not ask for is taken away,
//! and each text leans on its neighbours.

use rayon::prelude::*;

use super::kmeans_rows::multiply;
use super::vector;
use crate::data::{Key, Knn, Matrix};
use crate::job::{Cancelled, Ctx};

/// Rows that one task looks at.
pub(super) const BLOCK: usize = 512;
/// Rows are summed in at most this many stretches, whatever the number of threads.
const STRETCHES: usize = 32;
/// A group whose mean is taken away has at least this share of the texts …
const LEAST_SHARE: f64 = 0.02;
/// … and at least so many.
const FEWEST: usize = 20;

/// The label of a row in no group.
const NOWHERE: u32 = u32::MAX;

/// The sum of the rows of each of `count` labels (others are left out), `count` × dim, and how many rows each has.
pub(super) fn sums(
    rows: &Matrix,
    labels: &[u32],
    count: usize,
    ctx: &Ctx,
) -> Result<(Vec<f64>, Vec<usize>), Cancelled> {
    let (n, dim) = (rows.rows(), rows.dim());
    let size = n.div_ceil(STRETCHES).max(BLOCK);
    let stretches: Vec<_> = rows.ranges(size).collect();
    let parts = stretches.into_par_iter().map(|stretch| {
        let (mut sums, mut counts) = (vec![0.0f64; count * dim], vec![0usize; count]);
        for start in stretch.clone().step_by(BLOCK) {
            ctx.cancel.check()?;
            let range = start..(start + BLOCK).min(stretch.end);
            let block = rows.block(range.clone());
            for (row, &label) in block.chunks_exact(dim.max(1)).zip(&labels[range]) {
                let label = label as usize;
                if label < count {
                    counts[label] += 1;
                    let sum = &mut sums[label * dim..(label + 1) * dim];
                    sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
                }
            }
        }
        Ok((sums, counts))
    });
    let (mut sums, mut counts) = (vec![0.0f64; count * dim], vec![0usize; count]);
    for (part, part_counts) in parts.collect::<Result<Vec<_>, Cancelled>>()? {
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        counts.iter_mut().zip(part_counts).for_each(|(count, part)| *count += part);
    }
    Ok((sums, counts))
}

/// The mean of the rows of each label, `count` × dim; zeros for a label without rows.
pub(super) fn means(rows: &Matrix, labels: &[u32], count: usize, ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    let (sums, counts) = sums(rows, labels, count, ctx)?;
    let dim = rows.dim();
    Ok(sums
        .iter()
        .enumerate()
        .map(|(at, sum)| (sum / counts[at / dim.max(1)].max(1) as f64) as f32)
        .collect())
}

/// Makes each of some rows end to end a unit vector; rows of zeros stay.
pub fn make_unit(rows: &mut [f32], dim: usize) {
    for row in rows.chunks_exact_mut(dim.max(1)) {
        let factor = vector::inverse_norm(row);
        vector::scale(row, factor);
    }
}

/// The products of every row with every one of some vectors end to end, row-major.
pub fn products(rows: &Matrix, vectors: &[f32], ctx: &Ctx) -> Result<Vec<f32>, Cancelled> {
    let dim = rows.dim();
    let k = vectors.len() / dim.max(1);
    let mut all = vec![0.0f32; rows.rows() * k];
    all.par_chunks_mut((BLOCK * k).max(1)).enumerate().try_for_each_init(
        Vec::new,
        |scratch, (block, out)| {
            ctx.cancel.check()?;
            let start = block * BLOCK;
            multiply(&rows.block(start..start + out.len() / k.max(1)), vectors, dim, scratch);
            out.copy_from_slice(scratch);
            Ok(())
        },
    )?;
    Ok(all)
}

/// Vectors without what groups of texts have in common.
#[derive(Clone, Debug)]
pub struct Centred {
    /// Unit rows; a row that equals its group's mean is zeros.
    pub rows: Matrix,
    /// The mean that was taken from each text is `means[texts[i]]`.
    pub means: Vec<Vec<f32>>,
    pub texts: Vec<u32>,
    /// The groups, as they were given, whose own means were taken away, ascending; none where too few are large
    /// enough, and then the mean of all texts was.
    pub subtracted: Vec<u32>,
}

/// Takes from each row the mean of its group, where at least two of the `groups` (one number a row) have 2% of the
/// texts and 20 of them; rows of other groups lose the mean of all.
pub fn centred(matrix: &Matrix, groups: Option<&[u32]>, ctx: &Ctx) -> Result<Centred, Cancelled> {
    let (n, dim) = (matrix.rows(), matrix.dim());
    let least = (LEAST_SHARE * n as f64).max(FEWEST as f64);
    let mut sizes = std::collections::BTreeMap::<u32, usize>::new();
    groups.unwrap_or_default().iter().for_each(|&group| *sizes.entry(group).or_default() += 1);
    let mut large: Vec<u32> = sizes
        .into_iter()
        .filter(|(group, size)| *group != NOWHERE && *size as f64 >= least)
        .map(|(g, _)| g)
        .collect();
    if large.len() < 2 {
        large.clear();
    }
    // Number 0 is the mean of all, for whoever is in no large group.
    let number = |row: usize| {
        let place = groups.and_then(|groups| large.binary_search(&groups[row]).ok());
        place.map_or(0, |place| place as u32 + 1)
    };
    let texts: Vec<u32> = (0..n).map(number).collect();
    let all = means(matrix, &vec![0; n], 1, ctx)?;
    let own = means(matrix, &texts, large.len() + 1, ctx)?;
    let mut means: Vec<Vec<f32>> = own.chunks_exact(dim.max(1)).map(<[f32]>::to_vec).collect();
    means[0] = all;
    let mut values = vec![0.0f32; n * dim];
    values.par_chunks_mut((BLOCK * dim).max(1)).enumerate().try_for_each(|(block, out)| {
        ctx.cancel.check()?;
        let start = block * BLOCK;
        out.copy_from_slice(&matrix.block(start..start + out.len() / dim.max(1)));
        for (row, text) in out.chunks_exact_mut(dim.max(1)).zip(&texts[start..]) {
            let length = vector::dot(row, row);
            row.iter_mut().zip(&means[*text as usize]).for_each(|(x, mean)| *x -= mean);
            // What is left of a row that equals the mean is rounding.
            if vector::dot(row, row) < ROUNDING * length {
                row.fill(0.0);
            }
        }
        make_unit(out, dim);
        Ok(())
    })?;
    let key = Key::of("centred", 1).input(matrix.key).bytes(bytemuck::cast_slice(&texts)).finish();
    Ok(Centred {
        rows: Matrix::from_vec(key, matrix.made_by.clone(), true, dim, values),
        means,
        texts,
        subtracted: large,
    })
}

/// A share of the squared length.
const ROUNDING: f32 = 1e-10;

/// Each row plus its neighbours', as unit rows. One round; two made clusters worse.
pub fn smoothed(rows: &Matrix, knn: &Knn, ctx: &Ctx) -> Result<Matrix, Cancelled> {
    let (n, dim) = (rows.rows(), rows.dim());
    let mut values = vec![0.0f32; n * dim];
    values.par_chunks_mut((BLOCK * dim).max(1)).enumerate().try_for_each(|(block, out)| {
        ctx.cancel.check()?;
        for (i, out) in (block * BLOCK..).zip(out.chunks_exact_mut(dim.max(1))) {
            out.copy_from_slice(&rows.row(i));
            for &neighbour in knn.of(i) {
                out.iter_mut().zip(rows.row(neighbour as usize).iter()).for_each(|(x, y)| *x += y);
            }
        }
        make_unit(out, dim);
        Ok(())
    })?;
    let key = Key::of("smoothed", 1).input(rows.key).input(knn.key).finish();
    Ok(Matrix::from_vec(key, rows.made_by.clone(), true, dim, values))
}

/// Some of the rows, in the order of `ids`.
pub fn gathered(rows: &Matrix, ids: &[u32]) -> Matrix {
    let dim = rows.dim();
    let mut values = vec![0.0f32; ids.len() * dim];
    values
        .par_chunks_mut(dim.max(1))
        .zip(ids)
        .for_each(|(out, &id)| out.copy_from_slice(&rows.row(id as usize)));
    let key = Key::of("gathered", 1).input(rows.key).bytes(bytemuck::cast_slice(ids)).finish();
    Matrix::from_vec(key, rows.made_by.clone(), rows.unit, dim, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Recall;

    fn matrix(dim: usize, values: Vec<f32>) -> Matrix {
        Matrix::from_vec(Key::of("test", 1).finish(), "test", false, dim, values)
    }

    #[test]
    fn what_two_large_groups_share_is_taken_away_and_small_groups_lose_the_mean_of_all() {
        // Two groups that lie far apart, each with the same two topics; one stray text.
        let row = |i: usize| match i {
            60 => [0.0, 0.0, 9.0],
            i => [if i < 30 { 5.0 } else { -5.0 }, if i % 2 == 0 { 1.0 } else { -1.0 }, 0.0],
        };
        let rows = matrix(3, (0..61).flat_map(row).collect());
        let groups: Vec<u32> = (0..61).map(|i| if i == 60 { 9 } else { 3 + u32::from(i >= 30) }).collect();
        let centred = centred(&rows, Some(&groups), &Ctx::quiet()).unwrap();
        assert_eq!(centred.subtracted, [3, 4]);
        for i in 0..60 {
            let topic = if i % 2 == 0 { 1.0 } else { -1.0 };
            assert_eq!(&*centred.rows.row(i), &[0.0, topic, 0.0], "{i}");
        }
        assert!(centred.rows.row(60)[2] > 0.99);
    }

    #[test]
    fn one_language_is_no_nuisance() {
        let rows = matrix(2, (0..50).flat_map(|i| [1.0, i as f32]).collect());
        let centred = centred(&rows, Some(&[0; 50]), &Ctx::quiet()).unwrap();
        assert!(centred.subtracted.is_empty());
        assert_eq!(&*centred.rows.row(0), &[0.0, -1.0]);
    }

    #[test]
    fn equal_texts_have_nothing_of_their_own() {
        let rows = matrix(3, [0.1, 0.2, 0.3].repeat(1000));
        let centred = centred(&rows, None, &Ctx::quiet()).unwrap();
        assert!(centred.rows.block(0..1000).iter().all(|x| *x == 0.0));
    }

    #[test]
    fn a_row_leans_towards_its_neighbours() {
        let rows = matrix(2, vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
        let knn = Knn {
            key: rows.key,
            k: 1,
            indices: vec![1, 2, 1],
            similarities: vec![0.0; 3],
            recall: Recall::Exact,
            method: "exact".into(),
        };
        let smooth = smoothed(&rows, &knn, &Ctx::quiet()).unwrap();
        assert!((smooth.row(0)[0] - 0.5f32.sqrt()).abs() < 1e-6);
        assert_eq!(&*smooth.row(1), &[0.0, 1.0]);
    }
}
