//! A text as it is typed: where it belongs, what is near it, and which of its words pull it there.

use egui::{Id, Label, RichText, ScrollArea, Sense, TextEdit, TextStyle, Ui, WidgetInfo};

use crate::data::Corpus;
use crate::session::{Command, ProbeState, Session, StepState, Study, Tried};
use crate::stage::place::POOR;
use crate::stage::probe::{Grain, Probe, WordPull};
use crate::ui::facts;
use crate::ui::format;
use crate::ui::icons;
use crate::ui::status_bar;
use crate::ui::theme::{SPACE_4, SPACE_8, SPACE_12, Theme};
use crate::ui::widgets;
use crate::ui::wishes::{Action, Wishes};

use super::listed;

/// Lines of the field.
const LINES: usize = 3;
/// Characters of a document that a sentence quotes.
const QUOTED: usize = 60;
/// How much of the meaning is lost without a word that is shaded most, at least: where no word says much, none stands out.
const LEAST_LOSS: f32 = 0.05;
/// How strong the shade of the word is that says most.
const SHADE: f32 = 0.6;

/// What the page remembers between frames.
#[derive(Default)]
pub struct ProbeField {
    text: String,
    /// What was asked for last, to notice when something else changes it.
    asked: Option<String>,
    /// The word that is pointed at, of those that were left out.
    pub pointed: Option<usize>,
    /// The cursor goes into the field in the next frame.
    pub wants_focus: bool,
}

/// Draws the page.
pub fn show(ui: &mut Ui, session: &Session, corpus: &Corpus, field: &mut ProbeField, wishes: &mut Wishes) {
    ScrollArea::vertical().id_salt("probe").auto_shrink(false).show(ui, |ui| {
        write(ui, session, field, wishes);
        ui.add_space(SPACE_8);
        let Some(state) = session.probe() else {
            widgets::muted(
                ui,
                "Type a sentence: a ring on the map shows where it belongs, and which documents are near it.",
            );
            return;
        };
        match (&state.state, state.tried) {
            (StepState::Failed(sentence), _) => failed(ui, sentence, wishes),
            (StepState::Stopped, None) => failed(ui, "Loading the model was stopped.", wishes),
            (_, Some(tried)) => answer(ui, session, corpus, &state, tried, field, wishes),
            _ if session.matrix().is_none() => {
                widgets::muted(ui, "It finds its place as soon as the texts are embedded.");
            }
            _ if !state.map_rests => drop(widgets::muted(ui, "It finds its place as soon as the map rests.")),
            (StepState::Running(progress), _) => {
                let stage = progress.as_ref().map_or("Loading the model", |progress| progress.stage.as_str());
                widgets::muted(ui, stage);
                widgets::caption(ui, progress.as_ref().map_or_else(String::new, status_bar::figures));
            }
            _ => drop(widgets::muted(ui, "Finding its place…")),
        }
        ui.add_space(SPACE_12);
    });
}

/// The field to write in.
fn write(ui: &mut Ui, session: &Session, field: &mut ProbeField, wishes: &mut Wishes) {
    let now = session.probe().map(|state| state.text.to_owned());
    if now != field.asked {
        field.text = now.clone().unwrap_or_default();
        field.asked = now;
    }
    let id = Id::unique("probe");
    let edit = TextEdit::multiline(&mut field.text).id(id).desired_rows(LINES);
    let response = ui.add(edit.hint_text("What somebody could have written").desired_width(f32::INFINITY));
    if std::mem::take(&mut field.wants_focus) {
        response.request_focus();
    }
    if response.changed() {
        let text = Some(field.text.clone()).filter(|text| !text.trim().is_empty());
        field.asked.clone_from(&text);
        wishes.push(Command::Probe(text));
    }
}

fn failed(ui: &mut Ui, sentence: &str, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    ui.add(Label::new(RichText::new(sentence).color(theme.error)).wrap());
    ui.add_space(SPACE_8);
    if ui.button("Try again").clicked() {
        wishes.push(Command::TryStudy(Study::Meaning));
    }
}

fn answer(
    ui: &mut Ui,
    session: &Session,
    corpus: &Corpus,
    state: &ProbeState<'_>,
    tried: &Tried,
    field: &mut ProbeField,
    wishes: &mut Wishes,
) {
    let probe = match &tried.probe {
        Ok(probe) => probe,
        Err(sentence) => return drop(widgets::muted(ui, sentence)),
    };
    ui.horizontal(|ui| {
        widgets::section(ui, "Where it belongs");
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if widgets::icon_button(ui, icons::X, "Clear the text", "").clicked() {
                wishes.push(Command::Probe(None));
            }
            if widgets::icon_button(ui, icons::CHART_SCATTER, "Show your text on the map", "").clicked() {
                wishes.act(Action::FlyToPlace(probe.place));
            }
        });
    });
    belongs(ui, session, probe);
    for remark in &probe.remarks {
        remarked(ui, remark);
    }
    ui.add_space(SPACE_12);
    widgets::section(ui, "Which words pull it");
    match state.words.and_then(|words| Some((words, words.probe.as_ref().ok()?))) {
        Some((words, pulled)) => word_pulls(ui, corpus, words, pulled, &mut field.pointed),
        // The text as it stands keeps the place of its words.
        None => {
            widgets::caption(ui, "Leaving out each word in turn…");
            ui.add_space(SPACE_4);
            ui.add(Label::new(state.text).wrap());
        }
    }
    ui.add_space(SPACE_12);
    widgets::section(ui, "Nearest documents");
    if tried.filtered {
        widgets::caption(ui, "Of those that the filter keeps.");
    }
    ui.add_space(SPACE_4);
    if probe.nearest.is_empty() {
        widgets::muted(ui, "The filter keeps no document.");
    }
    for &(document, cosine) in &probe.nearest {
        if listed(ui, corpus, document, &format!("{cosine:.2}")).clicked() {
            wishes.visit(document);
        }
    }
}

