//! The command line, as another program sees it.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{SMALL, small_corpus};
use semascope::data::Element;
use semascope::io::npy;

/// Runs `semascope` with a cache and settings of its own.
fn semascope(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_semascope"))
        .args(arguments)
        .env("SEMASCOPE_CACHE", home.join("cache"))
        .env("SEMASCOPE_CONFIG", home.join("config"))
        .output()
        .expect("the program starts")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn assert_ok(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn one_line_of(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "a failure exits with 1");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(stderr.trim_end().lines().count(), 1, "one line, not: {stderr}");
    stderr
}

#[test]
fn run_writes_one_row_a_document_a_picture_a_project_and_a_report() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let out = home.path().join("out");
    let (file, out_text) = (file.to_str().unwrap(), out.to_str().unwrap());
    assert_ok(&semascope(home.path(), &["run", file, "--text", "text", "--out", out_text, "--quiet"]));

    let mut rows = csv::Reader::from_path(out.join("clusters.csv")).unwrap();
    let header: Vec<String> = rows.headers().unwrap().iter().map(str::to_owned).collect();
    let added = ["semascope_x", "semascope_y", "semascope_cluster", "semascope_cluster_title"];
    assert_eq!(header, [&["id", "text", "subject", "year"][..], &added].concat());
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), SMALL);
    assert!(rows.iter().enumerate().all(|(i, row)| row[0] == i.to_string()), "in input order");
    assert!(rows.iter().all(|row| row[4].parse::<f32>().is_ok() && row[5].parse::<f32>().is_ok()));

    let png = fs::read(out.join("map.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let report: serde_json::Value = serde_json::from_str(&text(&out.join("report.json"))).unwrap();
    assert_eq!(report["input"]["documents"], SMALL);
    let count = report["clusters"]["count"].as_u64().unwrap();
    assert!((2..=12).contains(&count), "four subjects, but {count} clusters");
    let project = semascope::io::project::open(&out.join("project.semascope"), &semascope::job::Ctx::quiet());
    assert_eq!(project.unwrap().project.corpus.len(), SMALL);
}

#[test]
fn a_goal_writes_its_explanations_as_columns_and_as_a_report_at_any_number_of_threads() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let file = file.to_str().unwrap();
    let goal = ["--goal", "what is talked about?", "--k", "4", "--text", "text", "--quiet"];
    let written = ["1", "2"].map(|threads| {
        let out = home.path().join(threads);
        let more = ["--out", out.to_str().unwrap(), "--threads", threads];
        assert_ok(&semascope(home.path(), &[&["goal", file][..], &goal, &more].concat()));
        text(&out.join("clusters.csv"))
    });
    assert!(written[0] == written[1], "the results depend on the number of threads");
    let mut rows = csv::Reader::from_reader(written[0].as_bytes());
    let header: Vec<String> = rows.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header[8], "semascope_explanation_1");
    assert_eq!(header[15..], ["semascope_explanation_4_score", "semascope_goal", "semascope_goal_title"]);
    for row in rows.records().map(Result::unwrap) {
        for e in 0..4 {
            let score: f32 = row[9 + 2 * e].parse().unwrap();
            assert_eq!(&row[8 + 2 * e], if score >= 0.5 { "1" } else { "0" });
        }
        let best = row[16].parse::<usize>().ok();
        assert!(best.map_or(row[17].is_empty(), |best| &row[6 + 2 * best] == "1" && !row[17].is_empty()));
    }
    let report: serde_json::Value =
        serde_json::from_str(&text(&home.path().join("1/explanations.json"))).unwrap();
    assert_eq!(report["view"]["kind"], "meaning");
    assert_eq!(report["explanations"].as_array().unwrap().len(), 4);
    assert!(report["selection"]["gap"].is_number() && report["overlaps"][3][3] == 1.0);

    let predicates = home.path().join("mine.txt");
    fs::write(&predicates, "is about cooking\n\nis about finance\nis about football\n").unwrap();
    let out = home.path().join("mine");
    let (out_text, mine) = (out.to_str().unwrap(), predicates.to_str().unwrap());
    let given = [
        "goal",
        file,
        "--goal",
        "by topic",
        "--text",
        "text",
        "--predicates",
        mine,
        "--out",
        out_text,
        "--quiet",
    ];
    assert_ok(&semascope(home.path(), &given));
    let report: serde_json::Value = serde_json::from_str(&text(&out.join("explanations.json"))).unwrap();
    let titles: Vec<&str> =
        report["explanations"].as_array().unwrap().iter().filter_map(|e| e["predicate"].as_str()).collect();
    assert_eq!(titles, ["is about cooking", "is about finance", "is about football"]);

    let empty =
        semascope(home.path(), &["goal", file, "--goal", "", "--text", "text", "--out", out_text, "--quiet"]);
    assert!(one_line_of(&empty).contains("The goal is empty"));
}

