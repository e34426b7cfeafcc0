//! The filter in words: how much it keeps, its clauses, and the filters that were kept by name.

use egui::{Id, Key, Popup, PopupCloseBehavior, TextEdit, Ui, vec2};

use crate::data::{Clause, Condition, Corpus, Filter, Typed};
use crate::session::{Command, Session};
use crate::ui::format;
use crate::ui::icons;
use crate::ui::shortcuts::keys_for;
use crate::ui::theme::{ROW, SPACE_4, Theme};
use crate::ui::widgets;
use crate::ui::wishes::{Action, Wishes};

/// Characters of a clause that show.
const SHOWN: usize = 30;
/// Values of a clause that are named.
const NAMED: usize = 2;
/// How wide the field for a name is.
const WIDTH: f32 = 220.0;

/// What the section remembers between frames.
#[derive(Default)]
pub struct FiltersState {
    /// The name that is being typed.
    name: String,
}

/// Draws the section's head; nothing below the title where nothing is filtered or kept.
pub fn show(ui: &mut Ui, session: &Session, corpus: &Corpus, state: &mut FiltersState, wishes: &mut Wishes) {
    let Some(edits) = session.edits() else { return };
    let filter = &edits.filter;
    ui.horizontal(|ui| {
        widgets::section(ui, "Filters");
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            if !edits.kept_filters.is_empty() || !filter.is_empty() {
                kept_button(ui, session, state, wishes);
            }
            if !filter.is_empty() {
                let (glyph, verb) = match filter.hides {
                    true => (icons::EYE_SLASH, "Show what is filtered out in grey"),
                    false => (icons::EYE, "Hide what is filtered out"),
                };
                if widgets::icon_button(ui, glyph, verb, "").clicked() {
                    let turned = Filter { hides: !filter.hides, ..filter.clone() };
                    wishes.push(Command::SetFilter(Box::new(turned)));
                }
                if widgets::icon_button(ui, icons::FUNNEL_X, "Clear the filter", "").clicked() {
                    wishes.push(Command::SetFilter(Box::default()));
                }
            }
        });
    });
    // Its height never changes: what is dragged below must not move.
    ui.horizontal(|ui| {
        ui.set_min_height(ROW);
        counted(ui, session, corpus);
        let them = match session.kept() {
            Some(kept) => (kept.count() > 0).then_some("Select them"),
            None => filter.is_empty().then_some("Select all"),
        };
        if let Some(verb) = them {
            let keys = keys_for(ui.ctx(), |action| matches!(action, Action::SelectAll));
            if widgets::small_link(ui, verb).on_hover_text(keys).clicked() {
                wishes.push(Command::SelectAll);
            }
        }
    });
    ui.add_space(SPACE_4);
}

/// How much the filter keeps, in a line.
fn counted(ui: &mut Ui, session: &Session, corpus: &Corpus) {
    let all = format::plural(corpus.len(), "document", "documents");
    let filtered = session.filter().is_some_and(|filter| !filter.is_empty());
    match session.kept() {
        Some(kept) if kept.count() == 0 => {
            let theme = Theme::of(ui);
            ui.label(egui::RichText::new("No document fits all of this.").small().color(theme.warning));
        }
        Some(kept) => drop(widgets::caption(ui, format!("{} of {all}", format::len(kept.count())))),
        None if filtered => drop(widgets::caption(ui, "Filtering…")),
        None => drop(widgets::caption(ui, format!("All {all}"))),
    }
}

/// The clauses of the filter, over the map: each can be turned round or taken away.
pub fn bar(ui: &mut Ui, session: &Session, corpus: &Corpus, wishes: &mut Wishes) {
    let Some(filter) = session.filter().filter(|filter| !filter.is_empty()) else { return };
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(SPACE_4, SPACE_4);
        ui.label(widgets::icon(icons::FUNNEL).color(Theme::of(ui).accent));
        for (at, clause) in filter.clauses.iter().enumerate() {
            let text = format::one_line(&in_words(clause, corpus), SHOWN);
            let name = format!("Filter: {text}");
            let (chip, off) = widgets::removable_chip(ui, &text, &name, &format!("Take away {text}"));
            if off {
                wishes.push(Command::SetFilter(Box::new(filter.without(at))));
            } else if chip.on_hover_text("Click: turn it round").clicked() {
                wishes.push(Command::SetFilter(Box::new(filter.turned(at))));
            }
        }
        counted(ui, session, corpus);
        if widgets::small_link(ui, "Clear").clicked() {
            wishes.push(Command::SetFilter(Box::default()));
        }
    });
}

/// Kept filters, and a field to keep the present one.
fn kept_button(ui: &mut Ui, session: &Session, state: &mut FiltersState, wishes: &mut Wishes) {
    let Some(edits) = session.edits() else { return };
    let button = widgets::icon_button(ui, icons::BOOKMARK, "Kept filters", "");
    Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        ui.set_width(WIDTH);
        let theme = Theme::of(ui);
        for (name, filter) in &edits.kept_filters {
            let current = edits.filter == *filter;
            let row = widgets::entry(ui, current, None, name, "", theme.text);
            row.context_menu(|ui| {
                if widgets::menu_item(ui, icons::TRASH, "Forget it", "") {
                    wishes.push(Command::ForgetFilter(name.clone()));
                }
            });
            if row.on_hover_text("Click: filter by it · right-click: more").clicked() {
                wishes.push(Command::SetFilter(Box::new(filter.clone())));
                ui.close();
            }
        }
        if edits.filter.is_empty() {
            return;
        }
        if !edits.kept_filters.is_empty() {
            ui.separator();
        }
        let id = Id::unique("name of a filter");
        let field = TextEdit::singleline(&mut state.name).id(id).hint_text("Name this filter");
        let field = ui.add(field.desired_width(f32::INFINITY));
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let name = state.name.trim().to_owned();
        ui.set_min_height(ROW);
        let clicked = ui.add_enabled(!name.is_empty(), egui::Button::new("Keep it")).clicked();
        if (entered || clicked) && !name.is_empty() {
            wishes.push(Command::KeepFilter(name));
            state.name.clear();
            ui.close();
        }
    });
}

/// A clause as a person reads it.
pub fn in_words(clause: &Clause, corpus: &Corpus) -> String {
    let not = if clause.not { "not " } else { "" };
    match &clause.condition {
        Condition::Range { column, low, high } => {
            let dates = corpus.column(column).is_some_and(|column| matches!(column.typed, Typed::Date(_)));
            let end = |value: f64| match value {
                value if !value.is_finite() => "…".to_owned(),
                value if dates => format::date(value as i64),
                value => format::number(value),
            };
            format!("{column}: {not}{} – {}", end(*low), end(*high))
        }
        Condition::Values { column, values } => {
            let shown = |value: &String| if value.is_empty() { "(empty)".to_owned() } else { value.clone() };
            let mut named: Vec<String> = values.iter().take(NAMED).map(shown).collect();
            if values.len() > NAMED {
                named.push(format!("{} more", values.len() - NAMED));
            }
            format!("{column}: {not}{}", named.join(", "))
        }
        Condition::Documents { name, .. } => format!("{not}{name}"),
        Condition::Words(words) => format!("{not}“{words}”"),
        Condition::Tag(tag) => format!("{not}tagged {tag}"),
    }
}
