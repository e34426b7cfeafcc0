//! The bar at the top: which corpus, what to do with it, how to leave with something in hand.

use egui::{Align, Button, Layout, RichText, TextStyle, Ui};

use crate::session::{Command, LEFT_OUT, Sample, Session};

use super::file_state::{self, State};
use super::hand_sheet::Task;
use super::icons;
use super::search_box::{self, SearchBox};
use super::shortcuts::keys_for;
use super::theme::{self, SPACE_8, SPACE_16, Theme};
use super::widgets::{self, menu_item as item};
use super::wishes::{Action, Mode, Pane, Sheet, Wishes};

/// The modes in their order.
const MODES: [(Mode, &str); 2] = [(Mode::Map, "Map"), (Mode::Goals, "Goals")];
/// The longest corpus name shown whole.
const NAME: usize = 48;
/// The longest reason shown beside it.
const WHY: usize = 44;

/// Which panels are open, for their buttons, and the mode.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    pub mode: Mode,
    pub pipeline: bool,
    pub table: bool,
    pub inspector: bool,
}

/// Draws the bar of the workspace.
pub fn show(ui: &mut Ui, session: &Session, open: Open, search: &mut SearchBox, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    ui.horizontal_centered(|ui| {
        ui.label(RichText::new(icons::CHART_SCATTER).size(18.0).color(theme.accent));
        let name = file_state::name(session).unwrap_or_else(|| "Semascope".into());
        let title = RichText::new(super::format::elide_middle(&name, NAME)).text_style(theme::strong());
        let caret = RichText::new(icons::CARET_DOWN).size(11.0).color(theme.muted);
        let button = Button::new((title, caret)).frame_when_inactive(false);
        egui::containers::menu::MenuButton::from_button(button).ui(ui, |ui| corpus_menu(ui, session, wishes));
        if let Some(all) = session.outside() {
            let n = session.corpus().map_or(0, |corpus| corpus.len());
            let (part, back) = match session.shows_passages() {
                true => (super::format::plural(n, "passage", "passages"), "Back to documents".to_owned()),
                false => (
                    format!("{} of them", super::format::len(n)),
                    format!("Back to all {}", super::format::len(all)),
                ),
            };
            ui.label(RichText::new(format!("› {part}")).small().color(theme.muted));
            let caption = format!("{}  {back}", icons::ARROW_LEFT);
            if ui.button(RichText::new(caption).small()).clicked() {
                wishes.push(Command::BackToAll);
            }
        }
        state(ui, session);
        ui.add_space(SPACE_8);
        history(ui, session, wishes);
        ui.add_space(SPACE_16);
        for (mode, name) in MODES {
            if tab(ui, name, open.mode == mode, mode) {
                wishes.act(Action::Show(mode));
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| right(ui, session, open, search, wishes));
    });
}

/// Whether the work is in its file.
fn state(ui: &mut Ui, session: &Session) {
    let theme = Theme::of(ui);
    let state = State::of(session);
    if state == State::Untouched {
        return;
    }
    let mut text = state.text().to_owned();
    if let (State::ReadOnly, Some(why)) = (state, session.read_only()) {
        // The first words say why; all of it shows under the pointer.
        let why = why.split_once(':').map_or(why, |(why, _)| why);
        text = format!("{} {text} · {}", icons::LOCK_SIMPLE, super::format::one_line(why, WHY));
    }
    let colour = match state {
        State::ReadOnly | State::Edited { kept: false } => theme.warning,
        _ => theme.muted,
    };
    ui.label(RichText::new(text).text_style(TextStyle::Small).color(colour))
        .on_hover_text(state.meaning(session));
}

/// The way back and forward.
fn history(ui: &mut Ui, session: &Session, wishes: &mut Wishes) {
    ui.spacing_mut().item_spacing.x = 0.0;
    let steps = [
        (icons::ARROW_U_UP_LEFT, "Undo", session.undoes(), Action::Undo),
        (icons::ARROW_U_UP_RIGHT, "Redo", session.redoes(), Action::Redo),
    ];
    for (glyph, verb, deed, action) in steps {
        let name = match deed {
            Some(deed) => format!("{verb} {}", lower(deed)),
            None => verb.to_owned(),
        };
        let same = |other: &Action| std::mem::discriminant(other) == std::mem::discriminant(&action);
        let keys = keys_for(ui.ctx(), same);
        let clicked =
            ui.add_enabled_ui(deed.is_some(), |ui| widgets::icon_button(ui, glyph, &name, &keys).clicked());
        if clicked.inner {
            wishes.act(action);
        }
    }
    ui.spacing_mut().item_spacing.x = SPACE_8;
}

/// A deed within a sentence.
fn lower(deed: &str) -> String {
    let mut letters = deed.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// A mode of the map; says whether it is wanted.
fn tab(ui: &mut Ui, name: &str, current: bool, mode: Mode) -> bool {
    let theme = Theme::of(ui);
    let colour = if current { theme.text } else { theme.muted };
    let text = RichText::new(name).text_style(theme::strong()).color(colour);
    let response = ui.add(Button::selectable(false, text).frame_when_inactive(false));
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Tab, true, current, name));
    let y = ui.max_rect().bottom() - 1.0;
    if current {
        ui.painter().hline(response.rect.x_range(), y, egui::Stroke::new(2.0, theme.accent));
    }
    let keys = keys_for(ui.ctx(), |action| matches!(action, Action::Show(other) if *other == mode));
    response.on_hover_text(format!("{name}  ·  {keys}")).clicked()
}

