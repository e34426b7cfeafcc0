//! Says how fast a selection is told apart, how well and how fast duplicates are found, and how well topics by keywords
//! find the classes that people made.
//!
//!     cargo bench --profile dev --bench similar -- special FILE TEXT
//!     cargo bench --profile dev --bench similar -- duplicates FILE TEXT [V.npy KNN]
//!     cargo bench --profile dev --bench similar -- keywords [FOLDER] [V.npy]
//!     cargo bench --profile dev --bench similar -- outliers KNN
//!
//! `special`: seconds and findings for selections of a half, a hundredth and a thousandth. `duplicates`: a hundredth of the
//! documents are overwritten by copies of others with a small edit (a typo, another number, a word more), some with 25
//! copies each; prints how many are found, how alike groups are within, and seconds. With vectors and the folder of the
//! `knn` command neighbours take part; they are those of the documents before they were overwritten, so that no copy is
//! found by its vector. `keywords`: macro-F1 and mean AUC of Lbl2Vec on ag_news (the folder of `ag_news_test.jsonl` and
//! `labels.csv`; default `../shared/data/ag_news`), with and without neighbours. `outliers`: seconds for a graph that `knn`
//! wrote.

#[path = "../tests/common/texts.rs"]
mod texts;

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use semascope::data::{Corpus, Key, KeywordTopic, Knn, Mask, Recall, Typed};
use semascope::embed::EmbedParams;
use semascope::io::cache::Cache;
use semascope::io::npy;
use semascope::io::read::ReadOptions;
use semascope::job::Ctx;
use semascope::math::duplicate_groups::Groups;
use semascope::math::duplicates::{Duplicates, Keep, Likeness};
use semascope::math::edit_distance::share_alike;
use semascope::math::folded_text::folded;
use semascope::math::keyword_topics::KeywordParams;
use semascope::math::local_outlier::OUTLIER;
use semascope::math::neighbours::NeighbourParams;
use semascope::math::random::Random;
use semascope::model::DevicePreference;
use semascope::stage::keyword_topics;
use semascope::stage::special::{self, SpecialParams};
use semascope::stage::{Computers, Params, Tools, duplicates, embed, neighbours, open, outliers};

fn main() -> Result<()> {
    // `cargo bench` adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["special", file, text] => special_of(Path::new(file), text),
        ["duplicates", file, text] => duplicates_of(Path::new(file), text, None),
        ["duplicates", file, text, vectors, knn] => {
            duplicates_of(Path::new(file), text, Some((Path::new(vectors), Path::new(knn))))
        }
        ["keywords", ref rest @ ..] => {
            let folder = rest.first().map_or("../shared/data/ag_news", |folder| folder);
            keywords_of(Path::new(folder), rest.get(1).map(Path::new))
        }
        ["outliers", knn] => {
            let knn = read_knn(Path::new(knn))?;
            let (found, seconds) = timed(|| outliers::run(&knn, &Ctx::quiet()));
            let apart = found?.factors.iter().filter(|factor| **factor > OUTLIER).count();
            println!("{} points: {seconds:.2} s, {apart} outliers", knn.len());
            Ok(())
        }
        _ => bail!("say special, duplicates, keywords or outliers; the beginning of this file says how"),
    }
}

fn read(file: &Path, text: &str) -> Result<Corpus> {
    let options = ReadOptions { text_columns: Some(vec![text.to_owned()]), ..ReadOptions::default() };
    Ok(open::corpus(file, &options, &Ctx::quiet())?)
}

