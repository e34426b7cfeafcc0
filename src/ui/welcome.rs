//! The first page: what this is, where to drop a file, three samples, and what was open before.

use egui::{
    Align2, Color32, CornerRadius, FontId, Pos2, Rect, RichText, Sense, Shape, Stroke, TextStyle, Ui, pos2,
    vec2,
};

use crate::io::mapped;
use crate::model::assets_dir;
use crate::session::{Command, Sample, Session, Wake};
use crate::view::colour::MapTheme;
use crate::view::palette::Palette;

use super::format;
use super::icons;
use super::pictures::{self, Picture};
use super::recent_files::{self, RecentFiles};
use super::theme::{self, SPACE_4, SPACE_8, SPACE_12, SPACE_16, SPACE_24, Theme};
use super::unfinished::UnfinishedWork;
use super::widgets::{self, Side};
use super::wishes::{Action, Wishes};

/// The page's column, and its parts' heights: together they fit a window of 1280 × 800.
const WIDTH: f32 = 944.0;
const DROP_ZONE: f32 = 168.0;
const CARD: f32 = 212.0;
const PICTURE: f32 = 124.0;
/// The place for files on the page that shows recent ones.
const DROP_STRIP: f32 = 72.0;
/// What a row of recent files takes.
const RECENT_ROW: f32 = recent_files::CARD + 3.0 * SPACE_8;
/// Heights of the page without recent files, and of the page with them but for their rows.
const FIRST_PAGE: f32 = 560.0;
const RETURNING_PAGE: f32 = 460.0;
/// What can be dropped on the window.
const WHAT_OPENS: &str = "CSV, TSV, JSON, JSON Lines or plain text, also gzipped · word vectors · vectors (.npy) together \
                          with their table · a project";
/// Dots of the picture that stands in where a sample has none.
const DOTS: usize = 420;
const BLOBS: u32 = 9;

/// What the page remembers between frames.
#[derive(Default)]
pub struct Welcome {
    pictures: [Picture; Sample::ALL.len()],
    recents: RecentFiles,
    unfinished: UnfinishedWork,
    /// Dots of each stand-in: place in the unit square, and a code of the palette.
    dots: [Vec<(Pos2, u32)>; Sample::ALL.len()],
}

/// Draws the page; `version` changes whenever the picture of a recent file was written anew.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    state: &mut Welcome,
    version: u64,
    wake: &Wake,
    wishes: &mut Wishes,
) {
    let theme = Theme::of(ui);
    let page = ui.available_rect_before_wrap();
    ui.painter().rect_filled(page, 0.0, theme.background);
    let width = WIDTH.min(page.width() - 2.0 * SPACE_24);
    // Who comes back wants what was open before; who is new wants to be told what to do.
    let left = state.unfinished.height(session.unfinished());
    let rows = rows_of_recents(session.settings().recents.len(), page.height() - left);
    let needed = left + if rows == 0 { FIRST_PAGE } else { RETURNING_PAGE + rows as f32 * RECENT_ROW };
    let top = (0.4 * (page.height() - needed)).max(SPACE_12);
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let column = Rect::from_min_size(
            pos2(page.center().x - 0.5 * width, ui.min_rect().top() + top),
            vec2(width, needed),
        );
        ui.scope_builder(egui::UiBuilder::new().max_rect(column), |ui| {
            ui.spacing_mut().item_spacing.y = SPACE_8;
            ui.label(RichText::new("Semascope").text_style(theme::display()));
            widgets::muted(ui, "See what a collection of texts is about: as a map, in clusters with names. Everything stays on this machine.");
            ui.add_space(SPACE_8);
            if left > 0.0 {
                state.unfinished.show(ui, session.unfinished(), wishes);
            }
            if rows == 0 {
                drop_zone(ui, session, wishes);
            } else {
                drop_strip(ui, session, wishes);
                ui.add_space(SPACE_12);
                widgets::section(ui, "Recent");
                state.recents.show(ui, session, version, rows, wake, wishes);
            }
            ui.add_space(SPACE_12);
            widgets::section(ui, "Samples");
            samples(ui, state, wake, wishes);
        });
    });
}

/// How many rows of recent files go onto a page without its samples leaving it.
fn rows_of_recents(recents: usize, height: f32) -> usize {
    let room = ((height - RETURNING_PAGE - SPACE_24) / RECENT_ROW).floor().max(1.0) as usize;
    recents.div_ceil(recent_files::COLUMNS).min(room)
}

