//! Tags as chips, and a field to put one on.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{Id, Key, Popup, PopupCloseBehavior, TextEdit, Ui, vec2};

use crate::data::Edits;
use crate::session::{Command, Session};

use super::choosing;
use super::format;
use super::theme::{ROW, SPACE_4, Theme};
use super::widgets;
use super::wishes::Wishes;

/// Tags that exist, offered at a time.
const OFFERED: usize = 8;
/// How wide the field and its offers are, in points.
const WIDTH: f32 = 220.0;

/// A field for a tag and the tags that exist; returns the tag that was chosen, by Enter or by a click. `without`
/// are not offered. Put the cursor into the field by `fresh`.
pub fn field(
    ui: &mut Ui,
    id: Id,
    edits: Option<&Arc<Edits>>,
    without: &BTreeSet<String>,
    text: &mut String,
    fresh: bool,
) -> Option<String> {
    let theme = Theme::of(ui);
    let field = ui.add(TextEdit::singleline(text).id(id).hint_text("Tag").desired_width(f32::INFINITY));
    if fresh {
        field.request_focus();
    }
    let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    let mut chosen = Some(text.trim().to_owned()).filter(|tag| entered && !tag.is_empty());
    let needle = text.trim().to_lowercase();
    let offered = edits.into_iter().flat_map(|edits| &edits.tags);
    let offered = offered.filter(|(tag, _)| !without.contains(*tag) && tag.to_lowercase().contains(&needle));
    for (tag, members) in offered.take(OFFERED) {
        let row = widgets::entry(ui, false, None, tag, &format::len(members.len()), theme.text);
        if row.clicked() {
            chosen = Some(tag.clone());
        }
    }
    chosen
}

/// The tags of a document, each with a cross, and a button that puts on another.
pub fn of_document(ui: &mut Ui, session: &Session, document: u32, text: &mut String, wishes: &mut Wishes) {
    let tags: BTreeSet<String> =
        session.edits().map(|edits| edits.tags_of(document).map(str::to_owned).collect()).unwrap_or_default();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(SPACE_4, SPACE_4);
        for tag in &tags {
            let (chip, off) = widgets::tag_chip(ui, tag);
            if off {
                wishes.push(Command::Untag(tag.clone(), vec![document]));
            } else if chip.on_hover_text("Select all documents with this tag").clicked() {
                select_tagged(ui, session, tag, wishes);
            }
        }
        let add = ui.add(egui::Button::new(egui::RichText::new("+ tag").small()).corner_radius(10));
        if add.clicked() {
            text.clear();
        }
        let fresh = add.clicked();
        Popup::menu(&add).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
            ui.set_width(WIDTH);
            ui.set_min_height(ROW);
            let id = Id::unique(("tag of a document", document));
            if let Some(tag) = field(ui, id, session.edits(), &tags, text, fresh) {
                wishes.push(Command::Tag(tag, vec![document]));
                ui.close();
            }
        });
    });
}

/// Selects the documents with a tag.
pub fn select_tagged(ui: &Ui, session: &Session, tag: &str, wishes: &mut Wishes) {
    if let Some(members) = session.edits().and_then(|edits| edits.tags.get(tag)) {
        choosing::select(ui, members.documents().to_vec(), wishes);
    }
}

/// Whether any document has a tag.
pub fn are_there(session: &Session) -> bool {
    session.edits().is_some_and(|edits| !edits.tags.is_empty())
}

/// The tags of a document in one line.
pub fn line(session: &Session, document: u32) -> String {
    let tags = session.edits().map(|edits| edits.tags_of(document).collect::<Vec<_>>());
    tags.unwrap_or_default().join(", ")
}
