//! What the settings remember of the files that were open, and when the settings are written.

use std::path::Path;

use crate::io::FileError;
use crate::io::settings::Recent;
use crate::job::{Job, Outcome};
use crate::model::assets_dir;

use super::{Session, Severity, seconds_now};

/// Writes the settings on a worker, one after the other, so that the newest are the last written.
#[derive(Default)]
pub(super) struct SettingsWriter {
    job: Option<Job<Result<(), FileError>>>,
    /// They changed while they were being written.
    again: bool,
}

impl Session {
    /// The file that the list of recent files names for what is open: its project, else its corpus file.
    pub fn place(&self) -> Option<&Path> {
        self.place.as_deref().filter(|_| self.space.is_some())
    }

    pub(super) fn remember_recent(&mut self, path: &Path) {
        let Some(corpus) = self.corpus() else { return };
        // The next start may be in another folder.
        let path = &std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // The samples have their own cards on the welcome page.
        if assets_dir().is_ok_and(|assets| path.starts_with(assets)) {
            return;
        }
        // The picture of an earlier visit stays until there is a newer one.
        let thumbnail = self
            .settings
            .recents
            .iter()
            .find(|recent| recent.path == *path)
            .and_then(|r| r.thumbnail.clone());
        // A project goes by its own name, which a person chose.
        let is_project = path.extension().is_some_and(|extension| extension == "semascope");
        let name = match path.file_name().filter(|_| is_project) {
            Some(name) => name.to_string_lossy().into_owned(),
            None => corpus.name.clone(),
        };
        let recent = Recent {
            path: path.to_owned(),
            name,
            rows: corpus.len() as u64,
            opened: seconds_now(),
            thumbnail,
        };
        self.settings.push_recent(recent);
        self.place = Some(path.to_owned());
        self.save_settings();
    }

    pub(super) fn forget_recent(&mut self, path: &Path) {
        self.settings.recents.retain(|recent| recent.path != path);
        self.save_settings();
    }

    /// Notes the name of the cached picture of the recent file at `path`.
    pub fn set_thumbnail(&mut self, path: &Path, name: String) {
        let Some(recent) = self.settings.recents.iter_mut().find(|recent| recent.path == path) else {
            return;
        };
        if recent.thumbnail.as_ref() != Some(&name) {
            recent.thumbnail = Some(name);
            self.save_settings();
        }
    }

    /// Writes the settings on a worker.
    pub fn save_settings(&mut self) {
        if self.settings_writer.job.is_some() {
            self.settings_writer.again = true;
            return;
        }
        let settings = self.settings.clone();
        match Job::spawn("save settings", self.wake.clone(), move |_| settings.save()) {
            Ok(job) => self.settings_writer.job = Some(job),
            Err(error) => tracing::warn!("the settings could not be saved: {error}"),
        }
    }

    /// Writes the settings now, after whatever is under way: at the end of the program.
    pub fn save_settings_now(&mut self) -> Result<(), FileError> {
        if let Some(job) = self.settings_writer.job.take() {
            job.wait();
        }
        self.settings.save()
    }

    pub(super) fn poll_settings(&mut self) {
        let Some(outcome) = self.settings_writer.job.as_ref().and_then(Job::poll) else { return };
        self.settings_writer.job = None;
        match outcome {
            Outcome::Done(Ok(())) => {}
            Outcome::Done(Err(error)) => {
                let text = format!("{error} Recent files and choices will not be remembered.");
                self.say(Severity::Warning, text, None);
            }
            Outcome::Panicked(message) => tracing::error!("the settings could not be saved: {message}"),
        }
        if std::mem::take(&mut self.settings_writer.again) {
            self.save_settings();
        }
    }
}