fn drop_zone(ui: &mut Ui, session: &Session, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    let rect = drop_ground(ui, DROP_ZONE);
    let mut inside = ui.new_child(egui::UiBuilder::new().max_rect(rect.shrink(SPACE_16)));
    inside.vertical_centered(|ui| {
        if let Some((path, progress)) = session.loading() {
            ui.add_space(SPACE_24 + SPACE_8);
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            ui.label(
                RichText::new(format!("Opening {}…", format::elide_middle(&name, 60)))
                    .text_style(theme::title()),
            );
            let progress = progress.as_ref().map_or_else(String::new, super::status_bar::text);
            widgets::muted(ui, progress);
            if ui.button("Stop").clicked() {
                wishes.push(Command::StopAll);
            }
            return;
        }
        ui.label(RichText::new(icons::TRAY_ARROW_DOWN).size(28.0).color(theme.accent));
        ui.label(RichText::new("Drop a file here").text_style(theme::title()));
        widgets::caption(ui, WHAT_OPENS);
        ui.add_space(SPACE_4);
        if widgets::primary_button(ui, "Open…").clicked() {
            wishes.act(Action::PickFiles);
        }
    });
}

/// Where files are dropped on the page of somebody who comes back: one line that leaves room for recent files.
fn drop_strip(ui: &mut Ui, session: &Session, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    let rect = drop_ground(ui, DROP_STRIP);
    let inner = rect.shrink2(vec2(SPACE_24, SPACE_12));
    let mut button = ui.new_child(
        egui::UiBuilder::new().max_rect(inner).layout(egui::Layout::right_to_left(egui::Align::Center)),
    );
    let loading = session.loading();
    if loading.is_some() {
        if widgets::plain_button(&mut button, "Stop").clicked() {
            wishes.push(Command::StopAll);
        }
    } else if widgets::primary_button(&mut button, "Open…").clicked() {
        wishes.act(Action::PickFiles);
    }
    let icon = pos2(inner.left() + SPACE_12, inner.center().y);
    let font = FontId::proportional(28.0);
    ui.painter().text(icon, Align2::CENTER_CENTER, icons::TRAY_ARROW_DOWN, font, theme.accent);
    let mut text = inner;
    text.min.x += 44.0;
    text.max.x = button.min_rect().left() - SPACE_16;
    let mut texts = ui.new_child(egui::UiBuilder::new().max_rect(text.shrink2(vec2(0.0, SPACE_4))));
    texts.spacing_mut().item_spacing.y = 2.0;
    match loading {
        Some((path, progress)) => {
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let title = format!("Opening {}…", format::elide_middle(&name, 60));
            texts.label(RichText::new(title).text_style(theme::title()));
            widgets::muted(&mut texts, progress.as_ref().map_or_else(String::new, super::status_bar::text));
        }
        None => {
            texts.label(RichText::new("Drop a file here").text_style(theme::title()));
            widgets::caption(&mut texts, WHAT_OPENS);
        }
    }
}

/// The dashed ground of the place for files.
fn drop_ground(ui: &mut Ui, height: f32) -> Rect {
    let theme = Theme::of(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    ui.painter().rect_filled(rect, CornerRadius::same(10), theme.panel);
    dashes(ui, rect, theme.bar);
    rect
}

/// A dashed line round a rectangle.
pub fn dashes(ui: &Ui, rect: Rect, colour: Color32) {
    let radius = 10.0;
    let inner = rect.shrink(0.5);
    let corner = |centre: Pos2, from: f32| {
        (0..=6).map(move |i| {
            let angle = (from + 15.0 * i as f32).to_radians();
            centre + radius * vec2(angle.cos(), angle.sin())
        })
    };
    let core = inner.shrink(radius);
    let mut outline: Vec<Pos2> = corner(core.left_top(), 180.0)
        .chain(corner(core.right_top(), 270.0))
        .chain(corner(core.right_bottom(), 0.0))
        .chain(corner(core.left_bottom(), 90.0))
        .collect();
    outline.push(outline[0]);
    ui.painter().extend(Shape::dashed_line(&outline, Stroke::new(1.0, colour), 5.0, 4.0));
}

/// What to expect of a sample, in one line.
fn expect(sample: Sample) -> &'static str {
    match sample {
        Sample::Arxiv => "2,000 abstracts",
        Sample::Banking => "10,003 short questions",
        Sample::Glove => "20,000 words · vectors included",
    }
}

fn samples(ui: &mut Ui, state: &mut Welcome, wake: &Wake, wishes: &mut Wishes) {
    let width = (ui.available_width() - 2.0 * SPACE_16) / 3.0;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_16;
        for (i, sample) in Sample::ALL.into_iter().enumerate() {
            ui.allocate_ui(vec2(width, CARD), |ui| {
                if card(ui, state, i, sample, wake) {
                    wishes.push(Command::OpenSample(sample));
                }
            });
        }
    });
}

