//! What sets the selection apart: its words and phrases, and its columns' values, with counts and effect sizes.

use std::fmt::Write as _;

use egui::{RichText, ScrollArea, Ui};

use crate::data::{Corpus, Query, SearchBy, Typed};
use crate::math::special_terms::SpecialTerm;
use crate::math::special_values::{Shown, SpecialValue};
use crate::session::{Command, Session, SpecialAnswer, StepState, Study};
use crate::stage::special::Special;
use crate::ui::theme::{SPACE_4, SPACE_8, SPACE_12, Theme};
use crate::ui::wishes::Wishes;
use crate::ui::{format, icons, status_bar, widgets};

use super::charts;
use super::columns::levels;

/// Effects of this size and more are called so (Cohen 1988).
const SIZES: [(f64, &str); 3] = [(0.8, "large"), (0.5, "medium"), (0.2, "small")];

/// Draws the page.
pub fn show(ui: &mut Ui, session: &Session, corpus: &Corpus, wishes: &mut Wishes) {
    let selected = session.selection().is_some_and(|selection| !selection.is_empty());
    match (session.study(Study::Special), session.special()) {
        (StepState::Running(progress), _) => {
            let stage = progress.as_ref().map_or("Comparing", |progress| progress.stage.as_str());
            widgets::muted(ui, stage);
            widgets::caption(ui, progress.as_ref().map_or_else(String::new, status_bar::figures));
        }
        (StepState::Failed(sentence), _) => {
            let theme = Theme::of(ui);
            ui.add(egui::Label::new(RichText::new(sentence).color(theme.error)).wrap());
            again(ui, "Try again", wishes);
        }
        (StepState::Stopped, _) => {
            widgets::muted(ui, "The comparison was stopped.");
            again(ui, "Go on", wishes);
        }
        (_, Some(answer)) => {
            let other = session.selection().is_some_and(|selection| **selection != *answer.of);
            if other && selected {
                widgets::caption(ui, "The selection has changed since.");
                again(ui, "Compare it", wishes);
            }
            told(ui, corpus, answer, wishes);
        }
        (_, None) if selected => again(ui, "What is special here?", wishes),
        (_, None) => {
            let text =
                "Select some documents, by a lasso, a cluster or a search, to see what sets them apart.";
            widgets::empty_state(ui, icons::SPARKLE, text);
        }
    }
}

fn again(ui: &mut Ui, caption: &str, wishes: &mut Wishes) {
    ui.add_space(SPACE_4);
    if ui.button(format!("{}  {caption}", icons::SPARKLE)).clicked() {
        wishes.push(Command::FindSpecial);
    }
    ui.add_space(SPACE_8);
}

fn told(ui: &mut Ui, corpus: &Corpus, answer: &SpecialAnswer, wishes: &mut Wishes) {
    let special = match &answer.special {
        Ok(special) => special,
        Err(nothing) => return drop(widgets::muted(ui, nothing.to_string())),
    };
    let others = format::plural(special.outside.documents as usize, "other", "others");
    let of_filter = if answer.filtered { " of the filter" } else { "" };
    let inside = format::plural(special.inside.documents as usize, "document", "documents");
    ui.horizontal(|ui| {
        widgets::cut_caption(ui, format!("{inside} against {others}{of_filter}"));
        if widgets::small_link(ui, "Copy as CSV").clicked() {
            ui.ctx().copy_text(csv(corpus, special));
        }
    });
    ui.add_space(SPACE_8);
    ScrollArea::vertical().id_salt("special").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        widgets::section(ui, "Words and phrases").on_hover_text(format!(
            "More frequent here than in the others. Of {} that were compared; at most one in twenty of those told is chance.",
            format::len(special.tested_terms)
        ));
        if special.terms.is_empty() {
            widgets::muted(ui, "No word stands out.");
        }
        let longest = special.terms.iter().map(|term| term.contrast.inside.share()).fold(0.0, f64::max);
        for term in &special.terms {
            if charts::compared(ui, &term.term, shares(term), longest, &term_hint(term)).clicked() {
                let text = if term.term.contains(' ') { format!("“{}”", term.term) } else { format!("{} ", term.term) };
                wishes.push(Command::Search(Some(Query { text, by: SearchBy::Words })));
            }
        }
        ui.add_space(SPACE_12);
        widgets::section(ui, "Values").on_hover_text(format!(
            "More or less frequent here than in the others, the greatest effect first. Of {} that were compared.",
            format::len(special.tested_values)
        ));
        if special.values.is_empty() {
            widgets::muted(ui, "No value of a column stands out.");
        }
        for value in &special.values {
            one_value(ui, corpus, value);
        }
        ui.add_space(SPACE_12);
    });
}

