//! Start-up of the window.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;

use crate::io::cache::Cache;
use crate::io::settings::Settings;
use crate::io::work::Home;
use crate::session::{Notice, Session, Severity, Wake};
use crate::view::pace;

use super::app::SemascopeApp;
use super::log::LogBuffer;

/// Shown by systems that take a window's icon from its program.
const ICON: &[u8] = include_bytes!("../../assets/icons/semascope-256.png");

/// The window's name, and its size on the first start.
const TITLE: &str = "Semascope";
const APP_ID: &str = "semascope";
const SIZE: [f32; 2] = [1280.0, 800.0];
const LEAST_SIZE: [f32; 2] = [960.0, 600.0];

/// Opens the window on `files` (none: the welcome page) and returns when it is closed.
pub fn open_window(files: Vec<PathBuf>, log: LogBuffer) -> anyhow::Result<()> {
    let started = Instant::now();
    let (settings, remark) = Settings::load();
    let cache = Cache::open(settings.cache_folder.clone())?;
    let icon = eframe::icon_data::from_png_bytes(ICON).context("the window's icon cannot be read")?;
    let viewport = egui::ViewportBuilder::default()
        .with_icon(icon)
        .with_title(TITLE)
        .with_app_id(APP_ID)
        .with_inner_size(SIZE)
        .with_min_inner_size(LEAST_SIZE);
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    let create = move |cc: &eframe::CreationContext<'_>| {
        let remarks = [remark, cache.remark().map(str::to_owned)];
        let session = Session::new(settings, cache, wake(&cc.egui_ctx));
        let session = match Home::open() {
            Some(home) => session.keep_in(home),
            None => session,
        };
        let mut app = SemascopeApp::new(cc, session, log)?;
        app.started(started);
        for text in remarks.into_iter().flatten() {
            app.tell(Notice { severity: Severity::Warning, text, action: None });
        }
        app.open(files);
        Ok(Box::new(app) as Box<dyn eframe::App>)
    };
    eframe::run_native(TITLE, options, Box::new(create)).context("the window could not be opened")
}

/// What jobs call when the window should look again.
pub fn wake(ctx: &egui::Context) -> Wake {
    let ctx = ctx.clone();
    Arc::new(move || pace::request_repaint(&ctx))
}
