//! What the app remembers between two starts: looks, panels, recent files, choices.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cache::APP;
use super::{FileError, atomic};

/// The environment variable that overrides the settings' folder.
pub const PLACE_VARIABLE: &str = "SEMASCOPE_CONFIG";

/// How many recent files are remembered.
pub const MOST_RECENTS: usize = 12;

const FILE: &str = "settings.json";

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// Where models and steps compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DevicePreference {
    /// Whatever is faster on this machine.
    #[default]
    Auto,
    Cpu,
    /// The GPU; the CPU with a notice where there is none.
    Gpu,
}

/// A panel at the window's edge.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// Width or height in points.
    pub size: f32,
    pub visible: bool,
}

/// A file that was open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    pub path: PathBuf,
    /// What the person sees.
    pub name: String,
    pub rows: u64,
    /// Seconds since 1970-01-01 UTC.
    pub opened: i64,
    /// The name of a small picture in the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<String>,
}

/// What exports do unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportOptions {
    /// Leave cells that a spreadsheet would run as they are.
    pub raw_cells: bool,
    /// Keep the texts in a saved project.
    pub with_texts: bool,
    /// Pixels a point of the map's picture.
    pub picture_scale: f32,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self { raw_cells: false, with_texts: true, picture_scale: 2.0 }
    }
}

/// Everything that is remembered. What a newer version wrote is kept, too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub theme: Theme,
    /// Panels and the camera jump instead of gliding.
    pub reduce_motion: bool,
    /// Where models and steps compute.
    pub device: DevicePreference,
    /// Panels by name.
    pub panels: BTreeMap<String, Panel>,
    /// Newest first, at most [`MOST_RECENTS`].
    pub recents: Vec<Recent>,
    /// Where the cache is, if a person chose the place.
    pub cache_folder: Option<PathBuf>,
    /// Bytes that the cache may take; `None`: as many as it wants.
    pub cache_limit: Option<u64>,
    pub export: ExportOptions,
    /// Where they came from and go to; settings that were not loaded are not saved.
    #[serde(skip)]
    folder: Option<PathBuf>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

impl Settings {
    /// The settings of the last session. The sentence, if any, is for a notice: unreadable settings were put aside.
    pub fn load() -> (Self, Option<String>) {
        let Some(folder) = default_folder() else { return Default::default() };
        let (settings, remark) = Self::load_from(&folder);
        (Self { folder: Some(folder), ..settings }, remark)
    }

    /// As [`Settings::load`], from a folder.
    pub fn load_from(folder: &Path) -> (Self, Option<String>) {
        let path = folder.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Default::default(),
            Err(error) => return (Self::default(), Some(FileError::read(&path, error).to_string())),
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(mut settings) => {
                settings.recents.truncate(MOST_RECENTS);
                (settings, None)
            }
            Err(error) => (Self::default(), Some(put_aside(&path, &error))),
        }
    }

    /// Writes the settings for the next session to where [`Settings::load`] found them. Settings of a system without
    /// such a folder, and those of tests, are remembered nowhere.
    pub fn save(&self) -> Result<(), FileError> {
        self.folder.as_deref().map_or(Ok(()), |folder| self.save_to(folder))
    }

    /// As [`Settings::save`], to a folder, which is made if need be.
    pub fn save_to(&self, folder: &Path) -> Result<(), FileError> {
        let path = folder.join(FILE);
        fs::create_dir_all(folder).map_err(|error| FileError::write(folder, error))?;
        atomic::replace(&path, |sink| Ok(serde_json::to_writer_pretty(sink, self)?))
    }

    /// Puts `recent` first, in place of any earlier entry of the same path.
    pub fn push_recent(&mut self, recent: Recent) {
        self.recents.retain(|other| other.path != recent.path);
        self.recents.insert(0, recent);
        self.recents.truncate(MOST_RECENTS);
    }
}

fn put_aside(path: &Path, cause: &serde_json::Error) -> String {
    let aside = path.with_extension("json.bad");
    let kept = match fs::rename(path, &aside) {
        Ok(()) => format!("they are kept as {}", aside.display()),
        Err(error) => format!("they could not be put aside ({error})"),
    };
    format!("The settings could not be understood ({cause}), so the app starts with fresh ones; {kept}.")
}

pub(super) fn default_folder() -> Option<PathBuf> {
    let named = std::env::var_os(PLACE_VARIABLE).filter(|place| !place.is_empty());
    named
        .map(PathBuf::from)
        .or_else(|| Some(directories::ProjectDirs::from("", "", APP)?.config_dir().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recent(i: i64) -> Recent {
        let name = format!("{i}.csv");
        Recent { path: PathBuf::from(&name), name, rows: 10, opened: i, thumbnail: None }
    }

    #[test]
    fn settings_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings { theme: Theme::Dark, ..Settings::default() };
        settings.panels.insert("table".into(), Panel { size: 220.5, visible: false });
        settings.push_recent(recent(1));
        settings.save_to(&folder.path().join("new")).unwrap();
        assert_eq!(Settings::load_from(&folder.path().join("new")), (settings, None));
    }

    #[test]
    fn the_first_start_has_nothing_to_say() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Settings::load_from(folder.path()), (Settings::default(), None));
    }

    #[test]
    fn unreadable_settings_are_put_aside_and_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), b"{ \"theme\": ").unwrap();
        let (settings, remark) = Settings::load_from(folder.path());
        assert_eq!(settings, Settings::default());
        assert!(remark.unwrap().contains("settings.json.bad"));
        assert_eq!(fs::read(folder.path().join("settings.json.bad")).unwrap(), b"{ \"theme\": ");
        assert_eq!(Settings::load_from(folder.path()).1, None);
    }

    #[test]
    fn what_a_newer_version_remembers_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), br#"{"theme":"light","telescope":{"power":7}}"#).unwrap();
        let (settings, _) = Settings::load_from(folder.path());
        assert_eq!(settings.theme, Theme::Light);
        settings.save_to(folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(text.contains("telescope") && text.contains("power"), "{text}");
    }

    #[test]
    fn recents_are_newest_first_without_repeats_and_few() {
        let mut settings = Settings::default();
        (0..20).for_each(|i| settings.push_recent(recent(i)));
        settings.push_recent(Recent { rows: 99, ..recent(15) });
        assert_eq!(settings.recents.len(), MOST_RECENTS);
        assert_eq!(settings.recents[0].rows, 99);
        let order: Vec<i64> = settings.recents.iter().map(|recent| recent.opened).collect();
        assert_eq!(order, [15, 19, 18, 17, 16, 14, 13, 12, 11, 10, 9, 8]);
    }
}
