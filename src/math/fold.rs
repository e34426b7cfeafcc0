//! Letters as a search compares them: without case, accents and width, so that "café", "CAFE" and "ｃａｆé" are one word.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A longer word is told from others by so many of its characters: what is longer is an address or a code, not a word.
const LONGEST_WORD: usize = 64;

/// Letters and what they are with accents, of Latin and Greek (by Unicode's canonical decompositions), and the
/// Russian ё. Other Cyrillic letters with marks, such as й, are letters of their own.
const ACCENTED: [(char, &str); 33] = [
    ('a', "àáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ"),
    ('b', "ḃḅḇ"),
    ('c', "çćĉċčḉ"),
    ('d', "ďḋḍḏḑḓđð"),
    ('e', "èéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ"),
    ('f', "ḟ"),
    ('g', "ĝğġģǧǵḡ"),
    ('h', "ĥȟḣḥḧḩḫẖħ"),
    ('i', "ìíîïĩīĭįǐȉȋḭḯỉịı"),
    ('j', "ĵǰ"),
    ('k', "ķǩḱḳḵ"),
    ('l', "ĺļľḷḹḻḽł"),
    ('m', "ḿṁṃ"),
    ('n', "ñńņňǹṅṇṉṋ"),
    ('o', "òóôõöōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợøǿ"),
    ('p', "ṕṗ"),
    ('r', "ŕŗřȑȓṙṛṝṟ"),
    ('s', "śŝşšșṡṣṥṧṩſẛ"),
    ('t', "ţťțṫṭṯṱẗ"),
    ('u', "ùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự"),
    ('v', "ṽṿ"),
    ('w', "ŵẁẃẅẇẉẘ"),
    ('x', "ẋẍ"),
    ('y', "ýÿŷȳẏẙỳỵỷỹ"),
    ('z', "źżžẑẓẕ"),
    ('α', "άἀἁἂἃἄἅἆἇὰάᾀᾁᾂᾃᾄᾅᾆᾇᾰᾱᾲᾳᾴᾶᾷ"),
    ('ε', "έἐἑἒἓἔἕὲέ"),
    ('η', "ήἠἡἢἣἤἥἦἧὴήᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ"),
    ('ι', "ΐίϊἰἱἲἳἴἵἶἷὶίιῐῑῒΐῖῗ"),
    ('ο', "όὀὁὂὃὄὅὸό"),
    ('υ', "ΰϋύὐὑὒὓὔὕὖὗὺύῠῡῢΰῦῧ"),
    ('ω', "ώὠὡὢὣὤὥὦὧὼώᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ"),
    ('е', "ѐё"),
];

/// From the full-width forms to ASCII.
const FULL_WIDTH: std::ops::RangeInclusive<u32> = 0xFF01..=0xFF5E;
const TO_ASCII: u32 = 0xFF01 - 0x21;

static BASES: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    ACCENTED.iter().flat_map(|&(base, accented)| accented.chars().map(move |letter| (letter, base))).collect()
});

/// Appends `word` as it is compared; nothing where it has only marks.
pub fn fold(word: &str, out: &mut String) {
    if word.is_ascii() {
        out.extend(word.bytes().take(LONGEST_WORD).map(|byte| char::from(byte.to_ascii_lowercase())));
        return;
    }
    for letter in word.chars().take(LONGEST_WORD).flat_map(char::to_lowercase) {
        fold_letter(letter, out);
    }
}

fn fold_letter(letter: char, out: &mut String) {
    match letter {
        letter if letter.is_ascii() => out.push(letter),
        letter if is_mark(letter) => {}
        'ß' => out.push_str("ss"),
        'æ' | 'ǣ' | 'ǽ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        'þ' => out.push_str("th"),
        'ς' => out.push('σ'),
        letter if FULL_WIDTH.contains(&u32::from(letter)) => {
            let ascii = char::from_u32(u32::from(letter) - TO_ASCII).unwrap_or(letter);
            out.push(ascii.to_ascii_lowercase());
        }
        letter => out.push(BASES.get(&letter).copied().unwrap_or(letter)),
    }
}

/// Accents that follow their letter, the vowel points of Hebrew and Arabic, and the stroke that makes Arabic words wider.
fn is_mark(letter: char) -> bool {
    matches!(
        u32::from(letter),
        0x300..=0x36F | 0x591..=0x5BD | 0x5BF..=0x5C7 | 0x610..=0x61A | 0x640 | 0x64B..=0x65F | 0x670
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(word: &str) -> String {
        let mut out = String::new();
        fold(word, &mut out);
        out
    }

    #[test]
    fn case_accents_and_width_make_no_other_word() {
        for (word, expected) in [
            ("Café", "cafe"),
            ("cafe\u{301}", "cafe"),
            ("STRASSE", "strasse"),
            ("Straße", "strasse"),
            ("Ærøskøbing", "aeroskobing"),
            ("Łódź", "lodz"),
            ("İstanbul", "istanbul"),
            ("Nguyễn", "nguyen"),
            ("ΛΌΓΟΣ", "λογοσ"),
            ("λόγος", "λογοσ"),
            ("Ёлка", "елка"),
            ("ＧＰＴ４", "gpt4"),
            ("كِتَاب", "كتاب"),
        ] {
            assert_eq!(folded(word), expected, "{word}");
        }
        assert_ne!(folded("мой"), folded("мои"));
    }

    #[test]
    fn what_is_too_long_for_a_word_is_compared_by_its_beginning() {
        assert_eq!(folded(&"A".repeat(1000)), "a".repeat(LONGEST_WORD));
        assert_eq!(folded(&"É".repeat(1000)), "e".repeat(LONGEST_WORD));
    }
}
