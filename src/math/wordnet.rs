//! WordNet (Miller 1995; Fellbaum 1998): which words mean the same, and what is a kind of what.
//!
//! A *synset* is a set of words that share a sense. Only what the app asks of it is kept, in the form that
//! `assets/wordnet/convert.py` writes and describes; where the file lies is for [`crate::model`] to know.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Range;

use super::wordnet_form::{Form, read};

/// The form of the file does not hold; what follows says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(pub(super) &'static str);

/// Words that share a sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Synset(u32);

/// What is told apart of parts of speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Noun,
    Verb,
    Adjective,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Noun, Self::Verb, Self::Adjective];
}

/// The fields into which WordNet's lexicographers divided their work, by number: lexnames(5WN).
pub(super) const FIELDS: [&str; 45] = [
    "adj.all",
    "adj.pert",
    "adv.all",
    "noun.Tops",
    "noun.act",
    "noun.animal",
    "noun.artifact",
    "noun.attribute",
    "noun.body",
    "noun.cognition",
    "noun.communication",
    "noun.event",
    "noun.feeling",
    "noun.food",
    "noun.group",
    "noun.location",
    "noun.motive",
    "noun.object",
    "noun.person",
    "noun.phenomenon",
    "noun.plant",
    "noun.possession",
    "noun.process",
    "noun.quantity",
    "noun.relation",
    "noun.shape",
    "noun.state",
    "noun.substance",
    "noun.time",
    "verb.body",
    "verb.change",
    "verb.cognition",
    "verb.communication",
    "verb.competition",
    "verb.consumption",
    "verb.contact",
    "verb.creation",
    "verb.emotion",
    "verb.motion",
    "verb.perception",
    "verb.possession",
    "verb.social",
    "verb.stative",
    "verb.weather",
    "adj.ppl",
];

pub(super) const NOUN_FIELDS: Range<u8> = 3..29;
const VERB_FIELDS: Range<u8> = 29..44;

