//! k-means by direction (spherical: Dhillon & Modha 2001) or by distance, from given centres or from those that k-means++
//! draws (Arthur & Vassilvitskii 2007). The twin is `math::kmeans`.
//!
//! Rows come as the twin prepares them: of unit length, after the mean was taken away, where directions are compared; seen
//! from their mean where distances are, for the sake of rounding. A row of zeros, or one that is not finite, says
//! nothing and belongs nowhere; where directions are compared, a row far from unit length belongs somewhere but is no
//! centre. Everything is the same bits each time on one adapter.
//!
//! Rows beyond what the adapter may hold come in batches, an even share of all rows each. The centres move after every
//! batch, by the latest sums of all batches so far: in the first round that is mini-batch k-means, and later no
//! move can make the whole worse (incremental EM: Neal & Hinton 1998), so that it ends where whole rounds end.

use super::batches::Batches;
use super::context::Context;
use super::error::GpuError;
use super::kmeans_round::{Held, Sums, bytes_a_row};
use super::rows::depth_of;
use super::tiles::Source;
use crate::job::Ctx;

/// The label of a row that says nothing.
pub const NOBODY: u32 = u32::MAX;

/// Scores below this are of no centre at all.
const NO_SCORE: f32 = -1.0e38;

/// A distance below this share of the row's square may be rounding.
const ROUNDING: f32 = 4e-6;

/// Candidates for new centres that are drawn at once, at most; fewer while there are few centres: one for so many.
const MOST_AT_ONCE: usize = 32;
const CENTRES_A_CANDIDATE: usize = 4;

/// What is near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The angle: the similarity is the cosine.
    Cosine,
    /// The straight distance: the similarity is its square below zero.
    Euclidean,
}

impl Metric {
    /// What is taken off every product with `centre`.
    fn offset(self, centre: &[f32]) -> f32 {
        match self {
            Self::Cosine => 0.0,
            Self::Euclidean => centre.iter().map(|x| x * x).sum::<f32>() / 2.0,
        }
    }

    /// The similarity that belongs to the score of a row.
    fn similarity(self, score: f32, square: f32) -> f32 {
        match self {
            _ if score < NO_SCORE => f32::NEG_INFINITY,
            Self::Cosine => score,
            Self::Euclidean => (2.0 * score - square).min(0.0),
        }
    }

    /// Whether a row can be a centre: where directions are compared, one that is far from unit length has none.
    fn has_place(self, square: f32) -> bool {
        match self {
            Self::Cosine => square > 0.5,
            Self::Euclidean => square > 0.0,
        }
    }

    /// What distances are drawn by: the squared distance, or half of it between unit vectors.
    fn distance(self, similarity: f32) -> f32 {
        match self {
            Self::Cosine => 1.0 - similarity,
            Self::Euclidean => -similarity,
        }
    }

    /// The squared distance that goes with a similarity.
    fn away(self, similarity: f64) -> f64 {
        match self {
            Self::Cosine => 2.0 - 2.0 * similarity,
            Self::Euclidean => -similarity,
        }
    }
}

/// How long centres move.
#[derive(Clone, Copy, Debug)]
pub struct Params {
    pub metric: Metric,
    /// Rounds at most; at least one is made.
    pub max_rounds: usize,
    /// A round that brings less than this share of the mean squared distance that is left is the last.
    pub worthwhile: f64,
    /// Bytes of rows, with what is known of them, that the adapter may hold at a time.
    pub room: u64,
}

/// Every row's nearest centre, and how near the two nearest are: by cosine, or by the squared distance below zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Assigned {
    /// `n` centres, of equally near ones the first; [`NOBODY`] for rows that say nothing.
    pub labels: Vec<u32>,
    /// 0 for rows that say nothing.
    pub nearest: Vec<f32>,
    /// Negative infinity where there is one centre, or none.
    pub second: Vec<f32>,
}

impl Assigned {
    fn none(rows: usize) -> Self {
        Self { labels: vec![NOBODY; rows], nearest: vec![0.0; rows], second: vec![f32::NEG_INFINITY; rows] }
    }

    /// The mean similarity of the rows that have a centre, and how many they are.
    pub fn mean(&self) -> (f64, usize) {
        let inside = self.labels.iter().zip(&self.nearest).filter(|(label, _)| **label != NOBODY);
        let (sum, count) = inside.fold((0.0, 0), |(sum, count), (_, &s)| (sum + f64::from(s), count + 1));
        (if count > 0 { sum / count as f64 } else { 0.0 }, count)
    }
}

/// Centres that have settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub assigned: Assigned,
    /// `k` × `dim`: those that rows were assigned to; of unit length where directions are compared.
    pub centres: Vec<f32>,
    /// The mean similarity of a row to its centre.
    pub similarity: f64,
    /// The sum of the squared distances of the rows to their centres.
    pub inertia: f64,
    pub rounds: usize,
}

