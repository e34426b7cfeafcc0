//! The system's file dialogs: made on the window's thread, awaited on a worker.

use std::path::PathBuf;
use std::sync::Arc;

use rfd::{AsyncFileDialog, FileHandle};

use crate::job::{Job, Outcome};
use crate::session::{Command, Wake};

use crate::view::chart::Chart;

use super::chart_file::ChartForm;
use super::export_sheet::Export;
use super::wishes::{Action, Wishes};

/// What the extensions of files to open are called in the dialog.
const READABLE: [&str; 16] = [
    "csv",
    "tsv",
    "tab",
    "txt",
    "md",
    "json",
    "jsonl",
    "ndjson",
    "gz",
    "npy",
    "vec",
    "bin",
    "w2v",
    "glove",
    "log",
    "semascope",
];

/// What a dialog asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    Open,
    ModelFolder,
    ClustersFile,
    /// For a goal's explanations.
    GoalFile(u32),
    Export(Box<Export>),
    Chart(Box<Chart>, ChartForm),
    ProjectFile,
    FileWithoutTexts,
    ReportFile,
    CacheFolder,
    WatchedFile,
    WatchedFolder,
}

/// Dialogs under way.
#[derive(Default)]
pub struct Dialogs {
    open: Vec<(Question, Job<Vec<PathBuf>>)>,
    /// A question that no window could show a dialog for, and its answer.
    unasked: Option<(Question, Option<Vec<PathBuf>>)>,
}

impl Dialogs {
    /// Shows a dialog over the window; `name` is the corpus's, for the name of the file. Without a window there is
    /// nothing to show it over: the question waits for [`Dialogs::answer`].
    pub fn ask(&mut self, question: Question, name: &str, window: Option<&eframe::Frame>, wake: &Wake) {
        let Some(window) = window else {
            self.unasked = Some((question, None));
            return;
        };
        // One dialog of a kind is enough.
        if self.open.iter().any(|(other, _)| *other == question) {
            return;
        }
        let dialog = AsyncFileDialog::new().set_parent(window);
        let stem: String =
            name.chars().map(|c| if c.is_alphanumeric() || "-_. ".contains(c) { c } else { '_' }).collect();
        let stem = stem.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("semascope").to_owned();
        let job = match &question {
            Question::Open => {
                let picked = dialog
                    .set_title("Open")
                    .add_filter("Texts and vectors", &READABLE)
                    .add_filter("All files", &["*"])
                    .pick_files();
                Job::spawn("file dialog", wake.clone(), move |_| {
                    paths(pollster::block_on(picked).unwrap_or_default())
                })
            }
            Question::ModelFolder => {
                let picked = dialog.set_title("Choose the folder of a model").pick_folder();
                Job::spawn("file dialog", wake.clone(), move |_| paths(pollster::block_on(picked)))
            }
            Question::WatchedFile => {
                let picked = dialog.set_title("Choose a file to watch").pick_file();
                Job::spawn("file dialog", wake.clone(), move |_| paths(pollster::block_on(picked)))
            }
            Question::WatchedFolder => {
                let picked = dialog.set_title("Choose a folder to watch").pick_folder();
                Job::spawn("file dialog", wake.clone(), move |_| paths(pollster::block_on(picked)))
            }
            Question::CacheFolder => {
                let picked = dialog.set_title("Choose a folder for the cache").pick_folder();
                Job::spawn("file dialog", wake.clone(), move |_| paths(pollster::block_on(picked)))
            }
            Question::ClustersFile
            | Question::GoalFile(_)
            | Question::Export(_)
            | Question::Chart(..)
            | Question::ProjectFile
            | Question::FileWithoutTexts
            | Question::ReportFile => {
                // The name of what is open does not belong into a report.
                let stem = if question == Question::ReportFile { "semascope" } else { &stem };
                let (title, kind, end) = match &question {
                    Question::ClustersFile => ("Export clusters", "CSV", "-clusters.csv"),
                    Question::GoalFile(_) => ("Export explanations", "CSV", "-explanations.csv"),
                    Question::Export(export) => export.file(),
                    Question::Chart(_, form) => form.file(),
                    Question::FileWithoutTexts => {
                        ("Save project without texts", "Project", "-without-texts.semascope")
                    }
                    Question::ReportFile => ("Save the report", "Text", "-report.txt"),
                    _ => ("Save project", "Project", ".semascope"),
                };
                let dialog = dialog
                    .set_title(title)
                    .add_filter(kind, extension(&question).as_slice())
                    .set_file_name(format!("{stem}{end}"));
                let picked = dialog.save_file();
                Job::spawn("file dialog", wake.clone(), move |_| paths(pollster::block_on(picked)))
            }
        };
        match job {
            Ok(job) => self.open.push((question, job)),
            Err(error) => tracing::error!("No thread for a file dialog: {error}"),
        }
    }

