//! What panels say of topics that are described by keywords: their colours, titles and menu.

use egui::{Color32, Ui};

use crate::session::{Classified, ColourBy, Session};
use crate::ui::theme::Theme;
use crate::view::colour::MapTheme;
use crate::view::palette::Palette;

use super::choosing;
use super::facts;
use super::format;
use super::widgets;
use super::wishes::Wishes;

/// Characters of a topic's title in a menu.
const TITLE: usize = 40;

/// The colour of a topic as the legend has it while the map is coloured by topics: the person's own, or the default.
pub fn colour(ui: &Ui, session: &Session, topic: u32) -> Color32 {
    let own = session
        .colouring()
        .filter(|colouring| colouring.by == ColourBy::KeywordTopic)
        .and_then(|colouring| colouring.own_colours.get(&topic).copied());
    let palette = Palette::of(MapTheme::of(Theme::of(ui).dark));
    let [r, g, b] = own.unwrap_or_else(|| palette.colour(topic));
    Color32::from_rgb(r, g, b)
}

/// What a topic is called.
pub fn title(classified: &Classified, topic: u32) -> &str {
    classified.names.clusters.get(topic as usize).map_or("", |name| name.title.as_str())
}

/// The topic of a document, with its score; `None` where it has none.
pub fn of_document(session: &Session, document: u32) -> Option<(String, f32)> {
    let classified = session.classes()?.classified?;
    let label = *classified.clusters.labels.get(document as usize)?;
    let name = classified.names.clusters.get(label as usize)?;
    Some((name.title.clone(), *classified.scores.get(document as usize)?))
}

/// The menu of the documents of a topic; [`crate::data::UNCLUSTERED`]: of those without one.
pub fn menu(ui: &mut Ui, session: &Session, topic: u32, wishes: &mut Wishes) {
    let Some(classified) = session.classes().and_then(|classes| classes.classified) else { return };
    let name = match topic {
        crate::data::UNCLUSTERED => "No topic".to_owned(),
        topic => format::one_line(title(classified, topic), TITLE),
    };
    ui.set_min_width(200.0);
    widgets::section(ui, &name);
    choosing::entries(ui, session, &name, || facts::documents_of(&classified.clusters, topic), wishes);
}
