//! Which columns an export has, and what stands in them: one place for CSV, JSON Lines and Parquet.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::data::{Clusters, Corpus, DATE_EMPTY, Edits, Goals, Layout, NO_CODE, Names, Typed, UNCLUSTERED};

/// Input columns whose names start so came from an earlier export and are replaced.
const OURS: &str = "semascope_";

/// What joins the values of a list in a CSV cell.
const LIST_JOINT: &str = ";";

const SECONDS_A_DAY: i64 = 86_400;

/// Documents by topics that are described by keywords.
#[derive(Clone, Copy)]
pub struct TopicCells<'a> {
    pub clusters: &'a Clusters,
    pub names: &'a Names,
    /// The score of each document's best topic, also where it has none because that is too low; NaN without a vector.
    pub scores: &'a [f32],
}

/// What documents are written from. What is not there yet (`None`) leaves its cells empty.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    pub corpus: &'a Corpus,
    pub layout: Option<&'a Layout>,
    pub clusters: Option<&'a Clusters>,
    pub names: Option<&'a Names>,
    /// Its explanations are written.
    pub goals: Option<&'a Goals>,
    /// The local outlier factor of each document; written where it is known.
    pub outliers: Option<&'a [f32]>,
    /// The topics described by keywords are written.
    pub topics: Option<TopicCells<'a>>,
    /// Their tags are written where there are any.
    pub edits: Option<&'a Edits>,
}

/// What the cells of a column hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Numbers of 64 bits.
    Number,
    /// Numbers of 32 bits.
    Single,
    Whole,
    List,
    /// Moments, in seconds since 1970-01-01 UTC.
    Moment,
    /// The same, all of them midnight.
    Day,
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    Empty,
    Text(&'a str),
    /// Finite.
    Number(f64),
    /// Finite.
    Single(f32),
    Whole(i64),
    List(Vec<&'a str>),
    Moment(i64),
    Day(i64),
}

/// One column of an export.
pub struct Column<'a> {
    pub name: Cow<'a, str>,
    of: Of<'a>,
}

