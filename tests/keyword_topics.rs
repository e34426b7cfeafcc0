//! Topics by keywords as a person describes them in the window.

mod common;
mod windows;

use std::path::Path;
use std::sync::Arc;

use egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use semascope::data::{KeywordTopic, KeywordTopics, UNCLUSTERED};
use semascope::io::documents_file::DocumentsFormat;
use semascope::io::settings::Settings;
use semascope::session::{Classified, ColourBy, Command, DocumentsExport, StepState, Study};
use windows::{Window, click, rest, session, wait, wait_for, window_of, workspace};

const TOPICS: [(&str, &str); 4] = [
    ("Food", "cooking, recipe, dish, kitchen"),
    ("Space", "astronomy, stars, planets, universe"),
    ("Sport", "football, match, goal, team"),
    ("Money", "finance, bank, investment, taxes"),
];
/// Documents of each subject of the small corpus.
const SUBJECT: usize = common::SMALL / TOPICS.len();

/// A window with the small corpus, embedded by the built-in model, and the page of topics on show.
fn embedded(folder: &Path) -> Window {
    let mut window = window_of([1600.0, 1000.0], folder, Settings::default());
    window.state_mut().open(vec![common::small_corpus(folder)]);
    wait(&mut window, "reading", |window| {
        let sheet = session(window).import_sheet();
        sheet.is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    window.state_mut().wish(Command::SetTextColumns(vec![1]));
    window.state_mut().wish(Command::ConfirmImport);
    rest(&mut window);
    show_page(&mut window);
    window
}

fn show_page(window: &mut Window) {
    window.get_by_label("Topics").click();
    window.run_steps(3);
}

fn type_into(window: &mut Window, field: &str, text: &str) {
    window.get_by_label(field).click();
    window.run_steps(3);
    window.event(Event::Text(text.to_owned()));
    window.run_steps(3);
}

fn write_topics(window: &mut Window) {
    for (at, (name, keywords)) in TOPICS.iter().enumerate() {
        click(window, "Add a topic");
        // The cursor is in the name of the new topic.
        window.event(Event::Text((*name).to_owned()));
        window.run_steps(3);
        type_into(window, &format!("Keywords of topic {}", at + 1), keywords);
    }
    rest(window);
}

fn written(window: &Window) -> &KeywordTopics {
    &session(window).edits().unwrap().keyword_topics
}

fn classified(window: &mut Window) -> Arc<Classified> {
    wait(window, "classes", |window| session(window).classes().unwrap().fresh);
    // Colours and names on the map come from workers of the window.
    std::thread::sleep(std::time::Duration::from_millis(50));
    window.run_steps(8);
    session(window).classes().unwrap().classified.unwrap().clone()
}

#[test]
fn topics_that_are_typed_classify_the_documents_and_agree_with_a_column() {
    let home = tempfile::tempdir().unwrap();
    let mut window = embedded(home.path());
    wait_for(&mut window, "Describe topics by a few words each");
    write_topics(&mut window);
    let topic = written(&window).topics[1].clone();
    assert_eq!((topic.name.as_str(), topic.keywords.len()), ("Space", 4));
    assert!(session(&window).classes().unwrap().classified.is_none(), "nobody has asked yet");
    click(&mut window, "Classify");
    let found = classified(&mut window);
    assert_eq!(session(&window).colouring().unwrap().by, ColourBy::KeywordTopic);
    assert!(found.counts.iter().all(|count| count.abs_diff(SUBJECT) <= SUBJECT / 6), "{:?}", found.counts);
    // Legend and table follow the colours.
    wait_for(&mut window, "Colour of Space");
    wait_for(&mut window, "Sort by Topic");
    // Held against the subjects, which are called otherwise.
    let column = KeywordTopics { column: Some("subject".into()), ..written(&window).clone() };
    window.state_mut().wish(Command::SetTopics(Box::new(column)));
    window.run_steps(3);
    let found = classified(&mut window);
    let matched = found.matched.as_ref().unwrap();
    let values: Vec<&str> = matched.values.iter().flatten().map(String::as_str).collect();
    assert_eq!(values, ["cooking", "astronomy", "football", "finance"]);
    assert!(matched.mean_auc.unwrap() > 0.98 && matched.macro_f1.unwrap() > 0.93, "{matched:?}");
    wait_for(&mut window, "AUC ");
    wait_for(&mut window, "ROC curves, Food: AUC");
    // A topic opens its documents, best first, and one of them its card.
    let row = format!("Space, {} · AUC", found.counts[1]);
    click(&mut window, &row);
    wait_for(&mut window, "All documents, best first");
    let best = found.ranked(1).0[0];
    let corpus = session(&window).corpus().unwrap().clone();
    assert_eq!(corpus.column("subject").unwrap().cells.get(best as usize), "astronomy");
    click(&mut window, "  Select ");
    assert_eq!(session(&window).selection().unwrap().len(), found.counts[1]);
    let text = corpus.text(best as usize).into_owned();
    window.query_all_by_label_contains(&text).last().unwrap().click();
    window.run_steps(3);
    assert_eq!(session(&window).focus(), Some(best));
}

#[test]
fn classes_follow_what_is_written_and_all_of_it_can_be_taken_back() {
    let home = tempfile::tempdir().unwrap();
    let mut window = embedded(home.path());
    write_topics(&mut window);
    click(&mut window, "Classify");
    let before = classified(&mut window);
    // Somebody who types pauses before the next change.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    window.get_by_label("Remove topic 4").click();
    window.run_steps(3);
    let after = classified(&mut window);
    assert_eq!(after.counts.len(), 3);
    // With a higher threshold the others have no topic, and the page says how many.
    let threshold = 0.45;
    let strict = KeywordTopics { threshold, ..written(&window).clone() };
    window.state_mut().wish(Command::SetTopics(Box::new(strict)));
    window.run_steps(3);
    let after = classified(&mut window);
    let expected = after.scores.iter().filter(|score| **score < threshold).count();
    assert_eq!(after.without, expected);
    assert!((SUBJECT..3 * SUBJECT).contains(&expected), "{expected}");
    wait_for(&mut window, &format!("No topic, {expected}"));
    click(&mut window, &format!("No topic, {expected}"));
    let selection = session(&window).selection().unwrap().clone();
    assert!(selection.iter().all(|&i| after.clusters.labels[i as usize] == UNCLUSTERED));
    assert_eq!(selection.len(), expected);
    window.state_mut().wish(Command::Undo);
    window.run_steps(3);
    let undone = classified(&mut window);
    assert_eq!((undone.counts.len(), undone.counts.clone()), (4, before.counts.clone()));
    wait_for(&mut window, "Keywords of topic 4");
    // Cleared, nothing is coloured by topics any more; undone, it is.
    click(&mut window, "Clear");
    assert!(written(&window).is_empty());
    assert_eq!(session(&window).colouring().unwrap().by, ColourBy::Cluster);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(3);
    assert_eq!(classified(&mut window).counts, before.counts);
}

#[test]
fn topics_stay_with_the_project_and_their_classes_go_into_an_export() {
    let home = tempfile::tempdir().unwrap();
    let mut window = embedded(home.path());
    click(&mut window, "Start from");
    click(&mut window, "The 4 values of subject");
    assert_eq!(written(&window).column.as_deref(), Some("subject"));
    click(&mut window, "Classify");
    let before = classified(&mut window);
    assert!(before.matched.as_ref().unwrap().mean_auc.unwrap() > 0.98);
    let csv = home.path().join("documents.csv");
    let export = DocumentsExport { format: DocumentsFormat::Csv, documents: None, goal: None };
    window.state_mut().wish(Command::ExportDocuments(Box::new(export), csv.clone()));
    let path = home.path().join("topics.semascope");
    window.state_mut().wish(Command::SaveProject(path.clone()));
    window.run_steps(3);
    rest(&mut window);
    let text = std::fs::read_to_string(csv).unwrap();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().ends_with("semascope_topic,semascope_topic_score"));
    let first = lines.next().unwrap();
    assert!(first.contains(",cooking,0."), "{first}");
    drop(window);
    let mut window = window_of([1600.0, 1000.0], home.path(), Settings::default());
    window.state_mut().open(vec![path]);
    wait(&mut window, "opening", |window| session(window).corpus().is_some());
    rest(&mut window);
    let again = classified(&mut window);
    assert_eq!(again.topics, before.topics);
    assert_eq!(again.clusters.labels, before.clusters.labels);
    wait_for(&mut window, "Colour of finance");
}

#[test]
fn vectors_that_no_model_at_hand_made_are_not_classified_and_the_page_says_why() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    show_page(&mut window);
    let topic = KeywordTopic { name: "Ships".into(), keywords: vec!["boat".into()] };
    let topics = KeywordTopics { topics: vec![topic], ..KeywordTopics::default() };
    window.state_mut().wish(Command::SetTopics(Box::new(topics)));
    window.run_steps(3);
    click(&mut window, "Classify");
    wait(&mut window, "the failure", |window| {
        matches!(session(window).study(Study::Topics), StepState::Failed(_))
    });
    wait_for(&mut window, "The vectors have 6 components");
    wait_for(&mut window, "A topic compares words with texts");
    wait_for(&mut window, "Try again");
}

#[test]
fn clusters_are_taken_over_as_topics_with_their_keywords() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    show_page(&mut window);
    click(&mut window, "Start from");
    let name = format!("The {} clusters", session(&window).cluster_count());
    click(&mut window, &name);
    let topics = written(&window).topics.clone();
    assert_eq!(topics.len(), session(&window).cluster_count());
    assert!(topics.iter().all(|topic| topic.is_described() && !topic.name.is_empty()));
    wait_for(&mut window, &format!("Keywords of topic {}", topics.len()));
}
