//! Filters as JSON, with their lists of documents beside it: see [`super::edits_form`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::edits_form::{GetMembers, PutMembers};
use crate::data::{Clause, Condition, Filter};

#[derive(Serialize, Deserialize)]
pub(super) struct FilterForm {
    clauses: Vec<ClauseForm>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hides: bool,
}

#[derive(Serialize, Deserialize)]
struct ClauseForm {
    #[serde(flatten)]
    condition: ConditionForm,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    not: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ConditionForm {
    /// An end that is open is null.
    Range {
        column: String,
        low: Option<f64>,
        high: Option<f64>,
    },
    Values {
        column: String,
        values: BTreeSet<String>,
    },
    Documents {
        name: String,
        documents: Value,
    },
    Words(String),
    Tag(String),
}

/// A filter.
pub(super) fn form_of_filter<E>(filter: &Filter, put: &mut PutMembers<'_, E>) -> Result<FilterForm, E> {
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let clauses = filter.clauses.iter().map(|clause| {
        let condition = match &clause.condition {
            Condition::Range { column, low, high } => {
                ConditionForm::Range { column: column.clone(), low: finite(*low), high: finite(*high) }
            }
            Condition::Values { column, values } => {
                ConditionForm::Values { column: column.clone(), values: values.clone() }
            }
            Condition::Documents { name, documents } => {
                ConditionForm::Documents { name: name.clone(), documents: put(documents)? }
            }
            Condition::Words(words) => ConditionForm::Words(words.clone()),
            Condition::Tag(tag) => ConditionForm::Tag(tag.clone()),
        };
        Ok(ClauseForm { condition, not: clause.not })
    });
    Ok(FilterForm { clauses: clauses.collect::<Result<_, E>>()?, hides: filter.hides })
}

/// What [`form_of_filter`] wrote; `None` where a list of documents is lost.
pub(super) fn filter_of(form: FilterForm, get: &mut GetMembers<'_>) -> Option<Filter> {
    let clauses = form.clauses.into_iter().map(|clause| {
        let condition = match clause.condition {
            ConditionForm::Range { column, low, high } => Condition::Range {
                column,
                low: low.unwrap_or(f64::NEG_INFINITY),
                high: high.unwrap_or(f64::INFINITY),
            },
            ConditionForm::Values { column, values } => Condition::Values { column, values },
            ConditionForm::Documents { name, documents } => {
                Condition::Documents { name, documents: get(&documents)? }
            }
            ConditionForm::Words(words) => Condition::Words(words),
            ConditionForm::Tag(tag) => Condition::Tag(tag),
        };
        Some(Clause { condition, not: clause.not })
    });
    Some(Filter { clauses: clauses.collect::<Option<_>>()?, hides: form.hides })
}
