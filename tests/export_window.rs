//! Exports and charts as a person meets them in the window.
//!
//! With `EXPORT_PICTURES=folder` the window is drawn there, to be looked at.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use semascope::io::cache::Cache;
use semascope::io::documents_file::DocumentsFormat;
use semascope::io::npy;
use semascope::io::settings::{Settings, Theme};
use semascope::session::{Command, DocumentsExport, Session, Step, StepState};
use semascope::ui::export_sheet::Export;
use semascope::ui::log::LogBuffer;
use semascope::ui::map_picture::{Ground, PictureExport, PictureFormat};
use semascope::ui::{SemascopeApp, wake};

/// No test waits longer for a worker.
const PATIENCE: Duration = Duration::from_secs(120);
/// Documents of the corpus.
const DOCUMENTS: usize = 40;

type Window = Harness<'static, SemascopeApp>;

fn window(folder: &Path, theme: Theme) -> Window {
    let cache = Cache::open(Some(folder.join("cache"))).unwrap();
    let builder = Harness::builder().with_size([1440.0, 960.0]).with_max_steps(64);
    let builder = builder.with_theme(match theme {
        Theme::Light => egui::Theme::Light,
        _ => egui::Theme::Dark,
    });
    let builder = if pictures().is_some() { builder.wgpu() } else { builder };
    builder.build_eframe(move |cc| {
        let mut settings = Settings::default();
        settings.theme = theme;
        let session = Session::new(settings, cache, wake(&cc.egui_ctx));
        SemascopeApp::new(cc, session, LogBuffer::default()).unwrap()
    })
}

