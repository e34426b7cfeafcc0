//! What tests of several steps need.

use super::ReadOptions;
use crate::data::Corpus;
use crate::job::Ctx;

/// The corpus in a file called `name` with this content.
pub fn corpus_of(name: &str, content: &str) -> Corpus {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    super::read(&path, &ReadOptions::default(), &Ctx::quiet()).unwrap()
}
