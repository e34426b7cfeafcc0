//! The values of columns that a selection has more or less often than others, or higher or lower.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::contrast::{Contrast, Counts, false_discovery_rates};
use super::rank_contrast::RankContrast;
use crate::data::{Column, DATE_EMPTY, Mask, NO_CODE, Typed};
use crate::job::{Cancelled, Ctx};

/// Of a hundred findings told, at most so many are there by chance.
pub const FALSE_DISCOVERIES: f64 = 0.05;

/// What a column shows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shown {
    /// How many documents have a value: an index into the levels of the column. Out of those whose cell is not empty.
    Level { level: u32, contrast: Contrast },
    /// How many cells are empty, out of all.
    Empty { contrast: Contrast },
    /// The numbers of a column; moments are seconds since 1970-01-01 UTC.
    Numbers { contrast: RankContrast },
}

/// A value, or a column of numbers, that sets a selection apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpecialValue {
    /// The index of the column.
    pub column: usize,
    pub shown: Shown,
    /// Cohen's h of two shares, or Cohen's d of two normal distributions that differ as much in ranks
    /// ([`RankContrast::as_cohens_d`]): .2 is small, .5 medium, .8 large. Positive where the selection has more.
    /// Values are ranked by its size.
    pub effect: f64,
    /// How likely so great a difference is by chance, for this test alone.
    pub p_value: f64,
    /// The share of chance findings among those at least as sure, over the tests of all columns (Benjamini & Hochberg).
    pub false_discovery_rate: f64,
}

/// The values of a selection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpecialValues {
    /// The greatest effect first.
    pub values: Vec<SpecialValue>,
    /// How many values and columns of numbers were compared.
    pub tested: usize,
}

/// The at most `count` values that set the documents of `selection` apart from those of `ground`, which has none of
/// them. Columns of free text and those of `left_out` are not looked at.
pub fn special_values(
    columns: &[Column],
    left_out: &[usize],
    selection: &Mask,
    ground: &Mask,
    count: usize,
    ctx: &Ctx,
) -> Result<SpecialValues, Cancelled> {
    let looked_at =
        |&(at, column): &(usize, &Column)| !left_out.contains(&at) && !matches!(column.typed, Typed::Text);
    let columns: Vec<(usize, &Column)> = columns.iter().enumerate().filter(looked_at).collect();
    ctx.progress.begin("Comparing columns", "columns", columns.len() as u64, 0);
    let shown = |&(at, column): &(usize, &Column)| {
        ctx.cancel.check()?;
        let shown = shown_by(&column.typed, selection, ground);
        ctx.progress.advance(1);
        Ok(shown.into_iter().map(|shown| (at, shown)).collect())
    };
    let shown: Vec<Vec<(usize, Shown)>> = columns.par_iter().map(shown).collect::<Result<_, Cancelled>>()?;
    let shown = shown.concat();
    let p_values: Vec<f64> = shown.par_iter().map(|(_, shown)| shown.p_value()).collect();
    let tests = p_values.iter().zip(false_discovery_rates(&p_values));
    let mut values: Vec<SpecialValue> = shown
        .iter()
        .zip(tests)
        .filter(|(_, (_, rate))| *rate <= FALSE_DISCOVERIES)
        .map(|(&(column, shown), (&p_value, false_discovery_rate))| SpecialValue {
            column,
            effect: shown.effect(),
            shown,
            p_value,
            false_discovery_rate,
        })
        .collect();
    values.sort_by(|a, b| {
        b.effect
            .abs()
            .total_cmp(&a.effect.abs())
            .then(a.p_value.total_cmp(&b.p_value))
            .then(a.column.cmp(&b.column))
    });
    values.truncate(count);
    Ok(SpecialValues { values, tested: shown.len() })
}

impl Shown {
    fn p_value(&self) -> f64 {
        match self {
            Self::Level { contrast, .. } | Self::Empty { contrast } => contrast.p_value(),
            Self::Numbers { contrast } => contrast.p_value,
        }
    }

    fn effect(&self) -> f64 {
        match self {
            Self::Level { contrast, .. } | Self::Empty { contrast } => contrast.cohens_h(),
            Self::Numbers { contrast } => contrast.as_cohens_d(),
        }
    }
}

