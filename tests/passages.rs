//! A long text is found by what stands deep inside it, once it is split into passages.

#[path = "common/goals.rs"]
mod goals;

use std::io::Read;

use flate2::read::GzDecoder;
use semascope::data::{Corpus, Typed};
use semascope::embed::{EmbedParams, Embedder, Texts};
use semascope::io::read::{self, ReadOptions};
use semascope::job::Ctx;
use semascope::math::nearest_to::nearest_to;
use semascope::stage::passages::{self, PassageParams, Window, rolled_up};

const PAGES: usize = 10;
const WORDS_A_PAGE: usize = 300;

/// The abstract that stands on page seven (of the sample, from 0), and one of its sentences in other words:
/// "… persistent exclusions of men and non-binary users, migrants, and users in the Global South."
const ABSTRACT: usize = 1200;
const PARAPHRASE: &str =
    "Technology for reproductive health keeps leaving out men, immigrants and people from poorer countries.";

fn abstracts() -> Vec<String> {
    let packed = include_bytes!("../assets/samples/arxiv.jsonl.gz");
    let mut lines = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut lines).unwrap();
    let text = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        row["abstract"].as_str().unwrap().to_owned()
    };
    lines.lines().map(text).collect()
}

/// Ten pages of abstracts from `first` on, with `on_seven` at the head of the seventh.
fn ten_pages(abstracts: &[String], first: usize, on_seven: Option<usize>) -> String {
    let mut next = first;
    let page = |number: usize| {
        let mut page =
            on_seven.filter(|_| number == 7).map_or(String::new(), |at| abstracts[at].clone() + " ");
        while page.split_whitespace().count() < WORDS_A_PAGE {
            page.push_str(&abstracts[next]);
            page.push(' ');
            next += 7;
        }
        page
    };
    (1..=PAGES).map(page).collect::<Vec<_>>().join("\u{c}")
}

fn query(embedder: &Embedder) -> Vec<f32> {
    let mut vector = Vec::new();
    let texts = Texts { count: 1, text: &|_| PARAPHRASE.into(), rows: None };
    let keep = &mut |_: &[usize], made: &[f32]| {
        vector.extend_from_slice(made);
        Ok(())
    };
    embedder.embed(&texts, &EmbedParams::default(), &Ctx::quiet(), keep).unwrap();
    vector
}

#[test]
fn a_ten_page_text_is_found_by_a_sentence_of_page_seven_said_in_other_words() {
    let abstracts = abstracts();
    let target = 20;
    let mut documents: Vec<String> = (0..50).map(|i| abstracts[3 + 11 * i].clone()).collect();
    documents.insert(target, ten_pages(&abstracts, 640, Some(ABSTRACT)));
    documents.insert(5, ten_pages(&abstracts, 801, None));
    documents.push(ten_pages(&abstracts, 1302, None));
    let target = target + 1;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("papers.jsonl");
    let lines: Vec<String> =
        documents.iter().map(|text| serde_json::json!({ "text": text }).to_string()).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let corpus: Corpus = read::read(&path, &ReadOptions::default(), &Ctx::quiet()).unwrap();
    assert!(corpus.text(target).split_whitespace().count() >= PAGES * WORDS_A_PAGE);

    let embedder = goals::embedder();
    let query = query(&embedder);
    let window = Window { embedder: &embedder, embed: &EmbedParams::default() };
    let split = passages::run(&corpus, &PassageParams::default(), Some(window), &Ctx::quiet()).unwrap();
    let ranked = |corpus: &Corpus| {
        let matrix = goals::embedded(corpus, &embedder);
        nearest_to(&matrix, &query, corpus.len(), None, &Ctx::quiet()).unwrap().remove(0)
    };

    let of_documents = ranked(&corpus);
    let place = of_documents.iter().position(|near| near.1 as usize == target).unwrap();
    assert!(place >= 10, "its beginning alone must not give it away, but it is number {}", place + 1);

    let of_passages = ranked(&split.corpus);
    let best = rolled_up(of_passages.iter().map(|near| (near.1, near.0)), &split.parents)[0];
    assert_eq!(best.document as usize, target);
    let Some(Typed::Number(pages)) = split.corpus.column(passages::PAGE).map(|column| &column.typed) else {
        panic!("the texts have pages")
    };
    assert_eq!(pages[best.passage as usize], 7.0, "{}", split.corpus.text(best.passage as usize));
}