fn card(ui: &mut Ui, state: &mut Welcome, i: usize, sample: Sample, wake: &Wake) -> bool {
    let theme = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), CARD), Sense::click());
    let name = format!("{}: {}", sample.title(), sample.description());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
    let radius = CornerRadius::same(8);
    ui.painter().rect_filled(rect, radius, if response.hovered() { theme.hovered } else { theme.panel });
    let ring = if response.has_focus() { Stroke::new(1.5, theme.accent) } else { theme.line() };
    ui.painter().rect_stroke(rect, radius, ring, egui::StrokeKind::Inside);
    let picture = Rect::from_min_size(rect.min, vec2(rect.width(), PICTURE)).shrink(1.0);
    let file = assets_dir().ok().map(|assets| assets.join("samples").join(picture_of(sample, theme.dark)));
    let texture = file.and_then(|file| {
        let name = file.to_string_lossy().into_owned();
        let load = move || mapped::bytes(&file).ok().and_then(|bytes| pictures::decode((*bytes).as_ref()));
        state.pictures[i].texture(&name, load, ui.ctx(), wake)
    });
    match texture {
        Some(texture) => {
            // The picture fills its place, cut at the sides or above and below as its form asks.
            let size = texture.size_vec2();
            let scale = (picture.width() / size.x).max(picture.height() / size.y);
            let shown = picture.size() / (scale * size);
            let uv = Rect::from_center_size(pos2(0.5, 0.5), shown);
            let corners = CornerRadius { nw: 8, ne: 8, sw: 0, se: 0 };
            egui::Image::from_texture(texture).uv(uv).corner_radius(corners).paint_at(ui, picture);
        }
        None => dots(ui, picture, &mut state.dots[i], i),
    }
    let text =
        Rect::from_min_max(pos2(rect.left(), picture.bottom()), rect.max).shrink2(vec2(SPACE_12, SPACE_8));
    let mut lines = text;
    lines.set_height(22.0);
    widgets::line(ui, lines, Side::Left, sample.title(), theme::strong(), theme.text);
    let galley = ui.painter().layout(
        sample.description().to_owned(),
        TextStyle::Small.resolve(ui.style()),
        theme.muted,
        text.width(),
    );
    ui.painter().galley(pos2(text.left(), lines.bottom() + 2.0), galley, theme.muted);
    let foot = Rect::from_min_max(pos2(text.left(), text.bottom() - 14.0), text.max);
    widgets::line(ui, foot, Side::Left, expect(sample), TextStyle::Small, theme.muted);
    response.clicked()
}

fn picture_of(sample: Sample, dark: bool) -> String {
    let stem = sample.file().split('.').next().unwrap_or_default();
    format!("{stem}-{}.png", if dark { "dark" } else { "light" })
}

/// Groups of dots, the same each time, as a map would look.
fn dots(ui: &Ui, rect: Rect, dots: &mut Vec<(Pos2, u32)>, seed: usize) {
    if dots.is_empty() {
        let mut state = 0x9E37_79B9u32.wrapping_mul(seed as u32 + 1);
        let mut next = || {
            // xorshift32 (Marsaglia 2003): good enough for a decoration.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / u32::MAX as f32
        };
        let centres: Vec<Pos2> = (0..BLOBS).map(|_| pos2(0.12 + 0.76 * next(), 0.2 + 0.6 * next())).collect();
        *dots = (0..DOTS)
            .map(|_| {
                let blob = ((next() * next() * BLOBS as f32) as u32).min(BLOBS - 1);
                let (r, angle) = (0.09 * (next() + next()), std::f32::consts::TAU * next());
                (centres[blob as usize] + r * vec2(0.6 * angle.cos(), 1.2 * angle.sin()), blob)
            })
            .collect();
    }
    let dark = Theme::of(ui).dark;
    let corners = CornerRadius { nw: 8, ne: 8, sw: 0, se: 0 };
    ui.painter().rect_filled(rect, corners, Theme::of(ui).background);
    let palette = Palette::of(MapTheme::of(dark));
    let painter = ui.painter_at(rect);
    for &(place, code) in dots.iter() {
        let [r, g, b] = palette.colour(code);
        let at = rect.min + place.to_vec2() * rect.size();
        painter.circle_filled(at, 1.6, Color32::from_rgb(r, g, b).gamma_multiply(0.75));
    }
}

/// What shows while files are held over the window.
pub fn drop_overlay(ctx: &egui::Context) {
    let theme = Theme::of_context(ctx);
    let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop overlay"));
    let painter = ctx.layer_painter(layer);
    let rect = ctx.content_rect();
    painter.rect_filled(rect, 0.0, theme.veil);
    let zone = rect.shrink(SPACE_24);
    painter.rect_stroke(zone, 10.0, Stroke::new(2.0, theme.accent), egui::StrokeKind::Inside);
    let plate = Rect::from_center_size(zone.center(), vec2(260.0, 96.0));
    painter.rect_filled(plate, 10.0, theme.raised);
    painter.text(
        plate.center() - vec2(0.0, 16.0),
        Align2::CENTER_CENTER,
        icons::TRAY_ARROW_DOWN,
        FontId::proportional(28.0),
        theme.accent,
    );
    let font = FontId::new(15.0, theme::semibold());
    painter.text(plate.center() + vec2(0.0, 20.0), Align2::CENTER_CENTER, "Drop to open", font, theme.text);
}
