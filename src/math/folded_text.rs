//! Texts without what does not make them another text: case, white space and punctuation.

use super::language::is_ideographic;

/// ASCII punctuation that says something: "C++", "C#", "100 %", "$5", "R&D".
const TELLING: &str = "+#$%&@=<>^";
/// Left out without a gap: "don't" is "dont".
const APOSTROPHES: [char; 4] = ['\'', '’', '‘', '`'];

/// What is neither letter, digit nor symbol.
fn is_punctuation(c: char) -> bool {
    (c.is_ascii_punctuation() && !TELLING.contains(c))
        || matches!(u32::from(c),
            0xA1 | 0xA7 | 0xAB | 0xB6 | 0xB7 | 0xBB | 0xBF | 0x2010..=0x2027 | 0x2030..=0x205E | 0x3001..=0x3003
            | 0x3008..=0x3011 | 0x3014..=0x301F | 0x30FB | 0xFF01..=0xFF0F | 0xFF1A..=0xFF20 | 0xFF3B..=0xFF40
            | 0xFF5B..=0xFF65)
}

/// What is not seen: control characters, soft hyphens, joiners, marks of direction and of byte order.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(u32::from(c), 0xAD | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060 | 0xFEFF)
}

/// The text in lower case, its words separated by single spaces, without punctuation; symbols and emoji stay. A text of
/// nothing but punctuation keeps it.
pub fn folded(text: &str) -> String {
    let fold = |is_left_out: &dyn Fn(char) -> bool| {
        let mut folded = String::with_capacity(text.len());
        let mut gap = false;
        for c in text.chars() {
            if c.is_whitespace() || is_left_out(c) {
                gap |= !APOSTROPHES.contains(&c);
            } else if !is_unseen(c) {
                if gap && !folded.is_empty() {
                    folded.push(' ');
                }
                gap = false;
                folded.extend(c.to_lowercase());
            }
        }
        folded
    };
    let without = fold(&is_punctuation);
    if without.is_empty() { fold(&|_| false) } else { without }
}

/// The words of a folded text; ideographs are a word each.
pub fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(' ').flat_map(|run| {
        let mut rest = run;
        std::iter::from_fn(move || {
            let first = rest.chars().next()?;
            let end = if is_ideographic(first) {
                first.len_utf8()
            } else if rest.is_ascii() {
                rest.len()
            } else {
                rest.find(is_ideographic).unwrap_or(rest.len())
            };
            let (word, more) = rest.split_at(end);
            rest = more;
            Some(word)
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_white_space_and_punctuation_make_no_other_text() {
        for text in [
            "Don't panic -- it's only tea!",
            "dont  PANIC;\n its only “tea”",
            "\u{feff}Dont panic, its only tea",
        ] {
            assert_eq!(folded(text), "dont panic its only tea");
        }
    }

    #[test]
    fn signs_that_say_something_stay() {
        assert_ne!(folded("C++ is fast"), folded("C is fast"));
        assert_ne!(folded("great 👍"), folded("great 👎"));
        assert_ne!(folded("1.5 litres"), folded("15 litres"));
        assert_eq!((folded("???"), folded("!"), folded(" \n")), ("???".into(), "!".into(), String::new()));
    }

    #[test]
    fn ideographs_are_words() {
        assert_eq!(
            words("ein haus 日本go語 x").collect::<Vec<_>>(),
            ["ein", "haus", "日", "本", "go", "語", "x"]
        );
        assert_eq!(words("").count(), 0);
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in r"\PC{0,40}|[a-zA-Z .,!?'-]{0,40}") {
            let once = folded(&text);
            // A few capitals have small letters that end in a mark, which folds no further.
            prop_assert_eq!(folded(&once).to_lowercase(), once.to_lowercase());
            prop_assert_eq!(words(&once).collect::<String>(), once.replace(' ', ""));
        }
    }
}
