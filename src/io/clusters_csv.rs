//! `clusters.csv`: the input as it was, with each document's place on the map, cluster and title.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use csv::{Terminator, Writer, WriterBuilder};

use super::{FileError, atomic};
use crate::data::{Clusters, Corpus, Edits, Goals, Layout, Names, UNCLUSTERED};
use crate::job::Ctx;

/// Input columns whose names start so came from an earlier export and are replaced.
const OURS: &str = "semascope_";

/// The columns that are added to the input's.
const COLUMNS: [&str; 4] = ["semascope_x", "semascope_y", "semascope_cluster", "semascope_cluster_title"];

/// Documents between two looks at the cancel flag.
const BATCH: usize = 4096;

/// What else is written, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'e> {
    /// Leave cells that a spreadsheet would run as a formula as they are.
    pub raw: bool,
    /// Their tags are written where there are any.
    pub edits: Option<&'e Edits>,
    /// Their explanations are written.
    pub goals: Option<&'e Goals>,
}

/// Writes one row a document in input order: every input column in its order, then `semascope_x`, `semascope_y`,
/// `semascope_cluster` (empty where unclustered) and `semascope_cluster_title`; RFC 4180, UTF-8. With a goal two columns
/// for each explanation N, counted from 1: `semascope_explanation_N` (1 where a document satisfies it, else 0) and
/// `semascope_explanation_N_score`, then `semascope_goal` (the number of the best one, empty where none) and
/// `semascope_goal_title`. Where documents have tags, `semascope_tags` comes last: those of a document in alphabetical order, joined by `;`.
///
/// Unless `raw`, cells that a spreadsheet would run as a formula get a leading `'` (the column names too). What is
/// not there yet (`None`) leaves its cells empty.
pub fn write(
    path: &Path,
    corpus: &Corpus,
    layout: Option<&Layout>,
    clusters: Option<&Clusters>,
    names: Option<&Names>,
    options: Options<'_>,
    ctx: &Ctx,
) -> Result<(), FileError> {
    let raw = options.raw;
    let tagged = options.edits.filter(|edits| !edits.tags.is_empty());
    let columns: Vec<_> = corpus.columns.iter().filter(|column| !column.name.starts_with(OURS)).collect();
    let cell = |text| shown(text, raw);
    ctx.progress.begin("Writing clusters.csv", "documents", corpus.len() as u64, 0);
    replace(path, |csv| {
        for column in &columns {
            csv.write_field(cell(&column.name).as_bytes())?;
        }
        let of_goal = options.goals.map(goal_columns).unwrap_or_default();
        let ours = COLUMNS.into_iter().chain(of_goal.iter().map(String::as_str));
        csv.write_record(ours.chain(tagged.map(|_| "semascope_tags")))?;
        for i in 0..corpus.len() {
            if i % BATCH == 0 {
                ctx.cancel.check().map_err(io::Error::from)?;
                ctx.progress.set(i as u64);
            }
            for column in &columns {
                csv.write_field(cell(column.cells.get(i)).as_bytes())?;
            }
            let position = layout.and_then(|layout| layout.positions.get(i));
            let [x, y] = position.map_or_else(Default::default, |position| position.map(number));
            let label = clusters.and_then(|clusters| label(clusters, i));
            let name = label.zip(names).and_then(|(label, names)| names.clusters.get(label as usize));
            let title = name.map_or("", |name| &name.title);
            let label = label.map_or_else(String::new, |label| label.to_string());
            let tags = tagged.map(|edits| edits.tags_of(i as u32).collect::<Vec<_>>().join(";"));
            let tags = tags.as_deref().map(|tags| shown(tags, raw));
            let of_goal = options.goals.map(|goals| goal_cells(goals, i)).unwrap_or_default();
            let of_goal = of_goal.iter().map(|text| shown(text, raw));
            let ours = [Cow::from(x), Cow::from(y), Cow::from(label), cell(title)].into_iter();
            for cell in ours.chain(of_goal).chain(tags) {
                csv.write_field(cell.as_bytes())?;
            }
            csv.write_record(None::<&[u8]>)?;
        }
        Ok(())
    })
}

/// The columns that a goal adds.
fn goal_columns(goals: &Goals) -> Vec<String> {
    let each = (1..=goals.explanations.len())
        .flat_map(|n| [format!("semascope_explanation_{n}"), format!("semascope_explanation_{n}_score")]);
    each.chain(["semascope_goal".into(), "semascope_goal_title".into()]).collect()
}

