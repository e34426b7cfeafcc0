//! The WordNet that comes with the app.

use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;

use flate2::read::GzDecoder;

use super::{ModelError, assets_dir};
use crate::math::wordnet::WordNet;

/// Below the folder of assets.
const FILE: &str = "wordnet/wordnet.bin.gz";
/// The file unzipped has 2.7 MB; something that swells far beyond is another file.
const LARGEST: u64 = 64 << 20;

/// WordNet, read when it is first asked for (some 40 ms) and kept. What can be done without words' relations is done
/// without where this fails: a later call tries again.
pub fn wordnet() -> Result<&'static WordNet, ModelError> {
    static READ: OnceLock<WordNet> = OnceLock::new();
    if let Some(read) = READ.get() {
        return Ok(read);
    }
    let read = open(&assets_dir()?.join(FILE))?;
    Ok(READ.get_or_init(|| read))
}

fn open(path: &Path) -> Result<WordNet, ModelError> {
    let damaged = |cause: String| ModelError::Unusable {
        file: path.to_owned(),
        cause: format!(
            "this is not the list of words that Semascope came with ({cause}); reinstall Semascope"
        ),
    };
    let zipped = std::fs::read(path).map_err(|error| ModelError::unreadable(path, error))?;
    let mut bytes = Vec::new();
    GzDecoder::new(zipped.as_slice())
        .take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(|error| damaged(error.to_string()))?;
    WordNet::read(&bytes).map_err(|error| damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::wordnet::{Kind, Synset};
    use proptest::prelude::*;

    fn noun(word: &str) -> Synset {
        wordnet().unwrap().senses(word, Kind::Noun)[0]
    }

    fn kinds_of(word: &str) -> Vec<&'static str> {
        let words = wordnet().unwrap();
        words.hyponyms(noun(word)).into_iter().flat_map(|(synset, _)| words.words(synset)).collect()
    }

    #[test]
    fn a_word_is_found_in_any_form_and_case() {
        let words = wordnet().unwrap();
        for (form, base) in [
            ("complaints", "complaint"),
            ("Boxes", "box"),
            ("stories", "story"),
            ("knives", "knife"),
            ("women", "woman"),
            ("mice", "mouse"),
            ("aardwolves", "aardwolf"),
            ("writing styles", "writing style"),
            ("part_of_speech", "part of speech"),
            ("boss", "boss"),
        ] {
            assert!(words.bases(form, Kind::Noun).contains(&base.to_owned()), "{form}");
        }
        assert_eq!(words.bases("complained", Kind::Verb), ["complain"]);
        assert_eq!(words.bases("went", Kind::Verb), ["go"]);
        assert_eq!(words.bases("angriest", Kind::Adjective), ["angry"]);
        assert_eq!(words.senses("FRENCH", Kind::Noun), words.senses("French", Kind::Noun));
        assert_eq!(words.bases("qwxzv", Kind::Noun), [""; 0]);
    }

    #[test]
    fn senses_come_commonest_first_and_in_their_field() {
        let words = wordnet().unwrap();
        let senses = words.senses("sport", Kind::Noun);
        assert_eq!(senses.len(), 7);
        assert_eq!(words.words(senses[0]).collect::<Vec<_>>(), ["sport", "athletics"]);
        assert_eq!(words.field(senses[0]), "noun.act");
        assert_eq!(words.field(noun("anger")), "noun.feeling");
        assert!(words.frequency("sport", Kind::Noun) > words.frequency("curling", Kind::Noun));
    }

    #[test]
    fn words_of_one_spelling_keep_their_own_case() {
        let words = wordnet().unwrap();
        let names: Vec<&str> =
            words.senses("polish", Kind::Noun).into_iter().map(|sense| words.name(sense)).collect();
        assert!(names.contains(&"Polish") && names.contains(&"polish"), "{names:?}");
    }

    #[test]
    fn synonyms_share_a_sense_whatever_the_part_of_speech() {
        let words = wordnet().unwrap();
        for (word, synonym) in [
            ("cars", "automobile"),
            ("sport", "athletics"),
            ("angry", "furious"),
            ("begins", "start"),
            ("novel", "new"),
            ("productivity", "productiveness"),
        ] {
            assert!(words.synonyms(word).contains(&synonym), "{word}: {:?}", words.synonyms(word));
        }
        assert!(!words.synonyms("cars").contains(&"car"));
    }

    #[test]
    fn the_kinds_of_a_thing_are_found_at_every_depth_and_instances_with_them() {
        for (above, below) in [
            ("sport", "ice hockey"),
            ("sport", "basketball"),
            ("emotion", "anger"),
            ("language", "German"),
            ("occupation", "carpentry"),
            ("river", "Danube"),
            ("disease", "influenza"),
            ("vehicle", "bicycle"),
        ] {
            assert!(kinds_of(above).contains(&below), "{below} is a kind of {above}");
        }
        let words = wordnet().unwrap();
        let found = words.hyponyms(noun("sport"));
        assert!(found.is_sorted_by_key(|(_, depth)| *depth) && found[0].1 == 1);
        assert!(found.iter().all(|(synset, _)| words.is_a(*synset, noun("sport"))));
    }

    #[test]
    fn the_way_up_from_a_word_ends_in_entity() {
        let words = wordnet().unwrap();
        let path: Vec<&str> = words.hypernym_path(noun("dog")).iter().map(|&s| words.name(s)).collect();
        assert!(path.contains(&"animal") && path.last() == Some(&"entity"), "{path:?}");
    }

    #[test]
    fn a_damaged_file_is_told_from_a_missing_one_and_both_name_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wordnet.bin.gz");
        assert!(matches!(open(&path), Err(ModelError::Unreadable { .. })));
        let whole = std::fs::read(assets_dir().unwrap().join(FILE)).unwrap();
        for damaged in [&whole[..whole.len() / 2], b"no such file", b""] {
            std::fs::write(&path, damaged).unwrap();
            let Err(error) = open(&path) else { panic!("a damaged file was read") };
            let told = error.to_string();
            assert!(told.contains("wordnet.bin.gz") && told.contains("reinstall"), "{told}");
        }
    }

    #[test]
    fn any_byte_changed_inside_gives_an_error_or_words_that_can_be_asked_for() {
        let path = assets_dir().unwrap().join(FILE);
        let mut whole = Vec::new();
        GzDecoder::new(std::fs::read(path).unwrap().as_slice()).read_to_end(&mut whole).unwrap();
        for step in 0..24 {
            let mut changed = whole.clone();
            let at = step * (changed.len() - 1) / 23;
            changed[at] ^= 0x41;
            if let Ok(words) = WordNet::read(&changed) {
                for sense in words.senses("sport", Kind::Noun) {
                    words.hypernym_path(sense);
                    words.hyponyms(sense);
                }
                words.synonyms("sports");
            }
            assert!(WordNet::read(&whole[..at]).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn any_word_can_be_asked_for(word in r"\PC{0,12}|[a-z _'.-]{0,14}(s|es|men|ies|ing|er)?") {
            let words = wordnet().unwrap();
            words.synonyms(&word);
            for kind in Kind::ALL {
                for sense in words.senses(&word, kind) {
                    prop_assert_eq!(words.kind(sense), kind);
                    prop_assert!(!words.name(sense).is_empty());
                    words.derived(sense).for_each(|noun| assert_eq!(words.kind(noun), Kind::Noun));
                }
            }
        }
    }
}
