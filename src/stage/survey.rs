//! What is in the texts, before anything runs: the counts of the import sheet.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::data::{Corpus, Key};
use crate::embed::{EmbedParams, Embedder, Texts};
use crate::job::Ctx;
use crate::math::language::CorpusLanguages;
use crate::model::Languages;

use super::StageError;

/// Texts whose tokens are counted; beyond, the count is an estimate.
const TOKEN_SAMPLE: usize = 4_000;

/// Texts whose language is detected.
const LANGUAGE_SAMPLE: usize = 1_000;

/// Texts of the trial that tells how long embedding will take, and how long the trial may last.
const TRIAL_TEXTS: usize = 64;
const TRIAL_BATCH: usize = 16;
const TRIAL_TIME: Duration = Duration::from_millis(1_500);

/// A language's share above which a warning is due when the model does not know it.
const FOREIGN_SHARE: f32 = 0.1;

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

/// Evenly spaced documents, `count` of them or all.
fn sample(n: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(n);
    (0..count).map(move |i| i * n / count.max(1))
}

/// Counts; `trial` asks for the time that embedding would take.
pub fn run(
    corpus: &Corpus,
    embedder: &Embedder,
    params: &EmbedParams,
    trial: bool,
    ctx: &Ctx,
) -> Result<Survey, StageError> {
    let n = corpus.len();
    ctx.progress.begin("Counting", "documents", n as u64, 0);
    let (mut empty, mut duplicates) = (0, 0);
    let mut seen = HashSet::with_capacity(n);
    for i in 0..n {
        if i.is_multiple_of(1024) {
            ctx.cancel.check()?;
            ctx.progress.set(i as u64);
        }
        let text = corpus.text(i);
        if text.trim().is_empty() {
            empty += 1;
        } else if !seen.insert(Key::of("text", 1).text(&text).finish()) {
            duplicates += 1;
        }
    }
    drop(seen);
    ctx.progress.begin("Trying the model", "texts", 0, 0);

    let max_tokens = params.max_tokens.unwrap_or(usize::MAX).min(embedder.max_tokens());
    let chosen: Vec<usize> = sample(n, TOKEN_SAMPLE).collect();
    let texts: Vec<_> = chosen.iter().map(|&i| corpus.text(i)).collect();
    let borrowed: Vec<&str> = texts.iter().map(|text| text.as_ref()).collect();
    let long = embedder.count_tokens(&borrowed).into_iter().filter(|&tokens| tokens > max_tokens).count();
    ctx.cancel.check()?;
    let estimated = chosen.len() < n;
    let over_long = if estimated { long * n / chosen.len() } else { long };

    let languages: Vec<(String, f32)> =
        CorpusLanguages::of(sample(n, LANGUAGE_SAMPLE).map(|i| corpus.text(i)))
            .shares
            .into_iter()
            .map(|found| (found.language.eng_name().to_owned(), found.share))
            .collect();
    let language_warning = warning(embedder, &languages);
    let seconds = if trial { Some(time_for(corpus, embedder, params, ctx)?) } else { None };
    Ok(Survey {
        documents: n,
        empty,
        duplicates,
        over_long,
        max_tokens,
        over_long_estimated: estimated,
        languages,
        language_warning,
        seconds,
    })
}

fn warning(embedder: &Embedder, languages: &[(String, f32)]) -> Option<String> {
    if embedder.languages() != Languages::English {
        return None;
    }
    let unknown: Vec<&(String, f32)> = languages.iter().filter(|(name, _)| name != "English").collect();
    let share: f32 = unknown.iter().map(|(_, share)| share).sum();
    if share < FOREIGN_SHARE {
        return None;
    }
    let names: Vec<&str> = unknown.iter().take(3).map(|(name, _)| name.as_str()).collect();
    Some(format!(
        "About {:.0} % of the texts are in languages that {} was not trained on ({}): their places on the map will \
         mean little. A multilingual model folder can be chosen under Embedding.",
        100.0 * share,
        embedder.name(),
        names.join(", ")
    ))
}

/// Embeds a few texts and scales up: seconds for the whole corpus.
fn time_for(
    corpus: &Corpus,
    embedder: &Embedder,
    params: &EmbedParams,
    ctx: &Ctx,
) -> Result<f64, StageError> {
    let n = corpus.len();
    let chosen: Vec<usize> = sample(n, TRIAL_TEXTS).collect();
    let started = Instant::now();
    let mut done = 0;
    // The trial's own progress would overwrite the sheet's.
    let quiet = ctx.untold();
    for batch in chosen.chunks(TRIAL_BATCH) {
        let texts = Texts { count: batch.len(), text: &|i| corpus.text(batch[i]), rows: None };
        embedder.embed(&texts, params, &quiet, &mut |_, _| Ok(())).map_err(|error| {
            if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
        })?;
        done += batch.len();
        if started.elapsed() > TRIAL_TIME {
            break;
        }
    }
    Ok(started.elapsed().as_secs_f64() * n as f64 / done.max(1) as f64)
}
