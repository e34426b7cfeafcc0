//! The field of the top bar: what is searched for.

use egui::{Id, Key, Ui};

use crate::data::{Query, SearchBy};
use crate::session::{Command, Session};

use super::widgets;
use super::wishes::Wishes;

/// How wide the field is.
const WIDTH: f32 = 230.0;

/// What the field remembers between frames.
#[derive(Default)]
pub struct SearchBox {
    text: String,
    pub by: SearchBy,
    /// What was asked for last, to notice when something else changes it.
    asked: Option<Query>,
    /// The cursor goes into the field in the next frame.
    pub wants_focus: bool,
}

/// Draws the field.
pub fn show(ui: &mut Ui, session: &Session, state: &mut SearchBox, keys: &str, wishes: &mut Wishes) {
    let now = session.search().map(|search| search.query.clone());
    if now != state.asked {
        if let Some(query) = &now {
            (state.text, state.by) = (query.text.clone(), query.by);
        } else {
            state.text.clear();
        }
        state.asked = now;
    }
    let id = Id::unique("search");
    let size = egui::vec2(WIDTH, ui.available_height());
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let field = ui.allocate_ui_with_layout(size, layout, |ui| {
        ui.name_inputs("Search", |ui| {
            widgets::search_field(ui, id, &mut state.text, "Search words or meaning")
        })
    });
    let field = field.inner.on_hover_text(format!(
        "Search  ·  {keys}\n“a phrase”, begin*, -without, this OR that; or by meaning, in a sentence"
    ));
    if std::mem::take(&mut state.wants_focus) {
        field.request_focus();
    }
    if field.changed() {
        ask(state, wishes);
    }
    // Enter goes to what was found.
    if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        let best = session.search().and_then(|search| search.found).and_then(|found| found.ranked.first());
        if let Some(&(document, _)) = best {
            wishes.visit(document);
        }
    }
}

/// Asks for what stands in the field.
fn ask(state: &mut SearchBox, wishes: &mut Wishes) {
    let query = Query { text: state.text.clone(), by: state.by };
    let query = Some(query).filter(|query| !query.text.trim().is_empty());
    state.asked.clone_from(&query);
    wishes.push(Command::Search(query));
}
