//! The window: one file a panel. Panels read the session and push wishes; nothing here computes while it draws.

pub mod format;
pub mod frame_stats;
pub mod icons;
pub mod links;
pub mod log;
pub mod tabular;
pub mod theme;
