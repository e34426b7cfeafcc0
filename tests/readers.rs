//! What a person gets who opens a file: the same cells whatever the file's dress, and a plain sentence where
//! something is wrong with it.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use semascope::data::{ColumnKind, Corpus, Typed};
use semascope::io::read::{Format, ReadError, ReadOptions, TextUnit, peek, read};
use semascope::job::Ctx;

/// A file in a folder of its own, gone with the test.
struct Dropped {
    folder: tempfile::TempDir,
    name: String,
}

impl Dropped {
    fn new(name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), bytes).unwrap();
        Self { folder, name: name.to_owned() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    fn read(&self) -> Corpus {
        self.read_with(&ReadOptions::default())
    }

    fn read_with(&self, options: &ReadOptions) -> Corpus {
        read(&self.path(), options, &Ctx::quiet()).unwrap()
    }

    /// The error's sentence without the folder.
    fn refusal(&self) -> String {
        let error = read(&self.path(), &ReadOptions::default(), &Ctx::quiet()).unwrap_err();
        assert_eq!(peek(&self.path(), &ReadOptions::default()).unwrap_err().to_string(), error.to_string());
        error.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn names(corpus: &Corpus) -> Vec<&str> {
    corpus.columns.iter().map(|column| column.name.as_str()).collect()
}

fn cells(corpus: &Corpus) -> Vec<Vec<String>> {
    let row = |i| corpus.columns.iter().map(|column| column.cells.get(i).to_owned()).collect();
    (0..corpus.len()).map(row).collect()
}

fn kind_of(corpus: &Corpus, column: &str) -> ColumnKind {
    corpus.column(column).unwrap().typed.kind()
}

#[test]
fn a_table_of_posts_is_read_with_its_kinds() {
    let mut text = "id;when;score;tag;title\n".to_owned();
    for i in 0..20 {
        text += &format!(
            "00{i};2024-05-{:02};{i},5;{};A title number {i}, with a comma\n",
            i + 1,
            ["a", "b"][i % 2]
        );
    }
    let file = Dropped::new("posts.csv", text);
    let corpus = file.read();
    assert_eq!(corpus.report.format, "CSV, semicolons, UTF-8");
    assert_eq!(names(&corpus), ["id", "when", "score", "tag", "title"]);
    let kinds = corpus.columns.iter().map(|column| column.typed.kind()).collect::<Vec<_>>();
    use ColumnKind::*;
    assert_eq!(kinds, [Text, Date, Number, Category, Text]);
    assert_eq!(corpus.text_columns, [4]);
    assert_eq!(corpus.text(3), "A title number 3, with a comma");
    let Typed::Number(scores) = &corpus.columns[2].typed else { panic!() };
    assert_eq!(scores[7], 7.5);
    assert_eq!((corpus.name.as_str(), corpus.source.clone()), ("posts.csv", Some(file.path())));
}

#[test]
fn json_lines_bring_their_own_columns_in_the_order_they_are_met() {
    let text = concat!(
        "{\"id\": 1, \"tags\": [\"x\", \"y\"], \"text\": \"one\\nline\"}\n",
        "\n",
        "{\"id\": 2, \"extra\": {\"a\": [1, 2]}, \"text\": null}\n",
        "not json\n",
        "\"just a string\"\n",
    );
    let corpus = Dropped::new("a.jsonl", text).read();
    assert_eq!(names(&corpus), ["id", "tags", "text", "extra"]);
    assert_eq!(
        cells(&corpus),
        [
            ["1", r#"["x","y"]"#, "one\nline", ""],
            ["2", "", "", r#"{"a":[1,2]}"#],
            ["", "", "just a string", ""]
        ]
    );
    assert_eq!(kind_of(&corpus, "tags"), ColumnKind::List);
    assert_eq!((corpus.report.skipped, corpus.report.skipped_rows[0].line), (1, 4));
    assert!(corpus.report.skipped_rows[0].cause.starts_with("broken JSON"), "{:?}", corpus.report);
}

#[test]
fn an_array_of_strings_is_one_column_of_texts() {
    let corpus = Dropped::new("a.json", "[\"one\",\n \"two\", \"three\"]").read();
    assert_eq!(
        (names(&corpus), cells(&corpus)),
        (
            vec!["text"],
            vec![vec!["one"], vec!["two"], vec!["three"]]
                .into_iter()
                .map(|row| row.into_iter().map(String::from).collect())
                .collect()
        )
    );
}

#[test]
fn plain_text_is_read_by_lines_or_by_paragraphs_as_one_likes() {
    let file = Dropped::new("a.txt", "one\ntwo\n\nthree\nfour\n");
    assert_eq!(cells(&file.read()), [["one two"], ["three four"]]);
    let lines = ReadOptions { text_unit: Some(TextUnit::Line), ..Default::default() };
    assert_eq!(cells(&file.read_with(&lines)), [["one"], ["two"], ["three"], ["four"]]);
}

#[test]
fn every_encoding_gives_the_same_corpus() {
    let text = "id,text\n1,naïve café\n2,señor Ångström — “quoted”\n";
    let expected = cells(&Dropped::new("a.csv", text).read());
    let units = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
    let (little, big) = (units(u16::to_le_bytes), units(u16::to_be_bytes));
    let dresses: Vec<(&str, Vec<u8>)> = vec![
        ("UTF-8", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("UTF-16LE", [b"\xff\xfe", &little[..]].concat()),
        ("UTF-16BE", [b"\xfe\xff", &big[..]].concat()),
        ("UTF-16LE", little),
        ("UTF-16BE", big),
        ("Windows-1252 (Latin-1)", encoding_rs::WINDOWS_1252.encode(text).0.into_owned()),
    ];
    for (name, bytes) in dresses {
        let corpus = Dropped::new("a.csv", gzip(&bytes)).read();
        assert_eq!(corpus.report.format, format!("CSV, commas, {name}, gzip"));
        assert_eq!(cells(&corpus), expected, "{name}");
        assert_eq!(names(&corpus)[0], "id", "the mark is no part of the name");
    }
}

#[test]
fn an_accent_after_megabytes_of_ascii_still_tells_the_encoding() {
    let mut bytes = b"id,text\n".to_vec();
    for i in 0..100_000 {
        bytes.extend(format!("{i},plain words only\n").into_bytes());
    }
    bytes.extend(b"100000,un caf\xe9 noir et une tasse de th\xe9\n");
    let corpus = Dropped::new("a.csv", bytes).read();
    assert_eq!(corpus.columns[1].cells.get(100_000), "un café noir et une tasse de thé");
    assert_eq!(corpus.report.format, "CSV, commas, Windows-1252 (Latin-1)");
}

#[test]
fn ragged_rows_lose_nothing_and_are_counted() {
    let corpus = Dropped::new(
        "a.csv",
        "id,score,text\n1,2\n2,3,well, yes, no\n3,4,fine\n4,5,good,,\n5,6,ok\n6,7,ok\n",
    )
    .read();
    assert_eq!(cells(&corpus)[..2], [["1", "2", ""], ["2", "3", "well, yes, no"]]);
    assert_eq!(cells(&corpus)[3], ["4", "5", "good"]);
    let remarks = corpus.report.remarks.join(" ");
    assert!(
        remarks.contains("1 row had fewer cells") && remarks.contains("1 row had more cells"),
        "{remarks}"
    );
}

#[test]
fn nul_bytes_are_removed_and_remarked() {
    let corpus = Dropped::new("a.csv", b"id,text\n1,some\0 text\n2,more of it\n").read();
    assert_eq!(cells(&corpus)[0], ["1", "some text"]);
    assert_eq!(corpus.report.remarks, ["1 NUL byte was removed."]);
}

#[test]
fn header_names_are_made_unique() {
    let corpus = Dropped::new("a.csv", "text,,text\nHello there,1,2\nHello you,3,4\n").read();
    assert_eq!(names(&corpus), ["text", "column_2", "text_2"]);
}

#[test]
fn a_row_of_endless_length_is_skipped_and_the_next_is_read() {
    let mut text = b"id,text\n1,short\n2,".to_vec();
    text.extend(std::iter::repeat_n(b'x', 40 << 20));
    text.extend(b"\n3,short again\n");
    let corpus = Dropped::new("a.csv", text).read();
    assert_eq!(cells(&corpus), [["1", "short"], ["3", "short again"]]);
    assert_eq!(corpus.report.skipped_rows[0].line, 3);
    assert!(corpus.report.skipped_rows[0].cause.contains("longer than 16 MB"));
}

#[test]
fn a_truncated_gzip_file_gives_the_rows_before_the_break() {
    let mut text = "id,text\n".to_owned();
    for i in 0..50_000 {
        text += &format!("{i},a text with the number {}\n", i * 7919 % 10_007);
    }
    let whole = gzip(text.as_bytes());
    let file = Dropped::new("a.csv.gz", &whole[..whole.len() / 2]);
    let corpus = file.read();
    assert!((10_000..40_000).contains(&corpus.len()), "{}", corpus.len());
    let i = corpus.len() - 1;
    assert_eq!(corpus.columns[1].cells.get(i), format!("a text with the number {}", i * 7919 % 10_007));
    assert!(
        corpus.report.remarks.iter().any(|r| r.starts_with("The gzip data are damaged")),
        "{:?}",
        corpus.report
    );
}

#[test]
fn what_cannot_be_read_is_said_in_one_sentence() {
    assert_eq!(Dropped::new("a.csv", "").refusal(), "a.csv: the file is empty");
    assert!(Dropped::new("a.pdf", "%PDF-1.4\n...").refusal().starts_with("a.pdf: this is a PDF document; "));
    assert!(
        Dropped::new("a.csv.gz", gzip(b"PAR1...."))
            .refusal()
            .starts_with("a.csv.gz: this is a Parquet file; ")
    );
    let noise: Vec<u8> = (0..4_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert!(Dropped::new("a.bin", noise).refusal().contains("no text that could be read"));
    let header = "a.csv, line 1: no document could be read: there is nothing below the names of the columns";
    assert_eq!(Dropped::new("a.csv", "id,text\n").refusal(), header);
    let broken = Dropped::new("a.jsonl", "{\"a\":\n{\"b\":\n").refusal();
    assert!(broken.starts_with("a.jsonl, line 1: no document could be read: broken JSON"), "{broken}");
    let missing = read(Path::new("/no/such.csv"), &ReadOptions::default(), &Ctx::quiet()).unwrap_err();
    assert_eq!(missing.to_string(), "/no/such.csv: there is no such file");
    let folder = tempfile::tempdir().unwrap();
    let folder = read(folder.path(), &ReadOptions::default(), &Ctx::quiet()).unwrap_err();
    assert!(matches!(folder, ReadError::Folder { .. }), "{folder}");
}

#[test]
fn a_column_that_is_not_there_is_named_with_those_that_are() {
    let file = Dropped::new("a.csv", "id,text\n1,hello there\n");
    let options = ReadOptions { text_columns: Some(vec!["body".into()]), ..Default::default() };
    let error = read(&file.path(), &options, &Ctx::quiet()).unwrap_err().to_string();
    assert!(error.ends_with("there is no column “body”; the columns are id, text"), "{error}");
}

#[test]
fn reading_stops_when_asked_to() {
    let file = Dropped::new("a.csv", "id,text\n1,hello there\n");
    let ctx = Ctx::quiet();
    ctx.cancel.cancel();
    assert!(matches!(read(&file.path(), &ReadOptions::default(), &ctx), Err(ReadError::Cancelled(_))));
}

#[test]
fn progress_ends_when_every_column_has_been_looked_at() {
    let bytes = gzip("id,text\n1,hello there\n".repeat(10_000).as_bytes());
    let file = Dropped::new("a.csv.gz", &bytes);
    let columns = peek(&file.path(), &ReadOptions::default()).unwrap().columns.len();
    let ctx = Ctx::quiet();
    read(&file.path(), &ReadOptions::default(), &ctx).unwrap();
    let last = ctx.progress.snapshot().unwrap();
    assert_eq!((last.unit, last.done as usize, last.total as usize), ("columns", columns, columns));
}

#[test]
fn a_peek_says_what_reading_would_do_and_its_settings_do_it_again() {
    let mut text = "[\n".to_owned();
    for i in 0..30_000 {
        text += &format!(
            "  {{\"title\": \"Title {i}\", \"abstract\": \"What number {i} is about.\", \"year\": {}}},\n",
            2000 + i % 20
        );
    }
    let file = Dropped::new("papers.json", text.trim_end().trim_end_matches(',').to_owned() + "\n]\n");
    let seen = peek(&file.path(), &ReadOptions::default()).unwrap();
    assert_eq!(
        (seen.words.as_str(), seen.settings.format, seen.is_whole),
        ("JSON array, UTF-8", Some(Format::JsonArray), false)
    );
    assert_eq!(seen.rows.len(), 50);
    assert_eq!(seen.report.skipped, 0, "the row that the peek cuts is not lost");
    assert!((29_000..31_000).contains(&seen.documents), "{}", seen.documents);
    assert_eq!(seen.text_columns, [0, 1]);
    assert_eq!(seen.why, "texts of 26 characters on average, and their “title”");
    let corpus = file.read();
    let again = file.read_with(&seen.settings);
    assert_eq!(corpus.key, again.key);
    assert_eq!(corpus.text_columns, seen.text_columns);
    assert_eq!(cells(&corpus)[..50], seen.rows);
    let kinds: Vec<_> = seen.columns.iter().map(|column| column.kind).collect();
    assert_eq!(corpus.columns.iter().map(|column| column.typed.kind()).collect::<Vec<_>>(), kinds);
}

#[test]
fn options_survive_being_written_and_read() {
    let mut options = ReadOptions { delimiter: Some('|'), header: Some(false), ..Default::default() };
    options.kinds.insert("a".into(), ColumnKind::Date);
    let json = serde_json::to_string(&options).unwrap();
    assert_eq!(serde_json::from_str::<ReadOptions>(&json).unwrap(), options);
    assert_eq!(serde_json::from_str::<ReadOptions>("{}").unwrap(), ReadOptions::default());
}

/// Text that a file may hold: no NUL and no other control characters but white space.
fn cell(latin: bool) -> BoxedStrategy<String> {
    let plain = "[a-z \",;|\t\n\r'é0-9-]{0,12}";
    if latin {
        plain.boxed()
    } else {
        prop_oneof![plain, "[ -~\u{a0}-\u{2fff}\u{4e00}-\u{4fff}😀-😏]{0,12}"].boxed()
    }
}

fn table(latin: bool) -> impl Strategy<Value = Vec<Vec<String>>> {
    (2usize..5).prop_flat_map(move |width| {
        proptest::collection::vec(proptest::collection::vec(cell(latin), width), 1..8)
    })
}

const ENCODINGS: [&str; 5] = ["utf-8", "utf-8 with a mark", "utf-16le", "utf-16be", "windows-1252"];

fn encode(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "utf-8" => text.into(),
        "utf-16le" => "\u{feff}"
            .chars()
            .chain(text.chars())
            .collect::<String>()
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect(),
        "utf-16be" => "\u{feff}"
            .chars()
            .chain(text.chars())
            .collect::<String>()
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect(),
        "windows-1252" => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
        _ => format!("\u{feff}{text}").into_bytes(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn cells_written_as_a_table_come_back(
        (encoding, rows) in (0..ENCODINGS.len()).prop_flat_map(|e| (Just(ENCODINGS[e]), table(e == 4))),
        delimiter in prop_oneof![Just(','), Just('\t'), Just(';'), Just('|')],
        quotes in any::<bool>(),
        crlf in any::<bool>(),
        zipped in any::<bool>(),
    ) {
        // Where a row's own lines look like rows, nobody can tell whether its quotes are text; and of tabs one
        // expects that they are, unless quoting is the rule.
        let inside = |row: &[String], c: char| row.iter().map(|cell| cell.matches(c).count()).sum::<usize>();
        let is_plain = |row: &Vec<String>| inside(row, '\n') + inside(row, '\r') == 0 || inside(row, delimiter) < 3;
        prop_assume!(rows.iter().all(is_plain));
        let quotes = quotes || delimiter == '\t';
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter as u8)
            .quote_style(if quotes { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
            .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .from_writer(Vec::new());
        writer.write_record((0..rows[0].len()).map(|c| format!("name {c}"))).unwrap();
        rows.iter().for_each(|row| writer.write_record(row).unwrap());
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let mut bytes = encode(&text, encoding);
        if zipped {
            bytes = gzip(&bytes);
        }
        let options = ReadOptions {
            format: Some(Format::Delimited),
            delimiter: Some(delimiter),
            header: Some(true),
            encoding: (encoding == "windows-1252").then(|| "latin1".into()),
            ..Default::default()
        };
        let corpus = Dropped::new("a.csv", bytes).read_with(&options);
        prop_assert_eq!(cells(&corpus), rows);
        prop_assert_eq!(corpus.report.skipped, 0);
    }

    #[test]
    fn cells_written_as_json_come_back(
        rows in table(false),
        encoding in 0..4usize,
        pretty in any::<bool>(),
        lines in any::<bool>(),
    ) {
        let object = |row: &Vec<String>| {
            let pairs = row.iter().enumerate().map(|(c, cell)| (format!("name \"{c}\""), cell.clone().into()));
            serde_json::Value::Object(pairs.collect())
        };
        let objects: Vec<_> = rows.iter().map(object).collect();
        let text = match (lines, pretty) {
            (true, _) => objects.iter().map(|object| format!("{object}\n")).collect(),
            (false, true) => serde_json::to_string_pretty(&objects).unwrap(),
            (false, false) => serde_json::to_string(&objects).unwrap(),
        };
        let corpus = Dropped::new("a.json", encode(&text, ENCODINGS[encoding])).read();
        prop_assert_eq!(cells(&corpus), rows);
        prop_assert_eq!(corpus.report.skipped, 0);
    }
}

#[test]
fn real_files_are_read_as_one_would_wish() {
    let Some(data) = real_data() else { return };
    let open = |name: &str| read(&data.join(name), &ReadOptions::default(), &Ctx::quiet()).unwrap();
    let bank = open("banking77/train.csv");
    assert_eq!(
        (bank.len(), names(&bank), bank.text_columns.clone()),
        (10_003, vec!["text", "category"], vec![0])
    );
    assert_eq!(kind_of(&bank, "category"), ColumnKind::Category);
    let pairs = open("stsb/stsb-en-dev.csv");
    assert_eq!((pairs.len(), pairs.columns.len()), (1_500, 3));
    assert_eq!(kind_of(&pairs, "column_3"), ColumnKind::Number);
    let news = open("ag_news/ag_news_test.jsonl");
    assert_eq!((news.len(), kind_of(&news, "label")), (7_600, ColumnKind::Category));
    let texts = open("reference/agnews1000_texts.json");
    assert_eq!((texts.len(), texts.report.format.as_str()), (1_000, "JSON array, UTF-8"));
    let posts = open("reddit/posts_1m.tsv.gz");
    assert_eq!(
        (posts.len(), posts.report.skipped, posts.report.format.as_str()),
        (1_000_000, 0, "TSV, no quoting, UTF-8, gzip")
    );
    assert_eq!(
        (kind_of(&posts, "created_utc"), kind_of(&posts, "subreddit")),
        (ColumnKind::Date, ColumnKind::Category)
    );
    let words = open("word_sets/wefe/negative-words.txt");
    assert!(words.len() > 4_000 && words.report.skipped == 0, "{:?}", words.report);
}

fn real_data() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = ["../shared/data", "../../shared/data"]
        .map(|place| root.join(place))
        .into_iter()
        .find(|p| p.is_dir());
    if found.is_none() {
        eprintln!("skipped: the data to measure with are not here");
    }
    found
}