/// The endings that are taken off, and what takes their place, as WordNet's own morphology has them (morphy(7WN)).
const NOUN_ENDINGS: &[(&str, &str)] = &[
    ("s", ""),
    ("ses", "s"),
    ("ves", "f"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
];
const VERB_ENDINGS: &[(&str, &str)] =
    &[("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")];
const ADJECTIVE_ENDINGS: &[(&str, &str)] = &[("er", ""), ("est", ""), ("er", "e"), ("est", "e")];

/// The words and their relations, in some 8 MB.
pub struct WordNet(Form);

impl WordNet {
    /// Reads the unzipped file. What is damaged is an error; nothing in it is believed unchecked.
    pub fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        Ok(Self(read(bytes)?))
    }

    /// How many synsets there are.
    pub fn len(&self) -> usize {
        self.0.fields.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.fields.is_empty()
    }

    /// The entries of a lemma: one, or several that differ in case only ("polish", "Polish").
    fn entries<'a>(&'a self, lemma: &'a str) -> impl Iterator<Item = usize> + 'a {
        let compared = move |at: usize| {
            // In the order of the file, which knows no other lower case.
            self.0.words.get(at).bytes().map(|byte| byte.to_ascii_lowercase()).cmp(lemma.bytes())
        };
        let (mut first, mut end) = (0, self.0.words.len());
        while first < end {
            let middle = first + (end - first) / 2;
            if compared(middle) == Ordering::Less {
                first = middle + 1;
            } else {
                end = middle;
            }
        }
        (first..self.0.words.len()).take_while(move |&at| compared(at) == Ordering::Equal)
    }

    fn senses_of_lemma(&self, lemma: &str, kind: Kind) -> Vec<(Synset, u8)> {
        let senses = |entry: usize| {
            let tagged = &self.0.tagged[self.0.senses.range(entry)];
            self.0.senses.get(entry).iter().map(|&synset| Synset(synset)).zip(tagged.iter().copied())
        };
        let mut found: Vec<_> =
            self.entries(lemma).flat_map(senses).filter(|(synset, _)| self.kind(*synset) == kind).collect();
        if self.entries(lemma).nth(1).is_some() {
            // Each entry is in order of frequency; the sort keeps that.
            found.sort_by_key(|(_, tagged)| std::cmp::Reverse(*tagged));
        }
        found
    }

    /// The base forms of a word that are known as such a part of speech: the word itself first.
    pub fn bases(&self, word: &str, kind: Kind) -> Vec<String> {
        let word = spaced(word);
        let mut bases = Vec::new();
        let mut add = |base: &str| {
            if !bases.iter().any(|known| known == base) && !self.senses_of_lemma(base, kind).is_empty() {
                bases.push(base.to_owned());
            }
        };
        add(&word);
        let forms = &self.0.irregular[kind as usize];
        let first = forms.partition_point(|(form, _)| form.as_ref() < word.as_str());
        let irregular: Vec<_> = forms[first..].iter().take_while(|(form, _)| **form == *word).collect();
        irregular.iter().for_each(|(_, base)| add(base));
        if !irregular.is_empty() {
            return bases;
        }
        let endings = match kind {
            // "boss" is no plural.
            Kind::Noun if word.ends_with("ss") || word.len() <= 2 => &[],
            Kind::Noun => NOUN_ENDINGS,
            Kind::Verb => VERB_ENDINGS,
            Kind::Adjective => ADJECTIVE_ENDINGS,
        };
        for (ending, instead) in endings {
            if let Some(stem) = word.strip_suffix(ending).filter(|stem| !stem.is_empty()) {
                add(&format!("{stem}{instead}"));
            }
        }
        bases
    }

    /// Whether some form of the word is known as such a part of speech.
    pub fn knows(&self, word: &str, kind: Kind) -> bool {
        !self.bases(word, kind).is_empty()
    }

    /// The senses of a word in any form and case, commonest first; the word's own before those of its base forms.
    pub fn senses(&self, word: &str, kind: Kind) -> Vec<Synset> {
        let mut senses = Vec::new();
        for base in self.bases(word, kind) {
            for (synset, _) in self.senses_of_lemma(&base, kind) {
                if !senses.contains(&synset) {
                    senses.push(synset);
                }
            }
        }
        senses
    }

    /// How often a word (a lemma) was met as such a part of speech in the texts that WordNet's makers tagged: the bits
    /// of the count of its commonest sense, 0 for never.
    pub fn frequency(&self, lemma: &str, kind: Kind) -> u8 {
        self.senses_of_lemma(lemma, kind).iter().map(|(_, tagged)| *tagged).max().unwrap_or(0)
    }

    /// The words of a synset as they are written, the commonest first.
    pub fn words(&self, synset: Synset) -> impl Iterator<Item = &str> {
        self.0.members.get(synset.0 as usize).iter().map(|&word| self.0.words.get(word as usize))
    }

    /// The word that names a synset best.
    pub fn name(&self, synset: Synset) -> &str {
        self.words(synset).next().unwrap_or("")
    }

    pub fn kind(&self, synset: Synset) -> Kind {
        match self.0.fields[synset.0 as usize] {
            field if NOUN_FIELDS.contains(&field) => Kind::Noun,
            field if VERB_FIELDS.contains(&field) => Kind::Verb,
            _ => Kind::Adjective,
        }
    }

    /// The broad field of a synset: "noun.food", "verb.emotion" …
    pub fn field(&self, synset: Synset) -> &'static str {
        FIELDS[usize::from(self.0.fields[synset.0 as usize])]
    }

    /// What leads from a synset of these parts of speech.
    fn links(&self, synset: Synset, of_nouns: bool) -> impl Iterator<Item = Synset> {
        let fits = (self.kind(synset) == Kind::Noun) == of_nouns;
        self.0.links.get(synset.0 as usize).iter().filter(move |_| fits).map(|&link| Synset(link))
    }

    /// What a noun's synset is directly a kind (or an instance) of.
    pub fn hypernyms(&self, synset: Synset) -> impl Iterator<Item = Synset> {
        self.links(synset, true)
    }

    /// The nouns' synsets that are derived from a verb's or an adjective's synset: "complaint" from "complain",
    /// "anger" from "angry".
    pub fn derived(&self, synset: Synset) -> impl Iterator<Item = Synset> {
        self.links(synset, false)
    }

    /// From a synset's hypernym up to the root, by the first hypernym of each; without the synset itself.
    pub fn hypernym_path(&self, synset: Synset) -> Vec<Synset> {
        let mut path = Vec::new();
        let mut at = synset;
        while let Some(above) = self.hypernyms(at).next().filter(|above| !path.contains(above)) {
            path.push(above);
            at = above;
        }
        path
    }

    /// All that is a kind of a synset, with the number of steps down (from 1), nearest first; each once.
    pub fn hyponyms(&self, synset: Synset) -> Vec<(Synset, u32)> {
        let mut found = vec![(synset, 0)];
        let mut seen = BTreeSet::from([synset]);
        let mut next = 0;
        while let Some(&(at, depth)) = found.get(next) {
            let below = self.0.hyponyms.get(at.0 as usize).iter().map(|&below| Synset(below));
            found.extend(below.filter(|&below| seen.insert(below)).map(|below| (below, depth + 1)));
            next += 1;
        }
        found.remove(0);
        found
    }

    /// Whether `synset` is `above` or some kind of it.
    pub fn is_a(&self, synset: Synset, above: Synset) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![synset];
        while let Some(at) = open.pop() {
            if at == above {
                return true;
            }
            open.extend(self.hypernyms(at).filter(|&hypernym| seen.insert(hypernym)));
        }
        false
    }

    /// The words that share a sense with any form of `word`, as any part of speech, those of commoner senses first;
    /// without the word itself.
    pub fn synonyms(&self, word: &str) -> Vec<&str> {
        let word = spaced(word);
        let mut found: Vec<&str> = Vec::new();
        for kind in Kind::ALL {
            let bases = self.bases(&word, kind);
            for synset in self.senses(&word, kind) {
                for other in self.words(synset) {
                    let own = bases.iter().any(|base| base.eq_ignore_ascii_case(other));
                    if !own && !found.contains(&other) {
                        found.push(other);
                    }
                }
            }
        }
        found
    }
}

/// In lower case, with single spaces between words.
fn spaced(word: &str) -> String {
    let words = word.split(|c: char| c.is_whitespace() || c == '_').filter(|part| !part.is_empty());
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}
