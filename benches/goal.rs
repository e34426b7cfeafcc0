//! Says how well goals find the classes that people made, and how fast an edited explanation takes effect.
//!
//!     cargo bench --profile dev --bench goal -- sets [FOLDER] [SEEDS]
//!     cargo bench --profile dev --bench goal -- table FILE TEXT LABEL GOAL [K] [SEEDS] [ROWS]
//!     cargo bench --profile dev --bench goal -- vectors FILE TEXT V.npy GOAL
//!     cargo bench --profile dev --bench goal -- count V.npy
//!     cargo bench --profile dev --bench goal -- edit [TEXTS]
//!
//! `sets`: the folder of the GoalEx collections (`*/data.json`, `*/labels.json`; default `../shared/data/goalex`), each
//! with its own goal: macro-F1 after matching with K given and automatic, with the gold descriptions as predicates, and
//! how many classes' names hold a content word of the gold description or a synonym of one. `table`: the same for a
//! table with a column of labels. `vectors`: seconds for a whole corpus whose vectors `semascope embed` wrote. `count`: how far halves of the texts agree on each number of groups, for
//! such vectors. `edit`: seconds to re-assign TEXTS texts (100,000) after a predicate's edit.

#[path = "../tests/common/texts.rs"]
mod texts;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use semascope::data::GoalDeed;
use semascope::data::{Key, Matrix, UNCLUSTERED};
use semascope::embed::{EmbedParams, Embedder, Texts};
use semascope::io::npy;
use semascope::io::read::ReadOptions;
use semascope::job::Ctx;
use semascope::math::goal_count::agreements;
use semascope::math::goal_membership::of_refined;
use semascope::math::goal_refine::{ROUNDS_AFTER_EDIT, Texts as GoalTexts, refine};
use semascope::math::goal_space::{centred, make_unit, smoothed};
use semascope::math::goal_words::TextWords;
use semascope::math::neighbours::NeighbourParams;
use semascope::math::random::Random;
use semascope::math::stop_words::stop_words;
use semascope::model::{DevicePreference, ModelSource, wordnet};
use semascope::stage::goal::{self, Explained, GoalParams, Inputs};
use semascope::stage::{Computers, Tools, neighbours, open};
use texts::corpus;

fn main() -> Result<()> {
    // `cargo bench` adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["edit", ref rest @ ..] => edit(rest.first().map_or(Ok(100_000), |n| n.parse())?),
        ["table", file, text, label, goal, ref rest @ ..] => {
            let number =
                |at: usize, otherwise: usize| rest.get(at).map_or(Ok(otherwise), |n| n.parse::<usize>());
            table(Path::new(file), text, label, goal, number(0, 0)?, number(1, 1)? as u64, number(2, 2000)?)
        }
        ["vectors", file, text, vectors, goal] => whole(
            Path::new(file),
            text,
            Path::new(vectors),
            GoalParams { goal: goal.into(), ..GoalParams::default() },
        ),
        ["count", vectors] => count(Path::new(vectors)),
        ["sets", ref rest @ ..] => {
            let folder = rest.first().map_or_else(|| PathBuf::from("../shared/data/goalex"), PathBuf::from);
            sets(&folder, rest.get(1).map_or(Ok(5), |n| n.parse())?)
        }
        _ => bail!("say sets, table, vectors, count or edit; the beginning of this file says how"),
    }
}

/// Texts with a class each.
struct Set {
    name: String,
    goal: String,
    texts: Vec<String>,
    gold: Vec<u32>,
    descriptions: Vec<String>,
}

