//! Self-attention within one text.

use pulp::{Simd, WithSimd};

use super::matmul::{Buffer, Left, Product, pack_columns, pack_rows};
use super::simd::{Lanewise, dispatch, exp, lanes, map};

/// Queries whose scores are held at a time: few enough to stay in the nearest cache.
const QUERIES_AT_ONCE: usize = 8;

/// What attention needs to know of the model.
#[derive(Clone, Copy)]
pub(super) struct Heads<'a> {
    pub(super) count: usize,
    /// Components a head.
    pub(super) dim: usize,
    /// Added to the scores by relative position, where the model has it.
    pub(super) bias: Option<&'a PositionBias>,
}

/// One number a head and distance between query and key.
pub(super) struct PositionBias {
    /// Heads × (2 · reach − 1), for distances from −(reach − 1) to reach − 1; times √dim, because scores are scaled
    /// after it is added.
    values: Vec<f32>,
    reach: usize,
}

impl PositionBias {
    /// `bias(head, distance)` with distance = key's position − query's, for texts of up to `reach` tokens.
    pub(super) fn new(heads: usize, dim: usize, reach: usize, bias: impl Fn(usize, isize) -> f32) -> Self {
        let limit = reach as isize;
        let of = |head| (1 - limit..limit).map(move |distance| (head, distance));
        let root = (dim as f32).sqrt();
        let values = (0..heads).flat_map(of).map(|(head, distance)| bias(head, distance) * root).collect();
        Self { values, reach }
    }

    /// The biases of the query at `position` to the keys 0..`keys`.
    fn of(&self, head: usize, position: usize, keys: usize) -> &[f32] {
        let first = head * (2 * self.reach - 1) + self.reach - 1 - position;
        &self.values[first..first + keys]
    }
}

/// Memory that a worker uses again for every text.
#[derive(Default)]
pub(super) struct Scratch {
    keys: Buffer,
    values: Buffer,
    scores: Buffer,
}

/// Attention of one text of `tokens` tokens.
///
/// `qkv` holds queries, keys and values of a token side by side: `tokens` × 3·heads·dim. `out` gets `tokens` ×
/// heads·dim.
pub(super) fn attend(heads: Heads<'_>, tokens: usize, qkv: &[f32], out: &mut [f32], scratch: &mut Scratch) {
    let (dim, hidden) = (heads.dim, heads.count * heads.dim);
    let width = 3 * hidden;
    let lanes = lanes();
    let (padded_tokens, padded_dim) = (tokens.next_multiple_of(lanes), dim.next_multiple_of(lanes));
    let keys = scratch.keys.take(padded_tokens * dim);
    let values = scratch.values.take(padded_dim * tokens);
    let scores = scratch.scores.take(QUERIES_AT_ONCE * padded_tokens);
    for head in 0..heads.count {
        let (q, k, v) = (head * dim, hidden + head * dim, 2 * hidden + head * dim);
        pack_columns(keys, dim, tokens, |token| &qkv[token * width + k..][..dim]);
        pack_rows(values, tokens, dim, |token| &qkv[token * width + v..][..dim]);
        for first in (0..tokens).step_by(QUERIES_AT_ONCE) {
            let rows = QUERIES_AT_ONCE.min(tokens - first);
            dispatch(Product {
                left: Left { values: &qkv[first * width + q..], rows, stride: width },
                depth: dim,
                panels: keys,
                columns: tokens,
                start: None,
                out: scores,
                out_stride: padded_tokens,
            });
            for (i, row) in scores.chunks_exact_mut(padded_tokens).take(rows).enumerate() {
                let bias = heads.bias.map(|bias| bias.of(head, first + i, tokens));
                dispatch(Softmax { row: &mut row[..tokens], bias, scale: 1.0 / (dim as f32).sqrt() });
            }
            dispatch(Product {
                left: Left { values: scores, rows, stride: padded_tokens },
                depth: tokens,
                panels: values,
                columns: dim,
                start: None,
                out: &mut out[first * hidden + q..],
                out_stride: hidden,
            });
        }
    }
}

/// Turns scores into weights that add up to one: softmax of `scale` × (row + bias).
struct Softmax<'a> {
    row: &'a mut [f32],
    bias: Option<&'a [f32]>,
    scale: f32,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let row = self.row;
        for (score, bias) in row.iter_mut().zip(self.bias.unwrap_or_default()) {
            *score += bias;
        }
        let highest = highest(simd, row);
        map(simd, row, Power { scale: self.scale, shift: -highest * self.scale });
        let (vectors, rest) = S::as_simd_f32s(row);
        let mut sums = simd.splat_f32s(0.0);
        for x in vectors {
            sums = simd.add_f32s(sums, *x);
        }
        let sum = simd.reduce_sum_f32s(sums) + rest.iter().sum::<f32>();
        map(simd, row, Times(1.0 / sum));
    }
}

/// e^(x · scale + shift)
struct Power {
    scale: f32,
    shift: f32,
}

impl Lanewise for Power {
    #[inline(always)]
    fn of<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        exp(simd, simd.mul_add_e_f32s(x, simd.splat_f32s(self.scale), simd.splat_f32s(self.shift)))
    }
}

struct Times(f32);

impl Lanewise for Times {
    #[inline(always)]
    fn of<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        simd.mul_f32s(x, simd.splat_f32s(self.0))
    }
}

#[inline(always)]
fn highest<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(row);
    let mut most = simd.splat_f32s(f32::NEG_INFINITY);
    for x in vectors {
        most = simd.max_f32s(most, *x);
    }
    rest.iter().fold(simd.reduce_max_f32s(most), |most, x| most.max(*x))
}
