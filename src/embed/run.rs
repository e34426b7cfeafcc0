//! Embedding many texts.

use std::borrow::Cow;
use std::error::Error;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use serde::Serialize;

use crate::job::Ctx;

use super::pooling::normalise;
use super::tokens::Encoded;
use super::{EmbedError, EmbedParams, Embedder};

/// Texts that are split into tokens before the model sees them: few enough that the first vectors come soon.
const BLOCK: usize = 1 << 12;

/// Tokens in a batch on the CPU: enough that reading all weights is worth it, few enough to stay in the cache.
const BATCH_TOKENS: usize = 2048;

/// Batches shrink to this where there would be too few for all cores.
const LEAST_BATCH_TOKENS: usize = 256;

/// Batches a core that even out their different lengths.
const BATCHES_A_THREAD: usize = 4;

/// Tokens in a batch on a GPU.
const GPU_BATCH_TOKENS: usize = 1 << 14;

/// Whatever went wrong with storing vectors.
pub type SinkError = Box<dyn Error + Send + Sync>;

/// Where vectors go: row numbers, and a vector for each, end to end. It is called from several threads, one at a
/// time, with every row once, in no order.
pub type Sink<'a> = dyn FnMut(&[usize], &[f32]) -> Result<(), SinkError> + Send + 'a;

/// The texts of a run; they are asked for as they are needed, from several threads, and twice each.
pub struct Texts<'a> {
    /// How many rows there are in all.
    pub count: usize,
    /// The text of a row.
    pub text: &'a (dyn Fn(usize) -> Cow<'a, str> + Sync),
    /// The rows to embed, where not all: the others count as done.
    pub rows: Option<&'a [usize]>,
}

/// What became of the texts. Rows with equal texts count each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EmbedReport {
    /// Rows embedded now.
    pub rows: usize,
    /// Rows without any token: their vectors are zero.
    pub empty: usize,
    /// Rows of which only the beginning was read.
    pub truncated: usize,
    /// Rows read in several pieces.
    pub chunked: usize,
    /// Rows whose text an earlier row has: computed once.
    pub duplicates: usize,
    /// Tokens that went through the model, without special ones.
    pub tokens: u64,
}

/// Rows with one text.
struct Group {
    /// The first of them leads; the others follow in order.
    rows: Vec<usize>,
}

impl Embedder {
    /// Embeds `texts` and hands the vectors to `sink` as they come.
    ///
    /// The vector of a text depends on the text, the model and `params` alone: on the CPU it has the same bits
    /// whatever the other texts and however many threads. Rows without text get zeros. Progress counts rows;
    /// cancellation is noticed between batches, and what went to the sink before stays good.
    pub fn embed(
        &self,
        texts: &Texts<'_>,
        params: &EmbedParams,
        ctx: &Ctx,
        sink: &mut Sink<'_>,
    ) -> Result<EmbedReport, EmbedError> {
        let all: Vec<usize>;
        let rows = match texts.rows {
            Some(rows) => rows,
            None => {
                all = (0..texts.count).collect();
                &all
            }
        };
        ctx.progress.begin(
            "Embedding",
            "texts",
            texts.count as u64,
            texts.count.saturating_sub(rows.len()) as u64,
        );
        let groups = group_equal(rows, texts.text, ctx)?;
        let mut report =
            EmbedReport { rows: rows.len(), duplicates: rows.len() - groups.len(), ..EmbedReport::default() };
        let run =
            Run { embedder: self, texts, params, limit: self.limit(params), ctx, sink: Mutex::new(sink) };
        for block in groups.chunks(BLOCK) {
            run.block(block, &mut report)?;
        }
        Ok(report)
    }
}

/// Groups rows by the hash of their text, in the order of each group's first row.
fn group_equal<'a>(
    rows: &[usize],
    text: &(dyn Fn(usize) -> Cow<'a, str> + Sync),
    ctx: &Ctx,
) -> Result<Vec<Group>, EmbedError> {
    let hash = |&row: &usize| {
        ctx.cancel.check()?;
        Ok((*blake3::hash(text(row).as_bytes()).as_bytes(), row))
    };
    let mut hashed = rows.par_iter().map(hash).collect::<Result<Vec<_>, EmbedError>>()?;
    hashed.par_sort_unstable();
    let rows_of = |equal: &[([u8; 32], usize)]| Group { rows: equal.iter().map(|(_, row)| *row).collect() };
    let mut groups: Vec<_> = hashed.chunk_by(|a, b| a.0 == b.0).map(rows_of).collect();
    groups.sort_unstable_by_key(|group| group.rows[0]);
    Ok(groups)
}

struct Run<'a, 't, 's> {
    embedder: &'a Embedder,
    texts: &'a Texts<'t>,
    params: &'a EmbedParams,
    limit: usize,
    ctx: &'a Ctx,
    sink: Mutex<&'a mut Sink<'s>>,
}

/// A text of a block, with its rows.
type Item<'a> = (&'a Group, Encoded);

