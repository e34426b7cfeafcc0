//! What is in the texts, before anything runs: the counts of the import sheet.

/// Counts over the chosen texts of a corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    pub documents: usize,
    /// Texts with nothing but white space.
    pub empty: usize,
    /// Texts that equal an earlier one.
    pub duplicates: usize,
    /// Texts longer than the model reads.
    pub over_long: usize,
    /// The longest length the model reads, in tokens.
    pub max_tokens: usize,
    /// Whether `over_long` was counted on a sample and scaled up.
    pub over_long_estimated: bool,
    /// Languages (English names) with their share of a sample, most frequent first.
    pub languages: Vec<(String, f32)>,
    /// One sentence, when the texts are in languages that the model does not know.
    pub language_warning: Option<String>,
    /// Estimated seconds to embed, from a short trial on this machine; `None` for given vectors.
    pub seconds: Option<f64>,
}
