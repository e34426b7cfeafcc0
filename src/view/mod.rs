//! Painting the map: camera, points, picking, names, colours; in the window and on the CPU.
//!
//! [`map::MapView`] is the widget and [`raster::draw`] its twin without a graphics adapter; both draw the discs that
//! [`disc`] defines and the names that [`labels`] chooses. Nothing here knows where the points come from.

pub mod camera;
pub mod colour;
pub mod disc;
pub mod fonts;
pub mod glyphs;
mod index_worker;
mod label_painter;
pub mod labels;
pub mod map;
pub mod pace;
pub mod palette;
pub mod picking;
pub mod points;
pub mod ramp;
pub mod raster;
pub mod topic_labels;
