//! The encoder of the BERT family: BERT, RoBERTa (and XLM-R, CamemBERT), DistilBERT and MPNet.
//!
//! Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers". Texts of a batch lie end to end,
//! without padding; linear layers run over all tokens of the batch, attention over one text at a time.

use std::sync::Mutex;

use crate::model::{Family, ModelError, Recipe, Table, Weights};

use super::attention::{self, Heads, PositionBias, attend};
use super::matmul::{Buffer, Linear, ROWS_AT_ONCE};
use super::simd::{Activation, LayerNorm, activate};

/// Loaded weights, ready to run on any number of threads at once.
pub(super) struct Bert {
    hidden: usize,
    heads: usize,
    activation: Activation,
    words: Table,
    /// Position embeddings with those of the token type added, from the first position a text uses.
    positions: Vec<f32>,
    first_norm: LayerNorm,
    layers: Vec<Layer>,
    bias: Option<PositionBias>,
    /// Memory of workers that rest.
    spare: Mutex<Vec<Scratch>>,
}

struct Layer {
    /// Queries, keys and values in one.
    qkv: Linear,
    attention_out: Linear,
    attention_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    norm: LayerNorm,
}

#[derive(Default)]
struct Scratch {
    qkv: Buffer,
    context: Buffer,
    inner: Buffer,
    block: Buffer,
    attention: attention::Scratch,
}

/// How a family calls its numbers and tensors.
struct Names {
    prefix: &'static str,
    layer: &'static str,
    query: &'static str,
    key: &'static str,
    value: &'static str,
    attention_out: &'static str,
    attention_norm: &'static str,
    inner: &'static str,
    outer: &'static str,
    norm: &'static str,
}

const BERT: Names = Names {
    prefix: "bert.",
    layer: "encoder.layer",
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    attention_out: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    inner: "intermediate.dense",
    outer: "output.dense",
    norm: "output.LayerNorm",
};

const ROBERTA: Names = Names { prefix: "roberta.", ..BERT };

const MPNET: Names = Names {
    prefix: "mpnet.",
    query: "attention.attn.q",
    key: "attention.attn.k",
    value: "attention.attn.v",
    attention_out: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    ..BERT
};

const DISTILBERT: Names = Names {
    prefix: "distilbert.",
    layer: "transformer.layer",
    query: "attention.q_lin",
    key: "attention.k_lin",
    value: "attention.v_lin",
    attention_out: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    inner: "ffn.lin1",
    outer: "ffn.lin2",
    norm: "output_layer_norm",
};

/// Reads tensors under the names of a family.
struct Reader<'a> {
    weights: &'a Weights,
    /// In front of every name; checkpoints with a head on top have one.
    prefix: &'static str,
    hidden: usize,
    epsilon: f32,
}

impl Reader<'_> {
    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        self.weights.values(&format!("{}{name}", self.prefix), shape)
    }

    fn linear(&self, names: &[String], inputs: usize, outputs: usize) -> Result<Linear, ModelError> {
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weights.extend(self.values(&format!("{name}.weight"), &[outputs, inputs])?);
            bias.extend(self.values(&format!("{name}.bias"), &[outputs])?);
        }
        Ok(Linear::new(inputs, &weights, &bias))
    }

    fn norm(&self, name: &str) -> Result<LayerNorm, ModelError> {
        // Checkpoints converted from TensorFlow call them gamma and beta.
        let old = self.weights.has(&format!("{}{name}.gamma", self.prefix));
        let (scale, shift) = if old { ("gamma", "beta") } else { ("weight", "bias") };
        Ok(LayerNorm {
            scale: self.values(&format!("{name}.{scale}"), &[self.hidden])?,
            shift: self.values(&format!("{name}.{shift}"), &[self.hidden])?,
            epsilon: self.epsilon,
        })
    }

    fn layer(&self, names: &Names, i: usize, inner: usize) -> Result<Layer, ModelError> {
        let hidden = self.hidden;
        let name = |part: &str| format!("{}.{i}.{part}", names.layer);
        Ok(Layer {
            qkv: self.linear(&[name(names.query), name(names.key), name(names.value)], hidden, hidden)?,
            attention_out: self.linear(&[name(names.attention_out)], hidden, hidden)?,
            attention_norm: self.norm(&name(names.attention_norm))?,
            inner: self.linear(&[name(names.inner)], hidden, inner)?,
            outer: self.linear(&[name(names.outer)], inner, hidden)?,
            norm: self.norm(&name(names.norm))?,
        })
    }
}

