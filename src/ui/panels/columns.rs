//! The columns of the corpus as small charts to filter by; a click on a name colours the map by it.

use std::borrow::Cow;

use egui::{TextStyle, Ui};

use crate::data::{Column, ColumnKind, Corpus, Filter, Typed};
use crate::session::{ColourBy, Command, Session};
use crate::ui::facts::Facts;
use crate::ui::icons;
use crate::ui::theme::{self, ROW, SPACE_4, SPACE_8, Theme};
use crate::ui::widgets::{self, Side};
use crate::ui::wishes::Wishes;

use super::brush::{self, BrushState, Charted};

/// Draws the columns; their charts are there as soon as a worker has counted.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    facts: &Facts,
    state: &mut BrushState,
    wishes: &mut Wishes,
) {
    let digests = facts.columns(session);
    let counts = facts.counts(session);
    let none = Filter::default();
    let filter = session.filter().unwrap_or(&none);
    let by = session.colouring().map(|colouring| colouring.by).unwrap_or_default();
    for (i, column) in corpus.columns.iter().enumerate() {
        let kind = column.typed.kind();
        if kind == ColumnKind::Text {
            continue;
        }
        let chosen = by == ColourBy::Column(i);
        let hint = if chosen { "Colours the map" } else { "Colour the map by it" };
        let name = format!("{}, {}", column.name, kind_name(kind));
        let response = widgets::row(ui, ROW, chosen, &name, |ui, rect| {
            let theme = Theme::of(ui);
            let mut inner = rect;
            let taken = widgets::line(ui, inner, Side::Right, kind_name(kind), TextStyle::Small, theme.muted);
            inner.max.x -= taken + SPACE_8;
            if chosen {
                let width =
                    widgets::line(ui, inner, Side::Left, icons::PALETTE, TextStyle::Body, theme.accent);
                inner.min.x += width + SPACE_4;
            }
            widgets::line(ui, inner, Side::Left, column.name.as_str(), TextStyle::Body, theme.text);
        });
        if response.on_hover_text(hint).clicked() {
            wishes.push(Command::SetColour(if chosen { ColourBy::Cluster } else { ColourBy::Column(i) }));
        }
        if let (Some(digest), Some((all, kept))) = (digests.and_then(|digests| digests.get(i)), counts)
            && let Some(all) = all.get(i)
        {
            let charted = Charted {
                name: &column.name,
                shape: &digest.shape,
                levels: levels(&column.typed),
                all,
                kept: kept.and_then(|kept| kept.get(i)),
            };
            ui.scope(|ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                brush::show(ui, &charted, filter, state, wishes);
            });
        }
        ui.add_space(theme::SPACE_8);
    }
}

/// The names of a column's codes.
pub fn levels(typed: &Typed) -> &[String] {
    match typed {
        Typed::Category { levels, .. } | Typed::List { levels, .. } => levels,
        Typed::Text | Typed::Number(_) | Typed::Date(_) => &[],
    }
}

/// A cell as a person reads it: the values of a list by themselves, anything else as it stands in the file.
pub fn cell_text(column: &Column, document: usize) -> Cow<'_, str> {
    match &column.typed {
        Typed::List { levels, offsets, codes } => {
            let codes = &codes[offsets[document] as usize..offsets[document + 1] as usize];
            let names = codes.iter().filter_map(|&code| levels.get(code as usize));
            Cow::Owned(names.map(String::as_str).collect::<Vec<_>>().join(", "))
        }
        _ => Cow::Borrowed(column.cells.get(document)),
    }
}

/// A kind in one word.
pub fn kind_name(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Text => "text",
        ColumnKind::Number => "number",
        ColumnKind::Category => "category",
        ColumnKind::List => "list",
        ColumnKind::Date => "date",
    }
}
