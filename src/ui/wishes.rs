//! What a person asks for in a frame: commands for the session, and actions of the window itself.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::io::settings::Settings;
use crate::session::{Command, Notice};
use crate::view::chart::Chart;

use super::chart_file::ChartForm;
use super::export_sheet::Export;
use super::hand_sheet::Task;

/// A panel that can be hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    Pipeline,
    Inspector,
    Table,
    Log,
}

/// What the map shows and the panel at the right asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    Map,
    Goals,
}

/// A sheet over the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sheet {
    Settings,
    Shortcuts,
    /// What a report of a problem would hold.
    Problem,
    /// What goes into a file, and how.
    Export,
}

/// Something the window does by itself.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ask for files to open.
    PickFiles,
    /// Ask for a folder with a model.
    PickModelFolder,
    /// Ask where `clusters.csv` or the project goes.
    PickClustersFile,
    PickProjectFile,
    /// Ask where a project file without texts, or a report of a problem, goes.
    PickFileWithoutTexts,
    PickReportFile,
    /// Ask for the folder that the cache moves to.
    PickCacheFolder,
    /// Ask for a file, or a folder, that feeds what is open.
    PickWatchedFile,
    PickWatchedFolder,
    /// Ask where an export goes, and write it there.
    PickExportFile(Box<Export>),
    Export(Box<Export>, PathBuf),
    /// Copy a chart, ask where it goes, or write it there.
    CopyChart(Box<Chart>, ChartForm),
    PickChartFile(Box<Chart>, ChartForm),
    WriteChart(Box<Chart>, ChartForm, PathBuf),
    /// Save to the project's own file; ask where, if there is none.
    Save,
    /// Take back what was done last, or do it again.
    Undo,
    Redo,
    /// Ask what has to be known before something is done by hand.
    Ask(Task),
    /// Put the cursor into the title of a cluster, in its card.
    Rename(u32),
    /// Show what was done by hand.
    ShowEdits,
    /// Show a mode.
    Show(Mode),
    /// Ask where `clusters.csv` with the explanations of a goal goes.
    PickGoalFile(u32),
    /// Write the report of a problem that is on show.
    WriteReport(PathBuf),
    /// Say something.
    Tell(Notice),
    /// Take the lasso into the hand, or put it away.
    SelectTool,
    /// Select everything that the filter keeps, or what is not selected of it.
    SelectAll,
    InvertSelection,
    /// Put the tag with this number, counted from 1 in alphabetical order, on the selection or the document looked at.
    TagNumbered(u8),
    /// Show the whole map.
    Fit,
    /// Zoom by a factor about the middle of the map.
    Zoom(f32),
    /// Fly to a document or a cluster.
    FlyTo(u32),
    FlyToCluster(u32),
    /// Fly to a place of the map.
    FlyToPlace([f32; 2]),
    /// Try a text: show where it belongs, and let a person write on.
    Probe(String),
    /// Stop the moving map, or go on with a stopped one.
    StopOrContinue,
    /// Close what is open on top: a sheet, the focus, the selection.
    Escape,
    /// Put the cursor into the search field.
    Search,
    Toggle(Pane),
    Open(Sheet),
    /// Take over changed settings.
    SetSettings(Box<Settings>),
    /// Open an address in the browser.
    OpenUrl(String),
    /// Show a file or folder in the system's file manager.
    Reveal(PathBuf),
}

/// The wishes of a frame, in the order in which they came.
#[derive(Debug, Default)]
pub struct Wishes {
    pub commands: Vec<Command>,
    pub actions: Vec<Action>,
}

impl Wishes {
    /// A command for the session.
    pub fn push(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// An action of the window.
    pub fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Look at a document, and go there on the map.
    pub fn visit(&mut self, document: u32) {
        self.push(Command::Focus(Some(document)));
        self.act(Action::FlyTo(document));
    }
}
