//! The panel at the left: the steps of the flow with their parameters, and the columns.

use std::collections::BTreeSet;

use egui::{Color32, Pos2, RichText, ScrollArea, Shape, Stroke, TextStyle, Ui, pos2, vec2};

use crate::data::{ColumnKind, MapQuality};
use crate::job::Snapshot;
use crate::session::{Command, Session, Step, StepState, StepStatus};
use crate::ui::facts::Facts;
use crate::ui::format;
use crate::ui::icons;
use crate::ui::theme::{self, ROW, SPACE_4, SPACE_8, SPACE_12, SPACE_16, Theme};
use crate::ui::widgets::{self, Side};
use crate::ui::wishes::Wishes;

use super::brush::BrushState;
use super::filters::FiltersState;
use super::{columns, filters, parameters};

/// Room for the state's dot at the left of a step.
const GUTTER: f32 = 18.0;
const DOT: f32 = 4.0;
/// Corners of the arc that shows progress.
const ARC: usize = 24;

/// Which steps show their parameters.
#[derive(Default)]
pub struct PipelineState {
    pub open: BTreeSet<Step>,
    filters: FiltersState,
    brushes: BrushState,
}

/// Draws the panel.
pub fn show(ui: &mut Ui, session: &Session, facts: &Facts, state: &mut PipelineState, wishes: &mut Wishes) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        widgets::section(ui, "Pipeline");
        ui.spacing_mut().item_spacing.y = 2.0;
        for step in Step::ALL {
            let status = session.step(step);
            if is_main(step) || needs_attention(&status.state) {
                one(ui, session, step, &status, state, wishes);
            }
            if step == Step::Map
                && let Some(figures) = session.quality()
            {
                quality(ui, figures);
            }
        }
        if let Some(corpus) = session.corpus()
            && (corpus.columns.iter().any(|column| column.typed.kind() != ColumnKind::Text)
                || session.filter().is_some_and(|filter| !filter.is_empty()))
        {
            ui.add_space(SPACE_12);
            filters::show(ui, session, corpus, &mut state.filters, wishes);
            columns::show(ui, session, corpus, facts, &mut state.brushes, wishes);
        }
    });
}

/// Steps that always show; the others follow from them and show only while there is something to say.
fn is_main(step: Step) -> bool {
    matches!(step, Step::Corpus | Step::Embed | Step::Neighbours | Step::Map | Step::Clusters)
}

fn needs_attention(state: &StepState) -> bool {
    matches!(state, StepState::Running(_) | StepState::Stale | StepState::Stopped | StepState::Failed(_))
}

fn one(
    ui: &mut Ui,
    session: &Session,
    step: Step,
    status: &StepStatus,
    state: &mut PipelineState,
    wishes: &mut Wishes,
) {
    let adjustable = parameters::has_some(step);
    let open = state.open.contains(&step);
    let word = in_words(&status.state);
    let figure = figure(status);
    let name = format!("{}, {word}{}{}", step.title(), if figure.is_empty() { "" } else { ", " }, figure);
    let response = widgets::row(ui, ROW, false, &name, |ui, rect| {
        let theme = Theme::of(ui);
        dot(ui, pos2(rect.left() + DOT + 1.0, rect.center().y), &status.state);
        let mut inner = rect;
        inner.min.x += GUTTER;
        if adjustable {
            let caret = if open { icons::CARET_DOWN } else { icons::CARET_RIGHT };
            let taken = widgets::line(ui, inner, Side::Right, caret, TextStyle::Small, theme.muted);
            inner.max.x -= taken + SPACE_4;
        } else {
            inner.max.x -= SPACE_16;
        }
        let colour = if status.state == StepState::Waiting { theme.muted } else { theme.text };
        let taken = widgets::line(ui, inner, Side::Left, step.title(), TextStyle::Body, colour);
        inner.min.x += taken + SPACE_8;
        widgets::line(ui, inner, Side::Right, figure.as_str(), TextStyle::Small, theme.muted);
    });
    if response.on_hover_ui(|ui| details(ui, step, status, word)).clicked()
        && adjustable
        && !state.open.remove(&step)
    {
        state.open.insert(step);
    }
    let shows_parameters = adjustable && state.open.contains(&step);
    if !shows_parameters && !has_buttons(&status.state) {
        return;
    }
    // What a person can do about it sits right below, where the cause is.
    indented(ui, |ui| {
        if let StepState::Failed(sentence) = &status.state {
            let theme = Theme::of(ui);
            let text = RichText::new(sentence).text_style(TextStyle::Small).color(theme.error);
            ui.add(egui::Label::new(text).wrap());
        }
        buttons(ui, step, &status.state, wishes);
        if shows_parameters {
            parameters::show(ui, session, step, wishes);
            ui.add_space(SPACE_8);
        }
    });
}

fn indented(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let left = ui.cursor().left() + GUTTER;
    let room =
        egui::Rect::from_min_max(pos2(left, ui.cursor().top()), pos2(ui.max_rect().right(), f32::INFINITY));
    ui.scope_builder(egui::UiBuilder::new().max_rect(room), |ui| contents(ui));
}

/// Whether there is something to do about a step.
fn has_buttons(state: &StepState) -> bool {
    !matches!(state, StepState::Waiting | StepState::Done)
}

