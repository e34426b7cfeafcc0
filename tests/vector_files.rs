//! Vectors in files: NumPy arrays, word2vec, GloVe.

use std::io::Write;
use std::path::{Path, PathBuf};

use half::f16;
use proptest::prelude::*;
use semascope::data::{Corpus, Element, Key, Matrix};
use semascope::io::{FileError, npy, word_vectors};
use semascope::job::Ctx;
use tempfile::TempDir;
use word_vectors::WordVectorFormat::{self, GloVe, Word2VecBinary, Word2VecText};

/// A file with this content, in a folder that goes with it.
fn file(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

/// An array as NumPy writes it.
fn numpy(descr: &str, fortran: bool, shape: &str, body: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut dict = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}");
    while !(10 + dict.len() + 1).is_multiple_of(64) {
        dict.push(' ');
    }
    dict.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((dict.len() as u16).to_le_bytes());
    bytes.extend(dict.as_bytes());
    bytes.extend(body);
    bytes
}

fn bytes_of<const N: usize>(values: &[f32], convert: impl Fn(f32) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| convert(value)).collect()
}

fn read_npy(content: &[u8]) -> Result<Matrix, FileError> {
    let (_folder, path) = file("v.npy", content);
    npy::read_matrix(&path)
}

const VALUES: [f32; 6] = [1.0, 2.0, 3.0, -4.0, 5.5, 0.0];

#[test]
fn every_float_type_and_both_orders_read_as_the_same_rows() {
    let columns_first = [1.0, -4.0, 2.0, 5.5, 3.0, 0.0];
    let arrays = [
        numpy("'<f4'", false, "(2, 3)", &bytes_of(&VALUES, f32::to_le_bytes)),
        numpy("'<f2'", false, "(2, 3)", &bytes_of(&VALUES, |v| f16::from_f32(v).to_le_bytes())),
        numpy("'<f8'", false, "(2, 3)", &bytes_of(&VALUES, |v| f64::from(v).to_le_bytes())),
        numpy("'<f4'", true, "(2, 3)", &bytes_of(&columns_first, f32::to_le_bytes)),
        numpy("'<f2'", true, "(2, 3)", &bytes_of(&columns_first, |v| f16::from_f32(v).to_le_bytes())),
        numpy("'<f8'", true, "(2, 3)", &bytes_of(&columns_first, |v| f64::from(v).to_le_bytes())),
    ];
    for array in arrays {
        let matrix = read_npy(&array).unwrap();
        assert_eq!((matrix.rows(), matrix.dim(), matrix.unit), (2, 3, false));
        assert_eq!(&*matrix.block(0..2), VALUES);
    }
}

#[test]
fn halves_stay_halves() {
    let array = numpy("'<f2'", false, "(3, 2)", &bytes_of(&VALUES, |v| f16::from_f32(v).to_le_bytes()));
    assert_eq!(read_npy(&array).unwrap().element(), Element::F16);
}

#[test]
fn unit_length_is_found_out_and_rows_of_zeros_are_allowed() {
    let unit = |values: &[f32]| {
        let shape = format!("({}, 2)", values.len() / 2);
        read_npy(&numpy("'<f4'", false, &shape, &bytes_of(values, f32::to_le_bytes))).unwrap().unit
    };
    assert!(unit(&[0.6, 0.8, 0.0, 0.0, -1.0, 0.0]));
    assert!(!unit(&[0.6, 0.8, 0.6, 0.7]));
}

#[test]
fn the_key_follows_the_content_and_not_the_name() {
    let array = |last: f32| numpy("'<f4'", false, "(1, 2)", &bytes_of(&[1.0, last], f32::to_le_bytes));
    let (_a, first) = file("a.npy", &array(2.0));
    let (_b, same) = file("b.npy", &array(2.0));
    let key = |path: &Path| npy::read_matrix(path).unwrap().key;
    assert_eq!(key(&first), key(&same));
    assert_ne!(key(&first), read_npy(&array(3.0)).unwrap().key);
}