fn sets(folder: &Path, seeds: u64) -> Result<()> {
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return Ok(());
    }
    let embedder = Embedder::load(&ModelSource::Builtin, DevicePreference::Cpu)?;
    for name in ["agnews", "syngoalex/topic", "syngoalex/language", "syngoalex/style"] {
        let read = |file: &str| -> Result<serde_json::Value> {
            let path = folder.join(name).join(file);
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            Ok(serde_json::from_str(&text)?)
        };
        let (data, labels) = (read("data.json")?, read("labels.json")?);
        let strings = |value: &serde_json::Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(|t| t.as_str()).map(str::to_owned).collect()
        };
        let gold = labels["labels"].as_array().into_iter().flatten().filter_map(|l| l.as_u64());
        let set = Set {
            name: name.to_owned(),
            goal: data["goal"].as_str().unwrap_or_default().to_owned(),
            texts: strings(&data["texts"]),
            gold: gold.map(|l| l as u32).collect(),
            descriptions: strings(&labels["class_descriptions"]),
        };
        measure(&set, set.descriptions.len(), seeds, &embedder)?;
    }
    Ok(())
}

fn table(file: &Path, text: &str, label: &str, goal: &str, k: usize, seeds: u64, rows: usize) -> Result<()> {
    let options = ReadOptions { text_columns: Some(vec![text.to_owned()]), ..ReadOptions::default() };
    let corpus = open::corpus(file, &options, &Ctx::quiet())?;
    let column = corpus.column(label).with_context(|| format!("there is no column {label}"))?;
    let mut order: Vec<usize> = (0..corpus.len()).collect();
    Random::new(1).shuffle(&mut order);
    order.truncate(rows);
    let mut classes: Vec<String> = order.iter().map(|&i| column.cells.get(i).to_owned()).collect();
    classes.sort_unstable();
    classes.dedup();
    let gold = order.iter().map(|&i| classes.partition_point(|c| c.as_str() < column.cells.get(i)) as u32);
    let set = Set {
        name: file.display().to_string(),
        goal: goal.to_owned(),
        gold: gold.collect(),
        texts: order.iter().map(|&i| corpus.text(i).into_owned()).collect(),
        descriptions: classes.iter().map(|class| class.replace('_', " ")).collect(),
    };
    let embedder = Embedder::load(&ModelSource::Builtin, DevicePreference::Cpu)?;
    measure(&set, if k == 0 { set.descriptions.len() } else { k }, seeds, &embedder)
}

