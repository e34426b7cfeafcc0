//! What a search needs: the words of a corpus, what is near in its space, and queries as vectors.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::data::{Corpus, Knn, Matrix};
use crate::embed::{EmbedParams, Embedder, Texts};
use crate::job::Ctx;
use crate::math::meaning_search::MeaningSearch;
use crate::math::vector;
use crate::math::word_index::WordIndex;

use super::{StageError, same_model};

/// The index of all texts of `corpus`.
pub fn words(corpus: &Corpus, ctx: &Ctx) -> Result<WordIndex, StageError> {
    Ok(WordIndex::of(corpus.len(), &|i| corpus.text(i), ctx)?)
}

/// A search among the vectors of `matrix`, along `knn` where they are known.
pub fn meaning(matrix: Arc<Matrix>, knn: Option<Arc<Knn>>, ctx: &Ctx) -> Result<MeaningSearch, StageError> {
    Ok(MeaningSearch::of(matrix, knn, ctx)?)
}

/// A query as a unit vector of the space that `embedder` makes with `params`; `None` where it has no word that the model
/// knows.
pub fn embed_query(
    text: &str,
    embedder: &Embedder,
    params: &EmbedParams,
    ctx: &Ctx,
) -> Result<Option<Vec<f32>>, StageError> {
    let mut query = vec![0.0; embedder.dim()];
    let texts = Texts { count: 1, text: &|_| Cow::Borrowed(text), rows: None };
    embedder
        .embed(&texts, params, ctx, &mut |_, vectors| {
            query.copy_from_slice(vectors);
            Ok(())
        })
        .map_err(
            |error| {
                if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
            },
        )?;
    let length = vector::inverse_norm(&query);
    vector::scale(&mut query, length);
    Ok((length != 0.0).then_some(query))
}

/// What turns a query into a vector of the space that is searched.
pub enum Reader {
    /// The model that made the documents' vectors.
    Model(Arc<Embedder>, EmbedParams),
    /// The documents are words with vectors of their own: the row of each word.
    Words(HashMap<String, u32>),
}

/// Of word vectors nearly every text is one word: this share of those that are looked at, at least.
const SINGLE: f64 = 0.95;
const LOOKED_AT: usize = 1000;

impl Reader {
    /// Finds out how queries can be compared with the vectors of `corpus`.
    ///
    /// # Errors
    /// In a sentence, where neither `embedder` made them nor they are vectors of words.
    pub fn of(
        corpus: &Corpus,
        matrix: &Matrix,
        embedder: Arc<Embedder>,
        params: &EmbedParams,
        ctx: &Ctx,
    ) -> Result<Self, StageError> {
        let Some(how) = same_model::difference(corpus, matrix, &embedder, ctx)? else {
            return Ok(Self::Model(embedder, *params));
        };
        let single = |&i: &usize| corpus.text(i).split_whitespace().count() == 1;
        let looked_at = corpus.len().min(LOOKED_AT);
        if ((0..looked_at).filter(single).count() as f64) < SINGLE * looked_at as f64 {
            return Err(StageError::Failed(format!(
                "{how} A query has to be embedded by the model that made them: search by words, or embed the texts with {}.",
                embedder.name()
            )));
        }
        // Of words that differ in case only the first, which is the more frequent one, answers to the lower case.
        let mut words = HashMap::with_capacity(corpus.len());
        for i in (0..corpus.len() as u32).rev() {
            let word = corpus.text(i as usize).trim().to_owned();
            words.insert(word.to_lowercase(), i);
        }
        for i in (0..corpus.len() as u32).rev() {
            words.insert(corpus.text(i as usize).trim().to_owned(), i);
        }
        Ok(Self::Words(words))
    }

    /// The model, and how it reads; `None` for vectors of words.
    pub fn model(&self) -> Option<(&Embedder, &EmbedParams)> {
        match self {
            Self::Model(embedder, params) => Some((embedder, params)),
            Self::Words(_) => None,
        }
    }

    /// A query as a unit vector; `None` where there is nothing in it to compare. Of word vectors, the mean of those of its
    /// words.
    pub fn vector(&self, text: &str, matrix: &Matrix, ctx: &Ctx) -> Result<Option<Vec<f32>>, StageError> {
        let words = match self {
            Self::Model(embedder, params) => return embed_query(text, embedder, params, ctx),
            Self::Words(words) => words,
        };
        let mut sum = vec![0.0; matrix.dim()];
        for word in text.split_whitespace() {
            let row = words.get(word).or_else(|| words.get(&word.to_lowercase()));
            let Some(&row) = row else { continue };
            let row = matrix.row(row as usize);
            let factor = vector::inverse_norm(&row);
            sum.iter_mut().zip(row.iter()).for_each(|(sum, value)| *sum += factor * value);
        }
        let length = vector::inverse_norm(&sum);
        vector::scale(&mut sum, length);
        Ok((length != 0.0).then_some(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::read::testing::corpus_of;
    use crate::math::word_query::WordQuery;
    use crate::model::DevicePreference;
    use crate::stage::{Params, embed};

    const DOCUMENTS: &str =
        "text\nThe soup is warm.\nA goalkeeper saved the penalty.\n\nShares fell on Monday.\n";

    #[test]
    fn documents_are_found_by_word_and_by_meaning() {
        let corpus = corpus_of("a.csv", DOCUMENTS);
        let ctx = Ctx::quiet();
        let index = words(&corpus, &ctx).unwrap();
        let hits = index.search(&WordQuery::parse("shares mon").unwrap(), None, 5);
        let text = corpus.text(hits.ranked[0].0 as usize);
        assert_eq!((hits.total, &*text), (1, "Shares fell on Monday."));

        let embedder = embed::embedder(&Params::default(), None, DevicePreference::Cpu, &ctx).unwrap();
        let params = EmbedParams::default();
        let query = |text: &str| embed_query(text, &embedder, &params, &ctx).unwrap();
        let vectors: Vec<f32> = (0..corpus.len())
            .flat_map(|i| query(&corpus.text(i)).unwrap_or_else(|| vec![0.0; embedder.dim()]))
            .collect();
        let matrix = Matrix::from_vec(corpus.key, "test", true, embedder.dim(), vectors);
        let search = meaning(Arc::new(matrix), None, &ctx).unwrap();
        let nearest = |text: &str| search.nearest(&query(text).unwrap(), 1, None, &ctx).unwrap().hits[0].0;
        assert!(corpus.text(nearest("football match") as usize).contains("goalkeeper"));
        assert!(corpus.text(nearest("the stock market") as usize).contains("Shares"));
        assert_eq!(query(" "), None);
    }
}
