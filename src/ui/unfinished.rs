//! Work that was left behind when the program ended, as cards on the first page: to go on with, or to let go.

use std::path::PathBuf;
use std::time::SystemTime;

use egui::{CornerRadius, Rect, RichText, StrokeKind, TextStyle, Ui, vec2};

use crate::io::work::Unfinished;
use crate::session::Command;

use super::format;
use super::theme::{self, SPACE_8, SPACE_12, SPACE_16, Theme};
use super::widgets::{self, Side};
use super::wishes::Wishes;

/// Cards in a row, and the height of one, in points.
const COLUMNS: usize = 2;
const CARD: f32 = 52.0;
/// What the heading takes, and the space below.
const HEADING: f32 = 44.0;
/// Cards shown before a person asks for all.
const FIRST: usize = 2;
/// Room for the buttons of a card.
const BUTTONS: f32 = 168.0;
/// Corners of cards.
const CORNER: u8 = 8;

/// What the page remembers of the cards between frames.
#[derive(Default)]
pub struct UnfinishedWork {
    all: bool,
    /// The card that asks whether it may be discarded.
    asking: Option<PathBuf>,
}

impl UnfinishedWork {
    fn shown(&self, work: &[Unfinished]) -> usize {
        if self.all { work.len() } else { work.len().min(FIRST) }
    }

    /// What the cards take, in points; 0 without any.
    pub fn height(&self, work: &[Unfinished]) -> f32 {
        let rows = self.shown(work).div_ceil(COLUMNS);
        if rows == 0 { 0.0 } else { HEADING + rows as f32 * (CARD + SPACE_8) }
    }

    /// Draws the cards.
    pub fn show(&mut self, ui: &mut Ui, work: &[Unfinished], wishes: &mut Wishes) {
        ui.horizontal(|ui| {
            widgets::section(ui, "Go on where you left off");
            widgets::caption(ui, "Not saved to a file yet; everything is here.");
            if work.len() > FIRST {
                let text = if self.all { "Show fewer".into() } else { format!("Show all {}", work.len()) };
                if widgets::small_link(ui, &text).clicked() {
                    self.all = !self.all;
                }
            }
        });
        let width = (ui.available_width() - SPACE_16) / COLUMNS as f32;
        for row in work[..self.shown(work)].chunks(COLUMNS) {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = SPACE_16;
                for one in row {
                    ui.push_id(&one.folder, |ui| self.card(ui, one, width, wishes));
                }
            });
        }
        ui.add_space(SPACE_12);
    }

    fn card(&mut self, ui: &mut Ui, work: &Unfinished, width: f32, wishes: &mut Wishes) {
        let theme = Theme::of(ui);
        let (rect, _) = ui.allocate_exact_size(vec2(width, CARD), egui::Sense::hover());
        let corner = CornerRadius::same(CORNER);
        ui.painter().rect_filled(rect, corner, theme.panel);
        ui.painter().rect_stroke(rect, corner, theme.line(), StrokeKind::Inside);
        let inner = rect.shrink2(vec2(SPACE_12, SPACE_8));
        let asking = self.asking.as_ref() == Some(&work.folder);
        let mut texts = inner;
        texts.max.x -= BUTTONS + SPACE_8;
        lines(ui, texts, work, asking);
        let place = Rect::from_min_max(egui::pos2(inner.right() - BUTTONS, inner.top()), inner.max);
        let layout = egui::Layout::right_to_left(egui::Align::Center);
        let mut buttons = ui.new_child(egui::UiBuilder::new().max_rect(place).layout(layout));
        let name = &work.name;
        let button = |ui: &mut Ui, caption: &str, strong: bool, tip: String| {
            let text = RichText::new(caption);
            let button = match strong {
                true => egui::Button::new(text.color(theme.on_accent)).fill(theme.accent),
                false => egui::Button::new(text),
            };
            let response = ui.add(button);
            let label = tip.clone();
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &label));
            response.on_hover_text(tip).clicked()
        };
        if asking {
            if button(&mut buttons, "Discard", false, format!("Discard {name} for good")) {
                wishes.push(Command::DiscardWork(work.folder.clone()));
                self.asking = None;
            }
            if button(&mut buttons, "Keep", false, format!("Keep {name}")) {
                self.asking = None;
            }
            return;
        }
        if button(&mut buttons, "Continue", true, format!("Continue with {name}")) {
            wishes.push(Command::Resume(work.folder.clone()));
        }
        if button(&mut buttons, "Discard", false, format!("Discard {name}")) {
            self.asking = Some(work.folder.clone());
        }
    }
}

fn lines(ui: &mut Ui, rect: Rect, work: &Unfinished, asking: bool) {
    let theme = Theme::of(ui);
    let (mut above, mut below) = (rect, rect);
    above.max.y = rect.center().y;
    below.min.y = rect.center().y;
    if asking {
        let title = format!("Discard “{}”?", work.name);
        widgets::line(ui, above, Side::Left, title, theme::strong(), theme.text);
        widgets::line(ui, below, Side::Left, "It cannot be brought back.", TextStyle::Small, theme.muted);
        return;
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64);
    let done = match work.deeds {
        0 => "computed, nothing done by hand".to_owned(),
        1 => format!("1 change: {}", work.last),
        deeds => format!("{} changes; the last: {}", format::len(deeds), work.last),
    };
    let documents = format::plural(work.rows as usize, "document", "documents");
    let mut name = above;
    let taken = widgets::line(ui, name, Side::Left, work.name.as_str(), theme::strong(), theme.text);
    name.min.x += taken + SPACE_8;
    if name.width() > 40.0 {
        widgets::line(ui, name, Side::Left, documents.as_str(), TextStyle::Small, theme.muted);
    }
    let ago = format::ago(work.changed, now);
    widgets::line(ui, below, Side::Left, format!("{ago} · {done}"), TextStyle::Small, theme.muted);
    let label = ui.interact(rect, ui.scope_id().with("lines"), egui::Sense::hover());
    let told = format!("{}, {documents}, {ago}, {done}", work.name);
    label.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &told));
    let from = work.project.as_ref().or(work.source.as_ref());
    let from = from.map(|path| format!("\n{}", path.display())).unwrap_or_default();
    label.on_hover_text(format!("{told}{from}"));
}
