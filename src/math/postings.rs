//! Lists of documents and of positions in them, a byte a number where numbers are small.
//!
//! The documents of a term are stored as gaps with how often it stands in each; its positions apart from them, so that
//! they are read only for phrases.

/// Bits of a number that a byte holds; the eighth says that more follow.
const BITS: u32 = 7;
const MORE: u8 = 1 << BITS;

/// Appends `value`, low bits first (LEB128).
pub fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= u64::from(MORE) {
        out.push(value as u8 | MORE);
        value >>= BITS;
    }
    out.push(value as u8);
}

/// Takes a number from the front of `bytes`; 0 where nothing is left.
#[inline]
pub fn take(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        value |= u64::from(byte & !MORE) << shift;
        if byte < MORE {
            break;
        }
        shift += BITS;
    }
    value
}

/// Appends a document that lies `gap` beyond the one before it, where the term stands `times`.
pub fn put_document(gap: u32, times: u32, out: &mut Vec<u8>) {
    put(u64::from(gap) << 1 | u64::from(times == 1), out);
    if times != 1 {
        put(u64::from(times), out);
    }
}

/// The documents of a term, ascending, with how often it stands in each.
pub struct Documents<'a> {
    bytes: &'a [u8],
    /// The least that the next one can be.
    next: u32,
}

impl<'a> Documents<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, next: 0 }
    }

    /// What was not read yet.
    pub fn rest(self) -> &'a [u8] {
        self.bytes
    }
}

impl Iterator for Documents<'_> {
    type Item = (u32, u32);

    #[inline]
    fn next(&mut self) -> Option<(u32, u32)> {
        if self.bytes.is_empty() {
            return None;
        }
        let value = take(&mut self.bytes);
        let document = self.next + (value >> 1) as u32;
        self.next = document + 1;
        let times = if value & 1 == 1 { 1 } else { take(&mut self.bytes) as u32 };
        Some((document, times))
    }
}

/// Positions, document after document.
pub struct Positions<'a>(pub &'a [u8]);

impl Positions<'_> {
    /// Calls `each` with the next `times` positions, those of one document.
    #[inline]
    pub fn read(&mut self, times: u32, mut each: impl FnMut(u32)) {
        let mut position = 0;
        for _ in 0..times {
            position += take(&mut self.0) as u32;
            each(position);
        }
    }

    /// Passes over the next `times`.
    #[inline]
    pub fn skip(&mut self, times: u32) {
        for _ in 0..times {
            take(&mut self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn documents_are_read_as_they_were_written(
            documents in prop::collection::btree_map(0u32..u32::MAX - 1, 1u32..100_000, 0..50),
        ) {
            let (mut bytes, mut next) = (Vec::new(), 0);
            for (&document, &times) in &documents {
                put_document(document - next, times, &mut bytes);
                next = document + 1;
            }
            prop_assert!(Documents::of(&bytes).eq(documents));
        }

        #[test]
        fn numbers_are_read_as_they_were_written(numbers in prop::collection::vec(any::<u64>(), 0..20)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|&number| put(number, &mut bytes));
            let mut rest = &bytes[..];
            for number in numbers {
                prop_assert_eq!(take(&mut rest), number);
            }
            prop_assert!(rest.is_empty() && take(&mut rest) == 0);
        }
    }
}