/// Selections of a half, a hundredth and a thousandth of the documents, in a row as they stand in the file.
fn special_of(file: &Path, text: &str) -> Result<()> {
    let corpus = read(file, text)?;
    for part in [2, 100, 1000] {
        let (from, to) = (corpus.len() / 3, corpus.len() / 3 + corpus.len() / part);
        let selection = Mask::of_fn(corpus.len(), |i| (from..to).contains(&i));
        let started = Instant::now();
        let found = special::run(&corpus, &selection, None, SpecialParams::default(), &Ctx::quiet())?;
        let seconds = started.elapsed().as_secs_f64();
        let Ok(found) = found else { bail!("{found:?}") };
        println!(
            "{} of {}: {seconds:.2} s, {} terms and {} values compared",
            found.inside.documents,
            corpus.len(),
            found.tested_terms,
            found.tested_values
        );
        for term in found.terms.iter().take(12) {
            let (inside, outside) = (term.contrast.inside.with, term.contrast.outside.with);
            println!(
                "  {} ({inside}:{outside}, lift {:.1}, log odds {:.2}, z {:.0})",
                term.term, term.lift, term.log_odds, term.z
            );
        }
        for value in found.values.iter().take(8) {
            println!("  {}: {:.2} {:?}", corpus.columns[value.column].name, value.effect, value.shown);
        }
    }
    Ok(())
}

fn read_knn(folder: &Path) -> Result<Knn> {
    let (_, k, indices) = npy::read_u32(&folder.join("indices.npy"))?;
    let (_, _, similarities) = npy::read_f32(&folder.join("similarities.npy"))?;
    let key = Key::of("bench", 1).finish();
    Ok(Knn { key, k, indices, similarities, recall: Recall::Exact, method: "given".into() })
}

/// What was done to a copy.
const EDITS: [&str; 3] = ["typo", "number", "word"];

/// A copy of `text` with one small edit.
fn edited(text: &str, edit: &str, random: &mut Random) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let words: Vec<&str> = text.split(' ').collect();
    let digits: Vec<usize> = (0..letters.len()).filter(|&at| letters[at].is_ascii_digit()).collect();
    let letter = |random: &mut Random| char::from(b'a' + random.below(26) as u8);
    match edit {
        "number" if digits.is_empty() => format!("{text} {}", 2 + random.below(98)),
        "number" => {
            let at = digits[random.below(digits.len())];
            let digit = letters[at].to_digit(10).unwrap_or_default();
            letters[at] = char::from_digit((digit + 1 + random.below(9) as u32) % 10, 10).unwrap_or('0');
            letters.into_iter().collect()
        }
        "word" => {
            const MORE: [&str; 8] = ["really", "very", "new", "today", "again", "just", "old", "please"];
            let mut words = words;
            words.insert(random.below(words.len() + 1), MORE[random.below(MORE.len())]);
            words.join(" ")
        }
        _ => {
            let at = random.below(letters.len().max(1));
            match random.below(4) {
                0 if letters.len() > 1 => drop(letters.remove(at)),
                1 => letters.insert(at, letter(random)),
                2 if at + 1 < letters.len() => letters.swap(at, at + 1),
                _ => letters[at] = letter(random),
            }
            letters.into_iter().collect()
        }
    }
}

/// A copy that was put in.
struct Planted {
    source: u32,
    copy: u32,
    edit: &'static str,
}

/// Overwrites a hundredth of the texts by edited copies of others; texts have eight letters at least.
fn plant(texts: &mut [String]) -> Vec<Planted> {
    let mut random = Random::new(7);
    let mut order: Vec<u32> = (0..texts.len() as u32).collect();
    random.shuffle(&mut order);
    let copies = texts.len() / 100;
    let (overwritten, rest) = order.split_at(copies);
    let mut sources = rest
        .iter()
        .copied()
        .filter(|&i| folded(&texts[i as usize]).chars().count() >= 8)
        .collect::<Vec<_>>()
        .into_iter();
    let mut planted = Vec::new();
    // Half of the copies one by one, half by 25 of one source.
    let mut source = 0;
    for (at, &copy) in overwritten.iter().enumerate() {
        if at < copies / 2 || at % 25 == 0 {
            source = sources.next().unwrap_or_default();
        }
        let edit = EDITS[at % EDITS.len()];
        texts[copy as usize] = edited(&texts[source as usize], edit, &mut random);
        planted.push(Planted { source, copy, edit });
    }
    planted
}