#[test]
fn vectors_in_half_precision_are_halves_and_the_report_says_what_they_keep() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (file, full, half) = (file.to_str().unwrap(), path("v.npy"), path("h.npy"));
    let run = |arguments: &[&str]| {
        assert_ok(&semascope(home.path(), &[arguments, &["--text", "text", "--quiet"]].concat()));
    };
    run(&["embed", file, "--out", &full]);
    run(&["embed", file, "--half", "--out", &half]);
    run(&["run", file, "--half", "--vectors", &full, "--out", &path("out")]);
    let halves = semascope::io::npy::read_matrix(Path::new(&half)).unwrap();
    assert_eq!((halves.element(), halves.rows()), (Element::F16, SMALL));
    let report: serde_json::Value =
        serde_json::from_str(&text(&home.path().join("out/report.json"))).unwrap();
    let precision = &report["vectors"]["precision"];
    assert_eq!(precision["kind"], "half");
    assert!(precision["neighbours_kept"]["share"].as_f64().unwrap() > 0.95, "{precision}");
    let project = Path::new(&path("out")).join("project.semascope");
    let project = semascope::io::project::open(&project, &semascope::job::Ctx::quiet()).unwrap().project;
    assert_eq!(project.matrix.unwrap().raw(), halves.raw());
}

#[test]
fn two_runs_of_one_seed_give_the_same_bytes() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let file = file.to_str().unwrap();
    let runs: Vec<String> = ["1", "2"]
        .iter()
        .map(|threads| {
            let out = home.path().join(threads);
            let out = out.to_str().unwrap();
            assert_ok(&semascope(home.path(), &["run", file, "--out", out, "--threads", threads, "--quiet"]));
            text(&Path::new(out).join("clusters.csv"))
        })
        .collect();
    assert!(runs[0] == runs[1], "the results depend on the number of threads");
}

#[test]
fn the_single_steps_give_what_run_gives() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (vectors, graph, layout, labels) = (path("v.npy"), path("graph"), path("l.npy"), path("c.csv"));
    let file = file.to_str().unwrap();
    let run = |arguments: &[&str]| {
        assert_ok(&semascope(home.path(), &[arguments, &["--quiet", "--threads", "2"]].concat()));
    };
    run(&["embed", file, "--text", "text", "--out", &vectors]);
    run(&["knn", &vectors, "--k", "15", "--out", &graph]);
    run(&["project", &vectors, "--knn", &graph, "--out", &layout]);
    run(&["cluster", &vectors, "--out", &labels]);
    run(&["run", file, "--text", "text", "--out", &path("out")]);

    let (rows, dim, _) = semascope::io::npy::read_f32(Path::new(&vectors)).unwrap();
    assert_eq!((rows, dim), (SMALL, 384));
    let (_, k, indices) = semascope::io::npy::read_u32(&home.path().join("graph/indices.npy")).unwrap();
    assert_eq!((k, indices.len()), (15, SMALL * 15));
    assert!(indices.chunks(15).enumerate().all(|(i, row)| !row.contains(&(i as u32))), "self is left out");

    let (_, two, positions) = semascope::io::npy::read_f32(Path::new(&layout)).unwrap();
    assert_eq!(two, 2);
    let mut whole = csv::Reader::from_path(home.path().join("out/clusters.csv")).unwrap();
    let mut single = csv::Reader::from_path(&labels).unwrap();
    for (i, (whole, single)) in whole.records().zip(single.records()).enumerate() {
        let (whole, single) = (whole.unwrap(), single.unwrap());
        assert_eq!(whole[4].parse::<f32>().unwrap(), positions[2 * i]);
        assert_eq!(&whole[6], &single[1], "cluster of row {i}");
    }
    let quality: serde_json::Value = serde_json::from_str(&text(&home.path().join("l.json"))).unwrap();
    assert!(quality["quality"]["trustworthiness"].as_f64().unwrap() > 0.7);
}

