//! The form in which WordNet is shipped, which `assets/wordnet/convert.py` describes. Everything in it is checked.

use std::ops::Range;

use super::wordnet::{Damaged, FIELDS, NOUN_FIELDS};

const MAGIC: &[u8] = b"semascope wordnet 1\n";
/// Ends the irregular forms of a part of speech.
const END: &str = ".";

/// Strings one after the other.
#[derive(Default)]
pub(super) struct Words {
    text: String,
    ends: Vec<u32>,
}

impl Words {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[at] as usize]
    }
}

/// A list of numbers for each of some things.
pub(super) struct Lists {
    /// One more than there are lists.
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    fn of(counts: &[u32], items: Vec<u32>) -> Self {
        let mut starts = Vec::with_capacity(counts.len() + 1);
        starts.push(0);
        starts.extend(counts.iter().scan(0, |end, count| {
            *end += count;
            Some(*end)
        }));
        Self { starts, items }
    }

    /// Groups values by the list they belong to; those of a list keep their order.
    fn grouped(lists: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut counts = vec![0; lists];
        pairs.clone().for_each(|(list, _)| counts[list as usize] += 1);
        let mut grouped = Self::of(&counts, Vec::new());
        let mut next = grouped.starts.clone();
        grouped.items = vec![0; pairs.clone().count()];
        for (list, value) in pairs {
            let at = &mut next[list as usize];
            grouped.items[*at as usize] = value;
            *at += 1;
        }
        grouped
    }

    pub(super) fn range(&self, list: usize) -> Range<usize> {
        self.starts[list] as usize..self.starts[list + 1] as usize
    }

    pub(super) fn get(&self, list: usize) -> &[u32] {
        &self.items[self.range(list)]
    }

    /// (list, value) of all lists.
    fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + Clone {
        (0..self.starts.len() - 1)
            .flat_map(|list| self.get(list).iter().map(move |&item| (list as u32, item)))
    }
}

/// An irregular form and its base.
pub(super) type Irregular = (Box<str>, Box<str>);

/// What the file holds.
pub(super) struct Form {
    pub(super) words: Words,
    /// The synsets of each word: of a part of speech the commonest sense first.
    pub(super) senses: Lists,
    /// Bits of the number of times each sense was tagged, in the order of `senses`.
    pub(super) tagged: Vec<u8>,
    /// The words of each synset, as WordNet orders them.
    pub(super) members: Lists,
    /// The field of each synset: a place in [`FIELDS`].
    pub(super) fields: Vec<u8>,
    /// Of each synset: the hypernyms of a noun, the derived nouns of another.
    pub(super) links: Lists,
    pub(super) hyponyms: Lists,
    /// Sorted (form, base), a part of speech.
    pub(super) irregular: [Vec<Irregular>; 3],
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn number(&mut self) -> Result<u32, Damaged> {
        let mut number = 0u32;
        for shift in (0..32).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Damaged("it ends too early"))?;
            self.0 = rest;
            number |= u32::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(number);
            }
        }
        Err(Damaged("a number is too large"))
    }

    fn numbers(&mut self, count: usize) -> Result<Vec<u32>, Damaged> {
        // Each takes a byte at least: no count makes more memory than the file has bytes.
        if count > self.0.len() {
            return Err(Damaged("it ends too early"));
        }
        (0..count).map(|_| self.number()).collect()
    }

    fn small(&mut self, count: usize) -> Result<Vec<u8>, Damaged> {
        let numbers = self.numbers(count)?;
        let small = numbers.into_iter().map(u8::try_from).collect::<Result<_, _>>();
        small.map_err(|_| Damaged("a number is too large"))
    }

    fn line(&mut self) -> Result<&'a str, Damaged> {
        let end = self.0.iter().position(|&byte| byte == b'\n').ok_or(Damaged("it ends too early"))?;
        let (line, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        std::str::from_utf8(line).map_err(|_| Damaged("a word is not in UTF-8"))
    }
}

fn sum(counts: &[u32]) -> Result<usize, Damaged> {
    let sum = counts.iter().map(|&count| u64::from(count)).sum::<u64>();
    u32::try_from(sum).map(|sum| sum as usize).map_err(|_| Damaged("a number is too large"))
}