fn duplicates_of(file: &Path, text: &str, space: Option<(&Path, &Path)>) -> Result<()> {
    let mut texts: Vec<String> = {
        let corpus = read(file, text)?;
        (0..corpus.len()).map(|i| corpus.text(i).into_owned()).collect()
    };
    let planted = plant(&mut texts);
    let corpus = texts::corpus(&texts);
    let space = match space {
        None => None,
        Some((vectors, folder)) => Some((npy::read_matrix(vectors)?, read_knn(folder)?)),
    };
    let started = Instant::now();
    let found = duplicates::run(&corpus, space.as_ref().map(|(matrix, knn)| (matrix, knn)), &Ctx::quiet())?;
    println!(
        "{} texts: {:.1} s, {} pairs by text, {} by meaning",
        texts.len(),
        started.elapsed().as_secs_f64(),
        found.pairs(Likeness::Text),
        found.pairs(Likeness::Meaning)
    );
    let exact = found.exact();
    println!("exact: {} groups, {} surplus", exact.groups.len(), exact.surplus());
    for threshold in [0.95, 0.9, 0.85, 0.8, 0.75, 0.7] {
        by_text(&found, &texts, &planted, threshold);
    }
    for threshold in [0.99, 0.95, 0.9] {
        let (groups, seconds) = timed(|| found.groups_at(Likeness::Meaning, threshold));
        let largest = groups.groups.first().map_or(0, Vec::len);
        let (count, surplus) = (groups.groups.len(), groups.surplus());
        println!(
            "meaning {threshold}: {count} groups, {surplus} surplus, largest {largest}, {:.0} ms",
            1e3 * seconds
        );
    }
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    (work(), started.elapsed().as_secs_f64())
}

fn by_text(found: &Duplicates, texts: &[String], planted: &[Planted], threshold: f32) {
    let (groups, seconds) = timed(|| found.groups_at(Likeness::Text, threshold));
    let largest = groups.groups.first().map_or(0, Vec::len);
    let (count, surplus) = (groups.groups.len(), groups.surplus());
    println!(
        "text {threshold}: {count} groups, {surplus} surplus, largest {largest}, {:.0} ms",
        1e3 * seconds
    );
    let mut group_of = HashMap::new();
    for (at, group) in groups.groups.iter().enumerate() {
        group_of.extend(group.iter().map(|&document| (document, at)));
    }
    let alike = |a: u32, b: u32| {
        share_alike(&folded(&texts[a as usize]), &folded(&texts[b as usize]), threshold).is_some()
    };
    for edit in EDITS {
        let of_edit: Vec<&Planted> = planted.iter().filter(|p| p.edit == edit).collect();
        let together =
            |p: &Planted| group_of.get(&p.copy).is_some_and(|at| group_of.get(&p.source) == Some(at));
        let recall =
            |of: &[&Planted]| of.iter().filter(|p| together(p)).count() as f64 / of.len().max(1) as f64;
        let above: Vec<&Planted> = of_edit.iter().copied().filter(|p| alike(p.source, p.copy)).collect();
        println!(
            "  {edit}: recall {:.4} of {}, {:.4} of the {} that are so alike",
            recall(&of_edit),
            of_edit.len(),
            recall(&above),
            above.len()
        );
    }
    within(&groups, found, &alike);
    for (group, centre) in groups.groups.iter().zip(&groups.centres).step_by(groups.groups.len().div_ceil(8))
    {
        let least = group
            .iter()
            .map(|&i| (share_alike(&folded(&texts[*centre as usize]), &folded(&texts[i as usize]), 0.0), i))
            .min_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
        if let Some((share, i)) = least {
            println!(
                "  {} in a group, least alike {:.2}: {:?} and {:?}",
                group.len(),
                share.unwrap_or_default(),
                texts[*centre as usize],
                texts[i as usize]
            );
        }
    }
}

