//! The files that were open before, as cards with a picture of their map.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use egui::{
    Align2, Color32, CornerRadius, FontId, Id, Popup, PopupCloseBehavior, Rect, Response, Role, Sense,
    SetOpenCommand, Stroke, StrokeKind, TextStyle, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use crate::io::settings::Recent;
use crate::session::{Command, Session, Wake};

use super::pictures::{self, Picture};
use super::theme::{self, SPACE_4, SPACE_8, SPACE_12, SPACE_16, Theme};
use super::widgets::{self, Side};
use super::wishes::{Action, Wishes};
use super::{format, icons, thumbnails};
use crate::job::derived::Derived;

/// Cards in a row.
pub const COLUMNS: usize = 4;
/// The height of a card's picture and of the two lines below it.
const PICTURE: f32 = 124.0;
const LINES: f32 = 48.0;
/// The height of a card.
pub const CARD: f32 = PICTURE + LINES;
/// Corners of cards.
const CORNER: u8 = 8;
/// How much of the picture of a file that is gone shows.
const FADED: f32 = 0.35;
/// Side of the button that takes a card away.
const CLOSE: f32 = 22.0;
/// The longest folder shown whole, in characters.
const FOLDER: usize = 30;

/// What the page remembers of the cards between frames.
pub struct RecentFiles {
    pictures: BTreeMap<PathBuf, Picture>,
    /// Which of the files are there, as of a visit of the page.
    there: Derived<(u64, Vec<PathBuf>), Vec<bool>>,
    visit: u64,
    last_frame: u64,
}

impl Default for RecentFiles {
    fn default() -> Self {
        Self { pictures: BTreeMap::new(), there: Derived::new("recent files"), visit: 0, last_frame: 0 }
    }
}

impl RecentFiles {
    /// Looks on a worker whether the files are there: whenever the page, or the window, comes to the fore.
    fn look(&mut self, ui: &Ui, recents: &[Recent], wake: &Wake) {
        let frame = ui.ctx().cumulative_frame_nr();
        let returned = ui.input(|input| {
            input.events.iter().any(|event| matches!(event, egui::Event::WindowFocused(true)))
        });
        if self.visit == 0 || frame > self.last_frame + 1 || returned {
            self.visit += 1;
        }
        self.last_frame = frame;
        let paths: Vec<PathBuf> = recents.iter().map(|recent| recent.path.clone()).collect();
        let asked = paths.clone();
        // A drive that does not answer is not a file that is gone.
        self.there.want((self.visit, paths), wake, move |_| {
            asked.iter().map(|path| path.try_exists().unwrap_or(true)).collect()
        });
        self.pictures.retain(|path, _| recents.iter().any(|recent| recent.path == *path));
    }

    /// Draws as many cards as go into `rows`; `version` changes whenever a picture was written anew.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        version: u64,
        rows: usize,
        wake: &Wake,
        wishes: &mut Wishes,
    ) {
        let recents = &session.settings().recents;
        self.look(ui, recents, wake);
        let there = self.there.latest().cloned();
        let width = (ui.available_width() - (COLUMNS - 1) as f32 * SPACE_16) / COLUMNS as f32;
        let shown: Vec<(usize, &Recent)> = recents.iter().enumerate().take(rows * COLUMNS).collect();
        for row in shown.chunks(COLUMNS) {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = SPACE_16;
                for &(i, recent) in row {
                    // An answer about another list fits no longer.
                    let gone = there
                        .as_ref()
                        .is_some_and(|there| there.len() == recents.len() && there.get(i) == Some(&false));
                    let picture = self.pictures.entry(recent.path.clone()).or_default();
                    let texture = recent.thumbnail.clone().and_then(|name| {
                        let cache = session.cache().clone();
                        let called = format!("{name} {version}");
                        let load = move || pictures::decode(&cache.thumbnail(&name)?);
                        picture.texture(&called, load, ui.ctx(), wake).cloned()
                    });
                    ui.push_id(&recent.path, |ui| card(ui, recent, texture.as_ref(), gone, width, wishes));
                }
            });
            ui.add_space(SPACE_8);
        }
    }
}

fn card(
    ui: &mut Ui,
    recent: &Recent,
    texture: Option<&egui::TextureHandle>,
    gone: bool,
    width: f32,
    wishes: &mut Wishes,
) {
    let theme = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(width, CARD), Sense::click());
    let documents = format::plural(recent.rows as usize, "document", "documents");
    let name = if gone {
        format!("{}, {documents}, not found", recent.name)
    } else {
        format!("Open {}, {documents}", recent.name)
    };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    let close = Rect::from_min_size(rect.right_top() + vec2(-CLOSE - 6.0, 6.0), Vec2::splat(CLOSE));
    let over = ui.rect_contains_pointer(rect);
    let hovered = response.hovered() || (over && response.contains_pointer());
    let fill = if hovered { theme.hovered } else { theme.panel };
    ui.painter().rect_filled(rect, CornerRadius::same(CORNER), fill);
    let place = Rect::from_min_size(rect.min, vec2(rect.width(), PICTURE)).shrink(1.0);
    picture(ui, place, recent, texture, gone);
    lines(
        ui,
        Rect::from_min_max(pos2(rect.left(), rect.top() + PICTURE), rect.max),
        recent,
        &documents,
        gone,
    );
    let ring = if response.has_focus() { Stroke::new(1.5, theme.accent) } else { theme.line() };
    ui.painter().rect_stroke(rect, CornerRadius::same(CORNER), ring, StrokeKind::Inside);

    let take_away =
        close_button(ui, response.id, close, over, &format!("Remove {} from the list", recent.name));
    if take_away.clicked() {
        wishes.push(Command::ForgetRecent(recent.path.clone()));
    } else if response.clicked() && !gone {
        wishes.push(Command::Open(vec![recent.path.clone()]));
    }
    menu(&response, recent, gone, wishes);
    let tip = if gone { "Not found: " } else { "" };
    response.on_hover_text(format!("{tip}{}", recent.path.display()));
}

