//! A column's values put together from rows of other columns of its kind.

use std::collections::HashMap;

use super::{DATE_EMPTY, NO_CODE, NO_ROW, Typed};

/// Rows of a column in the order they are wanted; [`NO_ROW`] is an empty cell.
pub type TypedRows<'a> = (&'a Typed, &'a [u32]);

impl Typed {
    /// The rows of all `parts`, one after the other. Levels are those that are still in use, most frequent first (ties
    /// in the order in which they come).
    ///
    /// `None` where there is no part, or the parts are of different kinds.
    pub fn gather(parts: &[TypedRows<'_>]) -> Option<Typed> {
        let rows = parts.iter().map(|(_, rows)| rows.len()).sum();
        match parts.first()?.0 {
            Typed::Text => parts.iter().all(|(typed, _)| matches!(typed, Typed::Text)).then_some(Typed::Text),
            Typed::Number(_) => {
                let mut numbers = Vec::with_capacity(rows);
                for (typed, rows) in parts {
                    let Typed::Number(from) = typed else { return None };
                    numbers.extend(picked(from, rows, f64::NAN));
                }
                Some(Typed::Number(numbers))
            }
            Typed::Date(_) => {
                let mut dates = Vec::with_capacity(rows);
                for (typed, rows) in parts {
                    let Typed::Date(from) = typed else { return None };
                    dates.extend(picked(from, rows, DATE_EMPTY));
                }
                Some(Typed::Date(dates))
            }
            Typed::Category { .. } => {
                let (mut merged, mut codes) = (Levels::default(), Vec::with_capacity(rows));
                for (typed, rows) in parts {
                    let Typed::Category { levels, codes: from } = typed else { return None };
                    let mut known = vec![NO_CODE; levels.len()];
                    codes.extend(
                        picked(from, rows, NO_CODE).map(|code| merged.count(levels, &mut known, code)),
                    );
                }
                let levels = merged.by_frequency(&mut codes);
                Some(Typed::Category { levels, codes })
            }
            Typed::List { .. } => {
                let (mut merged, mut codes) = (Levels::default(), Vec::new());
                let mut offsets = Vec::with_capacity(rows + 1);
                offsets.push(0);
                for (typed, rows) in parts {
                    let Typed::List { levels, offsets: starts, codes: from } = typed else { return None };
                    let mut known = vec![NO_CODE; levels.len()];
                    for &row in *rows {
                        if row != NO_ROW {
                            let range = starts[row as usize] as usize..starts[row as usize + 1] as usize;
                            codes.extend(
                                from[range].iter().map(|&code| merged.count(levels, &mut known, code)),
                            );
                        }
                        offsets.push(codes.len() as u64);
                    }
                }
                let levels = merged.by_frequency(&mut codes);
                Some(Typed::List { levels, offsets, codes })
            }
        }
    }
}

fn picked<'a, T: Copy>(from: &'a [T], rows: &'a [u32], empty: T) -> impl Iterator<Item = T> + 'a {
    rows.iter().map(move |&row| if row == NO_ROW { empty } else { from[row as usize] })
}

/// Levels from several columns, in the order they come.
#[derive(Default)]
struct Levels<'a> {
    codes: HashMap<&'a str, u32>,
    names: Vec<&'a str>,
    counts: Vec<u64>,
}

impl<'a> Levels<'a> {
    /// The common code of `code` of `levels`; `known` remembers those that were asked for.
    fn count(&mut self, levels: &'a [String], known: &mut [u32], code: u32) -> u32 {
        let Some(slot) = known.get_mut(code as usize) else { return NO_CODE };
        if *slot == NO_CODE {
            let name = levels[code as usize].as_str();
            *slot = *self.codes.entry(name).or_insert(self.names.len() as u32);
            if *slot as usize == self.names.len() {
                self.names.push(name);
                self.counts.push(0);
            }
        }
        self.counts[*slot as usize] += 1;
        *slot
    }

    /// The names, most frequent first; `codes` are renumbered accordingly.
    fn by_frequency(self, codes: &mut [u32]) -> Vec<String> {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_by_key(|&code| (std::cmp::Reverse(self.counts[code]), code));
        let new_codes = inverse(&order);
        for code in codes.iter_mut() {
            *code = new_codes.get(*code as usize).copied().unwrap_or(NO_CODE);
        }
        order.into_iter().map(|code| self.names[code].to_owned()).collect()
    }
}

fn inverse(order: &[usize]) -> Vec<u32> {
    let mut places = vec![NO_CODE; order.len()];
    order.iter().enumerate().for_each(|(new, &old)| places[old] = new as u32);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(levels: &[&str], codes: &[u32]) -> Typed {
        Typed::Category { levels: levels.iter().map(|l| l.to_string()).collect(), codes: codes.to_vec() }
    }

    #[test]
    fn levels_of_two_columns_become_one_list_most_frequent_first() {
        let (a, b) = (category(&["x", "y"], &[0, 1, 0]), category(&["y", "z"], &[0, 0, 1, NO_CODE]));
        let Some(Typed::Category { levels, codes }) =
            Typed::gather(&[(&a, &[0, 1]), (&b, &[0, 1, 2, 3, NO_ROW])])
        else {
            panic!()
        };
        assert_eq!(levels, ["y", "x", "z"]);
        assert_eq!(codes, [1, 0, 0, 0, 2, NO_CODE, NO_CODE]);
    }

    #[test]
    fn lists_keep_their_values_and_empty_rows_have_none() {
        let list = Typed::List {
            levels: vec!["x".into(), "y".into()],
            offsets: vec![0, 2, 3],
            codes: vec![0, 1, 1],
        };
        let Some(Typed::List { levels, offsets, codes }) = Typed::gather(&[(&list, &[1, NO_ROW, 1, 0])])
        else {
            panic!()
        };
        assert_eq!(levels, ["y", "x"]);
        assert_eq!((offsets, codes), (vec![0, 1, 1, 2, 4], vec![0, 0, 1, 0]));
    }

    #[test]
    fn numbers_and_dates_are_picked_and_kinds_do_not_mix() {
        let (numbers, dates) = (Typed::Number(vec![1.0, 2.0]), Typed::Date(vec![7, 8]));
        let Some(Typed::Number(got)) = Typed::gather(&[(&numbers, &[1, NO_ROW, 0])]) else { panic!() };
        assert!(got[0] == 2.0 && got[1].is_nan() && got[2] == 1.0);
        let Some(Typed::Date(got)) = Typed::gather(&[(&dates, &[NO_ROW, 1])]) else { panic!() };
        assert_eq!(got, [DATE_EMPTY, 8]);
        assert!(Typed::gather(&[(&numbers, &[0]), (&dates, &[0])]).is_none());
    }
}
