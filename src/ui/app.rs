//! The window's frame: polls the session, draws bars, panels and sheets, and applies what was wished for.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Context, Id, Margin, Modal, Panel, ThemePreference, Ui};

use crate::data::Corpus;
use crate::gpu;
use crate::io::settings::{self, Settings};
use crate::io::{atomic, machine};
use crate::model::{DevicePreference, pick_device};
use crate::session::{Command, Notice, NoticeAction, Session, Severity, Step, StepState, Wake};
use crate::stage::StageError;
use crate::view::chart::Chart;
use crate::view::fonts::{FontError, FontFiles};
use crate::view::{pace, points};

use super::chart_file::{self, ChartForm};
use super::dialogs::{self, Dialogs, Question};
use super::export_sheet::{Export, ExportSheet};
use super::facts::Facts;
use super::file_state;
use super::fonts;
use super::frame_stats::{FrameStats, FrameTimes};
use super::hand_sheet::HandSheet;
use super::import_sheet::{self, ImportState};
use super::log::LogBuffer;
use super::map_panel::MapPanel;
use super::notices::Notices;
use super::panels::inspector::{self, InspectorState, Page};
use super::panels::pipeline::{self, PipelineState};
use super::panels::table::{self, TableState};
use super::panes::{Arrangement, Panes};
use super::problem_report::{self, Source, Work};
use super::problem_sheet::ProblemSheet;
use super::saved_view::SavedView;
use super::search_box::SearchBox;
use super::settings_dialog;
use super::shortcuts;
use super::theme::{self, STATUS_BAR, TOP_BAR, Theme};
use super::thumbnails::Thumbnails;
use super::welcome::{self, Welcome};
use super::wishes::{Action, Mode, Sheet, Wishes};
use super::{log_panel, status_bar, top_bar};

/// Progress is looked at this often while something runs; otherwise only events repaint the window.
const PROGRESS: Duration = Duration::from_millis(150);
/// A frame that takes longer is told in the log.
const FRAME: Duration = Duration::from_millis(16);
/// The app.
pub struct SemascopeApp {
    session: Session,
    wake: Wake,
    fonts: FontFiles,
    log: LogBuffer,
    device: String,
    facts: Facts,
    map: MapPanel,
    pipeline: PipelineState,
    table: TableState,
    inspector: InspectorState,
    search: SearchBox,
    mode: Mode,
    welcome: Welcome,
    import: ImportState,
    dialogs: Dialogs,
    notices: Notices,
    sheet: Option<Sheet>,
    /// What is asked before something is done by hand.
    asking: Option<HandSheet>,
    exporting: ExportSheet,
    panes: Panes,
    /// The corpus of the last frame: another one starts with fresh panels.
    shown: Option<Arc<Corpus>>,
    thumbnails: Thumbnails,
    problem: ProblemSheet,
    /// Names of files that were opened or written since the start: a report of a problem leaves them out.
    names: BTreeSet<String>,
    /// What the window itself takes for a frame, and with the drawing of it.
    frames: FrameTimes,
    drawn: FrameTimes,
    began: Instant,
    /// How long the present frame took to take in what is new.
    updated: Duration,
    /// Whether a field had the keyboard in the last frame.
    typed: bool,
    /// The window's title as it was set last.
    title: String,
    /// When the program started, until the first frame is there.
    started: Option<Instant>,
}

impl SemascopeApp {
    /// Prepares `cc`'s window: fonts, themes, the map's renderer. `session` should call [`super::wake`]'s function.
    pub fn new(
        cc: &eframe::CreationContext<'_>,
        mut session: Session,
        log: LogBuffer,
    ) -> Result<Self, FontError> {
        let ctx = &cc.egui_ctx;
        let fonts = FontFiles::load()?;
        fonts::install(&fonts, ctx);
        if let Some(state) = &cc.wgpu_render_state {
            points::install(state);
            session.draws_with(gpu::Adapter::of(&state.adapter));
        }
        let (device, remark) = pick_device(DevicePreference::Auto);
        if let Some(remark) = remark {
            tracing::info!("{remark}");
        }
        let settings = session.settings();
        apply_looks(ctx, settings);
        Ok(Self {
            wake: super::wake(ctx),
            fonts,
            log,
            device: device.to_string(),
            facts: Facts::default(),
            map: MapPanel::default(),
            pipeline: PipelineState::default(),
            table: TableState::default(),
            inspector: InspectorState::default(),
            search: SearchBox::default(),
            mode: Mode::default(),
            welcome: Welcome::default(),
            import: ImportState::default(),
            dialogs: Dialogs::default(),
            notices: Notices::default(),
            sheet: None,
            asking: None,
            exporting: ExportSheet::default(),
            panes: Panes::of(settings),
            shown: None,
            thumbnails: Thumbnails::default(),
            problem: ProblemSheet::default(),
            names: BTreeSet::new(),
            frames: FrameTimes::default(),
            drawn: FrameTimes::default(),
            began: Instant::now(),
            updated: Duration::ZERO,
            typed: false,
            title: String::new(),
            started: None,
            session,
        })
    }

