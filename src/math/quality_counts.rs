//! Comparisons of many points with each other, in the space and on a map: what measuring a map spends its time on.

use std::borrow::Cow;
use std::ops::Range;

use rayon::prelude::*;

use super::kd_tree::{KdTree, squared_distance};
use super::pca::dot;
use crate::data::Matrix;
use crate::job::{Cancelled, Ctx};

/// Rows of the space that are compared with all queries at once.
const BLOCK_ROWS: usize = 512;

/// Points of one task.
const CHUNK: usize = 512;

/// Where points are compared.
pub trait Compare {
    type Error: From<Cancelled>;

    /// The `k` nearest of every point on the map, n × k, nearest first; n > k.
    fn map_neighbours(&self, positions: &[[f32; 2]], k: usize, ctx: &Ctx) -> Result<Vec<u32>, Self::Error>;

    /// For each of `queries` (unit vectors, the rows `own` of the space), how many other rows are more similar than each of
    /// its thresholds: one number a threshold, of which every query has as many.
    fn more_similar(
        &self,
        queries: &[f32],
        own: &[u32],
        thresholds: &[f32],
        ctx: &Ctx,
    ) -> Result<Vec<u32>, Self::Error>;

    /// For each of the points `own` on the map, how many points (itself among them) are nearer than each of its limits,
    /// squared distances: one number a limit, of which every point has as many.
    fn nearer_on_map(
        &self,
        positions: &[[f32; 2]],
        own: &[u32],
        limits: &[f32],
        ctx: &Ctx,
    ) -> Result<Vec<u32>, Self::Error>;
}

/// On the processor, with these vectors for the space.
pub struct OnProcessor<'a>(pub &'a Matrix);

impl Compare for OnProcessor<'_> {
    type Error = Cancelled;

    fn map_neighbours(&self, positions: &[[f32; 2]], k: usize, ctx: &Ctx) -> Result<Vec<u32>, Cancelled> {
        let tree = KdTree::new(positions);
        let mut neighbours = vec![0; positions.len() * k];
        neighbours.par_chunks_mut(CHUNK * k).enumerate().try_for_each(|(chunk, rows)| {
            ctx.cancel.check()?;
            let mut found = Vec::with_capacity(k);
            for (local, row) in rows.chunks_exact_mut(k).enumerate() {
                let i = chunk * CHUNK + local;
                tree.nearest(positions[i], k, Some(i as u32), &mut found);
                row.iter_mut().zip(&found).for_each(|(slot, &(_, j))| *slot = j);
            }
            Ok(())
        })?;
        Ok(neighbours)
    }

    fn more_similar(
        &self,
        queries: &[f32],
        own: &[u32],
        thresholds: &[f32],
        ctx: &Ctx,
    ) -> Result<Vec<u32>, Cancelled> {
        let (matrix, k) = (self.0, thresholds.len() / own.len().max(1));
        let blocks: Vec<_> = matrix.ranges(BLOCK_ROWS).collect();
        blocks
            .par_iter()
            .try_fold(
                || (vec![0u32; thresholds.len()], Vec::new()),
                |(mut counts, mut products), range| {
                    ctx.cancel.check()?;
                    let rows = unit_rows(matrix, range.clone());
                    products.resize(own.len() * range.len(), 0.0);
                    similarities(queries, &rows, matrix.dim(), &mut products);
                    for (s, products) in products.chunks_exact_mut(range.len()).enumerate() {
                        let itself = own[s] as usize;
                        if range.contains(&itself) {
                            products[itself - range.start] = f32::NEG_INFINITY;
                        }
                        let those = s * k..(s + 1) * k;
                        for (count, &threshold) in counts[those.clone()].iter_mut().zip(&thresholds[those]) {
                            *count += products.iter().map(|&v| u32::from(v > threshold)).sum::<u32>();
                        }
                    }
                    Ok((counts, products))
                },
            )
            .map(|folded| folded.map(|(counts, _)| counts))
            .try_reduce(
                || vec![0; thresholds.len()],
                |mut a, b| {
                    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                    Ok(a)
                },
            )
    }

    fn nearer_on_map(
        &self,
        positions: &[[f32; 2]],
        own: &[u32],
        limits: &[f32],
        ctx: &Ctx,
    ) -> Result<Vec<u32>, Cancelled> {
        let k = limits.len() / own.len().max(1);
        let mut counts = vec![0; limits.len()];
        counts.par_chunks_mut(k.max(1)).zip(own).enumerate().try_for_each(|(s, (counts, &i))| {
            ctx.cancel.check()?;
            let mut distances = [0.0f32; BLOCK_ROWS];
            for block in positions.chunks(BLOCK_ROWS) {
                let distances = &mut distances[..block.len()];
                let point = positions[i as usize];
                distances.iter_mut().zip(block).for_each(|(d, &p)| *d = squared_distance(p, point));
                for (count, &limit) in counts.iter_mut().zip(&limits[s * k..(s + 1) * k]) {
                    *count += distances.iter().map(|&d| u32::from(d < limit)).sum::<u32>();
                }
            }
            Ok(())
        })?;
        Ok(counts)
    }
}

/// The rows in `range`, each of length one (rows of zeros stay so).
pub fn unit_rows(matrix: &Matrix, range: Range<usize>) -> Cow<'_, [f32]> {
    let mut rows = matrix.block(range);
    if !matrix.unit {
        for row in rows.to_mut().chunks_exact_mut(matrix.dim()) {
            let length = dot(row, row).sqrt();
            if length > 0.0 {
                row.iter_mut().for_each(|v| *v /= length);
            }
        }
    }
    rows
}

/// `out` (queries × rows) = queries · rowsᵀ, for rows of `d` numbers.
fn similarities(queries: &[f32], rows: &[f32], d: usize, out: &mut [f32]) {
    let (m, n) = (queries.len() / d.max(1), rows.len() / d.max(1));
    debug_assert_eq!(out.len(), m * n);
    // SAFETY: `out` holds m × n, `queries` m × d and `rows` n × d numbers, row-major as the strides say; `out`
    // overlaps neither.
    unsafe {
        gemm::gemm(
            m,
            n,
            d,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            queries.as_ptr(),
            1,
            d as isize,
            rows.as_ptr(),
            d as isize,
            1,
            0.0f32,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
