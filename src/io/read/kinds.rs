//! What a column holds: guessed from a sample of its cells, then read from all of them.

use std::collections::{HashMap, HashSet};

use super::table::{counted, grouped};
use super::{dates, lists, numbers};
use crate::data::{ColumnKind, DATE_EMPTY, NO_CODE, Strings, Typed};
use crate::job::{Cancel, Cancelled};

/// A kind is guessed from at most this many cells, spread over the column.
const SAMPLE_CELLS: usize = 10_000;

/// A number or date column may hold one cell in so many that is neither: it counts as empty.
const STRAYS: usize = 100;

/// Each level of a category comes at least so many times on average.
const REPEATS: usize = 2;

/// Cells longer than this on average are texts, however often they repeat.
const CATEGORY_CHARS: usize = 60;

/// The most frequent levels of a category or list that are kept. The cells always hold all.
pub const MAX_LEVELS: usize = 20_000;

/// Levels first met after so many others are not even counted.
const COUNTED_LEVELS: usize = 500_000;

/// Whole numbers under these names are labels, if there are few.
const LABELS: [&str; 12] = [
    "label", "labels", "class", "category", "cat", "cluster", "topic", "group", "type", "code", "target",
    "fold",
];
const MAX_NUMBERED_LABELS: usize = 100;

/// A kind, and how its values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    Text,
    Number(numbers::Style),
    Category,
    List(lists::Style),
    Date(dates::Style),
}

impl Guess {
    pub fn kind(self) -> ColumnKind {
        match self {
            Self::Text => ColumnKind::Text,
            Self::Number(_) => ColumnKind::Number,
            Self::Category => ColumnKind::Category,
            Self::List(_) => ColumnKind::List,
            Self::Date(_) => ColumnKind::Date,
        }
    }
}

/// What a column called `name` with these cells seems to hold.
pub(super) fn guess<'a>(name: &str, cells: impl Iterator<Item = &'a str> + Clone) -> Guess {
    let filled: Vec<&str> = cells.map(str::trim).filter(|cell| !numbers::is_missing(cell)).collect();
    let n = filled.len();
    if n == 0 {
        return Guess::Text;
    }
    let chars: usize = filled.iter().map(|cell| cell.chars().count()).sum();
    let distinct = filled.iter().collect::<HashSet<_>>().len();
    let cells = || filled.iter().copied();
    if let Some(style @ lists::Style::Json) = lists::style_of(cells()) {
        return Guess::List(style);
    }
    if chars > n * CATEGORY_CHARS {
        return lists::style_of(cells()).map_or(Guess::Text, Guess::List);
    }
    if let Some((style, strays)) = dates::best_style(name, cells())
        && strays * STRAYS <= n
    {
        return Guess::Date(style);
    }
    let (style, strays) = numbers::best_style(cells());
    // arXiv's ids look like 1812.06145.
    let dotted_id = name.eq_ignore_ascii_case("id") && filled.iter().any(|cell| cell.contains(['.', ',']));
    if strays * STRAYS <= n && !dotted_id {
        let whole = || filled.iter().all(|cell| cell.bytes().all(|b| b.is_ascii_digit()));
        let is_label = LABELS.contains(&name.to_ascii_lowercase().as_str());
        let labels = is_label && distinct <= MAX_NUMBERED_LABELS && distinct * REPEATS <= n && whole();
        return if labels { Guess::Category } else { Guess::Number(style) };
    }
    if let Some(style) = lists::style_of(cells()) {
        return Guess::List(style);
    }
    if distinct * REPEATS <= n { Guess::Category } else { Guess::Text }
}

/// The kind of a column, guessed from cells spread over it.
pub(super) fn guess_kind(name: &str, cells: &Strings) -> ColumnKind {
    guess(name, sample(cells)).kind()
}

