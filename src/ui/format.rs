//! Numbers, times and paths as a person reads them.

use std::time::Duration;

/// Thousands are grouped by commas: 74,728.
pub fn count(n: impl Into<u128>) -> String {
    let digits = n.into().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// [`count`] of a length.
pub fn len(n: usize) -> String {
    count(n as u128)
}

/// "1 row", "2 rows".
pub fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", len(n), if n == 1 { one } else { many })
}

/// A share in [0, 1] as a percentage with one digit.
pub fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A duration in the one or two units that matter: "0.4 s", "12 s", "4 min", "2 h 5 min".
pub fn duration(d: Duration) -> String {
    let seconds = d.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else if seconds < 90.0 {
        format!("{seconds:.0} s")
    } else if seconds < 3600.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        let minutes = (seconds / 60.0).round() as u64;
        format!("{} h {} min", minutes / 60, minutes % 60)
    }
}

/// A rate with as many digits as mean something: "0.8/s", "118/s", "4,200/s".
pub fn rate(per_second: f64) -> String {
    if per_second < 10.0 {
        format!("{per_second:.1}/s")
    } else {
        format!("{}/s", len(per_second.round() as usize))
    }
}

/// A size on disk: "512 KB", "90.9 MB".
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    let mut value = n as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 100.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// A number of a column: integers without a point, others with up to four significant digits.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    if value.fract() == 0.0 && value.abs() < 1e15 {
        // Years and other small integers stay as they are; larger ones are grouped.
        let sign = if value < 0.0 { "−" } else { "" };
        let whole = value.abs() as u128;
        return if whole < 10_000 { format!("{sign}{whole}") } else { format!("{sign}{}", count(whole)) };
    }
    let magnitude = value.abs().log10().floor() as i32;
    let digits = (3 - magnitude).clamp(0, 6) as usize;
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.replace('-', "−")
}

/// The day of a moment in seconds since 1970: "2024-03-09".
pub fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map(|moment| moment.to_zoned(jiff::tz::TimeZone::UTC).date().to_string())
        .unwrap_or_else(|_| "–".into())
}

/// How long ago a moment was: "just now", "5 minutes ago", "3 days ago"; from a month on, its day. Both in seconds
/// since 1970.
pub fn ago(moment: i64, now: i64) -> String {
    const DAY: i64 = 86_400;
    match now.saturating_sub(moment) {
        past if past < 60 => "just now".into(),
        past if past < 3600 => format!("{} ago", plural((past / 60) as usize, "minute", "minutes")),
        past if past < DAY => format!("{} ago", plural((past / 3600) as usize, "hour", "hours")),
        past if past < 30 * DAY => format!("{} ago", plural((past / DAY) as usize, "day", "days")),
        _ => date(moment),
    }
}

/// Cuts `text` to `max` characters by leaving out its middle, which for paths and ids says least.
pub fn elide_middle(text: &str, max: usize) -> String {
    let n = text.chars().count();
    if n <= max || max < 3 {
        return text.to_owned();
    }
    let head = (max - 1) / 2;
    let tail = max - 1 - head;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(n - tail).collect();
    format!("{start}…{end}")
}

/// The start of `text` on one line, at most `max` characters.
pub fn one_line(text: &str, max: usize) -> String {
    let mut line = String::new();
    for (n, c) in text.trim_start().chars().enumerate() {
        if n == max {
            line.push('…');
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(len(0), "0");
        assert_eq!(len(999), "999");
        assert_eq!(len(74_728), "74,728");
        assert_eq!(len(1_000_000), "1,000,000");
    }

    #[test]
    fn durations_name_the_units_that_matter() {
        assert_eq!(duration(Duration::from_millis(420)), "0.4 s");
        assert_eq!(duration(Duration::from_secs(61)), "61 s");
        assert_eq!(duration(Duration::from_secs(240)), "4 min");
        assert_eq!(duration(Duration::from_secs(7_500)), "2 h 5 min");
    }

    #[test]
    fn numbers_keep_years_and_group_the_rest() {
        assert_eq!(number(2024.0), "2024");
        assert_eq!(number(-1_234_567.0), "−1,234,567");
        assert_eq!(number(0.125), "0.125");
        assert_eq!(number(2.71653), "2.717");
        assert_eq!(number(f64::NAN), "–");
    }

    #[test]
    fn long_paths_lose_their_middle() {
        assert_eq!(elide_middle("/home/ada/papers/notes.csv", 15), "/home/a…tes.csv");
        assert_eq!(elide_middle("short", 15), "short");
    }

    #[test]
    fn sizes_have_three_digits_at_most() {
        assert_eq!(bytes(512_000), "512 KB");
        assert_eq!(bytes(90_900_000), "90.9 MB");
        assert_eq!(bytes(2_040_000_000), "2.0 GB");
    }

    #[test]
    fn a_day_is_written_as_in_a_file() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(1_709_942_400), "2024-03-09");
    }

    #[test]
    fn a_moment_is_told_by_how_long_ago_it_was() {
        let now = 1_709_942_400;
        let told = [0, 90, 7_300, 3 * 86_400, 40 * 86_400].map(|past| ago(now - past, now));
        assert_eq!(told, ["just now", "1 minute ago", "2 hours ago", "3 days ago", "2024-01-29"]);
        assert_eq!(ago(now + 50, now), "just now");
    }

    #[test]
    fn a_long_text_becomes_one_line() {
        assert_eq!(one_line("a\nb c", 10), "a b c");
        assert_eq!(one_line("abcdef", 3), "abc…");
    }
}