/// Finds the nearest of `centres` (`k` × `dim`) for each row.
pub fn assign(
    context: &Context,
    source: &Source,
    centres: &[f32],
    params: &Params,
    ctx: &Ctx,
) -> Result<Assigned, GpuError> {
    let mut all = Assigned::none(source.rows);
    if centres.is_empty() {
        return Ok(all);
    }
    let batches = batches(source, params.room);
    for batch in 0..batches.count {
        let mut held = batches.with(batch, |rows| Held::upload(context, rows, ctx))?;
        compare(&mut held, centres, params.metric, true, ctx)?;
        let part = assigned(&held, params.metric, ctx)?;
        batches.put(batch, &part.labels, &mut all.labels);
        batches.put(batch, &part.nearest, &mut all.nearest);
        batches.put(batch, &part.second, &mut all.second);
    }
    Ok(all)
}

/// Assigns and averages in turn, from the centres `start` (`k` × `dim`), until a round brings little. A centre that lost
/// its rows starts again at a row that is far from its own. Every round counts one in `ctx.progress`.
pub fn settle(
    context: &Context,
    source: &Source,
    start: &[f32],
    params: &Params,
    ctx: &Ctx,
) -> Result<Found, GpuError> {
    let Params { metric, .. } = *params;
    let mut centres = start.to_vec();
    let batches = batches(source, params.room);
    if centres.is_empty() || source.rows == 0 {
        let assigned = Assigned::none(source.rows);
        return Ok(Found { assigned, centres, similarity: 0.0, inertia: 0.0, rounds: 0 });
    }
    let mut whole = match batches.count {
        1 => Some(Held::upload(context, source, ctx)?),
        _ => None,
    };
    let k = centres.len() / source.dim;
    let mut sums: Vec<Option<Sums>> = vec![None; batches.count];
    let mut before = f64::INFINITY;
    let mut rounds = 0;
    loop {
        let (mut total, mut content, mut reseeded) = (0.0, 0usize, 0);
        let mut next = centres.clone();
        for batch in 0..batches.count {
            let mut sent = None;
            let held = match &mut whole {
                Some(held) => held,
                None => sent.insert(batches.with(batch, |rows| Held::upload(context, rows, ctx))?),
            };
            compare(held, &centres, metric, true, ctx)?;
            let nearest = similarities(held, metric, ctx)?;
            total += nearest.iter().map(|&similarity| f64::from(similarity)).sum::<f64>();
            content += held.squares.iter().filter(|&&square| square > 0.0).count();
            sums[batch] = Some(held.sums(k, ctx)?);
            let empty = move_centres(&mut next, &sums, metric, source.dim);
            // Before all batches were seen, a centre without rows may have some in those that follow.
            if sums.iter().all(Option::is_some) {
                reseeded += batches
                    .with(batch, |rows| reseed(&mut next, &empty, &nearest, &held.squares, metric, rows));
            }
            if whole.is_none() {
                centres.clone_from(&next);
            }
        }
        rounds += 1;
        let now = metric.away(total / content.max(1) as f64);
        let enough = before.is_finite() && before - now <= params.worthwhile * before && reseeded == 0;
        if enough || rounds >= params.max_rounds {
            break;
        }
        (centres, before) = (next, now);
        ctx.progress.advance(1);
    }
    let assigned = match &whole {
        Some(held) => assigned(held, metric, ctx)?,
        None => assign(context, source, &centres, params, ctx)?,
    };
    let (similarity, content) = assigned.mean();
    let inertia = metric.away(similarity) * content as f64;
    Ok(Found { assigned, centres, similarity, inertia, rounds })
}

/// Draws `k` rows as centres, or fewer where there are fewer distinct ones: each next one by its squared distance to the
/// nearest so far. Candidates are drawn by the batch and kept with the probability that the centres kept since then leave
/// them, which is as if each were drawn by itself. `random` gives numbers in [0, 1). All rows have to fit
/// on the adapter: it is meant for a sample.
pub fn seeded(
    context: &Context,
    source: &Source,
    k: usize,
    metric: Metric,
    random: &mut dyn FnMut() -> f64,
    ctx: &Ctx,
) -> Result<Vec<f32>, GpuError> {
    let dim = source.dim;
    let mut held = Held::upload(context, source, ctx)?;
    // The first is any row.
    let mut left: Vec<f32> =
        held.squares.iter().map(|&s| if metric.has_place(s) { 1.0 } else { 0.0 }).collect();
    let mut centres: Vec<f32> = Vec::with_capacity(k * dim);
    let (mut count, mut rows) = (0, Vec::new());
    while count < k {
        let wanted = (count / CENTRES_A_CANDIDATE).clamp(1, MOST_AT_ONCE).min(k - count);
        let drawn = draw(&left, wanted, random);
        if drawn.is_empty() {
            break;
        }
        let mut kept: Vec<f32> = Vec::with_capacity(drawn.len() * dim);
        for &i in &drawn {
            (source.read)(i..i + 1, &mut rows);
            let now = kept.chunks_exact(dim).fold(left[i], |now, other| {
                let score = rows.iter().zip(other).map(|(a, b)| a * b).sum::<f32>() - metric.offset(other);
                now.min(metric.distance(metric.similarity(score, held.squares[i])).max(0.0))
            });
            // The first is kept whatever is drawn, and is drawn as well, so that the numbers keep their places.
            if random() * f64::from(left[i]) < f64::from(now) || kept.is_empty() {
                kept.extend_from_slice(&rows);
            }
        }
        compare(&mut held, &kept, metric, count == 0, ctx)?;
        for ((left, similarity), &square) in
            left.iter_mut().zip(similarities(&held, metric, ctx)?).zip(&held.squares)
        {
            let distance = metric.distance(similarity);
            *left = if *left > 0.0 && distance > ROUNDING * square { distance } else { 0.0 };
        }
        count += kept.len() / dim;
        centres.extend(kept);
    }
    Ok(centres)
}

