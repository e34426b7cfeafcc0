//! Dates and moments as files hold them, in seconds since 1970-01-01 UTC. A time without a zone is taken as UTC.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

use super::numbers::is_missing;

/// Seconds or milliseconds that are taken for moments lie between 1990 and 2100.
const EPOCH_SECONDS: std::ops::Range<i64> = 631_152_000..4_102_444_800;

/// How a column writes its dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// 2024-05-31, 2024/05/31, 2024-05, with or without a time and a zone.
    YearFirst,
    /// 31.05.2024, 31/05/2024
    DayFirst,
    /// 05/31/2024
    MonthFirst,
    /// Fri, 31 May 2024 10:00:00 +0200
    Mail,
    /// 1717142400, taken for a moment only in a column whose name says so.
    Epoch,
}

const STYLES: [Style; 4] = [Style::YearFirst, Style::DayFirst, Style::MonthFirst, Style::Mail];

/// The style in which the fewest of these cells fail to be dates, and how many do. 03/04/2024 alone could be March
/// or April: without a cell that decides, the column holds no dates.
pub(super) fn best_style<'a>(
    name: &str,
    cells: impl Iterator<Item = &'a str> + Clone,
) -> Option<(Style, usize)> {
    let failing =
        |style| cells.clone().filter(|cell| !is_missing(cell.trim()) && parse(cell, style).is_none()).count();
    if names_a_moment(name) && failing(Style::Epoch) == 0 {
        return Some((Style::Epoch, 0));
    }
    let tried = STYLES.map(|style| (style, failing(style)));
    let best = tried.into_iter().min_by_key(|&(_, failing)| failing)?;
    let ambiguous = tried.iter().filter(|(_, failing)| *failing == best.1).count() > 1;
    (!ambiguous).then_some(best)
}

/// Whether a column is called after a moment: created_utc, timestamp, published_at.
fn names_a_moment(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let parts: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    const MOMENTS: [&str; 9] =
        ["utc", "timestamp", "epoch", "time", "date", "datetime", "created", "unixtime", "ts"];
    parts.iter().any(|part| MOMENTS.contains(part)) || parts.last() == Some(&"at")
}

/// The moment in a cell.
pub(super) fn parse(cell: &str, style: Style) -> Option<i64> {
    let cell = cell.trim();
    match style {
        Style::Epoch => epoch(cell),
        Style::Mail => rfc2822::parse(cell).ok().map(|zoned| zoned.timestamp().as_second()),
        _ => civil(cell, style),
    }
}

/// Whether a cell alone would be taken for a date.
pub(super) fn is_date(cell: &str) -> bool {
    STYLES.into_iter().any(|style| parse(cell, style).is_some())
}

fn epoch(cell: &str) -> Option<i64> {
    // JSON writers that know only doubles append ".0".
    let (whole, fraction) = cell.split_once('.').unwrap_or((cell, "0"));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    [number, number / 1_000].into_iter().find(|seconds| EPOCH_SECONDS.contains(seconds))
}

fn civil(cell: &str, style: Style) -> Option<i64> {
    if !cell.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let split = cell.find(['T', 't', ' ']).unwrap_or(cell.len());
    let (day, time) = cell.split_at(split);
    let date = date(day, style)?;
    // One "T" or any blanks stand between a date and a time.
    let time = time.strip_prefix(['T', 't']).unwrap_or(time).trim();
    if time.is_empty() && day.len() == cell.len() {
        return seconds(date.to_datetime(jiff::civil::Time::midnight()));
    }
    let normal = format!("{date}T{time}");
    match normal.parse::<Timestamp>() {
        Ok(moment) => Some(moment.as_second()),
        Err(_) if has_zone(time) => spaced_zone(date, time),
        Err(_) => normal.parse::<DateTime>().ok().and_then(seconds),
    }
}

/// Whether something that is not a digit of the time follows it.
fn has_zone(time: &str) -> bool {
    time.contains(['+', '-', 'Z', 'z', ' '])
}