fn buttons(ui: &mut Ui, step: Step, state: &StepState, wishes: &mut Wishes) {
    type Choice = (&'static str, fn(Step) -> Command);
    let choices: &[Choice] = match (step, state) {
        (_, StepState::Running(_)) => &[("Stop", Command::Stop)],
        (Step::Map, StepState::Stopped) => {
            &[("Continue", |_| Command::ContinueMap), ("Start again", Command::Recompute)]
        }
        (_, StepState::Stopped) => &[("Start again", Command::Recompute)],
        (_, StepState::Failed(_)) => &[("Try again", Command::Recompute)],
        (_, StepState::Stale) => &[("Recompute", Command::Recompute)],
        (_, StepState::Waiting | StepState::Done) => &[],
    };
    if !has_buttons(state) {
        return;
    }
    ui.horizontal(|ui| {
        for (caption, command) in choices {
            let button = ui.add(egui::Button::new(RichText::new(*caption).text_style(TextStyle::Small)));
            let name = format!("{caption}: {}", step.title());
            button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
            if button.clicked() {
                wishes.push(command(step));
            }
        }
    });
}

/// A state in a word, for screen readers and tooltips.
fn in_words(state: &StepState) -> &'static str {
    match state {
        StepState::Waiting => "waiting",
        StepState::Running(_) => "running",
        StepState::Done => "done",
        StepState::Stale => "out of date",
        StepState::Stopped => "stopped",
        StepState::Failed(_) => "failed",
    }
}

fn share(progress: &Snapshot) -> Option<f32> {
    (progress.total > 0).then(|| (progress.done as f32 / progress.total as f32).clamp(0.0, 1.0))
}

fn figure(status: &StepStatus) -> String {
    match &status.state {
        StepState::Running(Some(progress)) => match share(progress) {
            Some(share) => format!("{:.0}%", 100.0 * share),
            None => String::new(),
        },
        StepState::Failed(_) => "failed".into(),
        StepState::Stopped => "stopped".into(),
        StepState::Running(None) | StepState::Waiting => String::new(),
        StepState::Done | StepState::Stale => status.summary.clone(),
    }
}

fn details(ui: &mut Ui, step: Step, status: &StepStatus, word: &str) {
    ui.label(RichText::new(format!("{}: {word}", step.title())).text_style(theme::strong()));
    if !status.summary.is_empty() {
        ui.label(&status.summary);
    }
    if let StepState::Running(Some(progress)) = &status.state {
        ui.label(crate::ui::status_bar::text(progress));
    }
    if let Some(took) = status.took {
        widgets::caption(ui, format!("Took {}", format::duration(took)));
    }
}

/// The state as a mark: its form differs as well as its colour.
fn dot(ui: &Ui, centre: Pos2, state: &StepState) {
    let theme = Theme::of(ui);
    let painter = ui.painter();
    let ring = |colour: Color32| Stroke::new(1.5, colour);
    match state {
        StepState::Waiting => {
            painter.circle_stroke(centre, DOT, Stroke::new(1.0, theme.bar));
        }
        StepState::Done => {
            painter.circle_filled(centre, DOT, theme.good);
        }
        StepState::Running(progress) => {
            painter.circle_stroke(centre, DOT + 1.0, Stroke::new(2.0, theme.pressed));
            let share = progress.as_ref().and_then(share).unwrap_or(0.25);
            painter.add(Shape::line(arc(centre, DOT + 1.0, share), Stroke::new(2.0, theme.accent)));
        }
        StepState::Stale => {
            let circle = arc(centre, DOT, 1.0);
            painter.extend(Shape::dashed_line(&circle, ring(theme.warning), 2.0, 2.0));
        }
        StepState::Stopped => {
            let square = egui::Rect::from_center_size(centre, vec2(7.0, 7.0));
            painter.rect_filled(square, 1.0, theme.muted);
        }
        StepState::Failed(_) => {
            for sign in [-1.0, 1.0] {
                let d = vec2(3.5, 3.5 * sign);
                painter.line_segment([centre - d, centre + d], Stroke::new(2.0, theme.error));
            }
        }
    }
}

/// Clockwise from the top.
fn arc(centre: Pos2, radius: f32, share: f32) -> Vec<Pos2> {
    let corners = ((ARC as f32 * share).ceil() as usize).max(1);
    (0..=corners)
        .map(|i| {
            let angle = std::f32::consts::TAU * share * i as f32 / corners as f32;
            centre + radius * vec2(angle.sin(), -angle.cos())
        })
        .collect()
}

/// How far the map can be trusted.
fn quality(ui: &mut Ui, quality: &MapQuality) {
    let k = quality.k;
    let figures = [
        (
            "Neighbours kept",
            quality.knn_kept,
            format!("Of each document's {k} nearest in meaning, the share that is among its {k} nearest on the map"),
        ),
        (
            "Trustworthiness",
            quality.trustworthiness,
            "Near on the map means near in meaning: 100% if no stranger lies among a point's neighbours".to_owned(),
        ),
        (
            "Continuity",
            quality.continuity,
            "Near in meaning means near on the map: 100% if no neighbour was torn away".to_owned(),
        ),
        (
            "Triplets",
            quality.triplets,
            "Of three random documents, how often the map tells rightly which two are nearer: the large picture".to_owned(),
        ),
    ];
    indented(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (name, value, meaning) in figures {
            let value = format::percent(f64::from(value));
            let (rect, response) =
                ui.allocate_exact_size(vec2(ui.available_width(), 18.0), egui::Sense::hover());
            response.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::Label, true, format!("{name} {value}"))
            });
            let theme = Theme::of(ui);
            let inner = egui::Rect::from_min_max(rect.min, rect.max - vec2(SPACE_16, 0.0));
            widgets::line(ui, inner, Side::Left, name, TextStyle::Small, theme.muted);
            widgets::line(ui, inner, Side::Right, value, TextStyle::Small, theme.text);
            response.on_hover_text(meaning);
        }
        ui.add_space(SPACE_4);
    });
}
