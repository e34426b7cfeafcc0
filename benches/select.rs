//! Times the selection of predicates and says how far it is from a proven bound.
//!
//!     cargo bench --profile dev --bench select -- [TEXTS] [SEEDS] [SECONDS] [KIND,…] [PATTERN,…] [--write FOLDER]
//!
//! 100,000 texts × 100 predicates by default, of 200 planted groups. PATTERN says what a group's texts satisfy: `one`
//! predicate, `few` (one to three), or a number: each predicate with that probability. KIND says what 5% is turned
//! over: `bits` of all (nearly all rows differ then), `ones` (memberships lost), or `texts` (one bit of each such
//! text). `--write` leaves each program as a text file for `peers/select_highs.py`: a line for each different row with its
//! weight and its predicates.

mod common {
    pub mod cpu;
}

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use common::cpu::cpu_seconds;
use semascope::job::Ctx;
use semascope::math::random::Random;
use semascope::math::select::{Choice, Membership, select};

const PREDICATES: usize = 100;
const GROUPS: usize = 200;
const TURNED: f64 = 0.05;

fn main() -> Result<()> {
    // `cargo bench` adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let folder = arguments.iter().skip_while(|a| *a != "--write").nth(1).map(Path::new);
    let places: Vec<&str> = arguments.iter().map(String::as_str).take_while(|a| *a != "--write").collect();
    let place = |at: usize, otherwise: &'static str| places.get(at).copied().unwrap_or(otherwise);
    let texts: usize = place(0, "100000").parse()?;
    let seeds: u64 = place(1, "5").parse()?;
    let time = Duration::from_secs_f64(place(2, "10").parse()?);
    println!("{texts} texts × {PREDICATES} predicates, {} threads", rayon::current_num_threads());
    println!("turned pattern     K seed    rows chosen     cost   greedy    bound    gap  seconds  cpu-s");
    for kind in place(3, "bits,ones,texts").split(',') {
        for pattern in place(4, "one,few,0.05").split(',') {
            for seed in 0..seeds {
                let members = planted(texts, kind, pattern, seed)?;
                if let Some(folder) = folder {
                    write(&folder.join(format!("{kind}-{pattern}-{seed}.txt")), texts, &members)?;
                }
                let membership = Membership::new(texts, &members);
                for k in [Some(8), Some(16), None] {
                    let choice = Choice { k, time, accepted_gap: 0.01, ..Choice::default() };
                    let (cpu, wall) = (cpu_seconds(), Instant::now());
                    let found = select(&membership, &choice, &Ctx::quiet())?;
                    let each = |sum: f64| sum / texts as f64;
                    println!(
                        "{kind:6} {pattern:7} {:>5} {seed:4} {:7} {:6} {:8.5} {:8.5} {:8.5} {:5.2}% {:8.2} {:6.2}",
                        k.map_or_else(|| "auto".into(), |k| k.to_string()),
                        membership.rows(),
                        found.chosen.len(),
                        each(found.cost),
                        each(found.greedy_cost),
                        each(found.bound),
                        100.0 * found.gap,
                        wall.elapsed().as_secs_f64(),
                        cpu_seconds() - cpu,
                    );
                }
            }
        }
    }
    Ok(())
}

/// The texts that satisfy each predicate.
fn planted(texts: usize, kind: &str, pattern: &str, seed: u64) -> Result<Vec<Vec<u32>>> {
    let mut random = Random::new(seed);
    let mut groups = vec![[false; PREDICATES]; GROUPS];
    for group in &mut groups {
        match pattern {
            "one" => group[random.below(PREDICATES)] = true,
            "few" => (0..=random.below(3)).for_each(|_| group[random.below(PREDICATES)] = true),
            share => {
                let share: f64 = share.parse().context("a pattern is `one`, `few` or a share")?;
                group.iter_mut().for_each(|bit| *bit = random.unit() < share);
            }
        }
    }
    let mut members = vec![Vec::new(); PREDICATES];
    for text in 0..texts as u32 {
        let mut row = groups[random.below(GROUPS)];
        match kind {
            "bits" => row.iter_mut().for_each(|bit| *bit ^= random.unit() < TURNED),
            "ones" => row.iter_mut().for_each(|bit| *bit &= random.unit() >= TURNED),
            _ if random.unit() < TURNED => row[random.below(PREDICATES)] ^= true,
            _ => {}
        }
        for (j, members) in members.iter_mut().enumerate() {
            if row[j] {
                members.push(text);
            }
        }
    }
    Ok(members)
}

/// Writes the different rows with their weights.
fn write(path: &Path, texts: usize, members: &[Vec<u32>]) -> Result<()> {
    let mut rows = vec![String::new(); texts];
    for (j, members) in members.iter().enumerate() {
        members.iter().try_for_each(|&text| write!(rows[text as usize], " {j}"))?;
    }
    rows.sort_unstable();
    let lines = rows.chunk_by(|a, b| a == b).map(|equal| format!("{}{}\n", equal.len(), equal[0]));
    std::fs::write(path, lines.collect::<String>()).with_context(|| path.display().to_string())
}
