//! The panels around the map.

pub mod brush;
pub mod chart_page;
pub mod charts;
pub mod cluster_card;
pub mod columns;
pub mod copies;
pub mod document;
pub mod edits;
pub mod explanations;
pub mod filters;
pub mod goals;
pub mod inspector;
pub mod keyword_topics;
pub mod outliers;
pub mod overview;
pub mod parameters;
pub mod pipeline;
pub mod probe;
pub mod search;
pub mod selection;
pub mod special;
mod stability;
pub mod study;
pub mod table;

use egui::{Response, TextStyle, Ui};

use crate::data::Corpus;

use super::format;
use super::theme::{ROW, SPACE_8, Theme};
use super::widgets::{self, Side};

/// Characters of a text that a list shows at most; a row is narrower anyway.
const SHOWN: usize = 160;

/// A document as a row of a list: the start of its text, and a figure at the right.
pub fn listed(ui: &mut Ui, corpus: &Corpus, document: u32, figure: &str) -> Response {
    let text = corpus.text(document as usize);
    let start = format::one_line(&text, SHOWN);
    let shown = if start.is_empty() { "(empty)".to_owned() } else { start };
    let name = if figure.is_empty() { shown.clone() } else { format!("{shown}, {figure}") };
    widgets::row(ui, ROW, false, &name, |ui, rect| {
        let theme = Theme::of(ui);
        let mut inner = rect;
        if !figure.is_empty() {
            let taken = widgets::line(ui, inner, Side::Right, figure, TextStyle::Small, theme.muted);
            inner.max.x -= taken + SPACE_8;
        }
        widgets::line(ui, inner, Side::Left, shown, TextStyle::Body, theme.text);
    })
}
