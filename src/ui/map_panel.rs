//! The map in the middle: the view with its colours, names and lines, the card under the pointer, the legend, and
//! what is said about the whole.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Align2, Area, Color32, Id, LayerId, Order, Pos2, Rect, RichText, TextStyle, Ui, vec2};

use crate::data::{Combine, Mask};
use crate::session::{ColourBy, Command, Session, Step, StepState, Wake};
use crate::view::camera::{Bounds, Camera};
use crate::view::colour::MapTheme;
use crate::view::fonts::FontFiles;
use crate::view::labels::MapLabel;
use crate::view::lasso::Lassoed;
use crate::view::map::{Dragged, MapResponse, MapView, Outline, Scene, SelectTool};

use super::cluster_menu;
use super::colouring::{self, Legend, Paint};
use super::contours::{self, Contours};
use super::emphasis;
use super::explanation_menu;
use super::facts::{self, Facts};
use super::format;
use super::hover_card;
use super::icons;
use super::legend::{self, LegendState};
use super::map_labels::{self, NamesOf};
use super::map_picture::{self, PictureExport};
use super::panels::filters;
use super::pins;
use super::place_marks;
use super::shortcuts::{ZOOM_STEP, keys_for};
use super::status_bar;
use super::theme::{self, SPACE_8, SPACE_12, Theme};
use super::topic_facts;
use super::widgets;
use super::wishes::{Action, Wishes};
use crate::job::derived::{Derived, Same};

/// What a piece that floats over the map may take.
const ROOM: egui::Vec2 = vec2(480.0, 480.0);
/// Width and opacity of a line from the point under the pointer.
const HOVER_LINE: (f32, f32) = (0.75, 0.45);
/// Documents looked at for the bounds of a cluster.
const BOUNDS_SAMPLE: usize = 4096;

type Positions = Arc<Vec<[f32; 2]>>;

/// What the menu on the map is about.
#[derive(Clone, Copy)]
enum MenuOf {
    /// A cluster, by its name.
    Cluster(u32),
    /// A level of the topics, and the topic's label.
    Topic(usize, u32),
    /// A topic that is described by keywords, by its place.
    KeywordTopic(u32),
    /// An explanation of a goal: their ids.
    Explanation(u32, u32),
    /// A document's point, and its cluster.
    Point(u32, Option<u32>),
    Ground,
}

/// The documents that lie where the focused one does.
#[derive(Default)]
struct Stack {
    /// The document and the positions that this was looked up for.
    of: Option<(u32, Same<Vec<[f32; 2]>>)>,
    documents: Arc<Vec<u32>>,
}

/// The map's state between frames.
pub struct MapPanel {
    view: MapView,
    paint: Derived<colouring::Inputs, Paint>,
    flags: Derived<emphasis::Inputs, Arc<Vec<u8>>>,
    labels: Derived<map_labels::Inputs, (NamesOf, Arc<Vec<MapLabel>>)>,
    outlines: Derived<contours::Inputs, Arc<Vec<Outline>>>,
    kept_counts: Derived<(Same<Vec<u32>>, Same<Mask>), legend::KeptCounts>,
    /// Which contours show.
    pub contours: Contours,
    plain: Arc<Vec<u32>>,
    pub legend: LegendState,
    size: egui::Vec2,
    stack: Stack,
    menu: Option<MenuOf>,
    /// Where legend, buttons and figures lay in the last frame: names keep clear of them.
    covered: Vec<Rect>,
}

impl Default for MapPanel {
    fn default() -> Self {
        Self {
            view: MapView::new("map"),
            paint: Derived::new("colours"),
            flags: Derived::new("flags"),
            labels: Derived::new("names on the map"),
            outlines: Derived::new("contours"),
            kept_counts: Derived::new("counts of the legend"),
            contours: Contours::default(),
            plain: Arc::default(),
            legend: LegendState::default(),
            size: vec2(1280.0, 800.0),
            stack: Stack::default(),
            menu: None,
            covered: Vec::new(),
        }
    }
}

