//! A file of records that is only ever appended to, so that a record is either wholly there or not at all.
//!
//! A record is a line: 16 hexadecimal digits of the blake3 hash of its JSON, a space, the JSON. Only the last line
//! can be torn, by a kill or a power cut; it is cut off when the journal is opened.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{FileError, atomic};

/// Hexadecimal digits of a record's hash: 64 bits find any tear.
const DIGITS: usize = 16;

/// A journal that is open for writing.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    end: u64,
}

impl Journal {
    /// Starts a journal where there is none.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path);
        let file = file.map_err(|error| FileError::write(path, error))?;
        if let Some(folder) = path.parent() {
            atomic::sync_folder(folder);
        }
        Ok(Self { path: path.to_owned(), file, end: 0 })
    }

    /// Opens a journal to go on with it, and reads what it holds. A torn end is cut off.
    pub fn open(path: &Path) -> Result<(Self, Vec<Value>), FileError> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let mut file = file.map_err(|error| FileError::read(path, error))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| FileError::read(path, error))?;
        let (records, end) = whole_records(&bytes);
        if end < bytes.len() {
            tracing::warn!("{}: {} torn bytes were cut off", path.display(), bytes.len() - end);
            file.set_len(end as u64).map_err(|error| FileError::write(path, error))?;
        }
        Ok((Self { path: path.to_owned(), file, end: end as u64 }, records))
    }

    /// Reads the whole records of a journal without touching it.
    pub fn read(path: &Path) -> Result<Vec<Value>, FileError> {
        let bytes = std::fs::read(path).map_err(|error| FileError::read(path, error))?;
        Ok(whole_records(&bytes).0)
    }

    /// Appends a record; once this returned it is on the disk. After a failure the journal is as it was. Returns the
    /// bytes written.
    pub fn append(&mut self, record: &Value) -> Result<u64, FileError> {
        let json = record.to_string();
        let line = format!("{} {json}\n", digits_of(json.as_bytes()));
        if let Err(error) = self.write(line.as_bytes()) {
            // What is there of the record would be taken for torn; without it the next one has a clean start.
            let _ = self.file.set_len(self.end);
            return Err(FileError::write(&self.path, error));
        }
        self.end += line.len() as u64;
        Ok(line.len() as u64)
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(line)?;
        self.file.sync_data()
    }
}

fn digits_of(json: &[u8]) -> String {
    blake3::hash(json).to_hex()[..DIGITS].to_owned()
}

/// The records up to the first that is not whole, and where that begins.
fn whole_records(bytes: &[u8]) -> (Vec<Value>, usize) {
    let mut records = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes[at..].iter().position(|&byte| byte == b'\n') {
        let line = &bytes[at..at + length];
        let Some((digits, json)) = line.split_at_checked(DIGITS) else { break };
        let Some(json) = json.strip_prefix(b" ") else { break };
        if digits != digits_of(json).as_bytes() {
            break;
        }
        let Ok(record) = serde_json::from_slice(json) else { break };
        records.push(record);
        at += length + 1;
    }
    (records, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_torn_record_is_cut_off_and_those_before_it_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::create(&path).unwrap();
        journal.append(&json!({"did": "one"})).unwrap();
        let whole = journal.end;
        journal.append(&json!({"did": "two\nlines"})).unwrap();
        drop(journal);
        let full = std::fs::read(&path).unwrap();
        for cut in whole as usize..full.len() {
            std::fs::write(&path, &full[..cut]).unwrap();
            let (mut journal, records) = Journal::open(&path).unwrap();
            assert_eq!(records, [json!({"did": "one"})], "cut at {cut}");
            journal.append(&json!({"did": "three"})).unwrap();
            drop(journal);
            assert_eq!(Journal::read(&path).unwrap().len(), 2, "cut at {cut}");
        }
    }

    #[test]
    fn a_record_with_a_wrong_byte_ends_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::create(&path).unwrap();
        journal.append(&json!(1)).unwrap();
        let whole = journal.end as usize;
        journal.append(&json!(2)).unwrap();
        drop(journal);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[whole + DIGITS + 1] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(Journal::open(&path).unwrap().1, [json!(1)]);
    }

    #[test]
    fn a_second_journal_never_replaces_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        Journal::create(&path).unwrap();
        assert!(Journal::create(&path).is_err());
    }
}