    /// How long the window's thread took for its frames.
    pub fn frame_stats(&self) -> FrameStats {
        self.frames.stats()
    }

    /// The report of a problem that is on show, once it is written.
    pub fn problem_report(&self) -> Option<Arc<String>> {
        self.problem.text()
    }

    /// The panels, as a project remembers them.
    pub fn panels(&self) -> Arrangement {
        self.panes.arrangement()
    }

    /// Where a document's point appeared on the map in the last frame.
    pub fn shown_at(&self, document: u32) -> Option<egui::Pos2> {
        self.map.shown_at(&self.session, document)
    }

    /// The session, for tests and scripts.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Opens files as if they had been dropped on the window.
    pub fn open(&mut self, files: Vec<PathBuf>) {
        if !files.is_empty() {
            self.wish(Command::Open(files));
        }
    }

    /// The question of a file dialog that there is no window for, as in tests.
    pub fn asked(&self) -> Option<&Question> {
        self.dialogs.unasked()
    }

    /// Answers it with these paths; with none, as if the dialog had been cancelled.
    pub fn answer(&mut self, paths: Vec<PathBuf>) {
        self.dialogs.answer(paths);
    }

    /// Says when the program started, so that the log tells how long the first frame took.
    pub fn started(&mut self, at: Instant) {
        self.started = Some(at);
    }

    /// Shows a notice.
    pub fn tell(&mut self, notice: Notice) {
        self.notices.add(notice);
    }

    /// Does what a person could wish for; tests go round file dialogs with it.
    pub fn wish(&mut self, command: Command) {
        match &command {
            Command::Open(paths) => self.names.extend(problem_report::names_in(paths)),
            Command::SaveProject(path) => {
                self.names.extend(problem_report::names_in([path]));
                self.remember_view();
                self.thumbnails.renew(&self.session, &self.wake);
            }
            Command::ExportWithoutTexts(path) => {
                self.names.extend(problem_report::names_in([path]));
                self.remember_view();
            }
            Command::ExportClusters(path)
            | Command::ExportGoal(_, path)
            | Command::ExportDocuments(_, path) => self.names.extend(problem_report::names_in([path])),
            Command::CloseCorpus => self.thumbnails.renew(&self.session, &self.wake),
            _ => {}
        }
        self.session.apply(command);
    }

