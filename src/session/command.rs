//! What a person can ask of the session. Panels push these; one place applies them.

use std::path::PathBuf;

use crate::data::{ColumnKind, Combine, Filter, GoalDeed, GoalParams, Key, KeywordTopics, Query, Standing};
use crate::io::read::ReadOptions;
use crate::stage::Params;
use crate::stage::append::Duplicates;
use crate::stage::join::JoinBy;

use super::{ColourBy, DocumentsExport, Purpose, Sample, Step, Study};

/// One wish.
#[derive(Clone, Debug)]
pub enum Command {
    /// Open files: one corpus, a corpus with its `.npy` vectors, word vectors, or a project.
    Open(Vec<PathBuf>),
    /// Open a bundled sample, without an import sheet.
    OpenSample(Sample),
    /// Read the file of the import sheet again with other options (format, delimiter, encoding, text unit).
    Reread(ReadOptions),
    /// Choose the text columns of the import sheet.
    SetTextColumns(Vec<usize>),
    /// Read a column of the import sheet as another kind.
    SetColumnKind(String, ColumnKind),
    /// Close the import sheet and explore what it shows.
    ConfirmImport,
    /// Close the import sheet and keep what was open before.
    CancelImport,
    /// Close the corpus and go back to the welcome page.
    CloseCorpus,
    /// Change parameters; whatever depends on them becomes stale.
    SetParams(Box<Params>),
    /// Embed with the model in a Hugging Face folder, or with the built-in one; vectors that are there become stale.
    SetModel(Option<PathBuf>),
    /// Compute a step (and then what follows from it), also when it failed or was stopped.
    Recompute(Step),
    /// Stop a running step; a map keeps the positions it has reached.
    Stop(Step),
    /// Go on with a map that was stopped.
    ContinueMap,
    /// Stop whatever runs.
    StopAll,
    /// Look at one document (or none).
    Focus(Option<u32>),
    /// Look at a cluster of the cluster column (or none).
    FocusCluster(Option<u32>),
    /// Replace the selection; an empty one clears it. Ids need not be sorted.
    Select(Vec<u32>),
    /// Make a selection of the present one and these documents.
    Combine(Combine, Vec<u32>),
    /// Select every document that the filter keeps.
    SelectAll,
    /// Select the documents that the filter keeps and that are not selected.
    InvertSelection,
    /// Search for something, or no longer.
    Search(Option<Query>),
    /// Look at these documents as a space of their own, mapped and clustered anew; and back to the space around it.
    OnlyThese(Vec<u32>),
    BackToAll,
    /// Look at the passages of all documents as a space of their own.
    SplitIntoPassages,
    /// Try a text: where it would lie on the map, and what its words do; or try none.
    Probe(Option<String>),
    /// Say what is special about the selection, against the others that the filter keeps.
    FindSpecial,
    /// Find copies among the documents.
    FindCopies,
    /// Find documents that stand apart from others.
    FindOutliers,
    /// Find clusters again with other seeds and settings, and hold the present ones against them.
    FindStability,
    /// Stop a study, or let it begin again.
    StopStudy(Study),
    TryStudy(Study),
    /// Show other documents.
    SetFilter(Box<Filter>),
    /// Keep the present filter by a name, or forget the one of that name.
    KeepFilter(String),
    ForgetFilter(String),
    /// Keep a search as a colour of the map, or forget it.
    ToggleQuery(Query),
    /// Describe other topics by keywords, or the same in other words.
    SetTopics(Box<KeywordTopics>),
    /// Forget all topics that are described by keywords.
    ClearTopics,
    /// Classify the documents by them, and colour the map so. From then on the classes follow what is written.
    ClassifyByTopics,
    /// Colour the map by something else.
    SetColour(ColourBy),
    /// Legend: grey this entry out, or show it again.
    ToggleEntry(u32),
    /// Legend: show this entry alone, or everything again if it is alone already.
    SoloEntry(u32),
    /// Legend: show everything again.
    ShowAllEntries,
    /// Legend: give an entry of the present colouring its own colour (sRGB), or its default back.
    SetEntryColour(u32, Option<[u8; 3]>),
    /// What the file of the import sheet is for, while something is open.
    SetPurpose(Purpose),
    /// What becomes of its documents that are open already.
    SetDuplicates(Duplicates),
    /// By what its columns join the open documents.
    SetJoin(JoinBy),
    /// Take over what changes in a file or folder from now on; none: stop that.
    Watch(Option<PathBuf>),
    /// Read the open corpus's file again and take over what has changed in it.
    Refresh,
    /// Take back what was done last, or do it again. Computed values that were there then are there again.
    Undo,
    Redo,
    /// Give a cluster a title; an empty one gives it its computed title back.
    RenameCluster(u32, String),
    /// Make one cluster of several.
    MergeClusters(Vec<u32>),
    /// Part a cluster into so many by what its documents say.
    SplitCluster(u32, usize),
    /// Delete a cluster: its documents belong to none.
    DissolveCluster(u32),
    /// Make a cluster of these documents, whatever is computed; with a title, or named by its words.
    GroupDocuments(Vec<u32>, Option<String>),
    /// Forget the edit that made a cluster: the computed clusters are back.
    UneditCluster(u32),
    /// Say what becomes of an edit that does not fit the clusters.
    SettleEdit(Key, Standing),
    /// Forget an edit.
    ForgetEdit(Key),
    /// Explain the documents by a goal: a new one, or the one with this id anew (what was done to its explanations is
    /// left behind).
    AskGoal(Option<u32>, Box<GoalParams>),
    /// Do something to the explanations of a goal.
    SteerGoal(u32, Box<GoalDeed>),
    /// Make the explanations of what a goal's rounds have found so far.
    FinishGoal(u32),
    /// Stop the work on a goal, or try again.
    StopGoal(u32),
    TryGoal(u32),
    /// Explain by a goal no longer.
    ForgetGoal(u32),
    /// Look at an explanation of a goal (or none).
    FocusExplanation(Option<(u32, u32)>),
    /// Put a tag on documents, or take it off.
    Tag(String, Vec<u32>),
    Untag(String, Vec<u32>),
    /// Put a document somewhere on the map, where it holds still; `held`: a person still has hold of it.
    Pin {
        document: u32,
        place: [f32; 2],
        held: bool,
    },
    /// Let documents move again.
    Unpin(Vec<u32>),
    /// Compute what a project lacks, and what is stale in it.
    ComputeMissing,
    /// Go on with work that was left behind (its folder), or delete it.
    Resume(PathBuf),
    DiscardWork(PathBuf),
    /// Go back to the project as it was saved.
    Revert,
    /// Save to the project's own file.
    Save,
    /// Write `clusters.csv`.
    ExportClusters(PathBuf),
    /// Write `clusters.csv` with the explanations of a goal.
    ExportGoal(u32, PathBuf),
    /// Write documents with everything that is known about them.
    ExportDocuments(Box<DocumentsExport>, PathBuf),
    /// Stop writing exports: no file is left of them.
    StopWriting,
    /// Write the project file.
    SaveProject(PathBuf),
    /// Write a project file without texts beside the project, which keeps its own file.
    ExportWithoutTexts(PathBuf),
    /// Empty the cache of vectors and graphs.
    ClearCache,
    /// Keep new work in a cache inside this folder, or in the system's place for caches.
    MoveCache(Option<PathBuf>),
    /// Drop a file from the list of recent ones.
    ForgetRecent(PathBuf),
}