impl MapPanel {
    /// Asks for what the session's present values need; call it every frame.
    pub fn update(&mut self, session: &Session, dark: bool, wake: &Wake) {
        let Some(inputs) = colouring::Inputs::of(session, dark) else {
            self.paint.clear();
            self.flags.clear();
            self.labels.clear();
            self.outlines.clear();
            return;
        };
        let work = inputs.clone();
        self.paint.want(inputs, wake, move |_| work.paint());
        if let Some(paint) = self.paint.latest() {
            let inputs = emphasis::Inputs::of(session, paint);
            let work = inputs.clone();
            self.flags.want_in_turn(inputs, wake, move |_| Arc::new(work.flags()));
            if let Some((codes, kept)) = paint.codes.clone().zip(session.kept().cloned()) {
                let key = (Same(codes.clone()), Same(kept.clone()));
                self.kept_counts.want_in_turn(key, wake, move |_| legend::kept_counts(&codes, &kept));
            }
        }
        match contours::Inputs::of(session, self.contours, self.paint.latest(), dark) {
            Some(inputs) => {
                let work = inputs.clone();
                self.outlines.want_in_turn(inputs, wake, move |_| work.outlines());
            }
            None => self.outlines.clear(),
        }
        match map_labels::Inputs::of(session) {
            Some(inputs) => {
                let work = inputs.clone();
                self.labels.want(inputs, wake, move |_| (work.of, Arc::new(work.labels())));
            }
            None => self.labels.clear(),
        }
        self.update_stack(session);
    }

    /// The documents at the place of the focused one, looked up once a focus.
    fn update_stack(&mut self, session: &Session) {
        let wanted = session.focus().zip(session.positions().cloned().map(Same));
        if self.stack.of == wanted {
            return;
        }
        let Some((focus, Same(positions))) = &wanted else {
            self.stack = Stack::default();
            return;
        };
        // Until these positions are sorted into tiles, the question stays open.
        if let Some(tiles) = self.view.tiles().filter(|tiles| Arc::ptr_eq(tiles.source(), positions)) {
            self.stack = Stack { of: wanted.clone(), documents: Arc::new(tiles.stack_of(*focus)) };
        }
    }

    /// The documents that lie where the focused one does, itself included.
    pub fn stack(&self) -> &[u32] {
        &self.stack.documents
    }

    /// The colour of a cluster on the map, while the map is coloured by cluster.
    pub fn cluster_colours(&self, session: &Session) -> impl Fn(u32) -> Option<Color32> + use<> {
        self.colours_of_labels(session, |by| by == ColourBy::Cluster)
    }

    /// The colour of what the table groups by (see [`facts::Grouping`]), while the map is coloured by that.
    pub fn group_colours(&self, session: &Session) -> impl Fn(u32) -> Option<Color32> + use<> {
        self.colours_of_labels(session, |by| {
            matches!(by, ColourBy::Cluster | ColourBy::Goal(_) | ColourBy::KeywordTopic)
        })
    }

    fn colours_of_labels(
        &self,
        session: &Session,
        wanted: fn(ColourBy) -> bool,
    ) -> impl Fn(u32) -> Option<Color32> + use<> {
        let so = session.colouring().is_some_and(|colouring| wanted(colouring.by));
        let paint = self.paint.latest().filter(|_| so).cloned();
        let mut colours: Vec<Option<Color32>> = Vec::new();
        if let Some(Legend::Entries(entries)) = paint.as_deref().map(|paint| &paint.legend) {
            for entry in entries.iter().filter(|entry| entry.code != u32::MAX) {
                let at = entry.code as usize;
                if colours.len() <= at {
                    colours.resize(at + 1, None);
                }
                let [r, g, b] = entry.colour;
                colours[at] = Some(Color32::from_rgb(r, g, b));
            }
        }
        move |label| colours.get(label as usize).copied().flatten()
    }

    /// The colour of an explanation on the map, while the map is coloured by its goal.
    pub fn explanation_colours(&self, session: &Session) -> impl Fn(u32, u32) -> Option<Color32> + use<> {
        let goal = match session.colouring().map(|colouring| colouring.by) {
            Some(ColourBy::Goal(goal)) => Some(goal),
            _ => None,
        };
        let entries = match self.paint.latest().map(|paint| &paint.legend) {
            Some(Legend::Entries(entries)) if goal.is_some() => entries.clone(),
            _ => Vec::new(),
        };
        move |of, id| {
            let entry = entries.iter().find(|entry| goal == Some(of) && entry.code == id)?;
            let [r, g, b] = entry.colour;
            Some(Color32::from_rgb(r, g, b))
        }
    }