/// Draws frames until `done`.
fn wait(window: &mut Window, what: &str, done: impl Fn(&Window) -> bool) {
    let start = Instant::now();
    while !done(window) {
        assert!(start.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
        window.step();
    }
    window.run_steps(3);
}

fn wait_for(window: &mut Window, name: &str) {
    wait(window, name, |window| window.query_all_by_label_contains(name).next().is_some());
}

fn session(window: &Window) -> &Session {
    window.state().session()
}

fn click(window: &mut Window, name: &str) {
    window.get_by_label(name).click();
    window.run_steps(3);
}

fn pictures() -> Option<PathBuf> {
    let folder = std::env::var_os("EXPORT_PICTURES").map(PathBuf::from)?;
    fs::create_dir_all(&folder).unwrap();
    Some(folder)
}

/// Draws the window into a picture, where pictures are wanted.
fn look(window: &mut Window, name: &str) {
    if let Some(folder) = pictures() {
        window.run_steps(4);
        window.render().unwrap().save(folder.join(format!("{name}.png"))).unwrap();
    }
}

/// Stories of two groups with a category, a list, a number and a day, and vectors beside them.
fn corpus(folder: &Path) -> Vec<PathBuf> {
    let mut csv = String::from("text,kind,topics,price,day\n");
    let mut vectors = Vec::new();
    for i in 0..DOCUMENTS {
        let water = i % 4 == 0;
        let (topic, kind) =
            if water { ("the boat on the river", "water") } else { ("the train on the bridge", "land") };
        let topics = if i % 2 == 0 { "\"[\"\"work\"\", \"\"trade\"\"]\"" } else { "\"[\"\"work\"\"]\"" };
        let (price, month) = (f64::from(i as u32) * 1.5 + 3.25, 1 + i % 12);
        csv.push_str(&format!(
            "Story {i} of {topic} and what it carried,{kind},{topics},{price},{}-{month:02}-0{}\n",
            2021 + i / 24,
            1 + i % 9
        ));
        let turn = 0.3 * i as f32;
        let (x, y) = (0.2 * turn.cos(), 0.2 * turn.sin());
        vectors.extend(if water { [0.1, 1.0, x, y] } else { [1.0, 0.1, x, y] });
    }
    let (table, npy) = (folder.join("stories.csv"), folder.join("stories.npy"));
    fs::write(&table, csv).unwrap();
    npy::write_f32(&npy, DOCUMENTS, 4, &vectors).unwrap();
    vec![table, npy]
}

/// A window in which the corpus is mapped and clustered.
fn workspace_in(folder: &Path, theme: Theme) -> Window {
    let mut window = window(folder, theme);
    window.state_mut().open(corpus(folder));
    wait(&mut window, "reading", |window| {
        session(window).import_sheet().is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    window.state_mut().wish(Command::ConfirmImport);
    wait(&mut window, "the whole flow", |window| {
        let done = |step| session(window).step(step).state == StepState::Done;
        done(Step::Names) && done(Step::Quality) && !session(window).is_busy()
    });
    wait_for(&mut window, "Colour of ");
    window
}

fn workspace(folder: &Path) -> Window {
    workspace_in(folder, Theme::Dark)
}

/// Waits until a file is written and returns it.
fn written(window: &mut Window, path: &Path) -> Vec<u8> {
    wait(window, "the file", |window| path.exists() && !session(window).is_busy());
    fs::read(path).unwrap()
}

fn open_sheet(window: &mut Window) {
    window.key_press_modifiers(egui::Modifiers::COMMAND | egui::Modifiers::SHIFT, egui::Key::E);
    window.run_steps(3);
    wait_for(window, "Map as a picture");
}

fn picture(format: PictureFormat, width: u32, height: u32) -> PictureExport {
    PictureExport { format, width, height, legend: true, names: true, ground: Ground::Light }
}

fn png(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, info.height, pixels)
}

#[test]
fn the_sheet_says_what_is_written_and_how_large_it_gets() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    open_sheet(&mut window);
    for name in ["PNG", "SVG", "Legend", "Names", "Light", "Dark", "Transparent", "Save…"] {
        window.get_by_label(name);
    }
    wait_for(&mut window, "About ");
    look(&mut window, "sheet-picture-dark");
    click(&mut window, "Documents");
    window.get_by_label(&format!("All, {DOCUMENTS} documents"));
    // Nothing is selected: there is no selection to write.
    let selection = window.get_by_label("The selection (nothing is selected)");
    assert!(selection.accesskit_node().is_disabled());
    click(&mut window, "Parquet");
    wait_for(&mut window, "DuckDB");
    window.check_accessibility();
    look(&mut window, "sheet-documents-dark");
    click(&mut window, "Cancel");
    assert!(window.query_by_label("Save…").is_none());
    window.state_mut().wish(Command::Select(vec![2, 1, 30]));
    open_sheet(&mut window);
    // What was chosen stays, and the selection is what a person most likely wants.
    let chosen = window.get_by_label("The selection, 3 documents");
    assert_eq!(chosen.accesskit_node().toggled(), Some(egui::accesskit::Toggled::True));
    wait_for(&mut window, "DuckDB");
    window.key_press(egui::Key::Escape);
    window.run_steps(3);
    assert!(window.query_by_label("Save…").is_none());
}

#[test]
fn documents_are_written_in_every_format_and_the_sheet_goes_away() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let selection = std::sync::Arc::new(vec![1u32, 4, 9]);
    for format in DocumentsFormat::ALL {
        let path = home.path().join(format!("chosen.{}", format.extension()));
        open_sheet(&mut window);
        let export = DocumentsExport { format, documents: Some(selection.clone()), goal: None };
        window.state_mut().export(Export::Documents(export), path.clone());
        window.run_steps(3);
        assert!(window.query_by_label("Save…").is_none());
        let bytes = written(&mut window, &path);
        match format {
            DocumentsFormat::Parquet => {
                assert_eq!((&bytes[..4], &bytes[bytes.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]))
            }
            DocumentsFormat::Jsonl => {
                let text = String::from_utf8(bytes).unwrap();
                let lines: Vec<serde_json::Value> =
                    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
                assert_eq!(lines.len(), 3);
                assert_eq!(lines[1]["price"], 4.0 * 1.5 + 3.25);
                assert_eq!(lines[1]["topics"], serde_json::json!(["work", "trade"]));
                assert_eq!(lines[1]["day"], "2021-05-05");
                assert!(
                    lines[1]["semascope_x"].is_number() && lines[1]["semascope_cluster_title"].is_string()
                );
            }
            DocumentsFormat::Csv => {
                let mut reader = csv::Reader::from_reader(&*bytes);
                let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
                let texts: Vec<&str> = records.iter().map(|record| &record[0]).collect();
                assert_eq!(texts.len(), 3);
                assert!(texts[2].starts_with("Story 9 of the train"), "{texts:?}");
            }
        }
        wait_for(&mut window, &format!("3 documents were written as {}.", format.name()));
    }
}

