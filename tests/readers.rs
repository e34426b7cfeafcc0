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
fn progress_counts_the_bytes_on_disk_and_ends_at_their_number() {
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
    let words = open("word_sets/wefe/negative-words.txt");
    assert!(words.len() > 4_000 && words.report.skipped == 0, "{:?}", words.report);
}

/// Random numbers that are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }
}

/// A file of each format, with everything in it that readers stumble over.
fn seeds(reader: &str) -> Vec<(&'static str, Vec<u8>)> {
    let row = |i: usize, d: char| {
        format!(
            "{i}{d}\"a \"\"text\"\"{d}\nof two lines {i}\"{d}2024-05-{:02}{d}{}{d}café\n",
            i % 28 + 1,
            i * 37
        )
    };
    let table =
        |d: char| format!("id{d}text{d}when{d}n{d}tag\n") + &(0..30).map(|i| row(i, d)).collect::<String>();
    let object = |i: usize| {
        format!(
            "{{\"id\": {i}, \"text\": \"a \\\"text\\\" \\u00e9 {i}\", \"tags\": [\"x\", \"y{i}\"], \"in\": {{\"d\": [1, {{}}]}}}}"
        )
    };
    let objects = |joint: &str| (0..30).map(object).collect::<Vec<_>>().join(joint);
    let prose = "A line of text, and\nanother one.\n\nA paragraph “quoted”\r\nand its end.\r\n\r\n".repeat(8);
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    match reader {
        "delimited" => vec![
            ("a.csv", table(',').into()),
            ("a.tsv", table('\t').into()),
            ("a.csv", table(';').into()),
            ("a.csv", encoding_rs::WINDOWS_1252.encode(&table('|')).0.into_owned()),
            ("a.csv", wide(&table(','))),
        ],
        "json lines" => vec![("a.jsonl", objects("\n").into()), ("a.jsonl", wide(&objects("\r\n")))],
        "json array" => vec![
            ("a.json", format!("[{}]", objects(", ")).into()),
            ("a.json", format!("[\n  {}\n]", objects(",\n  ")).into()),
            ("a.json", objects("\n\n").replace(", ", ",\n").into()),
            ("a.json", format!("{:?}", (0..60).map(|i| format!("text {i}")).collect::<Vec<_>>()).into()),
        ],
        "text" => vec![("a.txt", prose.clone().into()), ("a.txt", wide(&prose))],
        _ => vec![
            ("a.csv.gz", gzip(table(',').as_bytes())),
            ("a.jsonl.gz", gzip(objects("\n").as_bytes())),
            ("a.txt.gz", [gzip(prose.as_bytes()), gzip(prose.as_bytes())].concat()),
        ],
    }
}

/// Flips, cuts, splices and repeats, a few of them at a time.
fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    const TOKENS: [&[u8]; 14] = [
        b"\"",
        b"\"\"",
        b"\n",
        b"\r",
        b",",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\\",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\\ud800",
    ];
    for _ in 0..=dice.roll(6) {
        let at = dice.roll(bytes.len());
        let end = at + dice.roll((bytes.len() - at).min(400));
        match dice.roll(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.roll(8),
            1 if !bytes.is_empty() => bytes[at] = dice.roll(256) as u8,
            2 if dice.roll(4) == 0 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let to = dice.roll(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(to..to, piece);
            }
            5 => {
                let times = [2, 50, 3_000][dice.roll(3)];
                let piece = bytes[at..end.min(at + 40)].repeat(times);
                bytes.splice(at..at, piece);
            }
            _ => {
                let times = [1, 1, 1, 2_000][dice.roll(4)];
                bytes.splice(at..at, TOKENS[dice.roll(TOKENS.len())].repeat(times));
            }
        }
    }
}

