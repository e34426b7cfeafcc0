//! How many letters have to be changed, put in or taken out to make one text another (Levenshtein 1966), 64 at a time
//! (Myers 1999, in the form of Hyyrö 2003).

use std::collections::HashMap;
use std::hash::Hash;

/// Letters of the longer text beyond which words are compared instead: time grows with the square.
const LETTERS_COMPARED: usize = 4096;
const WIDTH: usize = u64::BITS as usize;

/// The share of the longer text that stays when one becomes the other: 1 − distance / length, where texts have at most
/// 4,096 letters in letters and otherwise in words. `None` below `floor`. Two empty texts are alike.
pub fn share_alike(a: &str, b: &str, floor: f32) -> Option<f32> {
    let (longer, shorter) = if a.len() < b.len() { (b, a) } else { (a, b) };
    if longer.is_ascii() && shorter.is_ascii() && longer.len() <= LETTERS_COMPARED {
        return share(a.as_bytes(), b.as_bytes(), floor, |a, b, most| {
            distance(a, b, most, |&byte| usize::from(byte), 256)
        });
    }
    let letters = |text: &str| text.chars().collect::<Vec<char>>();
    let (one, other) = (letters(a), letters(b));
    if one.len().max(other.len()) <= LETTERS_COMPARED {
        return share(&one, &other, floor, numbered);
    }
    let words = |text: &'_ str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    share(&words(a), &words(b), floor, numbered)
}

fn share<T: PartialEq>(
    a: &[T],
    b: &[T],
    floor: f32,
    distance: impl Fn(&[T], &[T], usize) -> Option<usize>,
) -> Option<f32> {
    let length = a.len().max(b.len());
    if length == 0 {
        return Some(1.0);
    }
    // A hair more, lest a floor that is met exactly be missed by rounding.
    let most = ((1.0 - floor) * length as f32 + 1e-4) as usize;
    let start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[start..], &b[start..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - end], &b[..b.len() - end]);
    let (shorter, longer) = if a.len() < b.len() { (a, b) } else { (b, a) };
    if longer.len() - shorter.len() > most {
        return None;
    }
    let distance = if shorter.is_empty() { longer.len() } else { distance(shorter, longer, most)? };
    (distance <= most).then(|| 1.0 - distance as f32 / length as f32)
}

/// The distance of any symbols, by numbers for those of the first.
fn numbered<T: Eq + Hash>(a: &[T], b: &[T], most: usize) -> Option<usize> {
    let mut numbers = HashMap::new();
    for symbol in a {
        let next = numbers.len();
        numbers.entry(symbol).or_insert(next);
    }
    let strange = numbers.len();
    let number = |symbol: &T| numbers.get(symbol).copied().unwrap_or(strange);
    distance(a, b, most, number, strange + 1)
}

/// The distance of `a`, which is not empty, from `b`, unless it is more than `most`; `number` gives symbols numbers below
/// `symbols`.
fn distance<T>(a: &[T], b: &[T], most: usize, number: impl Fn(&T) -> usize, symbols: usize) -> Option<usize> {
    let blocks = a.len().div_ceil(WIDTH);
    // Where each symbol stands in `a`.
    let mut places = vec![0u64; symbols * blocks];
    for (at, symbol) in a.iter().enumerate() {
        places[number(symbol) * blocks + at / WIDTH] |= 1 << (at % WIDTH);
    }
    // Down each column of the table neighbours differ by one more, one less or nothing: two bits a row.
    let mut columns = vec![(!0u64, 0u64); blocks];
    let last = 1u64 << ((a.len() - 1) % WIDTH);
    let mut score = a.len();
    for (at, symbol) in b.iter().enumerate() {
        let places = &places[number(symbol) * blocks..][..blocks];
        // What the row above adds: one more at the top of the table, as the empty text is that far from `b` so far.
        let (mut more, mut less) = (1u64, 0u64);
        let mut ends = (0, 0);
        for ((plus, minus), &equal) in columns.iter_mut().zip(places) {
            let vertical = equal | *minus;
            let equal = equal | less;
            let horizontal = ((equal & *plus).wrapping_add(*plus) ^ *plus) | equal;
            let up = *minus | !(horizontal | *plus);
            let down = *plus & horizontal;
            ends = (up, down);
            let (up_shifted, down_shifted) = (up << 1 | more, down << 1 | less);
            (more, less) = (up >> (WIDTH - 1), down >> (WIDTH - 1));
            *plus = down_shifted | !(vertical | up_shifted);
            *minus = up_shifted & vertical;
        }
        score += usize::from(ends.0 & last != 0);
        score -= usize::from(ends.1 & last != 0);
        // Each symbol that is left can take away one at most.
        if score > most + (b.len() - 1 - at) {
            return None;
        }
    }
    Some(score)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The textbook's table.
    fn table(a: &[char], b: &[char]) -> usize {
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.iter().enumerate() {
            let mut corner = std::mem::replace(&mut row[0], i + 1);
            for (j, y) in b.iter().enumerate() {
                let changed = corner + usize::from(x != y);
                corner = row[j + 1];
                row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
            }
        }
        row[b.len()]
    }

    #[test]
    fn known_shares() {
        assert_eq!(share_alike("kitten", "sitting", 0.0), Some(1.0 - 3.0 / 7.0));
        assert_eq!(share_alike("", "", 0.9), Some(1.0));
        assert_eq!(share_alike("", "abc", 0.1), None);
        assert_eq!(share_alike("0123456789", "012345678x", 0.9), Some(0.9));
        assert_eq!(share_alike("0123456789", "01234567xx", 0.9), None);
    }

    #[test]
    fn very_long_texts_are_compared_by_words() {
        let text: Vec<String> = (0..2000).map(|i| format!("word{i}")).collect();
        let mut other = text.clone();
        other[700] = "another".into();
        other.remove(1500);
        assert_eq!(share_alike(&text.join(" "), &other.join(" "), 0.5), Some(1.0 - 2.0 / 2000.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn the_distance_is_that_of_the_whole_table(
            a in r"[ab]{0,20}|[abc]{50,200}|[aé日]{0,90}", b in r"[ab]{0,20}|[abc]{50,200}|[aé日]{0,90}", floor in 0f32..1.0,
        ) {
            let (one, other): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            let longer = one.len().max(other.len());
            let wanted = 1.0 - table(&one, &other) as f32 / longer.max(1) as f32;
            prop_assert_eq!(share_alike(&a, &b, 0.0), Some(wanted));
            match share_alike(&a, &b, floor) {
                Some(share) => prop_assert!(share == wanted && share >= floor - 1e-3),
                None => prop_assert!(wanted < floor + 1e-3),
            }
        }
    }
}