    /// The question that waits for an answer because there is no window.
    pub fn unasked(&self) -> Option<&Question> {
        self.unasked.as_ref().map(|(question, _)| question)
    }

    /// Answers it, as a dialog would; no path is a dialog that was cancelled.
    pub fn answer(&mut self, paths: Vec<PathBuf>) {
        if let Some((_, answer)) = &mut self.unasked {
            *answer = Some(paths);
        }
    }

    /// Turns answers into wishes; a cancelled dialog wishes nothing.
    pub fn poll(&mut self, wishes: &mut Wishes) {
        if let Some((question, Some(paths))) = self.unasked.take_if(|(_, answer)| answer.is_some()) {
            answer(question, paths, wishes);
        }
        self.open.retain(|(question, job)| match job.poll() {
            None => true,
            Some(Outcome::Done(paths)) => {
                answer(question.clone(), paths, wishes);
                false
            }
            Some(Outcome::Panicked(message)) => {
                tracing::error!("The file dialog failed: {message}");
                false
            }
        });
    }
}

fn paths(handles: impl IntoIterator<Item = FileHandle>) -> Vec<PathBuf> {
    handles.into_iter().map(|handle| handle.path().to_owned()).collect()
}

fn answer(question: Question, mut paths: Vec<PathBuf>, wishes: &mut Wishes) {
    if question == Question::Open {
        if !paths.is_empty() {
            wishes.push(Command::Open(paths));
        }
        return;
    }
    let Some(path) = paths.pop() else { return };
    // Some dialogs leave the extension to the program; folders have none.
    let path = match extension(&question) {
        Some(extension) if path.extension().is_none() => path.with_extension(extension),
        _ => path,
    };
    match question {
        Question::Open => {}
        Question::ModelFolder => wishes.push(Command::SetModel(Some(path))),
        Question::WatchedFile | Question::WatchedFolder => wishes.push(Command::Watch(Some(path))),
        Question::CacheFolder => wishes.push(Command::MoveCache(Some(path))),
        Question::ClustersFile => wishes.push(Command::ExportClusters(path)),
        Question::GoalFile(goal) => wishes.push(Command::ExportGoal(goal, path)),
        Question::Chart(chart, form) => wishes.act(Action::WriteChart(chart, form, path)),
        Question::Export(export) => wishes.act(Action::Export(export, path)),
        Question::ProjectFile => wishes.push(Command::SaveProject(path)),
        Question::FileWithoutTexts => wishes.push(Command::ExportWithoutTexts(path)),
        Question::ReportFile => wishes.act(Action::WriteReport(path)),
    }
}

/// The extension of the file that a question asks a name for.
fn extension(question: &Question) -> Option<&'static str> {
    match question {
        Question::ClustersFile | Question::GoalFile(_) => Some("csv"),
        Question::Export(export) => Some(export.extension()),
        Question::Chart(_, form) => Some(form.extension()),
        Question::ReportFile => Some("txt"),
        Question::ProjectFile | Question::FileWithoutTexts => Some("semascope"),
        Question::Open
        | Question::ModelFolder
        | Question::CacheFolder
        | Question::WatchedFile
        | Question::WatchedFolder => None,
    }
}

/// Opens the file manager at a file or folder, as far as the system has one.
pub fn reveal(ctx: &egui::Context, path: &std::path::Path) {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let folder: Arc<str> = folder.display().to_string().into();
    ctx.open_url(egui::OpenUrl::new_tab(format!("file://{folder}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_extension_gets_one() {
        let mut wishes = Wishes::default();
        answer(Question::ClustersFile, vec!["/tmp/a".into()], &mut wishes);
        assert!(matches!(&wishes.commands[..], [Command::ExportClusters(path)] if path.ends_with("a.csv")));
    }

    #[test]
    fn a_cancelled_dialog_wishes_nothing() {
        let mut wishes = Wishes::default();
        answer(Question::Open, Vec::new(), &mut wishes);
        answer(Question::ProjectFile, Vec::new(), &mut wishes);
        answer(Question::CacheFolder, Vec::new(), &mut wishes);
        assert!(wishes.commands.is_empty() && wishes.actions.is_empty());
    }

    #[test]
    fn a_project_without_texts_is_not_the_project_that_is_open() {
        let mut wishes = Wishes::default();
        answer(Question::FileWithoutTexts, vec!["/tmp/a".into()], &mut wishes);
        assert!(
            matches!(&wishes.commands[..], [Command::ExportWithoutTexts(path)] if path.ends_with("a.semascope"))
        );
    }
}