#[test]
fn hdbscan_leaves_cells_empty_and_says_what_share_it_left_out() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let file = file.to_str().unwrap();
    let hdbscan = ["--method", "hdbscan", "--min-cluster-size", "8", "--min-samples", "4", "--quiet"];
    let run = |arguments: &[&str]| {
        let output = semascope(home.path(), &[arguments, &hdbscan].concat());
        assert_ok(&output);
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["run", file, "--text", "text", "--out", &path("out")]);
    let report: serde_json::Value =
        serde_json::from_str(&text(&home.path().join("out/report.json"))).unwrap();
    let clusters = &report["clusters"];
    assert_eq!(clusters["method"], "HDBSCAN, confident only");
    assert!(clusters["count"].as_u64().unwrap() >= 2, "{clusters}");
    let left_out = clusters["unclustered"].as_u64().unwrap();
    assert_eq!(clusters["left_out"].as_f64().unwrap(), left_out as f64 / SMALL as f64);
    assert_eq!(report["parameters"]["clusters"]["hdbscan"]["min_cluster_size"], 8);
    let mut rows = csv::Reader::from_path(home.path().join("out/clusters.csv")).unwrap();
    let empty = rows.records().filter(|row| row.as_ref().unwrap()[6].is_empty()).count();
    assert_eq!(empty as u64, left_out);

    // On the vectors, where it only looks at neighbours.
    run(&["run", file, "--text", "text", "--ground", "vectors", "--out", &path("near")]);
    let report: serde_json::Value =
        serde_json::from_str(&text(&home.path().join("near/report.json"))).unwrap();
    assert!(report["clusters"]["method"].as_str().unwrap().contains("approximate"), "{report}");

    // By itself.
    assert_ok(&semascope(
        home.path(),
        &["embed", file, "--text", "text", "--out", &path("v.npy"), "--quiet"],
    ));
    run(&["cluster", &path("v.npy"), "--ground", "vectors", "--out", &path("c.csv")]);
    let mut rows = csv::Reader::from_path(path("c.csv")).unwrap();
    let cells: Vec<String> = rows.records().map(|row| row.unwrap()[1].to_owned()).collect();
    assert_eq!(cells.len(), SMALL);
    assert!(cells.iter().any(String::is_empty), "something is not certain");
}

