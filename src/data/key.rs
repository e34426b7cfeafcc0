//! What a value was made from, as one short hash.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Length of a key in bytes: 128 bits keep accidental collisions out of reach.
pub const KEY_BYTES: usize = 16;

/// Identifies a value by its input keys, parameters, seed and algorithm version (never by the device that
/// computed it). Equal keys mean equal values, so a key is the memo key, the name in the cache and the project
/// file, and what tells that a panel is stale.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// Starts a key for the output of `algorithm` in its `version`; raise the version when the same inputs
    /// would give another output.
    pub fn of(algorithm: &str, version: u32) -> KeyBuilder {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(algorithm.len() as u64).to_le_bytes());
        hasher.update(algorithm.as_bytes());
        hasher.update(&version.to_le_bytes());
        KeyBuilder { hasher }
    }

    /// The key as bytes, for binary files.
    pub fn to_bytes(self) -> [u8; KEY_BYTES] {
        self.0
    }

    /// The key that [`Key::to_bytes`] gave away.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads the form that `Display` writes; `None` unless it is 32 hexadecimal digits.
    pub fn parse(hex: &str) -> Option<Self> {
        if hex.len() != 2 * KEY_BYTES || !hex.is_ascii() {
            return None;
        }
        let mut bytes = [0; KEY_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        Self::parse(&hex).ok_or_else(|| serde::de::Error::custom("a key has 32 hexadecimal digits"))
    }
}

/// Collects what a value depends on. Every part is length-prefixed, so that no two lists of parts collide.
pub struct KeyBuilder {
    hasher: blake3::Hasher,
}

impl KeyBuilder {
    /// The key of a value that this one is computed from.
    pub fn input(self, key: Key) -> Self {
        self.bytes(&key.0)
    }

    /// Raw content, as when a corpus is keyed by its bytes.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.hasher.update(&(bytes.len() as u64).to_le_bytes());
        self.hasher.update(bytes);
        self
    }

    /// A text, such as a model's name.
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Parameters, by their serialised form: adding a field changes the key, as it should.
    pub fn params<P: Serialize>(self, params: &P) -> Self {
        // Our parameter types are plain structs of numbers and strings, which always serialise.
        let json = serde_json::to_vec(params).unwrap_or_default();
        self.bytes(&json)
    }

    /// The seed of whatever is random.
    pub fn seed(self, seed: u64) -> Self {
        self.bytes(&seed.to_le_bytes())
    }

    /// The finished key.
    pub fn finish(self) -> Key {
        let mut bytes = [0; KEY_BYTES];
        bytes.copy_from_slice(&self.hasher.finalize().as_bytes()[..KEY_BYTES]);
        Key(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_being_written_and_read() {
        let key = Key::of("test", 1).text("a").finish();
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        assert_eq!(Key::parse("zz"), None);
    }

    #[test]
    fn the_parts_of_a_key_do_not_run_into_each_other() {
        let ab_c = Key::of("test", 1).text("ab").text("c").finish();
        let a_bc = Key::of("test", 1).text("a").text("bc").finish();
        assert_ne!(ab_c, a_bc);
    }

    #[test]
    fn another_version_of_an_algorithm_gives_another_key() {
        assert_ne!(Key::of("test", 1).finish(), Key::of("test", 2).finish());
    }
}