enum Of<'a> {
    Input(&'a crate::data::Column, Kind),
    Position(Option<&'a Layout>, usize),
    Cluster(Option<&'a Clusters>),
    ClusterTitle(Option<&'a Clusters>, Option<&'a Names>),
    /// Whether a document satisfies an explanation, by its place; and how surely.
    Member(&'a Goals, usize),
    Score(&'a Goals, usize),
    Best(&'a Goals),
    BestTitle(&'a Goals),
    Outlier(&'a [f32]),
    Topic(TopicCells<'a>),
    TopicScore(TopicCells<'a>),
    Tags(&'a Edits),
}

/// Every input column in its order, then `semascope_x`, `semascope_y`, `semascope_cluster` (empty where unclustered)
/// and `semascope_cluster_title`. Where it is known, `semascope_outlier`: the local outlier factor, about 1 among its like,
/// empty of documents without a text. With a goal two columns for each explanation N, counted from 1:
/// `semascope_explanation_N` (1 where a document satisfies it, else 0) and `semascope_explanation_N_score`, then
/// `semascope_goal` (the number of the best one, empty where none) and `semascope_goal_title`. With topics described by
/// keywords `semascope_topic`, the name of the best one (empty where none), and `semascope_topic_score`. Where documents have
/// tags, `semascope_tags` comes last: those of a document in alphabetical order.
pub fn columns(sources: Sources<'_>) -> Vec<Column<'_>> {
    let Sources { corpus, layout, clusters, names, goals, outliers, topics, edits } = sources;
    let input = corpus.columns.iter().filter(|column| !column.name.starts_with(OURS));
    let mut columns: Vec<Column<'_>> = input
        .map(|column| Column { name: Cow::from(&column.name), of: Of::Input(column, kind(&column.typed)) })
        .collect();
    let mut add = |name: &str, of| columns.push(Column { name: Cow::Owned(format!("{OURS}{name}")), of });
    add("x", Of::Position(layout, 0));
    add("y", Of::Position(layout, 1));
    add("cluster", Of::Cluster(clusters));
    add("cluster_title", Of::ClusterTitle(clusters, names));
    if let Some(factors) = outliers {
        add("outlier", Of::Outlier(factors));
    }
    if let Some(goals) = goals {
        for place in 0..goals.explanations.len() {
            add(&format!("explanation_{}", place + 1), Of::Member(goals, place));
            add(&format!("explanation_{}_score", place + 1), Of::Score(goals, place));
        }
        add("goal", Of::Best(goals));
        add("goal_title", Of::BestTitle(goals));
    }
    if let Some(topics) = topics {
        add("topic", Of::Topic(topics));
        add("topic_score", Of::TopicScore(topics));
    }
    if let Some(edits) = edits.filter(|edits| !edits.tags.is_empty()) {
        add("tags", Of::Tags(edits));
    }
    columns
}

fn kind(typed: &Typed) -> Kind {
    match typed {
        Typed::Text | Typed::Category { .. } => Kind::Text,
        Typed::Number(_) => Kind::Number,
        Typed::List { .. } => Kind::List,
        Typed::Date(moments) => {
            let days = moments.iter().all(|&m| m == DATE_EMPTY || m.rem_euclid(SECONDS_A_DAY) == 0);
            if days { Kind::Day } else { Kind::Moment }
        }
    }
}

impl<'a> Column<'a> {
    /// What its cells hold.
    pub fn kind(&self) -> Kind {
        match &self.of {
            Of::Input(_, kind) => *kind,
            Of::Position(..) | Of::Score(..) | Of::Outlier(_) | Of::TopicScore(_) => Kind::Single,
            Of::Cluster(_) | Of::Member(..) | Of::Best(_) => Kind::Whole,
            Of::ClusterTitle(..) | Of::BestTitle(_) | Of::Topic(_) => Kind::Text,
            Of::Tags(_) => Kind::List,
        }
    }

    /// What document `i` has in it: [`Cell::Empty`], or one of the column's kind. Cells that say "no value" in words
    /// among numbers and dates are empty.
    pub fn cell(&self, i: usize) -> Cell<'a> {
        let filled = |text: &'a str| if text.is_empty() { Cell::Empty } else { Cell::Text(text) };
        match &self.of {
            Of::Input(column, kind) => match &column.typed {
                Typed::Text => filled(column.cells.get(i)),
                Typed::Number(numbers) => number(numbers[i]),
                Typed::Category { levels, codes } => match codes[i] {
                    NO_CODE => Cell::Empty,
                    code => levels.get(code as usize).map_or(Cell::Empty, |level| Cell::Text(level)),
                },
                Typed::List { levels, offsets, codes } => {
                    let codes = &codes[offsets[i] as usize..offsets[i + 1] as usize];
                    list(codes.iter().filter_map(|&code| levels.get(code as usize)).map(String::as_str))
                }
                Typed::Date(moments) => match (moments[i], kind) {
                    (DATE_EMPTY, _) => Cell::Empty,
                    (moment, Kind::Day) => Cell::Day(moment),
                    (moment, _) => Cell::Moment(moment),
                },
            },
            Of::Position(layout, axis) => {
                layout.and_then(|layout| layout.positions.get(i)).map_or(Cell::Empty, |p| single(p[*axis]))
            }
            Of::Cluster(clusters) => {
                label(*clusters, i).map_or(Cell::Empty, |label| Cell::Whole(i64::from(label)))
            }
            Of::ClusterTitle(clusters, names) => title(*clusters, *names, i).map_or(Cell::Empty, filled),
            Of::Topic(topics) => {
                title(Some(topics.clusters), Some(topics.names), i).map_or(Cell::Empty, filled)
            }
            Of::TopicScore(topics) => topics.scores.get(i).map_or(Cell::Empty, |&score| single(score)),
            Of::Member(goals, place) => {
                let members = &goals.explanations[*place].members;
                Cell::Whole(i64::from(members.binary_search(&(i as u32)).is_ok()))
            }
            Of::Score(goals, place) => {
                goals.explanations[*place].scores.get(i).map_or(Cell::Empty, |&score| single(score))
            }
            Of::Best(goals) => best(goals, i).map_or(Cell::Empty, |best| Cell::Whole(best as i64 + 1)),
            Of::BestTitle(goals) => best(goals, i)
                .and_then(|best| goals.explanations.get(best))
                .map_or(Cell::Empty, |explanation| filled(&explanation.title)),
            Of::Outlier(factors) => factors.get(i).map_or(Cell::Empty, |&factor| single(factor)),
            Of::Tags(edits) => list(edits.tags_of(i as u32)),
        }
    }

    /// The cell in a table of text: an input column's exactly as it was read.
    pub fn text(&self, i: usize) -> Cow<'a, str> {
        if let Of::Input(column, _) = &self.of {
            return Cow::Borrowed(column.cells.get(i));
        }
        match self.cell(i) {
            Cell::Empty => Cow::Borrowed(""),
            Cell::Text(text) => Cow::Borrowed(text),
            Cell::Number(value) => Cow::Owned(value.to_string()),
            // The shortest form that reads back as the same number.
            Cell::Single(value) => Cow::Owned(value.to_string()),
            Cell::Whole(value) => Cow::Owned(value.to_string()),
            Cell::List(values) => Cow::Owned(values.join(LIST_JOINT)),
            Cell::Moment(seconds) => Cow::Owned(moment(seconds)),
            Cell::Day(seconds) => Cow::Owned(day(seconds)),
        }
    }
}

/// A moment in ISO 8601: "2024-03-09T10:00:00Z"; empty beyond the year 9999.
pub fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds).map(|moment| moment.to_string()).unwrap_or_default()
}

/// Its day: "2024-03-09".
pub fn day(seconds: i64) -> String {
    let day = |moment: Timestamp| moment.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    Timestamp::from_second(seconds).map(day).unwrap_or_default()
}

fn number<'a>(value: f64) -> Cell<'a> {
    if value.is_finite() { Cell::Number(value) } else { Cell::Empty }
}

fn single<'a>(value: f32) -> Cell<'a> {
    if value.is_finite() { Cell::Single(value) } else { Cell::Empty }
}

fn list<'a>(values: impl Iterator<Item = &'a str>) -> Cell<'a> {
    let values: Vec<&str> = values.collect();
    if values.is_empty() { Cell::Empty } else { Cell::List(values) }
}

fn label(clusters: Option<&Clusters>, i: usize) -> Option<u32> {
    clusters?.labels.get(i).copied().filter(|&label| label != UNCLUSTERED)
}

fn title<'a>(clusters: Option<&'a Clusters>, names: Option<&'a Names>, i: usize) -> Option<&'a str> {
    let name = names?.clusters.get(label(clusters, i)? as usize)?;
    Some(&name.title)
}

fn best(goals: &Goals, i: usize) -> Option<usize> {
    goals.best.get(i).filter(|&&best| best != UNCLUSTERED).map(|&best| best as usize)
}