/// Everything that a column shows.
fn shown_by(typed: &Typed, selection: &Mask, ground: &Mask) -> Vec<Shown> {
    let (levels, filled) = match typed {
        Typed::Text => return Vec::new(),
        Typed::Number(numbers) => {
            return numbers_shown(selection, ground, |i| {
                Some(numbers[i]).filter(|number| number.is_finite())
            });
        }
        Typed::Date(moments) => {
            let moment = |i: usize| Some(moments[i]).filter(|&moment| moment != DATE_EMPTY);
            return numbers_shown(selection, ground, |i| moment(i).map(|moment| moment as f64));
        }
        Typed::Category { levels, codes } => {
            let count = |side: &Mask| {
                let mut counts = vec![0; levels.len()];
                let codes = side.documents().map(|i| codes[i as usize]).filter(|&code| code != NO_CODE);
                let filled = codes.map(|code| counts[code as usize] += 1).count() as u32;
                (counts, filled)
            };
            unzipped(count(selection), count(ground))
        }
        Typed::List { levels, offsets, codes } => {
            let count = |side: &Mask| {
                let mut counts = vec![0; levels.len()];
                let (mut filled, mut own) = (0, Vec::new());
                for i in side.documents().map(|i| i as usize) {
                    own.clear();
                    own.extend_from_slice(&codes[offsets[i] as usize..offsets[i + 1] as usize]);
                    own.sort_unstable();
                    own.dedup();
                    own.iter().for_each(|&code| counts[code as usize] += 1);
                    filled += u32::from(!own.is_empty());
                }
                (counts, filled)
            };
            unzipped(count(selection), count(ground))
        }
    };
    let mut shown: Vec<Shown> = Vec::new();
    for (level, [inside, outside]) in levels.iter().enumerate().filter(|(_, counts)| **counts != [0, 0]) {
        let contrast = Contrast {
            inside: Counts { with: *inside, of: filled[0] },
            outside: Counts { with: *outside, of: filled[1] },
        };
        shown.push(Shown::Level { level: level as u32, contrast });
    }
    // Of a column with two values, one says all that the other does.
    if let ([Shown::Level { contrast: first, .. }, Shown::Level { .. }], Typed::Category { .. }) =
        (&shown[..], typed)
    {
        shown.remove(usize::from(first.cohens_h() >= 0.0));
    }
    shown.extend(empty(filled, selection, ground));
    shown
}

/// The counts of each level on both sides, and the cells that are not empty.
fn unzipped(
    (inside, filled_inside): (Vec<u32>, u32),
    (outside, filled_outside): (Vec<u32>, u32),
) -> (Vec<[u32; 2]>, [u32; 2]) {
    (inside.into_iter().zip(outside).map(|(a, b)| [a, b]).collect(), [filled_inside, filled_outside])
}

fn numbers_shown(selection: &Mask, ground: &Mask, number: impl Fn(usize) -> Option<f64>) -> Vec<Shown> {
    let side = |side: &Mask, inside: bool| -> Vec<(f64, bool)> {
        side.documents().filter_map(|i| Some((number(i as usize)?, inside))).collect()
    };
    let mut numbers = side(selection, true);
    numbers.extend(side(ground, false));
    let contrast = RankContrast::of(numbers);
    let filled = [contrast.inside.count, contrast.outside.count];
    let mut shown = Vec::new();
    if filled.iter().all(|&count| count > 0) {
        shown.push(Shown::Numbers { contrast });
    }
    shown.extend(empty(filled, selection, ground));
    shown
}