    /// Takes the lasso into the hand, or puts it away; says whether it is there now.
    pub fn toggle_tool(&mut self) -> bool {
        self.view.tool = match self.view.tool {
            Some(_) => None,
            None => Some(SelectTool::default()),
        };
        self.view.tool.is_some()
    }

    /// Puts the lasso away; says whether it was in the hand.
    pub fn put_tool_away(&mut self) -> bool {
        self.view.tool.take().is_some()
    }

    /// Shows the whole map.
    pub fn fit(&mut self) {
        self.view.fit();
    }

    /// Zooms about the middle.
    pub fn zoom_by(&mut self, factor: f32) {
        self.view.zoom_by(f64::from(factor));
    }

    /// Goes to a document.
    pub fn fly_to(&mut self, session: &Session, document: u32) {
        if let Some(&position) = session.positions().and_then(|positions| positions.get(document as usize)) {
            self.view.fly_to(position);
        }
    }

    /// Goes to a place.
    pub fn fly_to_place(&mut self, place: [f32; 2]) {
        self.view.fly_to(place);
    }

    /// Goes to a cluster.
    pub fn fly_to_cluster(&mut self, session: &Session, label: u32) {
        let (Some(positions), Some(clusters)) = (session.positions(), session.clusters()) else { return };
        let stride = clusters.labels.len().div_ceil(BOUNDS_SAMPLE * clusters.count.max(1)).max(1);
        let members = positions.iter().zip(&clusters.labels).step_by(stride).filter(|(_, l)| **l == label);
        let members: Vec<[f32; 2]> = members.map(|(position, _)| *position).collect();
        if !members.is_empty() {
            self.view.fly_to_bounds(Bounds::robust(&members));
        }
    }

    /// Where a document's point appeared in the last frame.
    pub fn shown_at(&self, session: &Session, document: u32) -> Option<Pos2> {
        self.view.view_from_world(*session.positions()?.get(document as usize)?)
    }

    /// What a project remembers of the view.
    pub fn camera(&self) -> Option<Camera> {
        self.view.camera()
    }

    /// Restores it.
    pub fn set_camera(&mut self, camera: Option<Camera>) {
        self.view.set_camera(camera);
    }

