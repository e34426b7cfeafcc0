//! Which texts may be copies of one another with small edits: candidates, to be compared letter by letter.
//!
//! Two ways, each sure where the other is not. *Signatures*: the hash of a text without one word, or without two words
//! in a row, for every such place; texts that differ in one place (a word put in, taken out, changed or split, a number,
//! two words swapped) have one in common for certain. Short texts have those of single letters too, and so have words
//! that make up much of a text. *MinHash* (Broder 1997) over runs of four letters, in bands (Indyk & Motwani 1998): texts
//! that share most of their runs, wherever they differ, have a band in common almost surely. A copy need not be near by
//! its vector, nor is there any limit on the number of copies.

use rayon::prelude::*;

use super::folded_text::words;
use super::hash::{draw, mix32, spread};
use crate::job::{Cancelled, Ctx};

/// Texts with more words have no signatures: their bands are sure enough.
const WORDS: usize = 48;
/// Texts with at most so many letters have signatures of letters.
const LETTERS: usize = 40;
/// Words in a row that are left out at most.
const LEFT_OUT: usize = 2;
/// Signatures are sorted in so many parts, to need less memory at a time.
const PARTS: u64 = 8;
/// Letters of a run.
const RUN: usize = 4;
/// Two texts that share the share s of their runs have a band in common with probability 1 − (1 − s^ROWS)^BANDS: .987 at
/// .75, .9999 at .9.
const BANDS: usize = 16;
const ROWS: usize = 5;
/// So many texts with one signature are all compared with each other. Of more, each is compared with those that come next
/// in the alphabet, so that long lists ("Day 1", "Day 2", …) still hang together.
const ALL_PAIRS: usize = 48;
const NEXT: usize = 8;
/// Texts a task.
const BATCH: usize = 1024;

const WORD_SEED: u64 = 1;
const LETTER_SEED: u64 = 2;
const RUN_SEED: u64 = 3;
/// The base of the polynomial hashes modulo 2⁶⁴, and what undoes a multiplication by it.
const BASE: u64 = 0xD134_2543_DE82_EF95;
const INVERSE: u64 = inverse(BASE);

/// The number whose product with the odd `base` is 1, modulo 2⁶⁴ (Newton's method doubles the right digits).
const fn inverse(base: u64) -> u64 {
    let mut inverse = base;
    let mut round = 0;
    while round < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(base.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

/// A pair of texts, the smaller number first.
pub(super) type Pair = (u32, u32);

/// Calls `each` with candidates, in a few rounds: every round holds a pair at most once, ordered; rounds may repeat pairs.
///
/// `text(i)` is one of `n` different folded texts, none empty.
pub(super) fn for_candidates<'a>(
    n: usize,
    text: &(impl Fn(usize) -> &'a str + Sync),
    ctx: &Ctx,
    mut each: impl FnMut(Vec<Pair>) -> Result<(), Cancelled>,
) -> Result<(), Cancelled> {
    ctx.progress.begin("Looking for copies", "rounds", PARTS + BANDS as u64, 0);
    for part in 0..PARTS {
        let signed = gathered(n, ctx, |i, out| {
            for_signatures(text(i), |signature| {
                if signature % PARTS == part {
                    out.push((signature, i as u32));
                }
            });
        })?;
        each(pairs(signed, text))?;
        ctx.progress.advance(1);
    }
    let bands = bands(n, text, ctx)?;
    for band in 0..BANDS {
        let keys = (0..n).map(|i| (u64::from(bands[i * BANDS + band]), i as u32)).collect();
        each(pairs(keys, text))?;
        ctx.progress.advance(1);
    }
    Ok(())
}

/// What `of` pushes for each of `n` texts, in order.
fn gathered<T: Send>(
    n: usize,
    ctx: &Ctx,
    of: impl Fn(usize, &mut Vec<T>) + Sync,
) -> Result<Vec<T>, Cancelled> {
    let batches: Vec<usize> = (0..n).step_by(BATCH).collect();
    let batch = |start: usize| {
        ctx.cancel.check()?;
        let mut out = Vec::new();
        (start..(start + BATCH).min(n)).for_each(|i| of(i, &mut out));
        Ok(out)
    };
    let made: Vec<Vec<T>> = batches.into_par_iter().map(batch).collect::<Result<_, Cancelled>>()?;
    Ok(made.into_iter().flatten().collect())
}

/// The pairs of texts with one key.
fn pairs<'a>(mut keyed: Vec<(u64, u32)>, text: &(impl Fn(usize) -> &'a str + Sync)) -> Vec<Pair> {
    keyed.par_sort_unstable();
    keyed.dedup();
    let buckets: Vec<&[(u64, u32)]> =
        keyed.chunk_by(|a, b| a.0 == b.0).filter(|bucket| bucket.len() > 1).collect();
    let of_bucket = |bucket: &&[(u64, u32)]| {
        let mut members: Vec<u32> = bucket.iter().map(|(_, i)| *i).collect();
        let reach = if members.len() <= ALL_PAIRS {
            members.len()
        } else {
            members.sort_by(|&a, &b| text(a as usize).cmp(text(b as usize)));
            NEXT
        };
        let mut pairs = Vec::new();
        for (at, &a) in members.iter().enumerate() {
            pairs.extend(members[at + 1..].iter().take(reach).map(|&b| (a.min(b), a.max(b))));
        }
        pairs
    };
    let mut pairs: Vec<Pair> = buckets.par_iter().map(of_bucket).flatten_iter().collect();
    pairs.par_sort_unstable();
    pairs.dedup();
    pairs
}

