//! `clusters.csv`: the input as it was, with each document's place on the map, cluster and title.

use std::path::Path;

use super::FileError;
use super::csv_cells::{replace, shown};
use super::document_columns::{Column, Sources, columns};
use super::documents_file::Rows;
use crate::data::{Clusters, Corpus, Edits, Goals, Layout, Names, UNCLUSTERED};
use crate::job::Ctx;

/// What else is written, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'e> {
    /// Leave cells that a spreadsheet would run as a formula as they are.
    pub raw: bool,
    /// Their tags are written where there are any.
    pub edits: Option<&'e Edits>,
    /// Their explanations are written.
    pub goals: Option<&'e Goals>,
    /// The local outlier factor of each document is written.
    pub outliers: Option<&'e [f32]>,
}

/// Writes one row a document in input order, with the columns that [`columns`] gives: RFC 4180, UTF-8, the tags of a
/// document joined by `;`.
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
    let Options { raw, edits, goals, outliers } = options;
    let sources = Sources { corpus, layout, clusters, names, goals, outliers, topics: None, edits };
    let columns = columns(sources);
    ctx.progress.begin("Writing clusters.csv", "documents", corpus.len() as u64, 0);
    write_rows(path, &columns, Rows { listed: None, all: corpus.len() }, raw, ctx)
}

/// Writes a row of names and a row for each of `rows`.
pub(super) fn write_rows(
    path: &Path,
    columns: &[Column<'_>],
    rows: Rows<'_>,
    raw: bool,
    ctx: &Ctx,
) -> Result<(), FileError> {
    replace(path, |csv| {
        csv.write_record(columns.iter().map(|column| shown(&column.name, raw).into_owned()))?;
        for row in 0..rows.len() {
            rows.begin(row, ctx)?;
            let i = rows.document(row);
            for column in columns {
                csv.write_field(shown(&column.text(i), raw).as_bytes())?;
            }
            csv.write_record(None::<&[u8]>)?;
        }
        Ok(())
    })
}

/// Writes the columns `row` (counted from 0) and `semascope_cluster` (empty where unclustered).
pub fn write_labels(path: &Path, clusters: &Clusters) -> Result<(), FileError> {
    replace(path, |csv| {
        csv.write_record(["row", "semascope_cluster"])?;
        for (i, &label) in clusters.labels.iter().enumerate() {
            let label = if label == UNCLUSTERED { String::new() } else { label.to_string() };
            csv.write_record([i.to_string(), label])?;
        }
        Ok(())
    })
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
                    prop_assert_eq!(&record[cell], &*shown(&column[i], raw));
                }
            }
        }
    }
}