/// How many of those that go are as alike as asked to the one that stays.
fn within(groups: &Groups, found: &Duplicates, alike: &impl Fn(u32, u32) -> bool) {
    for keep in [Keep::Centre, Keep::Longest] {
        let keepers = found.keepers(groups, keep);
        let (mut gone, mut like) = ([0usize; 2], [0usize; 2]);
        for (group, &keeper) in groups.groups.iter().zip(&keepers) {
            let size = usize::from(group.len() > 10);
            for &document in group.iter().filter(|document| **document != keeper) {
                gone[size] += 1;
                like[size] += usize::from(alike(keeper, document));
            }
        }
        println!(
            "  alike to the one that stays ({keep:?}): {} of {} in groups of up to ten, {} of {} in larger ones",
            like[0], gone[0], like[1], gone[1]
        );
    }
}

fn keywords_of(folder: &Path, vectors: Option<&Path>) -> Result<()> {
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return Ok(());
    }
    let text_columns = Some(vec!["title".to_owned(), "text".to_owned()]);
    let options = ReadOptions { text_columns, ..ReadOptions::default() };
    let corpus = open::corpus(&folder.join("ag_news_test.jsonl"), &options, &Ctx::quiet())?;
    // class_index;class_name;keywords
    let labels = std::fs::read_to_string(folder.join("labels.csv"))?;
    let topic = |line: &str| {
        let mut cells = line.split(';').skip(1);
        let name = cells.next()?.to_owned();
        Some(KeywordTopic { name, keywords: cells.next()?.split_whitespace().map(str::to_owned).collect() })
    };
    let topics: Vec<KeywordTopic> = labels.lines().skip(1).filter_map(topic).collect();
    let embedder = embed::embedder(&Params::default(), None, DevicePreference::Cpu, &Ctx::quiet())?;
    let matrix = match vectors {
        Some(file) => npy::read_matrix(file)?,
        None => {
            let cache = Cache::open(Some(tempfile::tempdir()?.keep()))?;
            embed::run(&corpus, &embedder, &EmbedParams::default(), &cache, &Ctx::quiet())?.matrix
        }
    };
    let on = Computers::new(DevicePreference::Cpu, None);
    let tools = Tools { cache: None, on: &on };
    let knn = neighbours::run(&matrix, &NeighbourParams::default(), tools, &Ctx::quiet())?;
    let column = corpus.column("label").context("there is no column label")?;
    let Typed::Category { levels, codes } = &column.typed else { bail!("the labels are no categories") };
    for (name, knn) in [("with neighbours", Some(&knn)), ("without", None)] {
        let params = KeywordParams::default();
        let (found, seconds) = timed(|| {
            keyword_topics::run(&corpus, (&matrix, knn), &topics, &embedder, &params, &Ctx::quiet())
        });
        let found = found?;
        let best = found.best(params.threshold);
        let values = keyword_topics::matched(&topics, levels, &best, codes);
        let agreement = keyword_topics::agreement(&found, &best, codes, values);
        println!(
            "{name}: macro-F1 {:.4}, mean AUC {:.4}, {} documents, {seconds:.2} s",
            agreement.macro_f1.unwrap_or_default(),
            agreement.mean_auc.unwrap_or_default(),
            agreement.documents
        );
        for (at, topic) in topics.iter().enumerate() {
            println!(
                "  {} as {}: F1 {:.4}, AUC {:.4}, centre of {} documents, {} dropped",
                topic.name,
                agreement.values[at].map_or("nothing", |level| &levels[level as usize]),
                agreement.f1[at].unwrap_or_default(),
                agreement.curves[at].as_ref().map_or(0.0, |curve| curve.auc),
                found.chosen[at].len(),
                found.dropped[at].len()
            );
        }
    }
    Ok(())
}
