//! Text to vectors.
//!
//! An [`Embedder`] is a loaded model: tokenizer, encoder, pooling. On the CPU the BERT family runs on our own encoder
//! (`bert`), whose texts lie end to end without padding; other families and GPUs run on candle's models. A run
//! over many texts (`run`) goes in blocks, sorted by length, small batches side by side on all cores.

mod attention;
mod bert;
mod candle;
mod matmul;
mod pooling;
mod run;
mod simd;
#[cfg(test)]
mod tests;
mod tokens;

pub use run::{EmbedReport, Sink, SinkError, Texts};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::Key;
use crate::job::Cancelled;
use crate::model::{
    Device, DevicePreference, Family, Languages, ModelError, ModelSource, Recipe, Tokenizer, Weights,
    pick_device,
};

/// Raised when the same model and text would give other vectors.
const VERSION: u32 = 1;

/// Why texts could not be embedded.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("text {row} could not be split into tokens: {cause}")]
    Tokens { row: usize, cause: String },
    #[error("the model failed on {device}: {cause}")]
    Failed { device: Device, cause: String },
    #[error("the vectors could not be stored: {0}")]
    Sink(#[source] SinkError),
}

/// What happens to a text with more tokens than the model reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Long {
    /// Only its beginning counts.
    #[default]
    Truncate,
    /// It is read in overlapping pieces, whose vectors are averaged by their tokens.
    Chunk,
}

/// How to embed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbedParams {
    /// Tokens read of a text (or a piece of it), special ones included; the model's own limit where `None`.
    pub max_tokens: Option<usize>,
    pub long: Long,
}

/// A loaded model.
pub struct Embedder {
    recipe: Recipe,
    key: Key,
    device: Device,
    tokenizer: Tokenizer,
    encoder: Encoder,
    head: pooling::Head,
    remarks: Vec<String>,
}

enum Encoder {
    Bert(bert::Bert),
    Candle(candle::Candle),
}

impl Embedder {
    /// Loads a model; takes about a tenth of a second for the built-in one.
    pub fn load(source: &ModelSource, preference: DevicePreference) -> Result<Self, EmbedError> {
        let recipe = Recipe::read(source)?;
        let mut remarks = recipe.remarks.clone();
        let (mut device, notice) = pick_device(preference);
        remarks.extend(notice);
        if device != Device::Cpu && !candle::Candle::runs(recipe.family) {
            device = Device::Cpu;
            remarks.push("Models of this family run on the CPU.".to_owned());
        }
        let weights = Weights::open(&recipe.weights)?;
        let ours = !matches!(recipe.family, Family::NomicBert | Family::ModernBert);
        let encoder = if device == Device::Cpu && ours {
            Encoder::Bert(bert::Bert::load(&recipe, &weights)?)
        } else {
            Encoder::Candle(candle::Candle::load(&recipe, &weights, device)?)
        };
        let head = pooling::Head::load(&recipe, encoder.hidden())?;
        let tokenizer = Tokenizer::open(&recipe.weights, recipe.number("vocab_size", None)?)?;
        let key = recipe.content_key(VERSION)?;
        Ok(Self { recipe, key, device, tokenizer, encoder, head, remarks })
    }

    /// Identifies the model by the content of its files, wherever they lie.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Identifies what `params` make of the model: equal keys give equal vectors for equal texts.
    pub fn key_with(&self, params: &EmbedParams) -> Key {
        let limit = self.limit(params) as u64;
        Key::of("embedding", VERSION).input(self.key).params(&(limit, params.long)).finish()
    }

    /// The model's name for people.
    pub fn name(&self) -> &str {
        &self.recipe.name
    }

    /// Components of a vector.
    pub fn dim(&self) -> usize {
        self.head.dim()
    }

    /// The most tokens of a text that the model reads unless told otherwise, special ones included.
    pub fn max_tokens(&self) -> usize {
        self.limit(&EmbedParams::default())
    }

    /// Whether vectors have length one.
    pub fn unit(&self) -> bool {
        self.head.unit()
    }

    /// The languages the model was made for.
    pub fn languages(&self) -> Languages {
        self.recipe.languages
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// What a person should know about this model here, as sentences.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// How many tokens each text has, special ones included; what cannot be split counts as none.
    pub fn count_tokens(&self, texts: &[&str]) -> Vec<usize> {
        let (before, after) = self.tokenizer.around();
        let special = before.len() + after.len();
        texts
            .par_iter()
            .map(|text| self.tokenizer.encode(text).map_or(0, |ids| ids.len() + special))
            .collect()
    }

    /// The share of a text's tokens, special ones left aside, that are not the one for what a tokenizer does not know; 1
    /// of a text without tokens.
    pub fn known_share(&self, text: &str) -> f32 {
        let ids = self.tokenizer.encode(text).unwrap_or_default();
        let unknown = ids.iter().filter(|id| Some(**id) == self.tokenizer.unknown()).count();
        1.0 - unknown as f32 / ids.len().max(1) as f32
    }

    /// Tokens of a text or piece that `params` make the model read, special ones included: at least one beside those, and
    /// no more than the encoder can read.
    pub fn limit(&self, params: &EmbedParams) -> usize {
        let (before, after) = self.tokenizer.around();
        let least = before.len() + after.len() + 1;
        let wanted = params.max_tokens.unwrap_or(self.recipe.max_tokens);
        wanted.max(least).min(self.encoder.max_tokens())
    }
}

impl Encoder {
    fn hidden(&self) -> usize {
        match self {
            Self::Bert(bert) => bert.hidden(),
            Self::Candle(candle) => candle.hidden(),
        }
    }

    fn max_tokens(&self) -> usize {
        match self {
            Self::Bert(bert) => bert.max_tokens(),
            Self::Candle(candle) => candle.max_tokens(),
        }
    }

    /// Whether batches should be large and follow each other, instead of small and side by side.
    fn on_gpu(&self) -> bool {
        matches!(self, Self::Candle(candle) if candle.on_gpu())
    }

    /// Hidden states of all tokens, end to end.
    fn forward(&self, texts: &[&[u32]]) -> Result<Vec<f32>, String> {
        match self {
            Self::Bert(bert) => Ok(bert.forward(texts)),
            Self::Candle(candle) => candle.forward(texts).map_err(|e| e.to_string()),
        }
    }
}
