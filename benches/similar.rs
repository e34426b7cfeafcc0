//! Says how fast a selection is told apart, how well and how fast duplicates are found, and how well topics by keywords
//! find the classes that people made.
//!
//!     cargo bench --profile dev --bench similar -- special FILE TEXT

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use semascope::data::{Corpus, Mask};
use semascope::io::read::ReadOptions;
use semascope::job::Ctx;
use semascope::stage::open;
use semascope::stage::special::{self, SpecialParams};

fn main() -> Result<()> {
    // `cargo bench` adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["special", file, text] => special_of(Path::new(file), text),
        _ => bail!("say special; the beginning of this file says how"),
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
