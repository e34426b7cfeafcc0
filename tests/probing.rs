//! Trying sentences on a map, and what a map and its clusters are worth, as a person meets it in the window.

mod common;
mod windows;

use std::path::Path;

use egui::{Event, Role};
use egui_kittest::kittest::{NodeT, Queryable};
use semascope::data::{Query, SearchBy};
use semascope::io::settings::Settings;
use semascope::session::{ColourBy, Command};
use windows::{ALL, Window, click, rest, session, wait, wait_for, window_of};

/// A window with the small corpus, whose texts the built-in model embeds.
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
    assert_eq!(session(&window).corpus().unwrap().len(), common::SMALL);
    window
}

/// Types into the field of the page, in place of what stands there.
fn type_text(window: &mut Window, text: &str) {
    window.state_mut().wish(Command::Probe(None));
    window.run_steps(3);
    window.get_by_role(Role::MultilineTextInput).focus();
    window.run_steps(3);
    window.event(Event::Text(text.to_owned()));
    window.run_steps(3);
    wait(window, "the place of the text", |window| {
        let probe = session(window).probe();
        probe.is_some_and(|probe| probe.text == text && probe.words.is_some())
    });
}

/// Where the text that is tried lies.
fn place(window: &Window) -> [f32; 2] {
    let state = session(window).probe().expect("a text is tried");
    state.tried.expect("it has a place").probe.as_ref().expect("it can be read").place
}

/// The mean place of a subject's documents.
fn centre(window: &Window, subject: &str) -> [f32; 2] {
    let session = session(window);
    let (corpus, positions) = (session.corpus().unwrap(), session.positions().unwrap());
    let cells = &corpus.column("subject").unwrap().cells;
    let its: Vec<[f32; 2]> =
        (0..corpus.len()).filter(|&i| cells.get(i) == subject).map(|i| positions[i]).collect();
    [0, 1].map(|axis| its.iter().map(|place| place[axis]).sum::<f32>() / its.len() as f32)
}

/// The subject whose documents lie nearest to a place, on average.
fn subject_at(window: &Window, place: [f32; 2]) -> &'static str {
    let apart = |subject: &str| {
        let centre = centre(window, subject);
        (centre[0] - place[0]).hypot(centre[1] - place[1])
    };
    let subjects = ["cooking", "astronomy", "football", "finance"];
    subjects.into_iter().min_by(|a, b| apart(a).total_cmp(&apart(b))).unwrap()
}

#[test]
fn a_sentence_moves_to_where_it_belongs_as_it_is_typed_and_its_words_say_why() {
    let home = tempfile::tempdir().unwrap();
    let mut window = embedded(home.path());
    click(&mut window, "Probe");
    wait_for(&mut window, "Type a sentence");
    type_text(&mut window, "We talked about a telescope and a comet for an hour.");
    assert_eq!(subject_at(&window, place(&window)), "astronomy");
    wait_for(&mut window, "nearest are in “");
    wait_for(&mut window, "It fits");
    // The word that says most is one of those two, and its absence moves the point.
    let words = session(&window).probe().unwrap().words.unwrap().clone();
    let probe = words.probe.as_ref().unwrap();
    let most = probe.words.iter().min_by(|a, b| a.cosine.total_cmp(&b.cosine)).unwrap();
    assert!(["telescope", "comet"].contains(&&words.text[most.range.clone()]), "{most:?}");
    wait_for(&mut window, "Without “comet” the text moves by ");
    // Written on, it goes elsewhere.
    type_text(&mut window, "We talked about a goalkeeper and a penalty for an hour.");
    assert_eq!(subject_at(&window, place(&window)), "football");
    // Only what the filter keeps is listed, and the place stays.
    let before = place(&window);
    click(&mut window, "subject: finance");
    wait_for(&mut window, "Of those that the filter keeps.");
    assert_eq!(place(&window), before);
    let corpus = session(&window).corpus().unwrap().clone();
    let nearest = session(&window).probe().unwrap().tried.unwrap().clone();
    let nearest = &nearest.probe.as_ref().unwrap().nearest;
    let subject = |i: u32| corpus.column("subject").unwrap().cells.get(i as usize).to_owned();
    assert!(!nearest.is_empty() && nearest.iter().all(|near| subject(near.0) == "finance"));
    click(&mut window, "Clear the text");
    assert!(session(&window).probe().is_none());
    wait_for(&mut window, "Type a sentence");
}

