//! The card under the pointer: the text, its cluster, some of its columns.

use egui::{Color32, Label, RichText, TextStyle, Ui};

use crate::data::ColumnKind;
use crate::session::{ColourBy, Session};
use crate::view::colour::unpack;

use super::facts;
use super::format;
use super::goal_facts;
use super::icons;
use super::marking;
use super::panels::columns::cell_text;
use super::theme::{SPACE_4, Theme};
use super::topic_facts;
use super::widgets::{self, SWATCH};
use super::worth;

/// How wide the card is.
pub const WIDTH: f32 = 320.0;
/// Characters of the text, and of a column's value.
const TEXT: usize = 280;
const VALUE: usize = 60;
/// Columns shown.
const COLUMNS: usize = 4;

/// Draws the card of a document; `colour` is its packed colour, `stack` how many lie at its place.
pub fn show(ui: &mut Ui, session: &Session, document: u32, colour: Option<u32>, stack: u32) {
    let theme = Theme::of(ui);
    let Some(corpus) = session.corpus() else { return };
    if document as usize >= corpus.len() {
        return;
    }
    ui.set_max_width(WIDTH);
    let text = format::one_line(&corpus.text(document as usize), TEXT);
    let text = if text.is_empty() { "This text is empty.".to_owned() } else { text };
    let font = TextStyle::Body.resolve(ui.style());
    ui.add(Label::new(marking::hits(ui, session, &text, font, theme.text)).wrap());
    if let Some(label) = facts::cluster_of(session, document) {
        ui.add_space(SPACE_4);
        ui.horizontal(|ui| {
            let by_cluster = session.colouring().is_some_and(|colouring| colouring.by == ColourBy::Cluster);
            if let Some([r, g, b]) = colour.filter(|_| by_cluster).map(unpack) {
                let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(SWATCH), egui::Sense::hover());
                widgets::swatch(ui, rect.center(), Color32::from_rgb(r, g, b));
            }
            let title = RichText::new(facts::cluster_title(session, label)).text_style(TextStyle::Small);
            ui.add(Label::new(title).truncate());
        });
    }
    let goal = match session.colouring().map(|colouring| colouring.by) {
        Some(ColourBy::Goal(goal) | ColourBy::Explanation(goal, _)) => Some(goal),
        _ => None,
    };
    for (title, score) in goal.into_iter().flat_map(|goal| goal_facts::satisfied(session, goal, document)) {
        widgets::caption(ui, format!("{} {title} · {}", icons::CHECK, format::percent(f64::from(score))));
    }
    if session.colouring().is_some_and(|colouring| colouring.by == ColourBy::KeywordTopic)
        && let Some((title, score)) = topic_facts::of_document(session, document)
    {
        widgets::caption(ui, format!("{title} · {score:.2}"));
    }
    let shown = corpus
        .columns
        .iter()
        .enumerate()
        .filter(|(i, column)| column.typed.kind() != ColumnKind::Text && !corpus.text_columns.contains(i))
        .map(|(_, column)| (column, cell_text(column, document as usize)))
        .filter(|(_, cell)| !cell.trim().is_empty())
        .take(COLUMNS);
    for (column, cell) in shown {
        widgets::caption(ui, format!("{}: {}", column.name, format::one_line(&cell, VALUE)));
    }
    if let Some(said) = worth::of_document(session, document) {
        widgets::caption(ui, said);
    }
    if let Some(kept) = facts::kept_near(session, document) {
        widgets::caption(ui, kept);
    }
    if stack > 1 {
        widgets::caption(ui, format!("×{} at the same place; click to list them", format::count(stack)));
    }
}