#[test]
fn a_t_sne_map_is_the_same_from_run_and_project_and_a_narrow_graph_says_what_it_did() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (vectors, graph, layout, narrow) = (path("v.npy"), path("graph"), path("l.npy"), path("n.npy"));
    let file = file.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let output = semascope(home.path(), &[arguments, &["--quiet"]].concat());
        assert_ok(&output);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let tsne = ["--perplexity", "12"];
    run(&["embed", file, "--text", "text", "--out", &vectors]);
    run(&[&["run", file, "--text", "text", "--map", "tsne", "--out", &path("out")][..], &tsne].concat());
    let said = run(&[&["project", &vectors, "--method", "tsne", "--out", &layout][..], &tsne].concat());
    assert!(!said.contains("perplexity"), "{said}");
    let (_, _, positions) = semascope::io::npy::read_f32(Path::new(&layout)).unwrap();
    let mut whole = csv::Reader::from_path(home.path().join("out/clusters.csv")).unwrap();
    for (i, row) in whole.records().enumerate() {
        assert_eq!(row.unwrap()[4].parse::<f32>().unwrap(), positions[2 * i]);
    }
    let report: serde_json::Value =
        serde_json::from_str(&text(&home.path().join("out/report.json"))).unwrap();
    assert_eq!(report["map"]["method"], "t-SNE");
    assert!(report["map"]["quality"]["trustworthiness"].as_f64().unwrap() > 0.7);

    run(&["knn", &vectors, "--k", "15", "--out", &graph]);
    let given = ["project", &vectors, "--method", "tsne", "--knn", &graph, "--out", &narrow];
    let said = run(&[&given[..], &tsne].concat());
    assert!(said.contains("perplexity of 5.0 in place of 12"), "{said}");
    let refused = semascope(home.path(), &["project", &vectors, "--out", &layout, "--perplexity", "0"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn the_map_of_a_project_is_the_map_of_its_run_and_saves_to_the_same_bytes() {
    use semascope::io::project::{SaveOptions, open, save};
    use semascope::job::Ctx;
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let out = home.path().join("out");
    let arguments =
        ["run", file.to_str().unwrap(), "--text", "text", "--out", out.to_str().unwrap(), "--quiet"];
    assert_ok(&semascope(home.path(), &arguments));
    let path = out.join("project.semascope");
    let opened = open(&path, &Ctx::quiet()).unwrap();
    assert!(opened.missing.is_empty(), "{:?}", opened.missing);
    let layout = opened.project.layout.as_ref().unwrap();
    let mut rows = csv::Reader::from_path(out.join("clusters.csv")).unwrap();
    for (row, position) in rows.records().map(Result::unwrap).zip(layout.positions.iter()) {
        let exported = [4, 5].map(|column| row[column].parse::<f32>().unwrap().to_bits());
        assert_eq!(exported, position.map(f32::to_bits));
    }
    let again = home.path().join("again.semascope");
    save(&again, &opened.project, &SaveOptions::default(), &Ctx::quiet()).unwrap();
    assert!(fs::read(&again).unwrap() == fs::read(&path).unwrap(), "the same project, another file");
}

#[test]
fn without_texts_the_project_holds_no_piece_of_a_text() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    // Rows that cannot be read are reported with what stood there, and names may be whole documents.
    let mut table = text(&file);
    table.push_str("998,Zanzibar,cooking,1999\n999,\"an unfinished secret\n");
    fs::write(&file, &table).unwrap();
    let out = home.path().join("out");
    let out_text = out.to_str().unwrap();
    let arguments =
        ["run", file.to_str().unwrap(), "--text", "text", "--no-texts", "--out", out_text, "--quiet"];
    assert_ok(&semascope(home.path(), &arguments));
    let project = fs::read(out.join("project.semascope")).unwrap();
    let has = |piece: &str| {
        project.windows(piece.len()).any(|window| window.eq_ignore_ascii_case(piece.as_bytes()))
    };
    assert!(has("astronomy") && has("1990"), "the other columns stay");
    let mut rows = csv::Reader::from_path(out.join("clusters.csv")).unwrap();
    for row in rows.records().map(Result::unwrap) {
        // Titles and keywords are single words and pairs; a piece of three is from a text.
        let words: Vec<&str> = row[1].split_whitespace().collect();
        assert!(words.len() == 1 || words.windows(3).all(|piece| !has(&piece.join(" "))), "{:?}", &row[1]);
    }
    assert!(!has("Zanzibar") && !has("unfinished"), "a text is in the file");
    let opened = semascope::io::project::open(&out.join("project.semascope"), &semascope::job::Ctx::quiet());
    let opened = opened.unwrap();
    assert_eq!(opened.missing, ["The texts were left out when this project was saved."]);
    assert!(opened.project.layout.is_some() && opened.project.names.is_some());
}

#[test]
fn given_vectors_take_the_place_of_a_model() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let vectors = home.path().join("v.npy");
    let values: Vec<f32> = (0..SMALL * 8).map(|i| ((i * 7919) % 101) as f32 - 50.0).collect();
    semascope::io::npy::write_f32(&vectors, SMALL, 8, &values).unwrap();
    let (file, vectors, out) = (file.to_str().unwrap(), vectors.to_str().unwrap(), home.path().join("out"));
    let out = out.to_str().unwrap();
    let given = ["run", file, "--vectors", vectors, "--out", out, "--quiet"];
    assert_ok(&semascope(home.path(), &given));
    let report: serde_json::Value = serde_json::from_str(&text(&Path::new(out).join("report.json"))).unwrap();
    assert_eq!(report["vectors"]["dimensions"], 8);

    let joined = semascope(home.path(), &[&given[..], &["--join", "id"]].concat());
    assert_ok(&joined);
    let refused = one_line_of(&semascope(home.path(), &[&given[..], &["--join", "subject"]].concat()));
    assert!(refused.contains("cooking") && refused.contains("subject"), "{refused}");
}