    /// Draws the map with everything on it.
    /// `word` is the word of the text that is tried (of those that were left out) that is pointed at.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        facts: &Facts,
        word: Option<usize>,
        wishes: &mut Wishes,
    ) {
        let theme = Theme::of(ui);
        let rect = ui.available_rect_before_wrap();
        self.size = rect.size();
        let Some(positions) = session.positions().cloned() else {
            ui.painter().rect_filled(rect, 0.0, theme.background);
            waiting(ui, session, wishes);
            return;
        };
        let (colours, flags) = (self.colours(positions.len(), theme), self.flags(positions.len()));
        let (labels, names_of) = self.names(session, facts, &positions);
        let lines = lines(session);
        let outlines = self.outlines.latest().map(|outlines| (**outlines).clone()).unwrap_or_default();
        let name = name(session, positions.len(), self.contours.spoken().filter(|_| !outlines.is_empty()));
        let scene = Scene {
            positions: &positions,
            colours: &colours,
            flags: &flags,
            labels: &labels,
            outlines: &outlines,
            lines: &lines,
            covered: &self.covered,
            theme: MapTheme::of(theme.dark),
            name: &name,
        };
        let response = self.view.show(ui, &scene);
        hover_lines(ui, rect, session, &self.view, response.hovered);
        pins::paint(ui, rect, session, &self.view);
        place_marks::paint(ui, rect, session, &self.view, word);
        self.card(ui, session, &response);
        self.context_menu(session, &response, (&labels, names_of), wishes);
        respond(session, &response, |points| self.shown_of(session, points), wishes);
        self.overlays(ui, rect, session, response.drawn, wishes);
    }

    fn colours(&mut self, points: usize, theme: &Theme) -> Arc<Vec<u32>> {
        if let Some(paint) = self.paint.latest().filter(|paint| paint.colours.len() == points) {
            return paint.colours.clone();
        }
        let [r, g, b, _] = theme.muted.to_array();
        let packed = crate::view::colour::pack([r, g, b]);
        if self.plain.len() != points || self.plain.first().is_some_and(|first| *first != packed) {
            self.plain = Arc::new(vec![packed; points]);
        }
        self.plain.clone()
    }

    fn flags(&self, points: usize) -> Arc<Vec<u8>> {
        let flags = self.flags.latest().filter(|flags| flags.is_empty() || flags.len() == points);
        flags.map_or_else(emphasis::none, |flags| (**flags).clone())
    }

    /// The names on the map, and what they are names of.
    fn names(
        &self,
        session: &Session,
        facts: &Facts,
        positions: &Positions,
    ) -> (Arc<Vec<MapLabel>>, NamesOf) {
        let rests = session.layout().is_some_and(|layout| Arc::ptr_eq(&layout.positions, positions));
        // A map that settles about one point keeps its names.
        let topics = rests || session.map_settles();
        if let Some((of, labels)) = self.labels.latest().filter(|_| topics).map(|labels| &**labels) {
            return (labels.clone(), *of);
        }
        let labels = match session.names().zip(facts.sizes(session)) {
            Some((names, sizes)) => Arc::new(map_labels::of_clusters(positions, names, &sizes.of, |_| None)),
            None => Arc::default(),
        };
        (labels, NamesOf::Clusters)
    }

    /// The menu of a name, or of the cluster of a point.
    fn context_menu(
        &mut self,
        session: &Session,
        response: &MapResponse,
        (labels, names_of): (&[MapLabel], NamesOf),
        wishes: &mut Wishes,
    ) {
        if response.response.secondary_clicked() {
            let named = response.context_label.and_then(|label| labels.get(label));
            let of_point = |document| MenuOf::Point(document, facts::cluster_of(session, document));
            let ground = session.edits().is_some_and(|edits| !edits.pins.is_empty());
            self.menu = match named {
                Some(label) => Some(match names_of {
                    NamesOf::Topics => MenuOf::Topic(usize::from(label.level), label.code),
                    NamesOf::Clusters => MenuOf::Cluster(label.code),
                    NamesOf::Goal(goal) => MenuOf::Explanation(goal, label.code),
                    NamesOf::KeywordTopics => MenuOf::KeywordTopic(label.code),
                }),
                None => response.context.map(of_point).or(ground.then_some(MenuOf::Ground)),
            };
        }
        let Some(menu) = self.menu else { return };
        let open = response.response.context_menu(|ui| match menu {
            MenuOf::Cluster(label) => cluster_menu::show(ui, session, label, &[], wishes),
            MenuOf::KeywordTopic(topic) => topic_facts::menu(ui, session, topic, wishes),
            MenuOf::Explanation(goal, id) => explanation_menu::show(ui, session, goal, id, wishes),
            MenuOf::Topic(level, code) => cluster_menu::show_topic(ui, session, (level, code), wishes),
            MenuOf::Point(document, cluster) => {
                if let Some(label) = cluster {
                    cluster_menu::show(ui, session, label, &[], wishes);
                    ui.separator();
                }
                pins::menu(ui, session, Some(document), wishes);
            }
            MenuOf::Ground => pins::menu(ui, session, None, wishes),
        });
        if open.is_none() {
            self.menu = None;
        }
    }

    /// Those of `points` that neither the filter nor the legend leaves out.
    fn shown_of(&self, session: &Session, points: &[u32]) -> Vec<u32> {
        let kept = session.kept();
        let muted = session.colouring().map(|colouring| &colouring.muted).filter(|muted| !muted.is_empty());
        let codes = self.paint.latest().and_then(|paint| paint.codes.as_ref());
        let shows = |point: &u32| {
            let code = codes.and_then(|codes| codes.get(*point as usize));
            kept.is_none_or(|kept| kept.contains(*point))
                && !muted.zip(code).is_some_and(|(muted, code)| muted.contains(code))
        };
        points.iter().copied().filter(shows).collect()
    }

    fn card(&self, ui: &Ui, session: &Session, response: &MapResponse) {
        let (Some(document), Some(pointer)) = (response.hovered, response.response.hover_pos()) else {
            return;
        };
        if response.response.is_pointer_button_down_on() {
            return;
        }
        let colour = self.paint.latest().and_then(|paint| paint.colours.get(document as usize).copied());
        let layer = LayerId::new(Order::Tooltip, Id::unique("map card"));
        let anchor = Rect::from_center_size(pointer, vec2(16.0, 16.0));
        egui::Tooltip::always_open(ui.ctx().clone(), layer, Id::unique("map card"), anchor)
            .width(hover_card::WIDTH)
            .show(|ui| hover_card::show(ui, session, document, colour, response.hovered_stack));
    }

    fn overlays(&mut self, ui: &Ui, rect: Rect, session: &Session, drawn: f64, wishes: &mut Wishes) {
        let ctx = ui.ctx();
        let inner = rect.shrink(SPACE_12);
        self.covered.clear();
        if let Some(paint) = self.paint.latest().cloned() {
            let covered = over_map(ctx, "legend", inner.left_bottom(), Align2::LEFT_BOTTOM, |ui| {
                Theme::of(ui).popover_frame().inner_margin(egui::Margin::same(10)).show(ui, |ui| {
                    let kept = session.kept().and_then(|_| self.kept_counts.latest()).map(|kept| &**kept);
                    legend::show(ui, session, &paint, kept, &mut self.legend, rect.height(), wishes);
                });
            });
            self.covered.push(covered);
        }
        let buttons = over_map(ctx, "map buttons", inner.right_top(), Align2::RIGHT_TOP, |ui| {
            Theme::of(ui).popover_frame().inner_margin(egui::Margin::same(2)).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                let keys = |is: fn(&Action) -> bool| keys_for(ctx, is);
                let (fit, closer, further) = (
                    keys(|action| matches!(action, Action::Fit)),
                    keys(|action| matches!(action, Action::Zoom(factor) if *factor > 1.0)),
                    keys(|action| matches!(action, Action::Zoom(factor) if *factor < 1.0)),
                );
                if widgets::icon_button(ui, icons::CORNERS_OUT, "Show the whole map", &fit).clicked() {
                    wishes.act(Action::Fit);
                }
                if widgets::icon_button(ui, icons::PLUS, "Zoom in", &closer).clicked() {
                    wishes.act(Action::Zoom(ZOOM_STEP));
                }
                if widgets::icon_button(ui, icons::MINUS, "Zoom out", &further).clicked() {
                    wishes.act(Action::Zoom(1.0 / ZOOM_STEP));
                }
                contours_button(ui, &mut self.contours);
                let lasso = keys(|action| matches!(action, Action::SelectTool));
                let verb = if self.view.tool.is_some() { "Put the lasso away" } else { "Select by lasso" };
                let button = widgets::icon_button(ui, icons::LASSO, verb, &lasso);
                if self.view.tool.is_some() {
                    let theme = Theme::of(ui);
                    let stroke = egui::Stroke::new(1.5, theme.accent);
                    ui.painter().rect_stroke(button.rect, 4.0, stroke, egui::StrokeKind::Inside);
                }
                if button.clicked() {
                    wishes.act(Action::SelectTool);
                }
            });
        });
        let figures = over_map(ctx, "map figures", inner.right_bottom(), Align2::RIGHT_BOTTOM, |ui| {
            figures(ui, session, drawn)
        });
        self.covered.extend([buttons, figures]);
        if let Some(corpus) =
            session.corpus().filter(|_| session.filter().is_some_and(|filter| !filter.is_empty()))
        {
            let room = inner.width() - buttons.width() - 2.0 * SPACE_12;
            self.covered.push(over_map(ctx, "filter bar", inner.left_top(), Align2::LEFT_TOP, |ui| {
                ui.set_max_width(room);
                let frame = Theme::of(ui).popover_frame().inner_margin(egui::Margin::symmetric(8, 4));
                frame.show(ui, |ui| filters::bar(ui, session, corpus, wishes));
            }));
        }
        if let Some(tool) = &mut self.view.tool {
            let at = buttons.left_bottom() + vec2(-SPACE_8, 0.0);
            self.covered
                .push(over_map(ctx, "select tool", at, Align2::RIGHT_BOTTOM, |ui| select_tool(ui, tool)));
        }
    }

    /// Starts drawing the map, as it shows now, into a file.
    pub fn write_picture(
        &self,
        session: &mut Session,
        fonts: &FontFiles,
        facts: &Facts,
        export: PictureExport,
        path: PathBuf,
    ) {
        let Some(positions) = session.positions().cloned() else { return };
        let shown = map_picture::Shown {
            flags: self.flags(positions.len()),
            labels: self.names(session, facts, &positions).0,
            positions,
            contours: self.contours,
            camera: self.view.camera(),
            size: self.size,
        };
        map_picture::write(session, shown, export, fonts, path);
    }

    /// The size of the map in the window, in points.
    pub fn size(&self) -> egui::Vec2 {
        self.size
    }
}

