//! Documents that are named somewhere (a cluster, a value, what a search found), and what can be done with them
//! everywhere alike: select them, by the keys held also add or remove them, show only them, hide them.

use egui::{Modifiers, Ui};

use crate::data::{Clause, Combine, Condition, Filter, Members};
use crate::session::{Command, Session};

use super::icons;
use super::widgets::menu_item as item;
use super::wishes::Wishes;

/// What the keys mean when documents are selected, for tooltips.
pub const KEYS: &str = "Shift: add them · Ctrl: remove them · both: keep what is in both";

/// How documents join the selection while these keys are held.
pub fn how(modifiers: Modifiers) -> Combine {
    match (modifiers.shift, modifiers.command) {
        (true, true) => Combine::Intersect,
        (true, false) => Combine::Add,
        (false, true) => Combine::Remove,
        (false, false) => Combine::Replace,
    }
}

/// Selects documents, as the keys say.
pub fn select(ui: &Ui, documents: Vec<u32>, wishes: &mut Wishes) {
    let how = how(ui.input(|input| input.modifiers));
    wishes.push(Command::Combine(how, documents));
}

/// The filter with a clause about documents more: only these, or all but these.
pub fn with_documents(filter: &Filter, name: &str, documents: Vec<u32>, not: bool) -> Filter {
    let condition = Condition::Documents { name: name.to_owned(), documents: Members::new(documents) };
    filter.with(Clause { condition, not })
}

/// The entries of a menu about documents called `name`.
pub fn entries(
    ui: &mut Ui,
    session: &Session,
    name: &str,
    documents: impl Fn() -> Vec<u32>,
    wishes: &mut Wishes,
) {
    let select_them = ui.scope(|ui| item(ui, icons::SELECTION, "Select its documents", ""));
    select_them.response.on_hover_text(KEYS);
    if select_them.inner {
        select(ui, documents(), wishes);
    }
    let Some(filter) = session.filter() else { return };
    for (glyph, verb, not) in
        [(icons::FUNNEL, "Show only these", false), (icons::EYE_SLASH, "Hide these", true)]
    {
        if item(ui, glyph, verb, "") {
            let filter = with_documents(filter, name, documents(), not);
            wishes.push(Command::SetFilter(Box::new(filter)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_how_documents_join_the_selection() {
        let all =
            [Modifiers::NONE, Modifiers::SHIFT, Modifiers::COMMAND, Modifiers::COMMAND | Modifiers::SHIFT];
        assert_eq!(all.map(how), Combine::ALL);
    }
}
