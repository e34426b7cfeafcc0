//! The entries of a zip whose content lies in it as it is, found without trusting a word of it.
//!
//! A project is written by the `zip` crate. That crate sets memory aside by what a file's header claims, and takes the
//! last of two entries with one name in silence; so a file from anywhere is read by this, which holds no more than the
//! file's own list of entries and never writes anything.
//!
//! The format: PKWARE's APPNOTE.TXT, 4.3 and 4.5.3 (zip64).

use std::collections::HashMap;
use std::ops::Range;

use super::tensors::Damage;

const END: &[u8; 4] = b"PK\x05\x06";
const END_SIZE: usize = 22;
const END64: &[u8; 4] = b"PK\x06\x06";
const END64_SIZE: usize = 56;
const LOCATOR64: &[u8; 4] = b"PK\x06\x07";
const LOCATOR64_SIZE: usize = 20;
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const CENTRAL_SIZE: usize = 46;
const LOCAL: &[u8; 4] = b"PK\x03\x04";
const LOCAL_SIZE: usize = 30;

/// The extra field that holds sizes and places beyond 4 GiB.
const ZIP64_FIELD: u16 = 1;

/// What stands in a field of 4 bytes whose value is in that extra field, and in the number of entries.
const IN_ZIP64: u64 = u32::MAX as u64;
const MANY: u64 = u16::MAX as u64;

const STORED: u64 = 0;
const ENCRYPTED: u64 = 1;

/// The entries of a zip by name.
pub(super) struct StoredZip<'b> {
    bytes: &'b [u8],
    entries: HashMap<String, Entry>,
    /// Names in the order of the list.
    names: Vec<String>,
}

struct Entry {
    content: Range<usize>,
    crc: u32,
    /// Why it cannot be read, if so.
    refused: Option<&'static str>,
}

impl<'b> StoredZip<'b> {
    /// Finds the entries. Fails unless every one lies whole and alone in its place under a name of its own.
    pub fn new(bytes: &'b [u8]) -> Result<Self, Damage> {
        let (count, list) =
            central_directory(bytes).ok_or_else(|| Damage::new("its list of parts is not whole"))?;
        let mut zip = Self { bytes, entries: HashMap::new(), names: Vec::new() };
        let mut places = Vec::new();
        let (mut at, end) = (list.start, list.end);
        for _ in 0..count {
            let read = entry(bytes, at, end).ok_or_else(|| Damage::new("its list of parts is not sound"))?;
            let (name, place, found, next) = read;
            places.push((place, found.content.end));
            if zip.entries.insert(name.clone(), found).is_some() {
                return Err(Damage::new(format!("it holds two parts called {name:?}")));
            }
            zip.names.push(name);
            at = next;
        }
        places.sort_unstable();
        let apart = places.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        let before_list = places.last().is_none_or(|last| last.1 <= list.start);
        if at != end || !apart || !before_list {
            return Err(Damage::new("its parts lie over each other"));
        }
        Ok(zip)
    }

    /// Where an entry's content lies, if there is one of that name; its checksum was compared.
    pub fn find(&self, name: &str) -> Result<Option<Range<usize>>, Damage> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        if let Some(cause) = entry.refused {
            return Err(Damage::new(cause));
        }
        let mut crc = flate2::Crc::new();
        crc.update(&self.bytes[entry.content.clone()]);
        if crc.sum() != entry.crc {
            return Err(Damage::new("its content does not match its checksum"));
        }
        Ok(Some(entry.content.clone()))
    }

    /// All names, in the order of the list.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// All bytes of the file.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }
}

