//! What a search found: the hits, best first, and what can be done with them.

use egui::{RichText, ScrollArea, TextStyle, Ui};

use crate::data::{Clause, Condition, Corpus, Members, Query, SearchBy};
use crate::session::{Command, Found, SearchState, Session, StepState, Study};
use crate::ui::theme::{self, ROW, SPACE_4, SPACE_8, SPACE_12, Theme};
use crate::ui::widgets::{self, Side};
use crate::ui::wishes::Wishes;
use crate::ui::{choosing, format, icons, marking, status_bar};

/// Characters of a hit that show, and bytes of those before the first mark.
const SHOWN: usize = 160;
const BEFORE: usize = 24;
/// Characters of a query that a sentence quotes.
const QUOTED: usize = 40;

/// Draws the panel of a search that is under way or done.
pub fn show(ui: &mut Ui, session: &Session, corpus: &Corpus, search: &SearchState<'_>, wishes: &mut Wishes) {
    ui.horizontal(|ui| {
        widgets::section(ui, "Search");
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if widgets::icon_button(ui, icons::X, "Close the search", "Esc").clicked() {
                wishes.push(Command::Search(None));
            }
        });
    });
    by(ui, search.query, wishes);
    ui.add_space(SPACE_8);
    match (&search.state, search.found) {
        (StepState::Failed(sentence), _) => failed(ui, sentence, search.query.by, wishes),
        (_, Some(found)) => {
            head(ui, session, found, wishes);
            list(ui, session, corpus, found, wishes);
        }
        (StepState::Running(progress), None) => {
            let stage = progress.as_ref().map_or("Preparing to search", |progress| progress.stage.as_str());
            widgets::muted(ui, stage);
            widgets::caption(ui, progress.as_ref().map_or_else(String::new, status_bar::figures));
        }
        (_, None) if session.matrix().is_none() && search.query.by == SearchBy::Meaning => {
            widgets::muted(ui, "Search by meaning begins as soon as the texts are embedded.");
        }
        (_, None) => drop(widgets::muted(ui, "Searching…")),
    }
}

/// By words or by meaning.
fn by(ui: &mut Ui, query: &Query, wishes: &mut Wishes) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_4;
        let ways = [
            (SearchBy::Words, icons::TEXT, "Words", "Documents that hold these words"),
            (SearchBy::Meaning, icons::BRAIN, "Meaning", "Documents that mean nearly the same"),
        ];
        for (by, glyph, name, hint) in ways {
            let text = format!("{glyph}  {name}");
            if ui.selectable_label(query.by == by, text).on_hover_text(hint).clicked() && query.by != by {
                wishes.push(Command::Search(Some(Query { by, ..query.clone() })));
            }
        }
    });
}

fn failed(ui: &mut Ui, sentence: &str, by: SearchBy, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    ui.add(egui::Label::new(RichText::new(sentence).color(theme.error)).wrap());
    ui.add_space(SPACE_8);
    if ui.button("Try again").clicked() {
        wishes.push(Command::TryStudy(match by {
            SearchBy::Words => Study::Words,
            SearchBy::Meaning => Study::Meaning,
        }));
    }
}

/// How many hits there are, and what can be done with them.
fn head(ui: &mut Ui, session: &Session, found: &Found, wishes: &mut Wishes) {
    let quoted = format::one_line(found.query.text.trim(), QUOTED);
    let within = if session.kept().is_some() { " of the filter" } else { "" };
    if found.total == 0 {
        return none(ui, found, &quoted, within, wishes);
    }
    let n = match found.rolled_up {
        Some(_) => format::plural(found.total, "passage", "passages"),
        None => format::plural(found.total, "document", "documents"),
    };
    let text = match found.query.by {
        SearchBy::Words if found.total == 1 => format!("{n}{within} holds “{quoted}”"),
        SearchBy::Words => format!("{n}{within} hold “{quoted}”"),
        SearchBy::Meaning => format!("The {n}{within} nearest to “{quoted}”"),
    };
    ui.add(egui::Label::new(RichText::new(text).text_style(theme::strong())).wrap());
    if let Some(documents) = found.rolled_up {
        let of = format::plural(documents, "document", "documents");
        widgets::caption(ui, format!("Passages of {of}; the best one of each is listed."));
    }
    if !found.how.is_empty() {
        let how = format!("{}.", capital(&found.how));
        ui.add(egui::Label::new(RichText::new(how).small().color(Theme::of(ui).muted)).wrap());
    }
    ui.add_space(SPACE_4);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_8;
        let select = ui.button(format!("{}  Select", icons::SELECTION)).on_hover_text(choosing::KEYS);
        if select.clicked() {
            choosing::select(ui, found.documents.documents().collect(), wishes);
        }
        if let Some(filter) = session.filter()
            && ui
                .button(format!("{}  Filter", icons::FUNNEL))
                .on_hover_text("Show only what is found")
                .clicked()
        {
            wishes.push(Command::SetFilter(Box::new(filter.with(Clause::of(condition(found))))));
        }
        let kept = session.edits().is_some_and(|edits| edits.queries.contains(&found.query));
        let (verb, hint) = match kept {
            true => ("Drop colour", "This search is a colour of the map"),
            false => ("Keep colour", "Tell by colour what this search and others find"),
        };
        if ui.button(format!("{}  {verb}", icons::PALETTE)).on_hover_text(hint).clicked() {
            wishes.push(Command::ToggleQuery(found.query.clone()));
        }
    });
    ui.add_space(SPACE_12);
}

