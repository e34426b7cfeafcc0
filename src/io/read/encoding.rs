//! From the bytes of a file to UTF-8 text: which encoding it is in, and a stream decoder.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs::{ISO_8859_4, ISO_8859_10, ISO_8859_13, ISO_8859_14, WINDOWS_1257};

use super::{ReadError, source::Source};
use crate::job::Cancel;

/// How many bytes are decoded at a time.
const CHUNK: usize = 256 << 10;

/// With fewer bytes beyond ASCII than this, one of these encodings is a guess out of nothing: an English text with
/// a "naïve" in it is not Baltic.
const FEW_ACCENTS: usize = 32;
const SELDOM: [&Encoding; 5] = [ISO_8859_4, ISO_8859_10, ISO_8859_13, ISO_8859_14, WINDOWS_1257];

/// Room kept free at the end of the output, so that the decoder always gets on.
const SLACK: usize = 64;

const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// UTF-16 without a byte order mark: of the 16-bit units, at least this share has a zero half (Latin letters,
/// spaces, digits), nearly all of them on the same side.
const UTF16_ZEROS: f64 = 0.2;

/// A text with this many good multi-byte characters for each bad one is damaged UTF-8, not something else.
const GOOD_PER_BAD: usize = 10;

/// The encoding that `label` names.
pub(super) fn by_label(label: &str) -> Result<&'static Encoding, ReadError> {
    Encoding::for_label(label.as_bytes()).ok_or_else(|| ReadError::UnknownEncoding(label.to_owned()))
}

/// The encoding's name as a person knows it.
pub(super) fn name(encoding: &'static Encoding) -> String {
    match encoding.name() {
        "windows-1252" => "Windows-1252 (Latin-1)".into(),
        other => other.into(),
    }
}

/// The encoding of a text that begins with `bytes`, or is nothing but them if they are the `whole` of it; `None`
/// as long as it is plain ASCII.
pub(super) fn detect(bytes: &[u8], whole: bool) -> Option<&'static Encoding> {
    let by_mark = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    by_mark.or_else(|| utf16_by_zeros(bytes)).or_else(|| detect_beyond_ascii(bytes, whole))
}

/// The same for a piece out of the middle of a text that was ASCII so far.
fn detect_beyond_ascii(bytes: &[u8], whole: bool) -> Option<&'static Encoding> {
    if bytes.is_ascii() {
        return None;
    }
    let (good, bad) = utf8_characters(bytes, whole);
    if bad == 0 || good >= bad * GOOD_PER_BAD {
        return Some(UTF_8);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    let accents = bytes.iter().filter(|b| !b.is_ascii()).count();
    Some(if accents < FEW_ACCENTS && SELDOM.contains(&guess) { WINDOWS_1252 } else { guess })
}