fn sample(cells: &Strings) -> impl Iterator<Item = &str> + Clone {
    let stride = cells.len().div_ceil(SAMPLE_CELLS).max(1);
    // A step that varies, lest it fall in with a pattern of the rows.
    let jitter = move |i: usize| (i.wrapping_mul(2_654_435_761) >> 8) % stride;
    (0..cells.len().div_ceil(stride)).filter_map(move |i| {
        let at = i * stride + jitter(i);
        (at < cells.len()).then(|| cells.get(at))
    })
}

/// A way to write values of `kind`, chosen by a person, that suits these cells best.
fn guess_within<'a>(kind: ColumnKind, name: &str, cells: impl Iterator<Item = &'a str> + Clone) -> Guess {
    match kind {
        ColumnKind::Text => Guess::Text,
        ColumnKind::Category => Guess::Category,
        ColumnKind::Number => Guess::Number(numbers::best_style(cells).0),
        ColumnKind::Date => {
            // Where every cell could be either, most of the world writes the day first.
            Guess::Date(dates::best_style(name, cells).map_or(dates::Style::DayFirst, |(style, _)| style))
        }
        ColumnKind::List => Guess::List(lists::style_of(cells.clone()).unwrap_or_else(|| {
            let json = cells.clone().any(|cell| lists::items(cell, lists::Style::Json).is_some());
            let pipes = cells.clone().any(|cell| cell.contains('|'));
            if json {
                lists::Style::Json
            } else if pipes {
                lists::Style::Pipes
            } else {
                lists::Style::Semicolons
            }
        })),
    }
}

/// Reads a whole column as what it holds, or as what a person says it holds (`forced`), and remarks on cells that
/// do not fit.
pub(super) fn read_column(
    name: &str,
    cells: &Strings,
    forced: Option<ColumnKind>,
    cancel: &Cancel,
) -> Result<Remarked<Typed>, Cancelled> {
    let guess = match forced {
        Some(kind) => guess_within(kind, name, sample(cells)),
        None => guess(name, sample(cells)),
    };
    let mut reader = Reader { name, cells, is_forced: forced.is_some(), cancel };
    match guess {
        Guess::Text => Ok((Typed::Text, None)),
        Guess::Number(style) => {
            let read = reader.scalars(f64::NAN, |cell| numbers::parse(cell, style))?;
            read.map_or_else(|| reader.category(), |(numbers, remark)| Ok((Typed::Number(numbers), remark)))
        }
        Guess::Date(style) => {
            let read = reader.scalars(DATE_EMPTY, |cell| dates::parse(cell, style))?;
            read.map_or_else(|| reader.category(), |(dates, remark)| Ok((Typed::Date(dates), remark)))
        }
        Guess::Category => reader.category(),
        Guess::List(style) => reader.list(style),
    }
}

/// A value, and a sentence on what had to be left out of it.
type Remarked<T> = (T, Option<String>);

struct Reader<'a> {
    name: &'a str,
    cells: &'a Strings,
    is_forced: bool,
    cancel: &'a Cancel,
}