    /// Another corpus: its own camera, and panels that forget the last one.
    fn meet_corpus(&mut self) {
        let corpus = self.session.corpus().cloned();
        let same = match (&self.shown, &corpus) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        };
        if same {
            return;
        }
        self.shown = corpus;
        self.import = ImportState::default();
        self.asking = None;
        // What was saved by another version, or by nobody, leaves the map fitted.
        let saved: SavedView = serde_json::from_value(self.session.view_state().clone()).unwrap_or_default();
        self.map.set_camera(saved.camera.map(Into::into));
        self.map.legend.collapsed = saved.legend_collapsed;
        self.map.contours = saved.contours;
        self.map.legend.search = saved.legend_search;
        self.panes.meet(&saved.panels);
        self.table = TableState::restored(saved.table, self.session.focus());
        self.pipeline.open = saved.steps;
        self.inspector = InspectorState { page: saved.page, ..InspectorState::default() };
        self.mode = saved.mode;
    }

    fn remember_view(&mut self) {
        let saved = SavedView {
            camera: self.map.camera().map(Into::into),
            legend_collapsed: self.map.legend.collapsed,
            contours: self.map.contours,
            legend_search: self.map.legend.search.clone(),
            panels: self.panes.arrangement(),
            table: self.table.saved(),
            steps: self.pipeline.open.clone(),
            page: self.inspector.page,
            mode: self.mode,
        };
        self.session.set_view_state(serde_json::to_value(saved).unwrap_or_default());
    }

    fn workspace(&mut self, ui: &mut Ui, wishes: &mut Wishes) {
        self.panes.fit(ui.max_rect().size());
        let theme = Theme::of(ui);
        let bar = egui::Frame::new().fill(theme.panel).inner_margin(Margin::symmetric(12, 0));
        let Panes { left, right, bottom, .. } = &self.panes;
        let open =
            top_bar::Open { mode: self.mode, pipeline: left.open, table: bottom.open, inspector: right.open };
        Panel::top("top bar").exact_size(TOP_BAR).frame(bar).show(ui, |ui| {
            top_bar::show(ui, &self.session, open, &mut self.search, wishes);
        });
        self.status(ui, wishes);
        self.log_pane(ui, wishes);
        let colours = self.map.cluster_colours(&self.session);
        let frame = egui::Frame::new().fill(theme.panel).inner_margin(Margin {
            left: 12,
            right: 12,
            top: 4,
            bottom: 0,
        });
        let table = Panel::bottom(self.panes.id("table"))
            .resizable(true)
            .default_size(self.panes.bottom.size)
            .size_range(96.0..=600.0)
            .frame(frame);
        if let Some(shown) = table.show_collapsible(ui, &mut self.panes.bottom.open, |ui| {
            let colours = self.map.group_colours(&self.session);
            table::show(ui, &self.session, &mut self.table, &colours, &self.wake, wishes);
            ui.take_available_space();
        }) {
            self.panes.bottom.size = shown.response.rect.height();
        }
        let left = Panel::left(self.panes.id("pipeline"))
            .resizable(true)
            .default_size(self.panes.left.size)
            .size_range(216.0..=420.0)
            .frame(theme.panel_frame());
        if let Some(shown) = left.show_collapsible(ui, &mut self.panes.left.open, |ui| {
            ui.take_available_width();
            pipeline::show(ui, &self.session, &self.facts, &mut self.pipeline, wishes);
        }) {
            self.panes.left.size = shown.response.rect.width();
        }
        let right = Panel::right(self.panes.id("inspector"))
            .resizable(true)
            .default_size(self.panes.right.size)
            .size_range(240.0..=640.0)
            .frame(theme.panel_frame());
        if let Some(shown) = right.show_collapsible(ui, &mut self.panes.right.open, |ui| {
            // A panel would else become as narrow as what is in it.
            ui.take_available_width();
            let (session, facts, stack) = (&self.session, &self.facts, self.map.stack());
            let explanation = self.map.explanation_colours(session);
            let colours = inspector::Colours { cluster: &colours, explanation };
            inspector::show(ui, session, self.mode, facts, stack, colours, &mut self.inspector, wishes);
        }) {
            self.panes.right.size = shown.response.rect.width();
        }
        egui::CentralPanel::no_frame().show(ui, |ui| {
            self.map.show(ui, &self.session, &self.facts, self.inspector.probe.pointed, wishes);
        });
    }

    fn status(&mut self, ui: &mut Ui, wishes: &mut Wishes) {
        let frame = egui::Frame::new().fill(Theme::of(ui).panel).inner_margin(Margin::symmetric(12, 0));
        Panel::bottom("status").exact_size(STATUS_BAR).frame(frame).show(ui, |ui| {
            status_bar::show(ui, &self.session, &self.device, wishes);
        });
    }

    fn log_pane(&mut self, ui: &mut Ui, wishes: &mut Wishes) {
        let frame = egui::Frame::new().fill(Theme::of(ui).panel).inner_margin(Margin {
            left: 12,
            right: 12,
            top: 4,
            bottom: 4,
        });
        let stats = if self.panes.log.open { self.frames.stats() } else { FrameStats::default() };
        let panel = Panel::bottom(self.panes.id("log"))
            .resizable(true)
            .default_size(self.panes.log.size)
            .size_range(80.0..=600.0)
            .frame(frame);
        if let Some(shown) = panel.show_collapsible(ui, &mut self.panes.log.open, |ui| {
            log_panel::show(ui, &self.log, stats, wishes);
            ui.take_available_space();
        }) {
            self.panes.log.size = shown.response.rect.height();
        }
    }

    fn front_page(&mut self, ui: &mut Ui, wishes: &mut Wishes) {
        self.status(ui, wishes);
        self.log_pane(ui, wishes);
        egui::CentralPanel::no_frame().show(ui, |ui| {
            let page = ui.max_rect();
            let version = self.thumbnails.version();
            welcome::show(ui, &self.session, &mut self.welcome, version, &self.wake, wishes);
            let corner = egui::Rect::from_min_max(
                page.right_top() + egui::vec2(-120.0, theme::SPACE_8),
                page.right_top() + egui::vec2(-theme::SPACE_12, TOP_BAR),
            );
            ui.scope_builder(egui::UiBuilder::new().max_rect(corner), |ui| {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    top_bar::tools(ui, wishes)
                });
            });
        });
    }

    fn sheets(&mut self, ctx: &Context, wishes: &mut Wishes) {
        let theme = Theme::of_context(ctx);
        let frame = theme.popover_frame().inner_margin(Margin::same(20));
        let modal = |name: &str| {
            let id = Id::unique(name);
            let area = Modal::default_area(id).accessible_name(name).fade_in(false);
            Modal::new(id).area(area).frame(frame).backdrop_color(theme.veil)
        };
        if let Some(import) = self.session.import_sheet() {
            let open = self.session.corpus().map(|corpus| &**corpus);
            modal("Import").show(ctx, |ui| import_sheet::show(ui, import, open, &mut self.import, wishes));
        }
        if let Some(asking) = &mut self.asking {
            let colours = self.map.cluster_colours(&self.session);
            let shown = modal(asking.name())
                .show(ctx, |ui| asking.show(ui, &self.session, &self.facts, &colours, wishes));
            if shown.inner || shown.backdrop_response.clicked() {
                self.asking = None;
            }
        }
        let closed = match self.sheet {
            None => false,
            Some(Sheet::Settings) => modal("Settings")
                .show(ctx, |ui| settings_dialog::show(ui, &self.session, &self.device, wishes))
                .backdrop_response
                .clicked(),
            Some(Sheet::Shortcuts) => {
                modal("Shortcuts").show(ctx, shortcuts::sheet).backdrop_response.clicked()
            }
            Some(Sheet::Problem) => modal("Report a problem")
                .show(ctx, |ui| self.problem.show(ui, wishes))
                .backdrop_response
                .clicked(),
            Some(Sheet::Export) => {
                let shown = modal("Export")
                    .show(ctx, |ui| self.exporting.show(ui, &self.session, &self.wake, wishes));
                shown.inner || shown.backdrop_response.clicked()
            }
        };
        if closed {
            self.sheet = None;
        }
    }

    fn apply(&mut self, wishes: Wishes, ctx: &Context, frame: &eframe::Frame) {
        for command in wishes.commands {
            self.wish(command);
        }
        for action in wishes.actions {
            self.act(action, ctx, frame);
        }
    }

    fn act(&mut self, action: Action, ctx: &Context, frame: &eframe::Frame) {
        match action {
            Action::PickFiles => self.ask(Question::Open, frame),
            Action::PickModelFolder => self.ask(Question::ModelFolder, frame),
            Action::PickWatchedFile => self.ask(Question::WatchedFile, frame),
            Action::PickWatchedFolder => self.ask(Question::WatchedFolder, frame),
            Action::PickClustersFile if self.session.clusters().is_some() => {
                self.ask(Question::ClustersFile, frame)
            }
            Action::PickProjectFile if self.session.corpus().is_some() => {
                self.ask(Question::ProjectFile, frame)
            }
            Action::PickFileWithoutTexts if self.session.corpus().is_some() => {
                self.ask(Question::FileWithoutTexts, frame)
            }
            Action::PickReportFile => self.ask(Question::ReportFile, frame),
            Action::PickCacheFolder => self.ask(Question::CacheFolder, frame),
            Action::PickClustersFile | Action::PickProjectFile | Action::PickFileWithoutTexts => {}
            Action::WriteReport(path) => self.write_report(path),
            Action::Tell(notice) => self.notices.add(notice),
            Action::PickExportFile(export) => self.ask(Question::Export(export), frame),
            Action::Export(export, path) => self.export(*export, path),
            Action::SelectTool => drop(self.map.toggle_tool()),
            Action::SelectAll => self.session.apply(Command::SelectAll),
            Action::InvertSelection => self.session.apply(Command::InvertSelection),
            Action::TagNumbered(number) => self.tag_numbered(number),
            Action::CopyChart(chart, form) => {
                let raw = self.session.settings().export.raw_cells;
                let problem = chart_file::copy(ctx, &chart, form, raw, &self.fonts);
                problem.into_iter().for_each(|notice| self.notices.add(notice));
            }
            Action::PickChartFile(chart, form) => self.ask(Question::Chart(chart, form), frame),
            Action::WriteChart(chart, form, path) => self.save_chart(*chart, form, path),
            Action::Fit => self.map.fit(),
            Action::Zoom(factor) => self.map.zoom_by(factor),
            Action::FlyTo(document) => self.map.fly_to(&self.session, document),
            Action::FlyToCluster(label) => self.map.fly_to_cluster(&self.session, label),
            Action::FlyToPlace(place) => self.map.fly_to_place(place),
            Action::Probe(text) => {
                self.mode = Mode::Map;
                self.panes.right.open = true;
                // What lies over the page in the panel makes room for it.
                for command in [Command::FocusCluster(None), Command::Focus(None), Command::Search(None)] {
                    self.session.apply(command);
                }
                self.session.apply(Command::Probe(Some(text)));
                self.inspector.page = Page::Probe;
                self.inspector.probe.wants_focus = true;
            }
            Action::StopOrContinue => match self.session.step(Step::Map).state {
                StepState::Running(_) => self.session.apply(Command::Stop(Step::Map)),
                StepState::Stopped => self.session.apply(Command::ContinueMap),
                _ => {}
            },
            Action::Undo => self.session.apply(Command::Undo),
            Action::Redo => self.session.apply(Command::Redo),
            Action::Save if self.session.corpus().is_none() => {}
            Action::Save if self.session.project_path().is_some() && self.session.read_only().is_none() => {
                self.remember_view();
                self.session.apply(Command::Save);
            }
            Action::Save => self.ask(Question::ProjectFile, frame),
            Action::Escape => self.escape(),
            Action::Ask(task) => self.asking = Some(HandSheet::new(task, &self.session)),
            Action::Rename(label) => {
                self.panes.right.open = true;
                self.session.apply(Command::FocusCluster(Some(label)));
                self.inspector.title.begin(&self.session, label);
            }
            Action::Show(mode) => {
                self.mode = mode;
                if mode == Mode::Goals {
                    self.panes.right.open = true;
                    self.inspector.goals.enter();
                    self.session.apply(Command::FocusCluster(None));
                    self.session.apply(Command::Focus(None));
                } else {
                    self.session.apply(Command::FocusExplanation(None));
                }
            }
            Action::PickGoalFile(goal) => self.ask(Question::GoalFile(goal), frame),
            Action::ShowEdits => {
                self.mode = Mode::Map;
                self.panes.right.open = true;
                self.session.apply(Command::FocusCluster(None));
                self.session.apply(Command::Focus(None));
                self.inspector.page = Page::Edits;
            }
            Action::Search => {
                self.search.wants_focus = true;
            }
            Action::Toggle(pane) => {
                let pane = self.panes.get_mut(pane);
                pane.open = !pane.open;
            }
            Action::Open(sheet) if self.sheet == Some(sheet) => self.sheet = None,
            Action::Open(sheet) => {
                match sheet {
                    Sheet::Settings => self.session.count_cache(),
                    Sheet::Problem => self.problem.begin(self.report(ctx, frame), &self.wake),
                    Sheet::Export if self.session.corpus().is_none() => return,
                    Sheet::Export => self.exporting.begin(&self.session, self.map.size(), ctx),
                    Sheet::Shortcuts => {}
                }
                self.sheet = Some(sheet);
            }
            Action::SetSettings(settings) => {
                apply_looks(ctx, &settings);
                self.session.computes_on(settings.device);
                *self.session.settings_mut() = *settings;
                self.take_panels();
                self.session.save_settings();
            }
            Action::OpenUrl(url) => ctx.open_url(egui::OpenUrl::new_tab(url)),
            Action::Reveal(path) => dialogs::reveal(ctx, &path),
        }
        ctx.request_repaint();
    }

    /// Writes an export to a file; tests go round the file dialog with it.
    pub fn export(&mut self, export: Export, path: PathBuf) {
        self.sheet = self.sheet.filter(|sheet| *sheet != Sheet::Export);
        match export {
            Export::Documents(export) => self.wish(Command::ExportDocuments(Box::new(export), path)),
            Export::Picture(export) => {
                self.names.extend(problem_report::names_in([&path]));
                self.map.write_picture(&mut self.session, &self.fonts, &self.facts, export, path);
            }
        }
    }

    /// Writes a chart to a file; tests go round the file dialog with it.
    pub fn save_chart(&mut self, chart: Chart, form: ChartForm, path: PathBuf) {
        self.names.extend(problem_report::names_in([&path]));
        chart_file::write(&mut self.session, chart, form, &self.fonts, path);
    }

    fn ask(&mut self, question: Question, frame: &eframe::Frame) {
        let name = self.session.corpus().map_or_else(String::new, |corpus| corpus.name.clone());
        let window = frame.winit_window().is_some().then_some(frame);
        self.dialogs.ask(question, &name, window, &self.wake);
    }

    fn escape(&mut self) {
        if self.sheet.take().is_some() || self.asking.take().is_some() {
            return;
        }
        let command = if self.session.import_sheet().is_some() {
            Command::CancelImport
        } else if self.map.put_tool_away() {
            return;
        } else if self.session.focus().is_some() {
            Command::Focus(None)
        } else if self.session.focus_cluster().is_some() {
            Command::FocusCluster(None)
        } else if self.session.focus_explanation().is_some() {
            Command::FocusExplanation(None)
        } else if self.session.search().is_some() {
            Command::Search(None)
        } else if self.session.selection().is_some_and(|selection| !selection.is_empty()) {
            Command::Select(Vec::new())
        } else {
            return;
        };
        self.session.apply(command);
    }

    /// Puts a tag on what is selected, or else on the document looked at; takes it off where all of them have it.
    fn tag_numbered(&mut self, number: u8) {
        let Some(edits) = self.session.edits() else { return };
        let selection = self.session.selection().filter(|selection| !selection.is_empty());
        let documents = match (selection, self.session.focus()) {
            (Some(selection), _) => selection.to_vec(),
            (None, Some(focus)) => vec![focus],
            (None, None) => return,
        };
        let at = usize::from(number).saturating_sub(1);
        let tag = edits.tags.keys().nth(at).cloned().unwrap_or_else(|| format!("Tag {number}"));
        let tagged = edits.tags.get(&tag);
        let all = tagged.is_some_and(|tagged| documents.iter().all(|&id| tagged.contains(id)));
        let n = super::format::plural(documents.len(), "document", "documents");
        let (command, text) = match all {
            true => (Command::Untag(tag.clone(), documents), format!("“{tag}” was taken off {n}.")),
            false => (Command::Tag(tag.clone(), documents), format!("{n} tagged “{tag}”.")),
        };
        self.session.apply(command);
        let action = Some(("Undo".to_owned(), NoticeAction::Undo));
        self.notices.add(Notice { severity: Severity::Info, text, action });
    }

    /// Takes the panels over into the settings.
    fn take_panels(&mut self) {
        self.session.settings_mut().panels.extend(self.panes.own());
    }

    /// What a report of a problem is written from.
    fn report(&self, ctx: &Context, frame: &eframe::Frame) -> Source {
        let session = &self.session;
        let mut names: Vec<String> = problem_report::names_of(session).collect();
        names.extend(self.names.iter().cloned());
        let size = ctx.content_rect().size();
        Source {
            drawn_with: frame.wgpu_render_state().map(|state| gpu::describe(&state.adapter)),
            computes_on: self.device.clone(),
            settings: session.settings().clone(),
            cache: session.cache().folder().display().to_string(),
            cache_size: session.cache_size(),
            window: (size.x, size.y, ctx.pixels_per_point()),
            work: Work::of(session),
            log: self.log.with(|records| records.iter().cloned().collect()),
            panics: self.log.panics(),
            home: machine::home(),
            names,
        }
    }

    fn write_report(&mut self, path: PathBuf) {
        let Some(text) = self.problem.text() else { return };
        self.session.write("report", move |_| {
            atomic::replace_with(&path, text.as_bytes()).map_err(StageError::failed)?;
            Ok(("The report was saved.".into(), path))
        });
    }

    /// A cluster that was just merged into another, or deleted, is looked at no longer.
    fn leave_emptied_cluster(&mut self) {
        if let (Some(label), Some(sizes)) = (self.session.focus_cluster(), self.facts.sizes(&self.session))
            && sizes.of_label(label) == 0
        {
            self.session.apply(Command::FocusCluster(None));
        }
    }

    /// Lets the window's title say what is open.
    fn name_window(&mut self, ctx: &Context) {
        let title = file_state::title(&self.session);
        if title != self.title {
            ctx.send_viewport_cmd(egui::ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }

    fn take_drops(&mut self, ctx: &Context) {
        let dropped: Vec<PathBuf> =
            ctx.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
        self.open(dropped);
    }
}

impl eframe::App for SemascopeApp {
    fn logic(&mut self, ctx: &Context, frame: &mut eframe::Frame) {
        self.began = Instant::now();
        // What is measured of the last frame as a whole holds its drawing as well.
        if let Some(seconds) = frame.info().cpu_usage {
            self.drawn.record(Duration::from_secs_f32(seconds.max(0.0)));
        }
        self.take_drops(ctx);
        self.session.poll();
        if let Some(wait) = self.session.poll_after() {
            ctx.request_repaint_after(wait);
        }
        if self.session.is_busy() {
            ctx.request_repaint_after(PROGRESS.max(pace::get(ctx)));
        }
        for notice in self.session.take_notices() {
            self.notices.add(notice);
        }
        self.meet_corpus();
        if self.session.corpus().is_some() {
            self.remember_view();
        }
        self.facts.update(&self.session, &self.wake);
        self.inspector.update(&self.session, &self.wake);
        self.leave_emptied_cluster();
        self.name_window(ctx);
        self.thumbnails.update(&mut self.session, &self.wake);
        self.map.update(&self.session, ctx.theme() == egui::Theme::Dark, &self.wake);
        self.updated = self.began.elapsed();
    }

    fn ui(&mut self, ui: &mut Ui, frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        let mut wishes = Wishes::default();
        let sheet = self.sheet.is_some() || self.asking.is_some() || self.session.import_sheet().is_some();
        shortcuts::listen(&ctx, sheet, self.typed, &mut wishes);
        self.dialogs.poll(&mut wishes);
        if self.session.corpus().is_some() {
            self.workspace(ui, &mut wishes);
        } else {
            self.front_page(ui, &mut wishes);
        }
        self.sheets(&ctx, &mut wishes);
        self.notices.show(&ctx, &mut wishes);
        if ctx.input(|input| !input.raw.hovered_files.is_empty()) {
            welcome::drop_overlay(&ctx);
        }
        self.typed = ctx.text_edit_focused();
        self.apply(wishes, &ctx, frame);
        let took = self.began.elapsed();
        self.frames.record(took);
        if took > FRAME {
            tracing::debug!("a frame took {took:.1?}, {:.1?} of it to take in what is new", self.updated);
        }
        if let Some(started) = self.started.take() {
            tracing::info!("first frame after {:.0?}", started.elapsed());
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        Theme::for_mode(visuals.dark_mode).background.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self) {
        for (what, times) in [("the window", &self.frames), ("the window and its drawing", &self.drawn)] {
            let FrameStats { frames, p50, p99, max } = times.stats();
            tracing::info!("{what}, {frames} frames: median {p50:.1?}, p99 {p99:.1?}, slowest {max:.1?}");
        }
        self.remember_view();
        self.take_panels();
        if let Err(error) = self.session.save_settings_now() {
            tracing::warn!("{error}");
        }
    }
}

fn apply_looks(ctx: &Context, settings: &Settings) {
    theme::install(ctx, settings.reduce_motion);
    ctx.set_theme(match settings.theme {
        settings::Theme::System => ThemePreference::System,
        settings::Theme::Light => ThemePreference::Light,
        settings::Theme::Dark => ThemePreference::Dark,
    });
}
