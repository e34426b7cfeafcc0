//! The window: one file a panel.
//!
//! Panels read the session and push [`wishes`]; [`app`] applies them. Nothing here computes while it draws: what
//! must be computed from the session's values goes to a worker ([`crate::job::derived`]) and shows when it is there.

pub mod app;
pub mod chart_axis;
pub mod chart_counts;
pub mod chart_file;
pub mod choosing;
pub mod cluster_menu;
mod colour_choice;
pub mod colouring;
mod contours;
pub mod copy_groups;

pub mod dialogs;
pub mod digest;
pub mod edit_digest;
pub mod emphasis;
pub mod explanation_menu;
pub mod export_sheet;
pub mod facts;
pub mod file_state;
pub mod fonts;
pub mod format;
pub mod frame_stats;
pub mod goal_facts;
pub mod hand_sheet;
pub mod hover_card;
pub mod icons;
pub mod import_sheet;
pub mod legend;
pub mod links;
pub mod log;
pub mod log_panel;
pub mod map_labels;
pub mod map_panel;
pub mod map_picture;
mod marking;
pub mod notices;
pub mod panels;
pub mod panes;
pub mod pictures;
mod pins;
mod place_marks;
pub mod problem_report;
pub mod problem_sheet;
pub mod recent_files;
pub mod saved_view;
mod search_box;
pub mod settings_dialog;
pub mod shortcuts;
pub mod sorting;
pub mod status_bar;
pub mod tabular;
pub mod tags;
pub mod theme;
pub mod thumbnails;
pub mod top_bar;
pub mod topic_facts;
pub mod unfinished;
pub mod welcome;
pub mod widgets;
mod window;
pub mod wishes;
mod worth;

pub use app::SemascopeApp;
pub use window::{open_window, wake};
