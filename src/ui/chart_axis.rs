//! What a chart counts documents by: a value, a step of a number, a stretch of time. Computed by workers.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::data::{Clusters, Corpus, DATE_EMPTY, Names, Typed};
use crate::math::cross_table::Groups;

use super::format;

/// Steps of a histogram.
const STEPS: usize = 24;
/// Numbers without fractions have a step each up to so many.
const WHOLE_STEPS: f64 = 40.0;
/// Stretches of time in a chart.
const STRETCHES: usize = 60;
/// The length of a run of years where single ones are too many.
const RUNS: [i16; 9] = [1, 2, 5, 10, 20, 50, 100, 500, 1000];

/// What documents are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    Cluster,
    /// A column of the corpus.
    Column(usize),
}

/// What the groups of an axis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisKind {
    /// Values without an order.
    Values,
    /// Values of which a document may have several.
    Lists,
    /// Steps from small to large.
    Steps,
    /// Stretches of time, the earliest first.
    Time(Stretch),
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    Day,
    /// From Monday to Sunday.
    Week,
    Month,
    /// So many years, the first a multiple of their number.
    Years(i16),
}

impl Stretch {
    /// What one is called.
    pub fn name(self) -> String {
        match self {
            Self::Day => "day".into(),
            Self::Week => "week".into(),
            Self::Month => "month".into(),
            Self::Years(1) => "year".into(),
            Self::Years(n) => format!("{n} years"),
        }
    }

    /// The shortest of which `most` cover the days from `low` to `high`.
    fn covering(low: Date, high: Date, most: usize) -> Self {
        let years = RUNS.into_iter().map(Self::Years);
        let mut all = [Self::Day, Self::Week, Self::Month].into_iter().chain(years);
        let longest = Self::Years(RUNS[RUNS.len() - 1]);
        all.find(|stretch| stretch.place(high, low) < most as i64).unwrap_or(longest)
    }

    /// The first day of the stretch that a day lies in.
    fn begin(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => {
                let back = i64::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(back.days()).unwrap_or(day)
            }
            Self::Month => day.first_of_month(),
            Self::Years(n) => {
                let year = day.year().div_euclid(n) * n;
                Date::new(year, 1, 1).unwrap_or_else(|_| day.first_of_year())
            }
        }
    }

    /// How many stretches lie between the one of `first` and the one of `day`.
    fn place(self, day: Date, first: Date) -> i64 {
        let days = |date: Date| {
            let moment = date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp().as_second());
            moment.unwrap_or(0).div_euclid(86_400)
        };
        let months = |date: Date| i64::from(date.year()) * 12 + i64::from(date.month());
        match self {
            Self::Day => days(day) - days(first),
            Self::Week => (days(self.begin(day)) - days(self.begin(first))) / 7,
            Self::Month => months(day) - months(first),
            Self::Years(n) => i64::from(day.year().div_euclid(n)) - i64::from(first.year().div_euclid(n)),
        }
    }

    /// The first day of the stretch that comes `place` after that of `first`.
    fn nth(self, place: i64, first: Date) -> Date {
        let begin = self.begin(first);
        let later = match self {
            Self::Day => begin.checked_add(place.days()),
            Self::Week => begin.checked_add((7 * place).days()),
            Self::Month => begin.checked_add(place.months()),
            Self::Years(n) => begin.checked_add((i64::from(n) * place).years()),
        };
        later.unwrap_or(begin)
    }

    fn label(self, begin: Date) -> String {
        match self {
            Self::Day => begin.to_string(),
            Self::Week => format!("week of {begin}"),
            Self::Month => format!("{:04}-{:02}", begin.year(), begin.month()),
            Self::Years(1) => begin.year().to_string(),
            Self::Years(n) => format!("{}–{}", begin.year(), begin.year() + n - 1),
        }
    }
}

/// Where the groups of documents are.
#[derive(Clone)]
enum Source {
    Clusters(Arc<Clusters>),
    Corpus(Arc<Corpus>, usize),
    /// One a document, `u32::MAX` for none.
    Codes(Vec<u32>),
}

/// The groups by which documents are counted.
#[derive(Clone)]
pub struct Axis {
    pub by: By,
    pub name: String,
    pub kind: AxisKind,
    /// What each group is called.
    pub labels: Vec<String>,
    /// The smallest and the largest value, where groups are steps from one to the other.
    range: Option<(String, String)>,
    source: Source,
}