/// `width` bytes at `at` as a number.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(width)?)?;
    Some(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

fn is(bytes: &[u8], at: usize, signature: &[u8; 4]) -> bool {
    bytes.get(at..).is_some_and(|bytes| bytes.starts_with(signature))
}

/// How many entries there are, and where their list lies.
fn central_directory(bytes: &[u8]) -> Option<(u64, Range<usize>)> {
    let last = bytes.len().checked_sub(END_SIZE)?;
    // A comment of up to 64 KiB may follow the end's fixed part.
    let ends_file = |&at: &usize| is(bytes, at, END) && number(bytes, at + 20, 2) == Some((last - at) as u64);
    let end = (last.saturating_sub(MANY as usize)..=last).rev().find(ends_file)?;
    let field = |at: usize, width| number(bytes, end + at, width);
    let (mut count, mut size, mut start) = (field(10, 2)?, field(12, 4)?, field(16, 4)?);
    let mut after = end;
    if count == MANY || size == IN_ZIP64 || start == IN_ZIP64 {
        let locator = end.checked_sub(LOCATOR64_SIZE).filter(|&at| is(bytes, at, LOCATOR64))?;
        after = usize::try_from(number(bytes, locator + 8, 8)?).ok()?;
        if !is(bytes, after, END64) || after.checked_add(END64_SIZE)? > locator {
            return None;
        }
        let field = |at: usize| number(bytes, after + at, 8);
        (count, size, start) = (field(32)?, field(40)?, field(48)?);
    }
    let start = usize::try_from(start).ok()?;
    let list = start..start.checked_add(usize::try_from(size).ok()?)?;
    (list.end == after && count <= (list.len() / CENTRAL_SIZE) as u64).then_some((count, list))
}

/// The entry that the list describes at `at`: its name, where its own header starts, what it is, and where in the list
/// the next one is described.
fn entry(bytes: &[u8], at: usize, list_end: usize) -> Option<(String, usize, Entry, usize)> {
    let list = bytes.get(..list_end)?;
    let field = |offset: usize, width| number(list, at + offset, width);
    let (flags, method, crc) = (field(8, 2)?, field(10, 2)?, field(16, 4)?);
    let (name_length, extra_length, comment) = (field(28, 2)?, field(30, 2)?, field(32, 2)?);
    let name_start = at + CENTRAL_SIZE;
    let extra_start = name_start + name_length as usize;
    let extra_end = extra_start + extra_length as usize;
    let next = extra_end + comment as usize;
    if !is(list, at, CENTRAL) || next > list_end {
        return None;
    }
    let name = std::str::from_utf8(&bytes[name_start..extra_start]).ok()?;
    let mut wide = zip64_values(&bytes[extra_start..extra_end]);
    let mut value = |offset: usize| match field(offset, 4)? {
        IN_ZIP64 => wide.next(),
        narrow => Some(narrow),
    };
    // In the order in which the extra field holds them.
    let (size, packed, place) = (value(24)?, value(20)?, value(42)?);
    let place = usize::try_from(place).ok()?;
    let own_name_length = number(bytes, place.checked_add(26)?, 2)? as usize;
    let own_extra_length = number(bytes, place + 28, 2)? as usize;
    let own_name = place + LOCAL_SIZE;
    let start = own_name + own_name_length + own_extra_length;
    let end = start.checked_add(usize::try_from(packed).ok()?)?;
    let named_alike = bytes.get(own_name..own_name + own_name_length) == Some(name.as_bytes());
    if !is(bytes, place, LOCAL) || !named_alike || end > bytes.len() {
        return None;
    }
    let refused = match () {
        () if flags & ENCRYPTED != 0 => Some("it is encrypted"),
        () if method != STORED => Some("it is compressed"),
        () if size != packed => Some("it tells two sizes"),
        () => None,
    };
    Some((name.to_owned(), place, Entry { content: start..end, crc: crc as u32, refused }, next))
}

/// The values of the zip64 field among the extra fields in `extra`.
fn zip64_values(extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut at = 0;
    let mut values: &[u8] = &[];
    while let Some((id, size)) = number(extra, at, 2).zip(number(extra, at + 2, 2)) {
        let end = at + 4 + size as usize;
        if id == u64::from(ZIP64_FIELD) {
            values = extra.get(at + 4..end).unwrap_or_default();
            break;
        }
        at = end;
    }
    values.as_chunks::<8>().0.iter().map(|value| u64::from_le_bytes(*value))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    /// Two entries as projects have them, and one that is empty.
    fn written() -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (name, content) in [("first", &b"one"[..]), ("second", b"two two"), ("empty", b"")] {
            zip.start_file(name, stored.large_file(true).with_alignment(64)).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn content<'b>(zip: &StoredZip<'b>, name: &str) -> &'b [u8] {
        &zip.bytes()[zip.find(name).unwrap().unwrap()]
    }

    fn damage(bytes: &[u8]) -> String {
        StoredZip::new(bytes).map(|_| ()).unwrap_err().to_string()
    }

    /// Where the list describes the entry `number`.
    fn described(bytes: &[u8], number: usize) -> usize {
        let mut at = bytes.windows(4).enumerate().filter(|(_, window)| window == CENTRAL).map(|(at, _)| at);
        at.nth(number).unwrap()
    }

    #[test]
    fn entries_are_found_where_they_lie() {
        let bytes = written();
        let zip = StoredZip::new(&bytes).unwrap();
        assert_eq!(zip.names().collect::<Vec<_>>(), ["first", "second", "empty"]);
        assert_eq!([content(&zip, "first"), content(&zip, "second")], [&b"one"[..], b"two two"]);
        assert_eq!(content(&zip, "empty"), b"");
        assert_eq!(zip.find("third").unwrap(), None);
        assert_eq!(zip.find("first").unwrap().unwrap().start % 64, 0);
    }

    #[test]
    fn more_entries_than_two_bytes_count_are_read() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for i in 0..70_000 {
            zip.start_file(format!("{i}"), stored).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        let zip = StoredZip::new(&bytes).unwrap();
        assert_eq!(zip.names().count(), 70_000);
        assert_eq!(zip.find("69999").unwrap().map(|range| range.len()), Some(0));
    }

    #[test]
    fn sizes_beyond_four_gibibytes_are_read_from_the_extra_field() {
        let mut bytes = written();
        let at = described(&bytes, 0);
        // The writer adds the field whenever a part may grow beyond; here it becomes the only place that tells.
        bytes[at + 20..at + 28].fill(0xff);
        assert_eq!(content(&StoredZip::new(&bytes).unwrap(), "first"), b"one");
    }

    #[test]
    fn two_parts_of_one_name_are_refused() {
        let mut bytes = written();
        while let Some(at) = bytes.windows(6).position(|window| window == b"second") {
            bytes.splice(at..at + 6, *b"first\0");
        }
        let mut other = written();
        for at in 0..other.len() - 5 {
            if &other[at..at + 5] == b"empty" {
                other[at..at + 5].copy_from_slice(b"first");
            }
        }
        assert!(StoredZip::new(&bytes).is_ok(), "a NUL makes another name");
        assert_eq!(damage(&other), "it holds two parts called \"first\"");
    }

    #[test]
    fn parts_that_share_bytes_are_refused() {
        let bytes = written();
        let place = number(&bytes, described(&bytes, 1) + 42, 4).unwrap() as usize;
        let mut inside = bytes.clone();
        // The first part says it reaches into the second.
        let at = described(&bytes, 0);
        for size in [20, 24] {
            inside[at + size..at + size + 4].copy_from_slice(&(place as u32 + 8).to_le_bytes());
        }
        assert_eq!(damage(&inside), "its parts lie over each other");
    }

    #[test]
    fn sizes_and_numbers_that_lie_are_refused() {
        let bytes = written();
        let end = bytes.len() - END_SIZE;
        let places =
            [(end + 8, 4), (end + 10, 2), (end + 12, 4), (end + 16, 4), (described(&bytes, 2) + 20, 8)];
        for (at, width) in places {
            for value in [0x7f, 0xfe] {
                let mut lying = bytes.clone();
                lying[at..at + width].fill(value);
                assert!(StoredZip::new(&lying).is_err(), "{value:x} at {at}");
            }
        }
    }

    #[test]
    fn a_compressed_part_and_a_damaged_one_are_refused_and_the_others_are_read() {
        let mut bytes = written();
        let at = described(&bytes, 0);
        bytes[at + 10] = 8;
        let content_at = StoredZip::new(&bytes).unwrap().find("second").unwrap().unwrap().start;
        assert_eq!(
            StoredZip::new(&bytes).unwrap().find("first").unwrap_err(),
            Damage::new("it is compressed")
        );
        bytes[content_at] ^= 1;
        let zip = StoredZip::new(&bytes).unwrap();
        assert_eq!(zip.find("second").unwrap_err(), Damage::new("its content does not match its checksum"));
        assert_eq!(content(&zip, "empty"), b"");
    }
}
