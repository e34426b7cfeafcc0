//! The map as a widget: shows points, lines and names, and tells what a person does with them.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use egui::emath::GuiRounding as _;
use egui::{
    Color32, CursorIcon, EventFilter, Key, Modifiers, PointerButton, Pos2, Rect, Role, Sense, Stroke, Vec2,
};

use super::arranged::{Arranged, Arranger, Data, same};
use super::camera::{Bounds, Camera, Flight};
use super::canvas::{Report, Shown};
use super::colour::{MapTheme, Packed};
use super::disc::PointStyle;
use super::exposure::{Shot, pixels_of};
use super::label_painter::LabelPainter;
use super::labels::MapLabel;
use super::lasso::Lassoed;
use super::lasso_tool::LassoTool;
pub use super::lasso_tool::SelectTool;
use super::pace;
use super::pick::{Pointer, around, near, under};
use super::points::PaintPoints;
use super::tiles::Tiles;

/// View points around the pointer within which a point is hovered.
const HOVER_REACH: f32 = 8.0;

/// Points in the tiles around the pointer from which on the drawing pass is asked which of them it points at. Fewer are
/// looked at within 0.1 ms, and the answer comes a frame later.
const NOTED_FROM: u32 = 20_000;

/// Zoom of one view point of scrolling, as a power of e: a notch of a wheel zooms by about a fifth.
const SCROLL_ZOOM: f64 = 0.005;

/// Zoom of one press of + or −.
const KEY_ZOOM: f64 = 1.4;

/// Share of the view that one press of an arrow pans by.
const KEY_PAN: f32 = 0.12;

/// How much closer than the fitted map a flight to a point goes at least.
const FLIGHT_ZOOM: f64 = 6.0;

/// Opacities of the least and the most similar line.
const LINE_OPACITIES: (f32, f32) = (0.25, 0.95);

/// A line over the points, in map units.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    pub line: Vec<[f32; 2]>,
    pub colour: [u8; 3],
    pub opacity: f32,
}

/// Width of an outline in view points.
pub(super) const OUTLINE_WIDTH: f32 = 1.25;

/// What a map shows. Data behind an [`Arc`] count as changed when the `Arc` is another one.
pub struct Scene<'a> {
    pub positions: &'a Arc<Vec<[f32; 2]>>,
    /// A packed colour a point.
    pub colours: &'a Arc<Vec<Packed>>,
    /// [`super::disc::flags`] a point; empty where nothing is flagged.
    pub flags: &'a Arc<Vec<u8>>,
    pub labels: &'a [MapLabel],
    /// Lines around regions.
    pub outlines: &'a [Outline],
    /// Lines between points, with the similarity of their ends.
    pub lines: &'a [(u32, u32, f32)],
    /// What lies over the map, in view points: no name is placed beneath it.
    pub covered: &'a [Rect],
    pub theme: &'a MapTheme,
    /// What a screen reader says, such as "Map of 2,000 documents, 31 clusters".
    pub name: &'a str,
}

/// What happened on a map in this frame.
pub struct MapResponse {
    /// The widget's own response, for context menus and drags with modifiers.
    pub response: egui::Response,
    /// The point under the pointer.
    pub hovered: Option<u32>,
    /// How many points lie where the hovered one lies, itself included.
    pub hovered_stack: u32,
    /// A point was clicked.
    pub clicked: Option<u32>,
    /// The ground was clicked: what is selected may be let go.
    pub clicked_background: bool,
    /// A point was double-clicked. (Double-clicks on the ground fit the map.)
    pub double_clicked: Option<u32>,
    /// The secondary button was clicked over this point.
    pub context: Option<u32>,
    /// The secondary button was clicked over the name of this label of the scene.
    pub context_label: Option<usize>,
    /// What a lasso that was drawn holds.
    pub lassoed: Option<Lassoed>,
    /// Share of the points in view that the picture on show holds: below 1 while the map moves faster than all of
    /// them can be drawn.
    pub drawn: f64,
    /// A point was dragged to another place.
    pub dragged: Option<Dragged>,
}