impl Reader<'_> {
    fn check(&self, i: usize) -> Result<(), Cancelled> {
        if i.is_multiple_of(1 << 16) { self.cancel.check() } else { Ok(()) }
    }

    /// One value a cell; `None` if too many cells hold none.
    fn scalars<T: Copy>(
        &self,
        empty: T,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<Remarked<Vec<T>>>, Cancelled> {
        let mut values = Vec::with_capacity(self.cells.len());
        let (mut filled, mut strays) = (0usize, 0usize);
        for (i, cell) in self.cells.iter().enumerate() {
            self.check(i)?;
            let value = parse(cell);
            let is_filled = value.is_some() || !numbers::is_missing(cell.trim());
            filled += usize::from(is_filled);
            strays += usize::from(is_filled && value.is_none());
            values.push(value.unwrap_or(empty));
        }
        if strays * STRAYS > filled && !self.is_forced {
            return Ok(None);
        }
        let remark = (strays > 0).then(|| {
            let cells = counted(strays as u64, "cell does", "cells do");
            format!("In “{}”, {cells} not fit the column's kind and count as empty.", self.name)
        });
        Ok(Some((values, remark)))
    }

    /// Categories, or text where they hardly ever repeat.
    fn category(&mut self) -> Result<Remarked<Typed>, Cancelled> {
        let mut levels = Levels::default();
        let mut codes = Vec::with_capacity(self.cells.len());
        let mut filled = 0;
        for (i, cell) in self.cells.iter().enumerate() {
            self.check(i)?;
            let cell = cell.trim();
            filled += usize::from(!cell.is_empty());
            codes.push(if cell.is_empty() { NO_CODE } else { levels.code(cell) });
            if levels.names.len() == COUNTED_LEVELS && !self.is_forced {
                return Ok((Typed::Text, None));
            }
        }
        if levels.names.len() * REPEATS > filled && !self.is_forced {
            return Ok((Typed::Text, None));
        }
        let remark = levels.remark(self.name);
        let (levels, new_codes) = levels.by_frequency();
        for code in &mut codes {
            *code = new_codes.get(*code as usize).copied().unwrap_or(NO_CODE);
        }
        Ok((Typed::Category { levels, codes }, remark))
    }

    fn list(&mut self, style: lists::Style) -> Result<Remarked<Typed>, Cancelled> {
        let mut levels = Levels::default();
        let mut offsets = vec![0];
        let mut codes = Vec::new();
        let (mut filled, mut strays) = (0usize, 0usize);
        for (i, cell) in self.cells.iter().enumerate() {
            self.check(i)?;
            let items = lists::items(cell, style);
            let is_filled = !cell.trim().is_empty();
            filled += usize::from(is_filled);
            strays += usize::from(is_filled && items.is_none());
            codes.extend(items.unwrap_or_default().iter().map(|item| levels.code(item)));
            offsets.push(codes.len() as u64);
        }
        if strays * STRAYS > filled && !self.is_forced {
            return Ok((Typed::Text, None));
        }
        let remark = levels.remark(self.name);
        let (levels, new_codes) = levels.by_frequency();
        let mut kept = Vec::with_capacity(codes.len());
        let mut start = 0;
        for end in &mut offsets[1..] {
            let old = &codes[start..*end as usize];
            start = *end as usize;
            let new = old.iter().filter_map(|&code| new_codes.get(code as usize));
            kept.extend(new.filter(|&&code| code != NO_CODE));
            *end = kept.len() as u64;
        }
        Ok((Typed::List { levels, offsets, codes: kept }, remark))
    }
}

/// The different values of a column, in the order they came.
#[derive(Default)]
struct Levels {
    codes: HashMap<String, u32>,
    names: Vec<String>,
    counts: Vec<u64>,
}

impl Levels {
    fn code(&mut self, value: &str) -> u32 {
        let code = match self.codes.get(value) {
            Some(&code) => code,
            None if self.names.len() == COUNTED_LEVELS => return NO_CODE,
            None => {
                let code = self.names.len() as u32;
                self.codes.insert(value.to_owned(), code);
                self.names.push(value.to_owned());
                self.counts.push(0);
                code
            }
        };
        self.counts[code as usize] += 1;
        code
    }

    fn remark(&self, name: &str) -> Option<String> {
        let n = self.names.len();
        (n > MAX_LEVELS).then(|| {
            let n =
                if n == COUNTED_LEVELS { format!("over {}", grouped(n as u64)) } else { grouped(n as u64) };
            let kept = grouped(MAX_LEVELS as u64);
            format!("“{name}” has {n} different values; colours and filters know the {kept} most frequent.")
        })
    }

