use std::fs::File;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float32Type, Float64Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::data::{
    ClusterName, Clusters, Column as Input, Corpus, DATE_EMPTY, Edits, Key, Layout, Members, NO_CODE, Names,
    ReadReport, Typed, UNCLUSTERED,
};

struct Values {
    corpus: Corpus,
    layout: Layout,
    clusters: Clusters,
    names: Names,
    edits: Edits,
}

impl Values {
    fn sources(&self) -> Sources<'_> {
        Sources {
            corpus: &self.corpus,
            layout: Some(&self.layout),
            clusters: Some(&self.clusters),
            names: Some(&self.names),
            goals: None,
            outliers: None,
            topics: None,
            edits: Some(&self.edits),
        }
    }
}

/// Three documents with a column of every kind, the last of them empty throughout.
fn values() -> Values {
    let key = Key::of("test", 1).finish();
    let column = |name: &str, cells: [&str; 3], typed| Input {
        name: name.into(),
        cells: cells.into_iter().collect(),
        typed,
    };
    let levels = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    let columns = vec![
        column("body", ["=1 \"x\"\nline", "日本", ""], Typed::Text),
        column("price", ["1,250", "-0.5", "n/a"], Typed::Number(vec![1250.0, -0.5, f64::NAN])),
        column(
            "kind",
            ["b", "a", ""],
            Typed::Category { levels: levels(["a", "b"]), codes: vec![1, 0, NO_CODE] },
        ),
        column(
            "words",
            ["[\"p\", \"q\"]", "[\"q\"]", "[]"],
            Typed::List { levels: levels(["p", "q"]), offsets: vec![0, 2, 3, 3], codes: vec![0, 1, 1] },
        ),
        column("day", ["09.03.2024", "1.1.1970", ""], Typed::Date(vec![1_709_942_400, 0, DATE_EMPTY])),
        column(
            "at",
            ["2024-03-09 01:00", "1969-12-31 23:59:59", "-"],
            Typed::Date(vec![1_709_946_000, -1, DATE_EMPTY]),
        ),
        column("semascope_x", ["7", "7", "7"], Typed::Number(vec![7.0; 3])),
    ];
    let corpus = Corpus {
        key,
        name: "test.csv".into(),
        source: None,
        columns,
        text_columns: vec![0],
        report: ReadReport::default(),
    };
    let positions = Arc::new(vec![[0.1, -1.25], [2.0, 3.0], [f32::NAN, 0.0]]);
    let name = |title: &str| ClusterName { title: title.into(), keywords: vec![], exemplars: vec![] };
    Values {
        corpus,
        layout: Layout { key, positions, method: "PCA".into(), epochs: (1, 1) },
        clusters: Clusters {
            key,
            labels: vec![1, 0, UNCLUSTERED],
            count: 2,
            strengths: vec![1.0; 3],
            method: "Leiden".into(),
        },
        names: Names { key, clusters: vec![name("ships"), name("trains & rails")] },
        edits: Edits::default().tag("read", &Members::new(vec![0])).tag("again", &Members::new(vec![0])),
    }
}

fn written(format: DocumentsFormat, documents: Option<&[u32]>) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("documents");
    write(&path, format, values().sources(), documents, false, &Ctx::quiet()).unwrap();
    std::fs::read(path).unwrap()
}

fn parquet(documents: Option<&[u32]>) -> RecordBatch {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("documents.parquet");
    write(&path, DocumentsFormat::Parquet, values().sources(), documents, false, &Ctx::quiet()).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    batches.into_iter().next().unwrap()
}