impl Run<'_, '_, '_> {
    fn block(&self, groups: &[Group], report: &mut EmbedReport) -> Result<(), EmbedError> {
        let encode = |group| Ok((group, self.encode(group)?));
        let mut items = groups.par_iter().map(encode).collect::<Result<Vec<Item<'_>>, EmbedError>>()?;
        for (group, encoded) in &items {
            let rows = group.rows.len();
            report.empty += if encoded.pieces() == 0 { rows } else { 0 };
            report.chunked += if encoded.pieces() > 1 { rows } else { 0 };
            report.truncated += if encoded.truncated { rows } else { 0 };
            report.tokens += encoded.tokens() as u64;
        }
        // Longest first, so that no core is left with a long batch at the end.
        items.sort_by_key(|(_, encoded)| std::cmp::Reverse(encoded.tokens()));
        let batches = self.batches(&items);
        if self.embedder.encoder.on_gpu() {
            batches.into_iter().try_for_each(|batch| self.batch(batch))
        } else {
            batches.into_par_iter().with_max_len(1).try_for_each(|batch| self.batch(batch))
        }
    }

    fn encode(&self, group: &Group) -> Result<Encoded, EmbedError> {
        self.ctx.cancel.check()?;
        let row = group.rows[0];
        let text = (self.texts.text)(row);
        Encoded::of(&self.embedder.tokenizer, &text, self.limit, self.params.long)
            .map_err(|cause| EmbedError::Tokens { row, cause })
    }

    fn batch_tokens(&self, total: usize) -> usize {
        if self.embedder.encoder.on_gpu() {
            return GPU_BATCH_TOKENS;
        }
        let shared = total / (rayon::current_num_threads() * BATCHES_A_THREAD);
        shared.clamp(LEAST_BATCH_TOKENS, BATCH_TOKENS)
    }

    /// Consecutive items of about as many tokens; a text is never divided.
    fn batches<'i, 'g>(&self, items: &'i [Item<'g>]) -> Vec<&'i [Item<'g>]> {
        let budget = self.batch_tokens(items.iter().map(|(_, encoded)| encoded.tokens()).sum());
        let (mut batches, mut rest) = (Vec::new(), items);
        while !rest.is_empty() {
            let mut tokens = 0;
            let fits = |(_, encoded): &&Item<'_>| {
                tokens += encoded.tokens();
                tokens <= budget
            };
            // Texts without tokens are limited by their number.
            let count = rest.iter().take(budget).take_while(fits).count().max(1);
            let (batch, after) = rest.split_at(count);
            batches.push(batch);
            rest = after;
        }
        batches
    }

    /// Embeds one batch and hands its rows over.
    fn batch(&self, items: &[Item<'_>]) -> Result<(), EmbedError> {
        let dim = self.embedder.dim();
        let mut vectors = vec![0.0; items.len() * dim];
        let pieces: Vec<(usize, Vec<u32>)> = items
            .iter()
            .enumerate()
            .flat_map(|(i, (_, encoded))| (0..encoded.pieces()).map(move |piece| (i, encoded, piece)))
            .map(|(i, encoded, piece)| (i, encoded.piece(piece, &self.embedder.tokenizer)))
            .collect();
        // More pieces than fit a batch come from one long text; they go through in several turns.
        let turn = (self.batch_tokens(usize::MAX) / self.limit).max(items.len());
        for pieces in pieces.chunks(turn.max(1)) {
            self.ctx.cancel.check()?;
            self.add_pieces(items, pieces, &mut vectors)?;
        }
        for ((_, encoded), vector) in items.iter().zip(vectors.chunks_exact_mut(dim)) {
            if encoded.pieces() > 1 {
                let tokens = encoded.tokens() as f32;
                vector.iter_mut().for_each(|x| *x /= tokens);
                if self.embedder.unit() {
                    normalise(vector);
                }
            }
        }
        self.hand_over(items, &vectors)
    }

    /// Runs the encoder over `pieces` and adds each one's vector to its text's: as it is where it is the only one,
    /// times its tokens otherwise.
    fn add_pieces(
        &self,
        items: &[Item<'_>],
        pieces: &[(usize, Vec<u32>)],
        vectors: &mut [f32],
    ) -> Result<(), EmbedError> {
        let embedder = self.embedder;
        let (before, after) = embedder.tokenizer.around();
        let (dim, hidden, special) = (embedder.dim(), embedder.encoder.hidden(), before.len() + after.len());
        let ids: Vec<&[u32]> = pieces.iter().map(|(_, ids)| ids.as_slice()).collect();
        let failed = |cause| EmbedError::Failed { device: embedder.device, cause };
        let states = embedder.encoder.forward(&ids).map_err(failed)?;
        let mut states = states.as_slice();
        for (item, ids) in pieces {
            let (own, others) = states.split_at(ids.len() * hidden);
            let vector = embedder.head.apply(own);
            let weight = if items[*item].1.pieces() > 1 { (ids.len() - special) as f32 } else { 1.0 };
            let sum = &mut vectors[item * dim..(item + 1) * dim];
            sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += weight * x);
            states = others;
        }
        Ok(())
    }

    fn hand_over(&self, items: &[Item<'_>], vectors: &[f32]) -> Result<(), EmbedError> {
        let dim = self.embedder.dim();
        let rows: Vec<usize> = items.iter().flat_map(|(group, _)| group.rows.iter().copied()).collect();
        let repeated: Vec<f32>;
        let values = if rows.len() == items.len() {
            vectors
        } else {
            let each = items.iter().zip(vectors.chunks_exact(dim));
            repeated = each.flat_map(|((group, _), vector)| vector.repeat(group.rows.len())).collect();
            &repeated
        };
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        sink(&rows, values).map_err(EmbedError::Sink)?;
        self.ctx.progress.advance(rows.len() as u64);
        Ok(())
    }
}
