//! Cells that hold several values: JSON arrays, or values with a separator between.

use std::collections::{HashMap, HashSet};

/// Of values with a separator between, each is at most this long.
const MAX_ITEM_CHARS: usize = 60;

/// Cells hold at least so many values on average, or the column is no list.
const MIN_ITEMS: f64 = 1.2;

/// Codes between blanks (arXiv's "cs.CL cs.AI") are few in number: prose has more words.
const MAX_CODES: usize = 1_000;

/// How the values of a cell are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Json,
    Semicolons,
    Pipes,
    /// Only for codes.
    Blanks,
}

/// How these cells list values, if they clearly do.
pub(super) fn style_of<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> Option<Style> {
    let cells = cells.filter(|cell| !cell.trim().is_empty());
    if cells.clone().next().is_some() && cells.clone().all(|cell| items(cell, Style::Json).is_some()) {
        return Some(Style::Json);
    }
    [Style::Semicolons, Style::Pipes, Style::Blanks].into_iter().find(|&style| is_clear(cells.clone(), style))
}

/// Whether splitting the cells gives short values that come again and again in other combinations.
fn is_clear<'a>(cells: impl Iterator<Item = &'a str>, style: Style) -> bool {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut combinations: HashSet<&str> = HashSet::new();
    let (mut n, mut total, mut codes) = (0usize, 0usize, 0usize);
    for cell in cells {
        let Some(items) = items(cell, style) else { return false };
        n += 1;
        total += items.len();
        combinations.insert(cell.trim());
        for item in items {
            if item.chars().count() > MAX_ITEM_CHARS {
                return false;
            }
            codes += usize::from(looks_like_code(&item));
            *seen.entry(item).or_default() += 1;
        }
    }
    let several = n > 0 && total as f64 >= MIN_ITEMS * n as f64;
    match style {
        Style::Blanks => {
            let few = seen.len() <= MAX_CODES && seen.len() * 4 <= total;
            several && few && codes * 2 > total && combinations.len() > seen.len()
        }
        // Two texts that happen to hold a semicolon share no part of it.
        _ => several && seen.len() * 3 <= total * 2,
    }
}

/// "cs.CL", "I.2.7", "#tag", "covid-19" rather than a word.
fn looks_like_code(item: &str) -> bool {
    let inner = item.trim_end_matches(['.', ',', ':', '!', '?']);
    item.len() == inner.len() && inner.contains(|c: char| c.is_ascii_digit() || "._-:/#".contains(c))
}

/// The values in a cell; `None` if it is no list of this style.
pub(super) fn items(cell: &str, style: Style) -> Option<Vec<String>> {
    let split = |separator: &str| {
        let items = cell.split(separator).map(str::trim).filter(|item| !item.is_empty());
        Some(items.map(str::to_owned).collect())
    };
    match style {
        Style::Json => json_items(cell.trim()),
        Style::Semicolons => split(";"),
        Style::Pipes => split("|"),
        Style::Blanks => split(" "),
    }
}

fn json_items(cell: &str) -> Option<Vec<String>> {
    if !cell.starts_with('[') || !cell.ends_with(']') {
        return None;
    }
    let values: Vec<serde_json::Value> = serde_json::from_str(cell).ok()?;
    let mut items = Vec::with_capacity(values.len());
    for value in values {
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => items.push(text),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => return None,
            other => items.push(other.to_string()),
        }
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(cells: &[&'static str]) -> Option<Style> {
        style_of(cells.iter().copied())
    }

    #[test]
    fn json_arrays_of_plain_values_are_lists() {
        assert_eq!(style(&[r#"["a","b"]"#, "", "[1, null]"]), Some(Style::Json));
        assert_eq!(items("[1, null, \"x\"]", Style::Json), Some(vec!["1".into(), "x".into()]));
        assert_eq!(style(&[r#"[{"name":"a"}]"#]), None);
    }

    #[test]
    fn values_between_semicolons_are_a_list_if_they_come_again() {
        assert_eq!(style(&["red; blue", "blue; green", "red", "green; red"]), Some(Style::Semicolons));
        assert_eq!(style(&["I came; I saw", "He left; she stayed", "No"]), None);
    }

    #[test]
    fn codes_between_blanks_are_a_list_and_names_are_not() {
        let mut cells =
            vec!["cs.CL cs.AI", "cs.AI", "cs.CL", "cs.CV cs.AI", "cs.CV cs.CL", "cs.CV", "cs.CL cs.CV"];
        cells.extend(cells.clone());
        cells.push("cs.AI cs.CL");
        assert_eq!(style(&cells), Some(Style::Blanks));
        assert_eq!(style(&["New York", "Los Angeles", "New York", "New Orleans", "Los Altos"]), None);
    }
}
