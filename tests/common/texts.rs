//! A corpus of texts alone.

use semascope::data::{Column, Corpus, Key, ReadReport, Typed};

pub fn corpus(texts: &[String]) -> Corpus {
    let text = Column { name: "text".into(), cells: texts.iter().collect(), typed: Typed::Text };
    let mut corpus = Corpus {
        key: Key::of("none", 0).finish(),
        name: "texts".into(),
        source: None,
        columns: vec![text],
        text_columns: vec![0],
        report: ReadReport::default(),
    };
    corpus.key = corpus.content_key();
    corpus
}
