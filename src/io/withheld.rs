//! What must not go along when a project is saved without its texts: a name that is a whole document.
//!
//! Keywords and titles are words that many documents share. Where none do, as in a table of words or of very short
//! texts, a document itself serves as a keyword, and so may stand in a title.

use std::borrow::Cow;
use std::collections::HashSet;

use super::project::Project;
use crate::data::{ClusterName, Names};

/// What stands between the parts of a title.
const JOINT: char = '·';

/// The form in which terms and documents are compared.
fn plain(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A part of a title without the number that tells it from others.
fn stem(part: &str) -> &str {
    part.trim_end().trim_end_matches(|c: char| c.is_ascii_digit())
}

/// The terms of `name`, and the parts of its title with and without their number.
fn terms(name: &ClusterName) -> impl Iterator<Item = String> {
    let keywords = name.keywords.iter().map(|keyword| plain(&keyword.term));
    keywords.chain(parts(&name.title))
}

fn parts(title: &str) -> impl Iterator<Item = String> {
    let parts = title.split(JOINT).chain([title]);
    parts.flat_map(|part| [plain(part), plain(stem(part))])
}

/// The terms in the project's names that are whole documents, or whole cells of a text column.
pub(super) fn documents_in_names(project: &Project) -> HashSet<String> {
    let levels = project.topics.iter().map(|(_, names)| names);
    let levels = levels.chain(&project.names).chain(&project.edited_names);
    let terms: HashSet<String> = levels.flat_map(|names| &names.clusters).flat_map(terms).collect();
    // Lower case may be longer or shorter than the text: room for both.
    let longest = terms.iter().map(String::len).max().unwrap_or(0) * 3;
    let corpus = &project.corpus;
    let columns = corpus.text_columns.iter().filter_map(|&c| corpus.columns.get(c));
    let cells = columns.flat_map(|column| column.cells.iter()).map(Cow::Borrowed);
    let documents = (0..corpus.len()).map(|i| corpus.text(i)).chain(cells);
    let short = documents.filter(|text| text.trim().len() <= longest).map(|text| plain(&text));
    short.filter(|text| !text.is_empty() && terms.contains(text)).collect()
}

/// The names without these terms; a title that holds one gives way to the cluster's number.
pub(super) fn without<'n>(names: &'n Names, withheld: &HashSet<String>) -> Cow<'n, Names> {
    if withheld.is_empty() {
        return Cow::Borrowed(names);
    }
    let mut names = names.clone();
    for (label, name) in names.clusters.iter_mut().enumerate() {
        name.keywords.retain(|keyword| !withheld.contains(&plain(&keyword.term)));
        if parts(&name.title).any(|part| withheld.contains(&part)) {
            name.title = format!("Cluster {}", label + 1);
        }
    }
    Cow::Owned(names)
}
