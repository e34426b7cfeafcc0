//! What several test files use.

use std::fs;
use std::path::{Path, PathBuf};

/// Sentences on four clearly different subjects, so that clusters have something to find.
const SUBJECTS: [(&str, [&str; 6]); 4] = [
    (
        "cooking",
        ["bread dough", "tomato soup", "chocolate cake", "grilled fish", "lemon sauce", "rice pudding"],
    ),
    (
        "astronomy",
        [
            "a distant galaxy",
            "the red planet",
            "a neutron star",
            "solar wind",
            "a lunar crater",
            "dark matter",
        ],
    ),
    (
        "football",
        [
            "the goalkeeper",
            "a late penalty",
            "the league title",
            "a corner kick",
            "the home team",
            "injury time",
        ],
    ),
    (
        "finance",
        [
            "interest rates",
            "the stock market",
            "a savings account",
            "bond yields",
            "quarterly profit",
            "a tax return",
        ],
    ),
];

const FRAMES: [&str; 5] = [
    "We talked about {} for an hour.",
    "Here is what everybody should know about {}.",
    "My question is about {} and nothing else.",
    "Yesterday I read a long story about {}.",
    "Nothing surprised us more than {}.",
];

/// 120 texts with their subject and a number, as a CSV file in `folder`.
pub fn small_corpus(folder: &Path) -> PathBuf {
    let mut csv = String::from("id,text,subject,year\n");
    let mut id = 0;
    for frame in FRAMES {
        for (subject, things) in SUBJECTS {
            for thing in things {
                csv.push_str(&format!("{id},{},{subject},{}\n", frame.replace("{}", thing), 1990 + id % 30));
                id += 1;
            }
        }
    }
    let path = folder.join("small.csv");
    fs::write(&path, csv).expect("the temporary folder is writable");
    path
}

/// How many documents [`small_corpus`] has.
pub const SMALL: usize = SUBJECTS.len() * 6 * FRAMES.len();
