//! The small states that panels read: steps, samples, colouring, notices.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::data::Corpus;
use crate::io::read::{Peek, ReadOptions};
use crate::job::Snapshot;
use crate::stage::Survey;
use crate::stage::append::Duplicates;
use crate::stage::join::JoinBy;

/// The steps of the flow, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    Corpus,
    Embed,
    Neighbours,
    Map,
    /// Measuring how far the map can be trusted.
    Quality,
    Clusters,
    Names,
    /// Density topics on the map and their names: the labels by zoom.
    Topics,
}

impl Step {
    /// Every step, in the order of the flow.
    pub const ALL: [Self; 8] = [
        Self::Corpus,
        Self::Embed,
        Self::Neighbours,
        Self::Map,
        Self::Quality,
        Self::Clusters,
        Self::Names,
        Self::Topics,
    ];

    /// Its name as a person reads it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Corpus => "Corpus",
            Self::Embed => "Embedding",
            Self::Neighbours => "Neighbours",
            Self::Map => "Map",
            Self::Quality => "Map quality",
            Self::Clusters => "Clusters",
            Self::Names => "Names",
            Self::Topics => "Map topics",
        }
    }
}

/// What a person asks of a space beside the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Study {
    /// What sets the selection apart.
    Special,
    /// Documents that are nearly the same.
    Copies,
    /// How far documents lie from others.
    Outliers,
    /// Where the map tears neighbours apart, and where it lays strangers on each other.
    Honesty,
    /// How well clusters survive when they are found again.
    Stability,
    /// The index of words, which searches by words need once.
    Words,
    /// What searches by meaning need once.
    Meaning,
    /// Classes by topics that are described by keywords.
    Topics,
}

impl Study {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Special,
        Self::Copies,
        Self::Outliers,
        Self::Honesty,
        Self::Stability,
        Self::Words,
        Self::Meaning,
        Self::Topics,
    ];
}

/// Where a step stands.
#[derive(Clone, Debug, PartialEq)]
pub enum StepState {
    /// It waits for an earlier step.
    Waiting,
    Running(Option<Snapshot>),
    /// Its value belongs to the present inputs and parameters.
    Done,
    /// It has a value, but of other inputs or parameters.
    Stale,
    /// A person stopped it; a map shows what it has reached.
    Stopped,
    /// One sentence that says what happened and what to do.
    Failed(String),
}

/// A step as the pipeline panel shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct StepStatus {
    pub state: StepState,
    /// What came out, in a few words: "exact, 15 neighbours", "31 clusters".
    pub summary: String,
    /// How long the last run took.
    pub took: Option<Duration>,
}

/// What the points' colours show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ColourBy {
    /// The cluster column.
    #[default]
    Cluster,
    /// Density topics at a level, 0 the coarsest.
    Topic(usize),
    /// A column of the corpus.
    Column(usize),
    /// The share of each point's neighbours that the map keeps.
    Kept,
    /// The best explanation of a goal, by the goal's id.
    Goal(u32),
    /// How surely documents satisfy one explanation of a goal: their ids.
    Explanation(u32, u32),
    /// How far documents lie from others.
    Outliers,
    /// How far the map puts documents from their true neighbours.
    Torn,
    /// How strange to a document those are that the map lays around it.
    Crowded,
    /// In how many of other clusterings documents leave the core of their cluster.
    Shaky,
    /// The kept searches that find documents.
    Searches,
    /// The best of the topics that are described by keywords.
    KeywordTopic,
    /// One colour for all.
    Nothing,
}

/// A bundled corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sample {
    Arxiv,
    Banking,
    Glove,
}

impl Sample {
    /// All of them, in the order of the welcome page.
    pub const ALL: [Self; 3] = [Self::Arxiv, Self::Banking, Self::Glove];

    /// Its name on the welcome page.
    pub fn title(self) -> &'static str {
        match self {
            Self::Arxiv => "arXiv papers",
            Self::Banking => "Bank customers' questions",
            Self::Glove => "English words",
        }
    }

    /// One line about it.
    pub fn description(self) -> &'static str {
        match self {
            Self::Arxiv => "2,000 titles and abstracts in computer science, with categories and dates",
            Self::Banking => "10,003 questions of 77 kinds (BANKING77)",
            Self::Glove => "The 20,000 most frequent words, with their GloVe vectors",
        }
    }

    /// The columns that make up its texts; none for words.
    pub fn text_columns(self) -> &'static [&'static str] {
        match self {
            Self::Arxiv => &["title", "abstract"],
            Self::Banking => &["text"],
            Self::Glove => &[],
        }
    }

    /// Its file below `assets/samples`.
    pub fn file(self) -> &'static str {
        match self {
            Self::Arxiv => "arxiv.jsonl.gz",
            Self::Banking => "banking77.csv.gz",
            Self::Glove => "glove.bin.gz",
        }
    }
}

/// What a file that is dropped while something is open is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// It is opened in place of what is open.
    #[default]
    Open,
    /// Its documents are added, and placed in the map that is there.
    Add,
    /// Its columns join the documents that are there.
    Join,
}

/// The import sheet: what would be explored, before anything runs.
pub struct Import {
    pub path: PathBuf,
    /// Vectors that were dropped together with the file.
    pub vectors: Option<PathBuf>,
    pub options: ReadOptions,
    /// The first rows; there within moments.
    pub peek: Option<Peek>,
    /// The whole file read; its text columns are the ones chosen on the sheet.
    pub corpus: Option<Arc<Corpus>>,
    /// Counts over the chosen texts; computed again when they change.
    pub survey: Option<Survey>,
    /// Progress of the reading or counting, while it goes on.
    pub progress: Option<Snapshot>,
    /// Why it cannot be read, in one sentence.
    pub error: Option<String>,
    /// What a confirmed sheet does.
    pub purpose: Purpose,
    /// What becomes of documents that are open already.
    pub duplicates: Duplicates,
    /// By what columns are joined: as chosen, or as suggested once the file is read.
    pub join_by: Option<JoinBy>,
    /// The share of the open documents that the suggested columns find a row for.
    pub join_found: Option<f32>,
    /// The person confirmed before the reading was done: it starts as soon as it is.
    pub confirmed: bool,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// Something a person should know.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub severity: Severity,
    /// One or two plain sentences: what happened to what, and what to do.
    pub text: String,
    /// What the notice's button does, and its caption.
    pub action: Option<(String, NoticeAction)>,
}

/// What a notice's button does.
#[derive(Clone, Debug, PartialEq)]
pub enum NoticeAction {
    Recompute(Step),
    /// Show a file or folder that was written.
    Reveal(PathBuf),
    /// Show the edits that do not fit.
    ShowEdits,
    ComputeMissing,
    /// Take back what was done last.
    Undo,
    /// Go back to the project as it was saved.
    Revert,
    /// Show what a report of a problem would hold.
    ReportProblem,
}

/// How the map is coloured and filtered through its legend. Entries are category codes or cluster labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Colouring {
    pub by: ColourBy,
    /// Entries greyed out.
    pub muted: BTreeSet<u32>,
    /// Colours chosen by hand.
    pub own_colours: BTreeMap<u32, [u8; 3]>,
}
