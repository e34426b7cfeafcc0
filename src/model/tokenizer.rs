//! Text to token ids.

use std::path::Path;

use super::ModelError;

/// Encoded with and without special tokens to see which ones the model wants around a text.
const PROBE: &str = "a";

/// A tokenizer in the form of `tokenizer.json`, without its padding and truncation: both are ours.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    before: Vec<u32>,
    after: Vec<u32>,
    unknown: Option<u32>,
}

/// What tokenizers call the token for what they do not know.
const UNKNOWN: [&str; 4] = ["[UNK]", "<unk>", "<UNK>", "<|unk|>"];

impl Tokenizer {
    /// Reads `tokenizer.json` of `folder`; every id it can give must be below `vocabulary`.
    pub fn open(folder: &Path, vocabulary: usize) -> Result<Self, ModelError> {
        let file = folder.join("tokenizer.json");
        if !file.is_file() {
            return Err(ModelError::Missing { folder: folder.to_owned(), what: "tokenizer.json" });
        }
        let bytes = std::fs::read(&file).map_err(|e| ModelError::unreadable(&file, e))?;
        let mut inner =
            tokenizers::Tokenizer::from_bytes(bytes).map_err(|e| ModelError::unreadable(&file, e))?;
        inner.with_padding(None).with_truncation(None).map_err(|e| ModelError::unusable(&file, e))?;
        let highest = inner.get_vocab(true).into_values().max().unwrap_or(0);
        if highest as usize >= vocabulary {
            let cause = format!("it has ids up to {highest}, but the model knows {vocabulary} tokens only");
            return Err(ModelError::unusable(&file, cause));
        }
        let (before, after) = special_tokens(&inner).map_err(|e| ModelError::unusable(&file, e))?;
        let unknown = UNKNOWN.iter().find_map(|name| inner.token_to_id(name));
        Ok(Self { inner, before, after, unknown })
    }

    /// The special tokens the model wants before and after a text.
    pub fn around(&self) -> (&[u32], &[u32]) {
        (&self.before, &self.after)
    }

    /// The token for what it does not know, where it has one.
    pub fn unknown(&self) -> Option<u32> {
        self.unknown
    }

    /// The ids of `text` itself, without special tokens and however many there are.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoding = self.inner.encode_fast(text, false).map_err(|e| e.to_string())?;
        Ok(encoding.get_ids().to_vec())
    }
}

/// Finds the ids of the probe between its special tokens.
fn special_tokens(tokenizer: &tokenizers::Tokenizer) -> Result<(Vec<u32>, Vec<u32>), String> {
    let encode = |special| tokenizer.encode_fast(PROBE, special).map_err(|e| e.to_string());
    let (bare, full) = (encode(false)?, encode(true)?);
    let (bare, full) = (bare.get_ids(), full.get_ids());
    if bare.is_empty() {
        return Err(format!("it gives no token for \"{PROBE}\""));
    }
    let at = full.windows(bare.len()).position(|window| window == bare);
    let at = at.ok_or_else(|| "its special tokens change the text between them".to_owned())?;
    Ok((full[..at].to_vec(), full[at + bare.len()..].to_vec()))
}
