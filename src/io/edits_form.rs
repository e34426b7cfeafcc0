//! Edits as JSON. Long lists of documents are kept beside it, by whoever writes it: a project file in one array, a
//! work folder in a file each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::filter_form::{FilterForm, filter_of, form_of_filter};
use super::tensors::Damage;
use crate::data::{
    Asked, Edits, EditsChange, Filter, Key, KeywordTopics, Members, Part, Query, Regrouping, Standing,
};

/// Writes a list of documents somewhere and says where, as JSON.
pub(super) type PutMembers<'p, E> = dyn FnMut(&Members) -> Result<Value, E> + 'p;

/// Finds the list of documents that [`PutMembers`] left; `None` where it is not to be had.
pub(super) type GetMembers<'g> = dyn FnMut(&Value) -> Option<Members> + 'g;

#[derive(Serialize, Deserialize)]
struct PartForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    dissolved: bool,
    members: Value,
}

#[derive(Serialize, Deserialize)]
struct RegroupingForm {
    made_on: Key,
    parts: Vec<PartForm>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    only_named: bool,
    #[serde(default)]
    standing: Standing,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct EditsForm {
    regroupings: Vec<RegroupingForm>,
    tags: BTreeMap<String, Value>,
    pins: Vec<(u32, [f32; 2])>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    goals: Vec<Asked>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<FilterForm>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    kept_filters: BTreeMap<String, FilterForm>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queries: Vec<Query>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keyword_topics: Option<KeywordTopics>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct ChangeForm {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gone: Vec<Key>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    new: Vec<(usize, RegroupingForm)>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, Option<Value>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pins: Vec<(u32, Option<[f32; 2]>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goals: Option<Vec<Asked>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<FilterForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_filters: Option<BTreeMap<String, FilterForm>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queries: Option<Vec<Query>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keyword_topics: Option<KeywordTopics>,
}

fn forms_of<E>(
    filters: &BTreeMap<String, Filter>,
    put: &mut PutMembers<'_, E>,
) -> Result<BTreeMap<String, FilterForm>, E> {
    filters.iter().map(|(name, filter)| Ok((name.clone(), form_of_filter(filter, put)?))).collect()
}

fn filters_of(
    forms: BTreeMap<String, FilterForm>,
    get: &mut GetMembers<'_>,
) -> Result<BTreeMap<String, Filter>, Damage> {
    let filters = forms.into_iter().map(|(name, form)| Ok((name, filter_of(form, get).ok_or_else(lost)?)));
    filters.collect()
}

fn form_of<E>(regrouping: &Regrouping, put: &mut PutMembers<'_, E>) -> Result<RegroupingForm, E> {
    let parts = regrouping.parts.iter().map(|part| {
        Ok(PartForm { title: part.title.clone(), dissolved: part.dissolved, members: put(&part.members)? })
    });
    Ok(RegroupingForm {
        made_on: regrouping.made_on,
        parts: parts.collect::<Result<_, E>>()?,
        only_named: regrouping.only_named,
        standing: regrouping.standing,
    })
}

fn regrouping_of(form: RegroupingForm, get: &mut GetMembers<'_>) -> Result<Arc<Regrouping>, Damage> {
    let parts = form.parts.into_iter().map(|part| {
        let members = get(&part.members).ok_or_else(lost)?;
        Ok(Part { title: part.title, members, dissolved: part.dissolved })
    });
    let parts = parts.collect::<Result<_, Damage>>()?;
    Ok(Arc::new(Regrouping::new(form.made_on, parts, form.only_named, form.standing)))
}

fn lost() -> Damage {
    Damage::new("the documents of an edit are not to be found")
}

fn unreadable(error: serde_json::Error) -> Damage {
    Damage::new(format!("an edit cannot be read ({error})"))
}

/// All edits.
pub(super) fn edits_to_json<E>(edits: &Edits, put: &mut PutMembers<'_, E>) -> Result<Value, E> {
    let mut form = EditsForm::default();
    for regrouping in &edits.regroupings {
        form.regroupings.push(form_of(regrouping, put)?);
    }
    for (tag, members) in &edits.tags {
        form.tags.insert(tag.clone(), put(members)?);
    }
    form.pins = edits.pins.iter().map(|(id, place)| (*id, *place)).collect();
    form.goals = edits.goals.iter().map(|asked| (**asked).clone()).collect();
    if edits.filter != Filter::default() {
        form.filter = Some(form_of_filter(&edits.filter, put)?);
    }
    form.kept_filters = forms_of(&edits.kept_filters, put)?;
    form.queries.clone_from(&edits.queries);
    let topics = &edits.keyword_topics;
    form.keyword_topics = (*topics != KeywordTopics::default()).then(|| topics.clone());
    // Strings, numbers and keys always serialise.
    Ok(serde_json::to_value(form).unwrap_or_default())
}

/// What [`edits_to_json`] wrote; null stands for none.
pub(super) fn edits_from_json(value: &Value, get: &mut GetMembers<'_>) -> Result<Edits, Damage> {
    if value.is_null() {
        return Ok(Edits::default());
    }
    let form = EditsForm::deserialize(value).map_err(unreadable)?;
    let mut edits = Edits::default();
    for regrouping in form.regroupings {
        edits.regroupings.push(regrouping_of(regrouping, get)?);
    }
    for (tag, members) in form.tags {
        edits.tags.insert(tag, get(&members).ok_or_else(lost)?);
    }
    edits.pins = form.pins.into_iter().filter(|(_, place)| is_place(place)).collect();
    edits.goals = goals_of(form.goals);
    if let Some(filter) = form.filter {
        edits.filter = filter_of(filter, get).ok_or_else(lost)?;
    }
    edits.kept_filters = filters_of(form.kept_filters, get)?;
    edits.queries = form.queries;
    edits.keyword_topics = form.keyword_topics.unwrap_or_default().within_bounds();
    Ok(edits)
}

/// A change of the edits.
pub(super) fn change_to_json<E>(change: &EditsChange, put: &mut PutMembers<'_, E>) -> Result<Value, E> {
    let mut form = ChangeForm { gone: change.gone.clone(), ..ChangeForm::default() };
    for (at, regrouping) in &change.new {
        form.new.push((*at, form_of(regrouping, put)?));
    }
    for (tag, members) in &change.tags {
        let members = members.as_ref().map(&mut *put).transpose()?;
        form.tags.insert(tag.clone(), members);
    }
    form.pins = change.pins.iter().map(|(id, place)| (*id, *place)).collect();
    form.goals = change.goals.as_ref().map(|goals| goals.iter().map(|asked| (**asked).clone()).collect());
    form.filter = change.filter.as_ref().map(|filter| form_of_filter(filter, put)).transpose()?;
    form.kept_filters = change.kept_filters.as_ref().map(|kept| forms_of(kept, put)).transpose()?;
    form.queries.clone_from(&change.queries);
    form.keyword_topics.clone_from(&change.keyword_topics);
    // Strings, numbers and keys always serialise.
    Ok(serde_json::to_value(form).unwrap_or_default())
}

/// What [`change_to_json`] wrote.
pub(super) fn change_from_json(value: &Value, get: &mut GetMembers<'_>) -> Result<EditsChange, Damage> {
    let form = ChangeForm::deserialize(value).map_err(unreadable)?;
    let mut change = EditsChange { gone: form.gone, ..EditsChange::default() };
    for (at, regrouping) in form.new {
        change.new.push((at, regrouping_of(regrouping, get)?));
    }
    for (tag, members) in form.tags {
        let members = members.map(|members| get(&members).ok_or_else(lost)).transpose()?;
        change.tags.insert(tag, members);
    }
    change.pins = form.pins.into_iter().filter(|(_, place)| place.as_ref().is_none_or(is_place)).collect();
    change.goals = form.goals.map(goals_of);
    change.filter = form.filter.map(|form| filter_of(form, get).ok_or_else(lost)).transpose()?;
    change.kept_filters = form.kept_filters.map(|forms| filters_of(forms, get)).transpose()?;
    change.queries = form.queries;
    change.keyword_topics = form.keyword_topics.map(KeywordTopics::within_bounds);
    Ok(change)
}

/// Goals with ids of their own: a file may hold anything.
fn goals_of(goals: Vec<Asked>) -> Vec<Arc<Asked>> {
    let mut seen = BTreeSet::new();
    goals.into_iter().filter(|asked| seen.insert(asked.id)).map(Arc::new).collect()
}

/// A number too large for a coordinate is read as infinite.
fn is_place(place: &[f32; 2]) -> bool {
    place.iter().all(|v| v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Clause, Condition, KeywordTopic, SearchBy};

    #[test]
    fn edits_and_changes_come_back_as_they_went_in() {
        let base = Key::of("base", 1).finish();
        let range = |low, high| Condition::Range { column: "year".into(), low, high };
        let documents = Condition::Documents { name: "fees".into(), documents: Members::new(vec![5, 7]) };
        let values = ["a".to_owned(), String::new()].into();
        let filter = [
            Clause::of(range(f64::NEG_INFINITY, 1e300)),
            Clause::not(documents),
            Clause::of(Condition::Values { column: "kind".into(), values }),
            Clause::of(Condition::Words("card \"lost it\"".into())),
            Clause::not(Condition::Tag("read".into())),
        ];
        let filter = filter.into_iter().fold(Filter::default(), |filter, clause| filter.with(clause));
        let filter = Filter { hides: true, ..filter };
        let edits = Edits::default()
            .rename(None, base, Members::new(vec![4, 2]), Some("Cards".into()))
            .tag("read", &Members::new(vec![1]))
            .pin(3, [0.1, -7.25])
            .ask(Asked { id: 4, params: Arc::default(), deeds: Vec::new() })
            .filtered(filter.clone())
            .keep_filter("recent", Some(filter))
            .toggle_query(&Query { text: "fees".into(), by: SearchBy::Meaning })
            .with_topics(KeywordTopics {
                topics: vec![KeywordTopic {
                    name: "Fees".into(),
                    keywords: vec!["costs".into(), "ä,b".into()],
                }],
                threshold: 0.17,
                column: Some("kind".into()),
            });
        let mut sets = Vec::new();
        let mut put = |members: &Members| {
            sets.push(members.clone());
            Ok::<_, serde_json::Error>(Value::from(sets.len() - 1))
        };
        let all = edits_to_json(&edits, &mut put).unwrap();
        let change = change_to_json(&Edits::default().change_to(&edits), &mut put).unwrap();
        let mut get = |value: &Value| sets.get(value.as_u64()? as usize).cloned();
        assert_eq!(edits_from_json(&all, &mut get).unwrap(), edits);
        let change = change_from_json(&change, &mut get).unwrap();
        assert_eq!(Edits::default().apply(&change), edits);
        assert_eq!(edits_from_json(&Value::Null, &mut get).unwrap(), Edits::default());
        assert!(edits_from_json(&all, &mut |_| None).is_err());
    }
}