/// What a drag with the tool in hand does.
fn select_tool(ui: &mut Ui, tool: &mut SelectTool) {
    Theme::of(ui).popover_frame().inner_margin(egui::Margin::same(2)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            let mut choice = |glyph: &str, name: &str, keys: &str, on: bool| {
                let button = widgets::icon_button(ui, glyph, name, keys);
                if on {
                    let stroke = egui::Stroke::new(1.5, Theme::of(ui).accent);
                    ui.painter().rect_stroke(button.rect, 4.0, stroke, egui::StrokeKind::Inside);
                }
                button.clicked()
            };
            for (rectangle, glyph, name, keys) in [
                (false, icons::LASSO, "Draw a line", ""),
                (true, icons::BOUNDING_BOX, "Span a rectangle", "Alt"),
            ] {
                if choice(glyph, name, keys, tool.rectangle == rectangle) {
                    tool.rectangle = rectangle;
                }
            }
            for (how, glyph, name, keys) in [
                (Combine::Replace, icons::SELECTION, "Select anew", ""),
                (Combine::Add, icons::UNITE, "Add to the selection", "Shift"),
                (Combine::Remove, icons::SUBTRACT, "Remove from the selection", "Ctrl"),
                (Combine::Intersect, icons::INTERSECT, "Keep what is in both", "Ctrl+Shift"),
            ] {
                if choice(glyph, name, keys, tool.how == how) {
                    tool.how = how;
                }
            }
        });
    });
}

