//! Counts the features of style of one text, in any script.

use std::collections::HashSet;

use super::hash::spread;
use super::language::is_ideographic;
use super::style_features::{Counted, FEATURES, LanguageWords};
use super::text_languages::is_acronym;

/// Longer texts show their style in this many bytes of their beginning.
const BYTES_READ: usize = 20_000;
/// What is counted per hundred words counts as a logarithm: the tenth line break says less than the first.
const RATE: f32 = 100.0;
/// Characters of a script without spaces that stand for a word.
const SIGNS_A_WORD: f32 = 2.0;
/// Letters of a long word at least, of a short one at most.
const LONG_WORD: usize = 9;
const SHORT_WORD: usize = 3;
/// Bytes of a name before a colon, at most.
const LABEL: usize = 30;
/// Letters at the end of a line that rhyme, and how many lines further a rhyme may be.
const RHYME_LETTERS: usize = 2;
const RHYME_LINES: usize = 2;
/// Words of a stretch in which repetition is looked for: in longer ones more returns, whatever the style (Covington &
/// McFall 2010).
const STRETCH: usize = 20;
/// A letter so many times in a row stretches a word.
const STRETCHED: usize = 3;

const APOSTROPHES: [char; 2] = ['\'', '’'];
const HYPHENS: [char; 4] = ['-', '‐', '–', '—'];
const SYMBOLS: &str = "&+=*/%$€£|~^<>\\_{}";

/// Written without spaces between words: Chinese, Japanese, Thai, Lao, Burmese, Khmer.
fn is_unspaced(c: char) -> bool {
    is_ideographic(c) || matches!(u32::from(c), 0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF)
}

/// A letter, a digit or a mark that belongs to one.
fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(u32::from(c), 0x0300..=0x036F | 0x0900..=0x0DFF) || is_unspaced(c)
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | '؟' | '।')
}

/// Words of a text.
#[derive(Default)]
struct Words {
    /// Hashes in lower case, in order.
    hashes: Vec<u64>,
    letters: usize,
    long: usize,
    short: usize,
    in_capitals: usize,
    capitalised: usize,
    with_apostrophe: usize,
    stretched: usize,
    binding: usize,
    first_person: usize,
    second_person: usize,
    /// Characters of scripts without spaces.
    signs: usize,
}

impl Words {
    fn of(text: &str, language: Option<&LanguageWords>) -> Self {
        let mut words = Self::default();
        let mut lower = String::new();
        let inside = |c: char| is_in_word(c) || APOSTROPHES.contains(&c) || c == '-';
        let outer = |c: char| !is_in_word(c);
        for word in text.split(|c| !inside(c)).map(|word| word.trim_matches(outer)).filter(|w| !w.is_empty())
        {
            let signs = word.chars().filter(|&c| is_unspaced(c)).count();
            if signs > 0 {
                words.signs += signs;
            } else {
                lower.clear();
                lower.extend(
                    word.chars().map(|c| if c == '’' { '\'' } else { c }).flat_map(char::to_lowercase),
                );
                words.add(word, &lower, language);
            }
        }
        words
    }

    fn add(&mut self, word: &str, lower: &str, language: Option<&LanguageWords>) {
        let letters = word.chars().count();
        self.hashes.push(lower.bytes().fold(0, |hash, byte| spread(hash ^ u64::from(byte) ^ 0x100)));
        self.letters += letters;
        self.long += usize::from(letters >= LONG_WORD);
        self.short += usize::from(letters <= SHORT_WORD);
        let acronym = is_acronym(word);
        self.in_capitals += usize::from(acronym);
        self.capitalised += usize::from(!acronym && word.starts_with(char::is_uppercase));
        self.with_apostrophe += usize::from(word.contains(APOSTROPHES));
        self.stretched += usize::from(is_stretched(lower));
        if let Some(language) = language {
            self.binding += usize::from(language.binding.contains(lower));
            // "j'ai", "I'm": the person is in the first part.
            let part = lower.split('\'').next().unwrap_or(lower);
            let has = |set: &HashSet<&str>| usize::from(set.contains(lower) || set.contains(part));
            self.first_person += has(&language.first);
            self.second_person += has(&language.second);
        }
    }

    /// How many words, or what stands for them.
    fn count(&self) -> f32 {
        self.hashes.len() as f32 + self.signs as f32 / SIGNS_A_WORD
    }