fn hash_of(bytes: &[u8], seed: u64) -> u64 {
    // FNV-1a, its bits spread afterwards.
    spread(
        bytes.iter().fold(0xCBF2_9CE4_8422_2325 ^ seed, |hash, &b| {
            (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01B3)
        }),
    )
}

/// Hashes of the text with nothing left out, and with each word, each two words in a row or each letter left out.
fn for_signatures(text: &str, mut each: impl FnMut(u64)) {
    let mut hashes = [0u64; WORDS];
    let mut lengths = [0usize; WORDS];
    let mut count = 0;
    for word in words(text) {
        if count < WORDS {
            hashes[count] = hash_of(word.as_bytes(), WORD_SEED);
            lengths[count] = word.len();
        }
        count += 1;
    }
    if count <= WORDS {
        // Where less than half of the letters stay, the texts are hardly copies, and far too many have the rest.
        let letters: usize = lengths[..count].iter().sum();
        for_shortened(
            &hashes[..count],
            LEFT_OUT,
            |from, to| 2 * lengths[from..to].iter().sum::<usize>() <= letters,
            &mut each,
        );
    }
    let mut letters = [0u64; LETTERS];
    let mut count = 0;
    for letter in text.chars().take(LETTERS + 1) {
        if count < LETTERS {
            letters[count] = draw(LETTER_SEED, u64::from(letter));
        }
        count += 1;
    }
    if count <= LETTERS {
        for_shortened(&letters[..count], 1, |_, _| count > 1, &mut each);
    }
}

/// Hashes of a sequence, and of it without each `from..to` of at most `left_out` that is `allowed`: equal sequences have
/// equal ones however they came about.
fn for_shortened(
    hashes: &[u64],
    left_out: usize,
    allowed: impl Fn(usize, usize) -> bool,
    each: &mut impl FnMut(u64),
) {
    const LONGEST: usize = if WORDS > LETTERS { WORDS } else { LETTERS };
    // Σ hashᵢ BASEⁱ of what comes before each place: what comes after a gap is moved up by the inverse powers.
    let mut before = [0u64; LONGEST + 1];
    let mut power = 1u64;
    for (at, &hash) in hashes.iter().enumerate() {
        before[at + 1] = before[at].wrapping_add(hash.wrapping_mul(power));
        power = power.wrapping_mul(BASE);
    }
    let all = before[hashes.len()];
    each(spread(all));
    let mut back = 1u64;
    for gap in 1..=left_out.min(hashes.len()) {
        back = back.wrapping_mul(INVERSE);
        for from in 0..=hashes.len() - gap {
            if allowed(from, from + gap) {
                let after = all.wrapping_sub(before[from + gap]).wrapping_mul(back);
                each(spread(before[from].wrapping_add(after)));
            }
        }
    }
}