impl Bert {
    /// Loads the model of `recipe`, whose family must be one of this file's.
    pub(super) fn load(recipe: &Recipe, weights: &Weights) -> Result<Self, ModelError> {
        let names = match recipe.family {
            Family::Roberta => &ROBERTA,
            Family::Mpnet => &MPNET,
            Family::DistilBert => &DISTILBERT,
            Family::Bert | Family::NomicBert | Family::ModernBert => &BERT,
        };
        let distil = recipe.family == Family::DistilBert;
        let number =
            |name: &str, distil_name: &str| recipe.number(if distil { distil_name } else { name }, None);
        let hidden = number("hidden_size", "dim")?;
        let heads = number("num_attention_heads", "n_heads")?;
        let inner = number("intermediate_size", "hidden_dim")?;
        let layers = number("num_hidden_layers", "n_layers")?;
        let activation = activation(recipe, if distil { "activation" } else { "hidden_act" })?;
        if heads == 0 || hidden == 0 || !hidden.is_multiple_of(heads) {
            return Err(recipe.config_error(format!("{hidden} components cannot be shared by {heads} heads")));
        }
        if !matches!(recipe.config["position_embedding_type"].as_str(), None | Some("absolute")) {
            return Err(recipe.config_error("Semascope runs absolute position embeddings only"));
        }
        let word_name = "embeddings.word_embeddings.weight";
        let prefix = if weights.has(word_name) { "" } else { names.prefix };
        let epsilon = recipe.config["layer_norm_eps"].as_f64().unwrap_or(1e-12) as f32;
        let reader = Reader { weights, prefix, hidden, epsilon };
        let vocabulary = recipe.number("vocab_size", None)?;
        Ok(Self {
            hidden,
            heads,
            activation,
            words: weights.table(&format!("{prefix}{word_name}"), [vocabulary, hidden])?,
            positions: positions(recipe, &reader)?,
            first_norm: reader.norm("embeddings.LayerNorm")?,
            layers: (0..layers).map(|i| reader.layer(names, i, inner)).collect::<Result<_, _>>()?,
            bias: relative_bias(recipe, &reader, heads)?,
            spare: Mutex::default(),
        })
    }

    /// Components of a token's vector.
    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    /// The longest text it can read, in tokens.
    pub(super) fn max_tokens(&self) -> usize {
        self.positions.len() / self.hidden
    }

    /// The last hidden states of all tokens of `texts`, end to end: tokens × hidden.
    ///
    /// No text may be longer than [`Bert::max_tokens`], and no id beyond the vocabulary.
    pub(super) fn forward(&self, texts: &[&[u32]]) -> Vec<f32> {
        let spare = self.spare.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        let mut scratch = spare.unwrap_or_default();
        let mut states = self.embed_tokens(texts);
        for layer in &self.layers {
            self.run_layer(layer, texts, &mut states, &mut scratch);
        }
        self.spare.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(scratch);
        states
    }

    fn embed_tokens(&self, texts: &[&[u32]]) -> Vec<f32> {
        let tokens: usize = texts.iter().map(|text| text.len()).sum();
        let mut states = vec![0.0; tokens * self.hidden];
        let words = self.words.open();
        let positions =
            texts.iter().flat_map(|text| text.iter().zip(self.positions.chunks_exact(self.hidden)));
        for (state, (&token, position)) in states.chunks_exact_mut(self.hidden).zip(positions) {
            words.read(token as usize, state);
            state.iter_mut().zip(position).for_each(|(x, p)| *x += p);
        }
        self.first_norm.apply(&mut states, None);
        states
    }