/// `wanted` rows, each drawn by `weights`; none where all weights are 0.
fn draw(weights: &[f32], wanted: usize, random: &mut dyn FnMut() -> f64) -> Vec<usize> {
    let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
    if total <= 0.0 {
        return Vec::new();
    }
    let mut marks: Vec<(f64, usize)> = (0..wanted).map(|turn| (random() * total, turn)).collect();
    marks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut drawn = vec![0; wanted];
    let (mut marks, mut sum, mut last) = (marks.into_iter().peekable(), 0.0, 0);
    for (i, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        sum += f64::from(weight);
        last = i;
        while let Some((_, turn)) = marks.next_if(|&(mark, _)| mark < sum) {
            drawn[turn] = i;
        }
    }
    // What rounding left beyond the last.
    marks.for_each(|(_, turn)| drawn[turn] = last);
    drawn
}

/// The rows of `source` in batches that take at most `room` bytes on the adapter.
fn batches<'a>(source: &'a Source, room: u64) -> Batches<'a> {
    Batches::of(source, (room / bytes_a_row(depth_of(source.dim))) as usize)
}

fn compare(held: &mut Held, centres: &[f32], metric: Metric, fresh: bool, ctx: &Ctx) -> Result<(), GpuError> {
    let offsets: Vec<f32> = centres.chunks_exact(held.dim).map(|centre| metric.offset(centre)).collect();
    held.compare(centres, &offsets, fresh, ctx)
}

/// How near each row's nearest centre is; 0 for rows that say nothing.
fn similarities(held: &Held, metric: Metric, ctx: &Ctx) -> Result<Vec<f32>, GpuError> {
    let mut nearest = held.nearest(ctx)?;
    for (nearest, &square) in nearest.iter_mut().zip(&held.squares) {
        *nearest = if square > 0.0 { metric.similarity(*nearest, square) } else { 0.0 };
    }
    Ok(nearest)
}

fn assigned(held: &Held, metric: Metric, ctx: &Ctx) -> Result<Assigned, GpuError> {
    let mut second = held.second(ctx)?;
    for (second, &square) in second.iter_mut().zip(&held.squares) {
        *second = if square > 0.0 { metric.similarity(*second, square) } else { f32::NEG_INFINITY };
    }
    Ok(Assigned { labels: held.labels(ctx)?, nearest: similarities(held, metric, ctx)?, second })
}

/// Puts each centre in the middle of its rows of all batches seen so far; returns those without any.
fn move_centres(centres: &mut [f32], sums: &[Option<Sums>], metric: Metric, dim: usize) -> Vec<usize> {
    let mut empty = Vec::new();
    let mut sum = vec![0.0f64; dim];
    for (c, centre) in centres.chunks_exact_mut(dim).enumerate() {
        sum.fill(0.0);
        let mut count = 0;
        for sums in sums.iter().flatten() {
            sum.iter_mut().zip(&sums.values[c * dim..]).for_each(|(a, b)| *a += b);
            count += sums.counts[c];
        }
        if count == 0 {
            empty.push(c);
            continue;
        }
        let scale = match metric {
            Metric::Cosine => sum.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE),
            Metric::Euclidean => count as f64,
        };
        centre.iter_mut().zip(&sum).for_each(|(x, s)| *x = (s / scale) as f32);
    }
    empty
}

/// Puts the centres `empty` on the rows that lie farthest from their own; returns for how many there was one.
fn reseed(
    centres: &mut [f32],
    empty: &[usize],
    nearest: &[f32],
    squares: &[f32],
    metric: Metric,
    rows: &Source,
) -> usize {
    if empty.is_empty() {
        return 0;
    }
    let away = |i: usize| metric.distance(nearest[i]);
    let lonely = |&i: &usize| metric.has_place(squares[i]) && away(i) > ROUNDING * squares[i];
    let mut far: Vec<usize> = (0..rows.rows).filter(lonely).collect();
    far.sort_by(|&a, &b| away(b).total_cmp(&away(a)).then(a.cmp(&b)));
    let mut row = Vec::new();
    let pairs = empty.iter().zip(far);
    pairs
        .map(|(&c, i)| {
            (rows.read)(i..i + 1, &mut row);
            centres[c * rows.dim..(c + 1) * rows.dim].copy_from_slice(&row);
        })
        .count()
}
