//! Data that lies beside the project, where there is any.

use std::path::{Path, PathBuf};

/// The file `path` of the shared folder.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../shared", "../../shared"].iter().map(|folder| root.join(folder).join(path)).find(|path| path.exists())
}