#[test]
fn too_few_vectors_are_refused_with_both_numbers() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let vectors = home.path().join("v.npy");
    semascope::io::npy::write_f32(&vectors, 3, 4, &[0.5; 12]).unwrap();
    let out = home.path().join("out");
    let output = semascope(
        home.path(),
        &[
            "run",
            file.to_str().unwrap(),
            "--vectors",
            vectors.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
            "--quiet",
        ],
    );
    let line = one_line_of(&output);
    assert!(line.contains('3') && line.contains(&SMALL.to_string()), "{line}");
}

#[test]
fn a_missing_file_is_one_plain_sentence() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let line = one_line_of(&semascope(home.path(), &["run", "no-such.csv", "--out", out.to_str().unwrap()]));
    assert!(line.contains("no-such.csv"), "{line}");
}

#[test]
fn an_unknown_text_column_is_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let out = home.path().join("out");
    let out = out.to_str().unwrap();
    let arguments = ["run", file.to_str().unwrap(), "--text", "abstract", "--out", out, "--quiet"];
    let line = one_line_of(&semascope(home.path(), &arguments));
    assert!(line.contains("abstract"), "{line}");
}

#[test]
fn wrong_usage_exits_with_2() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(semascope(home.path(), &["run"]).status.code(), Some(2));
    assert_eq!(semascope(home.path(), &["cluster", "v.npy", "--method", "magic"]).status.code(), Some(2));
}

#[test]
fn json_output_is_one_object_a_line_and_ends_with_the_result() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let vectors = home.path().join("v.npy");
    let arguments = ["embed", file.to_str().unwrap(), "--out", vectors.to_str().unwrap(), "--json"];
    let output = semascope(home.path(), &arguments);
    assert_ok(&output);
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    let last = lines.last().expect("there is a result");
    assert_eq!(last["event"], "result");
    assert_eq!(last["result"]["documents"], SMALL);
}

#[test]
fn a_second_embedding_takes_every_vector_from_the_cache() {
    let home = tempfile::tempdir().unwrap();
    let file = small_corpus(home.path());
    let vectors = home.path().join("v.npy");
    let arguments = ["embed", file.to_str().unwrap(), "--out", vectors.to_str().unwrap(), "--json"];
    assert_ok(&semascope(home.path(), &arguments));
    let first = fs::read(&vectors).unwrap();
    let again = semascope(home.path(), &arguments);
    let result = String::from_utf8(again.stdout).unwrap().lines().last().unwrap().to_owned();
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["result"]["cached"], SMALL);
    assert!(fs::read(&vectors).unwrap() == first, "the same vectors, bit for bit");
}

#[test]
fn devices_lists_the_cpu() {
    let home = tempfile::tempdir().unwrap();
    let output = semascope(home.path(), &["devices", "--json"]);
    assert_ok(&output);
    let devices: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(devices["models"].as_array().is_some_and(|models| !models.is_empty()));
}

#[test]
fn bench_tries_every_kernel_beside_its_twin() {
    let home = tempfile::tempdir().unwrap();
    let output = semascope(home.path(), &["bench", "--quick", "--software", "--json"]);
    if String::from_utf8_lossy(&output.stderr).contains("no graphics adapter") {
        eprintln!("not tried: there is no adapter at all");
        return;
    }
    assert_ok(&output);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let kernels = found["kernels"].as_array().unwrap();
    assert_eq!(kernels.len(), semascope::stage::trials::ALL.len());
    assert!(kernels.iter().all(|kernel| kernel["agrees"] == true && kernel["seconds"].as_f64() > Some(0.0)));
    assert!(found["ceiling"]["flops"].as_f64() > Some(0.0));
}

#[test]
fn a_run_by_wish_on_the_graphics_adapter_gives_the_same_neighbours_or_says_why_not() {
    let home = tempfile::tempdir().unwrap();
    let values: Vec<f32> = (0..300 * 8).map(|i| ((i * 7919) % 1009) as f32 / 1009.0 - 0.5).collect();
    npy::write_f32(&home.path().join("v.npy"), 300, 8, &values).unwrap();
    let at = |name: &str| home.path().join(name).display().to_string();
    let found = |device: &str| {
        let (vectors, out) = (at("v.npy"), at(device));
        let output =
            semascope(home.path(), &["knn", &vectors, "--k", "5", "--out", &out, "--device", device]);
        assert_ok(&output);
        fs::read(home.path().join(device).join("indices.npy")).unwrap()
    };
    assert!(found("gpu") == found("cpu"));
}
