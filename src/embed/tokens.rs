//! The token ids that stand for a text: cut, or in pieces.

use std::ops::Range;

use crate::model::Tokenizer;

use super::Long;

/// A text this many bytes a token long is surely cut, so that its end need not be looked at.
const BYTES_A_TOKEN: usize = 16;

/// Pieces of a long text share this part of their tokens with the one before.
const OVERLAP: usize = 8;

/// A text as the encoder reads it.
pub(super) struct Encoded {
    /// Without special tokens.
    ids: Vec<u32>,
    /// Ranges of `ids`; none for an empty text.
    pieces: Vec<Range<usize>>,
    /// Whether something at the end was left out.
    pub(super) truncated: bool,
}

impl Encoded {
    /// Reads `text` into pieces of at most `limit` tokens, special ones included.
    pub(super) fn of(tokenizer: &Tokenizer, text: &str, limit: usize, long: Long) -> Result<Self, String> {
        let (before, after) = tokenizer.around();
        let room = limit.saturating_sub(before.len() + after.len()).max(1);
        let mut ids = match long {
            Long::Truncate => encode_start(tokenizer, text, room)?,
            Long::Chunk => tokenizer.encode(text)?,
        };
        let truncated = long == Long::Truncate && ids.len() > room;
        if truncated {
            ids.truncate(room);
            ids.shrink_to_fit();
        }
        let pieces = windows(ids.len(), room);
        Ok(Self { ids, pieces, truncated })
    }

    /// How many pieces the text is read in; 0 when it is empty.
    pub(super) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Tokens over all pieces, without special ones.
    pub(super) fn tokens(&self) -> usize {
        self.pieces.iter().map(|piece| piece.len()).sum()
    }

    /// Piece `i` between its special tokens.
    pub(super) fn piece(&self, i: usize, tokenizer: &Tokenizer) -> Vec<u32> {
        let (before, after) = tokenizer.around();
        [before, &self.ids[self.pieces[i].clone()], after].concat()
    }
}

/// The ids of a text's beginning: more than `room` of them if the text has so many.
///
/// A long text is cut between words first; tokenizers split at white space, so that changes no token before the cut.
fn encode_start(tokenizer: &Tokenizer, text: &str, room: usize) -> Result<Vec<u32>, String> {
    let mut length = room * BYTES_A_TOKEN;
    while let Some(cut) = gap_after(text, length) {
        let ids = tokenizer.encode(&text[..cut])?;
        if ids.len() > room {
            return Ok(ids);
        }
        length = cut * 2;
    }
    tokenizer.encode(text)
}

/// The first white space at or after byte `length`, if any text follows.
fn gap_after(text: &str, length: usize) -> Option<usize> {
    let from = (length..text.len()).find(|&at| text.is_char_boundary(at))?;
    text[from..].find(char::is_whitespace).map(|gap| from + gap)
}

/// Ranges of at most `room` that cover 0..`n`, each but the first beginning a little before the end of the last.
fn windows(n: usize, room: usize) -> Vec<Range<usize>> {
    let step = room - room / OVERLAP;
    let mut windows = Vec::new();
    let mut end = 0;
    while end < n {
        let first = windows.len() * step;
        end = (first + room).min(n);
        windows.push(first..end);
    }
    windows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_overlap_by_an_eighth_and_reach_the_end() {
        assert_eq!(windows(20, 8), [0..8, 7..15, 14..20]);
        assert_eq!(windows(8, 8), vec![Range { start: 0, end: 8 }]);
        assert!(windows(0, 8).is_empty());
        assert_eq!(windows(3, 1), [0..1, 1..2, 2..3]);
    }

    #[test]
    fn a_cut_falls_on_white_space_between_characters() {
        assert_eq!(gap_after("añb cd", 2), Some(4));
        assert_eq!(gap_after("abcd", 2), None);
        assert_eq!(gap_after("ab", 2), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn pieces_cover_every_token(n in 0usize..2000, room in 1usize..300) {
            let pieces = windows(n, room);
            let mut reached = 0;
            for piece in &pieces {
                prop_assert!(piece.start <= reached && piece.end > reached && piece.len() <= room);
                reached = piece.end;
            }
            prop_assert_eq!(reached, n);
        }
    }
}