/// What a right click offers, and any click on a file that is gone.
fn menu(response: &Response, recent: &Recent, gone: bool, wishes: &mut Wishes) {
    let asked = response.secondary_clicked() || (gone && response.clicked());
    // It hangs from the card, not from the pointer: a click may come from the keyboard.
    Popup::menu(response)
        .open_memory(asked.then_some(SetOpenCommand::Bool(true)))
        .close_behavior(PopupCloseBehavior::CloseOnClick)
        .show(|ui| {
            ui.set_min_width(220.0);
            if gone {
                widgets::caption(
                    ui,
                    "This file is not where it was. It may have been moved, renamed or deleted.",
                );
                ui.add_space(SPACE_4);
            } else if ui.add(entry(icons::FOLDER_OPEN, "Open")).clicked() {
                wishes.push(Command::Open(vec![recent.path.clone()]));
            }
            let folder = recent.path.parent().filter(|_| !gone);
            if let Some(folder) = folder
                && ui.add(entry(icons::ARROW_SQUARE_OUT, "Show in its folder")).clicked()
            {
                wishes.act(Action::Reveal(folder.to_owned()));
            }
            if ui.add(entry(icons::X, "Remove from the list")).clicked() {
                wishes.push(Command::ForgetRecent(recent.path.clone()));
            }
        });
}

fn entry<'a>(glyph: &'a str, name: &'a str) -> egui::Button<'a> {
    egui::Button::new((glyph, name)).frame_when_inactive(false)
}

/// The picture of the map, in the colours of the present theme; an icon where there is none.
fn picture(ui: &Ui, place: Rect, recent: &Recent, texture: Option<&egui::TextureHandle>, gone: bool) {
    let theme = Theme::of(ui);
    let corners = CornerRadius { nw: CORNER - 1, ne: CORNER - 1, sw: 0, se: 0 };
    ui.painter().rect_filled(place, corners, theme.background);
    let Some(texture) = texture else {
        let glyph = if is_project(&recent.path) { icons::CHART_SCATTER } else { icons::FILE_TEXT };
        let colour = theme.muted.gamma_multiply(if gone { FADED } else { 1.0 });
        ui.painter().text(place.center(), Align2::CENTER_CENTER, glyph, FontId::proportional(28.0), colour);
        return;
    };
    let (width, height) = (thumbnails::SIZE.0 as f32, thumbnails::SIZE.1 as f32);
    let scale = (place.width() / width).max(place.height() / height);
    let shown = vec2(place.width() / (scale * width), place.height() / (scale * height));
    let part = thumbnails::part(theme.dark);
    let (middle, tall) = (0.5 * (part.start() + part.end()), part.end() - part.start());
    let uv = Rect::from_center_size(pos2(0.5, middle), vec2(shown.x, shown.y * tall));
    let tint = Color32::WHITE.gamma_multiply(if gone { FADED } else { 1.0 });
    egui::Image::from_texture(texture).uv(uv).tint(tint).corner_radius(corners).paint_at(ui, place);
}

fn lines(ui: &Ui, rect: Rect, recent: &Recent, documents: &str, gone: bool) {
    let theme = Theme::of(ui);
    let inner = rect.shrink2(vec2(SPACE_12, 6.0));
    let (mut above, mut below) = (inner, inner);
    above.max.y = inner.center().y;
    below.min.y = inner.center().y;
    let colour = if gone { theme.muted } else { theme.text };
    widgets::line(ui, above, Side::Left, recent.name.as_str(), theme::strong(), colour);
    if gone {
        let text = format!("{} Not found", icons::WARNING);
        widgets::line(ui, below, Side::Left, text, TextStyle::Small, theme.warning);
        return;
    }
    let folder =
        recent.path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let folder =
        folder.map(|folder| format!(" · {}", format::elide_middle(&folder, FOLDER))).unwrap_or_default();
    widgets::line(ui, below, Side::Left, format!("{documents}{folder}"), TextStyle::Small, theme.muted);
}

fn is_project(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "semascope")
}

/// A round button on the picture, painted only while the pointer is over the card or the keyboard on the button.
fn close_button(ui: &Ui, card: Id, rect: Rect, over: bool, name: &str) -> Response {
    let theme = Theme::of(ui);
    let response = ui.interact(rect, card.with("close"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    if over || response.has_focus() {
        let fill = if response.hovered() { theme.pressed } else { theme.raised };
        let ring = if response.has_focus() { Stroke::new(1.5, theme.accent) } else { theme.line() };
        ui.painter().circle(rect.center(), 0.5 * CLOSE, fill, ring);
        let colour = if response.hovered() { theme.text } else { theme.muted };
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, icons::X, FontId::proportional(12.0), colour);
    }
    response.on_hover_text("Remove from the list")
}