#[test]
fn csv_has_the_cells_as_they_were_read_and_what_we_found() {
    let text = String::from_utf8(written(DocumentsFormat::Csv, None)).unwrap();
    let expected = "body,price,kind,words,day,at,semascope_x,semascope_y,semascope_cluster,\
                    semascope_cluster_title,semascope_tags\r\n\
                    \"'=1 \"\"x\"\"\nline\",\"1,250\",b,\"[\"\"p\"\", \"\"q\"\"]\",09.03.2024,2024-03-09 01:00,\
                    0.1,-1.25,1,trains & rails,again;read\r\n\
                    日本,-0.5,a,\"[\"\"q\"\"]\",1.1.1970,1969-12-31 23:59:59,2,3,0,ships,\r\n\
                    ,n/a,,[],,'-,,0,,,\r\n";
    assert_eq!(text, expected);
}

#[test]
fn json_lines_have_numbers_lists_dates_and_nulls() {
    let text = String::from_utf8(written(DocumentsFormat::Jsonl, None)).unwrap();
    let expected = concat!(
        r#"{"body":"=1 \"x\"\nline","price":1250,"kind":"b","words":["p","q"],"day":"2024-03-09","#,
        r#""at":"2024-03-09T01:00:00Z","semascope_x":0.1,"semascope_y":-1.25,"semascope_cluster":1,"#,
        r#""semascope_cluster_title":"trains & rails","semascope_tags":["again","read"]}"#,
        "\n",
        r#"{"body":"日本","price":-0.5,"kind":"a","words":["q"],"day":"1970-01-01","at":"1969-12-31T23:59:59Z","#,
        r#""semascope_x":2.0,"semascope_y":3.0,"semascope_cluster":0,"semascope_cluster_title":"ships","#,
        r#""semascope_tags":null}"#,
        "\n",
        r#"{"body":null,"price":null,"kind":null,"words":null,"day":null,"at":null,"semascope_x":null,"#,
        r#""semascope_y":0.0,"semascope_cluster":null,"semascope_cluster_title":null,"semascope_tags":null}"#,
        "\n",
    );
    assert_eq!(text, expected);
}

#[test]
fn parquet_reads_back_with_its_types() {
    let batch = parquet(None);
    let schema = batch.schema();
    let types: Vec<&DataType> = schema.fields().iter().map(|field| field.data_type()).collect();
    assert_eq!(types[0], &DataType::Utf8);
    assert!(matches!(types[5], DataType::Timestamp(TimeUnit::Millisecond, Some(zone)) if &**zone == "UTC"));
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let body = column("body").as_string::<i32>();
    assert_eq!((body.value(0), body.value(1), body.is_null(2)), ("=1 \"x\"\nline", "日本", true));
    let price: Vec<Option<f64>> = column("price").as_primitive::<Float64Type>().iter().collect();
    assert_eq!(price, [Some(1250.0), Some(-0.5), None]);
    let words = column("words").as_list::<i32>();
    let first = words.value(0);
    let first: Vec<Option<&str>> = first.as_string::<i32>().iter().collect();
    assert_eq!((first, words.is_null(2)), (vec![Some("p"), Some("q")], true));
    let days: Vec<Option<i32>> = column("day").as_primitive::<Date32Type>().iter().collect();
    assert_eq!(days, [Some(19_791), Some(0), None]);
    let at: Vec<Option<i64>> = column("at").as_primitive::<TimestampMillisecondType>().iter().collect();
    assert_eq!(at, [Some(1_709_946_000_000), Some(-1000), None]);
    let x: Vec<Option<f32>> = column("semascope_x").as_primitive::<Float32Type>().iter().collect();
    assert_eq!(x, [Some(0.1), Some(2.0), None]);
    let clusters: Vec<Option<i64>> = column("semascope_cluster").as_primitive::<Int64Type>().iter().collect();
    assert_eq!(clusters, [Some(1), Some(0), None]);
    let tags = column("semascope_tags").as_list::<i32>();
    assert_eq!((tags.value(0).len(), tags.is_null(1)), (2, true));
}