fn shares(term: &SpecialTerm) -> (f64, f64) {
    (term.contrast.inside.share(), term.contrast.outside.share())
}

fn term_hint(term: &SpecialTerm) -> String {
    let (inside, outside) = (term.contrast.inside, term.contrast.outside);
    format!(
        "{}: {} of {} here, {} of {} elsewhere\n{}, log odds {:.1}\nClick: search for it",
        term.term,
        format::count(inside.with),
        format::count(inside.of),
        format::count(outside.with),
        format::count(outside.of),
        times(term.lift),
        term.log_odds
    )
}

fn times(lift: f64) -> String {
    if lift.is_finite() { format!("{lift:.1} times as frequent") } else { "nowhere else".into() }
}

/// An effect in a word.
fn size(effect: f64) -> &'static str {
    SIZES.iter().find(|(least, _)| effect.abs() >= *least).map_or("slight", |(_, name)| name)
}

fn one_value(ui: &mut Ui, corpus: &Corpus, value: &SpecialValue) {
    let Some(column) = corpus.columns.get(value.column) else { return };
    let effect = format!("{} effect ({:+.2})", size(value.effect), value.effect);
    match &value.shown {
        Shown::Level { contrast, .. } | Shown::Empty { contrast } => {
            let name = format!("{}: {}", column.name, value_name(column_levels(column), value));
            let (inside, outside) = (contrast.inside, contrast.outside);
            let hint = format!(
                "{name}: {} of {} here, {} of {} elsewhere\n{effect}, Cohen’s h",
                format::count(inside.with),
                format::count(inside.of),
                format::count(outside.with),
                format::count(outside.of)
            );
            let longest = inside.share().max(outside.share());
            charts::compared(ui, &name, (inside.share(), outside.share()), longest.max(0.25), &hint);
        }
        Shown::Numbers { contrast } => {
            let dates = matches!(column.typed, Typed::Date(_));
            let shown = |value: f64| if dates { format::date(value as i64) } else { format::number(value) };
            let (inside, outside) = (shown(contrast.inside.median), shown(contrast.outside.median));
            let direction = if value.effect > 0.0 { "more" } else { "less" };
            let row = widgets::entry(
                ui,
                false,
                None,
                &format!("{}: {inside} here, {outside} elsewhere", column.name),
                direction,
                Theme::of(ui).text,
            );
            row.on_hover_text(format!(
                "Medians of {} and {} values\n{effect}, as Cohen’s d; Cliff’s delta {:+.2}",
                format::count(contrast.inside.count),
                format::count(contrast.outside.count),
                contrast.cliffs_delta
            ));
        }
    }
}

fn column_levels(column: &crate::data::Column) -> &[String] {
    levels(&column.typed)
}

fn value_name<'a>(levels: &'a [String], value: &SpecialValue) -> &'a str {
    match value.shown {
        Shown::Level { level, .. } => levels.get(level as usize).map_or("", String::as_str),
        Shown::Empty { .. } => "(empty)",
        Shown::Numbers { .. } => "",
    }
}

/// Everything that is told, for a spreadsheet.
fn csv(corpus: &Corpus, special: &Special) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut csv = String::from("kind,name,inside,inside_of,outside,outside_of,effect,false_discovery_rate\n");
    for term in &special.terms {
        let (inside, outside) = (term.contrast.inside, term.contrast.outside);
        let _ = writeln!(
            csv,
            "term,{},{},{},{},{},{},{}",
            quoted(&term.term),
            inside.with,
            inside.of,
            outside.with,
            outside.of,
            term.log_odds,
            term.false_discovery_rate
        );
    }
    for value in &special.values {
        let Some(column) = corpus.columns.get(value.column) else { continue };
        let (kind, name, figures) = match &value.shown {
            Shown::Level { contrast, .. } | Shown::Empty { contrast } => {
                let (inside, outside) = (contrast.inside, contrast.outside);
                let name = format!("{}: {}", column.name, value_name(column_levels(column), value));
                ("value", name, [inside.with, inside.of, outside.with, outside.of].map(f64::from))
            }
            Shown::Numbers { contrast: c } => {
                let of = |count| f64::from(count);
                let medians = [c.inside.median, of(c.inside.count), c.outside.median, of(c.outside.count)];
                ("median", column.name.clone(), medians)
            }
        };
        let [a, b, c, d] = figures;
        let name = quoted(&name);
        let _ =
            writeln!(csv, "{kind},{name},{a},{b},{c},{d},{},{}", value.effect, value.false_discovery_rate);
    }
    csv
}