/// What stands in them for document `i`.
fn goal_cells(goals: &Goals, i: usize) -> Vec<String> {
    let mut cells = Vec::with_capacity(2 * goals.explanations.len() + 2);
    for explanation in &goals.explanations {
        let member = explanation.members.binary_search(&(i as u32)).is_ok();
        cells.push(u8::from(member).to_string());
        cells.push(explanation.scores.get(i).copied().map(number).unwrap_or_default());
    }
    let best = goals.best.get(i).filter(|&&best| best != UNCLUSTERED).map(|&best| best as usize);
    let title = best.and_then(|best| goals.explanations.get(best)).map(|e| e.title.clone());
    cells.push(best.map_or_else(String::new, |best| (best + 1).to_string()));
    cells.push(title.unwrap_or_default());
    cells
}

/// Writes the columns `row` (counted from 0) and `semascope_cluster` (empty where unclustered).
pub fn write_labels(path: &Path, clusters: &Clusters) -> Result<(), FileError> {
    replace(path, |csv| {
        csv.write_record(["row", "semascope_cluster"])?;
        for i in 0..clusters.labels.len() {
            let label = label(clusters, i).map_or_else(String::new, |label| label.to_string());
            csv.write_record([i.to_string(), label])?;
        }
        Ok(())
    })
}

fn replace(
    path: &Path,
    write: impl FnOnce(&mut Writer<&mut atomic::Sink<'_>>) -> csv::Result<()>,
) -> Result<(), FileError> {
    atomic::replace(path, |sink| {
        let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(sink);
        write(&mut csv).map_err(io_error)?;
        csv.flush()
    })
}

/// The error that is inside: its kind tells what to do.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

fn label(clusters: &Clusters, i: usize) -> Option<u32> {
    clusters.labels.get(i).copied().filter(|&label| label != UNCLUSTERED)
}

/// The shortest form that reads back as the same f32; empty unless finite.
fn number(value: f32) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

/// The cell as it is written.
fn shown(cell: &str, raw: bool) -> Cow<'_, str> {
    if raw { Cow::Borrowed(cell) } else { guarded(cell) }
}