#[test]
fn what_is_not_a_table_of_floats_is_refused_with_a_reason() {
    let body = bytes_of(&VALUES, f32::to_le_bytes);
    let nan = bytes_of(&[1.0, 2.0, f32::NAN, 4.0], f32::to_le_bytes);
    let nested = format!("{}{}", "(".repeat(5000), ")".repeat(4000));
    let cases: [(Vec<u8>, &str); 14] = [
        (numpy("'<f4'", false, "(6,)", &body), "has 1 dimension;"),
        (numpy("'<f4'", false, "(1, 2, 3)", &body), "has 3 dimensions;"),
        (numpy("'|O'", false, "(2, 3)", &body), "Python objects"),
        (numpy("'>f4'", false, "(2, 3)", &body), "'>f4'"),
        (numpy("'<i8'", false, "(2, 3)", &body), "'<i8'"),
        (numpy("'<u4'", false, "(2, 3)", &body), "<u4"),
        (numpy("[('x', '<f4')]", false, "(2, 3)", &body), "astype"),
        (numpy("'<f4'", false, "(2, 4)", &body), "ends before"),
        (numpy("'<f4'", false, "(4611686018427387904, 4)", &body), "ends before"),
        (numpy("'<f4'", false, "(18446744073709551615, 9)", &body), "ends before"),
        (numpy("'<f4'", false, "(0, 3)", &[]), "no vectors"),
        (numpy("'<f4'", false, "(2, 2)", &nan), "row 1 "),
        (numpy("'<f4'", false, &nested, &body), "is not an array"),
        (b"id,text\n1,a\n".to_vec(), "is not an array"),
    ];
    for (content, reason) in cases {
        let sentence = read_npy(&content).unwrap_err().to_string();
        assert!(sentence.contains("v.npy") && sentence.contains(reason), "{sentence} should say {reason:?}");
    }
    let sentence = npy::read_matrix(Path::new("nowhere/v.npy")).unwrap_err().to_string();
    assert!(sentence.contains("nowhere/v.npy could not be read"), "{sentence}");
}

#[test]
fn the_arrays_of_the_knn_command_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (indices, similarities) = (folder.path().join("indices.npy"), folder.path().join("similarities.npy"));
    npy::write_u32(&indices, 2, 3, &[1, 2, 3, 4, 5, 6]).unwrap();
    npy::write_f32(&similarities, 3, 2, &VALUES).unwrap();
    assert_eq!(npy::read_u32(&indices).unwrap(), (2, 3, vec![1, 2, 3, 4, 5, 6]));
    assert_eq!(npy::read_f32(&similarities).unwrap(), (3, 2, VALUES.to_vec()));
    assert!(npy::read_f32(&indices).unwrap_err().to_string().contains("f32"));
    let header = std::fs::read(&indices).unwrap();
    assert_eq!(header.len() % 64, 24, "the body starts at a multiple of 64 bytes");
}

#[test]
fn a_written_matrix_reads_back_as_it_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.npy");
    let halves = numpy("'<f2'", false, "(2, 3)", &bytes_of(&VALUES, |v| f16::from_f32(v).to_le_bytes()));
    let halves = read_npy(&halves).unwrap();
    let floats = Matrix::from_vec(Key::of("test", 1).finish(), "test", false, 2, VALUES.to_vec());
    for matrix in [halves, floats] {
        npy::write_matrix(&path, &matrix).unwrap();
        let back = npy::read_matrix(&path).unwrap();
        assert_eq!(
            (back.element(), back.rows(), back.raw()),
            (matrix.element(), matrix.rows(), matrix.raw())
        );
    }
}

/// What reading such a file gives.
fn words(name: &str, content: &[u8]) -> Result<(Corpus, Matrix), FileError> {
    let (_folder, path) = file(name, content);
    word_vectors::read(&path, &Ctx::quiet())
}

fn kind(content: &[u8]) -> Option<WordVectorFormat> {
    let (_folder, path) = file("table", content);
    word_vectors::looks_like(&path)
}