/// A point in a person's hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dragged {
    pub point: u32,
    /// Where on the map it shall lie now.
    pub place: [f32; 2],
    /// Whether the person still has hold of it.
    pub held: bool,
}

/// Where the camera shall go next.
enum Wish {
    Fit,
    Point([f32; 2]),
    Bounds(Bounds),
    Zoom(f64),
}

/// A map's state between frames.
pub struct MapView {
    id: egui::Id,
    camera: Option<Camera>,
    flight: Option<Flight>,
    wish: Option<Wish>,
    /// Whether a person has moved the camera since it was last fitted: until then it follows the layout.
    touched: bool,
    /// Whether the keyboard's focus came by the keyboard: only then does a ring need to say where it is.
    ring: bool,
    /// The point that is dragged, and how far from the pointer it was taken hold of, in world units.
    held: Option<(u32, [f64; 2])>,
    /// The focus that is about to come was asked for by a click.
    clicked_into: bool,
    count: usize,
    view: Rect,
    bounds: (Weak<Vec<[f32; 2]>>, Bounds),
    arranger: Arranger,
    report: Arc<Mutex<Report>>,
    lasso: LassoTool,
    /// The tool in hand: drags select with it, and do not move the map.
    pub tool: Option<SelectTool>,
    labels: LabelPainter,
}

impl MapView {
    /// A map called `id`; maps shown side by side need different ones.
    pub fn new(id: impl std::hash::Hash + std::fmt::Debug) -> Self {
        Self {
            id: egui::Id::unique(id),
            camera: None,
            flight: None,
            wish: None,
            touched: false,
            ring: false,
            held: None,
            clicked_into: false,
            count: 0,
            view: Rect::ZERO,
            bounds: (Weak::new(), Bounds::UNIT),
            arranger: Arranger::default(),
            report: Arc::default(),
            lasso: LassoTool::default(),
            tool: None,
            labels: LabelPainter::default(),
        }
    }

    /// Shows the whole map again, and follows it while it moves.
    pub fn fit(&mut self) {
        self.wish = Some(Wish::Fit);
    }

    /// Brings a world position to the middle, from near by.
    pub fn fly_to(&mut self, world: [f32; 2]) {
        self.wish = Some(Wish::Point(world));
    }

    /// Brings a part of the world to fill the view.
    pub fn fly_to_bounds(&mut self, bounds: Bounds) {
        self.wish = Some(Wish::Bounds(bounds));
    }

    /// Zooms about the middle of the view.
    pub fn zoom_by(&mut self, factor: f64) {
        self.wish = Some(Wish::Zoom(factor));
    }

    /// The camera that a person chose, to be kept with a project; `None` while the map is fitted.
    pub fn camera(&self) -> Option<Camera> {
        self.camera.filter(|_| self.touched)
    }

    /// Restores what [`MapView::camera`] gave; `None` fits the map.
    pub fn set_camera(&mut self, camera: Option<Camera>) {
        self.flight = None;
        self.touched = camera.is_some();
        self.camera = camera;
    }

    /// Where a world position appeared in the last frame; `None` before the first.
    pub fn view_from_world(&self, world: [f32; 2]) -> Option<Pos2> {
        self.camera.map(|camera| camera.view_from_world(world, self.view))
    }

    /// The part of the world that lay in a rectangle of the last frame.
    pub fn world_from_view(&self, rect: Rect) -> Option<Bounds> {
        let camera = self.camera?;
        let (min, max) = (rect.left_bottom(), rect.right_top());
        Some(Bounds {
            min: camera.world_from_view(min, self.view),
            max: camera.world_from_view(max, self.view),
        })
    }

    /// The points in their tiles, once they are sorted: for selections by area.
    pub fn tiles(&self) -> Option<&Arc<Tiles>> {
        self.arranger.latest().map(|arranged| &arranged.tiles)
    }

    /// What the last frame showed.
    pub fn shown(&self) -> Shown {
        self.report().shown
    }

