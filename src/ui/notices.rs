//! Notices: what happened to what, and a button that mends it.

use std::time::{Duration, Instant};

use egui::{Align2, Area, Context, Id, Order, RichText, TextStyle, vec2};

use crate::session::{Command, Notice, NoticeAction, Severity};

use super::hand_sheet::Task;
use super::icons;
use super::theme::{SPACE_8, SPACE_12, STATUS_BAR, Theme};
use super::widgets;
use super::wishes::{Action, Sheet, Wishes};

/// How wide a notice is.
const WIDTH: f32 = 340.0;
/// At most this many show at a time; older ones are in the log.
const SHOWN: usize = 4;
/// How long news stay. Errors stay until they are closed.
const INFO_STAYS: Duration = Duration::from_secs(6);
const WARNING_STAYS: Duration = Duration::from_secs(14);

/// The notices that are showing.
#[derive(Default)]
pub struct Notices {
    showing: Vec<Showing>,
    next: u64,
}

struct Showing {
    id: u64,
    notice: Notice,
    until: Option<Instant>,
}

impl Notices {
    /// Takes in a notice and writes it to the log.
    pub fn add(&mut self, notice: Notice) {
        match notice.severity {
            Severity::Info => tracing::info!("{}", notice.text),
            Severity::Warning => tracing::warn!("{}", notice.text),
            Severity::Error => tracing::error!("{}", notice.text),
        }
        let stays = match notice.severity {
            Severity::Info => Some(INFO_STAYS),
            Severity::Warning => Some(WARNING_STAYS),
            Severity::Error => None,
        };
        // The same sentence again takes the place of the first.
        self.showing.retain(|showing| showing.notice != notice);
        if self.showing.len() == SHOWN {
            self.showing.remove(0);
        }
        let until = stays.map(|stays| Instant::now() + stays);
        self.showing.push(Showing { id: self.next, notice, until });
        self.next += 1;
    }

    /// Draws them above the status bar, newest below.
    pub fn show(&mut self, ctx: &Context, wishes: &mut Wishes) {
        let now = Instant::now();
        self.showing.retain(|showing| showing.until.is_none_or(|until| until > now));
        if let Some(first) = self.showing.iter().filter_map(|showing| showing.until).min() {
            ctx.request_repaint_after(first.saturating_duration_since(now));
        }
        if self.showing.is_empty() {
            return;
        }
        let mut closed = None;
        Area::new(Id::unique("notices"))
            .order(Order::Foreground)
            .anchor(Align2::RIGHT_BOTTOM, vec2(-SPACE_12, -(STATUS_BAR + SPACE_12)))
            .accessible_name("Notices")
            .show(ctx, |ui| {
                ui.spacing_mut().item_spacing.y = SPACE_8;
                for showing in &mut self.showing {
                    let frame = Theme::of(ui).popover_frame().show(ui, |ui| {
                        ui.push_id(showing.id, |ui| notice(ui, &showing.notice, wishes)).inner
                    });
                    if frame.inner {
                        closed = Some(showing.id);
                    }
                    // A notice that is being read does not go away.
                    if frame.response.contains_pointer()
                        && let Some(until) = &mut showing.until
                    {
                        *until = (*until).max(now + Duration::from_secs(2));
                    }
                }
            });
        if let Some(id) = closed {
            self.showing.retain(|showing| showing.id != id);
        }
    }
}

/// Draws one notice; returns whether it is done with.
fn notice(ui: &mut egui::Ui, notice: &Notice, wishes: &mut Wishes) -> bool {
    let theme = Theme::of(ui);
    let (glyph, colour) = match notice.severity {
        Severity::Info => (icons::INFO, theme.accent),
        Severity::Warning => (icons::WARNING, theme.warning),
        Severity::Error => (icons::WARNING_CIRCLE, theme.error),
    };
    let mut done = false;
    ui.set_width(WIDTH);
    ui.horizontal_top(|ui| {
        ui.label(widgets::icon(glyph).color(colour));
        ui.vertical(|ui| {
            ui.set_width(WIDTH - 64.0);
            ui.add(egui::Label::new(&notice.text).wrap().selectable(true));
            if let Some((caption, action)) = &notice.action
                && ui.add(egui::Button::new(RichText::new(caption).text_style(TextStyle::Body))).clicked()
            {
                done = true;
                match action {
                    NoticeAction::Recompute(step) => wishes.push(Command::Recompute(*step)),
                    NoticeAction::Reveal(path) => wishes.act(Action::Reveal(path.clone())),
                    NoticeAction::ShowEdits => wishes.act(Action::ShowEdits),
                    NoticeAction::ComputeMissing => wishes.push(Command::ComputeMissing),
                    NoticeAction::Undo => wishes.push(Command::Undo),
                    NoticeAction::Revert => wishes.act(Action::Ask(Task::Revert)),
                    NoticeAction::ReportProblem => wishes.act(Action::Open(Sheet::Problem)),
                }
            }
        });
        done |= widgets::icon_button(ui, icons::X, "Close notice", "").clicked();
    });
    done
}
