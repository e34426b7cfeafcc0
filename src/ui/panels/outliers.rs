//! The page "Outliers": the documents that stand apart from others, most first.

use std::sync::Arc;

use egui::{DragValue, RichText, ScrollArea, Slider, Ui};

use crate::data::{Corpus, Mask};
use crate::job::derived::{Derived, Same};
use crate::math::local_outlier::OUTLIER;
use crate::session::{ColourBy, Command, Session, Study, Wake};
use crate::stage::outliers::Outliers;
use crate::ui::hand_sheet::{Documents, Task};
use crate::ui::theme::{self, ROW, SPACE_4, SPACE_8, SPACE_12, Theme};
use crate::ui::widgets;
use crate::ui::wishes::{Action, Wishes};
use crate::ui::{choosing, format, icons};

use super::{listed, study};

/// The highest level that the slider reaches.
const HIGHEST: f32 = 3.0;
/// How many of the first are selected by default.
const FIRST: usize = 20;

type RankedKey = (Same<Outliers>, Option<Same<Mask>>);

/// Documents with their factors, the highest first.
#[derive(Debug, PartialEq)]
struct Ranked {
    documents: Vec<u32>,
    factors: Vec<f32>,
}

impl Ranked {
    /// Of documents that have a factor, as far as `kept`.
    fn of(factors: &[f32], kept: Option<&Mask>) -> Self {
        let shown = |i: u32| kept.is_none_or(|kept| kept.contains(i));
        let mut ranked: Vec<(u32, f32)> = (0u32..)
            .zip(factors.iter().copied())
            .filter(|&(i, factor)| !factor.is_nan() && shown(i))
            .collect();
        ranked.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let (documents, factors) = ranked.into_iter().unzip();
        Self { documents, factors }
    }

    /// How many have a factor of at least `level`.
    fn apart(&self, level: f32) -> usize {
        self.factors.partition_point(|&factor| factor >= level)
    }
}

/// What the page remembers between frames.
pub struct OutliersState {
    level: f32,
    first: usize,
    ranked: Derived<RankedKey, Ranked>,
}

impl Default for OutliersState {
    fn default() -> Self {
        Self { level: OUTLIER, first: FIRST, ranked: Derived::new("outliers in order") }
    }
}

impl OutliersState {
    /// Asks for what the page shows; call it every frame in which it does.
    pub fn update(&mut self, session: &Session, wake: &Wake) {
        let Some(outliers) = session.outliers() else { return };
        let key = (Same(outliers.clone()), session.kept().cloned().map(Same));
        let (Same(outliers), kept) = key.clone();
        self.ranked.want_in_turn(key, wake, move |_| {
            Ranked::of(&outliers.factors, kept.as_ref().map(|Same(kept)| &**kept))
        });
    }
}

/// Draws the page.
pub fn show(ui: &mut Ui, session: &Session, corpus: &Corpus, state: &mut OutliersState, wishes: &mut Wishes) {
    let text = "How much farther a document is from its nearest than they are from theirs (local outlier factor): about 1 \
                among its like, more where it stands apart.";
    ui.add(egui::Label::new(RichText::new(text).small().color(Theme::of(ui).muted)).wrap());
    ui.add_space(SPACE_8);
    let asked = session.is_asked(Study::Outliers);
    let ranked = state.ranked.latest().filter(|_| asked && session.outliers().is_some()).cloned();
    let Some(ranked) = ranked else {
        if asked {
            let waits = "They are found once the neighbours are there.";
            study::under_way(ui, session, Study::Outliers, waits, wishes);
        } else if ui.button(format!("{}  Find outliers", icons::TARGET)).clicked() {
            wishes.push(Command::FindOutliers);
        }
        return;
    };
    study::anew(ui, session, Study::Outliers, wishes);
    level(ui, state);
    let apart = ranked.apart(state.level);
    head(ui, session, &ranked, apart, wishes);
    actions(ui, session, &ranked, apart, state, wishes);
    list(ui, corpus, &ranked, apart, wishes);
}