/// Reads a file and checks that what comes out is sound.
fn survive(path: &Path) {
    let seen = peek(path, &ReadOptions::default());
    let Ok(corpus) = read(path, &ReadOptions::default(), &Ctx::quiet()) else { return };
    assert!(!corpus.is_empty() && !corpus.text_columns.is_empty());
    for column in &corpus.columns {
        assert_eq!(column.cells.len(), corpus.len());
        let values = match &column.typed {
            Typed::Text => corpus.len(),
            Typed::Number(numbers) => numbers.len(),
            Typed::Category { codes, .. } => codes.len(),
            Typed::List { offsets, .. } => offsets.len() - 1,
            Typed::Date(dates) => dates.len(),
        };
        assert_eq!(values, corpus.len());
    }
    let seen = seen.expect("what can be read can be looked at");
    assert!(seen.documents > 0 || !seen.is_whole);
}

/// `SEMASCOPE_FUZZ_CASES` mutated files a reader: no panic, and none takes 10 seconds (a hang, that is).
fn fuzz(reader: &'static str) {
    let cases = std::env::var("SEMASCOPE_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300usize);
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let seeds = seeds(reader);
        let folder = tempfile::tempdir().unwrap();
        for case in 0..cases {
            let mut dice = Dice(case as u64);
            let (name, mut bytes) = seeds[case % seeds.len()].clone();
            mutate(&mut bytes, &mut dice);
            let path = folder.path().join(name);
            std::fs::write(&path, &bytes).unwrap();
            let begun = std::time::Instant::now();
            survive(&path);
            if send.send((case, begun.elapsed())).is_err() {
                return;
            }
        }
    });
    let mut worst = (0, std::time::Duration::ZERO);
    for case in 0..cases {
        let took = receive.recv_timeout(std::time::Duration::from_secs(10));
        let took = took.unwrap_or_else(|e| panic!("{reader}, case {case}: panicked or hung ({e})"));
        worst = if took.1 > worst.1 { took } else { worst };
    }
    println!("{reader}: {cases} cases, the slowest ({}) took {:?}; {}", worst.0, worst.1, memory());
}

#[test]
fn mutated_tables_neither_panic_nor_hang() {
    fuzz("delimited");
}

#[test]
fn mutated_json_lines_neither_panic_nor_hang() {
    fuzz("json lines");
}

#[test]
fn mutated_json_arrays_neither_panic_nor_hang() {
    fuzz("json array");
}

#[test]
fn mutated_plain_text_neither_panics_nor_hangs() {
    fuzz("text");
}

#[test]
fn mutated_gzip_files_neither_panic_nor_hang() {
    fuzz("gzip");
}

/// The process's memory as Linux tells it, peak first.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("RssAnon"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

/// Reads the file named by `SEMASCOPE_READ_FILE`, for timing from outside.
#[test]
fn a_file_given_by_hand_is_read() {
    let Some(path) = std::env::var_os("SEMASCOPE_READ_FILE") else { return };
    let begun = std::time::Instant::now();
    let seen = peek(Path::new(&path), &ReadOptions::default()).unwrap();
    println!(
        "peek {:?}: {}, about {} documents, {} ({:?})",
        begun.elapsed(),
        seen.words,
        seen.documents,
        seen.why,
        seen.text_columns
    );
    let anonymous = std::thread::spawn(watch_anonymous_memory);
    let begun = std::time::Instant::now();
    let corpus = read(Path::new(&path), &ReadOptions::default(), &Ctx::quiet()).unwrap();
    println!("read {:?}: {} documents; {:?}", begun.elapsed(), corpus.len(), corpus.report);
    for column in &corpus.columns {
        println!("  {}: {:?}, {:?}", column.name, column.typed.kind(), column.cells);
    }
    STOP.store(true, std::sync::atomic::Ordering::Relaxed);
    println!("{}; peak anonymous {} kB", memory(), anonymous.join().unwrap());
}

static STOP: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// The most anonymous memory (in kB) seen until told to stop.
fn watch_anonymous_memory() -> u64 {
    let mut peak = 0;
    while !STOP.load(std::sync::atomic::Ordering::Relaxed) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    peak
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