    fn run_layer(&self, layer: &Layer, texts: &[&[u32]], states: &mut [f32], scratch: &mut Scratch) {
        let hidden = self.hidden;
        let tokens = states.len() / hidden;
        let qkv = scratch.qkv.take(tokens * 3 * hidden);
        layer.qkv.apply(states, qkv);
        let context = scratch.context.take(tokens * hidden);
        let heads = Heads { count: self.heads, dim: hidden / self.heads, bias: self.bias.as_ref() };
        let mut first = 0;
        for text in texts {
            let last = first + text.len();
            let (qkv, out) =
                (&qkv[first * 3 * hidden..last * 3 * hidden], &mut context[first * hidden..last * hidden]);
            attend(heads, text.len(), qkv, out, &mut scratch.attention);
            first = last;
        }
        // Everything after attention is done for a few rows at a time, which then stay in the cache.
        for (rows, context) in
            states.chunks_mut(ROWS_AT_ONCE * hidden).zip(context.chunks(ROWS_AT_ONCE * hidden))
        {
            let block = scratch.block.take(rows.len());
            layer.attention_out.apply(context, block);
            layer.attention_norm.apply(rows, Some(block));
            let inner = scratch.inner.take(rows.len() / hidden * layer.inner.outputs());
            layer.inner.apply(rows, inner);
            activate(self.activation, inner);
            layer.outer.apply(inner, block);
            layer.norm.apply(rows, Some(block));
        }
    }
}

fn activation(recipe: &Recipe, name: &str) -> Result<Activation, ModelError> {
    match recipe.config[name].as_str().unwrap_or("gelu") {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        other => Err(recipe.config_error(format!("Semascope does not know the activation \"{other}\""))),
    }
}

/// Position embeddings from the first position in use, with the first token type's added.
fn positions(recipe: &Recipe, reader: &Reader<'_>) -> Result<Vec<f32>, ModelError> {
    let count = recipe.number("max_position_embeddings", None)?;
    let mut values = reader.values("embeddings.position_embeddings.weight", &[count, reader.hidden])?;
    // RoBERTa and MPNet count from the padding token's id on.
    let skipped = match recipe.family {
        Family::Roberta => recipe.number("pad_token_id", Some(1))? + 1,
        Family::Mpnet => 2,
        _ => 0,
    };
    if skipped >= count {
        return Err(recipe.config_error("\"max_position_embeddings\" leaves no position for a text"));
    }
    values.drain(..skipped * reader.hidden);
    let types = "embeddings.token_type_embeddings.weight";
    if reader.weights.has(&format!("{}{types}", reader.prefix)) {
        let types = reader.values(types, &[recipe.number("type_vocab_size", Some(2))?, reader.hidden])?;
        for position in values.chunks_exact_mut(reader.hidden) {
            position.iter_mut().zip(&types).for_each(|(p, t)| *p += t);
        }
    }
    Ok(values)
}

/// One for each direction, near and far.
const FEWEST_BUCKETS: usize = 4;

/// MPNet adds a learned number by the distance between two tokens, shared by all layers.
fn relative_bias(
    recipe: &Recipe,
    reader: &Reader<'_>,
    heads: usize,
) -> Result<Option<PositionBias>, ModelError> {
    if recipe.family != Family::Mpnet {
        return Ok(None);
    }
    let buckets = recipe.number("relative_attention_num_buckets", Some(32))?;
    if buckets < FEWEST_BUCKETS {
        return Err(recipe.config_error(format!("{buckets} buckets are too few for relative positions")));
    }
    let values = reader.values("encoder.relative_attention_bias.weight", &[buckets, heads])?;
    let reach = recipe.number("max_position_embeddings", None)?;
    let bias = |head, distance| values[bucket(distance, buckets) * heads + head];
    Ok(Some(PositionBias::new(heads, reader.hidden / heads, reach, bias)))
}

/// The bucket of a distance (Raffel et al. 2020, T5): one for each short distance, wider ones up to 128, and the two
/// directions apart.
fn bucket(distance: isize, buckets: usize) -> usize {
    /// All distances from here on share a bucket.
    const FARTHEST: f32 = 128.0;

    let half = buckets / 2;
    let direction = if distance > 0 { half } else { 0 };
    let distance = distance.unsigned_abs();
    let exact = half / 2;
    if distance < exact {
        return direction + distance;
    }
    let log = (distance as f32 / exact as f32).ln() / (FARTHEST / exact as f32).ln();
    direction + (exact + (log * (half - exact) as f32) as usize).min(half - 1)
}