/// Among which documents it lies, and how well it fits there.
fn belongs(ui: &mut Ui, session: &Session, probe: &Probe) {
    let mut labels: Vec<u32> =
        probe.nearest.iter().filter_map(|near| facts::cluster_of(session, near.0)).collect();
    labels.sort_unstable();
    let most = labels.chunk_by(|a, b| a == b).max_by_key(|same| same.len());
    if let Some(same) = most {
        let title = facts::cluster_title(session, same[0]);
        let n = format!("{} of the {} nearest are in “{title}”.", same.len(), probe.nearest.len());
        ui.add(Label::new(n).wrap());
    }
    let nearer = format::percent(f64::from(probe.misfit));
    if probe.misfit > POOR {
        remarked(
            ui,
            &format!(
                "It fits badly: {nearer} of the documents are nearer to their neighbours than it is to its own. Nothing \
                 here says the same, and its place says little."
            ),
        );
    } else {
        let text = format!(
            "It fits: {nearer} of the documents are nearer to their neighbours than it is to its own."
        );
        widgets::caption(ui, text);
    }
}

fn remarked(ui: &mut Ui, text: &str) {
    let theme = Theme::of(ui);
    let text = RichText::new(format!("{}  {text}", icons::WARNING)).text_style(TextStyle::Small);
    ui.add(Label::new(text.color(theme.warning)).wrap());
}

/// The text with each of its words shaded by what is lost without it.
fn word_pulls(ui: &mut Ui, corpus: &Corpus, tried: &Tried, probe: &Probe, pointed: &mut Option<usize>) {
    if probe.words.is_empty() {
        widgets::caption(ui, "One word alone: there is nothing left to compare with.");
        return;
    }
    let what = match probe.grain {
        Some(Grain::Words) | None => "word",
        Some(_) => "part",
    };
    widgets::caption(
        ui,
        format!("The stronger the shade, the more of the meaning goes with the {what}. Point at one."),
    );
    ui.add_space(SPACE_4);
    let most = probe.words.iter().map(lost).fold(LEAST_LOSS, f32::max);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(0.0, 2.0);
        let mut from = probe.read.start;
        for (at, word) in probe.words.iter().enumerate() {
            plain(ui, tried.text.get(from..word.range.start), false);
            if one(ui, corpus, tried, word, lost(word) / most) {
                *pointed = Some(at);
            }
            from = word.range.end;
        }
        plain(ui, tried.text.get(from..probe.read.end), false);
        plain(ui, tried.text.get(probe.read.end..), true);
    });
}

/// How much of the meaning goes with a word.
fn lost(word: &WordPull) -> f32 {
    1.0 - word.cosine
}

/// What stands between words, or what the model does not read.
fn plain(ui: &mut Ui, text: Option<&str>, unread: bool) {
    let text = text.unwrap_or_default().replace(['\n', '\r', '\t'], " ");
    if !text.is_empty() {
        let theme = Theme::of(ui);
        let text = RichText::new(text).color(if unread { theme.muted } else { theme.text });
        ui.label(text);
    }
}

/// A word on its shade; says whether it is pointed at.
fn one(ui: &mut Ui, corpus: &Corpus, tried: &Tried, word: &WordPull, share: f32) -> bool {
    let theme = Theme::of(ui);
    let text = tried.text.get(word.range.clone()).unwrap_or_default();
    let shade = theme.panel.lerp_to_gamma(theme.accent, SHADE * share.clamp(0.0, 1.0));
    let shown = RichText::new(text).color(theme.text).background_color(shade);
    let response = ui.add(Label::new(shown).sense(Sense::click()));
    // Documents are read only when somebody asks.
    let said = || told(corpus, text, word, tried.extent);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, said()));
    let pointed = response.hovered() || response.has_focus();
    response.on_hover_ui(|ui| drop(ui.label(said())));
    pointed
}

/// What a word does, in words.
fn told(corpus: &Corpus, text: &str, word: &WordPull, extent: f32) -> String {
    let quoted = |document: u32| format::one_line(&corpus.text(document as usize), QUOTED);
    let moved = format::percent(f64::from(word.distance() / extent));
    let text = format::one_line(text, QUOTED);
    let mut said = format!(
        "Without “{text}” the text moves by {moved} of the map, and has a cosine of {:.2} with what it was.",
        word.cosine
    );
    if let Some((document, gain)) = word.towards {
        said.push_str(&format!("\nIt pulls towards “{}” (cosine +{gain:.2})", quoted(document)));
    }
    if let Some((document, loss)) = word.away_from {
        said.push_str(&format!("\nand away from “{}” (cosine −{loss:.2})", quoted(document)));
    }
    said
}
