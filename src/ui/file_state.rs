//! What the open work is called and whether it is in a file: for the bar at the top and the window's title.

use crate::session::Session;

use super::format;

/// The program, as the window's title ends.
const PROGRAM: &str = "Semascope";
/// Characters of a name in the window's title.
const NAME: usize = 80;

/// Whether the work is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was done by hand yet, and there is no project file.
    Untouched,
    Saved,
    Saving,
    /// Something was done since; it is kept all the same, or (`kept` is false) nobody could say where.
    Edited {
        kept: bool,
    },
    ReadOnly,
}

impl State {
    /// Where the session's work stands.
    pub fn of(session: &Session) -> Self {
        match () {
            () if session.is_saving() => Self::Saving,
            () if session.read_only().is_some() => Self::ReadOnly,
            () if session.is_unsaved() => Self::Edited { kept: session.keeps_work() },
            () if session.project_path().is_some() => Self::Saved,
            () => Self::Untouched,
        }
    }

    /// In a word or two; empty where there is nothing to say.
    pub fn text(self) -> &'static str {
        match self {
            Self::Untouched => "",
            Self::Saved => "Saved",
            Self::Saving => "Saving…",
            Self::Edited { kept: true } => "Edited · kept automatically",
            Self::Edited { kept: false } => "Edited · not saved",
            Self::ReadOnly => "Read only",
        }
    }

    /// What it means.
    pub fn meaning(self, session: &Session) -> String {
        match self {
            Self::Untouched | Self::Saving => String::new(),
            Self::Saved => {
                let path = session.project_path().map(|path| path.display().to_string());
                format!("Everything is in {}", path.unwrap_or_default())
            }
            Self::Edited { kept: true } => match session.project_path() {
                Some(path) => format!(
                    "Not in {} yet. Nothing is lost whatever happens: changes are kept as they are made, and come \
                     back with the project.",
                    path.display()
                ),
                None => "Not in a project file yet. Nothing is lost whatever happens: changes are kept as they are \
                         made, and wait on the first page."
                    .into(),
            },
            Self::Edited { kept: false } => "Changes are lost unless they are saved.".into(),
            Self::ReadOnly => session.read_only().unwrap_or_default().to_owned(),
        }
    }
}

/// What the open work is called: its project file, or the corpus; `None` where nothing is open.
pub fn name(session: &Session) -> Option<String> {
    let corpus = session.corpus()?;
    let file = session.project_path().and_then(|path| path.file_stem());
    Some(file.map_or_else(|| corpus.name.clone(), |stem| stem.to_string_lossy().into_owned()))
}

/// The window's title.
pub fn title(session: &Session) -> String {
    let Some(name) = name(session) else { return PROGRAM.into() };
    let mark = match State::of(session) {
        State::Edited { .. } => " (edited)",
        State::ReadOnly => " (read only)",
        _ => "",
    };
    format!("{}{mark} – {PROGRAM}", format::one_line(&name, NAME))
}
