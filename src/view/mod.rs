//! Painting the map: camera, points, picking, names, colours; in the window and on the CPU.

pub mod camera;
pub mod colour;
pub mod labels;
pub mod palette;
pub mod picking;
pub mod ramp;
