//! The project without its texts, for people who may see the map and not what was written.

use std::path::PathBuf;

use crate::io::project::{self, SaveOptions};
use crate::stage::StageError;

use super::Session;

/// What is in such a file and what is not, as its notice says and the menu promises.
pub const LEFT_OUT: &str = "The cells of all text columns are left out. Other columns, vectors, the map, and the titles and \
                            keywords of clusters, which are words of the texts, are in it.";

impl Session {
    /// Writes the project without texts to `path`. What is open keeps its own file.
    pub(super) fn export_without_texts(&mut self, path: PathBuf) {
        let Some(project) = self.project() else { return };
        self.write("export", move |ctx| {
            let options = SaveOptions { with_texts: false };
            project::save(&path, &project, &options, ctx).map_err(StageError::failed)?;
            Ok((format!("The project was saved without texts. {LEFT_OUT}"), path))
        });
    }
}