#[test]
fn outlier_factors_stand_where_they_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("documents");
    let values = values();
    let sources = Sources { outliers: Some(&[1.25, f32::NAN, 2.0]), edits: None, ..values.sources() };
    write(&path, DocumentsFormat::Csv, sources, None, false, &Ctx::quiet()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().next().unwrap().ends_with("semascope_cluster_title,semascope_outlier"), "{text}");
    assert!(text.contains("trains & rails,1.25\r\n") && text.ends_with(",2\r\n"), "{text}");
    let none = written(DocumentsFormat::Csv, None);
    assert!(!String::from_utf8(none).unwrap().contains("semascope_outlier"));
}

#[test]
fn every_format_writes_only_the_chosen_documents_in_their_order() {
    let chosen = [1, 2];
    let csv = String::from_utf8(written(DocumentsFormat::Csv, Some(&chosen))).unwrap();
    assert_eq!(csv.lines().count(), 3);
    assert!(csv.lines().nth(1).unwrap().starts_with("日本,"));
    let jsonl = String::from_utf8(written(DocumentsFormat::Jsonl, Some(&chosen))).unwrap();
    assert_eq!(jsonl.lines().count(), 2);
    assert_eq!(parquet(Some(&chosen)).num_rows(), 2);
    // An id that no document has is no row.
    assert_eq!(parquet(Some(&[0, 99])).num_rows(), 1);
    assert_eq!(written(DocumentsFormat::Jsonl, Some(&[])), b"");
}

#[test]
fn a_cancelled_export_leaves_the_old_file_whatever_the_format() {
    for format in DocumentsFormat::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("documents");
        std::fs::write(&path, "old").unwrap();
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        let failed = write(&path, format, values().sources(), None, false, &ctx);
        assert!(matches!(failed, Err(FileError::Cancelled(_))), "{format:?}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn the_size_is_estimated_from_a_sample() {
    let values = values();
    for format in [DocumentsFormat::Csv, DocumentsFormat::Jsonl] {
        let written = written(format, None).len() as f64;
        let estimated = estimated_bytes(format, values.sources(), None) as f64;
        assert!((0.5..1.5).contains(&(estimated / written)), "{format:?}: {estimated} of {written}");
    }
    assert_eq!(estimated_bytes(DocumentsFormat::Parquet, values.sources(), Some(&[])), 0);
}

/// Documents whose texts do not compress.
fn many(documents: u64) -> Corpus {
    let text = |i: u64| Key::of("text", 1).seed(i).finish().to_string();
    let cells: Vec<String> = (0..documents).map(|i| format!("{} {}", text(i), text(documents + i))).collect();
    let column = Input { name: "text".into(), cells: cells.iter().collect(), typed: Typed::Text };
    Corpus { columns: vec![column], ..values().corpus }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_leaves_the_old_file_whatever_the_format() {
    use std::process::Command;
    let folder = tempfile::tempdir().unwrap();
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "none"]).arg(folder.path()).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        eprintln!("Skipped: this user may not mount a file system.");
        return;
    }
    let corpus = many(20_000);
    let sources = Sources {
        corpus: &corpus,
        layout: None,
        clusters: None,
        names: None,
        goals: None,
        outliers: None,
        topics: None,
        edits: None,
    };
    let path = folder.path().join("documents");
    std::fs::write(&path, "old").unwrap();
    let told = DocumentsFormat::ALL.map(|format| {
        (format, write(&path, format, sources, None, false, &Ctx::quiet()).map_err(|e| e.to_string()))
    });
    let left = (std::fs::read(&path).unwrap(), std::fs::read_dir(folder.path()).unwrap().count());
    assert!(Command::new("umount").arg(folder.path()).status().unwrap().success());
    assert_eq!(left, (b"old".to_vec(), 1));
    for (format, told) in told {
        let sentence = told.expect_err("the disk is too small");
        assert!(sentence.contains("documents could not be written"), "{format:?}: {sentence}");
        assert!(sentence.contains("Free some space"), "{format:?}: {sentence}");
    }
}