#[test]
fn the_map_is_drawn_into_a_picture_of_the_size_that_was_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let path = home.path().join("map.png");
    window.state_mut().export(Export::Picture(picture(PictureFormat::Png, 1200, 900)), path.clone());
    let (width, height, pixels) = png(&written(&mut window, &path));
    assert_eq!((width, height), (1200, 900));
    assert_eq!(pixels[..4], [0xfb, 0xfb, 0xfc, 255], "the ground is light although the window is dark");
    wait_for(&mut window, "1,200 × 900 pixels");
    let bare = PictureExport {
        legend: false,
        names: false,
        ground: Ground::Transparent,
        ..picture(PictureFormat::Png, 300, 500)
    };
    let path = home.path().join("bare.png");
    window.state_mut().export(Export::Picture(bare), path.clone());
    let (width, height, pixels) = png(&written(&mut window, &path));
    assert_eq!((width, height, pixels[3]), (300, 500, 0));
    assert!(pixels.as_chunks::<4>().0.iter().any(|pixel| pixel[3] > 150));
    if let Some(folder) = pictures() {
        fs::copy(home.path().join("map.png"), folder.join("map.png")).unwrap();
        fs::copy(path, folder.join("bare.png")).unwrap();
    }
}

#[test]
fn the_map_as_vectors_has_a_circle_a_document_and_the_clusters_names_as_text() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let path = home.path().join("map.svg");
    window.state_mut().export(Export::Picture(picture(PictureFormat::Svg, 1600, 1000)), path.clone());
    let text = String::from_utf8(written(&mut window, &path)).unwrap();
    let xml = roxmltree::Document::parse(&text).unwrap();
    let group = |id: &str| xml.descendants().find(|node| node.attribute("id") == Some(id)).unwrap();
    let circles = group("points").descendants().filter(|node| node.has_tag_name("circle"));
    assert!(circles.count() >= DOCUMENTS);
    let said: Vec<&str> = group("legend").descendants().filter_map(|node| node.text()).collect();
    let names = &session(&window).names().unwrap().clusters;
    for name in names {
        let beginning: String = name.title.chars().take(6).collect();
        assert!(said.iter().any(|text| text.starts_with(&beginning)), "{beginning} in {said:?}");
    }
    wait_for(&mut window, &format!("drawn with {DOCUMENTS} circles"));
    if let Some(folder) = pictures() {
        fs::copy(path, folder.join("map.svg")).unwrap();
    }
}

#[test]
fn a_file_that_cannot_be_written_says_so() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let path = home.path().join("nowhere").join("documents.jsonl");
    let export = DocumentsExport { format: DocumentsFormat::Jsonl, ..DocumentsExport::default() };
    window.state_mut().export(Export::Documents(export), path);
    wait_for(&mut window, "documents.jsonl could not be written");
}

/// Goes to the page of charts and waits until they are counted.
fn charts(window: &mut Window) {
    click(window, "Charts");
    wait_for(window, "kind land: ");
    wait_for(window, "of the row");
}

/// Chooses an entry of a chart's menu and returns what goes into the clipboard.
fn copied(window: &mut Window, chart: &str, entry: &str) -> egui::OutputCommand {
    let name = format!("Copy or save {chart}");
    window.get_by_label(&name).scroll_to_me();
    window.run_steps(20);
    click(window, &name);
    window.get_by_label_contains(entry).click();
    for _ in 0..8 {
        window.step();
        if let Some(command) = window.output().platform_output.commands.first() {
            return command.clone();
        }
    }
    panic!("{entry} of {chart} copies nothing")
}