/// UTF-16 betrays itself by zero bytes that are all odd or all even.
fn utf16_by_zeros(bytes: &[u8]) -> Option<&'static Encoding> {
    let pairs = bytes.len() / 2;
    if pairs == 0 {
        return None;
    }
    let (mut even, mut odd) = (0usize, 0usize);
    for pair in bytes.chunks_exact(2) {
        even += usize::from(pair[0] == 0);
        odd += usize::from(pair[1] == 0);
    }
    let enough = (pairs as f64 * UTF16_ZEROS).ceil() as usize;
    if odd >= enough && even * 20 <= odd {
        Some(UTF_16LE)
    } else if even >= enough && odd * 20 <= even {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// How many multi-byte characters of UTF-8 there are, and how many broken sequences. One cut off by the end of
/// `bytes` is broken only if they are the `whole` text.
fn utf8_characters(bytes: &[u8], whole: bool) -> (usize, usize) {
    let (mut good, mut bad, mut rest) = (0, 0, bytes);
    // Every character has one byte that is no continuation; those above ASCII begin the multi-byte ones.
    let leads = |valid: &[u8]| valid.iter().filter(|&&b| b >= 0xc0).count();
    loop {
        match std::str::from_utf8(rest) {
            Ok(_) => return (good + leads(rest), bad),
            Err(e) => {
                good += leads(&rest[..e.valid_up_to()]);
                let Some(width) = e.error_len() else { return (good, bad + usize::from(whole)) };
                bad += 1;
                rest = &rest[e.valid_up_to() + width..];
            }
        }
    }
}

/// Turns bytes into UTF-8 without NULs and without a byte order mark.
pub(super) struct Transcoder {
    /// `None` until something beyond ASCII turns up.
    decoder: Option<encoding_rs::Decoder>,
    /// NULs taken out.
    pub nulls: u64,
    /// Undecodable sequences, each now U+FFFD.
    pub replaced: u64,
}

impl Transcoder {
    /// `encoding` as [`detect`] gives it.
    pub fn new(encoding: Option<&'static Encoding>) -> Self {
        Self { decoder: encoding.map(Encoding::new_decoder_with_bom_removal), nulls: 0, replaced: 0 }
    }

    /// The encoding so far; plain ASCII is UTF-8.
    pub fn encoding(&self) -> &'static Encoding {
        self.decoder.as_ref().map_or(UTF_8, encoding_rs::Decoder::encoding)
    }

    /// Appends the text of `raw`, the `last` bytes of all or not, to `text`.
    pub fn decode(&mut self, raw: &[u8], last: bool, text: &mut Vec<u8>) {
        let from = text.len();
        self.decode_all(raw, last, text);
        if text[from..].contains(&0) {
            let before = text.len();
            let kept: Vec<u8> = text[from..].iter().copied().filter(|&b| b != 0).collect();
            text.truncate(from);
            text.extend(kept);
            self.nulls += (before - text.len()) as u64;
        }
    }

    fn decode_all(&mut self, mut raw: &[u8], last: bool, text: &mut Vec<u8>) {
        if self.decoder.is_none() {
            match detect_beyond_ascii(raw, last) {
                // So far every encoding that can come reads alike.
                None => return text.extend_from_slice(raw),
                Some(encoding) => self.decoder = Some(encoding.new_decoder_without_bom_handling()),
            }
        }
        let Some(decoder) = &mut self.decoder else { return };
        let mut at = text.len();
        let room = decoder.max_utf8_buffer_length_without_replacement(raw.len()).unwrap_or(raw.len());
        text.resize(at + room + SLACK, 0);
        loop {
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(raw, &mut text[at..], last);
            raw = &raw[read..];
            at += written;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    self.replaced += 1;
                    text.resize(text.len().max(at + REPLACEMENT.len()), 0);
                    text[at..at + REPLACEMENT.len()].copy_from_slice(REPLACEMENT);
                    at += REPLACEMENT.len();
                }
            }
            if text.len() < at + SLACK {
                text.resize(at + raw.len() + SLACK, 0);
            }
        }
        text.truncate(at);
    }
}

/// A [`Source`] read as text.
pub(super) struct Decoder {
    source: Source,
    cancel: Cancel,
    raw: Vec<u8>,
    ended: bool,
    pub transcoder: Transcoder,
}

impl Decoder {
    /// `encoding` as [`detect`] gives it.
    pub fn new(source: Source, encoding: Option<&'static Encoding>, cancel: Cancel) -> Self {
        let transcoder = Transcoder::new(encoding);
        Self { source, cancel, raw: vec![0; CHUNK], ended: false, transcoder }
    }

    /// Whether the file ended before its text did.
    pub fn damaged(&self) -> bool {
        self.source.damaged
    }

    /// Appends the next piece to `text`; `false` when there was none left.
    pub fn more(&mut self, text: &mut Vec<u8>) -> Result<bool, ReadError> {
        if self.ended {
            return Ok(false);
        }
        self.cancel.check()?;
        let filled = self.source.fill(&mut self.raw)?;
        self.ended = filled < self.raw.len();
        self.transcoder.decode(&self.raw[..filled], self.ended, text);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_utf_8_if_it_is_valid_utf_8() {
        assert_eq!(detect("naïve".as_bytes(), true), Some(UTF_8));
        assert_eq!(detect(b"plain", true), None);
        assert_eq!(detect(&"日本語".as_bytes()[..4], false), Some(UTF_8), "cut within a character");
    }

    #[test]
    fn one_bad_byte_in_a_long_utf_8_text_does_not_make_it_latin_1() {
        let mut text = "Schöne Grüße aus Köln. ".repeat(20).into_bytes();
        text[3] = 0xff;
        assert_eq!(detect(&text, true), Some(UTF_8));
    }

    #[test]
    fn latin_1_is_found_even_where_the_last_byte_could_begin_utf_8() {
        let found = detect(b"un caf\xe9", true).map(Encoding::name);
        assert_eq!(found, Some("windows-1252"));
    }

    #[test]
    fn utf_16_is_found_with_and_without_a_mark() {
        let little: Vec<u8> = "id,text".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "id,text".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(detect(&little, true), Some(UTF_16LE));
        assert_eq!(detect(&big, true), Some(UTF_16BE));
        assert_eq!(detect(&[0xff, 0xfe, 0x2d, 0x4e], true), Some(UTF_16LE));
    }
}
