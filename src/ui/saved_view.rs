//! The part of the window that a project remembers, so that it opens as it was left.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::session::Step;
use crate::view::camera::Camera;

use super::contours::Contours;
use super::panels::inspector::Page;
use super::panels::table::SavedTable;
use super::panes::Arrangement;
use super::wishes::Mode;

/// What is remembered. Selection, colours and what is looked at are the session's.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedView {
    pub camera: Option<SavedCamera>,
    pub legend_collapsed: bool,
    pub legend_search: String,
    pub contours: Contours,
    pub panels: Arrangement,
    pub table: SavedTable,
    /// The steps whose parameters show.
    pub steps: BTreeSet<Step>,
    pub page: Page,
    pub mode: Mode,
}

/// Where the camera was.
#[derive(Serialize, Deserialize)]
pub struct SavedCamera {
    centre: [f64; 2],
    scale: f64,
}

impl From<Camera> for SavedCamera {
    fn from(camera: Camera) -> Self {
        Self { centre: camera.centre, scale: camera.scale }
    }
}

impl From<SavedCamera> for Camera {
    fn from(saved: SavedCamera) -> Self {
        Self { centre: saved.centre, scale: saved.scale }
    }
}
