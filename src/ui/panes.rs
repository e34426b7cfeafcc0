//! The panels at the window's edges: which are open and how large they are, as a person likes it and as a project
//! remembers it.

use std::collections::BTreeMap;

use crate::io::settings::{Panel, Settings};

use super::theme::{BOTTOM_PANEL, LEFT_PANEL, RIGHT_PANEL};
use super::wishes::Pane;

/// Height of the log.
const LOG_PANEL: f32 = 180.0;
/// Sizes that a panel can have: one from a broken file must not hide the map.
const SIZES: std::ops::Range<f32> = 80.0..2000.0;
/// In windows smaller than this, panels that nobody has arranged yet leave the map half of the room: the table is
/// closed, the panels beside the map are narrower.
const ROOMY: egui::Vec2 = egui::vec2(1400.0, 900.0);
const NARROW_LEFT_PANEL: f32 = 240.0;
const NARROW_RIGHT_PANEL: f32 = 300.0;

/// Panels by name.
pub type Arrangement = BTreeMap<String, Panel>;

/// A panel: whether it shows, and how wide or high it is.
#[derive(Debug)]
pub struct PaneState {
    name: &'static str,
    pub open: bool,
    pub size: f32,
}

impl PaneState {
    fn new(name: &'static str, size: f32, open: bool) -> Self {
        Self { name, open, size }
    }
}

/// All panels.
///
/// A project comes with its own arrangement. While it is open the panels are the project's: what is changed then is
/// kept with it, and the person's own arrangement is back as soon as it is closed.
#[derive(Debug)]
pub struct Panes {
    pub left: PaneState,
    pub right: PaneState,
    pub bottom: PaneState,
    pub log: PaneState,
    /// The person's own arrangement, while a project's is in use, and whether nobody has arranged that yet.
    own: Option<(Arrangement, bool)>,
    /// Nobody has arranged the panels yet.
    unarranged: bool,
    /// Goes into the panels' ids: a panel that has been drawn keeps its size unless it is another one.
    generation: u64,
}

impl Panes {
    /// The panels as they were left.
    pub fn of(settings: &Settings) -> Self {
        let mut panes = Self {
            left: PaneState::new("pipeline", LEFT_PANEL, true),
            right: PaneState::new("inspector", RIGHT_PANEL, true),
            bottom: PaneState::new("table", BOTTOM_PANEL, true),
            log: PaneState::new("log", LOG_PANEL, false),
            own: None,
            unarranged: settings.panels.is_empty(),
            generation: 0,
        };
        panes.take(&settings.panels);
        panes
    }

    /// The panel that a key or a button is about.
    pub fn get_mut(&mut self, pane: Pane) -> &mut PaneState {
        match pane {
            Pane::Pipeline => &mut self.left,
            Pane::Inspector => &mut self.right,
            Pane::Table => &mut self.bottom,
            Pane::Log => &mut self.log,
        }
    }

    fn all(&self) -> [&PaneState; 4] {
        [&self.left, &self.right, &self.bottom, &self.log]
    }

    fn take(&mut self, arrangement: &Arrangement) {
        for pane in [&mut self.left, &mut self.right, &mut self.bottom, &mut self.log] {
            let Some(saved) = arrangement.get(pane.name) else { continue };
            pane.open = saved.visible;
            if SIZES.contains(&saved.size) {
                pane.size = saved.size;
            }
        }
        self.generation += 1;
    }

    /// The panels as they are now.
    pub fn arrangement(&self) -> Arrangement {
        let panel = |pane: &PaneState| Panel { size: pane.size, visible: pane.open };
        self.all().into_iter().map(|pane| (pane.name.to_owned(), panel(pane))).collect()
    }

    /// What belongs into the person's settings; empty where nobody has arranged anything but a project's panels.
    pub fn own(&self) -> Arrangement {
        match &self.own {
            Some((_, true)) => Arrangement::new(),
            Some((own, false)) => own.clone(),
            None => self.arrangement(),
        }
    }

    /// Arranges the panels as the project that was just opened remembers them; without one (an empty arrangement),
    /// as the person likes them.
    pub fn meet(&mut self, project: &Arrangement) {
        if project.is_empty() {
            if let Some((own, unarranged)) = self.own.take() {
                self.take(&own);
                self.unarranged = unarranged;
            }
            return;
        }
        let unarranged = std::mem::take(&mut self.unarranged);
        if self.own.is_none() {
            self.own = Some((self.arrangement(), unarranged));
        }
        self.take(project);
    }

    /// Arranges the panels for a window of this size, unless a person has.
    pub fn fit(&mut self, window: egui::Vec2) {
        if !std::mem::take(&mut self.unarranged) {
            return;
        }
        self.bottom.open = window.y >= ROOMY.y;
        if window.x < ROOMY.x {
            self.left.size = NARROW_LEFT_PANEL;
            self.right.size = NARROW_RIGHT_PANEL;
        }
    }

    /// What a panel's id is made of.
    pub fn id(&self, name: &'static str) -> (&'static str, u64) {
        (name, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(size: f32, visible: bool) -> Arrangement {
        BTreeMap::from([("table".to_owned(), Panel { size, visible })])
    }

    fn one_s_own() -> Panes {
        let mut settings = Settings::default();
        settings.panels = arranged(150.0, true);
        Panes::of(&settings)
    }

    #[test]
    fn a_project_s_panels_go_with_it_and_one_s_own_are_back() {
        let mut panes = one_s_own();
        panes.meet(&arranged(300.0, false));
        assert_eq!((panes.bottom.size, panes.bottom.open), (300.0, false));
        panes.bottom.size = 320.0;
        assert_eq!(panes.own()["table"], Panel { size: 150.0, visible: true });
        assert_eq!(panes.arrangement()["table"].size, 320.0);
        panes.meet(&Arrangement::new());
        assert_eq!((panes.bottom.size, panes.bottom.open), (150.0, true));
    }

    #[test]
    fn a_project_opened_first_arranges_nothing_but_itself() {
        let mut panes = Panes::of(&Settings::default());
        panes.meet(&arranged(300.0, false));
        assert!(panes.own().is_empty());
        panes.meet(&Arrangement::new());
        panes.fit(ROOMY);
        assert!(panes.bottom.open);
        assert_eq!(panes.bottom.size, BOTTOM_PANEL);
    }

    #[test]
    fn panels_that_were_moved_without_a_project_are_one_s_own() {
        let mut panes = one_s_own();
        panes.meet(&Arrangement::new());
        panes.bottom.size = 200.0;
        assert_eq!(panes.own()["table"].size, 200.0);
    }

    #[test]
    fn a_size_from_a_broken_file_does_not_hide_the_map() {
        let mut panes = Panes::of(&Settings::default());
        panes.meet(&arranged(f32::NAN, true));
        assert_eq!(panes.bottom.size, BOTTOM_PANEL);
    }
}