fn right(ui: &mut Ui, session: &Session, open: Open, search: &mut SearchBox, wishes: &mut Wishes) {
    tools(ui, wishes);
    ui.add_space(SPACE_8);
    // Laid out from the right: the pipeline's button comes last, at the left, where its panel is.
    let panes = [
        (Pane::Inspector, open.inspector, "Inspector"),
        (Pane::Table, open.table, "Table"),
        (Pane::Pipeline, open.pipeline, "Pipeline"),
    ];
    for (pane, shown, name) in panes {
        if pane_button(ui, pane, shown, name) {
            wishes.act(Action::Toggle(pane));
        }
    }
    ui.add_space(SPACE_8);
    if session.corpus().is_some() {
        let label = (RichText::new(icons::EXPORT), "Export");
        egui::containers::menu::MenuButton::from_button(Button::new(label).frame_when_inactive(false))
            .ui(ui, |ui| export_menu(ui, session, wishes));
        ui.add_space(SPACE_8);
        let keys = keys_for(ui.ctx(), |action| matches!(action, Action::Search));
        search_box::show(ui, session, search, &keys, wishes);
    }
}

/// A small picture of the frame with the pane filled in where it is open.
fn pane_button(ui: &mut Ui, pane: Pane, shown: bool, name: &str) -> bool {
    let theme = Theme::of(ui);
    let response = widgets::icon_button(
        ui,
        "",
        &format!("{} {}", if shown { "Hide" } else { "Show" }, name.to_lowercase()),
        &keys_for(ui.ctx(), |action| matches!(action, Action::Toggle(p) if *p == pane)),
    );
    let outline = egui::Rect::from_center_size(response.rect.center(), egui::vec2(16.0, 13.0));
    let colour = if response.hovered() { theme.text } else { theme.muted };
    let stroke = egui::Stroke::new(1.2, colour);
    let mut part = outline;
    match pane {
        Pane::Pipeline => part.max.x = part.min.x + 5.0,
        Pane::Inspector => part.min.x = part.max.x - 5.0,
        Pane::Table | Pane::Log => part.min.y = part.max.y - 5.0,
    }
    if shown {
        ui.painter().rect_filled(part, 2.0, colour);
    } else {
        ui.painter().rect_stroke(part, 1.0, egui::Stroke::new(0.6, colour), egui::StrokeKind::Inside);
    }
    ui.painter().rect_stroke(outline, 2.0, stroke, egui::StrokeKind::Inside);
    response.clicked()
}

