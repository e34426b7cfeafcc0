//! Columns made of cells that were read before, as when documents are added or files are joined.

use std::path::Path;

use super::ReadError;
use super::arena::{Arenas, MEMORY_BUDGET};
use super::kinds;
use crate::data::{ColumnKind, NO_ROW, Strings, Typed};
use crate::job::Cancel;

/// Cells copied between two looks at whether to stop.
const STRIDE: usize = 1 << 16;

/// The cells of all `parts`, one after the other: each is a column and the rows wanted of it, [`NO_ROW`] for an empty
/// cell. `columns` is how many columns share the memory that there is for cells; what does not fit lies in a
/// temporary file in `spill_dir` (the system's own place if there is none).
///
/// The cells are copied, at about the speed of memory: they stay one run of bytes, which the corpus's key, the project
/// file and every reader of a cell take for granted.
///
/// # Errors
/// If the cells find no room on disk, or the work is stopped.
pub fn gather(
    parts: &[(&Strings, &[u32])],
    columns: usize,
    spill_dir: Option<&Path>,
    cancel: &Cancel,
) -> Result<Strings, ReadError> {
    let mut arenas = Arenas::new(spill_dir, MEMORY_BUDGET / columns.max(1));
    arenas.add_column()?;
    for (cells, rows) in parts {
        for rows in rows.chunks(STRIDE) {
            cancel.check()?;
            for &row in rows {
                let cell = if row == NO_ROW { "" } else { cells.get(row as usize) };
                arenas.set(0, cell.as_bytes())?;
                arenas.end_row()?;
            }
        }
    }
    Ok(arenas.finish()?.into_iter().next().unwrap_or_else(|| Strings::from_iter([""; 0])))
}

/// What the column called `name` with these cells holds, told as for a file that is read: as `kind`, or as what the
/// cells seem to be. With it comes a remark on cells that do not fit.
///
/// # Errors
/// If the work is stopped.
pub fn read_as(
    name: &str,
    cells: &Strings,
    kind: Option<ColumnKind>,
    cancel: &Cancel,
) -> Result<(Typed, Option<String>), ReadError> {
    Ok(kinds::read_column(name, cells, kind, cancel)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_put_together_in_memory_and_on_disk_alike() {
        let (a, b): (Strings, Strings) = (["x", "é", ""].iter().collect(), ["日本"].iter().collect());
        let all: Vec<u32> = (0..3).collect();
        let few = gather(&[(&a, &all), (&b, &[0, NO_ROW])], 1, None, &Cancel::default()).unwrap();
        assert_eq!(few.iter().collect::<Vec<_>>(), ["x", "é", "", "日本", ""]);
        let folder = tempfile::tempdir().unwrap();
        let many: Vec<u32> = (0..60_000).map(|i| i % 3).collect();
        let spilled =
            gather(&[(&a, &many), (&b, &[0])], 1_000, Some(folder.path()), &Cancel::default()).unwrap();
        assert!(folder.path().read_dir().unwrap().count() > 0, "nothing was set aside");
        assert_eq!((spilled.len(), spilled.get(59_998), spilled.get(60_000)), (60_001, "é", "日本"));
    }

    #[test]
    fn nothing_gathered_is_no_cell() {
        assert!(gather(&[], 1, None, &Cancel::default()).unwrap().is_empty());
    }
}
