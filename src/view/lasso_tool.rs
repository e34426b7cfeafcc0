//! Drawing a lasso: a line dragged around points, and what it holds, found away from the window's thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use egui::{Color32, PointerButton, Pos2, Rect, Stroke};

use crate::data::Combine;
use crate::job::promptly;

use super::arranged::Arranged;
use super::camera::Camera;
use super::lasso::{Lasso, Lassoed};
use super::lasso_mask::{ASKED_FROM, OnAdapter};

/// A line grows a corner for so many view points.
const STEP: f32 = 2.0;

/// Shorter lines are clicks with an unsteady hand, in view points.
const LEAST_LENGTH: f32 = 12.0;

/// A tool that stays in a person's hand: every drag selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SelectTool {
    /// A drag spans a rectangle; otherwise it draws a line.
    pub rectangle: bool,
    /// How what it holds joins the selection, unless a key says otherwise.
    pub how: Combine,
}

/// The line under the pointer and the question under way.
#[derive(Default)]
pub(super) struct LassoTool {
    /// World positions, so that the line stays on the map when the camera moves.
    line: Option<Vec<[f64; 2]>>,
    /// The line is a rectangle, from where it began.
    rectangle: bool,
    running: Option<Receiver<Lassoed>>,
}

impl LassoTool {
    /// Takes what the pointer does; returns what a finished line holds once that is known. Without a `tool` in hand a
    /// drag with Shift draws (with Alt, too, a rectangle); with one every drag does, Shift adds and Ctrl or Cmd removes.
    /// `on_adapter` is where the points can be tested that are drawn now.
    pub fn update(
        &mut self,
        response: &egui::Response,
        arranged: Option<&Arc<Arranged>>,
        on_adapter: Option<Arc<OnAdapter>>,
        tool: Option<SelectTool>,
        (camera, view): (&Camera, Rect),
        ui: &egui::Ui,
    ) -> Option<Lassoed> {
        let modifiers = ui.input(|input| input.modifiers);
        if response.drag_started_by(PointerButton::Primary) && (modifiers.shift || tool.is_some()) {
            self.rectangle = tool.is_some_and(|tool| tool.rectangle) != modifiers.alt;
            let start = ui.input(|input| input.pointer.press_origin()).or(response.interact_pointer_pos());
            self.line = start.map(|start| vec![camera.world_from_view(start, view)]);
        }
        if let Some(line) = &mut self.line
            && let Some(pos) = response.interact_pointer_pos()
        {
            if self.rectangle {
                line.truncate(1);
                let corner = line.first().map(|&start| view_from_world(camera, start, view)).unwrap_or(pos);
                for place in [Pos2::new(pos.x, corner.y), pos, Pos2::new(corner.x, pos.y), corner] {
                    line.push(camera.world_from_view(place, view));
                }
            }
            let last = line.last().map(|&last| view_from_world(camera, last, view));
            if !self.rectangle && last.is_none_or(|last| last.distance(pos) >= STEP) {
                line.push(camera.world_from_view(pos, view));
            }
        }
        if ui.input(|input| input.key_pressed(egui::Key::Escape)) {
            self.line = None;
        }
        if !response.dragged_by(PointerButton::Primary)
            && let Some(line) = self.line.take()
        {
            let corners = line.windows(2).map(|pair| [pair[0], pair[1]]);
            let lengths = corners.map(|ends| {
                let [from, to] = ends.map(|end| view_from_world(camera, end, view));
                from.distance(to)
            });
            let lasso = Lasso::new(&line).filter(|_| lengths.sum::<f32>() >= LEAST_LENGTH);
            if let Some((lasso, arranged)) = lasso.zip(arranged) {
                let how = match tool {
                    None if modifiers.command => Combine::Add,
                    None => Combine::Replace,
                    Some(_) if modifiers.shift && modifiers.command => Combine::Intersect,
                    Some(_) if modifiers.shift => Combine::Add,
                    Some(_) if modifiers.command => Combine::Remove,
                    Some(tool) => tool.how,
                };
                self.ask(lasso, (arranged.clone(), on_adapter), how, ui.ctx().clone());
            }
        }
        match self.running.as_ref()?.try_recv() {
            Ok(lassoed) => {
                self.running = None;
                Some(lassoed)
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.running = None;
                None
            }
        }
    }

    /// Whether a line is being drawn.
    pub fn is_drawn(&self) -> bool {
        self.line.is_some()
    }

    /// Shows the line so far, and how it would be closed.
    pub fn paint(&self, painter: &egui::Painter, (camera, view): (&Camera, Rect), accent: Color32) {
        let Some(line) = &self.line else { return };
        let points: Vec<Pos2> = line.iter().map(|&world| view_from_world(camera, world, view)).collect();
        if let (Some(&first), Some(&last)) = (points.first(), points.last())
            && !self.rectangle
        {
            let closing = Stroke::new(1.0, accent.gamma_multiply(0.6));
            painter.extend(egui::Shape::dashed_line(&[last, first], closing, 4.0, 4.0));
        }
        painter.line(points, Stroke::new(1.5, accent));
    }

    fn ask(
        &mut self,
        lasso: Lasso,
        (arranged, on_adapter): (Arc<Arranged>, Option<Arc<OnAdapter>>),
        how: Combine,
        ctx: egui::Context,
    ) {
        let (send, receive) = channel();
        let work = move || {
            let points = promptly(|| held_by(&lasso, &arranged, on_adapter.as_deref()));
            // Nobody waits when the map was closed.
            let _ = send.send(Lassoed { points, how });
            ctx.request_repaint();
        };
        // Without a thread nothing is selected; the line can be drawn again.
        if std::thread::Builder::new().name("lasso".into()).spawn(work).is_ok() {
            self.running = Some(receive);
        }
    }
}

/// The points that a lasso holds and that are not hidden. Whoever tests them finds the same.
fn held_by(lasso: &Lasso, arranged: &Arranged, on_adapter: Option<&OnAdapter>) -> Vec<u32> {
    let shown = |slot| arranged.shows(slot);
    let tests = || lasso.divide(&arranged.tiles).doubtful() * lasso.vertices().len();
    match on_adapter.filter(|there| there.has(&arranged.tiles) && tests() >= ASKED_FROM) {
        Some(there) => there.points(lasso, shown).unwrap_or_else(|error| {
            tracing::warn!("a lasso is tested on the processor: {error}");
            lasso.points(&arranged.tiles, shown)
        }),
        None => lasso.points(&arranged.tiles, shown),
    }
}

fn view_from_world(camera: &Camera, world: [f64; 2], view: Rect) -> Pos2 {
    camera.view_from_world(world.map(|v| v as f32), view)
}