/// The empty cells, where there are some.
fn empty([inside, outside]: [u32; 2], selection: &Mask, ground: &Mask) -> Option<Shown> {
    let counts =
        |filled: u32, side: &Mask| Counts { with: side.count() as u32 - filled, of: side.count() as u32 };
    let contrast = Contrast { inside: counts(inside, selection), outside: counts(outside, ground) };
    (contrast.inside.with + contrast.outside.with > 0).then_some(Shown::Empty { contrast })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, typed: Typed) -> Column {
        Column { name: name.into(), cells: [""; 0].iter().collect(), typed }
    }

    fn levels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// The first twenty of a hundred documents, which are mostly red, never blue, high, old and tagged.
    fn columns() -> Vec<Column> {
        let colour = |i: u32| {
            if i < 18 {
                1
            } else if i < 20 {
                2
            } else if i < 98 {
                i % 3 * 2
            } else {
                NO_CODE
            }
        };
        let codes: Vec<u32> = (0..100).map(colour).map(|code| if code == 4 { 0 } else { code }).collect();
        let tags: Vec<Vec<u32>> = (0..100).map(|i| if i < 20 { vec![0, 1, 1] } else { vec![0] }).collect();
        vec![
            column("text", Typed::Text),
            column("colour", Typed::Category { levels: levels(&["blue", "red", "green"]), codes }),
            column(
                "height",
                Typed::Number(
                    (0..100).map(|i| if i < 20 { 80.0 + f64::from(i) } else { f64::from(i) }).collect(),
                ),
            ),
            column("when", Typed::Date((0..100).map(|i| if i < 20 { DATE_EMPTY } else { i }).collect())),
            column(
                "tags",
                Typed::List {
                    levels: levels(&["all", "some"]),
                    offsets: tags
                        .iter()
                        .scan(0, |sum, tags| {
                            let start = *sum;
                            *sum += tags.len() as u64;
                            Some(start)
                        })
                        .chain([tags.iter().map(Vec::len).sum::<usize>() as u64])
                        .collect(),
                    codes: tags.concat(),
                },
            ),
            column(
                "same",
                Typed::Category { levels: levels(&["a", "b"]), codes: (0..100).map(|i| i % 2).collect() },
            ),
        ]
    }

    fn find(count: usize) -> SpecialValues {
        let selection = Mask::of_fn(100, |i| i < 20);
        special_values(&columns(), &[], &selection, &selection.not(), count, &Ctx::quiet()).unwrap()
    }

    fn level_of(found: &SpecialValues, column: usize, wanted: u32) -> Option<(SpecialValue, Contrast)> {
        found.values.iter().find_map(|value| match value.shown {
            Shown::Level { level, contrast } if value.column == column && level == wanted => {
                Some((*value, contrast))
            }
            _ => None,
        })
    }

    #[test]
    fn values_that_are_over_and_under_represented_come_with_their_counts() {
        let found = find(100);
        let (red, counts) = level_of(&found, 1, 1).unwrap();
        assert_eq!(
            (counts.inside, counts.outside),
            (Counts { with: 18, of: 20 }, Counts { with: 0, of: 78 })
        );
        assert!(red.effect > 2.0 && red.false_discovery_rate < 1e-6);
        let (blue, counts) = level_of(&found, 1, 0).unwrap();
        assert!(blue.effect < -0.8 && counts.inside.with == 0);
        assert!(level_of(&found, 5, 0).is_none() && level_of(&found, 5, 1).is_none(), "no difference");
        assert!(found.values.is_sorted_by(|a, b| a.effect.abs() >= b.effect.abs()));
        assert_eq!(find(2).values, found.values[..2]);
    }

    #[test]
    fn a_value_counts_once_a_document_in_a_list() {
        let (_, counts) = level_of(&find(100), 4, 1).unwrap();
        assert_eq!(
            (counts.inside, counts.outside),
            (Counts { with: 20, of: 20 }, Counts { with: 0, of: 80 })
        );
        assert!(level_of(&find(100), 4, 0).is_none(), "everybody has it");
    }

    #[test]
    fn numbers_that_are_higher_and_cells_that_are_empty_are_found() {
        let found = find(100);
        let shown =
            |column: usize| found.values.iter().find(|v| v.column == column).map(|v| (v.effect, v.shown));
        let Some((effect, Shown::Numbers { contrast })) = shown(2) else { panic!("{found:?}") };
        assert_eq!((contrast.inside.median, contrast.outside.median), (89.5, 59.5));
        assert!(effect > 0.8 && contrast.cliffs_delta > 0.5);
        let Some((effect, Shown::Empty { contrast })) = shown(3) else { panic!("{found:?}") };
        assert_eq!((contrast.inside.with, contrast.outside.with), (20, 0));
        assert!(effect > 3.0);
    }

    #[test]
    fn of_two_values_only_the_one_that_the_selection_has_more_of_is_told() {
        let codes = (0..100).map(|i| u32::from(i < 20)).collect();
        let columns = [column("two", Typed::Category { levels: levels(&["no", "yes"]), codes })];
        let selection = Mask::of_fn(100, |i| i < 20);
        let found = special_values(&columns, &[], &selection, &selection.not(), 9, &Ctx::quiet()).unwrap();
        assert!(
            matches!(found.values[..], [SpecialValue { shown: Shown::Level { level: 1, .. }, .. }]),
            "{found:?}"
        );
        let left_out =
            special_values(&columns, &[0], &selection, &selection.not(), 9, &Ctx::quiet()).unwrap();
        assert_eq!(left_out, SpecialValues::default());
    }
}
