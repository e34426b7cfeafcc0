//! What was found out about this machine's processor and graphics adapter, kept beside the settings.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{FileError, atomic, settings};

const FILE: &str = "calibration.json";

/// What was kept, if it can be read.
pub fn load<T: DeserializeOwned>() -> Option<T> {
    let text = std::fs::read(settings::default_folder()?.join(FILE)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Keeps `found` for the next start; where there is no folder for settings, nothing is kept.
pub fn save<T: Serialize>(found: &T) -> Result<(), FileError> {
    let Some(folder) = settings::default_folder() else { return Ok(()) };
    let path = folder.join(FILE);
    std::fs::create_dir_all(&folder).map_err(|error| FileError::write(&folder, error))?;
    let text = serde_json::to_vec_pretty(found).map_err(|error| FileError::write(&path, error.into()))?;
    atomic::replace_with(&path, &text)
}
