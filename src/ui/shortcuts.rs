//! The keyboard: one table drives both the handling and the sheet under `?`.

use egui::{Context, Event, Key, KeyboardShortcut, Modifiers, RichText, Ui, vec2};

use super::theme::{self, SPACE_16, SPACE_24, Theme};
use super::widgets;
use super::wishes::{Action, Mode, Pane, Sheet, Wishes};

/// How the sheet is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    File,
    Map,
    Selection,
    Window,
}

impl Group {
    const ALL: [Self; 4] = [Self::File, Self::Map, Self::Selection, Self::Window];

    fn title(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Map => "Map",
            Self::Selection => "Selection",
            Self::Window => "Window",
        }
    }
}

/// A key, what it is called, and what it does.
pub struct Shortcut {
    pub keys: KeyboardShortcut,
    pub name: &'static str,
    pub group: Group,
    pub action: Action,
}

const fn shortcut(
    group: Group,
    modifiers: Modifiers,
    key: Key,
    name: &'static str,
    action: Action,
) -> Shortcut {
    Shortcut { keys: KeyboardShortcut::new(modifiers, key), name, group, action }
}

const NONE: Modifiers = Modifiers::NONE;
const COMMAND: Modifiers = Modifiers::COMMAND;
/// The factor of one step in or out.
pub const ZOOM_STEP: f32 = 1.5;

/// Every key the window listens to. Keys without a modifier rest while one types.
pub static SHORTCUTS: [Shortcut; 35] = [
    shortcut(Group::File, COMMAND, Key::O, "Open files", Action::PickFiles),
    shortcut(Group::File, COMMAND, Key::S, "Save project", Action::Save),
    shortcut(Group::File, COMMAND.plus(Modifiers::SHIFT), Key::S, "Save project as", Action::PickProjectFile),
    shortcut(Group::File, COMMAND, Key::Z, "Undo", Action::Undo),
    shortcut(Group::File, COMMAND.plus(Modifiers::SHIFT), Key::Z, "Redo", Action::Redo),
    shortcut(Group::File, COMMAND, Key::Y, "Redo", Action::Redo),
    shortcut(Group::File, COMMAND, Key::E, "Export clusters as CSV", Action::PickClustersFile),
    shortcut(
        Group::File,
        COMMAND.plus(Modifiers::SHIFT),
        Key::E,
        "Export map or documents",
        Action::Open(Sheet::Export),
    ),
    shortcut(Group::Map, NONE, Key::F, "Show the whole map", Action::Fit),
    shortcut(Group::Map, NONE, Key::Home, "Show the whole map", Action::Fit),
    shortcut(Group::Selection, NONE, Key::L, "Take the lasso, or put it away", Action::SelectTool),
    shortcut(Group::Selection, COMMAND, Key::A, "Select all", Action::SelectAll),
    shortcut(Group::Selection, COMMAND, Key::I, "Invert the selection", Action::InvertSelection),
    shortcut(Group::Selection, NONE, Key::Num1, "Tag with the first tag …", Action::TagNumbered(1)),
    shortcut(Group::Selection, NONE, Key::Num2, "", Action::TagNumbered(2)),
    shortcut(Group::Selection, NONE, Key::Num3, "", Action::TagNumbered(3)),
    shortcut(Group::Selection, NONE, Key::Num4, "", Action::TagNumbered(4)),
    shortcut(Group::Selection, NONE, Key::Num5, "", Action::TagNumbered(5)),
    shortcut(Group::Selection, NONE, Key::Num6, "", Action::TagNumbered(6)),
    shortcut(Group::Selection, NONE, Key::Num7, "", Action::TagNumbered(7)),
    shortcut(Group::Selection, NONE, Key::Num8, "", Action::TagNumbered(8)),
    shortcut(Group::Selection, NONE, Key::Num9, "… with the ninth", Action::TagNumbered(9)),
    shortcut(Group::Map, NONE, Key::Plus, "Zoom in", Action::Zoom(ZOOM_STEP)),
    shortcut(Group::Map, NONE, Key::Minus, "Zoom out", Action::Zoom(1.0 / ZOOM_STEP)),
    shortcut(Group::Map, NONE, Key::Space, "Stop or continue the layout", Action::StopOrContinue),
    shortcut(Group::Map, NONE, Key::Slash, "Search", Action::Search),
    shortcut(Group::Map, NONE, Key::Escape, "Close, or clear what is chosen", Action::Escape),
    shortcut(Group::Map, NONE, Key::M, "Show the map alone", Action::Show(Mode::Map)),
    shortcut(Group::Map, NONE, Key::G, "Ask a goal, see explanations", Action::Show(Mode::Goals)),
    shortcut(Group::Window, COMMAND, Key::Num1, "Show or hide the pipeline", Action::Toggle(Pane::Pipeline)),
    shortcut(Group::Window, COMMAND, Key::Num2, "Show or hide the table", Action::Toggle(Pane::Table)),
    shortcut(
        Group::Window,
        COMMAND,
        Key::Num3,
        "Show or hide the inspector",
        Action::Toggle(Pane::Inspector),
    ),
    shortcut(Group::Window, COMMAND, Key::L, "Show or hide the log", Action::Toggle(Pane::Log)),
    shortcut(Group::Window, COMMAND, Key::Comma, "Settings", Action::Open(Sheet::Settings)),
    shortcut(Group::Window, NONE, Key::Questionmark, "Shortcuts", Action::Open(Sheet::Shortcuts)),
];

