//! Files that are no text, known by how they begin.

use std::path::{Path, PathBuf};

use super::ReadError;

/// A text holds at most this share of control characters.
const MAX_CONTROLS: f64 = 0.05;

/// And at most this share of NULs, with which some programs fill up their fields.
const MAX_NULLS: f64 = 0.3;

const AS_CSV: &str = "open it in the program it comes from and save the table as CSV";
const AS_TEXT: &str = "save its text as a plain text file, or put the texts into a CSV";
const UNPACK: &str = "unpack it and open the file inside";
const AS_UTF8: &str = "save it as UTF-8";
const NO_TEXT: &str = "choose a CSV, JSON or text file";
const VECTORS: &str = "open the texts it belongs to, and give it as their vectors";

/// Where the mark stands, the mark, what the file is and what to do.
const MARKS: [(usize, &[u8], &str, &str); 31] = [
    (0, b"%PDF-", "a PDF document", AS_TEXT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (XLS or DOC)", AS_CSV),
    (0, b"PAR1", "a Parquet file", "convert it to CSV or JSON lines"),
    (0, b"ARROW1", "an Arrow file", "convert it to CSV or JSON lines"),
    (0, b"FEA1", "a Feather file", "convert it to CSV or JSON lines"),
    (0, b"\x93NUMPY", "a NumPy array", VECTORS),
    (0, b"SQLite format 3\0", "an SQLite database", "export the table with the texts as CSV"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", "export the table with the texts as CSV"),
    (0, b"{\\rtf", "an RTF document", AS_TEXT),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (0, b"BZh", "a bzip2 archive", UNPACK),
    (0, b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", UNPACK),
    (0, b"\x04\x22\x4d\x18", "an LZ4 archive", UNPACK),
    (257, b"ustar", "a tar archive", UNPACK),
    (0, b"\x80\x02", "a Python pickle", "export its texts as CSV or JSON lines"),
    (0, b"\x80\x03", "a Python pickle", "export its texts as CSV or JSON lines"),
    (0, b"\x80\x04\x95", "a Python pickle", "export its texts as CSV or JSON lines"),
    (0, b"\x80\x05\x95", "a Python pickle", "export its texts as CSV or JSON lines"),
    (0, b"GGUF", "a language model (GGUF)", NO_TEXT),
    (0, b"\x89PNG\r\n\x1a\n", "a picture", NO_TEXT),
    (0, b"\xff\xd8\xff", "a picture", NO_TEXT),
    (0, b"GIF8", "a picture", NO_TEXT),
    (0, b"\x7fELF", "a program", NO_TEXT),
    (0, b"MZ\x90\0", "a program", NO_TEXT),
    (0, b"OggS", "a sound file", NO_TEXT),
    (0, b"ID3", "a sound file", NO_TEXT),
    (4, b"ftyp", "a film", NO_TEXT),
    (0, b"\xff\xfe\0\0", "a text in UTF-32", AS_UTF8),
    (0, b"\0\0\xfe\xff", "a text in UTF-32", AS_UTF8),
];

/// What zip archives hold, by a name found near their beginning.
const ZIPS: [(&[u8], &str, &str); 5] = [
    (b"xl/", "an Excel workbook", AS_CSV),
    (b"word/", "a Word document", AS_TEXT),
    (b"ppt/", "a PowerPoint presentation", AS_TEXT),
    (b"opendocument", "an OpenDocument file", AS_CSV),
    (b"epub", "an e-book", AS_TEXT),
];

/// How far into a zip archive such a name is looked for.
const ZIP_HEAD: usize = 8 << 10;

/// Refuses bytes that are known to be something else than text.
pub(super) fn refuse_known(path: &Path, bytes: &[u8]) -> Result<(), ReadError> {
    let refuse = |what, advice| Err(ReadError::NotText { path: path.to_owned(), what, advice });
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        let head = &bytes[..bytes.len().min(ZIP_HEAD)];
        let found = ZIPS.iter().find(|(name, ..)| head.windows(name.len()).any(|piece| piece == *name));
        return found
            .map_or_else(|| refuse("a zip archive", UNPACK), |&(_, what, advice)| refuse(what, advice));
    }
    for (at, mark, what, advice) in MARKS {
        if bytes.get(at..).is_some_and(|rest| rest.starts_with(mark)) {
            return refuse(what, advice);
        }
    }
    Ok(())
}

/// Refuses decoded text that is mostly control characters. NULs are gone from it: `nulls` counts them.
pub(super) fn refuse_noise(path: &Path, text: &[u8], nulls: u64) -> Result<(), ReadError> {
    let is_control = |b: &&u8| matches!(b, 1..=8 | 14..=26 | 28..=31 | 127);
    let controls = text.iter().filter(is_control).count() as f64;
    let begins_character = |b: &&u8| !matches!(b, 0x80..=0xbf);
    let characters = text.iter().filter(begins_character).count() as f64;
    let nulls = nulls as f64;
    if controls > MAX_CONTROLS * characters || nulls > MAX_NULLS * (characters + nulls) {
        let path: PathBuf = path.to_owned();
        return Err(ReadError::NotText { path, what: "no text that could be read", advice: NO_TEXT });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        refuse_known(Path::new("file"), bytes).map_or_else(|e| e.to_string(), |()| "text".into())
    }

    #[test]
    fn well_known_files_are_named_and_advice_is_given() {
        assert_eq!(refusal(b"%PDF-1.7 ..."), format!("file: this is a PDF document; {AS_TEXT}"));
        let workbook = b"PK\x03\x04..........[Content_Types].xml......xl/workbook.xml";
        assert_eq!(refusal(workbook), format!("file: this is an Excel workbook; {AS_CSV}"));
        assert_eq!(refusal(b"PK\x03\x04....texts.csv"), format!("file: this is a zip archive; {UNPACK}"));
        assert_eq!(refusal(b"id,text\n1,a"), "text");
    }

    #[test]
    fn noise_is_refused_and_a_few_control_characters_are_not() {
        assert!(refuse_noise(Path::new("file"), b"\x01\x02\x03abc", 0).is_err());
        assert!(refuse_noise(Path::new("file"), b"abc", 3).is_err());
        assert!(refuse_noise(Path::new("file"), b"a text with one \x02 in it, and that is all", 9).is_ok());
    }
}
