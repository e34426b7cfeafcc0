//! Vectors of a small corpus by the model that comes with the app.

use semascope::data::{Corpus, Key, Matrix};
use semascope::embed::{EmbedParams, Embedder, Texts};
use semascope::job::Ctx;
use semascope::model::{DevicePreference, ModelSource};

pub fn embedder() -> Embedder {
    Embedder::load(&ModelSource::Builtin, DevicePreference::Cpu).unwrap()
}

pub fn embedded(corpus: &Corpus, embedder: &Embedder) -> Matrix {
    let dim = embedder.dim();
    let mut values = vec![0.0; corpus.len() * dim];
    let texts = Texts { count: corpus.len(), text: &|i| corpus.text(i), rows: None };
    embedder
        .embed(&texts, &EmbedParams::default(), &Ctx::quiet(), &mut |rows, made| {
            rows.iter()
                .zip(made.chunks_exact(dim))
                .for_each(|(row, v)| values[row * dim..][..dim].copy_from_slice(v));
            Ok(())
        })
        .unwrap();
    Matrix::from_vec(
        Key::of("test vectors", 1).input(corpus.key).finish(),
        embedder.name(),
        true,
        dim,
        values,
    )
}
