//! Short lists that a person writes in a text file, an item a line.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::FileError;

/// A longer file, in bytes, is no list that somebody wrote.
const LONGEST: u64 = 1 << 20;

/// The lines of a UTF-8 file without the space around them; empty ones are left out.
pub fn read(path: &Path) -> Result<Vec<String>, FileError> {
    let file = File::open(path).map_err(|error| FileError::read(path, error))?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| FileError::read(path, error))?;
    if bytes.len() as u64 > LONGEST {
        return Err(FileError::format(path, "is too long for a list of lines. Choose another file."));
    }
    let not_text = |_| FileError::format(path, "is no text in UTF-8. Save it as UTF-8 text, an item a line.");
    let text = String::from_utf8(bytes).map_err(not_text)?;
    let lines = text.trim_start_matches('\u{FEFF}').lines().map(str::trim);
    Ok(lines.filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_an_item_and_empty_ones_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.txt");
        std::fs::write(&path, "\u{FEFF}is about fées\r\n\n  has a topic of law \nx").unwrap();
        assert_eq!(read(&path).unwrap(), ["is about fées", "has a topic of law", "x"]);
        std::fs::write(&path, [0xFF, 0xFE, 0x41]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("is no text in UTF-8"));
        std::fs::write(&path, vec![b'a'; LONGEST as usize + 1]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("too long"));
        assert!(matches!(read(&folder.path().join("none")), Err(FileError::Read { .. })));
    }
}