    fn report(&self) -> Report {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows the map in all the space there is.
    pub fn show(&mut self, ui: &mut egui::Ui, scene: &Scene<'_>) -> MapResponse {
        let rect = ui.available_rect_before_wrap().round_to_pixels(ui.pixels_per_point());
        let response = ui.allocate_rect(rect, Sense::click_and_drag());
        response.widget_info(|| egui::WidgetInfo::labeled(Role::Canvas, true, scene.name));
        let now = ui.input(|input| input.time);
        // A theme without animations is how the window says that the system asks for less motion.
        let motion = ui.style().animation_time > 0.0;
        let seconds = ui.input(|input| input.stable_dt).min(0.1);

        let fitted = self.follow_scene(scene, rect, motion.then_some(seconds), ui.ctx());
        self.grant_wish(&fitted, rect, motion, now);
        let dragged = self.drag_point(ui, &response, scene, &fitted, rect);
        self.react(ui, &response, &fitted, rect, motion, now);
        self.advance_flight(now, ui.ctx());
        let camera = self.camera.unwrap_or(fitted);

        let data = Data {
            positions: scene.positions.clone(),
            colours: scene.colours.clone(),
            flags: scene.flags.clone(),
        };
        self.arranger.update(&data, now, ui.ctx());
        let arranged = self.arranger.latest().cloned();
        let shown = self.shown();
        pace::set(ui.ctx(), if self.arranger.moves(now) { shown.drawn } else { 0 }, shown.software);
        let shot = arranged
            .as_ref()
            .map(|arranged| self.shot(scene, arranged, (&camera, &fitted), ui.pixels_per_point()));
        let on_adapter = self.report().on_adapter;
        let lassoed =
            self.lasso.update(&response, arranged.as_ref(), on_adapter, self.tool, (&camera, rect), ui);
        let seen = arranged.as_ref().zip(shot.as_ref());
        let (hovered, noted) =
            seen.map_or((None, None), |(arranged, shot)| self.hovered(&response, arranged, shot));
        let hovered_stack = hovered.map_or(0, |i| {
            let stacks = arranged.as_ref().map(|arranged| &arranged.stacks);
            stacks.and_then(|stacks| stacks.get(i as usize)).copied().unwrap_or(1)
        });

        if ui.is_rect_visible(rect) {
            let painter = ui.painter_at(rect);
            painter.rect_filled(rect, 0.0, opaque(scene.theme.background));
            if let Some((arranged, shot)) = arranged.clone().zip(shot) {
                let layout_moves = self.arranger.moves(now);
                painter.add(egui_wgpu::Callback::new_paint_callback(
                    rect,
                    PaintPoints {
                        map: self.id,
                        arranged,
                        camera,
                        size: rect.size(),
                        style: shot.style,
                        layout_moves,
                        // Of points that move every answer would be about the picture before.
                        pointer: noted.filter(|_| !layout_moves),
                        ctx: ui.ctx().clone(),
                        report: self.report.clone(),
                    },
                ));
            }
            paint_outlines(scene, &camera, &painter, rect);
            paint_lines(scene, &camera, &painter, rect);
            if let Some(&position) = hovered.and_then(|i| scene.positions.get(i as usize)) {
                let at = camera.view_from_world(position, rect);
                let radius = shot.map_or(0.0, |shot| shot.style.radius) + 3.0;
                painter.circle_stroke(at, radius, Stroke::new(1.5, opaque(scene.theme.text)));
            }
            let motion_seconds = motion.then_some(seconds);
            if self.labels.paint(
                scene.labels,
                (&camera, &fitted),
                &painter,
                (rect, scene.covered),
                scene.theme,
                motion_seconds,
            ) {
                pace::request_repaint(ui.ctx());
            }
            self.lasso.paint(&painter, (&camera, rect), opaque(scene.theme.accent));
            if response.has_focus() && self.ring {
                let stroke = Stroke::new(1.5, opaque(scene.theme.accent));
                painter.rect_stroke(rect, 0.0, stroke, egui::StrokeKind::Inside);
            }
        }
        if self.lasso.is_drawn() || (self.tool.is_some() && hovered.is_none() && response.contains_pointer())
        {
            ui.set_cursor_icon(CursorIcon::Crosshair);
        } else if response.dragged() {
            ui.set_cursor_icon(CursorIcon::Grabbing);
        } else if hovered.is_some() {
            ui.set_cursor_icon(CursorIcon::PointingHand);
        }

        let double = response.double_clicked();
        if double && hovered.is_none() {
            self.fit();
            ui.ctx().request_repaint();
        }
        MapResponse {
            clicked: hovered.filter(|_| response.clicked()),
            clicked_background: response.clicked() && !double && hovered.is_none(),
            double_clicked: hovered.filter(|_| double),
            context: hovered.filter(|_| response.secondary_clicked()),
            context_label: response
                .interact_pointer_pos()
                .filter(|_| response.secondary_clicked())
                .and_then(|at| self.labels.label_at(at)),
            hovered,
            hovered_stack,
            lassoed,
            drawn: shown.share,
            dragged,
            response,
        }
    }

    /// Takes note of new data and a new size; returns the camera that fits them. `seconds` is `None` without motion.
    fn follow_scene(
        &mut self,
        scene: &Scene<'_>,
        rect: Rect,
        seconds: Option<f32>,
        ctx: &egui::Context,
    ) -> Camera {
        if !same(&self.bounds.0, scene.positions) {
            self.bounds = (Arc::downgrade(scene.positions), Bounds::robust(scene.positions));
        }
        let fitted = Camera::fit(self.bounds.1, rect);
        let (resized, other_data) = (self.view != rect, self.count != scene.positions.len());
        if other_data && self.count > 0 {
            self.touched = false;
            self.flight = None;
        }
        (self.view, self.count) = (rect, scene.positions.len());
        match (self.camera, seconds) {
            (Some(_), _) if self.touched || self.flight.is_some() => {}
            (Some(camera), Some(seconds)) if !resized && !other_data && !camera.looks_like(&fitted, rect) => {
                self.camera = Some(camera.following(&fitted, f64::from(seconds)));
                pace::request_repaint(ctx);
            }
            _ => self.camera = Some(fitted),
        }
        fitted
    }

    fn grant_wish(&mut self, fitted: &Camera, rect: Rect, motion: bool, now: f64) {
        let Some(wish) = self.wish.take() else { return };
        // Wishes add up: each starts from where the last one is heading.
        let camera = self.flight.map(|flight| flight.target()).or(self.camera).unwrap_or(*fitted);
        self.touched = !matches!(wish, Wish::Fit);
        let target = match wish {
            Wish::Fit => *fitted,
            Wish::Point(world) => {
                Camera { centre: world.map(f64::from), scale: camera.scale.max(FLIGHT_ZOOM * fitted.scale) }
            }
            // No factor, but the limits hold.
            Wish::Bounds(bounds) => Camera::fit(bounds, rect).zoomed_at(rect.center(), 1.0, rect, fitted),
            Wish::Zoom(factor) => camera.zoomed_at(rect.center(), factor, rect, fitted),
        };
        self.go(target, motion, now);
    }

    fn go(&mut self, target: Camera, motion: bool, now: f64) {
        match self.camera.filter(|_| motion) {
            Some(from) => self.flight = Some(Flight::new(from, target, now)),
            None => (self.camera, self.flight) = (Some(target), None),
        }
    }

    fn advance_flight(&mut self, now: f64, ctx: &egui::Context) {
        if let Some(flight) = self.flight {
            let (camera, arrived) = flight.at(now);
            self.camera = Some(camera);
            self.flight = self.flight.filter(|_| !arrived);
            ctx.request_repaint();
        }
    }

    /// Takes hold of a point where a drag with Ctrl (Cmd) begins on one, and moves it with the pointer.
    fn drag_point(
        &mut self,
        ui: &egui::Ui,
        response: &egui::Response,
        scene: &Scene<'_>,
        fitted: &Camera,
        rect: Rect,
    ) -> Option<Dragged> {
        let camera = self.camera.unwrap_or(*fitted);
        if response.drag_started_by(PointerButton::Primary)
            && self.tool.is_none()
            && ui.input(|input| input.modifiers.command && !input.modifiers.shift)
        {
            let pressed = ui.input(|input| input.pointer.press_origin())?;
            let from = camera.world_from_view(pressed, rect);
            let arranged = self.arranger.latest()?;
            let shot = self.shot(scene, arranged, (&camera, fitted), ui.pixels_per_point());
            let point = self.point_at(&self.pointer(pressed, &shot), arranged, &shot).0?;
            let at = scene.positions.get(point as usize)?;
            self.held = Some((point, [f64::from(at[0]) - from[0], f64::from(at[1]) - from[1]]));
            // A map that follows its points would slip away under the pointer.
            self.take_over(camera);
        }
        let (point, off) = self.held?;
        let stopped = response.drag_stopped();
        if stopped || !response.dragged() {
            self.held = None;
        }
        let moves = response.drag_delta() != Vec2::ZERO;
        let at = camera.world_from_view(response.interact_pointer_pos()?, rect);
        let place = [(at[0] + off[0]) as f32, (at[1] + off[1]) as f32];
        (moves || stopped).then_some(Dragged { point, place, held: !stopped })
    }

    /// Moves the camera as pointer and keys say.
    fn react(
        &mut self,
        ui: &egui::Ui,
        response: &egui::Response,
        fitted: &Camera,
        rect: Rect,
        motion: bool,
        now: f64,
    ) {
        let camera = self.camera.unwrap_or(*fitted);
        if response.gained_focus() {
            self.ring = !std::mem::take(&mut self.clicked_into);
        }
        if response.clicked() || response.drag_started() {
            self.clicked_into = !response.has_focus();
            self.ring = false;
            response.request_focus();
        }
        // A point that is held moves in place of the map.
        let pans = self.held.is_none()
            && (response.dragged_by(PointerButton::Middle)
                || (response.dragged_by(PointerButton::Primary)
                    && !self.lasso.is_drawn()
                    && self.tool.is_none()
                    && !ui.input(|input| input.modifiers.shift)));
        if pans && response.drag_delta() != Vec2::ZERO {
            self.take_over(camera.panned(response.drag_delta()));
        }
        if response.contains_pointer()
            && let Some(cursor) = response.hover_pos()
        {
            let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta(), input.zoom_delta()));
            let factor = f64::from(pinch) * (SCROLL_ZOOM * f64::from(scroll.y)).exp();
            if factor != 1.0 {
                let camera = self.camera.unwrap_or(camera);
                self.take_over(camera.zoomed_at(cursor, factor, rect, fitted));
                // Whatever lies around the map shall not scroll as well.
                ui.input_mut(|input| input.smooth_scroll_delta = Vec2::ZERO);
            }
        }
        if response.has_focus() {
            let arrows =
                EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
            self.react_to_keys(ui, fitted, rect, motion, now);
        }
    }

    fn react_to_keys(&mut self, ui: &egui::Ui, fitted: &Camera, rect: Rect, motion: bool, now: f64) {
        let pressed =
            |key: Key| ui.input_mut(|input| input.count_and_consume_key(Modifiers::NONE, key)) as i32;
        let step = KEY_PAN * rect.width().min(rect.height());
        let right = (pressed(Key::ArrowRight) - pressed(Key::ArrowLeft)) as f32;
        let down = (pressed(Key::ArrowDown) - pressed(Key::ArrowUp)) as f32;
        let closer = pressed(Key::Plus) + pressed(Key::Equals) - pressed(Key::Minus);
        let fits = pressed(Key::Home) + pressed(Key::F) > 0;
        if right != 0.0 || down != 0.0 || closer != 0 {
            // Presses add up: each starts from where the last one is heading.
            let heading = self.flight.map(|flight| flight.target()).or(self.camera).unwrap_or(*fitted);
            let target = heading
                .panned(-step * Vec2::new(right, down))
                .zoomed_at(rect.center(), KEY_ZOOM.powi(closer), rect, fitted)
                .kept_near(self.bounds.1);
            self.touched = true;
            self.go(target, motion, now);
        }
        if fits {
            self.wish = Some(Wish::Fit);
            self.grant_wish(fitted, rect, motion, now);
        }
    }

    /// The person holds the camera.
    fn take_over(&mut self, camera: Camera) {
        self.camera = Some(camera.kept_near(self.bounds.1));
        self.flight = None;
        self.touched = true;
    }

    /// The picture of the newest points that a camera sees.
    fn shot(
        &self,
        scene: &Scene<'_>,
        arranged: &Arranged,
        (camera, fitted): (&Camera, &Camera),
        pixels_per_point: f32,
    ) -> Shot {
        let (count, chosen) = (scene.positions.len(), arranged.chosen_count);
        let style = PointStyle::new(count, chosen, self.view.area(), camera.zoom(fitted), scene.theme);
        let shown = self.shown();
        let (pixels, density) = pixels_of(self.view.size(), pixels_per_point, shown.grain);
        Shot { points: arranged.number, camera: *camera, pixels, density, style, mode: shown.mode }
    }

    /// Where in a picture a point of the view lies, and how far around it points are found.
    fn pointer(&self, at: Pos2, shot: &Shot) -> Pointer {
        let reach = HOVER_REACH.max(shot.style.radius + 3.0);
        let [x, y] = [at.x - self.view.min.x, at.y - self.view.min.y];
        Pointer { at: [x * shot.density, y * shot.density], reach: reach * shot.density }
    }

    /// The point that a picture shows at the pointer, or else nearest to it within reach; and whether to have it noted
    /// by the drawing pass, since many may lie there and it has not said yet.
    fn point_at(&self, pointer: &Pointer, arranged: &Arranged, shot: &Shot) -> (Option<u32>, bool) {
        let Report { shown, picked, .. } = self.report();
        let (slot, many) = match picked.filter(|picked| picked.answers(shot, shown.share, pointer)) {
            Some(picked) => (picked.window.at(pointer), false),
            None => {
                let (corner, size) = around(pointer);
                let tiles = near(arranged, shot, corner, size);
                let count: u32 = tiles.iter().map(|tile| tile.count).sum();
                (under(arranged, shot, shown.share, pointer, &tiles), count >= NOTED_FROM)
            }
        };
        (slot.map(|slot| arranged.tiles.order()[slot]), many)
    }

    /// The point under the pointer, and where to have it noted.
    fn hovered(
        &self,
        response: &egui::Response,
        arranged: &Arranged,
        shot: &Shot,
    ) -> (Option<u32>, Option<Pointer>) {
        // A pointer that clicks may jitter, so only true drags hide the hovered point.
        if !response.contains_pointer() || (response.dragged() && !response.clicked()) {
            return (None, None);
        }
        let Some(cursor) = response.hover_pos().or(response.interact_pointer_pos()) else {
            return (None, None);
        };
        let pointer = self.pointer(cursor, shot);
        let (point, many) = self.point_at(&pointer, arranged, shot);
        (point, many.then_some(pointer))
    }
}

