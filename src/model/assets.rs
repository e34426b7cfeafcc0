//! Where the files lie that come with the app: the built-in model, fonts and samples.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::ModelError;

/// Names the folder outright, for unusual installations.
const VARIABLE: &str = "SEMASCOPE_ASSETS";

/// Seen from the executable's folder: beside it, in a Unix prefix, in a macOS bundle.
const PLACES: [&str; 3] = ["assets", "../share/semascope/assets", "../Resources/assets"];

/// The folder `assets`, which holds `model`.
///
/// Looked for in the environment variable `SEMASCOPE_ASSETS`, beside the executable and where packages put it, in
/// the package that cargo runs, and in the folders above the executable (a build in `target/debug`). No path
/// is compiled in.
pub fn assets_dir() -> Result<PathBuf, ModelError> {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(found.clone());
    }
    let found = look_for_assets()?;
    Ok(FOUND.get_or_init(|| found).clone())
}

fn look_for_assets() -> Result<PathBuf, ModelError> {
    if let Some(named) = env::var_os(VARIABLE).map(PathBuf::from) {
        return if holds_model(&named) { Ok(named) } else { Err(ModelError::WrongAssets(named)) };
    }
    // A link to the executable counts as the executable itself.
    let executable = env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_default();
    let beside = executable.parent().unwrap_or(Path::new("."));
    search(beside, env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).as_deref())
        .ok_or_else(|| ModelError::NoAssets { beside: beside.to_owned() })
}

fn search(beside: &Path, package: Option<&Path>) -> Option<PathBuf> {
    let installed = PLACES.iter().map(|place| beside.join(place));
    let packaged = package.map(|package| package.join("assets"));
    let above = beside.ancestors().map(|folder| folder.join("assets"));
    installed.chain(packaged).chain(above).find(|folder| holds_model(folder))
}

fn holds_model(folder: &Path) -> bool {
    folder.join("model").is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_model(folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder.join("model")).unwrap();
        folder.to_owned()
    }

    #[test]
    fn assets_beside_the_executable_come_before_all_others() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("usr/bin");
        let package = root.path().join("package");
        std::fs::create_dir_all(&bin).unwrap();
        with_model(&package.join("assets"));
        assert_eq!(search(&bin, Some(&package)), Some(package.join("assets")));
        let shared = with_model(&root.path().join("usr/share/semascope/assets"));
        let found = search(&bin, Some(&package)).unwrap();
        assert_eq!(found.canonicalize().unwrap(), shared.canonicalize().unwrap());
        let beside = with_model(&bin.join("assets"));
        assert_eq!(search(&bin, Some(&package)), Some(beside));
    }

    #[test]
    fn a_build_finds_the_assets_above_it() {
        let root = tempfile::tempdir().unwrap();
        let assets = with_model(&root.path().join("assets"));
        let deep = root.path().join("target/debug/deps");
        std::fs::create_dir_all(&deep).unwrap();
        assert_eq!(search(&deep, None), Some(assets));
        assert_eq!(search(&deep.join("assets"), None), Some(root.path().join("assets")));
    }

    #[test]
    fn a_folder_of_that_name_without_a_model_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("assets/fonts")).unwrap();
        assert!(search(root.path(), None).is_none_or(|found| !found.starts_with(root.path())));
    }
}