/// What the mouse does on the map, for the sheet.
const GESTURES: [(&str, &str); 6] = [
    ("Drag", "Move the map"),
    ("Ctrl + drag a point", "Move and pin it"),
    ("Wheel", "Zoom at the pointer"),
    ("Double-click", "Show the whole map"),
    ("Click a point", "Its document"),
    ("Arrows", "Move map or row"),
];

/// What drags select.
const SELECTING: [(&str, &str); 6] = [
    ("Shift + drag", "Select by a line"),
    ("Shift + Alt + drag", "Select by a rectangle"),
    ("Ctrl + Shift + drag", "Add to the selection"),
    ("Drag", "With the lasso: select"),
    ("Shift + drag", "With the lasso: add"),
    ("Ctrl + drag", "With the lasso: remove"),
];

/// Collects the wishes of the keys pressed in this frame. Under a sheet only the keys that open and close sheets
/// are heard; `typed` says whether a field had the keyboard in the last frame, as Escape takes it away before this
/// is asked.
pub fn listen(ctx: &Context, sheet: bool, typed: bool, wishes: &mut Wishes) {
    let typing = typed || ctx.text_edit_focused();
    // A menu or a list of choices closes by itself.
    let popup = ctx.any_popup_open();
    // A focused button takes Space (and a slider the arrows) for itself.
    let focused = ctx.memory(|memory| memory.focused().is_some());
    for shortcut in &SHORTCUTS {
        let plain = shortcut.keys.modifiers == NONE;
        let key = shortcut.keys.logical_key;
        // A field takes back what was typed in it.
        if typing && matches!(shortcut.action, Action::Undo | Action::Redo | Action::SelectAll) {
            continue;
        }
        let field = typing && !(sheet && key == Key::Escape);
        if plain && (field || (focused && key == Key::Space) || (popup && key == Key::Escape)) {
            continue;
        }
        if sheet && !matches!(shortcut.action, Action::Escape | Action::Open(_)) {
            continue;
        }
        if ctx.input_mut(|input| consumed(input, shortcut)) {
            wishes.act(shortcut.action.clone());
        }
    }
}

/// Takes the presses of a shortcut out of the frame's events. What counts are the modifiers at the press, which may
/// have been let go since.
fn consumed(input: &mut egui::InputState, shortcut: &Shortcut) -> bool {
    let KeyboardShortcut { modifiers: wanted, logical_key } = shortcut.keys;
    let before = input.events.len();
    input.events.retain(|event| match event {
        Event::Key { key, pressed: true, modifiers, .. } if *key == logical_key => {
            // "?" and "+" need Shift on many keyboards: for plain keys only Ctrl, Cmd and Alt make another key.
            let plain = !modifiers.ctrl && !modifiers.command && !modifiers.alt;
            !(if wanted == NONE { plain } else { modifiers.matches_exact(wanted) })
        }
        _ => true,
    });
    input.events.len() < before
}

/// The keys of the shortcut that does `action`, as text for tooltips; empty where there is none.
pub fn keys_for(ctx: &Context, is: impl Fn(&Action) -> bool) -> String {
    SHORTCUTS.iter().find(|shortcut| is(&shortcut.action)).map(|s| keys(ctx, s)).unwrap_or_default()
}

fn keys(ctx: &Context, shortcut: &Shortcut) -> String {
    match shortcut.keys.logical_key {
        Key::Questionmark => "?".into(),
        Key::Slash => "/".into(),
        Key::Plus => "+".into(),
        Key::Minus => "−".into(),
        Key::Escape => "Esc".into(),
        Key::Comma => ctx.format_modifiers(shortcut.keys.modifiers) + "+,",
        _ => ctx.format_shortcut(&shortcut.keys),
    }
}

/// The sheet of all shortcuts.
pub fn sheet(ui: &mut Ui) {
    ui.label(RichText::new("Shortcuts").text_style(theme::title()));
    ui.add_space(SPACE_16);
    ui.horizontal_top(|ui| {
        for group in Group::ALL {
            ui.vertical(|ui| {
                ui.set_width(250.0);
                widgets::section(ui, group.title());
                let named = SHORTCUTS.iter().filter(|shortcut| !shortcut.name.is_empty());
                for shortcut in named.filter(|shortcut| shortcut.group == group) {
                    line(ui, shortcut.name, &keys(ui.ctx(), shortcut));
                }
                let gestures: &[(&str, &str)] = match group {
                    Group::Map => &GESTURES,
                    Group::Selection => &SELECTING,
                    Group::File | Group::Window => &[],
                };
                for (gesture, meaning) in gestures {
                    line(ui, meaning, gesture);
                }
            });
            if group != Group::Window {
                ui.add_space(SPACE_24);
            }
        }
    });
}

fn line(ui: &mut Ui, name: &str, keys: &str) {
    let theme = Theme::of(ui);
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, format!("{name}: {keys}")));
    let taken = widgets::line(ui, rect, widgets::Side::Right, keys, egui::TextStyle::Small, theme.muted);
    let rest = egui::Rect::from_min_max(rect.min, rect.max - vec2(taken + theme::SPACE_8, 0.0));
    widgets::line(ui, rest, widgets::Side::Left, name, egui::TextStyle::Body, theme.text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_shortcuts_share_a_key() {
        for (i, one) in SHORTCUTS.iter().enumerate() {
            assert!(
                SHORTCUTS[i + 1..].iter().all(|other| other.keys != one.keys),
                "{} shares its key",
                one.name
            );
        }
    }
}