fn paint_outlines(scene: &Scene<'_>, camera: &Camera, painter: &egui::Painter, rect: Rect) {
    for outline in scene.outlines {
        let line: Vec<Pos2> = outline.line.iter().map(|&at| camera.view_from_world(at, rect)).collect();
        // A line that is nowhere in view costs nothing.
        if Rect::from_points(&line).intersects(rect) {
            let colour = opaque(outline.colour).gamma_multiply(outline.opacity);
            painter.line(line, Stroke::new(OUTLINE_WIDTH, colour));
        }
    }
}

fn paint_lines(scene: &Scene<'_>, camera: &Camera, painter: &egui::Painter, rect: Rect) {
    let similarities = scene.lines.iter().map(|line| line.2);
    let (least, most) =
        similarities.fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), s| (least.min(s), most.max(s)));
    for &(from, to, similarity) in scene.lines {
        let ends = (scene.positions.get(from as usize), scene.positions.get(to as usize));
        let (Some(&from), Some(&to)) = ends else { continue };
        let share = if most > least { (similarity - least) / (most - least) } else { 1.0 };
        let opacity = LINE_OPACITIES.0 + (LINE_OPACITIES.1 - LINE_OPACITIES.0) * share;
        let colour = opaque(scene.theme.accent).gamma_multiply(opacity);
        let ends = [camera.view_from_world(from, rect), camera.view_from_world(to, rect)];
        painter.line_segment(ends, Stroke::new(1.25, colour));
    }
}

fn opaque([r, g, b]: [u8; 3]) -> Color32 {
    Color32::from_rgb(r, g, b)
}