    /// Whether most of it is in words with spaces between.
    fn are_spaced(&self) -> bool {
        self.hashes.len() as f32 * SIGNS_A_WORD >= self.signs as f32 && !self.hashes.is_empty()
    }
}

fn is_stretched(word: &str) -> bool {
    let mut run = 0;
    let mut before = '\0';
    word.chars().any(|c| {
        run = if c == before && c.is_alphabetic() { run + 1 } else { 1 };
        before = c;
        run >= STRETCHED
    })
}

fn distinct(mut hashes: Vec<u64>) -> usize {
    hashes.sort_unstable();
    hashes.dedup();
    hashes.len()
}

/// The share of different ones in stretches of [`STRETCH`], their mean; none where there is no whole stretch.
fn variety(hashes: &[u64]) -> Option<f32> {
    let stretches = hashes.chunks_exact(STRETCH);
    let count = stretches.len();
    let different: usize = stretches.map(|stretch| distinct(stretch.to_vec())).sum();
    (count > 0).then(|| share(different, count * STRETCH))
}

fn share(part: usize, whole: usize) -> f32 {
    part as f32 / whole.max(1) as f32
}

/// The lines of a text that hold something.
struct Lines<'a> {
    /// With the space before them.
    lines: Vec<&'a str>,
    breaks: usize,
    blank: usize,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.trim_end();
        let all = text.lines();
        let lines: Vec<&str> = all.clone().filter(|line| !line.trim().is_empty()).collect();
        let count = all.count();
        Self { breaks: count.saturating_sub(1), blank: count - lines.len(), lines }
    }

    fn share(&self, of: impl Fn(&str) -> bool) -> f32 {
        share(self.lines.iter().filter(|line| of(line.trim())).count(), self.lines.len())
    }

    /// The standard deviation of their lengths as a share of their mean.
    fn unevenness(&self) -> f32 {
        let lengths: Vec<f32> = self.lines.iter().map(|line| line.chars().count() as f32).collect();
        let count = lengths.len().max(1) as f32;
        let mean = lengths.iter().sum::<f32>() / count;
        let variance = lengths.iter().map(|length| (length - mean).powi(2)).sum::<f32>() / count;
        variance.sqrt() / (mean + 1.0)
    }

    fn repeated_starts(&self) -> f32 {
        let starts = self.lines.iter().filter_map(|line| line.split_whitespace().next());
        let hash =
            |word: &str| word.chars().flat_map(char::to_lowercase).fold(0, |h, c| spread(h ^ u64::from(c)));
        1.0 - share(distinct(starts.map(hash).collect()), self.lines.len())
    }

    fn rhymes(&self) -> f32 {
        let end = |line: &&str| {
            let mut letters = line.chars().rev().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase);
            let end: Vec<char> = letters.by_ref().take(RHYME_LETTERS).collect();
            (end.len() == RHYME_LETTERS).then_some(end)
        };
        let ends: Vec<Option<Vec<char>>> = self.lines.iter().map(end).collect();
        let returns =
            |at: usize| ends[at].is_some() && ends[at + 1..].iter().take(RHYME_LINES).any(|e| *e == ends[at]);
        share((0..ends.len()).filter(|&at| returns(at)).count(), ends.len())
    }
}

fn has_case(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase()
}

fn is_in_capitals(line: &str) -> bool {
    line.chars().any(char::is_uppercase) && !line.chars().any(char::is_lowercase)
}

/// "ANNA: ", "Speaker 2 :".
fn is_labelled(line: &str) -> bool {
    line.split_once([':', '：']).is_some_and(|(name, rest)| {
        name.len() <= LABEL
            && name.starts_with(char::is_alphabetic)
            && (rest.is_empty() || rest.starts_with(char::is_whitespace) || line.contains('：'))
    })
}

fn is_listed(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = rest.len() < line.len() && rest.starts_with(['.', ')']);
    (numbered && rest[1..].starts_with(' '))
        || ["- ", "* ", "• ", "– "].iter().any(|bullet| line.starts_with(bullet))
}