#[test]
fn a_document_is_probed_from_its_card_and_lies_where_its_point_does() {
    let home = tempfile::tempdir().unwrap();
    let mut window = embedded(home.path());
    window.state_mut().wish(Command::Focus(Some(8)));
    window.run_steps(3);
    click(&mut window, "Probe this text");
    wait_for(&mut window, "Without “");
    let corpus = session(&window).corpus().unwrap().clone();
    let state = session(&window).probe().unwrap();
    assert_eq!(state.text, corpus.text(8));
    let tried = state.tried.unwrap().clone();
    let nearest = &tried.probe.as_ref().unwrap().nearest;
    assert!(nearest[0].0 == 8 && nearest[0].1 > 0.999, "{nearest:?}");
    // From a document of the list one gets back to the text.
    window.state_mut().wish(Command::Focus(Some(nearest[1].0)));
    window.run_steps(3);
    click(&mut window, "Your text");
    assert_eq!(session(&window).focus(), None);
}

#[test]
fn a_search_by_meaning_has_a_place_on_the_map() {
    let home = tempfile::tempdir().unwrap();
    let mut window = embedded(home.path());
    let query = |by| Query { text: "planets and stars in outer space".into(), by };
    window.state_mut().wish(Command::Search(Some(query(SearchBy::Meaning))));
    window.run_steps(3);
    wait(&mut window, "the place", |window| session(window).query_place().is_some());
    let found = session(&window).query_place().unwrap();
    assert_eq!(subject_at(&window, found.place.unwrap()), "astronomy");
    window.state_mut().wish(Command::Search(Some(query(SearchBy::Words))));
    window.run_steps(3);
    assert!(session(&window).query_place().is_none());
}

/// Puts the pointer on a document's point until its card shows.
fn hover(window: &mut Window, document: u32) {
    let at = window.state().shown_at(document).expect("the map shows it");
    window.event(Event::PointerMoved(at));
    window.run_steps(4);
}

#[test]
fn the_card_under_the_pointer_says_how_many_neighbours_the_map_keeps() {
    let home = tempfile::tempdir().unwrap();
    let mut window = windows::workspace(home.path());
    assert!(window.query_by_label_contains("The map keeps").is_none());
    hover(&mut window, 5);
    let quality = session(&window).quality().unwrap().clone();
    wait_for(&mut window, "The map keeps ");
    let said = window.get_by_label_contains("The map keeps ").accesskit_node().value().unwrap();
    assert!(said.ends_with(&format!("of its {} nearest near it.", quality.k)), "{said}");
}

#[test]
fn torn_and_crowded_places_are_shown_and_told_of_each_document() {
    let home = tempfile::tempdir().unwrap();
    let mut window = windows::workspace(home.path());
    assert!(session(&window).honesty().is_none(), "nobody asked");
    for (by, all, one) in [
        (ColourBy::Torn, "of documents are torn (25.0% or more).", "its true neighbours lie"),
        (ColourBy::Crowded, "of documents are crowded (60.0% or more).", "those around it are"),
    ] {
        window.state_mut().wish(Command::SetColour(by));
        window.run_steps(3);
        wait_for(&mut window, all);
        hover(&mut window, 7);
        wait_for(&mut window, one);
    }
    let map = session(&window).honesty().unwrap().clone();
    assert_eq!((map.honesty.torn.len(), map.honesty.crowded.len()), (ALL, ALL));
    // Another map has other figures.
    let mut params = session(&window).params().clone();
    params.map.umap.seed += 1;
    window.state_mut().wish(Command::SetParams(Box::new(params)));
    window.run_steps(3);
    rest(&mut window);
    wait(&mut window, "other figures", |window| {
        session(window).honesty().is_some_and(|new| !std::sync::Arc::ptr_eq(new, &map))
    });
}

#[test]
fn clusters_say_how_they_survive_and_who_is_shaky() {
    let home = tempfile::tempdir().unwrap();
    let mut window = windows::workspace(home.path());
    click(&mut window, "How stable are they?");
    wait_for(&mut window, "are stable: in 9 other runs ");
    wait_for(&mut window, "% · ");
    let answer = session(&window).stability().unwrap().clone();
    assert_eq!(answer.survived.stability.stays.len(), ALL);
    click(&mut window, "Colour by it");
    assert_eq!(session(&window).colouring().unwrap().by, ColourBy::Shaky);
    wait_for(&mut window, "In how many of 9 other runs");
    hover(&mut window, 3);
    wait_for(&mut window, "of 9 other runs.");
    if answer.shaky.is_empty() {
        wait_for(&mut window, "No document is shaky.");
    } else {
        click(&mut window, "shaky document");
        assert_eq!(**session(&window).selection().unwrap(), answer.shaky);
    }
    // Of other clusters these figures say nothing.
    window.state_mut().wish(Command::MergeClusters(vec![0, 1]));
    window.run_steps(3);
    rest(&mut window);
    assert!(session(&window).stability().is_none());
    wait_for(&mut window, "How stable are they?");
}