impl Axis {
    /// The clusters.
    pub fn of_clusters(clusters: &Arc<Clusters>, names: Option<&Names>) -> Self {
        let title = |label: usize| match names.and_then(|names| names.clusters.get(label)) {
            Some(name) => name.title.clone(),
            None => format!("Cluster {}", label + 1),
        };
        Self {
            by: By::Cluster,
            name: "Cluster".into(),
            kind: AxisKind::Values,
            labels: (0..clusters.count).map(title).collect(),
            range: None,
            source: Source::Clusters(clusters.clone()),
        }
    }

    /// A column; numbers and dates in at most `most` steps, or as many as suit a chart. `None` for text, and where no
    /// cell has a value.
    pub fn of_column(corpus: &Arc<Corpus>, column: usize, most: Option<usize>) -> Option<Self> {
        let given = corpus.columns.get(column)?;
        let mut range = None;
        let (kind, labels, source) = match &given.typed {
            Typed::Text => return None,
            Typed::Category { levels, .. } => {
                (AxisKind::Values, named(levels), Source::Corpus(corpus.clone(), column))
            }
            Typed::List { levels, .. } => {
                (AxisKind::Lists, named(levels), Source::Corpus(corpus.clone(), column))
            }
            Typed::Number(numbers) => {
                let (labels, codes) = steps(numbers, most)?;
                let (low, high) = range_of(numbers);
                range = Some((format::number(low), format::number(high)));
                (AxisKind::Steps, labels, Source::Codes(codes))
            }
            Typed::Date(moments) => {
                let (stretch, labels, codes) = stretches(moments, most.unwrap_or(STRETCHES))?;
                (AxisKind::Time(stretch), labels, Source::Codes(codes))
            }
        };
        let name = given.name.clone();
        (!labels.is_empty()).then_some(Self { by: By::Column(column), name, kind, labels, range, source })
    }

    /// The groups of every document.
    pub fn groups(&self) -> Groups<'_> {
        match &self.source {
            Source::Clusters(clusters) => Groups::One(&clusters.labels),
            Source::Codes(codes) => Groups::One(codes),
            Source::Corpus(corpus, column) => match &corpus.columns[*column].typed {
                Typed::Category { codes, .. } => Groups::One(codes),
                Typed::List { offsets, codes, .. } => Groups::Several { offsets, codes },
                // No other kind becomes such an axis.
                Typed::Text | Typed::Number(_) | Typed::Date(_) => Groups::One(&[]),
            },
        }
    }

    /// Whether its groups have an order of their own.
    pub fn is_ordered(&self) -> bool {
        matches!(self.kind, AxisKind::Steps | AxisKind::Time(_))
    }

    /// What stands at the two ends of an ordered axis.
    pub fn ends(&self) -> (&str, &str) {
        match (&self.range, &self.labels[..]) {
            (Some((low, high)), _) => (low, high),
            (None, [first, .., last]) => (first, last),
            (None, [only]) => (only, only),
            (None, []) => ("", ""),
        }
    }

    /// What it counts by, in a few words.
    pub fn meaning(&self) -> String {
        match self.kind {
            AxisKind::Values if self.by == By::Cluster => "clusters".into(),
            AxisKind::Values => "category".into(),
            AxisKind::Lists => "list".into(),
            AxisKind::Steps => "number".into(),
            AxisKind::Time(stretch) => format!("by {}", stretch.name()),
        }
    }
}

fn named(levels: &[String]) -> Vec<String> {
    levels.iter().map(|level| if level.is_empty() { "(empty)".into() } else { level.clone() }).collect()
}