/// How many sentences with a word in them: they end at a mark before a space or a quotation mark, and at blank lines.
fn sentences(text: &str) -> usize {
    let mut count = 0;
    let (mut words, mut ending, mut breaks) = (false, false, 0);
    for c in text.chars() {
        breaks = if c == '\n' {
            breaks + 1
        } else if c.is_whitespace() {
            breaks
        } else {
            0
        };
        let wide = matches!(c, '。' | '！' | '？');
        if words && (wide || breaks > 1 || (ending && !is_in_word(c) && !ends_sentence(c))) {
            count += 1;
            words = false;
        }
        ending = ends_sentence(c);
        words |= is_in_word(c);
    }
    count + usize::from(words)
}

fn count_links(text: &str) -> usize {
    text.matches("://").count() + text.matches("www.").count()
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x2600..=0x27BF | 0x1F000..=0x1FAFF)
}

/// Counts the features of `text`; `language` where it is known.
pub(super) fn counted(text: &str, language: Option<&LanguageWords>) -> Counted {
    let text = &text[..text.floor_char_boundary(BYTES_READ)];
    let words = Words::of(text, language);
    let lines = Lines::of(text);
    if lines.lines.is_empty() {
        return [None; FEATURES.len()];
    }
    let count = words.count().max(1.0);
    let rate = |number: usize| Some((RATE * number as f32 / count).ln_1p());
    let chars = |of: &dyn Fn(char) -> bool| text.chars().filter(|&c| of(c)).count();
    let marks: Vec<char> = text.chars().filter(|c| !c.is_alphanumeric() && !c.is_whitespace()).collect();
    let marked = |of: &dyn Fn(char) -> bool| rate(marks.iter().filter(|&&c| of(c)).count());
    let signs = |signs: &str| marked(&|c| signs.contains(c));
    let letters = chars(&char::is_alphabetic);

    let cased = text.chars().any(has_case);
    let where_cased = |value: f32| cased.then_some(value);
    let several = lines.lines.len() > 1;
    let in_lines = |value: f32| several.then_some(value);
    let spaced = words.are_spaced();
    let of_words = |number: usize| spaced.then(|| share(number, words.hashes.len()));
    let pairs: Vec<u64> =
        words.hashes.windows(2).map(|pair| spread(pair[0].rotate_left(23) ^ pair[1])).collect();
    let known = |set: bool, number: usize| if set { of_words(number) } else { None };

    [
        Some(count.ln()),
        rate(lines.breaks),
        rate(lines.blank),
        Some((count / lines.lines.len() as f32).ln()),
        in_lines(lines.unevenness()),
        Some(share(lines.lines.iter().filter(|l| l.starts_with([' ', '\t'])).count(), lines.lines.len())),
        where_cased(lines.share(|line| line.starts_with(char::is_uppercase))),
        Some(lines.share(|line| line.ends_with(is_in_word))),
        Some(lines.share(|line| line.ends_with([',', '，', '、']))),
        where_cased(lines.share(is_in_capitals)),
        Some(lines.share(is_labelled)),
        signs("([（【「"),
        if cased { of_words(words.in_capitals) } else { None },
        if cased { of_words(words.capitalised) } else { None },
        where_cased(share(chars(&char::is_uppercase), letters)),
        where_cased(f32::from(u8::from(text.trim_start().starts_with(char::is_lowercase)))),
        signs("!¡！"),
        signs("?¿？؟"),
        signs(",，、،"),
        signs(".。।"),
        signs(":："),
        signs(";；؛"),
        marked(&|c| HYPHENS.contains(&c)),
        signs("\"“”«»„『』"),
        marked(&|c| APOSTROPHES.contains(&c)),
        rate(text.matches("...").count() + text.matches('…').count()),
        signs("#＃"),
        signs("@＠"),
        signs(SYMBOLS),
        marked(&is_emoji),
        rate(count_links(text)),
        rate(chars(&char::is_numeric)),
        spaced.then(|| share(words.letters, words.hashes.len())),
        of_words(words.long),
        of_words(words.short),
        Some((count / sentences(text).max(1) as f32).ln()),
        if spaced { variety(&words.hashes) } else { None },
        if spaced { variety(&pairs).map(|variety| 1.0 - variety) } else { None },
        in_lines(lines.repeated_starts()),
        in_lines(lines.rhymes()),
        of_words(words.with_apostrophe),
        of_words(words.stretched),
        known(language.is_some_and(|language| !language.binding.is_empty()), words.binding),
        known(language.is_some_and(|language| !language.first.is_empty()), words.first_person),
        known(language.is_some_and(|language| !language.second.is_empty()), words.second_person),
        Some(lines.share(is_listed)),
    ]
}