/// The choice of contours.
fn contours_button(ui: &mut Ui, contours: &mut Contours) {
    let button = widgets::icon_button(ui, icons::TARGET, "Contours", "");
    egui::Popup::menu(&button).show(|ui| {
        for (choice, name, hint) in Contours::CHOICES {
            if ui.radio_value(contours, choice, name).on_hover_text(hint).clicked() {
                ui.close();
            }
        }
    });
}

/// A piece that floats over the map, with `corner` of it at `at`.
fn over_map(
    ctx: &egui::Context,
    name: &str,
    at: Pos2,
    corner: Align2,
    contents: impl FnOnce(&mut Ui),
) -> Rect {
    Area::new(Id::unique(name))
        .order(Order::Middle)
        .pivot(corner)
        .fixed_pos(at)
        .constrain(false)
        .fade_in(false)
        .show(ctx, |ui| {
            // An area offers what its content took in the last frame, so nothing could ever grow.
            ui.set_max_size(ROOM);
            contents(ui);
        })
        .response
        .rect
}

fn name(session: &Session, points: usize, contours: Option<&str>) -> String {
    let mut name = format!("Map of {}", format::plural(points, "document", "documents"));
    if session.clusters().is_some() {
        name.push_str(&format!(", {}", format::plural(session.cluster_count(), "cluster", "clusters")));
    }
    if let Some(contours) = contours {
        name.push_str(&format!(", {contours}"));
    }
    name
}

/// Lines from the focused document to its true neighbours.
fn lines(session: &Session) -> Vec<(u32, u32, f32)> {
    let (Some(focus), Some(knn)) = (session.focus(), session.knn()) else { return Vec::new() };
    if focus as usize >= knn.len() {
        return Vec::new();
    }
    let neighbours = knn.of(focus as usize).iter().zip(knn.similarities_of(focus as usize));
    neighbours.map(|(&to, &similarity)| (focus, to, similarity)).collect()
}

/// Thin lines from the point under the pointer to its true neighbours; those of the focused document are there already.
fn hover_lines(ui: &Ui, rect: Rect, session: &Session, view: &MapView, hovered: Option<u32>) {
    let Some(document) = hovered.filter(|&document| session.focus() != Some(document)) else { return };
    let (Some(knn), Some(positions)) = (session.knn(), session.positions()) else { return };
    let here = positions.get(document as usize).filter(|_| (document as usize) < knn.len());
    let Some(here) = here.and_then(|&place| view.view_from_world(place)) else { return };
    let painter = ui.painter_at(rect);
    let stroke = egui::Stroke::new(HOVER_LINE.0, Theme::of(ui).text.gamma_multiply(HOVER_LINE.1));
    for &neighbour in knn.of(document as usize) {
        let there = positions.get(neighbour as usize);
        if let Some(there) = there.and_then(|&place| view.view_from_world(place)) {
            painter.line_segment([here, there], stroke);
        }
    }
}