/// What the filter is told.
fn condition(found: &Found) -> Condition {
    match found.query.by {
        SearchBy::Words => Condition::Words(found.query.text.clone()),
        SearchBy::Meaning => {
            let documents = Members::new(found.documents.documents().collect());
            let quoted = format::one_line(found.query.text.trim(), QUOTED);
            Condition::Documents { name: format!("{} near “{quoted}”", documents.len()), documents }
        }
    }
}

/// Nothing was found: nothing else changes.
fn none(ui: &mut Ui, found: &Found, quoted: &str, within: &str, wishes: &mut Wishes) {
    let text = match (found.query.by, found.nothing_to_compare) {
        (SearchBy::Words, _) => format!("No document{within} holds “{quoted}”."),
        (SearchBy::Meaning, true) => {
            format!("There is nothing to compare in “{quoted}”: no word of it is known.")
        }
        (SearchBy::Meaning, false) if found.how.is_empty() => {
            format!("No document{within} is near “{quoted}”.")
        }
        (SearchBy::Meaning, false) => found.how.clone(),
    };
    widgets::muted(ui, text);
    for (word, others) in found.unknown.iter().filter(|(_, others)| !others.is_empty()) {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = SPACE_8;
            widgets::caption(ui, format!("Instead of “{word}”:"));
            for other in others {
                if widgets::small_link(ui, other).clicked() {
                    let text = replaced(&found.query.text, word, other);
                    wishes.push(Command::Search(Some(Query { text, by: SearchBy::Words })));
                }
            }
        });
    }
}

/// A query with one word in place of another, as far as it is found in it.
fn replaced(text: &str, word: &str, other: &str) -> String {
    match text.to_lowercase().find(&word.to_lowercase()) {
        Some(at) if text.is_char_boundary(at) && text.get(at..at + word.len()).is_some() => {
            [&text[..at], other, &text[at + word.len()..]].concat()
        }
        _ => other.to_owned(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn list(ui: &mut Ui, session: &Session, corpus: &Corpus, found: &Found, wishes: &mut Wishes) {
    let n = found.ranked.len();
    if n < found.rolled_up.unwrap_or(found.total) {
        widgets::caption(ui, format!("The best {} are listed.", format::len(n)));
    }
    ScrollArea::vertical().id_salt("hits").auto_shrink(false).show_rows(ui, ROW, n, |ui, rows| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for at in rows {
            let Some(&(document, score)) = found.ranked.get(at) else { continue };
            hit(ui, session, corpus, found, (at, document, score), wishes);
        }
    });
}

fn hit(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    found: &Found,
    (at, document, score): (usize, u32, f32),
    wishes: &mut Wishes,
) {
    let text = corpus.text(document as usize);
    let first =
        found.words.as_ref().and_then(|words| words.highlights(&text).first().map(|range| range.start));
    let start = first.map_or(0, |first| marking::start_of_line(&text, first, BEFORE));
    let line = format::one_line(&text[start..], SHOWN);
    let line = if start > 0 { format!("… {line}") } else { line };
    let figure = match found.query.by {
        SearchBy::Words => String::new(),
        SearchBy::Meaning => format!("{score:.2}"),
    };
    let name = format!("Hit {}: {line}", at + 1);
    let selected = session.focus() == Some(document);
    let row = widgets::row(ui, ROW, selected, &name, |ui, rect| {
        let theme = Theme::of(ui);
        let mut inner = rect;
        if !figure.is_empty() {
            let taken = widgets::line(ui, inner, Side::Right, figure, TextStyle::Small, theme.muted);
            inner.max.x -= taken + SPACE_8;
        }
        let font = TextStyle::Body.resolve(ui.style());
        let shown = if line.is_empty() { "(empty)" } else { line.as_str() };
        let job = marking::hits(ui, session, shown, font, theme.text);
        widgets::line(ui, inner, Side::Left, job, TextStyle::Body, theme.text);
    });
    if row.clicked() {
        wishes.visit(document);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggested_word_takes_the_place_of_the_one_that_stands_nowhere() {
        assert_eq!(replaced("Lost my crad abroad", "crad", "card"), "Lost my card abroad");
        assert_eq!(replaced("CRAD", "crad", "card"), "card");
        assert_eq!(replaced("Straße", "strasse", "street"), "street");
    }
}