/// The smallest and the largest of the numbers that are there.
fn range_of(numbers: &[f64]) -> (f64, f64) {
    let finite = numbers.iter().copied().filter(|v| v.is_finite());
    finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// Labels of the steps of some numbers, and the step of each.
fn steps(numbers: &[f64], most: Option<usize>) -> Option<(Vec<String>, Vec<u32>)> {
    let finite = || numbers.iter().copied().filter(|v| v.is_finite());
    let (low, high) = range_of(numbers);
    if low > high {
        return None;
    }
    let whole_steps = most.map_or(WHOLE_STEPS, |most| most as f64);
    let whole = high - low < whole_steps && finite().all(|v| v.fract() == 0.0);
    let count = if whole { (high - low) as usize + 1 } else { most.unwrap_or(STEPS) };
    let count = if high > low { count } else { 1 };
    let step = if whole { 1.0 } else { (high - low) / count as f64 };
    let code = |v: &f64| {
        if !v.is_finite() {
            return u32::MAX;
        }
        let place = if step > 0.0 { (v - low) / step } else { 0.0 };
        (place as u32).min(count as u32 - 1)
    };
    let label = |i: usize| {
        let from = low + i as f64 * step;
        if whole || step == 0.0 {
            return format::number(from);
        }
        format!("{} – {}", format::number(from), format::number(low + (i + 1) as f64 * step))
    };
    Some(((0..count).map(label).collect(), numbers.iter().map(code).collect()))
}

fn stretches(moments: &[i64], most: usize) -> Option<(Stretch, Vec<String>, Vec<u32>)> {
    let filled = || moments.iter().copied().filter(|&moment| moment != DATE_EMPTY);
    let day = |moment: i64| {
        let moment = Timestamp::from_second(moment).unwrap_or(Timestamp::UNIX_EPOCH);
        moment.to_zoned(TimeZone::UTC).date()
    };
    let (first, last) = (day(filled().min()?), day(filled().max()?));
    let stretch = Stretch::covering(first, last, most);
    let count = stretch.place(last, first) + 1;
    // Moments are many and stretches few: each is found among their beginnings.
    let begins: Vec<Date> = (0..count).map(|place| stretch.nth(place, first)).collect();
    let seconds = |date: &Date| {
        let moment = date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp().as_second());
        moment.unwrap_or(i64::MIN)
    };
    let borders: Vec<i64> = begins.iter().skip(1).map(seconds).collect();
    let code = |&moment: &i64| match moment {
        DATE_EMPTY => u32::MAX,
        moment => borders.partition_point(|&border| border <= moment) as u32,
    };
    let labels = begins.iter().map(|&begin| stretch.label(begin)).collect();
    Some((stretch, labels, moments.iter().map(code).collect()))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn seconds(day: Date) -> i64 {
        day.to_zoned(TimeZone::UTC).unwrap().timestamp().as_second()
    }

    fn time(days: &[Date], most: usize) -> (Stretch, Vec<String>, Vec<u32>) {
        let moments: Vec<i64> = days.iter().map(|&day| seconds(day) + 3600).chain([DATE_EMPTY]).collect();
        stretches(&moments, most).unwrap()
    }

    #[test]
    fn the_span_decides_between_days_weeks_months_and_years() {
        let begin = date(2024, 1, 31);
        let to = |day| time(&[begin, day], 60).0;
        assert_eq!(to(date(2024, 3, 1)), Stretch::Day);
        assert_eq!(to(date(2024, 12, 31)), Stretch::Week);
        assert_eq!(to(date(2027, 1, 1)), Stretch::Month);
        assert_eq!(to(date(2040, 1, 1)), Stretch::Years(1));
        assert_eq!(to(date(2300, 1, 1)), Stretch::Years(5));
    }

    #[test]
    fn a_day_counts_to_the_stretch_it_lies_in() {
        let (stretch, labels, codes) = time(&[date(2023, 11, 30), date(2024, 2, 29), date(2027, 3, 1)], 60);
        assert_eq!((stretch, labels.len()), (Stretch::Month, 41));
        assert_eq!((labels[0].as_str(), labels[3].as_str()), ("2023-11", "2024-02"));
        assert_eq!(codes, [0, 3, 40, u32::MAX]);
        // 3 January 2021 was a Sunday.
        let (stretch, labels, codes) = time(&[date(2021, 1, 3), date(2021, 1, 4), date(2021, 4, 1)], 60);
        assert_eq!((stretch, labels[0].as_str()), (Stretch::Week, "week of 2020-12-28"));
        assert_eq!(codes[..3], [0, 1, 13]);
        let (stretch, labels, codes) = time(&[date(1989, 1, 1), date(2024, 1, 1)], 12);
        assert_eq!((stretch, labels[0].as_str(), labels.len()), (Stretch::Years(5), "1985–1989", 8));
        assert_eq!(codes[..2], [0, 7]);
    }

    #[test]
    fn whole_numbers_have_a_step_each_where_they_are_few() {
        let (labels, codes) = steps(&[1990.0, 1992.0, f64::NAN], None).unwrap();
        assert_eq!(
            (labels, codes),
            (vec!["1990".into(), "1991".into(), "1992".into()], vec![0, 2, u32::MAX])
        );
        let (labels, codes) = steps(&[0.0, 0.5, 12.0], Some(12)).unwrap();
        assert_eq!((labels[0].as_str(), labels.len(), codes), ("0 – 1", 12, vec![0, 0, 11]));
        assert_eq!(steps(&[2.5, 2.5], None).unwrap().0, ["2.5"]);
        assert_eq!(steps(&[f64::NAN], None), None);
    }
}