fn whole(file: &Path, text: &str, vectors: &Path, params: GoalParams) -> Result<()> {
    let options = ReadOptions { text_columns: Some(vec![text.to_owned()]), ..ReadOptions::default() };
    let corpus = open::corpus(file, &options, &Ctx::quiet())?;
    let matrix = npy::read_matrix(vectors)?;
    let embedder = Embedder::load(&ModelSource::Builtin, DevicePreference::Cpu)?;
    let on = Computers::new(DevicePreference::Cpu, None);
    let tools = Tools { cache: None, on: &on };
    let started = Instant::now();
    let knn = neighbours::run(&matrix, &NeighbourParams::default(), tools, &Ctx::quiet())?;
    println!("{} texts: neighbours after {:.1} s", corpus.len(), started.elapsed().as_secs_f64());
    let started = Instant::now();
    let inputs = Inputs { corpus: &corpus, matrix: &matrix, knn: Some(&knn), embedder: &embedder };
    let told = |round: goal::Round| {
        let (seconds, of) = (started.elapsed().as_secs_f64(), round.of);
        println!(
            "  {seconds:.1} s: round {} of {of}, {} chosen: {:?}",
            round.round, round.chosen, round.words
        );
    };
    let found =
        goal::run(&inputs, &params, tools, goal::Watch { told: &told, ..goal::Watch::NONE }, &Ctx::quiet())?;
    println!("  explained after {:.1} s {:?}", started.elapsed().as_secs_f64(), found.goals.nuisances);
    for e in &found.goals.explanations {
        println!("    {} ({}; {:?})", e.predicate, e.members.len(), e.held_out.map(|held| held.accuracy));
    }
    let which = found.goals.explanations[0].id;
    let predicate = found.goals.explanations[0].predicate.clone();
    let document = found.goals.explanations[0].near_misses.first().copied().unwrap_or_default();
    let mut now = found;
    for deed in [
        GoalDeed::Reword { which, predicate: format!("{predicate} and everything about it") },
        GoalDeed::Reword { which, predicate: "mentions a long journey by train".into() },
        GoalDeed::Judge { document, which, satisfies: true },
        GoalDeed::AddBeside { which },
        GoalDeed::Split { which, parts: 3 },
    ] {
        let started = Instant::now();
        let asked = now.asked.with(deed.clone());
        now = goal::evaluate(&inputs, &asked, Some(&now), tools, goal::Watch::NONE, &Ctx::quiet())?;
        println!("  {deed:?}: {:.2} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}

fn count(vectors: &Path) -> Result<()> {
    let rows = centred(&npy::read_matrix(vectors)?, None, &Ctx::quiet())?.rows;
    let on = Computers::new(DevicePreference::Cpu, None);
    let tools = Tools { cache: None, on: &on };
    let knn = neighbours::run(&rows, &NeighbourParams::default(), tools, &Ctx::quiet())?;
    let smooth = smoothed(&rows, &knn, &Ctx::quiet())?;
    for seed in 0..3 {
        let started = Instant::now();
        let found = agreements(&rows, &smooth, seed, &Ctx::quiet())?;
        let best = found.iter().max_by(|a, b| a.worth().total_cmp(&b.worth()));
        println!("{best:?}, {:.1} s", started.elapsed().as_secs_f64());
        let said = found.iter().map(|a| format!("{} {:.2}", a.groups, a.rand));
        println!("  {}", said.collect::<Vec<_>>().join(", "));
    }
    Ok(())
}

fn embedded(embedder: &Embedder, texts: &[String]) -> Result<Matrix> {
    let dim = embedder.dim();
    let mut values = vec![0.0; texts.len() * dim];
    let batch = Texts { count: texts.len(), text: &|i| Cow::Borrowed(&texts[i]), rows: None };
    embedder.embed(&batch, &EmbedParams::default(), &Ctx::quiet(), &mut |rows, made| {
        rows.iter()
            .zip(made.chunks_exact(dim))
            .for_each(|(row, v)| values[row * dim..][..dim].copy_from_slice(v));
        Ok(())
    })?;
    Ok(Matrix::from_vec(Key::of("bench", 1).finish(), embedder.name(), true, dim, values))
}

fn measure(set: &Set, k: usize, seeds: u64, embedder: &Embedder) -> Result<()> {
    let corpus = corpus(&set.texts);
    let matrix = embedded(embedder, &set.texts)?;
    let inputs = Inputs { corpus: &corpus, matrix: &matrix, knn: None, embedder };
    let on = Computers::new(DevicePreference::Cpu, None);
    let explain = |params: &GoalParams| -> Result<(Explained, f64)> {
        let started = Instant::now();
        let found =
            goal::run(&inputs, params, Tools { cache: None, on: &on }, goal::Watch::NONE, &Ctx::quiet())?;
        Ok((found, started.elapsed().as_secs_f64()))
    };
    println!("{}: {} texts, {}", set.name, set.texts.len(), set.goal);
    for k in [Some(k), None] {
        let (mut f1s, mut strict, mut counts, mut named, mut seconds) = (vec![], vec![], vec![], vec![], 0.0);
        let mut last = None;
        for seed in 0..if k.is_some() { seeds } else { seeds.min(3) } {
            let params = GoalParams { goal: set.goal.clone(), k, seed, ..GoalParams::default() };
            let (found, took) = explain(&params)?;
            seconds += took;
            f1s.push(macro_f1(&labels(&found), &set.gold));
            strict.push(macro_f1(&found.goals.best, &set.gold));
            counts.push(found.goals.explanations.len());
            named.push(names_right(set, &found)?);
            last = Some(found);
        }
        println!(
            "  K {}: macro-F1 {f1s:.3?}, only members {strict:.3?}, found {counts:?}, named {named:?}, {:.1} s each",
            k.map_or("automatic".into(), |k| k.to_string()),
            seconds / f1s.len().max(1) as f64
        );
        if let Some(Explained { goals, .. }) = last {
            println!("    {:?}: {} {:?} {:?}", goals.view, goals.why, goals.nuisances, goals.selection);
            let covered = goals.best.len() - goals.uncovered();
            let only: usize = goals.explanations.iter().map(|e| e.only).sum();
            println!("    covered {covered}, once {only}");
            println!("    proposed by {}", goals.proposed_by);
            for e in &goals.explanations {
                println!(
                    "    {} ({}; {:?})",
                    e.predicate,
                    e.members.len(),
                    e.held_out.map(|held| held.accuracy)
                );
            }
        }
    }
    let predicates = set.descriptions.clone();
    let params = GoalParams { goal: set.goal.clone(), predicates, ..GoalParams::default() };
    match explain(&params) {
        Ok((found, took)) => {
            let f1 = macro_f1(&labels(&found), &set.gold);
            println!("  predicates given: macro-F1 {f1:.3}, {took:.1} s");
        }
        Err(error) => println!("  predicates given: {error}"),
    }
    Ok(())
}

/// The best explanation of each text, satisfied or not.
fn labels(found: &Explained) -> Vec<u32> {
    match &found.working {
        Some(working) => {
            let mut labels = vec![UNCLUSTERED; found.goals.best.len()];
            working
                .documents()
                .iter()
                .zip(working.labels())
                .for_each(|(&i, label)| labels[i as usize] = *label);
            labels
        }
        None => found.goals.best.clone(),
    }
}

/// How often each cluster (row) and class (column) meet.
fn table_of(found: &[u32], gold: &[u32]) -> Vec<Vec<f64>> {
    let most =
        |labels: &[u32]| labels.iter().filter(|l| **l != UNCLUSTERED).max().map_or(0, |l| *l as usize + 1);
    let mut counts = vec![vec![0.0; most(gold)]; most(found)];
    for (cluster, class) in found.iter().zip(gold).filter(|(cluster, _)| **cluster != UNCLUSTERED) {
        counts[*cluster as usize][*class as usize] += 1.0;
    }
    counts
}

/// The class of each cluster: the best one-to-one matching, and the majority's for those that are left over.
fn matching(counts: &[Vec<f64>], classes: usize) -> Vec<usize> {
    // Successive improvement of a greedy matching by swaps: exact for up to a dozen classes in practice.
    let clusters = counts.len();
    let mut class_of: Vec<Option<usize>> = vec![None; clusters];
    let mut pairs: Vec<(usize, usize)> =
        (0..clusters).flat_map(|c| (0..classes).map(move |g| (c, g))).collect();
    pairs.sort_by(|a, b| counts[b.0][b.1].total_cmp(&counts[a.0][a.1]));
    for (c, g) in pairs {
        if class_of[c].is_none() && !class_of.contains(&Some(g)) {
            class_of[c] = Some(g);
        }
    }
    let gain = |c: usize, g: Option<usize>| g.map_or(0.0, |g| counts[c][g]);
    let mut better = true;
    while better {
        better = false;
        for a in 0..clusters {
            for b in a + 1..clusters {
                let now = gain(a, class_of[a]) + gain(b, class_of[b]);
                if gain(a, class_of[b]) + gain(b, class_of[a]) > now {
                    class_of.swap(a, b);
                    better = true;
                }
            }
        }
    }
    let majority =
        |c: usize| (0..classes).max_by(|&a, &b| counts[c][a].total_cmp(&counts[c][b])).unwrap_or(0);
    class_of.iter().enumerate().map(|(c, class)| class.unwrap_or_else(|| majority(c))).collect()
}

fn macro_f1(found: &[u32], gold: &[u32]) -> f64 {
    let counts = table_of(found, gold);
    let classes = gold.iter().max().map_or(0, |l| *l as usize + 1);
    let class_of = matching(&counts, classes);
    let f1 = |class: usize| {
        let of_class = || counts.iter().zip(&class_of).filter(|(_, c)| **c == class).map(|(row, _)| row);
        let hits: f64 = of_class().map(|row| row[class]).sum();
        let said: f64 = of_class().flatten().sum();
        let truth = gold.iter().filter(|g| **g as usize == class).count() as f64;
        2.0 * hits / (said + truth)
    };
    (0..classes).map(f1).sum::<f64>() / classes as f64
}

/// How many explanations hold a content word of their class's description, or a synonym of one.
fn names_right(set: &Set, found: &Explained) -> Result<usize> {
    let wordnet = wordnet()?;
    let counts = table_of(&labels(found), &set.gold);
    let common: Vec<&str> = "topic has new natural language writing style".split(' ').collect();
    let english = stop_words(whatlang::Lang::Eng);
    let words = |text: &str| -> Vec<String> {
        let lower = text.to_lowercase();
        lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let bases = |word: &str| -> Vec<String> {
        use semascope::math::wordnet::Kind;
        let bases = Kind::ALL.iter().flat_map(|kind| wordnet.bases(word, *kind));
        bases.chain([word.to_owned()]).collect()
    };
    let right = |c: usize, title: &str| {
        let Some(class) =
            counts.get(c).and_then(|row| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])))
        else {
            return false;
        };
        let content = words(&set.descriptions[class]);
        let content =
            content.iter().filter(|w| !english.contains(w.as_str()) && !common.contains(&w.as_str()));
        let wanted: Vec<String> = content
            .flat_map(|w| bases(w).into_iter().chain(wordnet.synonyms(w).into_iter().map(str::to_lowercase)))
            .collect();
        let said = words(title);
        said.iter().flat_map(|w| bases(w)).any(|w| wanted.contains(&w))
            || wanted.iter().any(|w| w.contains(' ') && title.to_lowercase().contains(w.as_str()))
    };
    Ok(found.goals.explanations.iter().enumerate().filter(|(c, e)| right(*c, &e.title)).count())
}

/// Random vectors and words of 30 in 20,000.
fn edit(n: usize) -> Result<()> {
    const DIM: usize = 384;
    const K: usize = 8;
    let mut random = Random::new(0);
    let mut values: Vec<f32> = (0..n * DIM).map(|_| random.unit() as f32 - 0.5).collect();
    make_unit(&mut values, DIM);
    let rows = Matrix::from_vec(Key::of("bench", 1).finish(), "bench", true, DIM, values);
    let word = |mut number: usize| -> String {
        let mut word = String::new();
        for _ in 0..4 {
            word.push((b'a' + (number % 26) as u8) as char);
            number /= 26;
        }
        word
    };
    let texts: Vec<String> =
        (0..n).map(|_| (0..30).map(|_| word(random.below(20_000))).collect::<Vec<_>>().join(" ")).collect();
    let words = TextWords::of(n, |i| Cow::Borrowed(texts[i].as_str()), &Ctx::quiet())?;
    let labels: Vec<u32> = (0..n).map(|_| random.below(K) as u32).collect();
    let texts = GoalTexts { rows: &rows, words: &words, fixed: &[], barred: &[] };
    for _ in 0..3 {
        let started = Instant::now();
        let refined = refine(texts, labels.clone(), K, ROUNDS_AFTER_EDIT, &Ctx::quiet())?;
        let refining = started.elapsed().as_secs_f64();
        let found = of_refined(&refined);
        let all = started.elapsed().as_secs_f64();
        println!(
            "{n} texts, {K} explanations, {} words: refined in {refining:.2} s, members after {all:.2} s ({})",
            words.words,
            found.members[0].len()
        );
    }
    Ok(())
}