#[test]
fn charts_count_all_documents_and_a_click_on_a_bar_selects_its_documents() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    charts(&mut window);
    window.get_by_label("kind land: 30 documents, 75.0%");
    window.get_by_label("day 2021-05: 2 documents, 5.0%");
    window.check_accessibility();
    look(&mut window, "charts-all-dark");
    window.get_by_label("kind water: 10 documents, 25.0%").click();
    window.run_steps(3);
    let water: Vec<u32> = (0..DOCUMENTS as u32).filter(|i| i % 4 == 0).collect();
    assert_eq!(**session(&window).selection().unwrap(), water);
    // Now the selection lies over the whole.
    wait_for(&mut window, "kind water: 10 selected, 100.0%; 10 documents in all, 25.0%");
    wait_for(&mut window, "topics trade: 10 selected, 100.0%; 20 documents in all, 50.0%");
    window.get_by_label("10 selected documents; all 40 in grey");
    look(&mut window, "charts-selection-dark");
}

#[test]
fn shift_keeps_of_the_selection_what_a_bar_holds() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    charts(&mut window);
    window.state_mut().wish(Command::Select((0..10).collect()));
    wait_for(&mut window, "kind water: 3 selected");
    window.get_by_label_contains("kind water: 3 selected").click_modifiers(egui::Modifiers::SHIFT);
    window.run_steps(3);
    assert_eq!(**session(&window).selection().unwrap(), [0, 4, 8]);
}

#[test]
fn the_cross_table_shows_shares_and_its_cells_select() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    charts(&mut window);
    let cell = window.query_all_by_label_contains("of the row").map(|node| node.rect()).next().unwrap();
    assert!(cell.height() > 10.0);
    window.get_by_label("Share of the row").scroll_to_me();
    window.run_steps(20);
    click(&mut window, "Share of the row");
    let name = ", water: 10 documents, 100.0% of the row";
    let cell = window.get_by_label_contains(name);
    cell.scroll_to_me();
    window.run_steps(20);
    window.get_by_label_contains(name).click();
    window.run_steps(3);
    assert_eq!(session(&window).selection().unwrap().len(), 10);
    window.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::Num2);
    window.run_steps(20);
    look(&mut window, "charts-table-dark");
}

#[test]
fn a_chart_is_copied_as_csv_and_as_a_picture() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    charts(&mut window);
    let egui::OutputCommand::CopyText(text) = copied(&mut window, "kind", "Copy as CSV") else { panic!() };
    assert_eq!(text, "kind,documents\r\nland,30\r\nwater,10\r\n");
    window.run_steps(3);
    let egui::OutputCommand::CopyText(text) = copied(&mut window, "Cross table", "Copy as CSV") else {
        panic!()
    };
    assert!(text.starts_with("Cluster / kind,land,water,all\r\n"), "{text}");
    window.run_steps(3);
    let egui::OutputCommand::CopyImage(image) = copied(&mut window, "day", "Copy as a picture") else {
        panic!()
    };
    assert_eq!(image.size[0], 1280);
    let accent = egui::Color32::from_rgb(0x25, 0x63, 0xeb);
    assert!(!image.pixels.contains(&accent), "nothing is selected");
    keep(&image, "copied-columns");
    window.run_steps(3);
    let egui::OutputCommand::CopyImage(table) = copied(&mut window, "Cross table", "Copy as a picture")
    else {
        panic!()
    };
    assert!(table.size[1] < image.size[1], "two rows are lower than columns");
    keep(&table, "copied-table");
}

/// Keeps a picture that was copied, where pictures are wanted.
fn keep(image: &egui::ColorImage, name: &str) {
    if let Some(folder) = pictures() {
        let bytes: Vec<u8> = image.pixels.iter().flat_map(|pixel| pixel.to_array()).collect();
        let file = fs::File::create(folder.join(format!("{name}.png"))).unwrap();
        let mut encoder = png::Encoder::new(file, image.size[0] as u32, image.size[1] as u32);
        encoder.set_color(png::ColorType::Rgba);
        encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
    }
}

#[test]
fn the_light_window_looks_alike() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace_in(home.path(), Theme::Light);
    window.state_mut().wish(Command::Select((0..12).collect()));
    window.run_steps(4);
    charts(&mut window);
    wait_for(&mut window, "kind water: 3 selected");
    look(&mut window, "charts-selection-light");
    open_sheet(&mut window);
    click(&mut window, "Map as a picture");
    look(&mut window, "sheet-picture-light");
}
