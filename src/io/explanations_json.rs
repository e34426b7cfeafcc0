//! `explanations.json`: what a goal gave, for people and programs that did not see the window.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};

use super::{FileError, atomic};
use crate::data::{Corpus, Goals};

/// Its name, beside `clusters.csv`.
pub const NAME: &str = "explanations.json";

/// What decided about the documents that are shown: by the explanation's id and the document, where in its text the
/// passage lies.
pub type Passages = HashMap<(u32, u32), Range<usize>>;

/// Predicates with counts, figures and the texts that show them; how texts were compared, who proposed and assigned,
/// and how the selection ended.
pub fn report(corpus: &Corpus, goals: &Goals, passages: &Passages) -> Value {
    let shown = |id: u32, documents: &[u32]| -> Vec<Value> {
        let one = |&document: &u32| {
            let text = corpus.text(document as usize);
            let passage = passages.get(&(id, document)).and_then(|passage| text.get(passage.clone()));
            json!({"row": document, "text": text, "passage": passage})
        };
        documents.iter().map(one).collect()
    };
    let explanations: Vec<Value> = goals
        .explanations
        .iter()
        .zip(1..)
        .map(|(e, number)| {
            json!({
                "explanation": number, "predicate": e.predicate, "title": e.title, "documents": e.members.len(),
                "only": e.only, "held_out": e.held_out, "name_area": e.name_area, "proposed_by": e.proposed_by,
                "exemplars": shown(e.id, &e.exemplars), "near_misses": shown(e.id, &e.near_misses),
            })
        })
        .collect();
    let documents = goals.best.len();
    let covered = documents - goals.uncovered();
    let once: usize = goals.explanations.iter().map(|e| e.only).sum();
    json!({
        "semascope": env!("CARGO_PKG_VERSION"),
        "goal": goals.goal,
        "view": {"kind": goals.view, "why": goals.why, "subtracted": goals.nuisances},
        "documents": documents, "covered": covered, "covered_once": once,
        "explanations": explanations,
        "overlaps": goals.overlaps(),
        "selection": goals.selection,
        "proposed_by": goals.proposed_by, "assigned_by": goals.assigned_by,
    })
}

/// Writes a report.
pub fn write(path: &Path, report: &Value) -> Result<(), FileError> {
    let text = serde_json::to_vec_pretty(report).map_err(|error| FileError::write(path, error.into()))?;
    atomic::replace_with(path, &text)
}
