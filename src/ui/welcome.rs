//! The first page: what this is, where to drop a file, three samples, and what was open before.

use egui::{
    Align2, Color32, CornerRadius, FontId, Pos2, Rect, RichText, Sense, Shape, Stroke, TextStyle, Ui, pos2,
    vec2,
};

use crate::io::settings::Recent;
use crate::model::assets_dir;
use crate::session::{Command, Sample, Session, Wake};
use crate::view::colour::MapTheme;
use crate::view::palette::Palette;

use super::format;
use super::icons;
use super::pictures::Picture;
use super::theme::{self, SPACE_4, SPACE_8, SPACE_12, SPACE_16, SPACE_24, Theme};
use super::widgets::{self, Side};
use super::wishes::{Action, Wishes};

/// The page's column, and its parts' heights: together they fit a window of 1280 × 800.
const WIDTH: f32 = 944.0;
const DROP_ZONE: f32 = 168.0;
const CARD: f32 = 212.0;
const PICTURE: f32 = 124.0;
const RECENT: f32 = 44.0;
/// Recent files in a row, and rows.
const RECENT_COLUMNS: usize = 3;
const RECENT_ROWS: usize = 2;
/// Dots of the picture that stands in where a sample has none.
const DOTS: usize = 420;
const BLOBS: u32 = 9;

/// What the page remembers between frames.
#[derive(Default)]
pub struct Welcome {
    pictures: [Picture; Sample::ALL.len()],
    /// Dots of each stand-in: place in the unit square, and a code of the palette.
    dots: [Vec<(Pos2, u32)>; Sample::ALL.len()],
}

/// Draws the page.
pub fn show(ui: &mut Ui, session: &Session, state: &mut Welcome, wake: &Wake, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    let page = ui.available_rect_before_wrap();
    ui.painter().rect_filled(page, 0.0, theme.background);
    let width = WIDTH.min(page.width() - 2.0 * SPACE_24);
    let recents = recents(session);
    let rows = recents.len().div_ceil(RECENT_COLUMNS);
    let needed = 700.0 - if rows == 0 { 140.0 } else { (RECENT_ROWS - rows) as f32 * (RECENT + SPACE_8) };
    let top = page.top() + (0.4 * (page.height() - needed)).max(SPACE_24);
    let column =
        Rect::from_min_size(pos2(page.center().x - 0.5 * width, top), vec2(width, page.bottom() - top));
    ui.scope_builder(egui::UiBuilder::new().max_rect(column), |ui| {
        ui.spacing_mut().item_spacing.y = SPACE_8;
        ui.label(RichText::new("Semascope").text_style(theme::display()));
        widgets::muted(ui, "See what a collection of texts is about: as a map, in clusters with names. Everything stays on this machine.");
        ui.add_space(SPACE_8);
        drop_zone(ui, session, wishes);
        ui.add_space(SPACE_12);
        widgets::section(ui, "Samples");
        samples(ui, state, wake, wishes);
        if !recents.is_empty() {
            ui.add_space(SPACE_12);
            widgets::section(ui, "Recent");
            recent_files(ui, recents, wishes);
        }
    });
}

fn recents(session: &Session) -> &[Recent] {
    let all = &session.settings().recents;
    &all[..all.len().min(RECENT_COLUMNS * RECENT_ROWS)]
}

fn drop_zone(ui: &mut Ui, session: &Session, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), DROP_ZONE), Sense::hover());
    ui.painter().rect_filled(rect, CornerRadius::same(10), theme.panel);
    dashes(ui, rect, theme.bar);
    let mut inside = ui.new_child(egui::UiBuilder::new().max_rect(rect.shrink(SPACE_16)));
    inside.vertical_centered(|ui| {
            if let Some((path, progress)) = session.loading() {
                ui.add_space(SPACE_24 + SPACE_8);
                let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
                ui.label(RichText::new(format!("Opening {}…", format::elide_middle(&name, 60))).text_style(theme::title()));
                let progress = progress.as_ref().map_or_else(String::new, super::status_bar::text);
                widgets::muted(ui, progress);
                if ui.button("Stop").clicked() {
                    wishes.push(Command::StopAll);
                }
                return;
            }
            ui.label(RichText::new(icons::TRAY_ARROW_DOWN).size(28.0).color(theme.accent));
            ui.label(RichText::new("Drop a file here").text_style(theme::title()));
            widgets::caption(
                ui,
                "CSV, TSV, JSON, JSON Lines or plain text, also gzipped · word vectors · vectors (.npy) together with their table · a project",
            );
            ui.add_space(SPACE_4);
            if widgets::primary_button(ui, "Open…").clicked() {
                wishes.act(Action::PickFiles);
            }
        });
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
    match file.and_then(|file| state.pictures[i].texture(file, ui.ctx(), wake)) {
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

fn recent_files(ui: &mut Ui, recents: &[Recent], wishes: &mut Wishes) {
    let width = (ui.available_width() - (RECENT_COLUMNS - 1) as f32 * SPACE_16) / RECENT_COLUMNS as f32;
    for row in recents.chunks(RECENT_COLUMNS) {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = SPACE_16;
            for recent in row {
                ui.allocate_ui(vec2(width, RECENT), |ui| {
                    if recent_file(ui, recent) {
                        wishes.push(Command::Open(vec![recent.path.clone()]));
                    }
                });
            }
        });
    }
}

fn recent_file(ui: &mut Ui, recent: &Recent) -> bool {
    let documents = format!("{} documents", format::count(recent.rows));
    let name = format!("Open {}, {documents}", recent.name);
    let folder = recent.path.parent().map_or_else(String::new, |folder| folder.display().to_string());
    let response = widgets::row(ui, RECENT, false, &name, |ui, rect| {
        let theme = Theme::of(ui);
        let inner = rect.shrink2(vec2(SPACE_8, SPACE_4));
        let at = pos2(inner.left() + 12.0, inner.center().y);
        let project = recent.path.extension().is_some_and(|extension| extension == "semascope");
        let glyph = if project { icons::CHART_SCATTER } else { icons::FILE_TEXT };
        ui.painter().text(at, Align2::CENTER_CENTER, glyph, FontId::proportional(20.0), theme.muted);
        let mut text = inner;
        text.min.x += 32.0;
        let (mut above, mut below) = (text, text);
        above.max.y = text.center().y;
        below.min.y = text.center().y;
        widgets::line(ui, above, Side::Left, recent.name.as_str(), TextStyle::Body, theme.text);
        let where_and_what = format!("{documents} · {}", format::elide_middle(&folder, 34));
        widgets::line(ui, below, Side::Left, where_and_what, TextStyle::Small, theme.muted);
    });
    response.on_hover_text(recent.path.display().to_string()).clicked()
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
