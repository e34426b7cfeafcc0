//! Texts that show an explanation, with the passage that decided highlighted.

use std::ops::Range;

use egui::text::{LayoutJob, TextFormat};
use egui::{Label, Sense, Ui};

use crate::data::{Corpus, GoalDeed};
use crate::session::Command;
use crate::ui::icons;
use crate::ui::theme::{SPACE_4, Theme};
use crate::ui::widgets;
use crate::ui::wishes::Wishes;

/// Bytes of a text that are shown; longer ones are cut around what decided.
const SHOWN: usize = 240;
/// Bytes shown before the passage of a longer text.
const BEFORE: usize = 40;

/// A text with a passage highlighted, whole or cut to what surrounds the passage.
pub fn paint_passage(ui: &Ui, text: &str, passage: Option<&Range<usize>>, whole: bool) -> LayoutJob {
    let theme = Theme::of(ui);
    // Where all of it decided, there is nothing to point out.
    let part = |range: &&Range<usize>| {
        text.get((*range).clone()).is_some_and(|passage| passage.len() < text.trim().len())
    };
    let passage = passage.filter(part).cloned();
    let shown = match (&passage, whole || text.len() <= SHOWN) {
        (_, true) => 0..text.len(),
        (Some(passage), false) => around(text, passage.start),
        (None, false) => around(text, 0),
    };
    let font = egui::TextStyle::Body.resolve(ui.style());
    let plain = TextFormat { font_id: font.clone(), color: theme.text, ..TextFormat::default() };
    let marked = TextFormat { background: theme.panel.lerp_to_gamma(theme.accent, 0.2), ..plain.clone() };
    let mut job = LayoutJob::default();
    if shown.start > 0 {
        job.append("… ", 0.0, plain.clone());
    }
    let marks = passage.unwrap_or(0..0);
    let (from, to) = (marks.start.clamp(shown.start, shown.end), marks.end.clamp(shown.start, shown.end));
    for (range, format) in [(shown.start..from, &plain), (from..to, &marked), (to..shown.end, &plain)] {
        // Line breaks in a list of texts would make holes in it.
        let piece = text[range].to_owned();
        let piece = if whole { piece } else { piece.replace(['\n', '\r', '\t'], " ") };
        job.append(&piece, 0.0, format.clone());
    }
    if shown.end < text.len() {
        job.append(" …", 0.0, plain);
    }
    job
}

/// The part of a text that is shown around the byte `at`.
fn around(text: &str, at: usize) -> Range<usize> {
    let start = if at > BEFORE { text.ceil_char_boundary(at - BEFORE) } else { 0 };
    // A word that is cut in two reads badly.
    let start = match text[start..at.max(start)].find(' ') {
        Some(space) if start > 0 => start + space + 1,
        _ => start,
    };
    start..text.floor_char_boundary((start + SHOWN).min(text.len()))
}

/// A list of documents that show explanation `id` of `goal`, or just miss it; each can be said to be the contrary.
pub fn list(
    ui: &mut Ui,
    corpus: &Corpus,
    documents: &[u32],
    passage: impl Fn(u32) -> Option<Range<usize>>,
    (goal, id, satisfies): (u32, u32, bool),
    wishes: &mut Wishes,
) {
    // A row that is wider than the panel would widen it, frame by frame.
    let button = widgets::ICON_BUTTON + ui.spacing().item_spacing.x;
    for &document in documents {
        let text = corpus.text(document as usize);
        ui.horizontal_top(|ui| {
            let room = ui.available_width() - button;
            ui.vertical(|ui| {
                ui.set_width(room);
                let job = paint_passage(ui, &text, passage(document).as_ref(), false);
                let label = ui.add(Label::new(job).wrap().sense(Sense::click()));
                if label.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
                    wishes.visit(document);
                }
            });
            let (glyph, name) = match satisfies {
                true => (icons::X, "It does not satisfy this"),
                false => (icons::CHECK, "It does satisfy this"),
            };
            if widgets::icon_button(ui, glyph, name, "").clicked() {
                let deed = GoalDeed::Judge { document, which: id, satisfies: !satisfies };
                wishes.push(Command::SteerGoal(goal, Box::new(deed)));
            }
        });
        ui.add_space(SPACE_4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_around_what_decided_between_words() {
        let text = format!("{} the bank charged me twice {}", "word ".repeat(60), "end ".repeat(60));
        let at = text.find("bank").unwrap();
        let shown = &text[around(&text, at)];
        assert!(shown.contains("bank charged me twice") && shown.starts_with("word "), "{shown}");
        assert!(shown.len() <= SHOWN);
        assert_eq!(around("kürz", 0), 0..5);
    }
}