/// `n` × [`BANDS`] hashes of the least hashes of runs of letters. 32 bits: a few pairs that meet by chance cost nothing.
fn bands<'a>(n: usize, text: &(impl Fn(usize) -> &'a str + Sync), ctx: &Ctx) -> Result<Vec<u32>, Cancelled> {
    let mut factors = [0u32; BANDS * ROWS];
    for (at, factor) in factors.iter_mut().enumerate() {
        *factor = draw(RUN_SEED, at as u64) as u32 | 1;
    }
    let mut bands = vec![0u32; n * BANDS];
    bands.par_chunks_mut(BATCH * BANDS).enumerate().try_for_each(|(batch, out)| {
        ctx.cancel.check()?;
        let mut starts = Vec::new();
        for (i, out) in (batch * BATCH..).zip(out.chunks_exact_mut(BANDS)) {
            let text = text(i);
            starts.clear();
            starts.extend(text.char_indices().map(|(at, _)| at));
            starts.push(text.len());
            let mut least = [u32::MAX; BANDS * ROWS];
            for run in starts.windows((RUN + 1).min(starts.len())) {
                let hash = hash_of(&text.as_bytes()[run[0]..run[run.len() - 1]], RUN_SEED) as u32;
                for (least, factor) in least.iter_mut().zip(&factors) {
                    *least = (*least).min((hash ^ factor).wrapping_mul(*factor));
                }
            }
            for (out, rows) in out.iter_mut().zip(least.chunks_exact(ROWS)) {
                *out = rows.iter().fold(0, |hash, &row| mix32(hash.rotate_left(7) ^ row));
            }
        }
        Ok(())
    })?;
    Ok(bands)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidates(texts: &[&str]) -> Vec<Pair> {
        let mut found = Vec::new();
        for_candidates(texts.len(), &|i| texts[i], &Ctx::quiet(), |pairs| {
            assert!(pairs.iter().all(|(a, b)| a < b) && pairs.is_sorted_by(|a, b| a < b));
            found.extend(pairs);
            Ok(())
        })
        .unwrap();
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn texts_that_differ_in_one_place_are_always_candidates() {
        let original = "how to repair an old violin at home";
        for edited in [
            "how to repair an old vioiln at home",
            "how to repair an old violin at home today",
            "how to repair old violin at home",
            "how to repair an old violin athome",
            "how to repair an violin old at home",
            "how to repair an old 1980 grand violin at home",
            "tips how to repair an old violin at home",
        ] {
            assert_eq!(candidates(&[original, "nobody eats soup", edited]), [(0, 2)], "{edited}");
        }
        assert_eq!(candidates(&["congratulations", "x", "congratualtions"]), [(0, 2)]);
        assert_eq!(candidates(&["天気がとても良かった", "天気がとても悪かった"]), [(0, 1)]);
    }

    #[test]
    fn long_texts_with_several_edits_are_candidates() {
        let words: Vec<String> = (0..300).map(|i| format!("w{}", i * i % 997)).collect();
        let mut edited = words.clone();
        for at in [10, 150, 290] {
            edited[at] = "another".into();
        }
        assert_eq!(candidates(&[&words.join(" "), &edited.join(" ")]), [(0, 1)]);
    }

    #[test]
    fn a_long_list_of_almost_equal_texts_hangs_together() {
        let texts: Vec<String> =
            (0..1000).map(|i| format!("photo number {i} of my journey to the sea")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = candidates(&texts);
        let mut reached: Vec<u32> = (0..1000).collect();
        for &(a, b) in found.iter().chain(found.iter().rev()) {
            let least = reached[a as usize].min(reached[b as usize]);
            (reached[a as usize], reached[b as usize]) = (least, least);
        }
        assert!(reached.iter().all(|&first| first == 0));
        assert!(found.len() < 200_000, "{}", found.len());
    }

    proptest! {
        #[test]
        fn a_word_more_anywhere_makes_a_candidate(
            words in prop::collection::vec("[a-z]{3,9}", 3..20), at in 0usize..20, more in "[a-z0-9]{1,6}",
        ) {
            let mut longer = words.clone();
            longer.insert(at.min(words.len()), more);
            let (a, b) = (words.join(" "), longer.join(" "));
            prop_assert_eq!(candidates(&[&a, &b]), [(0, 1)]);
        }
    }
}