fn words(bytes: &mut Bytes, count: usize) -> Result<Words, Damaged> {
    let mut words = Words::default();
    for at in 0..count {
        let shared = bytes.number()? as usize;
        let rest = bytes.line()?;
        let before = if at == 0 { "" } else { words.get(at - 1) };
        let start = words.text.len() - before.len();
        if !before.is_char_boundary(shared) || u32::try_from(words.text.len() + shared + rest.len()).is_err()
        {
            return Err(Damaged("the words make no sense"));
        }
        words.text.extend_from_within(start..start + shared);
        words.text.push_str(rest);
        words.ends.push(words.text.len() as u32);
    }
    let lower = |at| words.get(at).bytes().map(|byte| byte.to_ascii_lowercase());
    let sorted = (1..count).all(|at| lower(at - 1).le(lower(at)));
    if sorted { Ok(words) } else { Err(Damaged("the words are not in order")) }
}

/// Senses as they are written: 0 for the next synset, else 1 + a synset that was named before.
fn synsets(bytes: &mut Bytes, senses: usize, count: usize) -> Result<Vec<u32>, Damaged> {
    let mut named = 0;
    let mut found = bytes.numbers(senses)?;
    for sense in &mut found {
        *sense = match *sense {
            0 => named,
            back if back <= named => back - 1,
            _ => return Err(Damaged("a sense leads nowhere")),
        };
        named = named.max(*sense + 1);
    }
    if named as usize == count { Ok(found) } else { Err(Damaged("the senses do not name every synset")) }
}

/// The words of each synset from the synsets of each word and the word's position in each.
fn members(senses: &Lists, positions: &[u32], synsets: usize) -> Result<Lists, Damaged> {
    let mut counts = vec![0; synsets];
    senses.items.iter().for_each(|&synset| counts[synset as usize] += 1);
    let mut members = Lists::of(&counts, vec![u32::MAX; senses.items.len()]);
    for ((word, synset), &position) in senses.pairs().zip(positions) {
        let range = members.range(synset as usize);
        match members.items[range].get_mut(position as usize) {
            Some(free) if *free == u32::MAX => *free = word,
            _ => return Err(Damaged("a synset's words make no sense")),
        }
    }
    Ok(members)
}

fn links(bytes: &mut Bytes, fields: &[u8]) -> Result<Lists, Damaged> {
    let counts = bytes.numbers(fields.len())?;
    let found = bytes.numbers(sum(&counts)?)?;
    let noun = |&link: &u32| fields.get(link as usize).is_some_and(|field| NOUN_FIELDS.contains(field));
    if found.iter().all(noun) { Ok(Lists::of(&counts, found)) } else { Err(Damaged("a link leads nowhere")) }
}

fn irregular(bytes: &mut Bytes) -> Result<Vec<Irregular>, Damaged> {
    let mut found = Vec::new();
    loop {
        let line = bytes.line()?;
        if line == END {
            break;
        }
        let (form, base) = line.split_once(' ').ok_or(Damaged("an irregular form has no base"))?;
        found.push((form.into(), base.into()));
    }
    if found.is_sorted() { Ok(found) } else { Err(Damaged("the irregular forms are not in order")) }
}

pub(super) fn read(bytes: &[u8]) -> Result<Form, Damaged> {
    let mut bytes = Bytes(bytes.strip_prefix(MAGIC).ok_or(Damaged("it is of another form or version"))?);
    let word_count = bytes.number()? as usize;
    let synset_count = bytes.number()? as usize;
    let words = words(&mut bytes, word_count)?;
    let counts = bytes.numbers(word_count)?;
    let sense_count = sum(&counts)?;
    let senses = Lists::of(&counts, synsets(&mut bytes, sense_count, synset_count)?);
    let positions = bytes.numbers(sense_count)?;
    let tagged = bytes.small(sense_count)?;

    let members = members(&senses, &positions, synset_count)?;
    let fields = bytes.small(synset_count)?;
    if fields.iter().any(|&field| usize::from(field) >= FIELDS.len()) {
        return Err(Damaged("a synset has no part of speech"));
    }
    let links = links(&mut bytes, &fields)?;
    let hypernyms = links.pairs().filter(|&(synset, _)| NOUN_FIELDS.contains(&fields[synset as usize]));
    let hyponyms = Lists::grouped(synset_count, hypernyms.map(|(below, above)| (above, below)));
    let irregular = [irregular(&mut bytes)?, irregular(&mut bytes)?, irregular(&mut bytes)?];
    if !bytes.0.is_empty() {
        return Err(Damaged("it goes on after its end"));
    }
    Ok(Form { words, senses, tagged, members, fields, links, hyponyms, irregular })
}