/// Help and settings, which the welcome page has as well. For a layout from the right.
pub fn tools(ui: &mut Ui, wishes: &mut Wishes) {
    let keys = keys_for(ui.ctx(), |action| matches!(action, Action::Open(Sheet::Shortcuts)));
    if widgets::icon_button(ui, icons::QUESTION, "Shortcuts", &keys).clicked() {
        wishes.act(Action::Open(Sheet::Shortcuts));
    }
    let keys = keys_for(ui.ctx(), |action| matches!(action, Action::Open(Sheet::Settings)));
    if widgets::icon_button(ui, icons::GEAR, "Settings", &keys).clicked() {
        wishes.act(Action::Open(Sheet::Settings));
    }
}

fn corpus_menu(ui: &mut Ui, session: &Session, wishes: &mut Wishes) {
    ui.set_min_width(240.0);
    let keys = |is: fn(&Action) -> bool| keys_for(ui.ctx(), is);
    let (open, save, save_as) = (
        keys(|action| matches!(action, Action::PickFiles)),
        keys(|action| matches!(action, Action::Save)),
        keys(|action| matches!(action, Action::PickProjectFile)),
    );
    if item(ui, icons::FOLDER_OPEN, "Open…", &open) {
        wishes.act(Action::PickFiles);
    }
    ui.separator();
    widgets::section(ui, "Samples");
    for sample in Sample::ALL {
        if item(ui, icons::CHART_SCATTER, sample.title(), "") {
            wishes.push(Command::OpenSample(sample));
        }
    }
    if session.corpus().is_some() {
        ui.separator();
        // Without a file of its own, saving asks where; it is the same entry for the same key.
        let own = session.project_path().is_some() && session.read_only().is_none();
        if item(ui, icons::FLOPPY_DISK, if own { "Save" } else { "Save…" }, &save) {
            wishes.act(Action::Save);
        }
        if item(ui, icons::FLOPPY_DISK, "Save as…", &save_as) {
            wishes.act(Action::PickProjectFile);
        }
        if session.project_path().is_some() {
            ui.add_enabled_ui(session.is_unsaved(), |ui| {
                if item(ui, icons::ARROW_COUNTER_CLOCKWISE, "Open as saved…", "") {
                    wishes.act(Action::Ask(Task::Revert));
                }
            });
        }
        without_texts(ui, wishes);
        if item(ui, icons::X, "Close", "") {
            wishes.push(Command::CloseCorpus);
        }
    }
}

fn export_menu(ui: &mut Ui, session: &Session, wishes: &mut Wishes) {
    ui.set_min_width(260.0);
    let keys = |is: fn(&Action) -> bool| keys_for(ui.ctx(), is);
    let csv = keys(|action| matches!(action, Action::PickClustersFile));
    let export = keys(|action| matches!(action, Action::Open(Sheet::Export)));
    let project = keys(|action| matches!(action, Action::PickProjectFile));
    if item(ui, icons::IMAGE, "Map or documents…", &export) {
        wishes.act(Action::Open(Sheet::Export));
    }
    let clustered = session.clusters().is_some();
    ui.add_enabled_ui(clustered, |ui| {
        if item(ui, icons::FILE_CSV, "Clusters as CSV…", &csv) {
            wishes.act(Action::PickClustersFile);
        }
    });
    for goal in session.goals().filter(|goal| goal.answer.is_some()) {
        let name =
            format!("Explanations “{}” as CSV…", super::goal_facts::goal_title(session, goal.asked.id));
        if item(ui, icons::FILE_CSV, &name, "") {
            wishes.act(Action::PickGoalFile(goal.asked.id));
        }
    }
    if item(ui, icons::FLOPPY_DISK, "Project…", &project) {
        wishes.act(Action::PickProjectFile);
    }
    without_texts(ui, wishes);
}

/// The entry that saves a project without its texts, and what that means.
fn without_texts(ui: &mut Ui, wishes: &mut Wishes) {
    ui.scope(|ui| {
        if item(ui, icons::EYE_SLASH, "Project without texts…", "") {
            wishes.act(Action::PickFileWithoutTexts);
        }
    })
    .response
    .on_hover_text(LEFT_OUT);
}