/// "10:00:00 +0200", "10:00:00 UTC".
fn spaced_zone(date: Date, time: &str) -> Option<i64> {
    let (clock, zone) = time.split_once(' ')?;
    let zone = match zone.trim() {
        "UTC" | "GMT" => "Z",
        zone if zone.starts_with(['+', '-']) => zone,
        _ => return None,
    };
    format!("{date}T{clock}{zone}").parse::<Timestamp>().ok().map(Timestamp::as_second)
}

fn seconds(moment: DateTime) -> Option<i64> {
    moment.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_second())
}

/// The day that `text` names; a month alone is its first day.
fn date(text: &str, style: Style) -> Option<Date> {
    let mut parts = text.split(['-', '/', '.']);
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next());
    let separator = text.chars().find(|c| !c.is_ascii_digit())?;
    let uniform = text.chars().all(|c| c.is_ascii_digit() || c == separator);
    if parts.next().is_some() || !uniform {
        return None;
    }
    let (year, month, day) = match (style, c) {
        (Style::YearFirst, Some(c)) => (a, b, c),
        (Style::YearFirst, None) if separator != '.' => (a, b, "1"),
        (Style::DayFirst, Some(c)) => (c, b, a),
        (Style::MonthFirst, Some(c)) if separator == '/' => (c, a, b),
        _ => return None,
    };
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noon of 31 May 2024, UTC.
    const NOON: i64 = 1_717_156_800;
    const MIDNIGHT: i64 = NOON - 12 * 3_600;

    #[test]
    fn the_same_moment_in_many_dresses() {
        for cell in [
            "2024-05-31T12:00:00Z",
            "2024-05-31 12:00",
            "2024/05/31 12:00:00",
            "2024-05-31T14:00:00+02:00",
            "2024-05-31 14:00:00 +0200",
            "2024-05-31 12:00:00 UTC",
            "2024-05-31T12:00:00.123456",
        ] {
            assert_eq!(parse(cell, Style::YearFirst), Some(NOON), "{cell}");
        }
        assert_eq!(parse("31.05.2024 12:00", Style::DayFirst), Some(NOON));
        assert_eq!(parse("5/31/2024", Style::MonthFirst), Some(MIDNIGHT));
        assert_eq!(parse("Fri, 31 May 2024 14:00:00 +0200", Style::Mail), Some(NOON));
        assert_eq!(parse("1717156800.0", Style::Epoch), Some(NOON));
        assert_eq!(parse("1717156800123", Style::Epoch), Some(NOON));
    }

    #[test]
    fn a_month_is_its_first_day() {
        assert_eq!(parse("2024-06", Style::YearFirst), Some(MIDNIGHT + 86_400));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for cell in [
            "2024-13-01",
            "2024-02-30",
            "1.2.3",
            "10.1000/182",
            "24-05-31",
            "2024",
            "2024-05-31x",
            "2024-05.31",
            "",
        ] {
            assert!(!is_date(cell), "{cell}");
        }
    }

    #[test]
    fn day_and_month_are_told_apart_only_by_a_cell_that_decides() {
        let style =
            |cells: &[&'static str]| best_style("when", cells.iter().copied()).map(|(style, _)| style);
        assert_eq!(style(&["03/04/2024", "31/05/2024"]), Some(Style::DayFirst));
        assert_eq!(style(&["03/04/2024", "05/31/2024"]), Some(Style::MonthFirst));
        assert_eq!(style(&["03/04/2024", ""]), None);
        assert_eq!(style(&["03.04.2024"]), Some(Style::DayFirst));
    }

    #[test]
    fn seconds_are_moments_only_under_a_name_that_says_so() {
        assert_eq!(best_style("created_utc", ["1345107919"].into_iter()), Some((Style::Epoch, 0)));
        assert_eq!(best_style("score", ["1345107919"].into_iter()), None);
    }
}
