//! The line at the bottom: what runs, how far it is, how to stop it; and what the machine is asked to do.

use egui::{Align, CornerRadius, Layout, Rect, RichText, Sense, TextStyle, Ui, vec2};

use crate::job::Snapshot;
use crate::session::{Command, Session, Step, StepState, Study};

use super::format;
use super::icons;
use super::theme::{self, SPACE_8, SPACE_12, Theme};
use super::widgets;
use super::wishes::Wishes;

/// Length of the progress bar.
const BAR: f32 = 160.0;
const BAR_HEIGHT: f32 = 4.0;

/// Draws the bar; `device` is what it computes on.
pub fn show(ui: &mut Ui, session: &Session, device: &str, wishes: &mut Wishes) {
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_8;
        let reading = session
            .import_sheet()
            .and_then(|import| import.progress.clone())
            .map(|progress| (Work::Other, progress));
        if let (None, Some((path, None))) = (&reading, session.loading()) {
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            widgets::caption(ui, format!("Opening {}…", format::elide_middle(&name, 48)));
        }
        let other = |progress| (Work::Other, progress);
        let opening = session.loading().and_then(|(_, progress)| progress).map(other);
        let entering = session.entering().map(other);
        let growing = session.growing().and_then(|(_, progress)| progress).map(other);
        let writing = || session.writing().map(|progress| (Work::Writing, progress));
        match reading.or(opening).or(entering).or(growing).or_else(writing).or_else(|| running(session)) {
            Some((work, progress)) => {
                bar(ui, &progress);
                ui.label(RichText::new(text(&progress)).text_style(TextStyle::Small));
                let others =
                    Step::ALL.iter().filter(|s| matches!(session.step(**s).state, StepState::Running(_)));
                let others = others.count().saturating_sub(1);
                if others > 0 && matches!(work, Work::Step(_)) {
                    widgets::caption(
                        ui,
                        format!("and {}", format::plural(others, "other step", "other steps")),
                    );
                }
                let name = format!("Stop {}", progress.stage.to_lowercase());
                if widgets::icon_button(ui, icons::X, &name, "").clicked() {
                    wishes.push(match work {
                        Work::Step(step) => Command::Stop(step),
                        Work::Goal(goal) => Command::StopGoal(goal),
                        Work::Study(study) => Command::StopStudy(study),
                        Work::Writing => Command::StopWriting,
                        Work::Other if session.import_sheet().is_some() => Command::CancelImport,
                        Work::Other => Command::StopAll,
                    });
                }
            }
            None => {
                widgets::caption(ui, summary(session));
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = SPACE_12;
            sign(ui, icons::CPU, device, "What it computes on");
            sign(
                ui,
                icons::CLOUD_SLASH,
                "Offline",
                "Nothing leaves this machine: the program opens no connection",
            );
            ui.add_space(theme::SPACE_4);
        });
    });
}

fn sign(ui: &mut Ui, glyph: &str, text: &str, meaning: &str) {
    let theme = Theme::of(ui);
    let label = RichText::new(format!("{glyph} {text}")).text_style(TextStyle::Small).color(theme.muted);
    ui.label(label).on_hover_text(meaning);
}

/// What the progress is of, and so what its cross stops.
#[derive(Clone, Copy)]
enum Work {
    Step(Step),
    Goal(u32),
    Study(Study),
    /// A file that goes out.
    Writing,
    Other,
}

/// What runs: the last step that does, because earlier ones feed it, or else a goal.
fn running(session: &Session) -> Option<(Work, Snapshot)> {
    let step = Step::ALL.iter().rev().find_map(|&step| match session.step(step).state {
        StepState::Running(Some(progress)) => Some((Work::Step(step), progress)),
        _ => None,
    });
    step.or_else(|| {
        session.goals().find_map(|goal| match goal.state {
            StepState::Running(Some(progress)) => Some((Work::Goal(goal.asked.id), progress)),
            _ => None,
        })
    })
    .or_else(|| {
        Study::ALL.into_iter().find_map(|study| match session.study(study) {
            StepState::Running(Some(progress)) => Some((Work::Study(study), progress)),
            _ => None,
        })
    })
}

/// "Embedding 41,200 of 74,728 texts · 118/s · 4 min left".
pub fn text(progress: &Snapshot) -> String {
    format!("{} {}", progress.stage, figures(progress)).trim_end().to_owned()
}

/// The same without the stage's name.
pub fn figures(progress: &Snapshot) -> String {
    let done = format::count(progress.done);
    let mut parts = Vec::new();
    if progress.total > 0 {
        parts.push(format!("{done} of {} {}", format::count(progress.total), progress.unit));
    } else if progress.done > 0 {
        parts.push(format!("{done} {}", progress.unit));
    }
    parts.extend(progress.rate.map(format::rate));
    parts.extend(progress.left.map(|left| format!("{} left", format::duration(left))));
    parts.join(" · ")
}

fn bar(ui: &mut Ui, progress: &Snapshot) {
    let theme = Theme::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(BAR, BAR_HEIGHT), Sense::hover());
    let share = (progress.total > 0).then(|| (progress.done as f32 / progress.total as f32).clamp(0.0, 1.0));
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::Role::ProgressIndicator, true, &progress.stage);
        info.value = share.map(f64::from);
        info
    });
    let radius = CornerRadius::same(2);
    ui.painter().rect_filled(rect, radius, theme.pressed);
    // Without a total the bar stays faint as a whole: a moving stripe would repaint the window for nothing.
    let (width, colour) = match share {
        Some(share) => (BAR * share, theme.accent),
        None => (BAR, theme.accent.gamma_multiply(0.35)),
    };
    ui.painter().rect_filled(Rect::from_min_size(rect.min, vec2(width, BAR_HEIGHT)), radius, colour);
}

fn summary(session: &Session) -> String {
    let Some(corpus) = session.corpus() else { return "Ready".into() };
    let mut parts = vec![format::plural(corpus.len(), "document", "documents")];
    if session.clusters().is_some() {
        parts.push(format::plural(session.cluster_count(), "cluster", "clusters"));
    }
    if let Some(failed) = Step::ALL.iter().find(|s| matches!(session.step(**s).state, StepState::Failed(_))) {
        parts.push(format!("{} failed", failed.title().to_lowercase()));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn progress_reads_as_a_sentence() {
        let progress = Snapshot {
            stage: "Embedding".into(),
            unit: "texts",
            done: 41_200,
            total: 74_728,
            rate: Some(118.2),
            left: Some(Duration::from_secs(284)),
        };
        assert_eq!(text(&progress), "Embedding 41,200 of 74,728 texts · 118/s · 5 min left");
    }

    #[test]
    fn unknown_totals_and_rates_are_left_out() {
        let progress =
            Snapshot { stage: "Reading".into(), unit: "rows", done: 7, total: 0, rate: None, left: None };
        assert_eq!(text(&progress), "Reading 7 rows");
    }
}