    /// The levels that are kept, most frequent first, and for each old code its new one.
    fn by_frequency(mut self) -> (Vec<String>, Vec<u32>) {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_by_key(|&code| (std::cmp::Reverse(self.counts[code]), code));
        order.truncate(MAX_LEVELS);
        let mut new_codes = vec![NO_CODE; self.names.len()];
        let mut levels = Vec::with_capacity(order.len());
        for (new, &old) in order.iter().enumerate() {
            new_codes[old] = new as u32;
            levels.push(std::mem::take(&mut self.names[old]));
        }
        (levels, new_codes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess_of(name: &str, cells: &[&'static str]) -> ColumnKind {
        guess(name, cells.iter().copied()).kind()
    }

    fn read(cells: &[&str], forced: Option<ColumnKind>) -> (Typed, Option<String>) {
        read_column("c", &cells.iter().collect(), forced, &Cancel::default()).unwrap()
    }

    #[test]
    fn kinds_are_told_by_the_cells() {
        assert_eq!(guess_of("x", &["1", "2.5", "", "n/a"]), ColumnKind::Number);
        assert_eq!(guess_of("x", &["007", "008", "007", "008"]), ColumnKind::Category);
        assert_eq!(guess_of("id", &["1812.06145", "1812.06146"]), ColumnKind::Text);
        assert_eq!(guess_of("x", &["2024-01-05", "2024-02-06"]), ColumnKind::Date);
        assert_eq!(guess_of("x", &["red", "blue", "red", "blue", "red"]), ColumnKind::Category);
        assert_eq!(guess_of("x", &["one thing", "another", "something else"]), ColumnKind::Text);
        assert_eq!(guess_of("x", &[r#"["a"]"#, r#"["b"]"#]), ColumnKind::List);
        assert_eq!(guess_of("x", &["", ""]), ColumnKind::Text);
    }

    #[test]
    fn few_whole_numbers_under_a_labels_name_are_categories() {
        assert_eq!(guess_of("label", &["0", "1", "0", "1"]), ColumnKind::Category);
        assert_eq!(guess_of("score", &["0", "1", "0", "1"]), ColumnKind::Number);
    }

    #[test]
    fn levels_come_by_frequency_and_empty_cells_have_none() {
        let (typed, _) = read(&["b", "a", "", "a", "b ", "a"], None);
        let Typed::Category { levels, codes } = typed else { panic!("{typed:?}") };
        assert_eq!(levels, ["a", "b"]);
        assert_eq!(codes, [1, 0, NO_CODE, 0, 1, 0]);
    }

    #[test]
    fn the_values_of_a_list_are_found_by_its_offsets() {
        let (typed, _) = read(&[r#"["x","y"]"#, "", r#"["y"]"#], None);
        let Typed::List { levels, offsets, codes } = typed else { panic!("{typed:?}") };
        assert_eq!(levels, ["y", "x"]);
        assert_eq!((offsets, codes), (vec![0, 2, 2, 3], vec![1, 0, 0]));
    }

    #[test]
    fn a_kind_chosen_by_a_person_holds_and_what_does_not_fit_is_told() {
        let (typed, remark) = read(&["1", "two", "3"], Some(ColumnKind::Number));
        let Typed::Number(numbers) = typed else { panic!("{typed:?}") };
        assert!(numbers[0] == 1.0 && numbers[1].is_nan() && numbers[2] == 3.0);
        assert!(remark.unwrap().contains("1 cell does not fit"));
    }

    #[test]
    fn one_stray_word_among_many_numbers_does_not_make_them_text() {
        let mut cells = vec!["7"; 500];
        cells[77] = "unknown";
        assert_eq!(read(&cells, None).0.kind(), ColumnKind::Number);
        cells[78..100].fill("unknown");
        assert_eq!(read(&cells, None).0.kind(), ColumnKind::Category);
    }

    #[test]
    fn a_category_without_end_is_bounded() {
        let cell = |i: usize| if i.is_multiple_of(4) { format!("level {i}") } else { "usual".to_owned() };
        let cells: Vec<String> = (0..4 * (MAX_LEVELS + 5)).map(cell).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let (Typed::Category { levels, .. }, remark) = read(&cells, None) else { panic!("no category") };
        assert_eq!(levels.len(), MAX_LEVELS);
        assert!(remark.unwrap().contains("20,000 most frequent"));
    }
}
