//! The documents of one topic, best first.

use egui::{RichText, ScrollArea, Ui};

use crate::data::Corpus;
use crate::session::{Classified, Session};
use crate::ui::panels::listed;
use crate::ui::theme::{self, ROW, SPACE_4, SPACE_8};
use crate::ui::wishes::Wishes;
use crate::ui::{choosing, facts, format, icons, topic_facts, widgets};

/// Draws the list; returns whether the person goes back.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    (classified, topic): (&Classified, u32),
    wishes: &mut Wishes,
) -> bool {
    let back = super::back(ui);
    let title = topic_facts::title(classified, topic);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(egui::vec2(widgets::SWATCH, ROW), egui::Sense::hover());
        widgets::swatch(ui, rect.center(), topic_facts::colour(ui, session, topic));
        ui.add(egui::Label::new(RichText::new(title).text_style(theme::strong())).truncate());
    });
    if let Some(written) = classified.topics.topics.get(topic as usize) {
        widgets::caption(ui, written.words().collect::<Vec<_>>().join(", "));
    }
    let count = classified.counts.get(topic as usize).copied().unwrap_or_default();
    let (ranked, all) = classified.ranked(topic);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_8;
        let text = format!("{}  Select {}", icons::SELECTION, format::plural(count, "document", "documents"));
        ui.add_enabled_ui(count > 0, |ui| {
            if ui.button(text).on_hover_text(choosing::KEYS).clicked() {
                choosing::select(ui, facts::documents_of(&classified.clusters, topic), wishes);
            }
        });
        let more = widgets::icon_button(ui, icons::DOTS_THREE, &format!("More with {title}"), "");
        egui::Popup::menu(&more).show(|ui| topic_facts::menu(ui, session, topic, wishes));
    });
    ui.add_space(SPACE_4);
    let which = match ranked.len() < all {
        true => format!("The best {} of {} are listed", format::len(ranked.len()), format::len(all)),
        false => "All documents, best first".to_owned(),
    };
    widgets::caption(ui, format!("{which}: the score, and how far it is above that of any other topic."));
    let scroll = ScrollArea::vertical().id_salt(("documents of a topic", topic)).auto_shrink(false);
    scroll.show_rows(ui, ROW, ranked.len(), |ui, rows| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for &document in ranked.get(rows).unwrap_or_default() {
            let figure = classified.score(document, topic).map_or_else(String::new, |(score, lead)| {
                let sign = if lead < 0.0 { "−" } else { "+" };
                format!("{score:.2} {sign}{:.2}", lead.abs())
            });
            if listed(ui, corpus, document, &figure).clicked() {
                wishes.visit(document);
            }
        }
    });
    back
}
