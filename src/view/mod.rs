//! Painting the map: camera, points, picking, names, colours; in the window and on the CPU.
//!
//! [`map::MapView`] is the widget and [`raster::draw`] its twin without a graphics adapter; both draw the discs that
//! [`disc`] defines, or count points a pixel as [`splat`] does where they are many, and the names that [`labels`]
//! chooses. Points are drawn, picked and lassoed in the order of their [`tiles`]: an adapter notes what it draws under
//! the pointer and tests lassos, with [`pick`] and [`lasso`] as twins. Nothing here knows where the points come from.

pub mod arranged;
pub mod camera;
mod canvas;
pub mod chart;
pub mod colour;
pub mod composition;
mod counts;
pub mod disc;
mod exposure;
pub mod fonts;
pub mod glyphs;
mod label_painter;
pub mod labels;
pub mod lasso;
mod lasso_mask;
mod lasso_tool;
pub mod lettering;
pub mod map;
pub mod pace;
pub mod palette;
pub mod pick;
mod picker;
pub mod picture_legend;
mod pipelines;
pub mod points;
pub mod ramp;
pub mod raster;
mod resident;
pub mod splat;
pub mod svg;
pub mod tiles;
pub mod topic_labels;

pub use canvas::Shown;
pub use exposure::{Mode, Shot};
