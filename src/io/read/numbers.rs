//! Numbers as people and programs write them.

/// A longer run of digits is an id: a double would not keep all of it.
const MAX_DIGITS: usize = 15;

/// What the point and the comma mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// 1234.5
    Plain,
    /// 1,234.5
    Commas,
    /// 1.234,5
    Points,
}

/// Cells that stand for "no value" among numbers and dates.
pub(super) fn is_missing(cell: &str) -> bool {
    const MARKS: [&str; 12] = ["", "-", "--", ".", "?", "na", "n/a", "#n/a", "nan", "null", "none", "nil"];
    cell.len() <= 4 && MARKS.iter().any(|mark| mark.eq_ignore_ascii_case(cell))
}

/// The style in which the fewest of these cells fail to be numbers, and how many do. Where "1,234" could be either,
/// the comma groups.
pub(super) fn best_style<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> (Style, usize) {
    let failing =
        |style| cells.clone().filter(|cell| !is_missing(cell.trim()) && parse(cell, style).is_none()).count();
    let plain = (Style::Plain, failing(Style::Plain));
    if plain.1 == 0 {
        return plain;
    }
    let others = [Style::Commas, Style::Points].map(|style| (style, failing(style)));
    others.into_iter().fold(plain, |best, other| if other.1 < best.1 { other } else { best })
}

/// The number in a cell; `None` for ids such as "007" and for anything but a finite number.
pub(super) fn parse(cell: &str, style: Style) -> Option<f64> {
    let cell = cell.trim();
    let unsigned = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    // This also keeps words like "inf" out.
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == ',') {
        return None;
    }
    let (group, point) = match style {
        Style::Plain => (None, '.'),
        Style::Commas => (Some(','), '.'),
        Style::Points => (Some('.'), ','),
    };
    let end = unsigned.find([point, 'e', 'E']).unwrap_or(unsigned.len());
    let (whole, rest) = unsigned.split_at(end);
    let digits = whole.chars().filter(char::is_ascii_digit).count();
    if digits > MAX_DIGITS || whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    let plain = match group {
        Some(group) if whole.contains(group) => {
            let mut groups = whole.split(group);
            let first = groups.next()?;
            if !(1..=3).contains(&first.len()) || first == "0" || groups.any(|g| g.len() != 3) {
                return None;
            }
            whole.replace(group, "")
        }
        _ => whole.to_owned(),
    };
    if !plain.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let sign = if cell.starts_with('-') { "-" } else { "" };
    let text =
        format!("{sign}{plain}{}", if point == ',' { rest.replacen(',', ".", 1) } else { rest.to_owned() });
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whether a cell alone would be taken for a number.
pub(super) fn is_number(cell: &str) -> bool {
    parse(cell, Style::Plain).is_some() || parse(cell, Style::Commas).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_words_are_no_numbers() {
        for cell in
            ["007", "inf", "nan", "12a", "1 2", "1e999", "", "12345678901234567", "--5", "1.2.3", "0x1f", "-"]
        {
            assert_eq!(parse(cell, Style::Plain), None, "{cell}");
        }
    }

    #[test]
    fn plain_numbers_are_read() {
        let read = ["0", "-1", "+2", ".5", "0.25", "1e3", " 7 ", "3."].map(|cell| parse(cell, Style::Plain));
        assert_eq!(read, [0.0, -1.0, 2.0, 0.5, 0.25, 1000.0, 7.0, 3.0].map(Some));
    }

    #[test]
    fn the_comma_means_what_the_whole_column_allows() {
        assert_eq!(best_style(["1,234", "12"].into_iter()), (Style::Commas, 0));
        assert_eq!(best_style(["1,5", "1.234,25"].into_iter()), (Style::Points, 0));
        assert_eq!(best_style(["0,123", "0,5"].into_iter()), (Style::Points, 0));
        assert_eq!(best_style(["1.5", "n/a", "2"].into_iter()), (Style::Plain, 0));
        assert_eq!(best_style(["1,5", "1.5,2.5"].into_iter()).1, 1);
        assert_eq!(parse("-1,234,567.5", Style::Commas), Some(-1_234_567.5));
        assert_eq!(parse("1.234,5", Style::Points), Some(1234.5));
    }
}