fn level(ui: &mut Ui, state: &mut OutliersState) {
    ui.scope(|ui| {
        ui.spacing_mut().interact_size.y = 20.0;
        ui.spacing_mut().slider_width = (ui.available_width() - 160.0).clamp(24.0, 200.0);
        ui.horizontal(|ui| {
            widgets::caption(ui, "Apart from");
            let slider = Slider::new(&mut state.level, 1.0..=HIGHEST).step_by(0.05).fixed_decimals(2);
            ui.name_inputs("Apart from", |ui| ui.add(slider));
        });
    });
    ui.add_space(SPACE_8);
}

fn head(ui: &mut Ui, session: &Session, ranked: &Ranked, apart: usize, wishes: &mut Wishes) {
    let within = if session.kept().is_some() { " of the filter" } else { "" };
    let text = match apart {
        0 => format!("No document{within} stands so far apart"),
        1 => format!("1 document{within} stands apart"),
        n => format!("{} documents{within} stand apart", format::len(n)),
    };
    let share = apart as f64 / ranked.documents.len().max(1) as f64;
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(text).text_style(theme::strong()));
        if apart > 0 {
            widgets::caption(ui, format::percent(share));
        }
        let coloured = session.colouring().is_some_and(|colouring| colouring.by == ColourBy::Outliers);
        if !coloured && widgets::small_link(ui, "Colour the map by it").clicked() {
            wishes.push(Command::SetColour(ColourBy::Outliers));
        }
    });
    ui.add_space(SPACE_4);
}

fn actions(
    ui: &mut Ui,
    session: &Session,
    ranked: &Ranked,
    apart: usize,
    state: &mut OutliersState,
    wishes: &mut Wishes,
) {
    let these = || ranked.documents[..apart].to_vec();
    ui.add_enabled_ui(apart > 0, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = SPACE_8;
            let select = ui.button(format!("{}  Select them", icons::SELECTION));
            if select.on_hover_text(choosing::KEYS).clicked() {
                choosing::select(ui, these(), wishes);
            }
            if ui.button(format!("{}  Tag them…", icons::TAG)).clicked() {
                wishes.act(Action::Ask(Task::Tag(Documents::These(these().into()))));
            }
            let more = widgets::icon_button(ui, icons::DOTS_THREE, "More about what stands apart", "");
            egui::Popup::menu(&more).show(|ui| {
                ui.set_min_width(180.0);
                let name = format!("outliers from {:.2}", state.level);
                choosing::entries(ui, session, &name, these, wishes);
            });
        });
    });
    ui.horizontal(|ui| {
        let select =
            ui.button("Select the first").on_hover_text("Those that stand most apart, whatever the level");
        let most = ranked.documents.len().max(1);
        ui.name_inputs("How many of the first", |ui| {
            ui.add(DragValue::new(&mut state.first).range(1..=most));
        });
        if select.clicked() {
            choosing::select(ui, ranked.documents.iter().copied().take(state.first).collect(), wishes);
        }
    });
    ui.add_space(SPACE_12);
}

fn list(ui: &mut Ui, corpus: &Corpus, ranked: &Arc<Ranked>, apart: usize, wishes: &mut Wishes) {
    ScrollArea::vertical().id_salt("outliers").auto_shrink(false).show_rows(ui, ROW, apart, |ui, rows| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for at in rows {
            let Some((&document, factor)) = ranked.documents.get(at).zip(ranked.factors.get(at)) else {
                continue;
            };
            if listed(ui, corpus, document, &format!("{factor:.2}")).clicked() {
                wishes.visit(document);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_most_apart_comes_first_and_who_has_no_factor_is_not_listed() {
        let factors = [1.0, 1.7, f32::NAN, 2.5, 1.7];
        let ranked = Ranked::of(&factors, None);
        assert_eq!(ranked.documents, [3, 1, 4, 0]);
        assert_eq!((ranked.apart(1.5), ranked.apart(1.7), ranked.apart(9.0)), (3, 3, 0));
        let kept = Mask::of_documents(5, &[0, 2, 4]);
        assert_eq!(Ranked::of(&factors, Some(&kept)).documents, [4, 0]);
    }
}
