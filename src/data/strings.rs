//! Many strings in one piece of memory, which may be a file.

use std::fmt;
use std::sync::Arc;

/// Bytes that somebody else keeps alive: a vector, or a memory-mapped file handed over by `io`.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Where strings begin and end, kept alive likewise: a vector, or a memory-mapped file.
pub type Offsets = Arc<dyn AsRef<[u64]> + Send + Sync>;

/// `n` UTF-8 strings, end to end in one run of bytes; string `i` is `offsets[i]..offsets[i + 1]`.
#[derive(Clone)]
pub struct Strings {
    bytes: Bytes,
    offsets: Offsets,
}

impl Strings {
    /// Takes bytes that `io` spilled to a file and mapped. `offsets` has one entry more than there are strings.
    ///
    /// Returns `None` unless the offsets ascend within the bytes and every piece is UTF-8.
    pub fn from_parts(bytes: Bytes, offsets: Vec<u64>) -> Option<Self> {
        Self::from_shared(bytes, Arc::new(offsets))
    }

    /// The same, with offsets that may live in a mapped file too.
    pub fn from_shared(bytes: Bytes, shared: Offsets) -> Option<Self> {
        let all = (*bytes).as_ref();
        let offsets = (*shared).as_ref();
        let ascending = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        let inside = offsets.last().is_some_and(|&end| end <= all.len() as u64);
        if !ascending || !inside {
            return None;
        }
        let text = std::str::from_utf8(all).ok()?;
        if !offsets.iter().all(|&at| text.is_char_boundary(at as usize)) {
            return None;
        }
        Some(Self { bytes, offsets: shared })
    }

    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.offsets().len() - 1
    }

    /// Whether there is no string at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// String `i`; panics past the end, as a slice does.
    pub fn get(&self, i: usize) -> &str {
        let offsets = self.offsets();
        let range = offsets[i] as usize..offsets[i + 1] as usize;
        // The pieces were checked when this was built; a file cut short under the mapping reads as empty.
        std::str::from_utf8(&(*self.bytes).as_ref()[range]).unwrap_or("")
    }

    /// All strings in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }

    /// The bytes of all strings together, for whoever writes them out.
    pub fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// Where each string starts, and the end of the last.
    pub fn offsets(&self) -> &[u64] {
        (*self.offsets).as_ref()
    }
}

impl fmt::Debug for Strings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Strings({} in {} bytes)", self.len(), self.bytes().len())
    }
}

impl<S: AsRef<str>> FromIterator<S> for Strings {
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let mut builder = StringsBuilder::default();
        strings.into_iter().for_each(|s| builder.push(s.as_ref()));
        builder.finish()
    }
}

/// Builds [`Strings`] in memory.
#[derive(Debug)]
pub struct StringsBuilder {
    bytes: Vec<u8>,
    offsets: Vec<u64>,
}

impl Default for StringsBuilder {
    fn default() -> Self {
        Self { bytes: Vec::new(), offsets: vec![0] }
    }
}

impl StringsBuilder {
    /// Appends one string.
    pub fn push(&mut self, s: &str) {
        self.bytes.extend_from_slice(s.as_bytes());
        self.offsets.push(self.bytes.len() as u64);
    }

    /// The strings so far, for good.
    pub fn finish(self) -> Strings {
        Strings { bytes: Arc::new(self.bytes), offsets: Arc::new(self.offsets) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back_as_they_went_in() {
        let strings: Strings = ["", "a", "日本"].into_iter().collect();
        assert_eq!(strings.iter().collect::<Vec<_>>(), ["", "a", "日本"]);
    }

    #[test]
    fn offsets_that_split_a_character_are_refused() {
        let bytes: Bytes = Arc::new("é".as_bytes().to_vec());
        assert!(Strings::from_parts(bytes.clone(), vec![0, 1, 2]).is_none());
        assert!(Strings::from_parts(bytes, vec![0, 2]).is_some());
    }
}