fn list(corpus: &Corpus) -> Vec<&str> {
    corpus.column("word").unwrap().cells.iter().collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn binary(header: &str, rows: &[(&str, [f32; 3])], newlines: bool) -> Vec<u8> {
    let mut bytes = header.as_bytes().to_vec();
    for (word, vector) in rows {
        bytes.extend(word.as_bytes());
        bytes.push(b' ');
        bytes.extend(bytes_of(vector, f32::to_le_bytes));
        bytes.extend(newlines.then_some(b'\n'));
    }
    bytes
}

/// Lines as GloVe has them, of vectors of ten dimensions.
fn glove(words: &[&str]) -> String {
    let line = |(i, word): (usize, &&str)| {
        let values: Vec<String> =
            (0..10).map(|d| format!("{:.3}", (i * 10 + d) as f32 / 7.0 - 0.5)).collect();
        format!("{word} {}\n", values.join(" "))
    };
    words.iter().enumerate().map(line).collect()
}

#[test]
fn word2vec_text_is_read_with_its_header() {
    let (corpus, matrix) =
        words("w.txt", b"3 2\nking 0.6 0.8\nqu een 1 0 \r\n\xc3\xa9t\xc3\xa9\t0\t-1\n").unwrap();
    assert_eq!(list(&corpus), ["king", "qu een", "été"]);
    assert_eq!(&*matrix.block(0..3), [0.6, 0.8, 1.0, 0.0, 0.0, -1.0]);
    assert_eq!((matrix.unit, corpus.name.as_str()), (true, "w.txt"));
    assert_eq!((corpus.report.format.as_str(), corpus.report.skipped), ("word2vec text", 0));
    assert!(corpus.report.remarks.is_empty(), "{:?}", corpus.report.remarks);
}

#[test]
fn word2vec_binary_is_read_with_and_without_newlines() {
    let rows = [("king", [0.5, -0.25, 3.0]), ("queen", [1.0, 2.0, -0.125])];
    for newlines in [true, false] {
        let (corpus, matrix) = words("w.bin", &binary("2 3\n", &rows, newlines)).unwrap();
        assert_eq!(list(&corpus), ["king", "queen"]);
        assert_eq!(&*matrix.block(0..2), [0.5, -0.25, 3.0, 1.0, 2.0, -0.125]);
        assert_eq!((matrix.unit, corpus.report.format.as_str()), (false, "word2vec binary"));
    }
}

#[test]
fn glove_words_may_hold_spaces_or_be_numbers() {
    let (corpus, matrix) = words("g.txt", glove(&["the", ". . .", "2", ","]).as_bytes()).unwrap();
    assert_eq!(list(&corpus), ["the", ". . .", "2", ","]);
    assert_eq!((matrix.rows(), matrix.dim()), (4, 10));
    assert_eq!(corpus.report.format, "GloVe text");
}

#[test]
fn a_gzipped_table_reads_as_the_plain_one() {
    let text = glove(&["the", "of", "and"]);
    let (plain, _) = words("g.txt", text.as_bytes()).unwrap();
    let (packed, _) = words("g.txt", &gzip(text.as_bytes())).unwrap();
    assert_eq!(packed.key, plain.key);
    assert_eq!(packed.report.format, "GloVe text, gzip");
}

#[test]
fn lines_that_cannot_be_read_are_skipped_counted_and_listed() {
    let text = b"4 2\nking 0.6 0.8\nbroken 1\nnot nan 1\n\nqueen 1 0\n";
    let (corpus, matrix) = words("w.txt", text).unwrap();
    assert_eq!(list(&corpus), ["king", "queen"]);
    assert_eq!(matrix.rows(), 2);
    let lines: Vec<u64> = corpus.report.skipped_rows.iter().map(|row| row.line).collect();
    assert_eq!((corpus.report.skipped, lines), (2, vec![3, 4]));
}

#[test]
fn a_header_that_promises_the_moon_takes_no_memory_and_is_remarked_on() {
    let (corpus, _) = words("w.txt", b"18446744073709551615 3\nking 1 2 3\n").unwrap();
    assert!(corpus.report.remarks[0].contains("18446744073709551615"), "{:?}", corpus.report.remarks);
    let rows = [("king", [0.5, -0.25, 3.0])];
    let (corpus, _) = words("w.bin", &binary("9999999999999 3\n", &rows, true)).unwrap();
    assert_eq!(list(&corpus), ["king"]);
    assert_eq!(kind(b"5 9999999999\nking 1 2 3\n"), None);
}

#[test]
fn a_binary_table_cut_short_keeps_the_words_before() {
    let rows = [("king", [0.5, -0.25, 3.0]), ("queen", [1.0, 2.0, -0.125])];
    let whole = binary("2 3\n", &rows, false);
    let (corpus, matrix) = words("w.bin", &whole[..whole.len() - 1]).unwrap();
    assert_eq!((list(&corpus), matrix.rows()), (vec!["king"], 1));
    assert!(corpus.report.remarks[0].contains("ends early"), "{:?}", corpus.report.remarks);
}

#[test]
fn a_gzip_cut_short_keeps_the_whole_lines_before() {
    let many: Vec<String> = (0..5000).map(|i| format!("word{i}")).collect();
    let text = glove(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let packed = gzip(text.as_bytes());
    let (corpus, matrix) = words("g.gz", &packed[..packed.len() / 2]).unwrap();
    let (full, full_matrix) = words("g.txt", text.as_bytes()).unwrap();
    let n = corpus.len();
    assert!(n > 100 && n < full.len() && list(&corpus) == list(&full)[..n]);
    assert_eq!(matrix.raw(), &full_matrix.raw()[..matrix.raw().len()]);
}

#[test]
fn the_format_is_told_from_the_start_of_the_file() {
    assert_eq!(kind(b"2 3\nking 1 2 3\nqueen 4 5 6\n"), Some(Word2VecText));
    assert_eq!(kind(&binary("1 3\n", &[("king", [0.5, -0.25, 3.0])], true)), Some(Word2VecBinary));
    assert_eq!(kind(glove(&["a", "b"]).as_bytes()), Some(GloVe));
    assert_eq!(kind(&gzip(glove(&["a", "b"]).as_bytes())), Some(GloVe));
}

#[test]
fn other_tables_and_texts_are_not_taken_for_word_vectors() {
    let numbers = "1.5,2.5,3.5,4.5,5.5,6.5,7.5,8.5,9.5,1.5,2.5\n".repeat(30);
    let spaced = "1.5 2.5 3.5 4.5 5.5 6.5 7.5 8.5 9.5 1.5 2.5 3.5\n".repeat(30);
    let counts: String = (0..30).map(|i| format!("w{i} 1 2 3 4 5 6 7 8 9 10 11\n")).collect();
    let tabs: String = (0..30).map(|i| format!("w{i}\t{}\n", ["0.5"; 12].join("\t"))).collect();
    let titled = format!("id a b c d e f g h i j\n{}", glove(&["x", "y", "z"]));
    let cases: [&[u8]; 12] = [
        b"",
        b"id,text\n1,hello\n2,world\n",
        numbers.as_bytes(),
        spaced.as_bytes(),
        counts.as_bytes(),
        tabs.as_bytes(),
        titled.as_bytes(),
        b"12 300\nis how this note begins, and then it goes on in plain English for a while, as notes do\n",
        b"{\"text\": \"a\"}\n{\"text\": \"b\"}\n",
        b"Call me Ishmael. Some years ago, never mind how long precisely,\nhaving little or no money\n",
        b"5 4\n5 4\n5 4\n",
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'",
    ];
    for case in cases {
        assert_eq!(kind(case), None, "{:?}", String::from_utf8_lossy(&case[..case.len().min(40)]));
    }
    let sentence = words("notes.txt", b"just a note\n").unwrap_err().to_string();
    assert!(sentence.contains("notes.txt is not a table of word vectors"), "{sentence}");
}

#[test]
fn blocks_and_threads_do_not_change_what_is_read() {
    let many: Vec<String> = (0..2000).map(|i| format!("word{i}")).collect();
    let text = glove(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let (corpus, matrix) = words("g.txt", text.as_bytes()).unwrap();
    assert!(list(&corpus).iter().zip(&many).all(|(a, b)| a == b) && corpus.len() == many.len());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let (alone, alone_matrix) = pool.install(|| words("g.txt", text.as_bytes()).unwrap());
    assert_eq!((alone.key, alone_matrix.key), (corpus.key, matrix.key));
}

#[test]
fn the_weat_words_are_read() {
    let shared = ["../shared", "../../shared"].map(|up| Path::new(env!("CARGO_MANIFEST_DIR")).join(up));
    let path =
        shared.iter().map(|shared| shared.join("data/word_vectors/weat_w2v_old.txt")).find(|p| p.exists());
    let Some(path) = path else { return };
    let (corpus, matrix) = word_vectors::read(&path, &Ctx::quiet()).unwrap();
    assert_eq!((corpus.len(), matrix.rows(), matrix.dim()), (347, 347, 300));
    assert_eq!((list(&corpus)[0], corpus.report.skipped, matrix.unit), ("management", 0, false));
    assert!(corpus.report.remarks.is_empty());
}

/// Some bytes of `content` overwritten, and the whole cut.
fn mutated(content: &[u8], edits: &[(usize, u8)], keep: usize) -> Vec<u8> {
    let mut bytes = content.to_vec();
    for &(at, byte) in edits {
        let at = at % bytes.len();
        bytes[at] = byte;
    }
    bytes.truncate(keep % (bytes.len() + 1));
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_mutated_array_brings_the_reader_down(
        edits in prop::collection::vec((any::<usize>(), any::<u8>()), 0..6),
        keep in any::<usize>(),
    ) {
        let array = numpy("'<f4'", false, "(2, 3)", &bytes_of(&VALUES, f32::to_le_bytes));
        let array = mutated(&array, &edits, if keep % 2 == 0 { array.len() } else { keep });
        if let Ok(matrix) = read_npy(&array) {
            prop_assert!(matrix.rows() * matrix.dim() <= array.len());
        }
    }

    #[test]
    fn no_mutated_table_brings_the_reader_down(
        which in 0..4usize,
        edits in prop::collection::vec((any::<usize>(), any::<u8>()), 0..6),
        keep in any::<usize>(),
    ) {
        let table = match which {
            0 => b"3 2\nking 0.6 0.8\nqueen 1 0\nzebra 0 -1\n".to_vec(),
            1 => binary("2 3\n", &[("king", [0.5, -0.25, 3.0]), ("queen", [1.0, 2.0, -0.125])], true),
            2 => glove(&["the", ". . .", "2"]).into_bytes(),
            _ => gzip(glove(&["the", "of", "and"]).as_bytes()),
        };
        let table = mutated(&table, &edits, if keep % 2 == 0 { table.len() } else { keep });
        if let Ok((corpus, matrix)) = words("w", &table) {
            prop_assert_eq!(corpus.len(), matrix.rows());
        }
    }
}