impl Command {
    /// What this does to the open work in a few words, if it can be taken back; and whether several in quick
    /// succession are one gesture.
    pub fn deed(&self) -> Option<(&'static str, bool)> {
        Some(match self {
            Self::SetParams(_) => ("Change parameters", true),
            Self::SetModel(_) => ("Choose a model", false),
            Self::RenameCluster(..) => ("Rename cluster", false),
            Self::MergeClusters(_) => ("Merge clusters", false),
            Self::DissolveCluster(_) => ("Delete cluster", false),
            Self::GroupDocuments(..) => ("Make a cluster", false),
            Self::UneditCluster(_) | Self::ForgetEdit(_) => ("Drop an edit", false),
            Self::SettleEdit(..) => ("Settle an edit", false),
            Self::AskGoal(None, _) => ("Ask for a goal", false),
            Self::AskGoal(Some(_), _) => ("Explain again", false),
            Self::SteerGoal(_, deed) => (deed.name(), false),
            Self::ForgetGoal(_) => ("Close a goal", false),
            Self::Tag(..) => ("Tag documents", false),
            Self::Untag(..) => ("Remove a tag", false),
            Self::Pin { .. } => ("Pin a point", true),
            Self::Unpin(_) => ("Release pins", false),
            Self::SetFilter(_) => ("Filter", true),
            Self::KeepFilter(_) => ("Keep a filter", false),
            Self::ForgetFilter(_) => ("Forget a filter", false),
            Self::ToggleQuery(_) => ("Keep a search", false),
            Self::SetTopics(_) => ("Write topics", true),
            Self::ClearTopics => ("Clear topics", false),
            Self::ClassifyByTopics => ("Classify by topics", false),
            Self::SetColour(_) => ("Colour the map", false),
            Self::ToggleEntry(_) | Self::SoloEntry(_) | Self::ShowAllEntries => {
                ("Filter by the legend", false)
            }
            Self::SetEntryColour(..) => ("Choose a colour", true),
            _ => return None,
        })
    }
}