/// The cell, with a leading `'` if a spreadsheet would take it for a formula.
fn guarded(cell: &str) -> Cow<'_, str> {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_signed_number(cell);
    if formula { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// Whether the cell is a sign and a plain number, be its decimal mark a point or a comma: that computes nothing.
fn is_signed_number(cell: &str) -> bool {
    let Some(digits) = cell.trim_end().strip_prefix(['+', '-']) else { return false };
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let all = |text: &str, allowed: fn(u8) -> bool| !text.is_empty() && text.bytes().all(allowed);
    all(mantissa, |b| b.is_ascii_digit() || b == b'.' || b == b',')
        && mantissa.bytes().any(|b| b.is_ascii_digit())
        && all(exponent, |b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ClusterName, Column, Explanation, GoalView, Key, Members, ReadReport, Typed};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn corpus(columns: &[(&str, Vec<String>)]) -> Corpus {
        let columns = columns.iter().map(|(name, cells)| Column {
            name: (*name).into(),
            cells: cells.iter().collect(),
            typed: Typed::Text,
        });
        Corpus {
            key: Key::of("test", 1).finish(),
            name: "test.csv".into(),
            source: None,
            columns: columns.collect(),
            text_columns: vec![0],
            report: ReadReport::default(),
        }
    }

    fn written(write: impl FnOnce(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clusters.csv");
        write(&path);
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn input_columns_come_first_and_ours_replace_those_of_an_earlier_export() {
        let corpus = corpus(&[
            ("id", vec!["1".into(), "2".into()]),
            ("semascope_x", vec!["9".into(), "9".into()]),
            ("body", vec!["a, \"b\"\nc".into(), "".into()]),
        ]);
        let key = corpus.key;
        let positions = Arc::new(vec![[0.5, -1.25], [f32::NAN, 2.0]]);
        let layout = Layout { key, positions, method: "PCA".into(), epochs: (1, 1) };
        let (labels, strengths) = (vec![0, UNCLUSTERED], vec![1.0, 0.0]);
        let clusters = Clusters { key, labels, count: 1, strengths, method: "Leiden".into() };
        let title = ClusterName { title: "=cheese".into(), keywords: vec![], exemplars: vec![] };
        let names = Names { key, clusters: vec![title] };
        let text = written(|path| {
            write(
                path,
                &corpus,
                Some(&layout),
                Some(&clusters),
                Some(&names),
                Options::default(),
                &Ctx::quiet(),
            )
            .unwrap();
        });
        let expected = "id,body,semascope_x,semascope_y,semascope_cluster,semascope_cluster_title\r\n\
                        1,\"a, \"\"b\"\"\nc\",0.5,-1.25,0,'=cheese\r\n\
                        2,,,2,,\r\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_not_there_yet_leaves_its_cells_empty() {
        let corpus = corpus(&[("body", vec!["a".into()])]);
        let text = written(|path| {
            write(path, &corpus, None, None, None, Options::default(), &Ctx::quiet()).unwrap()
        });
        assert_eq!(text.lines().last(), Some("a,,,,"));
    }

    #[test]
    fn tags_are_written_where_there_are_any() {
        let corpus = corpus(&[("body", vec!["a".into(), "b".into()])]);
        let edits = Edits::default().tag("read", &Members::new(vec![0])).tag("=odd", &Members::new(vec![0]));
        let options = Options { edits: Some(&edits), ..Options::default() };
        let text = written(|path| write(path, &corpus, None, None, None, options, &Ctx::quiet()).unwrap());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].rsplit(',').next(), Some("semascope_tags"));
        assert_eq!(lines[1..], ["a,,,,,'=odd;read", "b,,,,,"]);
        let none = Options { edits: Some(&Edits::default()), ..Options::default() };
        let text = written(|path| write(path, &corpus, None, None, None, none, &Ctx::quiet()).unwrap());
        assert!(!text.contains("semascope_tags"));
    }

    #[test]
    fn a_goal_adds_two_columns_an_explanation_and_the_best_one() {
        let corpus = corpus(&[("body", vec!["a".into(), "b".into()])]);
        let explanation = |title: &str, members: Vec<u32>, scores: Vec<f32>| Explanation {
            id: 0,
            proposed_by: String::new(),
            pinned: false,
            predicate: format!("is about {title}"),
            title: title.into(),
            only: members.len(),
            members,
            scores,
            exemplars: vec![],
            near_misses: vec![],
            held_out: None,
            name_area: None,
        };
        let goals = Goals {
            asked: Key::of("test", 1).finish(),
            key: corpus.key,
            goal: "by topic".into(),
            view: GoalView::Meaning,
            why: String::new(),
            nuisances: vec![],
            explanations: vec![
                explanation("law", vec![1], vec![0.25, 0.75]),
                explanation("-fees", vec![1], vec![0.0, 1.0]),
            ],
            best: vec![UNCLUSTERED, 1],
            selection: None,
            proposed_by: String::new(),
            assigned_by: String::new(),
        };
        let options = Options { goals: Some(&goals), ..Options::default() };
        let text = written(|path| write(path, &corpus, None, None, None, options, &Ctx::quiet()).unwrap());
        let expected = "body,semascope_x,semascope_y,semascope_cluster,semascope_cluster_title,\
                        semascope_explanation_1,semascope_explanation_1_score,semascope_explanation_2,\
                        semascope_explanation_2_score,semascope_goal,semascope_goal_title\r\n\
                        a,,,,,0,0.25,0,0,,\r\n\
                        b,,,,,1,0.75,1,1,2,'-fees\r\n";
        assert_eq!(text, expected);
        assert_eq!((goals.uncovered(), goals.overlaps()), (1, vec![vec![1.0, 1.0], vec![1.0, 1.0]]));
    }

    #[test]
    fn formulas_are_disarmed_and_numbers_are_not() {
        for cell in
            ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", "\tx", "\rx", "-", "+", "-inf", "-1e", "-."]
        {
            assert_eq!(guarded(cell), format!("'{cell}"), "{cell:?}");
        }
        for cell in ["-1", "+1.5", "-1,5", "-1.234,56", "-1e-5", "-.5", "a=b", "", "1-1", "'=1", " =1", "-3 "]
        {
            assert_eq!(guarded(cell), cell, "{cell:?}");
        }
    }

    #[test]
    fn labels_are_written_a_row_a_document() {
        let (key, labels) = (Key::of("test", 1).finish(), vec![1, UNCLUSTERED, 0]);
        let clusters = Clusters { key, labels, count: 2, strengths: vec![], method: String::new() };
        let text = written(|path| write_labels(path, &clusters).unwrap());
        assert_eq!(text, "row,semascope_cluster\r\n0,1\r\n1,\r\n2,0\r\n");
    }

    #[test]
    fn a_cancelled_export_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clusters.csv");
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        let corpus = corpus(&[("body", vec!["a".into()])]);
        let failed = write(&path, &corpus, None, None, None, Options::default(), &ctx);
        assert!(matches!(failed, Err(FileError::Cancelled(_))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_cell_reads_back_as_it_was_but_for_the_guard(
            rows in prop::collection::vec(("[ -~\\r\\n\t\"=,é日]{0,12}", "\\PC{0,8}"), 1..8),
            raw in any::<bool>(),
        ) {
            let (a, b): (Vec<String>, Vec<String>) = rows.into_iter().unzip();
            let corpus = corpus(&[("a", a.clone()), ("b", b.clone())]);
            let text = written(|path| write(path, &corpus, None, None, None, Options { raw, ..Options::default() }, &Ctx::quiet()).unwrap());
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(records.len(), a.len());
            for (i, record) in records.iter().enumerate() {
                for (cell, column) in [&a, &b].into_iter().enumerate() {
                    let expected = if raw { Cow::Borrowed(&*column[i]) } else { guarded(&column[i]) };
                    prop_assert_eq!(&record[cell], &*expected);
                }
            }
        }
    }
}