/// Does what a person's pointer said. A lasso takes what neither the filter nor the legend leaves out: `shown_of` are
/// those.
fn respond(
    session: &Session,
    response: &MapResponse,
    shown_of: impl Fn(&[u32]) -> Vec<u32>,
    wishes: &mut Wishes,
) {
    if let Some(Lassoed { points, how }) = &response.lassoed {
        wishes.push(Command::Combine(*how, shown_of(points)));
    }
    if let Some(document) = response.clicked {
        wishes.push(Command::Focus(Some(document)));
    } else if response.clicked_background {
        if session.focus().is_some() {
            wishes.push(Command::Focus(None));
        } else if session.focus_cluster().is_some() {
            wishes.push(Command::FocusCluster(None));
        } else if session.focus_explanation().is_some() {
            wishes.push(Command::FocusExplanation(None));
        } else if session.selection().is_some_and(|selection| !selection.is_empty()) {
            wishes.push(Command::Select(Vec::new()));
        }
    }
    if let Some(document) = response.double_clicked {
        wishes.visit(document);
    }
    if let Some(Dragged { point, place, held }) = response.dragged.filter(|_| session.can_pin()) {
        wishes.push(Command::Pin { document: point, place, held });
    }
}

/// Counts and quality, small, at the bottom right; and which share of the points is `drawn`, when that is not all.
fn figures(ui: &mut Ui, session: &Session, drawn: f64) {
    let theme = Theme::of(ui);
    let mut parts = Vec::new();
    if drawn < 1.0 {
        parts.push(format!("drawing {:.0}%", (100.0 * drawn).clamp(1.0, 99.0)));
    }
    if let Some((epoch, epochs)) = session.map_epoch() {
        parts.push(format!("epoch {} of {}", format::len(epoch), format::len(epochs)));
    }
    if let Some(corpus) = session.corpus() {
        parts.push(format::plural(corpus.len(), "document", "documents"));
    }
    if let Some(quality) = session.quality() {
        parts.push(format!("{} of neighbours kept", format::percent(f64::from(quality.knn_kept))));
    }
    let ground = theme.background.gamma_multiply(0.85);
    egui::Frame::new().fill(ground).corner_radius(4).inner_margin(egui::Margin::symmetric(6, 2)).show(
        ui,
        |ui| {
            let text = RichText::new(parts.join(" · ")).text_style(TextStyle::Small).color(theme.muted);
            ui.add(egui::Label::new(text).extend());
        },
    );
}

/// What the middle says while there is no map yet.
fn waiting(ui: &mut Ui, session: &Session, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    let failed = Step::ALL.iter().find_map(|&step| match session.step(step).state {
        StepState::Failed(sentence) => Some((step, sentence)),
        _ => None,
    });
    let stopped = Step::ALL.iter().find(|step| session.step(**step).state == StepState::Stopped).copied();
    let running = Step::ALL.iter().find_map(|&step| match session.step(step).state {
        StepState::Running(progress) => Some((step, progress)),
        _ => None,
    });
    let rect = ui.available_rect_before_wrap();
    let room = Rect::from_center_size(rect.center(), vec2((rect.width() - 48.0).min(420.0), 120.0));
    ui.scope_builder(egui::UiBuilder::new().max_rect(room), |ui| {
        ui.vertical_centered(|ui| {
            if let Some((step, sentence)) = failed {
                ui.label(RichText::new(icons::WARNING_CIRCLE).size(24.0).color(theme.error));
                ui.label(sentence);
                ui.add_space(SPACE_8);
                if ui.button("Try again").clicked() {
                    wishes.push(Command::Recompute(step));
                }
            } else if let Some((step, progress)) = running {
                let stage = progress.as_ref().map_or(step.title(), |progress| progress.stage.as_str());
                ui.label(RichText::new(stage).text_style(theme::title()));
                widgets::muted(ui, progress.as_ref().map_or_else(String::new, status_bar::figures));
                ui.add_space(SPACE_8);
                widgets::caption(ui, "The map appears here and moves until it settles.");
            } else if let Some(step) = stopped {
                ui.label(RichText::new(format!("{} was stopped", step.title())).text_style(theme::title()));
                widgets::muted(ui, "What was done is kept.");
                ui.add_space(SPACE_8);
                if ui.button("Go on").clicked() {
                    wishes.push(Command::Recompute(step));
                }
            } else {
                widgets::muted(ui, "Starting…");
            }
        });
    });
}
